"""The recorders that are compared, each set up as its documentation says, with batch export on.

A subject is made in a process of its own by `child.py`. It gives two calls, the small one and the
model's, a `settle` that returns once everything is delivered, and what became of the spans.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL_INPUT: Final = "q" * 178
SMALL_OUTPUT: Final = {
    "results": [{"title": f"{n}" + "t" * 88, "score": n + 0.5, "n": n} for n in range(4)]
}
LLM_INPUT: Final = [{"role": "user", "content": f"{n}" + "m" * 1_600} for n in range(5)]
LLM_OUTPUT: Final = "a" * 2_046
ROOM: Final = 1_000_000
"""How many spans a peer's queue holds where the cost of a span is measured: none may be lost."""

OTLP_PATH: Final = "/v1/traces"


def answer_small(query: str, limit: int = 5) -> object:
    """Return about 500 bytes of JSON for about 200."""
    del query, limit
    return SMALL_OUTPUT


def answer_llm(messages: object, temperature: float = 0.2) -> object:
    """Return about 2 KiB of JSON for about 8."""
    del messages, temperature
    return LLM_OUTPUT


class Subject(NamedTuple):
    """A recorder that is set up: what to call, and how to know that all is delivered."""

    small: Callable[..., object]
    llm: Callable[..., object]
    settle: Callable[[], object]
    tally: Callable[[], dict[str, int]]


class Counts:
    """How many spans an exporter of OpenTelemetry's delivered."""

    def __init__(self) -> None:
        self.delivered = 0

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return {"delivered": self.delivered}


def make_agenttrace(url: str) -> Subject:
    """AgentTrace: one recording thread, JSON lines to the server's API, or whatever `url` names."""
    from agenttrace import Tracer  # noqa: PLC0415 -- each subject imports its own alone
    from agenttrace.wrappers import trace_llm, trace_tool  # noqa: PLC0415 -- as above

    tracer = Tracer()
    tracer.set_exporter(f"{url}/api" if url.startswith("http") else url)
    tracer.run("benchmark").__enter__()

    def tally() -> dict[str, int]:
        stats = tracer.stats()
        figures = {
            name: int(getattr(stats, name, 0))
            for name in ("attempted", "delivered", "superseded", "spooled", "queued")
        }
        return {**figures, "dropped": sum(stats.dropped.values())}

    return Subject(
        trace_tool(tracer)(answer_small),
        trace_llm(tracer, model="m")(answer_llm),
        lambda: tracer.flush(timeout_s=20),
        tally,
    )


def _make_exporter(url: str) -> tuple[Any, Counts]:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 -- as above
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.trace.export import SpanExportResult  # noqa: PLC0415 -- as above

    counts = Counts()

    class Counted(OTLPSpanExporter):  # type: ignore[misc]  # a peer is not installed where mypy runs
        def export(self, spans: Any) -> Any:
            result = super().export(spans)
            if result is SpanExportResult.SUCCESS:
                counts.delivered += len(spans)
            return result

    return Counted(endpoint=url + OTLP_PATH), counts


def make_opentelemetry(url: str) -> Subject:
    """OpenTelemetry with inputs and outputs as attributes of JSON, by hand."""
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 -- as above
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 -- as above

    exporter, counts = _make_exporter(url)
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("benchmark")

    def wrap(function: Callable[..., object], name: str) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            with tracer.start_as_current_span(name) as span:
                span.set_attribute("input.value", json.dumps({"args": args, "kwargs": kwargs}))
                result = function(*args, **kwargs)
                span.set_attribute("output.value", json.dumps(result))
                return result

        return call

    return Subject(
        wrap(answer_small, "small"), wrap(answer_llm, "llm"), provider.force_flush, counts.as_dict
    )


def make_openinference(url: str) -> Subject:
    """OpenInference's decorators over OpenTelemetry."""
    from openinference.instrumentation import TracerProvider  # noqa: PLC0415 -- as above
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 -- as above

    exporter, counts = _make_exporter(url)
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("benchmark")
    return Subject(
        tracer.tool(answer_small), tracer.llm(answer_llm), provider.force_flush, counts.as_dict
    )


def make_langfuse(url: str) -> Subject:
    """Langfuse's decorator, inputs and outputs captured."""
    from langfuse import Langfuse, observe  # noqa: PLC0415 -- as above

    exporter, counts = _make_exporter(url)
    key = "none"  # the receiver asks for none
    client = Langfuse(public_key=key, secret_key=key, base_url=url, span_exporter=exporter)
    return Subject(
        observe()(answer_small),
        observe(as_type="generation")(answer_llm),
        client.flush,
        counts.as_dict,
    )


def make_traceloop(url: str) -> Subject:
    """Traceloop's decorator, inputs and outputs captured."""
    from traceloop.sdk import Traceloop  # noqa: PLC0415 -- as above
    from traceloop.sdk.decorators import task  # noqa: PLC0415 -- as above

    os.environ["TRACELOOP_METRICS_ENABLED"] = "false"
    exporter, counts = _make_exporter(url)
    Traceloop.init(app_name="benchmark", exporter=exporter, telemetry_enabled=False)
    from opentelemetry import trace  # noqa: PLC0415 -- as above

    provider: Any = trace.get_tracer_provider()
    return Subject(
        task(name="small")(answer_small),
        task(name="llm")(answer_llm),
        provider.force_flush,
        counts.as_dict,
    )


class Entry(NamedTuple):
    """A subject by the name of the distribution that must be there, and what imports it."""

    distribution: str
    module: str
    make: Callable[[str], Subject]


SUBJECTS: Final = {
    "agenttrace": Entry("agenttrace", "agenttrace", make_agenttrace),
    "opentelemetry": Entry("opentelemetry-sdk", "opentelemetry.sdk.trace", make_opentelemetry),
    "openinference": Entry(
        "openinference-instrumentation", "openinference.instrumentation", make_openinference
    ),
    "langfuse": Entry("langfuse", "langfuse", make_langfuse),
    "traceloop": Entry("traceloop-sdk", "traceloop.sdk", make_traceloop),
}
