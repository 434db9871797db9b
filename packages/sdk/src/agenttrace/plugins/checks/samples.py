"""Records to try plugins with: runs as the recorder writes them, and odd ones that are valid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agenttrace.encoding.payload import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agenttrace.wire import Record

START_NS = 1_700_000_000_000_000_000


def make_runs(count: int, *, first: int = 1) -> list[list[Record]]:
    """Return the records of `count` runs, each with ids of its own: batches of six.

    A run has its start, a span's start and end, an event and a failed span beside its end. `first`
    is the number of the first run.
    """
    return [_make_run(number) for number in range(first, first + count)]


def _make_run(number: int) -> list[Record]:
    run_id = f"{number:032x}"
    start_ns = START_NS + number * 1_000_000
    run: dict[str, Any] = {"v": 1, "type": "run", "run_id": run_id, "name": f"agent {number}"}
    run |= {"rev": 0, "status": "STARTED", "start_ns": start_ns, "correlation_id": f"c-{number}"}
    span: dict[str, Any] = {"v": 1, "type": "span", "run_id": run_id, "span_id": f"{1:016x}"}
    span |= {"rev": 0, "name": "search", "span_type": "TOOL_CALL", "status": "STARTED", "seq": 1}
    span |= {"start_ns": start_ns + 1, "lane": 0, "effect": "read"}
    end_ns = start_ns + 500_000
    ended = {"rev": 1, "end_ns": end_ns, "duration_ns": 499_999}
    output = {"value": {"found": [number, "é ✓"]}, "codec": "json", "fidelity": "exact"}
    error = {"type": "builtins.ValueError", "message": "no such page"}
    event: dict[str, Any] = {"v": 1, "type": "event", "run_id": run_id, "span_id": span["span_id"]}
    event |= {"seq": 2, "t_ns": start_ns + 2, "name": "chunk", "body": output}
    failed = {**span, **ended, "span_id": f"{2:016x}", "seq": 3, "end_seq": 5, "error": error}
    records: list[Any] = [
        run,
        span,
        event,
        {**span, **ended, "status": "COMPLETED", "outcome": "ok", "end_seq": 4, "output": output},
        {**failed, "status": "ERROR", "outcome": "error"},
        {**run, **ended, "status": "COMPLETED", "output": output},
    ]
    return records


def make_odd_records() -> list[list[Record]]:
    """Return batches of records that are valid and seldom seen: what a processor must stand."""
    run_id = "f" * 32
    base: dict[str, Any] = {"v": 1, "run_id": run_id}
    run = {**base, "type": "run", "name": "?", "rev": 0, "status": "STARTED", "start_ns": 0}
    span = {**base, "type": "span", "span_id": "f" * 16, "rev": 0, "name": "ünï\u2028\U0001f600"}
    span |= {"span_type": "CUSTOM", "status": "INTERRUPTED", "start_ns": 0, "end_ns": 0, "seq": 1}
    span |= {"lane": 0, "effect": "unknown"}
    event = {**base, "type": "event", "seq": 7, "t_ns": 0, "name": "x"}
    cut = {
        "value": "abc…",
        "codec": "json",
        "fidelity": "truncated",
        "bytes": 9**9,
        "sha256": "0" * 64,
    }
    batches: list[list[Any]] = [
        [],
        [event],  # of a span and a run that were never seen, without a span or a body
        [{**span, "input": cut, "attributes": {}, "usage": {"source": "estimated"}}],
        [run, run, {**run, "rev": 9, "status": "INTERRUPTED", "tags": [], "attributes": {}}],
        [{**span, "parent_span_id": "e" * 16, "error": {"type": "?", "message": ""}}],
        [{**span, "output": {"value": None, "codec": "json", "fidelity": "opaque"}}],
        [{**span, "output": {"value": [10**400, 1e308], "codec": "json", "fidelity": "exact"}}],
        [{**run, "a_field_of_a_later_version": {"x": [1]}}, {**span, "also_later": None}],
        [{**run, "name": "x" * 512, "resource": {}, "correlation_id": "c"}],
    ]
    return batches


def copy_records(records: Sequence[Record]) -> list[Record]:
    """Return records of one's own, as a pipeline decodes them."""
    import json  # noqa: PLC0415 -- for authors' tests only

    return [json.loads(write_json(record)) for record in records]


def identify(record: Mapping[str, object]) -> tuple[object, ...]:
    """Return what tells a record's subject apart: a run, a span, or an event by its place."""
    place = "span_id" if record["type"] == "span" else "seq"
    return tuple(record.get(key) for key in ("type", "run_id", place))
