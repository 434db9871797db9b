"""Where a planted difference is said to begin, and why (D11)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from recordings import START_NS, make_payload
from run_trees import OTHER_ID, Step, copy_steps, list_steps, llm, make_run_of, pair, tool

from agenttrace.diff import CauseKind, Outcome, RunDiff, compare_runs

PROMPT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Weather in Rome?"},
]


def program(
    *,
    prompt: Any = PROMPT,
    answer: str = "call the weather tool",
    result: str = "sunny, 21 degrees",
    said: str | None = None,
    heard: str | None = None,
) -> list[Step]:
    """Return an agent that plans, calls a tool on another lane, and sums up what it heard."""
    weather = tool("weather", {"city": "Rome"}, result)
    weather.lane = 1
    summary = f"In Rome it is {result}."
    calls = [
        llm("plan", {"messages": prompt, "temperature": 0.2}, answer, model="m-1"),
        weather,
        llm(
            "answer",
            {"messages": [*PROMPT, {"role": "tool", "content": heard or result}]},
            said or summary,
        ),
        tool("send", {"text": said or summary}, "ok"),
    ]
    return [Step("agent", said or summary, {"task": "weather"}, calls, type="AGENT")]


def jitter() -> tuple[list[Step], list[Step]]:
    return program(answer="I shall call the weather tool"), program()


def prompt_edit() -> tuple[list[Step], list[Step]]:
    edited = [{"role": "system", "content": "Be brief and kind."}, PROMPT[1]]
    return program(), program(prompt=edited, answer="gladly: call the weather tool")


def tool_drift() -> tuple[list[Step], list[Step]]:
    return program(), program(result="rainy, 14 degrees")


def model_swap() -> tuple[list[Step], list[Step]]:
    head = program(answer="calling weather")
    head[0].children[0].fields["model"] = "m-2"
    return program(), head


def model_version() -> tuple[list[Step], list[Step]]:
    sides = program(), program(answer="calling weather")
    for number, steps in enumerate(sides):
        attributes = {"gen_ai.response.model": f"m-1-2026-0{number + 1}-01"}
        steps[0].children[0].fields["attributes"] = attributes
    return sides


def param_change() -> tuple[list[Step], list[Step]]:
    head = program(answer="calling weather")
    head[0].children[0].input = {"messages": PROMPT, "temperature": 0.9}
    return program(), head


def extra_call() -> tuple[list[Step], list[Step]]:
    head = program(said="In Rome it is sunny, 21 degrees. Checked.", heard="sunny; checked")
    head[0].children.insert(1, tool("verify", {"city": "Rome"}, True))
    return program(), head


def agent_decision() -> tuple[list[Step], list[Step]]:
    head = program(answer="ask the almanac", said="In Rome it is mild.", heard="mild")
    head[0].children[1] = tool("almanac", {"month": 5}, "mild")
    return program(), head


def new_error() -> tuple[list[Step], list[Step]]:
    head = program(said="I do not know.", heard="failed: no answer in 5 s")
    error = {"type": "builtins.TimeoutError", "message": "no answer in 5 s"}
    head[0].children[1].output = None
    head[0].children[1].fields = {"status": "ERROR", "error": error}
    return program(), head


def loop() -> tuple[list[Step], list[Step]]:
    head = program()
    again = [tool("weather", {"city": "Rome"}, "sunny, 21 degrees") for _ in range(4)]
    head[0].children[2:2] = again
    return program(), head


PLANTED: list[tuple[Callable[[], tuple[list[Step], list[Step]]], str, CauseKind, str | None]] = [
    (jitter, "plan", CauseKind.MODEL_NONDETERMINISM, None),
    (prompt_edit, "plan", CauseKind.CODE_OR_PROMPT_CHANGE, "system_prompt"),
    (tool_drift, "weather", CauseKind.WORLD_CHANGED, None),
    (model_swap, "plan", CauseKind.CONFIG_CHANGE, "model"),
    (model_version, "plan", CauseKind.MODEL_VERSION, None),
    (param_change, "plan", CauseKind.CONFIG_CHANGE, "params"),
    (extra_call, "verify", CauseKind.CONTROL_FLOW_CHANGE, "added"),
    (agent_decision, "plan", CauseKind.AGENT_DECISION, None),
    (new_error, "weather", CauseKind.NEW_FAILURE, None),
    (loop, "weather", CauseKind.LOOP, None),
]


def skew_clock(steps: list[Step]) -> None:
    """Let what comes later look as if it came earlier."""
    for number, step in enumerate(list_steps(steps)):
        start_ns = START_NS - number * 10**9
        step.fields |= {"start_ns": start_ns, "end_ns": start_ns + 500_000}


@pytest.mark.parametrize("is_skewed", [False, True], ids=["clocks right", "clocks skewed"])
@pytest.mark.parametrize(
    ("plant", "name", "kind", "detail"), PLANTED, ids=[each[0].__name__ for each in PLANTED]
)
def test_d11_a_planted_difference_is_found(
    plant: Callable[[], tuple[list[Step], list[Step]]],
    name: str,
    kind: CauseKind,
    detail: str | None,
    is_skewed: bool,
) -> None:
    """One origin, its span, its cause; whatever follows from it is no origin."""
    base, head = plant()
    if is_skewed:
        skew_clock(head)
    diff = compare_runs(*pair(base, head))
    (origin,) = diff.origins
    ref = origin.base or origin.head
    assert ref is not None
    assert (ref.name, origin.cause.kind, origin.cause.detail) == (name, kind, detail)
    assert diff.first_divergence is not None
    assert diff.first_divergence.path == f"agent > {name}"
    differing = [row for row in diff.rows if row.self_changed]
    assert sum(row.is_propagated for row in diff.rows) == origin.propagated == len(differing) - 1
    assert all(row.origin == 0 for row in differing if row.is_propagated)


def explain(base: list[Step], head: list[Step]) -> RunDiff:
    return compare_runs(*pair(base, head))


def test_a_failure_that_is_gone_is_the_inverse_of_a_new_one() -> None:
    """With the class and text of the error on the side that has it."""
    base, head = new_error()
    (origin,) = explain(head, base).origins
    assert origin.cause.kind is CauseKind.FAILURE_GONE
    assert [(each.name, each.base, each.head) for each in origin.cause.evidence] == [
        ("class", "builtins.TimeoutError", None),
        ("message", "no answer in 5 s", None),
    ]


def test_changes_on_lanes_that_know_nothing_of_each_other_are_two_origins() -> None:
    """The first is that with the lowest `seq` in base."""
    tasks = [tool(f"task {n}", {"n": n}, f"result {n}") for n in range(2)]
    for lane, task in enumerate(tasks, 1):
        task.lane = lane
    base = [Step("agent", children=tasks)]
    head = copy_steps(base)
    for task in head[0].children:
        task.output = "another result"
    diff = explain(base, head)
    assert [origin.path for origin in diff.origins] == ["agent > task 0", "agent > task 1"]
    assert diff.first_divergence is not None
    assert diff.first_divergence.name == "task 0"


def test_a_changed_value_is_followed_into_another_lane() -> None:
    """An input that holds what an origin said, and did not in base, follows from it."""
    reader = tool("read", {"page": 1}, "the first page")
    reader.lane = 1
    writer = tool("write", {"text": "summary of the first page"}, "ok")
    writer.lane = 2
    base = [Step("agent", children=[reader, writer])]
    head = copy_steps(base)
    head[0].children[0].output = "a torn page"
    head[0].children[1].input = {"text": "summary of a torn page"}
    diff = explain(base, head)
    assert [origin.path for origin in diff.origins] == ["agent > read"]
    assert diff.origins[0].propagated == 1


def fail(step: Step, message: str, kind: str = "builtins.ValueError") -> Step:
    step.output = None
    step.fields = {"status": "ERROR", "error": {"type": kind, "message": message}}
    return step


def list_origins(diff: RunDiff) -> list[tuple[str, CauseKind]]:
    return [(origin.path, origin.cause.kind) for origin in diff.origins]


def plan_search_answer(system: str = "Be brief.", plan: str = "search first") -> list[Step]:
    return [
        llm("plan", {"messages": [{"role": "system", "content": system}]}, plan),
        tool("search", {"query": "agents"}, ["known of agents"]),
        llm("answer", {"messages": ["known of agents"]}, "In short: known"),
    ]


@pytest.mark.parametrize("plan", ["search first", "let us search"], ids=["alike", "otherwise"])
def test_a_second_failure_is_an_origin_of_its_own(plan: str) -> None:
    """It was given the same, so it does not follow; what was given its text follows from it."""
    head = plan_search_answer("Be verbose.", plan)
    fail(head[1], "search is down: 503")
    head[2].input, head[2].output = {"messages": ["search is down: 503"]}, "In short: nothing"
    diff = explain(plan_search_answer(), head)
    assert list_origins(diff) == [
        ("plan", CauseKind.CODE_OR_PROMPT_CHANGE),
        ("search", CauseKind.NEW_FAILURE),
    ]
    assert [row.origin for row in diff.rows] == [None, None, 1]


def test_what_ended_alike_has_no_effect_on_what_comes_after() -> None:
    """An argument that code changed, and a call that it adds, do not follow from a prompt."""
    head = plan_search_answer("Be verbose.")
    head[1].input = {"query": "agents", "limit": 3}
    head.append(tool("verify", {"what": "it"}, True))
    assert list_origins(explain(plan_search_answer(), head)) == [
        ("plan", CauseKind.CODE_OR_PROMPT_CHANGE),
        ("search", CauseKind.CODE_OR_PROMPT_CHANGE),
        ("verify", CauseKind.CONTROL_FLOW_CHANGE),
    ]


def test_one_change_that_two_calls_are_given_is_one_origin() -> None:
    """The second holds the same new value, though the first call came to the same."""
    sides = [
        [llm(name, {"system": system, "n": n}, "same") for n, name in enumerate(("plan", "sum"))]
        for system in ("Be brief.", "Be verbose.")
    ]
    diff = explain(*sides)
    assert list_origins(diff) == [("plan", CauseKind.CODE_OR_PROMPT_CHANGE)]
    assert diff.origins[0].propagated == 1


def test_a_setting_that_two_calls_are_given_is_one_origin() -> None:
    """A model or a temperature, by its name: the number alone may be anywhere."""
    for settings in (
        ({"model": "m-1"}, {"model": "m-2"}),
        ({"temperature": 0.1}, {"temperature": 0.9}),
    ):
        sides = [
            [llm(name, {"n": n, **given}, "same") for n, name in enumerate(("plan", "sum"))]
            for given in settings
        ]
        diff = explain(*sides)
        assert list_origins(diff) == [("plan", CauseKind.CONFIG_CHANGE)]
        assert diff.origins[0].propagated == 1
    head = [
        llm("plan", {"temperature": 0.9}, "same"),
        llm("sum", {"temperature": 0.1, "top_p": 0.9}, "same"),
    ]
    base = [llm(name, {"temperature": 0.1}, "same") for name in ("plan", "sum")]
    assert len(explain(base, head).origins) == 2


def test_tools_that_drift_within_two_agents_are_two_origins() -> None:
    """The first agent came to the same all the same."""
    sides = [
        [
            Step(f"agent {n}", "same", n, [tool("look", {"q": n}, f"{side} of {n}")], type="AGENT")
            for n in range(2)
        ]
        for side in ("this", "that")
    ]
    assert list_origins(explain(*sides)) == [
        ("agent 0 > look", CauseKind.WORLD_CHANGED),
        ("agent 1 > look", CauseKind.WORLD_CHANGED),
    ]


def test_a_call_of_which_no_input_is_known_follows_on_its_lane() -> None:
    """It may have been given what changed before it; so may what comes after an unknown end."""
    sides = [
        [tool("read", {"n": 1}, page), Step("save", ok), tool("send", {"text": page}, 1)]
        for page, ok in (("old page", "a"), ("new page", "b"))
    ]
    diff = explain(*sides)
    assert list_origins(diff) == [("read", CauseKind.WORLD_CHANGED)]
    assert diff.origins[0].propagated == 2
    sides = [[tool("keep", {"n": n}, None), tool("send", {"text": n}, 1)] for n in (1, 2)]
    assert len(explain(*sides).origins) == 1


def test_a_failure_within_a_span_is_where_that_fails_from() -> None:
    """However equal what the outer one was given is."""
    base = [Step("agent", "done", "go", [tool("look", {"q": 1}, 1)], type="AGENT")]
    head = copy_steps(base)
    for step in list_steps(head):
        fail(step, "boom")
    assert list_origins(explain(base, head)) == [("agent > look", CauseKind.NEW_FAILURE)]


def explain_own(
    base: dict[str, Any], head: dict[str, Any], steps: list[Step], others: list[Step] | None = None
) -> RunDiff:
    other = make_run_of(others or copy_steps(steps), run_id=OTHER_ID, **head)
    return compare_runs(make_run_of(steps, **base), other)


def test_a_run_that_fails_outside_any_span_is_an_origin() -> None:
    """With its error; the other way round it fails no more."""
    failed = {"status": "ERROR", "error": {"type": "builtins.ValueError", "message": "boom"}}
    diff = explain_own({}, failed, program())
    (origin,) = diff.origins
    assert (origin.is_run, origin.path, diff.run_origin) == (True, "the run itself", 0)
    assert (origin.cause.kind, origin.propagated) == (CauseKind.NEW_FAILURE, 0)
    assert [(each.name, each.base, each.head) for each in origin.cause.evidence] == [
        ("class", None, "builtins.ValueError"),
        ("message", None, "boom"),
        ("status", "COMPLETED", "ERROR"),
    ]
    assert diff.first_divergence is not None
    assert (diff.first_divergence.span_id, diff.first_divergence.path) == ("", "the run itself")
    (back,) = explain_own(failed, {}, program()).origins
    assert back.cause.kind is CauseKind.FAILURE_GONE


def test_a_run_that_fails_from_a_span_follows_from_it() -> None:
    """As a span around the one that failed would."""
    failed = {"status": "ERROR", "error": {"type": "builtins.ValueError", "message": "boom"}}
    head = [*program(), fail(tool("pay", {"sum": 5}, None), "boom")]
    diff = explain_own({}, failed, [*program(), tool("pay", {"sum": 5}, "ok")], head)
    assert list_origins(diff) == [("pay", CauseKind.NEW_FAILURE)]
    assert diff.run_origin == 0


def test_what_a_run_is_given_comes_before_all_else() -> None:
    """A call that is given something else follows from it; an answer to the same does not."""
    sides = [
        [tool("find", {"q": q}, f"about {q}"), llm("greet", {"messages": ["hello"]}, greeting)]
        for q, greeting in (("rome", "good day"), ("oslo", "good evening"))
    ]
    own = [{"input": make_payload({"q": q})} for q in ("rome", "oslo")]
    diff = explain_own(own[0], own[1], *sides)
    assert list_origins(diff) == [
        ("the run itself", CauseKind.CODE_OR_PROMPT_CHANGE),
        ("greet", CauseKind.MODEL_NONDETERMINISM),
    ]
    assert [row.origin for row in diff.rows] == [0, None]
    evidence = diff.origins[0].cause.evidence
    assert [(each.name, each.base, each.head) for each in evidence] == [
        ("input", '{"q": "rome"}', '{"q": "oslo"}')
    ]


def test_code_that_changed_is_told_by_its_hash_and_commit() -> None:
    """What was recorded of the code is evidence."""
    base = [tool("load", {"page": 1}, "x", fn_hash="a" * 64)]
    head = [tool("load", {"page": 2}, "y", fn_hash="b" * 64)]
    commits = [{"vcs.ref.head.revision": letter * 40} for letter in "cd"]
    diff = compare_runs(
        make_run_of(base, resource=commits[0]),
        make_run_of(head, run_id=OTHER_ID, resource=commits[1]),
    )
    cause = diff.origins[0].cause
    assert cause.kind is CauseKind.CODE_OR_PROMPT_CHANGE
    assert [(each.name, each.base, each.head) for each in cause.evidence] == [
        ("fn_hash", "a" * 64, "b" * 64),
        ("revision", "c" * 40, "d" * 40),
        ("input.page", "1", "2"),
        ("output", "x", "y"),
    ]


def test_figures_alone_are_told_as_such() -> None:
    """No row differs, so nothing begins anywhere, but it took three times as long."""
    times = [{"duration_ns": each * 10**9, "end_ns": START_NS + each * 10**9} for each in (1, 3)]
    diff = explain(*([Step("work", 1, fields=each)] for each in times))
    assert diff.identical
    assert diff.performance is not None
    assert diff.performance.kind is CauseKind.PERFORMANCE
    assert [(each.name, each.base, each.head) for each in diff.performance.evidence] == [
        ("busy time", "1.00 s", "3.00 s")
    ]
    assert all(row.outcome is Outcome.UNCHANGED for row in diff.rows)


def show_evidence(diff: RunDiff) -> list[tuple[str, str | None, str | None]]:
    return [(each.name, each.base, each.head) for each in diff.origins[0].cause.evidence]


def test_a_call_that_failed_and_was_made_again_is_a_retry() -> None:
    """With the error of the attempt that failed; the other way round it is gone."""
    base = [tool("search", {"q": 1}, "found")]
    head = [fail(tool("search", {"q": 1}, None), "slow", "builtins.TimeoutError"), *base]
    diff = explain(base, head)
    (origin,) = diff.origins
    assert (origin.cause.kind, origin.cause.detail) == (CauseKind.NEW_FAILURE, "retry")
    assert show_evidence(diff) == [
        ("attempts", "1", "2"),
        ("class", None, "builtins.TimeoutError"),
        ("message", None, "slow"),
    ]
    assert explain(head, base).origins[0].cause.kind is CauseKind.FAILURE_GONE


def test_a_call_that_fails_otherwise_names_both_errors() -> None:
    """It failed before, so that it is no new failure."""
    sides = [
        [fail(tool("search", {"q": 1}, None), message, kind)]
        for message, kind in (("slow", "builtins.TimeoutError"), ("503", "http.ServerError"))
    ]
    diff = explain(*sides)
    assert list_origins(diff) == [("search", CauseKind.WORLD_CHANGED)]
    assert show_evidence(diff) == [
        ("input", "equal", "equal"),
        ("class", "builtins.TimeoutError", "http.ServerError"),
        ("message", "slow", "503"),
    ]


def test_a_prompt_and_a_model_that_both_changed_are_both_evidence() -> None:
    """And the parameters; the prompt is what it is called by."""
    sides = [
        [llm("plan", {"system": system, "temperature": heat}, "go", model=model)]
        for system, heat, model in (("Be brief.", 0.1, "m-1"), ("Be long.", 0.9, "m-2"))
    ]
    diff = explain(*sides)
    assert diff.origins[0].cause.detail == "system_prompt"
    assert show_evidence(diff) == [
        ("input.system", "Be brief.", "Be long."),
        ("model", "m-1", "m-2"),
        ("temperature", "0.1", "0.9"),
    ]


def test_a_model_that_chose_other_arguments_decided() -> None:
    """No call is there on one side alone; the same tool is called with something else."""
    sides = [
        [
            llm("plan", {"messages": ["where?"]}, {"tool": "search", "city": city}),
            tool("search", {"city": city}, f"about {city}"),
        ]
        for city in ("rome", "oslo")
    ]
    diff = explain(*sides)
    assert list_origins(diff) == [("plan", CauseKind.AGENT_DECISION)]
    assert show_evidence(diff)[0] == ("arguments of search", '{"city": "rome"}', '{"city": "oslo"}')


def test_the_replay_that_would_prove_it_allows_what_it_makes() -> None:
    """Of the calls from there on: by name, or by effect where the name is no plain word."""
    steps = [
        tool("before", {"n": 0}, 0, effect="write"),
        tool("look", {"n": 1}, "this", effect="unknown"),
        tool("read", {"n": 2}, 2, effect="read"),
        tool("pay; rm", {"n": 3}, 3, effect="write"),
    ]
    head = copy_steps(steps)
    head[1].output = "that"
    assert explain(steps, head).origins[0].cause.action == (
        "agenttrace replay BASE --live-from 3 --allow tool:look --allow write -- PROGRAM: "
        "does it differ again?"
    )
