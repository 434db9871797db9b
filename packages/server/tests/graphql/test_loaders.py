"""How many statements a page costs: the same for a few spans and for a thousand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Engine, event

from agenttrace_server.services.deletion import DeletionService

from ..support.client import Client
from ..support.index import end_index
from ..support.lines import make_call, make_event, make_payload, make_run, make_run_id, make_span_id
from ..support.thread import ServerThread

LIST = """{ runs(first: 200) { totalCount cursor edges { node { id name status tags attributes
    totals { spans costUsd } usageByModel { model calls } input { json } } } } }"""
RUN_PAGE = """query($id: ID!) { run(id: $id) { name cursor totals { spans } usageByModel { model }
    spanTree { id name depth durationMs } } }"""
HEAVY = """query($id: ID!) { run(id: $id) { spanTree { name attributes input { json }
    output { json } error { message } run { name } parent { name } events { edges { node { seq } } }
    children(first: 3) { edges { node { name output { json } } } } } } }"""

FULL = """{ runs(first: 50) { totalCount edges { node { name tags links { runId }
    replayedFrom { id } forks { id } annotations { name } attributes resource input { json }
    output { json } error { type } usageByModel { model }
    workflow { totals { spans } usageByModel { model } }
    events { edges { node { seq } } } } } } }"""
SEARCH = """{ search(text: "step", first: 200, filter: { name: ["agent"] }) {
    edges { snippet node { name input { json } run { name } } } } }"""
STEPS = """query($id: ID!) { replay(runId: $id) { totalSteps steps(first: 100) { edges { node {
    index span { name } input { json } output { json } error { type } state stateDelta { value }
    contextDiff { kind } openSpans { name } cumulative { spans } } } }
    chunks: steps(first: 100, filter: { phase: [CHUNK] }) { edges { node { chunk { json } } } }
    } }"""


@contextmanager
def _count_statements(engine: Engine) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(*args: object) -> None:
        if args[2] != "BEGIN":
            statements.append(str(args[2]))

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def _fill(client: Client, *, runs: int, spans: int) -> None:
    text = make_payload("x")
    for run in range(runs):
        client.send(
            [make_run(run, input=text, tags=["t"], attributes={"a": run}, correlation_id=f"w{run}")]
        )
    calls = [
        make_call(n, output=text, attributes={"n": n}, parent_span_id=make_span_id(n // 3 - 1))
        for n in range(spans)
    ]
    client.send([*calls, *(make_event(10_000 + n, span=n, body=text) for n in range(spans))])


async def _find_nothing(_: DeletionService) -> None:
    """Look for no rows of deleted runs."""


@pytest.mark.parametrize(
    "case",
    [(LIST, 5), (RUN_PAGE, 3), (HEAVY, 11), (SEARCH, 7), (FULL, 11), (STEPS, 12)],
    ids=["list", "run", "heavy", "search", "full", "steps"],
)
@pytest.mark.parametrize("size", [(2, 10), (150, 1_000)], ids=["few", "many"])
def test_statements_do_not_grow_with_the_page(
    client: Client,
    server: ServerThread,
    monkeypatch: pytest.MonkeyPatch,
    case: tuple[str, int],
    size: tuple[int, int],
) -> None:
    """What the items of a list ask for is read at once, however many they are."""
    query, expected = case
    _fill(client, runs=size[0], spans=size[1])
    end_index(client, monkeypatch)
    monkeypatch.setattr(DeletionService, "finish", _find_nothing)
    variables = {} if query in (LIST, SEARCH, FULL) else {"id": make_run_id(0)}
    client.ask(query, **variables)
    with _count_statements(server.app.database._reader.engine) as statements:
        client.ask(query, **variables)
    # PostgreSQL is told to scan nothing, and asked for the last documents, then by their words.
    more = 2 if query == SEARCH and server.app.database.notices else 0
    # Fewer, where what is asked for at two places is gathered at once.
    assert len(statements) <= expected + more, statements
