"""A loop that runs in a thread whose host (Jupyter, Playwright) runs one already.

asyncio knows one running loop for each thread, and one current task. The host's are set aside for
as long as one of ours runs, and put back.
"""

from __future__ import annotations

import asyncio
from asyncio.events import _get_running_loop
from asyncio.events import _set_running_loop
from collections.abc import Callable
from collections.abc import Generator
import contextlib
import sys
from typing import Any
from typing import Final
from typing import TypeVar

__tracebackhide__ = True

T = TypeVar("T")

_swap_current_task: Final[Callable[[object, object], object]] = getattr(
    # Before Python 3.12, the current task is not kept by the thread.
    asyncio.tasks,
    "_swap_current_task",
    lambda _loop, _task: None,
)

IS_TASK_OF_THREAD: Final = sys.version_info >= (3, 14)

_INSIDE_NONE: Final = contextlib.nullcontext()


def is_hosts(loop: object) -> bool:
    """Whether a loop is the one that this thread is running already."""
    return _get_running_loop() is loop


def outside_any_loop() -> contextlib.AbstractContextManager[None]:
    """Let a loop run in a thread whose host (Jupyter, Playwright) already runs one."""
    host = _get_running_loop()
    return _INSIDE_NONE if host is None else _outside(host)


@contextlib.contextmanager
def _outside(host: asyncio.AbstractEventLoop) -> Generator[None]:
    """Set the host's loop aside.

    It is not entered again: it stands still, as it does for any synchronous code, and finds
    itself the running loop afterwards.
    """
    # From 3.12 on the current task is kept by the thread, too, and has to step aside. Where
    # there is none (the host runs a callback, as a notebook does, or another greenlet), 3.12.1
    # raises a KeyError for none being put in its place.
    task = asyncio.tasks.current_task(host)
    if task is not None:
        _swap_current_task(host, None)
    _set_running_loop(None)
    try:
        yield
    finally:
        _set_running_loop(host)
        if task is not None:
            _swap_current_task(host, task)


def leave_task(loop: asyncio.AbstractEventLoop) -> None:
    """Let there be no current task, now that no loop is running.

    From Python 3.14 on, a task that has set another running loop stays the current one of its
    thread for ever, and no other can run.
    """
    if _get_running_loop() is None:
        _set_running_loop(loop)
        try:
            _swap_current_task(loop, None)
        finally:
            _set_running_loop(None)


def beside_host(method: Callable[..., T], *args: Any) -> T:
    """Call a method that runs a loop, although the thread's host has one running."""
    with outside_any_loop():
        return method(*args)
