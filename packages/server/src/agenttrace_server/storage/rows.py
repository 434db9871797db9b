"""Writing rows by the thousand: tuples in the order of the table's columns, for the drivers.

Turning each row into a dictionary for SQLAlchemy and back costs as much as storing it. On SQLite
many rows go to the driver in one statement: after each it waits for the interpreter's lock, up to
5 ms when other threads work. On PostgreSQL new rows are copied into the table; rows that may be
there travel as one array a column, in one statement.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import asyncpg
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from agenttrace_server.storage.columns import PicoUsd, write_pico
from agenttrace_server.storage.faults import blames_record
from agenttrace_server.storage.statements import Row, run_on_sqlite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Table

_POSTGRESQL: Final = postgresql.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy's own

MAX_ROWS: Final = 64
"""Of a statement on SQLite: it takes 32,766 values, and a span has 37."""


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows whose keys the table does not have."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        _copy(connection, table, rows)
    else:
        _insert(connection, table, rows, "")


def upsert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows, or replace those that have their keys. A key comes once among the rows."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        columns = tuple(list(column) for column in zip(*rows, strict=True))
        connection.exec_driver_sql(_make_merge(table), columns)
    else:
        _insert(connection, table, rows, _make_conflict(table))


def upsert_named(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Do the same with rows by the names of their columns: few at a time."""
    upsert_rows(connection, table, [_make_row(table, row) for row in rows])


def _make_row(table: Table, row: dict[str, Any]) -> Row:
    names, sums = _list_columns(table)
    for name in sums:
        row[name] = write_pico(row[name])
    return tuple(map(row.__getitem__, names))


@lru_cache
def _list_columns(table: Table) -> tuple[list[str], list[str]]:
    """Return the names of all columns, and of those that the drivers do not take as they are."""
    names = [column.name for column in table.columns]
    return names, [name for name in names if isinstance(table.c[name].type, PicoUsd)]


def _insert(connection: Connection, table: Table, rows: Sequence[Row], conflict: str) -> None:
    """Write rows, 64 a statement, then 8, then one by one: three statements to keep prepared."""
    start = 0
    for count in (MAX_ROWS, 8, 1):
        sql = _make_insert(table, count) + conflict
        while len(rows) - start >= count:
            values = list(chain.from_iterable(rows[start : start + count]))
            run_on_sqlite(connection, sql, values)
            start += count


@lru_cache
def _make_insert(table: Table, count: int) -> str:
    marks = ", ".join("?" for _ in table.columns)
    every = ", ".join([f"({marks})"] * count)
    return f"INSERT INTO {table.name} ({_list_names(table)}) VALUES {every}"  # noqa: S608 -- names of ours


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
