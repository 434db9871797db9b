"""Reading texts: only when someone asks for them, many in two statements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from agenttrace_server.errors import InvalidArgumentError
from agenttrace_server.records import Payload
from agenttrace_server.storage.contents import read_texts
from agenttrace_server.storage.keys import join_keys
from agenttrace_server.storage.tables import PAYLOAD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

PayloadKey: TypeAlias = tuple[str, str, str]
"""Run id, span id (empty for the run's own), kind."""


def read_payloads(
    connection: Connection, keys: Sequence[PayloadKey], *, limit_bytes: int | None = None
) -> dict[PayloadKey, Payload]:
    """Return the payloads that exist, by key.

    Raises:
        InvalidArgumentError: their texts have more than `limit_bytes` together; none was read.

    """
    wanted = frozenset(keys)
    owners = sorted({(run_id, span_id) for run_id, span_id, _ in keys})
    kinds = sorted({kind for _, _, kind in keys})
    found = connection.execute(
        PAYLOAD.select()
        .select_from(join_keys(PAYLOAD, owners, "run_id", "span_id"))
        .where(PAYLOAD.c.kind.in_(kinds))
    )
    rows = [row for row in found if (row.run_id, row.span_id, row.kind) in wanted]
    size_bytes = sum(row.size_bytes for row in rows)
    if limit_bytes is not None and size_bytes > limit_bytes:
        raise InvalidArgumentError(
            f"the texts that are asked for have {size_bytes} bytes, of which an answer has at most "
            f"{limit_bytes} left; ask for less at once: fewer spans, or fewer of their values"
        )
    texts = read_texts(connection, rows)
    return {
        (row.run_id, row.span_id, row.kind): make_payload(row, text or "")
        for row, text in zip(rows, texts, strict=True)
    }


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
