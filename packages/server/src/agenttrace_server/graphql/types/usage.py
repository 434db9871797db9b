"""Tokens and money."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Self, TypeAlias

import strawberry
from strawberry import Private, field

from agenttrace_server import records
from agenttrace_server.graphql.context import Info
from agenttrace_server.graphql.fields import resolver
from agenttrace_server.graphql.types.enums import FigureSource
from agenttrace_server.graphql.types.scalars import Count, Decimal, to_count, to_usd

LoadPico: TypeAlias = Callable[[Info], Awaitable[int | None]]


@strawberry.type(description="Tokens of one call. What is unknown is null, never 0.")
class Usage:
    """See the description, which is public."""

    prompt_tokens: Count | None = field(description="Tokens sent, cached ones included.")
    completion_tokens: Count | None = field(description="Tokens received, reasoning included.")
    total_tokens: Count | None = field(
        description="As reported; else the sum of what is known of prompt and completion."
    )
    cached_tokens: Count | None = field(description="The part of the prompt read from a cache.")
    cache_write_tokens: Count | None = field(description="The part of the prompt put into a cache.")
    reasoning_tokens: Count | None = field(
        description="The part of the completion spent reasoning."
    )
    source: FigureSource = field(description="Where the figures come from.")

    @classmethod
    def from_record(cls, record: records.Usage) -> Self:
        """Return the GraphQL object of a span's tokens."""
        return cls(
            prompt_tokens=to_count(record.prompt_tokens),
            completion_tokens=to_count(record.completion_tokens),
            total_tokens=to_count(record.count_total()),
            cached_tokens=to_count(record.cached_tokens),
            cache_write_tokens=to_count(record.cache_write_tokens),
            reasoning_tokens=to_count(record.reasoning_tokens),
            source=FigureSource(record.source),
        )


@strawberry.type(
    description="What a run adds up to now. Tokens and cost are those of all spans but AGENT "
    "spans, which by convention repeat the sum of the calls within them. Those of a replay are the "
    "recorded ones, also where nothing was paid: `billedUsd` and `usage` have what was."
)
class Totals:
    """See the description, which is public."""

    load_billed: Private[LoadPico]
    spans: int = field(description="How many spans it has.")
    llm_calls: int = field(description="How many of them are LLM_CALL.")
    tool_calls: int = field(description="How many of them are TOOL_CALL.")
    decisions: int = field(description="How many of them are DECISION.")
    retrievals: int = field(description="How many of them are RETRIEVAL.")
    agents: int = field(description="How many of them are AGENT.")
    errors: int = field(description="How many of them have the status ERROR.")
    prompt_tokens: Count | None = field(description="Tokens sent; null: none is known.")
    completion_tokens: Count | None = field(description="Tokens received; null: none is known.")
    cached_tokens: Count | None = field(
        description="Tokens read from a cache; null: none is known."
    )
    total_tokens: Count | None = field(description="Tokens in all; null: none is known.")
    tokens_estimated: bool = field(
        description="Whether the usage of at least one of the spans is an estimate."
    )
    cost_usd: Decimal | None = field(description="The exact sum in USD; null: none is known.")

    @resolver(
        "The part of it that was paid, in USD: without what a replay served from its recording. "
        "Null: no cost is known."
    )
    async def billed_usd(self, info: Info) -> Decimal | None:
        """See the description, which is public."""
        return to_usd(await self.load_billed(info))

    @classmethod
    def from_record(cls, record: records.Totals, load_billed: LoadPico) -> Self:
        """Return the GraphQL object of a run's sums; `load_billed` gives what was paid."""
        return cls(
            load_billed=load_billed,
            spans=record.spans,
            llm_calls=record.llm_calls,
            tool_calls=record.tool_calls,
            decisions=record.decisions,
            retrievals=record.retrievals,
            agents=record.agents,
            errors=record.errors,
            prompt_tokens=to_count(record.prompt_tokens),
            completion_tokens=to_count(record.completion_tokens),
            cached_tokens=to_count(record.cached_tokens),
            total_tokens=to_count(record.total_tokens),
            tokens_estimated=record.tokens_estimated,
            cost_usd=to_usd(record.cost_pico),
        )


@strawberry.type(description="What the calls of one model in a run add up to.")
class ModelUsage:
    """See the description, which is public."""

    model: str = field(description="The model's name, as recorded.")
    calls: int = field(description="How many spans called it (AGENT spans are not counted).")
    prompt_tokens: Count | None = field(description="Tokens sent; null: none is known.")
    completion_tokens: Count | None = field(description="Tokens received; null: none is known.")
    total_tokens: Count | None = field(description="Tokens in all; null: none is known.")
    tokens_estimated: bool = field(
        description="Whether the usage of at least one of the spans is an estimate."
    )
    cost_usd: Decimal | None = field(description="The exact sum in USD; null: none is known.")

    @classmethod
    def from_record(cls, record: records.ModelUsage) -> Self:
        """Return the GraphQL object of a model's sums."""
        return cls(
            model=record.model,
            calls=record.calls,
            prompt_tokens=to_count(record.prompt_tokens),
            completion_tokens=to_count(record.completion_tokens),
            total_tokens=to_count(record.total_tokens),
            tokens_estimated=record.tokens_estimated,
            cost_usd=to_usd(record.cost_pico),
        )
