"""Where a run first parts from another: a step to stop at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agenttrace.diff import Flag, compare_runs

if TYPE_CHECKING:
    from agenttrace.diff import RunDiff, SpanRef
    from agenttrace.steps.timeline import StepTimeline
    from agenttrace.trace.run import RecordedRun

_AT_START: Final = frozenset({Flag.INPUT, Flag.MODEL, Flag.PARAMS, Flag.ATTRIBUTES})


def find_divergence(timeline: StepTimeline, run: RecordedRun, other: RecordedRun) -> int | None:
    """Return the step of `run` at which the first difference to another begins; None: nowhere."""
    return locate_divergence(timeline, compare_runs(run, other))


def locate_divergence(timeline: StepTimeline, diff: RunDiff) -> int | None:
    """Return the step at which the first difference begins in the run that is compared with.

    A span that differs in what it gave only is left where it ends, any other where it starts. Of
    a span that only the other run has, it is the end of the span that it would be within. Of the
    run itself it is the first step, or the last where it was given the same.

    Raises:
        KeyError: the timeline has not the span that was compared: it is of another time.

    """
    if not diff.origins:
        return None
    origin = diff.origins[0]
    if origin.is_run:
        return 0 if Flag.INPUT in diff.run_flags else len(timeline) - 1
    if origin.base is None:
        assert origin.head is not None
        return _find_place(timeline, diff, origin.head)
    span_id = origin.base.span_id
    start = timeline.starts[span_id]
    flags = next(
        (row.flags for row in diff.rows if row.base is not None and row.base.span_id == span_id),
        frozenset[Flag](),
    )
    if flags and not flags & _AT_START:
        return timeline.ends.get(span_id, start)
    return start


def _find_place(timeline: StepTimeline, diff: RunDiff, missing: SpanRef) -> int:
    """Return the step at which a span of the other run is missed."""
    rows = {row.head.position: row for row in diff.rows if row.head is not None}
    at = missing.parent_position
    while at is not None:
        row = rows[at]
        if row.base is not None:
            span_id = row.base.span_id
            return timeline.ends.get(span_id, timeline.starts[span_id])
        assert row.head is not None
        at = row.head.parent_position
    return len(timeline) - 1
