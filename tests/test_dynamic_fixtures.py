"""Asking for a fixture by name while the loop runs."""

from __future__ import annotations

import pytest

from conftest import Example

SCOPES = ("function", "class", "module", "package", "session")

FIXTURES = """
import asyncio
import contextvars

import pytest
import pytest_asyncio
from pytest_asyncio import getfixturevalue

EVENTS = []

@pytest_asyncio.fixture
async def coroutine():
    await asyncio.sleep(0)
    return "coroutine"

@pytest_asyncio.fixture
async def generator():
    await asyncio.sleep(0)
    EVENTS.append("generator up")
    async with asyncio.TaskGroup() as group:
        yield "generator"
        await asyncio.sleep(0)
    EVENTS.append("generator down")

@pytest.fixture
def synchronous():
    EVENTS.append("synchronous up")
    yield "synchronous"
    EVENTS.append("synchronous down")

@pytest_asyncio.fixture(scope="SCOPE")
async def cached():
    EVENTS.append("cached up")
    async with asyncio.TaskGroup() as group:
        yield asyncio.current_task()
    EVENTS.append("cached down")
"""


def assert_users_frames_only(result: pytest.RunResult) -> None:
    """No file of the plugin shows in what the person reads."""
    for stream in (result.stdout.str(), result.stderr.str()):
        assert "pytest_asyncio/" not in stream.replace("\\", "/")
        assert "runners.py" not in stream
        assert "base_events.py" not in stream
        assert "was never awaited" not in stream
        assert "never retrieved" not in stream


# -- who may ask, and what for -----------------------------------------------------------

ASKERS = {
    "test": """
async def test_asks(request):
    assert await getfixturevalue(request, "NAME") == "NAME"
    assert asyncio.current_task().get_name() == "test_asks"
""",
    "method": """
class TestThem:
    async def test_asks(self, request):
        assert await getfixturevalue(request, "NAME") == "NAME"
""",
    "coroutine-fixture": """
@pytest_asyncio.fixture
async def asker(request):
    return await getfixturevalue(request, "NAME")

async def test_asks(asker):
    assert asker == "NAME"
""",
    "generator-fixture": """
@pytest_asyncio.fixture
async def asker(request):
    async with asyncio.timeout(60):
        yield await getfixturevalue(request, "NAME")

async def test_asks(asker):
    assert asker == "NAME"
""",
    "fixture-of-a-synchronous-test": """
@pytest_asyncio.fixture
async def asker(request):
    yield await getfixturevalue(request, "NAME")

def test_asks(asker):
    assert asker == "NAME"
""",
    "sub-task": """
async def test_asks(request):
    task = asyncio.create_task(getfixturevalue(request, "NAME"))
    assert await task == "NAME"
""",
    "task-group": """
async def test_asks(request):
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(getfixturevalue(request, "NAME")) for _ in range(3)
        ]
    assert [task.result() for task in tasks] == ["NAME"] * 3
""",
    "timeout": """
async def test_asks(request):
    assert await asyncio.wait_for(getfixturevalue(request, "NAME"), 60) == "NAME"
""",
    "async-generator-test": """
async def test_asks(request):
    yield
    assert await getfixturevalue(request, "NAME") == "NAME"
""",
    "dynamic-fixture": """
@pytest_asyncio.fixture
async def inner(request):
    return await getfixturevalue(request, "NAME")

@pytest_asyncio.fixture
async def outer(request):
    yield await getfixturevalue(request, "inner")

async def test_asks(request):
    assert await getfixturevalue(request, "outer") == "NAME"
""",
    "synchronous-fixture-in-between": """
@pytest.fixture
def between(request):
    return request.getfixturevalue("NAME")

async def test_asks(request):
    assert await getfixturevalue(request, "between") == "NAME"
""",
}


@pytest.mark.parametrize("name", ["coroutine", "generator", "synchronous"])
@pytest.mark.parametrize("asker", ASKERS)
def test_whoever_asks_gets_the_value(run: Example, asker: str, name: str) -> None:
    """Any fixture is had by name, from wherever in the loop it is asked for."""
    result = run(
        FIXTURES.replace("SCOPE", "module")
        + ASKERS[asker].replace("NAME", name)
        + """
def test_torn_down():
    assert [each.split()[1] for each in EVENTS] in ([], ["up", "down"])
""",
        "-Werror",
        mode="auto",
    )
    result.assert_outcomes(passed=2)


def test_asked_at_once_for_different_fixtures(run: Example) -> None:
    """Those who ask at the same time are served one after the other."""
    result = run(
        FIXTURES.replace("SCOPE", "module")
        + """
async def test_asks(request):
    names = ["coroutine", "generator", "synchronous", "generator", "coroutine"]
    got = await asyncio.gather(*(getfixturevalue(request, name) for name in names))
    assert got == names
    assert EVENTS == ["generator up", "synchronous up"]

def test_torn_down():
    assert EVENTS[2:] == ["synchronous down", "generator down"]
""",
        mode="auto",
    )
    result.assert_outcomes(passed=2)


def test_two_that_depend_on_each_others_askers(run: Example) -> None:
    """Two fixtures set up at once may themselves ask, for the same and for others."""
    result = run(
        FIXTURES.replace("SCOPE", "module")
        + """
@pytest_asyncio.fixture
async def one(request):
    await asyncio.sleep(0)
    return await getfixturevalue(request, "generator"), 1

@pytest_asyncio.fixture
async def two(request):
    async with asyncio.TaskGroup() as group:
        asked = [
            group.create_task(getfixturevalue(request, name))
            for name in ("one", "generator", "synchronous")
        ]
    return [task.result() for task in asked]

async def test_asks(request):
    one, two = await asyncio.gather(
        getfixturevalue(request, "one"), getfixturevalue(request, "two")
    )
    assert one == ("generator", 1)
    assert two == [one, "generator", "synchronous"]
    assert EVENTS.count("generator up") == 1
""",
        mode="auto",
    )
    result.assert_outcomes(passed=1)


def test_other_tasks_go_on(run: Example) -> None:
    """While a fixture is set up for one task, it can be served by another."""
    result = run(
        """
        import asyncio

        import pytest_asyncio

        QUESTIONS = asyncio.Queue()

        @pytest_asyncio.fixture
        async def answered():
            answer = asyncio.get_running_loop().create_future()
            await QUESTIONS.put(answer)
            return await answer

        async def test_asks(request):
            async def serve():
                (await QUESTIONS.get()).set_result(42)

            serving = asyncio.create_task(serve())
            assert await pytest_asyncio.getfixturevalue(request, "answered") == 42
            await serving
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1)


def test_in_strict_mode(run: Example) -> None:
    """It needs no auto mode."""
    result = run(
        FIXTURES.replace("SCOPE", "module")
        + """
@pytest.mark.asyncio
async def test_asks(request):
    assert await getfixturevalue(request, "generator") == "generator"
""",
        mode="strict",
    )
    result.assert_outcomes(passed=1)


# -- how long it lives -------------------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
def test_scopes(run: Example, scope: str) -> None:
    """The value is cached, and torn down, as if it had been requested by parameter."""
    result = run(
        FIXTURES.replace("SCOPE", scope)
        + """
TASKS = []

class TestThem:
    async def test_one(self, request):
        task = await getfixturevalue(request, "cached")
        assert await getfixturevalue(request, "cached") is task
        assert task is not asyncio.current_task()
        TASKS.append(task)
        EVENTS.append("one")

    async def test_two(self, request):
        TASKS.append(await getfixturevalue(request, "cached"))
        EVENTS.append("two")

def test_after():
    print(EVENTS)
""",
        "-s",
        mode="auto",
    )
    result.assert_outcomes(passed=3)
    up, down = "cached up", "cached down"
    events = {
        "function": [up, "one", down, up, "two", down],
        "class": [up, "one", "two", down],
    }.get(scope, [up, "one", "two"])
    result.stdout.fnmatch_lines([f"*{[*events]}*".replace("[", "[[]")])


def test_requested_both_ways(run: Example) -> None:
    """What is set up already by parameter is the same when it is asked for."""
    result = run(
        FIXTURES.replace("SCOPE", "module")
        + """
async def test_asks(request, cached, generator):
    assert await getfixturevalue(request, "cached") is cached
    assert await getfixturevalue(request, "generator") is generator
    assert EVENTS.count("generator up") == 1
""",
        mode="auto",
    )
    result.assert_outcomes(passed=1)


def test_torn_down_in_order(run: Example) -> None:
    """What is asked for later is torn down earlier, in the order of all other fixtures."""
    result = run(
        """
        import asyncio

        import pytest
        import pytest_asyncio
        from pytest_asyncio import getfixturevalue

        EVENTS = []

        def make(name, *others):
            @pytest_asyncio.fixture(name=name)
            async def fixture(request):
                for other in others:
                    await getfixturevalue(request, other)
                EVENTS.append(f"{name} up")
                yield
                await asyncio.sleep(0)
                EVENTS.append(f"{name} down")

            return fixture

        first = make("first")
        second = make("second", "needed")
        needed = make("needed")
        third = make("third")

        @pytest.fixture
        def synchronous():
            EVENTS.append("synchronous up")
            yield
            EVENTS.append("synchronous down")

        async def test_asks(request, first):
            for name in ("second", "synchronous", "third"):
                await getfixturevalue(request, name)

        def test_order():
            up = ["first", "needed", "second", "synchronous", "third"]
            expected = [f"{name} up" for name in up]
            expected += [f"{name} down" for name in reversed(up)]
            assert EVENTS == expected
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=2)


def test_parametrised(run: Example) -> None:
    """A fixture that the test parametrises indirectly gives its parameter's value."""
    result = run(
        """
        import pytest
        import pytest_asyncio
        from pytest_asyncio import getfixturevalue

        @pytest_asyncio.fixture(params=[1, 2])
        async def number(request):
            return request.param

        @pytest_asyncio.fixture
        async def doubled(request):
            return 2 * await getfixturevalue(request, "number")

        async def test_by_params(request, number):
            assert await getfixturevalue(request, "doubled") == 2 * number

        @pytest.mark.parametrize("number", [10, 20], indirect=True)
        async def test_indirect(request, number):
            assert await getfixturevalue(request, "doubled") in (20, 40)
            assert await getfixturevalue(request, "number") == number

        async def test_not_known_at_collection(request):
            await getfixturevalue(request, "number")
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(
        ["*The requested fixture has no parameter defined for test:*"]
    )


# -- context variables -------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_the_asker_sees_the_fixtures_context_variables(run: Example, kind: str) -> None:
    """What the fixture sets is visible to the asker, and reset when it is torn down."""
    header = (
        "@pytest.fixture\ndef"
        if kind == "sync"
        else "@pytest_asyncio.fixture\nasync def"
    )
    result = run(
        f"""
import contextvars

import pytest
import pytest_asyncio
from pytest_asyncio import getfixturevalue

VARIABLE = contextvars.ContextVar("VARIABLE", default="unset")

{header} setting():
    token = VARIABLE.set("set")
    yield
    VARIABLE.reset(token)

async def test_asks(request):
    assert VARIABLE.get() == "unset"
    await getfixturevalue(request, "setting")
    assert VARIABLE.get() == "set"

async def test_next():
    assert VARIABLE.get() == "unset"
""",
        mode="auto",
    )
    result.assert_outcomes(passed=2)


def test_the_asker_keeps_its_own_context_variables(run: Example) -> None:
    """What the asker has set stays as it is, unless the fixture sets the same variable."""
    result = run(
        FIXTURES.replace("SCOPE", "module")
        + """
MINE = contextvars.ContextVar("MINE", default="unset")

async def test_asks(request):
    MINE.set("mine")
    await getfixturevalue(request, "generator")
    assert MINE.get() == "mine"

async def test_next():
    assert MINE.get() == "unset"
""",
        mode="auto",
    )
    result.assert_outcomes(passed=2)


# -- what goes wrong ---------------------------------------------------------------------


@pytest.mark.parametrize("end", ["yield", "return"])
def test_an_error_in_the_fixture_is_raised_to_the_asker(run: Example, end: str) -> None:
    """The asker can catch it, and meets the same error when it asks again."""
    result = run(
        f"""
        import asyncio

        import pytest
        import pytest_asyncio
        from pytest_asyncio import getfixturevalue

        @pytest_asyncio.fixture
        async def broken():
            await asyncio.sleep(0)
            raise ValueError("no good")
            {end}

        async def test_uncaught(request):
            await getfixturevalue(request, "broken")

        async def test_caught(request):
            for _ in range(2):
                with pytest.raises(ValueError, match="no good"):
                    await getfixturevalue(request, "broken")
            await asyncio.sleep(0)
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            '*await getfixturevalue(request, "broken")',
            '*raise ValueError("no good")',
            "E*ValueError: no good",
        ]
    )
    assert_users_frames_only(result)


@pytest.mark.parametrize(
    "call, outcome",
    [
        ("pytest.skip('not here')", {"skipped": 1}),
        ("pytest.xfail('not yet')", {"xfailed": 1}),
        ("pytest.fail('no good')", {"failed": 1}),
    ],
)
def test_outcomes_reach_the_test(
    run: Example, call: str, outcome: dict[str, int]
) -> None:
    """A fixture that skips, skips the test that asks for it."""
    result = run(
        f"""
        import pytest
        import pytest_asyncio
        from pytest_asyncio import getfixturevalue

        @pytest_asyncio.fixture
        async def service():
            {call}

        async def test_asks(request):
            await getfixturevalue(request, "service")
        """,
        mode="auto",
    )
    result.assert_outcomes(**outcome)
    assert_users_frames_only(result)


def test_a_group_of_errors_shows_the_users_frames_alone(run: Example) -> None:
    """pytest before 9.2 shows every frame of a group: those between are not the user's."""
    result = run(
        """
        import pytest
        import pytest_asyncio
        from pytest_asyncio import getfixturevalue

        @pytest.fixture
        def service():
            raise ExceptionGroup("no service", [ValueError("no address")])

        @pytest_asyncio.fixture
        async def client(request):
            request.getfixturevalue("service")

        async def test_asks(request):
            await getfixturevalue(request, "service")

        async def test_asks_pytest(request):
            request.getfixturevalue("service")

        async def test_uses(client): ...
        """,
        mode="auto",
    )
    result.assert_outcomes(failed=2, errors=1)
    output = result.stdout.str()
    assert output.count('raise ExceptionGroup("no service"') >= 3
    assert "_pytest/" not in output
    assert_users_frames_only(result)


def test_a_missing_fixture(run: Example) -> None:
    """A name that does not exist is told as pytest tells it."""
    result = run(
        """
        import pytest
        from pytest_asyncio import getfixturevalue

        async def test_asks(request):
            await getfixturevalue(request, "no_such_fixture")

        async def test_caught(request):
            with pytest.raises(pytest.FixtureLookupError):
                await getfixturevalue(request, "no_such_fixture")
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E*fixture 'no_such_fixture' not found"])
    assert_users_frames_only(result)


def test_a_wider_fixture_asks_for_a_narrower_one(run: Example) -> None:
    """The scopes that do not go together are told in the user's terms."""
    result = run(
        FIXTURES.replace("SCOPE", "module")
        + """
@pytest_asyncio.fixture(scope="session")
async def wide(request):
    return await getfixturevalue(request, "generator")

async def test_asks(wide): ...
""",
        mode="auto",
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ScopeMismatch: *function scoped fixture generator with a session scoped*",
            "*test_example.py:*:  def wide(request)",
        ]
    )
    assert_users_frames_only(result)


def test_the_asker_is_cancelled_meanwhile(run: Example) -> None:
    """A timeout of the asker ends its wait, and the fixture is torn down in its turn."""
    result = run(
        FIXTURES.replace("SCOPE", "module")
        + """
@pytest_asyncio.fixture
async def slow():
    EVENTS.append("slow up")
    await asyncio.sleep(0.05)
    yield
    EVENTS.append("slow down")

async def test_asks(request):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await getfixturevalue(request, "slow")
    await getfixturevalue(request, "generator")

def test_torn_down():
    assert EVENTS == [
        "slow up", "generator up", "generator down", "slow down"
    ]
""",
        mode="auto",
    )
    result.assert_outcomes(passed=2)


def test_crash_of_a_fixture_that_was_asked_for(run: Example) -> None:
    """A fixture had by name that breaks cancels the test, like any other."""
    result = run(
        """
        import asyncio

        import pytest_asyncio
        from pytest_asyncio import getfixturevalue

        import pytest
        pytestmark = pytest.mark.asyncio(loop_scope="module")

        @pytest_asyncio.fixture(scope="module")
        async def service():
            async def child(crash):
                await crash.wait()
                raise RuntimeError("the service broke")

            async with asyncio.TaskGroup() as group:
                crash = asyncio.Event()
                task = group.create_task(child(crash))
                yield crash
                task.cancel()

        async def test_broken(request):
            (await getfixturevalue(request, "service")).set()
            await asyncio.Event().wait()

        async def test_next(request):
            assert not (await getfixturevalue(request, "service")).is_set()
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1, failed=1, errors=1)
    result.stdout.fnmatch_lines(["*RuntimeError: the service broke"])
    result.stdout.fnmatch_lines(["*'service' crashed while*test_broken was running*"])
    assert_users_frames_only(result)


def test_outside_a_test_of_ours(run: Example) -> None:
    """In a loop that is not the plugin's there is nobody to ask."""
    result = run(
        """
        import asyncio

        import pytest
        import pytest_asyncio

        def test_own_loop(request):
            with pytest.raises(RuntimeError, match="has to be awaited in an async test"):
                asyncio.run(pytest_asyncio.getfixturevalue(request, "tmp_path"))
        """,
    )
    result.assert_outcomes(passed=1)


def test_in_the_loop_but_not_in_a_test(run: Example) -> None:
    """Where a synchronous test runs the loop itself, nobody would answer: it is an error."""
    result = run(
        """
        import pytest
        import pytest_asyncio

        def test_own(request, event_loop):
            asked = pytest_asyncio.getfixturevalue(request, "tmp_path")
            with pytest.raises(RuntimeError, match="has to be awaited in an async test"):
                event_loop.run_until_complete(asked)
        """,
    )
    result.assert_outcomes(passed=1)


# -- the synchronous way -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["coroutine", "generator"])
def test_the_synchronous_way_in_a_thread(run: Example, name: str) -> None:
    """The loop is as busy for a thread as for the test: the message is the same."""
    result = run(
        FIXTURES.replace("SCOPE", "function")
        + f"""
async def test_asks(request):
    await asyncio.to_thread(request.getfixturevalue, "{name}")

async def test_next({name}):
    pass
""",
        mode="auto",
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            f"E*test_example.py::test_asks asked for the async fixture '{name}' with *",
            f"E*Write: await pytest_asyncio.getfixturevalue(request, '{name}')",
        ]
    )
    result.stdout.no_fnmatch_line("*deadlock*")


@pytest.mark.parametrize("name", ["coroutine", "generator", "cached"])
@pytest.mark.parametrize("scope", SCOPES)
def test_the_synchronous_way_names_the_other(
    run: Example, scope: str, name: str
) -> None:
    """``request.getfixturevalue()`` of an async fixture in the loop says what to write."""
    result = run(
        FIXTURES.replace("SCOPE", scope)
        + f"""
async def test_asks(request):
    request.getfixturevalue("{name}")
""",
        mode="auto",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            f'>*request.getfixturevalue("{name}")',
            (
                f"*test_example.py::test_asks asked for the async fixture '{name}' with "
                "request.getfixturevalue() while its event loop was running*"
            ),
            f"*Write: await pytest_asyncio.getfixturevalue(request, '{name}')",
        ]
    )
    assert_users_frames_only(result)


@pytest.mark.parametrize("name", ["coroutine", "generator", "cached"])
@pytest.mark.parametrize("scope", SCOPES)
def test_the_synchronous_way_leaves_nothing_broken(
    run: Example, scope: str, name: str
) -> None:
    """After the error, the same fixture is had in the ways that work, here and elsewhere."""
    result = run(
        FIXTURES.replace("SCOPE", scope)
        + f"""
class TestThem:
    async def test_asks(self, request):
        for _ in range(2):
            with pytest.raises(pytest.fail.Exception, match="Write: await"):
                request.getfixturevalue("{name}")
        assert EVENTS == []
        assert await getfixturevalue(request, "{name}")
        assert request.getfixturevalue("{name}")

    async def test_next(self, {name}):
        assert {name}

    def test_synchronous(self, request):
        assert request.getfixturevalue("{name}")
""",
        "-Werror",
        mode="auto",
    )
    result.assert_outcomes(passed=3)


def test_the_synchronous_way_is_fine_for_what_is_there(run: Example) -> None:
    """Synchronous fixtures, and async ones that are set up, are had without awaiting."""
    result = run(
        FIXTURES.replace("SCOPE", "module")
        + """
async def test_asks(request, generator):
    assert request.getfixturevalue("generator") == "generator"
    assert request.getfixturevalue("synchronous") == "synchronous"
""",
        mode="auto",
    )
    result.assert_outcomes(passed=1)


def test_the_synchronous_way_through_a_synchronous_fixture(run: Example) -> None:
    """A sync fixture that needs an async one is told just so, and works when awaited."""
    result = run(
        FIXTURES.replace("SCOPE", "module")
        + """
@pytest.fixture
def between(generator):
    return generator

async def test_asks(request):
    with pytest.raises(pytest.fail.Exception, match="Write: await"):
        request.getfixturevalue("between")
    assert await getfixturevalue(request, "between") == "generator"
""",
        mode="auto",
    )
    result.assert_outcomes(passed=1)


def test_the_synchronous_way_works_where_no_loop_runs(run: Example) -> None:
    """Synchronous tests and fixtures get async fixtures by ``request.getfixturevalue()``."""
    result = run(
        FIXTURES.replace("SCOPE", "module")
        + """
@pytest.fixture
def between(request):
    return request.getfixturevalue("generator")

def test_synchronous(request):
    assert request.getfixturevalue("cached") is request.getfixturevalue("cached")
    assert request.getfixturevalue("generator") == "generator"

async def test_async(between):
    assert between == "generator"
""",
        mode="auto",
    )
    result.assert_outcomes(passed=2)


def test_a_loop_that_is_wider_than_the_fixture(run: Example) -> None:
    """A fixture that no plan can foresee is set up in the loop of the test, if that outlives it."""
    result = run(
        """
        import asyncio

        import pytest
        import pytest_asyncio

        NAME = "".join(["wi", "de"])

        @pytest.fixture(scope="module")
        async def wide():
            loop = asyncio.get_running_loop()
            yield loop
            assert asyncio.get_running_loop() is loop

        @pytest.mark.asyncio(loop_scope="session")
        async def test_in_the_loop_of_the_session(request):
            loop = await pytest_asyncio.getfixturevalue(request, NAME)
            assert loop is asyncio.get_running_loop()

        async def test_in_its_own(request):
            loop = await pytest_asyncio.getfixturevalue(request, NAME)
            assert loop is not asyncio.get_running_loop()
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=2)
