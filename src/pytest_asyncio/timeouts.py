"""Timeouts of test tools: their signal handlers raise in whatever the loop is running then.

Nothing here knows of pytest: a tool is known by its name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Generator
import contextlib
import signal
import threading
import traceback
import types
from typing import Any
from typing import Final
from typing import final
from typing import TypeAlias

__tracebackhide__ = True

TOOLS: Final = frozenset(
    {"execnet", "pdb", "pytest_asyncio", "pytest_rerunfailures", "pytest_timeout"}
)
"""Packages whose threads and signal handlers do not call into the loop of a test."""


def is_of_tool(function: object) -> bool:
    """Whether a function belongs to a known test tool."""
    module = getattr(function, "__module__", None) or ""
    return module.partition(".")[0] in TOOLS


Heard: TypeAlias = Callable[[BaseException, "asyncio.Task[Any] | None"], None]


_NOTHING_TO_HEAR: Final = contextlib.nullcontext(None)


def hear_timeout(
    loop: asyncio.AbstractEventLoop, heard: Heard
) -> contextlib.AbstractContextManager[_Handler | None]:
    """Tell of a timeout that goes off while the loop runs, whatever it is running then.

    The signal handler of pytest-timeout raises in whatever Python code is running. If that is
    a callback, or a task other than the test's, asyncio keeps the exception and goes on: the
    one timeout that there was has gone off, and the test still waits.

    :param loop: The loop that is about to run.
    :param heard: Called in the loop, with what the signal handler has raised and the task that
        it has hit, if it has hit one.
    :returns: What listens; None where there is no such signal handler.
    """
    number = getattr(signal, "SIGALRM", None)
    before = None if number is None else signal.getsignal(number)
    if (
        number is None
        or not callable(before)
        or not is_of_tool(before)
        or threading.current_thread() is not threading.main_thread()
    ):
        return _NOTHING_TO_HEAR
    return _heard(number, before, _Handler(before, loop, heard))


@contextlib.contextmanager
def _heard(number: int, before: Any, handler: _Handler) -> Generator[_Handler]:
    signal.signal(number, handler)
    try:
        yield handler
    finally:
        if signal.getsignal(number) is handler:
            signal.signal(number, before)


@final
class _Handler:
    """A signal handler around that of a test tool."""

    __slots__ = ("heard", "hit", "loop", "original")

    def __init__(
        self,
        original: Callable[[int, types.FrameType | None], Any],
        loop: asyncio.AbstractEventLoop,
        heard: Heard,
    ) -> None:
        # One loop may be run while another one stands still.
        self.original: Final[Callable[[int, types.FrameType | None], Any]] = (
            original.original if isinstance(original, _Handler) else original
        )
        self.loop: Final = loop
        self.heard: Final = heard
        self.hit: asyncio.Task[Any] | None = None
        """The task that a timeout has hit."""

    def __call__(self, number: int, frame: types.FrameType | None) -> None:
        hit = asyncio.tasks.current_task(self.loop)
        try:
            self.original(number, frame)
        except BaseException as exc:
            if hit is not None and not _is_inside(frame, hit):
                # asyncio is about to have the task go on, and would keep what is raised now: the
                # task would never go on. A turn later it can come out of the loop.
                self.loop.call_soon_threadsafe(self.heard, exc, None)
                return
            self.hit = hit
            if not self.loop.is_closed():
                self.loop.call_soon_threadsafe(self.heard, exc, hit)
            raise


def _is_inside(frame: types.FrameType | None, task: asyncio.Task[Any]) -> bool:
    """Whether a frame is one of the task's coroutine, or of what that has called."""
    own = getattr(task.get_coro(), "cr_frame", None)
    if own is None:
        return True  # Not to be told.
    while frame is not None and frame is not own:
        frame = frame.f_back
    return frame is not None


def is_timeout(exception: BaseException) -> bool:
    """Whether an exception was raised by the signal handler of a test tool."""
    code = _Handler.__call__.__code__
    return any(
        frame.f_code is code for frame, _ in traceback.walk_tb(exception.__traceback__)
    )
