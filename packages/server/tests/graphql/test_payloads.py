"""Recorded values in answers: their beginnings, their sizes, and the whole."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import event

from agenttrace_server.graphql import loaders

from ..support.client import NDJSON, Client
from ..support.index import end_index
from ..support.lines import (
    make_event,
    make_payload,
    make_run,
    make_run_id,
    make_span,
    make_span_id,
)
from ..support.thread import ServerThread

RUN = make_run_id(0)
SPAN = f"{RUN}:{make_span_id(0)}"
HEADS = """query($id: ID!, $max: Int! = 2048) { span(id: $id) { output { bytes storedBytes
    fidelity sha256 preview(maxBytes: $max) { text bytes isWhole } } } }"""
BODIES = """query($id: ID!) { span(id: $id) { events(first: 200) { edges { node { body {
    storedBytes preview { text isWhole } } } } } } }"""


def _ask(client: Client, **variables: object) -> dict[str, object]:
    output: dict[str, object] = client.ask(HEADS, id=SPAN, **variables)["span"]["output"]
    return output


def test_a_preview_is_the_beginning_between_characters(client: Client) -> None:
    """With its size, the size of what is stored, and whether it is that whole."""
    text = "é" * 300_000
    span = json.dumps(make_span(output=make_payload(text)), ensure_ascii=False)  # no escapes
    client.http.post("/api/ingest", content=span.encode(), headers=NDJSON)
    assert _ask(client, max=6) == {
        "bytes": 600_002, "storedBytes": 600_002, "fidelity": "EXACT", "sha256": None,
        "preview": {"text": '"éé', "bytes": 5, "isWhole": False},
    }  # fmt: skip
    assert len(str(_ask(client)["preview"])) < 2_100
    largest = _ask(client, max=262_144)["preview"]
    assert largest == {"text": '"' + "é" * 131_071, "bytes": 262_143, "isWhole": False}


def test_a_short_value_is_its_own_preview(client: Client) -> None:
    """And one that was cut when it was recorded says how much of it is here."""
    cut = {**make_payload("abc"), "fidelity": "truncated", "bytes": 9_000, "sha256": "a" * 64}
    client.send([make_run(), make_span(output=cut)])
    assert _ask(client) == {
        "bytes": 9_000, "storedBytes": 5, "fidelity": "TRUNCATED", "sha256": "a" * 64,
        "preview": {"text": '"abc"', "bytes": 5, "isWhole": True},
    }  # fmt: skip


@pytest.mark.parametrize("max_bytes", [0, -1, 262_145, 2**31 - 1])
def test_a_preview_has_a_maximum(client: Client, max_bytes: int) -> None:
    """What is beyond it is refused by name."""
    client.send([make_run(), make_span(output=make_payload("x"))])
    answer = client.ask_raw(HEADS, id=SPAN, max=max_bytes)
    assert f"maxBytes is {max_bytes}" in answer["errors"][0]["message"]
    assert answer["errors"][0]["extensions"]["code"] == "INVALID_ARGUMENT"


def test_previews_of_what_is_too_large_for_an_answer(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of values, and of events' bodies, that an answer could not hold: only previews count."""
    monkeypatch.setattr(loaders, "MAX_TEXT_BYTES", 50_000)
    large = make_payload("x" * 60_000)
    events = [make_event(10 + n, body=large) for n in range(20)]
    client.send([make_run(), make_span(output=large), *events])
    assert len(str(_ask(client)["preview"])) > 2_048
    edges = client.ask(BODIES, id=SPAN)["span"]["events"]["edges"]
    assert [edge["node"]["body"]["preview"]["isWhole"] for edge in edges] == [False] * 20
    for whole in ("output { json }", "events { edges { node { body { value } } } }"):
        answer = client.ask_raw(f'{{ span(id: "{SPAN}") {{ {whole} }} }}')
        assert "texts that are asked for have" in answer["errors"][0]["message"]
    answer = client.ask_raw(HEADS, id=SPAN, max=50_001)
    assert "texts that are asked for have 50001 bytes" in answer["errors"][0]["message"]


def test_a_text_that_is_asked_for_twice_counts_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As JSON and as text, by both names of a tool's result."""
    monkeypatch.setattr(loaders, "MAX_TEXT_BYTES", 60_002)
    text = "x" * 60_000
    client.send([make_run(), make_span(output=make_payload(text), span_type="TOOL_CALL")])
    both = "{ json value }"
    query = f'{{ span(id: "{SPAN}") {{ output {both} ... on ToolCall {{ result {both} }} }} }}'
    found = client.ask(query)["span"]
    assert found["output"] == found["result"] == {"json": json.dumps(text), "value": text}


def test_sizes_alone_read_no_text(
    client: Client, server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a span whose output has megabytes, nothing of them is read to say how many."""
    client.send([make_run(), make_span(output=make_payload("x" * 3_000_000))])
    end_index(client, monkeypatch)  # it reads texts, too
    statements: list[str] = []

    def note(*args: object) -> None:
        statements.append(str(args[2]))

    engine = server.app.database._reader.engine
    event.listen(engine, "before_cursor_execute", note)
    answer = client.ask(f'{{ span(id: "{SPAN}") {{ output {{ storedBytes }} }} }}')
    event.remove(engine, "before_cursor_execute", note)
    assert answer["span"]["output"] == {"storedBytes": 3_000_002}
    assert any("payload" in statement for statement in statements)
    assert not any("JOIN content" in statement for statement in statements)
