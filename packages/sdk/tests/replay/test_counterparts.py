"""Which recorded call a live one is, and which recorded run, where something about it is new."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from agenttrace.replay import DivergenceKind
from agenttrace.wrappers import trace_llm, trace_tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Stage


def play(stage: Stage, call: Callable[[], object]) -> Callable[[], None]:
    """Return a run that makes one call."""

    def main() -> None:
        with stage.tracer.run("agent"):
            call()

    return main


def test_new_parameters_for_more_are_as_if_they_were_not_there(stage: Stage) -> None:
    """`*rest` and `**options` that nobody uses yet; with something in them the input differs."""

    @trace_tool(stage.tracer)
    def search(query: str) -> str:
        return query

    @trace_tool(stage.tracer, name="search")
    def search_more(query: str, *rest: str, **options: int) -> str:
        return query

    recorded = stage.record(play(stage, lambda: search("a")))
    session, _ = stage.replay(recorded, play(stage, lambda: search_more("a")))
    assert session.report.identical
    assert session.report.notes == {"defaults_added": 1}
    for used in (partial(search_more, "a", "b"), partial(search_more, "a", limit=1)):
        _, raised = stage.diverge(recorded, play(stage, used))
        assert raised.divergence.kind is DivergenceKind.INPUT_CHANGED


def test_runs_of_one_name_are_told_apart_by_their_input(stage: Stage) -> None:
    """Which of a server's requests begins first is by chance."""

    @trace_tool(stage.tracer)
    def ask(query: str) -> str:
        return query.upper()

    def serve(*queries: str) -> Callable[[], None]:
        def main() -> None:
            for query in queries:
                with stage.tracer.run("request", input={"query": query}):
                    ask(query)

        return main

    serve("a", "b", "c")()
    recorded = stage.load()
    session, _ = stage.replay(recorded, serve("c", "a", "b"))
    assert session.report.identical
    sources = {run.replayed_from: run.input for run in session.runs}
    assert all(sources[run.run_id] == run.input for run in recorded)
    session, _ = stage.replay(recorded, serve("c", "a", "x"), mode="lenient")
    told = [(each.kind, each.path) for each in session.report.divergences]
    assert told == [(DivergenceKind.INPUT_CHANGED, path) for path in ("request/ask", "request")]


def test_a_run_that_is_begun_with_another_input_is_listed(stage: Stage) -> None:
    """It stops nothing; what is left out does not count there either."""

    def begin(**given: object) -> Callable[[], None]:
        def main() -> None:
            with stage.tracer.run("agent", input=given):
                pass

        return main

    recorded = stage.record(begin(query="a", at=1))
    session, _ = stage.replay(recorded, begin(query="b", at=1))
    (told,) = session.report.divergences
    assert (told.kind, told.at, told.live) == (DivergenceKind.INPUT_CHANGED, "$.query", "b")
    assert (session.report.identical, session.report.exit_code) == (False, 0)
    session, _ = stage.replay(recorded, begin(query="a", at=2), ignore=["$.at"])
    assert session.report.identical
    assert session.report.notes == {"volatile_ignored": 1}


def test_a_run_that_the_recording_does_not_have_is_listed(stage: Stage) -> None:
    """Also where no call is made in it."""

    def begin(times: int) -> Callable[[], None]:
        def main() -> None:
            for _ in range(times):
                with stage.tracer.run("agent"):
                    pass

        return main

    recorded = stage.record(begin(1))
    session, _ = stage.replay(recorded, begin(2))
    assert [each.kind for each in session.report.divergences] == [DivergenceKind.EXTRA_CALL]
    assert (session.report.identical, session.report.exit_code) == (False, 0)


class Agent:
    """One of several that differ in nothing but a text that they hold."""

    def __init__(self, role: str) -> None:
        self.role = role


@pytest.mark.parametrize(
    ("roles", "is_known"), [("wc", True), ("wx", False), ("ww", False)], ids=str
)
def test_a_call_on_another_object_is_listed(stage: Stage, roles: str, *, is_known: bool) -> None:
    """Its answer is the other's: it is served, and the replay is not identical."""

    class Asking(Agent):
        @trace_llm(stage.tracer)
        def ask(self, question: str) -> str:
            return f"{self.role}: yes"

    def ask_all(roles: str) -> Callable[[], list[str]]:
        def main() -> list[str]:
            agents = {role: Asking(role) for role in "wcx"}
            with stage.tracer.run("agent"):
                return [agents[role].ask("ok?") for role in roles]

        return main

    recorded = stage.record(ask_all("wc"))
    session, answers = stage.replay(recorded, ask_all(roles))
    assert answers == ["w: yes", "c: yes"]
    assert session.report.identical is is_known
    assert session.report.exit_code == 0
    found = [(each.kind, each.at) for each in session.report.divergences]
    assert found == ([] if is_known else [(DivergenceKind.AMBIGUOUS, "$self")])


def test_what_is_made_live_after_a_counterpart_that_lies_ahead_is_not_missing(
    stage: Stage,
) -> None:
    @trace_tool(stage.tracer, effect="read")
    def search(query: str) -> str:
        return query

    @trace_tool(stage.tracer, effect="read")
    def read(query: str) -> str:
        return query

    def make(*, has_more: bool) -> Callable[[], None]:
        def main() -> None:
            with stage.tracer.run("agent"):
                search("a")
                if has_more:
                    search("more")
                read("a")
                search("b")

        return main

    recorded = stage.record(make(has_more=False))
    session, _ = stage.replay(recorded, make(has_more=True), mode="live_after_divergence")
    assert [each.kind for each in session.report.divergences] == [DivergenceKind.INPUT_CHANGED]
    assert session.report.live_calls == 3
