"""C05, C11, C18: `agenttrace-server password`, by a pipe and at a terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from agenttrace_server.storage.account_tables import ACCOUNT
from agenttrace_server.storage.engine import Database

from ..support.accounts import OPERATOR, PASSWORD, AccountsServer

PROGRAM = [sys.executable, "-c", "from agenttrace_server.cli import main; main()", "password"]
NEW = "another seven green boats"
LOG = "{auditLog(first:1){edges{node{action actorKind actorName target}}}}"
DEADLINE_S = 60


def _run(url: str, email: str, given: bytes) -> tuple[int, str]:
    """Run the command with this on its standard input; return its code and all it wrote."""
    done = subprocess.run(
        [*PROGRAM, email, "--database-url", url],
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=DEADLINE_S,
    )
    return done.returncode, done.stdout.decode()


def _read_hashes(connection: Connection) -> list[Any]:
    return list(connection.execute(select(ACCOUNT.c.password_hash)).scalars())


def test_a_forgotten_password_is_replaced_and_all_logins_end(
    accounts: AccountsServer, database_url: str
) -> None:
    """While the server runs: tokens of both kinds are refused, and tries make room."""
    tokens = accounts.get_tokens(OPERATOR)
    old = accounts.call(tokens["access_token"])
    login = {"email": OPERATOR, "password": "nine white horses at noon"}
    while accounts.nobody.http.post("/api/auth/token", json=login).status_code != 429:
        pass
    code, said = _run(database_url, f" {OPERATOR.upper()}", f"{NEW}\n".encode())
    assert (code, said) == (0, f"{OPERATOR} has a new password, and all its logins have ended\n")
    assert old.ask_raw("{viewer{name}}").status_code == 401
    refresh = {"refresh_token": tokens["refresh_token"]}
    assert accounts.nobody.http.post("/api/auth/refresh", json=refresh).status_code == 401
    again = accounts.call(accounts.get_tokens(OPERATOR, NEW)["access_token"])
    entries = again.ask(LOG.replace("first:1", "first:2"))["edges"]
    entry = entries[1]["node"]  # the first is the login
    assert (entry["action"], entry["actorKind"]) == ("password_reset", "SERVER")
    assert entry["target"] == OPERATOR
    assert entry["actorName"].startswith("agenttrace-server password (")
    assert NEW not in repr(entries)


async def test_c11_the_new_one_is_stored_as_any_other(
    accounts: AccountsServer, database_url: str, database: Database
) -> None:
    """As Argon2id."""
    assert _run(database_url, OPERATOR, NEW.encode())[0] == 0
    (stored,) = await database.read(_read_hashes)
    assert re.match(r"\$argon2id\$v=19\$m=19456,t=2,p=1\$", stored)


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize(
    ("email", "given", "said"),
    [
        ("nobody@example.org", NEW.encode(), "no account has the address 'nobody@example.org'"),
        (OPERATOR, b"short\n", "at least 15 characters"),
        (OPERATOR, b"a" * 5_000, "at most 128 characters"),
        (OPERATOR, b"passwordpassword", "among the first that are guessed"),
        (OPERATOR, b"\n", "standard input has no password"),
        (OPERATOR, b"\xff" * 20, "is not UTF-8"),
        (OPERATOR, b"line one is long enough\nline two\n", "more than one line"),
        (OPERATOR, b"a password with\0 in it", "control characters"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    accounts: AccountsServer, database_url: str, email: str, given: bytes, said: str
) -> None:
    """Nothing is changed, and the password is not shown."""
    code, text = _run(database_url, email, given)
    assert code == 2
    assert text.startswith("agenttrace-server password: ")
    assert said in text
    assert text.count("\n") == 1
    assert "passwordpassword" not in text
    assert accounts.get_tokens(OPERATOR, PASSWORD)


def test_no_store_is_made_for_it(tmp_path: Path) -> None:
    """A mistyped DATABASE_URL leaves no file behind."""
    path = tmp_path / "typo.db"
    code, text = _run(f"sqlite:///{path}", OPERATOR, NEW.encode())
    assert code == 2
    assert "is no store yet" in text
    assert not path.exists()


@pytest.mark.parametrize("dialect", ["sqlite"])
@pytest.mark.parametrize("second", [NEW, "something else entirely"])
def test_a_terminal_asks_twice_and_shows_nothing(
    accounts: AccountsServer, database_url: str, second: str
) -> None:
    """What is typed is not echoed; two that differ change nothing."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*PROGRAM, OPERATOR, "--database-url", database_url],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,  # no terminal but this one
    ) as process:
        os.close(theirs)
        shown = _read_until(ours, "New password: ")
        os.write(ours, f"{NEW}\n".encode())
        shown += _read_until(ours, "The same again: ")
        os.write(ours, f"{second}\n".encode())
        shown += _read_until(ours, None)
        code = process.wait(DEADLINE_S)
    os.close(ours)
    assert NEW not in shown
    assert second not in shown
    assert (code, "are not the same" in shown) == ((0, False) if second == NEW else (2, True))
    accounts.get_tokens(OPERATOR, NEW if second == NEW else PASSWORD)


def _read_until(terminal: int, text: str | None) -> str:
    """Return what is shown up to a text; None: to the end of the program."""
    shown = ""
    while text is None or text not in shown:
        try:
            found = os.read(terminal, 4_096)
        except OSError:  # the program has closed its side
            break
        shown += found.decode()
    assert text is None or text in shown
    return shown
