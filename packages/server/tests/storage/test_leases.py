"""Runs whose recorder is gone."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Connection, text

from agenttrace_server.services import leases as leases_module
from agenttrace_server.services.leases import LEASE_S, MAX_SWEPT_RUNS, LeaseService
from agenttrace_server.storage import leases as storage
from agenttrace_server.storage import open_spans
from agenttrace_server.storage.engine import Database, open_database

from ..support.client import Client
from ..support.lines import check_records, make_run, make_run_id, make_span
from ..support.own import append_records
from ..support.thread import ServerThread

S = 1_000_000_000
DEADLINE_S = 30
START_NS = 1_790_000_000 * S
FOLLOW = """subscription($id: ID!) { runEvents(runId: $id) { events { __typename
    ... on RunUpdated { run { status } } ... on RunEnded { run { status } }
    ... on SpanUpdated { span { seq status } } } } }"""


@dataclass
class Clock:
    """Time that passes when it is told to."""

    wall: int = START_NS
    mono: int = 0
    given_up: list[str] = field(default_factory=list)

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.wall += round(seconds * S)
        self.mono += round(seconds * S)

    def make(self, database: Database) -> LeaseService:
        """Return a service that begins now."""
        return LeaseService(
            database,
            on_commit=self.given_up.extend,
            wall_ns=lambda: self.wall,
            mono_ns=lambda: self.mono,
        )


def _see(connection: Connection, run_id: str, seen_ns: int) -> None:
    values = {"id": run_id, "seen": seen_ns}
    connection.execute(text("UPDATE run SET seen_ns = :seen WHERE run_id = :id"), values)


async def _store(database: Database, number: int, seen_ns: int, status: str = "STARTED") -> None:
    await database.write(append_records, check_records([make_run(number, status=status)]))
    await database.write(_see, make_run_id(number), seen_ns)


async def _list_statuses(database: Database) -> list[tuple[str, int | None]]:
    def read(connection: Connection) -> list[tuple[str, int | None]]:
        rows = connection.execute(text("SELECT status, interrupted_ns FROM run ORDER BY run_id"))
        return [(status, given_up_ns) for status, given_up_ns in rows]

    return await database.read(read)


async def test_only_silent_runs_are_given_up(database: Database) -> None:
    """One that was heard of within a minute goes on; one that has ended stays as it ended."""
    clock = Clock()
    service = clock.make(database)
    await _store(database, 0, clock.wall - 5 * S)
    await _store(database, 1, clock.wall - 500 * S, status="COMPLETED")
    await _store(database, 2, clock.wall + 30 * S)
    clock.pass_by(LEASE_S)
    assert await service.sweep() == 1
    at_ns = clock.wall
    assert await _list_statuses(database) == [
        ("INTERRUPTED", at_ns),
        ("COMPLETED", None),
        ("STARTED", None),
    ]
    clock.pass_by(29)
    assert await service.sweep() == 0
    clock.pass_by(2)
    assert await service.sweep() == 1
    assert clock.given_up == [make_run_id(0), make_run_id(2)]


async def test_the_time_before_the_server_began_does_not_count(database: Database) -> None:
    """While it was down nobody could give a sign: a whole lease passes first."""
    clock = Clock()
    await _store(database, 0, clock.wall - 10_000 * S)
    service = clock.make(database)
    clock.pass_by(LEASE_S - 1)
    assert await service.sweep() == 0
    clock.pass_by(1)
    assert await service.sweep() == 1


async def test_a_clock_that_is_set_gives_up_nobody(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """A day forward is no day of silence: the lease begins anew."""
    clock = Clock()
    service = clock.make(database)
    clock.pass_by(LEASE_S)
    await _store(database, 0, clock.wall)
    clock.wall += 86_400 * S
    with caplog.at_level(logging.WARNING):
        assert await service.sweep() == 0
    assert [r.getMessage() for r in caplog.records] == [
        "the clock was set by 86400 s; no run is given up"
    ]
    clock.pass_by(LEASE_S)
    assert await service.sweep() == 1


async def test_two_workers_give_up_each_run_once(database: Database, database_url: str) -> None:
    """Both look at once, over several transactions; the log has one entry a run."""
    clock = Clock()
    other = open_database(database_url)
    count = MAX_SWEPT_RUNS + 20
    records = check_records([make_run(n) for n in range(count)])
    await database.write(append_records, records)
    for record in records:
        await database.write(_see, record.run_id, 0)
    services = [clock.make(database), clock.make(other)]
    clock.pass_by(LEASE_S)
    found = await asyncio.gather(*(service.sweep() for service in services))
    other.close()

    def count_entries(connection: Connection) -> int:
        query = text("SELECT count(*) FROM change WHERE kind = 'run_updated'")
        return int(connection.execute(query).scalar_one())

    assert sum(found) == count
    assert sorted(clock.given_up) == [make_run_id(n) for n in range(count)]
    assert await database.read(count_entries) == count


def test_who_follows_hears_that_a_run_was_given_up_and_came_back(
    client: Client, server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run and its open spans are told, each time; the stream ends with the run."""
    monkeypatch.setattr(leases_module, "LEASE_S", 0.0)
    spans = [make_span(n, status="STARTED", rev=0) for n in range(3)]
    client.send([make_run(), *spans, make_span(1)])
    service = LeaseService(server.app.database, on_commit=lambda ids: None)

    def tell(status: str) -> dict[str, Any]:
        run = {"__typename": "RunUpdated", "run": {"status": status}}
        open_spans = [{"seq": seq, "status": status} for seq in (0, 2)]
        spans = [{"__typename": "SpanUpdated", "span": span} for span in open_spans]
        return {"events": [run, *spans]}

    with client.follow(FOLLOW, id=make_run_id(0)) as follower:
        assert follower.next() is not None
        for _ in range(2):
            assert asyncio.run(service.sweep()) == 1
            server.loop.call_soon_threadsafe(server.app.bus.ring, [make_run_id(0)])
            assert follower.next() == tell("INTERRUPTED")
            client.send([make_run()])
            assert follower.next() == tell("STARTED")
        client.send([make_run(status="COMPLETED", rev=1)])
        assert follower.next() == {
            "events": [{"__typename": "RunEnded", "run": {"status": "COMPLETED"}}]
        }
        assert follower.next() is None


def test_who_comes_to_a_run_that_was_given_up_is_told_when_it_goes_on(
    client: Client, server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream of such a run is open, whenever it began."""
    monkeypatch.setattr(leases_module, "LEASE_S", 0.0)
    client.send([make_run()])
    assert asyncio.run(LeaseService(server.app.database, on_commit=lambda ids: None).sweep()) == 1
    with client.follow(FOLLOW, id=make_run_id(0)) as follower:
        told = {"__typename": "RunUpdated", "run": {"status": "INTERRUPTED"}}
        assert follower.next() == {"events": [told]}
        client.send([make_run(status="COMPLETED", rev=1)])
        batch = follower.next()
        assert batch is not None
        assert batch["events"][-1] == {"__typename": "RunEnded", "run": {"status": "COMPLETED"}}
        assert follower.next() is None


async def test_large_runs_are_given_up_one_after_the_other(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no transaction tells of more spans than others can wait for."""
    monkeypatch.setattr(storage, "MAX_TOLD_SPANS", 5)
    monkeypatch.setattr(open_spans, "MAX_TOLD_SPANS", 5)
    clock = Clock()
    service = clock.make(database)
    for run, count in enumerate([3, 2, 4, 9]):
        spans = [make_span(n, run=run, status="STARTED", rev=0) for n in range(count)]
        await database.write(append_records, check_records([make_run(run), *spans]))
        await database.write(_see, make_run_id(run), clock.wall)
    clock.pass_by(LEASE_S + 1)
    sizes: list[int] = []
    monkeypatch.setattr(service, "_on_commit", lambda ids: sizes.append(len(ids)))
    assert await service.sweep() == 4
    assert sizes == [2, 1, 1]

    def count_told(connection: Connection) -> list[int]:
        query = "SELECT count(*) FROM change WHERE kind = 'span_updated' GROUP BY run_id ORDER BY 1"
        return [*connection.execute(text(query)).scalars()]

    assert await database.read(count_told) == [2, 3, 4, 5]


RECORDER = """
import sys, threading
from agenttrace import Tracer
from agenttrace.exporters import APIExporter
from agenttrace.pipeline import life
from agenttrace.settings import Settings
life.SIGN_EVERY_S = 0.2
tracer = Tracer(exporter=APIExporter(sys.argv[1] + "/api", spool=False), settings=Settings())
with tracer.run("agent") as run, tracer.span("outer"), tracer.span("inner"):
    print(run.run_id, flush=True)
    sys.stdin.read()
"""
TREE = """query($id: ID!) { run(id: $id) { status spanTree { name status }
    spans { edges { node { status } } } } }"""


def _ask(client: Client, run_id: str) -> tuple[str, list[str]]:
    run = client.ask(TREE, id=run_id)["run"]
    if run is None:
        return "", []
    tree = [span["status"] for span in run["spanTree"]]
    page = [edge["node"]["status"] for edge in run["spans"]["edges"]]
    return run["status"], tree if tree == page else [*tree, "and in pages", *page]


def _wait_for(client: Client, run_id: str, expected: tuple[str, list[str]]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while (found := _ask(client, run_id)) != expected:
        assert time.monotonic() < deadline, found
        threading.Event().wait(0.05)


def test_a_killed_recorder_leaves_an_interrupted_run_and_a_quiet_one_does_not(
    server: ServerThread, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two programs say nothing for several leases: one is dead, and given up."""
    monkeypatch.setattr(leases_module, "LEASE_S", 2.0)
    command = [sys.executable, "-c", RECORDER, server.url]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    service = LeaseService(server.app.database, on_commit=lambda ids: None)
    with subprocess.Popen(command, **pipes) as dead, subprocess.Popen(command, **pipes) as quiet:
        assert dead.stdout is not None
        assert quiet.stdout is not None
        dead_id, quiet_id = dead.stdout.readline().strip(), quiet.stdout.readline().strip()
        for run_id in (dead_id, quiet_id):
            _wait_for(client, run_id, ("STARTED", ["STARTED"] * 2))
        dead.kill()
        given_up = 0
        deadline = time.monotonic() + DEADLINE_S
        while not given_up and time.monotonic() < deadline:
            given_up += asyncio.run(service.sweep())
            threading.Event().wait(0.1)
        assert given_up == 1
        assert _ask(client, dead_id) == ("INTERRUPTED", ["INTERRUPTED"] * 2)
        assert _ask(client, quiet_id) == ("STARTED", ["STARTED"] * 2)
        quiet.communicate("")
    _wait_for(client, quiet_id, ("COMPLETED", ["COMPLETED"] * 2))


def test_a_run_that_was_given_up_goes_on_with_its_next_record(
    server: ServerThread, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sign of life takes it back, for the run and its open spans, and followers hear of it."""
    monkeypatch.setattr(leases_module, "LEASE_S", 0.0)
    records = [make_run(), make_span(0, status="STARTED", rev=0)]
    client.send(records)
    service = LeaseService(server.app.database, on_commit=lambda ids: None)
    assert asyncio.run(service.sweep()) == 1
    assert _ask(client, make_run_id(0)) == ("INTERRUPTED", ["INTERRUPTED"])
    cursor = client.ask("{ runs { cursor } }")["runs"]["cursor"]
    client.send(records[:1])
    assert _ask(client, make_run_id(0)) == ("STARTED", ["STARTED"])
    query = "subscription($a: String) { runChanges(after: $a) { changes { run { status } } } }"
    with client.follow(query, a=cursor) as follower:
        assert follower.next() == {"changes": [{"run": {"status": "STARTED"}}]}


async def test_a_store_that_fails_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, database: Database
) -> None:
    """The failure is logged once, and the sweeps go on."""
    monkeypatch.setattr(leases_module, "SWEEP_EVERY_S", 0)
    service = Clock().make(database)
    sweeps = asyncio.Semaphore(0)

    async def fail() -> int:
        sweeps.release()
        raise OSError("gone")

    monkeypatch.setattr(service, "sweep", fail)
    with caplog.at_level(logging.WARNING):
        task = asyncio.create_task(service.run())
        for _ in range(3):
            await asyncio.wait_for(sweeps.acquire(), 20)
        task.cancel()
    assert [r.getMessage() for r in caplog.records] == [
        "cannot look for runs that are silent: gone"
    ]
