"""Which calls runs make, how often, and in which order: rates over runs."""

from __future__ import annotations

from collections import Counter
from statistics import fmean
from typing import TYPE_CHECKING, Final

from agenttrace.diff.groups.model import GroupWarning, StructureRow, TransitionRow
from agenttrace.diff.statistics import Rate, adjust_benjamini_hochberg
from agenttrace.diff.statistics.ranks import find_mann_whitney_p
from agenttrace.diff.statistics.rates import compare_rates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.diff.groups.measures import RunMeasures
    from agenttrace.diff.groups.model import GroupOptions

MAX_KEYS: Final = 300
"""Of more the ones that fewest runs have are left out, which is said."""

MAX_TRANSITIONS: Final = 50


def compare_structure(
    base: Sequence[RunMeasures], head: Sequence[RunMeasures], options: GroupOptions
) -> tuple[tuple[StructureRow, ...], list[GroupWarning]]:
    """Return in how many runs each key is, and how often; what changed most comes first."""
    keys, warnings = _choose_keys([*base, *head])
    presence = [
        compare_rates(_count_runs(base, key), _count_runs(head, key), alpha=options.alpha)
        for key in keys
    ]
    counts_p = [_compare_counts(base, head, key) for key in keys]
    adjusted = adjust_benjamini_hochberg([1.0 if each.p is None else each.p for each in presence])
    counts_adjusted = adjust_benjamini_hochberg(counts_p)
    rows = [
        StructureRow(
            key=key,
            base=_count_runs(base, key),
            head=_count_runs(head, key),
            base_calls=_average_calls(base, key),
            head_calls=_average_calls(head, key),
            evidence=evidence,
            p_adjusted=p,
            calls_p=calls_p,
            is_significant=min(p, calls_p) < options.alpha,
        )
        for key, evidence, p, calls_p in zip(keys, presence, adjusted, counts_adjusted, strict=True)
    ]
    return tuple(sorted(rows, key=_rank_row)), warnings


def compare_transitions(
    base: Sequence[RunMeasures], head: Sequence[RunMeasures], options: GroupOptions
) -> tuple[TransitionRow, ...]:
    """Return what came next more or less often; the p is of the runs in which it came at all."""
    before, after = _sum_followers(base), _sum_followers(head)
    from_before, from_after = _sum_sources(before), _sum_sources(after)
    pairs = sorted(before.keys() | after.keys())
    p_values = [
        compare_rates(
            Rate(sum(pair in run.followers for run in base), len(base)),
            Rate(sum(pair in run.followers for run in head), len(head)),
            alpha=options.alpha,
        ).p
        for pair in pairs
    ]
    adjusted = adjust_benjamini_hochberg([1.0 if p is None else p for p in p_values])
    rows = [
        TransitionRow(
            before=pair[0],
            after=pair[1],
            base=Rate(before[pair], from_before[pair[0]]),
            head=Rate(after[pair], from_after[pair[0]]),
            p_adjusted=p,
            is_significant=p < options.alpha,
        )
        for pair, p in zip(pairs, adjusted, strict=True)
    ]
    changed = [row for row in rows if row.base.share != row.head.share]
    return tuple(sorted(changed, key=_rank_transition)[:MAX_TRANSITIONS])


def _choose_keys(runs: Sequence[RunMeasures]) -> tuple[list[str], list[GroupWarning]]:
    held = Counter(key for run in runs for key in run.calls)
    if len(held) <= MAX_KEYS:
        return sorted(held), []
    ranked = sorted(held, key=lambda key: (-held[key], key))
    text = f"of {len(held)} kinds of calls the {MAX_KEYS} that most runs have are compared"
    return sorted(ranked[:MAX_KEYS]), [GroupWarning("cut", text)]


def _count_runs(runs: Sequence[RunMeasures], key: str) -> Rate:
    return Rate(sum(key in run.calls for run in runs), len(runs))


def _average_calls(runs: Sequence[RunMeasures], key: str) -> float:
    return fmean([run.calls.get(key, 0) for run in runs]) if runs else 0.0


def _compare_counts(base: Sequence[RunMeasures], head: Sequence[RunMeasures], key: str) -> float:
    before = [run.calls.get(key, 0) for run in base]
    after = [run.calls.get(key, 0) for run in head]
    if len({*before, *after}) == 1 or not before or not after:
        return 1.0
    return find_mann_whitney_p(before, after)


def _sum_followers(runs: Sequence[RunMeasures]) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for run in runs:
        found.update(run.followers)
    return found


def _sum_sources(followers: Counter[tuple[str, str]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for (before, _), count in followers.items():
        found[before] += count
    return found


def _rank_row(row: StructureRow) -> tuple[bool, float, float, str]:
    change = abs((row.head.share or 0.0) - (row.base.share or 0.0))
    return (not row.is_significant, -change, -abs(row.head_calls - row.base_calls), row.key)


def _rank_transition(row: TransitionRow) -> tuple[bool, float, str, str]:
    change = abs((row.head.share or 0.0) - (row.base.share or 0.0))
    return (not row.is_significant, -change, row.before, row.after)
