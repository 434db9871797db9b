"""C42, C43: who can read the files of a store, and that a deleted run is not in them any more."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from agenttrace_server.identity import DEFAULT_PROJECT
from agenttrace_server.services.deletion import DeletionService
from agenttrace_server.storage import erasure
from agenttrace_server.storage.engine import Database, open_database
from agenttrace_server.storage.search import apply_work, read_work

from ..support.lines import (
    Record,
    check_records,
    make_call,
    make_event,
    make_payload,
    make_run,
    make_run_id,
    make_span_id,
)
from ..support.own import append_records

MARKER = "xyzzyplantedmarker"
LONG = " ".join(f"{MARKER}{n}" for n in range(3_000))


def _make_recording(run: int, text: str) -> list[Record]:
    return [
        make_run(run, name=text[:100], tags=[text[:50]], input=make_payload(text)),
        *(make_call(n, run=run, output=make_payload(f"{text} {n}")) for n in range(20)),
        make_event(90, run=run, body=make_payload(text)),
    ]


async def _store(database: Database, records: list[Record]) -> None:
    await database.write(append_records, check_records(records))
    work = await database.read(read_work)
    await database.write(apply_work, work)


def _find_marker(folder: Path) -> list[str]:
    """Return the files in which the marker is, in any case."""
    return sorted(
        path.name for path in folder.iterdir() if MARKER.encode() in path.read_bytes().lower()
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Database]:
    """A SQLite store that stays open."""
    database = open_database(f"sqlite:///{tmp_path / 'agenttrace.db'}")
    yield database
    database.close()


async def test_c43_nothing_of_a_deleted_run_is_in_any_file(store: Database, tmp_path: Path) -> None:
    """Neither in the file, its index of words and its free pages, nor in the journal."""
    await _store(store, _make_recording(0, "kept " * 50))
    await _store(store, _make_recording(1, LONG))
    await _store(store, _make_recording(2, "kept too " * 50))
    assert _find_marker(tmp_path) != []
    service = DeletionService(store, on_commit=lambda _gone: None)
    await service.delete_run(make_run_id(1), DEFAULT_PROJECT)
    await service.finish()
    assert _find_marker(tmp_path) == []
    assert "agenttrace.db-wal" in _read_modes(tmp_path)
    await _store(store, _make_recording(3, "and on " * 50))


async def test_c43_erasing_has_an_end_while_records_come_in(
    store: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is indexed meanwhile does not begin it anew, and is no part of it."""
    monkeypatch.setattr(erasure, "MERGE_PAGES", 4)
    await _store(store, _make_recording(1, LONG))
    await _store(store, _make_recording(2, "kept too " * 50))
    service = DeletionService(store, on_commit=lambda _gone: None)
    await service.delete_run(make_run_id(1), DEFAULT_PROJECT)
    steps: list[bool] = []
    merge = erasure._merge

    def merge_and_count(connection: Connection, pages: int) -> bool:
        steps.append(merge(connection, pages))
        return steps[-1]

    monkeypatch.setattr(erasure, "_merge", merge_and_count)
    take_turn = DeletionService._take_turn

    async def take_and_store(self: DeletionService, step: Callable[[Any], Any]) -> Any:
        assert len(steps) < 500, "it never ends"
        if steps:
            await _store(store, _make_recording(10 + len(steps), f"word{len(steps)} " * 30))
        return await take_turn(self, step)

    monkeypatch.setattr(DeletionService, "_take_turn", take_and_store)
    await service.finish()
    assert len(steps) > 1
    assert _find_marker(tmp_path) == []


async def test_c43_what_a_reader_holds_goes_when_it_lets_go(
    store: Database, tmp_path: Path
) -> None:
    """Nobody waits for it, and it is tried again."""
    await _store(store, _make_recording(1, LONG))
    service = DeletionService(store, on_commit=lambda _gone: None)
    with closing(sqlite3.connect(tmp_path / "agenttrace.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM run").fetchall()
        await service.delete_run(make_run_id(1), DEFAULT_PROJECT)
        await service.finish()
        await _store(store, _make_recording(2, "kept"))
        reader.execute("COMMIT")
        await service.finish()
    assert _find_marker(tmp_path) == []


async def test_c43_what_was_replaced_is_not_kept(store: Database, tmp_path: Path) -> None:
    """A text that a later snapshot overruled goes with its run, too."""
    span = make_call(5, run=1, output=make_payload(LONG))
    await _store(store, [*_make_recording(1, "first"), span])
    newer = make_call(5, run=1, rev=9, output=make_payload("new"))
    assert newer["span_id"] == make_span_id(5)
    await _store(store, [newer])
    service = DeletionService(store, on_commit=lambda _gone: None)
    await service.delete_run(make_run_id(1), DEFAULT_PROJECT)
    await service.finish()
    assert _find_marker(tmp_path) == []


@pytest.fixture
def open_umask() -> Iterator[None]:
    """New files are everyone's, unless their maker says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


def _read_modes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): oct(stat.S_IMODE(path.stat().st_mode))
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.usefixtures("open_umask")
async def test_c42_a_new_store_is_its_owners_alone(tmp_path: Path) -> None:
    """The file, its journal and the folders that were made for them."""
    database = open_database(f"sqlite:///{tmp_path / 'a' / 'b' / 'agenttrace.db'}")
    await database.write(append_records, check_records([make_run()]))
    assert _read_modes(tmp_path) == {
        "a": "0o700",
        "a/b": "0o700",
        "a/b/agenttrace.db": "0o600",
        "a/b/agenttrace.db-shm": "0o600",
        "a/b/agenttrace.db-wal": "0o600",
    }
    database.close()


@pytest.mark.usefixtures("open_umask")
def test_c42_a_file_that_everyone_can_read_is_closed_to_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What an earlier release made; a group that was given it keeps it, and it is said."""
    caplog.set_level(logging.WARNING)
    path = tmp_path / "agenttrace.db"
    open_database(f"sqlite:///{path}").close()
    path.chmod(0o664)
    database = open_database(f"sqlite:///{path}")
    assert _read_modes(tmp_path)["agenttrace.db"] == "0o660"
    database.close()
    assert caplog.messages == [f"everyone could use {path}; now its owner and group can"]
