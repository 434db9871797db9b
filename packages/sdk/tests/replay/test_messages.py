"""What a divergence says: the place, what stood there and what stands there now, and the way on."""

from __future__ import annotations

import ast
import json
import shlex
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from agenttrace.replay import DivergenceKind
from agenttrace.replay.hints import spell_for_command
from agenttrace.trace import load_runs
from agenttrace.trace.visible import show_time
from agenttrace.wrappers import trace_tool

from .kinds_of_values import Point

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Stage


def make_player(stage: Stage, answer: object = "taken") -> Callable[[Any], Callable[[], object]]:
    """Return what makes a run that gives a value to a tool."""

    @trace_tool(stage.tracer, effect="read")
    def take(value: object) -> object:
        stage.ran.append("take")
        return answer

    def play(value: object) -> Callable[[], object]:
        def run() -> object:
            with stage.tracer.run("agent"):
                return take(value)

        return run

    return play


def diverge(stage: Stage, recorded: object, live: object, **options: Any) -> Any:
    """Record a call with one value, replay it with another; return what was raised."""
    play = make_player(stage)
    run = stage.record(play(recorded))
    _, raised = stage.diverge(run, play(live), **options)
    assert stage.ran == []
    return raised


@pytest.mark.parametrize("at", [0, 30, 700, 39_999])
def test_a_difference_is_shown_wherever_in_a_long_text_it_is(stage: Stage, at: int) -> None:
    """Not by its beginning, the same on both sides; with what stands around it."""
    long = ("the quick brown fox " * 2_000)[:40_000]
    found = diverge(stage, long, f"{long[:at]}#{long[at + 1 :]}").divergence
    assert found.recorded != found.live
    assert "#" in found.live
    assert long[max(0, at - 20) : at] in found.live
    assert len(found.live) <= 502
    assert found.live.startswith("…") is (at > 80)


def test_what_is_raised_says_what_stood_there(stage: Stage) -> None:
    """A traceback is often all that there is of it."""
    raised = diverge(stage, {"city": "Bonn"}, {"city": "Rome"})
    assert "its input differs at $.value.city: recorded 'Bonn', now 'Rome'" in str(raised)


@pytest.mark.parametrize(
    ("recorded", "live", "told"),
    [
        ([1], (1,), ("$.value", "list", "tuple")),
        ({"a": [0, "1"]}, {"a": [0, Decimal(1)]}, ("$.value.a[1]", "str", "decimal")),
        (Point(1, 2), {"x": 1, "y": 2}, ("$.value", f"dataclass {Point.__module__}:Point", "dict")),
        ({1: 1}, {"1": 1}, ("$.value", "dict int", "dict")),
        (
            {None: 1},
            {"null": 1},
            ("$.value", {"type": "dict", "keys": {"null": [None]}}, "dict"),
        ),
    ],
    ids=["tuple", "within", "class", "number", "key"],
)
def test_another_type_is_told_with_its_place(
    stage: Stage, recorded: object, live: object, told: tuple[str, object, object]
) -> None:
    found = diverge(stage, recorded, live).divergence
    assert found.message == f"its input has the same content, and another type at {told[0]}"
    assert (found.at, found.recorded, found.live) == told


def test_a_function_that_fails_is_told_as_the_users(stage: Stage) -> None:
    """With the divergence that it was asked about, and where it failed."""

    def decide(_divergence: object) -> str:
        raise KeyError("rules")

    raised = diverge(stage, "a", "b", on={"input_changed": decide})
    assert raised.divergence.kind is DivergenceKind.INPUT_CHANGED
    assert "its input differs at $.value; and on={'input_changed': …} gave no answer" in str(raised)
    assert f"it raised KeyError: 'rules' at {__file__}:" in str(raised)
    assert "returns raise, warn, serve or live" in str(raised)


def test_a_function_that_answers_what_cannot_be_is_told_so(stage: Stage) -> None:
    raised = diverge(stage, "a", "b", on={"input_changed": lambda _: "ignore"})
    assert "on: input_changed is answered with 'ignore'; expected live, raise" in str(raised)


def nest(levels: int) -> object:
    """Return a list in a list in a list."""
    value: object = 0
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("answer", "kind", "said", "way"),
    [
        (nest(40), "unavailable", "nested more than 32 levels deep", "something flatter"),
        ([(i,) for i in range(9_000)], "unavailable", "more than 10,000 values", "return less"),
        ("x" * 3_000_000, "unavailable", "too long to be recorded", "AGENTTRACE_PAYLOAD_MAX_BYTES"),
        (np.arange(3), "type_degraded", "only the content of a numpy:ndarray", "register_codec()"),
        (object(), "unavailable", "only the class was recorded", "register_codec()"),
    ],
    ids=["depth", "nodes", "length", "numpy", "object"],
)
def test_an_answer_that_cannot_be_given_says_why(
    stage: Stage, answer: object, kind: str, said: str, way: str
) -> None:
    """What was the matter with it, and what mends that: no larger limit for what is too deep."""
    play = make_player(stage, answer)
    run = stage.record(play(1))
    _, raised = stage.diverge(run, play(1))
    assert raised.divergence.kind == kind
    assert said in raised.divergence.message
    assert way in str(raised.divergence.hint)
    assert "classes=" not in str(raised.divergence.hint)


class HeldError(Exception):
    """An error that holds what the program gives it."""

    def __init__(self, held: object) -> None:
        super().__init__("held")
        self.held = held
        self.codes = (4, 2)


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (object(), "it holds an object of which only the class was recorded"),
        (np.arange(3), "only the content of a numpy:ndarray was kept"),
    ],
    ids=["object", "numpy"],
)
def test_an_error_that_cannot_be_given_whole_says_why(
    stage: Stage, held: object, said: str
) -> None:
    """What it held that is lost, and what mends that; let by, it is of its class all the same."""

    @trace_tool(stage.tracer, effect="read")
    def take() -> object:
        stage.ran.append("take")
        raise HeldError(held)

    caught: list[BaseException] = []

    def play() -> None:
        with stage.tracer.run("agent"):
            try:
                take()
            except HeldError as error:
                caught.append(error)

    run = stage.record(play)
    _, raised = stage.diverge(run, play)
    assert raised.divergence.kind is DivergenceKind.TYPE_DEGRADED
    assert f"HeldError held is not whole: {said}" in raised.divergence.message
    assert "register_codec()" in str(raised.divergence.hint)
    stage.replay(run, play, mode="lenient")
    assert [type(error) for error in caught] == [HeldError] * 2
    assert [vars(error)["codes"] for error in caught] == [(4, 2)] * 2
    assert stage.ran == []


def test_a_recording_that_never_ended_is_said_to_be_one(stage: Stage) -> None:
    """Its program was killed, or goes on: what comes after is not in it."""
    play = make_player(stage)
    run = stage.record(play(1))
    records = [dict(r) for r in stage.memory.records if r["run_id"] == run.run_id]
    cut = [each for each in records if each["type"] != "run" or each["status"] == "STARTED"]
    (killed,) = load_runs(json.loads(json.dumps(cut))).runs
    session, _ = stage.replay(killed, play(1))
    assert session.report.describe()["unfinishedRunIds"] == [run.run_id]
    assert f"recording {run.run_id} never ended" in str(session.report)
    whole, _ = stage.replay(run, play(1))
    assert whole.report.describe()["unfinishedRunIds"] == []
    assert "never ended" not in str(whole.report)


def test_a_call_after_the_end_of_an_unfinished_recording_is_told_so(stage: Stage) -> None:
    """Of one that was cut off nobody knows what came then: it says where it stops."""

    @trace_tool(stage.tracer, effect="read")
    def take(number: int) -> int:
        stage.ran.append("take")
        return number

    def play(*numbers: int) -> None:
        with stage.tracer.run("agent"):
            for number in numbers:
                stage.tracer.state("number", number)
                take(number)

    run = stage.record(lambda: play(1, 2))
    records = [dict(r) for r in stage.memory.records if r["run_id"] == run.run_id]
    cut = [each for each in records if each["type"] != "run" or each["status"] == "STARTED"]
    (killed,) = load_runs(json.loads(json.dumps(cut))).runs
    found = stage.diverge(killed, lambda: play(1, 2, 3))[1].divergence
    last = killed.spans[-1]
    assert last.end_ns is not None
    assert found.message == (
        "the recording has no such call here: it never ended, its last record is of "
        f"seq {last.end_seq} at {show_time(last.end_ns)}"
    )
    assert "record anew, to the end" in str(found.hint)
    assert "--mode live_after_divergence" in spell_for_command(str(found.hint))
    assert stage.ran == []
    # With calls of it left, and in one that is whole, it is a call like any other.
    others = (
        stage.diverge(killed, lambda: play(3))[1],
        stage.diverge(run, lambda: play(1, 2, 3))[1],
    )
    assert all("never ended" not in other.divergence.message for other in others)
    session, _ = stage.replay(killed, lambda: play(1, 2, 3), mode="live_after_divergence")
    assert (stage.ran, session.report.live_calls) == (["take"], 1)


@pytest.mark.parametrize("key", ["plain", "content-type", "it's", 'a "b"', 'it\'s "so"', "a] b"])
def test_the_way_that_is_named_is_python_and_a_command(stage: Stage, key: str) -> None:
    """Typed as it stands it leaves the place out, whatever the key is."""
    hint = diverge(stage, {key: 1}, {key: 2}).divergence.hint
    way = hint.partition("; ")[2].partition(" leaves this place out")[0]
    option = spell_for_command(hint).partition("; ")[2].partition(" leaves this place out")[0]
    assert way.startswith("ignore=")
    rules = ast.literal_eval(way.removeprefix("ignore="))
    assert shlex.split(option) == ["--ignore", *rules]
    play = make_player(stage)
    session, _ = stage.replay(stage.record(play({key: 1})), play({key: 2}), ignore=rules)
    assert session.report.identical


def test_what_is_absent_is_no_text(stage: Stage) -> None:
    """A key that is not there is told apart from one that holds a text."""
    raised = diverge(stage, {"a": 1}, {})
    assert "recorded 1, now (absent)" in str(raised)
    session, _ = stage.replay(
        stage.record(make_player(stage)({})), make_player(stage)({"a": "(absent)"}), mode="lenient"
    )
    (told,) = session.report.divergences
    assert (told.at, told.live) == ("$.value.a", "(absent)")
    assert "        - (absent)\n" in str(session.report)


def test_all_of_an_input_is_no_place_that_a_way_names(stage: Stage) -> None:
    """`ignore=['$']` has no effect."""

    def play(given: str) -> Callable[[], None]:
        def main() -> None:
            with stage.tracer.run("agent"), stage.tracer.span("part", input=given):
                pass

        return main

    run = stage.record(play("a"))
    _, raised = stage.diverge(run, play("b"), on={"input_changed": "raise"})
    assert raised.divergence.at == "$"
    assert "ignore" not in str(raised.divergence.hint)
