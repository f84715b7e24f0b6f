"""Async generator fixtures, each of which lives in one task from its first line to its last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
import contextlib
import contextvars
from typing import Final
from typing import final
from typing import Generic
from typing import TYPE_CHECKING
from typing import TypeVar

from pytest_asyncio.diagnostics import Tasks
from pytest_asyncio.tasks import hide
from pytest_asyncio.tasks import show
from pytest_asyncio.tasks import silence
from pytest_asyncio.tracebacks import result_of

if TYPE_CHECKING:
    from pytest_asyncio.runner import Runner

__tracebackhide__ = True

T = TypeVar("T")


class DidNotYieldError(Exception):
    """An async generator fixture ended without a value."""


class YieldedAgainError(Exception):
    """An async generator fixture had a second value."""


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
        task = self.task = self.runner.start(
            self._live(), context=self.context, name=self.name, owner=self._owner
        )
        try:
            self.runner.drive(task, self._is_up)
        except BaseException as exc:
            if self._values and not task.done():
                # It is at its yield already, and what raised is something else in the loop.
                # pytest will not tear down what it has not been given.
                show(task)
                self._released = True
                self.runner.abandon(task, exc)
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
                if self.runner.loop.is_closed():
                    silence(task)
                self.runner.check_usable()
                self._released = True
                assert self._release is not None
                if not self._release.done():
                    self._release.set_result(None)
                self.runner.drive(task, task.done, cancellable=False)
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
        self.runner.wake_soon()
        await self._suspended()
        try:
            if self.crash is None:
                await anext(generator)
            else:
                # Where this task waited is of no interest to the user.
                await generator.athrow(self.crash.with_traceback(None))
        except StopAsyncIteration:
            self.runner.wake_early(self.task)
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
