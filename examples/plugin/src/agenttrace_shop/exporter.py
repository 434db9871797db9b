"""Records in a SQLite file: of each run and span its best snapshot, and each event."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agenttrace.plugins import Exporter, ExportResult, encode_records

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agenttrace.plugins import Record

BUSY_TIMEOUT_S = 0.05
"""How long to wait for another program's lock: short, as the host sends the batch again."""

TABLE = """
CREATE TABLE IF NOT EXISTS records (
    run_id TEXT NOT NULL,
    kind   TEXT NOT NULL,
    part   TEXT NOT NULL,  -- a span's id, an event's place; empty for the run itself
    record TEXT NOT NULL,
    PRIMARY KEY (run_id, kind, part)
) WITHOUT ROWID
"""
READ = "SELECT record FROM records WHERE run_id = ? AND kind = ? AND part = ?"
WRITE = "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)"

# What may be better the next time: a lock, a full disk, a network drive that is away.
_FOR_NOW = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}


class SQLiteExporter(Exporter):
    """Keeps records in the SQLite file `path`; several programs may share it.

    A batch is one transaction: what was answered with DELIVERED is on the disk. A batch that comes
    twice, or a snapshot that comes late, changes nothing.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path).absolute()  # the program may change its folder
        self._connection: sqlite3.Connection | None = None
        self._pid = 0

    def export(self, records: Sequence[Record]) -> ExportResult:
        """Merge the records into the file, in one transaction."""
        try:
            connection = self._connect()
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                for line in encode_records(records):
                    merge_record(connection, json.loads(line))
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0)
            if code & 0xFF in _FOR_NOW:  # the rest says which kind of it
                return ExportResult.RETRY()
            reason = f"write_failed: {error}"
            return ExportResult.REJECTED(dict.fromkeys(range(len(records)), reason))
        return ExportResult.DELIVERED

    def shutdown(self, *, timeout_s: float) -> None:
        """Close the file."""
        del timeout_s
        if self._connection is not None and self._pid == os.getpid():
            self._connection.close()
        self._connection = None

    def _connect(self) -> sqlite3.Connection:
        # Opened by the thread that uses it, and anew in the child of a fork.
        if self._connection is None or self._pid != os.getpid():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                self._path, timeout=BUSY_TIMEOUT_S, isolation_level=None
            )
            self._pid = os.getpid()
            self._connection.execute(TABLE)
        return self._connection


def merge_record(connection: sqlite3.Connection, record: dict[str, Any]) -> None:
    """Keep of two snapshots of one run or span the better one, and what only the other says."""
    kind = record["type"]
    part = {"run": "", "span": record.get("span_id"), "event": record.get("seq")}.get(kind)
    key = (record["run_id"], kind, str(part))
    known = connection.execute(READ, key).fetchone()
    if known is not None:
        old = json.loads(known[0])
        record = {**old, **record} if _rank(record) >= _rank(old) else {**record, **old}
    connection.execute(WRITE, (*key, json.dumps(record)))


def _rank(record: dict[str, Any]) -> tuple[bool, int]:
    # The merge law of the wire format: ended wins over STARTED, then the higher revision wins.
    return (record.get("status") != "STARTED", record.get("rev", 0))


def read_records(path: str | Path, kind: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield the records of a file, of one kind or of all, by run.

    Raises:
        FileNotFoundError: when there is no such file; reading must not make one.

    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no such file: {path}")
    connection = sqlite3.connect(path)
    try:
        query = "SELECT record FROM records WHERE ?1 IS NULL OR kind = ?1 ORDER BY run_id, part"
        for (text,) in connection.execute(query, (kind,)):
            yield json.loads(text)
    finally:
        connection.close()
