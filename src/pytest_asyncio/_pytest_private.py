"""All use that the plugin makes of pytest's private API, behind typed functions.

Everything here reaches into something that pytest does not promise to keep. Each
function says what public API would replace it. Nothing else in the package touches
an underscored name of pytest, so a change in pytest is mended here and nowhere else.

This module knows nothing of asyncio or of the plugin's own concepts.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import inspect
from typing import Any
from typing import cast
from typing import TYPE_CHECKING

import pytest

from pytest_asyncio.outcomes import is_hidden

if TYPE_CHECKING:
    from _pytest.fixtures import FixtureManager
    from _pytest.fixtures import FuncFixtureInfo

__tracebackhide__ = is_hidden

XUNIT_PREFIX = "_xunit_setup_"
"""How pytest names the fixtures that call ``setup_method`` and its kin."""


def _fixture_manager(node: pytest.Item | pytest.Collector) -> FixtureManager:
    return node.session._fixturemanager


def item_of(request: pytest.FixtureRequest) -> pytest.Item:
    """The test that asks, whatever the scope of the request.

    Waits for a public attribute: ``request.node`` is the item only for requests of
    function scope.
    """
    return request._pyfuncitem


def visible_fixturedefs(
    name: str, node: pytest.Item | pytest.Collector
) -> Sequence[pytest.FixtureDef[Any]]:
    """The fixtures of that name that ``node`` sees, the closest one last.

    Waits for a public look-up of fixture definitions by name.
    """
    return _fixture_manager(node).getfixturedefs(name, node) or ()


def put_first(session: pytest.Session, fixturedef: pytest.FixtureDef[Any]) -> None:
    """Let every other fixture of that name override this one.

    Of two plugins, pytest prefers the fixture of the one that was registered later, which is
    not for either of them to choose: ``-p`` registers before what is installed.

    Waits for a way to say that a plugin's fixture is a default.
    """
    manager: Any = session._fixturemanager
    name = fixturedef.argname
    # Before pytest 9.1 there is one list for all nodes, and what counts least stands first.
    for_all = getattr(manager, "_arg2fixturedefs", {}).get(name, [])
    # Now there is one for each node, and what counts least stands last.
    by_node = getattr(manager, "_arg2node2fixturedefs", {}).get(name, {})
    of_plugins = by_node.get(session, [])
    for fixturedefs, place in ((for_all, 0), (of_plugins, len(of_plugins))):
        if fixturedef in fixturedefs:
            fixturedefs.remove(fixturedef)
            fixturedefs.insert(place, fixturedef)


def requested_fixturedefs(
    item: pytest.Item,
) -> Mapping[str, Sequence[pytest.FixtureDef[Any]]]:
    """The fixtures in the static closure of a test, the closest of each name last.

    Waits for a public view of a test's closure; ``item.fixturenames`` has the names alone.
    The mapping is shared between the variants of a parametrised function.
    """
    info: FuncFixtureInfo | None = getattr(item, "_fixtureinfo", None)
    return {} if info is None else info.name2fixturedefs


def closure_of(
    item: pytest.Item, names: Iterable[str]
) -> Mapping[str, Sequence[pytest.FixtureDef[Any]]]:
    """Fixtures of some names as a test sees them, with all that they need in turn.

    Those that the test requests are among them: pytest-cases expects to be asked for these, too.
    Waits for what `visible_fixturedefs` waits for.
    """
    info: FuncFixtureInfo | None = getattr(item, "_fixtureinfo", None)
    requested = () if info is None else info.initialnames
    _, fixturedefs = _fixture_manager(item).getfixtureclosure(
        item, (*requested, *names), frozenset()
    )
    return fixturedefs


def add_to_closure(item: pytest.Function, name: str) -> None:
    """Let a test request one more fixture, with all that this one needs in turn.

    It is as if the test function had the name among its parameters, but for the argument.
    Waits for a public way to request a fixture in ``pytest_generate_tests``:
    ``pytest.mark.usefixtures`` is read before that hook.
    """
    info = item._fixtureinfo
    if name in info.names_closure:
        return
    names, fixturedefs = _fixture_manager(item).getfixtureclosure(
        item, (name, *info.initialnames), frozenset()
    )
    known = info.name2fixturedefs
    # What the function parametrises directly is not a fixture for it, whatever is visible.
    direct = set(info.names_closure) - set(known)
    known.update(
        (each, fixturedefs[each])
        for each in names
        if each in fixturedefs and each not in direct
    )
    closure: Any = info.names_closure
    if isinstance(closure, list):
        closure[:] = [each for each in names if each in fixturedefs or each in closure]
    else:  # That of pytest-cases takes no more than a name at its beginning.
        for each in reversed(names):
            if each in fixturedefs and each not in closure:
                closure.insert(0, each)
    # Or else pytest prunes the name again when the function has parameters.
    object.__setattr__(info, "initialnames", (name, *info.initialnames))


def is_closure_in_use(metafunc: pytest.Metafunc) -> bool:
    """Whether what is added to the closure of a function is so for its tests.

    schemathesis makes them of another one. Waits for what `add_to_closure` waits for.
    """
    return metafunc.fixturenames is metafunc.definition._fixtureinfo.names_closure


def is_autouse(fixturedef: pytest.FixtureDef[Any]) -> bool:
    """Whether a fixture is there for tests that do not request it.

    Waits for a public attribute of a fixture definition.
    """
    return fixturedef._autouse


def parameters(item: pytest.Item) -> Mapping[str, Any]:
    """The parameters of a test, by their names, as its markers and fixtures give them.

    Waits for ``item.callspec`` to be documented, and to be there for all items.
    """
    given: Mapping[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    return given


def markers_of_parameters(
    node: pytest.Item | pytest.Collector,
) -> Sequence[pytest.Mark]:
    """The markers that a test has by ``pytest.param(..., marks=...)``.

    Waits for what `parameters` waits for.
    """
    marks: Sequence[pytest.Mark] = getattr(getattr(node, "callspec", None), "marks", ())
    return marks


def argument_names(item: pytest.Item) -> Sequence[str]:
    """The names of the fixtures that the test function itself requests.

    Waits for a public list of them: ``item.fixturenames`` and ``item.funcargs`` also hold
    fixtures that are requested in other ways.
    """
    info: FuncFixtureInfo | None = getattr(item, "_fixtureinfo", None)
    return () if info is None else info.argnames


def scope_node(
    item: pytest.Item, fixturedef: pytest.FixtureDef[Any]
) -> pytest.Item | pytest.Collector:
    """The node for whose life the fixture is cached when ``item`` requests it.

    Waits for ``FixtureDef`` to say it before the fixture is requested; afterwards it is
    ``request.node``.
    """
    scope: str = fixturedef.scope
    callspec = getattr(item, "callspec", None)
    if callspec is not None and fixturedef.argname in callspec.params:
        # parametrize(..., indirect=True, scope=...) sets the caching scope.
        scope = callspec._arg2scope[fixturedef.argname].value
    node: pytest.Item | pytest.Collector | None = None
    if scope == "session":
        node = item.session
    elif scope == "package":
        node = _package_node(item, fixturedef)
    elif scope == "module":
        node = item.getparent(pytest.Module)
    elif scope == "class":
        node = item.getparent(pytest.Class)
    return item if node is None else node


def _package_node(
    item: pytest.Item, fixturedef: pytest.FixtureDef[Any]
) -> pytest.Collector:
    # pytest 9.1 keeps the node of a fixture, before that there is only its nodeid.
    node = getattr(fixturedef, "node", None)
    for parent in item.iter_parents():
        if isinstance(parent, pytest.Package) and (
            parent is node if node is not None else parent.nodeid == fixturedef.baseid
        ):
            return parent
    return item.session


def add_section(report: pytest.TestReport, title: str, text: str) -> None:
    """Add a titled section to a failure, below its traceback.

    Waits for the sections of a report (``item.add_report_section``) to have a place in junit's
    XML; they are shown in the terminal alone.
    """
    add: Callable[[str, str], None] | None
    add = getattr(report.longrepr, "addsection", None)
    if add is not None:
        add(title, text)


def set_function(fixturedef: Any, function: Callable[..., object]) -> None:
    """Give a fixture definition another function.

    Waits for ``pytest_fixture_setup`` to let a plugin return None as a fixture's value.
    """
    fixturedef.func = function


def is_set_up(fixturedef: pytest.FixtureDef[Any]) -> bool:
    """Whether the fixture has a value now, or an error, that pytest would give out again.

    Waits for a public state of a fixture definition.
    """
    return fixturedef.cached_result is not None


def has_value(fixturedef: pytest.FixtureDef[Any]) -> bool:
    """Whether the fixture has a value now, and not an error.

    Waits for what `is_set_up` waits for.
    """
    result = fixturedef.cached_result
    return result is not None and result[2] is None


def finish(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> None:
    """Tear the fixture down now, its dependents first; its scope's end finds nothing to do.

    Waits for a public ``FixtureDef.finish``, and for pytest to do so itself where it keeps no
    result of a set-up, as it is refused, or ends in an exception that is no `Exception`: from
    9.0 on, the next one that requests the fixture trips over the finalizers.
    """
    if fixturedef.cached_result is None:
        fixturedef.cached_result = (None, None, None)  # Or else nothing is done.
    fixturedef.finish(cast("Any", request))


def is_up(node: pytest.Item | pytest.Collector) -> bool:
    """Whether pytest is yet to tear down the fixtures of a node.

    Waits for a public view of what is set up.
    """
    return node in node.session._setupstate.stack


def at_end_of(
    node: pytest.Item | pytest.Collector, function: Callable[[], object]
) -> None:
    """Have a function called once after the fixtures of a node, and before those of wider ones.

    Waits for a way to add a finalizer that comes after all others of a node, those too that
    are there already.
    """
    if is_up(node):
        finalizers, _ = node.session._setupstate.stack[node]
        finalizers.insert(0, function)  # The last one comes first.
        return
    before = vars(node).get("teardown")
    if not isinstance(before, _AtEnd):  # Else a test was skipped before it was set up.
        node.teardown = _AtEnd(node, before, function)  # type: ignore[method-assign]


class _AtEnd:
    """Stands once in the place of the method ``teardown`` of a node."""

    def __init__(
        self,
        node: pytest.Item | pytest.Collector,
        before: Callable[[], object] | None,
        function: Callable[[], object],
    ) -> None:
        self._node = node
        self._before = before
        self._function = function

    def __call__(self) -> None:
        if self._before is None:
            vars(self._node).pop("teardown", None)
        else:
            vars(self._node)["teardown"] = self._before
        try:
            self._node.teardown()
        finally:
            self._function()


def cached_value(fixturedef: pytest.FixtureDef[Any]) -> Any:
    """The value that the fixture has now, or None.

    Waits for what `is_set_up` waits for.
    """
    result = fixturedef.cached_result
    return None if result is None else result[0]


def top_request(item: pytest.Function) -> pytest.FixtureRequest:
    """The request of the test itself.

    Waits for a public way to get a fixture for an item from a hook.
    """
    return cast("pytest.FixtureRequest", item._request)


def xunit_functions(
    fixturedef: pytest.FixtureDef[Any],
) -> list[Callable[..., object]]:
    """The user's functions behind pytest's fixture for ``setup_method`` and its kin.

    Waits for pytest to await what these functions return.
    """
    _, *functions = _xunit(fixturedef.argname, fixturedef.func)
    return [each for each in functions if callable(each)]


def _xunit(
    name: str, function: Callable[..., object]
) -> tuple[str, Callable[..., object] | None, Callable[..., object] | None]:
    """What such a fixture of pytest's is for, ``method`` say, and what it calls."""
    what = name.removeprefix(XUNIT_PREFIX).partition("_")[0]
    variables = inspect.getclosurevars(inspect.unwrap(function)).nonlocals
    return what, variables[f"setup_{what}"], variables[f"teardown_{what}"]


def shown_name(fixturedef: pytest.FixtureDef[Any]) -> str:
    """The fixture's name, or that of ``setup_method`` or its kin, if it is made of that.

    Waits for what `xunit_functions` waits for.
    """
    name = fixturedef.argname
    if not name.startswith(XUNIT_PREFIX):
        return name
    what, before, _ = _xunit(name, fixturedef.func)
    return f"teardown_{what}" if before is None else f"setup_{what}"


def xunit_calls(
    name: str, function: Callable[..., object], request: pytest.FixtureRequest
) -> tuple[Callable[..., object] | None, Callable[..., object] | None, object]:
    """What pytest's fixture for ``setup_method`` and its kin calls before and after, with what.

    Waits for what `xunit_functions` waits for.
    """
    what, before, after = _xunit(name, function)
    if what == "module":
        return before, after, cast("Any", request).module
    if what == "class":
        return _of_class(before), _of_class(after), cast("Any", request).cls
    if what == "function":
        if request.instance is not None:  # That is for setup_method to do.
            return None, None, None
        return before, after, request.function
    if before is not None:
        before = getattr(request.instance, "setup_method")  # noqa: B009
    if after is not None:
        after = getattr(request.instance, "teardown_method")  # noqa: B009
    return before, after, request.function


def _of_class(method: Any) -> Callable[..., object] | None:
    return cast("Callable[..., object] | None", getattr(method, "__func__", method))


def warn_of_unraisables(config: pytest.Config) -> None:
    """Warn now of what was raised in destructors, as pytest did before the loop was closed.

    Waits for a hook between the tear-down of the fixtures and that look of pytest's.

    :raises Exception: Where the warning is to be an error.
    """
    plugin: Any = config.pluginmanager.get_plugin("unraisableexception")
    kept = getattr(plugin, "unraisable_exceptions", None)
    # With nothing to tell, pytest takes as long for that as for a hook.
    if kept is not None and config.stash.get(kept, None):
        plugin.collect_unraisable(config)


def is_unittest(item: pytest.Item) -> bool:
    """Whether unittest calls the test, and not pytest.

    Waits for a public class of such items.
    """
    return getattr(item, "nofuncargs", False)


# -- what pytest says --


def says_that_nobody_runs_it(exc: BaseException) -> bool:
    """Whether pytest refuses an async fixture that no plugin has set up.

    Waits for an exception type of its own.
    """
    return "no plugin or hook that handled it" in str(exc)


def bad_truth_value(exc: ValueError | pytest.UsageError) -> str | None:
    """The value of an option that is neither true nor false, as it stands in the message.

    Waits for a message that names the option. pytest 8 raises the first and pytest 9 the second.
    """
    _, found, value = str(exc).partition("invalid truth value ")
    return value if found else None


def without_place(exc: Any) -> tuple[str, str]:
    """What pytest says of a scope that does not fit, and the ``file:line`` of who asked.

    Waits for an attribute with that place.
    """
    said, _, place = (exc.msg or "").rpartition("\n")
    return said, place
