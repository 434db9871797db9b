"""The wire format for ever: a scripted run, compared byte for byte with the files in golden/.

A change of these bytes is a change of the format. `python packages/sdk/tests/test_golden.py` writes
them anew; review what it changed.
"""

from __future__ import annotations

import linecache
from pathlib import Path
from typing import Any

import pytest

from agenttrace import Tracer
from agenttrace.pipeline.drops import RunDrops, tell_drops
from agenttrace.plugins import encode_records
from agenttrace.settings import Settings
from agenttrace.testing import IncrementalIds, MemoryExporter, StepClock, collect
from agenttrace.wire.validation import parse_line

GOLDEN = Path(__file__).parent / "golden"
PROGRAM = "research_agent.py"


def record_agent(*, payload_max_bytes: int = 1024 * 1024) -> list[bytes]:
    """Run the golden program under a name without a folder, and return its lines."""
    source = (GOLDEN / PROGRAM).read_text()
    # Tracebacks and source hashes then do not depend on where the repository is.
    linecache.cache[PROGRAM] = (len(source), None, source.splitlines(keepends=True), PROGRAM)
    program: dict[str, Any] = {"__name__": "research_agent"}
    exec(compile(source, PROGRAM, "exec", dont_inherit=True), program)
    memory = MemoryExporter()
    tracer = Tracer(
        exporter=memory,
        clock=StepClock(),
        id_generator=IncrementalIds(),
        resource={"service.name": "golden", "process.pid": 7},
        settings=Settings(payload_max_bytes=payload_max_bytes),
    )
    with pytest.raises(TimeoutError):
        program["main"](tracer)
    lines = encode_records(collect(tracer, memory))
    tracer.shutdown(timeout_s=5)
    return lines


def _lose_steps(lines: list[bytes]) -> list[bytes]:
    """Return the records of runs as they leave a recorder that had no room for the rest."""
    drops = RunDrops()
    runs = [line for line in lines if b'"type":"run"' in line[:32]]
    drops.note_lines((line for line in lines if line not in runs), "queue_full")
    return tell_drops(runs, drops, None)


def record_all() -> dict[str, list[bytes]]:
    """Return the lines of each golden file."""
    return {
        "research_agent.ndjson": record_agent(),
        "truncated.ndjson": record_agent(payload_max_bytes=64),
        "dropped.ndjson": _lose_steps(record_agent()),
    }


def test_the_bytes_are_those_of_the_golden_files() -> None:
    """Order of records, of fields, and every digit."""
    for name, lines in record_all().items():
        assert lines == (GOLDEN / name).read_bytes().splitlines()


def test_every_golden_line_is_a_record() -> None:
    """What this version wrote, every later version reads."""
    paths = sorted(GOLDEN.glob("*.ndjson"))
    assert len(paths) == 3
    for path in paths:
        for line in path.read_bytes().splitlines():
            parse_line(line)


if __name__ == "__main__":
    for file_name, file_lines in record_all().items():
        (GOLDEN / file_name).write_bytes(b"\n".join(file_lines) + b"\n")
