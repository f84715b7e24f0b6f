"""User code does every bad thing to its loop; the test after it is not harmed."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
import dataclasses
import json
import re
import sys
import textwrap
from typing import Any
from typing import Final
from typing import final
from typing import TypeAlias

import pytest

from conftest import Example
from conftest import on_linux

pytestmark = on_linux

SCOPES = ("function", "class", "module", "package", "session")

PHASES = {"set-up": "setup", "call": "call", "tear-down": "teardown"}
"""Where the fault happens: before the yield of a fixture, in the test, or after the yield."""

Told: TypeAlias = tuple[Mapping[str, str], str]
"""What the failures say, by the phase of the test, and what the warning says."""


@final
@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """What user code does, and what the person is told of it."""

    body: str
    """The body of a function; ``loop`` is the running loop, or the current one."""
    fails: str = ""
    """What the failure at that place says; without it all phases of the test pass."""
    warns: str = ""
    """What a warning at that test says; without it there is no warning of ours."""
    late: bool = False
    """Whether the warning comes when the loop ends."""
    but: Mapping[str, Told] = dataclasses.field(default_factory=dict[str, Told])
    """At other places: what the failure of each phase says, and what the warning says.

    A place is where it happens, or that with the scope of the loop.
    """
    own_loop: bool = False
    """What is done to a loop, and stays, is for the tests that share it to agree on."""

    def told(self, where: str, scope: str) -> Told:
        """What is told of it: by failures, by their phases, and by a warning."""
        for place in (f"{where} {scope}", where):
            if place in self.but:
                return self.but[place]
        return ({PHASES[where]: self.fails} if self.fails else {}), self.warns


STOPPED = "the event loop was stopped while .* was running"
CANCELLED = r"asyncio\.exceptions\.CancelledError"
NOTHING = "was cancelled while it awaited nothing"
AT_YIELD = "was cancelled at its yield"
UNHANDLED = "Exception that nobody handled, during .*::test_bad(, in a task .*)?: "
IN_CALLBACK = f"{UNHANDLED}.*Exception in callback"
IN_TASK = f"{UNHANDLED}.*Task exception was never retrieved"
BROKEN = "I/O operation on closed"
# Since Python 3.14 asyncio takes offence at that.
NOT_RUNNING = (
    f"{IN_CALLBACK}.*is not the running loop" if sys.version_info >= (3, 14) else ""
)
CLOSED = "the event loop of .*::test_bad was closed during the test"

ASYNC_FAULTS = {
    # -- the loop --
    "stops_the_loop": Fault("loop.stop(); await asyncio.sleep(0.01)", fails=STOPPED),
    "stops_the_loop_soon": Fault(
        "loop.call_later(0.001, loop.stop); await asyncio.sleep(0.05)", fails=STOPPED
    ),
    "stops_the_loop_at_the_end": Fault("loop.stop()"),
    "stops_the_loop_again_and_again": Fault(
        "for turns in range(5):\n    loop.call_soon(loop.stop)\nawait asyncio.sleep(0.01)",
        fails=STOPPED,
    ),
    "closes_the_running_loop": Fault(
        "loop.close()", fails="Cannot close a running event loop"
    ),
    "closes_the_running_loop_soon": Fault(
        "loop.call_soon(loop.close); await asyncio.sleep(0)",
        warns=f"{IN_CALLBACK}.*Cannot close a running event loop",
    ),
    "asyncio_run": Fault(
        "asyncio.run(asyncio.sleep(0))",
        fails=r"asyncio\.run\(\) cannot be called from a running event loop",
    ),
    "runs_its_own_loop": Fault(
        "loop.run_until_complete(asyncio.sleep(0))",
        fails="This event loop is already running",
    ),
    "runs_another_loop": Fault(
        "other = asyncio.new_event_loop()\n"
        "try:\n"
        "    other.run_until_complete(asyncio.sleep(0))\n"
        "finally:\n"
        "    other.close()",
        fails="Cannot run the event loop while another loop is running",
    ),
    "unsets_the_current_loop": Fault("asyncio.set_event_loop(None)"),
    "sets_another_current_loop": Fault("asyncio.set_event_loop(OTHER)"),
    "unsets_the_running_loop": Fault(
        "asyncio._set_running_loop(None)", warns=NOT_RUNNING
    ),
    "sets_another_running_loop": Fault(
        "asyncio._set_running_loop(OTHER)", warns=NOT_RUNNING
    ),
    "replaces_methods_of_the_loop": Fault(
        "loop.create_task = loop.call_exception_handler = None",
        own_loop=True,
    ),
    "stops_the_clock": Fault(
        "await asyncio.to_thread(len, '')\nnow = loop.time()\nloop.time = lambda: now",
        own_loop=True,
    ),
    "closes_the_selector": Fault(
        "loop._selector.close()",
        but={
            "set-up": ({"setup": BROKEN, "teardown": BROKEN}, ""),
            "call": ({"call": BROKEN, "teardown": BROKEN}, ""),
            # It has ended by then: what fails is the end of the loop.
            "tear-down": ({"teardown": "_remove_reader"}, ""),
        },
        own_loop=True,
    ),
    "changes_the_task_factory": Fault(
        "loop.set_task_factory(lambda *args, **options: 1 / 0)",
        but={"set-up": ({"setup": "ZeroDivisionError"}, "")},
        own_loop=True,
    ),
    "removes_the_task_factory": Fault("loop.set_task_factory(None)"),
    "changes_the_exception_handler": Fault(
        "loop.set_exception_handler(fail); loop.call_soon(fail); await asyncio.sleep(0)",
        warns=f"{UNHANDLED}Unhandled error in exception handler, called for",
    ),
    "changes_the_debug_mode": Fault("loop.set_debug(True); time.sleep(0.11)"),
    # -- its own task --
    "cancels_its_own_task": Fault(
        "asyncio.current_task().cancel(); await asyncio.sleep(0)", fails=CANCELLED
    ),
    "cancels_its_own_task_at_the_end": Fault(
        "asyncio.current_task().cancel()",
        fails=NOTHING,
        # The fixture has its value by then: it breaks when something else runs in its loop.
        but={
            "set-up": ({"call": "'bad' crashed while", "teardown": AT_YIELD}, ""),
            "set-up function": (
                {"setup": "'bad' crashed while .*'wider'", "teardown": AT_YIELD},
                "",
            ),
        },
    ),
    "cancels_all_tasks": Fault(
        "for task in asyncio.all_tasks():\n    task.cancel()\nawait asyncio.sleep(0)",
        fails=CANCELLED,  # Fixtures that wait at their yield are not among them.
    ),
    "swallows_its_cancellation": Fault(
        "asyncio.current_task().cancel()\n"
        "try:\n"
        "    await asyncio.sleep(0)\n"
        "except asyncio.CancelledError:\n"
        "    pass"
    ),
    "raises_cancelled_error": Fault("raise asyncio.CancelledError", fails=CANCELLED),
    "opens_a_task_group_and_leaves": Fault(
        "KEPT.append(asyncio.TaskGroup()); await KEPT[-1].__aenter__()"
    ),
    "opens_a_timeout_and_leaves": Fault(
        "KEPT.append(asyncio.timeout(0.001))\n"
        "await KEPT[-1].__aenter__()\n"
        "await asyncio.sleep(0.01)",
        fails=CANCELLED,
    ),
    "a_task_group_fails": Fault(
        "async with asyncio.TaskGroup() as group:\n"
        "    group.create_task(raises())\n"
        "    group.create_task(raises(Serious))",
        fails=r"(?s)BaseExceptionGroup.*ValueError.*Serious",
    ),
    "waits_for_ever": Fault(
        "await loop.create_future()", fails="deadlock: .* waits for something"
    ),
    "awaits_itself": Fault(
        "await asyncio.current_task()", fails="Task cannot await on itself"
    ),
    "awaits_a_future_of_another_loop": Fault(
        "await OTHER.create_future()", fails="attached to a different loop"
    ),
    "yields_what_is_no_future": Fault("await Rubbish()", fails="Task got bad yield: 1"),
    "recurses": Fault("recurses()", fails="RecursionError"),
    # -- exceptions --
    "system_exit": Fault("raise SystemExit(3)", fails="SystemExit: 3"),
    "base_exception": Fault("raise Serious", fails="Serious"),
    "generator_exit": Fault("raise GeneratorExit", fails="GeneratorExit"),
    "stop_iteration": Fault("next(iter([]))", fails="coroutine raised StopIteration"),
    "stop_async_iteration": Fault(
        "raise StopAsyncIteration",
        fails="async generator raised StopAsyncIteration",
        but={"call": ({"call": "StopAsyncIteration"}, "")},
    ),
    "exception_in_a_callback": Fault(
        "loop.call_soon(fail); await asyncio.sleep(0.001)",
        warns=f"{IN_CALLBACK}.*ValueError",
    ),
    "base_exception_in_a_callback": Fault(
        "loop.call_soon(fail, Serious); await asyncio.sleep(0.001)",
        warns=f"{IN_CALLBACK}.*Serious",
    ),
    "system_exit_in_a_callback": Fault(
        "loop.call_soon(fail, SystemExit); await asyncio.sleep(0.01)",
        fails="SystemExit",
    ),
    "exception_in_a_done_callback": Fault(
        "task = loop.create_task(asyncio.sleep(0))\n"
        "task.add_done_callback(fail)\n"
        "await task\n"
        "await asyncio.sleep(0)",
        warns=f"{IN_CALLBACK}.*ValueError",
    ),
    "exception_in_a_task": Fault(
        "KEPT.append(loop.create_task(raises())); await asyncio.sleep(0)",
        warns=f"{IN_TASK}.*coroutine raises.*ValueError",
    ),
    "base_exception_in_a_task": Fault(
        "KEPT.append(loop.create_task(raises(Serious))); await asyncio.sleep(0)",
        warns=f"{IN_TASK}.*coroutine raises.*Serious",
    ),
    "system_exit_in_a_task": Fault(
        "KEPT.append(loop.create_task(raises(SystemExit))); await asyncio.sleep(0.01)",
        fails="SystemExit",
    ),
    "exception_in_a_job": Fault(
        "await asyncio.wait([loop.run_in_executor(None, fail)])",
        warns=f"{UNHANDLED}.*exception was never retrieved.*ValueError",
    ),
    "exception_in_a_signal_handler": Fault(
        "signal.signal(signal.SIGUSR1, lambda *args: fail())\n"
        "os.kill(os.getpid(), signal.SIGUSR1)\n"
        "await asyncio.sleep(0.01)",
        fails="ValueError",
    ),
    # -- floods --
    "floods_the_loop": Fault(
        "for number in range(5000):\n"
        "    loop.call_soon(len, '')\n"
        "for number in range(1000):\n"
        "    loop.call_later(number / 1000, len, '')"
    ),
    "floods_the_loop_for_ever": Fault("FLOODS.append(1); again(loop)"),
    "floods_the_loop_with_tasks": Fault(
        "for number in range(500):\n    loop.create_task(asyncio.sleep(60))"
    ),
    # -- what is left behind --
    "leaves_a_task": Fault("KEPT.append(loop.create_task(asyncio.sleep(60)))"),
    "leaves_a_task_not_started": Fault("loop.create_task(asyncio.sleep(60))"),
    "leaves_a_task_that_fails_when_cancelled": Fault(
        "loop.create_task(fails_when_cancelled(), name=__name__); await asyncio.sleep(0)",
        warns="exception while a pending task was cancelled at the end of its event loop "
        r"\(task '{module}'",
        late=True,
    ),
    "leaves_a_task_that_starts_others": Fault(
        "loop.create_task(starts_another()); await asyncio.sleep(0)"
    ),
    "leaves_a_task_that_never_ends": Fault(
        "KEPT.append(loop.create_task(never_ends(), name=__name__))\n"
        "await asyncio.sleep(0)",
        warns="was closed with something still running in it.*task '{module}', coroutine "
        "never_ends, .* did not end when it was cancelled",
        late=True,
    ),
    "leaves_an_async_generator": Fault("KEPT.append(numbers()); await anext(KEPT[-1])"),
    "leaves_an_async_generator_that_fails": Fault(
        "KEPT.append(numbers(fail)); await anext(KEPT[-1])",
        warns="ValueError",
        late=True,
    ),
    "leaves_a_coroutine": Fault("KEPT.append(asyncio.sleep(0))"),
    "leaves_a_connection": Fault(
        "ours, theirs = socket.socketpair()\n"
        "KEPT.extend(await asyncio.open_connection(sock=ours))\n"
        "theirs.close()"
    ),
    "leaves_a_server": Fault(
        "KEPT.append(await asyncio.start_server(len, '127.0.0.1', 0))"
    ),
    "leaves_a_reader": Fault(
        "KEPT.extend(socket.socketpair()); loop.add_reader(KEPT[-1].fileno(), len, '')"
    ),
    "closes_a_registered_socket": Fault(
        "ours, theirs = socket.socketpair()\n"
        "loop.add_reader(ours.fileno(), len, '')\n"
        "ours.close()\n"
        "theirs.close()"
    ),
    "leaves_a_job": Fault("loop.run_in_executor(None, time.sleep, 0.05)"),
    # -- other threads and processes --
    "a_thread_calls_into_the_closed_loop": Fault("calls_later(loop)"),
    "a_thread_floods_the_loop": Fault("floods_from_a_thread(loop)"),
    "leaves_a_subprocess": Fault(
        "KEPT.append(await asyncio.create_subprocess_exec(sys.executable, '-ISc', ''))"
    ),
    "a_subprocess_exits_hard": Fault(
        "code = 'import os; os._exit(3)'\n"
        "process = await asyncio.create_subprocess_exec(sys.executable, '-ISc', code)\n"
        "assert await process.wait() == 3"
    ),
    "a_subprocess_exits": Fault(
        "code = 'raise SystemExit(3)'\n"
        "assert subprocess.run([sys.executable, '-ISc', code]).returncode == 3"
    ),
    "a_fork_exits_hard": Fault(
        "child = os.fork()\n"
        "if not child:\n"
        "    os._exit(3)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3"
    ),
    "a_process_exits_hard": Fault("assert in_a_child(os._exit, 3) == 3"),
    "a_process_exits": Fault("assert in_a_child(sys.exit, 3) == 3"),
    "a_process_fails": Fault("assert in_a_child(fail) == 1"),
    "a_process_runs_a_loop": Fault("assert in_a_child(runs_a_loop_of_its_own) == 0"),
    "a_process_of_a_pool_exits": Fault(
        "context = multiprocessing.get_context('fork')\n"
        "pool = concurrent.futures.ProcessPoolExecutor(1, mp_context=context)\n"
        "try:\n"
        "    with pytest.raises(concurrent.futures.BrokenExecutor):\n"
        "        await loop.run_in_executor(pool, os._exit, 3)\n"
        "finally:\n"
        "    pool.shutdown()"
    ),
    # -- the rest --
    "changes_the_default_executor": Fault(
        "loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(1))\n"
        "await asyncio.to_thread(len, '')"
    ),
    "shuts_the_default_executor_down": Fault(
        "await asyncio.to_thread(len, ''); await loop.shutdown_default_executor()",
        own_loop=True,
    ),
    "shuts_the_async_generators_down": Fault(
        "await loop.shutdown_asyncgens()", own_loop=True
    ),
    "traces": Fault("sys.settrace(lambda *args: None)"),
    "changes_the_trace_function_of_its_frame": Fault(
        "sys.settrace(sys.gettrace()); sys._getframe().f_trace = None"
    ),
    "replaces_create_task": Fault("asyncio.create_task = None"),
    "sets_async_generator_hooks": Fault("sys.set_asyncgen_hooks(len, len)"),
    "adds_a_signal_handler": Fault("loop.add_signal_handler(signal.SIGUSR1, len, '')"),
    "collects_garbage": Fault(
        "cycle = [raises()]; cycle.append(cycle); del cycle; gc.collect()"
    ),
}

SYNC_FAULTS = {
    "closes_the_loop": Fault(
        "asyncio.get_event_loop().close()",
        warns=CLOSED,
        but={
            "call function": ({"teardown": "its event loop is closed"}, CLOSED),
            # Nothing has run in it; the test gets another one.
            "set-up function": ({}, ""),
        },
    ),
    "stops_the_loop": Fault("asyncio.get_event_loop().stop()"),
    "asyncio_run": Fault("asyncio.run(asyncio.sleep(0))"),
    "asyncio_runner": Fault(
        "with asyncio.Runner() as runner:\n    runner.run(asyncio.sleep(0))"
    ),
    "asyncio_runner_left_open": Fault(
        "KEPT.append(asyncio.Runner()); KEPT[-1].get_loop()"
    ),
    "runs_the_loop": Fault(
        "asyncio.get_event_loop().run_until_complete(asyncio.sleep(0))"
    ),
    "runs_the_loop_and_fails": Fault(
        "asyncio.get_event_loop().run_until_complete(raises(Serious))", fails="Serious"
    ),
    "unsets_the_current_loop": Fault("asyncio.set_event_loop(None)"),
    "sets_another_current_loop": Fault("asyncio.set_event_loop(OTHER)"),
    "sets_a_closed_loop": Fault(
        "loop = asyncio.new_event_loop()\nloop.close()\nasyncio.set_event_loop(loop)"
    ),
    "replaces_the_policy": Fault(
        "with warnings.catch_warnings():\n"
        "    warnings.simplefilter('ignore')\n"
        "    asyncio.set_event_loop_policy(Policy())"
    ),
    "unsets_the_policy": Fault(
        "with warnings.catch_warnings():\n"
        "    warnings.simplefilter('ignore')\n"
        "    asyncio.set_event_loop_policy(None)"
    ),
    "leaves_a_callback": Fault(
        "asyncio.get_event_loop().call_soon(fail)", warns=f"{IN_CALLBACK}.*ValueError"
    ),
    "leaves_a_coroutine": Fault("KEPT.append(asyncio.sleep(0))"),
    "leaves_a_task": Fault("asyncio.get_event_loop().create_task(asyncio.sleep(60))"),
    "leaves_the_loop_running_in_a_thread": Fault("runs_in_a_thread()"),
    "system_exit": Fault("raise SystemExit(3)", fails="SystemExit: 3"),
    "base_exception": Fault("raise Serious", fails="Serious"),
    "makes_a_new_loop_current": Fault(
        "KEPT.append(asyncio.new_event_loop()); asyncio.set_event_loop(KEPT[-1])"
    ),
    "deletes_the_current_loop": Fault(
        "loop = asyncio.get_event_loop()\n"
        "asyncio.set_event_loop(None)\n"
        "del loop\n"
        "gc.collect()"
    ),
    "a_process_exits_hard": Fault("assert in_a_child(os._exit, 3) == 3"),
    "a_process_exits": Fault("assert in_a_child(sys.exit, 3) == 3"),
    "a_process_runs_a_loop": Fault("assert in_a_child(runs_a_loop_of_its_own) == 0"),
}

FAULTS: Final = {"async": ASYNC_FAULTS, "sync": SYNC_FAULTS}

HELPERS = """
import asyncio
import concurrent.futures
import gc
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings

import pytest
import pytest_asyncio

KEPT = []
FLOODS = []
OTHER = asyncio.new_event_loop()

class Serious(BaseException):
    pass

class Rubbish:
    def __await__(self):
        yield 1

def policy_base():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(asyncio, "DefaultEventLoopPolicy", object)

class Policy(policy_base()):
    pass

def fail(exception=ValueError, *args):
    if not isinstance(exception, type):
        exception = ValueError
    raise exception

async def raises(exception=ValueError):
    raise exception

async def fails_when_cancelled():
    try:
        await asyncio.sleep(60)
    finally:
        raise ValueError

async def starts_another():
    try:
        await asyncio.sleep(60)
    finally:
        KEPT.append(asyncio.ensure_future(asyncio.sleep(60)))

async def never_ends():
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass

async def numbers(at_the_end=len):
    try:
        yield 1
    finally:
        at_the_end("")

def again(loop):
    if FLOODS:
        loop.call_soon(again, loop)

def in_a_child(function, *args):
    child = multiprocessing.get_context("fork").Process(target=function, args=args)
    child.start()
    child.join()
    return child.exitcode

def runs_a_loop_of_its_own():
    asyncio.run(asyncio.sleep(0))

def recurses():
    recurses()

def calls_later(loop):
    def call():
        for _ in range(50):
            time.sleep(0.001)
            try:
                loop.call_soon_threadsafe(len, "")
            except RuntimeError:
                break

    threading.Thread(target=call).start()

def floods_from_a_thread(loop):
    def flood():
        end = time.monotonic() + 0.1
        while time.monotonic() < end:
            try:
                loop.call_soon_threadsafe(len, "")
            except RuntimeError:
                break

    threading.Thread(target=flood).start()

def runs_in_a_thread():
    loop = asyncio.get_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    time.sleep(0.01)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()

def restore():
    # What is not the loop's is for the next module to find as it was.
    KEPT.clear()
    FLOODS.clear()
    asyncio.create_task = CREATE_TASK
    sys.settrace(None)
    sys.set_asyncgen_hooks(None, None)
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)

CREATE_TASK = asyncio.create_task
"""

ASYNC_MODULE = """
async def fault():
    loop = asyncio.get_running_loop()
    BODY

@pytest_asyncio.fixture(loop_scope="SCOPE")
async def bad():
    if "WHERE" == "set-up":
        await fault()
    yield
    if "WHERE" == "tear-down":
        await fault()
"""

SYNC_MODULE = """
def fault():
    BODY

@pytest.fixture
def bad(event_loop):
    if "WHERE" == "set-up":
        fault()
    yield
    if "WHERE" == "tear-down":
        fault()
"""

TESTS = """
@pytest.mark.asyncio(loop_scope="SCOPE")
class TestIt:
    async def test_bad(self, bad, wider):
        if "WHERE" == "call":
            CALL

    async def test_after(self, wider):
        asyncio.create_task = CREATE_TASK
        loop = asyncio.get_running_loop()
        assert asyncio.get_event_loop() is loop
        assert loop is wider or "SCOPE" == "function"
        assert asyncio.current_task().get_name() == "test_after"
        await asyncio.sleep(0.001)
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))
        assert await asyncio.to_thread(lambda: 1) == 1

    def test_after_that(self, event_loop):
        assert asyncio.get_event_loop() is event_loop
        assert event_loop.run_until_complete(asyncio.sleep(0, 1)) == 1
"""

# In a conftest.py, since to pytest a fixture of package scope in a module is one of the session.
WIDER = """
import asyncio

import pytest_asyncio

@pytest_asyncio.fixture(scope="SCOPE")
async def wider():
    yield asyncio.get_running_loop()
    await asyncio.sleep(0)
"""

# The last module is where a session's loop ends.
LAST_MODULE = """
import pytest

@pytest.mark.asyncio
async def test_last():
    pass
"""

# Nothing is waited for as long as it is by default; the outcome is kept as data.
CONFTEST = """
import json

import pytest

from pytest_asyncio import diagnostics
from pytest_asyncio import shutdown

shutdown.GRACE = 0.2
diagnostics.RECHECK = 0.05

import faults

DIARY = open("diary.jsonl", "w", encoding="utf-8")

def note(**what):
    print(json.dumps(what), file=DIARY, flush=True)

def pytest_runtest_logstart(nodeid):
    note(test=nodeid, when="start")

def pytest_runtest_logreport(report):
    note(
        test=report.nodeid,
        when=report.when,
        outcome=report.outcome,
        text=report.longreprtext,
    )

def pytest_warning_recorded(warning_message, nodeid):
    note(test=nodeid, when="warning", outcome="", text=str(warning_message.message))

@pytest.fixture(scope="module", autouse=True)
def cleanly():
    yield
    faults.restore()

def pytest_unconfigure():
    DIARY.close()
    faults.OTHER.close()
"""


def module(kind: str, body: str, where: str, scope: str) -> str:
    """An inner module in which user code does something bad at one place."""
    if kind == "async":
        source = ASYNC_MODULE + TESTS.replace("CALL", "await fault()")
    else:
        # There is a loop to do harm to when a synchronous test is called.
        source = SYNC_MODULE + TESTS.replace("CALL", "fault()").replace(
            "async def test_bad(self, bad, wider):",
            "def test_bad(self, bad, wider, event_loop):",
        )
    source = source.replace("BODY", textwrap.indent(body, "    ").strip())
    source = source.replace("WHERE", where).replace("SCOPE", scope)
    return "from faults import *\n" + source


Note = dict[str, Any]


@final
class Diary:
    """What was reported, by the module of the fault."""

    def __init__(self, text: str) -> None:
        self._notes: dict[str, list[Note]] = {}
        self.last: str = ""
        """The test that was begun last."""
        for line in text.splitlines():
            note = json.loads(line)
            self.last = note["test"]
            if note["when"] != "start":
                name = note["test"].partition("/")[0]
                self._notes.setdefault(name, []).append(note)

    def failures(self, module: str, *tests: str) -> dict[str, str]:
        """Texts of the failures of tests by their phases."""
        return {
            note["when"]: note["text"]
            for note in self._of(module, *tests)
            if note["outcome"] not in ("passed", "")
        }

    def passed(self, module: str, test: str) -> bool:
        """Whether all three phases of a test have passed."""
        phases = [
            note["when"]
            for note in self._of(module, test)
            if note["outcome"] == "passed"
        ]
        return phases == ["setup", "call", "teardown"]

    def warnings(self, module: str, *tests: str) -> list[str]:
        """Texts of the warnings at tests."""
        return [
            note["text"]
            for note in self._of(module, *tests)
            if note["when"] == "warning"
        ]

    def texts(self, module: str) -> Iterator[str]:
        """All that was told."""
        for note in self._of(module):
            yield note["text"]

    def _of(self, module: str, *tests: str) -> Iterator[Note]:
        for note in self._notes.get(module, ()):
            if not tests or note["test"].rpartition("::")[2] in tests:
                yield note


def complaints(
    diary: Diary, name: str, fault: Fault, where: str, scope: str
) -> Iterator[str]:
    """What is wrong with the outcome of one module."""
    for test in ("test_after", "test_after_that"):
        if not diary.passed(name, test):
            yield f"{test} did not pass: {diary.failures(name, test)}"
    failures = diary.failures(name, "test_bad")
    fails, warns = fault.told(where, scope)
    if failures.keys() != fails.keys():
        yield f"failed in {sorted(failures)} and not in {sorted(fails)}: {failures}"
    for phase in failures.keys() & fails.keys():
        if not re.search(fails[phase], failures[phase]):
            yield f"the failure of {phase} does not say {fails[phase]!r}: {failures}"
    warnings = diary.warnings(name)
    if not warns and warnings:
        yield f"warns: {warnings}"
    if warns:
        told = warnings if fault.late else diary.warnings(name, "test_bad")
        if fault.late and scope == "session":
            told = warnings + diary.warnings("the_last")
        warns = warns.replace("{module}", rf"{name}\.test_it")
        if not any(re.search(warns, text, re.DOTALL) for text in told):
            yield f"no warning says {warns!r}: {warnings}"
        if not fault.late and warnings != told:
            yield f"warns at the wrong test: {warnings}"
    for text in diary.texts(name):
        # In the repr of a task there is the name of a file, too; that is asyncio's.
        if re.search(r"(?m)pytest_asyncio[/\\]\w+\.py(:\d+: (in|$)|\", line)", text):
            yield f"shows a frame of the plugin: {text}"


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("where", PHASES)
def test_the_next_test_is_not_harmed(
    run: Example, monkeypatch: pytest.MonkeyPatch, where: str, scope: str
) -> None:
    """After each of the faults, the next tests in its loop pass; it is told; nothing hangs.

    Each fault is a module of its own, in a package of its own. One process runs them all, so
    that what one of them breaks is found by those that come after it, too.
    """
    files = {"faults.py": HELPERS, "the_last/test_it.py": LAST_MODULE}
    faults: dict[str, Fault] = {}
    for kind, table in FAULTS.items():
        for title, fault in table.items():
            if fault.own_loop and scope != "function":
                continue
            # That a loop cannot wake up is certain as long as nothing was left in it. And what
            # is left in a session's loop is to be told at its end.
            first = title in ("waits_for_ever", "closes_the_loop")
            name = f"fault_{1 - first}_{kind}_{title}"
            faults[name] = fault
            files[f"{name}/__init__.py"] = ""
            files[f"{name}/conftest.py"] = WIDER.replace("SCOPE", scope)
            files[f"{name}/test_it.py"] = module(kind, fault.body, where, scope)
    arguments = (
        "-ppytest_asyncio.plugin",
        "--tb=short",
        "--assert=plain",
        "-pno:cacheprovider",
        "-Wignore",
        "-Wdefault::pytest_asyncio.PytestAsyncioWarning",
    )
    # The other plugins that are installed have nothing to do with it, and take their time.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    path = run.pytester.path / "diary.jsonl"
    try:
        result = run(
            "",
            *arguments,
            conftest=CONFTEST,
            files=files,
            subprocess=True,
            timeout=100,
        )
    except run.pytester.TimeoutExpired:
        last = Diary(path.read_text(encoding="utf-8")).last
        pytest.fail(f"{last} did not end", pytrace=False)
    diary = Diary(path.read_text(encoding="utf-8"))
    assert len(faults) > 90
    wrong = [
        f"{name}: {complaint}"
        for name, fault in faults.items()
        for complaint in complaints(diary, name, fault, where, scope)
    ]
    assert not wrong, "\n\n".join(wrong)
    assert diary.passed("the_last", "test_last")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "INTERNALERROR" not in result.stdout.str()
    counts = result.parseoutcomes()
    assert counts["passed"] + counts.get("failed", 0) >= 2 * len(faults)
