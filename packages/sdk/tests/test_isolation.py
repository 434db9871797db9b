"""The recorder never changes the program: its own faults stay inside, and are counted."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agenttrace import Tracer
from agenttrace.exporters import MemoryExporter
from agenttrace.settings import Settings
from agenttrace.wrappers import trace_llm, trace_tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Recording

INTERNALS = [
    "agenttrace.recorder.take_snapshot",
    "agenttrace.recorder.Span",
    "agenttrace.recorder.SpanStart",
    "agenttrace.recorder.Event",
    "agenttrace.recorder.RunSnapshot",
    "agenttrace.recorder.Run",
    "agenttrace.recorder.Lane",
    "agenttrace.recorder.Failure",
    "agenttrace.recorder.judge_span",
    "agenttrace.recorder.judge_run",
    "agenttrace.recorder.keep_report",
    "agenttrace.recorder.Recorder.emit",
    "agenttrace.recorder.Recorder._start",
    "agenttrace.recorder.Recorder._end_run",
    "agenttrace.recorder.Recorder.take",
    "agenttrace.span.flatten",
    "agenttrace.span.clean_usage",
    "agenttrace.run.clean_tags",
    "agenttrace.tracer.write_headers",
    "agenttrace.tracer.read_headers",
    "agenttrace.pipeline.intake.Intake.put",
    "agenttrace.pipeline.intake.Intake.take",
    "agenttrace.pipeline.intake.Intake.settle",
    "agenttrace.pipeline.writer.write_line",
    "agenttrace.pipeline.writer.Writer._wake",
    "agenttrace.pipeline.writer.Writer._handle",
    "agenttrace.pipeline.queue.Queue.offer",
    "agenttrace.pipeline.queue.Queue.take",
    "agenttrace.pipeline.queue.RecordBatch",
    "agenttrace.pipeline.worker.Pipeline.offer",
    "agenttrace.pipeline.records.encode",
    "agenttrace.guard.log_warning",
]
ERRORS = [ValueError("fault"), MemoryError(), RecursionError(), SystemExit(3), GeneratorExit()]


def exercise(tracer: Tracer) -> list[Any]:
    """Use everything a program can use, and return all that it can see of it."""
    seen: list[Any] = []
    error = KeyError("user")

    @trace_tool(tracer)
    def tool(a: int, *rest: int) -> list[int]:
        return [a, *rest]

    @trace_llm(tracer, cost_per_prompt_token=1)
    async def ask(prompt: str) -> str:
        await asyncio.sleep(0)
        return prompt

    @trace_tool(tracer)
    def stream() -> Any:
        yield 1
        return 2

    @trace_tool(tracer)
    def fail() -> None:
        raise error

    def consume() -> Any:
        return (yield from stream())

    with tracer.run("agent", tags=["t"], input=1) as run, tracer.span("step") as span:
        span.set_attribute("k", 1)
        span.set_output([1])
        span.set_usage(prompt_tokens=1)
        span.add_event("e", 1)
        span.record_exception(error)
        run.set_output(1)
        run.set_attribute("k", 1)
        run.add_tags("u")
        tracer.state("k", 1)
        tracer.inject({})
        tracer.extract({"traceparent": "x"})
        seen += [tool(1, 2), asyncio.run(ask("p")), list(consume()), tracer.decision("d", chosen=7)]
        try:
            fail()
        except KeyError as caught:
            seen.append(caught is error)
    seen.append(tool(3))
    return seen


EXPECTED = [[1, 2], "p", [1], 7, True, [3]]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("target", INTERNALS)
def test_a_fault_inside_is_not_seen_outside(
    target: str, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever part of the recorder raises, the program computes what it would have computed."""
    tracer = Tracer(exporter=MemoryExporter(), settings=Settings())

    def fault(*_args: object, **_kwargs: object) -> None:
        raise error

    monkeypatch.setattr(target, fault)
    assert exercise(tracer) == EXPECTED
    tracer.shutdown(timeout_s=2)


def test_without_a_fault_the_program_computes_the_same(recording: Recording) -> None:
    """The test above would pass for a recorder that does nothing."""
    assert exercise(recording.tracer) == EXPECTED
    assert len(recording.spans()) == 7
    assert recording.tracer.stats().errors == {}


def test_a_fault_is_logged_once_and_counted(
    recording: Recording, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A log that repeats a line for each span helps no one."""

    def fault(*_args: object, **_kwargs: object) -> None:
        raise ValueError("inside")

    monkeypatch.setattr("agenttrace.recorder.Span", fault)

    @trace_tool(recording.tracer)
    def tool() -> int:
        return 1

    with caplog.at_level(logging.WARNING, "agenttrace"):
        assert [tool() for _ in range(5)] == [1] * 5
    assert recording.tracer.stats().errors == {"open_span": 5}
    assert [record.getMessage() for record in caplog.records] == ["open_span: builtins.ValueError"]


def test_a_logging_handler_that_raises_does_no_harm(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler is the host's code."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise SystemExit

    handler = Handler()
    logging.getLogger("agenttrace").addHandler(handler)
    try:
        recording.tracer.state("k", 1)
    finally:
        logging.getLogger("agenttrace").removeHandler(handler)
    assert recording.tracer.stats().errors == {"state_outside_run": 1}


def test_ctrl_c_goes_through(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    """A KeyboardInterrupt that comes while the recorder works is the program's."""

    def fault(*_args: object, **_kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("agenttrace.recorder.take_snapshot", fault)
    with pytest.raises(KeyboardInterrupt):
        trace_tool(recording.tracer)(lambda: 1)()


VALUES = st.recursive(
    st.none() | st.integers() | st.text() | st.binary() | st.builds(object),
    lambda children: (
        st.lists(children) | st.dictionaries(st.text(), children) | st.tuples(children)
    ),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    args=st.lists(VALUES, max_size=3),
    kwargs=st.dictionaries(st.sampled_from(["a", "b", "c", "zz"]), VALUES),
    answer=VALUES,
    error=st.none() | st.sampled_from([ValueError, SystemExit, GeneratorExit]),
)
def test_a_traced_function_does_what_the_plain_one_does(
    recording: Recording,
    args: list[Any],
    kwargs: dict[str, Any],
    answer: Any,
    error: type[BaseException] | None,
) -> None:
    """Same object back, same exception, arguments neither changed nor consumed."""

    def plain(a: Any = 1, b: Any = 2, *, c: Any = 3) -> Any:
        if error is not None:
            raise error(a, b, c)
        return (answer, a, b, c)

    traced = trace_tool(recording.tracer)(plain)
    before = repr((args, kwargs))
    assert outcome(traced, args, kwargs) == outcome(plain, args, kwargs)
    assert repr((args, kwargs)) == before


def outcome(function: Callable[..., Any], args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Return what a call does, by the identities of what comes out."""
    try:
        return [id(part) for part in function(*args, **kwargs)]
    except BaseException as error:  # noqa: BLE001 -- the point
        return type(error), str(error) if isinstance(error, TypeError) else list(
            map(id, error.args)
        )


@pytest.mark.parametrize("given", [5, "text", ["a"], object(), {"traceparent": "x"}], ids=type)
def test_what_cannot_be_meant_is_left_out_and_counted(recording: Recording, given: Any) -> None:
    """Headers in the place of the context that they carry, a text in the place of attributes."""
    tracer = recording.tracer
    with tracer.run("agent", parent=given), tracer.span("step") as span:
        span.set_attributes(given if not isinstance(given, dict) else None)  # type: ignore[arg-type]  # what is tested
    assert recording.span("step")["status"] == "COMPLETED"
    assert tracer.stats().errors.keys() == {"parent", "set_attributes"}
