"""Layers that are new or gone around what stays, in runs too large for an exact distance."""

from __future__ import annotations

import pytest
from run_trees import Step, pair

from agenttrace.diff import Counts, compare_runs, invert

TURNS = 200


def make_turns(first: int, last: int, *, changed: tuple[int, ...] = ()) -> list[Step]:
    """Return turns of four calls, every fourth turn equal but for those that are changed."""
    return [
        Step("turn", number % 4, children=[
            Step("plan", number % 4), Step("search", number % 4),
            Step("read", "other" if number in changed else number % 4), Step("answer", number % 4)])
        for number in range(first, last)
    ]  # fmt: skip


def wrap(name: str, steps: list[Step]) -> Step:
    return Step(name, children=steps)


def wrap_each(name: str, steps: list[Step], count: int) -> list[Step]:
    size = len(steps) // count
    return [wrap(name, steps[n : n + size]) for n in range(0, len(steps), size)]


ALL = make_turns(0, TURNS)
CHANGED = make_turns(0, TURNS, changed=(3, 77, 150))
LAYERS: dict[str, tuple[list[Step], Counts]] = {
    "a session around two phases": (
        [wrap("session", wrap_each("phase", ALL, 2))],
        Counts(unchanged=1_000, wrapped=3),
    ),
    "forty phases in four parts in a session": (
        [wrap("session", wrap_each("part", wrap_each("phase", ALL, 40), 4))],
        Counts(unchanged=1_000, wrapped=45),
    ),
    "calls that are new beside phases, and some that differ": (
        [wrap("session", [Step("open", 1), *wrap_each("phase", CHANGED, 4), Step("close", 1)])],
        Counts(unchanged=997, changed=3, added=2, wrapped=5),
    ),
    "three around less and less": (
        [*ALL[:20], wrap("a", [*ALL[20:40], wrap("b", [*ALL[40:100], wrap("c", ALL[100:])])])],
        Counts(unchanged=1_000, wrapped=3),
    ),
}


@pytest.mark.parametrize("case", LAYERS)
def test_layers_within_layers_are_what_they_are(case: str) -> None:
    """Nothing moved, nothing removed and added; nor where the layers are gone."""
    steps, counts = LAYERS[case]
    base, head = pair(ALL, steps)
    diff = compare_runs(base, head)
    assert diff.counts == counts
    assert diff.cost == counts.changed / 2 + counts.added + counts.wrapped
    assert not diff.approx
    assert compare_runs(head, base) == invert(diff)
