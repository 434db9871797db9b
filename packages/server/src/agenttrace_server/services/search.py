"""Full-text search, and the task that keeps its index behind the commits."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar

from agenttrace_server.errors import InvalidArgumentError, OverloadedError, TooSlowError
from agenttrace_server.records import Page
from agenttrace_server.services.pace import Pace
from agenttrace_server.services.runs import SpanKey, check_count
from agenttrace_server.storage import search
from agenttrace_server.storage.search import Found
from agenttrace_server.storage.words import TextQuery, make_snippet, parse_query

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from agenttrace_server.services.runs import RunFilter
    from agenttrace_server.storage.engine import Database

__all__ = [
    "Found",
    "Indexer",
    "SearchService",
    "TextQuery",
    "make_snippet",
]

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")

MAX_QUERY_CHARS: Final = 512
GATHER_S: Final = 0.2
"""After a commit the indexer waits so long: under load, it has fewer and larger batches."""
RETRY_S: Final = 1.0
"""When the store could not be read or written."""
STANDBY_S: Final = 1.0
"""So long a server leaves the index to another that is at it."""

_log = logging.getLogger(__name__)


class SearchService:
    """Finds spans by what was said in them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(
        self, query: TextQuery, run_filter: RunFilter, *, first: int | None, after: str | None
    ) -> Page[Found]:
        """Return a page of the spans that have what is asked for, the last to arrive first.

        Raises:
            InvalidArgumentError: `first` or `after` is none.

        """
        count, before = check_count(first), _parse_cursor(after)
        if query.is_empty:
            return Page((), has_next=False, has_previous=False)
        return await self._database.read(
            search.search_spans, query, run_filter, first=count, before=before
        )

    async def get_texts(self, keys: Sequence[SpanKey]) -> dict[SpanKey, tuple[str, ...]]:
        """Return what search knows of spans: the beginnings of their texts."""
        return await self._database.read(search.read_all_texts, keys)

    async def count_waiting(self) -> int:
        """Return how many changes of the log the index does not know yet."""
        return await self._database.read(search.read_lag)


def read_query(text: str) -> TextQuery:
    """Return what a text asks for.

    Raises:
        InvalidArgumentError: it is longer than 512 characters.

    """
    if len(text) > MAX_QUERY_CHARS:
        raise InvalidArgumentError(
            f"text has {len(text)} characters; at most {MAX_QUERY_CHARS} are searched for"
        )
    return parse_query(text)


class Indexer:
    """A task that follows the change log and keeps the index. It may stop at any time.

    Each server indexes what it has committed itself, and at its start what nobody has yet; of
    several that want to, one works and the others stand by. How much at once, `Pace` says.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._clock = clock
        self._sleep = sleep
        self._pace = Pace()
        self._position: int | None = None
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to index what is there, then what comes."""
        self._task = asyncio.create_task(self._run(), name="agenttrace-indexer")

    def notice(self) -> None:
        """Take note that something was committed."""
        self._wake.set()

    async def close(self) -> None:
        """Stop. What is not indexed yet is found again at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        failed = False
        while True:
            self._wake.clear()
            try:
                while await self._index_batch():
                    pass
            except (OverloadedError, TooSlowError) as error:
                _log.warning("search: %s; trying again", error)
                await self._sleep(RETRY_S)
                continue
            except Exception:  # noqa: BLE001 -- whatever it was, the index must not stand still
                if not failed:
                    _log.exception("search: the next changes cannot be indexed; trying again")
                failed = True
                await self._sleep(RETRY_S)
                continue
            failed = False
            await self._wake.wait()
            await self._sleep(GATHER_S)

    async def _index_batch(self) -> bool:
        """Index the next changes, and rest; tell whether there were more."""
        limit = self._pace.choose_limit(self._clock())
        work, read_s = await self._measure(self._database.read, search.read_work, limit=limit)
        self._pace.note_log(work.log_end, self._clock())
        if work.end == work.start:
            self._position = None
            return False
        if self._position not in (None, work.start):
            self._position = work.start
            await self._sleep(STANDBY_S)
            return True
        applied, write_s = await self._measure(self._database.write, search.apply_work, work)
        # Else another server was quicker, but may have read less of the log.
        self._position = work.end if applied else work.start
        rest_s = self._pace.note_batch(
            work.end - work.start,
            read_s + write_s,
            waiting=work.log_end - work.end,
            now_s=self._clock(),
        )
        if rest_s:
            await self._sleep(rest_s)
        if work.has_more or not applied:
            return True
        self._position = None
        return False

    async def _measure(
        self,
        ask: Callable[[Callable[[C], R]], Awaitable[R]],
        call: Callable[Concatenate[C, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> tuple[R, float]:
        """Return what the store answers, and the seconds it worked: waiting for it is none."""
        took_s = 0.0

        def run(connection: C) -> R:
            nonlocal took_s
            begin_s = self._clock()
            result = call(connection, *args, **kwargs)
            took_s = self._clock() - begin_s
            return result

        return await ask(run), took_s


def make_found_cursor(found: Found) -> str:
    """Return the cursor of a span that was found."""
    return str(found.doc_id)


def _parse_cursor(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not re.fullmatch(r"\d{1,18}", cursor):
        raise InvalidArgumentError("after is not a cursor of a search")
    return int(cursor)
