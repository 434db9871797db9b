"""The root of mutations."""

from __future__ import annotations

import strawberry
from strawberry.scalars import JSON

from agenttrace_server.graphql.context import Info
from agenttrace_server.graphql.fields import resolver
from agenttrace_server.graphql.types.ingest import IngestResult, store_records


@strawberry.type(description="What can be changed.")
class Mutation:
    """See the description, which is public."""

    @resolver(
        "Store records of the wire format: a list of objects, as the lines of `POST /api/ingest` "
        "are; answered once they are on disk. A request is at most 1 MiB here, and a JSON variable "
        "does not keep how a number was spelt: `1.0e1` may become `10.0`. NDJSON keeps it. Without "
        "room or disk for them the error has the code `OVERLOADED` and `retryAfterS`, in seconds."
    )
    async def ingest(self, info: Info, records: JSON) -> IngestResult:
        """See the description, which is public."""
        return await store_records(info, records)
