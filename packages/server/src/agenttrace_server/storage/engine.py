"""The database: one writing connection on a thread of its own, and a few that only read.

SQLite has one writer at a time whatever one does. Giving that writer one thread makes the queue
in front of it visible (see `storage.writer`) and keeps "database is locked" away from clients.
Reads see the last commit (WAL) and never wait for the writer. Work on the database runs on these
threads, not on the event loop.
"""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from agenttrace_server.errors import StartError
from agenttrace_server.storage.schema import prepare_schema, read_database_id

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

READERS: Final = 4
BUSY_TIMEOUT_MS: Final = 5_000
JOURNAL_LIMIT_BYTES: Final = 64 * 1024 * 1024
CACHE_KIB: Final = 16 * 1024
STATEMENT_CACHE: Final = 256


class Database:
    """An open store. Make it with `open_database`, end it with `close`."""

    def __init__(self, path: Path, writer: Engine, reader: Engine) -> None:
        self.path = path
        self._writer = writer
        self._reader = reader
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="agenttrace-write")
        self._read_threads = ThreadPoolExecutor(READERS, thread_name_prefix="agenttrace-read")
        self.database_id = ""

    async def read(
        self, query: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return `query(connection, …)`, run on a reading thread over one snapshot."""

        def run() -> R:
            with self._reader.connect() as connection:
                return query(connection, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._read_threads, run)

    async def write(
        self, change: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return `change(connection, …)` once its transaction is on disk."""

        def run() -> R:
            with self._writer.begin() as connection:
                return change(connection, *args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._write_thread, run)

    async def find_problem(self) -> str | None:
        """Return why the store cannot be read; None when it can."""
        try:
            await self.read(read_database_id)
        except SQLAlchemyError as error:
            return f"the store cannot be read ({type(error).__name__})"
        return None

    def close(self) -> None:
        """Wait for running work, fold the journal into the file, close every connection."""
        self._read_threads.shutdown()
        self._reader.dispose()
        self._write_thread.submit(self._checkpoint).result()
        self._write_thread.shutdown()
        self._writer.dispose()

    def _checkpoint(self) -> None:
        with self._writer.connect() as connection:
            connection.rollback()  # a checkpoint needs no transaction around it
            raw = connection.connection.driver_connection
            if isinstance(raw, sqlite3.Connection):
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def open_database(database_url: str) -> Database:
    """Open the store, making or migrating it where needed.

    Raises:
        StartError: the URL is not one of SQLite, the folder or file cannot be written, the file
            is no database of this program, or a newer release wrote it.

    """
    path = parse_sqlite_path(database_url)
    _make_folder(path)
    url = URL.create("sqlite+pysqlite", database=str(path))
    writer = _make_engine(url, begin="BEGIN IMMEDIATE", connections=1)
    reader = _make_engine(url, begin="BEGIN", connections=READERS, query_only=True)
    database = Database(path, writer, reader)
    try:
        with writer.connect() as connection:
            connection.rollback()
        prepare_schema(writer)
        with reader.connect() as connection:
            database.database_id = read_database_id(connection)
    except BaseException as error:
        writer.dispose()
        reader.dispose()
        if isinstance(error, DBAPIError):
            raise StartError(
                f"DATABASE_URL: cannot use {path} as the database: {error.orig}. "
                "Choose a path that you may write, with --database-url or DATABASE_URL."
            ) from error
        raise
    return database


def parse_sqlite_path(database_url: str) -> Path:
    """Return the file that a SQLite URL names.

    Raises:
        StartError: it is no URL, not SQLite's, or has no file.

    """
    try:
        url = make_url(database_url)
    except ArgumentError as error:
        raise StartError(
            "DATABASE_URL is not a database URL; expected sqlite+aiosqlite:///path/to/file.db"
        ) from error
    backend = url.get_backend_name()
    if backend == "postgresql":
        raise StartError(
            "DATABASE_URL names PostgreSQL, which comes in a later release; "
            "use sqlite+aiosqlite:///path/to/file.db"
        )
    if backend != "sqlite" or url.database in (None, "", ":memory:"):
        raise StartError(
            f"DATABASE_URL is {url.render_as_string(hide_password=True)!r}; "
            "expected sqlite+aiosqlite:///path/to/file.db (a file: what is acknowledged is on disk)"
        )
    return Path(str(url.database)).absolute()


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(
            f"DATABASE_URL: cannot make the folder {path.parent}: {error.strerror}. "
            "Choose a path that you may write, with --database-url or DATABASE_URL."
        ) from error


def _make_engine(url: URL, *, begin: str, connections: int, query_only: bool = False) -> Engine:
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        connect_args={"check_same_thread": False, "cached_statements": STATEMENT_CACHE},
    )

    @event.listens_for(engine, "connect")
    def set_up(raw: Any, _record: object) -> None:
        raw.isolation_level = None  # BEGIN is ours: the driver's own is always deferred
        raw.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        raw.execute("PRAGMA journal_mode=WAL")
        raw.execute("PRAGMA synchronous=FULL")
        raw.execute(f"PRAGMA journal_size_limit={JOURNAL_LIMIT_BYTES}")
        raw.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        raw.execute("PRAGMA temp_store=MEMORY")
        if query_only:
            raw.execute("PRAGMA query_only=ON")

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
