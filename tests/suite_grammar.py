"""A grammar of small test suites, for tests that write suites at random.

A suite is a value: its fixtures and tests, where they stand and what they do. It can be
written as files in two ways: as it is, and as its *twin*, the same suite line by line without
anything async, which pytest runs by itself. What happens in the twin is what should happen in
the suite: the same set-ups and tear-downs in the same order, the same outcomes, and tracebacks
with the same lines.
"""

from __future__ import annotations

from collections.abc import Sequence
import dataclasses
import re
from typing import Final
from typing import final

from hypothesis import strategies as st

SCOPES: Final = ("function", "class", "module", "package", "session")

RECORDER: Final = '''
"""Keeps what happens in the suite, and writes it down at the end of the run."""
import asyncio
import contextvars
import itertools
import json
import pathlib
import random
import sys
import threading

import pytest

VAR = contextvars.ContextVar("VAR", default="-")
EVENTS = []
REPORTS = []
TESTS = []
COLLECTED = []
LOOPS = []
NUMBERS = {}
THREADS = set(threading.enumerate())
ORIGINAL = asyncio.BaseEventLoop.__init__


def init(self, *args, **kwargs):
    ORIGINAL(self, *args, **kwargs)
    LOOPS.append(self)


asyncio.BaseEventLoop.__init__ = init


def number(loop):
    return next((n for n, each in enumerate(LOOPS) if each is loop), None)


def current():
    if sys.version_info < (3, 14):
        return getattr(asyncio.get_event_loop_policy()._local, "_loop", None)
    try:
        return asyncio.get_event_loop()
    except RuntimeError:
        return None


BEFORE = current()


def note(what, who, using=()):
    running = number(asyncio._get_running_loop())
    EVENTS.append([what, who, list(map(str, using)), VAR.get(), running, number(current())])


def up(name, request, using=()):
    who = f"{name}[{getattr(request, 'param', '')}]"
    NUMBERS[who] = NUMBERS.get(who, 0) + 1
    who += f"#{NUMBERS[who]}"
    note("up", who, using)
    return who


def down(who):
    note("down", who)


def ran(request, using=()):
    note("test", request.node.nodeid, using)


async def forever():
    await asyncio.Event().wait()


def located(report):
    chain = getattr(report.longrepr, "chain", None)
    return [
        [pathlib.Path(entry.reprfileloc.path).name, entry.reprfileloc.lineno]
        for traceback, *_ in chain or []
        for entry in traceback.reprentries
        if getattr(entry, "reprfileloc", None)
    ]


def pytest_runtest_logstart(nodeid):
    EVENTS.append(["start", nodeid, [], None, None, None])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    used = {name: str(value) for name, value in item.funcargs.items() if name != "event_loop"}
    TESTS.append([item.nodeid, used])
    return (yield)


def pytest_runtest_logreport(report):
    text = "" if report.longrepr is None else str(report.longreprtext)
    xfail = hasattr(report, "wasxfail")
    REPORTS.append(
        [report.nodeid, report.when, report.outcome, xfail, located(report), text]
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    if SEED is not None:
        items.sort(key=lambda item: item.nodeid)
        random.Random(SEED).shuffle(items)
    COLLECTED.extend(item.nodeid for item in items)


def pytest_unconfigure(config):
    asyncio.BaseEventLoop.__init__ = ORIGINAL
    record = {
        "events": EVENTS,
        "reports": REPORTS,
        "tests": TESTS,
        "collected": COLLECTED,
        "current_loop": [repr(current())] * (current() is not BEFORE),
        "open_loops": [repr(loop) for loop in LOOPS if not loop.is_closed()],
        "pending": [
            repr(task) for loop in LOOPS for task in asyncio.all_tasks(loop)
        ],
        "threads": [
            thread.name for thread in threading.enumerate() if thread not in THREADS
        ],
    }
    (config.rootpath / "record.json").write_text(json.dumps(record))
'''

HEADER: Final = """
import asyncio
import pytest
import pytest_asyncio  # async
from recorder import VAR, down, forever, ran, up
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Function:
    """What fixtures and tests have in common."""

    name: str
    place: str
    """``conftest``, ``pkg/conftest``, a module, or a class in a module (``module.Class``)."""
    is_async: bool
    loop_scope: str | None = None
    params: int = 0
    requests: tuple[str, ...] = ()
    dynamic: tuple[str, ...] = ()
    """What it asks for by ``getfixturevalue``."""

    def lines(self) -> list[str]:
        """The source, not indented."""
        raise NotImplementedError


@final
@dataclasses.dataclass(frozen=True, kw_only=True)
class Fixture(Function):
    """A fixture function."""

    generator: bool
    declared: bool
    """Whether it is made with ``pytest_asyncio.fixture``."""
    scope: str = "function"
    autouse: bool = False
    does: str = "nothing"
    around: str = "nothing"
    """What is open across its ``yield``."""

    def lines(self) -> list[str]:
        """The source, not indented."""
        arguments: list[str] = []
        if self.scope != "function":
            arguments.append(f'scope="{self.scope}"')
        if self.params:
            arguments.append(f"params={list(range(self.params))}")
        if self.autouse:
            arguments.append("autouse=True")
        if self.loop_scope is not None:
            arguments.append(f'loop_scope="{self.loop_scope}"')
        module = "pytest_asyncio" if self.declared else "pytest"
        self_ = ["self"] if "." in self.place else []
        parameters = ", ".join([*self_, "request", *self.requests])
        prefix = "async " if self.is_async else ""
        lines = [
            f"@{module}.fixture({', '.join(arguments)})",
            f"{prefix}def {self.name}({parameters}):",
            f'    me = up("{self.place}:{self.name}", request, [{", ".join(self.requests)}])',
        ]
        lines += _asked(self.dynamic, is_async=self.is_async)
        if self.is_async:
            lines.append("    await asyncio.sleep(0)  # async")
        lines += {
            "raise first": ["    raise ValueError(me)"],
            "skip first": ["    pytest.skip(me)"],
            "fail for a parameter": ['    assert "[1]" not in me'],
            "leak a task": [
                "    asyncio.get_running_loop().create_task(forever())  # async"
            ],
        }.get(self.does, [])
        if not self.generator:
            return [*lines, "    return me"]
        if self.does == "yield nothing":
            return [*lines, "    if not me:", "        yield"]
        before, inside, after = {
            "task group": (
                ["    async with asyncio.TaskGroup() as group:"],
                ["        child = group.create_task(forever())  # async"],
                ["        child.cancel()  # async"],
            ),
            "timeout": (["    async with asyncio.timeout(60):"], [], []),
            "variable": (
                ["    token = VAR.set(me)", "    if True:"],
                [],
                ["        down(f'{me} still')", "        VAR.reset(token)"],
            ),
            "finally": (
                ["    try:"],
                [],
                ["    finally:", "        down(f'{me} too')"],
            ),
            "nothing": (["    if True:"], [], []),
        }[self.around]
        lines += [*before, *inside, "        yield me", *after]
        if self.is_async:
            lines.append("    await asyncio.sleep(0)  # async")
        lines.append("    down(me)")
        lines += {
            "raise last": ["    raise ValueError(me)"],
            "yield twice": ["    yield me"],
            "fail last": ["    pytest.fail(me)"],
        }.get(self.does, [])
        return lines


@final
@dataclasses.dataclass(frozen=True, kw_only=True)
class Test(Function):
    """A test function."""

    __test__ = False

    marked: bool
    does: str = "pass"
    mark: str = ""

    def lines(self) -> list[str]:
        """The source, not indented."""
        lines: list[str] = []
        if self.marked:
            loop_scope = (
                "" if self.loop_scope is None else f'loop_scope="{self.loop_scope}"'
            )
            lines.append(f"@pytest.mark.asyncio({loop_scope})  # async")
        if self.mark:
            lines.append(self.mark)
        if self.params:
            lines.append(f'@pytest.mark.parametrize("p", {list(range(self.params))})')
        self_ = ["self"] if "." in self.place else []
        using = [*self.requests, *(["p"] if self.params else [])]
        prefix = "async " if self.is_async else ""
        lines += [
            f"{prefix}def {self.name}({', '.join([*self_, 'request', *using])}):",
            f"    ran(request, [{', '.join(using)}])",
        ]
        lines += _asked(self.dynamic, is_async=self.is_async)
        if self.is_async:
            lines.append("    await asyncio.sleep(0)  # async")
        lines += {
            "pass": [],
            "assert": ["    assert request is None"],
            "raise": ["    raise ValueError(request.node.name)"],
            "raise a base exception": ["    raise BaseException(request.node.name)"],
            "skip": ["    pytest.skip('because')"],
            "xfail": ["    pytest.xfail('because')"],
            "fail": ["    pytest.fail('because')"],
            "set a variable": ["    VAR.set('mine')  # async"],
            "leak a task": [
                "    request.leaked = asyncio.ensure_future(forever())  # async"
            ],
            "leak a callback": [
                "    asyncio.get_running_loop().call_later(60, print)  # async"
            ],
            "use a thread": ["    await asyncio.to_thread(len, '')  # async"],
            "skip in a group": [
                "    async with asyncio.TaskGroup():",
                "        pytest.skip('because')",
            ],
            "be a generator": ["    yield  # async", "    ran(request)"],
            "set no loop": ["    asyncio.set_event_loop(None)  # async"],
            "run": ["    asyncio.run(asyncio.sleep(0))  # async"],
        }[self.does]
        return lines


@final
@dataclasses.dataclass(frozen=True, kw_only=True)
class Suite:
    """A project: its configuration, its fixtures and its tests."""

    mode: str
    fixtures: tuple[Fixture, ...]
    tests: tuple[Test, ...]
    xunit: tuple[tuple[str, str], ...] = ()
    """Async functions such as ``setup_method``, each with its place."""
    event_loop: str | None = None
    """Scope of an ``event_loop`` fixture in the outermost ``conftest.py``."""
    test_loop_scope: str | None = None
    fixture_loop_scope: str | None = None
    seed: int | None = None
    """Of a random order."""
    arguments: tuple[str, ...] = ()

    @property
    def functions(self) -> tuple[Function, ...]:
        """Its fixtures and its tests."""
        return *self.fixtures, *self.tests

    @property
    def is_explicit(self) -> bool:
        """Whether anything in it says in which loop it wants to be."""
        return bool(
            self.event_loop
            or self.test_loop_scope
            or self.fixture_loop_scope
            or any(each.loop_scope for each in self.functions)
        )

    @property
    def sets_variables(self) -> bool:
        """Whether a test of it sets a context variable, which its twin does not."""
        return any(each.does == "set a variable" for each in self.tests)

    @property
    def is_defined_elsewhere(self) -> bool:
        """Whether released versions of the plugin say what comes out of it."""
        return not (
            self.event_loop
            or self.xunit
            or any(each.dynamic for each in self.functions)
            or any(each.around in ("task group", "timeout") for each in self.fixtures)
            or any(
                each.does in ("skip in a group", "be a generator")
                for each in self.tests
            )
        )

    def files(self, *, twin: bool = False) -> dict[str, str]:
        """The files of the project, by their paths."""
        ini = [
            "[pytest]",
            # pytest 9.2 dislikes fixtures that are wider than the class they stand in.
            "filterwarnings =",
            "    error",
            "    ignore:.*defined as instance methods",
        ]
        if not twin:
            ini.append(f"asyncio_mode = {self.mode}")
            if self.test_loop_scope:
                ini.append(f"asyncio_default_test_loop_scope = {self.test_loop_scope}")
            if self.fixture_loop_scope:
                ini.append(
                    f"asyncio_default_fixture_loop_scope = {self.fixture_loop_scope}"
                )
        files = {
            "pytest.ini": "\n".join(ini) + "\n",
            "recorder.py": f"SEED = {self.seed}\n" + RECORDER,
            "pkg/__init__.py": "",
        }
        places = ["conftest", "pkg/conftest", "test_a", "test_b", "pkg/test_c"]
        for place in places:
            lines = HEADER.splitlines()
            if place == "conftest":
                lines += ["from recorder import *"]
                if self.event_loop:
                    lines += EVENT_LOOP.format(scope=self.event_loop).splitlines()
            lines += self._functions(place, "")
            inner = self._functions(f"{place}.TestX", "    ")
            if inner:
                lines += ["", "class TestX:", *inner]
            if twin:
                lines = [_twin(line) for line in lines]
            files[f"{place}.py"] = "\n".join(lines) + "\n"
        return files

    def _functions(self, place: str, indent: str) -> list[str]:
        lines: list[str] = []
        for each in self.functions:
            if each.place == place:
                lines += ["", *each.lines()]
        for name, where in self.xunit:
            if where == place:
                lines += _xunit(name, is_method=bool(indent))
        return [f"{indent}{line}".rstrip() for line in lines]

    def __str__(self) -> str:
        parts = [f"arguments: {' '.join(self.arguments)}"]
        for name, text in self.files().items():
            if name != "recorder.py" and text.strip() not in ("", HEADER.strip()):
                parts.append(f"--- {name}\n{text}")
        return "\n".join(parts)


EVENT_LOOP: Final = """
@pytest.fixture(scope="{scope}")
def event_loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()
"""


def _asked(names: Sequence[str], *, is_async: bool) -> list[str]:
    if is_async:
        return [
            f'    await pytest_asyncio.getfixturevalue(request, "{name}")'
            for name in names
        ]
    return [f'    request.getfixturevalue("{name}")' for name in names]


def _xunit(name: str, *, is_method: bool) -> list[str]:
    lines = [""]
    if name.endswith("_class"):
        lines.append("@classmethod")
    first = "self" if is_method else ""
    lines += [
        f"async def {name}({first}):",
        f'    up("{name}", None)',
        "    await asyncio.sleep(0)  # async",
    ]
    return lines


def _twin(line: str) -> str:
    """The line without anything async; what is there for asyncio's sake alone goes."""
    indent = line[: len(line) - len(line.lstrip())]
    if line.endswith("# async"):
        return f"{indent}pass" if not line.lstrip().startswith("@") else f"{indent}#"
    line = re.sub(r"async with .*:$", "if True:", line)
    line = line.replace("async def", "def")
    line = re.sub(r'(, )?loop_scope="\w+"', "", line)
    line = re.sub(
        r"await pytest_asyncio.getfixturevalue\(request, (.*)\)",
        r"request.getfixturevalue(\1)",
        line,
    )
    return line.replace("pytest_asyncio.fixture", "pytest.fixture")


# -- how suites are drawn --------------------------------------------------------------------

MODULES: Final = ("test_a", "test_b", "pkg/test_c")
CLASSES: Final = ("test_a.TestX", "pkg/test_c.TestX")
PLACES: Final = ("conftest", "pkg/conftest", *MODULES, *CLASSES)


def sees(place: str, other: str) -> bool:
    """Whether what stands in one place can request the fixtures of another."""
    if other == "conftest" or place == other:
        return True
    if other == "pkg/conftest":
        return place.startswith("pkg/")
    return place.startswith(f"{other}.")


def _outcome(usual: str, *others: str) -> st.SearchStrategy[str]:
    # Most functions do what functions do, or few suites would get far.
    return st.integers(0, 3).flatmap(
        lambda n: st.sampled_from(others) if n == 3 else st.just(usual)
    )


def _rarely(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[str | None]:
    return st.integers(0, 3).flatmap(lambda n: strategy if n == 3 else st.none())


@st.composite
def fixtures(
    draw: st.DrawFn, before: Sequence[Fixture], mode: str, *, explicit: bool
) -> Fixture:
    """A fixture that may request those drawn before it."""
    place = draw(st.sampled_from(PLACES))
    scope = draw(st.sampled_from(SCOPES))
    visible = [
        each.name
        for each in before
        if sees(place, each.place) and SCOPES.index(each.scope) >= SCOPES.index(scope)
    ]
    names = tuple(dict.fromkeys(visible))
    # Another of the same name overrides it, and may request it.
    again = [each.name for each in before if each.place != place]
    name = f"f{len(before)}"
    if again and draw(st.integers(0, 5)) == 5:
        name = draw(st.sampled_from(again))
    requests = (
        draw(st.lists(st.sampled_from(names), max_size=2, unique=True)) if names else []
    )
    left = [each for each in names if each not in requests and each != name]
    dynamic = draw(st.lists(st.sampled_from(left), max_size=1)) if left else []
    is_async = draw(st.booleans())
    generator = draw(st.booleans())
    declared = draw(st.booleans()) or (is_async and mode == "strict")
    does = ["raise first", "skip first", "fail for a parameter"]
    if is_async:
        does.append("leak a task")
    around = ["variable", "finally"]
    if generator:
        does += ["raise last", "fail last", "yield twice", "yield nothing"]
        if is_async:
            around += ["task group", "timeout"]
    loop_scope = None
    if explicit and declared:
        wider = SCOPES[SCOPES.index(scope) :]
        loop_scope = draw(_rarely(st.sampled_from(wider)))
    return Fixture(
        name=name,
        place=place,
        is_async=is_async,
        generator=generator,
        declared=declared,
        scope=scope,
        loop_scope=loop_scope,
        params=draw(st.sampled_from([0, 0, 0, 2])),
        autouse=draw(st.integers(0, 5)) == 5,
        requests=tuple(requests),
        dynamic=tuple(dynamic) if draw(st.booleans()) else (),
        does=draw(_outcome("nothing", *does)),
        around=draw(st.sampled_from(around)) if draw(st.booleans()) else "nothing",
    )


@st.composite
def tests(
    draw: st.DrawFn,
    number: int,
    fixtures: Sequence[Fixture],
    mode: str,
    *,
    explicit: bool,
) -> Test:
    """A test that may request the fixtures."""
    place = draw(st.sampled_from((*MODULES, *CLASSES)))
    names = tuple(
        dict.fromkeys(each.name for each in fixtures if sees(place, each.place))
    )
    requests = (
        draw(st.lists(st.sampled_from(names), max_size=3, unique=True)) if names else []
    )
    left = [each for each in names if each not in requests]
    dynamic = draw(st.lists(st.sampled_from(left), max_size=1)) if left else []
    is_async = draw(st.integers(0, 3)) > 0
    does = ["assert", "raise", "raise a base exception", "skip", "xfail", "fail"]
    does += ["set no loop"]
    if is_async:
        does += [
            "set a variable",
            "leak a task",
            "leak a callback",
            "use a thread",
            "skip in a group",
            "be a generator",
        ]
    else:
        does += ["run"]
    marked = is_async and (mode == "strict" or draw(st.booleans()))
    return Test(
        name=f"test_{number}",
        place=place,
        is_async=is_async,
        marked=marked,
        loop_scope=draw(_rarely(st.sampled_from(SCOPES)))
        if marked and explicit
        else None,
        params=draw(st.sampled_from([0, 0, 0, 2])),
        requests=tuple(requests),
        dynamic=tuple(dynamic) if draw(st.booleans()) else (),
        does=draw(_outcome("pass", *does)),
        mark=draw(
            _outcome(
                "",
                "@pytest.mark.skip",
                "@pytest.mark.xfail(strict=True)",
                "@pytest.mark.xfail",
            )
        ),
    )


@st.composite
def suites(draw: st.DrawFn) -> Suite:
    """A suite of up to six fixtures and six tests."""
    mode = draw(st.sampled_from(["auto", "strict"]))
    explicit = draw(st.booleans())
    made: list[Fixture] = []
    for _ in range(draw(st.integers(0, 6))):
        new = draw(fixtures(made, mode, explicit=explicit))
        if all((new.name, new.place) != (each.name, each.place) for each in made):
            made.append(new)
    number = draw(st.integers(1, 6))
    drawn = tuple(draw(tests(n, made, mode, explicit=explicit)) for n in range(number))
    xunit = (
        draw(
            st.lists(
                st.sampled_from(
                    [
                        ("setup_module", "test_a"),
                        ("teardown_module", "test_a"),
                        ("setup_function", "test_a"),
                        ("teardown_function", "test_a"),
                        ("setup_class", "test_a.TestX"),
                        ("teardown_class", "test_a.TestX"),
                        ("setup_method", "test_a.TestX"),
                        ("teardown_method", "test_a.TestX"),
                    ]
                ),
                max_size=2,
                unique=True,
            )
        )
        if draw(st.integers(0, 3)) == 3
        else []
    )
    widest = max(
        (each.scope for each in made),
        key=SCOPES.index,
        default="function",
    )
    event_loop = None
    if explicit and draw(st.integers(0, 3)) == 3:
        event_loop = "session" if xunit else draw(st.sampled_from([widest, "session"]))
    return Suite(
        mode=mode,
        fixtures=tuple(made),
        tests=drawn,
        xunit=tuple(xunit),
        event_loop=event_loop,
        test_loop_scope=draw(_rarely(st.sampled_from(SCOPES))) if explicit else None,
        fixture_loop_scope=(
            draw(_rarely(st.sampled_from(("fixture-scope", *SCOPES))))
            if explicit
            else None
        ),
        seed=draw(st.none() | st.integers(0, 99)),
        arguments=draw(st.sampled_from([(), (), (), ("-x",), ("--maxfail=2",)])),
    )
