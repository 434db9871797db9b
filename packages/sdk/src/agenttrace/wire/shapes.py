"""The shapes that a line of NDJSON must have, as pydantic models: they say what is wrong where.

Payloads and flat objects are JSON text here, byte for byte as they came (`…_json`).
"""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from agenttrace.wire import (  # noqa: TC001 -- pydantic reads the annotations
    Effect,
    Fidelity,
    Outcome,
    RunStatus,
    SpanStatus,
    SpanType,
)
from agenttrace.wire.models import (
    MAX_ATTRIBUTES,
    MAX_COST_DECIMALS,
    MAX_COST_USD,
    MAX_DROP_REASONS,
    MAX_INT64,
    MAX_LINKS,
    MAX_MRO,
    MAX_TAGS,
    is_plain_cost,
)


def _refuse_zero(digits: str) -> str:
    if not digits.strip("0"):
        raise ValueError("must not be all zero")
    return digits


def _refuse_nul(value: str) -> str:
    if "\x00" in value:
        raise ValueError("must not contain U+0000")
    return value


def _check_cost(value: str) -> str:
    if not is_plain_cost(value):
        raise ValueError(
            f"must be a plain decimal number as text, such as '0.0123', from 0 to {MAX_COST_USD} "
            f"US dollars with at most {MAX_COST_DECIMALS} decimals"
        )
    return value


def _check_times(start_ns: int, end_ns: int | None) -> None:
    if end_ns is not None and end_ns < start_ns:
        raise ValueError("end_ns must not be before start_ns")


Name: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=512), AfterValidator(_refuse_nul)
]
Tag: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=256), AfterValidator(_refuse_nul)
]
CorrelationId: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=128), AfterValidator(_refuse_nul)
]
RunId: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{32}$"), AfterValidator(_refuse_zero)
]
SpanId: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-f]{16}$"), AfterValidator(_refuse_zero)
]
Sha256Hex: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Nanoseconds: TypeAlias = Annotated[int, Field(ge=0, le=MAX_INT64)]
Counter: TypeAlias = Annotated[int, Field(ge=0, le=2**53 - 1)]
Tokens: TypeAlias = Annotated[int, Field(ge=0, le=2**31 - 1)]
Drops: TypeAlias = Annotated[
    dict[
        Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_refuse_nul)],
        Annotated[int, Field(ge=1, le=2**53 - 1)],
    ],
    Field(max_length=MAX_DROP_REASONS),
]
FlatValue: TypeAlias = str | int | float | bool | None
FlatObject: TypeAlias = Annotated[
    dict[Annotated[str, AfterValidator(_refuse_nul)], FlatValue | list[FlatValue]],
    Field(max_length=MAX_ATTRIBUTES),
]
CostUsd: TypeAlias = Annotated[str, AfterValidator(_check_cost)]


class _Shape(BaseModel):
    # Unknown fields are ignored: a newer recorder may say more than this version knows.
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class PayloadShape(_Shape):
    """A captured value. `…_json` fields hold JSON text, byte for byte as it came."""

    value_json: str
    types_json: str | None = None
    codec: Annotated[
        str, StringConstraints(min_length=1, max_length=64), AfterValidator(_refuse_nul)
    ]
    fidelity: Annotated[Fidelity, Field(strict=False)]
    bytes: Counter | None = None
    sha256: Sha256Hex | None = None


class ErrorShape(_Shape):
    """An exception as the wire carries it. `…_json` fields hold payloads as they came."""

    type: Annotated[str, StringConstraints(min_length=1, max_length=512)]
    message: str
    traceback: str | None = None
    cause: ErrorShape | None = None
    cause_is_context: bool = False
    context: ErrorShape | None = None
    context_is_cause: bool | None = None
    suppress_context: bool | None = None
    notes: list[str] = []
    module: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = None
    qualname: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = None
    # Not by its own name, which every class has.
    bases: Annotated[list[str] | None, Field(max_length=MAX_MRO, alias="mro")] = None
    args_json: str | None = None
    attributes_json: str | None = None


class UsageShape(_Shape):
    """Tokens of a model call; None is unknown."""

    prompt_tokens: Tokens | None = None
    completion_tokens: Tokens | None = None
    total_tokens: Tokens | None = None
    cached_tokens: Tokens | None = None
    cache_write_tokens: Tokens | None = None
    reasoning_tokens: Tokens | None = None
    source: Literal["reported", "estimated"]


class CostShape(_Shape):
    """Money as decimal text in US dollars."""

    usd: CostUsd
    source: Literal["reported", "price_table", "rates"]
    table: Name | None = None


class LinkShape(_Shape):
    """Another run, or a span of one."""

    run_id: RunId
    span_id: SpanId | None = None
    attributes: FlatObject | None = None


Links: TypeAlias = Annotated[list[LinkShape], Field(max_length=MAX_LINKS)]


class RunShape(_Shape):
    """A snapshot of a run. `…_json` fields hold JSON text as it came."""

    type: Literal["run"]
    run_id: RunId
    rev: Counter
    name: Name
    status: Annotated[RunStatus, Field(strict=False)]
    start_ns: Nanoseconds
    correlation_id: CorrelationId | None = None
    end_ns: Nanoseconds | None = None
    duration_ns: Nanoseconds | None = None
    input: PayloadShape | None = None
    output: PayloadShape | None = None
    error: ErrorShape | None = None
    tags: Annotated[list[Tag], Field(max_length=MAX_TAGS)] | None = None
    attributes_json: str | None = None
    resource_json: str | None = None
    links: Links | None = None
    end_seq: Counter | None = None
    complete: bool | None = None
    dropped: Drops | None = None
    replayed_from: RunId | None = None
    forked_at: Counter | None = None

    @model_validator(mode="after")
    def _check_end(self) -> Self:
        _check_times(self.start_ns, self.end_ns)
        return self


class SpanShape(_Shape):
    """A snapshot of a span. `…_json` fields hold JSON text as it came."""

    type: Literal["span"]
    run_id: RunId
    span_id: SpanId
    rev: Counter
    name: Name
    span_type: Annotated[SpanType, Field(strict=False)]
    status: Annotated[SpanStatus, Field(strict=False)]
    start_ns: Nanoseconds
    seq: Counter
    lane: Counter
    effect: Annotated[Effect, Field(strict=False)]
    parent_span_id: SpanId | None = None
    end_ns: Nanoseconds | None = None
    duration_ns: Nanoseconds | None = None
    end_seq: Counter | None = None
    outcome: Annotated[Outcome, Field(strict=False)] | None = None
    input: PayloadShape | None = None
    output: PayloadShape | None = None
    error: ErrorShape | None = None
    model: Name | None = None
    usage: UsageShape | None = None
    cost: CostShape | None = None
    attributes_json: str | None = None
    replay_key: Name | None = None
    input_hash: Sha256Hex | None = None
    hash_version: Counter | None = None
    fn_hash: Sha256Hex | None = None
    links: Links | None = None
    boundary: bool | None = None

    @model_validator(mode="after")
    def _check_end(self) -> Self:
        _check_times(self.start_ns, self.end_ns)
        return self


class EventShape(_Shape):
    """An event. Without `span_id` it belongs to the run itself."""

    type: Literal["event"]
    run_id: RunId
    seq: Counter
    t_ns: Nanoseconds
    name: Name
    span_id: SpanId | None = None
    offset_ns: Nanoseconds | None = None
    body: PayloadShape | None = None
