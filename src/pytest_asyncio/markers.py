"""The ``asyncio`` marker: what it says to the plugin; which items are the plugin's.

It is decided by what a test is (a coroutine function, an async generator, hypothesis around
either, a wrapper of one) and by its markers alone. Loops come later.
"""

from __future__ import annotations

from collections.abc import Sequence
import functools
from typing import cast
from typing import Final
from typing import final
from typing import TYPE_CHECKING

import pytest

from pytest_asyncio import _pytest_private
from pytest_asyncio import messages
from pytest_asyncio.config import chosen_mode
from pytest_asyncio.config import Mode
from pytest_asyncio.config import ScopeName
from pytest_asyncio.config import SCOPES
from pytest_asyncio.functions import ASYNC
from pytest_asyncio.functions import kind
from pytest_asyncio.outcomes import failure
from pytest_asyncio.outcomes import is_hidden
from pytest_asyncio.warning_types import warn

if TYPE_CHECKING:
    from typing_extensions import TypeIs

__tracebackhide__ = is_hidden

__all__ = ["AsyncTest", "is_async_test", "mark"]

FOREIGN_MARKERS: Final = frozenset({"anyio", "tornado", "trio", "twisted"})
"""Markers of other frameworks: in auto mode, a test with one of them is left to it."""


def mark(
    *,
    loop_scope: ScopeName | None = None,
    loop_factories: Sequence[str] | None = None,
) -> pytest.MarkDecorator:
    """The marker ``pytest.mark.asyncio``, spelled so that editors and type checkers know it.

    It is the same marker: it goes on a test or a class, into ``pytestmark`` and into
    ``pytest.param(..., marks=...)``, always with parentheses.

    For example::

        pytestmark = pytest_asyncio.mark(loop_scope="module")


        @pytest_asyncio.mark(loop_factories=["uvloop"])
        async def test_throughput() -> None: ...

    :param loop_scope: Scope of the event loop that the test runs in: ``"function"``,
        ``"class"``, ``"module"``, ``"package"`` or ``"session"``. Without it, the test shares
        the loop of the async fixtures it uses.
    :param loop_factories: Names of the loop factories that the test runs with, in order, out of
        those that ``pytest_asyncio_loop_factories`` offers. Without it, the test runs with all.
    :returns: The marker.

    .. versionadded:: 2.0
    """
    given = {"loop_scope": loop_scope, "loop_factories": loop_factories}
    # Wrong values are for the test to report when it runs, as for `pytest.mark.asyncio`.
    return pytest.mark.asyncio.with_args(
        **{name: value for name, value in given.items() if value is not None}
    )


class MarkError(Exception):
    """The arguments of a marker are wrong; the message says how."""


@final
class Marking:
    """What the markers of a test say to the plugin.

    :param mark: The marker that counts: the closest one, and one of the user's if there is.
    :param loop_scope: Scope of the loop that it asks for, or None.
    :param loop_factories: Names of the loop factories that it asks for, in order, or None.
    :param problem: What is wrong with its arguments, which say nothing then; `check_mark` tells
        it when the test is set up.
    :param foreign: Whether the test carries the marker of another framework.
    """

    __slots__ = ("foreign", "loop_factories", "loop_scope", "mark", "problem")

    def __init__(
        self,
        mark: pytest.Mark | None = None,
        *,
        loop_scope: ScopeName | None = None,
        loop_factories: tuple[str, ...] | None = None,
        problem: str = "",
        foreign: bool = False,
    ) -> None:
        self.mark: Final = mark
        self.loop_scope: Final = loop_scope
        self.loop_factories: Final = loop_factories
        self.problem: Final = problem
        self.foreign: Final = foreign


_TAKEN: Final = ("loop_scope", "loop_factories")
"""The arguments of the marker."""
_FORMER: Final = ("forbid_global_loop",)
"""Arguments of releases up to 0.5, which those up to 0.23 took and ignored."""


def parse(mark: pytest.Mark, *, foreign: bool = False) -> Marking:
    """What a marker says by its arguments.

    :param foreign: Whether the test carries the marker of another framework, too.
    :raises MarkError: If they are not what the marker takes.
    """
    if mark.args:
        raise MarkError(messages.marker_positional(mark.args[0]))
    given = {name: mark.kwargs[name] for name in mark.kwargs if name not in _FORMER}
    for name in given:
        if name not in (*_TAKEN, "scope"):
            raise MarkError(messages.marker_unknown(name, _TAKEN))
    return Marking(
        mark,
        loop_scope=_loop_scope(given.get("loop_scope"), given.get("scope")),
        loop_factories=_loop_factories(given.get("loop_factories")),
        foreign=foreign,
    )


def _loop_scope(given: object, former: object) -> ScopeName | None:
    """The scope that a marker asks for, by the argument's name or its former one."""
    if former is not None:
        if given is not None:
            raise MarkError(messages.marker_both_scopes())
        given = former
    if given is not None and given not in SCOPES:
        raise MarkError(messages.marker_scope(given, SCOPES))
    return given


def _elements(value: object) -> Sequence[object]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return cast("Sequence[object]", value)
    return ()


def _loop_factories(given: object) -> tuple[str, ...] | None:
    """The names of the loop factories that a marker asks for."""
    if given is None:
        return None
    elements = _elements(given)
    names = tuple(name for name in elements if isinstance(name, str) and name)
    if not names or len(names) < len(elements):
        raise MarkError(messages.marker_factories(given))
    return names


# Not at import: without the plugin, a run with strict markers does not know it.
@functools.cache
def _automatic() -> Marking:
    """The one marker that auto mode adds, to be told from those that users write."""
    return Marking(pytest.mark.asyncio.mark)


_NOTHING: Final = Marking()
_FOREIGN: Final = Marking(foreign=True)
_MARKING: Final = pytest.StashKey[Marking]()


def marking(item: pytest.Item) -> Marking:
    """What the markers of a test say: as long as it is collected they may change."""
    try:
        return item.stash[_MARKING]
    except KeyError:
        return Reader().read(item)


def keep_marking(item: pytest.Item, reader: Reader) -> Marking:
    """Take the markers of a test as they are now, after collection."""
    said = item.stash[_MARKING] = reader.read(item)
    return said


@final
class Reader:
    """Reads the markers of one item after another: those of a parent once for its children."""

    def __init__(self) -> None:
        self._parent: pytest.Item | pytest.Collector | None = None
        self._above: Marking = _NOTHING

    def read(self, item: pytest.Item) -> Marking:
        """What the markers of an item and of its parents say."""
        if item.parent is not self._parent:
            self._parent = item.parent
            self._above = _read(item.parent)
        return _with_own(item, self._above)


def _read(node: pytest.Item | pytest.Collector | None) -> Marking:
    """What the markers of a node and of its parents say."""
    return _NOTHING if node is None else _with_own(node, _read(node.parent))


def _with_own(node: pytest.Item | pytest.Collector, above: Marking) -> Marking:
    """What a node's own markers make of what those above it say."""
    if not node.own_markers:
        return above
    found: pytest.Mark | None = None
    foreign = above.foreign
    automatic = _automatic()
    for mark in node.own_markers:
        if mark.name == "asyncio":
            if (
                found is None
                or found is automatic.mark
                or _is_closer(mark, found, node)
            ):
                found = mark
        elif mark.name in FOREIGN_MARKERS:
            foreign = True
    if found is None or (found is automatic.mark and above.mark is not None):
        if foreign is above.foreign:
            return above
        found = above.mark
    if found is None:
        return _FOREIGN
    if found is automatic.mark and not foreign:
        return automatic  # One for all of them: most tests of most suites.
    try:
        return parse(found, foreign=foreign)
    except MarkError as exc:
        return Marking(found, problem=str(exc), foreign=foreign)


def _is_closer(
    mark: pytest.Mark, found: pytest.Mark, node: pytest.Item | pytest.Collector
) -> bool:
    """Whether a marker with arguments stands at a parameter, and the one before at the function.

    pytest lists those of the function first.
    """
    if not (mark.args or mark.kwargs):
        return False
    of_function: object = getattr(getattr(node, "obj", None), "pytestmark", None)
    return (
        isinstance(of_function, list)
        and found in of_function
        and mark in _pytest_private.markers_of_parameters(node)
    )


def check_mark(item: pytest.Item, said: Marking) -> None:
    """Fail a test whose marker has wrong arguments."""
    if said.problem:
        raise failure(messages.bad_marker(item.nodeid, said.problem), item)
    if said.mark is not None and "scope" in said.mark.kwargs:
        text = messages.marker_scope_deprecated(function_id(item))
        warn(item, pytest.PytestDeprecationWarning(text))


if TYPE_CHECKING:

    class AsyncTest(pytest.Function):
        """A test that pytest-asyncio runs: what :func:`is_async_test` makes of an item.

        Only type checkers tell it from :class:`pytest.Function`. They need a type of its own
        for it, since an item for which the answer is False may well be a function.

        .. versionadded:: 2.0
        """

else:
    AsyncTest = pytest.Function


def is_async_test(item: pytest.Item) -> TypeIs[AsyncTest]:
    """Whether pytest-asyncio runs this test: an async function that is marked, or auto mode.

    For example::

        def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
            for item in items:
                if pytest_asyncio.is_async_test(item):
                    item.add_marker(
                        pytest_asyncio.mark(loop_scope="session"), append=False
                    )

    :param item: A collected item.
    :returns: True for coroutine functions, async generator functions, hypothesis tests around
        either and wrappers made of one by :func:`functools.wraps`, if they carry
        ``pytest.mark.asyncio`` or the mode is *auto*. False for what is synchronous, or
        another framework's, and for a wrapper that does not tell what it is made of, although
        what it returns is awaited if it is marked.

    .. versionadded:: 0.23
    .. versionchanged:: 2.0
       A type checker concludes that the item is an :data:`AsyncTest`, or that it is none.
    """
    return (
        isinstance(item, pytest.Function)  # Some ask it of anything.
        and item.config.pluginmanager.has_plugin("asyncio")  # Not under -p no:asyncio.
        and runs_in_a_loop(item)
    )


def runs_in_a_loop(item: pytest.Item) -> bool:
    """The same, where the plugin is there."""
    if (
        not isinstance(item, pytest.Function)
        or kind(item.obj) == "synchronous"
        or _pytest_private.is_unittest(item)
    ):
        return False
    said = marking(item)
    return said.mark is not None or (
        chosen_mode(item.config) is Mode.AUTO and not said.foreign
    )


def function_id(item: pytest.Item) -> str:
    """The node id of a test without its parameters: for what is true of all of them alike."""
    name = getattr(item, "originalname", item.name)
    return item.nodeid.removesuffix(item.name) + name


def is_async_method_of_testcase(item: pytest.Item) -> bool:
    """Whether unittest, which calls this test, would never await what that gives.

    Those that await (IsolatedAsyncioTestCase, Django's, twisted.trial's, tornado's) each
    replace one of the methods that ``unittest.TestCase`` itself runs its tests by.
    """
    if not (isinstance(item, pytest.Function) and kind(item.obj) in ASYNC):
        return False
    import unittest

    plain = unittest.TestCase
    cls = item.cls
    return (
        cls is not None
        and issubclass(cls, plain)
        and not getattr(cls, "__unittest_skip__", False)
        and not getattr(item.obj, "__unittest_skip__", False)
        and all(
            getattr(cls, name, None) is getattr(plain, name, None)
            for name in ("__call__", "run", "_callTestMethod")
        )
    )


def is_marked_by_its_own(item: pytest.Item) -> bool:
    """Whether the marker stands at the test itself, not at its class or module."""
    return any(mark.name == "asyncio" for mark in item.own_markers)


@final
class AutoMode:
    """The hook that marks tests in auto mode. In strict mode it is not there."""

    def __init__(self) -> None:
        self._reader: Final = Reader()
        self._parent: pytest.Item | pytest.Collector | None = None
        self._is_only: bool = False

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Mark a coroutine test that is not another framework's."""
        if (
            isinstance(item, pytest.Function)
            and kind(item.obj) in ASYNC
            and not _pytest_private.is_unittest(item)
        ):
            if item.parent is not self._parent:
                self._parent = item.parent
                hook = item.config.hook.pytest_itemcollected
                self._is_only = len(hook.get_hookimpls()) == 1
            # Others with this hook may mark the parent of an item meanwhile.
            said = (self._reader if self._is_only else Reader()).read(item)
            if said.mark is None and not said.foreign:
                # As item.add_marker() does, which takes as long as all the rest.
                mark = _automatic().mark
                assert mark is not None
                item.keywords[mark.name] = mark
                item.own_markers.append(mark)
