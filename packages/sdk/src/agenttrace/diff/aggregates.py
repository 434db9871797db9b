"""What the spans of both runs add up to, in all and by type, name and model.

Each amount of tokens and cost is counted once: of a span around others that say some, such as an
agent that reports the sum of its calls, the own figure is left out. None is unknown and not 0.
"""

from __future__ import annotations

from decimal import Context, Decimal
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from agenttrace.diff.figures import read_metrics
from agenttrace.diff.metrics import Aggregate, Aggregates, Figures, Metrics
from agenttrace.wire import SpanStatus, SpanType

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agenttrace.diff.nodes import Tree

_EXACT: Final = Context(prec=80)
_SUMMED: Final = (
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "total_tokens",
)
_CALLS: Final = frozenset({SpanType.LLM_CALL, SpanType.TOOL_CALL, SpanType.RETRIEVAL})
_RETRY: Final = "agenttrace.retry.attempt"
_BILLED_WITHIN: Final = "agenttrace.usage.billed_within"

_By: TypeAlias = Literal["type", "name", "model"]


class RunFigures:
    """The spans of a run with their own share of each figure."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._metrics = [Metrics(), *(read_metrics(tree.span(n)) for n in range(1, len(tree)))]
        self._times = _read_times(tree)
        self._self_ns = _measure_self(tree, self._times)
        self._critical_ns = _measure_critical(tree, self._self_ns)
        usage = [_says_usage(metrics) for metrics in self._metrics]
        cost = [metrics.cost_usd is not None for metrics in self._metrics]
        # Where a span's figure is the sum of those within, or just there as well, it is left out.
        self._own_usage = _keep_innermost(tree, usage)
        self._own_cost = _keep_innermost(tree, cost)

    def group(self, by: _By | None) -> dict[str, Figures]:
        """Return the figures of each group, by key; of all together under an empty key."""
        groups: dict[str, list[int]] = {}
        for node in range(1, len(self._tree)):
            key = self._name_group(node, by)
            if key is not None:
                groups.setdefault(key, []).append(node)
        if by is None:
            groups.setdefault("", [])
        return {key: self._add_up(nodes) for key, nodes in groups.items()}

    def _name_group(self, node: int, by: _By | None) -> str | None:
        span = self._tree.span(node)
        if by is None:
            return ""
        if by == "type":
            return span.span_type.value
        if by == "name":
            return span.name
        return span.model if span.span_type is not SpanType.AGENT else None

    def _add_up(self, nodes: Sequence[int]) -> Figures:
        spans = [self._tree.span(node) for node in nodes]
        with_usage = [node for node in nodes if self._own_usage[node]]
        with_cost = [node for node in nodes if self._own_cost[node]]
        sums = {
            name: _sum(getattr(self._metrics[node], name) for node in with_usage)
            for name in _SUMMED
        }
        times = [time for node in nodes if (time := self._times[node]) is not None]
        chunks = [self._metrics[node].first_chunk_ns for node in nodes]
        known_chunks = [each for each in chunks if each is not None]
        is_all = len(nodes) == len(self._tree) - 1
        return Figures(
            spans=len(spans),
            calls=sum(span.span_type in _CALLS for span in spans),
            errors=sum(span.status is SpanStatus.ERROR for span in spans),
            retries=sum(_is_retry(span.attributes) for span in spans),
            prompt_tokens=sums["prompt_tokens"],
            completion_tokens=sums["completion_tokens"],
            cached_tokens=sums["cached_tokens"],
            reasoning_tokens=sums["reasoning_tokens"],
            total_tokens=sums["total_tokens"],
            cost_usd=_sum_usd(self._metrics[node].cost_usd for node in with_cost),
            first_chunk_ns=sum(known_chunks) // len(known_chunks) if known_chunks else None,
            sum_ns=_sum(self._metrics[node].duration_ns for node in nodes),
            wall_ns=_cover(times) if times else None,
            self_ns=_sum(self._self_ns[node] for node in nodes),
            critical_ns=self._critical_ns if is_all else None,
            usage_known=len(with_usage),
            cost_known=len(with_cost),
            durations_known=len(times),
        )


def compare_figures(base: Tree, head: Tree) -> Aggregates:
    """Return the figures of two runs side by side."""
    one, other = RunFigures(base), RunFigures(head)
    totals = one.group(None)[""], other.group(None)[""]
    return Aggregates(
        Aggregate("total", "", *totals),
        _compare_groups(one, other, "type"),
        _compare_groups(one, other, "name"),
        _compare_groups(one, other, "model"),
    )


def invert_aggregates(aggregates: Aggregates) -> Aggregates:
    """Return aggregates with their sides exchanged."""
    return Aggregates(
        _invert(aggregates.total),
        *(
            tuple(_invert(each) for each in group)
            for group in (aggregates.by_type, aggregates.by_name, aggregates.by_model)
        ),
    )


def _invert(aggregate: Aggregate) -> Aggregate:
    return Aggregate(aggregate.by, aggregate.key, aggregate.head, aggregate.base)


_NOTHING: Final = Figures(
    spans=0,
    calls=0,
    errors=0,
    retries=0,
    prompt_tokens=None,
    completion_tokens=None,
    cached_tokens=None,
    reasoning_tokens=None,
    total_tokens=None,
    cost_usd=None,
    first_chunk_ns=None,
    sum_ns=None,
    wall_ns=None,
    self_ns=None,
    critical_ns=None,
    usage_known=0,
    cost_known=0,
    durations_known=0,
)


def _compare_groups(one: RunFigures, other: RunFigures, by: _By) -> tuple[Aggregate, ...]:
    left, right = one.group(by), other.group(by)
    return tuple(
        Aggregate(by, key, left.get(key, _NOTHING), right.get(key, _NOTHING))
        for key in sorted(left.keys() | right.keys())
    )


def _sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _sum_usd(values: Iterable[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    total = Decimal(0)
    for value in known:
        total = _EXACT.add(total, value)
    return total if known else None


def _is_retry(attributes: dict[str, object] | None) -> bool:
    attempt = (attributes or {}).get(_RETRY)
    return isinstance(attempt, int) and attempt > 1


def _says_usage(metrics: Metrics) -> bool:
    return any(getattr(metrics, name) is not None for name in _SUMMED)


def _keep_innermost(tree: Tree, said: Sequence[bool]) -> list[bool]:
    """Return which spans say something that no span below them says."""
    inner = [False] * len(tree)
    for node in range(len(tree) - 1, 0, -1):
        if said[node] or inner[node]:
            inner[tree.parent[node]] = True
    return [says and not below for says, below in zip(said, inner, strict=True)]


def _read_times(tree: Tree) -> list[tuple[int, int] | None]:
    """Return when each span ran: by the wall clock of its start, for as long as it says."""
    times: list[tuple[int, int] | None] = [None]
    for node in range(1, len(tree)):
        span = tree.span(node)
        known = span.duration_ns is not None
        times.append((span.start_ns, span.start_ns + (span.duration_ns or 0)) if known else None)
    return times


def _cover(times: list[tuple[int, int]]) -> int:
    covered, reached = 0, 0
    for start, end in sorted(times):
        start = max(start, reached)  # noqa: PLW2901 -- the part that nothing before it covers
        if end > start:
            covered += end - start
            reached = end
    return covered


def _measure_self(tree: Tree, times: Sequence[tuple[int, int] | None]) -> list[int | None]:
    """Return of each span its duration without the time that spans below it cover."""
    found: list[int | None] = []
    for node, time in enumerate(times):
        if time is None:
            found.append(None)
            continue
        start, end = time
        inner = [
            (max(each[0], start), min(each[1], end))
            for child in tree.children[node]
            if (each := times[child]) is not None
        ]
        found.append(end - start - (_cover(inner) if inner else 0))
    return found


def _measure_critical(tree: Tree, self_ns: Sequence[int | None]) -> int | None:
    """Return how long the run would have to take: its lanes side by side, each in order.

    Of siblings the longest lane counts, of a lane the sum; a span takes at least what it took
    itself.
    """
    longest = [0] * len(tree)
    for node in range(len(tree) - 1, -1, -1):
        lanes = (sum(longest[child] for child in lane) for lane in tree.lanes[node])
        longest[node] = max(lanes, default=0) + (self_ns[node] or 0)
    return longest[0] if any(each is not None for each in self_ns) else None
