"""The call of a test: its function is called, and what that gives runs in the loop of the test.

The function may be the user's own, a wrapper of one, or hypothesis', which calls the user's many
times. When a test is called is for `running` to say.
"""

from __future__ import annotations

from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Coroutine
from collections.abc import Generator
from contextvars import ContextVar
from contextvars import copy_context
import functools
import inspect
from inspect import iscoroutine  # Early: suites patch it.
import re
import sys
from typing import Any
from typing import cast
from typing import Final
from typing import final
from typing import TYPE_CHECKING
from typing import TypeGuard
import warnings

import pytest

from pytest_asyncio import _pytest_private
from pytest_asyncio import failures
from pytest_asyncio import messages
from pytest_asyncio.background import check_leaked
from pytest_asyncio.background import tell_of_call
from pytest_asyncio.contexts import Changes
from pytest_asyncio.contexts import context_for_task
from pytest_asyncio.contexts import joined
from pytest_asyncio.functions import has_other_hooks
from pytest_asyncio.functions import kind
from pytest_asyncio.functions import place
from pytest_asyncio.functions import unbound
from pytest_asyncio.loop import Loops
from pytest_asyncio.markers import function_id
from pytest_asyncio.markers import is_marked_by_its_own
from pytest_asyncio.markers import marking
from pytest_asyncio.outcomes import failure
from pytest_asyncio.outcomes import is_hidden
from pytest_asyncio.state import RunningTest
from pytest_asyncio.warning_types import PytestAsyncioWarning
from pytest_asyncio.warning_types import warn

if TYPE_CHECKING:
    import asyncio

__tracebackhide__ = is_hidden


def call(item: pytest.Function, loops: Loops) -> bool | None:
    """Call the test function, if it is ours to call, and run what that gives."""
    if loops.replaced is item:
        return None  # By a function that is anybody's to call.
    test = loops.running_test(item)
    # Read late: other plugins may wrap the function up to now.
    function: Callable[..., Any] = item.obj
    said = marking(item) if test is None else test.marking
    if said.mark is None and (
        not loops.is_auto or said.foreign or kind(function) == "synchronous"
    ):
        return None
    names = _pytest_private.argument_names(item)
    arguments = {name: item.funcargs[name] for name in names}
    _call_ours(item, loops, test, function, arguments)
    return True


def _call_ours(
    item: pytest.Function,
    loops: Loops,
    test: RunningTest | None,
    function: Callable[..., Any],
    arguments: dict[str, Any],
) -> None:
    """Call a test function, and run what that gives."""
    alone = is_alone(item)
    is_async = test is not None and test.is_async
    if is_async and not alone:
        loops.make_current()  # A fixture may have made another one current.
    if hasattr(function, "hypothesis"):
        run = functools.partial(_run, item, test or loops.enter(item), loops)
        _run_hypothesis(function, arguments, run, loops)
    else:
        if hasattr(function, "__wrapped__") and kind(function) == "wrapper":
            made = _call_wrapper(item, function, arguments)
        else:
            made = function(**arguments)
        if test is None and _is_future(made):
            _complete(made)
            return
        coroutine = _coroutine(made)
        if coroutine is not None:
            result = _run(item, test or loops.enter(item), loops, coroutine)
            if iscoroutine(result):
                _check_returned(item, function, result)
        elif kind(function) == "synchronous":
            _ran_synchronously(item, made)
    if is_async:
        tell_of_call(item, loops, alone=alone)


def is_alone(item: pytest.Item) -> bool:
    """Whether a test uses no fixture but the event loop that every async test has."""
    return getattr(item, "fixturenames", None) == ["event_loop"]


def _coroutine(result: Any) -> Coroutine[Any, Any, object] | None:
    """What a test function has returned as a coroutine, if it can be awaited or exhausted."""
    if iscoroutine(result):
        return result
    if inspect.isasyncgen(result):
        return _exhaust(result)
    return _await(result) if inspect.isawaitable(result) else None


def _is_future(result: object) -> TypeGuard[asyncio.Future[object]]:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio.isfuture(result)


def _complete(future: asyncio.Future[object]) -> None:
    """Wait for what a test without a loop has begun in the one that asyncio has made for it."""
    from pytest_asyncio.tracebacks import user_traceback

    try:
        future.get_loop().run_until_complete(future)
    except BaseException as exc:
        exc.__traceback__ = user_traceback(exc)
        raise


async def _exhaust(generator: Any) -> None:
    async for _ in generator:
        pass


async def _await(awaitable: Awaitable[object]) -> None:
    await awaitable


def _run(
    item: pytest.Function,
    test: RunningTest,
    loops: Loops,
    coroutine: Coroutine[Any, Any, object],
) -> object:
    """Run what the test function returned as one task, in the loop of the test."""
    runner = test.runner
    if runner is None or runner.loop.is_closed():
        runner = loops.for_test(test, _pytest_private.top_request(item))
    if test.changes is not None:
        loops.undo_changes()  # Somebody calls the test more than once.
    context = context_for_task()
    tasks = test.tasks = runner.new_tasks()
    try:
        result = runner.run(coroutine, context=context, name=item.name, owner=tasks)
    except BaseException as exc:
        if loops.tells_leaks:
            # That the test failed is reason enough for it to have left them.
            runner.cancel(runner.pending(tasks))
        error = failures.of_test(exc, item, loops)
        if error is exc:
            raise
        raise error from error.__cause__
    finally:
        # So that fixtures are torn down with what the test has set; gone before the next test.
        test.changes = Changes(context, runner.private_variables)
    if loops.crashed():
        # The test is over, whether it swallowed its cancellation or was done before.
        raise failures.of_crash(item, loops)
    if loops.tells_leaks:
        check_leaked(item, loops, runner, tasks)
    return result


# -- where others call tests, too --


def is_call_observed(config: pytest.Config) -> bool:
    """Whether somebody else has the hook that calls the functions of tests.

    Under ``--trace``, pytest itself is to stop in the user's function and not in ours.
    """
    return not config.getoption("trace", default=False) and has_other_hooks(
        config.hook.pytest_pyfunc_call
    )


@final
class InPlace:
    """The hook that is there where other plugins, or a ``conftest.py``, see calls of tests.

    Whoever runs coroutine functions, or does something else with them, is to find synchronous
    ones, as in releases from 0.23 on: these tests are ours. Up to 0.21, hook wrappers found the
    user's own.
    """

    NAME: Final = "pytest_asyncio.in_place"

    def __init__(self, loops: Loops) -> None:
        self._loops: Final = loops

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Have the function replaced when the test is run: until then it is the user's."""
        test = self._loops.running_test(item)
        is_async = test is not None and test.is_async
        if (
            not isinstance(item, pytest.Function)
            or _pytest_private.is_unittest(item)
            or (not is_async and marking(item).mark is None)
        ):
            return (yield)
        before = vars(item).get("runtest")
        runtest = functools.partial(self._run_in_place, item, test, item.runtest)
        item.runtest = runtest  # type: ignore[method-assign]
        try:
            return (yield)
        finally:
            if before is None:
                del item.runtest
            else:
                item.runtest = before  # type: ignore[method-assign]

    def _run_in_place(
        self,
        item: pytest.Function,
        test: RunningTest | None,
        runtest: Callable[[], object],
    ) -> None:
        """Put a function that runs the test in its loop in place of its own, and run that."""
        function = item.obj
        loops = self._loops
        call = object()
        token = _CALL.set(call)
        thread = copy_context()

        @functools.wraps(function)
        def synchronous(*args: Any, **arguments: Any) -> None:
            given = functools.partial(function, *args) if args else function
            if _CALL.get() is call:
                _call_ours(item, loops, test, given, arguments)
                return
            context = joined(thread)  # A greenlet's knows nothing of the fixtures.
            try:
                context.run(_call_ours, item, loops, test, given, arguments)
            finally:
                context.run(loops.undo_changes)

        for marked_as_coroutine in ("_is_coroutine", "_is_coroutine_mark"):
            vars(synchronous).pop(marked_as_coroutine, None)
        item.obj = synchronous
        loops.replaced = item
        try:
            runtest()
        finally:
            item.obj = function
            loops.replaced = None
            _CALL.reset(token)


_CALL: Final = ContextVar[object]("pytest_asyncio_call", default=None)
"""Stands for a call of a test, in the context of that call and in copies of it.

Not the test itself, which a context that is kept would keep alive.
"""


# -- wrappers of async functions --


def _call_wrapper(
    item: pytest.Function, wrapper: Any, arguments: dict[str, Any]
) -> object:
    """Call what stands in place of an async function; a test that does not run is not green."""
    if item.config.getoption("trace", default=False):
        return _traced(wrapper)(**arguments)
    name = getattr(inspect.unwrap(wrapper), "__qualname__", "")
    said = f"coroutine '{name}' was never awaited"
    is_dropped = False
    is_over = False
    hook = sys.unraisablehook

    def hear(unraisable: Any) -> None:
        nonlocal is_dropped
        if not is_over and str(unraisable.exc_value).startswith(said):
            is_dropped = True
        else:
            hook(unraisable)

    with warnings.catch_warnings():
        # Nobody can raise where a coroutine is dropped: the hook above is told.
        warnings.filterwarnings("error", re.escape(said), RuntimeWarning)
        sys.unraisablehook = hear
        try:
            result = wrapper(**arguments)
        finally:
            sys.unraisablehook = hook
            is_over = True  # Who has patched the hook meanwhile may yet put ours back.
    if is_dropped and not inspect.isawaitable(result):
        raise _never_awaited(item, wrapper)
    return result


def _traced(wrapper: Any) -> Callable[..., Coroutine[Any, Any, None]]:
    """What ``--trace`` has wrapped, with a stop before its first line.

    pytest's wrapper would stop where the coroutine is made, and drop it.
    """

    async def traced(**arguments: Any) -> None:
        test = _coroutine(wrapper.__wrapped__(**arguments))
        if test is not None:
            cast("Any", pytest).set_trace()
            await test  # Step into it.

    return traced


def _check_returned(
    item: pytest.Function, wrapper: Any, result: Coroutine[Any, Any, object]
) -> None:
    """Fail a test whose async wrapper returns its coroutine, which nobody awaits any more."""
    innermost = inspect.unwrap(wrapper)
    code = getattr(unbound(innermost), "__code__", None)
    if innermost is not wrapper and code is getattr(result, "cr_code", None):
        result.close()
        raise _never_awaited(item, wrapper)


def _never_awaited(item: pytest.Function, wrapper: Any) -> BaseException:
    return failure(messages.never_awaited(item.nodeid, place(wrapper, item)), item)


# -- synchronous functions --


def _ran_synchronously(item: pytest.Function, result: object) -> None:
    if is_marked_by_its_own(item):
        text = messages.marked_but_synchronous(function_id(item))
        warn(item, PytestAsyncioWarning(text))
    if result is not None:
        text = messages.returned_something(item.nodeid, type(result).__name__)
        category = getattr(pytest, "PytestReturnNotNoneWarning", None)
        if category is None:  # pytest 8.4.0 had made a failure of it.
            raise failure(text, item)
        warn(item, category(text))


# -- hypothesis --


class _NoMoreExamplesError(BaseException):
    """A fixture has crashed: hypothesis, which catches exceptions, is not to try once more."""

    def __init__(self, failure: BaseException) -> None:
        self.failure = failure


def _run_hypothesis(
    function: Any,
    arguments: dict[str, Any],
    run: Callable[[Any], object],
    loops: Loops,
) -> None:
    """Have hypothesis call the test, each example being a task of its own.

    The handle is shared by everyone who inherits the test, and by reruns: it is put back.
    """
    handle = function.hypothesis
    inner = handle.inner_test

    @functools.wraps(inner)
    def example(*args: Any, **kwargs: Any) -> None:
        loops.undo_changes()  # Of the last example.
        coroutine = _coroutine(inner(*args, **kwargs))
        if coroutine is not None:
            try:
                run(coroutine)
            except BaseException as exc:
                if loops.crashed():
                    raise _NoMoreExamplesError(exc) from None
                raise
            finally:
                _end_tasks(loops)
                loops.make_current()

    handle.inner_test = example
    try:
        function(**arguments)
    except _NoMoreExamplesError as end:
        raise end.failure from None
    finally:
        handle.inner_test = inner


def _end_tasks(loops: Loops) -> None:
    """Cancel what an example leaves, so that the next is on its own."""
    test = loops.test
    if test is not None and test.runner is not None and test.tasks is not None:
        test.runner.cancel(test.runner.pending(test.tasks))
