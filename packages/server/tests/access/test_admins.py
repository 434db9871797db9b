"""A project keeps an admin whose account is open, whoever does what at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import Connection

from agenttrace_server.errors import RefusedError
from agenttrace_server.identity import Role
from agenttrace_server.members import Project
from agenttrace_server.storage import accounts as storage
from agenttrace_server.storage.engine import Database, open_database
from agenttrace_server.storage.members import (
    find_account,
    list_members,
    put_member,
    remove_member,
    set_role,
)

from ..support.accounts import OPERATOR, AccountsServer, Caller

ROLE = "{viewer{role}}"
PUT = "mutation($e:String!,$r:ProjectRole!){putMember(email:$e,role:$r){errors{code}}}"
REMOVE = "mutation($e:String!){removeMember(email:$e){errors{field code message}}}"
DISABLE = (
    "mutation($e:String!){setAccountDisabled(email:$e,isDisabled:true){errors{field code message}}}"
)
APPOINT = (
    "mutation($p:String!,$e:String!){appointAdmin(project:$p,email:$e)"
    "{member{role} errors{field code}}}"
)
LOG = "{auditLog(first:50){edges{node{action actorName target}}}}"
EMAIL = "a@example.org"
OTHER = "b@example.org"


def _get_codes(answer: Any) -> list[str]:
    return [error["code"] for error in answer["errors"]]


def _read_log(caller: Caller) -> list[tuple[str, str, str]]:
    edges = caller.ask(LOG)["edges"]
    return [(e["node"]["action"], e["node"]["actorName"], e["node"]["target"]) for e in edges]


def test_a_project_keeps_an_admin_who_can_log_in(accounts: AccountsServer) -> None:
    """One whose account is closed is none. Who is in the way is named, and how to go on."""
    admin = accounts.add_project("second")
    accounts.add(EMAIL, "ADMIN", by=admin)
    accounts.add(OTHER, "ADMIN", by=admin)
    assert accounts.operator.ask(DISABLE, e=OTHER) == {"errors": []}
    assert admin.ask(REMOVE, e=OPERATOR) == {"errors": []}
    (wrong,) = accounts.operator.ask(DISABLE, e=EMAIL)["errors"]
    assert (wrong["field"], wrong["code"]) == ("email", "last_admin")
    assert "'second'" in wrong["message"]
    last = accounts.log_in(EMAIL, "second")
    assert _get_codes(last.ask(REMOVE, e=EMAIL)) == ["last_admin"]
    assert _get_codes(last.ask(PUT, e=EMAIL, r="MEMBER")) == ["last_admin"]
    assert last.ask(REMOVE, e=OTHER) == {"errors": []}  # the closed one was none
    assert last.ask(ROLE) == {"role": "ADMIN"}


def test_an_operator_appoints_an_admin_of_any_project(accounts: AccountsServer) -> None:
    """Then the last one can be closed; the project's own admins read who did it."""
    admin = accounts.add_project("second")
    accounts.add(EMAIL, "ADMIN", by=admin)
    assert admin.ask(REMOVE, e=OPERATOR) == {"errors": []}
    accounts.add(OTHER, None)
    made = accounts.operator.ask(APPOINT, p="second", e=OTHER)
    assert made == {"member": {"role": "ADMIN"}, "errors": []}
    assert accounts.operator.ask(DISABLE, e=EMAIL) == {"errors": []}
    log = _read_log(accounts.log_in(OTHER, "second"))
    assert log[0] == ("admin_appointed", OPERATOR, OTHER)
    for project, email, field in (("third", OTHER, "project"), ("second", "no@x.org", "email")):
        made = accounts.operator.ask(APPOINT, p=project, e=email)
        assert made == {"member": None, "errors": [{"field": field, "code": "not_found"}]}


@pytest.mark.parametrize("way", ["remove", "demote", "disable"])
async def test_of_two_admins_who_end_each_other_at_once_one_stays(
    database: Database, database_url: str, way: str
) -> None:
    """Two servers over one store: nothing but the store can decide."""
    other = open_database(database_url)
    try:
        for turn in range(10):
            ids = [f"{turn}{name}" for name in "ab"]
            project = Project(f"p{turn}", f"p{turn}", "p", turn)
            await database.write(_make_admins, project, ids)
            results = await asyncio.gather(
                database.write(_end, way, project.project_id, ids[0]),
                other.write(_end, way, project.project_id, ids[1]),
                return_exceptions=True,
            )
            (refused,) = [each for each in results if each is not None]
            assert isinstance(refused, RefusedError)
            assert refused.code == "last_admin"
            found = await database.read(list_members, project.project_id)
            admins = [each for each in found if each.role == "ADMIN" and not each.is_disabled]
            assert len(admins) == 1
    finally:
        other.close()


def _make_admins(connection: Connection, project: Project, ids: list[str]) -> None:
    for account_id in ids:
        assert storage.create_account(connection, storage.NewAccount(account_id, account_id, "", 0))
    assert storage.create_project(connection, project, owner_id=ids[0])
    set_role(connection, ids[1], project.project_id, Role.ADMIN)


def _end(connection: Connection, way: str, project_id: str, email: str) -> None:
    if way == "remove":
        remove_member(connection, project_id, email)
    elif way == "demote":
        account = find_account(connection, email)
        put_member(connection, project_id, account, Role.VIEWER)
    else:
        storage.set_disabled(connection, email, is_disabled=True, now_ns=0)


KEY = (
    "mutation($n:String!,$t:DateTime){createApiKey(input:{name:$n,scope:READ,expiresAt:$t})"
    "{apiKey{id} errors{code}}}"
)
REVOKE = "mutation($i:ID!){revokeApiKey(id:$i){errors{code}}}"
CLOSE = (
    "mutation($e:String!,$d:Boolean!){setAccountDisabled(email:$e,isDisabled:$d)"
    "{account{liveKeys{project count}} errors{code}}}"
)


def test_closing_an_account_says_which_keys_of_it_go_on(accounts: AccountsServer) -> None:
    """By project, and not the ones that ended: programs have them, and their admins end them."""
    second = accounts.add_project("second")
    there = accounts.add(EMAIL, "ADMIN", by=second)
    accounts.put(EMAIL, "ADMIN")
    there, here = accounts.log_in(EMAIL, "second"), accounts.log_in(EMAIL)
    for name in ("one", "two"):
        assert here.ask(KEY, n=name)["errors"] == []
    ended = there.ask(KEY, n="three")["apiKey"]["id"]
    assert there.ask(KEY, n="four", t="2999-01-01T00:00:00Z")["errors"] == []
    assert there.ask(REVOKE, i=ended) == {"errors": []}
    expected = [{"project": "default", "count": 2}, {"project": "second", "count": 1}]
    closed = accounts.operator.ask(CLOSE, e=EMAIL, d=True)
    assert closed == {"account": {"liveKeys": expected}, "errors": []}
    listed = accounts.operator.ask("{accounts{email liveKeys{project count}}}")
    assert {"email": EMAIL, "liveKeys": expected} in listed
    assert {"email": OPERATOR, "liveKeys": []} in listed


def test_c18_what_changes_nothing_ends_no_login_and_is_no_entry(accounts: AccountsServer) -> None:
    """An account that is open is opened, a role given again, a key ended that has ended."""
    member = accounts.add(EMAIL, "MEMBER")
    key_id, _ = accounts.make_key("READ")
    assert accounts.operator.ask(REVOKE, i=key_id) == {"errors": []}
    before = _read_log(accounts.operator)
    opened = accounts.operator.ask(CLOSE, e=EMAIL, d=False)
    assert opened == {"account": {"liveKeys": []}, "errors": []}
    assert accounts.operator.ask(PUT, e=EMAIL, r="MEMBER") == {"errors": []}
    assert accounts.operator.ask(REVOKE, i=key_id) == {"errors": []}
    assert member.ask(ROLE) == {"role": "MEMBER"}
    assert _read_log(accounts.operator) == before


def test_a_closed_account_is_appointed_admin_of_nothing(accounts: AccountsServer) -> None:
    """It could not log in, and the project would be left all the same."""
    accounts.add_project("second")
    accounts.add(EMAIL, None)
    assert accounts.operator.ask(DISABLE, e=EMAIL) == {"errors": []}
    made = accounts.operator.ask(APPOINT, p="second", e=EMAIL)
    assert made == {"member": None, "errors": [{"field": "email", "code": "account_disabled"}]}
