"""Deleting runs, as use cases. Once they return, nothing of the runs can be read any more."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from agenttrace_server.storage import deletion
from agenttrace_server.storage.orders import RunSort, read_sort_key
from agenttrace_server.storage.runs import RunSlice, list_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agenttrace_server.storage.append import Appended
    from agenttrace_server.storage.criteria import RunFilter
    from agenttrace_server.storage.engine import Database

RUNS_A_COMMIT: Final = 50

_log = logging.getLogger(__name__)


class DeletionService:
    """Deletes runs. `on_commit` is called on the event loop after a commit, to tell followers."""

    def __init__(
        self,
        database: Database,
        *,
        on_commit: Callable[[Appended], None],
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._database = database
        self._on_commit = on_commit
        self._clock_ns = clock_ns

    async def delete_run(self, run_id: str) -> bool:
        """Delete a run with all that hangs from it; tell whether there was one."""
        return await self._delete([run_id]) == 1

    async def delete_runs(self, run_ids: Sequence[str]) -> int:
        """Delete runs by id; return how many there were."""
        count = 0
        for start in range(0, len(run_ids), RUNS_A_COMMIT):
            count += await self._delete(run_ids[start : start + RUNS_A_COMMIT])
        return count

    async def delete_matching(self, run_filter: RunFilter) -> int:
        """Delete the runs that match; return how many. Newer ones that come meanwhile stay."""
        part = RunSlice(RunSort.START_TIME, descending=True, count=RUNS_A_COMMIT)
        count, has_more = 0, True
        while has_more:
            page = await self._database.read(list_runs, run_filter, part)
            has_more = page.has_next
            if page.items:
                count += await self._delete([run.run_id for run in page.items])
                part = replace(part, after=read_sort_key(page.items[-1], RunSort.START_TIME))
        return count

    async def finish(self) -> None:
        """Take out what a server that ended left of deleted runs."""
        try:
            await self._delete_details(await self._database.read(deletion.list_unfinished))
        except Exception:  # noqa: BLE001 -- whatever it was, the server runs on without it
            _log.exception("what is left of deleted runs stays until the next start")

    async def _delete(self, run_ids: Sequence[str]) -> int:
        gone = await self._database.write(deletion.delete_runs, run_ids, now_ns=self._clock_ns())
        self._on_commit(gone)
        await self._delete_details(sorted(gone.run_ids))
        return len(gone.run_ids)

    async def _delete_details(self, run_ids: list[str]) -> None:
        while run_ids:
            run_ids = await self._database.write(deletion.delete_details, run_ids)
