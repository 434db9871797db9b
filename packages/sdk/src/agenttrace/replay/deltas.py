"""Where two inputs differ, and whether they do so in what no two runs have alike."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.replay.kinds import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agenttrace.wire import JsonValue

MAX_DELTAS: Final = 100
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_MAX_SHOWN_CHARS: Final = 500
_CONTEXT_CHARS: Final = 80

# The finest first: what an earlier one took is no longer there for a later one.
_VOLATILE: Final = (
    ("uuid", re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE)),
    (
        "timestamp",
        re.compile(
            r"\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?)?(?:Z|[+-]\d{2}:?\d{2})?"
            r"|\b\d{2}:\d{2}:\d{2}(?:\.\d+)?\b"
            r"|\b1[5-9]\d{8}(?:\.\d+|\d{3}|\d{6}|\d{9})?\b"
        ),
    ),
    ("uuid", re.compile(r"\b[0-9a-f]{32}\b", re.IGNORECASE)),
    ("random", re.compile(r"\b0\.\d{8,}(?:e-?\d+)?\b")),
    ("address", re.compile(r"\b0x[0-9a-f]{6,16}\b", re.IGNORECASE)),
)


class Delta(NamedTuple):
    """One place where two values differ: its JSON path, and what stands there on either side."""

    path: str
    recorded: JsonValue
    live: JsonValue


def find_deltas(recorded: JsonValue, live: JsonValue) -> list[Delta]:
    """Return the first places where two JSON values differ, at most 100, outermost first."""
    found: list[Delta] = []
    for delta in _compare(recorded, live, "$"):
        found.append(delta)
        if len(found) >= MAX_DELTAS:
            break
    return found


def _compare(recorded: JsonValue, live: JsonValue, path: str) -> Iterator[Delta]:
    if type(recorded) is dict and type(live) is dict:
        for key in [*recorded, *(key for key in live if key not in recorded)]:
            below = f"{path}.{key}" if _NAME.match(key) else f"{path}[{key!r}]"
            yield from _compare(recorded.get(key, ABSENT), live.get(key, ABSENT), below)
    elif type(recorded) is list and type(live) is list:
        for index in range(max(len(recorded), len(live))):
            one = recorded[index] if index < len(recorded) else ABSENT
            other = live[index] if index < len(live) else ABSENT
            yield from _compare(one, other, f"{path}[{index}]")
    elif recorded != live or _read_kind(recorded) != _read_kind(live):
        yield Delta(path, recorded, live)


def _read_kind(value: JsonValue) -> tuple[bool, bool]:
    """Return what tells True from 1, and nothing from a text that reads like it."""
    return isinstance(value, bool), value is ABSENT


def count_equal(recorded: JsonValue, live: JsonValue) -> int:
    """Return how many top-level arguments two inputs have alike."""
    if type(recorded) is not dict or type(live) is not dict:
        return 0
    return sum(key in live and live[key] == value for key, value in recorded.items())


def find_volatile(deltas: list[Delta]) -> tuple[str, ...]:
    """Return in what kinds of values all the deltas lie; none if one lies in something else."""
    kinds: dict[str, None] = {}
    for delta in deltas:
        found = _explain(_write(delta.recorded), _write(delta.live))
        if not found:
            return ()
        kinds |= dict.fromkeys(found)
    return tuple(kinds) if len(deltas) < MAX_DELTAS else ()


def _explain(recorded: str, live: str) -> list[str]:
    kinds = []
    for kind, pattern in _VOLATILE:
        masked = pattern.sub(f"<{kind}>", recorded), pattern.sub(f"<{kind}>", live)
        if masked != (recorded, live) and kind not in kinds:
            kinds.append(kind)
        recorded, live = masked
        if recorded == live:
            return kinds
    return []


def _write(value: JsonValue) -> str:
    return value if isinstance(value, str) else repr(value)


def shorten_both(recorded: JsonValue, live: JsonValue) -> tuple[JsonValue, JsonValue]:
    """Return two values that differ for a message: long ones from a little before where they part.

    A value that is not long is given as it is.
    """
    one, other = _write_long(recorded), _write_long(live)
    start = 0
    if one is not None and other is not None:
        pairs = enumerate(zip(one, other, strict=False))
        apart = next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))
        start = max(0, apart - _CONTEXT_CHARS)
    return (
        recorded if one is None else _cut(one, start),
        live if other is None else _cut(other, start),
    )


def _write_long(value: JsonValue) -> str | None:
    """Return a text, or a large value as one; None for what can be shown whole and is no text."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool | int | float):
        return None
    text = repr(value)
    return text if len(text) > _MAX_SHOWN_CHARS else None


def _cut(text: str, start: int) -> str:
    if len(text) <= _MAX_SHOWN_CHARS:
        return text
    end = start + _MAX_SHOWN_CHARS
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
