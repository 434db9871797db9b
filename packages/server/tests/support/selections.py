"""Generated queries of lists: nested selections with aliases, fragments, directives, variables."""

from __future__ import annotations

from functools import cache
from typing import Final

from hypothesis import strategies as st

from agenttrace_server.graphql.schema import print_sdl
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from .lines import make_run_id

VARIABLES: Final = {"yes": True, "no": False, "id": make_run_id(0)}
_HEAD: Final = "query Q($yes: Boolean!, $no: Boolean!, $id: ID!)"
_ROOTS: Final = (
    ("runs(first: 9)", "RunConnection"),
    ("run(id: $id)", "Run"),
    ("usage(interval: DAY, groupBy: [MODEL])", "UsageBucket"),
    ('search(text: "text")', "SpanConnection"),
    ('workflow(correlationId: "w")', "Workflow"),
    ("plugins", "Plugin"),
)
# Their arguments are required, or what they hold is the whole store again.
_LEFT_OUT: Final = {"run", "parent", "children", "replayedFrom", "forks", "runs"}
_MAX_DEPTH: Final = 4
_DIRECTIVES: Final = ("", "", "", " @include(if: $yes)", " @skip(if: $no)", " @include(if: $no)")


@st.composite
def make_queries(draw: st.DrawFn) -> str:
    """Draw a query of one list or a few; its variables are `VARIABLES`."""
    roots = draw(st.lists(st.sampled_from(_ROOTS), min_size=1, max_size=2))
    parts = [
        f"r{place}: {field} {{ {_draw_selection(draw, kind, 0)} }}"
        for place, (field, kind) in enumerate(roots)
    ]
    # Every variable is used: a document is refused else.
    uses = "used: __typename @include(if: $yes) @skip(if: $no) again: run(id: $id) { id }"
    return f"{_HEAD} {{ {' '.join(parts)} {uses} }}"


def _draw_selection(draw: st.DrawFn, type_name: str, depth: int) -> str:
    kind = _schema().get_type(type_name)
    assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
    names = [name for name, field in kind.fields.items() if _can_be_drawn(name, field, depth)]
    # At the last depth a type may have nothing but objects.
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, max_size=4)) if names else []
    parts = ["__typename"] if not names or draw(st.booleans()) else []
    for place, name in enumerate(chosen):
        parts.append(_draw_field(draw, f"{name}_{place}_{depth}", name, kind.fields[name], depth))
    if isinstance(kind, GraphQLInterfaceType) and depth < _MAX_DEPTH and draw(st.booleans()):
        possible = [each.name for each in _schema().get_possible_types(kind)]
        own = draw(st.sampled_from(possible))
        parts.append(f"... on {own} {{ {_draw_selection(draw, own, _MAX_DEPTH)} }}")
    return " ".join(parts)


def _draw_field(draw: st.DrawFn, alias: str, name: str, field: GraphQLField, depth: int) -> str:
    kind = get_named_type(field.type)
    # Without an alias a field that is drawn twice is merged. A document may have 30 of them.
    label = f"{alias}: " if draw(st.integers(0, 4)) == 0 else ""
    directive = draw(st.sampled_from(_DIRECTIVES))
    if is_leaf_type(kind):
        return f"{label}{name}{directive}"
    return f"{label}{name}{directive} {{ {_draw_selection(draw, kind.name, depth + 1)} }}"


def _can_be_drawn(name: str, field: GraphQLField, depth: int) -> bool:
    if name in _LEFT_OUT or any(is_required_argument(each) for each in field.args.values()):
        return False
    return is_leaf_type(get_named_type(field.type)) or depth < _MAX_DEPTH


@cache
def _schema() -> GraphQLSchema:
    return build_schema(print_sdl())
