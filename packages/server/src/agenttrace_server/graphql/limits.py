"""What a parsed document may be before it is validated: bounded in every way that costs time.

Each fragment is measured once, however often it is spread, and nothing here recurses from one
fragment into another: the time is linear in the document. Spreads of unknown fragments and those
that close a circle count for nothing here; validation refuses them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Final, NamedTuple

from agenttrace_server.graphql.documents import LimitError, describe_limit
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

MAX_DEPTH: Final = 12
MAX_ALIASES: Final = 30
MAX_FRAGMENTS: Final = 50
MAX_DIRECTIVES: Final = 50
MAX_OPERATIONS: Final = 20
MAX_ROOT_FIELDS: Final = 20
MAX_FIELDS: Final = 200
"""In one selection set, those of its fragments included."""

# Introspection is measured by itself: the queries of tools are 15 levels deep, and what they ask
# for is bounded by the schema. But an alias would ask for it once more, and lists of types within
# lists of types for its square.
INTROSPECTION: Final = frozenset({"__schema", "__type"})
MAX_INTROSPECTION_DEPTH: Final = 20
MAX_INTROSPECTIONS: Final = 2
MAX_TYPE_LISTS: Final = 2
_TYPE_LISTS: Final = frozenset({"types", "fields", "interfaces", "possibleTypes", "inputFields"})


class Shape(NamedTuple):
    """What a selection set is, its fragments included; a fragment counts each time."""

    fields: int = 0
    depth: int = 0
    aliases: int = 0
    type_lists: int = 0
    """How many lists of types are within one another."""
    introspections: int = 0
    introspection: tuple[int, int, int] = (0, 0, 0)
    """The largest depth, aliases and type lists of the introspection within it."""


@dataclass(slots=True)
class Figures:
    """What a document has."""

    operations: int = 0
    fragments: int = 0
    aliases: int = 0
    """As written."""
    directives: int = 0
    root_fields: int = 0
    """Of the operation that has most."""
    fields: int = 0
    """Of the selection set that has most."""
    depth: int = 0
    introspections: int = 0
    introspection_depth: int = 0
    introspection_aliases: int = 0
    type_lists: int = 0
    visited: int = 0
    """How many selections were looked at to find this out."""


def check_figures(figures: Figures) -> None:
    """Do nothing if a document is within the limits.

    Raises:
        LimitError: it is not; the text names the first limit and what was found.

    """
    for found, limit, what in (
        (figures.fragments, MAX_FRAGMENTS, "fragments"),
        (figures.operations, MAX_OPERATIONS, "operations"),
        (figures.directives, MAX_DIRECTIVES, "directives"),
        (figures.aliases, MAX_ALIASES, "aliases"),
        (figures.depth, MAX_DEPTH, "levels of fields"),
        (figures.root_fields, MAX_ROOT_FIELDS, "root fields"),
        (figures.fields, MAX_FIELDS, "fields in one selection set"),
        (figures.introspections, MAX_INTROSPECTIONS, "root fields of introspection"),
        (figures.introspection_depth, MAX_INTROSPECTION_DEPTH, "levels of introspection"),
        (figures.introspection_aliases, 0, "aliases within introspection"),
        (figures.type_lists, MAX_TYPE_LISTS, "lists of types within one another"),
    ):
        if found > limit:
            raise LimitError(describe_limit(f"{_write_count(found)} {what}", limit))


def measure_document(document: DocumentNode) -> Figures:
    """Return what a document has.

    A document with too many fragments is not looked into: its other figures are 0.
    """
    figures = Figures()
    operations = [n for n in document.definitions if isinstance(n, OperationDefinitionNode)]
    figures.operations = len(operations)
    fragments = [n for n in document.definitions if isinstance(n, FragmentDefinitionNode)]
    figures.fragments = len(fragments)
    if figures.fragments > MAX_FRAGMENTS:
        return figures
    surveyor = _Surveyor(figures)
    for fragment in order_fragments(document):
        surveyor.count_directives(fragment)
        surveyor.shapes[fragment.name.value] = surveyor.measure(fragment.selection_set)
    for operation in operations:
        surveyor.count_directives(operation, *(operation.variable_definitions or ()))
        surveyor.note_operation(surveyor.measure(operation.selection_set))
    return figures


def order_fragments(document: DocumentNode) -> list[FragmentDefinitionNode]:
    """Return the fragments, each behind those that it spreads, as far as there is no circle."""
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    spreads = {
        name: {spread for spread in _list_spreads(node.selection_set) if spread in fragments}
        for name, node in fragments.items()
    }
    try:
        order: Iterable[str] = tuple(TopologicalSorter(spreads).static_order())
    except CycleError:
        order = fragments
    return [fragments[name] for name in order]


def flatten(
    selections: Iterable[SelectionNode], on_inline: Callable[[InlineFragmentNode], None]
) -> Iterator[FieldNode | FragmentSpreadNode]:
    """Yield the fields and spreads of a selection set, those of inline fragments too."""
    for selection in selections:
        if isinstance(selection, FieldNode | FragmentSpreadNode):
            yield selection
        elif isinstance(selection, InlineFragmentNode):
            on_inline(selection)
            yield from flatten(selection.selection_set.selections, on_inline)


def _list_spreads(selection_set: SelectionSetNode) -> Iterator[str]:
    waiting = [selection_set]
    while waiting:
        for selection in waiting.pop().selections:
            if isinstance(selection, FragmentSpreadNode):
                yield selection.name.value
            elif isinstance(selection, FieldNode | InlineFragmentNode) and selection.selection_set:
                waiting.append(selection.selection_set)


@dataclass(slots=True)
class _Surveyor:
    """Measures selection sets; fragments must come behind those that they spread."""

    figures: Figures
    shapes: dict[str, Shape] = field(default_factory=dict)

    def measure(self, selection_set: SelectionSetNode) -> Shape:
        """Return the shape of a selection set. Recurses within one definition only."""
        total = Shape()
        for part in flatten(selection_set.selections, self._visit):
            self._visit(part)
            if isinstance(part, FragmentSpreadNode):
                shape = self.shapes.get(part.name.value, Shape())
            else:
                shape = self._measure_field(part)
            total = _join(total, shape)
        self.figures.fields = max(self.figures.fields, total.fields)
        return total

    def _measure_field(self, node: FieldNode) -> Shape:
        self.figures.aliases += node.alias is not None
        below = self.measure(node.selection_set) if node.selection_set else Shape()
        name = node.name.value
        shape = below._replace(
            fields=1,
            depth=below.depth + 1,
            aliases=below.aliases + (node.alias is not None),
            type_lists=below.type_lists + (name in _TYPE_LISTS),
        )
        if name not in INTROSPECTION:
            return shape
        found = (shape.depth, below.aliases, below.type_lists)
        return Shape(fields=1, depth=1, introspections=1, introspection=found)

    def _visit(self, node: Node) -> None:
        self.figures.visited += 1
        self.count_directives(node)

    def count_directives(self, *nodes: Node) -> None:
        """Count the directives on nodes."""
        self.figures.directives += sum(
            len(getattr(node, "directives", None) or ()) for node in nodes
        )

    def note_operation(self, shape: Shape) -> None:
        """Take what an operation is into the figures."""
        figures = self.figures
        figures.root_fields = max(figures.root_fields, shape.fields)
        figures.depth = max(figures.depth, shape.depth)
        figures.introspections = max(figures.introspections, shape.introspections)
        depth, aliases, type_lists = shape.introspection
        figures.introspection_depth = max(figures.introspection_depth, depth)
        figures.introspection_aliases = max(figures.introspection_aliases, aliases)
        figures.type_lists = max(figures.type_lists, type_lists)


def _join(one: Shape, other: Shape) -> Shape:
    first, second = one.introspection, other.introspection
    return Shape(
        fields=one.fields + other.fields,
        depth=max(one.depth, other.depth),
        aliases=one.aliases + other.aliases,
        type_lists=max(one.type_lists, other.type_lists),
        introspections=one.introspections + other.introspections,
        introspection=(
            max(first[0], second[0]),
            max(first[1], second[1]),
            max(first[2], second[2]),
        ),
    )


def _write_count(count: int) -> str:
    # Fragments within fragments double it: the number may have hundreds of digits.
    return str(count) if count < 10**9 else "over 1000000000"
