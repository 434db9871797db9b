"""Siblings in order against siblings in order: which pair, and what is left between pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.diff.align.costs import DELETE
from agenttrace.diff.lcs import match_sequences

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from agenttrace.diff.align.bags import PairPrices
    from agenttrace.diff.align.budget import Budget
    from agenttrace.diff.nodes import Tree

MAX_CELLS: Final = 20_000
"""A larger table is not made: longest common subsequences take its place."""


class Gap(NamedTuple):
    """Siblings of both sides that are left between the same two pairs."""

    left: list[int]
    right: list[int]


class Region(NamedTuple):
    """Siblings of both sides between pairs of equal subtrees, or one such pair, and its pairs."""

    left: list[int]
    right: list[int]
    pairs: list[tuple[int, int]]


class Matched(NamedTuple):
    """Pairs of siblings in order, and the gaps that have nodes on both sides."""

    pairs: list[tuple[int, int]]
    gaps: list[Gap]


class SequenceAligner:
    """Aligns sequences of subtrees of two trees."""

    def __init__(self, base: Tree, head: Tree, prices: PairPrices, budget: Budget) -> None:
        self._base, self._head = base, head
        self._prices = prices
        self._budget = budget

    def align(self, left: Sequence[int], right: Sequence[int]) -> Matched:
        """Return the pairs of a cheapest alignment where a table of it fits, else of a good one."""
        base, head = self._base, self._head
        first, last = _trim([base.full[x] for x in left], [head.full[y] for y in right])
        pairs = list(zip(left[:first], right[:first], strict=True))
        ends = len(left) - last, len(right) - last
        inner = left[first : ends[0]], right[first : ends[1]]
        if inner[0] and inner[1]:
            pairs += self._align_inner(*inner)
        pairs += zip(left[ends[0] :], right[ends[1] :], strict=True)
        return Matched(pairs, find_gaps(left, right, pairs))

    def _align_inner(self, left: Sequence[int], right: Sequence[int]) -> list[tuple[int, int]]:
        cells = len(left) * len(right)
        if cells <= MAX_CELLS and self._budget.take_table(cells):
            return self._fill_table(left, right)
        return self._find_by_tiers(left, right)

    def _fill_table(self, left: Sequence[int], right: Sequence[int]) -> list[tuple[int, int]]:
        adds = [DELETE * self._head.size[y] for y in right]
        rows = [[0]]
        for addition in adds:
            rows[0].append(rows[0][-1] + addition)
        find = self._prices.find
        for x in left:
            above = rows[-1]
            removal = DELETE * self._base.size[x]
            row = [above[0] + removal]
            for k, y in enumerate(right, 1):
                best = min(above[k] + removal, row[-1] + adds[k - 1])
                price = find(x, y)
                if price is not None and above[k - 1] + price < best:
                    best = above[k - 1] + price
                row.append(best)
            rows.append(row)
        return self._trace(left, right, rows)

    def _trace(
        self, left: Sequence[int], right: Sequence[int], rows: list[list[int]]
    ) -> list[tuple[int, int]]:
        pairs = []
        i, k = len(left), len(right)
        while i and k:
            x, y = left[i - 1], right[k - 1]
            price = self._prices.find(x, y)
            if price is not None and rows[i - 1][k - 1] + price == rows[i][k]:
                pairs.append((x, y))
                i, k = i - 1, k - 1
            elif rows[i - 1][k] + DELETE * self._base.size[x] == rows[i][k]:
                i -= 1
            else:
                k -= 1
        return pairs[::-1]

    def align_chain(self, left: Sequence[int], right: Sequence[int]) -> list[tuple[int, int]]:
        """Return pairs of nodes that are each the only child of the one before."""
        return self._find_by_tiers(left, right, self._base.label, self._head.label)

    def _find_by_tiers(
        self,
        left: Sequence[int],
        right: Sequence[int],
        first_left: Sequence[bytes] | None = None,
        first_right: Sequence[bytes] | None = None,
    ) -> list[tuple[int, int]]:
        """Return pairs by equal content, then, between those, by equal call, then by equal key."""
        base, head = self._base, self._head
        tiers: list[tuple[Sequence[Hashable], Sequence[Hashable]]] = [
            (first_left or base.full, first_right or head.full),
            (base.call, head.call),
            (base.key, head.key),
        ]
        pairs: list[tuple[int, int]] = []
        gaps = [Gap(list(left), list(right))]
        for name_left, name_right in tiers:
            found: list[Gap] = []
            for gap in gaps:
                names = [name_left[x] for x in gap.left], [name_right[y] for y in gap.right]
                matched = [(gap.left[i], gap.right[k]) for i, k in match_sequences(*names)]
                pairs += matched
                found += find_gaps(gap.left, gap.right, matched)
            gaps = found
        return sorted(pairs)


def split_regions(
    base: Tree,
    left: Sequence[int],
    head: Tree,
    right: Sequence[int],
    pairs: Sequence[tuple[int, int]],
) -> list[Region]:
    """Return the regions of two sequences in order, those without a pair or a gap left out."""
    places = {x: i for i, x in enumerate(left)}
    others = {y: k for k, y in enumerate(right)}
    regions = []
    i = k = 0
    inner: list[tuple[int, int]] = []
    for x, y in pairs:
        if base.full[x] != head.full[y]:
            inner.append((x, y))
            continue
        regions.append(Region(list(left[i : places[x]]), list(right[k : others[y]]), inner))
        regions.append(Region([x], [y], [(x, y)]))
        i, k, inner = places[x] + 1, others[y] + 1, []
    regions.append(Region(list(left[i:]), list(right[k:]), inner))
    return [region for region in regions if region.left and region.right]


def find_gaps(
    left: Sequence[int], right: Sequence[int], pairs: Sequence[tuple[int, int]]
) -> list[Gap]:
    """Return what is left between pairs, in order, where there is some of both sides."""
    places = {x: i for i, x in enumerate(left)}
    others = {y: k for k, y in enumerate(right)}
    gaps = []
    i = k = 0
    for x, y in pairs:
        gaps.append(Gap(list(left[i : places[x]]), list(right[k : others[y]])))
        i, k = places[x] + 1, others[y] + 1
    gaps.append(Gap(list(left[i:]), list(right[k:])))
    return [gap for gap in gaps if gap.left and gap.right]


def _trim(left: Sequence[bytes], right: Sequence[bytes]) -> tuple[int, int]:
    shortest = min(len(left), len(right))
    first = 0
    while first < shortest and left[first] == right[first]:
        first += 1
    last = 0
    while last < shortest - first and left[-1 - last] == right[-1 - last]:
        last += 1
    return first, last
