"""Plots of what was measured, as SVG; run with an interpreter that has matplotlib.

``python -m benchmarks.plots FOLDER``
"""

from __future__ import annotations

from pathlib import Path
import sys
from typing import Final

import matplotlib as mpl
from matplotlib import pyplot

from benchmarks.cells import BEFORE
from benchmarks.cells import OURS
from benchmarks.cells import PLAIN
from benchmarks.results import load_all
from benchmarks.results import Results

FRESH: Final = ("AnyIO", "pytest-trio")
SHARED: Final = ("AnyIO", "alt-pytest-asyncio")

SECTIONS: Final[dict[str, list[tuple[str, str, str]]]] = {
    "A loop for each test": [
        ("tests", "asyncio.run()", PLAIN),
        *(("tests", "fresh loop", each) for each in (OURS, BEFORE, *FRESH)),
        ("unittest", "IsolatedAsyncioTestCase", PLAIN),
    ],
    "One loop for all tests": [
        ("tests", "run_until_complete()", PLAIN),
        *(("tests", "session loop", each) for each in (OURS, BEFORE, *SHARED)),
    ],
    "A loop for each test, two async fixtures": [
        ("2 fixtures", "fresh loop", each) for each in (OURS, BEFORE, *FRESH)
    ],
    "One loop for all tests, two async fixtures": [
        ("2 fixtures", "session loop", each) for each in (OURS, BEFORE, *SHARED)
    ],
    "Collection, auto mode": [("collection", "auto", each) for each in (OURS, BEFORE)],
}
"""The bars of the plot: group, kind of test and environment of each."""

COLOURS: Final = {OURS: "#2a6f97", PLAIN: "#8d99ae", BEFORE: "#e09f3e"}
OTHERS: Final = "#c9ada7"


def main(folder: Path) -> None:
    """Draw the plots, each for the newest Python that there are results for it of."""
    mpl.rcParams.update(
        {
            "svg.fonttype": "none",  # Text stays text: it can be searched and read aloud.
            "svg.hashsalt": "pytest-asyncio",  # The same results give the same file.
            "font.family": "sans-serif",
            "font.sans-serif": ["Helvetica", "Arial", "DejaVu Sans"],
            "axes.spines.top": False,
            "axes.spines.right": False,
            "savefig.facecolor": "white",
        }
    )
    everything = load_all(folder)
    draw_plugins(everything[-1], folder / "plugins.svg")
    grown = [each for each in everything if each.series("more tests", "sync", PLAIN)]
    if grown:
        draw_growth(grown[-1], folder / "growth.svg")


def draw_plugins(results: Results, path: Path) -> None:
    """Draw a bar for what each plugin adds to a synchronous test."""
    sections = {
        title: [
            (what if environment == PLAIN else environment, added, environment)
            for group, what, environment in cells
            if (added := results.added(results.get(group, what, environment)))
            is not None
        ]
        for title, cells in SECTIONS.items()
    }
    sections = {title: bars for title, bars in sections.items() if bars}
    figure, all_axes = pyplot.subplots(
        len(sections),
        1,
        sharex=True,
        squeeze=False,
        figsize=(8, sum(0.28 * len(bars) + 0.5 for bars in sections.values()) + 0.5),
        height_ratios=[len(bars) for bars in sections.values()],
        layout="constrained",
    )
    for axes, (title, bars) in zip(all_axes[:, 0], sections.items(), strict=True):
        drawn = axes.barh(
            range(len(bars)),
            [added for _, added, _ in bars],
            color=[COLOURS.get(environment, OTHERS) for _, _, environment in bars],
        )
        axes.bar_label(drawn, fmt="%.0f", padding=3, fontsize=9)
        axes.set_yticks(range(len(bars)), [label for label, _, _ in bars])
        axes.invert_yaxis()
        axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
        axes.tick_params(axis="y", length=0)
    all_axes[-1, 0].set_xlabel(
        "µs of processor time that a test takes, beyond the same test written as a plain "
        f"function\nCPython {results.python}"
    )
    _save(figure, path)


def draw_growth(results: Results, path: Path) -> None:
    """Draw a line for how the added time grows with tests, and with fixtures."""
    figure, (tests, fixtures) = pyplot.subplots(
        1, 2, figsize=(8, 3.5), layout="constrained"
    )
    for axes, kind in ((tests, "more tests"), (fixtures, "more fixtures")):
        for environment in (OURS, BEFORE):
            for what, dashes in (("fresh loop", "-"), ("session loop", "--")):
                rows = results.series(kind, what, environment)
                axes.plot(
                    [row.tests if axes is tests else row.fixtures for row in rows],
                    [
                        (results.added(row) or 0.0)
                        * (row.tests / 1e6 if axes is tests else 1)
                        for row in rows
                    ],
                    dashes,
                    marker="o",
                    markersize=3,
                    color=COLOURS[environment],
                    label=f"{environment}, {what}",
                )
        axes.set_ylim(bottom=0)
    tests.set_xlabel("tests")
    tests.set_ylabel("seconds added to the run")
    tests.legend(fontsize=8, frameon=False)
    fixtures.set_xlabel("async fixtures of each test")
    fixtures.set_ylabel("µs added to each test")
    figure.supxlabel(f"CPython {results.python}", fontsize=9)
    _save(figure, path)


def _save(figure: pyplot.Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None})
    # matplotlib leaves blanks at the ends of lines.
    lines = [line.rstrip() for line in path.read_text("utf-8").splitlines()]
    path.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
