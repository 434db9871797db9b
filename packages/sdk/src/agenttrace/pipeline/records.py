"""From what capture put into the queue to a line of NDJSON. Runs on worker threads only."""

from __future__ import annotations

import inspect
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import orjson

# Imported here for those who use them: a program that forks within a worker's import leaves its
# child a module that is half done, and the lock on it.
from agenttrace import resource as _resource  # noqa: F401 -- see above
from agenttrace.encoding import policy as _policy  # noqa: F401 -- see above
from agenttrace.encoding.payload import CODECS, encode, write_payload
from agenttrace.event import Event
from agenttrace.failures import Failure, write_failure
from agenttrace.pipeline.billing import add_usage
from agenttrace.redaction.redactor import prepare_quick
from agenttrace.run import Run, RunSnapshot
from agenttrace.semconv import USAGE_BILLED_WITHIN
from agenttrace.span import Span, SpanStart
from agenttrace.usage import divide_bytes, estimate_tokens
from agenttrace.wire import (
    HASH_VERSION,
    WIRE_VERSION,
    CostRecord,
    Fidelity,
    Outcome,
    RunStatus,
    SpanStatus,
    UsageRecord,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.encoding.snapshot import Encoded, Snapshot
    from agenttrace.pipeline.intake import Item
    from agenttrace.wire import ErrorRecord, LinkRecord

prepare_quick()  # this module comes with the first exporter, on the program's own thread

_JSON: Final = "json"
_OPAQUE: Final = b'{"$opaque":'
_STATUS_TEXTS: Final = {status: status.value.encode() for status in SpanStatus}
_OUTCOME_TEXTS: Final = {
    outcome: b',"outcome":"%b"' % outcome.value.encode() for outcome in Outcome
}


def write_line(item: Item) -> bytes:
    """Return the record of `item` as JSON text; made once, however many exporters ask."""
    line = item.line
    if line is None:
        line = item.line = _write(item)
    return line


def _write(item: Item) -> bytes:
    if isinstance(item, Span):
        return _write_span_end(item)
    if isinstance(item, SpanStart):
        return _write_span_start(item)
    if isinstance(item, Event):
        return orjson.dumps(_build_event(item))
    assert isinstance(item, RunSnapshot)
    return orjson.dumps(_build_run(item))


# Spans are nearly all that there is to write, so their lines are put together from pieces: half
# the price of a dict that orjson writes. What is rare goes through orjson.
_HEAD: Final = (
    b'{"v":1,"type":"span","run_id":"%b","span_id":"%016x","rev":%d,"name":%b,"span_type":"%b",'
    b'"status":"%b","start_ns":%d,"seq":%d,"lane":%d,"effect":"%b"'
)


def _write_span_head(span: Span, rev: int, status: SpanStatus, parts: list[bytes]) -> None:
    spec = span.spec
    if spec.texts is None:
        spec.texts = (
            orjson.dumps(_clean(span.run, spec.name)),
            spec.span_type.value.encode(),
            spec.effect.encode(),
            b"" if spec.function is None else hash_source(spec.function).encode(),
        )
    name, span_type, effect, fn_hash = spec.texts
    run_id = span.run.run_id.encode()
    state = _STATUS_TEXTS[status]
    place = (span.start_ns, span.seq, span.lane_id, effect)
    parts.append(_HEAD % (run_id, span.id, rev, name, span_type, state, *place))
    if span.parent_id:
        parts.append(b',"parent_span_id":"%016x"' % span.parent_id)
    if span.replay_key is not None:
        parts.append(b',"replay_key":' + orjson.dumps(_clean(span.run, span.replay_key)))
    if fn_hash:
        parts.append(b',"fn_hash":"%b"' % fn_hash)
    if spec.boundary is not None:
        parts.append(b',"boundary":true' if spec.boundary else b',"boundary":false')
    if span.input is not None:
        encoded = _encode(span, "input", with_hash=True)
        _add_payload(b',"input":', encoded, parts)
        if encoded.hash is not None:
            digest = encoded.hash.encode()
            parts.append(b',"input_hash":"%b","hash_version":%d' % (digest, HASH_VERSION))


def _write_span_start(start: SpanStart) -> bytes:
    parts: list[bytes] = []
    _write_span_head(start.span, 0, SpanStatus.STARTED, parts)
    rest: dict[str, Any] = {}
    if start.model is not None:
        rest["model"] = start.model
    if start.attributes:
        rest["attributes"] = _clean_flat(start.span.run, start.attributes)
    return _close_line(parts, rest)


def _write_span_end(span: Span) -> bytes:
    parts: list[bytes] = []
    _write_span_head(span, 1, span.status, parts)
    times = (span.start_ns + span.duration_ns, span.duration_ns, span.end_seq)
    parts.append(b',"end_ns":%d,"duration_ns":%d,"end_seq":%d' % times)
    if span.outcome is not None:
        parts.append(_OUTCOME_TEXTS[span.outcome])
    if span.output is not None:
        _add_payload(b',"output":', _encode(span, "output"), parts)
    rest: dict[str, Any] = {}
    if span.error is not None:
        rest["error"] = _write_failure(span.run, span.error)
    if span.model is not None:
        rest["model"] = span.model
    if span.links:
        rest["links"] = [_clean_link(span.run, link) for link in span.links]
    attributes = dict(span.attributes) if span.attributes else {}
    add_usage(span, rest, attributes, estimate=_estimate_usage)
    if attributes:
        rest["attributes"] = _clean_flat(span.run, attributes)
    return _close_line(parts, rest)


def price(span: Span) -> tuple[CostRecord | None, bool]:
    """Return what a span that is about to end costs, and whether a call within it has that billed.

    It is what its record will say, known before the recording thread has written that.
    """
    rest: dict[str, Any] = {}
    attributes = dict(span.attributes) if span.attributes else {}
    add_usage(span, rest, attributes, estimate=_estimate_usage)
    return rest.get("cost"), USAGE_BILLED_WITHIN in attributes


def _add_payload(key: bytes, encoded: Encoded, parts: list[bytes]) -> None:
    fidelity = encoded.fidelity.encode()
    codec = CODECS[encoded.types is not None]
    parts += (key, b'{"value":', encoded.text, b',"codec":"%b","fidelity":"%b"' % (codec, fidelity))
    if encoded.types is not None:
        parts += (b',"types":', encoded.types)
    whole = encoded.whole
    if whole is not None:
        digest = whole.json_sha256.encode()
        parts.append(b',"bytes":%d,"sha256":"%b"' % (whole.json_bytes, digest))
    parts.append(b"}")


def _close_line(parts: list[bytes], rest: dict[str, Any]) -> bytes:
    parts.append(b"," + orjson.dumps(rest)[1:] if rest else b"}")
    return b"".join(parts)


def _estimate_usage(span: Span) -> UsageRecord | None:
    if span.input is None or span.output is None:
        return None
    output = _encode(span, "output")
    if output.text.startswith(_OPAQUE):  # its class is known, not a word of what it says
        return None
    prompt = _estimate(_encode(span, "input", with_hash=True))
    completion = _estimate(output)
    if prompt is None or completion is None:
        return None
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "source": "estimated",
    }


def _estimate(encoded: Encoded) -> int | None:
    if encoded.whole is not None:  # what was cut off counts too
        return divide_bytes(encoded.whole.text_bytes)
    if encoded.fidelity == Fidelity.TRUNCATED.value:  # how much was cut off nobody knows
        return None
    return estimate_tokens(orjson.loads(encoded.text))


def _build_event(event: Event) -> dict[str, Any]:
    record: dict[str, Any] = {
        "v": WIRE_VERSION,
        "type": "event",
        "run_id": event.run.run_id,
        "seq": event.seq,
        "t_ns": event.t_ns,
        "name": _clean(event.run, event.name),
    }
    if event.span_id is not None:
        record["span_id"] = event.span_id
    if event.offset_ns is not None:
        record["offset_ns"] = event.offset_ns
    body = event.body
    if isinstance(body, Failure):
        failure = _write_failure(event.run, body)
        record["body"] = {
            "value": failure,
            "codec": _JSON,
            "fidelity": Fidelity.STRUCTURAL.value,
        }
    elif body is not None:
        record["body"] = write_payload(_encode_snapshot(event.run, body))
    return record


def _build_run(snapshot: RunSnapshot) -> dict[str, Any]:
    run = snapshot.run
    record: dict[str, Any] = {
        "v": WIRE_VERSION,
        "type": "run",
        "run_id": run.run_id,
        "rev": snapshot.rev,
        "name": _clean(run, run.name),
        "status": snapshot.status.value,
        "start_ns": run.start_ns,
    }
    if snapshot.correlation_id is not None:
        record["correlation_id"] = _clean(run, snapshot.correlation_id)
    if snapshot.status is not RunStatus.STARTED:
        record["end_ns"] = run.start_ns + snapshot.duration_ns
        record["duration_ns"] = snapshot.duration_ns
        record["complete"] = snapshot.is_complete
    if snapshot.end_seq is not None:
        record["end_seq"] = snapshot.end_seq
    if run.replayed_from is not None:
        record["replayed_from"] = run.replayed_from
    if run.forked_at is not None:
        record["forked_at"] = run.forked_at
    _add_run_contents(snapshot, record)
    resource = run.recorder.describe_resource()
    if resource:
        record["resource"] = resource
    return record


def _add_run_contents(snapshot: RunSnapshot, record: dict[str, Any]) -> None:
    run = snapshot.run
    if snapshot.input is not None:
        record["input"] = write_payload(_encode_snapshot(run, snapshot.input))
    if snapshot.output is not None:
        record["output"] = write_payload(_encode_snapshot(run, snapshot.output))
    if snapshot.error is not None:
        record["error"] = _write_failure(run, snapshot.error)
    if snapshot.tags:
        record["tags"] = [_clean(run, tag) for tag in snapshot.tags]
    if snapshot.attributes:
        record["attributes"] = _clean_flat(run, snapshot.attributes)
    if snapshot.links:
        record["links"] = [_clean_link(run, link) for link in snapshot.links]


def _write_failure(run: Run, failure: Failure) -> ErrorRecord:
    recorder = run.recorder
    return write_failure(failure, recorder.policy, max_bytes=recorder.max_payload_bytes)


def _clean(run: Run, text: str) -> str:
    """Return a name, or another short text, without secrets."""
    redactor = run.recorder.policy.redactor
    return text if redactor is None else redactor.redact_text(text)


def _clean_flat(run: Run, values: dict[str, Any]) -> dict[str, Any]:
    """Return attributes without secrets."""
    redactor = run.recorder.policy.redactor
    if redactor is None or not redactor.suspects(orjson.dumps(values)):
        return values
    cleaned: dict[str, Any] = redactor.redact(values)
    return cleaned


def _clean_link(run: Run, link: LinkRecord) -> LinkRecord:
    attributes = link.get("attributes")
    return {**link, "attributes": _clean_flat(run, attributes)} if attributes else link


def _encode(span: Span, field: str, *, with_hash: bool = False) -> Encoded:
    """Encode a span's input or output once; the text replaces the snapshot."""
    encoded = _encode_snapshot(span.run, getattr(span, field), with_hash=with_hash)
    setattr(span, field, encoded)
    return encoded


def _encode_snapshot(run: Run, snapshot: Snapshot, *, with_hash: bool = False) -> Encoded:
    recorder = run.recorder
    return encode(
        snapshot,
        max_bytes=recorder.max_payload_bytes,
        with_hash=with_hash,
        policy=recorder.policy,
    )


def hash_source(function: Callable[..., object]) -> str:
    """Return the SHA-256 of the function's source text, 64 hex; empty when there is no source."""
    try:
        source = inspect.getsource(inspect.unwrap(function))
    except (OSError, TypeError, ValueError):
        return ""
    return sha256(source.encode("utf-8", "replace")).hexdigest()
