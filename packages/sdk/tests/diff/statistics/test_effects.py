"""Effects and their intervals: of the right size, the same each time, unknown where unknown."""

from __future__ import annotations

from math import exp

import numpy as np
import pytest
from scipy import stats

from agenttrace.diff.statistics import (
    IntervalMethod,
    Procedure,
    Rate,
    Scale,
    adjust_benjamini_hochberg,
    adjust_holm,
)
from agenttrace.diff.statistics.effects import compare_pairs, compare_samples
from agenttrace.diff.statistics.rates import (
    compare_paired_rates,
    compare_rates,
    find_smallest_fisher_p,
)


def draw(seed: int, count: int, *, factor: float = 1.0, spread: float = 0.34) -> list[float]:
    """Return figures such as tokens: logarithms that are normal, a CV of about 0.35."""
    random = np.random.Generator(np.random.PCG64(seed))
    return [float(each) for each in factor * 1000 * np.exp(random.normal(0, spread, count))]


def test_a_ratio_is_found_whatever_the_unit() -> None:
    """Every ratio of one of head to one of base: the middle one."""
    base = draw(1, 12)
    found = compare_samples(base, [1.3 * each for each in base], alpha=0.05, seed=1)
    ratios = [1.3 * head / each for head in base for each in base]
    assert found.scale is Scale.RATIO
    assert found.effect == pytest.approx(float(np.exp(np.median(np.log(ratios)))) - 1)
    in_cents = compare_samples(
        [each * 100 for each in base], [130 * each for each in base], alpha=0.05, seed=1
    )
    assert in_cents.effect == pytest.approx(found.effect)
    assert in_cents.interval is not None
    assert found.interval is not None
    assert in_cents.interval.low == pytest.approx(found.interval.low)


def test_there_is_no_ratio_to_nothing() -> None:
    """Five tokens are not infinitely more than none: the effect is a difference."""
    found = compare_samples([0.0] * 6, [5.0] * 6, alpha=0.05, seed=1)
    assert (found.scale, found.effect) == (Scale.DIFFERENCE, 5.0)
    assert found.p == pytest.approx(2 / 924)


def test_nothing_known_is_no_effect() -> None:
    """Not 0."""
    found = compare_samples([], [1.0], alpha=0.05, seed=1)
    assert (found.p, found.effect, found.interval, found.detectable) == (None, None, None, None)
    assert (found.base_count, found.head_count) == (0, 1)
    assert compare_pairs([], alpha=0.05, seed=1).effect is None
    assert compare_rates(Rate(0, 0), Rate(1, 1), alpha=0.05).effect is None
    assert compare_paired_rates([], alpha=0.05, seed=1).effect is None


def test_a_seed_gives_the_same_interval_each_time() -> None:
    """To the last digit; another seed gives another one close by."""
    base, head = draw(1, 20), draw(2, 20, factor=1.3)
    first, again, other = (
        compare_samples(base, head, alpha=0.05, seed=seed).interval for seed in (7, 7, 8)
    )
    assert first == again != other
    assert first is not None
    assert other is not None
    assert first.method is IntervalMethod.BCA
    assert first.low == pytest.approx(other.low, abs=0.02)


@pytest.mark.parametrize(
    ("count", "resampled", "method"),
    [
        (5, True, IntervalMethod.PERCENTILE),
        (20, True, IntervalMethod.BCA),
        (20, False, IntervalMethod.RANK),
        (51, True, IntervalMethod.RANK),
    ],
)
def test_each_size_has_its_interval(count: int, resampled: bool, method: IntervalMethod) -> None:
    """Few figures are not corrected, very many are not resampled; all lie around the effect."""
    found = compare_samples(
        draw(3, count), draw(4, count, factor=1.3), alpha=0.05, seed=1, resampled=resampled
    )
    assert found.interval is not None
    assert found.effect is not None
    assert found.interval.method is method
    assert found.interval.low <= found.effect <= found.interval.high


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Of 95 % intervals of 200 samples of 12, about 95 %: not under 89 %."""
    hits = {True: 0, False: 0}
    for seed in range(200):
        for resampled in hits:
            if resampled and seed % 5:
                continue  # a fifth of them: each takes 10,000 draws
            found = compare_samples(
                draw(2 * seed, 12),
                draw(2 * seed + 1, 12, factor=1.3),
                alpha=0.05,
                seed=seed,
                resampled=resampled,
            ).interval
            assert found is not None
            hits[resampled] += found.low <= 0.3 <= found.high
    assert hits[True] >= 35
    assert hits[False] >= 182


def test_the_same_figures_everywhere_are_a_point() -> None:
    """No spread, no bootstrap, no warning."""
    found = compare_samples([7.0] * 5, [7.0] * 5, alpha=0.05, seed=1)
    assert (found.p, found.effect) == (1.0, 0.0)
    assert found.detectable == pytest.approx(0.0)
    assert found.interval is not None
    assert found.interval.method is IntervalMethod.EXACT
    almost = compare_samples([7.0] * 9, [*[7.0] * 8, 8.0], alpha=0.05, seed=1)
    assert (almost.p, almost.effect) == (1.0, 0.0)


def test_pairs_see_what_samples_cannot() -> None:
    """Cases of very unlike cost, each 10 % dearer."""
    base = draw(5, 12, spread=1.5)
    noise = draw(6, 12, spread=0.02)
    head = [1.1 * each * other / 1000 for each, other in zip(base, noise, strict=True)]
    apart = compare_samples(base, head, alpha=0.05, seed=1)
    paired = compare_pairs(list(zip(base, head, strict=True)), alpha=0.05, seed=1)
    assert apart.p is not None
    assert apart.p > 0.5
    assert paired.test is Procedure.WILCOXON
    assert paired.p == pytest.approx(2 / 2**12)
    assert paired.effect == pytest.approx(0.1, abs=0.02)
    assert paired.interval is not None
    assert paired.interval.low > 0.05
    assert paired.detectable is not None
    assert paired.detectable < 0.03
    many = compare_pairs(
        [(each, each * 1.1 + n % 3) for n, each in enumerate(draw(7, 150))], alpha=0.05, seed=1
    )
    assert many.interval is not None
    assert many.interval.method is IntervalMethod.RANK
    one = compare_pairs([(1.0, 2.0)], alpha=0.05, seed=1)
    assert one.effect == pytest.approx(1.0)
    assert one.detectable is None


def test_what_is_so_or_not_has_fishers_test_and_newcombes_interval() -> None:
    """20/20 against 12/20, as Newcombe's tenth method has it."""
    found = compare_rates(Rate(20, 20), Rate(12, 20), alpha=0.05)
    table = np.array([[20, 0], [12, 8]])
    assert found.p == pytest.approx(float(stats.fisher_exact(table).pvalue))
    assert found.effect == pytest.approx(-0.4)
    low, high = stats.binomtest(12, 20).proportion_ci(method="wilson")
    assert found.interval is not None
    below = 1 - stats.binomtest(20, 20).proportion_ci(method="wilson").low
    assert found.interval.low == pytest.approx(-0.4 - (0.6 - low))
    assert found.interval.high == pytest.approx(-0.4 + ((high - 0.6) ** 2 + below**2) ** 0.5)
    assert find_smallest_fisher_p(3, 3) == pytest.approx(0.1)
    all_or_none = stats.fisher_exact(np.array([[3, 0], [0, 5]])).pvalue
    assert find_smallest_fisher_p(3, 5) == pytest.approx(float(all_or_none))


def test_pairs_of_what_is_so_have_mcnemars_test() -> None:
    """Only the cases that changed count."""
    pairs = [(True, False)] * 8 + [(True, True)] * 11 + [(False, False)]
    found = compare_paired_rates(pairs, alpha=0.05, seed=3)
    assert (found.test, found.base_count) == (Procedure.MCNEMAR, 20)
    assert found.p == pytest.approx(2 / 2**8)
    assert found.effect == pytest.approx(-0.4)
    assert found.interval is not None
    assert -0.65 < found.interval.low < -0.4 < found.interval.high < -0.15
    still = compare_paired_rates([(True, True)] * 20, alpha=0.05, seed=3)
    assert (still.p, still.effect) == (1.0, 0.0)


def test_what_is_detectable_is_detected_four_times_out_of_five() -> None:
    """By simulation: a change of that size is significant in 70 to 90 of 100 cases."""
    reach = compare_samples(
        draw(11, 200), draw(12, 200), alpha=0.05, seed=1, resampled=False
    ).detectable
    assert reach is not None
    at_25 = exp(np.log1p(reach) * (200 / 25) ** 0.5)
    seen = sum(
        (
            compare_samples(
                draw(1000 + seed, 25),
                draw(5000 + seed, 25, factor=at_25),
                alpha=0.05,
                seed=1,
                resampled=False,
            ).p
            or 0
        )
        < 0.05
        for seed in range(100)
    )
    assert 70 <= seen <= 90


def test_several_tests_are_held_to_more() -> None:
    """Holm's and Benjamini and Hochberg's own figures, in the order that they came in."""
    p_values = [0.01, 0.04, 0.03, 0.005]
    assert adjust_holm(p_values) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    expected = [float(each) for each in stats.false_discovery_control(p_values)]
    assert adjust_benjamini_hochberg(p_values) == pytest.approx(expected)
    assert adjust_holm([]) == adjust_benjamini_hochberg([]) == []
    assert adjust_holm([0.9, 0.8]) == [1.0, 1.0]
