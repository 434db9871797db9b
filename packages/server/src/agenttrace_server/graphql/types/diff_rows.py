"""The rows of a comparison: the spans of both runs as one tree."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import strawberry
from strawberry import Private, field

from agenttrace import diff as library
from agenttrace_server.errors import InvalidArgumentError
from agenttrace_server.graphql.context import Info
from agenttrace_server.graphql.fields import resolver
from agenttrace_server.graphql.types.diff_changes import (
    DiffChange,
    load_changes,
    load_failure,
)
from agenttrace_server.graphql.types.diff_enums import (
    DiffFlag,
    DiffOutcome,
)
from agenttrace_server.graphql.types.diff_figures import DiffMetrics
from agenttrace_server.graphql.types.enums import SpanStatus, SpanType
from agenttrace_server.graphql.types.filters import MAX_VALUES
from agenttrace_server.graphql.types.node import PageInfo, make_page_info
from agenttrace_server.graphql.types.scalars import Count
from agenttrace_server.graphql.types.span import Span, load_span
from agenttrace_server.services.diffs import (
    KeptDiff,
    list_changed_parts,
)
from agenttrace_server.services.runs import check_count


@strawberry.type(description="A span of one of the two runs, light.")
class DiffSpan:
    """See the description, which is public."""

    id: strawberry.ID = field(description="Its id, `<run>:<span>`.")
    span_id: str = field(description="Its own part of the id, 16 hexadecimal digits.")
    name: str = field(description="Its name.")
    type: SpanType = field(description="What kind of step it is.")
    status: SpanStatus = field(description="Where it is in its life.")
    depth: int = field(description="How deep it is in its run's tree; 0 at the top.")
    seq: Count = field(description="The position of its start among the events of its run.")
    lane: Count = field(description="The logical thread of control that it ran on.")
    position: int = field(description="Its place in its run's tree in pre-order, from 0.")
    parent_position: int | None = field(description="The place of its parent; null at the top.")

    @resolver("The span with all that was recorded of it; null once it is deleted.")
    async def span(self, info: Info) -> Span | None:
        """See the description, which is public."""
        run_id, _, span_id = str(self.id).partition(":")
        return await load_span(info, (run_id, span_id))

    @classmethod
    def from_ref(cls, run: library.RunRef, ref: library.SpanRef | None) -> Self | None:
        """Return a span of a run; None where a side has none."""
        if ref is None:
            return None
        return cls(
            id=strawberry.ID(f"{run.run_id}:{ref.span_id}"),
            span_id=ref.span_id,
            name=ref.name,
            type=SpanType(ref.span_type.value),
            status=SpanStatus(ref.status.value),
            depth=ref.depth,
            seq=Count(ref.seq),
            lane=Count(ref.lane),
            position=ref.position,
            parent_position=ref.parent_position,
        )


@strawberry.type(description="A span of base, of head, or of both, and what became of it.")
class DiffRow:
    """See the description, which is public."""

    kept: Private[KeptDiff]
    row: Private[library.Row]
    index: int = field(description="Its place among all rows, from 0, in the order of showing.")
    parent: int | None = field(description="The `index` of the row that it is shown below.")
    depth: int = field(description="How deep it is shown; 0 at the top.")
    outcome: DiffOutcome = field(description="What became of it.")
    flags: list[DiffFlag] = field(description="What of it differs.")
    self_changed: bool = field(description="Whether it is anything but UNCHANGED.")
    subtree_changed: bool = field(description="Whether something below it is, on either side.")
    is_propagated: bool = field(description="Whether it follows from an origin.")
    origin: int | None = field(description="From which: its place in `origins`.")
    covers: int = field(description="How many spans a WRAPPED or UNWRAPPED one is around.")
    reason: str | None = field(
        description="More of a move: `reordered`, `other_lane` or `other_parent`."
    )
    fails_newly: bool = field(
        description="Whether its span in head failed and that in base, if there is one, did not."
    )

    @resolver("Its span in base; null when it is ADDED or WRAPPED.")
    def base(self) -> DiffSpan | None:
        """See the description, which is public."""
        return DiffSpan.from_ref(self.kept.diff.base, self.row.base)

    @resolver("Its span in head; null when it is REMOVED or UNWRAPPED.")
    def head(self) -> DiffSpan | None:
        """See the description, which is public."""
        return DiffSpan.from_ref(self.kept.diff.head, self.row.head)

    @resolver("Its figures on both sides.")
    def metrics(self) -> DiffMetrics:
        """See the description, which is public."""
        return DiffMetrics.from_deltas(self.row.metrics)

    @resolver(
        "What differs within input, output, error and attributes, in the order of head; at most "
        "100 of each. Values beyond 1 MiB are not looked into."
    )
    async def changes(self, info: Info) -> list[DiffChange]:
        """See the description, which is public."""
        base, head = self.row.base, self.row.head
        if base is None or head is None:
            return []
        owners = (
            (self.kept.diff.base.run_id, base.span_id),
            (self.kept.diff.head.run_id, head.span_id),
        )
        parts = list_changed_parts(self.row.flags)
        return await load_changes(info, owners, parts, self.kept.diff.rules)

    @resolver("The error of a span that newly fails, as a short text; null of any other.")
    async def failure(self, info: Info) -> str | None:
        """See the description, which is public."""
        if not self.row.fails_newly or self.row.head is None:
            return None
        return await load_failure(info, (self.kept.diff.head.run_id, self.row.head.span_id))

    @classmethod
    def from_kept(cls, kept: KeptDiff, index: int) -> Self:
        """Return a row of a comparison."""
        row = kept.diff.rows[index]
        return cls(
            kept=kept,
            row=row,
            index=index,
            parent=kept.parents[index],
            depth=kept.depths[index],
            outcome=DiffOutcome(row.outcome.value),
            flags=list_flags(row.flags),
            self_changed=row.self_changed,
            subtree_changed=row.subtree_changed,
            is_propagated=row.is_propagated,
            origin=row.origin,
            covers=row.covers,
            reason=row.reason,
            fails_newly=row.fails_newly,
        )


@strawberry.input(description="Which rows; all criteria must hold.")
class DiffRowFilter:
    """See the description, which is public."""

    outcome: list[DiffOutcome] | None = field(default=None, description="Any of these outcomes.")
    flags: list[DiffFlag] | None = field(default=None, description="At least one of these flags.")
    changed: bool | None = field(default=None, description="Whether `selfChanged`.")
    propagated: bool | None = field(
        default=None,
        description="Whether they follow from an origin; false folds those that do, but for spans "
        "that newly fail.",
    )
    origin: int | None = field(default=None, description="Only what follows from this origin.")

    def check(self) -> None:
        """Go on only with lists that can be gone through for each row.

        Raises:
            InvalidArgumentError: one has more values than it may have.

        """
        for name, values in (("outcome", self.outcome), ("flags", self.flags)):
            if values is not None and len(values) > MAX_VALUES:
                raise InvalidArgumentError(f"{name} has {len(values)} values; at most {MAX_VALUES}")

    def holds(self, row: library.Row) -> bool:
        """Tell whether a row is asked for."""
        wanted = self.outcome
        if wanted is not None and DiffOutcome(row.outcome.value) not in wanted:
            return False
        if self.flags is not None and not {*list_flags(row.flags)}.intersection(self.flags):
            return False
        if self.changed is not None and row.self_changed is not self.changed:
            return False
        if self.origin is not None and row.origin != self.origin:
            return False
        if self.propagated is None or row.is_propagated is self.propagated:
            return True
        return row.fails_newly and not self.propagated  # a failure is never folded away


@strawberry.type(description="A row and its place in the list.")
class DiffRowEdge:
    """See the description, which is public."""

    cursor: str = field(description="Where to go on after it.")
    node: DiffRow = field(description="The row.")


@strawberry.type(description="A page of rows.")
class DiffRowConnection:
    """See the description, which is public."""

    edges: list[DiffRowEdge] = field(description="The rows of the page.")
    page_info: PageInfo = field(description="Where the page is.")
    total_count: int = field(description="How many rows there are with this filter.")


def list_rows(
    kept: KeptDiff, criteria: DiffRowFilter | None, *, first: int | None, after: str | None
) -> DiffRowConnection:
    """Return a page of the rows that are asked for.

    Raises:
        InvalidArgumentError: `first` is over 200, `after` is no cursor of rows, or the filter has
            too many values.

    """
    count, start = check_count(first), _read_cursor(after)
    if criteria is not None:
        criteria.check()
    rows = enumerate(kept.diff.rows)
    chosen = [index for index, row in rows if criteria is None or criteria.holds(row)]
    later = [index for index in chosen if index > start]
    edges = [
        DiffRowEdge(cursor=str(index), node=DiffRow.from_kept(kept, index))
        for index in later[:count]
    ]
    info = make_page_info(
        [edge.cursor for edge in edges],
        has_next=len(later) > count,
        has_previous=len(later) < len(chosen),
    )
    return DiffRowConnection(edges=edges, page_info=info, total_count=len(chosen))


def list_flags(flags: Iterable[library.Flag]) -> list[DiffFlag]:
    """Return flags in the order of the schema."""
    return [DiffFlag(flag.value) for flag in library.Flag if flag in flags]


def _read_cursor(after: str | None) -> int:
    if after is None:
        return -1
    if not (after.isascii() and after.isdigit() and len(after) <= 9):  # noqa: PLR2004 -- of an Int
        raise InvalidArgumentError("after is not a cursor of a list of rows")
    return int(after)
