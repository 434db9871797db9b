"""Which of several workers does what only one of them need do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy import Connection

_RETENTION_KEY: Final = 0x6167656E74726574
_CLAIM: Final = text("SELECT pg_try_advisory_lock(:key)")


def claim_retention(connection: Connection) -> bool:
    """Tell whether this worker is the one that deletes old runs; if nobody is, it becomes that.

    On PostgreSQL it stays so until this connection, the worker's only one that writes, ends. A
    SQLite file has one server as a rule; of two, the second finds nothing left to delete.
    """
    if connection.dialect.name != "postgresql":
        return True
    return bool(connection.execute(_CLAIM, {"key": _RETENTION_KEY}).scalar_one())
