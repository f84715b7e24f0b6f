"""Tests run although a loop is running already in the thread that pytest runs in."""

from __future__ import annotations

import textwrap

import pytest

from conftest import Example
from conftest import on_linux

# What pytest is to do in any host: async tests and fixtures of all scopes, sync tests too.
SUITE = """
import asyncio
import contextvars

import pytest
import pytest_asyncio

VARIABLE = contextvars.ContextVar("VARIABLE", default=None)

@pytest_asyncio.fixture(scope="session")
async def session_wide():
    async with asyncio.TaskGroup() as group:
        task = group.create_task(asyncio.sleep(60))
        yield asyncio.get_running_loop()
        task.cancel()

@pytest_asyncio.fixture(scope="module")
async def module_wide(session_wide):
    VARIABLE.set("module")
    yield
    assert asyncio.get_running_loop() is session_wide

@pytest_asyncio.fixture
async def coroutine():
    await asyncio.sleep(0)
    return asyncio.current_task()

async def test_alone():
    loop = asyncio.get_running_loop()
    assert asyncio.current_task().get_name() == "test_alone"
    await asyncio.sleep(0.001)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(0))
    assert await asyncio.to_thread(lambda: 1) == 1
    assert asyncio.get_running_loop() is loop
    assert asyncio.get_event_loop() is loop

async def test_with_fixtures(session_wide, module_wide, coroutine):
    assert asyncio.get_running_loop() is session_wide
    assert coroutine.done()
    assert VARIABLE.get() == "module"

async def test_asks_for_a_fixture(request):
    task = await pytest_asyncio.getfixturevalue(request, "coroutine")
    assert task.done()

def test_synchronous(module_wide, coroutine):
    assert coroutine.done()

def test_runs_the_loop(event_loop):
    assert event_loop.run_until_complete(asyncio.sleep(0, 1)) == 1
    event_loop.call_soon(event_loop.stop)
    event_loop.run_forever()

@pytest.mark.asyncio(loop_scope="session")
async def test_in_a_wider_loop(session_wide):
    assert asyncio.get_running_loop() is session_wide

@pytest.mark.xfail(raises=ValueError, strict=True)
async def test_fails():
    await asyncio.sleep(0)
    raise ValueError
"""

RESULT = "6 passed, 1 xfailed"

# How pytest is started; each ends with what the host finds afterwards.
HOSTS = {
    "coroutine": """
        import asyncio

        import pytest

        async def main():
            loop, task = asyncio.get_running_loop(), asyncio.current_task()
            beside = asyncio.create_task(asyncio.sleep(0.01, "beside"))
            code = pytest.main(["--asyncio-mode=auto", "-Werror"])
            assert asyncio.get_running_loop() is loop
            assert asyncio.current_task() is task
            assert await beside == "beside"
            async with asyncio.timeout(10):
                await asyncio.sleep(0.01)
            print("host: went on,", int(code))

        asyncio.run(main())
        """,
    "coroutine-in-debug-mode": """
        import asyncio

        import pytest

        async def main():
            code = pytest.main(["--asyncio-mode=auto", "--asyncio-debug"])
            await asyncio.sleep(0.01)
            print("host: went on,", int(code))

        asyncio.run(main(), debug=True)
        """,
    "callback": """
        # As in a notebook's kernel: synchronous code, run by a running loop.
        import asyncio

        import pytest

        def cell():
            assert asyncio.current_task() is None
            code = pytest.main(["--asyncio-mode=auto", "-Werror"])
            assert asyncio.get_running_loop() is loop
            assert asyncio.current_task() is None
            loop.call_later(0.01, print, "host: went on,", int(code))
            loop.call_later(0.02, loop.stop)

        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        loop.call_soon(cell)
        loop.run_forever()
        assert asyncio.get_event_loop() is loop
        loop.close()
        """,
    "twice": """
        # A notebook runs its tests again and again.
        import asyncio

        import pytest

        async def main():
            for _ in range(2):
                code = pytest.main(["--asyncio-mode=auto", "-pno:cacheprovider"])
                await asyncio.sleep(0)
            print("host: went on,", int(code))

        asyncio.run(main())
        """,
    "uvloop": """
        import asyncio

        import pytest
        import uvloop

        async def main():
            loop = asyncio.get_running_loop()
            code = pytest.main(["--asyncio-mode=auto", "-Werror"])
            assert asyncio.get_running_loop() is loop
            await asyncio.sleep(0.01)
            print("host: went on,", int(code))

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())
        """,
    "thread": """
        import asyncio
        import threading

        import pytest

        async def main():
            code = pytest.main(["--asyncio-mode=auto", "-Werror"])
            await asyncio.sleep(0.01)
            print("host: went on,", int(code))

        thread = threading.Thread(target=lambda: asyncio.run(main()))
        thread.start()
        thread.join()
        """,
}


@pytest.mark.parametrize("host", HOSTS)
def test_pytest_is_called_by_a_running_loop(run: Example, host: str) -> None:
    """All of the suite runs, and the host finds its loop and its task as it left them."""
    if host == "uvloop":
        pytest.importorskip("uvloop")
    run.pytester.makepyfile(test_example=SUITE)
    script = run.pytester.path / "host.py"
    script.write_text(textwrap.dedent(HOSTS[host]), encoding="utf-8")
    result = run.pytester.runpython(script)
    assert result.ret == 0
    text = result.stdout.str()
    assert text.count(RESULT) == (2 if host == "twice" else 1)
    assert "host: went on, 0" in text
    for stream in (text, result.stderr.str()):
        assert "was never awaited" not in stream
        assert "Warning" not in stream
        assert "never retrieved" not in stream


# As Playwright's synchronous API does it: the loop runs in a greenlet, and control comes back
# to the main one while that loop is "running" in this thread, for the rest of the session.
GREENLET_HOST = """
import asyncio

import greenlet
import pytest

class Host:
    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.main = greenlet.getcurrent()
        self.fiber = greenlet.greenlet(self._run)
        self.fiber.switch()

    def _run(self):
        self.loop.call_soon(self.main.switch)
        self.loop.run_forever()

    def call(self, coroutine):
        task = self.loop.create_task(coroutine)
        task.add_done_callback(lambda _: self.main.switch())
        while not task.done():
            self.fiber.switch()
        # Just as Playwright does.
        asyncio._set_running_loop(self.loop)
        return task.result()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.fiber.switch()
        self.loop.close()

@pytest.fixture(scope="session")
def host():
    host = Host()
    yield host
    host.stop()

@pytest.fixture
def page(host):
    assert host.call(asyncio.sleep(0.01, "page")) == "page"
    yield host
    assert host.call(asyncio.sleep(0.01, "closed")) == "closed"
"""

GREENLET_SUITE = (
    """
def test_before(page):
    page.call(asyncio.sleep(0.001))
"""
    + SUITE
    + """
def test_host_again(page):
    assert page.call(asyncio.sleep(0.001, 2)) == 2
    assert asyncio.get_running_loop() is page.loop

async def test_after_the_host():
    await asyncio.sleep(0.001)

async def test_beside_the_host(page):
    assert asyncio.get_running_loop() is not page.loop
    await asyncio.sleep(0.001)
    await asyncio.to_thread(len, "")

def test_both(page, event_loop):
    assert page.call(asyncio.sleep(0.001, 3)) == 3
    assert event_loop.run_until_complete(asyncio.sleep(0.001, 4)) == 4
    assert page.call(asyncio.sleep(0.001, 5)) == 5
"""
)


@pytest.mark.parametrize("order", ["host-first", "loop-first"])
def test_a_greenlet_host_in_the_session(run: Example, order: str) -> None:
    """Async tests run before, beside and after tests that use Playwright's sync API."""
    pytest.importorskip("greenlet")
    source = GREENLET_SUITE
    if order == "loop-first":
        # The session's loop is there before the host is.
        source = source.replace(
            "def test_before(page)", "def test_before(session_wide, page)"
        )
    result = run(
        "import asyncio\n" + source,
        "-Werror",
        mode="auto",
        conftest=GREENLET_HOST,
        subprocess=True,
    )
    assert result.ret == 0
    assert "11 passed, 1 xfailed" in result.stdout.str()
    assert "running event loop" not in result.stdout.str()
    assert "Warning" not in result.stderr.str()


@on_linux
def test_failures_beside_a_greenlet_host(run: Example) -> None:
    """A failure, a leak and a deadlock are told as ever; the host works afterwards."""
    pytest.importorskip("greenlet")
    result = run(
        """
        import asyncio

        def test_before(page):
            pass

        async def test_fails():
            await asyncio.sleep(0)
            assert 1 == 2

        async def test_leaks():
            asyncio.create_task(asyncio.sleep(60), name="leaked-one")
            await asyncio.sleep(0)

        async def test_deadlocks():
            await asyncio.Event().wait()

        def test_after(page):
            assert page.call(asyncio.sleep(0.001, 2)) == 2
        """,
        mode="auto",
        conftest=GREENLET_HOST,
        ini="asyncio_leaked_tasks = fail",
        subprocess=True,
        timeout=60,
    )
    result.assert_outcomes(passed=2, failed=3)
    result.stdout.fnmatch_lines(
        ["E       assert 1 == 2", "*'leaked-one'*", "*deadlock: *test_deadlocks waits*"]
    )
    assert "/pytest_asyncio/" not in result.stdout.str()


def test_pytest_inside_an_async_test(run: Example) -> None:
    """An async test that tests a plugin in its own process: a run within a run."""
    result = run(
        """
        import asyncio

        pytest_plugins = "pytester"

        async def test_outer(pytester):
            loop, task = asyncio.get_running_loop(), asyncio.current_task()
            pytester.makepyfile('''
                import asyncio

                import pytest

                @pytest.fixture
                async def resource():
                    yield asyncio.get_running_loop()

                async def test_inner(resource):
                    assert asyncio.get_running_loop() is resource
                    await asyncio.sleep(0.001)
            ''')
            result = pytester.runpytest_inprocess("--asyncio-mode=auto")
            result.assert_outcomes(passed=1)
            assert asyncio.get_running_loop() is loop
            assert asyncio.current_task() is task
            await asyncio.sleep(0.001)

        async def test_after():
            await asyncio.sleep(0.001)
        """,
        mode="auto",
        subprocess=True,
    )
    result.assert_outcomes(passed=2)


RECIPE = """
import asyncio
import pytest
import pytest_asyncio

@pytest.fixture(scope="session")
def event_loop():
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        loop = asyncio.new_event_loop()
    yield loop
    loop.close()

async def test_it(event_loop):
    assert event_loop is asyncio.get_running_loop()
"""

OTHERS = """
import asyncio
import pytest

@pytest.fixture
async def one():
    yield 1

async def test_async(one):
    await asyncio.sleep(0)

def test_synchronous(one):
    assert one == 1
"""


def _run_inside_a_loop(recipe: str, pytester: pytest.Pytester) -> pytest.RunResult:
    """Have a running loop, ``pytest.host``, run an override and then tests that do not see it."""
    host = """
        import asyncio
        import pytest

        async def main():
            pytest.host = asyncio.get_running_loop()
            pytest.main(["-q", "test_recipe.py", "test_others.py"])

        asyncio.run(main())
    """
    pytester.makeini("[pytest]\nasyncio_mode = auto")
    pytester.makepyfile(test_recipe=recipe, test_others=OTHERS, host=host)
    return pytester.runpython(pytester.path / "host.py")


def test_override_that_gives_the_loop_of_the_host_to_synchronous_tests(
    run: Example,
) -> None:
    """These may look at it, and it is nobody else's."""
    recipe = """
        import pytest

        @pytest.fixture(scope="session")
        def event_loop():
            return pytest.host

        @pytest.mark.parametrize("_", [1, 2])
        def test_it(event_loop, _):
            assert event_loop.is_running()
    """
    result = _run_inside_a_loop(recipe, run.pytester)
    result.assert_outcomes(passed=4)


@pytest.mark.parametrize("kept", [False, True])
def test_override_that_prefers_the_loop_of_the_host(run: Example, kept: bool) -> None:
    """It does not see that one. One that gives it all the same is an error, and no other is."""
    recipe = RECIPE
    if kept:
        recipe = recipe.replace(
            "asyncio.get_running_loop()\n    except", "pytest.host\n    except"
        )
        recipe = recipe.replace("    loop.close()\n", "")
    result = _run_inside_a_loop(recipe, run.pytester)
    if kept:
        result.assert_outcomes(passed=2, errors=1)
        result.stdout.fnmatch_lines(
            ["*'event_loop' (test_recipe.py:*) gave the loop that is running already*"]
        )
    else:
        result.assert_outcomes(passed=3)
    assert "/pytest_asyncio/" not in result.stdout.str()


def test_a_test_cannot_run_inside_its_own_loop(run: Example) -> None:
    """Where a test's own loop is running it fails, and says why."""
    result = run(
        """
        import asyncio

        import pytest

        @pytest.fixture
        def running(event_loop):
            asyncio._set_running_loop(event_loop)
            event_loop._thread_id = 1
            yield
            event_loop._thread_id = None
            asyncio._set_running_loop(None)

        async def test_it(running):
            pass
        """,
        mode="auto",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*test_example.py::test_it cannot run: its event loop is running already. *"]
    )
    assert "/pytest_asyncio/" not in result.stdout.str()
