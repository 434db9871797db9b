"""The envelope of several runs: plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agenttrace.diff.statistics import Rate

MIN_RUNS: Final = 3
"""Of fewer runs nothing can be said of how much they vary."""


@dataclass(frozen=True, slots=True)
class CallRange:
    """One kind of call: in how many of the runs it was, and how often in a run that had it."""

    present: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class MetricRange:
    """A figure in the runs that said it. `limit`: 19 of 20 further runs of the kind are below.

    The limit is that of a normal figure, or of one whose logarithm is where all are above 0, and
    never below the highest that was seen. It is None of fewer runs than `MIN_RUNS`.
    """

    known: int
    low: float
    median: float
    high: float
    limit: float | None


@dataclass(frozen=True, slots=True)
class Baseline:
    """What so many `runs` of one version did. `outputs` are digests of their final outputs.

    `calls` is by key, `metrics` by the name of the figure.
    """

    runs: int
    names: tuple[str, ...]
    success: Rate
    calls: Mapping[str, CallRange]
    metrics: Mapping[str, MetricRange]
    outputs: tuple[str, ...]

    def is_required(self, key: str) -> bool:
        """Tell whether every run made this call."""
        found = self.calls.get(key)
        return found is not None and found.present == self.runs
