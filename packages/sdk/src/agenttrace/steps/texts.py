"""The recorded texts of a step: named first, and read only when something looks into them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

import msgspec

from agenttrace.trace.records import RecordedError

if TYPE_CHECKING:
    from agenttrace.trace.records import RecordedEvent, RecordedPayload
    from agenttrace.trace.run import RecordedRun

TextKind: TypeAlias = Literal["input", "output", "error", "body"]

_KEY: Final = re.compile(rb'\s*\{\s*"key"\s*:\s*("(?:[^"\\]|\\.)*+")')
_MAX_CAUSES: Final = 20
_BEGINNING_BYTES: Final = 4_096
_decode_error: Final = msgspec.json.Decoder(RecordedError).decode
_decode_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class TextKey(NamedTuple):
    """Names a text: of a span its `input`, `output` or `error`, of an event its `body`."""

    kind: TextKind
    span_id: str = ""
    seq: int = -1


class RecordedTexts:
    """The texts of a recorded run."""

    def __init__(self, run: RecordedRun) -> None:
        self._spans = {span.span_id: span for span in run.spans}
        self._events = {event.seq: event for event in run.events}

    def get_payload(self, key: TextKey) -> RecordedPayload | None:
        """Return a value; None where nothing was recorded. An error is none."""
        if key.kind == "body":
            event = self._events.get(key.seq)
            return None if event is None else event.body
        span = self._spans.get(key.span_id)
        if span is None or key.kind == "error":
            return None
        return span.input if key.kind == "input" else span.output

    def read(self, key: TextKey) -> str | None:
        """Return a text: JSON, or of an error its lines; None where nothing was recorded."""
        if key.kind == "error":
            span = self._spans.get(key.span_id)
            return None if span is None or span.error is None else write_error(span.error)
        payload = self.get_payload(key)
        return None if payload is None else payload.json


def write_error(error: RecordedError | None) -> str:
    """Return `type: message` of an error and of what led to it, a line each."""
    lines: list[str] = []
    while error is not None and len(lines) < _MAX_CAUSES:
        lines.append(f"{error.type}: {error.message}")
        error = error.cause
    return "\n".join(lines)


def describe_error_json(text: str) -> str:
    """Return what `write_error` does, of an error's JSON text; the text where it is none."""
    try:
        return write_error(_decode_error(text))
    except msgspec.DecodeError:
        return text


def read_state_key(event: RecordedEvent) -> str | None:
    """Return the name of the value that a state event sets; None where it says none."""
    if event.body is None:
        return None
    found = find_key(bytes(memoryview(event.body.text)[:_BEGINNING_BYTES]))
    if found is not None:
        return found
    value = event.body.value  # its names in another order
    key = value.get("key") if isinstance(value, dict) else None
    return key if isinstance(key, str) else None


def find_key(beginning: bytes) -> str | None:
    """Return the name of the value that a state event sets, from the beginning of its body."""
    found = _KEY.match(beginning)
    if found is None:
        return None
    try:
        key = json.loads(found[1])
    except ValueError:
        return None
    return key if isinstance(key, str) else None


def read_state_value(body: str) -> str | None:
    """Return the JSON text of the value in a state event's body; None where there is none."""
    try:
        fields = _decode_fields(body)
    except msgspec.DecodeError:
        return None
    return bytes(fields["value"]).decode() if "value" in fields else None
