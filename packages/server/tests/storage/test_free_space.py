"""The space of deleted runs: a SQLite file gives it back, but for what is kept for the next."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from typing import Final

import pytest

from agenttrace_server.identity import DEFAULT_PROJECT
from agenttrace_server.services.deletion import DeletionService
from agenttrace_server.storage import deletion as storage
from agenttrace_server.storage.engine import Database, open_database
from agenttrace_server.storage.runs import read_runs
from agenttrace_server.storage.sqlite import PAGE_BYTES

from ..support.lines import Record, check_records, make_payload, make_run, make_run_id, make_span
from ..support.own import append_records

RUNS = 30
KEPT_PAGES = 16


@pytest.fixture(autouse=True)
def few_pages_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "KEPT_FREE_PAGES", KEPT_PAGES)


def _make_recording(number: int) -> list[Record]:
    """A run with 60 KiB that cannot be compressed."""
    text = random.Random(number).randbytes(30_000).hex()
    span = make_span(0, run=number, input=make_payload(text))
    return [make_run(number, status="COMPLETED", rev=1), span]


GONE: Final = [make_run_id(number) for number in range(1, RUNS)]


async def _fill(database: Database) -> None:
    for number in range(RUNS):
        await database.write(append_records, check_records(_make_recording(number)))


async def _delete_all_but_one(database: Database) -> None:
    service = DeletionService(database, on_commit=lambda _gone: None)
    await service.delete_runs(GONE, DEFAULT_PROJECT)
    await service.finish()


def _measure(path: Path) -> tuple[int, int]:
    """Return the size of a closed file in bytes, and its free pages."""
    driver = sqlite3.connect(path)
    ((free,),) = driver.execute("PRAGMA freelist_count").fetchall()
    ((verdict,),) = driver.execute("PRAGMA integrity_check").fetchall()
    driver.close()
    assert verdict == "ok"
    return path.stat().st_size, free


async def test_the_file_shrinks_when_runs_are_deleted(tmp_path: Path) -> None:
    path = tmp_path / "agenttrace.db"
    database = open_database(f"sqlite:///{path}")
    empty_bytes = _close_and_measure(database, path)
    database = open_database(f"sqlite:///{path}")
    await _fill(database)
    await _delete_all_but_one(database)
    assert [*await database.read(read_runs, [make_run_id(0)])] == [make_run_id(0)]
    database.close()
    size_bytes, free = _measure(path)
    assert free <= KEPT_PAGES
    assert size_bytes < empty_bytes + (KEPT_PAGES + 40) * PAGE_BYTES


async def test_one_step_has_an_end(tmp_path: Path) -> None:
    """The writer is not held until everything is given back."""
    database = open_database(f"sqlite:///{tmp_path / 'agenttrace.db'}")
    await _fill(database)
    service = DeletionService(database, on_commit=lambda _gone: None)
    await service.delete_runs(GONE, DEFAULT_PROJECT)
    while await database.read(storage.has_leftovers):
        await database.write(storage.take_step)
    clock = iter(range(100))
    before = await database.read(storage._count_free_pages)
    await database.write(storage.give_space_back, limit_s=5.0, mono_s=lambda: float(next(clock)))
    after = await database.read(storage._count_free_pages)
    database.close()
    assert before - 5 <= after < before


async def test_a_file_that_cannot_shrink_is_left_as_it_is(tmp_path: Path) -> None:
    """Of an earlier release: its free pages are used for what is stored next."""
    path = tmp_path / "agenttrace.db"
    open_database(f"sqlite:///{path}").close()
    driver = sqlite3.connect(path)
    driver.execute("PRAGMA journal_mode=DELETE")
    driver.execute("PRAGMA auto_vacuum=NONE")
    driver.execute("VACUUM")
    driver.close()
    database = open_database(f"sqlite:///{path}")
    await _fill(database)
    await _delete_all_but_one(database)
    assert not await database.read(storage.has_free_space)
    database.close()
    _, free = _measure(path)
    assert free > KEPT_PAGES


def _close_and_measure(database: Database, path: Path) -> int:
    database.close()
    return _measure(path)[0]
