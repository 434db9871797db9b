"""Breakpoints: what each holds at, that it is the same both ways, and what is no breakpoint."""

from __future__ import annotations

import pytest
from recordings import load, make_event, make_payload, make_run, make_span, span_id

from agenttrace.steps import BreakpointError, StepCursor, read_breakpoint
from agenttrace.trace import RecordedRun


@pytest.fixture(scope="module")
def run() -> RecordedRun:
    """Return three model calls and two searches, the second of which finds nothing and fails."""
    llm = {"span_type": "LLM_CALL", "model": "gpt-4o", "name": "ask"}
    tool = {"span_type": "TOOL_CALL", "name": "search [web]"}
    usage = {"source": "reported", "prompt_tokens": 900, "completion_tokens": 100}
    return load(
        [
            make_run(),
            make_span(
                1,
                seq=0,
                end_seq=2,
                input=make_payload({"messages": [{"role": "user", "content": "hi"}]}),
                output=make_payload("look for Zürich"),
                usage=usage,
                cost={"usd": "0.2", "source": "rates"},
                **llm,
            ),
            make_event(1, "chunk", "look for Zürich", span_id=span_id(1)),
            make_span(
                2,
                seq=3,
                end_seq=4,
                input=make_payload({"q": "Zürich"}),
                input_hash="a" * 64,
                output=make_payload({"results": ['a "quoted" fact']}),
                **tool,
            ),
            make_span(
                3,
                seq=5,
                end_seq=6,
                status="ERROR",
                duration_ns=6_000_000_000,
                input=make_payload({"q": "Zürich"}),
                input_hash="a" * 64,
                output=make_payload({"results": []}),
                error={"type": "builtins.ValueError", "message": "order-17 is gone"},
                **tool,
            ),
            make_span(
                4,
                seq=7,
                end_seq=8,
                input=make_payload({"messages": [{"role": "user", "content": 'a "quoted" fact'}]}),
                **llm,
            ),
            make_span(5, seq=9, end_seq=None, status="STARTED", model="other", name="ask again"),
        ]
    )


CASES = {
    "type:LLM_CALL": [0, 7],
    "type:tool_call": [3, 5],
    "name:ask": [0, 7],
    "name:ask*": [0, 7, 9],
    "name:search [web]": [3, 5],
    "name:*web*": [3, 5],
    "model:gpt-*": [0, 7],
    "status:ERROR": [6],
    "status:STARTED": [9],
    "error": [6],
    "cost>0.1": [2],
    "costUsd<=0.2": [2],
    "durationMs > 5000": [6],
    "tokens>=1000": [2],
    "promptTokens<900": [],
    "$.input.q": [3, 5],
    "$.input[?@=='Zürich']": [3, 5],
    "$.output[?length(@)==0]": [6],
    "$[?length(@.results)==0]": [6],
    "$.output[?search(@, 'Z.rich')]": [],
    "$[?search(@, 'Z.rich')]": [2],
    "text:Zürich": [1, 2, 3, 5],
    'text:a "quoted" fact': [4, 7],
    "regex:order-[0-9]+": [6],
    "regex:(?i)zÜRICH": [1, 2, 3, 5],
    "watch:Zürich": [1],
    'watch:a "quoted"': [4, 7],
    "watch:nowhere": [],
    "loop:2": [5],
    "loop:3": [],
    "name:search* & $.output[?length(@)==0]": [6],
    "type:TOOL_CALL & error & durationMs>1": [6],
    "type:TOOL_CALL & text:Zürich": [3, 5],
}


@pytest.mark.parametrize("text", CASES)
def test_a_breakpoint_holds_at_the_same_steps_both_ways(run: RecordedRun, text: str) -> None:
    """Forward from before the first step, backward from behind the last."""
    wanted = [read_breakpoint(text)]
    cursor = StepCursor.of_run(run)
    forward, start = [], -1
    while hit := cursor.find(wanted, start=start):
        assert hit.breakpoint.text == text
        start = hit.index
        forward.append(start)
    backward, start = [], len(cursor.timeline)
    while hit := cursor.find(wanted, start=start, backward=True):
        start = hit.index
        backward.append(start)
    assert forward == CASES[text]
    assert backward == CASES[text][::-1]


def test_of_several_breakpoints_the_nearest_holds(run: RecordedRun) -> None:
    """One that needs texts does not come after one further on that needs none."""
    cursor = StepCursor.of_run(run)
    wanted = [read_breakpoint(text) for text in ("error", "regex:quoted", "name:nothing")]
    found = []
    while hit := cursor.continue_(wanted):
        found.append((hit.index, hit.breakpoint.text))
    assert found == [(4, "regex:quoted"), (6, "error"), (7, "regex:quoted")]


def test_a_settled_watch_is_not_looked_for_again(run: RecordedRun) -> None:
    """Its steps are found once in the whole run, whatever the place it was set at."""
    cursor = StepCursor.of_run(run)
    cursor.seek(8)
    settled = cursor.settle([read_breakpoint('watch:a "quoted"')])
    assert [each.watch for each in settled] == [None]
    assert [cursor.reverse_continue(settled), cursor.reverse_continue(settled)] != [None, None]
    assert cursor.index == 4


@pytest.mark.parametrize(
    ("text", "message"),
    {
        "": "a breakpoint is empty",
        "nonsense": "is no breakpoint; give error, watch:TEXT",
        "colour:red": "is no breakpoint",
        "type:CAT": "is no type of span; there are LLM_CALL",
        "status:FINE": "is no status of a span",
        "loop:1": "is no loop; it must be 2 or more",
        "loop:often": "needs a whole number",
        "weight>3": "is no figure of a span; there are costUsd",
        "cost>much": "is no number to compare costUsd with",
        "cost>NaN": "is no number",
        "text:": "has 0 characters",
        "text:" + "x" * 1_001: "has 1001 characters",
        "regex:(": "is no regular expression",
        "regex:(?=a)": "look-around",
        r"regex:(a)\1": "backreferences are not supported",
        r"regex:(\w{1,99}){9}": "too large to be searched for in bounded time",
        "regex:a{1000000000000000}": "too large",
        "$.a[": "is no JSONPath query (RFC 9535)",
        "$.a =~ /b/": "is no JSONPath query",
        "$" + ".a" * 300: "the query has 601 characters",
        "type:LLM_CALL & error & $.input.q": "never holds",
    }.items(),
)
def test_what_is_no_breakpoint_says_why(text: str, message: str) -> None:
    """And what to give instead."""
    with pytest.raises(BreakpointError) as raised:
        read_breakpoint(text)
    assert message in str(raised.value)
