"""Deleting runs: in one commit they are gone for readers, then their rows go in small steps.

The first step takes the runs' own rows and their part of the sums, and leaves for each a
tombstone, so that records which come late are refused, and one entry in the change log. What hangs
from a run is reached through it, so nobody sees it any more. The runs stand in a list until all of
that is taken out, a bounded number of rows at a time, so that records are stored meanwhile. Whoever
takes a step, this server or another one, now or after a restart, goes by that list.
"""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime
from datetime import time as time_of_day
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, TypeVar

from sqlalchemy import (
    Connection,
    Delete,
    Integer,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    tuple_,
)

from agenttrace.wire import RunStatus
from agenttrace_server.records import ChangeKind
from agenttrace_server.storage.account_tables import PROJECT
from agenttrace_server.storage.append import Appended
from agenttrace_server.storage.audit import append_deed
from agenttrace_server.storage.conditions import is_of_project
from agenttrace_server.storage.documents import DOCUMENT, delete_run_documents
from agenttrace_server.storage.keys import match_ids, select_by_ids
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
    LEFTOVER,
    PAYLOAD,
    RUN,
    SPAN,
    TAG,
)
from agenttrace_server.storage.usage_rows import list_hour_rows
from agenttrace_server.storage.usage_tables import MODEL_USAGE, USAGE_HOUR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date

    R = TypeVar("R")
    Step: TypeAlias = Callable[[Connection], R]
    """A part of the work that is left, which goes in a transaction of its own."""

    from sqlalchemy import Table
    from sqlalchemy.sql import ColumnElement

    from agenttrace_server.storage.audit import Deed

IDS_A_DEED: Final = 50
"""Runs that an entry of the audit log names."""

MAX_STEP_ROWS: Final = 1_000
"""Of one step: it holds up the records that wait."""
MAX_STEP_S: Final = 0.01
"""After so long a step ends, at the next statement: with that and its commit it has 50 ms."""
MAX_STATEMENT_ROWS: Final = 100
MAX_STEP_RUNS: Final = 200
MAX_GROUP_RUNS: Final = 10
"""Whose rows one statement takes out: many runs are small."""
MAX_LOOKED_SPANS: Final = 100_000
"""Through which one question for old runs looks, or those of one run."""
MAX_STEP_PAGES: Final = 64
"""Of a SQLite file that one step gives back: each is moved, and synced with its neighbours."""
KEPT_FREE_PAGES: Final = 1_024
"""Of a SQLite file, 8 MiB: what is stored next goes there. What is free beyond is given back."""

_INCREMENTAL: Final = 2  # SQLite's name for a file whose free pages can be given back
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


def _make_deletion(table: Table, keys: tuple[ColumnElement[Any], ...]) -> Delete:
    # A list of parameters, and not a text of JSON: PostgreSQL sees which partitions to leave out.
    of_runs: ColumnElement[bool] = table.c.run_id.in_(bindparam("ids", expanding=True))
    if table is CHANGE:
        of_runs = and_(of_runs, CHANGE.c.kind != ChangeKind.RUN_DELETED.value)
    some = select(*keys).where(of_runs).limit(bindparam("count", type_=Integer))
    return delete(table).where(of_runs, tuple_(*keys).in_(some))


_DELETIONS: Final = [_make_deletion(table, (table.c.run_id, *keys)) for table, keys in _DETAILS]

_INDEXED: Final = (
    select(DOCUMENT.c.run_id)
    .where(DOCUMENT.c.run_id.in_(bindparam("ids", expanding=True)))
    .distinct()
)


class OldRuns(NamedTuple):
    """A part of the runs that are old enough to go."""

    run_ids: tuple[str, ...]
    after: tuple[int, str] | None
    """Where to go on; None at the end."""


def delete_runs(
    connection: Connection,
    run_ids: Sequence[str],
    *,
    project_id: str,
    now_ns: int,
    deed: Deed | None = None,
) -> Appended:
    """Make these runs gone, those that the project has; `run_ids` of the result names them.

    What hangs from them is still to be taken out, by `delete_details`. The audit log gets the deed
    when there are any, with their number before its target and their ids after it, some an entry.
    """
    query = select_by_ids(RUN, run_ids, "run_id").with_only_columns(RUN.c.run_id)
    query = query.where(is_of_project(project_id))
    known = sorted({str(run_id) for run_id in connection.execute(query).scalars()})
    if not known:
        return Appended(read_end(connection), frozenset())
    _take_usage_back(connection, project_id, known)
    for table in _OF_RUN:
        connection.execute(delete(table).where(match_ids(table.c.run_id, known)))
    tombstones = [
        {"run_id": run_id, "deleted_ns": now_ns, "project_id": project_id} for run_id in known
    ]
    connection.execute(insert(DELETED_RUN), tombstones)
    connection.execute(insert(LEFTOVER), [{"run_id": run_id} for run_id in known])
    if deed is not None:
        for target in _list_targets(deed.target, known):
            append_deed(connection, deed._replace(project_id=project_id, target=target))
    end = log_changes(connection, [(i, ChangeKind.RUN_DELETED.value, None, None) for i in known])
    return Appended(end, frozenset(known))


def delete_old_runs(  # noqa: PLR0913 -- what is old, whose it is, and what is remembered of it
    connection: Connection,
    run_ids: Sequence[str],
    *,
    project_id: str,
    before_ns: int,
    now_ns: int,
    deed: Deed | None = None,
) -> Appended:
    """Make those of these runs gone that are old enough, still: a record may have come.

    The audit log gets the deed with their number: how old they were says which they are.
    """
    chosen = select(RUN.c.run_id).where(match_ids(RUN.c.run_id, run_ids), is_old(before_ns))
    old = [*connection.execute(chosen).scalars()]
    gone = delete_runs(connection, old, project_id=project_id, now_ns=now_ns)
    if deed is not None and gone.run_ids:
        target = f"{len(gone.run_ids)} {deed.target}"
        append_deed(connection, deed._replace(project_id=project_id, target=target))
    return gone


def _list_targets(how: str, run_ids: Sequence[str]) -> Iterator[str]:
    """Yield `3 by filter: <ids>`, or for many `60 by filter (1 to 50): <ids>` and so on."""
    for start in range(0, len(run_ids), IDS_A_DEED):
        part = run_ids[start : start + IDS_A_DEED]
        place = "" if len(part) == len(run_ids) else f" ({start + 1} to {start + len(part)})"
        yield f"{len(run_ids)} {how}{place}: {' '.join(part)}"


def list_owners(connection: Connection) -> list[str]:
    """Return all projects by their ids."""
    return [*connection.execute(select(PROJECT.c.project_id)).scalars()]


def list_old_runs(
    connection: Connection,
    project_id: str,
    *,
    before_ns: int,
    after: tuple[int, str],
    limit: int,
) -> OldRuns:
    """Return the next runs of a project, oldest first, of which everything is older than that.

    At most `limit`, and of large runs only a few: their spans are looked through.
    """
    key = tuple_(RUN.c.start_ns, RUN.c.run_id)
    query = select(RUN.c.start_ns, RUN.c.run_id, RUN.c.spans)
    query = query.where(is_of_project(project_id), key > after, is_old(before_ns))
    rows = connection.execute(query.order_by(RUN.c.start_ns, RUN.c.run_id).limit(limit)).all()
    totals = accumulate(row.spans for row in rows)
    few = [
        row
        for place, (row, total) in enumerate(zip(rows, totals, strict=True))
        if not place or total <= MAX_LOOKED_SPANS
    ]
    has_more = len(rows) == limit or len(few) < len(rows)
    young = _list_young(connection, [row.run_id for row in few], before_ns)
    run_ids = tuple(row.run_id for row in few if row.run_id not in young)
    return OldRuns(run_ids, (few[-1].start_ns, few[-1].run_id) if has_more else None)


def start_of_day(day: date) -> int:
    """Return when a day of UTC begins, in nanoseconds since 1970."""
    return int(datetime.combine(day, time_of_day.min, UTC).timestamp()) * 10**9


def is_old(before_ns: int) -> ColumnElement[bool]:
    """Return the condition that a run is over, and that all of it happened and came before."""
    return and_(
        RUN.c.start_ns < before_ns,
        func.coalesce(RUN.c.end_ns, RUN.c.start_ns) < before_ns,
        RUN.c.seen_ns < before_ns,
        RUN.c.status != RunStatus.STARTED.value,
    )


def _list_young(connection: Connection, run_ids: Sequence[str], before_ns: int) -> set[str]:
    """Return those of these runs that have a span which is not older than that."""
    if not run_ids:
        return set()
    is_young = or_(SPAN.c.start_ns >= before_ns, SPAN.c.end_ns >= before_ns)
    query = select(SPAN.c.run_id).where(SPAN.c.run_id.in_(run_ids), is_young).distinct()
    return {*connection.execute(query).scalars()}


def delete_details(
    connection: Connection,
    run_ids: Sequence[str],
    *,
    limit: int = MAX_STEP_ROWS,
    limit_s: float = math.inf,
    mono_s: Callable[[], float] = time.monotonic,
) -> list[str]:
    """Take out at most `limit` rows of deleted runs; return the runs that may have more.

    It ends early, at the next statement, when it has taken `limit_s`; but not before it has taken
    out a row or come to the end of some runs, however slow the database is: else it would begin
    with the same statements for ever. The others are off the list of what is left.
    """
    end_s = mono_s() + limit_s
    for start in range(0, len(run_ids), MAX_GROUP_RUNS):
        group = run_ids[start : start + MAX_GROUP_RUNS]
        if start and mono_s() >= end_s:
            return [*run_ids[start:]]
        taken = _delete_some(connection, group, limit, lambda: mono_s() >= end_s)
        if taken is None:
            return [*run_ids[start:]]
        limit -= taken
        connection.execute(delete(LEFTOVER).where(match_ids(LEFTOVER.c.run_id, group)))
    return []


def list_unfinished(connection: Connection, *, limit: int = MAX_STEP_RUNS) -> list[str]:
    """Return the first deleted runs of which rows may be left."""
    query = select(LEFTOVER.c.run_id).order_by(LEFTOVER.c.run_id).limit(limit)
    return [*connection.execute(query).scalars()]


def take_step(connection: Connection) -> bool:
    """Take out some rows of what is left of deleted runs; tell whether there is more.

    Several servers may do it at once: each step sees the list as the one before left it.
    """
    run_ids = list_unfinished(connection)
    left = delete_details(connection, run_ids, limit_s=MAX_STEP_S)
    return bool(left) or len(run_ids) == MAX_STEP_RUNS


def has_leftovers(connection: Connection) -> bool:
    """Tell whether rows of deleted runs may be left."""
    return connection.execute(select(exists().select_from(LEFTOVER))).scalar_one()


def has_free_space(connection: Connection) -> bool:
    """Tell whether a SQLite file has more free pages than are kept, and can give them back.

    A file that an earlier release made cannot. PostgreSQL sees to its space by itself.
    """
    if connection.dialect.name != "sqlite":
        return False
    mode = connection.exec_driver_sql("PRAGMA auto_vacuum").scalar_one()
    return mode == _INCREMENTAL and _count_free_pages(connection) > KEPT_FREE_PAGES


def give_space_back(
    connection: Connection,
    *,
    limit_s: float = MAX_STEP_S,
    mono_s: Callable[[], float] = time.monotonic,
) -> None:
    """Make a SQLite file smaller by its free pages, but for those that are kept, for a while.

    The file shrinks with the next checkpoint of its journal.
    """
    end_s = mono_s() + limit_s
    left = min(_count_free_pages(connection) - KEPT_FREE_PAGES, MAX_STEP_PAGES)
    while left > 0 and mono_s() < end_s:
        # One at a time: the driver takes one step of the statement, which is one page.
        connection.exec_driver_sql("PRAGMA incremental_vacuum(1)")
        left -= 1


def _count_free_pages(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA freelist_count").scalar_one())


def _delete_some(
    connection: Connection, run_ids: Sequence[str], limit: int, is_late: Callable[[], bool]
) -> int | None:
    """Take out rows of runs; return how many there were, or None when some may be left."""
    total = 0
    for statement in _DELETIONS:
        count = part = -1
        while count == part:
            part = min(limit - total, MAX_STATEMENT_ROWS)
            if not part or (is_late() and total):
                return None
            count = connection.execute(statement, {"ids": run_ids, "count": part}).rowcount
            total += count
    indexed = connection.execute(_INDEXED, {"ids": run_ids}).scalars().all()
    for run_id in indexed:
        part = min(limit - total, MAX_STATEMENT_ROWS)
        if not part or (is_late() and total):
            return None
        count = delete_run_documents(connection, run_id, limit=part)
        if count == part:
            return None
        total += count
    return total


def _take_usage_back(connection: Connection, project_id: str, run_ids: Sequence[str]) -> None:
    total = Difference()
    for row in connection.execute(select_by_ids(MODEL_USAGE, run_ids, "run_id")):
        sums = total.models.setdefault((row.model, row.hour_ns), dict.fromkeys(MODEL_SUMS, 0))
        for name in MODEL_SUMS:
            sums[name] -= getattr(row, name) or 0
    rows = list_hour_rows(connection, project_id, [total])
    upsert_named(connection, USAGE_HOUR, rows)
    # A model that only deleted runs called leaves no trace of its name.
    unused = [{"h": row["hour_ns"], "m": row["model"]} for row in rows if not row["calls"]]
    if unused:
        same = and_(
            USAGE_HOUR.c.hour_ns == bindparam("h"),
            USAGE_HOUR.c.model == bindparam("m"),
            USAGE_HOUR.c.project_id == project_id,
        )
        connection.execute(delete(USAGE_HOUR).where(same), unused)
