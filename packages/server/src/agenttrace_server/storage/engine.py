"""The database: one writing connection, and a few that only read.

SQLite has one writer at a time whatever one does. Giving that writer one connection makes the
queue in front of it visible (see `storage.writer`) and keeps "database is locked" away from
clients. Reads see the last commit (WAL) and never wait for the writer. Each side has an event loop
on a thread of its own, so that building rows and merging snapshots never holds up the requests.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from agenttrace_server.errors import StartError
from agenttrace_server.storage.schema import prepare_schema, read_database_id, refuse_foreign

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future

P = ParamSpec("P")
R = TypeVar("R")

READERS: Final = 4
BUSY_TIMEOUT_MS: Final = 5_000
JOURNAL_LIMIT_BYTES: Final = 64 * 1024 * 1024
CACHE_KIB: Final = 16 * 1024
STATEMENT_CACHE: Final = 256


class Side:
    """An engine, and the thread whose event loop its connections belong to."""

    def __init__(self, engine: AsyncEngine, *, name: str) -> None:
        self.engine = engine
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def submit(
        self, call: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> Future[R]:
        """Run `call(connection, …)` in a transaction; the result comes once it is committed."""

        async def run() -> R:
            async with self.engine.begin() as connection:
                return await connection.run_sync(call, *args, **kwargs)

        return self._start(run())

    def submit_plain(self, statement: str) -> Future[int]:
        """Run one statement outside a transaction; the result is its first number."""
        return self._start(self._execute_plain(statement))

    def close(self, *, last_statement: str | None = None) -> None:
        """Wait for what is under way, run a last statement outside a transaction, and end."""

        async def finish() -> None:
            running = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.gather(*running, return_exceptions=True)
            if last_statement is not None:
                await self._execute_plain(last_statement)
            await self.engine.dispose()

        try:
            self._start(finish()).result()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def _execute_plain(self, statement: str) -> int:
        async with self.engine.connect() as connection:
            raw = await connection.get_raw_connection()
            assert raw.driver_connection is not None
            async with raw.driver_connection.execute(statement) as cursor:
                return int((await cursor.fetchone())[0])

    def _start(self, work: Coroutine[Any, Any, R]) -> Future[R]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)


class Database:
    """An open store. Make it with `open_database`, end it with `close`."""

    def __init__(self, path: Path, url: URL) -> None:
        self.path = path
        writer = _make_engine(url, begin="BEGIN IMMEDIATE", connections=1)
        reader = _make_engine(url, begin="BEGIN", connections=READERS, query_only=True)
        self._writer = Side(writer, name="agenttrace-write")
        self._reader = Side(reader, name="agenttrace-read")
        self.database_id = ""

    async def read(
        self, query: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return `query(connection, …)`, which sees one snapshot and cannot write."""
        return await _wait(self._reader.submit(query, *args, **kwargs))

    async def write(
        self, change: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return `change(connection, …)` once its transaction is on disk."""
        return await _wait(self._writer.submit(change, *args, **kwargs))

    async def read_foreign_version(self) -> int:
        """Return a number that changes when another process has committed, and only then.

        Raises:
            SQLAlchemyError: the store cannot be read.

        """
        # SQLite counts for each connection what the others commit. Asked on the connection that
        # writes, this process's own commits do not count.
        return await _wait(self._writer.submit_plain("PRAGMA data_version"))

    async def find_problem(self) -> str | None:
        """Return why the store cannot be read; None when it can."""
        try:
            await self.read(read_database_id)
        except SQLAlchemyError as error:
            return f"the store cannot be read ({type(error).__name__})"
        return None

    def prepare(self) -> None:
        """Make or migrate the schema; other processes that start meanwhile wait for it."""
        self._writer.submit(prepare_schema).result()
        self.database_id = self._reader.submit(read_database_id).result()

    def close(self) -> None:
        """Wait for running work, fold the journal into the file, close every connection."""
        self._reader.close()
        self._writer.close(last_statement="PRAGMA wal_checkpoint(TRUNCATE)")

    def abandon(self) -> None:
        """Close every connection and leave the file as it is."""
        self._reader.close()
        self._writer.close()


async def _wait(work: Future[R]) -> R:
    # Shielded: a client that goes away must not cut a statement short in the middle.
    return await asyncio.shield(asyncio.wrap_future(work))


def open_database(database_url: str) -> Database:
    """Open the store, making or migrating it where needed.

    Raises:
        StartError: the URL is not one of SQLite, the folder or file cannot be written, the file
            is no database of this program, or a newer release wrote it.

    """
    path = parse_sqlite_path(database_url)
    _make_folder(path)
    database = Database(path, URL.create("sqlite+aiosqlite", database=str(path)))
    try:
        database.prepare()
    except BaseException as error:
        database.abandon()
        if isinstance(error, DBAPIError):
            raise StartError(_describe(error, path)) from error
        raise
    return database


def _describe(error: DBAPIError, path: Path) -> str:
    # The low byte is the kind of error; the others say more about it.
    kind = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return (
            f"DATABASE_URL: {path} is damaged or no SQLite database ({error.orig}). It is left "
            "as it is: move it away, or put a backup in its place"
        )
    return (
        f"DATABASE_URL: cannot use {path} as the database: {error.orig}. "
        "Choose a path that you may write, with --database-url or DATABASE_URL."
    )


def parse_sqlite_path(database_url: str) -> Path:
    """Return the file that a SQLite URL names.

    Raises:
        StartError: it is no URL, not SQLite's, has no file, or has more than a file: options, a
            host, another driver.

    """
    try:
        url = make_url(database_url)
    except ArgumentError as error:
        raise StartError(
            "DATABASE_URL is not a database URL; expected sqlite+aiosqlite:///path/to/file.db"
        ) from error
    if url.get_backend_name() == "postgresql":
        raise StartError(
            "DATABASE_URL names PostgreSQL, which comes in a later release; "
            "use sqlite+aiosqlite:///path/to/file.db"
        )
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
            "(a file: what is acknowledged is on disk)"
        )
    return Path(path).absolute()


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(
            f"DATABASE_URL: cannot make the folder {path.parent}: {error.strerror}. "
            "Choose a path that you may write, with --database-url or DATABASE_URL."
        ) from error


def _make_engine(
    url: URL, *, begin: str, connections: int, query_only: bool = False
) -> AsyncEngine:
    engine = create_async_engine(
        url,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=connections,
        max_overflow=0,
        connect_args={"cached_statements": STATEMENT_CACHE},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def set_up(raw: Any, _record: object) -> None:
        raw.isolation_level = None  # BEGIN is ours: the driver's own is always deferred
        cursor = raw.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        refuse_foreign(cursor)  # before the file's mode is changed
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute(f"PRAGMA journal_size_limit={JOURNAL_LIMIT_BYTES}")
        cursor.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        cursor.execute("PRAGMA temp_store=MEMORY")
        if query_only:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
