"""Records of runs that tests make up, as wire dicts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agenttrace.trace import RecordedRun, load_runs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

START_NS = 1_700_000_000_000_000_000
RUN_ID = "0193a5f0c0de70008000000000000001"


def make_run(run_id: str = RUN_ID, **fields: Any) -> dict[str, Any]:
    """Return the first snapshot of a run, or with fields a later one."""
    return {
        "v": 1,
        "type": "run",
        "run_id": run_id,
        "rev": 0,
        "name": "agent",
        "status": "STARTED",
        "start_ns": START_NS,
        **fields,
    }


def make_span(number: int, **fields: Any) -> dict[str, Any]:
    """Return a span that has ended: its id and, unless given, its `seq` are the number's."""
    seq = fields.get("seq", number * 2)
    return {
        "v": 1,
        "type": "span",
        "run_id": RUN_ID,
        "span_id": f"{number:016x}",
        "rev": 1,
        "name": f"step {number}",
        "span_type": "CUSTOM",
        "status": "COMPLETED",
        "start_ns": START_NS + seq * 1_000_000,
        "end_ns": START_NS + seq * 1_000_000 + 500_000,
        "duration_ns": 500_000,
        "seq": seq,
        "end_seq": seq + 1,
        "lane": 0,
        "effect": "none",
        **fields,
    }


def make_event(seq: int, name: str, value: Any = None, **fields: Any) -> dict[str, Any]:
    """Return an event of the run, or with `span_id` of a span."""
    return {
        "v": 1,
        "type": "event",
        "run_id": RUN_ID,
        "seq": seq,
        "t_ns": START_NS + seq * 1_000_000,
        "name": name,
        "body": make_payload(value),
        **fields,
    }


def make_payload(value: Any) -> dict[str, Any]:
    """Return a value as a payload."""
    return {"value": value, "codec": "json", "fidelity": "exact"}


def span_id(number: int) -> str:
    """Return the id that `make_span` gives."""
    return f"{number:016x}"


def load(records: Iterable[dict[str, Any]]) -> RecordedRun:
    """Return the only run of these records, all of which can be read."""
    recording = load_runs(records)
    assert recording.problems == []
    (run,) = recording.runs
    return run


def write_file(path: Path, records: Iterable[dict[str, Any]]) -> Path:
    """Write records as a JSONL file."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path
