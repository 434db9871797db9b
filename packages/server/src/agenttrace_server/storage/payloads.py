"""Reading texts: only when someone asks for them, many in two statements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import select

from agenttrace_server.records import Payload, PayloadHead
from agenttrace_server.storage.contents import read_texts
from agenttrace_server.storage.keys import join_keys
from agenttrace_server.storage.tables import PAYLOAD, RUN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

PayloadKey: TypeAlias = tuple[str, str, str]
"""Run id, span id (empty for the run's own), kind."""


def read_payloads(connection: Connection, keys: Sequence[PayloadKey]) -> dict[PayloadKey, Payload]:
    """Return the payloads that exist, by key."""
    rows = _read_rows(connection, keys)
    texts = read_texts(connection, rows)
    return {
        (row.run_id, row.span_id, row.kind): make_payload(row, text or "")
        for row, text in zip(rows, texts, strict=True)
    }


def read_heads(connection: Connection, keys: Sequence[PayloadKey]) -> dict[PayloadKey, PayloadHead]:
    """Return what is known of the payloads that exist, by key, in one statement."""
    rows = _read_rows(connection, keys)
    return {(row.run_id, row.span_id, row.kind): make_head(row) for row in rows}


def read_value_head(connection: Connection, key: PayloadKey) -> PayloadHead | None:
    """Return what is known of one payload; None: there is none, or its run was deleted."""
    return read_heads(connection, [key]).get(key) if has_run(connection, key[0]) else None


def has_run(connection: Connection, run_id: str) -> bool:
    """Tell whether there is such a run: the rows of one that was deleted may be there for long."""
    query = select(RUN.c.run_id).where(RUN.c.run_id == run_id)
    return connection.execute(query).first() is not None


def make_payload(row: Row[Any], value_json: str) -> Payload:
    """Return the record of a row that has the columns of a payload, and of its text."""
    return Payload(
        row.size_bytes,
        row.codec,
        row.fidelity,
        row.whole_bytes,
        row.sha256,
        value_json,
        row.types_json,
    )


def make_head(row: Row[Any]) -> PayloadHead:
    """Return the head in a row that has the columns of a payload."""
    return PayloadHead._make(getattr(row, name) for name in PayloadHead._fields)


def _read_rows(connection: Connection, keys: Sequence[PayloadKey]) -> list[Row[Any]]:
    # By the whole key: looked up by owner, with the kinds as a condition, PostgreSQL preferred to
    # go through all texts of a kind where it knew nothing of the table yet.
    source = join_keys(PAYLOAD, sorted(set(keys)), "run_id", "span_id", "kind")
    return [*connection.execute(PAYLOAD.select().select_from(source))]
