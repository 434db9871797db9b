"""Plans: what of an object an answer holds, as one function, where nothing has to be awaited.

A selection is plain when each of its fields is an attribute of the object, and what the field holds
is a leaf, or an object or a list with a plain selection. A plan gives what the executor would. It
is put together once for a selection; where the value is not what the schema says, it gives up, and
the executor finds out what is wrong and where.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from graphql import (
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
    is_leaf_type,
)

if TYPE_CHECKING:
    from graphql.execution.collect_fields import FieldDetailsList
    from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

Complete: TypeAlias = Callable[[Any], Any]
"""From a value of the program to what the answer holds."""

# What these scalars let through as it is. `Int` has a range, `Float` no infinity: see below.
_PASSED: Final = {GraphQLString.name: str, GraphQLID.name: str, "Boolean": bool}
_INT32: Final = range(-(2**31), 2**31)


class NotPlainError(Exception):
    """A plan cannot say what the answer is: the executor must."""


class Plans:
    """The plans of one execution."""

    def __init__(self, executor: StrawberryGraphQLCoreExecutionContext) -> None:
        self._executor = executor
        # Beside each plan the selection itself: it is known by its identity, which must not
        # become that of another.
        self._known: dict[tuple[str, int], tuple[FieldDetailsList, Complete | None]] = {}

    def find(self, kind: GraphQLOutputType, selection: FieldDetailsList) -> Complete | None:
        """Return how values of this type are completed; None when that takes the executor."""
        key = (str(kind), id(selection))
        if key not in self._known:
            self._known[key] = (selection, self._make(kind, selection))
        return self._known[key][1]

    def _make(self, kind: GraphQLOutputType, selection: FieldDetailsList) -> Complete | None:
        if isinstance(kind, GraphQLNonNull):
            inner = self._make(kind.of_type, selection)
            return None if inner is None else _refuse_none(inner)
        if is_leaf_type(kind):
            return _complete_leaf(kind)
        if isinstance(kind, GraphQLList):
            inner = self._make(kind.of_type, selection)
            return None if inner is None else _complete_list(inner)
        if isinstance(kind, GraphQLObjectType):
            return self._make_object(kind, selection)
        if isinstance(kind, GraphQLInterfaceType):
            return self._make_interface(kind, selection)
        return None

    def _make_object(self, kind: GraphQLObjectType, selection: FieldDetailsList) -> Complete | None:
        definition = (kind.extensions or {}).get("strawberry-definition")
        origin = getattr(definition, "origin", None)
        fields = self._make_fields(kind, selection)
        if origin is None or fields is None:
            return None

        def complete(value: Any) -> dict[str, Any] | None:
            if type(value) is not origin:
                if value is None:
                    return None
                raise NotPlainError
            return {name: finish(read(value)) for name, read, finish in fields}

        return complete

    def _make_fields(
        self, kind: GraphQLObjectType, selection: FieldDetailsList
    ) -> list[tuple[str, Complete, Complete]] | None:
        collected = self._executor.collect_subfields(kind, selection)
        if collected.new_defer_usages or collected.forbidden_directive_instances:
            return None
        fields: list[tuple[str, Complete, Complete]] = []
        for response_name, details in collected.grouped_field_set.items():
            name = details[0].node.name.value
            if name == "__typename":
                fields.append((response_name, _read_nothing, _give(kind.name)))
                continue
            field = kind.fields.get(name)
            definition = field and (field.extensions or {}).get("strawberry-definition")
            if field is None or definition is None or not definition.is_basic_field:
                return None
            finish = self.find(field.type, details)
            if finish is None:
                return None
            fields.append((response_name, attrgetter(definition.python_name), finish))
        return fields

    def _make_interface(
        self, kind: GraphQLInterfaceType, selection: FieldDetailsList
    ) -> Complete | None:
        """Return a plan of plans: one for each kind of object, all of them plain."""
        plans: dict[type, Complete] = {}
        for possible in self._executor.schema.get_possible_types(kind):
            plan = self._make_object(possible, selection)
            if plan is None:
                return None
            plans[possible.extensions["strawberry-definition"].origin] = plan

        def complete(value: Any) -> Any:
            plan = plans.get(type(value))
            if plan is None:
                if value is None:
                    return None
                raise NotPlainError
            return plan(value)

        return complete


def _read_nothing(_value: Any) -> None:
    return None


def _give(text: str) -> Complete:
    return lambda _value: text


def _refuse_none(inner: Complete) -> Complete:
    def complete(value: Any) -> Any:
        done = inner(value)
        if done is None:
            raise NotPlainError
        return done

    return complete


def _complete_list(inner: Complete) -> Complete:
    def complete(value: Any) -> list[Any] | None:
        if type(value) is not list:
            if value is None:
                return None
            raise NotPlainError
        return [inner(item) for item in value]

    return complete


def _complete_leaf(kind: GraphQLLeafType) -> Complete:
    if isinstance(kind, GraphQLEnumType):
        return _complete_enum(kind)
    passed = _PASSED.get(kind.name)
    is_int, is_float = kind is GraphQLInt, kind is GraphQLFloat

    def complete(value: Any) -> Any:
        if value is None or type(value) is passed:
            return value
        if is_int and type(value) is int and value in _INT32:
            return value
        if is_float and type(value) is float and value - value == 0:  # no infinity, no NaN
            return value
        return kind.serialize(value)

    return complete


def _complete_enum(kind: GraphQLEnumType) -> Complete:
    names: dict[Any, Any] = {None: None}

    def complete(value: Any) -> Any:
        try:
            return names[value]
        except KeyError:
            names[value] = kind.serialize(value)
            return names[value]

    return complete
