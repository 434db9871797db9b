"""Recordings that hypothesis makes, and all that a store knows of what it was given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, Table, create_engine, event, insert, select

from agenttrace.semconv import REPLAY_BILLED_USD
from agenttrace_server.storage.tables import (
    ATTRIBUTE,
    EVENT,
    PAYLOAD,
    RUN,
    SPAN,
    STORE,
    TAG,
    metadata,
)
from agenttrace_server.storage.usage_tables import MODEL_USAGE, USAGE_HOUR

from .lines import (
    START_NS,
    Record,
    check_records,
    make_event,
    make_payload,
    make_run,
    make_span,
    make_span_id,
)
from .own import append_records

STATE_TABLES = (RUN, SPAN, PAYLOAD, EVENT, MODEL_USAGE, USAGE_HOUR, TAG, ATTRIBUTE)
HOUR_NS = 3_600_000_000_000
ARRIVAL_NS = START_NS + HOUR_NS
# How the ranks of older fields are written down may differ; what they say may not.
_UNORDERED = {"older"}


@contextmanager
def open_store() -> Iterator[Engine]:
    """A store in memory: the law is about merging, files have their own tests."""
    engine = create_engine("sqlite://")

    @event.listens_for(engine, "connect")
    def set_up(raw: Any, _record: object) -> None:
        raw.isolation_level = None

    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(STORE), {"id": 1, "database_id": "0" * 8, "position": 0})
    yield engine
    engine.dispose()


def store(engine: Engine, batches: Sequence[Sequence[Record]]) -> None:
    """Append the batches, each in a transaction of its own."""
    for batch in batches:
        with engine.begin() as connection:
            append_records(connection, check_records(batch), now_ns=ARRIVAL_NS)


def read_state(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """Return what `read_tables` does."""
    with engine.connect() as connection:
        return read_tables(connection)


def read_tables(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """Return every row that says what runs are, by table."""
    return {table.name: _read_table(connection, table) for table in STATE_TABLES}


def _read_table(connection: Connection, table: Table) -> list[dict[str, Any]]:
    rows = [dict(row._mapping) for row in connection.execute(select(table))]
    for row in rows:
        for name in _UNORDERED & row.keys():
            row[name] = sorted(eval(row[name]).items()) if row[name] else None
    # A model that nobody calls any more keeps a row of zeros.
    kept = [row for row in rows if row.get("calls", 1)]
    return sorted(kept, key=lambda row: str([row[column.name] for column in table.primary_key]))


def final_state(*batches: Sequence[Record]) -> dict[str, list[dict[str, Any]]]:
    """Return what a new store holds after these batches."""
    with open_store() as engine:
        store(engine, batches)
        return read_state(engine)


_USAGE = st.fixed_dictionaries(
    {"source": st.sampled_from(["reported", "estimated"])},
    optional={
        "prompt_tokens": st.integers(0, 1000),
        "completion_tokens": st.integers(0, 1000),
        "total_tokens": st.integers(0, 1000),
        "cached_tokens": st.integers(0, 1000),
    },
)
_COST = st.fixed_dictionaries(
    {
        "usd": st.decimals(0, 1_000_000, places=12, allow_nan=False).map("{:f}".format),
        "source": st.just("rates"),
    }
)
_SPAN_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from(["a", "b"]),
        "usage": _USAGE,
        "cost": _COST,
        "input": st.integers().map(make_payload),
        "output": st.integers().map(make_payload),
        "error": st.just({"type": "E", "message": "m"}),
        "attributes": st.dictionaries(st.sampled_from("xy"), st.integers(0, 9))
        | st.just({REPLAY_BILLED_USD: "0"}),
        "parent_span_id": st.integers(0, 3).map(make_span_id),
        "replay_key": st.sampled_from(["k", "l"]),
        "outcome": st.sampled_from(["ok", "error"]),
        "start_ns": st.integers(0, 3).map(lambda hours: START_NS - hours * HOUR_NS),
        "end_seq": st.integers(0, 9),
        "boundary": st.booleans(),
        "links": st.lists(st.just({"run_id": "b" * 32}), max_size=1),
    },
)
_RUN_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "correlation_id": st.sampled_from(["c", "d"]),
        "tags": st.lists(st.sampled_from(["x", "y"]), max_size=2),
        "input": st.integers().map(make_payload),
        "output": st.integers().map(make_payload),
        "resource": st.just({"service.name": "s"}),
        "attributes": st.dictionaries(st.sampled_from("xy"), st.integers(0, 9)),
        "replayed_from": st.just("a" * 32),
        "start_ns": st.integers(0, 3).map(lambda hours: START_NS - hours * HOUR_NS),
        "complete": st.booleans(),
        "dropped": st.dictionaries(st.just("queue_full"), st.integers(1, 3), min_size=1),
        "links": st.lists(st.just({"run_id": "b" * 32}), max_size=1),
    },
)


@st.composite
def recordings(draw: st.DrawFn) -> list[Record]:
    """Snapshots of a few runs, spans and events: no two of one id have equal rank."""
    records: list[Record] = []
    for run in range(draw(st.integers(1, 2))):
        for rev, ended in draw(_revisions()):
            status = "COMPLETED" if ended else "STARTED"
            fields = draw(_RUN_FIELDS)
            records.append(
                draw(_with_or_without_end(make_run(run, status=status, rev=rev, **fields)))
            )
        for span in range(draw(st.integers(0, 3))):
            kind = draw(st.sampled_from(["LLM_CALL", "TOOL_CALL", "AGENT"]))
            for rev, ended in draw(_revisions()):
                status = draw(st.sampled_from(["COMPLETED", "ERROR"])) if ended else "STARTED"
                fields = draw(_SPAN_FIELDS)
                made = make_span(span, run=run, status=status, rev=rev, span_type=kind, **fields)
                records.append(draw(_with_or_without_end(made)))
        for seq in range(draw(st.integers(0, 3))):
            owner = draw(st.one_of(st.none(), st.integers(0, 3)))
            records.append(make_event(10 + seq, run=run, span=owner, body=make_payload(seq)))
    return records


def _revisions() -> st.SearchStrategy[list[tuple[int, bool]]]:
    return st.lists(
        st.tuples(st.integers(0, 3), st.booleans()), min_size=0, max_size=4, unique=True
    )


def _with_or_without_end(record: Record) -> st.SearchStrategy[Record]:
    """A recorder need not say when a run or span ended, nor how long it took."""
    bare = {name: value for name, value in record.items() if name not in ("end_ns", "duration_ns")}
    return st.sampled_from([record, bare])
