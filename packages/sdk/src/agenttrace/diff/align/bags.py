"""How far two subtrees are apart at least: by what they hold, whatever its place."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from agenttrace.diff.align.costs import (
    CHANGE,
    DELETE,
    NEVER,
    NO_INPUTS,
    RENAME,
    price_match,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from agenttrace.diff.nodes import Tree

MAX_BAG: Final = 512
"""A larger subtree is told from another by its size alone."""


def measure_apart(base: Tree, left: Iterable[int], head: Tree, right: Iterable[int]) -> int:
    """Return a cost that no mapping of these nodes is below, renames apart.

    Equal labels cost nothing, equal keys a change, the rest its removal or addition.
    """
    one = Counter(base.label[node] for node in left)
    other = Counter(head.label[node] for node in right)
    return _measure_rest(one - other, other - one, _name_keys(base, left), _name_keys(head, right))


def _name_keys(tree: Tree, nodes: Iterable[int]) -> dict[bytes, tuple[str, str, str]]:
    return {tree.label[node]: tree.key[node] for node in nodes}


def _measure_rest(
    one: Counter[bytes],
    other: Counter[bytes],
    keys: dict[bytes, tuple[str, str, str]],
    other_keys: dict[bytes, tuple[str, str, str]],
) -> int:
    left = _count_keys(one, keys)
    right = _count_keys(other, other_keys)
    changed = (left & right).total()
    return CHANGE * changed + DELETE * (left.total() + right.total() - 2 * changed)


def _count_keys(bag: Counter[bytes], keys: dict[bytes, tuple[str, str, str]]) -> Counter[Hashable]:
    found: Counter[Hashable] = Counter()
    for label, count in bag.items():
        found[keys[label]] += count
    return found


def bound_cost(base: Tree, head: Tree) -> int:
    """Return a cost in halves that no alignment of two runs can be below.

    Each pair saves what its two nodes cost alone, less its own price: most as a change, which
    takes an equal key, then as a rename, which takes an equal type and input.
    """
    one, other = Counter(base.label[1:]), Counter(head.label[1:])
    left, right = _Leftover(base, one - other), _Leftover(head, other - one)
    alone = left.count + right.count
    if not alone:
        return 0
    changed = (left.keys & right.keys).total()
    names = {
        call
        for call in left.calls.keys() & right.calls.keys()
        if len(left.names[call] | right.names[call]) > 1
    }
    renamed = sum(min(left.calls[call], right.calls[call]) for call in names)
    renamed = min(renamed, min(left.count, right.count) - changed)
    return DELETE * alone - (2 * DELETE - CHANGE) * changed - (2 * DELETE - RENAME) * renamed


class _Leftover:
    """Nodes whose content the other run lacks: how many of each key, and of each type and input."""

    def __init__(self, tree: Tree, labels: Counter[bytes]) -> None:
        nodes = {label: node for node, label in enumerate(tree.label)}
        self.count = labels.total()
        self.keys: Counter[Hashable] = Counter()
        self.calls: Counter[tuple[str, bytes]] = Counter()
        self.names: dict[tuple[str, bytes], set[Hashable]] = {}
        for label, count in labels.items():
            node = nodes[label]
            key, given = tree.key[node], tree.parts[node].input
            self.keys[key] += count
            if given not in NO_INPUTS:
                self.calls[key[0], given] += count
                self.names.setdefault((key[0], given), set()).add(key)


class PairPrices:
    """What it takes at least that one subtree becomes another; None where it never does."""

    def __init__(self, base: Tree, head: Tree) -> None:
        self._base, self._head = base, head
        self._known: dict[tuple[bytes, bytes], int | None] = {}

    def find(self, left: int, right: int) -> int | None:
        """Return the price of a pair of subtrees."""
        base, head = self._base, self._head
        names = base.full[left], head.full[right]
        if names[0] == names[1]:
            return 0
        if names not in self._known:
            self._known[names] = self._measure(left, right)
        return self._known[names]

    def _measure(self, left: int, right: int) -> int | None:
        base, head = self._base, self._head
        sizes = base.size[left], head.size[right]
        price = price_match(base, left, head, right)
        worth = DELETE * (sizes[0] + sizes[1])
        if price == NEVER or price > worth:
            return None
        if max(sizes) == 1:
            return price
        if max(sizes) > MAX_BAG:
            return min(worth, price + DELETE * abs(sizes[0] - sizes[1]) + CHANGE)
        below = _nodes_below(left, sizes[0]), _nodes_below(right, sizes[1])
        return price + measure_apart(base, below[0], head, below[1])


def _nodes_below(node: int, size: int) -> Sequence[int]:
    return range(node + 1, node + size)
