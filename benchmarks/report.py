"""Tables of what was measured, and how it compares with what is aimed at."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
import csv
import dataclasses
from pathlib import Path
from typing import Final
from typing import final

from benchmarks.cells import BEFORE
from benchmarks.cells import OURS
from benchmarks.cells import PLAIN
from benchmarks.results import load_all
from benchmarks.results import Results
from benchmarks.results import Row

GROWTH: Final = 1.25
"""The most that a test may cost in the largest suite, as a multiple of a smaller one's."""
KEPT: Final = 2.0
"""KiB of memory that an async test may keep until the end of the run, beyond a sync one's."""


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Something to reach."""

    title: str
    limit: str
    value: str
    reached: bool


def targets(results: Results) -> list[Target]:
    """The targets, as far as what they need was measured."""
    return [
        target
        for target in (*_ratios(results), *_unused(results), *_growth(results))
        if target is not None
    ]


def _ratio(
    results: Results, title: str, limit: float, row: Row | None, to: Row | None
) -> Target | None:
    value, reference = results.added(row), results.added(to)
    if value is None or reference is None:
        return None
    return Target(
        title=title,
        limit=f"{limit:.2f}",
        value=f"{value / reference:.2f}",
        reached=value <= limit * reference,
    )


def _ratios(results: Results) -> Iterator[Target | None]:
    get = results.get
    for what, by_hand, limit in (
        ("fresh loop", "asyncio.run()", 1.0),
        ("module loop", "run_until_complete()", 2.0),
        ("session loop", "run_until_complete()", 2.0),
    ):
        yield _ratio(
            results,
            f"{what}, to {by_hand} by hand",
            limit,
            get("tests", what, OURS),
            get("tests", by_hand, PLAIN),
        )
    for what in ("fresh loop", "session loop"):
        yield _ratio(
            results,
            f"{what}, two async fixtures, to 1.5.0",
            0.5,
            get("2 fixtures", what, OURS),
            get("2 fixtures", what, BEFORE),
        )
    for mode in ("auto", "strict"):
        yield _ratio(
            results,
            f"collection of async tests, {mode}, to 1.5.0",
            0.25,
            get("collection", mode, OURS),
            get("collection", mode, BEFORE),
        )


def _unused(results: Results) -> Iterator[Target | None]:
    for what in ("collection", "run"):
        row = results.get("sync suite", what, OURS)
        plain = results.get("sync suite", what, PLAIN)
        more = results.more(row)
        if row is None or plain is None or more is None or len(row.cpu) < 2:
            continue  # From a single run no noise is known.
        noise = max(row.spread, plain.spread)
        yield Target(
            title=f"sync suite, {what} of {row.tests:,} tests, to no plugin",
            limit="noise",
            value=f"{more / plain.seconds:+.1%} (noise {noise / plain.seconds:.1%})",
            reached=more <= noise,
        )
    row = results.get("sync suite", "start", OURS)
    plain = results.get("sync suite", "start", PLAIN)
    if row is not None and plain is not None:
        # From Python 3.14 on, pdb imports asyncio, and pytest imports pdb.
        imported = bool(row.asyncio) and not plain.asyncio
        yield Target(
            title="sync suite, import of asyncio beyond pytest's own",
            limit="none",
            value="imported" if imported else "none",
            reached=not imported,
        )


def _growth(results: Results) -> Iterator[Target | None]:
    for kind in ("more tests", "more fixtures"):
        for what in ("fresh loop", "session loop"):
            rows = results.series(kind, what, OURS)
            if len(rows) < 3:
                continue
            # Not the smallest suite: what happens once weighs too much there.
            few, many = rows[len(rows) // 2], rows[-1]
            low, high = results.added(few), results.added(many)
            if low is None or high is None:
                continue
            if kind == "more tests":
                title = f"each of {many.tests:,} tests, to each of {few.tests:,}"
            else:
                title = f"each of {many.fixtures} fixtures, to each of {few.fixtures}"
                low, high = low / few.fixtures, high / many.fixtures
            yield Target(
                title=f"{what}, {title}",
                limit=f"{GROWTH:.2f}",
                value=f"{high / low:.2f}",
                reached=high <= GROWTH * low,
            )
    if results.instructions:
        return  # The memory is valgrind's.
    plain = results.series("more tests", "sync", PLAIN)
    for what in ("fresh loop", "session loop"):
        rows = results.series("more tests", what, OURS)
        if len(rows) < 3:
            continue
        more = memory_of_a_test(rows) - memory_of_a_test(plain)
        yield Target(
            title=f"{what}, KiB that stay in memory of each test, to sync",
            limit=f"{KEPT:+.1f}",
            value=f"{more:+.1f}",
            reached=more <= KEPT,
        )


def memory_of_a_test(rows: Sequence[Row]) -> float:
    """KiB at the peak that each further test takes."""
    few, many = rows[0], rows[-1]
    return (many.peak - few.peak) * 1024 / (many.tests - few.tests)


# -- tables --------------------------------------------------------------------------------------


def table(results: Results) -> list[tuple[str, ...]]:
    """Everything that was measured with one Python."""
    head = (
        "suite",
        "tests",
        "run with",
        "10⁹ instructions" if results.instructions else "CPU s",
        "±",
        f"added {'10³ instructions' if results.instructions else 'µs'} per test",
        "to asyncio.run()",
        "to run_until_complete()",
        "peak MiB",
    )
    return [head, *(_line(results, row) for row in results.rows.values())]


def _line(results: Results, row: Row) -> tuple[str, ...]:
    added = results.added(row)
    by_hand = [
        results.added(results.get("tests", what, PLAIN))
        for what in ("asyncio.run()", "run_until_complete()")
    ]
    return (
        f"{row.group}, {row.what}",
        f"{row.tests:,}",
        row.environment,
        f"{row.seconds:.3f}",
        f"{row.spread:.3f}",
        "" if added is None else f"{added:.1f}",
        *(
            ""
            if added is None or reference is None or row.group == "sync suite"
            else f"{added / reference:.2f}"
            for reference in by_hand
        ),
        f"{row.peak:.1f}",
    )


def print_all(results: Results) -> None:
    """Print all tables of one Python."""
    versions = ", ".join(
        f"{name} {version}" for name, version in results.versions.items()
    )
    print(f"\nCPython {results.python}; {results.machine}; {versions}\n")
    _print_table(table(results), left=(0, 2))
    found = targets(results)
    if found:
        rows = [
            (
                "reached" if each.reached else "MISSED",
                each.title,
                each.value,
                each.limit,
            )
            for each in found
        ]
        print()
        _print_table([("", "target", "measured", "at most"), *rows], left=(0, 1))


def _print_table(rows: Sequence[Sequence[str]], left: Sequence[int]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if number in left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def write_all(folder: Path) -> None:
    """Write the tables of all Pythons that there are results of, as CSV files."""
    everything = load_all(folder)
    for results in everything:
        minor = ".".join(results.python.split(".")[:2])
        _write(folder / f"cpython-{minor}.csv", table(results))
    by_python = [
        {each.title: each for each in targets(results)} for results in everything
    ]
    titles = {title: None for found in by_python for title in found}
    head = ["target", "at most", *(f"CPython {each.python}" for each in everything)]
    rows = [
        [
            title,
            next(found[title].limit for found in by_python if title in found),
            *(
                f"{found[title].value} {'✓' if found[title].reached else '✗'}"
                if title in found
                else ""
                for found in by_python
            ),
        ]
        for title in titles
    ]
    _write(folder / "targets.csv", [head, *rows])
    head = ["", *(f"CPython {each.python}" for each in everything)]
    names = {name: None for each in everything for name in each.versions}
    rows = [
        ["machine", *(each.machine for each in everything)],
        *(
            [name, *(each.versions.get(name, "") for each in everything)]
            for name in names
        ),
    ]
    _write(folder / "versions.csv", [head, *rows])


def _write(path: Path, rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
