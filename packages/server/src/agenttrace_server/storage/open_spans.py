"""Telling that open spans are shown otherwise: their run was given up, or its recorder returned.

Their rows do not change, what is shown of them does: so each gets an entry in the change log, and
whoever follows the run hears of it, in batches like all else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import Integer, bindparam, select

from agenttrace.wire import SpanStatus
from agenttrace_server.records import ChangeKind
from agenttrace_server.storage.tables import SPAN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from agenttrace_server.storage.positions import LoggedChange

MAX_TOLD_SPANS: Final = 10_000
"""In one transaction, which others wait for. Of a run with more open spans, those with the lowest
`seq` are told of; a query shows all of them right."""
_GROUP_RUNS: Final = 50

# A list of parameters, and not a text of JSON: PostgreSQL sees which partitions to leave out.
_OPEN: Final = (
    select(SPAN.c.run_id, SPAN.c.span_id)
    .where(
        SPAN.c.run_id.in_(bindparam("ids", expanding=True)),
        SPAN.c.status == SpanStatus.STARTED.value,
    )
    .order_by(SPAN.c.run_id, SPAN.c.seq, SPAN.c.span_id)
    .limit(bindparam("count", type_=Integer))
)


def list_open_spans(connection: Connection, run_ids: Sequence[str]) -> list[LoggedChange]:
    """Return an entry for the change log for each open span of these runs."""
    entries: list[LoggedChange] = []
    kind = ChangeKind.SPAN_UPDATED.value
    for start in range(0, len(run_ids), _GROUP_RUNS):
        group = run_ids[start : start + _GROUP_RUNS]
        values = {"ids": group, "count": MAX_TOLD_SPANS - len(entries)}
        rows = connection.execute(_OPEN, values)
        entries += [(run_id, kind, span_id, None) for run_id, span_id in rows]
    return entries
