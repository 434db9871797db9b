"""Sending: spans a second (P5), requests a second (P6), from sent to heard (P7)."""

from __future__ import annotations

import json
import socket
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx
from websockets.sync.client import connect
from websockets.typing import Subprotocol
from workload import NDJSON, dump_lines, make_call

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH: Final = 1_000
BATCHES: Final = 40
SENDERS: Final = 8
SINGLES: Final = 400
MESSAGES: Final = 200
EVENTS: Final = """subscription($id: ID!) { runEvents(runId: $id) { cursor events { __typename
    ... on SpanStarted { span { spanId } } } } }"""


class Connection:
    """A connection that sends bodies and reads how they were taken, and does little else.

    A client with more comfort costs more of the machine's two cores than the server does.
    """

    def __init__(self, url: str) -> None:
        self._address = (urlsplit(url).hostname or "", urlsplit(url).port or 80)
        self._socket = socket.create_connection(self._address, timeout=60)
        self._read = self._socket.makefile("rb")

    def send(self, body: bytes) -> None:
        """Send a body; return when its records are on disk."""
        self._socket.sendall(_HEAD % (b"%s:%d" % (self._address[0].encode(), self._address[1]),
                                      len(body)) + body)  # fmt: skip
        status = self._read.readline()
        length = 0
        while (line := self._read.readline()) != b"\r\n":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        answer = self._read.read(length)
        assert b" 200 " in status, (status, answer)
        assert b'"rejected":0' in answer, answer

    def close(self) -> None:
        """Close it."""
        self._read.close()
        self._socket.close()


_HEAD: Final = (
    b"POST /api/ingest HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-ndjson\r\n"
    b"Content-Length: %d\r\n\r\n"
)


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
    took_s = _deliver(url, [bodies[n::senders] for n in range(senders)])
    return BATCH * BATCHES / took_s


def measure_singles(url: str, *, first_run: int) -> float:
    """Return requests a second of eight senders with one span a request."""
    bodies = [
        [dump_lines([make_call(first_run + sender, n)]) for n in range(SINGLES)]
        for sender in range(SENDERS)
    ]
    return SENDERS * SINGLES / _deliver(url, bodies)


def _deliver(url: str, shares: list[list[bytes]]) -> float:
    """Send the bodies of each share over a connection of its own, all at once; return seconds."""

    def deliver(share: list[bytes]) -> None:
        connection = Connection(url)
        for body in share:
            connection.send(body)
        connection.close()

    return _run_all([partial(deliver, share) for share in shares])


def measure_live(url: str, *, run: int) -> tuple[float, float]:
    """Return median and 95th percentile of milliseconds from sending a span to hearing of it."""
    delays_ms = []
    run_id = make_call(run, 0)["run_id"]
    address = url.replace("http", "ws", 1) + "/graphql"
    protocol = Subprotocol("graphql-transport-ws")
    with (
        httpx.Client(base_url=url, timeout=60) as client,
        connect(address, subprotocols=[protocol]) as followed,
    ):
        send(client, dump_lines([make_call(run, 0)]))  # of an unknown run there is nothing to hear
        followed.send('{"type": "connection_init"}')
        followed.recv()
        payload = {"query": EVENTS, "variables": {"id": run_id}}
        followed.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        followed.recv()
        for n in range(1, MESSAGES + 1):
            body = dump_lines([make_call(run, n, status="STARTED", rev=0)])
            begin = time.perf_counter()
            sender = threading.Thread(target=send, args=(client, body))
            sender.start()
            followed.recv()
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
