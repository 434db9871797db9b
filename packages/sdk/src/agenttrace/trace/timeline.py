"""A run as the total order of what happened in it, whatever the clocks say."""

from __future__ import annotations

from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from agenttrace.semconv import EVENT_CHUNK, EVENT_STATE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agenttrace.trace.records import RecordedEvent, RecordedSpan


class MomentKind(StrEnum):
    """What happened: a span starts or ends, or an event within one (`EVENT`: any other)."""

    START = "START"
    CHUNK = "CHUNK"
    STATE = "STATE"
    EVENT = "EVENT"
    END = "END"


class Moment(NamedTuple):
    """One step of the timeline. `seq` is None for an end that was recorded without its place.

    `span` is None for an event of the run itself, and where the span was never recorded; `event`
    is None for a start and an end. `t_ns` is wall-clock time, None where it is unknown.
    """

    seq: int | None
    kind: MomentKind
    t_ns: int | None
    span: RecordedSpan | None
    event: RecordedEvent | None


_KINDS = {EVENT_CHUNK: MomentKind.CHUNK, EVENT_STATE: MomentKind.STATE}


def order_moments(spans: Iterable[RecordedSpan], events: Iterable[RecordedEvent]) -> list[Moment]:
    """Return every start, end and event by `seq`: one counter a run serves all three.

    Clocks have no say in it. Ends without a place come last, inner spans before outer ones, in
    the order of `end_ns`; a span that has not ended has no end.
    """
    by_id = {span.span_id: span for span in spans}
    moments: list[tuple[tuple[float, float, int, str], Moment]] = []
    for span in by_id.values():
        start = Moment(span.seq, MomentKind.START, span.start_ns, span, None)
        moments.append(((span.seq, 0, 0, span.span_id), start))
        if span.status != "STARTED":
            end = Moment(span.end_seq, MomentKind.END, span.end_ns, span, None)
            moments.append((_place_end(span), end))
    for event in events:
        kind = _KINDS.get(event.name, MomentKind.EVENT)
        within = by_id.get(event.span_id or "")
        moment = Moment(event.seq, kind, event.t_ns, within, event)
        moments.append(((event.seq, 0, 1, event.span_id or ""), moment))
    moments.sort(key=lambda item: item[0])
    return [moment for _, moment in moments]


def _place_end(span: RecordedSpan) -> tuple[float, float, int, str]:
    if span.end_seq is not None:
        return (span.end_seq, 0, 2, span.span_id)
    return (inf, inf if span.end_ns is None else span.end_ns, -span.seq, span.span_id)
