"""Statements of the writer: built and compiled once, and near the driver.

A commit of one record runs a dozen statements. Building each anew with SQLAlchemy costs ten times
what SQLite does for it, and running a built one still four times (ADR 16). So the writer's are
built once; on SQLite the driver gets them as text.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection
    from sqlalchemy.sql.expression import Executable

Row = tuple[Any, ...]

_SQLITE: Final = sqlite.dialect(paramstyle="qmark")


class Statement:
    """A statement with named values, and what it says to SQLite.

    Values and columns go to SQLite and come from it as the driver has them: of a column whose type
    converts (`columns.PicoUsd`) it takes and gives the text.
    """

    def __init__(self, statement: Executable) -> None:
        self._statement = statement
        compiled = statement.compile(dialect=_SQLITE)  # type: ignore[attr-defined] # of every one here
        self._sqlite = str(compiled)
        self._names: tuple[str, ...] = tuple(compiled.positiontup or ())

    def read(self, connection: Connection, **values: Any) -> list[Row]:
        """Return all rows."""
        if connection.dialect.name == "sqlite":
            row = tuple(values[name] for name in self._names)
            return run_on_sqlite(connection, self._sqlite, row)
        return [tuple(row) for row in connection.execute(self._statement, values)]

    def run(self, connection: Connection, values: Sequence[dict[str, Any]]) -> None:
        """Run it once for each of these values; what rows it gives are not looked at."""
        if values and connection.dialect.name != "sqlite":
            connection.execute(self._statement, [*values])
            return
        for each in values:
            run_on_sqlite(connection, self._sqlite, tuple(each[name] for name in self._names))


def run_on_sqlite(connection: Connection, sql: str, values: Sequence[Any]) -> list[Row]:
    """Run a statement on the driver; return its rows.

    Raises:
        DBAPIError: as SQLAlchemy would raise it.

    """
    if connection.dispatch.before_cursor_execute:  # somebody looks at statements: show them these
        result = connection.exec_driver_sql(sql, tuple(values))
        return [tuple(row) for row in result] if result.returns_rows else []
    driver: Any = connection.connection.dbapi_connection
    try:
        rows: list[Row] = driver.execute(sql, values).fetchall()
    except sqlite3.Error as error:
        # Without the values: an error is logged, a record is not.
        raise DBAPIError.instance(sql, None, error, sqlite3.Error) from error
    return rows
