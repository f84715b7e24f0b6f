"""What type checkers accept: everything that works when the tests run.

This module is checked and never executed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from collections.abc import AsyncIterable
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Generator
from collections.abc import Iterator
from collections.abc import Mapping
import functools
from typing import Any
from typing import assert_type
from typing import Generic
from typing import Literal
from typing import overload
from typing import ParamSpec
from typing import TypeVar

import pytest

import pytest_asyncio
from pytest_asyncio import AsyncTest
from pytest_asyncio import DynamicScope
from pytest_asyncio import FixtureDefinition
from pytest_asyncio import LoopFactories
from pytest_asyncio import LoopFactory
from pytest_asyncio import Mode
from pytest_asyncio import plugin
from pytest_asyncio import PortFactory
from pytest_asyncio import ScopeName

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

# -- kinds of functions ------------------------------------------------------------------------


@pytest_asyncio.fixture
async def coroutine() -> int:
    return 1


@pytest_asyncio.fixture()
async def coroutine_after_empty_parentheses() -> int:
    return 1


@pytest_asyncio.fixture
async def async_generator(coroutine: int) -> AsyncGenerator[int, None]:
    yield coroutine


@pytest_asyncio.fixture
async def async_iterator(coroutine: int) -> AsyncIterator[int]:
    yield coroutine


@pytest_asyncio.fixture(scope="module")
async def async_iterable(coroutine: int) -> AsyncIterable[int]:
    yield coroutine


@pytest_asyncio.fixture
def synchronous(request: pytest.FixtureRequest) -> int:
    return 1


@pytest_asyncio.fixture
def generator() -> Generator[int, None, None]:
    yield 1


@pytest_asyncio.fixture(loop_scope="session")
def iterator() -> Iterator[int]:
    yield 1


@pytest_asyncio.fixture(autouse=True)
async def nothing() -> None: ...


@pytest_asyncio.fixture
async def generic_function() -> Callable[[T], T]:
    def identity(value: T) -> T:
        return value

    return identity


class Box(Generic[T]): ...


@pytest_asyncio.fixture
async def generic_class() -> AsyncIterator[Box[int]]:
    yield Box()


@overload
def parse(text: str) -> int: ...
@overload
def parse(text: bytes) -> float: ...
def parse(text: str | bytes) -> float:
    return float(text)


@pytest_asyncio.fixture
async def overloaded_value() -> Callable[[str], int]:
    return parse


@overload
def port(protocol: Literal["tcp"] = ...) -> int: ...
@overload
def port(protocol: Literal["any"]) -> list[int]: ...
def port(protocol: Literal["tcp", "any"] = "tcp") -> int | list[int]:
    return 1 if protocol == "tcp" else [1]


def decorator(function: Callable[P, R]) -> Callable[P, R]:
    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        return function(*args, **kwargs)

    return wrapper


@pytest_asyncio.fixture
@decorator
async def decorated() -> int:
    return 1


assert_type(coroutine, FixtureDefinition)
assert_type(coroutine_after_empty_parentheses, FixtureDefinition)
assert_type(async_generator, FixtureDefinition)
assert_type(async_iterator, FixtureDefinition)
assert_type(async_iterable, FixtureDefinition)
assert_type(synchronous, FixtureDefinition)
assert_type(generator, FixtureDefinition)
assert_type(iterator, FixtureDefinition)
assert_type(nothing, FixtureDefinition)
assert_type(generic_function, FixtureDefinition)
assert_type(generic_class, FixtureDefinition)
assert_type(overloaded_value, FixtureDefinition)
assert_type(decorated, FixtureDefinition)
assert_type(coroutine.name, str)
assert_type(pytest_asyncio.fixture(port), FixtureDefinition)
assert_type(pytest_asyncio.fixture(lambda: 1, name="one"), FixtureDefinition)
assert_type(pytest_asyncio.fixture(parse, params=["1", b"1"]), FixtureDefinition)
assert_type(
    pytest_asyncio.fixture(),
    Callable[[Callable[..., object]], FixtureDefinition],
)
assert_type(pytest_asyncio.fixture(scope="class")(decorator), FixtureDefinition)


class TestMethods:
    @pytest_asyncio.fixture
    async def method(self) -> int:
        return 1

    @pytest_asyncio.fixture
    async def async_generator_method(self, method: int) -> AsyncIterator[int]:
        yield method

    @pytest_asyncio.fixture
    @classmethod
    async def class_method(cls) -> type[TestMethods]:
        return cls

    @pytest_asyncio.fixture(scope="class")
    @classmethod
    async def class_generator(cls) -> AsyncIterator[int]:
        yield 1

    @pytest_asyncio.fixture
    @staticmethod
    async def static_method() -> int:
        return 1

    @pytest_asyncio.fixture(scope="class", autouse=True)
    @staticmethod
    async def static_generator() -> AsyncIterator[int]:
        yield 1


assert_type(TestMethods.method, FixtureDefinition)
assert_type(TestMethods().method, FixtureDefinition)
assert_type(TestMethods.async_generator_method, FixtureDefinition)
assert_type(TestMethods.class_method, FixtureDefinition)
assert_type(TestMethods.class_generator, FixtureDefinition)
assert_type(TestMethods.static_method, FixtureDefinition)
assert_type(TestMethods().static_generator, FixtureDefinition)

# -- every keyword -----------------------------------------------------------------------------


@pytest_asyncio.fixture(
    scope="package",
    loop_scope="session",
    params=[1, "two", None],
    autouse=True,
    ids=["one", 2, None],
    name="other",
)
async def every_keyword(request: pytest.FixtureRequest) -> object:
    return request.param


def identify(param: int) -> str | None:
    return str(param)


def choose(fixture_name: str, config: pytest.Config) -> ScopeName:
    return "session" if config.getoption("--keep") else "function"


def choose_one(*, config: pytest.Config, fixture_name: str) -> Literal["class"]:
    return "class"


def choose_blindly(**kwargs: object) -> ScopeName:
    return "module"


class Choice:
    def __call__(self, fixture_name: str, config: pytest.Config) -> ScopeName:
        return "package"


dynamic_scope: DynamicScope = choose
wide: ScopeName = "session"

scopes: list[FixtureDefinition] = [
    pytest_asyncio.fixture(coroutine_function, scope=scope, loop_scope=loop_scope)
    for coroutine_function in (port, parse)
    for scope in (choose, choose_one, dynamic_scope)
    for loop_scope in (wide, None)
]


@pytest_asyncio.fixture(scope=choose)
async def chosen() -> int:
    return 1


@pytest_asyncio.fixture(scope=choose_one)
async def chosen_one() -> int:
    return 1


@pytest_asyncio.fixture(scope=choose_blindly, loop_scope=None)
async def chosen_blindly() -> int:
    return 1


@pytest_asyncio.fixture(scope=Choice(), loop_scope=wide)
async def chosen_by_an_object() -> int:
    return 1


@pytest_asyncio.fixture(scope=lambda fixture_name, config: "session")
async def chosen_by_a_lambda() -> int:
    return 1


@pytest_asyncio.fixture(params=range(3), ids=identify, name=None)
async def ids_by_function(request: pytest.FixtureRequest) -> object:
    return request.param


@pytest_asyncio.fixture(
    params=(n for n in range(3)), ids=(str(n) for n in range(3)), autouse=False
)
async def any_iterable(request: pytest.FixtureRequest) -> object:
    return request.param


@pytest_asyncio.fixture(params=None, ids=None)
async def none() -> int:
    return 1


@pytest_asyncio.fixture(params=[pytest.param(1, id="one")], ids=lambda param: None)
async def parameter_sets() -> int:
    return 1


# -- under another name ------------------------------------------------------------------------

assert_type(
    pytest_asyncio.fixture(None, scope="session"),
    Callable[[Callable[..., object]], FixtureDefinition],
)
assert_type(
    pytest_asyncio.fixture(fixture_function=port, scope="session"), FixtureDefinition
)


def bare_or_not(
    function: Callable[..., object] | None = None,
) -> FixtureDefinition | Callable[[Callable[..., object]], FixtureDefinition]:
    return pytest_asyncio.fixture(function, scope="module", autouse=True)


session_fixture = functools.partial(pytest_asyncio.fixture, scope="session")

# -- the marker --------------------------------------------------------------------------------

pytestmark = pytest_asyncio.mark(loop_scope="module")
assert_type(pytestmark, pytest.MarkDecorator)
assert_type(pytest_asyncio.mark(), pytest.MarkDecorator)
marks = [pytest_asyncio.mark(loop_scope=wide), pytest.mark.slow]
one_of_each = pytest.param(1, marks=pytest_asyncio.mark(loop_factories=["uvloop"]))


@pytest_asyncio.mark()
async def test_marked() -> int:
    return 1


@pytest_asyncio.mark(loop_scope="session", loop_factories=("asyncio", "uvloop"))
class TestMarked:
    @pytest_asyncio.mark(loop_scope=None, loop_factories=None)
    async def test_method(self, coroutine: int) -> None: ...


@pytest.mark.parametrize("n", [pytest.param(1, marks=marks)])
async def test_param(n: int) -> None: ...


async def keeps_the_type_of_what_it_marks() -> None:
    assert_type(await test_marked(), int)
    assert_type(TestMarked(), TestMarked)


# -- functions, hooks and the names to annotate with -------------------------------------------


async def test_getfixturevalue(request: pytest.FixtureRequest) -> None:
    value: int = await pytest_asyncio.getfixturevalue(request, "coroutine")
    assert_type(value, int)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if pytest_asyncio.is_async_test(item):
            assert_type(item, AsyncTest)
            item.add_marker(pytest_asyncio.mark(loop_scope="session"), append=False)
            function: pytest.Function = item
            print(function.obj)
        else:
            assert_type(item, pytest.Item)


def a_function_may_be_synchronous(item: pytest.Function) -> str:
    if not pytest_asyncio.is_async_test(item):
        assert_type(item, pytest.Function)
        return "synchronous"
    return "async"


def the_definition_of_a_test(metafunc: pytest.Metafunc) -> str:
    if not pytest_asyncio.is_async_test(metafunc.definition):
        return "synchronous"
    return "async"


class Loop(asyncio.SelectorEventLoop): ...


def make_loop(debug: bool = False) -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


factory: LoopFactory = make_loop
factories: LoopFactories = {
    "function": make_loop,
    "class": Loop,
    "library": asyncio.new_event_loop,
    "partial": functools.partial(make_loop, debug=True),
    "lambda": lambda: make_loop(debug=True),
}


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> LoopFactories | None:
    if item.get_closest_marker("default_loop"):
        return None
    return {"mine": Loop, "theirs": factory}


hook: Callable[[pytest.Config, pytest.Item], Mapping[str, LoopFactory] | None] = (
    pytest_asyncio_loop_factories
)


def mode(config: pytest.Config) -> Mode:
    return Mode(config.getoption("asyncio_mode"))


async def test_ports(unused_tcp_port_factory: PortFactory) -> None:
    ports = [unused_tcp_port_factory() for _ in range(3)]
    assert_type(ports, list[int])


async def test_with_values(
    coroutine: int, generic_class: Box[int], every_keyword: Any
) -> None: ...


# Decorators of functions take a fixture, and so does what collects them.

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])


def tag(function: AnyFunction) -> AnyFunction:
    return function


@tag
@pytest_asyncio.fixture
async def tagged() -> int:
    return 1


assert_type(tagged, pytest_asyncio.FixtureDefinition)


class TestStatic:
    @staticmethod
    @pytest_asyncio.fixture
    async def static() -> int:
        return 1


def made() -> Callable[..., Any]:
    return tagged


@pytest.mark.usefixtures(tagged.__name__)
async def test_that_names_a_fixture() -> None: ...


# The plugin module has what earlier releases had there.


def of_plugin(item: pytest.Item) -> Mapping[str, plugin.LoopFactory] | None:
    if isinstance(item, plugin.PytestAsyncioFunction):
        assert_type(item.nodeid, str)
    return None
