"""A step of a run: what happens at it, and what the run has come to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Self

import orjson
import strawberry
from strawberry import Private, field
from strawberry.scalars import JSON

from agenttrace import wire
from agenttrace.steps.context import MessageChange, compare_messages, name_context, read_messages
from agenttrace.steps.state import StepState
from agenttrace.steps.texts import TextKey, read_state_value
from agenttrace.steps.timeline import Step
from agenttrace.trace.timeline import MomentKind
from agenttrace.trace.totals import write_usd
from agenttrace_server.errors import InvalidArgumentError
from agenttrace_server.graphql.context import Info
from agenttrace_server.graphql.fields import resolver
from agenttrace_server.graphql.types.enums import ContextChangeKind, StepPhase
from agenttrace_server.graphql.types.event import NS_PER_MS
from agenttrace_server.graphql.types.node import PageInfo
from agenttrace_server.graphql.types.payload import Payload, SpanError
from agenttrace_server.graphql.types.replay_info import ReplayInfo
from agenttrace_server.graphql.types.scalars import Count, Decimal, to_count, to_json
from agenttrace_server.graphql.types.span import Span, load_span
from agenttrace_server.graphql.types.usage import Totals
from agenttrace_server.money import parse_pico
from agenttrace_server.services.runs import MAX_PAGE, check_count
from agenttrace_server.services.steps import StepsOfRun

_NO_VALUES = JSON(orjson.Fragment("{}"))


@strawberry.type(description="An operation of a JSON Patch (RFC 6902), with what was there before.")
class JsonPatchOp:
    """See the description, which is public."""

    op: str = field(description="`add` or `replace`.")
    path: str = field(description="A JSON pointer (RFC 6901): `/` and the name of the value.")
    value: JSON | None = field(description="What is there now.")
    old_value: JSON | None = field(description="What was there; null: nothing.")


@strawberry.type(description="A message of a model call that is not as it was in the call before.")
class ContextChange:
    """See the description, which is public."""

    kind: ContextChangeKind = field(description="What happened to it.")
    role: str = field(description="Who speaks; empty: the message does not say.")
    old_index: int | None = field(
        description="Its place among the messages of the call before, from 0; null: it is new."
    )
    new_index: int | None = field(
        description="Its place among the messages of this call, from 0; null: it is gone."
    )
    old: JSON | None = field(description="The whole message as it was; null: it is new.")
    new: JSON | None = field(description="The whole message as it is; null: it is gone.")

    @classmethod
    def from_change(cls, change: MessageChange) -> Self:
        """Return the GraphQL object of a change."""
        return cls(
            kind=ContextChangeKind(change.kind.value),
            role=change.role,
            old_index=change.old_place,
            new_index=change.new_place,
            old=None if change.old is None else to_json(json.dumps(change.old)),
            new=None if change.new is None else to_json(json.dumps(change.new)),
        )


@strawberry.type(description="A step of a run: one thing that happened, in the order of all.")
class ReplayStep:
    """See the description, which is public."""

    steps: Private[StepsOfRun]
    found: Private[Step]
    index: int = field(description="Its number, from 0.")
    phase: StepPhase = field(description="What happens.")
    lane: Count = field(description="The logical thread of control in which it happens.")
    depth: int = field(description="How many spans its span is within; 0 at the top.")
    at_ms: float | None = field(
        description="Milliseconds from the run's start by the recorder's wall clock, negative "
        "where that was set back; null: unknown."
    )
    elapsed_ms: float = field(
        description="Milliseconds since the run's start, which stand still where the clock was "
        "set back."
    )
    event_name: str | None = field(
        description="What an event is called: `chunk`, `state` or another; null for a start or "
        "an end."
    )
    event_seq: Count | None = field(
        description="The `seq` of the event; null for a start or an end."
    )

    @resolver("The span that starts, ends or has the event; null for an event of the run itself.")
    async def span(self, info: Info) -> Span | None:
        """See the description, which is public."""
        own = self.found.span
        return None if own is None else await load_span(info, (self.steps.run_id, own.span_id))

    @resolver("Where a span starts, what it was given.")
    async def input(self, info: Info) -> Payload | None:
        """See the description, which is public."""
        return await self._load(info, MomentKind.START, "input")

    @resolver("Where a span ends, what it gave.")
    async def output(self, info: Info) -> Payload | None:
        """See the description, which is public."""
        return await self._load(info, MomentKind.END, "output")

    @resolver("Where a span ends, why it failed.")
    async def error(self, info: Info) -> SpanError | None:
        """See the description, which is public."""
        own = self.found.span
        if own is None or not self.found.is_end:
            return None
        key = (self.steps.run_id, own.span_id, "error")
        head = await info.context.loaders.head_by_key.load(key)
        if head is None:
            return None
        return SpanError.from_json(await info.context.loaders.load_text(head))

    @resolver("What a chunk, a state or another event carries.")
    async def chunk(self, info: Info) -> Payload | None:
        """See the description, which is public."""
        event = self.found.event
        if event is None:
            return None
        head = await info.context.loaders.body_by_key.load((self.steps.run_id, event.seq))
        return None if head is None else Payload.from_head(head)

    @resolver(
        "In a run that a replay made, what it says of the step's span; null: nothing. Where the "
        "span still runs, what was known when it started."
    )
    async def replay(self, info: Info) -> ReplayInfo | None:
        """See the description, which is public."""
        own = self.found.span
        if own is None:
            return None
        key = (self.steps.run_id, own.span_id, "attributes")
        head = await info.context.loaders.head_by_key.load(key)
        if head is None:
            return None
        text = await info.context.loaders.load_text(head)
        cost_usd = None if own.cost is None else own.cost.usd
        return ReplayInfo.from_attributes(text, self.steps.replayed_from, cost_usd)

    @resolver(
        "What the run has come to when this step has happened. What a span used counts from its "
        "end on; of one that has none, from its start."
    )
    def cumulative(self) -> Totals:
        """See the description, which is public."""
        return _make_totals(self._state)

    @resolver("How many spans are open when this step has happened.")
    def open_span_count(self) -> int:
        """See the description, which is public."""
        return sum(len(spans) for spans in self._state.open_spans.values())

    @resolver(
        "The spans that are open when this step has happened: the last to start, those of one "
        "lane together, the outermost first."
    )
    async def open_spans(
        self,
        info: Info,
        last: Annotated[
            int, strawberry.argument(description="Of each lane at most so many: 0 to 200.")
        ] = 20,
    ) -> list[Span]:
        """See the description, which is public."""
        count = check_count(last, name="last")
        lanes = sorted(self._state.open_spans.items())
        wanted = [span for _, spans in lanes for span in spans[max(0, len(spans) - count) :]]
        if len(wanted) > MAX_PAGE:
            raise InvalidArgumentError(
                f"{len(wanted)} spans are open in {len(lanes)} lanes; ask for fewer with `last`"
            )
        run_id = self.steps.run_id
        loaders = info.context.loaders
        found = await loaders.span_by_key.load_many([(run_id, each.span_id) for each in wanted])
        return [_make_span(record) for record in found if record is not None]

    @resolver(
        "The values that the program has recorded with `tracer.state`, by their names, when this "
        "step has happened."
    )
    async def state(self, info: Info) -> JSON:
        """See the description, which is public."""
        return await load_values(info, self.steps, self._state)

    @resolver("What this step does to those values: at most one operation.")
    async def state_delta(self, info: Info) -> list[JsonPatchOp]:
        """See the description, which is public."""
        timeline, event = self.steps.timeline, self.found.event
        key = timeline.read_key(self.index)
        if key is None or event is None:
            return []
        before = self.steps.seeker.seek(self.index - 1).values.get(key)
        seqs = [event.seq] if before is None else [event.seq, before.seq]
        values = [*(await _load_values(info, self.steps.run_id, seqs)), None]
        path = "/" + key.replace("~", "~0").replace("/", "~1")
        op = "add" if before is None else "replace"
        return [JsonPatchOp(op=op, path=path, value=values[0], old_value=values[1])]

    @resolver(
        "Where a model call starts, the messages that are not as they were in the call before: "
        "the last one of the same lane, or directly under the same parent, whichever is later."
    )
    async def context_diff(self, info: Info) -> list[ContextChange]:
        """See the description, which is public."""
        span = self.found.span
        if span is None or not self.found.is_start or span.span_type is not wire.SpanType.LLM_CALL:
            return []
        keys = name_context(self.steps.timeline, span.span_id)
        old, new = await _load_texts(info, self.steps.run_id, [keys.old, keys.new])
        changes = compare_messages(read_messages(old), read_messages(new))
        return [ContextChange.from_change(change) for change in changes]

    @classmethod
    def from_index(cls, steps: StepsOfRun, index: int) -> Self:
        """Return the GraphQL object of a step that there is."""
        step = steps.timeline.step(index)
        return cls(
            steps=steps,
            found=step,
            index=index,
            phase=StepPhase(step.phase.value),
            lane=Count(step.lane),
            depth=step.depth,
            at_ms=None if step.offset_ns is None else step.offset_ns / NS_PER_MS,
            elapsed_ms=step.elapsed_ns / NS_PER_MS,
            event_name=None if step.event is None else step.event.name,
            event_seq=None if step.event is None else Count(step.event.seq),
        )

    @cached_property
    def _state(self) -> StepState:
        return self.steps.seeker.seek(self.index)

    async def _load(self, info: Info, phase: MomentKind, kind: str) -> Payload | None:
        own = self.found.span
        if own is None or self.found.phase is not phase:
            return None
        key = (self.steps.run_id, own.span_id, kind)
        head = await info.context.loaders.head_by_key.load(key)
        return None if head is None else Payload.from_head(head)


@strawberry.type(description="A step in a page.")
class ReplayStepEdge:
    """See the description, which is public."""

    cursor: str = field(description="Its place in the list, for `after`.")
    node: ReplayStep = field(description="The step.")


@strawberry.type(description="A page of steps, in the order of what happened.")
class ReplayStepConnection:
    """See the description, which is public."""

    edges: list[ReplayStepEdge] = field(description="The steps of this page.")
    page_info: PageInfo = field(description="Where this page is.")


async def load_values(info: Info, steps: StepsOfRun, state: StepState) -> JSON:
    """Return the values that were recorded up to a state, as one object.

    Raises:
        InvalidArgumentError: they have more of texts than an answer may have.

    """
    if not state.values:
        return _NO_VALUES
    seqs = [event.seq for event in state.values.values()]
    bodies = await _load_texts(info, steps.run_id, [TextKey("body", seq=seq) for seq in seqs])
    parts = [
        f"{json.dumps(key)}:{(read_state_value(body) if body is not None else None) or 'null'}"
        for key, body in zip(state.values, bodies, strict=True)
    ]
    return to_json("{" + ",".join(parts) + "}")


async def _load_values(info: Info, run_id: str, seqs: list[int]) -> list[JSON | None]:
    bodies = await _load_texts(info, run_id, [TextKey("body", seq=seq) for seq in seqs])
    values = [None if body is None else read_state_value(body) for body in bodies]
    return [None if value is None else to_json(value) for value in values]


async def _load_texts(info: Info, run_id: str, keys: Sequence[TextKey | None]) -> list[str | None]:
    """Return texts, none for no key; of many steps all are read at once."""
    return await asyncio.gather(*(_load_text(info, run_id, key) for key in keys))


async def _load_text(info: Info, run_id: str, key: TextKey | None) -> str | None:
    loaders = info.context.loaders
    if key is None:
        return None
    if key.kind == "body":
        head = await loaders.body_by_key.load((run_id, key.seq))
    else:
        head = await loaders.head_by_key.load((run_id, key.span_id, key.kind))
    return None if head is None else await loaders.load_text(head)


def _make_span(record: object) -> Span:
    from agenttrace_server.graphql.types.kinds import make_span  # noqa: PLC0415 -- a circle of types

    return make_span(record)  # type: ignore[arg-type]  # a record, as the loader has it


def _make_totals(state: StepState) -> Totals:
    totals, calls = state.totals, state.calls_by_type

    async def load_billed(_info: Info) -> int | None:
        return None if totals.billed_usd is None else parse_pico(write_usd(totals.billed_usd))

    return Totals(
        load_billed=load_billed,
        spans=totals.spans,
        llm_calls=totals.llm_calls,
        tool_calls=totals.tool_calls,
        decisions=calls[wire.SpanType.DECISION],
        retrievals=calls[wire.SpanType.RETRIEVAL],
        agents=calls[wire.SpanType.AGENT],
        errors=totals.errors,
        prompt_tokens=to_count(totals.prompt_tokens),
        completion_tokens=to_count(totals.completion_tokens),
        cached_tokens=to_count(totals.cached_tokens),
        total_tokens=to_count(totals.total_tokens),
        tokens_estimated=totals.tokens_estimated,
        cost_usd=None if totals.cost_usd is None else Decimal(write_usd(totals.cost_usd)),
    )
