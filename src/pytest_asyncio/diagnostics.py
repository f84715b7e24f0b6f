"""What goes wrong in a loop, made visible: unhandled exceptions, leaked tasks, deadlocks.

`watch` is called once for each loop. It replaces three methods, on that one loop alone and until
it is closed: the default exception handler, which keeps what it is told; ``create_task``, which
keeps the tasks that a test starts; and the selector's ``select``, which is asked before the loop
blocks for ever. Nothing here knows of pytest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Generator
from collections.abc import Iterable
from collections.abc import Iterator
import contextvars
import gc
import linecache
import os
import selectors
import signal
import sys
import threading
import traceback
import types
from typing import Any
from typing import Final
from typing import final
import weakref


class DeadlockError(Exception):
    """Nothing can ever wake the loop up again."""


@final
class Unhandled:
    """An exception that a task or a callback raised, and that nobody took notice of."""

    __slots__ = ("exception", "source")

    def __init__(self, exception: BaseException, source: str) -> None:
        self.exception: Final = exception
        self.source: Final = source
        """What raised it, in words."""

    def __str__(self) -> str:
        text = "".join(traceback.format_exception(self.exception)).rstrip()
        return f"{self.source}:\n\n{text}"


@final
class Watch:
    """What is known of one loop."""

    def __init__(self) -> None:
        self._replaced: Final[list[tuple[object, str]]] = []
        self.unhandled: Final[list[Unhandled]] = []
        """Exceptions that were reported to the loop, until somebody takes them."""
        self.waiting: Callable[[], bool] = lambda: False
        """Whether something outside the loop waits for what happens in it."""

    def replace(self, owner: object, name: str, function: Callable[..., Any]) -> bool:
        """Put a function in place of a method of one object; False where that is impossible."""
        try:
            setattr(owner, name, function)
        except AttributeError:
            return False
        self._replaced.append((owner, name))
        return True

    def end(self) -> None:
        """Leave the loop alone: what is reported from now on is logged by asyncio, no more."""
        for owner, name in self._replaced:
            vars(owner).pop(name, None)
        self._replaced.clear()

    def take_unhandled(self) -> list[Unhandled]:
        """The unhandled exceptions so far; they are reported once."""
        taken = list(self.unhandled)
        self.unhandled.clear()
        return taken


def watch(loop: asyncio.AbstractEventLoop) -> Watch:
    """Begin to watch a loop, as far as its implementation allows it."""
    watch = Watch()
    _watch_exceptions(loop, watch)
    _watch_tasks(loop, watch)
    _watch_selector(loop, watch)
    return watch


# -- unhandled exceptions ------------------------------------------------------------------------


def _watch_exceptions(loop: asyncio.AbstractEventLoop, watch: Watch) -> None:
    """Keep what the default exception handler is told.

    A handler that the user installs goes before the default one, and what it deals with is not
    unhandled. But when it raises, asyncio tells the default one, and would only log it.
    """
    original = loop.default_exception_handler

    def keep(context: dict[str, Any]) -> None:
        exception = context.get("exception")
        if isinstance(exception, BaseException):
            watch.unhandled.append(Unhandled(exception, _source(context)))
        original(context)

    if (
        not watch.replace(loop, "default_exception_handler", keep)
        and loop.get_exception_handler() is None
    ):
        # uvloop's methods cannot be replaced. This way a handler of the user's comes instead
        # of ours, and what it raises is logged and no more.
        loop.set_exception_handler(lambda loop, context: keep(context))


def _source(context: dict[str, Any]) -> str:
    message = context.get("message") or "Unhandled exception in event loop"
    inner = context.get("context")
    if isinstance(inner, dict):
        # The user's own exception handler raised.
        return f"{message}, called for: {_source(inner)}"
    task = context.get("task") or context.get("future")
    if isinstance(task, asyncio.Task):
        message += f" ({describe(task)})"
    elif task is not None or "handle" in context:
        message += f" ({task if task is not None else context['handle']!r})"
    created = context.get("source_traceback")
    if created:
        message += "\ncreated at:\n" + "".join(traceback.format_list(created)).rstrip()
    return str(message)


# -- the tasks of a test ---------------------------------------------------------------------------


@final
class Tasks:
    """The tasks that a test has started, and those that these have started in turn.

    Whatever a fixture's tasks start is not among them, also while the test runs: who started a
    task is told by the context it was started in.
    """

    __slots__ = ("_started",)

    def __init__(self) -> None:
        self._started: list[weakref.ref[asyncio.Task[Any]]] = []

    def add(self, task: asyncio.Task[Any]) -> None:
        """Take note of a task."""
        self._started.append(weakref.ref(task))
        if len(self._started) % 1024 == 0:
            self._started = [ref for ref in self._started if ref() is not None]

    def __iter__(self) -> Iterator[asyncio.Task[Any]]:
        for ref in self._started:
            task = ref()
            if task is not None:
                yield task

    def unhandled(self) -> list[Unhandled]:
        """The exceptions of tasks that are done, still referenced, and were never asked.

        asyncio reports a task when it is collected as garbage, which may be at another test, or
        never, if the test keeps it. That it is due for a report is a private attribute of the
        task, and the only state that says so.
        """
        found: list[Unhandled] = []
        for task in self:
            if (
                task.done()
                and not task.cancelled()
                and getattr(task, "_log_traceback", False)
            ):
                exception = task.exception()  # Asked now: asyncio will not report it again.
                if exception is not None:
                    message = f"Task exception was never retrieved ({describe(task)})"
                    found.append(Unhandled(exception, message))
        return found


OWNER: Final = contextvars.ContextVar[Tasks | None]("pytest_asyncio_owner", default=None)
"""The tasks of the test in whose context a task is started."""


def _watch_tasks(loop: asyncio.AbstractEventLoop, watch: Watch) -> None:
    """Keep the tasks that are started on behalf of a test.

    Not by a task factory, where that can be avoided: users set and look at it, and in some
    releases of Python (3.13.0) a task that a factory makes goes by the name of 'None'.
    """
    create = loop.create_task

    def create_task(coro: Any, **options: Any) -> asyncio.Task[Any]:
        task = create(coro, **options)
        owner = OWNER.get()
        if owner is not None:
            owner.add(task)
        return task

    def factory(
        loop: asyncio.AbstractEventLoop, coro: Any, **options: Any
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=loop, **options)
        owner = OWNER.get()
        if owner is not None:
            owner.add(task)
        return task

    if (
        not watch.replace(loop, "create_task", create_task)
        and loop.get_task_factory() is None
    ):
        loop.set_task_factory(factory)


# -- deadlocks ---------------------------------------------------------------------------------------


def _watch_selector(loop: asyncio.AbstractEventLoop, watch: Watch) -> None:
    """Raise `DeadlockError` out of a loop that is about to block and can never wake up."""
    selector = getattr(loop, "_selector", None)
    if not isinstance(loop, asyncio.SelectorEventLoop) or not isinstance(
        selector, selectors.BaseSelector
    ):
        return  # uvloop, Windows' proactor, a loop of the user's: nothing can be proven.
    original = selector.select

    def select(timeout: float | None = None) -> list[Any]:
        if timeout is None and watch.waiting():
            # Looked at again after the proof: a thread may have called in just before it was
            # found idle.
            events = original(0)
            if not events and _is_deadlocked(loop, selector):
                events = original(0)
                if not events:
                    raise DeadlockError
            if events:
                return events
        return original(timeout)

    watch.replace(selector, "select", select)


_TOOLS: Final = frozenset({"execnet", "pytest_rerunfailures", "pytest_timeout"})
"""Packages whose threads and signal handlers do not call into the loop of a test."""


def _is_deadlocked(
    loop: asyncio.SelectorEventLoop, selector: selectors.BaseSelector
) -> bool:
    """Whether it is certain that nothing wakes the loop up: no file, signal, thread, process.

    The loop has nothing to run and no timer, or it would not block. Every doubt means no.
    """
    ours = getattr(loop, "_ssock", None)
    if ours is None or set(selector.get_map()) != {ours.fileno()}:
        return False
    if getattr(loop, "_signal_handlers", True):
        return False
    return (
        not _has_signal_handlers() and not _has_processes() and not _has_threads(loop)
    )


def _has_signal_handlers() -> bool:
    """Whether Python code other than known test tools handles a signal."""
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        if callable(handler) and handler is not signal.default_int_handler:
            module = getattr(handler, "__module__", None) or ""
            if module.partition(".")[0] not in _TOOLS:
                return True
    return False


def _has_processes() -> bool:
    """Whether there are child processes, which can send a signal; unknown counts as yes."""
    try:
        for thread in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{thread}/children", encoding="ascii") as file:
                if file.read().strip():
                    return True
    except OSError:
        return True
    return False


def _has_threads(loop: asyncio.SelectorEventLoop) -> bool:
    """Whether a thread may call into the loop; threads that Python does not know count, too."""
    known = sys._current_frames()
    if len(os.listdir("/proc/self/task")) > len(known):
        return True
    idle = _idle_threads(loop)
    own = threading.get_ident()
    return any(
        ident != own and ident not in idle and not _is_tool(ident, frame)
        for ident, frame in known.items()
    )


def _idle_threads(loop: asyncio.SelectorEventLoop) -> set[int | None]:
    """The threads of the default executor, if all of them wait for work."""
    executor = getattr(loop, "_default_executor", None)
    if executor is None:
        return set()
    threads = getattr(executor, "_threads", ())
    idle = getattr(getattr(executor, "_idle_semaphore", None), "_value", None)
    queue = getattr(executor, "_work_queue", None)
    if queue is None or not queue.empty() or idle != len(threads):
        return set()
    return {thread.ident for thread in threads}


def _is_tool(ident: int, frame: types.FrameType) -> bool:
    """Whether a thread belongs to a test tool that has no business with anybody's loop."""
    module = ""
    each: types.FrameType | None = frame
    while each is not None:
        name = str(each.f_globals.get("__name__", ""))
        if name != "threading":
            module = name  # In the end, the module of the function that the thread runs.
        each = each.f_back
    for thread in threading.enumerate():
        if thread.ident == ident and isinstance(thread, threading.Timer):
            module = getattr(thread.function, "__module__", "") or ""
    return module.partition(".")[0] in _TOOLS


# -- what a task is doing ----------------------------------------------------------------------------


def describe(task: asyncio.Task[Any]) -> str:
    """A task in a line: its name, its coroutine, and where that is defined."""
    coroutine = task.get_coro()
    name = getattr(coroutine, "__qualname__", type(coroutine).__name__)
    code = getattr(coroutine, "cr_code", None)
    where = f", {code.co_filename}:{code.co_firstlineno}" if code is not None else ""
    return f"task {task.get_name()!r}, coroutine {name}{where}"


def created_at(task: asyncio.Task[Any]) -> str:
    """Where a task was created, if its loop is in debug mode; else nothing."""
    frames = getattr(task, "_source_traceback", None)
    if not frames:
        return ""
    lines = [
        f"    {frame.filename}:{frame.lineno} in {frame.name}"
        for frame in frames
        if not _is_plumbing(frame.filename)
    ]
    return "\n  created at:\n" + "\n".join(lines[-5:])


def report(loop: asyncio.AbstractEventLoop) -> str:
    """What every task of a loop is waiting for, as text."""
    try:
        tasks = [task for task in asyncio.all_tasks(loop) if not task.done()]
    except RuntimeError:
        return ""
    tasks.sort(key=lambda task: task.get_name())
    return "\n\n".join(_report(task) for task in tasks)


def _report(task: asyncio.Task[Any]) -> str:
    name = getattr(task.get_coro(), "__qualname__", "")
    title = f"Task {task.get_name()!r}"
    if not name.startswith(("FixtureTask.", "_exhaust", "_await")):
        title += f", coroutine {name}"
    lines = [title]
    for filename, line, function in await_chain(task):
        source = linecache.getline(filename, line).strip()
        lines.append(f'  File "{filename}", line {line}, in {function}')
        if source:
            lines.append(f"    {source}")
    if len(lines) == 1:
        lines.append("  not started, or in none of the user's functions")
    return "\n".join(lines) + created_at(task)


def await_chain(task: asyncio.Task[Any]) -> list[tuple[str, int, str]]:
    """Where a suspended task is: each of the user's frames, the innermost last.

    ``Task.get_stack()`` gives one frame. The others hang together by what each one awaits.

    :returns: File name, line and function of each frame.
    """
    return [
        (frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
        for frame in _user_frames(task)
    ]


def traceback_of(task: asyncio.Task[Any]) -> types.TracebackType | None:
    """The await chain of a suspended task as a traceback that ends where the task waits.

    What interrupts a task from outside is raised while the loop waits in its selector. With
    this traceback it points at what the task was waiting for instead.
    """
    found: types.TracebackType | None = None
    for frame in reversed(_user_frames(task)):
        found = types.TracebackType(found, frame, frame.f_lasti, frame.f_lineno)
    return found


def _user_frames(task: asyncio.Task[Any]) -> list[types.FrameType]:
    frames = list(_frames(task.get_coro()))
    return [each for each in frames if not _is_plumbing(each.f_code.co_filename)]


def _frames(awaited: Any) -> Generator[types.FrameType]:
    while awaited is not None:
        frame = (
            getattr(awaited, "cr_frame", None)
            or getattr(awaited, "gi_frame", None)
            or getattr(awaited, "ag_frame", None)
        )
        if frame is not None:
            yield frame
            fixture = frame.f_locals.get("self")
            if frame.f_code.co_name == "_live" and hasattr(fixture, "_generator"):
                # A fixture: its generator is what matters, also when it stands at its yield.
                awaited = fixture._generator
                continue
        awaited = _awaited_by(awaited)


def _awaited_by(awaited: Any) -> Any:
    for attribute in ("cr_await", "gi_yieldfrom", "ag_await"):
        if hasattr(awaited, attribute):
            return getattr(awaited, attribute)
    # ``async for`` and anext() await an object that only the garbage collector sees through.
    if type(awaited).__name__ in {"async_generator_asend", "async_generator_athrow"}:
        return _first(gc.get_referents(awaited), types.AsyncGeneratorType)
    if type(awaited).__name__ in {"anext_awaitable", "coroutine_wrapper"}:
        for each in gc.get_referents(awaited):
            if not isinstance(each, type):
                return each
    return None


def _first(objects: Iterable[Any], kind: type) -> Any:
    return next((each for each in objects if isinstance(each, kind)), None)


_PLUMBING: Final = tuple(
    os.path.dirname(os.path.abspath(path)) + os.sep
    for path in (asyncio.__file__, __file__)
)


def _is_plumbing(filename: str) -> bool:
    return filename.startswith(_PLUMBING)
