"""The URLs that name a store, whichever database it is in."""

from __future__ import annotations

from typing import Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from agenttrace_server.errors import StartError

POSTGRES_NAMES: Final = ("postgres", "postgresql")


def parse_database_url(database_url: str) -> URL:
    """Return a URL in its parts.

    Raises:
        StartError: it is none.

    """
    try:
        return make_url(database_url)
    except ArgumentError as error:
        raise StartError(
            "DATABASE_URL is not a database URL; expected sqlite+aiosqlite:///path/to/file.db or "
            "postgresql+asyncpg://user:password@host/database"
        ) from error
