"""Whether two samples of figures differ, how much, and how sure that is.

Needs SciPy: `pip install 'agenttrace[diff]'`. Nothing of it is loaded before a figure is asked for.
"""

from __future__ import annotations

from agenttrace.diff.statistics.evidence import (
    Evidence,
    Interval,
    IntervalMethod,
    Procedure,
    Rate,
    Scale,
)
from agenttrace.diff.statistics.extra import MissingExtraError, require_extra
from agenttrace.diff.statistics.families import adjust_benjamini_hochberg, adjust_holm
from agenttrace.diff.statistics.verdicts import Judgement, Policy, Verdict, judge

__all__ = [
    "Evidence",
    "Interval",
    "IntervalMethod",
    "Judgement",
    "MissingExtraError",
    "Policy",
    "Procedure",
    "Rate",
    "Scale",
    "Verdict",
    "adjust_benjamini_hochberg",
    "adjust_holm",
    "judge",
    "require_extra",
]
