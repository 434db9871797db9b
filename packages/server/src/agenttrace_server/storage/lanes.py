"""A side of a SQLite store: connections, each on a thread of its own, and one queue before them.

A transaction is one visit to a connection's thread, whatever it does there. Through the
asynchronous dialect of SQLAlchemy each statement is several visits (its cursor, its rows, its end),
and each visit waits for the interpreter's lock when other threads work (ADR 16).
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections import deque
from concurrent.futures import Future
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import aiosqlite
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import NullPool

from agenttrace_server.errors import OverloadedError, TooSlowError
from agenttrace_server.storage.journal import fold
from agenttrace_server.storage.side import TOO_SLOW, run_apart

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agenttrace_server.storage.journal import Journal

R = TypeVar("R")

STATEMENT_CACHE: Final = 256
_STOP_POLL_S: Final = 0.02
_log = logging.getLogger(__name__)
_CHUNK_ROWS: Final = 64  # of aiosqlite's own cursors, which are not used here


class _Job(Generic[R]):
    """What waits for a connection."""

    def __init__(self, call: Callable[[Connection], R]) -> None:
        self.call = call
        self.done: Future[R] = Future()
        self.lane: _Lane | None = None
        """That has begun it."""


class _Lane:
    """A connection and the thread that it belongs to, which are aiosqlite's."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self.raw = aiosqlite.Connection(connect, _CHUNK_ROWS)
        # As SQLAlchemy's dialect does: a program that fails must not wait for it for ever.
        self.raw._thread.daemon = True  # noqa: SLF001 -- aiosqlite has no public name for it
        self.connection: Connection | None = None
        self._lock = threading.Lock()
        self._job: _Job[Any] | None = None

    def call_soon(self, function: Callable[[], object]) -> None:
        """Run a function on the thread, after what is queued there."""
        self.raw._tx.put_nowait((None, function))  # noqa: SLF001 -- as SQLAlchemy's dialect does

    def run(self, job: _Job[R]) -> None:
        """Do a job in a transaction, on the thread of this lane."""
        assert self.connection is not None
        if not job.done.set_running_or_notify_cancel():
            return
        self._take(job)
        try:
            with self.connection.begin():
                result = job.call(self.connection)
        except BaseException as error:  # noqa: BLE001 -- whoever waits for it hears of it
            self._take(None)
            job.done.set_exception(error)
        else:
            self._take(None)
            job.done.set_result(result)

    async def interrupt(self, job: _Job[Any]) -> None:
        """End the statement that runs, if it is this job's."""
        with self._lock:
            if self._job is job:
                await self.raw.interrupt()

    def _take(self, job: _Job[Any] | None) -> None:
        with self._lock:
            self._job = job
            if job is not None:
                job.lane = self


class SqliteSide:
    """Connections to one file that do one kind of work."""

    def __init__(
        self,
        path: Path,
        *,
        begin: str,
        lanes: int,
        set_up: Callable[[sqlite3.Connection], None],
        journal: Journal | None = None,
    ) -> None:
        self._path = path
        self._journal = journal
        self._set_up = set_up
        self._here = threading.local()
        self._jobs: deque[_Job[Any]] = deque()
        self._lock = threading.Lock()
        self._lanes = [_Lane(self._connect) for _ in range(lanes)]
        self._idle: list[_Lane] = []
        self._is_open = False
        self._failure: Exception | None = None
        self.engine = create_engine(
            "sqlite://",
            creator=lambda: self._here.driver,
            poolclass=NullPool,
            hide_parameters=True,  # of what was recorded, errors tell nothing
        )

        @event.listens_for(self.engine, "begin")
        def begin_transaction(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

    def open(self) -> None:
        """Connect.

        Raises:
            sqlite3.Error: the file cannot be used.
            StartError: it is another program's.

        """
        run_apart(self._open())

    async def submit(self, call: Callable[[Connection], R]) -> R:
        """Return `call(connection)` once its transaction is committed.

        It is not cut short when its caller is cancelled.
        """
        return await asyncio.shield(asyncio.wrap_future(self._put(call).done))

    async def ask(self, call: Callable[[Connection], R], *, timeout_s: float) -> R:
        """Return `call(connection)`, in a transaction that ends with its time or its asker.

        Raises:
            TooSlowError: it took longer than that.
            OverloadedError: no connection was free for so long.

        """
        job = self._put(call)
        work = asyncio.wrap_future(job.done)
        try:
            async with asyncio.timeout(timeout_s) as limit:
                return await asyncio.shield(work)
        except (TimeoutError, asyncio.CancelledError) as error:
            await _stop(job, work)
            if not limit.expired():
                raise
            if job.lane is None:
                raise OverloadedError("every connection to the store is busy") from error
            raise TooSlowError(TOO_SLOW) from error

    async def read_foreign_version(self) -> int:
        """Return a number that changes only with commits of other processes."""
        # SQLite counts for each connection what the others commit.
        ((version,),) = await self._lanes[0].raw.execute_fetchall("PRAGMA data_version")
        return int(version)

    async def fold_journal(self) -> bool:
        """Empty the journal; False, at once, where somebody still reads what is in it."""
        folded: Future[bool] = Future()

        def fold_here() -> None:
            try:
                is_empty = fold(self._here.driver, wait_ms=0)
            except BaseException as error:  # noqa: BLE001 -- whoever waits for it hears of it
                folded.set_exception(error)
            else:
                folded.set_result(is_empty)

        with self._lock:
            if not self._is_open:
                raise OverloadedError("the store is closed")
            self._lanes[0].call_soon(fold_here)
        return await asyncio.shield(asyncio.wrap_future(folded))

    def close(self, *, tidy: bool) -> None:
        """Wait for what is under way, fold the journal into the file if `tidy`, end."""
        run_apart(self._close(tidy=tidy))

    async def _open(self) -> None:
        for lane in self._lanes:
            await lane.raw
            if self._failure is not None:
                raise self._failure
            self._is_open = True
            lane.call_soon(partial(self._enter, lane))

    def _connect(self) -> sqlite3.Connection:
        """Connect, on the thread of a lane.

        A failure is kept for whoever waits: with one, aiosqlite leaves a thread that outlives the
        event loop that it reports to.
        """
        try:
            # BEGIN is ours: the driver's own is always deferred.
            driver = sqlite3.connect(
                self._path, isolation_level=None, cached_statements=STATEMENT_CACHE
            )
            with ExitStack() as stack:
                stack.callback(driver.close)
                self._set_up(driver)
                stack.pop_all()
        except Exception as error:  # noqa: BLE001 -- it is raised where it is waited for
            self._failure = error
            return sqlite3.connect(":memory:")
        self._here.driver = driver
        return driver

    def _enter(self, lane: _Lane) -> None:
        lane.connection = self.engine.connect()
        self._work(lane)

    def _put(self, call: Callable[[Connection], R]) -> _Job[R]:
        job = _Job(call)
        with self._lock:
            if not self._is_open:
                raise OverloadedError("the store is closed")
            self._jobs.append(job)
            lane = self._idle.pop() if self._idle else None
        if lane is not None:
            lane.call_soon(partial(self._work, lane))
        return job

    def _work(self, lane: _Lane) -> None:
        """Do jobs until none waits, on the thread of this lane."""
        while True:
            with self._lock:
                if not self._jobs:
                    self._idle.append(lane)
                    return
                job = self._jobs.popleft()
            lane.run(job)
            if self._journal is not None:
                self._fold_if_large(self._journal)

    def _fold_if_large(self, journal: Journal) -> None:
        try:
            journal.fold_if_large(self._here.driver)
        except sqlite3.Error as error:  # the next commit meets the same, and says it to its asker
            _log.warning("the journal was not folded: %s", error)

    async def _close(self, *, tidy: bool) -> None:
        with self._lock:
            self._is_open = False
        for lane in self._lanes:
            if lane.connection is not None:
                lane.call_soon(lane.connection.detach)
                if tidy:
                    await lane.raw.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
            await lane.raw.close()


async def _stop(job: _Job[Any], work: asyncio.Future[Any]) -> None:
    """End a job, and wait until it has ended."""
    job.done.cancel()  # where it has not begun
    while not work.done():
        # Between two statements there is nothing to interrupt: ask until it has taken notice.
        if job.lane is not None:
            await job.lane.interrupt(job)
        await asyncio.wait([work], timeout=_STOP_POLL_S)
    if not work.cancelled():
        work.exception()
