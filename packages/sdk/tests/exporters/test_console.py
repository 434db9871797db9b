"""The console exporter: a line for each end, readable, and safe to print."""

from __future__ import annotations

import io

import pytest

from agenttrace import SpanType, Tracer
from agenttrace.exporters import ConsoleExporter, MemoryExporter
from agenttrace.settings import Settings
from agenttrace.testing import StepClock


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def record(stream: io.StringIO) -> None:
    """Record a run with a model call and a failure."""
    tracer = Tracer(exporter=ConsoleExporter(stream), clock=StepClock(), settings=Settings())
    with tracer.run("agent"):
        with tracer.span("ask", SpanType.LLM_CALL) as span:
            span.set_usage(prompt_tokens=3, source="estimated")
            span.set_cost("0.01")
        with pytest.raises(ValueError, match="no"), tracer.span("bad\x1b[2J"):
            raise ValueError("no\nway")
    assert tracer.shutdown(timeout_s=5)


def test_each_end_is_a_line() -> None:
    """Status, type, name, duration, tokens, cost and error; escapes of a name are not passed on."""
    stream = io.StringIO()
    record(stream)
    assert stream.getvalue().splitlines() == [
        "COMPLETED    LLM_CALL   ask  1.0 ms  ~3+? tokens  $0.01",
        "ERROR        CUSTOM     bad [2J  1.0 ms  builtins.ValueError: no way",
        "COMPLETED    RUN        agent  5.0 ms",
    ]


def test_a_terminal_gets_colour() -> None:
    """And only a terminal."""
    stream = Terminal()
    record(stream)
    assert stream.getvalue().startswith("\x1b[32mCOMPLETED  \x1b[0m  LLM_CALL")


def test_standard_error_is_found_at_each_batch(capsys: pytest.CaptureFixture[str]) -> None:
    """A test or a framework may have replaced it since."""
    tracer = Tracer(exporter="console", settings=Settings())
    with tracer.run("agent"):
        pass
    assert tracer.shutdown(timeout_s=5)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("COMPLETED    RUN        agent")


def test_memory_gives_a_copy_and_forgets() -> None:
    """What a test holds does not grow under its hands."""
    memory = MemoryExporter()
    tracer = Tracer(exporter=memory, settings=Settings())
    with tracer.run("agent"):
        pass
    assert tracer.flush(timeout_s=5)
    held = memory.records
    memory.clear()
    assert (len(held), memory.records) == (2, [])
    tracer.shutdown(timeout_s=5)
