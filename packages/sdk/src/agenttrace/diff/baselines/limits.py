"""Below which limit the figures of further runs are: of one, and of several at once."""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING, Final

from agenttrace.diff.statistics import require_extra

if TYPE_CHECKING:
    from agenttrace.diff.baselines.model import MetricRange

CONFIDENCE: Final = 0.95


def widen_limit(known: MetricRange, runs: int) -> float:
    """Return the limit below which all of so many further runs are 19 times out of 20.

    The limit of a range is that of one run, where the worst of 12 is above it in every third
    case. By Bonferroni's inequality each of N has to be below its own limit with a chance of
    1 - 0.05 / N (G. J. Hahn, Additional factors for calculating prediction intervals, Journal of
    the American Statistical Association 65, 1970). A prediction limit is the mean plus a quantile
    of Student's t times the spread; a baseline keeps no mean, and its median stands for it.

    Raises:
        MissingExtraError: of several runs, and SciPy is not installed.

    """
    assert known.limit is not None
    if runs == 1 or known.known < 2:  # noqa: PLR2004 -- one figure has no spread
        return known.limit
    require_extra("holding several runs to a baseline")
    from scipy import special  # noqa: PLC0415 -- comes with an extra

    degrees = known.known - 1
    alpha = 1 - CONFIDENCE
    factor = float(
        special.stdtrit(degrees, 1 - alpha / runs) / special.stdtrit(degrees, CONFIDENCE)
    )
    if known.low > 0:  # as it was learnt
        widened = exp(log(known.median) + factor * (log(known.limit) - log(known.median)))
    else:
        widened = known.median + factor * (known.limit - known.median)
    return max(known.limit, float(f"{widened:.9g}"))
