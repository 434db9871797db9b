"""One side of the store, the writing or the reading one.

On SQLite its connections have threads of their own (`storage.lanes`); on PostgreSQL an
asynchronous engine has one, with an event loop.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from agenttrace_server.errors import TooSlowError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future

    from sqlalchemy import Connection, Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

R = TypeVar("R")

READ_TIMEOUT_S: Final = 10
POOL_TIMEOUT_S: Final = 5
"""So long a question waits for a connection."""
TOO_SLOW: Final = (
    f"the answer took longer than {READ_TIMEOUT_S} s; ask for less: a narrower filter, "
    "a smaller page"
)


class Side(Protocol):
    """Connections to one store that do one kind of work, away from the caller's event loop."""

    engine: Engine

    def open(self) -> None:
        """Connect, where that is not done when a connection is needed."""
        ...

    async def submit(self, call: Callable[[Connection], R]) -> R:
        """Return `call(connection)` once its transaction is committed.

        It is not cut short when its caller is cancelled.
        """
        ...

    async def ask(self, call: Callable[[Connection], R], *, timeout_s: float) -> R:
        """Return `call(connection)`, in a transaction that ends with its time or its asker.

        Whoever is cancelled, or waits for longer than that (`TooSlowError`), leaves a connection
        that is free again: the database stops what it was doing.
        """
        ...

    async def read_foreign_version(self) -> int | None:
        """Return a number that changes only with commits of other processes; None: ask the log."""
        ...

    async def fold_journal(self) -> bool:
        """Empty the journal, where the store has one of its own; tell whether it is empty."""
        ...

    def close(self, *, tidy: bool) -> None:
        """Wait for what is under way, leave one file where there were several if `tidy`, end."""
        ...


def run_apart(work: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine to its end, whether or not this thread has an event loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


class LoopSide:
    """An asynchronous engine, and the thread whose event loop its connections belong to."""

    def __init__(self, engine: AsyncEngine, *, name: str) -> None:
        self.engine = engine.sync_engine
        self._engine = engine
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def open(self) -> None:
        """Do nothing: a connection is made when it is needed."""

    async def submit(self, call: Callable[[Connection], R]) -> R:
        """Return `call(connection)` once its transaction is committed."""

        async def run() -> R:
            async with self._engine.begin() as connection:
                return await connection.run_sync(call)

        return await asyncio.shield(asyncio.wrap_future(self._start(run())))

    async def ask(self, call: Callable[[Connection], R], *, timeout_s: float) -> R:
        """Return `call(connection)`, in a transaction that ends with its time or its asker."""
        return await asyncio.wrap_future(self._start(self._ask(call, timeout_s)))

    async def read_foreign_version(self) -> None:
        """Return None: PostgreSQL tells by itself (`storage.notices`)."""

    async def fold_journal(self) -> bool:
        """Do nothing: the server sees to its log."""
        return True

    def close(self, *, tidy: bool) -> None:  # noqa: ARG002 -- a server's files are its own
        """Wait for what is under way, and end."""

        async def finish() -> None:
            running = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.gather(*running, return_exceptions=True)
            await self._engine.dispose()

        try:
            self._start(finish()).result()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def _ask(self, call: Callable[[Connection], R], timeout_s: float) -> R:
        try:
            async with asyncio.timeout(timeout_s) as limit, self._engine.begin() as connection:
                work = asyncio.ensure_future(connection.run_sync(call))
                try:
                    return await asyncio.shield(work)
                except asyncio.CancelledError:
                    work.cancel()  # the driver tells the server
                    await asyncio.wait([work])
                    raise
        except TimeoutError as error:
            if limit.expired():
                raise TooSlowError(TOO_SLOW) from error
            raise

    def _start(self, work: Coroutine[Any, Any, R]) -> Future[R]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)
