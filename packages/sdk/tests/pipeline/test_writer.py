"""The recording thread: one for each tracer, supervised, and with accounts that always balance."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace import Tracer
from agenttrace.exporters import MemoryExporter
from agenttrace.pipeline import droplog, worker, writer
from agenttrace.plugins import Exporter, ExportResult, Record
from agenttrace.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Gate(MemoryExporter):
    """Takes records only when it is let to."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.gate = threading.Event()

    def export(self, records: Sequence[Record]) -> ExportResult:
        self.entered.set()
        self.gate.wait(30)
        return super().export(records)


def make(exporter: Exporter, **settings: Any) -> Tracer:
    """Return a tracer with this exporter alone."""
    return Tracer(exporter=exporter, settings=Settings(**settings))


def record(tracer: Tracer, *names: str) -> None:
    """Record a run for each name: two records."""
    for name in names:
        with tracer.run(name):
            pass


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until `condition` holds, at most 10 s."""
    deadline = monotonic() + 10
    pause = threading.Event()
    while not condition():
        assert monotonic() < deadline
        pause.wait(0.005)


def count_threads() -> int:
    """Return how many threads of the recorder there are."""
    return sum(thread.name.startswith("agenttrace-") for thread in threading.enumerate())


def assert_balanced(tracer: Tracer) -> None:
    """Check the equation."""
    each: Any
    stats = tracer.stats()
    for each in (stats, *stats.exporters):
        assert each.queued >= 0
        waiting = each.queued + each.spooled
        done = each.delivered + each.superseded + sum(each.dropped.values())
        assert each.attempted == done + waiting


def hold(tracer: Tracer) -> threading.Event:
    """Let the recording thread wait before it encodes; return what lets it go."""
    release, entered = threading.Event(), threading.Event()
    thread = tracer.recorder.hub._writer
    assert thread is not None
    encode = thread._encode

    def wait(items: Any) -> Any:
        entered.set()
        release.wait(30)
        return encode(items)

    thread._encode = wait  # type: ignore[method-assign]  # a recording thread that is behind
    with tracer.run("first"):
        pass
    assert entered.wait(5)
    return release


def test_a_start_is_left_out_when_its_end_is_there_already(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only when the thread is behind; it is no loss, and the accounts say so."""
    memory = MemoryExporter()
    tracer = make(memory)
    release = hold(tracer)
    with tracer.run("open"):
        for _ in range(writer.BEHIND_RECORDS):
            with tracer.span("step"):
                pass
        release.set()
        assert tracer.flush(timeout_s=10)
    assert tracer.flush(timeout_s=10)
    stats = tracer.stats()
    assert stats.superseded > 400  # as long as so many wait
    assert stats.delivered + stats.superseded == stats.attempted
    records: list[Any] = memory.records
    ends = [each for each in records if each["type"] == "span" and each["rev"] == 1]
    assert len(ends) == writer.BEHIND_RECORDS
    assert [each["rev"] for each in records if each["name"] == "open"] == [0, 1]
    assert_balanced(tracer)
    tracer.shutdown(timeout_s=5)


def test_while_the_thread_keeps_up_every_snapshot_is_written() -> None:
    """Live means that a start is seen before its end."""
    memory = MemoryExporter()
    tracer = make(memory)
    release = hold(tracer)
    with tracer.run("run"):
        for _ in range(100):
            with tracer.span("step"):
                pass
    release.set()
    assert tracer.flush(timeout_s=10)
    assert (tracer.stats().superseded, len(memory.records)) == (0, 204)
    tracer.shutdown(timeout_s=5)


@pytest.mark.parametrize("place", ["_encode", "_hand_out", "_take"])
def test_a_recording_thread_that_dies_is_replaced_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Within a second, without a further record, and with nothing lost or sent twice."""
    memory = MemoryExporter()
    tracer = make(memory)
    thread = tracer.recorder.hub._writer
    assert thread is not None
    plain = getattr(thread, place)
    deaths: list[int] = []

    def die_twice(*args: Any) -> Any:
        if len(deaths) < 2:
            deaths.append(1)
            raise SystemExit
        return plain(*args)

    monkeypatch.setattr(thread, place, die_twice)
    record(tracer, "run")
    wait_for(lambda: len(memory.records) == 2)
    assert tracer.flush(timeout_s=10)
    stats = tracer.stats()
    assert (stats.restarts, stats.delivered, stats.dropped) == (2, 2, {})
    assert_balanced(tracer)
    tracer.shutdown(timeout_s=5)


def test_a_record_that_kills_the_thread_again_and_again_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With its batch, counted as worker_died; what comes later is delivered."""
    memory = MemoryExporter()
    tracer = make(memory)
    thread = tracer.recorder.hub._writer
    assert thread is not None
    with monkeypatch.context() as patch:

        def die(_items: Any) -> Any:
            raise SystemExit

        patch.setattr(thread, "_encode", die)
        record(tracer, "poison")
        wait_for(lambda: sum(tracer.stats().dropped.values()) == 2)
    record(tracer, "fine")
    assert tracer.flush(timeout_s=10)
    assert [each["name"] for each in memory.records if each["type"] == "run"] == ["fine"] * 2
    assert tracer.stats().dropped == {"worker_died": 2}
    assert_balanced(tracer)
    tracer.shutdown(timeout_s=5)


def test_an_exporter_that_hangs_is_reported_and_harms_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """In the stats, and by one warning; the others get everything."""
    monkeypatch.setattr(worker, "HANGING_AFTER_S", 0.05)
    monkeypatch.setattr(writer, "WATCH_EVERY_S", 0.01)
    gate, memory = Gate(), MemoryExporter()
    tracer = make(gate)
    tracer.add_exporter(memory)
    with caplog.at_level(logging.WARNING, "agenttrace"):
        record(tracer, "one")
        assert gate.entered.wait(5)
        wait_for(lambda: caplog.records)
        record(tracer, "two")
        wait_for(lambda: len(memory.records) == 4)
    stats = tracer.stats().exporters
    assert stats[0].hanging_s > 0.05
    assert stats[1].hanging_s == 0.0
    (warning,) = [each.getMessage() for each in caplog.records]
    assert warning.startswith("exporter Gate has not returned for ")
    gate.gate.set()
    assert tracer.flush(timeout_s=10)
    assert tracer.stats().exporters[0].hanging_s == 0.0
    tracer.shutdown(timeout_s=5)


def test_an_exporter_gets_what_is_recorded_after_it_was_added() -> None:
    """And not what the recording thread is still busy with; both accounts balance meanwhile."""
    first, second = MemoryExporter(), MemoryExporter()
    tracer = make(first)
    release = hold(tracer)
    record(tracer, "before")
    tracer.add_exporter(second)
    record(tracer, "after")
    assert [each.attempted for each in tracer.stats().exporters] == [6, 2]
    assert_balanced(tracer)
    release.set()
    assert tracer.flush(timeout_s=10)
    assert [each["name"] for each in first.records] == ["first", "first"] + ["before"] * 2 + [
        "after"
    ] * 2
    assert [each["name"] for each in second.records] == ["after", "after"]
    assert [each.delivered for each in tracer.stats().exporters] == [6, 2]
    assert_balanced(tracer)
    tracer.shutdown(timeout_s=5)


def test_accounts_balance_at_every_moment() -> None:
    """While many threads record, exporters answer this and that, and others come and go."""

    class Moody(Exporter):
        def __init__(self) -> None:
            self.calls = 0

        def export(self, records: Sequence[Record]) -> ExportResult:
            self.calls += 1
            if self.calls % 5 == 0:
                raise ValueError("mood")
            if self.calls % 3 == 0:
                return ExportResult.REJECTED({0: "mood"})
            return ExportResult.DELIVERED

    tracer = make(Moody(), queue_max_records=64)
    tracer.add_exporter(MemoryExporter())

    def work() -> None:
        for number in range(150):
            with tracer.run("agent"), tracer.span("step"):
                tracer.state("k", number)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    checks = 0
    while any(thread.is_alive() for thread in threads):
        assert_balanced(tracer)
        checks += 1
        if checks == 20:
            tracer.add_exporter(MemoryExporter())
    tracer.flush(timeout_s=10)
    stats = tracer.stats()
    assert stats.queued == 0
    assert stats.exporters[0].attempted == 3 * 150 * 5
    assert_balanced(tracer)
    tracer.set_exporter(MemoryExporter())
    record(tracer, "last")
    tracer.shutdown(timeout_s=5)
    assert_balanced(tracer)
    assert tracer.stats().attempted == stats.attempted + 2


def test_drops_are_told_once_a_minute_for_each_reason(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A loss is never silent, and never floods a log."""
    now_s = 1_000.0
    monkeypatch.setattr(droplog, "monotonic", lambda: now_s)
    counts = {"queue_full": 2, "filtered": 9}
    log = droplog.DropLog(lambda: counts)
    with caplog.at_level(logging.WARNING, "agenttrace"):
        log.report()
        counts.update(queue_full=5, spool_full=1)
        log.report()
        assert len(caplog.records) == 2
        now_s += 61
        log.report()
        log.report()
    assert [each.getMessage().split(":")[0] for each in caplog.records] == [
        "2 records were dropped as queue_full",
        "1 records were dropped as spool_full",
        "3 records were dropped as queue_full",
    ]


def test_a_tracer_that_no_one_can_reach_leaves_no_thread() -> None:
    """What it had recorded is delivered first."""
    before = count_threads()
    memory = MemoryExporter()
    tracer = make(memory)
    record(tracer, "run")
    gone = weakref.ref(tracer.recorder.hub)
    assert count_threads() > before
    del tracer

    def is_gone() -> bool:
        gc.collect()
        return gone() is None and count_threads() == before

    wait_for(is_gone)
    assert len(memory.records) == 2


def test_a_shutdown_leaves_no_thread_and_can_be_followed_by_another_exporter() -> None:
    """Both accounts stay."""
    before = count_threads()
    first, second = MemoryExporter(), MemoryExporter()
    tracer = make(first)
    record(tracer, "one")
    assert tracer.shutdown(timeout_s=5)
    record(tracer, "late")
    wait_for(lambda: count_threads() == before)
    tracer.set_exporter(second)
    record(tracer, "two")
    assert tracer.shutdown(timeout_s=5)
    assert [each["name"] for each in second.records] == ["two", "two"]
    stats = tracer.stats()
    assert (stats.delivered, stats.dropped) == (4, {"shutdown": 2})
    assert_balanced(tracer)


def test_what_spans_share_counts_once() -> None:
    """The input of a span is one object for its start and its end."""
    gate = Gate()
    tracer = make(gate)
    release = hold(tracer)
    before = tracer.stats().exporters[0].queued_bytes
    with tracer.run("run"), tracer.span("step", input="x" * 100_000):
        pass
    grown = tracer.stats().exporters[0].queued_bytes - before
    assert 100_000 < grown < 110_000
    release.set()
    gate.gate.set()
    tracer.shutdown(timeout_s=5)
