"""What users are told of their tests and fixtures: what went wrong, where, and what to do about it.

Each function returns the text alone. Whoever calls it decides whether it becomes a failure, a
warning or a note. Test ids, fixture names, options and scopes appear as users write them.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence


def _lines(*lines: str) -> str:
    return "\n".join(lines)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _or_wider(scope: str) -> str:
    return repr(scope) if scope == "session" else f"{scope!r} or a wider one"


def _or_narrower(scope: str) -> str:
    return repr(scope) if scope == "function" else f"{scope!r} or a narrower one"


# -- the marker --


def marker_help() -> str:
    return (
        "asyncio(*, loop_scope=None, loop_factories=None): run the async test on asyncio. "
        "loop_scope is the scope of its event loop (function, class, module, package or "
        "session); without it, the test shares the loop of the async fixtures it uses. "
        "loop_factories names the loop factories to run it with."
    )


def bad_marker(nodeid: str, problem: str) -> str:
    return _lines(
        f"{nodeid}: wrong arguments in pytest.mark.asyncio: {problem}.",
        "It takes loop_scope (function, class, module, package or session) and "
        "loop_factories (a sequence of names), by keyword.",
    )


def marker_positional(value: object) -> str:
    return f"{value!r} is given by position"


def marker_unknown(name: str, valid: Sequence[str]) -> str:
    return f"there is no argument {name!r}; the arguments are {_listed(valid)}"


def marker_scope(value: object, valid: Sequence[str]) -> str:
    return f"{value!r} is not a valid loop_scope; valid are {_listed(valid)}"


def marker_both_scopes() -> str:
    return "scope is the old name of loop_scope, and both are given; leave out scope"


def marker_factories(value: object) -> str:
    return f"loop_factories has to be a non-empty sequence of names, not {value!r}"


def marker_scope_deprecated(nodeid: str) -> str:
    # Suites filter the warning by how it begins.
    return (
        'The "scope" keyword argument to the asyncio marker has been deprecated: write '
        f"loop_scope instead, for {nodeid}."
    )


def marked_but_synchronous(nodeid: str) -> str:
    # Suites filter the warning by these words.
    return (
        f"The test {nodeid} is marked with '@pytest.mark.asyncio' but it is not an async "
        "function. It ran as an ordinary test: remove the mark, or make the test async."
    )


# -- the mode --


def unmarked(test: str, *, is_late: bool) -> str:
    # The first sentence is pytest's own, which people search for.
    told = "async def functions are not natively supported."
    if is_late:
        return _lines(
            told,
            f"{test} was marked with pytest.mark.asyncio when it had been collected already.",
            "Add the marker no later than in the hook pytest_collection_modifyitems.",
        )
    return _lines(
        told,
        f"{test} has no pytest.mark.asyncio, and in strict mode pytest-asyncio runs only "
        "tests that have it.",
        "Mark the test, its class, or its module (pytestmark = pytest.mark.asyncio). Or set "
        "asyncio_mode = auto: then every async test runs.",
    )


def marked_for_others(test: str, marker: str) -> str:
    return _lines(
        "async def functions are not natively supported.",
        f"{test} is marked with pytest.mark.{marker}, so pytest-asyncio leaves it to the plugin "
        "that has this marker; but none has run it.",
        "Install or load that plugin. Or mark the test with pytest.mark.asyncio instead.",
    )


def fixture_that_nobody_runs(problem: str, fixture: str, location: str) -> str:
    return _lines(
        problem.rstrip(),
        f"For pytest-asyncio to run it, decorate {fixture!r} ({location}) with "
        "pytest_asyncio.fixture, or set asyncio_mode = auto.",
    )


def plain_fixture_in_strict_mode(test: str, fixture: str, location: str) -> str:
    return _lines(
        f"the async test {test} requests the async fixture {fixture!r}, which is made "
        "with pytest.fixture.",
        "In strict mode pytest-asyncio runs only fixtures made with "
        "pytest_asyncio.fixture.",
        f"Decorate {fixture!r} ({location}) with pytest_asyncio.fixture, or set "
        "asyncio_mode = auto.",
    )


def never_awaited(test: str, wrapper: str) -> str:
    return _lines(
        f"{test} did not run: what stands in place of its function ({wrapper}) has called it, "
        "and nobody has awaited the coroutine.",
        "Let it return that, or await it.",
    )


def returned_something(nodeid: str, kind: str) -> str:
    return (
        f"Test functions should return None, but {nodeid} returned {kind!r}. "
        "Did you mean to use `assert` instead of `return`?"
    )


# -- unittest --


def async_method_of_testcase(nodeid: str) -> str:
    return _lines(
        f"{nodeid} is an async method of a plain unittest.TestCase: unittest would call it "
        "and never await it, and the test would pass without having run.",
        "Derive the class from unittest.IsolatedAsyncioTestCase, or from nothing: the async "
        "methods of an ordinary class run on pytest-asyncio, with its fixtures, if the class "
        "is marked with pytest.mark.asyncio or the mode is auto.",
    )


# -- fixtures --


def did_not_yield(fixture: str, source: str, location: str) -> str:
    return _lines(
        f"{fixture} did not yield a value; a fixture function that has a 'yield' must come to it:",
        "",
        source,
        "",
        location,
    )


def yielded_again(fixture: str, source: str, location: str) -> str:
    return _lines(
        f"the fixture {fixture!r} yields more than once; a fixture function has one 'yield':",
        "",
        source,
        "",
        location,
    )


def fixture_bad_loop_scope(value: object, valid: Sequence[str]) -> str:
    return (
        f"{value!r} is not a valid loop_scope for pytest_asyncio.fixture; valid are "
        f"{_listed(valid)}."
    )


def fixture_of_no_function(value: object) -> str:
    return (
        f"pytest_asyncio.fixture decorates a function, and was given {value!r}. Its arguments "
        "are given by keyword: scope, loop_scope, params, autouse, ids and name."
    )


def torn_down_in_running_loop(fixture: str) -> str:
    return (
        f"the async fixture {fixture!r} cannot be torn down while its event loop is running. Leave "
        "the tear-down to pytest: something that runs in the loop has begun it."
    )


def fixture_wider_than_event_loop(
    fixture: str,
    scope: str,
    location: str,
    override_scope: str,
    override: str,
    *,
    may_be_narrower: bool,
) -> str:
    narrower = fixture if may_be_narrower else ""
    return _lines(
        f"ScopeMismatch: the async fixture {fixture!r} ({location}) has {scope} scope, but "
        f"the event loop it runs in comes from the fixture 'event_loop' ({override}), which "
        f"has {override_scope} scope and ends earlier.",
        _give_scopes("event_loop", scope, narrower, override_scope),
    )


def fixture_wider_than_policy(
    fixture: str, scope: str, override_scope: str, override: str
) -> str:
    return _lines(
        f"ScopeMismatch: the fixture {fixture!r} has {scope} scope, but the event loop it runs "
        f"in is made with the fixture 'event_loop_policy' ({override}), which has "
        f"{override_scope} scope and ends earlier.",
        _give_scopes("event_loop_policy", scope, fixture, override_scope),
    )


def _give_scopes(wider: str, scope: str, narrower: str, override_scope: str) -> str:
    """What to do about two fixtures, of which the first ends too early; the second may be none."""
    remedy = f"Give {wider!r} the scope {_or_wider(scope)}"
    if narrower:
        remedy += f", or {narrower!r} the scope {_or_narrower(override_scope)}"
    return f"{remedy}."


def fixture_wider_than_loop_scope(
    fixture: str, scope: str, location: str, loop_scope: str
) -> str:
    return _lines(
        f"ScopeMismatch: the fixture {fixture!r} ({location}) has scope={scope!r}, but "
        f"loop_scope={loop_scope!r}: its event loop would end before it does.",
        f"Write loop_scope={_or_wider(scope)}, or leave loop_scope out.",
    )


def event_loop_is_not_a_loop(value: object, override: str) -> str:
    return _lines(
        f"the fixture 'event_loop' ({override}) gave {value!r}, which is not an event loop.",
        "It has to return or yield a loop, such as that of asyncio.new_event_loop().",
    )


def event_loop_is_the_hosts(override: str) -> str:
    return _lines(
        f"the fixture 'event_loop' ({override}) gave the loop that is running already, the one "
        "that pytest itself was started in. No test can run in it.",
        "It has to return or yield a loop of its own, such as that of asyncio.new_event_loop().",
    )


def fixture_asked_for_in_running_loop(fixture: str, user: str) -> str:
    return _lines(
        f"{user} asked for the async fixture {fixture!r} with request.getfixturevalue() "
        "while its event loop was running, and the fixture cannot be set up inside it.",
        f"Write: await pytest_asyncio.getfixturevalue(request, {fixture!r})",
        "In a synchronous test, request it as an argument instead.",
    )


def asked_outside_a_test() -> str:
    return (
        "pytest_asyncio.getfixturevalue() has to be awaited in an async test or fixture "
        "that pytest-asyncio runs."
    )


def fixtures_crashed(fixtures: Sequence[str], during: str) -> str:
    names = _listed(map(repr, fixtures))
    return _lines(
        f"the async fixture{'s' * (len(fixtures) > 1)} {names} crashed while {during}, which "
        "was cancelled: something inside the fixture (a task of its task group, its timeout, "
        "its cancel scope) cancelled it at its yield.",
        f"What {names} raised, if anything, is reported at the tear-down of this test.",
    )


def raised_by_crashed_fixture(fixture: str, scope: str, test: str) -> str:
    return (
        f"raised by the async fixture {fixture!r} ({scope} scope) when it was cancelled at "
        f"its yield, during {test}"
    )


def fixture_cancelled_silently(fixture: str, scope: str, test: str) -> str:
    return (
        f"the async fixture {fixture!r} ({scope} scope) was cancelled at its yield during "
        f"{test}, and raised nothing that says why. Look for what cancels the task of the "
        "fixture: something that it has entered or started, say."
    )


# -- loops --


def loop_stopped(what: str) -> str:
    return _lines(
        f"the event loop was stopped while {what} was running, which was cancelled.",
        "Something called loop.stop(): await what it is waiting for instead.",
    )


def cancelled_without_a_trace(what: str) -> str:
    return _lines(
        f"{what} was cancelled while it awaited nothing: before its first line, or after its "
        "last one.",
        "Something called cancel() on its task: on asyncio.current_task(), perhaps, or on all "
        "tasks of the loop.",
    )


def test_in_running_loop(test: str) -> str:
    return (
        f"{test} cannot run: its event loop is running already. Something that runs in the loop "
        "has called the test; let it call the test from outside."
    )


def loop_closed(what: str, override: str) -> str:
    advice = (
        f"It comes from the fixture 'event_loop' ({override}), which is to give an open one, and "
        "to close that at its own tear-down."
        if override
        else "Something other than pytest-asyncio closed it; leave that to whoever made it."
    )
    return _lines(f"{what} cannot run: its event loop is closed already.", advice)


def loop_closed_by_test(test: str, fixtures: Sequence[str]) -> str:
    text = (
        f"the event loop of {test} was closed during the test, by the test itself or by a "
        "fixture or the code under test. pytest-asyncio closes the loops that it makes; "
        "leave out the call of close()."
    )
    if fixtures:
        text += (
            " These async fixtures ran in it and could not be torn down in order: "
            f"{_listed(fixtures)}."
        )
    return text


def loop_did_not_end(what: str, left: Sequence[str]) -> str:
    return _lines(
        f"the event loop of {what} was closed with something still running in it, "
        "some time after everything had been cancelled:",
        *(f"  {line}" for line in left),
    )


def task_did_not_end(test: str, task: str) -> str:
    return (
        f"{test}: a task did not end when it was cancelled, and is left behind: {task}. "
        "Something in it catches asyncio.CancelledError and goes on, or it waits, by way of "
        "other tasks, for itself."
    )


def deadlock(what: str, tasks: str) -> str:
    return _lines(
        f"deadlock: {what} waits for something that can never happen: nothing is ready to "
        "run, and there is no timer, socket, thread, process or signal that could change it.",
        "Look at the last line of each task: what it awaits is never set, put, released or "
        "finished by anything that still runs.",
        "",
        tasks,
    )


def leaked_tasks(test: str, tasks: Sequence[str]) -> str:
    return _lines(
        f"{test} ended before tasks that it had started, which were cancelled:",
        *(f"  {task}" for task in tasks),
        "Await or cancel them, or start them in a task group (option asyncio_leaked_tasks; "
        "asyncio_debug tells where they were created).",
    )


def unhandled_exception(test: str, started_by: str, what: str, more: int) -> str:
    started = f", in a task started by {started_by}" if started_by else ""
    told = f"Exception that nobody handled, during {test}{started}: {what}"
    if more:
        told += f"\n\nThe same, with the same stack, {more} more times."
    return told


def no_running_loop(fixture: str, location: str) -> str:
    return _lines(
        f"pytest-asyncio: the fixture {fixture!r} ({location}) is synchronous, and no event loop "
        "runs while it is set up.",
        "Make it async, even if it awaits nothing: async def, and pytest_asyncio.fixture in "
        "strict mode.",
    )


def loop_is_running(user: str) -> str:
    return _lines(
        f"pytest-asyncio: {user} is a coroutine, and runs in an event loop already.",
        "Await what is to run, or call the function that starts a loop of its own in a thread: "
        "await asyncio.to_thread(function). A synchronous test (def) can call it as it is.",
    )


def loop_is_run_elsewhere(what: str, override: str) -> str:
    return _lines(
        f"{what} cannot run: another thread runs the event loop that the fixture 'event_loop' "
        f"({override}) gave.",
        "Let the fixture give a loop that nothing else runs.",
    )


def two_loops(
    user: str,
    user_scope: str,
    fixtures: Sequence[tuple[str, str]],
    widest_first: Sequence[str],
    options: Sequence[str],
) -> str:
    others = "; ".join(
        f"the fixture {name!r} in a loop of {scope} scope" for name, scope in fixtures
    )
    scopes = {user_scope, *(scope for _, scope in fixtures)}
    widest = next(scope for scope in widest_first if scope in scopes)
    narrower = [] if user_scope == widest else [user]
    narrower += [f"the fixture {name!r}" for name, scope in fixtures if scope != widest]
    same = (
        f"Write loop_scope={widest!r} for {_listed(narrower)}, or leave"
        if narrower
        else "Leave"
    )
    unset = f", and unset {' and '.join(options)}" if options else ""
    return _lines(
        f"pytest-asyncio: {user} runs in an event loop of {user_scope} scope, but {others}.",
        "What is made in one loop cannot be awaited in the other.",
        f"{same} out loop_scope{unset}: tests then share a loop with their fixtures.",
    )


def of_another_loop(user: str, scope: str) -> str:
    return _lines(
        f"pytest-asyncio: {user} runs in an event loop of {scope} scope, and what it awaits "
        "belongs to another one: that of an earlier test, if it is kept in a module or a "
        "cache, or one that was made by hand.",
        "Make it in an async fixture, with the scope that it should have.",
    )


def bad_loop_factories(test: str, problem: str) -> str:
    return _lines(
        f"{test}: pytest_asyncio_loop_factories {problem}.",
        "It has to return a mapping of names to callables that make an event loop, or None "
        "for the default loop.",
    )


def factory_made_no_loop(test: str, name: str, value: object) -> str:
    return (
        f"{test}: the loop factory {name!r} made {value!r}, which is not an event loop that can "
        "be run. It has to make a new one, as asyncio.new_event_loop does."
    )


def factory_cannot_be_called(
    test: str, name: str, factory: object, exc: Exception
) -> str:
    return (
        f"{test}: the loop factory {name!r} ({factory!r}) has to be callable without "
        f"arguments: {exc}."
    )


def factory_made_no_new_loop(test: str, name: str, state: str) -> str:
    return _lines(
        f"{test}: the loop factory {name!r} gave an event loop that is {state} already.",
        "It has to make a new one each time: pytest-asyncio runs it, and closes it.",
    )


def no_policy(value: object, override: str) -> str:
    return _lines(
        f"the fixture 'event_loop_policy' ({override}) gave {value!r}, which is not an event "
        "loop policy.",
        "It has to return or yield an instance, such as asyncio.DefaultEventLoopPolicy().",
    )


def no_loop_factories(test: str, asked: Sequence[str]) -> str:
    return _lines(
        f"{test} asks for the loop factories {_listed(asked)}, but there are none here.",
        "Name them in the hook pytest_asyncio_loop_factories, in a conftest.py or a plugin, "
        "or leave loop_factories out of the marker.",
    )


def unknown_loop_factory(test: str, name: str, known: Sequence[str]) -> str:
    return (
        f"{test}: there is no loop factory {name!r} here; "
        f"pytest_asyncio_loop_factories gives {_listed(known) or 'none'}"
    )
