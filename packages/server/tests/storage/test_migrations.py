"""Older stores are brought up to date with all they hold, or left as they were."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest

from agenttrace_server.identity import DEFAULT_PROJECT
from agenttrace_server.storage.criteria import RunFilter
from agenttrace_server.storage.engine import open_database
from agenttrace_server.storage.events import list_events
from agenttrace_server.storage.positions import read_end
from agenttrace_server.storage.runs import count_runs, read_runs
from agenttrace_server.storage.schema import HEAD_REVISION
from agenttrace_server.storage.spans import read_tree

from ..support.lines import make_run_id, make_span_id
from ..support.postgres import PostgresServer

GOLDEN: Final = Path(__file__).parent / "golden"
# Opens a store and is killed after so many statements; says how many were left when it was not.
_PROGRAM: Final = """
import os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
from agenttrace_server.storage.criteria import RunFilter
from agenttrace_server.storage.engine import open_database
left = int(sys.argv[2])
@event.listens_for(Engine, "after_cursor_execute")
def count(*_):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
open_database(sys.argv[1]).close()
print(left)
"""
_MANY: Final = 1_000_000
SHARES: Final = (0.0, 0.2, 0.4, 0.6, 0.8, 0.95)
"""Where in a migration it is killed, as a share of its statements."""


@pytest.fixture(params=sorted(path.stem for path in GOLDEN.glob("*.sql")))
def old_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A store as an older release left it."""
    path = tmp_path / "x.db"
    connection = sqlite3.connect(path)
    connection.executescript((GOLDEN / f"{request.param}.sql").read_text(encoding="utf-8"))
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    return path


def _read_rows(path: Path, like: Path | None = None) -> dict[str, list[str]]:
    """Return the rows of each table, in any order; only what `like` has of tables and columns."""
    connection = sqlite3.connect(path)
    shape = sqlite3.connect(like) if like else connection
    try:
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        found = {}
        for (name,) in shape.execute(query).fetchall():
            columns = [row[1] for row in shape.execute(f"PRAGMA table_info({name})")]
            listed = ", ".join(f'"{column}"' for column in columns)
            found[name] = sorted(map(repr, connection.execute(f"SELECT {listed} FROM {name}")))
        return found
    finally:
        connection.close()
        shape.close()


def _read_revision(path: Path) -> str:
    connection = sqlite3.connect(path)
    try:
        return str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    finally:
        connection.close()


def _open_in_process(url: str, statements: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM, url, str(statements)], capture_output=True, text=True
    )


def _copy(path: Path, name: str) -> Path:
    copy = path.with_name(name)
    copy.write_bytes(path.read_bytes())
    return copy


async def test_an_older_store_keeps_everything(old_file: Path) -> None:
    """Every row and column of then is there, to the letter, and the API's reads find them."""
    before = _copy(old_file, "before.db")
    database = open_database(f"sqlite:///{old_file}")
    first = make_run_id(0)
    run = (await database.read(read_runs, [first]))[first]
    assert (run.status, run.tags, run.totals.spans) == ("COMPLETED", ("prod", "naïve", "prod"), 5)
    tree = await database.read(read_tree, first)
    assert [(span.seq, span.depth) for span in tree] == [(0, 0), (1, 1), (2, 0), (3, 1), (4, 0)]
    owner = (first, make_span_id(0))
    events = await database.read(list_events, [owner], first=9, after_seq=-1)
    assert [event.seq for event in events[owner].items] == [6, 7]
    tagged = RunFilter(DEFAULT_PROJECT, tags=("naïve",))
    assert await database.read(count_runs, tagged) == 1
    assert await database.read(read_end) == 18
    database.close()
    old, new = _read_rows(before), _read_rows(old_file, like=before)
    for rows in (old, new):
        del rows["alembic_version"]
        rows.pop("model_usage")  # by hour now: its own test counts it anew
    assert new == old
    assert _read_revision(old_file) == HEAD_REVISION


def test_a_kill_in_the_middle_of_a_migration_leaves_old_or_new(old_file: Path) -> None:
    """Killed between two statements: the store is as it was, and the next start finishes."""
    before = _read_rows(old_file)
    whole = _copy(old_file, "whole.db")
    done = _open_in_process(f"sqlite:///{whole}", _MANY)
    total = _MANY - int(done.stdout)
    assert total > 50
    expected = _read_rows(whole)
    for share in SHARES:
        path = _copy(old_file, f"killed{share}.db")
        killed = _open_in_process(f"sqlite:///{path}", 1 + int(total * share))
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        found = _read_rows(path)
        assert found == (expected if _read_revision(path) == HEAD_REVISION else before)
        open_database(f"sqlite:///{path}").close()
        assert _read_rows(path) == expected


@pytest.fixture
def empty_url(postgres: PostgresServer) -> Iterator[str]:
    """A database with nothing in it."""
    url = postgres.make_database()
    yield url
    postgres.drop_database(url)


def _list_tables(postgres: PostgresServer, url: str) -> list[Any]:
    query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    return [name for (name,) in postgres.execute(query, url)]


def test_a_kill_while_the_tables_are_made_leaves_none_or_all(
    postgres: PostgresServer, empty_url: str
) -> None:
    """PostgreSQL undoes what its dead client began."""
    whole = postgres.make_database()
    total = _MANY - int(_open_in_process(whole, _MANY).stdout)
    expected = _list_tables(postgres, whole)
    postgres.drop_database(whole)
    for share in SHARES[1:]:
        killed = _open_in_process(empty_url, 1 + int(total * share))
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert _list_tables(postgres, empty_url) in ([], expected)
    open_database(empty_url).close()
    assert _list_tables(postgres, empty_url) == expected


def test_workers_that_start_at_once_make_one_schema(
    postgres: PostgresServer, empty_url: str
) -> None:
    """On an empty PostgreSQL one makes the tables, the others wait and find them."""
    with ThreadPoolExecutor(4) as pool:
        databases = list(pool.map(open_database, [empty_url] * 4))
    assert len({database.database_id for database in databases}) == 1
    for database in databases:
        database.close()
    assert postgres.execute("SELECT count(*) FROM store", empty_url) == [(1,)]
    revisions = postgres.execute("SELECT version_num FROM alembic_version", empty_url)
    assert json.dumps(revisions) == json.dumps([[HEAD_REVISION]])
