"""The suite of the soak: tests and fixtures of all kinds, the same ones in every block.

A block is a package. What comes out of a test is told by its name: ``test_fails_…`` fails,
``test_errors_…`` has an error in its set-up, ``test_ends_badly_…`` one in its tear-down; the others
that do not pass say so by their marks.

There is no deadlock among them: uvloop brings in threads of its own that never end, and where there
are threads nothing is proven.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CONFTEST: Final = """
import asyncio
import contextvars
import os

import pytest

var = contextvars.ContextVar("var", default="nothing")


def pytest_configure(config):
    config.addinivalue_line("markers", "once: a slow test, which is not repeated")


def pytest_generate_tests(metafunc):
    metafunc.fixturenames.append("repetition")
    times = 1 if metafunc.definition.get_closest_marker("once") else int(os.environ["SOAK_TIMES"])
    metafunc.parametrize("repetition", range(times), ids=lambda n: f"r{n}")


@pytest.fixture(scope="session")
async def server(unused_tcp_port_factory):
    async def echo(reader, writer):
        try:
            while line := await reader.readline():
                writer.write(line)
                await writer.drain()
        finally:
            writer.close()

    port = unused_tcp_port_factory()
    async with await asyncio.start_server(echo, "127.0.0.1", port):
        yield port


@pytest.fixture(scope="session")
async def workers():
    async def work(queue):
        while True:
            future = await queue.get()
            if not future.done():
                future.set_result("done")

    queue = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work(queue)) for _ in range(2)]
        yield queue
        for task in tasks:
            task.cancel()


@pytest.fixture(scope="session")
def synchronous():
    return object()


@pytest.fixture
async def client(server):
    reader, writer = await asyncio.open_connection("127.0.0.1", server)
    yield reader, writer
    writer.close()
    await writer.wait_closed()
"""

PACKAGE_CONFTEST: Final = """
import asyncio
import pytest

@pytest.fixture(scope="package")
async def package(synchronous):
    task = asyncio.create_task(asyncio.sleep(3600))
    yield asyncio.get_running_loop()
    task.cancel()
"""

TESTS: Final = """
import asyncio
import functools

import pytest

def test_synchronous(synchronous):
    pass

@pytest.mark.parametrize("number", range(4))
async def test_nothing(number):
    await asyncio.sleep(0)

@pytest.mark.parametrize("number", [1, pytest.param(2, marks=pytest.mark.skip)])
async def test_marked_parameters(number):
    await asyncio.sleep(0)

async def test_timer():
    async with asyncio.timeout(10):
        await asyncio.sleep(0.0001)

async def test_task_group():
    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(asyncio.sleep(0))

async def test_generator():
    await asyncio.sleep(0)
    yield 1
    yield 2

def wrapped(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper

@wrapped
async def test_wrapped():
    await asyncio.sleep(0)

async def test_debug_mode():
    asyncio.get_running_loop().set_debug(True)
    await asyncio.create_task(asyncio.sleep(0))

@pytest.mark.asyncio(loop_scope="module")
async def test_loop_of_the_module():
    await asyncio.sleep(0)

@pytest.mark.asyncio(loop_scope="session")
async def test_loop_of_the_session():
    await asyncio.sleep(0)

async def test_skips():
    pytest.skip("in the middle")

@pytest.mark.skipif(True, reason="never")
async def test_skips_at_once():
    raise AssertionError

@pytest.mark.xfail
async def test_expected_to_fail():
    raise AssertionError

@pytest.mark.xfail(run=False)
async def test_expected_to_fail_not_run():
    raise AssertionError

async def test_xfails_by_itself():
    pytest.xfail("in the middle")

async def test_fails_assertion():
    await asyncio.sleep(0)
    assert not "equal"

async def test_fails_task_group():
    async def fail():
        raise LookupError
    async with asyncio.TaskGroup() as group:
        group.create_task(fail())
        await asyncio.sleep(3600)

async def test_skips_in_a_task_group():
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(3600))
        pytest.skip("in the middle")

async def test_fails_timeout():
    async with asyncio.timeout(0.001):
        await asyncio.sleep(3600)

async def test_fails_unhandled():
    async def fail():
        raise LookupError
    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    await asyncio.sleep(0)

async def test_fails_in_a_callback():
    def fail():
        raise LookupError
    asyncio.get_running_loop().call_soon(fail)
    await asyncio.sleep(0)

async def test_fails_stopped_loop():
    asyncio.get_running_loop().stop()
    await asyncio.sleep(3600)

async def test_fails_cancelled():
    asyncio.current_task().cancel()
    await asyncio.sleep(3600)

@pytest.mark.asyncio(loop_scop="module")
async def test_errors_wrong_marker():
    pass

async def test_errors_unknown_fixture(no_such_fixture):
    pass

async def test_leaked_tasks():
    async def left():
        await asyncio.Event().wait()
    async def cleans_up():
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
    for coroutine in (left, cleans_up):
        asyncio.create_task(coroutine())
    await asyncio.sleep(0)

async def test_leaked_timers():
    loop = asyncio.get_running_loop()
    for delay in (0.001, 3600):
        loop.call_later(delay, bytes, 1000)

async def test_leaked_generator():
    async def numbers():
        try:
            while True:
                yield 1
        finally:
            await asyncio.sleep(0)
    async for _ in numbers():
        break

@pytest.mark.parametrize("how", ["asyncio.run", "new loop", "no loop", "runner"])
def test_loops_by_hand(how):
    if how == "asyncio.run":
        asyncio.run(asyncio.sleep(0))
    elif how == "new loop":
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
    elif how == "runner":
        with asyncio.Runner() as runner:
            runner.run(asyncio.sleep(0))
    else:
        asyncio.set_event_loop(None)

def test_event_loop(event_loop):
    assert event_loop.run_until_complete(asyncio.sleep(0, "slept")) == "slept"

async def test_event_loop_itself(event_loop):
    assert event_loop is asyncio.get_running_loop()

@pytest.mark.filterwarnings("ignore::pytest_asyncio.PytestAsyncioLoopWarning")
def test_closes_the_loop(event_loop):
    event_loop.close()
"""

FIXTURES: Final = """
import asyncio
import contextlib

import pytest
import pytest_asyncio

from ..conftest import var

@pytest.fixture
async def coroutine():
    await asyncio.sleep(0)
    return asyncio.get_running_loop()

@pytest.fixture
async def generator(coroutine):
    token = var.set("generator")
    yield coroutine
    await asyncio.sleep(0)
    var.reset(token)

@pytest.fixture
async def group():
    async with asyncio.TaskGroup() as group:
        child = group.create_task(asyncio.sleep(3600))
        yield group
        child.cancel()

@pytest.fixture
async def limited():
    async with asyncio.timeout(60):
        yield

@pytest.fixture(scope="module", params=["one", "two"])
async def number(request, synchronous):
    yield request.param

@pytest_asyncio.fixture(scope="module")
def current(synchronous):
    yield asyncio.get_event_loop()

@pytest_asyncio.fixture(loop_scope="session")
async def elsewhere():
    loop = asyncio.get_running_loop()
    yield loop
    assert asyncio.get_running_loop() is loop

@pytest.fixture
def made(coroutine, event_loop):
    return event_loop.create_future()

@pytest.fixture
async def stack():
    async with contextlib.AsyncExitStack() as stack:
        yield stack

@pytest.fixture
async def breaks_at_first():
    raise LookupError
    yield

@pytest.fixture
async def breaks_at_last():
    yield
    raise LookupError

@pytest.fixture
async def yields_nothing():
    for _ in ():
        yield

@pytest.fixture
async def yields_twice():
    yield 1
    yield 2

@pytest.fixture(scope="module")
async def crashes():
    async with asyncio.TaskGroup() as group:
        yield group

async def test_coroutine(coroutine):
    assert coroutine is asyncio.get_running_loop()

async def test_generator(generator):
    assert generator is asyncio.get_running_loop()
    assert var.get() == "generator"
    var.set("test")

async def test_variable_is_reset():
    assert var.get() == "nothing"

async def test_all(generator, group, limited, package, current, made, stack, workers):
    future = asyncio.get_running_loop().create_future()
    workers.put_nowait(future)
    assert await future == "done"

def test_sync_with_async_fixtures(generator, package, event_loop):
    assert event_loop.run_until_complete(asyncio.sleep(0, 3)) == 3

async def test_parameters(number, package):
    await asyncio.sleep(0)

async def test_elsewhere(elsewhere):
    pass

@pytest.mark.asyncio(loop_scope="session")
async def test_there(elsewhere, workers):
    assert elsewhere is asyncio.get_running_loop()

async def test_asks(request):
    loop = await pytest_asyncio.getfixturevalue(request, "generator")
    assert loop is asyncio.get_running_loop()
    assert await pytest_asyncio.getfixturevalue(request, "limited") is None

async def test_server(client):
    reader, writer = client
    writer.write(b"hello\\n")
    assert await reader.readline() == b"hello\\n"

async def test_errors_first(breaks_at_first):
    pass

async def test_ends_badly_last(breaks_at_last):
    pass

async def test_errors_no_value(yields_nothing):
    pass

async def test_ends_badly_two_values(yields_twice):
    pass

async def test_both_badly_crash(crashes):
    async def crash():
        raise LookupError
    crashes.create_task(crash())
    await asyncio.sleep(3600)

async def test_fails_with_fixtures(generator, group, limited):
    raise LookupError

class TestClass:
    @pytest.fixture(scope="class")
    @classmethod
    async def its(cls):
        yield asyncio.get_running_loop()

    @pytest.fixture
    async def own(self, its):
        self.loop = its
        yield its
        del self.loop  # pytest keeps the instance of every test.

    async def test_own(self, own):
        assert self.loop is own is asyncio.get_running_loop()

    async def test_its(self, its):
        assert its is asyncio.get_running_loop()

    async def test_fails_in_a_class(self, its):
        raise LookupError

    @staticmethod
    async def test_static(its):
        assert its is asyncio.get_running_loop()

class TestSetUp:
    @classmethod
    async def setup_class(cls):
        cls.loop = asyncio.get_running_loop()

    @classmethod
    async def teardown_class(cls):
        del cls.loop

    async def setup_method(self):
        assert self.loop is asyncio.get_running_loop()

    async def teardown_method(self):
        await asyncio.sleep(0)

    async def test_it(self):
        assert self.loop is asyncio.get_running_loop()
"""

OUTSIDE: Final = """
import asyncio
import socket
import sys
import threading

import pytest

async def test_to_thread():
    assert await asyncio.to_thread(threading.get_ident) != threading.get_ident()

async def test_leaked_thread():
    asyncio.get_running_loop().run_in_executor(None, bytes)

async def test_call_from_thread():
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(future.set_result, 3))
    thread.start()
    assert await future == 3
    thread.join()

@pytest.mark.once
@pytest.mark.skipif(sys.platform == "win32", reason="there is no /bin/cat")
async def test_subprocess():
    process = await asyncio.create_subprocess_exec(
        "cat", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate(b"through a pipe")
    assert output == b"through a pipe"

async def test_tcp(unused_tcp_port):
    async def answer(reader, writer):
        writer.write(await reader.readline())
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", unused_tcp_port):
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        writer.write(b"hello\\n")
        assert await reader.read() == b"hello\\n"
        writer.close()
        await writer.wait_closed()

async def test_udp(unused_udp_port):
    loop = asyncio.get_running_loop()
    received = loop.create_future()

    class Protocol(asyncio.DatagramProtocol):
        def datagram_received(self, data, address):
            received.set_result(data)

    listening, _ = await loop.create_datagram_endpoint(
        Protocol, local_addr=("127.0.0.1", unused_udp_port)
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"hello", ("127.0.0.1", unused_udp_port))
        assert await received == b"hello"
    listening.close()

async def test_socket_pair():
    loop = asyncio.get_running_loop()
    one, other = socket.socketpair()
    with one, other:
        one.setblocking(False)
        other.setblocking(False)
        await loop.sock_sendall(one, b"hello")
        assert await loop.sock_recv(other, 5) == b"hello"

def test_ports(unused_tcp_port, unused_udp_port):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", unused_tcp_port))
"""

UNITTEST: Final = """
import asyncio
import unittest

class TestIsolated(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.loop = asyncio.get_running_loop()

    async def test_isolated(self):
        self.assertIs(asyncio.get_running_loop(), self.loop)

class TestPlain(unittest.TestCase):
    def test_plain(self):
        pass

    async def test_fails_never_awaited(self):
        pass
"""

# As suites for pytest-asyncio 0.21 have it.
EVENT_LOOP: Final = """
import asyncio

import pytest

@pytest.fixture{scope}
def event_loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()
"""
OVERRIDDEN: Final = """
import asyncio

import pytest

@pytest.fixture{wider}
async def fixture():
    yield asyncio.get_running_loop()

async def test_loop(event_loop, fixture):
    assert event_loop is fixture is asyncio.get_running_loop()

def test_sync(event_loop, fixture):
    assert event_loop is fixture
    event_loop.run_until_complete(asyncio.sleep(0))

async def test_alone():
    await asyncio.sleep(0)

async def test_fails_there(fixture):
    raise LookupError

@pytest.mark.asyncio(loop_scope="module")
async def test_another_loop():
    await asyncio.sleep(0)

class TestClass:
    @pytest.fixture
    async def its(self, fixture):
        yield fixture

    async def test_its(self, its):
        assert its is asyncio.get_running_loop()
"""

POLICY: Final = """
import asyncio

import pytest

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

@pytest.fixture(scope="module", params=[1, 2])
def event_loop_policy(request):
    class Policy(asyncio.DefaultEventLoopPolicy):
        pass

    return Policy()

@pytest.fixture(scope="module")
async def fixture():
    yield asyncio.get_running_loop()

async def test_policy(event_loop_policy):
    assert asyncio.get_event_loop_policy() is event_loop_policy

async def test_fixture(fixture):
    assert fixture is asyncio.get_running_loop()
"""

FACTORIES: Final = """
import asyncio

try:
    import uvloop
except ImportError:
    uvloop = None

def pytest_asyncio_loop_factories(config, item):
    factories = {"asyncio": asyncio.new_event_loop, "again": asyncio.SelectorEventLoop}
    if uvloop is not None:
        factories["uvloop"] = uvloop.new_event_loop
    return factories
"""

HYPOTHESIS: Final = """
import asyncio

import hypothesis
import pytest
from hypothesis import strategies

few = hypothesis.settings(
    max_examples=3,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)

@pytest.fixture
async def fixture():
    yield asyncio.get_running_loop()

@pytest.mark.once
@few
@hypothesis.given(number=strategies.integers())
async def test_examples(fixture, number):
    asyncio.create_task(asyncio.sleep(3600))
    assert fixture is asyncio.get_running_loop()

@pytest.mark.once
@few
@hypothesis.given(number=strategies.booleans())
async def test_fails_for_an_example(number):
    assert number is None
"""


def block(name: str, *, with_hypothesis: bool) -> Mapping[str, str]:
    """The files of a block, by their paths."""
    modules = {
        "test_tests": TESTS,
        "test_fixtures": FIXTURES,
        "test_outside": OUTSIDE,
        "test_unittest": UNITTEST,
        "test_policy": POLICY,
        "test_event_loop": overridden("function"),
        "test_event_loop_of_the_module": overridden("module"),
    }
    if with_hypothesis:
        modules["test_examples"] = HYPOTHESIS
    loops = {"conftest": FACTORIES, "test_tests": TESTS, "test_outside": OUTSIDE}
    package = {
        "conftest": EVENT_LOOP.format(scope='(scope="package")'),
        "test_event_loop": OVERRIDDEN.format(wider='(scope="package")'),
        "test_more": OVERRIDDEN.format(wider='(scope="module")'),
    }
    files = {
        "": {"conftest": PACKAGE_CONFTEST, **modules},
        "/loops": loops,
        "/old": package,
    }
    return {
        f"{name}{folder}/{module}.py": text
        for folder, texts in files.items()
        for module, text in {"__init__": "", **texts}.items()
    }


def overridden(scope: str) -> str:
    """A module that overrides ``event_loop``."""
    argument = f'(scope="{scope}")'
    return EVENT_LOOP.format(scope=argument) + OVERRIDDEN.format(wider=argument)
