"""Runs thousands of tests of all kinds in one process, and looks at what does not go away.

::

    python tests/soak/soak.py                 # 20,000 tests, in blocks of a thousand
    python tests/soak/soak.py --tests 3000
    python tests/soak/soak.py --write         # write docs/soak.md, if all is well

The blocks are all alike, so what there is in the process after each of them (open files, threads,
tasks, loops, memory) has to be the same, from the first to the last. All warnings are errors, those
about unclosed resources first of all. The environment has to have this checkout installed; uvloop
and hypothesis take part if they are there.

Exit status 0: every test came out as it has to, and nothing grew.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
import dataclasses
from importlib.metadata import version
import importlib.util
import json
import math
import os
from pathlib import Path
import platform
import re
import subprocess
import sys
import tempfile
from typing import Any
from typing import Final
from typing import final

from sampler import Sample
from suite import block
from suite import CONFTEST

CHECKOUT: Final = Path(__file__).parents[2]
PAGE: Final = CHECKOUT / "docs" / "soak.md"
SECONDS_PER_TEST: Final = 0.5
"""A run that takes longer than this hangs."""

FLAT: Final = ("files", "threads", "open_loops", "loops", "tasks", "ours")
"""What must not grow at all."""
GROWTH: Final = {"objects": 1.5, "blocks": 6.0, "resident": 2048.0}
"""What may grow, by how much with each test.

pytest keeps all tests to the end. One that has run has a dictionary of its attributes, and a
fixture of session scope knows of every fixture of a test that it is to be finished after.
"""
SLACK: Final = {"blocks": 2000, "resident": 8 * 2**20}
"""What may grow, by how much altogether: Python keeps names, and takes memory in arenas."""


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What came out of a run."""

    status: int
    output: str
    samples: Sequence[Sample]
    outcomes: Sequence[dict[str, int]]
    wrong: Sequence[str]


def has(module: str) -> bool:
    """Whether a module is installed."""
    return importlib.util.find_spec(module) is not None


def write(directory: Path, blocks: int) -> None:
    """Write the suite."""
    files = {
        "__init__.py": "",
        "conftest.py": CONFTEST,
        "pytest.ini": "[pytest]\nasyncio_mode = auto\n",
    }
    for number in range(blocks):
        files |= block(f"block{number:03}", with_hypothesis=has("hypothesis"))
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def pytest(
    directory: Path, *arguments: str, times: int, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run pytest on the suite."""
    environment = os.environ | {
        # The other plugins of the environment may well keep something of each test.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_ADDOPTS": "",
        "PYTHONPATH": str(Path(__file__).parent),
        "SOAK_OUTPUT": str(directory / "output.json"),
        "SOAK_TIMES": str(times),
    }
    options = ("-p", "pytest_asyncio.plugin", "-p", "no:cacheprovider", "-W", "error")
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            f"--rootdir={directory}",
            *options,
            *arguments,
        ],
        cwd=directory,
        env=environment,
        check=False,
        text=True,
        timeout=timeout,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def collected(directory: Path, times: int) -> int:
    """How many tests there are."""
    done = pytest(directory, "--collect-only", "-q", times=times, timeout=120)
    found = re.search(r"^(\d+) tests collected", done.stdout, re.MULTILINE)
    if found is None:
        raise SystemExit(done.stdout)
    return int(found.group(1))


def soak(directory: Path, tests: int, size: int) -> Results:
    """Run about so many tests, in blocks of about that size."""
    write(directory, 1)
    once = collected(directory, 1)
    repeated = collected(directory, 2) - once
    times = max(1, round((size - once) / repeated) + 1)
    number = once + (times - 1) * repeated
    write(directory, max(3, math.ceil(tests / number)))
    # The terminal reporter would keep a report of each test.
    arguments = ("-p", "sampler", "-p", "no:terminal")
    timeout = 60 + SECONDS_PER_TEST * tests
    done = pytest(directory, *arguments, times=times, timeout=timeout)
    try:
        text = (directory / "output.json").read_text(encoding="utf-8")
    except OSError:
        raise SystemExit(done.stdout) from None
    written: dict[str, Any] = json.loads(text)
    return Results(
        status=done.returncode,
        output=done.stdout,
        samples=[Sample(**each) for each in written["samples"]],
        outcomes=written["outcomes"],
        wrong=written["wrong"],
    )


def problems(results: Results) -> list[str]:
    """What is not as it has to be."""
    found = list(results.wrong)
    # Some tests fail, as they have to. What is found at the very end is raised.
    if results.status != 1 or results.output.strip():
        found.append(f"pytest ended with {results.status}:\n{results.output}")
    first, *others = results.outcomes
    found += [
        f"block {number} came out as {other}, and the first one as {first}"
        for number, other in enumerate(others, 2)
        if other != first
    ]
    begin, *samples = results.samples
    for sample in samples:
        since = sample.tests - begin.tests
        for name in (*FLAT, *GROWTH):
            before, now = getattr(begin, name), getattr(sample, name)
            if now > before + GROWTH.get(name, 0) * since + SLACK.get(name, 0):
                found.append(
                    f"{name}: {before} after {begin.tests} tests, "
                    f"{now} after {sample.tests}"
                )
    end = samples[-1]
    if end.open_loops or end.loops or end.tasks:
        found.append(f"loops or tasks are left at the end: {end}")
    return found


# -- what is shown ---------------------------------------------------------------------------

COLUMNS: Final = {
    "tests": "tests",
    "seconds": "seconds",
    "files": "open files",
    "threads": "threads",
    "open_loops": "open loops",
    "loops": "loops kept",
    "tasks": "tasks kept",
    "ours": "objects of pytest-asyncio",
    "objects": "all objects",
    "blocks": "blocks of memory",
    "resident": "resident MiB",
}


def cell(sample: Sample, name: str) -> str:
    """A figure as it is shown."""
    value = getattr(sample, name)
    if name == "resident":
        value = round(value / 2**20, 1)
    return f"{value:,}"


def table(results: Results) -> list[str]:
    """The figures, as Markdown."""
    return [
        f"| {' | '.join(COLUMNS.values())} |",
        f"|{'--:|' * len(COLUMNS)}",
        *(
            f"| {' | '.join(cell(sample, name) for name in COLUMNS)} |"
            for sample in results.samples
        ),
    ]


def total(results: Results) -> Counter[str]:
    """How many tests came out how."""
    counter: Counter[str] = Counter()
    for outcomes in results.outcomes:
        for what, number in outcomes.items():
            when, outcome = what.split()
            counter[outcome if when == "call" or outcome != "failed" else "error"] += (
                number
            )
    return counter


def page(results: Results) -> str:
    """The page of the documentation, as Markdown."""
    what = {
        "CPython": platform.python_version(),
        **{
            name: version(name)
            for name in ("pytest", "uvloop", "hypothesis")
            if has(name)
        },
    }
    counter = total(results)
    lines = [
        "<!-- Written by tests/soak/soak.py -->",
        "",
        "# Soak test",
        "",
        f"{results.samples[-1].tests:,} tests of all kinds have been run in one process, in blocks "
        "that are all alike: synchronous and async tests, fixtures of every scope, classes, "
        "parameters, loop factories, overridden `event_loop` and `event_loop_policy`, tests that "
        "fail, are skipped, leave tasks behind or close their loop, threads, sockets, "
        "subprocesses. All warnings were errors, so nothing was left unclosed. This is what there "
        "was in the process after each block. After the last one, what belongs to the session is "
        "gone as well.",
        "",
        f"{counter['passed']:,} tests passed, {counter['skipped']:,} were skipped or failed as "
        f"expected, {counter['failed']:,} failed and {counter['error']:,} had an error in set-up "
        "or tear-down: each as it has to.",
        "",
        *table(results),
        "",
        "pytest itself keeps every test to the end, and a little more of those that have run: "
        "that is the growth in the number of all objects, blocks and the resident memory.",
        "",
        "It ran with "
        + ", ".join(f"{name} {number}" for name, number in what.items())
        + ".",
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description="Run many tests in one process.")
    parser.add_argument("--tests", type=int, default=20_000, help="default: 20000")
    parser.add_argument("--block", type=int, default=1000, help="default: 1000")
    parser.add_argument(
        "--write", action="store_true", help=f"write {PAGE.relative_to(CHECKOUT)}"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        # As the suite is a package, its directory needs a name that is one of a package.
        results = soak(Path(directory) / "soak", options.tests, options.block)
    print("\n".join(table(results)))
    print(", ".join(f"{number} {what}" for what, number in total(results).items()))
    found = problems(results)
    for each in found[:20]:
        print(f"WRONG: {each}")
    if options.write and not found:
        PAGE.write_text(page(results), encoding="utf-8")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
