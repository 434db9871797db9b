"""What a program sees of the tracer: runs, spans, decisions, state, exporters."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from agenttrace import ConfigurationError, SpanType, Tracer
from agenttrace.errors import PluginError
from agenttrace.exporters import MemoryExporter
from agenttrace.plugins.manager import PluginManager
from agenttrace.settings import Settings
from agenttrace.testing import START_NS, STEP_NS, collect
from agenttrace.wrappers import trace_llm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from agenttrace.pipeline.intake import Item

    from .conftest import Recording


def test_a_run_is_sent_at_its_start_and_at_its_end(recording: Recording) -> None:
    """Both snapshots are whole, and the end says how long it took."""
    with recording.tracer.run(
        "agent", correlation_id="w-1", tags=["a", "b"], attributes={"k": 1}, input={"q": "x"}
    ) as run:
        run.set_output("done")
    head = {
        "v": 1,
        "type": "run",
        "run_id": f"{1:032x}",
        "name": "agent",
        "start_ns": START_NS,
        "correlation_id": "w-1",
        "input": {"value": {"q": "x"}, "codec": "json", "fidelity": "exact"},
        "tags": ["a", "b"],
        "attributes": {"k": 1},
    }
    assert recording.records() == [
        {**head, "rev": 0, "status": "STARTED"},
        {
            **head,
            "rev": 1,
            "status": "COMPLETED",
            "end_ns": START_NS + STEP_NS,
            "duration_ns": STEP_NS,
            "complete": True,
            "end_seq": 0,
            "output": {"value": "done", "codec": "json", "fidelity": "exact"},
        },
    ]


def test_spans_nest_and_share_one_counter(recording: Recording) -> None:
    """seq, end_seq and the seq of events come from one counter: the order of what happened."""
    tracer = recording.tracer
    with tracer.run("agent"), tracer.span("outer", SpanType.AGENT) as outer:
        outer.add_event("note", {"n": 1})
        with tracer.span("inner") as inner:
            tracer.state("plan", ["a"])
    records = recording.records()
    order = [(r["name"], r["seq"]) for r in records if r["type"] != "run" and "end_seq" not in r]
    ends = [(r["name"], r["end_seq"]) for r in records if "end_seq" in r]
    assert order == [("outer", 0), ("note", 1), ("inner", 2), ("state", 3)]
    assert ends == [("inner", 4), ("outer", 5), ("agent", 6)]
    assert recording.span("inner")["parent_span_id"] == outer.span_id
    assert "parent_span_id" not in recording.span("outer")
    assert [(e["span_id"], e["body"]["value"]) for e in recording.events()] == [
        (outer.span_id, {"n": 1}),
        (inner.span_id, {"key": "plan", "value": ["a"]}),
    ]


def test_a_decision_holds_its_options_choice_and_reason(recording: Recording) -> None:
    """It is recorded as the wire format says, has no effect, and returns what was chosen."""
    with recording.tracer.run("agent"):
        chosen = recording.tracer.decision("route", options=["a", "b"], chosen="b", reason="nearer")
    span = recording.span("route")
    assert chosen == "b"
    assert (span["span_type"], span["effect"], span["outcome"]) == ("DECISION", "none", "ok")
    assert span["input"]["value"] == {"options": ["a", "b"]}
    assert span["output"]["value"] == {"chosen": "b", "reason": "nearer"}


def test_a_decision_without_a_reason_has_none(recording: Recording) -> None:
    """Unknown is absent."""
    with recording.tracer.run("agent"):
        recording.tracer.decision("route", chosen=2)
    assert recording.span("route")["output"]["value"] == {"chosen": 2}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("x"), "ERROR"),
        (asyncio.CancelledError(), "INTERRUPTED"),
        (KeyboardInterrupt(), "INTERRUPTED"),
        (SystemExit(0), "COMPLETED"),
        (SystemExit(3), "ERROR"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else value,
)
def test_a_run_ends_by_what_comes_out_of_it(
    recording: Recording, error: BaseException, status: str
) -> None:
    """The exception goes on untouched, and the run says how it ended."""
    with pytest.raises(type(error)) as caught, recording.tracer.run("agent"):
        raise error
    assert caught.value is error
    (run,) = recording.runs()
    assert run["status"] == status
    assert ("error" in run) == (status != "COMPLETED")


def test_a_span_outside_a_run_opens_a_run_of_its_own(recording: Recording) -> None:
    """Its run bears its name, its input and output, and ends with it."""
    with recording.tracer.span("alone", input={"q": 1}) as span:
        span.set_output(2)
    assert recording.tracer.current_run() is None
    (run,) = recording.runs()
    assert (run["name"], run["status"]) == ("alone", "COMPLETED")
    assert (run["input"]["value"], run["output"]["value"]) == ({"q": 1}, 2)
    assert recording.span("alone")["run_id"] == run["run_id"]


def test_a_run_within_a_run_shares_its_correlation_id(recording: Recording) -> None:
    """Two agents of one process belong to one workflow; a run without an id lends its own."""
    with recording.tracer.run("first") as first, recording.tracer.run("second") as second:
        assert recording.tracer.current_run() is second
    assert second.correlation_id == first.correlation_id == first.run_id
    assert {run["correlation_id"] for run in recording.runs()} == {first.run_id}


def test_a_run_works_as_an_async_context_manager(recording: Recording) -> None:
    """`async with` on runs and spans does what `with` does."""

    async def work() -> None:
        async with recording.tracer.run("agent"), recording.tracer.span("step"):
            await asyncio.sleep(0)

    asyncio.run(work())
    assert [r["name"] for r in recording.records()] == ["agent", "step", "step", "agent"]


def test_inputs_are_as_they_were_before_the_body(recording: Recording) -> None:
    """What is changed afterwards does not change the record."""
    messages = ["one"]
    with recording.tracer.run("agent", input=messages) as run:
        with recording.tracer.span("step", input=messages) as span:
            messages.append("two")
            span.set_output(messages)
            messages.append("three")
        run.set_output(messages)
        messages.clear()
    assert recording.span("step")["input"]["value"] == ["one"]
    assert recording.span("step")["output"]["value"] == ["one", "two"]
    assert recording.runs()[0]["output"]["value"] == ["one", "two", "three"]


def test_state_outside_a_run_is_counted(
    recording: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    """There is no run to record it in: one warning, and a count."""
    with caplog.at_level(logging.WARNING, "agenttrace"):
        recording.tracer.state("k", 1)
        recording.tracer.state("k", 2)
    assert recording.tracer.stats().errors == {"state_outside_run": 2}
    assert len(caplog.records) == 1


def test_what_comes_after_the_end_is_counted(recording: Recording) -> None:
    """A span that has ended does not change any more."""
    with recording.tracer.run("agent") as run, recording.tracer.span("step") as span:
        pass
    span.set_output(1)
    run.set_output(1)
    assert "output" not in recording.span("step")
    assert recording.tracer.stats().errors == {"after_end": 2}


def test_a_span_can_fail_without_raising(recording: Recording) -> None:
    """`fail` ends the span as an error that the program handled."""
    with recording.tracer.run("agent") as run, recording.tracer.span("step") as span:
        span.fail(ValueError("no"))
        run.fail(ValueError("no"))
    assert recording.span("step")["status"] == "ERROR"
    error = recording.span("step")["error"]
    assert (error["type"], error["message"]) == ("builtins.ValueError", "no")
    assert "traceback" not in error
    assert recording.runs()[0]["status"] == "ERROR"


def test_a_text_instead_of_an_error_fails_the_span_as_well(recording: Recording) -> None:
    """What cannot be recorded of the error is counted; the failure is not lost."""
    with recording.tracer.run("agent"), recording.tracer.span("step") as span:
        span.fail("no")  # type: ignore[arg-type]  # what the test is about
    assert recording.span("step")["status"] == "ERROR"
    assert recording.tracer.stats().errors == {"fail": 1}


def test_a_handled_exception_is_an_event(recording: Recording) -> None:
    """`record_exception` keeps the error, and the span completes."""
    with recording.tracer.run("agent"), recording.tracer.span("step") as span:
        span.record_exception(KeyError("k"))
    (event,) = recording.events()
    assert (event["name"], event["body"]["value"]["type"]) == ("exception", "builtins.KeyError")
    assert recording.span("step")["status"] == "COMPLETED"


def test_without_exporter_nothing_is_recorded_and_everything_works(
    drop_environment: Callable[[], None],
) -> None:
    """The same program runs, with the same objects to call."""
    tracer = Tracer()
    with tracer.run("agent", correlation_id="w") as run, tracer.span("step") as span:
        span.set_attribute("k", 1)
        span.set_output(1)
        span.set_usage(prompt_tokens=1)
        tracer.state("k", 1)
        assert tracer.decision("d", chosen=3) == 3
        assert tracer.current_run() is run
    assert tracer.stats().attempted == 0
    assert tracer.flush().complete


def test_the_environment_names_an_exporter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drop_environment: Callable[[], None]
) -> None:
    """AGENTTRACE_EXPORTER is used when the program sets none."""
    monkeypatch.setenv("AGENTTRACE_EXPORTER", f"jsonl:{tmp_path}/t.jsonl")
    tracer = Tracer()
    with tracer.run("agent"):
        pass
    tracer.shutdown()
    assert len((tmp_path / "t.jsonl").read_text().splitlines()) == 2


def test_a_wrong_exporter_in_the_environment_is_one_warning(
    monkeypatch: pytest.MonkeyPatch,
    drop_environment: Callable[[], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The program goes on, unrecorded, and the warning names the variable."""
    monkeypatch.setenv("AGENTTRACE_EXPORTER", "jsonl:")
    tracer = Tracer()
    for _ in range(2):
        with tracer.run("agent"):
            pass
    (warning,) = [record.getMessage() for record in caplog.records]
    needs = "the exporter jsonl needs a path: jsonl:./traces.jsonl"
    assert warning == f"AGENTTRACE_EXPORTER: {needs}. Nothing is recorded."


def test_strict_plugins_are_told_when_the_tracer_is_made(tmp_path: Path) -> None:
    """Whatever is called first, a build does not go on without the exporter it names."""
    named = Settings(exporter=f"jsonl:{tmp_path}/t.jsonl", strict_plugins=True)
    tracer = Tracer(settings=named)
    assert [exporter.name for exporter in tracer.stats().exporters] == ["jsonl"]
    tracer.shutdown()
    with pytest.raises(ConfigurationError, match="nobody"):
        Tracer(settings=Settings(exporter="nobody:x", strict_plugins=True))

    class Plugin:
        AGENTTRACE_PLUGIN_API = 99

    wanted = Settings(exporter="late:x", strict_plugins=True)
    plugins = PluginManager(settings=wanted, plugins=[("late", Plugin())])
    with pytest.raises(PluginError, match=r"plugin late .*needs plugin API 99"):
        Tracer(settings=wanted, plugins=plugins)


def test_a_correlation_id_may_be_an_int_or_a_uuid(recording: Recording) -> None:
    """Its text is what is recorded; what has no such text is counted, not dropped in silence."""
    given: list[Any] = ["w", 0, UUID(int=7), None, "", b"bytes", True]
    with recording.tracer.run("outer", correlation_id="outer"):
        for value in given:
            with recording.tracer.run("inner", correlation_id=value):
                pass
    assert [run.get("correlation_id") for run in recording.runs()[:-1]] == [
        "w",
        "0",
        "00000000-0000-0000-0000-000000000007",
        "outer",
        "outer",
        None,
        None,
    ]
    assert recording.tracer.stats().errors == {"correlation_id": 2}


def test_attributes_beyond_the_limit_are_counted(recording: Recording) -> None:
    """There is always room for the recorder's own, so that no record is refused for them."""

    @trace_llm(recording.tracer, cost_per_prompt_token=1, cost_per_completion_token=1)
    def stream(prompt: str) -> Iterator[str]:
        span = recording.tracer.current_span()
        assert span is not None
        span.set_attributes({f"k{n}": n for n in range(1025)})
        span.set_attribute("k0", "again")
        yield prompt

    with recording.tracer.run("agent", attributes={f"k{n}": n for n in range(1024)}) as run:
        run.set_attribute("one more", 1)
        run.set_attribute("k0", "again")
        list(stream("p"))
    attributes = recording.span("stream")["attributes"]
    assert len(attributes) == 1022  # two are left: for an attempt, and for events left out
    assert (attributes["k0"], attributes["k1017"]) == ("again", 1017)
    assert attributes["otel.dropped_attributes_count"] == 7
    assert attributes["agenttrace.stream.chunks"] == 1
    assert attributes["agenttrace.usage.estimate_method"] == "utf8-bytes/4"
    (ended,) = recording.runs()
    assert (len(ended["attributes"]), ended["attributes"]["k0"]) == (1024, "again")
    assert ended["attributes"]["otel.dropped_attributes_count"] == 2
    assert recording.tracer.stats().errors == {"too_many_attributes": 9}


def test_a_queue_counts_attributes_tags_and_errors(recording: Recording) -> None:
    """What a record holds in memory is what it takes of the queue's bytes."""
    text = "x" * 60_000
    sizes: list[int] = []

    def emit(_recorder: object, item: Item) -> None:
        sizes.append(item.size)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agenttrace.recorder.Recorder.emit", emit)
        error = ValueError("x" * 10_000)
        with recording.tracer.run("agent", attributes={"a": text}, tags=["t" * 256]) as run:
            with recording.tracer.span("step", attributes={"a": text}) as span:
                span.set_attribute("a", "small")
                span.set_attribute("b", [text[1:], 1])
                span.fail(error)
            run.fail(error)
    # An error is kept twice: by its text, and by its arguments.
    low = [60_000 + 256, 60_000, 80_000, 80_000 + 256]
    for least, size in zip(low, sizes, strict=True):
        assert least <= size < least + 4_000


def test_disabled_records_nothing(tmp_path: Path) -> None:
    """AGENTTRACE_DISABLED wins over what the program sets up."""
    tracer = Tracer(settings=Settings(disabled=True))
    tracer.set_exporter(f"jsonl:{tmp_path}/t.jsonl")
    with tracer.run("agent"):
        pass
    tracer.shutdown()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["nope", "nope:x", "ftp://host/x", "", ":", "jsonl:", "console:x"])
def test_an_exporter_that_cannot_be_meant_is_an_error(text: str) -> None:
    """Configuration is the one place where the tracer raises, and it says what there is."""
    with pytest.raises(ConfigurationError):
        Tracer(settings=Settings()).set_exporter(text)


def test_an_object_that_is_no_exporter_is_an_error() -> None:
    """It is told at once, not at the first record."""
    with pytest.raises(ConfigurationError, match=r"not int; see agenttrace\.plugins\.Exporter"):
        Tracer(settings=Settings()).set_exporter(3)  # type: ignore[arg-type]  # the point
    with pytest.raises(ConfigurationError, match=r"not <class .*MemoryExporter"):
        Tracer(settings=Settings()).set_exporter(MemoryExporter)  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize("value", ["TOOL", "llm_call", ""])
def test_a_span_type_that_does_not_exist_is_an_error(recording: Recording, value: str) -> None:
    """The message lists those that do."""
    with pytest.raises(ConfigurationError, match="LLM_CALL, TOOL_CALL"):
        recording.tracer.span("x", value)


def test_a_replaced_exporter_gets_what_was_recorded_before(recording: Recording) -> None:
    """`set_exporter` delivers to the old one first; both stay in the accounts."""
    second = MemoryExporter()
    with recording.tracer.run("one"):
        pass
    recording.tracer.set_exporter(second)
    with recording.tracer.run("two"):
        pass
    assert [r["name"] for r in collect(recording.tracer, second) if r["type"] == "run"] == [
        "two",
        "two",
    ]
    assert len(recording.memory.records) == 2
    assert recording.tracer.stats().delivered == 4


def test_every_exporter_gets_every_record(recording: Recording) -> None:
    """`add_exporter` fans out."""
    second = MemoryExporter()
    recording.tracer.add_exporter(second)
    with recording.tracer.run("one"), recording.tracer.span("s"):
        pass
    assert recording.records() == collect(recording.tracer, second)
    assert len(second.records) == 4


def test_two_tracers_do_not_see_each_other(recording: Recording) -> None:
    """A run of one is not the current run of the other."""
    other = Tracer(exporter=MemoryExporter(), settings=Settings())
    with recording.tracer.run("one"):
        assert other.current_run() is None
        with other.run("two") as two:
            assert other.current_run() is two
    other.shutdown()


def test_open_work_is_sent_as_interrupted_at_shutdown(recording: Recording) -> None:
    """What never ends is not left as if it were running."""
    with recording.tracer.run("agent"), recording.tracer.span("open"):
        recording.tracer.shutdown(timeout_s=5)
    ends = [(r["name"], r["status"], r.get("outcome")) for r in recording.memory.records[2:]]  # type: ignore[typeddict-item]  # runs and spans only
    assert ends == [("open", "INTERRUPTED", "unfinished"), ("agent", "INTERRUPTED", None)]
