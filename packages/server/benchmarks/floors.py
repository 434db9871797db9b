"""What the databases do with no product around them: the least that the figures can be."""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import time
from typing import TYPE_CHECKING, Any, Final

import asyncpg

if TYPE_CHECKING:
    from pathlib import Path

BATCH: Final = 1_000
BATCHES: Final = 20
COMMITS: Final = 300
_TABLE: Final = (
    "CREATE TABLE floor (a text, b text, c bigint, d bigint, e text, f text, PRIMARY KEY (a, b))",
    "CREATE INDEX floor_c ON floor (a, c, b)",
    "CREATE INDEX floor_d ON floor (a, d, c, b)",
)
_TREE: Final = (
    "SELECT json_group_array(json_array(span_id, parent_span_id, name, span_type, status, "
    "start_ns, duration_ns, seq, model)) FROM span WHERE run_id = ? ORDER BY seq"
)


def make_rows(batch: int, count: int) -> list[tuple[Any, ...]]:
    """Return rows as wide as a small span with its texts."""
    return [
        (f"{batch:032x}", f"{n * 2_654_435_761 % 2**32:016x}", n, n // 4, "x" * 300, "y" * 500)
        for n in range(count)
    ]


def measure_sqlite(folder: Path) -> tuple[float, float]:
    """Return rows a second, 1,000 a commit, and commits a second of one row; both synced."""
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    for statement in _TABLE:
        connection.execute(statement)

    def commit(batch: int, count: int) -> None:
        connection.execute("BEGIN IMMEDIATE")
        rows = make_rows(batch, count)
        connection.executemany("INSERT INTO floor VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.execute("COMMIT")

    begin = time.perf_counter()
    for batch in range(BATCHES):
        commit(batch, BATCH)
    rows_a_second = BATCH * BATCHES / (time.perf_counter() - begin)
    begin = time.perf_counter()
    for batch in range(COMMITS):
        commit(BATCHES + batch, 1)
    commits_a_second = COMMITS / (time.perf_counter() - begin)
    connection.close()
    return rows_a_second, commits_a_second


def measure_postgresql(database_url: str) -> tuple[float, float]:
    """Return the same of PostgreSQL: rows are copied, as fast as it takes them."""
    return asyncio.run(_measure_postgresql(database_url.replace("+asyncpg", "")))


async def _measure_postgresql(url: str) -> tuple[float, float]:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("DROP TABLE IF EXISTS floor")
        for statement in _TABLE:
            await connection.execute(statement)
        begin = time.perf_counter()
        for batch in range(BATCHES):
            await connection.copy_records_to_table("floor", records=make_rows(batch, BATCH))
        rows_a_second = BATCH * BATCHES / (time.perf_counter() - begin)
        begin = time.perf_counter()
        for batch in range(COMMITS):
            row = make_rows(BATCHES + batch, 1)[0]
            await connection.execute("INSERT INTO floor VALUES ($1, $2, $3, $4, $5, $6)", *row)
        return rows_a_second, COMMITS / (time.perf_counter() - begin)
    finally:
        await connection.execute("DROP TABLE IF EXISTS floor")
        await connection.close()


def measure_tree(database: Path, run_id: str) -> float:
    """Return the milliseconds in which SQLite alone builds a tree's columns as JSON."""
    connection = sqlite3.connect(database)
    took_ms = []
    for _ in range(9):
        begin = time.perf_counter()
        connection.execute(_TREE, (run_id,)).fetchone()
        took_ms.append((time.perf_counter() - begin) * 1e3)
    connection.close()
    return statistics.median(took_ms)
