"""Between records, states and rows: which field of the wire is which column.

A state's fields are the wire's fields. `usage` and `cost` are one field each (they are merged
whole) and several columns; a payload is one field, a bit in `payloads`, and a row of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from agenttrace_server.money import format_pico, parse_pico
from agenttrace_server.records import UNNAMED_RUN, Payload, PayloadKind
from agenttrace_server.storage.merge import State, dump_older, load_older

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agenttrace.wire.validation import ValidCost, ValidPayload, ValidRun, ValidSpan, ValidUsage

STORED: Final = object()
"""Stands for a payload that is in the store already and was not read."""

# By plain text: reading an enum member's value is slow on Python 3.11.
PAYLOAD_BITS: Final = {kind.value: 1 << bit for bit, kind in enumerate(PayloadKind)}

SPAN_COLUMNS: Final = [
    "parent_span_id",
    "name",
    "span_type",
    "status",
    "start_ns",
    "end_ns",
    "duration_ns",
    "seq",
    "end_seq",
    "lane",
    "effect",
    "outcome",
    "model",
    "replay_key",
    "input_hash",
    "hash_version",
    "fn_hash",
]
USAGE_COLUMNS: Final = [
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
]
RUN_COLUMNS: Final = [
    "name",
    "status",
    "correlation_id",
    "start_ns",
    "end_ns",
    "duration_ns",
    "replayed_from",
    "forked_at",
]

# Longer text than any real price: kept rounded to 10^-12, so that a hot row stays small.
_MAX_COST_TEXT: Final = 64


def read_span_fields(span: ValidSpan) -> dict[str, Any]:
    """Return the fields that a checked snapshot of a span has."""
    fields = _pick(span, SPAN_COLUMNS)
    if span.usage is not None:
        fields["usage"] = _flatten_usage(span.usage)
    if span.cost is not None:
        fields["cost"] = _flatten_cost(span.cost)
    fields.update(_read_payloads(span))
    return fields


def read_run_fields(run: ValidRun) -> dict[str, Any]:
    """Return the fields that a checked snapshot of a run has."""
    fields = _pick(run, RUN_COLUMNS)
    if run.tags is not None:
        fields["tags"] = orjson.dumps(run.tags).decode()
    fields.update(_read_payloads(run))
    if run.resource_json is not None:
        fields["resource"] = _plain_payload(run.resource_json)
    return fields


def read_payload(payload: ValidPayload) -> Payload:
    """Return a checked payload as the store keeps it."""
    return Payload(
        value_json=payload.value_json,
        codec=payload.codec,
        fidelity=payload.fidelity.value,
        whole_bytes=payload.bytes,
        sha256=payload.sha256,
    )


def load_span_state(row: Mapping[str, Any]) -> State:
    """Return the state that a row of `span` holds."""
    fields = {name: row[name] for name in SPAN_COLUMNS if row[name] is not None}
    if row["usage_source"] is not None:
        fields["usage"] = {name: row[name] for name in (*USAGE_COLUMNS, "usage_source")}
    if row["cost_usd"] is not None:
        fields["cost"] = {name: row[name] for name in ("cost_usd", "cost_source")}
    fields.update(_stored_payloads(row["payloads"]))
    return State(row["rank"], fields, load_older(row["older"]))


def dump_span_row(run_id: str, span_id: str, state: State) -> dict[str, Any]:
    """Return the row of `span` for a state."""
    fields = state.fields
    row = {name: fields.get(name) for name in SPAN_COLUMNS}
    row.update(fields.get("usage") or _NO_USAGE)
    row.update(fields.get("cost") or _NO_COST)
    row.update(
        run_id=run_id,
        span_id=span_id,
        rank=state.rank,
        older=dump_older(state.older),
        payloads=_count_bits(fields),
    )
    return row


def load_run_state(row: Mapping[str, Any]) -> State:
    """Return the state that a row of `run` holds; that of an unnamed run has no field."""
    state = State(row["rank"], {}, load_older(row["older"]))
    if state.rank >= 0:
        state.fields = {name: row[name] for name in RUN_COLUMNS if row[name] is not None}
        if row["tags"] is not None:
            state.fields["tags"] = row["tags"]
        state.fields.update(_stored_payloads(row["payloads"]))
    return state


def dump_run_row(run_id: str, state: State, *, earliest_ns: int) -> dict[str, Any]:
    """Return the row of `run` for a state, without its sums.

    A run whose own record has not come is shown as started, at the time of its earliest part.
    """
    fields = state.fields
    row = {name: fields.get(name) for name in RUN_COLUMNS}
    if not fields:
        row.update(name=UNNAMED_RUN, status="STARTED", start_ns=earliest_ns)
    row.update(
        run_id=run_id,
        rank=state.rank,
        older=dump_older(state.older),
        payloads=_count_bits(fields),
        tags=fields.get("tags"),
    )
    return row


def list_new_payloads(run_id: str, span_id: str, state: State) -> Iterator[dict[str, Any]]:
    """Yield a row of `payload` for each payload of the state that the store does not have."""
    for kind in PAYLOAD_BITS:
        payload = state.fields.get(kind)
        if isinstance(payload, Payload):
            yield {
                "run_id": run_id,
                "span_id": span_id,
                "kind": kind,
                "value_json": payload.value_json,
                "codec": payload.codec,
                "fidelity": payload.fidelity,
                "whole_bytes": payload.whole_bytes,
                "sha256": payload.sha256,
            }


_NO_USAGE: Final = dict.fromkeys((*USAGE_COLUMNS, "usage_source"))
_NO_COST: Final = dict.fromkeys(("cost_usd", "cost_source"))


def _pick(record: ValidRun | ValidSpan, names: list[str]) -> dict[str, Any]:
    values = record.__dict__
    return {name: values[name] for name in names if values[name] is not None}


def _flatten_usage(usage: ValidUsage) -> dict[str, Any]:
    values = usage.__dict__
    return {**{name: values[name] for name in USAGE_COLUMNS}, "usage_source": usage.source}


def _flatten_cost(cost: ValidCost) -> dict[str, Any]:
    usd = cost.usd if len(cost.usd) <= _MAX_COST_TEXT else format_pico(parse_pico(cost.usd))
    return {"cost_usd": usd, "cost_source": cost.source}


def _read_payloads(record: ValidRun | ValidSpan) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if record.input is not None:
        fields["input"] = read_payload(record.input)
    if record.output is not None:
        fields["output"] = read_payload(record.output)
    if record.error is not None:
        fields["error"] = _plain_payload(record.error.model_dump_json(exclude_none=True))
    if record.attributes_json is not None:
        fields["attributes"] = _plain_payload(record.attributes_json)
    return fields


def _plain_payload(value_json: str) -> Payload:
    return Payload(value_json, codec="json", fidelity="exact", whole_bytes=None, sha256=None)


def _stored_payloads(bits: int) -> dict[str, Any]:
    return {kind: STORED for kind, bit in PAYLOAD_BITS.items() if bits & bit}


def _count_bits(fields: Mapping[str, Any]) -> int:
    return sum(bit for kind, bit in PAYLOAD_BITS.items() if kind in fields)
