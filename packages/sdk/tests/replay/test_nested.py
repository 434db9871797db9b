"""R13: what a served call did within itself is copied, or, where it is opened, served in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agenttrace import SpanType
from agenttrace.replay import DivergenceKind, Status
from agenttrace.semconv import REPLAY_SOURCE_SPAN, REPLAY_STATUS
from agenttrace.wrappers import trace_llm, trace_tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.trace import RecordedRun

    from .conftest import Stage


@pytest.fixture
def main(stage: Stage) -> Callable[[], str]:
    """Give a program whose tool is an agent of its own: two calls of a model, and a tool."""
    tracer, ran = stage.tracer, stage.ran

    @trace_llm(tracer, model="m")
    def ask(prompt: str) -> str:
        ran.append("ask")
        return f"answer {len(ran)}"

    @trace_tool(tracer)
    def search(query: str) -> str:
        ran.append("search")
        return f"found {len(ran)}"

    @trace_tool(tracer)
    def delegate(task: str) -> str:
        ran.append("delegate")
        plan = ask(task)
        tracer.state("plan", plan)
        span = tracer.current_span()
        assert span is not None
        span.set_attribute("depth", 1)
        return ask(plan + search(plan))

    def play() -> str:
        with tracer.run("agent"):
            return delegate("task") + ask("end")

    return play


def _tree(run: RecordedRun) -> list[tuple[int, str, str | None]]:
    return [
        (node.depth, node.span.name, None if node.span.output is None else node.span.output.json)
        for node in run.tree()
    ]


def test_a_served_call_brings_its_own_calls_along(stage: Stage, main: Callable[[], str]) -> None:
    recorded = stage.record(main)
    session, _ = stage.replay(recorded, main)
    run = session.run
    assert stage.ran == []
    assert session.report.identical
    assert session.report.counts[Status.COPIED] == 3
    assert _tree(run) == _tree(recorded)
    copied = [s for s in run.spans if (s.attributes or {}).get(REPLAY_STATUS) == "copied"]
    assert [span.name for span in copied] == ["ask", "search", "ask"]
    assert [(s.attributes or {})[REPLAY_SOURCE_SPAN] for s in run.spans] == [
        span.span_id for span in recorded.spans
    ]
    assert [(s.seq, s.end_seq) for s in run.spans] == [(s.seq, s.end_seq) for s in recorded.spans]
    assert [(e.seq, e.name) for e in run.events] == [(e.seq, e.name) for e in recorded.events]
    assert run.complete
    delegated = run.spans[0]
    assert (delegated.attributes or {})["depth"] == 1


def test_an_opened_call_runs_and_what_it_calls_is_served(
    stage: Stage, main: Callable[[], str]
) -> None:
    recorded = stage.record(main)
    session, _ = stage.replay(recorded, main, descend=["tool:delegate"])
    assert stage.ran == ["delegate"]
    assert session.report.identical
    assert session.report.counts[Status.PASSTHROUGH] == 1
    assert session.report.counts[Status.REPLAYED] == 4
    assert _tree(session.run) == _tree(recorded)


def test_a_block_that_reaches_out_cannot_be_served(stage: Stage) -> None:
    def play() -> str:
        with stage.tracer.run("agent"), stage.tracer.span("fetch", SpanType.TOOL_CALL) as span:
            stage.ran.append("fetch")
            span.set_output("page")
            return "page"

    recorded = stage.record(play)
    session, raised = stage.diverge(recorded, play)
    assert raised.divergence.kind is DivergenceKind.UNAVAILABLE
    assert "boundary=False" in str(raised)
    assert stage.ran == []
    assert [span.status for span in session.run.spans] == ["ERROR"]

    session, _ = stage.replay(recorded, play, live=["tool:fetch"])
    assert stage.ran == ["fetch"]
    assert session.report.live_calls == 1


def test_a_block_that_only_computes_runs(stage: Stage) -> None:
    def play() -> int:
        with (
            stage.tracer.run("agent"),
            stage.tracer.span("rank", SpanType.RETRIEVAL, boundary=False),
        ):
            stage.ran.append("rank")
            return 1

    recorded = stage.record(play)
    session, _ = stage.replay(recorded, play)
    assert stage.ran == ["rank"]
    assert session.report.identical


def test_a_block_around_calls_that_are_served_runs(stage: Stage) -> None:
    @trace_tool(stage.tracer)
    def fetch() -> str:
        stage.ran.append("fetch")
        return "page"

    def play() -> str:
        with stage.tracer.run("agent"), stage.tracer.span("all", SpanType.RETRIEVAL):
            return fetch()

    recorded = stage.record(play)
    session, answer = stage.replay(recorded, play)
    assert (answer, stage.ran) == ("page", [])
    assert session.report.identical
