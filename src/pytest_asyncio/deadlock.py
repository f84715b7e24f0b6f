"""Whether anything outside a loop can still wake it up: a signal, a process, a thread.

Every doubt means that it can. What the loop itself waits for is for `diagnostics` to say. Nothing
here knows of pytest: a test tool is known by its name.

All this happens in the middle of tests, which may have put mocks in the place of functions and
classes. So they are imported by their names, with the first loop of the run: a mock would count
these calls, and what it gives proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import thread as pool
from concurrent.futures.thread import ThreadPoolExecutor
from io import FileIO
from os import scandir
from signal import default_int_handler
from signal import getsignal
from signal import valid_signals
from sys import _current_frames as current_frames
import threading
from threading import enumerate as all_threads
from threading import get_ident
from threading import Thread
from threading import Timer
from typing import Final
from typing import TYPE_CHECKING

from pytest_asyncio.timeouts import is_of_tool
from pytest_asyncio.timeouts import TOOLS

if TYPE_CHECKING:
    import asyncio
    import types

__tracebackhide__ = True


# Private: without them, an idle thread cannot be told from a busy one.
_WORKER: Final = getattr(getattr(pool, "_worker", None), "__code__", None)
_DummyThread: Final[type[Thread] | tuple[()]] = getattr(threading, "_DummyThread", ())


class DeadlockError(Exception):
    """Nothing can ever wake the loop up again."""


def is_anything_outside(loop: asyncio.SelectorEventLoop) -> bool:
    """Whether a loop may be woken up by what is not in it."""
    try:
        return _has_signal_handlers() or _has_processes() or _has_threads(loop)
    except Exception:  # blockbuster forbids to look into a directory.
        return True


def _has_signal_handlers() -> bool:
    """Whether Python code other than known test tools handles a signal."""
    for number in valid_signals():
        handler = getsignal(number)
        if (
            callable(handler)
            and handler is not default_int_handler
            and not is_of_tool(handler)
        ):
            return True
    return False


_THREADS: Final = "/proc/self/task"
"""Where Linux lists the threads of this process; elsewhere nothing can be proven."""


def _has_processes() -> bool:
    """Whether there are child processes, which can send a signal."""
    return any(_has_children(thread.path) for thread in list(scandir(_THREADS)))


def _has_children(thread: str) -> bool:
    with FileIO(f"{thread}/children") as children:
        return bool(children.read())


def _has_threads(loop: asyncio.SelectorEventLoop) -> bool:
    """Whether a thread may call into the loop; threads that Python does not know count, too.

    The frames come last, and only where no thread of the user's is at work: while one is looked
    at, its variables live on, and a database may find its cursors still open.
    """
    threads = all_threads()
    if any(_is_users(thread, loop) for thread in threads):
        return True
    known = current_frames()
    if len(list(scandir(_THREADS))) != len(known):
        return True
    idle = {get_ident(), *_idle_threads(loop, known)}
    # Those that are left are tools'. Their frames would not tell: they wait inside threading.
    idle.update(each.ident for each in threads if isinstance(each, Timer))
    return any(
        ident not in idle and _root_of(frame) not in TOOLS
        for ident, frame in known.items()
    )


def _is_users(thread: Thread, loop: asyncio.SelectorEventLoop) -> bool:
    """Whether a thread is neither this one, nor one of the loop's executor, nor a test tool's."""
    if thread.ident == get_ident():
        return False
    if thread in getattr(getattr(loop, "_default_executor", None), "_threads", ()):
        return False
    if isinstance(thread, Timer):
        return not is_of_tool(thread.function)
    # threading keeps it to itself; what it has not started it knows as a _DummyThread.
    target = getattr(thread, "_target", None)
    return not isinstance(thread, _DummyThread) and not is_of_tool(target)


def _idle_threads(
    loop: asyncio.SelectorEventLoop, frames: Mapping[int, types.FrameType]
) -> set[int | None]:
    """The threads of the default executor that wait for work, none being on its way."""
    executor = getattr(loop, "_default_executor", None)
    if not isinstance(executor, ThreadPoolExecutor):
        return set()
    threads = getattr(executor, "_threads", ())
    queue = getattr(executor, "_work_queue", None)
    if queue is None or not queue.empty():
        return set()
    return {
        thread.ident
        for thread in threads
        if (frame := frames.get(thread.ident)) is not None and frame.f_code is _WORKER
    }


def _root_of(frame: types.FrameType) -> str:
    """The package of the function that a thread runs."""
    module = ""
    each: types.FrameType | None = frame
    while each is not None:
        name = str(each.f_globals.get("__name__", ""))
        if name != "threading":
            module = name
        each = each.f_back
    return module.partition(".")[0]
