"""The schema as a file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agenttrace_server.graphql.arguments import list_arguments
from agenttrace_server.graphql.changes import check_schema, list_changes
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
    """Every type, field, argument and enumeration value says what it means."""
    schema = build_schema(print_sdl())
    silent = [place for place, _, argument in list_arguments(schema) if not argument.description]
    for name, kind in schema.type_map.items():
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


RELEASED = Path(__file__).parents[1] / "schema" / "released.graphql"


def test_clients_of_the_last_release_still_work() -> None:
    """What breaks them is refused, unless `accepted-changes.txt` has it with its reason."""
    assert check_schema(RELEASED, print_sdl()) == []


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        ("type Query { a: Int b: Int }", "type Query { a: Int }", 1),
        ("type Query { a: Int b: A! } enum A { B }", "type Query { a: Int b: A } enum A { B }", 1),
        ("type Query { a: Int! }", "type Query { a: Int }", 1),
        ("type Query { a(b: Int): Int }", "type Query { a: Int }", 1),
        ("type Query { a: Int }", "type Query { a(b: Int!): Int }", 1),
        ("type Query { a(b: Int = 1): Int }", "type Query { a(b: Int = 2): Int }", 1),
        ("type Query { a: A } enum A { B C }", "type Query { a: A } enum A { B }", 1),
        ("type Query { a: Int }", "type Query { a: Int b: Int }", 0),
        ("type Query { a: Int }", "type Query { a(b: Int): Int! }", 0),
        ("type Query { a: A } enum A { B }", "type Query { a: A } enum A { B C }", 0),
    ],
)
def test_what_breaks_a_client_is_told_from_additions(before: str, after: str, changes: int) -> None:
    """Each change that takes something away has a line; an addition has none."""
    assert len(list_changes(before, after)) == changes


def test_the_command_lists_changes_and_accepts_reasons(tmp_path: Path) -> None:
    """Exit code 1 with a line for each; 0 once each has its reason; 2 without one."""
    before = tmp_path / "before.graphql"
    before.write_text(print_sdl() + "\nextend type ServerInfo { motto: String }\n")
    command = [sys.executable, "-c", "from agenttrace_server.cli import main; main()"]
    command += ["schema", "--check", str(before)]

    def run() -> tuple[int, str]:
        done = subprocess.run(command, capture_output=True, text=True)
        return done.returncode, done.stdout

    code, text = run()
    assert code == 1
    assert "ServerInfo.motto" in text
    accepted = tmp_path / "accepted-changes.txt"
    accepted.write_text(f"# why\n{text.strip()} -- nobody knew one\n")
    assert run() == (0, "")
    accepted.write_text(text)
    assert run() == (2, "")


@pytest.mark.parametrize("name", ["Span", "LlmCall", "SpanEvent"])
def test_a_time_before_the_runs_start_is_described(name: str) -> None:
    """The recorder's clock may have been set back meanwhile: such an offset is negative."""
    kind = build_schema(print_sdl()).type_map[name]
    assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
    assert "negative: it says that it" in (kind.fields["offsetMs"].description or "")
