"""What a run adds up to. The names are those of GraphQL's `Totals` and `ModelUsage`."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.wire import SpanStatus, SpanType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agenttrace.trace.records import RecordedSpan, RecordedUsage

# A cost has up to 7 digits and 40 decimals; 10^30 of them fit without rounding.
_EXACT: Final = Context(prec=80)


class Totals(NamedTuple):
    """Counts of spans, and sums over all but AGENT spans, which repeat those within them.

    None: no span says it. `cost_usd` is exact.
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

    __slots__ = ("cached", "calls", "completion", "cost", "is_estimated", "prompt", "total")

    def __init__(self) -> None:
        self.calls = 0
        self.prompt: int | None = None
        self.completion: int | None = None
        self.cached: int | None = None
        self.total: int | None = None
        self.cost: Decimal | None = None
        self.is_estimated = False

    def add(self, span: RecordedSpan) -> None:
        self.calls += 1
        if span.cost is not None:
            self.cost = _EXACT.add(self.cost or Decimal(0), Decimal(span.cost.usd))
        usage = span.usage
        if usage is not None:
            self.prompt = _add(self.prompt, usage.prompt_tokens)
            self.completion = _add(self.completion, usage.completion_tokens)
            self.cached = _add(self.cached, usage.cached_tokens)
            self.total = _add(self.total, count_tokens(usage))
            self.is_estimated = self.is_estimated or usage.source == "estimated"


def count_tokens(usage: RecordedUsage) -> int | None:
    """Return the tokens of a call in all; None when no figure is known."""
    prompt, completion = usage.prompt_tokens, usage.completion_tokens
    if usage.total_tokens is not None:
        return usage.total_tokens
    return None if prompt is completion is None else (prompt or 0) + (completion or 0)


def add_up(spans: Iterable[RecordedSpan]) -> Totals:
    """Return what these spans add up to."""
    sums = _Sums()
    types: list[SpanType] = []
    errors = 0
    for span in spans:
        types.append(span.span_type)
        errors += span.status is SpanStatus.ERROR
        if span.span_type is not SpanType.AGENT:
            sums.add(span)
    return Totals(
        spans=len(types),
        llm_calls=types.count(SpanType.LLM_CALL),
        tool_calls=types.count(SpanType.TOOL_CALL),
        errors=errors,
        prompt_tokens=sums.prompt,
        completion_tokens=sums.completion,
        cached_tokens=sums.cached,
        total_tokens=sums.total,
        tokens_estimated=sums.is_estimated,
        cost_usd=sums.cost,
    )


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
