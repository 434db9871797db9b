"""An operation that takes too long is stopped, and whoever asked is told."""

from __future__ import annotations

import asyncio
import json

import pytest

from agenttrace_server.services.access import AccessService

from ..support.client import TIMEOUT_S, Client
from ..support.dialects import ON_SQLITE
from ..support.lines import make_run_id
from ..support.thread import ServerThread

pytestmark = ON_SQLITE
SLOW = f'{{ run(id: "{make_run_id(0)}") {{ id }} }}'
MESSAGE = "the operation took over 0.05 seconds and was stopped; ask for less at once"


@pytest.fixture
def cancelled(server: ServerThread, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Runs that nobody ever reads; what is cancelled is noted here."""
    noted: list[str] = []

    async def never(_: AccessService, _project_id: str, run_ids: list[str]) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            noted.extend(run_ids)

    monkeypatch.setattr(AccessService, "keep_own", never)
    assert server.app.graphql.timeout_s == 10
    server.app.graphql.timeout_s = 0.05
    return noted


def test_c32_a_slow_query_is_stopped(client: Client, cancelled: list[str]) -> None:
    """503 with one error, and the work is cancelled; the server answers others as before."""
    answer = client.http.post("/graphql", json={"query": SLOW})
    assert answer.status_code == 503
    assert answer.json() == {"errors": [{"message": MESSAGE, "extensions": {"code": "TIMED_OUT"}}]}
    assert client.ask("{ __typename }") == {"__typename": "Query"}
    assert cancelled == [make_run_id(0)]


def test_a_subscription_has_no_end(client: Client, cancelled: list[str]) -> None:
    """What waits for news may wait longer than a query may work."""
    with client.follow("subscription { runChanges { cursor } }") as follower:
        assert follower.next() is not None
        assert client.http.post("/graphql", json={"query": SLOW}).status_code == 503
        follower.socket.send('{"type": "ping"}')
        assert json.loads(follower.socket.recv(TIMEOUT_S)) == {"type": "pong"}
    assert cancelled
