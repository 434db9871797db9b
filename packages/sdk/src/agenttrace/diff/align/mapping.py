"""Which node of base is which node of head, as it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agenttrace.diff.align.costs import DELETE, MOVE, price_match

if TYPE_CHECKING:
    from agenttrace.diff.nodes import Tree

NONE: Final = -1


class Mapping:
    """Pairs of nodes. `moved` are those of base that are not where their parent's pair is."""

    def __init__(self, base: Tree, head: Tree) -> None:
        self.base, self.head = base, head
        self.to_head = [NONE] * len(base)
        self.to_base = [NONE] * len(head)
        self.moved: dict[int, str] = {}

    def join(self, left: int, right: int) -> None:
        """Make two nodes a pair; neither is in one."""
        assert self.to_head[left] == NONE == self.to_base[right]
        self.to_head[left] = right
        self.to_base[right] = left

    def join_equal(self, left: int, right: int) -> None:
        """Make pairs of all nodes of two equal subtrees."""
        if self.base.is_plain[left]:
            for step in range(self.base.size[left]):
                self.join(left + step, right + step)
            return
        stack = [(left, right)]
        while stack:
            x, y = stack.pop()
            self.join(x, y)
            children = self.base.ordered_children(x), self.head.ordered_children(y)
            stack.extend(zip(*children, strict=True))

    def part(self, left: int, right: int) -> None:
        """Undo all pairs within two subtrees, which have no partners elsewhere."""
        for node in range(left, left + self.base.size[left]):
            self.to_head[node] = NONE
        for node in range(right, right + self.head.size[right]):
            self.to_base[node] = NONE

    def is_free_subtree(self, left: int | None, right: int | None) -> bool:
        """Tell whether no node of a subtree is in a pair."""
        if left is not None:
            return all(
                self.to_head[node] == NONE for node in range(left, left + self.base.size[left])
            )
        assert right is not None
        return all(
            self.to_base[node] == NONE for node in range(right, right + self.head.size[right])
        )

    def add_up(self) -> int:
        """Return the cost in halves, the run itself apart: of a moved pair, one move."""
        cost = MOVE * len(self.moved)
        cost += DELETE * sum(right == NONE for right in self.to_head)
        cost += DELETE * sum(left == NONE for left in self.to_base)
        for left, right in enumerate(self.to_head):
            if left and right != NONE:
                cost += price_match(self.base, left, self.head, right)
        return cost
