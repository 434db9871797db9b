"""The figures of one span, as far as they are known."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from agenttrace.diff.metrics import Metrics
from agenttrace.trace.totals import count_tokens

if TYPE_CHECKING:
    from agenttrace.trace.records import RecordedSpan

_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
_NS_PER_S: Final = 1_000_000_000
_MAX_S: Final = 1e9


def read_metrics(span: RecordedSpan) -> Metrics:
    """Return the figures of a span; None is unknown."""
    usage = span.usage
    cost = None if span.cost is None else Decimal(span.cost.usd)
    if usage is None:
        return Metrics(span.duration_ns, _read_first_chunk(span), cost_usd=cost)
    return Metrics(
        duration_ns=span.duration_ns,
        first_chunk_ns=_read_first_chunk(span),
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        total_tokens=count_tokens(usage),
        cost_usd=cost,
    )


def _read_first_chunk(span: RecordedSpan) -> int | None:
    if span.attributes is None:
        return None
    value = span.attributes.get(_FIRST_CHUNK)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MAX_S:
        return None
    return round(value * _NS_PER_S)
