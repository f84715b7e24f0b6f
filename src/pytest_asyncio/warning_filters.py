"""Warning filters: whether those that make errors mean a warning of ours; one of the plugin's own.

A suite that makes errors of all its warnings was green with releases that said nothing of a task's
exception, or of a loop. It stays so, unless it names these warnings. Nothing is imported of pytest.
"""

from __future__ import annotations

import sys
from typing import Any
from typing import Final
from typing import TYPE_CHECKING
import warnings

if TYPE_CHECKING:
    import pytest

_EVERY: Final = ("Warning", "UserWarning", "PytestWarning")


def is_meant(warning: Warning, config: pytest.Config) -> bool:
    """Whether somebody wants just this warning to be an error, or says so on the command line.

    :param warning: A warning that some filter has made an error of.
    :param config: Of the run, with the options ``-W``.
    """
    given: list[str] = config.getoption("pythonwarnings", default=None) or []
    of_suite = list(config.getini("addopts"))
    asked: list[str] = []
    for option in given:
        for spelled in (option, f"-W{option}", f"--pythonwarnings={option}"):
            if spelled in of_suite:
                of_suite.remove(spelled)
                break
        else:
            asked.append(option)
    return any(_is_of_every(option) for option in (*asked, *sys.warnoptions)) or any(
        action == "error"
        and isinstance(warning, category)
        and (
            category.__name__ not in _EVERY
            if _is_of_any(message)
            else message.match(str(warning))
        )
        for action, message, category, *_ in _filters()
    )


def _is_of_every(option: str) -> bool:
    """Whether ``-W`` with this value makes errors of all warnings."""
    action, message, category, module, *_ = (*option.split(":"), "", "", "")
    action = action.strip()
    return (
        bool(action)
        and not message.strip()
        and not module.strip()
        and "error".startswith(action)
        and category.strip().rpartition(".")[2] in ("", *_EVERY)
    )


def _is_of_any(message: Any) -> bool:
    """Whether a filter takes warnings of any text: it has no pattern, or one that fits them all."""
    return not hasattr(message, "match") or bool(message.match(""))


def _filters() -> list[Any]:
    # From Python 3.14 on, they may be those of the context and not of the module.
    get = getattr(warnings, "_get_filters", None)
    return list(warnings.filters if get is None else get())


def ignore_making_on_demand() -> None:
    """Ignore Python's warning of a loop that is made on demand, until pytest ends the test.

    It comes on Python 3.12 and 3.13. pytest has put the filters of the person in force before
    that, and takes this one back with them. One of these that means this warning is heeded.
    """
    text = "There is no current event loop"
    if (3, 12) <= sys.version_info < (3, 14) and not any(
        not _is_of_any(message)
        and message.match(text)
        and issubclass(DeprecationWarning, category)
        for _, message, category, *_ in _filters()
    ):
        warnings.filterwarnings("ignore", text, DeprecationWarning)
