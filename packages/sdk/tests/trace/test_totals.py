"""Totals: exact money, marked estimates, and nothing counted twice."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from recordings import load, make_run, make_span


def test_money_is_exact() -> None:
    """Forty decimals and a million dollars in one sum."""
    costs = ["0.1", "0.2", "1000000", "0." + "0" * 39 + "1"]
    run = load([make_span(n, cost={"usd": usd, "source": "rates"}) for n, usd in enumerate(costs)])
    assert run.totals().cost_usd == Decimal("1000000.3000000000000000000000000000000000000001")


@given(st.lists(st.decimals("0", "1000000", places=12), max_size=8))
def test_a_sum_is_that_of_its_parts(amounts: list[Decimal]) -> None:
    """As whole numbers of a trillionth of a dollar have it."""
    spans = [
        make_span(n, cost={"usd": format(amount, "f"), "source": "rates"})
        for n, amount in enumerate(amounts)
    ]
    total = load([make_run(), *spans]).totals().cost_usd
    assert (total or 0) * 10**12 == sum(int(amount * 10**12) for amount in amounts)


def test_counts_and_tokens() -> None:
    """An AGENT repeats the sum of the calls within it: it is a span, its tokens are not counted."""
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "source": "reported"}
    run = load(
        [
            make_span(1, span_type="AGENT", usage=usage, cost={"usd": "9", "source": "rates"}),
            make_span(2, span_type="LLM_CALL", model="m", usage={**usage, "cached_tokens": 4}),
            make_span(3, span_type="LLM_CALL", model="m", usage={**usage, "total_tokens": 99}),
            make_span(4, span_type="TOOL_CALL", status="ERROR"),
        ]
    )
    totals = run.totals()
    assert totals._replace(cost_usd=None) == totals
    assert (totals.spans, totals.llm_calls, totals.tool_calls, totals.errors) == (4, 2, 1, 1)
    assert (totals.prompt_tokens, totals.completion_tokens) == (20, 10)
    assert (totals.cached_tokens, totals.total_tokens) == (4, 114)
    assert totals.tokens_estimated is False
    (model,) = run.usage_by_model()
    assert (model.model, model.calls, model.total_tokens, model.cost_usd) == ("m", 2, 114, None)


def test_what_nobody_said_is_unknown() -> None:
    """None, never 0."""
    totals = load([make_span(1)]).totals()
    assert (totals.total_tokens, totals.prompt_tokens, totals.cost_usd) == (None, None, None)


def test_one_estimate_marks_the_sum() -> None:
    """A figure that holds an estimate is one."""
    run = load(
        [
            make_span(1, usage={"prompt_tokens": 1, "source": "reported"}),
            make_span(2, usage={"prompt_tokens": 1, "source": "estimated"}),
        ]
    )
    assert run.totals().tokens_estimated is True
    assert "~2 tokens" in str(run)


def test_models_are_listed_dearest_first() -> None:
    """Then by name."""
    run = load(
        [
            make_span(1, model="a", cost={"usd": "1", "source": "rates"}),
            make_span(2, model="c"),
            make_span(3, model="b", cost={"usd": "2", "source": "rates"}),
        ]
    )
    assert [usage.model for usage in run.usage_by_model()] == ["b", "a", "c"]


def test_what_a_replay_served_is_not_paid() -> None:
    """What is billed is what was made; where no cost is known, neither is that."""
    cost = {"usd": "0.25", "source": "rates"}
    served = {"agenttrace.replay.status": "replayed", "agenttrace.replay.billed_usd": "0"}
    live = {"agenttrace.replay.status": "live"}
    lines = [
        make_run(),
        make_span(1, cost=cost, attributes=served),
        make_span(2, cost=cost, attributes=live),
        make_span(3, cost=cost),
        make_span(4, attributes=served),
    ]
    totals = load(lines).totals()
    assert (totals.cost_usd, totals.billed_usd) == (Decimal("0.75"), Decimal("0.5"))
    assert load(lines[:2]).totals().billed_usd == Decimal(0)
    assert load([make_run(), lines[-1]]).totals().billed_usd is None
