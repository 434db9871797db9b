"""Whether writers and readers who get into each other's way are ever told of a lock.

    python packages/server/benchmarks/contention.py
    python packages/server/benchmarks/contention.py --seconds 60
    python packages/server/benchmarks/contention.py --postgresql --seconds 60

S10. Eight writers and eight readers work for `--seconds` on two servers over one SQLite file, since
a server has one process there; on PostgreSQL on one server with two workers. Beside them are an
export whose client stops reading, a subscriber that does, and on SQLite a program of somebody
else's that keeps a transaction open for 5 seconds, again and again. Counts answers 5xx, words of
locks in what the servers log, and spans that were acknowledged and are not there: all must be 0,
else the exit code is 1. The journal beside the SQLite file is measured four times a second.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import sqlite3
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx
from bounds import Bound, count, pick, print_bounds
from listeners import SMALL_BUFFER_BYTES, open_socket
from loads import Sender, Tally, read, repeat, write
from sqlalchemy import Connection, select
from workload import NDJSON, dump_lines, make_call, make_payload

from agenttrace_server.storage.engine import open_database
from agenttrace_server.storage.tables import RUN

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from packages.server.tests.faults.nemeses import DURABLE
from packages.server.tests.support.postgres import PostgresServer
from packages.server.tests.support.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

WRITERS: Final = 8
READERS: Final = 8
BATCH: Final = 10
LIMIT_MS: Final = 10_000
"""After which a question is given up."""
RATE: Final = 20.0
"""Requests a second, of each writer and reader, if the machine bears it."""
HOLD_S: Final = 5.0
SAMPLE_S: Final = 0.25
WAL_MIB: Final = 64
LOCK_WORDS: Final = ("is locked", "deadlock", "could not obtain lock", "lock timeout")
LARGE_SPANS: Final = 400
LARGE_BYTES: Final = 50_000


def fill_large(url: str) -> str:
    """Store a run of 20 MB, which nobody reads to its end; return its id."""
    with httpx.Client(base_url=url, timeout=60) as client:
        for start in range(0, LARGE_SPANS, 50):
            spans = [
                make_call(0, n, input=make_payload(f"{n:08}" * (LARGE_BYTES // 8)))
                for n in range(start, start + 50)
            ]
            client.post("/api/ingest", content=dump_lines(spans), headers=NDJSON).raise_for_status()
    return str(make_call(0, 0)["run_id"])


@contextmanager
def stop_reading(url: str, run_id: str) -> Iterator[None]:
    """Ask for an export and read nothing of it; follow the run and read nothing of that."""
    address = urlsplit(url)
    with socket.socket() as export:
        export.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
        export.connect((address.hostname, address.port))
        export.sendall(b"GET /api/export/runs/%b HTTP/1.1\r\nHost: x\r\n\r\n" % run_id.encode())
        loop = asyncio.new_event_loop()
        follower = loop.run_until_complete(open_socket(url, run_id, None, is_slow=True))
        try:
            yield  # the loop stands still: nothing of the subscription is read
        finally:
            follower.transport.abort()
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()


@contextmanager
def hold_transactions(path: Path) -> Iterator[None]:
    """Read the file as another program may: in transactions that stay open for 5 seconds."""
    stop = threading.Event()

    def hold() -> None:
        driver = sqlite3.connect(path, isolation_level=None)
        while not stop.is_set():
            driver.execute("BEGIN")
            driver.execute("SELECT count(*) FROM run").fetchall()
            stop.wait(HOLD_S)
            driver.execute("COMMIT")
            stop.wait(HOLD_S)
        driver.close()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def watch_journal(path: Path, seconds: float) -> float:
    """Wait so long; return the largest size of the journal meanwhile, in MiB."""
    journal = path.with_name(path.name + "-wal")
    largest = 0
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        largest = max(largest, journal.stat().st_size if journal.exists() else 0)
        time.sleep(SAMPLE_S)
    return largest / 2**20


def play(urls: list[str], path: Path | None, seconds: float) -> tuple[Tally, Tally, float]:
    """Work for so long; return what the writers and the readers were told, and the journal."""
    writing, reading = Tally(), Tally()
    works = [
        (write(Sender(urls[n % len(urls)], writing), writing, n, BATCH), RATE)
        for n in range(WRITERS)
    ]
    works += [(read(Sender(urls[n % len(urls)], reading)), RATE) for n in range(READERS)]
    run_id = fill_large(urls[0])
    with ExitStack() as stack:
        stack.enter_context(stop_reading(urls[-1], run_id))
        if path is not None:
            stack.enter_context(hold_transactions(path))
        with repeat(works):
            journal_mib = watch_journal(path or Path("none"), seconds)
    return writing, reading, journal_mib


def count_missing(database_url: str, tally: Tally) -> int:
    """Return how many acknowledged spans are not in the store."""

    def look(connection: Connection) -> int:
        rows = connection.execute(select(RUN.c.run_id, RUN.c.spans))
        spans = {row.run_id: row.spans for row in rows}
        return sum(max(0, n - spans.get(run_id, 0)) for run_id, n in tally.stored.items())

    database = open_database(database_url)
    missing: int = asyncio.run(database.read(look))
    database.close()
    return missing


def measure(folder: Path, url: str | None, seconds: float) -> bool:
    """Start the servers, work, and print what came of it; return whether the counts are right."""
    flags = ("--workers", "2") if url else ()
    with ExitStack() as stack:
        servers = [
            stack.enter_context(ServerProcess(folder, *flags, database_url=url))
            for _ in range(1 if url else 2)
        ]
        path = None if url else servers[0].database
        writing, reading, journal_mib = play([each.url for each in servers], path, seconds)
        logs = [server.stop() for server in servers]
    lines = [line for _, log in logs for line in log.splitlines()]
    locks = [line for line in lines if any(word in line for word in LOCK_WORDS)]
    for line in (*locks[:5], *writing.complaints[:5], *reading.complaints[:5]):
        print(f"     {line}", file=sys.stderr)
    missing = count_missing(url or f"sqlite:///{path}", writing)
    bounds = [
        count("answers 5xx to writers", writing.faults),
        count("answers 5xx to readers", reading.faults),
        count("other answers than 200, or with errors", writing.unanswered + reading.unanswered),
        count(f"words of locks, in {len(lines)} logged lines", len(locks)),
        count("servers that ended with another code than 0", sum(code != 0 for code, _ in logs)),
        count(f"missing, of {writing.stored.total():,} acknowledged spans", missing),
    ]
    if path:
        bounds.append(Bound("MiB of the journal, at its largest", journal_mib, WAL_MIB))
    for what, tally in (("store", writing), ("read", reading)):
        times_ms = tally.list_times_ms(float("-inf"), float("inf"))
        shown = f"ms to {what}, p99 of {len(times_ms):,} (median {pick(times_ms, 0.5):.1f})"
        bounds.append(Bound(shown, pick(times_ms, 0.99), LIMIT_MS))
    kind = "one PostgreSQL, two workers" if url else "one SQLite file, two servers"
    title = f"S10  {WRITERS} writers and {READERS} readers for {seconds:.0f} s, {kind}"
    return print_bounds(title, bounds)


def main() -> int:
    """Measure what the command line asks for; 1 when a count is wrong."""
    parser = argparse.ArgumentParser(description="S10: writers and readers in each other's way")
    parser.add_argument("--postgresql", action="store_true", help="start one for this run")
    parser.add_argument("--seconds", type=float, default=600)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = None
        if options.postgresql:
            postgres = PostgresServer(**DURABLE)
            stack.callback(postgres.remove)
            url = postgres.make_database()
        return int(not measure(folder, url, options.seconds))


if __name__ == "__main__":
    sys.exit(main())
