"""R8: what may run live while a replay goes on, and what may not."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace.replay import DivergenceKind, Status
from agenttrace.wrappers import trace_llm, trace_tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Stage


class Shop:
    """A shop with a tool that only reads, and one that costs money."""

    def __init__(self, stage: Stage) -> None:
        self.prompt = "what"

        @trace_tool(stage.tracer, effect="read")
        def search(query: str) -> str:
            stage.ran.append("search")
            return f"found {query}"

        @trace_tool(stage.tracer, effect="write")
        def charge_card(amount: int) -> str:
            stage.ran.append("charge_card")
            return "charged"

        @trace_llm(stage.tracer, model="m")
        def ask(prompt: str) -> str:
            stage.ran.append("ask")
            return f"answer to {prompt}"

        def main() -> list[str]:
            with stage.tracer.run("shop"):
                return [search("a"), ask(self.prompt), search("b"), charge_card(5), search("c")]

        self.main = main


@pytest.fixture
def shop(stage: Stage) -> Shop:
    return Shop(stage)


def test_after_a_divergence_reads_are_live_and_writes_are_blocked(stage: Stage, shop: Shop) -> None:
    recorded = stage.record(shop.main)
    shop.prompt = "what now"
    session, raised = stage.diverge(recorded, shop.main, mode="live_after_divergence")
    assert stage.ran == ["ask", "search"]
    assert raised.divergence.kind is DivergenceKind.LIVE_BLOCKED
    assert raised.divergence.path == "shop/charge_card"
    assert "'write'" in str(raised)
    assert "tool:charge_card" in str(raised)
    assert session.report.live_calls == 2


@pytest.mark.parametrize(
    "options",
    [
        {"allow_effects": ["none", "read", "tool:charge_card"]},
        {"allow_effects": ["none", "read", "write"]},
        {"live": ["tool:charge_card"]},
    ],
)
def test_a_write_that_is_named_runs_once(stage: Stage, shop: Shop, options: dict[str, Any]) -> None:
    recorded = stage.record(shop.main)
    shop.prompt = "what now"
    session, answer = stage.replay(recorded, shop.main, mode="live_after_divergence", **options)
    assert stage.ran.count("charge_card") == 1
    assert answer[1] == "answer to what now"
    assert session.report.exit_code == 10
    assert not session.report.identical


def test_a_type_that_may_run_does_not_name_its_writes(stage: Stage, shop: Shop) -> None:
    recorded = stage.record(shop.main)
    _, raised = stage.diverge(recorded, shop.main, live=["TOOL_CALL"])
    assert raised.divergence.kind is DivergenceKind.LIVE_BLOCKED
    assert stage.ran == ["search", "search"]


def test_no_more_calls_run_live_than_were_allowed(stage: Stage, shop: Shop) -> None:
    recorded = stage.record(shop.main)
    shop.prompt = "what now"
    _, raised = stage.diverge(
        recorded,
        shop.main,
        mode="live_after_divergence",
        allow_effects=["none", "read", "write"],
        max_live_calls=2,
    )
    assert stage.ran == ["ask", "search"]
    assert "max_live_calls is 2" in str(raised)


RATES: dict[str, Any] = {"cost_per_prompt_token": "0.01", "cost_per_completion_token": "0.02"}


def make_chat(stage: Stage, **options: Any) -> Callable[[], list[str]]:
    """Return a program that asks a model four times, and takes what is raised for no answer."""

    @trace_llm(stage.tracer, model="m", **options)
    def ask(prompt: str) -> str:
        stage.ran.append(prompt)
        return "yes"

    def main() -> list[str]:
        answers = []
        with stage.tracer.run("chat"):
            for prompt in ("one", "two", "six", "ten"):
                try:
                    answers.append(ask(prompt))
                except BaseException:  # noqa: BLE001 -- what a careless agent does
                    answers.append("none")
        return answers

    return main


@pytest.mark.parametrize(("limit", "made"), [("0.05", 2), (0.031, 2), (0.03, 1), (0, 0)])
def test_no_more_is_spent_than_was_allowed(stage: Stage, limit: float | str, made: int) -> None:
    """Each call costs $0.03. It is known before the next one, whatever the program swallows."""
    main = make_chat(stage, **RATES)
    recorded = stage.record(main)
    assert {span.cost and span.cost.usd for span in recorded.spans} == {"0.03"}
    session, raised = stage.diverge(recorded, main, live=["LLM_CALL"], max_live_cost=limit)
    assert len(stage.ran) == made
    assert raised.divergence.kind is DivergenceKind.LIVE_BLOCKED
    assert "max_live_cost" in str(raised)
    report = session.report
    assert (report.live_calls, report.live_usd) == (made, made * Decimal("0.03"))
    assert report.describe()["liveCostUsd"] == (f"0.0{3 * made}" if made else "0")
    assert report.exit_code == 10


def test_what_is_spent_is_what_is_recorded(stage: Stage) -> None:
    """Under the limit all calls run; the new run's totals have the same sum."""
    main = make_chat(stage, **RATES)
    session, answers = stage.replay(stage.record(main), main, live=["LLM_CALL"], max_live_cost=1)
    assert answers == ["yes"] * 4
    assert session.report.live_usd == session.run.totals().billed_usd == Decimal("0.12")
    assert "live:  4 calls, $0.12" in str(session.report)


def test_a_limit_is_not_kept_by_guessing(stage: Stage) -> None:
    """Of a model call whose cost nobody knows, no second one is made."""
    main = make_chat(stage)
    session, raised = stage.diverge(stage.record(main), main, live=["LLM_CALL"], max_live_cost=1)
    assert stage.ran == ["one"]
    assert "what chat/ask cost is not known" in str(raised)
    stage.ran.clear()
    session, _ = stage.replay(stage.record(main), main, live=["LLM_CALL"])
    assert (stage.ran, session.report.live_usd) == (["one", "two", "six", "ten"], Decimal(0))


def test_a_call_that_is_always_live_leaves_the_others_served(stage: Stage, shop: Shop) -> None:
    recorded = stage.record(shop.main)
    session, answer = stage.replay(recorded, shop.main, live=["tool:search"])
    assert stage.ran == ["search"] * 3
    assert answer[1] == "answer to what"
    assert session.report.divergences == []
    assert session.report.counts[Status.LIVE] == 3
    assert not session.report.identical


def test_the_cache_serves_what_it_has_and_makes_the_rest(stage: Stage, shop: Shop) -> None:
    recorded = stage.record(shop.main)
    shop.prompt = "what now"
    session, answer = stage.replay(recorded, shop.main, mode="cache")
    assert stage.ran == ["ask"]
    assert answer == ["found a", "answer to what now", "found b", "charged", "found c"]
    assert session.report.exit_code == 0


def test_from_a_step_on_all_calls_are_live(stage: Stage, shop: Shop) -> None:
    recorded = stage.record(shop.main)
    third = recorded.spans[2]
    for live_from in (third.seq, third.span_id):
        stage.ran.clear()
        session, _ = stage.replay(
            recorded, shop.main, live_from=live_from, allow_effects=["none", "read", "write"]
        )
        assert stage.ran == ["search", "charge_card", "search"]
        assert session.run.forked_at == third.seq
        assert session.report.divergences == []


def test_within_a_live_call_all_is_live(stage: Stage) -> None:
    @trace_tool(stage.tracer, effect="read")
    def inner() -> int:
        stage.ran.append("inner")
        return 1

    @trace_tool(stage.tracer, effect="read")
    def outer() -> int:
        stage.ran.append("outer")
        return inner()

    def main() -> int:
        with stage.tracer.run("agent"):
            return outer() + inner()

    recorded = stage.record(main)
    session, _ = stage.replay(recorded, main, live=["tool:outer"])
    assert stage.ran == ["outer", "inner"]
    assert session.report.live_calls == 2
