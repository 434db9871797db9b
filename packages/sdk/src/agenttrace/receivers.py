"""Which of several objects a method was called on: a digest of what tells it from the others.

`self` is no part of a call's input. So that a replay can tell the calls of two agents apart all the
same, an object that is not like the first one that a function was called on is described: by its
class, and what texts, integers and booleans it held when it was first seen, but for secrets and
what differs in every run. No content of it is recorded, and no code of it runs.
"""

from __future__ import annotations

import re
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Final
from weakref import ref

from agenttrace.encoding.objects import spell_class
from agenttrace.redaction.keys import find_rule

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLAIN: Final = frozenset(map(id, (str, int, bool)))
_VOLATILE: Final = re.compile(
    r"\b[0-9a-f]{16,}\b|[0-9a-f]{8}-[0-9a-f]{4}-|\b\d{4}-\d{2}-\d{2}\b|\b\d{9,}\b", re.IGNORECASE
)
_MAX_CHARS: Final = 4096


class Receivers:
    """The digests of the objects of one recorder, each made when it is first seen."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[ref[object], str]] = {}

    def read(self, receiver: object) -> str:
        """Return the digest of an object, or of a class: 16 hexadecimal digits."""
        key = id(receiver)
        known = self._known.get(key)
        if known is not None and known[0]() is receiver:
            return known[1]
        digest = _describe(receiver)
        try:
            self._known[key] = (ref(receiver, partial(self._forget, key)), digest)
        except TypeError:  # it cannot be referred to weakly
            return digest
        return digest

    def _forget(self, key: int, gone: ref[object]) -> None:
        known = self._known.get(key)
        if known is not None and known[0] is gone:
            del self._known[key]


def _describe(receiver: object) -> str:
    cls = receiver if isinstance(receiver, type) else type(receiver)
    parts = [spell_class(cls) or ""]
    if cls is not receiver:
        parts += sorted(_list_parts(receiver))
    return blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=8).hexdigest()


def _list_parts(receiver: object) -> Iterator[str]:
    try:
        held = object.__getattribute__(receiver, "__dict__")
    except AttributeError:
        return
    for name, value in list(held.items()) if type(held) is dict else ():
        if id(type(value)) in _PLAIN and type(name) is str and find_rule(name) is None:
            text = str(value)
            if len(text) <= _MAX_CHARS and not _VOLATILE.search(text):
                yield f"{name}={text}"
