"""Fixtures that the test modules share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from collections.abc import Callable

from kvstore import Client
from kvstore import Pool
from kvstore import Server
import pytest


@pytest.fixture
async def server(unused_tcp_port: int) -> AsyncIterator[Server]:
    """A server of its own for each test."""
    async with Server("127.0.0.1", unused_tcp_port) as server:
        yield server


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    """A connection to that server."""
    client = await Client.connect(server.host, server.port)
    yield client
    await client.close()


@pytest.fixture(scope="session")
async def pool(unused_tcp_port_factory: Callable[[], int]) -> AsyncIterator[Pool]:
    """Connections to one server, opened once and shared by every test that asks."""
    async with Server("127.0.0.1", unused_tcp_port_factory()) as server:
        pool = await Pool.connect(server.host, server.port, size=3)
        yield pool
        await pool.close()
