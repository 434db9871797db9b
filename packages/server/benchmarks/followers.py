"""What subscribers of several workers are told, and when, while the database cuts the workers off.

    PYTHONPATH=packages/server .venv/bin/python packages/server/benchmarks/followers.py

Starts `--workers` over a PostgreSQL of its own and `--subscribers` WebSockets that all follow one
run. One sender stores spans; `--cuts` times meanwhile the connections on which the workers listen
for each other are ended. One more subscriber reads nothing until everything is stored, and then
goes on after each gap that it is told of. Counts what was missed, doubled or out of order: all
must be 0. Times are from before a span is sent to when a subscriber has read it, in this process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import socket
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
from tests.support.client import NDJSON, PROTOCOL
from tests.support.lines import dump_lines, make_run, make_run_id, make_span
from tests.support.postgres import PostgresServer
from tests.support.process import ServerProcess
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

BATCH: Final = 50
DEADLINE_S: Final = 300
SMALL_BUFFER_BYTES: Final = 4_096
FOLLOW: Final = """subscription($id: ID!, $after: String) { runEvents(runId: $id, after: $after) {
    cursor
    events { __typename ... on SpanStarted { span { seq attributes } } ... on Gap { from } } } }"""
END_LISTENERS: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE application_name = 'agenttrace-listen'"
)


@dataclass
class Crowd:
    """What all subscribers have in common."""

    url: str
    subscribers: int
    sent_s: dict[int, float] = field(default_factory=dict)
    latencies_s: list[float] = field(default_factory=list)
    following: int = 0
    all_follow: asyncio.Event = field(default_factory=asyncio.Event)
    all_sent: asyncio.Event = field(default_factory=asyncio.Event)

    def count_follower(self) -> None:
        """Count one that has its first answer."""
        self.following += 1
        if self.following == self.subscribers:
            self.all_follow.set()


class Subscriber:
    """Reads at once; or, if it is idle, only once everything is stored."""

    def __init__(self, crowd: Crowd, *, is_idle: bool) -> None:
        self._crowd = crowd
        self._is_idle = is_idle
        self._has_begun = False
        self._after: str | None = None
        self.expected = 0
        self.missing = self.doubled = self.gaps = self.cuts = 0

    async def follow(self) -> None:
        """Follow the run to its end; anew after each gap, and after being cut off."""
        has_ended = False
        while not has_ended:
            try:
                has_ended = await self._follow_once()
            except ConnectionClosed:  # who neither reads nor answers pings for 40 s is cut
                self.cuts += 1

    async def _follow_once(self) -> bool:
        address = self._crowd.url.removeprefix("http://").split(":")
        plain = socket.socket()
        if self._is_idle:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
        plain.connect((address[0], int(address[1])))
        plain.settimeout(0)
        url = self._crowd.url.replace("http://", "ws://") + "/graphql"
        limits: dict[str, Any] = {"max_size": None, "max_queue": 1, "ping_interval": None}
        async with connect(url, sock=plain, subprotocols=[PROTOCOL], **limits) as opened:
            await opened.send(json.dumps({"type": "connection_init"}))
            await opened.recv()
            variables = {"id": make_run_id(0), "after": self._after}
            payload = {"query": FOLLOW, "variables": variables}
            await opened.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
            return await self._read(opened)

    async def _read(self, opened: ClientConnection) -> bool:
        """Read to the end of the run, or to a gap; return whether it was the end."""
        async for text in opened:
            message = json.loads(text)
            if message["type"] == "complete":
                return True
            assert message["type"] == "next", message
            assert "errors" not in message["payload"], message
            if not self._has_begun:
                self._has_begun = True
                self._crowd.count_follower()
                if self._is_idle:
                    await self._crowd.all_sent.wait()
            batch = message["payload"]["data"]["runEvents"]
            for event in batch["events"]:
                if event["__typename"] == "Gap":
                    self.gaps += 1
                    self._after = event["from"]
                    return False
                if event["__typename"] == "SpanStarted":
                    self._take(event["span"]["seq"])
            self._after = batch["cursor"]
        raise AssertionError(f"the server closed the socket: {opened.close_code}")

    def _take(self, seq: int) -> None:
        if not self._is_idle:
            self._crowd.latencies_s.append(time.perf_counter() - self._crowd.sent_s[seq])
        if seq < self.expected:
            self.doubled += 1
            return
        self.missing += seq - self.expected
        self.expected = seq + 1


async def send(crowd: Crowd, events: int, cuts: int, postgres: PostgresServer) -> None:
    """Store the spans, and cut the listeners off meanwhile; then end the run."""
    every = max(1, events // BATCH // cuts) if cuts else events
    async with httpx.AsyncClient(base_url=crowd.url, timeout=60) as client:

        async def post(records: list[dict[str, Any]]) -> None:
            body = dump_lines(records)
            (await client.post("/api/ingest", content=body, headers=NDJSON)).raise_for_status()

        await crowd.all_follow.wait()
        text = {"text": "y" * 1_000}
        for number, start in enumerate(range(0, events, BATCH)):
            seqs = range(start, min(start + BATCH, events))
            crowd.sent_s.update(dict.fromkeys(seqs, time.perf_counter()))
            await post([make_span(n, status="STARTED", rev=0, attributes=text) for n in seqs])
            if cuts and number % every == every - 1:
                await asyncio.to_thread(postgres.execute, END_LISTENERS)
        await post([make_run(status="COMPLETED", rev=1)])
        crowd.all_sent.set()


def measure_rss_mib(server: ServerProcess) -> float:
    """Return the resident memory of all workers together."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in children.split())
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def measure(
    server: ServerProcess, postgres: PostgresServer, arguments: argparse.Namespace
) -> None:
    """Run it all, and print the counts and times."""
    crowd = Crowd(server.url, arguments.subscribers + 1)
    readers = [Subscriber(crowd, is_idle=False) for _ in range(arguments.subscribers)]
    idle = Subscriber(crowd, is_idle=True)
    before_mib, begin_s = measure_rss_mib(server), time.perf_counter()
    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        for each in (*readers, idle):
            group.create_task(each.follow())
        group.create_task(send(crowd, arguments.events, arguments.cuts, postgres))
    took_s = time.perf_counter() - begin_s
    for each in (*readers, idle):
        each.missing += arguments.events - each.expected
    ordered = sorted(crowd.latencies_s)
    median_s, p99_s = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
    print(
        f"S12  {len(ordered):,} events to {len(readers)} subscribers in {took_s:.1f} s: "
        f"missing {sum(each.missing for each in readers)}, "
        f"doubled or out of order {sum(each.doubled for each in readers)}, "
        f"gaps {sum(each.gaps for each in readers)}, "
        f"cut off {sum(each.cuts for each in readers)}; "
        f"median {1_000 * median_s:.0f} ms, p99 {1_000 * p99_s:.0f} ms"
    )
    growth_mib = measure_rss_mib(server) - before_mib
    print(
        f"S11  one that did not read: gaps {idle.gaps}, cut off {idle.cuts}, "
        f"missing {idle.missing}, doubled {idle.doubled}; "
        f"memory of the workers +{growth_mib:.0f} MiB"
    )


def main() -> None:
    """Start everything and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--subscribers", type=int, default=400)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--cuts", type=int, default=20)
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8_192), hard))
    postgres = PostgresServer()
    try:
        url = postgres.make_database()
        with tempfile.TemporaryDirectory() as name:
            flags = ("--workers", str(arguments.workers))
            with ServerProcess(Path(name), *flags, database_url=url) as server:
                asyncio.run(measure(server, postgres, arguments))
    finally:
        postgres.remove()


if __name__ == "__main__":
    main()
