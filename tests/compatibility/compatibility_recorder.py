"""A pytest plugin that writes what became of each test into a file.

It is loaded into the run of the other project's tests, with ``-p``, and belongs to no other
run. The file has one JSON object per line: a test's id, its outcome and, if it failed, what
pytest said about it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

import pytest

FILE: Final = "COMPATIBILITY_RECORD"
"""Name of the environment variable with the path of the file."""


def _write(report: pytest.TestReport | pytest.CollectReport) -> None:
    # Only the process that prints the reports writes, under pytest-xdist, too.
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    text = report.longreprtext + report.capstdout if report.failed else ""
    record = {"id": report.nodeid, "outcome": report.outcome, "text": text}
    with Path(os.environ[FILE]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Write down modules that cannot be imported; xfailed and passed ones have tests."""
    if report.failed:
        _write(report)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write down a test's own report, and set-ups and tear-downs that failed or skipped."""
    if report.when == "call" or not report.passed:
        _write(report)
