"""What is interrupted from outside is cancelled and cleans up; it never goes on later."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import pytest

from conftest import Example
from conftest import needs_sigint
from conftest import needs_timeout
from conftest import on_linux
from conftest import WITHOUT_SLOW_PLUGINS

TIMEOUT = ("--timeout=0.8", "--timeout-method=signal")
LOOP = "pytest_asyncio.PytestAsyncioLoopWarning"
WARN = ("-W", f"default::{LOOP}")

# Keeps a diary, printed at the end, in the order in which things happen.
CONFTEST = """
import pytest

DIARY = []

@pytest.fixture(scope="session")
def diary():
    return DIARY

def pytest_configure():
    import pytest_asyncio.shutdown

    pytest_asyncio.shutdown.GRACE = 0.2

def pytest_unconfigure():
    print("diary:", *DIARY)
"""

MODULE = """
import asyncio
import os
import signal
import time

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

def ctrl_c():
    signal.raise_signal(signal.SIGINT)

@pytest_asyncio.fixture(loop_scope="module")
async def resource(diary):
    diary.append("set-up")
    yield
    diary.append("tear-down")
    # Whoever still ran in this loop would get many chances to.
    for _ in range(20):
        await asyncio.sleep(0.001)
    diary.append("torn-down")
"""


def assert_users_frames_only(result: pytest.RunResult) -> None:
    """No file of the plugin shows in what the person reads, and no callback of asyncio's."""
    for stream in (result.stdout.str(), result.stderr.str()):
        text = stream.replace("\\", "/")
        assert "/pytest_asyncio/" not in text
        assert "base_events.py" not in text
        assert "selectors.py" not in text
        assert "was never awaited" not in text
        assert "never retrieved" not in text


def module(source: str) -> str:
    """The common beginning of the inner modules, and the rest of one."""
    return MODULE + textwrap.dedent(source)


def diary(result: pytest.RunResult) -> list[str]:
    """What happened, in order."""
    lines = [line for line in result.stdout.lines if line.startswith("diary:")]
    return lines[-1].split()[1:]


# -- pytest-timeout --------------------------------------------------------------------------

# What goes on in the loop while the test waits, and where the alarm thus hits.
MEANWHILE = {
    "nothing": "",
    "busy-task": """
    async def spin():
        while True:
            time.sleep(0.005)
            await asyncio.sleep(0)

    spinning = asyncio.create_task(spin())
    """,
    "busy-callback": """
    def spin():
        time.sleep(0.05)
        asyncio.get_running_loop().call_soon(spin)

    spin()
    """,
    "flood-of-callbacks": """
    def spin():
        for _ in range(2):
            spinning.append(asyncio.get_running_loop().call_soon(spin))
        if len(spinning) > 1000:
            for each in spinning[:]:
                each.cancel()
            spinning.clear()
            asyncio.get_running_loop().call_soon(spin)

    spinning = []
    spin()
    """,
}


@needs_timeout
@pytest.mark.parametrize("kind", MEANWHILE)
def test_timeout_in_a_test(run: Example, kind: str) -> None:
    """The body's ``finally`` runs to its end, also where it awaits, before any tear-down."""
    pytest.importorskip("pytest_timeout")
    result = run(
        module("""
        async def test_it(resource, diary):
            MEANWHILE
            try:
                await asyncio.sleep(60)
                diary.append("went-on")
            finally:
                diary.append("finally")
                await asyncio.sleep(0.01)
                diary.append("cleaned-up")
            diary.append("went-on")

        async def test_after(diary):
            await asyncio.sleep(0.05)
            diary.append("after")
        """).replace("    MEANWHILE", MEANWHILE[kind].replace("\n", "\n")),
        *TIMEOUT,
        conftest=CONFTEST,
        subprocess=True,
        timeout=60,
    )
    result.assert_outcomes(passed=1, failed=1)
    assert diary(result) == [
        "set-up",
        "finally",
        "cleaned-up",
        "tear-down",
        "torn-down",
        "after",
    ]
    result.stdout.fnmatch_lines(
        [
            ">*await asyncio.sleep(60)",
            "E * Failed: Timeout (>0.8s) from pytest-timeout.",
            "*- asyncio tasks -*",
            "Task 'test_it', coroutine test_it, *",
        ]
    )
    assert_users_frames_only(result)


@needs_timeout
@pytest.mark.parametrize("wait", ["time.sleep(0.01)", "await asyncio.sleep(0)"])
def test_timeout_in_a_test_that_is_busy(run: Example, wait: str) -> None:
    """It is hit where it is at work; what all the others wait for is told as well."""
    pytest.importorskip("pytest_timeout")
    result = run(
        module("""
        async def test_it(resource, diary):
            other = asyncio.create_task(asyncio.sleep(60, "other"), name="bystander")
            await asyncio.sleep(0)
            while True: WAIT

        async def test_after(diary):
            diary.append("after")
        """).replace("WAIT", wait),
        *TIMEOUT,
        conftest=CONFTEST,
        subprocess=True,
        timeout=60,
    )
    result.assert_outcomes(passed=1, failed=1)
    assert diary(result) == ["set-up", "tear-down", "torn-down", "after"]
    result.stdout.fnmatch_lines(
        [
            f">*{wait}",
            "E * Failed: Timeout (>0.8s) from pytest-timeout.",
            "*- asyncio tasks -*",
            "Task 'bystander'*",
            "Task 'fixture resource', coroutine resource, *",
        ]
    )
    assert_users_frames_only(result)


@needs_timeout
@pytest.mark.parametrize("scope", ["function", "module", "session"])
def test_timeout_in_a_set_up(run: Example, scope: str) -> None:
    """The fixture cleans up; a function-scoped one is set up anew for the next test.

    As for pytest itself, the set-up of a wider one has failed for all tests of its scope.
    """
    pytest.importorskip("pytest_timeout")
    result = run(
        module("""
        @pytest_asyncio.fixture(scope="SCOPE", loop_scope="session")
        async def slow(diary):
            diary.append("slow")
            try:
                if diary.count("slow") == 1:
                    await asyncio.sleep(60)
                yield
            finally:
                await asyncio.sleep(0.01)
                diary.append("cleaned-up")

        async def test_it(resource, slow):
            pass

        async def test_after(slow):
            pass
        """).replace("SCOPE", scope),
        *TIMEOUT,
        conftest=CONFTEST,
        subprocess=True,
        timeout=60,
    )
    what = [each for each in diary(result) if each in ("slow", "cleaned-up")]
    if scope == "function":
        result.assert_outcomes(passed=1, errors=1)
        assert what == ["slow", "cleaned-up", "slow", "cleaned-up"]
    else:
        result.assert_outcomes(errors=2)
        assert what == ["slow", "cleaned-up"]
    result.stdout.fnmatch_lines(
        [
            "*ERROR at setup of test_it*",
            ">*await asyncio.sleep(60)",
            "*- asyncio tasks -*",
            "Task 'fixture slow', coroutine slow, *",
        ]
    )
    assert_users_frames_only(result)


@needs_timeout
@pytest.mark.parametrize(
    "awaited", ["gather(clean_up(), back())", "gather(back(), clean_up())"]
)
def test_timeout_in_a_ring_of_tasks(run: Example, awaited: str) -> None:
    """What can be cancelled of it cleans up before any tear-down."""
    pytest.importorskip("pytest_timeout")
    result = run(
        module(f"""
        async def test_it(resource, diary):
            async def clean_up():
                try:
                    await asyncio.sleep(60)
                finally:
                    await asyncio.sleep(0.01)
                    diary.append("cleaned-up")

            async def back():
                await me

            me = asyncio.current_task()
            await asyncio.{awaited}

        async def test_after(diary):
            diary.append("after")
        """),
        *TIMEOUT,
        conftest=CONFTEST,
        subprocess=True,
        timeout=60,
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.no_fnmatch_line("*RecursionError*")
    if awaited.startswith("gather(clean_up"):
        kept = ["set-up", "cleaned-up", "tear-down", "torn-down", "after"]
        assert diary(result) == kept


@needs_timeout
def test_timeout_in_a_tear_down(run: Example) -> None:
    """The other fixtures are torn down all the same, and the next test runs."""
    pytest.importorskip("pytest_timeout")
    result = run(
        module("""
        @pytest_asyncio.fixture
        async def slow(resource, diary):
            yield
            try:
                await asyncio.sleep(60)
                diary.append("went-on")
            finally:
                await asyncio.sleep(0.01)
                diary.append("cleaned-up")

        async def test_it(slow):
            pass

        async def test_after(diary):
            await asyncio.sleep(0.05)
            diary.append("after")
        """),
        *TIMEOUT,
        conftest=CONFTEST,
        subprocess=True,
        timeout=60,
    )
    result.assert_outcomes(passed=2, errors=1)
    assert diary(result) == ["set-up", "cleaned-up", "tear-down", "torn-down", "after"]
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_it*",
            ">*await asyncio.sleep(60)",
            "*- asyncio tasks -*",
            "Task 'fixture slow', coroutine slow, *",
        ]
    )
    assert_users_frames_only(result)


@needs_timeout
def test_timeout_while_the_test_asks_for_a_fixture(run: Example) -> None:
    """A time-out in the set-up of a fixture that the test awaits is the test's."""
    pytest.importorskip("pytest_timeout")
    result = run(
        module("""
        @pytest_asyncio.fixture(loop_scope="module")
        async def slow(diary):
            try:
                await asyncio.sleep(60)
            finally:
                diary.append("slow")

        async def test_it(request, resource, diary):
            try:
                await pytest_asyncio.getfixturevalue(request, "slow")
            finally:
                await asyncio.sleep(0)
                diary.append("finally")

        async def test_after(diary):
            diary.append("after")
        """),
        *TIMEOUT,
        conftest=CONFTEST,
        subprocess=True,
        timeout=60,
    )
    result.assert_outcomes(passed=1, failed=1)
    assert diary(result) == [
        "set-up",
        "slow",
        "finally",
        "tear-down",
        "torn-down",
        "after",
    ]


@needs_timeout
def test_a_timeout_that_the_test_hears_itself(run: Example) -> None:
    """An alarm in the test's own code is raised there; its clean-up is not cancelled."""
    pytest.importorskip("pytest_timeout")
    result = run(
        module("""
        async def test_it(resource, diary):
            try:
                while True:
                    time.sleep(0.01)
            finally:
                await asyncio.sleep(0.05)
                diary.append("cleaned-up")

        async def test_after():
            pass
        """),
        *TIMEOUT,
        conftest=CONFTEST,
        subprocess=True,
        timeout=60,
    )
    result.assert_outcomes(passed=1, failed=1)
    assert diary(result) == ["set-up", "cleaned-up", "tear-down", "torn-down"]
    result.stdout.fnmatch_lines([">*time.sleep(0.01)", "E * Failed: Timeout (>0.8s)*"])


STUBBORN = """
async def stubborn(diary):
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            diary.append("refused")
"""


@needs_timeout
def test_a_test_that_refuses_to_die(run: Example) -> None:
    """It is named in a warning at that test, with what to look for, and left."""
    pytest.importorskip("pytest_timeout")
    result = run(
        module(
            STUBBORN
            + textwrap.dedent("""
            async def test_it(resource, diary):
                await stubborn(diary)

            async def test_after(diary):
                await asyncio.sleep(0.05)
                diary.append("after")
            """)
        ),
        *TIMEOUT,
        conftest=CONFTEST,
        subprocess=True,
        timeout=60,
    )
    result.assert_outcomes(passed=1, failed=1, warnings=1)
    assert diary(result) == [
        "set-up",
        "refused",
        "refused",
        "tear-down",
        "torn-down",
        "after",
    ]
    result.stdout.fnmatch_lines(
        [
            "*test_example.py::test_it: a task did not end when it was cancelled, and is "
            "left behind: task 'test_it', coroutine test_it, *test_example.py:*",
        ]
    )
    assert "catches asyncio.CancelledError and goes on" in result.stdout.str()
    assert_users_frames_only(result)


@needs_timeout
def test_a_fixture_that_refuses_to_die(run: Example) -> None:
    """It is named by its own function, not by that of the plugin that runs it."""
    pytest.importorskip("pytest_timeout")
    result = run(
        module(
            STUBBORN
            + textwrap.dedent("""
            @pytest_asyncio.fixture
            async def client(diary):
                yield
                await stubborn(diary)

            async def test_it(client):
                pass

            async def test_after():
                await asyncio.sleep(0.05)
            """)
        ),
        *TIMEOUT,
        conftest=CONFTEST,
        subprocess=True,
        timeout=60,
    )
    result.assert_outcomes(passed=2, errors=1, warnings=1)
    result.stdout.fnmatch_lines(
        ["*left behind: task 'fixture client', coroutine client, *test_example.py:*"]
    )
    assert_users_frames_only(result)


@needs_timeout
def test_a_test_that_swallows_one_cancellation(run: Example) -> None:
    """It gets time to end by itself, and then one more; nothing is left of it."""
    pytest.importorskip("pytest_timeout")
    result = run(
        module("""
        async def test_it(diary):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                diary.append("refused")
            try:
                await asyncio.sleep(60)
            finally:
                diary.append("ended")

        async def test_after(diary):
            diary.append("after")
        """),
        *TIMEOUT,
        conftest=CONFTEST,
        subprocess=True,
        timeout=60,
    )
    result.assert_outcomes(passed=1, failed=1)
    assert diary(result) == ["refused", "ended", "after"]


@needs_timeout
def test_timeout_in_every_loop_of_the_run(run: Example) -> None:
    """The section shows the tasks of wider loops, too: they may be what the test waits for."""
    pytest.importorskip("pytest_timeout")
    result = run(
        module("""
        async def serve():
            await asyncio.sleep(60)

        @pytest_asyncio.fixture(scope="session", loop_scope="session")
        async def server():
            task = asyncio.create_task(serve(), name="the-server")
            yield
            task.cancel()

        async def test_it(server):
            await asyncio.sleep(60)
        """),
        *TIMEOUT,
        conftest=CONFTEST,
        subprocess=True,
        timeout=60,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*- asyncio tasks -*", "Task 'the-server', coroutine serve, *"]
    )


# -- Ctrl-C and pytest.exit ------------------------------------------------------------------

# How the run is ended, as a statement in a callback of the loop or in the test.
ENDINGS = {
    "ctrl-c-from-the-system": "asyncio.get_running_loop().call_later(0.05, ctrl_c)",
    "ctrl-c-in-a-callback": (
        "def raises():\n"
        "        raise KeyboardInterrupt\n"
        "    asyncio.get_running_loop().call_later(0.05, raises)"
    ),
    "ctrl-c-in-a-task": (
        "async def raises():\n"
        "        raise KeyboardInterrupt\n"
        "    task = asyncio.create_task(raises())"
    ),
    "exit-in-a-signal-handler": (
        "signal.signal(signal.SIGALRM, lambda *_: pytest.exit('enough'))\n"
        "    signal.setitimer(signal.ITIMER_REAL, 0.05)"
    ),
    "exit-in-the-test": "pytest.exit('enough')",
    "exit-in-a-task-group": (
        "async def quits():\n"
        "        pytest.exit('enough')\n"
        "    async with asyncio.TaskGroup() as group:\n"
        "        group.create_task(quits())\n"
        "        await asyncio.sleep(60)"
    ),
}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(each, marks=needs_timeout if "signal" in each else ())
        for each in ENDINGS
    ],
)
def test_the_end_of_the_run(run: Example, kind: str) -> None:
    """The test cleans up first, then its fixtures; no further test runs, nothing goes on."""
    result = run(
        module("""
        async def interrupted():
            ENDING
            await asyncio.sleep(60)

        async def test_it(resource, diary):
            try:
                await interrupted()
                diary.append("went-on")
            finally:
                await asyncio.sleep(0.01)
                diary.append("cleaned-up")

        async def test_never(diary):
            diary.append("never")
        """).replace("ENDING", ENDINGS[kind]),
        conftest=CONFTEST,
        subprocess=True,
        timeout=60,
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert diary(result) == ["set-up", "cleaned-up", "tear-down", "torn-down"]
    if kind.startswith("exit"):
        result.stdout.fnmatch_lines(["*Exit: enough*"])
    else:
        result.stdout.fnmatch_lines(["*KeyboardInterrupt*"])
    if kind in ("ctrl-c-from-the-system", "ctrl-c-in-a-callback"):
        result.stdout.fnmatch_lines(
            [
                "*= asyncio tasks at the interruption =*",
                "Task 'test_it', coroutine test_it, *",
                "    await interrupted()",
                "    await asyncio.sleep(60)",
            ]
        )
    assert_users_frames_only(result)


@pytest.mark.parametrize("where", ["set-up", "tear-down"])
def test_ctrl_c_in_a_fixture(run: Example, where: str) -> None:
    """The fixture's own clean-up runs, and so does the tear-down of the others."""
    result = run(
        module("""
        @pytest_asyncio.fixture
        async def client(resource, diary):
            BEFORE
            yield
            AFTER

        async def wait(diary):
            asyncio.get_running_loop().call_later(0.05, ctrl_c)
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0.01)
                diary.append("cleaned-up")

        async def test_it(client, diary):
            pass
        """)
        .replace("BEFORE", "await wait(diary)" if where == "set-up" else "")
        .replace("AFTER", "await wait(diary)" if where == "tear-down" else ""),
        conftest=CONFTEST,
        subprocess=True,
        timeout=60,
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert diary(result) == ["set-up", "cleaned-up", "tear-down", "torn-down"]
    result.stdout.fnmatch_lines(["Task 'fixture client', coroutine client, *"])


@pytest.mark.parametrize(
    "end, code",
    [("pytest.exit('bye', returncode=7)", 7), ("raise KeyboardInterrupt", 2)],
)
def test_order_of_tear_downs_at_the_end_of_the_run(
    run: Example, end: str, code: int
) -> None:
    """A synchronous fixture that was set up later than an async one is torn down before it."""
    result = run(
        f"""
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="session")
        async def engine():
            engine = ["open"]
            yield engine
            print("\\nengine is closed")
            engine.clear()

        @pytest.fixture(scope="session")
        def cleaner(engine):
            yield
            print("\\ncleaner finds it", *engine)

        @pytest.mark.asyncio
        async def test_it(engine, cleaner):
            {end}
        """,
        "-s",
        subprocess=True,
        timeout=30,
    )
    assert result.ret == code
    result.stdout.fnmatch_lines(["cleaner finds it open", "engine is closed"])


@pytest.mark.parametrize(
    "error", ["KeyboardInterrupt", "SystemExit(3)", "asyncio.CancelledError"]
)
def test_tear_downs_after_one_that_ends_the_run(run: Example, error: str) -> None:
    """Of what pytest then leaves up, async fixtures are torn down at the end, and nothing waits."""
    result = run(
        f"""
        import asyncio

        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="session")
        async def widest():
            yield
            await asyncio.sleep(0)
            print("\\nwidest is down")

        @pytest_asyncio.fixture
        async def below(widest):
            yield
            await asyncio.sleep(0)
            print("\\nbelow is down")
            raise OSError("below has failed")

        @pytest.fixture
        def broken(below):
            yield
            raise {error}

        @pytest.mark.asyncio
        async def test_it(broken):
            pass
        """,
        "-s",
        subprocess=True,
        timeout=30,
    )
    lines = [line for line in result.outlines if line.endswith("is down")]
    assert sorted(lines) == [
        "below is down",
        "widest is down",
    ]
    result.stdout.fnmatch_lines(
        [
            "Exception in the tear-down of the fixture 'below':",
            "OSError: below has failed",
        ]
    )
    result.stdout.no_fnmatch_line("*did not end*")


def test_second_ctrl_c(run: Example) -> None:
    """Pressed while the test cleans up, it ends that; the fixtures are torn down."""
    result = run(
        module("""
        async def test_it(resource, diary):
            loop = asyncio.get_running_loop()
            loop.call_later(0.05, ctrl_c)
            try:
                await asyncio.sleep(60)
            finally:
                diary.append("finally")
                loop.call_later(0.05, ctrl_c)
                await asyncio.sleep(60)
                diary.append("cleaned-up")
        """),
        conftest=CONFTEST.replace("GRACE = 0.2", "GRACE = 30"),
        subprocess=True,
        timeout=20,
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert diary(result) == ["set-up", "finally", "tear-down", "torn-down"]
    assert "cleaned-up" not in diary(result)


def test_ctrl_c_is_not_swallowed(run: Example) -> None:
    """A test that catches its cancellation and goes on does not go on with the run."""
    result = run(
        module("""
        async def test_it(resource, diary):
            asyncio.get_running_loop().call_later(0.05, ctrl_c)
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                diary.append("caught")

        async def test_never(diary):
            diary.append("never")
        """),
        conftest=CONFTEST,
        subprocess=True,
        timeout=60,
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert diary(result) == ["set-up", "caught", "tear-down", "torn-down"]


@needs_sigint
def test_ctrl_c_at_the_terminal(run: Example) -> None:
    """SIGINT from another process while the loop waits: a real Ctrl-C."""
    run.pytester.makeconftest(CONFTEST)
    run.pytester.makepyfile(
        test_example=module("""
        async def test_it(resource, diary):
            loop = asyncio.get_running_loop()
            # Not from here: the signal has to come while the loop waits.
            loop.call_later(0.1, lambda: print("waiting", flush=True))
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0.01)
                diary.append("cleaned-up")
        """)
    )
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", "-s", *WITHOUT_SLOW_PLUGINS],
        cwd=run.pytester.path,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "waiting" in line:
                break
        process.send_signal(signal.SIGINT)
        text = process.stdout.read()
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert "diary: set-up cleaned-up tear-down torn-down" in text
    assert "asyncio tasks at the interruption" in text
    assert "/pytest_asyncio/" not in text


# -- outcomes inside task groups -------------------------------------------------------------

OUTCOMES = {
    "skip": ("pytest.skip('reason')", {"skipped": 1}, "SKIPPED * reason"),
    "xfail": ("pytest.xfail('reason')", {"xfailed": 1}, "XFAIL * reason"),
    "fail": ("pytest.fail('reason')", {"failed": 1}, "FAILED * Failed: reason"),
    "importorskip": ("pytest.importorskip('no_such')", {"skipped": 1}, "SKIPPED *"),
    "error": ("raise ValueError('reason')", {"failed": 1}, "*| ValueError: reason"),
}


@pytest.mark.parametrize("kind", OUTCOMES)
@pytest.mark.parametrize("depth", [1, 2])
def test_outcomes_inside_task_groups(run: Example, kind: str, depth: int) -> None:
    """What a task of a group raises keeps its meaning, at any depth of groups."""
    statement, outcome, line = OUTCOMES[kind]
    result = run(
        f"""
        import asyncio

        import pytest

        async def child(depth):
            if depth:
                async with asyncio.TaskGroup() as group:
                    group.create_task(child(depth - 1))
                    await asyncio.sleep(60)
            else:
                {statement}

        async def test_it():
            await child({depth})

        async def test_after():
            pass
        """,
        "-rsxf",
        mode="auto",
    )
    result.assert_outcomes(passed=1, **outcome)
    result.stdout.fnmatch_lines([line])


@pytest.mark.parametrize(
    ("statement", "phase"),
    [
        ("pytest.skip('reason')", "setup"),
        ("pytest.fail('reason')", "setup"),
        ("pytest.fail('reason')", "teardown"),
    ],
)
def test_outcomes_inside_task_groups_of_fixtures(
    run: Example, statement: str, phase: str
) -> None:
    """The same in a fixture's task group, before its yield and after it."""
    before, after = (statement, "pass") if phase == "setup" else ("pass", statement)
    result = run(
        f"""
        import asyncio

        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture
        async def client():
            async def child(statement):
                exec(statement)

            async with asyncio.TaskGroup() as group:
                group.create_task(child({before!r}))
            yield
            async with asyncio.TaskGroup() as group:
                group.create_task(child({after!r}))

        async def test_it(client):
            pass
        """.replace("exec(statement)", "exec(statement, globals())"),
        "-rs",
        mode="auto",
    )
    if "skip" in statement:
        result.assert_outcomes(skipped=1)
        result.stdout.fnmatch_lines(["SKIPPED * reason"])
    else:
        passed = {"passed": 1} if phase == "teardown" else {}
        result.assert_outcomes(errors=1, **passed)
        result.stdout.fnmatch_lines(
            [f"*ERROR at {phase} of test_it*", "*Failed: reason"]
        )


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        ("raise KeyboardInterrupt", "*KeyboardInterrupt*"),
        ("pytest.exit('enough')", "*Exit: enough*"),
    ],
)
def test_ends_of_the_run_inside_task_groups(
    run: Example, statement: str, line: str
) -> None:
    """They end the run, beside whatever else the group has collected."""
    result = run(
        f"""
        import asyncio

        import pytest

        async def ends():
            {statement}

        async def fails():
            try:
                await asyncio.sleep(60)
            finally:
                raise ValueError("as well")

        async def test_it():
            async with asyncio.TaskGroup() as group:
                group.create_task(fails())
                await asyncio.sleep(0)
                group.create_task(ends())

        async def test_never():
            pass
        """,
        mode="auto",
        subprocess=True,
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines([line])
    result.assert_outcomes(passed=0)


def test_what_a_task_raises_while_it_is_drained(run: Example) -> None:
    """It has nothing to do with the interruption, and does not show pytest's own frames."""
    result = run(
        """
        import asyncio
        import os
        import signal

        async def fails():
            raise ValueError("mine")

        def interrupt():
            asyncio.create_task(fails(), name="late")
            signal.raise_signal(signal.SIGINT)

        async def test_it():
            asyncio.get_running_loop().call_later(0.1, interrupt)
            await asyncio.sleep(60)
        """,
        mode="auto",
        subprocess=True,
    )
    text = result.stdout.str()
    _, _, told = text.partition("= asyncio: after the last test =")
    told, _, _ = told.partition("= asyncio tasks at the interruption =")
    assert "(task 'late', coroutine fails, " in told
    assert "ValueError: mine" in told
    assert "KeyboardInterrupt" not in told
    assert "_pytest" not in told


FIXTURES_THAT_AWAIT = {
    "task": """
        task = asyncio.create_task(serve())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    """,
    "group": """
        async with asyncio.TaskGroup() as group:
            task = group.create_task(serve())
            yield
            task.cancel()
    """,
    "gather": """
        task = asyncio.create_task(serve())
        yield
        await asyncio.gather(task)
    """,
}


@pytest.mark.parametrize("kind", FIXTURES_THAT_AWAIT)
@pytest.mark.parametrize("scope", ["function", "module"])
def test_a_task_of_a_fixture_that_is_hit(run: Example, kind: str, scope: str) -> None:
    """The fixture that awaits it meets the Ctrl-C once more, and the run ends in order."""
    result = run(
        module("""
        import contextlib

        @pytest.fixture(scope="session")
        def container(diary):
            yield
            diary.append("removed")

        async def serve():
            await asyncio.sleep(0.1)
            ctrl_c()
            await asyncio.sleep(60)

        def test_fails():
            assert 1 == 2

        async def test_it(server):
            await asyncio.sleep(60)

        @pytest_asyncio.fixture(scope="SCOPE")
        async def server(container):
        """).replace("SCOPE", scope)
        + FIXTURES_THAT_AWAIT[kind],
        "--junit-xml=report.xml",
        conftest=CONFTEST,
        subprocess=True,
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.assert_outcomes(failed=1)
    assert diary(result) == ["removed"]
    result.stdout.fnmatch_lines(
        [
            "*= FAILURES =*",
            "*= asyncio tasks at the interruption =*",
            "*KeyboardInterrupt",
        ]
    )
    assert "test_fails" in (run.pytester.path / "report.xml").read_text("utf-8")
    assert_users_frames_only(result)


def test_what_does_not_end_at_an_interruption(run: Example) -> None:
    """No test is left to be told of it, so it stands at the end of the run."""
    result = run(
        module(
            STUBBORN
            + textwrap.dedent("""
            async def test_it(diary):
                asyncio.get_running_loop().call_later(0.1, ctrl_c)
                await stubborn(diary)
            """)
        ),
        conftest=CONFTEST,
        subprocess=True,
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED
    text = result.stdout.str()
    _, _, told = text.partition("= asyncio: after the last test =")
    told, _, _ = told.partition("= asyncio tasks at the interruption =")
    said = "test_example.py::test_it: a task did not end when it was cancelled"
    assert told.count(f"{said}, and is left behind: task 'test_it', ") == 1
    assert "Something in it catches asyncio.CancelledError and goes on" in told


@on_linux
@pytest.mark.parametrize("wait", ["asyncio.sleep(60)", "asyncio.Event().wait()"])
@pytest.mark.parametrize(
    "how",
    [
        "asyncio.get_running_loop().set_task_factory(broken)",
        "stack.callback(sys.exit, 'mine')",
    ],
)
def test_draining_that_fails_does_not_hide_what_came_before(
    run: Example, how: str, wait: str
) -> None:
    """The timeout, or the deadlock, is told as well as what went wrong after it."""
    pytest.importorskip("pytest_timeout")
    result = run(
        f"""
        import asyncio
        import contextlib
        import sys

        def broken(loop, coroutine, **options):
            coroutine.close()
            raise ValueError("mine")

        async def test_it():
            with contextlib.ExitStack() as stack:
                {how}
                await {wait}
        """,
        *(["--timeout=0.8", "--timeout-method=signal"] if "sleep" in wait else []),
        mode="auto",
        subprocess=True,
        timeout=30,
    )
    text = result.stdout.str()
    assert ("Timeout (>0.8s)" if "sleep" in wait else "DeadlockError") in text
    assert "ValueError: mine" in text or "SystemExit: mine" in text
