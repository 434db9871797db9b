"""How much more or less head is than base: the Hodges-Lehmann estimate and its interval.

Of figures that are all above 0 the estimate is a ratio, found on logarithms; as soon as one is 0
there is no ratio to it, and the estimate is a difference in the figure's own unit.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np

from agenttrace.diff.statistics.evidence import Evidence, Interval, IntervalMethod, Procedure, Scale
from agenttrace.diff.statistics.ranks import (
    find_mann_whitney_p,
    find_smallest_mann_whitney_p,
    find_smallest_wilcoxon_p,
    find_wilcoxon_p,
)
from agenttrace.diff.statistics.resampling import resample

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MAX_RESAMPLED_PAIRS: Final = 2_500
"""50 figures against 50, half a second. Beyond, 10,000 draws of a dozen figures take longer than
anyone waits, and the interval that inverts the test is as good."""

_POWER: Final = 0.8
# A rank test needs pi/3 as many normal figures as a t-test.
_RANK_COST: Final = 3.141592653589793 / 3


def compare_samples(
    base: Sequence[float], head: Sequence[float], *, alpha: float, seed: int, resampled: bool = True
) -> Evidence:
    """Compare two samples of figures. With `resampled` off the interval inverts the test."""
    found = Evidence(Procedure.MANN_WHITNEY, len(base), len(head), _choose_scale(*base, *head))
    if not base or not head:
        return found
    before, after = _transform(base, found.scale), _transform(head, found.scale)
    sizes = (before.size, after.size)
    pairs = before.size * after.size
    if np.ptp(np.concatenate([before, after])) == 0:
        interval: Interval | None = Interval(0.0, 0.0, IntervalMethod.EXACT)
    elif resampled and pairs <= MAX_RESAMPLED_PAIRS and min(sizes) > 1:
        interval = resample((before, after), _shift_samples, alpha=alpha, seed=seed, cells=pairs)
    else:
        spread = sqrt(pairs * (sum(sizes) + 1) / 12)
        interval = _invert_test(_subtract_all(before, after), spread, alpha)
    return Evidence(
        found.test,
        *sizes,
        found.scale,
        p=find_mann_whitney_p(base, head),
        smallest_p=find_smallest_mann_whitney_p(*sizes),
        effect=_read_effect(float(_shift_samples(before, after)), found.scale),
        interval=_read_interval(interval, found.scale),
        detectable=_find_detectable(_pool_spread(before, after), *sizes, found.scale, alpha),
    )


def compare_pairs(
    pairs: Sequence[tuple[float, float]], *, alpha: float, seed: int, resampled: bool = True
) -> Evidence:
    """Compare figures of the same cases, each with its own: (base, head)."""
    scale = _choose_scale(*(each for pair in pairs for each in pair))
    count = len(pairs)
    if not pairs:
        return Evidence(Procedure.WILCOXON, 0, 0, scale)
    before = _transform([base for base, _ in pairs], scale)
    changes = _transform([head for _, head in pairs], scale) - before
    middles = count * (count + 1) // 2
    if np.ptp(changes) == 0:
        same = float(changes[0])
        interval: Interval | None = Interval(same, same, IntervalMethod.EXACT)
    elif resampled and middles <= MAX_RESAMPLED_PAIRS:
        interval = resample((changes,), _shift_pairs, alpha=alpha, seed=seed, cells=count**2)
    else:
        spread = sqrt(middles * (2 * count + 1) / 12)
        interval = _invert_test(_average_all(changes), spread, alpha)
    spread_of_mean = float(changes.std(ddof=1)) if count > 1 else None
    return Evidence(
        Procedure.WILCOXON,
        count,
        count,
        scale,
        p=find_wilcoxon_p(changes.tolist()),
        smallest_p=find_smallest_wilcoxon_p(count),
        effect=_read_effect(float(_shift_pairs(changes)), scale),
        interval=_read_interval(interval, scale),
        detectable=_find_detectable(spread_of_mean, count, None, scale, alpha),
    )


def _choose_scale(*values: float) -> Scale:
    return Scale.RATIO if values and min(values) > 0 else Scale.DIFFERENCE


def _transform(values: Sequence[float], scale: Scale) -> NDArray[np.float64]:
    plain = np.asarray(values, dtype=np.float64)
    return np.log(plain) if scale is Scale.RATIO else plain


def _subtract_all(base: NDArray[np.float64], head: NDArray[np.float64]) -> NDArray[np.float64]:
    changes = head[..., :, None] - base[..., None, :]
    return changes.reshape(*changes.shape[:-2], -1)


def _average_all(changes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of each change with each, itself included (Walsh averages)."""
    first, second = np.triu_indices(changes.shape[-1])
    averages: NDArray[np.float64] = (changes[..., first] + changes[..., second]) / 2
    return averages


def _shift_samples(
    base: NDArray[np.float64], head: NDArray[np.float64], axis: int = -1
) -> NDArray[np.float64]:
    del axis  # SciPy gives the last
    return np.asarray(np.median(_subtract_all(base, head), axis=-1))


def _shift_pairs(changes: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    del axis
    return np.asarray(np.median(_average_all(changes), axis=-1))


def _invert_test(values: NDArray[np.float64], spread: float, alpha: float) -> Interval | None:
    """Return the shifts that the test would not refuse; None: too few figures to refuse any."""
    reach = NormalDist().inv_cdf(1 - alpha / 2) * spread
    place = int(values.size / 2 - reach)  # rounded down: rather too wide
    if place < 1:
        return None
    ordered = np.sort(values)
    return Interval(float(ordered[place - 1]), float(ordered[-place]), IntervalMethod.RANK)


def _read_effect(shift: float, scale: Scale) -> float:
    return float(np.expm1(shift)) if scale is Scale.RATIO else shift


def _read_interval(interval: Interval | None, scale: Scale) -> Interval | None:
    if interval is None:
        return None
    low, high = _read_effect(interval.low, scale), _read_effect(interval.high, scale)
    return Interval(low, high, interval.method)


def _pool_spread(base: NDArray[np.float64], head: NDArray[np.float64]) -> float | None:
    freedom = base.size + head.size - 2
    if freedom < 1:
        return None
    squares = ((base - base.mean()) ** 2).sum() + ((head - head.mean()) ** 2).sum()
    return sqrt(float(squares) / freedom)


def _find_detectable(
    spread: float | None, base_count: int, head_count: int | None, scale: Scale, alpha: float
) -> float | None:
    """Return the smallest effect seen four times out of five; `head_count` is None of pairs."""
    if spread is None:
        return None
    normal = NormalDist()
    parts = 1 / base_count + (1 / head_count if head_count else 0)
    reach = normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(_POWER)
    return _read_effect(reach * spread * sqrt(parts * _RANK_COST), scale)
