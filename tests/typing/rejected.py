"""What type checkers reject: what fails when the tests run.

This module is checked and never executed. The comments say what the checkers report for a
line when they are taken away: that, once each, and nothing for any other line.

There is one report for a mistake in a decorator's scopes and keywords, in the modes that the
checkers start with, and two or three in these cases, which no order or shape of the overloads
avoids:

* In their strict modes both add that the function below a wrong decorator is now untyped
  (``untyped-decorator``, ``reportUntypedFunctionDecorator``): what an overloaded function returns
  is not known to them where no overload fits.
* pyright reports the call besides the argument (``reportCallIssue``) where something is given by
  position, since either overload might be meant. An overload that takes nothing by position would
  avoid that for some of these lines, at the price of an error for what works: a decorator of the
  user's that passes on its ``function: Callable[..., object] | None = None``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

import pytest

import pytest_asyncio
from pytest_asyncio import plugin


async def coroutine() -> int:
    return 1


@pytest_asyncio.fixture
async def fixture() -> int:
    return 1


@pytest_asyncio.fixture(scope="class")
async def generator() -> AsyncIterator[int]:
    yield 1


class TestMethods:
    @pytest_asyncio.fixture
    async def method(self) -> int:
        return 1


# A fixture is not called.

fixture()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
generator()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
TestMethods.method()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
TestMethods().method()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def test_calls_a_fixture() -> None:
    assert await fixture() == 1  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


# Nor is it what its function returns.

number: int = fixture  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

# There are five scopes.

pytest_asyncio.fixture(scope="sesion")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
pytest_asyncio.fixture(coroutine, scope="sesion")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
pytest_asyncio.fixture(scope=None)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
pytest_asyncio.fixture(loop_scope="test")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
pytest_asyncio.fixture(coroutine, loop_scope="test")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]


def any_text() -> str:
    return "session"


pytest_asyncio.fixture(scope=any_text())  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]

# A callable scope is given its arguments by keyword, and returns a scope.


def positional(name: str, config: pytest.Config) -> Literal["session"]:
    return "session"


def of_any_text(fixture_name: str, config: pytest.Config) -> str:
    return "session"


async def asynchronous(fixture_name: str, config: pytest.Config) -> Literal["session"]:
    return "session"


pytest_asyncio.fixture(scope=positional)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
pytest_asyncio.fixture(scope=of_any_text)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
pytest_asyncio.fixture(scope=asynchronous)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
pytest_asyncio.fixture(scope=lambda: "session")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
pytest_asyncio.fixture(scope=lambda fixture_name, config: "sesion")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]

# Keywords are spelled like this, and are of this type.

pytest_asyncio.fixture(loopscope="session")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
pytest_asyncio.fixture(params=3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
pytest_asyncio.fixture(autouse="yes")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
pytest_asyncio.fixture(ids=3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
pytest_asyncio.fixture(name=3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]

# There is nothing to give by position but the function.

pytest_asyncio.fixture("session")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
pytest_asyncio.fixture(coroutine, "session")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
pytest_asyncio.fixture(coroutine())  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]
pytest_asyncio.fixture(3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]

# As a decorator.


@pytest_asyncio.fixture(scope="sesion")  # type: ignore[call-overload, untyped-decorator]  # pyright: ignore[reportArgumentType]
async def wrong_scope() -> int:
    return 1


@pytest_asyncio.fixture(loop_scope="test")  # type: ignore[call-overload, untyped-decorator]  # pyright: ignore[reportArgumentType]
async def wrong_loop_scope() -> int:
    return 1


@pytest_asyncio.fixture(loopscope="session")  # type: ignore[call-overload, untyped-decorator]  # pyright: ignore[reportCallIssue, reportUntypedFunctionDecorator]
async def unknown_keyword() -> int:
    return 1


@pytest_asyncio.fixture("session")  # type: ignore[call-overload, untyped-decorator]  # pyright: ignore[reportArgumentType, reportCallIssue, reportUntypedFunctionDecorator]
async def positional_scope() -> int:
    return 1


# The marker.

pytest_asyncio.mark(loop_scope="sesion")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
pytest_asyncio.mark(loop_scope=any_text())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
pytest_asyncio.mark(loopscope="session")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
pytest_asyncio.mark(scope="session")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
pytest_asyncio.mark("session")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
pytest_asyncio.mark(loop_factories=3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
pytest_asyncio.mark(loop_factories=[3])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


@pytest_asyncio.mark(loop_scope="sesion")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
async def test_wrong_scope() -> None: ...


@pytest_asyncio.mark  # type: ignore[arg-type, call-arg]  # pyright: ignore[reportCallIssue, reportUntypedFunctionDecorator]
async def test_without_parentheses() -> None: ...


# Names to annotate with.

wide: pytest_asyncio.ScopeName = "sesion"  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
mode: pytest_asyncio.Mode = "auto"  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
factory: pytest_asyncio.LoopFactory = coroutine  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
factories: pytest_asyncio.LoopFactories = [factory]  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
pytest_asyncio.is_async_test("test")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_asks(request: pytest.FixtureRequest) -> None:
    await pytest_asyncio.getfixturevalue(request)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await pytest_asyncio.getfixturevalue(request, fixture)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    pytest_asyncio.getfixturevalue(request, "fixture")  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]


# What is misspelt, or gone, in the plugin module.

print(plugin.unused_tcp_prot)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]
