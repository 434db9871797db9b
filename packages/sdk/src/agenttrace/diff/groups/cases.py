"""Runs of the same case on both sides: what is compared with its own says more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agenttrace.diff.groups.measures import RunMeasures


@dataclass(frozen=True, slots=True)
class Case:
    """A case that both groups have, and its runs."""

    name: str
    base: tuple[RunMeasures, ...]
    head: tuple[RunMeasures, ...]


@dataclass(frozen=True, slots=True)
class Pairing:
    """The cases that both groups have, by name; and how many runs have a case on one side only."""

    cases: tuple[Case, ...]
    left_out: int


def pair_cases(base: Sequence[RunMeasures], head: Sequence[RunMeasures]) -> Pairing | None:
    """Return the cases of two groups; None unless every run has one and at least one is shared."""
    if any(run.case is None for run in (*base, *head)):
        return None
    before, after = _group(base), _group(head)
    shared = sorted(before.keys() & after.keys())
    if not shared:
        return None
    cases = tuple(Case(name, tuple(before[name]), tuple(after[name])) for name in shared)
    paired = sum(len(case.base) + len(case.head) for case in cases)
    return Pairing(cases, len(base) + len(head) - paired)


def pair_figures(
    pairing: Pairing, read: Callable[[RunMeasures], float | None]
) -> list[tuple[float, float]]:
    """Return a figure of each case on both sides, the mean of its runs; unknown ones left out."""
    pairs = []
    for case in pairing.cases:
        before, after = _average(case.base, read), _average(case.head, read)
        if before is not None and after is not None:
            pairs.append((before, after))
    return pairs


def pair_successes(pairing: Pairing) -> list[tuple[bool, bool]]:
    """Return whether each case succeeded on both sides: with all of its runs that have ended."""
    pairs = []
    for case in pairing.cases:
        before, after = _all_succeeded(case.base), _all_succeeded(case.head)
        if before is not None and after is not None:
            pairs.append((before, after))
    return pairs


def _group(runs: Sequence[RunMeasures]) -> dict[str, list[RunMeasures]]:
    found: dict[str, list[RunMeasures]] = {}
    for run in runs:
        found.setdefault(run.case or "", []).append(run)
    return found


def _average(
    runs: Sequence[RunMeasures], read: Callable[[RunMeasures], float | None]
) -> float | None:
    known = [value for value in map(read, runs) if value is not None]
    return sum(known) / len(known) if known else None


def _all_succeeded(runs: Sequence[RunMeasures]) -> bool | None:
    ended = [run.succeeded for run in runs if run.succeeded is not None]
    return all(ended) if ended else None
