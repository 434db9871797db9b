"""C15, C16, C18: what programs may do, and what is remembered."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Executable, delete, select, text, update
from sqlalchemy.exc import DBAPIError

from agenttrace_server.services.keys import make_key_text, parse_key
from agenttrace_server.storage.account_tables import API_KEY, AUDIT
from agenttrace_server.storage.engine import Database

from ..support.accounts import OPERATOR, AccountsServer
from ..support.lines import make_run, make_run_id
from ..support.thread import SECRET, ServerThread

RUNS = "{runs{edges{node{id}}}}"
AUDIT_LOG = "{auditLog{edges{node{action actorKind actorName target address requestId}}}}"


def _read(accounts: AccountsServer, query: Callable[[Any], Any]) -> Any:
    database, loop = accounts.server.app.database, accounts.server.loop
    return asyncio.run_coroutine_threadsafe(database.read(query), loop).result(20)


def test_c15_an_ingest_key_records_and_reads_nothing(accounts: AccountsServer) -> None:
    """A program that is only to record gives nobody what others recorded."""
    key = accounts.use_key("INGEST")
    assert key.send([make_run()]).status_code == 200
    assert key.ask_raw(RUNS).status_code == 403
    assert key.http.get(f"/api/export/runs/{make_run_id(0)}").status_code == 403
    assert key.ask("mutation{ingest(records:[]){accepted}}") == {"accepted": 0}
    assert accounts.operator.ask(RUNS)["edges"] == [{"node": {"id": make_run_id(0)}}]


def test_c15_a_key_stays_in_its_project(accounts: AccountsServer) -> None:
    """Whatever else a request says: a header with another project is refused."""
    accounts.add_project("elsewhere")
    _, text_of_key = accounts.make_key("INGEST")
    assert accounts.call(text_of_key, "default").send([make_run()]).status_code == 200
    assert accounts.call(text_of_key, "elsewhere").send([make_run(1)]).status_code == 403
    assert accounts.call(text_of_key, "nowhere").send([make_run(1)]).status_code == 403


def test_c16_a_key_is_shown_once_and_stored_as_a_hash(accounts: AccountsServer) -> None:
    """256 random bits with a check; the list has how it begins and when it was used."""
    key_id, key = accounts.make_key("READ")
    assert re.fullmatch(r"agt_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", key)
    program = accounts.call(key)
    viewer = program.ask("{viewer{id kind name scope role expiresAt project{slug}}}")
    assert viewer == {
        "id": key_id,
        "kind": "KEY",
        "name": "READ",
        "scope": "READ",
        "role": None,
        "expiresAt": None,
        "project": {"slug": "default"},
    }
    loop = accounts.server.loop
    asyncio.run_coroutine_threadsafe(_settle(accounts), loop).result(20)
    (listed,) = accounts.operator.ask("{apiKeys{id prefix createdBy lastUsedAt revokedAt}}")
    assert listed.pop("lastUsedAt") is not None
    expected = {"id": key_id, "prefix": f"agt_{key_id}", "createdBy": OPERATOR, "revokedAt": None}
    assert listed == expected
    rows = _read(accounts, lambda connection: connection.execute(select(API_KEY)).all())
    (row,) = rows
    assert row.secret_sha256 == hashlib.sha256(key.encode()).hexdigest()
    assert key[17:] not in repr(rows)


async def _settle(accounts: AccountsServer) -> None:
    authenticators = accounts.server.app.graphql.followers._authenticator
    await authenticators.close()


def test_c16_a_key_that_was_not_copied_whole_is_not_looked_up(accounts: AccountsServer) -> None:
    """Its check says so, before the store is asked; another secret is no key either."""
    key_id, key = accounts.make_key("READ")
    asked: list[object] = []
    database = accounts.server.app.database
    read = database.read

    async def count(query: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(query)
        return await read(query, *args, **kwargs)

    database.read = count  # type: ignore[method-assign] # looked at from outside
    wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
    assert accounts.call(wrong).ask_raw(RUNS).status_code == 401
    assert accounts.call(key[:-1]).ask_raw(RUNS).status_code == 401
    assert asked == []
    other = make_key_text(key_id)
    assert accounts.call(other).ask_raw(RUNS).status_code == 401
    assert accounts.call(key).ask(RUNS) == {"edges": []}


def test_c16_a_revoked_key_is_refused_here_at_once_and_elsewhere_soon(
    accounts: AccountsServer, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker has looked at it before: it looks again after two seconds."""
    key_id, key = accounts.make_key("READ")
    with ServerThread(database_url, secret_key=SECRET) as other:
        here, there = accounts.call(key), accounts.call(key)
        there.http.base_url = other.url
        assert here.ask(RUNS) == there.ask(RUNS) == {"edges": []}
        revoke = "mutation($id: ID!){revokeApiKey(id:$id){apiKey{revokedAt} errors{code}}}"
        made = accounts.operator.ask(revoke, id=key_id)
        assert (made["apiKey"]["revokedAt"], made["errors"]) != (None, [])
        assert here.ask_raw(RUNS).status_code == 401
        monkeypatch.setattr("agenttrace_server.services.authentication.KEY_KNOWN_S", 0.0)
        assert there.ask_raw(RUNS).status_code == 401
    unknown = accounts.operator.ask(revoke, id="0")
    assert unknown == {"apiKey": None, "errors": [{"code": "not_found"}]}


def test_c16_a_key_ends_when_it_says(accounts: AccountsServer) -> None:
    """And none is made that has ended already."""
    create = "mutation($i: ApiKeyInput!){createApiKey(input:$i){errors{field code}}}"
    past = {"name": "a", "scope": "READ", "expiresAt": "2020-01-01T00:00:00Z"}
    made = accounts.operator.ask(create, i=past)
    assert made == {"errors": [{"field": "expiresAt", "code": "invalid"}]}
    _, key = accounts.make_key("READ", expiresAt="2999-01-01T00:00:00Z")
    program = accounts.call(key)
    assert program.ask(RUNS) == {"edges": []}
    database, loop = accounts.server.app.database, accounts.server.loop

    def end(connection: Any) -> None:
        connection.execute(update(API_KEY).values(expires_ns=1))

    asyncio.run_coroutine_threadsafe(database.write(end), loop).result(20)
    accounts.server.app.graphql.followers._authenticator._keys.clear()
    assert program.ask_raw(RUNS).status_code == 401


def test_c16_a_key_of_another_project_cannot_be_ended(accounts: AccountsServer) -> None:
    """It looks as one that there never was."""
    key_id, key = accounts.make_key("READ")
    elsewhere = accounts.add_project("elsewhere")
    revoke = "mutation($id: ID!){revokeApiKey(id:$id){errors{code}}}"
    unknown = elsewhere.ask(revoke, id="0" * 12)
    assert elsewhere.ask(revoke, id=key_id) == unknown == {"errors": [{"code": "not_found"}]}
    assert elsewhere.ask("{apiKeys{id}}") == []
    assert accounts.call(key).ask(RUNS) == {"edges": []}


@given(st.integers(0, 72), st.characters(min_codepoint=33, max_codepoint=126))
def test_c16_no_key_with_another_letter_is_whole(place: int, letter: str) -> None:
    """One letter mistyped is always noticed."""
    key = make_key_text("0123456789AB")
    place %= len(key)
    changed = key[:place] + letter + key[place + 1 :]
    assert (parse_key(changed) is None) == (changed != key)


def test_c18_what_was_done_is_remembered(accounts: AccountsServer) -> None:
    """Who, what, to what, from where, in which request; and nothing that was recorded."""
    wrong = {"email": OPERATOR, "password": "nine white horses at noon"}
    accounts.nobody.http.post("/api/auth/token", json=wrong)
    viewer = accounts.add("v@example.org", "VIEWER")
    key_id, key = accounts.make_key("WRITE")
    accounts.operator.ask("mutation($id: ID!){revokeApiKey(id:$id){errors{code}}}", id=key_id)
    run_id = make_run_id(0)
    program = accounts.use_key("WRITE")
    marker = {"value": "zebra", "codec": "json", "fidelity": "exact"}
    assert program.send([make_run(input=marker)]).status_code == 200
    exported = program.http.get(f"/api/export/runs/{run_id}")
    assert exported.status_code == 200
    program.ask("mutation($id: ID!){deleteRun(runId:$id){count}}", id=run_id)
    assert viewer.ask_raw(AUDIT_LOG).status_code == 403
    entries = [edge["node"] for edge in accounts.operator.ask(AUDIT_LOG)["edges"]]
    assert [(entry["action"], entry["actorName"]) for entry in reversed(entries)] == [
        ("registered", OPERATOR),
        ("login", OPERATOR),
        ("login_failed", OPERATOR),
        ("account_created", OPERATOR),
        ("role_changed", OPERATOR),
        ("login", "v@example.org"),
        ("key_created", OPERATOR),
        ("key_revoked", OPERATOR),
        ("key_created", OPERATOR),
        ("run_exported", "WRITE"),
        ("runs_deleted", "WRITE"),
    ]
    assert {entry["address"] for entry in entries} == {"127.0.0.1"}
    assert all(re.fullmatch("[0-9a-f]{16}", entry["requestId"]) for entry in entries)
    (export,) = [entry for entry in entries if entry["action"] == "run_exported"]
    assert export["requestId"] == exported.headers["x-request-id"]
    written = repr(entries)
    assert "zebra" not in written
    assert key not in written
    assert "horses" not in written


def test_c18_the_log_is_read_page_by_page(accounts: AccountsServer) -> None:
    """The latest first, and the cursor of one page begins the next."""
    for _ in range(4):
        accounts.make_key("READ")
    query = "query($a: String){auditLog(first:2,after:$a)"
    query += "{edges{cursor} pageInfo{hasNextPage endCursor}}}"
    seen: list[str] = []
    after, more = None, True
    while more:
        page = accounts.operator.ask(query, a=after)
        seen += [edge["cursor"] for edge in page["edges"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
    assert seen == sorted(set(seen), key=int, reverse=True)
    assert len(seen) == 6
    bad = accounts.operator.ask_raw(query, a="x").json()
    assert bad["errors"][0]["extensions"]["code"] == "INVALID_ARGUMENT"


def _execute(connection: Connection, statement: Executable) -> None:
    connection.execute(statement)


async def test_c18_nobody_changes_or_deletes_an_entry(database: Database, dialect: str) -> None:
    """The database itself refuses it."""

    def add(connection: Any) -> None:
        columns = "at_ns, actor_kind, actor_id, actor_name, action, target, address, request_id"
        values = "1, 'USER', '', '', 'login', '', '', ''"
        connection.execute(text(f"INSERT INTO audit ({columns}) VALUES ({values})"))

    await database.write(add)
    for change in (update(AUDIT).values(target="x"), delete(AUDIT)):
        with pytest.raises(DBAPIError, match="takes new rows only"):
            await database.write(_execute, change)

    if dialect == "sqlite":
        replace = text(
            "INSERT OR REPLACE INTO audit SELECT position, at_ns, project_id, actor_kind, "
            "actor_id, actor_name, action, 'x', address, request_id FROM audit"
        )
        with pytest.raises(DBAPIError, match="takes new rows only"):
            await database.write(_execute, replace)

    def count(connection: Any) -> int:
        return len(connection.execute(select(AUDIT.c.position)).all())

    assert await database.read(count) == 1


@pytest.mark.parametrize(
    "name", ["", " ", "a\nb", "\u202egnp.exe", "x\x1b[31m", "\u200b", "x" * 129]
)
def test_h17_a_key_and_a_project_have_a_name_that_is_seen(
    accounts: AccountsServer, name: str
) -> None:
    """Two that look alike would have the wrong one revoked."""
    key = "mutation($n:String!){createApiKey(input:{name:$n,scope:READ}){errors{field code}}}"
    project = "mutation($n:String!){renameProject(name:$n){errors{field code}}}"
    for query in (key, project):
        refused = accounts.operator.ask(query, n=name)
        assert refused == {"errors": [{"field": "name", "code": "invalid"}]}
        assert accounts.operator.ask(query, n="Über 3 (EU)") == {"errors": []}
