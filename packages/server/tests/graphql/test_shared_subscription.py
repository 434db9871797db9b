"""Subscriptions that share their execution, fall behind, or end with a deletion."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import ExitStack

import pytest
from sqlalchemy import Connection, text

from agenttrace_server.graphql.sharing import Asked, find_cursor_variable, make_key
from agenttrace_server.graphql.types import batches
from agenttrace_server.live import channel
from agenttrace_server.services import live

from ..support.client import Client
from ..support.following import CHANGES, EVENTS, collect, wait_until
from ..support.lines import make_payload, make_run, make_run_id, make_span
from ..support.thread import ServerThread

RUN = make_run_id(0)


def _delete_run(server: ServerThread, run_id: str) -> None:
    """Delete a run as the store does: its rows go, the log's last row of it stays."""

    def delete(connection: Connection) -> None:
        for name in ("span", "payload", "event", "change", "run"):
            connection.execute(text(f"DELETE FROM {name} WHERE run_id = :id"), {"id": run_id})
        connection.execute(
            text("INSERT INTO deleted_run (run_id, deleted_ns) VALUES (:id, 1)"), {"id": run_id}
        )
        connection.execute(text("UPDATE store SET position = position + 1"))
        values = "SELECT :id, position, 'run_deleted', NULL, NULL FROM store"
        insert = "INSERT INTO change (run_id, position, kind, span_id, event_seq) "
        connection.execute(text(insert + values), {"id": run_id})

    asyncio.run(server.app.database.write(delete))
    server.loop.call_soon_threadsafe(server.app.bus.ring, [run_id])


DELETED = {"__typename": "RunDeleted", "runId": RUN}


def test_who_follows_a_run_hears_that_it_was_deleted(client: Client, server: ServerThread) -> None:
    """The stream ends with `RunDeleted`; who follows from an old cursor, or anew, hears it too."""
    query = EVENTS.replace("... on Gap", "... on RunDeleted { runId } ... on Gap")
    client.send([make_run(), make_span(0)])
    with client.follow(query, id=RUN) as follower, client.follow(query, id=RUN) as second:
        before = follower.next()
        assert before is not None
        assert second.next() is not None
        last = before["cursor"]
        _delete_run(server, RUN)
        for each in (follower, second):
            batch = each.next()
            assert batch is not None
            assert batch["events"] == [DELETED]
            last = batch["cursor"]
            assert each.next() is None
    for after in (before["cursor"], None, last):
        with client.follow(query, id=RUN, after=after) as follower:
            assert collect(follower) == [DELETED]


def test_a_list_hears_that_a_run_was_deleted(client: Client, server: ServerThread) -> None:
    """Its id is told, since there is no run any more; a filter cannot hold it back."""
    query = CHANGES.replace("kind matches run", "kind matches runId run")
    client.send([make_run(0), make_run(1)])
    with client.follow(query, filter={"name": ["other"]}) as follower:
        first = follower.next()
        assert first is not None
        _delete_run(server, RUN)
        batch = follower.next()
    assert batch is not None
    assert batch["changes"] == [{"kind": "DELETED", "matches": False, "runId": RUN, "run": None}]


EQUAL = """query Other { __typename } subscription Mine($id: ID!, $from: String) {
    runEvents(runId: $id, after: $from) { cursor } }"""


@pytest.mark.parametrize(
    ("document", "name", "variable"),
    [
        (EVENTS, None, "after"),
        (EQUAL, "Mine", "from"),
        (
            "subscription($a: String) { runChanges(after: $a, filter: {text: $a}) { cursor } }",
            *2 * [None],
        ),
        ('subscription { runEvents(runId: "1", after: "2") { cursor } }', None, None),
        ("{ __typename }", None, None),
        ("{", None, None),
    ],
    ids=str,
)
def test_the_cursor_alone_may_differ(document: str, name: str | None, variable: str | None) -> None:
    """Those share who ask for the same, wherever they begin: a variable used otherwise counts."""
    assert find_cursor_variable(document, name) == variable
    one, two = (
        make_key(Asked(document, {"id": RUN, variable or "a": value}, name)) for value in "12"
    )
    assert (one == two) == (variable is not None)


def test_equal_operations_are_executed_once(
    client: Client, server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten who follow the same run cost one execution a batch; each message has its own id."""
    executed = Counter[str]()
    from_batch = batches.RunEventBatch.from_batch

    def counted(batch: live.RunBatch) -> batches.RunEventBatch:
        executed[batch.cursor] += 1
        return from_batch(batch)

    monkeypatch.setattr(batches.RunEventBatch, "from_batch", counted)
    client.send([make_run()])
    with ExitStack() as stack:
        followers = [stack.enter_context(client.follow(EVENTS, id=RUN)) for _ in range(10)]
        for follower in followers:
            assert follower.next() is not None
        assert wait_until(lambda: server.app.bus.count_listeners() == 1)
        executed.clear()
        for number in range(5):
            client.send([make_span(number, status="STARTED", rev=0)])
            heard = [follower.next() for follower in followers]
            assert heard == [heard[0]] * 10
    assert list(executed.values()) == [1] * 5


def test_a_client_that_does_not_read_is_told_of_its_gap(
    client: Client, server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 100 who follow, one stops reading: the others hear all, in order; it hears of its gap.

    And whoever resumes by the cursor that the gap names misses nothing.
    """
    monkeypatch.setattr(channel, "MAX_WAITING_BYTES", 1_500_000)
    wide = EVENTS.replace("output { value }", "input { value }").replace(
        "span { seq status depth }", "span { seq status depth input { value } }"
    )
    total = 16
    with ExitStack() as stack:
        healthy = [stack.enter_context(client.follow(EVENTS, id=RUN)) for _ in range(100)]
        wide_ones = [stack.enter_context(client.follow(wide, id=RUN)) for _ in range(2)]
        stalled, reader = wide_ones
        for follower in (*healthy, *wide_ones):
            assert follower.next() is not None
        assert wait_until(lambda: server.app.bus.count_listeners() == 2)
        told: list[list[int]] = [[] for _ in (*healthy, reader)]
        for number in range(total):
            long = make_payload("x" * 700_000)
            client.send([make_span(number, status="STARTED", rev=0, input=long)])
            for heard, follower in zip(told, (*healthy, reader), strict=True):
                batch = follower.next()
                assert batch is not None
                heard += [event["span"]["seq"] for event in batch["events"] if "span" in event]
        assert told == [list(range(total))] * 101
        seen: list[int] = []
        gaps: list[dict[str, str]] = []
        while not gaps:
            batch = stalled.next()
            assert batch is not None
            gaps += [event for event in batch["events"] if event["__typename"] == "Gap"]
            seen += [event["span"]["seq"] for event in batch["events"] if "span" in event]
    assert len(seen) < total
    with client.follow(wide, id=RUN, after=gaps[0]["from"]) as resumed:
        while len(seen) < total:
            batch = resumed.next()
            assert batch is not None
            seen += [event["span"]["seq"] for event in batch["events"]]
    assert seen == list(range(total))
