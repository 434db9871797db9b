"""The queue: bounded by records and bytes, with accounts that balance at every moment."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agenttrace.pipeline.queue import Queue


class Thing:
    """Something of a known size."""

    def __init__(self, size: int = 1) -> None:
        self.size = size
        self.line: bytes | None = None


def test_records_are_bounded() -> None:
    """What has no room is refused and counted, and room that is freed is used."""
    queue = Queue(max_records=2, max_bytes=100)
    assert [queue.put(Thing()) for _ in range(3)] == [True, True, False]
    assert len(queue.take(max_records=9, max_bytes=99)) == 2
    assert not queue.put(Thing())  # the worker still holds them
    queue.settle(delivered=2, dropped={})
    assert queue.put(Thing())
    accounts = queue.accounts()
    assert (accounts.attempted, accounts.delivered, accounts.queued) == (5, 2, 1)
    assert accounts.dropped == {"queue_full": 2}


def test_bytes_are_bounded() -> None:
    """Few large records fill the queue as many small ones do."""
    queue = Queue(max_records=100, max_bytes=10)
    assert [queue.put(Thing(size)) for size in (6, 5, 4)] == [True, False, True]
    assert queue.accounts().bytes == 10


def test_a_batch_is_bounded_but_never_empty() -> None:
    """A record larger than a batch travels alone."""
    queue = Queue(max_records=100, max_bytes=1000)
    for size in (5, 5, 500, 5):
        queue.put(Thing(size))
    batches = []
    while items := queue.take(max_records=3, max_bytes=10):
        batches.append([item.size for item in items])
    assert batches == [[5, 5], [500], [5]]


def test_after_close_everything_is_dropped_as_shutdown() -> None:
    """Too late is a reason of its own."""
    queue = Queue(max_records=1, max_bytes=10)
    queue.put(Thing())
    queue.close()
    assert not queue.put(Thing())
    assert queue.abandon("shutdown") == 1
    assert queue.accounts().dropped == {"shutdown": 2}
    queue.settle(delivered=1, dropped={})  # the worker comes back with what was abandoned
    assert (queue.accounts().delivered, queue.accounts().queued) == (0, 0)


def test_the_first_record_wakes_the_worker_at_once() -> None:
    """No polling interval stands between a record and its exporter."""
    queue = Queue(max_records=10, max_bytes=10)
    woken = threading.Event()

    def work() -> None:
        queue.wait(None)
        woken.set()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    queue.put(Thing())
    assert woken.wait(5)
    thread.join(5)


class Accounts(RuleBasedStateMachine):
    """Whatever happens in whatever order, every record is in exactly one place."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = Queue(max_records=5, max_bytes=50)
        self.attempted = 0
        self.held = 0

    @rule(size=st.integers(0, 30))
    def put(self, size: int) -> None:
        self.queue.put(Thing(size))
        self.attempted += 1

    @rule(count=st.integers(1, 4), size=st.integers(0, 40))
    def take(self, count: int, size: int) -> None:
        self.held += len(self.queue.take(max_records=count, max_bytes=size))

    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        if self.held:
            delivered = data.draw(st.integers(0, self.held))
            dropped = data.draw(st.integers(0, self.held - delivered))
            self.queue.settle(delivered=delivered, dropped={"rejected": dropped})
            self.held -= delivered + dropped

    @rule()
    def abandon(self) -> None:
        self.queue.abandon("shutdown")
        self.held = 0

    @rule()
    def close(self) -> None:
        self.queue.close()

    @invariant()
    def balances(self) -> None:
        accounts = self.queue.accounts()
        assert accounts.attempted == self.attempted
        assert accounts.attempted == (
            accounts.delivered + accounts.queued + sum(accounts.dropped.values())
        )
        assert 0 <= accounts.bytes <= 50
        assert accounts.queued or not accounts.bytes


TestAccounts = Accounts.TestCase


@given(st.lists(st.integers(1, 50), min_size=1, max_size=8))
def test_accounts_balance_under_threads(counts: list[int]) -> None:
    """Many producers at once lose no count."""
    queue = Queue(max_records=30, max_bytes=10_000)
    threads = [
        threading.Thread(target=lambda n=count: [queue.put(Thing()) for _ in range(n)])
        for count in counts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    accounts = queue.accounts()
    assert accounts.attempted == sum(counts)
    assert accounts.attempted == accounts.queued + sum(accounts.dropped.values())
