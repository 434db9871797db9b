"""The queue that programs write to: what it lets in, and what it drops first."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agenttrace.pipeline import intake as module
from agenttrace.pipeline.intake import Intake
from agenttrace.run import RunSnapshot
from agenttrace.span import Span, SpanStart


class Thing:
    """Something of a known size, like an event."""

    def __init__(self, size: int = 1) -> None:
        self.size = size
        self.line: bytes | None = None


def make_one(kind: type[Any], *, error: BaseException | None = None) -> Any:
    """Return an item of this kind that has no more than a queue looks at."""

    class Double(kind):  # type: ignore[misc]  # any of the items
        size = 1

        def __init__(self) -> None:
            self.error = error

    return Double()


def make(max_records: int = 16, max_bytes: int = 1_000) -> Intake:
    """Return an open queue that no thread serves."""
    intake = Intake(max_records=max_records, max_bytes=max_bytes, wake=lambda: None)
    intake.open()
    return intake


def put_until_full(intake: Intake, make_item: Any) -> int:
    """Put items until one is dropped; return how many were taken."""
    count = 0
    while intake.put(make_item()):
        count += 1
    return count


def test_starts_are_dropped_first_then_what_is_in_runs_then_all() -> None:
    """A quarter is kept from snapshots of starts, an eighth for runs and for what went wrong."""
    intake = make()
    assert put_until_full(intake, lambda: make_one(SpanStart)) == 12
    assert put_until_full(intake, Thing) == 2
    assert put_until_full(intake, lambda: make_one(Span, error=ValueError())) == 2
    counts = intake.counts()
    assert (counts.accepted, counts.refused) == (16, {"queue_full": 3})


@pytest.mark.parametrize(
    "item", [make_one(RunSnapshot), make_one(Span, error=ValueError())], ids=["run", "failed"]
)
def test_runs_and_failures_have_room_of_their_own(item: Any) -> None:
    """When everything else is dropped already."""
    intake = make()
    assert put_until_full(intake, Thing) == 14
    assert intake.put(item)


def test_bytes_are_bounded_as_records_are() -> None:
    """Few large records fill the queue as many small ones do."""
    intake = make(max_records=1_000, max_bytes=1_000)
    assert put_until_full(intake, lambda: Thing(100)) == 8
    assert intake.counts().size_bytes == 800
    intake.take(max_records=3, max_bytes=1_000)
    assert not intake.put(Thing(100))  # what was taken is in memory still
    intake.settle(3, number=1, lost={})
    assert intake.put(Thing(100))


def test_closed_it_drops_and_detached_it_counts_nothing() -> None:
    """Too late is a drop; without an exporter there is nothing to count it for."""
    intake = make()
    intake.close()
    assert not intake.put(Thing())
    intake.detach()
    assert intake.put(Thing())
    counts = intake.counts()
    assert (counts.accepted, counts.refused) == (0, {"shutdown": 1})


def test_callers_step_aside_only_when_it_is_half_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Now and then, for some milliseconds at most, and only for a thread that would use them."""
    now_s = 0.0
    naps: list[float] = []

    def nap(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds
        naps.append(now_s)

    monkeypatch.setattr(module, "sleep", nap)
    monkeypatch.setattr(module, "monotonic", lambda: now_s)
    intake = make(max_records=1_024)
    intake.is_served = lambda: True

    def put(count: int) -> int:
        """Return how often a caller stepped aside."""
        before = now_s
        for _ in range(count):
            intake.put(Thing(0))
        return round((now_s - before) / module.YIELD_S)

    assert put(512) == 0
    assert put(256) == 2
    assert put(128) == 2  # above three quarters
    intake.is_served = lambda: False
    assert put(128) == 0
    intake.is_served = lambda: True
    intake.take(max_records=1_000, max_bytes=1)
    intake.settle(896, number=1, lost={})
    assert put(400) == 0


def test_the_first_record_after_a_pause_wakes_the_thread() -> None:
    """And no other: a ring for each would cost more than the record."""
    rings: list[int] = []
    intake = Intake(max_records=100, max_bytes=1_000, wake=lambda: rings.append(1))
    intake.open()
    for _ in range(3):
        intake.put(Thing())
    assert len(rings) == 1
    assert not intake.sleep()  # there is work
    intake.take(max_records=9, max_bytes=1_000)
    assert intake.sleep()
    intake.put(Thing())
    assert len(rings) == 2


def test_a_put_within_a_put_does_not_hang() -> None:
    """A signal's handler or a finalizer may record while its thread is in the middle of one."""
    intake = make()
    done = threading.Event()

    def put() -> None:
        with intake.lock:
            intake.put(Thing())
        done.set()

    threading.Thread(target=put, daemon=True).start()
    assert done.wait(5)
    assert intake.counts().accepted == 1


class Accounts(RuleBasedStateMachine):
    """Whatever happens in whatever order, every record is in exactly one place."""

    def __init__(self) -> None:
        super().__init__()
        self.intake = make(max_records=8, max_bytes=80)
        self.offered = self.held = self.number = 0

    @rule(
        kind=st.sampled_from([Thing, lambda: make_one(SpanStart), lambda: make_one(RunSnapshot)]),
        count=st.integers(1, 6),
    )
    def put(self, kind: Any, count: int) -> None:
        for _ in range(count):
            self.intake.put(kind())
            self.offered += 1

    @rule(count=st.integers(1, 4))
    def take(self, count: int) -> None:
        if not self.held:
            self.held = len(self.intake.take(max_records=count, max_bytes=80))

    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        if self.held:
            superseded = data.draw(st.integers(0, self.held))
            lost = data.draw(st.integers(0, self.held - superseded))
            self.number += 1
            for _ in range(2):  # the second time changes nothing
                self.intake.settle(
                    self.held, number=self.number, superseded=superseded, lost={"x": lost}
                )
            self.held = 0

    @rule()
    def abandon(self) -> None:
        self.intake.abandon("shutdown")
        self.held = 0

    @rule()
    def close_and_open(self) -> None:
        self.intake.close()
        self.intake.open()

    @invariant()
    def balances(self) -> None:
        counts = self.intake.counts()
        assert counts.accepted + sum(counts.refused.values()) == self.offered
        assert counts.accepted - counts.processed == self.intake.waiting + self.held
        assert sum(counts.lost.values()) + counts.superseded <= counts.processed
        assert 0 <= counts.size_bytes <= 80
        assert self.intake.waiting or self.held or not counts.size_bytes


TestAccounts = Accounts.TestCase


def test_many_producers_lose_no_count() -> None:
    """Nor does who takes at the same time."""
    intake = make(max_records=64, max_bytes=10_000)
    stop = threading.Event()
    taken: list[int] = []

    def produce() -> None:
        for _ in range(2_000):
            intake.put(Thing())

    def consume() -> None:
        number = 0
        while not stop.is_set() or intake.waiting:
            items = intake.take(max_records=10, max_bytes=1_000)
            if items:
                number += 1
                intake.settle(len(items), number=number, lost={})
                taken.append(len(items))

    consumer = threading.Thread(target=consume)
    producers = [threading.Thread(target=produce) for _ in range(4)]
    for thread in (consumer, *producers):
        thread.start()
    for thread in producers:
        thread.join()
    stop.set()
    consumer.join()
    counts = intake.counts()
    assert counts.accepted + counts.refused["queue_full"] == 8_000
    assert (sum(taken), counts.processed, counts.size_bytes) == (counts.accepted,) * 2 + (0,)
