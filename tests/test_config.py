"""Modes, options and scopes: what users write, and what they read when it is wrong."""

from __future__ import annotations

import sys
from textwrap import dedent

import pytest

from pytest_asyncio import config
from pytest_asyncio.config import LeakedTasks
from pytest_asyncio.config import Mode
from pytest_asyncio.config import settings

from conftest import Example

ONE_TEST = """
    import pytest

    @pytest.mark.asyncio
    async def test_one():
        pass
"""

TWO_UNMARKED = """
    import pytest

    @pytest.fixture
    async def number():
        return 42

    async def test_bare():
        pass

    async def test_with_fixture(number):
        assert number == 42
"""

# Each test notes the loop that it runs in; the last one, which is synchronous, counts them.
LOOPS_IN_EACH_SCOPE = {
    "package/__init__.py": "",
    "package/conftest.py": """
        import asyncio
        import pytest

        @pytest.fixture(scope="session")
        def loops():
            return []

        @pytest.fixture(autouse=True)
        def note(event_loop, loops):
            if event_loop not in loops:
                loops.append(event_loop)
    """,
    "package/test_1.py": """
        class TestA:
            async def test_1(self): ...
            async def test_2(self): ...

        class TestB:
            async def test_3(self): ...
    """,
    "package/test_2.py": """
        async def test_4(): ...
    """,
    "package/test_3_count.py": """
        def test_count(loops, pytestconfig, request):
            # The loop of this test is one more where the scope is function or module.
            print("LOOPS", len(loops))
    """,
}


# -- what is in force ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, ini, expected",
    [
        (
            [],
            "",
            (
                "asyncio: mode=strict, debug=false, "
                "asyncio_default_fixture_loop_scope=unset, "
                "asyncio_default_test_loop_scope=unset"
            ),
        ),
        (
            ["--asyncio-mode=auto", "--asyncio-debug"],
            """
            asyncio_default_fixture_loop_scope = fixture-scope
            asyncio_default_test_loop_scope = session
            """,
            (
                "asyncio: mode=auto, debug=true, "
                "asyncio_default_fixture_loop_scope=fixture-scope, "
                "asyncio_default_test_loop_scope=session"
            ),
        ),
    ],
)
def test_report_header(
    run: Example, arguments: list[str], ini: str, expected: str
) -> None:
    """The report header says in one line, in the words users write, what is in force."""
    result = run(ONE_TEST, *arguments, ini=ini)
    lines = [line for line in result.outlines if line.startswith("asyncio:")]
    assert lines == [expected]


def test_command_line_wins_over_file(run: Example) -> None:
    """What the command line says goes before what the file says."""
    result = run(
        TWO_UNMARKED,
        "--asyncio-mode=auto",
        "--asyncio-debug",
        ini="asyncio_mode = strict",
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines("asyncio: mode=auto, debug=true,*")


@pytest.mark.parametrize("option", ["-oasyncio_mode=auto", "--asyncio-mode=auto"])
def test_mode_can_be_given_on_the_command_line(run: Example, option: str) -> None:
    """Both pytest's way to override an option and ours work."""
    run(TWO_UNMARKED, option).assert_outcomes(passed=2)


@pytest.mark.parametrize(
    "written, expected",
    [
        ("true", True),
        ("True", True),
        ("1", True),
        ("yes", True),
        ("on", True),
        ("false", False),
        ("0", False),
        ("off", False),
    ],
)
def test_debug_is_a_truth_value(run: Example, written: str, expected: bool) -> None:
    """Debug mode is switched on in every spelling that pytest knows for true."""
    source = f"""
        import asyncio
        import pytest
        import sys

        @pytest.mark.asyncio
        async def test_debug():
            # Python's development mode switches it on as well.
            expected = {expected} or sys.flags.dev_mode
            assert asyncio.get_running_loop().get_debug() is expected
    """
    result = run(source, ini=f"asyncio_debug = {written}")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(f"asyncio: *debug={str(expected).lower()},*")


def test_debug_reaches_the_loop_of_an_overridden_event_loop(run: Example) -> None:
    """A loop that the user's fixture makes runs in debug mode as well."""
    result = run(
        """
        import asyncio
        import pytest

        @pytest.fixture
        def event_loop():
            loop = asyncio.new_event_loop()
            yield loop
            loop.close()

        @pytest.mark.asyncio
        async def test_debug():
            assert asyncio.get_running_loop().get_debug()
        """,
        "--asyncio-debug",
    )
    result.assert_outcomes(passed=1)


@pytest.mark.skipif(
    pytest.version_tuple < (9, 0), reason="pytest has no native TOML options"
)
def test_options_in_native_toml(run: Example) -> None:
    """A boolean is a boolean in pytest's own table of ``pyproject.toml``."""
    result = run(
        TWO_UNMARKED,
        files={
            "pyproject.toml": """
                [tool.pytest]
                asyncio_mode = "auto"
                asyncio_debug = true
                asyncio_default_test_loop_scope = "module"
            """
        },
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        "asyncio: mode=auto, debug=true,*test_loop_scope=module"
    )


@pytest.mark.parametrize(
    "setting, value",
    [
        ("asyncio_mode", "strict"),
        ("asyncio_debug", False),
        ("asyncio_leaked_tasks", "ignore"),
        ("asyncio_default_fixture_loop_scope", None),
        ("asyncio_default_test_loop_scope", "function"),
    ],
)
def test_defaults_as_other_plugins_read_them(
    pytester: pytest.Pytester, setting: str, value: object
) -> None:
    """Other plugins get an option's default from pytest, by the option's name."""
    configuration = pytester.parseconfigure()
    assert configuration.getini(setting) == value
    if setting in {"asyncio_mode", "asyncio_debug"}:
        assert configuration.getoption(setting) is None


def test_option_as_other_plugins_read_it(pytester: pytest.Pytester) -> None:
    """Other plugins get what the command line says from pytest, by the option's name."""
    configuration = pytester.parseconfigure("--asyncio-mode=auto", "--asyncio-debug")
    assert configuration.getoption("asyncio_mode") == "auto"
    assert configuration.getoption("asyncio_debug") is True


def test_other_plugin_may_set_the_mode(run: Example) -> None:
    """A plugin may set the mode in its ``pytest_configure``; it is not read earlier."""
    conftest = """
        import pytest

        @pytest.hookimpl(tryfirst=True)
        def pytest_configure(config):
            config.option.asyncio_mode = "auto"
    """
    run(TWO_UNMARKED, conftest=conftest).assert_outcomes(passed=2)


@pytest.mark.parametrize("mode", ["strict", "auto"])
@pytest.mark.parametrize(
    "when", ["pytest_configure(config)", "pytest_sessionstart(session)"]
)
def test_conftest_may_set_the_mode_late(
    run: Example, pytester: pytest.Pytester, when: str, mode: str
) -> None:
    """What a ``conftest.py`` further down sets counts from then on."""
    if "session" in when:
        conftest = f"""
            def {when}:
                session.config.option.asyncio_mode = {mode!r}
        """
        result = run(
            TWO_UNMARKED,
            conftest=conftest,
            mode={"strict": "auto", "auto": "strict"}[mode],
        )
    else:
        directory = pytester.mkdir("further_down")
        directory.joinpath("conftest.py").write_text(
            f"def {when}:\n    config.option.asyncio_mode = {mode!r}\n"
        )
        directory.joinpath("test_down.py").write_text(dedent(TWO_UNMARKED))
        result = run("", mode={"strict": "auto", "auto": "strict"}[mode])
    outcomes = result.parseoutcomes()
    if mode == "auto":
        assert outcomes == {"passed": 2}
    else:
        assert outcomes.get("failed", 0) + outcomes.get("errors", 0) == 2


def test_settings_are_parsed_once(pytester: pytest.Pytester) -> None:
    """The settings are a frozen value, and the same one at each call."""
    configuration = pytester.parseconfigure("--asyncio-mode=auto")
    chosen = settings(configuration)
    assert chosen is settings(configuration)
    assert chosen == config.Settings(
        mode=Mode.AUTO,
        debug=False,
        leaked_tasks=LeakedTasks.IGNORE,
        default_test_loop_scope=None,
        default_fixture_loop_scope=None,
    )
    with pytest.raises(AttributeError):
        chosen.debug = True  # type: ignore[misc]


def test_settings_before_configure(pytester: pytest.Pytester) -> None:
    """Asking for the settings before they are there is an error, not a wrong answer."""
    with pytest.raises(KeyError):
        settings(pytester.parseconfig())


def test_values_are_strings() -> None:
    """A mode compares equal to the word that users write for it, and prints as that word."""
    assert [str(mode) for mode in Mode] == ["auto", "strict"]
    assert [str(choice) for choice in LeakedTasks] == ["ignore", "warn", "fail"]
    assert Mode("auto") == "auto"


# -- wrong values ------------------------------------------------------------------------------

SCOPES = "session, package, module, class, function"


@pytest.mark.parametrize(
    "arguments, ini, message",
    [
        (
            ["--asyncio-mode=True"],
            "",
            "ERROR: 'True' is not a valid asyncio_mode. Valid modes: auto, strict.",
        ),
        (
            [],
            "asyncio_mode = legacy",
            "ERROR: 'legacy' is not a valid asyncio_mode. Valid modes: auto, strict.",
        ),
        (
            [],
            "asyncio_mode =",
            "ERROR: '' is not a valid asyncio_mode. Valid modes: auto, strict.",
        ),
        (
            [],
            "asyncio_mode = AUTO",
            "ERROR: 'AUTO' is not a valid asyncio_mode. Valid modes: auto, strict.",
        ),
        (
            [],
            "asyncio_debug = maybe",
            "ERROR: 'maybe' is not a valid asyncio_debug. Valid values: false, true.",
        ),
        (
            [],
            "asyncio_leaked_tasks = explode",
            (
                "ERROR: 'explode' is not a valid asyncio_leaked_tasks. "
                "Valid values: ignore, warn, fail."
            ),
        ),
        (
            [],
            "asyncio_default_test_loop_scope = test",
            (
                "ERROR: 'test' is not a valid asyncio_default_test_loop_scope. "
                f"Valid scopes: {SCOPES}."
            ),
        ),
        (
            [],
            "asyncio_default_test_loop_scope = fixture-scope",
            (
                "ERROR: 'fixture-scope' is not a valid asyncio_default_test_loop_scope. "
                f"Valid scopes: {SCOPES}."
            ),
        ),
        (
            ["-oasyncio_default_fixture_loop_scope=sesion"],
            "",
            (
                "ERROR: 'sesion' is not a valid asyncio_default_fixture_loop_scope. "
                f"Valid scopes: {SCOPES}, fixture-scope."
            ),
        ),
    ],
)
def test_wrong_value_is_a_usage_error(
    run: Example, arguments: list[str], ini: str, message: str
) -> None:
    """A wrong value ends the run with one line that names it, the option and valid values."""
    result = run(ONE_TEST, *arguments, ini=ini, subprocess=True)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert [line for line in result.errlines if line] == [message]
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_unset_scope_may_be_written_down(run: Example) -> None:
    """An empty scope is an unset one."""
    result = run(ONE_TEST, ini="asyncio_default_test_loop_scope =")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines("asyncio: *asyncio_default_test_loop_scope=unset")


def test_nothing_warns_about_unset_options(run: Example) -> None:
    """A run starts, and ends well, where every warning is an error."""
    run(ONE_TEST)
    result = run.pytester.run(
        sys.executable, "-W", "error", "-m", "pytest", "-W", "error"
    )
    result.assert_outcomes(passed=1)
    assert not result.errlines
    assert result.ret == pytest.ExitCode.OK


# -- modes -------------------------------------------------------------------------------------


def test_strict_mode_leaves_unmarked_tests_alone(run: Example) -> None:
    """In strict mode an async test without the marker is not run, and is told what it lacks."""
    result = run(TWO_UNMARKED, "-k", "bare")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "async def functions are not natively supported.",
            "test_example.py::test_bare has no pytest.mark.asyncio, and in strict mode *",
            "Mark the test, *",
        ]
    )
    result.stdout.no_fnmatch_line("*install*")


@pytest.mark.parametrize("other", ["async", "sync"])
def test_a_marker_that_comes_too_late(run: Example, other: str) -> None:
    """It does not count, which the failure says."""
    result = run(
        f"""
        import pytest

        @pytest.mark.asyncio
        {"async " * (other == "async")}def test_other():
            pass

        @pytest.fixture
        def late(request):
            request.node.add_marker("asyncio")

        async def test_late(late):
            pass
        """,
        "-W",
        "ignore",
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "test_example.py::test_late was marked with pytest.mark.asyncio when *",
            "Add the marker no later than in *pytest_collection_modifyitems*",
        ]
    )


def test_another_plugin_may_run_unmarked_tests(run: Example) -> None:
    """Where somebody has the hook, it is not for us to say that nobody runs them."""
    result = run(
        TWO_UNMARKED,
        "-k",
        "bare",
        conftest="""
        import asyncio
        import inspect

        def pytest_pyfunc_call(pyfuncitem):
            if inspect.iscoroutinefunction(pyfuncitem.obj):
                asyncio.run(pyfuncitem.obj())
                return True
        """,
    )
    result.assert_outcomes(passed=1)


def test_auto_mode_runs_unmarked_tests_and_fixtures(run: Example) -> None:
    """In auto mode no decorator of ours is needed."""
    run(TWO_UNMARKED, mode="auto").assert_outcomes(passed=2)


@pytest.mark.skipif(
    not hasattr(pytest, "PytestRemovedIn9Warning"),
    reason="pytest 9 makes errors of them",
)
def test_strict_mode_warns_of_plain_async_fixture(run: Example) -> None:
    """With pytest 8, where it was no more than a warning, it is one still."""
    result = run(
        """
        import pytest

        @pytest.fixture(autouse=True)
        async def number():
            yield 42

        @pytest.mark.asyncio
        async def test_it(): ...
        """
    )
    result.assert_outcomes(passed=1, warnings=2)
    result.stdout.fnmatch_lines(
        [
            (
                "*PytestDeprecationWarning: the async test test_example.py::test_it requests "
                "the async fixture 'number', which is made with pytest.fixture."
            ),
            "*Decorate 'number' (test_example.py:4) with pytest_asyncio.fixture, or set *",
        ]
    )


@pytest.mark.skipif(
    hasattr(pytest, "PytestRemovedIn9Warning"), reason="pytest 8 warns of them, no more"
)
def test_strict_mode_refuses_plain_async_fixture(run: Example) -> None:
    """In strict mode a test of ours with a plain async fixture is told what to write."""
    result = run(
        """
        import pytest

        @pytest.fixture
        async def number():
            return 42

        @pytest.fixture
        def twice(number):
            return 2 * number

        @pytest.mark.asyncio
        async def test_direct(number): ...

        @pytest.mark.asyncio
        async def test_through_another(twice): ...

        @pytest.fixture(scope="module")
        async def wide():
            yield

        @pytest.mark.asyncio
        async def test_wide(wide): ...

        @pytest.mark.asyncio
        async def test_wide_again(wide): ...
        """,
        "-p",
        "no:cacheprovider",
    )
    result.assert_outcomes(errors=4)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at setup of test_direct*",
            (
                "*the async test test_example.py::test_direct requests the async fixture "
                "'number', which is made with pytest.fixture."
            ),
            (
                "*In strict mode pytest-asyncio runs only fixtures made with "
                "pytest_asyncio.fixture."
            ),
            (
                "*Decorate 'number' (test_example.py:4) with pytest_asyncio.fixture, or set "
                "asyncio_mode = auto."
            ),
            "*ERROR at setup of test_through_another*",
            "*the async test test_example.py::test_through_another requests *'number'*",
            "*the async test test_example.py::test_wide requests *'wide'*",
            "*the async test test_example.py::test_wide_again requests *'wide'*",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")


@pytest.mark.skipif(pytest.version_tuple < (9,), reason="pytest 8 warns, no more")
@pytest.mark.parametrize("others", ["", "anyio"])
def test_plain_async_fixture_of_a_sync_test_in_strict_mode(
    run: Example, others: str
) -> None:
    """pytest says that nobody runs it; where a run has to do with us, it is told how we would."""
    result = run(
        f"""
        import pytest

        @pytest.fixture
        async def number():
            return 42

        @pytest.mark.asyncio
        async def test_async():
            pass

        {"@pytest.mark.anyio" * bool(others)}
        def test_sync(number): ...
        """,
        ini="markers = anyio",
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines("*requested an async fixture 'number'*")
    result.stdout.no_fnmatch_line("*pytest-asyncio runs only*")
    advice = (
        "*decorate 'number' (test_example.py:4) with pytest_asyncio.fixture, or set *"
    )
    if others:
        result.stdout.no_fnmatch_line(advice)
    else:
        result.stdout.fnmatch_lines(advice)


# -- default scopes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scope, loops",
    [("function", 5), ("class", 4), ("module", 3), ("package", 1), ("session", 1)],
)
def test_default_scope_of_tests(run: Example, scope: str, loops: int) -> None:
    """Tests that say none have a loop of the scope in the option."""
    result = run(
        "",
        "-s",
        mode="auto",
        files=LOOPS_IN_EACH_SCOPE,
        ini=f"asyncio_default_test_loop_scope = {scope}",
    )
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines(f"*LOOPS {loops}*")


def test_own_scope_of_a_test_wins_over_the_option(run: Example) -> None:
    """A marker that says a scope is obeyed whatever the option says."""
    run(
        """
        import asyncio
        import pytest

        seen = []

        @pytest.mark.parametrize("number", [1, 2])
        @pytest.mark.asyncio(loop_scope="function")
        async def test_own(number):
            seen.append(asyncio.get_running_loop())
            assert len(set(seen)) == number

        @pytest.mark.parametrize("number", [1, 2])
        @pytest.mark.asyncio
        async def test_default(number):
            if number == 1:
                seen.clear()
            seen.append(asyncio.get_running_loop())
            assert len(set(seen)) == 1
        """,
        ini="asyncio_default_test_loop_scope = module",
    ).assert_outcomes(passed=4)


@pytest.mark.parametrize(
    "option, same_as_module_test",
    [("function", True), ("module", True), ("fixture-scope", True), ("session", False)],
)
def test_default_scope_of_fixtures(
    run: Example, option: str, same_as_module_test: bool
) -> None:
    """Fixtures run in a loop of the option's scope, or of their own where that is wider."""
    run(
        f"""
        import asyncio
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="module")
        async def loop():
            return asyncio.get_running_loop()

        @pytest.mark.asyncio(loop_scope="module")
        async def test_module_loop(loop):
            same = loop is asyncio.get_running_loop()
            assert same is {same_as_module_test}

        @pytest.mark.asyncio(loop_scope="session")
        async def test_session_loop(loop):
            same = loop is asyncio.get_running_loop()
            assert same is not {same_as_module_test}
        """,
        ini=f"asyncio_default_fixture_loop_scope = {option}",
    ).assert_outcomes(passed=2)


def test_default_scope_of_fixtures_narrower_than_the_fixture(run: Example) -> None:
    """``function``, which migration guides advise, works with wider fixtures."""
    run(
        """
        import asyncio
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="session")
        async def session_loop():
            yield asyncio.get_running_loop()

        @pytest_asyncio.fixture
        async def loop():
            yield asyncio.get_running_loop()

        @pytest.mark.asyncio
        async def test_one(session_loop, loop):
            assert not session_loop.is_closed()
            assert loop is asyncio.get_running_loop()
        """,
        ini="asyncio_default_fixture_loop_scope = function",
    ).assert_outcomes(passed=1)
