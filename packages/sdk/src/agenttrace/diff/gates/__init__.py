"""Gates: what has to hold of a comparison, and whether it does.

from agenttrace.diff.gates import GateEvidence, Gates, MetricGate, check_gates

gates = Gates(metrics=(MetricGate("cost_usd", max_increase=0.10),), require=("tool:verify",))
report = check_gates(gates, GateEvidence(base=measures_of_main, head=measures_of_branch))
report.status  # pass, fail or inconclusive
"""

from __future__ import annotations

from agenttrace.diff.gates.checks import check_gates
from agenttrace.diff.gates.evidence import GateEvidence
from agenttrace.diff.gates.model import (
    GateReport,
    GateResult,
    Gates,
    GateStatus,
    GateTest,
    MetricGate,
    OutcomeGate,
    OutputGate,
)

__all__ = [
    "GateEvidence",
    "GateReport",
    "GateResult",
    "GateStatus",
    "GateTest",
    "Gates",
    "MetricGate",
    "OutcomeGate",
    "OutputGate",
    "check_gates",
]
