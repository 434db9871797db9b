"""Appending a batch of records: read what it touches, merge in memory, write what changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import Connection, Table, bindparam, update

from agenttrace.wire.models import ValidEvent, ValidRun
from agenttrace_server.storage.batch import Batch, EventKey, RunWork, SpanKey, SpanWork
from agenttrace_server.storage.contents import write_pieces
from agenttrace_server.storage.keys import (
    prepare_by_ids,
    prepare_by_keys,
    read_named,
    write_keys,
)
from agenttrace_server.storage.lookups import write_lookups
from agenttrace_server.storage.open_spans import list_open_spans
from agenttrace_server.storage.partitions import make_partitions
from agenttrace_server.storage.pieces import Pieces
from agenttrace_server.storage.positions import log_changes, read_end
from agenttrace_server.storage.rollups import RUN_SUMS, apply_sums
from agenttrace_server.storage.rows import insert_rows, upsert_named, upsert_rows
from agenttrace_server.storage.snapshots import (
    dump_run_row,
    dump_span_row,
    list_new_payloads,
    load_run_state,
    load_span_state,
)
from agenttrace_server.storage.statements import Statement
from agenttrace_server.storage.statistics import note_growth
from agenttrace_server.storage.tables import DELETED_RUN, EVENT, PAYLOAD, RUN, RUN_OWNER, SPAN
from agenttrace_server.storage.usage_rows import list_hour_rows, list_model_rows
from agenttrace_server.storage.usage_tables import MODEL_USAGE, USAGE_HOUR

if TYPE_CHECKING:
    from agenttrace_server.storage.sole_spans import Incoming

_Write: TypeAlias = Callable[[Connection, Table, Sequence[tuple[Any, ...]]], None]


@dataclass(frozen=True, slots=True)
class Appended:
    """What a commit changed: whom to wake, and up to where there is something to read."""

    end: int
    run_ids: frozenset[str]
    deleted: frozenset[str] = frozenset()
    """Runs whose records were not stored, since they were deleted."""
    foreign: frozenset[str] = frozenset()
    """Runs whose records were not stored, since they are another project's."""


def append_records(
    connection: Connection,
    records: Sequence[Incoming],
    *,
    project_id: str,
    now_ns: int | None = None,
) -> Appended:
    """Merge the records of a project into the store, within the caller's transaction.

    Applying a record twice, late or in another order leads to the same rows and sums. Those of
    deleted runs, and of runs of another project, are left out. `now_ns` is when they arrived, by
    the server's clock, where that is not now.
    """
    now_ns = time.time_ns() if now_ns is None else now_ns
    run_ids = sorted({record.run_id for record in records})
    tombs = read_tombs(connection, run_ids)
    deleted = frozenset(run_id for run_id, owner in tombs.items() if owner == project_id)
    run_ids = [run_id for run_id in run_ids if run_id not in tombs]
    rows = read_named(connection, prepare_by_ids(RUN, "run_id"), RUN, run_ids)
    others = {row["run_id"] for row in rows if row["project_id"] != project_id}
    foreign = frozenset({*others, *(tombs.keys() - deleted)})
    if deleted or foreign:
        left_out = deleted | foreign
        records = [record for record in records if record.run_id not in left_out]
        rows = [row for row in rows if row["run_id"] not in foreign]
    batch = _load_batch(connection, records, rows)
    for record in records:
        batch.apply(record)
    _write_batch(connection, batch, project_id, now_ns)
    changed = frozenset(change[0] for change in batch.changes)
    return Appended(read_end(connection), changed, deleted, foreign)


def read_tombs(connection: Connection, run_ids: Sequence[str]) -> dict[str, str]:
    """Return the projects of those of these runs that were deleted, by run id."""
    statement = prepare_by_ids(DELETED_RUN, "run_id", "run_id", "project_id")
    found = statement.read(connection, keys=write_keys(run_ids))
    return {str(run_id): str(project_id) for run_id, project_id in found}


def _load_batch(
    connection: Connection, records: Sequence[Incoming], rows: Sequence[dict[str, Any]]
) -> Batch:
    """Read what the records touch; `rows` are those of their runs."""
    event_keys = [(r.run_id, r.seq) for r in records if isinstance(r, ValidEvent)]
    batch = Batch(
        runs={run_id: RunWork() for run_id in {record.run_id for record in records}},
        spans={},
        stored_events=set(_read_stored_events(connection, event_keys)),
    )
    known = set()
    for row in rows:
        known.add(row["run_id"])
        batch.runs[row["run_id"]] = RunWork(
            load_run_state(row),
            row,
            row["start_ns"],
            announced=True,
            given_up=row["interrupted_ns"] is not None,
        )
    # A run that is new has no spans: its keys need no look.
    keys = {
        (record.run_id, record.span_id)
        for record in records
        if record.run_id in known
        and not isinstance(record, ValidRun)
        and record.span_id is not None
    }
    for row in _read_spans(connection, [*keys]):
        batch.spans[row["run_id"], row["span_id"]] = SpanWork(load_span_state(row))
    missing = [key for key in keys if key not in batch.spans]
    for run_id, span_id, seq in _read_waiting_events(connection, missing):
        span = batch.spans.setdefault((run_id, span_id), SpanWork())
        span.waiting = [*span.waiting, seq]
    return batch


def _write_batch(connection: Connection, batch: Batch, project_id: str, now_ns: int) -> None:
    spans = [(key, work) for key, work in batch.spans.items() if work.changed]
    runs = [(run_id, work) for run_id, work in batch.runs.items() if work.changed]
    if connection.dialect.name == "postgresql":
        make_partitions(connection, [run_id for run_id, work in runs if work.row is None])
    pieces = Pieces()
    new_spans = [item for item in spans if not item[1].stored]
    _write_spans(connection, new_spans, pieces, insert_rows)
    _write_spans(connection, [item for item in spans if item[1].stored], pieces, upsert_rows)
    upsert_named(
        connection, RUN, [_dump_run(run_id, work, project_id, now_ns) for run_id, work in runs]
    )
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
    upsert_named(connection, MODEL_USAGE, list_model_rows(connection, differences))
    upsert_named(
        connection, USAGE_HOUR, list_hour_rows(connection, project_id, differences.values())
    )
    if batch.changes:
        log_changes(connection, [*batch.changes, *list_open_spans(connection, batch.returned)])
        note_growth(connection, (change[0] for change in batch.changes))


def _write_spans(
    connection: Connection,
    spans: Sequence[tuple[SpanKey, SpanWork]],
    pieces: Pieces,
    write: _Write,
) -> None:
    """Write the rows of spans, and their texts: what a new span has is new, too."""
    rows: list[tuple[Any, ...]] = []
    texts: list[tuple[Any, ...]] = []
    for key, work in spans:
        if work.sole is not None:
            row, own = work.sole.row, work.sole.texts
            pieces.add(work.sole.pieces)
        else:
            state = work.merge()
            row, own = dump_span_row(*key, state), list_new_payloads(*key, state)
        rows.append(row)
        texts += own
    write(connection, SPAN, rows)
    write(connection, PAYLOAD, pieces.take_out(texts))


def _dump_run(run_id: str, work: RunWork, project_id: str, now_ns: int) -> dict[str, Any]:
    row = dump_run_row(
        run_id,
        work.state,
        earliest_ns=work.earliest_ns or 0,
        seen_ns=now_ns,
        user_tags=work.row["user_tags"] if work.row else None,
    )
    sums = apply_sums(work.row, work.difference.sum_run(), RUN_SUMS)
    return {**row, **sums, "project_id": project_id}


def _note_signs_of_life(connection: Connection, run_ids: list[str], now_ns: int) -> None:
    """Keep when the recorders of these runs were last heard of: nothing else changed."""
    _SEE.run(connection, [{"id": run_id, "seen": now_ns} for run_id in run_ids])


def _read_spans(connection: Connection, keys: list[SpanKey]) -> list[dict[str, Any]]:
    if not keys:
        return []
    return read_named(connection, prepare_by_keys(SPAN, "run_id", "span_id"), SPAN, keys)


def _read_stored_events(connection: Connection, keys: list[EventKey]) -> list[EventKey]:
    if not keys:
        return []
    statement = prepare_by_keys(EVENT, "run_id", "seq", "run_id", "seq")
    return [(i, seq) for i, seq in statement.read(connection, keys=write_keys(keys))]


def _read_waiting_events(connection: Connection, keys: list[SpanKey]) -> list[tuple[str, str, int]]:
    if not keys:
        return []
    statement = prepare_by_keys(EVENT, "run_id", "span_id", "run_id", "span_id", "seq")
    found = statement.read(connection, keys=write_keys(keys))
    return sorted(((i, span_id, seq) for i, span_id, seq in found), key=lambda row: row[2])


_SEE: Final = Statement(
    update(RUN).where(RUN.c.run_id == bindparam("id")).values(seen_ns=bindparam("seen"))
)
