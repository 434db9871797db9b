"""From several runs to their envelope."""

from __future__ import annotations

from math import exp, log, sqrt
from statistics import fmean, median, stdev
from typing import TYPE_CHECKING

from agenttrace.diff.baselines.limits import CONFIDENCE
from agenttrace.diff.baselines.model import MIN_RUNS, Baseline, CallRange, MetricRange
from agenttrace.diff.groups.figures import METRICS
from agenttrace.diff.outputs import digest_output, write_canonical
from agenttrace.diff.statistics import Rate, require_extra

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agenttrace.diff.groups.measures import RunMeasures


def learn_baseline(
    runs: Sequence[RunMeasures], *, normalise: Callable[[str], str] = write_canonical
) -> Baseline:
    """Return what these runs, at least one, have in common and vary in.

    `normalise` brings the JSON text of an output to the form in which outputs are compared.

    Raises:
        MissingExtraError: SciPy is not installed.

    """
    require_extra("building a baseline")
    ended = [run.succeeded for run in runs if run.succeeded is not None]
    outputs = {digest_output(normalise(run.output)) for run in runs if run.output is not None}
    metrics = {
        metric.name: known
        for metric in METRICS
        if (known := _learn_metric([run.figures.values[metric.name] for run in runs])) is not None
    }
    return Baseline(
        runs=len(runs),
        names=tuple(sorted({run.name for run in runs})),
        success=Rate(sum(ended), len(ended)),
        calls={
            key: _learn_calls(runs, key)
            for key in sorted({key for run in runs for key in run.calls})
        },
        metrics=metrics,
        outputs=tuple(sorted(outputs)),
    )


def _learn_calls(runs: Sequence[RunMeasures], key: str) -> CallRange:
    counts = [run.calls[key] for run in runs if key in run.calls]
    return CallRange(len(counts), min(counts), max(counts))


def _learn_metric(values: Sequence[float | None]) -> MetricRange | None:
    known = sorted(value for value in values if value is not None)
    if not known:
        return None
    limit = _predict_limit(known) if len(known) >= MIN_RUNS else None
    return MetricRange(len(known), known[0], median(known), known[-1], limit)


def _predict_limit(known: Sequence[float]) -> float:
    """Return the upper bound of the next figure: a prediction interval on one side."""
    from scipy import special  # noqa: PLC0415 -- comes with an extra

    if known[0] == known[-1]:
        return known[-1]
    is_positive = known[0] > 0
    plain = [log(value) for value in known] if is_positive else known
    reach = float(special.stdtrit(len(plain) - 1, CONFIDENCE)) * sqrt(1 + 1 / len(plain))
    bound = fmean(plain) + reach * stdev(plain)
    # Nine digits: what a baseline says does not hang on the last bit of a machine's logarithm.
    return max(known[-1], float(f"{exp(bound) if is_positive else bound:.9g}"))
