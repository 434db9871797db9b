"""Right parents under tasks, threads, pools, streams and cancellation: a few hundred random trees.

The program beside this grows as many as are asked for.
"""

from __future__ import annotations

from .task_trees import grow_forest


def test_no_span_has_a_wrong_parent_and_each_ends_once() -> None:
    """Compared with what the program itself gave to each node."""
    spans, faults, forest = grow_forest(200, seed=7)
    assert forest.stop() == {}
    assert faults == []
    assert spans > 1_000
    assert forest.ledger.statuses["CANCELLED"] > 20
