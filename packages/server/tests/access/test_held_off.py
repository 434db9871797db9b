"""C18: what was not looked at, and what was refused to keep somebody in charge, is remembered."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Connection, select

from agenttrace_server.deeds import Action
from agenttrace_server.errors import RefusedError
from agenttrace_server.identity import NOBODY, Actor
from agenttrace_server.services import accounts as services
from agenttrace_server.services.audit import make_deed
from agenttrace_server.services.operators import OperatorService
from agenttrace_server.storage.account_tables import AUDIT
from agenttrace_server.storage.engine import Database, open_database
from agenttrace_server.storage.sessions import Allowance, take_attempt

from ..support.accounts import OPERATOR, PASSWORD, AccountsServer, Caller, open_accounts

SECOND_NS = 1_000_000_000
HOUR_S = 3_600
LOG = "{auditLog(first:100){edges{node{action actorName target address}}}}"
PUT = "mutation($e:String!,$r:ProjectRole!){putMember(email:$e,role:$r){errors{code}}}"
REMOVE = "mutation($e:String!){removeMember(email:$e){errors{code}}}"
DISABLE = "mutation($e:String!){setAccountDisabled(email:$e,isDisabled:true){errors{code}}}"
WRONG = "nine white horses at noon"
EMAIL = "a@example.org"


def _read_log(caller: Caller, *actions: Action) -> list[tuple[str, str, str]]:
    nodes = [edge["node"] for edge in caller.ask(LOG)["edges"]]
    return [(n["action"], n["actorName"], n["target"]) for n in nodes if n["action"] in actions]


def _log_in(accounts: AccountsServer, email: str, password: str) -> int:
    body = {"email": email, "password": password}
    return accounts.nobody.http.post("/api/auth/token", json=body).status_code


def test_c18_tries_that_are_not_looked_at_are_remembered_once(accounts: AccountsServer) -> None:
    """For the account, whatever the password was; the tries that were looked at each by itself."""
    accounts.add(EMAIL, "VIEWER")
    statuses = [_log_in(accounts, EMAIL, WRONG) for _ in range(5)]
    statuses += [_log_in(accounts, EMAIL, PASSWORD) for _ in range(4)]
    assert statuses == [401] * 5 + [429] * 4
    found = _read_log(accounts.operator, Action.LOGIN_FAILED, Action.LOGIN_HELD_OFF)
    assert (
        found
        == [("login_held_off", EMAIL, f"account {EMAIL}")] + [("login_failed", EMAIL, EMAIL)] * 5
    )


def test_c18_an_address_that_tries_many_accounts_is_remembered_once(
    accounts: AccountsServer,
) -> None:
    """With the address as the target, and the first account that was not looked at."""
    statuses = [_log_in(accounts, f"{n}@example.org", WRONG) for n in range(40)]
    (entry,) = _read_log(accounts.operator, Action.LOGIN_HELD_OFF)
    first = statuses.index(429)
    assert entry == ("login_held_off", f"{first}@example.org", "address 127.0.0.1")


def _try_for_an_hour(connection: Connection) -> None:
    start_ns = 1_000_000 * SECOND_NS
    for second in range(0, HOUR_S, 2):
        now_ns = start_ns + second * SECOND_NS
        allowances = [
            Allowance("account", f"{second % 7}@example.org", 5, 900),
            Allowance("address", "192.0.2.1", 20, 60),
        ]
        deed = make_deed(Actor(NOBODY), Action.LOGIN_HELD_OFF, "", now_ns=now_ns)
        take_attempt(connection, allowances, now_ns=now_ns, held_off=deed)


async def test_c18_held_off_tries_cannot_fill_the_log(database: Database) -> None:
    """Over an hour of tries, one each 2 s, for 7 accounts: by window and name, no more."""
    await database.write(_try_for_an_hour)
    entries = await database.read(_read_entries)
    of_accounts = [target for _, target in entries if target.startswith("account ")]
    assert 7 * 3 <= len(of_accounts) <= 7 * HOUR_S // 900
    assert len(entries) - len(of_accounts) <= HOUR_S // 60
    for target in set(of_accounts):
        times = [at_ns for at_ns, each in entries if each == target]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert all(gap >= 900 * SECOND_NS for gap in gaps)


def _read_entries(connection: Connection) -> list[tuple[int, str]]:
    query = select(AUDIT.c.at_ns, AUDIT.c.target).order_by(AUDIT.c.position)
    return [(at_ns, target) for at_ns, target in connection.execute(query)]


def test_c18_registrations_that_wait_are_remembered_once(database_url: str) -> None:
    """Where everybody may register; the address is the target."""
    with open_accounts(database_url, registration="open") as accounts:
        statuses = []
        for number in range(6):
            body = {"email": f"{number}@example.org", "password": WRONG}
            answer = accounts.nobody.http.post("/api/auth/register", json=body)
            statuses.append(answer.status_code)
        assert statuses == [201] * 3 + [429] * 3
        found = _read_log(accounts.operator, Action.REGISTRATION_HELD_OFF)
        assert found == [("registration_held_off", "3@example.org", "register 127.0.0.1")]


def test_c18_an_admin_who_tries_addresses_is_remembered_once(
    accounts: AccountsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the project, where its other admins see it."""
    monkeypatch.setattr(services, "UNKNOWN_MEMBERS", (2, HOUR_S))
    admin = accounts.add(EMAIL, "ADMIN")
    for number in range(6):
        admin.ask(PUT, e=f"{number}@example.org", r="VIEWER")
    found = _read_log(admin, Action.MEMBER_HELD_OFF)
    assert found == [("member_held_off", EMAIL, "2@example.org VIEWER")]


def _get_codes(answer: Any) -> list[str]:
    return [error["code"] for error in answer["errors"]]


def test_c18_the_last_admin_who_is_kept_is_remembered(accounts: AccountsServer) -> None:
    """Who tried to take them out or make them less, in the project; nothing else is of it."""
    admin = accounts.add_project("second")
    assert _get_codes(admin.ask(REMOVE, e=OPERATOR)) == ["last_admin"]
    assert _get_codes(admin.ask(PUT, e=OPERATOR, r="MEMBER")) == ["last_admin"]
    assert _get_codes(admin.ask(REMOVE, e="no@example.org")) == ["not_found"]
    found = _read_log(admin, Action.CHANGE_REFUSED, Action.MEMBER_REMOVED)
    assert found == [
        ("change_refused", OPERATOR, f"role_changed {OPERATOR} MEMBER: last_admin"),
        ("change_refused", OPERATOR, f"member_removed {OPERATOR}: last_admin"),
    ]


async def test_c18_the_last_operator_who_is_kept_is_remembered(
    accounts: AccountsServer, database_url: str
) -> None:
    """Also where it was tried at the machine."""
    assert _get_codes(accounts.operator.ask(DISABLE, e=OPERATOR)) == ["last_operator"]
    database = open_database(database_url)
    try:
        service = OperatorService(database, program="agenttrace-server (me)", now_ns=SECOND_NS)
        with pytest.raises(RefusedError, match="last operator"):
            await service.set_operator(OPERATOR, is_operator=False)
    finally:
        database.close()
    found = _read_log(accounts.operator, Action.CHANGE_REFUSED)
    assert found == [
        ("change_refused", "agenttrace-server (me)", f"operator_ended {OPERATOR}: last_operator"),
        ("change_refused", OPERATOR, f"account_disabled {OPERATOR}: last_operator"),
    ]
