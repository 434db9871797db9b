"""What differs between two spans, field by field: for one pair, when somebody looks at it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from agenttrace.diff.fields import (
    FieldDelta,
    FieldRules,
    compare_payloads,
    compare_values,
    list_changes,
)
from agenttrace.diff.fields import Mask as FieldMask
from agenttrace.diff.fields import Unordered as FieldUnordered
from agenttrace.diff.hashes import keep_attributes
from agenttrace.diff.rules import DEFAULT, Rules

if TYPE_CHECKING:
    from agenttrace.diff.fields import Change
    from agenttrace.trace.records import RecordedError, RecordedPayload, RecordedSpan

_MAX_CAUSES: Final = 100

FLOAT_DIGITS: Final = 12
"""What digests of spans take for the same float, see `normalise`, is no change here either."""


@dataclass(frozen=True, slots=True)
class PartDelta:
    """What differs in one part of two spans: `input`, `output`, `error` or `attributes`.

    Both values stand under the name of the part, so that the places of changes begin with it, as
    the paths of rules do; a side that lacks the part is an empty object. `differs_unseen`: what
    was kept of two payloads is equal, and the recorded digests of the whole are not.
    `is_partial`: of a side a part was cut, redacted or opaque.
    """

    name: str
    delta: FieldDelta
    differs_unseen: bool = False
    is_partial: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known to differ by the rules."""
        return self.delta.is_empty and not self.differs_unseen

    def list_changes(self, *, include_hidden: bool = False) -> list[Change]:
        """Return the differences as a flat list."""
        return list_changes(self.delta, include_hidden=include_hidden)


@lru_cache(maxsize=16)
def make_field_rules(rules: Rules) -> FieldRules:
    """Return the rules of a comparison as those of its values."""
    return FieldRules(
        ignore=rules.ignore,
        masks=tuple(FieldMask(mask.name, mask.pattern) for mask in rules.all_masks()),
        numeric_abs=rules.numeric_abs,
        numeric_rel=rules.numeric_rel,
        unordered=tuple(FieldUnordered(each.path, each.key) for each in rules.unordered),
        parse_json_strings=rules.parse_json_strings,
        float_digits=FLOAT_DIGITS,
    )


def compare_spans(
    base: RecordedSpan, head: RecordedSpan, rules: Rules = DEFAULT
) -> tuple[PartDelta, ...]:
    """Return what differs in input, output, error and attributes, in this order.

    A part is left out where it is equal to the letter, or on neither side. Attributes are those
    that are content, errors without their tracebacks. Payloads are decoded here and not before.
    """
    made = make_field_rules(rules)
    found = [
        _compare_part("input", base.input, head.input, made),
        _compare_part("output", base.output, head.output, made),
        PartDelta(
            "error",
            compare_values(_wrap_error(base.error), _wrap_error(head.error), made),
        ),
        PartDelta(
            "attributes",
            compare_values(_wrap_attributes(base), _wrap_attributes(head), made),
        ),
    ]
    return tuple(part for part in found if part.delta.edit is not None or part.differs_unseen)


def _compare_part(
    name: str, base: RecordedPayload | None, head: RecordedPayload | None, rules: FieldRules
) -> PartDelta:
    found = compare_payloads(base, head, rules, name=name)
    is_partial = found.base_is_partial or found.head_is_partial
    return PartDelta(name, found.values, found.differs_unseen, is_partial)


def _wrap_error(error: RecordedError | None) -> dict[str, Any]:
    """Return an error and its causes as a list, from the outermost in."""
    said: list[Any] = []
    while error is not None and len(said) < _MAX_CAUSES:
        said.append({"type": error.type, "message": error.message, "notes": error.notes or []})
        error = error.cause
    return {"error": said} if said else {}


def _wrap_attributes(span: RecordedSpan) -> dict[str, Any]:
    kept = keep_attributes(span)
    return {"attributes": kept} if kept else {}
