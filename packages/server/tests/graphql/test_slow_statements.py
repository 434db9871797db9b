"""C32: an operation that the database is slow at ends in time, there too, and alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import Connection, text

from agenttrace_server.services.access import AccessService
from agenttrace_server.storage import postgres, sqlite

from ..support.client import TIMEOUT_S, Client
from ..support.lines import make_run, make_run_id
from ..support.postgres import PostgresServer
from ..support.thread import ServerThread

ASKERS = 10
LOOKS = 5
PATIENCE_S = 4.0
"""Of the server, here; 10 s else. Longer than a few answers to /healthz take on a busy machine."""
READERS = {"sqlite": sqlite.READERS, "postgresql": postgres.READERS}
ENDLESS = text(
    "WITH RECURSIVE c32(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c32) SELECT count(*) FROM c32"
)
COUNT_ENDLESS = (
    "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%c32(x)%' "
    "AND pid <> pg_backend_pid()"
)
SLOW = f'{{ run(id: "{make_run_id(0)}") {{ id }} }}'
COUNT = "{ runs { totalCount } }"


@pytest.fixture
def begun(
    server: ServerThread, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> threading.Semaphore:
    """Released by each statement that begins: asking for a run is one without an end."""
    statements = threading.Semaphore(0)

    def count_for_ever(connection: Connection) -> list[None]:
        statements.release()
        connection.execute(ENDLESS)
        return []

    async def keep_own(_: AccessService, _project_id: str, _run_ids: list[str]) -> list[None]:
        return await server.app.database.read(count_for_ever)

    monkeypatch.setattr(AccessService, "keep_own", keep_own)
    assert server.app.graphql.timeout_s == 10
    server.app.graphql.timeout_s = PATIENCE_S
    return statements


def _ask(client: Client) -> httpx.Response:
    with Client(client.url) as own:
        return own.http.post("/graphql", json={"query": SLOW})


def test_c32_ten_endless_operations_leave_the_server_alive(
    client: Client,
    dialect: str,
    begun: threading.Semaphore,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
) -> None:
    """Each is answered with 503 and its statement stopped; the others are served meanwhile."""
    with ThreadPoolExecutor(ASKERS) as pool:
        asked = [pool.submit(_ask, client) for _ in range(ASKERS)]
        for _ in range(READERS[dialect]):  # as many as there are connections; the others wait
            assert begun.acquire(timeout=TIMEOUT_S)
        taken_ms = []
        for _ in range(LOOKS):
            start = time.perf_counter()
            assert client.http.get("/healthz").status_code == 200
            taken_ms.append(1_000 * (time.perf_counter() - start))
        assert client.send([make_run(1)])["accepted"] == 1
        assert not any(one.done() for one in asked)
        answers = [one.result(TIMEOUT_S) for one in asked]
    record_property("longest_healthz_ms", max(taken_ms))
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.json()["errors"][0]["extensions"]["code"] for answer in answers} == {"TIMED_OUT"}
    # Every connection is free again: what only left its caller would hold one for ever.
    for _ in range(READERS[dialect] + 1):
        assert client.ask(COUNT) == {"runs": {"totalCount": 1}}
    if dialect == "postgresql":
        _wait_for_silence(request.getfixturevalue("postgres"))


def _wait_for_silence(server: PostgresServer) -> None:
    """Wait until the database itself has ended every statement."""
    deadline = time.monotonic() + TIMEOUT_S
    while server.execute(COUNT_ENDLESS) != [(0,)]:
        assert time.monotonic() < deadline, "statements go on that nobody waits for"
