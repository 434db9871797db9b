"""The wrappers themselves, one for each kind of function: plain, coroutine, and both generators.

What the wrapped function returns, yields, raises and is sent goes through untouched.
"""

from __future__ import annotations

from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Final

from agenttrace.replaying import ASYNC_GENERATOR, COROUTINE, FUNCTION, GENERATOR
from agenttrace.streams import close_async, drive, open_stream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from agenttrace.recorder import Bind, Recorder
    from agenttrace.replaying import CallKind
    from agenttrace.span import Span
    from agenttrace.spec import Spec
    from agenttrace.streams import Stream

# By their ids: to ask a set for a type runs the `__hash__` of its metaclass.
_VALUES: Final = frozenset(
    map(id, (type(None), bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset))
)


def wrap_function(
    recorder: Recorder, function: Callable[..., Any], spec: Spec, bind: Bind
) -> Callable[..., Any]:
    """Record each call of a plain function as a span, until what it returned has ended."""
    open_call, close_call = recorder.open_call, recorder.close_call
    never = spec.stream is False

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        span = open_call(spec, bind, args, kwargs)
        replay = recorder.replay
        body = (
            function
            if replay is None
            else replay.choose(FUNCTION, spec, span, function, bind, args, kwargs)
        )
        if span is None:
            return body(*args, **kwargs)
        try:
            result = body(*args, **kwargs)
        except BaseException as error:
            recorder.end_span_by(span, error)
            raise
        if never or id(type(result)) in _VALUES:
            close_call(span, result)
            return result
        return follow(recorder, span, result)

    return call


def wrap_coroutine(
    recorder: Recorder, function: Callable[..., Any], spec: Spec, bind: Bind
) -> Callable[..., Any]:
    """Record each awaited call of a coroutine function as a span, as `wrap_function`."""
    open_call, close_call = recorder.open_call, recorder.close_call
    never = spec.stream is False

    @wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        span = open_call(spec, bind, args, kwargs)
        replay = recorder.replay
        body = (
            function
            if replay is None
            else replay.choose(COROUTINE, spec, span, function, bind, args, kwargs)
        )
        if span is None:
            return await body(*args, **kwargs)
        try:
            result = await body(*args, **kwargs)
        except BaseException as error:
            recorder.end_span_by(span, error)
            raise
        if never or id(type(result)) in _VALUES:
            close_call(span, result)
            return result
        return follow(recorder, span, result)

    return call


def follow(recorder: Recorder, span: Span, result: Any) -> Any:
    """Return the result; a stream goes on being recorded, anything else ends the span."""
    try:
        from agenttrace.returned import take_over  # noqa: PLC0415 -- who returns plain data needs it not

        followed = take_over(recorder, span, result)
    except BaseException as error:  # noqa: BLE001 -- the boundary
        recorder.guard.note("stream", error)
        followed = None
    if followed is None:
        recorder.close_call(span, result)
        return result
    return followed


def wrap_generator(
    recorder: Recorder, function: Callable[..., Any], spec: Spec, bind: Bind
) -> Callable[..., Any]:
    """Record each iteration of a generator function as a span, each chunk as an event."""

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        stream, generator = _begin(recorder, function, (GENERATOR, spec, bind), args, kwargs)
        if stream is None:
            return (yield from generator)
        return (yield from drive(stream, generator))

    return call


def _begin(
    recorder: Recorder,
    function: Callable[..., Any],
    how: tuple[CallKind, Spec, Bind],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[Stream | None, Any]:
    """Return the generator that a function makes, or a replay; its stream, where it is recorded."""
    kind, spec, bind = how
    span = recorder.open_call(spec, bind, args, kwargs, activate=False)
    body = function
    if recorder.replay is not None:
        body = recorder.replay.choose(kind, spec, span, function, bind, args, kwargs)
    stream = open_stream(recorder, span)
    try:
        return stream, body(*args, **kwargs)
    except BaseException as error:
        if stream is not None:
            stream.fail(error)
        raise


def wrap_async_generator(
    recorder: Recorder, function: Callable[..., Any], spec: Spec, bind: Bind
) -> Callable[..., Any]:
    """Record each iteration of an async generator function as a span, each chunk as an event."""

    @wraps(function)
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        stream, generator = _begin(recorder, function, (ASYNC_GENERATOR, spec, bind), args, kwargs)
        step = partial(generator.asend, None)
        while True:  # as streams.drive_async, to which an async generator cannot delegate
            try:
                chunk = await (step() if stream is None else stream.advance_async(step))
            except StopAsyncIteration:
                return
            try:
                sent = yield chunk
                if stream is not None:
                    stream.note_sent(sent)
                step = partial(generator.asend, sent)
            except GeneratorExit:
                await close_async(stream, generator)
                raise
            except BaseException as error:  # noqa: BLE001 -- it belongs to the body, which gets it
                if stream is not None:
                    stream.note_thrown(error)
                step = partial(generator.athrow, error)

    return call
