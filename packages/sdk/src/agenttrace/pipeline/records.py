"""From what capture put into the queue to a line of NDJSON. Runs on worker threads only."""

from __future__ import annotations

import inspect
import os
import sys
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import orjson

from agenttrace import semconv
from agenttrace.encoding.payload import encode
from agenttrace.failures import Failure, write_failure
from agenttrace.run import RunSnapshot
from agenttrace.span import Event, Span, SpanStart
from agenttrace.usage import (
    BYTES_PER_TOKEN,
    ESTIMATE_METHOD,
    compute_cost,
    estimate_tokens,
)
from agenttrace.wire import (
    HASH_VERSION,
    WIRE_VERSION,
    Fidelity,
    RunStatus,
    SpanStatus,
    UsageRecord,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.encoding.snapshot import Encoded, Snapshot
    from agenttrace.pipeline.queue import Item

_JSON: Final = "json"


def write_line(item: Item) -> bytes:
    """Return the record of `item` as JSON text; made once, however many exporters ask."""
    line = item.line
    if line is None:
        line = item.line = orjson.dumps(_build(item))
    return line


def _build(item: Item) -> dict[str, Any]:
    if isinstance(item, Span):
        return _build_span_end(item)
    if isinstance(item, SpanStart):
        return _build_span_start(item)
    if isinstance(item, Event):
        return _build_event(item)
    assert isinstance(item, RunSnapshot)
    return _build_run(item)


def _build_span_head(span: Span, rev: int, status: SpanStatus) -> dict[str, Any]:
    spec = span.spec
    record: dict[str, Any] = {
        "v": WIRE_VERSION,
        "type": "span",
        "run_id": span.run.run_id,
        "span_id": span.span_id,
        "rev": rev,
        "name": spec.name,
        "span_type": spec.span_type.value,
        "status": status.value,
        "start_ns": span.start_ns,
        "seq": span.seq,
        "lane": span.lane_id,
        "effect": spec.effect,
    }
    if span.parent_span_id is not None:
        record["parent_span_id"] = span.parent_span_id
    if span.replay_key is not None:
        record["replay_key"] = span.replay_key
    if spec.function is not None:
        if spec.fn_hash is None:
            spec.fn_hash = hash_source(spec.function)
        if spec.fn_hash:
            record["fn_hash"] = spec.fn_hash
    if span.input is not None:
        encoded = _encode(span, "input", with_hash=True)
        record["input"] = _write_payload(encoded)
        record["input_hash"] = encoded.hash
        record["hash_version"] = HASH_VERSION
    return record


def _build_span_start(start: SpanStart) -> dict[str, Any]:
    record = _build_span_head(start.span, 0, SpanStatus.STARTED)
    if start.model is not None:
        record["model"] = start.model
    if start.attributes:
        record["attributes"] = start.attributes
    return record


def _build_span_end(span: Span) -> dict[str, Any]:
    record = _build_span_head(span, 1, span.status)
    record["end_ns"] = span.start_ns + span.duration_ns
    record["duration_ns"] = span.duration_ns
    record["end_seq"] = span.end_seq
    if span.outcome is not None:
        record["outcome"] = span.outcome.value
    if span.output is not None:
        record["output"] = _write_payload(_encode(span, "output"))
    if span.error is not None:
        record["error"] = write_failure(span.error)
    if span.model is not None:
        record["model"] = span.model
    attributes = dict(span.attributes) if span.attributes else {}
    _add_usage(span, record, attributes)
    if attributes:
        record["attributes"] = attributes
    return record


def _add_usage(span: Span, record: dict[str, Any], attributes: dict[str, Any]) -> None:
    rates = span.spec.rates
    usage = span.usage
    if usage is None and rates is not None and span.outcome is not None and span.error is None:
        usage = _estimate_usage(span)
        if usage is not None:
            attributes[semconv.TOKEN_ESTIMATE_METHOD] = ESTIMATE_METHOD
    if usage is not None:
        record["usage"] = usage
    if span.cost is not None:
        record["cost"] = {"usd": span.cost[0], "source": span.cost[1]}
    elif rates is not None and usage is not None:
        usd = compute_cost(usage, rates)
        if usd is not None:
            record["cost"] = {"usd": usd, "source": "rates"}


def _estimate_usage(span: Span) -> UsageRecord | None:
    if span.input is None or span.output is None:
        return None
    prompt = _estimate(_encode(span, "input", with_hash=True))
    completion = _estimate(_encode(span, "output"))
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "source": "estimated",
    }


def _estimate(encoded: Encoded) -> int:
    if encoded.total_bytes is not None:  # truncated: what is left out counts too
        return -(-encoded.total_bytes // BYTES_PER_TOKEN)
    return estimate_tokens(orjson.loads(encoded.text))


def _build_event(event: Event) -> dict[str, Any]:
    record: dict[str, Any] = {
        "v": WIRE_VERSION,
        "type": "event",
        "run_id": event.run.run_id,
        "seq": event.seq,
        "t_ns": event.t_ns,
        "name": event.name,
    }
    if event.span_id is not None:
        record["span_id"] = event.span_id
    body = event.body
    if isinstance(body, Failure):
        failure = write_failure(body)
        record["body"] = {
            "value": failure,
            "codec": _JSON,
            "fidelity": Fidelity.STRUCTURAL.value,
        }
    elif body is not None:
        encoded = encode(body, max_bytes=event.run.recorder.max_payload_bytes)
        record["body"] = _write_payload(encoded)
    return record


def _build_run(snapshot: RunSnapshot) -> dict[str, Any]:
    run = snapshot.run
    record: dict[str, Any] = {
        "v": WIRE_VERSION,
        "type": "run",
        "run_id": run.run_id,
        "rev": snapshot.rev,
        "name": run.name,
        "status": snapshot.status.value,
        "start_ns": run.start_ns,
    }
    if snapshot.correlation_id is not None:
        record["correlation_id"] = snapshot.correlation_id
    if snapshot.status is not RunStatus.STARTED:
        record["end_ns"] = run.start_ns + snapshot.duration_ns
        record["duration_ns"] = snapshot.duration_ns
    limit = run.recorder.max_payload_bytes
    if snapshot.input is not None:
        record["input"] = _write_payload(encode(snapshot.input, max_bytes=limit))
    if snapshot.output is not None:
        record["output"] = _write_payload(encode(snapshot.output, max_bytes=limit))
    if snapshot.error is not None:
        record["error"] = write_failure(snapshot.error)
    if snapshot.tags:
        record["tags"] = snapshot.tags
    if snapshot.attributes:
        record["attributes"] = snapshot.attributes
    resource = run.recorder.describe_resource()
    if resource:
        record["resource"] = resource
    return record


def _encode(span: Span, field: str, *, with_hash: bool = False) -> Encoded:
    """Encode a span's input or output once; the text replaces the snapshot."""
    snapshot: Snapshot = getattr(span, field)
    encoded = encode(snapshot, max_bytes=span.run.recorder.max_payload_bytes, with_hash=with_hash)
    setattr(span, field, encoded)
    return encoded


def _write_payload(encoded: Encoded) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "value": orjson.Fragment(encoded.text),
        "codec": _JSON,
        "fidelity": encoded.fidelity,
    }
    if encoded.total_bytes is not None:
        payload["bytes"] = encoded.total_bytes
        payload["sha256"] = encoded.sha256
    return payload


def hash_source(function: Callable[..., object]) -> str:
    """Return the SHA-256 of the function's source text, 64 hex; empty when there is no source."""
    try:
        source = inspect.getsource(inspect.unwrap(function))
    except (OSError, TypeError, ValueError):
        return ""
    return sha256(source.encode("utf-8", "replace")).hexdigest()


def read_resource(service_name: str | None, version: str) -> dict[str, str | int]:
    """Return who records here, under OpenTelemetry's resource names."""
    program = os.path.basename(sys.argv[0]) if sys.argv and sys.argv[0] else ""  # noqa: PTH119 -- text, not a file
    return {
        semconv.SERVICE_NAME: service_name or program or "python",
        semconv.HOST_NAME: os.uname().nodename if hasattr(os, "uname") else "localhost",
        semconv.PROCESS_PID: os.getpid(),
        semconv.PROCESS_RUNTIME_NAME: sys.implementation.name,
        semconv.PROCESS_RUNTIME_VERSION: sys.version.split()[0],
        semconv.TELEMETRY_SDK_NAME: "agenttrace",
        semconv.TELEMETRY_SDK_VERSION: version,
    }
