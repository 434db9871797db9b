"""PostgreSQL's statistics of the tables that grow: renewed before old plans become dear.

A connection keeps the plan of a statement as it was when the tables were empty, and then each key
of many costs a look at all of a run: reading along with a run grows with its square. PostgreSQL
plans anew when a table is analysed. It does that by itself, but up to minutes later, and where
autovacuum is off never; so whoever writes does it when a part has grown tenfold.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, Final, TypeAlias

from sqlalchemy import Connection, text

from agenttrace_server.storage.partitions import DAILY, find_day, list_days, name_partition

if TYPE_CHECKING:
    from collections.abc import Iterable

FIRST_ROWS: Final = 500
"""Of a day's change log: with fewer no plan is dear."""
GROWTH: Final = 10

UNDIVIDED: Final = ("run", "model_usage", "run_tag", "run_attribute")
"""Tables without partitions, by which spans are found and summed: analysed along."""

_Part: TypeAlias = date | None
"""A day that may have a partition; None: all ids that say no day."""

_WRITTEN: Final = "agenttrace_written"


def note_growth(connection: Connection, run_ids: Iterable[str]) -> None:
    """Count rows of these runs as written, and analyse the parts that have grown tenfold.

    Counted are those that this connection wrote: a new one analyses once more. A table that
    something else is analysing is left to it. SQLite needs none of this.
    """
    if connection.dialect.name != "postgresql":
        return
    written: dict[_Part, tuple[int, int]] = connection.info.setdefault(_WRITTEN, {})
    grown = set()
    counts: Counter[_Part] = Counter()
    for run_id, rows in Counter(run_ids).items():
        counts[find_day(run_id)] += rows
    for part, rows in counts.items():
        before, limit = written.get(part, (0, FIRST_ROWS))
        now = before + rows
        if now >= limit:
            grown.add(part)
            limit = now * GROWTH
        written[part] = (now, limit)
    if grown:
        _analyze(connection, grown)


def _analyze(connection: Connection, parts: set[_Part]) -> None:
    days = set(list_days(connection))
    names = {
        name_partition(table, part if part in days else None) for part in parts for table in DAILY
    }
    tables = ", ".join([*UNDIVIDED, *sorted(names)])
    connection.execute(text(f"ANALYZE (SKIP_LOCKED) {tables}"))
