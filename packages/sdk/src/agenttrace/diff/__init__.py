"""Comparing recorded runs: what changed, where it began, and what it costs. Pure: no I/O."""

from __future__ import annotations

from agenttrace.diff.model import (
    Aggregate,
    Aggregates,
    Cause,
    CauseKind,
    Counts,
    DiffWarning,
    Divergence,
    Evidence,
    Figures,
    Flag,
    MetricDelta,
    MetricDeltas,
    Metrics,
    Origin,
    Outcome,
    Row,
    RunDiff,
    RunRef,
    SpanRef,
    WarningCode,
)

__all__ = [
    "Aggregate",
    "Aggregates",
    "Cause",
    "CauseKind",
    "Counts",
    "DiffWarning",
    "Divergence",
    "Evidence",
    "Figures",
    "Flag",
    "MetricDelta",
    "MetricDeltas",
    "Metrics",
    "Origin",
    "Outcome",
    "Row",
    "RunDiff",
    "RunRef",
    "SpanRef",
    "WarningCode",
]
