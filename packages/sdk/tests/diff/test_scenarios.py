"""What a comparison says of plain cases: the scenarios D1 to D7, D12 and D15 of its design."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest
from recordings import START_NS, load, make_payload
from run_trees import OTHER_ID, Step, copy_steps, llm, make_run_of, pair, tool, write_records

from agenttrace.diff import (
    Counts,
    Flag,
    Mask,
    Outcome,
    Row,
    Rules,
    RunDiff,
    Unordered,
    WarningCode,
    compare_runs,
)

HOUR_NS = 3_600 * 1_000_000_000


def find(diff: RunDiff, name: str) -> Row:
    (row,) = [row for row in diff.rows if row.ref.name == name]
    return row


def agent() -> list[Step]:
    calls = [
        llm("plan", {"messages": [{"role": "user", "content": "go"}]}, "search first"),
        tool("search", {"query": "agents"}, {"hits": [1, 2]}),
        llm("answer", {"messages": [{"role": "user", "content": "sum up"}]}, "done"),
    ]
    return [Step("agent", "done", {"task": "go"}, calls, type="AGENT")]


def test_d1_a_run_is_identical_to_itself() -> None:
    """Nothing differs, so nothing is where it begins."""
    run = make_run_of(agent())
    diff = compare_runs(run, run)
    assert diff.identical
    assert diff.counts == Counts(unchanged=4)
    assert (diff.cost, diff.approx) == (0, False)
    assert (diff.first_divergence, diff.origins, diff.performance) == (None, (), None)
    assert not any(row.self_changed or row.subtree_changed for row in diff.rows)


def test_d1_a_copy_with_other_ids_and_times_is_identical() -> None:
    """Neither ids, nor the clock, nor the order of a file's lines is content."""
    records = write_records(agent(), run_id=OTHER_ID, shift_ns=3 * HOUR_NS, first_id=77)
    random.Random(5).shuffle(records)
    diff = compare_runs(make_run_of(agent()), load(records))
    assert diff.identical
    assert diff.base.digest == diff.head.digest


def test_d2_one_span_more_in_front_of_500_of_its_name_is_one_row() -> None:
    """Positions shift and nothing else."""
    steps = [tool("fetch", {"page": page}, f"text {page}") for page in range(500)]
    diff = compare_runs(*pair(steps, [tool("fetch", {"page": -1}, "cover"), *copy_steps(steps)]))
    assert diff.counts == Counts(unchanged=500, added=1)
    assert diff.rows[0].outcome is Outcome.ADDED
    assert not diff.approx


@pytest.mark.parametrize("count", [20, 300], ids=["exact", "beyond the exact distance"])
def test_d3_a_layer_around_spans_is_one_row(count: int) -> None:
    """What was wrapped is where it was, and so it is when the layer goes."""
    inner = [tool("call", {"n": n}, n, fields={}) for n in range(count)]
    steps = [Step("top", children=inner)]
    wrapped = [Step("top", children=[Step("retry", children=copy_steps(inner))])]
    diff = compare_runs(*pair(steps, wrapped))
    assert diff.counts == Counts(unchanged=count + 1, wrapped=1)
    assert (diff.cost, find(diff, "retry").covers) == (1, count)
    back = compare_runs(*pair(wrapped, steps))
    assert back.counts == Counts(unchanged=count + 1, unwrapped=1)
    assert (back.cost, find(back, "retry").covers) == (1, count)


@pytest.mark.parametrize("beside", [0, 1, 5])
@pytest.mark.parametrize("count", [2, 5, 20, 100])
def test_d3_a_layer_around_what_fans_out_is_one_row(count: int, beside: int) -> None:
    """A decorator that passes its input on, around an agent whose calls are side by side."""
    fan = [tool("fetch", {"n": n}, n, lane=n + 1) for n in range(count)]
    agent = Step("inner", "done", {"q": "x"}, fan, type="AGENT")
    around = Step("outer", "done", {"q": "x"}, copy_steps([agent]), type="AGENT")
    before, after = ([tool("step", {"at": at + n}, n) for n in range(beside)] for at in (0, 50))
    runs = pair([*before, agent, *after], [*before, around, *after])
    diff = compare_runs(*runs)
    assert diff.counts == Counts(unchanged=count + 1 + 2 * beside, wrapped=1)
    assert (diff.cost, len(diff.origins)) == (1, 1)
    bare = pair([*before, agent, *after], [*before, *copy_steps(fan), *after])
    assert compare_runs(*bare).counts == Counts(unchanged=count + 2 * beside, unwrapped=1)
    assert compare_runs(*bare).cost == 1


def test_d4_a_leaf_that_gains_a_child_stays_itself() -> None:
    """A span is told by what it is, not by whether something is below it."""
    steps = [Step("top", children=[Step("leaf", "x")])]
    head = [Step("top", children=[Step("leaf", "x", children=[Step("new")])])]
    diff = compare_runs(*pair(steps, head))
    assert diff.counts == Counts(unchanged=2, added=1)
    leaf = find(diff, "leaf")
    assert (leaf.self_changed, leaf.subtree_changed) == (False, True)
    assert find(diff, "top").subtree_changed


def test_d5_siblings_of_different_lanes_have_no_order() -> None:
    """How threads and tasks happened to mix is no difference."""
    steps = [
        Step("top", children=[Step(f"task {n}", n, lane=n) for n in range(10)]),
    ]
    mixed = copy_steps(steps)
    random.Random(3).shuffle(mixed[0].children)
    for lane, step in enumerate(mixed[0].children):
        step.lane = lane
    assert compare_runs(*pair(steps, mixed)).identical


@pytest.mark.parametrize("names", ["0123456789", "aaaaaaaaaa"], ids=["other names", "one name"])
def test_d5_siblings_of_one_lane_that_change_places_have_moved(names: str) -> None:
    """Nothing was added or removed by that."""
    steps = [Step("top", children=[tool(name, {"n": n}, n) for n, name in enumerate(names)])]
    head = copy_steps(steps)
    random.Random(3).shuffle(head[0].children)
    diff = compare_runs(*pair(steps, head))
    assert (diff.counts.added, diff.counts.removed, diff.counts.changed) == (0, 0, 0)
    moved = [row for row in diff.rows if row.outcome is Outcome.MOVED]
    assert len(moved) >= 1
    assert {row.reason for row in moved} == {"reordered"}


def make_call(arguments: str) -> list[Step]:
    call = {"id": "call_k2Jh81Lm", "function": {"name": "add", "arguments": arguments}}
    return [llm("plan", {"messages": []}, {"tool_calls": [call]})]


def test_d6_arguments_are_compared_as_the_json_that_they_hold() -> None:
    """Spaces and the order of keys are not content; a value is."""
    runs = pair(make_call('{"a":1,"b":2}'), make_call('{"b": 2,"a":1}'))
    assert compare_runs(*runs).identical
    diff = compare_runs(*pair(make_call('{"a":1,"b":2}'), make_call('{"b": 3,"a":1}')))
    assert diff.counts == Counts(changed=1)
    assert diff.rows[0].flags == {Flag.OUTPUT}


def with_figures(step: Step, **fields: Any) -> Step:
    step.fields |= fields
    return step


def usage(tokens: int) -> dict[str, Any]:
    return {"prompt_tokens": tokens, "completion_tokens": 0, "source": "reported"}


def test_d12_an_unknown_cost_is_not_nothing() -> None:
    """Where one side does not say it there is no difference to tell."""
    cost = {"usd": "0.01", "source": "reported"}
    diff = compare_runs(
        *pair([llm("ask", {}, "a")], [with_figures(llm("ask", {}, "a"), cost=cost)])
    )
    assert diff.identical
    delta = diff.rows[0].metrics.get("cost_usd")
    assert (delta.base, delta.head, delta.change, delta.percent) == (
        None,
        Decimal("0.01"),
        None,
        None,
    )
    assert diff.aggregates.total.get("cost_usd").change is None
    assert (diff.aggregates.total.base.cost_known, diff.aggregates.total.head.cost_known) == (0, 1)


def test_d12_a_change_from_0_has_no_percentage() -> None:
    """It is known, and beyond any."""
    diff = compare_runs(
        *pair(
            [with_figures(llm("ask", {}, "a"), usage=usage(0))],
            [with_figures(llm("ask", {}, "a"), usage=usage(5))],
        )
    )
    delta = diff.aggregates.total.get("total_tokens")
    assert (delta.change, delta.percent) == (5, None)


def test_d12_a_sum_that_a_parent_repeats_counts_once() -> None:
    """An agent that reports what its calls used used nothing more."""
    calls = [with_figures(llm(f"ask {n}", {}, "a"), usage=usage(10)) for n in range(3)]
    steps = [Step("agent", children=calls, type="CUSTOM", fields={"usage": usage(30)})]
    diff = compare_runs(*pair(steps, copy_steps(steps)))
    assert diff.aggregates.total.base.total_tokens == 30
    assert diff.aggregates.total.base.usage_known == 3
    (asked,) = [each for each in diff.aggregates.by_type if each.key == "LLM_CALL"]
    assert asked.base.total_tokens == 30


def test_d12_spans_side_by_side_take_the_time_of_one() -> None:
    """Wall-clock time is not the sum of durations."""
    second = 1_000_000_000
    times = {"start_ns": START_NS, "end_ns": START_NS + second, "duration_ns": second}
    steps = [Step(f"task {n}", n, lane=n, fields=times) for n in range(5)]
    total = compare_runs(*pair(steps, copy_steps(steps))).aggregates.total.base
    assert (total.wall_ns, total.sum_ns, total.critical_ns) == (second, 5 * second, second)


def noisy(number: int, day: str, ratio: float, city: str) -> list[Step]:
    call = f"call_{number}Zk3x9Qw81LmN"
    return [
        llm(
            "plan",
            {"messages": [{"role": "user", "content": f"[req_{number}a8Bc7d] at {day}T10:00:00Z"}]},
            {"id": f"chatcmpl-{number}a8Bc7dEf", "tool_calls": [{"id": call}]},
        ),
        tool("weather", {"city": city, "call_id": call}, {"ratio": ratio, "request": number}),
    ]


def test_d15_noise_is_masked_and_a_real_change_is_not() -> None:
    """Ids, times and the last digits of floats differ in any two runs of one program."""
    base = noisy(1, "2026-01-01", 0.1 + 0.2, "Rome")
    rules = Rules(ignore=("$.output.request",))
    quiet = compare_runs(*pair(base, noisy(2, "2026-02-02", 0.3, "Rome")), rules)
    assert quiet.identical
    diff = compare_runs(*pair(base, noisy(2, "2026-02-02", 0.3, "Oslo")), rules)
    assert diff.counts == Counts(unchanged=1, changed=1)
    assert find(diff, "weather").flags == {Flag.INPUT}
    assert not find(diff, "plan").flags
    loud = compare_runs(
        *pair(base, noisy(2, "2026-02-02", 0.3, "Oslo")), Rules(builtin_masks=False)
    )
    assert loud.counts == Counts(changed=2)
    assert find(loud, "weather").flags == {Flag.INPUT, Flag.OUTPUT}


def test_d15_a_rule_never_hides_a_span() -> None:
    """What is ignored is content; a call that is new is new."""
    rules = Rules(ignore=("$.input", "$.output", "$..*"), masks=(Mask("all", r".+"),))
    diff = compare_runs(*pair(agent(), [*agent(), tool("extra", {"x": 1}, 2)]), rules)
    assert diff.counts == Counts(unchanged=4, added=1)


def test_d15_durations_are_no_content() -> None:
    """A replay is identical to what it replays, however fast it went; the figures are told."""
    slow = copy_steps(agent())
    slow[0].fields = {"duration_ns": 100_000_000, "end_ns": START_NS + 100_000_000}
    fast = copy_steps(agent())
    fast[0].fields = {"duration_ns": 1_000_000, "end_ns": START_NS + 1_000_000}
    diff = compare_runs(*pair(slow, fast))
    assert diff.identical
    assert diff.rows[0].metrics.get("duration_ns").change == -99_000_000
    assert diff.performance is not None


def test_numbers_within_the_tolerance_are_equal() -> None:
    """On either side of a rounded value too."""
    steps = [tool("score", {"x": 1}, {"score": 0.996})]
    head = [tool("score", {"x": 1}, {"score": 1.004})]
    assert compare_runs(*pair(steps, head), Rules(numeric_abs=0.01)).identical
    assert not compare_runs(*pair(steps, head), Rules(numeric_abs=0.001)).identical


def test_an_unordered_list_has_no_order() -> None:
    """By its own content, or by a key of its items."""
    steps = [tool("find", {}, {"tags": ["b", "a"], "hits": [{"id": 2, "x": 1}, {"id": 1}]})]
    head = [tool("find", {}, {"tags": ["a", "b"], "hits": [{"id": 1}, {"id": 2, "x": 1}]})]
    assert not compare_runs(*pair(steps, head)).identical
    rules = Rules(unordered=(Unordered("$.output.tags"), Unordered("$.output.hits", "id")))
    assert compare_runs(*pair(steps, head), rules).identical


def test_a_renamed_call_with_the_same_input_is_one_row() -> None:
    """It is no call that went and another that came."""
    steps = [tool("search", {"query": "x"}, 1)]
    diff = compare_runs(*pair(steps, [tool("web_search", {"query": "x"}, 1)]))
    assert diff.counts == Counts(renamed=1)
    assert diff.cost == 1


def test_calls_that_were_given_nothing_are_not_one_renamed() -> None:
    """That two of them were given the same says nothing."""
    diff = compare_runs(*pair([tool("load", {}, 1)], [tool("save", {}, 1)]))
    assert diff.counts == Counts(added=1, removed=1)


def test_a_subtree_elsewhere_has_moved() -> None:
    """It is told from one that went and another that came."""
    part = Step("part", children=[tool("one", {"n": 1}, 1), tool("two", {"n": 2}, 2)])
    base = [Step("left", children=[part]), Step("right", "r")]
    head = [Step("left"), Step("right", "r", children=copy_steps([part]))]
    diff = compare_runs(*pair(base, head))
    assert diff.counts == Counts(unchanged=4, moved=1)
    assert find(diff, "part").reason == "other_parent"


def test_the_model_and_its_parameters_have_flags_of_their_own() -> None:
    """So that a changed temperature does not look like a changed prompt."""
    given = {"messages": [{"role": "user", "content": "x"}], "temperature": 0.1, "model": "m"}
    steps = [llm("ask", given, "a", model="m")]
    head = [llm("ask", {**given, "temperature": 0.9}, "a", model="m")]
    assert compare_runs(*pair(steps, head)).rows[0].flags == {Flag.PARAMS}
    head = [llm("ask", {**given, "model": "n"}, "a", model="n")]
    assert compare_runs(*pair(steps, head)).rows[0].flags == {Flag.MODEL}


def test_the_runs_own_input_and_output_count() -> None:
    """A run without a span that differs is not identical when its answer is another."""
    base = make_run_of(agent(), output=make_payload("yes"))
    head = make_run_of(agent(), run_id=OTHER_ID, output=make_payload("no"))
    diff = compare_runs(base, head)
    assert not diff.identical
    assert diff.run_flags == {Flag.OUTPUT}
    assert (diff.cost, diff.counts) == (0.5, Counts(unchanged=4))


def test_rows_stand_in_the_order_of_head_with_the_gone_at_their_place() -> None:
    """So that a reader sees both runs as one tree."""
    base = [Step("top", children=[Step("a", 1), Step("gone", 2), Step("b", 3)])]
    head = [Step("top", children=[Step("a", 1), Step("b", 3), Step("new", 4)])]
    diff = compare_runs(*pair(base, head))
    assert [row.ref.name for row in diff.rows] == ["top", "a", "gone", "b", "new"]


def test_open_and_incomplete_runs_are_told() -> None:
    """A reader must know that data is missing."""
    whole = make_run_of(agent())
    running = make_run_of(agent(), run_id=OTHER_ID, status="STARTED", complete=None)
    lossy = make_run_of(agent(), run_id=OTHER_ID, complete=False, dropped={"queue_full": 3})
    assert not compare_runs(whole, whole).is_incomplete
    for other, code in ((running, WarningCode.RUNNING), (lossy, WarningCode.INCOMPLETE)):
        diff = compare_runs(whole, other)
        assert diff.is_incomplete
        assert code in [(warning.code) for warning in diff.warnings if warning.side == "head"]


def test_runs_that_share_nothing_are_compared_and_told() -> None:
    """Every span of both is in the result, and a word says that they may not belong together."""
    diff = compare_runs(*pair([tool("a", {"x": 1}, 1)], [llm("b", {"y": 1}, 2)]))
    assert diff.counts == Counts(added=1, removed=1)
    assert [warning.code for warning in diff.warnings] == [WarningCode.NOTHING_SHARED]


def test_a_circle_of_parents_is_compared_as_it_is_shown() -> None:
    """The span with the lowest `seq` stands at the top, and a warning says so."""
    steps = [Step("a", 1, fields={"parent_span_id": f"{2:016x}"}), Step("b", 2)]
    steps[1].fields = {"parent_span_id": f"{1:016x}"}
    run = make_run_of(steps)
    diff = compare_runs(run, run)
    assert diff.identical
    assert [warning.code for warning in diff.warnings] == [WarningCode.PARENT_CYCLE] * 2


def test_empty_runs_are_identical() -> None:
    """There is nothing in which they could differ."""
    diff = compare_runs(*pair([], []))
    assert diff.identical
    assert [warning.code for warning in diff.warnings] == [WarningCode.EMPTY] * 2
