"""What a recorder dropped of a run."""

from __future__ import annotations

import strawberry
from strawberry import field

from agenttrace_server.graphql.types.scalars import Count


@strawberry.type(
    description="How many records of a run its recorder dropped for one reason: they are nowhere."
)
class DroppedRecords:
    """See the description, which is public."""

    reason: str = field(
        description="Why, as the recorder names it: `queue_full` (no room in memory), `rejected` "
        "(the server refused them), `export_failed`, `encode_failed`, `shutdown` (too late), …"
    )
    count: Count = field(description="How many records, as far as the recorder said.")
