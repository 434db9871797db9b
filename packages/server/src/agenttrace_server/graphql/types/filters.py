"""Filters: from GraphQL's inputs to what the services take, with the limits of each text."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final, TypeVar

import strawberry
from strawberry import field

from agenttrace.wire.models import MAX_INT64
from agenttrace_server.errors import InvalidArgumentError
from agenttrace_server.graphql.context import Info
from agenttrace_server.graphql.types.enums import RunStatus, SpanStatus, SpanType
from agenttrace_server.graphql.types.scalars import Count, DateTime, Decimal
from agenttrace_server.money import parse_pico
from agenttrace_server.services.runs import (
    AttributeCondition,
    NumberRange,
    RunFilter,
    ScoreCondition,
    SpanCondition,
    SpanFilter,
)

T = TypeVar("T")

MAX_TEXT_CHARS: Final = 512
MAX_VALUES: Final = 100
"""Of one criterion: a list of more is a query of another kind."""
MAX_CONDITIONS: Final = 8
"""Attributes, scores or spans in one filter: each is a lookup for every run that is looked at."""
MAX_NESTED: Final = 3
"""Spans within spans that a condition may ask for."""

_NS_PER_MS: Final = 1_000_000
_MAX_MS: Final = 9e12
"""The store's integers end at 2^63 - 1 nanoseconds, a bit above; no run takes so long."""


@strawberry.input(description="From `min` to `max`, both included; an absent end is open.")
class FloatRange:
    """See the description, which is public."""

    min: float | None = field(default=None, description="The lowest value.")
    max: float | None = field(default=None, description="The highest value.")


@strawberry.input(description="From `min` to `max`, both included; an absent end is open.")
class DecimalRange:
    """See the description, which is public."""

    min: Decimal | None = field(default=None, description="The lowest value.")
    max: Decimal | None = field(default=None, description="The highest value.")


@strawberry.input(description="From `min` to `max`, both included; an absent end is open.")
class CountRange:
    """See the description, which is public."""

    min: Count | None = field(default=None, description="The lowest number.")
    max: Count | None = field(default=None, description="The highest number.")


@strawberry.input(description="An attribute: that it is there, or which values it may have.")
class AttributeFilter:
    """See the description, which is public."""

    key: str = field(description="The attribute's whole name; at most 512 characters.")
    value: list[str] | None = field(
        default=None,
        description="Any of these, as text: a number or `true` as JSON writes it, any one item of "
        "a list. At most 100, of at most 256 characters: longer values are not found.",
    )
    exists: bool | None = field(
        default=None,
        description="Whether it is there at all; true when absent. Not with `value` when false.",
    )


@strawberry.input(description="An annotation of the run, or of a span of it.")
class ScoreFilter:
    """See the description, which is public."""

    name: str = field(description="The annotation's whole name; at most 512 characters.")
    score: FloatRange | None = field(
        default=None, description="Its score, in the annotator's own measure."
    )
    label: list[str] | None = field(default=None, description="Any of these labels; at most 100.")


@strawberry.input(
    name="SpanCondition",
    description="A span that the run has: all criteria given must hold, and of a list any one "
    "value. A TOOL_CALL that failed below an LLM_CALL: "
    "`{type: [TOOL_CALL], status: [ERROR], below: {type: [LLM_CALL]}}`.",
)
class SpanConditionInput:
    """See the description, which is public."""

    type: list[SpanType] | None = field(default=None, description="Its kind.")
    status: list[SpanStatus] | None = field(
        default=None,
        description="Its status as it is shown: INTERRUPTED also when its run was given up.",
    )
    name: list[str] | None = field(default=None, description="Its whole name.")
    model: list[str] | None = field(default=None, description="The model that it called.")
    has_error: bool | None = field(default=None, description="Whether its status is ERROR.")
    below: SpanConditionInput | None = field(
        default=None,
        description="A span that it is within, at any distance; at most three within each other.",
    )


@strawberry.input(
    name="SpanFilter",
    description="Which spans of a run: all criteria given must hold, and of a list any one value. "
    "Lists have at most 100 values, texts at most 512 characters.",
)
class SpanFilterInput:
    """See the description, which is public."""

    type: list[SpanType] | None = field(default=None, description="Its kind.")
    status: list[SpanStatus] | None = field(
        default=None,
        description="Its status as it is shown: INTERRUPTED also when its run was given up.",
    )
    name: list[str] | None = field(default=None, description="Its whole name.")
    model: list[str] | None = field(default=None, description="The model that it called.")
    has_error: bool | None = field(default=None, description="Whether its status is ERROR.")
    text: str | None = field(
        default=None,
        description="Part of its name, model or span id; case of ASCII letters is ignored.",
    )
    cost_usd: DecimalRange | None = field(default=None, description="Its known cost in USD.")
    duration_ms: FloatRange | None = field(
        default=None, description="Its duration in milliseconds, once it has ended."
    )
    total_tokens: CountRange | None = field(
        default=None, description="Its known tokens in all, a number."
    )
    started_after: DateTime | None = field(default=None, description="It started then or later.")
    started_before: DateTime | None = field(default=None, description="It started before then.")
    attributes: list[AttributeFilter] | None = field(
        default=None, description="Its attributes: each of these must hold; at most 8."
    )


def read_span_filter(given: SpanFilterInput | None) -> SpanFilter:
    """Return the service's filter for an input.

    Raises:
        InvalidArgumentError: a text or a list is over its limit, or cannot be in any span.

    """
    if given is None:
        return SpanFilter()
    condition = SpanCondition(
        types=read_choices(given.type, "type"),
        statuses=read_choices(given.status, "status"),
        names=read_texts(given.name, "name"),
        models=read_texts(given.model, "model"),
        has_error=given.has_error,
    )
    return SpanFilter(
        condition=condition,
        text=_read_text(given.text),
        cost_pico=read_cost(given.cost_usd),
        duration_ns=read_duration(given.duration_ms),
        total_tokens=read_count(given.total_tokens),
        started_from_ns=given.started_after,
        started_before_ns=given.started_before,
        attributes=read_attributes(given.attributes),
    )


@strawberry.input(
    name="RunFilter",
    description="Which runs: all criteria given must hold, and of a list of values any one. Lists "
    "have at most 100 values, texts at most 512 characters.",
)
class RunFilterInput:
    """See the description, which is public."""

    status: list[RunStatus] | None = field(default=None, description="Its status.")
    name: list[str] | None = field(default=None, description="Its whole name.")
    correlation_id: list[str] | None = field(default=None, description="Its correlation id.")
    tags: list[str] | None = field(
        default=None, description="One of its tags, recorded or added by people."
    )
    type: list[SpanType] | None = field(
        default=None, description="A kind of which it has at least one span."
    )
    model: list[str] | None = field(default=None, description="A model that it called.")
    text: str | None = field(
        default=None,
        description="Part of its name, correlation id or run id; case of ASCII letters is ignored. "
        "To look into what was said, use `search`.",
    )
    has_error: bool | None = field(
        default=None, description="Whether it, or a span of it, has the status ERROR."
    )
    cost_usd: DecimalRange | None = field(default=None, description="Its known cost in USD.")
    total_tokens: CountRange | None = field(
        default=None, description="Its known tokens in all, a number."
    )
    duration_ms: FloatRange | None = field(
        default=None, description="Its duration in milliseconds, once it has ended."
    )
    started_after: DateTime | None = field(default=None, description="It started then or later.")
    started_before: DateTime | None = field(default=None, description="It started before then.")
    attributes: list[AttributeFilter] | None = field(
        default=None, description="Its attributes: each of these must hold; at most 8."
    )
    scores: list[ScoreFilter] | None = field(
        default=None, description="Its annotations: each of these must hold; at most 8."
    )
    spans: list[SpanConditionInput] | None = field(
        default=None, description="Its spans: for each of these it must have one; at most 8."
    )


def read_filter(info: Info, given: RunFilterInput | None) -> RunFilter:
    """Return the service's filter for an input, of the project that the request is about.

    Raises:
        InvalidArgumentError: a text or a list is over its limit, or cannot be in any run.

    """
    project_id = info.context.actor.principal.project_id
    if given is None:
        return RunFilter(project_id)
    return RunFilter(
        project_id,
        statuses=read_choices(given.status, "status"),
        names=read_texts(given.name, "name"),
        correlation_ids=read_texts(given.correlation_id, "correlationId"),
        tags=read_texts(given.tags, "tags"),
        types=read_choices(given.type, "type"),
        models=read_texts(given.model, "model"),
        text=_read_text(given.text),
        has_error=given.has_error,
        cost_pico=read_cost(given.cost_usd),
        duration_ns=read_duration(given.duration_ms),
        total_tokens=read_count(given.total_tokens),
        started_from_ns=given.started_after,
        started_before_ns=given.started_before,
        attributes=read_attributes(given.attributes),
        scores=tuple(_read_score(score) for score in _check_number(given.scores, "scores")),
        spans=tuple(_read_condition(span) for span in _check_number(given.spans, "spans")),
    )


def _read_text(given: str | None) -> str | None:
    """Return what is looked for; blanks around it are none of it, and alone say nothing."""
    text = (given or "").strip()
    return check_text(text, "text") if text else None


def read_attributes(given: list[AttributeFilter] | None) -> tuple[AttributeCondition, ...]:
    """Return the conditions on attributes for an input.

    Raises:
        InvalidArgumentError: a text or a list is over its limit, or a condition contradicts itself.

    """
    return tuple(_read_attribute(part) for part in _check_number(given, "attributes"))


def _read_attribute(given: AttributeFilter) -> AttributeCondition:
    values = read_texts(given.value, "attributes.value")
    exists = given.exists is not False
    if values is not None and not exists:
        raise InvalidArgumentError(
            "attributes: give value, or exists: false, not both: what is absent has no value"
        )
    return AttributeCondition(check_text(given.key, "attributes.key"), values, exists)


def _read_score(given: ScoreFilter) -> ScoreCondition:
    score = given.score or FloatRange()
    labels = read_texts(given.label, "scores.label")
    return ScoreCondition(check_text(given.name, "scores.name"), score.min, score.max, labels)


def _read_condition(given: SpanConditionInput, *, nested: int = 1) -> SpanCondition:
    if nested > MAX_NESTED:
        raise InvalidArgumentError(
            f"spans: at most {MAX_NESTED} conditions within each other by below"
        )
    below = given.below
    return SpanCondition(
        types=read_choices(given.type, "spans.type"),
        statuses=read_choices(given.status, "spans.status"),
        names=read_texts(given.name, "spans.name"),
        models=read_texts(given.model, "spans.model"),
        has_error=given.has_error,
        below=None if below is None else _read_condition(below, nested=nested + 1),
    )


def check_text(text: str, name: str) -> str:
    """Return the text if a filter may have it.

    Raises:
        InvalidArgumentError: it is too long, or no database could have it.

    """
    if len(text) > MAX_TEXT_CHARS:
        raise InvalidArgumentError(
            f"{name} has {len(text)} characters; at most {MAX_TEXT_CHARS} are looked for"
        )
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in text):
        raise InvalidArgumentError(f"{name} has U+0000 or half of a surrogate pair: no text has")
    return text


def read_texts(values: list[str] | None, name: str) -> tuple[str, ...] | None:
    """Return the texts that a criterion may have; None when it was not given.

    Raises:
        InvalidArgumentError: they are too many, or one is no text to look for.

    """
    if values is None:
        return None
    if len(values) > MAX_VALUES:
        raise InvalidArgumentError(f"{name} has {len(values)} values; at most {MAX_VALUES}")
    return tuple(dict.fromkeys(check_text(value, name) for value in values))


def read_choices(values: Sequence[Enum] | None, name: str) -> tuple[str, ...] | None:
    """Return the values that an enumeration's members have in the store.

    Raises:
        InvalidArgumentError: they are too many.

    """
    return None if values is None else read_texts([str(v.value) for v in values], name)


def read_cost(given: DecimalRange | None) -> NumberRange | None:
    """Return a range of USD as one of pico-dollars."""
    if given is None:
        return None
    low, high = (None if usd is None else parse_pico(usd) for usd in (given.min, given.max))
    return NumberRange(low, high)


def read_duration(given: FloatRange | None) -> NumberRange | None:
    """Return a range of milliseconds as one of nanoseconds."""
    if given is None:
        return None
    return NumberRange(_read_ms(given.min), _read_ms(given.max))


def read_count(given: CountRange | None) -> NumberRange | None:
    """Return a range of numbers that the store can compare with."""
    if given is None:
        return None
    low, high = (
        None if number is None else max(-1, min(number, MAX_INT64))
        for number in (given.min, given.max)
    )
    return NumberRange(low, high)


def _read_ms(value: float | None) -> int | None:
    # Rounded: a duration is shown as a float of milliseconds, and finds its run as that.
    return None if value is None else round(max(-1.0, min(value, _MAX_MS)) * _NS_PER_MS)


def _check_number(given: list[T] | None, name: str) -> list[T]:
    if given is not None and len(given) > MAX_CONDITIONS:
        raise InvalidArgumentError(
            f"{name} has {len(given)} conditions; at most {MAX_CONDITIONS} in one filter"
        )
    return given or []
