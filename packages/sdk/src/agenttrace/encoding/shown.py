"""What a payload shows of a tree: plain readable content, and beside it the types that JSON lacks.

The map beside the content has an entry for each place whose type JSON cannot say: its JSON pointer
(RFC 6901), and a descriptor, which is a text such as `tuple` or `dataclass shop:Order`, or an
object with that text as `type` and what else decoding needs. Places that have none are what they
look like. `encoding.decode` is the way back.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple, TypeAlias

from agenttrace.encoding.tree import BYTES, SHOWN_TAGS, STATE, Pairs, Tag, Tree

Descriptor: TypeAlias = "str | dict[str, Any]"

_MAX_UINT64: Final = 2**64 - 1
_MAX_DOUBLE: Final = 2**1023
"""Some readers refuse a number that no double comes near, and the whole line with it."""
_MIN_INT64: Final = -(2**63)


class Shown(NamedTuple):
    """Content as JSON can hold it, and the types that it lacks, by JSON pointer.

    `kinds` are those types each once, whatever they stand at.
    """

    value: Any
    types: dict[str, Descriptor]
    kinds: frozenset[str]


def show(tree: Tree) -> Shown:
    """Return the content of a tree and the types beside it."""
    writer = _Writer(set())
    value = writer.show(tree)
    return Shown(value, writer.types, frozenset(writer.kinds))


def escape_pointer(key: str) -> str:
    """Return one part of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1") if "~" in key or "/" in key else key


class _Writer:
    __slots__ = ("_path", "kinds", "types")

    def __init__(self, kinds: set[str]) -> None:
        self.kinds = kinds
        self.types: dict[str, Descriptor] = {}
        self._path: list[str] = []

    def show(self, tree: Tree) -> Any:
        kind = type(tree)
        if kind is list:
            return self._show_list(tree)  # type: ignore[arg-type]  # just checked
        if kind is dict:
            return self._show_dict(tree)  # type: ignore[arg-type]  # just checked
        if isinstance(tree, Tag):
            return self._show_tag(tree)
        if isinstance(tree, Pairs):
            return self._show_pairs(tree)
        if kind is int and not _MIN_INT64 <= tree <= _MAX_UINT64:  # type: ignore[operator]  # just checked
            if not -_MAX_DOUBLE < tree < _MAX_DOUBLE:  # type: ignore[operator]  # just checked
                self.types[self._pointer()] = "hex"
                return {"$int": f"{tree:x}"}
            # Many readers of JSON round what exceeds 64 bits.
            self.types[self._pointer()] = f"int {tree}"
        return tree

    def _pointer(self) -> str:
        return "".join(f"/{escape_pointer(part)}" for part in self._path)

    def _show_list(self, items: list[Tree]) -> list[Any]:
        path = self._path
        path.append("")
        shown = []
        for index, item in enumerate(items):
            path[-1] = str(index)
            shown.append(self.show(item))
        path.pop()
        return shown

    def _show_dict(self, items: dict[str, Tree]) -> dict[str, Any]:
        path = self._path
        path.append("")
        shown = {}
        for key, item in items.items():
            path[-1] = key
            shown[key] = self.show(item)
        path.pop()
        return shown

    def _show_tag(self, tag: Tag) -> Any:
        value = self.show(tag.value)
        if tag.tag in SHOWN_TAGS or tag.type == "hex":
            value = {f"${tag.tag}": value}
        if tag.type:
            self._describe(tag)
        return value

    def _describe(self, tag: Tag) -> None:
        # Of an enum the class, not the member: there may be thousands.
        is_member = tag.tag == "enum"
        self.kinds.add(" ".join(tag.type.split(" ")[:2]) if is_member else tag.type)
        pointer = self._pointer()
        inner = self.types.pop(pointer, None)
        extra = {name: self._show_extra(name, each) for name, each in (tag.extra or {}).items()}
        if inner is not None and inner != BYTES:
            extra["of"] = inner
        self.types[pointer] = {"type": tag.type, **extra} if extra else tag.type

    def _show_extra(self, name: str, tree: Tree) -> Any:
        if name not in STATE:
            return tree
        writer = _Writer(self.kinds)
        value = writer.show(tree)
        return {"value": value, "types": writer.types} if writer.types else {"value": value}

    def _show_pairs(self, pairs: Pairs) -> Any:
        keys = [_show_key(key) for key, _ in pairs.items]
        self.kinds.update(key.type for key, _ in pairs.items if isinstance(key, Tag))
        names = [key[0] for key in keys if key is not None]
        if len(names) != len(keys) or len(set(names)) != len(names):
            self.types[self._pointer()] = "pairs"
            return self._show_list([[key, value] for key, value in pairs.items])
        odd = {name: rest for name, *rest in (key for key in keys if key is not None) if rest}
        is_numbered = len(odd) == len(keys) and all(
            len(rest) == 1 and type(rest[0]) is int for rest in odd.values()
        )
        self.types[self._pointer()] = "dict int" if is_numbered else {"type": "dict", "keys": odd}
        return self._show_dict(dict(zip(names, (item for _, item in pairs.items), strict=True)))


def _show_key(key: Tree) -> list[Any] | None:
    """Return a key's text, then what it is where that is no text: its value, and its type."""
    if type(key) is str:
        return [key]
    if isinstance(key, Tag):
        # Where the key itself is a scalar of a class; anything else stands as a pair.
        if type(key.value) not in {str, int, float} or key.tag in SHOWN_TAGS or key.extra:
            return None
        text = key.value if type(key.value) is str else json.dumps(key.value)
        return [text, key.value, key.type]
    if key is None or isinstance(key, bool | int | float):
        try:
            text = json.dumps(key)
        except ValueError:  # more digits than Python is set to write
            return None
        # Many readers of JSON round what exceeds 64 bits; the text is the number.
        is_small = not isinstance(key, int) or _MIN_INT64 <= key <= _MAX_UINT64
        return [text, key if is_small else 0]
    return None
