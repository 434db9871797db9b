"""What reading along with a run costs on PostgreSQL, whatever it knew of the tables at first."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from agenttrace_server.storage.changes import read_run_changes
from agenttrace_server.storage.engine import Database
from agenttrace_server.storage.payloads import read_heads, read_payloads
from agenttrace_server.storage.statistics import FIRST_ROWS, GROWTH, note_growth

from ..support.dialects import ON_POSTGRESQL
from ..support.lines import Record, check_records, make_run, make_run_id, make_span, make_span_id
from ..support.own import append_records

BATCH: Final = 50
RUN_ID: Final = make_run_id(0)
SMALL: Final = 1_000
LARGE: Final = 6_000
SOME: Final = 8
EU: Final = {"region": "eu"}
SPARE: Final = 20
"""Blocks: a thirtieth. With the plans of empty tables kept it was 80 to 280 more."""
_BLOCKS: Final = text(
    "SELECT CAST(sum(heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read) AS BIGINT) "
    "FROM pg_statio_user_tables"
)
_ANALYSED: Final = text("SELECT sum(analyze_count) FROM pg_stat_user_tables WHERE relname = :name")
_FLUSH: Final = text("SELECT pg_stat_force_next_flush()")


def make_started(start: int) -> list[Record]:
    """Return spans of one run that have begun, a child each of the one before."""
    return [
        make_span(n, parent=n - 1 if n % BATCH else None, status="STARTED", rev=0, attributes=EU)
        for n in range(start, start + BATCH)
    ]


def follow(connection: Connection, start: int) -> int:
    """Read what a follower of the run is told of the newest spans, and their texts."""
    connection.execute(_FLUSH)
    told = read_run_changes(
        connection, RUN_ID, after=start, until=None, limit=1_000, limit_bytes=10**6
    )
    keys = [(RUN_ID, make_span_id(n), "attributes") for n in range(start, start + BATCH)]
    read_payloads(connection, keys)
    read_heads(connection, keys)
    return len(told.changes)


def count_blocks(connection: Connection) -> int:
    """Return how many blocks of tables and indexes were looked at so far."""
    return int(connection.execute(_BLOCKS).scalar_one())


@ON_POSTGRESQL
async def test_following_costs_no_more_as_a_run_grows(database: Database) -> None:
    """The connections asked first when the tables were empty: such plans are not kept for ever."""
    await database.write(append_records, check_records([make_run()]))
    looked_at: list[int] = []
    for start in range(0, LARGE, BATCH):
        await database.write(append_records, check_records(make_started(start)))
        before = await database.read(count_blocks)
        assert await database.read(follow, start) >= BATCH
        looked_at.append(await database.read(count_blocks) - before)
    # The least of some, as what the writer looked at is told now and then along.
    early, late = (min(looked_at[end - SOME : end]) for end in (SMALL // BATCH, LARGE // BATCH))
    assert late <= early + SPARE


@ON_POSTGRESQL
async def test_a_part_is_analysed_each_time_it_has_grown_tenfold(database: Database) -> None:
    """Not with each batch: that is a look at thousands of rows."""

    def count(connection: Connection) -> int:
        return int(connection.execute(_ANALYSED, {"name": "span_default"}).scalar_one())

    def grow(connection: Connection, rows: int) -> None:
        connection.execute(_FLUSH)
        note_growth(connection, [RUN_ID] * rows)

    seen = []
    for rows in (FIRST_ROWS - 1, 1, 1, FIRST_ROWS * GROWTH - FIRST_ROWS - 2, 1, 1):
        await database.write(grow, rows)
        seen.append(await database.read(count))
    assert seen == [0, 1, 1, 1, 2, 2]
