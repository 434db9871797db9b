"""Asking over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from agenttrace_server.graphql.types.scalars import write_time

from ..support.client import Client
from ..support.lines import (
    START_NS,
    make_call,
    make_event,
    make_payload,
    make_run,
    make_run_id,
    make_span,
    make_span_id,
)

RUN = make_run_id(0)


def _send_run(client: Client, *spans: dict[str, Any], **fields: Any) -> None:
    client.send([make_run(), *spans, make_run(status="COMPLETED", rev=1, **fields)])


def test_run_has_the_fields_of_its_record(client: Client) -> None:
    """A run comes back as it was recorded."""
    _send_run(
        client,
        correlation_id="w-1",
        tags=["a", "b"],
        attributes={"k": 1},
        resource={"service.name": "s"},
        input=make_payload({"q": 1}),
        output=make_payload("done"),
    )
    query = """query($id: ID!) { run(id: $id) { id name status correlationId tags
        attributes resource startTime endTime durationMs
        input { json value codec fidelity bytes sha256 }
        output { value }
        error { type } replayedFrom { id } } }"""
    assert client.ask(query, id=RUN)["run"] == {
        "id": RUN,
        "name": "agent",
        "status": "COMPLETED",
        "correlationId": "w-1",
        "tags": ["a", "b"],
        "attributes": {"k": 1},
        "resource": {"service.name": "s"},
        "startTime": "2026-09-21T14:13:20.000000Z",
        "endTime": "2026-09-21T14:13:20.005000Z",
        "durationMs": 5.0,
        "input": {
            "json": '{"q": 1}',
            "value": {"q": 1},
            "codec": "json",
            "fidelity": "EXACT",
            "bytes": 8,
            "sha256": None,
        },
        "output": {"value": "done"},
        "error": None,
        "replayedFrom": None,
    }


def test_payload_text_is_kept_byte_for_byte(client: Client) -> None:
    """Numbers and escapes that a parser would change come back as they were."""
    text = (
        '{ "n": 1e2, "big": 123456789012345678901234567890, "s": "\\u00e9\\ud83d\\ude00", "n":2 }'
    )
    line = (
        '{"v":1,"type":"run","run_id":"' + RUN + '","rev":0,"name":"n","status":"STARTED",'
        '"start_ns":1,"input":{"codec":"json","fidelity":"exact","value":' + text + "}}"
    )
    headers = {"content-type": "application/x-ndjson"}
    assert client.http.post("/api/ingest", content=line, headers=headers).status_code == 200
    body = {"query": "query($id: ID!) { run(id: $id) { input { json value } } }"}
    answer = client.http.post("/graphql", json={**body, "variables": {"id": RUN}})
    assert answer.json()["data"]["run"]["input"]["json"] == text
    assert f'"value":{text}' in answer.text


def test_what_json_has_no_type_for_is_kept_beside_the_value(client: Client) -> None:
    """A replay from the server builds the same objects as one from the file."""
    types = '{"/a":"tuple","":{"type":"dict","keys":{"a":"a"}}}'
    typed = '{"codec":"typed","fidelity":"exact","value":{"a":[1]},"types":' + types + "}"
    head = f'"v":1,"run_id":"{RUN}"'
    lines = [
        f'{{{head},"type":"run","rev":0,"name":"n","status":"STARTED","start_ns":1,"input":{typed}}}',
        f'{{{head},"type":"event","seq":0,"t_ns":1,"name":"e","body":{typed}}}',
    ]
    headers = {"content-type": "application/x-ndjson"}
    sent = client.http.post("/api/ingest", content="\n".join(lines), headers=headers)
    assert sent.json()["accepted"] == 2, sent.text
    payload = "{ codec value types }"
    query = f"query($id: ID!) {{ run(id: $id) {{ input {payload} output {payload} }} }}"
    body = {"query": query, "variables": {"id": RUN}}
    answer = client.http.post("/graphql", json=body)
    assert f'"types":{types}' in answer.text
    assert answer.json()["data"]["run"]["input"]["codec"] == "typed"


@pytest.mark.parametrize(
    "query",
    [
        f'{{ it: run(id: "{make_run_id(7)}") {{ id }} }}',
        '{ it: run(id: "nonsense") { id } }',
        f'{{ it: span(id: "{RUN}:{make_span_id(7)}") {{ id }} }}',
        '{ it: span(id: "") { id } }',
        '{ it: node(id: "nonsense") { id } }',
        f'{{ it: node(id: "{make_run_id(7)}") {{ id }} }}',
    ],
    ids=["run", "no run id", "span", "no span id", "no node id", "node"],
)
def test_unknown_id_is_null(client: Client, query: str) -> None:
    """Asking for what is not there is no error."""
    assert client.ask(query) == {"it": None}


def test_node_finds_runs_and_spans(client: Client) -> None:
    """An id alone is enough to fetch a thing again."""
    _send_run(client, make_call(3))
    span_id = f"{RUN}:{make_span_id(3)}"
    query = """query($run: ID!, $span: ID!) {
        a: node(id: $run) { __typename id } b: node(id: $span) { __typename id } }"""
    assert client.ask(query, run=RUN, span=span_id) == {
        "a": {"__typename": "Run", "id": RUN},
        "b": {"__typename": "LlmCall", "id": span_id},
    }


def test_span_has_the_fields_of_its_record(client: Client) -> None:
    """A span comes back as it was recorded."""
    error = {"type": "a.B", "message": "no", "notes": ["n"], "cause": {"type": "C", "message": "m"}}
    span = make_call(
        2,
        parent_span_id=make_span_id(1),
        status="ERROR",
        end_seq=4,
        lane=1,
        effect="write",
        outcome="error",
        error=error,
        attributes={"x": [1, 2]},
        replay_key="k",
        input_hash="a" * 64,
    )
    _send_run(client, make_span(1), span)
    query = """query($id: ID!) { span(id: $id) { spanId parentSpanId name type status
        startTime endTime offsetMs durationMs depth seq endSeq lane effect outcome model
        costUsd costSource replayKey inputHash attributes
        usage { promptTokens totalTokens cachedTokens source }
        error { type message traceback notes cause { type message } } run { name } parent { name }
        input { json } } }"""
    assert client.ask(query, id=f"{RUN}:{make_span_id(2)}")["span"] == {
        "spanId": make_span_id(2),
        "parentSpanId": make_span_id(1),
        "name": "step 2",
        "type": "LLM_CALL",
        "status": "ERROR",
        "startTime": "2026-09-21T14:13:20.002000Z",
        "endTime": "2026-09-21T14:13:20.002500Z",
        "offsetMs": 2.0,
        "durationMs": 0.5,
        "depth": 1,
        "seq": 2,
        "endSeq": 4,
        "lane": 1,
        "effect": "WRITE",
        "outcome": "ERROR",
        "model": "gpt-4",
        "costUsd": "0.0012",
        "costSource": "RATES",
        "replayKey": "k",
        "inputHash": "a" * 64,
        "attributes": {"x": [1, 2]},
        "usage": {
            "promptTokens": 10,
            "totalTokens": 15,
            "cachedTokens": None,
            "source": "REPORTED",
        },
        "error": {
            "type": "a.B",
            "message": "no",
            "traceback": None,
            "notes": ["n"],
            "cause": {"type": "C", "message": "m"},
        },
        "run": {"name": "agent"},
        "parent": {"name": "step 1"},
        "input": None,
    }


def test_each_kind_of_span_has_its_own_fields(client: Client) -> None:
    """What the conventions put into input and output can be asked for by name."""
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": [{"x": 1}]}]
    documents = [{"id": 7, "content": "text", "score": 0.5}, "bare"]
    _send_run(
        client,
        make_span(0, span_type="LLM_CALL", input=make_payload({"messages": messages, "tools": []})),
        make_span(1, span_type="TOOL_CALL", input=make_payload({"a": 1}), output=make_payload(2)),
        make_span(
            2,
            span_type="DECISION",
            input=make_payload({"options": ["a", "b"]}),
            output=make_payload({"chosen": "a", "reason": "because"}),
        ),
        make_span(
            3,
            span_type="RETRIEVAL",
            input=make_payload({"query": "q"}),
            output=make_payload({"documents": documents}),
        ),
        make_span(4, span_type="LLM_CALL", input=make_payload("no object")),
        make_span(5, span_type="AGENT"),
    )
    query = """query($id: ID!) { run(id: $id) { spanTree { __typename
        ... on LlmCall { messages { role content json } tools }
        ... on ToolCall { arguments { value } result { value } }
        ... on Decision { options chosen reason }
        ... on Retrieval { query documents { id content score json } } } } }"""
    assert client.ask(query, id=RUN)["run"]["spanTree"] == [
        {
            "__typename": "LlmCall",
            "messages": [
                {"role": "user", "content": "hi", "json": messages[0]},
                {"role": "assistant", "content": None, "json": messages[1]},
            ],
            "tools": [],
        },
        {"__typename": "ToolCall", "arguments": {"value": {"a": 1}}, "result": {"value": 2}},
        {
            "__typename": "Decision",
            "options": ["a", "b"],
            "chosen": "a",
            "reason": "because",
        },
        {
            "__typename": "Retrieval",
            "query": "q",
            "documents": [
                {"id": "7", "content": "text", "score": 0.5, "json": documents[0]},
                {"id": None, "content": None, "score": None, "json": "bare"},
            ],
        },
        {"__typename": "LlmCall", "messages": None, "tools": None},
        {"__typename": "AgentSpan"},
    ]


def test_totals_and_models_are_sums_of_the_spans(client: Client) -> None:
    """A run adds up its spans, but for AGENT spans, which repeat what is within them."""
    usage = {"prompt_tokens": 100, "completion_tokens": 100, "source": "estimated"}
    _send_run(
        client,
        make_call(0),
        make_call(1, cost={"usd": "0.0000000000005", "source": "reported"}),
        make_call(2, model="b", usage=usage),
        make_span(3, span_type="TOOL_CALL", status="ERROR"),
        make_call(4, span_type="AGENT", usage=usage),
    )
    figures = "promptTokens completionTokens totalTokens tokensEstimated costUsd"
    query = f"""query($id: ID!) {{ run(id: $id) {{
        totals {{ spans llmCalls toolCalls errors cachedTokens {figures} }}
        usageByModel {{ model calls {figures} }} }} }}"""
    assert client.ask(query, id=RUN)["run"] == {
        "totals": {
            "spans": 5,
            "llmCalls": 3,
            "toolCalls": 1,
            "errors": 1,
            "cachedTokens": None,
            "promptTokens": 120,
            "completionTokens": 110,
            "totalTokens": 230,
            "tokensEstimated": True,
            "costUsd": "0.0024",
        },
        "usageByModel": [
            {
                "model": "b",
                "calls": 1,
                "promptTokens": 100,
                "completionTokens": 100,
                "totalTokens": 200,
                "tokensEstimated": True,
                "costUsd": "0.0012",
            },
            {
                "model": "gpt-4",
                "calls": 2,
                "promptTokens": 20,
                "completionTokens": 10,
                "totalTokens": 30,
                "tokensEstimated": False,
                "costUsd": "0.0012",
            },
        ],
    }


def test_events_and_children_come_in_pages(client: Client) -> None:
    """A page ends where it was told to, and its cursor leads to the rest."""
    children = [make_span(n, parent_span_id=make_span_id(0)) for n in range(1, 4)]
    events = [make_event(10 + n, body=make_payload(n)) for n in range(3)]
    _send_run(client, make_span(0), *children, *events, make_event(20, span=None, name="state"))
    query = """query($id: ID!, $run: ID!, $child: String, $event: String) {
        span(id: $id) {
            children(first: 2, after: $child) {
                edges { node { name } } pageInfo { hasNextPage hasPreviousPage endCursor } }
            events(first: 2, after: $event) {
                edges { node { seq body { value } } } pageInfo { hasNextPage endCursor } } }
        run(id: $run) { events { edges { node { name offsetMs } } } } }"""
    ids = {"id": f"{RUN}:{make_span_id(0)}", "run": RUN}
    one = client.ask(query, **ids)
    assert [edge["node"]["name"] for edge in one["span"]["children"]["edges"]] == [
        "step 1",
        "step 2",
    ]
    assert [edge["node"]["seq"] for edge in one["span"]["events"]["edges"]] == [10, 11]
    assert one["run"]["events"]["edges"] == [{"node": {"name": "state", "offsetMs": 20.0}}]
    after = {
        "child": one["span"]["children"]["pageInfo"]["endCursor"],
        "event": one["span"]["events"]["pageInfo"]["endCursor"],
    }
    two = client.ask(query, **ids, **after)["span"]
    assert [edge["node"]["name"] for edge in two["children"]["edges"]] == ["step 3"]
    assert two["children"]["pageInfo"]["hasNextPage"] is False
    assert two["children"]["pageInfo"]["hasPreviousPage"] is True
    assert two["events"]["edges"] == [{"node": {"seq": 12, "body": {"value": 2}}}]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("{ runs(first: 201) { totalCount } }", "first is 201; it must be from 0 to 200"),
        ("{ runs(last: -1) { totalCount } }", "last is -1; it must be from 0 to 200"),
        ("{ runs(first: 1, last: 1) { totalCount } }", "give first or last, not both"),
        (
            '{ runs(after: "x") { totalCount } }',
            "after is not a cursor of a list of runs in this order",
        ),
        ("{ nothing }", "Cannot query field 'nothing' on type 'Query'."),
    ],
)
def test_a_wrong_argument_is_named(client: Client, query: str, message: str) -> None:
    """Who asks for what cannot be is told what was wrong."""
    (error,) = client.ask_raw(query)["errors"]
    assert error["message"] == message


def test_unexpected_errors_are_hidden_under_an_id(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault in the server shows an id; the log has the rest under the same id."""
    from agenttrace_server.services.access import AccessService

    async def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(AccessService, "keep_own", fail)
    (error,) = client.ask_raw(f'{{ run(id: "{RUN}") {{ id }} }}')["errors"]
    error_id = error["extensions"]["errorId"]
    assert error["message"] == f"Internal error {error_id}; the server's log has the details."
    assert "secret detail" not in str(error)
    assert any(error_id in record.getMessage() for record in caplog.records)
    assert "secret detail" in caplog.text


def test_server_tells_what_it_is(client: Client) -> None:
    """A client can see which release and wire format it talks to."""
    assert client.ask("{ server { version environment wireVersion } }") == {
        "server": {"version": "0.1.0", "environment": "development", "wireVersion": 1}
    }


def test_span_before_its_run_makes_an_unnamed_run(client: Client) -> None:
    """Work whose run record is late is not hidden; the record then takes its place."""
    client.send([make_span(4), make_span(2)])
    query = f'{{ run(id: "{RUN}") {{ name status startTime totals {{ spans }} }} }}'
    assert client.ask(query)["run"] == {
        "name": "(unnamed run)",
        "status": "STARTED",
        "startTime": "2026-09-21T14:13:20.002000Z",
        "totals": {"spans": 2},
    }
    client.send([make_run()])
    assert client.ask(query)["run"] == {
        "name": "agent",
        "status": "STARTED",
        "startTime": "2026-09-21T14:13:20.000000Z",
        "totals": {"spans": 2},
    }


def test_runs_are_found_by_the_tree_of_their_spans(client: Client) -> None:
    """A tool that failed below a call of a model, whatever lies between."""
    inner = make_span(1, parent_span_id=make_span_id(0))
    failed: dict[str, Any] = {"span_type": "TOOL_CALL", "status": "ERROR"}
    client.send([make_run(), make_call(0), inner])
    client.send([make_span(2, **failed, parent_span_id=make_span_id(1))])
    client.send([make_run(1), make_call(0, run=1), make_span(1, run=1, **failed)])
    query = "query($f: RunFilter) { runs(filter: $f) { edges { node { id } } totalCount } }"
    call = {"type": ["LLM_CALL"]}
    condition = {"type": ["TOOL_CALL"], "status": ["ERROR"], "below": call}
    assert client.ask(query, f={"spans": [condition]})["runs"] == {
        "edges": [{"node": {"id": RUN}}],
        "totalCount": 1,
    }
    assert client.ask(query, f={"spans": [{**condition, "below": None}]})["runs"]["totalCount"] == 2


def test_runs_in_the_order_of_spans_and_errors(client: Client) -> None:
    """Those with most come first, page by page."""
    for run in range(3):
        client.send([make_run(run), *(make_span(n, run=run, status="ERROR") for n in range(run))])
    query = """query($field: RunOrderField!, $after: String) {
        runs(orderBy: {field: $field}, first: 2, after: $after) {
            edges { node { totals { spans errors } } } pageInfo { hasNextPage endCursor } } }"""
    for order in ("SPANS", "ERRORS"):
        one = client.ask(query, field=order)["runs"]
        two = client.ask(query, field=order, after=one["pageInfo"]["endCursor"])["runs"]
        found = [edge["node"]["totals"] for edge in [*one["edges"], *two["edges"]]]
        assert found == [{"spans": n, "errors": n} for n in (2, 1, 0)]
        assert (one["pageInfo"]["hasNextPage"], two["pageInfo"]["hasNextPage"]) == (True, False)


def test_spans_of_a_run_are_filtered(client: Client) -> None:
    """By kind, status, name, model, text, figures, start and attributes, page by page."""

    def to_text(ms: int) -> str:
        return write_time(START_NS + ms * 1_000_000)

    failed = make_span(1, span_type="TOOL_CALL", status="ERROR", duration_ns=9_000_000)
    other = make_call(2, model="Other 10%", attributes={"n": [1.5, "b"]})
    client.send([make_run(), make_call(0), failed, other, make_span(3)])
    query = """query($id: ID!, $f: SpanFilter, $after: String) { run(id: $id) {
        spans(filter: $f, first: 1, after: $after) {
            edges { node { seq } } pageInfo { hasNextPage endCursor } } } }"""
    for span_filter, expected in (
        ({}, [0, 1, 2, 3]),
        ({"type": ["LLM_CALL", "TOOL_CALL"]}, [0, 1, 2]),
        ({"status": ["ERROR"]}, [1]),
        ({"hasError": False, "type": ["LLM_CALL"]}, [0, 2]),
        ({"name": ["step 3"]}, [3]),
        ({"model": ["gpt-4"]}, [0]),
        ({"text": "oTHER 10%"}, [2]),
        ({"text": "_"}, []),
        ({"durationMs": {"min": 5}}, [1]),
        ({"totalTokens": {"min": 15, "max": 15}}, [0, 2]),
        ({"totalTokens": {"min": 16}}, []),
        ({"costUsd": {"min": "0.00120", "max": "0.0012"}}, [0, 2]),
        ({"costUsd": {"min": "0.0013"}}, []),
        ({"attributes": [{"key": "n", "value": ["1.5"]}]}, [2]),
        ({"attributes": [{"key": "n", "exists": False}], "costUsd": {}}, [0]),
        ({"startedAfter": to_text(1), "startedBefore": to_text(3)}, [1, 2]),
    ):
        found: list[int] = []
        after = None
        while True:
            page = client.ask(query, id=RUN, f=span_filter, after=after)["run"]["spans"]
            found += [edge["node"]["seq"] for edge in page["edges"]]
            if not page["pageInfo"]["hasNextPage"]:
                break
            after = page["pageInfo"]["endCursor"]
        assert found == expected, span_filter


def test_links_forks_and_ends_are_told(client: Client) -> None:
    """What a run and a span say of others, and of how they ended."""
    link = {"run_id": make_run_id(1), "span_id": make_span_id(5), "attributes": {"why": "x"}}
    cost = {"usd": "0.1", "source": "price_table", "table": "prices 2026-01"}
    client.send([make_run(), make_call(0, links=[link], cost=cost, boundary=True)])
    client.send([make_event(5, offset_ns=1_500_000)])
    end = {"replayed_from": RUN, "forked_at": 3, "end_seq": 8, "complete": True}
    client.send([make_run(1, status="COMPLETED", rev=1, links=[{"run_id": RUN}], **end)])
    query = """query($id: ID!, $fork: ID!, $span: ID!) {
        run(id: $id) { forks { id } forkedAt complete links { runId } interruptedAt }
        fork: run(id: $fork) { replayedFrom { id } forkedAt endSeq complete
            links { runId spanId attributes run { name } } }
        span(id: $span) { costTable boundary links { runId spanId attributes run { id } }
            events { edges { node { spanOffsetMs } } } } }"""
    span_id = f"{RUN}:{make_span_id(0)}"
    assert client.ask(query, id=RUN, fork=make_run_id(1), span=span_id) == {
        "run": {
            "forks": [{"id": make_run_id(1)}],
            "forkedAt": None,
            "complete": None,
            "links": [],
            "interruptedAt": None,
        },
        "fork": {
            "replayedFrom": {"id": RUN},
            "forkedAt": 3,
            "endSeq": 8,
            "complete": True,
            "links": [{"runId": RUN, "spanId": None, "attributes": {}, "run": {"name": "agent"}}],
        },
        "span": {
            "costTable": "prices 2026-01",
            "boundary": True,
            "links": [
                {
                    "runId": make_run_id(1),
                    "spanId": make_span_id(5),
                    "attributes": {"why": "x"},
                    "run": {"id": make_run_id(1)},
                }
            ],
            "events": {"edges": [{"node": {"spanOffsetMs": 1.5}}]},
        },
    }


def test_plugins_are_listed_with_their_distributions(shared_client: Client) -> None:
    """The server's own plugin is one of them, and is in use."""
    query = "{ plugins { name distribution version hooks error } }"
    plugins = {plugin.pop("name"): plugin for plugin in shared_client.ask(query)["plugins"]}
    assert plugins["server"] == {
        "distribution": "agenttrace-server",
        "version": "0.1.0",
        "hooks": ["agenttrace_cli"],
        "error": None,
    }


def test_what_is_said_to_be_before_the_run_has_a_negative_offset(client: Client) -> None:
    """By the recorder's wall clock, which may have been set back: nothing is made up."""
    client.send([make_run(), make_event(1, span=None, t_ns=START_NS - 2_000_000)])
    query = "query($run: ID!) { run(id: $run) { events { edges { node { offsetMs } } } } }"
    (edge,) = client.ask(query, run=RUN)["run"]["events"]["edges"]
    assert edge["node"] == {"offsetMs": -2.0}
