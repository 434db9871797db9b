"""The law of an export: what is taken in elsewhere is, and becomes, what it was here."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine

from agenttrace.trace.reading import decode_line, split_lines
from agenttrace.trace.run import RunCollector
from agenttrace.wire.validation import parse_line
from agenttrace_server.services.export import ExportService
from agenttrace_server.storage.engine import Database, open_database
from agenttrace_server.storage.export import (
    read_event_lines,
    read_run_line,
    read_span_lines,
    read_start_line,
)

from ..support.lines import (
    START_NS,
    Record,
    check_records,
    make_event,
    make_payload,
    make_run,
    make_run_id,
    make_span,
)
from ..support.own import append_records
from ..support.postgres import PostgresServer
from ..support.stores import (
    ARRIVAL_NS,
    final_state,
    open_store,
    read_state,
    read_tables,
    recordings,
    store,
)

LATE_NS = START_NS + 10**9
RUNS = [make_run_id(0), make_run_id(1)]


def _export(engine: Engine, run_id: str = RUNS[0]) -> list[Record]:
    with engine.connect() as connection:
        return [json.loads(line) for line in _write_lines(connection, run_id)]


def _write_lines(connection: Connection, run_id: str) -> Iterator[bytes]:
    """What `ExportService` sends, without its loop."""
    first = read_run_line(connection, run_id)
    if first is None:
        return
    yield from first.splitlines()
    spans = read_span_lines(connection, run_id, "")
    assert spans is not None
    assert spans[1] is None
    yield from spans[0].splitlines()
    if not first:
        yield from read_start_line(connection, run_id).splitlines()
    events = read_event_lines(connection, run_id, -1)
    assert events is not None
    yield from events[0].splitlines()


def _export_all(engine: Engine) -> list[Record]:
    return [record for run_id in RUNS for record in _export(engine, run_id)]


def _part(recording: list[Record], shuffler: random.Random) -> tuple[list[Record], list[Record]]:
    """Part a recording in what a store has, some of it twice, and what comes late."""
    shuffler.shuffle(recording)
    place = shuffler.randint(0, len(recording))
    stored = recording[:place]
    again = [record for record in stored if shuffler.random() < 0.3]
    late = [*recording[place:], *again]
    shuffler.shuffle(late)
    return [*stored, *again], late


@settings(max_examples=80, deadline=None)
@given(recordings(), st.randoms(use_true_random=False))
def test_an_import_is_and_becomes_what_the_original_does(
    recording: list[Record], shuffler: random.Random
) -> None:
    """Rows, sums and ranks are equal at once, and after every later record."""
    stored, late = _part(recording, shuffler)
    with open_store() as here, open_store() as there:
        store(here, [[record] for record in stored])
        store(there, [_export_all(here)])
        assert read_state(there) == read_state(here)
        for record in late:
            store(here, [[record]])
            store(there, [[record]])
            assert read_state(there) == read_state(here)


@settings(max_examples=60, deadline=None)
@given(recordings(), st.randoms(use_true_random=False))
def test_an_import_among_records_of_the_recorder_loses_nothing(
    recording: list[Record], shuffler: random.Random
) -> None:
    """Lines of the export as they stand, twice, among any records of the same runs."""
    stored, late = _part(recording, shuffler)
    with open_store() as here:
        store(here, [stored])
        lines = _export_all(here)
    mixed = [*lines, *lines]
    for record in late:
        mixed.insert(shuffler.randint(0, len(mixed)), record)
    assert final_state(*[[record] for record in mixed]) == final_state(stored, late)


@settings(max_examples=50, deadline=None)
@given(recordings(), st.randoms(use_true_random=False))
def test_the_lines_of_a_state_are_the_same_bytes(
    recording: list[Record], shuffler: random.Random
) -> None:
    """However the records came, and however often they are taken on."""
    with open_store() as here, open_store() as there, open_store() as further:
        store(here, [recording])
        again = recording + recording
        shuffler.shuffle(again)
        store(there, [[record] for record in again])
        lines = _export_all(here)
        assert _export_all(there) == lines
        store(further, [lines])
        with here.connect() as one, further.connect() as two:
            for run_id in RUNS:
                assert [*_write_lines(two, run_id)] == [*_write_lines(one, run_id)]


@settings(max_examples=50, deadline=None)
@given(recordings())
def test_a_reader_of_files_shows_what_the_store_shows(recording: list[Record]) -> None:
    """The SDK's reader, which knows nothing of ranks kept, merges the lines to the same fields."""
    with open_store() as here:
        store(here, [recording])
        state = read_state(here)
        with here.connect() as connection:
            lines = [line for run_id in RUNS for line in _write_lines(connection, run_id)]
    collector = RunCollector()
    for line in split_lines(lines):
        record = decode_line(line)
        assert record is not None
        collector.add(record)
    names = ("name", "status", "start_ns", "end_ns", "seq", "model", "parent_span_id", "end_seq")
    shown = {(r.run_id, s.span_id): s for r in collector.make_runs() for s in r.spans}
    stored = {(row["run_id"], row["span_id"]): row for row in state["span"]}
    assert {k: [getattr(s, n) for n in names] for k, s in shown.items()} == {
        k: [row[n] for n in names] for k, row in stored.items()
    }


def test_a_state_of_one_snapshot_is_one_line() -> None:
    """The common case: the last snapshot has every field, as a recorder sends it."""
    start, end = make_span(0, status="STARTED", rev=0, model="m"), make_span(0, rev=1, model="m")
    with open_store() as here:
        store(here, [[make_run(), start, end, make_run(status="COMPLETED", rev=1)]])
        lines = _export(here)
    assert [(line["type"], line["rev"]) for line in lines] == [("run", 1), ("span", 1)]


def test_fields_of_older_snapshots_follow_by_rank() -> None:
    """Each line has the fields of its rank, beside those that no snapshot goes without."""
    snapshots = [
        make_span(0, status="STARTED", rev=4, model="m", input=make_payload(1)),
        make_span(0, rev=1, model="n", replay_key="k", boundary=True),
        make_span(0, rev=2, start_ns=LATE_NS, end_ns=LATE_NS + 1, model="o"),
    ]
    with open_store() as here:
        store(here, [[make_run(), *snapshots]])
        _, *lines = _export(here)
    always = {"v", "type", "run_id", "span_id", "name", "span_type", "status", "start_ns"}
    always |= {"seq", "lane", "effect"}
    own = [(line["status"], line["rev"], line.keys() - always) for line in lines]
    assert own == [
        ("COMPLETED", 2, {"rev", "model", "end_ns", "duration_ns"}),
        ("COMPLETED", 1, {"rev", "replay_key", "boundary"}),
        ("STARTED", 4, {"rev", "input"}),
    ]


def test_an_older_end_before_a_newer_start_can_be_taken_in() -> None:
    """A line that ends before it starts would be refused."""
    late = make_span(0, rev=2, start_ns=LATE_NS)
    del late["end_ns"], late["duration_ns"]
    with open_store() as here:
        store(here, [[make_run(), make_span(0, rev=1), late]])
        lines = _export(here)
        assert len([parse_line(json.dumps(line).encode()) for line in lines]) == 3
        assert final_state(lines) == read_state(here)


def test_a_run_without_a_record_keeps_when_it_began() -> None:
    """Its start is the earliest that was seen, also where a better snapshot said otherwise."""
    moved = [make_span(0, rev=1), make_span(0, rev=2, start_ns=LATE_NS, end_ns=LATE_NS)]
    with open_store() as here:
        store(here, [[*moved, make_event(9, t_ns=LATE_NS)]])
        (run,) = read_state(here)["run"]
        assert run["start_ns"] == START_NS
        lines = _export(here)
        assert final_state(lines) == read_state(here)
        # The line that says so keeps out no snapshot of its rank, whenever that comes.
        late = make_span(0, status="STARTED", rev=0, model="m")
        store(here, [[late]])
        for place in range(len(lines) + 1):
            among = [*lines[:place], late, *lines[place:]]
            assert final_state(*[[record] for record in among]) == read_state(here)


def test_texts_of_two_snapshots_are_within_the_limit_of_a_line() -> None:
    """Each of 9 MiB: together they would be a line that no store takes."""
    large = make_payload("x" * 9 * 1024 * 1024)
    snapshots = [make_span(0, status="STARTED", rev=0, input=large), make_span(0, output=large)]
    with open_store() as here:
        store(here, [[make_run(), *snapshots]])
        assert final_state(_export(here)) == read_state(here)


# A database an example: to shrink a failure would take minutes.
@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(recordings(), st.randoms(use_true_random=False))
def test_the_law_holds_on_postgresql(
    postgres: PostgresServer, recording: list[Record], shuffler: random.Random
) -> None:
    """The same, through the service, from one PostgreSQL to another database of it."""
    stored, late = _part(recording, shuffler)
    url = postgres.make_copy("store", lambda url: open_database(url).close())
    database = open_database(url)
    try:
        asyncio.run(_check_on(database, stored, late))
    finally:
        database.close()
        postgres.drop_database(url)


async def _check_on(database: Database, stored: list[Record], late: list[Record]) -> None:
    await _append(database, stored)
    service = ExportService(database)
    lines: list[Record] = []
    for run_id in RUNS:
        found = await service.export_run(run_id)
        if found is None:
            continue
        async for step in found:
            lines += [json.loads(line) for line in step.splitlines()]
    assert await database.read(read_tables) == final_state(lines)
    await _append(database, late)
    assert await database.read(read_tables) == final_state(lines, late)


async def _append(database: Database, records: list[Record]) -> None:
    await database.write(append_records, check_records(records), now_ns=ARRIVAL_NS)


def test_counts_of_dropped_records_keep_their_revision() -> None:
    """An end that tells of none leaves those of the open run, which a later record overrules."""
    snapshots = [
        make_run(rev=3, dropped={"queue_full": 3}),
        make_run(status="COMPLETED", rev=1),
    ]
    late = make_run(rev=5, dropped={"queue_full": 5})
    with open_store() as here, open_store() as there:
        store(here, [snapshots])
        store(there, [_export_all(here)])
        for record in (snapshots[0], late):
            assert read_state(there) == read_state(here)
            store(here, [[record]])
            store(there, [[record]])
        assert read_state(there) == read_state(here)
        assert '"queue_full":5' in str(read_state(there))
