"""Writing rows by the thousand: tuples in the order of the table's columns, for the drivers.

Turning each row into a dictionary for SQLAlchemy and back costs as much as storing it. On SQLite
the rows go to the driver as they are. On PostgreSQL new rows are copied into the table; rows that
may be there travel as one array a column, in one statement.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import asyncpg
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from agenttrace_server.storage.faults import blames_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Table

Row = tuple[Any, ...]

_POSTGRESQL: Final = postgresql.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy's own
_SQLITE: Final = sqlite.dialect()


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows whose keys the table does not have."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        _copy(connection, table, rows)
    else:
        connection.exec_driver_sql(_make_insert(table), [*rows])


def upsert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows, or replace those that have their keys. A key comes once among the rows."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        columns = tuple(list(column) for column in zip(*rows, strict=True))
        connection.exec_driver_sql(_make_merge(table), columns)
    else:
        connection.exec_driver_sql(_make_insert(table) + _make_conflict(table), [*rows])


@lru_cache
def _make_insert(table: Table) -> str:
    marks = ", ".join("?" for _ in table.columns)
    return f"INSERT INTO {table.name} ({_list_names(table)}) VALUES ({marks})"  # noqa: S608 -- names of ours


@lru_cache
def _make_merge(table: Table) -> str:
    arrays = ", ".join(
        f"${place}::{column.type.compile(_POSTGRESQL)}[]"
        for place, column in enumerate(table.columns, start=1)
    )
    names = _list_names(table)
    return f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays})" + _make_conflict(  # noqa: S608 -- names of ours
        table
    )


@lru_cache
def _make_conflict(table: Table) -> str:
    """Return what both databases do with a row that is there."""
    quote = _POSTGRESQL.identifier_preparer.quote
    keys = [quote(column.name) for column in table.primary_key]
    rest = [quote(c.name) for c in table.columns if quote(c.name) not in keys]
    values = ", ".join(f"{name} = excluded.{name}" for name in rest)
    return f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {values}"


def _list_names(table: Table) -> str:
    quote = _POSTGRESQL.identifier_preparer.quote
    return ", ".join(quote(column.name) for column in table.columns)


def _copy(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    raw: Any = connection.connection.dbapi_connection
    names = [column.name for column in table.columns]

    async def copy(driver: Any) -> None:
        await driver.copy_records_to_table(table.name, records=rows, columns=names)

    try:
        raw.run_async(copy)
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise _translate(error, table) from error


def _translate(error: Exception, table: Table) -> Exception:
    """Return the error as SQLAlchemy would have: COPY does not go through it."""
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return IntegrityError(f"COPY {table.name}", None, error)
    # What the driver cannot write down is an error of a value, too.
    if blames_record(error) or isinstance(error, ValueError):
        return DataError(f"COPY {table.name}", None, error)
    return OperationalError(f"COPY {table.name}", None, error)
