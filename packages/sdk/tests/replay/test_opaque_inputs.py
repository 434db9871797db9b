"""Inputs that hold what is no data: of it the class alone is compared, and the report says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agenttrace.wrappers import trace_tool

if TYPE_CHECKING:
    from .conftest import Stage


class Client:
    """An object without content that could be recorded."""

    __slots__ = ()


def test_each_place_with_opaque_inputs_is_noted_once_and_counted(stage: Stage) -> None:
    """Nobody can tell whether it was the same client; the replay is identical for all that."""

    @trace_tool(stage.tracer)
    def fetch(client: object, number: int) -> int:
        return number if client else 0

    @trace_tool(stage.tracer)
    def plain(number: int) -> int:
        return number

    def play() -> None:
        with stage.tracer.run("agent"):
            for number in range(3):
                fetch([Client()], number)
            plain(1)
            with stage.tracer.span("step"):
                fetch({"a": (Client(), 1)}, 9)

    session, _ = stage.replay(stage.record(play), play)
    assert session.report.notes == {
        "input_opaque agent/fetch": 3,
        "input_opaque agent/step/fetch": 1,
    }
    assert session.report.identical
    assert session.report.describe()["notes"] == session.report.notes


def test_another_class_is_another_input_and_noted_as_that(stage: Stage) -> None:
    """What differs is told by the divergence alone."""

    @trace_tool(stage.tracer)
    def fetch(client: object) -> int:
        return 1 if client else 0

    def play(client: object) -> None:
        with stage.tracer.run("agent"):
            fetch(client)

    recording = stage.record(lambda: play(Client()))
    session, _ = stage.replay(recording, lambda: play(object()), mode="lenient")
    assert [each.kind for each in session.report.divergences] == ["input_changed"]
    assert not session.report.notes
