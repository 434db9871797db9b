"""The steps of a run, numbered, and what is found of each without folding anything."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from agenttrace.steps.texts import read_state_key
from agenttrace.trace.timeline import Moment, MomentKind
from agenttrace.trace.tree import order_tree
from agenttrace.wire import SpanType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from agenttrace.trace.records import RecordedEvent, RecordedSpan
    from agenttrace.trace.run import RecordedRun

_NONE: Final = -1


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `index` counts from 0, `depth` is how many spans its span is within.

    `offset_ns` is from the run's start by the wall clock, negative where that was set back; None
    is unknown. `elapsed_ns` is the same, but never goes back. `span` is None for an event of the
    run itself, and where the span was never recorded; `event` for a start and an end.
    """

    index: int
    phase: MomentKind
    span: RecordedSpan | None
    event: RecordedEvent | None
    lane: int
    depth: int
    offset_ns: int | None
    elapsed_ns: int

    @property
    def is_start(self) -> bool:
        """Whether its span starts here."""
        return self.phase is MomentKind.START

    @property
    def is_end(self) -> bool:
        """Whether its span ends here."""
        return self.phase is MomentKind.END


class StepTimeline:
    """All steps of one run. What it holds does not change: threads may share it.

    `state_keys` are those of the state events by their `seq`, where the bodies are not at hand.
    """

    def __init__(
        self,
        moments: Sequence[Moment],
        spans: Iterable[RecordedSpan],
        *,
        start_ns: int,
        state_keys: Mapping[int, str] | None = None,
    ) -> None:
        self._moments = moments
        self._start_ns = start_ns
        nodes = order_tree(spans)
        self.depths: Final = {node.span.span_id: node.depth for node in nodes}
        self.parents: Final = {
            node.span.span_id: node.span.parent_span_id for node in nodes if node.flaw is None
        }
        """Of the spans that have one which is there."""
        self.starts: Final[dict[str, int]] = {}
        self.ends: Final[dict[str, int]] = {}
        self._elapsed_ns = array("q")
        self._lanes: dict[int, array[int]] = {}
        self._keys = self._read_keys(state_keys)
        self._earlier_calls: dict[int, int] = {}
        self._repeats: dict[int, int] = {}
        self._index()
        self._find_earlier_calls()
        self._count_repeats()

    @classmethod
    def of_run(cls, run: RecordedRun) -> Self:
        """Return the steps of a recorded run."""
        return cls(run.timeline(), run.spans, start_ns=run.start_ns)

    def __len__(self) -> int:
        return len(self._moments)

    def step(self, index: int) -> Step:
        """Return a step.

        Raises:
            IndexError: there is none of that number.

        """
        if not 0 <= index < len(self._moments):
            raise IndexError(index)
        moment = self._moments[index]
        span = moment.span
        return Step(
            index=index,
            phase=moment.kind,
            span=span,
            event=moment.event,
            lane=_get_lane(moment),
            depth=0 if span is None else self.depths[span.span_id],
            offset_ns=None if moment.t_ns is None else moment.t_ns - self._start_ns,
            elapsed_ns=self._elapsed_ns[index],
        )

    def moment(self, index: int) -> Moment:
        """Return a step as the recording has it: cheaper than `step`."""
        return self._moments[index]

    def list_spans(self) -> list[RecordedSpan]:
        """Return every span in the order of their starts."""
        moments = (self._moments[index] for index in self.starts.values())
        return [moment.span for moment in moments if moment.span is not None]

    def find_offset(self, offset_ns: int) -> int:
        """Return the last step that came no later than so long after the start; -1 for none."""
        return bisect_right(self._elapsed_ns, offset_ns) - 1

    def find_in_lane(self, index: int, *, backward: bool = False) -> int | None:
        """Return the next step of the lane that a step is of; None where there is none."""
        lane = self._lanes[_get_lane(self._moments[index])]
        at = bisect_left(lane, index) + (-1 if backward else 1)
        return lane[at] if 0 <= at < len(lane) else None

    def find_earlier_call(self, index: int) -> int | None:
        """Return the model call, by its start, whose context the one at `index` goes on from.

        It is the last one before in the same lane, or directly under the same parent, whichever
        is later: a task for each call has a lane for each.
        """
        return self._earlier_calls.get(index)

    def count_repeat(self, index: int) -> int:
        """Return which span of its name and input starts here, from 1; 0 where that is unknown."""
        return self._repeats.get(index, 0)

    def read_key(self, index: int) -> str | None:
        """Return the name of the value that a state step sets; None where it sets none."""
        return self._keys.get(index)

    def is_unfinished(self, span: RecordedSpan) -> bool:
        """Tell whether the end of a span is not there."""
        return span.span_id not in self.ends

    def _read_keys(self, known: Mapping[int, str] | None) -> dict[int, str]:
        found: dict[int, str] = {}
        for index, moment in enumerate(self._moments):
            if moment.kind is MomentKind.STATE and moment.event is not None:
                event = moment.event
                key = read_state_key(event) if known is None else known.get(event.seq)
                if key is not None:
                    found[index] = key
        return found

    def _index(self) -> None:
        elapsed_ns = 0
        for index, moment in enumerate(self._moments):
            if moment.t_ns is not None:
                elapsed_ns = max(elapsed_ns, moment.t_ns - self._start_ns)
            self._elapsed_ns.append(elapsed_ns)
            self._lanes.setdefault(_get_lane(moment), array("q")).append(index)
            if moment.span is None:
                continue
            if moment.kind is MomentKind.END:
                self.ends[moment.span.span_id] = index
            elif moment.kind is MomentKind.START:
                self.starts[moment.span.span_id] = index

    def _find_earlier_calls(self) -> None:
        by_lane: dict[int, int] = {}
        by_parent: dict[str | None, int] = {}
        for span_id, index in self.starts.items():  # in the order of the steps
            span = self._moments[index].span
            if span is None or span.span_type is not SpanType.LLM_CALL:
                continue
            parent = self.parents.get(span_id)
            earlier = max(by_lane.get(span.lane, _NONE), by_parent.get(parent, _NONE))
            if earlier != _NONE:
                self._earlier_calls[index] = earlier
            by_lane[span.lane] = by_parent[parent] = index

    def _count_repeats(self) -> None:
        seen: dict[tuple[str, str], int] = {}
        for index in self.starts.values():
            span = self._moments[index].span
            if span is not None and span.input_hash is not None:
                key = (span.name, span.input_hash)
                seen[key] = self._repeats[index] = seen.get(key, 0) + 1


def _get_lane(moment: Moment) -> int:
    return 0 if moment.span is None else moment.span.lane
