"""What goes wrong in a loop, made visible: unhandled exceptions, leaked tasks, deadlocks.

Each loop has a `Watch`. It replaces four methods, on that one loop alone and until it is closed:
the default exception handler, which keeps what it is told; ``create_task``, which keeps the tasks
that a test or fixture starts; ``run_in_executor``, which keeps the jobs; and the selector's
``select``, which is asked before the loop blocks for ever. Nothing here knows of pytest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
import contextlib
import contextvars
import selectors
import sys
import traceback
from typing import Any
from typing import cast
from typing import Final
from typing import final
import weakref

from pytest_asyncio.deadlock import DeadlockError
from pytest_asyncio.deadlock import is_anything_outside
from pytest_asyncio.tasks import describe
from pytest_asyncio.tasks import is_of_standard_library
from pytest_asyncio.tasks import is_ours
from pytest_asyncio.tasks import is_plumbing
from pytest_asyncio.tasks import of_users
from pytest_asyncio.timeouts import is_timeout
from pytest_asyncio.tracebacks import CALLS
from pytest_asyncio.windows import is_accepting
from pytest_asyncio.windows import IS_WINDOWS

__tracebackhide__ = True


@final
class Unhandled:
    """An exception that a task or a callback raised, and that nobody took notice of."""

    __slots__ = ("_traceback", "by", "during", "exception", "more", "source")

    def __init__(
        self, exception: BaseException, source: str, *, during: str = "", by: str = ""
    ) -> None:
        self.exception: Final = exception
        self._traceback: Final = exception.__traceback__
        """As it was then: whoever catches the exception later adds frames to it."""
        self.source: Final = source
        """What raised it, in words."""
        self.during: Final = during
        """The test that was running then, if it is not the one that is told of it."""
        self.by: Final = by
        """The test or fixture that has started the task, if that is known."""
        self.more: int = 0
        """How many others of this kind are not told of."""

    def kind(self) -> object:
        """The same for two that tell the same story: the same error, with the same stack."""
        stack = tuple(
            (frame.f_code, line)
            for frame, line in traceback.walk_tb(self._traceback)
            if not is_plumbing(frame.f_code.co_filename)
        )
        told = traceback.format_exception_only(self.exception)
        return (self.during, self.by, *told, stack) if stack else id(self)

    def __str__(self) -> str:
        told = traceback.TracebackException(
            type(self.exception), self.exception, self._traceback
        )
        _leave_out_plumbing(told)
        return f"{self.source}:\n\n" + "".join(told.format()).rstrip()


def _leave_out_plumbing(told: traceback.TracebackException) -> None:
    """Leave out the frames of asyncio and of ours, where user code is among the others."""
    frames = [frame for frame in told.stack if not is_plumbing(frame.filename)]
    if not all(is_of_standard_library(frame.filename) for frame in frames):
        told.stack = traceback.StackSummary.from_list(frames)
    for each in (told.__cause__, told.__context__, *(told.exceptions or ())):
        if each is not None:
            _leave_out_plumbing(each)


PATIENCE: Final = 0.05
"""Seconds that a loop may block before it is looked at.

Most of what a thread is asked to do is done by then, and the look costs more than that does.
"""

RECHECK: Final = 1.0
"""Seconds after which a loop that blocks for ever is looked at again."""


@final
class Watch:
    """What is known of one loop, from methods that are replaced on it until `end`.

    :param loop: The loop.
    :param drives: Those outside the loop that wait for what happens in it.
    :param unhandled: Where exceptions are put that were reported to the loop.
    """

    __slots__ = (
        "_before",
        "_drives",
        "_files",
        "_jobs",
        "_loop",
        "_select_before",
        "_selector",
        "unhandled",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        drives: Collection[object],
        unhandled: list[Unhandled],
    ) -> None:
        self.unhandled: Final = unhandled
        """Exceptions that nobody has taken notice of."""
        self._loop: Final = loop
        self._drives: Final = drives
        self._jobs: Final[set[asyncio.Future[Any]]] = set()
        """What the executors of the loop are busy with."""
        self._before: Final[dict[str, Callable[..., Any] | None]] = {}
        """What else had been put in place of methods of the loop."""
        self._selector: selectors.BaseSelector | None = None
        """The selector, where it can be told from it that nothing will happen."""
        self._files: Collection[object] = ()
        """What that waits for, the loop's own pipe among it."""
        self._select_before: Callable[[float | None], list[Any]]
        methods: dict[str, Callable[..., Any]] = {
            "default_exception_handler": self._keep,
            "create_task": self._create_task,
        }
        if self._watch_selector():
            methods["run_in_executor"] = self._run_in_executor
        self.replace(**methods)

    def replace(self, **methods: Callable[..., Any]) -> None:
        """Put functions in place of methods."""
        for name, method in methods.items():
            before = _in_place_of(self._loop, name)
            _put(self._loop, name, method)
            self._before.setdefault(name, before)

    def end(self) -> None:
        """Leave the loop alone: what is reported from now on is logged by asyncio, no more."""
        attributes: dict[str, Any] = getattr(self._loop, "__dict__", {})
        for name, before in self._before.items():
            if before is None:
                attributes.pop(name, None)
            else:
                attributes[name] = before
        if self._selector is not None:
            vars(self._selector).pop("select", None)

    def original(self, name: str) -> Callable[..., Any]:
        """How a method was before it was replaced, looked up each time.

        Suites patch methods of the loop's class while the loop runs, and a loop without
        replacements would see that.
        """
        before = self._before.get(name)
        if before is not None:
            return before
        cls = type(self._loop)
        method: Callable[..., Any] = getattr(cls, name)
        bind = getattr(method, "__get__", None)  # A mock has none.
        return method if bind is None else bind(self._loop, cls)

    # -- unhandled exceptions --

    def _keep(self, context: dict[str, Any]) -> None:
        """Keep what the default exception handler is told.

        A handler that the user installs goes before the default one, and what it deals with is
        not unhandled. But when it raises, asyncio tells the default one, and would only log it.
        """
        original = self.original("default_exception_handler")
        exception = context.get("exception")
        # Whoever puts a mock in its place, say, takes notice.
        is_of_loop = getattr(original, "__self__", None) is self._loop
        if isinstance(exception, BaseException) and is_of_loop:
            if is_timeout(exception):
                return  # It interrupts the test, and is reported with it.
            if isinstance(context.get("future"), asyncio.Task) and has_come_out(
                exception
            ):
                return  # The same.
            if getattr(context.get("asyncgen"), "ag_running", False):
                return  # The task that runs it would not end, and is reported for that.
            # A gather() that is cancelled with its tasks, at the end of their loop say, is told
            # of if nobody awaits it: nothing has failed.
            if not isinstance(exception, asyncio.CancelledError):
                _chain_original(exception, context)
                by = _started_by(context)
                self.unhandled.append(Unhandled(exception, _source(context), by=by))
        if created := context.get("source_traceback"):
            created = traceback.StackSummary.from_list(of_users(created))
            context = {**context, "source_traceback": created}
        original(context)

    # -- the tasks of a test or fixture --

    # Not by a task factory, where that can be avoided: users set and look at it, and in some
    # releases of Python (3.13.0) a task that a factory makes goes by the name of 'None'.
    def _create_task(self, coro: Any, **options: Any) -> Any:
        """Keep a task that is started on behalf of a test or fixture."""
        task: Any = self.original("create_task")(coro, **options)
        if not isinstance(cast("object", task), asyncio.futures.Future):
            return task  # The suite has patched the method.
        if isinstance(created := getattr(task, "_source_traceback", None), list):
            del created[-1:]  # This function. asyncio takes its own away, too.
        owner = OWNER.get()
        if owner is not None and not (
            _is_closing_generator(coro) or (IS_WINDOWS and is_accepting(coro))
        ):
            owner.add(task)
        return task

    def create_task(self) -> Callable[..., Any]:
        """What starts a task that need not be kept; a function of the user's comes first."""
        method: Any = self._loop.create_task
        ours = getattr(method, "__func__", None) is Watch._create_task
        if ours or not callable(method):
            return self.original("create_task")
        return cast("Callable[..., Any]", method)

    # -- deadlocks --

    def _watch_selector(self) -> bool:
        """Have the selector ask before it blocks for ever, if anything can be proven then.

        With uvloop, Windows' proactor or a loop of the user's nothing can. Nor with a selector of
        the user's: its ``select()`` may do anything, run callbacks or turn a clock.
        """
        selector: Any = getattr(self._loop, "_selector", None)
        select = getattr(selector, "select", None)
        of_python = getattr(select, "__module__", None) == selectors.__name__
        if isinstance(self._loop, asyncio.SelectorEventLoop) and of_python:
            self._select_before = selector.select
            with contextlib.suppress(TypeError):  # One that takes no attributes.
                _put(selector, "select", self._select)
                self._selector = selector
                self._files = selector.get_map()
        return self._selector is not None

    # asyncio passes 0, which beartype does not take for a float.
    def _select(self, timeout: float | int | None = None) -> list[Any]:  # noqa: PYI041
        """Raise `DeadlockError` out of a loop that blocks and can never wake up."""
        select = self._select_before
        if timeout is not None or not self._drives:
            return select(timeout)
        events = select(PATIENCE)
        while not events:
            if self._is_deadlocked():
                # What was there a moment ago may have called into the loop and gone.
                events = select(0)
                if not events:
                    raise DeadlockError
            else:
                # What keeps the loop from being deadlocked may end without a word to it.
                events = select(RECHECK)
        return events

    def is_idle(self) -> bool:
        """Whether it is certain that one more turn of the running loop would find nothing to do.

        The attributes are private; a loop whose selector is not watched gets its turn.
        """
        loop: Any = self._loop
        return (
            self._selector is not None
            and not loop._ready
            and not loop._scheduled
            and len(self._files) == 1
        )

    def _run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        """Keep a job that an executor has been given, until the loop has heard of it again."""
        job = self.original("run_in_executor")(executor, func, *args)
        if asyncio.isfuture(job):
            self._jobs.add(job)
            job.add_done_callback(self._jobs.discard)
        return job

    def _is_deadlocked(self) -> bool:
        """Whether it is certain that nothing wakes the loop up: no file, signal, thread, process.

        The loop has nothing to run and no timer, or it would not block. Every doubt means no.
        """
        loop: Any = self._loop
        ours = getattr(loop, "_ssock", None)
        if ours is None or set(self._files) != {ours.fileno()}:
            return False
        if self._jobs or getattr(loop, "_signal_handlers", True):
            return False
        return not is_anything_outside(loop)


# -- methods that are replaced on one object --

# While it is in use, not by its __dict__: before Python 3.13, an object that was ever asked for
# that takes four times as long to find an attribute, and all that a loop does finds some.


def _in_place_of(loop: asyncio.AbstractEventLoop, name: str) -> Any:
    """What stands in place of a method on that loop alone; None if the method does."""
    found: Any = getattr(loop, name, None)
    function = getattr(found, "__func__", None)
    of_class = getattr(type(loop), name, None)
    if function is of_class and getattr(found, "__self__", None) is loop:
        return None
    return getattr(loop, "__dict__", {}).get(name)


def _put(target: object, name: str, method: object) -> None:
    try:
        object.__setattr__(target, name, method)
    except (AttributeError, TypeError):
        # A property is in the way, or the type has a way of its own.
        vars(target)[name] = method


# -- unhandled exceptions --


def _chain_original(exception: BaseException, context: dict[str, Any]) -> None:
    """Let what the user's own handler has raised not hide what it was called for."""
    inner = context.get("context")
    if isinstance(inner, dict) and exception.__context__ is None:
        original = cast("dict[str, Any]", inner).get("exception")
        if isinstance(original, BaseException) and original is not exception:
            exception.__context__ = original


def _started_by(context: dict[str, Any]) -> str:
    """The test or fixture that has started the task that failed, where the task tells it."""
    # Tasks have this method from Python 3.12 on, and not all loops have such tasks.
    get_context = getattr(context.get("future"), "get_context", None)
    owner = None if get_context is None else get_context().get(OWNER)
    return "" if owner is None else owner.owner


def _source(context: dict[str, Any]) -> str:
    message = context.get("message") or "Unhandled exception in event loop"
    inner = context.get("context")
    if isinstance(inner, dict):
        # The user's own exception handler raised.
        return f"{message}, called for: {_source(cast('dict[str, Any]', inner))}"
    task = context.get("task") or context.get("future")
    if isinstance(task, asyncio.Task):
        message += f" ({describe(cast('Any', task))})"
    elif task is not None:
        message += f" ({task!r})"
    created = context.get("source_traceback")
    if created:
        created = of_users(created)
        message += "\ncreated at:\n" + "".join(traceback.format_list(created)).rstrip()
    return str(message)


# -- the tasks of a test or fixture --


@final
class Tasks:
    """The tasks that a test or fixture has started, and those that these have started in turn.

    Whatever a fixture's tasks start is not a test's, also while the test runs: who started a
    task is told by the context it was started in.

    :param owner: Who it is, for messages, if it is not the test that is running.
    """

    __slots__ = ("_during", "owner", "started")

    def __init__(self, owner: str = "") -> None:
        self.owner: str = owner
        self._during: Final[dict[weakref.ref[asyncio.Task[Any]], str]] = {}
        self.started: list[weakref.ref[asyncio.Task[Any]]] = []
        """References to the tasks, but for those that are known to be of no interest any more."""

    def add(self, task: asyncio.Task[Any]) -> None:
        """Take note of a task."""
        self.started.append(weakref.ref(task))
        if len(self.started) % 1024 == 0:
            self.started = [ref for ref in self.started if ref() is not None]

    def __iter__(self) -> Iterator[asyncio.Task[Any]]:
        for ref in self.started:
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
        for ref in self.started:
            task = ref()
            if task is not None and _is_due_for_a_report(task):
                # Asked now: asyncio will not report it again.
                exception = task.exception()
                if exception is not None and not has_come_out(exception):
                    message = f"Task exception was never retrieved ({describe(task)})"
                    during = self._during.get(ref, "")
                    found.append(
                        Unhandled(exception, message, during=during, by=self.owner)
                    )
        return found

    def are_pending(self) -> bool:
        """Whether any of them has not ended."""
        return any(not task.done() for task in self)

    def look(self, during: str) -> None:
        """Take note of which have failed by now, and forget those that have ended well.

        Whoever started them has still time to ask.
        """
        left: list[weakref.ref[asyncio.Task[Any]]] = []
        for ref in self.started:
            task = ref()
            if task is None:
                continue
            if task.done():
                if not _is_due_for_a_report(task):
                    continue
                self._during.setdefault(ref, during)
            left.append(ref)
        self.started = left


def _is_closing_generator(coro: object) -> bool:
    """Whether asyncio itself starts a task, for an async generator that nobody refers to."""
    if type(coro).__name__ != "async_generator_athrow":
        return False
    caller = sys._getframe(1).f_back
    if caller is None or caller.f_code is CALLS:
        return True
    # uvloop, which calls it then, has no frame of its own.
    return is_ours(caller.f_code.co_filename)


def has_come_out(exception: BaseException) -> bool:
    """Whether asyncio has let what a task raised come out of the loop, as it does with these."""
    return isinstance(exception, KeyboardInterrupt | SystemExit)


def _is_due_for_a_report(task: asyncio.Task[Any]) -> bool:
    return (
        task.done() and not task.cancelled() and getattr(task, "_log_traceback", False)
    )


OWNER: Final = contextvars.ContextVar[Tasks | None](
    "pytest_asyncio_owner", default=None
)
"""The tasks of the test or fixture in whose context a task is started."""
