"""What one run comes to: each figure once, and how much of it is known."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import TYPE_CHECKING, Final

from agenttrace.semconv import RETRY_ATTEMPT, TIME_TO_FIRST_CHUNK, USAGE_BILLED_WITHIN
from agenttrace.trace.totals import count_tokens
from agenttrace.wire import SpanStatus, SpanType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from agenttrace.trace.records import RecordedSpan
    from agenttrace.trace.run import RecordedRun
    from agenttrace.trace.tree import TreeNode

_NS_PER_MS: Final = 1_000_000
_MS_PER_S: Final = 1_000


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of a run. `unit` is `USD`, `tokens`, `ms` or `` for a count; `title` is for people.

    Less of each is better, but for those that are neutral: who makes fewer calls may have done
    the same with less, or have done less.
    """

    name: str
    unit: str
    title: str
    is_neutral: bool = False


METRICS: Final = (
    Metric("cost_usd", "USD", "cost"),
    Metric("total_tokens", "tokens", "tokens"),
    Metric("prompt_tokens", "tokens", "prompt tokens"),
    Metric("completion_tokens", "tokens", "completion tokens"),
    Metric("cached_tokens", "tokens", "cached tokens"),
    Metric("cache_write_tokens", "tokens", "cache write tokens"),
    Metric("reasoning_tokens", "tokens", "reasoning tokens"),
    Metric("duration_ms", "ms", "duration"),  # of the run, by its own clock
    Metric("wall_ms", "ms", "busy time"),  # in which at least one span ran
    Metric("span_sum_ms", "ms", "sum of steps"),  # of spans without spans within them
    Metric("first_chunk_ms", "ms", "time to first chunk"),  # the middle one of its streams
    Metric("spans", "", "spans", is_neutral=True),
    Metric("llm_calls", "", "model calls", is_neutral=True),
    Metric("tool_calls", "", "tool calls", is_neutral=True),
    Metric("errors", "", "errors"),
    Metric("retries", "", "retries"),  # attempts after the first
)
"""Every figure that runs are compared by, in the order in which they are shown."""

METRICS_BY_NAME: Final = {metric.name: metric for metric in METRICS}

_TOKENS: Final = (
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)


@dataclass(frozen=True, slots=True)
class Amounts:
    """What a span itself adds to its run: not what spans within it say already. None: unknown."""

    cost_usd: Decimal | None
    tokens: Mapping[str, int | None]


_NOTHING: Final = Amounts(None, dict.fromkeys((*_TOKENS, "total_tokens")))


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a run by the names of `METRICS`; None is unknown, which is not 0.

    `known` is, for cost and tokens, the share of model calls that say it; None without any call.
    """

    values: Mapping[str, float | None]
    known: Mapping[str, float | None]


def find_amounts(tree: Sequence[TreeNode]) -> list[Amounts]:
    """Return what each span of a tree in pre-order adds.

    An AGENT repeats the sum of the calls within it (as in `trace.totals`), and so may any span
    around a call: a span adds its cost only if no span within it has one, and so its tokens.
    """
    amounts = [_NOTHING] * len(tree)
    # By depth: whether a span of the subtree that was passed last, at that depth, says it.
    has_cost: list[bool] = []
    has_usage: list[bool] = []
    for index in range(len(tree) - 1, -1, -1):
        span, depth = tree[index].span, tree[index].depth
        while len(has_cost) <= depth + 1:
            has_cost.append(False)
            has_usage.append(False)
        cost_within, usage_within = has_cost[depth + 1], has_usage[depth + 1]
        has_cost[depth + 1] = has_usage[depth + 1] = False
        if span.span_type is not SpanType.AGENT:
            amounts[index] = _read_amounts(
                span, with_cost=not cost_within, with_usage=not usage_within
            )
            cost_within = cost_within or span.cost is not None
            usage_within = usage_within or span.usage is not None
        has_cost[depth] = has_cost[depth] or cost_within
        has_usage[depth] = has_usage[depth] or usage_within
    return amounts


def measure_figures(
    run: RecordedRun, tree: Sequence[TreeNode], amounts: Sequence[Amounts]
) -> Figures:
    """Return the figures of a run, given its tree and what each span adds."""
    spans = [node.span for node in tree]
    calls = [span for span in spans if span.span_type is SpanType.LLM_CALL]
    billed = [span for span in calls if not (span.attributes or {}).get(USAGE_BILLED_WITHIN)]
    values: dict[str, float | None] = {
        **sum_amounts(amounts),
        "duration_ms": None if run.duration_ns is None else run.duration_ns / _NS_PER_MS,
        "wall_ms": measure_wall_ms(spans),
        "span_sum_ms": _sum_leaves_ms(tree),
        "first_chunk_ms": _find_first_chunk_ms(spans),
        "spans": len(spans),
        "llm_calls": len(calls),
        "tool_calls": sum(span.span_type is SpanType.TOOL_CALL for span in spans),
        "errors": sum(span.status is SpanStatus.ERROR for span in spans),
        "retries": sum((_read_number(span, RETRY_ATTEMPT) or 1) > 1 for span in spans),
    }
    return Figures(values, _measure_known(billed))


def sum_amounts(amounts: Iterable[Amounts]) -> dict[str, float | None]:
    """Return the sums of what is known, by the names of metrics; None where nothing is."""
    cost: Decimal | None = None
    sums: dict[str, float | None] = dict.fromkeys(("cost_usd", "total_tokens", *_TOKENS))
    for each in amounts:
        if each.cost_usd is not None:
            cost = each.cost_usd if cost is None else cost + each.cost_usd
        for name, count in each.tokens.items():
            if count is not None:
                sums[name] = (sums[name] or 0) + count
    sums["cost_usd"] = None if cost is None else float(cost)
    return sums


def measure_wall_ms(spans: Iterable[RecordedSpan]) -> float | None:
    """Return the time in which at least one of the spans ran; None when no duration is known."""
    times = sorted(
        (span.start_ns, span.start_ns + span.duration_ns)
        for span in spans
        if span.duration_ns is not None
    )
    if not times:
        return None
    busy_ns, until_ns = 0, 0
    for start_ns, end_ns in times:
        busy_ns += max(0, end_ns - max(start_ns, until_ns))
        until_ns = max(until_ns, end_ns)
    return busy_ns / _NS_PER_MS


def _read_amounts(span: RecordedSpan, *, with_cost: bool, with_usage: bool) -> Amounts:
    usage = span.usage if with_usage else None
    cost = span.cost if with_cost else None
    if usage is None and cost is None:
        return _NOTHING
    tokens = dict(_NOTHING.tokens)
    if usage is not None:
        tokens = {name: getattr(usage, name) for name in _TOKENS}
        tokens["total_tokens"] = count_tokens(usage)
    return Amounts(None if cost is None else Decimal(cost.usd), tokens)


def _sum_leaves_ms(tree: Sequence[TreeNode]) -> float | None:
    """Return the sum of what ran without a span within it: what is deeper comes right after it."""
    leaves = [
        node.span.duration_ns
        for place, node in enumerate(tree)
        if node.span.duration_ns is not None
        and (place + 1 == len(tree) or tree[place + 1].depth <= node.depth)
    ]
    return sum(leaves) / _NS_PER_MS if leaves else None


def _find_first_chunk_ms(spans: Iterable[RecordedSpan]) -> float | None:
    found = [_read_number(span, TIME_TO_FIRST_CHUNK) for span in spans]
    waits_s = [each for each in found if each is not None]
    return median(waits_s) * _MS_PER_S if waits_s else None


def _read_number(span: RecordedSpan, name: str) -> float | None:
    value = (span.attributes or {}).get(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return None


def _measure_known(calls: Sequence[RecordedSpan]) -> dict[str, float | None]:
    """Return the share of calls that say their cost, and each kind of tokens."""
    names = ("cost_usd", "total_tokens", *_TOKENS)
    if not calls:
        return dict.fromkeys(names)
    known: dict[str, float | None] = {}
    for name in names:
        if name == "cost_usd":
            said = sum(span.cost is not None for span in calls)
        elif name == "total_tokens":
            said = sum(
                span.usage is not None and count_tokens(span.usage) is not None for span in calls
            )
        else:
            said = sum(getattr(span.usage, name, None) is not None for span in calls)
        known[name] = said / len(calls)
    return known
