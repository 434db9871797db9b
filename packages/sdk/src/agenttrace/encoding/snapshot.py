"""The caller's share of encoding: one copy of the value as it is now, as cheap as can be.

Plain data (None, bool, int, float, str, bytes, and list, tuple, set, dict of them, exact types
only) is copied by `marshal`, which is C and runs no code of the value's. It writes any buffer as
bytes, knows no limit and sorts sets, so types are looked at and parts counted before: one by one
while they are few, level by level where they are many. Whatever is not plain, or has more parts
than a payload may, goes through `freeze`, which stops at the limits. The worker makes text, hash
and payload from the copy.
"""

from __future__ import annotations

from gc import get_referents
from marshal import dumps
from typing import Any, Final, NamedTuple, TypeAlias

from agenttrace.encoding.tree import (
    MAX_DEPTH,
    MAX_NODES,
    MAX_PLAIN_NODES,
    MAX_TEXT_CHARS,
    Frozen,
)
from agenttrace.wire import Fidelity

EAGER_BYTES: Final = 8 * 1024 * 1024
"""A copy larger than this is cut to a payload at once, so that the queue's memory stays bounded."""


_JSON_SCALARS: Final = frozenset({str, int, bool, type(None), float})
_SCALARS: Final = _JSON_SCALARS | {bytes, complex}
_HOLDERS: Final = frozenset({list, dict, tuple, set, frozenset})
_HOLDER_IDS: Final = frozenset(map(id, _HOLDERS))
_PLAIN: Final = _SCALARS | _HOLDERS
_JSON: Final = _JSON_SCALARS | {list, dict}
_TYPE: Final = frozenset({type})
_SCALAR_IDS: Final = frozenset(map(id, _SCALARS))
_FEW: Final = 32
_TOO_MANY: Final = -1
_ODD: Final = -2
_MANY: Final = 4096


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


def take_snapshot(value: object, *, max_bytes: int, with_classes: bool = False) -> Snapshot:
    """Return a copy of `value` that later changes to it do not reach. Total: it raises nothing.

    `with_classes` is as `freeze` has it; data that is all plain holds no class.
    """
    is_plain = type(value) is str
    if is_plain and len(value) > MAX_TEXT_CHARS:  # type: ignore[arg-type]  # just checked
        return _cut_text(value, max_bytes=max_bytes)  # type: ignore[arg-type]  # the same
    try:
        # By its id: to look up a class in a set runs the `__hash__` of its metaclass.
        if id(type(value)) in _HOLDER_IDS:
            room = _look(value, _FEW)
            if room == _ODD or (room < 0 and not _is_plain(value)):
                return _freeze(value, with_classes=with_classes)
            is_plain = True
        # Version 4 writes shared parts once, so a small value can never grow into a large copy.
        data = dumps(value, 4)  # type: ignore[arg-type]  # what it does not take raises ValueError
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 -- ValueError for what is not plain; a __buffer__ may raise anything
        return _freeze(value, with_classes=with_classes)
    if not is_plain and not _is_plain(value):
        return _freeze(value, with_classes=with_classes)
    return data if len(data) <= EAGER_BYTES else _cut(value, data, max_bytes=max_bytes)


def _cut(value: object, data: bytes, *, max_bytes: int) -> Snapshot:
    """Return the payload of a copy that is too large to wait in the queue."""
    if len(data) > MAX_TEXT_CHARS:  # maybe more text than is kept: it is not copied once more
        frozen = _freeze(value)
        if frozen.fidelity is Fidelity.TRUNCATED:
            return frozen
    from agenttrace.encoding.payload import encode  # noqa: PLC0415 -- rare, and needs orjson

    return encode(data, max_bytes=max_bytes, with_hash=True)


def _cut_text(value: str, *, max_bytes: int) -> Encoded:
    """Return the beginning of a text that is too long to be read, or copied, even once."""
    from agenttrace.encoding.payload import write_beginning  # noqa: PLC0415 -- as above

    return write_beginning(value, max_bytes=max_bytes)


def _look(holder: Any, room: int) -> int:
    """Return `room` less the parts of a container when they are plain; else _ODD, or _TOO_MANY.

    It stops at what it finds first; keys are looked at, too, and are no holders.
    """
    room -= len(holder)
    if room < 0:
        return _TOO_MANY
    parts = holder
    if type(holder) is dict:
        for key in holder:
            if type(key) is not str and id(type(key)) not in _SCALAR_IDS:
                return _TOO_MANY  # a tuple, say: the longer look decides
        parts = holder.values()
    for each in parts:
        kind = id(type(each))
        if kind not in _SCALAR_IDS:
            if kind not in _HOLDER_IDS:
                return _ODD
            room = _look(each, room - 1)
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


def _freeze(value: object, *, with_classes: bool = False) -> Frozen:
    from agenttrace.encoding.freeze import freeze  # noqa: PLC0415 -- plain data never needs it

    return freeze(value, with_classes=with_classes)


def measure(snapshot: Snapshot | None) -> int:
    """Return about how many bytes of memory the snapshot takes."""
    if snapshot is None:
        return 0
    return len(snapshot) if type(snapshot) is bytes else snapshot.size  # type: ignore[union-attr]  # bytes is excluded
