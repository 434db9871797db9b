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
    or_,
    select,
    tuple_,
)

from agenttrace.wire import SpanStatus
from agenttrace_server.records import Page, Span
from agenttrace_server.storage.conditions import contains_text, list_within, match_span
from agenttrace_server.storage.depths import read_depths
from agenttrace_server.storage.keys import join_keys
from agenttrace_server.storage.tables import RUN, SPAN
from agenttrace_server.storage.trees import order_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement

    from agenttrace_server.storage.criteria import SpanFilter

SpanKey: TypeAlias = tuple[str, str]
SpanPosition: TypeAlias = tuple[int, str]
"""Where a span stands among its siblings: `seq`, then its id."""

BEFORE_ALL: Final[SpanPosition] = (-1, "")

# In the order of the record's fields: a row and its depth make a record as they are.
_NAMES: Final = Span._fields[:-2]

SpanColumns: TypeAlias = dict[str, "Sequence[Any]"]
"""Fields of spans by their name in the record, one value for each span."""

_PLACE: Final = ("span_id", "parent_span_id", "seq")
_ADDED: Final = frozenset({"run_id", "run_start_ns", "depth"})


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
    query = _select_spans().select_from(SPAN.join(RUN, RUN.c.run_id == SPAN.c.run_id))
    query = query.where(SPAN.c.run_id == run_id, tuple_(SPAN.c.seq, SPAN.c.span_id) > after)
    if span_filter is not None:
        query = query.where(*_list_conditions(span_filter))
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


def _list_conditions(span_filter: SpanFilter) -> list[ColumnElement[bool]]:
    conditions = [match_span(SPAN, span_filter.condition)]
    if span_filter.text:
        places = (SPAN.c.name, SPAN.c.model, SPAN.c.span_id)
        conditions.append(or_(*(contains_text(place, span_filter.text) for place in places)))
    if span_filter.duration_ns is not None:
        conditions.extend(list_within(SPAN.c.duration_ns, span_filter.duration_ns))
    if span_filter.total_tokens is not None:
        known = func.coalesce(SPAN.c.prompt_tokens, 0) + func.coalesce(SPAN.c.completion_tokens, 0)
        conditions.append(SPAN.c.usage_source.is_not(None))
        conditions.extend(
            list_within(func.coalesce(SPAN.c.total_tokens, known), span_filter.total_tokens)
        )
    return conditions


def _make_spans(connection: Connection, rows: Sequence[Row[Any]]) -> list[Span]:
    depths = read_depths(connection, [(row.run_id, row.span_id) for row in rows])
    return [Span._make((*row, depths[row.run_id, row.span_id])) for row in rows]


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
