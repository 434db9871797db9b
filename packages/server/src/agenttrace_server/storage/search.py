"""Full-text search: what the indexer reads and writes, and what a query finds.

The index is made behind the commits, from the change log: `search_progress` has the position that
it has come to, and is moved in the transaction that writes the documents. So a crash loses
nothing and doubles nothing, and ingest waits for no index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import literal_column, select, text, update

from agenttrace_server.records import Page, PayloadKind
from agenttrace_server.storage.conditions import list_fixed_conditions, list_state_conditions
from agenttrace_server.storage.documents import (
    DOCUMENT,
    PROGRESS,
    WORDS,
    Document,
    is_sqlite,
    write_documents,
    write_match,
    write_words,
)
from agenttrace_server.storage.keys import forbid_scans, select_by_ids
from agenttrace_server.storage.orders import hide_indexes
from agenttrace_server.storage.positions import read_end
from agenttrace_server.storage.sources import TEXT_BYTES, read_logged, read_sources
from agenttrace_server.storage.spans import read_spans
from agenttrace_server.storage.tables import RUN
from agenttrace_server.storage.words import (
    list_json_words,
    list_words,
    read_error_texts,
    read_json_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import ColumnElement, Connection, FromClause, Row, Select

    from agenttrace_server.records import Span
    from agenttrace_server.storage.criteria import RunFilter
    from agenttrace_server.storage.sources import Source, SpanKey
    from agenttrace_server.storage.words import TextQuery

MAX_CHANGES: Final = 1_000
"""Of the log that one batch reads."""
NEWEST: Final = 256
"""Documents that PostgreSQL looks at one by one before it asks the index of words."""
MAX_NEWEST: Final = 4_096
"""When more would have to be looked at, the index of words is asked."""


@dataclass(frozen=True, slots=True)
class IndexWork:
    """What a batch of changes puts into the index."""

    start: int
    """The position that the index had come to."""
    end: int
    """The position that it comes to."""
    log_end: int
    """Where the log ended when this was read."""
    documents: tuple[Document, ...]

    @property
    def has_more(self) -> bool:
        """Tell whether the log goes on."""
        return self.end < self.log_end


@dataclass(frozen=True, slots=True)
class Found:
    """A span that was found, and its place in the list."""

    doc_id: int
    span: Span


def read_work(connection: Connection, *, limit: int = MAX_CHANGES) -> IndexWork:
    """Return what at most `limit` changes of the log put into the index: their spans as they are.

    Words are listed here, so that the transaction which writes them is short.
    """
    start, log_end = _read_progress(connection), read_end(connection)
    if start == log_end:
        return IndexWork(start, start, log_end, ())
    logged, last = read_logged(connection, start, limit)
    end = log_end if last is None else last
    keys = [*logged]
    sources, taken = read_sources(connection, keys)
    if taken < len(keys):
        end = logged[keys[taken]].position - 1
    sqlite = is_sqlite(connection)
    documents = tuple(
        Document(*key, *logged[key], write_words(list_source_words(source), sqlite=sqlite))
        for key, source in sources.items()
    )
    return IndexWork(start, end, log_end, documents)


def apply_work(connection: Connection, work: IndexWork) -> bool:
    """Write the documents and move on; False when somebody else has done so meanwhile."""
    if _read_progress(connection) != work.start:
        return False
    run_ids = sorted({document.run_id for document in work.documents})
    # A run may have been deleted since its texts were read.
    query = select_by_ids(RUN, run_ids, "run_id").with_only_columns(RUN.c.run_id)
    there = set(connection.execute(query).scalars())
    write_documents(connection, [each for each in work.documents if each.run_id in there])
    connection.execute(update(PROGRESS).values(position=work.end))
    return True


def read_lag(connection: Connection) -> int:
    """Return how many changes of the log the index does not know yet."""
    return max(0, read_end(connection) - _read_progress(connection))


def search_spans(
    connection: Connection,
    query: TextQuery,
    run_filter: RunFilter,
    *,
    first: int,
    before: int | None,
) -> Page[Found]:
    """Return the spans that have what is asked for, the last to arrive first."""
    forbid_scans(connection)
    rows = _find_rows(connection, query, run_filter, first + 1, before)
    spans = read_spans(connection, [(row.run_id, row.span_id) for row in rows[:first]])
    found = [
        Found(row.doc_id, spans[row.run_id, row.span_id])
        for row in rows[:first]
        if (row.run_id, row.span_id) in spans
    ]
    return Page(tuple(found), len(rows) > first, before is not None)


def _find_rows(
    connection: Connection,
    query: TextQuery,
    run_filter: RunFilter,
    limit: int,
    before: int | None,
) -> Sequence[Row[Any]]:
    """Return the documents that match, the last to arrive first.

    FTS5 goes through the documents of a word from the last on, and stops when it may. GIN knows
    no order: so PostgreSQL looks at the last documents one by one, as long as that promises to
    fill the page, and asks the index of words for what is rarer.
    """
    match = write_match(query, sqlite=is_sqlite(connection))
    conditions = [*list_fixed_conditions(run_filter), *list_state_conditions(run_filter)]
    if is_sqlite(connection):
        return connection.execute(select_in_order(match, conditions, before).limit(limit)).all()
    count = NEWEST
    while True:
        statement = select_newest(match, conditions, before, count)
        rows = connection.execute(statement.limit(limit)).all()
        if len(rows) == limit:
            return rows
        # Half as many again as should do, were the others as these are.
        promised = 3 * count * limit // (2 * len(rows)) if rows else MAX_NEWEST + 1
        if count >= MAX_NEWEST or promised > MAX_NEWEST:
            break
        count = max(promised, 2 * count)
    statement = select_matching(match, conditions, before)
    return connection.execute(statement.limit(limit)).all()


def select_in_order(
    match: str, conditions: Sequence[ColumnElement[bool]], before: int | None
) -> Select[Any]:
    """Select what matches, on SQLite."""
    source = WORDS.join(DOCUMENT, DOCUMENT.c.doc_id == WORDS.c.rowid)
    statement = _select_documents(DOCUMENT, source, conditions)
    statement = statement.where(WORDS.c.search_words.op("MATCH")(match))
    if before is not None:
        statement = statement.where(WORDS.c.rowid < before)
    return statement.order_by(WORDS.c.rowid.desc())


def select_newest(
    match: str, conditions: Sequence[ColumnElement[bool]], before: int | None, count: int
) -> Select[Any]:
    """Select what matches among so many of the last documents, on PostgreSQL."""
    newest = select(DOCUMENT)
    if before is not None:
        newest = newest.where(DOCUMENT.c.doc_id < before)
    part = newest.order_by(DOCUMENT.c.doc_id.desc()).limit(count).subquery("newest")
    statement = _select_documents(part, part, conditions)
    return statement.where(_match_vector("newest", match)).order_by(part.c.doc_id.desc())


def select_matching(
    match: str, conditions: Sequence[ColumnElement[bool]], before: int | None
) -> Select[Any]:
    """Select what matches by the index of words, on PostgreSQL.

    OFFSET 0 is a border to the planner, and a sum none of its indexes: it would go along the
    order in the hope of an early end.
    """
    inner = select(DOCUMENT.c.doc_id, DOCUMENT.c.run_id, DOCUMENT.c.span_id)
    inner = inner.where(_match_vector("search_document", match))
    if before is not None:
        inner = inner.where(DOCUMENT.c.doc_id + literal_column("0") < before)
    part = inner.offset(literal_column("0")).subquery("part")
    return _select_documents(part, part, conditions).order_by(part.c.doc_id.desc())


def _match_vector(table: str, match: str) -> ColumnElement[bool]:
    words: ColumnElement[Any] = literal_column(f"{table}.words")
    return words.op("@@", is_comparison=True)(
        text("CAST(CAST(:match AS text) AS tsquery)").bindparams(match=match)
    )


def _select_documents(
    documents: FromClause, source: FromClause, conditions: Sequence[ColumnElement[bool]]
) -> Select[Any]:
    # Also without a filter: of a run that was deleted, documents may be left for a moment.
    joined = source.join(RUN, RUN.c.run_id == documents.c.run_id)
    statement = select(documents.c.doc_id, documents.c.run_id, documents.c.span_id)
    return statement.select_from(joined).where(*hide_indexes(conditions))


def list_texts(source: Source) -> tuple[str, ...]:
    """Return what search knows of a span: its name, model and the beginnings of its texts."""
    texts = [source.name, source.model or ""]
    for kind, value_json in _list_kinds(source):
        is_error = kind == PayloadKind.ERROR
        texts += read_error_texts(value_json) if is_error else [read_json_text(value_json)]
    return tuple(part for part in texts if part)


def read_all_texts(
    connection: Connection, keys: Sequence[SpanKey]
) -> dict[SpanKey, tuple[str, ...]]:
    """Return `list_texts` of these spans; one that is gone is left out."""
    found: dict[SpanKey, tuple[str, ...]] = {}
    left = keys
    while left:
        sources, count = read_sources(connection, left)
        found |= {key: list_texts(source) for key, source in sources.items()}
        left = left[count:]
    return found


def list_source_words(source: Source) -> Iterator[list[str]]:
    """Yield the words of the same texts, one list each."""
    yield list_words(source.name)
    if source.model:
        yield list_words(source.model)
    for kind, value_json in _list_kinds(source):
        if kind == PayloadKind.ERROR:
            yield from map(list_words, read_error_texts(value_json))
        else:
            yield list_json_words(value_json)


def _list_kinds(source: Source) -> list[tuple[str, str]]:
    return [(kind, source.texts[kind]) for kind in TEXT_BYTES if kind in source.texts]


def _read_progress(connection: Connection) -> int:
    return int(connection.execute(select(PROGRESS.c.position)).scalar_one())
