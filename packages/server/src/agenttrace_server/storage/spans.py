"""Reading spans: a run's whole tree in one statement, pages, children, and single ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import Connection, Row, Select, and_, func, select, tuple_

from agenttrace_server.records import Page, Span, Usage
from agenttrace_server.storage.depths import read_depths
from agenttrace_server.storage.keys import join_keys
from agenttrace_server.storage.tables import RUN, SPAN
from agenttrace_server.storage.trees import Node, order_tree

if TYPE_CHECKING:
    from collections.abc import Sequence

SpanKey: TypeAlias = tuple[str, str]
SpanPosition: TypeAlias = tuple[int, str]
"""Where a span stands among its siblings: `seq`, then its id."""

BEFORE_ALL: Final[SpanPosition] = (-1, "")

_COLUMNS: Final = [
    column for column in SPAN.c if column.name not in {"rank", "older", "payloads", "fn_hash"}
]


def read_tree(connection: Connection, run_id: str) -> tuple[Span, ...]:
    """Return all spans of a run in pre-order, siblings by `seq`, each with its depth.

    No span is lost: one whose parent is not in the run is at the top, and so is the earliest one
    of a circle.
    """
    query = _select_spans().select_from(SPAN.join(RUN, RUN.c.run_id == SPAN.c.run_id))
    rows = connection.execute(query.where(SPAN.c.run_id == run_id)).all()
    nodes = [Node(row.span_id, row.parent_span_id, row.seq) for row in rows]
    return tuple(_make_span(rows[index], depth) for index, depth in order_tree(nodes))


def read_spans(connection: Connection, keys: Sequence[SpanKey]) -> dict[SpanKey, Span]:
    """Return the spans that exist, by run id and span id."""
    source = join_keys(SPAN, keys, "run_id", "span_id").join(RUN, RUN.c.run_id == SPAN.c.run_id)
    rows = connection.execute(_select_spans().select_from(source)).all()
    return {(span.run_id, span.span_id): span for span in _make_spans(connection, rows)}


def list_spans(
    connection: Connection, run_id: str, *, first: int, after: SpanPosition
) -> Page[Span]:
    """Return the first spans of a run after a position, in the order of `seq`."""
    query = _select_spans().select_from(SPAN.join(RUN, RUN.c.run_id == SPAN.c.run_id))
    query = query.where(SPAN.c.run_id == run_id, tuple_(SPAN.c.seq, SPAN.c.span_id) > after)
    query = query.order_by(SPAN.c.seq, SPAN.c.span_id).limit(first + 1)
    rows = connection.execute(query).all()
    spans = _make_spans(connection, rows[:first])
    return Page(tuple(spans), len(rows) > first, after != BEFORE_ALL)


def list_children(
    connection: Connection, parents: Sequence[SpanKey], *, first: int, after: SpanPosition
) -> dict[SpanKey, Page[Span]]:
    """Return the first children after a position, of each span, in the order of `seq`."""
    rank = func.row_number().over(
        partition_by=(SPAN.c.run_id, SPAN.c.parent_span_id), order_by=(SPAN.c.seq, SPAN.c.span_id)
    )
    # The rank is counted over an index; only the rows of the page are read.
    ranked = select(SPAN.c.run_id, SPAN.c.span_id, rank.label("rank"))
    ranked = ranked.select_from(join_keys(SPAN, parents, "run_id", "parent_span_id"))
    part = ranked.where(tuple_(SPAN.c.seq, SPAN.c.span_id) > after).subquery()
    same = and_(SPAN.c.run_id == part.c.run_id, SPAN.c.span_id == part.c.span_id)
    source = part.join(SPAN, same).join(RUN, RUN.c.run_id == SPAN.c.run_id)
    query = _select_spans().select_from(source).where(part.c.rank <= first + 1)
    rows = connection.execute(query.order_by(SPAN.c.seq, SPAN.c.span_id)).all()
    found: dict[SpanKey, list[Span]] = {parent: [] for parent in parents}
    for span in _make_spans(connection, rows):
        found[span.run_id, str(span.parent_span_id)].append(span)
    return {
        parent: Page(tuple(spans[:first]), len(spans) > first, after != BEFORE_ALL)
        for parent, spans in found.items()
    }


def _make_spans(connection: Connection, rows: Sequence[Row[Any]]) -> list[Span]:
    depths = read_depths(connection, [(row.run_id, row.span_id) for row in rows])
    return [_make_span(row, depths[row.run_id, row.span_id]) for row in rows]


def _make_span(row: Row[Any], depth: int) -> Span:
    return Span(
        row.run_id,
        row.span_id,
        row.parent_span_id,
        row.name,
        row.span_type,
        row.status,
        row.start_ns,
        row.end_ns,
        row.duration_ns,
        row.seq,
        row.end_seq,
        row.lane,
        row.effect,
        row.outcome,
        row.model,
        _make_usage(row) if row.usage_source is not None else None,
        row.cost_usd,
        row.cost_source,
        row.replay_key,
        row.input_hash,
        row.run_start_ns,
        depth,
    )


def _make_usage(row: Row[Any]) -> Usage:
    return Usage(
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        total_tokens=row.total_tokens,
        cached_tokens=row.cached_tokens,
        cache_write_tokens=row.cache_write_tokens,
        reasoning_tokens=row.reasoning_tokens,
        source=row.usage_source,
    )


def _select_spans() -> Select[Any]:
    return select(*_COLUMNS, RUN.c.start_ns.label("run_start_ns"))
