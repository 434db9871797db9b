"""Records of the wire, and lines of NDJSON, for tests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from typing import Any

from agenttrace.wire.models import ValidRecord
from agenttrace.wire.validation import parse_line

START_NS = 1_790_000_000_000_000_000
Record = dict[str, Any]


def make_run_id(number: int) -> str:
    """Return the id of a run."""
    return f"{number + 1:032x}"


def make_timed_id(day: date, number: int = 0) -> str:
    """Return the id of a run that was made on a day: a UUIDv7."""
    start_ms = (day - date(1970, 1, 1)).days * 86_400_000
    return f"{start_ms + number:012x}7000{0x8000 + number:04x}{number:012x}"


def make_span_id(number: int) -> str:
    """Return the id of a span."""
    return f"{number + 1:016x}"


def make_run(number: int = 0, *, status: str = "STARTED", rev: int = 0, **fields: Any) -> Record:
    """Return a snapshot of a run."""
    record: Record = {
        "v": 1,
        "type": "run",
        "run_id": make_run_id(number),
        "rev": rev,
        "name": "agent",
        "status": status,
        "start_ns": START_NS,
    }
    if status != "STARTED":
        record.update(end_ns=START_NS + 5_000_000, duration_ns=5_000_000)
    return {**record, **fields}


def make_span(
    number: int = 0,
    *,
    run: int = 0,
    status: str = "COMPLETED",
    rev: int = 1,
    span_type: str = "CUSTOM",
    **fields: Any,
) -> Record:
    """Return a snapshot of a span; its `seq` is its number."""
    record: Record = {
        "v": 1,
        "type": "span",
        "run_id": make_run_id(run),
        "span_id": make_span_id(number),
        "rev": rev,
        "name": f"step {number}",
        "span_type": span_type,
        "status": status,
        "start_ns": START_NS + number * 1_000_000,
        "seq": number,
        "lane": 0,
        "effect": "none",
    }
    if status != "STARTED":
        record.update(end_ns=record["start_ns"] + 500_000, duration_ns=500_000)
    return {**record, **fields}


def make_event(
    seq: int, *, run: int = 0, span: int | None = 0, name: str = "chunk", **fields: Any
) -> Record:
    """Return an event."""
    record: Record = {
        "v": 1,
        "type": "event",
        "run_id": make_run_id(run),
        "seq": seq,
        "t_ns": START_NS + seq * 1_000_000,
        "name": name,
    }
    if span is not None:
        record["span_id"] = make_span_id(span)
    return {**record, **fields}


def make_payload(value: Any) -> Record:
    """Return a value as the wire carries it."""
    return {"value": value, "codec": "json", "fidelity": "exact"}


def make_call(number: int, **fields: Any) -> Record:
    """Return a call of a model, with tokens and a cost."""
    call: Record = {
        "span_type": "LLM_CALL",
        "model": "gpt-4",
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "source": "reported"},
        "cost": {"usd": "0.0012", "source": "rates"},
        **fields,
    }
    return make_span(number, **call)


def dump_lines(records: Iterable[Record]) -> bytes:
    """Return records as NDJSON."""
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def check_records(records: Iterable[Record]) -> list[ValidRecord]:
    """Return records as the server sees them after validation."""
    return [parse_line(json.dumps(record).encode()) for record in records]
