"""What was measured with one Python, as it is kept in a file and as figures."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
import platform
import statistics
from typing import Any
from typing import final

from benchmarks.cells import Cell
from benchmarks.environments import Environment
from benchmarks.environments import REQUIREMENTS
from benchmarks.measure import Measurement


@final
@dataclasses.dataclass(slots=True, kw_only=True)
class Row:
    """All that was measured of one cell."""

    group: str
    what: str
    environment: str
    tests: int
    fixtures: int
    twin: str
    cpu: list[float] = dataclasses.field(default_factory=list)
    """Seconds of processor time, or what else `Measurement.cpu` is, one for each round."""
    memory: list[float] = dataclasses.field(default_factory=list)
    """MiB at the peak, one for each round."""
    asyncio: bool | None = None
    """Whether asyncio was imported, if that is known."""

    @property
    def seconds(self) -> float:
        """Processor time, the median."""
        return statistics.median(self.cpu)

    @property
    def spread(self) -> float:
        """Seconds between the quartiles of the processor time."""
        if len(self.cpu) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.cpu, n=4, method="inclusive")
        return high - low

    @property
    def peak(self) -> float:
        """Memory, the median."""
        return statistics.median(self.memory)


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """All that was measured with one Python."""

    python: str
    """The Python's version."""
    machine: str
    versions: dict[str, str]
    """The versions of pytest and the plugins."""
    instructions: bool = False
    """Whether instructions were counted instead of time."""
    rows: dict[str, Row] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(
        cls, cells: list[Cell], made: list[Environment], *, instructions: bool
    ) -> Results:
        """Results without any measurement yet."""
        packages = ["pytest", "trio", *(name.lower() for name in REQUIREMENTS)]
        versions: dict[str, set[str]] = {}
        for environment in made:
            for name in packages:
                if name in environment.versions:
                    versions.setdefault(name, set()).add(environment.versions[name])
        return cls(
            python=made[0].python_version,
            machine=_machine(),
            versions={
                name: " and ".join(sorted(found, reverse=True))
                for name, found in versions.items()
            },
            instructions=instructions,
            rows={
                cell.name: Row(
                    group=cell.group,
                    what=cell.what,
                    environment=cell.environment,
                    tests=cell.tests,
                    fixtures=cell.fixtures,
                    twin=cell.twin,
                )
                for cell in cells
            },
        )

    def add(self, cell: Cell, measured: Measurement) -> None:
        """Keep a measurement."""
        row = self.rows[cell.name]
        row.cpu.append(round(measured.cpu, 4))
        row.memory.append(round(measured.memory, 1))
        row.asyncio = measured.asyncio

    def get(self, group: str, what: str, environment: str) -> Row | None:
        """What was measured of a cell, if it was."""
        return self.rows.get(f"{group} / {what} / {environment}")

    def more(self, row: Row | None) -> float | None:
        """Seconds that the twin does not take in the same round, the median."""
        if row is None or row.twin not in self.rows:
            return None
        pairs = zip(row.cpu, self.rows[row.twin].cpu, strict=True)
        return statistics.median(own - twin for own, twin in pairs)

    def added(self, row: Row | None) -> float | None:
        """Microseconds, or thousands of instructions, that the twin of a test does not take."""
        more = self.more(row)
        return None if row is None or more is None else more / row.tests * 1e6

    def series(self, kind: str, what: str, environment: str) -> list[Row]:
        """The cells of the groups of a kind: with more and more tests, or fixtures."""
        rows = [
            row
            for row in self.rows.values()
            if row.group.startswith(f"{kind}: ")
            and (row.what, row.environment) == (what, environment)
        ]
        return sorted(rows, key=lambda row: (row.tests, row.fixtures))

    def save(self, folder: Path) -> None:
        """Write the results into a folder, in place of older ones with this Python.

        Groups that this run has not measured are kept as they were, if they were measured in
        the same way: a row and its twin belong to the same run.
        """
        folder.mkdir(parents=True, exist_ok=True)
        minor = ".".join(self.python.split(".")[:2])
        path = folder / f"cpython-{minor}.json"
        written = self
        before = load(path) if path.exists() else None
        if before is not None and before.instructions is self.instructions:
            groups = {row.group for row in self.rows.values()}
            kept = {
                name: row
                for name, row in before.rows.items()
                if row.group not in groups
            }
            written = dataclasses.replace(
                self,
                versions={**before.versions, **self.versions},
                rows={**kept, **self.rows},
            )
        text = json.dumps(dataclasses.asdict(written), indent=1)
        # One line for each list of numbers is what people and diffs can read.
        path.write_text(_compact(text) + "\n")


def load(path: Path) -> Results:
    """Read results that were saved."""
    read: dict[str, Any] = json.loads(path.read_text())
    rows = {name: Row(**row) for name, row in read.pop("rows").items()}
    return Results(**read, rows=rows)


def load_all(folder: Path) -> list[Results]:
    """Read the results of all Pythons, the oldest first."""
    found = [load(path) for path in folder.glob("cpython-*.json")]
    return sorted(found, key=lambda each: [int(n) for n in each.python.split(".")[:2]])


def _compact(text: str) -> str:
    lines: list[str] = []
    for line in text.splitlines():
        if lines and (lines[-1].endswith("[") or line.strip() == "]"):
            lines[-1] += line.strip()
        elif lines and "[" in lines[-1] and "]" not in lines[-1]:
            lines[-1] += " " + line.strip()
        else:
            lines.append(line)
    return "\n".join(lines)


def _machine() -> str:
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()}"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
