"""Async tests and fixtures for pytest."""

from __future__ import annotations

from typing import Final
from typing import TYPE_CHECKING

# First: it finds the others.
from pytest_asyncio import _finder  # noqa: F401  # pyright: ignore[reportUnusedImport]
from pytest_asyncio.config import Mode
from pytest_asyncio.config import ScopeName
from pytest_asyncio.fixtures import DynamicScope
from pytest_asyncio.fixtures import fixture
from pytest_asyncio.fixtures import FixtureDefinition
from pytest_asyncio.fixtures import getfixturevalue
from pytest_asyncio.hookspecs import LoopFactories
from pytest_asyncio.hookspecs import LoopFactory
from pytest_asyncio.markers import AsyncTest
from pytest_asyncio.markers import is_async_test
from pytest_asyncio.markers import mark as mark
from pytest_asyncio.ports import PortFactory
from pytest_asyncio.warning_types import PytestAsyncioLeakedTaskWarning
from pytest_asyncio.warning_types import PytestAsyncioLoopWarning
from pytest_asyncio.warning_types import PytestAsyncioUnhandledExceptionWarning
from pytest_asyncio.warning_types import PytestAsyncioWarning

if TYPE_CHECKING:
    from pytest_asyncio import plugin as plugin  # It is there wherever pytest runs.

__version__ = "2.0.0.dev0"

# So that `pytest_plugins = "pytest_asyncio"` loads the plugin where entry points do not.
pytest_plugins: Final = ("pytest_asyncio.plugin",)

__all__ = [
    "AsyncTest",
    "DynamicScope",
    "FixtureDefinition",
    "LoopFactories",
    "LoopFactory",
    "Mode",
    "PortFactory",
    "PytestAsyncioLeakedTaskWarning",
    "PytestAsyncioLoopWarning",
    "PytestAsyncioUnhandledExceptionWarning",
    "PytestAsyncioWarning",
    "ScopeName",
    "__version__",
    "fixture",
    "getfixturevalue",
    "is_async_test",
]
