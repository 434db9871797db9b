"""Processors: what they may do, what their faults cost, and the two that come with the package."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agenttrace import Tracer
from agenttrace.exporters import MemoryExporter
from agenttrace.pipeline import chain, writer
from agenttrace.pipeline.enriching import Enricher, read_pairs
from agenttrace.pipeline.sampling import TailSampler, is_sampled
from agenttrace.plugins import Processor, Record
from agenttrace.settings import Settings
from agenttrace.wrappers import trace_tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Applied(Processor):
    """Applies a function to every batch."""

    def __init__(self, function: Callable[[list[Any]], Iterable[Any]]) -> None:
        self.function = function

    def process(self, records: list[Record]) -> Iterable[Record]:
        return self.function(records)


@pytest.fixture
def tracer() -> Iterator[Tracer]:
    """Give a tracer that records into memory."""
    tracer = Tracer(exporter=MemoryExporter(), settings=Settings())
    yield tracer
    tracer.shutdown(timeout_s=5)


def use(tracer: Tracer, *processors: Processor) -> None:
    """Pass the tracer's records through these."""
    tracer.recorder.hub.use_processors(processors)


def read(tracer: Tracer) -> list[Any]:
    """Return what arrived so far."""
    assert tracer.flush(timeout_s=5)
    memory = tracer.recorder.hub.sinks[0].exporter
    assert isinstance(memory, MemoryExporter)
    return memory.records


def assert_balanced(tracer: Tracer) -> None:
    """Check the equation."""
    stats = tracer.stats()
    done = stats.delivered + stats.superseded + sum(stats.dropped.values())
    assert stats.attempted == done + stats.queued + stats.spooled


def record(tracer: Tracer, *names: str) -> None:
    """Record a run for each name: two records."""
    for name in names:
        with tracer.run(name):
            pass


def test_a_processor_may_drop_change_and_add(tracer: Tracer) -> None:
    """Each is counted: what it drops as filtered, what it adds as attempted."""

    def change(records: list[Any]) -> Iterable[Any]:
        for each in records:
            if each["name"] == "twice":
                yield each
            if each["name"] != "drop":
                each["name"] += "!"
                yield each

    use(tracer, Applied(change))
    record(tracer, "drop")
    assert read(tracer) == []
    record(tracer, "twice")
    assert [each["name"] for each in read(tracer)] == ["twice!"] * 4
    stats = tracer.stats()
    assert (stats.attempted, stats.delivered, stats.dropped) == (6, 4, {"filtered": 2})
    assert_balanced(tracer)


def test_processors_run_in_their_order_and_integers_stay_exact(tracer: Tracer) -> None:
    """Each sees what the one before it has made."""

    def add(text: str) -> Processor:
        def change(records: list[Any]) -> list[Any]:
            return [{**each, "name": each["name"] + text} for each in records]

        return Applied(change)

    use(tracer, add("1"), add("2"))
    with tracer.run("run", input=10**30):
        pass
    first = read(tracer)[0]
    assert (first["name"], first["input"]["value"]) == ("run12", 10**30)


@pytest.mark.parametrize(
    "error", [ValueError("x"), SystemExit(1), MemoryError()], ids=lambda error: type(error).__name__
)
def test_a_processor_that_raises_is_passed_by(
    tracer: Tracer, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """The records go on as they came; after ten times it is out of use; two warnings in all."""
    calls: list[int] = []

    def fail(records: list[Any]) -> Iterable[Any]:
        calls.append(1)
        for each in records:
            each["name"] = "half done"
        raise error

    use(tracer, Applied(fail), Applied(lambda records: records))
    with caplog.at_level(logging.WARNING, "agenttrace"):
        for _ in range(chain.MAX_FAILURES + 3):
            record(tracer, "run")
            names = {each["name"] for each in read(tracer)}
    assert names == {"run"}
    assert len(calls) == chain.MAX_FAILURES
    messages = [each.getMessage() for each in caplog.records]
    assert messages == [
        f"processor Applied raised {type(error).__name__}; records pass it by",
        "processor Applied raised 10 times and is out of use for this process",
    ]
    assert tracer.stats().dropped == {}
    assert_balanced(tracer)


def test_a_record_that_a_processor_spoils_costs_no_other(tracer: Tracer) -> None:
    """What is no JSON is counted as filtered, and as an error of the recorder."""

    def spoil(records: list[Any]) -> list[Any]:
        return [object() if each["name"] == "bad" else each for each in records]

    use(tracer, Applied(spoil))
    record(tracer, "bad", "good")
    assert [each["name"] for each in read(tracer)] == ["good", "good"]
    stats = tracer.stats()
    assert (stats.dropped, stats.errors["processor_record"]) == ({"filtered": 2}, 2)
    assert_balanced(tracer)


def test_a_processor_that_hangs_is_reported(
    tracer: Tracer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program goes on, deadlines are kept, and stats say what is the matter."""
    monkeypatch.setattr(writer, "HANGING_AFTER_S", 0.05)
    entered, gate = threading.Event(), threading.Event()

    def hang(records: list[Any]) -> list[Any]:
        entered.set()
        gate.wait(30)
        return records

    use(tracer, Applied(hang))
    record(tracer, "run")
    assert entered.wait(5)
    started = monotonic()
    assert not tracer.flush(timeout_s=0.1)
    assert monotonic() - started < 5
    assert tracer.stats().hanging_s > 0.05
    record(tracer, "other")
    assert_balanced(tracer)
    gate.set()
    assert len(read(tracer)) == 4
    assert tracer.stats().hanging_s == 0.0


def test_what_is_held_back_counts_as_queued(tracer: Tracer) -> None:
    """Until it is let go: at a flush, or at the end at the latest."""

    class Holder(Processor):
        def __init__(self) -> None:
            self.records: list[Record] = []

        def process(self, records: list[Record]) -> Iterable[Record]:
            self.records += records
            self.held = len(self.records)
            return ()

        def shutdown(self) -> Iterable[Record]:
            released, self.records, self.held = self.records, [], 0
            return released

    use(tracer, Holder())
    record(tracer, "run")
    result = tracer.flush(timeout_s=5)
    assert (result.complete, result.pending) == (True, 0)
    assert tracer.stats().queued == 2
    assert_balanced(tracer)
    second = MemoryExporter()
    tracer.add_exporter(second)
    record(tracer, "late")
    assert tracer.shutdown(timeout_s=5)
    stats = tracer.stats()
    assert [each.delivered for each in stats.exporters] == [4, 4]
    assert (stats.queued, stats.dropped) == (0, {})
    assert_balanced(tracer)


def test_a_processor_that_flushes_its_tracer_does_not_hang(tracer: Tracer) -> None:
    """Waiting for itself would be forever."""
    answers: list[bool] = []

    def flush(records: list[Any]) -> list[Any]:
        answers.append(bool(tracer.flush(timeout_s=5)))
        return records

    use(tracer, Applied(flush))
    started = monotonic()
    record(tracer, "run")
    read(tracer)
    assert monotonic() - started < 4
    assert not any(answers)


# Sampling


@given(st.integers(0, 2**128 - 1), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_rate_keeps_what_a_lower_one_keeps(number: int, rate: float, other: float) -> None:
    """The decision is the id's alone, so every process and every tool comes to the same one."""
    run_id = f"{number:032x}"
    low, high = sorted((rate, other))
    assert not is_sampled(run_id, low) or is_sampled(run_id, high)
    assert is_sampled(run_id, 1.0)
    assert not is_sampled(f"{number % 2**72:018x}".rjust(32, "0")[:18] + "0" * 14, 0.5)


def test_the_share_of_runs_is_the_rate() -> None:
    """Of ids as the recorder makes them."""
    from agenttrace.ids import RandomIds

    ids = RandomIds()
    kept = sum(is_sampled(ids.new_run_id(), 0.25) for _ in range(4_000))
    assert 850 < kept < 1_150


def test_a_run_that_is_not_sampled_is_not_recorded() -> None:
    """Nothing of it is made, counted or sent; the program sees no difference."""
    memory = MemoryExporter()
    tracer = Tracer(exporter=memory, settings=Settings(sample_rate=0.0))
    headers: list[dict[str, str]] = [{}, {}, {}]
    with tracer.run("agent") as run, tracer.span("step") as span:
        span.set_output(1)
        tracer.inject(headers[0])
    with tracer.span("implicit"):
        tracer.inject(headers[1])

    @trace_tool(tracer)
    def call() -> None:
        tracer.inject(headers[2])

    call()
    assert tracer.current_run() is None
    assert tracer.shutdown(timeout_s=5)
    assert (memory.records, tracer.stats().attempted) == ([], 0)
    assert not run.recording
    assert tracer.stats().errors == {}
    assert [each["traceparent"][-3:] for each in headers] == ["-00"] * 3


@pytest.mark.parametrize("seed", range(3))
def test_what_is_called_in_a_run_shares_its_decision(seed: int) -> None:
    """Whole runs are recorded or left out, also those that a call outside a run opens."""
    memory = MemoryExporter()
    tracer = Tracer(exporter=memory, settings=Settings(sample_rate=0.5))

    @trace_tool(tracer)
    def inner() -> None:
        with tracer.run("nested"), tracer.span("leaf"):
            pass

    @trace_tool(tracer)
    def outer() -> Iterator[int]:
        inner()
        yield 1
        inner()

    count = 40
    for _ in range(count):
        list(outer())
        with tracer.span("by hand"):
            inner()
    assert tracer.current_run() is None
    tracer.shutdown(timeout_s=5)
    records: list[Any] = memory.records
    names = Counter(each["name"] for each in records if each.get("rev") == 1)
    assert 0 < names["outer"] < 2 * count
    assert names["nested"] == names["leaf"] == names["inner"]
    assert names["nested"] == names["outer"] + names["by hand"] // 2
    assert tracer.stats().errors == {}


SHARE_ID = "f" * 32
OTHER_ID = "0" * 32


def make(kind: str, run_id: str, name: str, status: str, **more: Any) -> Any:
    """Return a record."""
    return {"type": kind, "run_id": run_id, "name": name, "status": status, **more}


def run_of(run_id: str, *, status: str = "COMPLETED", seconds: float = 0.0) -> list[Any]:
    """Return the records of a run with one span."""
    return [
        make("run", run_id, "run", "STARTED"),
        make("span", run_id, "span", "COMPLETED"),
        {"type": "event", "run_id": run_id, "name": "event"},
        make("run", run_id, "run", status, duration_ns=int(seconds * 1e9)),
    ]


def test_the_share_passes_at_once_and_the_rest_is_left_out() -> None:
    """Nothing of a run that is kept anyway waits."""
    sampler = TailSampler(share=0.5)
    shared, other = run_of(SHARE_ID), run_of(OTHER_ID)
    assert list(sampler.process(shared[:2])) == shared[:2]
    assert list(sampler.process(other[:3])) == []
    assert sampler.held == 3
    assert list(sampler.process(other[3:])) == []
    assert sampler.held == 0
    assert list(sampler.process([make("span", OTHER_ID, "late", "COMPLETED")])) == []


@pytest.mark.parametrize("status", ["ERROR", "INTERRUPTED"])
def test_a_run_that_went_wrong_is_kept_whole(status: str) -> None:
    """With everything before it, in its order, and what comes after it."""
    sampler = TailSampler(share=0.0)
    records = run_of(OTHER_ID, status=status)
    kept = [each for part in records for each in sampler.process([part])]
    assert kept == records
    late = make("span", OTHER_ID, "late", "COMPLETED")
    assert list(sampler.process([late])) == [late]


def test_an_error_in_a_span_lets_the_run_go_at_once() -> None:
    """Who watches sees it live from there on."""
    sampler = TailSampler(share=0.0)
    records = [*run_of(OTHER_ID)[:2], make("span", OTHER_ID, "bad", "ERROR")]
    assert list(sampler.process(records)) == records
    assert sampler.held == 0


def test_slow_runs_are_kept() -> None:
    """By the time that they took in all."""
    sampler = TailSampler(share=0.0, slow_s=2.0)
    assert list(sampler.process(run_of("1" * 32, seconds=1.9))) == []
    assert len(list(sampler.process(run_of("2" * 32, seconds=2.0)))) == 4


def test_what_is_held_back_is_bounded() -> None:
    """The oldest run is left out early; the others keep their chance."""
    sampler = TailSampler(share=0.0, max_bytes=1_000)
    ids = [f"{n:032x}" for n in range(20)]
    for run_id in ids:
        assert list(sampler.process(run_of(run_id)[:2])) == []
    assert 0 < sampler.held < 40
    assert list(sampler.process([make("run", ids[0], "run", "ERROR", duration_ns=0)])) == []
    assert len(list(sampler.process([make("run", ids[-1], "run", "ERROR", duration_ns=0)]))) == 3


def test_what_never_ended_is_kept_at_the_end() -> None:
    """No one will know more of it."""
    sampler = TailSampler(share=0.0)
    records = run_of(OTHER_ID)[:3]
    sampler.process(records)
    assert list(sampler.flush()) == []
    assert list(sampler.shutdown()) == records
    assert sampler.held == 0


def test_tail_sampling_balances_through_a_tracer(tracer: Tracer) -> None:
    """Kept, held back and left out: every record is in one place."""
    use(tracer, TailSampler(share=0.0))
    record(tracer, "fine")
    with pytest.raises(ValueError, match="x"), tracer.run("bad"), tracer.span("step"):
        raise ValueError("x")
    with tracer.run("open"):
        assert [each["name"] for each in read(tracer)] == ["bad", "step", "step", "bad"]
        stats = tracer.stats()
        assert (stats.queued, stats.dropped) == (1, {"filtered": 2})
        assert_balanced(tracer)
    read(tracer)
    assert tracer.stats().dropped == {"filtered": 4}
    assert_balanced(tracer)


def test_resource_attributes_are_added_to_every_run(
    tracer: Tracer, caplog: pytest.LogCaptureFixture
) -> None:
    """As OpenTelemetry writes them; what is no pair is told and left out."""
    with caplog.at_level(logging.WARNING, "agenttrace"):
        pairs = read_pairs(["env=prod", "note=a%20b=c", "odd", "=x"])
    assert pairs == {"env": "prod", "note": "a b=c"}
    assert len(caplog.records) == 2
    use(tracer, Enricher(pairs))
    with tracer.run("agent"), tracer.span("step"):
        pass
    runs = [each for each in read(tracer) if each["type"] == "run"]
    assert [each["resource"]["env"] for each in runs] == ["prod", "prod"]
    assert all("service.name" in each["resource"] for each in runs)
    assert "resource" not in read(tracer)[1]


def test_the_built_in_processors_are_plugins_like_any_other() -> None:
    """Made when the settings ask for them, and in an order that puts sampling last."""
    from agenttrace.plugins.manager import PluginManager

    def names(**settings: Any) -> list[str]:
        manager = PluginManager(settings=Settings(plugins=(), **settings))
        return [name for name, _ in manager.make_processors()]

    assert names() == []
    assert names(tail_sample_rate=0.5, resource_attributes=("a=b",)) == [
        "resource_attributes",
        "tail_sampling",
    ]


def test_settings_turn_them_on_in_a_tracer() -> None:
    """Without a line of code: by the environment alone."""
    settings = Settings(tail_sample_rate=0.0, resource_attributes=("env=prod",), plugins=())
    memory = MemoryExporter()
    tracer = Tracer(exporter=memory, settings=settings)
    record(tracer, "fine")
    with pytest.raises(ValueError, match="x"), tracer.run("bad"):
        raise ValueError("x")
    assert tracer.shutdown(timeout_s=5)
    records: list[Any] = memory.records
    assert [(each["name"], each["resource"]["env"]) for each in records] == [("bad", "prod")] * 2
    assert tracer.stats().dropped == {"filtered": 2}
