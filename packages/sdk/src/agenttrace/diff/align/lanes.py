"""Children that ran side by side: sequences without an order among them, paired by content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.diff.align.bags import MAX_BAG, measure_apart
from agenttrace.diff.align.costs import DELETE
from agenttrace.diff.hashes import digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.diff.align.budget import Budget
    from agenttrace.diff.nodes import Tree

MAX_ASSIGNED: Final = 64
"""More sequences than this on a side are paired in the order of their content."""

Lane = list[int]


class PairedLanes(NamedTuple):
    """Pairs of sequences, and those of each side without a partner."""

    pairs: list[tuple[Lane, Lane]]
    left: list[Lane]
    right: list[Lane]


def pair_lanes(
    base: Tree, left: list[Lane], head: Tree, right: list[Lane], budget: Budget
) -> PairedLanes:
    """Return the pairs: by equal content, then by equal calls, then those that cost least."""
    pairs: list[tuple[Lane, Lane]] = []
    names: list[tuple[Callable[[Lane], bytes], Callable[[Lane], bytes]]] = [
        (base.hash_sequence, head.hash_sequence),
        (lambda lane: _hash_calls(base, lane), lambda lane: _hash_calls(head, lane)),
    ]
    for name_left, name_right in names:
        left, right = _pair_equal(left, right, name_left, name_right, pairs)
    if len(left) == len(right) == 1:
        return PairedLanes([*pairs, (left[0], right[0])], [], [])
    if not left or not right:
        return PairedLanes(pairs, left, right)
    if max(len(left), len(right)) <= MAX_ASSIGNED and budget.take_table(
        len(left) * len(right) * min(len(left), len(right))
    ):
        return _pair_cheapest(base, left, head, right, pairs)
    left, right = _pair_equal(
        left, right, lambda lane: _hash_keys(base, lane), lambda lane: _hash_keys(head, lane), pairs
    )
    return PairedLanes(pairs, left, right)


def _pair_equal(
    left: list[Lane],
    right: list[Lane],
    name_left: Callable[[Lane], bytes],
    name_right: Callable[[Lane], bytes],
    pairs: list[tuple[Lane, Lane]],
) -> tuple[list[Lane], list[Lane]]:
    """Add pairs of equal name, first to first; return what is left."""
    waiting: dict[bytes, list[Lane]] = {}
    for lane in reversed(right):
        waiting.setdefault(name_right(lane), []).append(lane)
    rest = []
    for lane in left:
        found = waiting.get(name_left(lane))
        if found:
            pairs.append((lane, found.pop()))
        else:
            rest.append(lane)
    kept = {id(lane) for lanes in waiting.values() for lane in lanes}
    return rest, [lane for lane in right if id(lane) in kept]


def _pair_cheapest(
    base: Tree,
    left: list[Lane],
    head: Tree,
    right: list[Lane],
    pairs: list[tuple[Lane, Lane]],
) -> PairedLanes:
    prices = [[_price(base, one, head, other) for other in right] for one in left]
    chosen = assign(prices)
    sizes = [_measure(base, lane) for lane in left], [_measure(head, lane) for lane in right]
    taken = {
        i: k
        for i, k in enumerate(chosen)
        if k is not None and prices[i][k] < DELETE * (sizes[0][i] + sizes[1][k])
    }
    pairs = [*pairs, *((left[i], right[k]) for i, k in taken.items())]
    used = set(taken.values())
    return PairedLanes(
        pairs,
        [lane for i, lane in enumerate(left) if i not in taken],
        [lane for k, lane in enumerate(right) if k not in used],
    )


def assign(prices: list[list[int]]) -> list[int | None]:
    """Return for each row its column, each column once, so that the sum is the smallest.

    The Hungarian method with potentials, O(rows² x columns). Of more rows than columns some have
    none.
    """
    if len(prices) > len(prices[0]):
        turned = assign([list(column) for column in zip(*prices, strict=True)])
        chosen: list[int | None] = [None] * len(prices)
        for column, row in enumerate(turned):
            assert row is not None
            chosen[row] = column
        return chosen
    columns = len(prices[0])
    row_of = [-1] * (columns + 1)  # the last is a column that a row waits in
    by_row, by_column = [0] * len(prices), [0] * (columns + 1)
    for row in range(len(prices)):
        _add_row(prices, row, row_of, by_row, by_column)
    found: list[int | None] = [None] * len(prices)
    for column in range(columns):
        if row_of[column] >= 0:
            found[row_of[column]] = column
    return found


def _add_row(
    prices: list[list[int]],
    row: int,
    row_of: list[int],
    by_row: list[int],
    by_column: list[int],
) -> None:
    columns = len(row_of) - 1
    row_of[columns] = row
    at = columns
    far = 1 << 60
    least = [far] * columns
    came_from = [-1] * columns
    is_done = [False] * (columns + 1)
    while row_of[at] >= 0:
        is_done[at] = True
        here = row_of[at]
        step, nearest = far, -1
        for column in range(columns):
            if is_done[column]:
                continue
            cost = prices[here][column] - by_row[here] - by_column[column]
            if cost < least[column]:
                least[column], came_from[column] = cost, at
            if least[column] < step:
                step, nearest = least[column], column
        for column in range(columns + 1):
            if is_done[column]:
                by_row[row_of[column]] += step
                by_column[column] -= step
            elif column < columns:
                least[column] -= step
        at = nearest
    while at != columns:
        before = came_from[at]
        row_of[at] = row_of[before]
        at = before
    row_of[columns] = -1


def _price(base: Tree, left: Lane, head: Tree, right: Lane) -> int:
    sizes = _measure(base, left), _measure(head, right)
    if max(sizes) > MAX_BAG:
        return DELETE * (abs(sizes[0] - sizes[1]) + abs(len(left) - len(right))) + 1
    return measure_apart(base, _list_nodes(base, left), head, _list_nodes(head, right))


def _list_nodes(tree: Tree, lane: Lane) -> list[int]:
    return [node for top in lane for node in range(top, top + tree.size[top])]


def _measure(tree: Tree, lane: Lane) -> int:
    return sum(tree.size[node] for node in lane)


def _hash_calls(tree: Tree, lane: Lane) -> bytes:
    return digest(tree.call[node] for node in lane)


def _hash_keys(tree: Tree, lane: Lane) -> bytes:
    return digest("\0".join(tree.key[node]).encode("utf-8", "surrogatepass") for node in lane)
