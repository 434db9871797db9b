"""The state at a step: what is open, what was set, what it has come to."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import load, make_event, make_run, make_span, span_id
from stepped import RunMaker, make_chain

from agenttrace.steps import StateSeeker, StepCursor, StepTimeline, fold
from agenttrace.steps.state import _make_snapshots
from agenttrace.steps.texts import read_state_value


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), steps=st.integers(1, 700), data=st.data())
def test_any_seek_is_the_fold(seed: int, steps: int, data: st.DataObject) -> None:
    """Of any run and step: seek(k) == fold(k), S(n) == totals, next and prev undo each other."""
    run = load(RunMaker(seed=seed, jump_at=steps // 2).make(steps))
    cursor = StepCursor.of_run(run)
    last = len(cursor.timeline) - 1
    index = data.draw(st.integers(0, last))
    cursor.seek(index)
    assert cursor.state() == fold(cursor.timeline, index)
    assert fold(cursor.timeline, last).totals == run.totals()
    if cursor.next() is not None:
        cursor.prev()
    assert cursor.index == index


def test_open_spans_are_by_lane_and_close_in_any_order() -> None:
    """A stream may end after what was opened in it."""
    run = load(
        [
            make_run(),
            make_span(1, seq=0, end_seq=7),
            make_span(2, seq=1, end_seq=4, parent_span_id=span_id(1)),
            make_span(3, seq=2, end_seq=6, parent_span_id=span_id(2)),
            make_span(4, seq=3, end_seq=5, lane=7, parent_span_id=span_id(1)),
        ]
    )
    timeline = StepTimeline.of_run(run)
    seeker = StateSeeker(timeline)
    shown = [
        {lane: [span.name for span in spans] for lane, spans in seeker.seek(at).open_spans.items()}
        for at in range(len(timeline))
    ]
    assert shown == [
        {0: ["step 1"]},
        {0: ["step 1", "step 2"]},
        {0: ["step 1", "step 2", "step 3"]},
        {0: ["step 1", "step 2", "step 3"], 7: ["step 4"]},
        {0: ["step 1", "step 3"], 7: ["step 4"]},
        {0: ["step 1", "step 3"]},
        {0: ["step 1"]},
        {},
    ]


def test_values_are_those_that_were_set_last() -> None:
    """A key in any order of names, and a state event that names none, which sets none."""
    run = load(
        [
            make_run(),
            make_event(0, "state", {"key": 'a "b"', "value": 1}),
            make_event(1, "state", {"value": {"deep": [2]}, "key": "c"}),
            make_event(2, "state", {"key": 'a "b"', "value": None}),
            make_event(3, "state", "no object"),
            make_event(4, "state", {"key": 5, "value": 6}),
        ]
    )
    state = fold(StepTimeline.of_run(run), 4)
    bodies = {key: event.body.json for key, event in state.values.items() if event.body}
    values = {key: read_state_value(body) for key, body in bodies.items()}
    assert values == {'a "b"': "null", "c": '{"deep":[2]}'}


def test_figures_count_from_the_end_of_a_span() -> None:
    """Of one that never ended from its start: it is all that will be known."""
    usage = {"source": "reported", "total_tokens": 7}
    cost = {"usd": "0.1", "source": "rates"}
    run = load(
        [
            make_run(),
            make_span(1, seq=0, end_seq=1, span_type="LLM_CALL", usage=usage, cost=cost),
            make_span(2, seq=2, end_seq=None, status="STARTED", usage=usage),
        ]
    )
    totals = [fold(StepTimeline.of_run(run), at).totals for at in (-1, 0, 1, 2)]
    assert [(each.llm_calls, each.total_tokens) for each in totals] == [
        (0, None),
        (1, None),
        (1, 7),
        (1, 14),
    ]
    assert totals[-1].cost_usd == Decimal("0.1")


def test_snapshots_of_a_deep_run_hold_a_few_entries_a_step() -> None:
    """5,000 levels: a snapshot every 200 steps would hold the square of the depth."""
    timeline = StepTimeline.of_run(load(make_chain(5_000)))
    snapshots = _make_snapshots(timeline)
    assert sum(snapshot.size for snapshot in snapshots) <= 4 * len(timeline)
    assert StateSeeker(timeline).seek(4_999).open_spans.keys() == {0}
    assert len(StateSeeker(timeline).seek(4_999).open_spans[0]) == 5_000
    assert StateSeeker(timeline).seek(7_777) == fold(timeline, 7_777)
