"""Which tests run, with which outcomes, and what Ctrl-C leaves behind."""

from __future__ import annotations

from collections.abc import Sequence
import re
import signal
import subprocess
import sys
import textwrap
from typing import IO

import pytest

from conftest import Example
from conftest import needs_sigint
from conftest import WITHOUT_SLOW_PLUGINS

HEAD = """
import asyncio
import functools
import pytest
import pytest_asyncio

events = []

async def runs():
    await asyncio.sleep(0)
    assert asyncio.current_task() is not None
    events.append("ran")
"""

RAN = """
def test_ran():
    assert events == ["ran"]
"""


def project(source: str, **replaced: str) -> str:
    """A test module: the imports that all examples share, and the example."""
    text = textwrap.dedent(source)
    for name, value in replaced.items():
        text = text.replace(name, value)
    return HEAD + text


# -- what runs ------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["strict", "auto"])
@pytest.mark.parametrize(
    "source",
    [
        """
        @pytest.mark.asyncio
        async def test_it():
            await runs()
        """,
        """
        @pytest.mark.asyncio
        async def test_it():
            task = asyncio.current_task()
            yield
            assert asyncio.current_task() is task
            yield
            await runs()
        """,
        """
        pytestmark = pytest.mark.asyncio

        async def taking(number):
            assert number == 42
            await runs()

        test_it = functools.partial(taking, number=42)
        """,
        """
        @pytest.fixture
        def number():
            return 42

        async def taking(text, number):
            assert (text, number) == ("text", 42)
            await runs()

        test_it = functools.partial(taking, "text")
        test_it.pytestmark = [pytest.mark.asyncio]
        """,
        """
        class TestMethods:
            @pytest.mark.asyncio
            async def test_it(self):
                await runs()
        """,
        """
        class TestMethods:
            @staticmethod
            @pytest.mark.asyncio
            async def test_it():
                await runs()
        """,
        """
        class TestMethods:
            @classmethod
            @pytest.mark.asyncio
            async def test_it(cls):
                assert cls is TestMethods
                await runs()
        """,
        """
        class TestMethods:
            @staticmethod
            @pytest.mark.asyncio
            async def test_it():
                yield
                await runs()
        """,
        """
        def decorated(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs):
                return function(*args, **kwargs)
            return wrapper

        @pytest.mark.asyncio
        @decorated
        async def test_it(tmp_path):
            assert tmp_path.is_dir()
            await runs()
        """,
        """
        def decorated(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs):
                return function(*args, **kwargs)
            return wrapper

        @pytest.mark.asyncio
        @decorated
        async def test_it():
            yield
            await runs()
        """,
        """
        def decorated(function):
            def wrapper():
                return function()
            return wrapper

        @pytest.mark.asyncio
        @decorated
        async def test_it():
            await runs()
        """,
        """
        class Awaitable:
            def __await__(self):
                return runs().__await__()

        @pytest.mark.asyncio
        def test_it():
            return Awaitable()
        """,
        """
        from unittest import mock

        @pytest.mark.asyncio
        @mock.patch("os.getpid", lambda: 42)
        async def test_it():
            assert __import__("os").getpid() == 42
            await runs()
        """,
        """
        @pytest.mark.asyncio
        @pytest.mark.parametrize("number", [42])
        @pytest.mark.skipif("False")
        async def test_it(number, *, request):
            assert number == 42
            await runs()
        """,
    ],
    ids=[
        "coroutine",
        "generator",
        "partial",
        "partial-with-fixture",
        "method",
        "static",
        "class",
        "static-generator",
        "wrapped",
        "wrapped-generator",
        "wrapped-without-wraps",
        "awaitable",
        "patched",
        "parametrized",
    ],
)
def test_every_kind_of_test_runs(run: Example, mode: str, source: str) -> None:
    """Whatever gives an awaitable or an async generator is run to its end, in a task."""
    run(project(source) + RAN, mode=mode).assert_outcomes(passed=2)


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_inherited_from_another_module(run: Example, mode: str) -> None:
    """Tests of a base class run in each class that has them, with its own fixtures."""
    result = run(
        """
        import pytest
        import pytest_asyncio
        from base import Base

        class TestOne(Base):
            @pytest_asyncio.fixture
            async def number(self):
                return 1

        class TestTwo(Base):
            @pytest_asyncio.fixture
            async def number(self):
                yield 1
        """,
        mode=mode,
        files={
            "base.py": """
                import pytest

                class Base:
                    @pytest.mark.asyncio
                    async def test_it(self, number):
                        assert number == 1
            """
        },
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize("kind", ["coroutine", "generator", "wrapped", "partial"])
def test_every_kind_of_test_fails(run: Example, kind: str) -> None:
    """A failure in any kind of test is its own, introspected and with its frames alone."""
    source = {
        "coroutine": "async def test_it():\n    BODY",
        "generator": "async def test_it():\n    yield\n    BODY",
        "wrapped": "@wrapped\nasync def test_it():\n    BODY",
        "partial": "async def check():\n    BODY\ntest_it = functools.partial(check)",
    }[kind]
    head = """
pytestmark = pytest.mark.asyncio

def wrapped(function):
    @functools.wraps(function)
    def wrapper():
        return function()
    return wrapper

"""
    body = "value = 41\n    assert value == 42"
    result = run(project(head + source.replace("BODY", body)))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines("E*assert 41 == 42")
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")
    result.stdout.no_fnmatch_line("*asyncio/*_events.py*")


def test_wrapper_that_runs_the_coroutine_itself(run: Example) -> None:
    """A wrapper that needs no help is left to itself, without a warning."""
    source = """
        def decorated(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs):
                loop = asyncio.new_event_loop()
                try:
                    loop.run_until_complete(function(*args, **kwargs))
                finally:
                    loop.close()
            return wrapper

        @pytest.mark.asyncio
        @decorated
        async def test_it():
            await runs()
    """
    run(project(source) + RAN, "-Werror").assert_outcomes(passed=2)


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_hypothesis(run: Example, mode: str) -> None:
    """A hypothesis test runs its examples, as a function and as an inherited method."""
    source = """
        from hypothesis import given, settings, strategies as st

        @pytest.mark.asyncio
        @settings(max_examples=5)
        @given(number=st.integers())
        async def test_function(number):
            await asyncio.sleep(0)
            assert isinstance(number, int)

        class Base:
            ran = 0

            @pytest.mark.asyncio
            @settings(max_examples=5)
            @given(number=st.integers())
            async def test_method(self, number):
                await asyncio.sleep(0)
                type(self).ran += 1

        class TestOne(Base):
            def test_ran(self):
                assert self.ran > 0
    """
    run(project(source), mode=mode).assert_outcomes(passed=3)


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_async_method_of_testcase(run: Example, mode: str) -> None:
    """An async method that unittest would never await fails, with what to do instead."""
    source = """
        import unittest

        class TestPlain(unittest.TestCase):
            async def test_it(self):
                raise AssertionError("never awaited")

        class TestIsolated(unittest.IsolatedAsyncioTestCase):
            async def test_it(self):
                await runs()
    """
    result = run(project(source), mode=mode)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            (
                "test_example.py::TestPlain::test_it is an async method of a plain "
                "unittest.TestCase: unittest would call it and never await it, and the test "
                "would pass without having run."
            ),
            "Derive the class from unittest.IsolatedAsyncioTestCase, or from nothing: *",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")


def test_what_asyncio_offers_works(run: Example) -> None:
    """A test is a task: timeouts, task groups, threads, queues and subprocesses work."""
    source = """
        import sys

        pytestmark = pytest.mark.asyncio

        async def test_task():
            task = asyncio.current_task()
            assert task.get_name() == "test_task"
            assert task in asyncio.all_tasks()

        async def test_timeout():
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await asyncio.sleep(3600)

        async def test_group():
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(asyncio.sleep(0, n)) for n in range(3)]
            assert [task.result() for task in tasks] == [0, 1, 2]

        async def test_thread():
            assert await asyncio.to_thread(lambda: 42) == 42

        async def test_subprocess():
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", "print(42)", stdout=asyncio.subprocess.PIPE
            )
            output, _ = await process.communicate()
            assert int(output) == 42

        async def test_cancelled_by_itself():
            asyncio.current_task().cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.sleep(0)
            asyncio.current_task().uncancel()
    """
    run(project(source)).assert_outcomes(passed=6)


def test_cancelled_test_fails(run: Example) -> None:
    """A test that ends by a cancellation has failed."""
    source = """
        @pytest.mark.asyncio
        async def test_cancelled():
            asyncio.current_task().cancel()
            await asyncio.sleep(0)

        @pytest.mark.asyncio
        async def test_next(): ...
    """
    result = run(project(source))
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines("E*CancelledError")
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")


def test_other_plugin_wraps_the_function(run: Example) -> None:
    """Another plugin may replace ``item.obj`` until the moment it is called."""
    result = run(
        project(
            """
            @pytest.mark.asyncio
            async def test_it():
                await runs()

            def test_wrapped():
                assert events == ["before", "ran", "after"]
            """
        ),
        conftest="""
            import functools
            import inspect

            import pytest

            @pytest.hookimpl(wrapper=True)
            def pytest_runtest_call(item):
                function = item.obj
                if inspect.iscoroutinefunction(function):
                    events = item.module.events

                    @functools.wraps(function)
                    async def wrapped(*args, **kwargs):
                        events.append("before")
                        await function(*args, **kwargs)
                        events.append("after")

                    item.obj = wrapped
                return (yield)
        """,
    )
    result.assert_outcomes(passed=2)


RUNS_COROUTINES = """
import asyncio
import functools
import inspect

import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        names = inspect.signature(pyfuncitem.obj).parameters
        arguments = {name: pyfuncitem.funcargs[name] for name in names}
        asyncio.run(pyfuncitem.obj(**arguments))
        pyfuncitem.module.taken.append(pyfuncitem.name)
        return True
"""

DROPS_WHAT_IT_CALLS = """
import functools

import pytest

@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    function = pyfuncitem.obj

    @functools.wraps(function)
    def called(*args, **kwargs):
        function(*args, **kwargs)

    pyfuncitem.obj = called
    return (yield)
"""

SHARES_ITS_LOOP = """
import asyncio
import inspect

import pytest
import pytest_asyncio

taken = []

@pytest_asyncio.fixture
async def loop():
    return asyncio.get_running_loop()

@pytest.mark.asyncio
async def test_it(loop, request):
    assert not inspect.iscoroutinefunction(request.node.obj)
    assert asyncio.get_running_loop() is loop

class TestIt:
    @pytest.mark.asyncio
    async def test_method(self, loop):
        assert asyncio.get_running_loop() is loop

@pytest.mark.asyncio
async def test_fails():
    assert [] == ["what", "failed"]

def test_original(request):
    for item in request.session.items[:3]:
        assert inspect.iscoroutinefunction(item.obj)
    assert taken == []
"""


@pytest.mark.parametrize("hook", [RUNS_COROUTINES, DROPS_WHAT_IT_CALLS])
def test_other_hook_that_calls_tests(run: Example, hook: str) -> None:
    """Who runs coroutine functions, or wraps all that is called, finds ours synchronous."""
    result = run(SHARES_ITS_LOOP, conftest=hook)
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["E       AssertionError: assert [[][]] == *"])
    assert "/pytest_asyncio/" not in result.stdout.str()


CALLS_BY_POSITION = """
import inspect

import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if "loop" in pyfuncitem.funcargs:
        names = inspect.signature(pyfuncitem.obj).parameters
        pyfuncitem.obj(*(pyfuncitem.funcargs[name] for name in names))
        return True
"""


def test_other_hook_that_calls_tests_in_its_own_way(run: Example) -> None:
    """What is in place of a test takes arguments by position, too, as the test does."""
    result = run(SHARES_ITS_LOOP, conftest=CALLS_BY_POSITION)
    result.assert_outcomes(passed=3, failed=1)


CALLS_TWICE = """
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    try:
        return (yield)
    except AssertionError:
        item.runtest()
"""

CALLED_TWICE = """
import contextvars

import pytest

variable = contextvars.ContextVar("variable", default=0)
seen = []

@pytest.mark.asyncio
async def test_it():
    seen.append(variable.get())
    variable.set(len(seen))
    assert len(seen) == 2

def test_seen():
    assert seen == [0, 0]
    assert variable.get() == 0
"""


def test_marked_synchronous_tests_are_seen_by_other_hooks(run: Example) -> None:
    """Who sees the calls of tests sees them all, as long as nobody before has called one."""
    result = run(
        """
        import pytest
        import pytest_asyncio

        pytestmark = pytest.mark.asyncio

        @pytest_asyncio.fixture
        async def value():
            return 1

        async def test_async(value, seen):
            assert seen[-1] == "test_async"

        def test_synchronous(seen):
            assert seen[-1] == "test_synchronous"

        def test_with_a_fixture(value, seen):
            assert seen[-1] == "test_with_a_fixture"

        @pytest.mark.asyncio
        def test_marked_itself(seen):
            assert seen[-1] == "test_marked_itself"
        """,
        conftest="""
        import pytest

        SEEN = []

        @pytest.fixture
        def seen():
            return SEEN

        def pytest_pyfunc_call(pyfuncitem):
            SEEN.append(pyfuncitem.name)
        """,
        ini="filterwarnings = default::pytest_asyncio.PytestAsyncioWarning",
    )
    result.assert_outcomes(passed=4, warnings=1)


@pytest.mark.parametrize("first", ["", "@pytest.hookimpl(tryfirst=True)"])
def test_other_hooks_wrap_the_users_function(run: Example, first: str) -> None:
    """It is there until the test is run, though somebody else sees the calls of tests."""
    result = run(
        """
        async def test_it(seen):
            assert seen == ["test_it"]
        """,
        conftest=f"""
        import functools
        import inspect

        import pytest

        SEEN = []

        @pytest.fixture
        def seen():
            return SEEN

        {first}
        def pytest_runtest_call(item):
            function = item.obj
            assert inspect.iscoroutinefunction(function)

            @functools.wraps(function)
            async def wrapped(*args, **arguments):
                SEEN.append(item.name)
                await function(*args, **arguments)

            item.obj = wrapped

        def pytest_pyfunc_call(pyfuncitem):
            assert not inspect.iscoroutinefunction(pyfuncitem.obj)
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1)


def test_policy_that_keeps_no_loop(run: Example) -> None:
    """A fixture may put one in force that does nothing: the test is about the policy itself."""
    result = run(
        """
        import asyncio
        import pytest

        class Policy(asyncio.AbstractEventLoopPolicy):
            pass

        @pytest.fixture
        async def client():
            return 1

        @pytest.fixture
        def policy(client):
            before = asyncio.get_event_loop_policy()
            asyncio.set_event_loop_policy(Policy())
            yield
            asyncio.set_event_loop_policy(before)

        def test_synchronous(policy):
            assert isinstance(asyncio.get_event_loop_policy(), Policy)

        async def test_async(policy):
            assert isinstance(asyncio.get_event_loop_policy(), Policy)
        """,
        "-Wignore::DeprecationWarning",
        mode="auto",
    )
    result.assert_outcomes(passed=2)


def test_policy_that_nobody_may_ask_for(run: Example) -> None:
    """A test that patches asyncio harms neither itself nor the next one."""
    result = run(
        """
        import asyncio
        import pytest

        async def test_before():
            pass

        @pytest.fixture
        def forbidden(monkeypatch):
            monkeypatch.delattr(asyncio, "get_event_loop_policy")

        def test_synchronous(forbidden):
            assert not hasattr(asyncio, "get_event_loop_policy")

        async def test_async(forbidden):
            assert not hasattr(asyncio, "get_event_loop_policy")

        async def test_after():
            pass
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=4)


@pytest.mark.parametrize("hook", ["", "def pytest_pyfunc_call(pyfuncitem): ..."])
def test_other_plugin_that_runs_a_test_again(run: Example, hook: str) -> None:
    """A test may be run more than once between set-up and tear-down, each time from new."""
    result = run(CALLED_TWICE, conftest=CALLS_TWICE + hook)
    result.assert_outcomes(passed=2)


def test_other_hook_that_runs_tests_which_are_not_ours(run: Example) -> None:
    """In strict mode a coroutine function without our marker is theirs."""
    result = run(
        """
        taken = []

        async def test_it(): ...

        def test_taken():
            assert taken == ["test_it"]
        """,
        conftest=RUNS_COROUTINES,
    )
    result.assert_outcomes(passed=2)


WRAPPED_AT_COLLECTION = """
import asyncio
import functools
import inspect

def pytest_itemcollected(item):
    function = item.obj

    @functools.wraps(function)
    def instead(*args, **kwargs):
        made = function(*args, **kwargs)
        FATE

    if inspect.iscoroutinefunction(function):
        item.obj = instead
"""

WRAPPED_TESTS = """
import asyncio

import pytest

@pytest.mark.asyncio
async def test_it():
    await asyncio.sleep(0)

class TestIt:
    @pytest.mark.asyncio
    async def test_method(self):
        await asyncio.sleep(0)
"""


@pytest.mark.parametrize("fate", ["return made", "asyncio.run(made)"])
def test_wrapper_of_another_plugin_that_runs_the_test(run: Example, fate: str) -> None:
    """What stands in place of an async function may return its coroutine, or run it itself."""
    conftest = WRAPPED_AT_COLLECTION.replace("FATE", fate)
    result = run(WRAPPED_TESTS, conftest=conftest)
    result.assert_outcomes(passed=2)


def test_wrapper_of_another_plugin_that_does_not_run_the_test(run: Example) -> None:
    """A test that does not run is not green, whoever has dropped its coroutine."""
    conftest = WRAPPED_AT_COLLECTION.replace("FATE", "del made")
    result = run(WRAPPED_TESTS, conftest=conftest)
    result.assert_outcomes(failed=2)
    for test in ("test_it", "TestIt::test_method"):
        result.stdout.fnmatch_lines(
            [
                (
                    f"test_example.py::{test} did not run: what stands in place of its function "
                    "(conftest.py:9) has called it, and nobody has awaited the coroutine."
                ),
                "Let it return that, or await it.",
            ]
        )


def test_async_wrapper_that_does_not_run_the_test(run: Example) -> None:
    """A decorator that returns what it should await does not make a test green."""
    result = run(
        """
        import functools

        def decorated(function):
            @functools.wraps(function)
            async def instead(*args, **kwargs):
                return function(*args, **kwargs)

            return instead

        @decorated
        async def test_it():
            assert False

        class TestIt:
            @decorated
            async def test_method(self):
                assert False

        async def test_that_returns_a_coroutine():
            return test_it()
        """,
        "-Wdefault",
        mode="auto",
    )
    outcomes = result.parseoutcomes()
    assert (outcomes["failed"], outcomes["passed"]) == (2, 1)
    result.stdout.fnmatch_lines(
        [
            "test_example.py::TestIt::test_method did not run: *(test_example.py:5) has *",
            "Let it return that, or await it.",
        ]
    )


def test_async_wrapper_that_runs_the_test_at_last(run: Example) -> None:
    """Trying out what calling the test gives is not to drop it."""
    result = run(
        """
        import functools
        import inspect

        def decorated(function):
            @functools.wraps(function)
            def instead(*args, **kwargs):
                if inspect.iscoroutine(made := function(*args, **kwargs)):
                    made = None
                return function(*args, **kwargs)

            return instead

        @decorated
        async def test_it():
            test_it.has_run = True

        def test_it_has_run():
            assert test_it.has_run
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=2)


PATCHED = """
import asyncio
from unittest import mock

import pytest

sleep = asyncio.sleep

@pytest.fixture(scope="SCOPE", params=["Event", "all_tasks", "current_task", "ensure_future",
                                       "set_event_loop", "sleep", "wait"])
def patched(request):
    error = AssertionError(f"called: asyncio.{request.param}")
    with mock.patch(f"asyncio.{request.param}", side_effect=error) as patched:
        yield patched
        assert not patched.mock_calls

@pytest.fixture
async def resource(patched):
    yield patched

@pytest.fixture
async def forgotten(patched):
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, int)
    # It is left to the end of the loop, like the thread of the executor.
    loop.kept = loop.create_task(sleep(60))

async def test_async(resource, forgotten):
    assert not resource.mock_calls

def test_sync(resource):
    assert not resource.mock_calls
"""


@pytest.mark.parametrize("scope", ["function", "session"])
def test_functions_of_asyncio_that_are_patched(run: Example, scope: str) -> None:
    """A function of asyncio that a fixture patches is the suite's: nothing else calls it."""
    result = run(PATCHED.replace("SCOPE", scope), mode="auto")
    result.assert_outcomes(passed=14)


@pytest.mark.parametrize("name", ["iscoroutine", "isasyncgen", "isawaitable"])
def test_functions_of_inspect_that_are_patched(run: Example, name: str) -> None:
    """What a test patches there is for the code under test."""
    result = run(
        f"""
        import inspect
        import pytest

        @pytest.fixture
        def patched(monkeypatch):
            def called(value):
                raise AssertionError("called")

            monkeypatch.setattr(inspect, "{name}", called)

        @pytest.fixture
        async def coroutine(patched): ...

        @pytest.fixture
        async def generator(patched):
            yield

        async def test_it(patched): ...

        async def test_with_fixtures(coroutine, generator): ...

        async def test_that_patches_it_itself(request):
            request.getfixturevalue("patched")
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=3)


@pytest.mark.parametrize(
    "value", ["functools.partial(asyncio.run, debug=True)", "mock.Mock()"]
)
def test_run_that_is_patched_before_the_first_test(run: Example, value: str) -> None:
    """Suites do so in a conftest.py."""
    result = run(
        """
        async def test_it(): ...
        """,
        conftest=f"""
        import asyncio
        import functools
        from unittest import mock

        asyncio.run = {value}
        """,
        mode="auto",
        subprocess=True,
    )
    result.assert_outcomes(passed=1)


def test_copy_context_that_is_patched(run: Example) -> None:
    """Tests and fixtures have real contexts, whatever a fixture makes of that function."""
    result = run(
        """
        import asyncio
        import sys
        from unittest import mock

        import pytest

        @pytest.fixture
        def patched():
            with mock.patch("contextvars.copy_context", autospec=True) as patched:
                yield patched

        @pytest.fixture
        async def coroutine(patched):
            return patched

        @pytest.fixture
        async def generator(patched):
            yield patched

        async def test_it(patched):
            # The proactor loop of Windows calls it itself.
            assert sys.platform == "win32" or not patched.mock_calls

        async def test_with_fixtures(coroutine, generator):
            assert coroutine is generator

        @pytest.fixture
        async def busy(patched):
            task = asyncio.create_task(asyncio.sleep(0))
            yield task
            await task

        async def test_with_something_to_do(busy):
            assert busy.done()
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [
        ("create_task", "None", "None"),
        ("create_task", "None", "mock.Mock()"),
        ("create_task", "None", "mock.Mock(spec=asyncio.Task)"),
        ("run_in_executor", "None, int", "None"),
        ("run_in_executor", "None, int", "mock.Mock(spec=asyncio.Future)"),
        ("default_exception_handler", "{'message': 'text'}", "None"),
        ("call_soon", "int", "None"),
    ],
)
def test_methods_that_are_patched_in_the_class_of_the_loop(
    run: Example, name: str, arguments: str, answer: str
) -> None:
    """A mock in the place of a method of the loop's class is called, as a method or not."""
    result = run(
        f"""
        import asyncio
        from unittest import mock

        async def test_it():
            loop = asyncio.get_running_loop()
            answer = {answer}
            with mock.patch.object(type(loop), "{name}", return_value=answer) as patched:
                found = loop.{name}({arguments})
            assert found is answer
            patched.assert_called_once_with({arguments})

        async def test_autospec():
            loop = asyncio.get_running_loop()
            with mock.patch.object(type(loop), "{name}", autospec=True) as patched:
                loop.{name}({arguments})
            patched.assert_called_once_with(loop, {arguments})

        async def test_next():
            assert await asyncio.create_task(asyncio.sleep(0, "done")) == "done"
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=3)


@pytest.mark.parametrize("put", ["seen.append", "lambda context: seen.append(context)"])
def test_methods_that_are_replaced_on_the_loop_itself(run: Example, put: str) -> None:
    """What the suite has put on the loop that it makes is called, and is there at the end."""
    result = run(
        f"""
        import asyncio
        import pytest

        seen = []
        put = {put}

        @pytest.fixture
        def event_loop():
            global loop
            loop = asyncio.new_event_loop()
            loop.default_exception_handler = put
            yield loop
            loop.close()

        async def test_it():
            loop.call_exception_handler({{}})
            assert seen == [{{}}]

        def test_end():
            assert vars(loop)["default_exception_handler"] is put
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=2)


def test_method_of_the_class_that_is_another_at_each_look(run: Example) -> None:
    """A patch of the class that is there when the loop is made goes when it is taken away."""
    result = run(
        """
        import asyncio
        import functools
        from unittest import mock

        calls = []
        original = asyncio.BaseEventLoop.create_task

        def patched(self, coro, **options):
            calls.append(coro)
            return original(self, coro, **options)

        patch = mock.patch.object(
            asyncio.BaseEventLoop, "create_task", functools.partialmethod(patched)
        )

        patch.start()

        async def test_it():
            patch.stop()
            calls.clear()
            await asyncio.create_task(asyncio.sleep(0))
            assert not calls
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1)


# -- outcomes -------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["test", "task", "group", "nested groups"])
@pytest.mark.parametrize(
    "call, outcome",
    [
        ("pytest.skip('why')", {"skipped": 1}),
        ("pytest.xfail('why')", {"xfailed": 1}),
        ("pytest.fail('why')", {"failed": 1}),
        ("pytest.importorskip('no_such_module')", {"skipped": 1}),
    ],
)
def test_outcomes(run: Example, where: str, call: str, outcome: dict[str, int]) -> None:
    """``pytest.skip`` and its kin keep their meaning in tasks and in task groups."""
    source = """
        async def child():
            await asyncio.sleep(0)
            CALL

        async def group(child):
            async with asyncio.TaskGroup() as group:
                group.create_task(child)
                await asyncio.sleep(3600)

        @pytest.mark.asyncio
        async def test_it():
            WAY

        @pytest.mark.asyncio
        async def test_next(): ...
    """
    way = {
        "test": "await child()",
        "task": "await asyncio.create_task(child())",
        "group": "await group(child())",
        "nested groups": "await group(group(child()))",
    }[where]
    result = run(project(source, CALL=call, WAY=way), "-rA")
    result.assert_outcomes(passed=1, **outcome)
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")
    if "importorskip" not in call:
        result.stdout.fnmatch_lines("*test_example.py*why*")


@pytest.mark.parametrize(
    "first, second, outcome",
    [
        ("pytest.skip('why')", "pytest.skip('why')", {"skipped": 1}),
        ("pytest.skip('why')", "raise ValueError", {"failed": 1}),
        ("pytest.xfail('why')", "raise ValueError", {"failed": 1}),
        ("pytest.fail('why')", "raise ValueError", {"failed": 1}),
    ],
)
def test_outcomes_beside_errors(
    run: Example, first: str, second: str, outcome: dict[str, int]
) -> None:
    """A task group that also has an error is a failure, whatever else is in it."""
    source = """
        async def first(barrier):
            await barrier.wait()
            FIRST

        async def second(barrier):
            await barrier.wait()
            SECOND

        @pytest.mark.asyncio
        async def test_it():
            barrier = asyncio.Barrier(2)
            async with asyncio.TaskGroup() as group:
                group.create_task(first(barrier))
                group.create_task(second(barrier))
    """
    run(project(source, FIRST=first, SECOND=second)).assert_outcomes(**outcome)


@pytest.mark.parametrize("pytrace", [True, False])
def test_several_failures_in_a_group(run: Example, pytrace: bool) -> None:
    """None of them is lost."""
    source = """
        async def child(barrier, text):
            await barrier.wait()
            pytest.fail(text, pytrace=PYTRACE)

        @pytest.mark.asyncio
        async def test_it():
            barrier = asyncio.Barrier(2)
            async with asyncio.TaskGroup() as group:
                group.create_task(child(barrier, "this is wrong"))
                group.create_task(child(barrier, "that is wrong"))
    """
    result = run(project(source, PYTRACE=str(pytrace)))
    result.assert_outcomes(failed=1)
    for text in ("this is wrong", "that is wrong"):
        result.stdout.fnmatch_lines([f"*Failed: {text}" if pytrace else text])
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")


def test_a_test_is_cancelled_as_it_ends(run: Example) -> None:
    """There is no line to point at: a message says what has happened."""
    source = """
        @pytest.mark.asyncio
        async def test_it():
            asyncio.current_task().cancel()
    """
    result = run(project(source))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "test_example.py::test_it was cancelled while it awaited nothing*",
            "Something called cancel() on its task*",
        ]
    )
    result.stdout.no_fnmatch_line("*entries are hidden*")


def test_group_of_errors_is_shown_as_such(run: Example) -> None:
    """An exception group of ordinary errors comes through as it is."""
    source = """
        async def child():
            raise ValueError("in the child")

        @pytest.mark.asyncio
        async def test_group():
            async with asyncio.TaskGroup() as group:
                group.create_task(child())

        @pytest.mark.asyncio
        async def test_raises():
            with pytest.RaisesGroup(ValueError):
                async with asyncio.TaskGroup() as group:
                    group.create_task(child())

        @pytest.mark.xfail(raises=ExceptionGroup, strict=True)
        @pytest.mark.asyncio
        async def test_xfail():
            async with asyncio.TaskGroup() as group:
                group.create_task(child())
    """
    result = run(project(source))
    result.assert_outcomes(failed=1, passed=1, xfailed=1)
    result.stdout.fnmatch_lines(
        [
            "*ExceptionGroup: unhandled errors in a TaskGroup*",
            "*ValueError: in the child",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")


@pytest.mark.parametrize("where", ["test", "group", "fixture", "tear-down"])
@pytest.mark.parametrize(
    "raised, code, shown",
    [
        ("pytest.exit('enough', returncode=7)", 7, "*Exit: enough*"),
        ("raise KeyboardInterrupt", 2, "*KeyboardInterrupt*"),
    ],
)
def test_session_ends(
    run: Example, where: str, raised: str, code: int, shown: str
) -> None:
    """``pytest.exit`` and KeyboardInterrupt end the session, after the fixtures' clean-up."""
    source = """
        import sys

        async def stop(here):
            if here == WHERE:
                RAISED

        @pytest_asyncio.fixture(scope="session")
        async def wide():
            yield
            await asyncio.sleep(0)
            print("<WIDE TORN DOWN>")

        @pytest_asyncio.fixture
        async def narrow(wide):
            try:
                await stop("fixture")
                yield
            finally:
                await asyncio.sleep(0)
                print("<NARROW TORN DOWN>")
            await stop("tear-down")

        @pytest.mark.asyncio
        async def test_it(narrow):
            await stop("test")
            if WHERE == "group":
                async with asyncio.TaskGroup() as group:
                    group.create_task(stop("group"))

        @pytest.mark.asyncio
        async def test_never():
            print("<NEVER>")
    """
    result = run(
        project(source, WHERE=repr(where), RAISED=raised), "-s", subprocess=True
    )
    assert result.ret == code
    result.stdout.fnmatch_lines(
        ["*<NARROW TORN DOWN>*", "*<WIDE TORN DOWN>*", f"!{shown}"]
    )
    result.stdout.no_fnmatch_line("*<NEVER>*")
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
    result.stderr.no_fnmatch_line("*never retrieved*")


@pytest.mark.parametrize("where", ["test", "group", "task", "callback", "fixture"])
def test_system_exit(run: Example, where: str) -> None:
    """SystemExit fails the test that it is raised in, and shows the line that raises it."""
    source = """
        import sys

        def leave():
            sys.exit(3)

        async def child():
            await asyncio.sleep(0)
            leave()

        @pytest_asyncio.fixture
        async def resource():
            if WHERE == "fixture":
                task = asyncio.create_task(child())
            yield

        @pytest.mark.asyncio
        async def test_it(resource):
            match WHERE:
                case "test":
                    await child()
                case "group":
                    async with asyncio.TaskGroup() as group:
                        group.create_task(child())
                case "task":
                    task = asyncio.create_task(child())
                case "callback":
                    asyncio.get_running_loop().call_soon(leave)
            await asyncio.sleep(1)

        @pytest.mark.asyncio
        async def test_next(): ...
    """
    result = run(project(source, WHERE=repr(where)), subprocess=True)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines([">*sys.exit(3)", "E*SystemExit: 3"])
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")
    result.stdout.no_fnmatch_line("*Exception that nobody handled*")
    result.stderr.no_fnmatch_line("*never retrieved*")


def test_marks_of_pytest(run: Example) -> None:
    """``skip``, ``skipif``, ``xfail`` and ``usefixtures`` work on async tests."""
    source = """
        pytestmark = pytest.mark.asyncio

        @pytest.mark.skip(reason="why")
        async def test_skip(): ...

        @pytest.mark.skipif("sys.version_info > (3,)", reason="why")
        async def test_skipif(): ...

        @pytest.mark.xfail(strict=True)
        async def test_xfail():
            assert False

        @pytest.mark.xfail(raises=ValueError)
        async def test_xfail_other():
            raise TypeError

        @pytest.mark.xfail
        async def test_xpass(): ...

        @pytest.mark.xfail(run=False)
        async def test_not_run():
            raise SystemExit

        @pytest.mark.usefixtures("tmp_path")
        async def test_fixture(request):
            assert request.getfixturevalue("tmp_path").is_dir()
    """
    run(project(source)).assert_outcomes(
        skipped=2, xfailed=2, failed=1, xpassed=1, passed=1
    )


# -- Ctrl-C ---------------------------------------------------------------------------------


def interrupted(run: Example, source: str, *arguments: str) -> tuple[int, list[str]]:
    """Run pytest in a process, send it SIGINT when it prints READY, and wait for its end.

    :returns: The exit code, and what was printed.
    """
    path = run.pytester.makepyfile(test_example=source)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "pytest", "-s"),
            *WITHOUT_SLOW_PLUGINS,
            *arguments,
            str(path),
        ],
        cwd=run.pytester.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    with process:
        stdout: IO[str] | None = process.stdout
        assert stdout is not None
        lines: list[str] = []
        try:
            for line in stdout:
                lines.append(line.rstrip("\n"))
                if line.rstrip().endswith("READY"):
                    process.send_signal(signal.SIGINT)
            code = process.wait()
        finally:
            process.kill()
    return code, lines


FIXTURES = """
@pytest_asyncio.fixture(scope="session")
async def wide():
    yield
    await asyncio.sleep(0.001)
    print("<WIDE TORN DOWN>", flush=True)

@pytest.fixture
def synchronous(wide):
    yield
    print("<SYNC TORN DOWN>", flush=True)

ready = functools.partial(print, "READY", flush=True)

async def wait():
    try:
        # Printed while this coroutine sleeps, and the signal then comes in the event loop.
        asyncio.get_running_loop().call_soon(ready)
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        print("<CANCELLED>", flush=True)
        raise
    finally:
        await asyncio.sleep(0.001)
        print("<CLEANED UP>", flush=True)
    print("<WENT ON>", flush=True)
"""

IN_TEST = """
@pytest_asyncio.fixture
async def narrow(synchronous):
    yield
    await asyncio.sleep(0.001)
    print("<NARROW TORN DOWN>", flush=True)

@pytest.mark.asyncio
async def test_it(narrow):
    await wait()
"""

NEVER = """
@pytest.mark.asyncio
async def test_never():
    print("<NEVER>", flush=True)
"""


def check_interruption(
    run: Example, source: str, expected: Sequence[str], at_end: Sequence[str] = ()
) -> None:
    code, lines = interrupted(run, HEAD + FIXTURES + source + NEVER)
    printed = "\n".join(lines)
    assert code == pytest.ExitCode.INTERRUPTED, printed
    # The first of them stands behind the name of the file.
    marks = re.findall(r"(<[A-Z ]+>)$", printed, flags=re.MULTILINE)
    assert marks == [*expected, "<WIDE TORN DOWN>", *at_end], printed
    assert "KeyboardInterrupt" in printed
    assert "INTERNALERROR" not in printed
    assert "was never awaited" not in printed
    assert "was destroyed but it is pending" not in printed


@needs_sigint
@pytest.mark.parametrize(
    "source, expected",
    [
        (
            IN_TEST,
            ["<CANCELLED>", "<CLEANED UP>", "<NARROW TORN DOWN>", "<SYNC TORN DOWN>"],
        ),
        (
            IN_TEST.replace(
                "    await wait()", "    await asyncio.create_task(wait())"
            ),
            ["<CANCELLED>", "<CLEANED UP>", "<NARROW TORN DOWN>", "<SYNC TORN DOWN>"],
        ),
        (
            """
@pytest_asyncio.fixture
async def narrow(synchronous):
    await wait()

@pytest.mark.asyncio
async def test_it(narrow):
    print("<NEVER>", flush=True)
            """,
            ["<CANCELLED>", "<CLEANED UP>", "<SYNC TORN DOWN>"],
        ),
        (
            """
@pytest_asyncio.fixture
async def narrow(synchronous):
    try:
        await wait()
        yield
    finally:
        print("<NARROW TORN DOWN>", flush=True)

def test_it(narrow):
    print("<NEVER>", flush=True)
            """,
            ["<CANCELLED>", "<CLEANED UP>", "<NARROW TORN DOWN>", "<SYNC TORN DOWN>"],
        ),
        (
            """
@pytest_asyncio.fixture
async def narrow(synchronous):
    yield
    await wait()

@pytest.mark.asyncio
async def test_it(narrow):
    print("<RAN>", flush=True)
            """,
            ["<RAN>", "<CANCELLED>", "<CLEANED UP>", "<SYNC TORN DOWN>"],
        ),
        (
            """
@pytest.mark.asyncio
async def test_it(synchronous):
    try:
        await wait()
    except asyncio.CancelledError:
        await asyncio.sleep(0.001)
        print("<SWALLOWED>", flush=True)
            """,
            ["<CANCELLED>", "<CLEANED UP>", "<SWALLOWED>", "<SYNC TORN DOWN>"],
        ),
        (
            """
@pytest.mark.asyncio
async def test_it(synchronous):
    print("READY", flush=True)
    while True:
        pass
            """,
            ["<SYNC TORN DOWN>"],
        ),
        (
            """
import time

@pytest_asyncio.fixture
async def narrow(synchronous):
    yield
    print("<NARROW TORN DOWN>", flush=True)

def test_it(narrow):
    print("READY", flush=True)
    time.sleep(60)
            """,
            ["<NARROW TORN DOWN>", "<SYNC TORN DOWN>"],
        ),
    ],
    ids=[
        "test",
        "task-of-a-test",
        "set-up-of-coroutine",
        "set-up-of-generator",
        "tear-down",
        "swallowed",
        "busy-test",
        "sync-test",
    ],
)
def test_ctrl_c(run: Example, source: str, expected: list[str]) -> None:
    """Ctrl-C cancels what runs, lets it clean up, tears all fixtures down, and ends the run."""
    check_interruption(run, source, expected)


@needs_sigint
def test_ctrl_c_with_an_override(run: Example) -> None:
    """It is no different in a loop that the user's ``event_loop`` has made."""
    source = """
@pytest.fixture(scope="session")
def event_loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()
    print("<CLOSED>", flush=True)

@pytest.mark.asyncio
async def test_it(synchronous):
    await wait()
"""
    expected = ["<CANCELLED>", "<CLEANED UP>", "<SYNC TORN DOWN>"]
    check_interruption(run, source, expected, at_end=["<CLOSED>"])


@needs_sigint
def test_ctrl_c_names_the_line(run: Example) -> None:
    """After Ctrl-C the line of the user's code that was running is named, and not asyncio's."""
    source = """
@pytest.mark.asyncio
async def test_it():
    print("READY", flush=True)
    while True:
        pass
"""
    code, lines = interrupted(run, HEAD + source)
    assert code == pytest.ExitCode.INTERRUPTED
    (shown,) = [line for line in lines if line.endswith(": KeyboardInterrupt")]
    assert "test_example.py:" in shown


def test_function_that_becomes_a_coroutine_late(run: Example) -> None:
    """In auto mode, what a plugin wraps at the last moment into a coroutine is awaited."""
    result = run(
        """
        def test_it():
            pass
        """,
        conftest="""
            import asyncio
            import pytest

            @pytest.hookimpl(wrapper=True)
            def pytest_runtest_call(item):
                function = item.obj

                async def wrapped(*args, **kwargs):
                    await asyncio.sleep(0)
                    return function(*args, **kwargs)

                item.obj = wrapped
                return (yield)
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1)


TRACED = """
import asyncio
import functools

def doubled(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper

async def test_plain():
    await asyncio.sleep(0)
    print("<PLAIN>")

@doubled
async def test_wrapped():
    await asyncio.sleep(0)
    print("<WRAPPED>")
    assert False
"""


def test_trace(run: Example) -> None:
    """``--trace`` stops in each test, and the test runs all the same, with its own outcome."""
    (run.pytester.path / "test_example.py").write_text(TRACED, encoding="utf-8")
    result = run.pytester.run(
        sys.executable,
        "-m",
        "pytest",
        "--trace",
        "--asyncio-mode=auto",
        "-rA",
        stdin=b"c\nc\n",
    )
    output = result.stdout.str()
    assert output.count("(Pdb)") == 2
    assert "<PLAIN>" in output
    assert "<WRAPPED>" in output
    result.stdout.fnmatch_lines(["*1 failed, 1 passed*"])


def test_loop_whose_create_task_is_replaced(run: Example) -> None:
    """A fixture that counts tasks through ``loop.create_task`` sees that of the test, too."""
    result = run(
        """
        import asyncio
        import pytest

        @pytest.fixture
        def tasks(event_loop):
            tasks = []
            create_task = event_loop.create_task

            def counted(coro, **options):
                tasks.append(create_task(coro, **options))
                return tasks[-1]

            event_loop.create_task = counted
            return tasks

        async def test_it(tasks):
            assert asyncio.current_task() is tasks[0]
            other = asyncio.create_task(asyncio.sleep(0))
            assert tasks[1:] == [other]
            await other
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "mark, body",
    [
        ("", "asyncio.get_running_loop().stop(); await asyncio.sleep(1)"),
        ("", "asyncio.current_task().cancel()"),
        ("(loop_scope='galaxy')", "..."),
        ("(loop_factories=['none'])", "..."),
    ],
    ids=["stop", "cancel", "marker", "factory"],
)
def test_where_a_message_comes_from(run: Example, mark: str, body: str) -> None:
    """What shows one line for each failure shows the first of the test, and not the plugin's."""
    result = run(
        f"""
        import asyncio

        import pytest

        @pytest.mark.asyncio{mark}
        async def test_it():
            {body}
        """,
        "-s",
        conftest="""
        def pytest_runtest_logreport(report):
            if not report.passed:
                crash = report.longrepr.reprcrash
                print(f"{crash.path}:{crash.lineno}: {crash.message}")
        """,
    )
    outcomes = result.parseoutcomes()
    assert outcomes.get("failed", 0) + outcomes.get("errors", 0) == 1
    result.stdout.fnmatch_lines(["*test_example.py:6: Failed: *test_it*"])
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")
