"""Reading spans: a run's whole tree in one statement, pages, children, and single ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    case,
    func,
    select,
    tuple_,
)

from agenttrace.wire import SpanStatus
from agenttrace_server.records import Page, Placement, Span
from agenttrace_server.storage.criteria import SpanFilter
from agenttrace_server.storage.depths import read_places
from agenttrace_server.storage.keys import join_keys
from agenttrace_server.storage.span_filters import (
    HAS_ATTRIBUTES,
    choose_rows,
    list_span_conditions,
    needs_reading,
)
from agenttrace_server.storage.tables import PAYLOAD, RUN, SPAN
from agenttrace_server.storage.trees import order_columns, place_node

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement

SpanKey: TypeAlias = tuple[str, str]
SpanPosition: TypeAlias = tuple[int, str]
"""Where a span stands among its siblings: `seq`, then its id."""

BEFORE_ALL: Final[SpanPosition] = (-1, "")

STRETCH: Final = 500
"""Spans that are looked at in one step where a filter looks at texts."""

# In the order of the record's fields: a row and its place make a record as they are.
_NAMES: Final = Span._fields[:-3]
_STORED: Final = len(Span._fields) - 2
"""Fields that a row has; what it has beyond them is no part of the record."""

SpanColumns: TypeAlias = dict[str, "Sequence[Any]"]
"""Fields of spans by their name in the record, one value for each span."""

CHILD: Final = Placement.CHILD

_PLACE: Final = ("span_id", "parent_span_id", "seq")
_ADDED: Final = frozenset({"run_id", "run_start_ns", "depth", "placement"})


def read_tree(connection: Connection, run_id: str) -> tuple[Span, ...]:
    """Return all spans of a run in pre-order, siblings by `seq`, each with its depth.

    No span is lost: one whose parent is not in the run is at the top, and so is the earliest one
    of a circle.
    """
    columns = read_tree_columns(connection, run_id, Span._fields)
    return tuple(map(Span._make, zip(*columns.values(), strict=True)))


def read_tree_columns(connection: Connection, run_id: str, names: Sequence[str]) -> SpanColumns:
    """Return these fields of the spans that `read_tree` gives: each a column, in its order.

    The columns that are not asked for are half the time of a long tree.
    """
    run = select(RUN.c.start_ns).where(RUN.c.run_id == run_id)
    given_up_ns = run.with_only_columns(RUN.c.interrupted_ns).scalar_subquery()
    stored = [name for name in dict.fromkeys((*_PLACE, *names)) if name not in _ADDED]
    query = select(*_list_columns(given_up_ns, stored), run.scalar_subquery())
    rows = connection.execute(query.where(SPAN.c.run_id == run_id)).all()
    if not rows or rows[0][-1] is None:  # the run was deleted, and its rows are being taken out
        return dict.fromkeys(names, ())
    columns = list(zip(*rows, strict=True))
    order, depths = order_columns(*columns[: len(_PLACE)])
    found: dict[str, Sequence[Any]] = {
        "run_id": [run_id] * len(rows),
        "run_start_ns": columns[-1],  # the same in every row
        "depth": depths,
    }
    if "placement" in names:
        ids, parents = columns[:2]
        known = frozenset(ids)
        found["placement"] = [
            place_node(depth, parents[at], has_parent=parents[at] in known) if not depth else CHILD
            for at, depth in zip(order, depths, strict=True)
        ]
    for name, column in zip(stored, columns[:-1], strict=True):
        if name in names:
            found[name] = list(map(column.__getitem__, order))
    return {name: found[name] for name in names}


def read_spans(connection: Connection, keys: Sequence[SpanKey]) -> dict[SpanKey, Span]:
    """Return the spans that exist, by run id and span id."""
    source = join_keys(SPAN, keys, "run_id", "span_id").join(RUN, RUN.c.run_id == SPAN.c.run_id)
    rows = connection.execute(_select_spans().select_from(source)).all()
    return {(span.run_id, span.span_id): span for span in _make_spans(connection, rows)}


def list_spans(
    connection: Connection,
    run_id: str,
    *,
    first: int,
    after: SpanPosition,
    span_filter: SpanFilter | None = None,
) -> Page[Span]:
    """Return the first spans of a run after a position that match, in the order of `seq`."""
    rows = _find_rows(connection, run_id, first + 1, after, span_filter or SpanFilter())
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


def _find_rows(
    connection: Connection, run_id: str, limit: int, after: SpanPosition, span_filter: SpanFilter
) -> list[Row[Any]]:
    """Return the first rows that match, looking at no more of the run than fills the page."""
    source = SPAN.join(RUN, RUN.c.run_id == SPAN.c.run_id)
    query = _select_spans()
    reads = needs_reading(span_filter)
    if reads:
        source = source.outerjoin(PAYLOAD, HAS_ATTRIBUTES)
        query = query.add_columns(PAYLOAD.c.size_bytes.label("attribute_bytes"))
    query = query.select_from(source).where(
        SPAN.c.run_id == run_id, *list_span_conditions(span_filter)
    )
    query = query.order_by(SPAN.c.seq, SPAN.c.span_id).limit(STRETCH if reads else limit)
    place = tuple_(SPAN.c.seq, SPAN.c.span_id)
    found: list[Row[Any]] = []
    while True:
        rows = connection.execute(query.where(place > after)).all()
        if not reads:
            return list(rows)
        found.extend(choose_rows(connection, rows, span_filter))
        if len(found) >= limit or len(rows) < STRETCH:
            return found[:limit]
        after = (rows[-1].seq, rows[-1].span_id)


def _make_spans(connection: Connection, rows: Sequence[Row[Any]]) -> list[Span]:
    places = read_places(connection, [(row.run_id, row.span_id) for row in rows])
    return [Span._make((*row[:_STORED], *places[row.run_id, row.span_id])) for row in rows]


def _select_spans() -> Select[Any]:
    columns = _list_columns(RUN.c.interrupted_ns)
    return select(*columns, RUN.c.start_ns.label("run_start_ns"))


def _list_columns(
    given_up_ns: ColumnElement[int | None], names: Sequence[str] = _NAMES
) -> list[ColumnElement[Any]]:
    """Return the columns; a span that is open in a run that was given up is shown so."""
    is_left = and_(SPAN.c.status == SpanStatus.STARTED.value, given_up_ns.is_not(None))
    shown = case((is_left, SpanStatus.INTERRUPTED.value), else_=SPAN.c.status).label("status")
    return [shown if name == "status" else SPAN.c[name] for name in names]
