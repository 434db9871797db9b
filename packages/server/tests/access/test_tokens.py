"""C02 to C08: which tokens are taken."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from websockets import Origin
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from agenttrace_server.errors import AuthenticationError
from agenttrace_server.services.tokens import ACCESS_S, LEEWAY_S, Tokens

from ..support.accounts import OPERATOR, PASSWORD, AccountsServer, open_accounts
from ..support.client import PROTOCOL
from ..support.thread import SECRET, ServerThread

VIEWER = "{viewer{name}}"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccountsServer]:
    """One server for tokens that nobody takes."""
    folder = tmp_path_factory.mktemp("tokens")
    with open_accounts(f"sqlite:///{folder / 'agenttrace.db'}") as running:
        yield running


def _claims(shared: AccountsServer) -> dict[str, Any]:
    token = shared.operator.credential
    assert token is not None
    return jwt.decode(token, options={"verify_signature": False})


def _status(shared: AccountsServer, token: str) -> int:
    return shared.call(token).ask_raw(VIEWER).status_code


def _write(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = [json.dumps(part).encode() for part in (header, claims)]
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts).decode() + "."


def test_c02_only_one_algorithm_and_no_other_header_is_taken(shared: AccountsServer) -> None:
    """Whatever a token says about how it wants to be read, it is read in one way."""
    claims = _claims(shared)
    assert _status(shared, jwt.encode(claims, SECRET, "HS256")) == 200
    refused = [
        _write({"alg": "none", "typ": "JWT"}, claims),
        _write({"alg": "None", "typ": "JWT"}, claims),
        _write({"alg": "hs256", "typ": "JWT"}, claims),
        _write({"alg": "RS256", "typ": "JWT"}, claims),
        jwt.encode(claims, SECRET * 2, "HS512"),
        jwt.encode(claims, SECRET, "HS256", headers={"kid": "../../dev/null"}),
        jwt.encode(claims, SECRET, "HS256", headers={"jwk": {"kty": "oct", "k": "AA"}}),
        jwt.encode(claims, SECRET, "HS256", headers={"jku": "https://evil.example/keys"}),
    ]
    assert [_status(shared, token) for token in refused] == [401] * len(refused)


@pytest.mark.parametrize("missing", ["exp", "iat", "sub", "aud", "iss", "jti", "ver", "sid"])
def test_c03_a_token_has_every_claim(shared: AccountsServer, missing: str) -> None:
    """One that never ends, or is for anybody, is none."""
    claims = _claims(shared)
    del claims[missing]
    assert _status(shared, jwt.encode(claims, SECRET, "HS256")) == 401


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "another"},
        {"aud": ["agenttrace", "another"]},
        {"iss": "another"},
        {"exp": int(time.time()) - 31},
        {"exp": "9999999999"},
        {"nbf": 9_999_999_999},
        {"nbf": int(time.time()) + 600},
        {"iat": int(time.time()) + 600},
        {"iat": 9_999_999_999},
        {"sub": 1},
        {"sub": ""},
        {"ver": "1"},
        {"ver": True},
        {"jti": 1},
    ],
    ids=",".join,  # the time of one is another in each process that runs tests
)
def test_c03_a_claim_that_is_wrong_is_refused(
    shared: AccountsServer, change: dict[str, Any]
) -> None:
    """Signed or not: for another, over, not yet, or of another type."""
    assert _status(shared, jwt.encode({**_claims(shared), **change}, SECRET, "HS256")) == 401


NOW_S = 1_000_000.0


@pytest.mark.parametrize(
    ("claim", "at_s", "is_taken"),
    [
        ("exp", 0, True),
        ("exp", -29, True),
        ("exp", -30, False),  # it lasts up to that second, and does not have it
        ("exp", -31, False),
        ("iat", 29, True),
        ("iat", 30, True),
        ("iat", 31, False),
        ("nbf", 29, True),
        ("nbf", 30, True),
        ("nbf", 31, False),
    ],
)
def test_c03_f32_a_token_bears_30_s_between_clocks(claim: str, at_s: int, is_taken: bool) -> None:
    """To the second, whichever clock is ahead, by the clock that the server is given."""
    assert LEEWAY_S == 30
    tokens = Tokens(SECRET, clock_s=lambda: NOW_S)
    made = jwt.decode(tokens.make_access("a", "s", 1), options={"verify_signature": False})
    token = jwt.encode({**made, claim: int(NOW_S) + at_s}, SECRET, "HS256")
    if is_taken:
        assert tokens.read_access(token).account_id == "a"
    else:
        with pytest.raises(AuthenticationError):
            tokens.read_access(token)


def test_c03_f32_a_token_lasts_an_hour_and_30_s() -> None:
    """Between two seconds, too."""
    now_s = [NOW_S]
    tokens = Tokens(SECRET, clock_s=lambda: now_s[0])
    token = tokens.make_access("a", "s", 1)
    now_s[0] = NOW_S + ACCESS_S + LEEWAY_S - 0.01
    assert tokens.read_access(token).expires_s == NOW_S + ACCESS_S
    now_s[0] = NOW_S + ACCESS_S + LEEWAY_S
    with pytest.raises(AuthenticationError):
        tokens.read_access(token)


@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_f32_a_token_of_a_server_whose_clock_is_ahead_is_taken(
    shared: AccountsServer, name: str
) -> None:
    """Over HTTP, made some seconds from now, as it says: servers of one store differ by so much."""
    claims = {**_claims(shared), name: int(time.time()) + 20}
    assert _status(shared, jwt.encode(claims, SECRET, "HS256")) == 200


def test_c05_a_change_of_password_or_standing_ends_tokens(accounts: AccountsServer) -> None:
    """The very next request with an old token is refused."""
    viewer = accounts.add("v@example.org", "VIEWER")
    assert viewer.ask(VIEWER) == {"name": "v@example.org"}
    again = accounts.log_in("v@example.org")
    new = "another seven green boats"
    change = "mutation($o:String!,$n:String!){changePassword(currentPassword:$o,newPassword:$n)"
    assert again.ask(change + "{errors{code}}}", o=PASSWORD, n=new) == {"errors": []}
    assert again.ask_raw(VIEWER).status_code == 401
    tokens = accounts.get_tokens("v@example.org", new)
    third = accounts.call(tokens["access_token"])
    assert third.ask(VIEWER) == {"name": "v@example.org"}
    disable = 'mutation{setAccountDisabled(email:"v@example.org",isDisabled:true){errors{code}}}'
    assert accounts.operator.ask(disable) == {"errors": []}
    assert third.ask_raw(VIEWER).status_code == 401
    refresh = {"refresh_token": tokens["refresh_token"]}
    assert accounts.nobody.http.post("/api/auth/refresh", json=refresh).status_code == 401
    login = {"email": "v@example.org", "password": new}
    assert accounts.nobody.http.post("/api/auth/token", json=login).status_code == 401


def test_c06_logging_out_ends_the_token_and_its_login(accounts: AccountsServer) -> None:
    """The token, the refresh token and every token made from it; other logins stay."""
    tokens = accounts.get_tokens(OPERATOR)
    caller = accounts.call(tokens["access_token"])
    assert caller.http.post("/api/auth/logout").status_code == 204
    assert caller.ask_raw(VIEWER).status_code == 401
    refresh = {"refresh_token": tokens["refresh_token"]}
    assert accounts.nobody.http.post("/api/auth/refresh", json=refresh).status_code == 401
    assert accounts.operator.ask(VIEWER) == {"name": OPERATOR}


def test_c06_a_refresh_token_is_used_once_and_reuse_ends_the_login(
    accounts: AccountsServer,
) -> None:
    """Whoever has a copy of it is found out when the second of them uses it."""
    first = accounts.get_tokens(OPERATOR)
    refresh = {"refresh_token": first["refresh_token"]}
    answer = accounts.nobody.http.post("/api/auth/refresh", json=refresh)
    assert answer.status_code == 200
    second = answer.json()
    assert second["refresh_token"] != first["refresh_token"]
    assert accounts.call(second["access_token"]).ask(VIEWER) == {"name": OPERATOR}
    assert accounts.nobody.http.post("/api/auth/refresh", json=refresh).status_code == 401
    newer = {"refresh_token": second["refresh_token"]}
    assert accounts.nobody.http.post("/api/auth/refresh", json=newer).status_code == 401
    assert accounts.call(second["access_token"]).ask_raw(VIEWER).status_code == 401


def test_c07_a_token_elsewhere_is_not_looked_at(
    accounts: AccountsServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in the address, not in a cookie; and no log has it."""
    token = accounts.operator.credential
    assert token is not None
    http = accounts.nobody.http
    body = {"query": VIEWER}
    with caplog.at_level(logging.DEBUG):
        for name in ("access_token", "token", "authorization"):
            answer = http.post("/graphql", params={name: token}, json=body)
            assert answer.status_code == 401
            assert token not in answer.text
            cookie = {"cookie": f"{name}={token}"}
            assert http.post("/graphql", headers=cookie, json=body).status_code == 401
        accounts.call(token + "x").ask_raw(VIEWER)
        for query in (f"token={token}", f"authorization=Bearer%20{token}"):
            with connect(f"{accounts.server.websocket_url}?{query}", subprotocols=[PROTOCOL]):
                pass
            with pytest.raises(InvalidStatus):
                connect(
                    f"{accounts.server.websocket_url}?{query}",
                    origin=Origin("https://evil.example"),
                )
    own = ("httpx", "httpcore", "websockets.client")  # what this client logs of its own requests
    written = [record for record in caplog.records if not record.name.startswith(own)]
    assert not [record for record in written if token in record.getMessage()]


@pytest.mark.parametrize("scheme", ["", "Basic ", "bearer", "Token ", "Bearer, "])
def test_c07_only_the_scheme_bearer_is_known(accounts: AccountsServer, scheme: str) -> None:
    """With another one, nobody is known."""
    headers = {"authorization": f"{scheme}{accounts.operator.credential}"}
    body = {"query": VIEWER}
    assert accounts.nobody.http.post("/graphql", json=body, headers=headers).status_code == 401


def test_c08_a_broken_token_is_refused_without_a_trace(
    shared: AccountsServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Tampered with, cut, long, empty: 401, and the server finds nothing unexpected."""
    token = shared.operator.credential
    assert token is not None
    head, body, signature = token.split(".")
    other = ("A" if signature[0] != "A" else "B") + signature[1:]
    broken = [
        f"{head}.{body}.{other}",
        f"{head}.{body}A.{signature}",
        token[: len(token) // 2],
        "A" * 40_000,
        "...",
        "a.b.c",
        "null",
        "agt_",
        "\xff\xfe",
    ]
    with caplog.at_level(logging.ERROR):
        for text in broken:
            headers = {b"authorization": b"Bearer " + text.encode("latin-1")}
            answer = shared.nobody.http.post("/graphql", json={"query": VIEWER}, headers=headers)
            assert answer.status_code == 401, text[:20]
            assert answer.headers["www-authenticate"].startswith("Bearer")
    assert caplog.records == []
    with pytest.raises(AuthenticationError):
        Tokens(SECRET).read_access("é.b.c")
    with pytest.raises(AuthenticationError):
        Tokens(SECRET).read_access("A" * 1_000_000)


def test_c05_disabling_ends_the_tokens_of_another_server_too(
    accounts: AccountsServer, database_url: str
) -> None:
    """Nothing about a token is remembered by the process that it is given to."""
    with ServerThread(database_url, secret_key=SECRET) as other:
        there = accounts.call(accounts.add("v@example.org", "VIEWER").credential)
        there.http.base_url = other.url
        assert there.ask(VIEWER) == {"name": "v@example.org"}
        disable = 'mutation{setAccountDisabled(email:"v@example.org",isDisabled:true)'
        assert accounts.operator.ask(disable + "{errors{code}}}") == {"errors": []}
        assert there.ask_raw(VIEWER).status_code == 401


def test_two_uses_of_a_refresh_token_at_once_give_one_answer(accounts: AccountsServer) -> None:
    """The store decides, not the order in which they came."""
    refresh = {"refresh_token": accounts.get_tokens(OPERATOR)["refresh_token"]}

    async def use_twice() -> list[int]:
        def use() -> int:
            return accounts.nobody.http.post("/api/auth/refresh", json=refresh).status_code

        return sorted(await asyncio.gather(*(asyncio.to_thread(use) for _ in range(2))))

    assert asyncio.run(use_twice()) == [200, 401]
