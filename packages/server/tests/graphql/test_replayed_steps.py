"""What a replay says of its steps over GraphQL, and where two runs part."""

from __future__ import annotations

from typing import Any

import pytest

from ..support.client import Client
from ..support.lines import make_call, make_payload, make_run, make_run_id, make_span, make_span_id

RECORDED, REPLAYED = make_run_id(0), make_run_id(1)
STEPS = """query($r: ID!) { replay(runId: $r) { steps { edges { node { index phase replay {
    status sourceSpanId sourceSpan { id } divergence recordedDurationMs billedUsd } } } } } }"""
FIND = """query($r: ID!, $f: Int!, $d: StepDirection!, $b: [BreakpointInput!]!) {
    replay(runId: $r) { find(from: $f, direction: $d, breakpoints: $b) { index } } }"""


def make_marks(place: int, **said: Any) -> dict[str, Any]:
    """Return the attributes that a replay writes on the counterpart of a recorded span."""
    marks = {"source_span_id": make_span_id(place), "recorded_duration_ns": 2_500_000, **said}
    return {f"agenttrace.replay.{name}": value for name, value in marks.items()}


def send_both(client: Client) -> None:
    """Send an agent that asks and searches, and a replay of it in which the search was made."""
    for run in (0, 1):
        source: dict[str, Any] = {"replayed_from": RECORDED} if run else {}
        served: dict[str, Any] = (
            {"attributes": make_marks(1, status="replayed", billed_usd="0")} if run else {}
        )
        own: dict[str, Any] = {"attributes": make_marks(0)} if run else {}
        kinds = ["input_changed", "renamed"]
        marks = make_marks(2, status="live", divergence=kinds)
        live: dict[str, Any] = {"attributes": marks} if run else {}
        client.send(
            [
                make_run(run, **source),
                make_span(0, run=run, span_type="AGENT", name="agent", seq=0, end_seq=5, **own),
                make_call(1, run=run, parent_span_id=make_span_id(0), seq=1, end_seq=2, **served),
                make_span(
                    2,
                    run=run,
                    parent_span_id=make_span_id(0),
                    span_type="TOOL_CALL",
                    name="search",
                    seq=3,
                    end_seq=4,
                    input=make_payload({"query": "rain" if run else "snow"}),
                    cost={"usd": "0.5", "source": "rates"},
                    **live,
                ),
            ]
        )


def test_a_step_says_what_it_was_served_from(client: Client) -> None:
    """Its counterpart, what became of it, what was paid, and in what it left its recording."""
    send_both(client)
    nodes = [e["node"] for e in client.ask(STEPS, r=REPLAYED)["replay"]["steps"]["edges"]]
    assert [node["phase"] for node in nodes] == ["START", "START", "END", "START", "END", "END"]
    agent, call, search = nodes[0]["replay"], nodes[1]["replay"], nodes[3]["replay"]
    assert [node["replay"] for node in nodes] == [agent, call, call, search, search, agent]
    assert call == {
        "status": "REPLAYED",
        "sourceSpanId": make_span_id(1),
        "sourceSpan": {"id": f"{RECORDED}:{make_span_id(1)}"},
        "divergence": [],
        "recordedDurationMs": 2.5,
        "billedUsd": "0",
    }
    assert (agent["status"], agent["sourceSpanId"]) == (None, make_span_id(0))
    assert (search["status"], search["billedUsd"]) == ("LIVE", "0.5")
    assert search["divergence"] == ["INPUT_CHANGED", "RENAMED"]
    nodes = [e["node"] for e in client.ask(STEPS, r=RECORDED)["replay"]["steps"]["edges"]]
    assert {node["replay"] for node in nodes} == {None}


def test_a_recording_that_is_gone_is_no_error(client: Client) -> None:
    """The span that was served from is null then; its id is still said."""
    send_both(client)
    gone = client.ask("mutation($r: ID!) { deleteRun(runId: $r) { errors { code } } }", r=RECORDED)
    assert gone["deleteRun"]["errors"] == []
    call = client.ask(STEPS, r=REPLAYED)["replay"]["steps"]["edges"][1]["node"]["replay"]
    assert (call["sourceSpan"], call["sourceSpanId"]) == (None, make_span_id(1))


@pytest.mark.parametrize(
    ("said", "status", "kinds"),
    [
        ({"status": "dreamt", "divergence": ["later", ""]}, "OTHER", ["OTHER"] * 2),
        ({"status": ["live"], "divergence": "input_changed"}, "OTHER", []),
        ({"status": True, "divergence": [1, 2]}, "OTHER", ["OTHER"] * 2),
        ({"status": 7, "source_span_id": ["a"], "recorded_duration_ns": True}, "OTHER", []),
    ],
)
def test_attributes_that_no_replay_wrote_break_nothing(
    client: Client, said: dict[str, Any], status: str, kinds: list[str]
) -> None:
    """Whoever sends spans may write these attributes; unknown words are said to be."""
    client.send(
        [
            make_run(1, replayed_from=RECORDED),
            make_span(0, run=1, seq=0, end_seq=1, attributes=make_marks(0, **said)),
        ]
    )
    found = client.ask(STEPS, r=REPLAYED)["replay"]["steps"]["edges"][0]["node"]["replay"]
    assert (found["status"], found["divergence"]) == (status, kinds)
    assert found["sourceSpan"] is None


def find(client: Client, run_id: str, start: int, direction: str, other: str) -> int | None:
    breaks = [{"diverges": other}]
    found = client.ask(FIND, r=run_id, f=start, d=direction, b=breaks)["replay"]["find"]
    return None if found is None else int(found["index"])


def test_where_two_runs_part_is_found_both_ways(client: Client) -> None:
    """The search was given something else: where it starts. Two equal runs part nowhere."""
    send_both(client)
    assert find(client, REPLAYED, -1, "FORWARD", RECORDED) == 3
    assert find(client, REPLAYED, 6, "BACKWARD", RECORDED) == 3
    assert find(client, REPLAYED, 3, "FORWARD", RECORDED) is None
    assert find(client, REPLAYED, -1, "FORWARD", REPLAYED) is None


@pytest.mark.parametrize(
    ("breakpoint_", "message"),
    [
        ({"diverges": make_run_id(9)}, "there is no run"),
        ({"diverges": "x", "name": "search"}, "expression, watch and diverges stand alone"),
    ],
)
def test_a_run_that_is_none_is_said_so(
    client: Client, breakpoint_: dict[str, Any], message: str
) -> None:
    """As what cannot be meant, with the reason."""
    send_both(client)
    body = {
        "query": FIND,
        "variables": {"r": REPLAYED, "f": -1, "d": "FORWARD", "b": [breakpoint_]},
    }
    (error,) = client.http.post("/graphql", json=body).json()["errors"]
    assert message in error["message"]
