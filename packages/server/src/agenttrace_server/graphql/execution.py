"""Completing flat lists in one step.

GraphQL's executor spends 3 to 30 microseconds on each field of each object. Where a list is
selected with plain fields only, its objects are completed by a plan instead (`graphql.plans`), with
the same result. A run's tree has tens of thousands of spans: its resolver returns `FlatSpans`, of
which only the columns that are selected are read, and no object is made (`graphql.trees`). With any
other selection the usual way is taken, but not for more than 1,000 spans of a tree: it holds up
every other request meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized
from typing import Any, Final

from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from agenttrace_server import records
from agenttrace_server.errors import InvalidArgumentError
from agenttrace_server.graphql.plans import Plans
from agenttrace_server.graphql.trees import (
    KIND,
    SPAN_FIELDS,
    TYPE_NAMES,
    USAGE,
    USAGE_FIELDS,
    Field,
    Fields,
    complete_tree,
    list_columns,
)
from agenttrace_server.graphql.types.kinds import make_span
from agenttrace_server.graphql.types.run import FlatSpans
from graphql import GraphQLList, GraphQLObjectType

MAX_NESTED_SPANS: Final = 1_000
"""Of a tree with more spans, fields that need a resolver are refused."""

MAX_OBJECTS: Final = 20_000
"""In the lists of an operation: about a second's work, in which nobody else is answered. What an
operation may cost (`costs.MAX_COST`) is half of that, but a list may be longer than it usually is.
"""
FLAT_SHARE: Final = 10
"""So many objects that are completed in one step count as one."""


class FlatListExecutor(StrawberryGraphQLCoreExecutionContext):
    """Strawberry's executor, with a short way for lists whose selection is plain."""

    _plans: Plans | None = None
    _objects: float = 0

    def complete_list_value(self, *args: Any, **kwargs: Any) -> Any:
        """Complete a list, in one step where that is possible."""
        return_type, field_details, _, _, result, *_ = args
        if not isinstance(result, FlatSpans):
            done = self.complete_flat(return_type, field_details, result)
            if done is not None:
                self._count(len(done) / FLAT_SHARE)
                return done
            if isinstance(result, Sized):
                self._count(len(result))
            return super().complete_list_value(*args, **kwargs)
        return self._complete_tree(result, *args, **kwargs)

    async def _complete_tree(self, spans: FlatSpans, *args: Any, **kwargs: Any) -> list[Any]:
        return_type, field_details, info, path, _, *rest = args
        plans = self._make_plans(TYPE_NAMES, field_details)
        if plans is not None:
            return complete_tree(await spans.read(list_columns(plans.values())), plans)
        # A kind may need a resolver of which the run has no span.
        columns = await spans.read(records.Span._fields)
        plans = self._make_plans(set(columns[KIND]), field_details)
        if plans is not None:
            return complete_tree(columns, plans) if plans else []
        count = len(columns[KIND])
        if count > MAX_NESTED_SPANS:
            raise InvalidArgumentError(
                f"the run has {count} spans, over {MAX_NESTED_SPANS}: of so many, "
                "spanTree answers only fields of the spans themselves and of their usage; "
                "ask for the others page by page with spans(first:), or with span(id:)"
            )
        rows = zip(*(columns[name] for name in records.Span._fields), strict=True)
        items = [make_span(records.Span._make(row)) for row in rows]
        done: Any = super().complete_list_value(
            return_type, field_details, info, path, items, *rest, **kwargs
        )
        completed: list[Any] = await done if self.is_awaitable(done) else done
        return completed

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
        self, kinds: Iterable[str], field_details: FieldDetailsList
    ) -> dict[str, Fields] | None:
        """Return what is selected of spans of these kinds; None when some of it is not plain."""
        plans: dict[str, Fields] = {}
        for kind in kinds:
            plan = self._make_plan(TYPE_NAMES[kind], field_details, SPAN_FIELDS)
            if plan is None:
                return None
            plans[kind] = plan
        return plans

    def _make_plan(
        self, type_name: str, details: FieldDetailsList, plain: Mapping[str, object]
    ) -> Fields | None:
        plan: list[Field] = []
        for response_name, selected in self._collect(type_name, details).items():
            name = selected[0].node.name.value
            inner = None
            if name == USAGE and plain is SPAN_FIELDS:
                inner = self._make_plan("Usage", selected, USAGE_FIELDS)
            if inner is None and name not in plain:
                return None
            plan.append((response_name, name, inner))
        return tuple(plan)

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
