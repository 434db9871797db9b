"""Workflows, and usage over time and by group."""

from __future__ import annotations

from typing import Any

import pytest

from ..support.client import Client
from ..support.lines import START_NS, make_call, make_run, make_run_id, make_span

HOUR_NS = 3_600_000_000_000
USAGE = """query($i: Interval!, $f: RunFilter, $g: [UsageGroup!]) {
    usage(interval: $i, filter: $f, groupBy: $g) {
        startTime model name status tag runs calls errors totalTokens costUsd } }"""


def _send(client: Client) -> None:
    for run, name in enumerate(("a", "a", "b")):
        fields: dict[str, Any] = {"name": name, "correlation_id": "w", "tags": [name, "all"]}
        at = {"start_ns": START_NS + run * 24 * HOUR_NS, "end_ns": START_NS + run * 24 * HOUR_NS}
        call = make_call(run, run=run, model=f"m{run % 2}", duration_ns=0, **at)
        end = {**at, "duration_ns": 0}
        client.send([make_run(run, status="COMPLETED", rev=1, **fields, **end), call])
        client.send([make_span(9, run=run, span_type="TOOL_CALL", status="ERROR")])


def _ask(client: Client, names: str, **variables: Any) -> list[tuple[Any, ...]]:
    found = client.ask(USAGE, **variables)["usage"]
    return [tuple(bucket[name] for name in names.split()) for bucket in found]


def test_usage_is_by_interval_and_model(client: Client) -> None:
    """The newest first; runs are not counted where nobody asks for single runs."""
    _send(client)
    assert _ask(client, "startTime model runs calls errors totalTokens costUsd", i="DAY") == [
        ("2026-09-23T00:00:00.000000Z", None, None, 1, 0, 15, "0.0012"),
        ("2026-09-22T00:00:00.000000Z", None, None, 1, 0, 15, "0.0012"),
        ("2026-09-21T00:00:00.000000Z", None, None, 1, 0, 15, "0.0012"),
    ]
    assert _ask(client, "startTime model calls costUsd", i="MONTH", g=["MODEL"]) == [
        ("2026-09-01T00:00:00.000000Z", "m0", 2, "0.0024"),
        ("2026-09-01T00:00:00.000000Z", "m1", 1, "0.0012"),
    ]
    assert _ask(client, "startTime calls", i="WEEK") == [("2026-09-21T00:00:00.000000Z", 3)]
    assert _ask(client, "startTime", i="HOUR")[0] == ("2026-09-23T14:00:00.000000Z",)


def test_a_run_that_called_no_more_is_not_counted(client: Client) -> None:
    """A call names one model at its start and another at its end: the first has no call of it."""
    client.send([make_call(0, model="alias", status="STARTED", rev=0), make_call(1, run=1)])
    client.send([make_call(0, model="real", rev=1), make_call(2, run=1, model="alias")])
    found = _ask(client, "model runs calls", i="MONTH", g=["MODEL"], f={"hasError": False})
    assert ("alias", 1, 1) in found
    assert ("real", 1, 1) in found


@pytest.mark.parametrize("starts_first", [False, True])
def test_what_a_replay_served_is_not_spent(client: Client, *, starts_first: bool) -> None:
    """Nor used; live calls are. The run keeps what was recorded, and takes away what it added."""
    served = {"agenttrace.replay.status": "replayed", "agenttrace.replay.billed_usd": "0"}
    live = {"agenttrace.replay.status": "live"}
    client.send([make_run(0), make_run(1), make_call(5)])
    if starts_first:
        client.send([make_call(6, run=1, status="STARTED", rev=0)])
        client.send([make_call(6, run=1, rev=1, attributes=served)])
        client.send([make_call(6, run=1, rev=2)])
    else:
        client.send([make_call(6, run=1, rev=1, attributes=served)])
    client.send([make_call(7, run=1, attributes=live)])
    spent = "calls totalTokens costUsd"
    assert _ask(client, spent, i="MONTH") == [(2, 30, "0.0024")]
    of_runs = {"i": "MONTH", "g": ["STATUS"]}
    assert _ask(client, spent, **of_runs) == [(2, 30, "0.0024")]
    early = {"startedAfter": "1960-01-01T00:00:00Z"}
    assert _ask(client, spent, **of_runs, f=early) == [(2, 30, "0.0024")]
    totals = "query($id: ID!) { run(id: $id) { totals { totalTokens costUsd } } }"
    run = client.ask(totals, id=make_run_id(1))["run"]
    assert run["totals"] == {"totalTokens": 30, "costUsd": "0.0024"}
    client.ask(
        "mutation($id: ID!) { deleteRun(runId: $id) { errors { code } } }", id=make_run_id(1)
    )
    assert _ask(client, spent, i="MONTH") == [(1, 15, "0.0012")]


@pytest.mark.parametrize("served_last", [False, True])
def test_attributes_that_were_overruled_say_nothing_of_what_was_spent(
    client: Client, *, served_last: bool
) -> None:
    """The attributes of the best snapshot count, in whatever order the two came."""
    served = {"agenttrace.replay.billed_usd": "0"}
    lines = [
        make_call(6, status="STARTED", rev=2, attributes=served),
        make_call(6, rev=1, attributes={"x": 1}),
    ]
    client.send([make_run()])
    for line in lines[:: -1 if served_last else 1]:
        client.send([line])
    assert _ask(client, "calls totalTokens costUsd", i="MONTH") == [(1, 15, "0.0012")]


def test_usage_is_of_the_runs_that_match(client: Client) -> None:
    """By name, status and tag; a run with two tags counts in both."""
    _send(client)
    month = {"i": "MONTH", "g": ["NAME", "TAG"]}
    assert _ask(client, "name tag status runs calls", **month) == [
        ("a", "a", None, 2, 2),
        ("a", "all", None, 2, 2),
        ("b", "all", None, 1, 1),
        ("b", "b", None, 1, 1),
    ]
    assert _ask(client, "runs calls", i="MONTH", f={"name": ["a"]}) == [(2, 2)]
    day = {"startedAfter": "2026-09-22T00:00:00Z", "startedBefore": "2026-09-23T00:00:00Z"}
    assert _ask(client, "calls", i="DAY", f=day) == [(1,)]
    assert _ask(client, "calls", i="DAY", f={**day, "name": ["b"]}) == []


def test_too_many_buckets_are_refused(client: Client) -> None:
    """The error says what to do."""
    for part in range(6):
        calls = [
            make_call(n, model=f"m{n}", start_ns=START_NS, end_ns=START_NS, duration_ns=0)
            for n in range(part * 1000, part * 1000 + 1000)
        ]
        client.send([make_run(), *calls])
    (error,) = client.ask_raw(USAGE, i="DAY", g=["MODEL"])["errors"]
    assert error["message"].startswith("usage would have more than 5000 buckets")


def test_a_workflow_adds_up_its_runs(client: Client) -> None:
    """Times, totals, models and pages of what shares a correlation id."""
    _send(client)
    client.send([make_run(7, correlation_id="other")])
    query = """query($after: String) { workflow(correlationId: "w") {
        correlationId startTime endTime totals { spans llmCalls errors totalTokens costUsd }
        usageByModel { model calls costUsd }
        runs(first: 2, after: $after) { totalCount edges { node { id } }
            pageInfo { hasNextPage endCursor } } } }"""
    found = client.ask(query)["workflow"]
    runs = found.pop("runs")
    assert found == {
        "correlationId": "w",
        "startTime": "2026-09-21T14:13:20.000000Z",
        "endTime": "2026-09-23T14:13:20.000000Z",
        "totals": {
            "spans": 6,
            "llmCalls": 3,
            "errors": 3,
            "totalTokens": 45,
            "costUsd": "0.0036",
        },
        "usageByModel": [
            {"model": "m0", "calls": 2, "costUsd": "0.0024"},
            {"model": "m1", "calls": 1, "costUsd": "0.0012"},
        ],
    }
    assert runs["totalCount"] == 3
    two = client.ask(query, after=runs["pageInfo"]["endCursor"])["workflow"]["runs"]
    ids = [edge["node"]["id"] for edge in (*runs["edges"], *two["edges"])]
    assert ids == [make_run_id(run) for run in (2, 1, 0)]
    assert client.ask('{ workflow(correlationId: "none") { startTime } }') == {"workflow": None}


def test_a_run_has_its_workflow(client: Client) -> None:
    """What its correlation id joins, itself included; null without one."""
    _send(client)
    client.send([make_run(7, correlation_id="other"), make_run(8)])
    query = """{ runs { edges { node { id workflow { correlationId totals { spans }
        usageByModel { model calls } runs { totalCount } } } } } }"""
    found = {
        edge["node"]["id"]: edge["node"]["workflow"] for edge in client.ask(query)["runs"]["edges"]
    }
    shared = {
        "correlationId": "w",
        "totals": {"spans": 6},
        "usageByModel": [{"model": "m0", "calls": 2}, {"model": "m1", "calls": 1}],
        "runs": {"totalCount": 3},
    }
    assert found == {
        **{make_run_id(run): shared for run in (0, 1, 2)},
        make_run_id(7): {
            "correlationId": "other",
            "totals": {"spans": 0},
            "usageByModel": [],
            "runs": {"totalCount": 1},
        },
        make_run_id(8): None,
    }


BILLED = """query($r: ID!, $i: Int!) { run(id: $r) { totals { costUsd billedUsd }
    workflow { totals { costUsd billedUsd } } }
    replay(runId: $r) { step(index: $i) { cumulative { costUsd billedUsd } } } }"""


def test_totals_say_what_was_paid(client: Client) -> None:
    """Of a run, its workflow and at a step: what a replay served is in the cost alone."""
    served = {"agenttrace.replay.billed_usd": "0"}
    client.send(
        [
            make_run(0, correlation_id="w"),
            make_run(1, correlation_id="w", replayed_from=make_run_id(0)),
            make_run(2),
            make_call(0, run=0, seq=0, end_seq=1),
            make_call(0, run=1, seq=0, end_seq=1, attributes=served),
            make_call(1, run=1, seq=2, end_seq=3, attributes=served),
            make_span(0, run=2, seq=0, end_seq=1, attributes=served),
        ]
    )
    both = {"costUsd": "0.0036", "billedUsd": "0.0012"}
    replayed = client.ask(BILLED, r=make_run_id(1), i=3)
    assert replayed["run"]["totals"] == {"costUsd": "0.0024", "billedUsd": "0"}
    assert replayed["replay"]["step"]["cumulative"] == replayed["run"]["totals"]
    assert replayed["run"]["workflow"]["totals"] == both
    recorded = client.ask(BILLED, r=make_run_id(0), i=1)
    assert recorded["run"]["totals"] == {"costUsd": "0.0012", "billedUsd": "0.0012"}
    assert recorded["replay"]["step"]["cumulative"] == recorded["run"]["totals"]
    unknown = client.ask(BILLED, r=make_run_id(2), i=1)["run"]["totals"]
    assert unknown == {"costUsd": None, "billedUsd": None}
    client.send([make_call(1, run=1, rev=5, seq=2, end_seq=3, attributes={"x": 1})])
    later = client.ask(BILLED, r=make_run_id(1), i=3)
    assert later["run"]["totals"] == {"costUsd": "0.0024", "billedUsd": "0.0012"}
    assert later["replay"]["step"]["cumulative"] == later["run"]["totals"]
