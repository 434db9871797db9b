"""The commands of operators at the machine: `agenttrace-server users` and `keys`."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, TypeVar

import typer

from agenttrace_server.errors import OverloadedError, RefusedError, StartError
from agenttrace_server.recovery import check_store, name_user
from agenttrace_server.upkeep import DatabaseUrl, answer_in_one_line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from agenttrace_server.members import Account, ApiKey
    from agenttrace_server.services.operators import OperatorService

    T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_SECOND_NS: Final = 1_000_000_000
_ACCOUNT: Final = ("address", "operator", "closed", "made", "last login")
_KEY: Final = ("id", "project", "name", "scope", "made by", "made", "last used", "expires", "ended")

users = typer.Typer(invoke_without_command=True, add_completion=False)
keys = typer.Typer(invoke_without_command=True, add_completion=False)


@users.callback()
def list_users(
    context: typer.Context, database_url: DatabaseUrl = None, *, as_json: Json = False
) -> None:
    """List the accounts of a store: who operates the server, who is closed.

    It reads the settings that the server has, so run it as the server's user. The server may go on.

    Example: agenttrace-server users
    """
    if context.invoked_subcommand is not None:
        return
    found = _work("users", database_url, lambda service: service.list_accounts())
    _print(_ACCOUNT, [_list_account(account) for account in found], as_json=as_json)


@users.command("operator")
def set_operator(
    context: typer.Context,
    email: Annotated[str, typer.Argument(help="The address of the account.", metavar="EMAIL")],
    database_url: DatabaseUrl = None,
    *,
    revoke: Annotated[bool, typer.Option("--revoke", help="Let them be one no more.")] = False,
    as_json: Json = False,
) -> None:
    """Make an account an operator of the server, at its next request; the audit log has it.

    Example: agenttrace-server users operator second@example.org
    """

    def change(service: OperatorService) -> Awaitable[Account]:
        return service.set_operator(email, is_operator=not revoke)

    before = _read_before(context)
    account = _work("users operator", database_url or before.database_url, change)
    if as_json or before.as_json:
        typer.echo(_dump(_name(_ACCOUNT, _list_account(account))))
        return
    typer.echo(f"{account.email} is {'no operator any more' if revoke else 'an operator'}")


@keys.callback()
def list_keys(
    context: typer.Context, database_url: DatabaseUrl = None, *, as_json: Json = False
) -> None:
    """List the API keys of all projects: who made them, when they were used, whether they ended.

    It reads the settings that the server has, so run it as the server's user. The server may go on.

    Example: agenttrace-server keys --json | jq '.[] | select(.lastUsed == null) | .id'
    """
    if context.invoked_subcommand is not None:
        return
    found = _work("keys", database_url, lambda service: service.list_keys())
    _print(_KEY, [_list_key(slug, key) for slug, key in found], as_json=as_json)


@keys.command("revoke")
def revoke_key(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(help="The key's id, as the list has it.", metavar="ID")],
    database_url: DatabaseUrl = None,
    *,
    as_json: Json = False,
) -> None:
    """End a key of any project, within 5 seconds; the audit log has it.

    Example: agenttrace-server keys revoke 3f6c2b1a
    """
    before = _read_before(context)
    url = database_url or before.database_url
    slug, key = _work("keys revoke", url, lambda service: service.revoke_key(key_id))
    if as_json or before.as_json:
        typer.echo(_dump(_name(_KEY, _list_key(slug, key))))
        return
    typer.echo(f"the key {key.name!r} ({key.key_id}) has ended")


class _Before(NamedTuple):
    """What was said before the name of a subcommand: it counts as if it stood behind it."""

    database_url: str | None
    as_json: bool


def _read_before(context: typer.Context) -> _Before:
    given = context.parent.params if context.parent is not None else {}
    return _Before(given.get("database_url"), bool(given.get("as_json")))


def _list_account(account: Account) -> tuple[object, ...]:
    times = (account.created_ns, account.last_login_ns)
    return (account.email, account.is_operator, account.is_disabled, *map(_tell, times))


def _list_key(slug: str, key: ApiKey) -> tuple[object, ...]:
    times = (key.created_ns, key.last_used_ns, key.expires_ns, key.revoked_ns)
    return (key.key_id, slug, key.name, key.scope, key.created_by, *map(_tell, times))


def _work(
    command: str, database_url: str | None, act: Callable[[OperatorService], Awaitable[T]]
) -> T:
    """Return what comes of something done with the store of the settings."""
    with answer_in_one_line(command):
        from agenttrace_server.settings import read_settings  # noqa: PLC0415 -- not for --help

        url = read_settings(database_url=database_url).database_url
        check_store(url)
        try:
            return asyncio.run(_open_and_act(url, f"agenttrace-server {command}", act))
        except (RefusedError, OverloadedError) as error:
            raise StartError(str(error)) from error


async def _open_and_act(
    url: str, command: str, act: Callable[[OperatorService], Awaitable[T]]
) -> T:
    from agenttrace_server.services.operators import OperatorService  # noqa: PLC0415 -- as above
    from agenttrace_server.storage.engine import open_database  # noqa: PLC0415 -- as above

    loop = asyncio.get_running_loop()
    database = await loop.run_in_executor(None, open_database, url)
    try:
        program = f"{command} ({name_user()})"
        return await act(OperatorService(database, program=program, now_ns=time.time_ns()))
    finally:
        await loop.run_in_executor(None, database.close)


def _tell(time_ns: int | None) -> str | None:
    """Return a moment to the second, in UTC."""
    if time_ns is None:
        return None
    moment = datetime.fromtimestamp(time_ns // _SECOND_NS, UTC)
    return moment.isoformat().replace("+00:00", "Z")


def _print(titles: Sequence[str], rows: Sequence[Sequence[Any]], *, as_json: bool) -> None:
    if as_json:
        typer.echo(_dump([_name(titles, row) for row in rows]))
        return
    table = [tuple(titles), *(tuple(_write(cell) for cell in row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


def _name(titles: Sequence[str], row: Sequence[object]) -> dict[str, object]:
    """Return a row by the names that JSON has for its titles: `lastLogin` for `last login`."""
    names = [title.title().replace(" ", "") for title in titles]
    return dict(zip((name[0].lower() + name[1:] for name in names), row, strict=True))


def _dump(found: object) -> str:
    return json.dumps(found, indent=2)


def _write(cell: object) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    # What somebody else has chosen must not act on the terminal.
    return "".join(char if char.isprintable() else "?" for char in str(cell))
