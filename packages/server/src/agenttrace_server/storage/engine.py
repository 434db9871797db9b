"""The database: one writing connection, and a few that only read.

Each side works on threads of its own (`storage.side`), so that building rows and merging snapshots
never holds up the requests. What differs between SQLite and PostgreSQL is in
`storage.sqlite` and `storage.postgres`.
"""

from __future__ import annotations

import logging
import sqlite3
from functools import partial
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, Protocol, TypeVar

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from agenttrace_server.errors import OverloadedError, StartError, TooSlowError
from agenttrace_server.storage.accounts import has_accounts
from agenttrace_server.storage.faults import (
    describe_fault,
    is_conflict,
    is_lost,
    is_read_only,
    is_too_slow,
    is_unavailable,
)
from agenttrace_server.storage.figures import read_figures
from agenttrace_server.storage.positions import read_end
from agenttrace_server.storage.postgres import PostgresBackend
from agenttrace_server.storage.probe import prove_writable
from agenttrace_server.storage.schema import prepare_schema, read_database_id
from agenttrace_server.storage.side import READ_TIMEOUT_S, TOO_SLOW, run_apart
from agenttrace_server.storage.sqlite import SqliteBackend, parse_path
from agenttrace_server.storage.upgrades import Upgrade, list_steps, plan_upgrade
from agenttrace_server.storage.urls import POSTGRES_NAMES, parse_database_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from agenttrace_server.records import StoreFigures
    from agenttrace_server.storage.side import Side

P = ParamSpec("P")
R = TypeVar("R")

MAX_TRIES: Final = 3
"""So often a transaction is begun that broke for no fault of its own."""

_log = logging.getLogger(__name__)


class Backend(Protocol):
    """What a database of one kind is and how it is used."""

    place: str
    """Where it is, as an operator may see it: without a password."""
    is_in_memory: bool
    """A restart of this machine deletes it."""

    def make_writer(self) -> Side:
        """Return the one connection that writes."""
        ...

    def make_reader(self) -> Side:
        """Return the connections that read."""
        ...

    def take_turn(self, connection: Connection) -> None:
        """Make the transaction the only one that writes, until it ends."""
        ...

    def check(self, connection: Connection, *, strict: bool) -> list[str]:
        """Return the server's settings that make a commit unsafe; if `strict`, refuse them."""
        ...

    def describe(self, error: Exception) -> str:
        """Return why the database cannot be used, and what to do, in one line."""
        ...


class Database:
    """An open store. Make it with `open_database`, end it with `close`."""

    def __init__(self, backend: Backend) -> None:
        self.place = backend.place
        """Where it is, as an operator may see it."""
        self.is_in_memory = backend.is_in_memory
        """A restart of this machine deletes it."""
        self.unsafe: list[str] = []
        self.is_new = False
        """Whether it was made when it was opened."""
        """The server's settings by which an acknowledged record may be lost."""
        self.database_id = ""
        self.had_accounts = False
        """Whether anybody had registered when the store was opened."""
        self._backend = backend
        self._cannot_write = False  # as the last change found
        self._writer = backend.make_writer()
        self._reader = backend.make_reader()

    @property
    def notices(self) -> PostgresBackend | None:
        """Return what tells of the commits of other processes; None where one has to ask."""
        return self._backend if isinstance(self._backend, PostgresBackend) else None

    async def read(
        self, query: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return `query(connection, …)`, which sees one snapshot and cannot write.

        The database stops its work when the caller is cancelled.

        Raises:
            TooSlowError: it took longer than 10 s.
            OverloadedError: the database cannot be had now.

        """

        def ask(connection: Connection) -> R:
            return query(connection, *args, **kwargs)

        for tries_left in reversed(range(MAX_TRIES)):
            try:
                return await self._reader.ask(ask, timeout_s=READ_TIMEOUT_S)
            except Exception as error:
                if not tries_left or not (is_lost(error) or is_conflict(error)):
                    _raise_known(error, "read")
                    raise
        raise AssertionError("the last try returns or raises")

    async def write(
        self, change: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return `change(connection, …)` once its transaction is on disk.

        What another transaction undid, or a connection that broke before the commit, is tried
        again: `change` is called anew.

        Raises:
            OverloadedError: the database cannot be had now.

        """
        reached_commit = False

        def run(connection: Connection) -> R:
            nonlocal reached_commit
            self._backend.take_turn(connection)
            result = change(connection, *args, **kwargs)
            reached_commit = True
            return result

        for tries_left in reversed(range(MAX_TRIES)):
            reached_commit = False
            try:
                done = await self._writer.submit(run)
            except Exception as error:
                is_undone = is_conflict(error) or (is_lost(error) and not reached_commit)
                if not tries_left or not is_undone:
                    self._cannot_write = is_unavailable(error) or is_read_only(error)
                    _raise_known(error, "written")
                    raise
            else:
                self._cannot_write = False
                return done
        raise AssertionError("the last try returns or raises")

    async def read_foreign_version(self) -> int:
        """Return a number that changes when another process has committed.

        On SQLite it changes only then.

        Raises:
            SQLAlchemyError: the store cannot be read.
            OverloadedError: the same, for now.

        """
        # Asked on the connection that writes, this process's own commits do not count.
        version = await self._writer.read_foreign_version()
        return await self.read(read_end) if version is None else version

    async def fold_journal(self) -> bool:
        """Leave nothing in SQLite's journal; tell whether that could be done.

        Not while somebody reads an older state. PostgreSQL's log is the server's own affair.
        """
        return await self._writer.fold_journal()

    async def find_problem(self) -> str | None:
        """Return why the store cannot be read, or written; None when it can.

        It is written to only where that failed last: else nobody would find out that it can again.
        """
        try:
            await self.read(read_database_id)
            if self._cannot_write:
                await self.write(prove_writable)
        except (OverloadedError, TooSlowError) as error:
            return str(error)
        except SQLAlchemyError as error:
            return f"the store cannot be read ({type(error).__name__})"
        return None

    async def read_figures(self) -> StoreFigures | None:
        """Return how large the store is and what it has to do; None when it cannot be read."""
        try:
            return await self.read(read_figures)
        except (OverloadedError, TooSlowError, SQLAlchemyError, OSError):
            return None

    def prepare(self, *, strict: bool) -> None:
        """Look at the server, make or migrate the schema; others that start meanwhile wait."""

        def run(connection: Connection) -> None:
            self.unsafe = self._backend.check(connection, strict=strict)
            self.is_new = prepare_schema(connection)

        self._writer.open()
        run_apart(self._writer.submit(run))
        self._reader.open()
        self.database_id = run_apart(self._reader.submit(read_database_id))
        self.had_accounts = run_apart(self._reader.submit(has_accounts))

    def close(self) -> None:
        """Wait for running work, leave the files tidy, close every connection."""
        self._reader.close(tidy=False)
        self._writer.close(tidy=True)

    def abandon(self) -> None:
        """Close every connection and leave the files as they are."""
        self._reader.close(tidy=False)
        self._writer.close(tidy=False)


def _raise_known(error: Exception, done: str) -> None:
    """Raise what a caller can tell its client; return for an error that nobody expected."""
    if done == "read" and is_too_slow(error):
        raise TooSlowError(TOO_SLOW) from error
    is_over = done == "written" and is_read_only(error)
    if is_unavailable(error) or is_too_slow(error) or is_over:
        raise OverloadedError(f"the store could not be {done} ({describe_fault(error)})") from error


def open_database(database_url: str, *, strict: bool = False) -> Database:
    """Open the store, making or migrating it where needed.

    `strict` refuses a server whose settings make a commit unsafe; else they are in `unsafe`.

    Raises:
        StartError: the URL is wrong, the folder, file or server cannot be used, what is there is
            no database of this program, or a newer release wrote it.

    """
    backend = _choose_backend(database_url)
    database = Database(backend)
    try:
        database.prepare(strict=strict)
    except BaseException as error:
        database.abandon()
        if isinstance(error, DBAPIError | sqlite3.Error | OSError):
            raise StartError(backend.describe(error)) from error
        raise
    return database


def read_plan(database_url: str) -> Upgrade:
    """Return what opening the store would do to its schema, and do nothing of it.

    Raises:
        StartError: as `open_database` does.

    """
    url = parse_database_url(database_url)
    if url.drivername.partition("+")[0] not in POSTGRES_NAMES and not parse_path(url).exists():
        return list_steps(None, place=str(parse_path(url)))
    backend = _choose_backend(database_url)
    writer = backend.make_writer()
    try:
        writer.open()
        return run_apart(writer.submit(partial(plan_upgrade, place=backend.place)))
    except (DBAPIError, sqlite3.Error, OSError) as error:
        raise StartError(backend.describe(error)) from error
    finally:
        writer.close(tidy=False)


def _choose_backend(database_url: str) -> Backend:
    url = parse_database_url(database_url)
    if url.drivername.partition("+")[0] in POSTGRES_NAMES:
        return PostgresBackend(url)
    return SqliteBackend(url)
