"""Taking in what was added to runs elsewhere: the lines among records that no recorder writes.

A key that only records may not send them: it would speak in the name of people.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from agenttrace.wire.additions import ValidAddition, parse_addition
from agenttrace.wire.validation import WireError
from agenttrace_server.identity import Permission, Principal, describe_lack
from agenttrace_server.storage import additions as storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agenttrace_server.storage.engine import Database


class RefusedLine(NamedTuple):
    """A line that was not taken, by its number from 1."""

    line: int
    code: str
    message: str


class AdditionService:
    """Adds to runs. `on_commit` is called on the event loop with the runs that changed."""

    def __init__(self, database: Database, *, on_commit: Callable[[Iterable[str]], None]) -> None:
        self._database = database
        self._on_commit = on_commit

    async def take_lines(
        self, lines: Sequence[tuple[int, bytes]], principal: Principal
    ) -> list[RefusedLine]:
        """Store the additions of these numbered lines; return why others were not taken.

        Raises:
            OverloadedError: the store could not be written; nothing of them was stored.

        """
        found, refused = await asyncio.to_thread(_parse, lines)
        if not principal.may(Permission.WRITE):
            reason = describe_lack(principal, Permission.WRITE)
            return refused + [RefusedLine(number, "forbidden", reason) for number, _ in found]
        if found:
            given = [addition for _, addition in found]
            added = await self._database.write(storage.take_in, given, principal.project_id)
            refused += [
                RefusedLine(found[place][0], code, reason) for place, code, reason in added.refusals
            ]
            if added.run_ids:
                self._on_commit(added.run_ids)
        return refused


def _parse(
    lines: Sequence[tuple[int, bytes]],
) -> tuple[list[tuple[int, ValidAddition]], list[RefusedLine]]:
    found: list[tuple[int, ValidAddition]] = []
    refused: list[RefusedLine] = []
    for number, line in lines:
        try:
            found.append((number, parse_addition(line)))
        except WireError as error:
            refused.append(RefusedLine(number, error.code, error.message))
    return found, refused
