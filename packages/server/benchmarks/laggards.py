"""What a subscriber that reads slowly, and one that stops reading, cost the others and the server.

    python packages/server/benchmarks/laggards.py
    python packages/server/benchmarks/laggards.py --postgresql --spans 2000

S11. `--subscribers` read what they are told of one run, beside one that reads a message a second
and one that stops reading until everything is sent. The same was done before without these two,
over a server and a store of its own: the server's memory may grow by so much more. The news of a
gap is the gap that is told, or being cut off; it counts from when it was due: for the one that
reads slowly, from when 1,000 events waited for it; for the one that stopped, from when it reads
again. Both go on from there. What is missing or doubled then must be 0, else the exit code is 1.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from bounds import Bound, count, pick, print_bounds
from listeners import Crowd, Listener, send_spans
from servers import Server, run_server

from agenttrace_server.live.channel import MAX_WAITING_EVENTS

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from packages.server.tests.faults.nemeses import DURABLE
from packages.server.tests.support.postgres import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

DEADLINE_S: Final = 900
SAMPLE_S: Final = 0.2
TEXT: Final = "y" * 1_000
P99_MS: Final = 500
GROWTH_MIB: Final = 10
NOTICE_S: Final = 10


class Phase(NamedTuple):
    """What became of one run and its subscribers."""

    healthy: list[Listener]
    slow: list[Listener]
    """The one that reads a message a second; the one that stops."""
    crowd: Crowd
    reads_again_s: float
    growth_mib: float
    """Of the server's memory: its highest, less what it was before anybody followed."""


async def watch_memory(server: Server, peak: list[float]) -> None:
    """Keep the highest resident memory, until cancelled."""
    while True:
        peak[0] = max(peak[0], server.measure_rss_mib())
        await asyncio.sleep(SAMPLE_S)


async def play(server: Server, options: argparse.Namespace, *, has_laggards: bool) -> Phase:
    """Send a run to its subscribers, and return what they were told."""
    paces: list[Callable[[], Awaitable[None]]] = []
    crowd = Crowd(server.url, 0, options.spans, options.subscribers + 2 * has_laggards)
    if has_laggards:
        paces = [lambda: wait_a_second(crowd), lambda: wait_for_end(crowd)]
    healthy = [Listener(crowd) for _ in range(options.subscribers)]
    slow = [Listener(crowd, pace) for pace in paces]
    before_mib = server.measure_rss_mib()
    peak = [before_mib]
    reads_again_s = 0.0

    async def send() -> None:
        nonlocal reads_again_s
        await send_spans(
            crowd, rate=options.rate, batch=options.batch, text=TEXT, on_batch=pass_over
        )
        reads_again_s = time.perf_counter()

    watching = asyncio.create_task(watch_memory(server, peak))
    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        for each in (*healthy, *slow):
            group.create_task(each.follow())
        group.create_task(send())
    watching.cancel()
    return Phase(healthy, slow, crowd, reads_again_s, peak[0] - before_mib)


async def wait_a_second(crowd: Crowd) -> None:
    """Return after a second; at once when everything is sent."""
    try:
        await asyncio.wait_for(crowd.all_sent.wait(), 1)
    except TimeoutError:
        return


async def wait_for_end(crowd: Crowd) -> None:
    """Return when everything is sent."""
    await crowd.all_sent.wait()


async def pass_over(_batch: int) -> None:
    """Do nothing between two batches."""


def judge(alone: Phase, beside: Phase) -> list[Bound]:
    """Return what the row asks for."""
    everyone = [*alone.healthy, *beside.healthy, *beside.slow]
    bounds = [
        count("missing, after going on from each gap", sum(each.missing for each in everyone)),
        count("doubled or out of order", sum(each.doubled for each in everyone)),
        count("gaps of those who read", sum(len(each.gaps) for each in beside.healthy)),
        count("of those who read, cut off", sum(len(each.cuts) for each in beside.healthy)),
    ]
    for name, phase in (("without the slow", alone), ("beside the slow", beside)):
        ordered = sorted(1_000 * each for one in phase.healthy for each in one.latencies_s)
        bounds += [
            Bound(f"ms from sent to heard, median, {name}", pick(ordered, 0.5), P99_MS),
            Bound(f"ms from sent to heard, p99, {name}", pick(ordered, 0.99), P99_MS),
        ]
    growth_mib = beside.growth_mib - alone.growth_mib
    what = f"MiB of memory, more than without the slow (+{alone.growth_mib:.1f})"
    return [*bounds, Bound(what, growth_mib, GROWTH_MIB), *judge_notices(beside)]


def judge_notices(phase: Phase) -> list[Bound]:
    """Return how late the slow were told of their gaps, and that there were any."""
    reader, idle = phase.slow
    sent_s = phase.crowd.sent_s
    late_s = [
        told_s - sent_s[expected + MAX_WAITING_EVENTS]
        for expected, told_s in (*reader.gaps, *reader.cuts)
        if expected + MAX_WAITING_EVENTS < len(sent_s)
    ]
    bounds = []
    news_s = [told_s - phase.reads_again_s for _, told_s in (*idle.gaps, *idle.cuts)]
    for name, one, times_s in (("a message a second", reader, late_s), ("stopped", idle, news_s)):
        what = f"s to the news, {name} ({len(one.gaps)} gaps, cut off {len(one.cuts)} times)"
        bounds.append(Bound(what, max(times_s, default=0.0), NOTICE_S))
    return bounds


def measure(options: argparse.Namespace) -> bool:
    """Measure without the slow ones, then beside them; return whether the counts are right."""
    phases = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = None
        if options.postgresql:
            postgres = PostgresServer(**DURABLE)
            stack.callback(postgres.remove)
        for has_laggards in (False, True):
            url = f"sqlite:///{folder / str(has_laggards)}.db"
            url = postgres.make_database() if postgres else url
            with run_server(url) as server:
                phases.append(asyncio.run(play(server, options, has_laggards=has_laggards)))
    kind = "PostgreSQL" if options.postgresql else "SQLite"
    title = (
        f"S11  {options.spans:,} spans, {options.rate:.0f} a second, to {options.subscribers} "
        f"subscribers and two slow ones, {kind}"
    )
    return print_bounds(title, judge(*phases))


def main() -> int:
    """Measure what the command line asks for; 1 when a count is wrong."""
    parser = argparse.ArgumentParser(description="S11: slow subscribers among others")
    parser.add_argument("--postgresql", action="store_true", help="start one for this run")
    parser.add_argument("--subscribers", type=int, default=100)
    parser.add_argument("--spans", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=200, help="spans a second")
    parser.add_argument("--batch", type=int, default=10, help="spans a request")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8_192), hard))
    return int(not measure(options))


if __name__ == "__main__":
    sys.exit(main())
