"""The commands: `agenttrace serve` (through the SDK's plugins) and `agenttrace-server`."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import contextmanager
from pathlib import Path  # noqa: TC003 -- typer reads annotations
from typing import TYPE_CHECKING, Annotated, Final

import typer

from agenttrace_server import __version__
from agenttrace_server.errors import StartError
from agenttrace_server.operators import keys, users
from agenttrace_server.recovery import password
from agenttrace_server.upkeep import backup, migrate, restore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agenttrace_server.settings import Settings
    from agenttrace_server.storage.engine import Database

USAGE_ERROR: Final = 2


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on [SERVER_HOST].")] = None,
    port: Annotated[
        # Text here: settings check it like every other, and answer in one line.
        str | None,
        typer.Option(help="TCP port; 0 takes a free one [SERVER_PORT].", metavar="INTEGER"),
    ] = None,
    database_url: Annotated[
        str | None,
        typer.Option(help="The SQLite file or PostgreSQL database, as a URL [DATABASE_URL]."),
    ] = None,
    workers: Annotated[
        str | None,
        typer.Option(help="Processes that serve, on PostgreSQL only [WORKERS].", metavar="INTEGER"),
    ] = None,
    local_token: Annotated[
        bool | None,
        typer.Option("--local-token", help="Let in only who has the link or token [LOCAL_TOKEN]."),
    ] = None,
) -> None:
    """Start the server with the dashboard; by default on SQLite and on this machine only.

    Every setting is in docs/settings.md. A flag counts more than the environment, which counts
    more than a file `.env` in the current folder.

    Example: agenttrace serve --port 8001
    """
    flags: dict[str, str | bool | None] = {
        "server_host": host,
        "server_port": port,
        "database_url": database_url,
        "workers": workers,
        "local_token": local_token,
    }
    try:
        _run(flags)
    except StartError as error:
        from agenttrace_server.settings import name_as_given  # noqa: PLC0415 -- see _run

        typer.echo(f"agenttrace serve: {name_as_given(str(error), flags)}", err=True)
        raise typer.Exit(USAGE_ERROR) from error


def schema(
    check: Annotated[
        Path | None,
        typer.Option(
            help="Print what breaks clients of the schema in this file instead; exit code 1 if "
            "anything does.",
            metavar="FILE",
        ),
    ] = None,
) -> None:
    """Print the GraphQL schema.

    Example: agenttrace-server schema --check released.graphql
    """
    from agenttrace_server.graphql.schema import print_sdl  # noqa: PLC0415 -- 0.5 s that --help need not wait

    if check is None:
        sys.stdout.write(print_sdl())
        return
    from agenttrace_server.graphql.changes import check_schema  # noqa: PLC0415 -- see above

    try:
        changes = check_schema(check, print_sdl())
    except StartError as error:
        typer.echo(f"agenttrace-server schema: {error}", err=True)
        raise typer.Exit(USAGE_ERROR) from error
    for change in changes:
        typer.echo(change)
    if changes:
        raise typer.Exit(1)


def main() -> None:
    """Run `agenttrace-server`."""
    program = typer.Typer(
        name="agenttrace-server", no_args_is_help=True, add_completion=False, help="The server."
    )
    program.callback()(_root)
    program.command()(serve)
    program.command()(schema)
    program.command()(backup)
    program.command()(restore)
    program.command()(migrate)
    program.command()(password)
    program.add_typer(users, name="users")
    program.add_typer(keys, name="keys")
    program()


def _print_version(value: bool) -> None:  # noqa: FBT001 -- typer passes it by position
    if value:
        typer.echo(f"agenttrace-server {__version__}")
        raise typer.Exit


def _root(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=_print_version,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    del version  # its callback did it


def _run(flags: dict[str, str | bool | None]) -> None:
    # Imported here: a command line with a mistake in it is answered at once.
    from agenttrace_server.logs import configure_logs  # noqa: PLC0415 -- see above
    from agenttrace_server.settings import read_settings  # noqa: PLC0415 -- see above

    settings = read_settings(**flags)
    configure_logs(level=settings.chosen_log_level, is_json=settings.logs_json)
    # Much is loaded and stays: looking for garbage in between costs a tenth of the start.
    gc.disable()
    from agenttrace_server.serving import listen  # noqa: PLC0415 -- see above
    from agenttrace_server.storage.engine import open_database  # noqa: PLC0415 -- see above
    from agenttrace_server.workers import Workers, run_server  # noqa: PLC0415 -- see above

    with (
        listen(settings.server_host, settings.server_port) as bound,
        _hold_token(settings, port := int(bound[0].getsockname()[1])) as code,
    ):
        if settings.workers == 1:
            run_server(
                settings,
                bound,
                on_start=lambda app: _print_start(settings, port, app.database, code),
            )
            return
        # Opened once before them all: it is migrated once, and what is wrong is said once.
        database = open_database(settings.database_url, strict=settings.is_strict)
        database.close()
        gc.enable()
        Workers(
            settings, bound, on_start=lambda: _print_start(settings, port, database, code)
        ).run()


@contextmanager
def _hold_token(settings: Settings, port: int) -> Iterator[str | None]:
    """Have a local token while the server runs, if there should be one: the code of its link."""
    if not settings.local_token:
        yield None
        return
    from agenttrace_server.local_token import LocalToken  # noqa: PLC0415 -- seldom needed

    token, code = LocalToken.create(port)
    try:
        yield code
    finally:
        token.remove()


def _print_start(settings: Settings, port: int, database: Database, code: str | None) -> None:
    from agenttrace_server.http.proxies import find_open_network  # noqa: PLC0415 -- loaded with the app
    from agenttrace_server.http.static import STATIC_FOLDER  # noqa: PLC0415 -- as above
    from agenttrace_server.settings import Registration  # noqa: PLC0415 -- as above

    address = f"http://{settings.shown_host}:{port}"
    lines = [
        _paint(f"AgentTrace {__version__}", bold=True),
        f"  Dashboard  {_paint(_make_link(address, code), colour='cyan')}",
        f"  Database   {database.place}{' (new)' if database.is_new else ''}",
        *([f"  Workers    {settings.workers}"] if settings.workers > 1 else []),
        *_describe_guard(settings),
        "  Stop       Ctrl+C",
    ]
    if not (STATIC_FOLDER / "index.html").is_file():
        lines.append("  Note       the dashboard is not built yet: run make build")
    if database.unsafe:
        lines.append(
            f"  Warning    the database has {' and '.join(database.unsafe)} off: what is "
            "acknowledged may be lost"
        )
    if database.is_in_memory:
        lines.append(
            "  Warning    the database is on a file system in memory (tmpfs): a restart of this "
            "machine deletes it"
        )
    if network := find_open_network(settings.trusted_proxies):
        lines.append(
            f"  Warning    TRUSTED_PROXIES has {network}: whoever connects may say that they are "
            "anybody; name the addresses of your proxies"
        )
    if settings.has_accounts and not settings.is_local and not settings.trusted_proxies:
        lines.append(
            "  Warning    passwords and keys come here in plain HTTP: put TLS before it, and name "
            "that proxy in TRUSTED_PROXIES"
        )
    if settings.registration is Registration.OPEN and not settings.has_accounts:
        lines.append(
            "  Warning    REGISTRATION=open does nothing without accounts: set SECRET_KEY, or "
            "leave it out"
        )
    if settings.has_accounts and (token := _find_setup_token(settings, database)):
        lines.append(f"  Setup      there is no account yet; register the first with {token}")
    typer.echo("\n".join(lines))
    sys.stdout.flush()


def _find_setup_token(settings: Settings, database: Database) -> str | None:
    """Return what the first account registers with; None when there is one."""
    from agenttrace_server.services.tokens import make_setup_token  # noqa: PLC0415 -- loaded with the app

    if settings.secret_key is None or database.had_accounts:
        return None
    return make_setup_token(settings.secret_key.get_secret_value(), database.database_id)


def _make_link(address: str, code: str | None) -> str:
    """Return what to open in a browser."""
    from agenttrace_server.http.local import LINK_PATH  # noqa: PLC0415 -- loaded with the app

    return address if code is None else f"{address}{LINK_PATH}?code={code}"


def _describe_guard(settings: Settings) -> list[str]:
    """Return the line that says who is let in by a server without accounts."""
    from agenttrace_server.http.peers import Guard, choose_guard  # noqa: PLC0415 -- loaded with the app

    guard = choose_guard(settings)
    if not settings.is_single_user:
        return []
    if guard is Guard.TOKEN:
        text = "by this link, which works once; agenttrace finds its token by itself"
        return [f"  Access     {text}"]
    if guard is Guard.OWNER:
        return ["  Access     you and root; other users of this machine are refused"]
    return ["  Access     every user of this machine; --local-token makes it yours alone"]


def _paint(text: str, *, bold: bool = False, colour: str | None = None) -> str:
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return typer.style(text, bold=bold, fg=colour)
