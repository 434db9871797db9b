"""Stepping through a run over GraphQL, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from recordings import RUN_ID
from recordings import make_event as make_sdk_event
from stepped import RunMaker, make_chain

from agenttrace.steps import StepCursor, StepTimeline, fold
from agenttrace.trace import load_runs
from agenttrace.trace.totals import write_usd
from agenttrace_server.services import steps as services

from ..support.client import Client
from ..support.dialects import ON_SQLITE
from ..support.lines import (
    make_call,
    make_event,
    make_payload,
    make_run,
    make_run_id,
    make_span,
    make_span_id,
)
from ..support.thread import ServerThread

RUN = make_run_id(0)
STEP = """query($r: ID!, $i: Int!) { replay(runId: $r) { step(index: $i) {
    index phase lane depth atMs elapsedMs eventName eventSeq
    span { spanId name } input { value } output { value } chunk { value }
    error { type message } cumulative { spans llmCalls toolCalls errors totalTokens costUsd }
    openSpanCount openSpans { name } state stateDelta { op path value oldValue }
    contextDiff { kind role oldIndex newIndex old new } } } }"""
FIND = """query($r: ID!, $f: Int!, $d: StepDirection!, $b: [BreakpointInput!]!) {
    replay(runId: $r) { find(from: $f, direction: $d, breakpoints: $b) { index } } }"""


def send_agent(client: Client) -> None:
    """Send an agent that asks a model, searches in vain, keeps a value, and asks again."""
    ask = [{"role": "user", "content": "what of Zürich?"}]
    within: dict[str, Any] = {"parent_span_id": make_span_id(0)}
    error = {"type": "builtins.ValueError", "message": "order-17 is gone"}
    client.send(
        [
            make_run(),
            make_span(0, name="agent", span_type="AGENT", seq=0, end_seq=9),
            make_call(1, seq=1, end_seq=3, input=make_payload({"messages": ask}), **within),
            make_event(2, span=1, body=make_payload("look for Zürich")),
            make_span(
                2,
                name="search",
                span_type="TOOL_CALL",
                status="ERROR",
                seq=4,
                end_seq=5,
                output=make_payload({"results": []}),
                error=error,
                **within,
            ),
            make_event(6, span=0, name="state", body=make_payload({"key": "a/b", "value": 2**70})),
            make_call(
                3,
                seq=7,
                end_seq=8,
                input=make_payload({"messages": [*ask, {"role": "tool", "content": "nothing"}]}),
                **within,
            ),
            make_run(status="COMPLETED", rev=1, end_seq=10),
        ]
    )


def get_step(client: Client, index: int) -> Any:
    return client.ask(STEP, r=RUN, i=index)["replay"]["step"]


def find(client: Client, start: int, direction: str, *breakpoints: dict[str, Any]) -> int | None:
    found = client.ask(FIND, r=RUN, f=start, d=direction, b=breakpoints)["replay"]["find"]
    return None if found is None else int(found["index"])


def find_all(client: Client, start: int, direction: str, *wanted: dict[str, Any]) -> list[int]:
    found = []
    while (at := find(client, start, direction, *wanted)) is not None:
        found.append(at)
        start = at
    return found


def test_a_step_has_what_appears_at_it(client: Client) -> None:
    """An input where a span starts, an output or an error where it ends, a body of an event."""
    send_agent(client)
    assert [get_step(client, index)["phase"] for index in range(10)] == [
        *("START", "START", "CHUNK", "END", "START", "END", "STATE", "START", "END", "END")
    ]
    assert get_step(client, 10) is None
    call, piece, failure = (get_step(client, index) for index in (1, 2, 5))
    assert call["input"]["value"]["messages"][0]["content"] == "what of Zürich?"
    assert (call["output"], call["chunk"], call["error"]) == (None, None, None)
    assert (piece["chunk"], piece["eventName"], piece["eventSeq"]) == (
        {"value": "look for Zürich"},
        "chunk",
        2,
    )
    assert failure["output"] == {"value": {"results": []}}
    assert failure["error"] == {"type": "builtins.ValueError", "message": "order-17 is gone"}
    assert [failure[name] for name in ("lane", "depth", "atMs", "openSpanCount")] == [0, 1, 2.5, 1]
    assert failure["openSpans"] == [{"name": "agent"}]
    assert failure["cumulative"] == {
        "spans": 3,
        "llmCalls": 1,
        "toolCalls": 1,
        "errors": 1,
        "totalTokens": 15,
        "costUsd": "0.0012",
    }


def test_a_step_has_the_state_and_the_context(client: Client) -> None:
    """Integers keep their digits, names are escaped in paths."""
    send_agent(client)
    state, call = get_step(client, 6), get_step(client, 7)
    assert get_step(client, 5)["state"] == {}
    assert state["state"] == call["state"] == {"a/b": 2**70}
    assert state["stateDelta"] == [{"op": "add", "path": "/a~1b", "value": 2**70, "oldValue": None}]
    assert call["contextDiff"] == [
        {
            "kind": "ADDED",
            "role": "tool",
            "oldIndex": None,
            "newIndex": 1,
            "old": None,
            "new": {"role": "tool", "content": "nothing"},
        }
    ]
    asked = client.ask("query($r: ID!){replay(runId:$r){a:state(at:-1) b:state(at:9)}}", r=RUN)
    assert asked["replay"] == {"a": {}, "b": {"a/b": 2**70}}


def test_the_run_leads_to_its_steps(client: Client) -> None:
    """`Run.replay` is the same; whether it can be executed again is said with it."""
    send_agent(client)
    query = """query($r: ID!) { run(id: $r) { replay { runId totalSteps complete replayable {
        ok boundaries blocked fidelities { fidelity count } blockers { kind span { name } } } } }
        replay(runId: $r) { runId totalSteps complete } }"""
    asked = client.ask(query, r=RUN)
    assert asked["run"]["replay"]["replayable"] == {
        "ok": True,
        "boundaries": 3,
        "blocked": 0,
        "fidelities": [{"fidelity": "EXACT", "count": 1}],
        "blockers": [],
    }
    assert asked["replay"] == {"runId": RUN, "totalSteps": 10, "complete": True}
    opaque = {"value": {"$opaque": "m.C"}, "codec": "typed", "types": {}, "fidelity": "opaque"}
    client.send([make_run(1), make_span(0, run=1, span_type="TOOL_CALL", output=opaque)])
    said = client.ask(query, r=make_run_id(1))["run"]["replay"]
    assert (said["complete"], said["replayable"]["ok"]) == (False, False)
    assert said["replayable"]["blockers"] == [{"kind": "OPAQUE", "span": {"name": "step 0"}}]


BREAKPOINTS: dict[str, tuple[dict[str, Any], list[int]]] = {
    "type": ({"type": "LLM_CALL"}, [1, 7]),
    "name": ({"name": "sea*"}, [4]),
    "model": ({"model": "gpt-*"}, [1, 7]),
    "status": ({"status": "ERROR"}, [5]),
    "path": ({"jsonPath": "$.output[?length(@)==0]"}, [5]),
    "input path": ({"jsonPath": "$.input.messages[?@.role=='tool']"}, [7]),
    "text": ({"text": "Zürich"}, [1, 2, 7]),
    "regex": ({"regex": "order-[0-9]+ is"}, [5]),
    "watch": ({"watch": "Zürich"}, [2, 7]),
    "cost": ({"costUsd": {"min": "0.001"}}, [3, 8]),
    "no cost": ({"costUsd": {"min": "0.0013"}}, []),
    "tokens": ({"totalTokens": {"min": 1, "max": 15}}, [3, 8]),
    "duration": ({"durationMs": {"max": 0.5}}, [3, 5, 8, 9]),
    "loop": ({"loop": 2}, []),
    "all of one": ({"type": "TOOL_CALL", "status": "ERROR", "text": "results"}, [5]),
    "expression": ({"expression": "type:TOOL_CALL & $.output[?length(@)==0]"}, [5]),
}


@pytest.mark.parametrize("case", BREAKPOINTS)
def test_a_breakpoint_is_found_both_ways(client: Client, case: str) -> None:
    """At the same steps, whichever way."""
    send_agent(client)
    breakpoint_, steps = BREAKPOINTS[case]
    assert find_all(client, -1, "FORWARD", breakpoint_) == steps
    assert find_all(client, 10, "BACKWARD", breakpoint_) == steps[::-1]


def test_the_server_s_steps_are_those_of_the_recording(client: Client) -> None:
    """Of a run with three lanes and a poor clock: every step and state, as from a file."""
    records = [*RunMaker(seed=5, jump_at=200).make(320)]
    assert client.send(records)["rejected"] == 0
    cursor = StepCursor.of_run(load_runs(records).runs[0])
    query = """query($r: ID!, $a: String) { replay(runId: $r) { totalSteps steps(first: 100,
        after: $a) { pageInfo { hasNextPage endCursor } edges { node { index phase lane depth atMs
        elapsedMs span { spanId } openSpanCount cumulative { spans errors totalTokens costUsd }
        } } } } }"""
    after, found = None, []
    while True:
        page = client.ask(query, r=RUN_ID, a=after)["replay"]["steps"]
        found += [edge["node"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert len(found) == len(cursor.timeline)
    for node in found:
        cursor.seek(node["index"])
        step, state = cursor.step, cursor.state()
        totals = state.totals
        assert node == {
            "index": step.index,
            "phase": step.phase.value,
            "lane": step.lane,
            "depth": step.depth,
            "atMs": None if step.offset_ns is None else step.offset_ns / 1e6,
            "elapsedMs": step.elapsed_ns / 1e6,
            "span": None if step.span is None else {"spanId": step.span.span_id},
            "openSpanCount": sum(map(len, state.open_spans.values())),
            "cumulative": {
                "spans": totals.spans,
                "errors": totals.errors,
                "totalTokens": totals.total_tokens,
                "costUsd": None if totals.cost_usd is None else write_usd(totals.cost_usd),
            },
        }
    last = fold(cursor.timeline, len(cursor.timeline) - 1)
    asked = client.ask(
        "query($r: ID!, $i: Int!){run(id:$r){totals{spans errors totalTokens costUsd}}"
        "replay(runId:$r){step(index:$i){cumulative{spans errors totalTokens costUsd} state}}}",
        r=RUN_ID,
        i=last.index,
    )
    assert asked["replay"]["step"]["cumulative"] == asked["run"]["totals"]
    assert asked["replay"]["step"]["state"].keys() == last.values.keys()


def test_steps_are_filtered(client: Client) -> None:
    """Each criterion, and all of them together."""
    send_agent(client)
    query = """query($r: ID!, $f: StepFilter, $n: Int) { replay(runId: $r) {
        steps(filter: $f, first: $n) { pageInfo { hasNextPage } edges { cursor node { index } } }
        } }"""

    def ask(first: int = 50, **wanted: Any) -> list[int]:
        page = client.ask(query, r=RUN, f=wanted, n=first)["replay"]["steps"]
        assert page["pageInfo"]["hasNextPage"] is (first < 50)
        return [edge["node"]["index"] for edge in page["edges"]]

    assert ask(phase=["STATE", "CHUNK"]) == [2, 6]
    assert ask(type=["LLM_CALL"]) == [1, 2, 3, 7, 8]
    assert ask(type=["LLM_CALL"], phase=["END"]) == [3, 8]
    assert ask(lane=[0], first=2) == [0, 1]
    assert ask(lane=[1]) == []
    assert ask(spanId=make_span_id(2)) == [4, 5]


def test_a_place_is_found_by_span_and_time(client: Client) -> None:
    """The start of a span, the last step before a time; null where there is none."""
    send_agent(client)
    query = """query($r: ID!, $s: ID!) { replay(runId: $r) { a: seek(spanId: "%s")
        b: seek(spanId: "%s:%s") c: seek(spanId: "ffffffffffffffff") d: seek(offsetMs: 2.4)
        e: seek(offsetMs: 1e300) f: seek(offsetMs: -1) } run(id: $s) { id } }"""
    own = make_span_id(2)
    found = client.ask(query % (own, RUN, own), r=RUN, s=RUN)["replay"]
    assert found == {"a": 4, "b": 4, "c": None, "d": 4, "e": 9, "f": None}


def test_a_run_that_goes_on_has_more_steps(client: Client) -> None:
    """A timeline that is kept is made anew when the run has changed."""
    query = "query($r: ID!){replay(runId:$r){totalSteps complete step(index:0){span{status}}}}"
    client.send([make_run(), make_span(0, status="STARTED", rev=0)])
    assert client.ask(query, r=RUN)["replay"] == {
        "totalSteps": 1,
        "complete": False,
        "step": {"span": {"status": "STARTED"}},
    }
    client.send([make_span(0, rev=1, end_seq=1), make_run(status="COMPLETED", rev=1)])
    assert client.ask(query, r=RUN)["replay"] == {
        "totalSteps": 2,
        "complete": True,
        "step": {"span": {"status": "COMPLETED"}},
    }
    assert client.ask('{replay(runId:"0"){totalSteps}}') == {"replay": None}
    client.send([make_run(3)])
    empty = client.ask(
        "query($r: ID!){replay(runId:$r){totalSteps steps{edges{cursor}} state(at:-1)}}",
        r=make_run_id(3),
    )
    assert empty["replay"] == {"totalSteps": 0, "steps": {"edges": []}, "state": {}}


@pytest.mark.parametrize(
    ("part", "message"),
    {
        'seek(spanId: "a", offsetMs: 1)': "give spanId or offsetMs, and not both",
        "seek": "give spanId or offsetMs, and not both",
        "state(at: 10)": "at is 10; it must be from -1 to 9",
        "steps(first: 201) { edges { cursor } }": "first is 201; it must be from 0 to 200",
        'steps(after: "x") { edges { cursor } }': "after is not a cursor of a list of steps",
        "find(from: 11, direction: FORWARD, breakpoints: []) { index }": "from is 11",
        "find(from: 1, direction: FORWARD, breakpoints: []) { index }": "there are 0 breakpoints",
        "find(from: 1, direction: FORWARD, breakpoints: [{}]) { index }": "asks nothing",
        'find(from: 1, direction: FORWARD, breakpoints: [{watch: "a", loop: 2}]) { index }': (
            "expression, watch and diverges stand alone"
        ),
        'find(from: 1, direction: FORWARD, breakpoints: [{regex: "(?=a)"}]) { index }': (
            "look-around"
        ),
        'find(from: 1, direction: FORWARD, breakpoints: [{jsonPath: "$["}]) { index }': (
            "is no JSONPath query"
        ),
        "find(from: 1, direction: FORWARD, breakpoints: [{costUsd: {}}]) { index }": (
            "costUsd has no end"
        ),
        "step(index: 0) { openSpans(last: 201) { name } }": "last is 201",
    }.items(),
)
@ON_SQLITE
def test_what_cannot_be_asked_says_why(client: Client, part: str, message: str) -> None:
    """With the code of a wrong argument."""
    send_agent(client)
    answer = client.ask_raw(f"query($r: ID!){{replay(runId:$r){{{part}}}}}", r=RUN)
    (error,) = answer["errors"]
    assert message in error["message"]
    assert error["extensions"]["code"] == "INVALID_ARGUMENT"


@ON_SQLITE
def test_bounds_are_kept(
    client: Client, server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps of a run, runs of an answer, time of a search: each says how to ask for less."""
    send_agent(client)
    others = [make_run(number) for number in range(1, 6)]
    client.send(others)
    listed = client.ask_raw("{runs(first:6){edges{node{replay{totalSteps}}}}}")
    assert "the steps of at most 4 runs" in listed["errors"][0]["message"]
    service = server.app.graphql._make_context.__self__.steps  # type: ignore[attr-defined]
    service.max_search_s = 0.0
    slow = client.ask_raw(FIND, r=RUN, f=-1, d="FORWARD", b=[{"text": "nowhere"}])["errors"][0]
    assert slow["extensions"]["code"] == "TIMED_OUT"
    assert "go on with from: -1" in slow["message"]
    for plain in ({"name": "nowhere"}, {"loop": 9}, {"jsonPath": "$.output.nowhere"}):
        slow = client.ask_raw(FIND, r=RUN, f=-1, d="FORWARD", b=[plain])["errors"][0]
        assert slow["extensions"]["code"] == "TIMED_OUT", plain
    monkeypatch.setattr(services, "MAX_STEPS", 9)
    client.send([make_event(99, name="log", body=make_payload(1))])
    large = client.ask_raw("query($r: ID!){replay(runId:$r){totalSteps}}", r=RUN)["errors"][0]
    assert "over 9; step through it with agenttrace replay RUN --step" in large["message"]


@ON_SQLITE
def test_deep_runs_and_strange_ones_are_stepped(client: Client) -> None:
    """5,000 levels; parents in a circle; state events that set nothing, or say so late."""
    records = [*make_chain(5_000)]
    records.append(make_sdk_event(90_000, "state", {"value": 1, "key": "late"}))
    records.append(make_sdk_event(90_001, "state", [1]))
    for at in range(0, len(records), 1_000):
        client.send(records[at : at + 1_000])
    query = """query($r: ID!) { replay(runId: $r) { totalSteps step(index: 4999) { depth
        openSpanCount openSpans(last: 2) { name } } state(at: 10001) } }"""
    assert client.ask(query, r=RUN_ID)["replay"] == {
        "totalSteps": 10_002,
        "step": {
            "depth": 4_999,
            "openSpanCount": 5_000,
            "openSpans": [{"name": "step 4999"}, {"name": "step 5000"}],
        },
        "state": {"late": 1},
    }
    circle = [
        make_run(),
        make_span(0, end_seq=3, parent_span_id=make_span_id(1)),
        make_span(1, end_seq=2, parent_span_id=make_span_id(0)),
    ]
    client.send(circle)
    steps = client.ask(
        "query($r: ID!){replay(runId:$r){steps{edges{node{phase span{name}}}}}}", r=RUN
    )["replay"]["steps"]["edges"]
    timeline = StepTimeline.of_run(load_runs(circle).runs[0])
    assert [edge["node"]["phase"] for edge in steps] == [
        timeline.moment(index).kind for index in range(4)
    ]


def test_a_long_text_is_searched_to_its_end(client: Client) -> None:
    """A text of several pieces, read by the search and by nothing else."""
    long = "x" * 3_000_000 + " needle"
    client.send([make_run(), make_span(0, end_seq=1, output=make_payload(long))])
    client.send([make_span(1, seq=2, end_seq=3, output=make_payload("needle"))])
    assert find(client, -1, "FORWARD", {"text": "needle"}) == 1
    assert find(client, 1, "FORWARD", {"regex": "need.e"}) == 3
    assert find(client, 4, "BACKWARD", {"text": "needle"}) == 3
