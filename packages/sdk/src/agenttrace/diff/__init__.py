"""Comparing recorded runs: what changed, where it began, and what it costs. Pure: no I/O."""

from __future__ import annotations

from agenttrace.diff.compare import compare_runs, invert
from agenttrace.diff.contents import Contents, list_contents
from agenttrace.diff.metrics import (
    Aggregate,
    Aggregates,
    Figures,
    MetricDelta,
    MetricDeltas,
    Metrics,
)
from agenttrace.diff.model import (
    Cause,
    CauseKind,
    Counts,
    DiffWarning,
    Divergence,
    Evidence,
    Flag,
    Origin,
    Outcome,
    Row,
    RunDiff,
    RunRef,
    SpanRef,
    WarningCode,
)
from agenttrace.diff.patch import PatchError, apply_patch
from agenttrace.diff.rules import DEFAULT, Mask, Rules, RulesError, Unordered, read_rules
from agenttrace.diff.verdicts import Verdict, find_verdict

__all__ = [
    "DEFAULT",
    "Aggregate",
    "Aggregates",
    "Cause",
    "CauseKind",
    "Contents",
    "Counts",
    "DiffWarning",
    "Divergence",
    "Evidence",
    "Figures",
    "Flag",
    "Mask",
    "MetricDelta",
    "MetricDeltas",
    "Metrics",
    "Origin",
    "Outcome",
    "PatchError",
    "Row",
    "Rules",
    "RulesError",
    "RunDiff",
    "RunRef",
    "SpanRef",
    "Unordered",
    "Verdict",
    "WarningCode",
    "apply_patch",
    "compare_runs",
    "find_verdict",
    "invert",
    "list_contents",
    "read_rules",
]
