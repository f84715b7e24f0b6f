"""What type checkers make of the package: the real ones, run as they are run by users."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from collections.abc import Mapping
import functools
import inspect
import json
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
import sysconfig
import types
import typing
from typing import Any
from typing import Final
import venv

import pytest

import pytest_asyncio
from pytest_asyncio import markers

from conftest import Example

ROOT: Final = Path(__file__).parents[1]
SOURCE: Final = ROOT / "src"
TYPE_TESTS: Final = ROOT / "tests" / "typing"

Problems = Mapping[int, Counter[str]]
"""The codes of what a checker reports, by the number of the line."""

# It is made for stubs, where these would be spelled in another way.
STUBTEST_IS_MISTAKEN: Final = r"""
# A literal of several values is a union to mypy, and none at run time.
pytest_asyncio\.collection\.Stake
pytest_asyncio\.config\.(FixtureScopeDefault|ScopeName)
pytest_asyncio\.former_names\._ScopeName
# To type checkers it is the type that is_async_test() concludes.
pytest_asyncio\.former_names\.PytestAsyncioFunction\.item_subclass_for
pytest_asyncio\.functions\.Kind
pytest_asyncio\.ports\.(_IPVersion|_Protocol)
# A function behind functools.cache is declared to take anything.
pytest_asyncio\.markers\._automatic
# A function in a staticmethod, which is gone when the attribute is read.
pytest_asyncio\.ports\._PortNumbers\._mkdir
"""

IGNORE: Final = re.compile(r"  # (?:type|pyright): ignore\[([^\]]+)\]")


def _run(
    *command: str | Path,
    cwd: Path = ROOT,
    environment: Mapping[str, str] = types.MappingProxyType({}),
) -> subprocess.CompletedProcess[str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        # A session that measures coverage is not to measure the checkers.
        if not name.startswith(("COV_", "COVERAGE_", "PYTHON"))
    }
    fixed = {"MYPYPATH": str(SOURCE), "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=cwd,
        env=inherited | fixed | dict(environment),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )


def _output(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def mypy(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run mypy with the project's configuration."""
    pytest.importorskip("mypy")
    cache = tmp_path_factory.mktemp("mypy")
    return functools.partial(
        _run, "mypy", "--config-file", ROOT / "mypy.ini", "--cache-dir", cache
    )


@pytest.fixture(scope="session")
def pyright() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run pyright for the interpreter that runs the tests."""
    pytest.importorskip("pyright")
    return functools.partial(_run, "pyright", "--pythonpath", sys.executable)


@pytest.fixture
def stripped(tmp_path: Path) -> Path:
    """A copy of the calls that are wrong, without the comments that excuse them."""
    text = (TYPE_TESTS / "rejected.py").read_text("utf-8")
    path = tmp_path / "stripped.py"
    path.write_text(IGNORE.sub("", text), "utf-8")
    return path


def _excused(tool: str) -> Problems:
    """What the comments in the file with the wrong calls say about a checker."""
    comment = re.compile(rf"# {tool}: ignore\[([^\]]+)\]")
    lines = (TYPE_TESTS / "rejected.py").read_text("utf-8").splitlines()
    return {
        number: Counter(match[1].split(", "))
        for number, line in enumerate(lines, 1)
        if (match := comment.search(line))
    }


def _by_line(problems: list[tuple[int, str]]) -> Problems:
    lines: dict[int, Counter[str]] = {}
    for line, code in problems:
        lines.setdefault(line, Counter())[code] += 1
    return lines


@pytest.mark.timeout(300)
def test_mypy_strict_is_content_with_the_source_and_the_accepted_calls(
    mypy: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """``mypy --strict`` finds nothing in the package nor in what works when tests run."""
    done = mypy(SOURCE, TYPE_TESTS)
    assert done.returncode == 0, _output(done)


@pytest.mark.timeout(300)
def test_pyright_strict_is_content_with_the_source_and_the_accepted_calls(
    pyright: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """pyright in strict mode finds nothing in the package nor in what works when tests run."""
    done = pyright(SOURCE, TYPE_TESTS)
    assert done.returncode == 0, _output(done)


@pytest.mark.timeout(300)
def test_mypy_reports_wrong_calls_and_nothing_besides(
    mypy: Callable[..., subprocess.CompletedProcess[str]], stripped: Path
) -> None:
    """mypy reports each wrong call, at its line, once, and no other line."""
    done = mypy("--output", "json", stripped)
    assert _reports_of_mypy(done) == _excused("type"), _output(done)


def _reports_of_mypy(done: subprocess.CompletedProcess[str]) -> Problems:
    reports = [json.loads(line) for line in done.stdout.splitlines() if line[:1] == "{"]
    return _by_line(
        [
            (report["line"], report["code"])
            for report in reports
            if report["severity"] == "error"
        ]
    )


@pytest.mark.timeout(300)
def test_pyright_reports_wrong_calls_and_nothing_besides(
    pyright: Callable[..., subprocess.CompletedProcess[str]], stripped: Path
) -> None:
    """pyright reports each wrong call, at its line, once, and no other line."""
    configuration = {"extends": str(ROOT / "pyproject.toml"), "include": ["."]}
    configuration_file = stripped.with_name("pyrightconfig.json")
    configuration_file.write_text(
        json.dumps(configuration | {"extraPaths": [str(SOURCE)]}), "utf-8"
    )
    done = pyright("--outputjson", "--project", configuration_file)
    assert _reports_of_pyright(done) == _excused("pyright"), _output(done)


def _reports_of_pyright(done: subprocess.CompletedProcess[str]) -> Problems:
    return _by_line(
        [
            (report["range"]["start"]["line"] + 1, report["rule"])
            for report in json.loads(done.stdout)["generalDiagnostics"]
        ]
    )


ONE_MISTAKE: Final = re.compile(r"@pytest_asyncio\.(fixture|mark)\(\w+=")
"""A line that decorates, with one argument by keyword."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("tool", ["mypy", "pyright"])
def test_one_report_for_a_mistake_in_a_decorator(
    request: pytest.FixtureRequest, stripped: Path, tool: str
) -> None:
    """In the mode that a checker starts with, there is one report for one mistake."""
    checker = request.getfixturevalue(tool)
    if tool == "mypy":
        found = _reports_of_mypy(
            checker("--config-file=", "--output", "json", stripped)
        )
    else:
        stripped.with_name("pyrightconfig.json").write_text("{}", "utf-8")
        done = checker("--outputjson", "--project", stripped.parent)
        found = _reports_of_pyright(done)
    lines = stripped.read_text("utf-8").splitlines()
    wrong = [
        number for number in _excused("pyright") if ONE_MISTAKE.match(lines[number - 1])
    ]
    assert [found[number].total() for number in wrong] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    "line, mistake",
    [
        ('pytest_asyncio.fixture(scope="sesion")', '"sesion"'),
        ('pytest_asyncio.fixture(coroutine, loop_scope="test")', '"test"'),
        ("pytest_asyncio.fixture(scope=positional)", "positional"),
        ('pytest_asyncio.fixture("session")', '"session"'),
        ("pytest_asyncio.fixture(coroutine())", "coroutine()"),
        ('pytest_asyncio.mark(loop_scope="sesion")', '"sesion"'),
        ('pytest_asyncio.mark(loopscope="session")', "loopscope"),
        ('pytest_asyncio.mark("session")', '"session"'),
        ("fixture()", "fixture()"),
    ],
)
def test_editors_underline_the_mistake(
    pyright_ranges: Mapping[str, list[str]], line: str, mistake: str
) -> None:
    """What pyright marks in a wrong line is the wrong argument."""
    assert pyright_ranges[line][-1] == mistake


@pytest.fixture(scope="module")
def pyright_ranges(
    pyright: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Mapping[str, list[str]]:
    """The text that pyright marks, by line of the file with the wrong calls."""
    text = IGNORE.sub("", (TYPE_TESTS / "rejected.py").read_text("utf-8"))
    path = tmp_path_factory.mktemp("pyright") / "stripped.py"
    path.write_text(text, "utf-8")
    done = pyright("--outputjson", path)
    lines: list[str] = text.splitlines()
    ranges: dict[str, list[str]] = {}
    for report in json.loads(done.stdout)["generalDiagnostics"]:
        start, end = report["range"]["start"], report["range"]["end"]
        line = lines[int(start["line"])]
        assert end["line"] == start["line"]
        ranges.setdefault(line, []).append(line[start["character"] : end["character"]])
    return ranges


@pytest.mark.timeout(300)
def test_every_public_symbol_has_a_known_type(tmp_path: Path) -> None:
    """``pyright --verifytypes`` gives the package, where it is installed, 100 %."""
    pytest.importorskip("pyright")
    prefix = tmp_path / "venv"
    venv.create(prefix, symlinks=os.name != "nt")
    where = {"base": str(prefix), "platbase": str(prefix)}
    packages = Path(sysconfig.get_path("purelib", "venv", where))
    shutil.copytree(SOURCE / "pytest_asyncio", packages / "pytest_asyncio")
    # For pytest itself; .pth files in there, as those of an editable install, do not count.
    outer = sysconfig.get_path("purelib")
    (packages / "outer.pth").write_text(f"{outer}\n", "utf-8")
    # pyright takes no --pythonpath here, but knows an environment that is activated.
    path = [sysconfig.get_path("scripts", "venv", where), os.environ["PATH"]]
    done = _run(
        "pyright",
        "--verifytypes",
        "pytest_asyncio",
        "--ignoreexternal",
        "--outputjson",
        cwd=tmp_path,
        environment={"PATH": os.pathsep.join(path), "VIRTUAL_ENV": str(prefix)},
    )
    report = json.loads(done.stdout)["typeCompleteness"]
    assert Path(report["packageRootDirectory"]).parent == packages
    assert report["completenessScore"] == 1, _output(done)
    assert report["exportedSymbolCounts"]["withKnownType"] >= len(
        pytest_asyncio.__all__
    )


@pytest.mark.timeout(300)
def test_what_is_declared_is_there(tmp_path: Path) -> None:
    """mypy's stubtest finds at run time what the annotated source declares, and no more."""
    pytest.importorskip("mypy")
    # What the dataclasses of this Python have is to be declared, not what those of another have.
    running = f"python_version = {sys.version_info.major}.{sys.version_info.minor}"
    text = (ROOT / "mypy.ini").read_text("utf-8")
    text = re.sub(r"(?m)^python_version = .*$", running, text)
    configuration = tmp_path / "mypy.ini"
    configuration.write_text(text.replace("$MYPY_CONFIG_FILE_DIR", str(ROOT)), "utf-8")
    allowed = tmp_path / "allowed.txt"
    allowed.write_text(STUBTEST_IS_MISTAKEN, "utf-8")
    done = _run(
        "mypy.stubtest",
        "--mypy-config-file",
        configuration,
        "--allowlist",
        allowed,
        "pytest_asyncio",
    )
    assert done.returncode == 0, _output(done)


# -- what the types say, when the tests run ------------------------------------------------------


async def _coroutine() -> int:
    raise AssertionError


def test_a_fixture_is_a_fixture_definition() -> None:
    """What the decorator returns is of the type it declares, and has the fixture's name."""
    for definition, name in (
        (pytest_asyncio.fixture(_coroutine), "_coroutine"),
        (pytest_asyncio.fixture(_coroutine, name="other"), "other"),
        (pytest_asyncio.fixture(scope="module", name="third")(_coroutine), "third"),
        (pytest_asyncio.fixture(None, name="fourth")(_coroutine), "fourth"),
    ):
        assert isinstance(definition, pytest_asyncio.FixtureDefinition)
        assert definition.name == name


def test_calling_a_fixture_fails() -> None:
    """A fixture fails when it is called, as its type says, with pytest's explanation."""
    definition: Any = pytest_asyncio.fixture(_coroutine)
    with pytest.raises(pytest.fail.Exception, match="called directly"):
        definition()


def test_callable_scope_gets_its_arguments_by_keyword(run: Example) -> None:
    """A callable scope of the declared type is called in the declared way."""
    result = run(
        """
        import pytest
        import pytest_asyncio

        calls = []

        def scope(*, fixture_name, config):
            calls.append((fixture_name, type(config)))
            return "module"

        @pytest_asyncio.fixture(scope=scope)
        async def value(request):
            return request.scope

        @pytest.mark.asyncio
        async def test_scope(value):
            assert value == "module"
            assert calls == [("value", pytest.Config)]
        """
    )
    result.assert_outcomes(passed=1)


def test_parameters_and_ids_may_be_any_iterables(run: Example) -> None:
    """Iterators will do for the parameters and ids of a fixture."""
    result = run(
        """
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(params=iter([1, 2]), ids=(name for name in ("a", "b")))
        async def value(request):
            return request.param

        @pytest.mark.asyncio
        async def test_value(value):
            pass
        """,
        "-v",
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        ["*::test_value[[]a] PASSED*", "*::test_value[[]b] PA*"]
    )


@pytest.mark.parametrize("name", ["LoopFactory", "LoopFactories", "ScopeName"])
def test_aliases_work_in_annotations_that_are_evaluated(name: str) -> None:
    """Typed names can be combined at run time, where annotations are not strings."""
    alias = getattr(pytest_asyncio, name)
    assert type(None) in typing.get_args(alias | None)


@pytest.mark.parametrize("module", ["pytest_asyncio", "pytest_asyncio.plugin"])
def test_typing_extensions_is_not_needed_to_import_the_package(module: str) -> None:
    """The package can be imported where there is no typing-extensions."""
    program = f"import sys; sys.modules['typing_extensions'] = None; import {module}"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


# -- the typed spelling of the marker ------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"loop_scope": "session"},
        {"loop_factories": ["one", "two"]},
        {"loop_scope": "class", "loop_factories": ("one",)},
    ],
    ids=lambda arguments: "-".join(arguments) or "nothing",
)
def test_typed_marker_is_the_marker(arguments: dict[str, Any]) -> None:
    """``pytest_asyncio.mark(...)`` and ``pytest.mark.asyncio(...)`` are equal."""
    typed = pytest_asyncio.mark(**arguments)
    assert typed.mark == pytest.mark.asyncio(**arguments).mark


def test_typed_marker_leaves_out_none() -> None:
    """None is as good as no argument."""
    assert pytest_asyncio.mark(loop_scope=None, loop_factories=None).mark == (
        pytest.mark.asyncio.mark
    )


def test_typed_marker_has_the_arguments_of_the_marker() -> None:
    """The typed marker takes what the marker takes, by keyword only."""
    parameters = inspect.signature(pytest_asyncio.mark).parameters
    assert {each.kind for each in parameters.values()} == {
        inspect.Parameter.KEYWORD_ONLY
    }
    with pytest.raises(markers.MarkError, match=", ".join(parameters)):
        markers.parse(pytest.mark.asyncio(unknown=3).mark)
    for name in parameters:
        wrong = pytest.mark.asyncio(**{name: 3})
        with pytest.raises(markers.MarkError, match=name):
            markers.parse(wrong.mark)


def test_typed_marker_goes_where_the_marker_goes(run: Example) -> None:
    """On functions, classes and methods, in ``pytestmark`` and ``pytest.param``."""
    result = run(
        """
        import asyncio
        import pytest
        import pytest_asyncio

        pytestmark = pytest_asyncio.mark(loop_scope="module")
        loops = []

        async def test_module_1():
            loops.append(asyncio.get_running_loop())

        async def test_module_2():
            assert asyncio.get_running_loop() is loops[0]

        @pytest_asyncio.mark(loop_scope="function")
        async def test_function():
            assert asyncio.get_running_loop() is not loops[0]

        @pytest_asyncio.mark(loop_scope="class")
        class TestClass:
            async def test_class_1(self):
                loops.append(asyncio.get_running_loop())

            async def test_class_2(self):
                assert asyncio.get_running_loop() is loops[1] is not loops[0]

            @pytest_asyncio.mark(loop_scope="module")
            async def test_method(self):
                assert asyncio.get_running_loop() is loops[0]

        @pytest.mark.parametrize(
            "own", [False, pytest.param(True, marks=pytest_asyncio.mark(loop_scope="function"))]
        )
        async def test_param(own):
            assert (asyncio.get_running_loop() is not loops[0]) is own
        """,
        "--strict-markers",
    )
    result.assert_outcomes(passed=8)


def test_wrong_value_in_the_typed_marker_fails_that_test(run: Example) -> None:
    """A wrong value is reported at the test, by name, and not when the module is imported."""
    result = run(
        """
        import pytest_asyncio

        @pytest_asyncio.mark(loop_scope="sesion")
        async def test_wrong():
            pass

        @pytest_asyncio.mark()
        async def test_right():
            pass
        """
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*test_wrong: wrong arguments in pytest.mark.asyncio: 'sesion' is not a valid*"
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_asyncio/*")
