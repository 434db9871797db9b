"""C05, C06: one's own logins, seen and ended; and the name of a project."""

from __future__ import annotations

from typing import Any

import pytest

from ..support.accounts import OPERATOR, AccountsServer, Caller

SESSIONS = "{sessions{id isCurrent refreshedAt expiresAt}}"
END = "mutation($id: ID) {endSessions(id: $id){errors{field code}}}"
EMAIL = "a@example.org"


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
