"""What the server does beside what SQLite alone does, in the same run: figures, no verdicts.

    python packages/server/benchmarks/ingest.py

Starts a server as users do, over a database in a temporary folder, and prints a table.
Absolute figures move with the machine and its load; what counts is the ratio to the floor.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from websockets.sync.client import connect
from websockets.typing import Subprotocol

if TYPE_CHECKING:
    from collections.abc import Iterator

START_NS = 1_790_000_000_000_000_000
BATCH = 1_000
BATCHES = 20
SENDERS = 8
SINGLES = 100
TREE_SPANS = 10_000
MESSAGES = 200
NDJSON = {"content-type": "application/x-ndjson"}
TREE = """query($id: ID!) { run(id: $id) { spanTree { id spanId parentSpanId name type status
    startTime offsetMs durationMs depth seq model } } }"""
LIST = """{ runs(first: 50) { edges { node { id name status startTime durationMs
    totals { spans totalTokens costUsd } } } } }"""
EVENTS = """subscription($id: ID!) { runEvents(runId: $id) { cursor events { __typename
    ... on SpanStarted { span { spanId } } } } }"""


def make_span(run: int, number: int, **fields: Any) -> dict[str, Any]:
    """Return a call of a model with 200 bytes of input and 500 of output."""
    start_ns = START_NS + number * 1_000
    span: dict[str, Any] = {
        "v": 1, "type": "span", "run_id": f"{run + 1:032x}",
        "span_id": f"{random.getrandbits(64) or 1:016x}",
        "rev": 1, "name": f"call {number % 10}", "span_type": "LLM_CALL", "status": "COMPLETED",
        "start_ns": start_ns, "end_ns": start_ns + 500, "duration_ns": 500, "seq": number,
        "lane": 0, "effect": "read", "model": "gpt-4",
        "usage": {"prompt_tokens": 10, "completion_tokens": 20, "source": "reported"},
        "cost": {"usd": "0.00123", "source": "rates"},
        "input": {"value": {"q": "x" * 200}, "codec": "json", "fidelity": "exact"},
        "output": {"value": "y" * 500, "codec": "json", "fidelity": "exact"},
    }  # fmt: skip
    return {**span, **fields}


def dump(records: list[dict[str, Any]]) -> bytes:
    """Return records as NDJSON."""
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


@contextmanager
def run_server(folder: Path) -> Iterator[tuple[str, float]]:
    """Start a server; yield its URL and the seconds to its first answer; stop it."""
    begin = time.perf_counter()
    command = [sys.executable, "-c", "from agenttrace_server.cli import main; main()", "serve"]
    process = subprocess.Popen(  # noqa: S603 -- this interpreter, our program
        [*command, "--port", "0", "--database-url", f"sqlite:///{folder / 'bench.db'}"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = next(line.split()[1] for line in process.stdout if "Dashboard" in line)
    httpx.get(f"{url}/healthz").raise_for_status()
    try:
        yield url, time.perf_counter() - begin
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        process.stdout.close()


def measure_floor(folder: Path) -> float:
    """Return rows a second that plain SQLite commits, 1,000 a time, one table, two indexes."""
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE s (a, b, c, d, e, f, PRIMARY KEY (a, b)) WITHOUT ROWID")
    connection.execute("CREATE INDEX s_c ON s (a, c, b)")
    connection.execute("CREATE INDEX s_d ON s (a, d, c, b)")
    begin = time.perf_counter()
    for batch in range(BATCHES):
        rows = [(f"{batch:032x}", os.urandom(8).hex(), n, n // 4, "x" * 300, "y" * 500)
                for n in range(BATCH)]  # fmt: skip
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO s VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
    seconds = time.perf_counter() - begin
    connection.close()
    return BATCH * BATCHES / seconds


def measure_batches(client: httpx.Client) -> float:
    """Return spans a second, in batches of 1,000, until committed."""
    bodies = [dump([make_span(run, n) for n in range(BATCH)]) for run in range(BATCHES)]
    begin = time.perf_counter()
    for body in bodies:
        client.post("/api/ingest", content=body, headers=NDJSON).raise_for_status()
    return BATCH * BATCHES / (time.perf_counter() - begin)


def measure_singles(url: str) -> float:
    """Return requests a second of eight senders with one span a request."""

    def send(sender: int) -> None:
        with httpx.Client(base_url=url) as client:
            for n in range(SINGLES):
                body = dump([make_span(100 + sender, n)])
                client.post("/api/ingest", content=body, headers=NDJSON).raise_for_status()

    threads = [threading.Thread(target=send, args=(n,)) for n in range(SENDERS)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return SENDERS * SINGLES / (time.perf_counter() - begin)


def measure_live(url: str, client: httpx.Client) -> tuple[float, float]:
    """Return median and 95th percentile of milliseconds from sending a span to hearing of it."""
    run, delays_ms = 500, []
    address = url.replace("http", "ws", 1) + "/graphql"
    with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:
        socket.send('{"type": "connection_init"}')
        socket.recv()
        payload = {"query": EVENTS, "variables": {"id": f"{run + 1:032x}"}}
        socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        socket.recv()
        for n in range(MESSAGES):
            body = dump([make_span(run, n, status="STARTED", rev=0)])
            begin = time.perf_counter()
            sender = threading.Thread(
                target=client.post,
                args=("/api/ingest",),
                kwargs={"content": body, "headers": NDJSON},
            )
            sender.start()
            socket.recv()
            delays_ms.append((time.perf_counter() - begin) * 1e3)
            sender.join()
    return statistics.median(delays_ms), statistics.quantiles(delays_ms, n=20)[-1]


def measure_query(client: httpx.Client, query: str, **variables: Any) -> tuple[float, int]:
    """Return the best milliseconds of ten answers, and the answer's bytes."""
    best_ms, size = float("inf"), 0
    for _ in range(10):
        begin = time.perf_counter()
        answer = client.post("/graphql", json={"query": query, "variables": variables})
        best_ms = min(best_ms, (time.perf_counter() - begin) * 1e3)
        assert "errors" not in answer.json(), answer.text[:500]
        size = len(answer.content)
    return best_ms, size


def measure_tree_floor(database: Path, run_id: str) -> float:
    """Return the best milliseconds in which SQLite alone builds the tree's columns as JSON."""
    query = (
        "SELECT json_group_array(json_array(span_id, parent_span_id, name, span_type, status, "
        "start_ns, duration_ns, seq, model)) FROM span WHERE run_id = ? ORDER BY seq"
    )
    connection = sqlite3.connect(database)
    best_ms = float("inf")
    for _ in range(10):
        begin = time.perf_counter()
        connection.execute(query, (run_id,)).fetchone()
        best_ms = min(best_ms, (time.perf_counter() - begin) * 1e3)
    connection.close()
    return best_ms


def fill_tree(client: httpx.Client, run: int) -> str:
    """Store a run of 10,000 spans; return its id."""
    for first in range(0, TREE_SPANS, BATCH):
        spans = [make_span(run, n) for n in range(first, first + BATCH)]
        client.post("/api/ingest", content=dump(spans), headers=NDJSON).raise_for_status()
    return f"{run + 1:032x}"


def main() -> None:
    """Measure everything and print it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows: list[tuple[str, str, str, str]] = []
        with run_server(folder) as (url, start_s), httpx.Client(base_url=url, timeout=60) as client:
            rows.append(("P13", "start to the first answer", f"{start_s:.2f} s", ""))
            floor = measure_floor(folder)
            batches = measure_batches(client)
            rows.append(("P5", "ingest, batches of 1,000", f"{batches:,.0f} spans/s",
                         f"{floor:,.0f} rows/s into one plain table"))  # fmt: skip
            rows.append(("P6", "ingest, one span a request, 8 senders",
                         f"{measure_singles(url):,.0f} requests/s", ""))  # fmt: skip
            p50_ms, p95_ms = measure_live(url, client)
            rows.append(("P7", "sent to heard, p50 and p95", f"{p50_ms:.1f} / {p95_ms:.1f} ms", ""))
            run_id = fill_tree(client, 900)
            tree_ms, size = measure_query(client, TREE, id=run_id)
            tree_floor_ms = measure_tree_floor(folder / "bench.db", run_id)
            rows.append(("P8", f"tree of 10,000 spans, {size / 1e6:.1f} MB", f"{tree_ms:.0f} ms",
                         f"{tree_floor_ms:.0f} ms: JSON built by SQLite"))  # fmt: skip
            list_ms, _ = measure_query(client, LIST)
            rows.append(("P9", "newest 50 runs with totals", f"{list_ms:.1f} ms", ""))
        for row, what, figure, beside in rows:
            print(f"{row:<4} {what:<40} {figure:>20}   {beside}")


if __name__ == "__main__":
    main()
