"""The seam between pytest and asyncio: coroutines and tasks run in one event loop.

A `Runner` stands outside the loop, in synchronous code, and lets the loop go on until what it
waits for has happened. It cancels and drains what is interrupted, and closes the loop. It
imports nothing of pytest, and nothing of the package but what knows of asyncio alone, as it does
itself, so that what pytest wants and how asyncio does it can be read apart. It is imported on the
first async test or fixture of a run, never before.

``__tracebackhide__`` keeps the frames of a module out of the tracebacks that users see.
"""

from __future__ import annotations

import asyncio
from asyncio.events import _get_running_loop
from asyncio.events import _set_running_loop
from collections.abc import AsyncGenerator
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Coroutine
from collections.abc import Generator
from collections.abc import Iterable
from collections.abc import Sequence
import concurrent.futures
import contextlib
import contextvars
import functools
import sys
import threading
import types
from typing import Any
from typing import Final
from typing import final
from typing import Generic
from typing import NoReturn
from typing import TypeAlias
from typing import TypeVar

from pytest_asyncio.current_loop import CurrentLoop
from pytest_asyncio.current_loop import set_current_loop
from pytest_asyncio.diagnostics import DeadlockError
from pytest_asyncio.diagnostics import OWNER
from pytest_asyncio.diagnostics import Tasks
from pytest_asyncio.diagnostics import Unhandled
from pytest_asyncio.diagnostics import Watch
from pytest_asyncio.tasks import all_tasks
from pytest_asyncio.tasks import describe
from pytest_asyncio.tasks import describe_generators
from pytest_asyncio.tasks import forget_hidden
from pytest_asyncio.tasks import hide
from pytest_asyncio.tasks import report
from pytest_asyncio.tasks import show
from pytest_asyncio.tasks import silence
from pytest_asyncio.tasks import traceback_of
from pytest_asyncio.timeouts import hear_timeout
from pytest_asyncio.timeouts import is_timeout_possible

__tracebackhide__ = True

T = TypeVar("T")

GRACE: Final = 5.0
"""Seconds that cancelled tasks, and threads of the default executor, get to end."""

# How deep the drive is that a task was started under; see Runner.outside().
_DEPTH: Final = contextvars.ContextVar("pytest_asyncio_depth", default=0)


class LoopStoppedError(RuntimeError):
    """User code stopped the loop while a test or fixture was running in it."""


class LoopClosedError(RuntimeError):
    """User code closed the loop before a test or fixture was run in it."""


class LoopRunningError(RuntimeError):
    """Synchronous code asked for something that only a stopped loop can give."""


class CancelledWithoutATraceError(asyncio.CancelledError):
    """A task was cancelled while it awaited nothing: there is no line to point at."""


class DidNotYieldError(Exception):
    """An async generator fixture ended without a value."""


class YieldedAgainError(Exception):
    """An async generator fixture had a second value."""


_Drive: TypeAlias = tuple[asyncio.Task[Any], Callable[[], bool], bool]
"""A task, whether what is waited for on its behalf is so, and whether it may be cancelled."""


@final
class Runner:
    """Runs coroutines in one event loop.

    :param loop: The loop; it must not be running.
    :param owned: Whether `close` closes the loop, or leaves that to whoever made it.
    :param family: The runners of this pytest run by their loops; this one adds itself.
    :param unhandled: Where exceptions are put that were reported to the loop.
    :param newly_stuck: Where tasks are put that did not end when they were cancelled.
    :param crashed: Fixtures whose task was cancelled at their yield and that are not torn down
        yet; this one adds and removes its own.
    :param interrupted: Called while the loop stands still, before an interrupted task is cancelled.
    """

    __slots__ = (
        "_asked",
        "_beside_host",
        "_drives",
        "_executor",
        "_family",
        "_interrupted",
        "_interruption",
        "_newly_stuck",
        "_running",
        "_woken",
        "before",
        "crashed",
        "loop",
        "owned",
        "stuck",
        "watch",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        owned: bool,
        family: dict[asyncio.AbstractEventLoop, Runner],
        unhandled: list[Unhandled],
        newly_stuck: list[asyncio.Task[Any]],
        crashed: list[FixtureTask[Any]],
        interrupted: Callable[[], object],
    ) -> None:
        self.loop: Final = loop
        self.owned: Final = owned
        self.before: CurrentLoop | None = None
        """What was current before the loop, where that stays so between tests."""
        self.crashed: Final = crashed
        self.stuck: Final[list[asyncio.Task[Any]]] = []
        """Tasks that did not end when they were cancelled."""
        self._newly_stuck: Final = newly_stuck
        self._interrupted: Final = interrupted
        self._family: Final = family
        self._running = False
        self._woken = False
        self._interruption: BaseException | None = None
        self._drives: Final[list[_Drive]] = []
        self.watch: Final = Watch(loop, self._drives, unhandled)
        """What went wrong in the loop unnoticed."""
        self._asked: Final[list[_Asked]] = []
        self._beside_host = False
        self._executor: Final = _known_executor(loop) if owned else None
        family[loop] = self

    private_variables: Final[frozenset[contextvars.ContextVar[Any]]] = frozenset(
        {_DEPTH, OWNER}
    )
    """Context variables that are the runner's own."""

    # -- running --

    def run(
        self,
        coroutine: Coroutine[Any, Any, T],
        *,
        context: contextvars.Context,
        name: str,
        owner: Tasks,
    ) -> T:
        """Run a coroutine as one task, to its end.

        :param coroutine: What to run; it is closed if the loop cannot run it.
        :param context: The context that the task runs in, itself and not a copy.
        :param name: Name of the task.
        :param owner: Where the tasks are kept that are started on its behalf.
        :returns: What the coroutine returns.
        :raises DeadlockError: If it is certain that it would never end.
        :raises LoopClosedError: If the loop is closed.
        :raises LoopRunningError: If the loop, or another one of this run, is running.
        :raises LoopStoppedError: If user code stops the loop.
        """
        task = self._start(coroutine, context=context, name=name, owner=owner)
        self._drive(task, task.done, owner=owner)
        return _result(task)

    def _start(
        self,
        coroutine: Coroutine[Any, Any, T],
        *,
        context: contextvars.Context,
        name: str,
        owner: Tasks,
    ) -> asyncio.Task[T]:
        try:
            self._check_usable()
        except BaseException:
            coroutine.close()
            raise
        context.run(OWNER.set, owner)
        if self._drives:
            context.run(_DEPTH.set, len(self._drives))
        task: asyncio.Task[T]
        try:
            create_task = self.watch.create_task()  # Its end is waited for here.
            try:
                task = create_task(coroutine, name=name, context=context)
            except TypeError:
                # A task factory from before Python 3.11, or a loop, that takes no context. The
                # task then gets a copy, and what it sets stays with it.
                task = context.run(create_task, coroutine)
        except BaseException:
            coroutine.close()  # A task factory of the user's has raised.
            raise
        return task

    def make_current(self) -> None:
        """Make the loop the current one; let synchronous code run it beside one of its host's."""
        set_current_loop(self.loop)
        if _get_running_loop() is not None:
            self._run_beside_host()

    def _run_beside_host(self) -> None:
        """Let a synchronous test run the loop although its thread's host has one running.

        The methods are replaced only where there is a host: others may replace them, too, and
        nest_asyncio does so for the class.
        """
        if self._beside_host:
            return
        self._beside_host = True
        loop = self.loop
        self.watch.replace(
            run_forever=functools.partial(_beside_host, loop.run_forever),
            run_until_complete=functools.partial(_beside_host, loop.run_until_complete),
        )

    def _check_usable(self) -> None:
        if self.loop.is_closed():
            raise LoopClosedError
        running = _get_running_loop()
        # In this thread; or this loop, seen from another one.
        if self._running or (running is not None and running in self._family):
            raise LoopRunningError

    def _drive(
        self,
        task: asyncio.Task[Any],
        until: Callable[[], bool],
        *,
        owner: Tasks,
        cancellable: bool = True,
    ) -> None:
        """Let the loop run until something is so, on behalf of a task.

        Whatever comes out of the loop itself while the task is pending (Ctrl-C, a signal
        handler that raises, a callback that raises SystemExit) interrupts the task: it is
        cancelled and drained here, so that it never goes on behind pytest's back.
        """
        wake = self._wake
        task.add_done_callback(wake)
        self._drives.append((task, until, cancellable))
        interruption: BaseException | None = None
        try:
            try:
                if _get_running_loop() is None and not is_timeout_possible():
                    self._go_on(until)
                else:
                    with (
                        _outside_any_loop(),
                        hear_timeout(self.loop, self._interrupt) as timeout,
                    ):
                        self._go_on(until)
                    if timeout is not None and timeout.hit is task:
                        # It was busy, and is done: what are the others at?
                        self._interrupted()
            except BaseException as exc:
                interruption = exc
            if interruption is not None:
                # It is over: what tasks raise from here on does not have it for its context.
                self._after(interruption, task, until, owner)
        finally:
            interruption = None
            self._drives.pop()
            task.remove_done_callback(wake)

    def _after(
        self,
        interruption: BaseException,
        task: asyncio.Task[Any],
        until: Callable[[], bool],
        owner: Tasks,
    ) -> NoReturn:
        """Cancel what was interrupted, unless that is at its end, and raise the interruption."""
        try:
            if until():
                if task.done() and not task.cancelled():
                    task.exception()  # It is on its way: Ctrl-C may hit the task itself.
                _forget(interruption, owner)
                raise interruption
            # What the tasks wait for has to be seen before they are cancelled.
            where = traceback_of(task)
            if isinstance(interruption, DeadlockError):
                interruption.args = (self.report(),)
            else:
                self._interrupted()
            try:
                self._abandon(task)
            except BaseException as exc:
                if exc is not interruption:
                    exc.__context__ = interruption  # Neither is lost.
                raise
            _forget(interruption, owner)
            raise interruption.with_traceback(where) from None
        finally:
            del interruption  # Its traceback holds this frame.

    def _go_on(self, until: Callable[[], bool]) -> None:
        """Run the loop, and serve those who ask for something, until something is so."""
        if getattr(self.loop, "_stopping", False):
            # Somebody called stop() while nothing was running; that is over now.
            self.loop.run_forever()
        while not until():
            if self._asked and self._serve():
                continue
            self._running, self._woken = True, False
            try:
                self.loop.run_forever()
            finally:
                self._running = False
                if _IS_TASK_OF_THREAD:
                    _leave_task(self.loop)
            if self._interruption is not None:
                exception, self._interruption = self._interruption, None
                raise exception
            if not self._woken and not until():
                raise LoopStoppedError

    def _wake(self, _: object = None) -> None:
        """Give control back to the innermost drive, which looks whether it is at its end."""
        if self._running:
            self._woken = True
            self.loop.stop()

    def _wake_soon(self) -> None:
        """The same, but a turn later, as the callback of a task that ends comes.

        So what a fixture has begun has had a turn before anybody uses the fixture. That turn is
        spared where it is certain that there is nothing to do in it.
        """
        if self.watch.is_idle():
            self._wake()
        else:
            self.loop.call_soon(self._wake)

    def _wake_early(self, task: asyncio.Task[Any] | None) -> None:
        """Called by a task that is about to end: spare the same turn, where that is certain."""
        if (
            task is not None
            and self._drives
            and self._drives[-1][0] is task
            and self.watch.is_idle()
        ):
            task.remove_done_callback(self._wake)
            self._wake()

    def _interrupt(
        self, exception: BaseException, hit: asyncio.Task[Any] | None
    ) -> None:
        """Have an exception come out of the loop, although something in it may catch it."""
        if not self._running or self._woken:
            return  # It has come out.
        driven = self._drives[-1][0]
        if hit is driven or driven.done():
            return
        if hit is not None and hit.done() and not hit.cancelled():
            hit.exception()  # Nor is it one that nobody retrieved.
        self._interruption = exception
        self.loop.stop()

    def report(self) -> str:
        """What every task is waiting for, first those that are waited for here."""
        return report(self.loop, [task for task, _, _ in self._drives])

    def _abandon(self, task: asyncio.Task[Any]) -> None:
        """Cancel an interrupted task and let it clean up, but not for ever."""
        if self.loop.is_closed() or self.loop.is_running():
            return
        try:
            self._cancel([task])
        finally:  # A task group gives a Ctrl-C out a second time.
            if task.done() and not task.cancelled():
                task.exception()  # The interruption is reported, not what it led to.

    def _cancel(self, tasks: Sequence[asyncio.Task[Any]]) -> None:
        """Cancel tasks; those that do not end in time are stuck.

        Who swallows one cancellation and goes on may well end at the next one. It comes when
        the time for cleaning up is over.
        """
        broken = False
        try:
            for grace in (GRACE, min(GRACE, 1.0)):
                pending = [task for task in tasks if not task.done()]
                if not pending:
                    break
                for task in pending:
                    task.cancel()
                _complete(self.loop, _wait(self.loop, pending, grace))
        except Exception:
            # The loop itself is broken. That they do not end is not for them to answer for.
            broken = True
            for task in tasks:
                silence(task)
            raise
        finally:
            # Also when Ctrl-C is pressed a second time.
            if not broken:
                new = [
                    task for task in tasks if not task.done() and task not in self.stuck
                ]
                self.stuck.extend(new)
                self._newly_stuck.extend(new)

    # -- tasks that a test leaves --

    def tasks(self, owner: str = "") -> Tasks:
        """A place for the tasks of a test, or of a fixture that is named."""
        return Tasks(owner)

    def pending(self, tasks: Tasks) -> list[asyncio.Task[Any]]:
        """The tasks that do not end by themselves when the loop runs what is ready."""
        left = [task for task in tasks if not task.done() and task not in self.stuck]
        if left and not self.loop.is_closed():
            _complete(self.loop, _settle(left))
        return [task for task in left if not task.done()]

    def settle(self) -> None:
        """Let happen what is about to happen, so that it does not happen in the next test."""
        loop = self.loop
        ready = getattr(loop, "_ready", None)  # uvloop's is out of sight.
        if (
            (ready or (ready is None and all_tasks(loop)))
            and not loop.is_closed()
            and not loop.is_running()
        ):
            _complete(loop, _turns(5))

    def cancel(self, tasks: Iterable[asyncio.Task[Any]]) -> None:
        """Cancel tasks and let them clean up, but not for ever."""
        pending = [task for task in tasks if not task.done()]
        if pending and not self.loop.is_closed():
            self._cancel(pending)

    # -- what a running coroutine asks of pytest --

    @property
    def is_served(self) -> bool:
        """Whether the loop runs for a test or fixture: what a coroutine asks for is done then."""
        return self._running

    async def outside(self, function: Callable[[], T]) -> T:
        """Have a function called outside the loop, in this thread, and await its result.

        The loop stands still meanwhile, unless the function itself runs it: other tasks then
        go on. Two askers are served one after the other; a task that the function waits for
        may ask as well.

        :param function: What to call.
        :returns: What the function returns; what it raises is raised here.
        """
        asked = _Asked(function, self.loop.create_future(), _DEPTH.get())
        self._asked.append(asked)
        self._wake()
        result: T = await asked.answer
        return result

    def _serve(self) -> bool:
        """Call the next function that is asked for, if it is for this drive to do.

        A function that runs the loop is a drive within a drive. What the tasks of the outer
        one ask for then waits until the inner one is done: pytest sets up one fixture at a
        time. The inner one's own tasks are served at once, or it would never end.
        """
        depth = len(self._drives) - 1
        for asked in self._asked:
            if asked.depth >= depth:
                break
        else:
            return False
        self._asked.remove(asked)
        if asked.answer.cancelled():
            return True
        try:
            result = asked.function()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            if not asked.answer.done():
                asked.answer.set_exception(exc)
        else:
            if not asked.answer.done():
                asked.answer.set_result(result)
        return True

    # -- fixtures --

    def fixture(
        self,
        generator: AsyncGenerator[T, None],
        *,
        context: contextvars.Context,
        name: str,
        owner: Tasks,
    ) -> FixtureTask[T]:
        """The task of an async generator fixture, which is not started yet."""
        return FixtureTask(self, generator, context=context, name=name, owner=owner)

    def crash(self, fixture: FixtureTask[Any]) -> None:
        """Take note that a fixture broke while it was in use: cancel whatever uses it."""
        if fixture in self.crashed:
            return
        self.crashed.append(fixture)
        for task, until, cancellable in self._drives:
            # A fixture in the turn after its yield is set up: whoever asked for it is told.
            if cancellable and task is not fixture.task and not until():
                task.cancel(f"{fixture.name} crashed")

    # -- the end --

    def close(self) -> list[str]:
        """Cancel what is pending, shut down generators and threads, and close the loop.

        Each step is bounded by `GRACE` seconds.

        :returns: The tasks and threads that did not end, each described in a line.
        """
        loop = self.loop
        self._family.pop(loop, None)
        for task in self.stuck:
            silence(task)
        try:
            if self.owned and not loop.is_closed() and not loop.is_running():
                return self._close()
            return []
        finally:
            self.watch.end()
            forget_hidden(loop)

    def _close(self) -> list[str]:
        loop = self.loop
        try:
            if not _has_leftovers(loop):
                return []
            set_current_loop(loop)
            return _complete(loop, _shut_down(loop, self.stuck, self._executor))
        finally:
            if not loop.is_running():
                loop.close()


@final
class _Asked:
    """A function that a coroutine wants called outside the loop."""

    __slots__ = ("answer", "depth", "function")

    def __init__(
        self, function: Callable[[], Any], answer: asyncio.Future[Any], depth: int
    ) -> None:
        self.function = function
        self.answer = answer
        self.depth = depth


@final
class FixtureTask(Generic[T]):
    """An async generator that lives in one task, from its first line to its last.

    So a task group, a timeout or a cancel scope may be open while it is suspended at its
    yield: it is entered and left in the same task, and finds that task alive when a child
    crashes or a deadline passes.

    :param runner: Where it runs.
    :param generator: The generator, not started yet.
    :param context: The context of the whole task.
    :param name: Name of the task.
    :param owner: Where the tasks are kept that are started on its behalf.
    """

    def __init__(
        self,
        runner: Runner,
        generator: AsyncGenerator[T, None],
        *,
        context: contextvars.Context,
        name: str,
        owner: Tasks,
    ) -> None:
        self.runner: Final = runner
        self.name: Final = name
        self.context: Final = context
        self.crash: asyncio.CancelledError | None = None
        """What cancelled the task while it was suspended at the yield."""
        self.task: asyncio.Task[None] | None = None
        self._owner: Final = owner
        self._generator: Final = generator
        self._values: Final[list[T]] = []
        self._released = False
        self._release: asyncio.Future[None] | None = None

    def set_up(self) -> T:
        """Run the generator up to its yield.

        :returns: What it yields.
        :raises DidNotYieldError: If it ends instead.
        """
        task = self.task = self.runner._start(
            self._live(), context=self.context, name=self.name, owner=self._owner
        )
        try:
            self.runner._drive(task, self._is_up, owner=self._owner)
        except BaseException:
            if self._values and not task.done():
                # It is at its yield already, and what raised is something else in the loop.
                # pytest will not tear down what it has not been given.
                show(task)
                self._released = True
                self.runner._abandon(task)
                if self in self.runner.crashed:
                    self.runner.crashed.remove(self)
            raise
        if not self._values:
            _result(task)
            raise DidNotYieldError
        return self._values[0]

    def tear_down(self) -> None:
        """Run the rest of the generator.

        :raises YieldedAgainError: If it yields once more; it is closed then.
        """
        task = self.task
        assert task is not None
        show(task)
        try:
            if not task.done():
                if self.runner.loop.is_closed():
                    silence(task)
                self.runner._check_usable()
                self._released = True
                assert self._release is not None
                if not self._release.done():
                    self._release.set_result(None)
                self.runner._drive(
                    task, task.done, owner=self._owner, cancellable=False
                )
        finally:
            if self in self.runner.crashed:
                self.runner.crashed.remove(self)
        _result(task)

    def _is_up(self) -> bool:
        return bool(self._values) or (self.task is not None and self.task.done())

    async def _live(self) -> None:
        generator = self._generator
        try:
            value = await anext(generator)
        except StopAsyncIteration:
            return
        self._values.append(value)
        if self.task is not None:
            hide(self.task)
        self.runner._wake_soon()
        await self._suspended()
        try:
            if self.crash is None:
                await anext(generator)
            else:
                # Where this task waited is of no interest to the user.
                await generator.athrow(self.crash.with_traceback(None))
        except StopAsyncIteration:
            self.runner._wake_early(self.task)
            return
        # A task group makes an error of its being closed.
        with contextlib.suppress(Exception, BaseExceptionGroup):
            await generator.aclose()
        raise YieldedAgainError

    async def _suspended(self) -> None:
        """Wait for the tear-down, and keep the cancellation that comes before it, if one does.

        Whoever uses the fixture is still there and comes first: the cancellation is thrown
        into the generator only when pytest tears it down. Cancel scopes repeat themselves
        until they are heard, hence the loop.
        """
        while not self._released:
            self._release = self.runner.loop.create_future()
            try:
                await self._release
            except asyncio.CancelledError as exc:
                self.crash = self.crash or exc
                if not self._released:
                    self.runner.crash(self)


def _forget(exception: BaseException, owner: Tasks) -> None:
    """Let asyncio not report what ends the run: it comes out of every task that it hits."""
    if isinstance(exception, KeyboardInterrupt | SystemExit):
        owner.forget(exception)


def _result(task: asyncio.Task[T]) -> T:
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


def _is_stop(exception: BaseException) -> bool:
    # asyncio has no exception type for it; uvloop uses the same words.
    return isinstance(exception, RuntimeError) and str(exception).startswith(
        "Event loop stopped before Future completed"
    )


_swap_current_task: Final[Callable[[object, object], object]] = getattr(
    # Before Python 3.12, the current task is not kept by the thread.
    asyncio.tasks,
    "_swap_current_task",
    lambda _loop, _task: None,
)

_IS_TASK_OF_THREAD: Final = sys.version_info >= (3, 14)

_INSIDE_NONE: Final = contextlib.nullcontext()


def _outside_any_loop() -> contextlib.AbstractContextManager[None]:
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


def _leave_task(loop: asyncio.AbstractEventLoop) -> None:
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


def _beside_host(method: Callable[..., T], *args: Any) -> T:
    with _outside_any_loop():
        return method(*args)


def _complete(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine of ours to its end, although user code may stop the loop meanwhile."""
    with _outside_any_loop():
        try:
            task = loop.create_task(coroutine)
        except BaseException:
            coroutine.close()  # A task factory of the user's has raised.
            raise
        hide(task)  # Who cancels all tasks that there are does not mean this one.
        try:
            for _ in range(_STOPS):
                try:
                    return loop.run_until_complete(task)
                except RuntimeError as exc:
                    if not _is_stop(exc):
                        raise
            return loop.run_until_complete(task)
        finally:
            show(task)


_STOPS: Final = 100
"""How often user code may stop a loop while it is being cleaned up."""


def _known_executor(
    loop: asyncio.AbstractEventLoop,
) -> concurrent.futures.ThreadPoolExecutor | None:
    """Give a loop that hides its default executor, as uvloop does, one that is known.

    Its threads start with the first job, as always, and do not end unless that one does. They
    would be waited for without a limit.
    """
    if hasattr(loop, "_default_executor"):
        return None
    executor = concurrent.futures.ThreadPoolExecutor(thread_name_prefix="asyncio")
    try:
        loop.set_default_executor(executor)
    except NotImplementedError:
        return None  # A loop of the user's that has no executor.
    return executor


def _has_leftovers(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether closing the loop takes a turn of it.

    A turn costs as much as running a small test, and most loops end with nothing left. The
    attributes are private; where a loop (uvloop's) has none of them, it gets its turn.
    """
    return bool(
        getattr(loop, "_ready", True)
        or getattr(loop, "_asyncgens", True)
        or _is_users_own(loop, "shutdown_asyncgens")
        or _is_users_own(loop, "shutdown_default_executor")
        or getattr(loop, "_default_executor", True)
        or all_tasks(loop)
    )


def _is_users_own(loop: asyncio.AbstractEventLoop, name: str) -> bool:
    """Whether user code has a method of its own, which it wants to be called."""
    method = getattr(type(loop), name, None)
    return (
        method is not getattr(asyncio.BaseEventLoop, name)
        and isinstance(method, types.FunctionType)  # uvloop's are none.
    ) or name in getattr(loop, "__dict__", ())


async def _turns(number: int) -> None:
    for _ in range(number):
        await asyncio.tasks.sleep(0)


async def _settle(futures: Collection[asyncio.Future[Any]]) -> None:
    """Let tasks end that have nothing to wait for; some turns of the loop are enough for it."""
    for _ in range(20):
        if all(future.done() for future in futures):
            return
        await asyncio.tasks.sleep(0)


async def _wait(
    loop: asyncio.AbstractEventLoop,
    futures: Collection[asyncio.Future[Any]],
    seconds: float,
) -> None:
    """Wait until futures are done, but not for ever.

    The seconds are a thread's. The loop's own clock may be one that user code has stopped, or
    that it turns by hand.
    """
    await _settle(futures)
    left = {future for future in futures if not future.done()}
    if not left:
        return
    end = loop.create_future()

    def finish() -> None:
        if not end.done():
            end.set_result(None)

    def done(future: asyncio.Future[Any]) -> None:
        left.discard(future)
        if not left:
            finish()

    for future in tuple(left):
        future.add_done_callback(done)
    timer = threading.Timer(seconds, loop.call_soon_threadsafe, [finish])
    timer.daemon = True
    timer.start()
    try:
        await end
    finally:
        timer.cancel()
        timer.join()
        for future in futures:
            future.remove_done_callback(done)


async def _shut_down(
    loop: asyncio.AbstractEventLoop,
    stuck: Collection[asyncio.Task[Any]],
    executor: concurrent.futures.ThreadPoolExecutor | None,
) -> list[str]:
    left: list[str] = []
    current = asyncio.tasks.current_task(loop)
    pending = {
        task
        for task in all_tasks(loop)
        # Those that are stuck had their time, and have been reported.
        if task is not current and task not in stuck
    }
    for task in pending:
        task.cancel()
    if pending:
        await _wait(loop, pending, GRACE)
        done = {task for task in pending if task.done()}
        pending -= done
        for task in done:
            _tell(
                loop, task, "a pending task was cancelled at the end of its event loop"
            )
        for task in pending:
            silence(task)
            left.append(f"{describe(task)}, did not end when it was cancelled")
    left += await _shut_down_generators(loop)
    left += await _shut_down_executor(
        loop, getattr(loop, "_default_executor", None) or executor
    )
    return left


def _tell(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any], when: str) -> None:
    """Tell the loop's exception handler what a task has raised, if it has."""
    if not task.cancelled() and (exc := task.exception()) is not None:
        loop.call_exception_handler(
            {"message": f"exception while {when}", "exception": exc, "task": task}
        )


async def _shut_down_generators(loop: asyncio.AbstractEventLoop) -> list[str]:
    before = asyncio.tasks.all_tasks(loop)
    shut_down = asyncio.tasks.ensure_future(loop.shutdown_asyncgens())
    if await _has_ended(loop, shut_down, "async generators were closed"):
        return []
    closing = asyncio.tasks.all_tasks(loop) - before - {shut_down}
    left = describe_generators(closing)
    shut_down.cancel()
    await _wait(loop, [shut_down, *closing], min(GRACE, 1.0))
    return [f"{each}, did not end when it was closed" for each in left]


async def _has_ended(
    loop: asyncio.AbstractEventLoop, step: asyncio.Task[None], what: str
) -> bool:
    """Whether a step of the shut-down ends in time; what it raises is told."""
    await _wait(loop, [step], GRACE)
    if not step.done():
        return False
    _tell(loop, step, f"{what} at the end of their event loop")
    return True


async def _shut_down_executor(
    loop: asyncio.AbstractEventLoop,
    executor: concurrent.futures.ThreadPoolExecutor | None,
) -> list[str]:
    is_users_own = _is_users_own(loop, "shutdown_default_executor")
    left: list[str] = []
    # It may be a loop that no thread can wake up, and one that knows what to do then.
    if executor is not None and not (
        is_users_own and _is_users_own(loop, "call_soon_threadsafe")
    ):
        left = await _wait_for_threads(loop, executor)
    if not left and is_users_own:
        step = asyncio.tasks.ensure_future(loop.shutdown_default_executor())
        if not await _has_ended(loop, step, "the default executor was shut down"):
            step.cancel()
            left.append("shutdown_default_executor() of the loop did not end")
    return left


async def _wait_for_threads(
    loop: asyncio.AbstractEventLoop, executor: concurrent.futures.ThreadPoolExecutor
) -> list[str]:
    executor.shutdown(wait=False, cancel_futures=True)
    threads = list(getattr(executor, "_threads", ()))
    ended = loop.create_future()

    def join() -> None:
        for thread in threads:
            thread.join()
        with contextlib.suppress(RuntimeError):  # Too late: the loop is closed.
            loop.call_soon_threadsafe(ended.set_result, None)

    if any(thread.is_alive() for thread in threads):
        joiner = threading.Thread(target=join, daemon=True)
        joiner.start()
        await _wait(loop, [ended], GRACE)
        if ended.done():
            joiner.join()
    return [
        f"thread {thread.name!r} of the default executor did not end, and Python will "
        "wait for it when the run is over"
        for thread in threads
        if thread.is_alive()
    ]
