"""Group commit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from agenttrace.wire.validation import ValidRecord
from agenttrace_server.errors import OverloadedError
from agenttrace_server.storage import writer as writer_module
from agenttrace_server.storage.append import Appended, append_records
from agenttrace_server.storage.engine import Database
from agenttrace_server.storage.tables import RUN
from agenttrace_server.storage.writer import Writer

from ..support.lines import check_records, make_run


def _count_runs(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(RUN)).scalar_one())


class _Gate:
    """Stands in for `append_records`: counts its calls and waits where told to."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.entered = threading.Event()
        self.open = threading.Event()

    def append(self, connection: Connection, records: Sequence[ValidRecord]) -> Appended:
        self.sizes.append(len(records))
        self.entered.set()
        assert self.open.wait(20)
        return append_records(connection, records)


async def test_what_waits_is_committed_together(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one commit runs the rest gathers, and goes in one transaction."""
    gate = _Gate()
    monkeypatch.setattr(writer_module, "append_records", gate.append)
    heard: list[Appended] = []
    writer = Writer(database, on_commit=heard.append)
    writer.start()
    jobs = [asyncio.create_task(writer.append(check_records([make_run(0)])))]
    await asyncio.to_thread(gate.entered.wait, 20)
    jobs += [asyncio.create_task(writer.append(check_records([make_run(n)]))) for n in range(1, 9)]
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
        await writer.append(check_records([make_run(n)]))
        assert await database.read(_count_runs) == n + 1
    await writer.close()


async def test_a_job_fails_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of jobs that share a transaction, only the one that cannot be stored is refused."""
    poison = check_records([make_run(3)])

    def append(connection: Connection, records: Sequence[ValidRecord]) -> Appended:
        result = append_records(connection, records)
        if poison[0] in records:
            raise RuntimeError("cannot be stored")
        return result

    monkeypatch.setattr(writer_module, "append_records", append)
    writer = Writer(database, on_commit=lambda _: None)
    jobs = [check_records([make_run(n)]) if n != 3 else poison for n in range(6)]
    tasks = [asyncio.create_task(writer.append(job)) for job in jobs]
    await asyncio.sleep(0)
    writer.start()
    results: list[Any] = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [
        type(None),
        type(None),
        type(None),
        OverloadedError,
        type(None),
        type(None),
    ]
    assert await database.read(_count_runs) == 5
    assert "was not stored" in caplog.text
    await writer.close()


async def test_closing_writes_what_waits(database: Database) -> None:
    """A stop loses nothing that was taken, and takes nothing more."""
    writer = Writer(database, on_commit=lambda _: None)
    tasks = [asyncio.create_task(writer.append(check_records([make_run(n)]))) for n in range(5)]
    await asyncio.sleep(0)
    writer.start()
    await writer.close()
    await asyncio.gather(*tasks)
    assert await database.read(_count_runs) == 5
    with pytest.raises(OverloadedError, match="stopping"):
        await writer.append(check_records([make_run(9)]))


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
    tasks = [asyncio.create_task(writer.append(check_records([make_run()] * n))) for n in sizes]
    await asyncio.sleep(0)
    writer.start()
    await asyncio.gather(*tasks)
    assert gate.sizes == [4, 1, 9, 2]
    await writer.close()
