"""The recording thread of a tracer: encodes each record once and hands it to every exporter."""

from __future__ import annotations

import threading
from collections import Counter
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace.pipeline.bell import Bell
from agenttrace.pipeline.chain import FILTERED, Chain
from agenttrace.pipeline.droplog import DropLog
from agenttrace.pipeline.drops import tell_drops
from agenttrace.pipeline.intake import SHUTDOWN, Intake
from agenttrace.pipeline.records import write_line
from agenttrace.pipeline.thread import Supervised
from agenttrace.run import RunSnapshot
from agenttrace.span import Span, SpanStart

if TYPE_CHECKING:
    from agenttrace.guard import Guard
    from agenttrace.pipeline.chain import Passed
    from agenttrace.pipeline.intake import Item
    from agenttrace.pipeline.worker import Pipeline

ENCODE_FAILED: Final = "encode_failed"
WRITER_DIED: Final = "worker_died"

MAX_BATCH_RECORDS: Final = 128
"""Few enough that the memory of one batch is used again for the next while it is in the cache:
with 8 KiB a span it costs a fifth less than batches of 1,000."""
MAX_BATCH_BYTES: Final = 4 * 1024 * 1024
LINGER_S: Final = 0.004
"""How long the first record after a pause waits for others: a wake-up for each would cost the
program more than all the rest. Nothing is on disk before that is over."""
BEHIND_RECORDS: Final = 1_000
"""With so many waiting, a span's start is not written when its end is there already."""
WATCH_EVERY_S: Final = 1.0
HANGING_AFTER_S: Final = 10.0
MAX_DEATHS: Final = 3
"""A batch during which the thread died so often is dropped."""
MAX_WAY_S: Final = 0.01
"""How long this thread makes way, after a batch, for an exporter that lags behind."""
_STEP_S: Final = 0.0005


class _FlushRequest:
    __slots__ = ("done", "target", "with_processors")

    def __init__(self, target: int, *, with_processors: bool) -> None:
        self.target = target
        self.with_processors = with_processors
        self.done = threading.Event()


class _Batch(NamedTuple):
    """An encoded batch: what it does to the accounts, and who gets its lines."""

    number: int
    size: int
    superseded: int
    failed: int
    passed: Passed
    sinks: tuple[Pipeline, ...]


class Writer:
    """Takes from the intake and gives to the sinks. Where its thread died, the next one goes on."""

    def __init__(self, *, guard: Guard, max_records: int, max_bytes: int) -> None:
        self.intake = Intake(max_records=max_records, max_bytes=max_bytes, wake=self._wake)
        self.intake.is_served = self._is_behind
        self.chain = Chain(guard)
        self._guard = guard
        self._drops = DropLog(self._count_drops)
        self._thread = Supervised(
            "recording", work=self._run, on_death=self._note_death, guard=guard
        )
        self.sinks: tuple[Pipeline, ...] = ()
        self._begin()

    def _begin(self) -> None:
        self._bell = Bell()
        self._hurry = Bell()
        self._step = threading.RLock()  # held while a batch is handled
        self._flushes: list[_FlushRequest] = []
        self._is_ending = self._is_discarded = False
        self._ended = threading.Event()
        self._items: list[Item] = []  # taken, and not encoded yet
        self._takers: tuple[Pipeline, ...] = ()
        self._batch: _Batch | None = None  # encoded, and not handed out yet
        self._number = 0
        self._deaths = 0
        self._step_began_s: float | None = None

    def reset_after_fork(self) -> None:
        """Begin anew in the child: no records, fresh locks, no thread."""
        self.intake.reset()
        self._thread.reset()
        self._begin()
        self.chain.forget_held()

    @property
    def restarts(self) -> int:
        """How often the thread died and was replaced."""
        return self._thread.restarts

    @property
    def hanging_s(self) -> float:
        """How long the present batch has taken, in seconds, once it is too long."""
        began_s = self._step_began_s
        taken_s = 0.0 if began_s is None else monotonic() - began_s
        return taken_s if taken_s > HANGING_AFTER_S else 0.0

    def _is_behind(self) -> bool:
        began_s = self._step_began_s
        return self._thread.is_running and (began_s is None or monotonic() - began_s < 1.0)

    def _wake(self) -> None:
        if not self._thread.is_running and not self._thread.start():
            self.intake.is_idle = True  # so that the next record tries again
        self._bell.ring()

    # On the recording thread

    def _run(self) -> None:
        while True:
            if not self._items and self._batch is None:
                self._take()
            if self._items or self._batch is not None:
                with self._step:
                    self._handle()
                continue
            self._answer_flushes()
            if (self._is_ending or self._is_discarded) and not self.intake.waiting:
                break
            self._rest()
        if self.chain.processors:
            self._pass_on(self.chain.flush(is_last=True))
        if self._is_discarded:
            for sink in self.sinks:
                sink.discard()
        self._ended.set()

    def _take(self) -> None:
        with self.intake.lock:  # no exporter joins between the look at them and the records
            processed = self.intake.processed
            limit = MAX_BATCH_RECORDS
            for sink in self.sinks:
                if not sink.share.join(processed, self.intake.counts):
                    limit = min(limit, sink.share.joined_at - processed)
            self._takers = tuple(sink for sink in self.sinks if sink.share.is_joined)
            self._items = self.intake.take(max_records=limit, max_bytes=MAX_BATCH_BYTES)

    def _rest(self) -> None:
        self._drops.report()
        self._watch()
        if not self.intake.sleep():
            return
        is_watching = any(sink.is_busy for sink in self.sinks)
        self._bell.wait(WATCH_EVERY_S if is_watching else None)
        if self.intake.waiting and not self._is_ending and not self._flushes:
            self._hurry.wait(LINGER_S)

    def _count_drops(self) -> dict[str, int]:
        total = Counter(self.intake.counts().refused)
        for sink in self.sinks:
            total.update(sink.outlet.counts().dropped)
        return total

    def _watch(self) -> None:
        for sink in self.sinks:
            sink.outlet.tend()
            if sink.hanging_s:
                self._guard.warn(
                    f"hanging:{sink.name}",
                    f"exporter {sink.name} has not returned for {sink.hanging_s:.0f} s; its "
                    "records wait, and no other exporter is held up",
                )

    def _handle(self) -> None:
        """Bring one batch from the intake to the sinks; goes on where another thread died."""
        self._step_began_s = monotonic()
        if self._batch is None:
            self._batch = self._encode(self._items)
        self._items = []
        self._hand_out(self._batch)
        self._batch = None
        self._step_began_s = None
        self._deaths = 0
        self._thread.note_progress()
        self._answer_flushes()

    def _encode(self, items: list[Item]) -> _Batch:
        is_behind = len(items) + self.intake.waiting >= BEHIND_RECORDS
        superseded = _find_superseded(items) if is_behind else frozenset()
        lines: list[bytes] = []
        failed = 0
        for item in items:
            if id(item) in superseded:
                continue
            try:
                line = write_line(item)
                if isinstance(item, RunSnapshot):
                    (line,) = tell_drops([line], self.intake.drops, None)
                lines.append(line)
            except BaseException as error:  # noqa: BLE001 -- one bad record must not cost the others
                failed += 1
                self.intake.note_drop(item, ENCODE_FAILED)
                self._guard.note(ENCODE_FAILED, error)
        passed = self.chain.process(lines)
        self._number += 1
        return _Batch(self._number, len(items), len(superseded), failed, passed, self._takers)

    def _hand_out(self, batch: _Batch) -> None:
        passed = batch.passed
        self.intake.settle(
            batch.size,
            number=batch.number,
            superseded=batch.superseded,
            lost={ENCODE_FAILED: batch.failed, FILTERED: passed.filtered},
            added=passed.added,
            held=passed.held,
        )
        if passed.lines:
            for sink in batch.sinks:
                try:
                    sink.offer(passed.lines, number=batch.number)
                except BaseException as error:  # noqa: BLE001 -- one exporter's must not cost the others
                    self._guard.note("offer", error)
            self._make_way(batch.sinks)

    def _make_way(self, sinks: tuple[Pipeline, ...]) -> None:
        waited_s = 0.0
        while waited_s < MAX_WAY_S and any(sink.is_catching_up for sink in sinks):
            sleep(_STEP_S)
            waited_s += _STEP_S

    def _pass_on(self, passed: Passed) -> None:
        """Hand out what processors held back."""
        self._number += 1
        takers = tuple(sink for sink in self.sinks if sink.share.is_joined)
        self._batch = _Batch(self._number, 0, 0, 0, passed, takers)
        self._hand_out(self._batch)
        self._batch = None

    def _answer_flushes(self) -> None:
        for request in list(self._flushes):
            if self.intake.processed >= request.target:
                self._flushes.remove(request)
                if request.with_processors and self.chain.processors:
                    self._pass_on(self.chain.flush(is_last=False))
                request.done.set()

    def _note_death(self, error: BaseException) -> bool:
        self._deaths += 1
        self._step_began_s = None
        self.intake.is_idle = True
        if self._deaths >= MAX_DEATHS and self._items:
            self._number += 1
            for item in self._items:
                self.intake.note_drop(item, WRITER_DIED)
            count, self._items, self._deaths = len(self._items), [], 0
            self.intake.settle(count, number=self._number, lost={WRITER_DIED: count})
        self._guard.warn("worker", "the recording thread died and is replaced", error=error)
        return True

    # On other threads

    def flush(self, deadline: float, *, with_processors: bool = True) -> bool:
        """Wait until all that was put so far is handed to the exporters, at most to `deadline`."""
        if self._thread.is_current:
            return False  # a processor that flushes its own tracer: waiting would be forever
        request = _FlushRequest(self.intake.accepted, with_processors=with_processors)
        is_done = self.intake.processed >= request.target and self._batch is None
        if is_done and not (with_processors and self.intake.held):
            return True
        self._flushes.append(request)
        if not self._thread.start():
            return False
        self._hurry.ring()
        self._bell.ring()
        return request.done.wait(max(0.0, deadline - monotonic()))

    def begin_shutdown(self) -> None:
        """Take nothing more, and hand out what there is; `end_shutdown` waits for it."""
        self.intake.close()
        self._is_ending = True
        is_done = self.intake.processed >= self.intake.accepted and self._batch is None
        if is_done and not self.intake.held:
            self._ended.set()
        elif not self._thread.start():
            self._thread.work_here()
        self._hurry.ring()
        self._bell.ring()

    def end_shutdown(self, deadline: float) -> None:
        """Wait until everything is handed out; at `deadline` drop what is left."""
        if not self._thread.is_current and self._thread.is_running:
            self._ended.wait(max(0.0, deadline - monotonic()))
        if not self._ended.is_set():
            self.intake.abandon(SHUTDOWN)

    def reopen(self) -> None:
        """Take records again, after a shutdown."""
        if self._is_ending:
            self._is_ending = False
            self._ended = threading.Event()

    def pause(self, timeout_s: float) -> bool:
        """Wait for the end of the present batch and begin no other before `resume`.

        A fork in the middle of one would leave the child what the thread has half done: a module
        that is half imported, for one, which no one could ever import there.
        """
        return self._step.acquire(timeout=timeout_s)

    def resume(self) -> None:
        """Go on after a `pause` that succeeded, on the thread that asked for it."""
        self._step.release()

    def discard(self) -> None:
        """Let the thread end by itself: no one can reach the tracer any more. Takes no lock."""
        self._is_discarded = True
        if self._thread.is_running:
            self._hurry.ring()
            self._bell.ring()
        else:
            for sink in self.sinks:
                sink.discard()


def _find_superseded(items: list[Item]) -> frozenset[int]:
    """Return the ids of the start snapshots whose end is in the same batch."""
    ended = {id(item) for item in items if isinstance(item, Span)}
    ended |= {id(item.run) for item in items if isinstance(item, RunSnapshot) and item.rev}
    return frozenset(
        id(item)
        for item in items
        if (isinstance(item, SpanStart) and id(item.span) in ended)
        or (isinstance(item, RunSnapshot) and not item.rev and id(item.run) in ended)
    )
