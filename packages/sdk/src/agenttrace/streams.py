"""Streams: a span over an iteration, an event for each chunk, and the loops that drive them.

What the stream yields, returns, raises and is sent goes through untouched.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from agenttrace.failures import is_cancellation
from agenttrace.semconv import EVENT_CHUNK, STREAM_CHUNKS, STREAM_SENT, TIME_TO_FIRST_CHUNK
from agenttrace.watching import unwatch
from agenttrace.wire import Outcome, SpanType

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
    from contextvars import Token
    from types import TracebackType

    from agenttrace.context import Lane
    from agenttrace.recorder import Node, Recorder
    from agenttrace.span import Span

_NS_PER_S: Final = 1_000_000_000


class Stream:
    """One iteration: its span is current only while the body runs, not while the consumer does.

    So is the lane that the body works in; the consumer may be in another run, or in none. The span
    ends once, by what comes first: exhaustion, an error, a close, or the stream's disappearance.
    No method raises anything of its own.
    """

    __slots__ = (
        "_chars",
        "_count",
        "_has_ended",
        "_is_block",
        "_lane",
        "_on_end",
        "_sent",
        "_texts",
        "is_closing",
        "recorder",
        "span",
    )

    def __init__(self, recorder: Recorder, span: Span) -> None:
        self.recorder = recorder
        self.span = span
        self._count = 0
        self._sent = 0
        # The pieces of a text stream, joined into the span's output; None once it is no text.
        self._texts: list[str] | None = []
        self._chars = 0
        self._lane = span.lane
        self._has_ended = False
        self._is_block = False
        self.is_closing = False  # whether the consumer has stopped, as far as is known
        self._on_end: list[Callable[[], object]] = []

    @property
    def has_ended(self) -> bool:
        """Whether its span has ended."""
        return self._has_ended

    def inside(self) -> _Inside | nullcontext[None]:
        """Return a `with` block in which the stream's span is the current one."""
        try:
            return _Inside(self)
        except BaseException as error:  # noqa: BLE001 -- the boundary; memory may be short
            self.recorder.guard.note("stream", error)
            return _NOWHERE

    def is_inside(self) -> bool:
        """Tell whether it is the stream's own body that runs here."""
        with self.recorder.boundary("stream"):
            return self.recorder.node.get() is self.span
        return True

    def keep_lane(self, lane: Lane | None) -> None:
        """Go on in this lane when the body runs next."""
        self._lane = lane

    @property
    def lane(self) -> Lane | None:
        """The lane that the body worked in last."""
        return self._lane

    def advance(self, step: Callable[[], Any]) -> Any:
        """Return the chunk that `step` gives; record it, or how the stream ended."""
        try:
            with self.inside():
                chunk = step()
        except StopIteration as stop:
            self.finish(stop.value)
            raise
        except BaseException as error:
            self.fail(error)
            raise
        self.record(chunk)
        return chunk

    async def advance_async(self, step: Callable[[], Awaitable[Any]]) -> Any:
        """Return the chunk that is awaited; record it, or how the stream ended."""
        try:
            with self.inside():
                chunk = await step()
        except StopAsyncIteration:
            self.finish(None)
            raise
        except BaseException as error:
            self.fail(error)
            raise
        self.record(chunk)
        return chunk

    def record(self, chunk: object) -> None:
        """Record one chunk as an event, as it is now."""
        span, recorder = self.span, self.recorder
        with recorder.boundary("chunk"):
            if self._has_ended or not span.is_open:
                return
            self._count += 1
            self.is_closing = False
            body = recorder.take(chunk) if span.spec.capture_output else None
            offset_ns = recorder.emit_event(span.run, span.span_id, EVENT_CHUNK, body, since=span)
            if self._count == 1:
                span.set_own_attribute(TIME_TO_FIRST_CHUNK, offset_ns / _NS_PER_S)
            self._keep_text(chunk)
            recorder.read_answer(span, chunk)

    def note_sent(self, value: object) -> None:
        """Count what the body is sent, or has thrown into it; None is no value."""
        self._sent += value is not None

    def note_thrown(self, error: BaseException) -> None:
        """Count what is thrown into the body; a cancellation at a yield is its consumer's stop.

        asyncio closes what was left open in a task of its own, which the end of the loop cancels.
        """
        if is_cancellation(type(error)):
            self.is_closing = True
        else:
            self.note_sent(error)

    def _keep_text(self, chunk: object) -> None:
        if self._texts is None:
            return
        text = chunk
        if type(chunk) is not str and self.span.spec.span_type is SpanType.LLM_CALL:
            from agenttrace.chunks import find_text  # noqa: PLC0415 -- text streams need it not

            text = find_text(chunk)
        if type(text) is not str:
            self._texts = None
        elif text and self._chars <= self.recorder.max_payload_bytes:
            self._texts.append(text)
            self._chars += len(text)

    def finish(self, result: object, outcome: Outcome = Outcome.OK) -> None:
        """End the span: its output is what the generator returned, else the text it streamed."""
        if self._has_been_ended():
            return
        span = self.span
        with self.recorder.boundary("chunk"):
            output = "".join(self._texts) if result is None and self._texts else result
            if span.spec.capture_output and span.output is None and output is not None:
                span.output = self.recorder.take(output)
        self.recorder.end_span(span, outcome=outcome)

    def enter_block(self, value: object) -> None:
        """Take `value`, which a manager gave to its block, as the output: there are no chunks."""
        self._is_block = True
        if self.span.spec.capture_output and self.span.output is None and value is not None:
            self.span.output = self.recorder.take(value)

    def leave_block(self, error: BaseException | None) -> None:
        """End the span of a manager, whose block raised `error` or nothing."""
        if not self._is_block:
            self.close()
        elif error is None:
            self.finish(None)
        else:
            self.fail(error)

    def hand_over(self) -> None:
        """Be done with it, without ending the span: that goes on otherwise."""
        self._has_been_ended(has_chunks=False)

    def fail(self, error: BaseException) -> None:
        """End the span by what the body raised."""
        if self.is_closing and is_cancellation(type(error)):
            self.close()
        elif not self._has_been_ended():
            self.recorder.end_span_by(self.span, error)

    def close(self) -> None:
        """End the span: the consumer stopped before the body did."""
        self.finish(None, Outcome.CLOSED)

    def on_end(self, call: Callable[[], object]) -> None:
        """Call this once the stream has ended."""
        self._on_end.append(call)

    def _has_been_ended(self, *, has_chunks: bool = True) -> bool:
        """Tell whether it had ended before; from now on it has."""
        if self._has_ended:
            return True
        self._has_ended = True
        with self.recorder.boundary("stream"):
            if has_chunks and not self._is_block and self.span.is_open:
                self.span.set_own_attribute(STREAM_CHUNKS, self._count)
                if self._sent:
                    self.span.set_own_attribute(STREAM_SENT, self._sent)
            for call in self._on_end:
                call()
        return False


class _Inside:
    """A `with` block in which a stream's span and lane are the current ones."""

    __slots__ = ("_lane_token", "_stream", "_token")

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._token: Token[Node | None] | None = None
        self._lane_token: Token[Lane | None] | None = None

    def __enter__(self) -> None:
        stream = self._stream
        recorder = stream.recorder
        try:
            self._token = recorder.node.set(stream.span)
            outer = recorder.lane.get()
            if outer is None or outer.run is not stream.span.run:
                self._lane_token = recorder.lane.set(stream.lane)
        except BaseException as error:  # noqa: BLE001 -- the boundary
            recorder.guard.note("stream", error)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        recorder = self._stream.recorder
        try:
            if self._token is not None:
                recorder.node.reset(self._token)
            if self._lane_token is not None:
                lane = recorder.lane.get()
                recorder.lane.reset(self._lane_token)
                self._stream.keep_lane(lane)
        except ValueError:  # resumed in one context, suspended in another
            return
        except BaseException as second:  # noqa: BLE001 -- the boundary
            recorder.guard.note("stream", second)


_NOWHERE: Final = nullcontext()


def open_stream(recorder: Recorder, span: Span | None) -> Stream | None:
    """Return the stream of a span that was started for one; None when nothing is recorded."""
    if span is None:
        return None
    try:
        return Stream(recorder, span)
    except BaseException as error:  # noqa: BLE001 -- the boundary
        recorder.guard.note("stream", error)
        recorder.end_span(span)
        return None


def drive(
    stream: Stream, generator: Generator[Any, Any, Any], *, is_started: bool = False
) -> Generator[Any, Any, Any]:
    """Iterate over a generator in its place. One that has started already is to be primed."""
    unwatch(stream)
    step: Callable[[], Any] = partial(generator.send, None)
    chunk = None
    is_primed = is_started
    while True:
        if is_primed:
            is_primed = False
        else:
            try:
                chunk = stream.advance(step)
            except StopIteration as stop:
                return stop.value
        try:
            sent = yield chunk
            stream.note_sent(sent)
            step = partial(generator.send, sent)
        except GeneratorExit:
            value = _close(stream, generator)
            if value is not None:  # from Python 3.13 on, close() hands out what the body returned
                return value
            raise
        except BaseException as error:  # noqa: BLE001 -- it belongs to the body, which gets it
            stream.note_sent(error)
            step = partial(generator.throw, error)


def _close(stream: Stream, generator: Any) -> Any:
    try:
        with stream.inside():
            value = generator.close()
    except BaseException as error:
        stream.fail(error)
        raise
    stream.close()
    return value


async def drive_async(stream: Stream, generator: AsyncGenerator[Any, Any]) -> Any:
    """Iterate over an async generator in its place."""
    unwatch(stream)
    step: Callable[[], Awaitable[Any]] = partial(generator.asend, None)
    while True:
        try:
            chunk = await stream.advance_async(step)
        except StopAsyncIteration:
            return
        try:
            sent = yield chunk
            stream.note_sent(sent)
            step = partial(generator.asend, sent)
        except GeneratorExit:
            await close_async(stream, generator)
            raise
        except BaseException as error:  # noqa: BLE001 -- it belongs to the body, which gets it
            stream.note_thrown(error)
            step = partial(generator.athrow, error)


async def close_async(stream: Stream | None, generator: Any) -> None:
    """Close an async generator whose consumer stops early, and end its span after that."""
    if stream is None:
        await generator.aclose()
        return
    stream.is_closing = True
    try:
        with stream.inside():
            await generator.aclose()
    except BaseException as error:
        stream.fail(error)
        raise
    stream.close()


def relay(stream: Stream, iterator: Iterator[Any], owner: object) -> Generator[Any, Any, Any]:
    """Iterate over an object's iterator. Its end before the last chunk is not the object's end.

    `owner` is that object: while its iterator is followed it is not gone, though nobody else may
    hold it. `for chunk in client.create(stream=True)` lets go of it with the last chunk.
    """
    step = partial(next, iterator)
    while True:
        try:
            chunk = stream.advance(step)
        except StopIteration as stop:
            del owner
            return stop.value
        yield chunk


async def relay_async(stream: Stream, iterator: Any, owner: object) -> Any:
    """Iterate over an object's asynchronous iterator; as `relay`."""
    while True:
        try:
            chunk = await stream.advance_async(iterator.__anext__)
        except StopAsyncIteration:
            del owner
            return
        yield chunk
