"""Loop factories: what the hook ``pytest_asyncio_loop_factories`` gives, checked; new loops."""

from __future__ import annotations

from collections.abc import Container
from collections.abc import Mapping
from typing import Any
from typing import cast
from typing import Final
from typing import TYPE_CHECKING

import pytest

from pytest_asyncio import _pytest_private
from pytest_asyncio import messages
from pytest_asyncio.hookspecs import LoopFactories
from pytest_asyncio.hookspecs import LoopFactory
from pytest_asyncio.markers import marking
from pytest_asyncio.outcomes import at
from pytest_asyncio.outcomes import at_unless_shown
from pytest_asyncio.outcomes import failure
from pytest_asyncio.outcomes import has_frames_of_users
from pytest_asyncio.outcomes import is_hidden

if TYPE_CHECKING:
    import asyncio

__tracebackhide__ = is_hidden

FACTORY_FIXTURE: Final = "_asyncio_loop_factory"

_GIVEN: Final = pytest.StashKey[dict[str, Any]]()
"""What the hook gave for the functions of a module or class, by their names."""


def loop_factory(item: pytest.Item) -> tuple[str, LoopFactory] | None:
    """The loop factory of a test, or of this variant of it, and its name; None for the default.

    :raises pytest.skip.Exception: If there is none of the name that the marker has.
    """
    if not has_loop_factories(item.config):
        return None
    known = all_loop_factories(item)
    if known is None:
        return None
    asked = marking(item).loop_factories or tuple(known)
    name: str = _pytest_private.parameters(item).get(FACTORY_FIXTURE, asked[0])
    if name not in known:
        text = messages.unknown_loop_factory(item.nodeid, name, tuple(known))
        raise at(item, pytest.skip.Exception(text))
    return name, known[name]


def has_loop_factories(config: pytest.Config) -> bool:
    """Whether anybody implements the hook."""
    return bool(config.hook.pytest_asyncio_loop_factories.get_hookimpls())


def given_loop_factories(item: pytest.Item) -> Any:
    """What the hook gives for a test: None where nobody implements it.

    It is asked once for each function, when that is collected: all variants see the same.
    """
    given = (item.parent or item).stash.setdefault(_GIVEN, {})
    name = getattr(item, "originalname", item.name)
    if name not in given:
        hook = item.ihook.pytest_asyncio_loop_factories
        given[name] = hook(config=item.config, item=item)
    return given[name]


def all_loop_factories(item: pytest.Item) -> Mapping[str, LoopFactory] | None:
    """What the hook gives for a test, checked.

    :raises pytest.fail.Exception: If that is neither a mapping of factories nor None.
    """
    given = given_loop_factories(item)
    if given is None:
        return None
    if not isinstance(cast("object", given), Mapping):
        problem = f"returned {given!r}"
    elif not given:
        problem = "returned an empty mapping"
    elif bad := [name for name in given if not isinstance(name, str) or not name]:
        problem = f"has {bad[0]!r} as a name"
    elif bad := [name for name, factory in given.items() if not callable(factory)]:
        problem = f"has {given[bad[0]]!r} as the factory {bad[0]!r}"
    else:
        return cast("LoopFactories", given)
    raise failure(messages.bad_loop_factories(item.nodeid, problem), item)


# -- making loops --


def is_loop(value: object) -> bool:
    """Whether something is an event loop."""
    import asyncio

    return isinstance(value, asyncio.AbstractEventLoop)


def _state(
    loop: asyncio.AbstractEventLoop, used: Container[asyncio.AbstractEventLoop]
) -> str:
    """What is to be said of a loop that a factory has made; nothing if it is none."""
    if not is_loop(loop):
        return ""
    try:
        if loop.is_closed():
            return "closed"
        if loop.is_running():
            return "running"
    except NotImplementedError:
        return ""  # It is of asyncio's abstract class.
    return "in use" if loop in used else "new"


def default_factory(policy: Any) -> tuple[str, LoopFactory]:
    """What makes a loop where the hook has no say, and its name.

    :param policy: The user's event loop policy, or None.
    """
    import asyncio

    if policy is not None:
        return "event_loop_policy", policy.new_event_loop
    return "asyncio.new_event_loop", asyncio.new_event_loop


def new_loop(
    item: pytest.Item,
    name: str,
    factory: LoopFactory,
    used: Container[asyncio.AbstractEventLoop],
) -> asyncio.AbstractEventLoop:
    """A loop that nothing has used yet, or a failure that says what is wrong with it.

    :param item: The test that it is for.
    :param name: What the factory is called in messages.
    :param factory: What makes the loop.
    :param used: The loops that are there already.
    """
    problem = ""
    try:
        loop = factory()
    except TypeError as exc:
        if has_frames_of_users(exc):
            raise
        problem = messages.factory_cannot_be_called(item.nodeid, name, factory, exc)
    except Exception as exc:
        at_unless_shown(item, exc)
        raise
    else:
        state = _state(loop, used)
        if state == "new":
            return loop
        if state:
            problem = messages.factory_made_no_new_loop(item.nodeid, name, state)
        else:
            problem = messages.factory_made_no_loop(item.nodeid, name, loop)
    raise failure(problem, item)
