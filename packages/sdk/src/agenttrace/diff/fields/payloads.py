"""Recorded payloads compared: what they show, their types, and what was not kept of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from agenttrace.diff.fields.delta import FieldDelta, compare_values
from agenttrace.diff.fields.normal import hash_value
from agenttrace.diff.fields.parts import digest_text
from agenttrace.diff.fields.rules import DEFAULT_RULES, FieldRules
from agenttrace.wire import Fidelity

if TYPE_CHECKING:
    from agenttrace.trace.records import RecordedPayload
    from agenttrace.wire import JsonValue

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
    base: RecordedPayload | None,
    head: RecordedPayload | None,
    rules: FieldRules = DEFAULT_RULES,
    *,
    name: str | None = None,
) -> PayloadDelta:
    """Return what differs between two payloads: content and recorded types, whatever the codec.

    With `name` the values stand as this member of an object, and a side without a payload is an
    empty one: rules and changes have paths that begin with it. Without, both have to be there.
    A payload that is nested too deeply for Python's parser is compared as its JSON text.

    Raises:
        TypeError: when a side has no payload, and there is no `name`.

    """
    if name is None and (base is None or head is None):
        raise TypeError("a side has no payload: give a name, and the other is added or removed")
    values = FieldDelta(None)
    if base is None or head is None or base.json != head.json or base.types != head.types:
        values = compare_values(
            _show(base, name),
            _show(head, name),
            rules,
            base_types=_show_types(base, name),
            head_types=_show_types(head, name),
        )
    given = [payload for payload in (base, head) if payload is not None]
    digests = {payload.sha256 for payload in given} - {None}
    return PayloadDelta(
        values,
        values.is_empty and len(digests) > 1,
        base is not None and base.fidelity not in _WHOLE,
        head is not None and head.fidelity not in _WHOLE,
    )


def _show(payload: RecordedPayload | None, name: str | None) -> JsonValue:
    if name is None:
        return None if payload is None else payload.value
    return {} if payload is None else {name: payload.value}


def _show_types(payload: RecordedPayload | None, name: str | None) -> dict[str, Any]:
    types = {} if payload is None else payload.types or {}
    above = "" if name is None else f"/{name}"
    return {f"{above}{pointer}": described for pointer, described in types.items()}


def hash_payload(payload: RecordedPayload, rules: FieldRules = DEFAULT_RULES) -> str:
    """Return a digest that payloads have in common exactly when they are equal by the rules.

    As `hash_value`; of what was cut the digest of the whole counts, too, where it was recorded.
    """
    shown = hash_value(payload.value, rules, payload.types)
    return shown if payload.sha256 is None else digest_text("", f"{shown}{payload.sha256}")
