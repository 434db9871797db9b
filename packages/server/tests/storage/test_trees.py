"""Ordering spans into a tree."""

from __future__ import annotations

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
