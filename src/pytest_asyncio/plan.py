"""The plan: which loop the tests and fixtures share that say nothing about it.

It is made once, over all collected items: async fixtures that are used together share a loop,
and so do the tests that use them. A loop belongs to a *home*, the node of the collection tree
for whose life it exists. Nothing here makes a loop, or knows what an async fixture is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from typing import Final
from typing import final
from typing import TypeAlias

import pytest

from pytest_asyncio.config import ScopeName
from pytest_asyncio.config import SCOPES

Node: TypeAlias = pytest.Item | pytest.Collector
AnyFixtureDef: TypeAlias = pytest.FixtureDef[Any]


def home_of(node: Node, scope: ScopeName) -> Node:
    """The node that a loop of some scope belongs to, as seen from ``node``.

    It is never narrower than ``node``: outside of a class, class scope is function scope.
    """
    wider: Node | None = None
    if scope == "session":
        wider = node.session
    elif scope == "package":
        wider = node.getparent(pytest.Package) or node.session
    elif scope == "module":
        # Mostly the parent; pytest looks for it with a generator.
        wider = node.parent
        if not isinstance(wider, pytest.Module):
            wider = node.getparent(pytest.Module)
    elif scope == "class":
        wider = node.getparent(pytest.Class)
    return node if wider is None else wider


def scope_of(home: Node) -> ScopeName:
    """The scope of the loops that belong to ``home``."""
    if isinstance(home, pytest.Session):
        return "session"
    if isinstance(home, pytest.Item):
        return "function"
    if isinstance(home, pytest.Module):
        return "module"
    if isinstance(home, pytest.Class):
        return "class"
    return "package"


def is_narrower(scope: str, than: str) -> bool:
    """Whether one scope ends before another."""
    return SCOPES.index(scope) > SCOPES.index(than)


Use: TypeAlias = tuple[AnyFixtureDef, Node]
"""An async fixture that a test uses, and the node for whose life it is cached."""


@final
class Plan:
    """Which loop the tests and fixtures share that say nothing about it.

    Two fixtures wider than function scope that one test uses belong together, and so do, in
    turn, those that they meet in other tests. The nodes of the fixtures of one test lie on
    one branch of the collection tree; hence so the widest node of a whole group is well
    defined, and is the home of the loop that the group shares.

    This is union-find: linear, for all practical purposes, in the number of uses.
    """

    def __init__(self) -> None:
        self._leader: Final[dict[Use, Use]] = {}
        self._home: Final[dict[Use, Node]] = {}
        self._depths: Final[dict[Node, int]] = {}
        self._tests: Final[dict[pytest.Item, Use]] = {}

    def _depth(self, node: Node) -> int:
        depth = self._depths.get(node)
        if depth is None:
            depth = 0 if node.parent is None else self._depth(node.parent) + 1
            self._depths[node] = depth
        return depth

    def _find(self, use: Use) -> Use:
        leader = self._leader
        while leader[use] != use:
            leader[use] = leader[leader[use]]
            use = leader[use]
        return use

    def _widen(self, leader: Use, home: Node) -> None:
        known = self._home[leader]
        if home is not known and self._depth(home) < self._depth(known):
            self._home[leader] = home

    def add(
        self,
        item: pytest.Item,
        uses: Sequence[tuple[Use, Node]],
        asked: Node | None = None,
    ) -> None:
        """Take one test into account.

        :param item: The test.
        :param uses: The cached async fixtures that it uses, each with the home of the loop it
            asks for, or else the node it is cached for.
        :param asked: The home of the loop that the test itself asks for, if it does.
        """
        group: Use | None = None
        for use, home in uses:
            if use not in self._leader:
                self._leader[use] = use
                self._home[use] = home
            leader = self._find(use)
            self._widen(leader, home)
            if group is None:
                group = leader
            elif leader != group:
                self._leader[leader] = group
                self._widen(group, self._home[leader])
        if group is not None:
            self._tests[item] = group
            if asked is not None:
                self._widen(group, asked)

    def home_of_fixture(self, use: Use) -> Node | None:
        """The home of the loop of a fixture's group, or None if no test is known to use it."""
        return self._home[self._find(use)] if use in self._leader else None

    def home_of_test(self, item: pytest.Item) -> Node:
        """The home of the loop of a test's group, or the test itself if it has none."""
        use = self._tests.get(item)
        return item if use is None else self._home[self._find(use)]
