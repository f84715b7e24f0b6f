"""The categories of the plugin's warnings, to be filtered by name, and how tests are warned."""

from __future__ import annotations

from typing import Final
from typing import final
import warnings

import pytest

from pytest_asyncio.outcomes import at
from pytest_asyncio.outcomes import failure
from pytest_asyncio.outcomes import is_hidden
from pytest_asyncio.outcomes import place_of

__tracebackhide__ = is_hidden

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

    The plugin closes the loops that it makes, so ``loop.close()`` in a test or in the code under
    test is one too many. A loop does not end where a task catches
    :exc:`asyncio.CancelledError` and goes on, or a thread of its executor does not return. The
    message names the test, or whatever else the loop belonged to, and what is left. It becomes an
    error by the rules of :class:`PytestAsyncioUnhandledExceptionWarning`: where a filter names it,
    or with ``-W error`` on the command line.

    .. versionadded:: 2.0
    """

    __module__ = "pytest_asyncio"


@final
class PytestAsyncioUnhandledExceptionWarning(PytestAsyncioWarning):
    """A task or a callback raised during a test, and nobody took notice.

    The message has the traceback, the name of the task and its coroutine. Where many fail in the
    same way, the first is told, with how many more there are. To mend it, await the task, or
    start it in a task group. It fails the test where a filter names it, as
    ``-W error::pytest_asyncio.PytestAsyncioUnhandledExceptionWarning`` does. So it does with
    ``-W error`` on the command line, but not where a suite's configuration makes errors of
    all warnings without naming this one: earlier releases said nothing of it.

    .. versionadded:: 2.0
    """

    __module__ = "pytest_asyncio"


@final
class PytestAsyncioLeakedTaskWarning(PytestAsyncioWarning):
    """A test ended before a task that it had started.

    Only with the option :confval:`asyncio_leaked_tasks` set to ``warn``. The message names the
    task, which has been cancelled.

    .. versionadded:: 2.0
    """

    __module__ = "pytest_asyncio"


def warn(item: pytest.Item, warning: Warning) -> None:
    """Warn at a test; what suites know nothing of is an error only where somebody means it."""
    try:
        warn_at(item, warning)
    except (PytestAsyncioWarning, pytest.PytestDeprecationWarning) as error:
        from pytest_asyncio.warning_filters import is_meant

        if isinstance(error, _UNKNOWN_TO_SUITES) and not is_meant(error, item.config):
            with warnings.catch_warnings():
                warnings.simplefilter("always", type(error))
                warn_at(item, error)
            return
        if isinstance(error, _SHOWN_WITH_ITS_LINES):
            raise
        # Warnings are errors here. All there is to see of this one is what it says.
        text = f"{type(error).__name__}: {error}"
        raise failure(text, item) from None


_UNKNOWN_TO_SUITES: Final = (
    PytestAsyncioLoopWarning,
    PytestAsyncioUnhandledExceptionWarning,
    pytest.PytestDeprecationWarning,
)
"""What a release that suites were made for says nothing of: of the marker's ``scope``, 0.23.

Nor does anybody ask for it by an option.
"""

_SHOWN_WITH_ITS_LINES: Final = (
    PytestAsyncioUnhandledExceptionWarning,
    pytest.PytestDeprecationWarning,
)
"""Those that are about lines of the user's, where they are errors: the marker, or a stack."""


def warn_at(item: pytest.Item, warning: Warning) -> None:
    """Give a warning the place of a test, where filters by module and users look for it."""
    path, line = place_of(item)
    try:
        warnings.warn_explicit(warning, category=None, filename=path, lineno=line)
    except Warning as error:
        at(item, error)
        raise
