"""What thousands of WebSockets that never say a word again cost the server and everybody else.

    python packages/server/benchmarks/idlers.py
    python packages/server/benchmarks/idlers.py --sockets 2000

F33. Opens `--sockets` WebSockets at once, as raw sockets of one process. Each that is let in sends
its first message, and then nothing: it answers no ping, as a client that is gone without a word. A
server bears 2,000 and refuses the others with 503. Meanwhile a question and a batch of records are
sent again and again. Counted are sockets that got no answer, or another one than 101 and 503; that
were open longer than a dead one may be; and files of the server that are left. All must be 0, else
the exit code is 1. It is done twice: memory that is kept for the next time is no leak. Times are of
this machine, which this program shares.
"""

from __future__ import annotations

import argparse
import resource
import selectors
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httpx
from bounds import Bound, count, pick, print_bounds
from fanout import HANDSHAKE, make_frame
from servers import run_server
from workload import NDJSON, dump_lines, make_call

if TYPE_CHECKING:
    from collections.abc import Callable

    from servers import Server

SPARE_FILES: Final = 200
MOST_S: Final = 40 + 5
"""A ping every 20 s, and 20 s for its answer; and what the server may take to notice."""
GIVE_UP_S: Final = 120
BATCH: Final = 250
INIT: Final = make_frame({"type": "connection_init"})
MIB_EACH: Final = 0.1


class Prober:
    """Somebody who goes on working: a question and a batch of records, in turn."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._times_ms: list[float] = []
        self.failures: list[str] = []
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._is_over.set()
        self._thread.join()

    def take_times(self) -> list[float]:
        """Return how long each request took since this was asked, in ms, sorted."""
        with self._lock:
            times, self._times_ms = self._times_ms, []
        return sorted(times)

    def _work(self) -> None:
        number = 0
        with httpx.Client(base_url=self._url, timeout=60) as client:
            while not self._is_over.wait(0.02):
                number += 1
                begin = time.perf_counter()
                if number % 2:
                    body = {"query": "{ runs { totalCount } }"}
                    answer = client.post("/graphql", json=body)
                else:
                    lines = dump_lines([make_call(0, number)])
                    answer = client.post("/api/ingest", content=lines, headers=NDJSON)
                with self._lock:
                    self._times_ms.append((time.perf_counter() - begin) * 1_000)
                if answer.status_code != httpx.codes.OK:
                    self.failures.append(answer.text)


class Crowd:
    """The sockets: what each was answered, and how long it was let in."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._address = (address.hostname or "", address.port or 0)
        self._selector = selectors.DefaultSelector()
        self.statuses: Counter[str] = Counter()
        self._opened: dict[socket.socket, float] = {}
        self._waiting: set[socket.socket] = set()
        self.open_s: list[float] = []
        """How long each was open that has been closed."""

    def open(self, number: int) -> None:
        """Open so many, some at a time, so that each waits in the line of the system."""
        while number:
            part = min(number, BATCH)
            for _ in range(part):
                plain = socket.create_connection(self._address, timeout=GIVE_UP_S)
                plain.sendall(HANDSHAKE)
                plain.setblocking(False)  # noqa: FBT003 -- the library's
                self._waiting.add(plain)
                self._selector.register(plain, selectors.EVENT_READ)
            number -= part
            self._read_until(lambda: not self._waiting, GIVE_UP_S)

    @property
    def size(self) -> int:
        """How many are open."""
        return len(self._opened)

    @property
    def unanswered(self) -> int:
        """How many were told nothing at all."""
        return len(self._waiting)

    def wait_for_end(self) -> None:
        """Wait until the server has closed them all; they say nothing."""
        self._read_until(lambda: not self._opened, GIVE_UP_S)

    def _read_until(self, holds: Callable[[], bool], most_s: float) -> None:
        deadline_s = time.monotonic() + most_s
        while not holds() and time.monotonic() < deadline_s:
            for key, _ in self._selector.select(1.0):
                assert isinstance(key.fileobj, socket.socket)
                self._read(key.fileobj)

    def _read(self, plain: socket.socket) -> None:
        try:
            data = plain.recv(65_536)
        except ConnectionError:
            data = b""
        if plain in self._waiting:
            self._waiting.discard(plain)
            status = data.split(b" ")[1].decode() if data.startswith(b"HTTP/1.1 ") else "nothing"
            self.statuses[status] += 1
            if status == "101":
                self._opened[plain] = time.monotonic()
                plain.sendall(INIT)
                return
            data = b""
        if not data:
            self._selector.unregister(plain)
            plain.close()
            if (opened_s := self._opened.pop(plain, None)) is not None:
                self.open_s.append(time.monotonic() - opened_s)


def count_files(server: Server) -> int:
    """Return how many files and sockets the server's process has open."""
    return sum(1 for _ in Path(f"/proc/{server.process_id}/fd").iterdir())


def _describe(what: str, times_ms: list[float], limit_ms: float) -> Bound:
    return Bound(f"{what}: 99 % of requests, ms", pick(times_ms, 0.99), limit_ms)


def measure(server: Server, number: int) -> bool:
    """Play it all; print it; return whether every count holds."""
    prober, crowd = Prober(server.url), Crowd(server.url)
    time.sleep(3)
    before, rss_mib, files = prober.take_times(), server.measure_rss_mib(), count_files(server)
    begin = time.monotonic()
    crowd.open(number)
    opening_s = time.monotonic() - begin
    opening, most = prober.take_times(), crowd.size
    grown_mib = server.measure_rss_mib() - rss_mib
    crowd.wait_for_end()
    idle = prober.take_times()
    once_mib = server.measure_rss_mib() - rss_mib
    again = Crowd(server.url)
    again.open(number)
    again.wait_for_end()
    time.sleep(2)
    after = Crowd(server.url)
    after.open(1)
    left = count_files(server) - files - 1
    twice_mib = server.measure_rss_mib() - rss_mib
    prober.close()
    after.wait_for_end()
    others = sum(n for status, n in crowd.statuses.items() if status not in ("101", "503"))
    base_ms = pick(before, 0.99)
    print(f"     answers {dict(crowd.statuses)}, {most:,} open, after {opening_s:.1f} s")
    return print_bounds(
        f"F33  {number:,} WebSockets that say nothing",
        [
            count("sockets without an answer", crowd.unanswered),
            count("answers that are neither 101 nor 503", others),
            count("requests of others that failed", len(prober.failures)),
            count("sockets that were never closed", crowd.size),
            count("sockets open longer than 45 s", sum(s > MOST_S for s in crowd.open_s)),
            count("new socket refused afterwards", 1 - after.statuses["101"]),
            count("files left open", max(0, left - 3)),
            Bound("the last of them was closed after, s", max(crowd.open_s, default=0), MOST_S),
            Bound("memory more with all of them, MiB", grown_mib, max(10, most * MIB_EACH)),
            Bound("of which it keeps, MiB", once_mib, max(10, most * MIB_EACH)),
            Bound("and keeps more after a second time, MiB", twice_mib - once_mib, 10),
            _describe("before", before, base_ms),
            _describe("while they come", opening, 10 * base_ms),
            _describe("while they are idle", idle, 2 * base_ms),
        ],
    )


def main() -> int:
    """Measure; 1 when a count is not 0."""
    parser = argparse.ArgumentParser(description="F33: thousands of idle WebSockets")
    parser.add_argument("--sockets", type=int, default=10_000)
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # the server's too: it inherits it
    if options.sockets + SPARE_FILES > most:
        print(f"this process may have {most} files: use --sockets {most - SPARE_FILES}")
        return 2
    with (
        tempfile.TemporaryDirectory() as folder,
        run_server(f"sqlite:///{folder}/idlers.db") as server,
    ):
        return int(not measure(server, options.sockets))


if __name__ == "__main__":
    sys.exit(main())
