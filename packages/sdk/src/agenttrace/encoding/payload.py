"""The worker's share of encoding: JSON text, fidelity and hash, made from a snapshot."""

from __future__ import annotations

import json
from enum import Enum
from hashlib import sha256
from marshal import loads
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import orjson

from agenttrace.encoding.canonical import write_canonical
from agenttrace.encoding.freeze import freeze
from agenttrace.encoding.shown import show
from agenttrace.encoding.snapshot import Encoded, Snapshot, Whole
from agenttrace.encoding.tree import (
    MAX_DEPTH,
    MAX_PLAIN_NODES,
    MAX_TEXT_CHARS,
    Frozen,
    pick_worse,
)
from agenttrace.usage import count_text_bytes
from agenttrace.wire import Fidelity

if TYPE_CHECKING:
    from agenttrace.encoding.fidelity import RoundTrip
    from agenttrace.encoding.tree import Tree

CODECS: Final = (b"json", b"typed")
"""The names of the codecs: without types beside the value, and with them."""

_PLAIN: Final = frozenset({str, int, bool, type(None), float, list, dict})
_CONTAINERS: Final = frozenset({list, dict})
_MAX_INT64: Final = 2**63 - 1
# Within these bounds orjson and Python's repr write a float alike.
_ALIKE_FLOATS: Final = (1e-4, 1e15)
_PREVIEW_SHARE: Final = 4


class _Shape(Enum):
    """How a value can be written."""

    PLAIN = "orjson writes the payload and the canonical text"
    ODD_FLOAT = "orjson writes the payload"
    TREE = "both are written from the frozen tree"


class Redactor(Protocol):
    """What takes secrets out of values before they are written."""

    def suspects(self, text: bytes, types: bytes | None = None) -> bool:
        """Tell, quickly, whether a payload's texts may hold what has to be taken out."""

    def redact(self, value: Any) -> Any:
        """Return plain data without it; the same object when there is nothing to take out."""

    def redact_tree(self, tree: Tree) -> Tree:
        """Return a tree without it; the same object when there is nothing to take out."""

    def redact_text(self, text: str) -> str:
        """Return a text without it."""


class Policy(NamedTuple):
    """What a recorder does with a payload beside writing it."""

    round_trip: RoundTrip | None = None
    redactor: Redactor | None = None


_NO_POLICY: Final = Policy()


def encode(
    snapshot: Snapshot, *, max_bytes: int, with_hash: bool = False, policy: Policy = _NO_POLICY
) -> Encoded:
    """Return the payload of a snapshot; its text has at most `max_bytes` bytes."""
    if isinstance(snapshot, Encoded):
        redactor = None if snapshot.is_final else policy.redactor
        if redactor is not None and redactor.suspects(snapshot.text, snapshot.types):
            _finish_early(snapshot, redactor, max_bytes)
        snapshot.is_final = snapshot.is_final or policy is not _NO_POLICY
        return snapshot
    encoded = _encode(snapshot, _Writing(max_bytes, with_hash, policy))
    encoded.is_final = policy is not _NO_POLICY
    return encoded


def _encode(snapshot: bytes | Frozen, writing: _Writing) -> Encoded:
    if isinstance(snapshot, Frozen):
        return _encode_tree(snapshot, writing)
    value = loads(snapshot)  # noqa: S302 -- our own bytes, made in this process a moment ago
    shape = _find_shape(value, len(snapshot))
    if shape is not _Shape.TREE:
        try:
            text = orjson.dumps(value)
        except TypeError:  # a lone surrogate, or an integer beyond 64 bits
            return _encode_tree(freeze(value), writing)
        return _encode_plain(value, text, shape, writing)
    return _encode_tree(freeze(value), writing)


def _finish_early(encoded: Encoded, redactor: Redactor, max_bytes: int) -> None:
    """Redact what was cut to a preview on the caller's thread, because it was very large."""
    preview = orjson.loads(encoded.text)
    redacted = _redact_preview(preview, redactor)
    if redacted is not preview:
        encoded.text = _write_preview(redacted, max_bytes)
        encoded.types = None


def _redact_preview(preview: Any, redactor: Redactor) -> Any:
    """Redact the beginning of a JSON text as the data that it shows, of a text as a text."""
    if type(preview) is str and preview[:1] in {"{", "["}:
        from pydantic_core import from_json  # noqa: PLC0415 -- only very large values need it

        try:
            value = from_json(preview, allow_partial="trailing-strings")
        except ValueError:  # it only looks like JSON
            return redactor.redact(preview)
        redacted = redactor.redact(value)
        if redacted is not value:
            return write_json(redacted).decode()
    return redactor.redact(preview)


def _write_preview(preview: Any, max_bytes: int) -> bytes:
    shown = orjson.dumps(preview)
    while len(shown) > max_bytes:  # control characters grow sixfold when they are escaped
        preview = preview[: len(preview) // 2]
        shown = orjson.dumps(preview)
    return shown


class _Writing(NamedTuple):
    max_bytes: int
    with_hash: bool
    policy: Policy


def _encode_plain(value: Any, text: bytes, shape: _Shape, writing: _Writing) -> Encoded:
    fidelity = Fidelity.EXACT
    redactor = writing.policy.redactor
    if redactor is not None and redactor.suspects(text):
        redacted = redactor.redact(value)
        if redacted is not value:
            value, text, fidelity = redacted, orjson.dumps(redacted), Fidelity.REDACTED
    canonical = _sort_keys(value, text, shape) if writing.with_hash else None
    return _finish(text, fidelity, canonical, max_bytes=writing.max_bytes, value=value)


def _encode_tree(frozen: Frozen, writing: _Writing) -> Encoded:
    shown = show(frozen.tree)
    text = write_json(shown.value)
    types = write_json(shown.types) if shown.types else None
    fidelity = frozen.fidelity
    redactor = writing.policy.redactor
    if redactor is not None and redactor.suspects(text, types):
        tree = redactor.redact_tree(frozen.tree)
        if tree is not frozen.tree:
            fidelity = pick_worse(fidelity, Fidelity.REDACTED)
            frozen = Frozen(tree, fidelity, frozen.size, is_whole=frozen.is_whole)
            shown = show(tree)
            text = write_json(shown.value)
            types = write_json(shown.types) if shown.types else None
    if types is not None and len(text) + len(types) > writing.max_bytes:
        types = None
    elif fidelity is Fidelity.STRUCTURAL and types is not None:
        round_trip = writing.policy.round_trip
        if round_trip is not None and round_trip.holds(frozen, shown, text, types):
            fidelity = Fidelity.EXACT
    # What was left out is not in the tree: a hash of the rest would be that of other values too.
    with_hash = writing.with_hash and frozen.is_whole
    canonical = write_canonical(frozen.tree).encode() if with_hash else None
    return _finish(
        text,
        fidelity,
        canonical,
        max_bytes=writing.max_bytes,
        value=shown.value,
        types=types,
    )


def _finish(  # noqa: PLR0913 -- a payload's parts, each by its name
    text: bytes,
    fidelity: Fidelity,
    canonical: bytes | None,
    *,
    max_bytes: int,
    value: Any,
    types: bytes | None = None,
) -> Encoded:
    input_hash = None if canonical is None else sha256(canonical).hexdigest()
    if len(text) <= max_bytes:
        return Encoded(text, fidelity.value, input_hash=input_hash, types=types)
    whole = value.encode() if type(value) is str else text
    preview = whole[: max_bytes // _PREVIEW_SHARE].decode("utf-8", "ignore")
    return Encoded(
        _write_preview(preview, max_bytes),
        Fidelity.TRUNCATED.value,
        whole=Whole(len(text), sha256(text).hexdigest(), count_text_bytes(value)),
        input_hash=input_hash,
    )


def write_beginning(value: str, *, max_bytes: int) -> Encoded:
    """Return the payload of a text whose rest is not read: neither its length nor hash is known."""
    length = max_bytes // _PREVIEW_SHARE
    kept = value[:length].encode("utf-8", "replace")[:length].decode("utf-8", "ignore")
    return Encoded(_write_preview(kept, max_bytes), Fidelity.TRUNCATED.value)


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
        if len(below) > MAX_PLAIN_NODES:
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


def write_payload(encoded: Encoded) -> dict[str, Any]:
    """Return a payload as a part of a record that orjson writes."""
    payload: dict[str, Any] = {
        "value": orjson.Fragment(encoded.text),
        "codec": CODECS[encoded.types is not None].decode(),
        "fidelity": encoded.fidelity,
    }
    if encoded.types is not None:
        payload["types"] = orjson.Fragment(encoded.types)
    if encoded.whole is not None:
        payload["bytes"] = encoded.whole.json_bytes
        payload["sha256"] = encoded.whole.json_sha256
    return payload


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
