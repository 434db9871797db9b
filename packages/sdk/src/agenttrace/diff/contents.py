"""What differs within the input and the output of a row: made when somebody asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from agenttrace.diff import fields
from agenttrace.diff.model import Flag
from agenttrace.diff.normalise import MAX_NORMALISED_BYTES

if TYPE_CHECKING:
    from agenttrace.diff.fields import Change
    from agenttrace.diff.model import Row
    from agenttrace.diff.rules import Rules
    from agenttrace.trace.records import RecordedPayload, RecordedSpan
    from agenttrace.wire import JsonValue

PARTS: Final = ("input", "output")
_ROUNDING: Final = 1e-12  # as numbers are compared with 12 digits that matter


@dataclass(frozen=True, slots=True)
class Contents:
    """The differences of a part that the rules let through, in the order of head.

    `path` of a change begins with the part: `output.tool_calls[0].function.arguments.b`.
    `is_too_large`: a side is beyond 1 MiB, and not looked into.
    """

    part: str
    changes: tuple[Change, ...]
    is_too_large: bool = False


def list_contents(row: Row, rules: Rules) -> list[Contents]:
    """Return what differs in the input and output of a span that is on both sides."""
    if row.base_span is None or row.head_span is None:
        return []
    flags = {"input": {Flag.INPUT, Flag.PARAMS, Flag.MODEL}, "output": {Flag.OUTPUT}}
    return [
        compare_part(part, *_read_sides(part, row.base_span, row.head_span), rules)
        for part in PARTS
        if row.flags & flags[part]
    ]


def compare_part(
    part: str, base: RecordedPayload | None, head: RecordedPayload | None, rules: Rules
) -> Contents:
    """Return what differs between two payloads, of which one may not be there."""
    sizes = [memoryview(each.text).nbytes for each in (base, head) if each is not None]
    if max(sizes, default=0) > MAX_NORMALISED_BYTES:
        return Contents(part, (), is_too_large=True)
    sides = [{} if each is None else {part: each.value} for each in (base, head)]
    return Contents(part, list_changes(sides[0], sides[1], rules))


def list_changes(base: JsonValue, head: JsonValue, rules: Rules) -> tuple[Change, ...]:
    """Return the differences between two values that the rules let through."""
    delta = fields.compare_values(base, head, make_field_rules(rules))
    return tuple(fields.list_changes(delta))


@lru_cache(maxsize=16)
def make_field_rules(rules: Rules) -> fields.FieldRules:
    """Return the rules of a comparison as those of its values."""
    return fields.FieldRules(
        ignore=rules.ignore,
        masks=tuple(fields.Mask(mask.name, mask.pattern) for mask in rules.all_masks()),
        numeric_abs=rules.numeric_abs,
        numeric_rel=max(rules.numeric_rel, _ROUNDING),
        unordered=tuple(fields.Unordered(each.path, each.key) for each in rules.unordered),
        parse_json_strings=rules.parse_json_strings,
    )


def _read_sides(
    part: str, base: RecordedSpan, head: RecordedSpan
) -> tuple[RecordedPayload | None, RecordedPayload | None]:
    return getattr(base, part), getattr(head, part)
