"""Giving a run away as it was recorded, and what was added to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from agenttrace_server.errors import GoneError
from agenttrace_server.services.runs import parse_run_id
from agenttrace_server.storage import export
from agenttrace_server.storage.additions import read_annotation_lines, read_tag_line
from agenttrace_server.storage.export import read_event_lines, read_span_lines, read_start_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from agenttrace_server.storage.additions import AnnotationPlace
    from agenttrace_server.storage.engine import Database

T = TypeVar("T")


class ExportService:
    """Writes runs as NDJSON, step by step: a large run is never whole in memory.

    A step is a thousand records, or as many as have 4 MiB of texts, but at least one.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def export_run(self, run_id: str) -> AsyncIterator[bytes] | None:
        """Return the lines of a run: its own, spans, events, additions; None: no such run.

        A run that goes on meanwhile may come with spans that are newer than its first line; taken
        in again they merge as any records do. The lines end early, with `GoneError`, when the run
        is deleted meanwhile.
        """
        if parse_run_id(run_id) is None:
            return None
        first = await self._database.read(export.read_run_line, run_id)
        return None if first is None else self._write(run_id, first)

    async def _write(self, run_id: str, first: bytes) -> AsyncIterator[bytes]:
        yield first
        span_id: str | None = ""
        while span_id is not None:
            lines, span_id = _take(await self._database.read(read_span_lines, run_id, span_id))
            yield lines
        if not first:
            yield await self._database.read(read_start_line, run_id)
        seq: int | None = -1
        while seq is not None:
            lines, seq = _take(await self._database.read(read_event_lines, run_id, seq))
            yield lines
        yield _take(await self._database.read(read_tag_line, run_id))
        place: AnnotationPlace | None = ("", "")
        while place is not None:
            step = await self._database.read(read_annotation_lines, run_id, place)
            lines, place = _take(step)
            yield lines


def _take(step: T | None) -> T:
    if step is None:
        raise GoneError("the run was deleted while it was given away")
    return step
