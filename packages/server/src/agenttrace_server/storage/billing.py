"""What was really paid: sums without the calls that a replay served from its recording.

Added in Python: a cost is text in the tables, of any size and exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agenttrace_server.errors import InvalidArgumentError
from agenttrace_server.storage.keys import select_by_ids, select_of_project
from agenttrace_server.storage.rollups import UNBILLED_NS
from agenttrace_server.storage.tables import RUN
from agenttrace_server.storage.usage_tables import MODEL_USAGE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sqlalchemy import Connection, Row

MAX_ROWS: Final = 200_000
"""Read for one answer: about a second's work."""

_FIGURES: Final = [MODEL_USAGE.c[name] for name in ("hour_ns", "cost_pico", "cost_known")]


def read_billed(connection: Connection, run_ids: Sequence[str]) -> dict[str, int]:
    """Return what was paid for each run in pico-dollars; nothing of one without a known cost."""
    query = select_by_ids(MODEL_USAGE, run_ids, "run_id")
    query = query.with_only_columns(MODEL_USAGE.c.run_id, *_FIGURES)
    return _add_up(connection.execute(query).all())


def read_billed_workflows(
    connection: Connection, project_id: str, correlation_ids: Sequence[str]
) -> dict[str, int]:
    """Return what was paid for a project's runs of each correlation id, in pico-dollars.

    Raises:
        InvalidArgumentError: together they have too many sums.

    """
    query = select_of_project(RUN, correlation_ids, project_id, "correlation_id")
    query = query.join(MODEL_USAGE, MODEL_USAGE.c.run_id == RUN.c.run_id)
    query = query.with_only_columns(RUN.c.correlation_id, *_FIGURES).limit(MAX_ROWS + 1)
    rows = connection.execute(query).all()
    if len(rows) > MAX_ROWS:
        raise InvalidArgumentError(
            f"what was billed would be summed from over {MAX_ROWS} rows; ask for fewer workflows "
            "at once"
        )
    return _add_up(rows)


def _add_up(rows: Sequence[Row[Any]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        if row.cost_known:
            paid = 0 if row.hour_ns == UNBILLED_NS else row.cost_pico
            found[row[0]] = found.get(row[0], 0) + paid
    return found
