"""A node that is new around nodes that were there, in gaps too large for an exact distance."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.diff.align.sequences import Gap

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from agenttrace.diff.nodes import Tree

_MAX_LAYERS: Final = 8
"""So many layers that hold nothing else are looked through at once."""


class Wrapped(NamedTuple):
    """Siblings to align: those of one side, and the children of a node of the other.

    `gap` is where they come from, `place` the node's place on its side, `is_right` which it is.
    """

    left: list[int]
    right: list[int]
    gap: Gap
    place: int
    is_right: bool

    def beside(self, pairs: Sequence[tuple[int, int]]) -> list[Gap]:
        """Return what is left beside the node once these pairs were made of it."""
        if not pairs:
            return []
        outer, inner = (self.gap.left, self.gap.right)
        if not self.is_right:
            outer, inner = inner, outer
        taken = {pair[not self.is_right] for pair in pairs}
        places = [place for place, node in enumerate(outer) if node in taken]
        before = outer[: places[0]], inner[: self.place]
        after = outer[places[-1] + 1 :], inner[self.place + 1 :]
        found = [Gap(*each) if self.is_right else Gap(*each[::-1]) for each in (before, after)]
        return [gap for gap in found if gap.left and gap.right]


def find_wrapper(
    base: Tree, left: Sequence[int], head: Tree, right: Sequence[int]
) -> Wrapped | None:
    """Return the node that most of the other side is found within; None when there is none."""
    gap = Gap(list(left), list(right))
    added = _find_best(base, left, head, right)
    gone = _find_best(head, right, base, left)
    if added is None and gone is None:
        return None
    if gone is None or (added is not None and added[0] >= gone[0]):
        assert added is not None
        _, place, children = added
        return Wrapped(gap.left, children, gap, place, is_right=True)
    _, place, children = gone
    return Wrapped(children, gap.right, gap, place, is_right=False)


def _find_best(
    inside: Tree, nodes: Sequence[int], outside: Tree, candidates: Sequence[int]
) -> tuple[int, int, list[int]] | None:
    """Return how many nodes are found, the place of the node around them, and its children."""
    wanted = _count(inside, nodes)
    best: tuple[int, int, list[int]] | None = None
    for place, candidate in enumerate(candidates):
        node = candidate
        for _ in range(_MAX_LAYERS):
            children = outside.ordered_children(node)
            if not children:
                break
            found = _share(wanted, _count(outside, children))
            if found * 2 >= min(len(nodes), len(children)) and (best is None or found > best[0]):
                best = (found, place, list(children))
            if len(children) > 1:
                break
            node = children[0]
    return best


def _count(tree: Tree, nodes: Sequence[int]) -> Counter[Hashable]:
    return Counter(tree.key[node] for node in nodes)


def _share(wanted: Counter[Hashable], given: Counter[Hashable]) -> int:
    return (wanted & given).total()
