"""unittest's classes: what it would never await fails, what it awaits is left alone."""

from __future__ import annotations

import pytest

from conftest import Example

MODES = ("auto", "strict")

MARKS = ("", "@pytest.mark.asyncio")


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("mode", MODES)
def test_async_method_of_a_plain_testcase(run: Example, mode: str, mark: str) -> None:
    """It fails, with the reason and what to use: it would pass without having run."""
    result = run(
        f"""
        import unittest

        import pytest

        class TestThem(unittest.TestCase):
            {mark}
            async def test_async(self):
                raise AssertionError("never to be seen")

            {mark}
            async def test_generator(self):
                yield

            def test_synchronous(self):
                self.assertTrue(True)
        """,
        "-Werror",
        mode=mode,
    )
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            (
                "test_example.py::TestThem::test_async is an async method of a plain "
                "unittest.TestCase: unittest would call it and never await it*"
            ),
            "Derive the class from unittest.IsolatedAsyncioTestCase, or from nothing*",
        ]
    )
    assert "pytest_asyncio/" not in result.stdout.str().replace("\\", "/")
    result.stdout.no_fnmatch_line("*never to be seen*")


def test_inherited_from_a_testcase(run: Example) -> None:
    """A class derived from the user's own TestCase is one, too."""
    result = run(
        """
        import unittest

        class Base(unittest.TestCase):
            def setUp(self):
                self.value = 1

        class TestThem(Base):
            async def test_async(self): ...
        """,
        "-Werror",
        mode="auto",
    )
    result.assert_outcomes(failed=1)


@pytest.mark.parametrize(
    "skip",
    [
        "@unittest.skip('not here')",
        "@unittest.skipIf(True, 'not here')",
        "@pytest.mark.skip(reason='not here')",
    ],
)
@pytest.mark.parametrize("place", ["method", "class"])
def test_skipped_ones_are_skipped(run: Example, skip: str, place: str) -> None:
    """A test that is not to be run does not fail."""
    on_class, on_method = (skip, "") if place == "class" else ("", skip)
    result = run(
        f"""
        import unittest

        import pytest

        {on_class}
        class TestThem(unittest.TestCase):
            {on_method}
            async def test_async(self): ...
        """,
        mode="auto",
    )
    result.assert_outcomes(skipped=1)


ISOLATED = """
import asyncio
import contextvars
import unittest

import pytest

VARIABLE = contextvars.ContextVar("VARIABLE")
EVENTS = []

MARK
class TestThem(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.loop = asyncio.get_event_loop()

    async def asyncSetUp(self):
        VARIABLE.set("set")
        self.task = asyncio.current_task()
        self.addAsyncCleanup(self.clean_up)
        await asyncio.sleep(0)

    async def asyncTearDown(self):
        assert asyncio.get_running_loop() is self.loop
        EVENTS.append("asyncTearDown")

    async def clean_up(self):
        EVENTS.append("cleanup")

    async def test_async(self):
        await asyncio.sleep(0)
        assert asyncio.get_running_loop() is self.loop
        assert VARIABLE.get() == "set"
        EVENTS.append("test")

    def test_synchronous(self):
        assert VARIABLE.get() == "set"

    async def test_failing(self):
        await asyncio.sleep(0)
        self.assertEqual(1, 2)

    async def test_skipping(self):
        self.skipTest("not here")

    @unittest.expectedFailure
    async def test_expected(self):
        self.fail("as expected")

    async def test_subtests(self):
        for number in range(3):
            with self.subTest(number=number):
                await asyncio.sleep(0)

def test_events():
    assert EVENTS[:3] == ["test", "asyncTearDown", "cleanup"]
"""


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("mode", MODES)
def test_isolated_asyncio_testcase(run: Example, mode: str, mark: str) -> None:
    """IsolatedAsyncioTestCase runs in its own loop and task, with all that belongs to it."""
    result = run(ISOLATED.replace("MARK", mark), mode=mode)
    outcomes = result.parseoutcomes()
    # pytest counts the sub-tests that pass since 9.0.
    subtests = outcomes.pop("subtests passed", 0)
    assert subtests in (0, 3)
    assert outcomes == {"passed": 4, "failed": 1, "skipped": 1, "xfailed": 1}
    result.stdout.fnmatch_lines(["*AssertionError: 1 != 2*"])
    assert "pytest_asyncio/" not in result.stdout.str().replace("\\", "/")


@pytest.mark.parametrize("mode", MODES)
def test_beside_tests_of_ours(run: Example, mode: str) -> None:
    """They come between two tests of ours that share a loop, and harm neither."""
    result = run(
        """
        import asyncio
        import unittest

        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="module")
        async def loop():
            async with asyncio.TaskGroup():
                yield asyncio.get_running_loop()

        @pytest.mark.asyncio
        async def test_first(loop):
            assert asyncio.get_running_loop() is loop

        class TestTheirs(unittest.IsolatedAsyncioTestCase):
            async def test_async(self):
                await asyncio.sleep(0)

        class TestSynchronous(unittest.TestCase):
            def test_it(self):
                asyncio.run(asyncio.sleep(0))

        @pytest.mark.asyncio
        async def test_last(loop):
            await asyncio.sleep(0)
            assert asyncio.get_running_loop() is loop
        """,
        "-Werror",
        mode=mode,
    )
    result.assert_outcomes(passed=4)


def test_async_fixtures_for_a_synchronous_testcase(run: Example) -> None:
    """A synchronous method may use async fixtures by ``usefixtures`` and autouse."""
    result = run(
        """
        import asyncio
        import unittest

        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="class")
        async def service(request):
            async with asyncio.TaskGroup() as group:
                request.cls.service = "up"
                yield
            request.cls.service = "down"

        @pytest.mark.usefixtures("service")
        class TestThem(unittest.TestCase):
            def test_one(self):
                self.assertEqual(self.service, "up")

            def test_two(self):
                self.assertEqual(self.service, "up")

        def test_torn_down():
            assert TestThem.service == "down"
        """,
        "-Werror",
    )
    result.assert_outcomes(passed=3)


def test_async_method_with_an_async_fixture(run: Example) -> None:
    """That unittest never awaits a method is told, too, where a fixture has a loop for it."""
    result = run(
        """
        import unittest
        import pytest_asyncio

        @pytest_asyncio.fixture(autouse=True)
        async def service(): ...

        class TestIt(unittest.TestCase):
            async def test_it(self):
                assert False
        """
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*IsolatedAsyncioTestCase*"])


def test_async_fixtures_for_an_isolated_testcase(run: Example) -> None:
    """Async fixtures of ours are set up before unittest starts its loop, and torn down after."""
    result = run(
        """
        import asyncio
        import unittest

        import pytest
        import pytest_asyncio

        EVENTS = []

        @pytest_asyncio.fixture(autouse=True)
        async def service():
            EVENTS.append("up")
            async with asyncio.TaskGroup():
                yield
            EVENTS.append("down")

        class TestThem(unittest.IsolatedAsyncioTestCase):
            async def test_it(self):
                await asyncio.sleep(0)
                EVENTS.append("test")

        def test_events():
            assert EVENTS == ["up", "test", "down", "up"]
        """,
        "-Werror",
    )
    result.assert_outcomes(passed=2)


def test_ordinary_class_with_a_similar_name(run: Example) -> None:
    """A class that is no TestCase is pytest's, and its async methods run."""
    result = run(
        """
        import asyncio

        class TestCase:
            async def test_it(self, tmp_path):
                await asyncio.sleep(0)
                assert tmp_path.exists()
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1)
