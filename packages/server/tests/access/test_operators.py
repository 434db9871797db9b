"""C18: `agenttrace-server users` and `keys`, on a store whose server goes on."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from agenttrace_server.storage.account_tables import ACCOUNT, API_KEY

from ..support.accounts import OPERATOR, AccountsServer

PROGRAM = [sys.executable, "-c", "from agenttrace_server.cli import main; main()"]
LOG = "{auditLog(first:9){edges{node{action actorName target}}}}"
LIST = "{accounts{email}}"
MAKE = 'mutation{createApiKey(input:{name:"agents",scope:INGEST}){key apiKey{id} errors{code}}}'
SECOND = "second@example.org"


def _run(url: str, *arguments: str) -> tuple[int, str]:
    """Run a command; return its code and all it wrote."""
    done = subprocess.run(
        [*PROGRAM, *arguments, "--database-url", url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
    )
    return done.returncode, done.stdout.decode()


def _read_log(accounts: AccountsServer) -> list[tuple[str, str, str]]:
    edges = accounts.operator.ask(LOG)["edges"]
    return [(e["node"]["action"], e["node"]["actorName"], e["node"]["target"]) for e in edges]


def test_there_is_a_second_operator(accounts: AccountsServer, database_url: str) -> None:
    """From the next request on, and audited; the last one stays."""
    second = accounts.add(SECOND, "VIEWER")
    assert second.ask_raw(LIST).status_code == 403
    code, said = _run(database_url, "users", "operator", OPERATOR, "--revoke")
    assert (code, "the server's last operator stays" in said) == (2, True)
    assert _run(database_url, "users", "operator", f" {SECOND.upper()}") == (
        0,
        f"{SECOND} is an operator\n",
    )
    assert {each["email"] for each in second.ask(LIST)} == {OPERATOR, SECOND}
    code, table = _run(database_url, "users")
    rows = [line.split() for line in table.splitlines()]
    assert (code, [row[:3] for row in rows[1:]]) == (
        0,
        [[OPERATOR, "yes", "no"], [SECOND, "yes", "no"]],
    )
    code, text = _run(database_url, "users", "operator", SECOND, "--revoke", "--json")
    told = json.loads(text)
    assert (code, told["address"], told["operator"], told["closed"]) == (0, SECOND, False, False)
    (listed,) = [
        each
        for each in json.loads(_run(database_url, "users", "--json")[1])
        if each["address"] == SECOND
    ]
    assert told == listed
    assert second.ask_raw(LIST).status_code == 403
    told = [(action, target) for action, _, target in _read_log(accounts)]
    assert told[:2] == [("operator_ended", SECOND), ("operator_made", SECOND)]


def test_keys_of_all_projects_are_listed_and_ended(
    accounts: AccountsServer, database_url: str
) -> None:
    """By id; the key itself is nowhere."""
    admin = accounts.add_project("second")
    made: Any = admin.ask(MAKE)
    key, key_id = accounts.call(made["key"]), made["apiKey"]["id"]
    assert key.send([]).status_code != 401
    code, text = _run(database_url, "keys", "--json")
    (listed,) = json.loads(text)
    assert (code, listed["id"], listed["project"], listed["name"], listed["ended"]) == (
        0,
        key_id,
        "second",
        "agents",
        None,
    )
    assert made["key"] not in text
    code, said = _run(database_url, "keys", "revoke", key_id)
    assert (code, said) == (0, f"the key 'agents' ({key_id}) has ended\n")
    assert key.send([]).status_code == 401
    code, text = _run(database_url, "keys", "revoke", key_id, "--json")
    again = json.loads(text)
    assert (code, again.pop("ended")[:2], listed.pop("ended")) == (0, "20", None)
    assert again == listed
    assert "-" not in json.loads(_run(database_url, "keys", "--json")[1])[0]["ended"][:4]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("users", "operator", "nobody@example.org"),
            "no account has the address 'nobody@example.org'",
        ),
        (("users", "operator", OPERATOR, "--revoke"), "users operator EMAIL"),
        (("keys", "revoke", "gone"), "there is no key 'gone'; `keys` lists them"),
    ],
)
@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.usefixtures("accounts")
def test_what_is_not_there_is_said_in_one_line(
    database_url: str, arguments: tuple[str, ...], said: str
) -> None:
    code, text = _run(database_url, *arguments)
    assert (code, said in text, text.count("\n")) == (2, True, 1)


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_what_stands_before_a_subcommand_counts(
    accounts: AccountsServer, database_url: str, tmp_path: Path
) -> None:
    """The store that is named there, and JSON: another store was changed, without a word."""
    key_id = accounts.operator.ask(MAKE)["apiKey"]["id"]
    for group, rest, address in (
        ("users", ("operator", OPERATOR), OPERATOR),
        ("keys", ("revoke", key_id), key_id),
    ):
        done = subprocess.run(
            [*PROGRAM, group, "--json", "--database-url", database_url, *rest],
            capture_output=True,
            timeout=60,
            cwd=tmp_path,
            env={**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path}/another.db"},
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert address in json.loads(done.stdout).values()


def test_the_commands_list_every_account_and_key(
    accounts: AccountsServer, database_url: str
) -> None:
    """However many there are, and operators first: nobody hides them behind made-up addresses."""
    accounts.make_key("READ")

    def fill(connection: Connection) -> None:
        account = connection.execute(select(ACCOUNT)).mappings().one()
        key = connection.execute(select(API_KEY)).mappings().one()
        names = [f"a{n:04}" for n in range(1_005)]
        people = [{"account_id": n, "email": f"{n}@x.org", "is_operator": False} for n in names]
        connection.execute(insert(ACCOUNT), [{**account, **each} for each in people])
        connection.execute(insert(API_KEY), [{**key, "key_id": n} for n in names])

    database, loop = accounts.server.app.database, accounts.server.loop
    asyncio.run_coroutine_threadsafe(database.write(fill), loop).result(30)
    for command in ("users", "keys"):
        code, text = _run(database_url, command, "--json")
        assert (code, len(json.loads(text))) == (0, 1_006)
    assert json.loads(_run(database_url, "users", "--json")[1])[0]["address"] == OPERATOR
    listed = accounts.operator.ask(LIST)
    assert (len(listed), listed[0]["email"]) == (1_000, OPERATOR)
