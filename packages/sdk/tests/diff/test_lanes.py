"""Which lanes are paired, against SciPy."""

from __future__ import annotations

import random

import numpy as np
from scipy.optimize import linear_sum_assignment

from agenttrace.diff.align.lanes import assign


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
