"""Taking in what was added to runs elsewhere: the lines among records that no recorder writes.

A key that only records may not send them: it would speak in the name of people.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.wire.additions import ValidAddition, ValidAnnotation, parse_addition
from agenttrace.wire.validation import WireError
from agenttrace_server.identity import Permission, Principal, describe_lack
from agenttrace_server.storage import additions as storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agenttrace_server.storage.engine import Database


MAX_AHEAD_NS: Final = 24 * 3_600 * 10**9
"""How far ahead of this server's clock something may have been said: clocks differ, but no more."""


class RefusedLine(NamedTuple):
    """A line that was not taken, by its number from 1."""

    line: int
    code: str
    message: str


class AdditionService:
    """Adds to runs. `on_commit` is called on the event loop with the runs that changed."""

    def __init__(
        self,
        database: Database,
        *,
        on_commit: Callable[[Iterable[str]], None],
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._database = database
        self._on_commit = on_commit
        self._clock_ns = clock_ns

    async def take_lines(
        self, lines: Sequence[tuple[int, bytes]], principal: Principal
    ) -> list[RefusedLine]:
        """Store the additions of these numbered lines; return why others were not taken.

        Raises:
            OverloadedError: the store could not be written; nothing of them was stored.

        """
        found, refused = await asyncio.to_thread(_parse, lines, self._clock_ns())
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
    lines: Sequence[tuple[int, bytes]], now_ns: int
) -> tuple[list[tuple[int, ValidAddition]], list[RefusedLine]]:
    found: list[tuple[int, ValidAddition]] = []
    refused: list[RefusedLine] = []
    for number, line in lines:
        try:
            addition = parse_addition(line)
            _check_times(addition, now_ns)
        except WireError as error:
            refused.append(RefusedLine(number, error.code, error.message))
        else:
            found.append((number, addition))
    return found, refused


def _check_times(addition: ValidAddition, now_ns: int) -> None:
    """Refuse an annotation that was changed before it was made, or that no change could follow."""
    if not isinstance(addition, ValidAnnotation):
        return
    if addition.updated_ns < addition.created_ns:
        raise WireError("invalid_field", "updated_ns: is before created_ns")
    if addition.updated_ns > now_ns + MAX_AHEAD_NS:
        ahead_s = (addition.updated_ns - now_ns) // 10**9
        raise WireError(
            "invalid_field",
            f"updated_ns: is {ahead_s} seconds ahead of this server's clock; at most a day is "
            "taken: set the clock that wrote it, or this server's",
        )
