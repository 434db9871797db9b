"""Arguments that are classes and functions are told apart by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agenttrace.replay import DivergenceKind
from agenttrace.wrappers import trace_llm

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Stage


class Answer: ...


class Other: ...


def search(query: str) -> str:
    return query


def delete(query: str) -> str:
    return query


@pytest.mark.parametrize(
    ("recorded", "live"), [(Answer, Other), (search, delete), (int, str), (len, print)]
)
def test_another_class_or_function_is_another_input(stage: Stage, recorded: Any, live: Any) -> None:
    """Such as a format that is asked for, or a tool that may be used."""

    @trace_llm(stage.tracer)
    def ask(prompt: str, tools: list[Any]) -> str:
        return prompt

    def play(tool: Any) -> Callable[[], object]:
        def main() -> object:
            with stage.tracer.run("agent"):
                return ask("hello", [tool])

        return main

    run = stage.record(play(recorded))
    _, raised = stage.diverge(run, play(live))
    assert raised.divergence.kind is DivergenceKind.INPUT_CHANGED
    session, answer = stage.replay(run, play(recorded))
    assert (answer, session.report.divergences) == ("hello", [])
