"""What a list of runs, or of spans, may be narrowed to. Plain values: no SQL, no GraphQL.

Every criterion that is given must hold. A tuple means any of its values, but for conditions
(`attributes`, `scores`, `spans`), each of which must hold. None is no criterion.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_VALUE_CHARS = 256
"""Of an attribute's value: a longer one is not kept to be looked for."""


@dataclass(frozen=True, slots=True)
class NumberRange:
    """From `low` to `high`, both included; None is open. A figure that is unknown is outside."""

    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class AttributeCondition:
    """An attribute of a run: that it is there (or not), or that it has one of the values."""

    key: str
    values: tuple[str, ...] | None = None
    exists: bool = True


@dataclass(frozen=True, slots=True)
class ScoreCondition:
    """An annotation of a run or of a span of it."""

    name: str
    low: float | None = None
    high: float | None = None
    labels: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class SpanCondition:
    """A span of a run; `below` is a span that it is within, at any distance."""

    types: tuple[str, ...] | None = None
    statuses: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    has_error: bool | None = None
    below: SpanCondition | None = None


@dataclass(frozen=True, slots=True)
class SpanFilter:
    """Which spans of a run to list."""

    condition: SpanCondition = SpanCondition()
    """Its `below` is not for a list: it has no meaning here."""
    text: str | None = None
    duration_ns: NumberRange | None = None
    total_tokens: NumberRange | None = None


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs to list."""

    statuses: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None
    correlation_ids: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    types: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    text: str | None = None
    has_error: bool | None = None
    cost_pico: NumberRange | None = None
    duration_ns: NumberRange | None = None
    total_tokens: NumberRange | None = None
    started_from_ns: int | None = None
    started_before_ns: int | None = None
    attributes: tuple[AttributeCondition, ...] = ()
    scores: tuple[ScoreCondition, ...] = ()
    spans: tuple[SpanCondition, ...] = ()
