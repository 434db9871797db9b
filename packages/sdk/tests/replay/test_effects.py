"""R8: what may run live while a replay goes on, and what may not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agenttrace.replay import DivergenceKind, Status
from agenttrace.wrappers import trace_llm, trace_tool

if TYPE_CHECKING:
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
