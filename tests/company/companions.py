"""The plugins and libraries that pytest-asyncio keeps company with, and suites that use both."""

from __future__ import annotations

from collections.abc import Mapping
import dataclasses
from typing import Final
from typing import final


@final
@dataclasses.dataclass(frozen=True, kw_only=True)
class Suite:
    """A small project, how it is run, and what has to come out."""

    source: str
    """A test module."""
    outcomes: Mapping[str, int]
    """Numbers of the last line that pytest writes."""
    conftest: str = ""
    files: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])
    arguments: tuple[str, ...] = ()
    mode: str = "auto"
    lines: tuple[str, ...] = ()
    """Patterns, as for `fnmatch`, of lines in the output, in this order."""


@final
@dataclasses.dataclass(frozen=True, kw_only=True)
class Companion:
    """Something that is used together with pytest-asyncio."""

    name: str
    """Of its distribution."""
    works: str
    """What works, in a sentence."""
    to_know: str = ""
    """What whoever uses both should know."""
    requires: tuple[str, ...] = ()
    """What else is installed."""
    title: str = ""
    """What the table calls it, if not by the name of the distribution."""
    suites: tuple[Suite, ...]


COMPANIONS: Final = (
    Companion(
        name="aioresponses",
        requires=("aiohttp<3.14",),
        works="Mocked responses for an aiohttp client session that a fixture holds open.",
        to_know="aioresponses 0.7.9 itself does not work with aiohttp 3.14.",
        suites=(
            Suite(
                source="""
import aiohttp
import pytest
from aioresponses import aioresponses


@pytest.fixture(scope="module")
async def session():
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def responses():
    with aioresponses() as responses:
        yield responses


@pytest.mark.parametrize("n", range(3))
async def test_get(session, responses, n):
    responses.get("http://example.org/", payload={"n": n})
    async with session.get("http://example.org/") as response:
        assert await response.json() == {"n": n}


async def test_context_manager(session):
    with aioresponses() as responses:
        responses.get("http://example.org/", body="hello")
        async with session.get("http://example.org/") as response:
            assert await response.text() == "hello"
""",
                outcomes={"passed": 4},
            ),
        ),
    ),
    Companion(
        name="anyio",
        requires=("trio",),
        works=(
            "Tests and fixtures of both plugins in one run, in both modes; AnyIO's task groups "
            "and cancel scopes across the `yield` of a wider fixture."
        ),
        to_know=(
            "A test with `pytest.mark.anyio` is AnyIO's, in auto mode too, and so are the plain "
            "async fixtures that it requests. A fixture made with `pytest_asyncio.fixture` is "
            "always set up by pytest-asyncio."
        ),
        suites=tuple(
            Suite(
                source="""
import asyncio
import anyio
import pytest
import pytest_asyncio
import sniffio


@pytest.fixture
def anyio_backend():
    return "trio"


@pytest.fixture
async def backend(anyio_backend):
    await anyio.sleep(0)
    yield sniffio.current_async_library()


@pytest.mark.anyio
async def test_of_anyio(backend):
    assert backend == "trio"


@pytest_asyncio.fixture(scope="module")
async def group():
    async with anyio.create_task_group() as group:
        with anyio.fail_after(60):
            yield group
            group.cancel_scope.cancel()


@pytest.mark.asyncio
@pytest.mark.parametrize("n", range(2))
async def test_of_asyncio(group, n):
    event = anyio.Event()

    async def happen():
        event.set()

    group.start_soon(happen)
    await event.wait()
    assert asyncio.current_task() is not None
""",
                outcomes={"passed": 3},
                mode=mode,
            )
            for mode in ("auto", "strict")
        ),
    ),
    Companion(
        name="flaky",
        works="`@flaky` on async tests: they run again, with new function-scoped fixtures.",
        suites=(
            Suite(
                source="""
import pytest
from flaky import flaky

runs = []


@pytest.fixture(scope="module")
async def module():
    yield object()


@pytest.fixture
async def function(module):
    yield object()


@flaky(max_runs=3)
async def test_it(module, function):
    runs.append(function)
    assert len(runs) == 3
    assert len(set(map(id, runs))) == len(runs)


async def test_after(module):
    assert len(runs) == 3
""",
                outcomes={"passed": 2},
            ),
        ),
    ),
    Companion(
        name="hypothesis",
        works="`@given` on async tests, with async fixtures.",
        to_know=(
            "Each example is a task of its own with a fresh copy of the context; tasks that an "
            "example leaves are cancelled before the next one. Function-scoped fixtures are set up "
            "once for all examples, hence Hypothesis' health check."
        ),
        suites=(
            Suite(
                source="""
import asyncio
import pytest
from hypothesis import given, strategies as st

tasks = set()


@pytest.fixture(scope="module")
async def loop():
    yield asyncio.get_running_loop()


@given(n=st.integers())
async def test_it(loop, n):
    await asyncio.sleep(0)
    assert asyncio.get_running_loop() is loop
    task = asyncio.current_task()
    assert task not in tasks
    tasks.add(task)


@given(n=st.integers())
async def test_failure(n):
    await asyncio.sleep(0)
    assert n < 10


def test_number_of_examples():
    assert len(tasks) > 50
""",
                outcomes={"passed": 2, "failed": 1},
                lines=("*test case: test_failure(*", "*n=10,*"),
            ),
        ),
    ),
    Companion(
        name="looptime",
        works="`@pytest.mark.looptime` on async tests: the time of the loop flies.",
        suites=(
            Suite(
                source="""
import asyncio
import time
import pytest


@pytest.mark.looptime(start=100)
async def test_fast(looptime):
    before = time.monotonic()
    assert asyncio.get_running_loop().time() == 100
    await asyncio.sleep(1000)
    assert looptime == 1100
    assert time.monotonic() - before < 100


async def test_ordinary():
    before = asyncio.get_running_loop().time()
    await asyncio.sleep(0.01)
    assert 0.01 <= asyncio.get_running_loop().time() - before < 100
""",
                arguments=("--looptime",),
                outcomes={"passed": 2},
            ),
        ),
    ),
    Companion(
        name="pyleak",
        works="`@pytest.mark.no_leaks` finds tasks, threads and blocking calls of async tests.",
        suites=(
            Suite(
                source="""
import asyncio
import time
import pytest


@pytest.fixture
async def fixture():
    async with asyncio.TaskGroup() as group:
        child = group.create_task(asyncio.Event().wait())
        yield
        child.cancel()


@pytest.mark.asyncio
@pytest.mark.no_leaks
async def test_clean(fixture):
    await asyncio.sleep(0)


@pytest.mark.asyncio
@pytest.mark.no_leaks(tasks=True)
async def test_leak():
    asyncio.get_running_loop().left = asyncio.create_task(asyncio.sleep(60))


@pytest.mark.asyncio
@pytest.mark.no_leaks(blocking=True)
async def test_blocking():
    time.sleep(0.5)


async def test_unmarked():
    asyncio.get_running_loop().left = asyncio.create_task(asyncio.sleep(60))
""",
                outcomes={"passed": 2, "failed": 2},
                lines=("*TaskLeakError*",),
            ),
        ),
    ),
    Companion(
        name="pytest-aiohttp",
        works="`aiohttp_client` and `aiohttp_server` in async tests and fixtures.",
        suites=(
            Suite(
                source="""
import asyncio
import pytest
from aiohttp import web


async def hello(request):
    return web.Response(text="hello")


@pytest.fixture
async def client(aiohttp_client):
    app = web.Application()
    app.router.add_get("/", hello)
    return await aiohttp_client(app)


@pytest.mark.parametrize("n", range(2))
async def test_client(client, n):
    response = await client.get("/")
    assert await response.text() == "hello"


async def test_server(aiohttp_server, aiohttp_client):
    server = await aiohttp_server(web.Application())
    client = await aiohttp_client(server)
    assert (await client.get("/")).status == 404
""",
                arguments=("-Werror::ResourceWarning",),
                outcomes={"passed": 3},
            ),
        ),
    ),
    Companion(
        name="pytest-bdd",
        works="Async fixtures in scenarios and steps.",
        to_know=(
            "pytest-bdd calls step functions and does not await them: write steps as synchronous "
            "functions, and run coroutines in them by `event_loop.run_until_complete()`."
        ),
        suites=(
            Suite(
                source="""
import asyncio
import pytest
from pytest_bdd import given, scenarios, then, when

scenarios("account.feature")


@pytest.fixture
async def account():
    account = {"loop": asyncio.get_running_loop(), "balance": 0}
    yield account
    assert asyncio.get_running_loop() is account["loop"]


async def change(account, amount):
    await asyncio.sleep(0)
    assert asyncio.get_running_loop() is account["loop"]
    account["balance"] += amount


@given("an account with 10 coins")
def full(account, event_loop):
    event_loop.run_until_complete(change(account, 10))


@when("3 coins are spent")
def spend(account, event_loop):
    event_loop.run_until_complete(change(account, -3))


@then("7 coins are left")
def left(account):
    assert account["balance"] == 7
""",
                files={
                    "account.feature": """
Feature: Account
    Scenario: Spending
        Given an account with 10 coins
        When 3 coins are spent
        Then 7 coins are left
"""
                },
                outcomes={"passed": 1},
            ),
        ),
    ),
    Companion(
        name="pytest-benchmark",
        works="The fixture `benchmark` in sync tests, with async fixtures and `event_loop`.",
        to_know=(
            "`benchmark` measures synchronous functions: in a sync test, have it call "
            "`event_loop.run_until_complete()`. One turn of the loop is part of the measurement."
        ),
        suites=(
            Suite(
                source="""
import asyncio
import pytest


@pytest.fixture(scope="module")
async def queue():
    yield asyncio.Queue()


async def put_and_get(queue):
    await queue.put(1)
    return await queue.get()


def test_coroutine(benchmark, event_loop, queue):
    result = benchmark(lambda: event_loop.run_until_complete(put_and_get(queue)))
    assert result == 1


async def test_function(benchmark):
    assert benchmark(sum, [1, 2]) == 3
""",
                arguments=("--benchmark-max-time=0.1", "--benchmark-min-rounds=2"),
                outcomes={"passed": 2},
                lines=("*test_coroutine*",),
            ),
        ),
    ),
    Companion(
        name="pytest-cov",
        works="Lines and branches of async code, with and without workers of pytest-xdist.",
        requires=("pytest-xdist",),
        suites=tuple(
            Suite(
                source="""
import asyncio
import pytest
import code_under_test as code


@pytest.fixture(scope="module")
async def connection():
    async with code.connect() as connection:
        yield connection


@pytest.mark.parametrize("n", range(4))
async def test_it(connection, n):
    assert await code.ask(connection, n) == ("even" if n % 2 == 0 else "odd")
""",
                files={
                    "code_under_test.py": """
import asyncio
import contextlib


@contextlib.asynccontextmanager
async def connect():
    async with asyncio.TaskGroup():
        yield object()
    await asyncio.sleep(0)


async def ask(connection, n):
    await asyncio.sleep(0)
    if n % 2:
        await asyncio.sleep(0)
        return "odd"
    return "even"
"""
                },
                arguments=("--cov=code_under_test", "--cov-branch", *more),
                outcomes={"passed": 4},
                lines=("code_under_test.py * 100%*",),
            )
            for more in ((), ("-n2",))
        ),
    ),
    Companion(
        name="pytest-httpx",
        works="`httpx_mock` for a client that a fixture holds open.",
        suites=(
            Suite(
                source="""
import httpx
import pytest


@pytest.fixture
async def client():
    async with httpx.AsyncClient() as client:
        yield client


@pytest.mark.parametrize("n", range(2))
async def test_get(httpx_mock, client, n):
    httpx_mock.add_response(url="http://example.org/", json={"n": n})
    response = await client.get("http://example.org/")
    assert response.json() == {"n": n}


async def test_unused(httpx_mock, client):
    httpx_mock.add_response(url="http://example.org/never")
""",
                outcomes={"passed": 3, "error": 1},
            ),
        ),
    ),
    Companion(
        name="pytest-mock",
        works="`mocker` and its kin of wider scope: patches, spies and `AsyncMock` in async tests.",
        suites=(
            Suite(
                source="""
import asyncio
import pytest


class Service:
    async def fetch(self):
        await asyncio.sleep(0)
        return "real"


@pytest.fixture
async def service(mocker):
    mocker.patch.object(asyncio, "sleep", autospec=True)
    yield Service()
    assert asyncio.sleep.await_count == 1


async def test_patch_of_a_fixture(service):
    assert await service.fetch() == "real"


async def test_patch_is_gone():
    assert not hasattr(asyncio.sleep, "await_count")


async def test_async_mock(mocker):
    mocker.patch.object(Service, "fetch", mocker.AsyncMock(return_value="mocked"))
    assert await Service().fetch() == "mocked"


async def test_spy(mocker):
    service = Service()
    spy = mocker.spy(service, "fetch")
    assert await service.fetch() == "real"
    assert spy.await_count == 1
    assert spy.spy_return == "real"


@pytest.fixture(scope="module")
async def wide(module_mocker):
    module_mocker.patch.object(Service, "fetch", return_value="wide")
    yield


async def test_wide(wide):
    assert await Service().fetch() == "wide"
""",
                outcomes={"passed": 5},
            ),
        ),
    ),
    Companion(
        name="pytest-randomly",
        works="Any order of tests; the loops are planned over all tests, whatever their order.",
        suites=tuple(
            Suite(
                source="""
import asyncio
import random
import pytest


@pytest.fixture(scope="session")
async def session():
    loop = asyncio.get_running_loop()
    yield loop
    assert asyncio.get_running_loop() is loop


@pytest.fixture(scope="class")
async def wide(session):
    assert asyncio.get_running_loop() is session
    yield session


@pytest.mark.parametrize("n", range(5))
class TestThem:
    async def test_wide(self, wide, n):
        assert asyncio.get_running_loop() is wide

    async def test_session(self, session, n):
        assert asyncio.get_running_loop() is session

    async def test_alone(self, n):
        await asyncio.sleep(0)

    def test_sync(self, n):
        random.random()
""",
                arguments=("-p", "randomly", f"--randomly-seed={seed}"),
                outcomes={"passed": 20},
            )
            for seed in (1, 2, 3)
        ),
    ),
    Companion(
        name="pytest-repeat",
        works="`--count` and `@pytest.mark.repeat` for async tests; wider fixtures are kept.",
        suites=(
            Suite(
                source="""
import asyncio
import pytest

seen = []


@pytest.fixture(scope="module")
async def loop():
    yield asyncio.get_running_loop()


@pytest.mark.repeat(3)
async def test_marked(loop):
    assert asyncio.get_running_loop() is loop
    seen.append(loop)


async def test_once_or_twice(loop):
    seen.append(loop)
    assert len(set(map(id, seen))) == 1
""",
                arguments=("--count=2",),
                outcomes={"passed": 5},
            ),
        ),
    ),
    Companion(
        name="pytest-rerunfailures",
        works=(
            "Async tests run again, with new function-scoped fixtures, and fixtures that had "
            "failed are set up again."
        ),
        suites=(
            Suite(
                source="""
import asyncio
import pytest

runs = []
set_ups = []


@pytest.fixture(scope="module")
async def module():
    set_ups.append("module")
    if len(set_ups) == 1:
        raise ConnectionError("not yet")
    yield asyncio.get_running_loop()


@pytest.fixture
async def function():
    set_ups.append("function")
    yield asyncio.get_running_loop()


@pytest.mark.flaky(reruns=3)
async def test_it(module, function):
    runs.append(1)
    assert asyncio.get_running_loop() is module is function
    assert len(runs) == 2


async def test_after(module):
    assert asyncio.get_running_loop() is module
    assert set_ups.count("function") == 2
""",
                outcomes={"passed": 2, "rerun": 2},
            ),
        ),
    ),
    Companion(
        name="pytest-subtests",
        requires=("pytest<9",),
        works="The fixture `subtests` in async tests.",
        to_know="Only for pytest 8; pytest 9 has subtests of its own.",
        suites=(
            Suite(
                source="""
import asyncio


async def test_it(subtests):
    for n in range(3):
        with subtests.test(n=n):
            await asyncio.sleep(0)
            assert n != 1
""",
                outcomes={"failed": 1, "passed": 1, "subtests passed": 2},
            ),
        ),
    ),
    Companion(
        name="pytest",
        title="subtests of pytest",
        works="The fixture `subtests` in async tests.",
        suites=(
            Suite(
                source="""
import asyncio


async def test_it(subtests):
    for n in range(3):
        with subtests.test(n=n):
            await asyncio.sleep(0)
            assert n != 1
""",
                outcomes={"failed": 2},
            ),
        ),
    ),
    Companion(
        name="pytest-timeout",
        works=(
            "A test that takes too long fails, with what its tasks were waiting for; its "
            "fixtures are torn down, and the next test runs."
        ),
        to_know=(
            "With the method `signal`, which is the default where there are signals. The method "
            "`thread` ends the whole process, as it does for synchronous tests."
        ),
        suites=(
            Suite(
                source="""
import asyncio
import pytest

events = []


@pytest.fixture
async def fixture():
    yield
    await asyncio.sleep(0)
    events.append("torn down")


@pytest.mark.timeout(0.2)
async def test_hangs(fixture):
    try:
        await asyncio.create_task(asyncio.sleep(60), name="sleepyhead")
    finally:
        events.append("cancelled")


@pytest.fixture
async def slow():
    await asyncio.sleep(60)
    yield


@pytest.mark.timeout(0.2)
async def test_of_slow_fixture(slow):
    pass


@pytest.mark.timeout(60)
async def test_after():
    assert events == ["cancelled", "torn down"]
""",
                outcomes={"passed": 1, "failed": 1, "error": 1},
                lines=("*Timeout*",),
            ),
        ),
    ),
    Companion(
        name="pytest-trio",
        works="Tests with `pytest.mark.trio` beside tests of ours, in one run, in both modes.",
        to_know="Its option `trio_mode` claims every async test: leave it off.",
        suites=tuple(
            Suite(
                source="""
import asyncio
import pytest
import pytest_asyncio
import trio


@pytest.fixture
async def number():
    await trio.sleep(0)
    yield 1


@pytest.mark.trio
async def test_of_trio(number, nursery):
    nursery.start_soon(trio.sleep, 0)
    assert number == 1


@pytest_asyncio.fixture
async def loop():
    yield asyncio.get_running_loop()


@pytest.mark.asyncio
async def test_of_asyncio(loop):
    assert asyncio.get_running_loop() is loop
""",
                outcomes={"passed": 2},
                mode=mode,
            )
            for mode in ("strict", "auto")
        ),
    ),
    Companion(
        name="pytest-xdist",
        works="Every mode of distribution; each worker plans its loops alike.",
        to_know=(
            "A worker is a session: session-scoped fixtures and loops exist once in each. The "
            "fixtures for unused ports hand out no port twice in all of them. With pytest 9.2, "
            "`--dist loadgroup` of pytest-xdist 3.8.0 itself keeps no groups together."
        ),
        suites=tuple(
            Suite(
                source="""
import asyncio
import pytest


@pytest.fixture(scope="session")
async def session():
    loop = asyncio.get_running_loop()
    yield loop
    assert asyncio.get_running_loop() is loop


@pytest.fixture(scope="module")
async def module(session):
    assert asyncio.get_running_loop() is session
    yield session


@pytest.mark.parametrize("n", range(10))
async def test_it(module, n, unused_tcp_port):
    assert asyncio.get_running_loop() is module
""",
                arguments=("-n2", f"--dist={distribution}"),
                outcomes={"passed": 20 if distribution == "each" else 10},
            )
            for distribution in (
                "load",
                "loadscope",
                "loadfile",
                "loadgroup",
                "worksteal",
                "each",
            )
        ),
    ),
    Companion(
        name="respx",
        works="`respx_mock`, `@respx.mock` and `respx.mock()` in async tests and fixtures.",
        suites=(
            Suite(
                source="""
import httpx
import pytest
import respx


@pytest.fixture
async def client():
    async with httpx.AsyncClient() as client:
        yield client


async def test_fixture(respx_mock, client):
    respx_mock.get("http://example.org/").respond(json=1)
    assert (await client.get("http://example.org/")).json() == 1


@respx.mock
async def test_decorator(client):
    respx.get("http://example.org/").respond(json=2)
    assert (await client.get("http://example.org/")).json() == 2


@pytest.fixture
async def mocked():
    async with respx.mock() as mock:
        mock.get("http://example.org/").respond(json=3)
        yield mock


async def test_context_manager(mocked, client):
    assert (await client.get("http://example.org/")).json() == 3
""",
                outcomes={"passed": 3},
            ),
        ),
    ),
    Companion(
        name="syrupy",
        works="`snapshot` in async tests and fixtures.",
        suites=(
            Suite(
                source="""
import asyncio
import pytest


@pytest.fixture
async def answer():
    await asyncio.sleep(0)
    return {"answer": 42}


async def test_it(snapshot, answer):
    await asyncio.sleep(0)
    assert answer == snapshot


async def test_wrong(snapshot):
    assert "something" == snapshot
""",
                files={
                    "__snapshots__/test_company.ambr": """\
# serializer version: 1
# name: test_it
  dict({
    'answer': 42,
  })
# ---
# name: test_wrong
  'something else'
# ---
"""
                },
                outcomes={"passed": 1, "failed": 1},
            ),
        ),
    ),
    Companion(
        name="uvloop",
        works=(
            "As the loop of all tests, through the hook `pytest_asyncio_loop_factories`, the "
            "fixture `event_loop_policy` or the fixture `event_loop`."
        ),
        suites=tuple(
            Suite(
                source="""
import asyncio
import pytest
import uvloop


@pytest.fixture(scope="module")
async def group():
    assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
    async with asyncio.TaskGroup() as group:
        yield group


@pytest.mark.parametrize("n", range(3))
async def test_it(group, n):
    loop = asyncio.get_running_loop()
    assert isinstance(loop, uvloop.Loop)
    await group.create_task(asyncio.sleep(0))
    assert await asyncio.to_thread(len, "abc") == 3


def test_sync(group):
    assert isinstance(asyncio.get_event_loop(), uvloop.Loop)
""",
                conftest=conftest,
                outcomes={"passed": 4},
            )
            for conftest in (
                """
import uvloop


def pytest_asyncio_loop_factories(config, item):
    return {"uvloop": uvloop.new_event_loop}
""",
                """
import pytest
import uvloop


@pytest.fixture(scope="session")
def event_loop_policy():
    return uvloop.EventLoopPolicy()
""",
                """
import pytest
import uvloop


@pytest.fixture(scope="module")
def event_loop():
    loop = uvloop.new_event_loop()
    yield loop
    loop.close()
""",
            )
        ),
    ),
)
"""The companions, by their names."""


EVERYTHING: Final = Suite(
    source="""
import asyncio
import sys

import pytest
import pytest_asyncio


@pytest.fixture(autouse=True)
async def kind_of_loop(expected_loop):
    assert type(asyncio.get_running_loop()).__module__.partition(".")[0] == expected_loop


@pytest_asyncio.fixture(scope="session")
async def session():
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        child = group.create_task(asyncio.Event().wait())
        yield loop
        child.cancel()
    assert asyncio.get_running_loop() is loop


@pytest_asyncio.fixture(scope="module", params=["a", "b"])
async def module(session, request):
    yield asyncio.get_running_loop()


@pytest_asyncio.fixture
async def function(session):
    return asyncio.get_running_loop()


async def test_shared(session, module, function):
    assert asyncio.get_running_loop() is session is module is function


async def test_generator():
    await asyncio.sleep(0)
    yield
    await asyncio.sleep(0)


def test_sync(session, event_loop):
    assert session is event_loop is asyncio.get_event_loop()
    assert event_loop.run_until_complete(asyncio.sleep(0, 1)) == 1


async def test_asked_for(request):
    assert await pytest_asyncio.getfixturevalue(request, "function")


@pytest.mark.asyncio(loop_scope="class")
class TestThem:
    loops = set()

    async def setup_method(self):
        await asyncio.sleep(0)
        self.loops.add(asyncio.get_running_loop())

    async def test_first(self):
        self.loops.add(asyncio.get_running_loop())

    async def test_second(self):
        self.loops.add(asyncio.get_running_loop())
        assert len(self.loops) == 1


async def test_subprocess():
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    assert await process.wait() == 0


async def test_server(unused_tcp_port):
    async def answer(reader, writer):
        writer.write(b"hello")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", unused_tcp_port):
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        assert await reader.read() == b"hello"
        writer.close()
        await writer.wait_closed()


async def test_executor():
    assert await asyncio.to_thread(len, "abc") == 3


async def test_skip_in_a_group():
    async with asyncio.TaskGroup():
        pytest.skip("because")


async def test_failure(function):
    await asyncio.sleep(0)
    assert not "equal"


@pytest.mark.asyncio(loop_scop="module")
async def test_mark():
    pass


async def fails():
    raise LookupError


async def test_unhandled():
    asyncio.get_running_loop().create_task(fails())
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_deadlock(expected_loop):
    if expected_loop == "uvloop":
        pytest.skip("uvloop has no selector to look at")
    await asyncio.Event().wait()
""",
    outcomes={},
)
"""A suite of everything that depends on the versions of Python, pytest and the loop."""
