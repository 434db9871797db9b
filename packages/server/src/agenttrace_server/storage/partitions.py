"""PostgreSQL's partitions: the large tables have one a day, by the ids of runs.

A run id is a UUIDv7, which begins with the milliseconds of its making: all rows of a run are in one
partition, and what a day's runs left is dropped in one step. Whoever writes the first run of a day
makes its partitions. Ids that say no time, or an unlikely one, are in the default partition.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from agenttrace_server.records import ChangeKind
from agenttrace_server.storage.faults import is_conflict, is_too_slow, read_sqlstate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DAILY: Final = ("span", "payload", "content", "event", "change", "search_document")
"""The tables that have a partition for each day, and one (`…_default`) for all other ids."""
DAYS_BACK: Final = 400
DAYS_AHEAD: Final = 2
"""A day further away gets no partition: a wrong clock must not make thousands."""
MAX_NEW_DAYS: Final = 4
"""So many are made in one transaction; the next one makes more."""
RETRY_S: Final = 60
"""So long nobody tries again after the tables were too busy."""

_UUID7: Final = re.compile(r"[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}")
_EPOCH: Final = date(1970, 1, 1)
_DAY_MS: Final = 86_400_000
# Shorter than the second after which the server looks for a deadlock: the writer gives way first.
_LOCK_TIMEOUT_MS: Final = 500
_STATEMENT_TIMEOUT_S: Final = 10
_LOCK_NOT_AVAILABLE: Final = "55P03"
_KNOWN: Final = "agenttrace_days"
_RETRY_AT: Final = "agenttrace_days_retry_at"


def make_partitions(connection: Connection, run_ids: Iterable[str]) -> None:
    """Make the partitions that new runs belong in, where they are missing.

    What is in the default partition already moves along. When others use the tables so that it
    would have to wait, nothing is made: the rows go to the default partition until it can be.
    """
    wanted = {day for run_id in run_ids if (day := find_day(run_id)) is not None}
    # Of this connection, and only what was there before its transaction: that stays.
    known: frozenset[date] = connection.info.get(_KNOWN, frozenset())
    if wanted <= known or time.monotonic() < connection.info.get(_RETRY_AT, 0.0):
        return
    known = connection.info[_KNOWN] = frozenset(list_days(connection))
    try:
        with _limit_time(connection):
            for day in sorted(wanted - known)[:MAX_NEW_DAYS]:
                _make_day(connection, day)
    except DBAPIError as error:
        if not _is_busy(error):
            raise
        connection.info[_RETRY_AT] = time.monotonic() + RETRY_S


def drop_empty_days(connection: Connection, before: date, *, limit: int) -> list[date]:
    """Drop days before a day of which no run is left, at most `limit`; return them, oldest first.

    What is left of their deleted runs is gone with that, but for the entries of the change log
    that say so. Days whose tables are in use stay: their rows go in steps. SQLite has no days.
    """
    if connection.dialect.name != "postgresql":
        return []
    empty = [day for day in list_days(connection) if day < before and _is_empty(connection, day)]
    try:
        with _limit_time(connection):
            for day in empty[:limit]:
                _drop_day(connection, day)
    except DBAPIError as error:
        if not _is_busy(error):
            raise
        return []
    if empty:
        connection.info.pop(_KNOWN, None)
    return empty[:limit]


def find_day(run_id: str) -> date | None:
    """Return the UTC day that an id was made on; None for one that says none, or a far one."""
    if not _UUID7.fullmatch(run_id):
        return None
    days = int(run_id[:12], 16) // _DAY_MS
    today = (datetime.now(UTC).date() - _EPOCH).days
    if not today - DAYS_BACK <= days <= today + DAYS_AHEAD:
        return None
    return _EPOCH + timedelta(days=days)


def bound_day(day: date) -> tuple[str, str]:
    """Return the texts that the ids of a day are from, and below."""
    start_ms = (day - _EPOCH).days * _DAY_MS
    return f"{start_ms:012x}", f"{start_ms + _DAY_MS:012x}"


def name_partition(table: str, day: date | None) -> str:
    """Return the name of a table's partition of a day; None: the one of all other ids."""
    return f"{table}_default" if day is None else f"{table}_{day:%Y%m%d}"


def list_days(connection: Connection) -> list[date]:
    """Return the days that have partitions, oldest first."""
    query = text(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = 'change'::regclass AND c.relname ~ '^change_[0-9]{8}$' ORDER BY 1"
    )
    names = connection.execute(query).scalars()
    return [datetime.strptime(name[-8:], "%Y%m%d").replace(tzinfo=UTC).date() for name in names]


def _make_day(connection: Connection, day: date) -> None:
    low, high = bound_day(day)
    bounds = {"low": low, "high": high}
    for table in DAILY:
        name = name_partition(table, day)
        # Attached when it is ready: a table that is made as a partition locks out all readers.
        connection.execute(text(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)"))
        move = (
            f"WITH moved AS (DELETE FROM {table}_default "  # noqa: S608 -- names of ours
            f"WHERE run_id >= :low AND run_id < :high RETURNING *) "
            f"INSERT INTO {name} SELECT * FROM moved"
        )
        connection.execute(text(move), bounds)
        connection.execute(
            text(
                f"ALTER TABLE {table} ATTACH PARTITION {name} "
                f"FOR VALUES FROM ('{low}') TO ('{high}')"
            )
        )


@contextmanager
def _limit_time(connection: Connection) -> Iterator[None]:
    """Undo what is within when it has to wait; leave the transaction usable."""
    with connection.begin_nested():
        connection.execute(text(f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT_MS}"))
        connection.execute(text(f"SET LOCAL statement_timeout = '{_STATEMENT_TIMEOUT_S}s'"))
        yield
        connection.execute(text("SET LOCAL lock_timeout TO DEFAULT"))
        connection.execute(text("SET LOCAL statement_timeout TO DEFAULT"))


def _is_busy(error: DBAPIError) -> bool:
    if is_conflict(error) or is_too_slow(error):
        return True
    return read_sqlstate(error) == _LOCK_NOT_AVAILABLE


def _is_empty(connection: Connection, day: date) -> bool:
    low, high = bound_day(day)
    query = text("SELECT NOT EXISTS (SELECT 1 FROM run WHERE run_id >= :low AND run_id < :high)")
    return bool(connection.execute(query, {"low": low, "high": high}).scalar_one())


def _drop_day(connection: Connection, day: date) -> None:
    low, high = bound_day(day)
    for table in DAILY:
        name = name_partition(table, day)
        connection.execute(text(f"ALTER TABLE {table} DETACH PARTITION {name}"))
        if table == "change":  # who follows reads them later; they go to the default partition
            kept = f"INSERT INTO change SELECT * FROM {name} WHERE kind = :kind"  # noqa: S608 -- names of ours
            connection.execute(text(kept), {"kind": ChangeKind.RUN_DELETED.value})
        connection.execute(text(f"DROP TABLE {name}"))
    finished = text("DELETE FROM leftover WHERE run_id >= :low AND run_id < :high")
    connection.execute(finished, {"low": low, "high": high})
