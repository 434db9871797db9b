"""How objects of each kind are read: by the methods of the built-in type they extend, or by field.

This module is imported when the first value that is not plain data is seen: what it imports takes
15 ms, which plain data does not pay.
"""

from __future__ import annotations

from collections import defaultdict, deque
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from gc import get_referents
from pathlib import PurePath
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from agenttrace.encoding.canonical import write_canonical
from agenttrace.encoding.exceptions import read_attributes, read_special
from agenttrace.encoding.objects import (
    UNREADABLE,
    find_in_class,
    name_class,
    read_dict,
    read_field,
    take_some,
)
from agenttrace.encoding.opaque import read_opaque, write_buffer
from agenttrace.encoding.tree import BUFFER, CUT, MAX_NODES, OPAQUE, Tag, Tree
from agenttrace.wire import Fidelity

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.encoding.freeze import Walk
    from agenttrace.encoding.layouts import Layout, Reader

_EXACT_SECONDS: Final = 2.0**33  # beyond, two microseconds may be one float
_NAMELESS: Final = frozenset({"builtins", "datetime", "decimal", "uuid"})
# Time zones whose code is known to compute and nothing else; others are user code.
_TAME_ZONES: Final = frozenset({"datetime", "zoneinfo", "pytz", "dateutil"})
TAME_FACTORIES: Final[dict[str, type]] = {
    each.__name__: each for each in (list, dict, set, int, float, str, bool, tuple)
}
"""What a defaultdict may be made again with: a recording names no other callable."""


def _name(layout: Layout) -> str | None:
    return None if layout.cls.__module__ in _NAMELESS else layout.short


def _read_as(tag: str, convert: Callable[[Any], Any], *, kind: str | None = None) -> Reader:
    """Return a reader of scalars of the standard library, whose subclasses are only shown."""

    def read(walk: Walk, value: Any, layout: Layout, depth: int) -> Tree:
        described = (kind or tag) if layout.is_own else layout.shown()
        return Tag(tag, walk.read(convert(value), depth), _name(layout), type=described)

    return read


def _read_built_in(tag: str, convert: Callable[[Any], Any], *, kind: str) -> Reader:
    """Return a reader of what extends a built-in type, with the state that it adds."""

    def read(walk: Walk, value: Any, layout: Layout, depth: int) -> Tree:
        inner = walk.read(convert(value), depth)
        return add_state(walk, Tag(tag, inner, _name(layout)), value, layout, depth, kind=kind)

    return read


def add_state(  # noqa: PLR0913 -- what a reader has, and the kind by its name
    walk: Walk,
    tag: Tag,
    value: Any,
    layout: Layout,
    depth: int,
    *,
    kind: str,
    known: frozenset[str] = frozenset(),
) -> Tag:
    """Say what the tag is, and keep what the object holds beside its content."""
    tag.type = layout.type_of(kind)
    if layout.is_own:
        return tag
    own = None if layout.read_own is None else layout.read_own(value)
    state: dict[str, Any] = {}
    if own and not own.keys() <= known:
        state = {name: each for name, each in own.items() if name not in known}
    for name in layout.slots:
        found = read_field(value, name)
        if found is not UNREADABLE:
            state[name] = found
    if state:
        tree = walk.read_state(state, depth)
        if tree is None or not layout.is_found:
            tag.type = layout.shown()
        else:
            tag.extra = {**(tag.extra or {}), "attributes": tree}
    return tag


def _read_mapping(walk: Walk, value: Any, layout: Layout, depth: int) -> Tree:
    tag = Tag("dict", walk.read(dict(take_some(dict.items(value))), depth), _name(layout))
    if issubclass(layout.cls, defaultdict):
        return _describe_default(tag, value, layout)
    return add_state(walk, tag, value, layout, depth, kind="dict")


def _describe_default(tag: Tag, value: Any, layout: Layout) -> Tag:
    factory = defaultdict.__dict__["default_factory"].__get__(value)
    if layout.cls is not defaultdict:
        tag.type = layout.shown()
    elif factory is None:
        tag.type = "defaultdict"
    elif any(factory is each for each in TAME_FACTORIES.values()):
        tag.type = f"defaultdict {factory.__name__}"
    else:
        tag.type = layout.shown()
    return tag


def _read_proxy(walk: Walk, value: Any, layout: Layout, depth: int) -> Tree:
    (inner,) = get_referents(value)  # what it stands for; its own methods would ask that
    if type(inner) is not dict:
        return read_opaque(walk, value, layout, depth)
    return Tag("dict", walk.read(inner, depth), layout.short, type="mappingproxy")


def _read_tuple(walk: Walk, value: Any, layout: Layout, depth: int) -> Tree:
    items = walk.read_sequence(tuple.__iter__(value), depth)
    if layout.is_own:
        return Tag("tuple", items)
    names = find_in_class(layout.cls, "_fields")
    if isinstance(names, tuple) and len(names) == len(items) and all(map(_is_text, names)):
        tag = Tag("object", dict(zip(names, items, strict=True)), layout.short)
        return add_state(walk, tag, value, layout, depth, kind="namedtuple")
    # ["Class", […]] is a tuple's own content too
    tag = Tag("object", items, layout.short)
    return add_state(walk, tag, value, layout, depth, kind="tuple")


def _is_text(value: object) -> bool:
    return type(value) is str


def _read_set(walk: Walk, value: Any, layout: Layout, depth: int) -> Tree:
    kind = "set" if issubclass(layout.cls, set) else "frozenset"
    iterate = set.__iter__ if kind == "set" else frozenset.__iter__
    items = sorted(walk.read_sequence(iterate(value), depth), key=write_canonical)
    if layout.is_own:
        return Tag(kind, items)
    tag = Tag("object", items, layout.short)
    return add_state(walk, tag, value, layout, depth, kind=kind)


def _read_view(walk: Walk, value: Any, layout: Layout, depth: int) -> Tree:
    items = walk.read_sequence(take_some(value), depth)
    if issubclass(layout.cls, type({}.values())):
        return Tag("dict_values", items, type=layout.shown())
    tag = "dict_keys" if issubclass(layout.cls, type({}.keys())) else "dict_items"
    # As in a dict, their order is no content.
    return Tag(tag, sorted(items, key=write_canonical), type=layout.shown())


def _read_range(_walk: Walk, value: range, _layout: Layout, _depth: int) -> Tree:
    # Equal ranges are written alike: range(0, 3, 2) and range(0, 4, 2) hold the same numbers.
    if not value:
        return Tag("range", [0, 0, 1])
    last = value[-1]
    step = value.step if value.start != last else 1
    return Tag("range", [value.start, last + (1 if step > 0 else -1), step])


def _read_deque(walk: Walk, value: Any, layout: Layout, depth: int) -> Tree:
    maxlen = deque.__dict__["maxlen"].__get__(value)
    kind = "deque" if maxlen is None else f"deque {maxlen}"
    described = kind if layout.is_own else layout.shown()
    inner = walk.read(take_some(deque.__iter__(value)), depth)
    return Tag("deque", inner, layout.short, type=described)


def _read_enum(walk: Walk, value: Any, layout: Layout, depth: int) -> Tree:
    member = read_dict(value) or {}
    inner = walk.read(member.get("_value_"), depth)
    name = member.get("_name_")
    described = layout.type_of("enum")
    if layout.is_found and type(name) is str:
        described = f"{described} {name}"
    return Tag("enum", inner, f"{layout.short}.{name}", type=described)


def _read_exception(walk: Walk, value: Any, layout: Layout, depth: int) -> Tree:
    args = BaseException.__dict__["args"].__get__(value)
    tag = Tag("exception", walk.read(list(args), depth), name_class(layout.cls))
    tag.type = f"exception {layout.spelled}" if layout.is_found else layout.shown()
    state = {**read_attributes(value), **read_special(value)}
    if state:
        tree = walk.read_state(state, depth)
        if tree is None:
            tag.type = layout.shown()
        else:
            tag.extra = {"attributes": tree}
    return tag


def _read_datetime(walk: Walk, value: Any, layout: Layout, depth: int) -> Tree:
    extra = _find_zone(datetime.__dict__["tzinfo"].__get__(value))
    moment = value
    if extra is None:  # the local time is what can be known
        moment = datetime.combine(datetime.date(value), datetime.time(value))
    elif datetime.__dict__["fold"].__get__(value):
        extra["fold"] = 1
    text = walk.read(datetime.isoformat(moment), depth)
    return _tag_moment("datetime", text, layout, extra)


def _read_time(walk: Walk, value: Any, layout: Layout, depth: int) -> Tree:
    extra = _find_zone(time.__dict__["tzinfo"].__get__(value))
    if extra is None:
        return walk.mark(Tag(OPAQUE, name_class(layout.cls)), Fidelity.OPAQUE)
    if time.__dict__["fold"].__get__(value):
        extra["fold"] = 1
    return _tag_moment("time", walk.read(time.isoformat(value), depth), layout, extra)


def _tag_moment(kind: str, text: Tree, layout: Layout, extra: dict[str, Tree] | None) -> Tag:
    is_known = layout.is_own and extra is not None and extra.get("zone", "") is not None
    described = kind if is_known else layout.shown()
    return Tag(kind, text, _name(layout), type=described, extra=extra if is_known else None)


def _find_zone(zone: object) -> dict[str, Tree] | None:
    """Return what names a time zone beside the offset; None where only user code knows it."""
    if zone is None or type(zone) is timezone:
        return {}
    root = name_class(type(zone)).partition(".")[0]
    if root not in _TAME_ZONES:
        return None
    key = getattr(zone, "key", None) if root == "zoneinfo" else None
    return {"zone": key} if type(key) is str else {"zone": None}


def _measure_delta(value: Any) -> float | list[int]:
    seconds = timedelta.total_seconds(value)
    if abs(seconds) < _EXACT_SECONDS:
        return seconds
    days, rest = timedelta.__divmod__(value, timedelta(days=1))
    return [days, timedelta.__floordiv__(rest, timedelta(microseconds=1))]


def _read_path(walk: Walk, value: Any, layout: Layout, depth: int) -> Tree:
    is_own = layout.cls.__module__.partition(".")[0] == "pathlib"
    described = f"path {layout.short}" if is_own else layout.shown()
    return Tag("path", walk.read(PurePath.__str__(value), depth), layout.short, type=described)


def _write_uuid(value: Any) -> str:
    digits = f"{UUID.__dict__['int'].__get__(value):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _read_bytes(walk: Walk, value: Any, layout: Layout, depth: int) -> Tree:
    if layout.cls is bytes:
        return write_buffer(walk, memoryview(value))
    base = bytearray if issubclass(layout.cls, bytearray) else bytes
    # A slice is of the built-in type: a subclass's __buffer__ never runs.
    view = memoryview(base.__getitem__(value, slice(None)))
    tag = Tag(BUFFER, write_buffer(walk, view, described=""), layout.short)
    return add_state(walk, tag, value, layout, depth, kind=base.__name__)


def _read_fields(kind: str) -> Reader:
    def read(walk: Walk, value: Any, layout: Layout, depth: int) -> Tree:
        own = None if layout.read_own is None else layout.read_own(value)
        fields: dict[str, Tree] = {}
        for name in layout.fields:
            field = own[name] if own is not None and name in own else read_field(value, name)
            if walk.nodes > MAX_NODES:
                fields[f"${CUT}"] = walk.mark("nodes", Fidelity.TRUNCATED)
                break
            if field is UNREADABLE:
                fields[name] = walk.mark(Tag(OPAQUE, "unreadable"), Fidelity.OPAQUE)
            else:
                fields[name] = walk.read(field, depth)
        tag = Tag("object", fields, layout.short)
        return add_state(walk, tag, value, layout, depth, kind=kind, known=layout.names)

    return read


def _read_pydantic(walk: Walk, value: Any, layout: Layout, depth: int) -> Tree:
    own = read_dict(value) or {}
    more = read_field(value, "__pydantic_extra__")
    more = more if type(more) is dict else {}
    members = {name: each for name, each in [*own.items(), *more.items()] if type(name) is str}
    fields: dict[str, Tree] = {}
    for name, member in members.items():
        if walk.nodes > MAX_NODES:
            fields[f"${CUT}"] = walk.mark("nodes", Fidelity.TRUNCATED)
            break
        fields[name] = walk.read(member, depth)
    tag = Tag("object", fields, layout.short, type=layout.type_of("pydantic"))
    tag.extra = {}
    given = read_field(value, "__pydantic_fields_set__")
    if type(given) is set and given != members.keys():
        tag.extra["set"] = sorted(name for name in given if type(name) is str)  # type: ignore[assignment]  # a list of texts is a tree
    if more:
        tag.extra["extra"] = [name for name in more if type(name) is str]
    private = read_field(value, "__pydantic_private__")
    if type(private) is dict and private:
        tree = walk.read_state(private, depth)
        if tree is None:
            tag.type = layout.shown()
        else:
            tag.extra["private"] = tree
    return tag


OBJECT_READERS: Final[dict[str, Reader]] = {
    "dataclass": _read_fields("dataclass"),
    "attrs": _read_fields("attrs"),
    "struct": _read_fields("struct"),
    "pydantic": _read_pydantic,
}
_complex = complex.__dict__
# An Enum comes first, as its members may be text or numbers too; datetime before date.
READERS: Final[tuple[tuple[type | tuple[type, ...], Reader], ...]] = (
    (Enum, _read_enum),
    (str, _read_built_in("str", str.__str__, kind="str")),
    (int, _read_built_in("int", int.__index__, kind="int")),
    (float, _read_built_in("float64", float.__pos__, kind="float")),
    (tuple, _read_tuple),
    (dict, _read_mapping),
    (list, _read_built_in("list", lambda v: take_some(list.__iter__(v)), kind="list")),
    ((set, frozenset), _read_set),
    ((bytes, bytearray), _read_bytes),
    (deque, _read_deque),
    (range, _read_range),
    ((type({}.keys()), type({}.values()), type({}.items())), _read_view),
    (slice, _read_as("slice", lambda v: [v.start, v.stop, v.step])),
    (datetime, _read_datetime),
    (date, _read_as("date", date.isoformat)),
    (time, _read_time),
    (timedelta, _read_as("timedelta", _measure_delta)),
    (Decimal, _read_as("decimal", Decimal.__str__)),
    (Fraction, _read_as("fraction", lambda v: [v._numerator, v._denominator])),  # noqa: SLF001 -- the properties may be overridden
    (
        complex,
        _read_as("complex", lambda v: [_complex["real"].__get__(v), _complex["imag"].__get__(v)]),
    ),
    (UUID, _read_as("uuid", _write_uuid)),
    (PurePath, _read_path),
    (MappingProxyType, _read_proxy),
    (SimpleNamespace, _read_as("namespace", lambda v: dict(read_dict(v) or {}))),
    (BaseException, _read_exception),
)
