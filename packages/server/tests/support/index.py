"""Waiting until what was sent can be searched."""

from __future__ import annotations

import time

from .client import TIMEOUT_S, Client


def wait_for_index(client: Client) -> None:
    """Return when the index knows everything that is stored."""
    deadline = time.monotonic() + TIMEOUT_S
    while client.ask("{ server { searchLag } }")["server"]["searchLag"]:
        assert time.monotonic() < deadline, "the index does not come to the end of the log"
