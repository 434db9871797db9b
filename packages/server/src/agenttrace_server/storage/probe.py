"""Whether the store can be written: found out by writing to it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, insert

from agenttrace_server.storage.account_tables import LOGIN_ATTEMPT

if TYPE_CHECKING:
    from sqlalchemy import Connection

_KIND: Final = "probe"


def prove_writable(connection: Connection) -> None:
    """Write a row and take it out again, which leaves nothing and needs the disk as any commit.

    To write what is there already would not do: SQLite leaves such a page as it is.
    """
    row = {"attempt_id": secrets.token_hex(16), "kind": _KIND, "name": "", "at_ns": 0}
    connection.execute(insert(LOGIN_ATTEMPT), row)
    connection.execute(delete(LOGIN_ATTEMPT).where(LOGIN_ATTEMPT.c.kind == _KIND))
