"""The actions of the audit log are listed where people look for them, and no others are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import agenttrace_server
from agenttrace_server.deeds import Action
from agenttrace_server.graphql.schema import print_sdl

SOURCE = Path(agenttrace_server.__file__).parent
PAGE = Path(__file__).parents[4] / "docs" / "accounts.md"
ROW = re.compile(r"^\| ((?:`[a-z_]+`(?:, )?)+) \|", re.MULTILINE)
NAME = re.compile(r"`([a-z_]+)`")


def test_c18_the_page_of_accounts_lists_the_actions_there_are() -> None:
    """Each in one row of the table, and nothing that is never remembered."""
    _, _, after = PAGE.read_text(encoding="utf-8").partition("| action | what it is |\n")
    table, _, _ = after.partition("\n\n")
    listed = [name for row in ROW.findall(table) for name in NAME.findall(row)]
    assert sorted(listed) == sorted(Action)


def test_c18_the_schema_lists_the_actions_there_are() -> None:
    """In the description of the field that has them."""
    _, _, after = print_sdl().partition("type AuditEntry ")
    description = after.partition("  action: String!")[0].rpartition("What was done: ")[2]
    commands = {"auditLog"}
    assert set(NAME.findall(description)) - commands == set(Action)


@pytest.mark.parametrize("action", Action)
def test_c18_every_action_is_remembered_somewhere(action: Action) -> None:
    """A name that nothing uses would be a promise that nothing keeps."""
    uses = [path for path in SOURCE.rglob("*.py") if f"Action.{action.name}" in path.read_text()]
    assert uses
