"""What goes wrong in the background of a test is seen, at that test, with the cause."""

from __future__ import annotations

import os
import sys
import textwrap
from unittest import mock
from xml.etree import ElementTree

import pytest

from conftest import Example
from conftest import needs_timeout
from conftest import on_linux

UNHANDLED = "pytest_asyncio.PytestAsyncioUnhandledExceptionWarning"
LEAKED = "pytest_asyncio.PytestAsyncioLeakedTaskWarning"

# The suite itself turns warnings into errors, and inner runs in the same process inherit that.
WARN = ("-W", f"default::{UNHANDLED}", "-W", f"default::{LEAKED}")


def assert_users_frames_only(result: pytest.RunResult) -> None:
    """No file of the plugin or of asyncio's loop shows in what the person reads."""
    text = result.stdout.str().replace("\\", "/")
    assert "src/pytest_asyncio/" not in text
    assert "site-packages/pytest_asyncio/" not in text
    assert "entries are hidden" not in text


def warnings_of(result: pytest.RunResult) -> str:
    """The summary of warnings in a run's output."""
    text = result.stdout.str()
    assert "warnings summary" in text, text
    return text[text.index("warnings summary") :]


# -- exceptions that nobody handles --------------------------------------------------------

# What a test does, and what the message says of where the exception came from.
UNHANDLED_IN = {
    "task": (
        """
        async def {name}():
            asyncio.create_task(boom(), name="the-task")
            await asyncio.sleep(0.01)
        """,
        ["'the-task'", "coroutine boom"],
    ),
    "task-kept-in-a-local": (
        """
        async def {name}():
            kept = asyncio.create_task(boom(), name="the-task")
            await asyncio.sleep(0.01)
        """,
        ["'the-task'", "coroutine boom"],
    ),
    "task-kept-for-ever": (
        """
        async def {name}():
            KEPT.append(asyncio.create_task(boom(), name="the-task"))
            await asyncio.sleep(0.01)
        """,
        ["'the-task'", "coroutine boom"],
    ),
    "task-kept-in-a-fixture": (
        """
        @pytest_asyncio.fixture
        async def holder():
            yield (kept := [])

        async def {name}(holder):
            holder.append(asyncio.create_task(boom(), name="the-task"))
            await asyncio.sleep(0.01)
        """,
        ["'the-task'", "coroutine boom"],
    ),
    "task-of-a-task": (
        """
        async def {name}():
            async def parent():
                KEPT.append(asyncio.create_task(boom(), name="the-task"))

            await asyncio.create_task(parent())
            await asyncio.sleep(0.01)
        """,
        ["'the-task'", "coroutine boom"],
    ),
    "task-of-a-fixture": (
        """
        @pytest_asyncio.fixture
        async def starter():
            asyncio.create_task(boom(), name="the-task")
            yield

        async def {name}(starter):
            await asyncio.sleep(0.01)
        """,
        ["'the-task'", "coroutine boom"],
    ),
    "callback": (
        """
        async def {name}():
            asyncio.get_running_loop().call_soon(raises)
            await asyncio.sleep(0.01)
        """,
        ["Exception in callback raises()"],
    ),
    "timer": (
        """
        async def {name}():
            asyncio.get_running_loop().call_later(0.001, raises)
            await asyncio.sleep(0.02)
        """,
        ["Exception in callback raises()"],
    ),
    "done-callback": (
        """
        async def {name}():
            task = asyncio.create_task(asyncio.sleep(0))
            task.add_done_callback(raises)
            await task
            await asyncio.sleep(0.01)
        """,
        ["Exception in callback raises("],
    ),
    "protocol": (
        """
        async def {name}():
            class Protocol(asyncio.Protocol):
                def data_received(self, data):
                    raises()

            loop = asyncio.get_running_loop()
            ours, theirs = socket.socketpair()
            with theirs:
                transport, _ = await loop.create_connection(Protocol, sock=ours)
                theirs.send(b"x")
                await asyncio.sleep(0.05)
                transport.close()
                await asyncio.sleep(0.01)
        """,
        ["data_received"],
    ),
    "exception-handler-of-the-user": (
        """
        async def {name}():
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda loop, context: raises())
            loop.call_soon(len)
            await asyncio.sleep(0.01)
        """,
        [
            "Unhandled error in exception handler",
            "Exception in callback len()",
            "TypeError: len() takes exactly one argument",
        ],
    ),
    "pytest.fail-in-an-exception-handler": (
        """
        async def {name}():
            def handler(loop, context):
                pytest.fail("boom")

            loop = asyncio.get_running_loop()
            loop.set_exception_handler(handler)
            loop.call_soon(len)
            await asyncio.sleep(0.01)
        """,
        ["Unhandled error in exception handler", "Failed: boom"],
    ),
    "pytest.fail-in-a-task": (
        """
        async def {name}():
            async def checks():
                pytest.fail("boom")

            KEPT.append(asyncio.create_task(checks(), name="the-task"))
            await asyncio.sleep(0.01)
        """,
        ["'the-task'", "Failed: boom"],
    ),
    "synchronous-test": (
        """
        def {name}(event_loop):
            event_loop.call_soon(raises)
            event_loop.run_until_complete(asyncio.sleep(0.01))
        """,
        ["Exception in callback raises()"],
    ),
    "set-up": (
        """
        @pytest_asyncio.fixture
        async def bad():
            asyncio.get_running_loop().call_soon(raises)
            await asyncio.sleep(0.01)

        async def {name}(bad):
            pass
        """,
        ["Exception in callback raises()"],
    ),
    "tear-down": (
        """
        @pytest_asyncio.fixture
        async def bad():
            yield
            asyncio.get_running_loop().call_soon(raises)
            await asyncio.sleep(0.01)

        async def {name}(bad):
            pass
        """,
        ["Exception in callback raises()"],
    ),
    "task-cancelled-at-the-end-of-the-loop": (
        """
        async def {name}():
            async def stubborn():
                try:
                    await asyncio.sleep(60)
                finally:
                    raises()

            KEPT.append(asyncio.create_task(stubborn(), name="the-task"))
            await asyncio.sleep(0)
        """,
        ["'the-task'", "end of its event loop"],
    ),
}

HEAD = """
import asyncio
import socket

import pytest
import pytest_asyncio

KEPT = []

def raises(*args):
    raise ValueError("boom")

async def boom():
    raises()

async def test_before():
    pass
"""


def during(kind: str) -> str:
    """How the message names the test, and who has started the task if it was not the test."""
    # Before 3.12 a task that nobody keeps does not tell in which context it was started.
    of_fixture = kind == "task-of-a-fixture" and sys.version_info >= (3, 12)
    started = ", in a task started by the fixture 'starter' of function scope"
    return "during test_example.py::test_it" + started * of_fixture


def unhandled_source(kind: str) -> str:
    """A module of three tests, in the second of which something is not handled."""
    body = UNHANDLED_IN[kind][0].format(name="test_it")
    return "\n".join(
        [
            HEAD,
            textwrap.dedent(body),
            "async def test_after():",
            "    await asyncio.sleep(0)",
        ]
    )


@pytest.mark.parametrize("kind", UNHANDLED_IN)
def test_unhandled_exception_is_a_warning_at_its_test(run: Example, kind: str) -> None:
    """The test passes, with a warning that says which test, what raised, and where."""
    result = run(unhandled_source(kind), *WARN, mode="auto")
    result.assert_outcomes(passed=3, warnings=1)
    summary = warnings_of(result)
    assert "PytestAsyncioUnhandledExceptionWarning" in summary
    assert f"{during(kind)}: " in summary
    assert "test_before" not in summary
    assert "test_after" not in summary
    assert "boom" in summary
    assert "Traceback (most recent call last):" in summary
    for part in UNHANDLED_IN[kind][1]:
        assert part in summary
    assert "base_events.py" not in summary
    assert_users_frames_only(result)


@pytest.mark.parametrize("kind", UNHANDLED_IN)
def test_unhandled_exception_fails_the_test_on_demand(run: Example, kind: str) -> None:
    """With ``-W error::…`` that test fails, the exception being the cause that is shown."""
    result = run(unhandled_source(kind), "-W", f"error::{UNHANDLED}", mode="auto")
    counts = result.parseoutcomes()
    assert counts.pop("failed", 0) + counts.pop("errors", 0) == 1
    assert counts["passed"] >= 2
    text = result.stdout.str()
    result.stdout.fnmatch_lines(
        [
            "*The above exception was the direct cause of the following exception:*",
            "E   *PytestAsyncioUnhandledExceptionWarning: Exception that nobody handled, "
            f"{during(kind)}: *",
        ]
    )
    assert "boom" in text
    assert "test_after" not in text
    assert_users_frames_only(result)


def test_where_it_was_raised_is_told_and_not_where_it_was_caught_later(
    run: Example,
) -> None:
    """A library reports an exception to the loop, and the test gets the same one to catch."""
    result = run(
        """
        import asyncio

        import pytest

        def fail():
            raise ValueError("boom")

        async def test_it():
            loop = asyncio.get_running_loop()
            try:
                fail()
            except ValueError as exc:
                loop.call_exception_handler({"message": "Job failed", "exception": exc})
                job = loop.create_future()
                job.set_exception(exc)
            with pytest.raises(ValueError, match="boom"):
                await job  # Where it is caught.
        """,
        *WARN,
        mode="auto",
    )
    result.assert_outcomes(passed=1, warnings=1)
    summary = warnings_of(result)
    assert "Job failed" in summary
    assert 'raise ValueError("boom")' in summary
    assert "Where it is caught" not in summary


IN_A_SUITE = {
    "filterwarnings": "filterwarnings = error",
    "addopts": "addopts = -W error",
    "addopts-short": "addopts = -Werror",
    "others": "filterwarnings =\n    error::RuntimeWarning\n    error",
    "none": "",
}


@pytest.mark.parametrize(
    "mark", ["", "pytestmark = pytest.mark.filterwarnings('error')"]
)
@pytest.mark.parametrize("ini", IN_A_SUITE)
def test_suite_whose_warnings_are_errors_stays_green(
    run: Example, ini: str, mark: str
) -> None:
    """Releases said nothing of it: no suite has to change, and each is told of it."""
    source = unhandled_source("task-kept-for-ever") + f"\n{mark}\n"
    source = "import pytest\n" + source
    result = run(source, mode="auto", ini=IN_A_SUITE[ini], subprocess=True)
    result.assert_outcomes(passed=3, warnings=1)
    assert "boom" in warnings_of(result)


@pytest.mark.parametrize(
    ("arguments", "ini"),
    [
        (["-W", "error"], ""),
        (["-We"], ""),
        (["-W", "error::UserWarning"], ""),
        (["-W", "error"], "filterwarnings = default"),
        (["-W", "error"], "addopts = -W error"),
        ([], f"filterwarnings = error::{UNHANDLED}"),
        ([], f"filterwarnings =\n    error::{UNHANDLED}\n    error"),
        ([], "filterwarnings = error::pytest_asyncio.PytestAsyncioWarning"),
        (["-W", "error::pytest.PytestWarning"], ""),
        ([], "filterwarnings = error:Exception that nobody handled"),
        ([], f"addopts = -W error::{UNHANDLED}"),
        (["-W", f"error::{UNHANDLED}"], "filterwarnings = error"),
    ],
)
def test_whoever_names_it_or_says_so_has_an_error(
    run: Example, arguments: list[str], ini: str
) -> None:
    """A filter that means this warning, or ``-W error`` where it is typed, fails the test."""
    source = unhandled_source("task-kept-for-ever")
    result = run(source, *arguments, mode="auto", ini=ini, subprocess=True)
    result.assert_outcomes(failed=1, passed=2)
    result.stdout.fnmatch_lines(["E*PytestAsyncioUnhandledExceptionWarning: *"])


@pytest.mark.parametrize(
    ("arguments", "ini", "warnings"),
    [
        ([], "filterwarnings = error::RuntimeWarning", 1),
        ([], "filterwarnings = error:Something else", 1),
        ([], "filterwarnings = error:.*", 1),
        ([], "filterwarnings = error::pytest.PytestWarning", 1),
        ([], f"filterwarnings =\n    error\n    ignore::{UNHANDLED}", 0),
        (["-W", "error:Something else"], "filterwarnings = error", 1),
        (["-W", "error:::some.module"], "filterwarnings = error", 1),
        (["-W", "error::UserWarning:some.module"], "filterwarnings = error", 1),
    ],
)
def test_filters_that_do_not_make_errors_of_it(
    run: Example, arguments: list[str], ini: str, warnings: int
) -> None:
    """Other filters do what they always do."""
    source = unhandled_source("task-kept-for-ever")
    result = run(source, *arguments, mode="auto", ini=ini, subprocess=True)
    result.assert_outcomes(passed=3, warnings=warnings)


def test_recwarn_has_what_the_test_warns_of_alone(run: Example) -> None:
    """Suites assert that nothing has warned. What the plugin has to say comes after that."""
    result = run(
        """
        import asyncio
        import pytest
        import warnings

        @pytest.fixture(autouse=True)
        def one_warning(recwarn):
            yield
            assert [str(each.message) for each in recwarn] == ["own"]

        async def test_it():
            async def fail():
                raise ValueError("boom")

            asyncio.create_task(fail())
            await asyncio.sleep(0)
            warnings.warn("own")
        """,
        mode="auto",
        subprocess=True,
    )
    result.assert_outcomes(passed=1, warnings=1)
    assert "boom" in warnings_of(result)


def test_a_mock_in_place_of_the_default_handler_takes_notice(run: Example) -> None:
    """It is told, and nobody else."""
    result = run(
        """
        import asyncio
        from unittest import mock

        async def test_it():
            name = "asyncio.base_events.BaseEventLoop.default_exception_handler"
            with mock.patch(name) as handler:
                asyncio.get_running_loop().call_soon(lambda: 1 / 0)
                await asyncio.sleep(0.01)
            handler.assert_called_once()
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1, warnings=0)


def test_warnings_of_the_interpreter_count_as_typed(run: Example) -> None:
    """What the interpreter is called with counts as what pytest is called with."""
    with mock.patch.dict(os.environ, PYTHONWARNINGS="error"):
        result = run(
            unhandled_source("task-kept-for-ever"), mode="auto", subprocess=True
        )
    result.assert_outcomes(failed=1, passed=2)


def test_a_test_without_fixtures_fails_itself(run: Example) -> None:
    """No error at its tear-down where nobody could have asked the kept task later."""
    result = run(
        unhandled_source("task-kept-for-ever"),
        "-W",
        f"error::{UNHANDLED}",
        mode="auto",
    )
    result.assert_outcomes(passed=2, failed=1)


def test_an_exception_that_no_user_code_is_in_keeps_the_frames_of_asyncio(
    run: Example,
) -> None:
    """Where the standard library is all there is to see, all of it is shown."""
    result = run(
        """
        import asyncio
        import json

        import pytest

        @pytest.mark.asyncio
        async def test_it():
            asyncio.get_running_loop().call_soon(json.loads, "{")
            await asyncio.sleep(0.01)
        """,
        *("-W", "default::pytest_asyncio.PytestAsyncioUnhandledExceptionWarning"),
    )
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(
        [
            '*asyncio*events.py", line *, in _run',
            '*json*__init__.py", line *, in loads',
            "*JSONDecodeError: *",
        ]
    )


def test_several_exceptions_are_all_reported(run: Example) -> None:
    """Each is a warning of its own; as errors, they come together in a group."""
    source = (
        HEAD
        + """
async def test_it():
    loop = asyncio.get_running_loop()
    loop.call_soon(raises)
    loop.call_soon(int, "x")
    await asyncio.sleep(0.01)
"""
    )
    result = run(source, *WARN, mode="auto")
    result.assert_outcomes(passed=2, warnings=2)
    result = run(source, "-W", f"error::{UNHANDLED}", mode="auto")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*ExceptionGroup: exceptions that nobody handled during test_example.py::test_it "
            "(2 sub-exceptions)",
            "*ValueError: boom",
            "*ValueError: invalid literal for int() with base 10: 'x'",
        ]
    )
    assert_users_frames_only(result)


def test_exceptions_that_are_alike_are_told_once(run: Example) -> None:
    """What fails many tasks in the same way is one warning, that says how many."""
    source = (
        HEAD
        + """
async def send():
    raises()

async def receive():
    raises()

async def test_it():
    tasks = [asyncio.create_task(send()) for _ in range(20)]
    tasks.append(asyncio.create_task(receive()))
    loop = asyncio.get_running_loop()
    loop.call_soon(int, "x")
    loop.call_soon(int, "x")
    await asyncio.sleep(0.01)
"""
    )
    result = run(source, *WARN, mode="auto")
    result.assert_outcomes(passed=2, warnings=4)
    result.stdout.fnmatch_lines(
        [
            "*Exception that nobody handled*coroutine send,*",
            "*The same, with the same stack, 19 more times.",
        ]
    )
    result = run(source, "-W", f"error::{UNHANDLED}", mode="auto")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines("*with the same stack, 19 more times.*")
    result.stdout.fnmatch_lines("*(4 sub-exceptions)")


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [
        ("assert 1 == 2", {"failed": 1}),
        ("pytest.skip('reason')", {"skipped": 1}),
        ("pytest.xfail('reason')", {"xfailed": 1}),
    ],
)
def test_the_outcome_of_the_test_is_not_hidden(
    run: Example, ending: str, outcome: dict[str, int]
) -> None:
    """A test that fails or skips as well says so; the background comes at its tear-down."""
    source = f"""
        import asyncio

        import pytest

        async def test_it():
            asyncio.get_running_loop().call_soon(int, "x")
            await asyncio.sleep(0.01)
            {ending}
    """
    result = run(source, "-W", f"error::{UNHANDLED}", mode="auto")
    result.assert_outcomes(errors=1, **outcome)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_it*"])
    result = run(source, *WARN, mode="auto")
    result.assert_outcomes(warnings=1, **outcome)


HANDLED = {
    "awaited": """
        task = asyncio.create_task(boom())
        with pytest.raises(ValueError):
            await task
    """,
    "gathered": """
        await asyncio.gather(boom(), boom(), return_exceptions=True)
    """,
    "asked": """
        task = asyncio.create_task(boom())
        await asyncio.sleep(0.01)
        assert isinstance(task.exception(), ValueError)
    """,
    "done-callback-asks": """
        task = asyncio.create_task(boom())
        task.add_done_callback(lambda task: task.exception())
        await asyncio.sleep(0.01)
    """,
    "task-group": """
        with pytest.raises(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                group.create_task(boom())
    """,
    "cancelled": """
        KEPT.append(asyncio.create_task(asyncio.sleep(60)))
        await asyncio.sleep(0)
        KEPT[-1].cancel()
    """,
    "gather-that-nobody-awaits": """
        asyncio.gather(asyncio.sleep(60), asyncio.sleep(60))
        await asyncio.sleep(0)
    """,
    "exception-handler-of-the-user": """
        seen = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: seen.append(context))
        loop.call_soon(raises)
        await asyncio.sleep(0.01)
        assert isinstance(seen[0]["exception"], ValueError)
        assert seen[0]["message"].startswith("Exception in callback raises()")
    """,
}


@pytest.mark.parametrize("kind", HANDLED)
def test_what_is_handled_is_not_reported(run: Example, kind: str) -> None:
    """An exception that somebody has asked for, or that a handler got, is no warning."""
    body = textwrap.indent(textwrap.dedent(HANDLED[kind]), "    ")
    result = run(f"{HEAD}\nasync def test_it():\n{body}\n", mode="auto")
    result.assert_outcomes(passed=2)


def test_a_fixture_may_ask_in_its_tear_down(run: Example) -> None:
    """A task that the test kept for a fixture is not reported if the fixture retrieves it."""
    result = run(
        HEAD
        + """
@pytest_asyncio.fixture
async def client():
    started = []
    yield started
    await asyncio.gather(*started, return_exceptions=True)

async def test_it(client):
    client.append(asyncio.create_task(boom()))
    await asyncio.sleep(0.01)
""",
        mode="auto",
    )
    result.assert_outcomes(passed=2)


def test_a_task_that_a_synchronous_test_keeps(run: Example) -> None:
    """It is told at that test, unless somebody has asked what became of it."""
    source = (
        HEAD
        + """
def test_it(event_loop):
    KEPT.append(event_loop.create_task(boom()))
    event_loop.run_until_complete(asyncio.sleep(0.01))

def test_asks(event_loop):
    KEPT.append(event_loop.create_task(boom()))
    event_loop.run_until_complete(asyncio.sleep(0.01))
    assert isinstance(KEPT[-1].exception(), ValueError)
"""
    )
    result = run(source, *WARN, mode="auto")
    result.assert_outcomes(passed=3, warnings=1)
    assert "during test_example.py::test_it" in warnings_of(result)
    assert_users_frames_only(result)


def test_a_task_that_a_fixture_keeps(run: Example) -> None:
    """It is told when the fixture is torn down, with the fixture's name, unless that asks."""
    result = run(
        """
        import asyncio

        import pytest

        KEPT = []

        async def boom(text):
            raise ValueError(text)

        @pytest.fixture
        async def client():
            KEPT.append(asyncio.create_task(boom("of the client")))
            await asyncio.sleep(0)
            yield

        @pytest.fixture(scope="module")
        async def server():
            KEPT.append(asyncio.create_task(boom("of the server")))
            yield

        @pytest.fixture
        async def coroutine():
            KEPT.append(asyncio.create_task(boom("of the coroutine")))
            await asyncio.sleep(0)

        @pytest.fixture
        async def broken():
            KEPT.append(asyncio.create_task(boom("of the broken one")))
            await asyncio.sleep(0)
            raise OSError

        @pytest.fixture
        async def polite():
            KEPT.append(task := asyncio.create_task(boom("of the polite one")))
            yield task
            with pytest.raises(ValueError):
                await task

        async def test_client(client):
            pass

        async def test_server(server):
            pass

        async def test_coroutine(coroutine):
            pass

        async def test_broken(broken):
            pass

        async def test_polite(polite):
            pass

        async def test_last(server):
            pass
        """,
        *WARN,
        mode="auto",
    )
    result.assert_outcomes(passed=5, errors=1, warnings=4)
    told = warnings_of(result)
    for test, fixture, scope in (
        ("client", "client", "function"),
        ("coroutine", "coroutine", "function"),
        ("broken", "broken", "function"),
        # It was this test that was running then, although others have used it since.
        ("server", "server", "module"),
    ):
        assert (
            "PytestAsyncioUnhandledExceptionWarning: Exception that nobody handled, "
            f"during test_example.py::test_{test}, in a task started by the fixture "
            f"{fixture!r} of {scope} scope: Task exception was never retrieved"
        ) in told
    assert "of the polite one" not in told
    assert_users_frames_only(result)


@pytest.mark.parametrize("keeps", ["", "kept.append(task)"])
def test_task_of_an_earlier_test(run: Example, keeps: str) -> None:
    """Who has started a task is told where it fails while another test runs."""
    result = run(
        f"""
        import asyncio

        import pytest

        pytestmark = pytest.mark.asyncio(loop_scope="module")
        kept = []

        async def fail():
            await asyncio.sleep(0.01)
            raise ValueError("later")

        async def test_one():
            task = asyncio.create_task(fail())
            {keeps}

        async def test_two():
            await asyncio.sleep(0.05)
        """,
        *WARN,
    )
    result.assert_outcomes(passed=2, warnings=1)
    told = "during test_example.py::test_two"
    # Before 3.12 a task that nobody keeps does not tell in which context it was started.
    if keeps or sys.version_info >= (3, 12):
        told += ", in a task started by test_example.py::test_one"
    assert f"{told}: Task exception was never retrieved" in warnings_of(result)


def test_what_is_wrong_with_a_task_from_the_start(run: Example) -> None:
    """The methods of the loop that are looked after do not show in tracebacks."""
    result = run(
        """
        import asyncio

        async def test_no_coroutine():
            asyncio.get_running_loop().create_task(None)

        async def test_no_executor():
            loop = asyncio.get_running_loop()
            await asyncio.to_thread(len, "")
            await loop.shutdown_default_executor()
            loop.run_in_executor(None, len, "")
        """,
        mode="auto",
    )
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "E * TypeError: a coroutine was expected, got None",
            "E * RuntimeError: Executor shutdown has been called",
        ]
    )
    assert_users_frames_only(result)


@pytest.mark.parametrize("scope", ["function", "module", "session"])
def test_attribution_in_a_shared_loop(run: Example, scope: str) -> None:
    """In a loop that several tests share each exception is told at the test it belongs to."""
    result = run(
        f"""
        import asyncio

        import pytest

        pytestmark = pytest.mark.asyncio(loop_scope="{scope}")
        KEPT = []

        async def fail(number):
            raise ValueError(f"number {{number}}")

        @pytest.mark.parametrize("number", range(6))
        async def test_it(number):
            if number % 2:
                KEPT.append(asyncio.create_task(fail(number)))
            await asyncio.sleep(0.01)
        """,
        *WARN,
    )
    result.assert_outcomes(passed=6, warnings=3)
    summary = warnings_of(result)
    for number in (1, 3, 5):
        _, _, after = summary.partition(f"during test_example.py::test_it[{number}]")
        assert f"ValueError: number {number}" in after.partition("\n\ntest_")[0]
    for number in (0, 2, 4):
        assert f"test_it[{number}]" not in summary


def test_debug_tells_where_the_task_was_created(run: Example) -> None:
    """Under ``--asyncio-debug`` the warning has the user's lines that created the task."""
    result = run(
        HEAD
        + """
async def start():
    KEPT.append(asyncio.create_task(boom(), name="the-task"))

async def test_it():
    await start()
    await asyncio.sleep(0.01)
""",
        *WARN,
        "--asyncio-debug",
        mode="auto",
    )
    result.assert_outcomes(passed=2, warnings=1)
    assert_users_frames_only(result)


def test_uvloop_reports_as_well(run: Example) -> None:
    """Where the loop's methods cannot be replaced, a handler and a task factory do it."""
    pytest.importorskip("uvloop")
    result = run(
        """
        import asyncio

        KEPT = []

        async def boom():
            raise ValueError("boom")

        async def test_task():
            KEPT.append(asyncio.create_task(boom(), name="the-task"))
            await asyncio.sleep(0.01)

        async def test_callback():
            asyncio.get_running_loop().call_soon(int, "x")
            await asyncio.sleep(0.01)
        """,
        *WARN,
        mode="auto",
        conftest="""
        import uvloop

        def pytest_asyncio_loop_factories(config, item):
            return {"uvloop": uvloop.new_event_loop}
        """,
    )
    result.assert_outcomes(passed=2, warnings=2)
    summary = warnings_of(result)
    assert "during test_example.py::test_task: " in summary
    assert "'the-task'" in summary
    assert "during test_example.py::test_callback: " in summary


def test_pytest_exit_in_a_background_task_ends_the_run(run: Example) -> None:
    """``pytest.exit`` keeps its meaning where nobody awaits the task."""
    result = run(
        """
        import asyncio

        import pytest

        async def quits():
            pytest.exit("enough", returncode=7)

        async def test_it():
            asyncio.create_task(quits())
            await asyncio.sleep(0.01)

        async def test_never():
            pass
        """,
        mode="auto",
    )
    assert result.ret == 7
    result.stdout.fnmatch_lines(["*Exit: enough*"])
    result.assert_outcomes(passed=0)


def test_through_xdist(run: Example) -> None:
    """The warning reaches the terminal from a worker of pytest-xdist."""
    pytest.importorskip("xdist")
    result = run(
        unhandled_source("task-kept-for-ever"),
        *WARN,
        "-n1",
        mode="auto",
        subprocess=True,
    )
    result.assert_outcomes(passed=3, warnings=1)
    summary = warnings_of(result)
    assert "during test_example.py::test_it: " in summary
    assert "ValueError: boom" in summary


# -- leaked tasks --------------------------------------------------------------------------

LEAK = """
import asyncio

import pytest

async def forgotten():
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        LOG.append("cancelled")
        raise

LOG = []

def start():
    return asyncio.create_task(forgotten(), name="leaked-one")

@pytest.mark.asyncio(loop_scope="module")
async def test_it():
    start()
    await asyncio.sleep(0)

@pytest.mark.asyncio(loop_scope="module")
async def test_after():
    assert LOG == EXPECTED
"""


@pytest.mark.parametrize("value", ["ignore", "warn", "fail"])
def test_leaked_tasks(run: Example, value: str) -> None:
    """By option, a leaked task is left alone, named in a warning, or fails its test."""
    source = LEAK.replace("EXPECTED", "[]" if value == "ignore" else "['cancelled']")
    result = run(source, *WARN, ini=f"asyncio_leaked_tasks = {value}")
    text = result.stdout.str()
    if value == "ignore":
        result.assert_outcomes(passed=2)
        assert "leaked-one" not in text
        return
    if value == "warn":
        result.assert_outcomes(passed=2, warnings=1)
        assert "PytestAsyncioLeakedTaskWarning" in warnings_of(result)
    else:
        result.assert_outcomes(passed=1, failed=1)
    assert "test_example.py::test_it ended before tasks that it had started" in text
    assert "task 'leaked-one', coroutine forgotten, " in text
    assert "test_example.py:6" in text
    assert "Await or cancel them" in text
    assert "created at" not in text
    assert_users_frames_only(result)


@pytest.mark.parametrize("value", ["warn", "fail"])
def test_leaked_tasks_under_debug(run: Example, value: str) -> None:
    """With debug on, the user's lines that created the task are shown."""
    source = LEAK.replace("EXPECTED", "['cancelled']")
    result = run(
        source, *WARN, "--asyncio-debug", ini=f"asyncio_leaked_tasks = {value}"
    )
    text = result.stdout.str()
    assert "created at:" in text
    assert "test_example.py:16 in start" in text
    assert "test_example.py:20 in test_it" in text
    assert "tasks.py" not in text
    assert "pluggy/" not in text
    assert_users_frames_only(result)


def test_task_that_fails_under_debug(run: Example) -> None:
    """Where a task was created is told without what pytest and the plugin did before."""
    result = run(
        """
        import asyncio

        async def fail():
            raise OSError("in the background")

        async def test_it():
            task = asyncio.create_task(fail())
            await asyncio.sleep(0.01)
        """,
        "-Werror",
        "--asyncio-debug",
        mode="auto",
    )
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    # In the message, and in what asyncio itself logs.
    assert text.count("task = asyncio.create_task(fail())") >= 2
    assert "pluggy/" not in text
    assert_users_frames_only(result)


def test_leaked_task_that_runs_a_coroutine_of_asyncio(run: Example) -> None:
    """It is named by that, although no line of the user's is in it."""
    result = run(
        """
        import asyncio

        async def test_it():
            asyncio.create_task(asyncio.sleep(60), name="leaked-one")
            await asyncio.sleep(0)
        """,
        *WARN,
        mode="auto",
        ini="asyncio_leaked_tasks = warn",
    )
    result.assert_outcomes(passed=1, warnings=1)
    assert "task 'leaked-one', coroutine sleep\n" in warnings_of(result)


def test_leaked_task_that_closes_a_generator(run: Example) -> None:
    """One that the test has started itself is the test's, and what it raises is told."""
    result = run(
        """
        import asyncio

        TASKS = []

        async def rows(seconds, error=None):
            try:
                yield 1
            finally:
                await asyncio.sleep(seconds)
                if error:
                    raise error

        async def test_leaks():
            generator = rows(30)
            await anext(generator)
            TASKS.append(asyncio.create_task(generator.aclose()))
            await asyncio.sleep(0)

        async def test_fails():
            generator = rows(0, ValueError("boom"))
            await anext(generator)
            TASKS.append(asyncio.create_task(generator.aclose()))
            await asyncio.sleep(0.01)
        """,
        *WARN,
        mode="auto",
        ini="asyncio_leaked_tasks = warn",
    )
    result.assert_outcomes(passed=2, warnings=2)
    summary = warnings_of(result)
    assert "test_leaks ended before tasks that it had started" in summary
    assert "boom" in summary


def test_leaked_task_of_a_failed_test(run: Example) -> None:
    """It is cancelled as well; the failure of the test is what is reported."""
    source = LEAK.replace("EXPECTED", "['cancelled']").replace(
        "    await asyncio.sleep(0)\n",
        "    await asyncio.sleep(0)\n    assert 1 == 2\n",
    )
    result = run(source, ini="asyncio_leaked_tasks = fail")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E       assert 1 == 2"])
    assert "leaked-one" not in result.stdout.str()


NOT_LEAKED = {
    "awaited": """
        async def test_it():
            await asyncio.create_task(asyncio.sleep(0))
        """,
    "ends-when-the-test-does": """
        async def test_it():
            asyncio.create_task(asyncio.sleep(0))
        """,
    "cancelled-and-not-awaited": """
        async def test_it():
            task = asyncio.create_task(asyncio.sleep(60))
            await asyncio.sleep(0)
            task.cancel()
        """,
    "task-of-a-fixture": """
        @pytest_asyncio.fixture
        async def background():
            task = asyncio.create_task(asyncio.sleep(60))
            yield task
            assert not task.done()
            task.cancel()

        async def test_it(background):
            await asyncio.sleep(0)
        """,
    "task-group-of-a-fixture": """
        @pytest_asyncio.fixture(scope="module")
        async def background():
            async with asyncio.TaskGroup() as group:
                task = group.create_task(asyncio.sleep(60))
                yield
                task.cancel()

        async def test_it(background):
            await asyncio.sleep(0)
        """,
    "started-by-a-task-of-a-fixture": """
        @pytest_asyncio.fixture
        async def spawner():
            queue, started = asyncio.Queue(), []

            async def spawn():
                while await queue.get():
                    started.append(asyncio.create_task(asyncio.sleep(60)))

            task = asyncio.create_task(spawn())
            yield queue, started
            assert not started[0].done()
            task.cancel()
            started[0].cancel()

        async def test_it(spawner):
            queue, started = spawner
            queue.put_nowait(True)
            while not started:
                await asyncio.sleep(0)
        """,
    "connection-handler-of-a-server": """
        @pytest_asyncio.fixture(scope="module")
        async def port():
            async def handle(reader, writer):
                await reader.read()
                writer.close()

            server = await asyncio.start_server(handle, "127.0.0.1", 0)
            async with server:
                yield server.sockets[0].getsockname()[1]

        async def test_it(port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)
            assert len(asyncio.all_tasks()) > 1
            writer.close()
        """,
    "generator-that-nobody-closes": """
        async def rows():
            try:
                while True:
                    yield 1
            finally:
                await asyncio.sleep(0.01)

        async def test_it():
            async for row in rows():
                break
        """,
    "fixture-asked-for-in-the-test": """
        @pytest_asyncio.fixture
        async def background():
            task = asyncio.create_task(asyncio.sleep(60))
            yield task
            assert not task.done()
            task.cancel()

        async def test_it(request):
            await pytest_asyncio.getfixturevalue(request, "background")
        """,
}


@pytest.mark.parametrize("kind", NOT_LEAKED)
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_what_is_not_leaked(run: Example, kind: str, loop: str) -> None:
    """Tasks that end with the test, and whatever a fixture starts, are not the test's."""
    conftest = "import asyncio\nfactory = asyncio.new_event_loop\n"
    if loop == "uvloop":
        pytest.importorskip("uvloop")
        conftest = "import uvloop\nfactory = uvloop.new_event_loop\n"
    conftest += (
        "def pytest_asyncio_loop_factories(config, item):\n"
        "    return {'one': factory}\n"
    )
    imports = "import asyncio\nimport pytest_asyncio\n"
    result = run(
        imports + textwrap.dedent(NOT_LEAKED[kind]),
        mode="auto",
        conftest=conftest,
        ini="asyncio_leaked_tasks = fail",
        # The threads of libuv stay until the process ends.
        subprocess=loop == "uvloop" and "connection" in kind,
    )
    result.assert_outcomes(passed=1)


# -- await chains --------------------------------------------------------------------------

CHAINS = {
    "nested-coroutines": (
        """
        async def innermost(stop):
            await stop.wait()

        async def middle(stop):
            await innermost(stop)

        async def test_it():
            await middle(asyncio.Event())
        """,
        ["in test_it", "in middle", "in innermost", "await stop.wait()"],
    ),
    "async-for": (
        """
        async def numbers(stop):
            yield 1
            await stop.wait()
            yield 2

        async def test_it():
            async for _ in numbers(asyncio.Event()):
                pass
        """,
        ["in test_it", "in numbers", "await stop.wait()"],
    ),
    "nested-async-generators": (
        """
        async def inner(stop):
            await stop.wait()
            yield 1

        async def outer(stop):
            async for each in inner(stop):
                yield each

        async def test_it():
            await anext(outer(asyncio.Event()))
        """,
        ["in test_it", "in outer", "in inner", "await stop.wait()"],
    ),
    "anext-with-default": (
        """
        async def numbers(stop):
            await stop.wait()
            yield 1

        async def test_it():
            await anext(numbers(asyncio.Event()), None)
        """,
        ["in test_it", "in numbers", "await stop.wait()"],
    ),
    "async-context-manager": (
        """
        @contextlib.asynccontextmanager
        async def held(stop):
            await stop.wait()
            yield

        async def test_it():
            async with held(asyncio.Event()):
                pass
        """,
        ["in test_it", "in held", "await stop.wait()"],
    ),
    "gather": (
        """
        async def one(stop):
            await stop.wait()

        async def two(stop):
            await one(stop)

        async def test_it():
            stop = asyncio.Event()
            await asyncio.gather(one(stop), two(stop))
        """,
        ["coroutine one", "in one", "coroutine two", "in two", "in test_it"],
    ),
    "task-group": (
        """
        async def child(stop):
            await stop.wait()

        async def test_it():
            async with asyncio.TaskGroup() as group:
                group.create_task(child(asyncio.Event()), name="first-child")
        """,
        ["'first-child'", "in child", "in test_it", "async with asyncio.TaskGroup()"],
    ),
    "awaitable-object": (
        """
        class Waits:
            def __await__(self):
                return (yield from asyncio.Event().wait().__await__())

        async def test_it():
            await Waits()
        """,
        ["in test_it", "in __await__"],
    ),
    "fixture-at-its-yield": (
        """
        @pytest_asyncio.fixture
        async def client():
            async with asyncio.TaskGroup() as group:
                yield group

        async def test_it(client):
            await asyncio.Event().wait()
        """,
        ["Task 'fixture client', coroutine client", "in client", "yield group"],
    ),
    "fixture-in-its-set-up": (
        """
        async def connect():
            await asyncio.Event().wait()

        @pytest_asyncio.fixture
        async def client():
            await connect()
            yield

        async def test_it(client):
            pass
        """,
        ["Task 'fixture client', coroutine client", "in client", "in connect"],
    ),
    "fixture-in-its-tear-down": (
        """
        async def disconnect():
            await asyncio.Event().wait()

        @pytest_asyncio.fixture
        async def client():
            yield
            await disconnect()

        async def test_it(client):
            pass
        """,
        ["Task 'fixture client', coroutine client", "in client", "in disconnect"],
    ),
    "async-generator-test": (
        """
        async def test_it():
            yield
            await asyncio.Event().wait()
        """,
        ["Task 'test_it', coroutine test_it", "in test_it", ").wait()"],
    ),
    "test-that-returns-an-awaitable": (
        """
        async def waits():
            await asyncio.Event().wait()

        @pytest.mark.asyncio
        def test_it():
            return waits()
        """,
        ["Task 'test_it', coroutine waits", "in waits"],
    ),
}

IMPORTS = "import asyncio, contextlib\nimport pytest, pytest_asyncio\n"


SLOW = """
class Slow(asyncio.Event):
    async def wait(self):
        await asyncio.sleep(60)
"""


@pytest.mark.parametrize(
    "how",
    [
        pytest.param("deadlock", marks=on_linux),
        pytest.param("timeout", marks=needs_timeout),
    ],
)
def test_await_chains(run: Example, how: str) -> None:
    """What each task was waiting for is shown in the user's own lines, to the innermost."""
    arguments = ["--junitxml=junit.xml"]
    files: dict[str, str] = {}
    for kind, (source, _) in CHAINS.items():
        # Where there is a timer somewhere, it is no deadlock.
        event = "Slow()" if how == "timeout" else "asyncio.Event()"
        text = textwrap.dedent(source).replace("asyncio.Event()", event)
        files[f"test_{kind.replace('-', '_')}.py"] = IMPORTS + SLOW + text
    if how == "timeout":
        pytest.importorskip("pytest_timeout")
        arguments += ["--timeout=0.8", "--timeout-method=signal"]
    # In a process of its own: threads that other tests have left could wake a loop up.
    result = run("", *arguments, mode="auto", files=files, subprocess=True)
    assert_users_frames_only(result)
    found = failures_in(run)
    assert len(found) == len(CHAINS)
    for kind, (_, parts) in CHAINS.items():
        text = found[f"test_{kind.replace('-', '_')}"]
        if how == "timeout":
            assert "Timeout (>0.8s) from pytest-timeout" in text
            _, _, text = text.partition("- asyncio tasks -")
        else:
            assert "deadlock: " in text
        for part in parts:
            assert part in text, (kind, part, text)
        assert "locks.py" not in text
        assert "taskgroups.py" not in text


def failures_in(run: Example) -> dict[str, str]:
    """The text of each failure and error in ``junit.xml``, by the module it is in."""
    tree = ElementTree.parse(run.pytester.path / "junit.xml")
    found: dict[str, str] = {}
    for case in tree.iter("testcase"):
        for kind in ("failure", "error"):
            element = case.find(kind)
            if element is not None:
                found[str(case.get("classname"))] = str(element.text)
    return found


STUCK = """
import asyncio

async def innermost():
    await asyncio.sleep(60)

async def worker():
    await innermost()

async def test_it():
    await asyncio.create_task(worker(), name="my-worker")
"""


@needs_timeout
@pytest.mark.parametrize("where", ["here", "xdist"])
def test_tasks_in_the_terminal_and_in_junit_xml(run: Example, where: str) -> None:
    """The section "asyncio tasks" is in the failure: in the terminal and in junit's XML."""
    pytest.importorskip("pytest_timeout")
    arguments = ["--timeout=0.8", "--timeout-method=signal", "--junitxml=junit.xml"]
    if where == "xdist":
        pytest.importorskip("xdist")
        arguments.append("-n1")
    result = run(STUCK, *arguments, mode="auto", subprocess=True)
    result.assert_outcomes(failed=1)
    for text in (result.stdout.str(), failures_in(run)["test_example"]):
        _, _, section = text.partition("- asyncio tasks -")
        for part in (
            "Task 'my-worker', coroutine worker",
            "in worker",
            "in innermost",
            "await asyncio.sleep(60)",
            "Task 'test_it', coroutine test_it",
        ):
            assert part in section
    assert_users_frames_only(result)


@on_linux
def test_deadlock_in_junit_xml(run: Example) -> None:
    """The await chains of a deadlock are in its message, and so wherever that goes."""
    run(
        STUCK.replace("asyncio.sleep(60)", "asyncio.Event().wait()"),
        "--junitxml=junit.xml",
        mode="auto",
        subprocess=True,
    )
    text = failures_in(run)["test_example"]
    assert "Task 'my-worker', coroutine worker" in text
    assert "await asyncio.Event().wait()" in text


@on_linux
def test_tasks_at_the_same_place_are_told_once(run: Example) -> None:
    """First the task of the test; of a pool of workers one, and the names of the others."""
    result = run(
        """
        import asyncio

        async def work(queue):
            await queue.get()

        async def test_it():
            queue = asyncio.Queue()
            workers = [
                asyncio.create_task(work(queue), name=f"a worker {number}")
                for number in range(13)
            ]
            other = asyncio.create_task(asyncio.Event().wait(), name="other")
            await asyncio.Event().wait()
        """,
        mode="auto",
        subprocess=True,
    )
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    told = [line for line in text.splitlines() if line.startswith("E       Task ")]
    assert [line.split(", coroutine ")[0].split("Task ")[1] for line in told] == [
        "'test_it'",
        "'a worker 0'",
        "'other'",
    ]
    assert text.count("E           await queue.get()\n") == 1
    named = ", ".join(f"'a worker {number}'" for number in range(1, 11))
    result.stdout.fnmatch_lines(
        [
            "E           await queue.get()",
            f"E         the same for {named} and 2 more",
            "E       ",
            "E       Task 'other', coroutine Event.wait",
            "E         in none of the user's functions",
        ],
        consecutive=True,
    )


def test_task_that_fails_during_a_later_test(run: Example) -> None:
    """What a test has started and kept is told when it fails, if only at the next test."""
    result = run(
        """
        import asyncio
        import pytest

        pytestmark = pytest.mark.asyncio(loop_scope="module")
        kept = []

        async def bad():
            await asyncio.sleep(0.01)
            raise ValueError("late")

        async def test_starts_it():
            kept.append(asyncio.create_task(bad()))

        async def test_after():
            await asyncio.sleep(0.05)
        """,
        "-W",
        "default",
    )
    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(
        ["*PytestAsyncioUnhandledExceptionWarning: *test_after*", "*ValueError: late"]
    )


def test_leak_beside_a_clock_that_stands_still(run: Example) -> None:
    """A timer of a clock that user code has set does not go off when leaks are looked for."""
    result = run(
        """
        import asyncio

        async def test_leak():
            asyncio.get_running_loop().time = lambda: 0.0
            global task
            task = asyncio.create_task(asyncio.sleep(0.001), name="leaker")
            await asyncio.sleep(0)
        """,
        mode="auto",
        ini="asyncio_leaked_tasks = fail",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*leaker*"])


def test_what_goes_wrong_after_the_last_test_is_told(run: Example) -> None:
    """At the end of a run that was stopped there is no test left to tell of it."""
    result = run(
        """
        import asyncio
        import pytest
        import pytest_asyncio

        kept = []

        async def never():
            while True:
                try:
                    await asyncio.sleep(100)
                except asyncio.CancelledError:
                    pass

        async def bad():
            raise ValueError("at the end")

        @pytest_asyncio.fixture(scope="session")
        async def stubborn():
            task = asyncio.create_task(never(), name="never")
            yield task
            kept.append(asyncio.create_task(bad()))
            await asyncio.sleep(0.01)

        async def test_it(stubborn):
            pytest.exit("enough")
        """,
        mode="auto",
        conftest="""
            import pytest_asyncio.shutdown

            pytest_asyncio.shutdown.GRACE = 0.1
        """,
        subprocess=True,
        timeout=60,
    )
    result.stdout.fnmatch_lines(
        ["*asyncio: after the last test*", "*task 'never'*", "*ValueError: at the end"]
    )


def test_a_task_that_runs_a_mock(run: Example) -> None:
    """A mock has every attribute, a frame and what it awaits among them, and never an end."""
    result = run(
        """
        import asyncio
        import types
        from unittest import mock

        class CoroutineMock(mock.MagicMock):
            __class__ = types.CoroutineType

            def _get_child_mock(self, **arguments):
                return CoroutineMock(**arguments)

        async def test_it():
            asyncio.ensure_future(CoroutineMock()())
            await asyncio.sleep(0)
        """,
        mode="auto",
        subprocess=True,
        timeout=60,
    )
    result.assert_outcomes(passed=1, warnings=1)
    assert "coroutine CoroutineMock, did not end" in warnings_of(result)
