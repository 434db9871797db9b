"""Whether the server can do its work."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agenttrace_server.records import StoreFigures
    from agenttrace_server.storage.engine import Database
    from agenttrace_server.storage.writer import Writer


class HealthService:
    """Asks the parts."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database = database
        self._writer = writer

    async def read_figures(self) -> StoreFigures | None:
        """Return the store's figures; None when it cannot be read."""
        return await self._database.read_figures()

    async def find_problem(self) -> str | None:
        """Return what keeps the server from its work; None when nothing does."""
        if not self._writer.is_running:
            return "the server is stopping"
        return await self._database.find_problem()
