"""Suites written at random: what holds for every suite holds for these.

A bounded number of suites, the same ones each time, are run with the rest of the tests. More,
and others each time::

    RANDOM_SUITES=2000 python -m pytest tests/test_random_suites.py

The environment variable ``RANDOM_SUITES_PEER`` names a Python that has a released version of
pytest-asyncio: suites are then run there, too, as far as that version defines what comes out.
"""

from __future__ import annotations

import difflib
import itertools
import json
import os
from pathlib import Path
import subprocess
from typing import Any
from typing import Final

import hypothesis
import pytest
from suite_grammar import Suite
from suite_grammar import suites

import pytest_asyncio

from conftest import Example

BUDGET: Final = int(os.environ.get("RANDOM_SUITES", "0"))
PEER: Final = os.environ.get("RANDOM_SUITES_PEER")

OURS: Final = str(Path(pytest_asyncio.__file__).parent)

OPTIONS: Final = (
    *("-p", "no:cacheprovider", "-p", "no:terminal"),
    # Before 9, pytest warns where the plugin that it is to load is imported already, as here.
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
)
PLUGIN: Final = ("-p", "pytest_asyncio.plugin")


class Record:
    """What a suite has written down of its run."""

    def __init__(self, path: Path) -> None:
        written: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        self.events: Final[list[list[Any]]] = written["events"]
        self.reports: Final[list[list[Any]]] = written["reports"]
        self.tests: Final[list[tuple[str, dict[str, str]]]] = written["tests"]
        self.collected: Final[list[str]] = written["collected"]
        self.left: Final = {
            what: written[what]
            for what in ("current_loop", "open_loops", "pending", "threads")
        }

    def happened(self, *, variables: bool = True) -> list[str]:
        """What happened, in order, without the loops that it happened in."""
        return [
            f"{what} {who} {using} {var if variables else ''}"
            for what, who, using, var, *_ in self.events
        ]

    def outcomes(self) -> list[str]:
        """The outcome of each phase of each test."""
        return [
            f"{nodeid} {when} {outcome}{' (xfail)' * xfail}"
            for nodeid, when, outcome, xfail, *_ in self.reports
        ]

    def together(self) -> set[tuple[str, str]]:
        """Which test or fixture is in the loop of which fixture that it uses."""
        loops = {
            who: loop
            for what, who, _, _, loop, _ in self.events
            if what in ("up", "test") and loop is not None
        }
        uses = [
            *((who, using) for what, who, using, *_ in self.events if what == "up"),
            *((nodeid, used.values()) for nodeid, used in self.tests),
        ]
        return {
            (who, each)
            for who, using in uses
            for each in using
            if who in loops and loops[who] == loops.get(each)
        }

    def located(self) -> list[str]:
        """The lines that tracebacks show."""
        return [
            f"{nodeid} {when} {lines}" for nodeid, when, _, _, lines, _ in self.reports
        ]

    def texts(self) -> str:
        """All that was reported."""
        return "\n".join(text for *_, text in self.reports)


class Runs:
    """Runs suites, each in a directory of its own."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester: Final = pytester
        self._count: Final = itertools.count()

    def _write(self, suite: Suite, *, twin: bool = False) -> Path:
        directory = self._pytester.mkdir(f"suite{next(self._count)}")
        for name, text in suite.files(twin=twin).items():
            path = directory / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return directory

    def ours(self, suite: Suite) -> Record:
        """Run a suite with the plugin."""
        return self._run(suite, self._write(suite), *PLUGIN)

    def twin(self, suite: Suite) -> Record:
        """Run the twin of a suite, without the plugin."""
        return self._run(suite, self._write(suite, twin=True))

    def _run(self, suite: Suite, directory: Path, *options: str) -> Record:
        arguments = [f"--rootdir={directory}", "-c", str(directory / "pytest.ini")]
        self._pytester.runpytest_inprocess(
            *arguments, *OPTIONS, *options, *suite.arguments, str(directory)
        )
        return Record(directory / "record.json")

    def peer(self, suite: Suite, python: str) -> Record:
        """Run a suite in another environment."""
        directory = self._write(suite)
        subprocess.run(
            [python, "-m", "pytest", *OPTIONS, *PLUGIN, "-Wdefault", *suite.arguments],
            cwd=directory,
            check=False,
            capture_output=True,
        )
        return Record(directory / "record.json")


def check_loops(suite: Suite, record: Record) -> None:
    """A test and what it uses are in one loop, unless an explicit scope says otherwise."""
    fixtures: dict[str, int | None] = {}
    for what, who, _, _, loop, _ in record.events:
        if what == "up":
            fixtures[who] = loop
        elif what == "down":
            expected = fixtures[who.partition(" ")[0]]
            assert loop == expected, f"{who} is torn down in another loop"
    tests = {
        who: loop
        for what, who, _, _, loop, _ in record.events
        if what == "test" and loop is not None
    }
    if suite.is_explicit:
        check_explicit_loops(suite, fixtures, tests)
        return
    check_current_loop(suite, record, tests)
    for nodeid, used in record.tests:
        loops = {fixtures.get(value) for value in used.values()} - {None}
        loops |= {tests[nodeid]} if nodeid in tests else set()
        assert len(loops) <= 1, f"{nodeid} and its fixtures are in the loops {loops}"


def check_current_loop(suite: Suite, record: Record, tests: dict[str, int]) -> None:
    """The current loop is that of the test, in each of its phases, for everyone."""
    # Save for the tear-down of a synchronous fixture that has a loop of its own, and for one that
    # outlives the loop of the test: its set-up, and its tear-down after the last test in there.
    synchronous = {
        f"{each.place}:{each.name}": each
        for each in suite.fixtures
        if not each.is_async
    }
    wider = {name for name in synchronous if synchronous[name].scope != "function"}
    others = {
        *(("down", name) for name in synchronous if synchronous[name].declared),
        *(("up", name) for name in wider),
    }
    last = {loop: nodeid for nodeid, loop in tests.items()}
    of_last = {("down", name, test) for name in wider for test in last.values()}
    test = ""
    for what, who, _, _, loop, current in record.events:
        name = who.partition("[")[0]
        if what == "start":
            test = who
        elif (what, name) in others or (what, name, test) in of_last:
            continue
        elif loop is None and test in tests:
            assert current == tests[test], f"{what} {who}: not the loop of {test}"


def check_explicit_loops(
    suite: Suite,
    fixtures: dict[str, int | None],
    tests: dict[str, int],
) -> None:
    """Those that ask for the loop of the session share it; of a function, share nothing."""
    scopes = {
        f"{each.place}:{each.name}": each.loop_scope
        for each in suite.fixtures
        if each.is_async
    }
    session = {
        loop
        for who, loop in fixtures.items()
        if scopes.get(who.partition("[")[0]) == "session"
    }
    for each in suite.tests:
        path, *cls = each.place.split(".")
        prefix = "::".join([f"{path}.py", *cls, each.name])
        asked = each.loop_scope
        if not suite.event_loop:
            asked = asked or suite.test_loop_scope
        for nodeid, loop in tests.items():
            if nodeid.partition("[")[0] != prefix:
                continue
            if asked == "session":
                session.add(loop)
            elif asked == "function":
                others = [other for other in tests if tests[other] == loop]
                assert others == [nodeid], f"{others} share a loop"
    assert len(session) <= 1, f"there are several loops of session scope: {session}"


def check_pairs(suite: Suite, record: Record) -> None:
    """What is set up is torn down once, after all that uses it."""
    torn_down = [who for what, who, *_ in record.events if what == "down"]
    assert len(torn_down) == len(set(torn_down))
    users: dict[str, list[str]] = {}
    for what, who, using, *_ in record.events:
        if what == "up":
            for each in using:
                users.setdefault(each, []).append(who)
        elif what == "down":
            for user in users.pop(who, ()):
                if user in torn_down:
                    before = torn_down.index(user) < torn_down.index(who)
                    assert before, f"{who} is torn down before {user}"
    fail_first = ("raise first", "skip first", "fail for a parameter", "yield nothing")
    succeed = {
        f"{each.place}:{each.name}"
        for each in suite.fixtures
        if each.generator and each.does not in fail_first and not each.dynamic
    }
    for what, who, *_ in record.events:
        if what == "up" and who.partition("[")[0] in succeed:
            assert who in torn_down, f"{who} is not torn down"


def check_once(suite: Suite, record: Record) -> None:
    """Every test runs once."""
    phases = [(nodeid, when) for nodeid, when, *_ in record.reports]
    assert len(phases) == len(set(phases))
    if not suite.arguments:
        assert [
            nodeid for nodeid, when in phases if when == "setup"
        ] == record.collected


def check_variables(record: Record) -> None:
    """What a test sets is seen by the tear-downs that follow it, and not by the next test."""
    for what, who, _, value, *_ in record.events:
        assert value != "mine" or what == "down", (
            f"{what} {who} sees another test's variable"
        )


def check_tracebacks(record: Record) -> None:
    """Nothing of ours is in a traceback."""
    for text in (OURS, "pytest_asyncio/", "_asyncio_loop_factory"):
        assert text not in record.texts(), record.texts()


@pytest.fixture
def runs(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Run suites with nothing but pytest and, where asked for, the plugin."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    return Runs(pytester)


def check_same(what: str, ours: list[str], expected: list[str]) -> None:
    """Two runs of a suite went the same way."""
    if ours != expected:
        lines = difflib.unified_diff(expected, ours, "expected", "ours", lineterm="")
        pytest.fail(f"the {what} differ:\n" + "\n".join(lines), pytrace=False)


def check(runs: Runs, suite: Suite) -> None:
    """Run a suite, and check everything that holds for it."""
    record = runs.ours(suite)
    if suite.event_loop:
        # The end of that loop, and of the tasks in it, is the affair of that fixture; and it
        # does not wait for the threads of the loop, which are just about to end.
        record.left["pending"].clear()
        record.left["threads"].clear()
    assert not any(record.left.values()), record.left
    check_once(suite, record)
    check_pairs(suite, record)
    check_variables(record)
    check_tracebacks(record)
    check_loops(suite, record)
    twin = runs.twin(suite)
    check_same("outcomes", record.outcomes(), twin.outcomes())
    variables = not suite.sets_variables
    check_same(
        "events",
        record.happened(variables=variables),
        twin.happened(variables=variables),
    )
    if not any(each.does == "yield nothing" for each in suite.fixtures):
        # The twin's traceback would be one of pytest's own lines.
        check_same("lines in tracebacks", record.located(), twin.located())
    if PEER and suite.is_defined_elsewhere:
        peer = runs.peer(suite, PEER)
        check_same("outcomes", record.outcomes(), peer.outcomes())
        check_same(
            "events",
            record.happened(variables=False),
            peer.happened(variables=False),
        )
        apart = peer.together() - record.together()
        assert not apart, f"not in one loop, as they are elsewhere: {sorted(apart)}"


@hypothesis.settings(
    max_examples=BUDGET or 60,
    derandomize=not BUDGET,
    database=None,
    deadline=None,
    suppress_health_check=[
        hypothesis.HealthCheck.function_scoped_fixture,
        hypothesis.HealthCheck.too_slow,
    ],
)
@hypothesis.given(suite=suites())
def test_random_suites(runs: Runs, suite: Suite) -> None:
    """Whatever a suite is made of, it goes as if nothing in it were async, in the right loops."""
    hypothesis.note(str(suite))
    check(runs, suite)


# -- what random suites have found ------------------------------------------------------------


def test_loop_that_ends_with_a_synchronous_test(run: Example) -> None:
    """A loop that ends with a test that does not use it is not the current one afterwards."""
    result = run(
        """
        import asyncio
        import pytest

        before = asyncio.new_event_loop()
        asyncio.set_event_loop(before)

        class TestThem:
            @pytest.mark.asyncio(loop_scope="class")
            async def test_async(self):
                pass

            def test_sync(self):
                pass

        def test_current_loop():
            assert asyncio.get_event_loop() is before
            asyncio.set_event_loop(None)
            before.close()
        """,
        "-Werror",
    )
    result.assert_outcomes(passed=3)


def test_fixture_that_ends_with_a_synchronous_test(run: Example) -> None:
    """The loop of a synchronous generator is not the current one after its tear-down."""
    result = run(
        """
        import asyncio
        import pytest_asyncio

        before = asyncio.new_event_loop()
        asyncio.set_event_loop(before)
        own = []

        @pytest_asyncio.fixture(scope="class")
        def fixture():
            own.append(asyncio.get_event_loop())
            yield
            assert asyncio.get_event_loop() is own[0]

        class TestThem:
            async def test_async(self, fixture):
                assert asyncio.get_running_loop() is own[0]

            def test_sync(self):
                pass

        def test_current_loop():
            assert asyncio.get_event_loop() is before
            asyncio.set_event_loop(None)
            before.close()
        """,
        "-Werror",
        mode="auto",
    )
    result.assert_outcomes(passed=3)


def test_message_that_names_the_line_that_asks(run: Example) -> None:
    """Where pytest tells which line asks for a fixture, it is the user's."""
    result = run(
        """
        import pytest
        import pytest_asyncio

        @pytest.fixture(params=[1])
        def number(request):
            return request.param

        @pytest.mark.asyncio
        async def test_it(request):
            await pytest_asyncio.getfixturevalue(request, "number")
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Requested here:", "*test_example.py:11"])
    result.stdout.no_fnmatch_line("*fixtures.py*")


def test_traceback_of_a_tear_down_in_a_conftest(run: Example) -> None:
    """A tear-down that fails shows the user's lines alone, wherever the fixture is."""
    result = run(
        """
        async def test_it(fixture):
            pass
        """,
        conftest="""
        import pytest

        @pytest.fixture
        async def fixture():
            yield
            raise LookupError("gone")
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*conftest.py:7: LookupError"])
    result.stdout.no_fnmatch_line("*fixtures.py*")


def test_variable_that_is_gone_by_the_tear_down(run: Example) -> None:
    """A fixture does not see a variable of one that was torn down before it."""
    result = run(
        """
        import contextvars
        import pytest
        import pytest_asyncio

        VARIABLE = contextvars.ContextVar("VARIABLE", default="unset")
        OTHER = contextvars.ContextVar("OTHER", default="unset")

        @pytest.fixture(scope="module")
        async def narrow():
            tokens = VARIABLE.set("narrow"), OTHER.set("narrow")
            yield
            VARIABLE.reset(tokens[0])
            OTHER.reset(tokens[1])

        @pytest.fixture(scope="session")
        async def wide():
            OTHER.set("wide")
            assert VARIABLE.get() == "narrow"
            yield
            assert VARIABLE.get() == "unset"
            assert OTHER.get() == "wide"

        async def test_it(narrow, request):
            await pytest_asyncio.getfixturevalue(request, "wide")
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1)
