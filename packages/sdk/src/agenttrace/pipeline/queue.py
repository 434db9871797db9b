"""The queue before one exporter: bounded by records and by bytes, with accounts that balance."""

from __future__ import annotations

import threading
from collections import deque
from typing import Final, Protocol

QUEUE_FULL: Final = "queue_full"
SHUTDOWN: Final = "shutdown"


class Item(Protocol):
    """Something that becomes one record. The worker that encodes it first keeps the line here."""

    line: bytes | None

    @property
    def size(self) -> int:
        """About how many bytes of memory it takes while it waits."""


class Accounts:
    """What became of every record that was offered: attempted = delivered + queued + dropped."""

    __slots__ = ("attempted", "bytes", "delivered", "dropped", "queued")

    def __init__(
        self, *, attempted: int, delivered: int, queued: int, size: int, dropped: dict[str, int]
    ) -> None:
        self.attempted = attempted
        self.delivered = delivered
        self.queued = queued
        self.bytes = size
        self.dropped = dropped


class Queue:
    """A bounded queue for many producers and one worker. No lock is ever held over I/O."""

    def __init__(self, *, max_records: int, max_bytes: int) -> None:
        self.max_records = max_records
        self.max_bytes = max_bytes
        self.reset()

    def reset(self) -> None:
        """Begin anew, empty and with fresh locks: at the start, and in the child of a fork."""
        self._lock = threading.Lock()
        # A lock as the bell: released is ringing. An Event would cost the producer 1 µs a ring.
        self._bell = threading.Lock()
        self._bell.acquire()
        self._is_ringing = False
        self._items: deque[tuple[Item, int]] = deque()
        self._bytes = 0
        self._taken: list[int] = []  # sizes of the records that the worker holds
        self._is_closed = False
        self._attempted = self._accepted = self._settled = self._delivered = 0
        self._dropped: dict[str, int] = {}

    def put(self, item: Item) -> bool:
        """Add `item` unless there is no room or the queue is closed; False means it was dropped."""
        size = item.size
        with self._lock:
            self._attempted += 1
            if self._is_closed:
                self._dropped[SHUTDOWN] = self._dropped.get(SHUTDOWN, 0) + 1
                return False
            waiting = len(self._items) + len(self._taken)
            if waiting >= self.max_records or self._bytes + size > self.max_bytes:
                self._dropped[QUEUE_FULL] = self._dropped.get(QUEUE_FULL, 0) + 1
                return False
            self._items.append((item, size))
            self._bytes += size
            self._accepted += 1
            if not self._is_ringing:
                self._is_ringing = True
                self._bell.release()
        return True

    def wait(self, timeout_s: float | None) -> None:
        """Block the worker until something was put, `ring` was called, or the time is over."""
        if self._bell.acquire(timeout=-1 if timeout_s is None else max(0.0, timeout_s)):
            with self._lock:
                self._is_ringing = False

    def ring(self) -> None:
        """Wake the worker."""
        with self._lock:
            if not self._is_ringing:
                self._is_ringing = True
                self._bell.release()

    def take(self, *, max_records: int, max_bytes: int) -> list[Item]:
        """Return the oldest items, at least one if there is any; they stay accounted as queued."""
        taken: list[Item] = []
        with self._lock:
            total = 0
            while self._items and len(taken) < max_records:
                item, size = self._items[0]
                if taken and total + size > max_bytes:
                    break
                self._items.popleft()
                taken.append(item)
                self._taken.append(size)
                total += size
        return taken

    def settle(self, *, delivered: int, dropped: dict[str, int]) -> None:
        """Close the account of taken items: so many delivered, so many dropped by reason."""
        with self._lock:
            count = min(delivered + sum(dropped.values()), len(self._taken))
            if not count:  # abandoned meanwhile: they are accounted for already
                return
            self._bytes -= sum(self._taken[:count])
            del self._taken[:count]
            self._settled += count
            self._delivered += delivered
            for reason, number in dropped.items():
                if number:
                    self._dropped[reason] = self._dropped.get(reason, 0) + number

    def close(self) -> None:
        """Take nothing more; what comes is dropped as `shutdown`."""
        with self._lock:
            self._is_closed = True

    def abandon(self, reason: str) -> int:
        """Drop everything that waits or is under way; return how many records that were."""
        with self._lock:
            count = len(self._items) + len(self._taken)
            self._items.clear()
            self._taken.clear()
            self._bytes = 0
            self._settled += count
            if count:
                self._dropped[reason] = self._dropped.get(reason, 0) + count
        return count

    @property
    def accepted(self) -> int:
        """How many records were ever accepted: the target that a flush waits for."""
        return self._accepted

    @property
    def settled(self) -> int:
        """How many of the accepted records were delivered or dropped."""
        return self._settled

    @property
    def taken(self) -> int:
        """How many records the worker holds."""
        return len(self._taken)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits to be taken."""
        return not self._items

    def accounts(self) -> Accounts:
        """Return the accounts at one moment; they always balance."""
        with self._lock:
            return Accounts(
                attempted=self._attempted,
                delivered=self._delivered,
                queued=len(self._items) + len(self._taken),
                size=self._bytes,
                dropped=dict(self._dropped),
            )
