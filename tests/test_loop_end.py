"""The end of a loop is bounded: what does not end is named, and the run goes on."""

from __future__ import annotations

import sys
import textwrap

import pytest

from conftest import Example

LOOP = "pytest_asyncio.PytestAsyncioLoopWarning"
WARN = ("-W", f"default::{LOOP}")

# The grace is a matter of seconds otherwise. `until_the_end` keeps threads for the whole run.
CONFTEST = """
import threading

import pytest

import pytest_asyncio.shutdown

GRACE = pytest_asyncio.shutdown.GRACE
OVER = threading.Event()

def pytest_configure():
    pytest_asyncio.shutdown.GRACE = 0.1

def pytest_unconfigure():
    pytest_asyncio.shutdown.GRACE = GRACE
    OVER.set()

@pytest.fixture(scope="session")
def until_the_end():
    return OVER.wait
"""

UVLOOP = """
import uvloop

def pytest_asyncio_loop_factories(config, item):
    return {"uvloop": uvloop.new_event_loop}
"""

# What a test leaves in its loop, and how that is named.
LEFT = {
    "task": (
        """
        async def stubborn():
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    pass

        async def test_it():
            kept = asyncio.create_task(stubborn(), name="worker")
            await asyncio.sleep(0)
        """,
        "task 'worker', coroutine stubborn, *test_example.py:*, did not end when it was "
        "cancelled",
    ),
    "task-with-a-slow-clean-up": (
        """
        async def slow():
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(60)

        async def test_it():
            kept = asyncio.create_task(slow(), name="worker")
            await asyncio.sleep(0)
        """,
        "task 'worker', coroutine slow, *test_example.py:*, did not end when it was "
        "cancelled",
    ),
    "task-of-a-fixture": (
        """
        async def stubborn():
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    pass

        @pytest_asyncio.fixture
        async def client():
            yield asyncio.create_task(stubborn(), name="worker")

        async def test_it(client):
            await asyncio.sleep(0)
        """,
        "task 'worker', coroutine stubborn, *test_example.py:*, did not end when it was "
        "cancelled",
    ),
    "async-generator": (
        """
        async def numbers():
            try:
                yield 1
            finally:
                await asyncio.sleep(60)

        async def test_it():
            KEPT.append(numbers())
            await anext(KEPT[0])
        """,
        "async generator numbers, *test_example.py:*, did not end when it was closed",
    ),
    "thread": (
        """
        async def test_it(until_the_end):
            asyncio.get_running_loop().run_in_executor(None, until_the_end)
        """,
        "thread 'asyncio_0' of the default executor did not end, *",
    ),
    "all-of-them": (
        """
        async def stubborn():
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    pass

        async def numbers():
            try:
                yield 1
            finally:
                await asyncio.sleep(60)

        async def test_it(until_the_end):
            kept = asyncio.create_task(stubborn(), name="worker")
            KEPT.append(numbers())
            await anext(KEPT[0])
            asyncio.get_running_loop().run_in_executor(None, until_the_end)
        """,
        "thread 'asyncio_0' of the default executor did not end, *",
    ),
}

HEAD = """
import asyncio

import pytest
import pytest_asyncio

KEPT = []

"""

TAIL = """

async def test_after():
    await asyncio.sleep(0.01)
    await asyncio.to_thread(len, "")
"""


def source_of(kind: str) -> str:
    """A module whose first test leaves something in its loop."""
    return HEAD + textwrap.dedent(LEFT[kind][0]) + TAIL


def assert_users_frames_only(result: pytest.RunResult) -> None:
    """No file of the plugin shows in what the person reads."""
    text = result.stdout.str().replace("\\", "/")
    assert "src/pytest_asyncio/" not in text
    assert "site-packages/pytest_asyncio/" not in text


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("kind", LEFT)
def test_what_does_not_end_is_named(run: Example, kind: str, loop: str) -> None:
    """A warning at that test names what is left; the loop is closed, the next test runs."""
    conftest = CONFTEST
    if loop == "uvloop":
        pytest.importorskip("uvloop")
        conftest += UVLOOP
    result = run(source_of(kind), *WARN, mode="auto", conftest=conftest)
    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(
        [
            "*PytestAsyncioLoopWarning: the event loop of test_example.py::test_it was "
            "closed with something still running in it*",
            f"    {LEFT[kind][1]}",
        ]
    )
    if kind == "all-of-them":
        result.stdout.fnmatch_lines(
            [
                "    task 'worker', coroutine stubborn, *",
                "    async generator numbers, *",
                "    thread 'asyncio_0' *",
            ]
        )
    assert_users_frames_only(result)


@pytest.mark.parametrize("leaked", ["ignore", "warn"])
def test_tasks_that_wait_for_each_other(run: Example, leaked: str) -> None:
    """asyncio cannot cancel them: they are named at once, and all others are cancelled."""
    result = run(
        """
        import asyncio

        async def wait_for(number):
            await tasks[number]

        async def wait():
            try:
                await asyncio.sleep(60)
            finally:
                print("<CLEANED UP>")

        async def test_it():
            tasks[:] = [
                asyncio.create_task(wait_for(1), name="one"),
                asyncio.create_task(wait_for(0), name="two"),
                asyncio.create_task(wait()),
            ]
            await asyncio.sleep(0.01)

        async def test_after():
            tasks.clear()

        tasks = []
        """,
        *WARN,
        "-s",
        "-W",
        "default::pytest_asyncio.PytestAsyncioLeakedTaskWarning",
        mode="auto",
        ini=f"asyncio_leaked_tasks = {leaked}",
        subprocess=True,
        timeout=60,
    )
    text = result.stdout.str()
    result.assert_outcomes(passed=2, warnings=3 if leaked == "warn" else 1)
    assert text.count("<CLEANED UP>") == 1
    assert "RecursionError" not in text
    for name in ("one", "two"):
        assert f"task '{name}', coroutine wait_for, " in text


@pytest.mark.parametrize("kind", LEFT)
def test_what_does_not_end_is_an_error_on_demand(run: Example, kind: str) -> None:
    """With ``-W error::…`` it is an error at the tear-down of that test."""
    result = run(
        source_of(kind), "-W", f"error::{LOOP}", mode="auto", conftest=CONFTEST
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_it*",
            "PytestAsyncioLoopWarning: the event loop of test_example.py::test_it was *",
            f"  {LEFT[kind][1]}",
        ]
    )
    assert "entries are hidden" not in result.stdout.str()
    assert_users_frames_only(result)


@pytest.mark.parametrize("kind", LEFT)
def test_what_does_not_end_leaves_a_suite_green_whose_warnings_are_errors(
    run: Example, kind: str
) -> None:
    """Where it is not named, it stays a warning: releases said nothing of it."""
    result = run(
        source_of(kind),
        mode="auto",
        conftest=CONFTEST,
        ini="filterwarnings = error",
        subprocess=True,
    )
    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(["*PytestAsyncioLoopWarning: the event loop of *"])


@pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="asyncio makes no loop on demand any more"
)
@pytest.mark.parametrize(
    "wider",
    [
        "asyncio.run(asyncio.sleep(0))",
        "loop = asyncio.new_event_loop(); asyncio.set_event_loop(loop); loop.close()",
        "",
    ],
)
@pytest.mark.parametrize("policy", [False, True])
def test_wider_fixtures_leave_the_next_test_unharmed(
    run: Example, wider: str, policy: bool
) -> None:
    """Whatever they do at their tear-down, a synchronous test may ask for a loop."""
    overridden = """
        @pytest.fixture(scope="session")
        def event_loop_policy():
            return asyncio.DefaultEventLoopPolicy()
    """
    result = run(
        f"""
        import asyncio
        import pytest

        @pytest.fixture(scope="module", autouse=True)
        def wider():
            yield
            {wider or "pass"}

        async def test_async():
            pass
        """,
        files={
            "test_later.py": """
                import asyncio

                def test_synchronous():
                    loop = asyncio.get_event_loop_policy().get_event_loop()
                    loop.run_until_complete(asyncio.sleep(0))
                    loop.close()
                """
        },
        conftest="import asyncio, pytest\n" + textwrap.dedent(overridden) * policy,
        mode="auto",
        subprocess=True,
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize("scope", ["function", "class"])
def test_a_loop_ends_before_wider_fixtures(run: Example, scope: str) -> None:
    """They may wait for what a test has left in it, and find its loop closed."""
    result = run(
        f"""
        import asyncio

        import pytest
        import pytest_asyncio

        LEFT = []

        @pytest.fixture(scope="module", autouse=True)
        def synchronous():
            mine = asyncio.new_event_loop()
            asyncio.set_event_loop(mine)
            yield
            assert asyncio.get_event_loop() is mine
            asyncio.set_event_loop(None)
            mine.close()
            for task in LEFT:
                assert task.cancelled()
                assert task.get_loop().is_closed()

        @pytest_asyncio.fixture(scope="module", loop_scope="module")
        async def server():
            async def handle(reader, writer):
                await reader.read()
                writer.close()

            server = await asyncio.start_server(handle, "127.0.0.1", 0)
            async with asyncio.timeout(30), server:
                yield server.sockets[0].getsockname()
            await server.wait_closed()  # Until all connections are.

        async def stay(address, connected):
            reader, writer = await asyncio.open_connection(*address)
            connected.set()
            try:
                await reader.read()
            finally:
                writer.close()

        @pytest.mark.asyncio(loop_scope="{scope}")
        class TestIt:
            @pytest.mark.parametrize("number", [1, 2])
            async def test_client(self, server, number):
                connected = asyncio.Event()
                LEFT.append(asyncio.create_task(stay(server, connected)))
                await connected.wait()
        """,
        "-Werror",
        timeout=60,
        subprocess=True,
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        ("session", "the session"),
        ("module", "test_example.py"),
        ("class", "test_example.py::TestIt"),
    ],
)
def test_the_end_of_a_wider_loop(run: Example, scope: str, told: str) -> None:
    """It is told at the last test of the scope, with what the loop belonged to."""
    result = run(
        f"""
        import asyncio

        import pytest

        async def stubborn():
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    pass

        @pytest.mark.asyncio(loop_scope="{scope}")
        class TestIt:
            async def test_one(self):
                asyncio.create_task(stubborn(), name="worker")
                await asyncio.sleep(0)

            async def test_two(self):
                pass
        """,
        *WARN,
        conftest=CONFTEST,
    )
    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(
        [
            "test_example.py::TestIt::test_two",
            f"*PytestAsyncioLoopWarning: the event loop of {told} was closed with *",
        ]
    )


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_what_ends_in_time_ends_in_order(run: Example, loop: str) -> None:
    """Tasks clean up, generators are closed, jobs are waited for; there is no warning."""
    conftest = CONFTEST
    if loop == "uvloop":
        pytest.importorskip("uvloop")
        conftest += UVLOOP
    result = run(
        """
        import asyncio
        import time

        DIARY = []

        async def work():
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0.01)
                DIARY.append("task")

        async def numbers():
            try:
                yield 1
            finally:
                await asyncio.sleep(0.01)
                DIARY.append("generator")

        def job():
            time.sleep(0.05)
            DIARY.append("job")

        KEPT = []

        async def test_it():
            KEPT.append(asyncio.create_task(work()))
            KEPT.append(numbers())
            await anext(KEPT[1])
            asyncio.get_running_loop().run_in_executor(None, job)
            await asyncio.sleep(0)

        def test_after():
            assert sorted(DIARY) == ["generator", "job", "task"]
        """,
        mode="auto",
        conftest=conftest.replace("GRACE = 0.1", "GRACE = 10"),
    )
    result.assert_outcomes(passed=2)


CLOSES = {
    "after-the-test": """
        @pytest.fixture
        def closes(event_loop):
            yield
            event_loop.close()

        async def test_it(closes, resource):
            pass
        """,
    "sync-test": """
        def test_it(event_loop):
            event_loop.close()
        """,
    "sync-fixture": """
        @pytest.fixture
        def closes(event_loop):
            event_loop.close()

        def test_it(closes):
            pass
        """,
}


@pytest.mark.parametrize("scope", ["function", "module", "session"])
@pytest.mark.parametrize("kind", CLOSES)
def test_user_code_closes_the_loop(run: Example, kind: str, scope: str) -> None:
    """A warning tells whose loop was closed and what to leave out; the next test runs."""
    result = run(
        f"""
import asyncio

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="{scope}")

@pytest_asyncio.fixture(loop_scope="{scope}")
async def resource():
    yield
"""
        + textwrap.dedent(CLOSES[kind])
        + """

async def test_after(resource):
    await asyncio.sleep(0.01)
    assert not asyncio.get_running_loop().is_closed()
""",
        *WARN,
        "-W",
        "default::pytest_asyncio.PytestAsyncioWarning",
        conftest=CONFTEST,
    )
    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(
        [
            "*PytestAsyncioLoopWarning: the event loop of test_example.py::test_it was "
            "closed during the test,*leave out the call of close()*"
        ]
    )


def test_fixtures_of_a_loop_that_was_closed(run: Example) -> None:
    """Async fixtures that can no longer be torn down are named, and made anew."""
    result = run(
        """
        import asyncio

        import pytest
        import pytest_asyncio

        SET_UP = []

        @pytest_asyncio.fixture(scope="module")
        async def client():
            SET_UP.append(1)
            yield

        def test_it(client, event_loop):
            event_loop.close()

        async def test_after(client):
            await asyncio.sleep(0)
            assert len(SET_UP) == 2
        """,
        *WARN,
        mode="auto",
        conftest=CONFTEST,
    )
    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(["*could not be torn down in order: client.*"])


def test_close_of_a_loop_raises(run: Example) -> None:
    """An error of a loop that the user's factory made is that of the test it ends with."""
    result = run(
        """
        import asyncio

        async def test_it():
            await asyncio.sleep(0)

        async def test_after():
            await asyncio.sleep(0)
        """,
        mode="auto",
        conftest=CONFTEST
        + """
import asyncio

class Loop(asyncio.SelectorEventLoop):
    def close(self):
        super().close()
        raise ValueError("cannot close")

def pytest_asyncio_loop_factories(config, item):
    return {"loop": Loop if item.name == "test_it" else asyncio.new_event_loop}
""",
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        ["*ERROR at teardown of test_it*", "E * ValueError: cannot close"]
    )
    assert_users_frames_only(result)


def test_a_thread_goes_on_after_the_end(run: Example) -> None:
    """A job that ends when its loop is long closed harms nobody."""
    result = run(
        """
        import asyncio
        import time

        async def test_it():
            asyncio.get_running_loop().run_in_executor(None, time.sleep, 0.3)

        async def test_after():
            await asyncio.sleep(0.4)
        """,
        *WARN,
        mode="auto",
        conftest=CONFTEST,
    )
    result.assert_outcomes(passed=2, warnings=1)
    assert "Event loop is closed" not in result.stdout.str()


OWN_SHUTDOWN = """
import asyncio

class Loop(asyncio.SelectorEventLoop):
    async def shutdown_asyncgens(self):
        print("<generators>")
        await super().shutdown_asyncgens()

    async def shutdown_default_executor(self, timeout=None):
        print("<executor>")
        await super().shutdown_default_executor()

def pytest_asyncio_loop_factories(config, item):
    return {"loop": Loop}
"""


def test_a_loop_that_shuts_down_in_its_own_way(run: Example) -> None:
    """The methods of the user's class of loops are called, though there is nothing to do."""
    result = run(
        "async def test_it(): ...", "-s", mode="auto", conftest=CONFTEST + OWN_SHUTDOWN
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*<generators>", "*<executor>"])


THREADLESS = """
import asyncio
import concurrent.futures

class Loop(asyncio.SelectorEventLoop):
    # As async-solipsism's: its time is no thread's, so no thread can wake it up.
    def call_soon_threadsafe(self, callback, *args, context=None):
        raise RuntimeError("no thread can wake up this loop")

    async def run_in_executor(self, executor, function, *args):
        if self._default_executor is None:
            self._default_executor = concurrent.futures.ThreadPoolExecutor()
        return self._default_executor.submit(function, *args).result()

    async def shutdown_default_executor(self, timeout=None):
        if self._default_executor is not None:
            self._default_executor.shutdown(wait=True)

def pytest_asyncio_loop_factories(config, item):
    return {"threadless": Loop}
"""


def test_a_loop_that_no_thread_can_wake_up(run: Example) -> None:
    """A loop that shuts down its executor itself is not asked to wait for the threads."""
    result = run(
        """
        import asyncio

        async def test_it():
            assert await asyncio.get_running_loop().run_in_executor(None, int) == 0
        """,
        mode="auto",
        conftest=CONFTEST + THREADLESS,
    )
    result.assert_outcomes(passed=1)


EXTENDED_SHUTDOWN = """
import asyncio

class Loop(asyncio.SelectorEventLoop):
    async def shutdown_default_executor(self, timeout=None):
        await super().shutdown_default_executor()

def pytest_asyncio_loop_factories(config, item):
    return {"loop": Loop}
"""


def test_a_loop_that_extends_the_shutdown_of_its_executor(run: Example) -> None:
    """A thread that does not end is named, and not waited for without a limit."""
    result = run(
        """
        import asyncio
        import threading

        ended = threading.Event()

        async def test_it():
            asyncio.get_running_loop().run_in_executor(None, ended.wait)
            await asyncio.sleep(0.1)

        def test_after():
            ended.set()
        """,
        "-Wdefault",
        mode="auto",
        conftest=CONFTEST + EXTENDED_SHUTDOWN,
    )
    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(
        ["*thread 'asyncio_0' of the default executor did not*"]
    )


FAILING_SHUTDOWN = """
import asyncio

class Loop(asyncio.SelectorEventLoop):
    async def shutdown_default_executor(self, timeout=None):
        raise ValueError("cannot shut down")

def pytest_asyncio_loop_factories(config, item):
    return {"loop": Loop if item.name == "test_it" else asyncio.SelectorEventLoop}
"""


def test_a_loop_that_fails_to_shut_down(run: Example) -> None:
    """What its method raises is told at that test; the next one runs."""
    result = run(
        """
        async def test_it(): ...
        async def test_after(): ...
        """,
        "-W",
        "error::pytest_asyncio.PytestAsyncioUnhandledExceptionWarning",
        mode="auto",
        conftest=CONFTEST + FAILING_SHUTDOWN,
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        ["*ERROR at teardown of test_it*", "*ValueError: cannot shut down*"]
    )


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize(
    "cancels",
    [
        "loop.call_soon(lambda: tasks.append(loop.create_task(cancel_all())))",
        "tasks.append(loop.create_task(cancel_all(3)))",
        "tasks.append(loop.create_task(cancel_all(60)))",
    ],
)
@pytest.mark.parametrize("who", ["test", "function", "module"])
def test_what_is_left_cancels_all_tasks(
    run: Example, who: str, cancels: str, loop: str
) -> None:
    """A server that stops in the background does not mean the tasks of the plugin's own."""
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    result = run(
        f"""
        import asyncio

        import pytest

        tasks = []

        async def cancel_all(turns=0):
            try:
                for _ in range(turns):
                    await asyncio.sleep(0)
            finally:
                for task in asyncio.all_tasks() - {{asyncio.current_task()}}:
                    task.cancel()

        def leave():
            loop = asyncio.get_running_loop()
            {cancels}

        @pytest.fixture(scope={"function" if who == "test" else who!r})
        async def server():
            yield
            leave()

        async def test_it({"" if who == "test" else "server"}):
            if {who!r} == "test":
                leave()
        """,
        conftest=UVLOOP if loop == "uvloop" else "",
        mode="auto",
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("scope", ["function", "class", "session"])
def test_what_is_ready_at_the_end_happens(run: Example, scope: str) -> None:
    """Callbacks that the last tear-down schedules run before the loop is closed."""
    result = run(
        f"""
        import asyncio
        import pytest
        import pytest_asyncio

        SEEN = []

        @pytest_asyncio.fixture(scope="{scope}")
        def last():
            loop = asyncio.get_event_loop_policy().get_event_loop()
            yield
            loop.call_soon(loop.call_soon, SEEN.append, "called")

        class TestIt:
            @pytest.mark.asyncio(loop_scope="{scope}")
            async def test_it(self, last): ...
        """,
        "-W",
        "ignore::DeprecationWarning",
        conftest=CONFTEST
        + """
@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    (item,) = session.items
    assert item.module.SEEN == ["called"]
    print("<SEEN>")
""",
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*<SEEN>"])


def test_what_only_the_loop_held(run: Example) -> None:
    """What is dropped with its closed loop is warned of at that test, not at the next one."""
    result = run(
        """
        import asyncio
        import socket

        async def test_it():
            asyncio.get_running_loop().call_later(60, print, socket.socket())

        async def test_after(): ...
        """,
        "-W",
        "error",
        mode="auto",
        conftest=CONFTEST,
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_it*",
            "E *PytestUnraisableExceptionWarning: *socket*",
        ]
    )
    assert_users_frames_only(result)


STOPPED_CLOCKS = {
    "of the module": "time.monotonic = lambda: 1577836800.0",
    "of the loop": "asyncio.get_running_loop().time = lambda: 0.0",
    "of the class": "type(asyncio.get_running_loop()).time = lambda self: 0.0",
}


@pytest.mark.parametrize("clock", STOPPED_CLOCKS.values(), ids=STOPPED_CLOCKS)
def test_the_clock_has_stopped(run: Example, clock: str) -> None:
    """What ends is waited for, and what does not is told, although no time passes in the loop.

    freezegun that fails as it starts leaves it so, and so does a mock of a wider scope.
    """
    result = run(
        f"""
        import asyncio
        import time

        async def refuse():
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    pass

        async def clean_up():
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.to_thread(time.sleep, 0.01)
                print("<CLEAN>")

        async def test_it():
            tasks = asyncio.create_task(refuse()), asyncio.create_task(clean_up())
            await asyncio.to_thread(len, "")
            {clock}

        async def test_after():
            await asyncio.to_thread(len, "")
        """,
        "-s",
        mode="auto",
        conftest=CONFTEST,
        subprocess=True,
        timeout=20,
    )
    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(
        ["*<CLEAN>*", "*coroutine refuse,*did not end when it was cancelled*"]
    )


def test_a_conftest_finds_the_loop_closed_after_the_tear_down(run: Example) -> None:
    """Its wrapper around the tear-down is outside of the plugin's: nothing is left to it."""
    result = run(
        """
        import asyncio
        import pytest_asyncio

        @pytest_asyncio.fixture
        async def connection():
            yield asyncio.get_running_loop()

        async def test_plain():
            pass

        async def test_fixture(connection):
            pass

        def test_synchronous(connection):
            pass
        """,
        mode="auto",
        conftest="""
        import asyncio
        import gc
        import pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_teardown(item):
            yield
            left = [
                each
                for each in gc.get_objects()
                if isinstance(each, asyncio.BaseEventLoop) and not each.is_closed()
            ]
            assert not left
        """,
        subprocess=True,
    )
    result.assert_outcomes(passed=3)


def test_a_method_of_another_plugin_stays_in_its_place(run: Example) -> None:
    """The end of a loop is hung on its node as the ``teardown`` of that one is."""
    result = run(
        """
        async def test_it():
            pass
        """,
        mode="auto",
        conftest="""
        import pytest

        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_setup(item):
            def teardown():
                item.is_torn_down = True

            item.teardown = item.theirs = teardown

        @pytest.hookimpl(wrapper=True, tryfirst=True)
        def pytest_runtest_teardown(item):
            yield
            assert item.is_torn_down
            assert vars(item)["teardown"] is item.theirs
        """,
    )
    result.assert_outcomes(passed=1)


def test_what_only_the_loop_still_held_is_told_at_its_test(run: Example) -> None:
    """A destructor that raises when the loop is closed is that test's, and not the next one's."""
    result = run(
        """
        import asyncio

        class Breaks:
            def __del__(self):
                raise ValueError("in a destructor")

            def method(self): ...

        async def test_leaves_a_timer():
            asyncio.get_running_loop().call_later(1000, Breaks().method)

        async def test_next(): ...
        """,
        "-Werror::pytest.PytestUnraisableExceptionWarning",
        mode="auto",
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(
        ["*ERROR at teardown of test_leaves_a_timer*", "*ValueError: in a destructor"]
    )
