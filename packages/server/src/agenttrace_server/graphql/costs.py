"""What an operation would cost to execute, known before it is.

The cost is the number of objects that it may make: an object is 1, and a field that takes `first`
or `last` costs that many times what is asked for below it; `DEFAULT_PAGE` times where neither is
given. Leaves are free. A field of a new type needs nothing here, unless it is a list of objects
that takes neither: name it in `LIST_SIZES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from agenttrace_server.graphql.documents import LimitError
from agenttrace_server.graphql.limits import INTROSPECTION, order_fragments
from agenttrace_server.graphql.trees import TYPE_NAMES
from agenttrace_server.services.runs import DEFAULT_PAGE
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_leaf_type,
)

MAX_COST: Final = 10_000
_SPAN_TYPES: Final = ("Span", *TYPE_NAMES.values())
LIST_SIZES: Final[Mapping[str, int]] = {
    "AccountResult.errors": 1,
    "ApiKeyResult.errors": 1,
    "DeleteResult.errors": 1,
    "MemberResult.errors": 1,
    "ProjectResult.errors": 1,
    "Query.accounts": 200,
    "Account.liveKeys": 5,
    "Query.apiKeys": DEFAULT_PAGE,
    "Query.members": DEFAULT_PAGE,
    "Query.projects": DEFAULT_PAGE,
    "Query.sessions": DEFAULT_PAGE,
    "AnnotationResult.errors": 1,
    "SessionResult.errors": 1,
    "TagResult.errors": 1,
    "DiffAggregates.byModel": 5,
    "DiffAggregates.byName": 20,
    "DiffAggregates.byType": 5,
    "DiffCause.evidence": 5,
    "DiffRow.changes": 10,
    "RunDiff.runChanges": 10,
    "GroupComparison.attributes": 20,
    "GroupComparison.metrics": 16,
    "GroupComparison.parts": DEFAULT_PAGE,
    "GroupComparison.structure": DEFAULT_PAGE,
    "GroupComparison.transitions": 20,
    "GroupComparison.warnings": 5,
    "IngestResult.errors": 100,
    "LlmCall.messages": DEFAULT_PAGE,
    "ReplayStep.contextDiff": 20,
    "ReplayStep.stateDelta": 1,
    "Replayability.blockers": 20,
    "Replayability.fidelities": 5,
    "Query.plugins": DEFAULT_PAGE,
    "Query.usage": 200,
    "Retrieval.documents": DEFAULT_PAGE,
    "Run.annotations": 20,
    "Run.dropped": 1,
    "Run.forks": 20,
    "Run.links": 20,
    "Run.spanTree": DEFAULT_PAGE,
    "Run.usageByModel": 5,
    **{f"{kind}.annotations": 20 for kind in _SPAN_TYPES},
    **{f"{kind}.links": 20 for kind in _SPAN_TYPES},
    "RunDiff.origins": 5,
    "RunDiff.warnings": 2,
    "RunChangeBatch.changes": DEFAULT_PAGE,
    "RunEventBatch.events": DEFAULT_PAGE,
    "Workflow.usageByModel": 5,
}
"""What lists without pages count as: what they usually have, not the most that they may have.

A test holds it to the schema. For lists that are longer see `execution.MAX_OBJECTS`.
"""

_PAGES: Final = ("first", "last")
_HUGE: Final = 10**10
_DIGITS: Final = 10


def check_cost(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
) -> None:
    """Do nothing if the operation may be executed.

    Raises:
        LimitError: it may make too many objects.

    """
    cost = measure_cost(schema, document, operation, variables)
    if cost > MAX_COST:
        found = str(cost) if cost < _HUGE else f"over {_HUGE}"
        raise LimitError(
            f"the operation costs {found}; the limit is {MAX_COST}. A list costs `first` (or "
            f"`last`; {DEFAULT_PAGE} if neither is given) times the objects below it"
        )


def measure_cost(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
) -> int:
    """Return what an operation costs. What validation will refuse costs nothing."""
    defaults = {
        definition.variable.name.value: definition.default_value
        for definition in operation.variable_definitions or ()
    }
    meter = _Meter(schema, variables, defaults)
    for fragment in order_fragments(document):
        condition = schema.get_type(fragment.type_condition.name.value)
        meter.costs[fragment.name.value] = meter.measure(fragment.selection_set, condition)
    return meter.measure(operation.selection_set, schema.get_root_type(operation.operation))


@dataclass(slots=True)
class _Meter:
    """Measures selection sets; fragments must come behind those that they spread."""

    schema: GraphQLSchema
    variables: Mapping[str, Any]
    defaults: Mapping[str, ValueNode | None]
    costs: dict[str, int] = field(default_factory=dict)

    def measure(self, selection_set: SelectionSetNode, parent: GraphQLNamedType | None) -> int:
        """Return what a selection set costs for one object of its type."""
        cost = 0
        for part in selection_set.selections:
            if isinstance(part, FragmentSpreadNode):
                cost += self.costs.get(part.name.value, 0)
            elif isinstance(part, InlineFragmentNode):
                condition = part.type_condition
                kind = self.schema.get_type(condition.name.value) if condition else parent
                cost += self.measure(part.selection_set, kind)
            elif isinstance(part, FieldNode) and part.selection_set is not None:
                cost += self._measure_field(part, part.selection_set, parent)
        return cost

    def _measure_field(
        self, node: FieldNode, selection_set: SelectionSetNode, parent: GraphQLNamedType | None
    ) -> int:
        name = node.name.value
        # Introspection has limits of its own, and a size that the schema bounds.
        if name in INTROSPECTION or not isinstance(
            parent, GraphQLObjectType | GraphQLInterfaceType
        ):
            return 0
        definition = parent.fields.get(name)
        if definition is None or is_leaf_type(get_named_type(definition.type)):
            return 0
        below = self.measure(selection_set, get_named_type(definition.type))
        if any(argument in definition.args for argument in _PAGES):
            return 1 + self._read_page(node, definition) * below
        return LIST_SIZES.get(f"{parent.name}.{name}", 1) * (1 + below)

    def _read_page(self, node: FieldNode, definition: GraphQLField) -> int:
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        sizes = []
        for name, argument in definition.args.items():
            if name in _PAGES:
                size = self._read_count(given[name]) if name in given else _read_default(argument)
                sizes.append(size)
        return max((size for size in sizes if size is not None), default=DEFAULT_PAGE)

    def _read_count(self, value: ValueNode | None) -> int | None:
        if isinstance(value, VariableNode):
            name = value.name.value
            if name not in self.variables:
                return self._read_count(self.defaults.get(name))
            given = self.variables[name]
            # `Int` takes a whole number that is written as a float, too.
            is_whole = isinstance(given, int) or (isinstance(given, float) and given.is_integer())
            return max(0, int(given)) if is_whole else None
        if isinstance(value, IntValueNode):
            # Python refuses to read thousands of digits, and GraphQL's Int will not have them.
            is_short = len(value.value) <= _DIGITS
            return max(0, int(value.value)) if is_short else _HUGE
        return None


def _read_default(argument: GraphQLArgument) -> int | None:
    return argument.default_value if isinstance(argument.default_value, int) else None
