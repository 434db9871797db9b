"""What is left out when inputs are compared is those places, and nothing beside them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace import ConfigurationError
from agenttrace.replay import DivergenceKind
from agenttrace.wrappers import trace_agent, trace_tool

from .kinds_of_values import Pair, Point

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Stage

RULES: list[dict[str, list[str]]] = [{}, {"ignore": ["$.nothing"]}, {"mask": ["nothing"]}]


def make_player(stage: Stage) -> Callable[[Any], Callable[[], object]]:
    """Return what makes a run that gives a value to a tool."""

    @trace_tool(stage.tracer)
    def take(value: object) -> str:
        stage.ran.append("take")
        return "taken"

    def play(value: object) -> Callable[[], object]:
        def run() -> object:
            with stage.tracer.run("run"):
                return take(value)

        return run

    return play


@pytest.mark.parametrize("rules", RULES, ids=["none", "ignore", "mask"])
@pytest.mark.parametrize(
    ("recorded", "live"),
    [(Point(1, 2), {"x": 1, "y": 2}), (1, True), ([1], (1,)), (Pair("a", 1), ["a", 1])],
    ids=["class", "bool", "tuple", "named tuple"],
)
def test_a_rule_takes_no_type_away(
    stage: Stage, rules: dict[str, list[str]], recorded: object, live: object
) -> None:
    """Whatever rule there is: another type is another input."""
    play = make_player(stage)
    run = stage.record(play(recorded))
    _, raised = stage.diverge(run, play(live), **rules)
    assert raised.divergence.kind is DivergenceKind.INPUT_CHANGED
    assert stage.ran == []


@pytest.mark.parametrize(
    ("recorded", "live"),
    [
        ({"id": 1, "at": (1,)}, {"id": 1, "at": [1]}),
        ({"id": 1, "at": Point(1, 2)}, {"id": 1, "at": "now"}),
        ({"id": 1, "at": 5}, {"id": 1}),
        ({"id": 1}, {"id": 1, "at": (5,)}),
    ],
    ids=["type", "all of it", "gone", "new"],
)
def test_an_ignored_place_goes_with_its_types(stage: Stage, recorded: Any, live: Any) -> None:
    """Also where only one of the two has the field."""
    play = make_player(stage)
    run = stage.record(play(recorded))
    session, _ = stage.replay(run, play(live), ignore=["$.value.at"])
    assert (session.report.identical, stage.ran) == (True, [])
    stage.diverge(run, play({**live, "id": 2}), ignore=["$.value.at"])


def test_a_run_that_is_cancelled_is_not_the_recorded_one(stage: Stage) -> None:
    """It was cancelled before two of its calls: nobody may take that for the same."""

    @trace_tool(stage.tracer)
    async def step(number: int) -> int:
        return number

    def play(*, waits: bool) -> Callable[[], object]:
        async def agent() -> None:
            with stage.tracer.run("run"):
                await step(0)
                if waits:
                    asyncio.current_task().cancel()  # type: ignore[union-attr]  # within a task
                    await asyncio.Event().wait()
                await step(1)

        async def main() -> None:
            await asyncio.gather(agent(), return_exceptions=True)

        return lambda: asyncio.run(main())

    recorded = stage.record(play(waits=False))
    session, _ = stage.replay(recorded, play(waits=True))
    (divergence,) = session.report.divergences
    assert divergence.kind is DivergenceKind.OUTCOME_CHANGED
    assert "INTERRUPTED" in divergence.message
    assert not session.report.identical


LONG = "one page of a document " * 80_000


@pytest.mark.parametrize(
    "rules", [{}, {"mask": [r"\d{4}"]}, {"ignore": ["$.seed"]}], ids=["none", "mask", "ignore"]
)
@pytest.mark.parametrize("is_code", [False, True], ids=["call", "span of code"])
def test_a_rule_does_not_make_two_beginnings_one_input(
    stage: Stage, rules: dict[str, list[str]], *, is_code: bool
) -> None:
    """Of an input that is too large only the beginning is kept: it says nothing of the rest."""
    wrap = trace_agent if is_code else trace_tool

    @wrap(stage.tracer)
    def ask(prompt: str) -> str:
        return "yes"

    def play(end: str) -> Callable[[], None]:
        def main() -> None:
            with stage.tracer.run("run"):
                ask(LONG + end)

        return main

    run = stage.record(play("approve?"))
    session, _ = stage.replay(run, play("reject?"), mode="lenient", **rules)
    (told,) = session.report.divergences
    assert told.kind is DivergenceKind.INPUT_CHANGED
    assert "too large to be recorded whole" in told.message
    assert "AGENTTRACE_PAYLOAD_MAX_BYTES" in str(told.hint)
    assert not session.report.identical
    same, _ = stage.replay(run, play("approve?"), **rules)
    assert same.report.identical


@pytest.mark.parametrize("rules", RULES[1:], ids=["ignore", "mask"])
def test_a_rule_is_for_texts_as_well(stage: Stage, rules: dict[str, list[str]]) -> None:
    """An input that is a text has no places: it is compared as it is."""

    def play(text: str) -> Callable[[], None]:
        def main() -> None:
            with stage.tracer.run("run"), stage.tracer.span("part", input=text):
                pass

        return main

    run = stage.record(play("[one"))
    session, _ = stage.replay(run, play("[other"), **rules)
    assert [each.kind for each in session.report.divergences] == [DivergenceKind.INPUT_CHANGED]


def test_all_of_an_input_is_no_place_to_leave_out(stage: Stage) -> None:
    """Nothing came of it: it was said to have been left out, and was compared."""
    run = stage.record(make_player(stage)(1))
    with pytest.raises(ConfigurationError, match="name a place within it"):
        stage.tracer.replay(run, ignore=["$"])
