"""From parent links to a flat tree. Pure, and without recursion: a chain may be 10,000 deep."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Children: TypeAlias = dict[str | None, list[int]]
"""The indices of nodes by the id of their parent."""


class Node(NamedTuple):
    """What the tree needs to know of a span."""

    span_id: str
    parent_span_id: str | None
    seq: int


def order_tree(nodes: Sequence[Node]) -> list[tuple[int, int]]:
    """Return index and depth of every node, in pre-order, siblings by `seq` and then by id.

    A node whose parent is not among the nodes is at the top. So is, of a circle of nodes that are
    each other's ancestors, the one with the lowest `seq`; its place among the tops is by `seq` too.
    """
    order = _sort(nodes, range(len(nodes)))
    ids = {node.span_id for node in nodes}
    children: Children = {}
    for index in order:
        parent = nodes[index].parent_span_id
        children.setdefault(parent if parent in ids else None, []).append(index)
    tops = children.pop(None, [])
    found = _walk(nodes, children, tops)
    if len(found) == len(nodes):
        return found
    reached = {index for index, _ in found}
    indices = {node.span_id: index for index, node in enumerate(nodes)}
    for start in order:
        if start not in reached:
            top = _break_circle(nodes, indices, children, start)
            tops.append(top)
            reached.update(index for index, _ in _walk(nodes, children, [top]))
    return _walk(nodes, children, _sort(nodes, tops))


def _sort(nodes: Sequence[Node], indices: Iterable[int]) -> list[int]:
    return sorted(indices, key=lambda index: (nodes[index].seq, nodes[index].span_id))


def _break_circle(
    nodes: Sequence[Node], indices: Mapping[str, int], children: Children, start: int
) -> int:
    """Cut the circle that one gets into by going up from a node; return its new top."""
    passed: dict[int, int] = {}
    index = start
    while index not in passed:
        passed[index] = len(passed)
        index = indices[nodes[index].parent_span_id or ""]
    top = _sort(nodes, list(passed)[passed[index] :])[0]
    children[nodes[top].parent_span_id].remove(top)
    return top


def _walk(nodes: Sequence[Node], children: Children, tops: Sequence[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    stack = [(index, 0) for index in reversed(tops)]
    while stack:
        item = stack.pop()
        found.append(item)
        below = children.get(nodes[item[0]].span_id)
        if below:
            depth = item[1] + 1
            stack.extend([(child, depth) for child in reversed(below)])
    return found
