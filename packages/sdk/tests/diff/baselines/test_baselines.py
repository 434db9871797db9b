"""Baselines: what several runs vary in, and a file that says it."""

from __future__ import annotations

import numpy as np
import pytest
from groups import make_group

from agenttrace.diff.baselines import (
    BaselineError,
    CallRange,
    is_baseline,
    learn_baseline,
    read_baseline,
    write_baseline,
)
from agenttrace.diff.gates import GateEvidence, Gates, GateStatus, MetricGate, check_gates
from agenttrace.diff.groups import measure_run


def test_it_knows_what_is_optional_and_how_often() -> None:
    """In how many runs a call was, and how often in those."""
    calls = [("llm:plan", "tool:search"), ("llm:plan", *["tool:search"] * 3), ("llm:plan",)]
    runs = make_group(1, [{"calls": each} for each in calls])
    baseline = learn_baseline([measure_run(run) for run in runs])
    assert baseline.calls == {"llm:plan": CallRange(3, 1, 1), "tool:search": CallRange(2, 1, 3)}
    assert (baseline.is_required("llm:plan"), baseline.is_required("tool:search")) == (True, False)
    assert not baseline.is_required("tool:other")
    assert str(baseline.success) == "3/3"


def test_a_figure_that_never_varied_has_its_value_as_limit() -> None:
    """And one that nobody said is not there."""
    baseline = learn_baseline([measure_run(r) for r in make_group(1, [{}] * 4)])
    assert baseline.metrics["spans"].limit == 3
    assert "cost_usd" not in baseline.metrics


def test_it_reads_back_what_it_wrote() -> None:
    """The same baseline, and the same bytes each time."""
    runs = make_group(1, [{"tokens": 100 + 7 * n, "output": f"é{n % 2}"} for n in range(5)])
    baseline = learn_baseline([measure_run(run) for run in runs])
    text = write_baseline(baseline)
    assert is_baseline(text)
    assert not is_baseline('{"v":1}')
    assert read_baseline(text, name="b.json") == baseline
    assert write_baseline(read_baseline(text, name="b.json")) == text


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("[]", "b.json is no baseline"),
        ("{", "b.json is no baseline"),
        ('{"agenttrace_baseline": 2}', "version 2, and this package reads 1: build it again"),
        ('{"agenttrace_baseline": 1}', "missing required field `runs`"),
        ('{"agenttrace_baseline": 1, "runs": "x"}', "Expected `int`, got `str` - at `$.runs`"),
    ],
)
def test_what_is_no_baseline_is_said(text: str, part: str) -> None:
    """With what is wrong and where."""
    with pytest.raises(BaselineError) as raised:
        read_baseline(text, name="b.json")
    assert part in str(raised.value)


def test_a_further_run_of_the_kind_seldom_leaves_the_range() -> None:
    """D15's noise: of 300 runs like the ten that it learnt from, about 5 % and at most 8 %."""
    random = np.random.Generator(np.random.PCG64(9))
    gates = Gates(metrics=(MetricGate("total_tokens", 0.0),))
    flagged = 0
    for _ in range(300):
        tokens = [int(each) for each in 1000 * np.exp(random.normal(0, 0.34, 11))]
        runs = [measure_run(run) for run in make_group(1, [{"tokens": each} for each in tokens])]
        evidence = GateEvidence([], runs[10:], baseline=learn_baseline(runs[:10]))
        flagged += check_gates(gates, evidence).status is GateStatus.FAIL
    assert 3 <= flagged <= 24, flagged
