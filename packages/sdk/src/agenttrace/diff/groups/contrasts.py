"""Which facts tell two groups of runs apart, ranked: a search, held to a false discovery rate."""

from __future__ import annotations

from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, Final

import numpy as np

from agenttrace.diff.groups.model import AttributeRow
from agenttrace.diff.statistics import Rate, adjust_benjamini_hochberg
from agenttrace.diff.statistics.ranks import find_mann_whitney_p
from agenttrace.diff.statistics.rates import compare_rates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace.diff.groups.measures import RunMeasures
    from agenttrace.diff.groups.model import GroupOptions

MAX_FACTS: Final = 2_000
MAX_ROWS: Final = 50
_MIN_HITS: Final = 2
"""A fact of one run alone says nothing of a group; ids are such facts."""


def compare_facts(
    base: Sequence[RunMeasures], head: Sequence[RunMeasures], options: GroupOptions
) -> tuple[AttributeRow, ...]:
    """Return what is so of more runs of one group than of the other, most different first."""
    if not base or not head:
        return ()
    found = [*_compare_values(base, head, options), *_compare_numbers(base, head)]
    adjusted = adjust_benjamini_hochberg([row.p_adjusted for row in found])
    rows = [
        AttributeRow(
            key=row.key,
            value=row.value,
            base=row.base,
            head=row.head,
            base_median=row.base_median,
            head_median=row.head_median,
            difference=row.difference,
            p_adjusted=p,
            is_significant=p < options.alpha,
        )
        for row, p in zip(found, adjusted, strict=True)
        if row.difference
    ]
    ranked = sorted(
        rows,
        key=lambda row: (
            not row.is_significant,
            -abs(row.difference),
            row.key,
            row.value or "",
        ),
    )
    return tuple(ranked[:MAX_ROWS])


def _compare_values(
    base: Sequence[RunMeasures], head: Sequence[RunMeasures], options: GroupOptions
) -> list[AttributeRow]:
    before = Counter(fact for run in base for fact in run.facts)
    after = Counter(fact for run in head for fact in run.facts)
    held = {fact: before[fact] + after[fact] for fact in before.keys() | after.keys()}
    common = sorted(
        (fact for fact, hits in held.items() if hits >= _MIN_HITS),
        key=lambda fact: (-held[fact], fact),
    )
    rows = []
    for key, value in common[:MAX_FACTS]:
        rates = (
            Rate(before[key, value], len(base)),
            Rate(after[key, value], len(head)),
        )
        evidence = compare_rates(*rates, alpha=options.alpha)
        p, difference = evidence.p or 0.0, evidence.effect or 0.0
        rows.append(
            AttributeRow(key, value, *rates, None, None, difference, p, is_significant=False)
        )
    return rows


def _compare_numbers(
    base: Sequence[RunMeasures], head: Sequence[RunMeasures]
) -> list[AttributeRow]:
    rows = []
    for key in sorted({key for run in (*base, *head) for key in run.numbers}):
        before = [run.numbers[key] for run in base if key in run.numbers]
        after = [run.numbers[key] for run in head if key in run.numbers]
        if not before or not after:
            continue
        above = np.sign(np.subtract.outer(after, before))
        rows.append(
            AttributeRow(
                key,
                None,
                Rate(len(before), len(base)),
                Rate(len(after), len(head)),
                median(before),
                median(after),
                float(above.mean()),
                find_mann_whitney_p(before, after),
                is_significant=False,
            )
        )
    return rows
