"""The ``asyncio`` marker: parsed into a frozen value; which items are the plugin's.

What a test *is* (a coroutine function, an async generator, hypothesis around either, a wrapper
of one) is decided here, from the function and its markers alone. Loops come later.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses
import enum
import functools
import inspect
from typing import Any
from typing import Final
from typing import final
from typing import get_args
from typing import TYPE_CHECKING
import warnings

import pytest

from pytest_asyncio import messages
from pytest_asyncio.config import Mode
from pytest_asyncio.config import ScopeName
from pytest_asyncio.config import SCOPES
from pytest_asyncio.config import settings

if TYPE_CHECKING:
    from typing_extensions import TypeIs

__all__ = ["AsyncioMark", "Kind", "is_async_test"]

FOREIGN_MARKERS: Final = frozenset({"anyio", "tornado", "trio", "twisted"})
"""Markers of other frameworks: in auto mode, a test with one of them is left to it."""


@final
class Kind(enum.Enum):
    """What calling a function gives."""

    COROUTINE = enum.auto()
    GENERATOR = enum.auto()
    """An async generator."""
    WRAPPER = enum.auto()
    """Something synchronous around one of those, which may return an awaitable."""
    XUNIT = enum.auto()
    """pytest's own fixture around an async ``setup_method`` or one of its kin."""
    SYNCHRONOUS = enum.auto()


def unbound(function: Any) -> Any:
    """The function behind partials and methods."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif inspect.ismethod(function) or isinstance(
            function, staticmethod | classmethod
        ):
            function = function.__func__
        else:
            return function


def kind(function: Callable[..., object]) -> Kind:
    """What calling ``function`` gives, as far as can be said without a call."""
    plain = unbound(function)
    if inspect.iscoroutinefunction(plain):
        return Kind.COROUTINE
    if inspect.isasyncgenfunction(plain):
        return Kind.GENERATOR
    if hasattr(plain, "hypothesis"):
        inner = getattr(plain.hypothesis, "inner_test", None)
        return Kind.SYNCHRONOUS if inner is None else kind(inner)
    if hasattr(plain, "__wrapped__"):
        try:
            innermost = inspect.unwrap(plain)
        except ValueError:  # The wrappers go round in a circle.
            return Kind.SYNCHRONOUS
        if innermost is not plain and kind(innermost) in (
            Kind.COROUTINE,
            Kind.GENERATOR,
        ):
            return Kind.WRAPPER
    return Kind.SYNCHRONOUS


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AsyncioMark:
    """The arguments of ``pytest.mark.asyncio``, checked.

    .. versionadded:: 2.0
    """

    loop_scope: ScopeName | None = None
    """Scope of the loop the test runs in, or None to leave it to the options and the plan."""
    loop_factories: tuple[str, ...] | None = None
    """Names of the loop factories the test runs with, in order, or None for all."""


class MarkError(Exception):
    """The arguments of a marker are wrong; the message says how."""


def _arguments(
    *,
    loop_scope: ScopeName | None = None,
    loop_factories: Sequence[str] | None = None,
    scope: ScopeName | None = None,
) -> AsyncioMark:
    """The signature of the marker."""
    if scope is not None:
        if loop_scope is not None:
            raise MarkError(messages.marker_both_scopes())
        loop_scope = scope
    if loop_scope is not None and loop_scope not in SCOPES:
        raise MarkError(messages.marker_scope(loop_scope, get_args(ScopeName)))
    if loop_factories is not None:
        if (
            isinstance(loop_factories, str)
            or not isinstance(loop_factories, Sequence)
            or not loop_factories
            or not all(isinstance(name, str) and name for name in loop_factories)
        ):
            raise MarkError(messages.marker_factories(loop_factories))
        loop_factories = tuple(loop_factories)
    return AsyncioMark(loop_scope=loop_scope, loop_factories=loop_factories)


_DEFAULT: Final = AsyncioMark()
_NAMES: Final = tuple(inspect.signature(_arguments).parameters)


def parse(mark: pytest.Mark) -> AsyncioMark:
    """The arguments of a marker as a value.

    :raises MarkError: If they are not what the marker takes.
    """
    if not mark.args and not mark.kwargs:
        return _DEFAULT
    if mark.args:
        raise MarkError(messages.marker_positional(mark.args[0]))
    for name in mark.kwargs:
        if name not in _NAMES:
            raise MarkError(messages.marker_unknown(name, _NAMES[:2]))
    return _arguments(**mark.kwargs)


# The marks that auto mode adds, told from those that users write.
_AUTOMATIC: Final = pytest.StashKey[pytest.Mark]()


def find_mark(item: pytest.Item) -> pytest.Mark | None:
    """The marker that counts for a test: the closest one, and one of the user's if there is."""
    automatic = item.stash.get(_AUTOMATIC, None)
    for mark in item.iter_markers("asyncio"):
        if mark is not automatic:
            return mark
    return automatic


def asyncio_mark(item: pytest.Item) -> AsyncioMark:
    """The parsed marker of a test; one that is missing, or wrong, says nothing.

    What is wrong in it is reported when that test is set up, by `check_mark`.
    """
    mark = find_mark(item)
    if mark is None:
        return _DEFAULT
    try:
        return parse(mark)
    except MarkError:
        return _DEFAULT


def check_mark(item: pytest.Item) -> None:
    """Fail a test whose marker has wrong arguments."""
    mark = find_mark(item)
    if mark is None or not (mark.args or mark.kwargs):
        return
    try:
        parse(mark)
    except MarkError as exc:
        pytest.fail(messages.bad_marker(item.nodeid, str(exc)), pytrace=False)
    if "scope" in mark.kwargs:
        warnings.warn_explicit(
            pytest.PytestDeprecationWarning(
                messages.marker_scope_deprecated(item.nodeid)
            ),
            category=None,
            filename=str(item.path),
            lineno=(item.location[1] or 0) + 1,
        )


def is_foreign(item: pytest.Item) -> bool:
    """Whether the test carries the marker of another framework."""
    return any(mark.name in FOREIGN_MARKERS for mark in item.iter_markers())


def is_async_test(item: pytest.Item) -> TypeIs[pytest.Function]:
    """Whether pytest-asyncio runs this test: an async function that is marked, or auto mode.

    :param item: A collected item.
    :returns: True for coroutine functions, async generator functions, hypothesis tests around
        either and wrappers that return an awaitable, if they carry ``pytest.mark.asyncio`` or
        the mode is *auto*. False for what is synchronous, or another framework's.

    .. versionadded:: 0.23
    .. versionchanged:: 2.0
       A ``TypeIs``: where it is False, a type checker knows as much, too.
    """
    return (
        isinstance(item, pytest.Function)
        and not _is_unittest(item)
        and kind(item.obj) is not Kind.SYNCHRONOUS
        and (
            item.get_closest_marker("asyncio") is not None
            or (settings(item.config).mode is Mode.AUTO and not is_foreign(item))
        )
    )


def _is_unittest(item: pytest.Function) -> bool:
    return getattr(item, "nofuncargs", False)


def is_marked_by_its_own(item: pytest.Item) -> bool:
    """Whether the marker stands at the test itself, not at its class or module."""
    return any(mark.name == "asyncio" for mark in item.own_markers)


def pytest_itemcollected(item: pytest.Item) -> None:
    """In auto mode, mark every coroutine test that is not another framework's."""
    if settings(item.config).mode is not Mode.AUTO or not isinstance(
        item, pytest.Function
    ):
        return
    if (
        kind(item.obj) in (Kind.COROUTINE, Kind.GENERATOR)
        and not _is_unittest(item)
        and not is_foreign(item)
        and item.get_closest_marker("asyncio") is None
    ):
        decorator = pytest.mark.asyncio
        item.stash[_AUTOMATIC] = decorator.mark
        item.add_marker(decorator)
