"""Opening the store."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from agenttrace_server.errors import StartError
from agenttrace_server.storage.engine import Database, open_database

from ..support.dialects import ON_SQLITE


def _read_pragmas(connection: Connection) -> dict[str, object]:
    names = ("journal_mode", "synchronous", "busy_timeout", "journal_size_limit")
    return {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in names}


@ON_SQLITE
async def test_a_commit_is_on_disk_before_it_is_answered(database: Database) -> None:
    """The journal is written ahead and synced at every commit (2 is FULL)."""
    assert await database.write(_read_pragmas) == {
        "journal_mode": "wal",
        "synchronous": 2,
        "busy_timeout": 5000,
        "journal_size_limit": 64 * 1024 * 1024,
    }


async def test_reading_connections_cannot_write(database: Database) -> None:
    """A query that writes is refused by the database itself."""
    with pytest.raises(DBAPIError, match=r"readonly|read-only"):
        await database.read(lambda connection: connection.exec_driver_sql("DELETE FROM run"))


def test_closing_folds_the_journal_into_the_file(tmp_path: Path) -> None:
    """After a stop there is one file to copy."""
    open_database(f"sqlite:///{tmp_path / 'x.db'}").close()
    assert [path.name for path in tmp_path.iterdir()] == ["x.db"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql+asyncpg://u:secret@", "names no database"),
        ("postgresql+psycopg://u:secret@h/d", "has the driver 'postgresql.psycopg'"),
        ("postgresql://u@h/d?password=secret", "has options other than sslmode"),
        (
            "postgresql://u:secret@127.0.0.1:1/d",
            "://u:...@127.0.0.1:1/d: Connect.* that the server runs",
        ),
        ("mysql://u:secret@h/d", "expected sqlite"),
        ("sqlite://", "a file: what is acknowledged is on disk"),
        ("sqlite:///:memory:", "a file: what is acknowledged is on disk"),
        ("u:secret nonsense", "is not a database URL"),
        ("sqlite:///x.db?mode=ro&key=secret", "'sqlite:///x.db' with options; expected"),
        ("sqlite+pysqlite:///x.db", "without options, host or other driver"),
        ("sqlite+pysqlcipher://:secret@/x.db", "without options, host or other driver"),
        ("sqlite://somewhere/x.db", "without options, host or other driver"),
        ("sqlite:///file:x.db", "without options, host or other driver"),
        ("sqlite:////proc/nowhere/x.db", "cannot make the folder /proc/nowhere"),
        ("sqlite:////proc/x.db", "cannot use /proc/x.db"),
    ],
)
def test_a_url_that_cannot_be_used_is_named(url: str, message: str) -> None:
    """One line says what is wrong and how to mend it, and shows no password."""
    with pytest.raises(StartError, match=message) as caught:
        open_database(url)
    assert "DATABASE_URL" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_url_that_is_refused_makes_no_file(tmp_path: Path) -> None:
    """Nothing with an odd name is left in the folder."""
    for url in ("sqlite:///x.db?mode=ro", "sqlite:///file:x.db", "sqlite+pysqlite:///x.db"):
        with pytest.raises(StartError):
            open_database(url)
    assert list(tmp_path.iterdir()) == []


def _write_notes(path: Path) -> None:
    path.write_text("dear diary, " * 100)


def _write_damaged(path: Path) -> None:
    open_database(f"sqlite:///{path}").close()
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 8192)


@pytest.mark.parametrize(
    ("write", "problem"),
    [
        (_write_notes, "file is not a database"),
        (_write_damaged, "database disk image is malformed"),
    ],
)
def test_a_file_that_is_no_database_is_left_alone(
    tmp_path: Path, write: Callable[[Path], None], problem: str
) -> None:
    """What cannot be read is not overwritten, and the way out is another than a path's."""
    path = tmp_path / "x.db"
    write(path)
    before = path.read_bytes()
    with pytest.raises(StartError) as caught:
        open_database(f"sqlite:///{path}")
    assert str(caught.value) == (
        f"DATABASE_URL: {path} is damaged or no SQLite database ({problem}). It is left as it is: "
        "move it away, and put a backup in its place with `agenttrace-server restore`"
    )
    assert path.read_bytes() == before
