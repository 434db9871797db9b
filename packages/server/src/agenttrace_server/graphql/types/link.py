"""Links to other runs and spans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import orjson
import strawberry
from strawberry import field
from strawberry.scalars import JSON

from agenttrace_server.graphql.context import Info
from agenttrace_server.graphql.fields import resolver

if TYPE_CHECKING:
    from agenttrace_server.graphql.types.run import Run


@strawberry.type(description="Another run, or a span of one, that has to do with this.")
class Link:
    """See the description, which is public."""

    run_id: str = field(description="The other run, 32 hexadecimal digits; it may be unknown here.")
    span_id: str | None = field(
        description="The span within it, 16 hexadecimal digits; null: the whole run."
    )
    attributes: JSON = field(description="What was said of the link: a flat object.")

    @resolver("The other run; null when it was never recorded here.")
    async def run(
        self, info: Info
    ) -> Annotated[Run, strawberry.lazy("agenttrace_server.graphql.types.run")] | None:
        """See the description, which is public."""
        from agenttrace_server.graphql.types.run import Run  # noqa: PLC0415 -- a circle of types

        found = await info.context.loaders.run_by_id.load(self.run_id)
        return Run.from_record(found) if found else None


def read_links(links_json: str | None) -> list[Link]:
    """Return the links that a record has."""
    links: list[dict[str, Any]] = orjson.loads(links_json) if links_json else []
    return [
        Link(
            run_id=link["run_id"],
            span_id=link.get("span_id"),
            attributes=JSON(link.get("attributes") or {}),
        )
        for link in links
    ]
