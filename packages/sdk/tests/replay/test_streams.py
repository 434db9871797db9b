"""R12: streams come back with the same chunks, of the same kind, and end as they did."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing, closing, contextmanager
from typing import TYPE_CHECKING, Any, Self

import pytest

from agenttrace.replay import DivergenceKind
from agenttrace.wrappers import trace_llm, trace_tool

from .kinds_of_values import Hit, Point

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator

    from .conftest import Stage

CHUNKS: list[Any] = [Hit(title="a"), Point(1, 2), (3, "c"), b"d", None]


def play_in_run(stage: Stage, body: Callable[[], object]) -> Callable[[], object]:
    def main() -> object:
        with stage.tracer.run("agent"):
            return body()

    return main


def test_a_generator_gives_the_same_chunks_and_value(stage: Stage) -> None:
    @trace_tool(stage.tracer)
    def stream() -> Generator[Any, None, str]:
        stage.ran.append("stream")
        yield from CHUNKS
        return "done"

    def consume() -> tuple[list[Any], str]:
        got: list[Any] = []
        generator = stream()
        while True:
            try:
                got.append(next(generator))
            except StopIteration as stop:
                return got, stop.value

    main = play_in_run(stage, consume)
    recorded = stage.record(main)
    session, again = stage.replay(recorded, main)
    assert again == (CHUNKS, "done")
    assert [type(chunk) for chunk in again[0]] == [type(chunk) for chunk in CHUNKS]
    assert stage.ran == []
    assert session.report.identical
    assert [(e.seq, e.name) for e in session.run.events] == [
        (e.seq, e.name) for e in recorded.events
    ]


def test_a_stream_of_text_returns_nothing_again(stage: Stage) -> None:
    @trace_llm(stage.tracer, model="m")
    def stream() -> Iterator[str]:
        stage.ran.append("stream")
        yield "a"
        yield "b"

    def consume() -> list[Any]:
        got: list[Any] = []
        generator = stream()
        while True:
            try:
                got.append(next(generator))
            except StopIteration as stop:
                return [*got, stop.value]

    main = play_in_run(stage, consume)
    recorded = stage.record(main)
    session, again = stage.replay(recorded, main)
    assert again == ["a", "b", None]
    (span,) = session.run.spans
    assert span.output is not None
    assert span.output.value == "ab"
    assert session.report.identical


@pytest.mark.parametrize("timing", ["zero", "original", 4.0])
def test_an_async_stream_fails_where_it_did(stage: Stage, timing: str | float) -> None:
    @trace_tool(stage.tracer)
    async def stream() -> AsyncIterator[Any]:
        stage.ran.append("stream")
        for n, chunk in enumerate(CHUNKS):
            await asyncio.sleep(0.02)
            if n == 3:
                raise LookupError("the fourth")
            yield chunk

    async def consume() -> tuple[list[Any], str]:
        got: list[Any] = []
        try:
            async for chunk in stream():
                got.append(chunk)  # noqa: PERF401 -- what came before the error counts
        except LookupError as error:
            return got, str(error)
        raise AssertionError("it did not fail")

    main = play_in_run(stage, lambda: asyncio.run(consume()))
    recorded = stage.record(main)
    began = time.perf_counter()
    session, again = stage.replay(recorded, main, stream_timing=timing)
    took_s = time.perf_counter() - began
    assert again == (CHUNKS[:3], "the fourth")
    assert stage.ran == []
    assert session.report.identical
    if timing == "original":
        (span,) = recorded.spans
        assert span.duration_ns
        assert took_s >= span.duration_ns / 1_000_000_000


def test_chunks_of_streams_of_two_tasks_come_in_the_order_of_the_recording(stage: Stage) -> None:
    @trace_tool(stage.tracer)
    async def stream(name: str, delay_s: float) -> AsyncIterator[str]:
        stage.ran.append(name)
        for n in range(4):
            await asyncio.sleep(delay_s)
            yield f"{name} {n}"

    async def merge() -> list[str]:
        got: list[str] = []

        async def drain(name: str, delay_s: float) -> None:
            async for chunk in stream(name, delay_s):
                got.append(chunk)  # noqa: PERF401 -- two tasks append in turn

        await asyncio.gather(drain("a", 0.013), drain("b", 0.006))
        return got

    main = play_in_run(stage, lambda: asyncio.run(merge()))
    merged: list[Any] = []
    recorded = stage.record(lambda: merged.append(main()))
    for _ in range(20):
        session, again = stage.replay(recorded, main)
        assert [again] == merged
        assert session.report.identical
    assert stage.ran == []


def test_who_stopped_early_stops_early(stage: Stage) -> None:
    @trace_tool(stage.tracer)
    def stream() -> Generator[int, None, None]:
        stage.ran.append("stream")
        yield from range(5)

    @trace_tool(stage.tracer)
    async def stream_async() -> AsyncGenerator[int, None]:
        stage.ran.append("stream_async")
        for n in range(5):
            yield n

    def take(count: int) -> Callable[[], object]:
        async def consume() -> list[int]:
            got = []
            async with aclosing(stream_async()) as chunks:
                async for chunk in chunks:
                    got.append(chunk)
                    if len(got) == count:
                        break
            return got

        def both() -> list[int]:
            with closing(stream()) as chunks:
                got = [chunk for chunk, _ in zip(chunks, range(count), strict=False)]
            return got + asyncio.run(consume())

        return play_in_run(stage, both)

    recorded = stage.record(take(3))
    session, _ = stage.replay(recorded, take(3))
    assert stage.ran == []
    assert session.report.identical
    assert [span.outcome for span in session.run.spans] == ["closed", "closed"]

    session, raised = stage.diverge(recorded, take(5))
    assert raised.divergence.kind is DivergenceKind.STREAM_OVERRUN
    assert stage.ran == []

    whole = stage.record(take(9))
    session, _ = stage.replay(whole, take(3))
    kinds = {each.kind for each in session.report.divergences}
    assert kinds == {DivergenceKind.OUTCOME_CHANGED}


class Answer:
    """A stream object such as clients of models return."""

    def __init__(self, chunks: list[Any], *, connection: object) -> None:
        self._chunks = iter(chunks)
        self.connection = connection

    def __iter__(self) -> Answer:
        return self

    def __next__(self) -> Any:
        return next(self._chunks)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        return


class AsyncAnswer:
    """The same, asynchronous."""

    def __init__(self, chunks: list[Any]) -> None:
        self._chunks = iter(chunks)

    def __aiter__(self) -> AsyncAnswer:
        return self

    async def __anext__(self) -> Any:
        for chunk in self._chunks:
            return chunk
        raise StopAsyncIteration

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        return


class AnswerStreamManager:
    """What gives a stream to its block."""

    def __enter__(self) -> Answer:
        return Answer(CHUNKS, connection=None)

    def __exit__(self, *_: object) -> None:
        return


def _returned(stage: Stage) -> list[Any]:
    @trace_tool(stage.tracer)
    def call() -> Any:
        stage.ran.append("call")
        return Answer(CHUNKS, connection=object())

    answer = call()
    assert isinstance(answer, Answer)
    with answer as stream:
        got = list(stream)
    answer.close()
    return got


def _returned_async(stage: Stage) -> list[Any]:
    @trace_tool(stage.tracer)
    async def call() -> Any:
        stage.ran.append("call")
        return AsyncAnswer(CHUNKS)

    async def consume() -> list[Any]:
        answer = await call()
        assert isinstance(answer, AsyncAnswer)
        async with answer as stream:
            got = [chunk async for chunk in stream]
        await answer.close()
        return got

    return asyncio.run(consume())


def _managed(stage: Stage) -> list[Any]:
    @trace_tool(stage.tracer)
    def call() -> Any:
        stage.ran.append("call")
        return AnswerStreamManager()

    with call() as stream:
        assert isinstance(stream, Answer)
        return list(stream)


def _value_for_a_block(stage: Stage) -> list[Any]:
    @trace_tool(stage.tracer)
    @contextmanager
    def call() -> Iterator[Hit]:
        stage.ran.append("call")
        yield Hit(title="inside")

    with call() as value:
        return [value]


def _generator_returned(stage: Stage) -> list[Any]:
    @trace_tool(stage.tracer)
    def call() -> Any:
        stage.ran.append("call")
        return (chunk for chunk in CHUNKS)

    return list(call())


def _async_generator_returned(stage: Stage) -> list[Any]:
    async def chunks() -> AsyncIterator[Any]:
        for chunk in CHUNKS:
            yield chunk

    @trace_tool(stage.tracer)
    async def call() -> Any:
        stage.ran.append("call")
        return chunks()

    async def consume() -> list[Any]:
        return [chunk async for chunk in await call()]

    return asyncio.run(consume())


def _coroutine_returned(stage: Stage) -> list[Any]:
    async def answer() -> Point:
        await asyncio.sleep(0)
        return Point(1, 2)

    @trace_tool(stage.tracer)
    def call() -> Any:
        stage.ran.append("call")
        return answer()

    async def consume() -> list[Any]:
        return [await call()]

    return asyncio.run(consume())


def _task_returned(stage: Stage) -> list[Any]:
    async def answer() -> Point:
        await asyncio.sleep(0)
        return Point(1, 2)

    @trace_tool(stage.tracer)
    def call() -> Any:
        stage.ran.append("call")
        return asyncio.ensure_future(answer())

    async def consume() -> list[Any]:
        return [await call()]

    return asyncio.run(consume())


@pytest.mark.parametrize(
    "body",
    [
        _returned,
        _returned_async,
        _managed,
        _value_for_a_block,
        _generator_returned,
        _async_generator_returned,
        _coroutine_returned,
        _task_returned,
    ],
)
def test_an_object_that_streams_comes_back_as_one_of_its_class(
    stage: Stage, body: Callable[[Stage], list[Any]]
) -> None:
    main = play_in_run(stage, lambda: body(stage))
    answers: list[object] = []
    recorded = stage.record(lambda: answers.append(main()))
    session, again = stage.replay(recorded, main)
    assert [again] == answers
    assert stage.ran == []
    assert session.report.identical
    (before,) = recorded.spans
    (after,) = session.run.spans
    keys = ("agenttrace.stream.kind", "agenttrace.stream.chunks")
    assert [(after.attributes or {}).get(key) for key in keys] == [
        (before.attributes or {}).get(key) for key in keys
    ]
    assert len(session.run.events) == len(recorded.events)


def test_a_function_that_streams_no_more_is_told(stage: Stage) -> None:
    @trace_tool(stage.tracer, name="call")
    def stream() -> Iterator[int]:
        yield 1

    @trace_tool(stage.tracer, name="call")
    def plain() -> list[int]:
        stage.ran.append("plain")
        return [1]

    before = play_in_run(stage, lambda: list(stream()))
    after = play_in_run(stage, lambda: list(plain()))
    for recorded, live in ((stage.record(before), after), (stage.record(after), before)):
        _, raised = stage.diverge(recorded, live)
        assert raised.divergence.kind is DivergenceKind.UNAVAILABLE
    assert stage.ran == []
