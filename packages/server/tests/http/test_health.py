"""What operators ask."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError

from agenttrace_server.storage.engine import Database

from ..support.client import Client


def test_a_working_server_says_so(client: Client) -> None:
    """Both questions are answered with 200."""
    for path in ("/healthz", "/readyz"):
        answer = client.http.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_a_store_that_cannot_be_read_is_not_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process lives on, but says that it cannot do its work, and why."""

    async def fail(*_: object) -> None:
        raise OperationalError("SELECT", {}, OSError("gone"))

    monkeypatch.setattr(Database, "read", fail)
    answer = client.http.get("/readyz")
    assert (answer.status_code, answer.json()) == (
        503,
        {"status": "unavailable", "reason": "the store cannot be read (OperationalError)"},
    )
    assert client.http.get("/healthz").status_code == 200
