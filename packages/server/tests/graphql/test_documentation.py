"""The examples of docs/graphql.md can be run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agenttrace_server.errors import ServerError
from agenttrace_server.graphql import errors
from agenttrace_server.graphql.documents import check_document
from agenttrace_server.graphql.types.ingest import OVERLOADED
from graphql import build_schema, parse, validate

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "graphql.md").read_text()
EXAMPLES = re.findall(r"```graphql\n(.*?)```", PAGE, flags=re.DOTALL)
SCHEMA = build_schema((ROOT / "schema.graphql").read_text())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.split("{")[0].strip())
def test_an_example_is_valid_and_within_the_limits(example: str) -> None:
    """Whoever copies it gets an answer."""
    check_document(example)
    assert validate(SCHEMA, parse(example)) == []


def test_the_page_has_examples() -> None:
    """The pattern that finds them still does."""
    assert len(EXAMPLES) >= 7


def test_every_code_of_an_error_is_listed() -> None:
    """Those that the code names, and those of the errors that it raises."""
    named = {
        value for name, value in vars(errors).items() if name.isupper() and isinstance(value, str)
    }
    raised = {
        str(kind.extensions["code"]) for kind in ServerError.__subclasses__() if kind.extensions
    }
    codes = {*named, *errors.STATUS_CODES.values(), *raised, OVERLOADED}
    assert [code for code in sorted(codes) if f"`{code}`" not in PAGE] == []
