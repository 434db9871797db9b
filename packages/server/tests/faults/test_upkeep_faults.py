"""F26, F28, F35: what an operator's server goes through: kills, timeouts and rolling restarts."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from packages.sdk.tests.faults.harness import wait_until
from sqlalchemy import Connection, text

from agenttrace_server.errors import OverloadedError
from agenttrace_server.storage import postgres as postgres_module
from agenttrace_server.storage.engine import Database, open_database
from agenttrace_server.storage.positions import read_end

from ..support.client import Client
from ..support.lines import check_records, make_payload, make_run, make_run_id, make_span
from ..support.own import append_records
from ..support.postgres import PostgresServer
from ..support.process import ServerProcess
from .nemeses import DURABLE, run_nemesis

SEED = 20261126
OLD_NS = 1_600_000_000 * 10**9
OLD_RUNS = 150
SPANS = 20
TABLES = ("span", "payload", "content", "event", "search_document")


async def _fill(path: Path) -> None:
    """Store old runs, all of which are over, and one that was heard of just now."""
    database = open_database(f"sqlite:///{path}")
    times = {"start_ns": OLD_NS, "end_ns": OLD_NS + 1_000}
    for number in range(OLD_RUNS):
        run = make_run(number, status="COMPLETED", rev=1, **times)
        texts = [make_payload(f"{number} {n} " * 300) for n in range(SPANS)]
        spans = [make_span(n, run=number, input=texts[n]) for n in range(SPANS)]
        spans = [{**span, **times} for span in spans]
        records = check_records([run, *spans])
        await database.write(append_records, records, now_ns=OLD_NS)
    young = check_records([make_run(9_000, status="COMPLETED", rev=1), make_span(0, run=9_000)])
    await database.write(append_records, young, now_ns=time.time_ns())
    database.close()


def _count(path: Path, query: str) -> int:
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        return int(connection.execute(query).fetchone()[0])


def test_f26_a_kill_in_the_middle_of_retention_leaves_no_row_behind(tmp_path: Path) -> None:
    """Some runs are gone and some are not; the next start ends it, and the young run stays."""
    path = tmp_path / "agenttrace.db"
    asyncio.run(_fill(path))
    env = {"MAX_TRACE_RETENTION_DAYS": "30"}
    with ServerProcess(tmp_path, env=env) as server:
        gone = "SELECT count(*) FROM deleted_run"
        wait_until(lambda: _count(path, gone) > 0, what="retention has begun")
        server.kill()
    left = _count(path, "SELECT count(*) FROM leftover")
    assert left > 0, "it was over before the kill"
    with ServerProcess(tmp_path, env=env) as server, Client(server.url) as client:
        wait_until(lambda: _count(path, gone) == OLD_RUNS, what="the old runs are gone")
        leftovers = "SELECT count(*) FROM leftover"
        wait_until(lambda: _count(path, leftovers) == 0, what="their rows are gone")
        assert client.ask("{ runs { edges { node { id } } } }") == {
            "runs": {"edges": [{"node": {"id": make_run_id(9_000)}}]}
        }
    for table in TABLES:
        query = f"SELECT count(*) FROM {table} WHERE run_id <> '{make_run_id(9_000)}'"
        assert _count(path, query) == 0, table
    assert _count(path, "SELECT count(*) FROM span") == 1


@pytest.fixture
def own_url(postgres: PostgresServer) -> Iterator[str]:
    """A database of this test's own."""
    url = postgres.make_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture
def quick(own_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A store whose transactions may stand still for a second, and take another."""
    monkeypatch.setattr(postgres_module, "_IDLE_TIMEOUT_S", 1)
    monkeypatch.setattr(postgres_module, "WRITE_TIMEOUT_S", 1)
    database = open_database(own_url)
    yield database
    database.close()


async def test_f28_a_transaction_that_stood_still_is_begun_again(
    quick: Database, postgres: PostgresServer
) -> None:
    """PostgreSQL ends it, so that nobody else waits for ever; what it was to write is written."""
    pids: list[int] = []

    def change(connection: Connection) -> int:
        pids.append(int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one()))
        if len(pids) == 1:
            query = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pids[0]}"
            wait_until(lambda: postgres.execute(query) == [(0,)], what="the session was ended")
        append_records(connection, check_records([make_run()]))
        return len(pids)

    assert await quick.write(change) == 2
    assert pids[0] != pids[1]
    assert await quick.read(read_end) == 1


async def test_f28_a_statement_that_takes_too_long_is_503(quick: Database) -> None:
    """The client is told to come again, and the store works on."""

    def stall(connection: Connection) -> None:
        connection.execute(text("SELECT pg_sleep(60)"))

    with pytest.raises(OverloadedError, match="could not be written"):
        await quick.write(stall)
    await quick.write(append_records, check_records([make_run()]))
    assert await quick.read(read_end) == 1


def test_f35_a_rolling_restart_of_two_workers_loses_nothing() -> None:
    """One is ended, one is killed, under ingest; no request fails for good."""
    server = PostgresServer(**DURABLE)
    try:
        verdict = run_nemesis("rolling", seed=SEED, faults=2, postgres=server).verdict
    finally:
        server.remove()
    assert verdict.is_clean, verdict
    assert verdict.settled == verdict.attempted > 0
