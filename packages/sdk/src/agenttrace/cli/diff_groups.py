"""Groups of runs compared on the command line, and gates on any comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from agenttrace.cli.output import warn
from agenttrace.cli.progress import Progress
from agenttrace.cli.run_groups import measure_runs
from agenttrace.diff.formats import describe_groups, shape_gates, shape_groups
from agenttrace.diff.formats.report import Report
from agenttrace.diff.gates import GateEvidence, GateReport, check_gates
from agenttrace.diff.groups import GroupOptions, compare_measures, measure_run
from agenttrace.diff.normalise import Normaliser

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.cli.diff_sides import DiffSide
    from agenttrace.diff.gates import Gates
    from agenttrace.diff.groups import RunMeasures
    from agenttrace.diff.model import RunDiff
    from agenttrace.diff.rules import Rules
    from agenttrace.trace.run import RecordedRun

_MAX_INCOMPLETE: Final = 0.1
"""Of a group so many runs may lack their end: programs die, which is part of what is compared."""


def check_single(
    gates: Gates, base: RecordedRun, head: RecordedRun, diff: RunDiff, rules: Rules
) -> GateReport:
    """Return what became of the gates on one run against one."""
    options = GroupOptions()
    measured = [measure_run(run, case_key=options.pair_by) for run in (base, head)]
    evidence = GateEvidence(
        measured[:1], measured[1:], diff=diff, options=options, normalise=_normalise(rules)
    )
    return check_gates(gates, evidence)


class GroupDiff:
    """Two sides, of which at least one is not a single run, compared.

    `report` and `shape` are what is printed; `is_incomplete` says that too many runs of a side
    lack their end, or records. Raises MissingExtraError when SciPy is not installed.
    """

    def __init__(
        self, base: DiffSide, head: DiffSide, *, gates: Gates | None, rules: Rules
    ) -> None:
        options = GroupOptions()
        before, after = (_measure(side, options) for side in (base, head))
        evidence = GateEvidence(
            before, after, baseline=base.baseline, options=options, normalise=_normalise(rules)
        )
        self.gates = None if gates is None else check_gates(gates, evidence)
        self.is_incomplete = any(
            _is_incomplete(side, runs) for side, runs in ((base, before), (head, after))
        )
        self.report: Report
        self.shape: dict[str, Any]
        if base.baseline is None:
            found = compare_measures(before, after, options)
            self.report = describe_groups(found, base=base.name, head=head.name, gates=self.gates)
            self.shape = shape_groups(found)
        else:
            self.report = _describe_baseline(base, head, self.gates)
            self.shape = {"baselineRuns": base.baseline.runs, "headRuns": len(after)}
        if self.gates is not None:
            self.shape["gates"] = shape_gates(self.gates)


def _describe_baseline(base: DiffSide, head: DiffSide, gates: GateReport | None) -> Report:
    assert base.baseline is not None
    counts = f"{len(head.runs)} against a baseline of {base.baseline.runs} runs"
    return Report(
        "Comparison with a baseline", base.name, head.name, summary=(counts,), gates=gates
    )


def _measure(side: DiffSide, options: GroupOptions) -> list[RunMeasures]:
    progress = Progress()
    measured: list[RunMeasures] = []
    total = len(side.runs)
    try:
        for run in measure_runs(list(side.runs), case_key=options.pair_by):
            measured.append(run)
            progress.show(lambda: f"reading {side.name}: {len(measured)} of {total} runs")
    finally:
        progress.clear()
    return measured


def _is_incomplete(side: DiffSide, runs: Sequence[RunMeasures]) -> bool:
    missing = [run for run in runs if run.missing is not None]
    for run in missing:
        warn(f"run {run.run_id} of {side.name} is not whole: {run.missing}")
    return len(missing) > _MAX_INCOMPLETE * len(runs)


def _normalise(rules: Rules) -> Any:
    normaliser = Normaliser(rules)
    return lambda text: normaliser.write("output", text)
