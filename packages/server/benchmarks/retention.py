"""What deleting the old runs costs those who store and read meanwhile, and what it leaves.

    python packages/server/benchmarks/retention.py
    python packages/server/benchmarks/retention.py --postgresql --spans 50000
    python packages/server/benchmarks/retention.py --by-age

S9. Fills a store with `--spans` spans of agents over four weeks, and puts them into the search
index. Then writers and readers work for `--baseline` seconds, and go on while everything that ended
in the first two weeks is deleted by filter, until no row is left of it. Runs that have not ended
stay, and so does what the writers store. With `--by-age` a server that keeps runs for ever has the
first part, and the rest one with `MAX_TRACE_RETENTION_DAYS`, which deletes what was over before
the same day. What is missing, left over or wrong must be 0, else the
exit code is 1. The locks are the times that a step of the deletion had the store's writer.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bounds import Bound, count, pick, print_bounds
from loads import Sender, Tally, read, repeat, write
from seed import fill_store, index_store
from servers import run_server
from sqlalchemy import func, select, update
from workload import DAY_NS, DAYS, START_NS

from agenttrace_server.storage import deletion
from agenttrace_server.storage.documents import DOCUMENT
from agenttrace_server.storage.engine import Database, open_database
from agenttrace_server.storage.rollups import MODEL_SUMS
from agenttrace_server.storage.sqlite import PAGE_BYTES
from agenttrace_server.storage.tables import (
    ANNOTATION,
    ATTRIBUTE,
    CHANGE,
    CONTENT,
    EVENT,
    PAYLOAD,
    RUN,
    SPAN,
    TAG,
)
from agenttrace_server.storage.usage_tables import MODEL_USAGE, USAGE_HOUR

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from packages.server.tests.faults.nemeses import DURABLE
from packages.server.tests.support.postgres import PostgresServer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

WRITERS: Final = 4
READERS: Final = 2
BATCH: Final = 10
RATE: Final = 15.0
"""Requests a second, of each writer and reader."""
CUT_NS: Final = (START_NS // DAY_NS + DAYS // 2) * DAY_NS
"""The start of a day of UTC."""
DELETE: Final = """mutation($before: DateTime!) {
    deleteRuns(filter: {startedBefore: $before, status: [COMPLETED, ERROR]}) {
        count hasMore errors { message } } }"""
DEADLINE_S: Final = 900
SLOWDOWN: Final = 2
LOCK_MS: Final = 50
FREE_MIB: Final = deletion.KEPT_FREE_PAGES * PAGE_BYTES / 2**20
ENDED: Final = ("COMPLETED", "ERROR")
OF_RUNS: Final = (
    *(SPAN, PAYLOAD, CONTENT, EVENT, TAG, ATTRIBUTE, ANNOTATION, MODEL_USAGE, DOCUMENT),
)
TIMED_SERVER: Final = Path(__file__).with_name("timed_server.py")


class Known(NamedTuple):
    """A run, as the store has it."""

    start_ns: int
    over_ns: int
    """When it ended, or else began."""
    status: str
    spans: int


class Course(NamedTuple):
    """What happened while the server ran."""

    writing: Tally
    reading: Tally
    begin_s: float
    deleting_s: float
    """When the deletion began."""
    end_s: float
    deleted: int
    before_bytes: int


def read_known(connection: Connection) -> dict[str, Known]:
    """Return all runs."""
    over = func.coalesce(RUN.c.end_ns, RUN.c.start_ns).label("over_ns")
    columns = (RUN.c.run_id, RUN.c.start_ns, over, RUN.c.status, RUN.c.spans)
    rows = connection.execute(select(*columns))
    return {row.run_id: Known(row.start_ns, row.over_ns, row.status, row.spans) for row in rows}


def find_old(before: dict[str, Known], *, by_age: bool) -> set[str]:
    """Return which of the runs are to be deleted."""
    times_ns = {i: run.over_ns if by_age else run.start_ns for i, run in before.items()}
    return {i for i, run in before.items() if times_ns[i] < CUT_NS and run.status in ENDED}


def make_old(connection: Connection) -> None:
    """Have the runs that ended as if their records had come then."""
    change = update(RUN).where(RUN.c.status.in_(ENDED))
    connection.execute(change.values(seen_ns=func.coalesce(RUN.c.end_ns, RUN.c.start_ns)))


def find_days() -> int:
    """Return the setting with which a server deletes what was over before the cut."""
    return time.time_ns() // DAY_NS - CUT_NS // DAY_NS


def count_orphans(connection: Connection) -> int:
    """Return how many rows belong to no run."""
    known = select(RUN.c.run_id)
    total = 0
    for table in OF_RUNS:
        query = select(func.count()).select_from(table).where(table.c.run_id.not_in(known))
        total += connection.execute(query).scalar_one()
    log = select(func.count()).select_from(CHANGE)
    log = log.where(CHANGE.c.run_id.not_in(known), CHANGE.c.kind != "run_deleted")
    return int(total + connection.execute(log).scalar_one())


def count_torn(connection: Connection) -> int:
    """Return how many runs have not as many spans as they say."""
    rows = connection.execute(select(SPAN.c.run_id, func.count().label("n")).group_by("run_id"))
    spans = {row.run_id: row.n for row in rows}
    return sum(spans.get(run_id, 0) != run.spans for run_id, run in read_known(connection).items())


def count_wrong_sums(connection: Connection) -> int:
    """Return how many sums of an hour and a model are not those of the runs."""
    sums: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0] * len(MODEL_SUMS))
    for table, sign in ((MODEL_USAGE, 1), (USAGE_HOUR, -1)):
        for row in connection.execute(select(table)):
            of_hour = sums[row.hour_ns, row.model]
            for place, name in enumerate(MODEL_SUMS):
                of_hour[place] += sign * (getattr(row, name) or 0)
    return sum(any(of_hour) for of_hour in sums.values())


def delete_old(sender: Sender) -> int:
    """Delete what ended in the first half, as often as needed; return how many runs."""
    before = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(CUT_NS // 10**9))
    total, has_more = 0, True
    while has_more:
        answer = sender.ask(DELETE, before=before)["deleteRuns"]
        assert not answer["errors"], answer
        total, has_more = total + answer["count"], answer["hasMore"]
    return total


async def wait_until_old_are_gone(database: Database, old: set[str]) -> int:
    """Return how many there were, when the server has deleted them all."""
    query = (
        select(func.count())
        .select_from(RUN)
        .where(RUN.c.start_ns < CUT_NS, RUN.c.status.in_(ENDED), RUN.c.run_id.in_(old))
    )
    async with asyncio.timeout(DEADLINE_S):
        while await database.read(lambda c: c.execute(query).scalar_one()):  # noqa: ASYNC110 -- another process's
            await asyncio.sleep(0.2)
    return len(old)


async def wait_until_gone(database: Database) -> None:
    """Return when nothing is left of deleted runs, nor of their space."""
    async with asyncio.timeout(DEADLINE_S):
        while await database.read(deletion.has_leftovers):  # noqa: ASYNC110 -- another process's
            await asyncio.sleep(0.2)
        while await database.read(deletion.has_free_space):  # noqa: ASYNC110 -- another process's
            await asyncio.sleep(0.2)


def list_works(url: str, writing: Tally, reading: Tally) -> list[tuple[Callable[[], None], float]]:
    """Return what writers and readers do, and how often in a second."""
    works = [(write(Sender(url, writing), writing, n, BATCH), RATE) for n in range(WRITERS)]
    return works + [(read(Sender(url, reading)), RATE) for _ in range(READERS)]


def work_by_age(database_url: str, program: Sequence[str], old: set[str], seconds: float) -> Course:
    """Do the same with two servers, of which the second deletes by itself, from its start on."""
    writing, reading = Tally(), Tally()
    with (
        run_server(database_url, program=program) as server,
        repeat(list_works(server.url, writing, reading)),
    ):
        time.sleep(seconds / 5)  # caches fill
        begin_s = time.perf_counter()
        time.sleep(seconds)
    before_bytes = measure_bytes(database_url)
    watcher = open_database(database_url)
    ended_s = time.perf_counter()
    days = str(find_days())
    with (
        run_server(database_url, program=program, MAX_TRACE_RETENTION_DAYS=days) as server,
        repeat(list_works(server.url, writing, reading)),
    ):
        deleted = asyncio.run(wait_until_old_are_gone(watcher, old))
        asyncio.run(wait_until_gone(watcher))
        end_s = time.perf_counter()
    watcher.close()
    return Course(writing, reading, begin_s, ended_s, end_s, deleted, before_bytes)


def work(url: str, database_url: str, seconds: float) -> Course:
    """Write and read for a while, then delete beside that; return what happened."""
    writing, reading, deleting = Tally(), Tally(), Tally()
    works = list_works(url, writing, reading)
    watcher = open_database(database_url)
    with repeat(works):
        time.sleep(seconds / 5)  # caches fill
        begin_s = time.perf_counter()
        time.sleep(seconds)
        before_bytes = measure_bytes(database_url)
        deleting_s = time.perf_counter()
        deleted = delete_old(Sender(url, deleting))
        asyncio.run(wait_until_gone(watcher))
        end_s = time.perf_counter()
    watcher.close()
    return Course(writing, reading, begin_s, deleting_s, end_s, deleted, before_bytes)


def measure_bytes(database_url: str) -> int:
    """Return the size of a SQLite file; of another database 0."""
    path = Path(database_url.removeprefix("sqlite:///"))
    return path.stat().st_size if database_url.startswith("sqlite") else 0


def measure_free_bytes(database_url: str) -> int:
    """Return how much of a SQLite file is free: deleted, and neither given back nor used again."""
    driver = sqlite3.connect(database_url.removeprefix("sqlite:///"))
    ((pages,),) = driver.execute("PRAGMA freelist_count").fetchall()
    driver.close()
    return int(pages) * PAGE_BYTES


def judge_store(
    database: Database, before: dict[str, Known], course: Course, old: set[str]
) -> list[Bound]:
    """Return what became of the runs."""

    def look(connection: Connection) -> list[Bound]:
        known = read_known(connection)
        kept = {i for i in before if i not in old} | course.writing.stored.keys()
        running = {i for i in kept if i not in before or before[i].status == "STARTED"}
        short = [i for i, n in course.writing.stored.items() if i in known and known[i].spans < n]
        return [
            count("runs wrongly deleted", len(kept - known.keys())),
            count(f"of them such as had not ended (of {len(running):,})",
                  len(running - known.keys())),
            count("old runs that are still there", len(old & known.keys())),
            count("deleted runs that were not counted", abs(len(old) - course.deleted)),
            count("orphans: rows of no run", count_orphans(connection)),
            count("runs with more or fewer spans than they say", count_torn(connection)),
            count("runs that lack acknowledged spans", len(short)),
            count("sums of usage that are wrong", count_wrong_sums(connection)),
        ]  # fmt: skip

    async def ask() -> list[Bound]:
        async with asyncio.timeout(DEADLINE_S):
            return await database.write(look)  # it may take longer than a question may

    return asyncio.run(ask())


def judge_times(course: Course, steps: dict[str, list[float]]) -> list[Bound]:
    """Return what the deletion cost the others."""
    before = course.writing.list_times_ms(course.begin_s, course.deleting_s)
    during = course.writing.list_times_ms(course.deleting_s, course.end_s)
    p99, median = (0.99, 0.5)
    rows = [
        count("answers 5xx", course.writing.faults + course.reading.faults),
        count("other answers than 200", course.writing.unanswered + course.reading.unanswered),
    ]
    for name, share in (("p99", p99), ("median", median)):
        first, second = pick(before, share), pick(during, share)
        what = f"ms to store, {name}: {first:.1f} before, {second:.1f} during ({len(during):,})"
        rows.append(Bound(f"{what}, ratio", second / first, SLOWDOWN))
    for name, times_ms in steps.items():
        what = f"ms, {name}: {len(times_ms):,} steps, p99 {pick(times_ms, p99):.1f}, longest"
        rows.append(Bound(what, times_ms[-1], LOCK_MS))
    return rows


def read_steps(path: Path) -> dict[str, list[float]]:
    """Return the milliseconds of all steps by name, sorted."""
    steps: dict[str, list[float]] = defaultdict(list)
    for line in path.read_text().splitlines():
        name, took_ms = line.split()
        steps[name].append(float(took_ms))
    return {name: sorted(times_ms) for name, times_ms in steps.items()}


def measure(url: str, folder: Path, options: argparse.Namespace) -> bool:
    """Fill a store, delete half of it, and print what became of it."""
    database = open_database(url)
    fill_store(database, options.spans, seed=1)
    index_store(database)
    asyncio.run(database.write(make_old))
    before: dict[str, Known] = asyncio.run(database.read(read_known))
    database.close()
    times = folder / "steps.txt"
    times.touch()
    program = [str(TIMED_SERVER), str(times)]
    old = find_old(before, by_age=options.by_age)
    if options.by_age:
        course = work_by_age(url, program, old, options.baseline)
    else:
        with run_server(url, program=program) as server:
            course = work(server.url, url, options.baseline)
    database = open_database(url)
    bounds: list[Any] = judge_store(database, before, course, old)
    bounds += judge_times(course, read_steps(times))
    database.close()
    if course.before_bytes:
        mib, after_mib = (each / 2**20 for each in (course.before_bytes, measure_bytes(url)))
        what = f"MiB of the file that are free, of {after_mib:.1f} ({mib:.1f} before)"
        bounds.append(Bound(what, measure_free_bytes(url) / 2**20, FREE_MIB))
    took_s = course.end_s - course.deleting_s
    way = "for their age" if options.by_age else "by filter"
    title = (
        f"S9   {course.deleted:,} of {len(before):,} runs ({options.spans:,} spans) deleted in "
        f"{took_s:.1f} s {way} beside {WRITERS} writers, {WRITERS * BATCH * RATE:.0f} spans/s, and "
        f"{READERS} readers, {'PostgreSQL' if options.postgresql else 'SQLite'}"
    )
    return print_bounds(title, bounds)


def main() -> int:
    """Measure what the command line asks for; 1 when a count is wrong."""
    parser = argparse.ArgumentParser(description="S9: deleting beside ingest and readers")
    parser.add_argument("--postgresql", action="store_true", help="start one for this run")
    parser.add_argument("--spans", type=int, default=100_000, help="in the store at first")
    parser.add_argument("--by-age", action="store_true", help="by MAX_TRACE_RETENTION_DAYS")
    parser.add_argument("--baseline", type=float, default=20, help="seconds without a deletion")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = f"sqlite:///{folder / 'bench.db'}"
        if options.postgresql:
            postgres = PostgresServer(**DURABLE)
            stack.callback(postgres.remove)
            url = postgres.make_database()
        return int(not measure(url, folder, options))


if __name__ == "__main__":
    sys.exit(main())
