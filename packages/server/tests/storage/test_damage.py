"""S14: a SQLite file that is damaged is refused at the start, by what is wrong and what to do."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection

from agenttrace_server.errors import StartError
from agenttrace_server.storage import damage
from agenttrace_server.storage.damage import find_damage
from agenttrace_server.storage.engine import Database, open_database
from agenttrace_server.storage.sqlite import PAGE_BYTES

from ..support.dialects import ON_SQLITE
from ..support.lines import check_records, make_payload, make_run, make_span
from ..support.own import append_records

SPANS = 300


async def _fill(path: Path) -> None:
    database = open_database(f"sqlite:///{path}")
    spans = [make_span(n, input=make_payload(f"{n} " * 100)) for n in range(SPANS)]
    await database.write(append_records, check_records([make_run(), *spans]))
    database.close()


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A file with some hundred spans, closed."""
    path = tmp_path / "agenttrace.db"
    asyncio.run(_fill(path))
    return path


def _find_page(path: Path, table: str) -> int:
    """Return where in the file the first page of a table begins."""
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        ((root,),) = connection.execute(query, (table,)).fetchall()
    return (int(root) - 1) * PAGE_BYTES


def _flip(path: Path, place: int, count: int) -> None:
    content = bytearray(path.read_bytes())
    content[place : place + count] = bytes(byte ^ 0xFF for byte in content[place : place + count])
    path.write_bytes(content)


def _refuse(path: Path) -> str:
    before = path.read_bytes()
    with pytest.raises(StartError) as caught:
        open_database(f"sqlite:///{path}")
    assert path.read_bytes() == before
    text = str(caught.value)
    assert text.startswith(f"DATABASE_URL: {path} is damaged or no SQLite database (")
    assert text.endswith("put a backup in its place with `agenttrace-server restore`")
    assert "\n" not in text
    return text


@pytest.mark.parametrize("table", ["run", "span", "payload", "change"])
def test_s14_flipped_bytes_of_a_table_are_refused(stored: Path, table: str) -> None:
    """Whatever the table: nothing is served from a file that is known to be wrong."""
    _flip(stored, _find_page(stored, table), 12)
    _refuse(stored)


def test_s14_flipped_bytes_of_the_head_are_refused(stored: Path) -> None:
    """It is no SQLite database any more."""
    _flip(stored, 0, 16)
    assert "file is not a database" in _refuse(stored)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_s14_a_file_that_was_cut_short_is_refused(stored: Path, share: float) -> None:
    """Within a page or between two."""
    content = stored.read_bytes()
    stored.write_bytes(content[: int(len(content) * share)])
    _refuse(stored)


@ON_SQLITE
async def test_s14_a_sound_file_is_looked_at_whole(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every table of it; each is asked for by its name."""
    asked: list[str] = []

    def note(connection: Connection) -> str | None:
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.set_trace_callback(asked.append)
        try:
            return find_damage(connection)
        finally:
            driver.set_trace_callback(None)

    assert await database.write(note) is None
    looked = [statement for statement in asked if "quick_check" in statement]
    assert len(looked) == len(set(looked))
    assert {"run", "span", "search_words_data"} <= {each.split("'")[1] for each in looked}


@ON_SQLITE
async def test_s14_a_large_file_is_looked_at_for_a_while(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the time is over it is good, as far as seen; the connection works on."""
    monkeypatch.setattr(damage, "_LOOK_STEPS", 1)
    assert await database.write(find_damage, limit_s=-1.0) is None
    await database.write(append_records, check_records([make_run()]))
