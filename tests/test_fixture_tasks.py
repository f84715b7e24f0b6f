"""One task per async fixture: what is open across its yield holds, and breaks in the open."""

from __future__ import annotations

from pathlib import Path
import signal
import subprocess
import sys

import pytest

from conftest import Example
from conftest import needs_sigint
from conftest import WITHOUT_SLOW_PLUGINS

SCOPES = ("function", "class", "module", "package", "session")

CACHED_SCOPES = ("module", "session")


def assert_users_frames_only(result: pytest.RunResult) -> None:
    """No file of the plugin shows in what the person reads."""
    for stream in (result.stdout.str(), result.stderr.str()):
        assert "pytest_asyncio/" not in stream.replace("\\", "/")
        assert "runners.py" not in stream
        assert "base_events.py" not in stream
        assert "was never awaited" not in stream
        assert "never retrieved" not in stream


# -- what may be open across the yield ---------------------------------------------------

HELD = {
    "task-group": "async with asyncio.TaskGroup() as held:",
    "timeout": "async with asyncio.timeout(60) as held:",
    "anyio-task-group": "async with anyio.create_task_group() as held:",
    "anyio-cancel-scope": "with anyio.CancelScope() as held:",
    "anyio-fail-after": "with anyio.fail_after(60) as held:",
    "exit-stack": (
        "async with contextlib.AsyncExitStack() as held, asyncio.TaskGroup() as group:\n"
        "        await held.enter_async_context(anyio.create_task_group())"
    ),
}

HOLDS = """
import asyncio, contextlib

import anyio
import pytest_asyncio

@pytest_asyncio.fixture(scope="SCOPE")
async def holding():
    task = asyncio.current_task()
    HELD
        yield held, task
        assert asyncio.current_task() is task
        print("torn down")
    assert asyncio.current_task() is task

class TestThem:
    async def test_one(self, holding):
        held, task = holding
        assert not task.done()
        assert asyncio.current_task() is not task
        await asyncio.sleep(0)

    async def test_two(self, holding):
        await asyncio.sleep(0)

    def test_synchronous(self, holding):
        assert not holding[1].done()
"""


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("held", HELD)
def test_holds_across_the_yield(run: Example, held: str, scope: str) -> None:
    """What is entered before the yield is left after it, in the same task."""
    source = HOLDS.replace("SCOPE", scope).replace("HELD", HELD[held])
    result = run(source, "-s", mode="auto")
    result.assert_outcomes(passed=3)
    torn_down = result.stdout.str().count("torn down")
    assert torn_down == (3 if scope == "function" else 1)


def test_tasks_of_the_group_run_during_the_test(run: Example) -> None:
    """A worker in a fixture's task group serves the test while the fixture is suspended."""
    result = run(
        """
        import asyncio

        import pytest_asyncio

        @pytest_asyncio.fixture(scope="module")
        async def double():
            requests = asyncio.Queue()

            async def work():
                while True:
                    number, answer = await requests.get()
                    answer.set_result(number * 2)

            async def ask(number):
                answer = asyncio.get_running_loop().create_future()
                await requests.put((number, answer))
                return await answer

            async with asyncio.TaskGroup() as group:
                worker = group.create_task(work())
                yield ask
                worker.cancel()

        async def test_one(double):
            assert await double(2) == 4

        async def test_two(double):
            assert await asyncio.gather(double(3), double(4)) == [6, 8]
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=2)


def test_the_task_is_named_after_the_fixture(run: Example) -> None:
    """Debuggers and dumps of tasks show which fixture a task belongs to."""
    result = run(
        """
        import asyncio

        async def test_names(client):
            assert asyncio.current_task().get_name() == "test_names"
            assert client.get_name() == "fixture client"

        import pytest
        @pytest.fixture
        async def client():
            yield asyncio.current_task()
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1)


# -- what others see of the task ---------------------------------------------------------

SEEN = """
import asyncio

import pytest

@pytest.fixture(scope="SCOPE")
async def wide():
    assert asyncio.all_tasks() == {asyncio.current_task()}
    yield asyncio.current_task()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    print("torn down")

@pytest.fixture
async def narrow(wide):
    assert asyncio.all_tasks() == {asyncio.current_task()}
    yield asyncio.current_task()
    assert asyncio.all_tasks() == {asyncio.current_task()}

async def test_sees_itself_alone(wide, narrow):
    assert asyncio.all_tasks() == {asyncio.current_task()}

async def test_stops_the_program(wide, narrow):
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest)

async def test_waits_for_the_rest(wide, narrow):
    done = asyncio.create_task(asyncio.sleep(0, "done"))
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    assert await asyncio.wait_for(asyncio.gather(*rest), 60) == ["done"]

async def test_goes_on(wide, narrow):
    assert not wide.done()
"""


@pytest.mark.parametrize("scope", SCOPES)
def test_a_fixture_is_in_no_list_of_tasks(run: Example, scope: str) -> None:
    """``asyncio.all_tasks`` has the fixture's task in it only while it runs.

    Programs cancel or await all tasks when they stop, and tests count what is left.
    """
    result = run(SEEN.replace("SCOPE", scope), "-s", mode="auto")
    result.assert_outcomes(passed=4)
    assert "torn down" in result.stdout.str()


# -- the turn after the yield, and after the end -----------------------------------------

# What a fixture leaves to its loop has a turn before anybody uses the fixture, and before what
# was set up earlier is torn down: so it is where a task is run to its end, in any release.
BEGINNINGS = {
    "task": "async def begun(): SEEN.append(when)\n    tasks.append(loop.create_task(begun()))",
    "callback": "loop.call_soon(SEEN.append, when)",
    "timer": "loop.call_later(0, SEEN.append, when)",
    "reader": (
        "ours, theirs = socket.socketpair()\n"
        "    theirs.close()\n"
        "    def read(): loop.remove_reader(ours); ours.close(); SEEN.append(when)\n"
        "    loop.add_reader(ours, read)"
    ),
}
if sys.platform == "win32":
    del BEGINNINGS["reader"]  # The proactor loop has no such method.

BEGINS = """
import asyncio, socket

import pytest
import pytest_asyncio

SEEN = []
tasks = []

def begin(when):
    loop = asyncio.get_running_loop()
    BEGIN

@pytest.fixture
def earlier():
    yield
    assert SEEN == ["set-up", "tear-down"]
    SEEN.clear()

@pytest_asyncio.fixture
async def beginning(earlier):
    SUSPEND
    begin("set-up")
    yield
    SUSPEND
    begin("tear-down")

@pytest.fixture
def later(beginning):
    assert SEEN == ["set-up"]

def test_sync(later):
    assert SEEN == ["set-up"]

@pytest.mark.asyncio
async def test_async(later):
    assert SEEN == ["set-up"]

@pytest.mark.asyncio(loop_scope="module")
async def test_with_a_shared_loop(later):
    assert SEEN == ["set-up"]
"""


@pytest.mark.parametrize("suspended", [False, True], ids=["at-once", "suspended"])
@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_what_a_fixture_begins_has_a_turn(
    run: Example, beginning: str, suspended: bool
) -> None:
    """What is ready to run when a fixture yields or ends is not left to the next test."""
    source = BEGINS.replace("BEGIN", BEGINNINGS[beginning])
    suspend = "await asyncio.sleep(0)" if suspended else ""
    source = source.replace("SUSPEND", suspend)
    run(source).assert_outcomes(passed=3)


LAST_TURN = """
import asyncio

import pytest
import pytest_asyncio

@pytest_asyncio.fixture
async def earlier():
    yield
    print("<earlier is down>")

@pytest_asyncio.fixture
async def fixture(earlier):
    def callback():
        CALLBACK
    asyncio.get_running_loop().call_soon(callback)
    try:
        yield
    finally:
        print("<fixture is down>")

def test_sync(fixture):
    pass

@pytest.mark.asyncio
async def test_async(fixture):
    pass

@pytest.mark.asyncio
async def test_asks(request):
    await pytest_asyncio.getfixturevalue(request, "fixture")
"""


@pytest.mark.parametrize("test", ["test_sync", "test_async", "test_asks"])
@pytest.mark.parametrize("exception", ["SystemExit", "KeyboardInterrupt"])
def test_the_run_is_to_end_in_the_turn_after_the_yield(
    run: Example, exception: str, test: str
) -> None:
    """The fixture, which pytest has not been given yet, is torn down, and in its order."""
    source = LAST_TURN.replace("CALLBACK", f"raise {exception}")
    result = run(source, "-s", "-k", test, subprocess=True)
    result.stdout.fnmatch_lines(["*<fixture is down>*", "*<earlier is down>*"])
    text = result.stdout.str()
    assert text.count("is down>") == 2
    assert "did not end" not in text
    if exception == "SystemExit":
        assert result.ret == pytest.ExitCode.TESTS_FAILED
    else:
        assert result.ret == pytest.ExitCode.INTERRUPTED


def test_the_loop_is_stopped_in_the_turn_after_the_yield(run: Example) -> None:
    """Nothing waits for the loop any more: the fixture is there, and is torn down."""
    source = LAST_TURN.replace("CALLBACK", "asyncio.get_running_loop().stop()")
    result = run(source, "-s")
    result.assert_outcomes(passed=3)
    assert result.stdout.str().count("<fixture is down>") == 3


@pytest.mark.parametrize("name", [None, "uvloop"])
def test_the_task_is_in_no_list_in_the_turn_after_the_yield(
    run: Example, name: str | None
) -> None:
    """A task that the fixture has begun may cancel all others: the fixture is none of them."""
    result = run(
        """
        import asyncio

        import pytest
        import pytest_asyncio

        SEEN = []
        BEGUN = []

        @pytest_asyncio.fixture
        async def fixture():
            async def stop_all():
                others = asyncio.all_tasks() - {asyncio.current_task()}
                for task in others:
                    task.cancel()
                SEEN.append(others)
            BEGUN.append(asyncio.create_task(stop_all()))
            yield

        def test_sync(fixture):
            assert SEEN == [set()]

        @pytest.mark.asyncio
        async def test_async(fixture):
            assert SEEN == [set(), set()]
        """,
        conftest=None if name is None else factory(name),
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize("turns", range(6))
def test_an_earlier_fixture_crashes_about_the_yield_of_a_later_one(
    run: Example, turns: int
) -> None:
    """Whichever turn it is in: the one that crashed is named, the other one is not."""
    result = run(
        f"""
        import asyncio

        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture
        async def crashing():
            now = asyncio.Event()
            async def child():
                await now.wait()
                for _ in range({turns}):
                    await asyncio.sleep(0)
                raise ValueError("of the child")
            async with asyncio.TaskGroup() as group:
                group.create_task(child())
                yield now

        @pytest_asyncio.fixture
        async def later(crashing):
            crashing.set()
            for _ in range(4):
                await asyncio.sleep(0)
            yield

        @pytest.mark.asyncio
        async def test_it(later):
            await asyncio.sleep(60)
        """
    )
    text = result.stdout.str()
    assert "the async fixture 'crashing' crashed while" in text
    assert "the async fixture 'later'" not in text
    assert "ValueError: of the child" in text


# -- crashes -----------------------------------------------------------------------------

GROUPS = {
    "asyncio": ("asyncio.TaskGroup()", "group.create_task(child()"),
    "anyio": ("anyio.create_task_group()", "group.start_soon(child"),
}


def service(scope: str, group: str = "asyncio") -> str:
    """A fixture whose background task breaks when the test says so.

    The one that is not told to break is stopped by the test, see ``quiet``.
    """
    made, start = GROUPS[group]
    return f"""
import asyncio
import contextlib
import os
import signal

import anyio
import pytest
import pytest_asyncio

SET_UP = []

@pytest_asyncio.fixture(scope="{scope}")
async def service():
    SET_UP.append(1)
    crash = asyncio.Event()
    over = asyncio.Event()

    async def child():
        waiting = [asyncio.create_task(each.wait()) for each in (crash, over)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for each in waiting:
            each.cancel()
        if crash.is_set():
            raise RuntimeError("the service broke")

    async with {made} as group:
        {start})
        yield crash
        over.set()

"""


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("scope", SCOPES)
def test_crash_during_the_test(run: Example, scope: str, group: str) -> None:
    """A child that breaks ends the running test at once, and the error is told there.

    The next test gets a fresh fixture, whatever the scope.
    """
    result = run(
        service(scope, group)
        + """
class TestThem:
    async def test_broken(self, service):
        service.set()
        await asyncio.Event().wait()

    async def test_next(self, service):
        assert len(SET_UP) == 2
        await asyncio.sleep(0)

    async def test_last(self, service):
        await asyncio.sleep(0)
""",
        mode="auto",
    )
    result.assert_outcomes(failed=1, errors=1, passed=2)
    result.stdout.fnmatch_lines(["*RuntimeError: the service broke"])
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of TestThem.test_broken*",
            (
                f"*raised by the async fixture 'service' ({scope} scope) when it was "
                "cancelled at its yield, during test_example.py::TestThem::test_broken"
            ),
            "*_ TestThem.test_broken _*",
            (
                "the async fixture 'service' crashed while "
                "test_example.py::TestThem::test_broken was running*"
            ),
        ]
    )
    assert_users_frames_only(result)


@pytest.mark.parametrize(
    "swallow",
    [
        "contextlib.suppress(asyncio.CancelledError)",
        "contextlib.suppress(BaseException)",
        "pytest.raises(asyncio.CancelledError)",
    ],
)
def test_a_test_that_swallows_the_cancellation_fails(
    run: Example, swallow: str
) -> None:
    """A test that goes on after it was cancelled ends red all the same."""
    result = run(
        service("module")
        + f"""
async def test_broken(service):
    service.set()
    with {swallow}:
        await asyncio.Event().wait()
    await asyncio.sleep(0)

async def test_next(service):
    assert len(SET_UP) == 2
""",
        mode="auto",
    )
    result.assert_outcomes(failed=1, errors=1, passed=1)
    result.stdout.fnmatch_lines(
        ["*'service' crashed while test_example.py::test_broken was running*"]
    )
    assert_users_frames_only(result)


def test_an_error_of_the_tests_own_is_not_hidden_by_the_crash(run: Example) -> None:
    """What the test raises when it is cancelled is reported beside the crash."""
    result = run(
        service("module")
        + """
async def test_broken(service):
    service.set()
    try:
        await asyncio.Event().wait()
    finally:
        raise ValueError("the test's own")
""",
        mode="auto",
    )
    result.assert_outcomes(failed=1, errors=1)
    result.stdout.fnmatch_lines(["E*ValueError: the test's own"])
    result.stdout.fnmatch_lines(["*RuntimeError: the service broke"])


@pytest.mark.parametrize("kind", ["coroutine", "generator"])
@pytest.mark.parametrize("scope", CACHED_SCOPES)
def test_crash_during_the_set_up_of_another_fixture(
    run: Example, scope: str, kind: str
) -> None:
    """The set-up in progress is cancelled; the next test sets both fixtures up again."""
    end = "yield" if kind == "generator" else "return"
    result = run(
        service(scope)
        + f"""
@pytest_asyncio.fixture(scope="{scope}")
async def database(service):
    if len(SET_UP) == 1:
        service.set()
        await asyncio.Event().wait()
    {end}

async def test_broken(database):
    raise AssertionError("not to be run")

async def test_next(database):
    assert len(SET_UP) == 2
""",
        mode="auto",
    )
    result.assert_outcomes(errors=2, passed=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at setup of test_broken*",
            (
                "the async fixture 'service' crashed while the fixture 'database' was being "
                "set up for test_example.py::test_broken*"
            ),
            "*ERROR at teardown of test_broken*",
            "*RuntimeError: the service broke",
        ]
    )
    assert_users_frames_only(result)


def test_a_set_up_that_swallows_the_cancellation(run: Example) -> None:
    """A fixture that is set up in spite of the crash does not let the test pass."""
    result = run(
        service("module")
        + """
@pytest_asyncio.fixture
async def database(service):
    if len(SET_UP) == 1:
        service.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

async def test_broken(database):
    raise AssertionError("not to be run")

async def test_next(database):
    assert len(SET_UP) == 2
""",
        mode="auto",
    )
    result.assert_outcomes(errors=2, passed=1)
    result.stdout.no_fnmatch_line("*not to be run*")
    result.stdout.fnmatch_lines(
        ["*'service' crashed while the fixture 'database' was being set up*"]
    )
    assert_users_frames_only(result)


def test_crash_between_two_tests(run: Example) -> None:
    """A fixture that dies as a test ends is an error at that test, and is replaced."""
    result = run(
        service("module")
        + """
async def test_first(service):
    asyncio.get_running_loop().call_soon(service.set)

def test_between():
    pass

async def test_second(service):
    assert len(SET_UP) == 2
""",
        mode="auto",
    )
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_first*",
            "*'service' (module scope)*during test_example.py::test_first",
            "*RuntimeError: the service broke",
        ]
    )
    assert_users_frames_only(result)


def test_crash_during_the_tear_down_of_another_fixture(run: Example) -> None:
    """A tear-down in progress is left alone, and the crash is told at the same test."""
    result = run(
        service("module")
        + """
@pytest_asyncio.fixture
async def database(service):
    yield
    if len(SET_UP) == 1:
        service.set()
        await asyncio.sleep(0.01)
        print("torn down in full")

async def test_first(database):
    pass

async def test_next(database):
    assert len(SET_UP) == 2
""",
        "-s",
        mode="auto",
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*torn down in full*",
            "*ERROR at teardown of test_first*",
            "*RuntimeError: the service broke",
        ]
    )
    assert_users_frames_only(result)


@pytest.mark.parametrize("scope", SCOPES)
def test_crash_in_the_tear_down_itself(run: Example, scope: str) -> None:
    """A child that breaks after the yield is an ordinary error of the tear-down."""
    result = run(
        f"""
        import asyncio

        import pytest_asyncio

        @pytest_asyncio.fixture(scope="{scope}")
        async def service():
            async def child(leaving):
                await leaving.wait()
                raise RuntimeError("the service broke")

            async with asyncio.TaskGroup() as group:
                leaving = asyncio.Event()
                group.create_task(child(leaving))
                yield
                leaving.set()
                await asyncio.Event().wait()

        class TestThem:
            async def test_it(self, service):
                pass
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of TestThem.test_it*",
            "*ExceptionGroup: unhandled errors in a TaskGroup*",
            "*RuntimeError: the service broke",
        ]
    )
    assert_users_frames_only(result)


def test_a_test_that_does_not_use_the_fixture_is_told_the_name(run: Example) -> None:
    """A wider fixture that dies under another test fails that one, with the fixture named."""
    result = run(
        service("module")
        + """
async def test_user(service):
    asyncio.get_running_loop().call_later(0.01, service.set)

@pytest.mark.asyncio(loop_scope="module")
async def test_bystander():
    await asyncio.Event().wait()

async def test_next(service):
    assert len(SET_UP) == 2
""",
        mode="auto",
    )
    result.assert_outcomes(passed=2, failed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            (
                "*'service' (module scope) when it was cancelled at its yield, during "
                "test_example.py::test_bystander"
            ),
        ]
    )


NESTED = """
import asyncio
import contextlib

import anyio
import pytest_asyncio

ENDED = []

@contextlib.asynccontextmanager
async def group_of_one(name):
    crash = asyncio.Event()

    async def child():
        await crash.wait()
        raise RuntimeError(f"{name} broke")

    try:
        async with OPEN as group:
            START)
            yield crash
            STOP
    finally:
        ENDED.append(name)

@pytest_asyncio.fixture(scope="module")
async def outer():
    async with group_of_one("outer") as crash:
        yield crash

@pytest_asyncio.fixture(scope="module")
async def inner(outer):
    async with group_of_one("inner") as crash:
        yield crash

async def test_broken(outer, inner):
    BROKEN.set()
    await asyncio.Event().wait()

async def test_next(outer, inner):
    assert ENDED == EXPECTED
    ENDED.clear()
    await asyncio.sleep(0)

def test_last():
    assert ENDED == []
"""


@pytest.mark.parametrize(
    "broken, ended",
    [("outer", ["inner", "outer"]), ("inner", ["inner"])],
)
@pytest.mark.parametrize("kind", GROUPS)
def test_nested_fixtures_that_both_hold_task_groups(
    run: Example, kind: str, broken: str, ended: list[str]
) -> None:
    """The one that breaks ends after those that depend on it, and nothing else does."""
    if kind == "asyncio":
        stop = "child_task.cancel()"
        start = "child_task = group.create_task(child()"
    else:
        stop = "group.cancel_scope.cancel()"
        start = "group.start_soon(child"
    result = run(
        NESTED.replace("OPEN", GROUPS[kind][0])
        .replace("START", start)
        .replace("STOP", stop)
        .replace("BROKEN", broken)
        .replace("EXPECTED", repr(ended)),
        mode="auto",
    )
    result.assert_outcomes(passed=2, failed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            f"*RuntimeError: {broken} broke",
            f"*the async fixture '{broken}' crashed while*",
        ]
    )
    assert_users_frames_only(result)


def test_two_fixtures_crash_at_once(run: Example) -> None:
    """Both errors are told, and both fixtures named."""
    result = run(
        NESTED.replace("OPEN", GROUPS["asyncio"][0])
        .replace("START", "child_task = group.create_task(child()")
        .replace("STOP", "child_task.cancel()")
        .replace("BROKEN.set()", "outer.set(); inner.set()")
        .replace("EXPECTED", "['inner', 'outer']"),
        mode="auto",
    )
    result.assert_outcomes(passed=2, failed=1, errors=1)
    for name in ("outer", "inner"):
        result.stdout.fnmatch_lines([f"*RuntimeError: {name} broke"])
    result.stdout.fnmatch_lines(["the async fixtures 'inner', 'outer' crashed while*"])


# -- cancellation that is no error -------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
def test_a_fixture_that_cancels_its_own_scope_and_raises_nothing(
    run: Example, scope: str
) -> None:
    """The test is cancelled and fails by the fixture's name, though nothing was raised."""
    result = run(
        f"""
        import asyncio

        import anyio
        import pytest_asyncio

        SET_UP = []

        @pytest_asyncio.fixture(scope="{scope}")
        async def service():
            SET_UP.append(1)
            async with anyio.create_task_group() as group:
                async def child(done):
                    await done.wait()
                    group.cancel_scope.cancel()

                done = asyncio.Event()
                group.start_soon(child, done)
                yield done
                done.set()

        class TestThem:
            async def test_cancelled(self, service):
                service.set()
                await asyncio.Event().wait()

            async def test_next(self, service):
                assert len(SET_UP) == 2
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            (
                "the async fixture 'service' crashed while "
                "test_example.py::TestThem::test_cancelled was running*"
            ),
        ]
    )
    assert_users_frames_only(result)


@pytest.mark.parametrize("scope", CACHED_SCOPES)
def test_a_fixture_whose_task_is_cancelled_from_outside(
    run: Example, scope: str
) -> None:
    """The error says that the fixture was cancelled and that nothing tells why."""
    result = run(
        f"""
        import asyncio

        import pytest_asyncio

        @pytest_asyncio.fixture(scope="{scope}")
        async def service():
            yield asyncio.current_task()

        async def test_cancelling(service):
            service.cancel()
            await asyncio.Event().wait()

        async def test_next(service):
            assert not service.cancelling()
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1, failed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            (
                f"the async fixture 'service' ({scope} scope) was cancelled at its yield "
                "during test_example.py::test_cancelling, and raised nothing that says why. Look *"
            ),
        ]
    )
    assert_users_frames_only(result)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(
    "timeout",
    ["async with asyncio.timeout(0.01):", "with anyio.fail_after(0.01):"],
)
def test_a_timeout_that_fires_during_the_test(
    run: Example, timeout: str, scope: str
) -> None:
    """A timeout around the yield ends the test, and is told as a TimeoutError."""
    result = run(
        f"""
        import asyncio

        import anyio
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="{scope}")
        async def limited():
            {timeout}
                yield

        class TestThem:
            async def test_slow(self, limited):
                await asyncio.Event().wait()
        """,
        mode="auto",
    )
    result.assert_outcomes(failed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of TestThem.test_slow*",
            "E*TimeoutError*",
            (
                f"*raised by the async fixture 'limited' ({scope} scope) when it was "
                "cancelled at its yield*"
            ),
            "*'limited' crashed while *test_slow was running*",
        ]
    )
    assert_users_frames_only(result)


def test_a_timeout_of_the_test_itself_is_its_own(run: Example) -> None:
    """A timeout inside the test does not touch the fixtures."""
    result = run(
        """
        import asyncio

        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="module")
        async def group():
            async with asyncio.TaskGroup() as group:
                yield group

        async def test_caught(group):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await asyncio.Event().wait()

        async def test_failing(group):
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()

        async def test_cancelling_itself(group):
            asyncio.current_task().cancel()
            await asyncio.sleep(0)

        async def test_next(group):
            await asyncio.sleep(0)
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(["E*TimeoutError", "E*CancelledError"])
    result.stdout.no_fnmatch_line("*crashed*")


SERVERS = {
    "serve-forever": """
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    serving = asyncio.create_task(server.serve_forever())
    yield port
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving
""",
    "task-group": """
    async def serve(started):
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            started.set_result(server.sockets[0].getsockname()[1])
            await server.serve_forever()

    started = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(serve(started))
        yield await started
        serving.cancel()
""",
    "anyio": """
    async def serve(*, task_status):
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            task_status.started(server.sockets[0].getsockname()[1])
            await server.serve_forever()

    async with anyio.create_task_group() as group:
        yield await group.start(serve)
        group.cancel_scope.cancel()
""",
}


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("server", SERVERS)
def test_a_background_server_that_only_a_cancellation_stops(
    run: Example, server: str, scope: str
) -> None:
    """The tear-down can cancel what the fixture started, and await its end."""
    result = run(
        f"""
import asyncio
import contextlib

import anyio
import pytest_asyncio

async def answer(reader, writer):
    writer.write(await reader.readline())
    await writer.drain()
    writer.close()
    await writer.wait_closed()

@pytest_asyncio.fixture(scope="{scope}")
async def port():
{SERVERS[server]}
    print("server stopped")

class TestThem:
    async def test_echo(self, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello\\n")
        assert await reader.readline() == b"hello\\n"
        writer.close()
        await writer.wait_closed()
""",
        "-s",
        "-Werror",
        mode="auto",
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*server stopped*"])


# -- interruption ------------------------------------------------------------------------


def interrupt(run: Example, source: str, *args: str) -> tuple[int, str]:
    """Run pytest until the project prints READY, then press Ctrl-C.

    :returns: The exit code, and all output.
    """
    path: Path = run.pytester.path
    (path / "test_example.py").write_text(source, encoding="utf-8")
    # Shells start background jobs with SIGINT ignored, and Python leaves it at that.
    (path / "conftest.py").write_text(
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-u", "-m", "pytest", "-s", "--asyncio-mode=auto"]
    with subprocess.Popen(
        [*command, *WITHOUT_SLOW_PLUGINS, *args],
        cwd=path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None
        lines: list[str] = []
        try:
            for line in process.stdout:
                lines.append(line)
                if "READY" in line and "print" not in line:
                    process.send_signal(signal.SIGINT)
            process.wait(60)
        finally:
            process.kill()
    return process.returncode, "".join(lines)


@needs_sigint
@pytest.mark.parametrize("scope", SCOPES)
def test_ctrl_c_while_a_fixture_is_suspended_at_its_yield(
    run: Example, scope: str
) -> None:
    """The test is cancelled and cleans up first, then the fixture is torn down in full."""
    code, output = interrupt(
        run,
        f"""
import asyncio

import pytest_asyncio

@pytest_asyncio.fixture(scope="{scope}")
async def group():
    task = asyncio.current_task()
    async with asyncio.TaskGroup() as group:
        yield group
        await asyncio.sleep(0.01)
        assert asyncio.current_task() is task
        print("2: fixture torn down")

class TestThem:
    async def test_waiting(self, group):
        asyncio.get_running_loop().call_soon(print, "READY")
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            print("1: test cleaned up")
        print("resumed")

    async def test_never(self, group):
        print("went on")
""",
    )
    assert code == pytest.ExitCode.INTERRUPTED
    assert output.index("1: test cleaned up") < output.index("2: fixture torn down")
    assert "KeyboardInterrupt" in output
    assert "resumed" not in output
    assert "went on" not in output
    assert "Traceback" not in output
    assert "never retrieved" not in output


@needs_sigint
def test_ctrl_c_during_the_set_up_of_another_fixture(run: Example) -> None:
    """What waits for its set-up is cancelled; what is suspended at its yield is torn down."""
    code, output = interrupt(
        run,
        """
import asyncio

import pytest_asyncio

@pytest_asyncio.fixture(scope="session")
async def group():
    async with asyncio.TaskGroup() as group:
        yield group
        print("2: group torn down")

@pytest_asyncio.fixture
async def slow(group):
    try:
        print("READY")
        await asyncio.sleep(60)
    finally:
        print("1: slow cleaned up")
    yield

async def test_never(slow):
    print("went on")
""",
    )
    assert code == pytest.ExitCode.INTERRUPTED
    assert output.index("1: slow cleaned up") < output.index("2: group torn down")
    assert "went on" not in output
    assert "Traceback" not in output


@needs_sigint
def test_ctrl_c_during_the_tear_down_of_a_fixture(run: Example) -> None:
    """The tear-down in progress is cancelled; the wider fixture is torn down in full."""
    code, output = interrupt(
        run,
        """
import asyncio

import pytest_asyncio

@pytest_asyncio.fixture(scope="session")
async def group():
    async with asyncio.TaskGroup() as group:
        yield group
        print("2: group torn down")

@pytest_asyncio.fixture
async def slow(group):
    yield
    try:
        print("READY")
        await asyncio.sleep(60)
    finally:
        print("1: slow cleaned up")

async def test_first(slow):
    pass

async def test_never(slow):
    print("went on")
""",
    )
    assert code == pytest.ExitCode.INTERRUPTED
    assert output.index("1: slow cleaned up") < output.index("2: group torn down")
    assert "went on" not in output
    assert "Traceback" not in output


# -- outcomes raised inside a fixture ----------------------------------------------------

OUTCOMES = {
    "skip": ("pytest.skip('not here')", {"skipped": 2}),
    "xfail": ("pytest.xfail('not yet')", {"xfailed": 2}),
    "fail": ("pytest.fail('no good')", {"errors": 2}),
    "importorskip": ("pytest.importorskip('no_such_module')", {"skipped": 2}),
}


@pytest.mark.parametrize("scope", CACHED_SCOPES)
@pytest.mark.parametrize("place", ["plain", "in-task-group", "in-child"])
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_outcomes_in_the_set_up(
    run: Example, outcome: str, place: str, scope: str
) -> None:
    """``pytest.skip()`` and its kin mean the same in a fixture, and in its task group."""
    call, expected = OUTCOMES[outcome]
    inside = (
        "group.create_task(child()); await asyncio.sleep(1)"
        if place == "in-child"
        else call
    )
    held = "contextlib.nullcontext()" if place == "plain" else "asyncio.TaskGroup()"
    result = run(
        f"""
        import asyncio
        import contextlib

        import pytest
        import pytest_asyncio

        async def child():
            {call}

        @pytest_asyncio.fixture(scope="{scope}")
        async def outer():
            async with asyncio.TaskGroup() as group:
                yield group

        @pytest_asyncio.fixture(scope="{scope}")
        async def service(outer):
            async with {held} as group:
                {inside}
                yield

        async def test_one(service):
            raise AssertionError("not to be run")

        async def test_two(service):
            raise AssertionError("not to be run")

        async def test_other(outer):
            await asyncio.sleep(0)
        """,
        "-rsxE",
        mode="auto",
    )
    result.assert_outcomes(**{**expected, "passed": 1})
    result.stdout.no_fnmatch_line("*not to be run*")
    assert_users_frames_only(result)


@pytest.mark.parametrize("scope", SCOPES)
def test_skip_in_a_test_leaves_its_fixtures_intact(run: Example, scope: str) -> None:
    """A test that is skipped, or xfails, midway has its fixtures torn down as usual."""
    result = run(
        f"""
        import asyncio

        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="{scope}")
        async def group():
            async with asyncio.TaskGroup() as group:
                yield group
            print("torn down")

        class TestThem:
            async def test_skip(self, group):
                await asyncio.sleep(0)
                pytest.skip("not here")

            async def test_xfail(self, group):
                await asyncio.sleep(0)
                pytest.xfail("not yet")

            async def test_last(self, group):
                await asyncio.sleep(0)
        """,
        "-s",
        mode="auto",
    )
    result.assert_outcomes(skipped=1, xfailed=1, passed=1)
    expected = 3 if scope == "function" else 1
    assert result.stdout.str().count("torn down") == expected


def test_exception_groups_stay_whole(run: Example) -> None:
    """Siblings that break together are both shown, in set-up, crash and tear-down."""
    result = run(
        """
        import asyncio

        import pytest_asyncio

        async def breaking(error):
            raise error

        def both(group):
            group.create_task(breaking(ValueError("one")))
            group.create_task(breaking(KeyError("two")))

        @pytest_asyncio.fixture
        async def in_set_up():
            async with asyncio.TaskGroup() as group:
                both(group)
            yield

        @pytest_asyncio.fixture
        async def at_its_yield():
            async with asyncio.TaskGroup() as group:
                yield group

        @pytest_asyncio.fixture
        async def in_tear_down():
            async with asyncio.TaskGroup() as group:
                yield
                both(group)

        async def test_set_up(in_set_up): ...

        async def test_crash(at_its_yield):
            both(at_its_yield)
            await asyncio.Event().wait()

        async def test_tear_down(in_tear_down): ...
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1, failed=1, errors=3)
    output = result.stdout.str()
    assert output.count("ExceptionGroup: unhandled errors in a TaskGroup (2 sub") >= 3
    assert output.count("ValueError: one") >= 3
    assert output.count("KeyError: 'two'") >= 3
    assert_users_frames_only(result)


# -- in company --------------------------------------------------------------------------


def test_rerunfailures_gets_a_fresh_fixture(run: Example) -> None:
    """A test rerun after a crash runs with a fixture set up anew."""
    pytest.importorskip("pytest_rerunfailures")
    result = run(
        service("module")
        + """
async def test_flaky(service):
    if len(SET_UP) < 3:
        service.set()
        await asyncio.Event().wait()

async def test_next(service):
    assert len(SET_UP) == 3
""",
        "--reruns=3",
        mode="auto",
    )
    result.assert_outcomes(passed=2, failed=0)
    result.stdout.fnmatch_lines(["*4 rerun*"])


def test_rerunfailures_reruns_a_failure_in_fresh_function_fixtures(
    run: Example,
) -> None:
    """Each run of a test has function-scoped fixtures and a loop of its own."""
    pytest.importorskip("pytest_rerunfailures")
    result = run(
        """
        import asyncio

        import pytest_asyncio

        LOOPS = []

        @pytest_asyncio.fixture
        async def group():
            async with asyncio.TaskGroup() as group:
                yield group

        async def test_flaky(group):
            LOOPS.append(asyncio.get_running_loop())
            await asyncio.sleep(0)
            assert len(LOOPS) == 3

        def test_loops():
            assert len(set(LOOPS)) == 3
            assert all(loop.is_closed() for loop in LOOPS)
        """,
        "--reruns=3",
        mode="auto",
    )
    result.assert_outcomes(passed=2)


DEBUGGED = """
import asyncio

import pytest_asyncio

@pytest_asyncio.fixture(scope="module")
async def group():
    async with asyncio.TaskGroup() as group:
        yield group
        await asyncio.sleep(0)
        print("torn down")

async def test_failing(group):
    number = 42
    await asyncio.sleep(0)
    STOP

async def test_next(group):
    await asyncio.sleep(0)
"""


@pytest.mark.parametrize(
    "stop, option, outcome",
    [
        ("assert number == 43", "--pdb", "1 failed, 1 passed"),
        ("breakpoint()", "", "2 passed"),
    ],
)
def test_debugger(run: Example, stop: str, option: str, outcome: str) -> None:
    """One can look around in the debugger, go on, and the fixtures are torn down."""
    (run.pytester.path / "test_example.py").write_text(
        DEBUGGED.replace("STOP", stop), encoding="utf-8"
    )
    options = ["-s", "--asyncio-mode=auto", *filter(None, [option])]
    result = run.pytester.run(
        sys.executable,
        "-m",
        "pytest",
        *options,
        stdin=b"p number * 2\np asyncio.current_task()\nc\n",
    )
    output = result.stdout.str()
    assert "(Pdb) 84" in output
    result.stdout.fnmatch_lines(["*torn down*", f"*{outcome}*"])


# -- other loops -------------------------------------------------------------------------

FACTORIES = {
    "uvloop": """
        import uvloop

        def pytest_asyncio_loop_factories(config, item):
            return {"uvloop": uvloop.new_event_loop}
    """,
    "eager": """
        import asyncio

        def eager():
            loop = asyncio.new_event_loop()
            loop.set_task_factory(asyncio.eager_task_factory)
            return loop

        def pytest_asyncio_loop_factories(config, item):
            return {"eager": eager}
    """,
    "old-task-factory": """
        import asyncio

        def made():
            loop = asyncio.new_event_loop()
            loop.set_task_factory(lambda loop, coro: asyncio.Task(coro, loop=loop))
            return loop

        def pytest_asyncio_loop_factories(config, item):
            return {"old": made}
    """,
}


def factory(name: str) -> str:
    """The source of a conftest.py with that loop factory."""
    if name == "uvloop":
        pytest.importorskip("uvloop")
    if name == "eager" and sys.version_info < (3, 12):
        pytest.skip("eager tasks are new in Python 3.12")
    return FACTORIES[name]


@pytest.mark.parametrize("scope", ["function", "module", "session"])
@pytest.mark.parametrize("name", FACTORIES)
def test_holds_on_other_loops(run: Example, name: str, scope: str) -> None:
    """Task groups hold across the yield on uvloop and with other task factories."""
    result = run(
        HOLDS.replace("SCOPE", scope).replace("HELD", HELD["exit-stack"]),
        mode="auto",
        conftest=factory(name),
    )
    result.assert_outcomes(passed=3)


@pytest.mark.parametrize("name", FACTORIES)
def test_a_fixture_is_in_no_list_of_tasks_on_other_loops(
    run: Example, name: str
) -> None:
    """Nor on uvloop, nor with other task factories."""
    result = run(
        SEEN.replace("SCOPE", "module"), "-s", mode="auto", conftest=factory(name)
    )
    result.assert_outcomes(passed=4)
    assert "torn down" in result.stdout.str()


@pytest.mark.parametrize("scope", ["function", "module", "session"])
@pytest.mark.parametrize("name", FACTORIES)
def test_crash_on_other_loops(run: Example, name: str, scope: str) -> None:
    """A crash is told alike on uvloop and with other task factories."""
    result = run(
        service(scope)
        + """
async def test_broken(service):
    service.set()
    await asyncio.Event().wait()

async def test_next(service):
    assert len(SET_UP) == 2
    await asyncio.sleep(0)
""",
        mode="auto",
        conftest=factory(name),
    )
    result.assert_outcomes(failed=1, errors=1, passed=1)
    result.stdout.fnmatch_lines(["*RuntimeError: the service broke"])
    assert_users_frames_only(result)


@pytest.mark.parametrize("name", FACTORIES)
def test_crash_at_the_end_of_a_test_on_other_loops(run: Example, name: str) -> None:
    """What a test sets off with its last line is told at that test, not at the next one."""
    result = run(
        service("module")
        + """
async def test_broken(service):
    service.set()

async def test_next(service):
    assert len(SET_UP) == 2
    await asyncio.sleep(0)
""",
        mode="auto",
        conftest=factory(name),
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        ["*ERROR at teardown of test_broken*", "*RuntimeError: the service broke"]
    )
    assert_users_frames_only(result)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="new in Python 3.12")
def test_a_fixture_that_sets_the_eager_task_factory(run: Example) -> None:
    """Tests and fixtures run as tasks with an eager factory set midway, too."""
    result = run(
        """
        import asyncio

        import pytest_asyncio

        @pytest_asyncio.fixture(scope="module", autouse=True)
        async def eager():
            loop = asyncio.get_running_loop()
            loop.set_task_factory(asyncio.eager_task_factory)
            yield
            loop.set_task_factory(None)

        @pytest_asyncio.fixture
        async def group():
            async with asyncio.TaskGroup() as group:
                yield group

        async def test_eager(group):
            order = []

            async def child():
                order.append("child")

            group.create_task(child())
            order.append("test")
            assert order == ["child", "test"]
            assert asyncio.current_task() is not None

        async def test_again(group):
            await asyncio.sleep(0)
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=2)


TWO_LOOPS = """
@pytest_asyncio.fixture(scope="function", loop_scope="function")
async def own():
    async with asyncio.TaskGroup() as group:
        yield asyncio.get_running_loop()

@pytest.mark.asyncio(loop_scope="function")
async def test_both(service, own):
    assert asyncio.get_running_loop() is own
    BODY

@pytest.mark.asyncio(loop_scope="session")
async def test_wide(service):
    for _ in range(10):
        await asyncio.sleep(0)
"""


def test_two_loops_alive_at_once(run: Example) -> None:
    """A session fixture holds its group while a test runs in a function-scoped loop."""
    result = run(
        service("session") + TWO_LOOPS.replace("BODY", "await asyncio.sleep(0)"),
        mode="auto",
    )
    result.assert_outcomes(passed=2)


def test_crash_in_the_other_loop(run: Example) -> None:
    """A crash in a loop that stands still is told as soon as that loop runs again."""
    result = run(
        service("session")
        + TWO_LOOPS.replace("BODY", "service.set()")
        + """
@pytest.mark.asyncio(loop_scope="session")
async def test_third(service):
    assert len(SET_UP) == 2
""",
        mode="auto",
    )
    result.assert_outcomes(passed=2, failed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["*'service' crashed while test_example.py::test_wide was running*"]
    )


# -- generators that are no fixtures -----------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
def test_yields_twice(run: Example, scope: str) -> None:
    """A second yield is an error at the tear-down, with the fixture's name, file and line."""
    result = run(
        f"""
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="{scope}")
        async def twice():
            yield 1
            yield 2

        class TestThem:
            async def test_it(self, twice):
                assert twice == 1
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of TestThem.test_it*",
            "the fixture 'twice' yields more than once*",
            "*async def twice():",
            "*yield 2",
            "test_example.py:4",
        ]
    )
    assert_users_frames_only(result)


def test_yields_twice_in_a_task_group(run: Example) -> None:
    """The generator is closed at its second yield: what it holds is left in order."""
    result = run(
        """
        import asyncio

        import pytest_asyncio

        @pytest_asyncio.fixture
        async def twice():
            async with asyncio.TaskGroup() as group:
                worker = group.create_task(asyncio.sleep(60))
                yield 1
                try:
                    yield 2
                finally:
                    worker.cancel()
            print("left in order")

        async def test_it(twice): ...
        """,
        "-s",
        mode="auto",
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*the fixture 'twice' yields more than once*"])


@pytest.mark.parametrize("scope", SCOPES)
def test_does_not_yield(run: Example, scope: str) -> None:
    """A generator that ends without a value is an error at the set-up, by name."""
    result = run(
        f"""
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="{scope}")
        async def never():
            if False:
                yield

        class TestThem:
            async def test_one(self, never): ...
            async def test_two(self, never): ...
        """,
        mode="auto",
    )
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["never did not yield a value; *", "test_example.py:*"])
    assert_users_frames_only(result)
