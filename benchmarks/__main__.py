"""Measure what async tests cost, and write tables and plots for the documentation.

.. code-block:: sh

   python -m benchmarks                                 # everything, with this Python
   python -m benchmarks --python python3.11 python3.13  # with these
   python -m benchmarks --quick                         # a first impression
   python -m benchmarks --only '2 fixtures*' collection  # some of the suites
   python -m benchmarks --quick --instructions          # where the time scatters too much

It makes virtual environments with pytest and one plugin each, from PyPI and from this checkout,
writes suites of generated tests, and runs them one after the other in rounds. What counts is the
processor time of whole processes: how much more it is, in the same round, than that of the same
tests written as plain functions and run without any plugin, and of that the median over the
rounds. The two are run within a minute of each other, so that a machine that is faster now and
slower later is as fast for both.

With ``--instructions``, valgrind counts the instructions of each process instead. It takes thirty
times as long, but the number is the same whatever else the machine does, so one round is enough.
It leaves out what the system does for the process, and that some instructions take longer. The
memory is valgrind's then.

Nothing here fails because something is slow: the targets are printed with a mark. It needs Linux
or macOS. A full run takes about a quarter of an hour for each Python, on an idle machine.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from collections.abc import Sequence
import fnmatch
from pathlib import Path
import random
import signal
import subprocess
import sys
import tempfile
import time

from benchmarks import environments
from benchmarks import report
from benchmarks.cells import all_cells
from benchmarks.cells import Cell
from benchmarks.cells import Sizes
from benchmarks.environments import CHECKOUT
from benchmarks.environments import Environment
from benchmarks.measure import measure
from benchmarks.results import Results

QUICK = Sizes(
    usual=500,
    collected=2_000,
    growing=(250, 500, 1_000),
    growing_fixtures=(0, 2, 4),
    with_growing_fixtures=250,
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    options = _parse(arguments)
    # In the background of a shell it is ignored, and asyncio.run() spares its handler for it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    cells = _chosen(all_cells(QUICK if options.quick else Sizes()), options.only)
    names = {cell.environment for cell in cells}
    made: dict[str, dict[str, Environment]] = {
        python: {
            name: environments.make(python, name, options.cache, options.pytest)
            for name in names
        }
        for python in options.python
    }
    results = {
        python: Results.of(
            cells, list(made[python].values()), instructions=options.instructions
        )
        for python in options.python
    }
    rounds = options.rounds or (
        1 if options.instructions else 3 if options.quick else 9
    )
    with tempfile.TemporaryDirectory(prefix="suites-") as folder:
        folders = _write(cells, Path(folder))

        def run(cell: Cell, python: str) -> None:
            measured = measure(
                cell,
                made[python][cell.environment],
                folders[cell.name],
                instructions=options.instructions and number > 0,
            )
            if number:
                results[python].add(cell, measured)

        # The first round warms up: pytest compiles the suites then.
        for number in range(rounds + 1):
            every_third = number == 0 or number % 3 == 1
            in_round = [cell for cell in cells if not cell.seldom or every_third]
            _run_round(in_round, options.python, run, f"{number}/{rounds}")
    for each in results.values():
        if options.output is not None:
            each.save(options.output)
        report.print_all(each)
    if options.output is not None:
        report.write_all(options.output)
    if options.output is not None and not options.instructions:
        plots = environments.make_for_plots(options.cache)
        subprocess.check_call(
            [plots, "-m", "benchmarks.plots", options.output.resolve()], cwd=CHECKOUT
        )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measure what async tests cost.",
        epilog="See the docstring of benchmarks/__main__.py.",
    )
    parser.add_argument(
        "--python",
        nargs="+",
        default=[sys.executable],
        help="interpreters to measure with (default: this one)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="small suites and few rounds"
    )
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="PATTERN",
        help="names, or patterns of names, of what to measure, and its twins",
    )
    parser.add_argument(
        "--instructions",
        action="store_true",
        help="count instructions by valgrind, which has to be installed, instead of the time",
    )
    parser.add_argument("--rounds", type=int, help="how often each suite is run")
    parser.add_argument(
        "--output",
        type=Path,
        help="folder for figures, tables and, of the time, plots; those of other Pythons, and "
        "of what is not measured, are kept (default: docs/benchmark for a full run, none for a "
        "partial one)",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(tempfile.gettempdir()) / "pytest-asyncio-benchmarks",
        help="folder for the virtual environments (default: %(default)s)",
    )
    parser.add_argument(
        "--pytest",
        default="pytest",
        metavar="REQUIREMENT",
        help="pytest's version, pytest==9.0.2 say (default: the newest)",
    )
    options = parser.parse_args(arguments)
    if sys.platform == "win32":
        parser.error("the system does not say what a process has used")
    partial = options.quick or options.only or options.instructions
    if options.output is None and not partial:
        options.output = CHECKOUT / "docs" / "benchmark"
    return options


def _chosen(cells: list[Cell], patterns: list[str] | None) -> list[Cell]:
    """The cells that match, with their twins."""
    if patterns is None:
        return cells
    names = {
        name
        for cell in cells
        for name in (cell.name, cell.twin)
        if any(fnmatch.fnmatch(cell.name, f"*{pattern}*") for pattern in patterns)
    }
    return [cell for cell in cells if cell.name in names]


def _write(cells: list[Cell], root: Path) -> dict[str, Path]:
    """Write the suites, each into a folder of its own."""
    folders: dict[str, Path] = {}
    for number, cell in enumerate(cells):
        folder = folders[cell.name] = root / str(number)
        folder.mkdir()
        cell.write(folder)
    return folders


def _run_round(
    cells: list[Cell],
    pythons: list[str],
    run: Callable[[Cell, str], None],
    title: str,
) -> None:
    """Run everything once, in an order that is another one in each round.

    What is compared with the same twin is run in a row, and so is the twin.
    """
    pairs = [(cell, python) for cell in cells for python in pythons]
    random.Random(title).shuffle(pairs)
    places: dict[tuple[str, str], int] = {}

    def place(pair: tuple[Cell, str]) -> int:
        cell, python = pair
        return places.setdefault((cell.twin or cell.name, python), len(places))

    pairs.sort(key=place)
    start = time.monotonic()
    for number, (cell, python) in enumerate(pairs, 1):
        print(
            f"\r\033[Kround {title}: {number}/{len(pairs)}: {cell.name}",
            end="",
            file=sys.stderr,
            flush=True,
        )
        run(cell, python)
    seconds = time.monotonic() - start
    print(f"\r\033[Kround {title}: {seconds:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
