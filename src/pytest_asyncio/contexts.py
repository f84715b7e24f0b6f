"""Context variables, carried between the thread that pytest runs in and the tasks of a loop.

A task runs in a context of its own. What pytest's thread has at any moment is what counts as
"now": a task starts from a copy of it, and what the task has set is written back. So sync and
async fixtures, and the test, see each other's variables in the order in which they ran.
"""

from __future__ import annotations

from collections.abc import Collection
import contextvars
from contextvars import copy_context  # Early: suites patch it.
import sys
from typing import Any
from typing import Final
from typing import final
from typing import TypeAlias

__tracebackhide__ = True

_MISSING: Final = object()


def context_for_task() -> contextvars.Context:
    """A copy of what the thread has now, for a task to run in.

    AnyIO's plugin lets a variable of sniffio's say "trio" in the thread for as long as a fixture
    of its own is up. In a task of ours that is not true.
    """
    context = copy_context()
    for variable in _not_carried():
        if context.get(variable) is not None:
            context.run(variable.set, None)
    return context


Inherited: TypeAlias = list[tuple[object, contextvars.Token[Any]]]
"""The values that a context began with, each with the means to take it away again."""


def context_for_fixture() -> tuple[contextvars.Context, Inherited]:
    """A copy of what the thread has now, for a task that may outlive some of it.

    A variable can only be emptied by a token of the context it is in, and copying a context
    gives none. Hence the context that begins empty.
    """
    context = contextvars.Context()
    return context, [
        (value, context.run(variable.set, value))
        for variable, value in context_for_task().items()
    ]


def _not_carried() -> tuple[contextvars.ContextVar[Any], ...]:
    """Variables that mean something else in the thread than in a task."""
    if "sniffio" not in sys.modules:
        return ()
    variable = getattr(sys.modules["sniffio"], "current_async_library_cvar", None)
    return () if variable is None else (variable,)


@final
class Changes:
    """What a task set, written back to the thread, and how to take that back.

    :param context: The context that the task ran in.
    :param private: Variables that are not to leave it.
    """

    __slots__ = ("_made",)

    def __init__(
        self,
        context: contextvars.Context,
        private: Collection[contextvars.ContextVar[Any]],
    ) -> None:
        self._made: Final = [
            (variable, value, variable.set(value))
            for variable, value in context.items()
            if variable.get(_MISSING) is not value
            and variable not in private
            and variable not in _not_carried()
        ]

    def undo(self, *, only_untouched: bool = False) -> None:
        """Put the variables back to what they were.

        :param only_untouched: Leave those alone that have got another value since.
        """
        for variable, value, token in reversed(self._made):
            if only_untouched and variable.get(_MISSING) is not value:
                continue
            try:
                variable.reset(token)
            except ValueError:
                # Something runs pytest's hooks in contexts of their own. A variable that
                # had no value cannot be emptied then.
                if token.old_value is not contextvars.Token.MISSING:
                    variable.set(token.old_value)
        self._made.clear()


def joined(thread: contextvars.Context) -> contextvars.Context:
    """A copy of pytest's context, with the variables that the caller's has and pytest's lacks."""
    context = thread.copy()
    for variable, value in copy_context().items():
        if variable not in thread:
            context.run(variable.set, value)
    return context


def bring_up_to_date(context: contextvars.Context, inherited: Inherited) -> None:
    """Give a context, which no task is running in, the values that the thread has now.

    :param context: A context that `context_for_fixture` has made.
    :param inherited: What that context began with. What the thread has no more is taken away,
        unless the task has given it another value.
    """
    now = copy_context()
    for value, token in inherited:
        if token.var not in now and context.get(token.var, _MISSING) is value:
            context.run(token.var.reset, token)
    for variable, value in now.items():
        if (
            context.get(variable, _MISSING) is not value
            and variable not in _not_carried()
        ):
            context.run(variable.set, value)


def differences(
    before: contextvars.Context, after: contextvars.Context
) -> list[tuple[contextvars.ContextVar[Any], Any]]:
    """The variables that have another value in one context than in another one before it."""
    return [
        (variable, value)
        for variable, value in after.items()
        if before.get(variable, _MISSING) is not value
    ]
