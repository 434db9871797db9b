"""What Relay expects of a schema: nodes and pages."""

from __future__ import annotations

import strawberry


@strawberry.interface(description="Anything that can be fetched again by its id.")
class Node:
    """See the description, which is public."""

    id: strawberry.ID = strawberry.field(description="Unique over the whole API, and readable.")


@strawberry.type(description="Where a page is within its list.")
class PageInfo:
    """See the description, which is public."""

    has_next_page: bool = strawberry.field(description="Whether more follows.")
    has_previous_page: bool = strawberry.field(description="Whether something comes before.")
    start_cursor: str | None = strawberry.field(
        description="The cursor of the first item; null for an empty page."
    )
    end_cursor: str | None = strawberry.field(
        description="The cursor of the last item; null for an empty page."
    )


def make_page_info(cursors: list[str], *, has_next: bool, has_previous: bool) -> PageInfo:
    """Return where a page with these cursors is."""
    return PageInfo(
        has_next_page=has_next and bool(cursors),  # after nothing there is no going on
        has_previous_page=has_previous,
        start_cursor=cursors[0] if cursors else None,
        end_cursor=cursors[-1] if cursors else None,
    )
