"""Figures on both sides of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal as Number
from typing import Final, Self

import strawberry
from strawberry import field

from agenttrace.diff import Aggregate, Aggregates, MetricDelta, MetricDeltas
from agenttrace.trace.totals import write_usd
from agenttrace_server.graphql.types.event import NS_PER_MS
from agenttrace_server.graphql.types.scalars import Count, Decimal

MAX_GROUPS: Final = 200

_BASE = "Of base; null: unknown, which is not 0."
_HEAD = "Of head; null: unknown, which is not 0."
_CHANGE = "Head less base; null unless both are known."
_PERCENT = "The change in percent of base; null also where base is 0."


@strawberry.type(description="Milliseconds on both sides.")
class DiffMs:
    """See the description, which is public."""

    base: float | None = field(description=_BASE)
    head: float | None = field(description=_HEAD)
    change: float | None = field(description=_CHANGE)
    percent: float | None = field(description=_PERCENT)

    @classmethod
    def from_delta(cls, delta: MetricDelta) -> Self:
        """Return nanoseconds on both sides."""
        return cls(
            base=_to_ms(delta.base),
            head=_to_ms(delta.head),
            change=_to_ms(delta.change),
            percent=delta.percent,
        )


@strawberry.type(description="A whole number on both sides.")
class DiffCount:
    """See the description, which is public."""

    base: Count | None = field(description=_BASE)
    head: Count | None = field(description=_HEAD)
    change: Count | None = field(description=_CHANGE)
    percent: float | None = field(description=_PERCENT)

    @classmethod
    def from_delta(cls, delta: MetricDelta) -> Self:
        """Return a number on both sides."""
        return cls(
            base=_to_count(delta.base),
            head=_to_count(delta.head),
            change=_to_count(delta.change),
            percent=delta.percent,
        )


@strawberry.type(description="An exact amount in USD on both sides.")
class DiffUsd:
    """See the description, which is public."""

    base: Decimal | None = field(description=_BASE)
    head: Decimal | None = field(description=_HEAD)
    change: Decimal | None = field(description=_CHANGE)
    percent: float | None = field(description=_PERCENT)

    @classmethod
    def from_delta(cls, delta: MetricDelta) -> Self:
        """Return an amount on both sides."""
        return cls(
            base=_to_usd(delta.base),
            head=_to_usd(delta.head),
            change=_to_usd(delta.change),
            percent=delta.percent,
        )


@strawberry.type(description="The figures of a row; those of a span that is not there are null.")
class DiffMetrics:
    """See the description, which is public."""

    duration_ms: DiffMs = field(description="How long it took.")
    first_chunk_ms: DiffMs = field(description="The time to the first chunk of a stream.")
    prompt_tokens: DiffCount = field(description="Tokens sent.")
    completion_tokens: DiffCount = field(description="Tokens received.")
    cached_tokens: DiffCount = field(description="The part of the prompt read from a cache.")
    reasoning_tokens: DiffCount = field(description="The part of the completion spent reasoning.")
    total_tokens: DiffCount = field(description="Tokens in all.")
    cost_usd: DiffUsd = field(description="What it cost.")

    @classmethod
    def from_deltas(cls, deltas: MetricDeltas) -> Self:
        """Return the figures of a row."""
        return cls(
            duration_ms=DiffMs.from_delta(deltas.get("duration_ns")),
            first_chunk_ms=DiffMs.from_delta(deltas.get("first_chunk_ns")),
            prompt_tokens=DiffCount.from_delta(deltas.get("prompt_tokens")),
            completion_tokens=DiffCount.from_delta(deltas.get("completion_tokens")),
            cached_tokens=DiffCount.from_delta(deltas.get("cached_tokens")),
            reasoning_tokens=DiffCount.from_delta(deltas.get("reasoning_tokens")),
            total_tokens=DiffCount.from_delta(deltas.get("total_tokens")),
            cost_usd=DiffUsd.from_delta(deltas.get("cost_usd")),
        )


@strawberry.type(
    description="What a group of spans adds up to on both sides. Each amount of tokens and cost "
    "counts once: not in the spans around those that already say it."
)
class DiffAggregate:
    """See the description, which is public."""

    key: str = field(description="What the group has in common; empty for all spans.")
    spans: DiffCount = field(description="How many spans.")
    calls: DiffCount = field(description="Of them, calls of models, tools and retrievals.")
    errors: DiffCount = field(description="Of them, those with the status ERROR.")
    retries: DiffCount = field(description="Of them, attempts after the first.")
    prompt_tokens: DiffCount = field(description="Tokens sent.")
    completion_tokens: DiffCount = field(description="Tokens received.")
    cached_tokens: DiffCount = field(description="Tokens read from a cache.")
    reasoning_tokens: DiffCount = field(description="Tokens spent reasoning.")
    total_tokens: DiffCount = field(description="Tokens in all.")
    cost_usd: DiffUsd = field(description="What it cost.")
    first_chunk_ms: DiffMs = field(description="The mean time to the first chunk of a stream.")
    sum_ms: DiffMs = field(description="All durations added up.")
    wall_ms: DiffMs = field(description="The time in which at least one of them ran.")
    self_ms: DiffMs = field(description="Durations without what ran within.")
    critical_ms: DiffMs = field(
        description="The least that the run could take with its lanes side by side; of all spans."
    )
    usage_known: DiffCount = field(description="How many spans the tokens are of.")
    cost_known: DiffCount = field(description="How many spans the cost is of.")
    durations_known: DiffCount = field(description="How many spans the durations are of.")

    @classmethod
    def from_aggregate(cls, aggregate: Aggregate) -> Self:
        """Return the figures of a group."""

        def count(name: str) -> DiffCount:
            return DiffCount.from_delta(aggregate.get(name))

        def time(name: str) -> DiffMs:
            return DiffMs.from_delta(aggregate.get(name))

        return cls(
            key=aggregate.key,
            spans=count("spans"),
            calls=count("calls"),
            errors=count("errors"),
            retries=count("retries"),
            prompt_tokens=count("prompt_tokens"),
            completion_tokens=count("completion_tokens"),
            cached_tokens=count("cached_tokens"),
            reasoning_tokens=count("reasoning_tokens"),
            total_tokens=count("total_tokens"),
            cost_usd=DiffUsd.from_delta(aggregate.get("cost_usd")),
            first_chunk_ms=time("first_chunk_ns"),
            sum_ms=time("sum_ns"),
            wall_ms=time("wall_ns"),
            self_ms=time("self_ns"),
            critical_ms=time("critical_ns"),
            usage_known=count("usage_known"),
            cost_known=count("cost_known"),
            durations_known=count("durations_known"),
        )


@strawberry.type(description="What both runs add up to, in all and by group, at most 200 of each.")
class DiffAggregates:
    """See the description, which is public."""

    total: DiffAggregate = field(description="All spans.")
    by_type: list[DiffAggregate] = field(description="By their type.")
    by_name: list[DiffAggregate] = field(description="By their name.")
    by_model: list[DiffAggregate] = field(description="Model calls by their model.")

    @classmethod
    def from_aggregates(cls, aggregates: Aggregates) -> Self:
        """Return the figures of two runs."""
        return cls(
            total=DiffAggregate.from_aggregate(aggregates.total),
            by_type=_list_groups(aggregates.by_type),
            by_name=_list_groups(aggregates.by_name),
            by_model=_list_groups(aggregates.by_model),
        )


def _list_groups(groups: Sequence[Aggregate]) -> list[DiffAggregate]:
    return [DiffAggregate.from_aggregate(each) for each in groups[:MAX_GROUPS]]


def _to_count(value: int | Number | None) -> Count | None:
    return None if value is None else Count(int(value))


def _to_usd(value: int | Number | None) -> Decimal | None:
    return None if value is None else Decimal(write_usd(Number(value)))


def _to_ms(value: int | Number | None) -> float | None:
    return None if value is None else float(value) / NS_PER_MS
