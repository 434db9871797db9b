"""Between records, states and rows: which field of the wire is which column.

A state's fields are the wire's fields. `usage` and `cost` are one field each (they are merged
whole) and several columns; a payload is one field, a bit in `payloads`, and a row of its own.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import orjson

from agenttrace.semconv import REPLAY_BILLED_USD
from agenttrace.wire.models import read_raw
from agenttrace_server.money import format_pico, parse_pico
from agenttrace_server.records import UNNAMED_RUN, Payload, PayloadKind
from agenttrace_server.storage.merge import State, dump_older, load_older
from agenttrace_server.storage.rollups import Figures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agenttrace.wire.models import (
        ValidCost,
        ValidError,
        ValidLink,
        ValidPayload,
        ValidRun,
        ValidSpan,
        ValidUsage,
    )

STORED: Final = object()
"""Stands for a payload that is in the store already and was not read."""
_STORED_UNBILLED: Final = object()
"""The same, for attributes that say that nothing was paid."""

# By plain text: reading an enum member's value is slow on Python 3.11.
PAYLOAD_BITS: Final = {kind.value: 1 << bit for bit, kind in enumerate(PayloadKind)}
UNBILLED_BIT: Final = 1 << len(PayloadKind)
"""Beside them: the attributes say that nothing was paid. They are not read to merge."""


class UsageColumns(NamedTuple):
    """`usage` as the columns of a span, in their order."""

    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    cached_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    usage_source: str | None


class CostColumns(NamedTuple):
    """`cost` as the columns of a span, in their order."""

    cost_usd: str | None
    cost_source: str | None
    cost_table: str | None


# The columns of `span` that are fields of the wire, before and after those of usage and cost.
FIRST_COLUMNS: Final = (
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
)
LAST_COLUMNS: Final = (
    "replay_key",
    "input_hash",
    "hash_version",
    "fn_hash",
    "boundary",
    "links_json",
)
_SPAN_COLUMNS: Final = (*FIRST_COLUMNS, *LAST_COLUMNS)
_RUN_COLUMNS: Final = [
    "name",
    "correlation_id",
    "start_ns",
    "end_ns",
    "duration_ns",
    "replayed_from",
    "forked_at",
    "end_seq",
    "complete",
    "links_json",
    "dropped_json",
]

# What a record has as the column is: one call reads all of them.
_SPAN_FIELDS: Final = tuple(name for name in _SPAN_COLUMNS if name != "links_json")
_RUN_FIELDS: Final = tuple(name for name in [*_RUN_COLUMNS, "status"] if not name.endswith("_json"))
_get_span_fields: Final = attrgetter(*_SPAN_FIELDS)
_get_run_fields: Final = attrgetter(*_RUN_FIELDS)

# Longer text than any real price: kept rounded to 10^-12, so that a hot row stays small.
_MAX_COST_TEXT: Final = 64


def read_span_fields(span: ValidSpan) -> dict[str, Any]:
    """Return the fields that a checked snapshot of a span has."""
    values = zip(_SPAN_FIELDS, _get_span_fields(span), strict=True)
    fields = {name: value for name, value in values if value is not None}
    if span.links is not None:
        fields["links_json"] = dump_links(span.links)
    if span.usage is not None:
        fields["usage"] = flatten_usage(span.usage)
    if span.cost is not None:
        fields["cost"] = flatten_cost(span.cost)
    fields.update(_read_payloads(span))
    return fields


def read_run_fields(run: ValidRun) -> dict[str, Any]:
    """Return the fields that a checked snapshot of a run has."""
    values = zip(_RUN_FIELDS, _get_run_fields(run), strict=True)
    fields = {name: value for name, value in values if value is not None}
    if run.tags is not None:
        fields["tags"] = orjson.dumps(run.tags).decode()
    if run.links is not None:
        fields["links_json"] = dump_links(run.links)
    if run.dropped is not None:
        fields["dropped_json"] = orjson.dumps(run.dropped, option=orjson.OPT_SORT_KEYS).decode()
    fields.update(_read_payloads(run))
    if run.resource_json is not None:
        fields["resource"] = _plain_payload(run.resource_json)
    return fields


def read_state_figures(state: State) -> Figures:
    """Return what a span in this state adds to the sums of its run."""
    fields = state.fields
    cost = fields.get("cost")
    return Figures(
        fields["span_type"],
        fields["status"] == "ERROR",
        fields["start_ns"],
        fields.get("model", ""),
        fields.get("usage"),
        None if cost is None else cost.cost_usd,
        _says_unbilled(fields),
    )


def is_unbilled(attributes_json: str | None) -> bool:
    """Tell whether a replay says by a span's attributes that nothing was paid for it."""
    if attributes_json is None or REPLAY_BILLED_USD not in attributes_json:
        return False
    return bool(orjson.loads(attributes_json).get(REPLAY_BILLED_USD) == "0")


def _says_unbilled(fields: Mapping[str, Any]) -> bool:
    """Tell it by the attributes that won: what an overruled snapshot said counts no more."""
    attributes = fields.get("attributes")
    if attributes is None or attributes is STORED:
        return False
    return attributes is _STORED_UNBILLED or is_unbilled(attributes.value_json)


def read_payload(payload: ValidPayload) -> Payload:
    """Return a checked payload as the store keeps it."""
    return Payload(
        memoryview(payload.value).nbytes,
        payload.codec,
        payload.fidelity,
        payload.bytes,
        payload.sha256,
        payload.value_json,
        payload.types_json,
    )


def load_span_state(row: Mapping[str, Any]) -> State:
    """Return the state that a row of `span` holds."""
    fields = {name: row[name] for name in _SPAN_COLUMNS if row[name] is not None}
    if row["usage_source"] is not None:
        fields["usage"] = UsageColumns(*(row[name] for name in UsageColumns._fields))
    if row["cost_usd"] is not None:
        fields["cost"] = CostColumns(*(row[name] for name in CostColumns._fields))
    fields.update(_stored_payloads(row["payloads"]))
    if row["payloads"] & UNBILLED_BIT:
        fields["attributes"] = _STORED_UNBILLED
    return State(row["rank"], fields, load_older(row["older"]))


def dump_span_row(run_id: str, span_id: str, state: State) -> tuple[Any, ...]:
    """Return the row of `span` for a state, in the order of its columns."""
    get = state.fields.get
    return (
        run_id,
        span_id,
        state.rank,
        dump_older(state.older),
        _count_bits(state.fields) | (UNBILLED_BIT if _says_unbilled(state.fields) else 0),
        *map(get, FIRST_COLUMNS),
        *get("usage", NO_USAGE),
        *get("cost", NO_COST),
        *map(get, LAST_COLUMNS),
    )


def load_run_state(row: Mapping[str, Any]) -> State:
    """Return the state that a row of `run` holds; that of an unnamed run has no field.

    The law is about records alone: that a run was given up since is not part of its state.
    """
    state = State(row["rank"], {}, load_older(row["older"]))
    if state.rank >= 0:
        state.fields = {name: row[name] for name in _RUN_COLUMNS if row[name] is not None}
        state.fields["status"] = row["recorded_status"]
        if row["tags"] is not None:
            state.fields["tags"] = row["tags"]
        state.fields.update(_stored_payloads(row["payloads"]))
    return state


def dump_run_row(
    run_id: str, state: State, *, earliest_ns: int, seen_ns: int, user_tags: str | None
) -> dict[str, Any]:
    """Return the row of `run` for a state, without its sums.

    A run whose own record has not come is shown as started, at the time of its earliest part. A
    run of which a record came is not given up, whatever was thought before.
    """
    fields = state.fields
    row = {name: fields.get(name) for name in _RUN_COLUMNS}
    status = fields.get("status", "STARTED")
    if not fields:
        row.update(name=UNNAMED_RUN, start_ns=earliest_ns)
    row.update(
        run_id=run_id,
        rank=state.rank,
        older=dump_older(state.older),
        payloads=_count_bits(fields),
        tags=fields.get("tags"),
        status=status,
        recorded_status=status,
        seen_ns=seen_ns,
        interrupted_ns=None,
        user_tags=user_tags,
    )
    return row


def list_new_payloads(run_id: str, span_id: str, state: State) -> list[tuple[Any, ...]]:
    """Return a row of `payload` for each payload of the state that the store does not have."""
    rows: list[tuple[Any, ...]] = []
    for kind in PAYLOAD_BITS:
        payload = state.fields.get(kind)
        if payload is not None and payload is not STORED and payload is not _STORED_UNBILLED:
            rows.append((run_id, span_id, kind, *payload, None))
    return rows


NO_USAGE: Final = UsageColumns(*(None for _ in UsageColumns._fields))
NO_COST: Final = CostColumns(None, None, None)


def dump_links(links: Sequence[ValidLink]) -> str:
    """Return links as the store keeps them."""
    return msgspec.json.encode(links).decode()


def flatten_usage(usage: ValidUsage) -> UsageColumns:
    """Return `usage` as columns."""
    return UsageColumns(
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.total_tokens,
        usage.cached_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
        usage.source,
    )


def flatten_cost(cost: ValidCost) -> CostColumns:
    """Return `cost` as columns."""
    short = len(cost.usd) <= _MAX_COST_TEXT
    usd = cost.usd if short else format_pico(parse_pico(cost.usd))
    return CostColumns(usd, cost.source, cost.table)


def _read_payloads(record: ValidRun | ValidSpan) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if record.input is not None:
        fields["input"] = read_payload(record.input)
    if record.output is not None:
        fields["output"] = read_payload(record.output)
    if record.error is not None:
        fields["error"] = _plain_payload(dump_error(record.error))
    if record.attributes_json is not None:
        fields["attributes"] = _plain_payload(record.attributes_json)
    return fields


def dump_error(error: ValidError) -> str:
    """Return an error as the store keeps it: its values as texts, as they came."""
    return orjson.dumps(_list_error(error)).decode()


def _list_error(error: ValidError) -> dict[str, Any]:
    fields = {
        "type": error.type,
        "message": error.message,
        "traceback": error.traceback,
        "cause": None if error.cause is None else _list_error(error.cause),
        "cause_is_context": bool(error.cause_is_context),
        "context": None if error.context is None else _list_error(error.context),
        "context_is_cause": error.context_is_cause,
        "suppress_context": error.suppress_context,
        "notes": error.notes or [],
        "module": error.module,
        "qualname": error.qualname,
        "bases": error.mro,
        "args_json": read_raw(error.args),
        "attributes_json": read_raw(error.attributes),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _plain_payload(value_json: str) -> Payload:
    return Payload(len(value_json.encode()), "json", "exact", None, None, value_json)


def _stored_payloads(bits: int) -> dict[str, Any]:
    return {kind: STORED for kind, bit in PAYLOAD_BITS.items() if bits & bit}


def _count_bits(fields: Mapping[str, Any]) -> int:
    bits = 0
    for kind, bit in PAYLOAD_BITS.items():
        if kind in fields:
            bits |= bit
    return bits
