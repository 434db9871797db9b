"""The tables of full-text search, which differ by database, and what is written into them.

Both have a row of `search_document` for each span that has been indexed. SQLite keeps the words in
an FTS5 table beside it, PostgreSQL as a `tsvector` in the row. `doc_id` is the position of the
change that first told of the span: so documents are in the order in which they arrived.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import orjson
from sqlalchemy import BigInteger, Column, MetaData, String, Table, Text, select

from agenttrace_server.storage.keys import select_by_keys
from agenttrace_server.storage.words import BREAK

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from agenttrace_server.storage.words import TextQuery

SpanKey: TypeAlias = tuple[str, str]

_metadata: Final = MetaData()

DOCUMENT: Final = Table(
    "search_document",
    _metadata,
    Column("doc_id", BigInteger, primary_key=True),
    Column("run_id", String),
    Column("span_id", String),
    Column("words", Text),  # on PostgreSQL only: a tsvector
)
WORDS: Final = Table(
    "search_words", _metadata, Column("rowid", BigInteger), Column("search_words", Text)
)
PROGRESS: Final = Table(
    "search_progress", _metadata, Column("id", BigInteger), Column("position", BigInteger)
)

MAX_PLACE: Final = 16_383
"""PostgreSQL counts no further: what comes later has no place of its own."""

_DELETE_SQLITE: Final = (
    "DELETE FROM search_words WHERE rowid IN (SELECT value FROM json_each(?))",
    "DELETE FROM search_document WHERE doc_id IN (SELECT value FROM json_each(?))",
)
# One statement for any number of rows, of one step: Python's driver gives up the interpreter at
# each, and while requests are served, waits for its turn again. SQLite has no arrays: rows travel
# as a JSON list, and beside it the words of all as one blob.
_INSERT_SPANS: Final = (
    "INSERT INTO search_document (doc_id, run_id, span_id) SELECT json_extract(value, '$[0]'), "
    "json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each(?1)"
)
_INSERT_WORDS: Final = (
    "INSERT INTO search_words (rowid, words) SELECT json_extract(value, '$[0]'), CAST(substr("
    "?2, json_extract(value, '$[1]'), json_extract(value, '$[2]')) AS TEXT) FROM json_each(?1)"
)
_DELETE_POSTGRESQL: Final = (
    "DELETE FROM search_document USING unnest(CAST($1 AS varchar[]), CAST($2 AS varchar[])) "
    "AS gone (run, of_span) WHERE run_id = run AND span_id = of_span"
)
_INSERT_POSTGRESQL: Final = (
    "INSERT INTO search_document (doc_id, run_id, span_id, words) "
    "SELECT doc_id, run_id, span_id, CAST(words AS tsvector) FROM unnest("
    "CAST($1 AS bigint[]), CAST($2 AS varchar[]), CAST($3 AS varchar[]), CAST($4 AS text[])"
    ") AS document (doc_id, run_id, span_id, words)"
)
# What follows each word of a vector, by its place.
_PLACES: Final = [f"':{place} '" for place in range(1, MAX_PLACE + 1)]


class Document(NamedTuple):
    """What the index is to know of a span."""

    run_id: str
    span_id: str
    position: int
    """Of the change that told of it: its place in the list, if it has none yet."""
    is_new: bool
    """It cannot have one."""
    words: str
    """As `write_words` returns them."""


def is_sqlite(connection: Connection) -> bool:
    """Tell which of the two kinds of table this database has."""
    return connection.dialect.name == "sqlite"


def write_words(texts: Iterable[Sequence[str]], *, sqlite: bool) -> str:
    """Return the words of a span's texts as the database takes them.

    No phrase goes over the border of two texts.
    """
    if sqlite:
        return f" {BREAK} ".join(" ".join(words) for words in texts)
    every: list[str] = []
    for words in texts:
        every += [*words, BREAK]
    return "'" + "".join(map(str.__add__, every[:MAX_PLACE], _PLACES))[:-2] if every else ""


def write_documents(connection: Connection, documents: Sequence[Document]) -> None:
    """Put documents in the place of those of the same spans."""
    old = [(each.run_id, each.span_id) for each in documents if not each.is_new]
    known = _read_ids(connection, old)
    delete_documents(connection, known)
    rows = [
        (known.get(each[:2], each.position), each.run_id, each.span_id, each.words)
        for each in documents
    ]
    if not rows:
        return
    if is_sqlite(connection):
        _insert_sqlite(connection, rows)
    else:
        columns = tuple(list(column) for column in zip(*rows, strict=True))
        connection.exec_driver_sql(_INSERT_POSTGRESQL, columns)


def delete_documents(connection: Connection, found: Mapping[SpanKey, int]) -> None:
    """Take documents out of the index, words and all: their ids by span."""
    if not found:
        return
    if is_sqlite(connection):
        ids = (orjson.dumps([*found.values()]).decode(),)
        for statement in _DELETE_SQLITE:
            connection.exec_driver_sql(statement, ids)
    else:
        columns = tuple(list(column) for column in zip(*found, strict=True))
        connection.exec_driver_sql(_DELETE_POSTGRESQL, columns)


def delete_run_documents(connection: Connection, run_id: str, *, limit: int) -> int:
    """Take at most `limit` documents of a run out of the index; return how many there were."""
    query = select(DOCUMENT.c.span_id, DOCUMENT.c.doc_id).where(DOCUMENT.c.run_id == run_id)
    found = connection.execute(query.limit(limit)).all()
    delete_documents(connection, {(run_id, row.span_id): row.doc_id for row in found})
    return len(found)


def write_match(query: TextQuery, *, sqlite: bool) -> str:
    """Return the query in the words of the database. Words are letters and digits: no syntax."""
    if sqlite:
        parts = ['"' + " ".join(phrase) + '"' for phrase in query.phrases]
        if query.prefix is not None:
            parts.append(f'"{query.prefix}" *')
        return " AND ".join(parts)
    parts = [" <-> ".join(f"'{word}'" for word in phrase) for phrase in query.phrases]
    parts = [f"({part})" for part in parts]
    if query.prefix is not None:
        parts.append(f"'{query.prefix}':*")
    return " & ".join(parts)


def _read_ids(connection: Connection, keys: Sequence[SpanKey]) -> dict[SpanKey, int]:
    if not keys:
        return {}
    columns = ["run_id", "span_id", "doc_id"]
    rows = connection.execute(select_by_keys(DOCUMENT, keys, "run_id", "span_id", columns=columns))
    return {(run_id, span_id): doc_id for run_id, span_id, doc_id in rows}


def _insert_sqlite(connection: Connection, rows: Sequence[tuple[int, str, str, str]]) -> None:
    spans = orjson.dumps([row[:3] for row in rows]).decode()
    connection.exec_driver_sql(_INSERT_SPANS, (spans,))
    words = [row[3].encode() for row in rows]
    ends = accumulate(map(len, words), initial=1)
    places = [(row[0], end, len(part)) for row, part, end in zip(rows, words, ends, strict=False)]
    values = (orjson.dumps(places).decode(), b"".join(words))
    connection.exec_driver_sql(_INSERT_WORDS, values)
