"""Which recorded call a live one is, and which recorded run, where something about it is new."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from agenttrace.replay import DivergenceKind
from agenttrace.wrappers import trace_tool

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
