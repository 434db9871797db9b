"""C05, C14, C18: who is in a project, and what its admins do to others and learn of them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, event

from agenttrace_server.deeds import Action
from agenttrace_server.identity import NOBODY, Actor, Role
from agenttrace_server.members import Member
from agenttrace_server.services import accounts as services
from agenttrace_server.services.audit import make_deed
from agenttrace_server.storage.accounts import NewAccount, create_account
from agenttrace_server.storage.engine import Database
from agenttrace_server.storage.members import add_member, set_role
from agenttrace_server.storage.sessions import Allowance

from ..support.accounts import OPERATOR, AccountsServer, Caller

ROLE = "{viewer{role}}"
PUT = "mutation($e:String!,$r:ProjectRole!){putMember(email:$e,role:$r){errors{code}}}"
REMOVE = "mutation($e:String!){removeMember(email:$e){errors{field code message}}}"
LOG = "{auditLog(first:50){edges{node{action actorName target}}}}"
EMAIL = "a@example.org"
OTHER = "b@example.org"


def _get_codes(answer: Any) -> list[str]:
    return [error["code"] for error in answer["errors"]]


def _read_log(caller: Caller) -> list[tuple[str, str, str]]:
    edges = caller.ask(LOG)["edges"]
    return [(e["node"]["action"], e["node"]["actorName"], e["node"]["target"]) for e in edges]


def test_c05_another_role_ends_access_tokens_and_no_login(accounts: AccountsServer) -> None:
    """The very next request is refused; the login goes on with a new token, and the new rights."""
    member = accounts.add(EMAIL, "MEMBER")
    tag = 'mutation{tagRun(runId:"0",tags:["a"]){errors{code}}}'
    assert _get_codes(member.ask(tag)) == ["not_found"]
    accounts.put(EMAIL, "MEMBER")  # as before: nothing ends
    assert member.ask(ROLE) == {"role": "MEMBER"}
    accounts.put(EMAIL, "VIEWER")
    assert member.ask_raw(ROLE).status_code == 401
    member = accounts.log_in(EMAIL)
    assert member.ask(ROLE) == {"role": "VIEWER"}
    assert member.ask_raw(tag).status_code == 403
    assert accounts.operator.ask(REMOVE, e=EMAIL) == {"errors": []}
    assert member.ask(ROLE) == {"role": None}
    assert member.ask_raw("{runs{cursor}}").status_code == 403


def test_c05_an_admin_ends_no_login_of_another_project(accounts: AccountsServer) -> None:
    """Being put into one project and taken out of it, one goes on in another."""
    admin = accounts.add_project("second")
    guest = accounts.add(EMAIL, "VIEWER")
    accounts.put(EMAIL, "ADMIN", by=admin)
    assert guest.ask(ROLE) == {"role": "VIEWER"}
    there = accounts.call(guest.credential, "second")
    assert there.ask(ROLE) == {"role": "ADMIN"}
    assert admin.ask(REMOVE, e=EMAIL) == {"errors": []}
    assert there.ask_raw(ROLE).status_code == 403
    assert guest.ask(ROLE) == {"role": "VIEWER"}


def test_c14_taking_out_tells_nothing_of_accounts(accounts: AccountsServer) -> None:
    """An address that has one, and one that has none, get the same answer."""
    admin = accounts.add_project("second")
    accounts.add(EMAIL, "VIEWER")
    known, unknown = (admin.ask_raw(REMOVE, e=e) for e in (EMAIL, "nobody@example.org"))
    assert known.content == unknown.content
    assert _get_codes(known.json()["data"]["removeMember"]) == ["not_found"]


def test_c18_trying_addresses_is_counted_and_remembered(
    accounts: AccountsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here three an hour. Then nothing is told of any address, and members are changed as ever."""
    monkeypatch.setattr(services, "UNKNOWN_MEMBERS", (3, 3600))
    accounts.add(EMAIL, None)
    admin = accounts.add(OTHER, "ADMIN")
    tried = [f"{n}@example.org" for n in range(3)]
    for email in tried:
        assert _get_codes(admin.ask(PUT, e=email, r="VIEWER")) == ["not_found"]
        assert admin.ask(PUT, e=OTHER, r="ADMIN") == {"errors": []}  # makes no room
    for email in (EMAIL, "3@example.org"):
        assert _get_codes(admin.ask(PUT, e=email, r="VIEWER")) == ["too_many_attempts"]
    assert admin.ask(PUT, e=OPERATOR, r="ADMIN") == {"errors": []}
    accounts.put(EMAIL, "VIEWER")  # another admin has tries of their own
    missed = [(who, what) for action, who, what in _read_log(admin) if action == "member_unknown"]
    assert missed == [(OTHER, f"{email} VIEWER") for email in reversed(tried)]


@pytest.mark.parametrize(
    "email",
    ["a\u200b@example.org", "\u202ea@example.org", "\uff41@example.org", "a@exampl\u00ade.org"],
)
def test_c18_no_account_looks_like_another(accounts: AccountsServer, email: str) -> None:
    """What is not seen, or is another form of a letter, stands in no list of members or log."""
    accounts.add(EMAIL, "VIEWER")
    create = "mutation($e:String!,$p:String!){createAccount(email:$e,password:$p){errors{code}}}"
    made = accounts.operator.ask(create, e=email, p="another seven green boats")
    assert _get_codes(made) == ["invalid"]


async def test_a_change_of_a_role_asks_for_the_one_before_once(database: Database) -> None:
    """What tells whether somebody is a member also tells what their role was."""
    asked: list[str] = []

    def note(_connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("SELECT membership.role"):
            asked.append(statement)

    def change(connection: Connection) -> Member | int | None:
        new = NewAccount("a", EMAIL, "", 0)
        assert create_account(connection, new)
        deed = make_deed(Actor(NOBODY), Action.ROLE_CHANGED, EMAIL, now_ns=1)
        tries = Allowance("member", "b", 20, 3600)
        set_role(connection, "a", "p", Role.VIEWER)
        event.listen(connection, "before_cursor_execute", note)
        try:
            return add_member(connection, "p", EMAIL, Role.MEMBER, tries=tries, deed=deed)
        finally:
            event.remove(connection, "before_cursor_execute", note)

    assert await database.write(change) == Member("a", EMAIL, "MEMBER", is_disabled=False)
    assert len(asked) == 1
