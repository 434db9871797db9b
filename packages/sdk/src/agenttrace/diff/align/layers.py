"""Layers that are new or gone around what stays, within one another, in gaps of any size.

A node whose call the other side lacks, and that has subtrees of the other side somewhere below it,
is looked through: what is below it takes its place among its siblings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agenttrace.diff.align.sequences import Gap

if TYPE_CHECKING:
    from collections.abc import Hashable

    from agenttrace.diff.align.budget import Budget
    from agenttrace.diff.nodes import Tree


def look_through(base: Tree, head: Tree, gap: Gap, budget: Budget) -> Gap | None:
    """Return the two sides of a gap without their layers; None where there is no layer.

    The nodes of a side are in order, and none is below another; they may have different parents.
    """
    steps = sum(base.size[x] for x in gap.left) + sum(head.size[y] for y in gap.right)
    if not budget.take_steps(steps):
        return None
    found = Gap(
        _unfold(base, gap.left, head, gap.right),
        _unfold(head, gap.right, base, gap.left),
    )
    return None if found == gap else found


def _unfold(outside: Tree, nodes: list[int], inside: Tree, wanted: list[int]) -> list[int]:
    digests = {inside.full[node] for node in wanted}
    keys: set[Hashable] = {inside.key[node] for node in wanted}
    around = _find_around(outside, nodes, digests)
    found = []
    stack = nodes[::-1]
    while stack:
        node = stack.pop()
        if node in around and outside.full[node] not in digests and outside.key[node] not in keys:
            stack.extend(reversed(outside.ordered_children(node)))
        else:
            found.append(node)
    return found


def _find_around(tree: Tree, tops: list[int], digests: set[bytes]) -> set[int]:
    """Return the nodes that have a subtree of such a digest somewhere below them."""
    found: set[int] = set()
    for top in tops:
        for node in range(top + tree.size[top] - 1, top, -1):
            if node in found or tree.full[node] in digests:
                found.add(tree.parent[node])
    return found
