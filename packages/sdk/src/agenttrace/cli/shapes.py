"""Recorded runs as JSON, with GraphQL's names: what `--json` prints."""

from __future__ import annotations

import sys
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import orjson

from agenttrace.cli.output import write_text
from agenttrace.trace.totals import Totals, write_usd
from agenttrace.trace.visible import escape_json, write_time

if TYPE_CHECKING:
    from agenttrace.trace.records import (
        RecordedAnnotation,
        RecordedError,
        RecordedEvent,
        RecordedPayload,
        RecordedSpan,
        RecordedUsage,
    )
    from agenttrace.trace.run import RecordedRun
    from agenttrace.trace.summary import RunSummary
    from agenttrace.trace.totals import ModelUsage
    from agenttrace.trace.tree import TreeNode

_NS_PER_MS: Final = 1_000_000


def print_json(value: Any) -> None:
    """Print a JSON text; in a terminal nothing in it can act on the terminal."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode("utf-8", "replace")
    write_text((escape_json(text) if sys.stdout.isatty() else text) + "\n")


def shape_summary(run: RunSummary | RecordedRun, totals: Totals) -> dict[str, Any]:
    """Return a `Run` without what only one run is asked for."""
    return {
        "id": run.run_id,
        "name": run.name,
        "status": run.status.value,
        "correlationId": run.correlation_id,
        "tags": list(run.tags),
        "userTags": list(run.user_tags),
        "startTime": write_time(run.start_ns),
        "endTime": None if run.end_ns is None else write_time(run.end_ns),
        "durationMs": _to_ms(run.duration_ns),
        "dropped": [
            {"reason": reason, "count": count} for reason, count in sorted(run.dropped.items())
        ],
        "totals": shape_totals(totals),
        "annotations": [
            _shape_annotation(each) for each in run.annotations if each.span_id is None
        ],
    }


def shape_run(run: RecordedRun, *, has_payloads: bool) -> dict[str, Any]:
    """Return a `Run` with its `spanTree`; with payloads: inputs, outputs, attributes and events."""
    shape = shape_summary(run, run.totals())
    shape["error"] = shape_error(run.error)
    shape["usageByModel"] = [_shape_model_usage(usage) for usage in run.usage_by_model()]
    if has_payloads:
        shape["input"] = shape_payload(run.input)
        shape["output"] = shape_payload(run.output)
        shape["attributes"] = run.attributes
        shape["resource"] = run.resource
        shape["events"] = [_shape_event(event, run.start_ns) for event in run.events_of(None)]
    shape["spanTree"] = [shape_span(run, node, has_payloads=has_payloads) for node in run.tree()]
    return shape


def shape_span(run: RecordedRun, node: TreeNode, *, has_payloads: bool) -> dict[str, Any]:
    """Return a `Span` as `spanTree` has it; `flaw` says what is wrong with its place, if anything.

    `flaw` is `missing_parent` or `parent_cycle`: GraphQL has no such field.
    """
    span = node.span
    shape: dict[str, Any] = {
        "id": f"{run.run_id}:{span.span_id}",
        "spanId": span.span_id,
        "parentSpanId": span.parent_span_id,
        "name": span.name,
        "type": span.span_type.value,
        "status": span.status.value,
        "outcome": None if span.outcome is None else span.outcome.value.upper(),
        "startTime": write_time(span.start_ns),
        "endTime": None if span.end_ns is None else write_time(span.end_ns),
        "offsetMs": _to_ms(span.start_ns - run.start_ns),
        "durationMs": _to_ms(span.duration_ns),
        "depth": node.depth,
        "seq": span.seq,
        "endSeq": span.end_seq,
        "lane": span.lane,
        "effect": span.effect.value.upper(),
        "model": span.model,
        "usage": _shape_usage(span.usage),
        "costUsd": None if span.cost is None else span.cost.usd,
        "costSource": None if span.cost is None else span.cost.source.upper(),
        "error": shape_error(span.error),
        "flaw": node.flaw,
        "annotations": [_shape_annotation(each) for each in run.annotations_of(span.span_id)],
    }
    if has_payloads:
        shape |= _shape_contents(run, span)
    return shape


def _shape_contents(run: RecordedRun, span: RecordedSpan) -> dict[str, Any]:
    return {
        "input": shape_payload(span.input),
        "output": shape_payload(span.output),
        "inputHash": span.input_hash,
        "replayKey": span.replay_key,
        "attributes": span.attributes or {},
        "events": [_shape_event(event, run.start_ns) for event in run.events_of(span.span_id)],
    }


def _shape_annotation(annotation: RecordedAnnotation) -> dict[str, Any]:
    return {
        "id": annotation.annotation_id,
        "name": annotation.name,
        "source": annotation.source,
        "score": annotation.score,
        "label": annotation.label,
        "comment": annotation.comment,
        "author": annotation.author,
        "createdAt": write_time(annotation.created_ns),
        "updatedAt": write_time(annotation.updated_ns),
    }


def shape_totals(totals: Totals) -> dict[str, Any]:
    """Return a `Totals`."""
    return {
        "spans": totals.spans,
        "llmCalls": totals.llm_calls,
        "toolCalls": totals.tool_calls,
        "errors": totals.errors,
        "promptTokens": totals.prompt_tokens,
        "completionTokens": totals.completion_tokens,
        "cachedTokens": totals.cached_tokens,
        "totalTokens": totals.total_tokens,
        "tokensEstimated": totals.tokens_estimated,
        "costUsd": None if totals.cost_usd is None else write_usd(totals.cost_usd),
        "billedUsd": None if totals.billed_usd is None else write_usd(totals.billed_usd),
    }


def _shape_model_usage(usage: ModelUsage) -> dict[str, Any]:
    return {
        "model": usage.model,
        "calls": usage.calls,
        "promptTokens": usage.prompt_tokens,
        "completionTokens": usage.completion_tokens,
        "totalTokens": usage.total_tokens,
        "tokensEstimated": usage.tokens_estimated,
        "costUsd": None if usage.cost_usd is None else write_usd(usage.cost_usd),
    }


def _shape_usage(usage: RecordedUsage | None) -> dict[str, Any] | None:
    if usage is None:
        return None
    return {
        "promptTokens": usage.prompt_tokens,
        "completionTokens": usage.completion_tokens,
        "totalTokens": usage.total_tokens,
        "cachedTokens": usage.cached_tokens,
        "cacheWriteTokens": usage.cache_write_tokens,
        "reasoningTokens": usage.reasoning_tokens,
        "source": usage.source.upper(),
    }


def shape_error(error: RecordedError | None) -> dict[str, Any] | None:
    """Return a `SpanError` with what led to it."""
    shapes: list[dict[str, Any]] = []
    while error is not None:  # a loop: a chain of causes may be long
        shapes.append(
            {
                "type": error.type,
                "message": error.message,
                "traceback": error.traceback,
                "notes": error.notes or [],
                "cause": None,
            }
        )
        error = error.cause
    for outer, inner in pairwise(shapes):
        outer["cause"] = inner
    return shapes[0] if shapes else None


def shape_payload(payload: RecordedPayload | None) -> dict[str, Any] | None:
    """Return a `Payload` with its value."""
    if payload is None:
        return None
    text = bytes(payload.text)
    return {
        "value": orjson.Fragment(text),  # as it was recorded: no number is rewritten
        "codec": payload.codec,
        "fidelity": payload.fidelity.value.upper(),
        "bytes": len(text) if payload.size_bytes is None else payload.size_bytes,
        "sha256": payload.sha256,
    }


def _shape_event(event: RecordedEvent, start_ns: int) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "name": event.name,
        "time": write_time(event.t_ns),
        "offsetMs": _to_ms(event.t_ns - start_ns),
        "body": shape_payload(event.body),
    }


def _to_ms(duration_ns: int | None) -> float | None:
    return None if duration_ns is None else duration_ns / _NS_PER_MS
