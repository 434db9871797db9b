"""C18: what somebody tried and was refused is in the audit log, without what they tried it with."""

from __future__ import annotations

import pytest

from agenttrace_server.services.tokens import make_setup_token

from ..support.accounts import OPERATOR, PASSWORD, AccountsServer, Caller
from ..support.thread import SECRET, ServerThread

LOG = "{auditLog(first:50){edges{node{action actorKind actorName target address}}}}"
WRONG = "nine white horses at noon"
HERE = "127.0.0.1"


def _read_failures(caller: Caller) -> list[tuple[str, ...]]:
    """Return what is remembered, the latest first, without what was done."""
    nodes = [edge["node"] for edge in caller.ask(LOG)["edges"]]
    done = {"registered", "login", "account_created", "role_changed"}
    assert WRONG not in repr(nodes)
    return [tuple(node.values()) for node in nodes if node["action"] not in done]


def test_c18_a_wrong_setup_token_is_remembered(database_url: str) -> None:
    """Each that was looked at; that an address has to wait, once."""
    with ServerThread(database_url, secret_key=SECRET) as running:
        nobody = Caller(running.url)
        body = {"email": "Eve@example.org", "password": WRONG, "setup_token": "0" * 32}
        codes = [nobody.http.post("/api/auth/register", json=body).status_code for _ in range(5)]
        assert codes == [403, 403, 403, 429, 429]
        right = make_setup_token(SECRET, running.app.database.database_id)
        given = {"email": OPERATOR, "password": PASSWORD, "setup_token": right}
        assert nobody.http.post("/api/auth/register", json=given).status_code == 201
        login = nobody.http.post("/api/auth/token", json={"email": OPERATOR, "password": PASSWORD})
        operator = Caller(running.url, login.json()["access_token"])
        eve = "eve@example.org"
        assert _read_failures(operator) == [
            ("registration_held_off", "USER", eve, "register 127.0.0.1", HERE),
            *[("setup_failed", "USER", eve, eve, HERE)] * 3,
        ]
        assert "000000" not in operator.ask_raw(LOG).text
        nobody.close()
        operator.close()


def test_c18_reuse_of_a_refresh_token_is_remembered(accounts: AccountsServer) -> None:
    """Once a login, with its id and whose it is; a token that is none is not."""
    tokens = accounts.get_tokens(OPERATOR)
    (session,) = [
        each["id"]
        for each in accounts.call(tokens["access_token"]).ask("{sessions{id isCurrent}}")
        if each["isCurrent"]
    ]
    codes = []
    for given in (tokens["refresh_token"], tokens["refresh_token"], tokens["refresh_token"], "x"):
        answer = accounts.nobody.http.post("/api/auth/refresh", json={"refresh_token": given})
        codes.append(answer.status_code)
    assert codes == [200, 401, 401, 401]
    assert _read_failures(accounts.operator) == [
        ("refresh_reused", "USER", OPERATOR, session, HERE)
    ]
    assert tokens["refresh_token"] not in accounts.operator.ask_raw(LOG).text


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_c18_a_wrong_current_password_is_remembered(accounts: AccountsServer) -> None:
    """Whoever sits at a browser that was left open is seen by the operators."""
    member = accounts.add("m@example.org", "MEMBER")
    change = "mutation($o:String!,$n:String!){changePassword(currentPassword:$o,newPassword:$n)"
    refused = member.ask(change + "{errors{code}}}", o=WRONG, n="ten blue trains by night")
    assert refused == {"errors": [{"code": "wrong"}]}
    whose = "m@example.org"
    assert _read_failures(accounts.operator) == [
        ("password_change_failed", "USER", whose, whose, HERE)
    ]
    assert "ten blue" not in accounts.operator.ask_raw(LOG).text
