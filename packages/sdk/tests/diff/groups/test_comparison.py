"""Two groups of runs: figures, structure, order and facts, ranked and held to chance."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from groups import make_group

from agenttrace.diff.formats import describe_groups
from agenttrace.diff.groups import (
    GroupComparison,
    GroupOptions,
    MetricComparison,
    compare_groups,
    matches_key,
)
from agenttrace.diff.statistics import Procedure, Verdict

ALL = ("llm:plan", "tool:search", "tool:verify")


def draw_tokens(seed: int, count: int, *, factor: float = 1.0) -> list[dict[str, Any]]:
    """Return arguments of runs whose tokens vary by a third."""
    random = np.random.Generator(np.random.PCG64(seed))
    return [{"tokens": int(each)} for each in factor * 1000 * np.exp(random.normal(0, 0.34, count))]


def find(comparison: GroupComparison, name: str) -> MetricComparison:
    """Return the row of a figure."""
    (row,) = (row for row in comparison.metrics if row.metric.name == name)
    return row


def test_more_tokens_are_a_regression_and_show_where() -> None:
    """Of the tokens and the cost; not of the calls, which are the same."""
    comparison = compare_groups(
        make_group(1, draw_tokens(1, 20)), make_group(101, draw_tokens(2, 20, factor=2.0))
    )
    tokens = find(comparison, "total_tokens")
    assert tokens.judgement.verdict is Verdict.REGRESSION
    assert tokens.evidence.effect == pytest.approx(1.0, abs=0.4)
    assert (tokens.percent or 0) > 50
    assert find(comparison, "cost_usd").judgement.verdict is Verdict.REGRESSION
    assert find(comparison, "llm_calls").judgement.verdict is Verdict.EQUIVALENT
    assert find(comparison, "errors").judgement.verdict is Verdict.EQUIVALENT
    first = comparison.parts[0]
    assert first.is_significant
    assert {(row.by, row.key) for row in comparison.parts if row.is_significant} == {
        ("model", "small"),
        ("name", "llm:plan"),
        ("type", "llm"),
    }
    assert comparison.warnings == ()


def test_a_program_that_gives_up_has_not_improved() -> None:
    """It makes fewer calls, which is no praise by itself, and costs less, since it fails."""
    base = [{**each, "calls": ALL} for each in draw_tokens(1, 20)]
    quick = [{**each, "calls": ALL[:1]} for each in draw_tokens(2, 20, factor=0.3)]
    fine = compare_groups(make_group(1, base), make_group(101, quick))
    failed = [{**each, "status": "ERROR"} for each in quick]
    lost = compare_groups(make_group(1, base), make_group(101, failed))
    more = compare_groups(make_group(1, quick), make_group(101, base))
    assert find(fine, "cost_usd").judgement.verdict is Verdict.IMPROVEMENT
    assert find(lost, "cost_usd").judgement.verdict is Verdict.LESS
    assert find(lost, "cost_usd").judgement.reason.endswith("; fewer runs succeed")
    assert find(lost, "total_tokens").judgement.verdict is Verdict.FEWER
    assert find(more, "cost_usd").judgement.verdict is Verdict.REGRESSION
    for name in ("spans", "tool_calls"):
        verdicts = [find(each, name).judgement.verdict for each in (fine, lost, more)]
        assert verdicts == [Verdict.FEWER, Verdict.FEWER, Verdict.MORE]


def test_what_the_groups_were_chosen_by_is_no_news() -> None:
    """A report does not lead with the tag of the query; another tag of theirs it tells."""
    base = make_group(1, [{"tags": ["main"]}] * 10)
    head = make_group(101, [{"tags": ["pr", "fast"]}] * 10)
    found = compare_groups(base, head)

    def list_names(**more: Any) -> set[str]:
        report = describe_groups(found, base="tag:main", head="tag:pr", **more)
        (table,) = (each for each in report.tables if each.title == "What tells the groups apart")
        return {row[0] for row in table.rows}

    assert list_names() == {"tag = main", "tag = pr", "tag = fast"}
    assert list_names(chosen_by={("tag", "main"), ("tag", "pr")}) == {"tag = fast"}


def test_a_call_that_most_runs_lost() -> None:
    """Verify called 10/10, then 3/10: Fisher; and what came next instead."""
    without = ("llm:plan", "tool:search")
    base = make_group(1, [{"calls": ALL}] * 10)
    head = make_group(101, [{"calls": ALL}] * 3 + [{"calls": without}] * 7)
    comparison = compare_groups(base, head)
    lost = comparison.structure[0]
    assert (lost.key, str(lost.base), str(lost.head)) == ("tool:verify", "10/10", "3/10")
    assert lost.is_significant
    assert lost.p_adjusted is not None and lost.p_adjusted < 0.02  # noqa: PT018 -- one claim
    assert [row.is_significant for row in comparison.structure] == [True, False, False]
    first = comparison.transitions[0]
    ends = {
        (row.before, row.after): (str(row.base), str(row.head)) for row in comparison.transitions
    }
    assert first.is_significant
    assert ends == {
        ("tool:search", "end"): ("0/10", "7/10"),
        ("tool:search", "tool:verify"): ("10/10", "3/10"),
    }


def test_more_calls_in_each_run() -> None:
    """The same keys in every run, one of them five times as often."""
    base = make_group(1, [{"calls": ALL}] * 8)
    head = make_group(101, [{"calls": (*ALL, *["tool:search"] * 4)}] * 8)
    row = compare_groups(base, head).structure[0]
    assert (row.key, row.base_calls, row.head_calls) == ("tool:search", 1.0, 5.0)
    assert (row.base.share, row.head.share, row.is_significant) == (1.0, 1.0, True)


def test_fewer_successes() -> None:
    """D13: 20/20 against 12/20. A run that has not ended says neither."""
    base = make_group(1, [{}] * 20)
    head = make_group(101, [{}] * 12 + [{"status": "ERROR"}] * 8 + [{"status": "STARTED"}])
    comparison = compare_groups(base, head)
    success = comparison.success
    assert (str(success.base), str(success.head)) == ("20/20", "12/20")
    assert success.judgement.verdict is Verdict.REGRESSION
    (warning,) = comparison.warnings
    assert (warning.code, warning.side) == ("incomplete", "head")
    assert "1 of 21 runs of head is not whole" in warning.message
    assert "its end was not recorded" in warning.message


def test_facts_are_ranked_by_how_well_they_tell_the_groups_apart() -> None:
    """The region does, an id of each run and what all share do not; numbers are compared too."""

    def run(region: str, number: int, size: float) -> dict[str, Any]:
        attributes = {"region": region, "request": f"r{number}", "kind": "x", "size": size}
        return {"attributes": attributes, "tags": ["nightly"]}

    base = make_group(1, [run("eu", n, 10.0 + n) for n in range(10)])
    head = make_group(101, [run("us" if n else "eu", n + 10, 30.0 + n) for n in range(10)])
    rows = compare_groups(base, head).attributes
    assert [(row.key, row.value, row.is_significant) for row in rows] == [
        ("size", None, True),
        ("region", "eu", True),
        ("region", "us", True),
    ]
    assert (rows[0].base_median, rows[0].head_median, rows[0].difference) == (14.5, 34.5, 1.0)
    assert (str(rows[1].base), str(rows[1].head)) == ("10/10", "1/10")


def test_hundreds_of_facts_by_chance_are_no_findings() -> None:
    """Of 400 attributes that mean nothing none is called significant."""
    random = np.random.Generator(np.random.PCG64(3))

    def runs() -> list[dict[str, Any]]:
        return [
            {"attributes": {f"a{n}": str(random.integers(2)) for n in range(400)}}
            for _ in range(15)
        ]

    comparison = compare_groups(make_group(1, runs()), make_group(101, runs()))
    assert comparison.attributes
    assert not any(row.is_significant for row in comparison.attributes)


def test_cases_are_compared_with_themselves() -> None:
    """Cases of very unlike cost, each 20 % dearer: seen by case, not seen apart."""
    sizes = [100 * 2**n for n in range(12)]
    base = make_group(1, [{"tokens": s, "attributes": {"case_id": n}} for n, s in enumerate(sizes)])
    head = make_group(
        101,
        [
            {"tokens": int(s * (1.2 + n / 500)), "attributes": {"case_id": n}}
            for n, s in enumerate(sizes)
        ],
    )
    paired = compare_groups(base, head)
    assert paired.pairs == 12
    tokens = find(paired, "total_tokens")
    assert tokens.evidence.test is Procedure.WILCOXON
    assert tokens.judgement.verdict is Verdict.REGRESSION
    assert paired.success.evidence.test is Procedure.MCNEMAR
    apart = compare_groups(base, head, GroupOptions(pair_by=None))
    assert apart.pairs is None
    assert find(apart, "total_tokens").judgement.verdict is Verdict.INCONCLUSIVE


def test_cases_of_one_side_only_are_said_to_be_left_out() -> None:
    """And a run without a case makes it no comparison by case."""
    base = make_group(1, [{"attributes": {"case_id": n}} for n in range(4)])
    head = make_group(101, [{"attributes": {"case_id": n}} for n in range(2, 7)])
    comparison = compare_groups(base, head)
    assert comparison.pairs == 2
    (warning,) = comparison.warnings
    assert (warning.code, warning.message.partition(" runs")[0]) == ("pairing", "5")
    assert compare_groups(base, make_group(101, [{}])).pairs is None


def test_an_empty_group_is_said() -> None:
    """Nothing is compared, and nothing fails."""
    comparison = compare_groups([], make_group(1, [{"tokens": 5}] * 4))
    assert {row.judgement.verdict for row in comparison.metrics} == {Verdict.INCONCLUSIVE}
    assert [each.message for each in comparison.warnings if each.code == "empty"] == [
        "base holds no run"
    ]
    assert compare_groups([], []).metrics == ()


def test_too_many_kinds_of_calls_are_cut_and_said() -> None:
    """The ones that most runs have stay."""
    names = [f"tool:t{n}" for n in range(320)]
    base = make_group(1, [{"calls": ("llm:plan", *names)}, {"calls": ("llm:plan",)}])
    comparison = compare_groups(base, base)
    assert len(comparison.structure) == 300
    assert "llm:plan" in {row.key for row in comparison.structure}
    (warning,) = (each for each in comparison.warnings if each.code == "cut")
    assert warning.message.startswith("of 321 kinds of calls the 300")


def test_the_same_runs_give_the_same_result_in_any_process() -> None:
    """Whatever the seed of Python's hashes is; another order of the runs changes no figure."""
    code = """
import sys; sys.path.insert(0, {support!r})
from groups import make_group
from agenttrace.diff.groups import compare_groups
base = make_group(1, [{{"tokens": 100 + 7 * n, "tags": ["a", "b"]}} for n in range(9)])
more = [{{"tokens": 140 + 9 * n, "attributes": {{"x": n, "y": "z"}}}} for n in range(9)]
head = make_group(101, more)
print(repr(compare_groups(base, head)))
"""
    import groups

    support = groups.__file__.rpartition("/")[0]
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code.format(support=support)],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
            timeout=120,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


@pytest.mark.parametrize(
    ("pattern", "key", "is_meant"),
    [
        ("tool:delete_*", "tool:delete_file", True),
        ("tool:delete_*", "llm:delete_file", False),
        ("delete_*", "custom:delete_file", True),
        ("*:verify", "tool:verify", True),
        ("verify", "tool:verify it", False),
        ("http:get", "tool:http:get", True),
    ],
)
def test_a_pattern_means_keys(pattern: str, key: str, is_meant: bool) -> None:
    """With a type or by the name alone; a colon in a name is part of it."""
    assert matches_key(pattern, key) is is_meant
