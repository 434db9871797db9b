"""Following runs over real WebSockets."""

from __future__ import annotations

import gc
import random
import threading
from collections import Counter
from collections.abc import AsyncGenerator
from types import AsyncGeneratorType
from typing import Any

import pytest

from agenttrace_server.live.place import Place
from agenttrace_server.services import live

from ..support.client import Client
from ..support.following import CHANGES, DEADLINE_S, EVENTS, collect, wait_until
from ..support.lines import make_call, make_event, make_payload, make_run, make_run_id, make_span
from ..support.thread import ServerThread

RUN = make_run_id(0)


def test_a_start_is_seen_while_the_span_is_open(client: Client) -> None:
    """Live means from the start on: an open span is told, then its pieces, then its end."""
    with client.follow(EVENTS, id=RUN) as follower:
        first = follower.next()
        assert first is not None
        assert (first["events"], first["hasMorePast"]) == ([], False)
        told: list[Any] = []
        for record in (
            make_run(),
            make_span(1, status="STARTED", rev=0),
            make_event(2, span=1, body=make_payload("he")),
            make_span(1, output=make_payload("hello")),
            make_event(4, span=None, name="state"),
            make_run(status="COMPLETED", rev=1),
        ):
            client.send([record])
            batch = follower.next()
            assert batch is not None
            told += batch["events"]
        assert follower.next() is None
    assert told == [
        {"__typename": "RunUpdated", "run": {"name": "agent", "status": "STARTED"}, "event": None},
        {"__typename": "SpanStarted", "span": {"seq": 1, "status": "STARTED", "depth": 0}},
        {
            "__typename": "SpanUpdated",
            "span": {"seq": 1},
            "chunk": {"seq": 2, "body": {"value": "he"}},
        },
        {
            "__typename": "SpanEnded",
            "span": {"seq": 1, "status": "COMPLETED", "output": {"value": "hello"}},
        },
        {
            "__typename": "RunUpdated",
            "run": {"name": "agent", "status": "STARTED"},
            "event": {"name": "state"},
        },
        {"__typename": "RunEnded", "run": {"status": "COMPLETED", "totals": {"spans": 1}}},
    ]


def test_an_ended_run_is_told_from_its_beginning_and_the_stream_ends(client: Client) -> None:
    """Who comes late hears all of it, in order, with the run's end last."""
    end = make_run(status="ERROR", rev=1)
    client.send([make_run(), make_span(0), end, make_span(1)])
    with client.follow(EVENTS, id=RUN) as follower:
        kinds = [event["__typename"] for event in collect(follower)]
    assert kinds == [
        "RunUpdated",
        "SpanStarted",
        "SpanEnded",
        "SpanStarted",
        "SpanEnded",
        "RunEnded",
    ]


def test_the_cursor_of_a_snapshot_leads_to_what_it_lacks(client: Client) -> None:
    """A page that was loaded by a query goes on where the query ended."""
    client.send([make_run(), make_span(0)])
    cursor = client.ask(f'{{ run(id: "{RUN}") {{ cursor }} }}')["run"]["cursor"]
    client.send([make_span(1), make_run(status="COMPLETED", rev=1)])
    with client.follow(EVENTS, id=RUN, after=cursor) as follower:
        events = collect(follower)
    assert [(e["__typename"], e.get("span", {}).get("seq")) for e in events] == [
        ("SpanStarted", 1),
        ("SpanEnded", 1),
        ("RunEnded", None),
    ]


def test_late_records_are_told_to_who_follows_again(client: Client) -> None:
    """A run that has ended may still get a span; the last cursor leads to it, and to new totals."""
    client.send([make_run(), make_run(status="COMPLETED", rev=1)])
    with client.follow(EVENTS, id=RUN) as follower:
        last = follower.next()
        assert last is not None
        assert follower.next() is None
    client.send([make_span(5)])
    with client.follow(EVENTS, id=RUN, after=last["cursor"]) as follower:
        events = collect(follower)
    assert [event["__typename"] for event in events] == ["SpanStarted", "SpanEnded", "RunUpdated"]
    assert events[-1]["run"]["status"] == "COMPLETED"


@pytest.mark.parametrize("limit", [1, 2, 3, 1_000])
def test_an_end_is_told_once_whatever_the_cursor(
    client: Client, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """From each cursor that a batch gave, the rest comes once; behind the last there is nothing."""
    monkeypatch.setattr(live, "MAX_BATCH_CHANGES", limit)
    client.send([make_run(), make_span(0), make_run(status="COMPLETED", rev=1)])
    client.send([make_span(1)])  # after the end
    batches = _read_to_the_end(client, None)
    told = [event["__typename"] for batch in batches for event in batch["events"]]
    assert (told.count("RunEnded"), told.count("SpanEnded")) == (1, 2)
    for place, batch in enumerate(batches):
        rest = _read_to_the_end(client, batch["cursor"])
        if place < len(batches) - 1:
            assert rest == batches[place + 1 :]
        else:
            assert rest == [{"cursor": batch["cursor"], "hasMorePast": False, "events": []}]


def _read_to_the_end(client: Client, after: str | None) -> list[dict[str, Any]]:
    batches = []
    with client.follow(EVENTS, id=RUN, after=after) as follower:
        while (batch := follower.next()) is not None:
            batches.append(batch)
    return batches


@pytest.mark.parametrize("number", ["5", "999999999999"], ids=["other database", "ahead"])
def test_a_cursor_that_this_store_never_gave_is_a_gap(client: Client, number: str) -> None:
    """A follower that comes from elsewhere is told that it missed something, not left alone."""
    client.send([make_run(), make_span(0)])
    now = client.ask("{ runs { cursor } }")["runs"]["cursor"]
    name = "00000000" if number == "5" else now.partition("-")[0]
    foreign = f"{name}-{number}"
    gap = {"from": foreign, "to": now}
    with client.follow(EVENTS, id=RUN, after=foreign) as follower:
        batch = follower.next()
        assert batch is not None
        assert batch["events"] == [{"__typename": "Gap", **gap}]
        assert batch["cursor"] == now
    with client.follow(CHANGES, after=foreign) as follower:
        batch = follower.next()
        assert batch is not None
        assert batch["gap"] == gap


def test_a_list_hears_of_each_run_once_a_batch(client: Client) -> None:
    """A list gets the runs that changed, as they are; first of all its cursor."""
    client.send([make_run(7)])
    with client.follow(CHANGES) as follower:
        first = follower.next()
        assert first is not None
        assert first["changes"] == []
        client.send([make_run(0), make_span(0), make_span(1)])
        created = follower.next()
        client.send([make_run(0, status="COMPLETED", rev=1), make_span(2, run=7)])
        ended = follower.next()
    assert created is not None
    assert ended is not None
    assert created["changes"] == [
        {
            "kind": "CREATED",
            "matches": True,
            "run": {"id": RUN, "status": "STARTED", "totals": {"spans": 2}},
        }
    ]
    assert [(c["kind"], c["run"]["id"]) for c in ended["changes"]] == [
        ("ENDED", RUN),
        ("UPDATED", make_run_id(7)),
    ]
    with client.follow(CHANGES, after=first["cursor"]) as follower:
        again = follower.next()
        assert again is not None
        assert {c["run"]["id"]: c["kind"] for c in again["changes"]} == {
            RUN: "CREATED",
            make_run_id(7): "UPDATED",
        }


def test_a_list_is_told_what_happened_since_its_cursor(client: Client) -> None:
    """New is what came after the cursor, also when it has ended since; a run has one entry."""
    with client.follow(CHANGES) as follower:
        first = follower.next()
    assert first is not None
    client.send([make_run(0)])
    with client.follow(CHANGES, after=first["cursor"]) as follower:
        created = follower.next()
    assert created is not None
    client.send([make_span(0), make_run(0, status="COMPLETED", rev=1)])
    with client.follow(CHANGES, after=created["cursor"]) as follower:
        ended = follower.next()
    assert ended is not None
    client.send([make_span(1)])
    wanted = ((first, "CREATED"), (created, "ENDED"), (ended, "UPDATED"))
    for before, kind in wanted:
        with client.follow(CHANGES, after=before["cursor"]) as follower:
            batch = follower.next()
        assert batch is not None
        told = [(c["kind"], c["run"]["status"], c["run"]["totals"]) for c in batch["changes"]]
        assert told == [(kind, "COMPLETED", {"spans": 2})]


def test_a_filtered_list_hears_who_leaves_it(client: Client) -> None:
    """Of the filter, what can change decides `matches`; what cannot decides who is told at all."""
    chosen = {"status": ["STARTED"], "name": ["agent"]}
    with client.follow(CHANGES, filter=chosen) as follower:
        follower.next()
        client.send([make_run(0), make_run(1, name="other")])
        came = follower.next()
        client.send([make_run(0, status="COMPLETED", rev=1)])
        left = follower.next()
    assert came is not None
    assert left is not None
    assert [(c["run"]["id"], c["matches"]) for c in came["changes"]] == [(RUN, True)]
    assert [(c["run"]["id"], c["matches"]) for c in left["changes"]] == [(RUN, False)]


def test_long_histories_come_in_bounded_batches(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No batch has more changes than the limit; each but the last says that there is more."""
    monkeypatch.setattr(live, "MAX_BATCH_CHANGES", 7)
    spans = [make_span(n) for n in range(20)]
    client.send([make_run(), *spans, make_run(status="COMPLETED", rev=1)])
    batches = []
    with client.follow(EVENTS, id=RUN) as follower:
        while (batch := follower.next()) is not None:
            batches.append(batch)
    assert [batch["hasMorePast"] for batch in batches] == [True] * 5 + [False]
    assert all(len(batch["events"]) <= 7 for batch in batches)
    seqs = [e["span"]["seq"] for b in batches for e in b["events"] if "span" in e]
    assert seqs == [n for n in range(20) for _ in range(2)]


def test_batches_are_bounded_in_bytes_too(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large outputs make short batches, but never empty ones."""
    monkeypatch.setattr(live, "MAX_BATCH_BYTES", 25_000)
    sizes = [10_000, 10_000, 10_000, 90_000, 10, 10]
    spans = [make_span(n, output=make_payload("x" * size)) for n, size in enumerate(sizes)]
    events = [make_event(10 + n, span=5, body=make_payload("y" * 20_000)) for n in range(2)]
    client.send([make_run(), *spans, *events, make_run(status="COMPLETED", rev=1)])
    batches = []
    with client.follow(EVENTS, id=RUN) as follower:
        while (batch := follower.next()) is not None:
            batches.append([event["__typename"] for event in batch["events"]])
    both = ["SpanStarted", "SpanEnded"]
    assert batches == [
        ["RunUpdated", *both],
        both,
        both,
        ["SpanStarted"],
        ["SpanEnded"],
        [*both, *both, "SpanUpdated"],
        ["SpanUpdated", "RunEnded"],
    ]


@pytest.mark.parametrize("seed", range(2))
def test_nothing_is_lost_or_doubled_while_reconnecting_under_load(
    client: Client, server: ServerThread, seed: int
) -> None:
    """A follower that breaks off at random and resumes by cursor hears everything once."""
    rng = random.Random(seed)
    count = 80

    def write() -> None:
        with Client(server.url) as writer:
            writer.send([make_run()])
            for n in range(count):
                writer.send([make_span(2 * n, status="STARTED", rev=0)])
                writer.send([make_event(10_000 + n, span=2 * n), make_span(2 * n)])
            writer.send([make_run(status="COMPLETED", rev=1)])

    thread = threading.Thread(target=write)
    thread.start()
    told: Counter[tuple[str, int]] = Counter()
    cursor: str | None = None
    ended = False
    while not ended:
        with client.follow(EVENTS, id=RUN, after=cursor) as follower:
            for _ in range(rng.randint(1, 12)):
                batch = follower.next()
                if batch is None:
                    break
                cursor = batch["cursor"]
                for event in batch["events"]:
                    ended = ended or event["__typename"] == "RunEnded"
                    if "span" in event:
                        told[event["__typename"], event["span"]["seq"]] += 1
    thread.join(DEADLINE_S)
    kinds = ("SpanStarted", "SpanUpdated", "SpanEnded")
    assert told == Counter({(kind, 2 * n): 1 for n in range(count) for kind in kinds})


def _count_followers() -> int:
    gc.collect()
    codes = {live.LiveService.follow_run.__code__, live.LiveService.follow_runs.__code__}
    # By its type: isinstance() asks the thing itself, and so runs code of whatever is around.
    return sum(
        type(thing) is AsyncGeneratorType and thing.ag_code in codes for thing in gc.get_objects()
    )


def test_a_disconnect_leaves_nothing_behind(client: Client, server: ServerThread) -> None:
    """When a client goes away, its generator ends and its bell is gone."""
    before = _count_followers()
    for _ in range(3):
        with client.follow(EVENTS, id=RUN) as one, client.follow(CHANGES) as two:
            assert one.next() is not None
            assert two.next() is not None
            # Each has joined a channel; what it began with by itself is gone.
            assert wait_until(lambda: server.app.graphql.subscriptions.count() == 2)
            assert wait_until(lambda: _count_followers() == before + 2)
    bus = server.app.bus
    assert wait_until(lambda: bus.count_listeners() == 0)
    assert wait_until(lambda: _count_followers() == before)


def test_a_follower_that_does_not_read_is_not_buffered_for(
    client: Client, server: ServerThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server holds one batch for a client that stopped reading; others go on; it resumes."""
    monkeypatch.setattr(live, "MAX_BATCH_CHANGES", 50)
    reads: Counter[str] = Counter()
    follow_run = live.LiveService.follow_run

    async def counted(
        self: live.LiveService, project_id: str, run_id: str, *, after: str | None, place: Place
    ) -> AsyncGenerator[live.RunBatch]:
        async for batch in follow_run(self, project_id, run_id, after=after, place=place):
            reads[run_id] += 1
            yield batch

    monkeypatch.setattr(live.LiveService, "follow_run", counted)
    big = make_payload("x" * 100_000)
    spans = [make_call(n, output=big) for n in range(1_000)]
    client.send([make_run()])
    for start in range(0, 1_000, 100):
        client.send(spans[start : start + 100])
    with client.follow(EVENTS, id=RUN) as slow:
        assert wait_until(lambda: reads[RUN] >= 2)
        with client.follow(EVENTS, id=make_run_id(1)) as other:
            assert other.next() is not None
            client.send([make_run(1)])
            assert other.next() is not None  # the healthy one is served meanwhile
        # 2,000 changes are 40 batches of 5 MB; the sockets' buffers hold a few of them at most.
        assert reads[RUN] < 10
        told = 0
        while told < 2_001:
            batch = slow.next()
            assert batch is not None
            told += len(batch["events"])
    assert told == 2_001
