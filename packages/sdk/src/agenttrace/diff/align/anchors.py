"""Nodes that stayed while what was below them moved away.

An exact distance may keep a moved subtree in its place and take the nodes around it for removed
and added. Where a move costs less, those nodes are pairs again, and the subtree has moved.

Every node in a pair has at most one node without a partner right below a pair that is around it.
So which leftovers are around the same nodes is found by looking once at each node; of the others
of a name only the nearest are judged.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.diff.align.costs import DELETE, MOVE, price_match
from agenttrace.diff.align.mapping import NONE

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from agenttrace.diff.align.budget import Budget
    from agenttrace.diff.align.mapping import Mapping
    from agenttrace.diff.nodes import Tree

MAX_NEAR: Final = 32
"""So many leftovers of one name, and so many of one content, are judged for one node."""

_ALONE: Final = 2 * DELETE


class Anchor(NamedTuple):
    """A pair to make, and the nodes of base that are then below another node than before."""

    left: int
    right: int
    moved: list[int]


def find_anchors(mapping: Mapping, budget: Budget, tick: Callable[[], None]) -> Iterator[Anchor]:
    """Yield nodes without partners that are the same below the same; apply each before the next."""
    base, head = mapping.base, mapping.head
    search = _Search(mapping, budget)
    place = 0
    for x in range(1, len(base)):
        parent = mapping.to_head[base.parent[x]]
        if mapping.to_head[x] != NONE:
            place = mapping.to_head[x]
            continue
        if parent == NONE or not search.has(x):
            continue
        tick()
        is_within = parent < place < parent + head.size[parent]
        found = search.find(x, place if is_within else parent)
        if found is not None:
            search.note_moved(found)
            yield found
            search.note_joined(found)
            place = found.right


class _Leftovers:
    """The nodes of a tree without partners right below one that has one.

    `below` has the nodes in pairs within each, as nodes of base, that have only nodes without
    partners between; `top` is that turned round. `fresh` counts those of each that have not moved.
    """

    def __init__(self, tree: Tree, partners: Sequence[int]) -> None:
        self._tree, self._partners = tree, partners
        self.below: dict[int, list[int]] = {}
        self.top: dict[int, int] = {}
        self.fresh: dict[int, int] = {}

    def add(self, top: int, names: Sequence[int], moved: dict[int, str]) -> int:
        """Take up a node; return how many nodes were looked at. `names` are nodes as of base."""
        below, count = [], 0
        stack = list(self._tree.children[top])
        while stack:
            node = stack.pop()
            count += 1
            if self._partners[node] != NONE:
                below.append(names[node])
            else:
                stack.extend(self._tree.children[node])
        self.below[top] = below
        self.top.update(dict.fromkeys(below, top))
        self.fresh[top] = sum(node not in moved for node in below)
        return count

    def note_moved(self, node: int) -> None:
        """Take note that a node, as of base, has moved."""
        if node in self.top:
            self.fresh[self.top[node]] -= 1


class _Search:
    def __init__(self, mapping: Mapping, budget: Budget) -> None:
        self._mapping, self._budget = mapping, budget
        self._left = _Leftovers(mapping.base, mapping.to_head)
        self._right = _Leftovers(mapping.head, mapping.to_base)
        self._own = range(len(mapping.base))
        self._waiting: dict[Hashable, list[int]] = {}
        for x, y in enumerate(mapping.to_head):
            if y != NONE:
                self._open(x, y)

    def has(self, x: int) -> bool:
        """Tell whether a leftover of base was taken up: not so once the budget is spent."""
        return x in self._left.below

    def _open(self, left: int, right: int) -> int:
        """Take up the leftovers right below a pair; return how many nodes were looked at."""
        mapping, count = self._mapping, 0
        for x in mapping.base.children[left]:
            if mapping.to_head[x] == NONE:
                count += 1 + self._left.add(x, self._own, mapping.moved)
        for y in mapping.head.children[right]:
            if mapping.to_base[y] == NONE:
                count += 1 + self._right.add(y, mapping.to_base, mapping.moved)
                for name in self._list_names(mapping.head, y, right):
                    insort(self._waiting.setdefault(name, []), y)
        return count

    def find(self, x: int, place: int) -> Anchor | None:
        """Return the cheapest pair of a leftover of base that costs less than the two alone.

        `place` is where in head it would be; of two as cheap the nearer is taken.
        """
        mapping, left, right = self._mapping, self._left, self._right
        shared = Counter(
            right.top[node]
            for node in left.below[x]
            if node in right.top and node not in mapping.moved
        )
        best: tuple[int, int, int] | None = None
        for y in sorted({*shared, *self._list_near(x, place)}):
            if not self._is_alike(x, y):
                continue
            if not self._budget.take_steps(1):
                break
            price = price_match(mapping.base, x, mapping.head, y)
            price += MOVE * (left.fresh[x] + right.fresh[y] - 2 * shared[y])
            if price < _ALONE and (best is None or (price, abs(y - place), y) < best):
                best = price, abs(y - place), y
        if best is None:
            return None
        return Anchor(x, best[2], sorted({*left.below[x]} ^ {*right.below[best[2]]}))

    def _is_alike(self, x: int, y: int) -> bool:
        base, head, to_head = self._mapping.base, self._mapping.head, self._mapping.to_head
        is_free = self._mapping.to_base[y] == NONE
        return is_free and head.key[y] == base.key[x] and head.parent[y] == to_head[base.parent[x]]

    def _list_near(self, x: int, place: int) -> list[int]:
        """Return leftovers of its content and of its name, the nearest ones.

        Of a node around nothing, only those that are around something: whole subtrees on both
        sides are no anchors, but looked for as such.
        """
        base = self._mapping.base
        parent = self._mapping.to_head[base.parent[x]]
        found = []
        for content in (base.label[x], base.key[x]):
            waiting = self._waiting.get((parent, content, not self._left.below[x]), [])
            start = max(0, bisect_left(waiting, place) - MAX_NEAR // 2)
            found += waiting[start : start + MAX_NEAR]
        return found

    def note_moved(self, anchor: Anchor) -> None:
        """Take note of what moves by a pair, before it does."""
        for node in anchor.moved:
            if node not in self._mapping.moved:
                self._left.note_moved(node)
                self._right.note_moved(node)

    def note_joined(self, anchor: Anchor) -> None:
        """Take note that a pair is made: what is right below it may be one."""
        head = self._mapping.head
        for name in self._list_names(head, anchor.right, head.parent[anchor.right]):
            waiting = self._waiting[name]
            del waiting[bisect_left(waiting, anchor.right)]
        if self._budget.steps:
            self._budget.take_steps(self._open(anchor.left, anchor.right))

    def _list_names(self, tree: Tree, y: int, parent: int) -> list[Hashable]:
        """Return what a leftover of head is looked for by; the last part: is it around another."""
        sides = (True, False) if self._right.below[y] else (False,)
        return [(parent, each, side) for each in (tree.label[y], tree.key[y]) for side in sides]
