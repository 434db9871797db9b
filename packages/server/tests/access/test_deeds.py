"""C18: a deletion and its entry in the log are one commit. C12: a setup token, used twice."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from agenttrace_server.errors import OverloadedError
from agenttrace_server.identity import DEFAULT_PROJECT, Actor, ActorKind, Principal
from agenttrace_server.services.audit import AuditService
from agenttrace_server.services.deletion import DeletionService
from agenttrace_server.services.tokens import make_setup_token
from agenttrace_server.storage import deletion as storage
from agenttrace_server.storage.account_tables import AUDIT
from agenttrace_server.storage.criteria import RunFilter
from agenttrace_server.storage.engine import Database
from agenttrace_server.storage.tables import RUN

from ..support.accounts import OPERATOR, PASSWORD, Caller
from ..support.lines import START_NS, check_records, make_run, make_run_id
from ..support.own import append_records
from ..support.thread import SECRET, ServerThread

DEADLINE_S = 30
TIMES = ("90 days", "30 days", "for ever")
WHO = Actor(Principal(ActorKind.KEY, "k", "nightly"), address="127.0.0.1", request_id="a" * 16)
BY_NAME = RunFilter(DEFAULT_PROJECT, names=("agent",))


async def _fill(database: Database) -> None:
    lines = check_records([make_run(n) for n in range(2)])
    await database.write(append_records, lines, now_ns=START_NS)


def _read_deeds(connection: Connection) -> list[tuple[Any, ...]]:
    columns = (AUDIT.c.project_id, AUDIT.c.actor_name, AUDIT.c.action, AUDIT.c.target)
    return [tuple(row) for row in connection.execute(select(*columns)).all()]


def _count_runs(connection: Connection) -> int:
    return len(connection.execute(select(RUN.c.run_id)).all())


def _make_service(database: Database) -> DeletionService:
    return DeletionService(database, on_commit=lambda _gone: None, remembers=True)


async def test_c18_a_deletion_and_its_entry_are_one_commit(database: Database) -> None:
    """How many, by which way, for which project; where nothing was deleted nothing is said."""
    await _fill(database)
    service = _make_service(database)
    assert not await service.delete_run(make_run_id(9), DEFAULT_PROJECT, WHO)
    assert await service.delete_run(make_run_id(0), DEFAULT_PROJECT, WHO)
    assert (await service.delete_matching(BY_NAME, WHO)).count == 1
    assert (await service.delete_matching(BY_NAME, WHO)).count == 0
    deed = (DEFAULT_PROJECT, "nightly", "runs_deleted")
    assert await database.read(_read_deeds) == [
        (*deed, f"1 by id: {make_run_id(0)}"),
        (*deed, f"1 by filter: {make_run_id(1)}"),
    ]


async def test_c18_every_run_that_was_deleted_is_named(database: Database) -> None:
    """Also among many, and whatever else was asked for: what there is not is not there."""
    ids = [make_run_id(n) for n in range(120)]
    lines = check_records([make_run(n) for n in range(120)])
    await database.write(append_records, lines, now_ns=START_NS)
    service = _make_service(database)
    none_of_it = ["f" * 32] * 9
    assert await service.delete_runs([*none_of_it, *ids], DEFAULT_PROJECT, WHO) == 120
    targets = [deed[3] for deed in await database.read(_read_deeds)]
    heads, _, _ = zip(*(target.partition(": ") for target in targets), strict=True)
    assert heads == ("120 by id (1 to 50)", "120 by id (51 to 100)", "120 by id (101 to 120)")
    named = [one for target in targets for one in target.partition(": ")[2].split()]
    assert named == sorted(ids)


async def test_c18_what_cannot_be_remembered_is_not_done(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The audit log has no room: every run stays."""
    await _fill(database)

    def fail(connection: Connection, *_: object) -> None:
        connection.execute(insert(AUDIT), {"at_ns": None})

    monkeypatch.setattr(storage, "append_deed", fail)
    service = _make_service(database)
    for deletion in (
        service.delete_matching(BY_NAME, WHO),
        service.delete_run(make_run_id(0), DEFAULT_PROJECT, WHO),
    ):
        with pytest.raises(Exception, match="audit"):
            await deletion
    assert await database.read(_count_runs) == 2


async def test_c18_a_client_that_is_gone_leaves_its_entry(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its deletion is committed though nobody waits for the answer, and so is who asked for it."""
    await _fill(database)
    entered, may_go = threading.Event(), threading.Event()
    delete_runs = storage.delete_runs

    def delete(connection: Connection, run_ids: Any, **kwargs: Any) -> Any:
        entered.set()
        assert may_go.wait(DEADLINE_S)
        return delete_runs(connection, run_ids, **kwargs)

    monkeypatch.setattr(storage, "delete_runs", delete)
    service = _make_service(database)
    request = asyncio.create_task(service.delete_matching(BY_NAME, WHO))
    await asyncio.to_thread(entered.wait, DEADLINE_S)
    request.cancel()
    await asyncio.wait([request])
    may_go.set()
    await service.close()
    assert await database.read(_count_runs) == 0
    deeds = await database.read(_read_deeds)
    assert [deed[1:] for deed in deeds] == [
        ("nightly", "runs_deleted", f"2 by filter: {make_run_id(0)} {make_run_id(1)}")
    ]


def test_c12_the_setup_token_is_used_once_on_a_server_that_goes_on(database_url: str) -> None:
    """Of two at once one registers; whoever comes with it later is refused, and soon waits."""
    with ServerThread(database_url, secret_key=SECRET) as server:
        nobody = Caller(server.url)
        token = make_setup_token(SECRET, server.app.database.database_id)

        def register(email: str) -> tuple[int, str]:
            body = {"email": email, "password": PASSWORD, "setup_token": token}
            answer = nobody.http.post("/api/auth/register", json=body)
            found = answer.json()
            return answer.status_code, found["error"]["code"] if "error" in found else ""

        with ThreadPoolExecutor(2) as pool:
            both = sorted(pool.map(register, [OPERATOR, "other@example.org"]))
        assert both == [(201, ""), (403, "forbidden")]
        later = [register(f"{n}@example.org")[0] for n in range(4)]
        # The one that lost counts as a try if it came so late that the token was used.
        assert later in ([403, 403, 403, 429], [403, 403, 429, 429])
        nobody.close()


async def _list_retention(database: Database) -> list[tuple[Any, ...]]:
    deeds = await database.read(_read_deeds)
    return [deed for deed in deeds if deed[2] == "retention_changed"]


async def test_c18_another_time_of_retention_is_remembered_once(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """At the start that finds it, by one of several workers; at first there is none."""
    workers = [AuditService(database, is_on=True) for _ in range(3)]
    for days in (None, 90, 90, 30, None, None):
        await asyncio.gather(*(worker.note_retention(days) for worker in workers))
    expected = [(None, "agenttrace-server", "retention_changed", days) for days in TIMES]
    assert await _list_retention(database) == expected
    await AuditService(database, is_on=False).note_retention(7)

    async def fail(*_: object, **__: object) -> None:
        raise OverloadedError("the store could not be written (full)")

    monkeypatch.setattr(database, "write", fail)
    await workers[0].note_retention(7)
    assert "runs are kept 7 days is not in the audit log" in caplog.text
    assert await _list_retention(database) == expected


def test_c18_a_start_remembers_another_time_of_retention(database_url: str) -> None:
    """As its settings have it."""
    for days in (90, 90, 30):
        with ServerThread(database_url, secret_key=SECRET, max_trace_retention_days=days) as server:
            loop, database = server.loop, server.app.database
            found = asyncio.run_coroutine_threadsafe(_list_retention(database), loop).result(20)
    assert [deed[3] for deed in found] == ["90 days", "30 days"]
