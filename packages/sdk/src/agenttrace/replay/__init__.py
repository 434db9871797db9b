"""Re-execution: the program's own code against a recording of it. `tracer.replay()` begins one.

    with tracer.replay("./traces.jsonl") as session:
        agent.main()
    assert session.report.identical

Capture never imports this package: it asks `recorder.replay`, which is None without a replay.
"""

from __future__ import annotations

from agenttrace.replay.errors import NotReplayableError, ReplayDivergence
from agenttrace.replay.kinds import Action, Divergence, DivergenceKind, Mode, Status
from agenttrace.replay.report import Report
from agenttrace.replay.session import ReplaySession

__all__ = [
    "Action",
    "Divergence",
    "DivergenceKind",
    "Mode",
    "NotReplayableError",
    "ReplayDivergence",
    "ReplaySession",
    "Report",
    "Status",
]
