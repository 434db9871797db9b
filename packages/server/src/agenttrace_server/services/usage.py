"""What calls add up to, as use cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agenttrace_server.storage import billing, usage
from agenttrace_server.storage.usage import Interval, UsageGroup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace_server.records import ModelUsage, UsageBucket, Workflow
    from agenttrace_server.services.runs import RunFilter
    from agenttrace_server.storage.engine import Database

__all__ = ["Interval", "UsageGroup", "UsageService"]


class UsageService:
    """Sums over many runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_usage(
        self, run_filter: RunFilter, interval: Interval, groups: Sequence[UsageGroup]
    ) -> tuple[UsageBucket, ...]:
        """Return the usage by interval and group, the newest first.

        Raises:
            InvalidArgumentError: too many buckets would be made.

        """
        return await self._database.read(usage.list_usage, run_filter, interval, groups)

    async def get_workflows(
        self, project_id: str, correlation_ids: Sequence[str]
    ) -> dict[str, Workflow]:
        """Return what a project's runs of each correlation id add up to; none of one without runs.

        Raises:
            InvalidArgumentError: together they have too many runs.

        """
        return await self._database.read(usage.read_workflows, project_id, correlation_ids)

    async def list_workflow_usage(
        self, project_id: str, correlation_ids: Sequence[str]
    ) -> dict[str, tuple[ModelUsage, ...]]:
        """Return the same by model, dearest first."""
        return await self._database.read(usage.list_workflow_usage, project_id, correlation_ids)

    async def get_billed(self, run_ids: Sequence[str]) -> dict[str, int]:
        """Return what was paid for each run in pico-dollars; nothing of one without a cost."""
        return await self._database.read(billing.read_billed, run_ids)

    async def get_billed_workflows(
        self, project_id: str, correlation_ids: Sequence[str]
    ) -> dict[str, int]:
        """Return the same for a project's runs of each correlation id.

        Raises:
            InvalidArgumentError: together they have too many runs.

        """
        return await self._database.read(billing.read_billed_workflows, project_id, correlation_ids)
