"""Reading what is stored, as use cases. Unknown ids give nothing; a wrong argument is an error."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

from agenttrace_server.errors import InvalidArgumentError
from agenttrace_server.storage import events, long_texts, payloads, positions, runs, spans
from agenttrace_server.storage.criteria import (
    AttributeCondition,
    NumberRange,
    RunFilter,
    ScoreCondition,
    SpanCondition,
    SpanFilter,
)
from agenttrace_server.storage.orders import RunSort, SortKey, read_sort_key
from agenttrace_server.storage.runs import RunSlice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agenttrace_server.records import Event, ModelUsage, Page, PayloadHead, Run, Span
    from agenttrace_server.storage.engine import Database

__all__ = [
    "MAX_PAGE",
    "AttributeCondition",
    "NumberRange",
    "RunFilter",
    "RunService",
    "RunSlice",
    "RunSort",
    "ScoreCondition",
    "SortKey",
    "SpanCondition",
    "SpanFilter",
    "SpanKey",
    "check_count",
    "read_sort_key",
]

SpanKey: TypeAlias = tuple[str, str]

MAX_PAGE: Final = 200
DEFAULT_PAGE: Final = 50
_RUN_ID: Final = re.compile(r"[0-9a-f]{32}")
_SPAN_ID: Final = re.compile(r"([0-9a-f]{32}):([0-9a-f]{16})")


class RunService:
    """Runs, spans, texts and events, from the store's last commit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get_runs(self, run_ids: Sequence[str]) -> dict[str, Run]:
        """Return the runs that exist, by id."""
        return await self._database.read(runs.read_runs, run_ids)

    async def list_runs(self, run_filter: RunFilter, part: RunSlice) -> tuple[Page[Run], str]:
        """Return a page of the runs that match, and a cursor: what is later is not in it."""
        page, end = await self._database.read(runs.read_page, run_filter, part)
        return page, self.make_cursor(end)

    async def count_runs(self, run_filter: RunFilter) -> int:
        """Return how many runs match."""
        return await self._database.read(runs.count_runs, run_filter)

    async def list_forks(
        self, project_id: str, run_ids: Sequence[str]
    ) -> dict[str, tuple[Run, ...]]:
        """Return a project's runs that re-execute each run, oldest first; at most 200 of each."""
        return await self._database.read(runs.list_forks, project_id, run_ids, limit=MAX_PAGE)

    def make_cursor(self, position: int) -> str:
        """Return the cursor of a position of this store."""
        return str(positions.Cursor(self._database.database_id, position))

    async def list_model_usage(self, run_ids: Sequence[str]) -> dict[str, tuple[ModelUsage, ...]]:
        """Return the sums by model of each run."""
        return await self._database.read(runs.list_model_usage, run_ids)

    async def get_tree(self, run_id: str, names: Sequence[str]) -> spans.SpanColumns:
        """Return these fields of all spans of a run, each a column, in pre-order."""
        return await self._database.read(spans.read_tree_columns, run_id, names)

    async def get_spans(self, keys: Sequence[SpanKey]) -> dict[SpanKey, Span]:
        """Return the spans that exist, by key."""
        return await self._database.read(spans.read_spans, keys)

    async def list_spans(
        self, run_id: str, span_filter: SpanFilter, *, first: int | None, after: str | None
    ) -> Page[Span]:
        """Return a page of a run's spans that match, by `seq`."""
        position = parse_span_cursor(after)
        return await self._database.read(
            spans.list_spans,
            run_id,
            first=check_count(first),
            after=position,
            span_filter=span_filter,
        )

    async def list_children(
        self, parents: Sequence[SpanKey], *, first: int, after: str | None
    ) -> dict[SpanKey, Page[Span]]:
        """Return a page of the children of each span, by `seq`."""
        position = parse_span_cursor(after)
        return await self._database.read(
            spans.list_children, parents, first=check_count(first), after=position
        )

    async def list_events(
        self, owners: Sequence[SpanKey], *, first: int, after: str | None
    ) -> dict[SpanKey, Page[Event]]:
        """Return a page of the events of each span, or run (an empty span id), by `seq`."""
        position = parse_event_cursor(after)
        return await self._database.read(
            events.list_events, owners, first=check_count(first), after_seq=position
        )

    async def get_heads(
        self, keys: Sequence[payloads.PayloadKey]
    ) -> dict[payloads.PayloadKey, PayloadHead]:
        """Return what is known of the texts that exist, by run id, span id and kind."""
        return await self._database.read(payloads.read_heads, keys)

    async def get_body_heads(
        self, keys: Sequence[tuple[str, int]]
    ) -> dict[tuple[str, int], PayloadHead]:
        """Return what is known of the bodies of events that have one, by run id and `seq`."""
        return await self._database.read(events.read_body_heads, keys)

    async def get_texts(self, heads: Sequence[PayloadHead]) -> list[str]:
        """Return the texts, whole.

        Raises:
            GoneError: a run was deleted meanwhile.

        """
        return await self._database.read(long_texts.read_long_texts, heads)

    async def get_beginnings(self, heads: Sequence[PayloadHead], *, max_bytes: int) -> list[str]:
        """Return the beginning of each text, at most so many bytes, cut between characters.

        Raises:
            GoneError: a run was deleted meanwhile.

        """
        read = long_texts.read_beginnings
        return await self._database.read(read, heads, max_bytes=max_bytes)


def check_count(count: int | None, *, name: str = "first") -> int:
    """Return the count if a page may have so many items; 50 when none is given.

    Raises:
        InvalidArgumentError: it may not.

    """
    if count is None:
        return DEFAULT_PAGE
    if not 0 <= count <= MAX_PAGE:
        raise InvalidArgumentError(f"{name} is {count}; it must be from 0 to {MAX_PAGE}")
    return count


def parse_run_id(text: str) -> str | None:
    """Return a run's id; None for a text that no run has as its id."""
    return text if _RUN_ID.fullmatch(text) else None


def parse_span_key(text: str) -> SpanKey | None:
    """Return the key in a span's id, `<run>:<span>`; None for a text that no span has."""
    found = _SPAN_ID.fullmatch(text)
    return (found[1], found[2]) if found else None


def make_span_cursor(span: Span) -> str:
    """Return the cursor of a span in a list by `seq`."""
    return f"{span.seq}.{span.span_id}"


def parse_span_cursor(cursor: str | None) -> spans.SpanPosition:
    """Return the position that a cursor of a list of spans names.

    Raises:
        InvalidArgumentError: no such list gave it.

    """
    if cursor is None:
        return spans.BEFORE_ALL
    found = re.fullmatch(r"(\d{1,10})\.([0-9a-f]{16})", cursor)
    if found is None:
        raise InvalidArgumentError("after is not a cursor of a list of spans")
    return int(found[1]), found[2]


def parse_event_cursor(cursor: str | None) -> int:
    """Return the `seq` that a cursor of a list of events names; -1 for none.

    Raises:
        InvalidArgumentError: no such list gave it.

    """
    if cursor is None:
        return -1
    if not re.fullmatch(r"\d{1,10}", cursor):
        raise InvalidArgumentError("after is not a cursor of a list of events")
    return int(cursor)
