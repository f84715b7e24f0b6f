"""Loop factories: what the hook ``pytest_asyncio_loop_factories`` gives, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from typing import cast
from typing import Final

import pytest

from pytest_asyncio import _pytest_private
from pytest_asyncio import messages
from pytest_asyncio.hookspecs import LoopFactories
from pytest_asyncio.hookspecs import LoopFactory
from pytest_asyncio.markers import marking
from pytest_asyncio.outcomes import at
from pytest_asyncio.outcomes import failure
from pytest_asyncio.outcomes import is_hidden

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
    """What the hook gives for a test, or None without a call where nobody implements it.

    It is asked once for each function, when that is collected: all variants see the same.
    """
    if not has_loop_factories(item.config):
        return None
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
