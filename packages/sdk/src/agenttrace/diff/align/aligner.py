"""The alignment of two runs: from equal subtrees over exact distances to gaps and moves.

It works on the smaller digest first, whichever run that is, so that the alignment of B with A is
that of A with B turned round. No recursion: what is still to do waits in a list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.diff.align.anchors import find_anchors
from agenttrace.diff.align.bags import PairPrices, bound_cost
from agenttrace.diff.align.budget import Budget
from agenttrace.diff.align.costs import MOVE
from agenttrace.diff.align.crossings import find_crossings, find_lane_changes
from agenttrace.diff.align.distance import align_forests
from agenttrace.diff.align.gaps import find_wrapper
from agenttrace.diff.align.lanes import pair_lanes
from agenttrace.diff.align.layers import look_through
from agenttrace.diff.align.mapping import NONE, Mapping
from agenttrace.diff.align.moves import OTHER_PARENT, REORDERED, find_moves
from agenttrace.diff.align.sequences import (
    Gap,
    Region,
    SequenceAligner,
    find_gaps,
    split_regions,
)
from agenttrace.diff.nodes import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agenttrace.diff.nodes import Tree

MAX_EXACT_PAIRS: Final = 4_096
"""Two ordered subtrees whose sizes multiply to no more are aligned exactly."""

MAX_GAP: Final = 64
"""So many nodes on each side of a gap are aligned exactly."""

MAX_EXACT_PRODUCT: Final = 160_000
"""Two ordered runs whose sizes multiply to no more are aligned exactly where nothing else is proven
the least, and the table takes no more cells than `MAX_RUN_CELLS`."""

_MUCH: Final = 1.5


class Alignment(NamedTuple):
    """The pairs, their cost in halves, and whether it may be above the least.

    `ordered_cost` is what it was before moves were found: comparable with a tree edit distance.
    `is_exact`: that is the tree edit distance.
    """

    mapping: Mapping
    cost: int
    ordered_cost: int
    is_exact: bool
    is_approximate: bool


class _Aligner:
    def __init__(
        self, base: Tree, head: Tree, tick: Callable[[], None], *, is_exact: bool = False
    ) -> None:
        self._base, self._head = base, head
        self._budget = Budget(is_for_runs=is_exact)
        self._is_tried = is_exact
        self._is_exact = False
        self._mapping = Mapping(base, head)
        self._prices = PairPrices(base, head)
        self._siblings = SequenceAligner(base, head, self._prices, self._budget)
        self._known: dict[tuple[bytes, bytes], list[tuple[int, int]]] = {}
        self._tick = tick
        self._pairs: list[tuple[int, int]] = []
        self._gaps: list[Gap] = []

    def align(self) -> Alignment:
        """Return the alignment of the two runs."""
        self._join(ROOT, ROOT)
        self._work()
        before_moves = self._mapping.add_up()
        self._uncross()
        for anchor in find_anchors(self._mapping, self._budget, self._tick):
            self._mapping.join(anchor.left, anchor.right)
            self._mapping.moved.update(dict.fromkeys(anchor.moved, OTHER_PARENT))
        for left, right in find_moves(self._mapping, self._tick):
            self._join(left, right)
            self._work()
        self._mapping.moved.update(find_lane_changes(self._mapping))
        cost = self._mapping.add_up()
        is_least = cost <= max(MOVE, bound_cost(self._base, self._head))
        is_approximate = not (is_least or self._is_exact)
        return Alignment(self._mapping, cost, before_moves, self._is_exact, is_approximate)

    def _uncross(self) -> None:
        for crossing in find_crossings(self._mapping, self._prices):
            for x, y in crossing.old:
                self._mapping.part(x, y)
            for x, y in crossing.new:
                self._join(x, y)
            self._mapping.moved.update(dict.fromkeys(crossing.moved, REORDERED))
            self._work()

    def _join(self, left: int, right: int) -> None:
        """Make a pair; what is below it is done at once where it is equal, else later."""
        if self._base.full[left] == self._head.full[right]:
            self._mapping.join_equal(left, right)
            return
        self._mapping.join(left, right)
        if self._base.size[left] > 1 and self._head.size[right] > 1:
            self._pairs.append((left, right))

    def _work(self) -> None:
        while self._pairs or self._gaps:
            self._tick()
            if self._gaps:
                self._close_gap(self._gaps.pop())
            else:
                self._align_below(*self._pairs.pop())

    def _align_below(self, left: int, right: int) -> None:
        base, head = self._base, self._head
        is_plain = base.is_plain[left] and head.is_plain[right]
        if (is_plain and self._match_in_place(left, right)) or (
            (is_plain or (self._is_tried and left == ROOT)) and self._align_exactly(left, right)
        ):
            self._is_exact = self._is_exact or left == ROOT
            return
        children = base.children[left], head.children[right]
        is_chain = len(children[0]) == len(children[1]) == 1
        if not (is_chain and self._align_chains(children[0][0], children[1][0])):
            self._align_children(left, right)

    def _align_chains(self, left: int, right: int) -> bool:
        """Align nodes that hold one another and nothing else; False when they share no content.

        They are aligned as far as the last that is the same: one chain may end where the other
        goes on in a branch.
        """
        base, head = self._base, self._head
        pairs = self._siblings.align_chain(_follow_chain(base, left), _follow_chain(head, right))
        while pairs and base.label[pairs[-1][0]] != head.label[pairs[-1][1]]:
            pairs.pop()
        if not pairs or any(self._is_taken(x, y) for x, y in pairs):
            return False
        for x, y in pairs:
            self._mapping.join(x, y)
        self._pairs.append(pairs[-1])
        return True

    def _align_children(self, left: int, right: int) -> None:
        base, head = self._base, self._head
        if len(base.lanes[left]) <= 1 and len(head.lanes[right]) <= 1:
            self._align_lane(self._list_free(left), self._list_free_right(right))
            return
        lanes = self._keep_free(base.lanes[left]), self._keep_free_right(head.lanes[right])
        paired = pair_lanes(base, lanes[0], head, lanes[1], self._budget)
        for one, other in paired.pairs:
            self._align_lane(one, other)
        self._close_leftovers(left, right)

    def _match_in_place(self, left: int, right: int) -> bool:
        """Pair two subtrees of one shape node by node, where nothing could cost less.

        That is so where no content that one of them lacks at its place is elsewhere in the other.
        """
        base, head = self._base, self._head
        size = base.size[left]
        if size != head.size[right]:
            return False
        ours, theirs = slice(left + 1, left + size), slice(right + 1, right + size)
        if base.key[ours] != head.key[theirs]:
            return False
        down = head.depth[right] - base.depth[left]
        if [depth + down for depth in base.depth[ours]] != head.depth[theirs]:
            return False
        labels = zip(base.label[ours], head.label[theirs], strict=True)
        differing = [pair for pair in labels if pair[0] != pair[1]]
        if {pair[0] for pair in differing} & {pair[1] for pair in differing}:
            return False
        pairs = list(
            zip(range(ours.start, ours.stop), range(theirs.start, theirs.stop), strict=True)
        )
        if any(self._is_taken(x, y) for x, y in pairs):
            return False
        for x, y in pairs:
            self._mapping.join(x, y)
        return True

    def _align_exactly(self, left: int, right: int) -> bool:
        """Align what is below a pair exactly; False when size or budget do not allow it."""
        base, head = self._base, self._head
        is_small = base.size[left] * head.size[right] <= MAX_EXACT_PAIRS
        if not is_small and not (self._is_tried and left == ROOT):
            return False
        names = base.full[left], head.full[right]
        if names not in self._known:
            pairs = align_forests(
                base,
                self._list_free(left),
                head,
                self._list_free_right(right),
                self._budget,
                self._tick,
                is_free=is_small and left == ROOT,
            )
            if pairs is None:
                return False
            self._known[names] = [(x - left, y - right) for x, y in pairs]
        pairs = [(x + left, y + right) for x, y in self._known[names]]
        if any(self._is_taken(x, y) for x, y in pairs):
            return False
        for x, y in pairs:
            self._mapping.join(x, y)
        return True

    def _align_lane(self, left: Sequence[int], right: Sequence[int]) -> None:
        if not left or not right:
            return
        matched = self._siblings.align(left, right)
        for region in split_regions(self._base, left, self._head, right, matched.pairs):
            self._align_region(region)

    def _align_region(self, region: Region) -> None:
        """Make the pairs of siblings between two that are equal, or put them off.

        What is left over there may be around one of them, or within, and so may one of two that
        are called otherwise: a small region with either is aligned exactly, of a larger one those
        pairs are put off that may be one around another.
        """
        pairs = region.pairs
        is_whole = len(pairs) == max(len(region.left), len(region.right))
        if not is_whole or any(self._is_rename(*pair) for pair in pairs):
            sizes = (
                sum(self._base.size[x] for x in region.left),
                sum(self._head.size[y] for y in region.right),
            )
            if max(sizes) <= MAX_GAP:
                pairs = []
            else:
                pairs = [pair for pair in pairs if not self._is_doubtful(*pair)]
        for x, y in pairs:
            self._join(x, y)
        self._gaps += find_gaps(region.left, region.right, pairs)

    def _is_doubtful(self, left: int, right: int) -> bool:
        """Tell whether a pair may rather be one node around what became of the other.

        Such as a call that is retried by one of its own name: much larger, or much smaller.
        """
        sizes = self._base.size[left], self._head.size[right]
        if max(sizes) <= MAX_GAP:
            return False
        return self._is_rename(left, right) or min(sizes) * _MUCH < max(sizes)

    def _is_rename(self, left: int, right: int) -> bool:
        return self._base.key[left] != self._head.key[right]

    def _close_leftovers(self, left: int, right: int) -> None:
        """Close the gap between what no lane of a pair of nodes found a partner for."""
        while self._gaps:  # those within lanes first
            self._close_gap(self._gaps.pop())
        is_free = self._mapping.is_free_subtree
        gap = Gap(
            [child for child in self._list_free(left) if is_free(child, None)],
            [child for child in self._list_free_right(right) if is_free(None, child)],
        )
        if gap.left and gap.right:
            self._gaps.append(gap)

    def _close_gap(self, gap: Gap) -> None:
        base, head = self._base, self._head
        sizes = sum(base.size[x] for x in gap.left), sum(head.size[y] for y in gap.right)
        if max(sizes) <= MAX_GAP:
            pairs = align_forests(base, gap.left, head, gap.right, self._budget, self._tick)
            if pairs is not None:
                for x, y in pairs:
                    self._mapping.join(x, y)
                return
        is_single = len(gap.left) == len(gap.right) == 1
        if is_single and self._align_chains(gap.left[0], gap.right[0]):
            return
        found = find_wrapper(base, gap.left, head, gap.right)
        if found is None:
            self._join_within_layers(gap)
            return
        matched = self._siblings.align(found.left, found.right)
        for x, y in matched.pairs:
            self._join(x, y)
        self._gaps += matched.gaps
        self._gaps += found.beside(matched.pairs)

    def _join_within_layers(self, gap: Gap) -> None:
        """Make the pairs of a gap wherever layers are around them.

        Without any, make those that were put off, in case one is around the other.
        """
        found = look_through(self._base, self._head, gap, self._budget)
        matched = None if found is None else self._siblings.align(*found)
        if matched is not None and matched.pairs:
            self._gaps += matched.gaps
        else:
            matched = self._siblings.align(*gap)
        for x, y in matched.pairs:
            self._join(x, y)

    def _list_free(self, node: int) -> list[int]:
        children = self._base.ordered_children(node)
        return [child for child in children if self._mapping.to_head[child] == NONE]

    def _list_free_right(self, node: int) -> list[int]:
        children = self._head.ordered_children(node)
        return [child for child in children if self._mapping.to_base[child] == NONE]

    def _keep_free(self, lanes: list[list[int]]) -> list[list[int]]:
        to_head = self._mapping.to_head
        kept = [[child for child in lane if to_head[child] == NONE] for lane in lanes]
        return [lane for lane in kept if lane]

    def _keep_free_right(self, lanes: list[list[int]]) -> list[list[int]]:
        to_base = self._mapping.to_base
        kept = [[child for child in lane if to_base[child] == NONE] for lane in lanes]
        return [lane for lane in kept if lane]

    def _is_taken(self, left: int, right: int) -> bool:
        return self._mapping.to_head[left] != NONE or self._mapping.to_base[right] != NONE


def _read_cost(alignment: Alignment) -> int:
    return alignment.cost


def _follow_chain(tree: Tree, node: int) -> list[int]:
    """Return a node and those below it, as long as each has one child."""
    chain = [node]
    while len(tree.children[chain[-1]]) == 1:
        chain.append(tree.children[chain[-1]][0])
    return chain


def align_trees(base: Tree, head: Tree, tick: Callable[[], None]) -> Alignment:
    """Return the alignment of two runs; `tick` is called now and then."""
    names = [(tree.full[ROOT], tree.run.run_id) for tree in (base, head)]
    if names[0] <= names[1]:
        return _align(base, head, tick)
    turned = _align(head, base, tick)
    mapping = Mapping(base, head)
    for right, left in enumerate(turned.mapping.to_head):
        if left != NONE:
            mapping.join(left, right)
    mapping.moved = {turned.mapping.to_head[x]: why for x, why in turned.mapping.moved.items()}
    return turned._replace(mapping=mapping)


def _align(base: Tree, head: Tree, tick: Callable[[], None]) -> Alignment:
    """Return an alignment; where it may be above the least, an exact one if a table of it fits.

    Of runs with calls side by side it is exact for one order of them: no proof, and often less.
    """
    found = _Aligner(base, head, tick).align()
    if not found.is_approximate or len(base) * len(head) > MAX_EXACT_PRODUCT:
        return found
    exact = _Aligner(base, head, tick, is_exact=True).align()
    if not exact.is_exact:
        return found
    if not (base.is_plain[ROOT] and head.is_plain[ROOT]):
        return min(exact._replace(is_exact=False, is_approximate=True), found, key=_read_cost)
    if found.cost < exact.cost:  # its moves are better, and cost less than edits in order could
        return found._replace(is_approximate=False)
    return exact
