"""Async tests, from set-up to tear-down: the hooks in the order in which pytest calls them."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Generator
import functools
from typing import Any
from typing import Final
from typing import final

import pytest

from pytest_asyncio import _pytest_private
from pytest_asyncio import messages
from pytest_asyncio.background import keeping_tasks
from pytest_asyncio.background import left_untold
from pytest_asyncio.background import look_at_tasks
from pytest_asyncio.background import tell
from pytest_asyncio.background import tell_of_call
from pytest_asyncio.calling import call
from pytest_asyncio.calling import InPlace
from pytest_asyncio.calling import is_alone
from pytest_asyncio.calling import is_call_observed
from pytest_asyncio.collection import RUNS_IN_A_LOOP
from pytest_asyncio.collection import stake
from pytest_asyncio.config import chosen_mode
from pytest_asyncio.config import Mode
from pytest_asyncio.fixture_setup import set_up
from pytest_asyncio.fixture_setup import set_up_synchronous
from pytest_asyncio.fixtures import definition_of
from pytest_asyncio.fixtures import is_any_declared
from pytest_asyncio.fixtures import SYNCHRONOUS
from pytest_asyncio.functions import ASYNC
from pytest_asyncio.functions import kind
from pytest_asyncio.homes import AnyFixtureDef
from pytest_asyncio.lending import is_current_the_users
from pytest_asyncio.lending import of_last_used
from pytest_asyncio.loop import Loops
from pytest_asyncio.loop import loops_of
from pytest_asyncio.markers import AutoMode
from pytest_asyncio.markers import check_mark
from pytest_asyncio.markers import FOREIGN_MARKERS
from pytest_asyncio.markers import marking
from pytest_asyncio.outcomes import at_unless_shown
from pytest_asyncio.outcomes import attempt
from pytest_asyncio.outcomes import failure
from pytest_asyncio.outcomes import group_at
from pytest_asyncio.outcomes import is_hidden
from pytest_asyncio.outcomes import messages_of
from pytest_asyncio.outcomes import outcome_of
from pytest_asyncio.stale_fixtures import finish_broken
from pytest_asyncio.stale_fixtures import finish_left
from pytest_asyncio.state import RunningTest
from pytest_asyncio.variants import has_factory
from pytest_asyncio.warning_types import PytestAsyncioLoopWarning
from pytest_asyncio.warning_types import warn

__tracebackhide__ = is_hidden


# -- registration --


@final
class _Alias:
    """The plugin under the name that it was not loaded by."""

    def __getattr__(self, name: str) -> Any:
        from pytest_asyncio import plugin

        return getattr(plugin, name)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Offer the hook ``pytest_asyncio_loop_factories``, and register the rest of the plugin."""
    from pytest_asyncio import hookspecs

    pluginmanager.add_hookspecs(hookspecs)
    pluginmanager.register(Running(), _RUNNING)
    # The entry point and `pytest_plugins` name it differently, and pytest refuses to load a
    # plugin twice unless it finds the second name taken.
    for name in ("asyncio", "pytest_asyncio.plugin"):
        if not pluginmanager.has_plugin(name):
            pluginmanager.register(_Alias(), name)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Come before all plugins that are installed, whichever was loaded first, and after a conftest.

    AnyIO runs the fixtures that it finds async, those made with our decorator too. What a
    ``conftest.py`` puts in place of a fixture's function is what runs.
    """
    manager = early_config.pluginmanager
    running = manager.unregister(name=_RUNNING)
    manager.register(running, _RUNNING)


_RUNNING: Final = "pytest_asyncio.running"


# -- the hooks, in the order in which pytest calls them --


@final
class Running:
    """The hooks around tests and fixtures, as long as the run may have to do with asyncio."""

    # Python 3.14 takes longer for an attribute that has no slot of its own.
    __slots__ = ("loops",)
    loops: Loops

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Come to know the loops of the run."""
        from pytest_asyncio import plugin

        manager = session.config.pluginmanager
        if not manager.is_registered(plugin):  # A conftest.py has sent it away.
            manager.unregister(self)
            return
        self.loops = loops_of(session.config)
        self.loops.interruption.on_text = functools.partial(self._add, _Interrupted)
        self._follow_mode()

    def pytest_pycollect_makemodule(self) -> None:
        """Follow the mode that another plugin, or a conftest.py further down, has set since."""
        self._follow_mode()

    def _follow_mode(self) -> None:
        config = self.loops.config
        manager = config.pluginmanager
        self.loops.is_auto = chosen_mode(config) is Mode.AUTO
        if self.loops.is_auto is not manager.has_plugin(_AUTO_MODE):
            if self.loops.is_auto:
                manager.register(AutoMode(), _AUTO_MODE)
            else:
                manager.unregister(name=_AUTO_MODE)

    # -- whether there is anything to do --

    @pytest.hookimpl(wrapper=True)
    def pytest_collection_finish(
        self, session: pytest.Session
    ) -> Generator[None, None, None]:
        """Step aside where no test has to do with asyncio: every hook takes its time."""
        yield
        loops = self.loops
        manager = session.config.pluginmanager
        if loops.collection.has_unmarked_async and not is_call_observed(session.config):
            manager.register(_Unmarked())
        if loops.collection.is_synchronous_concerned:
            self._add(_Synchronous)
        if not (loops.collection.is_concerned or loops.is_auto or is_any_declared()):
            manager.unregister(self)
            # What no test asks for plainly may yet be asked for while one runs.
            manager.register(_Aside(self._come_back), _ASIDE)
            loops.on_first_test = self._come_back
        elif is_call_observed(session.config):
            self._add(InPlace)

    def _come_back(self) -> None:
        self.loops.on_first_test = None
        manager = self.loops.config.pluginmanager
        manager.unregister(name=_ASIDE)
        manager.register(self, _RUNNING)
        self._add(_Synchronous)
        if is_call_observed(self.loops.config):
            self._add(InPlace)

    def _add(self, hooks: type[_Synchronous | InPlace | _Interrupted]) -> None:
        """Have hooks that few runs need, unless they are there."""
        manager = self.loops.config.pluginmanager
        if not manager.has_plugin(hooks.NAME):
            manager.register(hooks(self.loops), hooks.NAME)

    # -- set-up --

    # pytest's own hook, which sets up the fixtures, comes after it, and those that skip a test
    # before. A test that is skipped gets no loop.
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Check the marker, and let the test request its event loop before anything else."""
        loops = self.loops
        at_stake = stake(item, loops)
        if at_stake in RUNS_IN_A_LOOP and isinstance(item, pytest.Function):
            _prepare(item, loops, is_async=at_stake == "test")
            return
        loops.keep_policy()
        loops.let_one_be_made_silently()
        if at_stake != "none":
            check_mark(item, marking(item))
            loops.let_one_be_made()

    # What goes wrong in the background of a failure is told at the end of the tear-down.
    @pytest.hookimpl(specname="pytest_runtest_setup", trylast=True)
    def pytest_runtest_setup_done(self, item: pytest.Item) -> None:
        """After the fixtures, tell what went wrong in the background."""
        loops = self.loops
        if loops.unhandled or loops.stuck:
            tell(item, loops)
        if loops.test is not None and not loops.test.is_async:
            self._add(_Synchronous)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: AnyFixtureDef, request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Have a fixture of ours run in its loop."""
        loops = self.loops
        definition = definition_of(fixturedef)
        try:
            if definition is SYNCHRONOUS:
                return (yield from set_up_synchronous(fixturedef, request, loops))
            return (yield from set_up(fixturedef, request, definition, loops))
        finally:
            if fixturedef.scope != "function":
                loops.follow_policy()

    # -- call --

    # First, since aiohttp's plugin also runs every coroutine function it gets hold of. Plugins
    # that wrap the function do so in pytest_runtest_call, or as hook wrappers, which come
    # before.
    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Run a test of ours; leave all others to pytest."""
        try:
            return call(pyfuncitem, self.loops)
        except Exception as exc:
            at_unless_shown(pyfuncitem, exc)
            raise

    # -- tear-down --

    # Inside of all that others wrap around it: what they find afterwards is what is left.
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_teardown(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, None, None]:
        """After the fixtures, end what broke during the test, and the loops that end with it."""
        loops = self.loops
        loops.put_back_policy()
        if loops.test is None and not loops.family:
            return (yield)
        # A test without a loop may be the last one in the scope of a loop.
        uses_none = loops.test is None
        test = loops.enter(item)
        if test.override is not None or not is_alone(item):
            loops.make_current()
        # Until then nothing that is wider than the test is torn down.
        is_last = nextitem is None or nextitem.parent is not item.parent
        if is_last:
            loops.let_one_be_made_silently()
        open_loops = len(loops.family)
        errors: list[BaseException] = []
        try:
            yield
        except BaseException as exc:
            errors.append(exc)
        if uses_none:
            test.before = loops.current()
        elif is_last:
            loops.keep_current_of_wider()
        _end_test(test, nextitem, loops, errors, open_loops)

    def pytest_keyboard_interrupt(
        self, excinfo: pytest.ExceptionInfo[BaseException]
    ) -> None:
        """Keep what has ended the run: a fixture that awaits the task that raised it may follow."""
        if hasattr(self, "loops"):  # It may come before our pytest_sessionstart.
            self.loops.interruption.ended_run = excinfo.value

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> None:
        """After an interruption that no report tells of, show what the tasks waited for."""
        # Neither Ctrl-C nor pytest.exit() ends in a report that could have the section.
        if text := self.loops.interruption.text:
            terminalreporter.section("asyncio tasks at the interruption")
            terminalreporter.write_line(text)

    # Last, since pytest's own hook tears down what an interrupted test has left, and the
    # terminal's prints the summary around this one.
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(
        self, session: pytest.Session
    ) -> Generator[None, None, None]:
        """End what an interrupted run has left, close all loops, and tell of it."""
        self.loops.let_one_be_made_silently()
        told = _finish_given_up(self.loops)
        try:
            yield
        finally:
            told += _finish_given_up(self.loops)
            told += _close_all(self.loops)
            reporter = session.config.pluginmanager.get_plugin("terminalreporter")
            if told and reporter is not None:
                reporter.section("asyncio: after the last test")
                for text in told:
                    reporter.write_line(text)


_AUTO_MODE: Final = "pytest_asyncio.auto_mode"

_ASIDE: Final = "pytest_asyncio.aside"


@final
class _Aside:
    """What is there instead of the hooks around tests, where no test needs them."""

    def __init__(self, come_back: Callable[[], None]) -> None:
        self._come_back: Final = come_back

    def pytest_itemcollected(self) -> None:
        """Come back: a plugin collects more tests after the collection is over."""
        self._come_back()


@final
class _Unmarked:
    """The hook that is there for async tests of nobody's; only pytest itself comes after it."""

    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> None:
        """Say what an async test lacks: pytest would say that there is no plugin for it."""
        function = pyfuncitem.obj
        if kind(function) not in ASYNC or _is_refused(function):
            return
        test = pyfuncitem.nodeid
        if marking(pyfuncitem).foreign:
            for mark in pyfuncitem.iter_markers():
                if mark.name in FOREIGN_MARKERS:
                    text = messages.marked_for_others(test, mark.name)
                    raise failure(text, pyfuncitem)
        is_late = pyfuncitem.get_closest_marker("asyncio") is not None
        raise failure(messages.unmarked(test, is_late=is_late), pyfuncitem)


def _is_refused(function: Any) -> bool:
    """Whether hypothesis has put a function that tells what is wrong in place of a marked one."""
    inner = getattr(getattr(function, "hypothesis", None), "inner_test", None)
    marks: list[pytest.Mark] | pytest.MarkDecorator = getattr(inner, "pytestmark", [])
    return isinstance(marks, list) and any(mark.name == "asyncio" for mark in marks)


@final
class _Synchronous:
    """The hook around synchronous tests, as long as one of them may have to do with a loop."""

    NAME: Final = "pytest_asyncio.synchronous"

    def __init__(self, loops: Loops) -> None:
        self._loops: Final = loops

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Have the loop of the test be the current one, and tell what goes wrong in it."""
        loops = self._loops
        if _pytest_private.is_unittest(item) and stake(item, loops) == "testcase":
            text = messages.async_method_of_testcase(item.nodeid)
            raise failure(text, item)
        if loops.test is None or loops.test.is_async:
            return (yield)
        alone = is_alone(item)
        if not alone and not is_current_the_users(loops):
            # A fixture may have made another one current. What the test uses may live in one
            # that is not its own.
            is_named = "event_loop" in _pytest_private.argument_names(item)
            names = getattr(item, "fixturenames", ())
            used = None if is_named else of_last_used(names, loops)
            if used is None:
                loops.make_current()
            else:
                used.make_current()
        with keeping_tasks(loops):
            yield
        tell_of_call(item, loops, alone=alone)


@final
class _Interrupted:
    """The hook that is there after an interruption, and not for each report of every test."""

    NAME: Final = "pytest_asyncio.interrupted"

    def __init__(self, loops: Loops) -> None:
        self._loops: Final = loops

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Show what the tasks were waiting for when something interrupted the test."""
        report = yield
        interruption = self._loops.interruption
        text, interruption.text = interruption.text, ""
        if text:
            _pytest_private.add_section(report, "asyncio tasks", text)
        return report


# -- set-up --


def _prepare(item: pytest.Function, loops: Loops, *, is_async: bool) -> None:
    """Check the marker, clear up after earlier tests, and let the test have its event loop."""
    test = loops.enter(item)
    test.is_async = is_async
    loops.policy = test.before.policy
    check_mark(item, test.marking)
    said = test.marking
    if said.loop_factories is not None and not has_factory(test):
        text = messages.no_loop_factories(item.nodeid, said.loop_factories)
        raise failure(text, item)
    finish_left(item, test, loops)
    override = test.override
    if override is not None and _pytest_private.has_value(override):
        loops.current_by_override(item, _pytest_private.cached_value(override))
    elif override is None and "event_loop" in test.overrides:
        # The user's fixture of that name does not make the loop of this test. If another one
        # does, or gives the policy for it, that cannot be set up yet.
        if len(test.overrides) == 1:
            loops.planned(test)
        return
    _request_event_loop(item, test, loops)


def _request_event_loop(item: pytest.Function, test: RunningTest, loops: Loops) -> None:
    """Let the test request ``event_loop`` first; give it that, where nobody else asks for it."""
    names = item.fixturenames
    is_requested = False
    if "event_loop" in names:  # By somebody, or by us, for a variant or an earlier run.
        is_requested = _is_requested(item)
        names.remove("event_loop")
    names.insert(0, "event_loop")
    if loops.is_setup_observed():
        if (
            item.config.pluginmanager.has_plugin("looptime_plugin")
            and "event_loop_policy" not in names
        ):
            # It tells the tests of ours by this fixture, and finds their loop through it.
            names.append("event_loop_policy")
    elif not (test.overrides or is_requested or "request" in names):
        # Most tests do not name event_loop, nor do their fixtures. That pytest sets up a
        # fixture for them all the same takes as long as running a small test. Who has the
        # request may ask for it at the tear-down, when it cannot be set up any more.
        item.funcargs["event_loop"] = loops.planned(test).loop


def _is_requested(item: pytest.Function) -> bool:
    """Whether anybody but the plugin requests the ``event_loop`` of a test."""
    return "event_loop" in _pytest_private.requested_fixturedefs(
        item
    ) or "event_loop" in _pytest_private.parameters(item)


# -- tear-down --


def _end_test(
    test: RunningTest,
    nextitem: pytest.Item | None,
    loops: Loops,
    errors: list[BaseException],
    open_loops: int,
) -> None:
    """End the test after its fixtures, and raise what went wrong there and here."""
    item = test.item
    try:
        if test.runner is not None:
            # First, so that a fixture that is about to crash does so at this test, and not at
            # the next one.
            test.runner.settle()
    except BaseException as exc:
        errors.append(exc)
    finish_broken(item, loops, errors)
    look_at_tasks(loops)
    try:
        for home, left in loops.leave(nextitem):
            message = messages.loop_did_not_end(home.nodeid or "the session", left)
            attempt(errors, warn, item, PytestAsyncioLoopWarning(message))
    except BaseException as exc:
        errors.append(exc)
    if len(loops.family) < open_loops:
        # What only a loop still held is this test's, and not the next one's.
        attempt(errors, _pytest_private.warn_of_unraisables, item.config)
    if loops.unhandled or loops.stuck:
        attempt(errors, functools.partial(tell, is_last=True), item, loops)
    if len(errors) == 1:
        raise group_at(item, messages_of(errors[0]))
    if errors:
        group = BaseExceptionGroup("errors while tearing down " + item.nodeid, errors)
        raise group_at(item, outcome_of(group))


# -- after the last test --


def _finish_given_up(loops: Loops) -> list[str]:
    """Tear down the fixtures that pytest has given up, at an interruption or a SystemExit."""
    told: list[str] = []
    for live in reversed(tuple(loops.live)):
        if live in loops.live and not _pytest_private.is_up(live.request.node):
            try:
                live.finish()
            except KeyboardInterrupt:
                break  # Once more: be quick.
            except BaseException as exc:
                from pytest_asyncio.diagnostics import Unhandled

                what = f"Exception in the tear-down of the fixture {live.name!r}"
                told.append(str(Unhandled(exc, what)))
    return told


def _close_all(loops: Loops) -> list[str]:
    """Close all loops, those of fixtures that were never torn down, too; what is told of it."""
    look_at_tasks(loops)
    loops.live.clear()
    during = loops.during()
    told = [
        messages.loop_did_not_end(home.nodeid or "the session", left)
        for home, left in loops.leave(None)
    ]
    return told + left_untold(loops, during)
