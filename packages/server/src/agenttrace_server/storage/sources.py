"""What the indexer reads: the changes of the log, and how the texts of their spans begin.

A batch is a few statements of one row each, a JSON text: Python's driver for SQLite gives up the
interpreter at each row, and while requests are served, waits for its turn again each time. Of a
long text only the pieces are read that its beginning is made of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import orjson
from sqlalchemy import Connection, text

from agenttrace_server.records import ChangeKind, PayloadKind
from agenttrace_server.storage.contents import count_fitting
from agenttrace_server.storage.pieces import (
    DIGEST_BYTES,
    MIN_PIECE_BYTES,
    decompress,
    split_digests,
)
from agenttrace_server.storage.words import cut_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SpanKey: TypeAlias = tuple[str, str]
PieceKey: TypeAlias = tuple[str, bytes]
"""Run id and digest."""

# In the order of a document: what is said most briefly comes first.
TEXT_BYTES: Final = {
    PayloadKind.ERROR.value: 2_048,
    PayloadKind.OUTPUT.value: 8_192,
    PayloadKind.ATTRIBUTES.value: 1_024,
    PayloadKind.INPUT.value: 8_192,
}
"""Search knows so much of the JSON of each kind of text: its beginning."""
MAX_BATCH_BYTES: Final = 4 * 1024 * 1024
"""Of the texts that one batch reads; one span may have more."""

_LIMIT_BYTES: Final = max(TEXT_BYTES.values())
# No piece but a text's last is shorter than the least: so many hold its beginning.
_MAX_PIECES: Final = -(-_LIMIT_BYTES // MIN_PIECE_BYTES)
_LIMITS: Final = {"limit": _LIMIT_BYTES, "digests": _MAX_PIECES * DIGEST_BYTES}
_MAX_READ_BYTES: Final = 64 * 1024
"""What a text may count for at most: one piece, when its pieces are the longest."""

# SQLite has no arrays: keys travel as a JSON list of lists, and beside it digests as one blob. On
# PostgreSQL the keys of a run are looked up together, for finding its partition costs more than
# the row; OFFSET 0 is a border to the planner, which must not go through whole tables instead.
_STATEMENTS: Final = {
    "sqlite": {
        "changes": "SELECT json_group_array(json_array(position, run_id, span_id, kind, "
        "event_seq)) FROM (SELECT * FROM change WHERE position > :start ORDER BY position "
        "LIMIT :limit)",
        "spans": "SELECT json_group_array(json_array(run_id, span_id, name, model)) "
        "FROM json_each(:keys) AS wanted JOIN span "
        "ON run_id = json_extract(wanted.value, '$[0]') "
        "AND span_id = json_extract(wanted.value, '$[1]')",
        "texts": "SELECT json_group_array(json_array(run_id, span_id, kind, size_bytes, "
        "substr(value_json, 1, :limit), hex(substr(parts, 1, :digests)))) "
        "FROM json_each(:keys) AS wanted JOIN payload "
        "ON run_id = json_extract(wanted.value, '$[0]') "
        "AND span_id = json_extract(wanted.value, '$[1]') "
        "AND kind IN ('error', 'output', 'attributes', 'input')",
        "pieces": "SELECT json_group_array(json_array(run_id, hex(digest), size_bytes, hex(data))) "
        "FROM json_each(:keys) AS wanted JOIN content "
        "ON run_id = json_extract(wanted.value, '$[0]') "
        "AND digest = substr(:digests, json_extract(wanted.value, '$[1]') + 1, 16)",
    },
    "postgresql": {
        "changes": "SELECT CAST(json_agg(json_build_array(position, run_id, span_id, kind, "
        "event_seq)) AS text) FROM (SELECT * FROM change WHERE position > :start "
        "ORDER BY position LIMIT :limit) AS part",
        "spans": "SELECT CAST(json_agg(json_build_array(run_id, span_id, name, model)) AS text) "
        "FROM (SELECT run, array_agg(of_span) AS ids "
        "FROM unnest(CAST(:runs AS varchar[]), CAST(:ids AS varchar[])) AS key (run, of_span) "
        "GROUP BY run) AS wanted, "
        "LATERAL (SELECT * FROM span WHERE run_id = run AND span_id = ANY(ids) OFFSET 0) AS found",
        "texts": "SELECT CAST(json_agg(json_build_array(run_id, span_id, kind, size_bytes, "
        "substr(value_json, 1, :limit), "
        "coalesce(encode(substr(parts, 1, :digests), 'hex'), ''))) AS text) "
        "FROM (SELECT run, array_agg(of_span) AS ids "
        "FROM unnest(CAST(:runs AS varchar[]), CAST(:ids AS varchar[])) AS key (run, of_span) "
        "GROUP BY run) AS wanted, "
        "LATERAL (SELECT * FROM payload WHERE run_id = run AND span_id = ANY(ids) "
        "AND kind IN ('error', 'output', 'attributes', 'input') OFFSET 0) AS found",
        "pieces": "SELECT CAST(json_agg(json_build_array(run_id, encode(digest, 'hex'), "
        "size_bytes, encode(data, 'hex'))) AS text) "
        "FROM (SELECT run, array_agg(of_piece) AS ids "
        "FROM unnest(CAST(:runs AS varchar[]), CAST(:ids AS bytea[])) AS key (run, of_piece) "
        "GROUP BY run) AS wanted, "
        "LATERAL (SELECT * FROM content WHERE run_id = run AND digest = ANY(ids) OFFSET 0) "
        "AS found",
    },
}


class LoggedSpan(NamedTuple):
    """A span that changes of the log tell of."""

    position: int
    """Of the first of them."""
    is_new: bool
    """That one told that the span began: nobody can have indexed it before."""


class Source(NamedTuple):
    """What search knows of a span."""

    name: str
    model: str | None
    texts: dict[str, str]
    """How its texts begin, as JSON, by kind."""


def read_logged(
    connection: Connection, start: int, limit: int
) -> tuple[dict[SpanKey, LoggedSpan], int | None]:
    """Return the spans of the next changes after a position, in the order of the log.

    And the position of the last change that was read, when there may be more.
    """
    rows = _ask(connection, "changes", {"start": start, "limit": limit})
    found: dict[SpanKey, LoggedSpan] = {}
    for position, run_id, span_id, kind, event_seq in rows:
        if span_id is not None and event_seq is None and (run_id, span_id) not in found:
            found[run_id, span_id] = LoggedSpan(position, kind == ChangeKind.SPAN_STARTED)
    return found, rows[-1][0] if len(rows) == limit else None


def read_sources(
    connection: Connection, keys: Sequence[SpanKey]
) -> tuple[dict[SpanKey, Source], int]:
    """Return what search knows of the first of these spans, and how many it looked at.

    As many, at least one, as have texts that fit into a batch; a span that is gone is left out.
    """
    if not keys:
        return {}, 0
    rows = _ask(connection, "texts", {**_bind_keys(connection, keys), **_LIMITS})
    kept = keys[: _count_fitting(rows, keys)]
    texts: dict[SpanKey, dict[str, str]] = {key: {} for key in kept}
    in_pieces = []
    for run_id, span_id, kind, _, head, digests in rows:
        of_span = texts.get((run_id, span_id))
        if of_span is None:
            continue
        if digests:
            in_pieces.append((run_id, of_span, kind, split_digests(bytes.fromhex(digests))))
        else:
            of_span[kind] = cut_text(head or "", TEXT_BYTES[kind])
    pieces = _read_pieces(
        connection, [(run_id, digest) for run_id, _, _, found in in_pieces for digest in found]
    )
    for run_id, of_span, kind, found in in_pieces:
        data = b"".join([pieces[run_id, digest] for digest in found])
        of_span[kind] = data[: TEXT_BYTES[kind]].decode(errors="ignore")
    rows = _ask(connection, "spans", _bind_keys(connection, kept))
    named = {(run_id, span_id): (name, model) for run_id, span_id, name, model in rows}
    # In the order of the log, which is the order of their places in the index.
    sources = {key: Source(*named[key], texts[key]) for key in kept if key in named}
    return sources, len(kept)


def _count_fitting(rows: Iterable[Sequence[Any]], keys: Sequence[SpanKey]) -> int:
    """Return how many of the first spans have texts that fit into a batch, at least one."""
    sizes = dict.fromkeys(keys, 0)
    for run_id, span_id, _, size_bytes, _, _ in rows:
        sizes[run_id, span_id] += min(size_bytes, _MAX_READ_BYTES)
    return count_fitting(sizes.values(), MAX_BATCH_BYTES)


def _read_pieces(connection: Connection, wanted: Iterable[PieceKey]) -> dict[PieceKey, bytes]:
    keys = [*dict.fromkeys(wanted)]
    if not keys:
        return {}
    runs, digests = [run_id for run_id, _ in keys], [digest for _, digest in keys]
    values: dict[str, Any] = {"runs": runs, "ids": digests}
    if connection.dialect.name == "sqlite":
        places = [(run_id, place * DIGEST_BYTES) for place, run_id in enumerate(runs)]
        values = {"keys": orjson.dumps(places).decode(), "digests": b"".join(digests)}
    return {
        (run_id, bytes.fromhex(digest)): decompress(bytes.fromhex(data), size_bytes)
        for run_id, digest, size_bytes, data in _ask(connection, "pieces", values)
    }


def _bind_keys(connection: Connection, keys: Sequence[SpanKey]) -> dict[str, Any]:
    if connection.dialect.name == "sqlite":
        return {"keys": orjson.dumps(keys).decode()}
    return {"runs": [run_id for run_id, _ in keys], "ids": [span_id for _, span_id in keys]}


def _ask(connection: Connection, name: str, values: dict[str, Any]) -> list[Any]:
    statement = text(_STATEMENTS[connection.dialect.name][name])
    found = connection.execute(statement, values).scalar_one()
    rows: list[Any] = orjson.loads(found or "[]")
    return rows
