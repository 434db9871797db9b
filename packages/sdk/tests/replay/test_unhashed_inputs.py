"""Inputs that have no hash: too many values, or too deep, to be written whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agenttrace.wrappers import trace_tool

if TYPE_CHECKING:
    from .conftest import Stage


def nest(value: object) -> object:
    """Return `value` a hundred lists deep."""
    for _ in range(100):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("recorded", "changed"),
    [([*range(300_000)], [*range(299_999), 7]), (nest(1), nest(2))],
    ids=["long", "deep"],
)
def test_a_change_that_no_hash_shows_is_not_identical(
    stage: Stage, recorded: object, changed: object
) -> None:
    """Where the input cannot be compared whole, nobody is told that it is the same."""

    @trace_tool(stage.tracer)
    def look(value: object) -> int:
        return 1 if value else 0

    def play(value: object) -> int:
        with stage.tracer.run("agent"):
            return look(value)

    recording = stage.record(lambda: play(recorded))
    session, _ = stage.replay(recording, lambda: play(changed))

    assert not session.report.identical
    assert session.report.notes["input_unverified"] == 1
