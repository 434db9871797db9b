"""What one WebSocket may do, and what becomes of clients that vanish, flood or crowd."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from strawberry.http.exceptions import WebSocketDisconnected
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from agenttrace_server import serving
from agenttrace_server.graphql import view
from agenttrace_server.graphql.sockets import MAX_MESSAGES, SocketAdapter

from ..support.client import PROTOCOL, TIMEOUT_S, Client
from ..support.lines import make_payload, make_run, make_run_id, make_span
from ..support.thread import ServerThread

INIT = '{"type": "connection_init"}'
FOLLOW = "subscription($id: ID!) { runEvents(runId: $id) { events { __typename } } }"
WIDE = """subscription($id: ID!) { runEvents(runId: $id) { events { __typename
    ... on SpanEnded { span { output { value } } } } } }"""


@contextmanager
def _open(server: ServerThread) -> Iterator[ClientConnection]:
    with connect(server.websocket_url, subprotocols=[PROTOCOL]) as opened:
        opened.send(INIT)
        assert json.loads(opened.recv(TIMEOUT_S)) == {"type": "connection_ack"}
        yield opened


def _subscribe(opened: ClientConnection, number: int, query: str = FOLLOW) -> dict[str, Any]:
    payload = {"query": query, "variables": {"id": make_run_id(number)}}
    opened.send(json.dumps({"id": str(number), "type": "subscribe", "payload": payload}))
    answer: dict[str, Any] = json.loads(opened.recv(TIMEOUT_S))
    return answer


def _wait_until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        Event().wait(0.02)
    return True


def test_c24_a_socket_that_says_nothing_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who opens one has five seconds to begin; then it is closed with 4408."""
    assert view.INIT_TIMEOUT.total_seconds() == 5
    monkeypatch.setattr(view, "INIT_TIMEOUT", timedelta(seconds=0.2))
    with (
        ServerThread(f"sqlite:///{tmp_path / 'agenttrace.db'}") as server,
        connect(server.websocket_url, subprotocols=[PROTOCOL]) as silent,
    ):
        silent.send('{"type": "ping"}')  # which is no beginning
        assert json.loads(silent.recv(TIMEOUT_S)) == {"type": "pong"}
        with pytest.raises(ConnectionClosed):
            silent.recv(TIMEOUT_S)
        assert silent.close_code == 4408


def test_c24_a_second_init_closes_the_socket(shared_server: ServerThread) -> None:
    """With 4429: who somebody is, is said once."""
    with _open(shared_server) as opened:
        opened.send(INIT)
        with pytest.raises(ConnectionClosed):
            opened.recv(TIMEOUT_S)
        assert opened.close_code == 4429


def test_c24_an_id_is_for_one_operation(shared_server: ServerThread) -> None:
    """The same one again, while the first goes on, closes the socket with 4409."""
    with _open(shared_server) as opened:
        assert _subscribe(opened, 1)["type"] == "next"
        with pytest.raises(ConnectionClosed):
            _subscribe(opened, 1)
        assert opened.close_code == 4409


def test_c26_a_flood_of_messages_closes_the_socket(shared_server: ServerThread) -> None:
    """With the 101st message in ten seconds it is closed with 4429; other sockets go on."""
    with _open(shared_server) as other, _open(shared_server) as flooding:
        for _ in range(MAX_MESSAGES - 1):  # the init was the first
            flooding.send('{"type": "ping"}')
            assert json.loads(flooding.recv(TIMEOUT_S)) == {"type": "pong"}
        flooding.send('{"type": "ping"}')
        with pytest.raises(ConnectionClosed):
            flooding.recv(TIMEOUT_S)
        assert flooding.close_code == 4429
        assert flooding.close_reason == "more than 100 messages in 10 seconds"
        other.send('{"type": "ping"}')
        assert json.loads(other.recv(TIMEOUT_S)) == {"type": "pong"}


def test_c26_a_socket_has_twenty_operations(shared_server: ServerThread) -> None:
    """The next one is refused by itself; when one has ended there is room again."""
    with _open(shared_server) as opened:
        for number in range(view.MAX_SUBSCRIPTIONS):
            assert _subscribe(opened, number)["type"] == "next"
        refused = _subscribe(opened, 99)
        assert (refused["type"], refused["id"]) == ("error", "99")
        assert refused["payload"][0]["message"] == "Subscription limit reached"
        assert refused["payload"][0]["extensions"] == {"code": "LIMIT_EXCEEDED"}
        opened.send('{"type": "complete", "id": "0"}')
        assert _subscribe(opened, 98)["type"] == "next"


@pytest.mark.parametrize("query", ["{ __typename }", "mutation { __typename }"])
def test_c26_a_socket_is_only_for_following(shared_server: ServerThread, query: str) -> None:
    """Queries and mutations go over HTTP, where their limits are."""
    with _open(shared_server) as opened:
        answer = _subscribe(opened, 1, query)
        assert answer["type"] == "error"
        assert len(answer["payload"]) == 1
        assert _subscribe(opened, 2)["type"] == "next"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("subscription {", "PARSE_FAILED"),
        ("subscription { nothing }", "VALIDATION_FAILED"),
        ("subscription($id: Int!) { runEvents(runId: $id) { cursor } }", "VALIDATION_FAILED"),
        ("subscription { __typename " + "@skip(if: false)" * 51 + "}", "LIMIT_EXCEEDED"),
        ("{ __typename }", "WRONG_TRANSPORT"),
    ],
)
def test_a_refusal_over_a_socket_has_a_code(
    shared_server: ServerThread, query: str, code: str
) -> None:
    """As over HTTP: each error, for programs."""
    with _open(shared_server) as opened:
        answer = _subscribe(opened, 1, query)
        assert answer["type"] == "error"
        assert {error["extensions"]["code"] for error in answer["payload"]} == {code}


def test_c26_too_many_sockets_are_refused(
    shared_server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the cap: 503 before anything is accepted; when one leaves there is room again."""
    monkeypatch.setattr(view, "MAX_SOCKETS", 2)
    with _open(shared_server):
        with _open(shared_server):
            with pytest.raises(InvalidStatus) as caught:
                connect(shared_server.websocket_url, subprotocols=[PROTOCOL])
            assert caught.value.response.status_code == 503
            assert caught.value.response.headers["retry-after"] == "10"
        assert _wait_until(lambda: _can_connect(shared_server))


def _can_connect(server: ServerThread) -> bool:
    try:
        with _open(server):
            return True
    except InvalidStatus:
        return False


HANDSHAKE = (
    b"GET /graphql HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)


def _make_frame(message: object) -> bytes:
    """Return a masked text frame; the mask is zero, so the text is as it is."""
    text = json.dumps(message).encode()
    return b"\x81\xfe" + len(text).to_bytes(2, "big") + bytes(4) + text


def test_a_client_that_is_gone_without_a_word_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers no ping and reads nothing: two ping times later nothing of it is left."""
    monkeypatch.setattr(serving, "PING_S", 2.0)
    with (
        ServerThread(f"sqlite:///{tmp_path / 'agenttrace.db'}") as server,
        Client(server.url) as client,
        socket.socket() as gone,
    ):
        big = make_payload("x" * 500_000)
        client.send([make_run(), *(make_span(n, output=big) for n in range(20))])
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        gone.connect(("127.0.0.1", server.port))
        payload = {"query": WIDE, "variables": {"id": make_run_id(0)}}
        gone.settimeout(TIMEOUT_S)
        gone.sendall(HANDSHAKE)
        assert gone.recv(4096).startswith(b"HTTP/1.1 101")
        gone.sendall(_make_frame({"type": "connection_init", "payload": {"x": "x" * 126}}))
        gone.sendall(_make_frame({"id": "1", "type": "subscribe", "payload": payload}))
        sockets = server.app.graphql._sockets
        assert _wait_until(lambda: server.app.bus.count_listeners() == 1)
        with client.follow(FOLLOW, id=make_run_id(1)) as healthy:
            assert healthy.next() == {"events": []}
            assert _wait_until(lambda: len(sockets) == 1)
            client.send([make_run(1)])
            assert healthy.next() == {"events": [{"__typename": "RunUpdated"}]}


def test_a_client_that_leaves_while_it_is_told_is_nobodys_error(
    server: ServerThread, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is logged, and its operation is over: the id may be used again."""
    tried = Event()

    async def leave(*_: object) -> None:
        tried.set()
        raise WebSocketDisconnected

    with _open(server) as opened:
        monkeypatch.setattr(SocketAdapter, "send_next", leave)
        payload = {"query": FOLLOW, "variables": {"id": make_run_id(1)}}
        opened.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        assert tried.wait(TIMEOUT_S)
        assert _wait_until(lambda: server.app.bus.count_listeners() == 0)
        monkeypatch.undo()
        assert _subscribe(opened, 1)["type"] == "next"
    assert not caplog.records


def test_what_was_stored_before_a_stop_is_told_before_the_goodbye(tmp_path: Path) -> None:
    """Every WebSocket that reads hears all of it, and then 1001, on each of several."""
    with ServerThread(f"sqlite:///{tmp_path / 'agenttrace.db'}") as server, ExitStack() as stack:
        client = stack.enter_context(Client(server.url))
        opened = [stack.enter_context(_open(server)) for _ in range(5)]
        for each in opened:
            assert _subscribe(each, 0)["type"] == "next"
        assert _wait_until(lambda: server.app.bus.count_listeners() == 1)
        server.app.bus.ring = lambda run_ids: None  # type: ignore[method-assign] # nobody is woken
        client.send([make_run(), make_span(0)])
        server.stop()
        for each in opened:
            told = json.loads(each.recv(TIMEOUT_S))
            kinds = [e["__typename"] for e in told["payload"]["data"]["runEvents"]["events"]]
            assert kinds == ["RunUpdated", "SpanStarted", "SpanEnded"]
            with pytest.raises(ConnectionClosed):
                each.recv(TIMEOUT_S)
            assert each.close_code == 1001
