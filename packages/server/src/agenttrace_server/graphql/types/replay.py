"""Stepping through a run: its steps, the state at one, and where breakpoints hold."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Annotated, Self

import strawberry
from strawberry import Private, field
from strawberry.scalars import JSON

from agenttrace.diff import DEFAULT
from agenttrace.steps.breakpoints import Breakpoint, settle
from agenttrace.steps.divergence import locate_divergence
from agenttrace.steps.readiness import Blocker, Readiness
from agenttrace_server import records
from agenttrace_server.errors import InvalidArgumentError
from agenttrace_server.graphql.context import Info
from agenttrace_server.graphql.fields import resolver
from agenttrace_server.graphql.types.breakpoint import (
    BreakpointInput,
    StepFilter,
    filter_steps,
    read_breakpoints,
)
from agenttrace_server.graphql.types.enums import Fidelity, ReplayBlockerKind, StepDirection
from agenttrace_server.graphql.types.node import make_page_info
from agenttrace_server.graphql.types.span import Span, load_span
from agenttrace_server.graphql.types.step import (
    ReplayStep,
    ReplayStepConnection,
    ReplayStepEdge,
    load_values,
)
from agenttrace_server.services.runs import check_count
from agenttrace_server.services.steps import StepsOfRun

_NS_PER_MS = 1_000_000
_MAX_MS = 9e12
_MAX_CURSOR_DIGITS = 9


@strawberry.type(description="How many outputs of a run's calls have one fidelity.")
class FidelityCount:
    """See the description, which is public."""

    fidelity: Fidelity = field(description="How much of the values survived.")
    count: int = field(description="How many outputs.")


@strawberry.type(description="What stands in the way of executing a run again from its record.")
class ReplayBlocker:
    """See the description, which is public."""

    run_id: Private[str]
    known_span_id: Private[str | None]
    kind: ReplayBlockerKind = field(description="Why.")

    @resolver("The call that cannot be served; null: it is about the run.")
    async def span(self, info: Info) -> Span | None:
        """See the description, which is public."""
        if self.known_span_id is None:
            return None
        return await load_span(info, (self.run_id, self.known_span_id))

    @classmethod
    def from_blocker(cls, run_id: str, blocker: Blocker) -> Self:
        """Return the GraphQL object of what stands in the way."""
        return cls(
            run_id=run_id,
            known_span_id=None if blocker.span is None else blocker.span.span_id,
            kind=ReplayBlockerKind(blocker.kind.value),
        )


@strawberry.type(description="Whether a run can be executed again from its record.")
class Replayability:
    """See the description, which is public."""

    ok: bool = field(description="Whether nothing stands in the way.")
    boundaries: int = field(
        description="How many calls would be served: the outermost that reach out to the world."
    )
    fidelities: list[FidelityCount] = field(
        description="Their outputs by fidelity; a call that gave nothing has none."
    )
    blocked: int = field(description="How many things stand in the way.")
    blockers: list[ReplayBlocker] = field(
        description="The first 100 of them, those of the run first, then by `seq`."
    )

    @classmethod
    def from_readiness(cls, run_id: str, found: Readiness) -> Self:
        """Return the GraphQL object of a judgement."""
        return cls(
            ok=found.is_replayable,
            boundaries=found.boundaries,
            fidelities=[
                FidelityCount(fidelity=Fidelity(fidelity.value), count=count)
                for fidelity, count in sorted(found.outputs.items())
            ],
            blocked=found.blocked,
            blockers=[ReplayBlocker.from_blocker(run_id, each) for each in found.blockers],
        )


@strawberry.type(
    description="A run as its steps, to go through forward and back. No code of the agent is run."
)
class RunReplay:
    """See the description, which is public."""

    record: Private[records.Run]
    steps_of_run: Private[StepsOfRun]
    run_id: str = field(description="Whose steps they are: 32 hexadecimal digits.")
    total_steps: int = field(description="How many steps there are by now.")
    complete: bool = field(
        description="Whether the run has ended and no record of it is known to be lost."
    )

    @resolver("Whether it can be executed again from its record.")
    async def replayable(self, info: Info) -> Replayability:
        """See the description, which is public."""
        found = await info.context.steps.judge(self.steps_of_run, is_complete=self.record.complete)
        return Replayability.from_readiness(self.run_id, found)

    @resolver("One step; null when there is none of that number.")
    def step(
        self,
        index: Annotated[int, strawberry.argument(description="Its number, from 0.")],
    ) -> ReplayStep | None:
        """See the description, which is public."""
        return self._make_step(index)

    @resolver("The steps in the order of what happened; at most 200 a page.")
    async def steps(
        self,
        first: int | None = 50,
        after: str | None = None,
        filter: StepFilter | None = None,  # noqa: A002 -- the schema's name
    ) -> ReplayStepConnection:
        """See the description, which is public."""
        count = check_count(first)
        place = _read_cursor(after)
        timeline = self.steps_of_run.timeline
        asked = islice(filter_steps(timeline, filter, place), count + 1)
        # Apart: a filter may look at 500,000 steps, which would hold up everybody else.
        found = [*asked] if filter is None else await asyncio.to_thread(list, asked)
        edges = [
            ReplayStepEdge(cursor=str(index), node=ReplayStep.from_index(self.steps_of_run, index))
            for index in found[:count]
        ]
        info = make_page_info(
            [edge.cursor for edge in edges],
            has_next=len(found) > count,
            has_previous=after is not None,
        )
        return ReplayStepConnection(edges=edges, page_info=info)

    @resolver("The values that the program has recorded, by their names, after a step.")
    async def state(
        self,
        info: Info,
        at: Annotated[
            int, strawberry.argument(description="The step's number; -1: before the first.")
        ],
    ) -> JSON:
        """See the description, which is public."""
        if not -1 <= at < self.total_steps:
            raise InvalidArgumentError(f"at is {at}; it must be from -1 to {self.total_steps - 1}")
        return await load_values(info, self.steps_of_run, self.steps_of_run.seeker.seek(at))

    @resolver(
        "The number of the step at which a span starts, or of the last one that came no later "
        "than some milliseconds after the run's start; null: there is no such span or step."
    )
    def seek(
        self,
        span_id: Annotated[
            str | None,
            strawberry.argument(description="A `spanId`, or a span's id, `<run>:<span>`."),
        ] = None,
        offset_ms: Annotated[
            float | None,
            strawberry.argument(description="Milliseconds since the run's start."),
        ] = None,
    ) -> int | None:
        """See the description, which is public."""
        if (span_id is None) is (offset_ms is None):
            raise InvalidArgumentError("give spanId or offsetMs, and not both")
        timeline = self.steps_of_run.timeline
        if span_id is not None:
            run_id, _, own = span_id.rpartition(":")
            return timeline.starts.get(own) if run_id in {"", self.run_id} else None
        assert offset_ms is not None
        limited_ms = max(-_MAX_MS, min(offset_ms, _MAX_MS))
        found = timeline.find_offset(round(limited_ms * _NS_PER_MS))
        return None if found < 0 else found

    @resolver(
        "The nearest step after `from`, or before it, where a breakpoint holds; null: there is "
        "none. It looks for 5 seconds, and then says where to go on."
    )
    async def find(
        self,
        info: Info,
        from_: Annotated[
            int,
            strawberry.argument(
                name="from",
                description="Begin after this step, backward before it; -1 forward, or "
                "`totalSteps` backward, to look at all.",
            ),
        ],
        direction: StepDirection,
        breakpoints: list[BreakpointInput],
    ) -> ReplayStep | None:
        """See the description, which is public."""
        if not -1 <= from_ <= self.total_steps:
            raise InvalidArgumentError(f"from is {from_}; it must be from -1 to {self.total_steps}")
        read = read_breakpoints(breakpoints)
        hit = await info.context.steps.find(
            self.steps_of_run,
            [await self._settle(info, *each) for each in zip(breakpoints, read, strict=True)],
            start=from_,
            backward=direction is StepDirection.BACKWARD,
        )
        return None if hit is None else self._make_step(hit.index)

    async def _settle(self, info: Info, given: BreakpointInput, read: Breakpoint) -> Breakpoint:
        """Return a breakpoint that a search takes: of one that names a run, its step."""
        if given.diverges is None:
            return read
        other = await info.context.loaders.run_by_id.load(given.diverges)
        if other is None:
            raise InvalidArgumentError(f"diverges: there is no run {given.diverges!r}")
        info.context.loaders.take_comparison()
        kept = await info.context.diffs.compare(self.run_id, other.run_id, DEFAULT)
        try:
            found = locate_divergence(self.steps_of_run.timeline, kept.diff)
        except KeyError as error:
            raise InvalidArgumentError(
                "the run has got new spans while it was compared; ask again"
            ) from error
        return settle(read, () if found is None else (found,))

    def _make_step(self, index: int) -> ReplayStep | None:
        if not 0 <= index < self.total_steps:
            return None
        return ReplayStep.from_index(self.steps_of_run, index)


async def load_replay(info: Info, run: records.Run) -> RunReplay:
    """Return a run as its steps.

    Raises:
        InvalidArgumentError: it, or all such runs of the answer together, have too many.
        GoneError: it was deleted meanwhile.

    """
    info.context.loaders.take_replay()
    found = await info.context.steps.get_steps(run.run_id)
    return RunReplay(
        record=run,
        steps_of_run=found,
        run_id=run.run_id,
        total_steps=len(found.timeline),
        complete=run.end_ns is not None and run.complete is not False,
    )


def _read_cursor(cursor: str | None) -> int:
    if cursor is None:
        return -1
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= _MAX_CURSOR_DIGITS):
        raise InvalidArgumentError("after is not a cursor of a list of steps")
    return int(cursor)
