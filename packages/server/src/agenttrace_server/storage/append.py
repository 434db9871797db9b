"""Appending a batch of records: read what it touches, merge in memory, write what changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import Connection, Table, bindparam, update
from sqlalchemy.dialects import postgresql, sqlite

from agenttrace.wire.models import ValidEvent, ValidRecord, ValidSpan
from agenttrace_server.storage.batch import Batch, EventKey, RunWork, SpanKey, SpanWork
from agenttrace_server.storage.contents import write_pieces
from agenttrace_server.storage.keys import select_by_ids, select_by_keys
from agenttrace_server.storage.lookups import write_lookups
from agenttrace_server.storage.partitions import make_partitions
from agenttrace_server.storage.pieces import Pieces
from agenttrace_server.storage.positions import log_changes, read_end
from agenttrace_server.storage.rollups import RUN_SUMS, apply_sums
from agenttrace_server.storage.rows import insert_rows, upsert_rows
from agenttrace_server.storage.snapshots import (
    dump_run_row,
    dump_span_row,
    list_new_payloads,
    load_run_state,
    load_span_state,
)
from agenttrace_server.storage.tables import (
    DELETED_RUN,
    EVENT,
    MODEL_USAGE,
    PAYLOAD,
    RUN,
    RUN_OWNER,
    SPAN,
    USAGE_HOUR,
)
from agenttrace_server.storage.usage_rows import list_hour_rows, list_model_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Select

_Write: TypeAlias = Callable[[Connection, Table, Sequence[tuple[Any, ...]]], None]


@dataclass(frozen=True, slots=True)
class Appended:
    """What a commit changed: whom to wake, and up to where there is something to read."""

    end: int
    run_ids: frozenset[str]
    deleted: frozenset[str] = frozenset()
    """Runs whose records were not stored, since they were deleted."""


def append_records(
    connection: Connection, records: Sequence[ValidRecord], *, now_ns: int | None = None
) -> Appended:
    """Merge the records into the store, within the caller's transaction.

    Applying a record twice, late or in another order leads to the same rows and sums. Those of
    deleted runs are left out. `now_ns` is when they arrived, by the server's clock, where that is
    not now.
    """
    now_ns = time.time_ns() if now_ns is None else now_ns
    deleted = read_deleted(connection, sorted({record.run_id for record in records}))
    if deleted:
        records = [record for record in records if record.run_id not in deleted]
    batch = _load_batch(connection, records)
    for record in records:
        batch.apply(record)
    _write_batch(connection, batch, now_ns)
    changed = frozenset(change[0] for change in batch.changes)
    return Appended(read_end(connection), changed, deleted)


def read_deleted(connection: Connection, run_ids: Sequence[str]) -> frozenset[str]:
    """Return which of these runs were deleted."""
    rows = connection.execute(select_by_ids(DELETED_RUN, run_ids, "run_id"))
    return frozenset(str(row.run_id) for row in rows)


def _load_batch(connection: Connection, records: Sequence[ValidRecord]) -> Batch:
    run_ids = {record.run_id for record in records}
    span_keys = {
        (record.run_id, record.span_id)
        for record in records
        if isinstance(record, ValidSpan | ValidEvent) and record.span_id is not None
    }
    event_keys = [(r.run_id, r.seq) for r in records if isinstance(r, ValidEvent)]
    batch = Batch(
        runs={run_id: RunWork() for run_id in run_ids},
        spans={key: SpanWork() for key in span_keys},
        stored_events=set(_read_stored_events(connection, event_keys)),
    )
    known = set()
    for row in _read_rows(connection, select_by_ids(RUN, sorted(run_ids), "run_id")):
        known.add(row["run_id"])
        batch.runs[row["run_id"]] = RunWork(
            load_run_state(row),
            row,
            row["start_ns"],
            announced=True,
            given_up=row["interrupted_ns"] is not None,
        )
    # A run that is new has no spans: its keys need no look.
    keys = [key for key in span_keys if key[0] in known]
    for row in _read_spans(connection, keys):
        span = batch.spans[row["run_id"], row["span_id"]]
        span.state, span.stored = load_span_state(row), True
    missing = [key for key in keys if not batch.spans[key].state.fields]
    for run_id, span_id, seq in _read_waiting_events(connection, missing):
        batch.spans[run_id, span_id].waiting.append(seq)
    return batch


def _write_batch(connection: Connection, batch: Batch, now_ns: int) -> None:
    spans = [(key, work) for key, work in batch.spans.items() if work.changed]
    runs = [(run_id, work) for run_id, work in batch.runs.items() if work.changed]
    if connection.dialect.name == "postgresql":
        make_partitions(connection, [run_id for run_id, work in runs if work.row is None])
    pieces = Pieces()
    new_spans = [item for item in spans if not item[1].stored]
    _write_spans(connection, new_spans, pieces, insert_rows)
    _write_spans(connection, [item for item in spans if item[1].stored], pieces, upsert_rows)
    upsert(connection, RUN, [_dump_run(run_id, work, now_ns) for run_id, work in runs])
    _note_signs_of_life(
        connection, [i for i, work in batch.runs.items() if not work.changed], now_ns
    )
    write_lookups(connection, runs)
    payloads = [
        row for run_id, work in runs for row in list_new_payloads(run_id, RUN_OWNER, work.state)
    ]
    upsert_rows(connection, PAYLOAD, pieces.take_out(payloads))
    insert_rows(connection, EVENT, pieces.take_out([*batch.new_events.values()]))
    write_pieces(connection, pieces, {run_id for run_id, work in runs if work.row is not None})
    differences = {run_id: work.difference for run_id, work in runs}
    upsert(connection, MODEL_USAGE, list_model_rows(connection, differences))
    upsert(connection, USAGE_HOUR, list_hour_rows(connection, differences.values()))
    if batch.changes:
        log_changes(connection, batch.changes)


def _write_spans(
    connection: Connection,
    spans: Sequence[tuple[SpanKey, SpanWork]],
    pieces: Pieces,
    write: _Write,
) -> None:
    """Write the rows of spans, and their texts: what a new span has is new, too."""
    write(connection, SPAN, [dump_span_row(*key, work.state) for key, work in spans])
    texts = [row for key, work in spans for row in list_new_payloads(*key, work.state)]
    write(connection, PAYLOAD, pieces.take_out(texts))


def _dump_run(run_id: str, work: RunWork, now_ns: int) -> dict[str, Any]:
    row = dump_run_row(
        run_id,
        work.state,
        earliest_ns=work.earliest_ns or 0,
        seen_ns=now_ns,
        user_tags=work.row["user_tags"] if work.row else None,
    )
    return {**row, **apply_sums(work.row, work.difference.run, RUN_SUMS)}


def _note_signs_of_life(connection: Connection, run_ids: list[str], now_ns: int) -> None:
    """Keep when the recorders of these runs were last heard of: nothing else changed."""
    if run_ids:
        statement = update(RUN).where(RUN.c.run_id == bindparam("id"))
        connection.execute(statement.values(seen_ns=now_ns), [{"id": i} for i in run_ids])


def upsert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert rows, or replace those that have their keys: few at a time."""
    if not rows:
        return
    is_postgresql = connection.dialect.name == "postgresql"
    statement = postgresql.insert(table) if is_postgresql else sqlite.insert(table)
    keys = [column.name for column in table.primary_key]
    rest = {c.name: statement.excluded[c.name] for c in table.c if c.name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=rest), rows)


def _read_rows(connection: Connection, query: Select[Any]) -> list[dict[str, Any]]:
    return [dict(row._mapping) for row in connection.execute(query)]  # noqa: SLF001 -- the documented name


def _read_spans(connection: Connection, keys: list[SpanKey]) -> list[dict[str, Any]]:
    if not keys:
        return []
    return _read_rows(connection, select_by_keys(SPAN, keys, "run_id", "span_id"))


def _read_stored_events(connection: Connection, keys: list[EventKey]) -> Iterator[EventKey]:
    if keys:
        query = select_by_keys(EVENT, keys, "run_id", "seq", columns=["run_id", "seq"])
        yield from ((run_id, seq) for run_id, seq in connection.execute(query))


def _read_waiting_events(connection: Connection, keys: list[SpanKey]) -> list[tuple[str, str, int]]:
    if not keys:
        return []
    columns = ["run_id", "span_id", "seq"]
    query = select_by_keys(EVENT, keys, "run_id", "span_id", columns=columns)
    found = [(run_id, span_id, seq) for run_id, span_id, seq in connection.execute(query)]
    return sorted(found, key=lambda row: row[2])
