"""How a database would answer a query."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, event


def explain_query(connection: Connection, query: Select[Any]) -> list[str]:
    """Return the steps by which the database would answer, in the words of its plan."""
    is_sqlite = connection.dialect.name == "sqlite"
    word, place = ("EXPLAIN QUERY PLAN", 3) if is_sqlite else ("EXPLAIN", 0)

    def ask_for_plan(
        _: object, cursor: object, statement: str, parameters: object, *rest: object
    ) -> Any:
        return f"{word} {statement}", parameters

    event.listen(connection, "before_cursor_execute", ask_for_plan, retval=True)
    try:
        cursor = connection.execute(query).cursor
        assert cursor is not None
        return [str(row[place]) for row in cursor.fetchall()]
    finally:
        event.remove(connection, "before_cursor_execute", ask_for_plan)
