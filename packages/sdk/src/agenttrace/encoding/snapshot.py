"""The caller's share of encoding: one copy of the value as it is now, as cheap as can be.

Plain data (None, bool, int, float, str, bytes, and list, tuple, set, dict of them, exact types
only) is copied by `marshal`, which is C and runs no code of the value's. It writes any buffer as
bytes, so a copy that may hold bytes is no proof: then the types of the value are looked at, level
by level. A short copy is searched for the mark of bytes first, which costs less; in a long one the
search costs more than the look. `marshal` knows no limit and sorts sets, so of a value with many
parts these are counted and looked at before. Whatever is not plain, or has more parts than a
payload may, goes through `freeze`, which stops at the limits. The worker makes text, hash and
payload from the copy.
"""

from __future__ import annotations

import re
from functools import cache
from gc import get_referents
from marshal import dumps
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from agenttrace.encoding.tree import (
    MAX_DEPTH,
    MAX_NODES,
    MAX_PLAIN_NODES,
    MAX_TEXT_CHARS,
    Frozen,
)
from agenttrace.wire import Fidelity

if TYPE_CHECKING:
    from collections.abc import Callable

EAGER_BYTES: Final = 8 * 1024 * 1024
"""A copy larger than this is cut to a payload at once, so that the queue's memory stays bounded."""


_SHORT_BITS: Final = 10
_JSON_SCALARS: Final = frozenset({str, int, bool, type(None), float})
_SCALARS: Final = _JSON_SCALARS | {bytes, complex}
_HOLDERS: Final = frozenset({list, dict, tuple, set, frozenset})
_HOLDER_IDS: Final = frozenset(map(id, _HOLDERS))
_PLAIN: Final = _SCALARS | _HOLDERS
_JSON: Final = _JSON_SCALARS | {list, dict}
_TYPE: Final = frozenset({type})
_FEW: Final = 32
_MANY: Final = 4096


_SHARED_MARK: Final = 0xF3


@cache  # the first copies compile it, not the import
def _find_search(bits: int) -> Callable[[bytes], object]:
    """Return the search for bytes in a copy whose length has so many bits; None means no bytes.

    It looks for marshal's mark of bytes and a length that is less than the copy's. A text that ends
    in "s" and a count behind it look alike, but make a length that is mostly too large.
    """
    high = (1 << max(0, bits - 8)) - 1
    # It begins with one letter, which is looked for 3 to 10 times as fast as one of two, or as the
    # zeros, of which there are many in numbers.
    return re.compile(rb"s.[\x00-\x%02x]\x00\x00" % high, re.DOTALL).search


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
    is_plain = type(value) is str
    try:
        # By its id: to look up a class in a set runs the `__hash__` of its metaclass.
        if id(type(value)) in _HOLDER_IDS and _count_down(value, _FEW) < 0:
            if not _is_plain(value):
                return _freeze(value)
            is_plain = True
        # Version 4 writes shared parts once, so a small value can never grow into a large copy.
        data = dumps(value, 4)  # type: ignore[arg-type]  # what it does not take raises ValueError
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 -- ValueError for what is not plain; a __buffer__ may raise anything
        return _freeze(value)
    if not is_plain:
        bits = len(data).bit_length()
        # Bytes that are shared have another mark: a byte that text and small numbers never hold.
        is_plain = (
            bits <= _SHORT_BITS and _find_search(bits)(data) is None and _SHARED_MARK not in data
        ) or _is_plain(value)
        if not is_plain:
            return _freeze(value)
    return data if len(data) <= EAGER_BYTES else _cut(value, data, max_bytes=max_bytes)


def _cut(value: object, data: bytes, *, max_bytes: int) -> Snapshot:
    """Return the payload of a copy that is too large to wait in the queue."""
    if len(data) > MAX_TEXT_CHARS:  # maybe more text than is kept: it is not copied once more
        frozen = _freeze(value)
        if frozen.fidelity is Fidelity.TRUNCATED:
            return frozen
    from agenttrace.encoding.payload import encode  # noqa: PLC0415 -- rare, and needs orjson

    return encode(data, max_bytes=max_bytes, with_hash=True)


def _count_down(holder: Any, room: int) -> int:
    """Return `room` less the parts of a container, below 0 when there are more; it stops there."""
    room -= len(holder)
    if room < 0:
        return room
    for each in holder.values() if type(holder) is dict else holder:
        if id(type(each)) in _HOLDER_IDS:
            room = _count_down(each, room - 1)
            if room < 0:
                return room
    return room


def _is_plain(value: Any) -> bool:
    """Tell whether a value is of plain types only, as deep as it is read, and not too large.

    Too large is what the worker would cut by the number of its parts, whatever they are.
    """
    level: list[Any] = [value]
    parts = 0
    most = MAX_PLAIN_NODES
    for _ in range(MAX_DEPTH):
        kinds = list(map(type, level))
        # As in take_snapshot.
        if not _TYPE.issuperset(map(type, kinds)):
            return False
        if _SCALARS.issuperset(kinds):
            return True
        if not _PLAIN.issuperset(kinds):
            return False
        if not _JSON.issuperset(kinds):
            most = MAX_NODES
        holders = level if _HOLDERS.issuperset(kinds) else [p for p in level if type(p) in _HOLDERS]
        # Before they are listed: a few that are shared can stand for billions.
        parts += sum(map(len, holders))
        if parts > most:
            return False
        level = get_referents(*holders)
        if len(level) > _MANY:  # each part once
            level = list(dict(zip(map(id, level), level, strict=True)).values())
    return True


def _freeze(value: object) -> Frozen:
    from agenttrace.encoding.freeze import freeze  # noqa: PLC0415 -- plain data never needs it

    return freeze(value)


def measure(snapshot: Snapshot | None) -> int:
    """Return about how many bytes of memory the snapshot takes."""
    if snapshot is None:
        return 0
    return len(snapshot) if type(snapshot) is bytes else snapshot.size  # type: ignore[union-attr]  # bytes is excluded
