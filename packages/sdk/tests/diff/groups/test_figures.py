"""D12: what a run comes to. Unknown is never 0, and nothing counts twice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import START_NS, load, make_run, make_span, span_id

from agenttrace.diff.groups import compare_groups, measure_run
from agenttrace.diff.groups.figures import find_amounts
from agenttrace.trace import RecordedRun

SECOND_NS = 1_000_000_000


def usage(tokens: int) -> dict[str, Any]:
    """Return a reported usage of so many prompt tokens."""
    return {"prompt_tokens": tokens, "source": "reported"}


def cost(usd: str) -> dict[str, Any]:
    """Return a cost."""
    return {"usd": usd, "source": "rates"}


def figures(run: RecordedRun) -> dict[str, float | None]:
    """Return the figures of a run."""
    return dict(measure_run(run).figures.values)


def test_a_cost_that_nobody_said_is_unknown() -> None:
    """D12: null against 0.01 is no change of 0.01: the delta is null."""
    base = [load([make_run(), make_span(1, span_type="LLM_CALL")])]
    head = [load([make_run(), make_span(1, span_type="LLM_CALL", cost=cost("0.01"))])]
    (row,) = (r for r in compare_groups(base, head).metrics if r.metric.name == "cost_usd")
    assert (row.base.known, row.base.median, row.base.coverage) == (0, None, 0.0)
    assert (row.head.median, row.change, row.percent) == (0.01, None, None)
    assert row.judgement.reason == "0 v 1: nothing to compare"


def test_there_is_no_percentage_of_nothing() -> None:
    """D12: 0 against 5 tokens are 5 more, and no percentage."""
    base = [load([make_run(), make_span(1, usage=usage(0))])]
    head = [load([make_run(), make_span(1, usage=usage(5))])]
    (row,) = (r for r in compare_groups(base, head).metrics if r.metric.name == "prompt_tokens")
    assert (row.change, row.percent) == (5, None)


def test_a_parent_that_repeats_its_calls_is_not_counted_twice() -> None:
    """D12: whatever its type is, and level by level."""
    run = load(
        [
            make_run(),
            make_span(1, usage=usage(30), cost=cost("0.3")),
            make_span(2, parent_span_id=span_id(1), span_type="AGENT", usage=usage(30)),
            make_span(3, parent_span_id=span_id(2), span_type="LLM_CALL", usage=usage(10)),
            make_span(4, parent_span_id=span_id(2), span_type="LLM_CALL", usage=usage(20)),
            make_span(5, span_type="LLM_CALL", usage=usage(5), cost=cost("0.1")),
        ]
    )
    found = figures(run)
    # The cost of 1 is said nowhere within it, so it counts; its tokens are.
    assert found["prompt_tokens"] == 35
    assert found["cost_usd"] == pytest.approx(0.4)
    parts = measure_run(run).parts
    assert parts["name", "custom:step 1"].total_tokens is None
    assert parts["type", "llm"].total_tokens == 35


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 9)), min_size=1, max_size=9))
def test_every_token_counts_once(spans: list[tuple[int, int]]) -> None:
    """In any tree: what is counted are the spans with usage that have none below them."""
    records = [
        make_span(
            n,
            parent_span_id=None if parent >= n else span_id(parent),
            usage=usage(tokens) if tokens else None,
        )
        for n, (parent, tokens) in enumerate(spans)
    ]
    for record in records:
        if record["usage"] is None:
            del record["usage"]
    run = load([make_run(), *records])
    above: dict[str, str | None] = {span.span_id: span.parent_span_id for span in run.spans}
    covered = set()
    for span in run.spans:
        at = span.parent_span_id if span.usage else None
        while at is not None:
            covered.add(at)
            at = above[at]
    expected = {
        s.span_id: s.usage.prompt_tokens for s in run.spans if s.usage and s.span_id not in covered
    }
    tree = run.tree()
    found = {
        node.span.span_id: each.tokens["prompt_tokens"]
        for node, each in zip(tree, find_amounts(tree), strict=True)
        if each.tokens["prompt_tokens"] is not None
    }
    assert found == expected


def test_wall_time_is_no_sum() -> None:
    """D12: five parallel spans of a second each are 1 s of wall and 5 s of work."""
    spans = [
        make_span(n, lane=n, start_ns=START_NS, duration_ns=SECOND_NS, end_ns=START_NS + SECOND_NS)
        for n in range(5)
    ]
    found = figures(load([make_run(), *spans]))
    assert (found["wall_ms"], found["span_sum_ms"]) == (1_000.0, 5_000.0)


def test_time_between_spans_is_not_busy() -> None:
    """Two spans with a pause; what is within a span is not added to it."""
    second = {"duration_ns": SECOND_NS}
    run = load(
        [
            make_run(status="COMPLETED", rev=1, duration_ns=9 * SECOND_NS),
            make_span(1, start_ns=START_NS, **second),
            make_span(2, start_ns=START_NS, parent_span_id=span_id(1), **second),
            make_span(3, start_ns=START_NS + 5 * SECOND_NS, **second),
        ]
    )
    found = figures(run)
    assert (found["duration_ms"], found["wall_ms"], found["span_sum_ms"]) == (9000, 2000, 2000)


def test_the_middle_wait_for_a_first_chunk() -> None:
    """In milliseconds; a run without a stream has none."""
    waits = [
        {"attributes": {"gen_ai.response.time_to_first_chunk": each}} for each in (0.2, 0.3, 9)
    ]
    spans = [make_span(n, **each) for n, each in enumerate(waits)]
    assert figures(load([make_run(), *spans]))["first_chunk_ms"] == pytest.approx(300)
    assert figures(load([make_run(), make_span(1)]))["first_chunk_ms"] is None


def test_coverage_is_of_calls() -> None:
    """Three of four calls say their tokens; one that is billed within another is no gap."""
    calls = [make_span(n, span_type="LLM_CALL", usage=usage(1)) for n in (1, 2, 3)]
    outer = make_span(9, span_type="LLM_CALL", attributes={"agenttrace.usage.billed_within": True})
    run = load([make_run(), *calls, make_span(4, span_type="LLM_CALL"), outer])
    known = measure_run(run).figures.known
    assert (known["total_tokens"], known["prompt_tokens"], known["cost_usd"]) == (0.75, 0.75, 0.0)
    comparison = compare_groups([run], [run])
    texts = [each.message for each in comparison.warnings if each.code == "coverage"]
    assert "tokens: 75% of it is known in base (in 1 of 1 run)" in texts


def test_a_run_without_a_span_has_none_of_anything() -> None:
    """Counts are 0; what nobody said is unknown."""
    found = figures(load([make_run()]))
    assert {name for name, value in found.items() if value is not None} == {
        "spans",
        "llm_calls",
        "tool_calls",
        "errors",
        "retries",
    }


def test_retries_and_errors_count() -> None:
    """An attempt after the first is a retry."""
    run = load(
        [
            make_run(),
            make_span(1, span_type="TOOL_CALL", status="ERROR"),
            make_span(2, span_type="TOOL_CALL", attributes={"agenttrace.retry.attempt": 2}),
        ]
    )
    found = figures(run)
    assert (found["spans"], found["tool_calls"], found["llm_calls"]) == (2, 2, 0)
    assert (found["errors"], found["retries"]) == (1, 1)
