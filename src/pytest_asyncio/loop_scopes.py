"""The loops that tests and fixtures ask for: by the marker, the decorator, or an option.

Where nobody asks for any, the `plan` says which loop it is. Nothing here makes a loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Final
from typing import final

import pytest

from pytest_asyncio.config import FixtureScopeDefault
from pytest_asyncio.config import ScopeName
from pytest_asyncio.config import Settings
from pytest_asyncio.functions import ASYNC
from pytest_asyncio.functions import kind
from pytest_asyncio.homes import AnyFixtureDef
from pytest_asyncio.homes import home_of
from pytest_asyncio.homes import Node
from pytest_asyncio.markers import Marking
from pytest_asyncio.outcomes import is_hidden

__tracebackhide__ = is_hidden


@final
class AskedLoops:
    """The loops that tests and fixtures ask for, by their scopes and by their homes."""

    def __init__(self, settings: Settings) -> None:
        self._settings: Final = settings
        self._packages: Final[dict[Node, Node]] = {}
        """Packages whose tests and fixtures use the loop of another one, further up."""

    def scope_by_test(self, said: Marking) -> ScopeName | None:
        """The scope of the loop that a test, or the option for all tests, asks for."""
        return said.loop_scope or self._settings.default_test_loop_scope

    def by_test(self, said: Marking, item: pytest.Item) -> Node | None:
        """The home of that loop."""
        scope = self.scope_by_test(said)
        return None if scope is None else self._agreed(home_of(item, scope))

    def scope_by_fixture(
        self, loop_scope: ScopeName | None
    ) -> FixtureScopeDefault | None:
        """The scope of the loop that a fixture, or the option for all fixtures, asks for."""
        return loop_scope or self._settings.default_fixture_loop_scope

    def by_fixture(self, loop_scope: ScopeName | None, cached_for: Node) -> Node | None:
        """The home of that loop."""
        scope = self.scope_by_fixture(loop_scope)
        if scope is None:
            return None
        home = cached_for if scope == "fixture-scope" else home_of(cached_for, scope)
        return self._agreed(home)

    def _agreed(self, home: Node) -> Node:
        while self._packages and home in self._packages:
            home = self._packages[home]
        return home

    def agree_on_package(self, homes: Sequence[Node]) -> None:
        """Have one loop for what is used together and asks for package scope.

        Seen from a test its package is the innermost one, seen from a fixture the one that its
        conftest.py is in, which may be an outer one, or none: the session, then.
        """
        agreed = set(map(self._agreed, homes))
        widest = min(agreed, key=lambda home: len(home.listchain()))
        self._packages.update(dict.fromkeys(agreed - {widest}, widest))


def loop_override(
    overrides: Mapping[str, AnyFixtureDef], said: Marking
) -> AnyFixtureDef | None:
    """The user's ``event_loop``, if the loop of a test comes from there.

    The marker wins: the user's loop is not that test's then, unless asked for by name. And what
    is async needs a loop itself.

    :param overrides: The user's fixtures in place of ours that the test sees, by their names.
    :param said: What its markers say.
    """
    override = overrides.get("event_loop")
    if override is None or said.loop_scope is not None or kind(override.func) in ASYNC:
        return None
    return override
