"""Runs suites that use pytest-asyncio together with others, and writes down what came out.

::

    python tests/company/meet.py                    # every companion, at its newest version
    python tests/company/meet.py respx pytest-mock  # some of them
    python tests/company/meet.py --write            # write docs/company.md, if all is well
    python tests/company/meet.py --lowest           # pytest 8.4.0 and newest; every CPython

Each companion has an environment of its own, in a temporary directory, with the newest version
of the companion, the newest pytest that it agrees with, and this checkout as a wheel. The
environments are used again and brought up to date.

Exit status 0: everything came out as it has to.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import fnmatch
import json
import os
from pathlib import Path
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from typing import Final
from typing import TypeAlias

from companions import Companion
from companions import COMPANIONS
from companions import EVERYTHING
from companions import Suite

CHECKOUT: Final = Path(__file__).parents[2]
CACHE: Final = Path(tempfile.gettempdir()) / "pytest-asyncio-company"
PAGE: Final = CHECKOUT / "docs" / "company.md"
RESULTS: Final = Path(__file__).parent / "results.json"
"""What came out last, on whichever machines; the page is made from it."""
Results: TypeAlias = dict[str, dict[str, dict[str, str]]]
PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14", "3.15")
TIMEOUT: Final = 300
"""Seconds that a suite may take."""


class WrongError(Exception):
    """Something did not come out as it has to."""


def call(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command that has to succeed; its output."""
    done = subprocess.run(
        command,
        cwd=cwd,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        raise WrongError(f"{' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def wheel() -> Path:
    """This checkout as a wheel."""
    directory = CACHE / "wheel"
    shutil.rmtree(directory, ignore_errors=True)
    python = virtual(CACHE / "builder", sys.executable)
    call(python, "-m", "pip", "wheel", "-q", "--no-deps", "-w", directory, CHECKOUT)
    return next(directory.glob("*.whl"))


def virtual(directory: Path, python: str) -> Path:
    """The Python of a virtual environment, which is made if there is none."""
    executable = directory / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not executable.exists():
        call(python, "-m", "venv", directory)
    return executable


def environment(
    name: str, python: str, requirements: Sequence[str], built: Path
) -> Path:
    """The Python of an environment that has what is required, and the wheel."""
    executable = virtual(CACHE / name, python)
    install = (executable, "-m", "pip", "install", "-q", "--disable-pip-version-check")
    call(*install, "--upgrade", *requirements)
    call(*install, "--no-deps", "--force-reinstall", built)
    call(executable, "-m", "pip", "check")
    return executable


def version(python: Path, distribution: str) -> str:
    """The installed version of a distribution."""
    code = f"from importlib.metadata import version; print(version({distribution!r}))"
    return call(python, "-c", code).strip()


def counted(output: str) -> dict[str, int]:
    """The numbers in the last line of pytest's output."""
    for line in reversed(output.splitlines()):
        if re.search(r" in [\d.]+s", line):
            found = re.findall(
                r"(\d+) ((?:subtests )?[a-z]+)", line.partition(" in ")[0]
            )
            return {
                "error" if noun == "errors" else noun: int(number)
                for number, noun in found
            }
    return {}


def run(python: Path, suite: Suite, *, ini: str = "") -> None:
    """Run a suite; raise `WrongError` if it does not come out as it has to."""
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        files = {
            "test_company.py": suite.source,
            "pytest.ini": f"[pytest]\nasyncio_mode = {suite.mode}\n{ini}",
            **suite.files,
        }
        if suite.conftest:
            files["conftest.py"] = suite.conftest
        for name, text in files.items():
            path = directory / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        command: list[str | Path] = [
            python,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            *suite.arguments,
        ]
        done = subprocess.run(
            command,
            cwd=directory,
            check=False,
            text=True,
            timeout=TIMEOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    check(suite, done.stdout)


def check(suite: Suite, output: str) -> None:
    """Compare what pytest wrote with what it has to write."""
    outcomes = counted(output)
    outcomes.pop("warnings", None)
    outcomes.pop("warning", None)
    if outcomes != suite.outcomes:
        raise WrongError(f"{outcomes} instead of {suite.outcomes}\n{output}")
    if "INTERNALERROR" in output:
        raise WrongError(output)
    lines = iter(output.splitlines())
    for pattern in suite.lines:
        if not any(fnmatch.fnmatch(line, pattern) for line in lines):
            raise WrongError(f"no line {pattern!r}\n{output}")


# -- companions ------------------------------------------------------------------------------


def meet(companion: Companion, built: Path) -> dict[str, str]:
    """Run the suites of a companion; what the table says about it."""
    requirements = [
        companion.name,
        "pytest",
        *companion.requires,
        'typing-extensions; python_version < "3.13"',
    ]
    title = companion.title or companion.name
    name = f"{platform.python_version()}-{title.replace(' ', '-')}"
    python = environment(name, sys.executable, requirements, built)
    for suite in companion.suites:
        run(python, suite)
    return {
        "title": title,
        "version": version(python, companion.name),
        "pytest": version(python, "pytest"),
        "python": platform.python_version(),
        "works": companion.works,
        "to_know": companion.to_know,
    }


def companions(names: Sequence[str], results: Results) -> bool:
    """Run the suites of companions; whether all is well."""
    built = wheel()
    well = True
    for companion in COMPANIONS:
        title = companion.title or companion.name
        if names and companion.name not in names and title not in names:
            continue
        try:
            row = meet(companion, built)
        except (WrongError, subprocess.TimeoutExpired) as exc:
            well = False
            print(f"{title}: WRONG\n{exc}", flush=True)
        else:
            results.setdefault("companions", {})[title] = row
            print(f"{title} {row['version']}: works", flush=True)
    return well


# -- what the documentation says -------------------------------------------------------------


def rows(results: Mapping[str, Mapping[str, str]], columns: Sequence[str]) -> list[str]:
    """The rows of a table, by their names."""
    return [
        f"| {' | '.join(results[name][column] for column in columns)} |"
        for name in sorted(results, key=str.lower)
    ]


def page(results: Results) -> str:
    """The page of the documentation, as Markdown."""
    lines = [
        "<!-- Written by tests/company/meet.py -->",
        "",
        "# Other plugins",
        "",
        "Each of these has been run together with pytest-asyncio, in a suite that uses both, "
        "with the version that was the newest at that time.",
        "",
        "| with | version | pytest | CPython | what works | to know |",
        "|---|---|---|---|---|---|",
    ]
    lines += rows(
        results.get("companions", {}),
        ("title", "version", "pytest", "python", "works", "to_know"),
    )
    lines += [
        "",
        "## Versions",
        "",
        "A suite of everything that depends on the versions of CPython and pytest and on the kind "
        "of event loop, with the lowest version of each requirement and with the newest.",
        "",
        "| CPython | pytest | loop | |",
        "|---|---|---|---|",
    ]
    lines += rows(results.get("versions", {}), ("python", "pytest", "loop", "said"))
    return "\n".join(lines) + "\n"


# -- versions --------------------------------------------------------------------------------


def lowest() -> list[str]:
    """The lowest versions of what we require, as pip takes them."""
    text = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
    block = re.search(r"^dependencies = \[(.*?)^\]", text, re.DOTALL | re.MULTILINE)
    assert block is not None
    requirements = re.findall(r"""^\s*["'](.*)["'],$""", block.group(1), re.MULTILINE)
    pinned: list[str] = []
    for requirement in requirements:
        name, lower, marker = re.fullmatch(
            r"([\w-]+)>=([\d.]+)(;.*)?", requirement.replace(" ", "")
        ).groups("")  # type: ignore[union-attr]
        full = lower if lower.count(".") == 2 else f"{lower}.0"
        pinned.append(
            f"{name}=={full}{marker.replace('python_version', 'python_version ')}"
        )
    return pinned


def pythons() -> dict[str, str]:
    """The supported CPythons that this machine has: their paths by their versions."""
    found: dict[str, str] = {}
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for each in PYTHONS:
        # The python3.x that pyenv puts in the PATH need not run.
        for path in (f"python{each}", *map(str, pyenv.glob(f"{each}.*/bin/python"))):
            with contextlib.suppress(OSError, WrongError):
                code = "import platform; print(platform.python_version())"
                found[call(path, "-c", code).strip()] = path
                break
    return found


LOOPS: Final = {
    "asyncio": "import asyncio as module",
    "uvloop": "import uvloop as module",
}


def versions(results: Results) -> bool:
    """Run the suite of everything with lowest and newest versions; whether all is well."""
    built = wheel()
    well = True
    for number, python in pythons().items():
        for which in ("lowest", "newest"):
            pins = lowest() if which == "lowest" else ["pytest"]
            pins.append('typing-extensions; python_version < "3.13"')
            for loop, statement in LOOPS.items():
                name = f"{number}-{which}-{loop}"
                try:
                    executable = environment(name, python, pins, built)
                    tested = version(executable, "pytest")
                except WrongError as exc:
                    well = False
                    print(f"{name}: WRONG\n{exc}", flush=True)
                    continue
                try:
                    if loop == "uvloop":
                        call(executable, "-m", "pip", "install", "-q", "uvloop")
                except WrongError:
                    said = "uvloop cannot be installed"
                else:
                    try:
                        run(executable, everything(loop, statement))
                    except (WrongError, subprocess.TimeoutExpired) as exc:
                        well = False
                        said = "WRONG"
                        print(exc, flush=True)
                    else:
                        said = "works"
                print(f"CPython {number}, pytest {tested}, {loop}: {said}", flush=True)
                results.setdefault("versions", {})[name] = {
                    "python": number,
                    "pytest": tested,
                    "loop": loop,
                    "said": said,
                }
    return well


def everything(loop: str, statement: str) -> Suite:
    """The suite of everything in one kind of loop."""
    conftest = f"""
import pytest
{statement}


@pytest.fixture
def expected_loop():
    return {loop!r}


def pytest_asyncio_loop_factories(config, item):
    return {{"the": module.new_event_loop}}
"""
    outcomes = {"passed": 11, "skipped": 1, "failed": 2, "error": 1}
    if loop == "uvloop":
        outcomes |= {"skipped": 2, "failed": 1}
    return Suite(
        source=EVERYTHING.source,
        conftest=conftest,
        outcomes=outcomes,
        lines=("*wrong arguments in pytest.mark.asyncio*", "*LookupError*"),
    )


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description="Run pytest-asyncio with its companions."
    )
    parser.add_argument(
        "companion", nargs="*", help="names of companions; default: all"
    )
    parser.add_argument(
        "--write", action="store_true", help=f"write {PAGE.relative_to(CHECKOUT)}"
    )
    parser.add_argument(
        "--lowest",
        action="store_true",
        help="run with the lowest and the newest versions on every CPython there is",
    )
    options = parser.parse_args()
    CACHE.mkdir(exist_ok=True)
    results: Results = {}
    if RESULTS.exists():
        results = json.loads(RESULTS.read_text(encoding="utf-8"))
    chosen: Sequence[str] = options.companion
    well = versions(results) if options.lowest else companions(chosen, results)
    if options.write and well:
        text = json.dumps(results, indent=2, sort_keys=True)
        RESULTS.write_text(text + "\n", encoding="utf-8")
        PAGE.write_text(page(results), encoding="utf-8")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
