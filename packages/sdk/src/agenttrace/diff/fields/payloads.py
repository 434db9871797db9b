"""Recorded payloads compared: what they show, their types, and what was not kept of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agenttrace.diff.fields.delta import FieldDelta, compare_values
from agenttrace.diff.fields.normal import hash_value
from agenttrace.diff.fields.parts import digest_text
from agenttrace.diff.fields.rules import DEFAULT_RULES, FieldRules
from agenttrace.wire import Fidelity

if TYPE_CHECKING:
    from agenttrace.trace.records import RecordedPayload

_WHOLE: Final = frozenset({Fidelity.EXACT, Fidelity.STRUCTURAL})


@dataclass(frozen=True, slots=True)
class PayloadDelta:
    """What differs between two payloads.

    `values` is the delta of what they show. `differs_unseen`: what was kept of the two is equal,
    and their recorded digests say that the rest is not. `base_is_partial` and `head_is_partial`:
    a part was cut, redacted or opaque, so that what was there may differ more.
    """

    values: FieldDelta
    differs_unseen: bool
    base_is_partial: bool
    head_is_partial: bool

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known to differ by the rules."""
        return self.values.is_empty and not self.differs_unseen


def compare_payloads(
    base: RecordedPayload, head: RecordedPayload, rules: FieldRules = DEFAULT_RULES
) -> PayloadDelta:
    """Return what differs between two payloads: content and recorded types, whatever the codec.

    A payload that is nested too deeply for Python's parser is compared as its JSON text.
    """
    if base.json == head.json and base.types == head.types:
        values = FieldDelta(None)
    else:
        values = compare_values(
            base.value, head.value, rules, base_types=base.types, head_types=head.types
        )
    digests = base.sha256, head.sha256
    return PayloadDelta(
        values,
        values.is_empty and None not in digests and digests[0] != digests[1],
        base.fidelity not in _WHOLE,
        head.fidelity not in _WHOLE,
    )


def hash_payload(payload: RecordedPayload, rules: FieldRules = DEFAULT_RULES) -> str:
    """Return a digest that payloads have in common exactly when they are equal by the rules.

    As `hash_value`; of what was cut the digest of the whole counts, too, where it was recorded.
    """
    shown = hash_value(payload.value, rules, payload.types)
    return shown if payload.sha256 is None else digest_text("", f"{shown}{payload.sha256}")
