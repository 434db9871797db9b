"""The journal beside a SQLite file: folded into it before it grows large.

SQLite begins the journal anew only when it is folded and nobody reads from it any more. Readers who
take turns without a pause never let that happen, and a program that keeps a transaction open does
not either: then it grows with every commit, and every read looks through more of it. A fold that
waits holds new commits up, and meanwhile readers come to the file itself, one after the other.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

LARGE_BYTES: Final = 16 * 2**20
"""From here on a commit is followed by a fold. 64 MiB is what a journal may reach (S10)."""
WAIT_MS: Final = 1_000
"""So long a fold waits for readers, and commits wait for it."""
PAUSE_S: Final = 3.0
"""After a fold that somebody's transaction kept from its end."""


class Journal:
    """The journal of one file, as the connection that writes sees it: on one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + "-wal")
        self._next_s = 0.0

    def fold_if_large(self, driver: sqlite3.Connection) -> None:
        """Fold it when it has grown large, unless that was in vain a moment ago."""
        if self._measure() < LARGE_BYTES or time.monotonic() < self._next_s:
            return
        if not fold(driver, wait_ms=WAIT_MS):
            self._next_s = time.monotonic() + PAUSE_S

    def _measure(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:  # no commit yet, or a store in memory
            return 0


def fold(driver: sqlite3.Connection, *, wait_ms: int) -> bool:
    """Empty the journal; False where after so long somebody still reads what is in it."""
    ((timeout_ms,),) = driver.execute("PRAGMA busy_timeout").fetchall()
    driver.execute(f"PRAGMA busy_timeout={wait_ms}")
    try:
        ((is_busy, _, _),) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        driver.execute(f"PRAGMA busy_timeout={timeout_ms}")
    return not is_busy
