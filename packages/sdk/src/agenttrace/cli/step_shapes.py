"""Steps as JSON, with GraphQL's names: what `agenttrace replay RUN --step --json` prints."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import orjson

from agenttrace.cli.shapes import shape_error, shape_payload, shape_totals
from agenttrace.semconv import (
    REPLAY_DIVERGENCE,
    REPLAY_RECORDED_NS,
    REPLAY_SOURCE_SPAN,
    REPLAY_STATUS,
)
from agenttrace.steps.context import compare_messages, name_context, read_messages
from agenttrace.steps.readiness import Readiness, judge
from agenttrace.steps.texts import RecordedTexts, TextKey, read_state_value
from agenttrace.trace.timeline import MomentKind
from agenttrace.trace.totals import is_billed, write_usd
from agenttrace.wire import SpanType

if TYPE_CHECKING:
    from agenttrace.steps.context import MessageChange
    from agenttrace.steps.cursor import StepCursor
    from agenttrace.steps.state import StepState
    from agenttrace.steps.timeline import Step
    from agenttrace.trace.records import RecordedPayload, RecordedSpan
    from agenttrace.trace.run import RecordedRun

_NS_PER_MS: Final = 1_000_000
_REPLAY: Final = (REPLAY_STATUS, REPLAY_SOURCE_SPAN, REPLAY_DIVERGENCE)


def shape_replay(run: RecordedRun, total_steps: int) -> dict[str, Any]:
    """Return a `RunReplay` without its steps."""
    return {
        "runId": run.run_id,
        "totalSteps": total_steps,
        "complete": bool(run.is_finished and run.complete is not False),
        "replayable": _shape_readiness(judge_run(run)),
    }


def judge_run(run: RecordedRun) -> Readiness:
    """Return what a replay of a recorded run would serve."""
    return judge(
        run.spans,
        lambda span: None if span.output is None else span.output.fidelity,
        is_complete=run.complete,
    )


def shape_step(step: Step) -> dict[str, Any]:
    """Return a `ReplayStep` without values and state: a line of a list."""
    span, event = step.span, step.event
    return {
        "index": step.index,
        "phase": step.phase.value,
        "spanId": None if span is None else span.span_id,
        "name": event.name if span is None and event is not None else span and span.name,
        "type": None if span is None else span.span_type.value,
        "status": None if span is None else span.status.value,
        "lane": step.lane,
        "depth": step.depth,
        "atMs": None if step.offset_ns is None else step.offset_ns / _NS_PER_MS,
        "seq": _get_seq(step),
        "event": None if event is None else event.name,
    }


def shape_whole_step(run: RecordedRun, cursor: StepCursor) -> dict[str, Any]:
    """Return a `ReplayStep` with what appears at it and what the run has come to."""
    step, state, texts = cursor.step, cursor.state(), RecordedTexts(run)
    shape = shape_step(step)
    span = step.span
    own = "" if span is None else span.span_id
    event = step.event
    shape |= {
        "input": shape_payload(texts.get_payload(TextKey("input", own))) if step.is_start else None,
        "output": shape_payload(texts.get_payload(TextKey("output", own))) if step.is_end else None,
        "error": shape_error(span.error) if span is not None and step.is_end else None,
        "chunk": shape_payload(event.body)
        if event is not None and step.phase is MomentKind.CHUNK
        else None,
        "replay": shape_replay_info(span),
        "cumulative": shape_totals(state.totals) | {"elapsedMs": state.elapsed_ns / _NS_PER_MS},
        "openSpans": [
            f"{run.run_id}:{each.span_id}" for lane in state.open_spans.values() for each in lane
        ],
        "state": read_values(state),
        "stateDelta": list_delta(cursor),
        "contextDiff": [shape_change(change) for change in list_context_changes(cursor, texts)],
    }
    return shape


def shape_replay_info(span: RecordedSpan | None) -> dict[str, Any] | None:
    """Return a `ReplayInfo`: what a replay says of a span that it made; None: nothing."""
    said = {} if span is None else span.attributes or {}
    if span is None or not any(name in said for name in _REPLAY):
        return None
    status, source, kinds = (said.get(name) for name in _REPLAY)
    took_ns = said.get(REPLAY_RECORDED_NS)
    cost = None if span.cost is None else write_usd(Decimal(span.cost.usd))
    return {
        "status": status.upper() if isinstance(status, str) else None,
        "sourceSpanId": source if isinstance(source, str) else None,
        "divergence": [str(kind).upper() for kind in kinds] if isinstance(kinds, list) else [],
        "recordedDurationMs": took_ns / _NS_PER_MS if type(took_ns) is int else None,
        "billedUsd": cost if is_billed(span) else "0",
    }


def read_values(state: StepState) -> dict[str, Any]:
    """Return the values that the program had recorded, by their names."""
    return {key: _read_value(event.body) for key, event in state.values.items()}


def list_delta(cursor: StepCursor) -> list[dict[str, Any]]:
    """Return what a state step does to the values: at most one operation of RFC 6902."""
    key = cursor.timeline.read_key(cursor.index)
    event = cursor.step.event
    if key is None or event is None:
        return []
    before = cursor.state_before().values
    path = "/" + key.replace("~", "~0").replace("/", "~1")
    return [
        {
            "op": "replace" if key in before else "add",
            "path": path,
            "value": _read_value(event.body),
            "oldValue": _read_value(before[key].body) if key in before else None,
        }
    ]


def list_context_changes(cursor: StepCursor, texts: RecordedTexts) -> list[MessageChange]:
    """Return how the context of a model call that starts here differs from the call before."""
    span = cursor.step.span
    if span is None or not cursor.step.is_start or span.span_type is not SpanType.LLM_CALL:
        return []
    keys = name_context(cursor.timeline, span.span_id)
    old = [] if keys.old is None else read_messages(texts.read(keys.old))
    return compare_messages(old, read_messages(texts.read(keys.new)))


def shape_change(change: MessageChange) -> dict[str, Any]:
    """Return a `MessageChange`."""
    return {
        "kind": change.kind.value,
        "role": change.role,
        "oldIndex": change.old_place,
        "newIndex": change.new_place,
        "old": _write(change.old),
        "new": _write(change.new),
    }


def _read_value(body: RecordedPayload | None) -> orjson.Fragment | None:
    text = None if body is None else read_state_value(body.json)
    return None if text is None else orjson.Fragment(text)


def _write(value: object) -> orjson.Fragment | None:
    # Not by orjson itself, which refuses integers beyond 64 bits.
    return None if value is None else orjson.Fragment(json.dumps(value))


def _shape_readiness(readiness: Readiness) -> dict[str, Any]:
    return {
        "ok": readiness.is_replayable,
        "boundaries": readiness.boundaries,
        "fidelities": [
            {"fidelity": fidelity.value.upper(), "count": count}
            for fidelity, count in sorted(readiness.outputs.items())
        ],
        "blocked": readiness.blocked,
        "blockers": [
            {
                "kind": blocker.kind.value,
                "spanId": None if blocker.span is None else blocker.span.span_id,
                "name": None if blocker.span is None else blocker.span.name,
            }
            for blocker in readiness.blockers
        ],
    }


def _get_seq(step: Step) -> int | None:
    if step.event is not None:
        return step.event.seq
    span: RecordedSpan | None = step.span
    if span is None:
        return None
    return span.seq if step.is_start else span.end_seq
