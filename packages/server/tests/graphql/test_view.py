"""The GraphQL door against malformed and hostile requests: refused, never 500."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from agenttrace_server.errors import StartError
from agenttrace_server.graphql.documents import MAX_DOCUMENT_BYTES
from agenttrace_server.graphql.stored import StoredDocuments
from agenttrace_server.graphql.validation import DocumentChecker

from ..support.client import PROTOCOL, TIMEOUT_S, Client
from ..support.thread import ServerThread

JSON = {"content-type": "application/json"}
TYPED = "application/graphql-response+json"
FINE = "{ __typename }"


def _deep(count: int) -> bytes:
    return b'{"query":"{__typename}","variables":' + b'{"a":' * count + b"1" + b"}" * (count + 1)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"nonsense", 400),
        (b"[]", 422),
        (b"5", 422),
        (b'"text"', 422),
        (b"null", 422),
        (b"\xff\xfe", 400),
        (b'{"query":"{__typename}","variables":{"a":' + b"9" * 5000 + b"}}", 400),
        (_deep(100_000), 400),
        (b"[" * 100_000, 400),
        (b'{"query":5}', 422),
        (b'{"query":"{__typename}","variables":[]}', 422),
        (b'{"query":"{__typename}","operationName":5}', 422),
        (b'{"query":"{__typename}","extensions":5}', 422),
        (b'{"query":null}', 422),
        (b'{"query":"query A { __typename }","operationName":"B"}', 422),
        (b'[{"query":"{__typename}"}]', 422),
        (b'{"query":"' + b"{a" * 5_000 + b'"}', 422),
        (b'{"query":"' + b"[" * 8_000 + b'"}', 422),
        (b'{"query":"{' + b"a " * 7_000 + b'}"}', 422),
        (b'{"query":"{' + b" " * MAX_DOCUMENT_BYTES + b'}"}', 422),
        (b'{"query":"{__typename}","x":"' + b"a" * 1024 * 1024 + b'"}', 413),
    ],
    ids=lambda value: value[:40].decode("latin-1") if isinstance(value, bytes) else str(value),
)
def test_a_hostile_body_is_refused(shared_client: Client, body: bytes, status: int) -> None:
    """Whatever is sent, the answer is the client's fault or a result, never the server's fault."""
    answer = shared_client.http.post("/graphql", content=body, headers=JSON)
    assert answer.status_code == status
    assert answer.headers["content-type"] == f"{TYPED}; charset=utf-8"
    assert "Traceback" not in answer.text


def test_a_compressed_body_is_not_guessed_at(shared_client: Client) -> None:
    """A gzip body is refused as what it is."""
    headers = {**JSON, "content-encoding": "gzip"}
    answer = shared_client.http.post("/graphql", content=b"\x1f\x8b\x08", headers=headers)
    assert answer.status_code == 415


def test_a_stored_document_is_run_by_its_id(server: ServerThread, client: Client) -> None:
    """The id is the SHA-256 of the text; variables go with it; an unknown one has its code."""
    text = "query($id: ID!) { run(id: $id) { id } server { wireVersion } }"
    stored = server.app.documents.add(text)
    assert stored == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    answer = client.http.post("/graphql", json={"documentId": stored, "variables": {"id": "a"}})
    assert answer.json() == {"data": {"run": None, "server": {"wireVersion": 1}}}
    unknown = client.http.post("/graphql", json={"documentId": "sha256:0"})
    assert unknown.status_code == 422
    (error,) = unknown.json()["errors"]
    assert error["extensions"] == {"code": "PERSISTED_QUERY_NOT_FOUND"}
    for body in ({"documentId": 5}, {"documentId": stored, "query": text}):
        assert client.http.post("/graphql", json=body).status_code == 422


def test_the_manifest_of_a_build_is_stored(tmp_path: Path) -> None:
    """Each text under its hash; one that does not fit, or no manifest at all, is told apart."""
    documents = StoredDocuments()
    documents.add_manifest(tmp_path / "absent.json")
    assert len(documents) == 0
    manifest = tmp_path / "documents.json"
    document_id = f"sha256:{hashlib.sha256(FINE.encode()).hexdigest()}"
    manifest.write_text(json.dumps({document_id: FINE}))
    documents.add_manifest(manifest)
    assert documents.find(document_id) == FINE
    for broken in ('{"a": "{ b }"}', "[]", "{"):
        manifest.write_text(broken)
        with pytest.raises(StartError, match="make build"):
            documents.add_manifest(manifest)


_INIT = json.dumps({"type": "connection_init"})
_HOSTILE_FRAMES: list[str | bytes] = [
    "nonsense",
    "[]",
    "5",
    "null",
    '{"type": 5}',
    "{}",
    '{"type": "unknown"}',
    '{"type": "subscribe"}',
    '{"type": "subscribe", "id": [], "payload": {"query": "{ __typename }"}}',
    '{"type": "subscribe", "id": "1", "payload": 5}',
    '{"type": "subscribe", "id": "1", "payload": {}}',
    '{"type": "subscribe", "id": "1", "payload": {"query": 5}}',
    '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "variables": []}}',
    '{"type": "complete", "id": {}}',
    '{"type": "connection_init", "payload": 5}',
    "[" * 60_000,
    f'{{"type": "ping", "payload": {"9" * 5_000}}}',
    f'{{"type": {"9" * 5_000}}}',
    f'{{"type": "subscribe", "id": "1", "payload": {"9" * 5_000}}}',
    '{"type": "ping", "payload": NaN}',
    '{"type": "ping", "payload": "\\ud800"}',
    b"\xff\xfe",
    b"\x00\x01",
]


@pytest.mark.parametrize("frame", _HOSTILE_FRAMES, ids=lambda frame: str(frame)[:50])
def test_c27_a_malformed_message_closes_the_socket(
    shared_server: ServerThread,
    shared_client: Client,
    frame: str | bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A message that is none of the protocol ends that connection with 4400, and no other."""
    address = shared_server.websocket_url
    with (
        connect(address, subprotocols=[PROTOCOL]) as good,
        connect(address, subprotocols=[PROTOCOL]) as bad,
    ):
        for opened in (good, bad):
            opened.send(_INIT)
            opened.recv(TIMEOUT_S)
        bad.send(frame)
        with pytest.raises(ConnectionClosed):
            bad.recv(TIMEOUT_S)
        assert bad.close_code == 4400
        good.send('{"type": "ping"}')
        assert json.loads(good.recv(TIMEOUT_S)) == {"type": "pong"}
    assert not caplog.records


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"query": "{" + "a " * 7_000 + "}"}, "the document has 7002 tokens; the limit is 2000"),
        (
            {"query": "{a" * 900},
            "the document has brackets nested 900 deep; the limit is 40",
        ),
        (
            {"query": "{a" * 50 + "}" * 50},
            "the document has brackets nested 50 deep; the limit is 40",
        ),
        ({"query": "{" + "a" * 300}, "Syntax Error: Expected Name, found <EOF>."),
        (
            {"query": "subscription { nothing }"},
            "Cannot query field 'nothing' on type 'Subscription'.",
        ),
        (
            {"query": "{ __typename }"},
            "queries and mutations go over HTTP, by POST; a WebSocket is to follow",
        ),
        (
            {"query": "query A { __typename }", "operationName": "B"},
            'Unknown operation named "B".',
        ),
        (
            {
                "query": "subscription A { runChanges { cursor } } "
                "subscription B { runChanges { cursor } }"
            },
            "the document has several operations; say which with `operationName`",
        ),
        (
            {"query": 'subscription { runChanges(filter: {startedAfter: "soon"}) { cursor } }'},
            (
                "Expected value of type 'DateTime', but encountered error 'a DateTime is ISO 8601 "
                "text, such as '2026-01-31T12:00:00Z''; found: \"soon\"."
            ),
        ),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_document_that_cannot_run_ends_only_its_own_operation(
    shared_server: ServerThread,
    payload: dict[str, object],
    message: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The answer is an `error` under its id that says why; the socket and the others go on."""
    with connect(shared_server.websocket_url, subprotocols=[PROTOCOL]) as opened:
        opened.send(_INIT)
        opened.recv(TIMEOUT_S)
        opened.send(json.dumps({"type": "subscribe", "id": "7", "payload": payload}))
        answer = json.loads(opened.recv(TIMEOUT_S))
        assert (answer["type"], answer["id"]) == ("error", "7")
        assert [error["message"] for error in answer["payload"]] == [message]
        opened.send('{"type": "ping"}')
        assert json.loads(opened.recv(TIMEOUT_S)) == {"type": "pong"}
    assert not caplog.records


def test_a_defect_behind_a_subscription_ends_it_and_is_hidden(
    shared_server: ServerThread, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The client is told of an id; its text is in the log. The socket goes on."""

    def fail(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(DocumentChecker, "find_errors", fail)
    with connect(shared_server.websocket_url, subprotocols=[PROTOCOL]) as opened:
        opened.send(_INIT)
        opened.recv(TIMEOUT_S)
        payload = {"query": "subscription { runChanges { cursor } }"}
        opened.send(json.dumps({"type": "subscribe", "id": "7", "payload": payload}))
        text = str(opened.recv(TIMEOUT_S))
        opened.send('{"type": "ping"}')
        assert json.loads(opened.recv(TIMEOUT_S)) == {"type": "pong"}
    answer = json.loads(text)
    assert (answer["type"], "a defect" in text) == ("error", False)
    assert answer["payload"][0]["extensions"]["errorId"] in caplog.text
    assert "a defect" in caplog.text


def test_a_malformed_message_is_named(shared_server: ServerThread) -> None:
    """The reason of the close is the true one."""
    with connect(shared_server.websocket_url, subprotocols=[PROTOCOL]) as opened:
        opened.send(_INIT)
        opened.recv(TIMEOUT_S)
        opened.send('{"type": "subscribe", "id": "1", "payload": {"query": 5}}')
        with pytest.raises(ConnectionClosed):
            opened.recv(TIMEOUT_S)
        assert (opened.close_code, opened.close_reason) == (4400, "query must be a string")


def test_a_subscription_by_post_is_sent_elsewhere(shared_client: Client) -> None:
    """POST answers once; who wants to follow is told how."""
    query = "subscription { runChanges { cursor } }"
    answer = shared_client.http.post("/graphql", json={"query": query})
    message = "subscriptions go over a WebSocket, with the protocol graphql-transport-ws"
    error = {"message": message, "extensions": {"code": "WRONG_TRANSPORT"}}
    assert (answer.status_code, answer.json()) == (422, {"errors": [error]})


def test_several_operations_need_a_name(shared_client: Client) -> None:
    """Which one is meant is never guessed; named, it is that one."""
    query = "query A { a: __typename } query B { b: __typename }"
    answer = shared_client.ask_raw(query)
    message = "the document has several operations; say which with `operationName`"
    error = {"message": message, "extensions": {"code": "VALIDATION_FAILED"}}
    assert answer == {"errors": [error]}
    named = shared_client.http.post("/graphql", json={"query": query, "operationName": "B"})
    assert named.json() == {"data": {"b": "Query"}}


def _open(shared_server: ServerThread, *protocols: str) -> int | None:
    offered = [Subprotocol(protocol) for protocol in protocols] or None
    with connect(shared_server.websocket_url, subprotocols=offered) as opened:
        with pytest.raises(ConnectionClosed):
            opened.recv(TIMEOUT_S)
        return opened.close_code


def test_c24_only_the_one_protocol_is_spoken(shared_server: ServerThread) -> None:
    """The old protocol of nearly the same name, and none at all, are refused."""
    assert _open(shared_server, "graphql-ws") == 4406
    assert _open(shared_server) == 4406


def test_c24_subscribing_before_the_init_is_refused(shared_server: ServerThread) -> None:
    """Nothing runs before the connection is acknowledged."""
    with connect(shared_server.websocket_url, subprotocols=[PROTOCOL]) as opened:
        payload = {"query": "{ __typename }"}
        opened.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))
        with pytest.raises(ConnectionClosed):
            opened.recv(TIMEOUT_S)
        assert opened.close_code == 4401


def test_c26_a_message_over_the_limit_closes_the_socket(shared_server: ServerThread) -> None:
    """A frame over 64 KiB is not even assembled."""
    with connect(shared_server.websocket_url, subprotocols=[PROTOCOL]) as opened:
        opened.send("x" * (64 * 1024 + 1))
        with pytest.raises(ConnectionClosed):
            opened.recv(TIMEOUT_S)
        assert opened.close_code == 1009


def test_a_socket_from_our_own_page_is_accepted(shared_server: ServerThread) -> None:
    """The dashboard's origin is the server's own."""
    with connect(
        shared_server.websocket_url,
        subprotocols=[PROTOCOL],
        additional_headers={"Origin": shared_server.url},
    ) as opened:
        opened.send(_INIT)
        assert json.loads(opened.recv(TIMEOUT_S)) == {"type": "connection_ack"}
