"""What mutations say of mistakes."""

from __future__ import annotations

from typing import Self

import strawberry

from agenttrace_server.errors import RefusedError


@strawberry.type(description="What is wrong with what a mutation was asked to do.")
class UserError:
    """See the description, which is public."""

    field: str = strawberry.field(description="The argument that is wrong.")
    code: str = strawberry.field(
        description="For programs: `not_found`, `too_long`, `too_many`, `empty`, `invalid`, …"
    )
    message: str = strawberry.field(description="For people: what is wrong, and what can be done.")

    @classmethod
    def from_error(cls, error: RefusedError) -> Self:
        """Return the GraphQL object of a refusal."""
        return cls(field=error.field, code=error.code, message=str(error))
