"""Comparing two groups of runs: which figures, calls and attributes differ beyond chance.

    from agenttrace.diff.groups import compare_groups

    comparison = compare_groups(runs_of_main, runs_of_branch)
    for row in comparison.metrics:
        print(row.metric.title, row.judgement.verdict, row.judgement.reason)

Needs SciPy: `pip install 'agenttrace[diff]'`. Pure: no I/O, and the same bytes each time.
"""

from __future__ import annotations

from agenttrace.diff.groups.comparing import compare_groups, compare_measures
from agenttrace.diff.groups.figures import METRICS, Metric
from agenttrace.diff.groups.keys import matches_key, name_key
from agenttrace.diff.groups.measures import RunMeasures, measure_run
from agenttrace.diff.groups.model import (
    AttributeRow,
    GroupComparison,
    GroupOptions,
    GroupRef,
    GroupWarning,
    MetricComparison,
    PartRow,
    RateComparison,
    Sample,
    StructureRow,
    TransitionRow,
)

__all__ = [
    "METRICS",
    "AttributeRow",
    "GroupComparison",
    "GroupOptions",
    "GroupRef",
    "GroupWarning",
    "Metric",
    "MetricComparison",
    "PartRow",
    "RateComparison",
    "RunMeasures",
    "Sample",
    "StructureRow",
    "TransitionRow",
    "compare_groups",
    "compare_measures",
    "matches_key",
    "measure_run",
    "name_key",
]
