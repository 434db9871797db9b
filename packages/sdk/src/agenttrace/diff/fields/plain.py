"""Values as JSON text and compared to the letter, at any depth."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from agenttrace.wire import JsonValue

_encode: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


def write_plain(value: JsonValue) -> str:
    """Return compact JSON text with sorted names, in ASCII."""
    try:
        return _encode(value)
    except (RecursionError, ValueError) as error:  # deep, or a number of more than 4,300 digits
        if "Circular" in str(error):
            raise TypeError("a value that holds itself is no JSON") from error
        return "".join(_write_deep(value))


def _write_deep(value: JsonValue) -> list[str]:
    """Return the same text in pieces, without recursion."""
    pieces: list[str] = []
    waiting: list[Any] = [(value,)]
    while waiting:
        each = waiting.pop()
        if type(each) is str:  # what stands between values
            pieces.append(each)
            continue
        item = each[0]
        if type(item) is dict:
            waiting.append("}")
            for at, name in enumerate(sorted(item, reverse=True), 1 - len(item)):
                waiting += [(item[name],), f"{',' if at else '{'}{json.dumps(name)}:"]
            if not item:
                waiting.append("{")
        elif type(item) is list:
            waiting.append("]")
            for at in range(len(item) - 1, -1, -1):
                waiting += [(item[at],), "," if at else "["]
            if not item:
                waiting.append("[")
        else:
            pieces.append(_write_scalar(item))
    return pieces


def _write_scalar(value: JsonValue) -> str:
    try:
        return json.dumps(value)
    except ValueError:
        return f"{value:#x}"


def is_verbatim(base: JsonValue, head: JsonValue) -> bool:
    """Tell whether two values are one to the letter: types, order of names and -0 included."""
    waiting: list[tuple[Any, Any]] = [(base, head)]
    while waiting:
        one, other = waiting.pop()
        if one is other:
            continue
        kind = type(one)
        if kind is not type(other):
            return False
        if kind is dict:
            if len(one) != len(other) or list(one) != list(other):
                return False
            waiting += zip(one.values(), other.values(), strict=True)
        elif kind is list:
            if len(one) != len(other):
                return False
            waiting += zip(one, other, strict=True)
        elif not _is_same_scalar(one, other):
            return False
    return True


def _is_same_scalar(one: object, other: object) -> bool:
    if type(one) is float and (one != other or not one):
        return repr(one) == repr(other)  # NaN is itself here, and -0 is not 0
    return one == other
