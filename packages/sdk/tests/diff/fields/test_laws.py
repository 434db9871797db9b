"""The laws of a delta between two values: exact, invertible, one in both directions, monotone."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from typing import Any

import jsonpath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from json_values import VALUES, pairs, write

from agenttrace.diff.fields import (
    DEFAULT_RULES,
    EXACT_RULES,
    FieldRules,
    Unordered,
    alignment,
    apply_delta,
    compare_values,
    comparison,
    export_patch,
    hash_value,
    invert_delta,
    list_changes,
    list_messages,
    reading,
)
from agenttrace.diff.fields.alignment import Aligner
from agenttrace.diff.fields.reading import read_value
from agenttrace.diff.fields.steps import run_steps

RULES = st.sampled_from(
    [
        DEFAULT_RULES,
        EXACT_RULES,
        FieldRules(parse_json_strings="all"),
        FieldRules(numeric_abs=0.5, numeric_rel=1e-9),
        FieldRules(ignore=("$..id", "$.a[0]"), parse_json_strings="all"),
        FieldRules(unordered=(Unordered("$.*"), Unordered("$"))),
        FieldRules(unordered=(Unordered("$..[*]", "id"), Unordered("$", "id"))),
        FieldRules(ignore=("$[?@.role == 'user']", "$..b")),
        FieldRules(ignore=("$",)),
    ]
)
MANY = settings(max_examples=1000, deadline=None)
SOME = settings(max_examples=300, deadline=None)


@given(pairs(), RULES)
@MANY
def test_a_delta_turns_base_into_head_to_the_letter(
    pair: tuple[Any, Any], rules: FieldRules
) -> None:
    """P3: patch(a, diff(a, b)) is b and patch(b, invert(diff(a, b))) is a; neither is changed."""
    base, head = pair
    before = write(base), write(head)
    delta = compare_values(base, head, rules)
    assert write(apply_delta(base, delta)) == before[1]
    assert write(apply_delta(head, invert_delta(delta))) == before[0]
    assert (write(base), write(head)) == before


@given(pairs(), RULES)
@MANY
def test_the_other_direction_is_the_inverse(pair: tuple[Any, Any], rules: FieldRules) -> None:
    """P2: diff(b, a) is invert(diff(a, b)) verbatim, and inverting twice changes nothing."""
    base, head = pair
    delta = compare_values(base, head, rules)
    assert write(compare_values(head, base, rules)) == write(invert_delta(delta))
    assert write(invert_delta(invert_delta(delta))) == write(delta)


@pytest.mark.parametrize(
    ("base", "head"),
    [
        (0.0, -0.0),
        (1, 1.0),
        (1, True),
        (float("nan"), 0),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": 0.0, "c": 1}, {"c": 1.0, "a": -0.0}),
        ([0.0, {"b": 1, "a": 2}], [-0.0, {"a": 2, "b": 1}]),
        ({"arguments": '{"a":1}'}, {"arguments": '{ "a": 1 }'}),
        ({"call_Ab3dEf6h": 1, "z": 0}, {"z": 0, "call_Zz9yXx8w": 1}),
        (["call_Ab3dEf6h", "\ud800"], ["call_Zz9yXx8w", "\ud800"]),
    ],
)
def test_what_is_equal_by_the_rules_is_kept_to_the_letter_too(base: Any, head: Any) -> None:
    """P3 where there is least to see: -0, kinds of numbers, the order of names, what is masked."""
    delta = compare_values(base, head)
    assert write(apply_delta(base, delta)) == write(head)
    assert write(apply_delta(head, invert_delta(delta))) == write(base)


@pytest.mark.parametrize(
    ("base", "head"),
    [
        (
            [{"role": "v", "content": 2}, {"role": "v", "content": 2}],
            [{"role": "v", "content": 1}, {"role": "u", "content": 1}],
        ),
        (
            [[2], 2, {"role": "v", "content": 2}, [1, 2], {"role": "v", "content": 2}],
            [{"a": 1, "b": 2}, {"a": 1}, {"a": 1, "b": 2}, {"role": "v", "content": 1}, [1]],
        ),
    ],
    ids=["messages", "mixed"],
)
def test_ties_fall_the_same_way_in_both_directions(base: Any, head: Any) -> None:
    """P2 where several alignments are the least: without one orientation they would differ."""
    assert write(compare_values(head, base)) == write(invert_delta(compare_values(base, head)))


@given(pairs(), RULES, st.integers(0, 8), st.integers(1, 12))
@SOME
def test_the_laws_hold_when_budgets_are_met(
    pair: tuple[Any, Any], rules: FieldRules, cells: int, fields: int
) -> None:
    """P2 and P3 where lists are matched in tiers and large values as they stand."""
    base, head = pair
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alignment, "MAX_CELLS", cells)
        patch.setattr(alignment, "MAX_LCS_CELLS", cells)
        patch.setattr(reading, "MAX_FIELDS", fields)
        patch.setattr(comparison, "MAX_FIELDS", fields * 2)
        patch.setattr(comparison, "MAX_HIDDEN_LOOKS", 2)
        delta = compare_values(base, head, rules)
        assert write(apply_delta(base, delta)) == write(head)
        assert write(apply_delta(head, invert_delta(delta))) == write(base)
        assert write(compare_values(head, base, rules)) == write(invert_delta(delta))
        assert len(list_changes(delta)) == delta.changes


@given(pairs(), RULES)
@SOME
def test_equal_digests_are_equal_values(pair: tuple[Any, Any], rules: FieldRules) -> None:
    """P10: no change exactly where the digests are one; with a tolerance, where they are."""
    base, head = pair
    is_equal = hash_value(base, rules) == hash_value(head, rules)
    is_empty = compare_values(base, head, rules).is_empty
    if is_equal:
        assert is_empty
    if not rules.has_tolerance and not rules.ignore:
        assert is_equal == is_empty


@given(VALUES, RULES)
@SOME
def test_a_value_does_not_differ_from_itself(value: Any, rules: FieldRules) -> None:
    """P1: diff(a, a) is empty, also of a copy whose names have another order."""
    assert compare_values(value, value, rules).edit is None
    assert compare_values(value, copy.deepcopy(value), rules).edit is None
    turned = _turn_names(value)
    assert compare_values(value, turned, rules).is_empty
    assert hash_value(value, rules) == hash_value(turned, rules)


def _turn_names(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _turn_names(value[name]) for name in reversed(value)}
    if isinstance(value, list):
        return [_turn_names(item) for item in value]
    return value


@given(pairs(), RULES)
@SOME
def test_what_is_listed_is_what_is_counted(pair: tuple[Any, Any], rules: FieldRules) -> None:
    """The flat list has as many changes as the delta says, and the hidden ones are marked."""
    delta = compare_values(*pair, rules)
    listed = list_changes(delta)
    assert len(listed) == delta.changes
    every = list_changes(delta, include_hidden=True)
    assert write([change for change in every if not change.is_hidden]) == write(listed)
    for change in listed:
        assert change.path == str(change.head_place or change.base_place)
        assert change.text is None or change.text.lines


@given(pairs(), RULES)
@SOME
def test_a_json_patch_gives_head(pair: tuple[Any, Any], rules: FieldRules) -> None:
    """The operations of RFC 6902, applied by a library that knows nothing of ours, give head."""
    base, head = {"value": pair[0]}, {"value": pair[1]}
    patch = copy.deepcopy(export_patch(compare_values(base, head, rules)))
    found = jsonpath.JSONPatch(patch, unicode_escape=False).apply(copy.deepcopy(base))
    assert _sort(found) == _sort(head)


def _sort(value: Any) -> str:
    if isinstance(value, dict):
        return repr(sorted((name, _sort(item)) for name, item in value.items()))
    if isinstance(value, list):
        return repr([_sort(item) for item in value])
    return repr(value)


IGNORED = st.sampled_from(
    ["$..id", "$..b", "$.a", "$[*].content", "$..arguments", "$.*.*", "$..c.a"]
)


@given(
    pairs(), st.lists(IGNORED, max_size=3), IGNORED, st.sampled_from([DEFAULT_RULES, EXACT_RULES])
)
@MANY
def test_an_ignore_rule_never_adds_a_difference(
    pair: tuple[Any, Any], paths: list[str], more: str, start: FieldRules
) -> None:
    """P6: with one rule more the distance is never greater, and what was equal stays equal."""
    few = FieldRules(tuple(paths), start.masks, parse_json_strings=start.parse_json_strings)
    many = FieldRules((*paths, more), start.masks, parse_json_strings=start.parse_json_strings)
    assert _measure(pair, many) <= _measure(pair, few)
    if compare_values(*pair, few).is_empty:
        assert compare_values(*pair, many).is_empty


def _measure(pair: tuple[Any, Any], rules: FieldRules) -> int:
    base, head = (read_value(value, rules) for value in pair)
    aligner = Aligner(rules)
    distance = run_steps(aligner.measure(base, head))
    assert not aligner.is_approximate
    return distance


@given(pairs(), RULES)
@SOME
def test_the_distance_is_nothing_where_nothing_differs(
    pair: tuple[Any, Any], rules: FieldRules
) -> None:
    """What lists are aligned by is 0 exactly where no change is found, and has no direction."""
    distance = _measure(pair, rules)
    assert distance == _measure((pair[1], pair[0]), rules)
    assert (distance == 0) == compare_values(*pair, rules).is_empty


PROGRAM = """
import json, random
from agenttrace.diff.fields import *
r = random.Random(7)
def make(depth):
    kind = r.randrange(6 if depth else 4)
    if kind == 5:
        return {r.choice("abcdefgh"): make(depth - 1) for _ in range(5)}
    if kind == 4:
        return [make(depth - 1) for _ in range(6)]
    return [r.randrange(9), r.choice(["x y z", "call_A1b2c3d4", "w " * 60]), None, r.random()][kind]
rules = FieldRules(ignore=("$..a",), unordered=(Unordered("$..b"),))
for _ in range(200):
    base, head = ({"a": make(3), "b": [make(2) for _ in range(5)], "c": make(3)} for _ in "ab")
    delta = compare_values(base, head, rules)
    print(hash_value(base, rules), delta, list_changes(delta), export_patch(delta))
    print([change.text for change in list_changes(delta)], normalise_value(head, rules))
"""


def test_two_processes_write_the_same_bytes() -> None:
    """P9: nothing hangs on the order that the hash seed gives to sets."""
    answers = set()
    for seed in ("0", "1", "77"):
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=env, capture_output=True, check=True
        )
        answers.add(done.stdout)
    assert len(answers) == 1
    assert len(answers.pop()) > 100_000


@given(pairs())
@SOME
def test_every_message_has_one_row(pair: tuple[Any, Any]) -> None:
    """P4 for chat messages: each message of either side is in one row, exactly once."""
    base = [{"role": "user", "content": "x"}, *_list_messages(pair[0])]
    head = [{"role": "user", "content": "x"}, *_list_messages(pair[1]), {"role": "a", "content": 1}]
    ((place, rows),) = list_messages(compare_values({"messages": base}, {"messages": head}))
    assert str(place) == "messages"
    assert sorted(row.base_at for row in rows if row.base_at is not None) == list(range(len(base)))
    assert [row.head_at for row in rows if row.head_at is not None] == list(range(len(head)))


def _list_messages(value: Any) -> list[Any]:
    items = value if isinstance(value, list) else [value]
    return [{"role": "user" if at % 2 else "a", "content": item} for at, item in enumerate(items)]
