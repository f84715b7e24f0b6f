"""What is kept while a run lasts: of the collection, of the test, and of each fixture of ours.

These are records. `loop.Loops` keeps them.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import Final
from typing import final
from typing import TYPE_CHECKING

import pytest

from pytest_asyncio import _pytest_private
from pytest_asyncio.contexts import Changes
from pytest_asyncio.homes import AnyFixtureDef
from pytest_asyncio.homes import Node
from pytest_asyncio.homes import scope_of
from pytest_asyncio.hookspecs import LoopFactory
from pytest_asyncio.markers import Marking
from pytest_asyncio.outcomes import is_hidden

if TYPE_CHECKING:
    from pytest_asyncio.current_loop import CurrentLoop
    from pytest_asyncio.diagnostics import Tasks
    from pytest_asyncio.runner import FixtureTask
    from pytest_asyncio.runner import Runner

__tracebackhide__ = is_hidden


@final
class RunningTest:
    """A test between the start of its set-up and the end of its tear-down.

    :param item: The test.
    :param marking: What its markers say.
    :param overrides: The user's fixtures in place of ours, by their names.
    :param override: The one named ``event_loop``, if the loop of the test comes from there.
    :param before: What was current when the test began, or, if it uses no loop, when its
        fixtures had been torn down. A synchronous fixture that outlives the loop may change it.
    """

    __slots__ = (
        "before",
        "changes",
        "factory",
        "home",
        "is_async",
        "item",
        "marking",
        "override",
        "overrides",
        "policy_before",
        "policy_override",
        "runner",
        "tasks",
        "variant",
    )

    def __init__(
        self,
        item: pytest.Item,
        marking: Marking,
        overrides: Mapping[str, AnyFixtureDef],
        override: AnyFixtureDef | None,
        before: CurrentLoop,
    ) -> None:
        self.item: Final = item
        self.marking: Final = marking
        self.overrides: Final = overrides
        self.override: Final = override
        self.policy_override: Final = overrides.get("event_loop_policy")
        """The user's ``event_loop_policy``, if there is one."""
        self.before: CurrentLoop = before
        self.is_async: bool = False
        """Whether the test itself runs in a loop, and not its fixtures alone."""
        self.runner: Runner | None = None
        """The loop of the test, as soon as it is known."""
        self.home: Node | None = None
        """The node that this loop belongs to, unless a fixture of the user's made it."""
        self.factory: tuple[str, LoopFactory] | None = None
        """The loop factory that makes it and its name, as soon as the variant is known."""
        self.variant: object = None
        """What tells the loop from others of the same node, as soon as it is known."""
        self.policy_before: Any = None
        """What was in force before the user's event loop policy, if there is one."""
        self.changes: Changes | None = None
        """The context variables that the test has set, until its fixtures are torn down."""
        self.tasks: Tasks | None = None
        """The tasks that the test has started."""

    @property
    def scope(self) -> str:
        """The scope of the loop of the test."""
        if self.override is not None:
            return self.override.scope
        return "function" if self.home is None else scope_of(self.home)


@final
class RunningFixture:
    """A fixture of ours between its set-up and its tear-down.

    :param scope: The scope of the loop that it runs in.
    :param variant: The variant of that loop, or None if the user's ``event_loop`` made it.
    """

    __slots__ = (
        "fixturedef",
        "name",
        "request",
        "runner",
        "scope",
        "task",
        "tasks",
        "variant",
    )

    def __init__(
        self,
        fixturedef: AnyFixtureDef,
        request: pytest.FixtureRequest,
        runner: Runner,
        scope: str,
        variant: object,
    ) -> None:
        self.fixturedef: Final = fixturedef
        self.request: Final = request
        self.runner: Final = runner
        self.scope: Final = scope
        self.variant: Final = variant
        self.name: Final = _pytest_private.shown_name(fixturedef)
        """Name of the fixture, or of the method that pytest makes a fixture of, for users."""
        self.tasks: Tasks | None = None
        """The tasks that it has started, if it is async."""
        self.task: FixtureTask[Any] | None = None
        """The task of an async generator."""

    def finish(self) -> None:
        """Tear the fixture down now, after those that depend on it."""
        _pytest_private.finish(self.fixturedef, self.request)


@final
class Interruption:
    """What a Ctrl-C, or a timeout, has interrupted."""

    __slots__ = ("ended_run", "on_text", "text")

    def __init__(self) -> None:
        self.text: str = ""
        """What all tasks were waiting for, until a report tells of it."""
        self.on_text: Callable[[], object] = lambda: None
        """Called when there is such a text."""
        self.ended_run: BaseException | None = None
        """The exception that has ended the run: pytest has told of it."""


@final
class Above:
    """What is above the test functions of a module or class.

    :param node: That module or class.
    :param gives_policy: Whether a marker gives the tests their event loop policy.
    :param is_plain: Whether nothing there says anything about their loops: no override, no loop
        factory, no marker with policies.
    """

    __slots__ = ("gives_policy", "is_plain", "node")

    def __init__(
        self, node: Node | None, *, gives_policy: bool, is_plain: bool
    ) -> None:
        self.node: Final = node
        self.gives_policy: Final = gives_policy
        self.is_plain: Final = is_plain


@final
class Collection:
    """What is found out while tests are collected."""

    __slots__ = (
        "above",
        "candidates",
        "has_unmarked_async",
        "is_concerned",
        "is_policy_parametrised",
        "is_synchronous_concerned",
        "items",
    )

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []
        """All items, deselected ones too, until the plan is made."""
        self.is_concerned: bool = False
        """Whether any test that was collected plainly has to do with the plugin."""
        self.is_synchronous_concerned: bool = False
        """Whether any of these is synchronous, or unittest's."""
        self.has_unmarked_async: bool = False
        """Whether any async test lacks the marker that strict mode takes, or has another one."""
        self.is_policy_parametrised: bool = False
        """Whether a marker gives some test its event loop policy, without a fixture for it."""
        self.above: Above | None = None
        """What is above the test that was looked at last: it is above most of the next ones."""
        self.candidates: Final[
            dict[tuple[int, tuple[str, ...]], tuple[object, list[AnyFixtureDef]]]
        ] = {}
        """Fixtures that may be ours, by the identity of the closure they are in, with it.

        And by the names among a test's parameters, of those it may request while it runs.
        """
