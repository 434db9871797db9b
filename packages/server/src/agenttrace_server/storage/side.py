"""One side of the store, the writing or the reading one: an engine on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

from agenttrace_server.errors import TooSlowError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future

    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

P = ParamSpec("P")
R = TypeVar("R")

READ_TIMEOUT_S: Final = 10
POOL_TIMEOUT_S: Final = 5
"""So long a question waits for a connection."""
TOO_SLOW: Final = (
    f"the answer took longer than {READ_TIMEOUT_S} s; ask for less: a narrower filter, "
    "a smaller page"
)
_STOP_POLL_S: Final = 0.02


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

    def ask(self, call: Callable[[Connection], R], *, timeout_s: float) -> Future[R]:
        """Run `call(connection)` in a transaction, which ends with its time or its future.

        Whoever cancels the future, or waits for longer than that (`TooSlowError`), leaves a
        connection that is free again: the database stops what it was doing.
        """
        return self._start(self._ask(call, timeout_s))

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

    async def _ask(self, call: Callable[[Connection], R], timeout_s: float) -> R:
        try:
            async with asyncio.timeout(timeout_s) as limit, self.engine.begin() as connection:
                work = asyncio.ensure_future(connection.run_sync(call))
                try:
                    return await asyncio.shield(work)
                except asyncio.CancelledError:
                    await _stop(connection, work)
                    raise
        except TimeoutError as error:
            if limit.expired():
                raise TooSlowError(TOO_SLOW) from error
            raise

    async def _execute_plain(self, statement: str) -> int:
        async with self.engine.connect() as connection:
            raw = await connection.get_raw_connection()
            assert raw.driver_connection is not None
            async with raw.driver_connection.execute(statement) as cursor:
                return int((await cursor.fetchone())[0])

    def _start(self, work: Coroutine[Any, Any, R]) -> Future[R]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)


async def _stop(connection: AsyncConnection, work: asyncio.Future[Any]) -> None:
    """End what runs on the connection, and wait until it has ended."""
    if connection.dialect.name != "sqlite":
        work.cancel()  # its driver tells the server
        await asyncio.wait([work])
        return
    raw = await connection.get_raw_connection()
    assert raw.driver_connection is not None
    while not work.done():
        # Between two statements there is nothing to interrupt: ask until it has taken notice.
        await raw.driver_connection.interrupt()
        await asyncio.wait([work], timeout=_STOP_POLL_S)
    work.exception()
