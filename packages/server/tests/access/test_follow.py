"""C24, C25: who may open a WebSocket, and for how long."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import ExitStack, suppress
from typing import Any

import jwt
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from agenttrace_server.graphql import followers

from ..support.accounts import OPERATOR, AccountsServer, open_socket
from ..support.lines import make_run, make_run_id
from ..support.thread import SECRET

FOLLOW = "subscription {runChanges {changes {runId}}}"
PATIENCE_S = 20


def _init(credential: str | None) -> dict[str, Any]:
    return {"authorization": f"Bearer {credential}"}


def _expect_close(socket: ClientConnection, code: int) -> None:
    with suppress(ConnectionClosed):
        while True:
            socket.recv(PATIENCE_S)
    assert socket.close_code == code


def _subscribe(socket: ClientConnection) -> None:
    assert json.loads(socket.recv(PATIENCE_S)) == {"type": "connection_ack"}
    message = {"id": "1", "type": "subscribe", "payload": {"query": FOLLOW}}
    socket.send(json.dumps(message))


def _follow(socket: ClientConnection) -> None:
    """Subscribe, and wait for the cursor that it begins with."""
    _subscribe(socket)
    assert json.loads(socket.recv(PATIENCE_S))["type"] == "next"


def _next_change(socket: ClientConnection) -> str:
    """Return the run of the next change; a batch without changes has a cursor only."""
    while True:
        message = json.loads(socket.recv(PATIENCE_S))
        if changes := message["payload"]["data"]["runChanges"]["changes"]:
            return str(changes[0]["runId"])


def test_c24_the_first_message_may_say_who_one_is(accounts: AccountsServer) -> None:
    """A browser cannot send the header."""
    with open_socket(accounts.url, init=_init(accounts.operator.credential)) as socket:
        _follow(socket)
        accounts.use_key("INGEST").send([make_run()])
        assert _next_change(socket) == make_run_id(0)


def test_c24_the_handshake_may_say_who_one_is(accounts: AccountsServer) -> None:
    """A program sends it as with every request."""
    header = f"Bearer {accounts.make_key('READ')[1]}"
    with open_socket(accounts.url, init={}, authorization=header) as socket:
        assert json.loads(socket.recv(PATIENCE_S)) == {"type": "connection_ack"}


def test_c24_a_bad_credential_in_the_handshake_is_refused_before(accounts: AccountsServer) -> None:
    """With the statuses of HTTP."""
    for header, status in ((f"Bearer {accounts.operator.credential}x", 401), ("Basic x", 401)):
        with (
            pytest.raises(InvalidStatus) as caught,
            open_socket(accounts.url, init=None, authorization=header),
        ):
            pass
        assert caught.value.response.status_code == status


@pytest.mark.parametrize(
    "init",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer x.y.z"},
        {"authorization": 5},
        {"authorization": None},
        {"Authorization": "Bearer x"},
    ],
    ids=repr,
)
def test_c24_a_bad_credential_in_the_first_message_closes_with_4403(
    accounts: AccountsServer, init: dict[str, Any]
) -> None:
    """Nothing but that is said."""
    with open_socket(accounts.url, init=init) as socket:
        _expect_close(socket, 4403)


def test_c24_nobody_subscribes_before_they_are_known(accounts: AccountsServer) -> None:
    """A subscription without a first message closes with 4401, a second one with 4429."""
    with open_socket(accounts.url, init=None) as socket:
        message = {"id": "1", "type": "subscribe", "payload": {"query": FOLLOW}}
        socket.send(json.dumps(message))
        _expect_close(socket, 4401)
    with open_socket(accounts.url, init=_init(accounts.operator.credential)) as socket:
        assert json.loads(socket.recv(PATIENCE_S)) == {"type": "connection_ack"}
        socket.send(json.dumps({"type": "connection_init"}))
        _expect_close(socket, 4429)


def test_c24_a_page_of_another_origin_is_refused_whoever_it_is(accounts: AccountsServer) -> None:
    """Its credential does not matter."""
    header = f"Bearer {accounts.operator.credential}"
    with (
        pytest.raises(InvalidStatus) as caught,
        open_socket(accounts.url, init=None, authorization=header, origin="https://evil.example"),
    ):
        pass
    assert caught.value.response.status_code == 403


def test_c25_a_token_that_ends_ends_what_it_follows(accounts: AccountsServer) -> None:
    """One that lasts two seconds more."""
    token = accounts.operator.credential
    assert token is not None
    claims = jwt.decode(token, options={"verify_signature": False})
    short = jwt.encode({**claims, "exp": int(time.time()) + 3}, SECRET, "HS256")
    with open_socket(accounts.url, init=_init(short)) as socket:
        _follow(socket)
        _expect_close(socket, 4403)


@pytest.mark.parametrize("way", ["role", "disabled", "removed", "logout", "key"])
def test_c25_losing_the_right_ends_what_one_follows(accounts: AccountsServer, way: str) -> None:
    """Whichever way, whoever follows is told with 4403, and why; somebody else goes on."""
    viewer = accounts.add("v@example.org", "VIEWER")
    key_id, key = accounts.make_key("READ")
    credential = key if way == "key" else viewer.credential
    with (
        open_socket(accounts.url, init=_init(credential)) as socket,
        open_socket(accounts.url, init=_init(accounts.operator.credential)) as other,
    ):
        _follow(socket)
        _follow(other)
        ends = {
            "role": 'mutation{putMember(email:"v@example.org",role:MEMBER){errors{code}}}',
            "disabled": 'mutation{setAccountDisabled(email:"v@example.org",isDisabled:true)'
            "{errors{code}}}",
            "removed": 'mutation{removeMember(email:"v@example.org"){errors{code}}}',
            "key": f'mutation{{revokeApiKey(id:"{key_id}"){{errors{{code}}}}}}',
        }
        if way == "logout":
            assert viewer.http.post("/api/auth/logout").status_code == 204
        else:
            assert accounts.operator.ask(ends[way]) == {"errors": []}
        _expect_close(socket, 4403)
        why = "the role in this project is another"
        if way not in {"role", "removed"}:
            why = "the credential has ended"
        assert socket.close_reason == f"Forbidden: {why}"
        accounts.use_key("INGEST").send([make_run()])
        assert _next_change(other) == make_run_id(0)


def test_c26_somebody_has_ten_sockets_and_no_more(
    accounts: AccountsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here two. Another account has its own; when one leaves there is room again."""
    monkeypatch.setattr(followers, "MAX_SOCKETS_OF_ONE", 2)
    viewer = accounts.add("v@example.org", "VIEWER")
    init = _init(viewer.credential)
    with open_socket(accounts.url, init=init) as first:
        _follow(first)
        with open_socket(accounts.url, init=init) as second:
            _follow(second)
            with open_socket(accounts.url, init=init) as third:
                _expect_close(third, 4429)
            with open_socket(accounts.url, init=_init(accounts.operator.credential)) as other:
                _follow(other)
            accounts.use_key("INGEST").send([make_run()])
            assert _next_change(first) == _next_change(second) == make_run_id(0)
        deadline = time.monotonic() + PATIENCE_S
        while not _can_follow(accounts, init):
            assert time.monotonic() < deadline


@pytest.mark.parametrize("more", [{"project": "second"}, {"authorization": "Bearer bad"}])
def test_c24_who_one_is_is_said_in_one_place(
    accounts: AccountsServer, more: dict[str, str]
) -> None:
    """What the first message said beside the handshake was ignored: another project followed."""
    accounts.add_project("second")
    authorization = f"Bearer {accounts.operator.credential}"
    with open_socket(accounts.url, init=more, authorization=authorization) as socket:
        _expect_close(socket, 4403)
    with open_socket(accounts.url, init={}, authorization=authorization) as socket:
        _follow(socket)


def test_c26_f33_who_says_not_who_they_are_takes_no_place_of_who_does(
    accounts: AccountsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have a part of the places, and of that an address a part."""
    monkeypatch.setattr(followers, "MAX_STRANGERS_OF_ONE", 2)
    url, init = accounts.url, _init(accounts.operator.credential)
    authorization = init["authorization"]
    with ExitStack() as stack:
        waiting = [stack.enter_context(open_socket(url, init=None)) for _ in "ab"]
        with pytest.raises(InvalidStatus) as caught, open_socket(url, init=None):
            pass
        assert caught.value.response.status_code == 503
        with open_socket(url, init={}, authorization=authorization) as known:
            _follow(known)
        waiting[0].send(json.dumps({"type": "connection_init", "payload": init}))
        _follow(waiting[0])  # and is no stranger any more
        with open_socket(url, init=init) as third:
            _follow(third)
    monkeypatch.setattr(followers, "MAX_STRANGERS", 0)
    with pytest.raises(InvalidStatus), open_socket(url, init=init):
        pass


def _can_follow(accounts: AccountsServer, init: dict[str, Any]) -> bool:
    with open_socket(accounts.url, init=init) as socket:
        try:
            return bool(json.loads(socket.recv(PATIENCE_S)) == {"type": "connection_ack"})
        except ConnectionClosed:
            return False


def test_a_key_that_only_records_follows_nothing_that_others_follow(
    accounts: AccountsServer,
) -> None:
    """Who asks for the same as somebody who may, is not let into what is shared."""
    _, ingest = accounts.make_key("INGEST")
    with open_socket(accounts.url, init=_init(accounts.operator.credential)) as allowed:
        _follow(allowed)
        with open_socket(accounts.url, init=_init(ingest)) as socket:
            _subscribe(socket)
            answer = json.loads(socket.recv(PATIENCE_S))
            assert answer["type"] == "error"
            assert answer["payload"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_the_last_admin_and_the_last_operator_stay(accounts: AccountsServer) -> None:
    """Nobody locks everybody out by mistake."""
    loop = asyncio.get_running_loop()

    def ask(document: str) -> Any:
        return accounts.operator.ask(document, e=OPERATOR)["errors"]

    for document, code in (
        ("mutation($e:String!){putMember(email:$e,role:VIEWER){errors{code}}}", "last_admin"),
        ("mutation($e:String!){removeMember(email:$e){errors{code}}}", "last_admin"),
        (
            "mutation($e:String!){setAccountDisabled(email:$e,isDisabled:true){errors{code}}}",
            "last_operator",
        ),
    ):
        assert await loop.run_in_executor(None, ask, document) == [{"code": code}]
