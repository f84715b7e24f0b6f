"""What goes wrong behind the back of a test, in tasks and callbacks: found, and told at the test.

What a loop hears of, its `Runner` puts into `Loops.unhandled` and `Loops.stuck`. What asyncio
would tell too late, or never, is found here, from the tasks that tests and fixtures have started.
All of it is told at the end of each phase of a test: set-up, call and tear-down. What is left when
the run has ended is told there.

What a test or fixture raises itself is for `failures` to say.
"""

from __future__ import annotations

from collections.abc import Generator
import contextlib
from typing import TYPE_CHECKING

import pytest

from pytest_asyncio import failures
from pytest_asyncio import messages
from pytest_asyncio.config import LeakedTasks
from pytest_asyncio.loop import Loops
from pytest_asyncio.outcomes import attempt
from pytest_asyncio.outcomes import failure
from pytest_asyncio.outcomes import is_hidden
from pytest_asyncio.state import RunningFixture
from pytest_asyncio.warning_types import PytestAsyncioLeakedTaskWarning
from pytest_asyncio.warning_types import PytestAsyncioLoopWarning
from pytest_asyncio.warning_types import PytestAsyncioUnhandledExceptionWarning
from pytest_asyncio.warning_types import warn

if TYPE_CHECKING:
    from pytest_asyncio.diagnostics import Tasks
    from pytest_asyncio.diagnostics import Unhandled
    from pytest_asyncio.runner import Runner

__tracebackhide__ = is_hidden


# -- the tasks that are looked at --


@contextlib.contextmanager
def keeping_tasks(loops: Loops) -> Generator[None]:
    """Keep the tasks that a synchronous test starts, as a `Runner` does those of others."""
    from pytest_asyncio.diagnostics import OWNER
    from pytest_asyncio.diagnostics import Tasks

    tasks = Tasks()
    token = OWNER.set(tasks)
    try:
        yield
    finally:
        # The hook may have run in several contexts.
        with contextlib.suppress(ValueError):
            OWNER.reset(token)
        if loops.test is not None and loops.test.tasks is None:
            loops.test.tasks = tasks


def keep_tasks_of(live: RunningFixture, loops: Loops) -> None:
    """Keep the tasks of a fixture that has ended, or was never set up, for the next look."""
    if live.tasks is not None and live.tasks.started:
        loops.tasks_over.append(live.tasks)


def look_at_tasks(loops: Loops) -> None:
    """Look at the tasks that the test has kept, now that it and its fixtures are over.

    Those of fixtures that have just been torn down, too: whoever kept one had the time to
    ask it what became of it.
    """
    tasks = None if loops.test is None else loops.test.tasks
    if tasks is not None and tasks.started and tasks not in loops.tasks_left:
        tasks.owner = loops.during()
        loops.tasks_left.append(tasks)
    if loops.tasks_left:
        loops.tasks_over.extend(loops.tasks_left)
        loops.tasks_left[:] = [each for each in loops.tasks_left if each.are_pending()]
    for live in loops.live:
        if live.tasks is not None and live.tasks.started:
            live.tasks.look(loops.during())
    if loops.tasks_over:
        for tasks in loops.tasks_over:
            loops.unhandled.extend(tasks.unhandled())
        loops.tasks_over.clear()


def check_leaked(
    item: pytest.Function, loops: Loops, runner: Runner, tasks: Tasks
) -> None:
    """Cancel and name the tasks that the test has started and not waited for."""
    from pytest_asyncio.tasks import created_at
    from pytest_asyncio.tasks import describe

    pending = runner.pending(tasks)
    if not pending:
        return
    told = [describe(task) + created_at(task) for task in pending]
    runner.cancel(pending)
    message = messages.leaked_tasks(item.nodeid, told)
    if loops.settings.leaked_tasks is LeakedTasks.FAIL:
        raise failure(message, item)
    warn(item, PytestAsyncioLeakedTaskWarning(message))


# -- what is told --


def tell_of_call(item: pytest.Item, loops: Loops, *, alone: bool) -> None:
    """Say at the end of the call what went wrong."""
    if alone:
        # No fixture is there to ask a task later what became of it.
        look_at_tasks(loops)
    if loops.unhandled or loops.stuck:
        tell(item, loops)


def tell(item: pytest.Item, loops: Loops, *, is_last: bool = False) -> None:
    """Say what went wrong since the phase began.

    :param is_last: Whether the fixtures of the test have been torn down. As long as there is
        recwarn, it would have the warnings, and suites assert that it has none.
    """
    from pytest_asyncio.tracebacks import user_traceback

    if not is_last and "recwarn" in getattr(item, "funcargs", ()):
        return
    errors: list[BaseException] = []
    ends: BaseException | None = None
    for each in _take_unhandled(loops):
        if isinstance(each.exception, pytest.exit.Exception):
            ends = each.exception
            continue
        during = each.during or item.nodeid
        failures.explain(each.exception, item, loops)
        by = "" if each.by == during else each.by
        message = messages.unhandled_exception(during, by, str(each), each.more)
        try:
            warn(item, PytestAsyncioUnhandledExceptionWarning(message))
        except PytestAsyncioUnhandledExceptionWarning as warning:
            text = messages.unhandled_exception(during, by, each.source, each.more)
            warning.args = (text,)
            warning.__cause__ = each.exception
            errors.append(warning.with_traceback(user_traceback(each.exception)))
    for message in _take_stuck(loops, item.nodeid):
        attempt(errors, warn, item, PytestAsyncioLoopWarning(message))
    if ends is not None:
        raise ends
    if len(errors) == 1:
        raise errors[0]
    if errors:
        group = BaseExceptionGroup(
            f"exceptions that nobody handled during {item.nodeid}", errors
        )
        raise group.with_traceback(errors[0].__traceback__)


def left_untold(loops: Loops, during: str) -> list[str]:
    """What went wrong that no test is left to be told of: texts for the end of the run.

    :param loops: The loops of the run.
    :param during: The test that was interrupted, or the run.
    """
    unhandled = [
        messages.unhandled_exception(
            each.during or "the end of the run", each.by, str(each), each.more
        )
        for each in _take_unhandled(loops)
    ]
    return unhandled + _take_stuck(loops, during)


def _take_stuck(loops: Loops, during: str) -> list[str]:
    """What is to be said of the tasks that did not end when they were cancelled."""
    if not loops.stuck:
        return []  # And do not import asyncio for that.
    from pytest_asyncio.tasks import describe

    told = [messages.task_did_not_end(during, describe(task)) for task in loops.stuck]
    loops.stuck.clear()
    return told


def _take_unhandled(loops: Loops) -> list[Unhandled]:
    """The exceptions in tasks and callbacks that nobody has taken notice of so far.

    A connection that is lost may fail a hundred tasks: of what is alike, the first is told.
    """
    taken: dict[object, Unhandled] = {}
    for each in loops.unhandled:
        first = taken.setdefault(each.kind(), each)
        if first is not each:
            first.more += 1
    loops.unhandled.clear()
    return list(taken.values())
