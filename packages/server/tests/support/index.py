"""Waiting until what was sent can be searched."""

from __future__ import annotations

import time

import pytest

from agenttrace_server.services.search import Indexer

from .client import TIMEOUT_S, Client


def wait_for_index(client: Client) -> None:
    """Return when the index knows everything that is stored."""
    deadline = time.monotonic() + TIMEOUT_S
    while client.ask("{ server { searchLag } }")["server"]["searchLag"]:
        assert time.monotonic() < deadline, "the index does not come to the end of the log"


def end_index(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for the index, and have it read nothing from then on: statements are counted."""
    wait_for_index(client)
    monkeypatch.setattr(Indexer, "_index_batch", _index_nothing)


async def _index_nothing(_: Indexer) -> bool:
    return False
