"""Groups of runs compared on the command line, and gates on any comparison."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from agenttrace.cli.diff_sides import describe_lost_lines
from agenttrace.cli.output import warn
from agenttrace.cli.progress import Progress
from agenttrace.cli.run_groups import measure_runs, read_query
from agenttrace.diff.formats import describe_groups, shape_gates, shape_groups
from agenttrace.diff.formats.report import Report
from agenttrace.diff.gates import GateEvidence, GateReport, check_gates
from agenttrace.diff.groups import GroupOptions, compare_measures, measure_run
from agenttrace.diff.groups.model import GroupWarning
from agenttrace.diff.normalise import Normaliser
from agenttrace.trace.visible import show_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agenttrace.cli.diff_sides import DiffSide
    from agenttrace.diff.gates import Gates
    from agenttrace.diff.groups import RunMeasures
    from agenttrace.diff.model import RunDiff, Side
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
        missing = [*_find_missing("base", base, before), *_find_missing("head", head, after)]
        for _, text in missing:
            warn(text)
        self.is_incomplete = bool(missing)
        self.shape: dict[str, Any]
        if base.baseline is None:
            found = compare_measures(before, after, options)
            lost = (GroupWarning("incomplete", text, side) for side, text in missing)
            found = replace(found, warnings=(*found.warnings, *lost))
            report = describe_groups(
                found,
                base=base.name,
                head=head.name,
                gates=self.gates,
                chosen_by={*_list_chosen(base.name), *_list_chosen(head.name)},
            )
            self.shape = shape_groups(found)
        else:
            report = _describe_baseline(base, head, self.gates)
            self.shape = {"baselineRuns": base.baseline.runs, "headRuns": len(after)}
        self.report = replace(report, missing=tuple(text for _, text in missing))
        if self.gates is not None:
            self.shape["gates"] = shape_gates(self.gates)


def _describe_baseline(base: DiffSide, head: DiffSide, gates: GateReport | None) -> Report:
    assert base.baseline is not None
    runs = show_count(base.baseline.runs, "run")
    counts = f"{len(head.runs):,} against a baseline of {runs}"
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


def _find_missing(
    which: Side, side: DiffSide, runs: Sequence[RunMeasures]
) -> Iterator[tuple[Side, str]]:
    """Yield why a side is not enough to judge by; a few runs that are not whole are warned of."""
    cut = [run for run in runs if run.missing is not None]
    for run in cut:
        warn(f"run {run.run_id} of {side.name} is not whole: {run.missing}")
    if len(cut) > _MAX_INCOMPLETE * len(runs):
        yield which, f"{len(cut)} of {show_count(len(runs), 'run')} of {side.name} are not whole"
    for text in describe_lost_lines(side.runs):
        yield which, text


def _list_chosen(text: str) -> Iterator[tuple[str, str]]:
    """Yield the facts that a query names: what it asks for is so of its runs."""
    query = read_query(text)
    if query is not None:
        yield from (("tag", tag) for tag in query.wanted.tags)
        yield from (("name", name) for name in query.wanted.names)
        yield from (("status", status) for status in query.wanted.statuses)


def _normalise(rules: Rules) -> Any:
    normaliser = Normaliser(rules)
    return lambda text: normaliser.write("output", text)
