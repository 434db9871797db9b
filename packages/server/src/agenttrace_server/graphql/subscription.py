"""The root of subscriptions."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import strawberry

from agenttrace_server.graphql.context import Info
from agenttrace_server.graphql.fields import stream
from agenttrace_server.graphql.types.batches import RunChangeBatch, RunEventBatch
from agenttrace_server.graphql.types.filters import RunFilterInput, read_filter


@strawberry.type(description="What can be followed.")
class Subscription:
    """See the description, which is public."""

    @stream(
        "Runs as they change: first what changed after the cursor, then what comes. "
        "Without a cursor, from now on. Never ends by itself."
    )
    async def run_changes(
        self,
        info: Info,
        filter: RunFilterInput | None = None,  # noqa: A002 -- the schema's name
        after: str | None = None,
    ) -> AsyncGenerator[RunChangeBatch, None]:
        """See the description, which is public."""
        batches = info.context.live.follow_runs(
            read_filter(info, filter), after=after, place=info.context.place
        )
        async with aclosing(batches):
            async for batch in batches:
                info.context.loaders.begin_answer()
                yield RunChangeBatch.from_batch(batch)

    @stream(
        "One run as it happens: first what the store has after the cursor, then what "
        "comes. Without a cursor, from the run's beginning. The run need not exist yet. Ends after "
        "`RunEnded` or `RunDeleted`; what arrives later still is sent to who subscribes again with "
        "the last cursor. Who does, and has been told all, gets one batch without events, and the "
        "stream ends. A run that is given up (INTERRUPTED, with `interruptedAt`) has not "
        "ended: it and its open spans are sent as `RunUpdated` and `SpanUpdated`, and again when a "
        "record of it arrives after all."
    )
    async def run_events(
        self, info: Info, run_id: strawberry.ID, after: str | None = None
    ) -> AsyncGenerator[RunEventBatch, None]:
        """See the description, which is public."""
        batches = info.context.live.follow_run(
            info.context.actor.principal.project_id,
            run_id,
            after=after,
            place=info.context.place,
        )
        async with aclosing(batches):
            async for batch in batches:
                info.context.loaders.begin_answer()
                yield RunEventBatch.from_batch(batch)
