"""What is left over on both sides and yet the same: moved, not removed and added."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from agenttrace.diff.align.mapping import NONE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agenttrace.diff.align.mapping import Mapping
    from agenttrace.diff.nodes import Tree

MIN_DICE: Final = 0.6
"""So alike two subtrees of one key must be to be one that moved."""

_MAX_CANDIDATES: Final = 64
_MAX_BAG: Final = 4_096

REORDERED: Final = "reordered"
OTHER_LANE: Final = "other_lane"
OTHER_PARENT: Final = "other_parent"


def find_moves(mapping: Mapping, tick: Callable[[], None]) -> Iterator[tuple[int, int]]:
    """Yield pairs of nodes that moved, the largest first; each is to be joined before the next."""
    yield from _find_equal(mapping, tick)
    yield from _find_alike(mapping, tick)


def _find_equal(mapping: Mapping, tick: Callable[[], None]) -> Iterator[tuple[int, int]]:
    base, head = mapping.base, mapping.head
    left = _index(base, mapping.to_head)
    right = _index(head, mapping.to_base)
    shared = [name for name in left if name in right]
    shared.sort(key=lambda name: (-base.size[left[name][0]], left[name][0]))
    for name in shared:
        tick()
        ours = [x for x in left[name] if mapping.is_free_subtree(x, None)]
        others = [y for y in right[name] if mapping.is_free_subtree(None, y)]
        for x, y in _pair_equals(mapping, ours, others):
            _note_move(mapping, x, y)
            yield x, y


def _pair_equals(mapping: Mapping, left: list[int], right: list[int]) -> Iterator[tuple[int, int]]:
    """Yield pairs of equal subtrees: under one parent first, then wherever there is no doubt."""
    waiting: dict[int, list[int]] = {}
    for y in reversed(right):
        waiting.setdefault(mapping.head.parent[y], []).append(y)
    rest = []
    for x in left:
        parent = mapping.to_head[mapping.base.parent[x]]
        found = waiting.get(parent) if parent != NONE else None
        if found:
            yield x, found.pop()
        else:
            rest.append(x)
    others = sorted(y for each in waiting.values() for y in each)
    if rest and others and (mapping.base.size[rest[0]] > 1 or len(rest) == len(others) == 1):
        yield from zip(rest, others, strict=False)


def _find_alike(mapping: Mapping, tick: Callable[[], None]) -> Iterator[tuple[int, int]]:
    base, head = mapping.base, mapping.head
    left, right = _index_keys(base, mapping.to_head), _index_keys(head, mapping.to_base)
    for key, ours in left.items():
        others = right.get(key)
        if others is None or max(len(ours), len(others)) > _MAX_CANDIDATES:
            continue
        tick()
        ranked = [(-_measure_dice(base, x, head, y), x, y) for x in ours for y in others]
        for dice, x, y in sorted(ranked):
            if -dice < MIN_DICE:
                break
            if mapping.is_free_subtree(x, None) and mapping.is_free_subtree(None, y):
                _note_move(mapping, x, y)
                yield x, y


def _index(tree: Tree, partners: list[int]) -> dict[bytes, list[int]]:
    found: dict[bytes, list[int]] = {}
    for node, partner in enumerate(partners):
        if partner == NONE:
            found.setdefault(tree.full[node], []).append(node)
    return found


def _index_keys(tree: Tree, partners: list[int]) -> dict[tuple[str, str, str], list[int]]:
    found: dict[tuple[str, str, str], list[int]] = {}
    for node, partner in enumerate(partners):
        if partner == NONE:
            found.setdefault(tree.key[node], []).append(node)
    return found


def _measure_dice(base: Tree, left: int, head: Tree, right: int) -> float:
    """Return how much two subtrees have in common: 1 all, 0 nothing. Of a leaf its input tells."""
    sizes = base.size[left], head.size[right]
    if max(sizes) > _MAX_BAG or 2 * min(sizes) < MIN_DICE * sum(sizes):
        return 0.0
    if max(sizes) == 1:
        return 2 / 3 if base.call[left] == head.call[right] else 0.0
    ours = Counter(base.call[node] for node in range(left, left + sizes[0]))
    others = Counter(head.call[node] for node in range(right, right + sizes[1]))
    return 2 * (ours & others).total() / sum(sizes)


def _note_move(mapping: Mapping, left: int, right: int) -> None:
    """Note that a node moved; among siblings on several lanes `find_lane_changes` finds it."""
    base, head = mapping.base, mapping.head
    if mapping.to_head[base.parent[left]] != head.parent[right]:
        mapping.moved[left] = OTHER_PARENT
    elif len(base.lanes[base.parent[left]]) == len(head.lanes[head.parent[right]]) == 1:
        mapping.moved[left] = REORDERED
