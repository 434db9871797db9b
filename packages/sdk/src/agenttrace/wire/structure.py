"""What JSON allows and a record must not have: deep nesting, and a name that is there twice.

Parsers differ in which of two equal names they take, and in how deep they can follow.
"""

from __future__ import annotations

import json
from itertools import accumulate
from typing import Final

import msgspec

MAX_DEPTH: Final = 100
"""Levels of a line, its own object counted."""

_BRACKETS: Final = b"[]{}"
# As signed bytes +1 for what opens and -1 for what closes.
_STEPS: Final = bytes.maketrans(_BRACKETS, b"\x01\xff\x01\xff")
_OTHERS: Final = bytes(set(range(256)) - set(_BRACKETS))
_NO_OPENERS: Final = _OTHERS + b"]}"
_STRETCH: Final = 64 * 1024
"""So many brackets are looked at before other threads may run."""

# The objects of a record that are its own, and no values of a program.
_NESTED: Final = frozenset(
    {"input", "output", "body", "usage", "cost", "error", "cause", "context", "args"}
    | {"attributes", "dropped"}
)
_split: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def is_too_deep(text: bytes) -> bool:
    """Tell whether JSON is nested deeper than 100 levels."""
    # Most lines have fewer brackets than that, and need no more than to be counted.
    if len(text.translate(None, _NO_OPENERS)) <= MAX_DEPTH:
        return False
    bare = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    outside = b"".join(bare.split(b'"')[::2])
    steps = memoryview(outside.translate(_STEPS, _OTHERS)).cast("b")
    depth = 0
    for start in range(0, len(steps), _STRETCH):
        depths = list(accumulate(steps[start : start + _STRETCH], initial=depth))
        if max(depths) > MAX_DEPTH:
            return True
        depth = depths[-1]
    return False


def find_duplicate(text: bytes, where: str = "") -> str | None:
    """Return the path of a name that a record has twice, in itself or in an object of its own.

    Payload values are not looked into: they are kept as they came.
    """
    compact = msgspec.json.format(text, indent=-1)
    members = _split(compact)
    sizes = (len(name.encode()) + memoryview(raw).nbytes + 4 for name, raw in members.items())
    # A name that is there twice, or is written with escapes, makes the text longer than its parts.
    if len(compact) != sum(sizes) + 1 + (not members):
        name = _find_twice(text)
        if name is not None:
            return f"{where}{name}"
    for name in _NESTED & members.keys():
        part = bytes(members[name])
        found = find_duplicate(part, f"{where}{name}.") if part.startswith(b"{") else None
        if found is not None:
            return found
    return None


def measure_compact(text: bytes) -> int:
    """Return the length of JSON without white space between its parts."""
    return len(msgspec.json.format(text, indent=-1))


def _find_twice(text: bytes) -> str | None:
    pairs = json.loads(
        text, object_pairs_hook=list, parse_int=str, parse_float=str, parse_constant=str
    )
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            return str(name)
        seen.add(name)
    return None
