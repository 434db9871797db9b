"""Reading rows by many keys in one statement, whatever their number.

The keys travel as one JSON text: one parameter, one prepared statement, and a lookup by index for
each key. (A list of placeholders makes a new statement for each length, and ends at 32,766.)
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import (
    Integer,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    literal_column,
    select,
    text,
    type_coerce,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from agenttrace_server.storage.columns import PicoUsd
from agenttrace_server.storage.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection
    from sqlalchemy.sql import ColumnElement, FromClause
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.sql.selectable import TableValuedAlias

_NUL = "\0"
_NUL_IN_JSON = r"\u0000"
_FORBID_SCANS = text(
    "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true), "
    "set_config('enable_mergejoin', 'off', true)"
)


class _Elements(FunctionElement[Any]):
    """The elements of a JSON list (a text), as rows."""

    name = "elements"
    inherit_cache = True


class _TextPart(FunctionElement[str]):
    """A text of an element: all of it, or the one at an index of the list that it is."""

    name = "text_part"
    type = Text()
    inherit_cache = True


class _IntegerPart(FunctionElement[int]):
    """A whole number at an index of an element."""

    name = "integer_part"
    type = Integer()
    inherit_cache = True


def list_elements(json: ColumnElement[Any]) -> tuple[TableValuedAlias, ColumnElement[str]]:
    """Return a JSON list as rows of a statement, and the text that each row is."""
    rows = _Elements(json).table_valued("value")
    return rows, _TextPart(rows.c.value)


def select_by_ids(table: Table, ids: Sequence[str], column: str) -> Select[Any]:
    """Select the rows whose `column` is one of the ids."""
    wanted, found = list_elements(_bind([key for key in ids if _NUL not in key]))
    return select(table).select_from(wanted).join(table, table.c[column] == found)


def select_of_project(
    table: Table, values: Sequence[str], project_id: str, column: str
) -> Select[Any]:
    """Select a project's rows whose `column` is one of the values, by an index of the two.

    With the project as a condition of its own, SQLite may go through all that the project has.
    """
    return select_by_keys(table, [(project_id, value) for value in values], "project_id", column)


def match_ids(column: ColumnElement[str], ids: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition that the column is one of the ids."""
    wanted, text = list_elements(_bind([key for key in ids if _NUL not in key]))
    return column.in_(select(text).select_from(wanted))


def select_by_keys(
    table: Table,
    keys: Iterable[tuple[Any, Any]],
    first: str,
    second: str,
    *,
    columns: Sequence[str] | None = None,
) -> Select[Any]:
    """Select the rows (or some of their columns) whose two columns are one of the pairs."""
    chosen = [table.c[name] for name in columns] if columns else [*table.c]
    return select(*chosen).select_from(join_keys(table, keys, first, second))


def join_keys(table: Table, keys: Iterable[tuple[Any, ...]], *columns: str) -> FromClause:
    """Return the table, joined to keys of these columns so that each is one lookup by index."""
    # No text that is stored has a NUL, and PostgreSQL takes none to look for.
    possible = [key for key in keys if not any(_NUL in str(part) for part in key)]
    return _join(table, _bind(possible), *columns)


def _join(table: Table, keys: ColumnElement[str], *columns: str) -> FromClause:
    wanted = _Elements(keys).table_valued("value")

    def part(index: int, column: str) -> ColumnElement[Any]:
        kind = _IntegerPart if isinstance(table.c[column].type, Integer) else _TextPart
        return kind(wanted.c.value, literal_column(str(index)))

    same = (table.c[column] == part(index, column) for index, column in enumerate(columns))
    return wanted.join(table, and_(*same))


def join_later(table: Table, *columns: str) -> FromClause:
    """Return the same for a prepared statement; the keys are its value `keys`: see `write_keys`."""
    return _join(table, bindparam("keys", type_=Text()), *columns)


@lru_cache
def prepare_by_ids(table: Table, column: str, *columns: str) -> Statement:
    """Return `select_by_ids` for any ids, which are its value `keys`: see `write_keys`."""
    chosen = [table.c[name] for name in columns] if columns else [*table.c]
    wanted, found = list_elements(bindparam("keys", type_=Text()))
    source = wanted.join(table, table.c[column] == found)
    return Statement(select(*map(_as_stored, chosen)).select_from(source))


@lru_cache
def prepare_by_keys(table: Table, first: str, second: str, *columns: str) -> Statement:
    """Return `select_by_keys` for any pairs, which are its value `keys`: see `write_keys`."""
    chosen = [table.c[name] for name in columns] if columns else [*table.c]
    source = join_later(table, first, second)
    return Statement(select(*map(_as_stored, chosen)).select_from(source))


def write_keys(keys: Sequence[str | tuple[Any, ...]]) -> str:
    """Return ids, or keys of several columns, as the value `keys` of a prepared statement.

    Those with U+0000 are left out: no text that is stored has it, and PostgreSQL takes none.
    """
    written = orjson.dumps(keys).decode()
    if _NUL_IN_JSON not in written:
        return written
    possible = [key for key in keys if _NUL_IN_JSON not in orjson.dumps(key).decode()]
    return orjson.dumps(possible).decode()


def forbid_scans(connection: Connection) -> None:
    """Have the rest of a transaction look rows up by index, on PostgreSQL.

    The planner, which cannot know how many keys come or how a day's partition grows, goes through
    all partitions instead. As the writing connection is set anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_FORBID_SCANS)


def read_named(
    connection: Connection,
    statement: Statement,
    table: Table,
    keys: Sequence[str | tuple[Any, Any]],
) -> list[dict[str, Any]]:
    """Return the rows of a prepared statement that has all columns of a table, by their names."""
    names = [column.name for column in table.c]
    rows = statement.read(connection, keys=write_keys(keys))
    return [dict(zip(names, row, strict=True)) for row in rows]


def _as_stored(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return type_coerce(column, Text()) if isinstance(column.type, PicoUsd) else column


def _bind(keys: Sequence[Any]) -> ColumnElement[str]:
    return bindparam(None, orjson.dumps(keys).decode(), Text())


@compiles(_Elements, "sqlite")
def _list_on_sqlite(element: _Elements, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **kwargs)})"


@compiles(_Elements, "postgresql")
def _list_on_postgresql(element: _Elements, compiler: SQLCompiler, **kwargs: Any) -> str:
    return f"jsonb_array_elements(CAST({compiler.process(element.clauses, **kwargs)} AS JSONB))"


@compiles(_TextPart, "sqlite")
@compiles(_IntegerPart, "sqlite")
def _take_on_sqlite(element: FunctionElement[Any], compiler: SQLCompiler, **kwargs: Any) -> str:
    value, *index = (compiler.process(clause, **kwargs) for clause in element.clauses)
    return f"json_extract({value}, '$[{index[0]}]')" if index else value


@compiles(_TextPart, "postgresql")
def _take_text(element: _TextPart, compiler: SQLCompiler, **kwargs: Any) -> str:
    value, *index = (compiler.process(clause, **kwargs) for clause in element.clauses)
    return f"({value} ->> {index[0]})" if index else f"({value} #>> '{{}}')"


@compiles(_IntegerPart, "postgresql")
def _take_integer(element: _IntegerPart, compiler: SQLCompiler, **kwargs: Any) -> str:
    value, index = (compiler.process(clause, **kwargs) for clause in element.clauses)
    return f"CAST({value} ->> {index} AS BIGINT)"
