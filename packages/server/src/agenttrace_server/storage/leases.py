"""Giving up runs of which nothing was heard for too long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, select, update

from agenttrace.wire import RunStatus
from agenttrace_server.records import ChangeKind
from agenttrace_server.storage.append import Appended
from agenttrace_server.storage.positions import log_changes
from agenttrace_server.storage.tables import RUN

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection


def has_silent_runs(connection: Connection, *, before_ns: int) -> bool:
    """Tell whether a run is open of which nothing arrived since then, by the server's clock."""
    query = select(RUN.c.run_id).where(_is_silent(before_ns)).limit(1)
    return connection.execute(query).first() is not None


def interrupt_silent_runs(
    connection: Connection, *, before_ns: int, now_ns: int, limit: int
) -> Appended:
    """Show the open runs of which nothing arrived since then as INTERRUPTED, so many at most.

    What was recorded stays as it is: a record that arrives later takes this back. Several workers
    may do it at once: it happens within the one write transaction, and the second finds nothing.
    """
    query = select(RUN.c.run_id).where(_is_silent(before_ns)).limit(limit)
    run_ids = list(connection.execute(query).scalars())
    if run_ids:
        shown = {"status": RunStatus.INTERRUPTED.value, "interrupted_ns": now_ns}
        connection.execute(update(RUN).where(RUN.c.run_id.in_(run_ids)).values(shown))
    end = log_changes(connection, [(i, ChangeKind.RUN_UPDATED.value, None, None) for i in run_ids])
    return Appended(end, frozenset(run_ids))


def _is_silent(before_ns: int) -> ColumnElement[bool]:
    return and_(RUN.c.status == RunStatus.STARTED.value, RUN.c.seen_ns < before_ns)
