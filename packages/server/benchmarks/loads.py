"""Writers and readers at work: what each request was answered, and how long it took."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import orjson
from reads import LIST, USAGE
from workload import NDJSON, dump_lines, make_call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SPANS_A_RUN: Final = 500
TIMEOUT_S: Final = 20
FAULT: Final = 500
OK: Final = 200
DETAIL: Final = """query($id: ID!) { run(id: $id) { status spans(first: 100) { edges { node {
    name status input { value } output { value } } } } } }"""


@dataclass
class Tally:
    """What became of the requests of one kind, of all threads."""

    statuses: Counter[int] = field(default_factory=Counter)
    times_s: list[tuple[float, float]] = field(default_factory=list)
    """When each was sent, and how long it took."""
    complaints: list[str] = field(default_factory=list)
    stored: Counter[str] = field(default_factory=Counter)
    """Spans that were acknowledged, by run."""

    @property
    def faults(self) -> int:
        """Return how many answers were the server's fault."""
        return sum(number for status, number in self.statuses.items() if status >= FAULT)

    @property
    def unanswered(self) -> int:
        """Return how many requests had no answer, another one than 200, or one with an error."""
        return self.statuses.total() - self.statuses[OK] - self.faults + len(self.complaints)

    def list_times_ms(self, begin_s: float, end_s: float) -> list[float]:
        """Return how long those took that were sent then, sorted."""
        return sorted(1_000 * took for sent, took in self.times_s if begin_s <= sent < end_s)


class Sender:
    """A connection of its own to a server."""

    def __init__(self, url: str, tally: Tally) -> None:
        address = urlsplit(url)
        self._connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=TIMEOUT_S
        )
        self._tally = tally

    def post(self, path: str, body: bytes, headers: dict[str, str]) -> bytes | None:
        """Send a body; return the answer, or None when it is not 200 or there is none."""
        begin_s = time.perf_counter()
        try:
            self._connection.request("POST", path, body, headers)
            answer = self._connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            self._tally.complaints.append(f"no answer: {error!r}")
            return None
        self._tally.times_s.append((begin_s, time.perf_counter() - begin_s))
        self._tally.statuses[answer.status] += 1
        return text if answer.status == OK else None

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Ask a question of GraphQL; return its data."""
        body = orjson.dumps({"query": query, "variables": variables})
        text = self.post("/graphql", body, {"content-type": "application/json"})
        answer = orjson.loads(text or b"{}")
        if "errors" in answer:
            self._tally.complaints.append(str(answer["errors"])[:300])
        return answer.get("data") or {}


def make_live_id(number: int) -> str:
    """Return the id of a run that begins now: a UUIDv7."""
    return f"{time.time_ns() // 10**6:012x}70008{number:015x}"


def write(sender: Sender, tally: Tally, number: int, batch: int) -> Callable[[], None]:
    """Return what stores the next spans of a run that goes on; after 500 another begins."""
    sent = 0
    run_id = make_live_id(number)

    def send() -> None:
        nonlocal sent, run_id
        if sent >= SPANS_A_RUN:
            sent, run_id = 0, make_live_id(number)
        start_ns = time.time_ns()
        spans = [
            make_call(0, sent + n, run_id=run_id, start_ns=start_ns, end_ns=start_ns + 500)
            for n in range(batch)
        ]
        sent += batch
        text = sender.post("/api/ingest", dump_lines(spans), NDJSON)
        if text is not None:
            tally.stored[run_id] += batch - int(orjson.loads(text)["rejected"])

    return send


def read(sender: Sender) -> Callable[[], None]:
    """Return what asks the next of the questions of a list and of a page."""
    turn = 0

    def ask() -> None:
        nonlocal turn
        turn += 1
        if turn % 8 == 0:
            sender.ask(USAGE)
            return
        edges = sender.ask(LIST).get("runs", {}).get("edges", [])
        if edges:
            sender.ask(DETAIL, id=edges[turn % len(edges)]["node"]["id"])

    return ask


@contextmanager
def repeat(works: Sequence[tuple[Callable[[], None], float]]) -> Iterator[None]:
    """Do each work again and again, so many times a second, on a thread of its own.

    Raises:
        Exception: what one of them raised.

    """
    stop = threading.Event()
    failures: list[Exception] = []

    def go_on(work: Callable[[], None], rate: float) -> None:
        due_s = time.perf_counter()
        try:
            while not stop.is_set():
                work()
                due_s = max(due_s + 1 / rate, time.perf_counter() - 1)
                stop.wait(max(0.0, due_s - time.perf_counter()))
        except Exception as error:  # noqa: BLE001 -- raised below, where it is seen
            failures.append(error)

    threads = [threading.Thread(target=go_on, args=each, daemon=True) for each in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(2 * TIMEOUT_S)
    if failures:
        raise failures[0]
