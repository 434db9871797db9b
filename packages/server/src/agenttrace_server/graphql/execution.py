"""Completing flat lists in one step.

GraphQL's executor spends 3 to 30 microseconds on each field of each object. Where a list is
selected with plain fields only, its objects are completed by a plan instead (`graphql.plans`), with
the same result. A run's tree has tens of thousands of spans: its resolver returns `FlatSpans`, the
bare records, of which no object is made at all. With any other selection the usual way is taken,
but not for more than 1,000 spans of a tree: it holds up every other request meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Sized
from operator import attrgetter
from typing import Any, Final, TypeAlias

from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from agenttrace_server import records
from agenttrace_server.errors import InvalidArgumentError
from agenttrace_server.graphql.plans import Plans
from agenttrace_server.graphql.types.enums import (
    CostSource,
    FigureSource,
    SpanEffect,
    SpanOutcome,
)
from agenttrace_server.graphql.types.event import NS_PER_MS
from agenttrace_server.graphql.types.kinds import SPAN_KINDS, make_span
from agenttrace_server.graphql.types.run import FlatSpans
from agenttrace_server.graphql.types.scalars import write_time
from graphql import GraphQLList, GraphQLObjectType

MAX_NESTED_SPANS: Final = 1_000
"""Of a tree with more spans, fields that need a resolver are refused."""

MAX_OBJECTS: Final = 20_000
"""In the lists of an operation: about a second's work, in which nobody else is answered. What an
operation may cost (`costs.MAX_COST`) is half of that, but a list may be longer than it usually is.
"""
FLAT_SHARE: Final = 10
"""So many objects that are completed in one step count as one."""

Reader: TypeAlias = Callable[[Any], Any]
Plan: TypeAlias = list[tuple[str, Reader]]


def _read_enum(kind: type[Any], attribute: str) -> Reader:
    names = {member.value: member.name for member in kind} | {None: None}
    read = attrgetter(attribute)
    return lambda record: names[read(record)]


def _read_duration(record: records.Span) -> float | None:
    return None if record.duration_ns is None else record.duration_ns / NS_PER_MS


_USAGE: Final[Mapping[str, Reader]] = {
    "promptTokens": attrgetter("prompt_tokens"),
    "completionTokens": attrgetter("completion_tokens"),
    "totalTokens": records.Usage.count_total,
    "cachedTokens": attrgetter("cached_tokens"),
    "cacheWriteTokens": attrgetter("cache_write_tokens"),
    "reasoningTokens": attrgetter("reasoning_tokens"),
    "source": _read_enum(FigureSource, "source"),
}
_SPAN: Final[Mapping[str, Reader]] = {
    "id": lambda record: f"{record.run_id}:{record.span_id}",
    "spanId": attrgetter("span_id"),
    "parentSpanId": attrgetter("parent_span_id"),
    "name": attrgetter("name"),
    "type": attrgetter("span_type"),
    "status": attrgetter("status"),
    "startTime": lambda record: write_time(record.start_ns),
    "endTime": lambda record: None if record.end_ns is None else write_time(record.end_ns),
    "offsetMs": lambda record: (record.start_ns - record.run_start_ns) / NS_PER_MS,
    "durationMs": _read_duration,
    "depth": attrgetter("depth"),
    "seq": attrgetter("seq"),
    "endSeq": attrgetter("end_seq"),
    "lane": attrgetter("lane"),
    "effect": _read_enum(SpanEffect, "effect"),
    "outcome": _read_enum(SpanOutcome, "outcome"),
    "model": attrgetter("model"),
    "costUsd": attrgetter("cost_usd"),
    "costSource": _read_enum(CostSource, "cost_source"),
    "replayKey": attrgetter("replay_key"),
    "inputHash": attrgetter("input_hash"),
    "costTable": attrgetter("cost_table"),
    "boundary": attrgetter("boundary"),
}
_TYPE_NAMES: Final = {kind: cls.__name__ for kind, cls in SPAN_KINDS.items()}


class FlatListExecutor(StrawberryGraphQLCoreExecutionContext):
    """Strawberry's executor, with a short way for lists whose selection is plain."""

    _plans: Plans | None = None
    _objects: float = 0

    def complete_list_value(self, *args: Any, **kwargs: Any) -> Any:
        """Complete a list, in one step where that is possible."""
        return_type, field_details, info, path, result, *rest = args
        if not isinstance(result, FlatSpans):
            done = self.complete_flat(return_type, field_details, result)
            if done is not None:
                self._count(len(done) / FLAT_SHARE)
                return done
            if isinstance(result, Sized):
                self._count(len(result))
            return super().complete_list_value(*args, **kwargs)
        plans = self._make_plans(result.records, field_details)
        if plans is not None:
            return [
                {name: read(record) for name, read in plans[record.span_type]}
                for record in result.records
            ]
        if len(result.records) > MAX_NESTED_SPANS:
            raise InvalidArgumentError(
                f"the run has {len(result.records)} spans, over {MAX_NESTED_SPANS}: of so many, "
                "spanTree answers only fields of the spans themselves and of their usage; "
                "ask for the others page by page with spans(first:), or with span(id:)"
            )
        items = [make_span(record) for record in result.records]
        return super().complete_list_value(
            return_type, field_details, info, path, items, *rest, **kwargs
        )

    def _count(self, objects: float) -> None:
        """Take note of objects before they are completed.

        Raises:
            InvalidArgumentError: the operation has more than it may have.

        """
        self._objects += objects
        if self._objects > MAX_OBJECTS:
            raise InvalidArgumentError(
                f"the answer would have over {MAX_OBJECTS} objects in lists; ask for less at once: "
                "fewer lists within lists, smaller pages"
            )

    def complete_flat(
        self, kind: GraphQLList[Any], selection: FieldDetailsList, values: Any
    ) -> list[Any] | None:
        """Return the completed list; None when it is not plain, or not what the schema says."""
        if self._plans is None:
            self._plans = Plans(self)
        plan = self._plans.find(kind, selection)
        if plan is None:
            return None
        try:
            done: list[Any] = plan(values)
        except Exception:  # noqa: BLE001 -- the usual way runs into it again, and says where
            return None
        return done

    def _make_plans(
        self, spans: Sequence[records.Span], field_details: FieldDetailsList
    ) -> dict[str, Plan] | None:
        plans: dict[str, Plan] = {}
        for kind in {span.span_type for span in spans}:
            fields = self._collect(_TYPE_NAMES[kind], field_details)
            plan = self._make_plan(_TYPE_NAMES[kind], fields, _SPAN)
            if plan is None:
                return None
            plans[kind] = plan
        return plans

    def _make_plan(
        self, type_name: str, fields: GroupedFieldSet, readers: Mapping[str, Reader]
    ) -> Plan | None:
        plan: Plan = []
        for response_name, details in fields.items():
            reader = self._find_reader(type_name, details, readers)
            if reader is None:
                return None
            plan.append((response_name, reader))
        return plan

    def _find_reader(
        self, type_name: str, details: FieldDetailsList, readers: Mapping[str, Reader]
    ) -> Reader | None:
        name = details[0].node.name.value
        if name == "__typename":
            return lambda _: type_name
        if name == "usage" and readers is _SPAN:
            plan = self._make_plan("Usage", self._collect("Usage", details), _USAGE)
            return None if plan is None else _read_usage(plan)
        return readers.get(name)

    def _collect(self, type_name: str, details: FieldDetailsList) -> GroupedFieldSet:
        object_type = self.schema.get_type(type_name)
        assert isinstance(object_type, GraphQLObjectType)
        return self.collect_subfields(object_type, details).grouped_field_set


class StrictExecutor(FlatListExecutor):
    """Suggests no names for a misspelt one."""

    @classmethod
    def build(cls, *args: Any, **kwargs: Any) -> Any:
        """Return the executor of an operation, or what is wrong with its variables."""
        return super().build(*args, **{**kwargs, "hide_suggestions": True})


def _read_usage(plan: Plan) -> Reader:
    def read(record: records.Span) -> dict[str, Any] | None:
        usage = record.usage
        return None if usage is None else {name: reader(usage) for name, reader in plan}

    return read
