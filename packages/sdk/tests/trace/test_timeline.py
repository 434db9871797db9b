"""The timeline: what happened, in the order of one counter and of no clock."""

from __future__ import annotations

from recordings import START_NS, load, make_event, make_run, make_span, span_id


def test_everything_is_in_the_order_of_seq() -> None:
    """Starts, chunks, states, other events and ends come from one counter a run."""
    run = load(
        [
            make_run(),
            make_span(1, seq=0, end_seq=7),
            make_span(2, seq=1, end_seq=4, parent_span_id=span_id(1)),
            make_event(3, "chunk", "b", span_id=span_id(2)),
            make_event(2, "chunk", "a", span_id=span_id(2)),
            make_event(5, "state", {"key": "k", "value": 1}, span_id=span_id(1)),
            make_event(6, "log", "done"),
        ]
    )
    assert [(m.seq, m.kind, m.span and m.span.name) for m in run.timeline()] == [
        (0, "START", "step 1"),
        (1, "START", "step 2"),
        (2, "CHUNK", "step 2"),
        (3, "CHUNK", "step 2"),
        (4, "END", "step 2"),
        (5, "STATE", "step 1"),
        (6, "EVENT", None),
        (7, "END", "step 1"),
    ]


def test_clocks_have_no_say() -> None:
    """A clock that is set back by a day moves nothing."""
    day_ns = 86_400_000_000_000
    run = load([make_span(1), make_span(2, start_ns=START_NS - day_ns, end_ns=START_NS)])
    assert [m.span.name for m in run.timeline() if m.span] == ["step 1"] * 2 + ["step 2"] * 2


def test_a_span_that_has_not_ended_has_no_end() -> None:
    """Its start is all that happened."""
    run = load([make_span(1, status="STARTED", end_seq=None, end_ns=None)])
    assert [m.kind for m in run.timeline()] == ["START"]


def test_ends_without_a_place_come_last_inner_ones_first() -> None:
    """As recorders that count only starts leave them."""
    run = load(
        [
            make_span(1, end_seq=None, end_ns=START_NS + 9),
            make_span(2, end_seq=None, end_ns=START_NS + 9, parent_span_id=span_id(1)),
            make_span(3),
        ]
    )
    assert [(m.kind, m.span and m.span.name) for m in run.timeline()][-3:] == [
        ("END", "step 3"),
        ("END", "step 2"),
        ("END", "step 1"),
    ]
