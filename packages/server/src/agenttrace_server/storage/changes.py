"""Reading the change log by cursor, with the state that the changes led to.

Everything that belongs together is read on one connection, in one snapshot: the entries, the
spans and events they name, and the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Connection, Row, and_, case, func, select, true

from agenttrace_server.records import Change, ChangedRun, ChangedRuns, ChangeKind, RunChanges
from agenttrace_server.storage.conditions import list_fixed_conditions, list_state_conditions
from agenttrace_server.storage.contents import count_fitting
from agenttrace_server.storage.events import read_events
from agenttrace_server.storage.keys import select_by_ids
from agenttrace_server.storage.positions import END_OF_LOG, read_end
from agenttrace_server.storage.runs import make_run, read_runs
from agenttrace_server.storage.spans import read_spans
from agenttrace_server.storage.tables import CHANGE, DELETED_RUN, EVENT, PAYLOAD, RUN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agenttrace_server.storage.criteria import RunFilter

# Bytes of the texts that a follower may ask for with a change: of the event, or of the span.
_SIZE: Final = func.coalesce(
    case(
        (
            CHANGE.c.event_seq.is_not(None),
            select(EVENT.c.size_bytes)
            .where(EVENT.c.run_id == CHANGE.c.run_id, EVENT.c.seq == CHANGE.c.event_seq)
            .scalar_subquery(),
        ),
        else_=select(func.sum(PAYLOAD.c.size_bytes))
        .where(PAYLOAD.c.run_id == CHANGE.c.run_id, PAYLOAD.c.span_id == CHANGE.c.span_id)
        .scalar_subquery(),
    ),
    0,
)


def read_run_changes(  # noqa: PLR0913 -- of which run, from where to where, and how much
    connection: Connection,
    run_id: str,
    *,
    after: int,
    until: int | None,
    limit: int,
    limit_bytes: int,
) -> RunChanges:
    """Return the changes of one run after a position, oldest first, and at most up to another.

    At most `limit` of them, and no more (but one) than those whose texts have `limit_bytes`.
    """
    end = read_end(connection)
    query = select(CHANGE, _SIZE.label("size_bytes"))
    query = query.where(CHANGE.c.run_id == run_id, CHANGE.c.position > after)
    rows = connection.execute(query.order_by(CHANGE.c.position).limit(limit + 1)).all()
    count = min(limit, count_fitting([row.size_bytes for row in rows], limit_bytes))
    part = _cut_rows(rows, count, end=end, until=until)
    changes = tuple(_make_change(row) for row in part.rows)
    span_ids = {change.span_id for change in changes if change.span_id is not None}
    seqs = [change.event_seq for change in changes if change.event_seq is not None]
    spans = read_spans(connection, [(run_id, span_id) for span_id in sorted(span_ids)])
    run = read_runs(connection, [run_id]).get(run_id)
    return RunChanges(
        end=part.end,
        has_more=part.has_more,
        changes=changes,
        run=run,
        spans={span_id: span for (_, span_id), span in spans.items()},
        events=read_events(connection, run_id, seqs) if seqs else {},
        is_deleted=run is None and _is_deleted(connection, run_id),
    )


class _Part(NamedTuple):
    """The rows of a batch, and up to where it tells everything."""

    rows: Sequence[Any]
    end: int
    has_more: bool


def _cut_rows(rows: Sequence[Any], count: int, *, end: int, until: int | None) -> _Part:
    """Return the first rows, and of them those up to a position."""
    taken = rows[:count]
    if until is not None:
        taken = [row for row in taken if row.position <= until]
    has_more = len(rows) > len(taken)
    if len(taken) == count and has_more:
        end = taken[-1].position
    elif until is not None:
        end = until
    elif taken:  # committed between the two readings, where they are not of one snapshot
        end = max(end, taken[-1].position)
    return _Part(taken, end, has_more)


def _is_deleted(connection: Connection, run_id: str) -> bool:
    query = select(DELETED_RUN.c.run_id).where(DELETED_RUN.c.run_id == run_id)
    return connection.execute(query).first() is not None


def read_changed_runs(
    connection: Connection, run_filter: RunFilter, *, after: int, until: int | None, limit: int
) -> ChangedRuns:
    """Return the runs that changed after a position, from at most `limit` changes.

    And at most up to another position. Left out are runs that can never match the filter (name,
    correlation id, text, start); of a run that was deleted nobody knows.
    """
    end = read_end(connection)
    query = select(CHANGE.c.position, CHANGE.c.run_id, CHANGE.c.kind)
    query = query.where(CHANGE.c.position > after).order_by(CHANGE.c.position).limit(limit + 1)
    rows = connection.execute(query).all()
    part = _cut_rows(rows, limit, end=end, until=until)
    kinds = _merge_kinds(part.rows)
    changes = _read_changed(connection, run_filter, kinds) if kinds else ()
    return ChangedRuns(part.end, part.has_more, tuple(changes))


def _read_changed(
    connection: Connection, run_filter: RunFilter, kinds: dict[str, ChangeKind]
) -> list[ChangedRun]:
    matches = and_(true(), *list_state_conditions(run_filter))
    query = select_by_ids(RUN, list(kinds), "run_id").where(*list_fixed_conditions(run_filter))
    query = query.add_columns(END_OF_LOG.label("position"), matches.label("matches"))
    found = {row.run_id: row for row in connection.execute(query)}
    gone = [run_id for run_id, kind in kinds.items() if kind is ChangeKind.RUN_DELETED]
    own = _list_deleted(connection, run_filter.project_id, gone) if gone else set()
    changed = []
    for run_id, kind in kinds.items():
        if run_id in own:
            changed.append(ChangedRun(kind, run_id, None, matches=False))
        elif run_id in found:
            row = found[run_id]
            changed.append(ChangedRun(kind, run_id, make_run(row), matches=bool(row.matches)))
    return changed


def _list_deleted(connection: Connection, project_id: str, run_ids: list[str]) -> set[str]:
    """Return which of these runs were deleted from a project."""
    query = select_by_ids(DELETED_RUN, run_ids, "run_id").where(
        DELETED_RUN.c.project_id == project_id
    )
    return {row.run_id for row in connection.execute(query)}


def _merge_kinds(rows: Iterable[Any]) -> dict[str, ChangeKind]:
    """Return one kind a run: deleted or created if it was, else ended if it did, else updated."""
    kinds: dict[str, ChangeKind] = {}
    for row in rows:
        before = kinds.pop(row.run_id, ChangeKind.RUN_UPDATED)
        now = ChangeKind(row.kind)
        if now is ChangeKind.RUN_DELETED:
            kinds[row.run_id] = now
        elif before is ChangeKind.RUN_CREATED or now is ChangeKind.RUN_CREATED:
            kinds[row.run_id] = ChangeKind.RUN_CREATED
        elif ChangeKind.RUN_ENDED in (before, now):
            kinds[row.run_id] = ChangeKind.RUN_ENDED
        else:
            kinds[row.run_id] = ChangeKind.RUN_UPDATED
    return kinds


def _make_change(row: Row[Any]) -> Change:
    return Change(row.position, row.run_id, ChangeKind(row.kind), row.span_id, row.event_seq)
