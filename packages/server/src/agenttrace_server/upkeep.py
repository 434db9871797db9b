"""The commands of operators: `agenttrace-server backup`, `restore` and `migrate`."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path  # noqa: TC003 -- typer reads annotations
from typing import TYPE_CHECKING, Annotated, Final

import typer

from agenttrace_server.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Iterator

USAGE_ERROR: Final = 2
MEBIBYTE: Final = 1024 * 1024
_DUMP: Final = "pg_dump --format=custom --file={path} {{url}}"
_LOAD: Final = "pg_restore --dbname={{url}} --no-owner {path}"

DatabaseUrl = Annotated[
    str | None,
    typer.Option("--database-url", help="The store, as a URL [DATABASE_URL]."),
]


def backup(
    path: Annotated[
        Path, typer.Argument(help="The file to make; it must not be there yet.", metavar="PATH")
    ],
    database_url: DatabaseUrl = None,
) -> None:
    """Copy a SQLite store into one file, while the server goes on.

    The copy is as the store was at one moment, checked, and has its checksum beside it in
    PATH.sha256. A PostgreSQL is backed up by pg_dump.

    Example: agenttrace-server backup /backups/agenttrace-2026-11-26.db
    """
    with answer_in_one_line("backup"):
        from agenttrace_server.settings import read_settings  # noqa: PLC0415 -- not for --help
        from agenttrace_server.storage.backups import back_up, find_file  # noqa: PLC0415 -- as above

        settings = read_settings(database_url=database_url)
        source = find_file(settings.database_url, instead=_DUMP.format(path=path))
        copy = back_up(source, path.absolute(), on_progress=_show_progress)
        _clear_progress()
        typer.echo(f"backed up {source}: {_write_runs(copy.runs)}, {_write_size(copy.size_bytes)}")
        typer.echo(f"  Backup     {copy.path}")
        typer.echo(f"  SHA-256    {copy.sha256}, also in {copy.path.name}.sha256")


def restore(
    path: Annotated[Path, typer.Argument(help="The backup.", metavar="PATH")],
    database_url: DatabaseUrl = None,
) -> None:
    """Put a backup where the settings say that the store is; nothing may be there.

    It is checked first: against PATH.sha256, and by SQLite.

    Example: agenttrace-server restore /backups/agenttrace-2026-11-26.db
    """
    with answer_in_one_line("restore"):
        from agenttrace_server.settings import read_settings  # noqa: PLC0415 -- not for --help
        from agenttrace_server.storage.backups import find_file  # noqa: PLC0415 -- as above
        from agenttrace_server.storage.backups import restore as put  # noqa: PLC0415 -- as above

        settings = read_settings(database_url=database_url)
        target = find_file(settings.database_url, instead=_LOAD.format(path=path))
        copy = put(path.absolute(), target)
        typer.echo(f"restored {target}: {_write_runs(copy.runs)}, {_write_size(copy.size_bytes)}")
        typer.echo(f"  SHA-256    {copy.sha256}")
        if not copy.is_verified:
            typer.echo(
                f"  Warning    there is no {path.name}.sha256: SQLite finds nothing wrong with the "
                "file, and nobody can tell whether it is what was backed up"
            )


def migrate(
    database_url: DatabaseUrl = None,
    dry_run: Annotated[  # noqa: FBT002 -- typer makes it --dry-run
        bool,
        typer.Option("--dry-run", help="Only say what is to be done; exit code 1 if anything is."),
    ] = False,
) -> None:
    """Bring the store's schema to this release's, as the start of the server does, and say how.

    It is one transaction: either all of it is done or nothing. Make a backup first.

    Example: agenttrace-server migrate --dry-run
    """
    with answer_in_one_line("migrate"):
        from agenttrace_server.settings import read_settings  # noqa: PLC0415 -- not for --help
        from agenttrace_server.storage.engine import open_database, read_plan  # noqa: PLC0415 -- as above

        settings = read_settings(database_url=database_url)
        plan = read_plan(settings.database_url)
        found = f"at schema {plan.revision}" if plan.revision else "empty"
        typer.echo(f"{plan.place} is {found}; {len(plan.steps)} migrations to run")
        for step in plan.steps:
            typer.echo(f"  {step.revision}  {step.summary.splitlines()[0]}")
        if not plan.steps:
            return
        if dry_run:
            raise typer.Exit(1)
        open_database(settings.database_url, strict=settings.is_strict).close()
        typer.echo(f"done: the store is at schema {plan.steps[-1].revision}")


@contextmanager
def answer_in_one_line(command: str) -> Iterator[None]:
    """Say in one line why a command cannot be done, and end with 2."""
    try:
        yield
    except StartError as error:
        _clear_progress()
        typer.echo(f"agenttrace-server {command}: {error}", err=True)
        raise typer.Exit(USAGE_ERROR) from error
    except OSError as error:
        _clear_progress()
        where = "" if error.filename is None else f"{error.filename}: "
        hint = "; run it as the server's user" if isinstance(error, PermissionError) else ""
        typer.echo(f"agenttrace-server {command}: {where}{error.strerror or error}{hint}", err=True)
        raise typer.Exit(USAGE_ERROR) from error


def _show_progress(done: int, total: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{100 * done // max(1, total):3} %")
        sys.stderr.flush()


def _clear_progress() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r      \r")
        sys.stderr.flush()


def _write_runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count:,} runs"


def _write_size(size_bytes: int) -> str:
    return f"{size_bytes / MEBIBYTE:.1f} MiB"
