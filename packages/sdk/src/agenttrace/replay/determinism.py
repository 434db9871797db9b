"""Two recordings of one program side by side: which calls are not the same in every run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.replay.deltas import Delta, find_deltas, find_volatile, shorten_both
from agenttrace.replay.tape import Node, Tape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.trace import RecordedPayload, RecordedRun
    from agenttrace.wire import JsonValue

INPUT: Final = "input"
OUTPUT: Final = "output"
PRESENCE: Final = "presence"


class Finding(NamedTuple):
    """A call that differs between two runs: in its input, its output, or in being made at all.

    `volatile` names in what kinds of values it differs, such as `uuid`, where in nothing else.
    """

    path: str
    what: str
    deltas: list[Delta]
    volatile: tuple[str, ...] = ()

    def describe(self) -> dict[str, JsonValue]:
        """Return it as JSON data."""
        first = self.deltas[0] if self.deltas else None
        shown = (None, None) if first is None else shorten_both(first.recorded, first.live)
        return {
            "path": self.path,
            "differsIn": self.what,
            "volatile": list(self.volatile),
            "at": None if first is None else first.path,
            "first": shown[0],
            "second": shown[1],
        }


def compare_recordings(
    first: Sequence[RecordedRun], second: Sequence[RecordedRun]
) -> list[Finding]:
    """Return what differs between two executions of one program, in the order of the first.

    An input that differs stops a strict replay; an output that differs is what a replay is for.
    """
    one, other = _list_calls(first), _list_calls(second)
    findings = []
    for path, node in one.items():
        counterpart = other.get(path)
        if counterpart is None:
            findings.append(Finding(path, PRESENCE, []))
        else:
            findings += _compare(path, node, counterpart)
    findings += [Finding(path, PRESENCE, []) for path in other if path not in one]
    return findings


def _list_calls(runs: Sequence[RecordedRun]) -> dict[str, Node]:
    """Return all calls by their place: names from the run on, and which of that place it is."""
    found: dict[str, Node] = {}
    counts: dict[str, int] = {}
    for run in runs:
        tape = Tape(run)
        for node in tape.nodes:
            if not node.is_boundary:
                continue
            place = f"{run.name}/{node.describe()}"
            counts[place] = number = counts.get(place, 0) + 1
            found[place if number == 1 else f"{place} #{number}"] = node
    return found


def _compare(path: str, one: Node, other: Node) -> list[Finding]:
    assert one.span is not None
    assert other.span is not None
    findings = []
    if one.span.input_hash != other.span.input_hash or one.span.input_hash is None:
        deltas = find_deltas(_read(one.span.input), _read(other.span.input))
        if deltas:
            findings.append(Finding(path, INPUT, deltas, find_volatile(deltas)))
    deltas = find_deltas(_read(one.span.output), _read(other.span.output))
    if deltas:
        findings.append(Finding(path, OUTPUT, deltas, find_volatile(deltas)))
    return findings


def _read(payload: RecordedPayload | None) -> JsonValue:
    return None if payload is None else payload.value
