"""Context variables, carried between the thread that pytest runs in and the tasks of a loop.

A task runs in a context of its own. What pytest's thread has at any moment is what counts as
"now": a task starts from a copy of it, and what the task has set is written back. So sync and
async fixtures, and the test, see each other's variables in the order in which they ran.
"""

from __future__ import annotations

from collections.abc import Collection
import contextvars
from typing import Any
from typing import Final
from typing import final

_MISSING: Final = object()


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
        private: Collection[contextvars.ContextVar[Any]] = (),
    ) -> None:
        self._made: Final = [
            (variable, value, variable.set(value))
            for variable, value in context.items()
            if variable.get(_MISSING) is not value and variable not in private
        ]

    def __bool__(self) -> bool:
        return bool(self._made)

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


def bring_up_to_date(context: contextvars.Context) -> None:
    """Give a context, which no task is running in, the values that the thread has now."""
    for variable, value in contextvars.copy_context().items():
        if context.get(variable, _MISSING) is not value:
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
