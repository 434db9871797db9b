"""`check_gates`: each gate in its turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agenttrace.diff.gates.figures import check_metrics
from agenttrace.diff.gates.listing import list_some
from agenttrace.diff.gates.model import GateReport, GateResult, GateStatus, OutcomeGate
from agenttrace.diff.gates.outputs import check_output
from agenttrace.diff.gates.structure import check_structure
from agenttrace.diff.groups.keys import matches_key
from agenttrace.diff.statistics import Verdict, require_extra
from agenttrace.wire import RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agenttrace.diff.gates.evidence import GateEvidence
    from agenttrace.diff.gates.model import Gates
    from agenttrace.diff.groups.measures import RunMeasures


def check_gates(gates: Gates, evidence: GateEvidence) -> GateReport:
    """Return what became of each gate. Pure; the same result each time.

    Raises:
        MissingExtraError: a gate needs SciPy, and it is not installed.

    """
    results = [
        *check_structure(gates.structure, evidence),
        *_check_outcome(gates, evidence),
        *check_output(gates.final_output, evidence),
        *check_metrics(gates.metrics, evidence),
        *(_forbid(pattern, evidence.head) for pattern in gates.forbid),
        *(_require(pattern, evidence.head) for pattern in gates.require),
    ]
    return GateReport(tuple(results))


def _forbid(pattern: str, runs: Sequence[RunMeasures]) -> GateResult:
    found = [
        f"{key} x{count} in run {run.run_id}"
        for run in runs
        for key, count in sorted(run.calls.items())
        if matches_key(pattern, key)
    ]
    name = f"forbid.{pattern}"
    if found:
        text = f"{pattern} is forbidden, and was called: {found[0]}"
        return GateResult(name, GateStatus.FAIL, text, list_some(found[1:]))
    return GateResult(name, GateStatus.PASS, f"{pattern} was called by none of {_count(runs)}")


def _require(pattern: str, runs: Sequence[RunMeasures]) -> GateResult:
    lacking = [
        f"run {run.run_id} ({run.name})"
        for run in runs
        if not any(matches_key(pattern, key) for key in run.calls)
    ]
    name = f"require.{pattern}"
    if lacking:
        text = f"{pattern} is required; {len(lacking)} of {_count(runs)} did not call it"
        return GateResult(name, GateStatus.FAIL, text, list_some(lacking))
    return GateResult(name, GateStatus.PASS, f"{pattern} was called by all of {_count(runs)}")


def _count(runs: Sequence[RunMeasures]) -> str:
    return f"{len(runs)} run{'' if len(runs) == 1 else 's'}"


def _check_outcome(gates: Gates, evidence: GateEvidence) -> Iterator[GateResult]:
    if gates.outcome is None:
        return
    open_runs = [run for run in evidence.head if run.succeeded is None]
    failed = [run for run in evidence.head if run.succeeded is False]
    details = list_some([f"run {run.run_id}: {run.status.value}" for run in failed])
    if open_runs:
        verb = "has" if len(open_runs) == 1 else "have"
        ended = f"{len(open_runs)} of {_count(evidence.head)} {verb} not ended"
        text = f"{ended}, as far as is recorded"
        yield GateResult("outcome", GateStatus.INCONCLUSIVE, text)
    elif not failed:
        text = f"{_count(evidence.head)} ended {RunStatus.COMPLETED.value}"
        yield GateResult("outcome", GateStatus.PASS, text)
    elif gates.outcome is OutcomeGate.SUCCESS:
        text = f"{len(failed)} of {_count(evidence.head)} did not end COMPLETED"
        yield GateResult("outcome", GateStatus.FAIL, text, details)
    elif evidence.baseline is not None:
        yield _compare_with_baseline(evidence, len(failed), details)
    elif len(evidence.base) == len(evidence.head) == 1:
        yield _compare_single(evidence, details)
    else:
        yield _compare_rates(evidence, details)


def _compare_single(evidence: GateEvidence, details: tuple[str, ...]) -> GateResult:
    before, after = evidence.base[0].status, evidence.head[0].status
    status = GateStatus.PASS if before == after else GateStatus.FAIL
    text = f"base ended {before.value}, head {after.value}"
    return GateResult("outcome", status, text, details)


def _compare_rates(evidence: GateEvidence, details: tuple[str, ...]) -> GateResult:
    require_extra("the gate outcome of groups")
    from agenttrace.diff.groups.cases import pair_cases  # noqa: PLC0415 -- SciPy comes with it
    from agenttrace.diff.groups.comparison import compare_success  # noqa: PLC0415 -- as above

    by_case = evidence.options.pair_by is not None
    pairing = pair_cases(evidence.base, evidence.head) if by_case else None
    found = compare_success(evidence.base, evidence.head, pairing, evidence.options)
    text = f"COMPLETED {found.base} -> {found.head}: {found.judgement.reason}"
    before, after = found.base.share, found.head.share
    if found.judgement.verdict is Verdict.REGRESSION:
        return GateResult("outcome", GateStatus.FAIL, text, details)
    is_no_worse = before is not None and after is not None and after >= before
    if is_no_worse or found.judgement.verdict is Verdict.EQUIVALENT:
        return GateResult("outcome", GateStatus.PASS, text, details)
    return GateResult("outcome", GateStatus.INCONCLUSIVE, text, details)


def _compare_with_baseline(
    evidence: GateEvidence, failed: int, details: tuple[str, ...]
) -> GateResult:
    assert evidence.baseline is not None
    seen = evidence.baseline.success
    text = f"{failed} of {_count(evidence.head)} did not end COMPLETED; of the baseline {seen} did"
    is_new = seen.hits == seen.total
    status = GateStatus.FAIL if is_new else GateStatus.INCONCLUSIVE
    return GateResult("outcome", status, text, details)
