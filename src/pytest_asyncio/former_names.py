"""Names that suites take from ``pytest_asyncio.plugin`` since earlier releases had them there.

Mostly an editor's import, or the type of an argument. A run must not end for one of them.
"""

from __future__ import annotations

from collections.abc import Awaitable
from collections.abc import Callable
import functools
import importlib
from typing import Any
from typing import Final
from typing import TYPE_CHECKING
from typing import TypeAlias
import warnings

import pytest

from pytest_asyncio.config import chosen_mode
from pytest_asyncio.config import ScopeName
from pytest_asyncio.markers import AsyncTest
from pytest_asyncio.markers import is_async_test

SubRequest: TypeAlias = pytest.FixtureRequest
_ScopeName: TypeAlias = ScopeName  # noqa: PYI047
_get_asyncio_mode: Final = chosen_mode


class _OfAsyncTests(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return is_async_test(instance)


if TYPE_CHECKING:
    PytestAsyncioFunction: TypeAlias = AsyncTest
else:

    class PytestAsyncioFunction(metaclass=_OfAsyncTests):
        """The class of async tests in releases from 0.23 to 1.5, now pytest's functions."""

        @staticmethod
        def item_subclass_for(item: pytest.Function) -> None:
            """Say that an item may stay as it is."""


def _nothing() -> None:
    """Stands for what suites replace by something else: a hook, or a part of one."""


def _get_event_loop_no_warn(policy: Any = None) -> Any:
    """The current loop, without a warning where there is none."""
    import asyncio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return (policy or asyncio).get_event_loop()


def wrap_in_sync(function: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    """A synchronous function that runs an async one in the current loop."""

    @functools.wraps(function)
    def call(*args: Any, **arguments: Any) -> Any:
        loop = _get_event_loop_no_warn()
        return loop.run_until_complete(function(*args, **arguments))

    return call


def unused_port(socket_type: int) -> int:
    """A port of the local host that nothing uses at the moment."""
    import socket

    with socket.socket(type=socket_type) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


_unused_port: Final = unused_port

_NAMES: Final = {
    "Coroutine": PytestAsyncioFunction,
    "FactoryFixtureFunction": Any,
    "FixtureFunction": Any,
    "FixtureFunctionMarker": Any,
    "SimpleFixtureFunction": Any,
    "_DEFAULT_FIXTURE_LOOP_SCOPE_UNSET": "asyncio_default_fixture_loop_scope is unset",
    "_close_event_loop": _nothing,
    "_get_event_loop_no_warn": _get_event_loop_no_warn,
    "_synchronize_coroutine": _nothing,
    "pytest": pytest,
    "pytest_fixture_setup": _nothing,
    "pytest_pyfunc_call": _nothing,
    "pytest_runtest_setup": _nothing,
    "scope": "session",
}

# What earlier releases had imported, and from where: editors have offered it.
_IMPORTED: Final[dict[str, str]] = {
    name: module
    for module, names in {
        "asyncio": "AbstractEventLoop Runner asyncio",
        "collections.abc": "AsyncGenerator AsyncIterator Awaitable Callable Generator "
        "Iterable Iterator Mapping Sequence",
        "contextlib": "contextlib",
        "contextvars": "contextvars",
        "enum": "enum",
        "functools": "functools",
        "inspect": "inspect",
        "socket": "socket",
        "sys": "sys",
        "textwrap": "dedent",
        "traceback": "traceback",
        "typing": "Any Dict List Literal Optional Set TypeVar Union cast overload",
        "warnings": "warnings",
    }.items()
    for name in names.split()
}


def __getattr__(name: str) -> Any:
    """Find what is not the plugin's, or not any more: pytest's classes are among it."""
    if name in _NAMES:
        return _NAMES[name]
    if name in _IMPORTED:
        module = importlib.import_module(_IMPORTED[name])
        return module if module.__name__ == name else getattr(module, name)
    if name[0].isupper() and name in pytest.__all__:
        return getattr(pytest, name)
    raise AttributeError(f"module 'pytest_asyncio.plugin' has no attribute {name!r}")
