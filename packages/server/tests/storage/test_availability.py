"""Questions that take too long, and databases that are locked, restarted or in each other's way."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, TextClause, text

from agenttrace_server.errors import OverloadedError, TooSlowError
from agenttrace_server.storage import engine as engine_module
from agenttrace_server.storage import sqlite as sqlite_module
from agenttrace_server.storage.engine import MAX_TRIES, Database, open_database
from agenttrace_server.storage.positions import read_end
from agenttrace_server.storage.postgres import READERS

from ..support.client import NDJSON, Client
from ..support.dialects import ON_POSTGRESQL, ON_SQLITE
from ..support.lines import check_records, dump_lines, make_run, make_span
from ..support.own import append_records
from ..support.postgres import PostgresServer
from ..support.thread import ServerThread

DEADLINE_S = 20
_ENDLESS = text(
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
)
_SHORT = text(
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 1000) "
    "SELECT count(*) FROM n"
)


def _ask_endlessly(connection: Connection) -> None:
    connection.execute(_ENDLESS)


def _ask_again_and_again(connection: Connection) -> None:
    while True:
        connection.execute(_SHORT).all()


async def _read_soon(database: Database) -> int:
    return await asyncio.wait_for(database.read(read_end), DEADLINE_S)


@pytest.mark.parametrize("question", [_ask_endlessly, _ask_again_and_again])
async def test_a_question_ends_after_its_time(
    database: Database, monkeypatch: pytest.MonkeyPatch, question: Any
) -> None:
    """One long statement or many short ones: the caller is told, and every connection is free."""
    monkeypatch.setattr(engine_module, "READ_TIMEOUT_S", 0.2)
    questions = [database.read(question) for _ in range(READERS)]
    results = await asyncio.gather(*questions, return_exceptions=True)
    assert {str(result) for result in results if isinstance(result, TooSlowError)} == {
        "the answer took longer than 10 s; ask for less: a narrower filter, a smaller page"
    }
    monkeypatch.undo()
    assert await _read_soon(database) == 0


async def test_a_question_ends_with_its_asker(database: Database) -> None:
    """Clients that go away leave no connection busy."""
    for _ in range(READERS + 1):
        task = asyncio.create_task(database.read(_ask_endlessly))
        await asyncio.wait([task], timeout=0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await _read_soon(database) == 0


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a locked file only a moment."""
    monkeypatch.setattr(sqlite_module, "BUSY_TIMEOUT_MS", 100)


@ON_SQLITE
def test_a_file_that_someone_locks_is_503_until_they_are_done(
    impatient: None, server: ServerThread, client: Client, tmp_path: Path
) -> None:
    """Reads go on; a batch is answered with 503 and Retry-After, and taken when it comes again."""
    body = dump_lines([make_run(), make_span()])
    tool = sqlite3.connect(tmp_path / "agenttrace.db", isolation_level=None)
    tool.execute("BEGIN EXCLUSIVE")
    answer = client.http.post("/api/ingest", content=body, headers=NDJSON)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "database is locked" in answer.text
    assert client.ask("{ runs { totalCount } }") == {"runs": {"totalCount": 0}}
    tool.execute("ROLLBACK")
    tool.close()
    assert client.http.post("/api/ingest", content=body, headers=NDJSON).status_code == 200
    assert client.ask("{ runs { totalCount } }") == {"runs": {"totalCount": 1}}


def test_a_locked_file_is_waited_for_as_long_as_documented() -> None:
    """Five seconds, before a client is sent away."""
    assert sqlite_module.BUSY_TIMEOUT_MS == 5_000


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A server of this test's own: it may be stopped."""
    server = PostgresServer(fsync="on", full_page_writes="on")
    yield server
    server.remove()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_restart_of_the_database_is_503_and_over_with_it(
    own_postgres: PostgresServer, mode: str
) -> None:
    """While it is down clients are told to come again; the first request after it is answered."""
    body = dump_lines([make_run(), make_span()])
    url = own_postgres.make_database()
    with ServerThread(url) as server, Client(server.url) as client:
        assert client.send([make_run(1)])["accepted"] == 1
        assert client.http.get("/readyz").status_code == 200
        own_postgres.stop(mode)
        for _ in range(2):
            answer = client.http.post("/api/ingest", content=body, headers=NDJSON)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            ready = client.http.get("/readyz")
            assert (ready.status_code, "could not be read" in ready.text) == (503, True)
            asked = client.ask_raw("{ runs { totalCount } }")
            assert "the store could not be read" in asked["errors"][0]["message"]
        own_postgres.start()
        assert client.http.post("/api/ingest", content=body, headers=NDJSON).status_code == 200
        assert client.ask("{ runs { totalCount } }") == {"runs": {"totalCount": 2}}
        assert client.http.get("/readyz").status_code == 200


@ON_POSTGRESQL
async def test_connections_that_are_cut_are_replaced_unseen(
    database: Database, postgres: PostgresServer
) -> None:
    """An operator ends every session: no caller hears of it."""
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'agenttrace'"
    )
    for number in range(3):
        await asyncio.gather(*(database.read(read_end) for _ in range(READERS)))
        assert postgres.execute(cut)
        await database.write(append_records, check_records([make_run(number)]))
        assert postgres.execute(cut)
        assert await database.read(read_end) == number + 1


@ON_POSTGRESQL
@pytest.mark.parametrize("code", ["40001", "40P01"])
@pytest.mark.parametrize("failures", [1, MAX_TRIES - 1, MAX_TRIES])
async def test_a_transaction_that_another_one_undid_is_tried_again(
    database: Database, code: str, failures: int
) -> None:
    """Three times at most; each try is a transaction of its own."""
    calls = 0

    def change(connection: Connection) -> int:
        nonlocal calls
        calls += 1
        append_records(connection, check_records([make_run(calls)]))
        if calls <= failures:
            connection.execute(text(f"DO $$ BEGIN RAISE SQLSTATE '{code}'; END $$"))
        return calls

    if failures < MAX_TRIES:
        assert await database.write(change) == failures + 1
        assert await database.read(read_end) == 1
    else:
        with pytest.raises(Exception, match=code):
            await database.write(change)
        assert calls == MAX_TRIES
        assert await database.read(read_end) == 0


@ON_POSTGRESQL
async def test_writers_of_two_processes_take_turns(database: Database, database_url: str) -> None:
    """Positions are given out in the order of the commits, none twice, and no run is torn."""
    other = open_database(database_url)

    async def store(to: Database, first: int) -> None:
        for number in range(first, 40, 2):
            await to.write(append_records, check_records([make_run(), make_span(number)]))

    await asyncio.gather(store(database, 0), store(other, 1))

    def read(connection: Connection) -> tuple[Any, ...]:
        query = (
            "SELECT count(*), count(DISTINCT position), max(position), "
            "(SELECT position FROM store), (SELECT spans FROM run) FROM change"
        )
        return tuple(connection.execute(text(query)).one())

    rows, positions, last, end, spans = await database.read(read)
    assert rows == positions == last == end
    assert spans == 40
    other.close()


@ON_POSTGRESQL
async def test_a_server_without_room_is_503(database: Database) -> None:
    """A server that takes no more of them, or has no room, is busy and not broken."""
    for code in ("53300", "53200", "53100", "57P03"):
        raised = text(f"DO $$ BEGIN RAISE SQLSTATE '{code}'; END $$")
        with pytest.raises(OverloadedError, match="could not be read"):
            await database.read(_execute, raised)
        with pytest.raises(OverloadedError, match="could not be written"):
            await database.write(_execute, raised)


def _execute(connection: Connection, statement: TextClause) -> None:
    connection.execute(statement)
