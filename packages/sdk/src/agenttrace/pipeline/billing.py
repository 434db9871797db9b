"""Tokens and money of a span that ended, from what its answer reported. Runs on worker threads."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from agenttrace import semconv
from agenttrace.attributes import MAX_ATTRIBUTES, clean_name
from agenttrace.usage import ESTIMATE_METHOD, compute_cost, write_money
from agenttrace.usage.prices import PriceQuery
from agenttrace.usage.tables import make_price_book
from agenttrace.wire import CostRecord, SpanType, UsageRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.span import Span
    from agenttrace.usage import Report


def add_usage(
    span: Span,
    record: dict[str, Any],
    attributes: dict[str, Any],
    *,
    estimate: Callable[[Span], UsageRecord | None],
) -> None:
    """Put `usage`, `cost` and what the answer says of itself into a span's record.

    An answer that a model call within this one has billed already is not billed again: only what
    the user gave counts then. Nor is anything estimated around a call that reported its tokens.
    """
    report = span.report
    if report is not None:
        _describe(report, span.model, attributes)
    usage = span.usage
    if usage is None and report is not None:
        usage = report.usage()
        if usage is not None and _is_billed_within(span, report):
            attributes[semconv.USAGE_BILLED_WITHIN] = True
            usage = report = None
    if usage is None and _may_estimate(span):
        usage = estimate(span)
        if usage is not None:
            attributes[semconv.TOKEN_ESTIMATE_METHOD] = ESTIMATE_METHOD
    if usage is not None:
        record["usage"] = usage
    cost = _find_cost(span, usage, report, attributes)
    if cost is not None:
        record["cost"] = cost


def _is_billed_within(span: Span, report: Report) -> bool:
    if not span.covered:
        return False
    # One without an id, such as `{"text": …, "usage": answer.usage}`, is told by its figures.
    names = report.names() if report.response_id is None else {report.response_id}
    return not span.covered.isdisjoint(names - {None})


def _may_estimate(span: Span) -> bool:
    is_over = span.outcome is not None and span.error is None
    return span.spec.rates is not None and is_over and not span.covered


def _find_cost(
    span: Span, usage: UsageRecord | None, report: Report | None, attributes: dict[str, Any]
) -> CostRecord | None:
    """Return the first that is known: given or reported, by the call's rates, by a price table."""
    if span.cost is not None:
        return span.cost or None
    if report is not None and report.cost is not None:
        reported = write_money(Decimal(str(report.cost)))
        if reported is not None:
            return {"usd": reported, "source": "reported"}
    if usage is None or span.spec.span_type is not SpanType.LLM_CALL:
        return None
    if span.spec.rates is not None:
        product = compute_cost(usage, span.spec.rates)
        return None if product is None else {"usd": product, "source": "rates"}
    return _look_up(span, usage, report, attributes)


def _look_up(
    span: Span, usage: UsageRecord, report: Report | None, attributes: dict[str, Any]
) -> CostRecord | None:
    with span.run.recorder.boundary("price"):  # a price is not worth a record
        return _ask(span, usage, report, attributes)
    return None


def _ask(
    span: Span, usage: UsageRecord, report: Report | None, attributes: dict[str, Any]
) -> CostRecord | None:
    answered = None if report is None else report.model
    recorder = span.run.recorder
    book = recorder.price_book
    if book is None:
        book = recorder.price_book = make_price_book(
            recorder.settings.prices, recorder.list_price_tables, guard=recorder.guard
        )
    provider = attributes.get(semconv.PROVIDER_NAME)
    for model in dict.fromkeys((answered, span.model)):  # the answer's name is the more exact one
        if model is not None:
            query = PriceQuery(
                provider=provider if isinstance(provider, str) else None,
                model=model,
                usage=usage,
                at_ns=span.start_ns,
                details={} if report is None else report.details(),
            )
            cost = book.find_cost(query)
            if cost is not None:
                return cost
    return None


def _describe(report: Report, model: str | None, attributes: dict[str, Any]) -> None:
    """Add what the answer says of itself, as far as there is room; the user's own words stay."""
    found: dict[str, str | int | None] = {
        semconv.PROVIDER_NAME: report.provider(),
        semconv.RESPONSE_ID: report.response_id if report.counts else None,
        semconv.RESPONSE_MODEL: None if report.model == model else report.model,
    }
    found |= {semconv.USAGE_DETAIL + name: detail for name, detail in report.details().items()}
    for name, value in found.items():
        if value is not None and len(attributes) < MAX_ATTRIBUTES - 2:
            attributes.setdefault(name, clean_name(value) if isinstance(value, str) else value)
