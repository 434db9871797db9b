"""What holds of every comparison: the properties P1 to P4, P6 to P11 of its design (D8)."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from recordings import RUN_ID, load, make_payload
from run_trees import (
    OTHER_ID,
    Step,
    copy_steps,
    edited,
    list_steps,
    make_run_of,
    pair,
    steps,
    write_records,
)

from agenttrace.diff import (
    Flag,
    Outcome,
    Rules,
    apply_patch,
    compare_runs,
    invert,
    list_contents,
)
from agenttrace.diff.patch import digest_run

if TYPE_CHECKING:
    from agenttrace.diff import RunDiff
    from agenttrace.trace import RecordedRun

LAWS = settings(max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FEWER = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@LAWS
@given(steps(), st.randoms(use_true_random=False))
def test_p1_a_copy_is_identical(base: list[Step], chance: random.Random) -> None:
    """With other ids, another time, and its lines in any order."""
    records = write_records(base, run_id=OTHER_ID, shift_ns=10**12, first_id=500)
    chance.shuffle(records)
    diff = compare_runs(make_run_of(base), load(records))
    assert diff.identical
    assert diff.counts.unchanged == len(diff.rows) == len(list_steps(base))


# What a run itself holds: for two in three pairs the same.
_DOWN = {"type": "ValueError", "message": "down"}
_OWN: list[dict[str, Any]] = [
    {},
    {"input": make_payload({"q": 1})},
    {"input": make_payload({"q": 2}), "output": make_payload("a longer answer")},
    {"output": make_payload(None)},
    {"status": "ERROR", "error": _DOWN},
    {"status": "ERROR", "error": {**_DOWN, "message": "gone"}, "input": make_payload({"q": 1})},
    {"status": "INTERRUPTED"},
]
OWN = st.sampled_from(_OWN).flatmap(
    lambda own: st.tuples(st.just(own), st.sampled_from([*[own] * 2 * len(_OWN), *_OWN]))
)


@LAWS
@given(steps(), steps(), OWN)
def test_p2_p3_p4_p10_of_any_two_runs(
    base: list[Step], head: list[Step], own: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    """What holds of one comparison of two runs: drawing these takes longer than all of it."""
    one = make_run_of(base, **own[0])
    other = make_run_of(head, run_id=OTHER_ID, first_id=1_000, **own[1])
    diff = compare_runs(one, other)
    check_inverse(one, other, diff)
    check_patch(one, other, diff)
    check_partition(base, head, diff)
    check_identity(diff)
    check_contents(diff)


def check_inverse(one: RecordedRun, other: RecordedRun, diff: RunDiff) -> None:
    """P2, to the letter: rows, order, origins, causes, figures and warnings."""
    assert compare_runs(other, one) == invert(diff)
    assert invert(invert(diff)) == diff


def check_patch(one: RecordedRun, other: RecordedRun, diff: RunDiff) -> None:
    """P3, in both directions, but for what the rules leave out of account."""
    assert digest_run(apply_patch(one, diff), diff) == diff.head.digest
    back = invert(diff)
    assert digest_run(apply_patch(other, back), back) == diff.base.digest


def check_partition(base: list[Step], head: list[Step], diff: RunDiff) -> None:
    """P4: every span is in one row, none is left out, none is there twice, the counts add up."""
    left = [row.position_base for row in diff.rows if row.position_base is not None]
    right = [row.position_head for row in diff.rows if row.position_head is not None]
    assert sorted(left) == list(range(len(list_steps(base))))
    assert sorted(right) == list(range(len(list_steps(head))))
    for outcome in Outcome:
        count = sum(row.outcome is outcome for row in diff.rows)
        assert getattr(diff.counts, outcome.value) == count


def check_identity(diff: RunDiff) -> None:
    """P10: equal digests say that nothing of rows and run differs, and the other way round."""
    is_same = all(row.outcome is Outcome.UNCHANGED for row in diff.rows)
    assert diff.identical == (diff.base.digest == diff.head.digest)
    assert diff.identical == (is_same and not diff.run_flags)
    assert diff.identical == (diff.cost == 0)
    assert bool(diff.origins) == has_origin(diff)


def has_origin(diff: RunDiff) -> bool:
    """Tell whether anything but attributes differs: that begins somewhere."""
    rows = (row for row in diff.rows if row.self_changed)
    return bool(diff.run_flags) or any(row.flags != {Flag.ATTRIBUTES} for row in rows)


def check_contents(diff: RunDiff) -> None:
    """Digests and field by field are two ways to compare: a row that changed says in what."""
    for row in diff.rows:
        told = {contents.part for contents in list_contents(row, diff.rules) if contents.changes}
        if row.outcome is Outcome.UNCHANGED:
            assert told == set()
        elif row.base is not None and row.head is not None:
            flags = {Flag.PARAMS: "input", Flag.INPUT: "input", Flag.OUTPUT: "output"}
            assert told == {part for flag, part in flags.items() if flag in row.flags}


@FEWER
@given(st.data())
def test_p6_a_rule_that_ignores_never_adds_rows(data: st.DataObject) -> None:
    """Of runs of one shape; where calls come and go it never makes the edits cost more."""
    base = data.draw(steps(lanes=1))
    head = copy_steps(base)
    for step in list_steps(head):
        if data.draw(st.booleans()):
            step.output = data.draw(st.sampled_from([{"x": 1}, {"x": 2, "y": 1}, "z"]))
    runs = pair(base, head)
    strict = compare_runs(*runs)
    for rule in ("$.output.x", "$.output", "$.input"):
        loose = compare_runs(*runs, Rules(ignore=(rule,)))
        assert loose.cost <= strict.cost
        assert loose.counts.unchanged >= strict.counts.unchanged


@FEWER
@given(steps(), st.randoms(use_true_random=False))
def test_p7_how_lanes_mix_is_no_difference(base: list[Step], chance: random.Random) -> None:
    """Siblings of different lanes in any order, each lane in its own."""
    head = copy_steps(base)
    holders = [head, *(step.children for step in list_steps(head))]
    for siblings in holders:
        lanes: dict[int, list[Step]] = {}
        for step in siblings:
            lanes.setdefault(step.lane, []).append(step)
        order = [step.lane for step in siblings]
        chance.shuffle(order)
        siblings[:] = [lanes[lane].pop(0) for lane in order]
    diff = compare_runs(*pair(base, head))
    assert diff.identical
    assert diff.base.digest == diff.head.digest


@FEWER
@given(st.data())
def test_p8_edits_never_cost_more_than_they_are(data: st.DataObject) -> None:
    """Of leaves of one lane, wherever the result is not told to be approximate."""
    base = data.draw(steps(lanes=1))
    head, cost = data.draw(edited(base))
    diff = compare_runs(*pair(base, head))
    assume(not diff.approx)
    assert diff.cost <= cost


def draw_turns(chance: random.Random, count: int) -> list[Step]:
    """Return so many turns of 2 to 6 calls each, one after another or side by side."""
    turns = []
    for number in range(count):
        is_parallel = chance.random() < 0.5
        calls = [
            Step(chance.choice("abc"), f"said {chance.randrange(40)}", lane=is_parallel * place)
            for place in range(chance.randint(2, 6))
        ]
        turns.append(Step("turn", number, children=calls))
    return turns


@FEWER
@given(st.integers(1, 40), st.integers(0, 8), st.randoms(use_true_random=False))
def test_p8_of_runs_of_up_to_280_spans(turns: int, edits: int, chance: random.Random) -> None:
    """With calls side by side too, many of them alike."""
    base = draw_turns(chance, turns)
    head = copy_steps(base)
    cost = 0.0
    for number in range(edits):
        calls = chance.choice(head).children
        place = chance.randrange(len(calls) + 1)
        kind = chance.choice("car") if place < len(calls) else "a"
        if kind == "a":
            lane = calls[0].lane if calls else 0
            calls.insert(place, Step(chance.choice("abx"), f"new {number}", lane=lane))
        elif kind == "r":
            del calls[place]
        else:
            calls[place].output = f"changed {number}"
        cost += {"c": 0.5}.get(kind, 1)
    diff = compare_runs(*pair(base, head))
    assert diff.approx or diff.cost <= cost


def give_figures(tops: list[Step], chance: random.Random) -> None:
    for step in list_steps(tops):
        step.fields["duration_ns"] = chance.choice([None, chance.randrange(1, 10**9)])
        if not step.children and chance.random() < 0.7:
            prompt = chance.randrange(100)
            step.fields["usage"] = {"source": "reported", "prompt_tokens": prompt}
            step.fields["cost"] = {"source": "reported", "usd": f"0.{chance.randrange(1, 999)}"}


@FEWER
@given(steps(), steps(), st.randoms(use_true_random=False))
def test_p11_differences_of_totals_are_those_of_rows(
    base: list[Step], head: list[Step], chance: random.Random
) -> None:
    """Where both sides are known; a row without a span on a side counts as nothing there."""
    give_figures(base, chance)
    give_figures(head, chance)
    diff = compare_runs(*pair(base, head))
    for total, name in (("sum_ns", "duration_ns"), ("cost_usd", "cost_usd")):
        sums: list[Any] = []
        for side in ("base", "head"):
            found = [getattr(row.metrics, side) for row in diff.rows]
            known = [getattr(each, name) for each in found if each is not None]
            values = [each for each in known if each is not None]
            sums.append(sum(values) if values else None)
        delta = diff.aggregates.total.get(total)
        assert [delta.base, delta.head] == sums
        is_known = None not in sums
        assert delta.change == (sums[1] - sums[0] if is_known else None)


PROGRAM = """
import json, random, sys
from run_trees import Step, pair
from agenttrace.cli.diff_shapes import shape_diff
from agenttrace.diff import compare_runs
chance = random.Random(7)
def make():
    return [Step(chance.choice("abc"), chance.randrange(3), lane=chance.randrange(3), children=[
        Step(chance.choice("abc"), chance.randrange(3)) for _ in range(3)]) for _ in range(8)]
for _ in range(20):
    diff = compare_runs(*pair(make(), make()))
    sys.stdout.write(json.dumps(shape_diff(diff, is_changed_only=False)))
"""


def test_p9_the_result_is_the_same_in_every_process() -> None:
    """Whatever the seed of hashes is."""
    said = set()
    for seed in ("0", "1", "4242"):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, done.stderr
        said.add(done.stdout)
    assert len(said) == 1


def test_a_patch_is_for_its_base_alone() -> None:
    """Another run is refused, not patched halfway."""
    import pytest

    from agenttrace.diff import PatchError

    one, other = pair([Step("a", 1)], [Step("a", 2)])
    diff = compare_runs(one, other)
    with pytest.raises(
        PatchError, match=f"{OTHER_ID} is not the base of this comparison, run {RUN_ID}"
    ):
        apply_patch(other, diff)
