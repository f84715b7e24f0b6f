"""The plan: which loop the tests and fixtures share that say nothing about it.

It is made once, over all collected items: async fixtures that are used together share a loop,
and so do the tests that use them. A loop belongs to a *home*, the node of the collection tree
for whose life it exists. Nothing here makes a loop, or knows what an async fixture is.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Final
from typing import final
from typing import TypeAlias

import pytest

from pytest_asyncio.homes import AnyFixtureDef
from pytest_asyncio.homes import Node

Use: TypeAlias = tuple[AnyFixtureDef, Node]
"""An async fixture that a test uses, and the node for whose life it is cached."""

Uses: TypeAlias = tuple[tuple[Use, Node | None], ...]
"""The fixtures that a test uses, each with the home of the loop that it asks for, if it does."""

Need: TypeAlias = tuple[Uses, Node | None]
"""What decides on the loop of a test: what it uses, and the home of the loop it asks for itself."""


@final
class Plan:
    """Which loop the tests and fixtures share that say nothing about it.

    Two fixtures wider than function scope that one test uses belong together, and so do, in
    turn, those that they meet in other tests. The nodes of the fixtures of one test lie on
    one branch of the collection tree; so the widest node of a whole group is well defined, and
    is the home of the loop that the group shares. A fixture that asks for a loop joins nobody,
    but those it meets come to that loop if it is wider; a test that asks for one takes along
    those that its loop outlives.

    A fixture *stays* in the loop of its own scope if a test or fixture that it meets asks for
    exactly that loop, as the two are together then in all releases since 0.23. So do those of
    the same scope that it meets.

    :param needs: What each test needs that uses such fixtures.
    """

    def __init__(self, needs: Mapping[pytest.Item, Need]) -> None:
        distinct = dict.fromkeys(needs.values())  # Most tests need what others do.
        self._depths: Final[dict[Node, int]] = {}
        self._neighbours: Final = _Groups()
        """Fixtures of the same scope that meet."""
        self._staying: Final = self._asked_to_stay(distinct)
        self._groups: Final = _Groups()
        """Those that share a loop, save those that stay."""
        self._homes: Final = self._homes_of_groups(distinct)
        self._needs: Final = needs

    def home_of_fixture(self, use: Use) -> Node | None:
        """The home of the loop of a fixture, or None if no test is known to use it."""
        if self._stays(use):
            return use[1]
        return self._homes.get(self._groups.leader(use))

    def is_asked_for_by_fixture(self, item: pytest.Item) -> bool:
        """Whether a fixture asks for the loop that is for one test alone."""
        need = self._needs.get(item)
        return need is not None and any(home is item for _, home in need[0])

    def home_of_test(self, item: pytest.Item) -> Node:
        """The home of the loop that a test shares with its fixtures, or the test itself."""
        need = self._needs.get(item)
        if need is None:
            return item
        uses, asked = need
        homes = [home or self.home_of_fixture(use) or use[1] for use, home in uses]
        return asked if asked is not None and asked in homes else self._widest(homes)

    def _asked_to_stay(self, needs: Iterable[Need]) -> set[Use]:
        """One of each set of neighbours that stay."""
        staying: list[Use] = []
        for uses, asked in needs:
            homes = {asked, *(home for _, home in uses)}
            first: dict[Node, Use] = {}
            for use, home in uses:
                if home is None:
                    self._neighbours.join(first.setdefault(use[1], use), use)
                    if use[1] in homes:
                        staying.append(use)
        return set(map(self._neighbours.leader, staying))

    def _stays(self, use: Use) -> bool:
        return bool(self._staying) and self._neighbours.leader(use) in self._staying

    def _homes_of_groups(self, needs: Iterable[Need]) -> dict[Use, Node]:
        """Put together what is used together; the home of each group, by its leader."""
        wanted: list[tuple[Use, Node]] = []

        def together(uses: Sequence[Use], homes: Sequence[Node]) -> None:
            for use in uses:
                self._groups.join(uses[0], use)
                wanted.append((use, use[1]))
            wanted.extend((use, home) for use in uses[:1] for home in homes)

        for uses, asked in needs:
            fixed = [
                home or use[1]
                for use, home in uses
                if home is not None or self._stays(use)
            ]
            free = [use for use, home in uses if home is None and not self._stays(use)]
            if asked is None:
                together(free, fixed)
                continue
            # Fixtures come with a test that asks for a loop if that one outlives them.
            depth = self._depth(asked)
            together([use for use in free if self._depth(use[1]) >= depth], [asked])
            together([use for use in free if self._depth(use[1]) < depth], fixed)
        found: dict[Use, Node] = {}
        for use, home in wanted:
            leader = self._groups.leader(use)
            found[leader] = self._widest([home, found.get(leader, home)])
        return found

    def _widest(self, homes: Sequence[Node]) -> Node:
        return min(homes, key=self._depth)

    def _depth(self, node: Node) -> int:
        depth = self._depths.get(node)
        if depth is None:
            depth = 0 if node.parent is None else self._depth(node.parent) + 1
            self._depths[node] = depth
        return depth


@final
class _Groups:
    """Fixtures that belong together: union-find, linear for all practical purposes."""

    def __init__(self) -> None:
        self._leader: Final[dict[Use, Use]] = {}

    def leader(self, use: Use) -> Use:
        """One of those that a fixture belongs to, the same for all of them."""
        leader = self._leader
        while (above := leader.setdefault(use, use)) != use:
            leader[use] = use = leader[above]
        return use

    def join(self, one: Use, other: Use) -> None:
        """Put two fixtures together, with all that belong to them."""
        self._leader[self.leader(one)] = self.leader(other)
