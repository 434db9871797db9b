"""Which runs are whose: every door that takes an id asks here first.

A run of another project is answered as one that there is not. A run never changes its project, so
what was looked up once is known.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from agenttrace_server.storage.owners import find_annotated, read_owners

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agenttrace_server.storage.engine import Database

MAX_KNOWN_RUNS: Final = 100_000
"""About 20 MB."""


class AccessService:
    """Tells the runs of a project from others."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._owners: OrderedDict[str, str] = OrderedDict()

    async def owns(self, project_id: str, run_id: str) -> bool:
        """Tell whether a run is, or was, of a project; not, when there is no such run."""
        return bool(await self.keep_own(project_id, [run_id]))

    async def owns_annotation(self, project_id: str, annotation_id: str) -> bool:
        """Tell whether an annotation is of a run of a project."""
        run_id = await self._database.read(find_annotated, annotation_id)
        return run_id is not None and await self.owns(project_id, run_id)

    async def keep_own(self, project_id: str, run_ids: Iterable[str]) -> set[str]:
        """Return those of these runs that are of a project."""
        owners: dict[str, str] = {}
        unknown: list[str] = []
        for run_id in dict.fromkeys(run_ids):
            owner = self._owners.get(run_id)
            if owner is None:
                unknown.append(run_id)
            else:
                self._owners.move_to_end(run_id)
                owners[run_id] = owner
        if unknown:
            found = await self._database.read(read_owners, unknown)
            owners |= found
            self._owners |= found
            while len(self._owners) > MAX_KNOWN_RUNS:
                self._owners.popitem(last=False)
        return {run_id for run_id, owner in owners.items() if owner == project_id}
