"""Async fixtures: the decorator that makes them, and how they are set up and torn down.

pytest calls fixture functions synchronously. While a fixture of ours is being set up, its
function is replaced by a synchronous one that runs the original in the right event loop; all
the rest (scopes, caching, ordering, parameters, errors) stays pytest's.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from collections.abc import Callable
from collections.abc import Generator
from collections.abc import Iterable
import contextlib
import contextvars
from contextvars import copy_context
import functools
import inspect
from pathlib import Path
import sys
import types
from typing import Any
from typing import cast
from typing import Final
from typing import final
from typing import overload
from typing import Protocol
from typing import runtime_checkable
from typing import TYPE_CHECKING
import weakref

import pytest

from pytest_asyncio import _pytest_private
from pytest_asyncio import failures
from pytest_asyncio import messages
from pytest_asyncio.background import keep_tasks_of
from pytest_asyncio.config import ScopeName
from pytest_asyncio.config import SCOPES
from pytest_asyncio.contexts import bring_up_to_date
from pytest_asyncio.contexts import Changes
from pytest_asyncio.contexts import context_for_fixture
from pytest_asyncio.contexts import differences
from pytest_asyncio.contexts import Inherited
from pytest_asyncio.lending import give_back
from pytest_asyncio.lending import lend
from pytest_asyncio.lending import lending_to
from pytest_asyncio.loop import location
from pytest_asyncio.loop import Loops
from pytest_asyncio.loop import loops_of
from pytest_asyncio.markers import ASYNC
from pytest_asyncio.markers import is_async_test
from pytest_asyncio.markers import Kind
from pytest_asyncio.markers import kind
from pytest_asyncio.markers import marking
from pytest_asyncio.markers import unbound
from pytest_asyncio.outcomes import at_unless_shown
from pytest_asyncio.outcomes import failure
from pytest_asyncio.outcomes import is_hidden
from pytest_asyncio.plan import AnyFixtureDef
from pytest_asyncio.plan import is_narrower
from pytest_asyncio.plan import outermost
from pytest_asyncio.plan import scope_of
from pytest_asyncio.state import RunningFixture
from pytest_asyncio.warning_types import warn_at

if TYPE_CHECKING:
    from pytest_asyncio.current_loop import CurrentLoop

__tracebackhide__ = is_hidden

__all__ = ["DynamicScope", "FixtureDefinition", "fixture", "getfixturevalue"]


# -- the decorator --


@runtime_checkable
class FixtureDefinition(Protocol):
    """What :func:`fixture` makes of a function: something for pytest to collect.

    It is not callable, neither for a type checker nor when the tests run: a test gets a
    fixture's value by naming the fixture among its parameters.

    .. versionadded:: 2.0
    """

    @property
    def name(self) -> str:
        """The name by which tests request the fixture."""
        ...


class DynamicScope(Protocol):
    """Chooses the scope of a fixture when pytest collects it: a ``scope`` that is a callable.

    .. code-block:: python

        def container_scope(*, fixture_name: str, config: pytest.Config) -> ScopeName:
            return "session" if config.getoption("--keep-containers") else "function"

    .. versionadded:: 2.0
    """

    # pytest passes the arguments by keyword, so a callable with other names does not work.
    def __call__(self, *, fixture_name: str, config: pytest.Config) -> ScopeName:
        """Return the scope of a fixture.

        :param fixture_name: The fixture's name.
        :param config: pytest's configuration object.
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

    .. code-block:: python

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
        kind: Kind,
        function: Callable[..., object] | None,
        *,
        declared: bool,
        loop_scope: ScopeName | None = None,
    ) -> None:
        self.kind: Final[Kind] = kind
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


# -- set-up and tear-down --


def set_up(
    fixturedef: AnyFixtureDef,
    request: pytest.FixtureRequest,
    definition: Definition,
    loops: Loops,
) -> Generator[None, object, object]:
    """Have a fixture that is not synchronous run in its loop, if it is ours.

    It is the hook ``pytest_fixture_setup``, which pytest goes on with at the ``yield``.
    """
    item = _pytest_private.item_of(request)
    if not is_ours(definition, item, loops):
        return (yield from _leave_to_others(fixturedef, request, item))
    original = fixturedef.func
    is_wrapped = (
        original is not definition.function
        and definition.kind in ASYNC
        and kind(original) not in ASYNC
    )
    if is_wrapped and not _may_give_a_coroutine(original):
        return (yield)  # A hook of somebody else's has it run in another way.
    replacement = _replacement(
        fixturedef, request, definition, loops, item, is_wrapped=is_wrapped
    )
    _pytest_private.set_function(fixturedef, _like(original, replacement))
    try:
        return (yield)
    except failures.NotNowError as exc:
        error = exc.failure
    except BaseException as exc:
        if _pytest_private.is_set_up(fixturedef):
            raise
        error = at_unless_shown(item, exc)
    finally:
        _pytest_private.set_function(fixturedef, original)
    # What pytest kept of the attempt has to go. An error it would give out again to whoever asks
    # in a better way; and where it kept no error, as with CancelledError, which is no Exception,
    # the next request would trip over the finalizers.
    _pytest_private.finish(fixturedef, request)
    raise error


def _may_give_a_coroutine(function: Callable[..., object]) -> bool:
    """Whether a function was made of an async one by a decorator that does not run it."""
    return kind(function) == "wrapper" and not inspect.isgeneratorfunction(function)


def _is_to_be_run(value: object) -> bool:
    return inspect.iscoroutine(value) or inspect.isasyncgen(value)


def set_up_synchronous(
    fixturedef: AnyFixtureDef, request: pytest.FixtureRequest, loops: Loops
) -> Generator[None, object, object]:
    """Let another fixture find the loop that it may use; the same hook."""
    if fixturedef.argname == "event_loop":
        item = _pytest_private.item_of(request)
        if loops.overrides(item).get("event_loop") is fixturedef:
            loops.enter(item)
            fixturedef.addfinalizer(loops.replace_closed)  # After its own tear-down.
            value = yield
            loops.current_by_override(item, _pytest_private.cached_value(fixturedef))
            return value
    with lending_to(fixturedef, loops):
        return (yield)


def _leave_to_others(
    fixturedef: AnyFixtureDef, request: pytest.FixtureRequest, item: pytest.Item
) -> Generator[None, object, object]:
    """Say what to do about a plain async fixture in strict mode, if no other plugin runs it."""
    name = fixturedef.argname
    is_for_anyio = "anyio_backend" in getattr(item, "fixturenames", ())
    is_for_async_test = is_async_test(item) and not is_for_anyio

    def told() -> str:
        where = location(fixturedef, item)
        return messages.plain_fixture_in_strict_mode(item.nodeid, name, where)

    try:
        value = yield
    except pytest.fail.Exception as exc:
        if "no plugin or hook that handled it" not in str(exc):
            raise
        _pytest_private.finish(fixturedef, request)  # Others may request it.
        if is_for_anyio or marking(item).foreign:
            raise
        text = told()
        if not is_for_async_test:
            where = location(fixturedef, item)
            text = messages.fixture_that_nobody_runs(str(exc), name, where)
    else:
        if is_for_async_test and (
            inspect.isawaitable(value) or inspect.isasyncgen(value)
        ):
            # pytest 8 itself does no more than warn, and so did releases before 2.0.
            warn_at(item, pytest.PytestDeprecationWarning(told()))
        return value
    raise failure(text, item)


def _like(original: Any, replacement: Callable[..., Any]) -> Callable[..., Any]:
    """The replacement as pytest is to see it: made of the original, and bound as that is.

    pytest itself binds the method anew, to the instance of the test.
    """
    function = getattr(original, "__func__", original)
    if replacement is function:
        return cast("Callable[..., Any]", original)
    cast("Any", replacement).__wrapped__ = function
    replacement.__name__ = getattr(function, "__name__", replacement.__name__)
    if function is original:
        return replacement
    return types.MethodType(replacement, original.__self__)


def _replacement(
    fixturedef: AnyFixtureDef,
    request: pytest.FixtureRequest,
    definition: Definition,
    loops: Loops,
    item: pytest.Item,
    *,
    is_wrapped: bool,
) -> Callable[..., Any]:
    """A synchronous function that does what the original does, in its loop.

    :param is_wrapped: Whether a hook has put a decorator around an async function.
    """
    original = fixturedef.func
    function: Any = getattr(original, "__func__", original)
    if definition.kind == "xunit":
        function = functools.partial(_xunit, fixturedef.argname, original)
    elif definition.kind not in ASYNC:
        return _synchronous(function, fixturedef, request, definition, loops, item)

    def run(*args: Any, **kwargs: Any) -> Any:
        live = _begin(fixturedef, request, definition, loops, item)
        lend(live.runner, loops)
        context, inherited = context_for_fixture()
        name = f"fixture {live.name}"
        tasks = live.tasks = live.runner.tasks(
            f"the fixture {live.name!r} of {fixturedef.scope} scope"
        )
        made = function(*args, **kwargs)
        try:
            if is_wrapped and not _is_to_be_run(made):
                return made  # The wrapper has a value of its own.
            if definition.kind == "coroutine":
                value = live.runner.run(made, context=context, name=name, owner=tasks)
            else:
                live.task = live.runner.fixture(
                    made, context=context, name=name, owner=tasks
                )
                value = live.task.set_up()
        except BaseException as exc:
            keep_tasks_of(live, loops)
            if live.variant is not None and fixturedef.scope != "function":
                loops.failed[fixturedef] = live
            error = failures.of_set_up(exc, live, item, loops)
            if error is exc:
                raise
            raise error from None
        finally:
            loops.make_current()
        changes = Changes(context, live.runner.private_variables)
        loops.live.append(live)
        loops.failed.pop(fixturedef, None)
        # Not a lambda, whose frame would be in the traceback of a tear-down that fails.
        request.addfinalizer(
            functools.partial(_tear_down, live, inherited, changes, loops)
        )
        if loops.crashed():
            # It swallowed its cancellation, or was done before.
            raise failures.of_crash(item, loops, live)
        return value

    return run


def _tear_down(
    live: RunningFixture, inherited: Inherited, changes: Changes, loops: Loops
) -> None:
    """Run what a fixture does after its yield, in the context of its set-up."""
    loops.live.remove(live)
    task = live.task
    before: CurrentLoop | None = None
    try:
        if task is not None:
            before = lend(live.runner, loops)
            if task.crash is None:
                bring_up_to_date(task.context, inherited)
            task.tear_down()
    except BaseException as exc:
        error = failures.of_tear_down(exc, live, loops)
        if error is exc:
            raise
        raise error from error.__cause__
    finally:
        keep_tasks_of(live, loops)
        changes.undo()
        give_back(live.runner, before, loops)


# -- which loop a fixture runs in --


def _begin(
    fixturedef: AnyFixtureDef,
    request: pytest.FixtureRequest,
    definition: Definition,
    loops: Loops,
    item: pytest.Item,
) -> RunningFixture:
    """Begin a fixture in its loop: the one it asks for, or that of its group; made if need be."""
    node = request.node
    if node is not item:
        node = outermost(node)
    test = loops.enter(item)
    asked = loops.asked_by_fixture(definition.loop_scope, node)
    if definition.loop_scope is not None:
        if is_narrower(definition.loop_scope, than=fixturedef.scope):
            text = messages.fixture_wider_than_loop_scope(
                fixturedef.argname,
                fixturedef.scope,
                location(fixturedef, item),
                definition.loop_scope,
            )
            raise failure(text, item)
    elif (override := test.override) is not None:
        if is_narrower(override.scope, than=fixturedef.scope):
            text = messages.fixture_wider_than_event_loop(
                fixturedef.argname,
                fixturedef.scope,
                location(fixturedef, item),
                override.scope,
                location(override, item),
            )
            # Another test may see another event_loop, or none.
            raise failures.NotNowError(failure(text, item))
        runner = loops.adopt(request.getfixturevalue("event_loop"), item, override)
        if node is not item:
            # A parameter of event_loop that changes ends the fixture before its loop.
            override.addfinalizer(
                functools.partial(_pytest_private.finish, fixturedef, request)
            )
        return RunningFixture(fixturedef, request, runner, override.scope, None)
    elif asked is item and loops.asked_by_test(test.marking, item) is None:
        # An option says so, and not the test, whose own loop may be a wider one by the plan.
        asked = None
    if asked is None and node is item and loops.plan.is_asked_for_by_fixture(item):
        asked = item
    if asked is None:
        if node is item:
            runner = loops.for_test(test, request)
            variant = loops.variant(test)
            return RunningFixture(fixturedef, request, runner, test.scope, variant)
        asked = loops.plan.home_of_fixture((fixturedef, node))
        if asked is None:
            # Requested by request.getfixturevalue() alone, which no plan can foresee. The
            # loop of the test that asks is the right one if it lasts as long as the fixture.
            asked = node
            if test.home is not None and test.home in node.listchain():
                asked = test.home
    runner = loops.at(asked, test, request)
    return RunningFixture(
        fixturedef, request, runner, scope_of(asked), loops.variant(test)
    )


# -- synchronous functions under our decorator --


def _synchronous(
    function: Callable[..., Any],
    fixturedef: AnyFixtureDef,
    request: pytest.FixtureRequest,
    definition: Definition,
    loops: Loops,
    item: pytest.Item,
) -> Callable[..., Any]:
    """Run a synchronous fixture with its loop as the current one."""
    override = loops.enter(item).override
    if (
        override is not None
        and definition.loop_scope is None
        and is_narrower(override.scope, than=fixturedef.scope)
    ):
        return function  # It outlives the user's loop, and does without one.

    def current() -> RunningFixture:
        live = _begin(fixturedef, request, definition, loops, item)
        loops.live.append(live)
        request.addfinalizer(lambda: loops.live.remove(live))
        live.runner.make_current()
        return live

    def call(*args: Any, **kwargs: Any) -> Any:
        current()
        try:
            return function(*args, **kwargs)
        finally:
            loops.make_current()

    def generate(*args: Any, **kwargs: Any) -> Generator[Any, None, None]:
        live = current()
        generator = function(*args, **kwargs)
        try:
            value = next(generator)
        except StopIteration:
            raise failures.did_not_yield(live, item) from None
        finally:
            loops.make_current()
        yield value
        before = lend(live.runner, loops)
        live.runner.make_current()
        try:
            for _ in generator:
                generator.close()
                raise failures.yielded_again(live, item)
        finally:
            loops.make_current()  # It may have made another one current.
            give_back(live.runner, before, loops)

    return generate if inspect.isgeneratorfunction(function) else call


# -- async setup_method and its kin --


async def _xunit(
    name: str, original: Callable[..., object], request: pytest.FixtureRequest
) -> AsyncGenerator[None, None]:
    """What pytest's own fixture does for ``setup_module`` and so on, with ``await``."""
    before, after, target = _pytest_private.xunit_calls(name, original, request)
    if before is not None:
        await _call(before, target)
    try:
        yield
    finally:  # Also after a crash: what broke is told by the tear-down.
        if after is not None:
            await _call(after, target)


async def _call(function: Callable[..., object], target: object) -> None:
    takes_target = bool(inspect.signature(function).parameters)
    result = function(target) if takes_target else function()
    if inspect.isawaitable(result):
        await result


# -- asking for a fixture while the loop runs --


def _name_asker(exc: Any, asker: types.FrameType, config: pytest.Config) -> None:
    """Where pytest says that this module asks for a fixture, name the line that really does."""
    head, _, tail = (exc.msg or "").rpartition("\n")
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

    .. code-block:: python

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
