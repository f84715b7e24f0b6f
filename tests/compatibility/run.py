"""Run the tests of pytest-asyncio 1.5.0 against the plugin that is installed.

Users of that release put this plugin in its place, so its tests have to pass, but for those
that are meant to differ. These stand in ``differences.toml``, each with its reason. The command
fails if another test fails, and if a test in the list does not.

.. code-block:: sh

   python tests/compatibility/run.py               # needs the network
   python tests/compatibility/run.py -- -n 2       # the rest is for pytest
   python tests/compatibility/run.py --sdist FILE  # needs none

It runs in the environment of the Python that runs it, which needs pytest, hypothesis and the
plugin. The source distribution comes from PyPI by way of pip; its tests are unpacked in a
temporary directory, and nothing else of it. They run with that project's own configuration.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import hashlib
import json
import os
from pathlib import Path
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from typing import Final
from typing import final

import compatibility_recorder as recorder

VERSION: Final = "1.5.0"
SHA256: Final = "92c8fa83ca419fd0d4bd6a34df6520dae435841d3733c319343249492adf37f7"
UNPACKED: Final = ("docs", "tests", "pyproject.toml")
"""What is taken from the source distribution: not the plugin, which would be imported."""
LIST: Final = Path(__file__).with_name("differences.toml")
EXPECTED: Final = 290
"""Fewer tests than this cannot be all of them."""


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Tests that are meant to fail, for one reason."""

    tests: tuple[str, ...]
    """Their ids, in which ``*`` stands for anything."""
    reason: str
    """For users: it becomes a part of the documentation."""
    shows: str
    """What pytest's report of each failure contains, so that no other failure hides here."""
    since: str
    """The first Python for which it holds."""

    def holds(self, version: tuple[int, int] = sys.version_info[:2]) -> bool:
        """Whether it holds for a version of Python."""
        return tuple(map(int, self.since.split("."))) <= version

    def matches(self, nodeid: str) -> bool:
        """Whether a test is one of these."""
        return any(
            re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), nodeid)
            for pattern in self.tests
        )


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a test."""

    outcome: str
    text: str = ""


def read_differences(path: Path = LIST) -> list[Difference]:
    """The tests that are meant to differ."""
    entries = tomllib.loads(path.read_text(encoding="utf-8"))["difference"]
    return [
        Difference(
            tests=tuple(entry["tests"]),
            reason=" ".join(entry["reason"].split()),
            shows=entry["shows"],
            since=entry.get("since", "3.11"),
        )
        for entry in entries
    ]


def problems(
    results: Mapping[str, Result], differences: Sequence[Difference]
) -> list[str]:
    """What is not as the list says, a line for each."""
    found: list[str] = []
    for nodeid, result in results.items():
        meant = [each for each in differences if each.matches(nodeid)]
        if result.outcome == "failed" and not meant:
            found.append(f"fails, and is not in the list: {nodeid}")
        elif result.outcome == "failed" and not any(
            each.shows in result.text for each in meant
        ):
            found.append(f"fails, but not as the list says: {nodeid}")
        elif result.outcome == "passed" and meant:
            found.append(f"is in the list, and passes: {nodeid}")
    found += [
        f"is in the list, and does not exist: {pattern}"
        for each in differences
        for pattern in each.tests
        if not any(
            dataclasses.replace(each, tests=(pattern,)).matches(nodeid)
            for nodeid in results
        )
    ]
    if len(results) < EXPECTED:
        found.append(f"only {len(results)} tests ran, instead of {EXPECTED} or more")
    return found


def read_results(lines: Iterable[str]) -> dict[str, Result]:
    """What the recorder has written; the worst outcome of a test's phases counts."""
    results: dict[str, Result] = {}
    for line in lines:
        record = json.loads(line)
        before = results.get(record["id"])
        if before is None or before.outcome != "failed":
            results[record["id"]] = Result(
                outcome=record["outcome"], text=record["text"]
            )
    return results


def download(directory: Path) -> Path:
    """The source distribution, from PyPI."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--no-binary", "pytest-asyncio", "--dest", str(directory)]
    subprocess.run([*command, f"pytest-asyncio=={VERSION}"], check=True)
    (sdist,) = directory.glob("*.tar.gz")
    return sdist


def unpack(sdist: Path, directory: Path) -> Path:
    """Unpack the tests and their configuration.

    :returns: The directory that pytest is to be run in.
    """
    if hashlib.sha256(sdist.read_bytes()).hexdigest() != SHA256:
        raise SystemExit(f"{sdist} is not the source distribution of {VERSION}")
    root = f"pytest_asyncio-{VERSION}"
    with tarfile.open(sdist) as archive:
        members = [
            member
            for member in archive.getmembers()
            if member.name.startswith(tuple(f"{root}/{name}" for name in UNPACKED))
        ]
        archive.extractall(directory, members, filter="data")
    return directory / root


def run(directory: Path, arguments: Sequence[str]) -> dict[str, Result]:
    """Run pytest there, in a process of its own."""
    record = directory / "record.jsonl"
    record.touch()
    here = str(Path(recorder.__file__).parent)
    environment = {**os.environ, recorder.FILE: str(record)}
    environment["PYTHONPATH"] = os.pathsep.join(
        [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", recorder.__name__]
    # Their tests of their own tests leave nothing behind, and do not depend on each other.
    command += [
        "-p",
        "no:cacheprovider",
        "--no-header",
        "--show-capture=no",
        *arguments,
    ]
    subprocess.run(
        command, cwd=directory, env=environment, check=False, stdout=subprocess.DEVNULL
    )
    return read_results(record.read_text(encoding="utf-8").splitlines())


def main() -> int:
    """Run the command; 0 if everything is as the list says."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--sdist", type=Path, help="use this file, do not download it")
    parser.add_argument("pytest", nargs="*", help="after --: arguments for pytest")
    options = parser.parse_args()
    differences = [each for each in read_differences() if each.holds()]
    with tempfile.TemporaryDirectory(prefix="compatibility-") as temporary:
        directory = Path(temporary)
        sdist = options.sdist or download(directory)
        results = run(unpack(sdist, directory), options.pytest)
    found = problems(results, differences)
    for problem in found:
        print(problem)
    failed = sum(result.outcome == "failed" for result in results.values())
    print(
        f"{len(results)} tests of pytest-asyncio {VERSION}: {failed} fail, "
        f"{len(found)} not as the list says"
    )
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
