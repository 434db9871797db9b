"""A value as it is compared: every part of it with a key that is equal where the parts are equal.

A short scalar is its own key, a text of `n`, `s` or what else its kind begins with. All else has a
digest, an object's or list's over the keys of its parts: two values are equal by the rules exactly
when their keys are, but for numbers within a tolerance, which only `are_close` tells.
"""

from __future__ import annotations

import re
from enum import StrEnum
from hashlib import blake2b
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agenttrace.diff.fields.rules import Unordered
    from agenttrace.wire import JsonValue

WEIGHT: Final = 16
"""What one scalar, and one object or list apart from its parts, counts in a distance."""

SHORT_CHARS: Final = 80
"""A longer text is compared by lines and words, not as one thing."""

_SKETCH_BITS: Final = 4096
_MAX_SKETCHED_CHARS: Final = 20_000
_words: Final = re.compile(r"\w+|[^\w\s]").findall


class Form(StrEnum):
    """What a branch is made of."""

    OBJECT = "o"
    LIST = "l"
    TEXT = "j"  # a text that holds JSON: its only part is what it holds


class Leaf:
    """A scalar that is more than its key: a long text, a number with a tolerance, a typed value.

    `text` is a long text with what is masked replaced. `number` is set where numbers have a
    tolerance. `is_coarse`: not looked into, because the whole of which it is a part is too large.
    """

    __slots__ = ("_sketch", "is_coarse", "key", "number", "text", "type")

    def __init__(
        self,
        key: str,
        *,
        text: str | None = None,
        number: float | None = None,
        type_: str | None = None,
        is_coarse: bool = False,
    ) -> None:
        self.key = key
        self.text = text
        self.number = number
        self.type = type_
        self.is_coarse = is_coarse
        self._sketch: int | None = None

    @property
    def sketch(self) -> int:
        """The words of the text and their order as a set of bits, to see what texts share."""
        if self._sketch is None:
            words = _words((self.text or "")[:_MAX_SKETCHED_CHARS])
            held = bytearray(_SKETCH_BITS // 8)
            for one, other in pairwise(["", *words]):
                at = crc32(f"{one} {other}".encode("utf-8", "surrogatepass")) % _SKETCH_BITS
                held[at >> 3] |= 1 << (at & 7)
            self._sketch = int.from_bytes(held, "little")
        return self._sketch


class Branch:
    """An object, a list, or a text that holds JSON, with the parts that the rules leave.

    An object's `names` maps the names by which its parts are matched to those in the value,
    `ignored` has those left out. A list's `at` has the positions of its parts in the value.
    `names` and `at` are None where nothing was renamed or left out.
    """

    __slots__ = (
        "at",
        "form",
        "ignored",
        "inner",
        "items",
        "key",
        "masked",
        "members",
        "type",
        "unordered",
        "weight",
    )

    def __init__(self, form: Form) -> None:
        self.form = form
        self.key = ""
        self.weight = WEIGHT
        self.members: dict[str, Part] = {}
        self.items: list[Part] = []
        self.masked: dict[str, str] | None = None
        self.at: list[int] | None = None
        self.ignored: tuple[str, ...] = ()
        self.inner: JsonValue = None
        self.type: str | None = None
        self.unordered: Unordered | None = None

    def place_of(self, position: int) -> int:
        """Return the place in the value of the part at `position`."""
        return position if self.at is None else self.at[position]


Part: TypeAlias = str | Leaf | Branch

IGNORED: Final = "i"
"""The key of a value that is left out of account as a whole."""


def key_of(part: Part) -> str:
    """Return what is equal exactly where parts are equal."""
    return part if type(part) is str else part.key  # type: ignore[union-attr]  # just checked


def weight_of(part: Part) -> int:
    """Return how much there is of a part, in units of `WEIGHT`."""
    return part.weight if type(part) is Branch else WEIGHT


def type_of(part: Part) -> str | None:
    """Return the recorded type that JSON cannot say, if any."""
    return None if isinstance(part, str) else part.type


def content_key(part: Part) -> str:
    """Return the key without the recorded type."""
    key, described = key_of(part), type_of(part)
    return key if described is None else key[len(_write_type(described)) :]


def type_key(key: str, described: str) -> str:
    """Return the key of a value with this key and this recorded type."""
    return _write_type(described) + key


def _write_type(described: str) -> str:
    return f"T{len(described)}:{described}"


def list_member_keys(branch: Branch) -> list[str]:
    """Return names and keys in turn, in the order of the names as they read."""
    masked, members = branch.masked, branch.members
    if masked is None:
        return [each for name in sorted(members) for each in (name, key_of(members[name]))]
    named = sorted((masked.get(name, name), key_of(part)) for name, part in members.items())
    return [each for pair in named for each in pair]


def pair_members(base: Branch, head: Branch) -> list[tuple[str | None, str | None]]:
    """Return the names of members that belong together, None on the side that lacks one.

    Names are matched as they are, then as they read when masked. Ignored ones are left out, and so
    is a member whose name the other side ignores.
    """
    one, other = base.members, head.members
    pairs: list[tuple[str | None, str | None]] = [(name, name) for name in one if name in other]
    gone = dict.fromkeys(name for name in one if name not in other and name not in head.ignored)
    new = dict.fromkeys(name for name in other if name not in one and name not in base.ignored)
    if base.masked and head.masked and gone and new:
        reads = {head.masked[name]: name for name in new if name in head.masked}
        for name in [each for each in gone if each in base.masked]:
            match = reads.pop(base.masked[name], None)
            if match is not None:
                pairs.append((name, match))
                del gone[name], new[match]
    pairs += [(name, None) for name in gone]
    pairs += [(None, name) for name in new]
    return pairs


def digest_parts(form: Form, keys: Iterable[str]) -> str:
    """Return the key of a branch whose parts have these keys, in this order."""
    return digest_text(form, "".join([f"{len(key)}:{key}" for key in keys]))


def digest_text(kind: str, text: str) -> str:
    """Return the key of something too long to be its own."""
    return kind + blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def read_scalar(value: Any) -> str:
    """Return the key of null, a boolean or a number; 1 and 1.0 have one key, true has another."""
    if value is None:
        return "z"
    if value is True:
        return "t"
    if value is False:
        return "f"
    if isinstance(value, float):
        if not value.is_integer():  # neither are NaN and the infinities
            return f"n{value!r}"
        value = int(value)
    if isinstance(value, int):
        # Beyond 4,300 digits Python writes no decimal text, and hexadecimal takes linear time.
        return f"n{value}" if value.bit_length() < _MAX_DECIMAL_BITS else f"x{value:x}"
    raise TypeError(f"{type(value).__name__} is no JSON: expected what json.loads returns")


_MAX_DECIMAL_BITS: Final = 2048


def write_scalar(key: str) -> JsonValue:
    """Return the value that a scalar's own key stands for."""
    kind, said = key[0], key[1:]
    if kind == "s":
        return said
    if kind == "n":
        return int(said) if said.lstrip("-").isdigit() else float(said)
    if kind == "x":
        return int(said, 16)
    return {"z": None, "t": True, "f": False}[kind]
