"""A plugin of pytest that looks, at the end of each block of tests, at what has not gone away."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Generator
import dataclasses
import gc
import json
import logging
import os
from pathlib import Path
import sys
import threading
import time
from typing import cast
from typing import Final
from typing import final

import pytest

PHASES: Final[dict[str, dict[str, str]]] = {
    "test_fails_": {"call": "failed"},
    "test_errors_": {"setup": "failed"},
    "test_ends_badly_": {"teardown": "failed"},
    "test_both_badly_": {"call": "failed", "teardown": "failed"},
}
"""What does not pass, by the first part of a test's name."""


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What there is in the process after a number of tests."""

    tests: int
    seconds: float
    files: int
    """Open file descriptors; 0 where they cannot be counted."""
    threads: int
    open_loops: int
    loops: int
    """Event loops that are kept, also closed ones."""
    tasks: int
    """Tasks that are kept, also ones that are done."""
    ours: int
    """Objects of types of pytest-asyncio."""
    objects: int
    """Objects that the garbage collector knows."""
    blocks: int
    """Blocks of memory that Python has allocated."""
    resident: int
    """Bytes of memory that are resident; 0 where that is unknown."""


def _descriptors() -> int:
    for path in ("/proc/self/fd", "/dev/fd"):
        if os.path.isdir(path):  # noqa: PTH112
            return len(os.listdir(path))  # noqa: PTH208
    return 0


def _threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))  # noqa: PTH208
    except OSError:
        return threading.active_count()


def _resident() -> int:
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _sample(tests: int, seconds: float) -> Sample:
    for _ in range(3):
        gc.collect()
    objects: list[object] = gc.get_objects()
    # Asking a proxy or a mock for its class would call code of its own: isinstance() does.
    kinds: list[type[object]] = [type(each) for each in objects]
    loops = [
        cast("asyncio.AbstractEventLoop", each)
        for each, kind in zip(objects, kinds, strict=True)
        if issubclass(kind, asyncio.AbstractEventLoop)
    ]
    return Sample(
        tests=tests,
        seconds=round(seconds, 1),
        files=_descriptors(),
        threads=_threads(),
        open_loops=sum(not loop.is_closed() for loop in loops),
        loops=len(loops),
        tasks=sum(issubclass(kind, asyncio.Task) for kind in kinds),
        ours=sum(_is_ours(kind) for kind in kinds),
        objects=len(objects),
        blocks=sys.getallocatedblocks(),
        resident=_resident(),
    )


def _is_ours(kind: type[object]) -> bool:
    return str(kind.__module__).partition(".")[0] == "pytest_asyncio"


@final
class Sampler(logging.Handler):
    """Takes the samples, and compares what comes out of the tests with what has to."""

    def __init__(self) -> None:
        super().__init__()
        self.samples: list[Sample] = []
        self.outcomes: list[dict[str, int]] = []
        """How many tests of each block passed, failed and so on."""
        self.wrong: list[str] = []
        """What did not come out as it had to."""
        self._tests = 0
        self._outcomes: Counter[str] = Counter()
        self._failed: dict[str, str] = {}
        self._text = ""
        self._began = time.perf_counter()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Run block after block, whatever pytest would rather have side by side."""
        items.sort(key=_block)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """Take a sample after the last test of a block, while its warnings are errors yet."""
        done = yield
        self._tests += 1
        if nextitem is None or _block(nextitem) != _block(item):
            self.samples.append(_sample(self._tests, time.perf_counter() - self._began))
            self.outcomes.append(dict(self._outcomes))
            self._outcomes.clear()
        return done

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Compare the outcome of a test with what its name says."""
        if report.when == "setup":
            self._failed = {}
        if report.failed:
            self._failed[str(report.when)] = report.outcome
            self._text = report.longreprtext
        if report.when == "call" or not report.passed:
            self._outcomes[f"{report.when} {report.outcome}"] += 1
        if report.when == "teardown":
            name = report.nodeid.rpartition("::")[2]
            expected: dict[str, str] = {}
            for start, phases in PHASES.items():
                if name.startswith(start):
                    expected = phases
            if self._failed != expected:
                self.wrong.append(
                    f"{report.nodeid}: {self._failed} instead of {expected}\n"
                    + (self._text if self._failed else "")
                )

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A module that cannot be collected is wrong."""
        if report.failed:
            self.wrong.append(report.longreprtext)

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of what asyncio says of tasks that nobody has ended."""
        if "was destroyed" in record.getMessage():
            self.wrong.append(record.getMessage())

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Write down what was found."""
        written = {
            "samples": [dataclasses.asdict(sample) for sample in self.samples],
            "outcomes": self.outcomes,
            "wrong": self.wrong,
        }
        Path(os.environ["SOAK_OUTPUT"]).write_text(
            json.dumps(written), encoding="utf-8"
        )


def _block(item: pytest.Item) -> str:
    return item.nodeid.partition("/")[0]


def pytest_configure(config: pytest.Config) -> None:
    """Begin to look."""
    sampler = Sampler()
    logging.getLogger("asyncio").addHandler(sampler)
    config.pluginmanager.register(sampler, "soak sampler")
