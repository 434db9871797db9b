"""Group commit: what waits is written in one transaction, and answered when that is on disk.

A commit with `synchronous=FULL` costs one sync of the disk whether it holds one record or ten
thousand. So one task takes everything that waits, commits it, and resolves the waiters. None is
resolved before the commit. When the database fails, the jobs are tried one by one, so that a job
fails alone and can be sent again. When a record makes the program fail, it would do so again: it
alone is refused, and the others are stored.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError

from agenttrace_server.errors import OverloadedError
from agenttrace_server.storage.append import Appended, append_records
from agenttrace_server.storage.faults import blames_store, describe_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from agenttrace_server.storage.engine import Database
    from agenttrace_server.storage.sole_spans import Incoming

MAX_GROUP_RECORDS: Final = 20_000
"""A commit takes no more than this many records (or one job), so that none waits for long."""

_DELETED: Final = "run_deleted"
_FOREIGN: Final = "run_not_found"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that cannot be stored, now or later."""

    index: int
    """Among those that were given."""
    reason: str
    code: str = "not_stored"
    """For programs: `not_stored`, `run_deleted` or `run_not_found`."""


@dataclass(slots=True)
class _Job:
    records: Sequence[Incoming]
    project_id: str
    done: asyncio.Future[tuple[Refusal, ...]]


class Writer:
    """The one queue to the store. `on_commit` is called on the event loop after each commit.

    `on_end` is told what a try to commit took, in seconds, and whether it came to that.
    """

    def __init__(
        self,
        database: Database,
        *,
        on_commit: Callable[[Appended], None],
        on_end: Callable[[float, bool], None] = lambda _took_s, _is_done: None,
    ) -> None:
        self._database = database
        self._on_commit = on_commit
        self._on_end = on_end
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

    async def append(self, records: Sequence[Incoming], project_id: str) -> tuple[Refusal, ...]:
        """Return when the records of a project are on disk, all but those that are returned.

        Raises:
            OverloadedError: they are not, and none of them is: the store could not be written.

        """
        if self._closing:
            raise OverloadedError("the server is stopping; nothing was stored")
        job = _Job(records, project_id, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        self._wake.set()
        return await job.done

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
        """Take what waits of the first one's project; the others are next, in their order."""
        project_id = self._waiting[0].project_id
        group: list[_Job] = []
        left: list[_Job] = []
        count = 0
        for job in self._waiting:
            count += len(job.records) if job.project_id == project_id else 0
            is_next = job.project_id == project_id and not (group and count > MAX_GROUP_RECORDS)
            (group if is_next else left).append(job)
        self._waiting = left
        return group

    async def _write(self, group: list[_Job]) -> None:
        try:
            await self._commit(group)
        except Exception as error:  # noqa: BLE001 -- whatever it was, the waiters must hear of it
            if len(group) > 1 and not isinstance(error, OverloadedError):
                for job in group:
                    await self._write([job])
                return
            for job in group:
                _fail(job, error)

    async def _commit(self, group: list[_Job]) -> None:
        begin_s = time.monotonic()
        is_done = False
        try:
            await self._store(group)
            is_done = True
        finally:
            self._on_end(time.monotonic() - begin_s, is_done)

    async def _store(self, group: list[_Job]) -> None:
        records = [record for job in group for record in job.records]
        project_id = group[0].project_id
        refused: dict[int, Exception] = {}
        try:
            appended = await self._database.write(append_records, records, project_id=project_id)
        except Exception as error:
            if blames_store(error):
                raise
            appended, refused = await self._database.write(
                append_sound_records, records, project_id
            )
            _report(refused)
        self._tell(appended)  # on disk from here on: nothing may make it look otherwise
        refusals = _list_refusals(records, refused, appended)
        start = 0
        for job in group:
            end = start + len(job.records)
            own = [replace(r, index=r.index - start) for r in refusals if start <= r.index < end]
            if not job.done.done():  # a client that has gone away cancelled it
                job.done.set_result(tuple(own))
            start = end

    def _tell(self, appended: Appended) -> None:
        try:
            self._on_commit(appended)
        except Exception:  # noqa: BLE001 -- whatever it was, the records are stored
            _log.exception("records are stored, but followers may hear of them late")


def append_sound_records(
    connection: Connection, records: Sequence[Incoming], project_id: str
) -> tuple[Appended, dict[int, Exception]]:
    """Merge a project's records that can be merged; return why others cannot, by their places.

    Halves what fails until the guilty ones are alone, each try within a savepoint.
    """
    done: list[Appended] = []
    refused: dict[int, Exception] = {}

    def append_part(start: int, end: int) -> None:
        savepoint = connection.begin_nested()
        try:
            part = records[start:end]
            done.append(append_records(connection, part, project_id=project_id))
        except Exception as error:
            savepoint.rollback()
            if blames_store(error):
                raise
            if end - start == 1:
                refused[start] = error
                return
        else:
            savepoint.commit()
            return
        middle = (start + end) // 2
        append_part(start, middle)
        append_part(middle, end)

    append_part(0, len(records))
    changed = frozenset(run_id for appended in done for run_id in appended.run_ids)
    deleted = frozenset(run_id for appended in done for run_id in appended.deleted)
    foreign = frozenset(run_id for appended in done for run_id in appended.foreign)
    end = max((appended.end for appended in done), default=0)
    return Appended(end, changed, deleted, foreign), refused


def _list_refusals(
    records: Sequence[Incoming], refused: dict[int, Exception], appended: Appended
) -> list[Refusal]:
    refusals = [Refusal(place, _describe(error)) for place, error in refused.items()]
    for run_ids, code, reason in (
        (appended.deleted, _DELETED, "was deleted; it takes no more records"),
        (appended.foreign, _FOREIGN, "is none of this project"),
    ):
        if run_ids:
            refusals += [
                Refusal(place, f"run {record.run_id} {reason}", code)
                for place, record in enumerate(records)
                if record.run_id in run_ids and place not in refused
            ]
    return refusals


def _describe(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return f"the record could not be stored ({type(cause).__name__}: {cause})"


def _report(refused: dict[int, Exception]) -> None:
    for error in list(refused.values())[:1]:  # a client that errs, errs often
        _log.error("%d records were refused; the first of them", len(refused), exc_info=error)


def _fail(job: _Job, error: Exception) -> None:
    _log.error("a batch of %d records was not stored", len(job.records), exc_info=error)
    if job.done.done():
        return
    if blames_store(error) and not isinstance(error, OverloadedError):
        error = OverloadedError(f"the store could not be written ({describe_fault(error)})")
    job.done.set_exception(error)
