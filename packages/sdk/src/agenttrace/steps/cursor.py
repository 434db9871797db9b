"""A place among the steps of a run, and the ways to go on from it, forward and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from agenttrace.steps.breakpoints import Breakpoint, make_breakpoint, settle
from agenttrace.steps.criteria import SpanIs, StatusIs
from agenttrace.steps.search import Hit, locate, run_search, search
from agenttrace.steps.state import StateSeeker, StepState
from agenttrace.steps.texts import RecordedTexts, TextKey
from agenttrace.steps.timeline import Step, StepTimeline
from agenttrace.trace.timeline import MomentKind
from agenttrace.wire import SpanStatus, SpanType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.trace.run import RecordedRun


class TextReader(Protocol):
    """Where the recorded texts of a run are."""

    def read(self, key: TextKey) -> str | None:
        """Return a text; None where nothing was recorded."""


class StepCursor:
    """Stands at a step. Each way to go on returns the step it came to.

    One that leads nowhere, such as `next` at the end, returns None and stays. A run without a
    step has no cursor.

        cursor = StepCursor.of_run(load_runs("traces.jsonl").runs[-1])
        cursor.continue_([read_breakpoint("error")])
        cursor.state().values

    Raises:
        ValueError: the run has no step.

    """

    def __init__(self, timeline: StepTimeline, texts: TextReader) -> None:
        if not len(timeline):
            raise ValueError("nothing was recorded of the run: there is no step to stand at")
        self.timeline = timeline
        self.index = 0
        self._texts = texts
        self._seeker = StateSeeker(timeline)

    @classmethod
    def of_run(cls, run: RecordedRun) -> StepCursor:
        """Return a cursor at the first step of a recorded run.

        Raises:
            ValueError: the run has no step.

        """
        return cls(StepTimeline.of_run(run), RecordedTexts(run))

    @property
    def step(self) -> Step:
        """The step that it stands at."""
        return self.timeline.step(self.index)

    def state(self) -> StepState:
        """Return what the run has come to when this step has happened."""
        return self._seeker.seek(self.index)

    def state_before(self) -> StepState:
        """Return what the run had come to before this step."""
        return self._seeker.seek(self.index - 1)

    # One step

    def next(self) -> Step | None:
        """Go to the next step."""
        return self._go(self.index + 1)

    def prev(self) -> Step | None:
        """Go to the step before."""
        return self._go(self.index - 1)

    def step_into(self) -> Step | None:
        """Go to the next step: into the span that starts here, if anything happens in it."""
        return self._go(self.index + 1)

    def step_over(self) -> Step | None:
        """From the start of a span go to its end; from elsewhere to the next step of the lane."""
        moment = self.timeline.moment(self.index)
        if moment.kind is MomentKind.START and moment.span is not None:
            end = self.timeline.ends.get(moment.span.span_id)
            if end is not None:
                return self._go(end)
        return self._go(self.timeline.find_in_lane(self.index))

    def step_out(self) -> Step | None:
        """Go to the end of the span that this step is within.

        At its own start and end a span is within its parent. One whose end was not recorded is
        left for the next one around it.
        """
        moment = self.timeline.moment(self.index)
        span = moment.span
        outer = None if span is None else span.span_id
        if outer is not None and moment.kind in {MomentKind.START, MomentKind.END}:
            outer = self.timeline.parents.get(outer)
        while outer is not None:
            end = self.timeline.ends.get(outer)
            if end is not None and end > self.index:
                return self._go(end)
            outer = self.timeline.parents.get(outer)
        return None

    def next_in_lane(self, *, backward: bool = False) -> Step | None:
        """Go to the next step of this lane, or the one before."""
        return self._go(self.timeline.find_in_lane(self.index, backward=backward))

    # Far away

    def seek(self, index: int) -> Step | None:
        """Go to a step by its number."""
        return self._go(index)

    def seek_span(self, span_id: str) -> Step | None:
        """Go to the start of a span."""
        return self._go(self.timeline.starts.get(span_id))

    def seek_offset(self, offset_ms: float) -> Step | None:
        """Go to the last step that came no later than so long after the run's start.

        Where the clock was set back, time stands still until it is past where it was.
        """
        return self._go(max(0, self.timeline.find_offset(round(offset_ms * 1_000_000))))

    def next_of_type(self, span_type: SpanType, *, backward: bool = False) -> Step | None:
        """Go to where the next span of a type starts."""
        wanted = make_breakpoint([SpanIs(span_type=span_type)], span_type)
        return self._find([wanted], backward=backward)

    def next_error(self, *, backward: bool = False) -> Step | None:
        """Go to where the next span ends with an error."""
        wanted = make_breakpoint([StatusIs(SpanStatus.ERROR)], "error")
        return self._find([wanted], backward=backward)

    def continue_(self, breakpoints: Sequence[Breakpoint]) -> Hit | None:
        """Go to the next step where a breakpoint holds.

        Raises:
            SearchError: a query would look at too much.

        """
        return self._search(breakpoints, backward=False)

    def reverse_continue(self, breakpoints: Sequence[Breakpoint]) -> Hit | None:
        """Go back to the last step before where a breakpoint holds.

        Raises:
            SearchError: a query would look at too much.

        """
        return self._search(breakpoints, backward=True)

    def settle(self, breakpoints: Sequence[Breakpoint]) -> list[Breakpoint]:
        """Return the breakpoints with the steps of watches found, so that they are found once."""
        return [
            settle(each, run_search(locate(self.timeline, each), self._texts.read))
            if each.watch is not None
            else each
            for each in breakpoints
        ]

    def find(
        self, breakpoints: Sequence[Breakpoint], *, start: int, backward: bool = False
    ) -> Hit | None:
        """Return the next step after `start` where a breakpoint holds, and stay.

        Raises:
            SearchError: a query would look at too much.

        """
        going = search(self.timeline, breakpoints, start=start, backward=backward)
        return run_search(going, self._texts.read)

    def _find(self, breakpoints: Sequence[Breakpoint], *, backward: bool) -> Step | None:
        hit = self._search(breakpoints, backward=backward)
        return None if hit is None else self.step

    def _search(self, breakpoints: Sequence[Breakpoint], *, backward: bool) -> Hit | None:
        hit = self.find(breakpoints, start=self.index, backward=backward)
        if hit is not None:
            self.index = hit.index
        return hit

    def _go(self, index: int | None) -> Step | None:
        if index is None or not 0 <= index < len(self.timeline):
            return None
        self.index = index
        return self.step
