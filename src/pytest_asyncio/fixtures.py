"""Async fixtures: the decorator that makes them, which ones are ours, and how to ask for one.

How they are set up and torn down is for `fixture_setup` to say.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
import contextlib
import contextvars
from contextvars import copy_context
from pathlib import Path
import sys
import types
from typing import Any
from typing import cast
from typing import Final
from typing import final
from typing import Literal
from typing import Never
from typing import overload
from typing import Protocol
from typing import runtime_checkable
from typing import TypeAlias
import weakref

import pytest

from pytest_asyncio import _pytest_private
from pytest_asyncio import messages
from pytest_asyncio.config import ScopeName
from pytest_asyncio.config import SCOPES
from pytest_asyncio.contexts import differences
from pytest_asyncio.functions import ASYNC
from pytest_asyncio.functions import Kind
from pytest_asyncio.functions import kind
from pytest_asyncio.functions import unbound
from pytest_asyncio.homes import AnyFixtureDef
from pytest_asyncio.loop import Loops
from pytest_asyncio.loop import loops_of
from pytest_asyncio.markers import marking
from pytest_asyncio.outcomes import is_hidden

__tracebackhide__ = is_hidden

__all__ = ["DynamicScope", "FixtureDefinition", "fixture", "getfixturevalue"]


# -- the decorator --


@runtime_checkable
class FixtureDefinition(Protocol):
    """What :func:`fixture` makes of a function: something for pytest to collect.

    It is not to be called, neither for a type checker nor when the tests run: a test gets a
    fixture's value by naming the fixture among its parameters.

    .. versionadded:: 2.0
    """

    __name__: str

    @property
    def name(self) -> str:
        """The name by which tests request the fixture."""
        ...

    # Decorators of functions take it, as they take pytest's fixtures. But nobody has a value for
    # this argument, and its name is what type checkers then say.
    def __call__(
        self, *args: Any, fixtures_are_not_called: Never, **kwargs: Any
    ) -> Any:
        """Fail: pytest says what to do instead."""
        ...


class DynamicScope(Protocol):
    """Chooses the scope of a fixture when pytest collects it: a ``scope`` that is a callable.

    For example::

        def container_scope(*, fixture_name: str, config: pytest.Config) -> ScopeName:
            return "session" if config.getoption("--keep-containers") else "function"

    .. versionadded:: 2.0
    """

    # pytest passes the arguments by keyword, so a callable with other names does not work.
    def __call__(self, *, fixture_name: str, config: pytest.Config) -> ScopeName:
        """Return the scope of a fixture.

        :param fixture_name: The fixture's name.
        :param config: pytest's configuration object.
        :returns: The scope, by its name.
        """
        ...


# What was decorated, with the loop scope that was given. Keyed by the function itself, so that
# nothing has to be pinned on it; and by the name that was given, since one function may be made
# into several fixtures.
_DECLARED: Final[weakref.WeakKeyDictionary[Any, dict[str | None, ScopeName | None]]] = (
    weakref.WeakKeyDictionary()
)


# The overload without a function comes first: type checkers explain a misplaced argument by
# the last one, and it is the function that they should miss.
@overload
def fixture(
    fixture_function: None = ...,
    *,
    scope: ScopeName | DynamicScope = ...,
    loop_scope: ScopeName | None = ...,
    params: Iterable[object] | None = ...,
    autouse: bool = ...,
    ids: Iterable[object | None] | Callable[[Any], object | None] | None = ...,
    name: str | None = ...,
) -> Callable[[Callable[..., object]], FixtureDefinition]: ...


@overload
def fixture(
    fixture_function: Callable[..., object],
    *,
    scope: ScopeName | DynamicScope = ...,
    loop_scope: ScopeName | None = ...,
    params: Iterable[object] | None = ...,
    autouse: bool = ...,
    ids: Iterable[object | None] | Callable[[Any], object | None] | None = ...,
    name: str | None = ...,
) -> FixtureDefinition: ...


def fixture(
    fixture_function: Callable[..., object] | None = None,
    *,
    scope: ScopeName | DynamicScope = "function",
    loop_scope: ScopeName | None = None,
    params: Iterable[object] | None = None,
    autouse: bool = False,
    ids: Iterable[object | None] | Callable[[Any], object | None] | None = None,
    name: str | None = None,
) -> FixtureDefinition | Callable[[Callable[..., object]], FixtureDefinition]:
    """Decorator for a fixture that runs in an event loop.

    It is used like :func:`pytest.fixture`, bare or with arguments, on coroutine functions and
    async generator functions, also as methods, static and class methods. On a synchronous
    function or generator it makes a fixture that runs with the loop as the current one.

    An async generator lives in one task from its first line to its last, so a task group, a
    timeout or a cancel scope may be open across its ``yield``.

    For example::

        from collections.abc import AsyncIterator


        @pytest_asyncio.fixture(scope="session")
        async def background() -> AsyncIterator[asyncio.TaskGroup]:
            async with asyncio.TaskGroup() as group:
                yield group


        @pytest.mark.asyncio
        async def test_in_the_background(background: asyncio.TaskGroup) -> None:
            await background.create_task(asyncio.sleep(0))

    :param fixture_function: The function, when the decorator is used bare.
    :param scope: How long pytest keeps the value: ``"function"`` (default), ``"class"``,
        ``"module"``, ``"package"`` or ``"session"``, or a callable that is given the
        keyword arguments ``fixture_name`` and ``config`` and returns one of these
        (see :class:`DynamicScope`).
    :param loop_scope: Scope of the loop that the fixture runs in, not narrower than ``scope``.
        Without it, the fixture shares the loop of the tests and fixtures it is used with.
    :param params: Values for ``request.param``; the fixture, and every test that uses it, runs
        once for each.
    :param autouse: Whether every test that can see the fixture uses it.
    :param ids: Test ids for the parameters, or a callable that is given a parameter and
        returns one.
    :param name: Name of the fixture, if it is not the function's.
    :returns: A fixture definition, or, without a function, a decorator that makes one. It is
        not to be called.
    :raises TypeError: If something other than a function is given by position.
    :raises ValueError: If ``loop_scope`` is not a scope.

    .. versionadded:: 0.17
    .. versionchanged:: 0.24
       ``loop_scope``.
    .. versionchanged:: 2.0
       One task for the whole of an async generator; the loop follows from how the fixture is
       used; synchronous functions are accepted by type checkers.
    """
    if loop_scope is not None and loop_scope not in SCOPES:
        raise ValueError(messages.fixture_bad_loop_scope(loop_scope, SCOPES))
    if fixture_function is not None and not _is_function(fixture_function):
        raise TypeError(messages.fixture_of_no_function(fixture_function))

    def decorate(function: Callable[..., object]) -> FixtureDefinition:
        definition = pytest.fixture(
            function,
            # pytest's own annotations cannot say that the arguments are passed by keyword.
            scope=cast("ScopeName | Callable[[str, pytest.Config], ScopeName]", scope),
            params=params,
            autouse=autouse,
            ids=None if ids is None else ids if callable(ids) else list(ids),
            name=name,
        )
        _DECLARED.setdefault(unbound(function), {})[name] = loop_scope
        return definition

    return decorate if fixture_function is None else decorate(fixture_function)


def _is_function(value: Any) -> bool:
    return callable(value) or isinstance(value, classmethod)


def is_any_declared() -> bool:
    """Whether this decorator has made a fixture, in any module that is imported."""
    return bool(_DECLARED)


# -- which fixtures are ours --


FixtureKind: TypeAlias = Kind | Literal["xunit"]
"""What the function of a fixture gives; *xunit* is pytest's own around an async ``setup_method()``
or one of its kin."""


@final
class Definition:
    """What there is to know of a fixture before it is set up.

    :param kind: What its function gives.
    :param function: The function, as pytest has it.
    :param declared: Whether it was made with our decorator.
    :param loop_scope: The scope of loop that it asks for.
    """

    __slots__ = ("declared", "function", "kind", "loop_scope")

    def __init__(
        self,
        kind: FixtureKind,
        function: Callable[..., object] | None,
        *,
        declared: bool,
        loop_scope: ScopeName | None = None,
    ) -> None:
        self.kind: Final[FixtureKind] = kind
        self.function: Final = function
        self.declared: Final = declared
        self.loop_scope: Final = loop_scope


SYNCHRONOUS: Final = Definition("synchronous", None, declared=False)
_DEFINITIONS: Final[weakref.WeakKeyDictionary[AnyFixtureDef, Definition]] = (
    weakref.WeakKeyDictionary()
)


def definition_of(fixturedef: AnyFixtureDef) -> Definition:
    """What kind of fixture it is."""
    definition = _DEFINITIONS.get(fixturedef)
    if definition is None:
        definition = _DEFINITIONS[fixturedef] = _define(fixturedef)
    return definition


def _define(fixturedef: AnyFixtureDef) -> Definition:
    if fixturedef.argname.startswith(_pytest_private.XUNIT_PREFIX):
        functions = _pytest_private.xunit_functions(fixturedef)
        if any(kind(function) == "coroutine" for function in functions):
            return Definition("xunit", fixturedef.func, declared=False)
        return SYNCHRONOUS
    function = unbound(fixturedef.func)
    what = kind(function)
    if fixturedef.argname == "event_loop" and what == "synchronous":
        return SYNCHRONOUS  # Also under our decorator: there is no other loop to run it in.
    try:
        by_name = _DECLARED[function]
        name = fixturedef.argname if fixturedef.argname in by_name else None
        return Definition(
            what, fixturedef.func, declared=True, loop_scope=by_name[name]
        )
    except (KeyError, TypeError):
        if what not in ASYNC:
            return SYNCHRONOUS
        # So libraries whose fixtures may be async, and that do without this package, say since
        # 0.17 whose they are.
        declared = getattr(function, "_force_asyncio_fixture", False) is True
        loop_scope = getattr(function, "_loop_scope", None) if declared else None
        if loop_scope not in SCOPES:
            loop_scope = None
        return Definition(
            what, fixturedef.func, declared=declared, loop_scope=loop_scope
        )


def is_ours(definition: Definition, item: pytest.Item, loops: Loops) -> bool:
    """Whether the plugin runs a fixture, which is not synchronous, for a test."""
    return definition.declared or (
        not marking(item).foreign
        and (
            loops.is_auto
            # In strict mode, too: there is no other way to mean an async setup_module(), and
            # it is set up for the whole module, whichever test comes first.
            or definition.kind == "xunit"
        )
    )


# -- asking for a fixture while the loop runs --


def _name_asker(exc: Any, asker: types.FrameType, config: pytest.Config) -> None:
    """Where pytest says that this module asks for a fixture, name the line that really does."""
    head, tail = _pytest_private.without_place(exc)
    if Path(tail.rpartition(":")[0]).parts[-2:] == Path(__file__).parts[-2:]:
        path = Path(asker.f_code.co_filename)
        with contextlib.suppress(ValueError):
            path = path.relative_to(config.rootpath)
        exc.msg = f"{head}\n{path}:{asker.f_lineno}"


async def getfixturevalue(request: pytest.FixtureRequest, name: str) -> Any:
    """Get a fixture by name in an async test or fixture, while its loop is running.

    The fixture, and those it needs, are set up in the main thread, outside the coroutine that
    awaits, and torn down in their turn. They may be async. Other tasks go on meanwhile.
    ``request.getfixturevalue()`` cannot do this for an async fixture: it is synchronous, and
    the loop that would have to run the fixture is busy running its caller.

    For example::

        @pytest.mark.asyncio
        async def test_port(request: pytest.FixtureRequest) -> None:
            port = await pytest_asyncio.getfixturevalue(request, "unused_tcp_port")
            assert port > 1023

    :param request: The ``request`` fixture of the test or fixture that asks.
    :param name: Name of the fixture.
    :returns: The fixture's value.
    :raises pytest.FixtureLookupError: If there is no fixture of that name.
    :raises RuntimeError: Outside of an async test or fixture that pytest-asyncio runs.

    .. versionadded:: 2.0
    """
    import asyncio

    def get() -> tuple[Any, list[tuple[contextvars.ContextVar[Any], Any]]]:
        before = copy_context()
        try:
            value = request.getfixturevalue(name)
        except pytest.fail.Exception as exc:
            _name_asker(exc, asker, request.config)
            raise
        return value, differences(before, copy_context())

    asker = sys._getframe(1)
    runner = loops_of(request.config).family.get(asyncio.get_running_loop())
    if runner is None or not runner.is_served:
        raise RuntimeError(messages.asked_outside_a_test())
    value, changed = await runner.outside(get)
    for variable, now in changed:
        variable.set(now)
    return value
