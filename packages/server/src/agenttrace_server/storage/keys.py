"""Reading rows by many keys in one statement, whatever their number.

The keys travel as one JSON text: one parameter, one prepared statement, and a lookup by index for
each key. (A list of placeholders makes a new statement for each length, and ends at 32,766.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import Integer, Select, Table, Text, and_, bindparam, literal_column, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.sql import ColumnElement, FromClause
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.sql.selectable import TableValuedAlias

_NUL = "\0"


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


def list_elements(text: ColumnElement[Any]) -> tuple[TableValuedAlias, ColumnElement[str]]:
    """Return a JSON list as rows of a statement, and the text that each row is."""
    rows = _Elements(text).table_valued("value")
    return rows, _TextPart(rows.c.value)


def select_by_ids(table: Table, ids: Sequence[str], column: str) -> Select[Any]:
    """Select the rows whose `column` is one of the ids."""
    wanted, text = list_elements(_bind([key for key in ids if _NUL not in key]))
    return select(table).select_from(wanted).join(table, table.c[column] == text)


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


def join_keys(table: Table, keys: Iterable[tuple[Any, Any]], first: str, second: str) -> FromClause:
    """Return the table, joined to pairs of keys so that each pair is one lookup by index."""
    # No text that is stored has a NUL, and PostgreSQL takes none to look for.
    possible = [key for key in keys if _NUL not in str(key[0]) and _NUL not in str(key[1])]
    wanted = _Elements(_bind(possible)).table_valued("value")

    def part(index: int, column: str) -> ColumnElement[Any]:
        kind = _IntegerPart if isinstance(table.c[column].type, Integer) else _TextPart
        return kind(wanted.c.value, literal_column(str(index)))

    same = and_(table.c[first] == part(0, first), table.c[second] == part(1, second))
    return wanted.join(table, same)


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
