"""Lists, tuples, sets, dicts and the like."""

from __future__ import annotations

from collections import defaultdict, deque
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from agenttrace.encoding.builders.shapes import (
    INTEGER,
    Builder,
    check_hashes,
    expect,
    find_base,
    find_kind,
    restore,
)
from agenttrace.encoding.objects import find_in_class
from agenttrace.encoding.readers import TAME_FACTORIES
from agenttrace.errors import DecodeError

if TYPE_CHECKING:
    from agenttrace.encoding.decode import Decoder


def build_list(decoder: Decoder, content: Any, argument: str, extra: dict[str, Any], _: int) -> Any:
    """Return a list of its own class."""
    cls = find_kind(decoder, argument, list)
    made = find_base(cls).__new__(cls)
    list.extend(made, expect(content, list))
    return restore(decoder, made, extra)


def build_tuple(
    decoder: Decoder, content: Any, argument: str, extra: dict[str, Any], _: int
) -> Any:
    """Return a tuple, of its own class if one is named."""
    items = expect(content, list)
    if not argument:
        return tuple(items)
    cls = find_kind(decoder, argument, tuple)
    return restore(decoder, find_base(cls).__new__(cls, items), extra)


def build_namedtuple(
    decoder: Decoder, content: Any, argument: str, extra: dict[str, Any], _: int
) -> Any:
    """Return a named tuple whose class has the same fields."""
    cls = find_kind(decoder, argument, tuple)
    names = find_in_class(cls, "_fields")
    if type(names) is not tuple or list(expect(content, dict)) != list(names):
        raise DecodeError(f"the fields of {argument[:200]!r} are others", argument)
    return restore(decoder, tuple.__new__(cls, content.values()), extra)


def build_set(base: type) -> Builder:
    """Return a builder of sets or of frozen sets."""

    def build(
        decoder: Decoder, content: Any, argument: str, extra: dict[str, Any], before: int
    ) -> Any:
        check_hashes(decoder, before)
        items = expect(content, list)
        if not argument:
            made = base(items)
        else:
            cls = find_kind(decoder, argument, base)
            make: Any = base
            made = make.__new__(cls, items)
            if base is set:
                make.update(made, items)
            made = restore(decoder, made, extra)
        if len(made) != len(items):
            raise DecodeError("a set has two members that are equal")
        return made

    return build


def build_dict(
    decoder: Decoder, content: Any, argument: str, extra: dict[str, Any], before: int
) -> Any:
    """Return a dict of its own class, or one whose keys are not all text."""
    members = expect(content, dict)
    if argument == "int":
        if not all(type(key) is str and INTEGER.fullmatch(key) for key in members):
            raise DecodeError("a key is not an integer")
        return {int(key): value for key, value in members.items()}
    if not argument:
        check_hashes(decoder, before)
        return _name_keys(decoder, members, extra)
    cls = find_kind(decoder, argument, dict)
    base = find_base(cls)
    made = base.__new__(cls)
    put = base.__setitem__  # of an OrderedDict its own, which keeps the order
    for key, value in members.items():
        put(made, key, value)
    return restore(decoder, made, extra)


def _name_keys(decoder: Decoder, members: dict[str, Any], extra: dict[str, Any]) -> dict[Any, Any]:
    keys = extra.get("keys")
    if type(keys) is not dict or not keys.keys() <= members.keys():
        raise DecodeError("keys of a dict are no object of its members")
    made: dict[Any, Any] = {}
    for name, value in members.items():
        entry = keys.get(name, [name])
        if type(entry) is not list or len(entry) not in {1, 2}:
            raise DecodeError("a key of a dict is no list of its value and its type")
        key = int(name) if type(entry[0]) is int and INTEGER.fullmatch(name) else entry[0]
        if len(entry) == 2:  # noqa: PLR2004 -- the value and its type
            before = decoder.wild
            key = decoder.decode(key, {"": entry[1]})
            check_hashes(decoder, before)
        made[key] = value
    if len(made) != len(members):
        raise DecodeError("a dict has two keys that are equal")
    return made


def build_pairs(decoder: Decoder, content: Any, _argument: str, _extra: Any, before: int) -> Any:
    """Return a dict of its items."""
    check_hashes(decoder, before)
    made: dict[Any, Any] = {}
    for pair in expect(content, list):
        if type(pair) is not list or len(pair) != 2:  # noqa: PLR2004 -- a key and a value
            raise DecodeError("a pair of a dict is no list of two")
        made[pair[0]] = pair[1]
    if len(made) != len(content):
        raise DecodeError("a dict has two keys that are equal")
    return made


def build_default(_decoder: Decoder, content: Any, argument: str, _extra: Any, _: int) -> Any:
    """Return a defaultdict whose factory is a built-in type."""
    factory = TAME_FACTORIES.get(argument)
    if argument and factory is None:
        raise DecodeError(f"{argument[:200]!r} is no factory of a defaultdict")
    return defaultdict(factory, expect(content, dict))


def build_proxy(_decoder: Decoder, content: Any, _argument: str, _extra: Any, _: int) -> Any:
    """Return a read-only view of a dict."""
    return MappingProxyType(expect(content, dict))


def build_deque(_decoder: Decoder, content: Any, argument: str, _extra: Any, _: int) -> Any:
    """Return a deque of the length that is named."""
    if argument and not INTEGER.fullmatch(argument):
        raise DecodeError("the length of a deque is no integer")
    made = deque(expect(content, list), int(argument) if argument else None)
    if len(made) != len(content):
        raise DecodeError("a deque holds more than its length")
    return made


def build_range(_decoder: Decoder, content: Any, _argument: str, _extra: Any, _: int) -> Any:
    """Return a range."""
    if type(content) is not list or [*map(type, content)] != [int, int, int]:
        raise DecodeError("a range is no list of three integers")
    return range(*content)


def build_slice(_decoder: Decoder, content: Any, _argument: str, _extra: Any, _: int) -> Any:
    """Return a slice."""
    if type(content) is not list or len(content) != 3:  # noqa: PLR2004 -- start, stop and step
        raise DecodeError("a slice is no list of three")
    return slice(*content)


def build_namespace(_decoder: Decoder, content: Any, _argument: str, _extra: Any, _: int) -> Any:
    """Return a SimpleNamespace."""
    return SimpleNamespace(**expect(content, dict))
