"""Functions that return a stream: recorded until it ends, whoever consumes it and wherever."""

from __future__ import annotations

import asyncio
import gc
import inspect
import io
import threading
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import pydantic
import pytest

from agenttrace.wrappers import trace_llm, trace_tool

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterator

    from .conftest import Recording

T = TypeVar("T")


class Words(Generic[T]):
    """A stream as providers' SDKs make them: `__iter__` and `__next__` over one iterator."""

    def __init__(self, *items: T, error: BaseException | None = None) -> None:
        self.closed = 0
        self._error = error
        self._iterator = self._make(items)

    def _make(self, items: tuple[T, ...]) -> Iterator[T]:
        yield from items
        if self._error is not None:
            raise self._error

    def __next__(self) -> T:
        return next(self._iterator)

    def __iter__(self) -> Iterator[T]:
        for item in self._iterator:  # noqa: UP028 -- to delegate would close it with the loop
            yield item

    def __enter__(self) -> Words[T]:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self.closed += 1


class AsyncWords:
    """The same, asynchronous."""

    def __init__(self, *items: str) -> None:
        self._iterator = self._make(items)

    async def _make(self, items: tuple[str, ...]) -> AsyncGenerator[str, None]:
        for item in items:
            await asyncio.sleep(0)
            yield item

    async def __anext__(self) -> str:
        return await anext(self._iterator)

    async def __aiter__(self) -> AsyncGenerator[str, None]:
        async for item in self._iterator:
            yield item

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        await asyncio.sleep(0)


class WordStreamManager:
    """What is entered to get a stream."""

    def __init__(self, *items: str) -> None:
        self._words = Words(*items)

    def __enter__(self) -> Words[str]:
        return self._words

    def __exit__(self, *exc: object) -> None:
        self._words.close()


def describe(recording: Recording, name: str = "call") -> tuple[Any, ...]:
    """Return outcome, output, number of chunks, and the chunks of the only span of this name."""
    span = recording.span(name)
    chunks = [e["body"]["value"] for e in recording.events() if e["span_id"] == span["span_id"]]
    output = span.get("output", {}).get("value")
    return span["outcome"], output, span["attributes"]["agenttrace.stream.chunks"], chunks


def test_a_returned_generator_is_recorded_to_its_end(recording: Recording) -> None:
    """It is of the same kind and name, its body is inside the span, its consumer is not."""
    tracer = recording.tracer

    def words() -> Generator[Any, Any, Any]:
        with tracer.span("body"):
            got = yield "a"
        yield got
        return "end"

    @trace_tool(tracer)
    def call() -> Generator[Any, Any, Any]:
        return words()

    with tracer.run("agent"):
        generator = call()
        assert inspect.isgenerator(generator)
        assert generator.__qualname__ == words.__qualname__
        assert next(generator) == "a"
        assert tracer.current_span() is None
        assert generator.send("b") == "b"  # type: ignore[arg-type]  # what isgenerator() makes of it
        with pytest.raises(StopIteration) as stop:
            next(generator)
        assert stop.value.value == "end"
    assert describe(recording) == ("ok", "end", 2, ["a", "b"])
    assert recording.span("body")["parent_span_id"] == recording.span("call")["span_id"]
    assert recording.tracer.stats().errors == {}


def test_a_generator_that_has_begun_goes_on(recording: Recording) -> None:
    """What was taken from it before is no chunk; it may be sent to at once."""

    def echo() -> Generator[Any, Any, None]:
        got = yield 1
        while True:
            got = yield got

    @trace_tool(recording.tracer)
    def call() -> Generator[Any, Any, None]:
        generator = echo()
        next(generator)
        return generator

    with recording.tracer.run("agent"):
        generator = call()
        assert generator.send("x") == "x"
        generator.close()
    assert describe(recording) == ("closed", "x", 1, ["x"])


def test_a_generator_that_is_over_is_no_stream(recording: Recording) -> None:
    """There is nothing left of it to record."""

    def empty() -> Generator[None, None, None]:
        yield from ()

    @trace_tool(recording.tracer)
    def call() -> Generator[None, None, None]:
        generator = empty()
        assert list(generator) == []
        return generator

    with recording.tracer.run("agent"):
        assert list(call()) == []
    assert "attributes" not in recording.span("call")


def test_a_returned_stream_keeps_its_identity(recording: Recording) -> None:
    """The very object comes back, is what it was to isinstance, and is of its own class at last."""
    words = Words("he", "llo")

    @trace_llm(recording.tracer)
    def call() -> Words[str]:
        return words

    with recording.tracer.run("agent"):
        stream = call()
        assert stream is words
        assert isinstance(stream, Words)
        assert stream.__class__ is Words
        assert list(stream) == ["he", "llo"]
        assert type(stream) is Words
    assert describe(recording) == ("ok", "hello", 2, ["he", "llo"])
    assert vars(words).keys() == {"closed", "_error", "_iterator"}


def test_a_stream_may_be_taken_in_pieces(recording: Recording) -> None:
    """A loop that is left is not the end of an object that can be asked again."""

    @trace_llm(recording.tracer)
    def call() -> Words[str]:
        return Words("a", "b", "c")

    with recording.tracer.run("agent"):
        stream = call()
        assert next(stream) == "a"
        for item in stream:
            assert item == "b"
            break
        assert list(stream) == ["c"]
    assert describe(recording) == ("ok", "abc", 3, ["a", "b", "c"])


@pytest.mark.parametrize("end", ["close", "with", "drop"])
def test_a_consumer_that_stops_early_closes_the_stream(recording: Recording, end: str) -> None:
    """By hand, by its block, or by forgetting it: once each, with what had come by then."""

    @trace_llm(recording.tracer)
    def call() -> Words[str]:
        return Words("a", "b")

    def consume() -> None:
        stream = call()
        if end == "with":
            with stream:
                next(stream)
            assert stream.closed == 1
            return
        next(stream)
        if end == "close":
            stream.close()
            stream.close()
            assert stream.closed == 2

    with recording.tracer.run("agent"):
        consume()
        gc.collect()
    assert describe(recording) == ("closed", "a", 1, ["a"])
    assert recording.tracer.stats().errors == {}


def test_an_error_comes_at_its_place(recording: Recording) -> None:
    """The chunks before it are on record; the consumer gets the same object."""
    error = ValueError("broken")

    @trace_llm(recording.tracer)
    def call() -> Words[str]:
        return Words("a", error=error)

    with recording.tracer.run("agent"):
        stream = call()
        with pytest.raises(ValueError, match="broken") as caught:
            list(stream)
        assert caught.value is error
        assert type(stream) is Words
    assert describe(recording) == ("error", None, 1, ["a"])
    assert recording.span("call")["error"]["message"] == "broken"


@pytest.mark.parametrize("kind", ["generator", "async generator", "object", "manager"])
def test_a_stream_that_is_never_iterated_ends_as_closed(recording: Recording, kind: str) -> None:
    """When it is gone, its span ends, once."""

    async def async_words() -> AsyncGenerator[str, None]:
        yield "a"

    makers: dict[str, Callable[[], Any]] = {
        "generator": lambda: (word for word in "ab"),
        "async generator": async_words,
        "object": lambda: Words("a"),
        "manager": lambda: WordStreamManager("a"),
    }

    @trace_llm(recording.tracer)
    def call() -> Any:
        return makers[kind]()

    with recording.tracer.run("agent"):
        call()
        gc.collect()
    assert describe(recording) == ("closed", None, 0, [])


def test_the_manager_of_a_stream_is_one_span_with_it(recording: Recording) -> None:
    """What entering it gives is recorded; leaving the block early closes it."""

    @trace_llm(recording.tracer)
    def call() -> WordStreamManager:
        return WordStreamManager("a", "b", "c")

    with recording.tracer.run("agent"):
        with call() as stream:
            assert isinstance(stream, Words)
            assert [next(stream), next(stream)] == ["a", "b"]
        assert type(stream) is Words
        gc.collect()
    assert describe(recording) == ("closed", "ab", 2, ["a", "b"])


def test_a_context_manager_s_value_is_the_output(recording: Recording) -> None:
    """A function of contextlib's is recorded until its block is left, by an error too."""
    tracer = recording.tracer

    @trace_tool(tracer)
    @contextmanager
    def call(name: str) -> Iterator[str]:
        with tracer.span(f"inside {name}"):
            pass
        yield name

    with tracer.run("agent"):
        with call("a") as name:
            assert (name, tracer.current_span()) == ("a", None)
        with pytest.raises(ValueError, match="mine"), call("b"):
            raise ValueError("mine")
    first, second = (s for s in recording.spans() if s["name"] == "call")
    assert (first["outcome"], first["output"]["value"]) == ("ok", "a")
    kinds = ["contextlib:_GeneratorContextManager", "value"]
    assert first["attributes"] == {"agenttrace.stream.kind": kinds}  # and no chunks
    assert (second["outcome"], second["error"]["message"]) == ("error", "mine")
    assert recording.span("inside a")["parent_span_id"] == first["span_id"]


def test_an_async_context_manager_may_hold_a_stream(recording: Recording) -> None:
    """The same, asynchronous; the generator that it gives is recorded in its span."""

    @trace_llm(recording.tracer)
    @asynccontextmanager
    async def call() -> AsyncGenerator[Any, None]:
        async def words() -> AsyncGenerator[str, None]:
            yield "a"
            yield "b"

        yield words()

    async def work() -> None:
        async with recording.tracer.run("agent"), call() as stream:
            assert inspect.isasyncgen(stream)
            assert [word async for word in stream] == ["a", "b"]

    asyncio.run(work())
    assert describe(recording) == ("ok", "ab", 2, ["a", "b"])


@pytest.mark.parametrize("in_task", [False, True])
def test_a_returned_coroutine_is_recorded_while_it_is_awaited(
    recording: Recording, in_task: bool
) -> None:
    """Also in a task of its own; what it returns may be a stream again."""
    tracer = recording.tracer

    async def ask(prompt: str) -> AsyncWords:
        async with tracer.span("inside"):
            await asyncio.sleep(0)
        return AsyncWords(*prompt)

    @trace_llm(tracer)
    def call(prompt: str) -> Any:
        return ask(prompt)

    async def work() -> None:
        async with tracer.run("agent"):
            coroutine = call("ab")
            assert inspect.iscoroutine(coroutine)
            assert coroutine.__qualname__ == ask.__qualname__
            stream = await (asyncio.create_task(coroutine) if in_task else coroutine)
            assert isinstance(stream, AsyncWords)
            assert [item async for item in stream] == ["a", "b"]

    asyncio.run(work())
    assert describe(recording) == ("ok", "ab", 2, ["a", "b"])
    assert recording.span("inside")["parent_span_id"] == recording.span("call")["span_id"]


def test_a_coroutine_function_may_return_a_stream(recording: Recording) -> None:
    """As a provider's asynchronous client does."""

    @trace_llm(recording.tracer)
    async def call() -> AsyncWords:
        return AsyncWords("a", "b")

    async def work() -> None:
        async with recording.tracer.run("agent"), await call() as stream:
            assert await anext(stream) == "a"

    asyncio.run(work())
    assert describe(recording) == ("closed", "a", 1, ["a"])


def test_a_future_tells_when_it_is_done(recording: Recording) -> None:
    """The very future comes back; its result, error or cancellation ends the span."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in range(3)]
        given = iter(futures)

        @trace_tool(recording.tracer)
        def call() -> Any:
            return next(given)

        async with recording.tracer.run("agent"):
            assert [call() is future for future in futures] == [True] * 3
            futures[0].set_result("done")
            futures[1].set_exception(ValueError("no"))
            futures[2].cancel()
            await asyncio.wait(futures)
            with pytest.raises(ValueError, match="no"):
                await futures[1]

    asyncio.run(main())
    spans = recording.spans()
    assert [s["outcome"] for s in spans] == ["ok", "error", "cancelled"]
    assert spans[0]["output"]["value"] == "done"


def test_a_stream_may_be_closed_from_another_task(recording: Recording) -> None:
    """Aclose from elsewhere ends the span, once."""

    async def words() -> AsyncGenerator[str, None]:
        yield "a"
        yield "b"

    @trace_llm(recording.tracer)
    def call() -> AsyncGenerator[str, None]:
        return words()

    async def main() -> None:
        async with recording.tracer.run("agent"):
            stream = call()
            assert await anext(stream) == "a"
            await asyncio.create_task(stream.aclose())

    asyncio.run(main())
    assert describe(recording) == ("closed", "a", 1, ["a"])
    assert recording.tracer.stats().errors == {}


class Model(pydantic.BaseModel):
    """A model may be iterated over, and is none the less a value."""

    a: int = 1


class Box:
    """A container."""

    def __iter__(self) -> Iterator[int]:
        return iter((1, 2))

    def __len__(self) -> int:
        return 2


class Sequence:
    """A container that is its own iterator."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> int:
        raise StopIteration

    def __len__(self) -> int:
        return 0


class Tape(io.RawIOBase):
    """A file whose class is the program's."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        raise StopIteration


class Session:
    """Something to be entered that is no stream."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None: ...


class Registry:
    """A class that is told of its subclasses."""

    seen: tuple[type, ...] = ()

    def __init_subclass__(cls) -> None:
        Registry.seen += (cls,)


class Listed(Registry):
    """An iterator whose class cannot be extended unnoticed."""

    def __iter__(self) -> Listed:
        return self

    def __next__(self) -> int:
        raise StopIteration


class Slotted:
    """An iterator without room for a weak reference."""

    __slots__ = ()

    def __iter__(self) -> Slotted:
        return self

    def __next__(self) -> int:
        raise StopIteration


@pytest.mark.parametrize(
    "make",
    [
        Model,
        Box,
        Sequence,
        Tape,
        Session,
        Listed,
        Slotted,
        threading.Lock,
        io.StringIO,
        lambda: map(int, "12"),
        lambda: iter([1]),
        lambda: io.BufferedReader(io.BytesIO(b"x")),
    ],
    ids=lambda make: getattr(make, "__name__", "value"),
)
def test_what_only_looks_like_a_stream_is_a_value(
    recording: Recording, make: Callable[[], Any]
) -> None:
    """The call ends when it returns, and nothing about the object changes."""
    value = make()
    kind = type(value)

    @trace_tool(recording.tracer)
    def call() -> Any:
        return value

    with recording.tracer.run("agent"):
        assert call() is value
        assert recording.span("call")["status"] == "COMPLETED"
    assert type(value) is kind
    assert Registry.seen == (Listed,)


def test_streams_can_be_asked_for_and_refused(recording: Recording) -> None:
    """`stream=True` takes any iterator for one, `stream=False` none."""

    @trace_llm(recording.tracer, stream=True)
    def asked() -> Iterator[str]:
        return map(str, (1, 2))

    @trace_llm(recording.tracer, stream=False)
    def refused() -> Words[str]:
        return Words("a")

    with recording.tracer.run("agent"):
        assert list(asked()) == ["1", "2"]
        assert list(refused()) == ["a"]
    assert describe(recording, "asked") == ("ok", "12", 2, ["1", "2"])
    assert "attributes" not in recording.span("refused")


def test_each_of_two_wrappers_records_the_stream(recording: Recording) -> None:
    """An agent that hands on a model's stream lasts as long as that, and is its parent."""

    @trace_llm(recording.tracer)
    def inner() -> Words[str]:
        return Words("a", "b")

    @trace_tool(recording.tracer)
    def outer() -> Words[str]:
        return inner()

    with recording.tracer.run("agent"):
        stream = outer()
        assert list(stream) == ["a", "b"]
        assert type(stream) is Words
    assert describe(recording, "inner") == ("ok", "ab", 2, ["a", "b"])
    assert describe(recording, "outer") == ("ok", "ab", 2, ["a", "b"])
    assert recording.span("inner")["parent_span_id"] == recording.span("outer")["span_id"]


def test_a_stream_returned_outside_a_run_has_a_run_of_its_own(recording: Recording) -> None:
    """Its consumer is outside, and the run ends with the stream."""

    @trace_llm(recording.tracer)
    def call() -> Words[str]:
        return Words("a")

    stream = call()
    assert recording.tracer.current_run() is None
    assert recording.runs() == []
    assert list(stream) == ["a"]
    (run,) = recording.runs()
    assert (run["status"], run["output"]["value"]) == ("COMPLETED", "a")
