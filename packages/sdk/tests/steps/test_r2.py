"""R2: 10,000 steps, equal timestamps, a clock that is set back once, three lanes."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import pytest
from recordings import load
from stepped import RunMaker

from agenttrace.steps import StateSeeker, StepCursor, StepTimeline, fold, read_breakpoint
from agenttrace.trace.run import RecordedRun
from agenttrace.trace.timeline import MomentKind

STEPS = 10_000
JUMP = 6_000


@cache
def make() -> RecordedRun:
    return load(RunMaker(seed=2, jump_at=JUMP).make(STEPS))


def test_r2_the_order_is_that_of_the_counter() -> None:
    """Equal timestamps and one backward jump of the clock move nothing."""
    timeline = StepTimeline.of_run(make())
    assert len(timeline) >= STEPS
    assert [timeline.moment(at).seq for at in range(len(timeline))] == [*range(len(timeline))]
    offsets = [timeline.step(at).offset_ns or 0 for at in range(len(timeline))]
    assert min(offsets) < 0
    assert any(first == second for first, second in pairwise(offsets))
    assert {timeline.step(at).lane for at in range(len(timeline))} == {0, 1, 2}


def test_r2_a_seek_gives_what_a_fold_gives() -> None:
    """At each of some 150 steps, the edges of snapshots among them."""
    timeline = StepTimeline.of_run(make())
    seeker = StateSeeker(timeline)
    edges = [edge + by for edge in (200, 400, 6_000) for by in (-1, 0, 1)]
    for index in (-1, 0, 1, *edges, *range(5, len(timeline), 79), len(timeline) - 1):
        assert seeker.seek(index) == fold(timeline, index)


def test_r2_next_and_back_is_where_one_was() -> None:
    """From every step but the last."""
    cursor = StepCursor.of_run(make())
    for index in range(len(cursor.timeline) - 1):
        cursor.seek(index)
        cursor.next()
        step = cursor.prev()
        assert step is not None
        assert step.index == index
    cursor.seek(len(cursor.timeline) - 1)
    assert cursor.next() is None
    assert cursor.index == len(cursor.timeline) - 1


def test_r2_no_child_comes_before_its_parent() -> None:
    """Nor an event or an end before the start of its span."""
    timeline = StepTimeline.of_run(make())
    for span_id, parent in timeline.parents.items():
        assert parent is None or timeline.starts[parent] < timeline.starts[span_id]
        assert timeline.starts[span_id] < timeline.ends[span_id]
    for index in range(len(timeline)):
        moment = timeline.moment(index)
        if moment.span is not None and moment.kind is not MomentKind.START:
            assert timeline.starts[moment.span.span_id] < index


def test_r2_the_last_state_is_the_run_s_totals() -> None:
    """Money and tokens to the last digit."""
    timeline = StepTimeline.of_run(make())
    state = StateSeeker(timeline).seek(len(timeline) - 1)
    assert state.totals == make().totals()
    assert state.totals.cost_usd is not None
    assert state.open_spans == {}


@pytest.mark.parametrize(
    "text", ["$[?length(@.results)==0]", "$.output[?length(@)==0]", "error & type:TOOL_CALL"]
)
def test_r2_forward_and_backward_find_the_same_steps(text: str) -> None:
    """Going back over all hits of going forward is the same list in reverse."""
    wanted = [read_breakpoint(text)]
    cursor = StepCursor.of_run(make())
    forward = []
    while hit := cursor.continue_(wanted):
        forward.append(hit.index)
    cursor.seek(len(cursor.timeline) - 1)
    last = cursor.timeline.step(cursor.index)
    backward = [last.index] if last.index in forward else []
    while hit := cursor.reverse_continue(wanted):
        backward.append(hit.index)
    assert len(forward) > 3
    assert backward == forward[::-1]
