"""The exact distance of two ordered forests and its mapping: Zhang and Shasha, 1989.

Pure integers and lists; no recursion, so depth is no matter. Of the two ways to cut a forest, from
the left or from the right, the cheaper is taken: chains of nested calls are cheap in one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agenttrace.diff.align.costs import DELETE, NEVER, price_match

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agenttrace.diff.align.budget import Budget
    from agenttrace.diff.nodes import Tree

_VIRTUAL: Final = -1


class _Forest:
    """A forest in post-order under a node of its own, cut from one side."""

    def __init__(self, tree: Tree, roots: Sequence[int], *, is_mirrored: bool) -> None:
        self.nodes: list[int] = []
        self.first: list[int] = []  # of each: the first of its subtree in post-order
        starts: list[int] = []
        stack: list[tuple[int, bool]] = [(_VIRTUAL, False)]
        while stack:
            node, is_done = stack.pop()
            if is_done:
                self.first.append(starts.pop())
                self.nodes.append(node)
                continue
            starts.append(len(self.nodes))
            stack.append((node, True))
            below = roots if node == _VIRTUAL else tree.ordered_children(node)
            stack.extend((child, False) for child in (below if is_mirrored else reversed(below)))
        last = {first: place for place, first in enumerate(self.first)}
        self.keyroots = sorted(last.values())
        self.weight = sum(place - self.first[place] + 1 for place in self.keyroots)


class _Table:
    def __init__(self, base: Tree, left: _Forest, head: Tree, right: _Forest) -> None:
        self.left, self.right = left, right
        columns = len(right.nodes)
        self.trees = [[0] * columns for _ in left.nodes]
        self.prices = [[_price(base, x, head, y) for y in right.nodes] for x in left.nodes]

    def fill(self, i: int, j: int) -> list[list[int]]:
        """Return the distances of all beginnings of two subtrees, keeping those of whole trees."""
        firsts, others = self.left.first, self.right.first
        top, start = firsts[i], others[j]
        above = list(range(0, DELETE * (j - start + 2), DELETE))
        rows = [above]
        for x in range(top, i + 1):
            left = above[0] + DELETE
            row = [left]
            trees, prices = self.trees[x], self.prices[x]
            is_left_path = firsts[x] == top
            before = rows[firsts[x] - top]
            for y in range(start, j + 1):
                k = y - start + 1
                best = above[k] + DELETE
                if left + DELETE < best:  # noqa: PLR1730 -- a call of min takes three times as long
                    best = left + DELETE
                first = others[y]
                if is_left_path and first == start:
                    cost = above[k - 1] + prices[y]
                    if cost < best:  # noqa: PLR1730 -- as above
                        best = cost
                    trees[y] = best
                else:
                    cost = before[first - start] + trees[y]
                    if cost < best:  # noqa: PLR1730 -- as above
                        best = cost
                row.append(best)
                left = best
            rows.append(row)
            above = row
        return rows

    def trace(self) -> list[tuple[int, int]]:
        """Return the pairs of nodes of a cheapest mapping."""
        pairs: list[tuple[int, int]] = []
        stack = [(len(self.left.nodes) - 1, len(self.right.nodes) - 1)]
        while stack:
            i, j = stack.pop()
            self._trace_subtrees(i, j, pairs, stack)
        return pairs

    def _trace_subtrees(
        self, i: int, j: int, pairs: list[tuple[int, int]], stack: list[tuple[int, int]]
    ) -> None:
        rows = self.fill(i, j)
        firsts, others = self.left.first, self.right.first
        top, start = firsts[i], others[j]
        x, y = i, j
        while x >= top and y >= start:
            row, k = rows[x - top + 1], y - start + 1
            cost = row[k]
            if firsts[x] == top and others[y] == start:
                price = self.prices[x][y]
                if price < NEVER and rows[x - top][k - 1] + price == cost:
                    pairs.append((self.left.nodes[x], self.right.nodes[y]))
                    x, y = x - 1, y - 1
                    continue
            elif rows[firsts[x] - top][others[y] - start] + self.trees[x][y] == cost:
                stack.append((x, y))
                x, y = firsts[x] - 1, others[y] - 1
                continue
            if rows[x - top][k] + DELETE == cost:
                x -= 1
            else:
                y -= 1


def align_forests(  # noqa: PLR0913, PLR0917 -- two forests, each a tree and its roots
    base: Tree,
    left: Sequence[int],
    head: Tree,
    right: Sequence[int],
    budget: Budget,
    tick: Callable[[], None],
    *,
    is_free: bool = False,
) -> list[tuple[int, int]] | None:
    """Return the pairs of a cheapest mapping, parents first; None when the budget is spent.

    `is_free` asks no budget: for the one pair that is always exact.
    """
    forests = []
    for is_mirrored in (False, True):
        pair = (
            _Forest(base, left, is_mirrored=is_mirrored),
            _Forest(head, right, is_mirrored=is_mirrored),
        )
        forests.append((pair[0].weight * pair[1].weight, pair))
    cells, (one, other) = min(forests, key=lambda item: item[0])
    if not is_free and not budget.take_tree(cells):
        return None
    table = _Table(base, one, head, other)
    for i in one.keyroots:
        tick()
        for j in other.keyroots:
            table.fill(i, j)
    return sorted(pair for pair in table.trace() if pair[0] != _VIRTUAL)


def _price(base: Tree, left: int, head: Tree, right: int) -> int:
    if _VIRTUAL in {left, right}:
        return 0 if left == right else NEVER
    return price_match(base, left, head, right)
