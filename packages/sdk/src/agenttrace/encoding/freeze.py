"""From any object to a frozen tree, within bounds, running next to none of the object's code.

Never calls `__repr__`, `__str__`, `__iter__`, `__len__`, `__eq__`, `__hash__`, `__bool__` or a
`model_dump` of the user's: containers are read through the methods of the built-in type that they
extend, objects through their `__dict__` and slots. Where user code cannot be avoided (a property
that a dataclass names as a field) whatever it raises is contained, except KeyboardInterrupt.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from math import isfinite
from time import thread_time
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from agenttrace.encoding.canonical import write_canonical
from agenttrace.encoding.objects import (
    UNREADABLE,
    find_in_class,
    list_fields,
    name_class,
    read_field,
    short_name,
)
from agenttrace.encoding.tree import (
    BUFFER,
    BYTES,
    CUT,
    CYCLE,
    FLOAT,
    MAX_CPU_SECONDS,
    MAX_DEPTH,
    MAX_NODES,
    MAX_TEXT_CHARS,
    OPAQUE,
    TEXT,
    Frozen,
    Pairs,
    Tag,
    Tree,
    pick_worse,
)
from agenttrace.wire import Fidelity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_NODE_BYTES: Final = 64
_EXACT_SECONDS: Final = 2.0**33  # beyond, two microseconds may be one float
# Items that are addresses differ in equal objects; Zf, Zd and Zg are complex numbers.
_ADDRESSES: Final = re.compile("[OPXz&]|Z(?![fdg])")
_NODES_BETWEEN_LOOKS_AT_THE_CLOCK: Final = 256


def freeze(value: object) -> Frozen:
    """Return a tree of `value` that shares nothing mutable with it. Total: it raises nothing."""
    walk = _Walk()
    try:
        tree = walk.read(value, 0)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 -- whatever an object does, recording it is not its user's concern
        opaque = Tag(OPAQUE, name_class(type(value)))
        return Frozen(opaque, Fidelity.OPAQUE, _NODE_BYTES, is_whole=False)
    size = walk.text_chars + walk.nodes * _NODE_BYTES
    return Frozen(tree, walk.fidelity, size, is_whole=walk.fidelity is not Fidelity.TRUNCATED)


_Reader: TypeAlias = "Callable[[_Walk, Any, int], Tree]"
_Row: TypeAlias = "tuple[type | tuple[type, ...], _Reader]"


class _Walk:
    __slots__ = ("_deadline_s", "_next_look", "_path", "fidelity", "nodes", "text_chars")

    def __init__(self) -> None:
        self.fidelity = Fidelity.EXACT
        self.nodes = 0
        self.text_chars = 0
        self._path: dict[int, int] = {}
        self._deadline_s = thread_time() + MAX_CPU_SECONDS
        self._next_look = _NODES_BETWEEN_LOOKS_AT_THE_CLOCK

    def read(self, value: Any, depth: int) -> Tree:
        self.nodes += 1
        kind = type(value)
        if value is None or kind is bool or kind is int:
            scalar: bool | int | None = value
            return scalar
        if kind is str:
            return self._read_text(value)
        if kind is float:
            return self._read_float(value)
        reason = "depth" if depth >= MAX_DEPTH else self._find_limit()
        if reason is not None:
            return self._mark(Tag(CUT, reason), Fidelity.TRUNCATED)
        holder = self._path.get(id(value))
        if holder is not None:  # how far up it is tells apart what would unfold to different values
            return self._mark(Tag(CYCLE, name_class(kind), str(depth - holder)), Fidelity.OPAQUE)
        self._path[id(value)] = depth
        try:
            return self._read_compound(value, kind, depth + 1)
        finally:
            del self._path[id(value)]

    def _find_limit(self) -> str | None:
        if self.nodes > MAX_NODES:
            return "nodes"
        if self.text_chars > MAX_TEXT_CHARS:
            return "text"
        # The clock is looked at only now and then: it costs as much as a node.
        if self.nodes >= self._next_look:
            self._next_look = self.nodes + _NODES_BETWEEN_LOOKS_AT_THE_CLOCK
            if thread_time() > self._deadline_s:
                self.nodes = MAX_NODES + 1
                return "time"
        return None

    def _mark(self, tree: Tree, fidelity: Fidelity) -> Tree:
        self.fidelity = pick_worse(self.fidelity, fidelity)
        return tree

    def _read_text(self, value: str) -> Tree:
        self.text_chars += len(value)
        if self.text_chars > MAX_TEXT_CHARS:
            return self._mark(Tag(CUT, "text"), Fidelity.TRUNCATED)
        try:
            value.encode()
        except UnicodeEncodeError:  # a lone surrogate: JSON text in UTF-8 cannot hold it
            kept = value.encode("utf-8", "surrogatepass")
            return self._mark(Tag(TEXT, _write_base64(kept)), Fidelity.STRUCTURAL)
        return value

    def _read_float(self, value: float) -> Tree:
        if isfinite(value):
            return value
        name = "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"  # noqa: PLR0124 -- NaN is what differs from itself
        return self._mark(Tag(FLOAT, name), Fidelity.STRUCTURAL)

    def _read_compound(self, value: Any, kind: type, depth: int) -> Tree:
        if kind is dict:
            return self._read_items(dict.items(value), depth)
        if kind is list:
            return self._read_sequence(list.__iter__(value), depth)
        self._mark(None, Fidelity.STRUCTURAL)
        for base, read in _READERS:
            if issubclass(kind, base):
                return read(self, value, depth)
        return self._read_object(value, depth)

    def _read_sequence(self, values: Iterable[object], depth: int) -> list[Tree]:
        found: list[Tree] = []
        for value in values:
            if self.nodes > MAX_NODES:
                found.append(self._mark(Tag(CUT, "nodes"), Fidelity.TRUNCATED))
                break
            found.append(self.read(value, depth))
        return found

    def _read_items(self, items: Iterable[tuple[object, object]], depth: int) -> Tree:
        pairs: list[tuple[Tree, Tree]] = []
        for key, value in items:
            if self.nodes > MAX_NODES:
                pairs.append((f"${CUT}", self._mark("nodes", Fidelity.TRUNCATED)))
                break
            pairs.append((self.read(key, depth), self.read(value, depth)))
        plain = {key: value for key, value in pairs if type(key) is str}
        if len(plain) == len(pairs):
            return plain
        return self._mark(Pairs(pairs), Fidelity.STRUCTURAL)

    def _read_object(self, value: object, depth: int) -> Tree:
        names = list_fields(value)
        if names is None:
            buffer = _read_buffer(self, value)
            if buffer is not None:
                return buffer
            return self._mark(Tag(OPAQUE, name_class(type(value))), Fidelity.OPAQUE)
        fields: dict[str, Tree] = {}
        for name in names:
            reason = self._find_limit()  # reading a field may run code: the clock counts here too
            if reason is not None:
                fields[f"${CUT}"] = self._mark(reason, Fidelity.TRUNCATED)
                break
            field = read_field(value, name)
            if field is UNREADABLE:
                fields[name] = self._mark(Tag(OPAQUE, "unreadable"), Fidelity.OPAQUE)
            else:
                fields[name] = self.read(field, depth)
        return Tag("object", fields, short_name(value))


def _write_base64(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode("ascii")


def _read_bytes(walk: _Walk, value: Any, _depth: int) -> Tree:
    kind = type(value)  # isinstance would ask an object for its __class__, which is user code
    if kind is bytes:
        return _write_buffer(walk, memoryview(value))
    base = bytearray if issubclass(kind, bytearray) else bytes
    # A slice is of the built-in type: a subclass's __buffer__ never runs.
    view = memoryview(base.__getitem__(value, slice(None)))
    return Tag(BUFFER, _write_buffer(walk, view), short_name(value))


def _read_buffer(walk: _Walk, value: Any) -> Tree | None:
    """Return the type, format, shape and bytes of an array and the like; None if it is none."""
    try:
        view = memoryview(value)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 -- TypeError for what is no buffer; a __buffer__ may raise anything
        return None
    with view:
        if _ADDRESSES.search(view.format):
            return None
        name = f"{short_name(value)} {view.format} {'x'.join(map(str, view.shape or ()))}"
        return Tag(BUFFER, _write_buffer(walk, view), name)


def _write_buffer(walk: _Walk, view: memoryview) -> Tree:
    walk.text_chars += view.nbytes * 4 // 3
    if walk.text_chars > MAX_TEXT_CHARS:
        return walk._mark(Tag(CUT, "text"), Fidelity.TRUNCATED)  # noqa: SLF001 -- one module
    return Tag(BYTES, _write_base64(view.tobytes()))


def _read_tuple(walk: _Walk, value: Any, depth: int) -> Tree:
    items = walk._read_sequence(tuple.__iter__(value), depth)  # noqa: SLF001 -- one module
    names = find_in_class(type(value), "_fields")
    if isinstance(names, tuple) and len(names) == len(items) and all(map(_is_text, names)):
        return Tag("object", dict(zip(names, items, strict=True)), short_name(value))
    if type(value) is tuple:
        return Tag("tuple", items)
    return Tag("object", items, short_name(value))  # ["Class", […]] is a tuple's own content too


def _is_text(value: object) -> bool:
    return type(value) is str


def _read_set(walk: _Walk, value: Any, depth: int) -> Tree:
    kind = type(value)
    iterate = set.__iter__ if issubclass(kind, set) else frozenset.__iter__
    items = walk._read_sequence(iterate(value), depth)  # noqa: SLF001 -- one module
    if kind is set or kind is frozenset:
        return Tag(kind.__name__, sorted(items, key=write_canonical))
    return Tag("object", sorted(items, key=write_canonical), short_name(value))


def _read_view(walk: _Walk, value: Any, depth: int) -> Tree:
    items = walk._read_sequence(list(value), depth)  # noqa: SLF001 -- one module
    if issubclass(type(value), type({}.values())):
        return Tag("dict_values", items)
    tag = "dict_keys" if issubclass(type(value), type({}.keys())) else "dict_items"
    return Tag(tag, sorted(items, key=write_canonical))  # as in a dict, their order is no content


def _read_range(_walk: _Walk, value: range, _depth: int) -> Tree:
    # Equal ranges are written alike: range(0, 3, 2) and range(0, 4, 2) hold the same numbers.
    if not value:
        return Tag("range", [0, 0, 1])
    last = value[-1]
    step = value.step if value.start != last else 1
    return Tag("range", [value.start, last + (1 if step > 0 else -1), step])


def _read_enum(walk: _Walk, value: Any, depth: int) -> Tree:
    member = object.__getattribute__(value, "__dict__")
    inner = walk.read(member.get("_value_"), depth)
    return Tag("enum", inner, f"{short_name(value)}.{member.get('_name_')}")


def _read_as(tag: str, convert: Callable[[Any], Any]) -> _Reader:
    def read(walk: _Walk, value: Any, depth: int) -> Tree:
        name = None if type(value).__module__ in _NAMELESS else short_name(value)
        return Tag(tag, walk.read(convert(value), depth), name)

    return read


def _measure_delta(value: Any) -> float | list[int]:
    from datetime import timedelta  # noqa: PLC0415 -- as in _load_readers

    seconds = timedelta.total_seconds(value)
    if abs(seconds) < _EXACT_SECONDS:
        return seconds
    days, rest = timedelta.__divmod__(value, timedelta(days=1))
    return [days, timedelta.__floordiv__(rest, timedelta(microseconds=1))]


def _read_exception(walk: _Walk, value: Any, depth: int) -> Tree:
    args = BaseException.__dict__["args"].__get__(value)
    return Tag("exception", walk.read(list(args), depth), name_class(type(value)))


_NAMELESS: Final = frozenset({"builtins", "datetime", "decimal", "uuid"})


def _load_readers() -> tuple[_Row, ...]:
    # Imported when the first value that is not plain is seen: 15 ms that plain data does not pay.
    from collections import deque  # noqa: PLC0415
    from datetime import date, datetime, time, timedelta  # noqa: PLC0415
    from decimal import Decimal  # noqa: PLC0415
    from enum import Enum  # noqa: PLC0415
    from fractions import Fraction  # noqa: PLC0415
    from pathlib import PurePath  # noqa: PLC0415
    from types import MappingProxyType, SimpleNamespace  # noqa: PLC0415
    from uuid import UUID  # noqa: PLC0415

    # An Enum comes first, as its members may be text or numbers too; datetime before date.
    return (
        (Enum, _read_enum),
        (str, _read_as("str", str.__str__)),
        (int, _read_as("int", int.__index__)),
        (float, _read_as("float64", float.__pos__)),
        (tuple, _read_tuple),
        (dict, _read_as("dict", lambda value: dict(dict.items(value)))),
        (list, _read_as("list", lambda value: list(list.__iter__(value)))),
        ((set, frozenset), _read_set),
        ((bytes, bytearray), _read_bytes),
        (deque, _read_as("deque", lambda value: list(deque.__iter__(value)))),
        (range, _read_range),
        ((type({}.keys()), type({}.values()), type({}.items())), _read_view),
        (slice, _read_as("slice", lambda v: [v.start, v.stop, v.step])),
        (datetime, _read_as("datetime", datetime.isoformat)),
        (date, _read_as("date", date.isoformat)),
        (time, _read_as("time", time.isoformat)),
        (timedelta, _read_as("timedelta", _measure_delta)),
        (Decimal, _read_as("decimal", Decimal.__str__)),
        (Fraction, _read_as("fraction", lambda v: [v._numerator, v._denominator])),  # noqa: SLF001 -- the properties may be overridden
        (complex, _read_as("complex", lambda v: [v.real, v.imag])),
        (UUID, _read_as("uuid", UUID.__str__)),
        (PurePath, _read_as("path", PurePath.__str__)),
        (MappingProxyType, _read_as("dict", dict)),
        (SimpleNamespace, _read_as("namespace", lambda v: dict(v.__dict__))),
        (BaseException, _read_exception),
    )


class _LazyReaders:
    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: tuple[_Row, ...] | None = None

    def __iter__(self) -> Iterator[_Row]:
        if self._rows is None:
            self._rows = _load_readers()
        return iter(self._rows)


_READERS: Final = _LazyReaders()
