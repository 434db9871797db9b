"""Verdicts: the gate's false alarms and power by simulation, and honest doubt."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from agenttrace.diff.statistics import (
    Evidence,
    Judgement,
    MissingExtraError,
    Policy,
    Procedure,
    Rate,
    Scale,
    Verdict,
    judge,
    require_extra,
)
from agenttrace.diff.statistics.effects import compare_pairs, compare_samples
from agenttrace.diff.statistics.rates import compare_rates

SPREAD = 0.34  # of the logarithms: a CV of 0.35


def simulate(seed: int, count: int, *, factor: float, resampled: bool = True) -> Judgement:
    """Return the verdict on two samples, head's figures being `factor` times as large."""
    random = np.random.Generator(np.random.PCG64(seed))
    base, head = np.exp(random.normal(0, SPREAD, (2, count)))
    found = compare_samples(
        base.tolist(), (factor * head).tolist(), alpha=0.05, seed=seed, resampled=resampled
    )
    return judge(found, p_adjusted=found.p, policy=Policy())


def test_no_change_is_seldom_flagged() -> None:
    """D13: of 200 pairs of samples of one kind at most 7 % are called changed, either way."""
    verdicts = [simulate(seed, 12, factor=1.0).verdict for seed in range(200)]
    flagged = [each for each in verdicts if each in {"regression", "improvement"}]
    assert len(flagged) <= 14, len(flagged)


def test_thirty_percent_more_are_seen_with_forty_runs() -> None:
    """D13: at least 85 of 100, at n = 40 and a CV of 0.35; a quarter of them by the bootstrap."""
    verdicts = [
        simulate(seed, 40, factor=1.3, resampled=seed % 4 == 0).verdict
        for seed in range(1000, 1100)
    ]
    assert verdicts.count(Verdict.REGRESSION) >= 85, verdicts.count(Verdict.REGRESSION)
    assert verdicts[::4].count(Verdict.REGRESSION) >= 21
    assert Verdict.IMPROVEMENT not in verdicts


def test_three_against_three_say_nothing() -> None:
    """D13: however far apart, with the reason and what it needs."""
    found = compare_samples([1, 2, 3], [100, 200, 300], alpha=0.05, seed=1)
    judgement = judge(found, p_adjusted=found.p, policy=Policy())
    reason = "3 v 3: the smallest possible p is 0.10; needs 4 v 4"
    assert judgement == Judgement(Verdict.INCONCLUSIVE, reason)


def test_three_against_three_that_are_equal_are_not_called_equivalent() -> None:
    """Low power is not proof of nothing."""
    found = compare_samples([1, 1, 1], [1, 1, 1], alpha=0.05, seed=1)
    assert judge(found, p_adjusted=found.p, policy=Policy()).verdict is Verdict.INCONCLUSIVE


def test_fewer_successes_are_a_regression() -> None:
    """D13: 20/20 against 12/20; the other way round an improvement."""
    policy = Policy(worse="lower")
    found = compare_rates(Rate(20, 20), Rate(12, 20), alpha=0.05)
    judgement = judge(found, p_adjusted=found.p, policy=policy)
    assert judgement.verdict is Verdict.REGRESSION
    assert judgement.reason.startswith("-40.0 points (")
    found = compare_rates(Rate(12, 20), Rate(20, 20), alpha=0.05)
    assert judge(found, p_adjusted=found.p, policy=policy).verdict is Verdict.IMPROVEMENT


def test_a_family_of_tests_needs_more() -> None:
    """Among five gates 4 v 4 can show nothing: 5 v 5 can."""
    found = compare_samples([1, 2, 3, 4], [10, 20, 30, 40], alpha=0.05, seed=1)
    judgement = judge(found, p_adjusted=0.14, policy=Policy(), tests=5)
    assert judgement.reason == ("4 v 4: the smallest possible p among 5 tests is 0.14; needs 5 v 5")
    pairs = compare_pairs([(1, 2), (1, 3), (2, 5)], alpha=0.05, seed=1)
    assert judge(pairs, p_adjusted=pairs.p, policy=Policy()).reason == (
        "3 pairs: the smallest possible p is 0.25; needs 6 pairs"
    )


def test_a_change_of_no_interest_is_none() -> None:
    """Sure, but of 2 %: within the margin."""
    base = [100 + n / 100 for n in range(20)]
    found = compare_samples(base, [each * 1.02 for each in base], alpha=0.05, seed=1)
    assert found.p is not None
    assert found.p < 0.001
    judgement = judge(found, p_adjusted=found.p, policy=Policy())
    assert judgement.verdict is Verdict.EQUIVALENT
    assert judgement.reason.endswith(": within 10 %")


def test_doubt_names_what_would_be_seen_and_what_it_needs() -> None:
    """Never 'no regression' from low power."""
    judgement = simulate(5, 10, factor=1.1)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "10 v 10 show one of " in judgement.reason
    assert judgement.reason.endswith(" one of 10 %")


def test_a_significant_p_without_its_interval_is_no_verdict() -> None:
    """Both have to say it."""
    found = Evidence(
        Procedure.MANN_WHITNEY, 9, 9, Scale.RATIO, p=0.01, smallest_p=0.001, effect=0.4
    )
    assert judge(found, p_adjusted=0.01, policy=Policy()).verdict is Verdict.INCONCLUSIVE


def test_nothing_known_is_inconclusive() -> None:
    """And says on which side."""
    found = Evidence(Procedure.MANN_WHITNEY, 0, 9, Scale.DIFFERENCE)
    judgement = judge(found, p_adjusted=None, policy=Policy())
    assert judgement == Judgement(Verdict.INCONCLUSIVE, "0 v 9: nothing to compare")


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name and the command; and the code of a usage error."""
    module = "agenttrace.diff.statistics.extra.find_spec"
    monkeypatch.setattr(module, lambda name: None if name == "scipy" else object())
    with pytest.raises(MissingExtraError) as raised:
        require_extra("comparing groups of runs")
    assert str(raised.value) == (
        "comparing groups of runs needs scipy: pip install 'agenttrace[diff]'"
    )
    assert raised.value.exit_code == 2


def test_nothing_heavy_is_loaded_before_it_is_needed() -> None:
    """Importing what verdicts are made of loads neither NumPy nor SciPy."""
    code = (
        "import sys, agenttrace.diff.statistics\n"
        "assert not {'numpy', 'scipy'} & sys.modules.keys(), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
