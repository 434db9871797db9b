"""One exporter, what waits for it, and the supervised thread that is the only one to call it."""

from __future__ import annotations

import random
import threading
from time import monotonic
from typing import TYPE_CHECKING, Final

from agenttrace.pipeline.batch import RecordBatch
from agenttrace.pipeline.bell import Bell
from agenttrace.pipeline.drops import tell_drops
from agenttrace.pipeline.export import ExportResult
from agenttrace.pipeline.flushes import Flushes, FlushRequest
from agenttrace.pipeline.intake import SHUTDOWN
from agenttrace.pipeline.life import OpenRuns
from agenttrace.pipeline.share import Share
from agenttrace.pipeline.stats import ExporterStats
from agenttrace.pipeline.thread import Supervised

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agenttrace.guard import Guard
    from agenttrace.pipeline.drops import RunDrops
    from agenttrace.pipeline.export import Exporter
    from agenttrace.pipeline.intake import Counts
    from agenttrace.pipeline.outlet import Outlet

EXPORT_FAILED: Final = "export_failed"
REJECTED: Final = "rejected"
WORKER_DIED: Final = "worker_died"

MAX_BATCH_RECORDS: Final = 1_000
MAX_BATCH_BYTES: Final = 4 * 1024 * 1024
MIN_BACKOFF_S: Final = 0.1
FIRST_BACKOFF_S: Final = 0.5
MAX_BACKOFF_S: Final = 30.0
MAX_RETRY_AFTER_S: Final = 60.0
STOPPED_PAUSE_S: Final = 300.0
"""How long an exporter that has stopped is left alone, unless a flush asks for an attempt."""
HANGING_AFTER_S: Final = 10.5
"""A call of an exporter that takes longer is reported; requests end after 10 s by themselves."""
ADOPT_EVERY_S: Final = 5.0
"""How often an idle thread looks for what processes that are gone have left on disk."""
MAX_DEATHS: Final = 3
"""A batch during which the thread died so often is dropped."""
_CROWDED: Final = 0.5
_SLOW_CALL_S: Final = 0.1


class Pipeline:
    """Brings what its outlet holds to one exporter, in order. `offer` is called by one thread."""

    def __init__(  # noqa: PLR0913 -- what it works with, each by its name
        self,
        exporter: Exporter,
        *,
        name: str,
        guard: Guard,
        outlet: Outlet,
        share: Share,
        drops: RunDrops,
    ) -> None:
        """Keep what it works with; `drops` counts what no exporter was offered."""
        self.exporter = exporter
        self.name = name
        self.outlet = outlet
        self.share = share
        self._drops = drops
        self._guard = guard
        self._random = random.Random()  # noqa: S311 -- jitter
        self._thread = Supervised(name, work=self._run, on_death=self._note_death, guard=guard)
        self._begin()

    def _begin(self) -> None:
        self._bell = Bell()  # rung when there is something to do
        self._urgent = Bell()  # a flush or the end cuts a backoff short
        self._stopped = threading.Event()
        self._deadline: float | None = None  # of the shutdown, once it began
        self._flushes = Flushes()
        self._backoff_s = FIRST_BACKOFF_S
        self._deaths = 0
        self._stopped_until_s = 0.0
        self._call_began_s: float | None = None
        self._is_abandoned = self._is_pausing = False
        self.retries = 0
        self.signs_of_life = 0
        # `is True`: an exporter may be anything, and answer anything.
        wants_signs = getattr(self.exporter, "wants_signs_of_life", False) is True
        self._open_runs = OpenRuns() if wants_signs else None
        self.last_error: str | None = None

    def reset_after_fork(self, counts: Counts) -> None:
        """Begin anew in the child: no records, fresh locks, no thread. The parent keeps its own."""
        self.share = Share(counts)
        self.outlet.reset()
        self._thread.reset()
        self._begin()

    @property
    def restarts(self) -> int:
        """How often the thread died and was replaced."""
        return self._thread.restarts

    @property
    def hanging_s(self) -> float:
        """How long the exporter's present call has taken, in seconds, once it is too long."""
        began_s = self._call_began_s
        taken_s = 0.0 if began_s is None else monotonic() - began_s
        return taken_s if taken_s > HANGING_AFTER_S else 0.0

    @property
    def is_busy(self) -> bool:
        """Whether the exporter is being called, or something waits for it."""
        return self._call_began_s is not None or not self.outlet.is_empty

    @property
    def is_catching_up(self) -> bool:
        """Whether its queue is half full and its thread at work: making way would help."""
        began_s = self._call_began_s
        is_slow = began_s is not None and monotonic() - began_s > _SLOW_CALL_S
        return self.outlet.fill > _CROWDED and not self._is_pausing and not is_slow

    @property
    def is_over(self) -> bool:
        """Whether it was shut down and its time is over: what is in memory still is dropped."""
        return self._is_abandoned

    def offer(self, lines: Sequence[bytes], *, number: int) -> None:
        """Take batch `number`, or drop and count what has no room, and wake the thread."""
        self.outlet.offer(lines, number=number)
        if self._open_runs is not None:
            self._open_runs.note(lines, now_s=monotonic())
        self._bell.ring()
        if not self._thread.is_running and not self._stopped.is_set():
            self._thread.start()

    def _run(self) -> None:
        while not self._is_finished():
            self._bell.silence()
            self._work()
            self._answer_flushes()
            if self._deadline is None:
                self._bell.wait(self._choose_wait_s())
        self._stop_exporter()

    def _choose_wait_s(self) -> float | None:
        waits = [ADOPT_EVERY_S if self.outlet.is_durable else None]
        if self._open_runs is not None:
            waits.append(self._open_runs.measure_wait_s(monotonic()))
        return min((wait_s for wait_s in waits if wait_s is not None), default=None)

    def _give_signs(self) -> None:
        """Say which runs are open, if it is time. What fails is said anew at the next time."""
        if self._open_runs is None or self._deadline is not None:
            return
        if monotonic() < self._stopped_until_s:
            return
        signs = self._open_runs.take_due(monotonic())
        result = self._export(RecordBatch(signs)) if signs else None
        if result is not None and result.kind in {"delivered", "rejected"}:
            self.signs_of_life += len(signs) - len(result.reasons)
            self._open_runs.forget(signs, result.reasons)

    def _is_finished(self) -> bool:
        return self._deadline is not None and (
            self._is_abandoned or self.outlet.is_empty or monotonic() >= self._deadline
        )

    def _note_death(self, error: BaseException) -> bool:
        """Answer for the thread that dies; return whether another is to go on."""
        self.last_error = _describe(error)
        self._call_began_s = None
        self._deaths += 1
        if self._deaths >= MAX_DEATHS:
            self._drop_batch(WORKER_DIED)
        self._flushes.give_up()
        is_over = self._deadline is not None
        if is_over:  # whoever waits for the end need wait no longer
            self._stopped.set()
        self._guard.warn("worker", f"exporter {self.name}: its thread died", error=error)
        return not is_over

    def _drop_batch(self, reason: str) -> None:
        self._deaths = 0
        batch = self.outlet.take(max_records=MAX_BATCH_RECORDS, max_bytes=MAX_BATCH_BYTES)
        if batch is not None:
            self._settle(batch, reason)

    def _settle(self, batch: RecordBatch, reason: str) -> None:
        why = f"{reason}: {self.last_error}"
        self.outlet.settle(delivered=0, dropped={reason: dict.fromkeys(range(len(batch)), why)})

    def _work(self) -> None:
        while not self._is_abandoned:
            self._give_signs()
            batch = self.outlet.take(max_records=MAX_BATCH_RECORDS, max_bytes=MAX_BATCH_BYTES)
            if batch is None or not self._deliver(batch):
                return
            self._deaths = 0
            self._thread.note_progress()
            self._answer_flushes()
            if self._deadline is not None and self._is_finished():
                return

    def _deliver(self, batch: RecordBatch) -> bool:
        """Export one batch, again and again while the exporter asks for it and there is time."""
        while True:
            is_last = self._deadline is not None
            if not self.outlet.is_durable and monotonic() < self._stopped_until_s:
                self._settle(batch, REJECTED)
                return True
            result = self._export(batch)
            if result is None:
                self._settle(batch, EXPORT_FAILED)
                return True
            if result.kind in {"delivered", "rejected"}:
                self._accept(batch, result.reasons)
                return True
            if result.kind == "stopped":
                self.last_error = result.reason
                self._stopped_until_s = monotonic() + STOPPED_PAUSE_S
                if not self.outlet.is_durable:
                    self._settle(batch, REJECTED)
                    return True
                self._flushes.give_up()
            if is_last:  # one last attempt was made; nothing that waits would fare better
                self._is_abandoned = True
                return False
            self.retries += 1
            self._pause(STOPPED_PAUSE_S if result.kind == "stopped" else None, result.after_s)

    def _accept(self, batch: RecordBatch, reasons: Mapping[int, str]) -> None:
        rejected = {index: why for index, why in reasons.items() if 0 <= index < len(batch)}
        for index, why in reasons.items():
            self.last_error = f"record {index} of a batch was rejected: {why}"
        if len(rejected) < len(reasons):
            self._guard.warn(
                f"rejected_nothing:{self.name}",
                f"exporter {self.name} rejected positions that its batch of {len(batch)} records "
                "does not have; tell its author",
            )
        dropped = {REJECTED: rejected} if rejected else {}
        self.outlet.settle(delivered=len(batch) - len(rejected), dropped=dropped)
        self._backoff_s = FIRST_BACKOFF_S

    def _export(self, batch: RecordBatch) -> ExportResult | None:
        """Return the exporter's answer, None when it raised or answered something else."""
        told = tell_drops(batch.lines, self._drops, self.outlet.drops)
        if told is not batch.lines:
            batch = RecordBatch(told)
        self._call_began_s = monotonic()
        try:
            result: object = self.exporter.export(batch)
        except BaseException as error:  # noqa: BLE001 -- a plugin is someone else's code
            self.last_error = _describe(error)
            if isinstance(error, KeyboardInterrupt | SystemExit):
                self._guard.warn(EXPORT_FAILED, f"exporter {self.name}: {self.last_error}")
            else:
                self._guard.warn(
                    f"{EXPORT_FAILED}:{self.name}",
                    f"exporter {self.name} raised {self.last_error}; its records are dropped "
                    "and counted in tracer.stats()",
                    error=error,
                )
            return None
        finally:
            self._call_began_s = None
        if isinstance(result, ExportResult):
            return result
        self.last_error = f"export() returned {type(result).__name__}; expected an ExportResult"
        self._guard.warn(f"{EXPORT_FAILED}:{self.name}", f"exporter {self.name}: {self.last_error}")
        return None

    def _pause(self, fixed_s: float | None, after_s: float | None) -> None:
        if fixed_s is not None:
            wait_s = fixed_s
        elif after_s is None:
            # Full jitter would retry at once now and then; half of it spreads clients as well.
            wait_s = self._backoff_s * self._random.uniform(0.5, 1.0)
            self._backoff_s = min(self._backoff_s * 2, MAX_BACKOFF_S)
        else:
            wait_s = min(max(after_s, MIN_BACKOFF_S), MAX_RETRY_AFTER_S)
        self._is_pausing = True
        self._urgent.wait(wait_s)
        self._is_pausing = False
        self._answer_flushes()

    def _answer_flushes(self) -> None:
        self._flushes.answer(self.outlet.settled, self._flush_exporter)

    def _flush_exporter(self, timeout_s: float) -> bool:
        self._call_began_s = monotonic()
        try:
            if not hasattr(self.exporter, "flush"):  # duck-typed: there is nothing to make durable
                return True
            return self.exporter.flush(timeout_s=timeout_s) is True
        except BaseException as error:  # noqa: BLE001 -- as in _export
            self.last_error = _describe(error)
            self._guard.warn(f"flush:{self.name}", f"exporter {self.name}: {self.last_error}")
            return False
        finally:
            self._call_began_s = None

    def _stop_exporter(self) -> None:
        self._answer_flushes()
        self.outlet.abandon(SHUTDOWN)
        left = max(0.0, (self._deadline or 0.0) - monotonic())
        try:
            if hasattr(self.exporter, "shutdown"):
                self.exporter.shutdown(timeout_s=left)
        except BaseException as error:  # noqa: BLE001 -- as in _export
            self.last_error = _describe(error)
            self._guard.warn(f"shutdown:{self.name}", f"exporter {self.name}: {self.last_error}")
        finally:
            self._stopped.set()

    def begin_flush(self, deadline: float) -> FlushRequest:
        """Ask the thread to deliver what was offered so far; `end_flush` waits for it."""
        request = FlushRequest(self.outlet.count_target(), deadline)
        if self._thread.is_current:
            return request  # an exporter that flushes its own tracer: waiting would be forever
        if not request.target:  # nothing was ever offered: no thread needs to start for it
            request.end(is_flushed=True)
            return request
        self._flushes.add(request)
        self._urgent.ring()
        if self._stopped.is_set() or not self._thread.start():  # no one would answer
            request.done.set()
        self._bell.ring()
        return request

    def end_flush(self, request: FlushRequest) -> bool:
        """Wait for a flush; False when something is still under way at its deadline."""
        if self._stopped.is_set():
            return self.outlet.settled >= request.target
        if self._thread.is_current:
            return False
        request.done.wait(max(0.0, request.deadline - monotonic()))
        return request.is_flushed

    def begin_shutdown(self, deadline: float) -> None:
        """Make a last attempt for what waits; `end_shutdown` waits for it."""
        if self._deadline is None:
            self._deadline = deadline
            self._urgent.ring()
            self._bell.ring()
            if not self._thread.start():
                self._thread.work_here()

    def end_shutdown(self, deadline: float) -> None:
        """Wait for the end; at `deadline` drop what is in memory, and leave what is on disk."""
        if not self._thread.is_current:
            self._stopped.wait(max(0.0, deadline - monotonic()))
        self._is_abandoned = True
        self.outlet.abandon(SHUTDOWN)

    def stats(self, count: Callable[[], Counts]) -> ExporterStats:
        """Return this exporter's accounts at one moment; `count` gives its tracer's."""
        outlet = self.outlet.counts()
        counts = count()
        balance = self.share.settle(counts, outlet, is_over=self._is_abandoned)
        return ExporterStats(
            name=self.name,
            **balance._asdict(),
            queued_bytes=counts.size_bytes + outlet.size_bytes,
            spooled_bytes=outlet.spooled_bytes,
            adopted=outlet.adopted,
            retries=self.retries,
            restarts=self.restarts,
            hanging_s=self.hanging_s,
            spool_fault=outlet.fault,
            last_error=self.last_error,
            signs_of_life=self.signs_of_life,
        )

    def discard(self) -> None:
        """Let the thread end by itself: no one can reach the tracer any more. Takes no lock."""
        self._deadline = monotonic() + MAX_RETRY_AFTER_S
        self._urgent.ring()
        self._bell.ring()


def _describe(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:500]
    except BaseException:  # noqa: BLE001 -- a __str__ is user code
        return type(error).__name__
