"""S9: runs that are over for longer than the limit go, no other run does, and records come in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select

from agenttrace_server.services.deletion import DeletionService
from agenttrace_server.services.retention import Moment, RetentionService
from agenttrace_server.storage import deletion as storage
from agenttrace_server.storage.account_tables import AUDIT, PROJECT
from agenttrace_server.storage.engine import Database, open_database
from agenttrace_server.storage.leases import interrupt_silent_runs
from agenttrace_server.storage.tables import RUN, metadata

from ..support.client import Client
from ..support.dialects import ON_POSTGRESQL, ON_SQLITE
from ..support.lines import (
    START_NS,
    Record,
    check_records,
    make_payload,
    make_run,
    make_run_id,
    make_span,
)
from ..support.own import append_records
from ..support.thread import ServerThread

DAY_NS = 86_400 * 10**9
LIMIT_NS = START_NS // DAY_NS * DAY_NS + 10 * DAY_NS
"""The start of a day of UTC."""
DAYS = 30
NOW_NS = LIMIT_NS + DAYS * DAY_NS + DAY_NS // 2
OLD_NS = LIMIT_NS - 1
COUNT = "{ runs { totalCount } }"


class Clock:
    """A wall clock and a monotonic one, which go together unless one is set."""

    def __init__(self) -> None:
        self.wall_ns = NOW_NS
        self.mono_ns = 0

    def pass_time(self, passed_ns: int) -> None:
        self.wall_ns += passed_ns
        self.mono_ns += passed_ns


class Keeper(RetentionService):
    """The service with a clock of the test's, and what it told."""

    def __init__(self, database: Database, *, remembers: bool = False) -> None:
        self.clock = Clock()
        self.told: list[int] = []
        self.deletion = DeletionService(database, on_commit=lambda _gone: None, remembers=remembers)
        super().__init__(
            database,
            self.deletion,
            days=DAYS,
            on_end=self.told.append,
            clock=lambda: Moment(self.clock.wall_ns, self.clock.mono_ns),
        )


def _make_over(number: int, *, end_ns: int = OLD_NS) -> list[Record]:
    """A run that was over then, with a span that says a text."""
    times: dict[str, Any] = {"start_ns": end_ns - 1_000, "end_ns": end_ns}
    return [
        make_run(number, status="COMPLETED", rev=1, input=make_payload("x"), **times),
        make_span(number, run=number, input=make_payload("y"), **times),
    ]


async def _store(database: Database, records: list[Record], *, now_ns: int = OLD_NS) -> None:
    await database.write(append_records, check_records(records), now_ns=now_ns)


async def _list_runs(database: Database) -> list[str]:
    query = select(RUN.c.run_id).order_by(RUN.c.run_id)
    return await database.read(lambda connection: [*connection.execute(query).scalars()])


def _count_orphans(connection: Connection) -> int:
    """Return how many rows hang from no run, but for tombstones and what the log says of them."""
    known = select(RUN.c.run_id)
    count = 0
    for table in metadata.sorted_tables:
        if "run_id" not in table.c or table.name in ("run", "deleted_run"):
            continue
        orphans = select(func.count()).select_from(table).where(table.c.run_id.not_in(known))
        if table.name == "change":
            orphans = orphans.where(table.c.kind != "run_deleted")
        count += connection.execute(orphans).scalar_one()
    return count


@pytest.fixture
def keeper(database: Database) -> Keeper:
    """Keeps runs for 30 days after they were over."""
    return Keeper(database)


async def test_s9_what_was_over_before_the_limit_goes_and_nothing_else(
    database: Database, keeper: Keeper
) -> None:
    """Open runs stay, and those with a later record, end or span, by either clock."""
    await _store(database, _make_over(0))
    await _store(database, _make_over(1, end_ns=LIMIT_NS))
    await _store(database, [make_run(2, start_ns=OLD_NS - 1_000)])
    await _store(database, _make_over(3), now_ns=LIMIT_NS)
    young = make_span(9, run=4, start_ns=OLD_NS, end_ns=LIMIT_NS)
    await _store(database, [*_make_over(4), young])
    late = make_span(9, run=5, status="STARTED", start_ns=LIMIT_NS)
    await _store(database, [*_make_over(5), late])
    assert await keeper.look() == 1
    await keeper.deletion.finish()
    assert await _list_runs(database) == [make_run_id(number) for number in range(1, 6)]
    assert await database.read(_count_orphans) == 0
    assert keeper.told == [1]


async def test_s9_a_run_that_was_given_up_goes_when_its_time_has_come(
    database: Database, keeper: Keeper
) -> None:
    """It is over, whatever its recorder meant: else it would stay for ever."""
    await _store(database, [make_run(0, start_ns=OLD_NS)])
    assert await keeper.look() == 0
    await database.write(interrupt_silent_runs, before_ns=NOW_NS, now_ns=NOW_NS, limit=10)
    assert await keeper.look() == 1


async def test_s9_the_limit_moves_with_the_clock(database: Database, keeper: Keeper) -> None:
    """A run goes on the first day on which it has been over for so many whole days."""
    await _store(database, _make_over(0, end_ns=LIMIT_NS + DAY_NS - 1))
    assert str(keeper.find_limit()) == str(datetime.fromtimestamp(LIMIT_NS / 1e9, UTC).date())
    assert await keeper.look() == 0
    keeper.clock.pass_time(DAY_NS // 2 - 1)
    assert await keeper.look() == 0
    keeper.clock.pass_time(2)
    assert await keeper.look() == 1


async def test_f32_a_clock_that_is_set_deletes_nothing(
    database: Database, keeper: Keeper, caplog: pytest.LogCaptureFixture
) -> None:
    """A wrong clock ages every run at once; what it says counts from the next look on."""
    await _store(database, _make_over(0, end_ns=NOW_NS), now_ns=NOW_NS)
    right_ns = keeper.clock.wall_ns
    for year in (2038, 2262):
        keeper.clock.wall_ns = int(datetime(year, 1, 20, tzinfo=UTC).timestamp()) * 10**9
        assert await keeper.look() == 0
        assert "the clock was set by" in caplog.text
        caplog.clear()
    keeper.clock.wall_ns = right_ns
    assert await keeper.look() == 0
    assert await keeper.look() == 0
    assert await _list_runs(database) == [make_run_id(0)]
    keeper.clock.pass_time(2 * DAYS * DAY_NS)
    assert await keeper.look() == 1


async def test_s9_records_come_in_meanwhile(
    database: Database, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In small steps, beside a writer and a reader: no wrong deletion and no orphan."""
    monkeypatch.setattr(storage, "MAX_STEP_ROWS", 20)
    monkeypatch.setattr(storage, "MAX_LOOKED_SPANS", 7)
    for number in range(40):
        await _store(database, _make_over(number))
    ended = asyncio.Event()

    async def write() -> list[str]:
        number = 100
        while not ended.is_set():
            # One more of an old run: it was heard of, and stays if it was still there.
            await _store(database, _make_over(number, end_ns=NOW_NS), now_ns=NOW_NS)
            assert make_run_id(number) in await _list_runs(database)
            number += 1
        return [make_run_id(each) for each in range(100, number)]

    writing = asyncio.create_task(write())
    assert await keeper.look() == 40
    await keeper.deletion.finish()
    ended.set()
    written = await writing
    assert len(written) > 1
    assert await _list_runs(database) == written
    assert await database.read(_count_orphans) == 0


async def test_what_went_is_logged(
    database: Database, keeper: Keeper, caplog: pytest.LogCaptureFixture
) -> None:
    """How many, from before when; nothing of what they said."""
    caplog.set_level(logging.INFO)
    await _store(database, _make_over(0))
    await keeper.look()
    (line,) = [record.message for record in caplog.records]
    assert line.startswith(f"1 runs from before {keeper.find_limit()} were deleted in ")


@pytest.fixture
def other(database_url: str) -> Iterator[Database]:
    """The same store, opened by another worker."""
    opened = open_database(database_url)
    yield opened
    opened.close()


@ON_POSTGRESQL
async def test_s9_of_several_workers_one_works(
    database: Database, database_url: str, other: Database
) -> None:
    """The others leave it to that one; when it has gone, another one takes its place."""
    first = open_database(database_url)
    keepers = [Keeper(first), Keeper(other)]
    await _store(database, _make_over(0))
    assert [await keeper.look() for keeper in keepers] == [1, 0]
    await _store(database, _make_over(1))
    assert [await keeper.look() for keeper in reversed(keepers)] == [0, 1]
    first.close()
    await _store(database, _make_over(2))
    assert await keepers[1].look() == 1
    assert keepers[1].told == [1]


async def test_c18_the_audit_log_has_what_went_for_its_age(database: Database) -> None:
    """Each project its own: how many runs, from before when, and that nobody asked for it."""
    keeper = Keeper(database, remembers=True)
    await _store(database, _make_over(0))
    other = check_records(_make_over(1))
    await database.write(append_records, other, project_id="other", now_ns=OLD_NS)
    project = {"project_id": "other", "slug": "other", "name": "Other", "created_ns": 1}
    await database.write(lambda connection: connection.execute(insert(PROJECT), project))
    assert await keeper.look() == 2
    query = select(AUDIT.c.project_id, AUDIT.c.actor_kind, AUDIT.c.action, AUDIT.c.target)
    found = await database.read(lambda connection: connection.execute(query).all())
    target = f"1 runs from before {keeper.find_limit()}, by retention"
    deed = ("SERVER", "runs_deleted", target)
    assert sorted(found) == [("default", *deed), ("other", *deed)]


@ON_SQLITE
@pytest.mark.parametrize("days", [None, 30])
def test_the_limit_is_shown_and_kept_from_the_start(database_url: str, days: int | None) -> None:
    """GraphQL says it; without the setting nothing is ever deleted."""
    asyncio.run(_fill(database_url))
    started = ServerThread(database_url, max_trace_retention_days=days)
    with started as server, Client(server.url) as client:
        assert client.ask("{ server { retentionDays } }") == {"server": {"retentionDays": days}}
        if days is None:
            assert client.ask(COUNT) == {"runs": {"totalCount": 1}}
            return
        with client.follow("subscription { runChanges { changes { kind } } }") as follower:
            while client.ask(COUNT) != {"runs": {"totalCount": 0}}:
                follower.next()


async def _fill(database_url: str) -> None:
    database = open_database(database_url)
    old_ns = 1_600_000_000 * 10**9
    await _store(database, _make_over(0, end_ns=old_ns), now_ns=old_ns)
    database.close()
