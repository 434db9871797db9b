"""Reading rows by many keys in one statement, whatever their number.

The keys travel as one JSON text: one parameter, one prepared statement, and a lookup by index for
each key. (A list of placeholders makes a new statement for each length, and ends at 32,766.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import Select, Table, and_, func, select

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.sql import ColumnElement, FromClause


def select_by_ids(table: Table, ids: Sequence[str], column: str) -> Select[Any]:
    """Select the rows whose `column` is one of the ids."""
    wanted = func.json_each(orjson.dumps(list(ids)).decode()).table_valued("value")
    return select(table).select_from(wanted).join(table, table.c[column] == wanted.c.value)


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
    wanted = func.json_each(orjson.dumps(list(keys)).decode()).table_valued("value")

    def part(index: int) -> ColumnElement[Any]:
        return func.json_extract(wanted.c.value, f"$[{index}]")

    return wanted.join(table, and_(table.c[first] == part(0), table.c[second] == part(1)))
