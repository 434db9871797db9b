"""What an edit costs, in halves: so that all costs are whole numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agenttrace.diff.hashes import digest

if TYPE_CHECKING:
    from agenttrace.diff.nodes import Tree

DELETE: Final = 2
"""Of a span that is added or removed."""

CHANGE: Final = 1
"""Of a span whose content differs."""

RENAME: Final = 2

MOVE: Final = 1
"""Of a span that is elsewhere, or in another order; what is below it comes with it."""

NEVER: Final = 1_000
"""Of two spans that are not the same call: more than removing one and adding the other."""

HALVES: Final = 2

NO_INPUTS: Final = frozenset({b"", digest([b"{}"]), digest([b"null"])})
"""Inputs that say nothing: that two of them are equal makes no two calls one."""


def price_match(base: Tree, left: int, head: Tree, right: int) -> int:
    """Return what it costs that one node becomes the other, apart from what is below them."""
    if base.label[left] == head.label[right]:
        return 0
    if base.key[left] == head.key[right]:
        return CHANGE
    given = base.parts[left].input
    if (
        base.key[left][0] == head.key[right][0]
        and given == head.parts[right].input
        and given not in NO_INPUTS
    ):
        return RENAME
    return NEVER
