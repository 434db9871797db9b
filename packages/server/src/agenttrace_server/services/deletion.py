"""Deleting runs, as use cases. Once they return, nothing of the runs can be read any more.

A request's runs go in one commit, all or none of them. Their rows are taken out by a task
afterwards, in steps that hold up nobody for long: it goes on whatever became of the request, after
a failure of the store, and after a restart; of several servers on one store, each takes part.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from agenttrace_server.deeds import Action
from agenttrace_server.identity import SERVER, Actor
from agenttrace_server.services.audit import make_deed
from agenttrace_server.storage import deletion, erasure
from agenttrace_server.storage.orders import RunSort
from agenttrace_server.storage.partitions import drop_empty_days
from agenttrace_server.storage.runs import RunSlice, list_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from datetime import date

    from agenttrace_server.storage.append import Appended
    from agenttrace_server.storage.audit import Deed
    from agenttrace_server.storage.criteria import RunFilter
    from agenttrace_server.storage.deletion import Step
    from agenttrace_server.storage.engine import Database

R = TypeVar("R")

MAX_RUNS: Final = 1_000
"""That one request deletes: they go in one commit, which others wait for."""
MAX_OLD_RUNS: Final = 100
"""That one commit of `delete_before` takes: nobody waits for all of them to go together."""
LOOK_EVERY_S: Final = 10.0
"""For what another server left."""
PAUSE_S: Final = 0.02
"""Between two steps, at least: records that wait are stored. A step that took longer, or waited
longer for its turn, is followed by a pause of that length: others need the store."""
MAX_PAUSE_S: Final = 0.5
ERASE_EVERY_S: Final = 3_600.0
"""Words of deleted runs are taken out of the index files so often at most, and what that takes is
a small part of the time however large the index is."""
ERASE_SHARE: Final = 0.05
MIN_RETRY_S: Final = 0.5
MAX_RETRY_S: Final = 30.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Deleted:
    """What became of a deletion by filter."""

    count: int
    has_more: bool
    """More runs match; they are still there."""


class DeletionService:
    """Deletes runs. `on_commit` is called on the event loop after a commit, to tell followers.

    With `remembers`, the audit log has what was deleted, in the commit that deletes it: by the
    actor that asked, or for its age.
    """

    def __init__(
        self,
        database: Database,
        *,
        on_commit: Callable[[Appended], None],
        remembers: bool = False,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._database = database
        self._on_commit = on_commit
        self._remembers = remembers
        self._clock_ns = clock_ns
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        """Held for a step, and while whole days go: their rows need no steps."""
        self._deletions: set[asyncio.Task[int]] = set()
        self._has_traces = True
        """Of deleted runs in the files: nobody knows what an earlier start left."""
        self._erase_at_s = -math.inf

    async def delete_run(self, run_id: str, project_id: str, actor: Actor | None = None) -> bool:
        """Delete a project's run with all that hangs from it; tell whether there was one."""
        return await self.delete_runs([run_id], project_id, actor) == 1

    async def delete_runs(
        self, run_ids: Sequence[str], project_id: str, actor: Actor | None = None
    ) -> int:
        """Delete a project's runs by id, at most `MAX_RUNS`, all or none; return the count."""
        return await self._delete_named(run_ids, project_id, actor, "by id")

    async def delete_matching(self, run_filter: RunFilter, actor: Actor | None = None) -> Deleted:
        """Delete the runs that match, the newest `MAX_RUNS` of them, all or none."""
        part = RunSlice(RunSort.START_TIME, descending=True, count=MAX_RUNS)
        page = await self._database.read(list_runs, run_filter, part)
        run_ids = [run.run_id for run in page.items]
        count = await self._delete_named(run_ids, run_filter.project_id, actor, "by filter")
        return Deleted(count, page.has_next)

    async def _delete_named(
        self, run_ids: Sequence[str], project_id: str, actor: Actor | None, target: str
    ) -> int:
        if len(run_ids) > MAX_RUNS:
            raise ValueError(f"{len(run_ids)} runs to delete; at most {MAX_RUNS} at once")
        now_ns = self._clock_ns()
        deed = None
        if self._remembers and actor is not None:
            deed = make_deed(actor, Action.RUNS_DELETED, target, now_ns=now_ns)
        return await self._delete(
            self._database.write(
                deletion.delete_runs, run_ids, project_id=project_id, now_ns=now_ns, deed=deed
            )
        )

    async def delete_before(self, day: date) -> int:
        """Delete the runs that were over, and last heard of, before a day of UTC; return how many.

        On PostgreSQL days of which no run is left are dropped whole. A run that is open, or of
        which a record came since, stays with all that it has. What is not dropped goes in steps.
        """
        count = 0
        async with self._turn:
            for project_id in await self._database.read(deletion.list_owners):
                count += await self._delete_old(project_id, day)
            await self._drop_days(day)
        return count

    async def _delete_old(self, project_id: str, day: date) -> int:
        before_ns = deletion.start_of_day(day)
        count = 0
        after: tuple[int, str] | None = (-(2**63), "")
        while after is not None:
            old = await self._database.read(
                deletion.list_old_runs,
                project_id,
                before_ns=before_ns,
                after=after,
                limit=MAX_OLD_RUNS,
            )
            after = old.after
            if old.run_ids:
                now_ns = self._clock_ns()
                count += await self._delete(
                    self._database.write(
                        deletion.delete_old_runs,
                        old.run_ids,
                        project_id=project_id,
                        before_ns=before_ns,
                        now_ns=now_ns,
                        deed=_make_deed(day, now_ns) if self._remembers else None,
                    )
                )
            await asyncio.sleep(PAUSE_S)
        return count

    async def run(self) -> None:
        """Take out what is left of deleted runs, until it is cancelled. Failures are tried again.

        Of several in a row the first is logged.
        """
        retry_s = MIN_RETRY_S
        while True:
            self._wake.clear()
            try:
                await self.finish()
            except Exception as error:  # noqa: BLE001 -- whatever it was, the next may do better
                if retry_s == MIN_RETRY_S:
                    _log.warning("rows of deleted runs stay for now; trying again: %s", error)
                await asyncio.sleep(retry_s)
                retry_s = min(2 * retry_s, MAX_RETRY_S)
                continue
            retry_s = MIN_RETRY_S
            try:
                await asyncio.wait_for(self._wake.wait(), LOOK_EVERY_S)
            except TimeoutError:
                continue

    async def finish(self) -> None:
        """Return when nothing is left of deleted runs, whoever deleted them, nor their space."""
        while await self._database.read(deletion.has_leftovers):
            self._has_traces = True
            await self._take_turn(deletion.take_step)
        while await self._database.read(deletion.has_free_space):
            await self._take_turn(deletion.give_space_back)
        if self._has_traces and time.monotonic() >= self._erase_at_s:
            await self.erase()

    async def erase(self) -> None:
        """Take what deleted runs said out of the files of a SQLite store.

        While somebody reads what was there before, the journal keeps it: it is tried again.
        """
        begin_s = time.monotonic()
        if await self._database.read(erasure.has_deleted_runs):
            has_more = await self._take_turn(erasure.begin_merge)
            while has_more:
                has_more = await self._take_turn(erasure.go_on_merging)
            self._has_traces = not await self._database.fold_journal()
        else:
            self._has_traces = False
        end_s = time.monotonic()
        if not self._has_traces:
            self._erase_at_s = end_s + max(ERASE_EVERY_S, (end_s - begin_s) / ERASE_SHARE)

    async def close(self) -> None:
        """Wait for the deletions that are under way. What is left goes after the next start."""
        if self._deletions:
            await asyncio.wait(self._deletions)

    async def _take_turn(self, step: Step[R]) -> R:
        begin_s = time.monotonic()
        async with self._turn:
            result = await self._database.write(step)
        await asyncio.sleep(min(MAX_PAUSE_S, max(PAUSE_S, time.monotonic() - begin_s)))
        return result

    async def _drop_days(self, before: date) -> None:
        dropped = await self._database.write(drop_empty_days, before, limit=1)
        while dropped:
            await asyncio.sleep(PAUSE_S)
            dropped = await self._database.write(drop_empty_days, before, limit=1)

    async def _delete(self, commit: Coroutine[Any, Any, Appended]) -> int:
        # A task of its own: the commit is told to followers also when nobody waits for it.
        task = asyncio.create_task(self._tell(commit))
        self._deletions.add(task)
        task.add_done_callback(self._note_end)
        return await asyncio.shield(task)

    async def _tell(self, commit: Coroutine[Any, Any, Appended]) -> int:
        gone = await commit
        if gone.run_ids:
            self._wake.set()
            self._on_commit(gone)
        return len(gone.run_ids)

    def _note_end(self, task: asyncio.Task[Any]) -> None:
        self._deletions.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("runs were not deleted: %s", error)


def _make_deed(day: date, now_ns: int) -> Deed:
    return make_deed(
        Actor(SERVER), Action.RUNS_DELETED, f"runs from before {day}, by retention", now_ns=now_ns
    )
