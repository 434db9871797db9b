"""The command for who has forgotten their password: `agenttrace-server password`."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from agenttrace_server.errors import OverloadedError, RefusedError, StartError
from agenttrace_server.upkeep import DatabaseUrl, answer_in_one_line

if TYPE_CHECKING:
    from agenttrace_server.members import Account

MAX_READ_BYTES: Final = 4_096
"""Of a pipe: more than any password has."""


def password(
    email: Annotated[str, typer.Argument(help="The address of the account.", metavar="EMAIL")],
    database_url: DatabaseUrl = None,
) -> None:
    """Give an account a new password, which is asked for, or read from a pipe.

    All its logins end, and the audit log has it. The server may go on meanwhile.

    It reads the settings that the server has, so run it as the server's user.

    Example: agenttrace-server password me@example.org
    """
    with answer_in_one_line("password"):
        from agenttrace_server.settings import read_settings  # noqa: PLC0415 -- not for --help

        settings = read_settings(database_url=database_url)
        check_store(settings.database_url)
        try:
            account = asyncio.run(_reset(settings.database_url, email))
        except (RefusedError, OverloadedError) as error:
            raise StartError(str(error)) from error
        typer.echo(f"{account.email} has a new password, and all its logins have ended")
        if account.is_disabled:
            typer.echo("  Note       the account is closed; setAccountDisabled opens it again")


async def _reset(database_url: str, email: str) -> Account:
    from agenttrace_server.services.passwords import Passwords  # noqa: PLC0415 -- not for --help
    from agenttrace_server.services.recovery import RecoveryService  # noqa: PLC0415 -- as above
    from agenttrace_server.storage.engine import open_database  # noqa: PLC0415 -- as above

    loop = asyncio.get_running_loop()
    database = await loop.run_in_executor(None, open_database, database_url)
    passwords = Passwords()
    try:
        recovery = RecoveryService(database, passwords, user=name_user(), now_ns=time.time_ns())
        account = await recovery.find_account(email)
        await recovery.set_password(account, _ask_password())
    finally:
        passwords.close()
        await loop.run_in_executor(None, database.close)
    return account


def check_store(database_url: str) -> None:
    """Go on only with a store that this release uses as it is: nothing is made or migrated."""
    from agenttrace_server.storage.engine import read_plan  # noqa: PLC0415 -- not for --help

    plan = read_plan(database_url)
    if plan.revision is None:
        raise StartError(f"{plan.place} is no store yet; give its DATABASE_URL")
    if plan.steps:
        raise StartError(
            f"{plan.place} is of an older release: run agenttrace-server migrate first"
        )


def _ask_password() -> str:
    """Return what is typed, twice and unseen, or what a pipe brings."""
    if not sys.stdin.isatty():
        return _read_pipe()
    try:
        given = getpass.getpass("New password: ")
        if getpass.getpass("The same again: ") != given:
            raise StartError("the two are not the same; nothing was changed")
    except EOFError as error:
        raise StartError("no password was given; nothing was changed") from error
    return given


def _read_pipe() -> str:
    # One read of a pipe may bring less than was written; a buffered one waits for the rest.
    given = sys.stdin.buffer.read(MAX_READ_BYTES)
    try:
        text = given.decode()
    except UnicodeDecodeError as error:
        raise StartError("the password on standard input is not UTF-8") from error
    lines = text.splitlines()
    if not lines or not lines[0]:
        raise StartError("standard input has no password; write it to it, or use a terminal")
    if len(set(lines)) > 1:  # twice the same, as a terminal asks for it, is meant
        raise StartError("standard input has more than one line; a password is one")
    return lines[0]


def name_user() -> str:
    """Return who runs this, for the audit log."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an id without a name, as in containers
        return str(os.getuid())
