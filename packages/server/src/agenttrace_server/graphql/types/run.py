"""Runs and pages of runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias

import orjson
import strawberry
from strawberry import Private, field
from strawberry.scalars import JSON

from agenttrace_server import records
from agenttrace_server.graphql.context import Info
from agenttrace_server.graphql.fields import resolver
from agenttrace_server.graphql.types.annotation import Annotation
from agenttrace_server.graphql.types.dropped import DroppedRecords
from agenttrace_server.graphql.types.enums import RunStatus
from agenttrace_server.graphql.types.event import NS_PER_MS, SpanEventConnection
from agenttrace_server.graphql.types.filters import SpanFilterInput, read_span_filter
from agenttrace_server.graphql.types.link import Link, read_links
from agenttrace_server.graphql.types.node import Node, PageInfo
from agenttrace_server.graphql.types.payload import Payload, SpanError, load_payload, load_text
from agenttrace_server.graphql.types.replay import RunReplay, load_replay
from agenttrace_server.graphql.types.scalars import (
    Count,
    DateTime,
    to_count,
    to_json,
    to_time,
)
from agenttrace_server.graphql.types.span import Span, SpanConnection, make_connection
from agenttrace_server.graphql.types.usage import ModelUsage, Totals
from agenttrace_server.records import PayloadKind
from agenttrace_server.services.runs import RunFilter, check_count

if TYPE_CHECKING:
    from agenttrace_server.graphql.types.workflow import Workflow

_OWN = ""
_NO_VALUES = JSON(orjson.Fragment("{}"))


SpanReader: TypeAlias = Callable[[Sequence[str]], Awaitable[Mapping[str, Sequence[Any]]]]
"""Reads fields of spans, by their names in the record: each a column."""


class FlatSpans(list[Span]):
    """Spans that are not read yet: `graphql.execution` reads the fields that are selected.

    To the type checker it is the list that the schema says; it is empty.
    """

    def __init__(self, read: SpanReader) -> None:
        super().__init__()
        self.read = read


@strawberry.type(description="One recorded run of an agent.")
class Run(Node):
    """See the description, which is public."""

    record: Private[records.Run]
    name: str = field(
        description="What was run. `(unnamed run)` while only its spans have arrived."
    )
    status: RunStatus = field(description="Where it is in its life.")
    correlation_id: str | None = field(
        description="Shared by the runs of one workflow, across agents and processes."
    )
    tags: list[str] = field(description="Its tags: those recorded, then those people added.")
    user_tags: list[str] = field(description="The tags that people added.")
    start_time: DateTime = field(description="When it started, by the recorder's wall clock.")
    end_time: DateTime | None = field(description="When it ended; null while it runs.")
    duration_ms: float | None = field(
        description="Milliseconds it took, by a monotonic clock; null while it runs."
    )
    forked_at: Count | None = field(
        description="The `seq` at which it left the run that it replays; null: it did not."
    )
    end_seq: Count | None = field(
        description="Place of its end in the order of what happened in it; null while it runs."
    )
    complete: bool | None = field(
        description="Of an ended run: false when a record of it is known to be lost; null: unknown."
    )
    dropped: list[DroppedRecords] = field(
        description="Records of it that its recorder dropped, by reason, as far as it said so: "
        "they are not in the store. Empty: none that is known of."
    )
    interrupted_at: DateTime | None = field(
        description="When the server gave it up, because its recorder gave no sign of life."
    )
    totals: Totals = field(description="What it adds up to now.")

    @resolver("What the user attached: a flat object.")
    async def attributes(self, info: Info) -> JSON:
        """See the description, which is public."""
        found = await self._load_text(info, PayloadKind.ATTRIBUTES)
        return to_json(found) if found else _NO_VALUES

    @resolver("Who recorded it, in OpenTelemetry's resource names: a flat object.")
    async def resource(self, info: Info) -> JSON:
        """See the description, which is public."""
        found = await self._load_text(info, PayloadKind.RESOURCE)
        return to_json(found) if found else _NO_VALUES

    @resolver("What it was asked.")
    async def input(self, info: Info) -> Payload | None:
        """See the description, which is public."""
        return await load_payload(info, (self.record.run_id, _OWN, PayloadKind.INPUT))

    @resolver("What it answered.")
    async def output(self, info: Info) -> Payload | None:
        """See the description, which is public."""
        return await load_payload(info, (self.record.run_id, _OWN, PayloadKind.OUTPUT))

    @resolver("Why it failed.")
    async def error(self, info: Info) -> SpanError | None:
        """See the description, which is public."""
        found = await self._load_text(info, PayloadKind.ERROR)
        return SpanError.from_json(found) if found else None

    @resolver("What its calls add up to by model, dearest first.")
    async def usage_by_model(self, info: Info) -> list[ModelUsage]:
        """See the description, which is public."""
        usages = await info.context.loaders.model_usage_by_run.load(self.record.run_id)
        return [ModelUsage.from_record(usage) for usage in usages or ()]

    @resolver("Its spans in the order of `seq`; at most 200 a page.")
    async def spans(
        self,
        info: Info,
        filter: SpanFilterInput | None = None,  # noqa: A002 -- the schema's name
        first: int | None = 50,
        after: str | None = None,
    ) -> SpanConnection:
        """See the description, which is public."""
        wanted = read_span_filter(filter)
        run_id = self.record.run_id
        return make_connection(
            await info.context.runs.list_spans(run_id, wanted, first=first, after=after)
        )

    @resolver(
        "All of its spans: flat, in pre-order, siblings by `seq`. A span whose parent "
        "never arrived is at the top. Of a run with over 1,000 spans, fields that are read one by "
        "one are refused: `run`, `input`, `output`, `error`, `attributes`, `events`, `children` "
        "and those of one kind only; ask for them with `spans(first:)`."
    )
    def span_tree(self, info: Info) -> list[Span]:
        """See the description, which is public."""
        return FlatSpans(partial(info.context.runs.get_tree, self.record.run_id))

    @resolver("Events of the run itself, in the order of `seq`; at most 200 a page.")
    async def events(
        self, info: Info, first: int | None = 50, after: str | None = None
    ) -> SpanEventConnection:
        """See the description, which is public."""
        part = ((self.record.run_id, _OWN), check_count(first), after)
        return SpanEventConnection.from_page(await info.context.loaders.events_by_part.load(part))

    @resolver("All runs that share its correlation id; null when it has none.")
    async def workflow(
        self, info: Info
    ) -> Annotated[Workflow, strawberry.lazy("agenttrace_server.graphql.types.workflow")] | None:
        """See the description, which is public."""
        from agenttrace_server.graphql.types.workflow import Workflow  # noqa: PLC0415 -- a circle of types

        shared = self.record.correlation_id
        found = await info.context.loaders.workflow_by_correlation.load(shared) if shared else None
        return Workflow.from_record(found) if found else None

    @resolver("The run that this one re-executes; null when it was never recorded here.")
    async def replayed_from(self, info: Info) -> Run | None:
        """See the description, which is public."""
        base = self.record.replayed_from
        found = await info.context.loaders.run_by_id.load(base) if base else None
        return Run.from_record(found) if found else None

    @resolver("The runs that re-execute this one, oldest first; at most 200.")
    async def forks(self, info: Info) -> list[Run]:
        """See the description, which is public."""
        found = await info.context.loaders.forks_by_run.load(self.record.run_id)
        return [Run.from_record(fork) for fork in found or ()]

    @resolver("It as its steps, to go through forward and back; of at most 4 runs an answer.")
    async def replay(self, info: Info) -> RunReplay:
        """See the description, which is public."""
        return await load_replay(info, self.record)

    @resolver("Other runs and spans that have to do with it; at most 128.")
    def links(self) -> list[Link]:
        """See the description, which is public."""
        return read_links(self.record.links_json)

    @resolver("What was said of the run itself, oldest first; at most 1,000.")
    async def annotations(self, info: Info) -> list[Annotation]:
        """See the description, which is public."""
        owner = (self.record.run_id, _OWN)
        found = await info.context.loaders.annotations_by_owner.load(owner)
        return [Annotation.from_record(annotation) for annotation in found or ()]

    @resolver("For `runEvents(after:)`: sends all that is not in this snapshot.")
    def cursor(self, info: Info) -> str:
        """See the description, which is public."""
        return info.context.runs.make_cursor(self.record.position)

    @classmethod
    def from_record(cls, record: records.Run) -> Self:
        """Return the GraphQL object of a run."""
        return cls(
            record=record,
            id=strawberry.ID(record.run_id),
            name=record.name,
            status=RunStatus(record.status),
            correlation_id=record.correlation_id,
            tags=[*dict.fromkeys((*record.tags, *record.user_tags))],
            user_tags=list(record.user_tags),
            forked_at=to_count(record.forked_at),
            end_seq=to_count(record.end_seq),
            complete=record.complete,
            dropped=[
                DroppedRecords(reason=reason, count=Count(count))
                for reason, count in record.dropped
            ],
            interrupted_at=to_time(record.interrupted_ns),
            start_time=DateTime(record.start_ns),
            end_time=None if record.end_ns is None else DateTime(record.end_ns),
            duration_ms=None if record.duration_ns is None else record.duration_ns / NS_PER_MS,
            totals=Totals.from_record(
                record.totals, lambda info: info.context.loaders.billed_by_run.load(record.run_id)
            ),
        )

    async def _load_text(self, info: Info, kind: PayloadKind) -> str | None:
        return await load_text(info, (self.record.run_id, _OWN, kind.value))


@strawberry.type(description="A run in a page.")
class RunEdge:
    """See the description, which is public."""

    cursor: str = field(description="Its place in the list, for `after` and `before`.")
    node: Run = field(description="The run.")


@strawberry.type(description="A page of runs.")
class RunConnection:
    """See the description, which is public."""

    run_filter: Private[RunFilter]
    edges: list[RunEdge] = field(description="The runs of this page.")
    page_info: PageInfo = field(description="Where this page is.")
    cursor: str = field(description="For `runChanges(after:)`: sends all that changes from here.")

    @resolver(
        "How many runs match the filter, over all pages; no more than 10,000 are counted, so that "
        "10,000 means so many or more."
    )
    async def total_count(self, info: Info) -> int:
        """See the description, which is public."""
        return await info.context.runs.count_runs(self.run_filter)


async def load_run(info: Info, run_id: str) -> Run:
    """Return a run that is known to be there: every span has one."""
    found = await info.context.loaders.run_by_id.load(run_id)
    assert found is not None
    return Run.from_record(found)
