"""The fixtures ``_function_scoped_runner`` and its kin, which releases from 1.1 to 1.5 had.

Their names are private, but plugins and suites run coroutines by them in synchronous code. The
public way is the fixture `event_loop`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from typing import Final
from typing import TYPE_CHECKING

import pytest

from pytest_asyncio import _pytest_private
from pytest_asyncio.config import ScopeName
from pytest_asyncio.homes import home_of
from pytest_asyncio.loop import loops_of
from pytest_asyncio.loop import RUNNERS
from pytest_asyncio.outcomes import is_hidden

if TYPE_CHECKING:
    import asyncio

__tracebackhide__ = is_hidden


def _fixture(scope: ScopeName) -> Callable[..., Any]:
    def runner(request: pytest.FixtureRequest) -> asyncio.Runner:
        item = _pytest_private.item_of(request)
        loops = loops_of(request.config)
        test = loops.enter(item)
        if scope == "function":
            ours = loops.planned(test, request)
        else:
            ours = loops.at(home_of(item, scope), test, request)
        ours.make_current()
        import asyncio

        # It is not to close the loop.
        return asyncio.Runner(loop_factory=lambda: ours.loop)

    # `pytest --fixtures` has a heading for each module, and hides these.
    runner.__module__ = loops_of.__module__
    return pytest.fixture(scope=scope, name=RUNNERS[scope])(runner)


_function_scoped_runner: Final = _fixture("function")
_class_scoped_runner: Final = _fixture("class")
_module_scoped_runner: Final = _fixture("module")
_package_scoped_runner: Final = _fixture("package")
_session_scoped_runner: Final = _fixture("session")
