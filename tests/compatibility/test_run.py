"""The command that compares with pytest-asyncio 1.5.0: what it says of which results."""

from __future__ import annotations

import json

import pytest
from run import Difference
from run import problems
from run import read_differences
from run import read_results
from run import Result

MEANT = Difference(
    tests=("a::one*",), reason="It is better.", shows="better", since="3.11"
)
PASSED = {f"many::{number}": Result(outcome="passed") for number in range(300)}


@pytest.mark.parametrize(
    "results, expected",
    [
        pytest.param(
            {"a::one": Result(outcome="failed", text="better")}, [], id="meant"
        ),
        pytest.param(
            {
                "a::one[1]": Result(outcome="failed", text="better"),
                "a::one[2]": Result(outcome="skipped"),
            },
            [],
            id="skipped",
        ),
        pytest.param(
            {
                "a::one": Result(outcome="failed", text="better"),
                "a::two": Result(outcome="failed", text="better"),
            },
            ["fails, and is not in the list: a::two"],
            id="not-meant",
        ),
        pytest.param(
            {"a::one": Result(outcome="failed", text="worse")},
            ["fails, but not as the list says: a::one"],
            id="other-failure",
        ),
        pytest.param(
            {"a::one": Result(outcome="passed")},
            ["is in the list, and passes: a::one"],
            id="passes",
        ),
        pytest.param(
            {}, ["is in the list, and does not exist: a::one*"], id="does-not-exist"
        ),
    ],
)
def test_problems(results: dict[str, Result], expected: list[str]) -> None:
    """Every failure is in the list, and everything in the list fails as it says."""
    assert problems({**PASSED, **results}, [MEANT]) == expected


@pytest.mark.parametrize(
    "since, holds", [("3.11", True), ("3.9", True), ("3.13", True), ("3.14", False)]
)
def test_difference_of_newer_pythons(since: str, *, holds: bool) -> None:
    """A difference may hold from some version of Python on."""
    difference = Difference(tests=("a",), reason="a", shows="a", since=since)
    assert difference.holds((3, 13)) is holds


def test_too_few_tests() -> None:
    """A run that ends early does not count."""
    assert problems({}, []) == ["only 0 tests ran, instead of 290 or more"]


def test_worst_outcome_counts() -> None:
    """A test that passes, and fails in its tear-down, has failed."""
    lines = [
        json.dumps({"id": "a::one", "outcome": outcome, "text": outcome})
        for outcome in ("passed", "failed", "passed")
    ]
    assert read_results(lines) == {"a::one": Result(outcome="failed", text="failed")}


def test_list_is_complete() -> None:
    """Every difference names tests, a reason, and what their reports show."""
    differences = read_differences()
    assert differences
    for each in differences:
        assert each.tests
        assert each.reason.endswith(".")
        assert each.shows
