"""PostgreSQL's partitions: made by who writes, dropped by who cleans up."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select, text

from agenttrace_server.identity import DEFAULT_PROJECT
from agenttrace_server.storage import partitions as partitions_module
from agenttrace_server.storage.criteria import RunFilter
from agenttrace_server.storage.deletion import delete_runs, list_unfinished
from agenttrace_server.storage.documents import delete_run_documents
from agenttrace_server.storage.engine import Database, open_database
from agenttrace_server.storage.partitions import (
    DAYS_AHEAD,
    DAYS_BACK,
    MAX_NEW_DAYS,
    drop_empty_days,
    find_day,
    list_days,
)
from agenttrace_server.storage.schema import prepare_schema
from agenttrace_server.storage.search import apply_work, read_work, search_spans
from agenttrace_server.storage.spans import read_tree
from agenttrace_server.storage.tables import CHANGE, RUN, SPAN
from agenttrace_server.storage.words import parse_query

from ..support.accounts import drop_accounts
from ..support.dialects import ON_POSTGRESQL
from ..support.lines import (
    Record,
    check_records,
    make_event,
    make_payload,
    make_run,
    make_run_id,
    make_span,
    make_timed_id,
)
from ..support.own import append_records

TODAY = datetime.now(UTC).date()
TABLES = ("span", "payload", "content", "event", "change", "search_document")

_POSTGRESQL_OF_0005 = (
    """CREATE TABLE search_document (
        run_id varchar COLLATE "C", span_id varchar COLLATE "C", doc_id bigint NOT NULL,
        words tsvector NOT NULL, PRIMARY KEY (run_id, span_id))""",
    "CREATE UNIQUE INDEX search_document_by_id ON search_document (doc_id)",
    "CREATE INDEX search_document_by_words ON search_document USING gin (words)",
)


def _make_records(run_id: str, **run: Any) -> list[Record]:
    records = [
        make_run(**{"status": "COMPLETED", "rev": 1, **run}),
        make_span(0, input=make_payload("x")),
        make_event(5),
    ]
    return [{**record, "run_id": run_id} for record in records]


async def _store(database: Database, *run_ids: str, **run: Any) -> None:
    records = [record for run_id in run_ids for record in _make_records(run_id, **run)]
    await database.write(append_records, check_records(records))


def _list_places(connection: Connection, run_id: str) -> set[str]:
    """Return the tables that the rows of a run are in."""
    places: set[str] = set()
    for table in TABLES:
        query = text(f"SELECT DISTINCT tableoid::regclass::text FROM {table} WHERE run_id = :r")
        places |= set(connection.execute(query, {"r": run_id}).scalars())
    return places


def _count_indexes(connection: Connection, table: str) -> int:
    query = text("SELECT count(*) FROM pg_indexes WHERE tablename = :t")
    return int(connection.execute(query, {"t": table}).scalar_one())


@ON_POSTGRESQL
async def test_the_first_run_of_a_day_makes_its_partitions(database: Database) -> None:
    """All rows of a run are in its day's tables, which have the indexes of the whole."""
    first, second = make_timed_id(TODAY, 1), make_timed_id(TODAY, 2)
    await _store(database, first)
    await _store(database, second)
    expected = {f"{name}_{TODAY:%Y%m%d}" for name in ("span", "payload", "event", "change")}
    assert await database.read(_list_places, first) == expected
    assert await database.read(_list_places, second) == expected
    assert await database.read(list_days) == [TODAY]
    for table in TABLES:
        whole = await database.read(_count_indexes, table)
        assert await database.read(_count_indexes, f"{table}_{TODAY:%Y%m%d}") == whole > 0


@ON_POSTGRESQL
@pytest.mark.parametrize(
    "run_id",
    [
        make_run_id(0),
        "f" * 32,
        make_timed_id(TODAY - timedelta(days=DAYS_BACK + 2)),
        make_timed_id(TODAY + timedelta(days=DAYS_AHEAD + 2)),
        make_timed_id(TODAY)[:12] + "4" + make_timed_id(TODAY)[13:],
    ],
    ids=["a number", "the last id", "long ago", "far ahead", "a random id (version 4)"],
)
async def test_an_id_that_says_no_likely_day_is_in_the_default(
    database: Database, run_id: str
) -> None:
    """Nobody makes partitions by inventing ids, and nothing is refused for its id."""
    assert find_day(run_id) is None
    await _store(database, run_id)
    assert await database.read(list_days) == []
    assert {name.split("_")[1] for name in await database.read(_list_places, run_id)} == {"default"}


@ON_POSTGRESQL
async def test_many_days_are_made_over_several_commits(database: Database) -> None:
    """One transaction makes a few; the rows of the others move when theirs are made."""
    days = [TODAY - timedelta(days=n) for n in range(MAX_NEW_DAYS + 2)]
    await _store(database, *[make_timed_id(day) for day in days])
    assert len(await database.read(list_days)) == MAX_NEW_DAYS
    await _store(database, *[make_timed_id(day, 7) for day in days])
    assert await database.read(list_days) == sorted(days)
    for day in days:
        for number in (0, 7):
            places = await database.read(_list_places, make_timed_id(day, number))
            assert {name[-8:] for name in places} == {f"{day:%Y%m%d}"}
            assert len(await database.read(read_tree, make_timed_id(day, number))) == 1


@ON_POSTGRESQL
async def test_a_transaction_that_fails_leaves_no_partition_behind(database: Database) -> None:
    """What is remembered of partitions is never more than there is."""

    def fail(connection: Connection) -> None:
        append_records(connection, check_records(_make_records(make_timed_id(TODAY))))
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await database.write(fail)
    assert await database.read(list_days) == []
    await _store(database, make_timed_id(TODAY, 1))
    assert await database.read(list_days) == [TODAY]


@ON_POSTGRESQL
async def test_a_long_question_does_not_hold_up_the_writer(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While someone reads the default partition, a new day's rows go there; later they move."""
    monkeypatch.setattr(partitions_module, "RETRY_S", 0)
    await _store(database, make_run_id(0))
    reading, done = threading.Event(), threading.Event()

    def read(connection: Connection) -> None:
        connection.execute(select(SPAN)).all()
        reading.set()
        assert done.wait(9)

    other = open_database(database_url)
    question = asyncio.create_task(other.read(read))
    await asyncio.to_thread(reading.wait, 9)
    try:
        await _store(database, make_timed_id(TODAY))
        assert await database.read(list_days) == []
    finally:
        done.set()
    await question
    other.close()
    await _store(database, make_timed_id(TODAY, 1))
    assert await database.read(list_days) == [TODAY]
    assert len(await database.read(read_tree, make_timed_id(TODAY))) == 1


async def _delete(database: Database, *run_ids: str) -> None:
    await database.write(delete_runs, run_ids, project_id=DEFAULT_PROJECT, now_ns=1)


def _list_log(connection: Connection) -> list[tuple[str, str]]:
    rows = connection.execute(select(CHANGE.c.run_id, CHANGE.c.kind).order_by(CHANGE.c.position))
    return [(run_id, kind) for run_id, kind in rows]


@ON_POSTGRESQL
async def test_days_of_which_no_run_is_left_are_dropped(database: Database) -> None:
    """What was left of their runs is gone, but for the entries that tell of the deletion."""
    days = [TODAY - timedelta(days=n) for n in (3, 2, 1, 0)]
    ids = [make_timed_id(day) for day in days]
    await _store(database, *ids)
    await _delete(database, ids[0], ids[2], ids[3])
    assert await database.write(drop_empty_days, TODAY, limit=1) == days[:1]
    assert await database.write(drop_empty_days, TODAY, limit=9) == [days[2]]
    assert await database.write(drop_empty_days, TODAY, limit=9) == []
    assert await database.read(list_days) == [days[1], TODAY]
    for gone in (ids[0], ids[2]):
        assert await database.read(_list_places, gone) == {"change_default"}
        assert [kind for run_id, kind in await database.read(_list_log) if run_id == gone] == [
            "run_deleted"
        ]
    assert await database.read(list_unfinished) == [ids[3]]
    assert len(await database.read(read_tree, ids[1])) == 1
    await _store(database, make_timed_id(days[0], 4))  # a latecomer makes its day anew
    assert await database.read(list_days) == [days[0], days[1], TODAY]
    assert await database.read(_list_places, ids[0]) == {f"change_{days[0]:%Y%m%d}"}


@ON_POSTGRESQL
async def test_a_day_that_is_dropped_takes_its_words_along(database: Database) -> None:
    """What is searched is in the day's partition, and nothing of it is left."""
    old, new = make_timed_id(TODAY - timedelta(days=3)), make_timed_id(TODAY)
    await _store(database, old, new)
    await _index(database)
    assert f"search_document_{TODAY - timedelta(days=3):%Y%m%d}" in await database.read(
        _list_places, old
    )
    await _delete(database, old)
    assert await database.write(drop_empty_days, TODAY, limit=9) == [TODAY - timedelta(days=3)]
    await _index(database)
    assert await database.read(_list_documents) == {new: f"search_document_{TODAY:%Y%m%d}"}


@ON_POSTGRESQL
async def test_the_documents_of_an_older_schema_move_to_their_days(database: Database) -> None:
    """Those of runs that are gone do not; the others are found, changed and deleted as before."""
    old, gone, odd = make_timed_id(TODAY), make_timed_id(TODAY, 2), make_run_id(0)
    await _store(database, old, gone, odd)
    await _index(database)
    before = await database.read(_dump_documents)
    await database.write(_take_back_to_0005)
    await database.write(lambda c: c.execute(delete(RUN).where(RUN.c.run_id == gone)).rowcount)
    await database.write(prepare_schema)
    assert await database.read(_list_documents) == {
        old: f"search_document_{TODAY:%Y%m%d}",
        odd: "search_document_default",
    }
    assert await database.read(_dump_documents) == [row for row in before if row[0] != gone]
    query = parse_query("step")
    found = await database.read(
        search_spans, query, RunFilter(DEFAULT_PROJECT), first=9, before=None
    )
    assert {item.span.run_id for item in found.items} == {old, odd}
    await database.write(delete_run_documents, old, limit=9)
    assert [*await database.read(_list_documents)] == [odd]


async def _index(database: Database) -> None:
    while (work := await database.read(read_work)).start < work.end:
        await database.write(apply_work, work)


def _list_documents(connection: Connection) -> dict[str, str]:
    query = text("SELECT run_id, tableoid::regclass::text FROM search_document ORDER BY doc_id")
    return {row[0]: row[1] for row in connection.execute(query)}


def _dump_documents(connection: Connection) -> list[tuple[Any, ...]]:
    query = text("SELECT run_id, span_id, doc_id, words::text FROM search_document ORDER BY doc_id")
    return [tuple(row) for row in connection.execute(query)]


def _take_back_to_0005(connection: Connection) -> None:
    """Leave the documents, in one table as 0005 had it."""
    rows = "SELECT run_id, span_id, doc_id, words FROM search_document"
    connection.execute(text(f"CREATE TABLE before AS {rows}"))
    connection.execute(text("DROP TABLE search_document"))
    for statement in _POSTGRESQL_OF_0005:
        connection.execute(text(statement))
    connection.execute(text("INSERT INTO search_document SELECT * FROM before"))
    connection.execute(text("DROP TABLE before"))
    connection.execute(text("ALTER TABLE run DROP COLUMN dropped_json"))
    connection.execute(text("DROP TABLE leftover"))
    drop_accounts(connection)
    connection.execute(text("ALTER TABLE usage_hour DROP COLUMN project_id"))
    connection.execute(text("ALTER TABLE usage_hour ADD PRIMARY KEY (hour_ns, model)"))
    connection.execute(text("UPDATE alembic_version SET version_num = '0005'"))


@ON_POSTGRESQL
async def test_a_day_that_someone_reads_is_not_waited_for(
    database: Database, database_url: str
) -> None:
    """The writer gives way: nothing is dropped, nothing is undone but the try."""
    day = TODAY - timedelta(days=3)
    await _store(database, make_timed_id(day))
    await _delete(database, make_timed_id(day))
    reading, done = threading.Event(), threading.Event()

    def read(connection: Connection) -> None:
        connection.execute(select(SPAN)).all()
        reading.set()
        assert done.wait(9)

    other = open_database(database_url)
    question = asyncio.create_task(other.read(read))
    await asyncio.to_thread(reading.wait, 9)
    try:
        assert await database.write(drop_empty_days, TODAY, limit=1) == []
    finally:
        done.set()
    await question
    other.close()
    assert await database.read(list_unfinished) == [make_timed_id(day)]
    assert await database.write(drop_empty_days, TODAY, limit=1) == [day]
    assert await database.read(list_unfinished) == []
