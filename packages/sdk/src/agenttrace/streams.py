"""The wrappers themselves, one for each kind of function: plain, coroutine, and both generators.

What the wrapped function returns, yields, raises and is sent goes through untouched.
"""

from __future__ import annotations

from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from agenttrace.semconv import EVENT_CHUNK, STREAM_CHUNKS
from agenttrace.wire import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from contextvars import Token

    from agenttrace.context import Lane
    from agenttrace.recorder import Bind, Node, Recorder
    from agenttrace.span import Span, Spec


def wrap_function(
    recorder: Recorder, function: Callable[..., Any], spec: Spec, bind: Bind
) -> Callable[..., Any]:
    """Record each call of a plain function as a span."""
    open_call, close_call = recorder.open_call, recorder.close_call

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        span = open_call(spec, bind, args, kwargs)
        if span is None:
            return function(*args, **kwargs)
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            recorder.end_span_by(span, error)
            raise
        close_call(span, result)
        return result

    return call


def wrap_coroutine(
    recorder: Recorder, function: Callable[..., Any], spec: Spec, bind: Bind
) -> Callable[..., Any]:
    """Record each awaited call of a coroutine function as a span."""
    open_call, close_call = recorder.open_call, recorder.close_call

    @wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        span = open_call(spec, bind, args, kwargs)
        if span is None:
            return await function(*args, **kwargs)
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            recorder.end_span_by(span, error)
            raise
        close_call(span, result)
        return result

    return call


class _Stream:
    """One iteration: its span is current only while the body runs, not while the consumer does.

    So is the lane that the body works in; the consumer may be in another run, or in none.

    Without a span, when nothing is recorded, every method does nothing.
    """

    __slots__ = (
        "_chars",
        "_count",
        "_lane",
        "_lane_token",
        "_recorder",
        "_span",
        "_texts",
        "_token",
    )

    def __init__(self, recorder: Recorder, span: Span | None) -> None:
        self._recorder = recorder
        self._span = span
        self._count = 0
        # The pieces of a text stream, joined into the span's output; None once it is no text.
        self._texts: list[str] | None = []
        self._chars = 0
        self._token: Token[Node | None] | None = None
        self._lane = None if span is None else span.lane
        self._lane_token: Token[Lane | None] | None = None

    def enter(self) -> None:
        if self._span is not None:
            recorder = self._recorder
            self._token = recorder.node.set(self._span)
            outer = recorder.lane.get()
            if outer is None or outer.run is not self._span.run:
                self._lane_token = recorder.lane.set(self._lane)

    def leave(self) -> None:
        recorder = self._recorder
        token, self._token = self._token, None
        lane_token, self._lane_token = self._lane_token, None
        try:
            if token is not None:
                recorder.node.reset(token)
            if lane_token is not None:
                lane = recorder.lane.get()
                recorder.lane.reset(lane_token)
                self._lane = lane
        except ValueError:  # resumed in one context, suspended in another
            return

    def record(self, chunk: object) -> None:
        """Record one chunk as an event, as it is now."""
        span, recorder = self._span, self._recorder
        if span is None:
            return
        with recorder.boundary("chunk"):
            self._count += 1
            body = recorder.take(chunk) if span.spec.capture_output else None
            recorder.emit_event(span.run, span.span_id, EVENT_CHUNK, body)
            self._keep_text(chunk)
            recorder.read_answer(span, chunk)

    def _keep_text(self, chunk: object) -> None:
        if self._texts is None:
            return
        if type(chunk) is not str:
            self._texts = None
        elif self._chars <= self._recorder.max_payload_bytes:
            self._texts.append(chunk)
            self._chars += len(chunk)

    def finish(self, result: object, outcome: Outcome = Outcome.OK) -> None:
        """End the span: its output is what the generator returned, else the text it streamed."""
        span = self._span
        if span is None:
            return
        with self._recorder.boundary("chunk"):
            span.set_own_attribute(STREAM_CHUNKS, self._count)
            output = "".join(self._texts) if result is None and self._texts else result
            if span.spec.capture_output and span.output is None and output is not None:
                span.output = self._recorder.take(output)
        self._recorder.end_span(span, outcome=outcome)

    def fail(self, error: BaseException) -> None:
        """End the span by what the body raised."""
        if self._span is not None:
            self._span.set_own_attribute(STREAM_CHUNKS, self._count)
            self._recorder.end_span_by(self._span, error)

    def close(self) -> None:
        """End the span: the consumer stopped before the body did."""
        self.finish(None, Outcome.CLOSED)


def wrap_generator(
    recorder: Recorder, function: Callable[..., Any], spec: Spec, bind: Bind
) -> Callable[..., Any]:
    """Record each iteration of a generator function as a span, each chunk as an event."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        span = recorder.open_call(spec, bind, args, kwargs, activate=False)
        if span is None:
            return (yield from function(*args, **kwargs))
        return (yield from _drive(_Stream(recorder, span), function, args, kwargs))

    return call


def _drive(
    stream: _Stream, function: Callable[..., Any], args: Any, kwargs: Any
) -> Generator[Any, Any, Any]:
    step: Callable[[], Any] | None = None
    generator: Any = None
    while True:
        stream.enter()
        try:
            if step is None:
                generator = function(*args, **kwargs)
                step = partial(next, generator)
            chunk = step()
        except StopIteration as stop:
            stream.leave()
            stream.finish(stop.value)
            return stop.value
        except BaseException as error:
            stream.leave()
            stream.fail(error)
            raise
        stream.leave()
        stream.record(chunk)
        try:
            step = partial(generator.send, (yield chunk))
        except GeneratorExit:
            _close(stream, generator)
            raise
        except BaseException as error:  # noqa: BLE001 -- it belongs to the body, which gets it
            step = partial(generator.throw, error)


def _close(stream: _Stream, generator: Any) -> None:
    stream.enter()
    try:
        generator.close()
    except BaseException as error:
        stream.fail(error)
        raise
    finally:
        stream.leave()
    stream.close()


def wrap_async_generator(
    recorder: Recorder, function: Callable[..., Any], spec: Spec, bind: Bind
) -> Callable[..., Any]:
    """Record each iteration of an async generator function as a span, each chunk as an event."""

    @wraps(function)
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        span = recorder.open_call(spec, bind, args, kwargs, activate=False)
        stream = _Stream(recorder, span)
        step: Callable[[], Any] | None = None
        generator: Any = None
        while True:
            stream.enter()
            try:
                if step is None:
                    generator = function(*args, **kwargs)
                    step = generator.__anext__
                chunk = await step()
            except StopAsyncIteration:
                stream.leave()
                stream.finish(None)
                return
            except BaseException as error:
                stream.leave()
                stream.fail(error)
                raise
            stream.leave()
            stream.record(chunk)
            try:
                step = partial(generator.asend, (yield chunk))
            except GeneratorExit:
                await _aclose(stream, generator)
                raise
            except BaseException as error:  # noqa: BLE001 -- it belongs to the body, which gets it
                step = partial(generator.athrow, error)

    return call


async def _aclose(stream: _Stream, generator: Any) -> None:
    stream.enter()
    try:
        await generator.aclose()
    except BaseException as error:
        stream.fail(error)
        raise
    finally:
        stream.leave()
    stream.close()
