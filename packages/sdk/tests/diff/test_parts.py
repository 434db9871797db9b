"""The algorithms that an alignment rests on, each against a plain or foreign one."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from agenttrace.diff.align import lcs
from agenttrace.diff.align.lanes import assign
from agenttrace.diff.align.lcs import find_common

TEXTS = st.text("abc", max_size=30)


def measure_common(left: str, right: str) -> int:
    row = [0] * (len(right) + 1)
    for x in left:
        above, row = row, [0]
        for k, y in enumerate(right):
            row.append(above[k] + 1 if x == y else max(above[k + 1], row[-1]))
    return row[-1]


def check_pairs(left: str, right: str, pairs: list[tuple[int, int]]) -> None:
    assert all(left[x] == right[y] for x, y in pairs)
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(pairs))


@given(TEXTS, TEXTS)
def test_a_common_subsequence_is_a_longest_one(left: str, right: str) -> None:
    """As long as that of the quadratic table."""
    pairs, is_longest = find_common(left, right)
    check_pairs(left, right, pairs)
    assert is_longest
    assert len(pairs) == measure_common(left, right)


@given(TEXTS, TEXTS)
def test_sequences_beyond_the_limit_are_cut_at_unique_items(left: str, right: str) -> None:
    """The result is a common subsequence, and says that a longer one may exist."""
    kept = lcs.MAX_BITS
    lcs.MAX_BITS = 20  # type: ignore[misc]  # smaller, so that small inputs are beyond it
    try:
        pairs, _ = find_common(left + "x" + right, right + "x" + left)
    finally:
        lcs.MAX_BITS = kept  # type: ignore[misc]  # as it was
    check_pairs(left + "x" + right, right + "x" + left, pairs)


def test_an_assignment_is_the_cheapest() -> None:
    """As cheap as SciPy's, of more rows than columns as well."""
    chance = random.Random(9)
    for _ in range(300):
        rows, columns = chance.randint(1, 9), chance.randint(1, 9)
        prices = [[chance.randrange(20) for _ in range(columns)] for _ in range(rows)]
        chosen = [(i, k) for i, k in enumerate(assign(prices)) if k is not None]
        assert len(chosen) == min(rows, columns) == len({k for _, k in chosen})
        expected = np.array(prices)[linear_sum_assignment(np.array(prices))].sum()
        assert sum(prices[i][k] for i, k in chosen) == expected
