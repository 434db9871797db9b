"""The worker's share of encoding: JSON text, fidelity and hash, made from a snapshot."""

from __future__ import annotations

import json
from enum import Enum
from hashlib import sha256
from marshal import loads
from math import isfinite
from typing import Any, Final

import orjson

from agenttrace.encoding.canonical import write_canonical
from agenttrace.encoding.freeze import freeze
from agenttrace.encoding.snapshot import Encoded, Snapshot, Whole
from agenttrace.encoding.tree import (
    MAX_DEPTH,
    MAX_TEXT_CHARS,
    SHOWN_TAGS,
    Frozen,
    Pairs,
    Tag,
    Tree,
)
from agenttrace.usage import count_text_bytes
from agenttrace.wire import Fidelity

_PLAIN: Final = frozenset({str, int, bool, type(None), float, list, dict})
_CONTAINERS: Final = frozenset({list, dict})
_MAX_PLAIN_NODES: Final = 262_144
_MAX_INT64: Final = 2**63 - 1
# Within these bounds orjson and Python's repr write a float alike.
_ALIKE_FLOATS: Final = (1e-4, 1e15)
_PREVIEW_SHARE: Final = 4


class _Shape(Enum):
    """How a value can be written."""

    PLAIN = "orjson writes the payload and the canonical text"
    ODD_FLOAT = "orjson writes the payload"
    TREE = "both are written from the frozen tree"


def encode(snapshot: Snapshot, *, max_bytes: int, with_hash: bool = False) -> Encoded:
    """Return the payload of a snapshot; its text has at most `max_bytes` bytes."""
    if isinstance(snapshot, Encoded):
        return snapshot
    if isinstance(snapshot, Frozen):
        return _encode_tree(snapshot, max_bytes=max_bytes, with_hash=with_hash)
    value = loads(snapshot)  # noqa: S302 -- our own bytes, made in this process a moment ago
    shape = _find_shape(value, len(snapshot))
    if shape is not _Shape.TREE:
        try:
            text = orjson.dumps(value)
        except TypeError:  # a lone surrogate, or an integer beyond 64 bits
            return _encode_tree(freeze(value), max_bytes=max_bytes, with_hash=with_hash)
        canonical = _sort_keys(value, text, shape) if with_hash else None
        return _finish(text, Fidelity.EXACT, canonical, max_bytes=max_bytes, value=value)
    return _encode_tree(freeze(value), max_bytes=max_bytes, with_hash=with_hash)


def _encode_tree(frozen: Frozen, *, max_bytes: int, with_hash: bool) -> Encoded:
    value = show(frozen.tree)
    text = write_json(value)
    # What was left out is not in the tree: a hash of the rest would be that of other values too.
    canonical = write_canonical(frozen.tree).encode() if with_hash and frozen.is_whole else None
    return _finish(text, frozen.fidelity, canonical, max_bytes=max_bytes, value=value)


def _finish(
    text: bytes, fidelity: Fidelity, canonical: bytes | None, *, max_bytes: int, value: Any
) -> Encoded:
    input_hash = None if canonical is None else sha256(canonical).hexdigest()
    if len(text) <= max_bytes:
        return Encoded(text, fidelity.value, input_hash=input_hash)
    whole = value.encode() if type(value) is str else text
    preview = whole[: max_bytes // _PREVIEW_SHARE].decode("utf-8", "ignore")
    shown = orjson.dumps(preview)
    while len(shown) > max_bytes:  # control characters grow sixfold when they are escaped
        preview = preview[: len(preview) // 2]
        shown = orjson.dumps(preview)
    return Encoded(
        shown,
        Fidelity.TRUNCATED.value,
        whole=Whole(len(text), sha256(text).hexdigest(), count_text_bytes(value)),
        input_hash=input_hash,
    )


def _find_shape(value: Any, size: int) -> _Shape:
    """Tell how a value, whose copy has `size` bytes, can be written; loops are in C where possible.

    Integers beyond 64 bits and lone surrogates are left to orjson, which refuses them.
    """
    shape = _Shape.PLAIN
    level = [value]
    nodes = 1
    for _ in range(MAX_DEPTH):
        kinds = set(map(type, level))
        if not kinds <= _PLAIN:
            return _Shape.TREE
        if float in kinds and not all(map(_is_alike, level)):
            if not all(map(_is_finite, level)):
                return _Shape.TREE
            shape = _Shape.ODD_FLOAT
        if kinds.isdisjoint(_CONTAINERS):
            break
        below = _open_containers(level)
        if below is None:
            return _Shape.TREE
        nodes += 2 * len(below)  # a value and its key
        level = below
    else:
        return _Shape.TREE
    # Each of the nodes may be the same long text: only then is it worth counting.
    if nodes * size > MAX_TEXT_CHARS and _count_chars(value) > MAX_TEXT_CHARS:
        return _Shape.TREE
    return shape


def _open_containers(level: list[Any]) -> list[Any] | None:
    """Return what is in the containers of a level; None when that is too much or a key no text."""
    below: list[Any] = []
    for item in level:
        kind = type(item)
        if kind is dict:
            try:
                "".join(item)  # refuses whatever is no text, at a fifth of the price of a loop
            except TypeError:
                return None
            below += item.values()
        elif kind is list:
            below += item
        # A few shared parts can stand for billions: marshal keeps them shared, JSON cannot.
        if len(below) > _MAX_PLAIN_NODES:
            return None
    return below


def _count_chars(value: Any) -> int:
    total = 0
    rest = [value]
    while rest and total <= MAX_TEXT_CHARS:
        item = rest.pop()
        if type(item) is str:
            total += len(item)
        elif type(item) is dict:
            total += sum(map(len, item))
            rest += item.values()
        elif type(item) is list:
            rest += item
    return total


def _is_finite(value: Any) -> bool:
    return type(value) is not float or isfinite(value)


def _is_alike(value: Any) -> bool:
    if type(value) is not float:
        return True
    low, high = _ALIKE_FLOATS
    return low <= abs(value) < high and not value.is_integer()


def _sort_keys(value: Any, text: bytes, shape: _Shape) -> bytes:
    """Return the canonical text of plain data: orjson's own where it writes the same."""
    # A text that begins with $ looks like such a key; the slow way writes it the same.
    if shape is _Shape.ODD_FLOAT or b'"$' in text:
        return write_canonical(value).encode()
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS) if b"{" in text else text


def show(tree: Tree) -> Any:
    """Return what a payload shows of a tree: its content, with tags only where JSON has none."""
    if isinstance(tree, list):
        return [show(item) for item in tree]
    if isinstance(tree, dict):
        return {key: show(item) for key, item in tree.items()}
    if isinstance(tree, Tag):
        value = show(tree.value)
        return {f"${tree.tag}": value} if tree.tag in SHOWN_TAGS else value
    if isinstance(tree, Pairs):
        return _show_pairs(tree)
    return tree


def _show_pairs(pairs: Pairs) -> Any:
    shown = [(show(key), show(value)) for key, value in pairs.items]
    keys = {_show_key(key) for key, _ in shown}
    if len(keys) == len(shown) and None not in keys:
        return {str(_show_key(key)): value for key, value in shown}
    return [[key, value] for key, value in shown]


def _show_key(key: Any) -> str | None:
    if isinstance(key, str):
        return key
    if key is None or isinstance(key, bool | int | float):
        return json.dumps(key)
    return None


def write_json(value: Any) -> bytes:
    """Return JSON text in UTF-8 with integers exact at any length."""
    try:
        return orjson.dumps(value)
    except TypeError:  # an integer beyond 64 bits
        pass
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except ValueError:  # an integer of more digits than Python writes
        return json.dumps(_shorten_ints(value), ensure_ascii=False, separators=(",", ":")).encode()


def _shorten_ints(value: Any) -> Any:
    if isinstance(value, list):
        return [_shorten_ints(item) for item in value]
    if isinstance(value, dict):
        return {key: _shorten_ints(item) for key, item in value.items()}
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _MAX_INT64:
        return {"$int": f"{value:x}"}
    return value
