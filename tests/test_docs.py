"""The examples of the documentation: every one is run, or else checked.

A *project* is the code that stands together on a page: the blocks of one section, each written to
the file that its caption names (``test_example.py`` if it has none). A block for a file that is
there already begins the next project. The comment ``continued`` says that the section goes on
with the files of the one before. A block of ``console`` with ``$ pytest`` gives the arguments and,
after it, lines that the run has to print.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import importlib.util
import json
import os
from pathlib import Path
import re
import shlex
import subprocess
import sys
import textwrap
from typing import Final
from typing import final

import pytest

from conftest import Example

ROOT: Final = Path(__file__).parents[1]
SOURCE: Final = ROOT / "src" / "pytest_asyncio"

ONE_FAILS: Final = {"failed": 1}

PASSED: Final[dict[str, list[int | dict[str, int]]]] = {
    "README.md": [1, 1, 2],
    "docs/concepts/context.rst": [2],
    "docs/concepts/fixtures.rst": [1, 1],
    "docs/concepts/loops.rst": [4, 1, 1],
    "docs/concepts/modes.rst": [1, 1, 2],
    "docs/how-to/database.rst": [3, 1],
    "docs/how-to/different-loop.rst": [ONE_FAILS, 2, 2, 2],
    "docs/how-to/fixtures-at-run-time.rst": [2, 1, 1],
    "docs/how-to/hang.rst": [ONE_FAILS, ONE_FAILS, 1, ONE_FAILS, 1],
    "docs/how-to/servers.rst": [1, 1, 1, 1, 1],
    "docs/how-to/task-groups.rst": [
        1,
        {"failed": 1, "passed": 1, "errors": 1},
        1,
        1,
        1,
    ],
    "docs/how-to/uvloop.rst": [1, 3, 2, 1],
    "docs/how-to/xdist.rst": [4, 1],
    "docs/index.rst": [2],
    "docs/migrating/from-0.21.rst": [1, 1, 1],
    "docs/migrating/from-1.x.rst": [1, 1, 2],
    "docs/migrating/from-anyio.rst": [1, 1, 2],
    "docs/migrating/from-unittest.rst": [1, 1, 1, ONE_FAILS],
    "docs/reference/configuration.rst": [1, 1],
    "docs/reference/hooks.rst": [1],
    "docs/reference/markers.rst": [5],
    "docs/reference/types.rst": [1],
    "docs/reference/warnings.rst": [1],
    "docs/tutorial.rst": [1, 1, 3, 3, 4, ONE_FAILS],
}
"""For each page, in order, how many tests of each of its projects pass, or all outcomes."""

IN_DOCSTRINGS: Final = 6
"""How many examples there are in the docstrings of the package."""

IN_EXAMPLES: Final = 18
"""How many tests there are in the folder examples/."""

DEFAULT_NAMES: Final = {
    "python": "test_example.py",
    "ini": "pytest.ini",
    "toml": "pyproject.toml",
}
OPTIONAL: Final = ("anyio", "uvloop", "xdist")
"""What an example may need besides the plugin, under the name by which it is imported."""


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """A block of code on a page."""

    language: str
    name: str
    text: str
    line: int
    section: int
    """Line of the heading above it."""
    continued: bool
    """Whether its section goes on with the files of the one before."""


@final
@dataclasses.dataclass(slots=True)
class Project:
    """Files that are run together."""

    page: str
    line: int
    section: int
    files: dict[str, str] = dataclasses.field(default_factory=dict[str, str])
    commands: list[str] = dataclasses.field(default_factory=list[str])
    own: set[str] = dataclasses.field(default_factory=set[str])
    """The files that were not there in the project that it continues."""

    @property
    def has_tests(self) -> bool:
        """Whether there is a test module."""
        return any(name.rpartition("/")[2].startswith("test_") for name in self.files)

    @property
    def id(self) -> str:
        """What pytest calls it."""
        return f"{self.page}:{self.line}"


def _indented(lines: Sequence[str], start: int, margin: int) -> tuple[str, int]:
    """The text that is indented more than ``margin``, and the number of the line after it."""
    end = start
    while end < len(lines) and (
        not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip()) > margin
    ):
        end += 1
    return textwrap.dedent("\n".join(lines[start:end])).strip("\n") + "\n", end


DIRECTIVE: Final = re.compile(r"( *)\.\. code-block:: *(\S+)$")
UNDERLINE: Final = re.compile(r"([-=~^\"'])\1{2,}$")
FENCE: Final = re.compile(r"( *)```(\w+)(?: +title=\"([^\"]+)\")?$")
HEADING: Final = re.compile(r"#+ ")


def _blocks_of_rst(text: str) -> Iterator[Block]:
    lines = text.splitlines()
    section, continued, number = 0, False, 0
    while number < len(lines):
        line = lines[number]
        if UNDERLINE.match(line) and number and len(lines[number - 1]) == len(line):
            section, continued = number, False
        elif line == ".. continued":
            continued = True
        elif match := DIRECTIVE.match(line):
            begin = number + 1
            body, number = _indented(lines, begin, len(match[1]))
            options, _, code = body.partition("\n\n")
            if not options.startswith(":"):
                options, code = "", body
            caption = re.search(r":caption: *(\S+)", options)
            name = caption[1] if caption else DEFAULT_NAMES.get(match[2], "")
            yield Block(
                match[2], name, code.strip("\n") + "\n", begin, section, continued
            )
            continue
        number += 1


def _blocks_of_markdown(text: str) -> Iterator[Block]:
    lines = text.splitlines()
    section, number = 0, 0
    while number < len(lines):
        if HEADING.match(lines[number]):
            section = number + 1
        elif match := FENCE.match(lines[number]):
            begin = number + 1
            number = next(
                n for n in range(begin, len(lines)) if lines[n] == f"{match[1]}```"
            )
            name = match[3] or DEFAULT_NAMES.get(match[2], "")
            code = textwrap.dedent("\n".join(lines[begin:number])) + "\n"
            yield Block(match[2], name, code, begin, section, continued=False)
        number += 1


def _pages() -> list[Path]:
    found = [ROOT / "README.md", *(ROOT / "docs").rglob("*.rst")]
    found += (ROOT / "docs").rglob("*.md")
    return sorted(path for path in found if "_build" not in path.parts)


def _projects_of(path: Path) -> Iterator[Project]:
    page = path.relative_to(ROOT).as_posix()
    text = path.read_text("utf-8")
    blocks = (
        _blocks_of_rst(text) if path.suffix == ".rst" else _blocks_of_markdown(text)
    )
    project: Project | None = None
    for block in blocks:
        is_command = block.language == "console" and "$ pytest" in block.text
        if not is_command and not (block.name and block.language in DEFAULT_NAMES):
            continue
        before = project
        if project is None or project.section != block.section:
            project = Project(page, block.line, block.section)
            if before is not None and block.continued:
                project.files.update(before.files)
                if not before.has_tests:
                    before = project  # There is nothing to run yet.
        elif not is_command and (
            block.name in project.own or _is_second(block, project)
        ):
            project = Project(page, block.line, block.section)
        if project is not before and before is not None:
            yield before
        if is_command:
            project.commands.append(block.text)
        else:
            project.files[block.name] = block.text
            project.own.add(block.name)
    if project is not None:
        yield project


def _is_second(block: Block, project: Project) -> bool:
    """Whether it is a configuration file, and the project has one."""
    return block.language != "python" and any(
        name.endswith((".ini", ".toml")) for name in project.own
    )


PROJECTS: Final = [project for path in _pages() for project in _projects_of(path)]


def _expected(project: Project) -> dict[str, int]:
    numbers = PASSED.get(project.page, [])
    index = [each for each in PROJECTS if each.page == project.page].index(project)
    number = numbers[index] if index < len(numbers) else 0
    return {"passed": number} if isinstance(number, int) else number


def test_every_example_is_known() -> None:
    """As many examples are collected from each page as are written in the table above."""
    found: dict[str, int] = {}
    for project in PROJECTS:
        found[project.page] = found.get(project.page, 0) + 1
    assert found == {page: len(numbers) for page, numbers in PASSED.items()}


def _pattern(line: str) -> str:
    """What a line of a page stands for: dots for anything, and rules and times may differ."""
    line = re.sub(r"([=_-])\1{2,}|\.\.\.|\d+\.\d+s", "*", line.replace("[", "[[]"))
    return f"*{line.strip()}*"


@pytest.mark.parametrize(
    "project", [pytest.param(project, id=project.id) for project in PROJECTS]
)
def test_example_of_a_page(project: Project, run: Example) -> None:
    """An example can be copied into files and run, and does what the page says."""
    files = dict(project.files)
    source = "\n".join(files.values())
    for name in OPTIONAL:
        if re.search(rf"import {name}\b", source):
            pytest.importorskip(name)
    if not project.has_tests:
        assert not any(name.endswith(".py") for name in files), "code that is not run"
        files["test_example.py"] = "def test_configuration_is_accepted(): pass\n"
    expected = _expected(project)
    for command in project.commands or ["$ pytest\n"]:
        line, *wanted = command[command.index("$ pytest") :].splitlines()
        arguments = shlex.split(line.removeprefix("$ pytest"), comments=True)
        own_process = "-n" in arguments
        if own_process and importlib.util.find_spec("xdist") is None:
            pytest.skip("needs pytest-xdist")
        result = run(
            "",
            "-W",
            "error",
            "--strict-config",
            "--strict-markers",
            *arguments,
            files=files,
            subprocess=own_process,
        )
        if wanted:
            result.stdout.fnmatch_lines([_pattern(text) for text in wanted if text])
        if not any(
            each.startswith(("--collect", "--help", "--mark")) for each in arguments
        ):
            assert result.parseoutcomes() == expected


def test_examples_folder() -> None:
    """The folder examples/ is a suite that passes."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"],
        cwd=ROOT / "examples",
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST")},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=100,
    )
    assert f"{IN_EXAMPLES} passed in" in done.stdout


def _docstrings() -> Iterator[tuple[str, str]]:
    """The examples in docstrings, each with where it is."""
    for path in sorted(SOURCE.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Expr) or not isinstance(
                node.value, ast.Constant
            ):
                continue
            if isinstance(text := node.value.value, str):
                text = text.replace("For example::", ".. code-block:: python")
                for block in _blocks_of_rst(textwrap.dedent("    " + text)):
                    yield f"{path.name}:{node.lineno}", block.text


DOCSTRINGS: Final = list(_docstrings())

PRELUDE: Final = """\
import asyncio
import pytest
import pytest_asyncio
from pytest_asyncio import *

"""

FACTORIES: Final = """\
import asyncio

def pytest_asyncio_loop_factories(config, item):
    marker = item.get_closest_marker("asyncio")
    if marker is None or "loop_factories" not in marker.kwargs:
        return None
    return {"asyncio": asyncio.new_event_loop, "uvloop": asyncio.new_event_loop}

def pytest_addoption(parser):
    parser.addoption("--keep-containers", action="store_true")
"""


def test_every_docstring_example_is_known() -> None:
    """As many examples are collected from docstrings as are written above."""
    assert len(DOCSTRINGS) == IN_DOCSTRINGS


@pytest.mark.parametrize(
    "code", [pytest.param(code, id=where) for where, code in DOCSTRINGS]
)
def test_example_of_a_docstring(code: str, run: Example) -> None:
    """An example in a docstring runs as it stands, the names of the package being imported."""
    tests = re.findall(r"^(?:async )?def (test_\w+)", code, re.MULTILINE)
    after = "" if tests else "\n\ndef test_is_accepted(): pass\n"
    result = run(PRELUDE + code + after, "-W", "error", conftest=FACTORIES)
    result.assert_outcomes(passed=max(len(tests), 1))


def test_examples_of_docstrings_type_check(tmp_path: Path) -> None:
    """The examples in docstrings pass ``mypy --strict``."""
    pytest.importorskip("mypy")
    files = [tmp_path / f"example_{number}.py" for number in range(len(DOCSTRINGS))]
    for file, (_, code) in zip(files, DOCSTRINGS, strict=True):
        file.write_text(PRELUDE + code, "utf-8")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--config-file="),
            # Some of the plugin's own are for checks that --strict does not have.
            "--no-warn-unused-ignores",
            *("--cache-dir", str(tmp_path / "cache"), *map(str, files)),
        ],
        env={**os.environ, "MYPYPATH": str(SOURCE.parent)},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=200,
    )
    assert done.stdout.startswith("Success: no issues found")


# -- what type checkers make of them ---------------------------------------------------------------

# The examples of the pages are written as tests often are, without annotations. All else counts.
NOT_STRICT_FOR_MYPY: Final = (
    "--allow-any-generics",
    "--allow-incomplete-defs",
    "--allow-untyped-calls",
    "--allow-untyped-decorators",
    "--allow-untyped-defs",
    "--disable-error-code=var-annotated",
    "--no-warn-return-any",
)
NOT_STRICT_FOR_PYRIGHT: Final = (
    "reportMissingParameterType",
    "reportMissingTypeArgument",
    "reportUnknownArgumentType",
    "reportUnknownLambdaType",
    "reportUnknownMemberType",
    "reportUnknownParameterType",
    "reportUnknownVariableType",
    # Something has to hold the task that nobody waits for.
    "reportUnusedVariable",
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples of all pages in a folder, a package for each."""
    folder = tmp_path_factory.mktemp("pages")
    for number, project in enumerate(PROJECTS):
        modules = {
            name: text for name, text in project.files.items() if name.endswith(".py")
        }
        names = "|".join(re.escape(name.removesuffix(".py")) for name in modules)
        for name, text in modules.items():
            path = folder / f"example_{number}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            (path.parent / "__init__.py").touch()
            path.write_text(
                re.sub(rf"(?m)^from ({names}) import", r"from .\1 import", text),
                "utf-8",
            )
    return folder


def _check(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COV_", "COVERAGE_", "PYTHON"))
    }
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=inherited
        | {"MYPYPATH": os.pathsep.join([str(SOURCE.parent), str(folder)])},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=200,
    )


def _pyright(folder: Path, *but: str) -> int:
    """How many files pyright looked at, strict but for some rules, if it is content with all."""
    configuration = {
        "include": ["."],
        "extraPaths": [str(SOURCE.parent)],
        "typeCheckingMode": "strict",
        **dict.fromkeys(but, False),
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(configuration), "utf-8")
    arguments = ("--outputjson", "--pythonpath", sys.executable)
    report = json.loads(_check(folder, "pyright", *arguments).stdout)
    assert report["generalDiagnostics"] == []
    files: int = report["summary"]["filesAnalyzed"]
    return files


@pytest.mark.timeout(200)
def test_mypy_is_content_with_the_examples_of_pages(
    pages: Path, tmp_path: Path
) -> None:
    """mypy finds no fault with an example, except that most have no annotations."""
    pytest.importorskip("mypy")
    done = _check(
        pages,
        *(
            "mypy",
            "--config-file",
            str(ROOT / "mypy.ini"),
            "--cache-dir",
            str(tmp_path),
        ),
        *(*NOT_STRICT_FOR_MYPY, "."),
    )
    number = len(list(pages.rglob("*.py")))
    assert done.stdout == f"Success: no issues found in {number} source files\n"


@pytest.mark.timeout(200)
def test_pyright_is_content_with_the_examples_of_pages(pages: Path) -> None:
    """pyright finds no fault with an example, except that most have no annotations."""
    pytest.importorskip("pyright")
    assert _pyright(pages, *NOT_STRICT_FOR_PYRIGHT) == len(list(pages.rglob("*.py")))


@pytest.mark.timeout(200)
def test_pyright_is_content_with_the_examples_of_docstrings(tmp_path: Path) -> None:
    """The examples in docstrings pass pyright in strict mode."""
    pytest.importorskip("pyright")
    for number, (_, code) in enumerate(DOCSTRINGS):
        (tmp_path / f"example_{number}.py").write_text(PRELUDE + code, "utf-8")
    # What is imported before each of them, it need not use; and it may end with a variable.
    but = (
        "reportUnusedImport",
        "reportUnusedVariable",
        "reportWildcardImportFromLibrary",
    )
    assert _pyright(tmp_path, *but) == IN_DOCSTRINGS
