"""Reading what a run's steps are made of: its spans and events, without their texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import Connection, Row, func, select

from agenttrace.semconv import EVENT_STATE, REPLAY_BILLED_USD
from agenttrace.steps.texts import find_key
from agenttrace.trace.records import RecordedCost, RecordedEvent, RecordedSpan, RecordedUsage
from agenttrace.wire import Effect, Outcome, SpanStatus, SpanType
from agenttrace_server.storage.long_texts import read_beginnings
from agenttrace_server.storage.payloads import make_head
from agenttrace_server.storage.snapshots import UNBILLED_BIT
from agenttrace_server.storage.tables import CHANGE, EVENT, PAYLOAD, RUN, RUN_OWNER, SPAN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEY_BYTES: Final = 2 * 1024
"""Of a state's body that are read to find what it sets: its key stands first."""

_STATES: Final = {status.value: status for status in SpanStatus}
_TYPES: Final = {span_type.value: span_type for span_type in SpanType}
_EFFECTS: Final = {effect.value: effect for effect in Effect}
_OUTCOMES: Final = {None: None} | {outcome.value: outcome for outcome in Outcome}
_COLUMNS: Final = (
    *("span_id", "parent_span_id", "name", "span_type", "status", "start_ns", "end_ns"),
    *("duration_ns", "seq", "end_seq", "lane", "effect", "outcome", "model", "prompt_tokens"),
    *("completion_tokens", "total_tokens", "cached_tokens", "cache_write_tokens"),
    *("reasoning_tokens", "usage_source", "cost_usd", "cost_source", "cost_table", "replay_key"),
    *("input_hash", "boundary", "payloads"),
)


@dataclass(frozen=True, slots=True)
class StepRows:
    """What the steps of a run are made of; `state_keys` are by the `seq` of the event.

    Records are made of the rows elsewhere: of tens of thousands that takes longer than to read
    them, and whoever reads holds a connection.
    """

    run_id: str
    version: int
    """The position of the run's last change: the same version has the same rows."""
    start_ns: int
    replayed_from: str | None
    span_rows: Sequence[tuple[Any, ...]]
    event_rows: Sequence[tuple[Any, ...]]
    state_keys: Mapping[int, str]

    def make_spans(self) -> list[RecordedSpan]:
        """Return the spans as records, without their texts."""
        return [_make_span(self.run_id, row) for row in self.span_rows]

    def make_events(self) -> list[RecordedEvent]:
        """Return the events as records, without their bodies."""
        return [
            RecordedEvent(
                v=1,
                run_id=self.run_id,
                seq=seq,
                t_ns=t_ns,
                name=name,
                span_id=None if span_id == RUN_OWNER else span_id,
                offset_ns=offset_ns,
            )
            for seq, span_id, t_ns, offset_ns, name in self.event_rows
        ]


def read_version(connection: Connection, run_id: str) -> int:
    """Return the position of a run's last change; 0 where there is none."""
    query = select(func.max(CHANGE.c.position)).where(CHANGE.c.run_id == run_id)
    return connection.execute(query).scalar() or 0


def count_moments(connection: Connection, run_id: str) -> int:
    """Return how many steps a run can have: two for a span and one for an event."""
    spans = select(func.count()).select_from(SPAN).where(SPAN.c.run_id == run_id)
    events = select(func.count()).select_from(EVENT).where(EVENT.c.run_id == run_id)
    return 2 * connection.execute(spans).scalar_one() + connection.execute(events).scalar_one()


def read_step_rows(connection: Connection, run_id: str) -> StepRows | None:
    """Return what the steps of a run are made of; None: there is no such run.

    Raises:
        GoneError: the run was deleted meanwhile.

    """
    query = select(RUN.c.start_ns, RUN.c.replayed_from).where(RUN.c.run_id == run_id)
    run = connection.execute(query).one_or_none()
    if run is None:
        return None
    version = read_version(connection, run_id)
    columns = [SPAN.c[name] for name in _COLUMNS]
    spans = connection.execute(select(*columns).where(SPAN.c.run_id == run_id)).all()
    columns = [EVENT.c[name] for name in ("seq", "span_id", "t_ns", "offset_ns", "name")]
    events = connection.execute(select(*columns).where(EVENT.c.run_id == run_id)).all()
    keys = _read_state_keys(connection, run_id)
    return StepRows(run_id, version, *run, _as_tuples(spans), _as_tuples(events), keys)


def _as_tuples(rows: Sequence[Row[Any]]) -> Sequence[tuple[Any, ...]]:
    return [tuple(row) for row in rows]


def read_fidelities(connection: Connection, run_id: str) -> dict[str, str]:
    """Return the fidelity of the output of each span that has one."""
    query = select(PAYLOAD.c.span_id, PAYLOAD.c.fidelity)
    query = query.where(PAYLOAD.c.run_id == run_id, PAYLOAD.c.kind == "output")
    return {row.span_id: row.fidelity for row in connection.execute(query)}


def _read_state_keys(connection: Connection, run_id: str) -> dict[int, str]:
    query = select(EVENT).where(EVENT.c.run_id == run_id, EVENT.c.name == EVENT_STATE)
    rows = [row for row in connection.execute(query) if _has_body(row)]
    heads = [make_head(row) for row in rows]
    texts = read_beginnings(connection, heads, max_bytes=KEY_BYTES)
    found: dict[int, str] = {}
    for row, head, text in zip(rows, heads, texts, strict=True):
        key = find_key(text.encode())
        if key is None and head.size_bytes <= KEY_BYTES:
            key = _find_late_key(text)
        if key is not None:
            found[row.seq] = key
    return found


def _find_late_key(body: str) -> str | None:
    """Return the key of a body that begins with something else."""
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None
    key = value.get("key") if isinstance(value, dict) else None
    return key if isinstance(key, str) else None


def _has_body(row: Row[Any]) -> bool:
    return row.value_json is not None or row.parts is not None


def _make_span(run_id: str, row: tuple[Any, ...]) -> RecordedSpan:
    """Return the record of a row that has `_COLUMNS`, in their order."""
    own, parent, name, span_type, status, start_ns, end_ns, duration_ns, *rest = row
    seq, end_seq, lane, effect, outcome, model, *tokens = rest
    source, usd, cost_source, table, replay_key, input_hash, boundary, bits = tokens[6:]
    return RecordedSpan(
        v=1,
        run_id=run_id,
        rev=0,
        span_id=own,
        parent_span_id=parent,
        name=name,
        span_type=_TYPES[span_type],
        status=_STATES[status],
        start_ns=start_ns,
        end_ns=end_ns,
        duration_ns=duration_ns,
        seq=seq,
        end_seq=end_seq,
        lane=lane,
        effect=_EFFECTS[effect],
        outcome=_OUTCOMES[outcome],
        model=model,
        usage=None if source is None else _make_usage(source, *tokens[:6]),
        cost=None if usd is None else RecordedCost(usd=usd, source=cost_source, table=table),
        replay_key=replay_key,
        input_hash=input_hash,
        boundary=boundary,
        # Of all attributes, whether it was paid: the state adds that up.
        attributes={REPLAY_BILLED_USD: "0"} if bits & UNBILLED_BIT else None,
    )


def _make_usage(source: Any, *tokens: int | None) -> RecordedUsage:
    prompt, completion, total, cached, cache_write, reasoning = tokens
    return RecordedUsage(
        source=source,
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=total,
        cached_tokens=cached,
        cache_write_tokens=cache_write,
        reasoning_tokens=reasoning,
    )
