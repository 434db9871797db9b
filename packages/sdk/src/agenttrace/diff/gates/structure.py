"""The gates under `structure`: calls that are new, gone, moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agenttrace.diff.gates.listing import list_some
from agenttrace.diff.gates.model import GateResult, GateStatus
from agenttrace.diff.groups.keys import TYPE_WORDS
from agenttrace.diff.statistics import require_extra
from agenttrace.trace.visible import show_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agenttrace.diff.gates.evidence import GateEvidence
    from agenttrace.diff.groups.model import StructureRow
    from agenttrace.diff.model import RunDiff

_RATES: Final = ("added", "removed")


def check_structure(allowed: Mapping[str, int], evidence: GateEvidence) -> Iterator[GateResult]:
    """Yield what became of each: of one run against one by spans, of groups by kinds of calls."""
    for outcome, most in allowed.items():
        name = f"structure.{outcome}"
        if evidence.diff is not None:
            yield _check_spans(name, outcome, most, evidence.diff)
        elif outcome not in _RATES:
            text = f"groups of runs have no rows that are {outcome}: only one run against one has"
            yield GateResult(name, GateStatus.INCONCLUSIVE, text)
        elif evidence.baseline is not None:
            yield _check_baseline(name, outcome, most, evidence)
        else:
            yield _check_rates(name, outcome, most, evidence)


def _check_spans(name: str, outcome: str, most: int, diff: RunDiff) -> GateResult:
    found = [row.ref for row in diff.rows if row.outcome == outcome]
    keys = [f"{TYPE_WORDS[ref.span_type]}:{ref.name} ({ref.span_id})" for ref in found]
    text = f"{len(found)} {outcome}, allowed {most}"
    status = GateStatus.FAIL if len(found) > most else GateStatus.PASS
    return GateResult(name, status, text, list_some(keys))


def _check_baseline(name: str, outcome: str, most: int, evidence: GateEvidence) -> GateResult:
    baseline = evidence.baseline
    assert baseline is not None
    found: dict[str, None] = {}
    for run in evidence.head:
        if outcome == "added":
            keys = [key for key in sorted(run.calls) if key not in baseline.calls]
        else:
            keys = [key for key in baseline.calls if baseline.is_required(key)]
            keys = [key for key in keys if key not in run.calls]
        found.update(dict.fromkeys(keys))
    kinds = "kind of call" if len(found) == 1 else "kinds of calls"
    runs = show_count(baseline.runs, "run")
    text = f"{len(found)} {kinds} {outcome} against {runs}, allowed {most}"
    status = GateStatus.FAIL if len(found) > most else GateStatus.PASS
    return GateResult(name, status, text, list_some(list(found)))


def _check_rates(name: str, outcome: str, most: int, evidence: GateEvidence) -> GateResult:
    require_extra("a gate on the structure of groups")
    from agenttrace.diff.groups.structure import compare_structure  # noqa: PLC0415 -- with SciPy

    rows, _ = compare_structure(evidence.base, evidence.head, evidence.options)
    sign = 1 if outcome == "added" else -1
    moved = [row for row in rows if sign * _find_change(row) > 0]
    sure = [row for row in moved if (row.p_adjusted or 0.0) < evidence.options.alpha]
    details = list_some([f"{row.key} {row.base} -> {row.head}" for row in sure or moved])
    verb = "more" if outcome == "added" else "less"
    kinds = "kind of call is" if len(sure) == 1 else "kinds of calls are"
    text = f"{len(sure)} {kinds} {verb} often there, beyond chance, allowed {most}"
    if len(sure) > most:
        return GateResult(name, GateStatus.FAIL, text, details)
    if len(moved) <= most:
        return GateResult(name, GateStatus.PASS, text, details)
    kinds = "kind of call is" if len(moved) == 1 else "kinds of calls are"
    text = f"{len(moved)} {kinds} {verb} often there, {len(sure)} of them beyond chance"
    return GateResult(name, GateStatus.INCONCLUSIVE, f"{text}, allowed {most}", details)


def _find_change(row: StructureRow) -> float:
    return (row.head.share or 0.0) - (row.base.share or 0.0)
