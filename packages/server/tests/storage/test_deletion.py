"""Deleting runs: nothing of them is left, nothing else is touched, and nothing comes back."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select, text

from agenttrace_server.identity import DEFAULT_PROJECT
from agenttrace_server.services import deletion as deletion_module
from agenttrace_server.services.deletion import Deleted, DeletionService
from agenttrace_server.storage.append import Appended
from agenttrace_server.storage.criteria import RunFilter
from agenttrace_server.storage.deletion import delete_details, delete_runs, list_unfinished
from agenttrace_server.storage.documents import DOCUMENT, is_sqlite
from agenttrace_server.storage.engine import Database
from agenttrace_server.storage.search import apply_work, read_work
from agenttrace_server.storage.tables import ANNOTATION, CHANGE, DELETED_RUN, SPAN, metadata
from agenttrace_server.storage.writer import Writer

from ..support.lines import (
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

MARKER = "planted-marker"
LONG = f"{MARKER} " * 1_000


def _make_recording(run: int) -> list[Record]:
    """A run that says the marker wherever a record has a place for it."""
    return [
        make_run(
            run,
            name=MARKER,
            correlation_id=MARKER,
            tags=[MARKER],
            attributes={MARKER: MARKER},
            resource={"r": MARKER},
            input=make_payload(LONG),
            links=[{"run_id": "a" * 32, "attributes": {"k": MARKER}}],
        ),
        make_call(0, run=run, name=MARKER, model=MARKER, output=make_payload(MARKER)),
        make_span(1, run=run, status="ERROR", error={"type": "E", "message": LONG}),
        make_event(2, run=run, name=MARKER, body=make_payload(LONG)),
        make_event(3, run=run, span=None, body=make_payload(MARKER)),
    ]


def _annotate(connection: Connection, run_id: str) -> None:
    row = {"annotation_id": f"a-{run_id}", "run_id": run_id, "span_id": "", "name": MARKER}
    times = {"source": "HUMAN", "comment": MARKER, "created_ns": 1, "updated_ns": 1}
    connection.execute(insert(ANNOTATION), {**row, **times})


def _dump(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    tables = {
        table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=str)
        for table in metadata.sorted_tables
    }
    return {
        name: rows for name, rows in tables.items() if rows and name not in ("store", "project")
    }


def _read_words(connection: Connection) -> str:
    table = "search_words" if is_sqlite(connection) else "search_document"
    return str(connection.execute(text(f"SELECT words FROM {table}")).all())


@pytest.fixture
def deletion(database: Database) -> DeletionService:
    """Deletes at a time of its own."""
    return DeletionService(database, on_commit=lambda _gone: None, clock_ns=lambda: 77)


async def test_nothing_of_a_deleted_run_is_left(
    database: Database, deletion: DeletionService
) -> None:
    """A marker in every text of a run is in no table after; a tombstone and one entry stay."""
    await database.write(append_records, check_records(_make_recording(0)))
    await database.write(_annotate, make_run_id(0))
    before = await database.read(_dump)
    assert sum(MARKER in str(rows) for rows in before.values()) >= 8
    assert await deletion.delete_run(make_run_id(0), DEFAULT_PROJECT)
    await deletion.finish()
    position = len(before["change"]) + 1
    assert await database.read(_dump) == {
        "change": [(make_run_id(0), position, "run_deleted", None, None)],
        "deleted_run": [(make_run_id(0), 77, DEFAULT_PROJECT)],
    }
    assert not await deletion.delete_run(make_run_id(0), DEFAULT_PROJECT)


async def test_nothing_of_a_deleted_run_is_found_by_its_words(
    database: Database, deletion: DeletionService
) -> None:
    """The index of words forgets a run with its rows, and keeps those of others."""
    records = [*_make_recording(0), make_run(1), make_call(0, run=1, output=make_payload("kept"))]
    await database.write(append_records, check_records(records))
    await database.write(apply_work, await database.read(read_work))
    await deletion.delete_run(make_run_id(0), DEFAULT_PROJECT)
    await deletion.finish()
    runs = select(DOCUMENT.c.run_id)
    assert await database.read(lambda c: [*c.execute(runs).scalars()]) == [make_run_id(1)]
    left = await database.read(_read_words)
    assert "kept" in left
    assert "planted" not in left


async def test_other_runs_stay_as_they_are(database: Database, deletion: DeletionService) -> None:
    """After a deletion the store holds what it would if the run had never been."""
    await database.write(append_records, check_records(_make_recording(1)), now_ns=5)
    expected = await database.read(_dump)
    await database.write(append_records, check_records(_make_recording(0)), now_ns=6)
    await deletion.delete_run(make_run_id(0), DEFAULT_PROJECT)
    await deletion.finish()
    found = await database.read(_dump)
    assert found.pop("deleted_run") == [(make_run_id(0), 77, DEFAULT_PROJECT)]
    found["change"] = [row for row in found["change"] if row[0] == make_run_id(1)]
    assert found == expected


async def test_what_comes_late_of_a_deleted_run_is_refused(
    database: Database, deletion: DeletionService
) -> None:
    """Late records have a code of their own; others of the same request are stored."""
    await database.write(append_records, check_records(_make_recording(0)))
    await deletion.delete_run(make_run_id(0), DEFAULT_PROJECT)
    await deletion.finish()
    writer = Writer(database, on_commit=lambda _appended: None)
    writer.start()
    late = [make_run(1), *_make_recording(0), make_span(1, run=1)]
    refusals = await writer.append(check_records(late), DEFAULT_PROJECT)
    await writer.close()
    assert [(refusal.index, refusal.code) for refusal in refusals] == [
        (index, "run_deleted") for index in range(1, 6)
    ]
    left = await database.read(_dump)
    assert {row[0] for row in left["span"]} == {make_run_id(1)}
    assert MARKER not in str(left)


async def test_each_step_is_bounded_and_the_rest_is_found_again(database: Database) -> None:
    """A large run goes some rows at a time; a server that ends in between knows what is left."""
    spans = [make_span(n, input=make_payload(n)) for n in range(30)]
    await database.write(append_records, check_records([make_run(), *spans]))
    await database.write(delete_runs, [make_run_id(0)], project_id=DEFAULT_PROJECT, now_ns=1)
    count = select(func.count()).select_from(SPAN)
    assert await database.read(lambda c: c.execute(count).scalar_one()) == 30
    steps = 0
    while unfinished := await database.read(list_unfinished):
        before = sum(map(len, (await database.read(_dump)).values()))
        left = await database.write(delete_details, unfinished, limit=7)
        after = sum(map(len, (await database.read(_dump)).values()))
        assert 0 < before - after <= 7
        assert left in ([], [make_run_id(0)])
        steps += 1
    assert steps >= 30 * 3 / 7
    kinds = select(CHANGE.c.kind)
    assert await database.read(lambda c: [*c.execute(kinds).scalars()]) == ["run_deleted"]


async def test_runs_are_deleted_by_ids_and_by_what_they_match(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One request deletes so many that match, the newest, and says whether there are more."""
    monkeypatch.setattr(deletion_module, "MAX_RUNS", 100)
    told: list[Appended] = []
    deletion = DeletionService(database, on_commit=told.append)
    names = ["keep" if n % 3 == 0 else "drop" for n in range(180)]
    records = [make_run(n, name=name, start_ns=n) for n, name in enumerate(names)]
    await database.write(append_records, check_records(records))
    drop = RunFilter(DEFAULT_PROJECT, names=("drop",))
    assert await deletion.delete_matching(drop) == Deleted(100, has_more=True)
    assert max(row[0] for row in (await database.read(_dump))["run"]) == make_run_id(177)
    assert await deletion.delete_matching(drop) == Deleted(20, has_more=False)
    assert await deletion.delete_matching(drop) == Deleted(0, has_more=False)
    assert (
        await deletion.delete_runs(
            [make_run_id(0), make_run_id(1), make_run_id(999)], DEFAULT_PROJECT
        )
        == 1
    )
    assert [len(gone.run_ids) for gone in told] == [100, 20, 1]
    left = await database.read(_dump)
    assert len(left["run"]) == 59
    assert len(left[DELETED_RUN.name]) == 121
    with pytest.raises(ValueError, match="at most 100 at once"):
        await deletion.delete_runs([make_run_id(0)] * 101, DEFAULT_PROJECT)
