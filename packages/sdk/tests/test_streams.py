"""Generators and async generators: a span over the iteration, an event for each chunk."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace.testing import STEP_NS
from agenttrace.wrappers import trace_llm, trace_tool

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from .conftest import Recording


def test_a_generator_is_one_span_and_its_chunks_are_events(recording: Recording) -> None:
    """Each chunk is on record as it was when it was yielded; a text stream is joined."""

    @trace_llm(recording.tracer, model="m")
    def stream(prompt: str) -> Generator[str, None, None]:
        yield "he"
        yield "llo"

    with recording.tracer.run("agent"):
        assert list(stream("p")) == ["he", "llo"]
    span = recording.span("stream")
    assert (span["outcome"], span["output"]["value"]) == ("ok", "hello")
    assert span["attributes"] == {
        "agenttrace.stream.chunks": 2,
        "gen_ai.response.time_to_first_chunk": 0.001,
    }
    assert [
        (e["name"], e["seq"], e["body"]["value"], e["offset_ns"]) for e in recording.events()
    ] == [("chunk", 1, "he", STEP_NS), ("chunk", 2, "llo", 2 * STEP_NS)]
    assert {e["span_id"] for e in recording.events()} == {span["span_id"]}


def test_a_consumer_that_stops_early_closes_the_span(recording: Recording) -> None:
    """Outcome `closed`, status COMPLETED, and the body's own cleanup runs."""
    cleaned: list[str] = []

    @trace_tool(recording.tracer)
    def stream() -> Generator[int, None, None]:
        try:
            yield 1
            yield 2
        finally:
            cleaned.append("sync")

    with recording.tracer.run("agent"):
        for _ in stream():
            break
        gc.collect()
    span = recording.span("stream")
    assert (span["status"], span["outcome"], cleaned) == ("COMPLETED", "closed", ["sync"])
    assert "error" not in span


def test_cleanup_after_an_early_end_is_inside_the_span(recording: Recording) -> None:
    """What the body does when it is closed belongs to it, and ends before it."""
    tracer = recording.tracer

    @trace_tool(tracer)
    def stream() -> Generator[int, None, None]:
        try:
            yield 1
        finally:
            with tracer.span("cleanup"):
                pass

    with tracer.run("agent"):
        iterator = stream()
        next(iterator)
        iterator.close()
    assert [span["name"] for span in recording.spans()] == ["cleanup", "stream"]
    assert recording.span("cleanup")["parent_span_id"] == recording.span("stream")["span_id"]


def test_an_error_in_cleanup_comes_out(recording: Recording) -> None:
    """Closing a generator whose body fails raises what the plain one would raise."""
    error = ValueError("cleanup")

    @trace_tool(recording.tracer)
    def stream() -> Generator[int, None, None]:
        try:
            yield 1
        finally:
            raise error

    with recording.tracer.run("agent"):
        iterator = stream()
        next(iterator)
        with pytest.raises(ValueError, match="cleanup") as caught:
            iterator.close()
    assert caught.value is error
    assert recording.span("stream")["status"] == "ERROR"


def test_an_async_consumer_that_stops_early_closes_the_span(recording: Recording) -> None:
    """`aclose` reaches the body, which may still await."""
    cleaned: list[str] = []

    @trace_tool(recording.tracer)
    async def stream() -> AsyncGenerator[int, None]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            cleaned.append("async")

    async def work() -> None:
        async with recording.tracer.run("agent"):
            iterator = stream()
            assert await anext(iterator) == 1
            await iterator.aclose()

    asyncio.run(work())
    span = recording.span("stream")
    assert (span["status"], span["outcome"], cleaned) == ("COMPLETED", "closed", ["async"])


def test_an_error_in_a_stream_comes_at_its_place(recording: Recording) -> None:
    """The chunks before it are on record, and the consumer gets the same object."""
    error = ValueError("broken")

    @trace_tool(recording.tracer)
    async def stream() -> AsyncGenerator[int, None]:
        yield 1
        raise error

    got: list[int] = []

    async def consume() -> None:
        async for item in stream():
            got.append(item)  # noqa: PERF401 -- a comprehension would lose what came

    async def work() -> None:
        async with recording.tracer.run("agent"):
            with pytest.raises(ValueError, match="broken") as caught:
                await consume()
            assert caught.value is error

    asyncio.run(work())
    assert got == [1]
    span = recording.span("stream")
    assert (span["status"], span["attributes"]["agenttrace.stream.chunks"]) == ("ERROR", 1)


def talk() -> Generator[Any, Any, str]:
    """Answer what it is sent, turn ValueError into a chunk, and return a word."""
    got = yield "start"
    while got != "stop":
        try:
            got = yield ("got", got)
        except ValueError as error:
            got = yield ("caught", str(error))
    return "end"


def drive(generator: Generator[Any, Any, str]) -> list[Any]:
    """Send, throw and finish, and return all that came back."""
    seen = [next(generator), generator.send(1), generator.throw(ValueError("v"))]
    with pytest.raises(StopIteration) as stop:
        generator.send("stop")
    return [*seen, stop.value.value]


def test_send_throw_and_return_go_through(recording: Recording) -> None:
    """A wrapped generator answers as the plain one does; what it returned is its output."""
    wrapped = trace_tool(recording.tracer)(talk)
    with recording.tracer.run("agent"):
        assert drive(wrapped()) == drive(talk()) == ["start", ("got", 1), ("caught", "v"), "end"]
    assert recording.span("talk")["output"]["value"] == "end"


def test_asend_and_athrow_go_through(recording: Recording) -> None:
    """The same for an async generator."""

    async def talk_async() -> AsyncGenerator[Any, Any]:
        got = yield "start"
        try:
            got = yield ("got", got)
        except ValueError as error:
            yield ("caught", str(error))

    async def drive_async(generator: AsyncGenerator[Any, Any]) -> list[Any]:
        seen = [await anext(generator), await generator.asend(1)]
        seen.append(await generator.athrow(ValueError("v")))
        with pytest.raises(StopAsyncIteration):
            await anext(generator)
        return seen

    async def work() -> None:
        wrapped = trace_tool(recording.tracer)(talk_async)
        async with recording.tracer.run("agent"):
            expected = ["start", ("got", 1), ("caught", "v")]
            assert await drive_async(wrapped()) == await drive_async(talk_async()) == expected

    asyncio.run(work())


def test_the_consumer_is_not_inside_the_span(recording: Recording) -> None:
    """The span is current while the body runs, not while the consumer works on a chunk."""
    tracer = recording.tracer

    @trace_tool(tracer)
    def stream() -> Generator[int, None, None]:
        with tracer.span("body"):
            pass
        yield 1
        with tracer.span("body"):
            pass

    with tracer.run("agent"):
        for _ in stream():
            assert tracer.current_span() is None
            with tracer.span("consumer"):
                pass
    parent = recording.span("stream")["span_id"]
    by_name = {s["name"]: s.get("parent_span_id") for s in recording.spans()}
    assert by_name == {"body": parent, "consumer": None, "stream": None}


def test_a_stream_that_moves_between_contexts_ends_cleanly(recording: Recording) -> None:
    """Frameworks resume generators in other contexts than they began in."""
    tracer = recording.tracer

    @trace_tool(tracer)
    def stream() -> Generator[int, None, None]:
        yield 1
        yield 2

    with tracer.run("agent"):
        iterator = stream()
        assert [contextvars.copy_context().run(next, iterator) for _ in range(2)] == [1, 2]
        assert tracer.current_span() is None
        with pytest.raises(StopIteration):
            next(iterator)
    assert recording.span("stream")["outcome"] == "ok"
    assert recording.tracer.stats().errors == {}


def test_a_step_that_is_resumed_in_another_context_ends_cleanly(recording: Recording) -> None:
    """Some frameworks drive one coroutine from several contexts."""

    class Pause:
        def __await__(self) -> Generator[None, None, None]:
            yield

    @trace_tool(recording.tracer)
    async def stream() -> AsyncGenerator[int, None]:
        await Pause()
        yield 1

    @trace_tool(recording.tracer)
    async def call() -> int:
        await Pause()
        return 2

    for coroutine, result in ((anext(stream()), 1), (call(), 2)):
        step = coroutine.__await__() if result == 1 else coroutine
        contextvars.copy_context().run(step.send, None)
        with pytest.raises(StopIteration) as stop:
            contextvars.copy_context().run(step.send, None)
        assert stop.value.value == result
    assert recording.span("call")["status"] == "COMPLETED"
    assert recording.tracer.stats().errors == {}


def test_chunks_that_are_no_text_are_not_joined(recording: Recording) -> None:
    """They are in the events; the span has no output of its own."""

    @trace_tool(recording.tracer)
    def stream() -> Generator[int, None, None]:
        yield 1

    with recording.tracer.run("agent"):
        list(stream())
    assert "output" not in recording.span("stream")
    assert [e["body"]["value"] for e in recording.events()] == [1]


def test_usage_is_read_from_the_chunk_that_has_it(recording: Recording) -> None:
    """Providers report usage in a stream's last chunk."""

    @trace_llm(recording.tracer)
    def stream() -> Generator[dict[str, Any], None, None]:
        yield {"model": "m-1", "text": "a"}
        yield {"model": "m-1", "usage": {"prompt_tokens": 3, "completion_tokens": 2}}

    with recording.tracer.run("agent"):
        list(stream())
    span = recording.span("stream")
    assert span["model"] == "m-1"
    assert span["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "source": "reported"}


def test_the_last_usage_that_a_stream_reports_holds(recording: Recording) -> None:
    """Providers count up from chunk to chunk, and need not repeat every field."""

    @trace_llm(recording.tracer)
    def stream() -> Generator[dict[str, Any], None, None]:
        yield {"usage": {"input_tokens": 10, "output_tokens": 1}}
        yield {"usage": {"input_tokens": 10, "output_tokens": 2}}
        yield {"text": "no usage here"}
        yield {"usage": {"output_tokens": 3}}

    @trace_llm(recording.tracer)
    def given() -> Generator[dict[str, Any], None, None]:
        span = recording.tracer.current_span()
        assert span is not None
        yield {"usage": {"input_tokens": 10, "output_tokens": 1}}
        span.set_usage(prompt_tokens=7)
        yield {"usage": {"input_tokens": 10, "output_tokens": 2}}

    with recording.tracer.run("agent"):
        list(stream())
        list(given())
    assert [span["usage"] for span in recording.spans()] == [
        {"prompt_tokens": 10, "completion_tokens": 3, "source": "reported"},
        {"prompt_tokens": 7, "source": "reported"},
    ]


def test_without_output_capture_chunks_have_no_body(recording: Recording) -> None:
    """That something was yielded is on record, what it was is not."""

    @trace_tool(recording.tracer, capture_output=False)
    def stream() -> Generator[str, None, None]:
        yield "secret"

    with recording.tracer.run("agent"):
        list(stream())
    assert ["body" in e for e in recording.events()] == [False]
    assert "output" not in recording.span("stream")


def test_a_stream_outside_a_run_leaves_its_consumer_outside(recording: Recording) -> None:
    """What the consumer does between chunks is not the stream's, whose run ends with the stream."""
    tracer = recording.tracer

    @trace_llm(tracer)
    def stream() -> Generator[str, None, None]:
        with tracer.span("body"):
            yield from "ab"

    @trace_tool(tracer)
    def tool(chunk: str) -> str:
        assert tracer.current_run() is not None
        return chunk.upper()

    for chunk in stream():
        assert tracer.current_run() is None
        tool(chunk)
    assert tracer.current_run() is None
    runs = [(r["name"], r["status"], r["output"]["value"]) for r in recording.runs()]
    assert runs == [
        ("tool", "COMPLETED", "A"),
        ("tool", "COMPLETED", "B"),
        ("stream", "COMPLETED", "ab"),
    ]
    assert len({span["run_id"] for span in recording.spans()}) == 3
    body, parent = recording.span("body"), recording.span("stream")
    assert (body["run_id"], body["parent_span_id"]) == (parent["run_id"], parent["span_id"])
    assert {span["lane"] for span in recording.spans()} == {0}
    assert tracer.stats().errors == {}


def test_a_stream_opened_outside_and_consumed_inside_a_run_keeps_both_apart(
    recording: Recording,
) -> None:
    """The consumer's spans stay in its run and lane, those of the body in the stream's."""
    tracer = recording.tracer

    @trace_tool(tracer)
    def stream() -> Generator[int, None, None]:
        for item in (1, 2):
            with tracer.span("body"):
                pass
            yield item

    iterator = stream()
    assert next(iterator) == 1
    with tracer.run("agent") as run:
        assert next(iterator) == 2
        with tracer.span("own"):
            assert tracer.current_run() is run
    iterator.close()
    own, outer = recording.span("own"), recording.span("stream")
    bodies = [s for s in recording.spans() if s["name"] == "body"]
    assert (own["run_id"], own["lane"], "parent_span_id" in own) == (run.run_id, 0, False)
    assert [(s["run_id"], s["lane"]) for s in bodies] == [(outer["run_id"], 0)] * 2
    assert [(r["name"], r["status"]) for r in recording.runs()] == [
        ("agent", "COMPLETED"),
        ("stream", "COMPLETED"),
    ]


def test_a_stream_that_is_abandoned_outside_a_run_leaves_nothing_behind(
    recording: Recording,
) -> None:
    """While it is open its consumer is in no run; when it is dropped, its run ends as closed."""

    @trace_tool(recording.tracer)
    def stream() -> Generator[int, None, None]:
        yield 1
        yield 2

    iterator = stream()
    next(iterator)
    assert recording.tracer.current_run() is None
    assert recording.runs() == []
    del iterator
    gc.collect()
    assert recording.span("stream")["outcome"] == "closed"
    assert [run["status"] for run in recording.runs()] == ["COMPLETED"]
    assert recording.tracer.current_run() is None
    assert recording.tracer.stats().errors == {}


def test_interleaved_streams_outside_a_run_are_a_run_each(recording: Recording) -> None:
    """Neither ends the other's run, nor is it the other's child."""

    @trace_tool(recording.tracer)
    def stream(word: str) -> Generator[str, None, None]:
        yield from word

    pairs = list(zip(stream("ab"), stream("cde"), strict=False))
    gc.collect()
    assert pairs == [("a", "c"), ("b", "d")]
    assert recording.tracer.current_run() is None
    check_apart(recording)


def test_interleaved_async_streams_outside_a_run_are_a_run_each(recording: Recording) -> None:
    """The same for async generators, in one task."""

    @trace_tool(recording.tracer)
    async def stream(word: str) -> AsyncGenerator[str, None]:
        for char in word:
            await asyncio.sleep(0)
            yield char

    async def work() -> None:
        first, second = stream("ab"), stream("cde")
        seen = [await anext(each) for each in (first, second, first, second)]
        assert seen == ["a", "c", "b", "d"]
        assert recording.tracer.current_run() is None
        await first.aclose()
        await second.aclose()
        assert recording.tracer.current_run() is None

    asyncio.run(work())
    check_apart(recording)


def check_apart(recording: Recording) -> None:
    """Check that two streams of different words were recorded as two runs of one span each."""
    spans, runs = recording.spans(), recording.runs()
    assert [span["run_id"] for span in spans] == [run["run_id"] for run in runs]
    assert len({run["run_id"] for run in runs}) == 2
    assert not any("parent_span_id" in span for span in spans)
    assert [run["status"] for run in runs] == ["COMPLETED", "COMPLETED"]
    assert recording.tracer.stats().errors == {}
