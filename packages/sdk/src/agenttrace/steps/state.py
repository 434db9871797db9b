"""What a run has come to at a step: a fold over the steps, with snapshots to seek by."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agenttrace.trace.timeline import MomentKind
from agenttrace.trace.totals import Tally, Totals
from agenttrace.wire import SpanType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agenttrace.steps.timeline import StepTimeline
    from agenttrace.trace.records import RecordedEvent, RecordedSpan

SNAPSHOT_STEPS: Final = 200
"""Steps between two snapshots, so that a seek folds no more than so many."""

_ENTRIES_A_STEP: Final = 4
# A snapshot holds every open span and value. Where there are thousands, it is made after as many
# steps that all snapshots together hold a few entries a step, and not the square of the depth.


@dataclass(frozen=True, slots=True)
class StepState:
    """What there is when step `index` has happened; -1: before the first.

    `open_spans` are those that have started and not ended, by lane, the last to start last.
    `values` are those that the program recorded with `tracer.state`, each as the event that set it
    last. `llm_call` is the last model call that started. `totals` and `elapsed_ns` are so far:
    what a span used counts from its end on, of one that has none from its start.
    """

    index: int
    open_spans: Mapping[int, tuple[RecordedSpan, ...]]
    values: Mapping[str, RecordedEvent]
    llm_call: RecordedSpan | None
    totals: Totals
    calls_by_type: Mapping[SpanType, int]
    elapsed_ns: int


class _Fold:
    """A state that takes in one step after another."""

    __slots__ = ("index", "llm_call", "open", "size", "tally", "values")

    def __init__(self) -> None:
        self.index = -1
        self.open: dict[int, dict[str, RecordedSpan]] = {}
        self.values: dict[str, RecordedEvent] = {}
        self.llm_call: RecordedSpan | None = None
        self.tally = Tally()
        self.size = 0
        """Entries that a copy has: open spans and values."""

    def advance(self, timeline: StepTimeline) -> None:
        self.index += 1
        moment = timeline.moment(self.index)
        span = moment.span
        if moment.kind is MomentKind.STATE:
            key = timeline.read_key(self.index)
            if key is not None and moment.event is not None:
                self.size += key not in self.values
                self.values[key] = moment.event
        elif moment.kind is MomentKind.START and span is not None:
            self._start(span, is_unfinished=timeline.is_unfinished(span))
        elif moment.kind is MomentKind.END and span is not None:
            lane = self.open[span.lane]
            del lane[span.span_id]
            if not lane:
                del self.open[span.lane]
            self.size -= 1
            self.tally.add_end(span)

    def _start(self, span: RecordedSpan, *, is_unfinished: bool) -> None:
        self.open.setdefault(span.lane, {})[span.span_id] = span
        self.size += 1
        self.tally.add_start(span)
        if is_unfinished:  # what is known of it is all that ever will be
            self.tally.add_end(span)
        if span.span_type is SpanType.LLM_CALL:
            self.llm_call = span

    def copy(self) -> _Fold:
        made = _Fold()
        made.index = self.index
        made.open = {lane: dict(spans) for lane, spans in self.open.items()}
        made.values = dict(self.values)
        made.llm_call = self.llm_call
        made.tally = self.tally.copy()
        made.size = self.size
        return made

    def freeze(self, timeline: StepTimeline) -> StepState:
        return StepState(
            index=self.index,
            open_spans={lane: (*spans.values(),) for lane, spans in self.open.items()},
            values=self.values,
            llm_call=self.llm_call,
            totals=self.tally.add_up(),
            calls_by_type={kind: self.tally.count_type(kind) for kind in SpanType},
            elapsed_ns=timeline.step(self.index).elapsed_ns if self.index >= 0 else 0,
        )


def fold(timeline: StepTimeline, index: int) -> StepState:
    """Return the state at a step, folded from the beginning: what `StateSeeker` must agree with.

    Raises:
        IndexError: there is no such step, and it is not -1.

    """
    _check(timeline, index)
    state = _Fold()
    while state.index < index:
        state.advance(timeline)
    return state.freeze(timeline)


class StateSeeker:
    """Finds the state at any step of a timeline. What it holds does not change."""

    def __init__(self, timeline: StepTimeline) -> None:
        self._timeline = timeline
        self._snapshots = [*_make_snapshots(timeline)]
        self._indexes = [snapshot.index for snapshot in self._snapshots]

    def seek(self, index: int) -> StepState:
        """Return the state at a step, -1 for that before the first.

        Raises:
            IndexError: there is no such step.

        """
        _check(self._timeline, index)
        state = self._snapshots[bisect_right(self._indexes, index) - 1].copy()
        while state.index < index:
            state.advance(self._timeline)
        return state.freeze(self._timeline)


def _make_snapshots(timeline: StepTimeline) -> list[_Fold]:
    state = _Fold()
    snapshots = [state.copy()]
    while state.index < len(timeline) - 1:
        state.advance(timeline)
        since = state.index - snapshots[-1].index
        if since >= SNAPSHOT_STEPS and since * _ENTRIES_A_STEP >= state.size:
            snapshots.append(state.copy())
    return snapshots


def _check(timeline: StepTimeline, index: int) -> None:
    if not -1 <= index < len(timeline):
        raise IndexError(index)
