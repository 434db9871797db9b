"""Following runs: what the store has after a cursor, then what comes. No gap and no duplicate.

The store is read by cursor every time; the bus only says when to look again. So nothing waits in
memory for a slow follower: it is behind in the log, and gets the rest when it asks for it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from agenttrace.wire import is_terminal
from agenttrace_server.errors import InvalidArgumentError
from agenttrace_server.live.bus import EVERY_RUN, Bus
from agenttrace_server.live.place import Gap, Place, Told
from agenttrace_server.services.runs import RunFilter, parse_run_id
from agenttrace_server.storage import changes
from agenttrace_server.storage.positions import Cursor, parse_cursor, read_end

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from agenttrace_server.records import ChangedRuns, RunChanges
    from agenttrace_server.services.access import AccessService
    from agenttrace_server.storage.engine import Database

MAX_BATCH_CHANGES: Final = 250
"""Of a run: a batch is made at one go while others wait, and its spans are in memory at once."""
MAX_LIST_CHANGES: Final = 1_000
"""Of a list of runs, whose batches are of runs only: what a busy store commits in one interval."""
MAX_BATCH_BYTES: Final = 4 * 1024 * 1024
"""Of the texts of a batch's spans and events, whether they are asked for or not."""
LIST_INTERVAL_S: Final = 0.05
"""Of a list of runs, at most one batch in so many seconds: under load, changes are gathered."""


@dataclass(frozen=True, slots=True)
class RunBatch:
    """The next changes of one run. The last batch has `ended`."""

    run_id: str
    cursor: str
    gap: Gap | None
    found: RunChanges
    ended: bool


@dataclass(frozen=True, slots=True)
class ListBatch:
    """The next changes of a list of runs."""

    cursor: str
    gap: Gap | None
    found: ChangedRuns


class LiveService:
    """Followers of one run or of many."""

    def __init__(self, database: Database, bus: Bus, access: AccessService) -> None:
        self._database = database
        self._access = access
        self._bus = bus

    async def follow_run(
        self, project_id: str, run_id: str, *, after: str | None, place: Place
    ) -> AsyncGenerator[RunBatch]:
        """Yield the changes of a project's run after a cursor, or from its start, until its end.

        The run need not exist yet; one of another project is as one that does not. The first batch
        comes at once, empty if need be. After the
        run's end or deletion has been told, the stream ends; records that arrive later still are
        told to those who follow it again with the last cursor; where there are none, they get one
        empty batch, and the stream ends. A run that was given up has not ended: that is told, and
        if its recorder returns, what comes then. The place says what each batch tells, before it
        is handed out; it may ask to begin and end elsewhere.

        Raises:
            InvalidArgumentError: the run id or the cursor is malformed.

        """
        if parse_run_id(run_id) is None:
            raise InvalidArgumentError("runId must be 32 lower-case hexadecimal digits")
        with self._bus.listen(run_id) as bell:
            position, gap = await self._begin(place, bell, after, otherwise=0)
            is_first = place.start is None or gap is not None
            while is_first or not _is_told(place, position):
                bell.clear()
                found = await self._database.read(
                    changes.read_run_changes,
                    run_id,
                    after=position,
                    until=place.until,
                    limit=MAX_BATCH_CHANGES,
                    limit_bytes=MAX_BATCH_BYTES,
                )
                found = await self._leave_out_foreign(project_id, run_id, found, place.until)
                position = found.end
                ended = not found.has_more and _has_ended(found)
                if found.changes or is_first or ended:
                    place.note(_describe(found, ended=ended))
                    yield RunBatch(run_id, self._cursor(position), gap, found, ended)
                else:
                    place.pass_over(position)
                if ended:
                    return
                gap, is_first = None, False
                if not (found.has_more or _is_told(place, position)):
                    await bell.wait()

    async def _leave_out_foreign(
        self, project_id: str, run_id: str, found: RunChanges, until: int | None
    ) -> RunChanges:
        """Return what was found of a run, or nothing when it is another project's.

        Then the batch ends where that of no run would: a cursor within its changes would tell.
        """
        is_there = bool(found.changes) or found.run is not None or found.is_deleted
        if not is_there or await self._access.owns(project_id, run_id):
            return found
        return replace(
            found,
            end=await self.get_end() if until is None else until,
            has_more=False,
            changes=(),
            run=None,
            spans={},
            events={},
            is_deleted=False,
        )

    async def follow_runs(
        self, run_filter: RunFilter, *, after: str | None, place: Place
    ) -> AsyncGenerator[ListBatch]:
        """Yield the runs that change after a cursor, or from now on, for ever.

        The first batch comes at once, empty if need be: it has the cursor to go on from. For the
        place see `follow_run`.

        Raises:
            InvalidArgumentError: the cursor is malformed.

        """
        with self._bus.listen(EVERY_RUN) as bell:
            now = await self._database.read(read_end)
            position, gap = await self._begin(place, bell, after, otherwise=now)
            is_first = place.start is None or gap is not None
            while is_first or not _is_told(place, position):
                bell.clear()
                found = await self._database.read(
                    changes.read_changed_runs,
                    run_filter,
                    after=position,
                    until=place.until,
                    limit=MAX_LIST_CHANGES,
                )
                position = found.end
                if found.changes or is_first:
                    place.note(_describe(found, ended=False))
                    yield ListBatch(self._cursor(position), gap, found)
                    if place.until is None:
                        await asyncio.sleep(LIST_INTERVAL_S)
                else:
                    place.pass_over(position)
                gap, is_first = None, False
                if not (found.has_more or _is_told(place, position)):
                    await bell.wait()

    async def get_end(self) -> int:
        """Return the position of the last change: all that is committed has one up to it."""
        return await self._database.read(read_end)

    async def _begin(
        self, place: Place, bell: asyncio.Event, after: str | None, *, otherwise: int
    ) -> tuple[int, Gap | None]:
        place.bell = bell
        if place.start is not None:
            if place.gap_from is None:
                return place.start, None
            return place.start, Gap(self._cursor(place.gap_from), self._cursor(place.start))
        if after is None:
            return otherwise, None
        cursor = parse_cursor(after)
        end = await self._database.read(read_end)
        if cursor.database_id == self._database.database_id and cursor.position <= end:
            return cursor.position, None
        return end, Gap(after, self._cursor(end))

    def _cursor(self, position: int) -> str:
        return str(Cursor(self._database.database_id, position))


def _is_told(place: Place, position: int) -> bool:
    return place.until is not None and position >= place.until


def _has_ended(found: RunChanges) -> bool:
    """Tell whether nothing more is to come; of a run that was given up, something may."""
    run = found.run
    if run is None:
        return found.is_deleted
    return is_terminal(run.status) and run.interrupted_ns is None


def _describe(found: RunChanges | ChangedRuns, *, ended: bool) -> Told:
    return Told(found.end, len(found.changes), found.has_more, ended)
