"""The categories of the plugin's warnings, to be filtered by name."""

from __future__ import annotations

from typing import final

import pytest

__all__ = [
    "PytestAsyncioLeakedTaskWarning",
    "PytestAsyncioLoopWarning",
    "PytestAsyncioUnhandledExceptionWarning",
    "PytestAsyncioWarning",
]


class PytestAsyncioWarning(pytest.PytestWarning):
    """Base of the plugin's warnings, and the category of those without one of their own.

    .. versionadded:: 2.0
    """

    __module__ = "pytest_asyncio"


@final
class PytestAsyncioLoopWarning(PytestAsyncioWarning):
    """Something is wrong with an event loop: the user's code closed it, or it does not end.

    .. versionadded:: 2.0
    """

    __module__ = "pytest_asyncio"


@final
class PytestAsyncioUnhandledExceptionWarning(PytestAsyncioWarning):
    """A task or a callback raised during a test, and nobody took notice.

    .. versionadded:: 2.0
    """

    __module__ = "pytest_asyncio"


@final
class PytestAsyncioLeakedTaskWarning(PytestAsyncioWarning):
    """A test ended before a task that it had started.

    .. versionadded:: 2.0
    """

    __module__ = "pytest_asyncio"
