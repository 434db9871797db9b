"""R5 to R7: what kind of divergence a change of the code is, and that nothing goes on after it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace import ConfigurationError
from agenttrace.replay import Action, DivergenceKind, ReplayDivergence
from agenttrace.wrappers import trace, trace_agent, trace_llm, trace_tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Stage


class Tools:
    """Two tools and a model that count."""

    def __init__(self, stage: Stage) -> None:
        ran = stage.ran
        self.stage = stage

        @trace_tool(stage.tracer)
        def one(value: object) -> str:
            ran.append("one")
            return f"one {value} {len(ran)}"

        @trace_tool(stage.tracer)
        def two(value: object) -> str:
            ran.append("two")
            return f"two {value} {len(ran)}"

        @trace_llm(stage.tracer, model="m")
        def ask(messages: list[dict[str, str]]) -> str:
            ran.append("ask")
            return f"answer {len(ran)}"

        self.one, self.two, self.ask = one, two, ask

    def say(self, text: str) -> str:
        return self.ask([{"role": "user", "content": text}])

    def play(self, body: Callable[[Tools], object]) -> Callable[[], object]:
        """Return the program that does `body` in a run, within an agent."""

        @trace_agent(self.stage.tracer)
        def agent() -> object:
            return body(self)

        def main() -> object:
            with self.stage.tracer.run("agent"):
                return agent()

        return main


@pytest.fixture
def tools(stage: Stage) -> Tools:
    return Tools(stage)


def test_repeated_calls_get_their_answers_in_order_and_one_more_is_extra(
    stage: Stage, tools: Tools
) -> None:
    recorded = stage.record(tools.play(lambda t: [t.say("x") for _ in range(3)]))
    got: list[str] = []

    def body(t: Tools) -> None:
        for _ in range(4):
            got.append(t.say("x"))  # noqa: PERF401 -- what came before the fourth is looked at

    session, raised = stage.diverge(recorded, tools.play(body))
    assert got == ["answer 1", "answer 2", "answer 3"]
    assert raised.divergence.kind is DivergenceKind.EXTRA_CALL
    assert raised.divergence.path == "agent/agent/ask"
    assert stage.ran == []
    assert [each.kind for each in session.report.divergences] == [DivergenceKind.EXTRA_CALL]


def test_no_code_can_swallow_a_divergence(stage: Stage, tools: Tools) -> None:
    """R6: one letter more, and whatever catches everything: no call is made after it."""
    recorded = stage.record(tools.play(lambda t: [t.say(f"step {n}") for n in range(6)]))
    swallowed: list[BaseException] = []

    async def gather() -> list[str | BaseException]:
        async def call(n: int) -> str:
            return tools.say(f"step {n}")

        return list(await asyncio.gather(call(4), return_exceptions=True))

    def body(t: Tools) -> None:
        for n in range(6):
            try:
                t.say(f"step {n}!" if n == 3 else f"step {n}")
            except Exception:
                raise
            except BaseException as error:  # noqa: BLE001 -- the worst that a program does
                swallowed.append(error)
        swallowed.extend(e for e in asyncio.run(gather()) if isinstance(e, BaseException))

    session, raised = stage.diverge(recorded, tools.play(body))

    assert raised.exit_code == 10
    assert raised.divergence.kind is DivergenceKind.INPUT_CHANGED
    assert raised.divergence.at == "$.messages[0].content"
    assert (raised.divergence.recorded, raised.divergence.live) == ("step 3", "step 3!")
    assert raised.divergence.hint is not None
    assert "ignore=['$.messages[0].content']" in raised.divergence.hint
    assert raised.divergence.path == "agent/agent/ask"
    assert stage.ran == []
    assert len(swallowed) == 4
    assert all(isinstance(error, ReplayDivergence) for error in swallowed)
    assert len(session.report.divergences) == 1


def test_an_agent_that_catches_exceptions_does_not_catch_this_one(
    stage: Stage, tools: Tools
) -> None:
    recorded = stage.record(tools.play(lambda t: t.say("a")))
    caught: list[Exception] = []

    def body(t: Tools) -> None:
        try:
            t.say("b")
        except Exception as error:  # noqa: BLE001 -- what agents do
            caught.append(error)

    stage.diverge(recorded, tools.play(body))
    assert caught == []


def _base(t: Tools) -> None:
    t.one(1)
    t.two(2)
    t.one(3)


def _changed(t: Tools) -> None:
    t.one(1)
    t.two(20)
    t.one(3)


def _extra(t: Tools) -> None:
    t.one(1)
    t.two(2)
    t.one(3)
    t.two(4)


def _removed(t: Tools) -> None:
    t.one(1)
    t.one(3)


def _swapped(t: Tools) -> None:
    t.two(2)
    t.one(1)
    t.one(3)


def _moved(t: Tools) -> None:
    @trace_agent(t.stage.tracer)
    def inner() -> None:
        t.two(2)

    t.one(1)
    inner()
    t.one(3)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (_changed, DivergenceKind.INPUT_CHANGED),
        (_extra, DivergenceKind.EXTRA_CALL),
        (_removed, DivergenceKind.MISSING_CALL),
        (_swapped, DivergenceKind.REORDERED),
    ],
)
@pytest.mark.parametrize("mode", ["strict", "lenient"])
def test_a_change_of_the_code_is_one_divergence_of_its_kind(
    stage: Stage, tools: Tools, body: Callable[[Tools], None], kind: DivergenceKind, mode: str
) -> None:
    recorded = stage.record(tools.play(_base))
    play = tools.play(body)
    if mode == "strict" or kind is DivergenceKind.EXTRA_CALL:
        session, _ = stage.diverge(recorded, play, mode=mode)
    else:
        session, _ = stage.replay(recorded, play, mode=mode)
    assert [each.kind for each in session.report.divergences] == [kind]
    assert session.report.exit_code == 10
    assert stage.ran == []


def test_a_renamed_tool_is_told_by_its_input(stage: Stage, tools: Tools) -> None:
    recorded = stage.record(tools.play(_base))

    @trace_tool(stage.tracer)
    def three(value: object) -> str:
        stage.ran.append("three")
        return "three"

    answers: list[str] = []

    def body(t: Tools) -> None:
        t.one(1)
        answers.append(three(2))
        t.one(3)

    _, raised = stage.diverge(recorded, tools.play(body))
    assert raised.divergence.kind is DivergenceKind.RENAMED
    assert "'two'" in raised.divergence.message

    session, _ = stage.replay(recorded, tools.play(body), mode="lenient")
    assert answers == ["two 2 2"]
    assert [each.kind for each in session.report.divergences] == [DivergenceKind.RENAMED]
    assert stage.ran == []


def test_a_wrapper_that_was_added_or_removed_breaks_nothing(stage: Stage, tools: Tools) -> None:
    plain, wrapped = tools.play(_base), tools.play(_moved)
    for before, after in ((plain, wrapped), (wrapped, plain)):
        recorded = stage.record(before)
        session, _ = stage.replay(recorded, after)
        assert {each.action for each in session.report.divergences} <= {Action.SERVE}
        assert session.report.exit_code == 0
    assert stage.ran == []


def test_a_call_under_another_call_has_moved(stage: Stage, tools: Tools) -> None:
    @trace_agent(stage.tracer)
    def first(inner: Callable[[], object]) -> None:
        inner()

    @trace_agent(stage.tracer, capture_input=False)
    def second(inner: Callable[[], object]) -> None:
        inner()

    def play(outer: Callable[..., None], other: Callable[..., None]) -> Callable[[], object]:
        def main() -> None:
            with stage.tracer.run("agent"):
                outer(lambda: tools.one(1))
                other(lambda: None)

        return main

    recorded = stage.record(play(first, second))
    _, raised = stage.diverge(recorded, play(second, first))
    assert raised.divergence.kind is DivergenceKind.NESTING_CHANGED
    assert stage.ran == []


def test_the_order_of_calls_in_different_lanes_does_not_count(stage: Stage, tools: Tools) -> None:
    def play(order: list[int]) -> Callable[[], object]:
        def body(t: Tools) -> list[str]:
            with ThreadPoolExecutor(1) as pool:
                answers = {n: pool.submit(stage.tracer.propagate(t.one), n).result() for n in order}
            return [answers[n] for n in sorted(answers)]

        return tools.play(body)

    recorded = stage.record(play([1, 2, 3]))
    session, answers = stage.replay(recorded, play([3, 1, 2]))
    assert answers == ["one 1 1", "one 2 2", "one 3 3"]
    assert session.report.exit_code == 0
    assert [each.kind for each in session.report.divergences] == []


def test_a_bug_that_was_mended_is_no_divergence_that_stops(stage: Stage, tools: Tools) -> None:
    def broken(t: Tools) -> str:
        return t.one(1).upper() + "?"

    def mended(t: Tools) -> str:
        return t.one(1).upper() + "!"

    recorded = stage.record(tools.play(broken))
    session, answer = stage.replay(recorded, tools.play(mended))
    assert answer == "ONE 1 1!"
    (divergence,) = session.report.divergences
    assert (divergence.kind, divergence.action) == (DivergenceKind.OUTCOME_CHANGED, Action.WARN)
    assert session.report.exit_code == 0
    assert not session.report.identical


def test_what_is_done_about_a_kind_can_be_chosen(stage: Stage, tools: Tools) -> None:
    recorded = stage.record(tools.play(_base))
    asked: list[DivergenceKind] = []

    def answer(divergence: Any) -> str:
        asked.append(divergence.kind)
        return "warn"

    session, _ = stage.replay(recorded, tools.play(_changed), on={"input_changed": answer})
    assert asked == [DivergenceKind.INPUT_CHANGED]
    assert session.report.exit_code == 10
    session, _ = stage.replay(recorded, tools.play(_changed), on={"input_changed": "serve"})
    assert session.report.exit_code == 0
    assert stage.ran == []


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "hasty"},
        {"on": {"typo": "warn"}},
        {"on": {"extra_call": "serve"}},
        {"on": {"missing_call": "live"}},
        {"live": ["everything"]},
        {"allow_effects": ["all"]},
        {"max_live_calls": -1},
        {"max_live_cost": "much"},
        {"max_live_cost": "NaN"},
        {"max_live_cost": -0.5},
        {"ignore": ["$["]},
        {"mask": ["("]},
        {"live_from": "tool:none"},
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(
    stage: Stage, tools: Tools, options: dict[str, Any]
) -> None:
    recorded = stage.record(tools.play(_base))
    with pytest.raises(ConfigurationError):
        stage.tracer.replay(recorded, **options)


def test_a_boundary_is_what_its_wrapper_says(stage: Stage) -> None:
    @trace(stage.tracer, boundary=True)
    def clock() -> int:
        stage.ran.append("clock")
        return 7

    @trace_tool(stage.tracer, boundary=False)
    def add(a: int, b: int) -> int:
        stage.ran.append("add")
        return a + b

    def main() -> int:
        with stage.tracer.run("agent"):
            return add(clock(), 1)

    recorded = stage.record(main)
    session, answer = stage.replay(recorded, main)
    assert (answer, stage.ran) == (8, ["add"])
    assert session.report.identical
