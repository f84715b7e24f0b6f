"""Tests that share a pool of connections, opened once for the whole session.

Nothing says which event loop to use: the tests that request ``pool`` run in the loop
that it was opened in.
"""

from __future__ import annotations

import asyncio
from uuid import uuid4

from kvstore import Pool
import pytest


@pytest.fixture
def key() -> str:
    """A key that no other test uses, since the server is shared."""
    return uuid4().hex


async def test_connection_is_lent(pool: Pool, key: str) -> None:
    async with pool.client() as client:
        await client.set(key, "green")
        assert await client.get(key) == "green"


async def test_clients_wait_for_each_other(pool: Pool, key: str) -> None:
    async def wait() -> str | None:
        async with pool.client() as client:
            return await client.wait(key)

    async def set_value() -> None:
        async with pool.client() as client:
            await client.set(key, "green")

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        waiting = [group.create_task(wait()) for _ in range(2)]
        group.create_task(set_value())
    assert [task.result() for task in waiting] == ["green", "green"]


async def test_more_users_than_connections(pool: Pool, key: str) -> None:
    async def append(letter: str) -> None:
        async with pool.client() as client:
            await client.set(key + letter, letter)

    await asyncio.gather(*(append(letter) for letter in "abcdef"))

    async with pool.client() as client:
        stored = [await client.get(key + letter) for letter in "abcdef"]
    assert stored == list("abcdef")
