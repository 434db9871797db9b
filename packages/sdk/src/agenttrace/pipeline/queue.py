"""Lines that wait in memory for one exporter: bounded by records and by bytes."""

from __future__ import annotations

import threading
from collections import Counter, deque
from typing import TYPE_CHECKING, Final

from agenttrace.pipeline.batch import RecordBatch
from agenttrace.pipeline.drops import RunDrops
from agenttrace.pipeline.intake import QUEUE_FULL
from agenttrace.pipeline.outlet import Outlet, OutletCounts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LINE_BYTES: Final = 48
"""What a line takes in memory beside its text."""
_HEAD_BYTES: Final = 4_096  # a name may have 512 characters, each of several bytes


class Queue(Outlet):
    """A bounded queue of lines. What has no room is dropped: the newest.

    The last eighth is kept for runs and for spans that failed. What is offered is delivered,
    dropped or waits, always.
    """

    def __init__(self, *, max_records: int, max_bytes: int) -> None:
        self.max_records = max_records
        self.max_bytes = max_bytes
        self.drops = RunDrops()
        self.reset()

    def reset(self) -> None:
        """Begin anew, empty and with a fresh lock."""
        self._lock = threading.RLock()
        self.drops.reset()
        self._lines: deque[bytes] = deque()
        self._taken: list[bytes] = []
        self._bytes = 0
        self._number = -1
        self._accepted = self._settled = self._delivered = 0
        self._dropped: Counter[str] = Counter()
        self._is_closed_for: str | None = None

    def offer(self, lines: Sequence[bytes], *, number: int) -> None:
        """Take what has room; drop the rest as `queue_full`."""
        with self._lock:
            if number <= self._number:
                return
            self._number = number
            self.add_all(lines)

    def _add(self, line: bytes) -> None:
        size = len(line) + LINE_BYTES
        waiting = len(self._lines) + len(self._taken)
        if self._is_closed_for is not None:
            self._drop([line], self._is_closed_for)
        elif not self._has_room(waiting, self._bytes + size, line):
            self._drop([line], QUEUE_FULL)
        else:
            self._lines.append(line)
            self._bytes += size
            self._accepted += 1

    def _has_room(self, waiting: int, size: int, line: bytes) -> bool:
        if waiting >= self.max_records or size > self.max_bytes:
            return False
        return (
            waiting < self.max_records - self.max_records // 8
            and size <= self.max_bytes - self.max_bytes // 8
        ) or _is_vital(line)

    def _drop(self, lines: Sequence[bytes], reason: str) -> None:
        if lines:
            self._dropped[reason] += len(lines)
            self.drops.note_lines(lines, reason)

    def take(self, *, max_records: int, max_bytes: int) -> RecordBatch | None:
        """Return the batch that is not settled yet, else the oldest lines."""
        with self._lock:
            if not self._taken:
                total = 0
                while self._lines and len(self._taken) < max_records:
                    if self._taken and total + len(self._lines[0]) > max_bytes:
                        break
                    line = self._lines.popleft()
                    self._taken.append(line)
                    total += len(line)
            return RecordBatch(list(self._taken)) if self._taken else None

    def settle(self, *, delivered: int, dropped: Mapping[str, Mapping[int, str]]) -> None:
        """Close the account of the batch that was taken."""
        with self._lock:
            if not self._taken:  # abandoned meanwhile: it is accounted for
                return
            self._bytes -= sum(map(len, self._taken)) + LINE_BYTES * len(self._taken)
            self._settled += len(self._taken)
            self._delivered += delivered
            for reason, records in dropped.items():
                self._drop([self._taken[index] for index in records], reason)
            self._taken.clear()

    def give_back(self) -> list[bytes]:
        """Return what was not taken yet, oldest first, as if it had never been offered."""
        with self._lock:
            lines = list(self._lines)
            self._lines.clear()
            self._accepted -= len(lines)
            self._bytes -= sum(map(len, lines)) + LINE_BYTES * len(lines)
            return lines

    def add_all(self, lines: Sequence[bytes]) -> None:
        """Take what has room; drop the rest as `queue_full`."""
        with self._lock:
            for line in lines:
                self._add(line)

    def abandon(self, reason: str) -> None:
        """Drop everything that waits or is under way, and what comes later."""
        with self._lock:
            given_up = [*self._taken, *self._lines]
            self._is_closed_for = reason
            self._lines.clear()
            self._taken.clear()
            self._bytes = 0
            self._settled += len(given_up)
            self._drop(given_up, reason)

    def count_target(self) -> int:
        """Return how many records were ever accepted."""
        return self._accepted

    @property
    def settled(self) -> int:
        """How many of the accepted records were delivered or dropped."""
        return self._settled

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits to be taken."""
        return not self._lines

    @property
    def waiting(self) -> int:
        """How many records wait or are under way."""
        return len(self._lines) + len(self._taken)

    @property
    def fill(self) -> float:
        """How full it is: 0 to 1."""
        return max(len(self._lines) / self.max_records, self._bytes / self.max_bytes)

    def counts(self) -> OutletCounts:
        """Return the accounts at one moment."""
        with self._lock:
            return OutletCounts(
                adopted=0,
                delivered=self._delivered,
                spooled=0,
                spooled_bytes=0,
                size_bytes=self._bytes,
                dropped=self._dropped.copy(),
                fault=None,
            )


def _is_vital(line: bytes) -> bool:
    # Only asked when there is little room; as `records` and processors write it.
    return line.startswith(b'{"v":1,"type":"run"') or b'"status":"ERROR"' in line[:_HEAD_BYTES]
