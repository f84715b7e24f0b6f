"""Event loops: which one a test runs in, how it is made, how long it lives; `event_loop`.

A loop belongs to a *home*, the node of the collection tree for whose life it exists: the
session, a package, a module, a class or a single test. It is made when the first test or
fixture needs it and closed when pytest leaves the node.

`Loops` holds what there is in a run: loops, the running test, fixtures that are set up. What runs
in a loop, and what a fixture is, is not decided here.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
import functools
import sys
from typing import Any
from typing import Final
from typing import final
from typing import TYPE_CHECKING

import pytest

from pytest_asyncio import _pytest_private
from pytest_asyncio import messages
from pytest_asyncio.config import LeakedTasks
from pytest_asyncio.config import Mode
from pytest_asyncio.config import SCOPES
from pytest_asyncio.config import Settings
from pytest_asyncio.config import settings
from pytest_asyncio.functions import has_other_hooks
from pytest_asyncio.functions import location
from pytest_asyncio.homes import AnyFixtureDef
from pytest_asyncio.homes import is_narrower
from pytest_asyncio.homes import Node
from pytest_asyncio.homes import scope_of
from pytest_asyncio.loop_factories import default_factory
from pytest_asyncio.loop_factories import FACTORY_FIXTURE
from pytest_asyncio.loop_factories import is_loop
from pytest_asyncio.loop_factories import new_loop
from pytest_asyncio.loop_scopes import AskedLoops
from pytest_asyncio.loop_scopes import loop_override
from pytest_asyncio.markers import marking
from pytest_asyncio.outcomes import failure
from pytest_asyncio.outcomes import is_hidden
from pytest_asyncio.plan import Plan
from pytest_asyncio.state import Collection
from pytest_asyncio.state import Interruption
from pytest_asyncio.state import RunningFixture
from pytest_asyncio.state import RunningTest
from pytest_asyncio.variants import is_outside_policy
from pytest_asyncio.variants import THE_ONLY_ONE
from pytest_asyncio.variants import variant_of
from pytest_asyncio.warning_filters import ignore_making_on_demand

if TYPE_CHECKING:
    import asyncio

    from pytest_asyncio.current_loop import CurrentLoop
    from pytest_asyncio.diagnostics import Tasks
    from pytest_asyncio.diagnostics import Unhandled
    from pytest_asyncio.runner import FixtureTask
    from pytest_asyncio.runner import Runner

__tracebackhide__ = is_hidden

__all__ = ["event_loop", "event_loop_policy"]

RUNNERS: Final = {scope: f"_{scope}_scoped_runner" for scope in SCOPES}
"""The fixtures that the loops of 1.1 to 1.5 came from, by the scope of the loop."""

OVERRIDABLE: Final = ("event_loop", "event_loop_policy", *RUNNERS.values())
"""Our fixtures that users may replace by their own, for the tests that see these."""


@final
class Loops:
    """All event loops of one pytest run."""

    def __init__(self, config: pytest.Config) -> None:
        self.config: Final = config
        self.settings: Final[Settings] = settings(config)
        self.is_auto: bool = self.settings.mode is Mode.AUTO
        """Whether the mode is *auto*, as it is now: other plugins may set it at any time."""
        self.tells_leaks: Final[bool] = (
            self.settings.leaked_tasks is not LeakedTasks.IGNORE
        )
        self.family: Final[dict[asyncio.AbstractEventLoop, Runner]] = {}
        """The runners by their loops, as long as these are open."""
        self.test: RunningTest | None = None
        """The test that is being run, if it uses a loop."""
        self.replaced: pytest.Item | None = None
        """The test in the place of whose function another one stands, for anybody to call."""
        self.asked: Final = AskedLoops(self.settings)
        """The loops that tests and fixtures ask for."""
        self.plan: Plan = Plan({})
        """The loops of those that ask for none."""
        self.collection: Final = Collection()
        """What the collection has found."""
        self.live: Final[list[RunningFixture]] = []
        """The fixtures of ours that are set up, in that order."""
        self.failed: Final[dict[AnyFixtureDef, RunningFixture]] = {}
        """Those whose last set-up has failed, in a variant of their loop, for several tests."""
        self.own_event_loop: AnyFixtureDef | None = None
        """The fixture of that name that is ours."""
        self.interruption: Final = Interruption()
        """What a Ctrl-C, or a timeout, has interrupted."""
        self.on_first_test: Callable[[], object] | None = None
        """Called when a loop is needed in a run that seemed to need none."""
        self.unhandled: Final[list[Unhandled]] = []
        """Exceptions in tasks and callbacks that nobody has taken notice of, until reported."""
        self.stuck: Final[list[asyncio.Task[Any]]] = []
        """Tasks that did not end when they were cancelled, until reported."""
        self.tasks_over: Final[list[Tasks]] = []
        """Those of tests and fixtures that are over, until looked at."""
        self.tasks_left: Final[list[Tasks]] = []
        """Those of tests that left some pending, which may fail during a later test."""
        self.policy: Any = None
        """The event loop policy that is to be in force again after the test's call."""
        self._crashed: Final[list[FixtureTask[Any]]] = []
        self._homes: Final[dict[tuple[Node, object], Runner]] = {}
        self._unended: Final[list[tuple[Node, list[str]]]] = []
        """What was left in loops that have been closed since, until it is told."""
        self._adopted: Final[dict[Runner, AnyFixtureDef]] = {}
        self._is_setup_observed: bool | None = None
        self._runner: type[Runner] | None = None
        self._current_loop: type[CurrentLoop] | None = None
        self._get_policy: Callable[[], Any] | None = None
        self._overrides: Final[dict[Node | None, Mapping[str, AnyFixtureDef]]] = {}

    def is_setup_observed(self) -> bool:
        """Whether somebody sees every fixture that is set up: ``--setup-show``, or a plugin.

        looptime, say, exchanges the loop when ``event_loop`` is. AnyIO and pytest-trio look for
        their own.
        """
        # Not a cached_property, for which Python makes a dict of the attributes, as it does for
        # more than 30 of them: each then takes longer to find.
        observed = self._is_setup_observed
        if observed is None:
            observed = bool(
                self.config.getoption("setupshow", default=False)
            ) or has_other_hooks(self.config.hook.pytest_fixture_setup)
            self._is_setup_observed = observed
        return observed

    # -- which loop --

    def for_test(self, test: RunningTest, request: pytest.FixtureRequest) -> Runner:
        """The loop that a test runs in; it becomes the current one.

        :param test: The test.
        :param request: A request of that test.
        """
        if test.runner is None or test.runner.loop.is_closed():
            if test.override is None:
                return self.planned(test, request)
            loop = request.getfixturevalue("event_loop")
            test.runner = self.adopt(loop, test.item, test.override)
            self.make_current()
        return test.runner

    def planned(
        self, test: RunningTest, request: pytest.FixtureRequest | None = None
    ) -> Runner:
        """The loop that a test runs in if no fixture of the user's makes it.

        :param test: The test.
        :param request: A request of that test, where it sees an ``event_loop_policy``.
        """
        item = test.item
        home = self.asked.by_test(test.marking, item)
        if home is None or not test.is_async:
            group = self.plan.home_of_test(item)
            if (
                group is not item
                and test.is_async
                and is_outside_policy(test, scope_of(group))
            ):
                # It is to run under its policy, which did not make that loop.
                group = item
            if home is None or group is not item:
                home = group
        runner = self.at(home, test, request)
        test.home, test.runner = home, runner
        runner.make_current()
        return runner

    def make_current(self) -> None:
        """Make the loop of the test that is being run the current one."""
        if self.test is not None and self.test.runner is not None:
            self.test.runner.make_current()

    def current_by_override(self, item: pytest.Item, loop: Any) -> None:
        """Make the loop current that the user's ``event_loop`` has just made, or still has."""
        if self.config.getoption("setupplan", default=False):
            return  # Under --setup-plan no fixture has a value.
        test = self.enter(item)
        if test.override is not None and (test.is_async or _can_be_used(loop)):
            test.runner = self.adopt(loop, item, test.override)
            self.make_current()

    def running_test(self, item: pytest.Item) -> RunningTest | None:
        """What is kept of a test, if it is being run and uses a loop."""
        test = self.test
        return test if test is not None and test.item is item else None

    def overrides(self, item: pytest.Item) -> Mapping[str, AnyFixtureDef]:
        """The user's fixtures, or parameters, in place of our fixtures, by their names."""
        found = self._overrides.get(item.parent)
        if found is None:
            seen = {name: overridden(name, item) for name in OVERRIDABLE}
            found = {name: each for name, each in seen.items() if each is not None}
            self._overrides[item.parent] = found
        if (
            self.collection.is_policy_parametrised
            and "event_loop_policy" in _pytest_private.parameters(item)
        ):
            requested = _pytest_private.requested_fixturedefs(item)
            return {"event_loop_policy": requested["event_loop_policy"][-1], **found}
        return found

    # -- event loop policies --

    def keep_policy(self) -> None:
        """Keep which event loop policy is in force, before a test or after a wider fixture."""
        if self._get_policy is None and "asyncio" in sys.modules:
            from pytest_asyncio.current_loop import get_policy

            self._get_policy = get_policy
        if self._get_policy is not None:
            self.policy = self._get_policy()

    def follow_policy(self) -> None:
        """Keep the policy that a wider fixture may have put in force; it makes the test's own loop.

        That loop was there before all fixtures. It is made anew if no fixture can have it: what is
        wider than the test may use a loop that others share.
        """
        before = self.policy
        self.keep_policy()
        test = self.test
        if (
            self.policy is before
            or test is None
            or test.runner is None
            or test.home is not test.item
            or test.factory is not None
            or test.overrides
            or self._is_event_loop_set_up()
        ):
            return
        test.runner.close()
        loop = self.planned(test).loop
        if isinstance(test.item, pytest.Function):
            test.item.funcargs["event_loop"] = loop

    def _is_event_loop_set_up(self) -> bool:
        fixturedef = self.own_event_loop
        return fixturedef is not None and _pytest_private.is_set_up(fixturedef)

    def put_back_policy(self) -> None:
        """Let a policy that a test has put in force, or a fixture of it alone, end with its call.

        What a wider fixture puts in force stays, until the fixture itself sees to it.
        """
        policy, self.policy = self.policy, None
        if (
            policy is not None
            and self._get_policy is not None
            and self._get_policy() is not policy
        ):
            self._set_policy(policy)

    @staticmethod
    def _set_policy(policy: Any) -> None:
        from pytest_asyncio.current_loop import set_policy

        set_policy(policy)

    # -- loops that asyncio makes --

    def let_one_be_made_silently(self) -> None:
        """Let asyncio make a loop on demand without a word, if a loop of ours was there before.

        After a test of theirs, earlier releases leave a loop behind, or none, which is an error
        and not a warning.
        """
        if self._runner is not None:
            ignore_making_on_demand()

    def let_one_be_made(self) -> None:
        """Let a marked synchronous test have a loop on demand, whatever was called before it.

        Up to 0.21, all tests with the marker had one.
        """
        if self._get_policy is not None:
            self.current().allow_on_demand()

    def replace_closed(self) -> None:
        """Let the user's own loop, which its fixture has just closed, not stay the current one."""
        test = self.test
        if test is not None and not self.current().is_open:
            test.before.put_back(on_demand=True)

    # -- making loops --

    def at(
        self,
        home: Node,
        test: RunningTest,
        request: pytest.FixtureRequest | None,
    ) -> Runner:
        """The open loop of a node; it is made if there is none.

        :param home: The node that the loop belongs to.
        :param test: The test that needs it.
        :param request: A request of that test, for the fixture ``event_loop_policy``.
        """
        policy = None
        if test.overrides:
            runner = self._ready_made(home, test, request)
            if runner is not None:
                return runner
            policy = self._policy_of(test, request)
        key = (home, variant_of(test))
        runner = self._homes.get(key)
        if runner is not None and runner.loop.is_closed():
            # By a fixture, say, for which it was just the current loop: nothing is lost by that.
            runner.close()
            runner = None
        if runner is None:
            runner = self._homes[key] = self._make(test, policy)
            if not isinstance(home, pytest.Session):  # Nothing is wider.
                end = functools.partial(self._close_at_end_of, home)
                _pytest_private.at_end_of(home, end)
        return runner

    def _ready_made(
        self, home: Node, test: RunningTest, request: pytest.FixtureRequest | None
    ) -> Runner | None:
        """The loop of a node that a fixture of the user's has made, or that no policy concerns."""
        scope = scope_of(home)
        if is_outside_policy(test, scope):
            runner = self._homes.get((home, THE_ONLY_ONE))
            if runner is not None and not runner.loop.is_closed():
                return runner
        override = test.overrides.get(RUNNERS[scope])
        if override is None:
            return None
        assert request is not None
        given = request.getfixturevalue(override.argname)
        return self.adopt(given.get_loop(), test.item, override)

    def _policy_of(
        self, test: RunningTest, request: pytest.FixtureRequest | None
    ) -> Any:
        """The user's event loop policy for a test, which is in force now; None without one."""
        override = test.policy_override
        if override is None:
            return None
        assert request is not None
        if is_narrower(override.scope, than=request.scope):
            text = messages.fixture_wider_than_policy(
                str(request.fixturename),
                request.scope,
                override.scope,
                location(override, test.item),
            )
            raise failure(text, test.item)
        policy = request.getfixturevalue("event_loop_policy")
        if test.policy_before is None:
            from pytest_asyncio.current_loop import get_policy
            from pytest_asyncio.current_loop import is_policy

            test.policy_before = get_policy()
            if not is_policy(policy):
                where = test.item.nodeid
                if "event_loop_policy" not in _pytest_private.parameters(test.item):
                    where = location(override, test.item)
                raise failure(messages.no_policy(policy, where), test.item)
            self._set_policy(policy)
            self.policy = policy
        return policy

    def _make(self, test: RunningTest, policy: Any) -> Runner:
        name, factory = test.factory or default_factory(policy)
        loop = new_loop(test.item, name, factory, self.family)
        return self._run_in(loop, owned=True)

    def _run_in(self, loop: asyncio.AbstractEventLoop, *, owned: bool) -> Runner:
        if self._runner is None:
            from pytest_asyncio.runner import Runner

            self._runner = Runner
        if self.settings.debug:
            loop.set_debug(True)
        return self._runner(
            loop,
            owned=owned,
            family=self.family,
            unhandled=self.unhandled,
            newly_stuck=self.stuck,
            crashed=self._crashed,
            interrupted=self._interrupted,
        )

    def make_for_override(self) -> Runner:
        """A runner for a loop that the user's ``event_loop`` may return."""
        import asyncio

        return self._run_in(asyncio.new_event_loop(), owned=True)

    def close_of_override(self, runner: Runner, home: Node) -> None:
        """Close it after the fixture's own tear-down; what was left in it is told later."""
        if left := runner.close():
            self._unended.append((home, left))

    def adopt(self, loop: Any, item: pytest.Item, override: AnyFixtureDef) -> Runner:
        """A runner for a loop that the user's ``event_loop`` fixture made, and will close."""
        if not is_loop(loop):
            where = location(override, item)
            raise failure(messages.event_loop_is_not_a_loop(loop, where), item)
        from pytest_asyncio.host_loop import is_hosts

        if is_hosts(loop):
            where = location(override, item)
            raise failure(messages.event_loop_is_the_hosts(where), item)
        runner = self.family.get(loop)
        if runner is None:
            runner = self._run_in(loop, owned=False)
            self._adopted[runner] = override
        return runner

    # -- context variables that the test sets --

    def undo_changes(self) -> None:
        """Take back what the test, or hypothesis' last example of it, has set."""
        if self.test is not None and self.test.changes is not None:
            self.test.changes.undo(only_untouched=True)
            self.test.changes = None

    # -- what goes wrong between loops and fixtures --

    def crashed(self) -> list[RunningFixture]:
        """The fixtures that were cancelled at their yield, the last one that was set up first."""
        if not self._crashed:
            return []
        return [
            live
            for live in reversed(self.live)
            if live.task is not None and live.task.crash is not None
        ]

    def forget_closed(self) -> bool:
        """Let go of the loops that user code has closed; whether any was ours to close."""
        closed = [key for key, runner in self._homes.items() if runner.loop.is_closed()]
        for key in closed:
            self._homes.pop(key).close()
        return bool(closed)

    def _interrupted(self) -> None:
        """Keep what every task is waiting for, before the interrupted one is cancelled."""
        own = None if self.test is None else self.test.runner
        runners = sorted(self.family.values(), key=lambda runner: runner is not own)
        texts = [runner.report() for runner in runners]
        self.interruption.text = "\n\n".join(text for text in texts if text)
        if self.interruption.text:
            self.interruption.on_text()

    def during(self) -> str:
        """What is being run, for messages."""
        return "the run" if self.test is None else self.test.item.nodeid

    # -- the life of loops --

    def enter(self, item: pytest.Item) -> RunningTest:
        """Begin a test that uses loops; the second call for a test changes nothing."""
        test = self.test
        if test is None or test.item is not item:
            if self.on_first_test is not None:
                self.on_first_test()
            if test is not None:
                # Something around its tear-down has raised before that was reached.
                if test.policy_before is not None:
                    self._set_policy(test.policy_before)
                test.before.put_back(on_demand=True)
            said, overrides = marking(item), self.overrides(item)
            override = loop_override(overrides, said)
            test = self.test = RunningTest(
                item, said, overrides, override, self.current()
            )
        return test

    def _close_at_end_of(self, home: Node) -> None:
        """Close the loop of a node before wider fixtures are torn down.

        They may wait for what a test has left in it: that a connection is closed, say. And they
        find the loop current that was so before the test.
        """
        test = self.test
        before = self._before()
        in_use = {live.runner for live in self.live}
        try:
            for key, runner in list(reversed(self._homes.items())):
                # Of one that user code has closed the person is told later.
                if (
                    key[0] is home
                    and runner not in in_use
                    and not runner.loop.is_closed()
                ):
                    del self._homes[key]
                    try:
                        runner.settle()
                    finally:
                        if left := self._close(runner, before):
                            self._unended.append((home, left))
        finally:
            if test is not None and (
                test.runner is None or test.runner.loop not in self.family
            ):
                self._put_back(test.before)
                test.runner = None

    def keep_current_of_wider(self) -> None:
        """Keep what a wider fixture has made current at its tear-down, if the test has ended.

        What it leaves closed, or has taken away, does not count. Nor does what it has done under
        the test's event loop policy.
        """
        test = self.test
        if test is not None and test.runner is None and test.policy_before is None:
            current = self.current()
            if current.is_open:
                test.before = current

    def leave(self, nextitem: pytest.Item | None) -> Iterator[tuple[Node, list[str]]]:
        """End the test, and close the loops whose home pytest has left.

        Those of fixtures that are still set up stay open. They are there because the test is to
        be run again: there are plugins that keep fixtures of wider scope for that.

        :param nextitem: The test that comes next; what it is not part of has ended.
        :returns: For each loop that did not end in order, its home and what was left in it.
        """
        before = self._before()
        ended = self._not_needed_by(nextitem)
        try:
            while self._unended:
                yield self._unended.pop(0)
            for key in ended:
                if left := self._close(self._homes.pop(key), before):
                    yield key[0], left
            for runner, override in list(self._adopted.items()):
                if not _pytest_private.is_set_up(override):
                    del self._adopted[runner]
                    self._close(runner, before)
        finally:
            self.undo_changes()
            if nextitem is None and not self.live:
                # Of a run that was given up, say.
                for runner in list(self.family.values()):
                    runner.close()
            if self.test is not None and self.test.policy_before is not None:
                self._set_policy(self.test.policy_before)
            if before is not None:
                self._put_back(before)
            self.test = None

    def _close(self, runner: Runner, before: CurrentLoop | None) -> list[str]:
        """Close a loop; what was current before it is, where user code left none behind."""
        left = runner.close()
        if before is not None and before.earlier is None and not before.is_open:
            before.earlier = runner.before
        return left

    def _before(self) -> CurrentLoop | None:
        """What is to be put back at the end of the test, or of the run."""
        if self.test is not None:
            return self.test.before
        return self.current() if self.family else None

    def current(self) -> CurrentLoop:
        """What is current now."""
        # Before Python 3.12, to import a name inside a function takes as long as twenty calls.
        if self._current_loop is None:
            from pytest_asyncio.current_loop import CurrentLoop
            from pytest_asyncio.current_loop import get_policy

            self._current_loop = CurrentLoop
            self._get_policy = get_policy
        current = self._current_loop()
        runner = None if current.loop is None else self.family.get(current.loop)
        if runner is not None:
            current.earlier = runner.before
        return current

    def _put_back(self, before: CurrentLoop) -> None:
        """Let be current what was so before, or the loop of the test if that is to stay so.

        A loop that tests share because they ask for it stays the current one between them. So
        it is in all releases: synchronous code that uses nothing of ours finds it. What user
        code makes current meanwhile has precedence.
        """
        runner = None if self.test is None else self.test.runner
        has_ended = self.test is not None and self.test.home is not None
        on_demand = runner is not None or has_ended
        while before.earlier is not None and before.loop not in self.family:
            before, on_demand = before.earlier, True
        if (
            runner is not None
            and runner.loop in self.family
            and not runner.loop.is_closed()
            and (
                self._is_asked_for()
                if runner.before is None
                else before.loop is runner.loop or not before.is_open
            )
        ):
            runner.before = runner.before or before
            runner.make_current()
        else:
            before.put_back(on_demand=on_demand)

    def _is_asked_for(self) -> bool:
        """Whether the test is in its loop for another reason than the plan."""
        test = self.test
        return test is not None and (
            test.override is not None
            or test.home is self.asked.by_test(test.marking, test.item)
        )

    def _not_needed_by(self, nextitem: pytest.Item | None) -> list[tuple[Node, object]]:
        """The keys of the loops that are no longer needed, the last one that was made first."""
        # The item itself comes round again when it is rerun, and gets another loop then.
        item = None if self.test is None else self.test.item
        ended = [
            key
            for key in reversed(self._homes)
            if key[0] is item or not _is_in(key[0], nextitem)
        ]
        if not ended:
            return ended
        in_use = {live.runner for live in self.live}
        return [key for key in ended if self._homes[key] not in in_use]


def _is_in(home: Node, item: pytest.Item | None) -> bool:
    """Whether a node is a test, or one of those that the test is in."""
    node: Node | None = item
    while node is not None and node is not home:
        node = node.parent
    return node is not None


def _can_be_used(value: object) -> bool:
    """Whether what an ``event_loop`` of the user's gives is for a synchronous test to run."""
    from pytest_asyncio.host_loop import is_hosts

    return is_loop(value) and not is_hosts(value)


_LOOPS: Final = pytest.StashKey[Loops]()


def loops_of(config: pytest.Config) -> Loops:
    """The loops of this pytest run."""
    try:
        return config.stash[_LOOPS]
    except KeyError:
        loops = config.stash[_LOOPS] = Loops(config)
        return loops


# -- what users override --


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Let the fixtures of all other plugins override ours."""
    for name in OVERRIDABLE:
        for fixturedef in list(_pytest_private.visible_fixturedefs(name, session)):
            if fixturedef.func.__module__ == __name__:
                _pytest_private.put_first(session, fixturedef)
                if name == "event_loop":
                    loops_of(session.config).own_event_loop = fixturedef


def overridden(name: str, item: Node) -> AnyFixtureDef | None:
    """The user's fixture in place of one of ours, as ``item`` sees it, or None.

    One that requests the runner of that loop makes none, but hands on what there is anyway.
    """
    fixturedefs = _pytest_private.visible_fixturedefs(name, item)
    handed_on = RUNNERS["function"] if name == "event_loop" else name
    for fixturedef in fixturedefs[::-1]:
        if fixturedef.func.__module__ == __name__:
            return None
        if handed_on not in RUNNERS.values() or handed_on not in fixturedef.argnames:
            return fixturedef
    return None


# -- fixtures --


@pytest.fixture
def event_loop(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoop:
    """The event loop of the test that requests it, directly or through other fixtures.

    Every async test requests it by itself. A sync test can run coroutines in it:
    ``event_loop.run_until_complete(...)``.

    To run tests in a loop of your own, override this fixture in a class, a module, a
    ``conftest.py`` or a plugin with a synchronous fixture that yields the loop and closes it
    afterwards. It may have any scope and parameters. The tests that see it, and their async
    fixtures, then run in that loop, except for tests with a ``loop_scope`` of their own.

    :returns: The loop, which is the current one.

    .. versionadded:: 0.1
    .. versionchanged:: 2.0
       Back, after it had been removed in 1.0.
    """
    loops = loops_of(request.config)
    return loops.planned(loops.enter(request.node), request).loop


@pytest.fixture(scope="session")
def event_loop_policy() -> Any:
    """The event loop policy that loops are made with; override it to choose another.

    It may have parameters: tests then run once with each policy. Or these stand at the tests,
    in ``pytest.mark.parametrize("event_loop_policy", [...])``. Where there is neither,
    loops are made by :func:`asyncio.new_event_loop`. Event loop policies are deprecated from
    Python 3.14 and gone in 3.16; the hook :hook:`pytest_asyncio_loop_factories` does without.

    :returns: The policy that is in force.

    .. versionadded:: 0.23
    """
    from pytest_asyncio.current_loop import get_policy

    return get_policy()


# `pytest --fixtures` has a heading for each module: it stands with those that are listed.
@pytest.fixture(scope="session", name=FACTORY_FIXTURE)
def _asyncio_loop_factory(request: pytest.FixtureRequest) -> object:
    """Name of the loop factory that the test runs with; parametrises tests, no more."""
    return getattr(request, "param", None)
