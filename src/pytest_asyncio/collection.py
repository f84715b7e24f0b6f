"""Collection: what each test has to do with the plugin, its variants, and the plan.

The hooks stand in the order in which pytest calls them. What they find out before the tests run
is kept in `Loops`; nothing here makes a loop, or runs a fixture.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import cast
from typing import Final
from typing import Literal
from typing import TypeAlias

import pytest

from pytest_asyncio import _pytest_private
from pytest_asyncio.config import ScopeName
from pytest_asyncio.config import SCOPES
from pytest_asyncio.fixtures import definition_of
from pytest_asyncio.fixtures import is_ours
from pytest_asyncio.fixtures import SYNCHRONOUS
from pytest_asyncio.functions import ASYNC
from pytest_asyncio.functions import kind
from pytest_asyncio.functions import unbound
from pytest_asyncio.homes import AnyFixtureDef
from pytest_asyncio.homes import home_of
from pytest_asyncio.homes import Node
from pytest_asyncio.homes import outermost
from pytest_asyncio.loop import Loops
from pytest_asyncio.loop import loops_of
from pytest_asyncio.loop_factories import FACTORY_FIXTURE
from pytest_asyncio.loop_factories import given_loop_factories
from pytest_asyncio.loop_factories import has_loop_factories
from pytest_asyncio.loop_scopes import loop_override
from pytest_asyncio.markers import is_async_method_of_testcase
from pytest_asyncio.markers import keep_marking
from pytest_asyncio.markers import marking
from pytest_asyncio.markers import Reader
from pytest_asyncio.markers import runs_in_a_loop
from pytest_asyncio.outcomes import is_hidden
from pytest_asyncio.plan import Need
from pytest_asyncio.plan import Plan
from pytest_asyncio.plan import Use
from pytest_asyncio.plan import Uses
from pytest_asyncio.state import Above

__tracebackhide__ = is_hidden


# -- which fixtures of ours a test uses --


def fixtures_of(item: pytest.Item, loops: Loops) -> Sequence[AnyFixtureDef]:
    """The fixtures that a test uses, by what it requests statically, and that are ours."""
    closure = _pytest_private.requested_fixturedefs(item)
    if not closure and "request" not in getattr(item, "fixturenames", ()):
        return []
    key = id(closure), _named_by_parameters(item)
    if key not in loops.collection.candidates:
        candidates = [
            fixturedef
            for fixturedef in _used(_with_dynamic_requests(item, closure, key[1]))
            if definition_of(fixturedef) is not SYNCHRONOUS
        ]
        loops.collection.candidates[key] = closure, candidates
    _, candidates = loops.collection.candidates[key]
    if not candidates:
        return []
    if loops.is_auto and not marking(item).foreign:
        return candidates
    return [each for each in candidates if is_ours(definition_of(each), item, loops)]


def _is_asking(function: Callable[..., object]) -> bool:
    """Whether a function requests fixtures by ``getfixturevalue()``."""
    code = getattr(unbound(function), "__code__", None)
    return code is not None and "getfixturevalue" in code.co_names


def _literal_requests(function: Callable[..., object]) -> set[str]:
    """What a function may request by ``getfixturevalue("name")``: all strings in it."""
    if not _is_asking(function):
        return set()
    constants: tuple[object, ...] = unbound(function).__code__.co_consts
    return {constant for constant in constants if isinstance(constant, str)}


def _named_by_parameters(item: pytest.Item) -> tuple[str, ...]:
    """The fixtures that a test, or a fixture it uses, has the names of as its parameters."""
    return tuple(
        value
        for value in _pytest_private.parameters(item).values()
        if isinstance(value, str) and _pytest_private.visible_fixturedefs(value, item)
    )


def _with_dynamic_requests(
    item: pytest.Item,
    closure: Mapping[str, Sequence[AnyFixtureDef]],
    parameters: Sequence[str],
) -> Mapping[str, Sequence[AnyFixtureDef]]:
    """The closure with what its functions plainly ask for while they run.

    That is ``getfixturevalue("name")``, or ``getfixturevalue(request.param)``. Such a fixture
    is set up when the test has its loop already. If the plan did not know of it, the two would
    have different loops, and nobody would have asked for that.
    """
    found = dict(closure)
    functions = [fixturedefs[-1].func for fixturedefs in closure.values()]
    if isinstance(item, pytest.Function):
        functions.append(item.obj)
    while asking := [each for each in functions if _is_asking(each)]:
        names = set(parameters).union(*map(_literal_requests, asking))
        new = _pytest_private.closure_of(
            item,
            sorted(
                name
                for name in names.difference(found)
                if _pytest_private.visible_fixturedefs(name, item)
            ),
        )
        new = {name: new[name] for name in new if name not in found}
        found.update(new)
        functions = [fixturedefs[-1].func for fixturedefs in new.values()]
    return found


def _used(closure: Mapping[str, Sequence[AnyFixtureDef]]) -> Iterator[AnyFixtureDef]:
    """The closest fixture of each name, and those it overrides as far as they are requested."""
    for name, fixturedefs in closure.items():
        for number, fixturedef in enumerate(reversed(fixturedefs), start=1):
            yield fixturedef
            if number == len(fixturedefs) or not _leads_to(name, fixturedef, closure):
                break


def _leads_to(
    name: str,
    fixturedef: AnyFixtureDef,
    closure: Mapping[str, Sequence[AnyFixtureDef]],
) -> bool:
    """Whether a fixture requests one of some name, by itself or through others."""
    seen: set[str] = set()
    following = [fixturedef]
    while following:
        each = following.pop()
        for asked in (*each.argnames, *_literal_requests(each.func)):
            if asked == name:
                return True
            if asked in closure and asked not in seen:
                seen.add(asked)
                following.extend(closure[asked])
    return False


# -- what a test has to do with the plugin --

Stake: TypeAlias = Literal["none", "mark", "fixture", "test", "testcase"]
"""What a test has to do with the plugin.

*mark*: it has the marker, but neither it nor a fixture it uses is async. *fixture*: a fixture that
it uses runs in a loop. *test*: it runs in a loop itself. *testcase*: it is an async method that
unittest would never await.
"""

RUNS_IN_A_LOOP: Final[frozenset[Stake]] = frozenset({"test", "fixture"})

_STAKE: Final = pytest.StashKey[Stake]()


def stake(item: pytest.Item, loops: Loops) -> Stake:
    """What a test has to do with the plugin, once and for all: it is collected."""
    try:
        return item.stash[_STAKE]
    except KeyError:
        return _take_stock(item, loops, Reader())


def _take_stock(item: pytest.Item, loops: Loops, reader: Reader) -> Stake:
    said = keep_marking(item, reader)
    known: Stake = "none" if said.mark is None else "mark"
    is_unmarked = said.mark is None and not loops.is_auto  # In strict mode.
    if _pytest_private.is_unittest(item) and is_async_method_of_testcase(item):
        known = "testcase"
    elif not is_unmarked and runs_in_a_loop(item):
        known = "test"
    elif fixtures_of(item, loops):
        known = "fixture"
    if (is_unmarked or said.foreign) and not loops.collection.has_unmarked_async:
        loops.collection.has_unmarked_async = (
            isinstance(item, pytest.Function)
            and kind(item.obj) in ASYNC
            and not _pytest_private.is_unittest(item)
        )
    item.stash[_STAKE] = known
    return known


# -- the hooks --


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each loop factory, event loop policy or event loop there is."""
    item = metafunc.definition
    loops = loops_of(metafunc.config)
    above = loops.collection.above
    if above is None or above.node is not item.parent:
        above = loops.collection.above = _look_above(item, loops)
    gives_policy = above.gives_policy or any(map(_gives_policy, item.own_markers))
    if above.is_plain and not gives_policy:
        return
    if gives_policy:
        loops.collection.is_policy_parametrised = True
    overrides = loops.overrides(item)
    said = keep_marking(item, Reader())  # It is made for this hook alone.
    is_in_a_loop = runs_in_a_loop(item) or fixtures_of(item, loops)
    if is_in_a_loop and loop_override(overrides, said) is not None:
        _pytest_private.add_to_closure(item, "event_loop")
    if gives_policy or "event_loop_policy" in overrides:
        # Tests without a loop have it set up, too: in releases from 0.23 on it is autouse.
        _pytest_private.add_to_closure(item, "event_loop_policy")
    if not is_in_a_loop:
        return
    if said.problem:
        return  # Reported when the test is set up.
    factories = given_loop_factories(item)
    asked = said.loop_factories
    given: tuple[Any, ...] = ()
    if isinstance(factories, Mapping):
        given = tuple(cast("Any", factories))
    names = asked if asked is not None else given
    if (
        len(names) > 1
        and all(isinstance(name, str) for name in names)
        and _pytest_private.is_closure_in_use(metafunc)
    ):
        # What shares a loop runs with one factory before it does with the next.
        scopes: set[ScopeName] = {each.scope for each in fixtures_of(item, loops)}
        scopes.add(loops.asked.scope_by_test(said) or "function")
        scope = min(scopes, key=SCOPES.index)
        _pytest_private.add_to_closure(item, FACTORY_FIXTURE)
        metafunc.parametrize(
            FACTORY_FIXTURE, names, ids=names, indirect=True, scope=scope
        )


def _look_above(item: pytest.Item, loops: Loops) -> Above:
    """What the module, or class, of a test says about its loop."""
    node = item.parent
    gives_policy = node is not None and any(
        map(_gives_policy, node.iter_markers("parametrize"))
    )
    return Above(
        node,
        gives_policy=gives_policy,
        is_plain=not (
            gives_policy or loops.overrides(item) or has_loop_factories(item.config)
        ),
    )


def _gives_policy(mark: pytest.Mark) -> bool:
    """Whether a marker gives tests their event loop policy as a parameter."""
    if mark.name != "parametrize":
        return False
    names: Any = mark.args[0] if mark.args else mark.kwargs.get("argnames", ())
    if isinstance(names, str):
        names = [each.strip() for each in names.split(",")]
    return "event_loop_policy" in names


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Keep all that was collected: what is deselected later still counts for the plan."""
    loops_of(config).collection.items = list(items)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Make the plan."""
    planned: list[tuple[pytest.Item, Sequence[AnyFixtureDef]]] = []
    loops = loops_of(session.config)
    # By their ids: the hash of an item is that of its name.
    known = set(map(id, loops.collection.items))
    late = [item for item in session.items if id(item) not in known]
    reader = Reader()
    for item in (*loops.collection.items, *late):
        at_stake = _take_stock(item, loops, reader)
        if at_stake == "none" and "event_loop" not in getattr(item, "fixturenames", ()):
            continue
        loops.collection.is_concerned = True
        if at_stake != "test":
            loops.collection.is_synchronous_concerned = True
        if at_stake not in RUNS_IN_A_LOOP:
            continue
        fixtures = fixtures_of(item, loops)
        if fixtures and loop_override(loops.overrides(item), marking(item)) is None:
            planned.append((item, fixtures))
            _agree_on_package(item, fixtures, loops)
    needs: dict[pytest.Item, Need] = {}
    for item, fixtures in planned:
        uses = _uses(item, fixtures, loops)
        if uses:
            needs[item] = uses, _asked_by_test(item, uses, loops)
    loops.plan = Plan(needs)
    loops.collection.items = []


def _uses(item: pytest.Item, fixtures: Iterable[AnyFixtureDef], loops: Loops) -> Uses:
    """The fixtures that the loop of a test may depend on, with the home that each asks for."""
    uses: list[tuple[Use, Node | None]] = []
    for fixturedef in fixtures:
        node = outermost(_pytest_private.scope_node(item, fixturedef))
        loop_scope = definition_of(fixturedef).loop_scope
        if loop_scope is not None and _is_there_by_autouse_alone(item, fixturedef):
            continue  # It is written where it runs, and no test has any use for its value.
        home = loops.asked.by_fixture(loop_scope, node)
        # One of function scope follows the test, unless it asks for a loop by itself.
        if loop_scope is not None or (home or node) is not item:
            uses.append(((fixturedef, node), home))
    return tuple(uses)


def _is_there_by_autouse_alone(item: pytest.Item, fixturedef: AnyFixtureDef) -> bool:
    """Whether neither a test nor an async fixture of it requests a fixture by its name."""
    name = fixturedef.argname
    return (
        _pytest_private.is_autouse(fixturedef)
        and name not in _pytest_private.argument_names(item)
        and not any(name in mark.args for mark in item.iter_markers("usefixtures"))
        and not any(
            name in each.argnames and definition_of(each) is not SYNCHRONOUS
            for fixturedefs in _pytest_private.requested_fixturedefs(item).values()
            for each in fixturedefs
        )
    )


def _asked_by_test(item: pytest.Item, uses: Uses, loops: Loops) -> Node | None:
    """The home of the loop that a test asks for, if only by a fixture for its loop alone."""
    asked = loops.asked.by_test(marking(item), item)
    if asked is None and any(home is item for _, home in uses):
        return item
    return asked


def _agree_on_package(
    item: pytest.Item, fixtures: Iterable[AnyFixtureDef], loops: Loops
) -> None:
    """Give a test and its fixtures that ask for package scope, or have it, the same package."""
    homes: list[Node] = []
    for fixturedef in fixtures:
        asked = loops.asked.scope_by_fixture(definition_of(fixturedef).loop_scope)
        if asked in (None, "fixture-scope"):
            asked = fixturedef.scope
        if asked == "package":
            node = _pytest_private.scope_node(item, fixturedef)
            homes.append(home_of(node, "package"))
    if homes and loops.asked.scope_by_test(marking(item)) == "package":
        homes.append(home_of(item, "package"))
    if len(homes) > 1:
        loops.asked.agree_on_package(homes)
