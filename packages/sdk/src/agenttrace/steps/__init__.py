"""Stepping through a recorded run, forward and back; no code of the agent is run.

    from agenttrace.steps import StepCursor, read_breakpoint
    from agenttrace.trace import load_runs

    cursor = StepCursor.of_run(load_runs("./traces.jsonl").runs[-1])
    hit = cursor.continue_([read_breakpoint("$.output[?length(@)==0]")])
    print(cursor.step.span, cursor.state().totals)

Pure: a run goes in, nothing is read or printed. The same code serves a file, the command line and
the server.
"""

from __future__ import annotations

from agenttrace.steps.breakpoints import Breakpoint, make_breakpoint, make_watch, read_breakpoint
from agenttrace.steps.cursor import StepCursor
from agenttrace.steps.errors import BreakpointError, SearchError, StepError
from agenttrace.steps.readiness import Blocker, BlockerKind, Readiness
from agenttrace.steps.search import Hit, run_search, search
from agenttrace.steps.state import StateSeeker, StepState, fold
from agenttrace.steps.texts import RecordedTexts, TextKey
from agenttrace.steps.timeline import Step, StepTimeline

__all__ = [
    "Blocker",
    "BlockerKind",
    "Breakpoint",
    "BreakpointError",
    "Hit",
    "Readiness",
    "RecordedTexts",
    "SearchError",
    "StateSeeker",
    "Step",
    "StepCursor",
    "StepError",
    "StepState",
    "StepTimeline",
    "TextKey",
    "fold",
    "make_breakpoint",
    "make_watch",
    "read_breakpoint",
    "run_search",
    "search",
]
