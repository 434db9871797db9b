"""The result of comparing two groups of runs: plain data, the same for every reader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from agenttrace.diff.groups.figures import Metric
    from agenttrace.diff.groups.measures import Dimension
    from agenttrace.diff.statistics import Evidence, Judgement, Rate


@dataclass(frozen=True, slots=True)
class GroupOptions:
    """How groups are compared.

    `alpha`, `min_effect` and `margin` as in `statistics.Policy`. `seed` makes the bootstrap repeat
    itself. `pair_by` is the run attribute that names its case: when every run has one, figures of
    the same case are compared with each other. With `resampled` off no interval is a bootstrap:
    those that invert the test take no time.
    """

    alpha: float = 0.05
    min_effect: float = 0.05
    margin: float = 0.10
    seed: int = 0
    pair_by: str | None = "case_id"
    resampled: bool = True


@dataclass(frozen=True, slots=True)
class Sample:
    """The figures of one group. `known` of `total` runs say it; None is unknown.

    `coverage` is the share of the figure that is known: of runs, and within them of model calls.
    """

    total: int
    known: int
    coverage: float | None
    mean: float | None
    median: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """One figure of both groups. `percent` is the change of the median; None where base is 0."""

    metric: Metric
    base: Sample
    head: Sample
    evidence: Evidence
    p_adjusted: float | None
    judgement: Judgement

    @property
    def change(self) -> float | None:
        """The median of head less that of base; None unless both are known."""
        if self.base.median is None or self.head.median is None:
            return None
        return self.head.median - self.base.median

    @property
    def percent(self) -> float | None:
        """The change in percent of base; None also where base is 0."""
        if self.change is None or not self.base.median:
            return None
        return self.change / self.base.median * 100


@dataclass(frozen=True, slots=True)
class RateComparison:
    """Of how many runs something is so, on both sides. The verdict is of success alone."""

    base: Rate
    head: Rate
    evidence: Evidence
    p_adjusted: float | None
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class StructureRow:
    """One kind of call: in how many runs it is there, and how often in a run on average.

    `is_significant`: the rates differ beyond chance, among all keys that were looked at.
    """

    key: str
    base: Rate
    head: Rate
    base_calls: float
    head_calls: float
    evidence: Evidence
    p_adjusted: float | None
    calls_p: float | None
    is_significant: bool


@dataclass(frozen=True, slots=True)
class TransitionRow:
    """How often `after` came next where `before` had been called: counts of calls, all runs."""

    before: str
    after: str
    base: Rate
    head: Rate
    p_adjusted: float | None
    is_significant: bool


@dataclass(frozen=True, slots=True)
class AttributeRow:
    """A fact that tells the groups apart. `value` is None of a number, whose medians stand beside.

    `difference` is of the shares of runs, or of a number the chance that one of head is above one
    of base, less the opposite: both from -1 to 1.
    """

    key: str
    value: str | None
    base: Rate
    head: Rate
    base_median: float | None
    head_median: float | None
    difference: float
    p_adjusted: float
    is_significant: bool


@dataclass(frozen=True, slots=True)
class PartRow:
    """One figure of the spans of one type, name or model, a run's sum each."""

    by: Dimension
    key: str
    metric: Metric
    base: Sample
    head: Sample
    evidence: Evidence
    p_adjusted: float | None
    is_significant: bool


@dataclass(frozen=True, slots=True)
class GroupRef:
    """One of the two groups: the ids of its runs, oldest first, and the names that they have."""

    run_ids: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupWarning:
    """Something to know before trusting a comparison; `side` is None when it is about both."""

    code: Literal["empty", "incomplete", "coverage", "pairing", "cut"]
    message: str
    side: Literal["base", "head"] | None = None


@dataclass(frozen=True, slots=True)
class GroupComparison:
    """What differs from one group of runs to another.

    p-values are adjusted after Benjamini and Hochberg within each list. `pairs` counts the cases
    that both groups have, None where figures were not compared by case. `structure` is ranked by
    how much the rate changed, `transitions` and `attributes` likewise, `parts` by p.
    """

    options: GroupOptions
    base: GroupRef
    head: GroupRef
    pairs: int | None
    success: RateComparison
    metrics: tuple[MetricComparison, ...]
    structure: tuple[StructureRow, ...]
    transitions: tuple[TransitionRow, ...]
    attributes: tuple[AttributeRow, ...]
    parts: tuple[PartRow, ...]
    warnings: tuple[GroupWarning, ...]
