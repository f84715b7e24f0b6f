"""Names that suites take from ``pytest_asyncio.plugin`` since earlier releases had them there.

Mostly an editor's import, or the type of an argument. A run must not end for one of them.
"""

from __future__ import annotations

from typing import Any
from typing import Final
from typing import TypeAlias

import pytest

from pytest_asyncio.config import ScopeName

SubRequest: TypeAlias = pytest.FixtureRequest
_ScopeName: TypeAlias = ScopeName  # noqa: PYI047

_NAMES: Final = {
    "FactoryFixtureFunction": Any,
    "FixtureFunction": Any,
    "SimpleFixtureFunction": Any,
    "pytest": pytest,
}


def __getattr__(name: str) -> Any:
    """Find what is not the plugin's, or not any more: pytest's classes are among it."""
    if name in _NAMES:
        return _NAMES[name]
    if name[0].isupper() and name in pytest.__all__:
        return getattr(pytest, name)
    raise AttributeError(f"module 'pytest_asyncio.plugin' has no attribute {name!r}")
