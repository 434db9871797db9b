"""One exporter, its queue, and the supervised thread that is the only one to call it."""

from __future__ import annotations

import random
import threading
from time import monotonic
from typing import TYPE_CHECKING, Final

from agenttrace.pipeline.batch import RecordBatch
from agenttrace.pipeline.export import Exporter, ExportResult
from agenttrace.pipeline.queue import SHUTDOWN, Item, Queue
from agenttrace.pipeline.records import write_line
from agenttrace.pipeline.stats import ExporterStats

if TYPE_CHECKING:
    from agenttrace.guard import Guard

EXPORT_FAILED: Final = "export_failed"
ENCODE_FAILED: Final = "encode_failed"
REJECTED: Final = "rejected"
WORKER_DIED: Final = "worker_died"

MAX_BATCH_RECORDS: Final = 1_000
MAX_BATCH_BYTES: Final = 4 * 1024 * 1024
MIN_BACKOFF_S: Final = 0.1
FIRST_BACKOFF_S: Final = 0.5
MAX_BACKOFF_S: Final = 30.0
MAX_RETRY_AFTER_S: Final = 60.0


class _FlushRequest:
    __slots__ = ("deadline", "done", "is_flushed", "target")

    def __init__(self, target: int, deadline: float) -> None:
        self.target = target
        self.deadline = deadline
        self.done = threading.Event()
        self.is_flushed = False


class Pipeline:
    """Takes items from any thread without blocking and brings them to one exporter, in order."""

    def __init__(
        self, exporter: Exporter, *, name: str, guard: Guard, max_records: int, max_bytes: int
    ) -> None:
        self.exporter = exporter
        self.name = name
        self._guard = guard
        self._queue = Queue(max_records=max_records, max_bytes=max_bytes)
        self._random = random.Random()  # noqa: S311 -- jitter
        self._begin()

    def _begin(self) -> None:
        self._thread: threading.Thread | None = None
        self._is_running = False
        self._start_lock = threading.Lock()
        self._urgent = threading.Event()  # a flush or the end cuts a backoff short
        self._stopped = threading.Event()
        self._deadline: float | None = None  # of the shutdown, once it began
        self._flushes: list[_FlushRequest] = []
        self._backoff_s = FIRST_BACKOFF_S
        self._retries = self._restarts = self._given_up = 0
        self._last_error: str | None = None

    def reset_after_fork(self) -> None:
        """Begin anew in the child: no records, fresh locks, no thread. The parent keeps its own."""
        self._queue.reset()
        self._begin()

    def put(self, item: Item) -> bool:
        """Queue one item or count it as dropped; never blocks, and wakes the worker at once."""
        is_taken = self._queue.put(item)
        if is_taken and not self._is_running:
            self._start()
        return is_taken

    def _start(self) -> None:
        with self._start_lock:
            if self._is_running or self._stopped.is_set():
                return
            if self._thread is not None:
                self._restarts += 1
            thread = threading.Thread(target=self._run, name=f"agenttrace-{self.name}", daemon=True)
            self._thread = thread
            self._is_running = True
            try:
                thread.start()
            except RuntimeError as error:  # the interpreter is going down, or there are no threads
                self._is_running = False
                self._thread = None
                self._guard.note("start_worker", error)

    def _run(self) -> None:
        try:
            while not self._is_over():
                self._work()
                self._answer_flushes()
                if self._deadline is None:
                    self._queue.wait(None)
            self._stop_exporter()
        except BaseException as error:  # noqa: BLE001 -- the supervisor: whatever ends the thread is counted
            self._queue.settle(delivered=0, dropped={WORKER_DIED: self._queue.taken})
            self._last_error = _describe(error)
            if self._deadline is not None:  # whoever waits for the end need wait no longer
                self._stopped.set()
            self._guard.warn("worker", f"exporter {self.name}: its thread died", error=error)
        finally:
            # Under the lock, so that no other thread begins before these flushes have their answer.
            with self._start_lock:
                self._is_running = False
                for request in self._flushes:
                    request.done.set()
                self._flushes.clear()

    def _is_over(self) -> bool:
        return self._deadline is not None and (
            self._queue.is_empty or monotonic() >= self._deadline
        )

    def _work(self) -> None:
        while items := self._queue.take(max_records=MAX_BATCH_RECORDS, max_bytes=MAX_BATCH_BYTES):
            lines = self._encode(items)
            if lines:
                self._deliver(RecordBatch(lines))
            self._answer_flushes()

    def _encode(self, items: list[Item]) -> list[bytes]:
        lines: list[bytes] = []
        failed = 0
        for item in items:
            try:
                lines.append(write_line(item))
            except BaseException as error:  # noqa: BLE001 -- one bad record must not cost the others
                failed += 1
                self._guard.note(ENCODE_FAILED, error)
        if failed:
            self._queue.settle(delivered=0, dropped={ENCODE_FAILED: failed})
        return lines

    def _deliver(self, batch: RecordBatch) -> None:
        """Export one batch, again and again while the exporter asks for it and there is time."""
        count = len(batch)
        while True:
            is_last = self._deadline is not None
            result = self._export(batch)
            if result is None:
                self._queue.settle(delivered=0, dropped={EXPORT_FAILED: count})
                return
            if result.kind != "retry":
                rejected = sum(1 for index in result.reasons if 0 <= index < count)
                for index, reason in result.reasons.items():
                    self._last_error = f"record {index} of a batch was rejected: {reason}"
                self._queue.settle(delivered=count - rejected, dropped={REJECTED: rejected})
                self._backoff_s = FIRST_BACKOFF_S
                return
            if is_last:  # one last attempt was made; nothing that waits would fare better
                self._given_up += self._queue.abandon(SHUTDOWN)
                return
            self._retries += 1
            self._pause(result.after_s)

    def _export(self, batch: RecordBatch) -> ExportResult | None:
        """Return the exporter's answer, None when it raised or answered something else."""
        try:
            result: object = self.exporter.export(batch)
        except BaseException as error:  # noqa: BLE001 -- a plugin is someone else's code
            self._last_error = _describe(error)
            if isinstance(error, KeyboardInterrupt | SystemExit):
                self._guard.warn(EXPORT_FAILED, f"exporter {self.name}: {self._last_error}")
            else:
                self._guard.warn(
                    f"{EXPORT_FAILED}:{self.name}",
                    f"exporter {self.name} raised {self._last_error}; its records are dropped "
                    "and counted in tracer.stats()",
                    error=error,
                )
            return None
        if isinstance(result, ExportResult):
            return result
        self._last_error = f"export() returned {type(result).__name__}; expected an ExportResult"
        self._guard.warn(
            f"{EXPORT_FAILED}:{self.name}", f"exporter {self.name}: {self._last_error}"
        )
        return None

    def _pause(self, after_s: float | None) -> None:
        if after_s is None:
            # Full jitter would retry at once now and then; half of it spreads clients as well.
            wait_s = self._backoff_s * self._random.uniform(0.5, 1.0)
            self._backoff_s = min(self._backoff_s * 2, MAX_BACKOFF_S)
        else:
            wait_s = min(max(after_s, MIN_BACKOFF_S), MAX_RETRY_AFTER_S)
        self._urgent.wait(wait_s)
        self._urgent.clear()
        self._answer_flushes()

    def _answer_flushes(self) -> None:
        for request in list(self._flushes):
            left = request.deadline - monotonic()
            if self._queue.settled >= request.target and left > 0:
                request.is_flushed = self._flush_exporter(left)
            elif left > 0:
                continue
            self._flushes.remove(request)
            request.done.set()

    def _flush_exporter(self, timeout_s: float) -> bool:
        try:
            if not hasattr(self.exporter, "flush"):  # duck-typed: there is nothing to make durable
                return True
            return self.exporter.flush(timeout_s=timeout_s) is True
        except BaseException as error:  # noqa: BLE001 -- as in _export
            self._last_error = _describe(error)
            self._guard.warn(f"flush:{self.name}", f"exporter {self.name}: {self._last_error}")
            return False

    def _stop_exporter(self) -> None:
        self._answer_flushes()
        left = max(0.0, (self._deadline or 0.0) - monotonic())
        try:
            if hasattr(self.exporter, "shutdown"):
                self.exporter.shutdown(timeout_s=left)
        except BaseException as error:  # noqa: BLE001 -- as in _export
            self._last_error = _describe(error)
            self._guard.warn(f"shutdown:{self.name}", f"exporter {self.name}: {self._last_error}")
        finally:
            self._stopped.set()

    def begin_flush(self, deadline: float) -> _FlushRequest:
        """Ask the worker to deliver what was put so far; `end_flush` waits for it."""
        request = _FlushRequest(self._queue.accepted, deadline)
        if threading.current_thread() is self._thread:
            return request  # an exporter that flushes its own tracer: waiting would be forever
        if not request.target:  # nothing was ever put: no thread needs to start for it
            request.is_flushed = True
            request.done.set()
            return request
        self._flushes.append(request)
        self._urgent.set()
        if not self._is_running:
            self._start()
        if not self._is_running:  # no thread can be had: no one would answer
            request.done.set()
        self._queue.ring()
        return request

    def end_flush(self, request: _FlushRequest) -> bool:
        """Wait for a flush; False when something is still under way at its deadline."""
        if self._stopped.is_set():
            return self._queue.settled >= request.target
        if threading.current_thread() is self._thread:
            return False
        request.done.wait(max(0.0, request.deadline - monotonic()))
        return request.is_flushed

    def begin_shutdown(self, deadline: float) -> None:
        """Take nothing more and make a last attempt for what waits; `end_shutdown` waits for it."""
        self._queue.close()
        if self._deadline is None:
            self._deadline = deadline
            self._urgent.set()
            if not self._is_running:
                self._start()
            self._queue.ring()

    def end_shutdown(self, deadline: float) -> int:
        """Wait for the end; drop what is left at `deadline` and return how many records it was."""
        if threading.current_thread() is not self._thread and self._is_running:
            self._stopped.wait(max(0.0, deadline - monotonic()))
        self._given_up += self._queue.abandon(SHUTDOWN)
        return self._given_up

    def stats(self) -> ExporterStats:
        """Return this exporter's accounts at one moment."""
        accounts = self._queue.accounts()
        return ExporterStats(
            name=self.name,
            attempted=accounts.attempted,
            delivered=accounts.delivered,
            queued=accounts.queued,
            queued_bytes=accounts.bytes,
            dropped=accounts.dropped,
            retries=self._retries,
            restarts=self._restarts,
            last_error=self._last_error,
        )


def _describe(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:500]
    except BaseException:  # noqa: BLE001 -- a __str__ is user code
        return type(error).__name__
