"""The suites that are measured, as text: the same tests, written for each framework.

Every test does as good as nothing, so that what is measured is what it takes to run it. All
of them import asyncio, the synchronous ones too: what that costs is measured apart.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
import dataclasses
from pathlib import Path
from typing import Final
from typing import final
from typing import Literal
from typing import TypeAlias

TESTS_PER_MODULE: Final = 100

Loop: TypeAlias = Literal["fresh", "module", "session"]
"""Whether every test has its own event loop, or those of a module or all share one."""
Shape: TypeAlias = Literal["functions", "classes", "parametrised"]


@final
@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How one framework wants a test to be written."""

    head: str = ""
    """What stands at the top of every module."""
    test: str = "async def {name}({arguments}):\n    assert True\n"
    conftest: str = ""
    fixture: str = "@pytest.fixture\nasync def {name}():\n    yield 0\n"
    ini: str = ""
    case: str = ""
    """The base class, if all tests are methods."""


SYNC: Final = Style(
    test="def {name}({arguments}):\n    assert True\n",
    fixture="@pytest.fixture\ndef {name}():\n    yield 0\n",
)

BY_HAND_FRESH: Final = Style(
    test=(
        "def {name}({arguments}):\n"
        "    async def body():\n"
        "        assert True\n"
        "    asyncio.run(body())\n"
    ),
)

BY_HAND_KEPT: Final = Style(
    head="from conftest import loop\n",
    test=(
        "def {name}({arguments}):\n"
        "    async def body():\n"
        "        assert True\n"
        "    loop.run_until_complete(body())\n"
    ),
    conftest=(
        "loop = asyncio.new_event_loop()\ndef pytest_unconfigure():\n    loop.close()\n"
    ),
)

ANSWERS: Final = 20
"""How often a test waits for a thread, where it does."""

_THREAD: Final = f"""\
import queue
import threading

QUESTIONS = queue.SimpleQueue()

def work():
    while True:
        future = QUESTIONS.get()
        future.get_loop().call_soon_threadsafe(future.set_result, 0)

threading.Thread(target=work, daemon=True).start()

async def answers():
    for _ in range({ANSWERS}):
        future = asyncio.get_running_loop().create_future()
        QUESTIONS.put(future)
        await future
"""

BY_HAND_WAITING: Final = Style(
    head="from conftest import answers, loop\n",
    test="def {name}({arguments}):\n    loop.run_until_complete(answers())\n",
    conftest=BY_HAND_KEPT.conftest + _THREAD,
)

UNITTEST_SYNC: Final = Style(
    test="def {name}(self):\n    assert True\n", case="unittest.TestCase"
)
UNITTEST: Final = Style(
    test="async def {name}(self):\n    assert True\n",
    case="unittest.IsolatedAsyncioTestCase",
)

TRIO: Final = Style(ini="trio_mode = true\n")
ALT: Final = Style(ini="addopts = -p alt_pytest_asyncio.enable\n")


def asyncio_style(loop: Loop, *, strict: bool = False) -> Style:
    """Tests for pytest-asyncio, this one and the one before."""
    arguments = "" if loop == "fresh" else f'loop_scope="{loop}"'
    if strict:
        return Style(
            head=f"pytestmark = pytest.mark.asyncio({arguments})\n",
            conftest="import pytest_asyncio\n",
            fixture=(
                f"@pytest_asyncio.fixture({arguments})\n"
                "async def {name}():\n    yield 0\n"
            ),
        )
    ini = "asyncio_mode = auto\n"
    if loop != "fresh":
        ini += (
            f"asyncio_default_test_loop_scope = {loop}\n"
            f"asyncio_default_fixture_loop_scope = {loop}\n"
        )
    return Style(ini=ini)


def waiting_style(loop: Loop) -> Style:
    """Tests for pytest-asyncio that wait for a thread, as those of a database in a file do."""
    return dataclasses.replace(
        asyncio_style(loop),
        head="from conftest import answers\n",
        test="async def {name}({arguments}):\n    await answers()\n",
        conftest=_THREAD,
    )


def anyio_style(loop: Loop) -> Style:
    """Tests for AnyIO's plugin.

    It keeps a loop for as long as an async fixture of a wider scope lives.
    """
    shared = (
        f'@pytest.fixture(scope="{loop}", autouse=True)\n'
        "async def keeps_the_loop(anyio_backend):\n    yield\n"
    )
    return Style(
        head="pytestmark = pytest.mark.anyio\n",
        conftest=(
            '@pytest.fixture(scope="session")\n'
            "def anyio_backend():\n    return 'asyncio'\n"
            + ("" if loop == "fresh" else shared)
        ),
    )


def write(
    folder: Path,
    style: Style,
    *,
    tests: int,
    shape: Shape = "functions",
    fixtures: int = 0,
) -> None:
    """Write a suite into an empty folder."""
    names = [f"fixture_{number}" for number in range(fixtures)]
    (folder / "pytest.ini").write_text("[pytest]\n" + style.ini)
    (folder / "conftest.py").write_text(
        "\n".join(
            [
                "import asyncio\nimport pytest\n",
                style.conftest,
                *(style.fixture.format(name=name) for name in names),
            ]
        )
    )
    for start in range(0, tests, TESTS_PER_MODULE):
        number = start // TESTS_PER_MODULE
        count = min(TESTS_PER_MODULE, tests - start)
        lines = _SHAPES[shape](style, count, names)
        imports = "import asyncio\nimport unittest\n\nimport pytest\n"
        (folder / f"test_{number:04}.py").write_text(
            "\n".join([imports, style.head, *lines])
        )


def write_synchronous(folder: Path, tests: int) -> None:
    """Write a suite that has nothing to do with asyncio, and says whether it was imported."""
    plain = Style(test="def {name}({arguments}):\n    assert True\n")
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "conftest.py").write_text(
        "import sys\n\n"
        "def pytest_unconfigure():\n"
        "    print('asyncio imported:', 'asyncio' in sys.modules)\n"
    )
    for start in range(0, tests, TESTS_PER_MODULE):
        count = min(TESTS_PER_MODULE, tests - start)
        lines = _functions(plain, count, [])
        name = f"test_{start // TESTS_PER_MODULE:04}.py"
        (folder / name).write_text("\n".join(lines))


def _functions(style: Style, count: int, fixtures: list[str]) -> Iterator[str]:
    if style.case:
        yield f"class TestCase({style.case}):"
    for number in range(count):
        arguments = ", ".join(fixtures)
        text = style.test.format(name=f"test_{number}", arguments=arguments)
        yield _indented(text) if style.case else text


def _classes(style: Style, count: int, fixtures: list[str]) -> Iterator[str]:
    for number in range(count):
        if number % 10 == 0:
            yield f"class Test{number}:"
        arguments = ", ".join(["self", *fixtures])
        text = style.test.format(name=f"test_{number}", arguments=arguments)
        yield _indented(text)


def _parametrised(style: Style, count: int, fixtures: list[str]) -> Iterator[str]:
    arguments = ", ".join(["value", *fixtures])
    for number in range(0, count, 10):
        yield (
            f'@pytest.mark.parametrize("value", range({min(10, count - number)}))\n'
            + style.test.format(name=f"test_{number}", arguments=arguments)
        )


def _indented(text: str) -> str:
    return "".join(f"    {line}" for line in text.splitlines(keepends=True))


_SHAPES: Final[dict[Shape, Callable[[Style, int, list[str]], Iterator[str]]]] = {
    "functions": _functions,
    "classes": _classes,
    "parametrised": _parametrised,
}
