"""What a test found: plain data, no library needed to read it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Procedure(StrEnum):
    """Which test a p-value is from."""

    MANN_WHITNEY = "mann_whitney"  # two samples of figures
    WILCOXON = "wilcoxon"  # pairs of figures
    FISHER = "fisher"  # two counts of what is so or not
    MCNEMAR = "mcnemar"  # pairs of what is so or not


class Scale(StrEnum):
    """What an effect is: a share of base (0.3 is +30 %), or a difference in the figure's unit."""

    RATIO = "ratio"
    DIFFERENCE = "difference"


class IntervalMethod(StrEnum):
    """How an interval was found."""

    BCA = "bca"  # bootstrap, corrected for bias and skew
    PERCENTILE = "percentile"  # bootstrap
    RANK = "rank"  # by inverting the test
    NEWCOMBE = "newcombe"  # of two Wilson intervals
    EXACT = "exact"  # nothing varies: a point


@dataclass(frozen=True, slots=True)
class Rate:
    """So many of so many."""

    hits: int
    total: int

    @property
    def share(self) -> float | None:
        """From 0 to 1; None of nothing."""
        return self.hits / self.total if self.total else None

    def __str__(self) -> str:
        return f"{self.hits}/{self.total}"


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the effect lies with the confidence of 1 - alpha, in the effect's scale."""

    low: float
    high: float
    method: IntervalMethod


@dataclass(frozen=True, slots=True)
class Evidence:
    """One comparison, not yet judged.

    `base_count` and `head_count` are the figures that are known; of pairs both are the number of
    pairs. `smallest_p` is the least that the test can give with so many. `effect` is the
    Hodges-Lehmann estimate: the middle of all ratios (or differences) of head to base; of counts
    the difference of their shares. `detectable` is the smallest effect, in the same scale, that so
    many figures show four times out of five. None is unknown.
    """

    test: Procedure
    base_count: int
    head_count: int
    scale: Scale
    p: float | None = None
    smallest_p: float = 1.0
    effect: float | None = None
    interval: Interval | None = None
    detectable: float | None = None

    @property
    def is_paired(self) -> bool:
        """Whether each figure of head was compared with its own of base."""
        return self.test in {Procedure.WILCOXON, Procedure.MCNEMAR}
