"""What subscriptions send."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, TypeAlias

import strawberry
from strawberry import field

from agenttrace_server import records
from agenttrace_server.graphql.types.enums import RunChangeKind
from agenttrace_server.graphql.types.event import SpanEvent
from agenttrace_server.graphql.types.kinds import make_span
from agenttrace_server.graphql.types.run import Run
from agenttrace_server.graphql.types.span import Span
from agenttrace_server.live import place
from agenttrace_server.records import Change, ChangeKind
from agenttrace_server.services import live


@strawberry.type(description="A span started. It is as it is now, which may be later.")
class SpanStarted:
    """See the description, which is public."""

    span: Span = field(description="The span.")


@strawberry.type(
    description="A span changed, or something happened within it; or it is open, and its run was "
    "given up or came back."
)
class SpanUpdated:
    """See the description, which is public."""

    span: Span = field(description="The span as it is now.")
    chunk: SpanEvent | None = field(
        description="The event: a piece of a stream (`chunk`), or one of another name."
    )


@strawberry.type(description="A span ended.")
class SpanEnded:
    """See the description, which is public."""

    span: Span = field(description="The span as it is now.")


@strawberry.type(
    description="The run changed, was given up or came back, or something happened in it outside "
    "of any span. Or it had ended before, and this is what it is with the records that came late."
)
class RunUpdated:
    """See the description, which is public."""

    run: Run = field(description="The run as it is now.")
    event: SpanEvent | None = field(description="What happened in the run itself.")


@strawberry.type(
    description="The run ended. Told once: not to who subscribes with a cursor behind it. It is "
    "the last event of the stream, unless records that came after it do not fit into its batch."
)
class RunEnded:
    """See the description, which is public."""

    run: Run = field(description="The run as it is now.")


@strawberry.type(
    description="The run was deleted: the last event of the stream, whatever the cursor."
)
class RunDeleted:
    """See the description, which is public."""

    run_id: strawberry.ID = field(description="The run, 32 hexadecimal digits.")


@strawberry.type(
    description="What lies between is not told: the cursor is not one of this store, the store "
    "went back, or the client read too slowly. Query again, or subscribe anew after `from`; "
    "this stream goes on from `to`."
)
class Gap:
    """See the description, which is public."""

    from_: str = field(
        name="from", description="The cursor that was given, or of what was told last."
    )
    to: str = field(description="The cursor that the stream goes on from.")


RunEvent: TypeAlias = Annotated[
    SpanStarted | SpanUpdated | SpanEnded | RunUpdated | RunEnded | RunDeleted | Gap,
    strawberry.union("RunEvent", description="Something that a follower of a run hears."),
]


@strawberry.type(description="The next events of a run, oldest first; at most about 250.")
class RunEventBatch:
    """See the description, which is public."""

    cursor: str = field(description="For `after`, to go on behind this batch.")
    has_more_past: bool = field(description="Whether the store has more already.")
    events: list[RunEvent] = field(
        description="The events. The first batch has none when nothing is there yet, or when all "
        "was told already."
    )

    @classmethod
    def from_batch(cls, batch: live.RunBatch) -> RunEventBatch:
        """Return the GraphQL object of a batch."""
        events = [*_list_gap(batch.gap), *_list_events(batch), *_list_last(batch)]
        return cls(cursor=batch.cursor, has_more_past=batch.found.has_more, events=events)


@strawberry.type(description="A run that changed.")
class RunChange:
    """See the description, which is public."""

    kind: RunChangeKind = field(
        description="What happened to it since the cursor, or the last batch: of several things "
        "the first in this order: DELETED, CREATED, ENDED, UPDATED. So a run that is new and has "
        "ended is CREATED; its status is in `run`."
    )
    run_id: strawberry.ID = field(description="The run, 32 hexadecimal digits.")
    run: Run | None = field(description="The run as it is now; null when it was deleted.")
    matches: bool = field(
        description="Whether the filter lets it in now: one that it does not leaves the list."
    )


@strawberry.type(description="Runs that changed, one entry a run; at most about 1,000.")
class RunChangeBatch:
    """See the description, which is public."""

    cursor: str = field(description="For `after`, to go on behind this batch.")
    has_more_past: bool = field(description="Whether the store has more already.")
    changes: list[RunChange] = field(description="The runs. The first batch may have none.")
    gap: Gap | None = field(description="Set when something is not told: see there.")

    @classmethod
    def from_batch(cls, batch: live.ListBatch) -> RunChangeBatch:
        """Return the GraphQL object of a batch."""
        changes = [
            RunChange(
                kind=RunChangeKind(change.kind.value),
                run_id=strawberry.ID(change.run_id),
                run=None if change.run is None else Run.from_record(change.run),
                matches=change.matches,
            )
            for change in batch.found.changes
        ]
        return cls(
            cursor=batch.cursor,
            has_more_past=batch.found.has_more,
            changes=changes,
            gap=next(iter(_list_gap(batch.gap)), None),
        )


def _list_last(batch: live.RunBatch) -> Iterator[RunEvent]:
    """Yield what the stream ends with; nothing where the cursor was behind the end already."""
    run, changes = batch.found.run, batch.found.changes
    if not batch.ended:
        return
    if run is None:
        yield RunDeleted(run_id=strawberry.ID(batch.run_id))
    elif any(change.kind is ChangeKind.RUN_ENDED for change in changes):
        yield RunEnded(run=Run.from_record(run))
    elif changes:
        yield RunUpdated(run=Run.from_record(run), event=None)


def _list_gap(gap: place.Gap | None) -> list[Gap]:
    return [] if gap is None else [Gap(from_=gap.start, to=gap.end)]


def _list_events(batch: live.RunBatch) -> Iterator[RunEvent]:
    """Yield what the log tells; the run's own change once, where it was last changed.

    That it ended is told at the end of the stream, unless that is in a later batch.
    """
    found = batch.found
    updated = _find_last(found.changes, ChangeKind.RUN_CREATED, ChangeKind.RUN_UPDATED)
    ended = None if batch.ended else _find_last(found.changes, ChangeKind.RUN_ENDED)
    for change in found.changes:
        event = None if change.event_seq is None else found.events.get(change.event_seq)
        chunk = None if event is None else SpanEvent.from_record(event)
        if change.span_id in found.spans:  # not when it is being deleted meanwhile
            yield _make_span_event(change.kind, found.spans[change.span_id], chunk)
        elif change.span_id is not None or found.run is None:
            continue
        elif chunk is not None or change is updated:
            yield RunUpdated(run=Run.from_record(found.run), event=chunk)
        elif change is ended:
            yield RunEnded(run=Run.from_record(found.run))


def _find_last(changes: Sequence[Change], *kinds: ChangeKind) -> Change | None:
    return next((change for change in reversed(changes) if change.kind in kinds), None)


def _make_span_event(kind: ChangeKind, record: records.Span, chunk: SpanEvent | None) -> RunEvent:
    span = make_span(record)
    if kind is ChangeKind.SPAN_STARTED:
        return SpanStarted(span=span)
    if kind is ChangeKind.SPAN_ENDED:
        return SpanEnded(span=span)
    return SpanUpdated(span=span, chunk=chunk)
