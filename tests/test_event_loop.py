"""The fixture ``event_loop``: requested, overridden, and the current loop it goes with."""

from __future__ import annotations

import sys
import textwrap

import pytest

from conftest import Example

HEAD = """
import asyncio
import pytest
import pytest_asyncio
"""

OVERRIDE = """
class Loop(asyncio.SelectorEventLoop):
    pass

@pytest.fixture(scope="SCOPE")
def event_loop():
    loop = Loop()
    print("<MADE>")
    yield loop
    assert not loop.is_closed()
    loop.close()
    print("<CLOSED>")
"""
"""As written for releases up to 0.21, but for the loop's class and what is printed."""

TWO_TESTS_AND_A_FIXTURE = """
@pytest_asyncio.fixture
async def value():
    yield type(asyncio.get_running_loop()).__name__
    assert type(asyncio.get_running_loop()).__name__ == "Loop"

@pytest.mark.asyncio
async def test_async(value):
    assert value == type(asyncio.get_running_loop()).__name__ == "Loop"

def test_sync(value):
    assert value == type(asyncio.get_event_loop()).__name__ == "Loop"
"""


def project(source: str, **replaced: str) -> str:
    """A test module: the imports that all examples share, and the example."""
    text = textwrap.dedent(source)
    for name, value in replaced.items():
        text = text.replace(name, value)
    return HEAD + text


# -- requested -------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_it_is_the_loop_of_the_test(run: Example, mode: str) -> None:
    """Whoever requests it, sync or async, test or fixture, gets the loop of the test."""
    source = """
        @pytest.fixture
        def sync_fixture(event_loop):
            yield event_loop
            assert event_loop is asyncio.get_event_loop()

        @pytest_asyncio.fixture
        async def async_fixture(event_loop):
            assert event_loop is asyncio.get_running_loop()
            yield event_loop
            assert event_loop is asyncio.get_running_loop()

        @pytest.mark.asyncio
        async def test_async(event_loop, sync_fixture, async_fixture):
            loop = asyncio.get_running_loop()
            assert loop is event_loop is sync_fixture is async_fixture

        def test_sync(event_loop, sync_fixture, async_fixture):
            assert event_loop is sync_fixture is async_fixture
            assert event_loop is asyncio.get_event_loop()
            assert event_loop.run_until_complete(asyncio.sleep(0, 42)) == 42

        def test_sync_alone(event_loop):
            assert event_loop is asyncio.get_event_loop()
            assert event_loop.run_until_complete(asyncio.sleep(0, 42)) == 42

        @pytest.mark.usefixtures("event_loop")
        def test_sync_with_mark():
            loop = asyncio.get_event_loop()
            assert loop.run_until_complete(asyncio.sleep(0, 42)) == 42

        def test_sync_by_name(request):
            loop = request.getfixturevalue("event_loop")
            assert loop is asyncio.get_event_loop()
            assert loop.run_until_complete(asyncio.sleep(0, 42)) == 42

        @pytest.mark.asyncio
        async def test_async_by_name(request):
            loop = request.getfixturevalue("event_loop")
            assert loop is asyncio.get_running_loop()
    """
    run(project(source), mode=mode).assert_outcomes(passed=6)


def test_each_test_has_its_own(run: Example) -> None:
    """Tests that share no fixture have loops of their own, closed when they end."""
    source = """
        loops = []

        @pytest.mark.asyncio
        async def test_1(event_loop):
            loops.append(event_loop)

        def test_2(event_loop):
            loops.append(event_loop)

        @pytest.mark.asyncio
        async def test_3(event_loop):
            assert event_loop not in loops
            assert [loop.is_closed() for loop in loops] == [True, True]
    """
    run(project(source)).assert_outcomes(passed=3)


@pytest.mark.parametrize("scope", ["class", "module", "package", "session"])
def test_it_follows_the_scope_of_the_loop(run: Example, scope: str) -> None:
    """Where the test's loop is shared, so is the value of ``event_loop``."""
    source = """
        loops = set()

        @pytest_asyncio.fixture(scope="SCOPE")
        async def loop():
            return asyncio.get_running_loop()

        class TestClass:
            @pytest.mark.asyncio(loop_scope="SCOPE")
            async def test_1(self, event_loop):
                loops.add(event_loop)

            @pytest.mark.asyncio
            async def test_2(self, loop, event_loop):
                assert event_loop is loop
                loops.add(event_loop)

            def test_3(self, loop, event_loop):
                assert event_loop is loop
                loops.add(event_loop)
                assert len(loops) == 1
    """
    run(project(source, SCOPE=scope)).assert_outcomes(passed=3)


def test_coroutines_are_scheduled_from_sync_fixtures(run: Example) -> None:
    """A sync fixture may start tasks that run during the test, and end them afterwards."""
    source = """
        @pytest.fixture
        def ticks(event_loop):
            ticks = []

            async def tick():
                while True:
                    ticks.append(1)
                    await asyncio.sleep(0)

            task = event_loop.create_task(tick())
            yield ticks
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                event_loop.run_until_complete(task)

        @pytest.mark.asyncio
        async def test_ticks(ticks):
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert ticks

        def test_ticks_sync(ticks, event_loop):
            event_loop.run_until_complete(asyncio.sleep(0))
            assert ticks
    """
    run(project(source)).assert_outcomes(passed=2)


# -- overridden ------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["strict", "auto"])
@pytest.mark.parametrize("place", ["module", "class", "conftest", "plugin"])
def test_overridden_in_each_place(run: Example, mode: str, place: str) -> None:
    """An override in any of pytest's places is the loop of the tests that see it."""
    override = OVERRIDE.replace("SCOPE", "function")
    files: dict[str, str] = {}
    tests = TWO_TESTS_AND_A_FIXTURE
    arguments = ["-s"]
    if place == "module":
        tests = override + tests
    elif place == "class":
        tests = tests.replace("(value)", "(self, value)")
        tests = tests.replace("value():", "value(self):")
        body = (override + tests).replace("event_loop():", "event_loop(self):")
        body = body.replace("Loop()", "self.Loop()")
        tests = "class TestClass:\n" + textwrap.indent(body, "    ")
    elif place == "conftest":
        files["conftest.py"] = HEAD + override
    else:
        files["some_plugin.py"] = HEAD + override
        arguments.append("-psome_plugin")
        run.pytester.syspathinsert()
    result = run(HEAD + tests, *arguments, mode=mode, files=files)
    result.assert_outcomes(passed=2)
    assert result.stdout.str().count("<MADE>") == 2
    assert result.stdout.str().count("<CLOSED>") == 2


@pytest.mark.parametrize(
    "scope, made",
    [("function", 6), ("class", 4), ("module", 2), ("package", 1), ("session", 1)],
)
@pytest.mark.parametrize("fixture_scope", ["function", "as wide"])
def test_overridden_in_each_scope(
    run: Example, scope: str, fixture_scope: str, made: int
) -> None:
    """An override is made and closed in the scope that it declares."""
    tests = """
        import asyncio
        import pytest

        @pytest.mark.asyncio
        class TestA:
            async def test_1(self, loop):
                assert loop is asyncio.get_running_loop()

            async def test_2(self):
                assert type(asyncio.get_running_loop()).__name__ == "Loop"

        @pytest.mark.asyncio
        async def test_3(loop):
            assert loop is asyncio.get_running_loop()
    """
    fixture = """
@pytest_asyncio.fixture(scope="SCOPE")
async def loop():
    loop = asyncio.get_running_loop()
    assert type(loop) is Loop
    yield loop
    assert asyncio.get_running_loop() is loop
    print("<TORN DOWN>")
""".replace("SCOPE", scope if fixture_scope == "as wide" else "function")
    result = run(
        "",
        "-s",
        files={
            "package/__init__.py": "",
            "package/conftest.py": HEAD + OVERRIDE.replace("SCOPE", scope) + fixture,
            "package/test_1.py": tests,
            "package/test_2.py": tests,
        },
    )
    result.assert_outcomes(passed=6)
    printed = result.stdout.str()
    assert printed.count("<MADE>") == printed.count("<CLOSED>") == made
    assert "<TORN DOWN>" in printed


def test_override_that_some_tests_see(run: Example) -> None:
    """Tests that do not see an override have loops of ours."""
    source = """
        class Loop(asyncio.SelectorEventLoop):
            pass

        def is_overridden():
            return type(asyncio.get_running_loop()) is Loop

        @pytest_asyncio.fixture
        async def value():
            yield is_overridden()

        @pytest.mark.asyncio
        async def test_before(value):
            assert not is_overridden() and not value

        class TestOverridden:
            @pytest.fixture
            def event_loop(self):
                loop = Loop()
                yield loop
                loop.close()

            @pytest.mark.asyncio
            async def test_inside(self, value):
                assert is_overridden() and value

        @pytest.mark.asyncio
        async def test_after(value):
            assert not is_overridden() and not value
    """
    run(project(source)).assert_outcomes(passed=3)


def test_override_of_an_override(run: Example) -> None:
    """The closest override counts, and may use the one it overrides, or ours in the end."""
    source = """
        @pytest.fixture
        def event_loop(event_loop):
            event_loop.seen = ["module"]
            yield event_loop
            assert not event_loop.is_closed()

        @pytest_asyncio.fixture
        async def loop():
            return asyncio.get_running_loop()

        @pytest.mark.asyncio
        async def test_module(event_loop, loop):
            assert event_loop is loop is asyncio.get_running_loop()
            assert loop.seen == ["module"]

        class TestClass:
            @pytest.fixture
            def event_loop(self, event_loop):
                event_loop.seen.append("class")
                return event_loop

            @pytest.mark.asyncio
            async def test_class(self, event_loop, loop):
                assert event_loop is loop is asyncio.get_running_loop()
                assert loop.seen == ["module", "class"]

            def test_sync(self, event_loop, loop):
                assert event_loop is loop is asyncio.get_event_loop()
                assert loop.seen == ["module", "class"]
    """
    run(project(source)).assert_outcomes(passed=3)


def test_override_with_parameters(run: Example) -> None:
    """Each parameter of an override makes a test, also of those that do not name it."""
    source = """
        class Other(asyncio.SelectorEventLoop):
            pass

        @pytest.fixture(params=[asyncio.SelectorEventLoop, Other], ids=["plain", "other"])
        def event_loop(request):
            loop = request.param()
            loop.made_by = request.param
            yield loop
            loop.close()

        @pytest_asyncio.fixture
        async def value():
            yield type(asyncio.get_running_loop())

        @pytest.mark.asyncio
        async def test_async(value):
            loop = asyncio.get_running_loop()
            assert type(loop) is loop.made_by is value

        @pytest.mark.asyncio
        async def test_without():
            loop = asyncio.get_running_loop()
            assert type(loop) is loop.made_by

        def test_sync(value):
            loop = asyncio.get_event_loop()
            assert type(loop) is loop.made_by is value

        def test_of_neither(): ...
    """
    result = run(project(source), "-v")
    result.assert_outcomes(passed=7)
    for name in ("test_async", "test_without", "test_sync"):
        result.stdout.fnmatch_lines(f"test_example.py::{name}[[]plain] *")
        result.stdout.fnmatch_lines(f"test_example.py::{name}[[]other] *")
    result.stdout.fnmatch_lines("test_example.py::test_of_neither PASSED*")


@pytest.mark.parametrize("scope", ["module", "session"])
def test_override_with_parameters_and_wider_fixtures(run: Example, scope: str) -> None:
    """A fixture is set up again for each of the loops that a wide override gives."""
    source = """
        @pytest.fixture(scope="SCOPE", params=[1, 2])
        def event_loop(request):
            loop = asyncio.new_event_loop()
            loop.number = request.param
            yield loop
            assert not asyncio.all_tasks(loop)
            loop.close()

        @pytest_asyncio.fixture(scope="SCOPE")
        async def number():
            number = asyncio.get_running_loop().number
            yield number
            assert asyncio.get_running_loop().number == number

        @pytest.mark.asyncio
        async def test_1(number):
            assert asyncio.get_running_loop().number == number

        @pytest.mark.asyncio
        async def test_2(number):
            assert asyncio.get_running_loop().number == number
    """
    run(project(source, SCOPE=scope)).assert_outcomes(passed=4)


def test_override_gives_way_to_loop_scope(run: Example) -> None:
    """A loop scope that is written down wins over an override."""
    source = """
        class Loop(asyncio.SelectorEventLoop):
            pass

        @pytest.fixture
        def event_loop():
            loop = Loop()
            yield loop
            loop.close()

        @pytest_asyncio.fixture(loop_scope="module")
        async def of_module():
            return asyncio.get_running_loop()

        @pytest.mark.asyncio(loop_scope="module")
        async def test_explicit(of_module):
            assert asyncio.get_running_loop() is of_module
            assert type(of_module) is not Loop

        @pytest.mark.asyncio
        async def test_override(of_module):
            assert type(asyncio.get_running_loop()) is Loop
            assert type(of_module) is not Loop
    """
    run(project(source)).assert_outcomes(passed=2)


def test_override_wins_over_the_options(run: Example) -> None:
    """A suite that overrides ``event_loop`` is not torn apart by the default scopes."""
    result = run(
        HEAD + OVERRIDE.replace("SCOPE", "module") + TWO_TESTS_AND_A_FIXTURE,
        ini="""
            asyncio_default_fixture_loop_scope = session
            asyncio_default_test_loop_scope = session
        """,
    )
    result.assert_outcomes(passed=2)


# -- as suites do it that were written for 0.21 ----------------------------------------


@pytest.mark.parametrize("scope", ["function", "module", "session"])
@pytest.mark.parametrize(
    "body",
    [
        """
        loop = asyncio.get_event_loop_policy().new_event_loop()
        yield loop
        loop.close()
        """,
        """
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        yield loop
        loop.close()
        asyncio.set_event_loop(None)
        """,
        """
        loop = asyncio.new_event_loop()
        yield loop
        if loop.is_running():
            loop.stop()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        """,
        """
        loop = asyncio.new_event_loop()
        yield loop
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        loop.close()
        """,
        """
        loop = asyncio.new_event_loop()
        request.addfinalizer(loop.close)
        yield loop
        """,
        """
        loop = asyncio.new_event_loop()
        loop.set_debug(True)
        try:
            asyncio.set_event_loop(loop)
            yield loop
        finally:
            asyncio.set_event_loop(None)
            loop.close()
        """,
    ],
    ids=[
        "policy",
        "set_event_loop",
        "shutdown_asyncgens",
        "cancel",
        "finalizer",
        "debug",
    ],
)
def test_overrides_as_people_write_them(run: Example, scope: str, body: str) -> None:
    """The usual overrides work as they did, whatever they do about the current loop."""
    if "policy()" in body and sys.version_info >= (3, 14):
        pytest.skip("event loop policies are deprecated")
    source = """
        @pytest.fixture(scope="SCOPE")
        def event_loop(request):
            BODY

        @pytest_asyncio.fixture(scope="SCOPE")
        async def queue():
            queue = asyncio.Queue()
            yield queue
            await asyncio.sleep(0)
            assert queue.empty()

        @pytest.fixture
        def sync_fixture(event_loop, queue):
            event_loop.run_until_complete(queue.put(1))
            yield
            event_loop.run_until_complete(asyncio.sleep(0))

        @pytest.mark.asyncio
        async def test_1(queue, sync_fixture, event_loop):
            assert event_loop is asyncio.get_running_loop()
            assert await queue.get() == 1

        def test_2(queue, sync_fixture, event_loop):
            assert event_loop.run_until_complete(queue.get()) == 1

        @pytest.mark.asyncio
        async def test_3(sync_fixture, queue):
            assert await asyncio.create_task(queue.get()) == 1

        def test_4(): ...
    """
    body = textwrap.indent(textwrap.dedent(body), "    ").strip()
    result = run(project(source, SCOPE=scope, BODY=body))
    result.assert_outcomes(passed=4)
    assert not result.stderr.str()


@pytest.mark.parametrize("scope", ["function", "module", "session"])
def test_override_that_gives_the_current_loop(run: Example, scope: str) -> None:
    """An override may return the loop that is current, and leave it open."""
    source = """
        the_loop = asyncio.new_event_loop()

        @pytest.fixture(scope="module", autouse=True)
        def current():
            asyncio.set_event_loop(the_loop)
            yield
            asyncio.set_event_loop(None)
            the_loop.close()

        @pytest.fixture(scope="SCOPE")
        def event_loop():
            return the_loop

        @pytest.mark.asyncio
        async def test_1():
            assert asyncio.get_running_loop() is the_loop

        @pytest.mark.asyncio
        async def test_2():
            assert asyncio.get_running_loop() is the_loop

        def test_3():
            assert not the_loop.is_closed()
    """
    run(project(source, SCOPE=scope)).assert_outcomes(passed=3)


def test_fixtures_that_request_it_before_others(run: Example) -> None:
    """A session fixture that requests a session-wide override shares it with all tests."""
    source = """
        @pytest.fixture(scope="session")
        def event_loop():
            loop = asyncio.new_event_loop()
            yield loop
            loop.close()

        @pytest.fixture(scope="session", autouse=True)
        def server(event_loop):
            async def serve(reader, writer):
                writer.write(await reader.readline())
                await writer.drain()
                writer.close()

            server = event_loop.run_until_complete(
                asyncio.start_server(serve, "127.0.0.1", 0)
            )
            yield server.sockets[0].getsockname()[1]
            server.close()
            event_loop.run_until_complete(server.wait_closed())

        @pytest_asyncio.fixture(scope="session")
        async def port(server):
            yield server

        @pytest.mark.asyncio
        @pytest.mark.parametrize("text", [b"one", b"two"])
        async def test_echo(port, text):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(text + b"\\n")
            assert await reader.readline() == text + b"\\n"
            writer.close()
            await writer.wait_closed()
    """
    run(project(source)).assert_outcomes(passed=2)


def test_override_that_nobody_closes(run: Example) -> None:
    """A loop that the override leaves open is the user's: it is not closed by us."""
    source = """
        made = []

        @pytest.fixture
        def event_loop():
            made.append(asyncio.new_event_loop())
            return made[-1]

        @pytest.mark.asyncio
        async def test_1():
            assert asyncio.get_running_loop() is made[0]

        def test_2():
            assert not made[0].is_closed()
            made[0].close()
    """
    run(project(source)).assert_outcomes(passed=2)


# -- the current loop ------------------------------------------------------------------


@pytest.mark.parametrize("override", ["", OVERRIDE.replace("SCOPE", "function")])
def test_current_loop_during_a_test(run: Example, override: str) -> None:
    """The test's loop is current in set-up, call and tear-down, in sync fixtures as well."""
    source = """
        seen = []

        @pytest.fixture
        def early():
            seen.append(asyncio.get_event_loop())
            yield
            seen.append(asyncio.get_event_loop())

        @pytest_asyncio.fixture
        async def middle():
            seen.append(asyncio.get_event_loop())
            yield
            seen.append(asyncio.get_event_loop())

        @pytest.fixture
        def late(middle, request):
            seen.append(asyncio.get_event_loop())
            request.addfinalizer(lambda: seen.append(asyncio.get_event_loop()))

        class TestMethods:
            def setup_method(self):
                seen.append(asyncio.get_event_loop())

            def teardown_method(self):
                seen.append(asyncio.get_event_loop())

            @pytest.mark.asyncio
            async def test_async(self, early, middle, late):
                seen.append(asyncio.get_event_loop())

            def test_sync(self, early, middle, late):
                seen.append(asyncio.get_event_loop())

        def test_seen():
            assert len(seen) == 18
            assert len(set(seen[:9])) == len(set(seen[9:])) == 1
    """
    run(HEAD + override + project(source)).assert_outcomes(passed=3)


def test_override_that_makes_a_loop_of_somebody_elses_current(run: Example) -> None:
    """That loop stays open, whether or not it was current before."""
    source = """
        THEIRS = asyncio.new_event_loop()

        @pytest.fixture
        def event_loop():
            loop = asyncio.new_event_loop()
            yield loop
            loop.close()
            asyncio.set_event_loop(THEIRS)

        @pytest.mark.asyncio
        @pytest.mark.parametrize("number", range(3))
        async def test_async(number):
            assert asyncio.get_running_loop() is not THEIRS

        def test_sync():
            THEIRS.run_until_complete(asyncio.sleep(0))
            THEIRS.close()
            asyncio.set_event_loop(None)
    """
    run(project(source)).assert_outcomes(passed=4)


def test_override_that_is_cancelled(run: Example) -> None:
    """pytest keeps no such error: each test that asks for the fixture has it."""
    source = """
        @pytest.fixture(scope="module")
        def event_loop():
            raise asyncio.CancelledError("theirs")

        @pytest.mark.asyncio
        async def test_one(): ...

        @pytest.mark.asyncio
        async def test_two(): ...
    """
    result = run(project(source))
    result.assert_outcomes(errors=2)
    result.stdout.re_match_lines([r"E +asyncio.*CancelledError: theirs"] * 2)


@pytest.mark.parametrize(
    "spoil",
    [
        "asyncio.set_event_loop(None)",
        "asyncio.set_event_loop(asyncio.new_event_loop())",
        "asyncio.run(asyncio.sleep(0))",
    ],
)
def test_fixture_that_changes_the_current_loop(run: Example, spoil: str) -> None:
    """What sync code does to the current loop does not reach the test or the next one."""
    source = """
        made = []
        new_event_loop = asyncio.new_event_loop

        @pytest.fixture
        def spoiling(monkeypatch):
            def new():
                made.append(new_event_loop())
                return made[-1]

            monkeypatch.setattr(asyncio, "new_event_loop", new)
            SPOIL
            monkeypatch.undo()
            yield
            for loop in made:
                loop.close()
            made.clear()
            asyncio.set_event_loop(None)

        @pytest_asyncio.fixture
        async def value():
            loop = asyncio.get_event_loop()
            yield loop
            assert asyncio.get_event_loop() is loop

        @pytest.mark.asyncio
        async def test_1(spoiling, value):
            assert asyncio.get_event_loop() is value is asyncio.get_running_loop()

        def test_2(spoiling, value):
            assert asyncio.get_event_loop() is value
            SPOIL
            asyncio.set_event_loop(None)

        @pytest.mark.asyncio
        async def test_3(value):
            assert asyncio.get_event_loop() is value is asyncio.get_running_loop()
    """
    if "new_event_loop" in spoil:
        source = source.replace(
            "            SPOIL\n            asyncio.set_event_loop(None)\n", ""
        )
    run(project(source, SPOIL=spoil)).assert_outcomes(passed=3)


def test_current_loop_is_put_back(run: Example) -> None:
    """After a test the loop is current that was so before it."""
    source = """
        mine = asyncio.new_event_loop()

        @pytest.fixture(scope="module", autouse=True)
        def current():
            asyncio.set_event_loop(mine)
            yield
            assert asyncio.get_event_loop() is mine
            asyncio.set_event_loop(None)
            mine.close()

        def test_before():
            assert asyncio.get_event_loop() is mine

        @pytest.mark.asyncio
        async def test_async():
            assert asyncio.get_event_loop() is not mine

        def test_between():
            assert asyncio.get_event_loop() is mine

        def test_with_loop(event_loop):
            assert asyncio.get_event_loop() is event_loop is not mine

        def test_after():
            assert asyncio.get_event_loop() is mine
    """
    result = run(project(source), subprocess=True)
    result.assert_outcomes(passed=5)


WIDE_LOOPS = {
    "marker": """
        pytestmark = pytest.mark.asyncio(loop_scope="module")
        """,
    "plan": """
        @pytest_asyncio.fixture(scope="module", autouse=True)
        async def wide():
            yield

        pytestmark = pytest.mark.asyncio
        """,
    "override": """
        @pytest.fixture(scope="module")
        def event_loop():
            loop = asyncio.new_event_loop()
            yield loop
            loop.close()

        pytestmark = pytest.mark.asyncio
        """,
    "uvloop": """
        uvloop = pytest.importorskip("uvloop")

        @pytest.fixture(scope="module")
        def event_loop_policy():
            return uvloop.EventLoopPolicy()

        pytestmark = pytest.mark.asyncio(loop_scope="module")
        """,
}


@pytest.mark.parametrize(
    "wide",
    [
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                name == "uvloop" and sys.version_info >= (3, 14),
                reason="policies are deprecated",
            ),
        )
        for name in WIDE_LOOPS
    ],
)
@pytest.mark.parametrize(
    "before", ["", "asyncio.set_event_loop(asyncio.new_event_loop())"]
)
def test_wide_loop_is_current_between_its_tests(
    run: Example, wide: str, before: str
) -> None:
    """A synchronous test that uses nothing of ours finds the loop that its module asks for.

    What was current before is so again when the loop is closed.
    """
    if wide == "uvloop":
        pytest.importorskip("uvloop")  # There is none for Windows.
    source = (
        WIDE_LOOPS[wide]
        + """
        USED = {}

        async def test_async():
            loop = USED["loop"] = asyncio.get_running_loop()
            USED["future"] = loop.create_future()
            loop.call_later(0.01, USED["future"].set_result, 42)

        def test_sync():
            loop = asyncio.get_event_loop()
            assert loop is USED["loop"]
            assert loop.run_until_complete(USED["future"]) == 42

        @pytest.mark.asyncio(loop_scope="function")
        async def test_narrower():
            assert asyncio.get_running_loop() is not USED["loop"]

        def test_sync_again():
            assert asyncio.get_event_loop() is USED["loop"]

        def test_run():
            asyncio.run(asyncio.sleep(0))

        async def test_async_again():
            assert asyncio.get_running_loop() is USED["loop"]

        def test_at_the_end():
            assert asyncio.get_event_loop() is USED["loop"]
        """
    )
    result = run(
        project(source),
        conftest=f"""
        import asyncio

        {before or "asyncio.set_event_loop(None)"}
        """,
        files={
            "test_later.py": f"""
            import asyncio

            import pytest

            @pytest.mark.skipif({not before}, reason="none was current before")
            def test_later():
                assert not asyncio.get_event_loop().is_closed()
                asyncio.get_event_loop().close()
            """
        },
        subprocess=True,
    )
    result.assert_outcomes(passed=8 if before else 7, skipped=0 if before else 1)


def test_loop_of_the_user_is_put_back_after_each_test_of_a_wide_loop(
    run: Example,
) -> None:
    """Whoever makes another loop current, while that of the module is there, keeps it."""
    source = """
        pytestmark = pytest.mark.asyncio(loop_scope="module")
        mine = asyncio.new_event_loop()

        async def test_1():
            assert asyncio.get_event_loop() is not mine

        def test_2():
            assert asyncio.get_event_loop() is not mine
            asyncio.set_event_loop(mine)

        async def test_3():
            assert asyncio.get_event_loop() is not mine

        def test_4():
            assert asyncio.get_event_loop() is mine
            mine.close()

        async def test_5():
            pass

        def test_6():
            assert not asyncio.get_event_loop().is_closed()
    """
    run(project(source), subprocess=True).assert_outcomes(passed=6)


def test_loop_that_the_plan_has_widened_is_current_for_its_tests_only(
    run: Example,
) -> None:
    """Who asks for nothing may well close what is current, as it may in all releases."""
    source = """
        LOG = []

        @pytest_asyncio.fixture(scope="session")
        async def client():
            LOG.append("up")
            yield
            LOG.append("down")

        @pytest.mark.asyncio
        async def test_1(client): ...

        def test_2():
            try:
                loop = asyncio.get_event_loop()
            except RuntimeError:
                loop = asyncio.new_event_loop()
                asyncio.set_event_loop(loop)
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()

        @pytest.mark.asyncio
        async def test_3(client):
            assert LOG == ["up"]
    """
    result = run(
        project(source),
        ini="filterwarnings = ignore:There is no current event loop",
        subprocess=True,
    )
    result.assert_outcomes(passed=3)


@pytest.mark.parametrize("scope", ["function", "session"])
@pytest.mark.parametrize("end", ["return loop", "yield loop\n    loop.close()"])
@pytest.mark.parametrize("ini", ["", "filterwarnings = error"])
def test_a_leftover_that_asks_for_the_current_loop(
    run: Example, scope: str, end: str, ini: str
) -> None:
    """There is one, on every Python and after asyncio.run(), and it is closed in the end."""
    result = run(
        """
        import asyncio
        import pytest

        LOOPS = []

        def test_run():
            asyncio.run(asyncio.sleep(0))

        async def test_1():
            LOOPS.append(asyncio.get_running_loop())

        def test_run_again():
            asyncio.run(asyncio.sleep(0))

        @pytest.mark.parametrize("_", [2, 3])
        async def test_more(_):
            LOOPS.append(asyncio.get_running_loop())

        @pytest.fixture(scope="session", autouse=True)
        def last():
            yield
            assert [loop.is_closed() for loop in LOOPS] == [True] * 3
        """,
        mode="auto",
        conftest=f"""
import asyncio
import pytest

@pytest.fixture(scope="{scope}")
def event_loop(request):
    loop = asyncio.get_event_loop()
    {end}
""",
        ini=ini,
        subprocess=True,
    )
    result.assert_outcomes(passed=5)
    assert result.ret == 0


def test_a_leftover_that_asks_and_makes_another_loop(run: Example) -> None:
    """The one that it finds stays open as long as it does, and is closed then."""
    result = run(
        """
        import asyncio
        import pytest

        found = []

        @pytest.fixture
        def event_loop():
            found.append(asyncio.get_event_loop())
            loop = asyncio.new_event_loop()
            yield loop
            assert not found[-1].is_closed()
            loop.close()

        async def test_it(event_loop):
            assert asyncio.get_running_loop() is event_loop
            assert not found[-1].is_closed()

        def test_closed():
            assert found[-1].is_closed()
        """,
        mode="auto",
        ini="filterwarnings = error",
        subprocess=True,
    )
    result.assert_outcomes(passed=2)
    assert result.ret == 0


LEFTOVER = """
    import asyncio
    import pytest

    asyncio.run(asyncio.sleep(0))

    @pytest.fixture
    def event_loop():
        return asyncio.get_event_loop()
"""


def test_a_leftover_that_another_override_extends(run: Example) -> None:
    """It finds a loop as well, in asyncio's debug mode where that is asked for."""
    result = run(
        """
        import asyncio
        import pytest

        class TestInside:
            @pytest.fixture
            def event_loop(self, event_loop):
                event_loop.mark = "inside"
                return event_loop

            async def test_it(self):
                assert asyncio.get_running_loop().mark == "inside"
                assert asyncio.get_running_loop().get_debug()

        async def test_outside():
            assert not hasattr(asyncio.get_running_loop(), "mark")
        """,
        mode="auto",
        conftest=LEFTOVER,
        ini="asyncio_debug = true\nfilterwarnings = error",
        subprocess=True,
    )
    result.assert_outcomes(passed=2)
    assert result.ret == 0


def test_what_does_not_end_in_a_leftover_is_told(run: Example) -> None:
    """A loop that the plugin has made for it ends as any other."""
    result = run(
        """
        import asyncio

        async def test_it():
            async def stubborn():
                while True:
                    try:
                        await asyncio.sleep(100)
                    except asyncio.CancelledError:
                        pass

            asyncio.create_task(stubborn())
            await asyncio.sleep(0)
        """,
        mode="auto",
        conftest=LEFTOVER,
        subprocess=True,
    )
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(
        "*PytestAsyncioLoopWarning: the event loop of *test_it *"
    )


def test_override_that_gives_a_mock(run: Example) -> None:
    """It is for synchronous tests, and may be a mock of a loop."""
    result = run(
        """
        import asyncio
        from unittest import mock
        import pytest

        @pytest.fixture
        def event_loop():
            return mock.MagicMock(spec=asyncio.AbstractEventLoop)

        def test_it(event_loop):
            event_loop.call_soon(print)
            event_loop.call_soon.assert_called_once()
        """
    )
    result.assert_outcomes(passed=1)


@pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="there is no current loop unless one is set"
)
@pytest.mark.parametrize(
    ("args", "ini", "marker"),
    [
        (["-W", "error"], "", ""),
        ([], "addopts = -W error", ""),
        ([], "filterwarnings = error", ""),
        ([], "", "@pytest.mark.filterwarnings('error')"),
    ],
)
def test_a_loop_on_demand_after_an_async_test_where_warnings_are_errors(
    run: Example, args: list[str], ini: str, marker: str
) -> None:
    """asyncio's warning of it, on Python 3.12 and 3.13, comes only because of the loop before."""
    result = run(
        f"""
        import asyncio
        import pytest

        async def test_async():
            pass

        {marker}
        def test_synchronous():
            loop = asyncio.get_event_loop()
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()
        """,
        *args,
        mode="auto",
        ini=ini,
        subprocess=True,
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    "fixture",
    [
        """
        yield
        loop = request.getfixturevalue("event_loop")
        """,
        """
        request.addfinalizer(lambda: use(request.getfixturevalue("event_loop")))
        yield
        """,
    ],
    ids=["after-the-yield", "finalizer"],
)
@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("by_name", [False, True])
def test_it_is_asked_for_at_the_tear_down(
    run: Example, fixture: str, kind: str, by_name: bool
) -> None:
    """Fixtures dispose of what they have in it, who have not asked for it before."""
    result = run(
        f"""
        import asyncio
        import pytest

        def use(loop):
            assert not loop.is_closed()
            assert not asyncio.all_tasks(loop)

        @pytest.fixture
        {kind} resource(request):
            {textwrap.indent(textwrap.dedent(fixture), " " * 12).strip()}

        @pytest.fixture
        def asking(request):
            request.getfixturevalue("resource")

        async def test_it({"asking" if by_name else "resource"}): ...
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1)


@pytest.mark.skipif(
    not (3, 12) <= sys.version_info < (3, 14), reason="there is no such warning"
)
def test_a_loop_on_demand_and_a_filter_that_means_its_warning(run: Example) -> None:
    """Who asks for the warning, gets it."""
    result = run(
        """
        import asyncio
        import pytest

        async def test_async(): ...

        @pytest.mark.filterwarnings("error:There is no current event loop")
        def test_synchronous():
            with pytest.raises(DeprecationWarning, match="no current event loop"):
                asyncio.get_event_loop()
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=2)


@pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="there is no current loop unless one is set"
)
@pytest.mark.parametrize("where", ["fixture", "hook"])
def test_a_loop_on_demand_after_the_last_test(run: Example, where: str) -> None:
    """A wide fixture, or a hook, that cleans up finds one where warnings are errors."""
    clean_up = "asyncio.get_event_loop().run_until_complete(asyncio.sleep(0))"
    conftest = """
        import asyncio
        import pytest

        @pytest.fixture(scope="session", autouse=True)
        def resource():
            yield
            {fixture}
            asyncio.get_event_loop().close()
            asyncio.set_event_loop(None)

        def pytest_sessionfinish(session):
            {hook}
            asyncio.get_event_loop().close()
            asyncio.set_event_loop(None)
    """
    given = {"fixture": "...", "hook": "...", where: clean_up}
    result = run(
        """
        async def test_1(): ...

        async def test_2(): ...
        """,
        "-Werror",
        mode="auto",
        conftest=conftest.format(**given),
        subprocess=True,
    )
    result.assert_outcomes(passed=2)
    assert result.ret == pytest.ExitCode.OK


@pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="there is no current loop unless one is set"
)
def test_wider_synchronous_fixture_after_the_override_is_closed(run: Example) -> None:
    """Its tear-down finds a loop that is open, as it did in releases up to 0.21."""
    result = run(
        """
        import asyncio
        import pytest

        torn_down = []

        @pytest.fixture
        def event_loop():
            loop = asyncio.new_event_loop()
            yield loop
            loop.close()

        @pytest.fixture(scope="class")
        def server():
            yield
            loop = asyncio.get_event_loop()
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()
            torn_down.append(loop)

        class TestServer:
            async def test_it(self, server):
                pass

        def test_torn_down():
            assert torn_down
        """,
        "-Wignore::DeprecationWarning",
        mode="auto",
    )
    result.assert_outcomes(passed=2)


@pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="there is no current loop unless one is set"
)
def test_marked_synchronous_test_after_asyncio_run(run: Example) -> None:
    """It gets a current loop on demand, whatever an earlier test has called: as up to 0.21."""
    result = run(
        """
        import asyncio
        import pytest

        pytestmark = pytest.mark.asyncio

        async def test_async():
            pass

        def test_run():
            asyncio.run(asyncio.sleep(0))

        def test_on_demand():
            loop = asyncio.get_event_loop()
            assert loop.run_until_complete(asyncio.sleep(0, 1)) == 1
            loop.close()
        """,
        "-Wignore::DeprecationWarning",
    )
    result.assert_outcomes(passed=3)


@pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="there is no current loop unless one is set"
)
def test_marked_synchronous_tests_that_return_a_future(run: Example) -> None:
    """It belongs to the loop that asyncio has made for the test, and is awaited in that."""
    result = run(
        """
        import asyncio
        import pytest

        pytestmark = pytest.mark.asyncio
        done = []

        async def work():
            await asyncio.sleep(0)
            done.append(asyncio.current_task())

        def as_task(function):
            return lambda: asyncio.ensure_future(function())

        def test_leaves_a_closed_loop():
            loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
            loop.close()

        def test_gather():
            return asyncio.gather(work(), work())

        @as_task
        async def test_wrapped():
            assert len(done) == 2
            await work()

        @as_task
        async def test_fails():
            assert len(done) == 4

        def test_skips():
            async def skips():
                pytest.skip("not here")

            return asyncio.ensure_future(skips())

        def test_end():
            asyncio.get_event_loop().close()
            asyncio.set_event_loop(None)
        """,
        "-Wignore::DeprecationWarning",
    )
    result.assert_outcomes(passed=4, failed=1, skipped=1)
    result.stdout.fnmatch_lines(["*test_example.py:*: AssertionError"])
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")
    result.stdout.no_fnmatch_line("*base_events.py*")


@pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="event loop policies are deprecated"
)
def test_marked_synchronous_tests_and_a_policy_of_the_users(run: Example) -> None:
    """What such a policy has for its current loop is left alone."""
    result = run(
        """
        import asyncio
        import pytest

        pytestmark = pytest.mark.asyncio

        class Policy(asyncio.AbstractEventLoopPolicy):
            loop = None

            def get_event_loop(self):
                assert self.loop is not None
                return self.loop

            def set_event_loop(self, loop):
                self.loop = loop

            def new_event_loop(self):
                return asyncio.SelectorEventLoop()

        @pytest.fixture(scope="module", autouse=True)
        def policy():
            policy = Policy()
            asyncio.set_event_loop_policy(policy)
            loop = policy.new_event_loop()
            asyncio.set_event_loop(loop)
            yield
            loop.close()
            asyncio.set_event_loop_policy(None)

        def test_1():
            asyncio.get_event_loop().run_until_complete(asyncio.sleep(0))

        def test_2():
            asyncio.get_event_loop().run_until_complete(asyncio.sleep(0))
        """
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("said", "errors", "skipped"),
    [("raise ValueError('no luck')", 3, 0), ("pytest.skip('no luck')", 0, 3)],
)
def test_wide_override_that_cannot_be_set_up(
    run: Example, said: str, errors: int, skipped: int
) -> None:
    """pytest gives its error to each test that sees it, and so does the plugin."""
    result = run(
        f"""
        import pytest

        @pytest.fixture(scope="session")
        def event_loop():
            {said}

        async def test_1():
            pass

        async def test_2(event_loop):
            pass

        def test_3(event_loop):
            pass
        """,
        "-rEs",
        mode="auto",
    )
    result.assert_outcomes(errors=errors, skipped=skipped)
    result.stdout.no_fnmatch_line("*not an event loop*")
    result.stdout.fnmatch_lines(["*no luck"] * 3)


@pytest.mark.parametrize("scope", ["function", "module"])
def test_what_a_synchronous_fixture_puts_back(run: Example, scope: str) -> None:
    """What the fixtures of a synchronous test leave as the current loop stays so."""
    source = """
        from loops import LOOPS

        pytestmark = pytest.mark.asyncio(loop_scope="session")

        async def test_1():
            LOOPS.append(asyncio.get_running_loop())

        def test_2(mine):
            mine.run_until_complete(asyncio.sleep(0))
    """
    result = run(
        project(source),
        conftest=f"""
        import asyncio

        import pytest

        @pytest.fixture(scope="{scope}")
        def mine():
            old = asyncio.get_event_loop()
            loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
            yield loop
            asyncio.set_event_loop(old)
            loop.close()
        """,
        files={
            "loops.py": "LOOPS = []",
            "test_later.py": """
            import asyncio
            import pytest
            from loops import LOOPS

            def test_3():
                assert [asyncio.get_event_loop()] == LOOPS

            @pytest.mark.asyncio(loop_scope="session")
            async def test_4():
                assert [asyncio.get_running_loop()] == LOOPS
            """,
        },
        subprocess=True,
    )
    result.assert_outcomes(passed=4)


def test_closed_loop_that_a_synchronous_test_leaves(run: Example) -> None:
    """It is for the next one to see, as in all releases."""
    source = """
        @pytest.mark.asyncio(loop_scope="module")
        async def test_1(): ...

        def test_2():
            loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
            loop.close()

        def test_3():
            assert asyncio.get_event_loop().is_closed()

        @pytest.mark.asyncio(loop_scope="module")
        async def test_4(): ...

        def test_5():
            assert not asyncio.get_event_loop().is_closed()
    """
    run(project(source), subprocess=True).assert_outcomes(passed=5)


@pytest.mark.parametrize("tests", [1, 2])
def test_override_that_does_not_close_its_loop(run: Example, tests: int) -> None:
    """At the end of its scope it is not the current loop any more, all the same."""
    source = """
        LOOP = asyncio.new_event_loop()

        @pytest.fixture(scope="module")
        def event_loop():
            yield LOOP

        @pytest.mark.asyncio
        @pytest.mark.parametrize("number", range(TESTS))
        async def test_async(number):
            assert asyncio.get_running_loop() is LOOP
    """
    result = run(
        project(source, TESTS=str(tests)),
        conftest="""
        import asyncio

        before = asyncio.new_event_loop()
        asyncio.set_event_loop(before)
        """,
        files={
            "test_later.py": """
            import asyncio
            import conftest
            import test_example

            def test_later():
                assert asyncio.get_event_loop() is conftest.before
                conftest.before.close()
                test_example.LOOP.close()
            """
        },
        subprocess=True,
    )
    result.assert_outcomes(passed=tests + 1)


def test_current_loop_after_wide_loops_in_one_another(run: Example) -> None:
    """As each is closed, the one is current that was so before it."""
    source = """
        SEEN = {}

        @pytest.mark.asyncio(loop_scope="session")
        async def test_session():
            SEEN["session"] = asyncio.get_running_loop()

        class TestMethods:
            @pytest.mark.asyncio(loop_scope="class")
            async def test_class(self):
                SEEN["class"] = asyncio.get_running_loop()

            def test_in_class(self):
                assert asyncio.get_event_loop() is SEEN["class"]

        def test_after_class():
            assert asyncio.get_event_loop() is SEEN["session"]
    """
    result = run(
        project(source),
        conftest="""
        import asyncio

        before = asyncio.new_event_loop()
        asyncio.set_event_loop(before)

        def pytest_unconfigure():
            assert asyncio.get_event_loop() is before
            before.close()
        """,
        subprocess=True,
    )
    result.assert_outcomes(passed=4)
    assert result.ret == pytest.ExitCode.OK


@pytest.mark.parametrize("left", ["None", "asyncio.new_event_loop()"])
def test_override_is_current_in_its_own_tear_down(run: Example, left: str) -> None:
    """Whatever the test has made current: user code closes there what it finds."""
    source = """
        @pytest.fixture
        def event_loop():
            loop = asyncio.new_event_loop()
            yield loop
            assert asyncio.get_event_loop() is loop
            loop.close()

        @pytest.mark.asyncio
        async def test_it():
            global loop
            loop = LEFT
            asyncio.set_event_loop(loop)

        def test_end():
            if loop is not None:
                loop.close()
    """
    run(project(source, LEFT=left)).assert_outcomes(passed=2)


def test_override_beside_a_hook_that_returns_nothing(run: Example) -> None:
    """pytest keeps the value of a fixture itself, whatever a wrapper makes of it."""
    source = """
        @pytest.fixture
        def event_loop():
            loop = asyncio.new_event_loop()
            yield loop
            loop.close()

        @pytest.mark.asyncio
        async def test_it(event_loop):
            assert asyncio.get_running_loop() is event_loop
    """
    conftest = """
        import pytest

        @pytest.hookimpl(wrapper=True)
        def pytest_fixture_setup():
            yield
    """
    run(project(source), conftest=conftest).assert_outcomes(passed=1)


@pytest.mark.parametrize("end", ["pytest.exit('over')", "raise KeyboardInterrupt"])
def test_current_loop_after_an_interrupted_run(run: Example, end: str) -> None:
    """Nothing that we have closed is left as the current loop of the process."""
    source = """
        @pytest.mark.asyncio(loop_scope="session")
        async def test_session(): ...

        def test_end():
            END

        def test_never(): ...
    """
    result = run(
        project(source, END=end),
        conftest="""
        import asyncio

        before = asyncio.new_event_loop()
        asyncio.set_event_loop(before)

        def pytest_unconfigure():
            print("put back:", asyncio.get_event_loop() is before)
            before.close()
        """,
        subprocess=True,
    )
    result.stdout.fnmatch_lines(["put back: True"])


@pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="there is no current loop unless one is set"
)
@pytest.mark.parametrize(
    "spoil",
    [
        "asyncio.run(asyncio.sleep(0))",
        "asyncio.set_event_loop(None)",
        "asyncio.set_event_loop(asyncio.new_event_loop()); asyncio.get_event_loop().close()",
    ],
)
@pytest.mark.parametrize(
    "test", ["async def test_it(): ...", "def test_it(event_loop): ..."]
)
def test_loop_on_demand_is_there_again_afterwards(
    run: Example, spoil: str, test: str
) -> None:
    """A test of ours gives that service back that an earlier synchronous test has ended."""
    source = f"""
        def test_before():
            {spoil}

        @pytest.mark.asyncio
        {test}

        def test_after():
            loop = asyncio.get_event_loop()
            assert loop.run_until_complete(asyncio.sleep(0, 42)) == 42
            loop.close()
            asyncio.set_event_loop(None)
    """
    result = run(project(source), subprocess=True)
    result.assert_outcomes(passed=3)


def test_no_loop_on_demand_after_tests_without_one(run: Example) -> None:
    """Tests without a loop find what the one before has left, next to fixtures of others."""
    source = """
        @pytest_asyncio.fixture(scope="session")
        async def client():
            yield

        def test_with_loop(client): ...

        def test_before():
            asyncio.run(asyncio.sleep(0))

        def test_after():
            with pytest.raises(RuntimeError):
                asyncio.get_event_loop()

        @pytest.mark.asyncio
        async def test_last(client): ...
    """
    result = run(project(source), subprocess=True)
    result.assert_outcomes(passed=4)


@pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="there is no current loop unless one is set"
)
def test_loop_on_demand_is_still_there_afterwards(run: Example) -> None:
    """Before Python 3.14, ``get_event_loop()`` makes a loop in sync tests, without a warning."""
    source = """
        def get():
            loop = asyncio.get_event_loop()
            assert loop.run_until_complete(asyncio.sleep(0, 42)) == 42
            loop.close()

        @pytest.mark.asyncio
        async def test_async(): ...

        def test_sync():
            get()
    """
    run(project(source), subprocess=True).assert_outcomes(passed=2)


# -- user code that breaks a loop ------------------------------------------------------


@pytest.mark.parametrize(
    "test",
    [
        """
        def test_closes(event_loop, wide):
            event_loop.close()
        """,
        """
        def test_closes(wide):
            asyncio.get_event_loop().close()
        """,
        """
        @pytest.fixture
        def closing(event_loop):
            yield
            event_loop.close()

        @pytest.mark.asyncio
        async def test_closes(closing, wide): ...
        """,
    ],
    ids=["requested", "current", "fixture"],
)
def test_test_that_closes_its_loop(run: Example, test: str) -> None:
    """A test that closes its loop is told so; the next one gets another, and fresh fixtures."""
    fixture = """
        @pytest_asyncio.fixture(scope="module")
        async def wide():
            yield asyncio.get_running_loop()
    """
    next_test = """
        @pytest.mark.asyncio
        async def test_next(wide):
            assert wide is asyncio.get_running_loop()
            await asyncio.sleep(0)
    """
    result = run(project(fixture) + project(test) + project(next_test), "-Wdefault")
    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(
        "*test_example.py:*: PytestAsyncioLoopWarning: the event loop of "
        "test_example.py::test_closes was closed during the test, by the test itself or by "
        "a fixture or the code under test. pytest-asyncio closes the loops that it makes; "
        "leave out the call of close(). These async fixtures ran in it and could not be "
        "torn down in order: wide."
    )


def test_test_that_closes_the_loop_under_its_own_fixture(run: Example) -> None:
    """A fixture that cannot be torn down any more, since its loop is closed, is an error."""
    source = """
        @pytest_asyncio.fixture
        async def value():
            yield

        def test_closes(value, event_loop):
            event_loop.close()

        @pytest.mark.asyncio
        async def test_next(value): ...
    """
    result = run(project(source), "-Wdefault")
    result.assert_outcomes(passed=2, errors=1, warnings=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_closes*",
            (
                "the tear-down of the fixture 'value' after test_example.py::test_closes "
                "cannot run: its event loop is closed already."
            ),
            "Something other than pytest-asyncio closed it; leave that to whoever made it.",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")


def test_test_that_closes_the_running_loop(run: Example) -> None:
    """asyncio itself refuses to close a loop that is running; the test fails with that."""
    source = """
        @pytest.mark.asyncio
        async def test_closes():
            asyncio.get_running_loop().close()

        @pytest.mark.asyncio
        async def test_next(): ...
    """
    result = run(project(source))
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines("E*RuntimeError: Cannot close a running event loop")
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")


@pytest.mark.parametrize("kind", ["test", "fixture", "tear-down"])
def test_code_that_stops_the_loop(run: Example, kind: str) -> None:
    """Whatever was running when something stopped the loop is cancelled, and says so."""
    source = """
        async def stop():
            asyncio.get_running_loop().stop()
            await asyncio.sleep(3600)

        @pytest_asyncio.fixture
        async def value():
            if KIND == "fixture":
                await stop()
            yield
            if KIND == "tear-down":
                await stop()

        @pytest.mark.asyncio
        async def test_stops(value):
            if KIND == "test":
                await stop()

        @pytest.mark.asyncio
        async def test_next(): ...
    """
    result = run(project(source, KIND=repr(kind)))
    result.assert_outcomes(
        passed=2 if kind == "tear-down" else 1,
        failed=int(kind == "test"),
        errors=int(kind != "test"),
    )
    what = {
        "test": "test_example.py::test_stops",
        "fixture": "the fixture 'value' of test_example.py::test_stops",
        "tear-down": (
            "the tear-down of the fixture 'value' after test_example.py::test_stops"
        ),
    }[kind]
    result.stdout.fnmatch_lines(
        [
            f"the event loop was stopped while {what} was running, which was cancelled.",
            "Something called loop.stop(): await what it is waiting for instead.",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")


@pytest.mark.parametrize(
    "spoil",
    [
        "asyncio.set_event_loop(None)",
        "asyncio.get_running_loop().set_task_factory(None)",
        "asyncio.get_running_loop().slow_callback_duration = 0.0001",
    ],
)
def test_next_test_is_not_harmed(run: Example, spoil: str) -> None:
    """What a test does to asyncio's state ends with it."""
    source = """
        @pytest.mark.asyncio
        async def test_1():
            SPOIL

        @pytest.mark.asyncio
        async def test_2():
            assert asyncio.get_event_loop() is asyncio.get_running_loop()

        def test_3(event_loop):
            assert asyncio.get_event_loop() is event_loop
    """
    run(project(source, SPOIL=spoil)).assert_outcomes(passed=3)


def test_override_that_gives_a_closed_loop(run: Example) -> None:
    """A loop that is closed before the test runs fails the test, and says what is wrong."""
    source = """
        @pytest.fixture
        def event_loop():
            loop = asyncio.new_event_loop()
            loop.close()
            return loop

        @pytest_asyncio.fixture
        async def value(): ...

        @pytest.mark.asyncio
        async def test_closed(): ...

        @pytest.mark.asyncio
        async def test_closed_for_fixture(value): ...
    """
    result = run(project(source))
    result.assert_outcomes(failed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "the fixture 'value' of test_example.py::test_closed_for_fixture cannot run: *",
            "It comes from the fixture 'event_loop' (test_example.py:*), which is to *",
            "test_example.py::test_closed cannot run: its event loop is closed already.",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")


def test_other_loop_than_that_of_the_override_is_closed(run: Example) -> None:
    """The override has nothing to do with it."""
    source = """
        @pytest.fixture
        def event_loop():
            loop = asyncio.new_event_loop()
            yield loop
            loop.close()

        @pytest_asyncio.fixture(loop_scope="module")
        async def value():
            loop = asyncio.get_running_loop()
            yield loop

        def test_closes(value, event_loop):
            value.close()
    """
    result = run(project(source), "-Wdefault")
    result.assert_outcomes(passed=1, errors=1, warnings=1)
    result.stdout.fnmatch_lines(
        "Something other than pytest-asyncio closed it; leave that to whoever made it."
    )
    result.stdout.no_fnmatch_line("*It comes from the fixture*")


def test_override_that_gives_a_running_loop(run: Example) -> None:
    """A loop that a thread runs is no loop for tests to run in."""
    source = """
        import threading

        @pytest.fixture
        def event_loop():
            loop = asyncio.new_event_loop()
            thread = threading.Thread(target=loop.run_forever)
            is_running = threading.Event()
            loop.call_soon(is_running.set)
            thread.start()
            is_running.wait()
            yield loop
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

        @pytest.mark.asyncio
        async def test_it(): ...
    """
    result = run(project(source))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            (
                "test_example.py::test_it cannot run: another thread runs the event loop that "
                "the fixture 'event_loop' (test_example.py:*) gave."
            ),
            "Let the fixture give a loop that nothing else runs.",
        ]
    )


# -- what is wrong with an override ----------------------------------------------------


@pytest.mark.parametrize(
    "override_scope, fixture_scope",
    [
        ("function", "session"),
        ("function", "module"),
        ("function", "class"),
        ("class", "module"),
        ("module", "session"),
    ],
)
@pytest.mark.parametrize("kind", ["async", "sync"])
def test_async_fixture_wider_than_the_override(
    run: Example, override_scope: str, fixture_scope: str, kind: str
) -> None:
    """An async fixture that would outlive its loop is an error that names both."""
    source = """
        @pytest.fixture(scope="OVERRIDE")
        def event_loop():
            loop = asyncio.new_event_loop()
            yield loop
            loop.close()

        @pytest_asyncio.fixture(scope="FIXTURE")
        async def wide():
            yield

        @pytest.mark.asyncio
        async def test_wide(wide): ...

        @pytest.mark.asyncio
        async def test_next(): ...
    """
    if kind == "sync":
        source = source.replace(
            "@pytest.mark.asyncio\n        async def test_wide", "def test_wide"
        )
    result = run(project(source, OVERRIDE=override_scope, FIXTURE=fixture_scope))
    result.assert_outcomes(errors=1, passed=1)
    wider = "" if fixture_scope == "session" else " or a wider one"
    narrower = "" if override_scope == "function" else " or a narrower one"
    result.stdout.fnmatch_lines(
        [
            "*ERROR at setup of test_wide*",
            (
                f"ScopeMismatch: the async fixture 'wide' (test_example.py:12) has "
                f"{fixture_scope} scope, but the event loop it runs in comes from the fixture "
                f"'event_loop' (test_example.py:6), which has {override_scope} scope and ends "
                "earlier."
            ),
            (
                f"Give 'event_loop' the scope '{fixture_scope}'{wider}, or 'wide' the scope "
                f"'{override_scope}'{narrower}."
            ),
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")


def test_wider_fixture_of_ours_is_fine_without_an_override(run: Example) -> None:
    """Without an override a wide fixture may even request ``event_loop`` indirectly."""
    source = """
        @pytest_asyncio.fixture(scope="session")
        async def wide():
            return asyncio.get_running_loop()

        @pytest.mark.asyncio
        async def test_wide(wide, event_loop):
            assert wide is event_loop
    """
    run(project(source)).assert_outcomes(passed=1)


def test_wider_fixture_that_requests_event_loop(run: Example) -> None:
    """pytest refuses a wide fixture that names the function-scoped ``event_loop``."""
    source = """
        @pytest_asyncio.fixture(scope="session")
        async def wide(event_loop): ...

        @pytest.mark.asyncio
        async def test_wide(wide): ...
    """
    result = run(project(source))
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        "*ScopeMismatch: You tried to access the function scoped fixture event_loop with "
        "a session scoped request object*"
    )


@pytest.mark.parametrize("method", ["setup_module", "teardown_module"])
def test_xunit_method_wider_than_the_override(run: Example, method: str) -> None:
    """The message is about what the user has written, and not about what pytest makes of it."""
    result = run(
        project(
            """
            @pytest.fixture
            def event_loop():
                loop = asyncio.new_event_loop()
                yield loop
                loop.close()

            async def METHOD(): ...

            @pytest.mark.asyncio
            async def test_it(): ...
            """,
            METHOD=method,
        )
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            f"ScopeMismatch: the async fixture '{method}' (test_example.py:12) has module *",
            "Give 'event_loop' the scope 'module' or a wider one.",
        ]
    )
    result.stdout.no_fnmatch_line("*'_xunit*")


@pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="event loop policies are deprecated"
)
@pytest.mark.parametrize("scope", ["function", "module"])
def test_override_beside_a_policy_and_a_loop_scope(run: Example, scope: str) -> None:
    """The test that is not in the user's loop has one that the user's policy makes."""
    result = run(
        project(
            """
            class Policy(asyncio.DefaultEventLoopPolicy):
                def new_event_loop(self):
                    loop = super().new_event_loop()
                    loop.is_of_policy = True
                    return loop

            @pytest.fixture
            def event_loop():
                loop = asyncio.new_event_loop()
                loop.is_of_policy = False
                yield loop
                loop.close()

            @pytest.fixture(scope="SCOPE")
            def event_loop_policy():
                return Policy()

            @pytest.mark.asyncio
            async def test_override():
                assert not asyncio.get_running_loop().is_of_policy

            @pytest.mark.asyncio(loop_scope="module")
            async def test_policy():
                assert asyncio.get_running_loop().is_of_policy
            """,
            SCOPE=scope,
        ),
        "-Werror",
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    "value", ["None", "42", "asyncio.new_event_loop", "asyncio.SelectorEventLoop"]
)
def test_override_that_gives_no_loop(run: Example, value: str) -> None:
    """An override with some other value is an error that shows the value, and where."""
    source = """
        @pytest.fixture
        def event_loop():
            return VALUE

        @pytest_asyncio.fixture
        async def value(): ...

        @pytest.mark.asyncio
        async def test_async(): ...

        def test_sync(value): ...
    """
    result = run(project(source, VALUE=value))
    result.assert_outcomes(errors=2)
    printed = "None" if value == "None" else "42" if value == "42" else "<*"
    result.stdout.fnmatch_lines(
        [
            (
                f"*the fixture 'event_loop' (test_example.py:6) gave {printed}, which is not an "
                "event loop."
            ),
            "*It has to return or yield a loop, such as that of asyncio.new_event_loop().",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")


@pytest.mark.parametrize("scope", ["function", "class", "module", "session"])
def test_override_is_current_in_a_test_with_nothing_async(
    run: Example, scope: str
) -> None:
    """A synchronous test that requests an override finds it, and so do sync fixtures."""
    source = """
        @pytest.fixture
        def current(event_loop):
            return asyncio.get_event_loop()

        def test_itself(event_loop):
            assert asyncio.get_event_loop() is event_loop

        def test_fixture(current, event_loop):
            assert asyncio.get_event_loop() is current is event_loop

        @pytest.mark.asyncio
        async def test_async(current, event_loop):
            assert asyncio.get_running_loop() is current is event_loop

        def test_after(current, event_loop):
            assert asyncio.get_event_loop() is current is event_loop
    """
    result = run(HEAD + OVERRIDE.replace("SCOPE", scope) + textwrap.dedent(source))
    result.assert_outcomes(passed=4)


def test_autouse_fixture_in_each_variant_of_an_override(run: Example) -> None:
    """With each parameter of the override it is set up anew, for synchronous tests, too."""
    result = run(
        """
        import asyncio
        import pytest

        is_up = []

        @pytest.fixture(scope="module", params=[1, 2])
        def event_loop():
            loop = asyncio.new_event_loop()
            yield loop
            loop.close()

        @pytest.fixture(scope="module", autouse=True)
        async def database():
            is_up.append(True)
            yield
            is_up.clear()

        def test_one():
            assert is_up

        def test_two(database):
            assert is_up
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=4)


def test_loop_of_an_override_after_a_run_that_was_given_up(run: Example) -> None:
    """Ctrl-C in a tear-down, after which pytest finishes nothing: what runs is ended."""
    result = run(
        """
        import asyncio
        import pytest

        asyncio.run(asyncio.sleep(0))  # From then on, there is no current loop.

        @pytest.fixture(scope="session")
        def event_loop():
            return asyncio.get_event_loop_policy().get_event_loop()

        @pytest.fixture
        def interrupted(event_loop):
            yield
            raise KeyboardInterrupt

        @pytest.fixture(scope="module")
        def interrupted_again(event_loop):
            yield
            raise KeyboardInterrupt

        async def serve():
            try:
                await asyncio.sleep(60)
            finally:
                print("server ended")

        async def test_it(interrupted_again, interrupted):
            test_it.server = asyncio.create_task(serve())
            await asyncio.sleep(0)
        """,
        "-s",
        mode="auto",
        subprocess=True,
    )
    result.stdout.fnmatch_lines("*server ended*")


def test_what_is_current_before_an_override_is_put_back(run: Example) -> None:
    """The loop of a synchronous test is not found after it, nor is one that is closed."""
    source = """
        before = asyncio.new_event_loop()

        @pytest.fixture
        def event_loop():
            loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
            yield loop
            loop.close()

        def test_before():
            asyncio.set_event_loop(before)

        def test_sync(event_loop):
            assert asyncio.get_event_loop() is event_loop

        def test_after():
            assert asyncio.get_event_loop() is before
            asyncio.set_event_loop(None)
            before.close()
    """
    run(project(source), "-Werror").assert_outcomes(passed=3)


@pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="there is no current loop unless one is set"
)
@pytest.mark.parametrize("scope", ["function", "class", "module"])
def test_there_is_a_loop_on_demand_after_an_override_that_leaves_none(
    run: Example, scope: str
) -> None:
    """A tear-down that sets None takes nothing from the synchronous tests that come next."""
    override = """
        @pytest.fixture(scope="SCOPE")
        def event_loop():
            loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
            yield loop
            asyncio.set_event_loop(None)
            loop.close()

        class TestThem:
            @pytest.mark.asyncio
            async def test_async(self): ...

            def test_sync(self, event_loop): ...
    """
    after = """
        def test_after():
            asyncio.get_event_loop().close()
    """
    result = run(
        files={
            "test_it.py": project(override, SCOPE=scope),
            "test_then.py": project(after),
        },
    )
    result.assert_outcomes(passed=3)


def test_a_fixture_of_the_same_name_may_be_something_else(run: Example) -> None:
    """As long as nothing async sees it: the name is a common one."""
    source = """
        @pytest.fixture
        def event_loop():
            return ["click", "quit"]

        def test_sync(event_loop):
            assert event_loop == ["click", "quit"]
    """
    run(project(source), "-Werror", mode="auto").assert_outcomes(passed=1)


@pytest.mark.parametrize("scope", ["function", "module", "session"])
@pytest.mark.parametrize("observed", [(), ("--setup-show",)])
def test_event_loop_that_is_async(
    run: Example, scope: str, observed: tuple[str, ...]
) -> None:
    """An async fixture of that name cannot provide the loop it runs in: it is like any other."""
    source = """
        @pytest_asyncio.fixture(scope="SCOPE")
        async def event_loop():
            yield asyncio.get_running_loop()

        @pytest.mark.asyncio
        async def test_async(event_loop):
            assert event_loop is asyncio.get_running_loop()

        @pytest.mark.asyncio(loop_scope="function")
        async def test_without(): ...

        def test_sync(event_loop):
            assert event_loop.run_until_complete(asyncio.sleep(0, "ran")) == "ran"
    """
    result = run(project(source, SCOPE=scope), *observed)
    result.assert_outcomes(passed=3)


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_event_loop_that_is_async_and_made_by_pytest(run: Example, mode: str) -> None:
    """In strict mode such a fixture is nobody's, and does no harm where nobody requests it."""
    source = """
        @pytest.fixture
        async def event_loop():
            return asyncio.new_event_loop()

        @pytest.mark.asyncio
        async def test_async(): ...
    """
    run(project(source), mode=mode).assert_outcomes(passed=1)


def test_override_that_fails(run: Example) -> None:
    """An override that raises is an error at each test that needs it, with its traceback."""
    source = """
        @pytest.fixture
        def event_loop():
            raise ValueError("no loop today")

        @pytest_asyncio.fixture
        async def value(): ...

        @pytest.mark.asyncio
        async def test_async(): ...

        @pytest.mark.asyncio
        async def test_with_fixture(value): ...

        def test_sync(value): ...

        def test_of_neither(): ...
    """
    result = run(project(source))
    result.assert_outcomes(errors=3, passed=1)
    result.stdout.fnmatch_lines(
        ["E*ValueError: no loop today", "test_example.py:8: ValueError"]
    )
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")


def test_override_under_our_decorator(run: Example) -> None:
    """A synchronous override may carry our decorator as well."""
    source = """
        class Loop(asyncio.SelectorEventLoop):
            pass

        @pytest_asyncio.fixture(scope="module")
        def event_loop():
            loop = Loop()
            yield loop
            loop.close()

        @pytest.mark.asyncio
        async def test_async():
            assert type(asyncio.get_running_loop()) is Loop
    """
    run(project(source)).assert_outcomes(passed=1)


def test_a_synchronous_test_keeps_the_loop_that_its_fixture_made_current(
    run: Example,
) -> None:
    """A fixture that makes a loop of its own current after the async ones has the last word."""
    result = run(
        """
        import asyncio
        import pytest

        @pytest.fixture
        async def client():
            return asyncio.get_running_loop()

        @pytest.fixture
        def loop():
            loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
            yield loop
            loop.close()
            asyncio.set_event_loop(None)

        @pytest.fixture
        def no_loop():
            asyncio.set_event_loop(None)

        def test_its_own(client, loop):
            assert asyncio.get_event_loop() is loop is not client

        def test_ours(client):
            assert asyncio.get_event_loop() is client

        def test_none(client, no_loop):
            assert asyncio.get_event_loop() is client

        async def test_async(client, loop):
            assert asyncio.get_event_loop() is client is not loop
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=4)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="policies are deprecated")
def test_policy_that_closes_the_loop_that_was_current(run: Example) -> None:
    """A loop that is the current one is not set again: some policies close what was there."""
    result = run(
        """
        import asyncio
        import pytest

        class Policy(asyncio.DefaultEventLoopPolicy):
            def set_event_loop(self, loop):
                if self._local._loop:
                    self._local._loop.close()
                super().set_event_loop(loop)

        asyncio.set_event_loop_policy(Policy())

        @pytest.fixture
        async def client():
            yield

        async def test_it(client):
            await asyncio.sleep(0)

        def test_sync(client): ...

        async def test_alone():
            await asyncio.sleep(0)
        """,
        mode="auto",
        subprocess=True,
    )
    result.assert_outcomes(passed=3)


@pytest.mark.skipif(
    not (3, 14) <= sys.version_info < (3, 16),
    reason="before, asking a policy may make a loop; later there are none",
)
def test_policy_that_keeps_the_current_loop_itself(run: Example) -> None:
    """What was current before the test is so afterwards, wherever the policy has it."""
    result = run(
        """
        import asyncio
        import pytest

        class Policy(asyncio.DefaultEventLoopPolicy):
            current = None

            def get_event_loop(self):
                if self.current is None:
                    raise RuntimeError("none")
                return self.current

            def set_event_loop(self, loop):
                self.current = loop

        asyncio.set_event_loop_policy(Policy())
        mine = asyncio.new_event_loop()
        asyncio.set_event_loop(mine)

        async def test_it():
            assert asyncio.get_event_loop() is not mine

        def test_after():
            assert asyncio.get_event_loop() is mine
        """,
        "-W",
        "ignore::DeprecationWarning",
        mode="auto",
        subprocess=True,
    )
    result.assert_outcomes(passed=2)


def test_set_up_is_seen_by_plugins(run: Example) -> None:
    """A plugin that looks at every fixture, as looptime does, sees that of every async test."""
    result = run(
        """
        async def test_it(request):
            assert request.config.seen == ["event_loop"]
        """,
        conftest="""
            import pytest

            def pytest_configure(config):
                config.seen = []

            @pytest.hookimpl(wrapper=True)
            def pytest_fixture_setup(fixturedef, request):
                request.config.seen.append(fixturedef.argname)
                return (yield)
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1)


def test_override_beside_a_marker_that_comes_late(run: Example) -> None:
    """A test that ``pytest_collection_modifyitems`` marks runs in the user's loop as well."""
    result = run(
        HEAD
        + """
@pytest.fixture
def event_loop():
    loop = asyncio.new_event_loop()
    loop.mine = True
    yield loop
    loop.close()

async def test_it():
    assert asyncio.get_running_loop().mine
""",
        conftest="""
            import pytest

            def pytest_collection_modifyitems(items):
                for item in items:
                    item.add_marker(pytest.mark.asyncio)
        """,
    )
    result.assert_outcomes(passed=1)


def test_current_loop_beside_an_override_that_is_not_used(run: Example) -> None:
    """With a ``loop_scope``, the loop that the test runs in is current while it is set up."""
    result = run(
        HEAD
        + """
@pytest.fixture
def event_loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()

@pytest.fixture
def current():
    return asyncio.get_event_loop_policy().get_event_loop()

@pytest.mark.asyncio(loop_scope="module")
async def test_it(current):
    assert current is asyncio.get_running_loop()
""",
        "-W",
        "ignore::DeprecationWarning",
    )
    result.assert_outcomes(passed=1)


def test_override_by_way_of_a_synchronous_fixture(run: Example) -> None:
    """It finds the loop of the async fixture behind that one, in the first test and later."""
    result = run(
        """
        import asyncio
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="module", loop_scope="module")
        async def wide():
            yield asyncio.get_running_loop()

        @pytest.fixture
        def of_wide(wide):
            return wide

        @pytest.fixture
        def event_loop(of_wide):
            yield asyncio.get_event_loop()

        @pytest.mark.parametrize("number", [1, 2])
        async def test_it(wide, number):
            assert asyncio.get_running_loop() is wide

        def test_between():
            asyncio.run(asyncio.sleep(0))

        async def test_last(wide):
            assert asyncio.get_running_loop() is wide
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=4)
