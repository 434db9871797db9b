"""The gate `final_output`: what a run answered in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agenttrace.diff.gates.listing import list_some
from agenttrace.diff.gates.model import GateResult, GateStatus
from agenttrace.diff.model import Flag
from agenttrace.diff.outputs import digest_output, measure_similarity, read_words
from agenttrace.trace.visible import show_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agenttrace.diff.gates.evidence import GateEvidence
    from agenttrace.diff.gates.model import OutputGate
    from agenttrace.diff.groups.measures import RunMeasures

_NAME = "final_output"


def check_output(gate: OutputGate | None, evidence: GateEvidence) -> Iterator[GateResult]:
    """Yield what became of the gate: each run of head is held to its case, or to what is nearest.

    Without cases a run of head may answer as any run of base did.
    """
    if gate is None:
        return
    silent = [run for run in evidence.head if run.output is None]
    if silent:
        runs = show_count(len(evidence.head), "run")
        text = f"{len(silent)} of {runs} of head recorded no output"
        yield GateResult(_NAME, GateStatus.INCONCLUSIVE, text)
    elif evidence.baseline is not None:
        yield _check_digests(gate, evidence)
    elif gate.at_least == 1 and evidence.diff is not None:
        yield _check_diff(evidence)
    elif all(run.output is None for run in evidence.base):
        yield GateResult(_NAME, GateStatus.INCONCLUSIVE, "no run of base recorded an output")
    else:
        yield _check_texts(gate, evidence)


def _check_diff(evidence: GateEvidence) -> GateResult:
    assert evidence.diff is not None
    if Flag.OUTPUT in evidence.diff.run_flags:
        return GateResult(_NAME, GateStatus.FAIL, "the final output is another one")
    return GateResult(_NAME, GateStatus.PASS, "the final output is equal")


def _check_digests(gate: OutputGate, evidence: GateEvidence) -> GateResult:
    assert evidence.baseline is not None
    known = set(evidence.baseline.outputs)
    texts = [(run, evidence.normalise(run.output or "")) for run in evidence.head]
    other = [f"run {run.run_id}" for run, text in texts if digest_output(text) not in known]
    if not other:
        return GateResult(_NAME, GateStatus.PASS, "the final output is one of the baseline's")
    if gate.at_least < 1:
        text = "a baseline keeps no texts: similar>= needs runs to compare with"
        return GateResult(_NAME, GateStatus.INCONCLUSIVE, text)
    text = f"the final output is none of the {len(known)} of the baseline"
    return GateResult(_NAME, GateStatus.FAIL, text, list_some(other))


def _check_texts(gate: OutputGate, evidence: GateEvidence) -> GateResult:
    found = [(run, _find_nearest(run, evidence)) for run in evidence.head]
    short = [f"run {run.run_id}: {near:.2f}" for run, near in found if near < gate.at_least]
    lowest = min(near for _, near in found)
    wanted = "equal" if gate.at_least == 1 else f"similar >= {gate.at_least:g}"
    if short:
        text = f"{len(short)} of {len(found)} final outputs are not {wanted}: lowest {lowest:.2f}"
        return GateResult(_NAME, GateStatus.FAIL, text, list_some(short))
    text = f"{len(found)} final outputs are {wanted}: lowest {lowest:.2f}"
    return GateResult(_NAME, GateStatus.PASS, text)


def _find_nearest(run: RunMeasures, evidence: GateEvidence) -> float:
    others: Sequence[RunMeasures] = evidence.base
    if run.case is not None and evidence.options.pair_by is not None:
        same = [each for each in others if each.case == run.case]
        others = same or others
    after = read_words(evidence.normalise(run.output or ""))
    texts = {
        read_words(evidence.normalise(each.output)) for each in others if each.output is not None
    }
    if after in texts:
        return 1.0
    return max((measure_similarity(each, after) for each in sorted(texts)), default=0.0)
