"""What the arrival of records does beside merging them, and which of their fields are kept."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, select, update

from agenttrace_server.storage.engine import Database
from agenttrace_server.storage.events import read_events
from agenttrace_server.storage.runs import read_runs
from agenttrace_server.storage.spans import read_spans
from agenttrace_server.storage.tables import ATTRIBUTE, CHANGE, RUN, TAG

from ..support.lines import (
    Record,
    check_records,
    make_event,
    make_run,
    make_run_id,
    make_span,
    make_span_id,
)
from ..support.own import append_records

RUN_ID = make_run_id(0)


async def _store(database: Database, *records: Record, now_ns: int = 1) -> None:
    await database.write(append_records, check_records(records), now_ns=now_ns)


async def _list_kinds(database: Database) -> list[str]:
    query = select(CHANGE.c.kind).order_by(CHANGE.c.position)
    return await database.read(lambda connection: [*connection.execute(query).scalars()])


def _change_run(connection: Connection, /, **values: Any) -> None:
    connection.execute(update(RUN).values(**values))


async def test_a_record_that_says_nothing_new_is_a_sign_of_life(database: Database) -> None:
    """A run's own record again says that its recorder lives: nobody is told of a change."""
    await _store(database, make_run(), make_span(0), now_ns=5)
    before = await _list_kinds(database)
    await _store(database, make_run(), now_ns=9)
    assert (await database.read(read_runs, [RUN_ID]))[RUN_ID].seen_ns == 9
    assert await _list_kinds(database) == before


async def test_any_record_takes_back_that_a_run_was_given_up(database: Database) -> None:
    """A run that is shown as interrupted goes on with the next record of it, new or not."""
    for record in (make_run(), make_span(0), make_event(4, span=None)):
        await _store(database, make_run(), make_span(0))
        await database.write(_change_run, status="INTERRUPTED", interrupted_ns=7)
        before = await _list_kinds(database)
        await _store(database, record)
        run = (await database.read(read_runs, [RUN_ID]))[RUN_ID]
        assert (run.status, run.interrupted_ns) == ("STARTED", None)
        assert (await _list_kinds(database))[len(before)] == "run_updated"


async def test_a_run_that_was_given_up_and_ends_is_as_if_it_never_was(database: Database) -> None:
    """That a run was given up is no part of what the merge law is about."""
    await _store(database, make_run())
    await database.write(_change_run, status="INTERRUPTED", interrupted_ns=7)
    await _store(database, make_run(status="COMPLETED", rev=1))
    assert (await database.read(read_runs, [RUN_ID]))[RUN_ID].status == "COMPLETED"
    recorded = select(RUN.c.recorded_status)
    assert await database.read(lambda c: c.execute(recorded).scalar_one()) == "COMPLETED"


async def test_tags_that_people_added_stay_beside_the_recorded_ones(database: Database) -> None:
    """A later snapshot replaces the recorded tags only."""
    await _store(database, make_run(tags=["a", "b"]))
    await database.write(_change_run, user_tags='["mine"]')
    await _store(database, make_run(status="COMPLETED", rev=1, tags=["b", "c"]))
    run = (await database.read(read_runs, [RUN_ID]))[RUN_ID]
    assert (run.tags, run.user_tags) == (("b", "c"), ("mine",))
    tags = select(TAG.c.tag).order_by(TAG.c.tag)
    assert await database.read(lambda c: [*c.execute(tags).scalars()]) == ["b", "c", "mine"]


async def test_attributes_are_found_by_the_text_of_each_value(database: Database) -> None:
    """Lists give a row an element, numbers keep their text; of what is too long, the key is."""
    await _store(database, make_run(attributes={"old": 1}))
    attributes = {
        "big": 2**70,
        "flag": True,
        "list": ["x", "y", "x", 1.5],
        "long": "z" * 257,
        "k" * 257: 1,
        "nothing": None,
        "nul": "a\0b",
    }
    await _store(database, make_run(status="COMPLETED", rev=1, attributes=attributes))
    rows = select(ATTRIBUTE.c.key, ATTRIBUTE.c.value).order_by(*ATTRIBUTE.primary_key)
    assert await database.read(lambda c: [tuple(row) for row in c.execute(rows)]) == [
        ("big", str(2**70)),
        ("flag", "true"),
        ("list", "1.5"),
        ("list", "x"),
        ("list", "y"),
        ("long", " " * 257),
        ("nothing", "null"),
        ("nul", "a\ufffdb"),
    ]


async def test_whatever_a_record_says_is_read_back(database: Database) -> None:
    """Links, boundaries, price tables, ends and offsets are stored and handed out."""
    link = {"run_id": "a" * 32, "span_id": "b" * 16, "attributes": {"why": "retry"}}
    span = make_span(
        0,
        links=[link],
        boundary=False,
        cost={"usd": "1", "source": "price_table", "table": "prices 1"},
        end_seq=3,
    )
    run = make_run(
        status="COMPLETED",
        rev=1,
        links=[{"run_id": "a" * 32}],
        end_seq=4,
        complete=False,
        dropped={"rejected": 1, "queue_full": 12},
        replayed_from="c" * 32,
        forked_at=2,
    )
    await _store(database, run, span, make_event(1, offset_ns=250))
    (stored_run,) = (await database.read(read_runs, [RUN_ID])).values()
    assert (stored_run.end_seq, stored_run.complete, stored_run.forked_at) == (4, False, 2)
    assert stored_run.dropped == (("queue_full", 12), ("rejected", 1))
    assert stored_run.links_json == '[{"run_id":"' + "a" * 32 + '"}]'
    (stored_span,) = (await database.read(read_spans, [(RUN_ID, make_span_id(0))])).values()
    assert (stored_span.boundary, stored_span.cost_table) == (False, "prices 1")
    assert '"why":"retry"' in (stored_span.links_json or "")
    (event,) = (await database.read(read_events, RUN_ID, [1])).values()
    assert event.offset_ns == 250


async def test_an_attribute_is_there_whatever_its_value(database: Database) -> None:
    """Also one that is too long to be looked for, or has none: only its value is not found."""
    values = {"long": "y" * 300, "none": [], "both": ["y" * 300, "z"], "short": "z"}
    await _store(database, make_run(attributes=values))
    rows = await database.read(
        lambda c: c.execute(select(ATTRIBUTE.c.key, ATTRIBUTE.c.value)).all()
    )
    assert {key for key, _ in rows} == {*values}
    assert sorted(value for _, value in rows if len(value) <= 256) == ["z", "z"]


async def test_counts_of_dropped_records_are_told_as_they_grow(database: Database) -> None:
    """Each record of an open run that says more is a change; one that says no more is none."""
    await _store(database, make_run())
    await _store(database, make_run(rev=2, dropped={"queue_full": 2}))
    kinds = await _list_kinds(database)
    await _store(database, make_run(rev=2, dropped={"queue_full": 2}))
    await _store(database, make_run())
    assert await _list_kinds(database) == kinds
    assert kinds[-1] == "run_updated"
    await _store(database, make_run(status="COMPLETED", rev=1))
    run = (await database.read(read_runs, [RUN_ID]))[RUN_ID]
    assert (run.status, run.dropped) == ("COMPLETED", (("queue_full", 2),))


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(order=st.permutations([*range(4), 1, 3]))
async def test_counts_of_dropped_records_merge_in_any_order(
    database: Database, order: list[int]
) -> None:
    """Once or twice, early or late: the best snapshot that counts them is the one that holds."""
    snapshots = [
        make_run(9),
        make_run(9, rev=3, dropped={"queue_full": 3}),
        make_run(9, status="COMPLETED", rev=1),
        make_run(9, status="COMPLETED", rev=6, dropped={"queue_full": 3, "rejected": 2}),
    ]
    run_id = make_run_id(9)
    await database.write(_forget, run_id)
    for place in order:
        await _store(database, snapshots[place])
    run = (await database.read(read_runs, [run_id]))[run_id]
    assert (run.status, run.dropped) == ("COMPLETED", (("queue_full", 3), ("rejected", 2)))


def _forget(connection: Connection, /, run_id: str) -> None:
    connection.execute(delete(RUN).where(RUN.c.run_id == run_id))
