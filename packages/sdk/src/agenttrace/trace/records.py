"""Lines of a recording as objects. Payloads stay JSON text until they are looked at.

The fields are those of `docs/wire-format.md`; None is unknown. A line is decoded in one step by
msgspec, which checks types; who needs every limit checked uses `agenttrace.wire.validation`.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from agenttrace.wire import Effect, Fidelity, JsonValue, Outcome, RunStatus, SpanStatus, SpanType  # noqa: TC001 -- msgspec reads annotations

_RunId: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]
_SpanId: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
_Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1)]
_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
_Nanoseconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
# As `agenttrace.wire.validation` has it: what passes is a number to everyone.
_Usd: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,7}(\.[0-9]{1,40})?\Z")]


class _Part(msgspec.Struct, gc=False, kw_only=True):
    pass


class RecordedPayload(_Part):
    """A captured value. `value` decodes it anew each time; `json` is its text as it came."""

    text: msgspec.Raw = msgspec.field(name="value")
    codec: str
    fidelity: Fidelity
    size_bytes: _Count | None = msgspec.field(name="bytes", default=None)
    sha256: str | None = None
    types: dict[str, Any] | None = None

    @property
    def json(self) -> str:
        """The value's JSON text, byte for byte as it was recorded."""
        return bytes(self.text).decode("utf-8", "replace")

    @property
    def value(self) -> JsonValue:
        """The value as JSON has it; its text where it is nested too deeply to decode."""
        text = self.json
        try:
            # Not msgspec, which reads integers beyond 64 bits as floats.
            return json.loads(text)
        except (ValueError, RecursionError):
            return text


class RecordedError(_Part):
    """An exception: its class as `module.Class`, its text, and what led to it."""

    type: str
    message: str
    traceback: str | None = None
    cause: RecordedError | None = None
    cause_is_context: bool | None = None
    context: RecordedError | None = None
    context_is_cause: bool | None = None
    suppress_context: bool | None = None
    notes: list[str] | None = None
    module: str | None = None
    qualname: str | None = None
    mro: list[str] | None = None
    args: RecordedPayload | None = None
    attributes: RecordedPayload | None = None


class RecordedUsage(_Part):
    """Tokens of a model call; None is unknown."""

    source: Literal["reported", "estimated"]
    prompt_tokens: _Count | None = None
    completion_tokens: _Count | None = None
    total_tokens: _Count | None = None
    cached_tokens: _Count | None = None
    cache_write_tokens: _Count | None = None
    reasoning_tokens: _Count | None = None


class RecordedCost(_Part):
    """Money as decimal text in US dollars, and where the figure comes from."""

    usd: _Usd
    source: Literal["reported", "price_table", "rates"]
    table: str | None = None


class _Line(msgspec.Struct, gc=False, kw_only=True, tag_field="type"):
    v: Literal[1]
    run_id: _RunId


class RunSnapshot(_Line, tag="run"):
    """A run as one line, or several merged, say it is."""

    rev: _Count
    name: _Name
    status: RunStatus
    start_ns: _Nanoseconds
    correlation_id: str | None = None
    end_ns: _Nanoseconds | None = None
    duration_ns: _Nanoseconds | None = None
    end_seq: _Count | None = None
    complete: bool | None = None
    dropped: dict[str, _Count] | None = None
    input: RecordedPayload | None = None
    output: RecordedPayload | None = None
    error: RecordedError | None = None
    tags: list[str] | None = None
    attributes: dict[str, Any] | None = None
    resource: dict[str, Any] | None = None
    replayed_from: str | None = None
    forked_at: _Count | None = None
    links: list[Any] | None = None


class RecordedSpan(_Line, tag="span"):
    """A span as one line, or several merged, say it is."""

    span_id: _SpanId
    rev: _Count
    name: _Name
    span_type: SpanType
    status: SpanStatus
    start_ns: _Nanoseconds
    seq: _Count
    lane: _Count
    effect: Effect
    parent_span_id: _SpanId | None = None
    end_ns: _Nanoseconds | None = None
    duration_ns: _Nanoseconds | None = None
    end_seq: _Count | None = None
    outcome: Outcome | None = None
    input: RecordedPayload | None = None
    output: RecordedPayload | None = None
    error: RecordedError | None = None
    model: str | None = None
    usage: RecordedUsage | None = None
    cost: RecordedCost | None = None
    attributes: dict[str, Any] | None = None
    links: list[Any] | None = None
    boundary: bool | None = None
    replay_key: str | None = None
    input_hash: str | None = None
    hash_version: _Count | None = None
    fn_hash: str | None = None


class RecordedEvent(_Line, tag="event"):
    """Something that happened within a span, or within the run where `span_id` is None."""

    seq: _Count
    t_ns: _Nanoseconds
    name: _Name
    span_id: _SpanId | None = None
    offset_ns: int | None = None
    body: RecordedPayload | None = None


class RecordedAnnotation(_Line, tag="annotation"):
    """What somebody said of a run on a server, or of a span of it where there is a `span_id`."""

    annotation_id: str
    name: _Name
    source: Literal["HUMAN", "MODEL", "CODE"]
    created_ns: _Nanoseconds
    updated_ns: _Nanoseconds
    span_id: _SpanId | None = None
    score: float | None = None
    label: str | None = None
    comment: str | None = None
    author: str | None = None


class RecordedTags(_Line, tag="tags"):
    """Tags that were added to a run on a server, beside those that were recorded."""

    tags: list[str]


RecordedLine: TypeAlias = (
    RunSnapshot | RecordedSpan | RecordedEvent | RecordedAnnotation | RecordedTags
)
