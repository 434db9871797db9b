"""G1 to G6 where no other test holds them: what a replay promises even when it goes wrong."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agenttrace.replay import DivergenceKind, ReplayDivergence, Status
from agenttrace.replay.matching import Matcher
from agenttrace.replay.serving import Server
from agenttrace.semconv import REPLAY_SOURCE_SPAN, REPLAY_STATUS
from agenttrace.wrappers import trace_llm, trace_tool

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from .conftest import Stage


def _fail(*_args: Any, **_kwargs: Any) -> Any:
    raise RuntimeError("the replay is broken")


@pytest.mark.parametrize(("owner", "name"), [(Matcher, "match"), (Server, "serve")])
def test_a_replay_that_fails_itself_runs_no_body(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, owner: type, name: str
) -> None:
    """G1: whatever kind of function it is."""

    @trace_tool(stage.tracer)
    def plain() -> int:
        stage.ran.append("plain")
        return 1

    @trace_tool(stage.tracer)
    async def coroutine() -> int:
        stage.ran.append("coroutine")
        return 1

    @trace_tool(stage.tracer)
    def generator() -> Generator[int, None, None]:
        stage.ran.append("generator")
        yield 1

    @trace_tool(stage.tracer)
    async def async_generator() -> AsyncGenerator[int, None]:
        stage.ran.append("async generator")
        yield 1

    async def drain() -> None:
        await coroutine()
        async for _ in async_generator():
            pass

    def play() -> None:
        with stage.tracer.run("agent"):
            calls: list[Callable[[], object]] = [
                plain,
                lambda: list(generator()),
                lambda: asyncio.run(drain()),
                plain,
            ]
            for call in calls:
                with suppress(ReplayDivergence):  # the worst that a program does
                    call()

    recorded = stage.record(play)
    monkeypatch.setattr(owner, name, _fail)
    session, raised = stage.diverge(recorded, play, mode="cache")
    assert raised.divergence.kind is DivergenceKind.INTERNAL
    assert stage.ran == []
    assert session.report.counts[Status.REPLAYED] == 0


def test_each_recorded_call_is_used_once(stage: Stage) -> None:
    """G3: served or copied, and never twice."""

    @trace_llm(stage.tracer, model="m")
    def ask(text: str) -> str:
        return f"{text} {len(text)}"

    @trace_tool(stage.tracer)
    def tool(text: str) -> str:
        return ask(text) + ask(text)

    def play() -> list[str]:
        with stage.tracer.run("agent"):
            return [tool("a"), ask("a"), tool("a"), ask("a")]

    recorded = stage.record(play)
    session, _ = stage.replay(recorded, play)
    sources = [(s.attributes or {})["agenttrace.replay.source_span_id"] for s in session.run.spans]
    assert sorted(sources) == sorted(span.span_id for span in recorded.spans)
    assert session.report.counts == {Status.REPLAYED: 4, Status.COPIED: 4}


OPTIONS: list[dict[str, Any]] = [
    {},
    {"mode": "lenient"},
    {"mode": "live_after_divergence"},
    {"mode": "cache"},
    {"on": {"input_changed": "serve"}},
    {"on": {"input_changed": "warn"}},
    {"ignore": ["$.text"]},
    {"mask": ["uuid", "timestamp"]},
]
TEXTS = st.lists(st.sampled_from(["a", "b", "at 2026-11-27T10:00:00Z"]), min_size=1, max_size=4)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(recorded=TEXTS, live=TEXTS, options=st.sampled_from(OPTIONS))
def test_nothing_is_served_for_another_input_without_being_listed(
    stage: Stage, recorded: list[str], live: list[str], options: dict[str, Any]
) -> None:
    """G4: in every mode, with every setting that lets another input pass."""

    @trace_tool(stage.tracer)
    def tool(text: str) -> str:
        return text * 2

    def play(texts: list[str]) -> None:
        with stage.tracer.run("agent"):
            for text in texts:
                tool(text)

    run = stage.record(partial(play, recorded))
    session = stage.tracer.replay(run, **options)
    with suppress(ReplayDivergence), session:
        play(live)
    hashes = {span.span_id: span.input_hash for span in run.spans}
    served = 0
    for span in session.run.spans if session.runs else ():
        source = (span.attributes or {}).get(REPLAY_SOURCE_SPAN)
        status = (span.attributes or {}).get(REPLAY_STATUS)
        served += status == Status.REPLAYED and span.input_hash != hashes[str(source)]
    listed = len(session.report.divergences) + sum(session.report.notes.values())
    assert served <= listed


def test_two_replays_of_concurrent_work_are_alike(stage: Stage) -> None:
    """G5: the same spans, at the same places of the run, whatever the timing was."""

    @trace_tool(stage.tracer)
    async def work(n: int) -> int:
        await asyncio.sleep(random.random() / 100)
        return n * n

    async def lane(n: int) -> list[int]:
        return [await work(n), await work(n + 1)]

    def play() -> None:
        async def main() -> None:
            async with stage.tracer.run("agent"):
                await asyncio.gather(*(lane(n) for n in range(0, 12, 2)))

        asyncio.run(main())

    recorded = stage.record(play)
    digests = []
    for _ in range(5):
        session, _ = stage.replay(recorded, play)
        assert session.report.identical
        digests.append(
            [
                (s.name, s.seq, s.end_seq, s.lane, s.input_hash, s.output and s.output.json)
                for s in session.run.spans
            ]
        )
    assert all(digest == digests[0] for digest in digests)


def test_what_was_saved_is_what_was_recorded(stage: Stage) -> None:
    """G6: nothing is billed, and the report says what that would have been."""

    @trace_llm(
        stage.tracer, model="m", cost_per_prompt_token="0.5", cost_per_completion_token="0.25"
    )
    def ask(text: str) -> str:
        return text * 8

    def play() -> list[str]:
        with stage.tracer.run("agent"):
            return [ask("abcdefgh"), ask("ijklmnop")]

    recorded = stage.record(play)
    session, _ = stage.replay(recorded, play)
    totals = recorded.totals()
    assert totals.cost_usd
    assert session.report.saved_usd == totals.cost_usd
    assert session.report.saved_tokens == totals.total_tokens
    assert session.run.totals().cost_usd == totals.cost_usd == totals.billed_usd
    assert session.run.totals().billed_usd == 0
    described = session.report.describe()
    assert described["saved"]["costUsd"] == str(totals.cost_usd)
    assert described["identical"] is True
    assert "2 replayed" in str(session.report)
