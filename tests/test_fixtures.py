"""Async fixtures: the decorator in all its forms, and what fixtures and tests see of it."""

from __future__ import annotations

import textwrap

import pytest

from conftest import Example

BOTH_MODES = pytest.mark.parametrize(
    "mode, decorator",
    [("strict", "pytest_asyncio.fixture"), ("auto", "pytest.fixture")],
    ids=["strict", "auto"],
)
"""Our decorator, and pytest's own where auto mode makes it do the same."""

HEAD = """
import asyncio
import contextvars
import pytest
import pytest_asyncio

var = contextvars.ContextVar("var", default="unset")
events = []
"""


def project(source: str, **replaced: str) -> str:
    """A test module: the imports that all examples share, and the example."""
    text = textwrap.dedent(source)
    for name, value in replaced.items():
        text = text.replace(name, value)
    return HEAD + text


# -- the decorator -----------------------------------------------------------------------------


@BOTH_MODES
@pytest.mark.parametrize(
    "source",
    [
        """
        @FIXTURE
        async def value():
            await asyncio.sleep(0)
            return 42
        """,
        """
        @FIXTURE()
        async def value():
            await asyncio.sleep(0)
            return 42
        """,
        """
        @FIXTURE
        async def value():
            await asyncio.sleep(0)
            yield 42
            await asyncio.sleep(0)
        """,
        """
        @FIXTURE(scope="module")
        async def value():
            yield 42
        """,
        """
        @FIXTURE(scope=lambda fixture_name, config: "session")
        async def value():
            yield 42
        """,
        """
        @FIXTURE(params=[42])
        async def value(request):
            yield request.param
        """,
        """
        @FIXTURE(params=(number for number in [42]), ids=["answer"])
        async def value(request):
            return request.param
        """,
        """
        @FIXTURE(name="value")
        async def under_another_name():
            return 42
        """,
        """
        async def function():
            return 42

        value = FIXTURE(function)
        """,
        """
        async def function():
            yield 42

        value = FIXTURE(scope="session", autouse=True)(function)
        """,
        """
        @FIXTURE
        async def other():
            return 41

        @FIXTURE
        async def value(other):
            yield other + 1
        """,
        """
        @FIXTURE
        async def value(request, tmp_path, monkeypatch):
            assert request.scope == "function"
            assert tmp_path.is_dir()
            return 42
        """,
    ],
    ids=[
        "bare",
        "parentheses",
        "generator",
        "scope",
        "callable-scope",
        "params",
        "ids",
        "name",
        "called",
        "called-with-arguments",
        "dependency",
        "builtin-fixtures",
    ],
)
def test_forms_of_the_decorator(
    run: Example, mode: str, decorator: str, source: str
) -> None:
    """The decorator takes what pytest's takes, for async and for sync tests."""
    tests = """
        @pytest.mark.asyncio
        async def test_async(value):
            assert value == 42

        def test_sync(value):
            assert value == 42
    """
    result = run(project(source + tests, FIXTURE=decorator), mode=mode)
    result.assert_outcomes(passed=2)


@BOTH_MODES
@pytest.mark.parametrize(
    "source",
    [
        """
        @FIXTURE
        async def value(self):
            self.seen = 42
            return 42
        """,
        """
        @FIXTURE
        async def value(self):
            self.seen = 42
            yield 42
            assert self.seen == "test"
        """,
        """
        @FIXTURE
        @staticmethod
        async def value(request):
            request.instance.seen = 42
            yield 42
        """,
        """
        @FIXTURE
        @classmethod
        async def value(cls, request):
            assert cls is TestMethods
            request.instance.seen = 42
            yield 42
        """,
        """
        @FIXTURE(scope="class")
        @classmethod
        async def value(cls):
            cls.seen = 42
            yield 42
        """,
        """
        @FIXTURE(scope="class", autouse=True)
        async def value(self, request):
            request.cls.seen = 42
            yield 42
        """,
    ],
    ids=[
        "method",
        "method-generator",
        "static",
        "class",
        "class-scope",
        "class-scope-method",
    ],
)
def test_methods(run: Example, mode: str, decorator: str, source: str) -> None:
    """Methods, static and class methods are fixtures; a method gets the test's instance."""
    module = """
        class TestMethods:
            BODY
            @pytest.mark.asyncio
            async def test_async(self, value):
                assert self.seen == value == 42
                self.seen = "test"

            def test_sync(self, value):
                assert self.seen == value == 42
                self.seen = "test"
    """
    body = textwrap.indent(textwrap.dedent(source), "    ").lstrip()
    result = run(project(module, BODY=body, FIXTURE=decorator), mode=mode)
    result.assert_outcomes(passed=2)


@BOTH_MODES
def test_inherited_method(run: Example, mode: str, decorator: str) -> None:
    """A fixture method of a base class is bound to the instance of the test."""
    source = """
        class Base:
            number = 1

            @FIXTURE
            async def value(self):
                yield self.number

            @FIXTURE
            async def overridden(self):
                raise AssertionError

        class TestDerived(Base):
            number = 42

            @FIXTURE
            async def overridden(self):
                yield 42

            @pytest.mark.asyncio
            async def test_async(self, value, overridden):
                assert value == overridden == 42

            def test_sync(self, value, overridden):
                assert value == overridden == 42
    """
    result = run(project(source, FIXTURE=decorator), mode=mode)
    result.assert_outcomes(passed=2)


@BOTH_MODES
def test_params_and_ids(run: Example, mode: str, decorator: str) -> None:
    """Each parameter makes a test, with the id that is given for it."""
    source = """
        @FIXTURE(params=[1, 2], ids=["one", "two"])
        async def listed(request):
            yield request.param

        @FIXTURE(params=[3, 4], ids=lambda value: f"<{value}>", scope="module")
        async def computed(request):
            yield request.param

        @FIXTURE(params=[pytest.param(5, id="five", marks=pytest.mark.skip)])
        async def marked(request):
            return request.param

        @FIXTURE
        async def indirect(request):
            return request.param * 10

        @pytest.mark.asyncio
        async def test_listed(listed):
            assert listed in (1, 2)

        @pytest.mark.asyncio
        async def test_computed(computed, listed): ...

        @pytest.mark.asyncio
        async def test_marked(marked): ...

        @pytest.mark.parametrize("indirect", [6], indirect=True)
        @pytest.mark.asyncio
        async def test_indirect(indirect):
            assert indirect == 60

        def test_sync(computed): ...
    """
    result = run(project(source, FIXTURE=decorator), "-v", mode=mode)
    result.assert_outcomes(passed=9, skipped=1)
    for name in (
        "test_listed[one]",
        "test_listed[two]",
        "test_computed[<3>-one]",
        "test_computed[<4>-two]",
        "test_marked[five]",
        "test_indirect[6]",
        "test_sync[<3>]",
    ):
        escaped = name.replace("[", "[[]")
        result.stdout.fnmatch_lines(f"test_example.py::{escaped} *")


@BOTH_MODES
@pytest.mark.parametrize(
    "scope, set_ups",
    [("function", 6), ("class", 4), ("module", 2), ("package", 1), ("session", 1)],
)
def test_scopes(
    run: Example, mode: str, decorator: str, scope: str, set_ups: int
) -> None:
    """A fixture is set up, and torn down in its loop, once for each time of its scope."""
    tests = """
        import pytest

        @pytest.mark.asyncio
        class TestA:
            async def test_1(self, value):
                assert value["open"]

            async def test_2(self, value):
                assert value["open"]

        @pytest.mark.asyncio
        async def test_3(value):
            assert value["open"]
    """
    result = run(
        "",
        "-s",
        mode=mode,
        files={
            "package/__init__.py": "",
            "package/conftest.py": f"""
                import asyncio
                import pytest
                import pytest_asyncio

                @{decorator}(scope={scope!r})
                async def value():
                    print("<SET-UP>")
                    loop = asyncio.get_running_loop()
                    state = {{"open": True}}
                    yield state
                    state["open"] = False
                    assert asyncio.get_running_loop() is loop
                    print("<TEAR-DOWN>")
            """,
            "package/test_1.py": tests,
            "package/test_2.py": tests,
        },
    )
    result.assert_outcomes(passed=6)
    printed = result.stdout.str()
    assert printed.count("<SET-UP>") == printed.count("<TEAR-DOWN>") == set_ups


@BOTH_MODES
def test_autouse(run: Example, mode: str, decorator: str) -> None:
    """An autouse fixture is set up for sync and async tests, functions and methods."""
    source = """
        @FIXTURE(autouse=True)
        async def automatic():
            events.append("set-up")
            yield
            events.append("tear-down")

        @pytest.mark.asyncio
        async def test_async():
            assert events == ["set-up"]

        def test_sync():
            assert events == ["set-up", "tear-down", "set-up"]

        class TestMethods:
            def test_method(self):
                assert events[4:] == ["set-up"]

        class TestUnit(__import__("unittest").TestCase):
            def test_unit(self):
                assert events[6:] == ["set-up"]
    """
    result = run(project(source, FIXTURE=decorator), mode=mode)
    result.assert_outcomes(passed=4)


@BOTH_MODES
def test_used_by_other_means(run: Example, mode: str, decorator: str) -> None:
    """Fixtures are used by mark, by option, and by name from sync code."""
    source = """
        @FIXTURE
        async def noted():
            events.append("set-up")
            yield "noted"
            events.append("tear-down")

        @pytest.mark.usefixtures("noted")
        @pytest.mark.asyncio
        async def test_mark():
            assert events == ["set-up"]

        @pytest.fixture
        def through_sync(request):
            return request.getfixturevalue("noted")

        @pytest.mark.asyncio
        async def test_through_sync(through_sync):
            assert through_sync == "noted"
            assert events[2:] == ["set-up"]

        def test_by_name(request):
            assert request.getfixturevalue("noted") == "noted"
            assert events[4:] == ["set-up"]
    """
    result = run(project(source, FIXTURE=decorator), mode=mode)
    result.assert_outcomes(passed=3)


@BOTH_MODES
def test_overriding(run: Example, mode: str, decorator: str) -> None:
    """A fixture may override another one and use it, async or sync."""
    result = run(
        project(
            """
            @pytest.fixture
            def sync_over_async(sync_over_async):
                return sync_over_async + ["module"]

            @FIXTURE
            async def async_over_sync(async_over_sync):
                return async_over_sync + ["module"]

            class TestClass:
                @FIXTURE
                async def sync_over_async(self, sync_over_async):
                    yield sync_over_async + ["class"]

                @pytest.mark.asyncio
                async def test_async(self, sync_over_async, async_over_sync):
                    assert sync_over_async == ["conftest", "module", "class"]
                    assert async_over_sync == ["conftest", "module"]
            """,
            FIXTURE=decorator,
        ),
        mode=mode,
        conftest=HEAD
        + textwrap.dedent(
            f"""
            @{decorator}
            async def sync_over_async():
                yield ["conftest"]

            @pytest.fixture
            def async_over_sync():
                return ["conftest"]
            """
        ),
    )
    result.assert_outcomes(passed=1)


def test_overridden_by_a_parameter(run: Example) -> None:
    """A parameter of the test in place of an async fixture is not awaited."""
    source = """
        @pytest_asyncio.fixture
        async def value():
            raise AssertionError

        @pytest.mark.parametrize("value", [42])
        @pytest.mark.asyncio
        async def test_value(value):
            assert value == 42
    """
    run(project(source)).assert_outcomes(passed=1)


def test_a_failing_tear_down_shows_the_users_frames(run: Example) -> None:
    """Also where the fixture is in a conftest.py, and where there are several."""
    result = run(
        """
        async def test_one(first):
            pass

        async def test_two(first, second):
            pass
        """,
        mode="auto",
        conftest="""
        import pytest

        @pytest.fixture
        async def first():
            yield
            raise ValueError("the first")

        @pytest.fixture
        async def second():
            yield
            raise ValueError("the second")
        """,
    )
    result.assert_outcomes(passed=2, errors=2)
    result.stdout.fnmatch_lines(
        [
            '>       raise ValueError("the first")',
            "E       ValueError: the first",
            "conftest.py:7: ValueError",
            "*ExceptionGroup: errors while tearing down *",
            "*ValueError: the first",
            "*ValueError: the second",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_asyncio*.py*")
    result.stdout.no_fnmatch_line("*_pytest*.py*")
    result.stdout.no_fnmatch_line("*traceback entries are hidden*")


def test_several_tear_downs_fail_with_a_message(run: Example) -> None:
    """Where there is nothing to see but what they say, that is what is shown of each."""
    result = run(
        """
        import pytest

        @pytest.fixture
        async def first():
            yield
            pytest.fail("what the first one says", pytrace=False)

        @pytest.fixture
        async def second():
            yield
            pytest.fail("what the second one says", pytrace=False)

        async def test_it(first, second):
            pass
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_it*",
            "what the first one says",
            "",
            "what the second one says",
        ],
        consecutive=True,
    )
    result.stdout.no_fnmatch_line("*entries are hidden*")


@pytest.mark.parametrize("where", ["set-up", "tear-down"])
def test_a_fixture_is_cancelled_as_it_ends(run: Example, where: str) -> None:
    """There is no line to point at: a message says what has happened."""
    source = """
        import asyncio

        import pytest

        @pytest.fixture
        async def in_set_up():
            asyncio.current_task().cancel()

        @pytest.fixture
        async def in_tear_down():
            yield
            asyncio.current_task().cancel()

        async def test_it(FIXTURE):
            pass
        """
    fixture = where.replace("-", "_")
    result = run(source.replace("FIXTURE", f"in_{fixture}"), mode="auto")
    result.assert_outcomes(errors=1, passed=1 if where == "tear-down" else 0)
    result.stdout.fnmatch_lines(
        [
            f"*the fixture 'in_{fixture}' *test_it was cancelled while it awaited nothing*",
            "Something called cancel() on its task*",
        ]
    )
    result.stdout.no_fnmatch_line("*entries are hidden*")


def test_order_of_set_up_and_tear_down(run: Example) -> None:
    """Sync and async fixtures are set up in order, and torn down in the opposite one."""
    source = """
        @pytest_asyncio.fixture(scope="module")
        async def first():
            print("set-up first")
            yield
            print("tear-down first")

        @pytest.fixture
        def second(first):
            print("set-up second")
            yield
            print("tear-down second")

        @pytest_asyncio.fixture
        async def third(second):
            print("set-up third")
            yield
            print("tear-down third")

        @pytest_asyncio.fixture
        async def fourth(third, request):
            print("set-up fourth")
            request.addfinalizer(lambda: print("tear-down fourth"))

        @pytest.mark.asyncio
        async def test_order(fourth):
            print("test")
    """
    result = run(project(source), "-s", "-q")
    result.assert_outcomes(passed=1)
    lines = [line.lstrip(".") for line in result.outlines]
    start = lines.index("set-up first")
    assert [line for line in lines[start:] if line][:9] == [
        "set-up first",
        "set-up second",
        "set-up third",
        "set-up fourth",
        "test",
        "tear-down fourth",
        "tear-down third",
        "tear-down second",
        "tear-down first",
    ]


def test_fixture_is_not_to_be_called(run: Example) -> None:
    """Calling a fixture gives pytest's own explanation."""
    source = """
        @pytest_asyncio.fixture
        async def value(): ...

        @pytest.mark.asyncio
        async def test_call():
            await value()
    """
    result = run(project(source))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines('*Fixture "value" called directly.*')
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")


# -- one loop, one task --------------------------------------------------------------------------


@BOTH_MODES
@pytest.mark.parametrize("scope", ["function", "class", "module", "session"])
def test_one_loop_and_one_task(
    run: Example, mode: str, decorator: str, scope: str
) -> None:
    """A test and its fixtures share a loop; a generator lives in a task of its own."""
    source = """
        @FIXTURE(scope="SCOPE")
        async def returned():
            return asyncio.get_running_loop()

        @FIXTURE(scope="SCOPE")
        async def yielded(returned):
            loop, task = asyncio.get_running_loop(), asyncio.current_task()
            assert loop is returned
            yield loop, task
            assert asyncio.get_running_loop() is loop
            assert asyncio.current_task() is task

        @pytest.mark.asyncio
        async def test_one(returned, yielded):
            loop, task = yielded
            assert asyncio.get_running_loop() is loop is returned
            assert asyncio.current_task() is not task

        def test_sync(returned, yielded):
            assert asyncio.get_event_loop() is yielded[0] is returned
    """
    result = run(project(source, FIXTURE=decorator, SCOPE=scope), mode=mode)
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    "loop_scope", ["function", "class", "module", "package", "session"]
)
def test_loop_scope(run: Example, loop_scope: str) -> None:
    """A fixture that says its loop's scope shares the loop of tests that say the same."""
    source = """
        @pytest_asyncio.fixture(loop_scope="SCOPE")
        async def loop():
            yield asyncio.get_running_loop()

        class TestClass:
            @pytest.mark.asyncio(loop_scope="SCOPE")
            async def test_same(self, loop):
                assert loop is asyncio.get_running_loop()

        @pytest.mark.asyncio(loop_scope="OTHER")
        async def test_other(loop):
            assert loop is not asyncio.get_running_loop()
    """
    other = "module" if loop_scope in {"function", "class"} else "function"
    run(project(source, SCOPE=loop_scope, OTHER=other)).assert_outcomes(passed=2)


# -- synchronous functions -----------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["strict", "auto"])
@pytest.mark.parametrize("scope", ["function", "module"])
def test_synchronous_functions(run: Example, mode: str, scope: str) -> None:
    """Under our decorator a sync function runs with its loop as the current one."""
    source = """
        @pytest_asyncio.fixture(scope="SCOPE")
        def returned():
            return asyncio.get_event_loop()

        @pytest_asyncio.fixture(scope="SCOPE")
        def yielded(returned):
            loop = asyncio.get_event_loop()
            yield loop
            assert asyncio.get_event_loop() is loop
            events.append("tear-down")

        @pytest.mark.asyncio
        async def test_async(returned, yielded):
            assert asyncio.get_running_loop() is returned is yielded

        def test_sync(returned, yielded):
            assert asyncio.get_event_loop() is returned is yielded
            future = yielded.create_future()
            yielded.call_soon(future.set_result, 42)
            assert yielded.run_until_complete(future) == 42

        def test_torn_down():
            assert events == ["tear-down"] * COUNT
    """
    count = "2" if scope == "function" else "0"
    result = run(project(source, SCOPE=scope, COUNT=count), mode=mode)
    result.assert_outcomes(passed=3)


def test_synchronous_method(run: Example) -> None:
    """A sync method under our decorator gets the instance of the test."""
    source = """
        class TestMethods:
            @pytest_asyncio.fixture
            def value(self):
                self.seen = asyncio.get_event_loop()
                yield 42
                assert asyncio.get_event_loop() is self.seen

            @pytest_asyncio.fixture
            @staticmethod
            def static():
                return asyncio.get_event_loop()

            @pytest.mark.asyncio
            async def test_method(self, value, static):
                assert self.seen is static is asyncio.get_running_loop()
    """
    run(project(source)).assert_outcomes(passed=1)


def test_synchronous_function_with_loop_scope(run: Example) -> None:
    """A sync function may ask for a loop that is not the test's."""
    source = """
        @pytest_asyncio.fixture(scope="module", loop_scope="session")
        def loop():
            return asyncio.get_event_loop()

        @pytest.mark.asyncio(loop_scope="session")
        async def test_same(loop):
            assert loop is asyncio.get_running_loop()

        @pytest.mark.asyncio(loop_scope="function")
        async def test_other(loop):
            assert loop is not asyncio.get_running_loop()
            assert asyncio.get_event_loop() is asyncio.get_running_loop()
    """
    run(project(source)).assert_outcomes(passed=2)


@pytest.mark.parametrize(
    "body, message",
    [
        ("return", "value did not yield a value; *"),
        ("yield; yield", "the fixture 'value' yields more than once; *"),
    ],
)
def test_synchronous_generator_that_is_wrong(
    run: Example, body: str, message: str
) -> None:
    """The errors about sync generators are those about async ones."""
    source = f"""
        @pytest_asyncio.fixture
        def value():
            {body}
            if False:
                yield

        @pytest.mark.asyncio
        async def test_value(value): ...
    """
    result = run(project(source))
    assert result.parseoutcomes()["errors"] == 1
    result.stdout.fnmatch_lines(message)
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")


# -- sync tests ------------------------------------------------------------------------------------


@BOTH_MODES
def test_sync_test_uses_the_loop_of_its_fixtures(
    run: Example, mode: str, decorator: str
) -> None:
    """A sync test can run coroutines in the loop that its fixtures ran in."""
    source = """
        @FIXTURE
        async def queue():
            queue = asyncio.Queue()
            await queue.put(42)
            yield queue
            assert queue.empty()

        def test_current(queue):
            loop = asyncio.get_event_loop()
            assert loop.run_until_complete(queue.get()) == 42

        def test_requested(queue, event_loop):
            assert event_loop.run_until_complete(queue.get()) == 42
    """
    result = run(project(source, FIXTURE=decorator), mode=mode)
    result.assert_outcomes(passed=2)


def test_unittest_with_async_fixtures(run: Example) -> None:
    """The sync tests of a TestCase use async fixtures through autouse and usefixtures."""
    source = """
        import unittest

        @pytest_asyncio.fixture(scope="class")
        async def number(request):
            request.cls.number = 42
            yield

        @pytest.mark.usefixtures("number")
        class TestUnit(unittest.TestCase):
            @pytest_asyncio.fixture(autouse=True)
            async def automatic(self):
                self.automatic = 43
                yield

            def test_unit(self):
                assert (self.number, self.automatic) == (42, 43)
    """
    run(project(source)).assert_outcomes(passed=1)


# -- context variables ---------------------------------------------------------------------------


@BOTH_MODES
@pytest.mark.parametrize("scope", ["function", "module"])
@pytest.mark.parametrize("end", ["return", "yield"])
def test_variable_of_async_fixture_is_visible(
    run: Example, mode: str, decorator: str, scope: str, end: str
) -> None:
    """What an async fixture sets is seen by later fixtures and tests, sync and async."""
    source = """
        @FIXTURE(scope="SCOPE")
        async def setting():
            var.set("fixture")
            END

        @FIXTURE
        async def later(setting):
            assert var.get() == "fixture"

        @pytest.fixture
        def later_sync(setting):
            assert var.get() == "fixture"
            yield
            assert var.get() == "fixture"

        @pytest.mark.asyncio
        async def test_async(later, later_sync):
            assert var.get() == "fixture"
            await asyncio.create_task(self_check())

        async def self_check():
            assert var.get() == "fixture"

        def test_sync(later, later_sync):
            assert var.get() == "fixture"
    """
    result = run(project(source, FIXTURE=decorator, SCOPE=scope, END=end), mode=mode)
    result.assert_outcomes(passed=2)


def test_variable_of_sync_fixture_is_visible(run: Example) -> None:
    """What a sync fixture sets is seen by async fixtures and tests, and across a yield."""
    source = """
        @pytest.fixture
        def setting():
            token = var.set("sync")
            yield
            var.reset(token)

        @pytest_asyncio.fixture
        async def value(setting):
            assert var.get() == "sync"
            yield
            assert var.get() == "sync"

        @pytest.mark.asyncio
        async def test_async(value):
            assert var.get() == "sync"

        @pytest.mark.asyncio
        async def test_after():
            assert var.get() == "unset"

        def test_after_sync():
            assert var.get() == "unset"
    """
    run(project(source)).assert_outcomes(passed=3)


@pytest.mark.parametrize("scope", ["function", "class", "module", "session"])
def test_token_is_reset_across_the_yield(run: Example, scope: str) -> None:
    """A generator may reset after its yield what it set before."""
    source = """
        @pytest_asyncio.fixture(scope="SCOPE")
        async def setting():
            token = var.set("fixture")
            yield
            var.reset(token)
            assert var.get() == "unset"

        @pytest_asyncio.fixture
        async def nested(setting):
            token = var.set("nested")
            yield
            var.reset(token)
            assert var.get() == "fixture"

        class TestClass:
            @pytest.mark.asyncio
            async def test_1(self, nested):
                assert var.get() == "nested"

            @pytest.mark.asyncio
            async def test_2(self, setting):
                assert var.get() == "fixture"
    """
    result = run(
        project(source, SCOPE=scope),
        files={
            "test_later.py": """
                from test_example import var

                def test_later():
                    assert var.get() == WANTED
            """.replace("WANTED", '"fixture"' if scope == "session" else '"unset"')
        },
    )
    result.assert_outcomes(passed=3)


def test_variable_ends_with_the_fixture(run: Example) -> None:
    """A variable that a fixture sets is put back when the fixture is torn down."""
    source = """
        @pytest_asyncio.fixture
        async def narrow():
            var.set("narrow")

        class TestWide:
            @pytest_asyncio.fixture(scope="class")
            async def wide(self):
                var.set("wide")
                yield

            @pytest.mark.asyncio
            async def test_1(self, wide, narrow):
                assert var.get() == "narrow"

            @pytest.mark.asyncio
            async def test_2(self, wide):
                assert var.get() == "wide"

            def test_3(self):
                assert var.get() == "wide"

        def test_4():
            assert var.get() == "unset"

        @pytest.mark.asyncio
        async def test_5():
            assert var.get() == "unset"
    """
    run(project(source)).assert_outcomes(passed=5)


def test_variable_of_a_test_ends_with_it(run: Example) -> None:
    """What a test sets is seen by the tear-down of its fixtures, not by the next test."""
    source = """
        seen = []

        @pytest_asyncio.fixture(scope="module")
        async def wide():
            var.set("wide")
            yield

        @pytest_asyncio.fixture
        async def watching(wide):
            yield
            seen.append(var.get())

        @pytest.fixture
        def watching_sync(wide):
            yield
            seen.append(var.get())

        @pytest.mark.asyncio
        async def test_setting(watching, watching_sync):
            var.set("test")

        @pytest.mark.asyncio
        async def test_async(wide):
            assert var.get() == "wide"

        def test_sync():
            assert var.get() == "wide"
            assert seen == ["test", "test"]
    """
    run(project(source)).assert_outcomes(passed=3)


def test_variable_of_failing_code_ends_with_it(run: Example) -> None:
    """A fixture or test that sets a variable and fails leaves nothing behind."""
    source = """
        @pytest_asyncio.fixture
        async def failing():
            var.set("fixture")
            raise ValueError("set-up")

        @pytest_asyncio.fixture
        async def failing_later():
            var.set("fixture")
            yield
            raise ValueError("tear-down")

        @pytest.mark.asyncio
        async def test_1(failing): ...

        @pytest.mark.asyncio
        async def test_2(failing_later):
            var.set("test")
            raise ValueError("test")

        def test_3():
            assert var.get() == "unset"
    """
    run(project(source)).assert_outcomes(errors=2, failed=1, passed=1)


def test_variables_in_every_order(run: Example) -> None:
    """Each in a chain of sync and async fixtures sees the one before, both ways."""
    source = """
        @pytest.fixture
        def one():
            assert var.get() == "unset"
            token = var.set("one")
            yield
            assert var.get() == "one"
            var.reset(token)

        @pytest_asyncio.fixture
        async def two(one):
            assert var.get() == "one"
            token = var.set("two")
            yield
            assert var.get() == "two"
            var.reset(token)

        @pytest.fixture
        def three(two):
            assert var.get() == "two"
            token = var.set("three")
            yield
            assert var.get() == "three"
            var.reset(token)

        @pytest_asyncio.fixture
        async def four(three):
            assert var.get() == "three"
            with_token = var.set("four")
            yield
            assert var.get() == "four"
            var.reset(with_token)
            assert var.get() == "three"

        @pytest.mark.asyncio
        async def test_1(four):
            assert var.get() == "four"

        @pytest.mark.asyncio
        async def test_2(three):
            assert var.get() == "three"

        def test_3(four):
            assert var.get() == "four"

        def test_4():
            assert var.get() == "unset"
    """
    run(project(source)).assert_outcomes(passed=4)


# -- what is wrong ---------------------------------------------------------------------------------


@BOTH_MODES
def test_generator_that_does_not_yield(run: Example, mode: str, decorator: str) -> None:
    """A generator with no value is an error in pytest's words, at its set-up."""
    source = """
        @FIXTURE
        async def value():
            if False:
                yield

        @pytest.mark.asyncio
        async def test_value(value): ...
    """
    result = run(project(source, FIXTURE=decorator), mode=mode)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["value did not yield a value; *", "test_example.py:*"])
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")


@BOTH_MODES
def test_generator_that_yields_twice(run: Example, mode: str, decorator: str) -> None:
    """A second value is an error with the fixture's name, source, file and line."""
    source = """
        @FIXTURE
        async def value():
            try:
                yield 1
                yield 2
            finally:
                print("FINALLY")

        @pytest.mark.asyncio
        async def test_value(value): ...
    """
    result = run(project(source, FIXTURE=decorator), "-s", mode=mode)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*FINALLY*",
            "*ERROR at teardown of test_value*",
            (
                "the fixture 'value' yields more than once; a fixture function has one "
                "'yield':"
            ),
            f"    @{decorator}",
            "    async def value():",
            "            yield 2",
            "test_example.py:10",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")


@BOTH_MODES
@pytest.mark.parametrize("option", ["--tb=auto", "--tb=long", "--tb=short"])
def test_tracebacks_show_the_users_code_alone(
    run: Example, mode: str, decorator: str, option: str
) -> None:
    """An error in a fixture or test has the frames of the user's code and no other."""
    source = """
        async def fail(text):
            await asyncio.sleep(0)
            raise ValueError(text)

        @FIXTURE
        async def returning():
            await fail("in a coroutine")

        @FIXTURE
        async def generating():
            await fail("in set-up")
            yield

        @FIXTURE
        async def ending():
            yield
            await fail("in tear-down")

        @pytest.mark.asyncio
        async def test_1(returning): ...

        @pytest.mark.asyncio
        async def test_2(generating): ...

        @pytest.mark.asyncio
        async def test_3(ending):
            await fail("in a test")

        def test_4(returning): ...
    """
    result = run(project(source, FIXTURE=decorator), option, mode=mode)
    result.assert_outcomes(errors=4, failed=1)
    result.stdout.fnmatch_lines(
        [
            "E*ValueError: in a coroutine",
            "E*ValueError: in set-up",
            "E*ValueError: in tear-down",
            "E*ValueError: in a coroutine",
            "E*ValueError: in a test",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")
    result.stdout.no_fnmatch_line("*asyncio/base_events.py*")
    result.stdout.no_fnmatch_line("*/_pytest/*")


def test_failed_set_up_of_a_wider_fixture(run: Example) -> None:
    """Each test that uses a fixture whose set-up failed gets the error; it is tried once."""
    source = """
        tries = []

        @pytest_asyncio.fixture(scope="module")
        async def broken():
            tries.append(1)
            raise ValueError("set-up")
            yield

        @pytest.mark.asyncio
        async def test_1(broken): ...

        @pytest.mark.asyncio
        async def test_2(broken): ...

        @pytest.mark.asyncio
        async def test_3():
            assert tries == [1]
    """
    result = run(project(source))
    result.assert_outcomes(errors=2, passed=1)
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")


@pytest.mark.parametrize(
    "call, outcome",
    [
        ("pytest.skip('why')", {"skipped": 1}),
        ("pytest.xfail('why')", {"xfailed": 1}),
        ("pytest.fail('why')", {"errors": 1}),
    ],
)
def test_outcomes_raised_in_a_fixture(
    run: Example, call: str, outcome: dict[str, int]
) -> None:
    """``pytest.skip`` and its kin mean in an async fixture what they mean in a sync one."""
    source = """
        @pytest_asyncio.fixture
        async def value():
            CALL
            yield

        @pytest.mark.asyncio
        async def test_value(value): ...
    """
    run(project(source, CALL=call)).assert_outcomes(**outcome)


def test_wrong_loop_scope(run: Example) -> None:
    """A loop scope that does not exist fails where the decorator stands."""
    source = """
        @pytest_asyncio.fixture(loop_scope="sesion")
        async def value(): ...

        @pytest.mark.asyncio
        async def test_value(value): ...
    """
    result = run(project(source))
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(
        [
            "test_example.py:10: in <module>",
            '    @pytest_asyncio.fixture(loop_scope="sesion")',
            (
                "E*ValueError: 'sesion' is not a valid loop_scope for pytest_asyncio.fixture; "
                "valid are session, package, module, class, function."
            ),
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")


def test_wrong_fixture_of_a_conftest(run: Example) -> None:
    """What is wrong in a ``conftest.py`` is told by its line, as any error there."""
    result = run(
        "def test_it(): ...",
        conftest="""
        import pytest_asyncio

        @pytest_asyncio.fixture(loop_scope="sesion")
        async def value(): ...
        """,
        subprocess=True,
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ImportError while loading conftest *",
            "conftest.py:4: in <module>",
            "E*ValueError: 'sesion' is not a valid loop_scope for pytest_asyncio.fixture; *",
        ]
    )
    result.stderr.no_fnmatch_line("*pytest_asyncio/*.py*")


def test_fixture_of_something_else(run: Example) -> None:
    """An argument by position says what the arguments are."""
    result = run(
        """
        import pytest_asyncio

        @pytest_asyncio.fixture("session")
        async def value(): ...
        """
    )
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(
        [
            "test_example.py:4: in <module>",
            "E*TypeError: pytest_asyncio.fixture decorates a function, and was given 'session'*",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")


@pytest.mark.skipif(
    pytest.version_tuple < (9,), reason="pytest 8 warns of it and goes on"
)
def test_plain_fixture_that_a_synchronous_test_has_asked_for(run: Example) -> None:
    """Who asks first does not matter: the async test is told what to do."""
    result = run(
        """
        import pytest

        @pytest.fixture(scope="module")
        async def plain(): ...

        def test_sync(plain): ...

        @pytest.mark.asyncio
        async def test_it(plain): ...
        """
    )
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(
        ["Decorate 'plain' (test_example.py:4) with pytest_asyncio.fixture, *"]
    )


def test_one_function_makes_several_fixtures(run: Example) -> None:
    """Fixtures that are made of one function, by name, have a loop scope each."""
    source = """
        async def loop(): return asyncio.get_running_loop()

        module = pytest_asyncio.fixture(
            loop, name="of_module", scope="module", loop_scope="module"
        )
        function = pytest_asyncio.fixture(
            loop, name="of_function", loop_scope="function"
        )
        plain = pytest.fixture(lambda: 1, name="plain")

        @pytest.mark.asyncio(loop_scope="module")
        async def test_loops(of_module, of_function, plain):
            assert of_module is asyncio.get_running_loop()
            assert of_function is not of_module
    """
    run(project(source)).assert_outcomes(passed=1)


def test_scope_mismatch_of_the_users_fixtures(run: Example) -> None:
    """pytest's own ScopeMismatch names the user's fixtures, and none of ours."""
    source = """
        @pytest_asyncio.fixture
        async def narrow(): ...

        @pytest_asyncio.fixture(scope="session")
        async def wide(narrow): ...

        @pytest.mark.asyncio
        async def test_value(wide): ...
    """
    result = run(project(source))
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        "*ScopeMismatch: You tried to access the function scoped fixture narrow with a "
        "session scoped request object*"
    )
    result.stdout.no_fnmatch_line("*event_loop*")


def test_an_exception_that_is_its_own_cause(run: Example) -> None:
    """A synchronous fixture that raises one is an error, and no more."""
    result = run(
        """
        import pytest

        @pytest.fixture
        def broken():
            try:
                raise ValueError("boom")
            except ValueError as exc:
                raise exc from exc

        async def test_it(broken): ...
        """,
        mode="auto",
        subprocess=True,
        timeout=30,
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E*ValueError: boom"])


def test_a_fixture_whose_source_is_nowhere(run: Example) -> None:
    """A message that would show it has its name instead."""
    result = run(
        """
        import pytest_asyncio

        source = "async def made():\\n    yield 1\\n    yield 2\\n"
        exec(compile(source, "<nowhere>", "exec"))
        twice = pytest_asyncio.fixture(made)

        async def test_it(twice): ...
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["the fixture 'twice' yields more than once*", "*made", "<nowhere>:1"]
    )


@pytest.mark.parametrize(
    "decorator",
    ["pytest.fixture", "pytest.fixture(scope='module')", "pytest_asyncio.fixture"],
)
@pytest.mark.parametrize("asks", ["client", "request"])
def test_note_on_a_synchronous_fixture_that_needs_a_running_loop(
    run: Example, decorator: str, asks: str
) -> None:
    """It says which fixture is to be async, and says it once."""
    result = run(
        f"""
        import asyncio
        import pytest
        import pytest_asyncio

        @{decorator}
        def client():
            try:
                return asyncio.get_running_loop().create_future()
            except RuntimeError as exc:
                raise ValueError("no client") from exc

        @pytest.fixture
        def session({asks}):
            return {asks}.getfixturevalue("client")

        @pytest.mark.asyncio
        async def test_it(session): ...
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "E *RuntimeError: no running event loop",
            "E *the fixture 'client' (test_example.py:6) is synchronous, and no event loop *",
            "E *Make it async, even if it awaits nothing: async def, *",
        ]
    )
    assert result.stdout.str().count("is synchronous") == 1


def test_no_such_note_where_no_test_has_a_loop(run: Example) -> None:
    """Other frameworks have loops as well, and their tests are none of ours."""
    result = run(
        """
        import asyncio
        import pytest

        @pytest.fixture
        def client():
            return asyncio.get_running_loop().create_future()

        def test_it(client): ...

        @pytest.mark.asyncio
        async def test_async(): ...
        """
    )
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines("E *RuntimeError: no running event loop")
    result.stdout.no_fnmatch_line("*is synchronous*")
