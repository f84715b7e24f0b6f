"""Names that suites take from ``pytest_asyncio.plugin`` since earlier releases had them there.

Mostly an editor's import, or the type of an argument. A run must not end for one of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any
from typing import Final

_SOURCES: Final = {
    "FactoryFixtureFunction": "typing.Any",
    "FixtureFunction": "typing.Any",
    "FixtureRequest": "pytest.FixtureRequest",
    "PytestDeprecationWarning": "pytest.PytestDeprecationWarning",
    "SimpleFixtureFunction": "typing.Any",
    "SubRequest": "_pytest.fixtures.SubRequest",
    "_ScopeName": "pytest_asyncio.config.ScopeName",
}


def __getattr__(name: str) -> Any:
    """Find what is not the plugin's, or goes by another name by now."""
    if name in {"asyncio", "pytest"}:
        return import_module(name)
    if name not in _SOURCES:
        raise AttributeError(
            f"module 'pytest_asyncio.plugin' has no attribute {name!r}"
        )
    module, _, attribute = _SOURCES[name].rpartition(".")
    return getattr(import_module(module), attribute)
