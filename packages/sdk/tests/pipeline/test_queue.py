"""The queue: bounded by records and bytes, with accounts that balance at every moment."""

from __future__ import annotations

from itertools import count

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agenttrace.pipeline.queue import LINE_BYTES, Queue


def offer(queue: Queue, *sizes: int) -> None:
    """Offer lines that take so many bytes each."""
    queue.offer([b"x" * (size - LINE_BYTES) for size in sizes], number=next(_numbers))


def settle(queue: Queue, *, delivered: int, rejected: int = 0) -> None:
    """Settle the batch that was taken."""
    dropped = {"rejected": dict.fromkeys(range(rejected), "why")} if rejected else {}
    queue.settle(delivered=delivered, dropped=dropped)


_numbers = count()


def test_records_are_bounded() -> None:
    """What has no room is dropped and counted, and room that is freed is used."""
    queue = Queue(max_records=2, max_bytes=1_000)
    offer(queue, 60, 60, 60)
    assert queue.counts().dropped == {"queue_full": 1}
    batch = queue.take(max_records=9, max_bytes=999)
    assert batch is not None
    assert len(batch) == 2
    offer(queue, 60)  # the exporter still has them
    assert queue.counts().dropped == {"queue_full": 2}
    settle(queue, delivered=2)
    offer(queue, 60)
    assert (queue.counts().delivered, queue.waiting) == (2, 1)


def test_bytes_are_bounded() -> None:
    """Few large records fill the queue as many small ones do."""
    queue = Queue(max_records=100, max_bytes=1_000)
    offer(queue, 600, 500, 200)
    assert (queue.counts().size_bytes, queue.waiting) == (800, 2)


def test_the_last_eighth_is_for_runs_and_failures() -> None:
    """What is dropped first is what can be missed most easily."""
    queue = Queue(max_records=8, max_bytes=10_000)
    lines = [b'{"v":1,"type":"event"}'] * 9
    queue.offer([*lines, b'{"v":1,"type":"run","n":1}', b'{"v":1,"type":"run","n":2}'], number=1)
    assert queue.counts().dropped == {"queue_full": 3}
    assert queue.give_back()[-1] == b'{"v":1,"type":"run","n":1}'
    failed = b'{"v":1,"type":"span","name":"x","status":"ERROR"}'
    queue.offer([*lines, failed], number=2)
    assert queue.give_back()[-1] == failed


def test_a_batch_is_bounded_but_never_empty() -> None:
    """A record larger than a batch travels alone."""
    queue = Queue(max_records=100, max_bytes=10_000)
    offer(queue, *(LINE_BYTES + size for size in (5, 5, 500, 5)))
    batches = []
    while batch := queue.take(max_records=3, max_bytes=10):
        batches.append([len(line) for line in batch.lines])
        settle(queue, delivered=len(batch))
    assert batches == [[5, 5], [500], [5]]


def test_a_batch_is_the_same_until_it_is_settled() -> None:
    """A thread that takes over where another died sends what that one had."""
    queue = Queue(max_records=100, max_bytes=10_000)
    offer(queue, 60, 61)
    first = queue.take(max_records=1, max_bytes=999)
    again = queue.take(max_records=9, max_bytes=999)
    assert first is not None
    assert again is not None
    assert first.lines == again.lines


def test_a_batch_that_comes_twice_is_taken_once() -> None:
    """A recording thread that takes over may hand out again what was handed out."""
    queue = Queue(max_records=100, max_bytes=10_000)
    queue.offer([b"1"], number=7)
    queue.offer([b"1"], number=7)
    assert queue.waiting == 1


def test_after_the_end_everything_is_dropped() -> None:
    """Too late is a reason of its own."""
    queue = Queue(max_records=1, max_bytes=100)
    offer(queue, 50)
    queue.abandon("shutdown")
    offer(queue, 50)
    assert queue.counts().dropped == {"shutdown": 2}
    settle(queue, delivered=1)  # the exporter comes back with what was abandoned
    assert (queue.counts().delivered, queue.waiting) == (0, 0)


class Accounts(RuleBasedStateMachine):
    """Whatever happens in whatever order, every record is in exactly one place."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = Queue(max_records=5, max_bytes=500)
        self.offered = 0
        self.held = 0

    @rule(sizes=st.lists(st.integers(LINE_BYTES, 300), max_size=4))
    def offer(self, sizes: list[int]) -> None:
        offer(self.queue, *sizes)
        self.offered += len(sizes)

    @rule(most=st.integers(1, 4), size=st.integers(0, 400))
    def take(self, most: int, size: int) -> None:
        batch = self.queue.take(max_records=most, max_bytes=size)
        self.held = 0 if batch is None else len(batch)

    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        if self.held:
            delivered = data.draw(st.integers(0, self.held))
            settle(self.queue, delivered=delivered, rejected=self.held - delivered)
            self.held = 0

    @rule()
    def give_back(self) -> None:
        lines = self.queue.give_back()
        self.queue.add_all(lines)

    @rule()
    def abandon(self) -> None:
        self.queue.abandon("shutdown")
        self.held = 0

    @invariant()
    def balances(self) -> None:
        counts = self.queue.counts()
        settled = counts.delivered + sum(counts.dropped.values())
        assert self.offered == settled + self.queue.waiting
        assert 0 <= counts.size_bytes <= 500
        assert self.queue.waiting or not counts.size_bytes
        assert self.queue.settled <= self.queue.count_target()


TestAccounts = Accounts.TestCase
