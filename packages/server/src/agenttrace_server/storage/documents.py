"""The tables of full-text search, which differ by database, and what is written into them.

Both have a row of `search_document` for each span that has been indexed. SQLite keeps the words in
an FTS5 table beside it, PostgreSQL as a `tsvector` in the row. `doc_id` is the position of the
change that first told of the span: so documents are in the order in which they arrived.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, Column, MetaData, String, Table, Text, select, text

from agenttrace_server.storage.keys import select_by_keys
from agenttrace_server.storage.words import BREAK, list_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

    from agenttrace_server.storage.words import TextQuery

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

MAX_LEXEME_PLACES: Final = 256
"""PostgreSQL keeps no more places of one word."""

_INSERT_WORDS: Final = text("INSERT INTO search_words (rowid, words) VALUES (:doc_id, :words)")
_INSERT_SQLITE: Final = text(
    "INSERT INTO search_document (doc_id, run_id, span_id) VALUES (:doc_id, :run_id, :span_id)"
)
_INSERT_POSTGRESQL: Final = text(
    "INSERT INTO search_document (doc_id, run_id, span_id, words) "
    "VALUES (:doc_id, :run_id, :span_id, CAST(CAST(:words AS text) AS tsvector))"
)


def is_sqlite(connection: Connection) -> bool:
    """Tell which of the two kinds of table this database has."""
    return connection.dialect.name == "sqlite"


def write_documents(
    connection: Connection, documents: Sequence[tuple[str, str, int, Sequence[str]]]
) -> None:
    """Put documents (run id, span id, position, texts) in the place of those of the same spans."""
    known = _read_ids(connection, [(run_id, span_id) for run_id, span_id, _, _ in documents])
    delete_documents(connection, known.values())
    sqlite = is_sqlite(connection)
    rows = [
        {
            "run_id": run_id,
            "span_id": span_id,
            "doc_id": known.get((run_id, span_id), position),
            "words": _write_words(texts) if sqlite else _write_vector(texts),
        }
        for run_id, span_id, position, texts in documents
    ]
    if not rows:
        return
    if sqlite:
        connection.execute(_INSERT_SQLITE, rows)
        connection.execute(_INSERT_WORDS, rows)
    else:
        connection.execute(_INSERT_POSTGRESQL, rows)


def delete_documents(connection: Connection, doc_ids: Iterable[int]) -> None:
    """Take documents out of the index, words and all."""
    rows = [{"doc_id": doc_id} for doc_id in doc_ids]
    if not rows:
        return
    for table, column in (("search_document", "doc_id"), ("search_words", "rowid")):
        if table == "search_document" or is_sqlite(connection):
            statement = text(f"DELETE FROM {table} WHERE {column} = :doc_id")  # noqa: S608 -- ours
            connection.execute(statement, rows)


def delete_run_documents(connection: Connection, run_id: str, *, limit: int) -> int:
    """Take at most `limit` documents of a run out of the index; return how many there were."""
    query = select(DOCUMENT.c.doc_id).where(DOCUMENT.c.run_id == run_id).limit(limit)
    found = connection.execute(query).scalars().all()
    delete_documents(connection, found)
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


def _read_ids(connection: Connection, keys: Sequence[tuple[str, str]]) -> dict[Any, int]:
    if not keys:
        return {}
    columns = ["run_id", "span_id", "doc_id"]
    rows = connection.execute(select_by_keys(DOCUMENT, keys, "run_id", "span_id", columns=columns))
    return {(run_id, span_id): doc_id for run_id, span_id, doc_id in rows}


def _write_words(texts: Sequence[str]) -> str:
    return f" {BREAK} ".join(" ".join(list_words(part)) for part in texts)


def _write_vector(texts: Sequence[str]) -> str:
    places: dict[str, list[int]] = {}
    place = 0
    for part in texts:
        for word in list_words(part):
            place += 1
            found = places.setdefault(word, [])
            if len(found) < MAX_LEXEME_PLACES:
                found.append(place)
        place += 1  # no phrase goes over the border
    return " ".join(f"'{word}':{','.join(map(str, found))}" for word, found in places.items())
