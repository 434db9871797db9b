"""`agenttrace-server backup`, `restore` and `migrate`, as operators run them: S14, P10."""

from __future__ import annotations

import hashlib
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agenttrace_server.errors import StartError
from agenttrace_server.storage import backups
from agenttrace_server.storage.backups import back_up
from agenttrace_server.storage.engine import open_database
from agenttrace_server.storage.schema import HEAD_REVISION

from .support.client import Client
from .support.lines import make_call, make_payload, make_run
from .support.postgres import PostgresServer
from .support.process import ServerProcess
from .support.thread import ServerThread

PROGRAM = [sys.executable, "-c", "from agenttrace_server.cli import main; main()"]
TEXT = "a text that takes some room " * 100
OLD = Path(__file__).parent / "storage" / "golden" / "schema_0002.sql"
RUNS = "{ runs(first: 200) { totalCount edges { node { id totals { spans } } } } }"


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


def _run(*arguments: str | Path) -> Done:
    done = subprocess.run(
        [*PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=120
    )
    return Done(done.returncode, done.stdout, done.stderr)


def _store_at(path: Path) -> str:
    return f"--database-url=sqlite:///{path}"


def _make_run(number: int) -> list[dict[str, Any]]:
    calls = [make_call(n, run=number, output=make_payload(TEXT)) for n in range(5)]
    return [make_run(number, status="COMPLETED", rev=1), *calls]


@contextmanager
def _keep_sending(url: str) -> Iterator[list[int]]:
    """Send runs all the while; give the numbers of those that were acknowledged."""
    sent: list[int] = []
    ended, begun = threading.Event(), threading.Event()

    def send() -> None:
        with Client(url) as client:
            while not ended.is_set():
                client.send(_make_run(1_000 + len(sent)))
                sent.append(1_000 + len(sent))
                begun.set()

    thread = threading.Thread(target=send)
    thread.start()
    assert begun.wait(30)
    try:
        yield sent
    finally:
        ended.set()
        thread.join()


def test_s14_a_backup_during_ingest_is_whole_and_restores(tmp_path: Path) -> None:
    """All that was acknowledged before it began is there, no run is torn, the checksum holds."""
    (tmp_path / "here").mkdir()
    copy, there = tmp_path / "copy.db", tmp_path / "there" / "agenttrace.db"
    with ServerProcess(tmp_path / "here") as server, Client(server.url) as client:
        for number in range(100):
            client.send(_make_run(number))
        with _keep_sending(server.url) as sent:
            before = len(sent)
            done = _run("backup", copy, _store_at(server.database))
            after = len(sent)
    assert (done.code, done.err) == (0, "")
    digest = hashlib.sha256(copy.read_bytes()).hexdigest()
    assert digest in done.out
    assert (tmp_path / "copy.db.sha256").read_text() == f"{digest}  copy.db\n"
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("copy.db*")} == {0o600}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db", "copy.db.sha256", "here"]
    done = _run("restore", copy, _store_at(there))
    assert (done.code, done.err) == (0, "")
    assert digest in done.out
    assert hashlib.sha256(there.read_bytes()).hexdigest() == digest
    with ServerProcess(there.parent) as server, Client(server.url) as client:
        runs = client.ask(RUNS)["runs"]
    assert 100 + before <= runs["totalCount"] <= 100 + after + 1
    assert {edge["node"]["totals"]["spans"] for edge in runs["edges"]} == {5}


async def test_s14_commits_do_not_begin_a_backup_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between any two of its steps somebody commits; it is done after one pass all the same."""
    monkeypatch.setattr(backups, "STEP_PAGES", 1)
    path = tmp_path / "agenttrace.db"
    database = open_database(f"sqlite:///{path}")
    steps: list[tuple[int, int]] = []
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:

        def commit(done: int, total: int) -> None:
            steps.append((done, total))
            writer.execute("UPDATE store SET position = position + 1")

        back_up(path, tmp_path / "copy.db", on_progress=commit)
    database.close()
    assert steps == [(number, len(steps)) for number in range(1, len(steps) + 1)]
    with closing(sqlite3.connect(tmp_path / "copy.db")) as connection:
        assert connection.execute("SELECT position FROM store").fetchall() == [(0,)]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """An empty store, closed."""
    path = tmp_path / "store" / "agenttrace.db"
    open_database(f"sqlite:///{path}").close()
    return path


@pytest.mark.parametrize(("count", "said"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs")])
def test_a_backup_counts_its_runs(tmp_path: Path, count: int, said: str) -> None:
    """And so does what puts it back, in words."""
    path, copy = tmp_path / "agenttrace.db", tmp_path / "copy.db"
    with ServerThread(f"sqlite:///{path}") as server, Client(server.url) as client:
        for number in range(count):
            client.send(_make_run(number))
    assert f": {said}, " in _run("backup", copy, _store_at(path)).out
    assert f": {said}, " in _run("restore", copy, _store_at(tmp_path / "there.db")).out


@pytest.mark.parametrize("name", ["copy.db", "copy.db.sha256"])
def test_nothing_is_written_over(store: Path, tmp_path: Path, name: str) -> None:
    """Neither a backup nor its checksum; what is there stays as it is."""
    (tmp_path / name).write_text("mine")
    done = _run("backup", tmp_path / "copy.db", _store_at(store))
    there = f"{tmp_path / name} is there already, and nothing is ever written over it"
    assert done == (2, "", f"agenttrace-server backup: {there}\n")
    assert (tmp_path / name).read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "store"])


@pytest.mark.parametrize("command", ["backup", "restore", "migrate", "users", "keys"])
def test_a_folder_that_cannot_be_looked_into_is_one_line(tmp_path: Path, command: str) -> None:
    """As that of another user: no traceback. Here a name that no folder can have."""
    folder = tmp_path / ("x" * 300)
    where = [folder / "copy.db"] if command in ("backup", "restore") else []
    done = _run(command, *where, _store_at(folder / "one.db"))
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"agenttrace-server {command}: {folder}")
    assert done.err.endswith(": File name too long\n")


@pytest.mark.parametrize("end", ["", "-wal"])
def test_a_restore_is_never_over_a_store(store: Path, tmp_path: Path, end: str) -> None:
    """A live one least of all; nor beside a journal that would be taken for its own."""
    copy = tmp_path / "copy.db"
    assert _run("backup", copy, _store_at(store)).code == 0
    there = tmp_path / "there.db"
    there.with_name(there.name + end).write_text("mine")
    done = _run("restore", copy, _store_at(there))
    assert (done.code, done.out) == (2, "")
    assert f"{there}{end} is there already" in done.err
    assert there.with_name(there.name + end).read_text() == "mine"
    assert there.exists() == (end == "")


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-8192])


@pytest.mark.parametrize("harm", [_flip, _cut])
def test_s14_a_backup_that_was_changed_is_refused(store: Path, tmp_path: Path, harm: Any) -> None:
    """One bit is enough; nothing is left at the place of the store."""
    copy, there = tmp_path / "copy.db", tmp_path / "there" / "agenttrace.db"
    assert _run("backup", copy, _store_at(store)).code == 0
    harm(copy)
    done = _run("restore", copy, _store_at(there))
    assert (done.code, done.out) == (2, "")
    assert f"{copy} is not what was backed up" in done.err
    assert list(there.parent.iterdir()) == []


def test_a_backup_without_a_checksum_is_looked_at_and_said_so(store: Path, tmp_path: Path) -> None:
    """What SQLite can see is seen; what is no store is none."""
    copy = tmp_path / "copy.db"
    assert _run("backup", copy, _store_at(store)).code == 0
    (tmp_path / "copy.db.sha256").unlink()
    done = _run("restore", copy, _store_at(tmp_path / "one.db"))
    assert done.code == 0
    assert "Warning    there is no copy.db.sha256" in done.out
    _cut(copy)
    done = _run("restore", copy, _store_at(tmp_path / "two.db"))
    assert (done.code, done.out) == (2, "")
    assert "damaged" in done.err
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE t (a)")
    done = _run("restore", tmp_path / "other.db", _store_at(tmp_path / "two.db"))
    assert "no store of this program" in done.err
    assert not (tmp_path / "two.db").exists()


def test_s14_a_damaged_store_is_not_backed_up(store: Path, tmp_path: Path) -> None:
    """A copy of it would look like a backup."""
    with closing(sqlite3.connect(store)) as connection:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = 'run'"
        ((root,),) = connection.execute(query).fetchall()
    content = bytearray(store.read_bytes())
    place = (root - 1) * 8192
    content[place : place + 12] = b"\xff" * 12
    store.write_bytes(content)
    done = _run("backup", tmp_path / "copy.db", _store_at(store))
    assert (done.code, done.out) == (2, "")
    assert "the store is damaged" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_what_cannot_be_copied_is_said(tmp_path: Path) -> None:
    """No store, no backup, no folder."""
    none = _run("backup", tmp_path / "copy.db", _store_at(tmp_path / "no.db"))
    assert f"there is no store at {tmp_path / 'no.db'} to copy" in none.err
    none = _run("restore", tmp_path / "copy.db", _store_at(tmp_path / "no.db"))
    assert f"there is no backup at {tmp_path / 'copy.db'}" in none.err
    open_database(f"sqlite:///{tmp_path / 'a.db'}").close()
    none = _run("backup", tmp_path / "no" / "copy.db", _store_at(tmp_path / "a.db"))
    assert f"{tmp_path / 'no' / 'copy.db'} cannot be written: No such file" in none.err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("backup", "pg_dump --format=custom --file=copy.dump postgresql://u@h:5/d"),
        ("restore", "pg_restore --dbname=postgresql://u@h:5/d --no-owner copy.dump"),
    ],
)
def test_postgresql_has_tools_of_its_own(command: str, said: str) -> None:
    """The command is given as it is to be typed, and without the password."""
    url = "postgresql+asyncpg://u:secret@h:5/d"
    done = _run(command, "copy.dump", "--database-url", url)
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith(f"which has tools of its own for that: {said}\n")
    assert "secret" not in done.err


@pytest.fixture
def old_store(tmp_path: Path) -> Path:
    """A store that an earlier release wrote."""
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(OLD.read_text())
    return path


def test_migrate_says_what_it_would_do_and_does_it(old_store: Path) -> None:
    """With --dry-run nothing is changed, and the code tells a script that there is something."""
    before = old_store.read_bytes()
    plan = _run("migrate", "--dry-run", _store_at(old_store))
    assert (plan.code, plan.err) == (1, "")
    head, *steps = plan.out.splitlines()
    assert head == f"{old_store} is at schema 0002; {len(steps)} migrations to run"
    assert steps[0].split()[0] == "0003"
    assert steps[-1].split()[0] == HEAD_REVISION
    with closing(sqlite3.connect(old_store)) as connection:
        found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    assert found == [("0002",)]
    assert before[:16] == old_store.read_bytes()[:16]
    done = _run("migrate", _store_at(old_store))
    assert done.code == 0
    assert done.out == f"{plan.out}done: the store is at schema {HEAD_REVISION}\n"
    again = f"{old_store} is at schema {HEAD_REVISION}; 0 migrations to run\n"
    assert _run("migrate", _store_at(old_store)) == (0, again, "")


def test_a_dry_run_makes_no_store(tmp_path: Path) -> None:
    """It says what would be done, and there is no file after it."""
    done = _run("migrate", "--dry-run", _store_at(tmp_path / "a" / "new.db"))
    assert done.code == 1
    assert "new.db is empty; " in done.out
    assert list(tmp_path.iterdir()) == []


def test_migrate_brings_a_postgresql_up_to_date(postgres: PostgresServer) -> None:
    """The same words; the password is in none."""
    url = postgres.make_database()
    try:
        done = _run("migrate", "--database-url", url)
        assert done.code == 0
        assert f"done: the store is at schema {HEAD_REVISION}" in done.out
        assert "0 migrations to run" in _run("migrate", "--database-url", url).out
    finally:
        postgres.drop_database(url)


@pytest.mark.parametrize("command", ["migrate", "serve", "restore"])
def test_p10_a_store_of_a_newer_release_is_refused(
    store: Path, tmp_path: Path, command: str
) -> None:
    """By the start, by migrate, and before it is restored: one line, exit code 2, no change."""
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    before = store.read_bytes()
    if command == "restore":
        done = _run(command, store, _store_at(tmp_path / "there.db"))
    else:
        done = _run(command, _store_at(store))
    assert (done.code, done.out) == (2, "")
    assert "is at schema '9999', which a newer release wrote" in done.err
    named = {"migrate": "DATABASE_URL: ", "serve": "--database-url: ", "restore": f"{command}: "}
    assert named[command] in done.err
    assert done.err.count("\n") == 1
    assert store.read_bytes() == before


def test_a_backup_that_runs_out_of_room_leaves_nothing(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a copy is none."""

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(backups, "_copy_pages", fail)
    with pytest.raises(StartError, match="database or disk is full; what was written"):
        back_up(store, tmp_path / "copy.db", on_progress=lambda _done, _total: None)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
