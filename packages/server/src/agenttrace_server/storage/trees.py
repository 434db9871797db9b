"""From parent links to a flat tree. Pure, and without recursion: a chain may be 10,000 deep."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from agenttrace_server.records import Placement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Children: TypeAlias = dict[str | None, list[int]]
"""The indices of nodes by the id of their parent."""


class Node(NamedTuple):
    """What the tree needs to know of a span."""

    span_id: str
    parent_span_id: str | None
    seq: int


def order_tree(nodes: Sequence[Node]) -> list[tuple[int, int]]:
    """Return index and depth of every node, in the order of `order_columns`."""
    if not nodes:
        return []
    return list(zip(*order_columns(*zip(*nodes, strict=True)), strict=True))


def order_columns(
    span_ids: Sequence[str], parents: Sequence[str | None], seqs: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Return the indices and the depths of all nodes, in pre-order, siblings by `seq`, then by id.

    A node whose parent is not among the nodes is at the top. So is, of a circle of nodes that are
    each other's ancestors, the one with the lowest `seq`; its place among the tops is by `seq` too.
    """
    # Tuples are compared without a call for each: half the time of a key function.
    ordered = sorted(zip(seqs, span_ids, range(len(seqs)), strict=True))
    known = set(span_ids)
    children: Children = {}
    for _, _, index in ordered:
        parent = parents[index]
        children.setdefault(parent if parent in known else None, []).append(index)
    tops = children.pop(None, [])
    found, depths = _walk(span_ids, children, tops)
    if len(found) == len(span_ids):
        return found, depths
    ranks = {index: rank for rank, (_, _, index) in enumerate(ordered)}
    reached = set(found)
    indices = {span_id: index for index, span_id in enumerate(span_ids)}
    for start in ranks:
        if start not in reached:
            top = _break_circle(indices, parents, children, ranks, start)
            tops.append(top)
            reached.update(_walk(span_ids, children, [top])[0])
    return _walk(span_ids, children, sorted(tops, key=ranks.__getitem__))


def place_node(depth: int, parent: str | None, *, has_parent: bool) -> Placement:
    """Return why a node stands where it does; `has_parent`: its parent is among the nodes."""
    if depth:
        return Placement.CHILD
    if parent is None:
        return Placement.ROOT
    # Its parent is there, and it is at the top all the same: there the circle was cut.
    return Placement.CYCLE if has_parent else Placement.MISSING_PARENT


def _break_circle(
    indices: Mapping[str, int],
    parents: Sequence[str | None],
    children: Children,
    ranks: Mapping[int, int],
    start: int,
) -> int:
    """Cut the circle that one gets into by going up from a node; return its new top."""
    passed: dict[int, int] = {}
    index = start
    while index not in passed:
        passed[index] = len(passed)
        index = indices[parents[index] or ""]
    top = min(list(passed)[passed[index] :], key=ranks.__getitem__)
    children[parents[top]].remove(top)
    return top


def _walk(
    span_ids: Sequence[str], children: Children, tops: Sequence[int]
) -> tuple[list[int], list[int]]:
    found: list[int] = []
    depths: list[int] = []
    stack = [*reversed(tops)]
    levels = [0] * len(stack)
    while stack:
        index, depth = stack.pop(), levels.pop()
        found.append(index)
        depths.append(depth)
        below = children.get(span_ids[index])
        if below:
            stack.extend(reversed(below))
            levels.extend([depth + 1] * len(below))
    return found, depths
