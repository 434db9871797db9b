"""R1: an agent is replayed with no body run, and so is the same agent after a refactoring."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from agenttrace.replay import DivergenceKind, Status
from agenttrace.semconv import REPLAY_BILLED_USD, REPLAY_RECORDED_NS, REPLAY_SOURCE_SPAN
from agenttrace.wrappers import trace_agent, trace_llm, trace_retrieval, trace_tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Stage


def make_agent(stage: Stage, *, stamp: Callable[[], str] = lambda: "") -> Callable[[], str]:
    """Return an agent of 12 spans: 4 calls of a model, 5 of tools, a retrieval, 2 agents."""
    tracer, ran = stage.tracer, stage.ran

    @trace_llm(tracer, model="m", cost_per_prompt_token="0.001", cost_per_completion_token="0.002")
    def ask(messages: list[dict[str, str]]) -> str:
        ran.append("ask")
        return f"answer {len(ran)}"

    @trace_tool(tracer)
    def search(query: str, limit: int = 3) -> dict[str, Any]:
        ran.append("search")
        return {"query": query, "hits": [f"{query} {n}" for n in range(limit)], "at": len(ran)}

    @trace_retrieval(tracer)
    def find(query: str) -> list[dict[str, str]]:
        ran.append("find")
        return [{"id": "1", "content": query}]

    @trace_agent(tracer)
    def step(topic: str) -> str:
        found = search(topic)
        search(topic, limit=2)
        plan = ask([{"role": "user", "content": f"{stamp()} plan {found}"}])
        return ask([{"role": "user", "content": plan}])

    def main() -> str:
        with tracer.run("research") as run:
            find("all")
            answer = step("one") + step("two") + str(search("last")["at"])
            run.set_output(answer)
        return answer

    return main


def make_refactored(stage: Stage) -> Callable[[], str]:
    """Return the same agent: lines moved, keywords for places, a helper between, a new default."""
    tracer, ran = stage.tracer, stage.ran

    @trace_agent(tracer)
    def step(topic: str) -> str:
        found = fetch(topic, 3)
        fetch(topic, 2)
        return ask(messages=[_say(ask(messages=[_say(f" plan {found}")]))])

    def _say(content: str) -> dict[str, str]:
        return {"content": content, "role": "user"}

    def fetch(topic: str, limit: int) -> dict[str, Any]:
        return search(limit=limit, query=topic)

    @trace_retrieval(tracer)
    def find(query: str, *, fresh: bool = False) -> list[dict[str, str]]:
        ran.append("find")
        return []

    @trace_tool(tracer)
    def search(query: str, limit: int = 3, language: str = "en") -> dict[str, Any]:
        ran.append("search")
        return {}

    @trace_llm(tracer, model="m", cost_per_prompt_token="0.001", cost_per_completion_token="0.002")
    def ask(messages: list[dict[str, str]], temperature: float | None = None) -> str:
        ran.append("ask")
        return ""

    def main() -> str:
        with tracer.run("research") as run:
            find(query="all")
            first, second = step(topic="one"), step(topic="two")
            answer = first + second + str(fetch("last", 3)["at"])
            run.set_output(answer)
        return answer

    return main


def test_an_agent_is_replayed_without_one_body(stage: Stage) -> None:
    agent = make_agent(stage)
    answers: list[str] = []
    recorded = stage.record(lambda: answers.append(agent()))

    session, again = stage.replay(recorded, agent)

    assert [again] == answers
    assert stage.ran == []
    assert session.report.identical
    assert session.report.exit_code == 0
    assert session.report.counts[Status.REPLAYED] == 10


def test_the_new_run_is_linked_and_billed_at_zero(stage: Stage) -> None:
    agent = make_agent(stage)
    recorded = stage.record(agent)
    session, _ = stage.replay(recorded, agent)
    run = session.run

    assert run.replayed_from == recorded.run_id
    assert run.run_id != recorded.run_id
    assert run.totals() == recorded.totals()._replace(billed_usd=Decimal(0))
    assert run.totals().cost_usd == recorded.totals().billed_usd
    assert run.totals().cost_usd
    calls = [span for span in run.spans if span.span_type != "AGENT"]
    for span, before in zip(run.spans, recorded.spans, strict=True):
        attributes = span.attributes or {}
        assert (span.name, span.seq, span.end_seq) == (before.name, before.seq, before.end_seq)
        assert span.input_hash == before.input_hash
        assert _show(span.output) == _show(before.output)
        assert attributes[REPLAY_SOURCE_SPAN] == before.span_id
        assert attributes[REPLAY_RECORDED_NS] == before.duration_ns
    assert {(span.attributes or {})[REPLAY_BILLED_USD] for span in calls} == {"0"}


def _show(payload: Any) -> Any:
    return None if payload is None else (payload.json, payload.fidelity, payload.types)


def test_the_recording_is_never_changed(stage: Stage) -> None:
    agent = make_agent(stage)
    recorded = stage.record(agent)
    before = [r for r in stage.memory.records if r["run_id"] == recorded.run_id]
    stage.replay(recorded, agent)
    assert [r for r in stage.memory.records if r["run_id"] == recorded.run_id] == before


def test_two_replays_are_alike_and_a_replay_can_be_replayed(stage: Stage) -> None:
    agent = make_agent(stage)
    recorded = stage.record(agent)
    first, _ = stage.replay(recorded, agent)
    second, _ = stage.replay(recorded, agent)
    third, _ = stage.replay(first.run, agent)
    digests = [
        [(s.name, s.seq, s.end_seq, s.lane, _show(s.input), _show(s.output)) for s in run.spans]
        for run in (first.run, second.run, third.run)
    ]
    assert digests[0] == digests[1] == digests[2]
    assert third.report.identical
    assert stage.ran == []


def test_a_refactored_agent_is_the_same_agent(stage: Stage) -> None:
    recorded = stage.record(make_agent(stage))
    session, _ = stage.replay(recorded, make_refactored(stage))
    assert stage.ran == []
    assert session.report.divergences == []
    assert session.report.notes["defaults_added"] == 10


def test_what_differs_in_every_run_is_named(stage: Stage) -> None:
    agent = make_agent(stage, stamp=lambda: f"{uuid.uuid4()} at {datetime.now(UTC).isoformat()}")
    recorded = stage.record(agent)
    session, raised = stage.diverge(recorded, agent)
    divergence = raised.divergence
    assert divergence.kind is DivergenceKind.INPUT_CHANGED
    assert divergence.at == "$.messages[0].content"
    assert divergence.hint is not None
    assert divergence.hint.startswith("volatile: uuid,timestamp;")
    assert session.report.exit_code == raised.exit_code == 10
    assert stage.ran == []


def test_what_differs_in_every_run_can_be_left_out(stage: Stage) -> None:
    agent = make_agent(stage, stamp=lambda: f"<{uuid.uuid4()}>")
    recorded = stage.record(agent)
    for rule in ({"mask": ["<.{36}>"]}, {"ignore": ["$.messages[*].content"]}):
        session, _ = stage.replay(recorded, agent, **rule)
        assert session.report.divergences == []
        assert session.report.notes["volatile_ignored"] == 2
