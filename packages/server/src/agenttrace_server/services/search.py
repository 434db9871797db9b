"""Full-text search, and the task that keeps its index behind the commits."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING, Final

from agenttrace_server.errors import InvalidArgumentError, OverloadedError, TooSlowError
from agenttrace_server.records import Page
from agenttrace_server.services.runs import check_count
from agenttrace_server.storage import search
from agenttrace_server.storage.search import Found, list_texts
from agenttrace_server.storage.sources import TEXT_BYTES
from agenttrace_server.storage.words import TextQuery, make_snippet, parse_query

if TYPE_CHECKING:
    from agenttrace_server.services.runs import RunFilter
    from agenttrace_server.storage.engine import Database

__all__ = [
    "TEXT_BYTES",
    "Found",
    "Indexer",
    "SearchService",
    "TextQuery",
    "list_texts",
    "make_snippet",
]

MAX_QUERY_CHARS: Final = 512
GATHER_S: Final = 0.2
"""After a commit the indexer waits so long: under load, it has fewer and larger batches."""
RETRY_S: Final = 1.0
"""When the store could not be read or written."""

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

    Each server indexes what it has committed itself, and at its start what nobody has yet.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
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
                await asyncio.sleep(RETRY_S)
                continue
            except Exception:  # noqa: BLE001 -- whatever it was, the index must not stand still
                if not failed:
                    _log.exception("search: the next changes cannot be indexed; trying again")
                failed = True
                await asyncio.sleep(RETRY_S)
                continue
            failed = False
            await self._wake.wait()
            await asyncio.sleep(GATHER_S)

    async def _index_batch(self) -> bool:
        """Index the next changes; tell whether there are more."""
        work = await self._database.read(search.read_work)
        if work.end == work.start:
            return False
        applied = await self._database.write(search.apply_work, work)
        # Another server was quicker, but may have read less of the log.
        return work.has_more or not applied


def make_found_cursor(found: Found) -> str:
    """Return the cursor of a span that was found."""
    return str(found.doc_id)


def _parse_cursor(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not re.fullmatch(r"\d{1,18}", cursor):
        raise InvalidArgumentError("after is not a cursor of a search")
    return int(cursor)
