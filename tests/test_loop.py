"""Event loops: which one a test and its fixtures run in, and how long it lives."""

from __future__ import annotations

import asyncio
import sys
import textwrap

import pytest

from pytest_asyncio.loop import Loops

from conftest import Example

# The conftest.py of most projects here. A test or fixture calls `ran(name)` to say that it ran
# in the loop that is running, or that is current. A last line shows who shared a loop.
RECORDER = """
import asyncio
import warnings

import pytest

LOOPS = []  # Keeps them alive, so that no two have the same id.
NAMES = {}


@pytest.fixture(scope="session")
def ran():
    def ran(name):
        loop = asyncio._get_running_loop() or asyncio.get_event_loop()
        LOOPS.append(loop)
        NAMES.setdefault(id(loop), []).append(name)

    return ran


def pytest_terminal_summary(terminalreporter):
    groups = sorted(" ".join(sorted(set(names))) for names in NAMES.values())
    terminalreporter.write_line("loops: " + " | ".join(groups))
"""


def together(result: pytest.RunResult) -> str:
    """Who shared a loop: names that `ran` was called with, ``"a b | c"``."""
    lines = [line for line in result.outlines if line.startswith("loops: ")]
    assert len(lines) == 1, result.stdout.str()
    return lines[0].removeprefix("loops: ")


def no_frame_of_ours(result: pytest.RunResult) -> bool:
    """Whether no file of the plugin shows in what pytest printed."""
    return "pytest_asyncio/" not in result.stdout.str().replace("\\", "/")


# -- scopes of tests ---------------------------------------------------------------------------

# Two packages, one in the other, with a class and functions in several modules.
TREE = {
    "test_top.py": """
        async def test_top(ran):
            ran("top")
        """,
    "outer/__init__.py": "",
    "outer/test_first.py": """
        class TestClass:
            async def test_one(self, ran):
                ran("one")

            async def test_two(self, ran):
                ran("two")

        class TestOther:
            async def test_three(self, ran):
                ran("three")

        async def test_four(ran):
            ran("four")
        """,
    "outer/test_second.py": """
        async def test_five(ran):
            ran("five")
        """,
    "outer/inner/__init__.py": "",
    "outer/inner/test_third.py": """
        async def test_six(ran):
            ran("six")
        """,
}

EXPECTED = {
    "function": "five | four | one | six | three | top | two",
    "class": "five | four | one two | six | three | top",
    "module": "five | four one three two | six | top",
    "package": "five four one three two | six | top",
    "session": "five four one six three top two",
}


@pytest.mark.parametrize("scope", EXPECTED)
def test_marker_says_the_scope_of_the_loop(run: Example, scope: str) -> None:
    """Tests with a loop_scope share one loop within that scope, and only there."""
    files = {
        name: f"import pytest\npytestmark = pytest.mark.asyncio(loop_scope={scope!r})\n"
        + textwrap.dedent(text)
        if text
        else ""
        for name, text in TREE.items()
    }
    result = run(files=files, conftest=RECORDER, mode="strict")
    result.assert_outcomes(passed=7)
    assert together(result) == EXPECTED[scope]


@pytest.mark.parametrize("scope", EXPECTED)
def test_option_says_the_scope_of_the_loop(run: Example, scope: str) -> None:
    """Tests that say no loop_scope have that of asyncio_default_test_loop_scope."""
    result = run(
        files=TREE,
        conftest=RECORDER,
        mode="auto",
        ini=f"asyncio_default_test_loop_scope = {scope}",
    )
    result.assert_outcomes(passed=7)
    assert together(result) == EXPECTED[scope]


def test_a_test_without_fixtures_has_a_loop_of_its_own(run: Example) -> None:
    """Where nothing is said, and no async fixture is shared, no loop is shared."""
    result = run(files=TREE, conftest=RECORDER, mode="auto")
    result.assert_outcomes(passed=7)
    assert together(result) == EXPECTED["function"]


def test_closest_marker_says_the_scope(run: Example) -> None:
    """A test's own marker wins over that of its class, and this over the module's."""
    result = run(
        """
        import pytest

        pytestmark = pytest.mark.asyncio(loop_scope="module")

        async def test_module(ran):
            ran("module")

        @pytest.mark.asyncio(loop_scope="class")
        class TestClass:
            async def test_one(self, ran):
                ran("one")

            async def test_two(self, ran):
                ran("two")

            @pytest.mark.asyncio(loop_scope="module")
            async def test_three(self, ran):
                ran("three")

            @pytest.mark.asyncio(loop_scope="function")
            async def test_four(self, ran):
                ran("four")
        """,
        conftest=RECORDER,
    )
    result.assert_outcomes(passed=5)
    assert together(result) == "four | module three | one two"


# -- precedence ------------------------------------------------------------------------------

# What each test says beyond its name, and what decides then.
PRECEDENCE = """
import asyncio
import pytest
import pytest_asyncio

{override}

@pytest_asyncio.fixture(scope="module")
async def cached(ran):
    ran("cached")

{mark}
async def test_one(ran{uses}):
    ran("one")

{mark}
async def test_two(ran{uses}):
    ran("two")

@pytest.mark.asyncio(loop_scope="session")
async def test_session(ran):
    ran("session")
"""

OVERRIDE = """
@pytest.fixture(scope="module")
def event_loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()
"""


@pytest.mark.parametrize(
    "mark, override, ini, uses, expected",
    [
        pytest.param("", "", "", "", "one | session | two", id="nothing"),
        pytest.param("", "", "", "cached", "cached one two | session", id="plan"),
        pytest.param("", "", "session", "", "one session two", id="ini"),
        pytest.param(
            "", "", "session", "cached", "cached one session two", id="ini>plan"
        ),
        pytest.param(
            "", OVERRIDE, "session", "", "one two | session", id="override>ini"
        ),
        pytest.param(
            "",
            OVERRIDE,
            "session",
            "cached",
            "cached one two | session",
            id="override>plan",
        ),
        pytest.param(
            "session", OVERRIDE, "function", "", "one session two", id="mark>override"
        ),
        pytest.param("module", "", "session", "", "one two | session", id="mark>ini"),
        pytest.param("session", "", "", "", "one session two", id="mark"),
        pytest.param(
            "session", "", "", "cached", "cached one session two", id="mark>plan"
        ),
    ],
)
def test_precedence_for_tests(
    run: Example, mark: str, override: str, ini: str, uses: str, expected: str
) -> None:
    """The marker wins over event_loop, that over the option, and this over the plan."""
    source = PRECEDENCE.format(
        override=override,
        mark=f"@pytest.mark.asyncio(loop_scope={mark!r})" if mark else "",
        uses=f", {uses}" if uses else "",
    )
    result = run(
        source,
        conftest=RECORDER,
        mode="auto",
        ini=f"asyncio_default_test_loop_scope = {ini}" if ini else "",
    )
    result.assert_outcomes(passed=3)
    assert together(result) == expected


FIXTURE_PRECEDENCE = """
import asyncio
import pytest
import pytest_asyncio

{override}

@pytest_asyncio.fixture(scope="module"{loop_scope})
async def cached(ran):
    ran("cached")
    yield
    ran("cached")

@pytest_asyncio.fixture{call}
async def plain(ran):
    ran("plain")

async def test_user(ran, cached, plain):
    ran("test")

@pytest.mark.asyncio(loop_scope="module")
async def test_module(ran):
    ran("module")

@pytest.mark.asyncio(loop_scope="session")
async def test_session(ran):
    ran("session")
"""


@pytest.mark.parametrize(
    "loop_scope, override, ini, expected",
    [
        pytest.param("", "", "", "cached module plain test | session", id="plan"),
        pytest.param("", "", "session", "cached plain session test | module", id="ini"),
        pytest.param(
            "", "", "package", "cached plain session test | module", id="package"
        ),
        pytest.param(
            "", "", "function", "cached module plain test | session", id="lifted"
        ),
        pytest.param(
            "", "", "class", "cached module plain test | session", id="lifted-2"
        ),
        pytest.param(
            "",
            "",
            "fixture-scope",
            "cached module plain test | session",
            id="fixture-scope",
        ),
        pytest.param(
            "",
            OVERRIDE,
            "session",
            "cached plain test | module | session",
            id="override>ini",
        ),
        pytest.param(
            "session",
            OVERRIDE,
            "module",
            "cached plain session | module | test",
            id="own",
        ),
        pytest.param(
            "session", "", "module", "cached plain session test | module", id="own>ini"
        ),
    ],
)
def test_precedence_for_fixtures(
    run: Example, loop_scope: str, override: str, ini: str, expected: str
) -> None:
    """A fixture's loop_scope wins over event_loop, that over the option, over the plan.

    The option is lifted to the scope that the fixture is cached for.
    """
    source = FIXTURE_PRECEDENCE.format(
        override=override,
        loop_scope=f", loop_scope={loop_scope!r}" if loop_scope else "",
        call=f"(loop_scope={loop_scope!r})" if loop_scope else "",
    )
    result = run(
        source,
        conftest=RECORDER,
        mode="auto",
        ini=f"asyncio_default_fixture_loop_scope = {ini}" if ini else "",
    )
    result.assert_outcomes(passed=3)
    if ini in {"function", "class", "fixture-scope"} and not override:
        # Both tests of the module share the loop of the module.
        expected = "cached module plain test | session"
    assert together(result) == expected


@pytest.mark.parametrize("scope", ["session", "package", "module", "class", "function"])
@pytest.mark.parametrize(
    "loop_scope", ["session", "package", "module", "class", "function"]
)
def test_loop_of_a_fixture_lasts_as_long_as_the_fixture(
    run: Example, scope: str, loop_scope: str
) -> None:
    """A loop_scope wider than the scope works; a narrower one is an error, in users' words."""
    scopes = ["session", "package", "module", "class", "function"]
    result = run(
        files={
            "package/__init__.py": "",
            "package/test_example.py": f"""
                import asyncio
                import pytest
                import pytest_asyncio

                @pytest_asyncio.fixture(scope={scope!r}, loop_scope={loop_scope!r})
                async def loop():
                    loop = asyncio.get_running_loop()
                    yield loop
                    assert asyncio.get_running_loop() is loop

                class TestClass:
                    @pytest.mark.asyncio(loop_scope={loop_scope!r})
                    async def test_one(self, loop):
                        assert asyncio.get_running_loop() is loop
            """,
        }
    )
    if scopes.index(loop_scope) <= scopes.index(scope):
        result.assert_outcomes(passed=1)
    else:
        result.assert_outcomes(errors=1)
        wider = "" if scope == "session" else " or a wider one"
        result.stdout.fnmatch_lines(
            [
                (
                    "ScopeMismatch: the fixture 'loop' (package?test_example.py:6) has "
                    f"scope={scope!r}, but loop_scope={loop_scope!r}: its event loop would end "
                    "before it does."
                ),
                f"Write loop_scope={scope!r}{wider}, or leave loop_scope out.",
            ]
        )
        assert no_frame_of_ours(result)


# -- the plan ----------------------------------------------------------------------------------


def test_pool_connections_and_plain_tests(run: Example) -> None:
    """A session-wide pool, connections per test and plain tests need no configuration."""
    result = run(
        files={
            "test_a.py": """
                async def test_one(connection):
                    assert await connection.ask(1) == 1

                async def test_two(connection):
                    assert await connection.ask(2) == 2

                async def test_plain():
                    pass

                def test_sync():
                    pass
                """,
            "test_b.py": """
                import pytest

                class TestClass:
                    async def test_three(self, connection):
                        assert await connection.ask(3) == 3

                    def test_sync(self, connection, event_loop):
                        assert event_loop.run_until_complete(connection.ask(4)) == 4
                """,
        },
        conftest="""
        import asyncio
        import pytest

        class Pool:
            def __init__(self):
                self.queue = asyncio.Queue()
                self.served = 0

            async def serve(self):
                while True:
                    question, answer = await self.queue.get()
                    self.served += 1
                    answer.set_result(question)

        class Connection:
            def __init__(self, pool):
                self.pool = pool

            async def ask(self, question):
                answer = asyncio.get_running_loop().create_future()
                await self.pool.queue.put((question, answer))
                return await answer

        @pytest.fixture(scope="session")
        async def pool():
            pool = Pool()
            async with asyncio.TaskGroup() as group:
                task = group.create_task(pool.serve())
                yield pool
                assert pool.served == 4
                task.cancel()

        @pytest.fixture
        async def connection(pool):
            yield Connection(pool)
            await asyncio.sleep(0)
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=6)


TWO_CACHED = """
import asyncio
import pytest

@pytest.fixture(scope="module")
async def narrow(ran):
    ran("narrow")
    yield
    ran("narrow")

async def test_narrow(ran, narrow):
    ran("test-narrow")

async def test_wide(ran, wide):
    ran("test-wide")
"""

WIDE = """
@pytest.fixture(scope="session")
async def wide(ran):
    ran("wide")
    yield
    ran("wide")
"""

JOIN = """
async def test_both(ran, narrow, wide):
    ran("test-both")
"""


def test_fixtures_that_no_test_joins_have_a_loop_each(run: Example) -> None:
    """A module's fixture and the session's are apart as long as no test uses both."""
    result = run(TWO_CACHED, conftest=RECORDER + WIDE, mode="auto")
    result.assert_outcomes(passed=2)
    assert together(result) == "narrow test-narrow | test-wide wide"


def test_fixtures_that_a_third_test_joins_share_a_loop(run: Example) -> None:
    """One test that uses both puts both fixtures in one loop, and all that use either."""
    result = run(TWO_CACHED + JOIN, conftest=RECORDER + WIDE, mode="auto")
    result.assert_outcomes(passed=3)
    assert together(result) == "narrow test-both test-narrow test-wide wide"


def test_fixtures_are_joined_through_other_fixtures(run: Example) -> None:
    """A fixture that requests another one joins the two, sync fixtures between included."""
    result = run(
        """
        import pytest

        @pytest.fixture(scope="module")
        async def inner(ran, wide):
            ran("inner")

        @pytest.fixture
        def between(inner):
            pass

        @pytest.fixture
        async def outer(ran, between):
            ran("outer")

        async def test_one(ran, outer):
            ran("one")
        """,
        conftest=RECORDER + WIDE,
        mode="auto",
    )
    result.assert_outcomes(passed=1)
    assert together(result) == "inner one outer wide"


@pytest.mark.parametrize("loop_scope", ["", ', loop_scope="class"'])
def test_class_inside_a_class_shares_its_loop(run: Example, loop_scope: str) -> None:
    """pytest keeps a fixture of class scope for the classes inside the class, too."""
    result = run(
        f"""
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="class"{loop_scope})
        async def wide(ran):
            ran("wide")

        class TestOuter:
            async def test_outer(self, ran, wide):
                ran("outer")

            class TestInner:
                async def test_inner(self, ran, wide):
                    ran("inner")

                @pytest.mark.asyncio(loop_scope="class")
                async def test_asking(self, ran):
                    ran("asking")

        class TestOther:
            async def test_other(self, ran, wide):
                ran("other")
        """,
        conftest=RECORDER,
        mode="auto",
    )
    result.assert_outcomes(passed=4)
    assert together(result) == "asking inner outer wide | other wide"


def test_autouse_fixture_joins_all_tests_that_see_it(run: Example) -> None:
    """Tests share the loop of an autouse fixture although they do not name it."""
    result = run(
        """
        async def test_one(ran):
            ran("one")

        class TestClass:
            async def test_two(self, ran):
                ran("two")
        """,
        conftest=RECORDER
        + """
@pytest.fixture(scope="session", autouse=True)
async def wide(ran):
    ran("wide")
""",
        mode="auto",
    )
    result.assert_outcomes(passed=2)
    assert together(result) == "one two wide"


@pytest.mark.parametrize(
    "scope, expected",
    [
        ("session", "five four one six three top two wide"),
        ("package", "five four one six three two wide | top wide"),
        ("module", "five wide | four one three two wide | six wide | top wide"),
        (
            "class",
            "five wide | four wide | one two wide | six wide | three wide | top wide",
        ),
    ],
)
def test_group_has_the_scope_of_its_widest_fixture(
    run: Example, scope: str, expected: str
) -> None:
    """Tests share their loop as far as they share the fixture, over modules and packages."""
    fixture = f"""
import pytest
@pytest.fixture(scope={scope!r})
async def wide(ran):
    ran("wide")
    yield
    ran("wide")
"""
    files = {name: text.replace("(ran", "(ran, wide") for name, text in TREE.items()}
    files = {
        name: text.replace("(self, ran", "(self, ran, wide")
        for name, text in files.items()
    }
    if scope == "package":  # The package is that of the conftest.py with the fixture.
        files["outer/conftest.py"] = fixture
        files["test_top.py"] = fixture + textwrap.dedent(files["test_top.py"])
    conftest = RECORDER + ("" if scope == "package" else fixture)
    result = run(files=files, conftest=conftest, mode="auto")
    result.assert_outcomes(passed=7)
    assert together(result) == expected


def test_group_crosses_modules_and_packages(run: Example) -> None:
    """A test in one package decides for a module in the other, through what both use."""
    result = run(
        files={
            "one/__init__.py": "",
            "one/conftest.py": """
                import pytest

                @pytest.fixture(scope="package")
                async def package(ran):
                    ran("package")
                """,
            "one/test_a.py": """
                import pytest

                @pytest.fixture(scope="module")
                async def module(ran):
                    ran("module")

                async def test_a(ran, module):
                    ran("a")

                async def test_b(ran, module, package):
                    ran("b")
                """,
            "one/test_c.py": """
                async def test_c(ran, package, wide):
                    ran("c")
                """,
            "two/__init__.py": "",
            "two/test_d.py": """
                async def test_d(ran, wide):
                    ran("d")

                async def test_e(ran):
                    ran("e")
                """,
        },
        conftest=RECORDER + WIDE,
        mode="auto",
    )
    result.assert_outcomes(passed=5)
    assert together(result) == "a b c d module package wide | e"


@pytest.mark.parametrize(
    "scope, expected",
    [
        ("function", "module | test"),
        ("class", "module | test"),
        ("module", "module test"),
        ("package", "module test"),
        ("session", "module test"),
    ],
)
def test_marker_counts_for_the_fixtures_of_its_test(
    run: Example, scope: str, expected: str
) -> None:
    """A test's loop_scope widens the loop of its fixtures, but cannot make it narrower."""
    result = run(
        f"""
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="module")
        async def module(ran):
            ran("module")

        class TestClass:
            @pytest.mark.asyncio(loop_scope={scope!r})
            async def test_one(self, ran, module):
                ran("test")
        """,
        conftest=RECORDER,
    )
    result.assert_outcomes(passed=1)
    assert together(result) == expected


def test_module_that_mixes_explicit_and_planned_scopes(run: Example) -> None:
    """What is explicit is obeyed, and what is not goes where its fixtures are."""
    result = run(
        """
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="module")
        async def planned(ran):
            ran("planned")

        @pytest_asyncio.fixture(scope="module", loop_scope="session")
        async def explicit(ran):
            ran("explicit")

        @pytest_asyncio.fixture
        async def function(ran):
            ran("function")

        async def test_planned(ran, planned):
            ran("test-planned")

        async def test_explicit(ran, explicit, function):
            ran("test-explicit")

        @pytest.mark.asyncio(loop_scope="session")
        async def test_session(ran):
            ran("test-session")

        @pytest.mark.asyncio(loop_scope="module")
        async def test_module(ran):
            ran("test-module")

        async def test_alone(ran):
            ran("test-alone")
        """,
        conftest=RECORDER,
        mode="auto",
    )
    result.assert_outcomes(passed=5)
    assert together(result) == (
        "explicit function test-explicit test-session"
        " | planned test-module test-planned | test-alone"
    )


@pytest.mark.parametrize("number", [4, 9])
def test_many_fixtures_of_one_test_share_a_loop(run: Example, number: int) -> None:
    """However many there are, and whichever is the widest."""
    names = [f"fixture_{each}" for each in range(number)]
    fixtures = [
        f"""
@pytest.fixture(scope={"session" if name == names[-1] else "module"!r})
async def {name}(ran):
    ran("{name}")
"""
        for name in names
    ]
    result = run(
        f"""
import pytest
{"".join(fixtures)}
async def test_all(ran, {", ".join(names)}):
    ran("test-all")
""",
        conftest=RECORDER,
        mode="auto",
    )
    result.assert_outcomes(passed=1)
    assert together(result) == " ".join([*names, "test-all"])


def test_neighbours_of_a_fixture_that_stays_are_found_through_others(
    run: Example,
) -> None:
    """One test uses many of a scope, and another asks for the loop of the last of them."""
    result = run(
        """
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="module")
        async def one(ran):
            ran("one")

        @pytest_asyncio.fixture(scope="module")
        async def two(ran):
            ran("two")

        @pytest_asyncio.fixture(scope="module")
        async def three(ran):
            ran("three")

        @pytest_asyncio.fixture(scope="module")
        async def four(ran):
            ran("four")

        async def test_wide(ran, wide, one):
            ran("test-wide")

        @pytest.mark.asyncio(loop_scope="class")
        async def test_all(one, two, three, four): ...

        @pytest.mark.asyncio(loop_scope="module")
        async def test_asks(ran, four):
            ran("test-asks")
        """,
        conftest=RECORDER + WIDE,
        mode="auto",
    )
    result.assert_outcomes(passed=3)
    assert together(result) == "four one test-asks three two | test-wide wide"


@pytest.mark.parametrize(
    "override",
    [
        """
@pytest_asyncio.fixture
async def value(between):
    return between
""",
        """
@pytest.fixture
def value(request):
    return request.getfixturevalue("value")
""",
        """
@pytest.fixture
def value(request):
    return request.getfixturevalue("again")

@pytest.fixture
def again(request):
    return request.getfixturevalue("between")
""",
    ],
    ids=["through-another", "dynamically", "in-steps"],
)
def test_overridden_fixture_is_found_behind_its_override(
    run: Example, override: str
) -> None:
    """The plan knows it, whichever way the override requests it."""
    result = run(
        f"""
import pytest
import pytest_asyncio
{override}
async def test_value(ran, value):
    ran("test-value")
""",
        conftest=RECORDER
        + """
@pytest.fixture(scope="session")
async def value(ran):
    ran("overridden")

@pytest.fixture
def between(value):
    pass
""",
        mode="auto",
    )
    result.assert_outcomes(passed=1)
    assert together(result) == "overridden test-value"


def test_leftover_override_is_not_for_fixtures_of_a_test_with_a_scope(
    run: Example,
) -> None:
    """What the marker says holds for the fixtures that the test takes along."""
    result = run(
        """
        import asyncio
        import pytest

        @pytest.fixture(scope="session")
        def event_loop():
            loop = asyncio.new_event_loop()
            yield loop
            loop.close()

        @pytest.fixture(scope="module")
        async def cached(ran):
            ran("cached")

        @pytest.fixture
        async def value(ran):
            ran("value")

        @pytest.mark.asyncio(loop_scope="module")
        async def test_module(ran, cached, value):
            ran("test-module")
        """,
        conftest=RECORDER,
        mode="auto",
    )
    result.assert_outcomes(passed=1)
    assert together(result) == "cached test-module value"


def test_function_scope_is_a_scope_to_stay_in(run: Example) -> None:
    """What a function-scoped fixture uses is with it where it asks for the loop of the test."""
    result = run(
        """
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture
        async def silent(ran):
            ran("silent")

        @pytest_asyncio.fixture(loop_scope="function")
        async def asks(ran, silent):
            ran("asks")

        @pytest.mark.asyncio(loop_scope="module")
        async def test_module(ran, asks):
            ran("test-module")
        """,
        conftest=RECORDER,
    )
    result.assert_outcomes(passed=1)
    assert together(result) == "asks silent | test-module"


MEETS_THE_SESSIONS = """
import pytest
import pytest_asyncio

@pytest_asyncio.fixture(scope="module"{fixture})
async def asker(ran):
    ran("asker")

@pytest_asyncio.fixture(scope="module")
async def client(ran, wide):
    ran("client")

@pytest_asyncio.fixture(scope="module")
async def store(ran, client):
    ran("store")

@pytest_asyncio.fixture(scope="class")
async def narrow(ran):
    ran("narrow")

{tests}
"""

ASKS = """
{marker}
async def test_asks(ran, {uses}):
    ran("test-asks")
"""

ASKS_FOR_NOTHING = """
async def test_other(ran, store, wide):
    ran("test-other")
"""


@pytest.mark.parametrize("is_first", [True, False], ids=["first", "last"])
@pytest.mark.parametrize(
    "marker, fixture, uses, expected",
    [
        (
            '@pytest.mark.asyncio(loop_scope="module")',
            "",
            "client, narrow",
            "client narrow store test-asks | test-other wide",
        ),
        (
            "",
            ', loop_scope="module"',
            "asker, client",
            "asker client store | test-asks test-other wide",
        ),
        (
            '@pytest.mark.asyncio(loop_scope="session")',
            "",
            "client, narrow",
            "client narrow store test-asks test-other wide",
        ),
    ],
    ids=["test", "fixture", "wider"],
)
def test_a_fixture_stays_with_who_asks_for_the_loop_of_its_scope(
    run: Example, is_first: bool, marker: str, fixture: str, uses: str, expected: str
) -> None:
    """As on 1.x: a module's client is in the module's loop with the tests that say so.

    What it uses in turn may be the session's; so do other tests that use both. The other
    fixtures of its scope that it is used with come with it, those that say nothing.
    """
    asks = ASKS.format(marker=marker, uses=uses)
    tests = asks + ASKS_FOR_NOTHING if is_first else ASKS_FOR_NOTHING + asks
    result = run(
        MEETS_THE_SESSIONS.format(fixture=fixture, tests=tests),
        conftest=RECORDER + WIDE,
        mode="auto",
    )
    result.assert_outcomes(passed=2)
    assert together(result) == expected


def test_a_test_stays_with_a_fixture_that_asks_for_its_own_loop(run: Example) -> None:
    """As on 1.x: "function" at a fixture is the loop that a test has which says nothing."""
    result = run(
        """
        import pytest_asyncio

        @pytest_asyncio.fixture(loop_scope="function")
        async def value(ran):
            ran("value")

        @pytest_asyncio.fixture
        async def other(ran):
            ran("other")

        async def test_value(ran, value, other, wide):
            ran("test-value")

        async def test_wide(ran, other, wide):
            ran("test-wide")
        """,
        conftest=RECORDER + WIDE,
        mode="auto",
    )
    result.assert_outcomes(passed=2)
    assert together(result) == "other test-value value | other test-wide wide"


@pytest.mark.parametrize("by", ["argument", "option"])
def test_a_test_follows_fixtures_that_ask_for_a_wider_loop(
    run: Example, by: str
) -> None:
    """Where only a function-scoped fixture asks for a loop, its test runs there, too."""
    argument = '(loop_scope="session")' if by == "argument" else ""
    result = run(
        f"""
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture{argument}
        async def value(ran):
            ran("value")
            yield
            ran("value")

        @pytest_asyncio.fixture
        async def other(ran):
            ran("other")

        async def test_one(ran, value, other):
            ran("one")

        async def test_two(ran, value, other):
            ran("two")

        async def test_alone(ran):
            ran("alone")
        """,
        conftest=RECORDER,
        mode="auto",
        ini="asyncio_default_fixture_loop_scope = session" if by == "option" else "",
    )
    result.assert_outcomes(passed=3)
    assert together(result) == "alone | one other two value"


def test_sync_tests_in_the_middle(run: Example) -> None:
    """Sync tests leave the loop as it is; those with async fixtures have it as the current."""
    result = run(
        """
        import asyncio
        import pytest

        @pytest.fixture(scope="module")
        async def cached(ran):
            ran("cached")
            yield
            ran("cached")

        async def test_one(ran, cached):
            ran("one")

        def test_plain():
            assert asyncio._get_running_loop() is None

        def test_sync(ran, cached):
            ran("sync")
            assert not asyncio.get_event_loop().is_running()

        async def test_two(ran, cached):
            ran("two")
        """,
        conftest=RECORDER,
        mode="auto",
    )
    result.assert_outcomes(passed=4)
    assert together(result) == "cached one sync two"


def test_parametrised_fixtures(run: Example) -> None:
    """All parameters of a cached fixture are set up in one loop, one after the other."""
    result = run(
        """
        import pytest

        @pytest.fixture(scope="module", params=[1, 2])
        async def number(request, ran):
            ran(f"number{request.param}")
            yield request.param
            ran(f"number{request.param}")

        async def test_one(ran, number):
            ran(f"one{number}")

        async def test_two(ran, number):
            ran(f"two{number}")

        @pytest.mark.parametrize("number", [3], indirect=True, scope="function")
        async def test_three(ran, number):
            ran(f"three{number}")
        """,
        "-v",
        conftest=RECORDER,
        mode="auto",
    )
    result.assert_outcomes(passed=5)
    assert together(result) == "number1 number2 one1 one2 two1 two2 | number3 three3"


def test_class_scoped_fixtures_in_subclasses(run: Example) -> None:
    """Each subclass has the inherited fixture, and its loop, for itself."""
    result = run(
        """
        import pytest

        class Base:
            @pytest.fixture(scope="class")
            @classmethod
            async def cached(cls, request, ran):
                ran(f"cached-{request.cls.__name__}")
                yield
                ran(f"cached-{request.cls.__name__}")

            async def test_one(self, request, ran, cached):
                ran(f"one-{request.cls.__name__}")

            async def test_two(self, request, ran, cached):
                ran(f"two-{request.cls.__name__}")

        class TestA(Base):
            pass

        class TestB(Base):
            @pytest.fixture(scope="class")
            @classmethod
            async def more(cls, ran, cached):
                ran("more")

            async def test_three(self, ran, more):
                ran("three")
        """,
        conftest=RECORDER,
        mode="auto",
    )
    result.assert_outcomes(passed=5)
    assert together(result) == (
        "cached-TestA one-TestA two-TestA | cached-TestB more one-TestB three two-TestB"
    )


@pytest.mark.parametrize(
    "requests, expected",
    [
        pytest.param("", "below wide-2 | top wide-1", id="replaced"),
        pytest.param("wide, ", "below top wide-1 wide-2", id="extended"),
    ],
)
def test_fixture_overridden_in_a_sub_package(
    run: Example, requests: str, expected: str
) -> None:
    """The closer fixture counts, and the one it overrides only if it is requested."""
    result = run(
        files={
            "test_top.py": """
                async def test_top(ran, wide):
                    ran("top")
                """,
            "below/__init__.py": "",
            "below/conftest.py": f"""
                import pytest

                @pytest.fixture(scope="package")
                async def wide({requests}ran):
                    ran("wide-2")
                    yield
                    ran("wide-2")
                """,
            "below/test_below.py": """
                async def test_below(ran, wide):
                    ran("below")
                """,
        },
        conftest=RECORDER + WIDE.replace('"wide"', '"wide-1"'),
        mode="auto",
    )
    result.assert_outcomes(passed=2)
    assert together(result) == expected


@pytest.mark.parametrize(
    ("mark", "ini"),
    [
        ('@pytest.mark.asyncio(loop_scope="package")', ""),
        ("", "asyncio_default_test_loop_scope = package"),
        (
            '@pytest.mark.asyncio(loop_scope="package")',
            "asyncio_default_fixture_loop_scope = package",
        ),
    ],
)
def test_package_of_a_fixture_above(run: Example, mark: str, ini: str) -> None:
    """A test that asks for its package's loop shares that of the outer package's fixture."""
    result = run(
        files={
            "outer/__init__.py": "",
            "outer/conftest.py": """
                import pytest

                @pytest.fixture(scope="package")
                async def wide(ran):
                    ran("wide")
                """,
            "outer/inner/__init__.py": "",
            "outer/inner/test_it.py": f"""
                import pytest
                import pytest_asyncio

                @pytest_asyncio.fixture(loop_scope="package")
                async def narrow(ran):
                    ran("narrow")

                @pytest_asyncio.fixture(loop_scope="module")
                async def other(ran):
                    ran("other")

                {mark}
                async def test_it(ran, wide, narrow, other):
                    ran("test")
                """,
        },
        conftest=RECORDER,
        ini=ini,
        mode="auto",
    )
    result.assert_outcomes(passed=1)
    assert together(result) == "narrow test wide | other"


@pytest.mark.parametrize(
    ("mark", "ini"),
    [
        pytest.param('@pytest.mark.asyncio(loop_scope="package")', "", id="all-say-so"),
        pytest.param("", "", id="test-says-nothing"),
        pytest.param("", "asyncio_default_test_loop_scope = package", id="option"),
    ],
)
def test_packages_within_packages_agree(run: Example, mark: str, ini: str) -> None:
    """Fixtures that ask for package scope share a loop, whichever package each is from."""
    result = run(
        files={
            "outer/__init__.py": "",
            "outer/conftest.py": """
                import pytest_asyncio

                @pytest_asyncio.fixture(scope="package", loop_scope="package")
                async def database(ran):
                    ran("database")
                """,
            "outer/inner/__init__.py": "",
            "outer/inner/conftest.py": """
                import pytest_asyncio

                @pytest_asyncio.fixture(scope="package", loop_scope="package")
                async def client(ran, database):
                    ran("client")
                """,
            "outer/inner/test_it.py": f"""
                import pytest

                {mark}
                async def test_it(ran, client):
                    ran("test")
                """,
            "outer/inner/test_else.py": f"""
                import pytest

                {mark}
                async def test_else(ran, client):
                    ran("else")
                """,
            "other/__init__.py": "",
            "other/test_other.py": """
                import pytest

                @pytest.mark.asyncio(loop_scope="package")
                async def test_other(ran):
                    ran("other")
                """,
        },
        conftest=RECORDER,
        ini=ini,
        mode="auto",
    )
    result.assert_outcomes(passed=3)
    assert together(result) == "client database else test | other"


def test_package_scoped_fixture_of_a_test_module(run: Example) -> None:
    """pytest keeps it for the session, and whatever asks for package scope goes with it."""
    result = run(
        files={
            "below/__init__.py": "",
            "below/conftest.py": """
                import pytest

                @pytest.fixture(scope="package")
                async def client(ran):
                    ran("client")
                """,
            "below/test_it.py": """
                import pytest

                @pytest.fixture(scope="package")
                async def database(ran):
                    ran("database")

                @pytest.mark.asyncio(loop_scope="package")
                async def test_it(ran, client, database):
                    ran("test")

                @pytest.mark.asyncio(loop_scope="package")
                async def test_else(ran, client):
                    ran("else")
                """,
        },
        conftest=RECORDER,
        ini="asyncio_default_fixture_loop_scope = fixture-scope",
        mode="auto",
    )
    result.assert_outcomes(passed=2)
    assert together(result) == "client database else test"


@pytest.mark.parametrize(
    ("argument", "requests", "expected"),
    [
        pytest.param("", "", "narrow test | wide", id="autouse-alone"),
        pytest.param("", "wide, ", "narrow test | wide", id="sync-fixture-requests-it"),
        pytest.param(", wide", "", "narrow test wide", id="test-requests-it"),
    ],
)
def test_autouse_fixture_that_says_its_loop(
    run: Example, argument: str, requests: str, expected: str
) -> None:
    """It takes no tests along that have no use for it, as Home Assistant's suite needs it."""
    result = run(
        f"""
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(autouse=True, scope="session", loop_scope="session")
        async def wide(ran):
            ran("wide")

        @pytest.fixture
        def synchronous({requests}ran):
            ...

        @pytest.fixture(autouse=True)
        async def narrow(ran):
            ran("narrow")

        async def test_it(ran, synchronous{argument}):
            ran("test")
        """,
        conftest=RECORDER,
        mode="auto",
    )
    result.assert_outcomes(passed=1)
    assert together(result) == expected


def test_autouse_fixture_that_an_async_fixture_requests(run: Example) -> None:
    """Who requests it by name may await what it gives, and shares its loop."""
    result = run(
        """
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(autouse=True, scope="session", loop_scope="session")
        async def engine(ran):
            ran("engine")

        @pytest.fixture
        async def transaction(ran, engine):
            ran("transaction")

        async def test_it(ran, transaction):
            ran("test")

        async def test_else(ran):
            ran("else")
        """,
        conftest=RECORDER,
        mode="auto",
    )
    result.assert_outcomes(passed=2)
    assert together(result) == "else | engine test transaction"


def test_sync_fixture_that_overrides_an_async_one(run: Example) -> None:
    """Where a sync fixture replaces an async one, its tests need no shared loop."""
    result = run(
        """
        import pytest

        @pytest.fixture
        def wide():
            return "sync"

        async def test_one(ran, wide):
            ran("one")

        async def test_two(ran, wide):
            ran("two")
        """,
        conftest=RECORDER + WIDE,
        mode="auto",
    )
    result.assert_outcomes(passed=2)
    assert together(result) == "one | two"


def test_fixture_named_by_a_parameter(run: Example) -> None:
    """The plan knows of ``getfixturevalue()`` with a parameter of the fixture or the test."""
    result = run(
        """
        import pytest

        @pytest.fixture(scope="module")
        async def sqlite(ran):
            ran("sqlite")

        @pytest.fixture(scope="module")
        async def postgres(ran):
            ran("postgres")

        @pytest.fixture(params=["sqlite", "postgres"])
        def database(request):
            return request.getfixturevalue(request.param)

        async def test_one(ran, request, database):
            ran("one-" + request.node.callspec.params["database"])

        @pytest.mark.parametrize("number, database", [(2, "sqlite")])
        def test_two(ran, request, number, database):
            request.getfixturevalue(database)
            ran("two")

        @pytest.mark.parametrize("name", ["sqlite", "mariadb"])
        async def test_no_fixture(ran, name):
            ran("none-" + name)
        """,
        conftest=RECORDER,
        mode="auto",
    )
    result.assert_outcomes(passed=5)
    assert (
        together(result)
        == "none-mariadb | none-sqlite | one-postgres one-sqlite postgres sqlite two"
    )


def test_fixture_that_is_requested_dynamically(run: Example) -> None:
    """A cached fixture that was requested by name runs in the loop of a test that lasts."""
    result = run(
        """
        import pytest

        pytestmark = pytest.mark.asyncio(loop_scope="session")

        @pytest.fixture
        def chosen(request):
            return request.getfixturevalue("wide")

        async def test_one(ran, chosen):
            ran("one")

        async def test_two(ran, wide):
            ran("two")
        """,
        conftest=RECORDER + WIDE,
        mode="auto",
    )
    result.assert_outcomes(passed=2)
    assert together(result) == "one two wide"


def test_function_scoped_fixture_that_is_requested_dynamically(run: Example) -> None:
    """It runs in the loop of the test that requests it."""
    result = run(
        """
        import pytest

        @pytest.fixture
        async def value(ran):
            ran("value")

        @pytest.fixture
        def chosen(request):
            return request.getfixturevalue("value")

        async def test_one(ran, chosen):
            ran("one")
        """,
        conftest=RECORDER,
        mode="auto",
    )
    result.assert_outcomes(passed=1)
    assert together(result) == "one value"


def test_sync_functions_under_the_decorator_are_planned(run: Example) -> None:
    """A sync function under pytest_asyncio.fixture has its group's loop as the current."""
    result = run(
        """
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="module")
        def plain(ran):
            ran("plain")

        @pytest_asyncio.fixture(scope="module")
        def generator(ran, wide):
            ran("generator")
            yield
            ran("generator")

        async def test_one(ran, plain, generator):
            ran("one")
        """,
        conftest=RECORDER + WIDE,
        mode="auto",
    )
    result.assert_outcomes(passed=1)
    assert together(result) == "generator one plain wide"


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["-k", "not both"], id="keyword"),
        pytest.param(["--deselect", "test_example.py::test_both"], id="deselect"),
    ],
)
def test_deselected_tests_count_for_the_plan(
    run: Example, arguments: list[str]
) -> None:
    """The same loops are shared whether the test that joins two fixtures runs or not."""
    result = run(TWO_CACHED + JOIN, *arguments, conftest=RECORDER + WIDE, mode="auto")
    result.assert_outcomes(passed=2, deselected=1)
    assert together(result) == "narrow test-narrow test-wide wide"


def test_last_failed_tests(run: Example) -> None:
    """Under --lf, the plan is made over the tests that pytest has left to collect."""
    source = TWO_CACHED.replace(
        'ran("test-narrow")', 'ran("test-narrow")\n    assert False'
    ).replace('ran("test-wide")', 'ran("test-wide")\n    assert False')
    first = run(source + JOIN, conftest=RECORDER + WIDE, mode="auto")
    first.assert_outcomes(passed=1, failed=2)
    second = run("", "--lf", mode="auto")
    second.assert_outcomes(failed=2)
    assert together(second) == "narrow test-narrow | test-wide wide"


def test_stopping_at_the_first_failure_ends_fixtures_in_their_loop(
    run: Example,
) -> None:
    """With -x, the fixtures of all scopes are torn down in the loops they were set up in."""
    source = TWO_CACHED.replace(
        'ran("test-narrow")', 'ran("test-narrow")\n    assert False'
    )
    result = run(source + JOIN, "-x", conftest=RECORDER + WIDE, mode="auto")
    result.assert_outcomes(failed=1)
    # The session's fixture was never set up.
    assert together(result) == "narrow test-narrow"


SHUFFLE = """
import random

def pytest_collection_modifyitems(items):
    random.Random({seed}).shuffle(items)
"""


@pytest.mark.parametrize("seed", range(4))
def test_random_order(run: Example, seed: int) -> None:
    """The plan does not depend on the order in which tests run."""
    files = {name: text.replace("(ran", "(ran, wide") for name, text in TREE.items()}
    result = run(
        TWO_CACHED + JOIN,
        files=files,
        conftest=RECORDER + WIDE + SHUFFLE.format(seed=seed),
        mode="auto",
    )
    result.assert_outcomes(passed=10)
    # One module is visited again and again, and its fixture is set up each time.
    assert together(result) == (
        "five four narrow six test-both test-narrow test-wide top wide | one | three | two"
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("scope", ["module", "class"])
def test_loops_of_scopes_that_are_left_and_entered_again(
    run: Example, scope: str, seed: int
) -> None:
    """A shuffled run gets a new loop for a scope that it enters again, and closes each."""
    result = run(
        files=TREE,
        conftest=RECORDER
        + SHUFFLE.format(seed=seed)
        + """
@pytest.hookimpl(trylast=True)
def pytest_sessionfinish():
    assert LOOPS and all(loop.is_closed() for loop in LOOPS)
""",
        mode="auto",
        ini=f"asyncio_default_test_loop_scope = {scope}",
    )
    result.assert_outcomes(passed=7)
    assert result.ret == pytest.ExitCode.OK


@pytest.mark.parametrize("distribution", ["load", "loadscope", "each"])
def test_xdist(run: Example, distribution: str) -> None:
    """Every worker of pytest-xdist makes the same plan over all tests."""
    pytest.importorskip("xdist")
    result = run(
        """
        import asyncio
        import pytest

        @pytest.fixture(scope="module")
        async def module(session):
            assert asyncio.get_running_loop() is session
            yield asyncio.get_running_loop()
            assert asyncio.get_running_loop() is session

        @pytest.mark.parametrize("number", range(6))
        async def test_module(module, number):
            assert asyncio.get_running_loop() is module

        async def test_session(session):
            assert asyncio.get_running_loop() is session
        """,
        "-n2",
        f"--dist={distribution}",
        conftest="""
        import asyncio
        import pytest

        @pytest.fixture(scope="session")
        async def session():
            loop = asyncio.get_running_loop()
            yield loop
            assert asyncio.get_running_loop() is loop
        """,
        mode="auto",
        subprocess=True,
    )
    result.assert_outcomes(passed=14 if distribution == "each" else 7)


def test_reruns(run: Example) -> None:
    """A test that pytest-rerunfailures runs again has a new loop, and its old fixtures."""
    pytest.importorskip("pytest_rerunfailures")
    result = run(
        """
        import asyncio
        import pytest

        attempts = []

        @pytest.fixture(scope="module")
        async def cached():
            return asyncio.get_running_loop()

        async def test_alone():
            attempts.append(asyncio.get_running_loop())
            assert len(attempts) == 3
            assert len(set(attempts)) == 3

        async def test_shared(cached):
            assert asyncio.get_running_loop() is cached
            attempts.append(cached)
            assert len(attempts) == 5
        """,
        "--reruns=2",
        mode="auto",
    )
    result.stdout.fnmatch_lines(["*2 passed, 3 rerun*"])


@pytest.mark.parametrize("stage", ["setup", "call", "teardown"])
def test_a_failure_leaves_the_loop_to_the_next_test(run: Example, stage: str) -> None:
    """After an error anywhere in a test, the next one shares the loop as before."""
    result = run(
        f"""
        import pytest

        @pytest.fixture
        async def fixture(ran, wide):
            ran("fixture")
            assert {stage!r} != "setup"
            yield
            assert {stage!r} != "teardown"

        async def test_one(ran, fixture):
            ran("one")
            assert {stage!r} != "call"

        async def test_two(ran, wide):
            ran("two")
        """,
        conftest=RECORDER + WIDE,
        mode="auto",
    )
    one = "" if stage == "setup" else "one "
    assert together(result) == f"fixture {one}two wide"
    outcomes = result.parseoutcomes()
    assert outcomes.get("failed", 0) + outcomes.get("errors", 0) == 1
    assert no_frame_of_ours(result)


# -- what pytest shows ---------------------------------------------------------------------------


def test_setup_show(run: Example) -> None:
    """--setup-show names the fixtures of users and event_loop, and nothing internal."""
    result = run(
        """
        async def test_one(wide):
            pass
        """,
        "--setup-show",
        conftest=RECORDER + WIDE,
        mode="auto",
    )
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "SETUP*S ran",
            "SETUP*S wide (fixtures used: ran)",
            "*test_example.py::test_one (fixtures used:*event_loop*ran*wide*",
            "TEARDOWN S wide",
            "TEARDOWN S ran",
        ]
    )
    result.stdout.no_fnmatch_line("*_asyncio*")


def test_setup_plan(run: Example) -> None:
    """--setup-plan sets nothing up, and leaves no coroutine unawaited."""
    result = run(
        """
        import asyncio
        import pytest

        @pytest.fixture(scope="module")
        def event_loop():
            assert False

        @pytest.fixture
        async def fixture(event_loop):
            assert False

        async def test_one(fixture):
            assert False

        def test_two(fixture):
            assert False
        """,
        "--setup-plan",
        "-Werror",
        mode="auto",
    )
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*SETUP*M event_loop", "*SETUP*F fixture*event_loop*"])


def test_fixtures_are_documented(run: Example) -> None:
    """--fixtures lists event_loop and event_loop_policy with what they are for."""
    result = run("", "--fixtures")
    for line, text in (
        (
            "event_loop -- *loop.py:*",
            "    The event loop of the test that requests it, directly or through *",
        ),
        (
            "event_loop_policy [[]session scope[]] -- *loop.py:*",
            "    The event loop policy that loops are made with; *",
        ),
    ):
        result.stdout.fnmatch_lines([line, text])


@pytest.mark.parametrize("arguments", [["--collect-only"], ["--collect-only", "-q"]])
def test_collect_only(run: Example, arguments: list[str]) -> None:
    """--collect-only lists the tests under their plain ids, and asks for no loop."""
    result = run(TWO_CACHED + JOIN, *arguments, conftest=RECORDER + WIDE, mode="auto")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*test_narrow*", "*test_wide*", "*test_both*"])
    result.stdout.no_fnmatch_line("*[[]*asyncio*")
    assert together(result) == ""


def test_without_the_plugin(run: Example) -> None:
    """With -p no:asyncio, the plugin is not there at all, and sync tests run."""
    result = run(
        """
        def test_one(request):
            assert not request.config.pluginmanager.has_plugin("asyncio")
        """,
        "-p",
        "no:asyncio",
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("name", ["pytest_asyncio", "pytest_asyncio.plugin"])
@pytest.mark.parametrize("autoload", [True, False])
def test_plugin_that_is_named_in_a_conftest(
    run: Example, monkeypatch: pytest.MonkeyPatch, name: str, *, autoload: bool
) -> None:
    """Naming the plugin in pytest_plugins does no harm, and loads it where it is not."""
    if not autoload:
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    result = run(
        TWO_CACHED + JOIN,
        conftest=f'pytest_plugins = "{name}"\n' + RECORDER + WIDE,
        ini="asyncio_mode = auto",
        subprocess=True,
    )
    result.assert_outcomes(passed=3)
    assert together(result) == "narrow test-both test-narrow test-wide wide"


# -- event_loop --------------------------------------------------------------------------------


def test_event_loop_is_the_loop_of_whoever_asks(run: Example) -> None:
    """Async and sync tests, and sync fixtures, get the loop that their test runs in."""
    result = run(
        """
        import asyncio
        import pytest

        @pytest.fixture
        def through_fixture(event_loop):
            assert asyncio.get_event_loop() is event_loop
            yield event_loop
            assert asyncio.get_event_loop() is event_loop
            assert not event_loop.is_closed()

        async def test_async(event_loop, through_fixture, ran):
            assert asyncio.get_running_loop() is event_loop is through_fixture
            ran("async")

        def test_sync(event_loop, through_fixture, ran):
            assert asyncio.get_event_loop() is event_loop is through_fixture
            event_loop.run_until_complete(asyncio.sleep(0))
            ran("sync")

        async def test_shared(event_loop, wide, ran):
            assert asyncio.get_running_loop() is event_loop
            ran("shared")

        def test_sync_shared(event_loop, wide, ran):
            assert event_loop.run_until_complete(asyncio.sleep(0, "done")) == "done"
            ran("sync-shared")

        @pytest.mark.asyncio(loop_scope="session")
        async def test_session(event_loop, ran):
            assert asyncio.get_running_loop() is event_loop
            ran("session")
        """,
        conftest=RECORDER + WIDE,
        mode="auto",
    )
    result.assert_outcomes(passed=5)
    assert together(result) == "async | session shared sync-shared wide | sync"


EVENT_LOOP = """
@pytest.fixture(scope={scope!r})
def event_loop({arguments}):
    loop = asyncio.new_event_loop()
    loop.where = {where!r}
    yield loop
    assert not loop.is_closed()
    loop.close()
"""


@pytest.mark.parametrize("place", ["class", "module", "conftest", "plugin"])
@pytest.mark.parametrize("scope", ["function", "class", "module", "session"])
def test_event_loop_may_be_overridden_anywhere(
    run: Example, place: str, scope: str
) -> None:
    """That loop is the one of the tests that see it, and of their async fixtures."""

    def override(where: str, arguments: str = "") -> str:
        text = EVENT_LOOP.format(scope=scope, arguments=arguments, where=where)
        if arguments:
            text = text.replace("def ", "@classmethod\ndef ")
        return text if where == place else ""

    inside_class = textwrap.indent(override("class", "cls"), "    ")
    seen = "True" if place == "class" else "False"
    files = {
        "overriding_plugin.py": "import asyncio\nimport pytest\n" + override("plugin"),
        "test_example.py": f"""
import asyncio
import pytest

{override("module")}

@pytest.fixture
async def value():
    loop = asyncio.get_running_loop()
    yield loop
    assert asyncio.get_running_loop() is loop

class TestClass:
    {inside_class}

    async def test_one(self, value):
        assert asyncio.get_running_loop() is value
        assert value.where == {place!r}

    def test_two(self, value):
        assert asyncio.get_event_loop() is value
        assert value.where == {place!r}

async def test_three(value):
    assert asyncio.get_running_loop() is value
    assert hasattr(value, "where") is not {seen}
""",
        "test_other.py": f"""
import asyncio

async def test_four():
    here = hasattr(asyncio.get_running_loop(), "where")
    assert here is ({place!r} in ("conftest", "plugin"))
""",
    }
    arguments = ["-p", "overriding_plugin"] if place == "plugin" else []
    run.pytester.syspathinsert()
    result = run(
        "",
        *arguments,
        files=files,
        conftest="import asyncio\nimport pytest\n" + override("conftest"),
        mode="auto",
    )
    result.assert_outcomes(passed=4)


def test_event_loop_may_have_parameters(run: Example) -> None:
    """Tests run once for each parameter of event_loop, fixtures too."""
    result = run(
        """
        import asyncio
        import pytest

        @pytest.fixture(params=["a", "b"], scope="module")
        def event_loop(request):
            loop = asyncio.new_event_loop()
            loop.parameter = request.param
            yield loop
            loop.close()

        @pytest.fixture(scope="module")
        async def cached(ran):
            loop = asyncio.get_running_loop()
            ran(f"cached-{loop.parameter}")
            yield loop
            assert asyncio.get_running_loop() is loop

        async def test_one(ran, request, cached):
            loop = asyncio.get_running_loop()
            assert loop is cached
            assert request.node.name == f"test_one[{loop.parameter}]"
            ran(f"one-{loop.parameter}")

        def test_two(ran, cached):
            ran(f"two-{cached.parameter}")
        """,
        conftest=RECORDER,
        mode="auto",
    )
    result.assert_outcomes(passed=4)
    assert together(result) == "cached-a one-a two-a | cached-b one-b two-b"


def test_event_loop_override_together_with_loop_scope(run: Example) -> None:
    """A test with a loop_scope runs in the plugin's loop, and still gets what it requests."""
    result = run(
        """
        import asyncio
        import pytest

        @pytest.fixture
        def event_loop():
            loop = asyncio.new_event_loop()
            loop.mine = True
            yield loop
            loop.close()

        async def test_override():
            assert asyncio.get_running_loop().mine

        @pytest.mark.asyncio(loop_scope="module")
        async def test_one(ran):
            assert not hasattr(asyncio.get_running_loop(), "mine")
            ran("one")

        @pytest.mark.asyncio(loop_scope="module")
        async def test_two(event_loop, ran):
            assert event_loop.mine
            assert asyncio.get_running_loop() is not event_loop
            ran("two")
        """,
        conftest=RECORDER,
        mode="auto",
    )
    result.assert_outcomes(passed=3)
    assert together(result) == "one two"


def test_event_loop_that_gives_no_loop(run: Example) -> None:
    """What is wrong with an event_loop that is none is said with its place."""
    result = run(
        """
        import pytest

        @pytest.fixture
        def event_loop():
            return "loop"

        async def test_one():
            pass
        """,
        mode="auto",
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            (
                "the fixture 'event_loop' (test_example.py:4) gave 'loop', which is not an "
                "event loop."
            ),
            "It has to return or yield a loop, such as that of asyncio.new_event_loop().",
        ]
    )
    assert no_frame_of_ours(result)


def test_fixture_is_refused_only_where_event_loop_is_narrower(run: Example) -> None:
    """Whoever sees another event_loop, or none, gets the fixture: the error is not kept."""
    result = run(
        """
        import asyncio
        import pytest

        @pytest.fixture(scope="module")
        async def cached():
            return asyncio.get_running_loop()

        class TestOverride:
            @pytest.fixture
            def event_loop(self):
                loop = asyncio.new_event_loop()
                yield loop
                loop.close()

            async def test_one(self, cached):
                pass

        async def test_two(cached):
            assert cached is asyncio.get_running_loop()
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["ScopeMismatch: the async fixture 'cached' (test_example.py:5) has module *"]
    )
    assert no_frame_of_ours(result)


@pytest.mark.parametrize(
    "ini, mark",
    [
        ("asyncio_default_test_loop_scope = function", ""),
        ("asyncio_default_test_loop_scope = module", ""),
        ("", "pytestmark = pytest.mark.asyncio(loop_scope='module')"),
    ],
)
@pytest.mark.parametrize("says", ["loop_scope='session'", ""])
def test_synchronous_test_is_in_the_loop_of_its_fixtures(
    run: Example, ini: str, mark: str, says: str
) -> None:
    """What the option or the module says of tests is about async ones, as in all releases."""
    result = run(
        f"""
        import asyncio
        import pytest
        import pytest_asyncio

        {mark}

        class Client:
            def __init__(self):
                self.answer = asyncio.get_running_loop().create_future()
                self.answer.get_loop().call_later(0.01, self.answer.set_result, 42)

            async def get(self):
                return await self.answer

        @pytest_asyncio.fixture(scope="session", {says})
        async def client():
            return Client()

        def test_1(client):
            assert asyncio.get_event_loop().run_until_complete(client.get()) == 42

        def test_2(client, event_loop):
            assert client.answer.get_loop() is event_loop is asyncio.get_event_loop()
        """,
        ini=ini,
    )
    result.assert_outcomes(passed=2)


def test_synchronous_fixture_that_outlives_the_loop_of_its_test(run: Example) -> None:
    """It finds the loop of the async fixtures that it uses, and not one that is soon closed."""
    result = run(
        """
        import asyncio
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="session")
        async def engine():
            return asyncio.get_running_loop()

        @pytest.fixture(scope="module")
        def tables(engine):
            assert asyncio.get_event_loop() is engine
            assert engine.run_until_complete(asyncio.sleep(0, 42)) == 42

        @pytest.fixture(scope="module")
        def rows(tables):
            return asyncio.get_event_loop()

        @pytest.fixture(scope="module")
        def fails(rows):
            raise ValueError("no luck")

        @pytest.fixture
        def of_the_test(rows):
            return asyncio.get_event_loop()

        @pytest.mark.asyncio
        async def test_async(engine, of_the_test, rows):
            assert rows is engine is not of_the_test
            assert of_the_test is asyncio.get_running_loop()

        @pytest.mark.asyncio
        async def test_fails(request):
            with pytest.raises(ValueError, match="no luck"):
                request.getfixturevalue("fails")
            assert asyncio.get_event_loop() is asyncio.get_running_loop()

        def test_sync(engine, of_the_test):
            assert of_the_test is engine is asyncio.get_event_loop()
        """,
        ini="asyncio_default_test_loop_scope = function",
    )
    result.assert_outcomes(passed=3)


@pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="there is no current loop unless one is set"
)
def test_synchronous_fixture_of_the_session_before_any_loop(run: Example) -> None:
    """It finds what was current before the test, not a loop that is closed after the first one."""
    result = run(
        """
        import asyncio
        import pytest

        @pytest.fixture(scope="session")
        def client():
            loop = asyncio.get_event_loop()
            yield loop.run_until_complete(asyncio.sleep(0, 42))
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()

        @pytest.fixture(scope="module")
        def current(client):
            loop = asyncio.new_event_loop()
            before = asyncio.get_event_loop()
            asyncio.set_event_loop(loop)
            yield loop
            asyncio.set_event_loop(before)
            loop.close()

        async def test_1(client):
            assert client == 42

        async def test_2(client, current):
            assert asyncio.get_event_loop() is asyncio.get_running_loop() is not current

        def test_3(current):
            assert asyncio.get_event_loop() is current
        """,
        "-Werror",
        mode="auto",
    )
    result.assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("ini", "fixture", "marker"),
    [
        (
            "asyncio_default_fixture_loop_scope = function\n"
            "asyncio_default_test_loop_scope = session",
            "",
            "",
        ),
        (
            "asyncio_default_fixture_loop_scope = function",
            "",
            '@pytest.mark.asyncio(loop_scope="module")',
        ),
        ("", '(loop_scope="session")', '@pytest.mark.asyncio(loop_scope="function")'),
    ],
    ids=["options", "marker", "both"],
)
def test_synchronous_code_finds_the_loop_of_the_fixture_that_it_uses(
    run: Example, ini: str, fixture: str, marker: str
) -> None:
    """Also where that loop is not the test's: so it is on 1.x."""
    result = run(
        f"""
        import asyncio
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture{fixture}
        async def future():
            yield asyncio.get_running_loop().create_future()

        @pytest.fixture
        def value(future):
            loop = asyncio.get_event_loop()
            loop.call_soon(future.set_result, 1)
            return loop.run_until_complete(future)

        {marker}
        async def test_async(value):
            assert value == 1
            assert asyncio.get_event_loop() is asyncio.get_running_loop()

        def test_sync(value):
            assert value == 1

        def test_by_itself(future):
            loop = asyncio.get_event_loop()
            loop.call_soon(future.set_result, 1)
            assert loop.run_until_complete(future) == 1
        """,
        mode="auto",
        ini=ini,
    )
    result.assert_outcomes(passed=3)


def test_synchronous_test_finds_the_loop_of_the_innermost_fixture(run: Example) -> None:
    """Where its fixtures live in several, as one stays where another test asks for it."""
    result = run(
        """
        import asyncio
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="session")
        async def settings():
            return asyncio.get_running_loop()

        @pytest_asyncio.fixture(scope="module")
        async def client(settings):
            return asyncio.get_running_loop()

        def test_sync(client):
            assert asyncio.get_event_loop() is client

        def test_by_name(client, settings, event_loop):
            assert asyncio.get_event_loop() is event_loop is settings is not client

        @pytest.mark.asyncio(loop_scope="module")
        async def test_async(client):
            assert asyncio.get_running_loop() is client
        """
    )
    result.assert_outcomes(passed=3)


def test_synchronous_fixture_of_ours_that_outlives_the_override(run: Example) -> None:
    """One under our decorator does without the loop, as in all releases."""
    result = run(
        """
        import asyncio
        import pytest
        import pytest_asyncio

        @pytest.fixture
        def event_loop():
            loop = asyncio.new_event_loop()
            yield loop
            loop.close()

        @pytest_asyncio.fixture(scope="module")
        def settings():
            yield {"answer": 42}

        @pytest.mark.asyncio
        async def test_1(settings):
            assert settings["answer"] == 42

        @pytest.mark.asyncio
        async def test_2(settings):
            assert settings["answer"] == 42
        """
    )
    result.assert_outcomes(passed=2)


def test_synchronous_fixture_of_ours_that_fails_without_its_loop(run: Example) -> None:
    """What goes wrong in it is told as pytest tells it."""
    result = run(
        """
        import asyncio
        import pytest
        import pytest_asyncio

        @pytest.fixture
        def event_loop():
            loop = asyncio.new_event_loop()
            yield loop
            loop.close()

        @pytest_asyncio.fixture(scope="module")
        def settings(request):
            return request.getfixturevalue("missing")

        @pytest.mark.asyncio
        async def test_it(settings):
            pass
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'missing' not found"])


def test_synchronous_fixture_beside_one_of_the_same_name(run: Example) -> None:
    """The loop of a fixture that the test does not see is none of its business."""
    result = run(
        """
        import asyncio
        import pytest
        import pytest_asyncio

        @pytest.fixture
        def client():
            return "synchronous"

        @pytest_asyncio.fixture
        async def connection():
            return asyncio.get_running_loop()

        @pytest.fixture
        def app(client):
            return asyncio.get_event_loop()

        @pytest.mark.asyncio
        async def test_async(connection, app):
            assert app is connection

        def test_sync(connection, app):
            assert app is connection is asyncio.get_event_loop()
        """,
        files={
            "api/conftest.py": """
            import asyncio
            import pytest_asyncio

            @pytest_asyncio.fixture(scope="session", loop_scope="session")
            async def client():
                yield asyncio.get_running_loop()
            """,
            "api/test_api.py": """
            import pytest

            @pytest.mark.asyncio(loop_scope="session")
            async def test_api(client):
                pass
            """,
        },
    )
    result.assert_outcomes(passed=3)


def test_loop_that_a_fixture_makes_current_beside_a_session(run: Example) -> None:
    """It stays the current one for the fixtures that follow."""
    result = run(
        """
        import asyncio
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="session", loop_scope="session")
        async def engine():
            return 1

        @pytest.fixture
        def custom(engine):
            loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
            yield loop
            loop.close()

        @pytest.fixture
        def user(custom):
            return asyncio.get_event_loop()

        @pytest.mark.asyncio(loop_scope="function")
        async def test_it(user, custom):
            assert user is custom
        """
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("session", ["", "engine"])
def test_loop_that_a_class_makes_current(run: Example, session: str) -> None:
    """It is there for the synchronous tests of the class, whatever lives in another loop."""
    result = run(
        f"""
        import asyncio
        import pytest

        @pytest.fixture(scope="session")
        async def engine():
            yield

        async def test_first({session}): ...

        class TestClass:
            def setup_class(self):
                self.loop = asyncio.new_event_loop()
                asyncio.set_event_loop(self.loop)

            def teardown_class(self):
                self.loop.close()

            async def test_async(self):
                assert asyncio.get_running_loop() is not self.loop

            def test_synchronous(self):
                assert asyncio.get_event_loop() is self.loop
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=3)


def test_fixture_that_says_its_loop_does_not_follow_a_test(run: Example) -> None:
    """Nor do the other tests that use it follow the one that says another loop."""
    result = run(
        """
        import asyncio
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="module", loop_scope="module")
        async def loop():
            return asyncio.get_running_loop()

        @pytest.mark.asyncio(loop_scope="session")
        async def test_of_session(loop):
            assert asyncio.get_running_loop() is not loop

        @pytest.mark.asyncio
        async def test_async(loop):
            assert asyncio.get_running_loop() is loop

        def test_sync(loop):
            assert asyncio.get_event_loop() is loop
        """
    )
    result.assert_outcomes(passed=3)


# -- the life of a loop ------------------------------------------------------------------------


def test_loop_is_current_in_all_phases_and_put_back(run: Example) -> None:
    """It is current in set-up, call and tear-down of its test, and no longer after it."""
    result = run(
        """
        import asyncio
        import pytest

        seen = []

        def current():
            seen.append(asyncio.get_event_loop())

        @pytest.fixture(scope="module")
        async def cached():
            seen.append(asyncio.get_running_loop())
            yield
            seen.append(asyncio.get_running_loop())

        @pytest.fixture
        def around(cached):
            current()
            yield
            current()

        def setup_function():
            current()

        async def test_async(around):
            current()

        def test_sync(around):
            current()
        """,
        conftest="""
        import asyncio
        import pytest

        outside = asyncio.new_event_loop()
        asyncio.set_event_loop(outside)

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(item):
            yield
            assert asyncio.get_event_loop() is outside
            return True

        def pytest_unconfigure():
            import test_example
            (loop,) = set(test_example.seen)
            assert len(test_example.seen) == 10, len(test_example.seen)
            assert loop.is_closed() and loop is not outside
            asyncio.set_event_loop(None)
            outside.close()
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=2)
    assert result.ret == pytest.ExitCode.OK


def test_loop_closes_after_every_fixture_in_it(run: Example) -> None:
    """It is made at its first use, and closed at its scope's end, after all tear-downs."""
    result = run(
        """
        import asyncio
        import pytest

        made = []
        original = asyncio.new_event_loop

        def new_event_loop():
            made.append(original())
            return made[-1]

        @pytest.fixture(scope="module", autouse=True)
        def patch():
            with pytest.MonkeyPatch.context() as monkeypatch:
                monkeypatch.setattr(asyncio, "new_event_loop", new_event_loop)
                yield
            # A sync fixture, and the first: it is torn down after the async ones.
            assert not made[0].is_closed()

        @pytest.fixture(scope="module")
        async def cached():
            yield
            await asyncio.sleep(0)

        def test_before():
            assert made == []

        async def test_one(cached):
            assert made == [asyncio.get_running_loop()]

        async def test_two():
            assert made[1:] == [asyncio.get_running_loop()]

        def test_after():
            first, second = made
            assert not first.is_closed()
            assert second.is_closed()
        """,
        files={
            "test_later.py": """
                import test_example

                def test_later():
                    assert all(loop.is_closed() for loop in test_example.made)
                """
        },
        mode="auto",
    )
    result.assert_outcomes(passed=5)


def test_end_of_a_loop(run: Example) -> None:
    """Pending tasks are cancelled, async generators and the executor are shut down."""
    result = run(
        """
        import asyncio
        import threading

        events = []

        async def test_one():
            async def forever():
                try:
                    await asyncio.Event().wait()
                finally:
                    events.append("task")

            async def generator():
                try:
                    yield
                finally:
                    await asyncio.sleep(0)
                    events.append("generator")

            global kept
            kept = asyncio.create_task(forever()), generator()
            await anext(kept[1])
            await asyncio.to_thread(threading.current_thread)
            assert events == []

        def test_two():
            assert sorted(events) == ["generator", "task"]
            assert not [each for each in threading.enumerate() if "asyncio" in each.name]
        """,
        mode="auto",
        subprocess=True,
    )
    result.assert_outcomes(passed=2)


SHARED = """
import asyncio
import pytest

LOOPS = []

def teardown_module():
    for loop in LOOPS:
        loop.close()

@pytest.fixture(scope="module")
async def cached(ran):
    ran("cached")
    yield asyncio.Event()
    ran("cached")
    await asyncio.sleep(0)

async def test_one(ran, cached):
    ran("one")

def test_breaks():
    async def coroutine():
        await asyncio.sleep(0)

    {statement}

async def test_two(ran, cached):
    ran("two")
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_soon(cached.set)
    await cached.wait()
"""

BREAKS = {
    "run": "asyncio.run(coroutine())",
    "runner": "with asyncio.Runner() as runner: runner.run(coroutine())",
    "none": "asyncio.set_event_loop(None)",
    "other": "LOOPS.append(asyncio.new_event_loop()); asyncio.set_event_loop(LOOPS[-1])",
    "closed": (
        "loop = asyncio.new_event_loop(); asyncio.set_event_loop(loop); loop.close()"
    ),
}


@pytest.mark.parametrize("statement", BREAKS.values(), ids=BREAKS)
@pytest.mark.parametrize("uses", ["", "cached", "event_loop"])
def test_sync_test_that_meddles_with_the_current_loop(
    run: Example, statement: str, uses: str
) -> None:
    """What a sync test does to the current loop does no harm to the tests around it."""
    result = run(
        SHARED.format(statement=statement).replace(
            "test_breaks()", f"test_breaks({uses})"
        ),
        conftest=RECORDER,
        mode="auto",
    )
    result.assert_outcomes(passed=3)
    assert together(result) == "cached one two"


POLICY = """
class Policy(asyncio.DefaultEventLoopPolicy):
        pass

    asyncio.set_event_loop_policy(Policy())
"""


@pytest.mark.skipif(sys.version_info >= (3, 16), reason="there are no policies")
@pytest.mark.parametrize("uses", ["", "cached", "event_loop"])
@pytest.mark.parametrize("value", ["None", "Policy()"])
def test_sync_test_that_replaces_the_policy(
    run: Example, uses: str, value: str
) -> None:
    """A policy that a test sets does no harm to the tests around it."""
    source = SHARED.format(statement=POLICY.strip().replace("Policy())", f"{value})"))
    result = run(
        source.replace("test_breaks()", f"test_breaks({uses})"),
        "-Wignore::DeprecationWarning",
        conftest=RECORDER,
        mode="auto",
    )
    result.assert_outcomes(passed=3)
    assert together(result) == "cached one two"


@pytest.mark.parametrize(
    "statement",
    [
        "asyncio.set_event_loop(None)",
        "LOOPS.append(asyncio.new_event_loop()); asyncio.set_event_loop(LOOPS[-1])",
        "await asyncio.to_thread(asyncio.run, asyncio.sleep(0))",
    ],
)
def test_async_test_that_meddles_with_the_current_loop(
    run: Example, statement: str
) -> None:
    """What an async test does to the current loop does no harm to the next test."""
    result = run(
        SHARED.format(statement=statement).replace(
            "def test_breaks()", "async def test_breaks()"
        ),
        conftest=RECORDER,
        mode="auto",
    )
    result.assert_outcomes(passed=3)
    assert together(result) == "cached one two"


def test_loop_that_a_test_closes(run: Example) -> None:
    """The next test has a new loop and new fixtures, and a warning names who did it."""
    result = run(
        SHARED.format(statement="asyncio.get_event_loop().close()").replace(
            "test_breaks()", "test_breaks(cached)"
        ),
        "-Wdefault",
        conftest=RECORDER,
        mode="auto",
    )
    result.assert_outcomes(passed=3, warnings=1)
    assert together(result) == "cached one | cached two"
    result.stdout.fnmatch_lines(
        [
            (
                "*PytestAsyncioLoopWarning: the event loop of test_example.py::test_breaks was "
                "closed during the test*cached."
            ),
        ]
    )


def test_loop_that_a_fixture_closes_while_another_needs_it(run: Example) -> None:
    """The fixtures that lived in it do not serve the next test, although it was made anew."""
    result = run(
        """
        import asyncio
        import pytest

        @pytest.fixture(scope="module")
        async def wide():
            yield asyncio.get_running_loop()

        @pytest.fixture
        def closing(wide):
            wide.close()

        @pytest.fixture
        async def narrow(closing):
            return asyncio.get_running_loop()

        async def test_first(wide, closing, narrow):
            assert wide is not narrow

        async def test_second(wide):
            assert wide is asyncio.get_running_loop()
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=2)


def test_loop_that_is_closed_by_a_test_it_does_not_serve(run: Example) -> None:
    """It is the same where a test closes the loop of others through a reference."""
    source = SHARED.format(statement="LOOPS[0].close()").replace(
        '    ran("one")', '    ran("one")\n    LOOPS.append(asyncio.get_running_loop())'
    )
    result = run(source, "-Wdefault", conftest=RECORDER, mode="auto")
    result.assert_outcomes(passed=3, warnings=1)
    assert together(result) == "cached one | cached two"
    result.stdout.fnmatch_lines(
        ["*test_example.py::test_breaks*closed during the test*"]
    )


def test_closed_loop_of_a_test_alone(run: Example) -> None:
    """A fixture's tear-down may not close the loop, and the next test does not suffer."""
    result = run(
        """
        import asyncio
        import pytest

        @pytest.fixture
        def closing(event_loop):
            yield
            event_loop.close()

        async def test_one(closing):
            pass

        async def test_two():
            await asyncio.sleep(0)
        """,
        "-Wdefault",
        mode="auto",
    )
    result.assert_outcomes(passed=2, warnings=1)
    result.stdout.fnmatch_lines(
        ["*the event loop of test_example.py::test_one was closed*"]
    )


def test_loop_that_is_running_already(run: Example) -> None:
    """Tests run in their own loops where pytest itself was started in a running one."""

    async def main() -> pytest.RunResult:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        result = run(TWO_CACHED + JOIN, conftest=RECORDER + WIDE, mode="auto")
        assert asyncio.get_running_loop() is loop
        assert asyncio.current_task() is task
        await asyncio.sleep(0)
        return result

    result = asyncio.run(main())
    result.assert_outcomes(passed=3)
    assert together(result) == "narrow test-both test-narrow test-wide wide"


# -- two loops ---------------------------------------------------------------------------------

DIFFERENT = """
import asyncio
import pytest
import pytest_asyncio

@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def unrelated():
    pass

@pytest_asyncio.fixture(scope="module"{fixture})
async def lock():
    lock = asyncio.Lock()
    await lock.acquire()

    async def wait():
        async with lock:
            pass

    task = asyncio.create_task(wait())  # The lock now belongs to this loop.
    await asyncio.sleep(0)
    yield lock
    lock.release()
    await task

@pytest.mark.asyncio(loop_scope="session")
async def test_before(unrelated):
    pass

@pytest.mark.asyncio{mark}
async def test_it(lock):
{body}
"""

PLAIN = """
    await lock.acquire()
"""

IN_GROUP = """
    async with asyncio.TaskGroup() as group:
        group.create_task(lock.acquire())
"""

CHAINED = """
    try:
        await lock.acquire()
    except RuntimeError as exc:
        raise ValueError("no lock") from exc
"""


@pytest.mark.parametrize(
    "body", [PLAIN, IN_GROUP, CHAINED], ids=["plain", "group", "chain"]
)
@pytest.mark.parametrize(
    "fixture, mark, scopes",
    [
        ("", '(loop_scope="function")', ("function", "module")),
        (', loop_scope="module"', '(loop_scope="session")', ("session", "module")),
        (', loop_scope="session"', '(loop_scope="module")', ("module", "session")),
    ],
)
def test_note_on_two_loops(
    run: Example, fixture: str, mark: str, scopes: tuple[str, str], body: str
) -> None:
    """The error names the test, the fixture, both scopes, and what to write."""
    result = run(DIFFERENT.format(fixture=fixture, mark=mark, body=body))
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*RuntimeError: *is bound to a different event loop",
            (
                "*pytest-asyncio: test_example.py::test_it runs in an event loop of "
                f"{scopes[0]} scope, but the fixture 'lock' in a loop of {scopes[1]} scope."
            ),
            "*Write loop_scope='"
            + {
                ("function", "module"): "module' for test_example.py::test_it, or*",
                ("session", "module"): "session' for the fixture 'lock', or*",
                ("module", "session"): "session' for test_example.py::test_it, or*",
            }[scopes],
        ]
    )
    result.stdout.no_fnmatch_line("*fixture 'unrelated'*")
    assert no_frame_of_ours(result)


def test_note_on_two_loops_in_the_background(run: Example) -> None:
    """The note is there, too, where a task of the test has the error and nobody takes notice."""
    result = run(
        """
        import asyncio

        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="module", loop_scope="module")
        async def future():
            return asyncio.get_running_loop().create_future()

        async def wait(future):
            await future

        @pytest.mark.asyncio(loop_scope="function")
        async def test_it(future):
            task = asyncio.create_task(wait(future))
            await asyncio.sleep(0.01)
        """,
        "-Wdefault",
    )
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(
        [
            "*RuntimeError: Task *attached to a different loop",
            "*pytest-asyncio: test_example.py::test_it runs in an event loop of function *",
        ]
    )


def test_error_in_the_background_that_cannot_say_what_it_is(run: Example) -> None:
    """An exception whose text raises is told like any other, and harms no test."""
    result = run(
        """
        import asyncio

        class Mute(RuntimeError):
            def __str__(self):
                raise ValueError("no text")

        async def fail():
            raise Mute

        async def test_it():
            task = asyncio.create_task(fail())
            await asyncio.sleep(0.01)
        """,
        "-Wdefault",
        mode="auto",
    )
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*Mute: <exception str() failed>"])


@pytest.mark.parametrize("ini", ["asyncio_default_test_loop_scope = function"])
def test_note_on_two_loops_names_the_option(run: Example, ini: str) -> None:
    """Where an option made two loops of one, the note says so."""
    result = run(DIFFERENT.format(fixture="", mark="", body=PLAIN), ini=ini)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            (
                "*pytest-asyncio: test_example.py::test_it runs in an event loop of function "
                "scope, but the fixture 'lock' in a loop of module scope."
            ),
            "*or leave out loop_scope, and unset asyncio_default_test_loop_scope: tests *",
        ]
    )


def test_note_on_two_loops_in_a_fixture(run: Example) -> None:
    """It is the same where a fixture uses what another one has made in another loop."""
    result = run(
        DIFFERENT.format(
            fixture=', loop_scope="module"', mark='(loop_scope="module")', body=PLAIN
        ).replace("test_it(lock)", "test_it(user)")
        + """
@pytest_asyncio.fixture(loop_scope="session")
async def user(lock):
    await lock.acquire()
"""
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*is bound to a different event loop",
            (
                "*pytest-asyncio: the fixture 'user' of test_example.py::test_it runs in an "
                "event loop of session scope, but the fixture 'lock' in a loop of module scope."
            ),
            "*Write loop_scope='session' for the fixture 'lock', or*",
        ]
    )
    assert no_frame_of_ours(result)


def test_note_on_a_closed_loop(run: Example) -> None:
    """'Event loop is closed' has the note too, if fixtures live in other loops."""
    result = run(
        """
        import asyncio
        import pytest
        import pytest_asyncio

        class Client:
            def __init__(self):
                self.loop = None

            async def call(self):
                self.loop = self.loop or asyncio.get_running_loop()
                self.loop.call_soon(lambda: None)

        @pytest_asyncio.fixture(scope="module")
        async def client():
            return Client()

        @pytest.mark.asyncio(loop_scope="function")
        async def test_one(client):
            await client.call()

        @pytest.mark.asyncio(loop_scope="function")
        async def test_two(client):
            await client.call()
        """
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*RuntimeError: Event loop is closed",
            (
                "*pytest-asyncio: test_example.py::test_two runs in an event loop of function "
                "scope, but the fixture 'client' in a loop of module scope."
            ),
        ]
    )


RUNS_A_LOOP = {
    "asyncio.run()": "asyncio.run(coroutine)",
    "its own loop": "asyncio.get_running_loop().run_until_complete(coroutine)",
    "another loop": "loop.run_until_complete(coroutine)",
}


@pytest.mark.parametrize("call", RUNS_A_LOOP)
def test_note_on_a_loop_that_is_running(run: Example, call: str) -> None:
    """A loop that code under test starts inside of the running one: what to do instead."""
    result = run(
        f"""
        import asyncio
        import contextlib
        import pytest

        def code_under_test():
            with (
                contextlib.closing(asyncio.new_event_loop()) as loop,
                contextlib.closing(asyncio.sleep(0)) as coroutine,
            ):
                {RUNS_A_LOOP[call]}

        @pytest.fixture
        async def starts_a_loop():
            code_under_test()

        async def test_it():
            code_under_test()

        async def test_fixture(starts_a_loop): ...
        """,
        mode="auto",
    )
    result.assert_outcomes(failed=1, errors=1)
    fixture = "the fixture 'starts_a_loop' of test_example.py::test_fixture"
    for who in (fixture, "test_example.py::test_it"):
        result.stdout.fnmatch_lines(
            [
                f"E *pytest-asyncio: {who} is a coroutine, and runs in an event loop already.",
                "E *asyncio.to_thread(*",
            ]
        )


def test_an_error_that_is_its_own_cause(run: Example) -> None:
    """A circle of causes is gone through once."""
    result = run(
        """
        async def test_it():
            one, two = RuntimeError("one"), RuntimeError("two")
            one.__cause__, two.__cause__ = two, one
            raise one
        """,
        mode="auto",
        subprocess=True,
        timeout=60,
    )
    result.assert_outcomes(failed=1)


KEPT = {
    "future": ("asyncio.get_running_loop().create_future()", "await kept[0]"),
    "lock": (
        "asyncio.Lock(); await kept[0].acquire(); task = asyncio.create_task(wait())",
        "await kept[0].acquire()",
    ),
    "loop": ("asyncio.get_running_loop()", "kept[0].call_soon(print)"),
}


@pytest.mark.parametrize("made, used", KEPT.values(), ids=KEPT)
def test_note_on_what_an_earlier_test_has_made(
    run: Example, made: str, used: str
) -> None:
    """No fixture has to do with it, whichever are there: it is kept in a module."""
    result = run(
        f"""
        import asyncio
        import pytest_asyncio

        kept = [None]

        @pytest_asyncio.fixture(scope="session")
        async def unrelated(): ...

        async def wait():
            await kept[0].acquire()

        async def test_before(unrelated):
            pass

        async def test_one():
            kept[0] = {made}
            await asyncio.sleep(0)

        async def test_two():
            {used}
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(
        [
            (
                "*pytest-asyncio: test_example.py::test_two runs in an event loop of function "
                "scope, and what it awaits belongs to another one: *"
            ),
            "*Make it in an async fixture, *",
        ]
    )
    result.stdout.no_fnmatch_line("*unrelated'*")


def test_no_note_without_two_loops(run: Example) -> None:
    """Errors that only sound alike are left as they are."""
    result = run(
        """
        import pytest

        @pytest.fixture(scope="module")
        async def cached():
            pass

        async def test_one(cached):
            raise RuntimeError("attached to a different loop")

        @pytest.mark.asyncio(loop_scope="session")
        async def test_two(cached):
            raise RuntimeError("something else")
        """,
        mode="auto",
    )
    result.assert_outcomes(failed=2)
    result.stdout.no_fnmatch_line("*pytest-asyncio: *")


def test_loops_have_no_more_attributes_than_are_found_fast(
    pytestconfig: pytest.Config,
) -> None:
    """Python makes a dict of more than 30, and each test takes 14,000 instructions more."""
    assert len(vars(Loops(pytestconfig))) <= 30
