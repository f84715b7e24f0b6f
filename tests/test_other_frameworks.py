"""Tests of other async frameworks are left to them, in the same session as ours."""

from __future__ import annotations

import pytest

from conftest import Example

anyio = pytest.importorskip("anyio")

MODES = ("auto", "strict")

BACKENDS = {
    "asyncio": '"asyncio"',
    "asyncio-uvloop": '("asyncio", {"use_uvloop": True})',
    "trio": '"trio"',
}


def backend(name: str) -> str:
    """The parameter of ``anyio_backend`` for one of AnyIO's backends."""
    if name == "asyncio-uvloop":
        pytest.importorskip("uvloop")
    if name == "trio":
        pytest.importorskip("trio")
    return BACKENDS[name]


# The names of the tests say who runs them: what each of them meets is the same.
MIXED = """
import asyncio
import contextvars
import threading

import anyio
import pytest
import pytest_asyncio
import sniffio

BACKEND = BACKEND_PARAMETER
NAME = BACKEND if isinstance(BACKEND, str) else BACKEND[0]

@pytest.fixture(scope="module", params=[BACKEND])
def anyio_backend(request):
    return request.param

@pytest.fixture(scope="SCOPE")
async def theirs(anyio_backend):
    assert sniffio.current_async_library() == NAME
    async with anyio.create_task_group() as group:
        await anyio.sleep(0)
        yield group

@pytest.fixture
async def also_theirs(theirs):
    await anyio.sleep(0)
    return sniffio.current_async_library()

@pytest_asyncio.fixture(scope="SCOPE")
async def ours():
    async with asyncio.TaskGroup() as group:
        yield asyncio.get_running_loop()

@pytest.mark.asyncio
async def test_ours_first(ours):
    assert asyncio.get_running_loop() is ours

@pytest.mark.anyio
async def test_theirs_first(theirs, also_theirs):
    assert sniffio.current_async_library() == also_theirs == NAME
    theirs.start_soon(anyio.sleep, 0)
    await anyio.sleep(0.001)
    if NAME == "trio":
        import trio
        assert trio.lowlevel.current_task() is not None
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
    elif not isinstance(BACKEND, str):
        assert "uvloop" in type(asyncio.get_running_loop()).__module__

@pytest.mark.asyncio
async def test_ours_between(ours):
    await asyncio.sleep(0)
    assert asyncio.get_running_loop() is ours
    assert "uvloop" not in type(ours).__module__

@pytest.mark.anyio
class TestTheirs:
    async def test_method(self, theirs):
        await anyio.sleep(0)
        assert sniffio.current_async_library() == NAME

def test_synchronous(ours):
    assert not ours.is_running()

@pytest.mark.asyncio
async def test_ours_last(ours):
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep, 0)
    assert asyncio.get_running_loop() is ours
"""


@pytest.mark.parametrize("scope", ["function", "module"])
@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("mode", MODES)
def test_anyio_tests_run_on_anyio(
    run: Example, mode: str, name: str, scope: str
) -> None:
    """A test marked ``anyio`` and its fixtures run on the backend that it names."""
    result = run(
        MIXED.replace("BACKEND_PARAMETER", backend(name)).replace("SCOPE", scope),
        "-Werror",
        "-p",
        "no:trio",
        mode=mode,
    )
    result.assert_outcomes(passed=6)


def test_all_backends_of_anyio_in_one_session(run: Example) -> None:
    """AnyIO's own default parameters apply, each on its real backend."""
    pytest.importorskip("trio")
    result = run(
        """
        import anyio
        import pytest
        import sniffio

        SEEN = []

        @pytest.fixture
        async def library():
            await anyio.sleep(0)
            yield sniffio.current_async_library()
            await anyio.sleep(0)

        @pytest.mark.anyio
        async def test_theirs(library, anyio_backend_name):
            assert sniffio.current_async_library() == library == anyio_backend_name
            SEEN.append(library)

        async def test_ours():
            assert sniffio.current_async_library() == "asyncio"

        def test_seen():
            assert {"asyncio", "trio"} <= set(SEEN)
        """,
        "-Werror",
        "-v",
        mode="auto",
    )
    outcomes = result.parseoutcomes()
    assert set(outcomes) == {"passed"}
    assert outcomes["passed"] >= 4
    result.stdout.fnmatch_lines(["*test_theirs[[]trio[]] PASSED*"])


def test_one_plain_fixture_for_two_frameworks(run: Example) -> None:
    """In auto mode a plain async fixture runs in the framework of the test that asks."""
    pytest.importorskip("trio")
    result = run(
        """
        import anyio
        import pytest
        import sniffio

        @pytest.fixture
        async def library():
            async with anyio.create_task_group():
                yield sniffio.current_async_library()

        async def test_ours(library):
            assert library == "asyncio"

        @pytest.mark.anyio
        @pytest.mark.parametrize("anyio_backend", ["trio"])
        async def test_theirs(library, anyio_backend):
            assert library == "trio"

        async def test_ours_again(library):
            assert library == "asyncio"
        """,
        "-Werror",
        mode="auto",
    )
    result.assert_outcomes(passed=3)


def test_a_failure_of_theirs_is_reported_by_them(run: Example) -> None:
    """Failing and crashing tests of AnyIO's do not disturb ours after them."""
    pytest.importorskip("trio")
    result = run(
        """
        import anyio
        import pytest

        @pytest.fixture(params=["trio", "asyncio"])
        def anyio_backend(request):
            return request.param

        @pytest.fixture
        async def broken():
            await anyio.sleep(0)
            raise ValueError("no good")
            yield

        @pytest.mark.anyio
        async def test_failing():
            await anyio.sleep(0)
            assert 1 == 2

        @pytest.mark.anyio
        async def test_error(broken): ...

        async def test_ours():
            await anyio.sleep(0)
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1, failed=2, errors=2)
    assert "pytest_asyncio/" not in result.stdout.str().replace("\\", "/")


def test_anyio_auto_mode_beside_our_strict_mode(run: Example) -> None:
    """With ``anyio_mode = auto``, what is marked ``asyncio`` is still ours."""
    pytest.importorskip("trio")
    result = run(
        """
        import asyncio

        import pytest
        import pytest_asyncio
        import sniffio

        @pytest.fixture
        def anyio_backend():
            return "trio"

        @pytest_asyncio.fixture
        async def ours():
            async with asyncio.TaskGroup() as group:
                yield asyncio.get_running_loop()

        @pytest.mark.asyncio
        async def test_ours(ours):
            assert asyncio.get_running_loop() is ours

        @pytest.mark.anyio
        async def test_theirs():
            assert sniffio.current_async_library() == "trio"
        """,
        mode="strict",
    )
    result.assert_outcomes(passed=2)


# -- pytest-trio -------------------------------------------------------------------------

TRIO = """
import asyncio

import pytest
import pytest_asyncio
import pytest_trio
import sniffio
import trio

@pytest.fixture
async def theirs(nursery):
    await trio.sleep(0)
    async with trio.open_nursery() as inner:
        yield sniffio.current_async_library()

@pytest_trio.trio_fixture
async def also_theirs(autojump_clock):
    await trio.sleep(3600)
    return autojump_clock.current_time()

@pytest_asyncio.fixture(scope="module")
async def ours():
    async with asyncio.TaskGroup() as group:
        yield asyncio.get_running_loop()

@pytest.mark.asyncio
async def test_ours_first(ours):
    assert asyncio.get_running_loop() is ours

@pytest.mark.trio
async def test_theirs(theirs, also_theirs, autojump_clock, nursery):
    assert theirs == sniffio.current_async_library() == "trio"
    assert also_theirs >= 3600
    nursery.start_soon(trio.sleep, 0)
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()

@pytest.mark.asyncio
async def test_ours_last(ours):
    await asyncio.sleep(0)
    assert asyncio.get_running_loop() is ours
"""


@pytest.mark.parametrize("mode", MODES)
def test_trio_tests_run_under_pytest_trio(run: Example, mode: str) -> None:
    """A test marked ``trio`` and its fixtures are pytest-trio's."""
    pytest.importorskip("pytest_trio")
    result = run(TRIO, "-Werror", mode=mode)
    result.assert_outcomes(passed=3)


def test_all_three_in_one_session(run: Example) -> None:
    """AnyIO, pytest-trio and ours run one after the other, also in one module."""
    pytest.importorskip("pytest_trio")
    result = run(
        TRIO
        + """
@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["trio", "asyncio"])
async def test_anyio(anyio_backend):
    assert sniffio.current_async_library() == anyio_backend

async def test_automatic(ours):
    assert asyncio.get_running_loop() is ours
""",
        "-Werror",
        mode="auto",
    )
    result.assert_outcomes(passed=6)


def test_trio_mode_beside_our_strict_mode(run: Example) -> None:
    """pytest-trio's ``trio_mode`` takes what is unmarked, and works as without us."""
    pytest.importorskip("pytest_trio")
    result = run(
        """
        import pytest
        import sniffio
        import trio

        @pytest.fixture
        async def theirs():
            await trio.sleep(0)
            yield sniffio.current_async_library()

        async def test_theirs(theirs):
            assert theirs == sniffio.current_async_library() == "trio"
        """,
        ini="trio_mode = true",
        mode="strict",
    )
    result.assert_outcomes(passed=1)


# -- and others --------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["auto", "strict"])
@pytest.mark.parametrize("marker", ["anyio", "tornado", "trio", "twisted"])
def test_marked_for_a_framework_that_is_not_there(
    run: Example, marker: str, mode: str
) -> None:
    """In auto mode too, a test marked for another framework is not run by us, but told why."""
    result = run(
        f"""
        import pytest

        @pytest.mark.{marker}
        async def test_theirs():
            print("called")

        @pytest.fixture
        async def plain(): ...

        @pytest.mark.asyncio
        async def test_ours(): ...
        """,
        "-Wignore",
        "-s",
        ini=f"markers = {marker}",
        mode=mode,
        subprocess=True,  # Without the plugins of AnyIO and Trio.
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "async def functions are not natively supported.",
            f"test_example.py::test_theirs is marked with pytest.mark.{marker}, so *",
            "Install or load that plugin. *",
        ]
    )
    result.stdout.no_fnmatch_line("*called*")


def test_another_plugin_runs_the_test(run: Example) -> None:
    """A marker of another framework and a plugin that heeds it: ours stays out of it."""
    result = run(
        """
        import pytest

        RUN_BY = []

        @pytest.mark.twisted
        async def test_theirs():
            RUN_BY.append("theirs")

        async def test_ours():
            assert RUN_BY == ["plugin", "theirs"]
        """,
        conftest="""
        import pytest

        def pytest_pyfunc_call(pyfuncitem):
            if pyfuncitem.get_closest_marker("twisted"):
                pyfuncitem.module.RUN_BY.append("plugin")
                coroutine = pyfuncitem.obj()
                with pytest.raises(StopIteration):
                    coroutine.send(None)
                return True
        """,
        ini="markers = twisted",
        mode="auto",
    )
    result.assert_outcomes(passed=2)


# -- other plugins that run fixtures -----------------------------------------------------------


def test_plain_fixtures_that_another_plugin_runs(run: Example) -> None:
    """In strict mode a plain async fixture is left to any plugin there is, as pytest-sanic."""
    result = run(
        """
        import pytest

        pytestmark = pytest.mark.asyncio

        @pytest.fixture(autouse=True)
        async def run_by_another():
            return "value"

        async def test_async(run_by_another):
            assert run_by_another == "value"
        """,
        conftest="""
            import asyncio
            import inspect

            import pytest

            @pytest.hookimpl(wrapper=True)
            def pytest_fixture_setup(fixturedef):
                original = fixturedef.func
                if inspect.iscoroutinefunction(original):
                    fixturedef.func = lambda: asyncio.run(original())
                try:
                    return (yield)
                finally:
                    fixturedef.func = original
            """,
        mode="strict",
    )
    result.assert_outcomes(passed=1)


def test_fixtures_that_a_library_has_declared(run: Example) -> None:
    """Libraries that do without this package say by an attribute that a fixture is asyncio's."""
    result = run(
        """
        import asyncio

        import pytest

        def fixture(function, **options):
            function._force_asyncio_fixture = True
            return pytest.fixture(function, **options)

        async def generator():
            yield asyncio.get_running_loop()

        async def coroutine():
            return asyncio.get_running_loop()

        of_test = fixture(generator)
        of_module = fixture(coroutine, scope="module")

        @pytest.mark.asyncio
        async def test_it(of_test, of_module):
            assert of_test is of_module is asyncio.get_running_loop()

        def test_sync(of_test):
            assert of_test.run_until_complete(asyncio.sleep(0, "ran")) == "ran"
        """
    )
    result.assert_outcomes(passed=2)


# -- AnyIO, loaded before or after --


@pytest.mark.parametrize("plugins", [("anyio", "asyncio"), ("asyncio", "anyio")])
@pytest.mark.parametrize("scope", ["function", "session"])
def test_our_fixtures_in_tests_of_anyio(
    run: Example, plugins: tuple[str, str], scope: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever plugin was loaded first, what is made with our decorator runs in our loop."""
    pytest.importorskip("anyio")
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    result = run(
        f"""
        import asyncio

        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope={scope!r}, loop_scope="session")
        async def value():
            await asyncio.sleep(0)
            yield asyncio.get_running_loop()

        @pytest.mark.anyio
        @pytest.mark.parametrize("anyio_backend", ["asyncio"])
        async def test_theirs(value):
            pass

        @pytest.mark.asyncio(loop_scope="session")
        async def test_ours(value):
            assert value is asyncio.get_running_loop()
        """,
        *(f"-p{name}" for name in plugins),
        # pytest 8 gives it where a plugin that it is to load is imported already, as here.
        *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
    )
    result.assert_outcomes(passed=2)


# -- pytest-describe ----------------------------------------------------------------------------


def test_blocks_of_tests(run: Example) -> None:
    """To pytest-describe a block is a module in a module: module scope is that of the file."""
    pytest.importorskip("pytest_describe")
    result = run(
        """
        import asyncio

        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="module", loop_scope="module")
        async def of_file():
            yield asyncio.get_running_loop()

        @pytest.mark.asyncio(loop_scope="module")
        def describe_outer():
            @pytest_asyncio.fixture(scope="module", loop_scope="module")
            async def of_block():
                yield asyncio.get_running_loop()

            async def it_shares(of_block, of_file):
                assert of_block is of_file is asyncio.get_running_loop()

            def describe_inner():
                async def it_shares(of_block, of_file):
                    assert of_block is of_file is asyncio.get_running_loop()

            async def it_plans(planned):
                assert planned is asyncio.get_running_loop()

            @pytest_asyncio.fixture(scope="module")
            async def planned():
                yield asyncio.get_running_loop()

        @pytest.mark.asyncio(loop_scope="module")
        async def test_after(of_file):
            assert of_file is asyncio.get_running_loop()
        """
    )
    result.assert_outcomes(passed=4)


# -- blockbuster ---------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["function", "session"])
def test_blockbuster_does_not_hear_of_the_plugin(run: Example, scope: str) -> None:
    """Nothing that the plugin does while a loop runs counts as blocking; what a test does, does."""
    pytest.importorskip("blockbuster")
    result = run(
        f"""
        import asyncio
        from blockbuster import blockbuster_ctx, BlockingError
        import pytest
        import threading
        import time

        @pytest.fixture(scope="{scope}", autouse=True)
        def forbids():
            with blockbuster_ctx() as blockbuster:
                yield blockbuster

        async def test_that_waits_for_a_thread():
            loop = asyncio.get_running_loop()
            done = loop.create_future()
            threading.Timer(0.1, loop.call_soon_threadsafe, (done.set_result, 1)).start()
            assert await done == 1

        async def test_that_leaves_a_task_that_takes_a_moment_to_end():
            async def clean_up():
                try:
                    await asyncio.sleep(60)
                finally:
                    await asyncio.sleep(0.05)

            test_that_leaves_a_task_that_takes_a_moment_to_end.task = asyncio.create_task(
                clean_up()
            )
            await asyncio.sleep(0)

        async def test_that_blocks():
            with pytest.raises(BlockingError):
                time.sleep(0.1)
        """,
        mode="auto",
        subprocess=True,
    )
    result.assert_outcomes(passed=3)


# -- beartype ------------------------------------------------------------------------------------


def test_beartype_checks_the_calls_of_the_plugin_too(run: Example) -> None:
    """It is told to check what is imported, and has nothing to say of the plugin."""
    pytest.importorskip("beartype")
    result = run(
        """
        import asyncio
        import pytest
        import threading

        @pytest.fixture(scope="module")
        async def server():
            task = asyncio.create_task(asyncio.sleep(60))
            yield task
            task.cancel()

        async def test_that_waits(server):
            await asyncio.sleep(0.01)
            loop = asyncio.get_running_loop()
            done = loop.create_future()
            threading.Timer(0.1, loop.call_soon_threadsafe, (done.set_result, 1)).start()
            assert await done == 1

        async def test_that_leaves_a_task():
            test_that_leaves_a_task.task = asyncio.create_task(asyncio.sleep(60))

        def test_synchronously(event_loop, unused_tcp_port):
            event_loop.run_until_complete(asyncio.sleep(0))

        def test_that_beartype_is_there():
            from product import takes_text

            with pytest.raises(Exception, match="violates type hint"):
                takes_text(1)
        """,
        files={"product.py": "def takes_text(text: str): ..."},
        conftest="""
        import warnings
        from beartype.claw import beartype_packages

        warnings.simplefilter("ignore")
        # Not all there are: some of the standard library of Python 3.14 cannot be imported then.
        beartype_packages(["product", "pytest_asyncio"])
        """,
        mode="auto",
        subprocess=True,
    )
    result.assert_outcomes(passed=4)


# -- plugins that call tests somewhere else ------------------------------------------------------


def test_context_variables_where_a_test_is_called_in_another_context(
    run: Example,
) -> None:
    """As in a greenlet of pytest-twisted's: it has what its fixtures, and the caller, have set."""
    result = run(
        """
        import contextvars
        import pytest_asyncio
        import pytest
        from conftest import OF_CALLER

        pytestmark = pytest.mark.asyncio
        OF_FIXTURE = contextvars.ContextVar("OF_FIXTURE", default=None)

        @pytest_asyncio.fixture
        async def fixture():
            OF_FIXTURE.set("fixture")

        @pytest.fixture
        def synchronous_fixture():
            OF_FIXTURE.set("synchronous")

        async def test_fixture(fixture):
            assert OF_FIXTURE.get() == "fixture"
            OF_FIXTURE.set("test")

        async def test_without():
            assert OF_FIXTURE.get() is None

        async def test_synchronous_fixture(synchronous_fixture):
            assert OF_FIXTURE.get() == "synchronous"
            assert OF_CALLER.get() == "test_synchronous_fixture"
        """,
        conftest="""
        import contextvars
        import decimal
        import pytest

        OF_CALLER = contextvars.ContextVar("OF_CALLER")
        elsewhere = contextvars.Context()
        elsewhere.run(decimal.getcontext)  # The thread of pytest has that variable, too.

        @pytest.hookimpl(tryfirst=True)
        def pytest_pyfunc_call(pyfuncitem):
            names = pyfuncitem._fixtureinfo.argnames
            arguments = {name: pyfuncitem.funcargs[name] for name in names}
            elsewhere.run(OF_CALLER.set, pyfuncitem.name)
            elsewhere.run(pyfuncitem.obj, **arguments)
            return True
        """,
    )
    result.assert_outcomes(passed=3)


# -- pytest-cases --------------------------------------------------------------------------------


def test_closures_that_are_asked_for_with_all_that_the_test_requests(
    run: Example,
) -> None:
    """pytest-cases adds the autouse fixtures to each, and stops the run where pytest does not."""
    result = run(
        """
        import pytest

        @pytest.fixture(autouse=True)
        def always(): ...

        @pytest.fixture
        async def one():
            return 1

        def test_synchronous(request):
            assert request.getfixturevalue("one") == 1

        @pytest.mark.parametrize("name", ["one"])
        def test_by_a_parameter(request, name):
            assert request.getfixturevalue(name) == 1
        """,
        mode="auto",
        conftest="""
        import pytest

        @pytest.hookimpl(trylast=True)
        def pytest_sessionstart(session):
            manager = session._fixturemanager
            closure_of = manager.getfixtureclosure

            def checked(parentnode, initialnames, *args, **options):
                found = closure_of(parentnode, initialnames, *args, **options)
                if isinstance(parentnode, pytest.Item):
                    assert "always" in found[1]
                return found

            manager.getfixtureclosure = checked
        """,
    )
    result.assert_outcomes(passed=2)
