"""How a returned stream ends: where its cleanup belongs, what counts once, who still holds it."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import pytest

from agenttrace.wrappers import trace_llm, trace_tool

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterator

    from .conftest import Recording


def test_the_cleanup_of_a_forgotten_stream_is_inside_its_span(recording: Recording) -> None:
    """The span ends after what the body does when it is closed, not when it is forgotten."""
    tracer = recording.tracer

    def words() -> Generator[str, None, None]:
        try:
            yield "a"
            yield "b"
        finally:
            with tracer.span("cleanup"):
                pass

    @trace_llm(tracer)
    def call() -> Iterator[str]:
        return words()

    with tracer.run("agent"):
        next(call())
        gc.collect()
    assert [span["name"] for span in recording.spans()] == ["cleanup", "call"]
    assert recording.span("cleanup")["parent_span_id"] == recording.span("call")["span_id"]
    assert recording.span("call")["outcome"] == "closed"


class Chained:
    """A stream whose loop asks the object itself for each item."""

    def __init__(self, items: str) -> None:
        self._items = iter(items)

    def __next__(self) -> str:
        return next(self._items)

    def __iter__(self) -> Iterator[str]:
        while True:
            try:
                yield self.__next__()
            except StopIteration:
                return


class Unheld:
    """A stream that only its own loops hold, as a client's in `for chunk in client.create(…)`."""

    def __init__(self, items: str) -> None:
        self._items = iter(items)

    def __next__(self) -> str:
        return next(self._items)

    def __iter__(self) -> Iterator[str]:
        for item in self._items:  # noqa: UP028 -- a generator that holds the stream until its end
            yield item

    async def __anext__(self) -> str:
        raise NotImplementedError

    async def __aiter__(self) -> AsyncGenerator[str, None]:
        for item in self._items:
            yield item

    def close(self) -> None: ...


def test_a_stream_that_only_its_loop_holds_ends_with_its_last_chunk(recording: Recording) -> None:
    """It is gone as soon as it is used up; that its consumer stopped early it does not say."""
    call = trace_llm(recording.tracer)(Unheld)
    with recording.tracer.run("agent"):
        assert [chunk for chunk in call("ab")] == ["a", "b"]  # noqa: C416 -- list() would hold it
        for _ in call("ab"):
            break
    gc.collect()
    assert [span["outcome"] for span in recording.spans()] == ["ok", "closed"]


def test_so_does_an_asynchronous_one(recording: Recording) -> None:
    """As above."""
    call = trace_llm(recording.tracer)(Unheld)

    async def consume() -> list[str]:
        return [chunk async for chunk in call("ab")]

    with recording.tracer.run("agent"):
        assert asyncio.run(consume()) == ["a", "b"]
    assert recording.span("Unheld")["outcome"] == "ok"


def test_a_chunk_that_passes_two_methods_of_a_stream_is_one(recording: Recording) -> None:
    """What the object's own body asks of itself is not recorded once more."""

    @trace_llm(recording.tracer)
    def call() -> Chained:
        return Chained("ab")

    with recording.tracer.run("agent"):
        assert list(call()) == ["a", "b"]
    assert [event["body"]["value"] for event in recording.events()] == ["a", "b"]
    assert recording.span("call")["outcome"] == "ok"


def test_a_coroutine_that_somebody_keeps_is_not_closed(recording: Recording) -> None:
    """The one in its place is forgotten; the one that was kept can still be awaited."""
    kept: list[Any] = []

    async def work() -> int:
        return 1

    @trace_tool(recording.tracer)
    def call() -> Any:
        kept.append(work())
        return kept[0]

    with recording.tracer.run("agent"):
        coroutine = call()
        coroutine.close()
        del coroutine
        gc.collect()
        with pytest.raises(StopIteration) as stop:
            kept[0].send(None)
        assert stop.value.value == 1
    assert recording.span("call")["outcome"] == "closed"


def test_a_stream_that_ends_in_a_fork_s_child_is_the_parent_s(recording: Recording) -> None:
    """What was open at a fork is left there, not ended twice; see the hub's tests for the fork."""
    tracer = recording.tracer

    @trace_llm(tracer)
    def call() -> Chained:
        return Chained("ab")

    with tracer.run("agent"):
        stream = call()
        next(stream)
        tracer.recorder.generation += 1  # what a fork does in the child
        stream_type = type(stream)
        assert list(stream) == ["b"]
        tracer.recorder.generation -= 1
        assert type(stream) is not stream_type
    assert [span["name"] for span in recording.spans()] == []


def test_a_returned_coroutine_that_nobody_awaits_warns_once(recording: Recording) -> None:
    """As the plain one does; closed by hand it does not, and either way the span ends."""

    async def work() -> None: ...

    @trace_tool(recording.tracer)
    def call() -> Any:
        return work()

    def forget() -> None:
        call()
        gc.collect()

    with recording.tracer.run("agent"):
        call().close()
        with pytest.warns(RuntimeWarning, match="work' was never awaited") as warned:
            forget()
        assert len(warned) == 1
    assert [span["outcome"] for span in recording.spans()] == ["closed", "closed"]


def test_a_coroutine_that_is_cancelled_before_it_begins_is_closed(recording: Recording) -> None:
    """Its body never runs, as the plain one's would not, and it warns no more than that."""

    async def work() -> None:
        raise AssertionError

    @trace_tool(recording.tracer)
    def call() -> Any:
        return work()

    async def main() -> None:
        async with recording.tracer.run("agent"):
            task = asyncio.create_task(call())
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    gc.collect()
    assert recording.span("call")["outcome"] == "closed"


def test_the_text_of_a_model_s_chunks_is_joined(recording: Recording) -> None:
    """Chunks as providers send them, as dicts; what carries no text is passed over."""

    @trace_llm(recording.tracer)
    def call() -> Any:
        yield {"choices": [{"delta": {"role": "assistant"}}]}
        yield {"choices": [{"delta": {"content": "he"}}]}
        yield {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "ll"}}
        yield {"type": "response.output_text.delta", "delta": "o"}
        yield {"type": "message_stop"}
        yield {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}

    with recording.tracer.run("agent"):
        assert len(list(call())) == 6
    span = recording.span("call")
    assert (span["output"]["value"], span["usage"]["completion_tokens"]) == ("hello", 2)
