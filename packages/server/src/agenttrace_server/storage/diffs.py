"""What is known of a run's size before it is read whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Connection, func, select

from agenttrace_server.storage.tables import PAYLOAD, SPAN

if TYPE_CHECKING:
    from collections.abc import Sequence


class RunSize(NamedTuple):
    """How many spans a run has, and how many bytes of texts."""

    spans: int
    texts_bytes: int


def measure_runs(connection: Connection, run_ids: Sequence[str]) -> list[RunSize]:
    """Return the size of each run; of one that is not there, nothing."""
    found = []
    for run_id in run_ids:
        spans = select(func.count()).select_from(SPAN).where(SPAN.c.run_id == run_id)
        texts = select(func.sum(PAYLOAD.c.size_bytes)).where(PAYLOAD.c.run_id == run_id)
        found.append(
            RunSize(
                connection.execute(spans).scalar_one(),
                int(connection.execute(texts).scalar_one() or 0),
            )
        )
    return found
