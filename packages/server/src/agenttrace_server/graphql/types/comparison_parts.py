"""What every row of a comparison of groups is made of."""

from __future__ import annotations

from typing import Self

import strawberry
from strawberry import field

from agenttrace.diff import groups, statistics
from agenttrace_server.graphql.types.comparison_enums import (
    ComparisonTest,
    EffectScale,
    IntervalMethod,
)


@strawberry.type(description="So many runs, or calls, of so many.")
class Rate:
    """See the description, which is public."""

    hits: int = field(description="Of how many it is so.")
    total: int = field(description="How many were looked at.")
    share: float | None = field(description="From 0 to 1; null of none.")

    @classmethod
    def from_rate(cls, rate: statistics.Rate) -> Self:
        """Return the GraphQL object of a rate."""
        return cls(hits=rate.hits, total=rate.total, share=rate.share)


@strawberry.type(description="A figure in one group, a value a run. What nobody said is no value.")
class Sample:
    """See the description, which is public."""

    total: int = field(description="Runs.")
    known: int = field(description="Runs that say the figure.")
    coverage: float | None = field(
        description="The share that is known: of runs, of cost and tokens of their model calls."
    )
    mean: float | None = field(description="In the figure's unit; null when none is known.")
    median: float | None = field(description="In the figure's unit; null when none is known.")
    low: float | None = field(description="The least, in the figure's unit.")
    high: float | None = field(description="The greatest, in the figure's unit.")

    @classmethod
    def from_sample(cls, sample: groups.Sample) -> Self:
        """Return the GraphQL object of a sample."""
        return cls(
            total=sample.total,
            known=sample.known,
            coverage=sample.coverage,
            mean=sample.mean,
            median=sample.median,
            low=sample.low,
            high=sample.high,
        )


@strawberry.type(description="Where an effect lies, in its scale, with the confidence 1 - alpha.")
class EffectInterval:
    """See the description, which is public."""

    low: float = field(description="Its lower end.")
    high: float = field(description="Its upper end.")
    method: IntervalMethod = field(description="How it was found.")


@strawberry.type(description="What a test found.")
class ComparisonEvidence:
    """See the description, which is public."""

    test: ComparisonTest = field(description="Which test.")
    base_count: int = field(description="Figures of base, or pairs.")
    head_count: int = field(description="Figures of head, or pairs.")
    scale: EffectScale = field(description="What `effect`, `interval` and `detectable` are in.")
    p: float | None = field(
        description="The chance of figures as unlike without a change; null: nothing to compare."
    )
    smallest_p: float = field(description="The least that the test can give with so many figures.")
    effect: float | None = field(
        description="The middle of all changes from a run of base to one of head."
    )
    interval: EffectInterval | None = field(description="Where the effect lies; null: too few.")
    detectable: float | None = field(
        description="The smallest effect that so many figures show four times out of five."
    )

    @classmethod
    def from_evidence(cls, evidence: statistics.Evidence) -> Self:
        """Return the GraphQL object of what a test found."""
        found = evidence.interval
        return cls(
            test=ComparisonTest(evidence.test.value),
            base_count=evidence.base_count,
            head_count=evidence.head_count,
            scale=EffectScale(evidence.scale.value),
            p=evidence.p,
            smallest_p=evidence.smallest_p,
            effect=evidence.effect,
            interval=None
            if found is None
            else EffectInterval(
                low=found.low, high=found.high, method=IntervalMethod(found.method.value)
            ),
            detectable=evidence.detectable,
        )
