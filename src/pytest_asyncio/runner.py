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
from collections.abc import AsyncGenerator
from collections.abc import Callable
from collections.abc import Coroutine
from collections.abc import Iterable
from collections.abc import Sequence
import contextlib
import contextvars
import functools
from typing import Any
from typing import cast
from typing import Final
from typing import final
from typing import Generic
from typing import NoReturn
from typing import TypeAlias
from typing import TypeVar

from pytest_asyncio import shutdown
from pytest_asyncio.current_loop import CurrentLoop
from pytest_asyncio.current_loop import set_current_loop
from pytest_asyncio.deadlock import DeadlockError
from pytest_asyncio.diagnostics import has_come_out
from pytest_asyncio.diagnostics import OWNER
from pytest_asyncio.diagnostics import Tasks
from pytest_asyncio.diagnostics import Unhandled
from pytest_asyncio.diagnostics import Watch
from pytest_asyncio.host_loop import beside_host
from pytest_asyncio.host_loop import IS_TASK_OF_THREAD
from pytest_asyncio.host_loop import leave_task
from pytest_asyncio.host_loop import outside_any_loop
from pytest_asyncio.tasks import all_tasks
from pytest_asyncio.tasks import cancel
from pytest_asyncio.tasks import describe
from pytest_asyncio.tasks import forget_hidden
from pytest_asyncio.tasks import hide
from pytest_asyncio.tasks import report
from pytest_asyncio.tasks import show
from pytest_asyncio.tasks import silence
from pytest_asyncio.tasks import traceback_of
from pytest_asyncio.timeouts import hear_timeout
from pytest_asyncio.tracebacks import raised_inside
from pytest_asyncio.tracebacks import result_of
from pytest_asyncio.windows import IS_WINDOWS
from pytest_asyncio.windows import run_woken_by_signals

__tracebackhide__ = True

T = TypeVar("T")

# How deep the drive is that a task was started under; see Runner.outside().
_DEPTH: Final = contextvars.ContextVar("pytest_asyncio_depth", default=0)


class LoopStoppedError(RuntimeError):
    """User code stopped the loop while a test or fixture was running in it."""


class LoopClosedError(RuntimeError):
    """User code closed the loop before a test or fixture was run in it."""


class LoopRunningError(RuntimeError):
    """Synchronous code asked for something that only a stopped loop can give."""


class LoopRunElsewhereError(RuntimeError):
    """Another thread runs the loop that user code made."""


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
        "_drives",
        "_end",
        "_executor",
        "_family",
        "_interrupted",
        "_interruption",
        "_is_beside_host",
        "_is_run_by_users",
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
        self._is_beside_host = False
        self._is_run_by_users: Final = _is_of_users(
            getattr(type(loop), "run_until_complete", None)  # A mock's has none.
        )
        self._end: asyncio.Future[None] | None = None
        """What the loop runs until, if it is not run by run_forever()."""
        self._executor: Final = shutdown.known_executor(loop) if owned else None
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
        :raises LoopRunElsewhereError: If another thread runs it.
        :raises LoopRunningError: If the loop, or another one of this run, is running.
        :raises LoopStoppedError: If user code stops the loop.
        """
        task = self._start(coroutine, context=context, name=name, owner=owner)
        self._drive(task, task.done)
        return result_of(task)

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
        if self._is_beside_host:
            return
        self._is_beside_host = True
        loop = self.loop
        self.watch.replace(
            run_forever=functools.partial(beside_host, loop.run_forever),
            run_until_complete=functools.partial(beside_host, loop.run_until_complete),
        )

    def _check_usable(self) -> None:
        if self.loop.is_closed():
            raise LoopClosedError
        running = _get_running_loop()
        # In this thread; or this loop, seen from another one.
        if self._running or (running is not None and running in self._family):
            raise LoopRunningError
        if not self.owned and running is not self.loop and self.loop.is_running():
            raise LoopRunElsewhereError

    def _drive(
        self,
        task: asyncio.Task[Any],
        until: Callable[[], bool],
        *,
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
                with (
                    outside_any_loop(),
                    hear_timeout(self.loop, self._interrupt) as timeout,
                ):
                    self.run_forever()
                if timeout is not None and timeout.hit is task:
                    # It was busy, and is done: what are the others at?
                    self._interrupted()
            except BaseException as exc:
                interruption = exc
            if interruption is not None:
                # It is over: what tasks raise from here on does not have it for its context.
                self._after(interruption, task, until)
        finally:
            interruption = None
            self._drives.pop()
            task.remove_done_callback(wake)

    def _after(
        self,
        interruption: BaseException,
        task: asyncio.Task[Any],
        until: Callable[[], bool],
    ) -> NoReturn:
        """Cancel what was interrupted, unless that is at its end, and raise the interruption."""
        try:
            if until():
                if task.done() and not task.cancelled():
                    task.exception()  # It is on its way: Ctrl-C may hit the task itself.
                raise interruption
            # What the tasks wait for has to be seen before they are cancelled.
            where = traceback_of(task)
            if isinstance(interruption, SystemExit):
                # A timeout or Ctrl-C hits whatever is running; this has mostly been asked for.
                where = raised_inside(interruption) or where
            if isinstance(interruption, DeadlockError):
                interruption.args = (self.report(),)
            else:
                self._interrupted()
            try:
                self._abandon(task, interruption)
            except BaseException as exc:
                if exc is not interruption:
                    exc.__context__ = interruption  # Neither is lost.
                raise
            raise interruption.with_traceback(where) from None
        finally:
            del interruption  # Its traceback holds this frame.

    def run_forever(self) -> None:
        """Run the loop, and serve those who ask for something, until what is driven is so.

        It is called as asyncio calls its own: suites look for that line in the stack above a test.
        """
        _, until, _ = self._drives[-1]
        if getattr(self.loop, "_stopping", False):
            # Somebody called stop() while nothing was running; that is over now.
            self.loop.run_forever()
        while not until():
            if self._asked and self._serve():
                continue
            self._running, self._woken = True, False
            try:
                if self._is_run_by_users:
                    self._run_until_end()
                elif IS_WINDOWS:
                    run_woken_by_signals(self.loop)
                else:
                    self.loop.run_forever()
            finally:
                self._running = False
                if IS_TASK_OF_THREAD:
                    leave_task(self.loop)
            if self._interruption is not None:
                exception, self._interruption = self._interruption, None
                raise exception
            if not self._woken and not until():
                raise LoopStoppedError

    def _run_until_end(self) -> None:
        """Run the loop by a ``run_until_complete()`` of the user's, which may prepare something."""
        # Not by the loop: a test may have patched its create_future().
        end = self._end = asyncio.futures.Future(loop=self.loop)
        try:
            self.loop.run_until_complete(end)
        except RuntimeError as exc:
            # Somebody has called stop(), after which run_forever() returns.
            if not shutdown.is_stop(exc):
                raise
        finally:
            self._end = None
            if not end.done() and not self.loop.is_closed():
                end.cancel()  # It may be awaited by a task of that method's.

    def _stop(self) -> None:
        if self._end is None:
            self.loop.stop()
        elif not self._end.done():
            self._end.set_result(None)

    def _wake(self, _: object = None) -> None:
        """Give control back to the innermost drive, which looks whether it is at its end."""
        if self._running:
            self._woken = True
            self._stop()

    def _wake_soon(self) -> None:
        """The same, but a turn later, as the callback of a task that ends comes.

        So what a fixture has begun has had a turn before anybody uses the fixture. That turn is
        spared where it is certain that there is nothing to do in it.
        """
        if self.watch.is_idle():
            self._wake()
        else:
            # A test may have patched what gives it a context otherwise.
            self.loop.call_soon(self._wake, context=contextvars.Context())

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
        self._stop()

    def report(self) -> str:
        """What every task is waiting for, first those that are waited for here."""
        return report(self.loop, [task for task, _, _ in self._drives])

    def _abandon(self, task: asyncio.Task[Any], interruption: BaseException) -> None:
        """Cancel an interrupted task and let it clean up, but not for ever."""
        if self.loop.is_closed() or self.loop.is_running():
            return
        try:
            self._cancel([task])
        finally:
            exception = None
            if task.done() and not task.cancelled():
                exception = task.exception()
            # A task group gives a Ctrl-C out a second time.
            if exception is not None and not _leads_back(exception, interruption):
                what = f"Exception in what was interrupted ({describe(task)})"
                self.watch.unhandled.append(Unhandled(exception, what))

    def _cancel(self, tasks: Sequence[asyncio.Task[Any]]) -> None:
        """Cancel tasks; those that do not end in time are stuck.

        Who swallows one cancellation and goes on may well end at the next one. It comes when
        the time for cleaning up is over.
        """
        try:
            for grace in (shutdown.GRACE, min(shutdown.GRACE, 1.0)):
                pending = [task for task in tasks if not task.done()]
                if not pending:
                    break
                ring = [task for task in pending if not cancel(task)]
                shutdown.complete(
                    self.loop,
                    shutdown.wait_for_cancelled(self.loop, pending, ring, grace),
                )
        except Exception:
            # The loop itself is broken. That they do not end is not for them to answer for.
            for task in tasks:
                silence(task)
            raise
        except BaseException:
            self._note_stuck(tasks)  # Ctrl-C was pressed a second time.
            raise
        self._note_stuck(tasks)

    def _note_stuck(self, tasks: Sequence[asyncio.Task[Any]]) -> None:
        new = [task for task in tasks if not task.done() and task not in self.stuck]
        self.stuck.extend(new)
        self._newly_stuck.extend(new)

    # -- tasks that a test leaves --

    new_tasks: Final = Tasks
    """A place for the tasks of a test, or of a fixture that is named."""

    def pending(self, tasks: Tasks) -> list[asyncio.Task[Any]]:
        """The tasks that do not end by themselves when the loop runs what is ready."""
        left = [task for task in tasks if not task.done() and task not in self.stuck]
        if left and not self.loop.is_closed():
            shutdown.complete(self.loop, shutdown.settle(left))
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
            shutdown.complete(loop, shutdown.turns(5))

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
                cancel(task, f"{fixture.name} crashed")

    # -- the end --

    def close(self) -> list[str]:
        """Cancel what is pending, shut down generators and threads, and close the loop.

        Each step is bounded by `shutdown.GRACE` seconds.

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
            if not shutdown.has_leftovers(loop):
                return []
            set_current_loop(loop)
            return shutdown.complete(
                loop, shutdown.shut_down(loop, self.stuck, self._executor)
            )
        finally:
            if not loop.is_running():
                loop.close()


def _is_of_users(method: object) -> bool:
    """Whether a method of a loop's class is neither asyncio's nor that of a well-known loop's."""
    module = getattr(method, "__module__", None) or "asyncio"
    return module.partition(".")[0] not in _KNOWN


_KNOWN: Final = frozenset({"asyncio", "nest_asyncio", "uvloop", "winloop"})


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

    __slots__ = (
        "_generator",
        "_owner",
        "_release",
        "_released",
        "_values",
        "context",
        "crash",
        "name",
        "runner",
        "task",
    )

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
            self.runner._drive(task, self._is_up)
        except BaseException as exc:
            if self._values and not task.done():
                # It is at its yield already, and what raised is something else in the loop.
                # pytest will not tear down what it has not been given.
                show(task)
                self._released = True
                self.runner._abandon(task, exc)
                if self in self.runner.crashed:
                    self.runner.crashed.remove(self)
            raise
        if not self._values:
            result_of(task)
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
                try:
                    self.runner._check_usable()
                except LoopClosedError:
                    silence(task)
                    raise
                self._released = True
                assert self._release is not None
                if not self._release.done():
                    self._release.set_result(None)
                self.runner._drive(task, task.done, cancellable=False)
        finally:
            if self in self.runner.crashed:
                self.runner.crashed.remove(self)
        result_of(task)

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


def _leads_back(exception: BaseException, interruption: BaseException) -> bool:
    """Whether an exception is the interruption, come once more, and no other."""
    if isinstance(exception, BaseExceptionGroup):
        members: tuple[BaseException, ...] = cast("Any", exception).exceptions
        return all(_leads_back(each, interruption) for each in members)
    return exception is interruption or has_come_out(exception)
