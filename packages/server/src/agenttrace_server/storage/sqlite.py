"""SQLite: one file, one writing connection, and a few that only read.

SQLite has one writer at a time whatever one does. Giving that writer one connection makes the
queue in front of it visible (see `storage.writer`) and keeps "database is locked" away from
clients. Reads see the last commit (WAL) and never wait for the writer.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from agenttrace_server.errors import StartError
from agenttrace_server.storage.damage import find_damage
from agenttrace_server.storage.journal import Journal
from agenttrace_server.storage.lanes import SqliteSide
from agenttrace_server.storage.mounts import is_in_memory
from agenttrace_server.storage.schema import refuse_foreign_file

if TYPE_CHECKING:
    from sqlalchemy import Connection

READERS: Final = 4
BUSY_TIMEOUT_MS: Final = 5_000
JOURNAL_LIMIT_BYTES: Final = 64 * 1024 * 1024
PAGE_BYTES: Final = 8192
"""A span with its texts is 1 to 3 KB: larger pages make fewer splits, smaller ones less to sync."""
CACHE_KIB: Final = 16 * 1024
READER_CACHE_KIB: Final = 2 * 1024
"""Of each that reads: the system keeps the file's pages anyway, once for all of them."""

_OF_OWNER: Final = stat.S_IRUSR | stat.S_IWUSR
_OF_OWNER_FOLDER: Final = stat.S_IRWXU
_OF_OTHERS: Final = stat.S_IRWXO

_log = logging.getLogger(__name__)


class SqliteBackend:
    """A file, and how to use it."""

    def __init__(self, url: URL) -> None:
        self.path = parse_path(url)
        self.place = str(self.path)
        """What the operator is shown."""
        _make_folder(self.path)
        self.is_in_memory = is_in_memory(self.path.parent)
        """A restart of this machine deletes it."""
        with suppress(OSError):  # SQLite says what is wrong when it opens it
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, _OF_OWNER))

    def make_writer(self) -> SqliteSide:
        """Return the one connection that writes."""
        journal = Journal(self.path)
        return SqliteSide(
            self.path, begin="BEGIN IMMEDIATE", lanes=1, set_up=_set_up, journal=journal
        )

    def make_reader(self) -> SqliteSide:
        """Return the connections that read."""
        return SqliteSide(self.path, begin="BEGIN", lanes=READERS, set_up=_set_up_reader)

    def take_turn(self, connection: Connection) -> None:
        """Do nothing: its transaction was begun as the only one that writes."""

    def check(self, connection: Connection, *, strict: bool) -> list[str]:  # noqa: ARG002 -- the other's
        """Return what makes a commit unsafe here: nothing, each connection sees to it.

        Raises:
            StartError: the file is damaged.

        """
        _keep_private(self.path)
        if problem := find_damage(connection):
            raise StartError(self._describe_damage(problem))
        return []

    def describe(self, error: Exception) -> str:
        """Return why the file cannot be used, and what to do, in one line."""
        # The low byte is the kind of error; the others say more about it.
        cause = error.orig if isinstance(error, DBAPIError) else error
        kind = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return self._describe_damage(str(cause))
        return (
            f"DATABASE_URL: cannot use {self.path} as the database: {cause}. "
            "Choose a path that you may write, with --database-url or DATABASE_URL."
        )

    def _describe_damage(self, problem: str) -> str:
        return (
            f"DATABASE_URL: {self.path} is damaged or no SQLite database ({problem}). It is "
            "left as it is: move it away, and put a backup in its place with "
            "`agenttrace-server restore`"
        )


def parse_path(url: URL) -> Path:
    """Return the file that a SQLite URL names.

    Raises:
        StartError: it has no file, or more than a file: options, a host, another driver.

    """
    # Whatever else a URL can carry (options, a host, a user) would be dropped in silence.
    path = url.database or ""
    if (
        url.drivername not in ("sqlite", "sqlite+aiosqlite")
        or url != URL.create(url.drivername, database=path)
        or path in ("", ":memory:")
        or path.startswith("file:")
    ):
        shown = url.set(query={}).render_as_string(hide_password=True)
        raise StartError(
            f"DATABASE_URL is {shown!r}{' with options' if url.query else ''}; "
            "expected sqlite+aiosqlite:///path/to/file.db without options, host or other driver "
            "(a file: what is acknowledged is on disk), or "
            "postgresql+asyncpg://user:password@host/database"
        )
    return Path(path).absolute()


def _make_folder(path: Path) -> None:
    missing = [folder for folder in path.parents if not folder.exists()]
    try:
        for folder in reversed(missing):
            folder.mkdir(mode=_OF_OWNER_FOLDER, exist_ok=True)
    except OSError as error:
        raise StartError(
            f"DATABASE_URL: cannot make the folder {path.parent}: {error.strerror}. "
            "Choose a path that you may write, with --database-url or DATABASE_URL."
        ) from error


def _keep_private(path: Path) -> None:
    """See that nobody but its owner, and perhaps a group, can read a file of an earlier release.

    A journal that SQLite makes gets the mode of its file.
    """
    for end in ("", "-wal", "-shm"):
        each = path.with_name(path.name + end)
        with suppress(OSError):  # another user's, who may have reasons; or there is no journal
            mode = stat.S_IMODE(each.stat().st_mode)
            if mode & _OF_OTHERS:
                each.chmod(mode & ~_OF_OTHERS)
                if each == path:
                    _log.warning("everyone could use %s; now its owner and group can", each)


def _set_up(driver: sqlite3.Connection) -> None:
    driver.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    refuse_foreign_file(driver.cursor())  # before the file's mode is changed
    if driver.execute("PRAGMA page_count").fetchone() == (0,):  # a file that is made now
        driver.execute(f"PRAGMA page_size={PAGE_BYTES}")
        # Its free pages can be given back. In a file that is there, this is a write each time.
        driver.execute("PRAGMA auto_vacuum=INCREMENTAL")
    driver.execute("PRAGMA journal_mode=WAL")
    driver.execute("PRAGMA synchronous=FULL")
    driver.execute(f"PRAGMA journal_size_limit={JOURNAL_LIMIT_BYTES}")
    driver.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    driver.execute("PRAGMA temp_store=MEMORY")
    # What is deleted is overwritten, not only let go of.
    driver.execute("PRAGMA secure_delete=ON")


def _set_up_reader(driver: sqlite3.Connection) -> None:
    _set_up(driver)
    driver.execute(f"PRAGMA cache_size=-{READER_CACHE_KIB}")
    driver.execute("PRAGMA query_only=ON")
