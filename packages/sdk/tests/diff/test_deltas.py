"""What differs between two spans, part by part, by the rules of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recordings import load, make_payload, make_run, make_span

from agenttrace.diff.deltas import PartDelta, compare_spans, make_field_rules
from agenttrace.diff.fields import MISSING
from agenttrace.diff.rules import Mask, Rules, Unordered

if TYPE_CHECKING:
    from agenttrace.trace.records import RecordedSpan


def read(**fields: Any) -> RecordedSpan:
    return load([make_run(), make_span(1, **fields)]).spans[0]


def show(parts: tuple[PartDelta, ...]) -> list[tuple[Any, ...]]:
    return [
        (part.name, change.path, change.kind.value, change.base, change.head)
        for part in parts
        for change in part.list_changes()
    ]


def test_each_part_has_its_changes() -> None:
    """Input, output, error and attributes; figures and ids among the attributes are none."""
    base = read(
        input=make_payload({"args": {"city": "Oslo"}}),
        output=make_payload("sunny"),
        attributes={"attempt": 1, "gen_ai.usage.input_tokens": 7, "gen_ai.response.id": "r1"},
    )
    head = read(
        input=make_payload({"args": {"city": "Bergen"}}),
        status="ERROR",
        error={"type": "builtins.ValueError", "message": "rain", "traceback": "line 3"},
        attributes={"attempt": 2, "gen_ai.usage.input_tokens": 9, "gen_ai.response.id": "r2"},
    )
    said = [{"type": "builtins.ValueError", "message": "rain", "notes": []}]
    assert show(compare_spans(base, head)) == [
        ("input", "input.args.city", "changed", "Oslo", "Bergen"),
        ("output", "output", "removed", "sunny", MISSING),
        ("error", "error", "added", MISSING, said),
        ("attributes", "attributes.attempt", "changed", 1, 2),
    ]
    assert compare_spans(base, base) == ()


def test_rules_have_paths_that_begin_with_the_part() -> None:
    """What the rules file ignores of the input is not ignored of the output."""
    base = read(input=make_payload({"id": 1}), output=make_payload({"id": 1, "tags": ["a", "b"]}))
    head = read(input=make_payload({"id": 2}), output=make_payload({"id": 2, "tags": ["b", "a"]}))
    rules = Rules(ignore=("$.input.id",), unordered=(Unordered("$.output.tags"),))
    parts = compare_spans(base, head, rules)
    assert show(parts) == [("output", "output.id", "changed", 1, 2)]
    assert [(part.name, part.is_empty) for part in parts] == [("input", True), ("output", False)]


def test_the_rules_are_the_same_ones() -> None:
    """Masks with the built-in ones or without, tolerances, and which texts are JSON."""
    rules = Rules(
        masks=(Mask("order", r"ORD-\d+"),),
        builtin_masks=False,
        numeric_abs=0.5,
        numeric_rel=0.1,
        parse_json_strings="all",
    )
    made = make_field_rules(rules)
    assert [(mask.name, mask.pattern) for mask in made.masks] == [("order", r"ORD-\d+")]
    assert (made.numeric_abs, made.numeric_rel) == (0.5, 0.1)
    assert made.parse_json_strings == "all"
    assert made is make_field_rules(rules)
    base, head = read(output=make_payload([0.1 + 0.2])), read(output=make_payload([0.3]))
    assert show(compare_spans(base, head)) == []
    assert len(make_field_rules(Rules()).masks) == len(Rules().all_masks())


def test_what_was_cut_may_differ_unseen() -> None:
    """Two outputs with one beginning and digests that differ are not the same."""
    cut = {"value": "abc", "codec": "json", "fidelity": "truncated", "bytes": 900}
    base, head = (read(output=cut | {"sha256": digit * 64}) for digit in "ab")
    (part,) = compare_spans(base, head)
    assert (part.name, part.differs_unseen, part.is_partial) == ("output", True, True)
    assert not part.is_empty
    assert part.list_changes() == []
