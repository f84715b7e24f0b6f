"""What comes out of a task or a loop: results, and errors that show the user's frames alone."""

from __future__ import annotations

import asyncio
import types
from typing import Any
from typing import Final
from typing import TypeVar

__tracebackhide__ = True

T = TypeVar("T")


class CancelledWithoutATraceError(asyncio.CancelledError):
    """A task was cancelled while it awaited nothing: there is no line to point at."""


def result_of(task: asyncio.Task[T]) -> T:
    """What a task returned, or what it raised with the user's frames alone."""
    if not task.done():
        # Only a task that would not be cancelled is left pending, after an interruption.
        raise asyncio.CancelledError
    try:
        return task.result()
    except asyncio.CancelledError as exc:
        if _of_users(exc.__traceback__) is None:
            raise CancelledWithoutATraceError from None
        raise
    except BaseException as exc:
        exc.__traceback__ = user_traceback(exc)
        raise


def user_traceback(exception: BaseException) -> Any:
    """The traceback of an exception without the leading frames of asyncio and of ours."""
    return _of_users(exception.__traceback__) or exception.__traceback__


def _of_users(traceback: types.TracebackType | None) -> types.TracebackType | None:
    """A traceback from its first frame on that is neither asyncio's nor ours; None without."""
    while traceback is not None:
        module = traceback.tb_frame.f_globals.get("__name__", "")
        if module.partition(".")[0] not in {"asyncio", "uvloop", "pytest_asyncio"}:
            break
        traceback = traceback.tb_next
    return traceback


def raised_inside(exception: BaseException) -> types.TracebackType | None:
    """The traceback of what a loop was running when it raised; None if that has no line."""
    traceback = exception.__traceback__
    while traceback is not None and traceback.tb_frame.f_code is not CALLS:
        traceback = traceback.tb_next
    return _of_users(traceback)


CALLS: Final = getattr(getattr(asyncio.Handle, "_run", None), "__code__", None)
"""The code by which asyncio's own loops call whatever they call."""
