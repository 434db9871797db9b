"""Records that wait on disk for one exporter, and in memory where the disk cannot be written."""

from __future__ import annotations

import threading
from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING, Final

from agenttrace.pipeline.batch import RecordBatch
from agenttrace.pipeline.outlet import Outlet, OutletCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agenttrace.pipeline.queue import Queue
    from agenttrace.pipeline.spool import Spool, SpoolBatch

RETRY_DISK_S: Final = 1.0
"""How long a disk that failed is left alone."""
_CLOSE_WAIT_S: Final = 0.1


class SpoolOutlet(Outlet):
    """Appends on the recording thread, reads and acknowledges on the exporter's.

    While the disk cannot be written, records wait in `memory`, as without a spool; they go to the
    disk when it can be written again, unless the exporter takes them first.
    """

    is_durable = True

    def __init__(self, spool: Spool, *, memory: Queue, on_fault: Callable[[str], None]) -> None:
        """`on_fault` hears why the disk is not used, once each time that begins."""
        self._spool = spool
        self._memory = memory
        self.drops = memory.drops
        self._on_fault = on_fault
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._number = -1
        self._offered = 0
        self._retry_at_s = 0.0
        self._batch: SpoolBatch | None = None
        self._dropped: Counter[str] = Counter()
        self._closed_for: str | None = None
        self._fault: str | None = None
        self._publish()

    def reset(self) -> None:
        """Begin anew in the child of a fork, with files of its own."""
        self._memory.reset()
        self._spool.reset_after_fork()
        self._begin()

    def offer(self, lines: Sequence[bytes], *, number: int) -> None:
        """Write to disk what the disk takes, and keep the rest in memory."""
        with self._lock:
            if number <= self._number:
                return
            self._number = number
            self._offered += len(lines)
            if self._closed_for is not None:
                self._dropped[self._closed_for] += len(lines)
                self.drops.note_lines(lines, self._closed_for)
            else:
                waiting = self._memory.give_back()
                everything = [*waiting, *lines] if waiting else lines
                taken = self._append(everything)
                if taken < len(everything):
                    self._memory.add_all(everything[taken:])
            self._publish()

    def tend(self) -> None:
        """Bring what waits in memory to the disk, if the disk can be written again."""
        if self._fault is None or self._memory.is_empty:
            return
        with self._lock:
            if self._closed_for is None and monotonic() >= self._retry_at_s:
                waiting = self._memory.give_back()
                self._memory.add_all(waiting[self._append(waiting) :])
                self._publish()

    def _append(self, lines: Sequence[bytes]) -> int:
        if monotonic() < self._retry_at_s:
            return 0
        taken, fault = self._spool.append(lines)
        if taken == len(lines):
            self._fault = None
        elif fault is not None:
            self._retry_at_s = monotonic() + RETRY_DISK_S
            if self._fault is None and fault.reason != "unsupported":
                self._on_fault(fault.message)
            self._fault = fault.message
        return taken

    def take(self, *, max_records: int, max_bytes: int) -> RecordBatch | None:
        """Return what is under way, else the oldest records on disk, else those in memory."""
        with self._lock:
            if self._batch is None and not self._closed_for:
                self._batch = self._spool.read(max_records=max_records, max_bytes=max_bytes)
                self._publish()
            if self._batch is not None:
                return RecordBatch(self._batch.lines)
            return self._memory.take(max_records=max_records, max_bytes=max_bytes)

    def settle(self, *, delivered: int, dropped: Mapping[str, Mapping[int, str]]) -> None:
        """Acknowledge the batch; what was dropped from it goes to the folder `dead`."""
        with self._lock:
            batch, self._batch = self._batch, None
            if batch is None:
                self._memory.settle(delivered=delivered, dropped=dropped)
            else:
                refused = {index: why for each in dropped.values() for index, why in each.items()}
                before = self._spool.stats().refused
                self._spool.acknowledge(batch, refused=refused)
                if self._spool.stats().refused > before:
                    for reason, records in dropped.items():
                        self._dropped[reason] += len(records)
                        self.drops.note_lines([batch.lines[at] for at in records], reason)
            self._publish()

    def abandon(self, reason: str) -> None:
        """Leave what is on disk to the next process, and drop what is in memory."""
        # A disk that hangs must not hold up the end of the program.
        if not self._lock.acquire(timeout=_CLOSE_WAIT_S):
            return
        try:
            if self._closed_for is None:
                self._closed_for = reason
                self._append(self._memory.give_back())
                self._batch = None
                self._spool.close()
            self._memory.abandon(reason)
            self._publish()
        finally:
            self._lock.release()

    def count_target(self) -> int:
        """Return how many records were ever offered."""
        return self._offered

    @property
    def settled(self) -> int:
        """How many of the records that were offered wait no more, here or for another process."""
        return self._settled

    @property
    def is_empty(self) -> bool:
        """Whether nothing of this process's own waits."""
        return not self._spool.own_pending and self._memory.is_empty

    @property
    def fill(self) -> float:
        """How full the memory is: 0 to 1."""
        return self._memory.fill

    def counts(self) -> OutletCounts:
        """Return the accounts as the last call left them; waits for no disk."""
        memory = self._memory.counts()
        on_disk, dropped, fault = self._published
        return OutletCounts(
            adopted=on_disk.adopted,
            delivered=on_disk.acknowledged + memory.delivered,
            spooled=on_disk.pending,
            spooled_bytes=on_disk.pending_bytes,
            size_bytes=memory.size_bytes,
            dropped=dropped + Counter(memory.dropped),
            fault=fault,
        )

    def _publish(self) -> None:
        on_disk = self._spool.stats()
        self._published = (on_disk, self._dropped + Counter(on_disk.dropped), self._fault)
        # Kept, as the memory is empty for as long as the disk takes to answer.
        self._settled = self._offered - self._spool.own_pending - self._memory.waiting
