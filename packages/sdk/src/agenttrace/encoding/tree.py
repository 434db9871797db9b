"""A frozen value: plain containers and scalars, with a tag where a type would otherwise be lost.

The two texts that are made from it differ in what they do with tags: a payload shows the content
(`encoding.payload`), the canonical form keeps the tag, so that distinct values stay distinct
(`encoding.canonical`).
"""

from __future__ import annotations

from typing import Final, TypeAlias

from agenttrace.wire import Fidelity

MAX_DEPTH: Final = 32
MAX_NODES: Final = 10_000
MAX_PLAIN_NODES: Final = 262_144
"""Of what JSON has types for; of anything else MAX_NODES."""
MAX_TEXT_CHARS: Final = 32 * 1024 * 1024
MAX_CPU_SECONDS: Final = 0.1
"""The thread's own, and about four times what MAX_NODES cost on a slow machine: a busy one does
not bring a value to it, whose hash would be gone with the rest."""

FLOAT: Final = "float"
BYTES: Final = "bytes"
BUFFER: Final = "buffer"
TEXT: Final = "text"
OPAQUE: Final = "opaque"
CYCLE: Final = "cycle"
CUT: Final = "cut"
SHOWN: Final = "shown"
CLASS: Final = "class"
"""The kind of a class as a value, which only the exceptions of a recording have."""
"""The type of what is shown by its content and cannot be made again from it."""
STATE: Final = frozenset({"attributes", "private"})
"""The parts of a tag's `extra` that hold values; the others hold names and figures."""
SHOWN_TAGS: Final = frozenset({FLOAT, BYTES, TEXT, OPAQUE, CYCLE, CUT})
"""Tags that JSON has no content for without them: a payload shows these as `{"$tag": value}`."""


class Tag:
    """A value whose type JSON does not have: `tag` says which, `name` which class, if any.

    These three are what the canonical form knows. `type` is for the map beside a payload: the
    kind and class that decoding goes by, such as `dataclass shop:Order`; empty when there is
    nothing to say. `extra` is what decoding needs besides, such as fields that are no content.
    """

    __slots__ = ("extra", "name", "tag", "type", "value")

    def __init__(
        self,
        tag: str,
        value: Tree,
        name: str | None = None,
        *,
        type: str | None = None,  # noqa: A002 -- the wire format's word, given by keyword only
        extra: dict[str, Tree] | None = None,
    ) -> None:
        self.tag = tag
        self.value = value
        self.name = name
        self.type = tag if type is None else type
        self.extra = extra


class Pairs:
    """A dict whose keys are not all text: its items in their order."""

    __slots__ = ("items",)

    def __init__(self, items: list[tuple[Tree, Tree]]) -> None:
        self.items = items


Tree: TypeAlias = "bool | int | float | str | list[Tree] | dict[str, Tree] | Tag | Pairs | None"

_RANK: Final = {
    Fidelity.EXACT: 0,
    Fidelity.STRUCTURAL: 1,
    Fidelity.OPAQUE: 2,
    Fidelity.REDACTED: 3,
    Fidelity.TRUNCATED: 4,
}


def pick_worse(one: Fidelity, other: Fidelity) -> Fidelity:
    """Return the fidelity of a whole whose parts have these two."""
    return one if _RANK[one] >= _RANK[other] else other


class Frozen:
    """A tree, its fidelity, and about how many bytes of memory it takes.

    `is_whole` is false when a part was left out, so that different values may have this tree.
    """

    __slots__ = ("fidelity", "is_whole", "size", "tree")

    def __init__(self, tree: Tree, fidelity: Fidelity, size: int, *, is_whole: bool) -> None:
        self.tree = tree
        self.fidelity = fidelity
        self.size = size
        self.is_whole = is_whole
