"""Generators and async generators: a span over the iteration, an event for each chunk."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest

from agenttrace.wrappers import trace_llm, trace_tool

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
    assert span["attributes"] == {"agenttrace.stream.chunks": 2}
    assert [(e["name"], e["seq"], e["body"]["value"]) for e in recording.events()] == [
        ("chunk", 1, "he"),
        ("chunk", 2, "llo"),
    ]
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

    async def work() -> list[int]:
        got = []
        async with recording.tracer.run("agent"):
            with pytest.raises(ValueError, match="broken") as caught:
                async for item in stream():
                    got.append(item)  # noqa: PERF401 -- a comprehension would lose what came
            assert caught.value is error
        return got

    assert asyncio.run(work()) == [1]
    span = recording.span("stream")
    assert (span["status"], span["attributes"]) == ("ERROR", {"agenttrace.stream.chunks": 1})


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


def test_without_output_capture_chunks_have_no_body(recording: Recording) -> None:
    """That something was yielded is on record, what it was is not."""

    @trace_tool(recording.tracer, capture_output=False)
    def stream() -> Generator[str, None, None]:
        yield "secret"

    with recording.tracer.run("agent"):
        list(stream())
    assert ["body" in e for e in recording.events()] == [False]
    assert "output" not in recording.span("stream")
