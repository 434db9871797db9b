"""What a comparison measures: the figures of one span, of a row, and of all spans of a group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Metrics:
    """The figures of a span or a run. None is unknown, which is not 0.

    `first_chunk_ns` is the time to the first chunk of a stream. `cost_usd` is exact.
    """

    duration_ns: int | None = None
    first_chunk_ns: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    total_tokens: int | None = None
    cost_usd: Decimal | None = None


METRIC_NAMES: Final = tuple(Metrics.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class MetricDelta:
    """One figure on both sides. `change` is None unless both are known."""

    base: int | Decimal | None
    head: int | Decimal | None

    @property
    def change(self) -> int | Decimal | None:
        """Head less base."""
        if self.base is None or self.head is None:
            return None
        return self.head - self.base

    @property
    def percent(self) -> float | None:
        """The change in percent of base; None also where base is 0."""
        change = self.change
        return None if change is None or not self.base else float(change / self.base * 100)


@dataclass(frozen=True, slots=True)
class MetricDeltas:
    """The figures of a row; a side without a span is None."""

    base: Metrics | None
    head: Metrics | None

    def get(self, name: str) -> MetricDelta:
        """Return one figure, by a name of METRIC_NAMES."""
        base, head = self.base, self.head
        return MetricDelta(
            None if base is None else getattr(base, name),
            None if head is None else getattr(head, name),
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """What spans add up to. None: no span says it; `known` counts those that say each figure.

    Of tokens and cost each amount counts once: not in the spans around those that already say it.
    `sum_ns` adds durations; `wall_ns` is the time in which at least one of them ran; `self_ns`
    leaves out what ran within them. `retries` are attempts after the first.
    """

    spans: int
    calls: int
    errors: int
    retries: int
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None
    reasoning_tokens: int | None
    total_tokens: int | None
    cost_usd: Decimal | None
    first_chunk_ns: int | None
    sum_ns: int | None
    wall_ns: int | None
    self_ns: int | None
    critical_ns: int | None
    usage_known: int
    cost_known: int
    durations_known: int


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One group of spans on both sides. `by` says what `key` is; a side without any is all 0."""

    by: Literal["total", "type", "name", "model"]
    key: str
    base: Figures
    head: Figures

    def get(self, name: str) -> MetricDelta:
        """Return one figure, by the name of a field of `Figures`."""
        return MetricDelta(getattr(self.base, name), getattr(self.head, name))


@dataclass(frozen=True, slots=True)
class Aggregates:
    """The totals of both runs, and the same by type, by name and by model, each sorted by key."""

    total: Aggregate
    by_type: tuple[Aggregate, ...]
    by_name: tuple[Aggregate, ...]
    by_model: tuple[Aggregate, ...]
