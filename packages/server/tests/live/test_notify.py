"""Hearing what other workers commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from agenttrace_server.live import notify as notify_module
from agenttrace_server.live.bus import EVERY_RUN, Bus
from agenttrace_server.live.notify import follow_notices
from agenttrace_server.storage.engine import Database, open_database
from agenttrace_server.storage.notices import CHANNEL

from ..support.client import Client, Follower
from ..support.dialects import ON_POSTGRESQL
from ..support.lines import check_records, make_event, make_run, make_run_id, make_span
from ..support.own import append_records
from ..support.postgres import PostgresServer
from ..support.process import ServerProcess

TIMEOUT_S = 20
CUTS = 20
FOLLOW_RUN = """
subscription($id: ID!) { runEvents(runId: $id) { events {
  __typename ... on SpanStarted { span { seq } } ... on SpanEnded { span { seq } }
} } }
"""
_END_LISTENERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE application_name = 'agenttrace-listen' AND datname = '{}'"
)


def _read_starts(follower: Follower, count: int) -> list[int]:
    """Return the `seq` of the next spans that start."""
    starts: list[int] = []
    while len(starts) < count:
        batch = follower.next()
        assert batch is not None
        starts += [e["span"]["seq"] for e in batch["events"] if e["__typename"] == "SpanStarted"]
    return starts


@ON_POSTGRESQL
def test_workers_hear_each_other_in_order(database_url: str, tmp_path: Path) -> None:
    """Three workers: who follows at one is told of what the others take in, in order, no gap."""
    with (
        ServerProcess(tmp_path, database_url=database_url) as one,
        ServerProcess(tmp_path, database_url=database_url) as two,
        ServerProcess(tmp_path, database_url=database_url) as three,
        Client(one.url) as first,
        Client(two.url) as second,
        Client(three.url) as third,
        first.follow(FOLLOW_RUN, id=make_run_id(0)) as at_first,
        third.follow(FOLLOW_RUN, id=make_run_id(0)) as at_third,
    ):
        for number in range(40):
            (second, third)[number % 2].send([make_run(), make_span(number)])
        assert _read_starts(at_first, 40) == list(range(40))
        assert _read_starts(at_third, 40) == list(range(40))


@ON_POSTGRESQL
def test_a_listener_that_is_cut_off_misses_nothing(
    database_url: str, tmp_path: Path, postgres: PostgresServer
) -> None:
    """Its connection is dropped 20 times while another worker stores: everything is told once."""
    end_listeners = _END_LISTENERS.format(database_url.rpartition("/")[2])
    with (
        ServerProcess(tmp_path, database_url=database_url) as one,
        ServerProcess(tmp_path, database_url=database_url) as two,
        Client(one.url) as here,
        Client(two.url) as there,
        here.follow(FOLLOW_RUN, id=make_run_id(0)) as follower,
    ):
        cut = sent = 0
        while cut < CUTS:
            there.send([make_run(), make_span(sent)])
            cut += len(postgres.execute(end_listeners))
            there.send([make_span(sent + 1)])
            sent += 2
        assert _read_starts(follower, sent) == list(range(sent))


class _Ears:
    """What a listener hears."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.heard: asyncio.Queue[frozenset[str]] = asyncio.Queue()

    async def next(self) -> frozenset[str]:
        return await asyncio.wait_for(self.heard.get(), TIMEOUT_S)


async def _open_ears(database: Database) -> tuple[_Ears, asyncio.Task[None]]:
    ears = _Ears()
    assert database.notices is not None
    task = asyncio.create_task(
        database.notices.listen(on_ready=ears.ready.set, on_notice=ears.heard.put_nowait)
    )
    await asyncio.wait_for(ears.ready.wait(), TIMEOUT_S)
    return ears, task


@ON_POSTGRESQL
async def test_a_notice_names_the_runs_of_another_process(
    database: Database, database_url: str
) -> None:
    """One of this process is not heard; one of too many runs names none, which means any."""
    other = open_database(database_url)
    ears, task = await _open_ears(database)
    await database.write(append_records, check_records([make_run(7)]))
    await other.write(append_records, check_records([make_run(1), make_event(3)]))
    assert await ears.next() == {make_run_id(0), make_run_id(1)}
    await other.write(append_records, check_records([make_run(n) for n in range(300)]))
    assert await ears.next() == frozenset()
    task.cancel()
    await asyncio.wait([task])
    other.close()


@ON_POSTGRESQL
async def test_a_commit_that_fails_is_not_told(database: Database, database_url: str) -> None:
    """A notice is part of its transaction."""
    other = open_database(database_url)
    ears, task = await _open_ears(database)

    def fail(*arguments: object) -> None:
        append_records(arguments[0], check_records([make_run(1)]))  # type: ignore[arg-type] # the connection
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await other.write(fail)
    await other.write(append_records, check_records([make_run(2)]))
    assert await ears.next() == {make_run_id(2)}
    task.cancel()
    await asyncio.wait([task])
    other.close()


async def test_a_lost_listener_is_replaced_and_everyone_looks_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each time it listens again all bells ring; a loss is logged once, however often it tries."""
    monkeypatch.setattr(notify_module, "MIN_RETRY_S", 0)
    bus = Bus()
    tries: asyncio.Queue[tuple[Callable[[], None], Callable[[frozenset[str]], None]]]
    tries = asyncio.Queue()
    lost: asyncio.Queue[Exception] = asyncio.Queue()

    async def listen(
        *, on_ready: Callable[[], None], on_notice: Callable[[frozenset[str]], None]
    ) -> None:
        await tries.put((on_ready, on_notice))
        raise await lost.get()

    with caplog.at_level(logging.WARNING), bus.listen("a") as a, bus.listen(EVERY_RUN) as every:
        task = asyncio.create_task(follow_notices(bus, listen))
        for _ in range(3):  # not even connected
            await asyncio.wait_for(tries.get(), TIMEOUT_S)
            await lost.put(OSError("refused"))
        on_ready, on_notice = await asyncio.wait_for(tries.get(), TIMEOUT_S)
        assert not a.is_set()
        on_ready()
        assert (a.is_set(), every.is_set()) == (True, True)
        for runs, rings in ((frozenset({"b"}), False), (frozenset({"a", "b"}), True)):
            a.clear()
            on_notice(runs)
            assert (a.is_set(), every.is_set()) == (rings, True)
        a.clear()
        on_notice(frozenset())
        assert a.is_set()
        task.cancel()
        await asyncio.wait([task])
    assert [record.getMessage() for record in caplog.records] == [
        "cannot hear what other workers commit: refused"
    ]


def test_the_channel_is_a_plain_name() -> None:
    """It is used as it is in LISTEN, where a name is folded, and in NOTIFY, where it is not."""
    assert CHANNEL.islower()
    assert CHANNEL.isalpha()
