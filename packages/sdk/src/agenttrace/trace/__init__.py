"""Recorded runs as data: load them, walk their tree and timeline, add them up.

    from agenttrace.trace import load_runs

    run = load_runs("./traces.jsonl").runs[-1]
    for node in run.tree():
        print("  " * node.depth, node.span.name)

Nothing here records, and capture never imports it.
"""

from __future__ import annotations

from agenttrace.trace.files import FileSource
from agenttrace.trace.reading import Problem
from agenttrace.trace.recording import Recording, load_runs
from agenttrace.trace.records import (
    RecordedCost,
    RecordedError,
    RecordedEvent,
    RecordedPayload,
    RecordedSpan,
    RecordedUsage,
)
from agenttrace.trace.run import RecordedRun
from agenttrace.trace.sources import RecordingError, RunNotFoundError, RunSource, resolve_run
from agenttrace.trace.summary import RunSummary
from agenttrace.trace.timeline import Moment, MomentKind
from agenttrace.trace.totals import ModelUsage, Totals
from agenttrace.trace.tree import TreeNode

__all__ = [
    "FileSource",
    "ModelUsage",
    "Moment",
    "MomentKind",
    "Problem",
    "RecordedCost",
    "RecordedError",
    "RecordedEvent",
    "RecordedPayload",
    "RecordedRun",
    "RecordedSpan",
    "RecordedUsage",
    "Recording",
    "RecordingError",
    "RunNotFoundError",
    "RunSource",
    "RunSummary",
    "Totals",
    "TreeNode",
    "load_runs",
    "resolve_run",
]
