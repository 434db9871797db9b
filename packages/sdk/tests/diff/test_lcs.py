"""The longest common subsequence is as long as the table of the textbook says, and a real one."""

from __future__ import annotations

import random
import subprocess
import sys
import tracemalloc
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agenttrace.diff import lcs
from agenttrace.diff.lcs import match_anchors, match_sequences

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXTS = st.text("abcd", max_size=40)


def measure_longest(base: Sequence[object], head: Sequence[object]) -> int:
    """The oracle: the quadratic table, a cell at a time."""
    row = [0] * (len(head) + 1)
    for one in base:
        above, corner = row[:], 0
        for at, other in enumerate(head, 1):
            row[at] = corner + 1 if one == other else max(row[at - 1], above[at])
            corner = above[at]
    return row[-1]


def check_pairs(base: Sequence[object], head: Sequence[object]) -> None:
    pairs = match_sequences(base, head)
    assert all(base[i] == head[j] for i, j in pairs)
    assert all(one[0] < other[0] and one[1] < other[1] for one, other in pairwise(pairs))
    assert len(pairs) == measure_longest(base, head)


@given(TEXTS, TEXTS)
@settings(max_examples=600, deadline=None)
def test_the_longest_is_found(base: str, head: str) -> None:
    """What is matched is common, in order, and nothing longer exists."""
    check_pairs(base, head)


@given(TEXTS, TEXTS, st.integers(1, 60))
@settings(max_examples=400, deadline=None)
def test_halving_the_problem_loses_nothing(base: str, head: str, bits: int) -> None:
    """A table that is too big is cut in two, and the result is as long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lcs, "_MAX_TABLE_BITS", bits)
        check_pairs(base, head)


@pytest.mark.parametrize(
    ("base", "head", "pairs"),
    [
        ("", "", []),
        ("a", "", []),
        ("", "a", []),
        ("abc", "abc", [(0, 0), (1, 1), (2, 2)]),
        ("abc", "xbc", [(1, 1), (2, 2)]),
        ("aaaa", "aaaaa", [(0, 0), (1, 1), (2, 2), (3, 3)]),
        ("abcabba", "cbabac", [(1, 1), (3, 2), (4, 3), (6, 4)]),
    ],
    ids=["empty", "removed", "added", "equal", "end", "longer", "myers"],
)
def test_small_cases(base: str, head: str, pairs: list[tuple[int, int]]) -> None:
    """Among several longest ones it is always this one."""
    assert match_sequences(base, head) == pairs


@given(st.lists(st.integers(0, 60), max_size=60), st.lists(st.integers(0, 60), max_size=60))
@settings(max_examples=400, deadline=None)
def test_items_that_seldom_recur_are_matched_as_well(base: list[int], head: list[int]) -> None:
    """The way for few equal pairs finds the longest, too, and so does the way for many."""
    for sparse in (0, 10**9):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lcs, "_SPARSE", sparse)
            check_pairs(base, head)


@given(TEXTS, TEXTS)
@settings(max_examples=300, deadline=None)
def test_anchors_are_equal_and_rise(base: str, head: str) -> None:
    """Anchors are a common subsequence; all of the longest where nothing occurs twice."""
    pairs = match_anchors(base, head)
    assert all(base[i] == head[j] for i, j in pairs)
    assert all(one[0] < other[0] and one[1] < other[1] for one, other in pairwise(pairs))
    if len(set(base)) == len(base) and len(set(head)) == len(head):
        assert len(pairs) == measure_longest(base, head)


def test_long_sequences_are_matched_whole() -> None:
    """5,000 items with 300 replaced: the others all stay matched."""
    chance = random.Random(6)
    base = [chance.randrange(50) for _ in range(5000)]
    head: list[int] = list(base)
    for at in chance.sample(range(5000), 300):
        head[at] = -1
    assert len(match_sequences(base, head)) >= 4700


def test_a_hundred_thousand_different_items_are_matched() -> None:
    """Memory and time do not grow with the square where items are the only ones of their kind."""
    base = list(range(100_000))
    head = [-1, *base[:50_000], -2, *base[50_001:], -3]
    tracemalloc.start()
    pairs = match_sequences(base, head)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(pairs) == 99_999
    assert peak_bytes < 64 * 1024 * 1024


def test_the_answer_does_not_hang_on_the_hash_seed() -> None:
    """Two processes with other hashes of texts match the same positions."""
    program = (
        "import random; from agenttrace.diff.lcs import match_sequences; r = random.Random(1);"
        "t = lambda: [r.choice('abcde') * 3 for _ in range(200)];"
        "print([match_sequences(t(), t()) for _ in range(20)])"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(answers) == 1
