"""Positions in the change log, and the cursors that name them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from sqlalchemy import Connection, bindparam, select, update

from agenttrace_server.errors import InvalidArgumentError
from agenttrace_server.storage.notices import send_notice
from agenttrace_server.storage.rows import insert_rows
from agenttrace_server.storage.statements import Statement
from agenttrace_server.storage.tables import CHANGE, STORE

if TYPE_CHECKING:
    from collections.abc import Sequence

LoggedChange: TypeAlias = tuple[str, str, str | None, int | None]
"""Run id, kind, span id, `seq` of the event: a row of the change log, but for the position."""

_END = select(STORE.c.position)
END_OF_LOG = _END.scalar_subquery()
"""The end of the change log, as a column."""

_READ_END: Final = Statement(_END)
_MOVE_END: Final = Statement(update(STORE).values(position=bindparam("end")))

_CURSOR: Final = re.compile(r"([0-9a-f]{8})-(\d{1,18})")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in the change log of one database. Its text is opaque to clients."""

    database_id: str
    position: int

    def __str__(self) -> str:
        return f"{self.database_id}-{self.position}"


def parse_cursor(text: str) -> Cursor:
    """Return the cursor that a client gives back.

    Raises:
        InvalidArgumentError: no server of this kind ever gave such a text.

    """
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise InvalidArgumentError(
            "after is not a cursor of this API; pass one that a query or subscription gave"
        )
    return Cursor(found[1], int(found[2]))


def read_end(connection: Connection) -> int:
    """Return the position of the last change; 0 before the first."""
    ((position,),) = _READ_END.read(connection)
    return int(position)


def log_changes(connection: Connection, changes: Sequence[LoggedChange]) -> int:
    """Add to the change log, within the writing transaction; return the new position of its end.

    Other workers are told of the runs that changed.
    """
    end = read_end(connection)
    rows = [(run_id, end + n, *rest) for n, (run_id, *rest) in enumerate(changes, start=1)]
    if rows:
        end += len(rows)
        insert_rows(connection, CHANGE, rows)
        _MOVE_END.run(connection, [{"end": end}])
        if connection.dialect.name == "postgresql":
            send_notice(connection, {change[0] for change in changes})
    return end
