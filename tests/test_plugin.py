"""What pytest loads, by which names, and what that costs a suite with no async test."""

from __future__ import annotations

import ast
import asyncio
import importlib
from importlib.metadata import entry_points
import inspect
from pathlib import Path
import pkgutil
import re
import socket
import sys
from types import ModuleType

import pytest

import pytest_asyncio
from pytest_asyncio import hookspecs
from pytest_asyncio import plugin

from conftest import Example
from conftest import on_linux

MODULES = {
    name: importlib.import_module(f"pytest_asyncio.{name}")
    for _, name, _ in pkgutil.iter_modules(pytest_asyncio.__path__)
}
PUBLIC = {
    name: module for name, module in MODULES.items() if hasattr(module, "__all__")
}

ONE_OF_EACH = """
    import pytest
    import pytest_asyncio

    @pytest_asyncio.fixture
    async def number():
        return 42

    @pytest.mark.asyncio
    async def test_async(number):
        assert number == 42

    def test_sync(): ...
"""


def is_fixture(value: object) -> bool:
    return type(value) is type(plugin.event_loop)


# -- the module --------------------------------------------------------------------------------


def test_plugin_only_imports() -> None:
    """``plugin.py`` imports names from the package, each one by itself, and nothing more."""
    docstring, future, typing, *imports, last = ast.parse(
        inspect.getsource(plugin)
    ).body
    assert isinstance(docstring, ast.Expr)
    assert isinstance(future, ast.ImportFrom)
    assert future.module == "__future__"
    assert ast.unparse(typing) == "from typing import TYPE_CHECKING"
    assert isinstance(last, ast.If)
    assert ast.unparse(last.test) == "not TYPE_CHECKING"
    for statement in (*imports, *last.body):
        assert isinstance(statement, ast.ImportFrom), ast.unparse(statement)
        assert statement.module is not None
        assert statement.module.startswith("pytest_asyncio.")
        assert [alias.asname for alias in statement.names] == [
            alias.name for alias in statement.names
        ]


def test_every_hook_and_fixture_is_registered() -> None:
    """Each hook and fixture that the package defines is there for pytest to find."""
    defined = {
        name: value
        for module in MODULES.values()
        if module not in (plugin, hookspecs)
        for name, value in vars(module).items()
        if (name.startswith("pytest_") and inspect.isfunction(value))
        or is_fixture(value)
    }
    registered = {
        name: value
        for name, value in vars(plugin).items()
        if name.startswith("pytest_") or is_fixture(value)
    }
    assert registered == defined


# What others import from the plugin module: `pytest_asyncio.plugin.fixture`, say.
@pytest.mark.parametrize(
    "name",
    [
        "Config",
        "FixtureRequest",
        "Item",
        "Mode",
        "PytestDeprecationWarning",
        "SubRequest",
        "_ScopeName",
        "event_loop",
        "event_loop_policy",
        "fixture",
        "is_async_test",
        "pytest",
        "unused_tcp_port",
        "unused_tcp_port_factory",
        "unused_udp_port",
        "unused_udp_port_factory",
    ],
)
def test_names_that_others_import(name: str) -> None:
    """Names that other packages take from the plugin module are there."""
    assert hasattr(plugin, name)


@pytest.mark.parametrize(
    "name",
    ["AsyncGenerator", "Runner", "asyncio", "dedent", "pytest_runtest_setup", "scope"],
)
def test_names_of_earlier_releases(name: str) -> None:
    """An editor has imported them from there, or a suite puts something in their place."""
    assert hasattr(plugin, name)


def test_functions_of_earlier_releases() -> None:
    """Some run coroutines in synchronous code by what the plugin had for itself."""

    async def doubled(number: int) -> int:
        return number * 2

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        assert plugin.wrap_in_sync(doubled)(21) == 42
        assert getattr(plugin, "_get_event_loop_no_warn")() is loop  # noqa: B009
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def test_unused_port_of_earlier_releases() -> None:
    """The function below the fixtures was private, and some call it."""
    port = plugin._unused_port(socket.SOCK_STREAM)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", port))


def test_names_that_are_not_there() -> None:
    """A name that no release has had is an error of Python's own, which names it."""
    with pytest.raises(ImportError, match="cannot import name 'fixtur' from 'pytest_"):
        exec("from pytest_asyncio.plugin import fixtur")
    with pytest.raises(AttributeError, match="has no attribute 'mark'"):
        exec("import pytest_asyncio.plugin; pytest_asyncio.plugin.mark")


def test_public_names() -> None:
    """The package exports what it imports, sorted, and nothing by accident."""
    source = ast.parse(inspect.getsource(pytest_asyncio))
    imported = {
        alias.asname or alias.name
        for statement in source.body
        if isinstance(statement, ast.ImportFrom)
        and str(statement.module).startswith("pytest_asyncio.")
        for alias in statement.names
    }
    # A star import would put `mark` in the place of pytest's.
    assert pytest_asyncio.__all__ == sorted({*imported, "__version__"} - {"mark"})


@pytest.mark.parametrize("module", PUBLIC.values(), ids=PUBLIC)
def test_public_names_of_modules(module: ModuleType) -> None:
    """A module's ``__all__`` is sorted, without repetition, and each name exists."""
    names: list[str] = module.__all__
    assert names == sorted(set(names))
    assert [name for name in names if not hasattr(module, name)] == []


def test_public_names_are_public_where_they_come_from() -> None:
    """What the package exports is in the ``__all__`` of the module that defines it."""
    offered = {name for module in PUBLIC.values() for name in module.__all__}
    assert set(pytest_asyncio.__all__) - {"__version__"} <= offered


def test_public_fixtures_are_documented() -> None:
    """Each public fixture is in the ``__all__`` of its module, and says what it is."""
    fixtures = [
        name
        for name, value in vars(plugin).items()
        if is_fixture(value) and not name.startswith("_")
    ]
    offered = {name for module in PUBLIC.values() for name in module.__all__}
    assert set(fixtures) <= offered
    assert all(getattr(plugin, name).__doc__ for name in fixtures)


# -- the names it is loaded by -----------------------------------------------------------------


def test_entry_point() -> None:
    """pytest finds the plugin under the name ``asyncio``."""
    (entry,) = entry_points(group="pytest11", name="asyncio")
    assert entry.value == "pytest_asyncio.plugin"


def test_plugin_by_its_name(pytestconfig: pytest.Config) -> None:
    """Other plugins get the module from pytest by its name."""
    assert pytestconfig.pluginmanager.get_plugin("asyncio") is plugin


@pytest.mark.parametrize("autoload", [True, False], ids=["autoload", "no-autoload"])
@pytest.mark.parametrize("name", ["pytest_asyncio", "pytest_asyncio.plugin"])
@pytest.mark.parametrize("place", ["conftest", "command line"])
def test_named_by_the_user(
    run: Example,
    monkeypatch: pytest.MonkeyPatch,
    autoload: bool,
    name: str,
    place: str,
) -> None:
    """Whoever names the plugin gets it once, whether or not pytest has loaded it already."""
    if not autoload:
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    result = run(
        ONE_OF_EACH,
        "-Werror",
        # pytest 8 does not see which modules belong to an editable install.
        "-Wignore::pytest.PytestAssertRewriteWarning",
        *([f"-p{name}"] if place == "command line" else []),
        conftest=f"""
            {f"pytest_plugins = {name!r}" if place == "conftest" else ""}

            def pytest_configure(config):
                manager = config.pluginmanager
                plugin = manager.get_plugin("asyncio")
                assert plugin.event_loop
                assert manager.get_plugin("pytest_asyncio.plugin").event_loop

            def pytest_report_header(config):
                implementations = config.hook.pytest_fixture_setup.get_hookimpls()
                ours = [
                    each
                    for each in implementations
                    if each.function.__module__.startswith("pytest_asyncio")
                ]
                return f"registered: {{len(ours)}}"
        """,
        subprocess=True,
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines("registered: 1")


@pytest.mark.parametrize("named", ["", 'pytest_plugins = "pytest_asyncio"'])
def test_plugin_can_be_switched_off(run: Example, named: str) -> None:
    """``-p no:asyncio`` leaves nothing of the plugin, also where a suite names it."""
    result = run(
        """
        import pytest

        @pytest.mark.asyncio
        async def test_async(): ...

        def test_sync(): ...
        """,
        "-pno:asyncio",
        conftest=named,
        subprocess=True,
    )
    result.assert_outcomes(passed=1, failed=1, warnings=1)
    result.stdout.no_fnmatch_line("asyncio: mode=*")
    result.stdout.fnmatch_lines("*Unknown pytest.mark.asyncio*")


@pytest.mark.parametrize("hook", ["pytest_configure(config)", "pytest_sessionstart()"])
def test_run_that_somebody_ends_before_it_begins(run: Example, hook: str) -> None:
    """The reason is told, and the exit status is the one that was given."""
    conftest = f"""
        import pytest

        def {hook}:
            pytest.exit("set DATABASE_URL", returncode=7)
    """
    result = run("def test_it(): ...", conftest=conftest, subprocess=True)
    assert result.ret == 7
    said = result.stdout.str() + result.stderr.str()
    assert "Exit: set DATABASE_URL" in said
    assert "Error" not in said


# -- what it costs -------------------------------------------------------------------------------


def test_modules_are_imported_from_the_byte_code_of_pip(run: Example) -> None:
    """pytest rewrites, and keeps in a cache of its own, only what gathers names and the finder."""
    result = run(
        ONE_OF_EACH,
        conftest="""
            from importlib.machinery import SourceFileLoader
            import sys

            def pytest_unconfigure():
                ours = {
                    name: type(module.__spec__.loader) is SourceFileLoader
                    for name, module in sys.modules.items()
                    if name.partition(".")[0] == "pytest_asyncio"
                }
                assert ours["pytest_asyncio.runner"]
                print("REWRITTEN", *sorted(name for name in ours if not ours[name]))
        """,
        subprocess=True,
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        "REWRITTEN pytest_asyncio pytest_asyncio._finder pytest_asyncio.plugin"
    )


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_sync_suite_does_not_import_asyncio(
    run: Example, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """A suite with no async test ends without asyncio having been imported."""
    # Other plugins import it.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    result = run(
        """
        import pytest
        import unittest

        @pytest.fixture(params=[1, 2])
        def number(request):
            yield request.param

        def test_function(number): ...

        class TestMethods:
            def setup_method(self): ...
            def test_method(self, tmp_path): ...

        class TestUnit(unittest.TestCase):
            def test_unit(self): ...
        """,
        "-ppytest_asyncio",
        mode=mode,
        conftest="""
            import sys

            def pytest_unconfigure(config):
                assert config.pluginmanager.has_plugin("asyncio")
                for name in ("asyncio", "pytest_asyncio.runner"):
                    print("LOADED" if name in sys.modules else "NOT LOADED", name)
        """,
        subprocess=True,
    )
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines("NOT LOADED pytest_asyncio.runner")
    if sys.version_info < (3, 14):  # From then on pytest gets it with pdb.
        result.stdout.fnmatch_lines("NOT LOADED asyncio")


def test_inner_runs_of_pytester(run: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plugins can test themselves with one run of pytest after the other in one process."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    result = run(
        """
        import pytest

        @pytest.mark.parametrize("number", [1, 2])
        def test_inner(pytester, number):
            pytester.makepyfile(
                '''
                import asyncio

                def test_loop(event_loop):
                    assert asyncio.get_event_loop() is event_loop

                async def test_closed(event_loop):
                    event_loop.stop()
                    await asyncio.sleep(0)
                '''
            )
            result = pytester.runpytest_inprocess(
                "-ppytest_asyncio", "--asyncio-mode=auto"
            )
            result.assert_outcomes(passed=1, failed=1)
            result.stdout.fnmatch_lines("the event loop was stopped while *")
        """,
        "-ppytest_asyncio",
        conftest='pytest_plugins = "pytester"',
        subprocess=True,
    )
    result.assert_outcomes(passed=2)


HOOKS = """
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_logfinish(nodeid):
    print("hooks after", nodeid.partition("::")[2], hooks())

def hooks():
    return sum(
        each.plugin_name == "pytest_asyncio.running"
        or type(each.plugin).__module__ == "pytest_asyncio.running"
        for name in ("setup", "call", "teardown")
        for each in getattr(CONFIG.hook, f"pytest_runtest_{name}").get_hookimpls()
    )

def pytest_configure(config):
    global CONFIG
    CONFIG = config
"""


@pytest.mark.parametrize(
    ("source", "mode", "hooks"),
    [
        ("def test_it(): ...", "auto", 3),
        ("@pytest.mark.asyncio\nasync def test_it(): ...", "strict", 3),
        ("def test_it(event_loop): ...", "strict", 4),
        (
            "@pytest_asyncio.fixture\nasync def it(): ...\ndef test_it(): ...",
            "strict",
            3,
        ),
        (
            "@pytest_asyncio.fixture\nasync def it(): ...\ndef test_it(it): ...",
            "strict",
            4,
        ),
    ],
)
def test_hooks_where_there_may_be_async_tests(
    run: Example, source: str, mode: str, hooks: int
) -> None:
    """The hooks around tests are there in auto mode, and where anything may need them.

    That around the call is there where a synchronous test that was collected uses a loop.
    """
    source = f"import pytest, pytest_asyncio\n{source}\ndef test_other(): ..."
    result = run(source, "-s", mode=mode, conftest=HOOKS, subprocess=True)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [f"*hooks after test_it {hooks}", f"*hooks after test_other {hooks}"]
    )


def test_hooks_come_back(run: Example) -> None:
    """They are gone where nothing plainly needs them, until something does all the same."""
    result = run(
        """
        import asyncio

        def test_before(): ...

        def test_it(request):
            loop = request.getfixturevalue("event_" + "loop")
            assert asyncio.get_event_loop() is loop
            loop.run_until_complete(asyncio.sleep(0))
            request.config.its_loop = loop

        def test_after(request):
            assert request.config.its_loop.is_closed()
        """,
        "-s",
        "-Werror",
        conftest=HOOKS,
        subprocess=True,
    )
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        [
            "*hooks after test_before 0",
            "*hooks after test_it 4",
            "*hooks after test_after 4",
        ]
    )


INSIDE = """
import asyncio
import pytest
import pytest_asyncio

@pytest_asyncio.fixture
async def loop():
    yield asyncio.get_running_loop()

def test_synchronous(loop): ...

@pytest.mark.asyncio
async def test_deadlock(loop):
    await loop.create_future()
"""


@on_linux
def test_runs_inside_a_run(run: Example) -> None:
    """pytester forgets the modules that a run has imported; the next run has all of its own."""
    result = run(
        """
        import asyncio
        import pytest

        pytest_plugins = "pytester"

        @pytest.mark.parametrize("number", range(2))
        def test_it(pytester, number):
            pytester.makepyfile(__INSIDE__)
            result = pytester.runpytest_inprocess()
            result.assert_outcomes(passed=1, failed=1)
            result.stdout.fnmatch_lines(["E *Failed: deadlock: *::test_deadlock waits*"])
        """.replace("__INSIDE__", repr(INSIDE)),
        subprocess=True,
    )
    result.assert_outcomes(passed=2)


ASYNC_TEST = """
import asyncio, pytest

@pytest.mark.asyncio
async def test_late():
    await asyncio.sleep(0)
    print("late ran")
"""


def test_hooks_come_back_for_tests_that_are_collected_late(run: Example) -> None:
    """A plugin that collects in its own ``pytest_runtestloop`` has its async tests run."""
    result = run(
        "def test_first(): ...",
        "-s",
        "test_example.py",
        files={"late.py": ASYNC_TEST},
        conftest="""
            import pathlib
            import pytest

            @pytest.hookimpl(tryfirst=True)
            def pytest_runtestloop(session):
                module = pytest.Module.from_parent(session, path=pathlib.Path("late.py").resolve())
                session.items.extend(session.genitems(module))
        """,
        subprocess=True,
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*late ran*"])


def test_hooks_come_back_for_items_of_pytester(run: Example) -> None:
    """A test of a plugin may run an async item of pytester under its own configuration."""
    result = run(
        f"""
        from _pytest.runner import runtestprotocol

        def test_it(pytester, capsys):
            item = pytester.getitem({ASYNC_TEST!r}, "test_late")
            reports = runtestprotocol(item, log=False)
            assert [each.outcome for each in reports] == ["passed"] * 3
            assert "late ran" in reports[-1].capstdout + capsys.readouterr().out
        """,
        "-p",
        "pytester",
        "-s",
        subprocess=True,
    )
    result.assert_outcomes(passed=1)


# -- what pytest says about it -------------------------------------------------------------------


def test_starts_where_warnings_are_errors(run: Example) -> None:
    """``python -W error -m pytest`` runs sync and async tests."""
    path = run.pytester.path
    run(ONE_OF_EACH)
    result = run.pytester.run(
        sys.executable, "-W", "error", "-m", "pytest", "-W", "error", str(path)
    )
    result.assert_outcomes(passed=2)
    assert not result.errlines


def test_help_of_options(run: Example) -> None:
    """``--help`` has a group of ours, and every option with its values."""
    result = run("", "--help")
    result.stdout.fnmatch_lines(
        [
            "asyncio: async tests and fixtures:",
            "  --asyncio-mode=MODE *",
            "  --asyncio-debug *",
        ]
    )
    text = " ".join(result.stdout.str().split())
    for option in (
        "asyncio_mode (string): which tests and fixtures run on asyncio: strict or auto",
        "asyncio_debug (bool): run every event loop in asyncio's debug mode",
        (
            "asyncio_leaked_tasks (string): tasks that a test leaves pending: ignore, warn "
            "(cancel and name them) or fail the test (default: ignore)"
        ),
        "asyncio_default_test_loop_scope (string): scope of the event loop of tests",
        (
            "asyncio_default_fixture_loop_scope (string): scope of the event loop of async "
            "fixtures"
        ),
    ):
        # pytest wraps these lines at hyphens, too.
        assert option.replace(" ", "") in text.replace(" ", "")


def test_help_of_fixtures(run: Example) -> None:
    """``--fixtures`` prints the first paragraph of each fixture, and nothing of private ones."""
    result = run("", "--fixtures")
    wanted = {
        "event_loop": "The event loop of the test that requests it*",
        "event_loop_policy [[]session scope]": "The event loop policy that*",
        "unused_tcp_port": "*TCP port*",
        "unused_tcp_port_factory [[]session scope]": "*TCP port*",
        "unused_udp_port": "*UDP port*",
        "unused_udp_port_factory [[]session scope]": "*UDP port*",
    }
    for name, first_line in wanted.items():
        result.stdout.fnmatch_lines(
            [f"{name} -- *pytest_asyncio/*.py:*", f"    {first_line}"],
            consecutive=True,
        )
    result.stdout.no_fnmatch_line("_asyncio*")
    result.stdout.no_fnmatch_line("*:param*")
    headings = re.findall(
        r"fixtures defined from (pytest_asyncio\S*)", str(result.stdout)
    )
    assert headings == ["pytest_asyncio.loop", "pytest_asyncio.ports"]


def test_fixtures_of_a_test_are_the_users(run: Example) -> None:
    """``--fixtures-per-test`` shows the fixtures that the test's author knows of."""
    result = run(ONE_OF_EACH, "--fixtures-per-test", "-k", "test_async")
    result.stdout.fnmatch_lines(["*test_async*", "number -- test_example.py:*"])
    result.stdout.no_fnmatch_line("_asyncio*")


@pytest.mark.parametrize("option", ["--setup-plan", "--setup-show", "--collect-only"])
def test_options_that_show_what_would_be_done(run: Example, option: str) -> None:
    """Options that show the fixtures, or run nothing, name no fixture of ours but one."""
    result = run(ONE_OF_EACH, option)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line("*_asyncio*")


def test_version_is_that_of_the_distribution() -> None:
    """The version in the package is the one that pip knows."""
    from importlib.metadata import version

    assert pytest_asyncio.__version__ == version("pytest-asyncio")


def test_package_is_typed() -> None:
    """Type checkers are told that the package has types."""
    assert Path(pytest_asyncio.__path__[0], "py.typed").is_file()


def test_plugin_that_a_conftest_sends_away(run: Example) -> None:
    """Nothing of it stays behind, however early that is."""
    result = run(
        """
        async def test_async():
            pass

        def test_synchronous():
            pass
        """,
        conftest="""
        def pytest_addhooks(pluginmanager):
            pluginmanager.unregister(name="asyncio")
        """,
        subprocess=True,
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*async def functions are not natively supported*"])


def test_runners_of_earlier_releases(run: Example) -> None:
    """Plugins and suites run coroutines by the private fixtures that 1.1 to 1.5 had."""
    result = run(
        """
        import asyncio
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="module")
        async def client():
            return asyncio.get_running_loop()

        async def running():
            return asyncio.get_running_loop()

        def test_function(_function_scoped_runner):
            assert isinstance(_function_scoped_runner, asyncio.Runner)
            loop = _function_scoped_runner.get_loop()
            assert _function_scoped_runner.run(running()) is loop

        def test_with_a_fixture(client, _function_scoped_runner):
            assert _function_scoped_runner.run(running()) is client

        @pytest.mark.parametrize("scope", ["class", "module", "package", "session"])
        def test_wider(request, scope):
            runner = request.getfixturevalue(f"_{scope}_scoped_runner")
            assert runner.run(running()) is runner.get_loop()

        def test_module(client, _module_scoped_runner):
            assert _module_scoped_runner.run(running()) is client

        class TestOverride:
            @pytest.fixture
            def event_loop(self, _function_scoped_runner):
                return _function_scoped_runner.get_loop()

            async def test_it(self, event_loop):
                assert event_loop is asyncio.get_running_loop()

            async def test_wider_fixture(self, client, event_loop):
                assert client is event_loop

            def test_synchronous(self, event_loop):
                assert event_loop.run_until_complete(running()) is event_loop
        """,
        "-Werror",
        mode="auto",
    )
    result.assert_outcomes(passed=10)
    listed = run("", "--fixtures")
    listed.stdout.no_fnmatch_line("*scoped_runner*")
    listed.stdout.no_fnmatch_line("*defined from*runner*")


def test_overridden_runners_of_earlier_releases(run: Example) -> None:
    """Where a suite has a runner of its own, that one's loop is the one of its scope."""
    result = run(
        """
        import asyncio
        import pytest
        import pytest_asyncio

        class OwnLoop(asyncio.SelectorEventLoop):
            pass

        CLOSED = []

        def made():
            with asyncio.Runner(loop_factory=OwnLoop) as runner:
                yield runner
                loop = runner.get_loop()
            CLOSED.append(loop)

        @pytest.fixture
        def _function_scoped_runner():
            yield from made()

        @pytest.fixture(scope="module")
        def _module_scoped_runner():
            yield from made()

        async def running():
            return asyncio.get_running_loop()

        @pytest_asyncio.fixture
        async def narrow():
            yield asyncio.get_running_loop()
            assert asyncio.get_running_loop() not in CLOSED

        @pytest_asyncio.fixture(scope="module")
        async def wide():
            yield asyncio.get_running_loop()
            assert asyncio.get_running_loop() not in CLOSED

        @pytest_asyncio.fixture(scope="session")
        async def widest():
            return asyncio.get_running_loop()

        def test_synchronous(narrow, _function_scoped_runner):
            assert _function_scoped_runner.run(running()) is narrow

        async def test_async(narrow, event_loop, _function_scoped_runner):
            assert isinstance(narrow, OwnLoop)
            assert narrow is event_loop is asyncio.get_running_loop()
            assert narrow is _function_scoped_runner.get_loop()

        async def test_alone():
            assert isinstance(asyncio.get_running_loop(), OwnLoop)
            assert asyncio.get_running_loop() not in CLOSED

        async def test_module(wide, _module_scoped_runner):
            assert isinstance(wide, OwnLoop)
            assert wide is asyncio.get_running_loop()
            assert wide is _module_scoped_runner.get_loop()

        @pytest.mark.asyncio(loop_scope="module")
        async def test_in_loop_of_module(wide):
            assert wide is asyncio.get_running_loop()

        async def test_session(widest):
            assert not isinstance(widest, OwnLoop)
            assert widest is asyncio.get_running_loop()

        class TestHandedOn:
            @pytest.fixture
            def _function_scoped_runner(self, _function_scoped_runner):
                return _function_scoped_runner

            async def test_it(self, _function_scoped_runner):
                loop = _function_scoped_runner.get_loop()
                assert loop is asyncio.get_running_loop()

        class TestOtherScope:
            @pytest.fixture
            def _function_scoped_runner(self, _session_scoped_runner):
                return _session_scoped_runner

            async def test_it(self, widest):
                assert widest is asyncio.get_running_loop()

            async def test_alone(self, _session_scoped_runner):
                loop = _session_scoped_runner.get_loop()
                assert loop is asyncio.get_running_loop()

        class TestLeftover:
            @pytest.fixture
            def event_loop(self):
                loop = asyncio.new_event_loop()
                yield loop
                loop.close()

            @pytest.mark.asyncio(loop_scope="function")
            async def test_it(self):
                assert isinstance(asyncio.get_running_loop(), OwnLoop)
        """,
        "-Werror",
        mode="auto",
    )
    result.assert_outcomes(passed=10)


def test_classes_of_items_of_earlier_releases(run: Example) -> None:
    """`isinstance` tells async tests by them; who makes items by them gets none."""
    result = run(
        """
        import pytest
        from pytest_asyncio.plugin import Coroutine
        from pytest_asyncio.plugin import PytestAsyncioFunction

        @pytest.fixture(autouse=True)
        def is_async(request):
            return isinstance(request.node, Coroutine)

        async def test_async(is_async, request):
            assert is_async
            assert PytestAsyncioFunction.item_subclass_for(request.node) is None

        def test_sync(is_async):
            assert not is_async

        def test_hooks(monkeypatch):
            name = "pytest_asyncio.plugin.pytest_pyfunc_call"
            monkeypatch.setattr(name, lambda pyfuncitem: None)
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=3)


@pytest.mark.parametrize("kind", ["async_", "decorator", "sync"])
def test_a_conftest_wraps_fixtures(run: Example, kind: str) -> None:
    """It gets the user's own function, and what it puts in place of that is what runs."""
    result = run(
        """
        import asyncio
        import pytest_asyncio

        @pytest_asyncio.fixture
        async def value():
            await asyncio.sleep(0)
            return 1

        @pytest_asyncio.fixture
        async def generator():
            yield 1

        async def test_it(value, generator):
            assert value == ["wrapped", 1]
            assert generator == 1
        """,
        mode="auto",
        conftest=f"""
        import asyncio
        import functools
        import inspect
        import pytest

        KIND = {kind!r}

        @pytest.hookimpl(wrapper=True)
        def pytest_fixture_setup(fixturedef):
            function = fixturedef.func
            if fixturedef.argname == "generator":
                assert inspect.isasyncgenfunction(function)
            if not inspect.iscoroutinefunction(function):
                return (yield)

            @functools.wraps(function)
            async def wrapped(*args, **kwargs):
                return ["wrapped", await function(*args, **kwargs)]

            @functools.wraps(function)
            def decorated(*args, **kwargs):
                return wrapped(*args, **kwargs)

            def run(*args, **kwargs):
                with asyncio.Runner() as runner:
                    return runner.run(wrapped(*args, **kwargs))

            given = dict(async_=wrapped, decorator=decorated, sync=run)
            fixturedef.func = given[KIND]
            try:
                return (yield)
            finally:
                fixturedef.func = function
        """,
    )
    result.assert_outcomes(passed=1)
