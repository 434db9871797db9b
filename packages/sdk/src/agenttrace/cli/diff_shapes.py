"""A comparison as JSON, with GraphQL's names."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from agenttrace.diff.contents import list_contents, list_run_contents, show_failure, show_value
from agenttrace.diff.metrics import METRIC_NAMES
from agenttrace.diff.model import Flag
from agenttrace.diff.verdicts import Verdict, find_verdict
from agenttrace.trace.totals import write_usd

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agenttrace.diff.fields import Change
    from agenttrace.diff.metrics import Aggregate, Aggregates, MetricDelta
    from agenttrace.diff.model import (
        Cause,
        Divergence,
        Origin,
        Row,
        RunDiff,
        RunRef,
        SpanRef,
    )

MAX_CHANGES: Final = 100
"""Of a part of a row."""

_NS_PER_MS: Final = 1_000_000
_FIGURES: Final = (
    "spans",
    "calls",
    "errors",
    "retries",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "total_tokens",
    "cost_usd",
    "first_chunk_ns",
    "sum_ns",
    "wall_ns",
    "self_ns",
    "critical_ns",
)


def shape_diff(diff: RunDiff, *, is_changed_only: bool) -> dict[str, Any]:
    """Return a `RunDiff`; `rows` in the order of showing, each with its number."""
    verdict = find_verdict(diff)
    numbered = [
        (number, row)
        for number, row in enumerate(diff.rows)
        if row.self_changed or not is_changed_only
    ]
    return {
        "verdict": verdict.value.upper(),
        "identical": verdict is Verdict.IDENTICAL,
        "approx": diff.approx,
        "cost": diff.cost,
        "base": _shape_run(diff.base),
        "head": _shape_run(diff.head),
        "runFlags": _shape_flags(diff.run_flags),
        "runOrigin": diff.run_origin,
        "runChanges": [
            _shape_change(change)
            for contents in list_run_contents(diff)
            for change in contents.changes[:MAX_CHANGES]
        ],
        "counts": {
            name: getattr(diff.counts, name) for name in type(diff.counts).__dataclass_fields__
        },
        "firstDivergence": _shape_divergence(diff.first_divergence),
        "origins": [_shape_origin(diff.base, diff.head, origin) for origin in diff.origins],
        "performance": _shape_cause(diff.performance),
        "aggregates": _shape_aggregates(diff.aggregates),
        "warnings": [
            {
                "code": warning.code.value.upper(),
                "message": warning.message,
                "side": None if warning.side is None else warning.side.upper(),
            }
            for warning in diff.warnings
        ],
        "rows": [_shape_row(diff, number, row) for number, row in numbered],
    }


def _shape_run(run: RunRef) -> dict[str, Any]:
    return {
        "id": run.run_id,
        "name": run.name,
        "status": run.status.value,
        "spans": run.spans,
        "digest": run.digest,
        "revision": run.revision,
    }


def _shape_flags(flags: Iterable[Flag]) -> list[str]:
    return [flag.value.upper() for flag in Flag if flag in flags]


def _shape_divergence(divergence: Divergence | None) -> dict[str, Any] | None:
    if divergence is None:
        return None
    return {
        "spanId": divergence.span_id,
        "side": divergence.side.upper(),
        "name": divergence.name,
        "path": divergence.path,
        "cause": _shape_cause(divergence.cause),
    }


def _shape_origin(base: RunRef, head: RunRef, origin: Origin) -> dict[str, Any]:
    return {
        "base": _shape_span(base, origin.base),
        "head": _shape_span(head, origin.head),
        "path": origin.path,
        "isRun": origin.is_run,
        "cause": _shape_cause(origin.cause),
        "propagated": origin.propagated,
    }


def _shape_cause(cause: Cause | None) -> dict[str, Any] | None:
    if cause is None:
        return None
    return {
        "kind": cause.kind.value.upper(),
        "detail": cause.detail,
        "evidence": [
            {"name": each.name, "base": each.base, "head": each.head} for each in cause.evidence
        ],
        "action": cause.action,
    }


def _shape_span(run: RunRef, span: SpanRef | None) -> dict[str, Any] | None:
    if span is None:
        return None
    return {
        "id": f"{run.run_id}:{span.span_id}",
        "spanId": span.span_id,
        "name": span.name,
        "type": span.span_type.value,
        "status": span.status.value,
        "depth": span.depth,
        "seq": span.seq,
        "lane": span.lane,
        "position": span.position,
        "parentPosition": span.parent_position,
    }


def _shape_row(diff: RunDiff, number: int, row: Row) -> dict[str, Any]:
    return {
        "row": number,
        "outcome": row.outcome.value.upper(),
        "base": _shape_span(diff.base, row.base),
        "head": _shape_span(diff.head, row.head),
        "flags": _shape_flags(row.flags),
        "selfChanged": row.self_changed,
        "subtreeChanged": row.subtree_changed,
        "isPropagated": row.is_propagated,
        "origin": row.origin,
        "covers": row.covers,
        "reason": row.reason,
        "failsNewly": row.fails_newly,
        "failure": show_failure(row),
        "changes": [
            _shape_change(change)
            for contents in list_contents(row, diff.rules)
            for change in contents.changes[:MAX_CHANGES]
        ],
        "metrics": {
            _write_name(name): shape_delta(name, row.metrics.get(name)) for name in METRIC_NAMES
        },
    }


def _shape_change(change: Change) -> dict[str, Any]:
    return {
        "kind": change.kind.value.upper(),
        "path": change.path,
        "base": show_value(change.base),
        "head": show_value(change.head),
        "message": None if change.message is None else change.message.value.upper(),
    }


def _shape_aggregates(aggregates: Aggregates) -> dict[str, Any]:
    return {
        "total": _shape_aggregate(aggregates.total),
        "byType": [_shape_aggregate(each) for each in aggregates.by_type],
        "byName": [_shape_aggregate(each) for each in aggregates.by_name],
        "byModel": [_shape_aggregate(each) for each in aggregates.by_model],
    }


def _shape_aggregate(aggregate: Aggregate) -> dict[str, Any]:
    figures = {_write_name(name): shape_delta(name, aggregate.get(name)) for name in _FIGURES}
    known = {
        f"{name}Known": {
            "base": getattr(aggregate.base, f"{name}_known"),
            "head": getattr(aggregate.head, f"{name}_known"),
        }
        for name in ("usage", "cost", "durations")
    }
    return {"key": aggregate.key, **figures, **known}


def shape_delta(name: str, delta: MetricDelta) -> dict[str, Any]:
    """Return a figure on both sides: money as text, times in milliseconds, null where unknown."""
    percent = delta.percent
    return {
        "base": _shape_figure(name, delta.base),
        "head": _shape_figure(name, delta.head),
        "change": _shape_figure(name, delta.change),
        "percent": None if percent is None else round(percent, 2),
    }


def _shape_figure(name: str, value: int | Decimal | None) -> int | float | str | None:
    if value is None:
        return None
    if isinstance(value, Decimal) or name == "cost_usd":
        return write_usd(Decimal(value))
    return value / _NS_PER_MS if name.endswith("_ns") else value


def _write_name(name: str) -> str:
    first, *rest = name.removesuffix("_ns").split("_")
    return first + "".join(part.title() for part in rest) + ("Ms" if name.endswith("_ns") else "")
