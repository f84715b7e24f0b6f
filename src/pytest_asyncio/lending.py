"""Which loop is the current one while a fixture is set up or torn down, and after it.

A fixture may run in another loop than the test, or use one. That loop is lent to it, and given
back. So it is for a synchronous test that uses such a fixture. What is current for other tests is
for `loop` to say.
"""

from __future__ import annotations

from collections.abc import Container
from collections.abc import Generator
import contextlib
import functools
from typing import TYPE_CHECKING

import pytest

from pytest_asyncio import _pytest_private
from pytest_asyncio.functions import unbound
from pytest_asyncio.homes import AnyFixtureDef
from pytest_asyncio.homes import is_narrower
from pytest_asyncio.homes import scope_of
from pytest_asyncio.loop import Loops
from pytest_asyncio.outcomes import is_hidden
from pytest_asyncio.state import RunningTest

if TYPE_CHECKING:
    from pytest_asyncio.current_loop import CurrentLoop
    from pytest_asyncio.runner import Runner

__tracebackhide__ = is_hidden


def lend(runner: Runner, loops: Loops) -> CurrentLoop | None:
    """Let the loop of a fixture be the current one, if it is not that of the test anyway.

    :returns: What was current, if the test has no loop.
    """
    test = loops.test
    if test is not None and test.runner is runner:
        return None
    before = loops.current() if test is None or test.runner is None else None
    runner.make_current()
    return before


def give_back(runner: Runner, before: CurrentLoop | None, loops: Loops) -> None:
    """Let be current what was so before a loop was lent; None for the loop of the test."""
    if before is not None:
        before.put_back(on_demand=False)
    elif loops.test is None or loops.test.runner is not runner:
        loops.make_current()


@contextlib.contextmanager
def lending_to(fixturedef: AnyFixtureDef, loops: Loops) -> Generator[None]:
    """Let a synchronous fixture find a loop that it may use.

    That of the async fixture that it requests. One that outlives the loop of the test does
    not see that one, but the loop of the async fixtures before it, or what was current before
    the test.
    """
    test = loops.test
    if test is None:
        yield
        return
    runner = of_last_used(fixturedef.argnames, loops)
    is_outliving = (
        fixturedef.scope != "function"
        and test.home is not None
        and is_narrower(scope_of(test.home), than=fixturedef.scope)
    )
    if runner is None and is_outliving:
        others = [each.runner for each in loops.live if each.runner is not test.runner]
        if not others:
            with _lending_what_was_before(test, loops):
                yield
            return
        runner = others[-1]
    if runner is None or runner is test.runner:
        yield
        return
    runner.make_current()
    try:
        yield
    finally:
        # What one that ends with the test makes current is so for the test, and otherwise after it.
        is_changed = is_current_the_users(loops)
        if is_outliving and is_changed and test.policy_before is None:
            test.before = loops.current()
        if is_outliving or not is_changed:
            loops.make_current()


@contextlib.contextmanager
def _lending_what_was_before(test: RunningTest, loops: Loops) -> Generator[None]:
    """The same, with what the fixture makes current being so after the test, too."""
    is_lent = test.before.lend()
    try:
        yield
    finally:
        is_changed = is_lent or is_current_the_users(loops)
        if is_changed and test.policy_before is None:
            test.before = loops.current()
        loops.make_current()


@contextlib.contextmanager
def lending_to_override(
    fixturedef: AnyFixtureDef, request: pytest.FixtureRequest, loops: Loops
) -> Generator[None]:
    """Let an override of ``event_loop`` that asks for the current loop find one.

    ``return asyncio.get_event_loop()`` is what many suites have left of it: releases from 1.0 on
    never call that. asyncio makes a loop for it no more once there has been one, which
    :func:`asyncio.run` sees to, nor from Python 3.14 on; and nobody would close it.
    """
    current = loops.current()
    code = getattr(unbound(fixturedef.func), "__code__", None)
    if current.is_open or "get_event_loop" not in getattr(code, "co_names", ()):
        yield
        return
    runner = loops.make_for_override()
    runner.make_current()
    fixturedef.addfinalizer(
        functools.partial(loops.close_of_override, runner, request.node)
    )
    try:
        yield
    finally:
        is_given = _pytest_private.cached_value(fixturedef) is runner.loop
        if not is_given and loops.current().loop is runner.loop:
            current.put_back(on_demand=True)


def of_last_used(names: Container[str], loops: Loops) -> Runner | None:
    """The loop of that one of some fixtures which was set up last, if any is async."""
    if loops.live and loops.test is not None:
        closure = _pytest_private.requested_fixturedefs(loops.test.item)
        for live in reversed(loops.live):
            name = live.fixturedef.argname
            if name in names and live.fixturedef in closure.get(name, ()):
                return live.runner
    return None


def is_current_the_users(loops: Loops) -> bool:
    """Whether a fixture of the user's has made a loop current that is none of ours."""
    loop = loops.current().loop
    return loop is not None and loop not in loops.family and not loop.is_closed()
