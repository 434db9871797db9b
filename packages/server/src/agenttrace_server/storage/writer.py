"""Group commit: what waits is written in one transaction, and answered when that is on disk.

A commit with `synchronous=FULL` costs one sync of the disk whether it holds one record or ten
thousand. So one task takes everything that waits, commits it, and resolves the waiters. None is
resolved before the commit; when a commit fails, its jobs are tried one by one, so that a job
fails alone.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError

from agenttrace_server.errors import OverloadedError
from agenttrace_server.storage.append import Appended, append_records

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agenttrace.wire.validation import ValidRecord
    from agenttrace_server.storage.engine import Database

MAX_GROUP_RECORDS: Final = 20_000
"""A commit takes no more than this many records (or one job), so that none waits for long."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Job:
    records: Sequence[ValidRecord]
    done: asyncio.Future[None]


class Writer:
    """The one queue to the store. `on_commit` is called on the event loop after each commit."""

    def __init__(self, database: Database, *, on_commit: Callable[[Appended], None]) -> None:
        self._database = database
        self._on_commit = on_commit
        self._waiting: list[_Job] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Tell whether jobs are taken."""
        return self._task is not None and not self._task.done() and not self._closing

    def start(self) -> None:
        """Begin to take jobs."""
        self._task = asyncio.create_task(self._run(), name="agenttrace-writer")

    async def append(self, records: Sequence[ValidRecord]) -> None:
        """Return when the records are on disk.

        Raises:
            OverloadedError: they are not, and none of them is: the store could not be written.

        """
        if self._closing:
            raise OverloadedError("the server is stopping; nothing was stored")
        job = _Job(records, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        self._wake.set()
        await job.done

    async def close(self) -> None:
        """Write what waits, then stop."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while self._waiting or not self._closing:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self._write(self._take_group())

    def _take_group(self) -> list[_Job]:
        count = 0
        for taken, job in enumerate(self._waiting):
            count += len(job.records)
            if taken and count > MAX_GROUP_RECORDS:
                group, self._waiting = self._waiting[:taken], self._waiting[taken:]
                return group
        group, self._waiting = self._waiting, []
        return group

    async def _write(self, group: list[_Job]) -> None:
        try:
            await self._commit(group)
        except Exception as error:  # noqa: BLE001 -- whatever it was, the waiters must hear of it
            if len(group) > 1:
                for job in group:
                    await self._write([job])
                return
            _fail(group[0], error)

    async def _commit(self, group: list[_Job]) -> None:
        records = [record for job in group for record in job.records]
        appended = await self._database.write(append_records, records)
        self._on_commit(appended)
        for job in group:
            if not job.done.done():  # a client that has gone away cancelled it
                job.done.set_result(None)


def _fail(job: _Job, error: Exception) -> None:
    _log.error("a batch of %d records was not stored", len(job.records), exc_info=error)
    if not job.done.done():
        cause = error.orig if isinstance(error, DBAPIError) else type(error).__name__
        job.done.set_exception(OverloadedError(f"the store could not be written ({cause})"))
