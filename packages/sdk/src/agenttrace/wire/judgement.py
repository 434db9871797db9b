"""Judging a line that is not in order: what is wrong with it, and where.

The envelope is split by msgspec, which hands out the raw text of each field; everything but
payload values is checked by pydantic models. `validation` comes here only with lines that it does
not take: this is far from any hot path.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from agenttrace.wire import WIRE_VERSION
from agenttrace.wire.models import MAX_ATTRIBUTES, MAX_CAUSES
from agenttrace.wire.shapes import (
    CostShape,
    ErrorShape,
    EventShape,
    LinkShape,
    PayloadShape,
    RunShape,
    SpanShape,
    UsageShape,
)
from agenttrace.wire.structure import MAX_DEPTH, find_duplicate, is_too_deep

MAX_LINE_BYTES: Final = 16 * 1024 * 1024
UNKNOWN_TYPE: Final = "unknown_type"
"""The code of a line that is no record; it may be an addition."""

# A record's fields that are payload envelopes, and the flat objects: both are kept as text.
_PAYLOAD_FIELDS: Final = frozenset({"input", "output", "body"})
_ERROR_PAYLOADS: Final = frozenset({"args", "attributes"})
_ERROR_CAUSES: Final = frozenset({"cause", "context"})
_FLAT_FIELDS: Final = frozenset({"attributes", "resource"})


class WireError(ValueError):
    """A line that is not a record. `code` is for programs, `message` says what and where."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


_SHAPES: Final[dict[str, type[RunShape | SpanShape | EventShape]]] = {
    "run": RunShape,
    "span": SpanShape,
    "event": EventShape,
}
_OBJECTS: Final[dict[str, type[BaseModel]]] = {"usage": UsageShape, "cost": CostShape}
_ERROR_FIELDS: Final = frozenset({*ErrorShape.model_fields, "mro"} - {"bases"})
_split_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_split_list: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_value: Final = msgspec.json.Decoder().decode
_decode_flat: Final = msgspec.json.Decoder(
    dict[str, str | int | float | bool | list[str | int | float | bool | None] | None]
).decode
_POSITION: Final = re.compile(r" at line (\d+) column (\d+)$")
_SHOWN_PATH: Final = 4
"""Of a long path to a field, so many parts are shown of each end."""
_SHOWN_KEY: Final = 64
"""Of a name in a path, so many characters: some are chosen by the program."""


def judge_line(line: bytes) -> RunShape | SpanShape | EventShape:
    """Return what the line holds, checked.

    Raises:
        WireError: as `agenttrace.wire.validation.parse_line` says.

    """
    if len(line) > MAX_LINE_BYTES:
        raise WireError("too_large", f"the line has {len(line)} bytes; at most {MAX_LINE_BYTES}")
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise WireError("invalid_utf8", f"the line is not UTF-8 at byte {error.start}") from error
    fields = _split(line, "the line")
    if is_too_deep(line):
        raise _refuse_depth("the line")
    version = _decode_small(fields.pop("v", None), "v")
    if version != WIRE_VERSION or type(version) is not int:
        raise WireError("unknown_version", f"v must be {WIRE_VERSION}")
    kind = _decode_small(fields.get("type"), "type")
    shape = _SHAPES.get(kind) if isinstance(kind, str) else None
    if shape is None:
        raise WireError(UNKNOWN_TYPE, "type must be 'run', 'span' or 'event'")
    twice = find_duplicate(line)
    if twice is not None:
        raise WireError("invalid_field", f"{twice}: is there twice")
    try:
        return shape.model_validate(_collect_values(fields, shape))
    except ValidationError as error:
        raise WireError("invalid_field", _describe(error)) from error


def _collect_values(fields: dict[str, msgspec.Raw], shape: type[BaseModel]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, raw in fields.items():
        name = f"{key}_json" if key in _FLAT_FIELDS else key
        text = bytes(raw)
        # Absent and null mean the same: unknown. Fields of a later version are ignored.
        if text == b"null" or name not in shape.model_fields:
            continue
        if key in _PAYLOAD_FIELDS:
            values[key] = _read_payload(text, key)
        elif key == "error":
            values[key] = _read_error(text, key, MAX_CAUSES)
        elif key in _FLAT_FIELDS:
            values[name] = _read_flat(text, key)
        elif key in _OBJECTS:
            values[key] = _read_object(text, key, _OBJECTS[key])
        elif key == "links" and text.startswith(b"["):
            values[key] = [
                _read_object(bytes(link), f"{key}.{place}", LinkShape)
                for place, link in enumerate(_split_list(text))
            ]
        else:
            values[key] = _decode_small(raw, key)
    return values


def _read_object(text: bytes, where: str, shape: type[BaseModel]) -> Any:
    """Return the fields that this version knows. What is no object, the shape refuses."""
    if not text.startswith(b"{"):
        return _decode_small(msgspec.Raw(text), where)
    return {
        name: _decode_small(raw, f"{where}.{name}")
        for name, raw in _split(text, where).items()
        if name in shape.model_fields
    }


def _split(text: bytes, where: str) -> dict[str, msgspec.Raw]:
    try:
        return _split_object(text)
    except msgspec.ValidationError as error:
        raise WireError("invalid_json", f"{where} must be a JSON object") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise _refuse_json(error, text, where) from error


def _decode_small(raw: msgspec.Raw | None, where: str) -> Any:
    try:
        return None if raw is None else _decode_value(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        assert raw is not None
        raise _refuse_json(error, bytes(raw), where) from error


def _refuse_json(error: Exception, text: bytes, where: str) -> WireError:
    if isinstance(error, RecursionError):
        return _refuse_depth(where)
    if isinstance(error, msgspec.ValidationError):  # JSON, but no value of ours
        return WireError("invalid_field", f"{where} has a number that is out of range")
    return WireError("invalid_json", f"{where} is not valid JSON{_locate(text)}")


def _refuse_depth(where: str) -> WireError:
    return WireError("invalid_json", f"{where} is nested deeper than {MAX_DEPTH} levels")


def _locate(text: bytes) -> str:
    # msgspec names no place for half of its errors; a second parser does for each.
    try:
        from_json(text, allow_inf_nan=False)
    except ValueError as error:
        found = _POSITION.search(str(error))
        reason = str(error)[: found.start()] if found else ""
        if found is None or reason.startswith("recursion limit"):
            return ""
        if reason.startswith("EOF"):
            return ": it ends too early"
        before = text.split(b"\n")[: int(found[1]) - 1]
        byte = sum(len(line) + 1 for line in before) + int(found[2]) - 1
        return f" at byte {max(byte, 0)}: {reason}"
    return ""


def _read_payload(text: bytes, key: str) -> dict[str, Any]:
    parts = _split(text, key)
    if "value" not in parts:
        raise WireError("invalid_field", f"{key}.value is missing")
    value = bytes(parts.pop("value")).decode()
    types = bytes(parts.pop("types", b"null"))
    types_json = None if types == b"null" else _read_types(types, f"{key}.types")
    rest = {
        name: _decode_small(raw, f"{key}.{name}")
        for name, raw in parts.items()
        if name in PayloadShape.model_fields
    }
    return {**rest, "value_json": value, "types_json": types_json}


def _read_error(text: bytes, key: str, causes_left: int) -> Any:
    # Each level reads its text anew, of which the limit of depth allows a hundred.
    if not text.startswith(b"{"):
        return _decode_small(msgspec.Raw(text), key)
    values: dict[str, Any] = {}
    for name, raw in _split(text, key).items():
        part = bytes(raw)
        if part == b"null":
            continue
        if name in _ERROR_PAYLOADS:
            if causes_left > 0:  # of the causes beyond, no values are kept
                _read_payload(part, f"{key}.{name}")
                values[f"{name}_json"] = part.decode()
        elif name in _ERROR_CAUSES:
            values[name] = _read_error(part, f"{key}.{name}", causes_left - 1)
        elif name in _ERROR_FIELDS:
            values[name] = _decode_small(raw, f"{key}.{name}")
    return values


def _read_types(text: bytes, where: str) -> str:
    for pointer, described in _split(text, where).items():
        if pointer and not pointer.startswith("/"):
            raise WireError("invalid_field", f"{where}: {pointer[:64]!r} is no JSON pointer")
        if bytes(described)[:1] not in {b'"', b"{"}:
            raise WireError("invalid_field", f"{where}: a type must be a text or an object")
        _decode_small(described, where)
    return text.decode()


def _read_flat(text: bytes, key: str) -> str:
    try:
        flat = _decode_flat(text)
    except msgspec.ValidationError as error:
        if str(error).startswith("Number out of range"):
            raise _refuse_json(error, text, key) from error
        raise WireError(
            "invalid_field",
            f"{key} must be a flat object of strings, numbers, booleans or lists of them",
        ) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise _refuse_json(error, text, key) from error
    if len(flat) > MAX_ATTRIBUTES:
        raise WireError("invalid_field", f"{key} has {len(flat)} keys; at most {MAX_ATTRIBUTES}")
    bad = next((name for name in flat if "\x00" in name), None)
    if bad is not None:
        raise WireError("invalid_field", f"{key}: the key {bad[:64]!r} must not contain U+0000")
    return text.decode()


def _describe(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = [str(part)[:_SHOWN_KEY] for part in first["loc"]]
    if len(path) > 2 * _SHOWN_PATH:
        path[_SHOWN_PATH:-_SHOWN_PATH] = ["…"]
    where = ".".join(path) or "the record"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{where}: {first['msg'].removeprefix('Value error, ')}{more}"
