"""The step at which a run parts from another."""

from __future__ import annotations

from typing import Any

import pytest
from recordings import load, make_payload, make_run, make_span, span_id

from agenttrace.steps import StepTimeline
from agenttrace.steps.divergence import find_divergence


def make_agent(**changed: Any) -> list[dict[str, Any]]:
    """Return an agent (0 to 7) with three tools: search (1, 2), fetch (3, 4), write (5, 6)."""
    spans = [make_span(1, name="agent", span_type="AGENT", seq=0, end_seq=7)]
    for number, name in enumerate(("search", "fetch", "write"), 1):
        fields: dict[str, Any] = {
            "input": make_payload({"q": f"question of {name}"}),
            "output": make_payload(f"answer of {name}"),
        }
        spans.append(
            make_span(
                number + 1,
                name=name,
                span_type="TOOL_CALL",
                seq=2 * number - 1,
                end_seq=2 * number,
                parent_span_id=span_id(1),
                **(fields | changed.get(name, {})),
            )
        )
    return [make_run(rev=1, status="COMPLETED"), *spans]


@pytest.mark.parametrize(
    ("other", "index"),
    [
        (make_agent(), None),
        (make_agent(fetch={"input": make_payload({"q": "something else altogether"})}), 3),
        (make_agent(search={"output": make_payload("quite another thing")}), 2),
        ([each for each in make_agent() if each["name"] != "write"], 5),
    ],
    ids=["equal", "input", "output", "only here"],
)
def test_a_run_parts_from_another_at_a_step(other: list[dict[str, Any]], index: int | None) -> None:
    """Where a span starts that was given something else, or ends that gave something else."""
    run = load(make_agent())
    assert find_divergence(StepTimeline.of_run(run), run, load(other)) == index


def test_what_only_the_other_run_has_is_missed_at_the_end_of_its_parent() -> None:
    """There is no step of it here."""
    run = load([each for each in make_agent() if each["name"] != "write"])
    timeline = StepTimeline.of_run(run)
    index = find_divergence(timeline, run, load(make_agent()))
    assert index == timeline.ends[span_id(1)]
