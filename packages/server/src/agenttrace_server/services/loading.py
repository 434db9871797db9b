"""A stored run as the SDK's library reads it: by the lines of its export, but for its events."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agenttrace.trace.reading import decode_line, split_lines
from agenttrace.trace.run import RunCollector
from agenttrace_server.errors import GoneError
from agenttrace_server.storage.export import read_run_line, read_span_lines, read_start_line

if TYPE_CHECKING:
    from agenttrace.trace.run import RecordedRun
    from agenttrace_server.storage.engine import Database


async def load_run(database: Database, run_id: str) -> RecordedRun:
    """Return a run, whole in memory but for its events.

    Raises:
        GoneError: it is not there any more.

    """
    first = await database.read(read_run_line, run_id)
    if first is None:
        raise GoneError(f"there is no run {run_id} any more")
    collector = RunCollector()
    parts = [first or await database.read(read_start_line, run_id)]
    span_id: str | None = ""
    while span_id is not None:
        step = await database.read(read_span_lines, run_id, span_id)
        if step is None:
            raise GoneError(f"run {run_id} was deleted while it was read")
        lines, span_id = step
        await asyncio.to_thread(_collect, collector, b"".join([*parts, lines]))
        parts = []
    runs = collector.make_runs()
    if not runs:
        raise GoneError(f"there is no run {run_id} any more")
    return runs[0]


def _collect(collector: RunCollector, lines: bytes) -> None:
    for line in split_lines(text for text in lines.split(b"\n") if text):
        collector.add(decode_line(line))
