"""`tracer.checkpoint`: an agent's state, of which what changed is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Recording


class Memory:
    """What an agent keeps, as an object."""

    __slots__ = ("__dict__", "goal")

    def __init__(self) -> None:
        self.goal = "find"
        self.notes: list[str] = []
        self._secret = 1


def test_a_checkpoint_records_what_has_changed(recording: Recording) -> None:
    """Of an object or a mapping: what is new, what is gone, what changed though it is the same."""
    tracer, memory = recording.tracer, Memory()
    with tracer.run("agent"), tracer.span("step"):
        for change in ("a", None, "b"):
            memory.notes += [] if change is None else [change]
            tracer.checkpoint(memory)
        tracer.checkpoint({"goal": "find"})
        tracer.checkpoint({"goal": "find"})
        tracer.checkpoint({"goal": "find", "notes": None})
    with tracer.run("another"):
        tracer.checkpoint({"goal": "find"})
    bodies = [event["body"]["value"] for event in recording.events() if event["name"] == "state"]
    assert sorted(map(str, bodies[:2])) == [
        "{'key': 'goal', 'value': 'find'}",
        "{'key': 'notes', 'value': ['a']}",
    ]
    assert bodies[2:] == [
        {"key": "notes", "value": ["a", "b"]},
        {"key": "notes", "value": None},
        {"key": "notes", "value": None},
        {"key": "goal", "value": "find"},
    ]


def test_a_checkpoint_of_nothing_is_counted(recording: Recording) -> None:
    """Outside a run, or of a number: the program goes on."""
    recording.tracer.checkpoint({"a": 1})
    with recording.tracer.run("agent"):
        recording.tracer.checkpoint(7)
    assert recording.tracer.stats().errors == {"state_outside_run": 1, "checkpoint": 1}
