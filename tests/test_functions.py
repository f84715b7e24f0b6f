"""What calling a function of a user's gives."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from collections.abc import Callable
import functools
from typing import Any

import pytest

from pytest_asyncio.functions import Kind
from pytest_asyncio.functions import kind


async def _coroutine(*args: object) -> None: ...


async def _generator() -> AsyncGenerator[None]:
    yield


def _synchronous() -> None: ...


def _wrapping(function: Callable[..., object]) -> Callable[..., object]:
    @functools.wraps(function)
    def wrapper(*args: Any) -> object:
        return function(*args)

    return wrapper


def _circular() -> Callable[..., object]:
    def function() -> None: ...

    function.__wrapped__ = function  # type: ignore[attr-defined]
    return function


class _Methods:
    async def method(self) -> None: ...

    @staticmethod
    async def static() -> None: ...

    @classmethod
    async def of_class(cls) -> None: ...


@pytest.mark.parametrize(
    "function, expected",
    [
        (_coroutine, "coroutine"),
        (_generator, "generator"),
        (_synchronous, "synchronous"),
        (functools.partial(_coroutine, 1), "coroutine"),
        (functools.partial(functools.partial(_coroutine, 1), 2), "coroutine"),
        (functools.partial(_generator), "generator"),
        (_Methods().method, "coroutine"),
        (_Methods.static, "coroutine"),
        (_Methods.of_class, "coroutine"),
        (functools.partial(_Methods().method), "coroutine"),
        (vars(_Methods)["static"], "coroutine"),
        (_wrapping(_coroutine), "wrapper"),
        (_wrapping(_wrapping(_coroutine)), "wrapper"),
        (_wrapping(_generator), "wrapper"),
        (_wrapping(_synchronous), "synchronous"),
        (_circular(), "synchronous"),
        (print, "synchronous"),
    ],
    ids=[
        "coroutine",
        "generator",
        "synchronous",
        "partial",
        "partial-of-partial",
        "partial-of-generator",
        "method",
        "static",
        "class",
        "partial-of-method",
        "descriptor",
        "wrapped",
        "wrapped-twice",
        "wrapped-generator",
        "wrapped-synchronous",
        "circular",
        "builtin",
    ],
)
def test_kind(function: Callable[..., object], expected: Kind) -> None:
    """What calling a function gives is seen through partials, methods and wrappers."""
    assert kind(function) is expected
