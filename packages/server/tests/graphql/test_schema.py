"""The schema as a file."""

from __future__ import annotations

from pathlib import Path

from agenttrace_server.graphql.schema import print_sdl
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    build_schema,
)

SCHEMA_FILE = Path(__file__).parents[4] / "schema.graphql"


def test_the_committed_schema_is_the_code_s() -> None:
    """`schema.graphql` is what `agenttrace-server schema` prints: run `make schema`."""
    assert SCHEMA_FILE.read_text(encoding="utf-8") == print_sdl()


def test_everything_is_described() -> None:
    """Every type, field, argument's type and enumeration value says what it means."""
    silent = []
    for name, kind in build_schema(print_sdl()).type_map.items():
        if name.startswith("__") or name in ("ID", "Int", "Float", "String", "Boolean"):
            continue
        if not kind.description:
            silent.append(name)
        parts: dict[str, object] = {}
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            parts = dict(kind.fields)
        elif isinstance(kind, GraphQLEnumType):
            parts = dict(kind.values)
        silent += [
            f"{name}.{part}"
            for part, value in parts.items()
            if not getattr(value, "description", None)
        ]
    assert silent == []
