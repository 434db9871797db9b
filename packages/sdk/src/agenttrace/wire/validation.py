"""Validation at the boundary: one line of NDJSON in, one checked record out.

The envelope is split by msgspec, which hands out the raw text of each field, so that payloads are
kept byte for byte: a parser that builds numbers would turn 1e2 into 100.0 and round what exceeds
64 bits. Everything else is checked by pydantic models. Nothing here is on the recording hot path.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
from pydantic import ValidationError
from pydantic_core import from_json

from agenttrace.wire import WIRE_VERSION
from agenttrace.wire.models import (
    MAX_ATTRIBUTES,
    MAX_CAUSES,
    ValidEvent,
    ValidRecord,
    ValidRun,
    ValidSpan,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

MAX_LINE_BYTES: Final = 16 * 1024 * 1024

# A record's fields that are payload envelopes, and the flat objects: both are kept as text.
_PAYLOAD_FIELDS: Final = frozenset({"input", "output", "body"})
_ERROR_PAYLOADS: Final = frozenset({"args", "attributes"})
_FLAT_FIELDS: Final = frozenset({"attributes", "resource"})


class WireError(ValueError):
    """A line that is not a record. `code` is for programs, `message` says what and where."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


_MODELS: Final[dict[str, type[ValidRun | ValidSpan | ValidEvent]]] = {
    "run": ValidRun,
    "span": ValidSpan,
    "event": ValidEvent,
}
_split_object: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_value: Final = msgspec.json.Decoder().decode
_decode_flat: Final = msgspec.json.Decoder(
    dict[str, str | int | float | bool | list[str | int | float | bool | None] | None]
).decode
_POSITION: Final = re.compile(r" at line (\d+) column (\d+)$")
_SHOWN_PATH: Final = 4
"""Of a long path to a field, so many parts are shown of each end."""


def parse_line(line: bytes) -> ValidRecord:
    """Return the record that this line holds.

    Raises:
        WireError: with the code `too_large`, `invalid_utf8`, `invalid_json`, `unknown_version`,
            `unknown_type` or `invalid_field`, and a message that names the field.

    """
    if len(line) > MAX_LINE_BYTES:
        raise WireError("too_large", f"the line has {len(line)} bytes; at most {MAX_LINE_BYTES}")
    try:
        line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise WireError("invalid_utf8", f"the line is not UTF-8 at byte {error.start}") from error
    fields = _split(line, "the line")
    version = _decode_small(fields.pop("v", None), "v")
    if version != WIRE_VERSION or isinstance(version, bool):
        raise WireError("unknown_version", f"v must be {WIRE_VERSION}")
    kind = _decode_small(fields.get("type"), "type")
    model = _MODELS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise WireError("unknown_type", "type must be 'run', 'span' or 'event'")
    try:
        return model.model_validate(_collect_values(fields, model))
    except ValidationError as error:
        raise WireError("invalid_field", _describe(error)) from error


def _collect_values(fields: dict[str, msgspec.Raw], model: type[BaseModel]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, raw in fields.items():
        text = bytes(raw)
        if text == b"null":  # absent and null mean the same: unknown
            continue
        if key in _PAYLOAD_FIELDS:
            values[key] = _read_payload(text, key)
        elif key == "error":
            values[key] = _read_error(text, key, MAX_CAUSES)
        elif key in _FLAT_FIELDS:
            values[f"{key}_json"] = _read_flat(text, key)
        elif key in model.model_fields:
            values[key] = _decode_small(raw, key)
    return values


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
        return WireError("invalid_json", f"{where} is not valid JSON (nested too deeply)")
    if isinstance(error, msgspec.ValidationError):  # JSON, but no value of ours
        return WireError("invalid_field", f"{where} has a number that is out of range")
    return WireError("invalid_json", f"{where} is not valid JSON{_locate(text)}")


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
    rest = {name: _decode_small(raw, f"{key}.{name}") for name, raw in parts.items()}
    return {**rest, "value_json": value, "types_json": types_json}


def _read_error(text: bytes, key: str, causes_left: int) -> Any:
    # Each level reads its text anew: of the causes beyond these no values are kept.
    if not text.startswith(b"{") or not causes_left:
        return _decode_small(msgspec.Raw(text), key)
    values: dict[str, Any] = {}
    for name, raw in _split(text, key).items():
        part = bytes(raw)
        if part == b"null":
            continue
        if name in _ERROR_PAYLOADS:
            _read_payload(part, f"{key}.{name}")
            values[f"{name}_json"] = part.decode()
        elif name == "cause":
            values[name] = _read_error(part, f"{key}.{name}", causes_left - 1)
        else:
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
    return text.decode()


def _describe(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = [str(part) for part in first["loc"]]
    if len(path) > 2 * _SHOWN_PATH:
        path[_SHOWN_PATH:-_SHOWN_PATH] = ["…"]
    where = ".".join(path) or "the record"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{where}: {first['msg'].removeprefix('Value error, ')}{more}"
