"""Full-text search: what the indexer reads and writes, and what a query finds.

The index is made behind the commits, from the change log: `search_progress` has the position that
it has come to, and is moved in the transaction that writes the documents. So a crash loses
nothing and doubles nothing, and ingest waits for no index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select, text, update

from agenttrace_server.records import Page, PayloadKind
from agenttrace_server.storage.conditions import list_fixed_conditions, list_state_conditions
from agenttrace_server.storage.documents import (
    DOCUMENT,
    PROGRESS,
    WORDS,
    is_sqlite,
    write_documents,
    write_match,
)
from agenttrace_server.storage.keys import join_keys, select_by_ids
from agenttrace_server.storage.orders import hide_indexes
from agenttrace_server.storage.payloads import read_payloads
from agenttrace_server.storage.positions import read_end
from agenttrace_server.storage.spans import read_spans
from agenttrace_server.storage.tables import CHANGE, PAYLOAD, RUN
from agenttrace_server.storage.words import read_json_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, Connection, FromClause, Select

    from agenttrace_server.records import Payload, Span
    from agenttrace_server.storage.criteria import RunFilter
    from agenttrace_server.storage.words import TextQuery

MAX_CHANGES: Final = 1_000
MAX_BATCH_BYTES: Final = 4 * 1024 * 1024
"""Of the texts that one batch reads; one span may have more."""
# In the order of a document: what is said most briefly comes first. 16 KiB characters in all.
TEXT_CHARS: Final = {
    PayloadKind.ERROR.value: 2_048,
    PayloadKind.OUTPUT.value: 6_144,
    PayloadKind.ATTRIBUTES.value: 1_024,
    PayloadKind.INPUT.value: 6_144,
}

SpanKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class IndexWork:
    """What a batch of changes puts into the index."""

    start: int
    """The position that the index had come to."""
    end: int
    """The position that it comes to."""
    has_more: bool
    documents: tuple[tuple[str, str, int, tuple[str, ...]], ...]
    """Run id, span id, position, texts."""


@dataclass(frozen=True, slots=True)
class Found:
    """A span that was found, and its place in the list."""

    doc_id: int
    span: Span


def read_work(connection: Connection) -> IndexWork:
    """Return what is to be indexed next: the spans of the next changes, as they are now."""
    start = _read_progress(connection)
    end = read_end(connection)
    query = select(CHANGE.c.position, CHANGE.c.run_id, CHANGE.c.span_id, CHANGE.c.event_seq)
    query = query.where(CHANGE.c.position > start).order_by(CHANGE.c.position)
    rows = connection.execute(query.limit(MAX_CHANGES)).all()
    if len(rows) == MAX_CHANGES:
        end = rows[-1].position
    first: dict[SpanKey, int] = {}
    for row in rows:
        if row.span_id is not None and row.event_seq is None:
            first.setdefault((row.run_id, row.span_id), row.position)
    keys = _take_fitting(connection, list(first))
    if len(keys) < len(first):
        end = min(first[key] for key in first if key not in set(keys)) - 1
    documents = _make_documents(connection, {key: first[key] for key in keys})
    return IndexWork(start, end, end < read_end(connection), documents)


def apply_work(connection: Connection, work: IndexWork) -> bool:
    """Write the documents and move on; False when somebody else has done so meanwhile."""
    if _read_progress(connection) != work.start:
        return False
    run_ids = sorted({document[0] for document in work.documents})
    # A run may have been deleted since its texts were read.
    query = select_by_ids(RUN, run_ids, "run_id").with_only_columns(RUN.c.run_id)
    there = set(connection.execute(query).scalars())
    write_documents(connection, [row for row in work.documents if row[0] in there])
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
    statement = select_found(connection, query, run_filter, before=before).limit(first + 1)
    rows = connection.execute(statement).all()
    spans = read_spans(connection, [(row.run_id, row.span_id) for row in rows[:first]])
    found = [
        Found(row.doc_id, spans[row.run_id, row.span_id])
        for row in rows[:first]
        if (row.run_id, row.span_id) in spans
    ]
    return Page(tuple(found), len(rows) > first, before is not None)


def select_found(
    connection: Connection, query: TextQuery, run_filter: RunFilter, *, before: int | None
) -> Select[Any]:
    """Select the documents that match, the last to arrive first."""
    sqlite = is_sqlite(connection)
    source: FromClause
    key: ColumnElement[int]
    match = write_match(query, sqlite=sqlite)
    statement = select(DOCUMENT.c.doc_id, DOCUMENT.c.run_id, DOCUMENT.c.span_id)
    if sqlite:
        source = WORDS.join(DOCUMENT, DOCUMENT.c.doc_id == WORDS.c.rowid)
        key = WORDS.c.rowid
        statement = statement.where(WORDS.c.search_words.op("MATCH")(match))
    else:
        source, key = DOCUMENT, DOCUMENT.c.doc_id
        words = text("search_document.words @@ CAST(CAST(:match AS text) AS tsquery)")
        statement = statement.where(words.bindparams(match=match))
    # Also without a filter: of a run that was deleted, documents may be left for a moment.
    source = source.join(RUN, RUN.c.run_id == DOCUMENT.c.run_id)
    conditions = [*list_fixed_conditions(run_filter), *list_state_conditions(run_filter)]
    statement = statement.where(*hide_indexes(conditions))
    if before is not None:
        statement = statement.where(key < before)
    return statement.select_from(source).order_by(key.desc())


def list_texts(span: Span, payloads: Mapping[str, Payload]) -> tuple[str, ...]:
    """Return what search knows of a span: its name, model and the beginnings of its texts."""
    texts = [span.name, span.model or ""]
    for kind, limit in TEXT_CHARS.items():
        payload = payloads.get(kind)
        if payload is not None:
            texts.append(read_json_text(payload.value_json, limit_chars=limit))
    return tuple(part for part in texts if part)


def _read_progress(connection: Connection) -> int:
    return int(connection.execute(select(PROGRESS.c.position)).scalar_one())


def _take_fitting(connection: Connection, keys: Sequence[SpanKey]) -> list[SpanKey]:
    """Return as many of the first keys (at least one) as have texts that fit into a batch."""
    if not keys:
        return []
    source = join_keys(PAYLOAD, keys, "run_id", "span_id")
    query = select(PAYLOAD.c.run_id, PAYLOAD.c.span_id, func.sum(PAYLOAD.c.size_bytes))
    query = query.select_from(source).group_by(PAYLOAD.c.run_id, PAYLOAD.c.span_id)
    sizes = {(run_id, span_id): int(size) for run_id, span_id, size in connection.execute(query)}
    total = 0
    for count, key in enumerate(keys):
        total += sizes.get(key, 0)
        if count and total > MAX_BATCH_BYTES:
            return list(keys[:count])
    return list(keys)


def _make_documents(
    connection: Connection, positions: Mapping[SpanKey, int]
) -> tuple[tuple[str, str, int, tuple[str, ...]], ...]:
    if not positions:
        return ()
    spans = read_spans(connection, list(positions))
    payloads = read_payloads(connection, [(*key, kind) for key in positions for kind in TEXT_CHARS])
    texts: dict[SpanKey, dict[str, Payload]] = {key: {} for key in positions}
    for (run_id, span_id, kind), payload in payloads.items():
        texts[run_id, span_id][kind] = payload
    return tuple(
        (*key, positions[key], list_texts(span, texts[key])) for key, span in spans.items()
    )
