"""Asking: trees (P8), the newest runs (P9), usage by model and search (P10)."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any, Final

from senders import BATCH, send
from workload import dump_lines, make_call

if TYPE_CHECKING:
    import httpx

ROUNDS: Final = 9
INDEX_S: Final = 90
TREE: Final = """query($id: ID!) { run(id: $id) { spanTree { id spanId parentSpanId name type status
    startTime offsetMs durationMs depth seq model } } }"""
LIST: Final = """{ runs(first: 50) { edges { node { id name status startTime durationMs
    totals { spans totalTokens costUsd } } } } }"""
USAGE: Final = "{ usage(interval: MONTH, groupBy: [MODEL]) { model calls totalTokens costUsd } }"
SEARCH: Final = (
    """{ search(text: "warehouse invoice", first: 50) { edges { node { id name } } } }"""
)


def measure_query(client: httpx.Client, query: str, **variables: Any) -> float:
    """Return the median milliseconds of nine answers."""
    took_ms = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        answer = client.post("/graphql", json={"query": query, "variables": variables})
        took_ms.append((time.perf_counter() - begin) * 1e3)
        body = answer.json()
        assert "errors" not in body, answer.text[:500]
    return statistics.median(took_ms)


def wait_for_index(client: httpx.Client) -> None:
    """Return when the search index knows all that was sent, or after 90 seconds."""
    deadline = time.monotonic() + INDEX_S
    while time.monotonic() < deadline:
        answer = client.post("/graphql", json={"query": "{ server { searchLag } }"})
        if not answer.json()["data"]["server"]["searchLag"]:
            return
        time.sleep(0.5)


def fill_tree(client: httpx.Client, run: int, spans: int) -> str:
    """Store a run of so many spans, each ten below one; return its id."""
    for first in range(0, spans, BATCH):
        calls = [
            make_call(run, n, parent_span_id=f"{(n - 1) // 10 + 1:016x}" if n else None)
            for n in range(first, min(first + BATCH, spans))
        ]
        send(client, dump_lines(calls))
    return str(make_call(run, 0)["run_id"])
