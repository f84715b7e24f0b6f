"""The marker: which tests it makes ours, whose arguments count, and what is wrong in them."""

from __future__ import annotations

import pytest

from pytest_asyncio.markers import MarkError
from pytest_asyncio.markers import parse

from conftest import Example

# Prints which items are ours, once everything is collected and marked.
PRINT_OURS = """
    import pytest
    import pytest_asyncio

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(items):
        ours = [item.name for item in items if pytest_asyncio.is_async_test(item)]
        print("OURS:", " ".join(ours))
"""


# -- which items are ours --------------------------------------------------------------------


EVERY_KIND = """
    import functools
    import unittest
    from hypothesis import given, strategies as st
    import pytest

    def wrapped(function):
        @functools.wraps(function)
        def call(*args, **kwargs):
            return function(*args, **kwargs)
        return call

    async def taking(number): ...

    def mark(function):
        if not isinstance(function, functools.partial):
            return MARK(function)
        # pytest takes a partial for an argument of the marker.
        def carrier(): ...
        function.pytestmark = getattr(MARK(carrier), "pytestmark", [])
        return function

    @mark
    def test_sync(): ...

    @mark
    @wrapped
    def test_wrapped_sync(): ...

    @mark
    async def test_coroutine(): ...

    @mark
    async def test_generator():
        yield

    @mark
    @wrapped
    async def test_wrapped(): ...

    test_partial = mark(functools.partial(taking, number=1))

    @mark
    @given(st.integers())
    async def test_given(n): ...

    @mark
    @given(st.integers())
    def test_given_sync(n): ...

    class TestMethods:
        @mark
        async def test_method(self): ...

        @staticmethod
        @mark
        async def test_static(): ...

        @classmethod
        @mark
        async def test_class(cls): ...

        @mark
        def test_sync_method(self): ...

    class TestPlain(unittest.TestCase):
        @mark
        async def test_unittest(self): ...

    class TestIsolated(unittest.IsolatedAsyncioTestCase):
        @mark
        async def test_isolated(self): ...
"""

EVERY_ASYNC = (
    "test_coroutine test_generator test_wrapped test_partial test_given "
    "test_method test_static test_class"
)


@pytest.mark.parametrize(
    "mode, mark, ours",
    [
        ("strict", "pytest.mark.asyncio", EVERY_ASYNC),
        ("strict", "pytest.mark.asyncio()", EVERY_ASYNC),
        ("strict", "pytest.mark.asyncio(loop_scope='module')", EVERY_ASYNC),
        ("strict", "(lambda function: function)", ""),
        ("auto", "pytest.mark.asyncio", EVERY_ASYNC),
        ("auto", "(lambda function: function)", EVERY_ASYNC),
        ("auto", "pytest.mark.anyio", ""),
        ("auto", "pytest.mark.trio", ""),
    ],
)
def test_is_async_test(run: Example, mode: str, mark: str, ours: str) -> None:
    """``is_async_test`` is true for what we run, in both modes, and for nothing else."""
    result = run(
        EVERY_KIND.replace("MARK", mark),
        "--collect-only",
        "-q",
        # Their plugins may not be there; here it is about the names of their markers.
        "-pno:anyio",
        "-pno:trio",
        mode=mode,
        conftest=PRINT_OURS,
    )
    result.stdout.re_match_lines([f"OURS: {ours}$"])


def test_is_async_test_without_the_plugin(run: Example) -> None:
    """Nothing runs on asyncio then, whatever is marked."""
    result = run(
        EVERY_KIND.replace("MARK", "pytest.mark.asyncio"),
        "--collect-only",
        "-q",
        "-pno:asyncio",
        conftest=PRINT_OURS,
        subprocess=True,
    )
    result.stdout.re_match_lines(["OURS: $"])


def test_is_async_test_of_foreign_items(run: Example) -> None:
    """An item that is not a function is not ours, whatever its markers."""
    conftest = """
        import pytest
        import pytest_asyncio

        class Item(pytest.Item):
            def runtest(self):
                for each in (self, None, [], self.runtest):
                    assert not pytest_asyncio.is_async_test(each)

        class File(pytest.File):
            def collect(self):
                item = Item.from_parent(self, name="one")
                item.add_marker(pytest.mark.asyncio)
                yield item

        def pytest_collect_file(parent, file_path):
            if file_path.suffix == ".txt":
                return File.from_parent(parent, path=file_path)
    """
    for mode in ("strict", "auto"):
        result = run("", mode=mode, conftest=conftest, files={"one.txt": ""})
        result.assert_outcomes(passed=1)


# -- where the marker may stand ---------------------------------------------------------------


@pytest.mark.parametrize("mode", ["strict", "auto"])
@pytest.mark.parametrize(
    "source",
    [
        """
        @pytest.mark.asyncio
        async def test_here():
            RUNS_IN_A_TASK
        """,
        """
        @pytest.mark.asyncio()
        async def test_here():
            RUNS_IN_A_TASK
        """,
        """
        pytestmark = pytest.mark.asyncio

        async def test_here():
            RUNS_IN_A_TASK
        """,
        """
        pytestmark = [pytest.mark.filterwarnings("error"), pytest.mark.asyncio]

        async def test_here():
            RUNS_IN_A_TASK
        """,
        """
        @pytest.mark.asyncio
        class TestHere:
            async def test_here(self):
                RUNS_IN_A_TASK
        """,
        """
        class TestHere:
            pytestmark = pytest.mark.asyncio

            async def test_here(self):
                RUNS_IN_A_TASK
        """,
        """
        @pytest.mark.asyncio
        class Base:
            async def test_here(self):
                RUNS_IN_A_TASK

        class TestHere(Base):
            pass
        """,
        """
        class TestHere:
            @pytest.mark.asyncio
            @staticmethod
            async def test_here():
                RUNS_IN_A_TASK
        """,
        """
        class TestHere:
            @staticmethod
            @pytest.mark.asyncio
            async def test_here():
                RUNS_IN_A_TASK
        """,
        """
        class TestHere:
            @classmethod
            @pytest.mark.asyncio
            async def test_here(cls):
                RUNS_IN_A_TASK
        """,
        """
        @pytest.mark.parametrize(
            "number", [pytest.param(1, marks=pytest.mark.asyncio)]
        )
        async def test_here(number):
            RUNS_IN_A_TASK
        """,
    ],
    ids=[
        "function",
        "with-parentheses",
        "module",
        "module-list",
        "class",
        "class-pytestmark",
        "inherited",
        "on-staticmethod",
        "in-staticmethod",
        "in-classmethod",
        "parameter",
    ],
)
def test_places_of_the_marker(run: Example, source: str, mode: str) -> None:
    """The test runs as a task wherever pytest lets the marker stand."""
    head = """
        import asyncio
        import pytest
    """
    body = "assert asyncio.current_task() is not None"
    run(head + source.replace("RUNS_IN_A_TASK", body), mode=mode).assert_outcomes(
        passed=1
    )


def test_marker_on_one_parameter(run: Example) -> None:
    """A marker on one parameter set is for that set alone."""
    result = run(
        """
        import pytest

        @pytest.mark.parametrize(
            "number", [pytest.param(1, marks=pytest.mark.asyncio), 2]
        )
        async def test_here(number): ...
        """
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines("FAILED test_example.py::test_here[[]2[]] *")


def test_marker_of_auto_mode_is_as_a_users(run: Example) -> None:
    """It is where markers are, and of the same types."""
    result = run(
        """
        import pytest

        class TestIt:
            async def test_ours(self, request):
                self.check(request.node)

            @pytest.mark.asyncio
            async def test_users(self, request):
                self.check(request.node)

            def check(self, item):
                mark = item.get_closest_marker("asyncio")
                assert item.own_markers == [mark] == [pytest.mark.asyncio.mark]
                assert type(item.keywords["asyncio"]) is type(mark)
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=2)


def test_parent_that_is_marked_between_two_tests(run: Example) -> None:
    """Auto mode sees the marker of another framework as soon as it is there."""
    result = run(
        """
        async def test_one(): ...
        async def test_two(): ...
        """,
        "--collect-only",
        conftest=PRINT_OURS
        + """
    def pytest_itemcollected(item):
        if item.name == "test_one":
            item.parent.add_marker("trio")
""",
        ini="markers = trio",
        mode="auto",
    )
    result.stdout.fnmatch_lines(["OURS: test_one"])


def test_function_that_a_plugin_replaces(run: Example) -> None:
    """What takes the place of an async function is not async for having been it."""
    result = run(
        """
        import asyncio
        import pytest

        @pytest.fixture
        async def left():
            async def fail():
                raise ValueError("boom")
            return asyncio.get_running_loop(), fail

        async def test_it(left): ...
        """,
        conftest="""
        import asyncio

        tasks = []

        def body(left):
            loop, fail = left
            tasks.append(loop.create_task(fail()))
            loop.run_until_complete(asyncio.sleep(0))

        def pytest_collection_modifyitems(items):
            for item in items:
                item.obj = body
        """,
        mode="auto",
    )
    result.stdout.fnmatch_lines(["*PytestAsyncioUnhandledExceptionWarning*"])


@pytest.mark.parametrize("append", [True, False])
@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_marker_added_in_a_collection_hook(
    run: Example, mode: str, append: bool
) -> None:
    """A marker that a collection hook adds counts, and wins over that of auto mode."""
    result = run(
        """
        import asyncio

        loops = set()

        async def test_1():
            loops.add(asyncio.get_running_loop())

        async def test_2():
            loops.add(asyncio.get_running_loop())
            assert len(loops) == 1
        """,
        mode=mode,
        conftest=f"""
            import pytest

            def pytest_collection_modifyitems(items):
                for item in items:
                    mark = pytest.mark.asyncio(loop_scope="session")
                    item.add_marker(mark, append={append})
        """,
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_closest_marker_wins(run: Example, mode: str) -> None:
    """Of several markers the closest one counts: function, class, module."""
    run(
        """
        import asyncio
        import pytest

        pytestmark = pytest.mark.asyncio(loop_scope="module")
        of_module = []
        of_class = []

        async def test_module_1():
            of_module.append(asyncio.get_running_loop())

        @pytest.mark.asyncio(loop_scope="class")
        class TestClass:
            async def test_class_1(self):
                of_class.append(asyncio.get_running_loop())
                assert asyncio.get_running_loop() not in of_module

            async def test_class_2(self):
                assert asyncio.get_running_loop() in of_class

            @pytest.mark.asyncio(loop_scope="module")
            async def test_module_2(self):
                assert asyncio.get_running_loop() in of_module

            @pytest.mark.asyncio(loop_scope="function")
            async def test_function(self):
                assert asyncio.get_running_loop() not in of_class + of_module

            @pytest.mark.asyncio
            async def test_bare(self):
                # The bare marker is the closest, and says no scope.
                assert asyncio.get_running_loop() not in of_class + of_module

        @pytest.mark.parametrize(
            "marked",
            [pytest.param(1, marks=pytest.mark.asyncio(loop_scope="function"))],
        )
        async def test_parameter(marked):
            assert asyncio.get_running_loop() not in of_module

        @pytest.mark.asyncio(loop_scope="function")
        @pytest.mark.parametrize(
            "marked",
            [pytest.param(1, marks=pytest.mark.asyncio(loop_scope="module")), 2],
        )
        async def test_marked_parameter(marked):
            assert (asyncio.get_running_loop() in of_module) is (marked == 1)

        @pytest.mark.asyncio(loop_scope="module")
        @pytest.mark.parametrize("marked", [pytest.param(1, marks=pytest.mark.asyncio)])
        async def test_parameter_without_arguments(marked):
            assert asyncio.get_running_loop() in of_module
        """,
        mode=mode,
    ).assert_outcomes(passed=10)


def test_a_hook_has_the_last_word_on_a_marked_parameter(run: Example) -> None:
    """What it puts before all other markers counts."""
    run(
        """
        import asyncio

        import pytest

        @pytest.mark.asyncio
        @pytest.mark.parametrize(
            "marked", [pytest.param(1, marks=pytest.mark.asyncio(loop_scope="class"))]
        )
        async def test_it(marked, request):
            request.config.stash["loop"] = asyncio.get_running_loop()

        @pytest.mark.asyncio(loop_scope="session")
        async def test_after(request):
            assert request.config.stash["loop"] is asyncio.get_running_loop()
        """,
        conftest="""
        import pytest

        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
        """,
    ).assert_outcomes(passed=2)


def test_marker_is_registered(run: Example) -> None:
    """The marker is known to ``--strict-markers``, and ``--markers`` explains it."""
    source = """
        import pytest

        @pytest.mark.asyncio
        async def test_one(): ...
    """
    run(source, "--strict-markers").assert_outcomes(passed=1)
    result = run(source, "--markers")
    result.stdout.fnmatch_lines(
        "@pytest.mark.asyncio([*], loop_scope=None, loop_factories=None): "
        "run the async test on asyncio.*"
    )


def test_tests_can_be_selected_by_marker(run: Example) -> None:
    """``-m asyncio`` selects what is marked, in auto mode every async test."""
    result = run(
        """
        async def test_async(): ...
        def test_sync(): ...
        """,
        "-masyncio",
        mode="auto",
    )
    result.assert_outcomes(passed=1, deselected=1)


# -- its arguments ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark", "loop_scope", "loop_factories"),
    [
        (pytest.mark.asyncio, None, None),
        (pytest.mark.asyncio(loop_scope="class"), "class", None),
        (pytest.mark.asyncio(loop_factories=["a", "b"]), None, ("a", "b")),
        (pytest.mark.asyncio(scope="class"), "class", None),
        # Releases up to 0.23 take it and ignore it.
        (pytest.mark.asyncio(forbid_global_loop=True), None, None),
    ],
    ids=["nothing", "loop_scope", "loop_factories", "scope", "forbid_global_loop"],
)
def test_parsed_arguments(
    mark: pytest.MarkDecorator,
    loop_scope: str | None,
    loop_factories: tuple[str, ...] | None,
) -> None:
    """What the marker says is the value of its arguments, and what is left out is None."""
    said = parse(mark.mark)
    assert (said.loop_scope, said.loop_factories) == (loop_scope, loop_factories)
    assert said.mark is mark.mark
    assert not said.problem


def test_what_is_wrong_is_told_once_for_all_parameters(run: Example) -> None:
    """A warning about a marker is one for the function, however many variants there are."""
    result = run(
        """
        import pytest

        @pytest.mark.asyncio
        @pytest.mark.parametrize("n", range(5))
        def test_sync(n): ...

        @pytest.mark.asyncio(scope="function")
        @pytest.mark.parametrize("n", range(5))
        async def test_it(n): ...
        """,
        "-Wdefault",
    )
    result.assert_outcomes(passed=10, warnings=10)
    told = [line for line in result.outlines if "Warning: " in line]
    assert len(told) == 2
    result.stdout.fnmatch_lines(
        [
            "*PytestAsyncioWarning: The test test_example.py::test_sync is marked *",
            '*PytestDeprecationWarning: The "scope" *, for test_example.py::test_it.*',
        ]
    )


def test_place_of_an_inherited_test(run: Example) -> None:
    """A warning, and an error, of a test that is inherited points at its lines."""
    source = """
        from base import Base

        class TestIt(Base):
            pass
    """
    base = """
        import pytest

        class Base:
            @pytest.mark.asyncio(scope="class")
            async def test_it(self): ...
    """
    result = run(source, "-Wdefault", files={"base.py": base})
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*base.py:5: PytestDeprecationWarning: *"])
    result = run(source, "-Werror", files={"base.py": base})
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            '>*@pytest.mark.asyncio(scope="class")',
            "base.py:5: PytestDeprecationWarning",
        ]
    )


def test_deprecated_argument_as_an_error(run: Example) -> None:
    """Where warnings are errors, the line that is shown is the test's."""
    result = run(
        """
        import pytest

        @pytest.mark.asyncio(scope="function")
        async def test_it(): ...
        """,
        "-Werror",
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            '>   @pytest.mark.asyncio(scope="function")',
            'E   *PytestDeprecationWarning: The "scope" *, for test_example.py::test_it.*',
            "test_example.py:4: PytestDeprecationWarning",
        ]
    )
    result.stdout.no_fnmatch_line("*entries are hidden*")
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")


def test_deprecated_argument_where_a_suite_makes_errors_of_all_warnings(
    run: Example,
) -> None:
    """It stays green, as on 0.23.8, which knew no other name; unless it names the category."""
    source = """
        import pytest

        @pytest.mark.asyncio(scope="function")
        async def test_it(): ...
    """
    told = '*PytestDeprecationWarning: The "scope" *, for test_example.py::test_it.*'
    result = run(source, ini="filterwarnings = error")
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(told)
    for category in ("DeprecationWarning", "pytest.PytestDeprecationWarning"):
        result = run(source, ini=f"filterwarnings = error::{category}")
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(f"E   {told}")


def test_unknown_argument() -> None:
    """An argument that the marker does not take is an error, not nothing."""
    with pytest.raises(MarkError, match="no argument 'looop_scope'"):
        parse(pytest.mark.asyncio(looop_scope="class").mark)


SCOPES = "session, package, module, class, function"


@pytest.mark.parametrize(
    "arguments, problem",
    [
        ("'session'", "'session' is given by position"),
        ("None", "None is given by position"),
        (
            "looop_scope='session'",
            (
                "there is no argument 'looop_scope'; the arguments are loop_scope, "
                "loop_factories"
            ),
        ),
        (
            "loop_scope='sesion'",
            f"'sesion' is not a valid loop_scope; valid are {SCOPES}",
        ),
        ("loop_scope=1", f"1 is not a valid loop_scope; valid are {SCOPES}"),
        ("loop_scope={}", f"{{}} is not a valid loop_scope; valid are {SCOPES}"),
        ("scope='test'", f"'test' is not a valid loop_scope; valid are {SCOPES}"),
        (
            "scope='module', loop_scope='module'",
            "scope is the old name of loop_scope, and both are given; leave out scope",
        ),
        (
            "loop_factories='uvloop'",
            "loop_factories has to be a non-empty sequence of names, not 'uvloop'",
        ),
        (
            "loop_factories=[]",
            "loop_factories has to be a non-empty sequence of names, not []",
        ),
        (
            "loop_factories=['']",
            "loop_factories has to be a non-empty sequence of names, not ['']",
        ),
        (
            "loop_factories=[1, 2]",
            "loop_factories has to be a non-empty sequence of names, not [1, 2]",
        ),
        (
            "loop_factories={'a', }",
            "loop_factories has to be a non-empty sequence of names, not {'a'}",
        ),
    ],
)
@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_wrong_arguments(run: Example, mode: str, arguments: str, problem: str) -> None:
    """Wrong arguments fail the test that has them, by name, and no other test."""
    result = run(
        f"""
        import pytest

        @pytest.mark.asyncio({arguments})
        async def test_wrong():
            raise SystemExit("must not run")

        @pytest.mark.asyncio
        async def test_right(): ...
        """,
        "--tb=short",
        mode=mode,
    )
    result.assert_outcomes(passed=1, errors=1)
    expected = f"test_example.py::test_wrong: wrong arguments in pytest.mark.asyncio: {problem}."
    printed = [line.removeprefix("E   ").strip() for line in result.outlines]
    assert expected in printed
    assert (
        "It takes loop_scope (function, class, module, package or session) and "
        "loop_factories (a sequence of names), by keyword."
    ) in printed
    result.stdout.no_fnmatch_line("*.py:[0-9]*: *")
    result.stdout.no_fnmatch_line("*During handling of the above exception*")


def test_wrong_arguments_that_do_not_count(run: Example) -> None:
    """A marker that a closer one overrules is not looked at."""
    run(
        """
        import pytest

        pytestmark = pytest.mark.asyncio(loop_scope="nonsense")

        @pytest.mark.asyncio(loop_scope="module")
        async def test_right(): ...
        """
    ).assert_outcomes(passed=1)


@pytest.mark.parametrize("place", ["function", "class", "module"])
def test_scope_is_a_deprecated_alias(run: Example, place: str) -> None:
    """``scope`` means ``loop_scope``, and a warning at the test says to write that."""
    mark = '@pytest.mark.asyncio(scope="module")'
    source = f"""
import asyncio
import pytest

{"pytestmark = " + mark[1:] if place == "module" else "#"}
loops = set()

{mark if place == "class" else "#"}
class TestScope:
    {mark if place == "function" else "#"}
    @pytest.mark.parametrize("number", [1, 2])
    async def test_scope(self, number):
        loops.add(asyncio.get_running_loop())
        assert len(loops) == 1
"""
    result = run(source, "-Wdefault")
    result.assert_outcomes(passed=2, warnings=2)
    first = 10 if place == "function" else 11
    result.stdout.fnmatch_lines(
        f"*test_example.py:{first}: PytestDeprecationWarning: "
        'The "scope" keyword argument to the asyncio marker has been deprecated: write '
        "loop_scope instead, for test_example.py::TestScope::test_scope."
    )


def test_filters_of_suites_for_the_words_of_warnings(run: Example) -> None:
    """Both begin as in earlier releases, as public suites have them in their filters."""
    source = """
        import pytest

        @pytest.mark.asyncio
        def test_sync(): ...

        @pytest.mark.asyncio(scope="module")
        async def test_scope(): ...
        """
    filters = """
        filterwarnings =
            error::pytest.PytestWarning
            error::DeprecationWarning
        """
    run(source, ini=filters).assert_outcomes(failed=1, errors=1)
    filters += """
            ignore:.*marked with '@pytest\\.mark\\.asyncio' but it is not an async function.*
            ignore:The "scope" keyword argument to the asyncio marker has been deprecated
        """
    run(source, ini=filters).assert_outcomes(passed=2)


# -- on what is synchronous --------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_marker_on_a_sync_function(run: Example, mode: str) -> None:
    """A plainly synchronous function runs, with a warning at it that names it."""
    result = run(
        """
        import pytest

        ran = []

        @pytest.mark.asyncio
        def test_sync():
            ran.append(1)

        class TestSync:
            @pytest.mark.asyncio
            def test_method(self):
                ran.append(2)

        def test_ran():
            assert ran == [1, 2]
        """,
        "-Wdefault",
        mode=mode,
    )
    result.assert_outcomes(passed=3, warnings=2)
    text = (
        "is marked with '@pytest.mark.asyncio' but it is not an async function. It ran as an "
        "ordinary test: remove the mark, or make the test async."
    )
    result.stdout.fnmatch_lines(
        [
            (
                "*test_example.py:6: PytestAsyncioWarning: "
                f"The test test_example.py::test_sync {text}"
            ),
            (
                "*test_example.py:11: PytestAsyncioWarning: "
                f"The test test_example.py::TestSync::test_method {text}"
            ),
        ]
    )


def test_marker_on_a_sync_function_as_an_error(run: Example) -> None:
    """The warning can be made an error; it then fails the test."""
    result = run(
        """
        import pytest

        @pytest.mark.asyncio
        def test_sync(): ...
        """,
        "-Werror::pytest_asyncio.PytestAsyncioWarning",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        "*PytestAsyncioWarning: The test test_example.py::test_sync is*"
    )
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")


def test_marker_on_a_sync_function_that_fails(run: Example) -> None:
    """A synchronous function that fails does so, with its own frames alone."""
    result = run(
        """
        import pytest

        @pytest.mark.asyncio
        def test_sync():
            assert 1 == 2

        @pytest.mark.asyncio
        def test_skipped():
            pytest.skip("for a reason")
        """
    )
    result.assert_outcomes(failed=1, skipped=1)
    result.stdout.fnmatch_lines(["E       assert 1 == 2", "test_example.py:6: *"])
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")


@pytest.mark.parametrize(
    "source",
    [
        """
        pytestmark = pytest.mark.asyncio

        def test_sync(): ...

        class TestSync:
            def test_method(self): ...
        """,
        """
        @pytest.mark.asyncio
        class TestSync:
            def test_method(self): ...

        class TestNested:
            pytestmark = [pytest.mark.asyncio]

            class TestInner:
                def test_method(self): ...
        """,
    ],
    ids=["module", "class"],
)
def test_marker_of_module_or_class_covers_sync_functions(
    run: Example, source: str
) -> None:
    """Nothing warns about synchronous tests whose class or module carries the marker."""
    result = run("        import pytest\n" + source, "-Werror")
    result.assert_outcomes(passed=2)


def test_sync_function_with_marker_that_returns_something(run: Example) -> None:
    """pytest's own complaint about a return value is not lost."""
    result = run(
        """
        import pytest

        pytestmark = pytest.mark.asyncio

        def test_sync():
            return 1
        """,
        "-Wdefault",
    )
    text = "Test functions should return None, but test_example.py::test_sync returned"
    if hasattr(pytest, "PytestReturnNotNoneWarning"):
        result.assert_outcomes(passed=1, warnings=1)
        text = f"*test_example.py:6: PytestReturnNotNoneWarning: {text}"
    else:
        result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(f"{text} 'int'. Did you mean *")
    result.stdout.no_fnmatch_line("*pytest_asyncio/*.py*")


def test_marked_sync_function_gets_its_fixtures(run: Example) -> None:
    """A marked synchronous test has its fixtures and parameters like any other."""
    run(
        """
        import pytest
        import pytest_asyncio

        pytestmark = pytest.mark.asyncio

        @pytest_asyncio.fixture
        async def one():
            return 1

        @pytest.mark.parametrize("two", [2])
        def test_sync(one, two):
            assert (one, two) == (1, 2)
        """
    ).assert_outcomes(passed=1)
