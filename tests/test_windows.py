"""What is different with the loops of Windows. All of it holds elsewhere, too."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from typing import Any

import pytest

from pytest_asyncio.windows import is_accepting
from pytest_asyncio.windows import run_woken_by_signals

from conftest import Example


@pytest.mark.parametrize("kind", ["default", "selector"])
@pytest.mark.parametrize(
    "waits",
    [
        "asyncio.Event().wait()",
        pytest.param(
            "asyncio.sleep(60)",
            marks=pytest.mark.skipif(
                sys.platform != "win32",
                reason="a real signal ends that, and this is none",
            ),
        ),
    ],
)
def test_ctrl_c_after_another_loop_has_ended(
    run: Example, kind: str, waits: str
) -> None:
    """A loop of Windows takes away, when it is closed, what wakes up the others at a signal."""
    result = run(
        """
        import _thread
        import asyncio
        import threading

        import pytest

        @pytest.mark.asyncio(loop_scope="module")
        async def test_first(): ...

        @pytest.mark.asyncio(loop_scope="function")
        async def test_of_another_loop(): ...

        def test_that_makes_one():
            asyncio.run(asyncio.sleep(0))

        @pytest.mark.asyncio(loop_scope="module")
        async def test_last():
            threading.Timer(0.2, _thread.interrupt_main).start()
            await WAITS
        """.replace("WAITS", waits),
        conftest=None
        if kind == "default"
        else """
        import asyncio

        def pytest_asyncio_loop_factories(config, item):
            return {"selector": asyncio.SelectorEventLoop}
        """,
        subprocess=True,
        timeout=30,
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*= asyncio tasks at the interruption =*"])


def woken_by() -> int:
    """The file descriptor that Python writes to at a signal; -1 for none."""
    descriptor = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(descriptor)
    return descriptor


def test_a_signal_wakes_the_loop_up() -> None:
    """While it runs, Python writes to the loop's own pipe, and then again to what it had."""
    loop = asyncio.SelectorEventLoop()
    found: list[int] = []
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    before = signal.set_wakeup_fd(writer.fileno())
    try:
        loop.call_soon(lambda: found.append(woken_by()))
        loop.call_soon(loop.stop)
        run_woken_by_signals(loop)
        assert found == [loop._csock.fileno()]  # type: ignore[attr-defined]
        assert woken_by() == writer.fileno()
        # One that is closed meanwhile, as that of another loop may be, is not put back.
        loop.call_soon(writer.close)
        loop.call_soon(loop.stop)
        run_woken_by_signals(loop)
        assert woken_by() == -1
    finally:
        signal.set_wakeup_fd(before)
        reader.close()
        writer.close()
        loop.close()


def test_a_server_that_is_started_in_a_test_is_not_leaked(run: Example) -> None:
    """The proactor loop accepts connections by tasks, which are in the context of the test."""
    result = run(
        """
        import asyncio

        import pytest_asyncio

        async def echo(reader, writer):
            writer.write(await reader.readline())
            writer.close()

        @pytest_asyncio.fixture(scope="module")
        async def start():
            servers = []

            async def start():
                if not servers:
                    servers.append(await asyncio.start_server(echo, "127.0.0.1", 0))
                return servers[0].sockets[0].getsockname()

            yield start
            servers[0].close()

        async def talk(address):
            reader, writer = await asyncio.open_connection(*address[:2])
            writer.write(b"hello\\n")
            assert await reader.readline() == b"hello\\n"
            writer.close()
            await writer.wait_closed()

        async def test_first(start):
            await talk(await start())

        async def test_second(start):
            await talk(await start())
        """,
        mode="auto",
        ini="asyncio_leaked_tasks = fail",
    )
    result.assert_outcomes(passed=2)


def test_what_is_a_part_of_the_proactor_loop() -> None:
    """The name of the coroutine is all that tells it; a user's is not taken for it."""

    async def accept_coro() -> None: ...

    coroutine: Any = accept_coro()
    try:
        assert not is_accepting(coroutine)
        coroutine.__qualname__ = "IocpProactor.accept.<locals>.accept_coro"
        assert is_accepting(coroutine)
    finally:
        coroutine.close()
    if sys.platform == "win32":
        code = asyncio.IocpProactor.accept.__code__
        names = [getattr(each, "co_qualname", "") for each in code.co_consts]
        assert "IocpProactor.accept.<locals>.accept_coro" in names
