"""Taking in records: NDJSON in, committed rows and one result a line out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agenttrace.wire.judgement import UNKNOWN_TYPE
from agenttrace.wire.validation import WireError, parse_line
from agenttrace_server.errors import TooLargeError
from agenttrace_server.storage.sole_spans import prepare_records

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace.wire.models import ValidRecord
    from agenttrace_server.identity import Principal
    from agenttrace_server.services.additions import AdditionService
    from agenttrace_server.storage.sole_spans import Incoming
    from agenttrace_server.storage.writer import Writer

MAX_RECORDS: Final = 10_000
MAX_LISTED_ERRORS: Final = 100
MAX_MESSAGE_CHARS: Final = 500

# Below this a body is parsed at once: handing it to a thread would cost as much (~0.1 ms).
_PARSE_INLINE_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class LineError:
    """Why a line was not taken. Lines count from 1, empty ones too."""

    line: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What became of a body's lines. `accepted` lines are on disk, now or since before."""

    accepted: int
    rejected: int
    errors: tuple[LineError, ...]
    """The first of them, at most 100."""


class IngestService:
    """Checks lines and hands the good ones to the writer. `on_end` is told what became of them."""

    def __init__(
        self,
        writer: Writer,
        additions: AdditionService,
        *,
        on_end: Callable[[IngestResult], None] = lambda _result: None,
    ) -> None:
        self._writer = writer
        self._additions = additions
        self._on_end = on_end

    async def ingest(self, body: bytes, principal: Principal) -> IngestResult:
        """Store the records of an NDJSON body in the project of who sends it.

        Returns once they are on disk. A bad line is reported and the others are stored.

        Raises:
            TooLargeError: the body has more than 10,000 records.
            OverloadedError: the store could not be written; the same may be sent again.

        """
        if len(body) <= _PARSE_INLINE_BYTES:
            records, errors = prepare_body(body)
        else:
            records, errors = await asyncio.to_thread(prepare_body, body)
        refusals = await self._writer.append(records, principal.project_id) if records else ()
        if refusals:
            numbers = _list_numbers(body, errors)
            errors += [
                LineError(numbers[refusal.index], refusal.code, _shorten(refusal.reason))
                for refusal in refusals
            ]
            errors.sort(key=lambda error: error.line)
        accepted = len(records) - len(refusals)
        if any(error.code == UNKNOWN_TYPE for error in errors):
            errors, count = await self._take_additions(body, errors, principal)
            accepted += count
        result = IngestResult(accepted, len(errors), tuple(errors[:MAX_LISTED_ERRORS]))
        self._on_end(result)
        return result

    async def _take_additions(
        self, body: bytes, errors: list[LineError], principal: Principal
    ) -> tuple[list[LineError], int]:
        """Take the lines that are no records as additions, once the records are there."""
        sought = {error.line for error in errors if error.code == UNKNOWN_TYPE}
        lines = [(n, text) for n, text in enumerate(body.split(b"\n"), start=1) if n in sought]
        refused = await self._additions.take_lines(lines, principal)
        left = [error for error in errors if error.line not in sought]
        left += [LineError(line, code, _shorten(message)) for line, code, message in refused]
        return sorted(left, key=lambda error: error.line), len(lines) - len(refused)


def prepare_body(body: bytes) -> tuple[list[Incoming], list[LineError]]:
    """Return the records of a body, as far made into rows as they can be, and what is wrong.

    Raises:
        TooLargeError: the body has more than 10,000 records.

    """
    records, errors = parse_body(body)
    return prepare_records(records), errors


def parse_body(body: bytes) -> tuple[list[ValidRecord], list[LineError]]:
    """Return the records of a body and what is wrong with its other lines.

    Raises:
        TooLargeError: the body has more than 10,000 records.

    """
    lines = [(n, line) for n, line in enumerate(body.split(b"\n"), start=1) if line.strip()]
    if len(lines) > MAX_RECORDS:
        raise TooLargeError(
            f"the body has {len(lines)} records; at most {MAX_RECORDS}: send several requests"
        )
    records: list[ValidRecord] = []
    errors: list[LineError] = []
    for number, line in lines:
        try:
            record = parse_line(line)
        except WireError as error:
            errors.append(LineError(number, error.code, _shorten(error.message)))
        else:
            records.append(record)
    return records, errors


def _list_numbers(body: bytes, errors: list[LineError]) -> list[int]:
    """Return the line of each record, in their order."""
    bad = {error.line for error in errors}
    lines = enumerate(body.split(b"\n"), start=1)
    return [number for number, line in lines if line.strip() and number not in bad]


def _shorten(message: str) -> str:
    if len(message) <= MAX_MESSAGE_CHARS:
        return message
    return f"{message[:MAX_MESSAGE_CHARS]}…"
