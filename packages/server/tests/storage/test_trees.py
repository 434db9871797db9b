"""Ordering spans into a tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agenttrace_server.storage.trees import Node, order_tree


def _order(*nodes: tuple[str, str | None, int]) -> list[tuple[str, int]]:
    made = [Node(*node) for node in nodes]
    return [(made[index].span_id, depth) for index, depth in order_tree(made)]


def test_parents_come_before_children_and_siblings_by_seq() -> None:
    """The order is that of the waterfall."""
    tree = _order(("c", "a", 3), ("a", None, 0), ("d", "b", 2), ("b", "a", 1), ("e", None, 4))
    assert tree == [("a", 0), ("b", 1), ("d", 2), ("c", 1), ("e", 0)]


def test_an_orphan_is_at_the_top_in_its_place() -> None:
    """A span whose parent never came is shown among the tops, by `seq`."""
    assert _order(("a", None, 0), ("x", "gone", 1), ("b", None, 2), ("y", "x", 3)) == [
        ("a", 0),
        ("x", 0),
        ("y", 1),
        ("b", 0),
    ]


def test_a_circle_starts_at_its_earliest_span() -> None:
    """Spans that are each other's ancestors are all shown, the earliest on top."""
    assert _order(("b", "c", 5), ("c", "b", 2), ("k", "b", 6), ("s", "s", 1), ("a", None, 3)) == [
        ("s", 0),
        ("c", 0),
        ("b", 1),
        ("k", 2),
        ("a", 0),
    ]


def test_a_chain_of_50000_does_not_recurse() -> None:
    """Depth is limited by nothing."""
    count = 50_000
    nodes = [Node(str(n), str(n - 1) if n else None, n) for n in range(count)]
    assert order_tree(nodes) == [(n, n) for n in range(count)]


class _Counted(list[Node]):
    """Nodes that count how often they are looked at."""

    looks = 0

    def __getitem__(self, index: Any) -> Any:
        self.looks += 1
        return super().__getitem__(index)

    def __iter__(self) -> Iterator[Node]:
        for node in super().__iter__():
            self.looks += 1
            yield node


SHAPES: dict[str, Callable[[int, int], int | None]] = {
    "a chain": lambda n, _: n - 1 if n else None,
    "a chain, the last span first": lambda n, count: n + 1 if n + 1 < count else None,
    "siblings": lambda n, _: 0 if n else None,
    "spans that are their own parents": lambda n, _: n,
    "circles of two": lambda n, _: n ^ 1,
    "one circle": lambda n, count: (n + 1) % count,
    "a circle with a long way into it": lambda n, _: n - 1 if n else 1,
    "missing parents": lambda n, count: n + count,
    "only roots": lambda _, __: None,
}


@pytest.mark.parametrize("name", SHAPES)
def test_h28_every_shape_is_ordered_in_a_few_looks_at_each_span(name: str) -> None:
    """100,000 spans, and as many looks at each as at ten times fewer: no span is lost."""
    looks = []
    for count in (10_000, 100_000):
        links = [(n, SHAPES[name](n, count)) for n in range(count)]
        nodes = _Counted(Node(str(n), None if up is None else str(up), n) for n, up in links)
        tree = order_tree(nodes)
        assert len({index for index, _ in tree}) == len(tree) == count
        looks.append(nodes.looks / count)
    assert looks[1] <= looks[0] + 1


_NODES = st.lists(
    st.tuples(st.integers(0, 12), st.one_of(st.none(), st.integers(0, 14)), st.integers(0, 5)),
    max_size=13,
    unique_by=lambda node: node[0],
)


@given(_NODES)
def test_no_span_is_lost_and_each_is_below_its_parent(
    drawn: list[tuple[int, int | None, int]],
) -> None:
    """Whatever the links: each span once; a span deeper than 0 directly within its parent."""
    nodes = [Node(str(i), None if p is None else str(p), seq) for i, p, seq in drawn]
    order = order_tree(nodes)
    assert sorted(index for index, _ in order) == list(range(len(nodes)))
    path: list[str] = []
    for index, depth in order:
        assert depth <= len(path)
        del path[depth:]
        if depth:
            assert nodes[index].parent_span_id == path[-1]
        path.append(nodes[index].span_id)
