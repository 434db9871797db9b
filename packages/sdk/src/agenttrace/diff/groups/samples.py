"""The figures of a group: what of them is known, and how two groups' are compared."""

from __future__ import annotations

from statistics import fmean, median
from typing import TYPE_CHECKING
from zlib import crc32

from agenttrace.diff.groups.cases import pair_figures
from agenttrace.diff.groups.model import Sample
from agenttrace.diff.statistics import Policy, Scale
from agenttrace.diff.statistics.effects import compare_pairs, compare_samples

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from agenttrace.diff.groups.cases import Pairing
    from agenttrace.diff.groups.measures import RunMeasures
    from agenttrace.diff.groups.model import GroupOptions
    from agenttrace.diff.statistics import Evidence

    ReadFigure = Callable[[RunMeasures], float | None]


def summarize_sample(values: Sequence[float | None], coverage: float | None) -> Sample:
    """Return what a group's figures come to; `coverage` None: the share of runs that say it."""
    known = [value for value in values if value is not None]
    if coverage is None and values:
        coverage = len(known) / len(values)
    return Sample(
        total=len(values),
        known=len(known),
        coverage=coverage,
        mean=fmean(known) if known else None,
        median=median(known) if known else None,
        low=min(known, default=None),
        high=max(known, default=None),
    )


def compare_figures(  # noqa: PLR0913 -- two groups, what of them, and how
    base: Sequence[RunMeasures],
    head: Sequence[RunMeasures],
    read: ReadFigure,
    *,
    name: str,
    pairing: Pairing | None,
    options: GroupOptions,
    resampled: bool,
) -> Evidence:
    """Compare one figure of two groups, by case where there are cases."""
    seed = crc32(name.encode(), options.seed)
    if pairing is not None:
        pairs = pair_figures(pairing, read)
        return compare_pairs(pairs, alpha=options.alpha, seed=seed, resampled=resampled)
    before = [value for value in map(read, base) if value is not None]
    after = [value for value in map(read, head) if value is not None]
    return compare_samples(before, after, alpha=options.alpha, seed=seed, resampled=resampled)


def fit_policy(policy: Policy, evidence: Evidence, base_mean: float | None) -> Policy:
    """Return a policy in the scale of the evidence: of differences, shares of base's mean."""
    if evidence.scale is Scale.RATIO:
        return policy
    unit = abs(base_mean or 0.0)
    return Policy(
        alpha=policy.alpha,
        min_effect=policy.min_effect * unit,
        margin=policy.margin * unit,
        worse=policy.worse,
    )
