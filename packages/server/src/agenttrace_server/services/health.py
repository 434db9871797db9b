"""Whether the server can do its work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from agenttrace_server.storage.positions import read_end

if TYPE_CHECKING:
    from agenttrace_server.storage.engine import Database
    from agenttrace_server.storage.writer import Writer


class HealthService:
    """Asks the parts."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database = database
        self._writer = writer

    async def find_problem(self) -> str | None:
        """Return what keeps the server from its work; None when nothing does."""
        if not self._writer.is_running:
            return "the server is stopping"
        try:
            await self._database.read(read_end)
        except SQLAlchemyError as error:
            return f"the store cannot be read ({type(error).__name__})"
        return None
