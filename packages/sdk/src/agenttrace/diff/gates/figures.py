"""The gates under `metrics`: no more of a figure than so much, beyond chance."""

from __future__ import annotations

from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, Final

from agenttrace.diff.baselines.limits import widen_limit
from agenttrace.diff.baselines.model import MIN_RUNS
from agenttrace.diff.gates.model import GateResult, GateStatus, GateTest
from agenttrace.diff.groups.figures import METRICS_BY_NAME
from agenttrace.diff.statistics import Policy, Verdict, adjust_holm, require_extra
from agenttrace.diff.statistics.verdicts import describe_effect, explain_too_few
from agenttrace.trace.visible import show_count, show_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.diff.gates.evidence import GateEvidence
    from agenttrace.diff.gates.model import MetricGate
    from agenttrace.diff.groups.comparison import WeighedMetric
    from agenttrace.diff.groups.measures import RunMeasures

_NS_PER_MS: Final = 1_000_000
_PLAIN: Final = "`test: none` compares the plain figures, a baseline of several runs is better"


def check_metrics(gates: Sequence[MetricGate], evidence: GateEvidence) -> list[GateResult]:
    """Return what became of each; those that are tested are one family, adjusted after Holm."""
    results: dict[int, GateResult] = {}
    tested: list[tuple[int, MetricGate]] = []
    for place, gate in enumerate(gates):
        if evidence.baseline is not None:
            results[place] = _check_range(gate, evidence)
        elif gate.test is GateTest.NONE:
            results[place] = _check_plain(gate, evidence)
        else:
            tested.append((place, gate))
    results.update(_check_tested(tested, evidence) if tested else {})
    return [results[place] for place in range(len(gates))]


def _check_tested(
    tested: Sequence[tuple[int, MetricGate]], evidence: GateEvidence
) -> dict[int, GateResult]:
    require_extra("a gate on a metric with a test")
    weighed = [_weigh(gate, evidence) for _, gate in tested]
    p_values = [1.0 if each.evidence.p is None else each.evidence.p for each in weighed]
    adjusted = adjust_holm(p_values)
    return {
        place: _judge(gate, each, p_adjusted=p, tests=len(tested))
        for (place, gate), each, p in zip(tested, weighed, adjusted, strict=True)
    }


def _weigh(gate: MetricGate, evidence: GateEvidence) -> WeighedMetric:
    from agenttrace.diff.groups.cases import Pairing, pair_cases  # noqa: PLC0415 -- with SciPy
    from agenttrace.diff.groups.comparison import weigh_metric  # noqa: PLC0415 -- as above

    pairing: Pairing | None = None
    if gate.test is not GateTest.MWU and evidence.options.pair_by is not None:
        pairing = pair_cases(evidence.base, evidence.head)
    if gate.test is GateTest.PAIRED and pairing is None:
        pairing = Pairing((), 0)  # asked for and not there: nothing to compare, which it will say
    options = replace(evidence.options, alpha=gate.alpha)
    metric = METRICS_BY_NAME[gate.metric]
    return weigh_metric(evidence.base, evidence.head, metric, pairing, options)


def _judge(
    gate: MetricGate, weighed: WeighedMetric, *, p_adjusted: float, tests: int
) -> GateResult:
    from agenttrace.diff.groups.comparison import judge_metric  # noqa: PLC0415 -- with SciPy
    from agenttrace.diff.groups.samples import fit_policy  # noqa: PLC0415 -- as above

    name = _name(gate)
    unknown = _explain_coverage(gate, weighed)
    if unknown is not None:
        return GateResult(name, GateStatus.INCONCLUSIVE, unknown)
    policy = Policy(gate.alpha, min_effect=gate.max_increase, margin=gate.max_increase)
    row = judge_metric(weighed, p_adjusted=p_adjusted, policy=policy, tests=tests)
    allowed = f"allowed +{gate.max_increase * 100:g} %"
    text = f"{row.judgement.reason}, {allowed}"
    if row.judgement.verdict is Verdict.REGRESSION:
        return GateResult(name, GateStatus.FAIL, text)
    found = weighed.evidence
    if explain_too_few(found, gate.alpha, tests) is not None:
        is_single = found.base_count == found.head_count == 1
        hint = f"; {_PLAIN}" if is_single else ""
        return GateResult(name, GateStatus.INCONCLUSIVE, f"{row.judgement.reason}{hint}")
    most = fit_policy(policy, found, weighed.base.mean).margin
    if found.interval is not None and found.interval.high <= most:
        return GateResult(name, GateStatus.PASS, f"{describe_effect(found)}, {allowed}")
    return GateResult(name, GateStatus.INCONCLUSIVE, text)


def _explain_coverage(gate: MetricGate, weighed: WeighedMetric) -> str | None:
    title = weighed.metric.title
    for side, sample in (("base", weighed.base), ("head", weighed.head)):
        if not sample.known:
            known = f"none of {show_count(sample.total, 'run')}"
            return f"{title} is unknown in {side}: {known} says it"
        if sample.coverage is not None and sample.coverage < gate.min_coverage:
            return (
                f"of {title} {sample.coverage:.0%} is known in {side}, "
                f"and the gate wants {gate.min_coverage:.0%}"
            )
    return None


def _check_plain(gate: MetricGate, evidence: GateEvidence) -> GateResult:
    name = _name(gate)
    before, after = _read_known(gate, evidence.base), _read_known(gate, evidence.head)
    if not before or not after:
        side = "base" if not before else "head"
        text = f"{METRICS_BY_NAME[gate.metric].title} is unknown in {side}"
        return GateResult(name, GateStatus.INCONCLUSIVE, text)
    return _compare_plain(gate, median(before), median(after))


def _compare_plain(gate: MetricGate, before: float, after: float) -> GateResult:
    allowed = f"allowed +{gate.max_increase * 100:g} %"
    unit = METRICS_BY_NAME[gate.metric].unit
    sides = f"{_show_figure(before, unit)} -> {_show_figure(after, unit)}"
    if before:
        text = f"{sides} ({(after / before - 1) * 100:+.1f} %), {allowed}"
    else:
        text = f"{sides} (no percentage of nothing), {allowed}"
    # A share of base is compared by multiplying: 1.1 x 100 is not more than 110.
    is_more = after > before * (1 + gate.max_increase) * (1 + 1e-12)
    return GateResult(_name(gate), GateStatus.FAIL if is_more else GateStatus.PASS, text)


def _check_range(gate: MetricGate, evidence: GateEvidence) -> GateResult:
    assert evidence.baseline is not None
    name, title = _name(gate), METRICS_BY_NAME[gate.metric].title
    known = evidence.baseline.metrics.get(gate.metric)
    values = ((run.figures.values[gate.metric], run.run_id) for run in evidence.head)
    after = [(value, run_id) for value, run_id in values if value is not None]
    if known is None or not after:
        side = "the baseline" if known is None else "head"
        return GateResult(name, GateStatus.INCONCLUSIVE, f"{title} is unknown in {side}")
    if known.limit is None:
        runs = show_count(known.known, "run")
        text = f"the baseline knows {title} of {runs}: a range needs {MIN_RUNS}"
        return GateResult(name, GateStatus.INCONCLUSIVE, text)
    highest, run_id = max(after)
    limit = widen_limit(known, len(after))
    bound = max(limit, known.median * (1 + gate.max_increase))
    unit = METRICS_BY_NAME[gate.metric].unit
    shown, low, high, most = (
        _show_figure(value, unit) for value in (highest, known.low, known.high, limit)
    )
    is_one = len(after) == 1
    where = "" if is_one else f" in run {run_id}, the most of {len(after)} runs"
    below = "19 of 20 are" if is_one else f"of {len(after)} runs all are, 19 times out of 20,"
    text = (
        f"{shown}{where}; {show_count(known.known, 'run')} were {low} to {high}, "
        f"and {below} below {most}; allowed +{gate.max_increase * 100:g} %"
    )
    return GateResult(name, GateStatus.FAIL if highest > bound else GateStatus.PASS, text)


def _read_known(gate: MetricGate, runs: Sequence[RunMeasures]) -> list[float]:
    values = [run.figures.values[gate.metric] for run in runs]
    return [value for value in values if value is not None]


def _show_figure(value: float, unit: str) -> str:
    return show_duration(round(value * _NS_PER_MS)) if unit == "ms" else f"{value:g}"


def _name(gate: MetricGate) -> str:
    return f"metrics.{gate.metric}"
