"""Deletions that are cut short: their runs are gone at once, and their rows in the end."""

from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, func, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from agenttrace_server.identity import DEFAULT_PROJECT
from agenttrace_server.services import deletion as deletion_module
from agenttrace_server.services.deletion import DeletionService
from agenttrace_server.storage import deletion as storage
from agenttrace_server.storage.changes import read_run_changes
from agenttrace_server.storage.criteria import RunFilter
from agenttrace_server.storage.documents import DOCUMENT, delete_run_documents
from agenttrace_server.storage.engine import Database, open_database
from agenttrace_server.storage.events import list_events
from agenttrace_server.storage.partitions import list_days
from agenttrace_server.storage.runs import read_runs
from agenttrace_server.storage.search import apply_work, read_work
from agenttrace_server.storage.spans import list_spans, read_tree
from agenttrace_server.storage.tables import CHANGE, DELETED_RUN, LEFTOVER, RUN, SPAN, metadata

from ..support.lines import (
    Record,
    check_records,
    make_call,
    make_event,
    make_payload,
    make_run,
    make_run_id,
    make_span_id,
    make_timed_id,
)
from ..support.own import append_records

DEADLINE_S = 30
TODAY = datetime.now(UTC).date()
LONG = "a text that is kept in pieces " * 300
KEPT, GONE = make_run_id(0), [make_run_id(1), make_run_id(2)]

# Deletes runs, and is killed in the middle of taking out what is left of them.
_PROGRAM = """
import asyncio, os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
from agenttrace_server.identity import DEFAULT_PROJECT
from agenttrace_server.services.deletion import DeletionService
from agenttrace_server.storage import deletion as storage
from agenttrace_server.storage.engine import open_database
storage.MAX_STATEMENT_ROWS = 3
left = int(sys.argv[2])
@event.listens_for(Engine, "after_cursor_execute")
def count(connection, cursor, statement, *rest):
    global left
    if statement.startswith("DELETE FROM") and "LIMIT" in statement:
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
async def main():
    deletion = DeletionService(open_database(sys.argv[1]), on_commit=lambda gone: None)
    await deletion.delete_runs(sys.argv[3:], DEFAULT_PROJECT)
    await deletion.finish()
asyncio.run(main())
"""


def _make_recording(run: int, *, spans: int = 12) -> list[Record]:
    of_run = {"tags": ["a", "b"], "attributes": {"k": "v"}, "input": make_payload(LONG)}
    return [
        make_run(run, status="COMPLETED", rev=1, **of_run),
        *(make_call(n, run=run, output=make_payload(f"{n} {LONG}")) for n in range(spans)),
        *(make_event(100 + n, run=run, body=make_payload("x")) for n in range(spans)),
    ]


async def _fill(database: Database) -> None:
    records = [record for run in range(3) for record in _make_recording(run)]
    await database.write(append_records, check_records(records))
    await database.write(apply_work, await database.read(read_work))


def _count_rows(connection: Connection) -> dict[str, dict[str, int]]:
    """Return how many rows of each run each table has."""
    counts: dict[str, dict[str, int]] = {}
    for table in (*metadata.sorted_tables, DOCUMENT):
        if "run_id" in table.c and table is not DELETED_RUN:
            query = select(table.c.run_id, func.count()).group_by(table.c.run_id)
            for run_id, count in connection.execute(query):
                counts.setdefault(run_id, {})[table.name] = count
    return counts


def _count_calls(connection: Connection) -> int:
    table = metadata.tables["usage_hour"]
    return int(connection.execute(select(func.sum(table.c.calls))).scalar_one())


def _list_tombstones(connection: Connection) -> list[str]:
    return [*connection.execute(select(DELETED_RUN.c.run_id).order_by("run_id")).scalars()]


async def _check_end(database: Database) -> None:
    """Nothing is left of the deleted runs but what says so; the other one is whole."""
    counts = await database.read(_count_rows)
    of_kept = counts.pop(KEPT)
    assert of_kept[SPAN.name] == of_kept[DOCUMENT.name] == of_kept["event"] == 12
    assert of_kept["content"] > 0
    assert counts == {run_id: {CHANGE.name: 1} for run_id in GONE}
    assert await database.read(_list_tombstones) == GONE
    assert await database.read(_count_calls) == 12


@asynccontextmanager
async def _running(database: Database) -> AsyncIterator[DeletionService]:
    deletion = DeletionService(database, on_commit=lambda _gone: None)
    task = asyncio.create_task(deletion.run())
    try:
        yield deletion
    finally:
        task.cancel()
        await asyncio.wait([task])
        await deletion.close()


async def _wait_for_end(database: Database) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while await database.read(storage.has_leftovers):  # noqa: ASYNC110 -- it is in the store
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("statements", [0, 1, 9, 25])
async def test_a_killed_deletion_is_finished_by_the_next_server(
    database: Database, database_url: str, statements: int
) -> None:
    """Killed in the middle: all runs are gone for readers; another server takes out the rest."""
    await _fill(database)
    command = [sys.executable, "-c", _PROGRAM, database_url, str(statements), *GONE]
    killed = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert set(await database.read(read_runs, [KEPT, *GONE])) == {KEPT}
    left = await database.read(_count_rows)
    assert sum(sum(left[run_id].values()) for run_id in GONE) > 40
    async with _running(database):
        await _wait_for_end(database)
    await _check_end(database)


async def test_a_store_that_fails_for_a_time_is_tried_again(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each second step fails in its middle: it is undone and tried again, and said once."""
    monkeypatch.setattr(deletion_module, "MIN_RETRY_S", 0.01)
    monkeypatch.setattr(deletion_module, "MAX_RETRY_S", 0.02)
    await _fill(database)
    tries = 0

    def fail_at_first(connection: Connection, *_: Any) -> None:
        nonlocal tries
        tries += 1
        if tries <= 6:
            raise OperationalError("DELETE", (), OSError("disk is full"))

    def delete(connection: Connection, run_id: str, *, limit: int) -> int:
        fail_at_first(connection)
        return delete_run_documents(connection, run_id, limit=limit)

    monkeypatch.setattr(storage, "delete_run_documents", delete)
    with caplog.at_level(logging.WARNING):
        async with _running(database) as deletion:
            assert await deletion.delete_runs(GONE, DEFAULT_PROJECT) == 2
            await _wait_for_end(database)
    assert tries > 6
    await _check_end(database)
    said = [r.getMessage() for r in caplog.records]
    assert len(said) == 1
    assert said[0].startswith("rows of deleted runs stay for now; trying again: ")


async def test_another_server_takes_over(database: Database, database_url: str) -> None:
    """Two work on one list; what one deletes and leaves, the other takes out."""
    await _fill(database)
    other = open_database(database_url)
    await DeletionService(other, on_commit=lambda _gone: None).delete_runs(GONE, DEFAULT_PROJECT)
    other.close()
    async with _running(database), _running(database):
        await _wait_for_end(database)
    await _check_end(database)


async def test_a_request_deletes_all_or_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure before the commit leaves every run as it was."""
    await _fill(database)
    before = await database.read(_count_rows)

    def fail(*_: Any) -> int:
        raise OperationalError("INSERT", (), OSError("disk is full"))

    with monkeypatch.context() as patch:
        patch.setattr(storage, "log_changes", fail)
        with pytest.raises(OperationalError, match="disk is full"):
            await DeletionService(database, on_commit=lambda _gone: None).delete_runs(
                GONE, DEFAULT_PROJECT
            )
    assert await database.read(_count_rows) == before
    assert await database.read(_count_calls) == 36


async def test_followers_hear_of_a_deletion_whose_client_is_gone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit is told of, and a stop waits for it, though nobody waits for the answer."""
    await _fill(database)
    told: list[frozenset[str]] = []
    entered, may_go = threading.Event(), threading.Event()
    delete_runs = storage.delete_runs

    def delete(connection: Connection, run_ids: Any, **kwargs: Any) -> Any:
        entered.set()
        assert may_go.wait(DEADLINE_S)
        return delete_runs(connection, run_ids, **kwargs)

    monkeypatch.setattr(storage, "delete_runs", delete)
    deletion = DeletionService(database, on_commit=lambda gone: told.append(gone.run_ids))
    request = asyncio.create_task(deletion.delete_runs(GONE, DEFAULT_PROJECT))
    await asyncio.to_thread(entered.wait, DEADLINE_S)
    request.cancel()
    await asyncio.wait([request])
    assert request.cancelled()
    may_go.set()
    await deletion.close()
    assert told == [frozenset(GONE)]


async def test_no_reader_sees_what_is_left(database: Database) -> None:
    """While the rows are still there, nothing that reads finds any of them."""
    await _fill(database)
    deletion = DeletionService(database, on_commit=lambda _gone: None)
    assert await deletion.delete_runs(GONE, DEFAULT_PROJECT) == 2
    assert (await database.read(_count_rows))[GONE[0]][SPAN.name] == 12
    run_id, owner = GONE[0], (GONE[0], make_span_id(0))
    assert await database.read(read_tree, run_id) == ()
    assert (await database.read(list_spans, run_id, first=9, after=(-1, ""))).items == ()
    found = await database.read(list_events, [owner], first=9, after_seq=-1)
    assert found[owner].items == ()
    changes = await database.read(
        read_run_changes, run_id, after=0, until=None, limit=99, limit_bytes=10**6
    )
    assert changes.is_deleted
    assert (changes.run, changes.spans, changes.events) == (None, {}, {})


async def test_a_step_ends_when_it_has_taken_long(database: Database) -> None:
    """A slow disk gets smaller steps: after its time one ends with the statement it is at."""
    await _fill(database)
    await database.write(storage.delete_runs, GONE, project_id=DEFAULT_PROJECT, now_ns=1)
    deletes: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("DELETE FROM"):
            deletes.append(statement.split()[2])

    class Clock:
        now_s = 0.0

        def read(self) -> float:
            self.now_s += 0.8 * storage.MAX_STEP_S
            return self.now_s

    event.listen(Engine, "after_cursor_execute", note)
    try:
        left = await database.write(
            storage.delete_details, GONE, limit_s=storage.MAX_STEP_S, mono_s=Clock().read
        )
    finally:
        event.remove(Engine, "after_cursor_execute", note)
    assert left == GONE
    assert deletes == ["span"]


def _see_at(connection: Connection, run_id: str, at_ns: int) -> None:
    times = {"seen_ns": at_ns, "start_ns": at_ns, "end_ns": at_ns}
    connection.execute(RUN.update().where(RUN.c.run_id == run_id).values(times))


async def _store_old(database: Database) -> dict[str, str]:
    """Store runs of several ages; return their ids by what they are."""
    limit_ns = storage.start_of_day(TODAY)
    day = TODAY - timedelta(days=3)
    ids = {
        "alone": make_timed_id(day),
        "beside": make_timed_id(day - timedelta(days=1), 0),
        "open": make_timed_id(day - timedelta(days=1), 1),
        "no day": make_run_id(7),
        "heard of": make_timed_id(day - timedelta(days=2)),
        "young": make_timed_id(TODAY),
    }
    for name, run_id in ids.items():
        status = {"status": "STARTED", "rev": 0} if name == "open" else {}
        records = [{**r, "run_id": run_id} for r in _make_recording(0, spans=2)]
        await database.write(
            append_records, check_records([{**records[0], **status}, *records[1:]])
        )
        at_ns = limit_ns if name in ("heard of", "young") else limit_ns - 1
        await database.write(_see_at, run_id, at_ns)
    return ids


async def test_all_before_a_day_goes(database: Database, dialect: str) -> None:
    """Runs that are over and were last heard of before; open ones and others stay whole.

    On PostgreSQL days without a run are dropped whole: no step has anything to do with them.
    """
    ids = await _store_old(database)
    told: list[str] = []
    deletion = DeletionService(database, on_commit=lambda gone: told.extend(gone.run_ids))
    whole = await database.read(_count_rows)
    assert await deletion.delete_before(TODAY) == 3
    gone = {ids["alone"], ids["beside"], ids["no day"]}
    assert set(told) == gone
    assert set(await database.read(read_runs, list(ids.values()))) == set(ids.values()) - gone
    by_steps = await database.read(storage.list_unfinished)
    if dialect == "postgresql":
        assert set(by_steps) == {ids["beside"], ids["no day"]}
        assert (await database.read(_count_rows))[ids["alone"]] == {CHANGE.name: 1}
        assert TODAY - timedelta(days=3) not in await database.read(list_days)
    await deletion.finish()
    left = await database.read(_count_rows)
    assert {run_id: left.pop(run_id) for run_id in gone} == {key: {CHANGE.name: 1} for key in gone}
    assert left == {run_id: rows for run_id, rows in whole.items() if run_id not in gone}
    assert await database.read(_count_calls) == 3 * 2
    assert set(await database.read(_list_tombstones)) == gone
    assert await deletion.delete_before(TODAY) == 0


async def test_a_run_that_is_heard_of_meanwhile_stays(database: Database) -> None:
    """Between the look and the commit a record came: it is not old any more."""
    ids = await _store_old(database)
    before_ns = storage.start_of_day(TODAY)
    await database.write(_see_at, ids["alone"], before_ns)
    gone = await database.write(
        storage.delete_old_runs,
        [ids["alone"], ids["beside"]],
        project_id=DEFAULT_PROJECT,
        before_ns=before_ns,
        now_ns=1,
    )
    assert gone.run_ids == {ids["beside"]}


async def test_the_list_of_what_is_left_is_empty_in_the_end(database: Database) -> None:
    """Deleting by filter, by id and by age leaves no entry behind."""
    await _fill(database)
    deletion = DeletionService(database, on_commit=lambda _gone: None)
    await deletion.delete_matching(RunFilter(DEFAULT_PROJECT, names=("no such name",)))
    await deletion.delete_runs([*GONE, *GONE], DEFAULT_PROJECT)
    await deletion.finish()
    count = select(func.count()).select_from(LEFTOVER)
    assert await database.read(lambda c: c.execute(count).scalar_one()) == 0
    await _check_end(database)


async def test_a_step_gets_on_however_slow_the_database_is(database: Database) -> None:
    """Its time is over before its first statement, each time; yet in the end nothing is left."""
    await database.write(append_records, check_records(_make_recording(1) + _make_recording(2)))
    await database.write(storage.delete_runs, GONE, project_id=DEFAULT_PROJECT, now_ns=1)
    left = GONE
    for _ in range(300):
        if left:
            left = await database.write(
                storage.delete_details, left, limit_s=0.0, mono_s=lambda: 0.0
            )
    assert left == []
    assert not await database.read(storage.has_leftovers)
