"""Events within a span or a run."""

from __future__ import annotations

from typing import Self

import strawberry
from strawberry import field

from agenttrace_server import records
from agenttrace_server.graphql.types.node import PageInfo, make_page_info
from agenttrace_server.graphql.types.payload import Payload
from agenttrace_server.graphql.types.scalars import Count, DateTime

NS_PER_MS = 1_000_000


@strawberry.type(description="Something that happened within a span, or within a run.")
class SpanEvent:
    """See the description, which is public."""

    seq: Count = field(description="Its place in the order of what happened in the run.")
    time: DateTime = field(description="When it happened, by the recorder's wall clock.")
    offset_ms: float = field(
        description="Milliseconds from the run's start, by the recorder's wall clock; negative: it "
        "says that it happened before."
    )
    span_offset_ms: float | None = field(
        description="Milliseconds from the start of its span, by a monotonic clock; null: unknown."
    )
    name: str = field(description="`chunk`, `state`, `log`, `exception`, or the user's own.")
    body: Payload | None = field(description="What it carries.")

    @classmethod
    def from_record(cls, record: records.Event) -> Self:
        """Return the GraphQL object of an event."""
        return cls(
            seq=Count(record.seq),
            time=DateTime(record.t_ns),
            offset_ms=(record.t_ns - record.run_start_ns) / NS_PER_MS,
            span_offset_ms=None if record.offset_ns is None else record.offset_ns / NS_PER_MS,
            name=record.name,
            body=Payload.from_head(record.body) if record.body is not None else None,
        )


@strawberry.type(description="An event in a page.")
class SpanEventEdge:
    """See the description, which is public."""

    cursor: str = field(description="Its place in the list, for `after`.")
    node: SpanEvent = field(description="The event.")


@strawberry.type(description="A page of events, in the order of `seq`.")
class SpanEventConnection:
    """See the description, which is public."""

    edges: list[SpanEventEdge] = field(description="The events of this page.")
    page_info: PageInfo = field(description="Where this page is.")

    @classmethod
    def from_page(cls, page: records.Page[records.Event]) -> Self:
        """Return the GraphQL object of a page of events."""
        edges = [
            SpanEventEdge(cursor=str(event.seq), node=SpanEvent.from_record(event))
            for event in page.items
        ]
        cursors = [edge.cursor for edge in edges]
        info = make_page_info(cursors, has_next=page.has_next, has_previous=page.has_previous)
        return cls(edges=edges, page_info=info)
