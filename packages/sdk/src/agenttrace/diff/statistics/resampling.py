"""The bootstrap: what the estimate would have been with other figures of the same kind.

Seeded: the same figures give the same interval on every machine that has the same NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special, stats

from agenttrace.diff.statistics.evidence import Interval, IntervalMethod

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Estimator = Callable[..., NDArray[np.float64]]

RESAMPLES: Final = 10_000
_BATCH_BYTES: Final = 32 * 2**20
_ROUNDING: Final = 1e-9
_BCA_COUNT: Final = 8
"""Below so many figures a side the correction of BCa is itself noise: the plain percentile."""


def make_generator(seed: int) -> np.random.Generator:
    """Return a generator that gives the same numbers each time."""
    return np.random.Generator(np.random.PCG64(seed))


def resample(
    samples: tuple[NDArray[np.float64], ...],
    estimator: Estimator,
    *,
    alpha: float,
    seed: int,
    cells: int,
) -> Interval:
    """Return the interval of an estimate over samples that are drawn apart from each other.

    `cells` is how many numbers the estimator makes of one draw: it bounds the memory.
    """
    drawn = stats.bootstrap(
        samples,
        estimator,
        n_resamples=RESAMPLES,
        batch=max(1, _BATCH_BYTES // (8 * cells)),
        vectorized=True,
        method="percentile",
        rng=make_generator(seed),
    ).bootstrap_distribution
    levels = np.array([alpha / 2, 1 - alpha / 2])
    method = IntervalMethod.PERCENTILE
    if min(sample.size for sample in samples) >= _BCA_COUNT:
        corrected = _correct_levels(samples, estimator, drawn, levels)
        if corrected is not None:
            levels, method = corrected, IntervalMethod.BCA
    low, high = np.quantile(drawn, levels)
    return Interval(float(low), float(high), method)


def _correct_levels(
    samples: tuple[NDArray[np.float64], ...],
    estimator: Estimator,
    drawn: NDArray[np.float64],
    levels: NDArray[np.float64],
) -> NDArray[np.float64] | None:
    """Return the quantiles that BCa reads, or None where the figures hardly vary.

    SciPy's own BCa answers NaN and a warning there, which is of no use to a gate.
    """
    estimate = float(estimator(*samples))
    # Draws that are the estimate but for rounding count half: else the interval hangs on the unit.
    equal = np.abs(drawn - estimate) <= _ROUNDING * np.ptp(drawn)
    below = float(np.mean((drawn < estimate) & ~equal) + np.mean(equal) / 2)
    if not 0 < below < 1:
        return None
    bias = float(special.ndtri(below))
    acceleration = _measure_acceleration(samples, estimator)
    if acceleration is None:
        return None
    shifted = bias + special.ndtri(levels)
    corrected: NDArray[np.float64] = special.ndtr(bias + shifted / (1 - acceleration * shifted))
    return corrected


def _measure_acceleration(
    samples: tuple[NDArray[np.float64], ...], estimator: Estimator
) -> float | None:
    """Return how the spread grows with the estimate, by leaving out each figure once."""
    cubes = squares = 0.0
    for place, sample in enumerate(samples):
        left_out = np.array([np.delete(sample, index) for index in range(sample.size)])
        others = [
            left_out if each == place else np.broadcast_to(other, (sample.size, other.size))
            for each, other in enumerate(samples)
        ]
        found = estimator(*others)
        influence = (sample.size - 1) * (found.mean() - found)
        cubes += float((influence**3).sum()) / sample.size**3
        squares += float((influence**2).sum()) / sample.size**2
    return cubes / (6 * squares**1.5) if squares > 0 else None
