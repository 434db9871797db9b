"""What a client of an earlier schema would trip over in this one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from agenttrace_server.errors import StartError
from graphql import (
    DangerousChangeType,
    GraphQLError,
    build_schema,
    find_breaking_changes,
    find_dangerous_changes,
)

ACCEPTED_FILE: Final = "accepted-changes.txt"
"""Beside the earlier schema: the changes that are meant, each with its reason."""

_SEPARATOR: Final = " -- "
# The other dangerous changes are additions: a new value of an enumeration, a new optional argument.
_DEFAULTS: Final = frozenset({DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE})


def list_changes(before: str, after: str) -> list[str]:
    """Return a line for each change from one schema to another that may break a client."""
    old, new = build_schema(before), build_schema(after)
    changes = [change.description for change in find_breaking_changes(old, new)]
    dangerous = find_dangerous_changes(old, new)
    changes += [change.description for change in dangerous if change.type in _DEFAULTS]
    return sorted(changes)


def check_schema(path: Path, after: str) -> list[str]:
    """Return the changes since the schema in a file, but for the accepted ones.

    Raises:
        StartError: a file cannot be read, or an accepted change has no reason.

    """
    try:
        changes = list_changes(path.read_text(encoding="utf-8"), after)
    except (OSError, UnicodeDecodeError, GraphQLError, TypeError) as error:
        raise StartError(f"{path} is no GraphQL schema: {error}") from error
    accepted = _read_accepted(path.with_name(ACCEPTED_FILE))
    return [change for change in changes if change not in accepted]


def _read_accepted(path: Path) -> set[str]:
    accepted: set[str] = set()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return accepted
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        change, separator, reason = line.partition(_SEPARATOR)
        if not separator or not reason.strip():
            raise StartError(f"{path}, line {number}: expected the change,{_SEPARATOR}and a reason")
        accepted.add(change.strip())
    return accepted
