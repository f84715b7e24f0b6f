"""What users see of an exception that has come out of a loop.

The runner's exceptions become messages, and errors of asyncio's get notes that say what asyncio
cannot know: which loops there are, and why. It is the same for a test, and for the set-up and the
tear-down of a fixture. What an exception group means to pytest is for `outcomes` to say.
"""

from __future__ import annotations

import inspect
import textwrap
from typing import Final

import pytest

from pytest_asyncio import _pytest_private
from pytest_asyncio import messages
from pytest_asyncio.config import SCOPES
from pytest_asyncio.functions import location
from pytest_asyncio.functions import unbound
from pytest_asyncio.homes import AnyFixtureDef
from pytest_asyncio.loop import Loops
from pytest_asyncio.outcomes import chain
from pytest_asyncio.outcomes import failure
from pytest_asyncio.outcomes import failure_of
from pytest_asyncio.outcomes import is_hidden
from pytest_asyncio.outcomes import leave_users_frames
from pytest_asyncio.outcomes import members
from pytest_asyncio.outcomes import outcome_of
from pytest_asyncio.state import RunningFixture
from pytest_asyncio.state import RunningTest

__tracebackhide__ = is_hidden


class NotNowError(Exception):
    """A set-up failed for a reason that is not the fixture's own."""

    def __init__(self, failure: BaseException) -> None:
        self.failure = failure


def of_test(exc: BaseException, item: pytest.Item, loops: Loops) -> BaseException:
    """What the user is to see of a failed test."""
    import asyncio

    from pytest_asyncio import runner

    what = item.nodeid
    if isinstance(exc, runner.LoopRunningError):
        return failure(messages.test_in_running_loop(what), item)
    if isinstance(exc, asyncio.CancelledError) and loops.crashed():
        return of_crash(item, loops)
    return outcome_of(_of_any(exc, what, item, loops))


def of_set_up(
    exc: BaseException, live: RunningFixture, item: pytest.Item, loops: Loops
) -> BaseException:
    """What the user is to see of a failed set-up."""
    import asyncio

    from pytest_asyncio import runner

    if isinstance(exc, runner.DidNotYieldError):
        return did_not_yield(live, item)
    if isinstance(exc, runner.LoopRunningError):
        text = messages.fixture_asked_for_in_running_loop(live.name, item.nodeid)
        return NotNowError(pytest.fail.Exception(text))
    if isinstance(exc, asyncio.CancelledError) and loops.crashed():
        return of_crash(item, loops, live)
    what = f"the fixture {live.name!r} of {item.nodeid}"
    return outcome_of(_of_any(exc, what, item, loops, live))


def of_tear_down(
    exc: BaseException, live: RunningFixture, loops: Loops
) -> BaseException:
    """What the user is to see of a failed tear-down."""
    import asyncio

    from pytest_asyncio import runner

    test = loops.test
    item = _pytest_private.item_of(live.request) if test is None else test.item
    if isinstance(exc, runner.YieldedAgainError):
        return yielded_again(live, item)
    if isinstance(exc, runner.LoopRunningError):
        return failure(messages.torn_down_in_running_loop(live.name), item)
    if live.task is not None and live.task.crash is not None:
        told = live.name, live.fixturedef.scope, loops.during()
        if isinstance(exc, asyncio.CancelledError):
            return failure(messages.fixture_cancelled_silently(*told), item)
        # pytest shows that of a Ctrl-C in its closing line.
        if not isinstance(exc, KeyboardInterrupt):
            exc.add_note(messages.raised_by_crashed_fixture(*told))
    what = f"the tear-down of the fixture {live.name!r} after {loops.during()}"
    return failure_of(_of_any(exc, what, item, loops, live))


def of_crash(
    item: pytest.Item, loops: Loops, being_set_up: RunningFixture | None = None
) -> BaseException:
    """What the user is to see of a test, or a set-up, that was cancelled for a fixture."""
    names = [live.name for live in loops.crashed()]
    if being_set_up is None:
        during = f"{item.nodeid} was running"
        return failure(messages.fixtures_crashed(names, during), item)
    during = f"the fixture {being_set_up.name!r} was being set up for {item.nodeid}"
    return NotNowError(failure(messages.fixtures_crashed(names, during), item))


def did_not_yield(live: RunningFixture, item: pytest.Item) -> BaseException:
    """What the user is to see of a generator without a value."""
    return failure(messages.did_not_yield(live.name, *_shown(live)), item)


def yielded_again(live: RunningFixture, item: pytest.Item) -> BaseException:
    """What the user is to see of a generator with a second value."""
    return failure(messages.yielded_again(live.name, *_shown(live)), item)


def _shown(live: RunningFixture) -> tuple[str, str]:
    """The source of a fixture's function, and where it stands."""
    function = unbound(live.fixturedef.func)
    item = _pytest_private.item_of(live.request)
    try:
        source = textwrap.dedent(inspect.getsource(function))
    except OSError:
        source = function.__name__
    shown = textwrap.indent(source.rstrip(), "    ")
    return shown, location(live.fixturedef, item)


def _of_any(
    exc: BaseException,
    what: str,
    item: pytest.Item,
    loops: Loops,
    asking: RunningFixture | None = None,
) -> BaseException:
    """The message for what may come out of any drive of a loop, or the exception, explained."""
    from pytest_asyncio import runner
    from pytest_asyncio.deadlock import DeadlockError
    from pytest_asyncio.tracebacks import CancelledWithoutATraceError
    from pytest_asyncio.tracebacks import user_traceback

    if isinstance(exc, runner.LoopStoppedError):
        return failure(messages.loop_stopped(what), item)
    if isinstance(exc, runner.LoopClosedError):
        override = _override(item, loops, asking)
        return failure(messages.loop_closed(what, override), item)
    if isinstance(exc, runner.LoopRunElsewhereError):
        override = _override(item, loops, asking)
        return failure(messages.loop_is_run_elsewhere(what, override), item)
    if isinstance(exc, DeadlockError):
        deadlock = pytest.fail.Exception(messages.deadlock(what, str(exc)))
        return deadlock.with_traceback(user_traceback(exc))
    if isinstance(exc, CancelledWithoutATraceError):
        return failure(messages.cancelled_without_a_trace(what), item)
    if isinstance(exc, pytest.fail.Exception) or members(exc):
        leave_users_frames(exc)  # It may have come through pytest's getfixturevalue().
    explain(exc, item, loops, asking)
    return exc


def _override(item: pytest.Item, loops: Loops, asking: RunningFixture | None) -> str:
    """Where the user's ``event_loop`` stands, if it has made the loop that this is about."""
    test = loops.test
    if test is None or test.override is None:
        return ""
    runner = test.runner if asking is None else asking.runner
    is_adopted = runner is not None and not runner.owned
    return location(test.override, item) if is_adopted else ""


# -- errors of asyncio's --

# It has no exception types for these, and says them in several ways.
_OF_RUNNING_LOOP: Final = (
    "cannot be called from a running event loop",
    "This event loop is already running",
    "while another loop is running",
)
# Futures and tasks say the first, locks and queues the second.
_OF_TWO_LOOPS: Final = (
    "different loop",
    "different event loop",
    "Event loop is closed",
)


def explain(
    exc: BaseException,
    item: pytest.Item,
    loops: Loops,
    asking: RunningFixture | None = None,
) -> None:
    """Add to an error of asyncio's what it cannot know: which loops there are, and why."""
    test = loops.test
    if test is None or test.runner is None:
        return
    who = item.nodeid
    if asking is not None:
        who = f"the fixture {asking.name!r} of {who}"
    for each in chain(exc):
        text = str(each) if type(each) is RuntimeError else ""
        if any(words in text for words in _OF_RUNNING_LOOP):
            each.add_note(messages.loop_is_running(who))
            return
        if any(words in text for words in _OF_TWO_LOOPS):
            _explain_two_loops(each, who, asking or test, loops)
            return


def _explain_two_loops(
    culprit: BaseException, who: str, asking: RunningFixture | RunningTest, loops: Loops
) -> None:
    used: set[str] = set(
        asking.fixturedef.argnames
        if isinstance(asking, RunningFixture)
        else getattr(asking.item, "fixturenames", ())
    )
    others = [live for live in loops.live if live.runner is not asking.runner]
    known = [live for live in others if live.fixturedef.argname in used]
    # What was requested by request.getfixturevalue() is known to be there, no more.
    if not known and "request" in used:
        known = others
    if known:
        told = list(dict.fromkeys((live.name, live.scope) for live in known))
        settings = loops.settings
        options = {
            "asyncio_default_test_loop_scope": settings.default_test_loop_scope,
            "asyncio_default_fixture_loop_scope": settings.default_fixture_loop_scope,
        }
        given = [name for name in options if options[name] is not None]
        note = messages.two_loops(who, asking.scope, told, SCOPES, given)
        culprit.add_note(note)
    elif (
        str(culprit).endswith(_OF_AN_OBJECT)
        and asking.runner is not None
        and not asking.runner.loop.is_closed()
    ):
        culprit.add_note(messages.of_another_loop(who, asking.scope))


_OF_AN_OBJECT: Final = (
    "> attached to a different loop",
    "> is bound to a different event loop",
    "Event loop is closed",
)
"""What asyncio says of an object that belongs to another loop."""


def explain_no_loop(
    exc: BaseException, fixturedef: AnyFixtureDef, item: pytest.Item
) -> None:
    """Add to what a synchronous fixture has raised that it is to be async, where that helps."""
    # Not what it came up in the handling of: that may have been asked for, and heeded.
    each: BaseException | None = exc
    seen: set[int] = set()  # An exception may be its own cause.
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        if type(each) is RuntimeError and str(each) == "no running event loop":
            # One that this fixture has asked for may have been told already.
            if not hasattr(each, "__notes__"):
                where = location(fixturedef, item)
                each.add_note(messages.no_running_loop(fixturedef.argname, where))
            return
        each = each.__cause__
