"""What spans and runs hold beside their payloads: links, documents, attempts, the boundary mark."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from agenttrace.settings import Settings
from agenttrace.testing import MemoryExporter, collect
from agenttrace.tracer import Tracer
from agenttrace.wire.models import ValidRun, ValidSpan
from agenttrace.wire.validation import parse_line
from agenttrace.wrappers import trace, trace_retrieval, trace_tool

if TYPE_CHECKING:
    from .conftest import Recording

RUN, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_links_are_recorded_and_read_again(recording: Recording) -> None:
    """Of a span and of a run, with and without a span and attributes at their other end."""
    with recording.tracer.run("agent") as run, recording.tracer.span("step") as span:
        span.add_link(RUN, SPAN, attributes={"why": "retry of"})
        run.add_link(RUN)
        run.add_link("no id")
        span.add_link(RUN, "no id")
    assert recording.span("step")["links"] == [
        {"run_id": RUN, "span_id": SPAN, "attributes": {"why": "retry of"}}
    ]
    assert recording.runs()[0]["links"] == [{"run_id": RUN}]
    assert recording.tracer.stats().errors == {"link": 2}
    for each in recording.records():
        record = parse_line(orjson.dumps(each))
        if isinstance(record, ValidSpan | ValidRun) and record.rev:
            assert record.links is not None
            assert record.links[0].run_id == RUN


def test_links_are_bounded(recording: Recording) -> None:
    """A loop cannot fill the memory."""
    with recording.tracer.run("agent"), recording.tracer.span("step") as span:
        for _ in range(130):
            span.add_link(RUN)
    assert len(recording.span("step")["links"]) == 128
    assert recording.tracer.stats().errors == {"link": 2}


@dataclass
class Document:
    """As LangChain has it."""

    page_content: str
    metadata: dict[str, Any] = field(default_factory=dict)
    id: str | None = None


@dataclass
class Node:
    """As LlamaIndex has it: the text, and beside it the score."""

    text: str
    node_id: str
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass
class NodeWithScore:
    """What LlamaIndex's retrievers return."""

    node: Node
    score: float


def test_documents_of_any_library_have_one_shape(recording: Recording) -> None:
    """Identity, content, score and metadata, as far as each tells them."""

    @trace_retrieval(recording.tracer)
    def search(query: str) -> list[object]:
        found: list[object] = [
            {"id": 1, "text": "a", "score": 0.5, "other": 1},
            Document("b", {"source": "x"}, "d2"),
            (Document("c"), 0.25),
            NodeWithScore(Node("d", "n4"), 0.125),
            "e",
        ]
        span = recording.tracer.current_span()
        assert span is not None
        span.set_documents(found)
        return found

    with recording.tracer.run("agent"):
        assert len(search("q")) == 5
    assert recording.span("search")["output"]["value"] == [
        {"id": 1, "content": "a", "score": 0.5},
        {"id": "d2", "content": "b", "metadata": {"source": "x"}},
        {"content": "c", "metadata": {}, "score": 0.25},
        {"score": 0.125, "id": "n4", "content": "d", "metadata": {}},
        {"content": "e"},
    ]


def test_documents_that_raise_are_counted(recording: Recording) -> None:
    """Reading them is the recorder's concern; the span is recorded without them."""

    class Hostile:
        def __getattr__(self, name: str) -> object:
            raise ValueError(name)

    with recording.tracer.run("agent"), recording.tracer.span("search") as span:
        span.set_documents([Hostile()])
    assert "output" not in recording.span("search")
    assert recording.tracer.stats().errors == {"set_documents": 1}


def attempts(recording: Recording) -> list[int | None]:
    """Return which attempt each span of the flaky function says it is."""
    key = "agenttrace.retry.attempt"
    return [s.get("attributes", {}).get(key) for s in recording.spans() if s["name"] == "flaky"]


def test_a_call_that_is_made_again_says_which_attempt_it_is(recording: Recording) -> None:
    """In a loop: same function, equal input, under one parent, after a failure."""
    outcomes = iter([ValueError("1"), ValueError("2"), None, None, ValueError("3"), None])

    @trace_tool(recording.tracer)
    def flaky(query: dict[str, int]) -> str:
        error = next(outcomes)
        if error is not None:
            raise error
        return "done"

    def retry(query: dict[str, int]) -> None:
        while True:
            try:
                flaky(query)
            except ValueError:
                continue
            return

    with recording.tracer.run("agent"):
        retry({"a": 1})  # two failures, then it works
        flaky({"a": 1})  # the last one had worked
        with pytest.raises(ValueError, match="3"):
            flaky({"a": 2})
        flaky({"a": 3})  # another input
    assert attempts(recording) == [None, 2, 3, None, None, None]


def test_an_attempt_is_one_also_when_the_first_was_written_already(recording: Recording) -> None:
    """The record of the failed call may be encoded by then, and its input be no plain data."""

    @trace_tool(recording.tracer)
    def flaky(query: tuple[object, ...]) -> None:
        raise ValueError

    with recording.tracer.run("agent"):
        for _ in range(2):
            with pytest.raises(ValueError, match=r"^$"):
                flaky((1, RUN, Document("a")))
            recording.tracer.flush()
    assert attempts(recording) == [None, 2]


def test_a_failure_under_another_parent_is_another_call(recording: Recording) -> None:
    """And without the input nobody can tell."""

    @trace_tool(recording.tracer)
    def flaky() -> None:
        raise ValueError

    @trace_tool(recording.tracer, name="flaky", capture_input=False)
    def blind() -> None:
        raise ValueError

    with recording.tracer.run("agent"):
        for function in (flaky, flaky, blind, blind):
            with recording.tracer.span("step"), pytest.raises(ValueError, match=r"^$"):
                function()
        for _ in range(2):
            with pytest.raises(ValueError, match=r"^$"):
                blind()
    assert attempts(recording) == [None] * 6


def test_a_boundary_is_marked_where_it_is_given(recording: Recording) -> None:
    """Otherwise it is what the span's type says, and absent."""

    @trace(recording.tracer, boundary=True)
    def outside() -> None: ...

    @trace_tool(recording.tracer, boundary=False)
    def structure() -> None: ...

    @trace_tool(recording.tracer)
    def tool() -> None: ...

    with recording.tracer.run("agent"):
        outside()
        structure()
        tool()
    assert [span.get("boundary") for span in recording.spans()] == [True, False, None]


def test_a_run_that_lost_a_record_says_so() -> None:
    """Of two runs the one whose records had no room; the other is complete."""
    memory = MemoryExporter()
    tracer = Tracer(exporter=memory, settings=Settings(queue_max_bytes=64 * 1024))
    with tracer.run("whole"):
        pass
    tracer.flush()
    with tracer.run("torn"):
        with tracer.span("step", input="x" * 100_000):
            pass
        tracer.flush()
    ends = {
        r["name"]: r["complete"]
        for r in collect(tracer, memory)
        if r["type"] == "run" and r["status"] != "STARTED"
    }
    assert ends == {"whole": True, "torn": False}
    tracer.shutdown(timeout_s=5)


def test_of_documents_and_tags_without_end_the_first_are_kept(recording: Recording) -> None:
    """What gives them may be a generator: the program goes on."""
    with recording.tracer.run("agent", tags=map(str, count())) as run:
        run.add_tags("late")
        with recording.tracer.span("search", "RETRIEVAL") as span:
            span.set_documents(map(str, count()))
    assert len(run.tags) == 64
    assert len(recording.span("search")["output"]["value"]) == 10_000
    assert recording.tracer.stats().errors == {"too_many_documents": 1}
