"""Async fixtures that outlive a test and cannot serve the next one, torn down in between.

Those that broke, or whose loop was closed, go at the end of the test in which that happened. Those
that were set up in another variant of the next test's loop go at its beginning. All others are for
pytest to tear down, when their scope ends.
"""

from __future__ import annotations

from typing import Final

import pytest

from pytest_asyncio import _pytest_private
from pytest_asyncio import messages
from pytest_asyncio.loop import Loops
from pytest_asyncio.outcomes import attempt
from pytest_asyncio.outcomes import is_hidden
from pytest_asyncio.state import RunningFixture
from pytest_asyncio.state import RunningTest
from pytest_asyncio.variants import is_outside_policy
from pytest_asyncio.variants import variant_of
from pytest_asyncio.warning_types import PytestAsyncioLoopWarning
from pytest_asyncio.warning_types import warn

__tracebackhide__ = is_hidden


# -- at the end of a test --


def finish_broken(item: pytest.Item, loops: Loops, errors: list[BaseException]) -> None:
    """Tear down at once the wider fixtures that cannot serve any test.

    Those that crashed raise their error here, at the test that was running, and not at
    whichever test their scope ends with. Those whose loop was closed are forgotten.
    """
    for live in loops.crashed():
        if live in loops.live:
            attempt(errors, live.finish)
    if not _is_any_closed(loops):
        return
    homeless = [each for each in reversed(loops.live) if each.runner.loop.is_closed()]
    is_closed_by_user = loops.forget_closed()
    for live in homeless:
        if live in loops.live:
            try:
                live.finish()
            except pytest.fail.Exception:
                pass  # The warning below says it.
            except BaseException as exc:
                errors.append(exc)
    if is_closed_by_user:
        names = [live.name for live in homeless]
        message = messages.loop_closed_by_test(item.nodeid, names)
        attempt(errors, warn, item, PytestAsyncioLoopWarning(message))


def _is_any_closed(loops: Loops) -> bool:
    """Whether user code has closed a loop that a test or fixture uses, or may yet use."""
    for loop in loops.family:
        if loop.is_closed():
            return True
    # One that has been made anew since is not among those.
    return bool(loops.live) and any(live.runner.loop.is_closed() for live in loops.live)


# -- before a test --


def finish_left(item: pytest.Function, test: RunningTest, loops: Loops) -> None:
    """Tear down what earlier tests have left, and what this one cannot use."""
    stale = loops.own_event_loop
    if stale is not None and _pytest_private.is_set_up(stale):
        # Something that a synchronous fixture raised, SystemExit say, has made pytest stop
        # tearing down the test before.
        _pytest_private.finish(stale, _pytest_private.top_request(item))
    if loops.live or loops.failed:
        for live in _of_other_variants(test, loops):
            live.finish()


def _of_other_variants(test: RunningTest, loops: Loops) -> list[RunningFixture]:
    """The fixtures of a test that were set up in another variant of its loop, or failed so."""
    variant = variant_of(test)
    others = [
        each
        for each in (*reversed(loops.live), *loops.failed.values())
        if each.variant not in (None, variant)
        and not is_outside_policy(test, each.fixturedef.scope)
    ]
    if not others:
        return others
    names: set[str] = set(getattr(test.item, "fixturenames", ()))
    given = _pytest_private.parameters(test.item)
    # For any fixture, by getfixturevalue(): such tests are not ordered by their variants.
    is_asking = "request" in names and (
        test.factory is not None or "event_loop_policy" in given
    )
    for value in given.values():
        # Such a parameter stands for the fixture of its name, or for an attribute of that.
        if type(value).__module__.partition(".")[0] in _LAZY:
            names.add(value.name.partition(".")[0])
    return [each for each in others if is_asking or each.fixturedef.argname in names]


_LAZY: Final = frozenset({"pytest_lazy_fixtures", "pytest_lazyfixture"})
"""Packages whose objects, as parameters, stand for fixtures."""
