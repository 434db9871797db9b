"""What a replay writes on the spans of the new run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, cast

from agenttrace.replay.kinds import Status
from agenttrace.replay.serving import keep_payload
from agenttrace.semconv import (
    REPLAY_BILLED_USD,
    REPLAY_RECORDED_NS,
    REPLAY_SOURCE_SPAN,
    REPLAY_STATUS,
    STREAM_CHUNKS,
    STREAM_KIND,
    STREAM_SENT,
    TIME_TO_FIRST_CHUNK,
)

if TYPE_CHECKING:
    from agenttrace.span import Span
    from agenttrace.trace import RecordedSpan
    from agenttrace.wire import CostRecord, UsageRecord

_OWN: Final = "agenttrace.replay."
_STREAM: Final = frozenset({STREAM_CHUNKS, STREAM_KIND, STREAM_SENT, TIME_TO_FIRST_CHUNK})
_USAGE_FIELDS: Final = (
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)


def mark(span: Span, status: Status | None, recorded: RecordedSpan | None) -> None:
    """Say what became of a call, and which recorded span is its counterpart."""
    if status is not None:
        span.set_own_attribute(REPLAY_STATUS, status.value)
    if status in {Status.REPLAYED, Status.COPIED}:
        span.set_own_attribute(REPLAY_BILLED_USD, "0")
    if recorded is not None:
        span.set_own_attribute(REPLAY_SOURCE_SPAN, recorded.span_id)
        if recorded.duration_ns is not None:
            span.set_own_attribute(REPLAY_RECORDED_NS, recorded.duration_ns)


def dress(span: Span, recorded: RecordedSpan, *, is_stream: bool) -> None:
    """Give a served span what the body, which does not run, gave the recorded one.

    What is recorded of a stream is recorded again as it is given out.
    """
    for name, value in (recorded.attributes or {}).items():
        if not name.startswith(_OWN) and name not in _STREAM:
            span.set_own_attribute(name, value)
    if recorded.output is not None and span.spec.capture_output and not is_stream:
        span.output = keep_payload(recorded.output)
    if recorded.model is not None:
        span.model = recorded.model
    span.usage = _read_usage(recorded)
    # Without: nothing is estimated, and no price list is asked.
    span.is_usage_given = True
    span.covered = {None} if span.usage is None else span.covered
    span.cost = _read_cost(recorded)


def finish_marks(span: Span, recorded: RecordedSpan) -> None:
    """Put back what was recorded where giving it out has measured or read it anew."""
    span.report = None
    first_s = (recorded.attributes or {}).get(TIME_TO_FIRST_CHUNK)
    if first_s is not None:
        span.set_own_attribute(TIME_TO_FIRST_CHUNK, first_s)


def _read_usage(recorded: RecordedSpan) -> UsageRecord | None:
    usage = recorded.usage
    if usage is None:
        return None
    figures = {name: getattr(usage, name) for name in _USAGE_FIELDS}
    known = {name: figure for name, figure in figures.items() if figure is not None}
    return cast("UsageRecord", {**known, "source": usage.source})


def _read_cost(recorded: RecordedSpan) -> CostRecord | Literal[False]:
    cost = recorded.cost
    if cost is None:
        return False
    record: CostRecord = {"usd": cost.usd, "source": cost.source}
    if cost.table is not None:
        record["table"] = cost.table
    return record
