"""What an error of a database means, whichever database it is."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from agenttrace_server.errors import OverloadedError

# PostgreSQL's classes of error: a value's form, a constraint, a value too long for an index.
_OF_VALUE: Final = ("22", "23", "54")
# Its server: the connection, its own end, no room (of memory, disk, connections).
_OF_SERVER: Final = ("08", "53", "57P")
# Two transactions in each other's way: the same again may succeed.
_OF_CONFLICT: Final = ("40001", "40P01")
_CANCELLED: Final = "57014"
# SQLite's, of the same: another has the file, or the disk has no room or fails.
_SQLITE_OF_MACHINE: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
    }
)


def blames_record(error: BaseException) -> bool:
    """Tell whether a value is at fault, which it would be again."""
    if isinstance(error, DataError | IntegrityError):
        return True
    return read_sqlstate(error).startswith(_OF_VALUE)


def blames_store(error: BaseException) -> bool:
    """Tell whether the database or the machine failed, which may be better later."""
    if isinstance(error, OverloadedError):
        return True
    return isinstance(error, SQLAlchemyError | OSError | MemoryError) and not blames_record(error)


def is_conflict(error: BaseException) -> bool:
    """Tell whether the transaction was undone because of another one."""
    return read_sqlstate(error) in _OF_CONFLICT


def is_too_slow(error: BaseException) -> bool:
    """Tell whether the database ended a statement that took too long."""
    if read_sqlstate(error) == _CANCELLED:
        return True
    return _read_sqlite_code(error) == sqlite3.SQLITE_INTERRUPT


def is_lost(error: BaseException) -> bool:
    """Tell whether the connection broke: another one may do."""
    return isinstance(error, DBAPIError) and error.connection_invalidated


def is_unavailable(error: BaseException) -> bool:
    """Tell whether the database cannot be had now: down, starting, full, failing or locked."""
    if is_lost(error) or isinstance(error, OSError | PoolTimeoutError):
        return True
    if _read_sqlite_code(error) in _SQLITE_OF_MACHINE:
        return True
    return read_sqlstate(error).startswith(_OF_SERVER)


def is_read_only(error: BaseException) -> bool:
    """Tell whether SQLite's file cannot be written: as the system mounts it after a fault."""
    return _read_sqlite_code(error) == sqlite3.SQLITE_READONLY


def describe_fault(error: BaseException) -> str:
    """Return what the database said, without the statement and its values.

    Of any other error only its kind: its text may tell of the machine.
    """
    if not isinstance(error, DBAPIError):
        return type(error).__name__
    cause = getattr(error.orig, "driver_exception", None) or error.orig
    return " ".join(str(cause).split()) or type(cause).__name__


def read_sqlstate(error: BaseException) -> str:
    """Return PostgreSQL's code of an error; empty for any other."""
    cause: Any = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "sqlstate", None) or ""


def _read_sqlite_code(error: BaseException) -> int | None:
    cause: Any = error.orig if isinstance(error, DBAPIError) else error
    code: int | None = getattr(cause, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
