"""The span interface: what every kind of step has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import orjson
import strawberry
from strawberry import Private, field
from strawberry.scalars import JSON

from agenttrace_server import records
from agenttrace_server.graphql.context import Info
from agenttrace_server.graphql.fields import resolver
from agenttrace_server.graphql.types.annotation import Annotation
from agenttrace_server.graphql.types.enums import (
    CostSource,
    SpanEffect,
    SpanOutcome,
    SpanPlacement,
    SpanStatus,
    SpanType,
)
from agenttrace_server.graphql.types.event import SpanEventConnection
from agenttrace_server.graphql.types.link import Link, read_links
from agenttrace_server.graphql.types.node import Node, PageInfo, make_page_info
from agenttrace_server.graphql.types.payload import Payload, SpanError, load_payload, load_text
from agenttrace_server.graphql.types.scalars import Count, DateTime, Decimal, to_json
from agenttrace_server.graphql.types.usage import Usage
from agenttrace_server.services.runs import check_count, make_span_cursor, parse_span_cursor
from agenttrace_server.services.search import Found, TextQuery, make_found_cursor

if TYPE_CHECKING:
    from agenttrace_server.graphql.types.run import Run

_NO_ATTRIBUTES = JSON(orjson.Fragment("{}"))


@strawberry.interface(description="A step of a run.")
class Span(Node):
    """See the description, which is public."""

    record: Private[records.Span]
    span_id: str = field(description="16 hexadecimal digits, unique within the run.")
    parent_span_id: str | None = field(
        description="The `spanId` of the span that it is within; null at the top of the run. "
        "The parent itself may be missing."
    )
    name: str = field(description="What the step is called.")
    type: SpanType = field(description="What kind of step it is.")
    status: SpanStatus = field(description="Where it is in its life.")
    start_time: DateTime = field(description="When it started, by the recorder's wall clock.")
    end_time: DateTime | None = field(description="When it ended; null while it runs.")
    offset_ms: float = field(
        description="Milliseconds from the run's start to its own, by the recorder's wall clock; "
        "negative: it says that it started before."
    )
    duration_ms: float | None = field(
        description="Milliseconds it took, by a monotonic clock; null while it runs."
    )
    depth: int = field(description="How many spans it is within; 0 at the top.")
    placement: SpanPlacement = field(
        description="Why it stands where it does in the tree: an end of the tree that was not "
        "recorded as one is told from a root."
    )
    seq: Count = field(description="Place of its start in the order of what happened in the run.")
    end_seq: Count | None = field(description="Place of its end in that order.")
    lane: Count = field(
        description="The logical thread of control: 0 is the run's own, each task or thread that "
        "starts spans has another."
    )
    effect: SpanEffect = field(description="What it does to the world.")
    outcome: SpanOutcome | None = field(description="How its body ended.")
    model: str | None = field(description="The model that it called.")
    usage: Usage | None = field(description="Its tokens, as far as they are known.")
    cost_usd: Decimal | None = field(description="Its cost in USD, as recorded; null: unknown.")
    cost_source: CostSource | None = field(description="Where the cost comes from.")
    replay_key: str | None = field(description="The user's own key for matching in a replay.")
    input_hash: str | None = field(description="SHA-256 of its canonical input, in hexadecimal.")

    cost_table: str | None = field(
        description="The price table and its version that the cost was computed with."
    )
    boundary: bool | None = field(
        description="Whether a replay serves it from the record; null: as its type says."
    )

    @resolver("Other runs and spans that have to do with it; at most 128.")
    def links(self) -> list[Link]:
        """See the description, which is public."""
        return read_links(self.record.links_json)

    @resolver("What was said of it, oldest first; at most 1,000.")
    async def annotations(self, info: Info) -> list[Annotation]:
        """See the description, which is public."""
        found = await info.context.loaders.annotations_by_owner.load(self._key)
        return [Annotation.from_record(annotation) for annotation in found or ()]

    @resolver("The run that it is a step of.")
    async def run(
        self, info: Info
    ) -> Annotated[Run, strawberry.lazy("agenttrace_server.graphql.types.run")]:
        """See the description, which is public."""
        from agenttrace_server.graphql.types.run import load_run  # noqa: PLC0415 -- a circle of types

        return await load_run(info, self.record.run_id)

    @resolver("The span that it is within; null at the top, or when it never arrived.")
    async def parent(self, info: Info) -> Span | None:
        """See the description, which is public."""
        if self.parent_span_id is None:
            return None
        return await load_span(info, (self.record.run_id, self.parent_span_id))

    @resolver("What it was given.")
    async def input(self, info: Info) -> Payload | None:
        """See the description, which is public."""
        return await self.load_payload(info, records.PayloadKind.INPUT)

    @resolver("What it gave.")
    async def output(self, info: Info) -> Payload | None:
        """See the description, which is public."""
        return await self.load_payload(info, records.PayloadKind.OUTPUT)

    @resolver("Why it failed.")
    async def error(self, info: Info) -> SpanError | None:
        """See the description, which is public."""
        found = await self.load_text(info, records.PayloadKind.ERROR)
        return SpanError.from_json(found) if found else None

    @resolver("Names and values that were attached to it: a flat object.")
    async def attributes(self, info: Info) -> JSON:
        """See the description, which is public."""
        found = await self.load_text(info, records.PayloadKind.ATTRIBUTES)
        return to_json(found) if found else _NO_ATTRIBUTES

    @resolver("What happened within it, in the order of `seq`; at most 200 a page.")
    async def events(
        self, info: Info, first: int | None = 50, after: str | None = None
    ) -> SpanEventConnection:
        """See the description, which is public."""
        part = (self._key, check_count(first), after)
        return SpanEventConnection.from_page(await info.context.loaders.events_by_part.load(part))

    @resolver("The spans directly within it, in the order of `seq`; at most 200 a page.")
    async def children(
        self, info: Info, first: int | None = 50, after: str | None = None
    ) -> SpanConnection:
        """See the description, which is public."""
        parse_span_cursor(after)
        part = (self._key, check_count(first), after)
        return make_connection(await info.context.loaders.children_by_part.load(part))

    @property
    def _key(self) -> tuple[str, str]:
        return self.record.run_id, self.record.span_id

    async def load_text(self, info: Info, kind: records.PayloadKind) -> str | None:
        """Return one of its stored texts."""
        return await load_text(info, (*self._key, kind.value))

    async def load_payload(self, info: Info, kind: records.PayloadKind) -> Payload | None:
        """Return one of its values."""
        return await load_payload(info, (*self._key, kind.value))


@strawberry.type(description="A span in a page.")
class SpanEdge:
    """See the description, which is public."""

    cursor: str = field(description="Its place in the list, for `after`.")
    node: Span = field(description="The span.")
    query: Private[TextQuery | None] = None

    @resolver(
        "About 160 characters of what was searched for, around the first word that was found; "
        "null in a list that is no search."
    )
    async def snippet(self, info: Info) -> str | None:
        """See the description, which is public."""
        if self.query is None:
            return None
        return await info.context.loaders.load_snippet(self.node.record, self.query)


@strawberry.type(description="A page of spans.")
class SpanConnection:
    """See the description, which is public."""

    edges: list[SpanEdge] = field(description="The spans of this page.")
    page_info: PageInfo = field(description="Where this page is.")


def make_connection(page: records.Page[records.Span]) -> SpanConnection:
    """Return the GraphQL object of a page of spans."""
    from agenttrace_server.graphql.types.kinds import make_span  # noqa: PLC0415 -- a circle of types

    edges = [SpanEdge(cursor=make_span_cursor(span), node=make_span(span)) for span in page.items]
    cursors = [edge.cursor for edge in edges]
    info = make_page_info(cursors, has_next=page.has_next, has_previous=page.has_previous)
    return SpanConnection(edges=edges, page_info=info)


def make_found_connection(page: records.Page[Found], query: TextQuery) -> SpanConnection:
    """Return the GraphQL object of a page of spans that were searched for."""
    from agenttrace_server.graphql.types.kinds import make_span  # noqa: PLC0415 -- a circle of types

    edges = [
        SpanEdge(cursor=make_found_cursor(found), node=make_span(found.span), query=query)
        for found in page.items
    ]
    cursors = [edge.cursor for edge in edges]
    info = make_page_info(cursors, has_next=page.has_next, has_previous=page.has_previous)
    return SpanConnection(edges=edges, page_info=info)


async def load_span(info: Info, key: tuple[str, str]) -> Span | None:
    """Return a span, if it is known."""
    from agenttrace_server.graphql.types.kinds import make_span  # noqa: PLC0415 -- a circle of types

    found = await info.context.loaders.span_by_key.load(key)
    return make_span(found) if found else None
