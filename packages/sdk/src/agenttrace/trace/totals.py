"""What a run adds up to. The names are those of GraphQL's `Totals` and `ModelUsage`."""

from __future__ import annotations

from copy import copy
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.semconv import REPLAY_BILLED_USD
from agenttrace.wire import SpanStatus, SpanType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agenttrace.trace.records import RecordedSpan, RecordedUsage

# A cost has up to 7 digits and 40 decimals; 10^30 of them fit without rounding.
_EXACT: Final = Context(prec=80)


class Totals(NamedTuple):
    """Counts of spans, and sums over all but AGENT spans, which repeat those within them.

    None: no span says it. `cost_usd` is exact; `billed_usd` is the part of it that was paid,
    without what a replay served from its recording.
    """

    spans: int
    llm_calls: int
    tool_calls: int
    errors: int
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None
    total_tokens: int | None
    tokens_estimated: bool
    cost_usd: Decimal | None
    billed_usd: Decimal | None


class ModelUsage(NamedTuple):
    """What the calls of one model add up to; None: no call says it."""

    model: str
    calls: int
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    tokens_estimated: bool
    cost_usd: Decimal | None


class _Sums:
    """Sums of tokens and cost that know whether anything was added."""

    __slots__ = (
        "billed",
        "cached",
        "calls",
        "completion",
        "cost",
        "is_estimated",
        "prompt",
        "total",
    )

    def __init__(self) -> None:
        self.calls = 0
        self.prompt: int | None = None
        self.completion: int | None = None
        self.cached: int | None = None
        self.total: int | None = None
        self.cost: Decimal | None = None
        self.billed = Decimal(0)
        self.is_estimated = False

    def add(self, span: RecordedSpan) -> None:
        self.calls += 1
        if span.cost is not None:
            cost = Decimal(span.cost.usd)
            self.cost = _EXACT.add(self.cost or Decimal(0), cost)
            if is_billed(span):
                self.billed = _EXACT.add(self.billed, cost)
        usage = span.usage
        if usage is not None:
            self.prompt = _add(self.prompt, usage.prompt_tokens)
            self.completion = _add(self.completion, usage.completion_tokens)
            self.cached = _add(self.cached, usage.cached_tokens)
            self.total = _add(self.total, count_tokens(usage))
            self.is_estimated = self.is_estimated or usage.source == "estimated"


class Tally:
    """Totals that grow as spans start and end. Whoever goes back in time keeps a `copy`."""

    __slots__ = ("_counts", "_errors", "_sums")

    def __init__(self) -> None:
        self._counts: dict[SpanType, int] = {}
        self._errors = 0
        self._sums = _Sums()

    def add_start(self, span: RecordedSpan) -> None:
        """Count a span."""
        self._counts[span.span_type] = self._counts.get(span.span_type, 0) + 1

    def add_end(self, span: RecordedSpan) -> None:
        """Add what a span used, and whether it failed."""
        self._errors += span.status is SpanStatus.ERROR
        if span.span_type is not SpanType.AGENT:
            self._sums.add(span)

    def copy(self) -> Tally:
        """Return one that grows by itself."""
        made = Tally()
        made._counts = dict(self._counts)
        made._errors = self._errors
        made._sums = copy(self._sums)
        return made

    def count_type(self, span_type: SpanType) -> int:
        """Return how many spans of a type have started."""
        return self._counts.get(span_type, 0)

    def add_up(self) -> Totals:
        """Return what it has come to."""
        sums = self._sums
        return Totals(
            spans=sum(self._counts.values()),
            llm_calls=self.count_type(SpanType.LLM_CALL),
            tool_calls=self.count_type(SpanType.TOOL_CALL),
            errors=self._errors,
            prompt_tokens=sums.prompt,
            completion_tokens=sums.completion,
            cached_tokens=sums.cached,
            total_tokens=sums.total,
            tokens_estimated=sums.is_estimated,
            cost_usd=sums.cost,
            billed_usd=None if sums.cost is None else sums.billed,
        )


def is_billed(span: RecordedSpan) -> bool:
    """Tell whether what a span cost was paid: a replay says where it was not."""
    return (span.attributes or {}).get(REPLAY_BILLED_USD) != "0"


def count_tokens(usage: RecordedUsage) -> int | None:
    """Return the tokens of a call in all; None when no figure is known."""
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    if usage.total_tokens is not None:
        return usage.total_tokens
    return None if prompt is completion is None else (prompt or 0) + (completion or 0)


def add_up(spans: Iterable[RecordedSpan]) -> Totals:
    """Return what these spans add up to."""
    tally = Tally()
    for span in spans:
        tally.add_start(span)
        tally.add_end(span)
    return tally.add_up()


def add_up_models(spans: Iterable[RecordedSpan]) -> list[ModelUsage]:
    """Return what the calls of each model add up to, dearest first, then by name."""
    by_model: dict[str, _Sums] = {}
    for span in spans:
        if span.model is not None and span.span_type is not SpanType.AGENT:
            by_model.setdefault(span.model, _Sums()).add(span)
    usages = [
        ModelUsage(
            model=model,
            calls=sums.calls,
            prompt_tokens=sums.prompt,
            completion_tokens=sums.completion,
            total_tokens=sums.total,
            tokens_estimated=sums.is_estimated,
            cost_usd=sums.cost,
        )
        for model, sums in by_model.items()
    ]
    return sorted(usages, key=lambda usage: (-(usage.cost_usd or Decimal(0)), usage.model))


def write_usd(amount: Decimal) -> str:
    """Return an amount as plain decimal text without trailing zeros."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _add(total: int | None, part: int | None) -> int | None:
    if part is None:
        return total
    return part if total is None else total + part
