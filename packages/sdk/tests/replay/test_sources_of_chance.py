"""Time, chance and ids that a program draws from the tracer are served in a replay."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from agenttrace import Tracer
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
