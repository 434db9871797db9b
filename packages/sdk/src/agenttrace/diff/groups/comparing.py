"""`compare_groups`: the figures, the structure and the facts of two groups of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agenttrace.diff.groups.measures import measure_run
from agenttrace.diff.groups.model import GroupComparison, GroupOptions
from agenttrace.diff.statistics import require_extra

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.diff.groups.measures import RunMeasures
    from agenttrace.trace.run import RecordedRun

_DEFAULTS: Final = GroupOptions()


def compare_groups(
    base: Sequence[RecordedRun],
    head: Sequence[RecordedRun],
    options: GroupOptions = _DEFAULTS,
) -> GroupComparison:
    """Compare the runs of `head` with those of `base`. Pure; the same result each time.

    Raises:
        MissingExtraError: SciPy is not installed.

    """
    return compare_measures(
        [measure_run(run, case_key=options.pair_by) for run in base],
        [measure_run(run, case_key=options.pair_by) for run in head],
        options,
    )


def compare_measures(
    base: Sequence[RunMeasures],
    head: Sequence[RunMeasures],
    options: GroupOptions = _DEFAULTS,
) -> GroupComparison:
    """Compare runs that were measured one by one, so that no two need be in memory at once.

    Raises:
        MissingExtraError: SciPy is not installed.

    """
    require_extra("comparing groups of runs")
    from agenttrace.diff.groups.comparison import compare_all  # noqa: PLC0415 -- SciPy comes with it

    return compare_all(base, head, options)
