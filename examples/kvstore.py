"""A key-value store, served over TCP: one command per line, one line in reply.

====================  ==========================================================
``SET key value``     ``OK``
``GET key``           ``VALUE value``, or ``NONE`` where there is no such key
``WAIT key``          ``VALUE value``, as soon as somebody has set the key
anything else         ``ERROR`` and a reason
====================  ==========================================================
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self


class StoreError(Exception):
    """The server did not understand a command."""


class Store:
    """The values, and whoever waits for one."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._is_set: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def get(self, key: str) -> str | None:
        """Return the value of the key, or None."""
        return self._values.get(key)

    def set(self, key: str, value: str) -> None:
        """Store the value and wake whoever waits for the key."""
        self._values[key] = value
        self._is_set[key].set()

    async def wait(self, key: str) -> str:
        """Return the value of the key once it has one."""
        await self._is_set[key].wait()
        return self._values[key]


class Server:
    """Serves one store to any number of clients."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.store = Store()
        self._listener: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._accept, self.host, self.port)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._listener is not None
        self._listener.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._listener.wait_closed()

    def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        connection = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while line := await reader.readline():
                writer.write(f"{await self._answer(line.decode())}\n".encode())
                await writer.drain()
        except ConnectionError:
            pass  # The client has gone: there is nobody to tell.
        finally:
            writer.close()

    async def _answer(self, line: str) -> str:
        match line.split(maxsplit=2):
            case ["SET", key, value]:
                self.store.set(key, value.rstrip("\n"))
                return "OK"
            case ["GET", key]:
                stored = self.store.get(key)
                return "NONE" if stored is None else f"VALUE {stored}"
            case ["WAIT", key]:
                return f"VALUE {await self.store.wait(key)}"
            case [command, *_]:
                return f"ERROR cannot make sense of {command}"
            case _:
                return "ERROR empty line"


class Client:
    """One connection to a server; answers come in the order of the commands."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._lock = asyncio.Lock()

    @classmethod
    async def connect(cls, host: str, port: int) -> Client:
        """Open a connection."""
        return cls(*await asyncio.open_connection(host, port))

    async def close(self) -> None:
        """Close the connection."""
        self._writer.close()
        await self._writer.wait_closed()

    async def set(self, key: str, value: str) -> None:
        """Store a value."""
        await self._ask(f"SET {key} {value}")

    async def get(self, key: str) -> str | None:
        """Return the value of the key, or None."""
        return await self._ask(f"GET {key}")

    async def wait(self, key: str) -> str | None:
        """Return the value of the key once somebody has set it."""
        return await self._ask(f"WAIT {key}")

    async def _ask(self, command: str) -> str | None:
        async with self._lock:
            self._writer.write(f"{command}\n".encode())
            await self._writer.drain()
            line = (await self._reader.readline()).decode()
        if not line:
            raise ConnectionError("the server has closed the connection")
        status, _, rest = line.rstrip("\n").partition(" ")
        if status == "ERROR":
            raise StoreError(rest)
        return rest if status == "VALUE" else None


class Pool:
    """A few open connections, lent to whoever needs one."""

    def __init__(self, clients: list[Client]) -> None:
        self._clients = clients
        self._free: asyncio.Queue[Client] = asyncio.Queue()
        for client in clients:
            self._free.put_nowait(client)

    @classmethod
    async def connect(cls, host: str, port: int, *, size: int) -> Pool:
        """Open ``size`` connections."""
        return cls([await Client.connect(host, port) for _ in range(size)])

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients:
            await client.close()

    @asynccontextmanager
    async def client(self) -> AsyncGenerator[Client, None]:
        """Lend a connection; wait for one where all are lent."""
        client = await self._free.get()
        try:
            yield client
        finally:
            self._free.put_nowait(client)
