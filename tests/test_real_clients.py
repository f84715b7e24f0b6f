"""Real clients and servers, open across the yield of a fixture, over real sockets."""

from __future__ import annotations

import contextlib
import importlib

import pytest

from conftest import Example

# Runs in this process forget what they import, and aiohttp's compiled half does not bear a
# second import. What is imported here stays.
for name in ("aiohttp.web", "anyio", "httpx", "websockets", "uvloop"):
    with contextlib.suppress(ImportError):
        importlib.import_module(name)

SCOPES = ("function", "class", "module", "package", "session")

# How a scope is spelt for both generations: by the plan, and by explicit loop scopes.
LOOPS = ("planned", "explicit")

HEADER = """
import asyncio
import contextlib

import pytest
import pytest_asyncio

OPENED = []
"""

ASGI = """
import anyio
import httpx

class App:
    def __init__(self):
        self.state = None

    @contextlib.asynccontextmanager
    async def lifespan(self):
        # What servers and asgi-lifespan do: a task that runs the application's lifespan.
        to_app, from_app = asyncio.Queue(), asyncio.Queue()

        async def run():
            await self({"type": "lifespan"}, to_app.get, from_app.put)

        async with anyio.create_task_group() as group:
            group.start_soon(run)
            await to_app.put({"type": "lifespan.startup"})
            assert (await from_app.get())["type"] == "lifespan.startup.complete"
            try:
                yield self
            finally:
                await to_app.put({"type": "lifespan.shutdown"})
                assert (await from_app.get())["type"] == "lifespan.shutdown.complete"

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            assert (await receive())["type"] == "lifespan.startup"
            async with asyncio.TaskGroup() as group:
                self.state = group
                await send({"type": "lifespan.startup.complete"})
                assert (await receive())["type"] == "lifespan.shutdown"
                await send({"type": "lifespan.shutdown.complete"})
            self.state = None
            return
        body = b""
        while True:
            message = await receive()
            body += message["body"]
            if not message.get("more_body"):
                break
        # Work is done in the task group of the lifespan.
        await self.state.create_task(asyncio.sleep(0))
        headers = [(b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body.upper()})
"""

CLIENTS = {
    "anyio-task-group": (
        "anyio",
        """
import anyio

@pytest_asyncio.fixture(ARGUMENTS)
async def client(unused_tcp_port_factory):
    port = unused_tcp_port_factory()
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port)

    async def handle(stream):
        async with stream:
            async for chunk in stream:
                await stream.send(chunk.upper())

    async with anyio.create_task_group() as group:
        group.start_soon(listener.serve, handle)
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            OPENED.append(stream)
            yield stream
        group.cancel_scope.cancel()
    await listener.aclose()
""",
        """
    with anyio.fail_after(60):
        await client.send(b"hello")
        assert await client.receive() == b"HELLO"
""",
    ),
    "httpx-asgi": (
        "httpx",
        ASGI
        + """
@pytest_asyncio.fixture(ARGUMENTS)
async def app():
    app = App()
    async with app.lifespan():
        yield app
    assert app.state is None

@pytest_asyncio.fixture(ARGUMENTS)
async def client(app):
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        OPENED.append(client)
        yield client
    assert client.is_closed
""",
        """
    responses = await asyncio.gather(
        *(client.post("/", content=word) for word in ("hello", "world"))
    )
    assert [response.text for response in responses] == ["HELLO", "WORLD"]
""",
    ),
    "httpx-sockets": (
        "httpx",
        """
import httpx

async def answer(reader, writer):
    request = await reader.readuntil(b"\\r\\n\\r\\n")
    path = request.split()[1]
    writer.write(
        b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\nConnection: close\\r\\n\\r\\n%s"
        % (len(path), path)
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()

@pytest_asyncio.fixture(ARGUMENTS)
async def server(unused_tcp_port_factory):
    port = unused_tcp_port_factory()
    async with await asyncio.start_server(answer, "127.0.0.1", port):
        yield f"http://127.0.0.1:{port}"

@pytest_asyncio.fixture(ARGUMENTS)
async def client(server):
    async with httpx.AsyncClient(base_url=server, trust_env=False) as client:
        OPENED.append(client)
        yield client
""",
        """
    assert (await client.get("/hello")).text == "/hello"
""",
    ),
    "websockets": (
        "websockets",
        """
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

async def echo(websocket):
    async for message in websocket:
        await websocket.send(message.upper())

@pytest_asyncio.fixture(ARGUMENTS)
async def server(unused_tcp_port_factory):
    port = unused_tcp_port_factory()
    async with serve(echo, "127.0.0.1", port):
        yield f"ws://127.0.0.1:{port}"

@pytest_asyncio.fixture(ARGUMENTS)
async def client(server):
    async with connect(server, proxy=None) as client:
        OPENED.append(client)
        yield client
""",
        """
    async with asyncio.timeout(60):
        await client.send("hello")
        assert await client.recv() == "HELLO"
""",
    ),
    "aiohttp": (
        "aiohttp",
        """
import aiohttp
from aiohttp import web

async def answer(request):
    return web.Response(text=(await request.text()).upper())

async def chat(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(message.data.upper())
    return socket

async def background(app):
    async with asyncio.TaskGroup() as group:
        worker = group.create_task(asyncio.sleep(3600))
        yield
        worker.cancel()

@pytest_asyncio.fixture(ARGUMENTS)
async def server(unused_tcp_port_factory):
    app = web.Application()
    app.router.add_post("/", answer)
    app.router.add_get("/chat", chat)
    app.cleanup_ctx.append(background)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", unused_tcp_port_factory())
    await site.start()
    yield site.name
    await runner.cleanup()

@pytest_asyncio.fixture(ARGUMENTS)
async def client(server):
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(server, timeout=timeout) as client:
        OPENED.append(client)
        yield client
""",
        """
    async with client.post("/", data="hello") as response:
        assert await response.text() == "HELLO"
    async with client.ws_connect("/chat") as socket:
        await socket.send_str("hello")
        assert await socket.receive_str() == "HELLO"
""",
    ),
    "workers": (
        "asyncio",
        """
@pytest_asyncio.fixture(ARGUMENTS)
async def client():
    jobs = asyncio.Queue()

    async def work():
        while (job := await jobs.get()) is not None:
            word, answer = job
            await asyncio.sleep(0)
            answer.set_result(word.upper())

    async def ask(word):
        answer = asyncio.get_running_loop().create_future()
        await jobs.put((word, answer))
        return await answer

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        workers = [group.create_task(work()) for _ in range(3)]
        OPENED.append(workers)
        yield ask
        for _ in workers:
            await jobs.put(None)
    assert all(worker.done() for worker in workers)
""",
        """
    words = ["one", "two", "three", "four"]
    assert await asyncio.gather(*map(client, words)) == [w.upper() for w in words]
""",
    ),
}


def project(name: str, scope: str, loops: str) -> str:
    """A test module that uses a client in three tests."""
    module, fixtures, use = CLIENTS[name]
    pytest.importorskip(module)
    arguments = f'scope="{scope}"'
    mark = "@pytest.mark.asyncio"
    if loops == "explicit":
        arguments += f', loop_scope="{scope}"'
        mark += f'(loop_scope="{scope}")'
    method_body = use.replace("\n", "\n    ")
    return (
        HEADER
        + fixtures.replace("ARGUMENTS", arguments)
        + f"""
{mark}
class TestThem:
    async def test_one(self, client):
    {method_body}
    async def test_two(self, client):
    {method_body}
    async def test_in_a_child(self, client):
        async def use():
        {use.replace(chr(10), chr(10) + "        ")}
        async with asyncio.TaskGroup() as group:
            group.create_task(use())

def test_opened():
    assert len(OPENED) == {3 if scope == "function" else 1}
"""
    )


@pytest.mark.parametrize("loops", LOOPS)
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("name", CLIENTS)
def test_open_across_the_yield(run: Example, name: str, scope: str, loops: str) -> None:
    """A client and its server serve all tests of their scope, and close without a word."""
    result = run(project(name, scope, loops), "-Werror")
    result.assert_outcomes(passed=4)
    output = result.stdout.str() + result.stderr.str()
    for complaint in (
        "different task",
        "different loop",
        "never retrieved",
        "Unclosed",
    ):
        assert complaint not in output


@pytest.mark.parametrize("name", CLIENTS)
def test_on_uvloop(run: Example, name: str) -> None:
    """The same on uvloop."""
    pytest.importorskip("uvloop")
    result = run(
        project(name, "module", "planned"),
        "-Werror",
        conftest="""
        import uvloop

        def pytest_asyncio_loop_factories(config, item):
            return {"uvloop": uvloop.new_event_loop}
        """,
    )
    result.assert_outcomes(passed=4)


@pytest.mark.parametrize("name", CLIENTS)
def test_in_the_loop_of_an_event_loop_fixture(run: Example, name: str) -> None:
    """The same in the loop that the user's own ``event_loop`` fixture gives."""
    result = run(
        project(name, "session", "planned"),
        "-Werror",
        conftest="""
        import asyncio

        import pytest

        @pytest.fixture(scope="session")
        def event_loop():
            loop = asyncio.new_event_loop()
            yield loop
            loop.close()
        """,
    )
    result.assert_outcomes(passed=4)


@pytest.mark.parametrize("name", CLIENTS)
def test_asked_for_by_name(run: Example, name: str) -> None:
    """The same with the fixture asked for while the loop runs."""
    source = project(name, "function", "planned").replace(
        "self, client):\n",
        "self, request):\n"
        '        client = await pytest_asyncio.getfixturevalue(request, "client")\n',
    )
    assert source.count("getfixturevalue") == 3
    result = run(source, "-Werror")
    result.assert_outcomes(passed=4)


def test_a_server_that_breaks_under_its_client(run: Example) -> None:
    """A server whose handler takes its task group down fails the test that was waiting."""
    pytest.importorskip("anyio")
    result = run(
        """
        import anyio
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="session")
        async def server(unused_tcp_port_factory):
            port = unused_tcp_port_factory()
            listener = await anyio.create_tcp_listener(
                local_host="127.0.0.1", local_port=port
            )

            async def handle(stream):
                async with stream:
                    data = await stream.receive()
                    if data == b"break":
                        raise RuntimeError("the handler broke")
                    await stream.send(data)

            async with listener, anyio.create_task_group() as group:
                group.start_soon(listener.serve, handle)
                yield port
                group.cancel_scope.cancel()

        async def ask(port, data):
            async with await anyio.connect_tcp("127.0.0.1", port) as stream:
                await stream.send(data)
                return await stream.receive()

        async def test_first(server):
            assert await ask(server, b"hello") == b"hello"

        async def test_broken(server):
            try:
                await ask(server, b"break")
            except anyio.EndOfStream:
                await anyio.sleep(60)

        async def test_next(server):
            assert await ask(server, b"hello") == b"hello"
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=2, failed=1, errors=1)
    result.stdout.fnmatch_lines(["*RuntimeError: the handler broke"])
    result.stdout.fnmatch_lines(
        ["*'server' crashed while test_example.py::test_broken was running*"]
    )
    assert "pytest_asyncio/" not in result.stdout.str().replace("\\", "/")
