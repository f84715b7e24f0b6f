"""Runs pytest in a process of its own and asks the system, or valgrind, what that has used."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
import re
import subprocess
import sys
import tempfile
from typing import Final
from typing import final

from benchmarks.cells import Cell
from benchmarks.environments import Environment


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one process has used."""

    cpu: float
    """Seconds of processor time, in the process and in the system for it; or else thousands of
    millions of instructions, in the process alone."""
    memory: float
    """MiB of memory at the peak."""
    asyncio: bool | None
    """Whether asyncio was imported at the end, if the suite says it."""


COUNTING: Final = (
    *("valgrind", "--tool=cachegrind", "--cache-sim=no"),
    "--cachegrind-out-file=/dev/null",
)


def measure(
    cell: Cell, environment: Environment, folder: Path, *, instructions: bool
) -> Measurement:
    """Run a suite, in the folder it was written to, and make sure that it passes.

    :param instructions: Count the instructions instead of taking the time.
    """
    command = [
        *(COUNTING if instructions else ()),
        str(environment.python),
        *("-m", "pytest", "-p", "no:cacheprovider"),
        *cell.arguments,
    ]
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "PYTEST", "COVERAGE"))
    }
    variables["PYTHONHASHSEED"] = "0"
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode or _counted(text, cell) != cell.tests:
        end = "\n".join(text.splitlines()[-20:])
        raise SystemExit(f"{end}\n{cell.name}: not the {cell.tests} tests it should be")
    imported = re.search(r"^asyncio imported: (\w+)$", text, re.MULTILINE)
    cpu = usage.ru_utime + usage.ru_stime
    if instructions:
        counted = re.search(r"^==\d+== I +refs: +([\d,]+)$", text, re.MULTILINE)
        assert counted is not None
        cpu = int(counted[1].replace(",", "")) / 1e9
    return Measurement(
        cpu=cpu,
        # Linux counts kilobytes, macOS bytes.
        memory=usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10),
        asyncio=None if imported is None else imported[1] == "True",
    )


def _counted(text: str, cell: Cell) -> int:
    if cell.collect_only:
        return sum(map(int, re.findall(r"^test_\d+\.py: (\d+)$", text, re.MULTILINE)))
    passed = re.search(r"^(\d+) passed(, \d+ warnings?)? in ", text, re.MULTILINE)
    return 0 if passed is None else int(passed[1])
