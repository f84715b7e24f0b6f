"""Hypothesis: each example of an async test is a task of its own."""

from __future__ import annotations

import pytest

from conftest import Example

pytest.importorskip("hypothesis")

MODES = ("auto", "strict")

HEADER = """
import asyncio
import contextvars
import inspect

import hypothesis
from hypothesis import given, settings, strategies as st
import pytest
import pytest_asyncio

# In-process runs have nowhere to keep examples, and no time to lose.
few = settings(max_examples=10, database=None, deadline=None)
"""

TESTS = {
    "function": """
@pytest.mark.asyncio
@few
@given(st.integers())
async def test_it(n):
    await asyncio.sleep(0)
    SEEN.append(n)
""",
    "mark-below": """
@few
@given(st.integers())
@pytest.mark.asyncio
async def test_it(n):
    await asyncio.sleep(0)
    SEEN.append(n)
""",
    "method": """
class TestThem:
    @pytest.mark.asyncio
    @few
    @given(n=st.integers())
    async def test_it(self, n):
        await asyncio.sleep(0)
        SEEN.append(n)
""",
    "inherited": """
class Base:
    @pytest.mark.asyncio
    @few
    @given(n=st.integers())
    async def test_it(self, n):
        await asyncio.sleep(0)
        SEEN.append(n)

class TestOne(Base): ...
""",
    "async-generator": """
@pytest.mark.asyncio
@few
@given(st.integers())
async def test_it(n):
    yield
    await asyncio.sleep(0)
    SEEN.append(n)
""",
    "explicit-example": """
@pytest.mark.asyncio
@few
@given(st.integers())
@hypothesis.example(1)
@hypothesis.example(2)
async def test_it(n):
    await asyncio.sleep(0)
    SEEN.append(n)
""",
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("test", TESTS)
def test_is_run(run: Example, test: str, mode: str) -> None:
    """Examples are awaited, however the test is written."""
    result = run(
        HEADER
        + "SEEN = []\n"
        + TESTS[test]
        + """
def test_seen():
    assert len(SEEN) >= 10
""",
        "-Werror",
        mode=mode,
    )
    result.assert_outcomes(passed=2)


def test_auto_mode_needs_no_mark(run: Example) -> None:
    """In auto mode ``given`` alone is enough."""
    result = run(
        HEADER
        + """
SEEN = []

@few
@given(st.integers())
async def test_it(n):
    assert asyncio.current_task().get_name() == "test_it"
    SEEN.append(n)

@few
@given(st.integers())
def test_synchronous(n):
    SEEN.append(n)

def test_seen():
    assert len(SEEN) >= 20
""",
        "-Werror",
        mode="auto",
    )
    result.assert_outcomes(passed=3)


def test_a_failure_is_shrunk_and_shown(run: Example) -> None:
    """The example that falsifies is the smallest one, with the user's lines alone."""
    result = run(
        HEADER
        + """
@settings(few, derandomize=True, max_examples=100, phases=[
    hypothesis.Phase.generate, hypothesis.Phase.shrink
])
@given(st.integers())
async def test_it(n):
    await asyncio.sleep(0)
    assert n < 17
""",
        mode="auto",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*assert 17 < 17"])
    result.stdout.fnmatch_lines(["E*: test_it("])
    result.stdout.fnmatch_lines(["E*n=17*"])
    for stream in (result.stdout.str(), result.stderr.str()):
        assert "pytest_asyncio/" not in stream.replace("\\", "/")
        assert "never awaited" not in stream


def test_each_example_is_a_task_of_its_own(run: Example) -> None:
    """No two examples run in the same task; all of them run in the loop of the test."""
    result = run(
        HEADER
        + """
TASKS = []
LOOPS = set()

@pytest_asyncio.fixture
async def loop():
    return asyncio.get_running_loop()

@settings(few, suppress_health_check=list(hypothesis.HealthCheck))
@given(n=st.integers())
async def test_it(loop, n):
    assert asyncio.get_running_loop() is loop
    LOOPS.add(loop)
    TASKS.append(asyncio.current_task())

def test_seen():
    assert len(set(TASKS)) == len(TASKS) >= 10
    assert len(LOOPS) == 1
""",
        mode="auto",
    )
    result.assert_outcomes(passed=2)


def test_each_example_starts_from_the_same_context(run: Example) -> None:
    """What one example sets, the next does not see; what the fixtures set, each does."""
    result = run(
        HEADER
        + """
FIXTURES = contextvars.ContextVar("FIXTURES", default="unset")
MINE = contextvars.ContextVar("MINE", default="unset")

@pytest_asyncio.fixture(autouse=True, scope="module")
async def setting():
    FIXTURES.set("by the fixture")

@few
@given(n=st.integers())
async def test_it(n):
    assert MINE.get() == "unset"
    assert FIXTURES.get() == "by the fixture"
    MINE.set(n)
    FIXTURES.set(n)

async def test_next():
    assert MINE.get() == "unset"
    assert FIXTURES.get() == "by the fixture"
""",
        mode="auto",
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize("leaving", ["sleep(3600)", "sleep(0)"])
@pytest.mark.parametrize("outcome", ["pass", "raise ValueError"])
def test_tasks_of_one_example_do_not_run_in_the_next(
    run: Example, outcome: str, leaving: str
) -> None:
    """What an example leaves behind is over when the next one begins, passed or failed."""
    result = run(
        HEADER
        + f"""
LEFT = []
STARTED = []

async def leftover():
    try:
        while True:
            await asyncio.{leaving}
    finally:
        LEFT.remove(asyncio.current_task())

@settings(few, phases=[hypothesis.Phase.generate])
@given(n=st.integers())
async def test_it(n):
    STARTED.append(n)
    assert LEFT == []
    task = asyncio.create_task(leftover())
    LEFT.append(task)
    await asyncio.sleep(0)
    {outcome}

def test_nothing_left():
    assert STARTED
    assert LEFT == []
""",
        mode="auto",
    )
    failing = outcome != "pass"
    result.assert_outcomes(passed=2 - failing, failed=failing)
    if failing:
        result.stdout.fnmatch_lines(["*ValueError*"])
        result.stdout.no_fnmatch_line("E*assert *")


def test_tasks_of_fixtures_go_on_between_examples(run: Example) -> None:
    """A worker that a fixture has started serves all examples."""
    result = run(
        HEADER
        + """
@pytest_asyncio.fixture
async def queue():
    queue = asyncio.Queue()

    async def work():
        while True:
            number, answer = await queue.get()
            answer.set_result(number * 2)

    async with asyncio.TaskGroup() as group:
        worker = group.create_task(work())
        yield queue
        worker.cancel()

@settings(few, suppress_health_check=list(hypothesis.HealthCheck))
@given(n=st.integers())
async def test_it(queue, n):
    answer = asyncio.get_running_loop().create_future()
    await queue.put((n, answer))
    assert await answer == 2 * n
""",
        mode="auto",
    )
    result.assert_outcomes(passed=1)


def test_asking_for_a_fixture(run: Example) -> None:
    """An example may ask for a fixture; hypothesis leaves it to live as long as the test."""
    result = run(
        HEADER
        + """
SET_UP = []

@pytest_asyncio.fixture
async def dynamic():
    SET_UP.append(1)
    async with asyncio.TaskGroup() as group:
        yield group

@settings(few, suppress_health_check=list(hypothesis.HealthCheck))
@given(n=st.integers())
async def test_it(request, n):
    group = await pytest_asyncio.getfixturevalue(request, "dynamic")
    await group.create_task(asyncio.sleep(0))

def test_once():
    assert len(SET_UP) == 1
""",
        mode="auto",
    )
    result.assert_outcomes(passed=2)


def test_a_crashed_fixture_fails_the_test(run: Example) -> None:
    """A fixture that breaks during an example fails the test by its name."""
    result = run(
        HEADER
        + """
@pytest_asyncio.fixture
async def service():
    async def child(crash):
        await crash.wait()
        raise RuntimeError("the service broke")

    async with asyncio.TaskGroup() as group:
        crash = asyncio.Event()
        group.create_task(child(crash))
        yield crash

@settings(few, suppress_health_check=list(hypothesis.HealthCheck))
@given(n=st.integers())
async def test_it(service, n):
    service.set()
    await asyncio.Event().wait()
""",
        mode="auto",
    )
    result.assert_outcomes(failed=1, errors=1)
    result.stdout.fnmatch_lines(["*'service' crashed while*"])
    result.stdout.fnmatch_lines(["*RuntimeError: the service broke"])
    # The examples that hypothesis tries after that do not run without their fixture.
    result.stdout.no_fnmatch_line("*deadlock*")
    result.stdout.no_fnmatch_line("*Flaky*")


def test_shared_by_two_classes(run: Example) -> None:
    """An inherited test runs in each class, and a rerun of it as well."""
    result = run(
        HEADER
        + """
SEEN = []

class Base:
    @settings(few, suppress_health_check=list(hypothesis.HealthCheck))
    @given(n=st.integers())
    async def test_it(self, n):
        await asyncio.sleep(0)
        SEEN.append(type(self).__name__)

class TestOne(Base): ...
class TestTwo(Base): ...

def test_seen():
    assert set(SEEN) == {"TestOne", "TestTwo"}
    inner = Base.test_it.hypothesis.inner_test
    assert inspect.iscoroutinefunction(inner), "put back as it was"
""",
        mode="auto",
    )
    result.assert_outcomes(passed=3)


def test_assume_and_skip(run: Example) -> None:
    """``hypothesis.assume`` and ``pytest.skip`` work inside an async test."""
    result = run(
        HEADER
        + """
@few
@given(n=st.integers())
async def test_assume(n):
    hypothesis.assume(n % 2 == 0)
    await asyncio.sleep(0)
    assert n % 2 == 0

@few
@given(n=st.integers())
async def test_skip(n):
    await asyncio.sleep(0)
    pytest.skip("not today")
""",
        mode="auto",
    )
    result.assert_outcomes(passed=1, skipped=1)


@pytest.mark.parametrize("mode", MODES)
def test_wrong_given_is_told_by_hypothesis(run: Example, mode: str) -> None:
    """What stands in place of the marked function says what is wrong with ``given``."""
    result = run(
        HEADER
        + """
@given(there_is_no_such_argument=st.integers())
@pytest.mark.asyncio
async def test_it(): ...
""",
        mode=mode,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines("E  *there_is_no_such_argument*")
    result.stdout.no_fnmatch_line("*natively*")
