"""The journal of a SQLite file stays small, whoever reads without a pause (S10)."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from agenttrace_server.storage import journal
from agenttrace_server.storage.engine import open_database

from ..support.lines import check_records, make_payload, make_run, make_span
from ..support.own import append_records

LARGE_BYTES = 400_000
COMMITS = 60
COMMIT_BYTES = 40_000


@pytest.fixture(autouse=True)
def a_small_journal_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "LARGE_BYTES", LARGE_BYTES)
    monkeypatch.setattr(journal, "PAUSE_S", 0.0)


@contextmanager
def read_without_pause(path: Path) -> Iterator[None]:
    """Read in two transactions that take turns: the next begins before the last one ends."""
    stop, has_begun = threading.Event(), threading.Event()

    def read() -> None:
        with ExitStack() as stack:
            drivers = [sqlite3.connect(path, isolation_level=None) for _ in range(2)]
            for driver in drivers:
                stack.callback(driver.close)
            last, following = drivers
            _begin(last)
            has_begun.set()
            while not stop.wait(0.002):
                _begin(following)
                last.execute("COMMIT")
                last, following = following, last

    thread = threading.Thread(target=read)
    thread.start()
    try:
        assert has_begun.wait(10)
        yield
    finally:
        stop.set()
        thread.join()


def _begin(driver: sqlite3.Connection) -> None:
    driver.execute("BEGIN")
    driver.execute("SELECT count(*) FROM run").fetchall()


async def test_readers_without_a_pause_do_not_let_it_grow(tmp_path: Path) -> None:
    """Each commit adds 40 kB to what 60 of them would leave in the journal."""
    path = tmp_path / "x.db"
    database = open_database(f"sqlite:///{path}")
    sizes = []
    with read_without_pause(path):
        for number in range(COMMITS):
            text = make_payload(f"{number:08}" * (COMMIT_BYTES // 8))
            records = check_records([make_run(number), make_span(0, run=number, input=text)])
            await database.write(append_records, records)
            sizes.append(path.with_name("x.db-wal").stat().st_size)
    database.close()
    assert max(sizes) < 2 * LARGE_BYTES
