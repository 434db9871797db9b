"""What a list of runs, or of spans, may be narrowed to. Plain values: no SQL, no GraphQL.

Every criterion that is given must hold. A tuple means any of its values, but for conditions
(`attributes`, `scores`, `spans`), each of which must hold. None is no criterion.
"""

from __future__ import annotations

from dataclasses import dataclass

from agenttrace.wire.models import MAX_INT64

MAX_VALUE_CHARS = 256
"""Of an attribute's value: a longer one is not kept to be looked for."""


@dataclass(frozen=True, slots=True)
class NumberRange:
    """From `low` to `high`, both included; None is open. A figure that is unknown is outside."""

    low: int | None = None
    high: int | None = None

    @property
    def leaves_out(self) -> bool:
        """Tell whether any known figure is outside."""
        return (self.low or 0) > 0 or self.high is not None


@dataclass(frozen=True, slots=True)
class AttributeCondition:
    """An attribute of a run or a span: that it is there (or not), or has one of the values."""

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
    cost_pico: NumberRange | None = None
    duration_ns: NumberRange | None = None
    total_tokens: NumberRange | None = None
    started_from_ns: int | None = None
    started_before_ns: int | None = None
    attributes: tuple[AttributeCondition, ...] = ()


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs to list, of one project."""

    project_id: str
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

    def leaves_out(self) -> bool:
        """Tell whether it has a criterion that says something: not an open range, not `{}`.

        Deletion asks: whoever names no runs must not lose all of them.
        """
        plain = (self.statuses, self.names, self.correlation_ids, self.tags, self.types)
        ranges = (self.cost_pico, self.duration_ns, self.total_tokens)
        return (
            any(part is not None for part in (*plain, self.models, self.has_error))
            or bool(self.text or self.attributes or self.scores)
            or any(part is not None and part.leaves_out for part in ranges)
            or (self.started_from_ns or 0) > 0
            or (self.started_before_ns or MAX_INT64) < MAX_INT64
            or any(_says_something(span) for span in self.spans)
        )


def _says_something(span: SpanCondition) -> bool:
    parts = (span.types, span.statuses, span.names, span.models, span.has_error)
    if any(part is not None for part in parts):
        return True
    return span.below is not None and _says_something(span.below)
