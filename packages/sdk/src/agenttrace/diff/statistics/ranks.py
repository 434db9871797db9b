"""Rank tests. Exact up to `EXACT_COUNT` figures, ties included; SciPy's approximation beyond.

SciPy's exact distributions hold without ties only, and figures such as tokens and calls are full
of them. Here the ranks that there are, averaged where they tie, are dealt out in every way.
"""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

EXACT_COUNT: Final = 60
"""Figures in all: the ways to choose 30 of 60 still fit 64 bits."""


def find_mann_whitney_p(base: Sequence[float], head: Sequence[float]) -> float:
    """Return the two-sided p of both samples being from one distribution."""
    if len(base) + len(head) > EXACT_COUNT:
        if min(*base, *head) == max(*base, *head):
            return 1.0
        return float(stats.mannwhitneyu(base, head, method="asymptotic").pvalue)
    fewer, more = sorted((base, head), key=len)  # either side's ranks tell as much
    ranks = _double_ranks([*fewer, *more])
    return _find_share(_count_choices(ranks, len(fewer)), int(ranks[: len(fewer)].sum()))


def find_wilcoxon_p(differences: Sequence[float]) -> float:
    """Return the two-sided p of differences lying evenly around 0; those that are 0 say nothing."""
    moved = [each for each in differences if each]
    if not moved:
        return 1.0
    if len(moved) > EXACT_COUNT:
        return float(stats.wilcoxon(moved, method="approx").pvalue)
    ranks = _double_ranks([abs(each) for each in moved])
    positive = np.array([each > 0 for each in moved])
    return _find_share(_count_signs(ranks), int(ranks[positive].sum()))


def find_smallest_mann_whitney_p(base_count: int, head_count: int) -> float:
    """Return the least p that the test can give: when every figure of one is above the other's."""
    return min(1.0, 2 / comb(base_count + head_count, base_count))


def find_smallest_wilcoxon_p(pairs: int) -> float:
    """Return the least p that the test can give: when every difference points the same way."""
    return min(1.0, 2.0 ** (1 - pairs))


def _double_ranks(values: Sequence[float]) -> NDArray[np.int64]:
    """Return twice the average ranks, which are whole numbers."""
    return np.rint(stats.rankdata(values) * 2).astype(np.int64)


def _count_choices(ranks: NDArray[np.int64], chosen: int) -> NDArray[np.int64]:
    """Return, for each sum, in how many ways `chosen` of the ranks have it."""
    top = int(np.sort(ranks)[ranks.size - chosen :].sum())
    ways = np.zeros((chosen + 1, top + 1), dtype=np.int64)
    ways[0, 0] = 1
    for rank in ranks.tolist():
        if rank <= top:
            ways[1:, rank:] += ways[:-1, : top + 1 - rank].copy()
    counts: NDArray[np.int64] = ways[chosen]
    return counts


def _count_signs(ranks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return, for each sum, in how many ways signs give it to the positive ranks."""
    ways = np.zeros(int(ranks.sum()) + 1, dtype=np.int64)
    ways[0] = 1
    for rank in ranks.tolist():
        ways[rank:] += ways[: ways.size - rank].copy()
    return ways


def _find_share(counts: NDArray[np.int64], seen: int) -> float:
    """Return the share of all ways whose sum is at least as far from the middle as the one seen."""
    weights = counts.astype(np.float64)
    sums = np.arange(counts.size, dtype=np.float64)
    total = float(weights.sum())
    middle = float((weights * sums).sum()) / total
    # Half of the step between doubled ranks: what is as far off counts, whatever rounding says.
    far = np.abs(sums - middle) >= abs(seen - middle) - 0.25
    return min(1.0, float(weights[far].sum()) / total)
