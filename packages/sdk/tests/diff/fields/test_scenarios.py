"""Acceptance rows D6, D7 and D15 of the diff, and what each kind of value is compared as."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest

from agenttrace.diff.fields import (
    EXACT_RULES,
    MISSING,
    ChangeKind,
    FieldRules,
    MessageOutcome,
    Unordered,
    compare_values,
    hash_value,
    list_changes,
    list_messages,
)


def show(base: Any, head: Any, rules: FieldRules | None = None) -> list[tuple[Any, ...]]:
    """Return the changes as `(path, kind, base, head)`."""
    delta = compare_values(base, head) if rules is None else compare_values(base, head, rules)
    return [(each.path, each.kind.value, each.base, each.head) for each in list_changes(delta)]


def make_call(arguments: str, call_id: str = "call_Ab3dEf6h") -> dict[str, Any]:
    function = {"name": "search", "arguments": arguments}
    call = {"id": call_id, "type": "function", "function": function}
    return {"messages": [{"role": "assistant", "content": None, "tool_calls": [call]}]}


def test_d6_arguments_of_a_tool_call_are_compared_as_the_json_that_they_hold() -> None:
    """D6: names in another order are no change; of what differs only the inner place is told."""
    base = make_call('{"a":1,"b":2}')
    same = make_call('{"b": 2,"a":1}')
    assert show(base, same) == []
    assert hash_value(base) == hash_value(same)
    changed = make_call('{"b": 3,"a":1}')
    path = "messages[0].tool_calls[0].function.arguments.b"
    assert show(base, changed) == [(path, "changed", 2, 3)]


def test_d6_is_a_text_where_the_rules_say_so() -> None:
    """Without `parse_json_strings` the arguments are one text; with `all` every text is read."""
    base, head = make_call('{"a":1,"b":2}'), make_call('{"b": 2,"a":1}')
    assert len(show(base, head, FieldRules(parse_json_strings="none"))) == 1
    assert len(show({"text": "[1]"}, {"text": "[ 1 ]"})) == 1
    assert show({"text": "[1]"}, {"text": "[ 1 ]"}, FieldRules(parse_json_strings="all")) == []


def make_messages(count: int) -> list[dict[str, str]]:
    chance = random.Random(7)
    roles = ("user", "assistant")
    return [
        {"role": roles[at % 2], "content": " ".join(str(chance.random()) for _ in range(40))}
        for at in range(count)
    ]


def test_d7_an_injected_and_a_truncated_message_among_two_hundred() -> None:
    """D7: 200 messages, one injected at 0 and one cut to 280 characters: the others unchanged."""
    base = make_messages(200)
    head = [{"role": "system", "content": "Remember the user's name."}, *copy.deepcopy(base)]
    head[120]["content"] = head[120]["content"][:280]
    delta = compare_values({"messages": base}, {"messages": head})
    ((place, rows),) = list_messages(delta)
    assert str(place) == "messages"
    outcomes = [row.outcome for row in rows]
    assert outcomes.count(MessageOutcome.INJECTED) == 1
    assert outcomes.count(MessageOutcome.TRUNCATED) == 1
    assert outcomes.count(MessageOutcome.UNCHANGED) == 199
    injected, truncated = list_changes(delta)
    assert (injected.path, injected.message) == ("messages[0]", MessageOutcome.INJECTED)
    assert injected.kind is ChangeKind.ADDED
    assert (truncated.path, truncated.message) == (
        "messages[120].content",
        MessageOutcome.TRUNCATED,
    )
    assert not delta.is_approximate


def test_d15_rules_leave_exactly_the_real_change() -> None:
    """D15: ids, times and rounding are noise by the rules; one changed argument beside is not."""
    base = make_call('{"city":"Oslo","limit":5}', "call_Ab3dEf6hJk9mNp2q")
    head = make_call('{"limit":5,"city":"Bergen"}', "call_Zz9yXx8wVv7uTt6s")
    base |= {"request_id": "req_011CSHoEeqs5C35K2UUqR7Fy", "at": "2026-01-02T03:04:05.678Z"}
    head |= {"request_id": "req_022DTIpFfrt6D46L3VVrS8Gz", "at": "2026-01-02T04:05:06.789Z"}
    base |= {"score": 0.1 + 0.2, "trace": "id 9f86d081884c7d65"}
    head |= {"score": 0.3, "trace": "id 60303ae22b998861"}
    rules = FieldRules(numeric_rel=1e-9)
    path = "messages[0].tool_calls[0].function.arguments.city"
    assert show(base, head, rules) == [(path, "changed", "Oslo", "Bergen")]
    assert len(show(base, head, EXACT_RULES)) == 6
    hidden = list_changes(compare_values(base, head, rules), include_hidden=True)
    assert sum(change.is_hidden for change in hidden) == 5


def test_d15_an_ignored_field_does_not_hide_that_its_holder_was_added_or_removed() -> None:
    """D15: ignoring a field never hides an item or a message that one side alone has."""
    rules = FieldRules(ignore=("$..id", "$..text"))
    base = {"items": [{"id": 1, "text": "a"}]}
    head = {"items": [{"id": 9, "text": "b"}, {"id": 2, "text": "c"}]}
    assert show(base, head, rules) == [("items[1]", "added", MISSING, {"id": 2, "text": "c"})]
    assert show(head, base, rules) == [("items[1]", "removed", {"id": 2, "text": "c"}, MISSING)]


@pytest.mark.parametrize(
    ("base", "head", "changes"),
    [
        (1, 1.0, []),
        (0, -0.0, []),
        (float("nan"), float("nan"), []),
        (10**400, 10**400 + 1, [("", "changed", 10**400, 10**400 + 1)]),
        (2**53, float(2**53), []),
        (2**53 + 1, float(2**53), [("", "changed", 2**53 + 1, float(2**53))]),
        (True, 1, [("", "changed", True, 1)]),
        (False, 0, [("", "changed", False, 0)]),
        (None, 0, [("", "changed", None, 0)]),
        ("1", 1, [("", "changed", "1", 1)]),
        ({"a": None}, {}, [("a", "removed", None, MISSING)]),
        ({}, {"a": None}, [("a", "added", MISSING, None)]),
        ([], {}, [("", "changed", [], {})]),
        ("\ud800", "\ud801", [("", "changed", "\ud800", "\ud801")]),
        ("e\u0301", "\u00e9", [("", "changed", "e\u0301", "\u00e9")]),
        ([1, 2, 3], [1, 3], [("[1]", "removed", 2, MISSING)]),
        ([1, 3], [1, 2, 3], [("[1]", "added", MISSING, 2)]),
        ([[1, 2], [3]], [[1, 2], [4]], [("[1][0]", "changed", 3, 4)]),
        (
            {"a b": 1, "": 2},
            {"a b": 2, "": 1},
            [('[""]', "changed", 2, 1), ('["a b"]', "changed", 1, 2)],
        ),
    ],
)
def test_what_is_equal_and_what_is_not(base: Any, head: Any, changes: list[Any]) -> None:
    """Numbers by value, booleans and null are themselves, texts by code point, lists by order."""
    assert show(base, head) == changes
    assert (hash_value(base) == hash_value(head)) == (not changes)


def test_an_item_that_was_inserted_does_not_shift_the_others() -> None:
    """Items that changed in place are paired with those they came from, by what they share."""
    base: list[dict[str, Any]] = [
        {"id": at, "text": f"document {at}", "score": at / 7} for at in range(20)
    ]
    head = copy.deepcopy(base)
    for item in head:
        item["score"] += 0.5
    head.insert(5, {"id": 99, "text": "a new one", "score": 1})
    changes = show(base, head)
    assert ("[5]", "added", MISSING, head[5]) in changes
    assert len(changes) == 21
    assert {path.split(".")[-1] for path, kind, *_ in changes if kind == "changed"} == {"score"}


def test_an_item_that_moved_is_one_change() -> None:
    """A longer item at another place is moved, not removed and added."""
    base = [{"id": at, "text": "x" * at} for at in range(6)]
    head = [*base[1:], base[0]]
    assert show(base, head) == [("[5]", "moved", 0, 5)]


def test_unordered_lists_are_compared_as_sets_or_by_key() -> None:
    """The order says nothing; by key an item is compared with the one of its name."""
    base = {"tags": ["a", "b", "b"], "rows": [{"id": 1, "n": 1}, {"id": 2, "n": 2}]}
    head = {"tags": ["b", "a", "b"], "rows": [{"id": 2, "n": 3}, {"id": 1, "n": 1}]}
    assert len(show(base, head)) > 2
    rules = FieldRules(unordered=(Unordered("$.tags"), Unordered("$.rows", "id")))
    assert show(base, head, rules) == [("rows[0].n", "changed", 2, 3)]
    assert show(base, {**head, "tags": ["b", "a", "c"]}, rules)[1:] == [
        ("tags[2]", "removed", "b", MISSING),
        ("tags[2]", "added", MISSING, "c"),
    ]


@pytest.mark.parametrize(
    ("head", "outcomes"),
    [
        (["s", "u", "a"], "unchanged unchanged unchanged"),
        (["u", "a"], "dropped unchanged unchanged"),
        (["s", "u", "x", "a"], "unchanged unchanged injected unchanged"),
        (["s", "a", "u"], "unchanged reordered unchanged"),
        (["s", "U", "a"], "unchanged changed unchanged"),
        (["s", "t", "a"], "unchanged truncated unchanged"),
        (["s", "m", "a"], "unchanged truncated unchanged"),
    ],
)
def test_what_becomes_of_messages(head: list[str], outcomes: str) -> None:
    """A message is injected, dropped, changed, truncated or reordered, each told apart."""
    long = "The quick brown fox jumps over the lazy dog, and then it rests for a while. " * 3
    said = {
        "s": {"role": "system", "content": "Be brief."},
        "u": {"role": "user", "content": long},
        "U": {"role": "user", "content": long.replace("lazy", "sleepy")},
        "t": {"role": "user", "content": long[:90]},
        "m": {"role": "user", "content": f"{long[:60]} … [98 characters omitted] {long[-60:]}"},
        "a": {"role": "assistant", "content": "It rests."},
        "x": {"role": "tool", "content": "42", "tool_call_id": "c"},
    }
    base = [said[name] for name in ("s", "u", "a")]
    delta = compare_values(base, [said[name] for name in head])
    found = [row.outcome.value for _, rows in list_messages(delta) for row in rows]
    assert found == ([] if delta.edit is None else outcomes.split())
    assert {change.message for change in list_changes(delta)} <= {
        MessageOutcome(name) for name in outcomes.split()
    }


def test_parts_of_a_message_are_compared_within_it() -> None:
    """Content may be a list of parts; a part that was cut makes the message truncated."""
    text = "word " * 100
    image = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    base: list[Any] = [{"role": "user", "content": [{"type": "text", "text": text}, image]}]
    head = copy.deepcopy(base)
    head[0]["content"][0]["text"] = text[:200]
    (change,) = list_changes(compare_values(base, head))
    assert (change.path, change.message) == ("[0].content[0].text", MessageOutcome.TRUNCATED)
    head[0]["content"].pop()
    ((_, rows),) = list_messages(compare_values(base, head))
    assert [row.outcome for row in rows] == [MessageOutcome.CHANGED]


def test_recorded_types_count() -> None:
    """A tuple is no list, though both are shown alike; the type of what is ignored is no matter."""
    base, head = {"/a": "tuple"}, {"/a": "set", "/b": "decimal"}
    value = {"a": [1, 2], "b": "1"}
    delta = compare_values(value, copy.deepcopy(value), base_types=base, head_types=head)
    shown = [(each.path, each.kind.value, each.base, each.head) for each in list_changes(delta)]
    assert shown == [("a", "retyped", "tuple", "set"), ("b", "retyped", None, "decimal")]
    assert hash_value(value, types=base) != hash_value(value, types=head)
    assert hash_value(value, types=base) == hash_value(value, types={"/a": "tuple"})
    rules = FieldRules(ignore=("$.a", "$.b"))
    assert compare_values(value, value, rules, base_types=base, head_types=head).is_empty


def test_json_within_json_is_gone_through() -> None:
    """Arguments within arguments are compared at the innermost place, and rules reach there."""
    base, head = (
        {"arguments": json.dumps({"arguments": json.dumps({"n": n, "id": n})})} for n in (1, 2)
    )
    assert show(base, head) == [
        ("arguments.arguments.id", "changed", 1, 2),
        ("arguments.arguments.n", "changed", 1, 2),
    ]
    rules = FieldRules(ignore=("$.arguments.arguments.id",))
    assert show(base, head, rules) == [("arguments.arguments.n", "changed", 1, 2)]
