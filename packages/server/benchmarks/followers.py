"""What subscribers of several workers are told, and when, while the database cuts the workers off.

    python packages/server/benchmarks/followers.py
    python packages/server/benchmarks/followers.py --subscribers 40 --spans 1000 --cuts 2

S12. Starts `--workers` over a PostgreSQL of its own and `--subscribers` WebSockets that all follow
one run. One sender stores `--rate` spans a second; `--cuts` times meanwhile the connections on
which the workers listen for each other are ended. Counts what was missed, doubled or out of order:
all must be 0, else the exit code is 1. Times are from before a span is sent to when a subscriber
has read it, in this process; at a rate that the machine does not bear they are those of a queue.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from bounds import Bound, count, pick, print_bounds
from listeners import Crowd, Listener, send_spans

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from packages.server.tests.faults.nemeses import DURABLE
from packages.server.tests.support.postgres import PostgresServer
from packages.server.tests.support.process import ServerProcess

DEADLINE_S: Final = 900
TEXT: Final = "y" * 200
P99_MS: Final = 1_000
END_LISTENERS: Final = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE application_name = 'agenttrace-listen'"
)


class Scissors:
    """Cuts the workers off from each other, so often while so many batches are sent."""

    def __init__(self, postgres: PostgresServer, cuts: int, batches: int) -> None:
        self._postgres = postgres
        self._every = max(1, batches // cuts) if cuts else batches + 1
        self._cuts = cuts
        self.ended = 0
        """Connections."""

    async def cut(self, batch: int) -> None:
        """End the connections, if it is time to."""
        if self._cuts and batch % self._every == self._every - 1:
            self._cuts -= 1
            rows = await asyncio.to_thread(self._postgres.execute, END_LISTENERS)
            self.ended += len(rows)


async def measure(url: str, postgres: PostgresServer, options: argparse.Namespace) -> bool:
    """Run it all, and print the counts and times; return whether the counts are right."""
    crowd = Crowd(url, 0, options.spans, options.subscribers)
    listeners = [Listener(crowd) for _ in range(options.subscribers)]
    scissors = Scissors(postgres, options.cuts, -(-options.spans // options.batch))
    begin_s = time.perf_counter()
    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        for each in listeners:
            group.create_task(each.follow())
        await crowd.all_follow.wait()
        joined_s = time.perf_counter()
        send = send_spans(
            crowd, rate=options.rate, batch=options.batch, text=TEXT, on_batch=scissors.cut
        )
        group.create_task(send)
    took_s = time.perf_counter() - joined_s
    title = (
        f"S12  {options.spans:,} spans to {options.subscribers} subscribers of {options.workers} "
        f"workers, who joined in {joined_s - begin_s:.1f} s: {took_s:.1f} s, "
        f"{options.spans / took_s:.0f} spans/s of {options.rate:.0f}, "
        f"{scissors.ended} listening connections ended"
    )
    return print_bounds(title, judge(listeners))


def judge(listeners: list[Listener]) -> list[Bound]:
    """Return what the row asks for."""
    latencies_ms = sorted(1_000 * each for listener in listeners for each in listener.latencies_s)
    return [
        count("missing", sum(each.missing for each in listeners)),
        count("doubled or out of order", sum(each.doubled for each in listeners)),
        count("gaps", sum(len(each.gaps) for each in listeners)),
        count("cut off", sum(len(each.cuts) for each in listeners)),
        Bound("ms from sent to heard, median", pick(latencies_ms, 0.5), P99_MS),
        Bound("ms from sent to heard, p99", pick(latencies_ms, 0.99), P99_MS),
        Bound("ms from sent to heard, longest", latencies_ms[-1], P99_MS),
    ]


def main() -> int:
    """Start everything and measure; 1 when a count is wrong."""
    parser = argparse.ArgumentParser(description="S12: several workers, many subscribers")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--subscribers", type=int, default=400)
    parser.add_argument("--spans", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=100, help="spans a second")
    parser.add_argument("--batch", type=int, default=10, help="spans a request")
    parser.add_argument("--cuts", type=int, default=20)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8_192), hard))
    postgres = PostgresServer(**DURABLE)
    try:
        url = postgres.make_database()
        with tempfile.TemporaryDirectory() as name:
            flags = ("--workers", str(options.workers))
            with ServerProcess(Path(name), *flags, database_url=url) as server:
                return int(not asyncio.run(measure(server.url, postgres, options)))
    finally:
        postgres.remove()


if __name__ == "__main__":
    sys.exit(main())
