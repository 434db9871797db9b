"""What differs within a row: the scenarios D6, D7 and D15 of the design, field by field."""

from __future__ import annotations

from typing import Any

import pytest
from recordings import load, make_payload, make_run, make_span
from run_trees import Step, Typed, llm, pair, tool

from agenttrace.diff import Contents, Rules, Unordered, compare_runs, list_contents
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


@pytest.mark.parametrize("part", ["input", "output"])
def test_a_type_that_json_cannot_say_is_content(part: str) -> None:
    """A tuple is no list, though both are written alike: a replay tells them apart as well."""
    base, head = [Step("load")], [Step("load")]
    setattr(base[0], part, [1, 2])
    setattr(head[0], part, Typed([1, 2], "tuple"))
    (contents,) = compare(base, head)
    (change,) = contents.changes
    assert (change.kind, change.path) == (ChangeKind.RETYPED, part)
    assert (change.base, change.head) == (None, "tuple")
    tolerant = compare(base, head, Rules(numeric_abs=0.5))
    assert tolerant == [contents]
    assert compare_runs(*pair(head, head)).identical


def test_a_type_goes_by_the_rules_of_its_place() -> None:
    """Of what is ignored none counts; in a list without order an item's position is none."""
    value = {"at": "2026", "tags": ["a", "b"]}
    turned = {"tags": ["b", "a"], "at": "2026"}
    base, head = (
        load([make_run(), make_span(1, output=make_payload(shown) | {"types": types})])
        for shown, types in (
            (value, {"/at": "date", "/tags/0": "uuid"}),
            (turned, {"/at": "datetime", "/tags/1": "uuid"}),
        )
    )
    rules = Rules(ignore=("$.output.at",), unordered=(Unordered("$.output.tags"),))
    assert compare_runs(base, head, rules).identical
    strict = compare_runs(base, head, Rules(unordered=rules.unordered))
    (contents,) = list_contents(strict.rows[0], strict.rules)
    assert [(each.kind, each.path) for each in contents.changes] == [
        (ChangeKind.RETYPED, "output.at")
    ]


def test_error_and_attributes_have_their_places() -> None:
    """Figures and ids among the attributes are none, tracebacks are no part of an error."""
    said = {"type": "ValueError", "message": "rain", "traceback": "line 3"}
    other = said | {"message": "snow", "traceback": "line 4"}
    noise = {"gen_ai.usage.input_tokens": 7, "gen_ai.response.id": "r1"}
    base = tool("load", 1, None, status="ERROR", error=said, attributes={"try": 1})
    head = tool("load", 1, None, status="ERROR", error=other, attributes={"try": 2, **noise})
    changes = [
        (change.path, change.base, change.head)
        for contents in compare([base], [head])
        for change in contents.changes
    ]
    assert changes == [("error[0].message", "rain", "snow"), ("attributes.try", 1, 2)]


def test_what_was_cut_may_differ_unseen() -> None:
    """Two outputs with one beginning and digests that differ are not the same."""
    cut = {"value": "abc", "codec": "json", "fidelity": "truncated", "bytes": 900}
    base, head = ([Step("load", fields={"output": cut | {"sha256": d * 64}})] for d in "ab")
    assert compare(base, head) == [Contents("output", (), differs_unseen=True)]


def test_a_value_beyond_the_limit_is_not_looked_into() -> None:
    """It says so."""
    base, head = ([tool("load", {"q": 1}, letter * 1_100_000)] for letter in "ab")
    assert compare(base, head) == [Contents("output", (), is_too_large=True)]
