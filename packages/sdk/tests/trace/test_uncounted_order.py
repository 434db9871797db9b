"""The order of runs whose recorder did not count, or says what cannot be."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from recordings import START_NS, load, make_event, make_run, make_span, span_id

from agenttrace.trace import RecordedRun

MS = 1_000_000


def import_span(number: int, start_ms: int, end_ms: int | None, **fields: Any) -> dict[str, Any]:
    """Return a span as an import has it that counted nothing."""
    timed = {
        "seq": 0,
        "end_seq": None,
        "start_ns": START_NS + start_ms * MS,
        "end_ns": None if end_ms is None else START_NS + end_ms * MS,
        "status": "STARTED" if end_ms is None else "COMPLETED",
    }
    return make_span(number, **(timed | fields))


def show(run: RecordedRun) -> list[str]:
    """Return the timeline as short texts: `+1` starts span 1, `-1` ends it."""
    marks = {"START": "+", "END": "-", "CHUNK": "."}
    return [
        f"{marks.get(m.kind, '?')}{int(m.span.span_id, 16) if m.span else ''}"
        for m in run.timeline()
    ]


def test_without_a_counter_the_clock_decides() -> None:
    """Of what is within nothing of the other."""
    spans = [import_span(1, 0, 10), import_span(2, 12, 14), import_span(3, 11, 20)]
    assert show(load([make_run(), *spans])) == ["+1", "-1", "+3", "+2", "-2", "-3"]


def test_a_parent_starts_first_and_ends_last_whatever_the_clock_says() -> None:
    """A child on another machine, whose clock is an hour behind, or ahead."""
    hour = 3_600_000
    behind = import_span(2, -hour, 5 - hour, parent_span_id=span_id(1))
    ahead = import_span(3, hour, 5 + hour, parent_span_id=span_id(1))
    run = load([make_run(), behind, import_span(1, 0, 10), ahead])
    assert show(run) == ["+1", "+2", "-2", "+3", "-3", "-1"]


def test_of_equal_timestamps_what_ends_comes_before_what_starts() -> None:
    """Spans that follow each other in one millisecond do not overlap."""
    spans = [import_span(number, 5, 5) for number in (1, 2, 3)]
    assert show(load([make_run(), *spans])) == ["+1", "-1", "+2", "-2", "+3", "-3"]


def test_a_chunk_stays_within_its_span() -> None:
    """An event that the clock puts before its span, or after it."""
    spans = [import_span(1, 0, 10)]
    early = make_event(0, "chunk", "a", span_id=span_id(1), t_ns=START_NS - MS)
    late = make_event(1, "chunk", "b", span_id=span_id(1), t_ns=START_NS + 99 * MS)
    assert show(load([make_run(), *spans, early, late])) == ["+1", ".1", ".1", "-1"]


def test_a_counter_that_puts_a_child_first_is_corrected() -> None:
    """A child never comes before its parent, and an end never before its start."""
    run = load(
        [
            make_run(),
            make_span(1, seq=5, end_seq=2),
            make_span(2, seq=1, end_seq=7, parent_span_id=span_id(1)),
            make_span(3, seq=3, end_seq=4),
        ]
    )
    assert show(run) == ["+3", "-3", "+1", "+2", "-1", "-2"]


def test_spans_that_are_each_other_s_parents_are_all_there() -> None:
    """The earliest of a circle is its top, as in the tree."""
    run = load(
        [
            make_run(),
            import_span(1, 2, 3, parent_span_id=span_id(2)),
            import_span(2, 1, 4, parent_span_id=span_id(1)),
            import_span(3, 0, 9, parent_span_id=span_id(3)),
        ]
    )
    assert sorted(show(run)) == sorted(["+1", "+2", "+3", "-1", "-2", "-3"])
    found = show(run)
    assert found.index("+1") < found.index("+2")


@given(
    spans=st.lists(
        st.tuples(
            st.integers(0, 12),  # parent, 0: none; also itself, and ones that are not there
            st.integers(-50, 50),
            st.none() | st.integers(-50, 50),
            st.integers(0, 3),  # seq: equal, or in no order
        ),
        max_size=10,
    )
)
def test_the_order_holds_every_bound_of_any_spans(
    spans: list[tuple[int, int, int | None, int]],
) -> None:
    """Everything once; a parent starts before its child, an end comes after its start."""
    records = [
        import_span(number, start, end, seq=seq, parent_span_id=span_id(parent) if parent else None)
        for number, (parent, start, end, seq) in enumerate(spans, 1)
    ]
    run = load([make_run(), *records])
    found = show(run)
    ended = [number for number, (_, _, end, _) in enumerate(spans, 1) if end is not None]
    assert sorted(found) == sorted(
        [f"+{number}" for number in range(1, len(spans) + 1)] + [f"-{number}" for number in ended]
    )
    for node in run.tree():
        own, parent = int(node.span.span_id, 16), node.span.parent_span_id
        if f"-{own}" in found:
            assert found.index(f"+{own}") < found.index(f"-{own}")
        if parent is not None and node.flaw is None:
            assert found.index(f"+{int(parent, 16)}") < found.index(f"+{own}")
