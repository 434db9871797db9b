"""Delivery: each exporter by itself, in order, within its deadlines, with nothing lost unseen."""

from __future__ import annotations

import ctypes
import logging
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

import pytest

from agenttrace import Tracer
from agenttrace.exporters import MemoryExporter
from agenttrace.pipeline import worker, writer
from agenttrace.pipeline.batch import RecordBatch, encode_records
from agenttrace.pipeline.bell import Bell
from agenttrace.pipeline.records import write_line
from agenttrace.plugins import Exporter, ExportResult, Record
from agenttrace.settings import Settings
from agenttrace.testing import collect

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Scripted(Exporter):
    """Answers as it is told, and remembers what it was given."""

    def __init__(self, *answers: ExportResult | BaseException | object) -> None:
        self.answers = list(answers)
        self.batches: list[list[Any]] = []
        self.calls: list[str] = []
        self.threads: set[int] = set()

    def export(self, records: Sequence[Record]) -> ExportResult:
        self.threads.add(threading.get_ident())
        self.calls.append("export")
        self.batches.append(list(records))
        answer = self.answers.pop(0) if self.answers else ExportResult.DELIVERED
        if isinstance(answer, BaseException):
            raise answer
        return answer  # type: ignore[return-value]  # a wrong answer is one of the cases

    def flush(self, *, timeout_s: float) -> bool:
        self.threads.add(threading.get_ident())
        self.calls.append("flush")
        return True

    def shutdown(self, *, timeout_s: float) -> None:
        self.threads.add(threading.get_ident())
        self.calls.append("shutdown")


class Blocking(Exporter):
    """Blocks in export until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.gate = threading.Event()

    def export(self, records: Sequence[Record]) -> ExportResult:
        self.entered.set()
        self.gate.wait(30)
        return ExportResult.DELIVERED


def make(exporter: Exporter, **settings: Any) -> Tracer:
    """Return a tracer with this exporter alone."""
    return Tracer(exporter=exporter, settings=Settings(**settings))


def record(tracer: Tracer, count: int = 1) -> None:
    """Record `count` runs: two records each."""
    for _ in range(count):
        with tracer.run("agent"):
            pass


def hand_over(tracer: Tracer) -> None:
    """Wait until the recording thread has given everything to the exporters' queues."""
    writer = tracer.recorder.hub._writer
    assert writer is not None
    assert writer.flush(monotonic() + 5)


def assert_balanced(tracer: Tracer) -> None:
    """Check the equation, for the tracer and for each exporter."""
    stats = tracer.stats()
    each: Any
    for each in (stats, *stats.exporters):
        waiting = each.queued + each.spooled
        done = each.delivered + each.superseded + sum(each.dropped.values())
        assert each.attempted == done + waiting


def test_all_calls_come_on_one_thread_that_is_not_the_caller_s() -> None:
    """An exporter needs no locks and blocks no one."""
    exporter = Scripted()
    tracer = make(exporter)
    record(tracer)
    assert tracer.flush(timeout_s=5)
    assert tracer.shutdown(timeout_s=5)
    assert len(exporter.threads) == 1
    assert threading.get_ident() not in exporter.threads
    assert exporter.calls[-2:] == ["flush", "shutdown"]


def test_a_start_record_leaves_before_the_run_ends() -> None:
    """Live means while it runs."""
    exporter = Blocking()
    tracer = make(exporter)
    with tracer.run("agent"):
        assert exporter.entered.wait(5)
    exporter.gate.set()
    assert tracer.shutdown(timeout_s=5)


def test_batches_form_while_a_send_is_under_way() -> None:
    """What comes meanwhile travels together."""
    exporter = Blocking()
    sizes: list[int] = []
    plain = exporter.export

    def export(records: Sequence[Record]) -> ExportResult:
        sizes.append(len(records))
        return plain(records)

    exporter.export = export  # type: ignore[method-assign]  # counts on the way
    tracer = make(exporter)
    with tracer.run("agent"):
        assert exporter.entered.wait(5)
        for _ in range(20):
            with tracer.span("s"):
                pass
    exporter.gate.set()
    assert tracer.flush(timeout_s=5)
    assert (len(sizes), sum(sizes)) == (2, 42)
    tracer.shutdown(timeout_s=5)


def test_a_slow_exporter_does_not_delay_another() -> None:
    """Each has its own queue and thread."""
    slow, fast = Blocking(), MemoryExporter()
    tracer = make(slow)
    tracer.add_exporter(fast)
    record(tracer)
    flushed = tracer.flush(timeout_s=0.2)
    assert not flushed.complete
    assert [each.delivered for each in flushed.exporters] == [0, 2]
    assert flushed.pending == 2
    slow.gate.set()
    assert tracer.flush(timeout_s=5)
    tracer.shutdown(timeout_s=5)


@pytest.mark.parametrize(
    "error",
    [ValueError("x"), SystemExit(1), KeyboardInterrupt(), MemoryError(), GeneratorExit()],
    ids=lambda error: type(error).__name__,
)
def test_an_exporter_that_raises_is_counted_and_goes_on(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """Its batch is dropped as export_failed; the next one is delivered; others are unaffected."""
    exporter, other = Scripted(error), MemoryExporter()
    tracer = make(exporter)
    tracer.add_exporter(other)
    with caplog.at_level(logging.WARNING, "agenttrace"):
        with tracer.run("one"):
            tracer.flush(timeout_s=5)
        assert tracer.flush(timeout_s=5)
    stats = tracer.stats()
    assert stats.exporters[0].dropped == {"export_failed": 1}
    assert stats.exporters[0].delivered == 1
    assert stats.exporters[0].last_error == f"{type(error).__name__}: {error}"
    assert len(other.records) == 2
    assert len(caplog.records) == 1
    assert_balanced(tracer)
    tracer.shutdown(timeout_s=5)


def test_an_answer_that_is_none_is_a_failure() -> None:
    """A forgotten return does not count as delivered."""
    tracer = make(Scripted(object()))
    record(tracer)
    tracer.flush(timeout_s=5)
    (stats,) = tracer.stats().exporters
    assert stats.dropped["export_failed"] >= 1
    assert stats.last_error == "export() returned object; expected an ExportResult"
    tracer.shutdown(timeout_s=5)


def test_rejected_records_are_counted_and_the_others_arrived() -> None:
    """A poison record costs no other; a position that the batch does not have is told."""
    exporter = Scripted(ExportResult.REJECTED({0: "too_large", 99: "odd"}))
    tracer = make(exporter)
    with tracer.run("agent"):
        tracer.flush(timeout_s=5)
    assert tracer.flush(timeout_s=5)
    (stats,) = tracer.stats().exporters
    assert (stats.delivered, stats.dropped) == (1, {"rejected": 1})
    assert "rejected_nothing:Scripted" in tracer.stats().errors
    assert_balanced(tracer)
    tracer.shutdown(timeout_s=5)


def test_retry_keeps_the_batch_and_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same records come again until they are taken, and nothing overtakes them."""
    monkeypatch.setattr(worker, "FIRST_BACKOFF_S", 0.001)
    exporter = Scripted(ExportResult.RETRY(), ExportResult.RETRY(after_s=0.001))
    tracer = make(exporter)
    record(tracer, 3)
    assert tracer.flush(timeout_s=5)
    first, second, third = exporter.batches[:3]
    assert first == second == third[: len(first)]
    (stats,) = tracer.stats().exporters
    assert (stats.delivered, stats.retries, stats.dropped) == (6, 2, {})
    tracer.shutdown(timeout_s=5)


def test_backoff_doubles_with_jitter_and_retry_after_is_capped() -> None:
    """0.5 s, 1 s, 2 s … to 30 s, each shortened by up to a half; Retry-After at most 60 s."""
    tracer = make(Scripted())
    (pipeline,) = tracer.recorder.hub.sinks
    waits: list[float] = []

    class Waiter(Bell):
        def wait(self, timeout_s: float | None) -> bool:
            assert timeout_s is not None
            waits.append(timeout_s)
            return False

    pipeline._urgent = Waiter()
    for _ in range(9):
        pipeline._pause(None, None)
    for after_s in (5.0, 1e9, -1.0):
        pipeline._pause(None, after_s)
    limits = [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert all(limit / 2 <= wait <= limit for limit, wait in zip(limits, waits, strict=False))
    assert len({round(wait / limit, 6) for limit, wait in zip(limits, waits, strict=False)}) > 5
    assert waits[9:] == [5.0, 60.0, 0.1]
    tracer.shutdown(timeout_s=5)


def test_a_full_queue_drops_the_newest_and_counts_them() -> None:
    """The caller never waits for room."""
    exporter = Blocking()
    tracer = make(exporter, queue_max_records=10)
    with tracer.run("agent"):
        assert exporter.entered.wait(5)
        for _ in range(5):
            for _ in range(9):
                tracer.state("k", 1)
            hand_over(tracer)
    hand_over(tracer)
    stats = tracer.stats()
    assert (stats.queued, stats.dropped) == (10, {"queue_full": 37})
    assert_balanced(tracer)
    exporter.gate.set()
    assert tracer.flush(timeout_s=5)
    assert tracer.stats().delivered == 10
    tracer.shutdown(timeout_s=5)


def test_shutdown_keeps_its_deadline_and_counts_the_rest() -> None:
    """An exporter that hangs costs the program the deadline and not more."""
    exporter = Blocking()
    tracer = make(exporter)
    record(tracer, 2)
    assert exporter.entered.wait(5)
    started = monotonic()
    result = tracer.shutdown(timeout_s=0.2)
    assert monotonic() - started < 2
    assert (result.complete, result.pending, result.dropped) == (False, 4, {"shutdown": 4})
    record(tracer)
    assert tracer.stats().dropped == {"shutdown": 6}
    assert_balanced(tracer)
    exporter.gate.set()


def test_at_shutdown_there_is_one_last_attempt() -> None:
    """An exporter that cannot deliver now gives up what waits, without using up the deadline."""
    exporter = Scripted(*[ExportResult.RETRY()] * 10)
    tracer = make(exporter)
    record(tracer, 2)
    tracer.flush(timeout_s=0.05)
    attempts = len(exporter.batches)
    started = monotonic()
    result = tracer.shutdown(timeout_s=30)
    assert monotonic() - started < 5
    assert len(exporter.batches) == attempts + 1
    assert (result.pending, result.dropped) == (4, {"shutdown": 4})
    assert exporter.calls[-1] == "shutdown"


def test_a_second_shutdown_is_quiet() -> None:
    """The end of the program shuts down what the program may have shut down itself."""
    exporter = Scripted()
    tracer = make(exporter)
    record(tracer)
    assert tracer.shutdown(timeout_s=5)
    assert tracer.shutdown(timeout_s=5)
    assert tracer.flush(timeout_s=5)
    assert exporter.calls.count("shutdown") == 1


def test_a_killed_worker_is_replaced() -> None:
    """What it held is counted, and the next record starts a new thread."""
    exporter = Blocking()
    tracer = make(exporter)
    with tracer.run("agent"):
        assert exporter.entered.wait(5)
        (pipeline,) = tracer.recorder.hub.sinks
        thread = pipeline._thread.thread
        assert thread is not None
        assert thread.ident is not None
        worker_error = ctypes.py_object(SystemExit)
        # Raised in the thread as soon as it runs Python again, outside of any guard or inside one.
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), worker_error)
        exporter.gate.set()
    tracer.flush(timeout_s=5)
    record(tracer)
    assert tracer.flush(timeout_s=5)
    assert tracer.stats().delivered >= 2
    assert_balanced(tracer)
    tracer.shutdown(timeout_s=5)


def test_a_worker_that_dies_outside_an_exporter_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Supervision does not depend on whose fault it was."""
    exporter = MemoryExporter()
    tracer = make(exporter)
    (pipeline,) = tracer.recorder.hub.sinks
    deliver: Callable[[RecordBatch], bool] = pipeline._deliver
    died = threading.Event()

    def die_once(batch: RecordBatch) -> bool:
        if not died.is_set():
            died.set()
            raise SystemExit
        return deliver(batch)

    monkeypatch.setattr(pipeline, "_deliver", die_once)
    with tracer.run("agent"):
        assert died.wait(5)
    assert tracer.flush(timeout_s=5)
    (stats,) = tracer.stats().exporters
    assert (stats.restarts, stats.delivered, stats.dropped) == (1, 2, {})
    assert_balanced(tracer)
    tracer.shutdown(timeout_s=5)


@pytest.mark.parametrize(
    "make_answer",
    [
        lambda: ExportResult.REJECTED(cast("Any", {"0": "x"})),
        lambda: ExportResult.RETRY(cast("Any", "2")),
        lambda: ExportResult.RETRY(float("nan")),
    ],
    ids=["position", "pause", "nan"],
)
def test_a_malformed_answer_cannot_be_made(make_answer: Callable[[], ExportResult]) -> None:
    """So it is a failed export of the exporter that tried, and the thread goes on."""
    with pytest.raises(TypeError, match=r"expected|must be real number"):
        make_answer()

    class Malformed(Exporter):
        def export(self, records: Sequence[Record]) -> ExportResult:
            return make_answer()

    tracer = make(Malformed())
    record(tracer)
    assert tracer.flush(timeout_s=5)
    (stats,) = tracer.stats().exporters
    assert (stats.restarts, stats.dropped) == (0, {"export_failed": 2})
    tracer.shutdown(timeout_s=5)


def test_a_flush_ends_with_the_worker_that_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    """No one is left to answer it, so it does not wait for its timeout."""
    exporter = Blocking()
    tracer = make(exporter)
    (pipeline,) = tracer.recorder.hub.sinks
    export = pipeline._export

    def die(batch: RecordBatch) -> ExportResult | None:
        export(batch)
        raise SystemExit

    monkeypatch.setattr(pipeline, "_export", die)
    record(tracer)
    assert exporter.entered.wait(5)
    timer = threading.Timer(0.1, exporter.gate.set)
    timer.start()
    started = monotonic()
    assert not tracer.flush(timeout_s=30)
    assert monotonic() - started < 10
    timer.join()
    tracer.shutdown(timeout_s=5)


def test_a_flush_without_a_thread_to_be_had_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without threads left, or an interpreter that goes down."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    tracer = make(MemoryExporter())
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        record(tracer)
        started = monotonic()
        result = tracer.flush(timeout_s=30)
        assert monotonic() - started < 10
        assert (result.complete, result.pending) == (False, 2)
    assert tracer.flush(timeout_s=5)
    tracer.shutdown(timeout_s=5)


def test_an_exporter_needs_only_export() -> None:
    """Without flush and shutdown there is nothing to make durable and nothing to release."""

    class Duck:
        def __init__(self) -> None:
            self.export = MemoryExporter().export

    tracer = make(cast("Exporter", Duck()))
    record(tracer)
    assert tracer.flush(timeout_s=5)
    assert tracer.shutdown(timeout_s=5)
    assert tracer.stats().errors == {}


def test_a_record_that_cannot_be_made_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted as encode_failed."""
    memory = MemoryExporter()
    tracer = make(memory)
    real = write_line

    def write(item: Any) -> bytes:
        if getattr(item, "name", "") == "bad":
            raise ValueError("bad")
        return real(item)

    monkeypatch.setattr(writer, "write_line", write)
    with tracer.run("agent"), tracer.span("bad"), tracer.span("good"):
        pass
    names = {r["name"] for r in collect(tracer, memory)}
    assert names == {
        "agent",
        "bad",
        "good",
    }  # the start of "bad" is no Span, so it has no name here
    assert tracer.stats().dropped == {"encode_failed": 1}
    assert_balanced(tracer)
    tracer.shutdown(timeout_s=5)


def test_an_exporter_that_flushes_its_own_tracer_does_not_hang() -> None:
    """Waiting for itself would be forever: it is told that it is not complete."""
    answers: list[bool] = []

    class Eager(Exporter):
        def export(self, records: Sequence[Record]) -> ExportResult:
            answers.append(tracer.flush(timeout_s=5).complete)
            return ExportResult.DELIVERED

    tracer = make(Eager())
    record(tracer)
    started = monotonic()
    assert tracer.flush(timeout_s=5)
    assert monotonic() - started < 4
    assert answers
    assert not any(answers)
    tracer.shutdown(timeout_s=5)


def test_flush_without_records_starts_no_thread() -> None:
    """There is nothing to wait for."""
    tracer = make(Scripted())
    assert tracer.flush(timeout_s=5)
    assert tracer.recorder.hub.sinks[0]._thread.thread is None
    tracer.shutdown(timeout_s=5)


def test_integers_of_any_length_reach_exporters_exactly() -> None:
    """Records as dicts hold what was recorded, not what a fast parser makes of it."""
    memory = MemoryExporter()
    tracer = make(memory)
    with tracer.run("agent", input={"n": 10**30, "f": 0.1}):
        pass
    records: Any = collect(tracer, memory)
    assert records[0]["input"]["value"] == {"n": 10**30, "f": 0.1}
    assert b'"value":{"n":1000000000000000000000000000000,' in encode_records(records)[0]
    tracer.shutdown(timeout_s=5)


def test_a_batch_can_be_sliced_and_iterated() -> None:
    """It is a sequence of dicts, and its lines go with it."""
    batch = RecordBatch([b'{"n":0}', b'{"n":1}', b'{"n":2}'])
    part = batch[1:]
    assert [dict(each) for each in part] == [{"n": 1}, {"n": 2}]
    assert encode_records(part) == [b'{"n":1}', b'{"n":2}']
    assert batch[-1] is batch[2]
