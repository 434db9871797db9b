"""Looking for damage in a SQLite file: all of it while it is small, else as much as a start may.

SQLite has no checksums: what is found is what its structure says is wrong. A byte that was flipped
within a text is seen by nobody but the checksum of a backup.
"""

from __future__ import annotations

import random
import sqlite3
import time
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from sqlalchemy import Connection

MAX_CHECK_S: Final = 1.0
_LOOK_STEPS: Final = 10_000  # of SQLite's machine, between two looks at the clock: some 0.1 ms
_TABLES: Final = "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0"


def find_damage(connection: Connection, *, limit_s: float = MAX_CHECK_S) -> str | None:
    """Return the first thing that is wrong with the file; None when nothing is, as far as seen.

    The tables are looked at in an order of chance until the time is over: of a large file, each
    start looks at another part.

    Raises:
        DBAPIError: the file is so damaged that it cannot be read.

    """
    end_s = time.monotonic() + limit_s
    names = [str(row[0]) for row in connection.exec_driver_sql(_TABLES)]
    random.shuffle(names)
    driver = cast("sqlite3.Connection", connection.connection.driver_connection)
    driver.set_progress_handler(lambda: time.monotonic() > end_s, _LOOK_STEPS)
    try:
        for name in names:
            quoted = name.replace("'", "''")
            ((found,), *_) = driver.execute(f"PRAGMA quick_check('{quoted}')").fetchall()
            if found != "ok":
                return " ".join(str(found).split())
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
    finally:
        driver.set_progress_handler(None, 0)
    return None
