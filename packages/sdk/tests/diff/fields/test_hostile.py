"""Hostile values: deep, wide, long and odd ones end in an answer, within bounds."""

from __future__ import annotations

import json
import sys
import tracemalloc
from typing import Any

import pytest

from agenttrace.diff.fields import (
    FieldDelta,
    FieldRules,
    PatchError,
    Unordered,
    alignment,
    apply_delta,
    compare_values,
    export_patch,
    hash_value,
    invert_delta,
    list_changes,
    list_messages,
    normalise_value,
    reading,
)
from agenttrace.diff.fields.plain import is_verbatim, write_plain

MIB = 1024 * 1024
LEVELS = 5_000


def nest(inner: Any, levels: int = LEVELS) -> Any:
    for level in range(levels):
        inner = {"a": inner, "n": 1} if level % 2 else [inner, level]
    return inner


def check_exact(base: Any, head: Any, delta: FieldDelta) -> None:
    assert is_verbatim(apply_delta(base, delta), head)
    assert is_verbatim(apply_delta(head, invert_delta(delta)), base)


@pytest.mark.parametrize(
    "rules",
    [
        FieldRules(),
        FieldRules(ignore=("$..b", "$..a.b"), unordered=(Unordered("$..[0]"),)),
        FieldRules(numeric_rel=0.1, parse_json_strings="all"),
    ],
    ids=["default", "paths", "tolerance"],
)
def test_five_thousand_levels_need_no_recursion(rules: FieldRules) -> None:
    """Compared, listed, inverted, applied, exported and normalised 5,000 levels deep."""
    base, head = nest("x"), nest("y")
    delta = compare_values(base, head, rules)
    (change,) = list_changes(delta)
    assert change.head_place is not None
    assert (len(change.head_place.keys), change.base, change.head) == (LEVELS, "x", "y")
    check_exact(base, head, delta)
    (operation,) = export_patch(delta)
    assert operation["path"].count("/") == LEVELS
    assert list_messages(delta) == []
    assert hash_value(base, rules) != hash_value(head, rules)
    assert is_verbatim(normalise_value(nest(1)), normalise_value(nest(1.0)))


def test_a_difference_at_each_of_many_levels() -> None:
    """1,500 levels that all differ give 1,500 changes, and each knows where it is."""
    base: Any = 0
    head: Any = 0
    for level in range(1_500):
        base, head = {"a": base, "n": level}, {"a": head, "n": -1 - level}
    delta = compare_values(base, head)
    assert delta.changes == len(list_changes(delta)) == 1_500
    check_exact(base, head, delta)


def test_deep_texts_and_odd_texts_are_not_taken_for_json() -> None:
    """JSON nested beyond the parser, with a name twice, cut short or too long stays text."""
    rules = FieldRules(parse_json_strings="all")
    for text in ("[" * 100_000, "[" * 50_000 + "]" * 50_000, '{"a":1,"a":2}', '{"a":', "[1,]", "{"):
        assert not isinstance(normalise_value(text, rules), dict)
        assert compare_values(text, text + " ", rules).changes == 1
    bomb: Any = "[0]"
    for _ in range(12):
        bomb = json.dumps([bomb])
    assert compare_values(bomb, bomb.replace("0", "1"), rules).changes == 1


def test_numbers_that_python_does_not_print() -> None:
    """Beyond 4,300 digits an int has no decimal text; it is compared all the same."""
    limit = sys.get_int_max_str_digits()
    base, head = {"n": 10**5000, "m": -(10**5000)}, {"n": 10**5000 + 1, "m": -(10**5000)}
    delta = compare_values(base, head)
    assert [change.path for change in list_changes(delta)] == ["n"]
    check_exact(base, head, delta)
    assert hash_value(base) != hash_value(head)
    assert write_plain([10**5000]).startswith("[0x")
    assert sys.get_int_max_str_digits() == limit


@pytest.mark.parametrize("value", [{1, 2}, (1,), b"x", {1: 2}, object()])
def test_what_is_no_json_is_refused(value: Any) -> None:
    """A set, a tuple, bytes or a name that is no text never came out of a JSON parser."""
    with pytest.raises(TypeError, match=r"is no JSON|no text"):
        compare_values([value], [0])


def test_a_value_that_holds_itself_is_refused() -> None:
    """It would have no end."""
    value: list[Any] = []
    value.append(value)
    with pytest.raises(TypeError, match="holds itself"):
        compare_values(value, [1])


@pytest.mark.parametrize(
    "value", [None, {}, {"a": [1]}, {"a": [1, 3], "b": 1}, {"a": [9, 2]}, {"a": {"0": 1}}]
)
def test_a_delta_of_another_value_is_refused(value: Any) -> None:
    """Nothing is applied to what it was not made of."""
    delta = compare_values({"a": [1, 2], "b": 1}, {"a": [1, 3], "c": 1})
    with pytest.raises(PatchError, match="made of another"):
        apply_delta(value, delta)


def measure(base: Any, head: Any, rules: FieldRules | None = None) -> tuple[FieldDelta, int]:
    """Return the delta and what making it took at its peak, in bytes."""
    tracemalloc.start()
    try:
        delta = compare_values(base, head, rules or FieldRules())
        return delta, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_text_of_50_mb_is_compared_within_bounds() -> None:
    """One text of 50 MB that differs in its midst: no copy but that of its bytes."""
    base = {"log": "0123456789abcde\n" * (50 * MIB // 16)}
    head = {"log": base["log"][: 25 * MIB] + "!" + base["log"][25 * MIB :]}
    delta, peak_bytes = measure(base, head)
    (change,) = list_changes(delta)
    assert change.text is not None
    assert change.text.base_edge is not None
    assert change.text.is_capped
    check_exact(base, head, delta)
    assert peak_bytes < 3 * 50 * MIB
    assert hash_value(base) != hash_value(head)


def test_a_value_of_many_fields_is_compared_within_bounds() -> None:
    """40,000 documents, one new and one changed: both are found, and it is said how."""
    text = "a document with some words in it, of the usual length"
    base = {"docs": [{"id": at, "text": f"{text} {at}", "tags": ["a"]} for at in range(40_000)]}
    docs = list(base["docs"])
    docs[9_000] = {**docs[9_000], "text": "another"}
    docs.insert(1_000, {"id": -1, "text": "new", "tags": []})
    head = {"docs": docs}
    delta, peak_bytes = measure(base, head)
    assert [change.path for change in list_changes(delta)] == ["docs[1000]", "docs[9001].text"]
    assert delta.is_coarse
    check_exact(base, head, delta)
    assert peak_bytes < 64 * MIB


def test_rules_hold_within_parts_of_a_large_value() -> None:
    """Masks apply to the parts that differ, and numbers are equal by value there."""
    base: Any = {"rows": [{"n": at, "id": None} for at in range(35_000)]}
    head: Any = {"rows": [{"n": at, "id": None} for at in range(35_000)]}
    base["rows"][7]["id"], head["rows"][7]["id"] = "call_Ab3dEf6hJk", "call_Zz9yXx8wVv"
    head["rows"][9]["n"] = 9.0
    head["rows"][11]["n"] = 12
    delta = compare_values(base, head)
    assert [change.path for change in list_changes(delta)] == ["rows[11].n"]
    assert compare_values("call_Ab3dEf6hJk", "call_Zz9yXx8wVv").is_empty
    check_exact(base, head, delta)


def test_a_large_value_beside_one_that_is_not() -> None:
    """Where one side alone is large both are matched as they stand."""
    head = {"rows": list(range(110_000)), "name": "x"}
    base = {"rows": [*range(20_000), -1], "name": "y"}
    delta = compare_values(base, head)
    assert delta.is_coarse
    assert "name" in {change.path for change in list_changes(delta)}
    check_exact(base, head, delta)
    assert compare_values(None, head).changes == 1


def test_long_texts_that_hold_json_count_as_what_they_hold() -> None:
    """Many fields within one text make the value large, and end in an answer."""
    base, head = ({"arguments": json.dumps([n, *range(150_000)])} for n in (1, 2))
    delta = compare_values(base, head)
    assert [change.path for change in list_changes(delta)] == ["arguments"]
    check_exact(base, head, delta)


def test_lists_beyond_the_budget_are_approximate_and_exact_to_apply(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When a budget is met it is said; the delta still turns one value into the other."""
    base = [{"n": at, "text": f"{at} {'word ' * 20}"} for at in range(300)]
    head = [{"n": at, "text": f"{at} {'other ' * 20}"} for at in range(1, 320)]
    delta = compare_values(base, head)
    assert delta.is_approximate
    check_exact(base, head, delta)
    assert not compare_values(base[:100], head[:100]).is_approximate
    monkeypatch.setattr(alignment, "MAX_CELLS", 0)
    assert compare_values(base[:100], head[:100]).is_approximate
    monkeypatch.setattr(alignment, "MAX_LCS_CELLS", 0)
    delta = compare_values(base, head)
    check_exact(base, head, delta)


def test_many_equal_scalars_are_matched_by_their_number() -> None:
    """A hundred thousand of two values: counts agree, though the order is anything."""
    base = [at % 2 for at in range(40_000)]
    head = [at % 3 % 2 for at in range(45_000)]
    delta = compare_values(base, head)
    check_exact(base, head, delta)
    assert delta.changes >= 5_000


def test_the_limit_of_fields_is_that_of_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Just below the limit a value is looked into, just above it is matched as it stands."""
    monkeypatch.setattr(reading, "MAX_FIELDS", 10)
    fine, coarse = {"a": list(range(8))}, {"a": list(range(9))}
    assert not compare_values(fine, {"a": [*range(7), "x"]}).is_coarse
    assert compare_values(coarse, {"a": [*range(8), "x"]}).is_coarse
