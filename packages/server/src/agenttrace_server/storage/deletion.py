"""Deleting runs: in one commit they are gone for readers, then their rows go in small steps.

The first step takes a run's own rows and its part of the sums, and leaves a tombstone, so that
records which come late are refused, and one entry in the change log. What hangs from a run is
reached through it, so nobody sees it any more; it is taken out a bounded number of rows at a
time, so that records are stored meanwhile. A server that ends in between finds what is left by
the tombstones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, and_, bindparam, delete, exists, insert, or_, select, tuple_

from agenttrace_server.records import ChangeKind
from agenttrace_server.storage.append import Appended
from agenttrace_server.storage.documents import DOCUMENT, delete_run_documents
from agenttrace_server.storage.keys import select_by_ids
from agenttrace_server.storage.positions import log_changes, read_end
from agenttrace_server.storage.rollups import MODEL_SUMS, Difference
from agenttrace_server.storage.rows import upsert_named
from agenttrace_server.storage.tables import (
    ANNOTATION,
    ATTRIBUTE,
    CHANGE,
    CONTENT,
    DELETED_RUN,
    EVENT,
    MODEL_USAGE,
    PAYLOAD,
    RUN,
    SPAN,
    TAG,
    USAGE_HOUR,
)
from agenttrace_server.storage.usage_rows import list_hour_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Table
    from sqlalchemy.sql import ColumnElement

MAX_STEP_ROWS: Final = 1_000
"""Of one step: it holds up the records that wait for some milliseconds."""

# With the run itself: few rows each.
_OF_RUN: Final = (RUN, MODEL_USAGE, TAG, ATTRIBUTE, ANNOTATION)
# In steps: the table, and what tells its rows of one run apart. The log's last entry stays.
_DETAILS: Final[tuple[tuple[Table, tuple[ColumnElement[Any], ...]], ...]] = (
    (SPAN, (SPAN.c.span_id,)),
    (PAYLOAD, (PAYLOAD.c.span_id, PAYLOAD.c.kind)),
    (CONTENT, (CONTENT.c.digest,)),
    (EVENT, (EVENT.c.seq,)),
    (CHANGE, (CHANGE.c.position,)),
)


def delete_runs(connection: Connection, run_ids: Sequence[str], *, now_ns: int) -> Appended:
    """Make these runs gone, those that exist; `run_ids` of the result names them.

    What hangs from them is still to be taken out, by `delete_details`.
    """
    found = connection.execute(select_by_ids(RUN, run_ids, "run_id"))
    known = sorted({str(row.run_id) for row in found})
    if not known:
        return Appended(read_end(connection), frozenset())
    _take_usage_back(connection, known)
    ids = [{"id": run_id} for run_id in known]
    for table in _OF_RUN:
        connection.execute(delete(table).where(table.c.run_id == bindparam("id")), ids)
    tombstones = [{"run_id": run_id, "deleted_ns": now_ns} for run_id in known]
    connection.execute(insert(DELETED_RUN), tombstones)
    end = log_changes(connection, [(i, ChangeKind.RUN_DELETED.value, None, None) for i in known])
    return Appended(end, frozenset(known))


def delete_details(
    connection: Connection, run_ids: Sequence[str], *, limit: int = MAX_STEP_ROWS
) -> list[str]:
    """Take out at most `limit` rows of deleted runs; return the runs that may have more."""
    left = limit
    for place, run_id in enumerate(run_ids):
        for table, keys in _DETAILS:
            if not left:
                return [*run_ids[place:]]
            left -= _delete_some(connection, table, keys, run_id, left)
        left -= delete_run_documents(connection, run_id, limit=left)
        if not left:
            return [*run_ids[place:]]
    return []


def list_unfinished(connection: Connection) -> list[str]:
    """Return the deleted runs of which rows are left: a server ended while it took them out."""
    left = [
        exists().where(table.c.run_id == DELETED_RUN.c.run_id, *_which(table))
        for table, _ in _DETAILS
    ]
    left.append(exists().where(DOCUMENT.c.run_id == DELETED_RUN.c.run_id))
    return [*connection.execute(select(DELETED_RUN.c.run_id).where(or_(*left))).scalars()]


def _delete_some(
    connection: Connection,
    table: Table,
    keys: tuple[ColumnElement[Any], ...],
    run_id: str,
    limit: int,
) -> int:
    of_run = and_(table.c.run_id == run_id, *_which(table))
    some = select(*keys).where(of_run).limit(limit)
    return connection.execute(delete(table).where(of_run, tuple_(*keys).in_(some))).rowcount


def _which(table: Table) -> list[ColumnElement[bool]]:
    return [CHANGE.c.kind != ChangeKind.RUN_DELETED.value] if table is CHANGE else []


def _take_usage_back(connection: Connection, run_ids: Sequence[str]) -> None:
    total = Difference()
    for row in connection.execute(select_by_ids(MODEL_USAGE, run_ids, "run_id")):
        sums = total.models.setdefault((row.model, row.hour_ns), dict.fromkeys(MODEL_SUMS, 0))
        for name in MODEL_SUMS:
            sums[name] -= getattr(row, name) or 0
    rows = list_hour_rows(connection, [total])
    upsert_named(connection, USAGE_HOUR, rows)
    # A model that only deleted runs called leaves no trace of its name.
    unused = [{"h": row["hour_ns"], "m": row["model"]} for row in rows if not row["calls"]]
    if unused:
        same = and_(USAGE_HOUR.c.hour_ns == bindparam("h"), USAGE_HOUR.c.model == bindparam("m"))
        connection.execute(delete(USAGE_HOUR).where(same), unused)
