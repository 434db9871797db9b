"""What differs within a row: the scenarios D6, D7 and D15 of the design, field by field."""

from __future__ import annotations

from typing import Any

import pytest
from run_trees import Step, llm, pair, tool

from agenttrace.diff import Contents, Rules, compare_runs, list_contents
from agenttrace.diff.fields import MISSING, ChangeKind, MessageOutcome


def compare(base: list[Step], head: list[Step], rules: Rules | None = None) -> list[Contents]:
    diff = compare_runs(*pair(base, head), rules or Rules())
    (row,) = [row for row in diff.rows if row.self_changed]
    return list_contents(row, diff.rules)


def make_call(arguments: str, call_id: str) -> list[Step]:
    call = {"id": call_id, "function": {"name": "add", "arguments": arguments}}
    return [llm("plan", {"messages": []}, {"tool_calls": [call]})]


def test_d6_a_change_is_at_its_place_within_the_arguments() -> None:
    """And nowhere else: the id of the call is noise, the spaces are none of the value's."""
    (contents,) = compare(
        make_call('{"a":1,"b":2}', "call_k2Jh81Lm"), make_call('{"b": 3, "a":1}', "call_zZ81mNq")
    )
    (change,) = contents.changes
    assert change.path == "output.tool_calls[0].function.arguments.b"
    assert (change.base, change.head) == (2, 3)


def test_d7_messages_are_told_by_what_became_of_them() -> None:
    """One more at the front of 200, and one that was cut: the other 199 are the same."""
    messages = [{"role": "user", "content": f"{n}: " + "long " * 80} for n in range(200)]
    cut = {"role": "user", "content": messages[120]["content"][:280]}
    injected = {"role": "system", "content": "Forget all that."}
    head = [injected, *messages[:120], cut, *messages[121:]]
    (contents,) = compare(
        [llm("ask", {"messages": messages}, "x")], [llm("ask", {"messages": head}, "x")]
    )
    told = [(change.path, change.message) for change in contents.changes]
    assert told == [
        ("input.messages[0]", MessageOutcome.INJECTED),
        ("input.messages[121].content", MessageOutcome.TRUNCATED),
    ]


def test_what_the_rules_leave_out_is_no_change() -> None:
    """By the same paths as rows are: from an object with the part as its member."""
    base = [tool("load", {"q": 1}, {"request": 1, "n": 1, "ratio": 0.1 + 0.2})]
    head = [tool("load", {"q": 1}, {"request": 2, "n": 2, "ratio": 0.3})]
    (contents,) = compare(base, head, Rules(ignore=("$.output.request",)))
    assert [change.path for change in contents.changes] == ["output.n"]


@pytest.mark.parametrize(
    ("base", "head", "kind", "sides"),
    [
        (None, {"a": 1}, ChangeKind.ADDED, (MISSING, {"a": 1})),
        ({"a": 1}, None, ChangeKind.REMOVED, ({"a": 1}, MISSING)),
    ],
)
def test_an_output_that_is_not_there_is_told(
    base: Any, head: Any, kind: ChangeKind, sides: tuple[Any, Any]
) -> None:
    """Nothing is not null."""
    (contents,) = compare([tool("load", {"q": 1}, base)], [tool("load", {"q": 1}, head)])
    (change,) = contents.changes
    assert (change.kind, change.path) == (kind, "output")
    assert (change.base, change.head) == sides


def test_a_value_beyond_the_limit_is_not_looked_into() -> None:
    """It says so."""
    base, head = ([tool("load", {"q": 1}, letter * 1_100_000)] for letter in "ab")
    assert compare(base, head) == [Contents("output", (), is_too_large=True)]
