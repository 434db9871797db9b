"""How often a gate is wrong: false alarms without a change, and power with one.

    python packages/sdk/benchmarks/gates.py --simulations 400

Figures are drawn as tokens are: logarithms that are normal, with a coefficient of variation of
0.35. The gate is `metrics: {cost: {max_increase: 10%}}`; beside it stands what a plain threshold
of 20 % does. The same seed prints the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from math import log, sqrt
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from agenttrace.diff.statistics import Policy, Verdict, judge
from agenttrace.diff.statistics.effects import compare_pairs, compare_samples
from agenttrace.diff.statistics.rates import Rate, compare_rates

if TYPE_CHECKING:
    from collections.abc import Iterator

ALPHA = 0.05
SPREAD = sqrt(log(1 + 0.35**2))
THRESHOLD = 1.2
COUNTS = (3, 5, 10, 20, 40)
FACTORS = (1.0, 1.3)
CASE_SPREAD = 1.0
"""How much cases differ among themselves; of a case the figures differ as above."""


def draw(random: np.random.Generator, count: int, factor: float) -> tuple[list[float], list[float]]:
    """Return the figures of two groups, head's being `factor` times as large."""
    base, head = np.exp(random.normal(0, SPREAD, (2, count)))
    return base.tolist(), (factor * head).tolist()


def judge_samples(base: list[float], head: list[float], seed: int) -> Verdict:
    """Return the verdict of the gate."""
    found = compare_samples(base, head, alpha=ALPHA, seed=seed, resampled=False)
    policy = Policy(ALPHA, min_effect=0.1, margin=0.1)
    return judge(found, p_adjusted=found.p, policy=policy).verdict


def judge_cases(random: np.random.Generator, count: int, factor: float, seed: int) -> Verdict:
    """Return the verdict on the same cases on both sides."""
    sizes = np.exp(random.normal(0, CASE_SPREAD, count))
    base, head = draw(random, count, factor)
    pairs = [(b * s, h * s) for b, h, s in zip(base, head, sizes.tolist(), strict=True)]
    found = compare_pairs(pairs, alpha=ALPHA, seed=seed, resampled=False)
    policy = Policy(ALPHA, min_effect=0.1, margin=0.1)
    return judge(found, p_adjusted=found.p, policy=policy).verdict


def simulate(
    count: int, factor: float, simulations: int
) -> Iterator[tuple[bool, Verdict, Verdict]]:
    """Yield, for each simulation, whether a threshold on medians fires, and both verdicts."""
    random = np.random.Generator(np.random.PCG64([count, round(factor * 100)]))
    for seed in range(simulations):
        base, head = draw(random, count, factor)
        fires = median(head) > THRESHOLD * median(base)
        yield fires, judge_samples(base, head, seed), judge_cases(random, count, factor, seed)


def simulate_rates(count: int, head_share: float, simulations: int) -> float:
    """Return how often a fall from 95 % of successes is called a regression."""
    random = np.random.Generator(np.random.PCG64([count, round(head_share * 100), 7]))
    policy = Policy(ALPHA, worse="lower")
    flagged = 0
    for _ in range(simulations):
        base = Rate(int(random.binomial(count, 0.95)), count)
        head = Rate(int(random.binomial(count, head_share)), count)
        found = compare_rates(base, head, alpha=ALPHA)
        flagged += judge(found, p_adjusted=found.p, policy=policy).verdict is Verdict.REGRESSION
    return flagged / simulations


def main() -> None:
    """Print a table of false alarms and power."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--simulations", type=int, default=400)
    simulations = parser.parse_args().simulations
    print(f"{simulations} simulations each, CV 0.35, gate max_increase 10 %, alpha {ALPHA}")
    print(
        f"{'runs':>9}  {'change':>6}  {'threshold':>9}  {'gate fails':>10}  {'inconclusive':>12}"
        f"  {'by case fails':>13}"
    )
    for count in (1, *COUNTS):
        for factor in FACTORS:
            found = list(simulate(count, factor, simulations))
            shares = [
                sum(fires for fires, *_ in found),
                sum(apart is Verdict.REGRESSION for _, apart, _ in found),
                sum(apart is Verdict.INCONCLUSIVE for _, apart, _ in found),
                sum(paired is Verdict.REGRESSION for *_, paired in found),
            ]
            fires, fails, doubts, paired = (f"{each / simulations:.1%}" for each in shares)
            print(
                f"{count:>4} v {count:<2}  {factor - 1:>+6.0%}  {fires:>9}  {fails:>10}"
                f"  {doubts:>12}  {paired:>13}"
            )
    print("successes of 95 %: how often the gate calls it a regression")
    for count in (10, 20, 40):
        same, fallen = (simulate_rates(count, share, simulations) for share in (0.95, 0.6))
        print(f"{count:>4} v {count:<2}  still 95 %: {same:.1%}  now 60 %: {fallen:.1%}")


if __name__ == "__main__":
    sys.exit(main())
