"""Whether a run can be executed again from its record."""

from __future__ import annotations

from typing import Any

from recordings import load, make_run, make_span, span_id

from agenttrace.steps.readiness import MAX_BLOCKERS, judge
from agenttrace.trace import RecordedRun


def judge_run(run: RecordedRun) -> Any:
    return judge(
        run.spans,
        lambda span: None if span.output is None else span.output.fidelity,
        is_complete=run.complete,
    )


def make_output(fidelity: str) -> dict[str, Any]:
    return {"value": 1, "codec": "json", "fidelity": fidelity}


def test_only_the_outermost_calls_count() -> None:
    """What a tool calls is not served, unless the tool says that it is no boundary."""
    tool = {"span_type": "TOOL_CALL"}
    run = load(
        [
            make_run(),
            make_span(1, output=make_output("opaque")),
            make_span(2, output=make_output("exact"), parent_span_id=span_id(1), **tool),
            make_span(3, output=make_output("opaque"), parent_span_id=span_id(2), **tool),
            make_span(4, boundary=False, **tool),
            make_span(5, output=make_output("structural"), parent_span_id=span_id(4), **tool),
            make_span(6, boundary=True, output=make_output("exact")),
        ]
    )
    found = judge_run(run)
    assert (found.boundaries, dict(found.outputs)) == (3, {"exact": 2, "structural": 1})
    assert found.is_replayable


def test_what_stands_in_the_way_is_named() -> None:
    """Lost records, outputs that cannot be made again, and calls that never ended."""
    tool = {"span_type": "TOOL_CALL"}
    open_ = {"status": "STARTED", "end_seq": None}
    run = load(
        [
            make_run(rev=1, status="COMPLETED", complete=False),
            make_span(1, output=make_output("opaque"), **tool),
            make_span(2, output=make_output("truncated"), **tool),
            make_span(3, output=make_output("redacted"), **tool),
            make_span(4, **tool, **open_),
            make_span(5, **tool),
        ]
    )
    found = judge_run(run)
    assert [(each.kind, each.span and each.span.name) for each in found.blockers] == [
        ("INCOMPLETE", None),
        ("OPAQUE", "step 1"),
        ("TRUNCATED", "step 2"),
        ("REDACTED", "step 3"),
        ("UNFINISHED", "step 4"),
    ]
    assert not found.is_replayable


def test_a_list_of_blockers_ends() -> None:
    """All are counted."""
    many = [make_span(n, span_type="LLM_CALL", status="INTERRUPTED") for n in range(1, 151)]
    found = judge_run(load([make_run(), *many]))
    assert (found.blocked, len(found.blockers)) == (150, MAX_BLOCKERS)


def test_a_circle_of_parents_is_judged_too() -> None:
    """Each span once."""
    tool = {"span_type": "TOOL_CALL"}
    run = load(
        [
            make_run(),
            make_span(1, parent_span_id=span_id(2), **tool),
            make_span(2, parent_span_id=span_id(1)),
        ]
    )
    assert judge_run(run).boundaries == 1
