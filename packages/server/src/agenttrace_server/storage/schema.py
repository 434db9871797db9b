"""Is the database's schema the one of this release? Alembic is loaded only when it is not."""

from __future__ import annotations

import secrets
from typing import Any, Final

from sqlalchemy import Connection, column, insert, inspect, select, table, text

from agenttrace_server.errors import StartError
from agenttrace_server.storage.tables import STORE

HEAD_REVISION: Final = "0014"
"""The newest migration. A test holds it to the files in `migrations/versions`."""

_LOCK_KEY: Final = 0x6167656E74747263
_TAKE_TURN: Final = text("SELECT pg_advisory_xact_lock(:key)")
# A migration of a large store takes longer than any statement may.
_NO_TIMEOUT: Final = text("SET LOCAL statement_timeout = 0")

KNOWN_REVISIONS: Final = frozenset(f"{number:04}" for number in range(1, int(HEAD_REVISION) + 1))
"""All that this release can bring up to date: they are numbered."""
_ALEMBIC_VERSION = table("alembic_version", column("version_num"))


def refuse_foreign_file(cursor: Any) -> None:
    """Look, with a cursor of the driver, whether the file is this program's or empty.

    Raises:
        StartError: there are tables, and they are not this program's.

    """
    cursor.execute("SELECT 1 FROM pragma_table_info('store') WHERE name = 'database_id'")
    if cursor.fetchone():
        return
    cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    if found := cursor.fetchone():
        raise StartError(
            "DATABASE_URL names a database of another program "
            f"(it has the table {found[0]!r}); choose another file"
        )


def _refuse_foreign(connection: Connection) -> None:
    """Look whether the schema of a server is this program's or empty."""
    tables = inspect(connection).get_table_names()
    columns = "SELECT 1 FROM information_schema.columns WHERE table_schema = current_schema() "
    columns += "AND table_name = 'store' AND column_name = 'database_id'"
    if tables and connection.execute(text(columns)).first() is None:
        raise StartError(
            "DATABASE_URL names a database of another program "
            f"(it has the table {min(tables)!r}); choose another database"
        )


def read_revision(connection: Connection) -> str | None:
    """Return the migration that the database is at; None for an empty database."""
    if not inspect(connection).has_table(_ALEMBIC_VERSION.name):
        return None
    return connection.execute(select(_ALEMBIC_VERSION.c.version_num)).scalar_one_or_none()


def check_revision(connection: Connection) -> str | None:
    """Return the migration that the database is at; None for an empty database.

    Raises:
        StartError: the database is another program's, or was written by a newer release.

    """
    if connection.dialect.name == "postgresql":
        _refuse_foreign(connection)
    revision = read_revision(connection)
    if revision is not None and revision not in KNOWN_REVISIONS:
        raise StartError(
            f"DATABASE_URL: the database is at schema {revision!r}, which a newer release wrote; "
            f"this one knows up to {HEAD_REVISION!r}: upgrade agenttrace-server"
        )
    return revision


def prepare_schema(connection: Connection) -> bool:
    """Bring the database to this release's schema, in the transaction of this connection.

    Tell whether there was none, so that the store is new.

    Two servers that start at once take turns: on SQLite the transaction was begun as an immediate
    one, on PostgreSQL it takes a lock first. The second finds the work done.

    Raises:
        StartError: the database is another program's, or was written by a newer release.

    """
    if connection.dialect.name == "postgresql":
        connection.execute(_TAKE_TURN, {"key": _LOCK_KEY})
        connection.execute(_NO_TIMEOUT)
    revision = check_revision(connection)
    if revision == HEAD_REVISION:
        return False
    _migrate(connection)
    if connection.execute(select(STORE.c.id)).first() is None:
        connection.execute(
            insert(STORE), {"id": 1, "database_id": secrets.token_hex(4), "position": 0}
        )
    return revision is None


def read_database_id(connection: Connection) -> str:
    """Return the random name that this database was given when it was made."""
    return str(connection.execute(select(STORE.c.database_id)).scalar_one())


def _migrate(connection: Connection) -> None:
    # Importing Alembic costs 0.15 s, which an up-to-date database does not pay.
    from alembic import command  # noqa: PLC0415 -- see above
    from alembic.config import Config  # noqa: PLC0415 -- see above

    config = Config()
    config.set_main_option("script_location", "agenttrace_server.storage:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
