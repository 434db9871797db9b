"""More than the server can take: it says so, stays alive, and forgets nothing that it took."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection

from agenttrace.wire.models import ValidRecord
from agenttrace_server.errors import CrowdedError
from agenttrace_server.services.budget import Account, ByteBudget
from agenttrace_server.storage import writer as writer_module
from agenttrace_server.storage.append import Appended

from ..support.client import NDJSON, TIMEOUT_S, Client
from ..support.lines import dump_lines, make_payload, make_run, make_run_id
from ..support.own import append_records
from ..support.thread import ServerThread

SENDERS = 50
BODY_BYTES = 500_000
LIMIT_BYTES = 5_000_000
RUNS = "{ runs(first: 100) { edges { node { id } } } }"


def _send_until_taken(server: ServerThread, number: int, refusals: list[tuple[int, str]]) -> str:
    """Send one run, again and again as fast as it goes; return its id once it is acknowledged."""
    body = dump_lines([make_run(number, input=make_payload("x" * BODY_BYTES))])
    deadline = time.monotonic() + TIMEOUT_S * 3
    with Client(server.url) as client:
        while time.monotonic() < deadline:
            answer = client.http.post("/api/ingest", content=body, headers=NDJSON)
            if answer.status_code == 200:
                return make_run_id(number)
            refusals.append((answer.status_code, answer.headers["retry-after"]))
    raise AssertionError("never taken")


def test_fifty_senders_and_a_store_that_stalls(
    client: Client, server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is held stays below the bound, `/healthz` answers, and what was taken is there."""
    stalled, release, refused = threading.Event(), threading.Event(), threading.Event()
    held: list[int] = []

    def wait(
        connection: Connection, records: Sequence[ValidRecord], *, project_id: str
    ) -> Appended:
        stalled.set()
        assert release.wait(TIMEOUT_S)
        return append_records(connection, records, project_id=project_id)

    def count(account: Account, count_bytes: int, take: object = Account.take) -> None:
        assert callable(take)
        try:
            take(account, count_bytes)
        except Exception:
            refused.set()
            raise
        held.append(server.app.budget.used_bytes)

    monkeypatch.setattr(writer_module, "append_records", wait)
    monkeypatch.setattr(server.app.budget, "limit_bytes", LIMIT_BYTES)
    monkeypatch.setattr(Account, "take", count)
    refusals: list[tuple[int, str]] = []
    with ThreadPoolExecutor(SENDERS) as pool:
        sent = [pool.submit(_send_until_taken, server, n, refusals) for n in range(SENDERS)]
        assert stalled.wait(TIMEOUT_S)
        assert refused.wait(TIMEOUT_S)
        assert client.http.get("/healthz").status_code == 200
        assert client.ask(RUNS) == {"runs": {"edges": []}}
        release.set()
        taken = {future.result(TIMEOUT_S * 4) for future in sent}
    assert max(held) <= LIMIT_BYTES
    assert set(refusals) == {(429, "1")}
    assert server.app.budget.used_bytes == 0
    shown = {edge["node"]["id"] for edge in client.ask(RUNS)["runs"]["edges"]}
    assert shown == taken
    assert len(taken) == SENDERS


def test_a_bound_is_a_bound() -> None:
    """The byte beyond it is refused, and what one request gives back another can have."""
    budget = ByteBudget(10)
    with budget.open_account() as first, budget.open_account() as second:
        first.take(6)
        second.take(4)
        with pytest.raises(CrowdedError, match="limit 10"):
            second.take(1)
        assert budget.used_bytes == 10
    assert budget.used_bytes == 0
