"""The caller's share of encoding: one copy of the value as it is now, as cheap as can be.

Plain data (None, bool, int, float, str, bytes, and list, tuple, set, dict of them, exact types
only) is copied by `marshal`, which is C and runs no code of the value's (0.2 µs for a small call,
0.9 µs for 8 KiB; the same walk in Python costs 20 times that). It writes any buffer as bytes, so
where its copy may hold bytes the types are looked at (0.15 µs to find out, 1 µs to look). Whatever
else there is goes through `freeze`. The worker makes text, hash and payload from the copy.
"""

from __future__ import annotations

import re
from gc import get_referents
from marshal import dumps
from typing import Final, NamedTuple, TypeAlias

from agenttrace.encoding.tree import MAX_DEPTH, Frozen

EAGER_BYTES: Final = 8 * 1024 * 1024
"""A copy larger than this is cut to a payload at once, so that the queue's memory stays bounded."""


# marshal's mark of bytes (with and without the bit for "shared") and a length below 16 MiB, whose
# last byte is 0. It begins with the 0, which is rare in text and which memchr finds.
_BYTES_MARK: Final = re.compile(rb"\x00(?<=[s\xf3].{3}\x00)", re.DOTALL)
_SCALARS: Final = frozenset({str, int, bool, type(None), float, bytes, complex})
_PLAIN: Final = _SCALARS | {list, dict, tuple, set, frozenset}


class Whole(NamedTuple):
    """What a value that was cut by length was: its JSON text, and the texts within it together."""

    json_bytes: int
    json_sha256: str
    text_bytes: int


class Encoded:
    """A payload's parts, and the hash of the canonical form where one was asked for and known.

    `types` is the JSON text of the types that the value's JSON text lacks; None when it lacks none.
    """

    __slots__ = ("fidelity", "hash", "is_final", "size", "text", "types", "whole")

    def __init__(
        self,
        text: bytes,
        fidelity: str,
        *,
        whole: Whole | None = None,
        input_hash: str | None = None,
        types: bytes | None = None,
    ) -> None:
        self.text = text
        self.types = types
        self.fidelity = fidelity
        self.whole = whole
        self.hash = input_hash
        self.is_final = False  # written by a recorder's policy: nothing is left to be done to it
        self.size = len(text) + (0 if types is None else len(types))


Snapshot: TypeAlias = bytes | Frozen | Encoded


def take_snapshot(value: object, *, max_bytes: int) -> Snapshot:
    """Return a copy of `value` that later changes to it do not reach. Total: it raises nothing."""
    try:
        # Version 4 writes shared parts once, so a small value can never grow into a large copy.
        data = dumps(value, 4)  # type: ignore[arg-type]  # what it does not take raises ValueError
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 -- ValueError for what is not plain; a __buffer__ may raise anything
        return _freeze(value)
    is_large = len(data) > EAGER_BYTES
    if (is_large or _BYTES_MARK.search(data)) and not _is_plain(value):
        return _freeze(value)
    if is_large:
        from agenttrace.encoding.payload import encode  # noqa: PLC0415 -- rare, and needs orjson

        return encode(data, max_bytes=max_bytes, with_hash=True)
    return data


def _is_plain(value: object) -> bool:
    """Tell whether a value that `marshal` took is of plain types only, as deep as it is read."""
    level = [value]
    for _ in range(MAX_DEPTH):
        kinds = set(map(type, level))
        if not kinds <= _PLAIN:
            return False
        if kinds <= _SCALARS:
            return True
        # Each part once: a few that are shared can stand for billions.
        level = get_referents(*dict(zip(map(id, level), level, strict=True)).values())
    return True


def _freeze(value: object) -> Frozen:
    from agenttrace.encoding.freeze import freeze  # noqa: PLC0415 -- plain data never needs it

    return freeze(value)


def measure(snapshot: Snapshot | None) -> int:
    """Return about how many bytes of memory the snapshot takes."""
    if snapshot is None:
        return 0
    return len(snapshot) if type(snapshot) is bytes else snapshot.size  # type: ignore[union-attr]  # bytes is excluded
