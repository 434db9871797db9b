"""Acknowledged is on disk: the ledger.

A client notes each record's id before it sends it and again when it was acknowledged. After the
server was killed, every acknowledged id must be stored, once and as it was sent, and nothing that
was never sent may be there.
"""

from __future__ import annotations

import random
import sqlite3
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from .support.client import NDJSON
from .support.lines import dump_lines, make_payload, make_run, make_run_id, make_span
from .support.process import ServerProcess

KILLS = 5
SENDERS = 4
TIMEOUT_S = 30


class Ledger:
    """What was attempted and what was acknowledged, by number of span."""

    def __init__(self) -> None:
        self.attempted: set[int] = set()
        self.acknowledged: set[int] = set()
        self.lock = threading.Lock()
        self.next = 0

    def send_until_dead(self, url: str, enough: threading.Event, goal: int) -> None:
        """Send batches until the server is gone; ring when there were enough."""
        with httpx.Client(base_url=url, timeout=TIMEOUT_S) as client:
            while True:
                numbers = self._take(20)
                body = dump_lines(
                    [make_run(), *(make_span(n, output=make_payload(n)) for n in numbers)]
                )
                try:
                    answer = client.post("/api/ingest", content=body, headers=NDJSON)
                except httpx.TransportError:
                    return
                assert answer.json()["accepted"] == 21
                with self.lock:
                    self.acknowledged.update(numbers)
                    if len(self.acknowledged) >= goal:
                        enough.set()

    def _take(self, count: int) -> list[int]:
        with self.lock:
            numbers = list(range(self.next, self.next + count))
            self.next += count
            self.attempted.update(numbers)
        return numbers


def _read_stored(path: Path) -> tuple[dict[int, Any], int]:
    """Return what the file holds, and the kept sum of spans."""
    connection = sqlite3.connect(path)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        query = (
            "SELECT span.seq, payload.value_json FROM span JOIN payload "
            "ON payload.run_id = span.run_id AND payload.span_id = span.span_id"
        )
        rows = connection.execute(query).fetchall()
        stored = dict(rows)
        assert len(stored) == len(rows)
        run = "SELECT spans FROM run WHERE run_id = ?"
        kept = connection.execute(run, (make_run_id(0),)).fetchone()
    finally:
        connection.close()
    return stored, kept[0] if kept else 0


@pytest.mark.parametrize("seed", [20260921])
def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path: Path, seed: int) -> None:
    """Killed under load again and again, at random moments: 0 lost, 0 phantom, 0 changed."""
    rng = random.Random(seed)
    ledger = Ledger()
    for _ in range(KILLS):
        server = ServerProcess(tmp_path)
        enough = threading.Event()
        goal = len(ledger.acknowledged) + rng.randint(50, 1_500)
        senders = [
            threading.Thread(target=ledger.send_until_dead, args=(server.url, enough, goal))
            for _ in range(SENDERS)
        ]
        for sender in senders:
            sender.start()
        assert enough.wait(TIMEOUT_S)
        server.kill()
        for sender in senders:
            sender.join(TIMEOUT_S)
            assert not sender.is_alive()
    stored, kept = _read_stored(tmp_path / "agenttrace.db")
    lost = ledger.acknowledged - stored.keys()
    phantom = stored.keys() - ledger.attempted
    changed = {n for n, text in stored.items() if text != str(n)}
    assert (lost, phantom, changed) == (set(), set(), set())
    assert kept == len(stored)
    assert len(ledger.acknowledged) >= KILLS * 50
