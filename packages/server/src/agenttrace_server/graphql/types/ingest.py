"""Taking in records by a mutation: the same pipeline as `POST /api/ingest`."""

from __future__ import annotations

from typing import Self

import orjson
import strawberry
from strawberry import field
from strawberry.scalars import JSON

from agenttrace_server.errors import InvalidArgumentError, OverloadedError
from agenttrace_server.graphql.context import Info
from agenttrace_server.services import ingest
from graphql import GraphQLError

OVERLOADED = "OVERLOADED"


@strawberry.type(description="Why a record was not taken.")
class IngestError:
    """See the description, which is public."""

    record: int = field(description="Which of the records, counted from 1.")
    code: str = field(description="The reason, for programs: those of `POST /api/ingest`.")
    message: str = field(description="The reason, for people.")


@strawberry.type(description="What became of the records.")
class IngestResult:
    """See the description, which is public."""

    accepted: int = field(description="How many are on disk, now or since before.")
    rejected: int = field(description="How many are not.")
    errors: list[IngestError] = field(description="Why they are not; the first 100.")

    @classmethod
    def from_result(cls, result: ingest.IngestResult) -> Self:
        """Return the GraphQL object of what became of a body's lines."""
        errors = [IngestError(record=e.line, code=e.code, message=e.message) for e in result.errors]
        return cls(accepted=result.accepted, rejected=result.rejected, errors=errors)


async def store_records(info: Info, records: JSON) -> IngestResult:
    """Store records; return once they are on disk.

    Raises:
        InvalidArgumentError: they are no list.
        GraphQLError: nothing was stored since there is no room or no disk now.

    """
    if not isinstance(records, list):
        raise InvalidArgumentError("records must be a list of objects, one a record")
    # What is no object is reported as its line would be, and the others are stored. A text has no
    # line break of its own in JSON: the lines are the records.
    body = b"\n".join(orjson.dumps(record) for record in records)
    try:
        info.context.rates.take(info.context.actor.principal)
        with info.context.budget.open_account() as account:
            account.take(len(body))
            result = await info.context.ingest.ingest(body, info.context.actor.principal)
            return IngestResult.from_result(result)
    except OverloadedError as error:
        extensions = {"code": OVERLOADED, "retryAfterS": error.retry_after_s}
        raise GraphQLError(str(error), extensions=extensions) from error
