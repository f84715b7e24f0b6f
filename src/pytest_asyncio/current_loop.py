"""What ``asyncio.get_event_loop()`` and the event loop policy are, kept to be put back later.

User code may change both at any time. A test and what comes after it is not to be harmed.

This module is imported on the first async test or fixture of a run, as `runner` is.
"""

from __future__ import annotations

import asyncio
from asyncio.events import _get_running_loop
from asyncio.events import _set_running_loop
from collections.abc import Callable
import sys
from typing import Any
from typing import Final
from typing import final
import warnings

from pytest_asyncio.warning_filters import ignore_making_on_demand

__tracebackhide__ = True

if sys.version_info < (3, 14):
    # Early: suites patch it.
    get_policy: Final[Callable[[], Any]] = asyncio.get_event_loop_policy  # type: ignore[deprecated]
    """Gives the event loop policy in force, or None where there are no policies any more."""

    def _variables(policy: Any) -> Any:
        """Where an event loop policy keeps the current loop, if it is of asyncio's."""
        return getattr(policy, "_local", None)

    def _loop_in(variables: Any) -> asyncio.AbstractEventLoop | None:
        return getattr(variables, "_loop", None)

else:
    # To ask for the policy openly is deprecated.
    get_policy: Final[Callable[[], Any]] = getattr(
        asyncio.events, "_get_event_loop_policy", lambda: None
    )
    _SET_BY_ASYNCIO: Final[Any] = getattr(
        getattr(asyncio.events, "_BaseDefaultEventLoopPolicy", None),
        "set_event_loop",
        None,
    )

    def _variables(policy: Any) -> Any:
        """The same, as long as there are policies.

        Asking for the loop itself takes an exception where there is none, twice for each test.
        """
        if policy is None:
            return None
        if type(policy).set_event_loop is not _SET_BY_ASYNCIO:
            return None  # It may keep the loop elsewhere, and is asked for it.
        return getattr(policy, "_local", None)

    def _loop_in(variables: Any) -> asyncio.AbstractEventLoop | None:
        if variables is not None:
            return getattr(variables, "_loop", None)
        # Where a loop is running already, that is what it would give.
        host = _get_running_loop()
        _set_running_loop(None)
        try:
            return asyncio.get_event_loop()
        except RuntimeError:
            return None
        finally:
            _set_running_loop(host)


_IS_MADE_ON_DEMAND: Final[bool] = sys.version_info < (3, 14)


@final
class CurrentLoop:
    """What ``asyncio.get_event_loop()`` would give now, kept to be put back later.

    Before Python 3.14 the main thread gets a loop from the first ``get_event_loop()``, made on
    the spot. Asking would thus leave a loop behind that nobody closes, and setting None at the
    end would take that service away from the synchronous tests that rely on it. Hence the look
    at the policy's own variables, where there are any.
    """

    __slots__ = ("_variables", "_was_set", "earlier", "loop", "policy")

    def __init__(self) -> None:
        self.policy: Final[Any] = get_policy()
        """The event loop policy in force, or None where there are none any more."""
        self._variables: Final[Any] = _variables(self.policy)
        self.loop: Final = _loop_in(self._variables)
        """The loop, or None."""
        self.earlier: CurrentLoop | None = None
        """If the loop is one of ours: what to put back once it has ended."""
        self._was_set: Final[bool] = getattr(self._variables, "_set_called", True)

    @property
    def is_open(self) -> bool:
        """Whether there is a loop, and it is not closed."""
        return self.loop is not None and not self.loop.is_closed()

    def lend(self) -> bool:
        """Put it back for the set-up of a fixture; False if that would leave it without any."""
        if not self.is_open:
            if not _IS_MADE_ON_DEMAND:
                return False
            # There has been no warning where the loop of a test was there.
            ignore_making_on_demand()
        self.put_back(on_demand=True)
        return True

    def allow_on_demand(self) -> None:
        """Let asyncio make a loop when one is asked for, if there is none, or a closed one."""
        if not self.is_open and hasattr(self._variables, "_set_called"):
            if self.loop is not None:
                _set(None)
            self._variables._set_called = False

    def put_back(self, *, on_demand: bool) -> None:
        """Make the same loop current again, or none.

        :param on_demand: Whether a synchronous test that comes next gets one on the spot where
            there was none, or a closed one, although an earlier one may have called
            ``asyncio.run()``. After a test that ran in a loop it does, as it did in releases up
            to 0.21.
        """
        loop = self.loop
        if loop is not None and (not on_demand or not loop.is_closed()):
            set_current_loop(loop)
            return
        _set(None)
        if hasattr(self._variables, "_set_called"):
            self._variables._set_called = self._was_set and not on_demand


def set_current_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Make a loop the current one, unless it is.

    There are policies that close whatever was current when another loop is set.
    """
    if _loop_in(_variables(get_policy())) is not loop:
        _set(loop)


def _set(loop: asyncio.AbstractEventLoop | None) -> None:
    # contextlib.suppress() took 3 % of what a test with a loop of its own adds.
    try:  # noqa: SIM105
        asyncio.events.set_event_loop(loop)
    except NotImplementedError:
        pass  # Libraries test with policies that have no more than the tests need.


def is_policy(value: object) -> bool:
    """Whether something is an event loop policy, or None, which stands for the default one."""
    # Python 3.16 has none any more.
    kind: Any = getattr(asyncio.events, "_AbstractEventLoopPolicy", None) or getattr(
        asyncio.events, "AbstractEventLoopPolicy", object
    )
    return value is None or isinstance(value, kind)


def set_policy(policy: Any) -> None:
    """Put an event loop policy in force.

    Policies are deprecated from Python 3.14 on. Whoever has brought one in knows: the warning
    would only repeat it at the wrong place.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        asyncio.set_event_loop_policy(policy)  # type: ignore[deprecated]
