"""Time, chance and ids that a program draws from the tracer are served in a replay."""

from __future__ import annotations

import random
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from agenttrace import ConfigurationError, Tracer
from agenttrace.replay import NotReplayableError
from agenttrace.wrappers import trace_llm

if TYPE_CHECKING:
    from .conftest import Stage


def test_what_the_tracer_gives_is_given_again(stage: Stage) -> None:
    tracer = stage.tracer

    @trace_llm(tracer, model="m")
    def ask(prompt: str) -> str:
        stage.ran.append("ask")
        return f"answer to {prompt}"

    def main() -> list[object]:
        with tracer.run("agent"):
            drawn: list[object] = [tracer.now(), tracer.random(), tracer.uuid4(), tracer.uuid4()]
            return [*drawn, ask(f"it is {drawn}")]

    answers: list[list[object]] = []
    recorded = stage.record(lambda: answers.append(main()))
    session, again = stage.replay(recorded, main)
    assert [again] == answers
    assert stage.ran == []
    assert session.report.identical
    assert answers[0][2] != answers[0][3]


def test_outside_of_a_run_they_are_what_they_are() -> None:
    tracer = Tracer()
    assert tracer.now().tzinfo is UTC
    assert 0 <= tracer.random() < 1
    assert tracer.uuid4() != tracer.uuid4()


def test_what_python_gives_is_given_again_when_it_was_frozen(stage: Stage) -> None:
    drawn: list[str] = []

    @trace_llm(stage.tracer, model="m")
    def ask(prompt: str) -> str:
        stage.ran.append("ask")
        time.sleep(0.002)
        return f"answer {len(stage.ran)}"

    def main() -> str:
        with stage.tracer.freeze("time", "random", "uuid"), stage.tracer.run("dated"):
            answers = []
            for _ in range(3):
                text = f"{datetime.now(UTC)} {time.time_ns()} {random.random()} {uuid.uuid4()}"
                drawn.append(text)
                answers.append(ask(text))
            return " ".join(answers)

    before = random.getstate()
    recorded = stage.record(main)
    assert len(set(drawn)) == 3
    assert random.getstate() == before
    for _ in range(2):
        session, _ = stage.replay(recorded, main)
        assert session.report.identical
    assert stage.ran == []
    assert drawn[:3] == drawn[3:6] == drawn[6:]
    assert abs(time.time() - datetime.now(UTC).timestamp()) < 1
    assert uuid.uuid4() != uuid.uuid4()
    session, raised = stage.diverge(recorded, main, freeze=())
    assert raised.divergence.hint is not None
    assert "volatile: " in raised.divergence.hint


def test_what_was_not_frozen_cannot_be(stage: Stage) -> None:
    def main() -> None:
        with stage.tracer.run("plain"):
            pass

    recorded = stage.record(main)
    with pytest.raises(NotReplayableError, match="random"):
        stage.tracer.replay(recorded, freeze=["random"])
    with pytest.raises(ConfigurationError, match="weather"):
        stage.tracer.replay(recorded, freeze=["weather"])


def test_the_clock_of_a_replay_can_be_that_of_any_recording(stage: Stage) -> None:
    @trace_llm(stage.tracer, model="m")
    def ask(prompt: str) -> str:
        stage.ran.append("ask")
        return prompt

    shown: list[datetime] = []

    def main() -> None:
        with stage.tracer.run("agent"):
            ask("a")
            shown.append(datetime.now(UTC))

    recorded = stage.record(main)
    stage.replay(recorded, main, freeze=["time"])
    ((end_ns),) = [span.end_ns for span in recorded.spans]
    assert end_ns is not None
    assert shown[1] == datetime.fromtimestamp(end_ns // 1_000_000_000, UTC).replace(
        microsecond=end_ns // 1_000 % 1_000_000
    )
