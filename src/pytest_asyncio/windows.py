"""What is different with the event loops of Windows.

Nothing here is used elsewhere, but nothing is missing there either.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from typing import Any
from typing import Final

__tracebackhide__ = True

IS_WINDOWS: Final[bool] = sys.platform == "win32"


def run_woken_by_signals(loop: asyncio.AbstractEventLoop) -> None:
    """Run a loop until it is stopped, and have Ctrl-C wake it up.

    Nothing ends the wait of a loop of Windows but what arrives at a file descriptor. The proactor
    loop that is made last has Python write to its own at a signal; as soon as any such loop is
    closed, Python writes to none. A selector loop waits until its next timer.
    """
    pipe: Any = getattr(loop, "_csock", None)
    if pipe is None or threading.current_thread() is not threading.main_thread():
        loop.run_forever()
        return
    before = signal.set_wakeup_fd(pipe.fileno(), warn_on_full_buffer=False)
    try:
        loop.run_forever()
    finally:
        try:
            signal.set_wakeup_fd(before)
        except (OSError, ValueError):  # That has been closed meanwhile.
            signal.set_wakeup_fd(-1)


def is_accepting(coroutine: object) -> bool:
    """Whether a coroutine is a part of the proactor loop, which accepts a connection by each."""
    name = getattr(coroutine, "__qualname__", "")
    return name == "IocpProactor.accept.<locals>.accept_coro"
