"""Spans and events of the recording that go into the new run as they are: nobody ran them again.

They are written by their recorded lines, with the new run's ids, places and clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from agenttrace.event import Event
from agenttrace.replay.kinds import Status
from agenttrace.semconv import (
    EVENT_CHUNK,
    REPLAY_BILLED_USD,
    REPLAY_RECORDED_NS,
    REPLAY_SOURCE_SPAN,
    REPLAY_STATUS,
)
from agenttrace.span import Span
from agenttrace.spec import Spec

if TYPE_CHECKING:
    from agenttrace.replay.tape import Node, Tape
    from agenttrace.trace import RecordedEvent, RecordedSpan

_encode: Final = msgspec.json.Encoder().encode


class _Start(NamedTuple):
    node: Node


class _End(NamedTuple):
    span: RecordedSpan


class Lanes:
    """Lanes of copied spans: one of the new run for each of the recording that was not met."""

    def __init__(self) -> None:
        self._by_recorded: dict[int, int] = {}

    def find(self, span: Span, owner_lane: int, recorded: int) -> int:
        """Return the new run's lane; what shares its owner's lane goes on sharing it."""
        if recorded == owner_lane:
            return span.lane_id
        if recorded not in self._by_recorded:
            self._by_recorded[recorded] = next(span.run.lanes)
        return self._by_recorded[recorded]


class Copier:
    """Copies what the recording has below one node to below a live span."""

    def __init__(self, tape: Tape, node: Node, span: Span, lanes: Lanes) -> None:
        assert node.span is not None
        self._tape = tape
        self._node = node
        self._span = span
        self._lanes = lanes
        self._ids = {node.span.span_id: span.id}
        self._seqs: dict[str, int] = {}
        self.copied: list[RecordedSpan] = []

    def copy(self) -> list[RecordedSpan]:
        """Copy it all in the order of what happened; return the spans.

        Events of the node's own go along, but for chunks, which the stream gives out anew.
        """
        for moment in self._order():
            if isinstance(moment, _Start):
                self._start(moment.node)
            elif isinstance(moment, _End):
                self._end(moment.span)
            else:
                self._emit_event(moment)
        return self.copied

    def _order(self) -> list[_Start | _End | RecordedEvent]:
        moments: list[tuple[int, _Start | _End | RecordedEvent]] = [
            (event.seq, event)
            for event in self._tape.events_of(self._node)
            if event.name != EVENT_CHUNK
        ]
        for node in self._node.walk():
            assert node.span is not None
            moments.append((node.seq, _Start(node)))
            end = node.seq if node.end_seq is None else node.end_seq
            moments.append((end, _End(node.span)))
            moments.extend((event.seq, event) for event in self._tape.events_of(node))
        moments.sort(key=lambda moment: moment[0])
        return [moment for _, moment in moments]

    def _start(self, node: Node) -> None:
        assert node.span is not None
        node.is_used = True
        self._ids[node.span.span_id] = self._span.run.recorder.ids.new_span_id()
        self._seqs[node.span.span_id] = next(self._span.run.seqs)
        self.copied.append(node.span)

    def _end(self, recorded: RecordedSpan) -> None:
        owner, run = self._span, self._span.run
        span_id = self._ids[recorded.span_id]
        record = {
            **msgspec.structs.asdict(recorded),
            "run_id": run.run_id,
            "span_id": f"{span_id:016x}",
            "parent_span_id": f"{self._ids.get(recorded.parent_span_id or '', owner.id):016x}",
            "start_ns": owner.start_ns,
            "seq": self._seqs[recorded.span_id],
            "lane": self._lanes.find(owner, self._node.lane, recorded.lane),
            "attributes": {**(recorded.attributes or {}), **describe_copy(recorded)},
        }
        if recorded.end_seq is not None:
            record |= {"end_ns": owner.start_ns, "duration_ns": 0, "end_seq": next(run.seqs)}
        copied = Span(run, Spec(recorded.name, recorded.span_type), None)
        copied.id = span_id
        copied.line = _write("span", record)
        run.recorder.emit(copied)

    def _emit_event(self, event: RecordedEvent) -> None:
        owner, run = self._span, self._span.run
        span_id = f"{self._ids.get(event.span_id or '', owner.id):016x}"
        seq, t_ns = next(run.seqs), owner.start_ns
        record = {
            **msgspec.structs.asdict(event),
            "run_id": run.run_id,
            "span_id": span_id,
            "seq": seq,
            "t_ns": t_ns,
        }
        copied = Event(run, span_id=span_id, seq=seq, t_ns=t_ns, name=event.name, body=None)
        copied.line = _write("event", record)
        run.recorder.emit(copied)


def _write(kind: str, record: dict[str, Any]) -> bytes:
    kept = {name: value for name, value in record.items() if value is not None}
    return _encode({"v": 1, "type": kind, **kept})


def describe_copy(recorded: RecordedSpan) -> dict[str, str | int]:
    """Return the attributes that tell a copy from what ran."""
    found: dict[str, str | int] = {
        REPLAY_STATUS: Status.COPIED.value,
        REPLAY_SOURCE_SPAN: recorded.span_id,
        REPLAY_BILLED_USD: "0",
    }
    if recorded.duration_ns is not None:
        found[REPLAY_RECORDED_NS] = recorded.duration_ns
    return found
