"""Which kind of event loop tests run in: the hook, the policy, uvloop, debug mode."""

from __future__ import annotations

import re
import sys

import pytest

from conftest import Example

POLICIES = pytest.mark.skipif(
    sys.version_info >= (3, 16), reason="there are no event loop policies"
)

# The conftest.py of most projects here: two kinds of loops that can be told apart.
KINDS = """
import asyncio

class A(asyncio.SelectorEventLoop):
    pass

class B(asyncio.SelectorEventLoop):
    pass

def kind():
    loop = asyncio._get_running_loop() or asyncio.get_event_loop()
    return type(loop).__name__
"""

BOTH = """
def pytest_asyncio_loop_factories(config, item):
    return {"a": A, "b": B}
"""

ONE = """
def pytest_asyncio_loop_factories(config, item):
    return {"a": A}
"""


def no_frame_of_ours(result: pytest.RunResult) -> bool:
    """Whether no file of the plugin shows in what pytest printed."""
    return "pytest_asyncio/" not in result.stdout.str().replace("\\", "/")


# -- the hook ------------------------------------------------------------------------------------


def test_several_factories(run: Example) -> None:
    """A test runs once with each factory, and the names become part of its id, in order."""
    result = run(
        """
        from conftest import kind

        async def test_async():
            print(kind())

        def test_sync():
            pass
        """,
        "-v",
        "-rP",
        conftest=KINDS + BOTH,
        mode="auto",
    )
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        [
            "test_example.py::test_async[[]a[]] PASSED*",
            "test_example.py::test_async[[]b[]] PASSED*",
            "test_example.py::test_sync PASSED*",
            "*test_async[[]a[]]*",
            "A",
            "*test_async[[]b[]]*",
            "B",
        ]
    )


def test_one_factory_leaves_ids_as_they_are(run: Example) -> None:
    """With one factory, tests run in its loops under their own ids."""
    result = run(
        """
        from conftest import kind
        import pytest

        async def test_async(request):
            assert kind() == "A"
            assert request.node.name == "test_async"

        @pytest.mark.parametrize("number", [1])
        async def test_parametrised(request, number):
            assert kind() == "A"
            assert request.node.name == "test_parametrised[1]"
        """,
        conftest=KINDS + ONE,
        mode="auto",
    )
    result.assert_outcomes(passed=2)


def test_factories_multiply_with_parameters(run: Example) -> None:
    """The factories multiply with parameters of the test and of its fixtures."""
    result = run(
        """
        import pytest

        @pytest.fixture(params=["x", "y"])
        async def fixture(request):
            return request.param

        @pytest.mark.parametrize("number", [1, 2])
        async def test_it(number, fixture, request):
            name, _, parts = request.node.name.removesuffix("]").partition("[")
            assert sorted(parts.split("-")) == sorted([str(number), fixture, kind().lower()])

        def kind():
            import conftest
            return conftest.kind()
        """,
        conftest=KINDS + BOTH,
        mode="auto",
    )
    result.assert_outcomes(passed=8)


@pytest.mark.parametrize("body", ["return None", "pass"])
def test_none_means_the_default(run: Example, body: str) -> None:
    """Where the hook returns None, the loop is that of asyncio.new_event_loop()."""
    result = run(
        """
        import asyncio

        async def test_it(request):
            assert type(asyncio.get_running_loop()) is type(loop)
            assert request.node.name == "test_it"

        def setup_module():
            global loop
            loop = asyncio.new_event_loop()
            loop.close()
        """,
        conftest=f"""
        def pytest_asyncio_loop_factories(config, item):
            {body}
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1)


def test_hook_chooses_by_item(run: Example) -> None:
    """The hook is asked for each test, and may answer by what the test is."""
    result = run(
        """
        from conftest import kind
        import pytest

        async def test_default():
            assert kind() not in ("A", "B")

        @pytest.mark.special
        async def test_special():
            assert kind() == "A"

        class TestClass:
            pytestmark = pytest.mark.special

            async def test_method(self):
                assert kind() == "A"
        """,
        conftest=KINDS
        + """
def pytest_configure(config):
    config.addinivalue_line("markers", "special: runs in loops of its own kind")

def pytest_asyncio_loop_factories(config, item):
    assert config is item.config
    return {"a": A} if item.get_closest_marker("special") else None
""",
        mode="auto",
    )
    result.assert_outcomes(passed=3)


def test_closest_conftest_decides(run: Example) -> None:
    """The hook nearest to the test answers first; with None it leaves it to the next."""
    result = run(
        files={
            "test_top.py": """
                from helper import kind

                async def test_it():
                    assert kind() == "A"
                """,
            "one/conftest.py": """
                from helper import B

                def pytest_asyncio_loop_factories(config, item):
                    return {"b": B}
                """,
            "one/test_one.py": """
                from helper import kind

                async def test_it():
                    assert kind() == "B"
                """,
            "two/conftest.py": """
                def pytest_asyncio_loop_factories(config, item):
                    return None
                """,
            "two/test_two.py": """
                from helper import kind

                async def test_it():
                    assert kind() == "A"
                """,
            "helper.py": KINDS,
        },
        conftest="from helper import A\n" + ONE,
        mode="auto",
    )
    result.assert_outcomes(passed=3)


def test_hook_in_a_plugin(run: Example) -> None:
    """A plugin may bring the factories, and a conftest.py may overrule it."""
    run.pytester.syspathinsert()
    result = run(
        files={
            "factories_plugin.py": KINDS + BOTH,
            "test_top.py": """
                async def test_it():
                    pass
                """,
            "below/conftest.py": "from factories_plugin import A\n" + ONE,
            "below/test_below.py": """
                async def test_below():
                    pass
                """,
        },
        mode="auto",
        ini="addopts = -p factories_plugin",
    )
    result.assert_outcomes(passed=3)


@pytest.mark.parametrize(
    "returned, problem",
    [
        ("{}", "returned an empty mapping"),
        ("[A]", "returned [[]<class 'conftest.A'>[]]"),
        ("A", "returned <class 'conftest.A'>"),
        ("{'': A}", "has '' as a name"),
        ("{1: A}", "has 1 as a name"),
        ("{'a': 1}", "has 1 as the factory 'a'"),
        ("{'a': A, 'b': None}", "has None as the factory 'b'"),
    ],
)
def test_hook_that_returns_something_else(
    run: Example, returned: str, problem: str
) -> None:
    """What is wrong is said at each test concerned, and what would be right."""
    result = run(
        """
        async def test_it():
            pass

        def test_sync():
            pass
        """,
        conftest=KINDS
        + f"""
def pytest_asyncio_loop_factories(config, item):
    return {returned}
""",
        mode="auto",
    )
    outcomes = result.parseoutcomes()
    assert outcomes["passed"] == 1
    assert outcomes["errors"] in (1, 2)
    result.stdout.fnmatch_lines(
        [
            f"test_example.py::test_it*: pytest_asyncio_loop_factories {problem}.",
            (
                "It has to return a mapping of names to callables that make an event loop, or "
                "None for the default loop."
            ),
        ]
    )
    assert no_frame_of_ours(result)


def test_factory_that_makes_no_loop(run: Example) -> None:
    """A factory's name stands in the error about what it made."""
    result = run(
        """
        async def test_it():
            pass
        """,
        conftest="""
        def pytest_asyncio_loop_factories(config, item):
            return {"broken": lambda: "a loop"}
        """,
        mode="auto",
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            (
                "test_example.py::test_it: the loop factory 'broken' made 'a loop', which is "
                "not an event loop that can be run. It has to make a new one, as "
                "asyncio.new_event_loop does."
            ),
        ]
    )
    assert no_frame_of_ours(result)


def test_factory_that_raises(run: Example) -> None:
    """The error of a factory is an error of the tests that need it, at the user's line."""
    result = run(
        """
        async def test_it():
            pass

        def test_sync():
            pass
        """,
        conftest="""
        def factory():
            raise OSError("no more loops")

        def pytest_asyncio_loop_factories(config, item):
            return {"broken": factory}
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*conftest.py:3: OSError*", "*OSError: no more loops"])


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        ("made", "gave an event loop that is closed already."),
        ("running", "gave an event loop that is running already."),
        ("kept", "gave an event loop that is in use already."),
        ("lambda number: None", "*has to be callable without arguments: *'number'*"),
        ("asyncio.AbstractEventLoop", "made <*AbstractEventLoop *>, which is not an *"),
    ],
    ids=["closed", "running", "in use", "arguments", "abstract"],
)
def test_factory_that_makes_no_new_loop(run: Example, factory: str, said: str) -> None:
    """What pytest-asyncio runs and closes has to be new; the message says what it is instead."""
    result = run(
        """
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="session", loop_scope="session")
        async def of_the_session():
            pass

        @pytest.mark.asyncio(loop_scope="session")
        async def test_of_the_session(of_the_session):
            pass

        @pytest.mark.asyncio
        async def test_one():
            pass

        @pytest.mark.asyncio
        async def test_two():
            pass
        """,
        conftest=f"""
        import asyncio
        import threading

        closed = asyncio.new_event_loop()
        closed.close()
        elsewhere = asyncio.new_event_loop()
        session = asyncio.new_event_loop()
        made = lambda: closed
        kept = lambda: session

        def running():
            if not elsewhere.is_running():
                started = threading.Event()
                elsewhere.call_soon(started.set)
                threading.Thread(target=elsewhere.run_forever).start()
                started.wait()
            return elsewhere

        def pytest_unconfigure(config):
            if elsewhere.is_running():
                elsewhere.call_soon_threadsafe(elsewhere.stop)
                while elsewhere.is_running():
                    pass
            elsewhere.close()
            session.close()

        def pytest_asyncio_loop_factories(config, item):
            return {{"own": {factory}}}
        """,
    )
    passed = 1 if "in use" in said else 0
    result.assert_outcomes(passed=passed, errors=3 - passed)
    result.stdout.fnmatch_lines([f"*::test_one: the loop factory 'own' {said}"])
    result.stdout.no_fnmatch_line("*closed during the test*")
    assert no_frame_of_ours(result)


def test_hook_is_asked_once_for_each_function(run: Example) -> None:
    """All variants of a test have the factories that its function was collected with."""
    result = run(
        """
        import pytest

        @pytest.mark.parametrize("n", [1, pytest.param(2, marks=pytest.mark.special)])
        async def test_it(n, request):
            assert kind().lower() in request.node.name

        async def test_alone():
            assert kind() == "A"

        from conftest import asked, kind

        def test_asked():
            assert asked == ["test_it", "test_alone"]
        """,
        conftest=KINDS
        + """
asked = []

def pytest_asyncio_loop_factories(config, item):
    if item.name == "test_asked":
        return None
    asked.append(item.name)
    if item.get_closest_marker("special"):
        return None
    return {"a": A, "b": B} if item.name == "test_it" else {"a": A}
""",
        ini="markers = special",
        mode="auto",
    )
    result.assert_outcomes(passed=6)


# -- the marker ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "names, ids",
    [
        (["a"], [""]),
        (["b"], [""]),
        (["a", "b"], ["[a]", "[b]"]),
        (["b", "a"], ["[b]", "[a]"]),
    ],
)
def test_marker_picks_and_orders_factories(
    run: Example, names: list[str], ids: list[str]
) -> None:
    """loop_factories says which factories a test runs with, and in which order."""
    result = run(
        f"""
        from conftest import kind
        import pytest

        seen = []

        @pytest.mark.asyncio(loop_factories={names!r})
        async def test_it(request):
            seen.append((request.node.name.removeprefix("test_it"), kind().lower()))

        def test_after():
            assert seen == {list(zip(ids, names, strict=True))!r}
        """,
        conftest=KINDS + BOTH,
    )
    result.assert_outcomes(passed=len(names) + 1)


def test_marker_accepts_any_sequence(run: Example) -> None:
    """Tuples do as well as lists."""
    result = run(
        """
        from conftest import kind
        import pytest

        @pytest.mark.asyncio(loop_factories=("b",))
        async def test_it():
            assert kind() == "B"
        """,
        conftest=KINDS + BOTH,
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "names, known, passed",
    [(["c"], "a, b", 0), (["a", "c"], "a, b", 1), (["c", "d"], "a, b", 0)],
)
def test_unknown_name_skips_that_variant(
    run: Example, names: list[str], known: str, passed: int
) -> None:
    """Names that the hook does not give here are skipped; the reason lists those it gives."""
    result = run(
        f"""
        import pytest

        @pytest.mark.asyncio(loop_factories={names!r})
        async def test_it():
            pass
        """,
        "-rs",
        conftest=KINDS + BOTH,
    )
    result.assert_outcomes(passed=passed, skipped=len(names) - passed)
    result.stdout.fnmatch_lines(
        [
            (
                "SKIPPED*there is no loop factory 'c' here; pytest_asyncio_loop_factories "
                f"gives {known}"
            ),
        ]
    )
    assert no_frame_of_ours(result)


def test_names_without_a_hook(run: Example) -> None:
    """A test that names factories where there are none is an error that says what to do."""
    result = run(
        """
        import pytest

        @pytest.mark.asyncio(loop_factories=["uvloop"])
        async def test_it():
            pass
        """
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            (
                "test_example.py::test_it asks for the loop factories uvloop, but there are "
                "none here."
            ),
            (
                "Name them in the hook pytest_asyncio_loop_factories, in a conftest.py or a "
                "plugin, or leave loop_factories out of the marker."
            ),
        ]
    )
    assert no_frame_of_ours(result)


@pytest.mark.parametrize("value", ["'a'", "[]", "['']", "[1]", "5", "{'a'}"])
def test_marker_with_wrong_names(run: Example, value: str) -> None:
    """What is not a sequence of names fails the test, and says so."""
    result = run(
        f"""
        import pytest

        @pytest.mark.asyncio(loop_factories={value})
        async def test_it():
            pass

        @pytest.mark.asyncio(loop_factories=["a"])
        async def test_good():
            pass
        """,
        conftest=KINDS + BOTH,
    )
    outcomes = result.parseoutcomes()
    assert outcomes["passed"] == 1
    assert outcomes["errors"] == 1
    result.stdout.fnmatch_lines(
        [
            (
                "test_example.py::test_it: wrong arguments in pytest.mark.asyncio: "
                "loop_factories has to be a non-empty sequence of names, not *"
            ),
        ]
    )
    assert no_frame_of_ours(result)


def test_marker_on_parameters(run: Example) -> None:
    """loop_factories on a pytest.param counts for that parameter's test."""
    result = run(
        """
        from conftest import kind
        import pytest

        @pytest.mark.parametrize(
            "expected",
            [
                pytest.param("B", marks=pytest.mark.asyncio(loop_factories=["b"])),
                pytest.param("A", marks=pytest.mark.asyncio),
            ],
        )
        async def test_it(expected):
            assert kind() == expected
        """,
        conftest=KINDS
        + """
def pytest_asyncio_loop_factories(config, item):
    marker = item.get_closest_marker("asyncio")
    return {"a": A, "b": B} if marker and marker.kwargs else {"a": A}
""",
    )
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    "factory",
    [
        "lambda: cls()",
        "(lambda cls=cls: cls())",
        "functools.partial(make, cls)",
        "functools.partial(make, cls=cls)",
        "functools.partial(make, options=[cls], cls=cls)",
        "(lambda made=functools.partial(make, cls): made())",
        "recursive(cls)",
        "counting(cls)",
        "kinds[cls]",
    ],
)
def test_factories_that_are_made_anew_at_each_call(run: Example, factory: str) -> None:
    """They are the same if they make the same loops, and not just if their code is the same."""
    factories = f"""
import functools
from kinds import A, B, counting, make, Maker, recursive

kinds = {{A: Maker(A), B: Maker(B)}}

def pytest_asyncio_loop_factories(config, item):
    cls = KIND
    return {{"one": {factory}}}
"""
    tests = """
import asyncio
from kinds import kind
import pytest

loops = []

@pytest.fixture(scope="session")
async def shared():
    loops.append(asyncio.get_running_loop())

async def test_first(shared):
    assert kind() == "KIND"

async def test_second(shared):
    assert kind() == "KIND"
    assert loops == [asyncio.get_running_loop()]
"""
    kinds = (
        KINDS
        + """
def make(cls, options=()):
    return cls()

def recursive(cls):
    def make():
        if cls is None:
            return make(), never
        return cls()

    if cls is None:
        never = 1
    return make

def counting(cls, made=[]):
    def make():
        made.append(cls)
        return cls()

    return make

class Maker:
    made = 0

    def __init__(self, cls):
        self.cls = cls

    def __call__(self):
        self.made += 1
        return self.cls()
"""
    )
    result = run(
        files={
            "kinds.py": kinds,
            **{
                f"{name}/{file}": text.replace("KIND", name.upper())
                for name in "ab"
                for file, text in {
                    "__init__.py": "",
                    "conftest.py": factories,
                    "test_it.py": tests,
                }.items()
            },
        },
        mode="auto",
        ini="pythonpath = .",
    )
    result.assert_outcomes(passed=4)


# -- fixtures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["function", "class", "module", "package", "session"])
def test_fixture_is_set_up_once_for_each_loop(run: Example, scope: str) -> None:
    """A fixture that tests of several factories share runs once in each kind of loop."""
    kinds = ["A", "B"] * (3 if scope == "function" else 1)
    result = run(
        f"""
        import asyncio
        from conftest import kind
        import pytest

        seen = []

        @pytest.fixture(scope={scope!r})
        async def cached():
            seen.append(kind())
            loop = asyncio.get_running_loop()
            yield loop
            assert asyncio.get_running_loop() is loop

        class TestClass:
            async def test_one(self, cached):
                assert asyncio.get_running_loop() is cached

            async def test_two(self, cached):
                assert asyncio.get_running_loop() is cached

            def test_three(self, cached):
                assert asyncio.get_event_loop() is cached

        def test_seen():
            assert seen == {kinds}
        """,
        conftest=KINDS + BOTH,
        mode="auto",
    )
    result.assert_outcomes(passed=7)


def test_order_of_the_variants(run: Example) -> None:
    """Tests keep their order; only what shares a loop runs with one factory after the other."""
    result = run(
        """
        import pytest

        seen = []

        @pytest.fixture(scope="module")
        def once():
            seen.append("once")

        async def test_one(once):
            pass

        @pytest.mark.asyncio(loop_factories=["b", "a"])
        async def test_two(once):
            pass

        def test_synchronous(once):
            pass

        @pytest.mark.asyncio(loop_scope="module")
        async def test_three():
            pass

        @pytest.mark.asyncio(loop_scope="module")
        async def test_four():
            pass

        def test_once():
            assert seen == ["once"]
        """,
        "-v",
        conftest=KINDS + BOTH,
        mode="auto",
    )
    result.assert_outcomes(passed=10)
    assert re.findall(r"::test_(\S+) PASSED", result.stdout.str()) == [
        "one[a]",
        "one[b]",
        "two[b]",
        "two[a]",
        "synchronous",
        "three[a]",
        "four[a]",
        "three[b]",
        "four[b]",
        "once",
    ]


TWO_POLICIES = """
import pytest

@pytest.fixture(scope="session", params=[A, B], ids=["a", "b"])
def event_loop_policy(request):
    return Policy(request.param)
"""


@pytest.mark.parametrize("who", ["factories", "policies"])
def test_wide_fixture_that_no_order_can_foresee(run: Example, who: str) -> None:
    """One that is asked for at run time is set up in each kind of loop, too."""
    result = run(
        """
        import asyncio
        import pytest

        @pytest.fixture(scope="module")
        async def packet():
            yield asyncio.get_running_loop()

        @pytest.fixture
        def anything(request):
            return request.getfixturevalue("pack" + "et")

        async def test_1(anything):
            assert type(anything) is type(asyncio.get_running_loop())

        async def test_2(anything):
            assert type(anything) is type(asyncio.get_running_loop())
        """,
        conftest=KINDS + (BOTH if who == "factories" else POLICY + TWO_POLICIES),
        mode="auto",
    )
    result.assert_outcomes(passed=4)


@pytest.mark.parametrize("who", ["factories", "policies"])
def test_parameter_that_stands_for_a_fixture(run: Example, who: str) -> None:
    """pytest-lazy-fixtures puts the value of a fixture in place of a parameter that names it."""
    result = run(
        """
        import asyncio
        import pytest

        class Lazy:
            __module__ = "pytest_lazy_fixtures.lazy_fixture"
            name = "packet.attribute"

        @pytest.fixture(scope="module")
        async def packet():
            yield asyncio.get_running_loop()

        @pytest.mark.parametrize("given", [Lazy()])
        async def test_1(given):
            assert type(given) is type(asyncio.get_running_loop())

        @pytest.mark.parametrize("given", [Lazy()])
        async def test_2(given):
            assert type(given) is type(asyncio.get_running_loop())
        """,
        conftest=KINDS
        + (BOTH if who == "factories" else POLICY + TWO_POLICIES)
        + """
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef, request):
    if fixturedef.argname == "given":
        request.param = request.getfixturevalue("packet")
    return (yield)
""",
        mode="auto",
    )
    result.assert_outcomes(passed=4)


@pytest.mark.parametrize("who", ["factories", "policies"])
def test_wide_fixture_that_one_loop_does_not_do_for(run: Example, who: str) -> None:
    """Its error is that of one variant, there once for all tests; the other one starts anew."""
    result = run(
        """
        import asyncio
        from conftest import kind
        import pytest

        seen = []

        @pytest.fixture(scope="module")
        async def picky():
            seen.append(kind())
            assert kind() == "B"

        async def test_1(picky):
            pass

        async def test_2(picky):
            pass

        def test_seen():
            assert len(seen) == len(set(seen))
        """,
        conftest=KINDS + (BOTH if who == "factories" else POLICY + TWO_POLICIES),
        mode="auto",
    )
    result.assert_outcomes(passed=3 if who == "factories" else 4, errors=2)


@pytest.mark.parametrize("first", ["plain", "with_b"])
def test_wide_fixture_fails_once_for_each_loop(run: Example, first: str) -> None:
    """The default loop is one of them."""
    names = ["plain", "with_b"] if first == "plain" else ["with_b", "plain"]
    tests = "\n".join(
        f"async def test_{name}_{number}(broken): ..."
        for name in names
        for number in range(2)
    )
    result = run(
        """
        from conftest import kind
        import pytest

        @pytest.fixture(scope="session")
        async def broken():
            print(f"<{kind()}>")
            raise OSError(kind())
        """
        + "\n".join(f"\n        {line}" for line in tests.splitlines()),
        "-s",
        conftest=KINDS
        + """
def pytest_asyncio_loop_factories(config, item):
    return None if "plain" in item.name else {"b": B}
""",
        mode="auto",
    )
    result.assert_outcomes(errors=4)
    assert result.stdout.str().count("<B>") == 1
    assert len(re.findall(r"<\w+>", result.stdout.str())) == 2


def test_sync_tests_with_async_fixtures(run: Example) -> None:
    """They run with the configured loops, too, and share the fixtures of async tests."""
    result = run(
        """
        import asyncio
        from conftest import kind
        import pytest

        set_up = []

        @pytest.fixture(scope="session")
        async def cached():
            set_up.append(kind())
            return asyncio.get_running_loop()

        @pytest.fixture
        async def value():
            return kind()

        async def test_async(cached):
            assert kind() == "A"

        def test_sync(cached, value):
            assert asyncio.get_event_loop() is cached
            assert value == "A"

        def test_event_loop(event_loop):
            pass

        def test_plain():
            assert set_up == ["A"]
        """,
        conftest=KINDS + ONE,
        mode="auto",
    )
    result.assert_outcomes(passed=4)


def test_event_loop_of_a_sync_test(run: Example) -> None:
    """A sync test that asks for nothing but event_loop gets a loop of the configured kind."""
    result = run(
        """
        def test_event_loop(event_loop):
            assert type(event_loop).__name__ == "A"
        """,
        conftest=KINDS + ONE,
        mode="auto",
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_tests_that_disagree_about_a_shared_fixture(run: Example, mode: str) -> None:
    """A cached fixture is set up anew for tests that say another factory."""
    result = run(
        """
        import asyncio
        from conftest import kind
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="module")
        async def cached():
            loop = asyncio.get_running_loop()
            yield loop
            assert asyncio.get_running_loop() is loop

        @pytest.mark.asyncio(loop_factories=["a"])
        async def test_a(cached):
            assert asyncio.get_running_loop() is cached
            assert kind() == "A"

        @pytest.mark.asyncio(loop_factories=["b"])
        async def test_b(cached):
            assert asyncio.get_running_loop() is cached
            assert kind() == "B"

        @pytest.mark.asyncio(loop_factories=["a"])
        async def test_a_again(cached):
            assert asyncio.get_running_loop() is cached
            assert kind() == "A"
        """,
        conftest=KINDS + BOTH,
        mode=mode,
    )
    result.assert_outcomes(passed=3)


def test_event_loop_override_wins_over_factories(run: Example) -> None:
    """Tests that see an event_loop of the user's run in it, and once."""
    result = run(
        """
        import asyncio
        from conftest import B
        from conftest import kind
        import pytest

        @pytest.fixture
        def event_loop():
            loop = B()
            yield loop
            loop.close()

        async def test_it(request):
            assert kind() == "B"
        """,
        conftest=KINDS + ONE,
        mode="auto",
    )
    result.assert_outcomes(passed=1)


# -- event_loop_policy -----------------------------------------------------------------------------

POLICY = """
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)

    class Policy(asyncio.DefaultEventLoopPolicy):
        def __init__(self, factory):
            super().__init__()
            self.factory = factory

        def new_event_loop(self):
            return self.factory()

def put_in_force(policy):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        asyncio.set_event_loop_policy(policy)
"""


@POLICIES
@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("who", ["test", "fixture"])
def test_policy_that_a_test_puts_in_force(run: Example, kind: str, who: str) -> None:
    """Code under test may replace the policy: the next test has its loop all the same."""
    result = run(
        f"""
        from conftest import A, kind, Policy, put_in_force
        import pytest

        @pytest.fixture
        def library():
            if {who!r} == "fixture":
                put_in_force(Policy(A))

        async def test_before():
            assert kind() != "A"

        {kind} test_library(library):
            if {who!r} == "test":
                put_in_force(Policy(A))

        async def test_after():
            assert kind() != "A"
        """,
        conftest=KINDS + POLICY,
        mode="auto",
    )
    result.assert_outcomes(passed=3)


@POLICIES
def test_policy_that_a_fixture_puts_in_force(run: Example) -> None:
    """A policy of a wider fixture is in force until that fixture is torn down."""
    result = run(
        """
        from conftest import A, kind, Policy, put_in_force
        import pytest

        @pytest.fixture(scope="class")
        def policy():
            put_in_force(Policy(A))
            yield
            put_in_force(None)

        class TestClass:
            async def test_first(self, policy):
                assert kind() == "A"

            async def test_second(self):
                assert kind() == "A"

            def test_sync(self):
                put_in_force(None)

            async def test_third(self):
                assert kind() == "A"

        async def test_after():
            assert kind() != "A"
        """,
        conftest=KINDS + POLICY,
        mode="auto",
    )
    result.assert_outcomes(passed=5)


@POLICIES
@pytest.mark.parametrize("loop_scope", ["function", "module"])
def test_policy_beside_a_loop_that_it_does_not_make(
    run: Example, loop_scope: str
) -> None:
    """A loop of a factory, or one that others use already, stays as it is."""
    uses = loop_scope == "module"
    result = run(
        f"""
        import asyncio
        from conftest import A, Policy, put_in_force
        import pytest

        pytestmark = pytest.mark.asyncio(loop_scope="{loop_scope}")

        @pytest.fixture(scope="module")
        def user():
            if {uses}:
                loop = asyncio.get_event_loop()
                loop.run_until_complete(asyncio.sleep(0))
                return loop

        @pytest.fixture(scope="module")
        def policy(user):
            put_in_force(Policy(A))
            yield
            put_in_force(None)

        async def test_it(policy, user):
            assert asyncio.get_running_loop() is {"user" if uses else "asyncio.made[-1]"}
        """,
        conftest=KINDS
        + POLICY
        + (
            """
asyncio.made = []

def make():
    assert not asyncio.made
    asyncio.made.append(asyncio.SelectorEventLoop())
    return asyncio.made[0]

def pytest_asyncio_loop_factories(config, item):
    return {"one": make}
"""
            * (not uses)
        ),
    )
    result.assert_outcomes(passed=1)


@POLICIES
@pytest.mark.parametrize("scope", ["module", "session"])
def test_policy_that_an_autouse_fixture_puts_in_force(run: Example, scope: str) -> None:
    """It makes the loop of the first test, too, whichever test that is."""
    result = run(
        f"""
        import asyncio
        from conftest import A, kind, Policy, put_in_force
        import pytest

        @pytest.fixture(scope="{scope}", autouse=True)
        def policy():
            put_in_force(Policy(A))
            yield
            put_in_force(None)

        @pytest.fixture
        def loop():
            return asyncio.get_event_loop()

        async def test_first(loop):
            assert kind() == "A"
            assert loop is asyncio.get_running_loop()

        async def test_second(event_loop):
            assert kind() == "A"
            assert event_loop is asyncio.get_running_loop()
        """,
        "-Werror",
        conftest=KINDS + POLICY,
        mode="auto",
    )
    result.assert_outcomes(passed=2)


@POLICIES
@pytest.mark.parametrize("scope", ["function", "class", "module", "package", "session"])
def test_event_loop_policy_is_overridden(run: Example, scope: str) -> None:
    """Loops are made by the user's policy, which is in force during tests and fixtures."""
    result = run(
        f"""
        import asyncio
        from conftest import A, kind, Policy
        import pytest
        import warnings

        def policy():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return asyncio.get_event_loop_policy()

        @pytest.fixture(scope={scope!r})
        def event_loop_policy():
            return Policy(A)

        @pytest.fixture
        async def value(event_loop_policy):
            assert policy() is event_loop_policy
            return kind()

        class TestClass:
            async def test_async(self, value, event_loop_policy):
                assert kind() == value == "A"
                assert policy() is event_loop_policy
                loop = asyncio.new_event_loop()
                loop.close()
                assert type(loop) is A

            def test_sync(self, value):
                assert kind() == value == "A"

        def test_put_back():
            assert not isinstance(policy(), Policy)
        """,
        conftest=KINDS + POLICY,
        mode="auto",
    )
    result.assert_outcomes(passed=3)


@POLICIES
def test_event_loop_policy_narrower_than_a_shared_fixture(run: Example) -> None:
    """The fixture and its loop stay as they are; the module's tests run under its policy."""
    result = run(
        """
        import asyncio
        import pytest
        from conftest import set_up

        class Loop(asyncio.SelectorEventLoop):
            pass

        class Policy(asyncio.DefaultEventLoopPolicy):
            def new_event_loop(self):
                return Loop()

        @pytest.fixture(scope="module")
        def event_loop_policy():
            return Policy()

        @pytest.mark.asyncio
        async def test_2(client):
            assert type(asyncio.get_running_loop()) is Loop

        @pytest.mark.asyncio(loop_scope="module")
        async def test_3(client):
            assert type(asyncio.get_running_loop()) is Loop

        @pytest.mark.asyncio(loop_scope="session")
        async def test_4(client):
            assert asyncio.get_running_loop() is client

        def test_5(client):
            assert asyncio.get_event_loop() is client
            assert len(set_up) == 1
        """,
        "-Wignore::DeprecationWarning",
        conftest="""
        import asyncio
        import pytest_asyncio

        set_up = []

        @pytest_asyncio.fixture(scope="session")
        async def client():
            set_up.append(1)
            return asyncio.get_running_loop()
        """,
        files={
            "test_earlier.py": """
            import asyncio
            import pytest

            @pytest.mark.asyncio
            async def test_1(client):
                assert client is asyncio.get_running_loop()
            """
        },
    )
    result.assert_outcomes(passed=5)


@POLICIES
def test_event_loop_policy_with_parameters(run: Example) -> None:
    """Tests run once with each policy, and shared fixtures once for each."""
    result = run(
        """
        import asyncio
        from conftest import A, B, kind, Policy
        import pytest

        seen = []

        @pytest.fixture(scope="session", params=[A, B], ids=["a", "b"])
        def event_loop_policy(request):
            return Policy(request.param)

        @pytest.fixture(scope="module")
        async def cached():
            seen.append(kind())
            loop = asyncio.get_running_loop()
            yield loop
            assert asyncio.get_running_loop() is loop

        async def test_one(request, cached):
            assert asyncio.get_running_loop() is cached
            assert request.node.name == f"test_one[{kind().lower()}]"

        async def test_two(request, cached):
            assert asyncio.get_running_loop() is cached

        def test_sync(cached):
            assert asyncio.get_event_loop() is cached

        async def test_alone(request):
            assert request.node.name == f"test_alone[{kind().lower()}]"

        def test_seen(request):
            assert seen == (["A"] if "[a]" in request.node.name else ["A", "B"])
        """,
        conftest=KINDS + POLICY,
        mode="auto",
    )
    result.assert_outcomes(passed=10)


def test_event_loop_policy_is_there_for_all_tests(run: Example) -> None:
    """A test without a loop has the user's policy set up, too: it was autouse from 0.23 on."""
    result = run(
        """
        import asyncio

        import pytest

        up = []

        class TestOne:
            @pytest.fixture
            def event_loop_policy(self):
                up.append("one")
                return asyncio.get_event_loop_policy()

            def test_sync(self):
                assert up == ["one"]

        class TestTwo:
            @pytest.fixture(params=["a", "b"])
            def event_loop_policy(self, request):
                up.append(request.param)
                return asyncio.get_event_loop_policy()

            def test_sync(self, request):
                assert request.node.name == f"test_sync[{up[-1]}]"

        def test_none():
            assert up == ["one", "a", "b"]
        """
    )
    result.assert_outcomes(passed=4)


@POLICIES
def test_event_loop_policy_that_ends_before_a_fixture(run: Example) -> None:
    """No loop of the fixture's scope can be made with it; both are named."""
    result = run(
        """
        import asyncio
        import pytest
        from conftest import A, B, Policy

        @pytest.fixture(params=[A, B], ids=["a", "b"])
        def event_loop_policy(request):
            return Policy(request.param)

        @pytest.fixture(scope="module")
        async def cached(): ...

        async def test_one(cached): ...

        async def test_alone(): ...
        """,
        conftest=KINDS + POLICY,
        mode="auto",
    )
    result.assert_outcomes(errors=2, passed=2)
    result.stdout.fnmatch_lines(
        [
            (
                "ScopeMismatch: the fixture 'cached' has module scope, but the event loop it "
                "runs in is made with the fixture 'event_loop_policy' (test_example.py:6), "
                "which has function scope and ends earlier."
            ),
            (
                "Give 'event_loop_policy' the scope 'module' or a wider one, or 'cached' the "
                "scope 'function'."
            ),
        ]
    )
    assert no_frame_of_ours(result)


@POLICIES
def test_event_loop_policy_of_a_marker(run: Example) -> None:
    """``parametrize("event_loop_policy", ...)`` chooses it, as from 0.23 on, by any marker."""
    result = run(
        """
        import asyncio
        from conftest import A, B, kind, Policy
        import pytest

        both = pytest.mark.parametrize(
            "event_loop_policy", [Policy(A), Policy(B)], ids=["a", "b"]
        )

        @pytest.fixture
        async def of_a_fixture():
            return kind()

        def is_as_asked(request):
            return f"[{kind().lower()}" in request.node.name

        @both
        async def test_one(request, of_a_fixture):
            assert is_as_asked(request) and of_a_fixture == kind()

        @both
        async def test_that_names_it(event_loop_policy, request):
            assert asyncio.get_event_loop_policy() is event_loop_policy
            assert is_as_asked(request)

        @pytest.mark.parametrize(
            "event_loop_policy, letter", [(Policy(A), "A"), (Policy(B), "B")]
        )
        async def test_with_others(letter):
            assert kind() == letter

        class TestAll:
            pytestmark = [both, pytest.mark.parametrize(argnames="n", argvalues=[1, 2])]

            async def test_one(self, n, request):
                assert request.node.name == f"test_one[{kind().lower()}-{n}]"

            def test_sync(self, n):
                pass

        @pytest.mark.asyncio(loop_scope="class")
        @pytest.mark.parametrize("event_loop_policy", [Policy(A)], scope="class")
        class TestShared:
            async def test_one(self):
                assert kind() == "A"
                TestShared.loop = asyncio.get_running_loop()

            async def test_two(self):
                assert TestShared.loop is asyncio.get_running_loop()

        async def test_without():
            assert kind() not in ("A", "B")
            assert not isinstance(asyncio.get_event_loop_policy(), Policy)
        """,
        conftest=KINDS + POLICY,
        mode="auto",
    )
    result.assert_outcomes(passed=17)


@POLICIES
def test_event_loop_policy_that_is_none(run: Example) -> None:
    """What is no policy is told by the fixture's name and place."""
    result = run(
        """
        import asyncio

        import pytest

        @pytest.fixture
        def event_loop_policy():
            return asyncio.DefaultEventLoopPolicy

        async def test_it():
            pass
        """,
        mode="auto",
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            (
                "the fixture 'event_loop_policy' (test_example.py:6) gave <class *>, which is "
                "not an event loop policy."
            ),
            (
                "It has to return or yield an instance, such as "
                "asyncio.DefaultEventLoopPolicy()."
            ),
        ]
    )
    assert no_frame_of_ours(result)


@POLICIES
def test_event_loop_policy_together_with_the_hook(run: Example) -> None:
    """The hook says which loops are made, the policy is in force."""
    result = run(
        """
        import asyncio
        from conftest import B, kind, Policy
        import pytest

        @pytest.fixture
        def event_loop_policy():
            return Policy(B)

        async def test_it():
            assert kind() == "A"
            loop = asyncio.new_event_loop()
            loop.close()
            assert type(loop) is B
        """,
        conftest=KINDS + POLICY + ONE,
        mode="auto",
    )
    result.assert_outcomes(passed=1)


@POLICIES
@pytest.mark.parametrize("reason", ["fails", "is wrong"])
def test_event_loop_policy_that_does_not_work(run: Example, reason: str) -> None:
    """A policy that fails to make a loop is an error of its test, and is put back."""
    result = run(
        f"""
        import asyncio
        from conftest import Policy
        import pytest

        def factory():
            if {reason!r} == "fails":
                raise OSError("no more loops")
            return "a loop"

        class TestClass:
            @pytest.fixture
            def event_loop_policy(self):
                return Policy(factory)

            async def test_it(self):
                pass

        async def test_other():
            pass
        """,
        conftest=KINDS + POLICY,
        mode="auto",
    )
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*OSError: no more loops"
            if reason == "fails"
            else "test_example.py::TestClass::test_it: the loop factory "
            "'event_loop_policy' made 'a loop', which is not an event loop that can be run. *",
        ]
    )


def test_no_policy_is_asked_for_without_one(run: Example) -> None:
    """Where no policy was brought in, no deprecated function is called under -W error."""
    result = run(
        """
        import asyncio
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture(scope="module")
        async def cached():
            yield

        @pytest.fixture
        def event_loop_policy_of_nobody():
            pass

        async def test_async(cached):
            await asyncio.sleep(0)

        def test_sync(cached, event_loop):
            event_loop.run_until_complete(asyncio.sleep(0))

        @pytest.mark.asyncio(loop_scope="session")
        async def test_session():
            await asyncio.to_thread(int)

        def test_plain():
            pass
        """,
        "-Werror",
        mode="auto",
        subprocess=True,
    )
    result.assert_outcomes(passed=4)
    assert result.ret == pytest.ExitCode.OK
    assert result.stderr.str() == ""


# -- uvloop ----------------------------------------------------------------------------------------

UVLOOP = {
    "factory": """
        import uvloop

        def pytest_asyncio_loop_factories(config, item):
            return {"uvloop": uvloop.new_event_loop}
        """,
    "policy": """
        import pytest
        import uvloop

        @pytest.fixture(scope="session")
        def event_loop_policy():
            return uvloop.EventLoopPolicy()
        """,
    "event_loop": """
        import pytest
        import uvloop

        @pytest.fixture(scope="session")
        def event_loop():
            loop = uvloop.new_event_loop()
            yield loop
            loop.close()
        """,
}


@pytest.mark.parametrize("way", UVLOOP)
def test_uvloop(run: Example, way: str) -> None:
    """uvloop works through the hook, through a policy and through event_loop."""
    pytest.importorskip("uvloop")
    result = run(
        """
        import asyncio
        import pytest
        import uvloop

        @pytest.fixture(scope="module")
        async def server():
            async def answer(reader, writer):
                writer.write(await reader.readline())
                writer.close()

            server = await asyncio.start_server(answer, "127.0.0.1", 0)
            async with server:
                yield server.sockets[0].getsockname()

        @pytest.fixture
        async def client(server):
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection(*server)
                yield reader, writer
                writer.close()

        @pytest.mark.parametrize("number", range(3))
        async def test_server(client, number):
            assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
            reader, writer = client
            writer.write(b"line\\n")
            assert await reader.readline() == b"line\\n"

        def test_sync(server):
            assert isinstance(asyncio.get_event_loop(), uvloop.Loop)

        async def test_crash():
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.to_thread(int, "no number"))

        async def test_leftovers():
            global task
            task = asyncio.create_task(asyncio.Event().wait())
            await asyncio.to_thread(int)

        async def test_subprocess():
            process = await asyncio.create_subprocess_exec("true")
            assert await process.wait() == 0
        """,
        conftest=UVLOOP[way],
        mode="auto",
        subprocess=True,
        timeout=60,
    )
    result.assert_outcomes(passed=6, failed=1)
    result.stdout.fnmatch_lines(["*ValueError: invalid literal for int()*"])
    assert no_frame_of_ours(result)


def test_uvloop_beside_asyncio(run: Example) -> None:
    """Both can be given as factories; tests run with each, fixtures once for each."""
    pytest.importorskip("uvloop")
    result = run(
        """
        import asyncio
        import pytest

        @pytest.fixture(scope="session")
        async def cached():
            return asyncio.get_running_loop()

        async def test_it(request, cached):
            assert asyncio.get_running_loop() is cached
            module = type(cached).__module__.partition(".")[0]
            assert request.node.name == f"test_it[{module}]"
        """,
        conftest="""
        import asyncio
        import uvloop

        def pytest_asyncio_loop_factories(config, item):
            return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=2)


# -- debug mode ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, ini, debug",
    [
        ([], "", False),
        (["--asyncio-debug"], "", True),
        ([], "asyncio_debug = true", True),
        ([], "asyncio_debug = false", False),
        (["--asyncio-debug"], "asyncio_debug = false", True),
        (["-o", "asyncio_debug=true"], "asyncio_debug = false", True),
    ],
)
@pytest.mark.parametrize("way", ["default", "factory", "policy", "event_loop"])
def test_debug_mode(
    run: Example, way: str, arguments: list[str], ini: str, *, debug: bool
) -> None:
    """The option and the command line switch on debug mode in loops of every origin."""
    if way == "policy" and sys.version_info >= (3, 16):
        pytest.skip("there are no event loop policies")
    result = run(
        f"""
        import asyncio
        import pytest

        @pytest.fixture(scope="session")
        async def cached():
            return asyncio.get_running_loop().get_debug()

        @pytest.fixture
        async def value():
            return asyncio.get_running_loop().get_debug()

        async def test_async(cached, value):
            assert asyncio.get_running_loop().get_debug() is cached is value is {debug}

        def test_sync(event_loop):
            assert event_loop.get_debug() is {debug}

        @pytest.mark.asyncio(loop_scope="module")
        async def test_module():
            assert asyncio.get_running_loop().get_debug() is {debug}
        """,
        *arguments,
        conftest=KINDS
        + {
            "default": "",
            "factory": ONE,
            "policy": POLICY
            + """
import pytest

@pytest.fixture(scope="session")
def event_loop_policy():
    return Policy(A)
""",
            "event_loop": """
import pytest

@pytest.fixture(scope="session")
def event_loop():
    loop = A()
    yield loop
    loop.close()
""",
        }[way],
        ini=f"asyncio_mode = auto\n{ini}",
    )
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines([f"asyncio: mode=auto, debug={str(debug).lower()}, *"])


def test_debug_mode_that_the_user_has_chosen(run: Example) -> None:
    """A loop that the user's code has put in debug mode stays in it."""
    result = run(
        """
        import asyncio

        async def test_it():
            assert asyncio.get_running_loop().get_debug()
        """,
        conftest="""
        import asyncio

        def debugging():
            loop = asyncio.new_event_loop()
            loop.set_debug(True)
            return loop

        def pytest_asyncio_loop_factories(config, item):
            return {"debugging": debugging}
        """,
        mode="auto",
    )
    result.assert_outcomes(passed=1)


def test_skipped_tests_make_no_loop(run: Example) -> None:
    """A test that is skipped, or not run, needs no loop; its factory may fail."""
    result = run(
        """
        import pytest

        @pytest.mark.skip(reason="not here")
        async def test_skipped():
            pass

        @pytest.mark.xfail(run=False)
        async def test_not_run():
            pass

        async def test_skipped_by_a_hook():
            pass
        """,
        conftest="""
            import pytest

            def absent():
                raise ImportError("no such loop here")

            def pytest_asyncio_loop_factories(config, item):
                return {"absent": absent}

            def pytest_runtest_setup(item):
                if "hook" in item.name:
                    pytest.skip("not here either")
        """,
        mode="auto",
    )
    result.assert_outcomes(skipped=2, xfailed=1)


@pytest.mark.parametrize("where", ["of-the-user", "of-the-call"])
def test_a_factory_that_raises_a_type_error(run: Example, where: str) -> None:
    """It is the user's own, with its line, unless the factory could not be called at all."""
    parameters = "" if where == "of-the-user" else "policy"
    result = run(
        """
        async def test_it(): ...
        """,
        mode="auto",
        conftest=f"""
        def factory({parameters}):
            return len(3)

        def pytest_asyncio_loop_factories(config, item):
            return {{"mine": factory}}
        """,
    )
    result.assert_outcomes(errors=1)
    text = result.stdout.str()
    is_users_own = where == "of-the-user"
    assert ("conftest.py:3: TypeError" in text) is is_users_own
    assert ("the loop factory 'mine'" in text) is not is_users_own
    assert no_frame_of_ours(result)


@POLICIES
def test_event_loop_policies_that_cannot_be_hashed(run: Example) -> None:
    """They tell loops apart all the same."""
    result = run(
        """
        import asyncio
        import pytest
        from conftest import A, B, kind, Policy

        class Unhashable(Policy):
            __hash__ = None

        policies = [Unhashable(A), Unhashable(B)]

        @pytest.mark.asyncio(loop_scope="module")
        @pytest.mark.parametrize("event_loop_policy", policies, scope="module")
        class TestBoth:
            async def test_first(self, event_loop_policy):
                event_loop_policy.loop = asyncio.get_running_loop()

            async def test_second(self, event_loop_policy):
                assert event_loop_policy.loop is asyncio.get_running_loop()
                assert kind() == "AB"[policies.index(event_loop_policy)]
        """,
        conftest=KINDS + POLICY,
    )
    result.assert_outcomes(passed=4)


OWN_RUN = """
    import asyncio
    import pytest

    entered = []

    class Loop(asyncio.SelectorEventLoop):
        def run_until_complete(self, future):
            entered.append(True)
            try:
                return super().run_until_complete(future)
            finally:
                entered.pop()

    def pytest_asyncio_loop_factories():
        return {"own": Loop}

    @pytest.fixture(name="entered")
    def _entered():
        return entered
"""


def test_run_until_complete_of_the_suites_own_loop(run: Example) -> None:
    """It may prepare something for what runs in the loop, as in all releases."""
    result = run(
        """
        import asyncio
        import pytest_asyncio

        @pytest_asyncio.fixture
        async def client(entered):
            assert entered
            yield
            assert entered

        async def test_it(client, entered):
            await asyncio.sleep(0.01)
            assert entered

        async def test_asks(request, entered):
            await pytest_asyncio.getfixturevalue(request, "client")
            assert entered

        def test_outside(entered):
            assert not entered
        """,
        conftest=OWN_RUN,
        mode="auto",
    )
    result.assert_outcomes(passed=3)


def test_what_ends_run_until_complete_of_the_suites_own_loop(run: Example) -> None:
    """Whatever goes wrong in it is told as in any other loop."""
    result = run(
        """
        import asyncio

        async def test_stop():
            asyncio.get_running_loop().stop()
            await asyncio.sleep(0.01)

        async def test_of_python():
            raise RuntimeError("own")

        async def test_callback(event_loop):
            def leave():
                raise SystemExit(3)

            event_loop.call_soon(leave)
            await asyncio.sleep(1)
        """,
        conftest=OWN_RUN,
        mode="auto",
        subprocess=True,
    )
    result.stdout.fnmatch_lines(
        [
            "the event loop was stopped while test_example.py::test_stop was running*",
            "E *RuntimeError: own",
            "*SystemExit: 3",
        ]
    )
    assert no_frame_of_ours(result)


WRAPS = """
    import asyncio
    import pytest

    class Loop(asyncio.SelectorEventLoop):
        def run_until_complete(self, future):
            async def wrapped():
                return await future

            return super().run_until_complete(wrapped())

    def pytest_asyncio_loop_factories():
        return {"own": Loop}
"""


def test_run_until_complete_that_wraps_what_it_gets(run: Example) -> None:
    """Its task ends with it, also where something interrupts the test."""
    result = run(
        """
        import asyncio
        from unittest import mock
        import pytest
        import pytest_asyncio

        @pytest_asyncio.fixture
        async def client():
            return 7

        async def test_asks(request, monkeypatch):
            asking = pytest_asyncio.getfixturevalue(request, "client")
            task = asyncio.create_task(asking)
            await asyncio.sleep(0)
            monkeypatch.setattr(asyncio.get_running_loop(), "create_future", mock.Mock())
            assert await task == 7

        async def test_stop():
            asyncio.get_running_loop().stop()
            await asyncio.sleep(1)

        async def test_deadlock():
            await asyncio.Event().wait()
        """,
        conftest=WRAPS,
        mode="auto",
        subprocess=True,
    )
    on_linux = sys.platform == "linux"
    result.stdout.fnmatch_lines("*the event loop was stopped while *::test_stop *")
    if on_linux:
        result.stdout.fnmatch_lines("*Failed: deadlock: *::test_deadlock *")
        result.assert_outcomes(passed=1, failed=2)
