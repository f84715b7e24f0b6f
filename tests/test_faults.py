"""User code does every bad thing to its loop; the test after it is not harmed."""

from __future__ import annotations

import textwrap

import pytest

from conftest import Example

SCOPES = ("function", "class", "module", "package", "session")

# What user code does. Each is the body of an async function, or of a synchronous one where
# that is what does the harm; ``loop`` is the running loop, or the current one.
ASYNC_FAULTS = {
    "closes_the_loop_soon": "loop.call_soon(close_when_stopped, loop)",
    "stops_the_loop": "loop.stop(); await asyncio.sleep(0.01)",
    "stops_the_loop_soon": "loop.call_later(0.001, loop.stop); await asyncio.sleep(0.05)",
    "closes_the_running_loop": "loop.close()",
    "cancels_its_own_task": "asyncio.current_task().cancel(); await asyncio.sleep(0)",
    "cancels_its_own_task_at_the_end": "asyncio.current_task().cancel()",
    "cancels_all_tasks": (
        "for task in asyncio.all_tasks():\n    task.cancel()\nawait asyncio.sleep(0)"
    ),
    "swallows_its_cancellation": (
        "asyncio.current_task().cancel()\n"
        "try:\n"
        "    await asyncio.sleep(0)\n"
        "except asyncio.CancelledError:\n"
        "    pass"
    ),
    "raises_cancelled_error": "raise asyncio.CancelledError",
    "asyncio_run": "asyncio.run(asyncio.sleep(0))",
    "runs_its_own_loop": "loop.run_until_complete(asyncio.sleep(0))",
    "runs_another_loop": (
        "other = asyncio.new_event_loop()\n"
        "try:\n"
        "    other.run_until_complete(asyncio.sleep(0))\n"
        "finally:\n"
        "    other.close()"
    ),
    "unsets_the_current_loop": "asyncio.set_event_loop(None)",
    "sets_another_current_loop": "asyncio.set_event_loop(OTHER)",
    "unsets_the_running_loop": "asyncio._set_running_loop(None)",
    "sets_another_running_loop": "asyncio._set_running_loop(OTHER)",
    "exception_in_a_callback": "loop.call_soon(fail); await asyncio.sleep(0.001)",
    "base_exception_in_a_callback": (
        "loop.call_soon(fail, Serious); await asyncio.sleep(0.001)"
    ),
    "system_exit_in_a_callback": (
        "loop.call_soon(fail, SystemExit); await asyncio.sleep(0.01)"
    ),
    "system_exit": "raise SystemExit(3)",
    "base_exception": "raise Serious",
    "generator_exit": "raise GeneratorExit",
    "stop_iteration": "next(iter([]))",
    "stop_async_iteration": "raise StopAsyncIteration",
    "exception_in_a_task": "KEPT.append(loop.create_task(raises())); await asyncio.sleep(0)",
    "base_exception_in_a_task": (
        "KEPT.append(loop.create_task(raises(Serious))); await asyncio.sleep(0)"
    ),
    "system_exit_in_a_task": (
        "KEPT.append(loop.create_task(raises(SystemExit))); await asyncio.sleep(0.01)"
    ),
    "exception_in_a_done_callback": (
        "task = loop.create_task(asyncio.sleep(0))\n"
        "task.add_done_callback(fail)\n"
        "await task\n"
        "await asyncio.sleep(0)"
    ),
    "floods_the_loop": (
        "for number in range(20000):\n"
        "    loop.call_soon(len, '')\n"
        "for number in range(2000):\n"
        "    loop.call_later(number / 1000, len, '')"
    ),
    "floods_the_loop_for_ever": "loop.call_soon(again, loop)",
    "floods_the_loop_with_tasks": (
        "for number in range(2000):\n    loop.create_task(asyncio.sleep(60))"
    ),
    "leaves_a_task": "KEPT.append(loop.create_task(asyncio.sleep(60)))",
    "leaves_a_task_not_started": "loop.create_task(asyncio.sleep(60))",
    "leaves_a_task_that_fails_when_cancelled": (
        "loop.create_task(fails_when_cancelled()); await asyncio.sleep(0)"
    ),
    "leaves_a_task_that_starts_others": (
        "loop.create_task(starts_another()); await asyncio.sleep(0)"
    ),
    "leaves_a_task_that_never_ends": (
        "KEPT.append(loop.create_task(never_ends())); await asyncio.sleep(0)"
    ),
    "leaves_an_async_generator": "KEPT.append(numbers()); await anext(KEPT[-1])",
    "leaves_an_async_generator_that_fails": (
        "KEPT.append(numbers(fail)); await anext(KEPT[-1])"
    ),
    "leaves_a_coroutine": "KEPT.append(asyncio.sleep(0))",
    "leaves_a_connection": (
        "ours, theirs = socket.socketpair()\n"
        "KEPT.extend(await asyncio.open_connection(sock=ours))\n"
        "theirs.close()"
    ),
    "leaves_a_server": ("KEPT.append(await asyncio.start_server(len, '127.0.0.1', 0))"),
    "leaves_a_reader": (
        "KEPT.extend(socket.socketpair()); loop.add_reader(KEPT[-1].fileno(), len, '')"
    ),
    "closes_a_registered_socket": (
        "ours, theirs = socket.socketpair()\n"
        "loop.add_reader(ours.fileno(), len, '')\n"
        "ours.close()\n"
        "theirs.close()"
    ),
    "leaves_a_subprocess": (
        "KEPT.append(await asyncio.create_subprocess_exec(sys.executable, '-c', ''))"
    ),
    "a_child_exits_hard": (
        "code = 'import os; os._exit(3)'\n"
        "process = await asyncio.create_subprocess_exec(sys.executable, '-c', code)\n"
        "assert await process.wait() == 3"
    ),
    "leaves_a_job": "loop.run_in_executor(None, time.sleep, 0.05)",
    "a_thread_calls_into_the_closed_loop": "calls_later(loop)",
    "a_thread_floods_the_loop": "floods_from_a_thread(loop)",
    "changes_the_task_factory": "loop.set_task_factory(lambda *args, **options: 1 / 0)",
    "removes_the_task_factory": "loop.set_task_factory(None)",
    "changes_the_exception_handler": (
        "loop.set_exception_handler(fail); loop.call_soon(fail); await asyncio.sleep(0)"
    ),
    "changes_the_debug_mode": "loop.set_debug(True); time.sleep(0.11)",
    "changes_the_default_executor": (
        "loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(1))\n"
        "await asyncio.to_thread(len, '')"
    ),
    "shuts_the_default_executor_down": (
        "await asyncio.to_thread(len, ''); await loop.shutdown_default_executor()"
    ),
    "shuts_the_async_generators_down": "await loop.shutdown_asyncgens()",
    "traces": "sys.settrace(lambda *args: None)",
    "changes_the_trace_function_of_its_frame": (
        "sys.settrace(sys.gettrace()); sys._getframe().f_trace = None"
    ),
    "replaces_methods_of_the_loop": (
        "loop.create_task = loop.call_exception_handler = loop.time = None"
    ),
    "replaces_create_task": "asyncio.create_task = None",
    "sets_async_generator_hooks": "sys.set_asyncgen_hooks(len, len)",
    "adds_a_signal_handler": "loop.add_signal_handler(signal.SIGUSR1, len, '')",
    "collects_garbage": (
        "cycle = [raises()]; cycle.append(cycle); del cycle; gc.collect()"
    ),
    "recurses": "recurses()",
    "opens_a_task_group_and_leaves": (
        "KEPT.append(asyncio.TaskGroup()); await KEPT[-1].__aenter__()"
    ),
    "opens_a_timeout_and_leaves": (
        "KEPT.append(asyncio.timeout(0.001))\n"
        "await KEPT[-1].__aenter__()\n"
        "await asyncio.sleep(0.01)"
    ),
    "a_task_group_fails": (
        "async with asyncio.TaskGroup() as group:\n"
        "    group.create_task(raises())\n"
        "    group.create_task(raises(Serious))"
    ),
    "waits_for_ever": "await loop.create_future()",
    "awaits_itself": "await asyncio.current_task()",
    "awaits_a_future_of_another_loop": "await OTHER.create_future()",
    "yields_what_is_no_future": "await Rubbish()",
}

# What a loop that tests share keeps is theirs to agree on, as long as it can be run.
OF_THE_LOOP = {
    "changes_the_task_factory",
    "replaces_methods_of_the_loop",
    "shuts_the_default_executor_down",
    "shuts_the_async_generators_down",
}

# A session's loop has timers from all the modules before: it may wake up at any time.
PROVABLE = {"waits_for_ever"}

SYNC_FAULTS = {
    "closes_the_loop": "asyncio.get_event_loop().close()",
    "stops_the_loop": "asyncio.get_event_loop().stop()",
    "asyncio_run": "asyncio.run(asyncio.sleep(0))",
    "asyncio_runner": (
        "with asyncio.Runner() as runner:\n    runner.run(asyncio.sleep(0))"
    ),
    "asyncio_runner_left_open": "KEPT.append(asyncio.Runner()); KEPT[-1].get_loop()",
    "runs_the_loop": "asyncio.get_event_loop().run_until_complete(asyncio.sleep(0))",
    "runs_the_loop_and_fails": (
        "asyncio.get_event_loop().run_until_complete(raises(Serious))"
    ),
    "unsets_the_current_loop": "asyncio.set_event_loop(None)",
    "sets_another_current_loop": "asyncio.set_event_loop(OTHER)",
    "sets_a_closed_loop": (
        "loop = asyncio.new_event_loop()\nloop.close()\nasyncio.set_event_loop(loop)"
    ),
    "replaces_the_policy": (
        "with warnings.catch_warnings():\n"
        "    warnings.simplefilter('ignore')\n"
        "    asyncio.set_event_loop_policy(Policy())"
    ),
    "unsets_the_policy": (
        "with warnings.catch_warnings():\n"
        "    warnings.simplefilter('ignore')\n"
        "    asyncio.set_event_loop_policy(None)"
    ),
    "leaves_a_callback": "asyncio.get_event_loop().call_soon(fail)",
    "leaves_a_coroutine": "KEPT.append(asyncio.sleep(0))",
    "leaves_a_task": "asyncio.get_event_loop().create_task(asyncio.sleep(60))",
    "leaves_the_loop_running_in_a_thread": "runs_in_a_thread()",
    "system_exit": "raise SystemExit(3)",
    "base_exception": "raise Serious",
    "makes_a_new_loop_and_deletes_it": "asyncio.set_event_loop(asyncio.new_event_loop())",
    "deletes_the_current_loop": (
        "loop = asyncio.get_event_loop()\n"
        "asyncio.set_event_loop(None)\n"
        "del loop\n"
        "gc.collect()"
    ),
}

HELPERS = """
import asyncio
import concurrent.futures
import gc
import signal
import socket
import sys
import threading
import time
import warnings

import pytest
import pytest_asyncio

KEPT = []
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
    loop.call_soon(again, loop)

def close_when_stopped(loop):
    loop.stop()
    loop.call_soon(loop.close)

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
    asyncio.create_task = CREATE_TASK
    sys.settrace(None)
    sys.set_asyncgen_hooks(None, None)
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)

CREATE_TASK = asyncio.create_task

@pytest.fixture(scope="module", autouse=True)
def cleanly():
    yield
    restore()
    OTHER.close()
    KEPT.clear()
"""

# Where the fault happens: before the yield of a fixture, in the test, or after the yield.
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
        # To pytest, a fixture of package scope in a module is one of the session.
        assert loop is wider or "SCOPE" in ("function", "package")
        assert asyncio.current_task().get_name() == "test_after"
        await asyncio.sleep(0.001)
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))
        assert await asyncio.to_thread(lambda: 1) == 1

    def test_after_that(self, event_loop):
        assert asyncio.get_event_loop() is event_loop
        assert event_loop.run_until_complete(asyncio.sleep(0, 1)) == 1

@pytest_asyncio.fixture(scope="SCOPE")
async def wider():
    yield asyncio.get_running_loop()
    await asyncio.sleep(0)
"""

CONFTEST = """
def pytest_configure():
    from pytest_asyncio import diagnostics
    from pytest_asyncio import runner

    runner.GRACE = 0.05
    diagnostics.RECHECK = 0.05
"""


def module(kind: str, body: str, where: str, scope: str) -> str:
    """An inner module in which user code does something bad at one place."""
    body = textwrap.indent(body, "    ").strip()
    if kind == "async":
        source = ASYNC_MODULE + TESTS.replace("CALL", "await fault()")
    else:
        source = SYNC_MODULE + TESTS.replace("CALL", "pass")
        # There is a loop to do harm to when a synchronous test is called.
        source = source.replace(
            "async def test_bad(self, bad, wider):\n",
            "def test_bad(self, bad, wider, event_loop):\n",
        ).replace("            pass\n", "            fault()\n")
    source = source.replace("BODY", body)
    return HELPERS + source.replace("WHERE", where).replace("SCOPE", scope)


FAULTS = {"async": ASYNC_FAULTS, "sync": SYNC_FAULTS}

# Class and package differ from the others in who the loop belongs to, and in nothing else.
COMBINATIONS = [
    (kind, scope, where)
    for kind in FAULTS
    for scope in SCOPES
    for where in ("set-up", "call", "tear-down")
    if where == "call" or scope in ("function", "module", "session")
]


@pytest.mark.parametrize(("kind", "scope", "where"), COMBINATIONS)
def test_the_next_test_is_not_harmed(
    run: Example, kind: str, scope: str, where: str
) -> None:
    """After each of the faults, the next tests in the same loop scope pass; nothing hangs.

    Each fault is a module of its own, in a package of its own, in a process for all of them.
    """
    files: dict[str, str] = {}
    faults = FAULTS[kind]
    for name, body in faults.items():
        if name in OF_THE_LOOP and scope != "function":
            continue
        if name in PROVABLE and scope == "session":
            continue
        files[f"{name}/__init__.py"] = ""
        files[f"{name}/test_{name}.py"] = module(kind, body, where, scope)
    result = run(
        "",
        "-rpfEsxX",
        "--tb=short",
        "-pno:cacheprovider",
        "-Wignore",
        conftest=CONFTEST,
        files=files,
        subprocess=True,
        timeout=110,
    )
    passed = {
        line.removeprefix("PASSED ").strip()
        for line in result.stdout.lines
        if line.startswith("PASSED ")
    }
    expected = {
        f"{name}/test_{name}.py::TestIt::{test}"
        for name in {path.partition("/")[0] for path in files}
        for test in ("test_after", "test_after_that")
    }
    assert expected - passed == set()
    assert "INTERNALERROR" not in result.stdout.str()
    assert "test_after" not in "".join(
        line for line in result.stdout.lines if line.startswith(("ERROR ", "FAILED "))
    )
