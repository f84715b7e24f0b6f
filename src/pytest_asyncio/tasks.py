"""Tasks: which there are in a loop, and in words what each is, and what it is waiting for.

Nothing here runs a loop, or knows of pytest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from collections.abc import Generator
from collections.abc import Iterable
from collections.abc import Sequence
import contextlib
import gc
import inspect
import linecache
import os
from pathlib import Path
import re
import sys
import traceback
import types
from typing import Any
from typing import cast
from typing import Final

__tracebackhide__ = True

# -- which there are --

_HIDDEN: Final = set[asyncio.Task[Any]]()


def hide(task: asyncio.Task[Any]) -> None:
    """Leave a task out of `asyncio.all_tasks`.

    Programs that stop cancel all tasks that there are, and tests count them. Neither means the
    fixtures, which wait at their yield for the test to end.
    https://docs.python.org/3/library/asyncio-extending.html#task-lifetime-support
    """
    _HIDDEN.add(task)
    asyncio.tasks._unregister_task(task)


def show(task: asyncio.Task[Any]) -> None:
    """Have a task that was hidden in `asyncio.all_tasks` again."""
    if task in _HIDDEN:
        _HIDDEN.discard(task)
        if not task.done():
            asyncio.tasks._register_task(task)


# Before Python 3.14, asyncio copies its weak set of all tasks in Python code, for which an empty
# one takes 2 % of the time that a test with a loop of its own adds. Tasks that run their first
# step eagerly are in another set, and in none when the loop has stopped.
_REGISTERED: Final[Collection[object] | None] = (
    getattr(asyncio.tasks, "_all_tasks", None)
    if sys.version_info < (3, 12)
    else getattr(asyncio.tasks, "_scheduled_tasks", None)
    if sys.version_info < (3, 14)
    else None
)


def all_tasks(loop: asyncio.AbstractEventLoop) -> set[asyncio.Task[Any]]:
    """The tasks of a loop that are not done, the hidden ones too."""
    tasks: set[asyncio.Task[Any]] = set()
    if _REGISTERED is None or _REGISTERED:
        tasks = asyncio.tasks.all_tasks(loop)
    if _HIDDEN:
        tasks.update(
            task for task in _HIDDEN if task.get_loop() is loop and not task.done()
        )
    return tasks


def forget_hidden(loop: asyncio.AbstractEventLoop) -> None:
    """Let go of the tasks of a loop that has been closed."""
    if _HIDDEN:
        _HIDDEN.difference_update([task for task in _HIDDEN if task.get_loop() is loop])


def cancel(task: asyncio.Task[Any], message: str | None = None) -> bool:
    """Cancel a task, and what it waits for; False if that goes round in a ring.

    Two tasks that wait for each other cannot be cancelled: asyncio hands the call on from one
    to the other, without end.
    """
    try:
        task.cancel(message)
    except RecursionError:
        return False
    return True


# -- what each of them is doing --


def describe(task: asyncio.Task[Any]) -> str:
    """A task in a line: its name, its coroutine, and where that is defined."""
    return f"task {task.get_name()!r}" + _described(task)


def _described(task: asyncio.Task[Any]) -> str:
    coroutine = cast("Any", task.get_coro())
    if coroutine is None:
        return ""  # It was done at once: an eager task.
    code = getattr(coroutine, "cr_code", None)
    if type(code) is not types.CodeType:
        code = None  # A mock may have anything for it.
    name = getattr(coroutine, "__qualname__", type(coroutine).__name__)
    if code is not None and is_plumbing(code.co_filename):
        # A fixture's task, or what asyncio wraps an awaitable in: what does it run?
        frames = _user_frames(task)
        if not frames:
            return "" if is_ours(code.co_filename) else f", coroutine {name}"
        code = frames[0].f_code
        name = code.co_qualname
    where = f", {code.co_filename}:{code.co_firstlineno}" if code is not None else ""
    return f", coroutine {name}{where}"


def silence(task: asyncio.Task[Any]) -> None:
    """Let asyncio not complain of a pending task: it has been told of in a better way.

    Waits for a public way to do what asyncio itself does in ``gather()``.
    """
    with contextlib.suppress(AttributeError):
        cast("Any", task)._log_destroy_pending = False


def created_at(task: asyncio.Task[Any]) -> str:
    """Where a task was created, if its loop is in debug mode; else nothing."""
    frames = getattr(task, "_source_traceback", None)
    if not frames or is_ours(frames[-1].filename):
        return ""  # Of a test's own task, and a fixture's, there is nothing to tell.
    lines = [
        f"    {frame.filename}:{frame.lineno} in {frame.name}"
        for frame in of_users(frames)
    ]
    return "\n  created at:\n" + "\n".join(lines[-5:])


def of_users(frames: Iterable[traceback.FrameSummary]) -> list[traceback.FrameSummary]:
    """The frames of a stack that lie inside of what the plugin runs, without asyncio's."""
    inside: list[traceback.FrameSummary] = []
    for frame in frames:
        if is_ours(frame.filename):
            inside.clear()
        elif not is_plumbing(frame.filename):
            inside.append(frame)
    return inside


def report(
    loop: asyncio.AbstractEventLoop, first: Collection[asyncio.Task[Any]]
) -> str:
    """What every task of a loop is waiting for, as text.

    Many may wait at the same place, as the workers of a pool do: that is told once.

    :param loop: The loop.
    :param first: The tasks to begin with.
    """
    try:
        tasks = list(all_tasks(loop))
    except RuntimeError:
        return ""
    tasks.sort(key=lambda task: (task not in first, _natural(task)))
    at_places: dict[str, list[asyncio.Task[Any]]] = {}
    for task in tasks:
        at_places.setdefault(_described(task) + _place(task), []).append(task)
    return "\n\n".join(
        f"Task {task.get_name()!r}{place}{_the_same(others)}"
        for place, (task, *others) in at_places.items()
    )


_NAMED: Final = 10
"""How many tasks that wait at the same place are named."""


def _the_same(tasks: Sequence[asyncio.Task[Any]]) -> str:
    if not tasks:
        return ""
    names = ", ".join(repr(task.get_name()) for task in tasks[:_NAMED])
    if len(tasks) > _NAMED:
        names += f" and {len(tasks) - _NAMED} more"
    return f"\n  the same for {names}"


def _natural(task: asyncio.Task[Any]) -> list[str | int]:
    """A key to sort tasks by: their names, with Task-9 before Task-10."""
    parts = re.split(r"(\d+)", task.get_name(), flags=re.ASCII)
    return [int(part) if index % 2 else part for index, part in enumerate(parts)]


def _place(task: asyncio.Task[Any]) -> str:
    lines = [""]
    for frame in _user_frames(task):
        filename, line = frame.f_code.co_filename, frame.f_lineno
        source = linecache.getline(filename, line).strip()
        lines.append(f'  File "{filename}", line {line}, in {frame.f_code.co_name}')
        if source:
            lines.append(f"    {source}")
    if len(lines) == 1:
        coroutine = task.get_coro()
        started = not inspect.iscoroutine(coroutine) or (
            inspect.getcoroutinestate(coroutine) != inspect.CORO_CREATED
        )
        lines.append(
            "  in none of the user's functions" if started else "  not started yet"
        )
    return "\n".join(lines) + created_at(task)


def describe_generators(tasks: Iterable[asyncio.Task[Any]]) -> list[str]:
    """The async generators that tasks are closing, each in a line."""
    codes = [frames[0].f_code for task in tasks if (frames := _user_frames(task))]
    return [
        f"async generator {code.co_qualname}, {code.co_filename}:{code.co_firstlineno}"
        for code in codes
    ]


def traceback_of(task: asyncio.Task[Any]) -> types.TracebackType | None:
    """The frames of a suspended task as a traceback that ends where the task waits.

    What interrupts a task from outside is raised while the loop waits in its selector. With
    this traceback it points at what the task was waiting for instead.
    """
    found: types.TracebackType | None = None
    for frame in reversed(_user_frames(task)):
        found = types.TracebackType(found, frame, frame.f_lasti, frame.f_lineno)
    return found


def _user_frames(task: asyncio.Task[Any]) -> list[types.FrameType]:
    """Where a suspended task is: each of the user's frames, the innermost last.

    ``Task.get_stack()`` gives one frame. The others hang together by what each one awaits.
    """
    frames = list(_frames(task.get_coro()))
    return [each for each in frames if not is_plumbing(each.f_code.co_filename)]


def _frames(awaited: Any) -> Generator[types.FrameType]:
    while awaited is not None:
        frame = (
            getattr(awaited, "cr_frame", None)
            or getattr(awaited, "gi_frame", None)
            or getattr(awaited, "ag_frame", None)
        )
        if frame is not None:
            if type(frame) is not types.FrameType:
                return  # A mock's: it would have everything, and never an end.
            yield frame
            if frame.f_code.co_name == "_live" and is_ours(frame.f_code.co_filename):
                # A fixture: its generator is what matters, also when it stands at its yield.
                awaited = frame.f_locals["self"]._generator
                continue
        awaited = _awaited_by(awaited)


def _awaited_by(awaited: Any) -> Any:
    for attribute in ("cr_await", "gi_yieldfrom", "ag_await"):
        if hasattr(awaited, attribute):
            return getattr(awaited, attribute)
    # ``async for`` and anext() await an object that only the garbage collector sees through: what
    # it drives is the first that it refers to, save for its type.
    if type(awaited).__name__ in _OPAQUE:
        for each in gc.get_referents(awaited):
            if not isinstance(each, type):
                return each
    return None


_OPAQUE: Final = frozenset(
    {
        "anext_awaitable",
        "async_generator_asend",
        "async_generator_athrow",
        "coroutine_wrapper",
    }
)


# -- whose code it is --


def _directory(code: types.CodeType) -> str:
    """Where code was read from, in the spelling that tracebacks have it in."""
    return os.path.dirname(code.co_filename) + os.sep  # noqa: PTH120


_OURS: Final = _directory(_directory.__code__)
# Of a function that nobody patches.
_PLUMBING: Final = (
    _OURS,
    _directory(asyncio.AbstractEventLoop.run_forever.__code__),
)
_STANDARD_LIBRARY: Final = f"{Path(os.__file__).parent}{os.sep}"


def is_ours(filename: str) -> bool:
    """Whether a file is the plugin's."""
    return filename.startswith(_OURS)


def is_plumbing(filename: str) -> bool:
    """Whether a file is the plugin's or asyncio's."""
    return filename.startswith(_PLUMBING)


def is_of_standard_library(filename: str) -> bool:
    """Whether a file is Python's own."""
    # What is installed is below it, in site-packages or, with Debian, dist-packages.
    return filename.startswith(_STANDARD_LIBRARY) and "-packages" not in filename
