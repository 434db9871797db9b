"""Workflows: runs that share a correlation id, and usage over time."""

from __future__ import annotations

from typing import Self

import strawberry
from strawberry import Private, field

from agenttrace_server import records
from agenttrace_server.graphql.context import Info
from agenttrace_server.graphql.fields import resolver
from agenttrace_server.graphql.types.enums import RunStatus
from agenttrace_server.graphql.types.lists import PageArguments, list_runs, read_slice
from agenttrace_server.graphql.types.run import RunConnection
from agenttrace_server.graphql.types.scalars import Count, DateTime, Decimal, to_count, to_usd
from agenttrace_server.graphql.types.usage import ModelUsage, Totals
from agenttrace_server.services.runs import RunFilter


@strawberry.type(description="The runs that share a correlation id, across agents and processes.")
class Workflow:
    """See the description, which is public."""

    record: Private[records.Workflow]
    correlation_id: str = field(description="What they share.")
    start_time: DateTime = field(description="When the first of them started.")
    end_time: DateTime | None = field(
        description="When the last of them ended; null while one of them runs."
    )
    totals: Totals = field(description="What they add up to now.")

    @resolver("Its runs, newest first; 50 a page unless `first` says otherwise, at most 200.")
    async def runs(
        self, info: Info, first: int | None = None, after: str | None = None
    ) -> RunConnection:
        """See the description, which is public."""
        run_filter = RunFilter(
            info.context.actor.principal.project_id, correlation_ids=(self.correlation_id,)
        )
        part = read_slice(None, PageArguments(first, after, None, None))
        return await list_runs(info.context.runs, run_filter, part)

    @resolver("What their calls add up to by model, dearest first.")
    async def usage_by_model(self, info: Info) -> list[ModelUsage]:
        """See the description, which is public."""
        loader = info.context.loaders.model_usage_by_correlation
        usages = await loader.load(self.correlation_id)
        return [ModelUsage.from_record(usage) for usage in usages or ()]

    @classmethod
    def from_record(cls, record: records.Workflow) -> Self:
        """Return the GraphQL object of a workflow."""
        return cls(
            record=record,
            correlation_id=record.correlation_id,
            start_time=DateTime(record.start_ns),
            end_time=None if record.end_ns is None else DateTime(record.end_ns),
            totals=Totals.from_record(
                record.totals,
                lambda info: info.context.loaders.billed_by_correlation.load(record.correlation_id),
            ),
        )


@strawberry.type(
    description="What the calls of one interval and group add up to. AGENT spans are not counted: "
    "by convention they repeat the sum of the calls within them."
)
class UsageBucket:
    """See the description, which is public."""

    start_time: DateTime = field(description="When the interval begins, in UTC.")
    model: str | None = field(
        description="The model; empty for calls that name none; null: not grouped by it."
    )
    name: str | None = field(description="The name of the runs; null: not grouped by it.")
    status: RunStatus | None = field(description="The status of the runs; null: not grouped by it.")
    tag: str | None = field(
        description="A tag of the runs: a run with two counts in both; null: not grouped by tag, "
        "or the runs without one."
    )
    runs: int | None = field(
        description="How many runs called; null: not counted, as neither a filter nor a group asks "
        "for single runs."
    )
    calls: int = field(
        description="How many calls began in it: spans other than of agents that are of type "
        "LLM_CALL, name a model, or have tokens or a cost."
    )
    errors: int = field(description="How many of them have the status ERROR.")
    prompt_tokens: Count | None = field(description="Tokens sent; null: none is known.")
    completion_tokens: Count | None = field(description="Tokens received; null: none is known.")
    cached_tokens: Count | None = field(
        description="Tokens read from a cache; null: none is known."
    )
    total_tokens: Count | None = field(description="Tokens in all; null: none is known.")
    tokens_estimated: bool = field(
        description="Whether at least one of the summed figures is an estimate."
    )
    cost_usd: Decimal | None = field(description="The exact sum in USD; null: none is known.")

    @classmethod
    def from_record(cls, record: records.UsageBucket) -> Self:
        """Return the GraphQL object of a bucket."""
        sums = record.sums
        return cls(
            start_time=DateTime(record.start_ns),
            model=record.model,
            name=record.name,
            status=None if record.status is None else RunStatus(record.status),
            tag=record.tag,
            runs=record.runs,
            calls=sums.calls,
            errors=sums.errors,
            prompt_tokens=to_count(sums.prompt_tokens),
            completion_tokens=to_count(sums.completion_tokens),
            cached_tokens=to_count(sums.cached_tokens),
            total_tokens=to_count(sums.total_tokens),
            tokens_estimated=sums.tokens_estimated,
            cost_usd=to_usd(sums.cost_pico),
        )
