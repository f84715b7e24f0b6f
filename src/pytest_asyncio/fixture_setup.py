"""Async fixtures, set up and torn down: each in its loop, and in one task.

pytest calls fixture functions synchronously. While a fixture of ours is being set up, its
function is replaced by a synchronous one that runs the original in the right event loop; all
the rest (scopes, caching, ordering, parameters, errors) stays pytest's.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from collections.abc import Callable
from collections.abc import Generator
import functools
import inspect
import types
from typing import Any
from typing import cast
from typing import TYPE_CHECKING

import pytest

from pytest_asyncio import _pytest_private
from pytest_asyncio import failures
from pytest_asyncio import messages
from pytest_asyncio.background import keep_tasks_of
from pytest_asyncio.contexts import bring_up_to_date
from pytest_asyncio.contexts import Changes
from pytest_asyncio.contexts import context_for_fixture
from pytest_asyncio.contexts import Inherited
from pytest_asyncio.fixtures import Definition
from pytest_asyncio.fixtures import is_ours
from pytest_asyncio.functions import ASYNC
from pytest_asyncio.functions import kind
from pytest_asyncio.functions import location
from pytest_asyncio.functions import place
from pytest_asyncio.homes import AnyFixtureDef
from pytest_asyncio.homes import is_narrower
from pytest_asyncio.homes import outermost
from pytest_asyncio.homes import scope_of
from pytest_asyncio.lending import give_back
from pytest_asyncio.lending import lend
from pytest_asyncio.lending import lending_to
from pytest_asyncio.lending import lending_to_override
from pytest_asyncio.loop import Loops
from pytest_asyncio.markers import marking
from pytest_asyncio.markers import runs_in_a_loop
from pytest_asyncio.outcomes import at_unless_shown
from pytest_asyncio.outcomes import failure
from pytest_asyncio.outcomes import is_hidden
from pytest_asyncio.state import RunningFixture
from pytest_asyncio.variants import variant_of
from pytest_asyncio.warning_types import warn_at

if TYPE_CHECKING:
    from pytest_asyncio.current_loop import CurrentLoop

__tracebackhide__ = is_hidden


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
        if definition.kind == "synchronous":
            failures.explain_no_loop(exc, fixturedef, item)
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
    if fixturedef.argname == "event_loop" and fixturedef is not loops.own_event_loop:
        from pytest_asyncio.host_loop import outside_any_loop

        item = _pytest_private.item_of(request)
        # It may also be one that the override extends.
        is_override = loops.overrides(item).get("event_loop") is fixturedef
        if is_override:
            loops.enter(item)
            fixturedef.addfinalizer(loops.replace_closed)  # After its own tear-down.
        try:
            # A host's loop would be taken for the one to use.
            with outside_any_loop(), lending_to_override(fixturedef, request, loops):
                value = yield
        except BaseException:
            if not _pytest_private.is_set_up(fixturedef):
                # pytest keeps no CancelledError, and would trip over the finalizers.
                _pytest_private.finish(fixturedef, request)
            raise
        if is_override:
            loops.current_by_override(item, _pytest_private.cached_value(fixturedef))
        return value
    with lending_to(fixturedef, loops):
        try:
            return (yield)
        except Exception as exc:
            if loops.test is not None:
                failures.explain_no_loop(exc, fixturedef, loops.test.item)
            raise


def _leave_to_others(
    fixturedef: AnyFixtureDef, request: pytest.FixtureRequest, item: pytest.Item
) -> Generator[None, object, object]:
    """Say what to do about a plain async fixture in strict mode, if no other plugin runs it."""
    name = fixturedef.argname
    is_for_anyio = "anyio_backend" in getattr(item, "fixturenames", ())
    is_for_async_test = runs_in_a_loop(item) and not is_for_anyio

    def told() -> str:
        where = location(fixturedef, item)
        return messages.plain_fixture_in_strict_mode(item.nodeid, name, where)

    try:
        value = yield
    except pytest.fail.Exception as exc:
        if not _pytest_private.says_that_nobody_runs_it(exc):
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
        tasks = live.tasks = live.runner.new_tasks(
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
        if error is loops.interruption.ended_run:
            return  # A task that the fixture awaits has kept it: the run ends with it already.
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
    asked = loops.asked.by_fixture(definition.loop_scope, node)
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
        return _begin_in_override(
            override, fixturedef, request, definition, loops, item
        )
    elif asked is item and loops.asked.by_test(test.marking, item) is None:
        # An option says so, and not the test, whose own loop may be a wider one by the plan.
        asked = None
    if asked is None and node is item and loops.plan.is_asked_for_by_fixture(item):
        asked = item
    if asked is None:
        if node is item:
            runner = loops.for_test(test, request)
            variant = variant_of(test)
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
        fixturedef, request, runner, scope_of(asked), variant_of(test)
    )


def _begin_in_override(
    override: AnyFixtureDef,
    fixturedef: AnyFixtureDef,
    request: pytest.FixtureRequest,
    definition: Definition,
    loops: Loops,
    item: pytest.Item,
) -> RunningFixture:
    """Begin a fixture in the loop that the user's ``event_loop`` has made."""
    if is_narrower(override.scope, than=fixturedef.scope):
        is_xunit = definition.kind == "xunit"
        where = _place_of_xunit if is_xunit else location
        text = messages.fixture_wider_than_event_loop(
            _pytest_private.shown_name(fixturedef),
            fixturedef.scope,
            where(fixturedef, item),
            override.scope,
            location(override, item),
            may_be_narrower=not is_xunit,
        )
        # Another test may see another event_loop, or none.
        raise failures.NotNowError(failure(text, item))
    runner = loops.adopt(request.getfixturevalue("event_loop"), item, override)
    if request.node is not item:
        # A parameter of event_loop that changes ends the fixture before its loop.
        override.addfinalizer(
            functools.partial(_pytest_private.finish, fixturedef, request)
        )
    return RunningFixture(fixturedef, request, runner, override.scope, None)


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


def _place_of_xunit(fixturedef: AnyFixtureDef, item: pytest.Item) -> str:
    """Where the function is defined that pytest has made such a fixture of."""
    return place(_pytest_private.xunit_functions(fixturedef)[0], item)


async def _call(function: Callable[..., object], target: object) -> None:
    takes_target = bool(inspect.signature(function).parameters)
    result = function(target) if takes_target else function()
    if inspect.isawaitable(result):
        await result
