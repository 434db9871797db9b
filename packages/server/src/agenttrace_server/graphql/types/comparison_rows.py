"""The rows of a comparison of groups."""

from __future__ import annotations

from typing import Self

import strawberry
from strawberry import field

from agenttrace.diff import groups
from agenttrace_server.graphql.types.comparison_enums import PartDimension, Verdict
from agenttrace_server.graphql.types.comparison_parts import ComparisonEvidence, Rate, Sample

_SIGNIFICANT = "Whether it differs beyond chance, among all that were looked at."
_P_ADJUSTED = "p, adjusted after Benjamini and Hochberg; null: nothing to compare."


@strawberry.type(description="How many of the runs that have ended are COMPLETED.")
class SuccessComparison:
    """See the description, which is public."""

    base: Rate = field(description="Of base.")
    head: Rate = field(description="Of head.")
    verdict: Verdict = field(description="What became of it.")
    reason: str = field(description="What the verdict rests on, or what it lacks.")
    evidence: ComparisonEvidence = field(description="What the test found; shares of runs.")

    @classmethod
    def from_row(cls, row: groups.RateComparison) -> Self:
        """Return the GraphQL object."""
        return cls(
            base=Rate.from_rate(row.base),
            head=Rate.from_rate(row.head),
            verdict=Verdict(row.judgement.verdict.value),
            reason=row.judgement.reason,
            evidence=ComparisonEvidence.from_evidence(row.evidence),
        )


@strawberry.type(description="A figure of runs in both groups. Less of each figure is better.")
class MetricComparison:
    """See the description, which is public."""

    name: str = field(description="Which, such as `cost_usd` or `total_tokens`.")
    unit: str = field(description="`USD`, `tokens`, `ms`, or empty for a count.")
    base: Sample = field(description="In base.")
    head: Sample = field(description="In head.")
    change: float | None = field(description="Head's median less base's; null unless both known.")
    percent: float | None = field(description="The change in percent; null also where base is 0.")
    verdict: Verdict = field(description="What became of it.")
    reason: str = field(description="What the verdict rests on, or what it lacks.")
    p_adjusted: float | None = field(description=_P_ADJUSTED)
    evidence: ComparisonEvidence = field(description="What the test found.")

    @classmethod
    def from_row(cls, row: groups.MetricComparison) -> Self:
        """Return the GraphQL object."""
        return cls(
            name=row.metric.name,
            unit=row.metric.unit,
            base=Sample.from_sample(row.base),
            head=Sample.from_sample(row.head),
            change=row.change,
            percent=row.percent,
            verdict=Verdict(row.judgement.verdict.value),
            reason=row.judgement.reason,
            p_adjusted=row.p_adjusted,
            evidence=ComparisonEvidence.from_evidence(row.evidence),
        )


@strawberry.type(description="One kind of call: in how many runs it is, and how often.")
class StructureComparison:
    """See the description, which is public."""

    key: str = field(description="Its type and name, such as `tool:verify`.")
    base: Rate = field(description="Runs of base that make it.")
    head: Rate = field(description="Runs of head that make it.")
    base_calls: float = field(description="Calls a run in base, on average.")
    head_calls: float = field(description="Calls a run in head, on average.")
    p_adjusted: float | None = field(description=_P_ADJUSTED)
    calls_p_adjusted: float | None = field(description="The same of the number of calls.")
    is_significant: bool = field(description=_SIGNIFICANT)
    evidence: ComparisonEvidence = field(description="What the test of the runs found.")

    @classmethod
    def from_row(cls, row: groups.StructureRow) -> Self:
        """Return the GraphQL object."""
        return cls(
            key=row.key,
            base=Rate.from_rate(row.base),
            head=Rate.from_rate(row.head),
            base_calls=row.base_calls,
            head_calls=row.head_calls,
            p_adjusted=row.p_adjusted,
            calls_p_adjusted=row.calls_p,
            is_significant=row.is_significant,
            evidence=ComparisonEvidence.from_evidence(row.evidence),
        )


@strawberry.type(description="How often one kind of call came right after another.")
class TransitionComparison:
    """See the description, which is public."""

    before: str = field(description="The first call's key, or `start`.")
    after: str = field(description="The next call's key on the same lane, or `end`.")
    base: Rate = field(description="In base: of all that came after `before`.")
    head: Rate = field(description="In head: of all that came after `before`.")
    p_adjusted: float | None = field(description=_P_ADJUSTED)
    is_significant: bool = field(description=_SIGNIFICANT)

    @classmethod
    def from_row(cls, row: groups.TransitionRow) -> Self:
        """Return the GraphQL object."""
        return cls(
            before=row.before,
            after=row.after,
            base=Rate.from_rate(row.base),
            head=Rate.from_rate(row.head),
            p_adjusted=row.p_adjusted,
            is_significant=row.is_significant,
        )


@strawberry.type(description="A fact that tells the groups apart: an attribute, tag, model, error.")
class AttributeComparison:
    """See the description, which is public."""

    key: str = field(description="What it is about; of model calls `<name>.<attribute>`.")
    value: str | None = field(description="What is so; null of an attribute that is a number.")
    base: Rate = field(description="Runs of base of which it is so, or that have the number.")
    head: Rate = field(description="Runs of head of which it is so, or that have the number.")
    base_median: float | None = field(description="Of a number: its median in base.")
    head_median: float | None = field(description="Of a number: its median in head.")
    difference: float = field(
        description="Of the shares of runs, or of a number how often it is greater in head less "
        "how often it is smaller: from -1 to 1."
    )
    p_adjusted: float = field(description="p, adjusted after Benjamini and Hochberg.")
    is_significant: bool = field(description=_SIGNIFICANT)

    @classmethod
    def from_row(cls, row: groups.AttributeRow) -> Self:
        """Return the GraphQL object."""
        return cls(
            key=row.key,
            value=row.value,
            base=Rate.from_rate(row.base),
            head=Rate.from_rate(row.head),
            base_median=row.base_median,
            head_median=row.head_median,
            difference=row.difference,
            p_adjusted=row.p_adjusted,
            is_significant=row.is_significant,
        )


@strawberry.type(description="A figure of the spans of one type, name or model: a run's sum each.")
class PartComparison:
    """See the description, which is public."""

    by: PartDimension = field(description="What `key` is.")
    key: str = field(description="Such as `llm`, `tool:verify` or a model's name.")
    name: str = field(description="Which figure, such as `calls` or `cost_usd`.")
    unit: str = field(description="`USD`, `tokens`, `ms`, or empty for a count.")
    base: Sample = field(description="In base; a run without such a span has 0.")
    head: Sample = field(description="In head; a run without such a span has 0.")
    p_adjusted: float | None = field(description=_P_ADJUSTED)
    is_significant: bool = field(description=_SIGNIFICANT)
    evidence: ComparisonEvidence = field(description="What the test found.")

    @classmethod
    def from_row(cls, row: groups.PartRow) -> Self:
        """Return the GraphQL object."""
        return cls(
            by=PartDimension(row.by),
            key=row.key,
            name=row.metric.name,
            unit=row.metric.unit,
            base=Sample.from_sample(row.base),
            head=Sample.from_sample(row.head),
            p_adjusted=row.p_adjusted,
            is_significant=row.is_significant,
            evidence=ComparisonEvidence.from_evidence(row.evidence),
        )
