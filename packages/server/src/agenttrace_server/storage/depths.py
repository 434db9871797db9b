"""How deep single spans are, without reading their run: by going up from each.

A tree knows the depths anyway (`storage.trees`); this is for pages, single spans and live events.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from sqlalchemy import Connection, and_, func, literal_column, select

from agenttrace_server.storage.keys import join_later, write_keys
from agenttrace_server.storage.statements import Statement
from agenttrace_server.storage.tables import SPAN
from agenttrace_server.storage.trees import Node, order_tree, place_node

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace_server.records import Placement

SpanKey: TypeAlias = tuple[str, str]

MAX_STEPS: Final = 64
"""Beyond so many ancestors (or in a circle) the structure of the whole run is read instead."""


def read_places(
    connection: Connection, keys: Sequence[SpanKey]
) -> dict[SpanKey, tuple[int, Placement]]:
    """Return how many spans each of these spans is within, and why, as a tree of its run shows it.

    One statement, or two when something is very deep or circular. Unknown spans are left out.
    """
    found = _climb(connection, keys) if keys else {}
    deep = {run_id for (run_id, _), (depth, _) in found.items() if depth >= MAX_STEPS}
    if deep:
        whole = _read_structures(connection, sorted(deep))
        found.update({key: whole[key] for key in found if key[0] in deep})
    return found


def _climb(connection: Connection, keys: Sequence[SpanKey]) -> dict[SpanKey, tuple[int, Placement]]:
    rows = _prepare_climb().read(connection, keys=write_keys(keys))
    # Who climbs no step has no parent, or one that is not there; in a circle one climbs for ever.
    return {
        (run_id, span_id): (depth, place_node(depth, parent, has_parent=False))
        for run_id, span_id, depth, parent in rows
    }


@lru_cache
def _prepare_climb() -> Statement:
    """Return the statement, which takes longer to build than to run."""
    start = select(
        SPAN.c.run_id,
        SPAN.c.span_id,
        SPAN.c.parent_span_id.label("parent"),
        SPAN.c.parent_span_id.label("ancestor"),
        literal_column("0").label("steps"),
    ).select_from(join_later(SPAN, "run_id", "span_id"))
    up = start.cte("up", recursive=True)
    step = select(
        up.c.run_id,
        up.c.span_id,
        up.c.parent,
        SPAN.c.parent_span_id,
        up.c.steps + literal_column("1"),
    ).select_from(
        up.join(SPAN, and_(SPAN.c.run_id == up.c.run_id, SPAN.c.span_id == up.c.ancestor))
    )
    up = up.union_all(step.where(up.c.steps < literal_column(str(MAX_STEPS))))
    query = select(up.c.run_id, up.c.span_id, func.max(up.c.steps), func.max(up.c.parent))
    return Statement(query.group_by(up.c.run_id, up.c.span_id))


def _read_structures(
    connection: Connection, run_ids: Sequence[str]
) -> dict[SpanKey, tuple[int, Placement]]:
    query = select(SPAN.c.run_id, SPAN.c.span_id, SPAN.c.parent_span_id, SPAN.c.seq)
    nodes: dict[str, list[Node]] = {run_id: [] for run_id in run_ids}
    for row in connection.execute(query.where(SPAN.c.run_id.in_(run_ids))):
        nodes[row.run_id].append(Node(row.span_id, row.parent_span_id, row.seq))
    found: dict[SpanKey, tuple[int, Placement]] = {}
    for run_id, of_run in nodes.items():
        known = frozenset(node.span_id for node in of_run)
        for index, depth in order_tree(of_run):
            node = of_run[index]
            has_parent = node.parent_span_id in known
            place = place_node(depth, node.parent_span_id, has_parent=has_parent)
            found[run_id, node.span_id] = (depth, place)
    return found
