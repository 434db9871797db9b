"""From parent links to a flat tree. Pure, and without recursion: a chain may be 10,000 deep."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Node(NamedTuple):
    """What the tree needs to know of a span."""

    span_id: str
    parent_span_id: str | None
    seq: int


def order_tree(nodes: Sequence[Node]) -> Iterator[tuple[int, int]]:
    """Yield index and depth of every node, in pre-order, siblings by `seq` and then by id.

    A node whose parent is not among the nodes is at the top. So is, of a circle of nodes that are
    each other's ancestors, the one with the lowest `seq`; its place among the tops is by `seq` too.
    """
    order = sorted(range(len(nodes)), key=lambda i: (nodes[i].seq, nodes[i].span_id))
    ids = {node.span_id for node in nodes}
    children: dict[str | None, list[int]] = {}
    for i in order:
        parent = nodes[i].parent_span_id
        children.setdefault(parent if parent in ids else None, []).append(i)
    tops = children.pop(None, [])
    circles = _find_circle_tops(nodes, order, children, tops)
    if circles:
        tops = sorted((*tops, *circles), key=lambda i: (nodes[i].seq, nodes[i].span_id))
    seen = [False] * len(nodes)
    yield from _walk(nodes, children, tops, seen)


def _find_circle_tops(
    nodes: Sequence[Node],
    order: Sequence[int],
    children: dict[str | None, list[int]],
    tops: list[int],
) -> list[int]:
    seen = [False] * len(nodes)
    reached = sum(1 for _ in _walk(nodes, children, tops, seen))
    found: list[int] = []
    if reached == len(nodes):
        return found
    parents = {node.span_id: i for i, node in enumerate(nodes)}
    for start in order:
        if seen[start]:
            continue
        top = min(
            _list_circle(nodes, parents, start), key=lambda i: (nodes[i].seq, nodes[i].span_id)
        )
        found.append(top)
        for _ in _walk(nodes, children, [top], seen):
            pass
    return found


def _list_circle(nodes: Sequence[Node], parents: dict[str, int], start: int) -> list[int]:
    """Return the circle that one gets into by going up from a node that no top reaches."""
    passed: dict[int, int] = {}
    index = start
    while index not in passed:
        passed[index] = len(passed)
        index = parents[nodes[index].parent_span_id or ""]
    return list(passed)[passed[index] :]


def _walk(
    nodes: Sequence[Node],
    children: dict[str | None, list[int]],
    tops: Sequence[int],
    seen: list[bool],
) -> Iterator[tuple[int, int]]:
    stack = [(index, 0) for index in reversed(tops)]
    while stack:
        index, depth = stack.pop()
        if seen[index]:
            continue
        seen[index] = True
        yield index, depth
        below = children.get(nodes[index].span_id, ())
        stack.extend((child, depth + 1) for child in reversed(below))
