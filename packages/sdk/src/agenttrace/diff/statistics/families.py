"""p-values of several tests at once: one of twenty is below 0.05 by chance alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def adjust_holm(p_values: Sequence[float]) -> list[float]:
    """Return them for gates: the chance that any of them is a false alarm stays below alpha."""
    count = len(p_values)
    adjusted = [0.0] * count
    highest = 0.0
    for place, index in enumerate(sorted(range(count), key=lambda each: (p_values[each], each))):
        highest = max(highest, min(1.0, p_values[index] * (count - place)))
        adjusted[index] = highest
    return adjusted


def adjust_benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return them for exploration: of those below alpha a share of alpha is false, not more."""
    count = len(p_values)
    adjusted = [0.0] * count
    lowest = 1.0
    ranked = sorted(range(count), key=lambda each: (p_values[each], each))
    for place in range(count - 1, -1, -1):
        index = ranked[place]
        lowest = min(lowest, p_values[index] * count / (place + 1))
        adjusted[index] = lowest
    return adjusted
