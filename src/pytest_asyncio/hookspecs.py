"""Hooks that the plugin offers to other plugins and to ``conftest.py`` files."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import TYPE_CHECKING
from typing import TypeAlias

import pytest

if TYPE_CHECKING:
    import asyncio

__all__ = ["LoopFactories", "LoopFactory", "pytest_asyncio_loop_factories"]

# Only the name of the class is quoted: both aliases can be used in annotations that are
# evaluated, `LoopFactory | None` say, and asyncio need not be imported for that.
LoopFactory: TypeAlias = Callable[[], "asyncio.AbstractEventLoop"]
"""Makes an event loop: what ``pytest_asyncio_loop_factories`` maps names to.

.. versionadded:: 2.0
"""

LoopFactories: TypeAlias = Mapping[str, LoopFactory]
"""Loop factories by name: what ``pytest_asyncio_loop_factories`` returns.

.. versionadded:: 2.0
"""


@pytest.hookspec(firstresult=True)
def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> LoopFactories | None:
    """Say which event loops a test runs in.

    With more than one factory the test is run once with each, and the names become part of
    its id. With one the id stays as it is. What shares a loop runs with one factory before it
    does with the next: tests with a wider ``loop_scope``, and those that share a wider async
    fixture, which is set up once for each loop.

    It is asked once for each test function, when that is collected. A synchronous one that
    requests ``event_loop``, but no async fixture, is asked for when it is set up, and runs
    once, with the first factory.

    :param config: pytest's configuration object.
    :param item: The function, which becomes one test or more. It has the markers of its class and
        module, too, but not yet those of :func:`pytest.param`.
    :returns: Loop factories by name, in the order in which the test is to run with them; or
        None to leave it to the next implementation and in the end to
        :func:`asyncio.new_event_loop`. The first implementation that does not return None
        decides, and the one in the ``conftest.py`` closest to the test is asked first.

    .. versionadded:: 1.4
    .. versionchanged:: 2.0
       None means the default; sync tests that use async fixtures are asked for, too.
    """
