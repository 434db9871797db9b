"""Validation at the boundary: one line of NDJSON in, one checked record out.

A line is decoded once, into a struct whose types are most of the rules, and what types cannot say
is looked at after that. Payloads are kept byte for byte: a parser that builds numbers would turn
1e2 into 100.0 and round what exceeds 64 bits. Whatever is not in order goes to `judgement`, which
takes ten times as long and says what is wrong and where. The two agree on what a record is.
"""

from __future__ import annotations

from typing import Final

import msgspec

from agenttrace.wire.judgement import MAX_LINE_BYTES, WireError, judge_line
from agenttrace.wire.models import (
    ABSENT,
    MAX_ATTRIBUTES,
    MAX_CAUSES,
    ValidError,
    ValidEvent,
    ValidPayload,
    ValidRecord,
    ValidRun,
    ValidSpan,
    is_plain_cost,
    read_raw,
)
from agenttrace.wire.structure import find_duplicate, is_too_deep, measure_compact

__all__ = ["MAX_LINE_BYTES", "WireError", "parse_line"]


class _Values(msgspec.Struct):
    """What is looked at of a payload within an error."""

    value: msgspec.Raw
    types: msgspec.Raw = ABSENT


_decode: Final = msgspec.json.Decoder(ValidRun | ValidSpan | ValidEvent).decode
_encode: Final = msgspec.json.Encoder().encode
_decode_flat: Final = msgspec.json.Decoder(
    dict[str, str | int | float | bool | list[str | int | float | bool | None] | None]
).decode
_decode_types: Final = msgspec.json.Decoder(dict[str, str | dict[str, object]]).decode
_decode_values: Final = msgspec.json.Decoder(_Values).decode
_HEX_DIGITS: Final = b"0123456789abcdef"
_NUL: Final = b"\\u0000"
"""As JSON has it: a bare one is no JSON."""
_ZERO_IDS: Final = frozenset({"0" * 16, "0" * 32})
"""W3C Trace Context: no trace and no span has them."""


def parse_line(line: bytes) -> ValidRecord:
    """Return the record that this line holds.

    Raises:
        WireError: with the code `too_large`, `invalid_utf8`, `invalid_json`, `unknown_version`,
            `unknown_type` or `invalid_field`, and a message that names the field.

    """
    try:
        return _read(line)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        judge_line(line)
        # The judge has nothing against it: then the reader's word holds.
        raise WireError("invalid_field", str(error)) from error


def _read(line: bytes) -> ValidRecord:
    if len(line) > MAX_LINE_BYTES:
        raise ValueError("too large")
    if not line.isascii():
        line.decode("utf-8")
    record: ValidRecord = _decode(line)
    if isinstance(record, ValidSpan):
        _check_span(record)
    elif isinstance(record, ValidRun):
        _check_run(record)
    else:
        _check_event(record)
    if is_too_deep(line):
        raise ValueError("nested too deeply")
    if _may_have_twice(line, record) and find_duplicate(line) is not None:
        raise ValueError("a name is there twice")
    return record


def _may_have_twice(line: bytes, record: ValidRecord) -> bool:
    # A record is its line, but for white space, nulls, fields of later versions and names that
    # are there twice: where the lengths are equal there is none of these.
    plain = _encode(record)
    return len(plain) != len(line) and measure_compact(plain) != measure_compact(line)


def _check_span(span: ValidSpan) -> None:
    _check_ids(span.run_id, span.span_id, span.parent_span_id)
    _check_hex(
        f"{span.run_id}{span.span_id}{span.parent_span_id or ''}"
        f"{span.input_hash or ''}{span.fn_hash or ''}"
    )
    _check_text(f"{span.name}{span.model or ''}{span.replay_key or ''}")
    _check_common(span)
    cost = span.cost
    if cost is not None:
        if not is_plain_cost(cost.usd):
            raise ValueError("cost.usd is no plain number")
        if cost.table is not None:
            _check_text(cost.table)


def _check_run(run: ValidRun) -> None:
    _check_ids(run.run_id, run.replayed_from)
    _check_hex(f"{run.run_id}{run.replayed_from or ''}")
    texts = (run.name, run.correlation_id or "", *(run.tags or ()), *(run.dropped or ()))
    _check_text("".join(texts))
    _check_common(run)
    if run.resource is not ABSENT:
        _check_flat(run.resource)


def _check_event(event: ValidEvent) -> None:
    _check_ids(event.run_id, event.span_id)
    _check_hex(f"{event.run_id}{event.span_id or ''}")
    _check_text(event.name)
    if event.body is not None:
        _check_payload(event.body)


def _check_common(record: ValidRun | ValidSpan) -> None:
    if record.end_ns is not None and record.end_ns < record.start_ns:
        raise ValueError("end_ns is before start_ns")
    if record.input is not None:
        _check_payload(record.input)
    if record.output is not None:
        _check_payload(record.output)
    if record.attributes is not ABSENT:
        _check_flat(record.attributes)
    if record.error is not None:
        _check_error(record.error)
    for link in record.links or ():
        _check_ids(link.run_id, link.span_id)
        _check_hex(f"{link.run_id}{link.span_id or ''}")
        _check_text("".join(link.attributes or ()))


def _check_ids(*ids: str | None) -> None:
    if not _ZERO_IDS.isdisjoint(ids):
        raise ValueError("an id is all zero")


def _check_hex(digits: str) -> None:
    # Several are joined: their lengths are in the types, so none lends another its digits.
    if digits.encode().translate(None, _HEX_DIGITS):
        raise ValueError("an id or hash has other characters than 0-9 and a-f")


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise ValueError("a name has U+0000")


def _check_payload(payload: ValidPayload) -> None:
    _check_text(payload.codec)
    if payload.sha256 is not None:
        _check_hex(payload.sha256)
    if payload.types is not ABSENT:
        _check_types(payload.types)


def _check_types(types: msgspec.Raw) -> None:
    if read_raw(types) is None:
        return
    for pointer in _decode_types(types):
        if pointer and not pointer.startswith("/"):
            raise ValueError("a key of types is no JSON pointer")


def _check_flat(raw: msgspec.Raw) -> None:
    text = bytes(raw)
    if text == b"null":  # absent and null mean the same: unknown
        return
    flat = _decode_flat(text)
    if len(flat) > MAX_ATTRIBUTES:
        raise ValueError("too many attributes")
    if _NUL in text:
        _check_text("".join(flat))
    if text.count(b":") != len(flat) and find_duplicate(text) is not None:
        raise ValueError("a name is there twice")


def _check_error(error: ValidError) -> None:
    """Check what types do not, of the causes too; drop the values of those that lie deep."""
    left: list[tuple[ValidError | None, int]] = [(error, 0)]
    while left:
        part, depth = left.pop()
        if part is None:
            continue
        if depth >= MAX_CAUSES:
            part.args = part.attributes = ABSENT
        for raw in (part.args, part.attributes):
            if read_raw(raw) is not None:
                _check_types(_decode_values(raw).types)
        left += ((part.cause, depth + 1), (part.context, depth + 1))
