"""Functions of users: what calling one gives, and where it is defined.

Both are seen through methods, partials and wrappers. Nothing here knows of markers, or of loops.
"""

from __future__ import annotations

from collections.abc import Callable
import contextlib
import functools
import inspect
from pathlib import Path
import types
from typing import Any
from typing import cast
from typing import Final
from typing import Literal
from typing import TypeAlias

import pytest

from pytest_asyncio.outcomes import is_hidden

__tracebackhide__ = is_hidden

# Not an enum: before Python 3.12, to name a member of one takes as long as a call.
Kind: TypeAlias = Literal["coroutine", "generator", "wrapper", "synchronous"]
"""What calling a function gives.

A *generator* is an async one. A *wrapper* is something synchronous around one of the two before,
which may return an awaitable.
"""

ASYNC: Final[tuple[Kind, ...]] = ("coroutine", "generator")
"""What pytest itself cannot call."""


def unbound(function: Any) -> Any:
    """The function behind partials and methods."""
    while type(function) is not types.FunctionType:
        if isinstance(function, functools.partial):
            function = function.func
        elif inspect.ismethod(function) or isinstance(
            function, staticmethod | classmethod
        ):
            function = cast("Any", function).__func__
        else:
            break
    return function


def kind(function: Callable[..., object]) -> Kind:
    """What calling ``function`` gives, as far as can be said without a call."""
    plain: Any = function
    if type(plain) is not types.FunctionType:
        plain = unbound(function)
    if type(plain) is types.FunctionType:  # Nearly always; inspect takes its time.
        flags = plain.__code__.co_flags
        if flags & inspect.CO_COROUTINE:
            return "coroutine"
        if flags & inspect.CO_ASYNC_GENERATOR:
            return "generator"
        if not vars(plain):
            return "synchronous"
    if inspect.iscoroutinefunction(plain):
        return "coroutine"
    if inspect.isasyncgenfunction(plain):
        return "generator"
    if hasattr(plain, "hypothesis"):
        inner = getattr(cast("Any", plain).hypothesis, "inner_test", None)
        return "synchronous" if inner is None else kind(inner)
    if hasattr(plain, "__wrapped__"):
        try:
            innermost = inspect.unwrap(plain)
        except ValueError:  # The wrappers go round in a circle.
            return "synchronous"
        if innermost is not plain and kind(innermost) in ASYNC:
            return "wrapper"
    return "synchronous"


def has_other_hooks(hook: Any) -> bool:
    """Whether a hook is implemented by others than pytest, us and those that look for their own."""
    return any(
        str(each.function.__module__).partition(".")[0]
        not in {"_pytest", "anyio", "pytest_asyncio", "pytest_trio"}
        for each in hook.get_hookimpls()
    )


def place(function: object, item: pytest.Item) -> str:
    """Where a function is defined, as ``file:line``; what it is where nobody can tell."""
    code = getattr(unbound(function), "__code__", None)
    if code is None:
        return repr(function)
    path = code.co_filename
    with contextlib.suppress(ValueError):
        path = str(Path(path).relative_to(item.config.rootpath))
    return f"{path}:{code.co_firstlineno}"


def location(fixturedef: pytest.FixtureDef[Any], item: pytest.Item) -> str:
    """Where a fixture is defined, as ``file:line``."""
    return place(inspect.unwrap(fixturedef.func), item)
