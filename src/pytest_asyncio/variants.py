"""Variants of a loop: what tells those of one home apart, by the loop factory or the policy.

A test that runs with two loop factories, or two event loop policies, has a loop of each; so have
the fixtures that it shares with others. Nothing here makes a loop.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from typing import Any
from typing import cast
from typing import Final

from pytest_asyncio import _pytest_private
from pytest_asyncio.homes import is_narrower
from pytest_asyncio.loop_factories import loop_factory
from pytest_asyncio.outcomes import is_hidden
from pytest_asyncio.state import RunningTest

__tracebackhide__ = is_hidden

THE_ONLY_ONE: Final = ""
"""The variant of a loop that nothing makes another one of."""


def variant_of(test: RunningTest) -> object:
    """What tells loops of one home apart: the factory's name, or the policy's parameter."""
    if test.variant is None:
        test.factory = loop_factory(test.item)
        test.variant = _variant(test)
    return test.variant


def _variant(test: RunningTest) -> object:
    if test.factory is not None:
        name, factory = test.factory
        return name, _made_of(factory)
    if test.policy_override is None:
        return THE_ONLY_ONE
    parameter = _pytest_private.parameters(test.item).get("event_loop_policy")
    return test.policy_override, _hashable(parameter)


def _made_of(factory: Any) -> object:
    """The same for a function, lambda or partial that the hook makes anew at each call."""
    if isinstance(factory, functools.partial):
        names, values = tuple(factory.keywords), factory.keywords.values()
        return _made_of(factory.func), names, *map(_same, (*factory.args, *values))
    if not inspect.isfunction(factory):
        return getattr(factory, "__code__", None) or _hashable(factory)
    given = list(factory.__defaults__ or ())
    for cell in factory.__closure__ or ():
        with contextlib.suppress(ValueError):  # It is empty.
            given.append(cell.cell_contents)
    return factory.__code__, *map(_same, given)


def _same(value: Any) -> object:
    """The same for what a factory is given, at each call: what may be made anew counts as alike."""
    if inspect.isfunction(value):
        return value.__code__
    if isinstance(value, functools.partial):
        return _made_of(value)
    if isinstance(value, type | str | int | float | bytes | None):
        return value
    return cast("object", type(value))


def _hashable(value: object) -> object:
    try:
        hash(value)
    except TypeError:
        return id(value)
    return value


def has_factory(test: RunningTest) -> bool:
    """Whether the hook for loop factories has one for a test."""
    variant_of(test)
    return test.factory is not None


def is_outside_policy(test: RunningTest, scope: str) -> bool:
    """Whether the user's event loop policy ends before a loop, or fixture, of some scope."""
    override = test.policy_override
    return (
        override is not None
        and is_narrower(override.scope, than=scope)
        and not has_factory(test)
    )
