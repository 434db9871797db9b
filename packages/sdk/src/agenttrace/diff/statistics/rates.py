"""Shares of runs of which something is so: success, a call that is there."""

from __future__ import annotations

from math import comb, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import stats

from agenttrace.diff.statistics.evidence import (
    Evidence,
    Interval,
    IntervalMethod,
    Procedure,
    Rate,
    Scale,
)
from agenttrace.diff.statistics.resampling import RESAMPLES, make_generator

if TYPE_CHECKING:
    from collections.abc import Sequence

_POWER: Final = 0.8


def compare_rates(base: Rate, head: Rate, *, alpha: float) -> Evidence:
    """Compare two shares: Fisher's exact test, and Newcombe's interval of their difference."""
    if base.share is None or head.share is None:
        return Evidence(Procedure.FISHER, base.total, head.total, Scale.DIFFERENCE)
    table = np.array([[base.hits, base.total - base.hits], [head.hits, head.total - head.hits]])
    return Evidence(
        Procedure.FISHER,
        base.total,
        head.total,
        Scale.DIFFERENCE,
        p=float(stats.fisher_exact(table).pvalue),
        smallest_p=find_smallest_fisher_p(base.total, head.total),
        effect=head.share - base.share,
        interval=_find_newcombe_interval(base, head, alpha),
        detectable=_find_detectable(base.share, base.total, head.total, alpha),
    )


def compare_paired_rates(
    pairs: Sequence[tuple[bool, bool]], *, alpha: float, seed: int
) -> Evidence:
    """Compare pairs of what is so: McNemar's exact test, and a bootstrap over the pairs."""
    count = len(pairs)
    if not count:
        return Evidence(Procedure.MCNEMAR, 0, 0, Scale.DIFFERENCE)
    gained = sum(head and not base for base, head in pairs)
    lost = sum(base and not head for base, head in pairs)
    p = float(stats.binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
    base_share = sum(base for base, _ in pairs) / count
    return Evidence(
        Procedure.MCNEMAR,
        count,
        count,
        Scale.DIFFERENCE,
        p=p,
        smallest_p=min(1.0, 2.0 ** (1 - count)),
        effect=(gained - lost) / count,
        interval=_resample_pairs(gained, lost, count, alpha, seed),
        detectable=_find_detectable(base_share, count, count, alpha),
    )


def find_smallest_fisher_p(base_total: int, head_total: int) -> float:
    """Return the least p that the test can give: all of one side, none of the other."""
    tables = 2 if base_total == head_total else 1
    return min(1.0, tables / comb(base_total + head_total, base_total))


def _find_newcombe_interval(base: Rate, head: Rate, alpha: float) -> Interval:
    base_low, base_high = _find_wilson_interval(base, alpha)
    head_low, head_high = _find_wilson_interval(head, alpha)
    base_share, head_share = base.hits / base.total, head.hits / head.total
    change = head_share - base_share
    low = change - sqrt((head_share - head_low) ** 2 + (base_high - base_share) ** 2)
    high = change + sqrt((head_high - head_share) ** 2 + (base_share - base_low) ** 2)
    return Interval(max(-1.0, low), min(1.0, high), IntervalMethod.NEWCOMBE)


def _find_wilson_interval(rate: Rate, alpha: float) -> tuple[float, float]:
    found = stats.binomtest(rate.hits, rate.total).proportion_ci(1 - alpha, method="wilson")
    return float(found.low), float(found.high)


def _resample_pairs(gained: int, lost: int, count: int, alpha: float, seed: int) -> Interval:
    if not gained and not lost:
        return Interval(0.0, 0.0, IntervalMethod.EXACT)
    # A draw of pairs holds so many of each kind as a multinomial one.
    shares = [gained / count, lost / count, (count - gained - lost) / count]
    drawn = make_generator(seed).multinomial(count, shares, size=RESAMPLES)
    changes = (drawn[:, 0] - drawn[:, 1]) / count
    low, high = np.quantile(changes, [alpha / 2, 1 - alpha / 2])
    return Interval(float(low), float(high), IntervalMethod.PERCENTILE)


def _find_detectable(base_share: float, base_total: int, head_total: int, alpha: float) -> float:
    normal = NormalDist()
    reach = normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(_POWER)
    # Of a share of 0 or 1 the variance is 0 and yet a change needs some figures to be seen:
    # Agresti and Coull's two more of each kind.
    share = (base_share * base_total + 2) / (base_total + 4)
    spread = sqrt(share * (1 - share) * (1 / base_total + 1 / head_total))
    return min(1.0, reach * spread)
