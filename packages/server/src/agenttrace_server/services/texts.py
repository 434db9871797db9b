"""Giving one recorded text away, of any size."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from agenttrace_server.records import PayloadKind
from agenttrace_server.services.runs import parse_run_id, parse_span_key
from agenttrace_server.storage.events import read_body_head
from agenttrace_server.storage.long_texts import read_step
from agenttrace_server.storage.payloads import read_value_head
from agenttrace_server.storage.tables import RUN_OWNER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from agenttrace_server.records import PayloadHead
    from agenttrace_server.storage.engine import Database

VALUE_KINDS: Final = (PayloadKind.INPUT.value, PayloadKind.OUTPUT.value)
_SEQ: Final = re.compile(r"\d{1,10}")


@dataclass(frozen=True, slots=True)
class StoredText:
    """A text that is there. `steps` are its bytes in parts of at most 1 MiB, read on demand.

    They end early, with `GoneError`, when the run is deleted meanwhile.
    """

    size_bytes: int
    steps: AsyncIterator[bytes]


class TextService:
    """Reads texts step by step: a long one is never whole in memory."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def open_value(self, run_id: str, span_id: str | None, kind: str) -> StoredText | None:
        """Return the `input` or `output` of a span, or of the run itself; None: there is none."""
        known = parse_run_id(run_id) if span_id is None else parse_span_key(f"{run_id}:{span_id}")
        if known is None or kind not in VALUE_KINDS:
            return None
        key = (run_id, RUN_OWNER if span_id is None else span_id, kind)
        return self._open(await self._database.read(read_value_head, key))

    async def open_body(self, run_id: str, seq: str) -> StoredText | None:
        """Return the body of the event at a place of a run; None: there is none."""
        if parse_run_id(run_id) is None or not _SEQ.fullmatch(seq):
            return None
        return self._open(await self._database.read(read_body_head, run_id, int(seq)))

    def _open(self, head: PayloadHead | None) -> StoredText | None:
        return None if head is None else StoredText(head.size_bytes, self._read(head))

    async def _read(self, head: PayloadHead) -> AsyncIterator[bytes]:
        at: int | None = 0
        while at is not None:
            step, at = await self._database.read(read_step, head, at)
            yield step
