"""pytest-xdist: the same loops in every worker, whatever it is that distributes the tests."""

from __future__ import annotations

from collections import Counter
import json
from pathlib import Path
from typing import Any
from typing import Final

import pytest

import pytest_asyncio

from conftest import Example
from conftest import on_linux

pytest.importorskip("xdist")

DISTRIBUTIONS: Final = (
    "load",
    "loadscope",
    "loadfile",
    "loadgroup",
    "worksteal",
    "each",
)

OURS: Final = str(Path(pytest_asyncio.__file__).parent)

# Every test writes down its worker, its loop, and those of the fixtures that it uses.
CONFTEST: Final = """
import asyncio
import json
import os
import pathlib

import pytest
import pytest_asyncio

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
ROOT = pathlib.Path(__file__).parent


def note(what, **more):
    loop = asyncio.get_running_loop()
    line = json.dumps({"worker": WORKER, "what": what, "loop": id(loop), **more})
    with open(ROOT / "notes", "a") as file:
        file.write(line + "\\n")
    return loop


@pytest.fixture(scope="session")
async def session():
    loop = note("session up")
    yield loop
    assert note("session down") is loop


@pytest.fixture(scope="package")
async def package(session):
    loop = note("package up")
    assert loop is session
    yield loop
    assert note("package down") is loop
"""

MODULE: Final = """
import asyncio
import pytest
from conftest import note

@pytest.fixture(scope="module")
async def module():
    loop = note("module up")
    yield loop
    assert note("module down") is loop

@pytest.mark.parametrize("n", range(4))
async def test_module(module, n, request):
    assert note("test", name=request.node.nodeid) is module

@pytest.mark.xdist_group("some")
async def test_session(session, request):
    assert note("test", name=request.node.nodeid) is session

async def test_package(package, session, request):
    assert note("test", name=request.node.nodeid) is session is package

async def test_alone(request):
    note("test", name=request.node.nodeid)

class TestThem:
    @pytest.fixture(scope="class")
    async def its(self):
        loop = note("class up")
        yield loop
        assert note("class down") is loop

    async def test_class(self, its, request):
        assert note("test", name=request.node.nodeid) is its

    @pytest.mark.xdist_group("some")
    @pytest.mark.asyncio(loop_scope="session")
    async def test_both(self, session, request):
        assert note("test", name=request.node.nodeid) is session
"""
PROJECT: Final = {"test_a.py": MODULE, "test_b.py": MODULE, "sub/test_c.py": MODULE}
PROJECT_TESTS: Final = 3 * 9


@pytest.fixture(autouse=True)
def few_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load no plugin but these, or the start of all the workers takes most of the time."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "xdist.plugin,pytest_asyncio.plugin")


def read(run: Example, name: str = "notes") -> list[dict[str, Any]]:
    """What was written down, line by line."""
    text = (run.pytester.path / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def names_of(notes: list[dict[str, Any]]) -> Counter[str]:
    """How often each test ran."""
    return Counter(
        note["name"].partition("@")[0] for note in notes if note["what"] == "test"
    )


# Every process writes down the home of each test's loop.
PLAN: Final = """
from pytest_asyncio.loop import loops_of

@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session):
    # The controller of xdist collects nothing.
    if session.items:
        plan = loops_of(session.config).plan
        homes = {
            item.nodeid.partition("@")[0]: plan.home_of_test(item).nodeid.partition("@")[0]
            for item in session.items
        }
        (ROOT / f"plan-{WORKER}").write_text(json.dumps(homes))
"""


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_distributions(
    run: Example, monkeypatch: pytest.MonkeyPatch, distribution: str
) -> None:
    """Each test runs once, in the loop of its fixtures; all workers plan these loops alike."""
    # These tests may run in a worker themselves.
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    alone = run(
        "",
        "--collect-only",
        conftest=CONFTEST + PLAN,
        files=PROJECT,
        mode="auto",
        subprocess=True,
    )
    assert alone.ret == pytest.ExitCode.OK
    result = run("", "-n2", f"--dist={distribution}", mode="auto", subprocess=True)
    times = 2 if distribution == "each" else 1
    result.assert_outcomes(passed=times * PROJECT_TESTS)
    notes = read(run)
    names = names_of(notes)
    assert len(names) == PROJECT_TESTS
    assert set(names.values()) == {times}
    # What a worker sets up it tears down, and what is there for the session it has once.
    whats = Counter((note["worker"], note["what"]) for note in notes)
    for (worker, what), number in whats.items():
        if what.endswith(" up"):
            assert whats[worker, what.replace(" up", " down")] == number
        if what == "session up":
            assert number == 1
    plans = {
        path.name: json.loads(path.read_text(encoding="utf-8"))
        for path in run.pytester.path.glob("plan-*")
    }
    assert set(plans) == {"plan-main", "plan-gw0", "plan-gw1"}
    expected = plans["plan-main"]
    assert len(expected) == PROJECT_TESTS
    assert set(expected.values()) >= {"", "test_a.py", "test_a.py::TestThem"}
    assert plans["plan-gw0"] == plans["plan-gw1"] == expected


def test_group_shares_a_worker_and_its_loop(run: Example) -> None:
    """Tests of one group run in one worker, whatever their module, in the loop they share."""
    result = run(
        "",
        "-n2",
        "--dist=loadgroup",
        conftest=CONFTEST,
        files=PROJECT,
        mode="auto",
        subprocess=True,
    )
    result.assert_outcomes(passed=PROJECT_TESTS)
    group = [note for note in read(run) if "@some" in note.get("name", "")]
    if not group:
        # It puts the group into the private attribute that the id used to come from.
        pytest.skip("pytest-xdist 3.8.0 groups no tests with pytest 9.2")
    assert len(group) == 6
    assert len({(note["worker"], note["loop"]) for note in group}) == 1


CRASHES: Final = {
    "set-up": """
@pytest.fixture(scope="session")
async def server():
    note("session up")
    await asyncio.sleep(0)
    crash()
    yield asyncio.get_running_loop()
    note("session down")
""",
    "test": """
@pytest.fixture(scope="session")
async def server():
    loop = note("session up")
    async with asyncio.TaskGroup() as group:
        child = group.create_task(asyncio.Event().wait())
        yield loop
        child.cancel()
    note("session down")
""",
}


@pytest.mark.parametrize("where", CRASHES)
def test_worker_crashes_inside_a_session_fixture(run: Example, where: str) -> None:
    """A worker that dies costs the test that it ran; another one sets the fixture up again."""
    result = run(
        """
        import pytest
        from conftest import crash, note

        @pytest.mark.parametrize("n", range(8))
        async def test_it(server, n, request):
            assert note("test", name=request.node.nodeid) is server
            if n == 3:
                crash("test")
        """,
        "-n1",
        conftest=CONFTEST
        + f"""
def crash(where="set-up"):
    already = ROOT / "crashed"
    if where == {where!r} and not already.exists():
        already.touch()
        os._exit(3)
"""
        + CRASHES[where],
        mode="auto",
        subprocess=True,
        timeout=60,
    )
    result.assert_outcomes(passed=7, failed=1)
    crashed = 3 if where == "test" else 0
    result.stdout.fnmatch_lines(
        [f"*worker 'gw0' crashed while running 'test_example.py::test_it?{crashed}?'"]
    )
    notes = read(run)
    assert set(names_of(notes).values()) == {1}
    whats = [(note["worker"], note["what"]) for note in notes if note["what"] != "test"]
    assert whats == [
        ("gw0", "session up"),
        ("gw1", "session up"),
        ("gw1", "session down"),
    ]


def test_worker_crashes_in_the_tear_down_of_a_session_fixture(run: Example) -> None:
    """A worker that dies at its end is reported as xdist reports it; no test is lost."""
    result = run(
        """
        import os
        import pytest

        @pytest.fixture(scope="session")
        async def server():
            yield
            os._exit(3)

        @pytest.mark.parametrize("n", range(4))
        async def test_it(server, n):
            pass
        """,
        "-n1",
        mode="auto",
        subprocess=True,
        timeout=60,
    )
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(
        ["*worker 'gw0' crashed while running 'test_example.py::test_it?3?'"]
    )


@pytest.mark.parametrize("arguments", [["-x"], ["--maxfail=2"]])
def test_maxfail_ends_fixtures_in_their_loop(
    run: Example, arguments: list[str]
) -> None:
    """Workers that are told to stop early tear their fixtures down, and say nothing."""
    result = run(
        """
        import pytest
        from conftest import note

        @pytest.mark.parametrize("n", range(40))
        async def test_it(package, session, n, request):
            assert note("test", name=request.node.nodeid) is session
            assert n % 4
        """,
        "-n2",
        *arguments,
        conftest=CONFTEST,
        mode="auto",
        ini="filterwarnings = error",
        subprocess=True,
        timeout=60,
    )
    assert result.ret in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)
    result.stdout.fnmatch_lines(["*stopping after * failures*"])
    outcomes = result.parseoutcomes()
    assert "error" not in outcomes
    assert "errors" not in outcomes
    assert "warnings" not in outcomes
    whats = Counter((note["worker"], note["what"]) for note in read(run))
    workers = {worker for worker, what in whats if what == "session up"}
    assert workers
    for worker in workers:
        for what in ("session", "package"):
            assert whats[worker, f"{what} up"] == whats[worker, f"{what} down"] == 1
    assert set(names_of(read(run)).values()) == {1}


REPORTED: Final = """
import asyncio
import signal
import threading

import pytest

async def fails_later():
    raise LookupError("nobody looks")

async def test_unhandled():
    asyncio.get_running_loop().create_task(fails_later(), name="lonely")
    await asyncio.sleep(0)
    await asyncio.sleep(0)

async def left_behind():
    await asyncio.Event().wait()

async def test_leaked():
    asyncio.get_running_loop().left = asyncio.create_task(left_behind(), name="left")
    await asyncio.sleep(0)

async def waits_in_vain():
    await asyncio.Event().wait()

async def test_deadlock():
    await waits_in_vain()

@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers")
async def test_interrupted():
    def stop(*args):
        pytest.fail("too late")
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    await asyncio.create_task(asyncio.sleep(60), name="sleepyhead")

@pytest.fixture
async def noisy():
    print("set-up speaks")
    yield
    print("tear-down speaks")
    raise OSError("tear-down fails")

async def test_teardown(noisy):
    print("test speaks")
    assert not "equal"
"""


@on_linux
@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_everything_arrives_at_the_controller(run: Example, workers: str) -> None:
    """Failures, warnings and report sections are the same with workers as without."""
    result = run(
        REPORTED,
        workers,
        mode="auto",
        ini="asyncio_leaked_tasks = warn",
        subprocess=True,
        timeout=60,
    )
    result.assert_outcomes(passed=2, failed=3, errors=1, warnings=2)
    output = result.stdout.str()
    assert OURS not in output.partition("warnings summary")[0]
    for block in (
        # The failures, with the user's lines alone.
        [
            "*_ test_deadlock _*",
            "E*deadlock: test_example.py::test_deadlock waits for *",
        ],
        ["*_ test_deadlock _*", "*waits_in_vain*"],
        ["*_ test_interrupted _*", "E*Failed: too late"],
        ["*_ test_teardown _*", '> * assert not "equal"', "E*assert not 'equal'"],
        ["*_ ERROR at teardown of test_teardown _*", "E*OSError: tear-down fails"],
        # Sections of reports.
        ["*- asyncio tasks -*", "*sleepyhead*"],
        ["*- Captured stdout setup -*", "set-up speaks"],
        ["*- Captured stdout call -*", "test speaks"],
        ["*- Captured stdout teardown -*", "tear-down speaks"],
        # Warnings, at the test and with what happened.
        ["*= warnings summary =*", "test_example.py::test_unhandled", "*lonely*"],
        ["*= warnings summary =*", "*LookupError: nobody looks*"],
        ["*= warnings summary =*", "*PytestAsyncioUnhandledExceptionWarning*"],
        ["*= warnings summary =*", "test_example.py::test_leaked", "*'left'*"],
        ["*= warnings summary =*", "*PytestAsyncioLeakedTaskWarning*"],
    ):
        result.stdout.fnmatch_lines(block)


def test_warnings_as_errors_in_workers(run: Example) -> None:
    """``-W error`` counts in the workers: what nobody handled fails the test there."""
    result = run(
        REPORTED,
        "-n2",
        "-Werror",
        "-k",
        "test_unhandled or test_leaked",
        mode="auto",
        ini="asyncio_leaked_tasks = warn",
        subprocess=True,
        timeout=60,
    )
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines_random(
        [
            "E*PytestAsyncioUnhandledExceptionWarning*",
            "E*LookupError: nobody looks",
            "*PytestAsyncioLeakedTaskWarning*test_leaked ended before tasks*",
        ]
    )
    assert OURS not in result.stdout.str()


def test_the_reason_for_a_crashed_fixture_arrives(run: Example) -> None:
    """A fixture that breaks in a worker is reported at the test that was running there."""
    result = run(
        """
        import asyncio
        import pytest

        async def breaks():
            await asyncio.sleep(0.01)
            raise ConnectionError("the other side hung up")

        @pytest.fixture(scope="session")
        async def client():
            async with asyncio.TaskGroup() as group:
                yield lambda: group.create_task(breaks())

        async def test_it(client):
            client()
            await asyncio.sleep(60)
        """,
        "-n1",
        mode="auto",
        subprocess=True,
        timeout=60,
    )
    result.assert_outcomes(failed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["*'client' crashed while test_example.py::test_it was running*"]
    )
    result.stdout.fnmatch_lines(["*ConnectionError: the other side hung up*"])
    assert OURS not in result.stdout.str()
