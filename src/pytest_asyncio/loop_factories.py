"""Loop factories: what the hook ``pytest_asyncio_loop_factories`` gives, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from typing import cast
from typing import Final

import pytest

from pytest_asyncio import messages
from pytest_asyncio.hookspecs import LoopFactories
from pytest_asyncio.hookspecs import LoopFactory
from pytest_asyncio.markers import marking

FACTORY_FIXTURE: Final = "_asyncio_loop_factory"


def factory_name(item: pytest.Item, factories: Mapping[str, LoopFactory]) -> str:
    """Which of the factories a test, or this variant of it, runs with."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    name: str = params.get(FACTORY_FIXTURE, next(iter(factories)))
    return name


def loop_factories(item: pytest.Item) -> Mapping[str, LoopFactory] | None:
    """The loop factories for a test, those that its marker names; None for the default."""
    if not has_loop_factories(item.config):
        return None
    given = all_loop_factories(item)
    if given is None:
        return None
    names = marking(item).loop_factories
    if names is None:
        return given
    return {name: given[name] for name in names if name in given}


def has_loop_factories(config: pytest.Config) -> bool:
    """Whether anybody implements the hook."""
    return bool(config.hook.pytest_asyncio_loop_factories.get_hookimpls())


def given_loop_factories(item: pytest.Item) -> Any:
    """What the hook gives for a test, or None without a call where nobody implements it."""
    if not has_loop_factories(item.config):
        return None
    return item.ihook.pytest_asyncio_loop_factories(config=item.config, item=item)


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
    pytest.fail(messages.bad_loop_factories(item.nodeid, problem), pytrace=False)
