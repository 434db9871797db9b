"""Records of extreme times, sizes and shapes, in by HTTP and out by GraphQL, on both databases."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from ..support.client import NDJSON, Client
from ..support.lines import (
    START_NS,
    Record,
    dump_lines,
    make_event,
    make_payload,
    make_run,
    make_run_id,
    make_span,
    make_span_id,
)

BATCH = 2_000
TREE = "query($id: ID!) { run(id: $id) { spanTree { spanId parentSpanId depth } } }"
YEAR_2262_NS = 2**63 - 1
YEAR_10000_NS = 253_402_300_800 * 10**9


def _send(client: Client, records: list[Record]) -> None:
    for start in range(0, len(records), BATCH):
        assert client.send(records[start : start + BATCH])["rejected"] == 0


def _refuse(client: Client, *records: Record) -> list[tuple[str, str]]:
    """Send records of which none may be taken; return code and message of each."""
    answer = client.http.post("/api/ingest", content=dump_lines(records), headers=NDJSON)
    assert answer.status_code == 400, answer.text
    assert answer.json()["accepted"] == 0
    return [(error["code"], error["message"]) for error in answer.json()["errors"]]


TIMES = "query($id: ID!) { run(id: $id) { startTime endTime durationMs spanTree { startTime } } }"


def test_h10_the_first_and_the_last_moment_are_kept(client: Client) -> None:
    """0 and 2^63-1 ns: both ends of what can be written are shown as times."""
    run = make_run(
        status="COMPLETED", rev=1, start_ns=0, end_ns=YEAR_2262_NS, duration_ns=YEAR_2262_NS
    )
    _send(client, [run, make_span(start_ns=YEAR_2262_NS, end_ns=YEAR_2262_NS)])
    shown = client.ask(TIMES, id=make_run_id(0))["run"]
    assert shown == {
        "startTime": "1970-01-01T00:00:00.000000Z",
        "endTime": "2262-04-11T23:47:16.854775Z",
        "durationMs": YEAR_2262_NS / 1e6,
        "spanTree": [{"startTime": "2262-04-11T23:47:16.854775Z"}],
    }
    listed = client.ask('{ runs(filter: {startedBefore: "1970-01-02T00:00:00Z"}) { totalCount } }')
    assert listed == {"runs": {"totalCount": 1}}


def test_h10_times_that_cannot_be_are_refused_by_their_line(client: Client) -> None:
    """Negative, beyond 63 bits (as the year 10000 is), no whole number, an end before the start."""
    wrong = (-1, 2**63, 2**64 - 1, YEAR_10000_NS, 10**400, 1.5, "0", True)
    lines = [make_run(start_ns=value) for value in wrong]
    lines += [make_span(start_ns=value) for value in wrong]
    lines += [{**make_event(1), "t_ns": value} for value in wrong]
    refused = _refuse(client, *lines, make_span(end_ns=START_NS - 1), make_run(end_ns=0))
    assert len(refused) == len(lines) + 2
    assert {code for code, _ in refused} == {"invalid_field"}
    names = ["start_ns"] * 16 + ["t_ns"] * 8 + ["end_ns"] * 2
    assert all(name in message for name, (_, message) in zip(names, refused, strict=True))


IDS = ("", "0", "a" * 8, "a" * 15, "a" * 17, "A" * 16, "g" * 16, "é" * 16, " " * 16, None, 5)
"""Of a span; twice as long: of a run."""


def test_h29_ids_that_are_none_are_refused_by_their_line(client: Client) -> None:
    """All zero (W3C: invalid), too short or long, other digits: of runs, spans and parents."""
    spans = [*IDS, "0" * 16]
    runs = [value * 2 if isinstance(value, str) else value for value in spans]
    lines = [{**make_run(), "run_id": value} for value in runs]
    lines += [{**make_span(), "run_id": value} for value in runs]
    lines += [{**make_span(), "span_id": value} for value in spans]
    lines += [{**make_event(1), "span_id": value} for value in spans if value is not None]
    refused = _refuse(client, *lines)
    assert len(refused) == len(lines)
    assert {code for code, _ in refused} == {"invalid_field"}
    names = ["run_id"] * 24 + ["span_id"] * 23
    assert all(name in message for name, (_, message) in zip(names, refused, strict=True))


def test_h29_one_id_in_two_runs_is_two_spans(client: Client) -> None:
    """The pair of ids is the id; what comes later for one changes nothing of the other."""
    _send(client, [make_run(0), make_run(1), make_span(run=0, name="a"), make_span(run=1)])
    _send(client, [make_span(run=1, name="b", rev=2)])
    query = "query($id: ID!) { run(id: $id) { spanTree { name } } }"
    names = [client.ask(query, id=make_run_id(n))["run"]["spanTree"] for n in range(2)]
    assert names == [[{"name": "a"}], [{"name": "b"}]]


def test_h14_100000_attributes_are_refused_and_1024_kept(client: Client) -> None:
    """By the line, with the limit; the recorder sends no more and says how many it left out."""
    many: dict[str, Any] = {f"k{n}": n for n in range(100_000)}
    for record in (make_run(attributes=many), make_span(attributes=many)):
        ((code, message),) = _refuse(client, record)
        assert (code, "attributes" in message, "1024" in message) == ("invalid_field", True, True)
    most = dict(list(many.items())[:1_024])
    _send(client, [make_run(attributes=most), make_span(attributes=most)])
    query = "query($id: ID!) { run(id: $id) { attributes spanTree { attributes } } }"
    shown = client.ask(query, id=make_run_id(0))["run"]
    assert shown == {"attributes": most, "spanTree": [{"attributes": most}]}


def test_h14_a_million_keys_are_a_value_like_any_other(client: Client) -> None:
    """14 MB of JSON in one line come back byte for byte, and lists are none the slower for it."""
    text = "{" + ",".join(f'"k{n}":{n % 10}' for n in range(1_000_000)) + "}"
    line = dump_lines([make_span(output=make_payload("here"))]).replace(b'"here"', text.encode())
    answer = client.http.post("/api/ingest", content=line, headers=NDJSON)
    assert answer.json() == {"accepted": 1, "rejected": 0, "errors": []}
    span_id = f"{make_run_id(0)}:{make_span_id(0)}"
    query = "query($id: ID!) { span(id: $id) { output { json } } }"
    assert client.ask(query, id=span_id)["span"]["output"]["json"] == text


WATERFALL = """query($id: ID!) { run(id: $id) {
  spanTree { spanId name status offsetMs durationMs depth } } }"""


def test_s13_a_large_field_weighs_on_nobody_who_does_not_ask_for_it(client: Client) -> None:
    """15 MB beside it change no byte of the waterfall's answer; 20 MB are too much for a line."""
    _send(client, [make_run(0), make_run(1), make_span(run=1)])
    _send(client, [make_span(output=make_payload("x" * 15_000_000))])
    answers = [
        client.http.post("/graphql", json={"query": WATERFALL, "variables": {"id": make_run_id(n)}})
        for n in range(2)
    ]
    assert answers[0].content == answers[1].content
    assert len(answers[0].content) < 300
    line = dump_lines([make_span(1, output=make_payload("x" * 20_000_000))])
    packed = {**NDJSON, "content-encoding": "gzip"}
    answer = client.http.post("/api/ingest", content=gzip.compress(line, 1), headers=packed)
    assert answer.status_code == 400
    assert [error["code"] for error in answer.json()["errors"]] == ["too_large"]
    assert client.http.post("/api/ingest", content=line, headers=NDJSON).status_code == 413


EVENTS = """query($id: ID!, $after: String) { span(id: $id) {
  events(first: 200, after: $after) {
    edges { node { seq } } pageInfo { hasNextPage endCursor } } } }"""


def test_h14_10000_events_of_a_span_are_read_page_by_page(client: Client) -> None:
    """Each once, whatever the order of arrival, and sent twice: the server leaves none out."""
    events = [make_event(n + 1) for n in range(10_000)]
    _send(client, [make_run(), make_span(), *reversed(events)])
    _send(client, events)
    span_id, seen, after, has_more = f"{make_run_id(0)}:{make_span_id(0)}", [], None, True
    while has_more:
        page = client.ask(EVENTS, id=span_id, after=after)["span"]["events"]
        seen += [edge["node"]["seq"] for edge in page["edges"]]
        after, has_more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert seen == list(range(1, 10_001))


def _link(count: int, parents: list[int | None]) -> list[Record]:
    return [
        make_span(n, parent_span_id=None if parents[n] is None else make_span_id(parents[n] or 0))
        for n in range(count)
    ]


def test_h28_trees_of_every_shape_are_shown_whole(client: Client) -> None:
    """One run each; a span of depth 0 that names a parent is one whose parent is not above it."""
    count = 2_000
    shapes: dict[str, tuple[list[int | None], int, int]] = {
        "a chain": ([None, *range(count - 1)], 1, count - 1),
        "siblings": ([None] + [0] * (count - 1), 1, 1),
        "two roots": ([None, None] + [n % 2 for n in range(count - 2)], 2, 1),
        "own parents": (list(range(count)), count, 0),
        "circles of two": ([n ^ 1 for n in range(count)], count // 2, 1),
        "one circle": ([(n + 1) % count for n in range(count)], 1, count - 1),
        "missing parents": ([n + count for n in range(count)], count, 0),
    }
    for number, (name, (parents, roots, depth)) in enumerate(shapes.items()):
        spans = [{**span, "run_id": make_run_id(number)} for span in _link(count, parents)]
        _send(client, [*reversed(spans), make_run(number)])  # children before their parents
        tree = client.ask(TREE, id=make_run_id(number))["run"]["spanTree"]
        assert len({span["spanId"] for span in tree}) == len(tree) == count, name
        tops = [span for span in tree if span["depth"] == 0]
        assert (len(tops), max(span["depth"] for span in tree)) == (roots, depth), name
        flagged = sum(span["parentSpanId"] is not None for span in tops)
        assert flagged == roots - parents.count(None), name


@pytest.mark.parametrize("name", ["a chain", "siblings"])
def test_h28_ten_thousand_spans_are_one_answer(client: Client, name: str) -> None:
    """Below each other or beside each other; `depth` and order are told for all."""
    count = 10_000
    parents = [None, *range(count - 1)] if name == "a chain" else [None] + [0] * (count - 1)
    _send(client, [*reversed(_link(count, parents)), make_run()])
    tree = client.ask(TREE, id=make_run_id(0))["run"]["spanTree"]
    assert [span["spanId"] for span in tree] == [make_span_id(n) for n in range(count)]
    depths = [span["depth"] for span in tree]
    assert depths == (list(range(count)) if name == "a chain" else [0] + [1] * (count - 1))
