"""Modes, options and scopes: what users configure, parsed once.

Options are defined, documented and validated here, and nowhere else read: the rest of the
package asks `settings` for a frozen `Settings`, and `chosen_mode` for the mode, which other
plugins may set at any time. This module knows nothing of loops and may
not import asyncio: it is loaded in every pytest run there is.
"""

from __future__ import annotations

import enum
from importlib import import_module
from typing import Final
from typing import final
from typing import get_args
from typing import Literal
from typing import NamedTuple
from typing import TypeAlias

import pytest

from pytest_asyncio import _pytest_private
from pytest_asyncio import messages

__all__ = [
    "FixtureScopeDefault",
    "LeakedTasks",
    "Mode",
    "ScopeName",
    "Settings",
    "settings",
]

ScopeName: TypeAlias = Literal["session", "package", "module", "class", "function"]
"""A scope, as pytest names it; the widest first.

.. versionadded:: 2.0
"""

FixtureScopeDefault: TypeAlias = Literal[ScopeName, "fixture-scope"]
"""What ``asyncio_default_fixture_loop_scope`` may be set to."""

SCOPES: Final[tuple[ScopeName, ...]] = get_args(ScopeName)
"""All scopes, the widest first."""


@final
class Mode(enum.StrEnum):
    """How the plugin decides which tests and fixtures are its own.

    .. versionadded:: 0.17
    .. versionchanged:: 2.0
       To be imported from ``pytest_asyncio``, where it was in ``pytest_asyncio.plugin``; a string:
       ``Mode.AUTO == "auto"``.
    """

    AUTO = "auto"
    """Every coroutine test and every async fixture, save those of other frameworks."""
    STRICT = "strict"
    """Only what carries ``pytest.mark.asyncio`` or ``pytest_asyncio.fixture``."""


@final
class LeakedTasks(enum.StrEnum):
    """What happens to tasks that a test started and left pending.

    A test that fails, or is skipped while it runs, has not come to where it would have waited for
    its tasks. With `WARN` and `FAIL`, they are cancelled then, too, but nothing is said of them.

    .. versionadded:: 2.0
    """

    IGNORE = "ignore"
    """They go on until their loop closes, which cancels them."""
    WARN = "warn"
    """They are cancelled at the end of the test and named in a warning."""
    FAIL = "fail"
    """They are cancelled at the end of the test, which fails."""


# A frozen dataclass would be a fifteenth of what the plugin adds to the start of pytest.
@final
class Settings(NamedTuple):
    """The plugin's configuration of one pytest run.

    .. versionadded:: 2.0
    """

    mode: Mode
    """Which tests and fixtures are the plugin's, unless another plugin changes that later."""
    debug: bool
    """Whether every loop runs in asyncio's debug mode."""
    leaked_tasks: LeakedTasks
    """What happens to tasks that a test leaves pending."""
    default_test_loop_scope: ScopeName | None
    """Scope of the loop of tests that say none, or None to leave it to the plan."""
    default_fixture_loop_scope: FixtureScopeDefault | None
    """Scope of the loop of async fixtures that say none, or None to leave it to the plan."""


_SETTINGS: Final = pytest.StashKey[Settings]()


def settings(config: pytest.Config) -> Settings:
    """The plugin's settings in this run.

    :param config: pytest's configuration object.
    :returns: The settings that were in force when pytest was configured.
    :raises KeyError: Before ``pytest_configure`` has run, or without the plugin.

    .. versionadded:: 2.0
    """
    return config.stash[_SETTINGS]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Define the options, on the command line and in the configuration file."""
    group = parser.getgroup("asyncio", "asyncio: async tests and fixtures")
    group.addoption(
        "--asyncio-mode",
        dest="asyncio_mode",
        default=None,
        metavar="MODE",
        help=(
            "which tests and fixtures run on asyncio: 'strict' for those marked with "
            "pytest.mark.asyncio or made with pytest_asyncio.fixture, 'auto' for every "
            "async one (overrides the asyncio_mode option; default: strict)"
        ),
    )
    group.addoption(
        "--asyncio-debug",
        dest="asyncio_debug",
        action="store_true",
        default=None,
        help="run every event loop in asyncio's debug mode",
    )
    parser.addini(
        "asyncio_mode",
        help="which tests and fixtures run on asyncio: strict or auto (default: strict)",
        default="strict",
    )
    parser.addini(
        "asyncio_debug",
        help="run every event loop in asyncio's debug mode: true or false (default: false)",
        type="bool",
        default=False,
    )
    parser.addini(
        "asyncio_leaked_tasks",
        help=(
            "tasks that a test leaves pending: ignore, warn (cancel and name them) or fail "
            "the test (default: ignore)"
        ),
        default="ignore",
    )
    parser.addini(
        "asyncio_default_test_loop_scope",
        help=(
            "scope of the event loop of tests that say none: function, class, module, "
            "package or session; unset: that of the async fixtures they use"
        ),
        default=_NotChosen("function"),
    )
    parser.addini(
        "asyncio_default_fixture_loop_scope",
        help=(
            "scope of the event loop of async fixtures that say none: function, class, "
            "module, package, session, or fixture-scope for the scope of each; unset: "
            "one loop for the tests and fixtures that are used together"
        ),
        default=None,
    )


@final
class _NotChosen(str):
    """The default of an option, to be told from the same word in the configuration.

    Other plugins ask pytest for the option, and get what releases before 2.0 said.
    """

    __slots__ = ()


def _chosen(option: str, value: object, valid: tuple[str, ...]) -> str:
    text = str(value)
    if text not in valid:
        names = ", ".join(valid)
        what = {"mode": "modes", "scope": "scopes"}.get(
            option.rpartition("_")[2], "values"
        )
        raise pytest.UsageError(
            f"{text!r} is not a valid {option}. Valid {what}: {names}."
        )
    return text


def _debug(config: pytest.Config) -> bool:
    if config.getoption("asyncio_debug"):
        return True
    try:
        return bool(config.getini("asyncio_debug"))
    except (ValueError, pytest.UsageError) as exc:
        value = _pytest_private.bad_truth_value(exc)
        if value is None:
            raise
        raise pytest.UsageError(
            f"{value} is not a valid asyncio_debug. Valid values: false, true."
        ) from None


def chosen_mode(config: pytest.Config) -> Mode:
    """The mode as the options have it now: a ``conftest.py`` may set it at any time."""
    mode = config.getoption("asyncio_mode")
    if mode is None:
        mode = config.getini("asyncio_mode")
    return Mode(_chosen("asyncio_mode", mode, tuple(Mode)))


def _parse(config: pytest.Config) -> Settings:
    scopes: dict[str, str | None] = {}
    for option, valid in (
        ("asyncio_default_test_loop_scope", SCOPES),
        ("asyncio_default_fixture_loop_scope", get_args(FixtureScopeDefault)),
    ):
        value = config.getini(option)
        is_chosen = value and not isinstance(value, _NotChosen)
        scopes[option] = _chosen(option, value, valid) if is_chosen else None
    return Settings(
        mode=chosen_mode(config),
        debug=_debug(config),
        leaked_tasks=LeakedTasks(
            _chosen(
                "asyncio_leaked_tasks",
                config.getini("asyncio_leaked_tasks"),
                tuple(LeakedTasks),
            )
        ),
        default_test_loop_scope=scopes["asyncio_default_test_loop_scope"],  # type: ignore[arg-type]
        default_fixture_loop_scope=scopes["asyncio_default_fixture_loop_scope"],  # type: ignore[arg-type]
    )


# Last, since other plugins choose the mode in a pytest_configure of their own.
@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Parse the options once; a wrong value ends the run with a usage error."""
    config.stash[_SETTINGS] = _parse(config)
    config.addinivalue_line("markers", messages.marker_help())
    if config.pluginmanager.has_plugin("pytester"):
        # After each run in its own process it forgets the modules that were new, but C modules
        # stay: a second asyncio would not get along with the half of the first one in C.
        import_module("pytest_asyncio.runner")


def pytest_report_header(config: pytest.Config) -> str:
    """Say in one line what is in force, in the words that the user writes."""
    chosen = settings(config)
    parts = [
        f"mode={chosen.mode}",
        f"debug={str(chosen.debug).lower()}",
        f"asyncio_default_fixture_loop_scope={chosen.default_fixture_loop_scope or 'unset'}",
        f"asyncio_default_test_loop_scope={chosen.default_test_loop_scope or 'unset'}",
    ]
    return "asyncio: " + ", ".join(parts)
