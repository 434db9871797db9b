"""C05, C06: one's own logins, seen and ended; and the name of a project."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agenttrace_server.agents import clean_agent, name_agent

from ..support.accounts import OPERATOR, PASSWORD, AccountsServer, Caller

SESSIONS = "{sessions{id isCurrent refreshedAt expiresAt}}"
END = "mutation($id: ID) {endSessions(id: $id){errors{field code}}}"
EMAIL = "a@example.org"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0"


def _list_ids(caller: Caller) -> list[str]:
    found: list[dict[str, Any]] = caller.ask(SESSIONS)
    assert [each["isCurrent"] for each in found].count(True) == 1
    return [each["id"] for each in found]


@pytest.fixture
def one(accounts: AccountsServer) -> Caller:
    """Somebody who has logged in."""
    return accounts.add(EMAIL, "VIEWER")


def test_c06_one_of_several_logins_is_ended_alone(accounts: AccountsServer, one: Caller) -> None:
    """One's own, from another: its tokens are refused at the next request, the others go on."""
    other = accounts.log_in(EMAIL)
    assert len(_list_ids(one)) == 2
    (current,) = [each["id"] for each in other.ask(SESSIONS) if each["isCurrent"]]
    assert one.ask(END, id=current) == {"errors": []}
    assert other.ask_raw(SESSIONS).status_code == 401
    assert current not in _list_ids(one)
    assert one.ask(END, id=current) == {"errors": [{"field": "id", "code": "not_found"}]}


def test_one_knows_a_login_by_its_client_and_address(accounts: AccountsServer) -> None:
    """Those of its last tokens; what is no name is shown as it was sent, and no longer."""
    where = "{sessions{client address}}"
    http = accounts.nobody.http
    body = {"email": OPERATOR, "password": PASSWORD}
    for agent in (FIREFOX, "<b>\xff" + "x" * 1_000, ""):
        answer = http.post("/api/auth/token", json=body, headers={b"user-agent": agent.encode()})
        assert answer.status_code == 200
        last = answer.json()
    clients = {each["client"] for each in accounts.operator.ask(where)}
    assert {"Firefox on Linux", None} < clients
    (odd,) = [each for each in clients if each and each.startswith("<b>")]
    assert len(odd) == 64
    assert {each["address"] for each in accounts.operator.ask(where)} == {"127.0.0.1"}
    refresh = {"refresh_token": last["refresh_token"]}
    moved = http.post("/api/auth/refresh", json=refresh, headers={"user-agent": "curl/8.5.0"})
    assert moved.status_code == 200
    after = {each["client"] for each in accounts.operator.ask(where)}
    assert after == clients - {None} | {"curl/8.5.0"}


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Safari/605.1.15", "Safari on macOS"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537", "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU like Mac OS X) CriOS/140 Safari/604", "Chrome on iOS"),
        ("Mozilla/4.0 (compatible)", "A browser"),
        ("python-httpx/0.28.1", "python-httpx/0.28.1"),
        ("", None),
    ],
)
def test_a_client_has_a_name(agent: str, name: str | None) -> None:
    """As people call it."""
    assert name_agent(agent) == name


@given(text=st.text())
def test_any_text_may_be_an_agent(text: str) -> None:
    """It is short, of one line, and UTF-8."""
    kept = clean_agent(text)
    assert len(kept) <= 256
    assert kept.isprintable() or "\ufffd" in kept
    assert "\0" not in kept
    assert name_agent(kept) is None or name_agent(kept)


def test_c06_all_logins_are_ended_at_once(accounts: AccountsServer, one: Caller) -> None:
    """The one that asks too; nobody else's, and one may log in again."""
    tokens = accounts.get_tokens(EMAIL)
    other = accounts.call(tokens["access_token"])
    assert one.ask(END) == {"errors": []}
    for caller in (one, other):
        assert caller.ask_raw(SESSIONS).status_code == 401
    body = {"refresh_token": tokens["refresh_token"]}
    assert accounts.nobody.http.post("/api/auth/refresh", json=body).status_code == 401
    assert len(_list_ids(accounts.operator)) == 1
    assert len(_list_ids(accounts.log_in(EMAIL))) == 1


def test_c06_nobody_ends_the_login_of_another(accounts: AccountsServer, one: Caller) -> None:
    """Not even the operator: its id is to others as one that there is not."""
    (theirs,) = _list_ids(one)
    refused = accounts.operator.ask(END, id=theirs)
    assert refused == {"errors": [{"field": "id", "code": "not_found"}]}
    assert one.ask_raw(SESSIONS).status_code == 200


def test_a_key_has_no_logins(accounts: AccountsServer) -> None:
    """It is revoked; and a refresh goes on with a login and makes no other."""
    key = accounts.use_key("READ")
    assert key.ask(SESSIONS) == []
    assert key.ask(END)["errors"][0]["code"] == "invalid"
    tokens = accounts.get_tokens(OPERATOR)
    body = {"refresh_token": tokens["refresh_token"]}
    before = _list_ids(accounts.operator)
    assert accounts.nobody.http.post("/api/auth/refresh", json=body).status_code == 200
    assert sorted(_list_ids(accounts.operator)) == sorted(before)


def test_c18_a_project_gets_another_name_and_it_is_remembered(accounts: AccountsServer) -> None:
    """By its admin, for all its members; the slug stays, and what cannot be a name is refused."""
    rename = "mutation($n: String!) {renameProject(name: $n){project{slug name} errors{code}}}"
    other = accounts.add_project("elsewhere")
    assert other.ask(rename, n="Else where")["project"] == {
        "slug": "elsewhere",
        "name": "Else where",
    }
    for bad in ("", " ", "x" * 129, "a\0"):
        assert other.ask(rename, n=bad)["errors"] == [{"code": "invalid"}]
    names = {each["slug"]: each["name"] for each in other.ask("{projects{slug name}}")}
    assert names == {"default": "Default", "elsewhere": "Else where"}
    accounts.operator.ask(END, id="0")
    log = "{auditLog{edges{node{action target}}}}"
    (first, *_) = other.ask(log)["edges"]
    assert first["node"] == {"action": "project_renamed", "target": "Else where"}
