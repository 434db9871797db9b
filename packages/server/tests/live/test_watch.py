"""Noticing what other processes commit."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from agenttrace_server.live import watch as watch_module
from agenttrace_server.live.bus import Bus
from agenttrace_server.live.watch import watch_others
from agenttrace_server.storage.engine import Database, open_database

from ..support.client import Client
from ..support.dialects import ON_SQLITE
from ..support.lines import check_records, make_run, make_run_id, make_span
from ..support.own import append_records
from ..support.process import ServerProcess

FOLLOW_RUN = """
subscription($id: ID!) { runEvents(runId: $id) { events { __typename } } }
"""
FOLLOW_RUNS = "subscription { runChanges { changes { run { id } } } }"


def test_a_follower_sees_what_another_process_stores(tmp_path: Path) -> None:
    """Two servers over one file: who follows at the one is told of what the other takes in."""
    with (
        ServerProcess(tmp_path) as one,
        ServerProcess(tmp_path) as two,
        Client(one.url) as here,
        Client(two.url) as there,
        there.follow(FOLLOW_RUN, id=make_run_id(0)) as run,
        there.follow(FOLLOW_RUNS) as runs,
    ):
        assert run.next() == {"events": []}
        assert runs.next() == {"changes": []}
        here.send([make_run()])
        assert run.next() == {"events": [{"__typename": "RunUpdated"}]}
        assert runs.next() == {"changes": [{"run": {"id": make_run_id(0)}}]}
        for number in range(3):  # each is told before the next is sent
            here.send([make_span(number)])
            assert run.next() == {
                "events": [{"__typename": "SpanStarted"}, {"__typename": "SpanEnded"}]
            }
            assert runs.next() == {"changes": [{"run": {"id": make_run_id(0)}}]}
        here.send([make_run(status="COMPLETED", rev=1)])
        assert run.next() == {"events": [{"__typename": "RunEnded"}]}
        assert run.next() is None


@ON_SQLITE
async def test_the_number_changes_with_commits_of_others_only(
    database: Database, tmp_path: Path
) -> None:
    """This process rings for its own commits itself; they would wake everyone twice."""
    before = await database.read_foreign_version()
    await database.write(append_records, check_records([make_run()]))
    assert await database.read_foreign_version() == before
    other = open_database(f"sqlite:///{tmp_path / 'agenttrace.db'}")
    await other.write(append_records, check_records([make_run(1)]))
    assert await database.read_foreign_version() != before
    other.close()


async def test_the_store_is_asked_once_a_turn_however_many_listen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One question for all listeners, none while there is no listener; a change wakes them all."""
    monkeypatch.setattr(watch_module, "WATCH_INTERVAL_S", 0)
    bus, asked, answers = Bus(), asyncio.Semaphore(0), asyncio.Queue[int]()

    async def read_version() -> int:
        asked.release()
        return await answers.get()

    task = asyncio.create_task(watch_others(bus, read_version))
    await asyncio.wait([task], timeout=0)
    assert asked.locked()
    with bus.listen("a") as a, bus.listen("b") as b:
        for answer, rings in ((1, True), (1, False), (2, True)):
            a.clear()
            b.clear()
            await asked.acquire()
            assert asked.locked()
            await answers.put(answer)
            await asked.acquire()  # the next turn has begun, so this one is done
            asked.release()
            assert (a.is_set(), b.is_set()) == (rings, rings)
    task.cancel()


async def test_a_store_that_cannot_be_asked_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A failure is logged once and does not end the watch."""
    monkeypatch.setattr(watch_module, "WATCH_INTERVAL_S", 0)
    bus = Bus()
    answers: list[int | Exception] = [OSError("gone"), OSError("gone"), 7]

    async def read_version() -> int:
        answer = answers.pop(0) if answers else 7
        if isinstance(answer, Exception):
            raise answer
        return answer

    with caplog.at_level(logging.WARNING), bus.listen("a") as bell:
        task = asyncio.create_task(watch_others(bus, read_version))
        await asyncio.wait_for(bell.wait(), 10)
        task.cancel()
    assert [record.getMessage() for record in caplog.records] == [
        "cannot see what other processes commit: gone"
    ]
