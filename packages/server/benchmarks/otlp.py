"""Records as OTLP, for peers: a filter that runs in the interpreter that the peers live in.

    PEER_PYTHON packages/server/benchmarks/otlp.py < batches > bodies

Each line of its input is a batch: an array of span records. Its output is, for each, the length as
ten digits and the body of an export request (protobuf). Names are OpenInference's, which Phoenix
and MLflow both read. Ids of spans are made unique over all traces, as those of OpenTelemetry are:
Phoenix drops a span whose id another trace has. Needs opentelemetry-proto.
"""

from __future__ import annotations

import hashlib
import json
import sys
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS: Final = {"LLM_CALL": "LLM", "TOOL_CALL": "TOOL", "RETRIEVAL": "RETRIEVER", "AGENT": "AGENT"}


def encode_batch(records: list[dict[str, Any]]) -> bytes:
    """Return the export request with these spans."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    service = resource.resource.attributes.add(key="service.name")
    service.value.string_value = "bench"
    scope = resource.scope_spans.add()
    scope.scope.name = "bench"
    for record in records:
        span = scope.spans.add(
            trace_id=bytes.fromhex(record["run_id"]),
            span_id=_make_id(record["run_id"], record["span_id"]),
            parent_span_id=_make_id(record["run_id"], record.get("parent_span_id")),
            name=record["name"],
            kind=1,  # internal
            start_time_unix_nano=record["start_ns"],
            end_time_unix_nano=record["end_ns"],
        )
        span.status.code = 2 if record["status"] == "ERROR" else 1
        for key, value in _name_attributes(record):
            attribute = span.attributes.add(key=key)
            if isinstance(value, int):
                attribute.value.int_value = value
            else:
                attribute.value.string_value = value
    return bytes(request.SerializeToString())


def _make_id(run_id: str, span_id: str | None) -> bytes:
    return hashlib.blake2b((run_id + span_id).encode(), digest_size=8).digest() if span_id else b""


def _name_attributes(record: dict[str, Any]) -> Iterator[tuple[str, str | int]]:
    yield "openinference.span.kind", KINDS.get(record["span_type"], "CHAIN")
    for name in ("input", "output"):
        if payload := record.get(name):
            value = payload["value"]
            is_text = isinstance(value, str)
            yield f"{name}.value", value if is_text else json.dumps(value, separators=(",", ":"))
            yield f"{name}.mime_type", "text/plain" if is_text else "application/json"
    if model := record.get("model"):
        yield "llm.model_name", model
    if usage := record.get("usage"):
        prompt, completion = usage["prompt_tokens"], usage["completion_tokens"]
        yield "llm.token_count.prompt", prompt
        yield "llm.token_count.completion", completion
        yield "llm.token_count.total", prompt + completion


def main() -> None:
    """Encode every batch of standard input."""
    for line in sys.stdin.buffer:
        body = encode_batch(json.loads(line))
        sys.stdout.buffer.write(b"%010d" % len(body) + body)


if __name__ == "__main__":
    main()
