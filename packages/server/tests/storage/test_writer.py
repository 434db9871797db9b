"""Group commit."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import IntegrityError, OperationalError

from agenttrace.wire.models import ValidRecord
from agenttrace_server.errors import OverloadedError
from agenttrace_server.identity import DEFAULT_PROJECT
from agenttrace_server.storage import writer as writer_module
from agenttrace_server.storage.append import Appended
from agenttrace_server.storage.engine import Database
from agenttrace_server.storage.tables import RUN
from agenttrace_server.storage.writer import Refusal, Writer

from ..support.lines import check_records, make_run, make_run_id
from ..support.own import append_records


def _count_runs(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(RUN)).scalar_one())


class _Gate:
    """Stands in for `append_records`: counts its calls and waits where told to."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.entered = threading.Event()
        self.open = threading.Event()

    def append(
        self, connection: Connection, records: Sequence[ValidRecord], *, project_id: str
    ) -> Appended:
        self.sizes.append(len(records))
        self.entered.set()
        assert self.open.wait(20)
        return append_records(connection, records, project_id=project_id)


async def test_what_waits_is_committed_together(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one commit runs the rest gathers, and goes in one transaction."""
    gate = _Gate()
    monkeypatch.setattr(writer_module, "append_records", gate.append)
    heard: list[Appended] = []
    writer = Writer(database, on_commit=heard.append)
    writer.start()
    jobs = [asyncio.create_task(writer.append(check_records([make_run(0)]), DEFAULT_PROJECT))]
    await asyncio.to_thread(gate.entered.wait, 20)
    jobs += [
        asyncio.create_task(writer.append(check_records([make_run(n)]), DEFAULT_PROJECT))
        for n in range(1, 9)
    ]
    await asyncio.sleep(0)
    assert not any(job.done() for job in jobs)
    gate.open.set()
    await asyncio.gather(*jobs)
    assert gate.sizes == [1, 8]
    assert [appended.end for appended in heard] == [1, 9]
    assert await database.read(_count_runs) == 9
    await writer.close()


async def test_nobody_is_answered_before_the_commit(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the answer comes another connection sees the rows."""
    writer = Writer(database, on_commit=lambda _: None)
    writer.start()
    for n in range(20):
        await writer.append(check_records([make_run(n)]), DEFAULT_PROJECT)
        assert await database.read(_count_runs) == n + 1
    await writer.close()


async def test_a_job_fails_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of jobs that share a transaction, only the one that the database fails is sent back."""
    poison = check_records([make_run(3)])

    def append(
        connection: Connection, records: Sequence[ValidRecord], *, project_id: str
    ) -> Appended:
        result = append_records(connection, records, project_id=project_id)
        if poison[0] in records:
            raise OperationalError("INSERT", (), sqlite3.OperationalError("disk is full"))
        return result

    monkeypatch.setattr(writer_module, "append_records", append)
    writer = Writer(database, on_commit=lambda _: None)
    jobs = [check_records([make_run(n)]) if n != 3 else poison for n in range(6)]
    tasks = [asyncio.create_task(writer.append(job, DEFAULT_PROJECT)) for job in jobs]
    await asyncio.sleep(0)
    writer.start()
    results: list[Any] = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [
        tuple,
        tuple,
        tuple,
        OverloadedError,
        tuple,
        tuple,
    ]
    assert str(results[3]) == "the store could not be written (disk is full)"
    assert await database.read(_count_runs) == 5
    assert "was not stored" in caplog.text
    await writer.close()


def _poison(monkeypatch: pytest.MonkeyPatch, numbers: set[int], error: Exception) -> list[int]:
    """Make the program fail at the records of some runs; return the sizes of what was tried."""
    guilty = {make_run_id(number) for number in numbers}
    sizes: list[int] = []

    def append(
        connection: Connection, records: Sequence[ValidRecord], *, project_id: str
    ) -> Appended:
        result = append_records(
            connection, records, project_id=project_id
        )  # what it wrote must be undone
        sizes.append(len(records))
        if any(record.run_id in guilty for record in records):
            raise error
        return result

    monkeypatch.setattr(writer_module, "append_records", append)
    return sizes


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (OverflowError("int too large"), "OverflowError: int too large"),
        (
            IntegrityError("INSERT", (), sqlite3.IntegrityError("NOT NULL failed")),
            "IntegrityError: NOT NULL failed",
        ),
    ],
    ids=["program", "constraint"],
)
async def test_a_record_that_cannot_be_stored_is_refused_alone(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    cause: str,
) -> None:
    """Of several jobs in one transaction: its job hears its place and why; the rest is stored."""
    sizes = _poison(monkeypatch, {2, 7, 8}, error)
    heard: list[Appended] = []
    writer = Writer(database, on_commit=heard.append)
    parts = [range(5), range(5, 10), range(10, 16)]
    tasks = [
        asyncio.create_task(
            writer.append(check_records([make_run(n) for n in part]), DEFAULT_PROJECT)
        )
        for part in parts
    ]
    await asyncio.sleep(0)
    writer.start()
    reason = f"the record could not be stored ({cause})"
    assert await asyncio.gather(*tasks) == [
        (Refusal(2, reason),),
        (Refusal(2, reason), Refusal(3, reason)),
        (),
    ]
    assert await database.read(_count_runs) == 13
    assert heard == [
        Appended(13, frozenset(make_run_id(n) for n in range(16) if n not in {2, 7, 8}))
    ]
    assert sum(sizes) <= 16 * 6  # the depth of halving 16, and the first try
    assert [record.message for record in caplog.records] == [
        "3 records were refused; the first of them"
    ]
    await writer.close()


async def test_a_batch_of_nothing_but_guilty_records_is_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each one hears of it, and the writer goes on."""
    _poison(monkeypatch, {0, 1}, ValueError("no"))
    writer = Writer(database, on_commit=lambda _: None)
    writer.start()
    refusals = await writer.append(check_records([make_run(0), make_run(1)]), DEFAULT_PROJECT)
    assert [refusal.index for refusal in refusals] == [0, 1]
    assert await writer.append(check_records([make_run(2)]), DEFAULT_PROJECT) == ()
    assert await database.read(_count_runs) == 1
    await writer.close()


async def test_what_is_on_disk_is_acknowledged_whatever_a_listener_does(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """A listener that fails is logged; nobody is told to send again what is stored."""

    def fail(_appended: Appended) -> None:
        raise ValueError("the listener fails")

    writer = Writer(database, on_commit=fail)
    tasks = [
        asyncio.create_task(writer.append(check_records([make_run(n)]), DEFAULT_PROJECT))
        for n in range(3)
    ]
    await asyncio.sleep(0)
    writer.start()
    assert await asyncio.gather(*tasks) == [(), (), ()]
    assert await database.read(_count_runs) == 3
    assert [
        (record.message, str(record.exc_info and record.exc_info[1])) for record in caplog.records
    ] == [("records are stored, but followers may hear of them late", "the listener fails")]
    await writer.close()


async def test_closing_writes_what_waits(database: Database) -> None:
    """A stop loses nothing that was taken, and takes nothing more."""
    writer = Writer(database, on_commit=lambda _: None)
    tasks = [
        asyncio.create_task(writer.append(check_records([make_run(n)]), DEFAULT_PROJECT))
        for n in range(5)
    ]
    await asyncio.sleep(0)
    writer.start()
    await writer.close()
    await asyncio.gather(*tasks)
    assert await database.read(_count_runs) == 5
    with pytest.raises(OverloadedError, match="stopping"):
        await writer.append(check_records([make_run(9)]), DEFAULT_PROJECT)


async def test_a_commit_takes_a_bounded_number_of_records(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crowd is served in turns, so that no one waits for all."""
    gate = _Gate()
    gate.open.set()
    monkeypatch.setattr(writer_module, "append_records", gate.append)
    monkeypatch.setattr(writer_module, "MAX_GROUP_RECORDS", 4)
    writer = Writer(database, on_commit=lambda _: None)
    sizes = (3, 1, 1, 9, 2)
    tasks = [
        asyncio.create_task(writer.append(check_records([make_run()] * n), DEFAULT_PROJECT))
        for n in sizes
    ]
    await asyncio.sleep(0)
    writer.start()
    await asyncio.gather(*tasks)
    assert gate.sizes == [4, 1, 9, 2]
    await writer.close()
