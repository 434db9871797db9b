"""Nodes that stayed while what was below them moved away.

An exact distance may keep a moved subtree in its place and take the nodes around it for removed
and added. Where a move costs less, those nodes are pairs again, and the subtree has moved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.diff.align.costs import DELETE, MOVE, price_match
from agenttrace.diff.align.mapping import NONE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agenttrace.diff.align.mapping import Mapping
    from agenttrace.diff.nodes import Tree

_MAX_SIZE: Final = 4_096


class Anchor(NamedTuple):
    """A pair to make, and the nodes of base that are then below another node than before."""

    left: int
    right: int
    moved: list[int]


def find_anchors(mapping: Mapping) -> Iterator[Anchor]:
    """Yield nodes without partners that are the same below the same; apply each before the next."""
    base, head = mapping.base, mapping.head
    waiting: dict[tuple[int, tuple[str, str, str]], list[int]] = {}
    for y in range(len(head) - 1, 0, -1):
        if mapping.to_base[y] == NONE:
            waiting.setdefault((head.parent[y], head.key[y]), []).append(y)
    for x in range(1, len(base)):
        parent = mapping.to_head[base.parent[x]]
        if mapping.to_head[x] != NONE or parent == NONE:
            continue
        for y in waiting.get((parent, base.key[x]), ()):
            found = _judge(mapping, x, y) if mapping.to_base[y] == NONE else None
            if found is not None:
                yield found
                break


def _judge(mapping: Mapping, left: int, right: int) -> Anchor | None:
    base, head = mapping.base, mapping.head
    if max(base.size[left], head.size[right]) > _MAX_SIZE:
        return None
    ours = _list_covered(base, mapping.to_head, left)
    others = {mapping.to_base[y] for y in _list_covered(head, mapping.to_base, right)}
    if not ours and not others:
        return None  # whole subtrees: they are looked for as such
    moved = sorted(set(ours) ^ others)
    new = [x for x in moved if x not in mapping.moved]
    saved = 2 * DELETE - price_match(base, left, head, right)
    return Anchor(left, right, moved) if MOVE * len(new) < saved else None


def _list_covered(tree: Tree, partners: Sequence[int], top: int) -> list[int]:
    """Return the nodes in pairs that have only nodes without partners between them and a node."""
    found = []
    stack = list(tree.children[top])
    while stack:
        node = stack.pop()
        if partners[node] != NONE:
            found.append(node)
        else:
            stack.extend(tree.children[node])
    return found
