"""A loop that can never wake up again is reported at once; one that can is left alone."""

from __future__ import annotations

import textwrap
from xml.etree import ElementTree

import pytest

from conftest import Example
from conftest import on_linux

pytestmark = on_linux

IMPORTS = """
import asyncio
import concurrent.futures
import os
import pdb
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import pytest_asyncio

loop_now = asyncio.get_running_loop
"""

# So that what is only found later is found soon.
CONFTEST = """
def pytest_configure():
    from pytest_asyncio import diagnostics
    from pytest_asyncio import shutdown

    diagnostics.RECHECK = 0.05
    shutdown.GRACE = 0.2
"""

# Each is a module whose ``test_it`` can never end, and the line that it waits at.
DEADLOCKS = {
    "queue": (
        """
        async def test_it():
            await asyncio.Queue().get()
        """,
        "await asyncio.Queue().get()",
    ),
    "ring": (
        """
        async def wait(number):
            await tasks[number]

        async def test_it():
            tasks[:] = [asyncio.create_task(wait(1)), asyncio.create_task(wait(0))]
            await asyncio.wait(tasks)

        tasks = []
        """,
        "await asyncio.wait(tasks)",
    ),
    "ring_with_the_test": (
        """
        async def test_it():
            await asyncio.gather(*asyncio.all_tasks())
        """,
        "await asyncio.gather(*asyncio.all_tasks())",
    ),
    "debugger": (
        """
        async def test_it():
            # So it is after breakpoint() and "continue".
            before = signal.signal(signal.SIGINT, pdb.Pdb().sigint_handler)
            try:
                await asyncio.Event().wait()
            finally:
                signal.signal(signal.SIGINT, before)
        """,
        "await asyncio.Event().wait()",
    ),
    "full_queue": (
        """
        async def test_it():
            queue = asyncio.Queue(maxsize=1)
            await queue.put(1)
            await queue.put(2)
        """,
        "await queue.put(2)",
    ),
    "event": (
        """
        async def test_it():
            await asyncio.Event().wait()
        """,
        "await asyncio.Event().wait()",
    ),
    "condition": (
        """
        async def test_it():
            async with (condition := asyncio.Condition()):
                await condition.wait()
        """,
        "await condition.wait()",
    ),
    "semaphore": (
        """
        async def test_it():
            await asyncio.Semaphore(0).acquire()
        """,
        "await asyncio.Semaphore(0).acquire()",
    ),
    "barrier": (
        """
        async def test_it():
            await asyncio.Barrier(2).wait()
        """,
        "await asyncio.Barrier(2).wait()",
    ),
    "future": (
        """
        async def test_it():
            await loop_now().create_future()
        """,
        "await loop_now().create_future()",
    ),
    "lock_twice": (
        """
        async def test_it():
            lock = asyncio.Lock()
            async with lock:
                async with lock:
                    pass
        """,
        "async with lock:",
    ),
    "lock_cycle": (
        """
        async def both(first, second):
            async with first:
                await asyncio.sleep(0.01)
                async with second:
                    pass

        async def test_it():
            a, b = asyncio.Lock(), asyncio.Lock()
            await asyncio.gather(both(a, b), both(b, a))
        """,
        "async with second:",
    ),
    "after_a_while": (
        """
        async def test_it():
            await asyncio.sleep(0.05)
            await asyncio.Event().wait()
        """,
        "await asyncio.Event().wait()",
    ),
    "child_of_a_task_group": (
        """
        async def test_it():
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.Event().wait())
        """,
        "async with asyncio.TaskGroup() as group:",
    ),
    "set_up": (
        """
        @pytest_asyncio.fixture
        async def client():
            await asyncio.Event().wait()

        async def test_it(client):
            pass
        """,
        "await asyncio.Event().wait()",
    ),
    "generator_set_up": (
        """
        @pytest_asyncio.fixture(scope="session")
        async def client():
            await asyncio.Event().wait()
            yield

        async def test_it(client):
            pass
        """,
        "await asyncio.Event().wait()",
    ),
    "tear_down": (
        """
        @pytest_asyncio.fixture
        async def client():
            yield
            await asyncio.Event().wait()

        async def test_it(client):
            pass
        """,
        "await asyncio.Event().wait()",
    ),
    "module_tear_down": (
        """
        @pytest_asyncio.fixture(scope="module")
        async def client():
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.Event().wait())
                yield

        async def test_it(client):
            pass
        """,
        "async with asyncio.TaskGroup() as group:",
    ),
    "fixture_asked_for": (
        """
        @pytest_asyncio.fixture
        async def client():
            await asyncio.Event().wait()

        async def test_it(request):
            await pytest_asyncio.getfixturevalue(request, "client")
        """,
        "await asyncio.Event().wait()",
    ),
    "beside_a_fixture": (
        """
        @pytest_asyncio.fixture
        async def client():
            yield asyncio.Queue()

        async def test_it(client):
            await client.get()
        """,
        "await client.get()",
    ),
    "idle_executor": (
        """
        async def test_it():
            await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.01) for _ in "abc"))
            assert threading.active_count() > 1
            await asyncio.Event().wait()
        """,
        "await asyncio.Event().wait()",
    ),
    "after_a_thread": (
        """
        async def test_it():
            thread = threading.Thread(target=time.sleep, args=[0.2])
            thread.start()
            await asyncio.Event().wait()
        """,
        "await asyncio.Event().wait()",
    ),
    "after_a_job": (
        """
        async def test_it():
            job = loop_now().run_in_executor(None, time.sleep, 0.2)
            await asyncio.Event().wait()
        """,
        "await asyncio.Event().wait()",
    ),
    "after_a_subprocess": (
        """
        async def test_it():
            process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
            await process.wait()
            await asyncio.Event().wait()
        """,
        "await asyncio.Event().wait()",
    ),
    "after_a_connection": (
        """
        async def test_it():
            async def handle(reader, writer):
                writer.write(await reader.read(1))
                writer.close()

            async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
                host, port = server.sockets[0].getsockname()
                reader, writer = await asyncio.open_connection(host, port)
                writer.write(b"x")
                assert await reader.read() == b"x"
                writer.close()
                await writer.wait_closed()
            await asyncio.Event().wait()
        """,
        "await asyncio.Event().wait()",
    ),
    "after_signal_handlers": (
        """
        async def test_it():
            before = signal.signal(signal.SIGUSR1, lambda *_: None)
            signal.signal(signal.SIGUSR1, before)
            loop_now().add_signal_handler(signal.SIGUSR2, print)
            loop_now().remove_signal_handler(signal.SIGUSR2)
            await asyncio.Event().wait()
        """,
        "await asyncio.Event().wait()",
    ),
    "debug": (
        """
        async def test_it():
            loop_now().set_debug(True)
            await asyncio.Event().wait()
        """,
        "await asyncio.Event().wait()",
    ),
    "overridden_event_loop": (
        """
        @pytest.fixture
        def event_loop():
            loop = asyncio.new_event_loop()
            yield loop
            loop.close()

        async def test_it(event_loop):
            await asyncio.Event().wait()
        """,
        "await asyncio.Event().wait()",
    ),
}

# Each is a module whose ``test_it`` waits without a timer for something that does come.
WAKERS = {
    "thread": """
        async def test_it():
            loop, event = loop_now(), asyncio.Event()

            def wake():
                time.sleep(0.3)
                loop.call_soon_threadsafe(event.set)

            thread = threading.Thread(target=wake)
            thread.start()
            await event.wait()
            thread.join()
        """,
    "daemon_thread": """
        async def test_it():
            loop, event = loop_now(), asyncio.Event()
            go = threading.Event()

            def wake():
                go.wait()
                loop.call_soon_threadsafe(event.set)

            thread = threading.Thread(target=wake, daemon=True)
            thread.start()
            threading.Timer(0.2, go.set).start()
            await event.wait()
            thread.join()
        """,
    "timer_thread": """
        async def test_it():
            event = asyncio.Event()
            timer = threading.Timer(0.3, loop_now().call_soon_threadsafe, [event.set])
            timer.start()
            await event.wait()
            timer.join()
        """,
    "thread_that_python_does_not_know": """
        async def test_it():
            import _thread

            loop, event = loop_now(), asyncio.Event()

            def wake():
                time.sleep(0.3)
                loop.call_soon_threadsafe(event.set)

            _thread.start_new_thread(wake, ())
            await event.wait()
        """,
    "run_coroutine_threadsafe": """
        async def test_it():
            loop, queue = loop_now(), asyncio.Queue()

            def produce():
                time.sleep(0.2)
                asyncio.run_coroutine_threadsafe(queue.put(1), loop).result(10)

            thread = threading.Thread(target=produce)
            thread.start()
            assert await queue.get() == 1
            thread.join()
        """,
    "executor_job": """
        async def test_it():
            assert await asyncio.to_thread(lambda: time.sleep(0.3) or 1) == 1
        """,
    "more_jobs_than_threads": """
        async def test_it():
            loop = loop_now()
            executor = concurrent.futures.ThreadPoolExecutor(max_workers=2)
            loop.set_default_executor(executor)
            await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.01) for _ in "abcde"))
            for _ in range(3):
                await asyncio.to_thread(time.sleep, 0.2)
        """,
    "one_busy_thread_of_several": """
        async def test_it():
            await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.05) for _ in "abc"))
            await asyncio.to_thread(time.sleep, 0.3)
        """,
    "job_that_calls_back_on_its_own": """
        async def test_it():
            loop, event = loop_now(), asyncio.Event()

            def job():
                time.sleep(0.2)
                loop.call_soon_threadsafe(event.set)

            future = loop.run_in_executor(None, job)
            future.cancel()
            await event.wait()
        """,
    "executor_of_the_user": """
        async def test_it():
            with concurrent.futures.ThreadPoolExecutor(1) as executor:
                await loop_now().run_in_executor(executor, time.sleep, 0.3)
        """,
    "executor_outside_the_loop": """
        async def test_it():
            with concurrent.futures.ThreadPoolExecutor(1) as executor:
                await asyncio.wrap_future(executor.submit(time.sleep, 0.3))
        """,
    "subprocess": """
        async def test_it():
            code = "import time; time.sleep(0.3)"
            process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
            assert await process.wait() == 0
        """,
    "output_of_a_subprocess": """
        async def test_it():
            code = "import time; time.sleep(0.3); print('x')"
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", code, stdout=subprocess.PIPE
            )
            out, _ = await process.communicate()
            assert out.strip() == b"x"
        """,
    "signal_of_a_child": """
        async def test_it():
            event = asyncio.Event()
            loop_now().add_signal_handler(signal.SIGUSR1, event.set)
            with subprocess.Popen(
                ["sh", "-c", f"sleep 0.3; kill -USR1 {os.getpid()}"]
            ):
                await event.wait()
            loop_now().remove_signal_handler(signal.SIGUSR1)
        """,
    "add_signal_handler": """
        async def test_it():
            event = asyncio.Event()
            loop_now().add_signal_handler(signal.SIGALRM, event.set)
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            await event.wait()
            loop_now().remove_signal_handler(signal.SIGALRM)
        """,
    "signal_handler": """
        async def test_it():
            loop, event = loop_now(), asyncio.Event()

            def handler(*_):
                loop.call_soon_threadsafe(event.set)

            before = signal.signal(signal.SIGALRM, handler)
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            await event.wait()
            signal.signal(signal.SIGALRM, before)
        """,
    "registered_reader": """
        async def test_it():
            ours, theirs = socket.socketpair()
            event = asyncio.Event()
            loop_now().add_reader(ours, event.set)
            with subprocess.Popen(
                ["sh", "-c", "sleep 0.3; echo x"], stdout=theirs.fileno()
            ):
                theirs.close()
                await event.wait()
            loop_now().remove_reader(ours)
            ours.close()
        """,
    "socket": """
        async def test_it():
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            with subprocess.Popen(
                ["sh", "-c", "sleep 0.3; echo x"], stdout=theirs.fileno()
            ):
                theirs.close()
                assert await loop_now().sock_recv(ours, 1) == b"x"
            ours.close()
        """,
    "timer": """
        async def test_it():
            event = asyncio.Event()
            loop_now().call_later(0.2, event.set)
            await event.wait()
        """,
    "timeout": """
        async def test_it():
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await asyncio.Event().wait()
        """,
    "task_of_a_fixture": """
        @pytest_asyncio.fixture(scope="module")
        async def queue():
            async def produce():
                await asyncio.sleep(0.2)
                queue.put_nowait(1)

            queue = asyncio.Queue()
            async with asyncio.TaskGroup() as group:
                group.create_task(produce())
                yield queue

        async def test_it(queue):
            assert await queue.get() == 1
        """,
    "fixture_asked_for": """
        @pytest_asyncio.fixture
        async def slow():
            await asyncio.to_thread(time.sleep, 0.2)
            yield 1

        async def test_it(request):
            assert await pytest_asyncio.getfixturevalue(request, "slow") == 1
        """,
    "synchronous_test": """
        def test_it(event_loop):
            event_loop.call_later(0.1, event_loop.stop)
            event_loop.run_forever()
            thread = threading.Timer(0.2, event_loop.call_soon_threadsafe, [event_loop.stop])
            thread.start()
            event_loop.run_forever()
            thread.join()
        """,
}


def project(sources: dict[str, str]) -> dict[str, str]:
    """The inner files, a module for each source."""
    return {
        f"test_{kind}.py": IMPORTS + textwrap.dedent(source)
        for kind, source in sources.items()
    }


def failures_in(run: Example) -> dict[str, str]:
    """The text of each failure and error in ``junit.xml``, by the module it is in."""
    tree = ElementTree.parse(run.pytester.path / "junit.xml")
    found: dict[str, str] = {}
    for case in tree.iter("testcase"):
        for kind in ("failure", "error"):
            element = case.find(kind)
            if element is not None:
                found[str(case.get("classname")).removeprefix("test_")] = str(
                    element.text
                )
    return found


# How pytest is run: other tools must not hide a deadlock with threads of their own.
WAYS: dict[str, tuple[str, ...]] = {
    "plain": ("-pno:timeout", "-pno:rerunfailures"),
    "timeout-by-signal": ("--timeout=60", "--timeout-method=signal"),
    "timeout-by-thread": ("--timeout=60", "--timeout-method=thread"),
    "reruns": ("--reruns=1",),
    "xdist": ("-n1",),
}

PLUGINS = {
    "timeout-by-signal": "pytest_timeout",
    "timeout-by-thread": "pytest_timeout",
    "reruns": "pytest_rerunfailures",
    "xdist": "xdist",
}


@pytest.mark.parametrize("way", WAYS)
def test_deadlocks_are_reported(run: Example, way: str) -> None:
    """Each fails its test, names it and what to look for, and shows where it waits."""
    if way in PLUGINS:
        pytest.importorskip(PLUGINS[way])
    result = run(
        "",
        "--junitxml=junit.xml",
        *WAYS[way],
        mode="auto",
        conftest=CONFTEST,
        files=project({kind: source for kind, (source, _) in DEADLOCKS.items()}),
        subprocess=True,
        timeout=100,
    )
    found = failures_in(run)
    assert set(found) == set(DEADLOCKS)
    for kind, (source, line) in DEADLOCKS.items():
        text = found[kind]
        assert "deadlock: " in text, (kind, text)
        assert f"test_{kind}.py::test_it" in text, (kind, text)
        assert line in text, (kind, text)
        assert "what it awaits is never set, put, released or finished" in text
        if "def client" in source and "client.get()" not in source:
            assert "the fixture 'client'" in text, (kind, text)
        assert "/pytest_asyncio/" not in text, (kind, text)
        assert "base_events.py" not in text, (kind, text)
    assert "was never awaited" not in result.stdout.str()


@pytest.mark.parametrize("way", ["plain", "xdist"])
def test_no_false_alarm(run: Example, way: str) -> None:
    """What a thread, process, socket, signal or timer wakes up is waited for.

    A deadlock after all of these is still found: none of them has left anything behind that
    would explain why no alarm was raised.
    """
    if way in PLUGINS:
        pytest.importorskip(PLUGINS[way])
    files = project(WAKERS)
    files["test_zzz_deadlock.py"] = (
        "import asyncio\n\nasync def test_it():\n    await asyncio.Event().wait()\n"
    )
    result = run(
        "",
        "--junitxml=junit.xml",
        *WAYS[way],
        mode="auto",
        conftest=CONFTEST,
        files=files,
        subprocess=True,
        timeout=100,
    )
    result.assert_outcomes(passed=len(WAKERS), failed=1)
    assert set(failures_in(run)) == {"zzz_deadlock"}


def test_mocks_of_the_test_are_left_alone(run: Example) -> None:
    """What is asked to find a deadlock is not what a test has put in place of it."""
    result = run(
        """
        import _thread
        import asyncio
        import time
        from unittest import mock
        import pytest

        @pytest.mark.parametrize("name", [
            "builtins.open",
            "concurrent.futures.ThreadPoolExecutor",
            "io.FileIO",
            "io.open",
            "os.listdir",
            "os.scandir",
            "pathlib.Path.iterdir",
            "pathlib.Path.read_text",
            "signal.getsignal",
            "signal.valid_signals",
            "sys._current_frames",
            "threading.Timer",
            "threading._DummyThread",
            "threading.enumerate",
            "threading.get_ident",
        ])
        async def test_it(name):
            loop = asyncio.get_running_loop()
            future = loop.create_future()

            def wake():
                time.sleep(0.2)
                loop.call_soon_threadsafe(future.set_result, None)

            _thread.start_new_thread(wake, ())
            with mock.patch(name) as mocked:
                await future
            mocked.assert_not_called()
        """,
        *WAYS["plain"],
        mode="auto",
        subprocess=True,
    )
    result.assert_outcomes(passed=15)


def test_next_test_after_a_deadlock(run: Example) -> None:
    """The deadlocked test cleans up, its fixtures are torn down, and the next one runs."""
    result = run(
        """
        import asyncio

        import pytest
        import pytest_asyncio

        pytestmark = pytest.mark.asyncio(loop_scope="module")
        DIARY = []

        @pytest_asyncio.fixture(loop_scope="module")
        async def resource():
            yield
            await asyncio.sleep(0.01)
            DIARY.append("tear-down")

        async def test_it(resource):
            try:
                await asyncio.Event().wait()
                DIARY.append("went-on")
            finally:
                await asyncio.sleep(0.01)
                DIARY.append("cleaned-up")

        async def test_after():
            assert DIARY == ["cleaned-up", "tear-down"]
        """,
        subprocess=True,
        timeout=60,
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines([">*await asyncio.Event().wait()"])


@pytest.mark.parametrize("scope", ["function", "module"])
def test_errors_while_the_deadlocked_clean_up(run: Example, scope: str) -> None:
    """They come on top of the deadlock, and are told, too."""
    result = run(
        f"""
        import asyncio

        import pytest
        import pytest_asyncio

        pytestmark = pytest.mark.asyncio(loop_scope={scope!r})

        async def wait(error):
            try:
                await asyncio.Event().wait()
            finally:
                raise error

        @pytest_asyncio.fixture(loop_scope={scope!r})
        async def resource():
            await wait(ValueError("mine"))

        async def test_fixture(resource):
            pass

        async def test_itself():
            await wait(KeyError("its own"))

        async def test_after():
            pass
        """,
        "-W",
        "default::pytest_asyncio.PytestAsyncioUnhandledExceptionWarning",
        subprocess=True,
        timeout=60,
    )
    result.assert_outcomes(passed=1, failed=1, errors=1, warnings=2)
    text = result.stdout.str()
    for told in (
        "during test_example.py::test_fixture: Exception in what was interrupted",
        "ValueError: mine",
        "during test_example.py::test_itself: Exception in what was interrupted",
        "KeyError: 'its own'",
    ):
        assert text.count(told) == 1, text


def test_uvloop_is_not_suspected(run: Example) -> None:
    """What uvloop waits for cannot be seen: a time-out is what ends a test there."""
    pytest.importorskip("uvloop")
    pytest.importorskip("pytest_timeout")
    result = run(
        """
        import asyncio

        async def test_it():
            await asyncio.Event().wait()
        """,
        "--timeout=0.5",
        "--timeout-method=signal",
        mode="auto",
        conftest="""
        import uvloop

        def pytest_asyncio_loop_factories(config, item):
            return {"uvloop": uvloop.new_event_loop}
        """,
        subprocess=True,
        timeout=60,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*Failed: Timeout*",
            "*- asyncio tasks -*",
            "Task 'test_it', coroutine test_it, *",
        ]
    )
    assert "deadlock" not in result.stdout.str()


def test_loops_of_the_user_are_not_suspected(run: Example) -> None:
    """``asyncio.run`` in a synchronous test may wait for ever; it is not the plugin's loop."""
    pytest.importorskip("pytest_timeout")
    result = run(
        """
        import asyncio

        def test_it():
            asyncio.run(asyncio.Event().wait())
        """,
        "--timeout=0.5",
        "--timeout-method=signal",
        mode="auto",
        subprocess=True,
        timeout=60,
    )
    result.assert_outcomes(failed=1)
    assert "deadlock" not in result.stdout.str()


def test_selector_that_takes_no_attributes(run: Example) -> None:
    """A loop whose selector cannot be watched runs its tests all the same."""
    result = run(
        """
        import asyncio

        async def test_it():
            await asyncio.sleep(0.01)
        """,
        mode="auto",
        conftest="""
        import abc
        import asyncio
        import selectors

        class Selector:
            __slots__ = ("inner",)

            def __init__(self):
                self.inner = selectors.DefaultSelector()

            def __getattr__(self, name):
                if name == "__dict__":
                    raise AttributeError(name)
                return getattr(self.inner, name)

        abc.ABCMeta.register(selectors.BaseSelector, Selector)

        def pytest_asyncio_loop_factories(config, item):
            return {"own": lambda: asyncio.SelectorEventLoop(Selector())}
        """,
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "select",
    [
        # A GUI's queue, say, has something to do, and that wakes the loop up.
        """
        if timeout is None and self.pending:
            self.pending.pop()()
            timeout = 0
        return super().select(timeout)
        """,
        # The same, with a file of its own that the loop does not see.
        """
        ready = super().select(0.01 if self.pending else timeout)
        if self.pending:
            self.pending.pop()()
        return ready
        """,
    ],
    ids=["instead", "meanwhile"],
)
def test_selector_of_the_user_that_runs_callbacks(run: Example, select: str) -> None:
    """What its ``select()`` does is done once, as by asyncio, and the loop runs what is ready."""
    result = run(
        """
        import asyncio

        import pytest

        @pytest.mark.parametrize("how", ["at once", "by a timer"])
        async def test_it(how):
            loop = asyncio.get_running_loop()
            future = loop.create_future()
            if how == "at once":
                call = lambda: future.set_result(1)
            else:
                call = lambda: loop.call_later(0.01, future.set_result, 1)
            loop._selector.pending.append(call)
            assert await future == 1
        """,
        mode="auto",
        conftest=f"""
        import asyncio
        import selectors

        class Selector(selectors.DefaultSelector):
            def __init__(self):
                super().__init__()
                self.pending = []

            def select(self, timeout=None):
                {textwrap.indent(textwrap.dedent(select).strip(), " " * 16).strip()}

        def pytest_asyncio_loop_factories(config, item):
            return {{"own": lambda: asyncio.SelectorEventLoop(Selector())}}
        """,
    )
    result.assert_outcomes(passed=2)


def test_selector_of_the_user_with_a_clock(run: Example) -> None:
    """While the loop waits for a thread, a clock that its selector turns stands still."""
    result = run(
        """
        import asyncio
        import time

        async def test_it():
            loop = asyncio.get_running_loop()
            await asyncio.to_thread(time.sleep, 0.05)
            assert loop.time() == 0
            await asyncio.sleep(3600)
            assert loop.time() == 3600
        """,
        mode="auto",
        conftest="""
        import asyncio
        import selectors

        class Selector(selectors.DefaultSelector):
            now = 0

            def select(self, timeout=None):
                if timeout:
                    self.now += timeout
                    timeout = 0
                return super().select(timeout)

        class Loop(asyncio.SelectorEventLoop):
            def time(self):
                return self._selector.now

        def pytest_asyncio_loop_factories(config, item):
            return {"own": lambda: Loop(Selector())}
        """,
    )
    result.assert_outcomes(passed=1)


def test_answers_of_a_thread_are_not_waited_for_with_a_proof(run: Example) -> None:
    """To look at threads and processes takes longer than a thread takes to answer."""
    source = """
        @pytest.mark.asyncio
        async def test_it(monkeypatch):
            from pytest_asyncio import diagnostics

            looked = []
            look = diagnostics.is_anything_outside

            def is_anything_outside(loop):
                looked.append(loop)
                return look(loop)

            monkeypatch.setattr(diagnostics, "is_anything_outside", is_anything_outside)

            def work():
                for future in iter(questions.get, None):
                    loop_now_there.call_soon_threadsafe(future.set_result, None)

            questions = queue.SimpleQueue()
            loop_now_there = loop_now()
            thread = threading.Thread(target=work)
            thread.start()
            for _ in range(1000):
                future = loop_now_there.create_future()
                questions.put(future)
                await future
            assert len(looked) < 10
            later = loop_now_there.create_future()
            threading.Timer(0.2, questions.put, [later]).start()
            await later
            assert looked
            questions.put(None)
            thread.join()
    """
    result = run(IMPORTS + "import queue\n" + textwrap.dedent(source))
    result.assert_outcomes(passed=1)
