"""Giving up runs of which nothing was heard for too long."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, literal_column, select, update

from agenttrace.wire import RunStatus
from agenttrace_server.records import ChangeKind
from agenttrace_server.storage.append import Appended
from agenttrace_server.storage.open_spans import MAX_TOLD_SPANS, list_open_spans
from agenttrace_server.storage.positions import log_changes
from agenttrace_server.storage.tables import RUN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection

_IS_OPEN: Final = RUN.c.status == literal_column(f"'{RunStatus.STARTED.value}'")
"""Spelt as in the index of open runs, which serves no bound value."""


def has_silent_runs(connection: Connection, *, before_ns: int) -> bool:
    """Tell whether a run is open of which nothing arrived since then, by the server's clock."""
    query = select(RUN.c.run_id).where(_is_silent(before_ns)).limit(1)
    return connection.execute(query).first() is not None


def interrupt_silent_runs(
    connection: Connection, *, before_ns: int, now_ns: int, limit: int
) -> Appended:
    """Show the open runs of which nothing arrived since then as INTERRUPTED, so many at most.

    Their open spans are shown so too, and the change log tells of both. Of large runs only a few
    are given up at once.

    What was recorded stays as it is: a record that arrives later takes this back. Several workers
    may do it at once: it happens within the one write transaction, and the second finds nothing.
    """
    query = select(RUN.c.run_id, RUN.c.spans).where(_is_silent(before_ns)).limit(limit)
    run_ids = _take_few([(row.run_id, row.spans) for row in connection.execute(query)])
    if run_ids:
        shown = {"status": RunStatus.INTERRUPTED.value, "interrupted_ns": now_ns}
        connection.execute(update(RUN).where(RUN.c.run_id.in_(run_ids)).values(shown))
    entries = [(run_id, ChangeKind.RUN_UPDATED.value, None, None) for run_id in run_ids]
    end = log_changes(connection, [*entries, *list_open_spans(connection, run_ids)])
    return Appended(end, frozenset(run_ids))


def _take_few(runs: Sequence[tuple[str, int]]) -> list[str]:
    """Return the first runs, at least one, whose spans are not too many to look through."""
    totals = accumulate(spans for _, spans in runs)
    return [
        run_id
        for place, ((run_id, _), total) in enumerate(zip(runs, totals, strict=True))
        if not place or total <= MAX_TOLD_SPANS
    ]


def _is_silent(before_ns: int) -> ColumnElement[bool]:
    return and_(_IS_OPEN, RUN.c.seen_ns < before_ns)
