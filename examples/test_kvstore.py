"""Tests of a server and its client; each test has a server of its own."""

from __future__ import annotations

import asyncio

from kvstore import Client
from kvstore import Server
from kvstore import Store
from kvstore import StoreError
import pytest


async def test_value_is_stored(client: Client) -> None:
    await client.set("colour", "green")
    assert await client.get("colour") == "green"


async def test_unknown_key_has_no_value(client: Client) -> None:
    assert await client.get("colour") is None


async def test_clients_see_the_same_values(server: Server, client: Client) -> None:
    other = await Client.connect(server.host, server.port)
    await other.set("colour", "green")
    assert await client.get("colour") == "green"
    await other.close()


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("two words", id="space"),
        pytest.param("naïve café", id="not-ascii"),
        pytest.param("x" * 10_000, id="long"),
    ],
)
async def test_value_comes_back_as_it_was(client: Client, value: str) -> None:
    await client.set("key", value)
    assert await client.get("key") == value


class TestWait:
    """A class of tests: its methods are coroutines, like the functions above."""

    async def test_value_that_is_there(self, client: Client) -> None:
        await client.set("door", "open")
        assert await client.wait("door") == "open"

    async def test_value_that_comes_later(self, server: Server, client: Client) -> None:
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            waiting = group.create_task(client.wait("door"))
            await asyncio.sleep(0)
            server.store.set("door", "open")
        assert waiting.result() == "open"

    async def test_value_that_never_comes(self, client: Client) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.wait("door")


class TestMistakes:
    @pytest.mark.parametrize("command", ["DROP everything", "SET key", "GET"])
    async def test_are_answered_with_a_reason(
        self, server: Server, command: str
    ) -> None:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(f"{command}\n".encode())
        assert (await reader.readline()).startswith(b"ERROR cannot make sense of")
        writer.close()
        await writer.wait_closed()

    async def test_raise_in_the_client(self, client: Client) -> None:
        with pytest.raises(StoreError, match="cannot make sense of SET"):
            await client.set("key", "")


def test_plain_functions_are_tests_as_ever() -> None:
    store = Store()
    store.set("colour", "green")
    assert store.get("colour") == "green"


def test_plain_function_with_async_fixtures(
    server: Server, event_loop: asyncio.AbstractEventLoop
) -> None:
    client = event_loop.run_until_complete(Client.connect(server.host, server.port))
    event_loop.run_until_complete(client.set("colour", "green"))
    event_loop.run_until_complete(client.close())
    assert server.store.get("colour") == "green"
