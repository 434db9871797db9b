"""Siblings that changed places and were paired by place: paired by content, and moved.

An order-preserving alignment of `search(a), search(b)` with `search(b), search(a)` sees two calls
whose input changed. Where moving costs no more, they are the same calls in another order.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from agenttrace.diff.align.costs import DELETE, MOVE
from agenttrace.diff.align.mapping import NONE
from agenttrace.diff.align.moves import OTHER_LANE, REORDERED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agenttrace.diff.align.bags import PairPrices
    from agenttrace.diff.align.mapping import Mapping


class Crossing(NamedTuple):
    """Pairs of siblings to undo and to make instead, and those nodes of base that have moved."""

    old: list[tuple[int, int]]
    new: list[tuple[int, int]]
    moved: list[int]


def find_crossings(mapping: Mapping, prices: PairPrices) -> Iterator[Crossing]:
    """Yield what to pair anew below each pair of parents; apply each before the next."""
    base, head = mapping.base, mapping.head
    for parent in range(len(base)):
        partner = mapping.to_head[parent]
        if partner == NONE or base.full[parent] == head.full[partner]:
            continue
        if len(base.lanes[parent]) != 1 or len(head.lanes[partner]) != 1:
            continue
        pairs = [
            (child, mapping.to_head[child])
            for child in base.children[parent]
            if mapping.to_head[child] != NONE and head.parent[mapping.to_head[child]] == partner
        ]
        found = _pair_anew(mapping, prices, pairs)
        if found is not None:
            yield found


def find_lane_changes(mapping: Mapping) -> Iterator[tuple[int, str]]:
    """Yield nodes of base that are in order to others than before, and how they moved.

    Where siblings ran on several lanes: one that is on another lane than those it shared one with,
    or that changed places on its own.
    """
    base, head = mapping.base, mapping.head
    for parent in range(len(base)):
        partner = mapping.to_head[parent]
        if partner == NONE or base.full[parent] == head.full[partner]:
            continue
        if max(len(base.lanes[parent]), len(head.lanes[partner])) == 1:
            continue
        pairs = [
            (child, mapping.to_head[child])
            for child in base.children[parent]
            if mapping.to_head[child] != NONE
            and head.parent[mapping.to_head[child]] == partner
            and child not in mapping.moved
        ]
        yield from _compare_lanes(mapping, pairs)


def _compare_lanes(mapping: Mapping, pairs: list[tuple[int, int]]) -> Iterator[tuple[int, str]]:
    groups: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for x, y in pairs:
        lanes = mapping.base.span(x).lane, mapping.head.span(y).lane
        groups.setdefault(lanes, []).append((x, y))
    taken: tuple[set[int], set[int]] = (set(), set())
    for lanes, group in sorted(groups.items(), key=lambda item: (-len(item[1]), item[1])):
        if lanes[0] in taken[0] or lanes[1] in taken[1]:
            yield from ((x, OTHER_LANE) for x, _ in group)
            continue
        taken[0].add(lanes[0])
        taken[1].add(lanes[1])
        yield from ((x, REORDERED) for x in _find_moved(group))


def _pair_anew(
    mapping: Mapping, prices: PairPrices, pairs: list[tuple[int, int]]
) -> Crossing | None:
    base, head = mapping.base, mapping.head
    differing = [(x, y) for x, y in pairs if base.full[x] != head.full[y]]
    waiting: dict[bytes, list[int]] = {}
    for _, y in reversed(differing):
        waiting.setdefault(head.full[y], []).append(y)
    equal = {x: waiting[base.full[x]].pop() for x, _ in differing if waiting.get(base.full[x])}
    if not equal:
        return None
    taken = set(equal.values())
    old = [(x, y) for x, y in differing if x in equal or y in taken]
    if not all(_is_closed(mapping, x, y) for x, y in old):
        return None
    rest = [x for x, _ in old if x not in equal], [y for _, y in old if y not in taken]
    others = [(x, y) for x, y in zip(*rest, strict=True) if base.key[x] == head.key[y]]
    new = [*equal.items(), *others]
    undone = set(old)
    moved = _find_moved([pair for pair in pairs if pair not in undone] + new)
    cost = MOVE * len(moved) + sum(prices.find(x, y) or 0 for x, y in others)
    joined = {x for x, _ in others}, {y for _, y in others}
    cost += DELETE * sum(base.size[x] for x in rest[0] if x not in joined[0])
    cost += DELETE * sum(head.size[y] for y in rest[1] if y not in joined[1])
    if cost > sum(prices.find(x, y) or 0 for x, y in old):
        return None
    return Crossing(old, new, moved)


def _is_closed(mapping: Mapping, left: int, right: int) -> bool:
    """Tell whether the nodes of two subtrees have no partners but one another."""
    base, head = mapping.base, mapping.head
    left_end, right_end = left + base.size[left], right + head.size[right]
    return all(
        partner == NONE or right <= partner < right_end
        for partner in mapping.to_head[left:left_end]
    ) and all(
        partner == NONE or left <= partner < left_end
        for partner in mapping.to_base[right:right_end]
    )


def _find_moved(pairs: Sequence[tuple[int, int]]) -> list[int]:
    """Return those left nodes that are in no longest run of pairs in order."""
    ordered = sorted(pairs)
    tails: list[int] = []
    ends: list[int] = []
    before = [-1] * len(ordered)
    for number, (_, y) in enumerate(ordered):
        length = bisect_left(tails, y)
        if length == len(tails):
            tails.append(y)
            ends.append(number)
        else:
            tails[length], ends[length] = y, number
        before[number] = ends[length - 1] if length else -1
    kept = set()
    number = ends[-1] if ends else -1
    while number >= 0:
        kept.add(ordered[number][0])
        number = before[number]
    return [x for x, _ in ordered if x not in kept]
