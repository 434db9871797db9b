"""The context of a model call, against that of the call before."""

from __future__ import annotations

import json

import pytest
from recordings import load, make_run, make_span, span_id

from agenttrace.steps import StepTimeline
from agenttrace.steps.context import compare_messages, name_context, read_messages


def say(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


SYSTEM, ASK, ANSWER = say("system", "be good"), say("user", "hello"), say("assistant", "hi")
LONG = say("tool", "a long result " * 50)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([SYSTEM, ASK], [SYSTEM, ASK], []),
        ([SYSTEM, ASK], [SYSTEM, ASK, ANSWER, LONG], [("ADDED", None, 2), ("ADDED", None, 3)]),
        ([SYSTEM, ASK, ANSWER], [SYSTEM, ANSWER], [("DROPPED", 1, None)]),
        ([SYSTEM, ASK], [say("system", "be bad"), ASK], [("CHANGED", 0, 0)]),
        (
            [SYSTEM, LONG],
            [SYSTEM, say("tool", LONG["content"][:280])],
            [("TRUNCATED", 1, 1)],
        ),
        (
            [SYSTEM, LONG],
            [SYSTEM, say("tool", LONG["content"][:280] + "… (cut)")],
            [("TRUNCATED", 1, 1)],
        ),
        ([], [ASK], [("ADDED", None, 0)]),
    ],
    ids=["same", "added", "dropped", "changed", "truncated", "truncated with a mark", "first"],
)
def test_what_happened_to_messages_is_told(
    old: list[object], new: list[object], expected: list[tuple[str, int | None, int | None]]
) -> None:
    """Each that is not as it was, by its places."""
    found = compare_messages(old, new)
    assert [(each.kind, each.old_place, each.new_place) for each in found] == expected


def test_a_message_in_another_place_is_moved() -> None:
    """And those that it passed are not."""
    tool = say("tool", "the weather in Bergen is rain")
    found = compare_messages([SYSTEM, ASK, ANSWER, tool], [SYSTEM, tool, ASK, ANSWER])
    assert [(each.kind, each.old_place, each.new_place) for each in found] == [("REORDERED", 3, 1)]


def test_what_is_no_message_is_compared_too() -> None:
    """A list of texts, and messages without a role or a content."""
    old: list[object] = ["first", {"role": "user"}, {"content": 7}]
    found = compare_messages(old, ["first", {"role": "user", "name": "x"}, {"content": 7}, None])
    assert [(each.kind, each.new_place, each.role) for each in found] == [
        ("CHANGED", 1, "user"),
        ("ADDED", 3, ""),
    ]


def test_one_injected_and_one_truncated_of_two_hundred() -> None:
    """All others are as they were."""
    old: list[object] = [say("user", f"message {number} " * 40) for number in range(200)]
    new: list[object] = [say("system", "new"), *old]
    new[101] = say("user", str(old[100]["content"])[:280])  # type: ignore[index]
    assert [each.kind for each in compare_messages(old, new)] == ["ADDED", "TRUNCATED"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"messages": [ASK]}, [ASK]),
        ({"system": "be good", "messages": [ASK]}, [SYSTEM, ASK]),
        ({"prompt": "hello", "n": 1}, [ASK]),
        ({"input": [ASK, ANSWER]}, [ASK, ANSWER]),
        ({"temperature": 1}, []),
        ("a text", []),
        (None, []),
    ],
)
def test_messages_are_found_where_providers_put_them(value: object, expected: list[object]) -> None:
    """`messages`, a system prompt beside them, a text, or a list under another name."""
    assert read_messages(json.dumps(value)) == expected


def test_the_call_before_is_that_of_the_lane_or_of_the_parent() -> None:
    """An agent that makes a task of each call has a lane for each; another agent's call is none."""
    llm = {"span_type": "LLM_CALL"}
    run = load(
        [
            make_run(),
            make_span(1, seq=0, end_seq=30),
            make_span(2, seq=1, end_seq=31, lane=1),
            make_span(3, seq=2, end_seq=3, lane=2, parent_span_id=span_id(1), **llm),
            make_span(4, seq=4, end_seq=5, lane=1, parent_span_id=span_id(2), **llm),
            make_span(5, seq=6, end_seq=7, lane=3, parent_span_id=span_id(1), **llm),
            make_span(6, seq=8, end_seq=9, lane=1, parent_span_id=span_id(2), **llm),
        ]
    )
    timeline = StepTimeline.of_run(run)
    before = {number: name_context(timeline, span_id(number)).old for number in (3, 4, 5, 6)}
    assert {n: key and int(key.span_id, 16) for n, key in before.items()} == {
        3: None,
        4: None,
        5: 3,
        6: 4,
    }
