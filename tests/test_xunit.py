"""Async ``setup_method`` and its kin are awaited, in the loop of the test."""

from __future__ import annotations

import pytest

from conftest import Example

METHODS = """
import asyncio

import pytest

EVENTS = []

MARK
class TestThem:
    @classmethod
    async def setup_class(cls):
        await asyncio.sleep(0)
        cls.loop = asyncio.get_running_loop()
        cls.connection = "open"
        EVENTS.append("setup_class")

    @classmethod
    async def teardown_class(cls):
        await asyncio.sleep(0)
        assert asyncio.get_running_loop() is cls.loop
        EVENTS.append("teardown_class")

    async def setup_method(self, method):
        await asyncio.sleep(0)
        assert method.__name__ in ("test_one", "test_two")
        assert asyncio.get_running_loop() is self.loop
        self.name = method.__name__
        EVENTS.append("setup_method")

    async def teardown_method(self, method):
        await asyncio.sleep(0)
        assert self.name == method.__name__
        EVENTS.append("teardown_method")

    async def test_one(self):
        assert self.name == "test_one"
        assert self.connection == "open"
        assert asyncio.get_running_loop() is self.loop
        EVENTS.append("test_one")

    async def test_two(self):
        assert self.name == "test_two"
        EVENTS.append("test_two")

def test_order():
    assert EVENTS == [
        "setup_class",
        "setup_method", "test_one", "teardown_method",
        "setup_method", "test_two", "teardown_method",
        "teardown_class",
    ]
"""

FUNCTIONS = """
import asyncio

import pytest

MARK

EVENTS = []
LOOPS = []

async def setup_module(module):
    await asyncio.sleep(0)
    assert module.__name__ == "test_example"
    LOOPS.append(asyncio.get_running_loop())
    EVENTS.append("setup_module")

async def teardown_module():
    await asyncio.sleep(0)
    assert asyncio.get_running_loop() is LOOPS[0]
    print("teardown_module")

async def setup_function(function):
    await asyncio.sleep(0)
    assert asyncio.get_running_loop() is LOOPS[0]
    EVENTS.append(f"setup {function.__name__}")

async def teardown_function(function):
    await asyncio.sleep(0)
    EVENTS.append(f"teardown {function.__name__}")

async def test_one():
    assert asyncio.get_running_loop() is LOOPS[0]
    EVENTS.append("one")

async def test_two():
    assert EVENTS == [
        "setup_module",
        "setup test_one", "one", "teardown test_one",
        "setup test_two",
    ]

class TestThem:
    async def test_no_setup_function_for_methods(self):
        assert EVENTS[-1] == "teardown test_two"
"""


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_methods(run: Example, mode: str) -> None:
    """The four of a class are awaited in order, each with the instance or the class."""
    mark = "@pytest.mark.asyncio" if mode == "strict" else ""
    result = run(METHODS.replace("MARK", mark), "-Werror", mode=mode)
    result.assert_outcomes(passed=3)


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_functions(run: Example, mode: str) -> None:
    """The four of a module are awaited in order."""
    mark = "pytestmark = pytest.mark.asyncio" if mode == "strict" else ""
    result = run(FUNCTIONS.replace("MARK", mark), "-s", "-Werror", mode=mode)
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*teardown_module*"])


HALVES = {
    "setup_method": "async def setup_method(self):\n        NOTE",
    "teardown_method": "async def teardown_method(self):\n        NOTE",
    "setup_class": "@classmethod\n    async def setup_class(cls):\n        NOTE",
    "teardown_class": "@classmethod\n    async def teardown_class(cls):\n        NOTE",
    "setup_class_static": "@staticmethod\n    async def setup_class():\n        NOTE",
    "mixed": (
        "def setup_method(self):\n        self.loop = None\n\n"
        "    async def teardown_method(self):\n"
        "        assert self.loop is None\n        NOTE"
    ),
    "mixed-other-way": (
        "async def setup_method(self):\n        self.x = 1\n\n"
        "    def teardown_method(self):\n        assert self.x == 1\n"
        "        print('called')"
    ),
}


@pytest.mark.parametrize("half", HALVES)
def test_one_without_the_other(run: Example, half: str) -> None:
    """One of a pair may be missing, or synchronous, and the argument may be left out."""
    body = HALVES[half].replace("NOTE", "await asyncio.sleep(0); print('called')")
    result = run(
        f"""
import asyncio

class TestThem:
    {body}

    async def test_it(self): ...
""",
        "-s",
        "-Werror",
        mode="auto",
    )
    result.assert_outcomes(passed=1)
    assert result.stdout.str().count("called") == 1


def test_inherited(run: Example) -> None:
    """A base class's methods count, and may be awaited through ``super()``."""
    result = run(
        """
        import asyncio

        class Base:
            async def setup_method(self):
                await asyncio.sleep(0)
                self.events = ["base"]

        class TestPlain(Base):
            async def test_it(self):
                assert self.events == ["base"]

        class TestExtended(Base):
            async def setup_method(self):
                await super().setup_method()
                self.events.append("extended")

            async def test_it(self):
                assert self.events == ["base", "extended"]
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=2)


def test_hold_task_groups_from_a_task_of_their_own(run: Example) -> None:
    """Set-up and tear-down of a pair run in one task, so a timeout may span them."""
    result = run(
        """
        import asyncio

        class TestThem:
            async def setup_method(self):
                self.task = asyncio.current_task()
                self.group = asyncio.TaskGroup()
                await self.group.__aenter__()

            async def teardown_method(self):
                assert asyncio.current_task() is self.task
                await self.group.__aexit__(None, None, None)

            async def test_it(self):
                assert asyncio.current_task() is not self.task
                await self.group.create_task(asyncio.sleep(0))
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1)


def test_a_crash_between_set_up_and_tear_down(run: Example) -> None:
    """A task group of the set-up that breaks ends the test, and its tear-down tells why."""
    result = run(
        """
        import asyncio

        class TestThem:
            async def setup_method(self):
                async def child():
                    await asyncio.sleep(0)
                    raise RuntimeError("the child broke")

                self.group = asyncio.TaskGroup()
                await self.group.__aenter__()
                self.group.create_task(child())

            async def teardown_method(self):
                await self.group.__aexit__(None, None, None)

            async def test_it(self):
                await asyncio.Event().wait()
        """,
        mode="auto",
    )
    result.assert_outcomes(failed=1, errors=1)
    result.stdout.fnmatch_lines(["*RuntimeError: the child broke"])
    result.stdout.fnmatch_lines(["*'setup_method' crashed while*test_it was running*"])
    result.stdout.no_fnmatch_line("*_xunit_*")


def test_with_fixtures(run: Example) -> None:
    """They share the loop of the fixtures, and run where pytest runs them: before these."""
    result = run(
        """
        import asyncio

        import pytest_asyncio

        @pytest_asyncio.fixture(scope="module")
        async def wide():
            yield asyncio.get_running_loop()

        class TestThem:
            async def setup_method(self):
                self.loop = asyncio.get_running_loop()

            @pytest_asyncio.fixture
            async def narrow(self):
                assert asyncio.get_running_loop() is self.loop
                return self.loop

            async def test_it(self, wide, narrow):
                assert wide is narrow is asyncio.get_running_loop()
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1)


def test_an_error_in_the_set_up(run: Example) -> None:
    """It is the test's error at set-up, with the user's frames alone."""
    result = run(
        """
        import asyncio

        class TestThem:
            async def setup_method(self):
                await asyncio.sleep(0)
                raise ValueError("no good")

            async def teardown_method(self):
                raise AssertionError("not to be run")

            async def test_it(self):
                raise AssertionError("not to be run")
        """,
        mode="auto",
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*ERROR at setup of TestThem.test_it*", '>*raise ValueError("no good")']
    )
    result.stdout.no_fnmatch_line("*not to be run*")
    assert "pytest_asyncio/" not in result.stdout.str().replace("\\", "/")


def test_an_error_in_the_tear_down(run: Example) -> None:
    """It is the test's error at tear-down, with the user's frames alone."""
    result = run(
        """
        import asyncio

        class TestThem:
            async def teardown_method(self):
                await asyncio.sleep(0)
                raise ValueError("no good")

            async def test_it(self): ...
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["*ERROR at teardown of TestThem.test_it*", '>*raise ValueError("no good")']
    )
    assert "pytest_asyncio/" not in result.stdout.str().replace("\\", "/")


def test_synchronous_ones_are_left_to_pytest(run: Example) -> None:
    """Ordinary ones run as ever, with the loop of the test as the current one."""
    result = run(
        """
        import asyncio

        def setup_module(module):
            module.READY = True

        class TestThem:
            def setup_method(self, method):
                self.loop = asyncio.get_event_loop()

            async def test_it(self):
                assert READY
                assert asyncio.get_running_loop() is self.loop

        class TestSynchronous:
            def setup_method(self, method):
                self.name = method.__name__

            def test_it(self):
                assert self.name == "test_it"
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_synchronous_tests_too(run: Example, mode: str) -> None:
    """A synchronous test's async set-up is awaited as well: nothing else can be meant."""
    result = run(
        """
        import asyncio

        async def setup_module(module):
            await asyncio.sleep(0)
            module.ready = True

        class TestThem:
            async def setup_method(self):
                await asyncio.sleep(0)
                self.ready = True

            def test_it(self):
                assert ready
                assert self.ready
        """,
        "-Werror",
        mode=mode,
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("marker", ["anyio", "twisted"])
def test_of_another_frameworks_test(run: Example, marker: str) -> None:
    """The async set-up of a test that is another framework's is not ours."""
    result = run(
        f"""
        import pytest

        class TestThem:
            async def setup_method(self):
                raise AssertionError("not to be run")

            @pytest.mark.{marker}
            def test_it(self): ...
        """,
        "-Wignore",
        ini=f"markers = {marker}",
        mode="auto",
    )
    result.assert_outcomes(passed=1)
