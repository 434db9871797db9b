"""The queue that programs write to: one for each tracer, bounded, and as cheap as can be.

The caller's share is one lock, one append and two sums. Which thread is woken, what is dropped
first and what became of every record is decided here as well.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from agenttrace.pipeline.drops import RunDrops
from agenttrace.run import Run, RunSnapshot
from agenttrace.span import SpanStart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

QUEUE_FULL: Final = "queue_full"
SHUTDOWN: Final = "shutdown"

YIELD_S: Final = 0.01
"""How long a caller steps aside, at most, while the intake is more than half full; it may take one
turn of the interpreter, 5 ms, more before it goes on."""
YIELD_EVERY_RECORDS: Final = 128
HURRIED_RECORDS: Final = 64
"""The same above three quarters, where records are about to be dropped."""
YIELD_EVERY_BYTES: Final = 2 * 1024 * 1024
_NAP_S: Final = 0.0005


class Item(Protocol):
    """Something that becomes one record. What encodes it first keeps the line here."""

    line: bytes | None

    @property
    def size(self) -> int:
        """About how many bytes of memory it takes while it waits."""


class Counts(NamedTuple):
    """What became of the records of a tracer up to the fan-out, at one moment.

    accepted + added = passed on + lost + superseded + held + (accepted - processed), always.
    `refused` were not accepted at all; both it and `lost` count by reason.
    """

    accepted: int
    processed: int
    refused: Mapping[str, int]
    lost: Mapping[str, int]
    superseded: int
    added: int
    held: int
    size_bytes: int


class Intake:
    """A bounded queue for many producers and the recording thread. No lock is held over I/O.

    It fills in this order: above half of either limit callers step aside now and then, so that the
    recording thread catches up; above three quarters snapshots of spans that start are dropped,
    above seven eighths what else is in runs; the rest is kept for runs and for spans that failed.
    """

    def __init__(self, *, max_records: int, max_bytes: int, wake: Callable[[], None]) -> None:
        """`wake` is called, on the caller's thread, for the first record after a pause."""
        self.max_records = max_records
        self.max_bytes = max_bytes
        self._wake = wake
        self.drops = RunDrops()
        self.is_served: Callable[[], bool] = bool
        self.reset()

    def reset(self) -> None:
        """Begin anew, empty and with fresh locks: at the start, and in the child of a fork."""
        # Reentrant: a signal's handler or a finalizer may record while its thread is in here.
        self.lock = threading.RLock()
        self.drops.reset()
        self.is_idle = True  # the recording thread sleeps, or is none
        self._items: deque[tuple[Item, int]] = deque()
        self._bytes = 0
        self._taken_bytes = 0
        self._accepted = self._processed = self._superseded = self._added = self.held = 0
        self._refused: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()
        self._number = 0  # of the last batch that was settled
        self._yield_at = self._yield_bytes = 0
        self._is_detached = True
        self._set_open(is_open=False)

    def _set_open(self, *, is_open: bool) -> None:
        self.is_open = is_open
        # Beyond these the slower path decides; closed, everything goes there.
        self._easy_records = self.max_records // 2 if is_open else -1
        self._easy_bytes = self.max_bytes // 2 if is_open else -1

    def put(self, item: Item) -> bool:
        """Take `item`, or count it as dropped, which answers False; never waits for room."""
        size = item.size
        entry = (item, size)
        with self.lock:
            if (
                self._accepted - self._processed >= self._easy_records
                or self._bytes + size > self._easy_bytes
            ):
                is_taken = self._put_under_pressure(entry)
            else:
                is_taken = True
                self._items.append(entry)
                self._bytes += size
                self._accepted += 1
            is_idle = self.is_idle and self.is_open
            if is_idle:
                self.is_idle = False
        if is_idle:
            self._wake()
        elif self._yield_at < 0:
            self._step_aside()
        return is_taken

    def _put_under_pressure(self, entry: tuple[Item, int]) -> bool:
        """Admit one item, or drop it and return False."""
        item, size = entry
        if self._is_detached:  # no exporter: nothing is attempted, and so nothing lost
            return True
        if not self.is_open:
            self._refused[SHUTDOWN] += 1
            self.note_drop(item, SHUTDOWN)
            return False
        waiting = self._accepted - self._processed
        kept_back = 8 - _find_share(item)
        is_taken = (
            waiting < self.max_records - self.max_records * kept_back // 8
            and self._bytes + size <= self.max_bytes - self.max_bytes * kept_back // 8
        )
        if is_taken:
            self._items.append(entry)
            self._bytes += size
            self._accepted += 1
        else:
            self._refused[QUEUE_FULL] += 1
            self.note_drop(item, QUEUE_FULL)
            _note_gap(item)
        self._yield_bytes += size
        self._yield_at += 1
        is_scarce = waiting * 4 > self.max_records * 3 or self._bytes * 4 > self.max_bytes * 3
        every = HURRIED_RECORDS if is_scarce else YIELD_EVERY_RECORDS
        if self._yield_at >= every or self._yield_bytes >= YIELD_EVERY_BYTES:
            self._yield_at = -1
        return is_taken

    def note_drop(self, item: Item, reason: str) -> None:
        """Count a record of a run that no exporter will be offered."""
        # The snapshot of a start knows its span, all else its run.
        run: object = getattr(getattr(item, "span", item), "run", None)
        if isinstance(run, Run):
            self.drops.note(run.run_id, reason, is_gap=not isinstance(item, SpanStart))

    def _step_aside(self) -> None:
        self._yield_at = self._yield_bytes = 0
        until_s = monotonic() + YIELD_S
        while self.is_served() and self._is_half_full() and monotonic() < until_s:
            # sleep(0) would take the interpreter back before another thread has woken up.
            sleep(_NAP_S)

    def _is_half_full(self) -> bool:
        return (
            self._accepted - self._processed >= self._easy_records or self._bytes > self._easy_bytes
        )

    def take(self, *, max_records: int, max_bytes: int) -> list[Item]:
        """Return the oldest items, at least one if there is any; `settle` closes their account."""
        taken: list[Item] = []
        total = 0
        items = self._items
        with self.lock:
            while items and len(taken) < max_records:
                size = items[0][1]
                if taken and total + size > max_bytes:
                    break
                taken.append(items.popleft()[0])
                total += size
            self._taken_bytes += total
        return taken

    def settle(  # noqa: PLR0913 -- the accounts that a batch changes, each by its name
        self,
        count: int,
        *,
        number: int,
        superseded: int = 0,
        lost: Mapping[str, int],
        added: int = 0,
        held: int = 0,
    ) -> None:
        """Close the account of all `count` items that were taken; what is not lost is passed on.

        `number` counts batches; one that was settled or abandoned is not settled again.
        """
        with self.lock:
            if number <= self._number:
                return
            self._number = number
            if count > self._accepted - self._processed:  # abandoned meanwhile
                return
            self._processed += count
            self._bytes -= self._taken_bytes
            self._taken_bytes = 0
            self._superseded += superseded
            self._added += added
            self.held = held
            for reason, records in lost.items():
                if records:
                    self._lost[reason] += records

    def sleep(self) -> bool:
        """Say that the recording thread is about to sleep; False when there is work for it."""
        with self.lock:
            self.is_idle = not self._items
            return self.is_idle

    def open(self) -> int:
        """Take records from now on; return the number of the first."""
        with self.lock:
            self._is_detached = False
            self.is_idle = True
            self._set_open(is_open=True)
            return self._accepted

    def close(self) -> None:
        """Take nothing more; what comes is dropped as `shutdown`."""
        with self.lock:
            self._set_open(is_open=False)

    def detach(self) -> None:
        """Take nothing more, and count nothing: there is no exporter to count it for."""
        with self.lock:
            self._is_detached = True
            self._set_open(is_open=False)

    def abandon(self, reason: str) -> None:
        """Drop what waits, and what was taken and is not settled."""
        with self.lock:
            count = self._accepted - self._processed
            for item, _ in self._items:
                self.note_drop(item, reason)
            self._items.clear()
            self._bytes = self._taken_bytes = 0
            self._processed += count
            if count:
                self._lost[reason] += count

    @property
    def is_owned(self) -> bool:
        """Whether the caller's thread was interrupted within this queue."""
        return self.lock._is_owned()  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001 -- as threading.Condition asks

    @property
    def waiting(self) -> int:
        """How many records wait to be taken."""
        return len(self._items)

    @property
    def accepted(self) -> int:
        """How many records were ever accepted: the target that a flush waits for."""
        return self._accepted

    @property
    def processed(self) -> int:
        """How many of the accepted records are passed on, or will never be."""
        return self._processed

    def counts(self) -> Counts:
        """Return the accounts at one moment."""
        with self.lock:
            return Counts(
                accepted=self._accepted,
                processed=self._processed,
                refused=self._refused.copy(),
                lost=self._lost.copy(),
                superseded=self._superseded,
                added=self._added,
                held=self.held,
                size_bytes=self._bytes,
            )


def _note_gap(item: Item) -> None:
    """Let the run say at its end that a record is missing; what a start says, the end repeats."""
    if not isinstance(item, SpanStart):
        run: object = getattr(item, "run", None)
        if isinstance(run, Run):
            run.is_complete = False


def _find_share(item: Item) -> int:
    """Return how many eighths of the queue may be full for this item to be let in."""
    if isinstance(item, RunSnapshot) or getattr(item, "error", None) is not None:
        return 8
    return 6 if isinstance(item, SpanStart) else 7
