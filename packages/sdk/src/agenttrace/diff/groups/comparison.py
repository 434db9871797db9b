"""The whole comparison of two groups, put together. Imports SciPy: see `comparing`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.diff.groups.cases import pair_cases, pair_successes
from agenttrace.diff.groups.contrasts import compare_facts
from agenttrace.diff.groups.figures import METRICS
from agenttrace.diff.groups.model import (
    GroupComparison,
    GroupRef,
    GroupWarning,
    MetricComparison,
    RateComparison,
)
from agenttrace.diff.groups.parts import compare_parts
from agenttrace.diff.groups.samples import compare_figures, fit_policy, summarize_sample
from agenttrace.diff.groups.structure import compare_structure, compare_transitions
from agenttrace.diff.statistics import (
    Judgement,
    Policy,
    Rate,
    Verdict,
    adjust_benjamini_hochberg,
    judge,
)
from agenttrace.diff.statistics.rates import compare_paired_rates, compare_rates
from agenttrace.trace.visible import show_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.diff.groups.cases import Pairing
    from agenttrace.diff.groups.figures import Metric
    from agenttrace.diff.groups.measures import RunMeasures
    from agenttrace.diff.groups.model import GroupOptions, Sample
    from agenttrace.diff.model import Side
    from agenttrace.diff.statistics import Evidence

_SIDES: Final[tuple[Side, Side]] = ("base", "head")
_FULL: Final = 0.999
"""A coverage from which on nothing is said of it."""


class WeighedMetric(NamedTuple):
    """A figure of both groups that is not judged yet."""

    metric: Metric
    base: Sample
    head: Sample
    evidence: Evidence


def compare_all(
    base: Sequence[RunMeasures], head: Sequence[RunMeasures], options: GroupOptions
) -> GroupComparison:
    """Compare figures, structure, order and facts of two groups of measured runs."""
    pairing = pair_cases(base, head) if options.pair_by is not None else None
    metrics = compare_metrics(base, head, pairing, options)
    success = compare_success(base, head, pairing, options)
    rows, cut = compare_structure(base, head, options)
    return GroupComparison(
        options=options,
        base=_refer(base),
        head=_refer(head),
        pairs=None if pairing is None else len(pairing.cases),
        success=success,
        metrics=tuple(_temper(row, success) for row in metrics),
        structure=rows,
        transitions=compare_transitions(base, head, options),
        attributes=compare_facts(base, head, options),
        parts=compare_parts(base, head, pairing, options),
        warnings=(
            *_warn_of_runs(base, head),
            *_warn_of_coverage(metrics),
            *_warn_of_pairing(pairing),
            *cut,
        ),
    )


def compare_metrics(
    base: Sequence[RunMeasures],
    head: Sequence[RunMeasures],
    pairing: Pairing | None,
    options: GroupOptions,
) -> tuple[MetricComparison, ...]:
    """Compare each figure that at least one run says, as one family of tests."""
    weighed = [weigh_metric(base, head, metric, pairing, options) for metric in METRICS]
    found = [each for each in weighed if each.base.known or each.head.known]
    p_values = [each.evidence.p for each in found if each.evidence.p is not None]
    adjusted = iter(adjust_benjamini_hochberg(p_values))
    policy = Policy(options.alpha, options.min_effect, options.margin)
    return tuple(
        judge_metric(
            each, p_adjusted=None if each.evidence.p is None else next(adjusted), policy=policy
        )
        for each in found
    )


def _temper(row: MetricComparison, success: RateComparison) -> MetricComparison:
    """Return a figure without praise or blame that it does not earn.

    A count of calls says neither. Where fewer runs succeed, beyond chance, nothing that got less
    is better for it: a program that gives up is quick and cheap.
    """
    verdict, reason = row.judgement.verdict, row.judgement.reason
    if row.metric.is_neutral and verdict is Verdict.REGRESSION:
        return replace(row, judgement=Judgement(Verdict.MORE, reason))
    if verdict is not Verdict.IMPROVEMENT:
        return row
    less = Verdict.FEWER if row.metric.unit in {"", "tokens"} else Verdict.LESS
    if success.judgement.verdict is Verdict.REGRESSION:
        return replace(row, judgement=Judgement(less, f"{reason}; fewer runs succeed"))
    return replace(row, judgement=Judgement(less, reason)) if row.metric.is_neutral else row


def sample_metric(runs: Sequence[RunMeasures], metric: Metric) -> Sample:
    """Return what a figure of a group comes to, and how much of it is known."""
    values = [run.figures.values[metric.name] for run in runs]
    known = [run.figures.known.get(metric.name) for run in runs]
    shares = [share for share in known if share is not None]
    return summarize_sample(values, sum(shares) / len(shares) if shares else None)


def weigh_metric(
    base: Sequence[RunMeasures],
    head: Sequence[RunMeasures],
    metric: Metric,
    pairing: Pairing | None,
    options: GroupOptions,
) -> WeighedMetric:
    """Compare one figure of two groups."""
    evidence = compare_figures(
        base,
        head,
        lambda run: run.figures.values[metric.name],
        name=metric.name,
        pairing=pairing,
        options=options,
        resampled=options.resampled,
    )
    return WeighedMetric(metric, sample_metric(base, metric), sample_metric(head, metric), evidence)


def judge_metric(
    weighed: WeighedMetric, *, p_adjusted: float | None, policy: Policy, tests: int = 1
) -> MetricComparison:
    """Return a figure with its verdict, as one of a family of `tests`."""
    metric, base, head, evidence = weighed
    fitted = fit_policy(policy, evidence, base.mean)
    judgement = judge(evidence, p_adjusted=p_adjusted, policy=fitted, tests=tests)
    return MetricComparison(metric, base, head, evidence, p_adjusted, judgement)


def compare_success(
    base: Sequence[RunMeasures],
    head: Sequence[RunMeasures],
    pairing: Pairing | None,
    options: GroupOptions,
) -> RateComparison:
    """Compare how many of the runs that have ended are COMPLETED; a family of its own."""
    before, after = _count_successes(base), _count_successes(head)
    if pairing is None:
        evidence = compare_rates(before, after, alpha=options.alpha)
    else:
        pairs = pair_successes(pairing)
        evidence = compare_paired_rates(pairs, alpha=options.alpha, seed=options.seed)
    policy = Policy(options.alpha, options.min_effect, options.margin, worse="lower")
    judgement = judge(evidence, p_adjusted=evidence.p, policy=policy)
    return RateComparison(before, after, evidence, evidence.p, judgement)


def _count_successes(runs: Sequence[RunMeasures]) -> Rate:
    ended = [run.succeeded for run in runs if run.succeeded is not None]
    return Rate(sum(ended), len(ended))


def _refer(runs: Sequence[RunMeasures]) -> GroupRef:
    names = dict.fromkeys(sorted(run.name for run in runs))
    return GroupRef(tuple(run.run_id for run in runs), tuple(names))


def _warn_of_runs(base: Sequence[RunMeasures], head: Sequence[RunMeasures]) -> list[GroupWarning]:
    warnings: list[GroupWarning] = []
    side: Side
    for side, runs in zip(_SIDES, (base, head), strict=True):
        missing = [run for run in runs if run.missing is not None]
        if not runs:
            warnings.append(GroupWarning("empty", f"{side} holds no run", side))
        if missing:
            first = missing[0]
            of_all = f"{len(missing)} of {show_count(len(runs), 'run')} of {side}"
            text = f"{of_all} {'is' if len(missing) == 1 else 'are'} not whole; {first.run_id}: "
            warnings.append(GroupWarning("incomplete", f"{text}{first.missing}", side))
    return warnings


def _warn_of_coverage(metrics: Sequence[MetricComparison]) -> list[GroupWarning]:
    warnings: list[GroupWarning] = []
    side: Side
    for row in metrics:
        for side, sample in zip(_SIDES, (row.base, row.head), strict=True):
            if sample.coverage is not None and sample.coverage < _FULL:
                text = (
                    f"{row.metric.title}: {sample.coverage:.0%} of it is known in {side} "
                    f"(in {sample.known} of {show_count(sample.total, 'run')})"
                )
                warnings.append(GroupWarning("coverage", text, side))
    return warnings


def _warn_of_pairing(pairing: Pairing | None) -> list[GroupWarning]:
    if pairing is None or not pairing.left_out:
        return []
    verb = "is" if pairing.left_out == 1 else "are"
    runs = show_count(pairing.left_out, "run")
    text = f"{runs} {verb} of a case that the other side has not, and {verb} left out"
    return [GroupWarning("pairing", f"{text} of what is compared by case")]
