"""The tree: every span once, in order, whatever its parents say."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import load, make_run, make_span, span_id

from agenttrace.trace import RecordedRun


def draw(run: RecordedRun) -> list[tuple[str, int, str | None]]:
    """Return the tree as `(name, depth, flaw)`."""
    return [(node.span.name, node.depth, node.flaw) for node in run.tree()]


def within(number: int, parent: int | None, **fields: Any) -> dict[str, Any]:
    """Return a span within another."""
    parent_id = None if parent is None else span_id(parent)
    return make_span(number, parent_span_id=parent_id, name=str(number), **fields)


def test_pre_order_by_seq() -> None:
    """A child may be recorded before its parent; siblings stand in the order of their start."""
    spans = [within(3, 1), within(4, None), within(2, 3, seq=7), within(1, None), within(5, 1)]
    assert draw(load(spans)) == [
        ("1", 0, None),
        ("3", 1, None),
        ("2", 2, None),
        ("5", 1, None),
        ("4", 0, None),
    ]


def test_a_missing_parent_is_flagged() -> None:
    """The orphan stays under its run, with what is within it."""
    assert draw(load([within(1, 99), within(2, 1)])) == [
        ("1", 0, "missing_parent"),
        ("2", 1, None),
    ]


def test_a_circle_is_cut_where_it_began() -> None:
    """A → B → C → A: the one with the lowest seq is on top; a span that leads in hangs on."""
    spans = [within(3, 2), within(2, 1), within(1, 3), within(4, 2)]
    assert draw(load(spans)) == [
        ("1", 0, "parent_cycle"),
        ("2", 1, None),
        ("3", 2, None),
        ("4", 2, None),
    ]


def test_a_span_that_is_its_own_parent_is_on_top() -> None:
    """The smallest circle."""
    assert draw(load([within(1, 1)])) == [("1", 0, "parent_cycle")]


def test_a_chain_of_10_000_is_no_recursion() -> None:
    """Depth costs nothing special; neither does showing it."""
    run = load([make_run(), *(within(n, n - 1 if n > 1 else None) for n in range(1, 10_001))])
    assert draw(run)[-1] == ("10000", 9_999, None)
    assert str(run).splitlines()[-1].split()[-5:-3] == ["[9999]", "10000"]


def test_100_000_siblings_are_in_order() -> None:
    """Width costs nothing special."""
    run = load([within(n, None) for n in range(100_000, 0, -1)])
    assert [node.span.name for node in run.tree()] == [str(n) for n in range(1, 100_001)]


@settings(max_examples=300)
@given(parents=st.lists(st.none() | st.integers(1, 12), min_size=1, max_size=10))
def test_every_span_is_there_once_and_below_its_parent(parents: list[int | None]) -> None:
    """Whatever the parent links are: circles, orphans, several of both."""
    tree = load([within(n, parent) for n, parent in enumerate(parents, 1)]).tree()
    assert sorted(node.span.span_id for node in tree) == [
        span_id(n) for n in range(1, len(parents) + 1)
    ]
    path: list[str] = []
    for node in tree:
        assert node.depth <= len(path)
        del path[node.depth :]
        if node.depth:
            assert node.span.parent_span_id == path[-1]
            assert node.flaw is None
        else:
            assert (node.span.parent_span_id is None) == (node.flaw is None)
        path.append(node.span.span_id)
