"""The pieces of long texts in the database: which are there, and what they are."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import orjson
from sqlalchemy import Connection, text

from agenttrace_server.storage.pieces import decompress, split_digests
from agenttrace_server.storage.rows import insert_rows
from agenttrace_server.storage.tables import CONTENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Row

    from agenttrace_server.records import PayloadHead
    from agenttrace_server.storage.pieces import Pieces

PieceKey: TypeAlias = tuple[str, bytes]
"""Run id and digest."""

# One statement for any number of keys. SQLite has no arrays: run ids travel as a JSON list, and
# beside it all digests as one blob.
_SOURCES: Final = {
    "sqlite": "json_each(:runs) AS wanted JOIN content ON content.run_id = wanted.value "
    "AND content.digest = substr(:digests, wanted.key * 16 + 1, 16)",
    "postgresql": "unnest(CAST(:runs AS varchar[]), CAST(:digests AS bytea[])) "
    "AS wanted (run_id, digest) JOIN content ON content.run_id = wanted.run_id "
    "AND content.digest = wanted.digest",
}


def write_pieces(connection: Connection, pieces: Pieces, known_runs: set[str]) -> None:
    """Store the pieces that the store does not have; a run that is new has none."""
    sought = [key for key in pieces.found if key[0] in known_runs]
    rows = _select(connection, "content.run_id, content.digest", sought)
    known = {(str(run_id), bytes(digest)) for run_id, digest in rows}
    insert_rows(connection, CONTENT, pieces.dump(known))


def read_texts(connection: Connection, rows: Sequence[Row[Any] | PayloadHead]) -> list[str | None]:
    """Return the text of each row of `payload` or `event`, in one more statement for all parts.

    Raises:
        KeyError: a piece is gone.

    """
    keys = {
        (row.run_id, digest): None
        for row in rows
        if row.parts is not None
        for digest in split_digests(row.parts)
    }
    pieces = read_pieces(connection, [*keys])
    return [
        row.value_json
        if row.parts is None
        # Characters may be cut within: joined first, read once.
        else b"".join(pieces[row.run_id, d] for d in split_digests(row.parts)).decode()
        for row in rows
    ]


def read_pieces(connection: Connection, keys: Sequence[PieceKey]) -> dict[PieceKey, bytes]:
    """Return the pieces that the store has, in one statement."""
    columns = "content.run_id, content.digest, content.size_bytes, content.data"
    return {
        (str(run_id), bytes(digest)): decompress(bytes(data), size_bytes)
        for run_id, digest, size_bytes, data in _select(connection, columns, keys)
    }


def read_sizes(connection: Connection, keys: Sequence[PieceKey]) -> dict[PieceKey, int]:
    """Return how many bytes each piece has, of those that the store has."""
    columns = "content.run_id, content.digest, content.size_bytes"
    rows = _select(connection, columns, keys)
    return {(str(run_id), bytes(digest)): size_bytes for run_id, digest, size_bytes in rows}


def count_fitting(sizes_bytes: Iterable[int], limit_bytes: int) -> int:
    """Return how many, but at least one, of the first texts are not over the limit together."""
    fitting = sum(total <= limit_bytes for total in accumulate(sizes_bytes))
    return max(1, fitting)


def _select(
    connection: Connection, columns: str, keys: Sequence[PieceKey]
) -> Iterable[tuple[Any, ...]]:
    if not keys:
        return []
    dialect = connection.dialect.name
    runs, digests = [run_id for run_id, _ in keys], [digest for _, digest in keys]
    values: dict[str, Any] = {"runs": runs, "digests": digests}
    if dialect == "sqlite":
        values = {"runs": orjson.dumps(runs).decode(), "digests": b"".join(digests)}
    statement = text(f"SELECT {columns} FROM {_SOURCES[dialect]}")  # noqa: S608 -- texts of ours
    return (tuple(row) for row in connection.execute(statement, values))
