"""What is measured: each cell is one suite in one environment."""

from __future__ import annotations

from collections.abc import Iterator
import dataclasses
import functools
from pathlib import Path
from typing import Any
from typing import Final
from typing import final

from benchmarks import suites
from benchmarks.suites import asyncio_style
from benchmarks.suites import Loop
from benchmarks.suites import Shape
from benchmarks.suites import Style

LOOPS: Final[tuple[Loop, ...]] = ("fresh", "session")
OURS: Final = "pytest-asyncio"
BEFORE: Final = "pytest-asyncio 1.5.0"
PLAIN: Final = "no plugin"


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many tests the suites have."""

    usual: int = 2_000
    collected: int = 10_000
    growing: tuple[int, ...] = (1_000, 2_000, 5_000, 10_000, 20_000)
    growing_fixtures: tuple[int, ...] = (0, 1, 2, 4, 8, 16)
    with_growing_fixtures: int = 1_000


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A suite in an environment."""

    group: str
    what: str
    """The row of the table within the group: what the tests are like."""
    environment: str
    tests: int
    style: Style | None
    """None stands for the suite that does not know of asyncio."""
    twin: str = ""
    """The cell whose cost is taken off: the same tests, synchronous."""
    shape: Shape = "functions"
    fixtures: int = 0
    collect_only: bool = False
    seldom: bool = False
    """Whether it is too slow to be measured in every round."""

    @property
    def name(self) -> str:
        """Tells the cell from all others."""
        return f"{self.group} / {self.what} / {self.environment}"

    def write(self, folder: Path) -> None:
        """Write the suite into an empty folder."""
        if self.style is None:
            suites.write_synchronous(folder, self.tests)
        else:
            suites.write(
                folder,
                self.style,
                tests=self.tests,
                shape=self.shape,
                fixtures=self.fixtures,
            )

    @property
    def arguments(self) -> list[str]:
        """What pytest is called with."""
        return ["--collect-only", "-qq"] if self.collect_only else ["-q"]


def all_cells(sizes: Sizes) -> list[Cell]:
    """Everything there is to measure."""
    return [
        *_plugins(sizes.usual),
        *_shapes(sizes.usual),
        *_waiting(sizes.usual),
        *_collection(sizes.collected),
        *_synchronous(sizes.collected),
        *_growth(sizes),
    ]


def _with_twin(twin: Cell, *cells: Cell) -> Iterator[Cell]:
    yield twin
    for cell in cells:
        yield dataclasses.replace(cell, twin=twin.name)


def _plugins(tests: int) -> Iterator[Cell]:
    """Every plugin, with 0, 2 and 8 async fixtures, and loops that are run by hand."""
    for fixtures in (0, 2, 8):
        group = f"{fixtures} fixtures" if fixtures else "tests"
        cell = functools.partial(Cell, group=group, tests=tests, fixtures=fixtures)
        cells = [
            cell(
                what=f"{loop} loop{mode}",
                environment=environment,
                style=asyncio_style(loop, strict=bool(mode)),
            )
            for loop in ("fresh", "module", "session")
            for mode in ("", ", strict")
            for environment in (OURS, BEFORE)
        ]
        cells += [
            cell(what=what, environment=environment, style=style)
            for what, environment, style in (
                ("fresh loop", "AnyIO", suites.anyio_style("fresh")),
                ("session loop", "AnyIO", suites.anyio_style("session")),
                ("fresh loop", "pytest-trio", suites.TRIO),
                ("session loop", "alt-pytest-asyncio", suites.ALT),
            )
        ]
        if not fixtures:
            cells += [
                cell(
                    what="asyncio.run()", environment=PLAIN, style=suites.BY_HAND_FRESH
                ),
                cell(
                    what="run_until_complete()",
                    environment=PLAIN,
                    style=suites.BY_HAND_KEPT,
                ),
            ]
        yield from _with_twin(
            cell(what="sync", environment=PLAIN, style=suites.SYNC), *cells
        )
    cell = functools.partial(Cell, group="unittest", environment=PLAIN, tests=tests)
    yield from _with_twin(
        cell(what="TestCase", style=suites.UNITTEST_SYNC),
        cell(what="IsolatedAsyncioTestCase", style=suites.UNITTEST),
    )


def _on_both_loops(**options: Any) -> Iterator[Cell]:
    """Async tests and their synchronous twin."""
    cell = functools.partial(Cell, **options)
    yield from _with_twin(
        cell(what="sync", environment=PLAIN, style=suites.SYNC),
        *(
            cell(
                what=f"{loop} loop", environment=environment, style=asyncio_style(loop)
            )
            for loop in LOOPS
            for environment in (OURS, BEFORE)
        ),
    )


def _shapes(tests: int) -> Iterator[Cell]:
    """Methods, and functions with parameters."""
    yield from _on_both_loops(group="classes", shape="classes", tests=tests)
    yield from _on_both_loops(group="parametrised", shape="parametrised", tests=tests)


def _waiting(tests: int) -> Iterator[Cell]:
    """Tests that wait for a thread again and again: their loop blocks each time."""
    cell = functools.partial(Cell, group="waiting for a thread", tests=tests)
    yield from _with_twin(
        cell(what="sync", environment=PLAIN, style=suites.SYNC),
        *(
            cell(
                what=f"{loop} loop",
                environment=environment,
                style=suites.waiting_style(loop),
            )
            for loop in LOOPS
            for environment in (OURS, BEFORE)
        ),
        cell(
            what="run_until_complete()",
            environment=PLAIN,
            style=suites.BY_HAND_WAITING,
        ),
    )


def _collection(tests: int) -> Iterator[Cell]:
    """Collection alone."""
    cell = functools.partial(Cell, group="collection", tests=tests, collect_only=True)
    yield from _with_twin(
        cell(what="sync", environment=PLAIN, style=suites.SYNC),
        *(
            cell(
                what=mode,
                environment=environment,
                style=asyncio_style("fresh", strict=mode == "strict"),
            )
            for mode in ("auto", "strict")
            for environment in (OURS, BEFORE)
        ),
    )


def _synchronous(tests: int) -> Iterator[Cell]:
    """Suites that have nothing to do with asyncio; one test is what starting pytest takes."""
    for what, number in (("collection", tests), ("run", tests), ("start", 1)):
        cell = functools.partial(
            Cell,
            group="sync suite",
            what=what,
            tests=number,
            style=None,
            collect_only=what == "collection",
        )
        environments = (PLAIN, OURS, BEFORE)
        yield from _with_twin(*(cell(environment=each) for each in environments))


def _growth(sizes: Sizes) -> Iterator[Cell]:
    """The same with more tests, and with more fixtures."""
    for tests in sizes.growing:
        yield from _on_both_loops(
            group=f"more tests: {tests:,}", tests=tests, seldom=tests > 2_000
        )
    tests = sizes.with_growing_fixtures
    for fixtures in sizes.growing_fixtures:
        yield from _on_both_loops(
            group=f"more fixtures: {fixtures}", tests=tests, fixtures=fixtures
        )
