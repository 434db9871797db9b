"""S3 and S16 over the real writer: repeats, shuffles, crowds, and clocks that are wrong."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from sqlalchemy import Connection, select

from agenttrace_server.identity import DEFAULT_PROJECT
from agenttrace_server.storage.deletion import delete_details, delete_runs
from agenttrace_server.storage.engine import Database
from agenttrace_server.storage.runs import read_runs
from agenttrace_server.storage.spans import read_tree
from agenttrace_server.storage.tables import CHANGE, CONTENT, EVENT, PAYLOAD, RUN, SPAN, metadata
from agenttrace_server.storage.writer import Writer

from ..support.lines import (
    START_NS,
    Record,
    check_records,
    make_call,
    make_event,
    make_payload,
    make_run,
    make_run_id,
    make_span,
)
from ..support.own import append_records

YEAR_NS = 365 * 86_400 * 10**9
# Whose content depends on when and in which order records came; what they merge to is elsewhere.
OF_ARRIVAL = {CHANGE.name, "store", "deleted_run", "search_progress"}


def _make_recording(run: int) -> list[Record]:
    """A run of 20 calls: each start, each end, chunks between, and the run's own records."""
    records = [make_run(run, tags=["a"], attributes={"k": [1, 2]})]
    for n in range(20):
        text = make_payload(f"{n} " * 700)
        records += [
            make_call(n, run=run, status="STARTED", rev=0, input=text, usage=None, cost=None),
            make_event(100 + n, run=run, span=n, body=text),
            make_call(n, run=run, input=text, output=make_payload(n)),
        ]
    return [*records, make_run(run, status="COMPLETED", rev=1, tags=["a", "b"])]


def _read_state(connection: Connection) -> dict[str, list[str]]:
    state = {}
    for table in metadata.sorted_tables:
        if table.name in OF_ARRIVAL:
            continue
        kept = [c for c in table.columns if c.name not in ("seen_ns", "older")]
        state[table.name] = sorted(str(tuple(row)) for row in connection.execute(select(*kept)))
    return state


def _read_log(connection: Connection) -> list[tuple[Any, ...]]:
    columns = (CHANGE.c.run_id, CHANGE.c.kind, CHANGE.c.span_id, CHANGE.c.event_seq)
    return [tuple(row) for row in connection.execute(select(*columns))]


async def _send(database: Database, requests: list[list[Record]]) -> None:
    """Send requests all at once, through the writer that servers have."""
    writer = Writer(database, on_commit=lambda _appended: None)
    writer.start()
    refused = await asyncio.gather(
        *(writer.append(check_records(r), DEFAULT_PROJECT) for r in requests)
    )
    await writer.close()
    assert not any(refused)


async def _clear(database: Database) -> None:
    await database.write(delete_runs, [make_run_id(0)], project_id=DEFAULT_PROJECT, now_ns=1)
    await database.write(delete_details, [make_run_id(0)])


async def test_a_request_again_and_again_at_once_is_one(database: Database) -> None:
    """Sent ten times at once, and once more: rows, sums and the log are those of one request."""
    recording = _make_recording(0)
    await database.write(append_records, check_records(recording))
    expected, log = await database.read(_read_state), await database.read(_read_log)
    await _send(database, [recording] * 10)
    assert await database.read(_read_state) == expected
    assert await database.read(_read_log) == log
    run = (await database.read(read_runs, [make_run_id(0)]))[make_run_id(0)]
    assert (run.totals.spans, run.totals.prompt_tokens) == (20, 200)
    assert run.totals.cost_pico == 20 * 1_200_000_000


async def test_shuffled_and_repeated_requests_lead_to_the_same_state(database: Database) -> None:
    """Every record one to three times, in any order, in requests that meet, old among newer."""
    recording = _make_recording(0)
    await database.write(append_records, check_records(recording))
    expected = await database.read(_read_state)
    shuffler = random.Random(11)
    again = [r for record in recording for r in [record] * shuffler.randint(1, 3)]
    shuffler.shuffle(again)
    # The same in a run of its own, which differs by its id alone.
    copies = [{**record, "run_id": make_run_id(1)} for record in again]
    await _send(database, [copies[start : start + 7] for start in range(0, len(copies), 7)])
    await _clear(database)
    found = await database.read(_read_state)
    renamed = {
        name: sorted(row.replace(make_run_id(1), make_run_id(0)) for row in rows)
        for name, rows in found.items()
    }
    assert renamed == expected
    counts = {table.name: len(found[table.name]) for table in (RUN, SPAN, PAYLOAD, EVENT, CONTENT)}
    assert counts == {"run": 1, "span": 20, "payload": 41, "event": 20, "content": 20}


async def test_clocks_that_are_wrong_disturb_neither_order_nor_sums(database: Database) -> None:
    """Spans ten years early, ten years late and stepping back stay in the order of `seq`."""
    shifts_ns = [-10 * YEAR_NS, 10 * YEAR_NS, 0, -3_600 * 10**9, -1]
    spans = []
    for n in range(15):
        start_ns = START_NS + n * 10**6 + shifts_ns[n % 5]
        times = {"start_ns": start_ns, "duration_ns": 500, "end_ns": start_ns + 500}
        spans.append(make_call(n, **times))
    shuffled = [make_run(), *spans]
    random.Random(5).shuffle(shuffled)
    await _send(database, [[record] for record in shuffled])
    tree = await database.read(read_tree, make_run_id(0))
    assert [span.seq for span in tree] == list(range(15))
    assert all(span.duration_ns == 500 for span in tree)
    run = (await database.read(read_runs, [make_run_id(0)]))[make_run_id(0)]
    assert (run.start_ns, run.totals.spans, run.totals.prompt_tokens) == (START_NS, 15, 150)


async def test_a_servers_clock_that_steps_back_stores_as_before(database: Database) -> None:
    """What the server's own clock says moves `seen_ns` and nothing else."""
    await database.write(append_records, check_records([make_run()]), now_ns=START_NS)
    late = [make_span(0), make_run(status="COMPLETED", rev=1)]
    await database.write(append_records, check_records(late), now_ns=START_NS - 10 * YEAR_NS)
    run = (await database.read(read_runs, [make_run_id(0)]))[make_run_id(0)]
    assert (run.status, run.totals.spans) == ("COMPLETED", 1)
    assert run.seen_ns == START_NS - 10 * YEAR_NS
