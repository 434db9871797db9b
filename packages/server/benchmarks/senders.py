"""Sending: spans a second (P5), requests a second (P6), from sent to heard (P7)."""

from __future__ import annotations

import json
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

import httpx
from websockets.sync.client import connect
from websockets.typing import Subprotocol
from workload import NDJSON, dump_lines, make_call

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BATCH: Final = 1_000
BATCHES: Final = 40
SENDERS: Final = 8
SINGLES: Final = 100
MESSAGES: Final = 200
EVENTS: Final = """subscription($id: ID!) { runEvents(runId: $id) { cursor events { __typename
    ... on SpanStarted { span { spanId } } } } }"""


def send(client: httpx.Client, body: bytes) -> None:
    """Send a body; return when its records are on disk."""
    answer = client.post("/api/ingest", content=body, headers=NDJSON)
    assert answer.status_code == 200, answer.text  # noqa: PLR2004 -- HTTP's number
    assert not answer.json()["rejected"], answer.text


def measure_batches(url: str, *, first_run: int, senders: int = 2) -> float:
    """Return spans a second of a few senders, in batches of 1,000, until all are on disk."""
    bodies = [
        dump_lines([make_call(first_run + run, n) for n in range(BATCH)]) for run in range(BATCHES)
    ]

    def deliver(share: Sequence[bytes]) -> None:
        with httpx.Client(base_url=url, timeout=60) as client:
            for body in share:
                send(client, body)

    took_s = _run_all([lambda part=bodies[n::senders]: deliver(part) for n in range(senders)])
    return BATCH * BATCHES / took_s


def measure_singles(url: str, *, first_run: int) -> float:
    """Return requests a second of eight senders with one span a request."""

    def deliver(sender: int) -> None:
        with httpx.Client(base_url=url, timeout=60) as client:
            for n in range(SINGLES):
                send(client, dump_lines([make_call(first_run + sender, n)]))

    took_s = _run_all([lambda n=n: deliver(n) for n in range(SENDERS)])
    return SENDERS * SINGLES / took_s


def measure_live(url: str, *, run: int) -> tuple[float, float]:
    """Return median and 95th percentile of milliseconds from sending a span to hearing of it."""
    delays_ms = []
    run_id = make_call(run, 0)["run_id"]
    address = url.replace("http", "ws", 1) + "/graphql"
    protocol = Subprotocol("graphql-transport-ws")
    with (
        httpx.Client(base_url=url, timeout=60) as client,
        connect(address, subprotocols=[protocol]) as socket,
    ):
        send(client, dump_lines([make_call(run, 0)]))  # of an unknown run there is nothing to hear
        socket.send('{"type": "connection_init"}')
        socket.recv()
        payload = {"query": EVENTS, "variables": {"id": run_id}}
        socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        socket.recv()
        for n in range(1, MESSAGES + 1):
            body = dump_lines([make_call(run, n, status="STARTED", rev=0)])
            begin = time.perf_counter()
            sender = threading.Thread(target=send, args=(client, body))
            sender.start()
            socket.recv()
            delays_ms.append((time.perf_counter() - begin) * 1e3)
            sender.join()
    return statistics.median(delays_ms), statistics.quantiles(delays_ms, n=20)[-1]


def _run_all(works: list[Callable[[], None]]) -> float:
    """Run everything at once; return the seconds until all have ended.

    Raises:
        Exception: what one of them raised.

    """
    begin = time.perf_counter()
    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(work) for work in works]:
            done.result()
    return time.perf_counter() - begin
