"""Rank tests, against SciPy where it is exact and against every arrangement where it is not."""

from __future__ import annotations

from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from agenttrace.diff.statistics import ranks

_tied = st.lists(st.integers(0, 4), min_size=1, max_size=5)
_distinct = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=24, unique=True)


@given(_distinct, st.data())
def test_without_ties_it_is_the_exact_test(values: list[float], data: st.DataObject) -> None:
    """As SciPy has it."""
    cut = data.draw(st.integers(1, len(values) - 1))
    expected = stats.mannwhitneyu(values[:cut], values[cut:], method="exact").pvalue
    assert ranks.find_mann_whitney_p(values[:cut], values[cut:]) == pytest.approx(float(expected))


@given(_tied, _tied)
@settings(max_examples=150)
def test_with_ties_every_arrangement_counts(base: list[int], head: list[int]) -> None:
    """The p is the share of all ways to deal the figures out that are as uneven."""
    values = [*base, *head]
    place = stats.rankdata(values)
    middle = len(base) * (len(values) + 1) / 2
    seen = abs(sum(place[: len(base)]) - middle)
    ways = [
        abs(sum(place[index] for index in chosen) - middle) >= seen - 1e-9
        for chosen in combinations(range(len(values)), len(base))
    ]
    assert ranks.find_mann_whitney_p(base, head) == pytest.approx(sum(ways) / len(ways))


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_pairs_count_every_choice_of_signs(differences: list[int]) -> None:
    """Differences of 0 say nothing, those that tie share their rank."""
    moved = [each for each in differences if each]
    place = stats.rankdata([abs(each) for each in moved]).tolist()
    middle = sum(place) / 2
    seen = abs(sum(rank for rank, each in zip(place, moved, strict=True) if each > 0) - middle)
    ways = [
        abs(sum(rank for rank, sign in zip(place, signs, strict=True) if sign) - middle)
        >= seen - 1e-9
        for signs in product([True, False], repeat=len(moved))
    ]
    assert ranks.find_wilcoxon_p(differences) == pytest.approx(sum(ways) / len(ways))


def test_many_figures_use_the_approximation() -> None:
    """Which is close to the exact test where both can be had."""
    base, head = [float(n) for n in range(31)], [n + 4.5 for n in range(31)]
    near = ranks.find_mann_whitney_p(base[:30], head[:30])
    assert ranks.find_mann_whitney_p(base, head) == pytest.approx(near, abs=0.02)
    assert ranks.find_mann_whitney_p([1.0] * 40, [1.0] * 40) == 1.0
    assert ranks.find_wilcoxon_p([float(n) for n in range(1, 80)]) < 1e-9


def test_the_smallest_p_of_so_many() -> None:
    """Three against three can never be below 0.10, nor five pairs below 0.06."""
    assert ranks.find_smallest_mann_whitney_p(3, 3) == pytest.approx(0.10)
    assert ranks.find_mann_whitney_p([1, 2, 3], [4, 5, 6]) == pytest.approx(0.10)
    assert ranks.find_smallest_mann_whitney_p(4, 4) == pytest.approx(2 / 70)
    assert ranks.find_smallest_wilcoxon_p(5) == ranks.find_wilcoxon_p([1, 2, 3, 4, 5]) == 0.0625
