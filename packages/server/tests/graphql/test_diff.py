"""Comparing two runs over GraphQL, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from agenttrace.diff import Outcome, compare_runs
from agenttrace.trace import load_runs
from agenttrace_server.services import diffs, steps

from ..support.client import Client
from ..support.dialects import ON_SQLITE
from ..support.lines import (
    Record,
    make_call,
    make_payload,
    make_run,
    make_run_id,
    make_span,
    make_span_id,
)
from ..support.thread import ServerThread

BASE, HEAD = make_run_id(0), make_run_id(1)
WHOLE = """query($b: ID!, $h: ID!, $o: DiffOptions) { diff(base: $b, head: $h, options: $o) {
    base { id } head { id } verdict identical approx cost baseDigest headDigest runFlags
    counts { unchanged changed added removed moved renamed wrapped unwrapped }
    firstDivergence { spanId side name path
        cause { kind detail action evidence { name base head } } }
    origins { path propagated base { name } head { name } cause { kind } }
    performance { kind } warnings { code message side }
    aggregates { total { spans { base head change percent } costUsd { change } sumMs { base } }
        byType { key calls { base head } } }
    rows { totalCount pageInfo { hasNextPage endCursor } edges { cursor node {
        index parent depth outcome flags selfChanged subtreeChanged isPropagated origin covers
        reason base { id position parentPosition span { input { value } } } head { id position }
        metrics { durationMs { base head change percent } costUsd { base head } } } } } } }"""
ROWS = """query($b: ID!, $h: ID!, $f: DiffRowFilter, $n: Int, $a: String) {
    diff(base: $b, head: $h) { rows(filter: $f, first: $n, after: $a) {
        totalCount pageInfo { hasNextPage hasPreviousPage endCursor }
        edges { node { index outcome } } } } }"""


def list_records(run: int, answer: str, *, extra: bool) -> list[Record]:
    """Return an agent that asks a model and calls a tool, or two."""
    first = 100 * run
    within: dict[str, Any] = {"run": run, "parent_span_id": make_span_id(first)}
    spans = [
        make_span(first, run=run, name="agent", span_type="AGENT", seq=0, end_seq=20),
        make_call(
            first + 1,
            seq=1,
            end_seq=2,
            name="plan",
            input=make_payload({"messages": [{"role": "user", "content": "go"}]}),
            output=make_payload(answer),
            **within,
        ),
        make_span(
            first + 3,
            seq=5,
            end_seq=6,
            name="search",
            span_type="TOOL_CALL",
            input=make_payload({"q": answer}),
            output=make_payload({"hits": [1, 2]}),
            **within,
        ),
    ]
    if extra:
        called = make_span(
            first + 2, seq=3, end_seq=4, name="archive", span_type="TOOL_CALL", **within
        )
        spans.append(called)
    return [make_run(run), *spans, make_run(run, status="COMPLETED", rev=1)]


def send_pair(client: Client) -> tuple[list[Record], list[Record]]:
    base = list_records(0, "search the web", extra=False)
    head = list_records(1, "read the archive", extra=True)
    client.send([*base, *head])
    return base, head


def test_a_comparison_is_that_of_the_library(client: Client) -> None:
    """Row by row, and where it begins: what is stored compares as what was recorded."""
    base, head = send_pair(client)
    expected = compare_runs(load_runs(base).runs[0], load_runs(head).runs[0])
    found: dict[str, Any] = client.ask(WHOLE, b=BASE, h=HEAD)["diff"]
    assert (found["base"]["id"], found["head"]["id"]) == (BASE, HEAD)
    assert (found["verdict"], found["identical"], found["approx"]) == ("DIFFERENT", False, False)
    assert found["cost"] == expected.cost
    assert found["baseDigest"] == expected.base.digest
    assert found["headDigest"] == expected.head.digest
    assert found["counts"] == {
        outcome.value: getattr(expected.counts, outcome.value) for outcome in Outcome
    }
    rows = [edge["node"] for edge in found["rows"]["edges"]]
    assert [row["outcome"].lower() for row in rows] == [row.outcome for row in expected.rows]
    assert [row["isPropagated"] for row in rows] == [row.is_propagated for row in expected.rows]
    assert [(row["parent"], row["depth"]) for row in rows] == [(None, 0), (0, 1), (0, 1), (0, 1)]
    assert rows[2]["base"] is None
    assert rows[2]["head"] == {"id": f"{HEAD}:{make_span_id(102)}", "position": 2}
    assert rows[3]["base"]["span"]["input"]["value"] == {"q": "search the web"}
    assert found["firstDivergence"]["cause"]["kind"] == "AGENT_DECISION"
    assert found["firstDivergence"]["path"] == "agent > plan"
    assert found["origins"][0]["propagated"] == 2
    assert found["aggregates"]["total"]["spans"] == {
        "base": 3,
        "head": 4,
        "change": 1,
        "percent": pytest.approx(100 / 3),
    }
    assert found["warnings"] == []


def test_what_differs_within_values_is_told_when_asked_for(client: Client) -> None:
    """By place, of input and output; of a row without a partner nothing."""
    send_pair(client)
    query = """query($b: ID!, $h: ID!) { diff(base: $b, head: $h) { rows(filter: {changed: true}) {
        edges { node { changes { kind path base head message } } } } } }"""
    edges = client.ask(query, b=BASE, h=HEAD)["diff"]["rows"]["edges"]
    sides = {"base": "search the web", "head": "read the archive", "message": None}
    assert [edge["node"]["changes"] for edge in edges] == [
        [{"kind": "CHANGED", "path": "output", **sides}],
        [],
        [{"kind": "CHANGED", "path": "input.q", **sides}],
    ]


def test_errors_attributes_and_the_runs_own_values_are_told(client: Client) -> None:
    """As the command tells them: without what is of the host, and without tracebacks."""
    for run, (word, city) in enumerate((("slow", "Oslo"), ("away", "Rome"))):
        span = make_span(
            100 * run,
            run=run,
            name="load",
            status="ERROR",
            error={"type": "Timeout", "message": word, "traceback": f"line {run}"},
            attributes={"tier": word, "host.name": word},
        )
        own = {"input": make_payload({"q": city}), "error": {"type": "Lost", "message": word}}
        end = make_run(run, status="ERROR", rev=1, **own)
        client.send([make_run(run), span, end])
    query = """query($b: ID!, $h: ID!) { diff(base: $b, head: $h) {
        runFlags runChanges { kind path base head }
        rows { edges { node { flags failure changes { path base head } } } } } }"""
    found = client.ask(query, b=BASE, h=HEAD)["diff"]
    sides = {"base": "slow", "head": "away"}
    assert [edge["node"] for edge in found["rows"]["edges"]] == [
        {
            "flags": ["ERROR", "ATTRIBUTES"],
            "failure": None,
            "changes": [
                {"path": "error[0].message", **sides},
                {"path": "attributes.tier", **sides},
            ],
        }
    ]
    assert found["runChanges"] == [
        {"kind": "CHANGED", "path": "input.q", "base": "Oslo", "head": "Rome"},
        {"kind": "CHANGED", "path": "error[0].message", **sides},
    ]


def test_a_new_failure_is_a_text(client: Client) -> None:
    """So that a list need not load the spans."""
    failure = {"status": "ERROR", "error": {"type": "E", "message": "x"}}
    failures: tuple[dict[str, Any], ...] = ({}, failure)
    for run, failed in enumerate(failures):
        span = make_span(100 * run, run=run, name="load", **failed)
        client.send([make_run(run), span, make_run(run, status="COMPLETED", rev=1)])
    query = "query($b: ID!, $h: ID!) { diff(base: $b, head: $h) { rows { edges { node { failure"
    found = client.ask(f"{query} }} }} }} }} }}", b=BASE, h=HEAD)["diff"]["rows"]
    assert [edge["node"]["failure"] for edge in found["edges"]] == ["E: x"]


@ON_SQLITE
def test_a_page_of_nothing_has_no_next(client: Client) -> None:
    """There is no cursor to go on after."""
    send_pair(client)
    rows = client.ask(ROWS, b=BASE, h=HEAD, n=0)["diff"]["rows"]
    assert (rows["totalCount"], rows["edges"]) == (4, [])
    assert rows["pageInfo"]["hasNextPage"] is False
    assert rows["pageInfo"]["endCursor"] is None


def test_a_run_is_identical_to_itself(client: Client) -> None:
    """With nothing that begins anywhere."""
    send_pair(client)
    found = client.ask(WHOLE, b=BASE, h=BASE)["diff"]
    assert (found["verdict"], found["identical"], found["cost"]) == ("IDENTICAL", True, 0)
    assert (found["firstDivergence"], found["origins"], found["performance"]) == (None, [], None)


@ON_SQLITE
def test_rows_come_in_pages_and_by_filter(client: Client) -> None:
    """What follows from an origin can be left out, and asked for by itself."""
    send_pair(client)

    def ask(**variables: Any) -> dict[str, Any]:
        found: dict[str, Any] = client.ask(ROWS, b=BASE, h=HEAD, **variables)["diff"]["rows"]
        return found

    def list_rows(**criteria: Any) -> list[int]:
        return [edge["node"]["index"] for edge in ask(f=criteria)["edges"]]

    page = ask(n=2)
    assert [edge["node"]["index"] for edge in page["edges"]] == [0, 1]
    assert page["totalCount"] == 4
    assert page["pageInfo"] == {"hasNextPage": True, "hasPreviousPage": False, "endCursor": "1"}
    page = ask(n=2, a="1")
    assert [edge["node"]["index"] for edge in page["edges"]] == [2, 3]
    assert page["pageInfo"] == {"hasNextPage": False, "hasPreviousPage": True, "endCursor": "3"}
    assert list_rows(changed=True) == [1, 2, 3]
    assert list_rows(changed=True, propagated=False) == [1]
    assert list_rows(origin=0) == [2, 3]
    assert list_rows(outcome=["ADDED"]) == [2]
    assert list_rows(flags=["OUTPUT"]) == [1]
    assert list_rows(flags=["OUTPUT"], changed=False) == []


@ON_SQLITE
def test_a_failure_is_not_folded_away(client: Client) -> None:
    """Neither by the page that leaves out what follows from an origin."""
    base, head = list_records(0, "search the web", extra=False), list_records(1, "do", extra=False)
    (search,) = [record for record in head if record.get("name") == "search"]
    search |= {"status": "ERROR", "error": {"type": "ValueError", "message": "down"}}
    client.send([*base, *head])
    query = """query($b: ID!, $h: ID!) { diff(base: $b, head: $h) {
        rows(filter: {propagated: false, changed: true}) {
            edges { node { isPropagated failsNewly
                head { name span { error { message } } } } } } } }"""
    edges = client.ask(query, b=BASE, h=HEAD)["diff"]["rows"]["edges"]
    told = [(e["node"]["head"]["name"], e["node"]["failsNewly"]) for e in edges]
    assert told == [("plan", False), ("search", True)]
    assert edges[1]["node"]["isPropagated"]
    assert edges[1]["node"]["head"]["span"]["error"]["message"] == "down"


@ON_SQLITE
def test_a_run_that_fails_outside_any_span_is_an_origin(client: Client) -> None:
    """Without a span on either side."""
    error = {"type": "ValueError", "message": "down"}
    base, head = (list_records(run, "search the web", extra=False) for run in (0, 1))
    head[-1] |= {"status": "ERROR", "error": error}
    client.send([*base, *head])
    query = """query($b: ID!, $h: ID!) { diff(base: $b, head: $h) { runFlags runOrigin cost
        firstDivergence { spanId path }
        origins { isRun base { id } head { id } cause { kind evidence { name head } } } } }"""
    found = client.ask(query, b=BASE, h=HEAD)["diff"]
    assert (found["runFlags"], found["runOrigin"], found["cost"]) == (["ERROR", "STATUS"], 0, 0.5)
    assert found["firstDivergence"] == {"spanId": "", "path": "the run itself"}
    (origin,) = found["origins"]
    assert (origin["isRun"], origin["base"], origin["head"]) == (True, None, None)
    assert origin["cause"]["kind"] == "NEW_FAILURE"
    assert {"name": "message", "head": "down"} in origin["cause"]["evidence"]


@ON_SQLITE
def test_options_are_the_rules(client: Client) -> None:
    """What is ignored makes no difference; a call that is new does."""
    send_pair(client)
    ignore = {"ignore": ["$.input", "$.output"]}
    found = client.ask(WHOLE, b=BASE, h=HEAD, o=ignore)["diff"]
    assert found["counts"]["changed"] == 0
    assert found["counts"]["added"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ignore": ["input"]}, "options: ignore: 'input' is no JSONPath"),
        ({"ignore": ["$[?match(@.a, '(a*)*')]"]}, "has a filter, which is not taken here"),
        ({"ignore": ["$.input" + "..*" * 60]}, "has '..' 60 times; expected"),
        ({"unordered": ["$..a..b"]}, "has '..' 2 times; expected it once at most"),
        ({"ignore": ["$" + "[*,*]" * 50]}, "has several names in brackets"),
        ({"ignore": ["$.input | $.output"]}, "is no JSONPath: unexpected token"),
        ({"ignore": ["$.a"] * 33}, "options has at most 32 paths of 256 characters"),
        ({"unordered": ["$." + "a" * 300]}, "options has at most 32 paths of 256 characters"),
        ({"numericAbs": -1}, "options: numeric.abs is -1"),
    ],
)
@ON_SQLITE
def test_options_that_cannot_be_meant_are_refused(
    client: Client, options: dict[str, Any], message: str
) -> None:
    """With what they should be."""
    send_pair(client)
    answer = client.ask_raw(WHOLE, b=BASE, h=HEAD, o=options)
    (error,) = answer["errors"]
    assert message in error["message"]
    assert error["extensions"]["code"] == "INVALID_ARGUMENT"


@ON_SQLITE
def test_what_is_not_there_is_null(client: Client) -> None:
    """On either side, and whatever the text of the id."""
    send_pair(client)
    for base, head in ((BASE, make_run_id(9)), ("nothing", HEAD), ("", "")):
        assert client.ask(ROWS, b=base, h=head)["diff"] is None


def test_what_arrives_is_in_the_next_answer(client: Client) -> None:
    """A comparison that is kept is of both runs as they were: a later record makes another."""
    send_pair(client)
    assert client.ask(ROWS, b=BASE, h=HEAD)["diff"]["rows"]["totalCount"] == 4
    late = make_span(190, run=1, name="late", seq=18, parent_span_id=make_span_id(100))
    client.send([late])
    assert client.ask(ROWS, b=BASE, h=HEAD)["diff"]["rows"]["totalCount"] == 5


def test_an_open_run_is_told(client: Client) -> None:
    """It is compared as far as it is known."""
    spans = [make_span(100 * run, run=run, name="work") for run in (0, 1)]
    client.send([make_run(0), make_run(1), *spans])
    found = client.ask(WHOLE, b=BASE, h=HEAD)["diff"]
    assert [(each["code"], each["side"]) for each in found["warnings"]] == [
        ("RUNNING", "BASE"),
        ("RUNNING", "HEAD"),
    ]
    assert (found["verdict"], found["identical"]) == ("INCOMPLETE", False)


@ON_SQLITE
def test_a_recorded_type_is_content(client: Client) -> None:
    """A tuple is no list, though JSON writes both alike."""
    for run, typed in ((0, {}), (1, {"codec": "typed", "types": {"/x": "tuple"}})):
        output = make_payload({"x": [1, 2]}) | typed
        span = make_span(100 * run, run=run, name="load", output=output)
        client.send([make_run(run), span, make_run(run, status="COMPLETED", rev=1)])
    query = """query($b: ID!, $h: ID!) { diff(base: $b, head: $h) { verdict rows {
        edges { node { flags changes { kind path base head } } } } } }"""
    found = client.ask(query, b=BASE, h=HEAD)["diff"]
    change = {"kind": "RETYPED", "path": "output.x", "base": None, "head": "tuple"}
    assert found["verdict"] == "DIFFERENT"
    assert [edge["node"] for edge in found["rows"]["edges"]] == [
        {"flags": ["OUTPUT"], "changes": [change]}
    ]


@ON_SQLITE
def test_runs_without_spans_are_not_identical(client: Client) -> None:
    """There is nothing to compare."""
    client.send([make_run(n, status="COMPLETED", rev=1) for n in (0, 1)])
    found = client.ask(WHOLE, b=BASE, h=HEAD)["diff"]
    assert (found["verdict"], found["identical"]) == ("NO_SPANS", False)


@ON_SQLITE
def test_runs_that_are_too_large_are_refused(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before they are read, with what to do instead."""
    send_pair(client)
    for name, message in (
        ("MAX_SPANS", "a run has 4 spans, over 3; compare them with agenttrace diff"),
        ("MAX_TEXTS_BYTES", "bytes of recorded values, over 3; compare them with agenttrace diff"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(diffs, name, 3)
            (error,) = client.ask_raw(ROWS, b=BASE, h=HEAD)["errors"]
        assert message in error["message"]
        assert error["extensions"]["code"] == "INVALID_ARGUMENT"


@ON_SQLITE
def test_a_comparison_that_takes_long_is_ended(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread stops by itself, and the next question is answered."""
    send_pair(client)
    compare = diffs._compare
    monkeypatch.setattr(diffs, "_compare", lambda a, b, rules, _: compare(a, b, rules, -1.0))
    (error,) = client.ask_raw(ROWS, b=BASE, h=HEAD)["errors"]
    assert error["extensions"]["code"] == "TIMED_OUT"
    monkeypatch.setattr(diffs, "_compare", compare)
    assert client.ask(ROWS, b=BASE, h=HEAD)["diff"]["rows"]["totalCount"] == 4


@ON_SQLITE
def test_a_comparison_is_made_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is kept of many has a bound."""
    send_pair(client)
    made: list[None] = []
    compare = diffs._compare

    def count(*given: Any) -> diffs.KeptDiff:
        made.append(None)
        return compare(*given)

    monkeypatch.setattr(diffs, "_compare", count)
    for _ in range(3):
        client.ask(ROWS, b=BASE, h=HEAD)
    assert len(made) == 1
    monkeypatch.setattr(diffs, "MAX_KEPT_ROWS", 3)
    client.ask(ROWS, b=HEAD, h=BASE)
    client.ask(ROWS, b=BASE, h=HEAD)
    assert len(made) == 3


@ON_SQLITE
def test_a_filter_of_rows_has_a_bound(client: Client) -> None:
    """Each row is held against its lists."""
    send_pair(client)
    for criterion, value in (("outcome", "MOVED"), ("flags", "OUTPUT")):
        found = client.ask(ROWS, b=BASE, h=HEAD, f={criterion: [value] * 100})["diff"]["rows"]
        assert found["totalCount"] == (0 if value == "MOVED" else 1)
        (error,) = client.ask_raw(ROWS, b=BASE, h=HEAD, f={criterion: [value] * 101})["errors"]
        assert error["message"] == f"{criterion} has 101 values; at most 100"


@ON_SQLITE
def test_comparisons_without_rows_are_not_kept_for_ever(
    client: Client, server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads can ask for as many as they like, each by other rules."""
    client.send([make_run(0), make_run(1)])
    services = server.app.graphql._make_context.__self__  # type: ignore[attr-defined]
    monkeypatch.setattr(diffs, "MAX_KEPT", 3)
    monkeypatch.setattr(steps, "MAX_KEPT", 1)
    for number in range(6):
        found = client.ask(WHOLE, b=BASE, h=HEAD, o={"numericAbs": number})["diff"]
        assert found["rows"]["totalCount"] == 0
    for run_id in (BASE, HEAD):
        client.ask(f'{{replay(runId:"{run_id}"){{totalSteps}}}}')
    assert len(services.diffs._kept) == 3
    assert len(services.steps._kept) == 1


@ON_SQLITE
def test_an_answer_has_few_comparisons(client: Client) -> None:
    """They would go on when nobody waits for them any more, and others wait for their turns."""
    send_pair(client)
    pair = f'base:"{BASE}",head:"{HEAD}"'
    both = [f"d{n}:diff({pair},options:{{numericAbs:{n}}}){{identical}}" for n in range(3)]
    both += ["c0:compare(base:{},head:{}){alpha}"]
    query = "{" + " ".join(both)
    assert len(client.ask(query + "}")) == 4
    (error,) = client.ask_raw(query + f" d4:diff({pair}){{identical}}}}")["errors"]
    assert error["message"] == "an answer has at most 4 comparisons; ask for fewer at once"
    assert error["extensions"]["code"] == "INVALID_ARGUMENT"
