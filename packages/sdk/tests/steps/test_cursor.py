"""Moving: each way to go on, forward and back, and what happens at the ends."""

from __future__ import annotations

import pytest
from recordings import START_NS, load, make_event, make_run, make_span, span_id

from agenttrace.steps import StepCursor
from agenttrace.trace import RecordedRun
from agenttrace.wire import SpanType


@pytest.fixture
def run() -> RecordedRun:
    """Return an agent (0) that calls a model (1), which streams (2), and a tool (4) that fails.

    The tool is in a lane of its own, and within it a span (5) that never ended.
    """
    model = {"name": "model", "span_type": "LLM_CALL", "parent_span_id": span_id(1)}
    tool = {"name": "tool", "span_type": "TOOL_CALL", "parent_span_id": span_id(1)}
    return load(
        [
            make_run(),
            make_span(1, name="agent", seq=0, end_seq=9, span_type="AGENT"),
            make_span(2, seq=1, end_seq=3, **model),
            make_event(2, "chunk", "x", span_id=span_id(2)),
            make_span(3, seq=4, end_seq=8, lane=1, status="ERROR", **tool),
            make_span(4, seq=5, end_seq=None, lane=1, parent_span_id=span_id(3), status="STARTED"),
            make_event(6, "log", "hello", span_id=span_id(4)),
            make_event(7, "state", {"key": "k", "value": 1}),
        ]
    )


def at(cursor: StepCursor, index: int) -> StepCursor:
    """Return the cursor at a step."""
    cursor.seek(index)
    return cursor


def test_over_goes_to_the_end_of_the_span(run: RecordedRun) -> None:
    """From elsewhere, or where there is no end, to the next step of the lane."""
    cursor = StepCursor.of_run(run)
    over = [at(cursor, index).step_over() for index in range(10)]
    assert [step and step.index for step in over] == [9, 3, 3, 7, 8, 6, 8, 9, None, None]


def test_out_goes_to_the_end_of_the_span_around(run: RecordedRun) -> None:
    """Past one whose end was not recorded, and nowhere from the top."""
    cursor = StepCursor.of_run(run)
    out = [at(cursor, index).step_out() for index in range(10)]
    assert [step and step.index for step in out] == [None, 9, 3, 9, 9, 8, 8, None, 9, None]


def test_a_way_that_leads_nowhere_stays(run: RecordedRun) -> None:
    """At both ends, and to what is not there."""
    cursor = StepCursor.of_run(run)
    assert cursor.prev() is None
    assert cursor.seek(10) is None
    assert cursor.seek(-1) is None
    assert cursor.seek_span("ffffffffffffffff") is None
    assert cursor.index == 0
    assert at(cursor, 9).next() is None
    assert cursor.step_into() is None
    assert cursor.index == 9


def test_lanes_and_types_and_errors_both_ways(run: RecordedRun) -> None:
    """The step of the lane, the start of a type, the end with an error."""
    cursor = StepCursor.of_run(run)
    found = [
        at(cursor, 3).next_in_lane(),
        at(cursor, 3).next_in_lane(backward=True),
        at(cursor, 0).next_of_type(SpanType.TOOL_CALL),
        at(cursor, 9).next_of_type(SpanType.LLM_CALL, backward=True),
        at(cursor, 0).next_of_type(SpanType.RETRIEVAL),
        at(cursor, 0).next_error(),
        at(cursor, 9).next_error(backward=True),
        at(cursor, 8).next_error(),
    ]
    assert [step and step.index for step in found] == [7, 2, 4, 1, None, 8, 8, None]


def test_a_span_and_a_time_are_places(run: RecordedRun) -> None:
    """A time means the last step that came no later."""
    cursor = StepCursor.of_run(run)
    assert cursor.seek_span(span_id(3)) is not None
    assert cursor.index == 4
    for offset_ms, index in ((-5, 0), (0, 0), (2.0, 3), (1e12, 9)):
        cursor.seek_offset(offset_ms)
        assert cursor.index == index


def test_time_stands_still_while_a_clock_is_behind() -> None:
    """A clock that is set back by a second after the first span."""
    back_ns = START_NS - 10**9
    run = load(
        [
            make_run(),
            make_span(1, seq=0, end_seq=1, start_ns=START_NS, end_ns=START_NS + 5_000_000),
            make_span(2, seq=2, end_seq=3, start_ns=back_ns, end_ns=back_ns),
        ]
    )
    cursor = StepCursor.of_run(run)
    steps = [cursor.timeline.step(index) for index in range(4)]
    assert [step.offset_ns for step in steps] == [0, 5_000_000, -(10**9), -(10**9)]
    assert [step.elapsed_ns for step in steps] == [0, 5_000_000, 5_000_000, 5_000_000]
    cursor.seek_offset(5)
    assert cursor.index == 3


def test_a_run_without_a_step_has_no_cursor() -> None:
    """It says so."""
    with pytest.raises(ValueError, match="nothing was recorded of the run"):
        StepCursor.of_run(load([make_run()]))
