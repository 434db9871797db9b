"""G2: a replay that says `identical` is so to the diff, whatever of the code has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agenttrace.diff import compare_runs
from agenttrace.replay import Action, DivergenceKind
from agenttrace.wrappers import trace_agent, trace_tool

from .conftest import Stage

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS: st.SearchStrategy[tuple[Any, ...]] = st.deferred(
    lambda: st.one_of(
        st.tuples(st.just("tool"), st.integers(0, 2)),
        st.tuples(st.just("decide"), st.integers(0, 2)),
        st.tuples(st.just("choose"), st.integers(0, 2)),
        st.tuples(st.just("mark"), st.integers(0, 2)),
        st.tuples(st.just("state"), st.integers(0, 2)),
        st.tuples(st.just("span"), st.integers(0, 1), st.lists(STEPS, max_size=3)),
        st.tuples(st.just("agent"), st.integers(0, 1), st.lists(STEPS, max_size=3)),
    )
)
PROGRAMS = st.lists(STEPS, min_size=1, max_size=4)
SMALL = st.integers(0, 2)
GIVEN = st.fixed_dictionaries(
    {
        "input": st.one_of(st.none(), SMALL, st.fixed_dictionaries({"q": SMALL})),
        "tags": st.lists(st.sampled_from(["a", "b"]), max_size=1),
        "attributes": st.fixed_dictionaries({}, optional={"mark": SMALL}),
    }
)
WORKFLOWS = st.lists(
    st.tuples(st.sampled_from(["one", "other"]), GIVEN, st.lists(STEPS, max_size=2)),
    min_size=1,
    max_size=3,
)


class Machine:
    """Runs programs that are data: tools, decisions, spans of code, attributes and state."""

    def __init__(self, stage: Stage) -> None:
        self.tracer = stage.tracer

        @trace_tool(stage.tracer)
        def tool(n: int) -> str:
            return f"answer {n}"

        self.tool = tool

        @trace_agent(stage.tracer)
        def enter(n: int) -> int:
            self.run(self.bodies.pop())
            return n

        self.enter = enter
        self.bodies: list[list[Any]] = []

    def play(self, program: list[Any]) -> Callable[[], None]:
        def main() -> None:
            with self.tracer.run("program"):
                self.run(program)

        return main

    def play_all(self, workflow: list[Any]) -> None:
        for name, begun, program in workflow:
            with self.tracer.run(name, **begun) as run:
                run.set_output(begun["input"])
                self.run(program)

    def run(self, program: list[Any]) -> None:
        for kind, n, *rest in program:
            if kind == "tool":
                self.tool(n)
            elif kind == "decide":
                self.tracer.decision("pick", options=[0, n], chosen=0)
            elif kind == "choose":
                self.tracer.decision("pick", options=[0, 1, 2], chosen=n)
            elif kind == "mark":
                span = self.tracer.current_span()
                if span is not None:
                    span.set_attribute("mark", n)
            elif kind == "state":
                self.tracer.state("n", n)
            elif kind == "span":
                with self.tracer.span("part", input=n):
                    self.run(rest[0])
            else:
                self.bodies.append(rest[0])
                self.enter(n)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(recorded=PROGRAMS, played=PROGRAMS, is_same=st.booleans())
@example(recorded=[("choose", 0), ("choose", 1)], played=[("choose", 0)] * 2, is_same=False)
def test_identical_is_so_to_the_diff(
    recorded: list[Any], played: list[Any], *, is_same: bool
) -> None:
    made = Stage()
    try:
        machine = Machine(made)
        run = made.record(machine.play(recorded))
        with made.tracer.replay(run, mode="cache", allow_effects=["unknown"]) as session:
            machine.play(recorded if is_same else played)()
        found = compare_runs(run, session.run)
        if session.report.identical:
            assert found.identical, found.first_divergence
        if recorded == played or is_same:
            assert session.report.identical
    finally:
        made.tracer.shutdown(timeout_s=5)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(recorded=WORKFLOWS, played=WORKFLOWS, is_same=st.booleans())
@example(
    recorded=[("one", {"input": 0}, [("tool", 0)])],
    played=[("one", {"input": 1}, [("tool", 0)])],
    is_same=False,
)
@example(
    recorded=[("one", {"input": 0}, [])], played=[("one", {"input": 0}, [])] * 2, is_same=False
)
def test_identical_is_so_to_the_diff_of_every_run(
    recorded: list[Any], played: list[Any], *, is_same: bool
) -> None:
    """What runs are begun with counts, and how many there are."""
    made = Stage()
    try:
        machine = Machine(made)
        machine.play_all(recorded)
        runs = sorted(made.load(), key=lambda run: run.run_id)
        with made.tracer.replay(runs, mode="cache", allow_effects=["unknown"]) as session:
            machine.play_all(recorded if is_same else played)
        if session.report.identical:
            sources = {run.run_id: run for run in runs}
            again = [run for run in made.load() if run.run_id not in sources]
            pairs = {run.replayed_from or "": run for run in again}
            assert len(again) == len(pairs) == len(runs)
            for source, run in pairs.items():
                found = compare_runs(sources[source], run)
                assert found.identical, found.first_divergence
        if recorded == played or is_same:
            assert session.report.identical
    finally:
        made.tracer.shutdown(timeout_s=5)


def _play(stage: Stage, *, decides: bool = True, option: str = "b", mark: int = 1) -> None:
    with stage.tracer.run("agent"):
        if decides:
            stage.tracer.decision("pick", options=["a", option], chosen="a")
        with stage.tracer.span("part") as span:
            span.set_attribute("mark", mark)


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"decides": False}, DivergenceKind.NESTING_CHANGED, "did not come to"),
        ({"option": "c"}, DivergenceKind.INPUT_CHANGED, "$.options[1]"),
        ({"mark": 2}, DivergenceKind.OUTCOME_CHANGED, "'mark'"),
    ],
)
def test_a_span_of_code_that_changed_is_listed_and_stops_nothing(
    stage: Stage, change: dict[str, Any], kind: DivergenceKind, words: str
) -> None:
    recorded = stage.record(lambda: _play(stage))
    session, _ = stage.replay(recorded, lambda: _play(stage, **change))
    (told,) = session.report.divergences
    assert told.kind is kind
    assert told.is_structural
    assert told.action is not Action.RAISE
    assert words in told.message
    assert not session.report.identical
    assert session.report.exit_code == 0
