"""Exceptions as pytest is to see them: messages, places, tracebacks, exception groups.

A task group wraps whatever its tasks raise, `pytest.skip` and Ctrl-C among it. pytest does not
look inside, and does not even keep a fixture's failure that is a ``BaseExceptionGroup``. This
module knows of no loop and of no fixture.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Generator
from collections.abc import Iterator
import sys
import traceback
import types
from typing import Any
from typing import cast
from typing import Final
from typing import TypeVar

import pytest

E = TypeVar("E", bound=BaseException)


def failure(text: str, item: pytest.Item) -> BaseException:
    """A failure that is a message and no more, for ``raise``.

    Who shows where it comes from (``--tb=line``, annotations in CI) shows the test.
    """
    return at(item, pytest.fail.Exception(text, pytrace=False))


def at(item: pytest.Item, exc: E) -> E:
    """The exception, as if the first line of the test's function had raised it."""
    path, line = place_of(item)
    # A traceback is made of a frame, and that of code that has been run.
    code = _HERE.replace(co_filename=path, co_name=item.name, co_firstlineno=line)
    frame = types.FunctionType(code, {"sys": sys})()
    # Without an instruction, no part of the line is pointed at.
    return exc.with_traceback(types.TracebackType(None, frame, -1, line))


_HERE: Final = (lambda: sys._getframe()).__code__  # noqa: PLW0108


def at_unless_shown(item: pytest.Item, exc: E) -> E:
    """The same, unless there is a line of the user's, or of Python's own, in the traceback."""
    return exc if has_frames_of_users(exc) else at(item, exc)


def group_at(item: pytest.Item, exc: E) -> E:
    """What the end of a test raises; if that is a group of errors, for users to read."""
    if not members(exc):
        return exc
    leave_users_frames(exc)
    return at_unless_shown(item, exc)


def place_of(item: pytest.Item) -> tuple[str, int]:
    """The file and line where the function of a test begins: those of its base class, perhaps."""
    path, line, _ = item.reportinfo()
    return str(path), max((line or 0) + 1, 1)


def outcome_of(exc: BaseException) -> BaseException:
    """The exception that pytest is to see in place of another one.

    ``pytest.skip()`` and its kin, Ctrl-C and SystemExit keep their meaning inside a group; a
    group of ordinary errors stays as it is, with all of them.
    """
    leaves = list(_leaves(exc))
    if leaves[0] is exc:
        return exc
    for leaf in leaves:
        if isinstance(leaf, pytest.exit.Exception | KeyboardInterrupt | SystemExit):
            leaf.__cause__ = exc
            return leaf
    for outcome in (pytest.skip.Exception, pytest.xfail.Exception):
        if all(isinstance(leaf, outcome) for leaf in leaves):
            return leaves[0]
    if len(leaves) == 1 and isinstance(leaves[0], pytest.fail.Exception):
        return leaves[0]
    return messages_of(exc)


def messages_of(exc: BaseException) -> BaseException:
    """One failure for a group of those that are a message and no more; else the exception.

    pytest shows of a group which traceback each member has, and each of these has none.
    """
    leaves = list(_leaves(exc))
    if leaves[0] is exc or not all(
        isinstance(leaf, pytest.fail.Exception) and not leaf.pytrace for leaf in leaves
    ):
        return exc
    told = pytest.fail.Exception("\n\n".join(map(str, leaves)), pytrace=False)
    return told.with_traceback(leaves[0].__traceback__)


def failure_of(exc: BaseException) -> BaseException:
    """The exception that pytest is to see in place of what a tear-down raised.

    pytest stops tearing down, with all that is left undone, at what is neither an exception in
    the narrow sense nor an outcome: ``asyncio.CancelledError``, say, from awaiting a task that
    has just been cancelled.
    """
    exc = outcome_of(exc)
    if isinstance(
        exc,
        Exception
        | KeyboardInterrupt
        | pytest.exit.Exception
        | pytest.fail.Exception
        | pytest.skip.Exception,
    ):
        return exc
    text = "".join(traceback.format_exception_only(exc)).strip()
    failure = pytest.fail.Exception(text.partition("\n")[0])
    if members(exc):
        leave_users_frames(exc)
        failure.__cause__ = exc
    return failure.with_traceback(exc.__traceback__)


def attempt(
    errors: list[BaseException], function: Callable[..., object], *args: object
) -> None:
    """Call a function after whatever else went wrong, and keep what it raises."""
    try:
        function(*args)
    except BaseException as exc:
        errors.append(exc)


def members(exc: BaseException) -> tuple[BaseException, ...]:
    """The exceptions of a group; none if it is no group."""
    if not isinstance(exc, BaseExceptionGroup):
        return ()
    exceptions: tuple[BaseException, ...] = cast("Any", exc).exceptions
    return exceptions


def chain(exc: BaseException) -> Iterator[BaseException]:
    """An exception, those it came from, and those in a group, each once."""
    seen: set[int] = set()
    following: list[BaseException | None] = [exc]
    while following:
        each = following.pop(0)
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            following += [*members(each), each.__cause__ or each.__context__]


def _leaves(exc: BaseException) -> Generator[BaseException]:
    inner = members(exc)
    for each in inner:
        yield from _leaves(each)
    if not inner:
        yield exc


def is_hidden(excinfo: pytest.ExceptionInfo[BaseException]) -> bool:
    """For ``__tracebackhide__``: hide a frame, but where pytest shows none anyway.

    Of a ``pytest.fail(..., pytrace=False)`` pytest prints the message alone, unless all frames
    are hidden: then it adds a hint at ``--full-trace``, which has nothing more to show.
    """
    exception = excinfo.value
    if members(exception):
        # pytest makes a group of what several tear-downs raise, and before 9.1 it breaks down
        # with an internal error where it is to show a group without a frame.
        return pytest.version_tuple >= (9, 1) or has_frames_of_users(exception)
    return not (isinstance(exception, pytest.fail.Exception) and not exception.pytrace)


def has_frames_of_users(exc: BaseException) -> bool:
    """Whether a traceback has a line for users to see: their own, or a library's."""
    frames = traceback.walk_tb(exc.__traceback__)
    return any(_is_for_users(frame) for frame, _ in frames)


def _is_for_users(frame: types.FrameType) -> bool:
    package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    return package not in {"_pytest", "pluggy", "pytest_asyncio"}


def leave_users_frames(exc: BaseException) -> None:
    """Leave out pytest's frames, and ours, of all that is shown of an exception.

    Before 9.2, pytest itself shows every frame of what is in a group.
    """
    for each in chain(exc):
        lines: list[types.TracebackType] = []
        line = each.__traceback__
        while line is not None:
            if _is_for_users(line.tb_frame):
                lines.append(line)
            line = line.tb_next
        shown: types.TracebackType | None = None
        for line in reversed(lines):
            shown = types.TracebackType(
                shown, line.tb_frame, line.tb_lasti, line.tb_lineno
            )
        each.__traceback__ = shown
