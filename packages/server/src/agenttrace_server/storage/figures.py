"""How large the store is, how much room is left, and what it has yet to do."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import func, select, text

from agenttrace_server.records import StoreFigures
from agenttrace_server.storage.search import read_lag
from agenttrace_server.storage.tables import LEFTOVER

if TYPE_CHECKING:
    from sqlalchemy import Connection


def read_figures(connection: Connection) -> StoreFigures:
    """Return the figures of this moment."""
    leftovers = connection.execute(select(func.count()).select_from(LEFTOVER)).scalar_one()
    size_bytes, free_bytes = _measure(connection)
    return StoreFigures(
        size_bytes=size_bytes,
        free_bytes=free_bytes,
        search_lag=read_lag(connection),
        leftover_runs=leftovers,
    )


def _measure(connection: Connection) -> tuple[int, int | None]:
    if connection.dialect.name == "postgresql":
        size = text("SELECT pg_database_size(current_database())")
        return int(connection.execute(size).scalar_one()), None
    _, _, name = connection.exec_driver_sql("PRAGMA database_list").one()
    files = (Path(f"{name}{end}") for end in ("", "-wal", "-shm"))
    size_bytes = sum(file.stat().st_size for file in files if file.exists())
    return size_bytes, shutil.disk_usage(Path(name).parent).free
