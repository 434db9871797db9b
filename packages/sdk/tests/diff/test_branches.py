"""Where a difference begins and why, in runs of which parts ran side by side or are not there."""

from __future__ import annotations

from typing import Any

import pytest
from recordings import load
from run_trees import OTHER_ID, Step, copy_steps, llm, make_run_of, pair, tool, write_records

from agenttrace.diff import CauseKind, RunDiff, compare_runs, invert
from agenttrace.diff.compare import add_unreadable

QUESTION = {"messages": [{"role": "user", "content": "go"}]}


def branches(*, answer: str, audit: bool) -> list[Step]:
    """Return two agents side by side: one asks a model, the other makes calls."""
    calls = [tool("search", {"q": "x"}, 1), *([tool("audit", {"q": "x"}, 1)] if audit else [])]
    writer = Step("writer", answer, {"n": 1}, [llm("chat", QUESTION, answer)], type="AGENT", lane=1)
    finder = Step("finder", 0, {"n": 2}, calls, type="AGENT", lane=2)
    for lane, agent in enumerate((writer, finder), 1):
        for step in agent.children:
            step.lane = lane
    return [Step("both", 0, {"n": 0}, [writer, finder])]


def list_causes(diff: RunDiff) -> list[tuple[str, CauseKind]]:
    return [(origin.path.rpartition(" > ")[2], origin.cause.kind) for origin in diff.origins]


def test_d11_what_another_branch_does_is_no_decision_of_this_model() -> None:
    """Code adds a call in one, a model answers otherwise in the other: two causes of their own."""
    diff = compare_runs(*pair(branches(answer="a", audit=False), branches(answer="b", audit=True)))
    assert list_causes(diff) == [
        ("chat", CauseKind.MODEL_NONDETERMINISM),
        ("audit", CauseKind.CONTROL_FLOW_CHANGE),
    ]
    evidence = diff.origins[1].cause.evidence
    assert [each.name for each in evidence] == ["call"]  # no model was asked before it


def test_d11_a_call_on_a_lane_that_the_agent_starts_after_its_model_is_its_decision() -> None:
    """The other lane follows from the answer, whichever lane that was on."""
    steps = [llm("chat", QUESTION, "one"), tool("search", {"q": "x"}, 1, lane=1)]
    head = copy_steps(steps)
    head[0].output = "two"
    head.append(tool("audit", {"q": "y"}, 1, lane=2))
    diff = compare_runs(*pair(steps, head))
    assert list_causes(diff) == [("chat", CauseKind.AGENT_DECISION)]


def test_what_changed_its_input_shows_what_came_of_it() -> None:
    """A prompt and its answer, an agent of which only the result differs: all of it is evidence."""
    base = [llm("chat", QUESTION, "refund ok")]
    head = [llm("chat", {"messages": [{"role": "user", "content": "no"}]}, "refund denied")]
    (origin,) = compare_runs(*pair(base, head)).origins
    assert [each.name for each in origin.cause.evidence] == ["input.messages", "output"]
    agents = [[Step("agent", said, {"n": 1}, type="AGENT")] for said in ("a", "b")]
    (origin,) = compare_runs(*pair(*agents)).origins
    assert [(each.name, each.base, each.head) for each in origin.cause.evidence] == [
        ("output", "a", "b")
    ]


@pytest.mark.parametrize("how", ["open", "lost", "unreadable"])
def test_what_was_not_recorded_is_no_other_control_flow(how: str) -> None:
    """Of a run that is cut off nobody knows what it did; what it has more is still its own."""
    base = branches(answer="a", audit=False)
    base[0].children[0].children.append(tool("send", {"n": 1}, 1, lane=1))
    head = branches(answer="a", audit=True)
    fields: dict[str, dict[str, Any]] = {
        "open": {"status": "STARTED", "complete": None},
        "lost": {"complete": False},
    }
    cut = write_records(head, run_id=OTHER_ID, **fields.get(how, {}))
    diff = compare_runs(make_run_of(base), load(cut))
    if how == "unreadable":
        assert CauseKind.NOT_RECORDED not in dict(list_causes(diff)).values()
        diff = add_unreadable(diff, base=0, head=2)
    causes = {"send": CauseKind.NOT_RECORDED, "audit": CauseKind.CONTROL_FLOW_CHANGE}
    assert dict(list_causes(diff)) == causes
    assert dict(list_causes(invert(diff))) == causes
