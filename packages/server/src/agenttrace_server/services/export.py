"""Giving a run away as it was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agenttrace_server.services.runs import parse_run_id
from agenttrace_server.storage import export
from agenttrace_server.storage.spans import BEFORE_ALL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from agenttrace_server.storage.engine import Database


class ExportService:
    """Writes runs as NDJSON, a hundred records at a time: a large run is never whole in memory."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def export_run(self, run_id: str) -> AsyncIterator[bytes] | None:
        """Return the lines of a run, its own first, then spans, then events; None: no such run.

        A run that goes on meanwhile may come with spans that are newer than its first line; taken
        in again they merge as any records do.
        """
        if parse_run_id(run_id) is None:
            return None
        first = await self._database.read(export.read_run_line, run_id)
        return None if first is None else self._write(run_id, first)

    async def _write(self, run_id: str, first: bytes) -> AsyncIterator[bytes]:
        yield first
        after: tuple[int, str] | None = BEFORE_ALL
        while after is not None:
            lines, after = await self._database.read(export.read_span_lines, run_id, after)
            yield lines
        seq: int | None = -1
        while seq is not None:
            lines, seq = await self._database.read(export.read_event_lines, run_id, seq)
            yield lines
