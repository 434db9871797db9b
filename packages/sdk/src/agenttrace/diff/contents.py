"""What differs within a row, field by field: made when somebody asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import orjson

from agenttrace.diff import fields
from agenttrace.diff.flags import shorten
from agenttrace.diff.hashes import keep_attributes, list_errors
from agenttrace.diff.model import Flag
from agenttrace.diff.normalise import FLOAT_DIGITS, MAX_NORMALISED_BYTES
from agenttrace.wire import RunStatus

if TYPE_CHECKING:
    from agenttrace.diff.fields import Change
    from agenttrace.diff.model import Row, RunDiff
    from agenttrace.diff.rules import Rules
    from agenttrace.trace.records import RecordedError, RecordedPayload, RecordedSpan
    from agenttrace.wire import JsonValue

_PAYLOADS: Final = {
    "input": frozenset({Flag.INPUT, Flag.PARAMS, Flag.MODEL}),
    "output": frozenset({Flag.OUTPUT}),
}


MAX_VALUE_CHARS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Contents:
    """The differences of a part that the rules let through, in the order of head.

    `part` is `input`, `output`, `error` or `attributes`, and `path` of a change begins with it:
    `output.tool_calls[0].function.arguments.b`. `is_too_large`: a side is beyond 1 MiB, and not
    looked into. `differs_unseen`: what was kept of two values that were cut is equal, and what
    was not kept is not.
    """

    part: str
    changes: tuple[Change, ...]
    is_too_large: bool = False
    differs_unseen: bool = False


def list_contents(row: Row, rules: Rules) -> list[Contents]:
    """Return what differs in a span that is on both sides, part by part."""
    base, head = row.base_span, row.head_span
    if base is None or head is None:
        return []
    found = [
        compare_part(part, getattr(base, part), getattr(head, part), rules)
        for part, flags in _PAYLOADS.items()
        if row.flags & flags
    ]
    if Flag.ERROR in row.flags:
        errors = _wrap_error(base.error), _wrap_error(head.error)
        found.append(Contents("error", list_changes(*errors, rules)))
    if Flag.ATTRIBUTES in row.flags:
        kept = _wrap_attributes(base), _wrap_attributes(head)
        found.append(Contents("attributes", list_changes(*kept, rules)))
    return found


def list_run_contents(diff: RunDiff) -> list[Contents]:
    """Return what differs in the input, output and error of the runs themselves."""
    base, head = diff.base, diff.head
    found = [
        compare_part(part, getattr(base, part), getattr(head, part), diff.rules)
        for part in ("input", "output")
        if Flag(part) in diff.run_flags
    ]
    if Flag.ERROR in diff.run_flags:
        errors = _wrap_error(base.error), _wrap_error(head.error)
        found.append(Contents("error", list_changes(*errors, diff.rules)))
    return found


def show_run_failure(diff: RunDiff) -> str | None:
    """Return the error of a run that newly fails as a short text; None where it does not."""
    status = RunStatus.ERROR
    if diff.head.status is not status or diff.base.status is status:
        return None
    return describe_error(diff.head.error)


def show_failure(row: Row) -> str | None:
    """Return the error of a span that newly fails as a short text; None where it does not."""
    if not row.fails_newly:
        return None
    return describe_error(None if row.head_span is None else row.head_span.error)


def describe_error(error: RecordedError | None) -> str:
    """Return an error as a short text, its class first."""
    if error is None:
        return "fails without an error"
    said = ": ".join(filter(None, (error.type, error.message)))
    return shorten(said, max_chars=MAX_VALUE_CHARS)


def compare_part(
    part: str, base: RecordedPayload | None, head: RecordedPayload | None, rules: Rules
) -> Contents:
    """Return what differs between two payloads, of which one may not be there."""
    sizes = [memoryview(each.text).nbytes for each in (base, head) if each is not None]
    if max(sizes, default=0) > MAX_NORMALISED_BYTES:
        return Contents(part, (), is_too_large=True)
    found = fields.compare_payloads(base, head, make_field_rules(rules), name=part)
    changes = tuple(fields.list_changes(found.values))
    return Contents(part, changes, differs_unseen=found.differs_unseen)


def list_changes(
    base: JsonValue,
    head: JsonValue,
    rules: Rules,
    *,
    base_types: dict[str, Any] | None = None,
    head_types: dict[str, Any] | None = None,
) -> tuple[Change, ...]:
    """Return the differences between two values, with their types, that the rules let through."""
    made = make_field_rules(rules)
    types = {"base_types": base_types, "head_types": head_types}
    return tuple(fields.list_changes(fields.compare_values(base, head, made, **types)))


def show_value(value: JsonValue) -> JsonValue:
    """Return a side of a change as any JSON can have it; None also where nothing is there.

    What is long is the beginning of its text, and what has a number beyond 64 bits all of it.
    """
    if value is fields.MISSING:
        return None
    text = shorten(value, max_chars=MAX_VALUE_CHARS)
    if text.endswith("…"):
        return text
    try:
        orjson.dumps(value)
    except TypeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return value


@lru_cache(maxsize=16)
def make_field_rules(rules: Rules) -> fields.FieldRules:
    """Return the rules of a comparison as those of its values."""
    return fields.FieldRules(
        ignore=rules.ignore,
        masks=tuple(fields.Mask(mask.name, mask.pattern) for mask in rules.all_masks()),
        numeric_abs=rules.numeric_abs,
        numeric_rel=rules.numeric_rel,
        unordered=tuple(fields.Unordered(each.path, each.key) for each in rules.unordered),
        parse_json_strings=rules.parse_json_strings,
        float_digits=FLOAT_DIGITS,
    )


def _wrap_error(error: RecordedError | None) -> JsonValue:
    said = list_errors(error)
    return {"error": said} if said else {}


def _wrap_attributes(span: RecordedSpan) -> JsonValue:
    kept = keep_attributes(span)
    return {"attributes": kept} if kept else {}
