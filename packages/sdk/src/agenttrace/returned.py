"""Streams that a function returns: recorded until they end, whoever consumes them, wherever.

Generators, async generators and coroutines are replaced by ones of the same kind, which run them in
their place. An object that is an iterator or the manager of a stream keeps its identity (see
`adoption`). A future tells by itself when it is done. Everything else is no stream.
"""

from __future__ import annotations

from functools import partial
from sys import getrefcount, modules
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Any, Final

from agenttrace.adoption import adopt
from agenttrace.calls import follow
from agenttrace.streams import Stream, drive, drive_async
from agenttrace.watching import unwatch, watch
from agenttrace.wire import Outcome, SpanStatus

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine, Generator

    from agenttrace.recorder import Recorder
    from agenttrace.span import Span

_OWN_REFERENCES: Final = 2  # the name and the argument of the function that counts
_ITERABLE_COROUTINE: Final = 0x100  # inspect.CO_ITERABLE_COROUTINE, whose import takes 10 ms


def take_over(recorder: Recorder, span: Span, value: object) -> object | None:
    """Return what the caller gets for the stream `value`; None when it is to be taken as a value.

    From then on the span is the stream's: it is no longer current, and ends with the stream.
    """
    followed = _take_over(recorder, span, value)
    if followed is not None:
        from agenttrace.stream_kinds import note_kind  # noqa: PLC0415 -- only who returns streams

        note_kind(span, value)
    return followed


def _take_over(recorder: Recorder, span: Span, value: object) -> object | None:
    kind = type(value)
    for builtin, replace in _BUILTINS:
        if kind is builtin:
            return replace(recorder, span, value)
    if _is_future(kind):
        return _watch_future(recorder, span, value)
    stream = Stream(recorder, span)
    followed = adopt(stream, value, is_asked=span.spec.stream is True)
    if followed is not None:
        recorder.release(span)
    return followed


def _replace_generator(recorder: Recorder, span: Span, value: Any) -> object | None:
    frame = value.gi_frame
    if frame is None or value.gi_running or value.gi_code.co_flags & _ITERABLE_COROUTINE:
        return None  # over, or at work, or a coroutine of the old kind
    stream = Stream(recorder, span)
    return replace_generator(stream, value)


def replace_generator(stream: Stream, value: Generator[Any, Any, Any]) -> object:
    """Return a generator that runs this one in its place and records it in `stream`."""
    is_started: bool = value.gi_suspended  # type: ignore[attr-defined]  # of 3.11, which the stubs lack
    generator = drive(stream, value, is_started=is_started)
    _rename(generator, value)
    if is_started:
        next(generator)
    else:
        watch(stream, generator)
    stream.recorder.release(stream.span)
    return generator


def _replace_async_generator(recorder: Recorder, span: Span, value: Any) -> object | None:
    if value.ag_frame is None or value.ag_running:
        return None
    return replace_async_generator(Stream(recorder, span), value)


def replace_async_generator(stream: Stream, value: AsyncGenerator[Any, Any]) -> object:
    """Return an async generator that runs this one in its place; as `replace_generator`."""
    generator = drive_async(stream, value)
    _rename(generator, value)
    watch(stream, generator)
    stream.recorder.release(stream.span)
    return generator


def _replace_coroutine(recorder: Recorder, span: Span, value: Any) -> object | None:
    if value.cr_frame is None or value.cr_running or value.cr_suspended:
        return None
    stream = Stream(recorder, span)
    holder = [value]
    coroutine = _drive_coroutine(stream, holder)
    _rename(coroutine, value)
    watch(stream, coroutine, on_gone=partial(_forget, holder))
    recorder.release(span)
    return coroutine


async def _drive_coroutine(stream: Stream, holder: list[Coroutine[Any, Any, Any]]) -> Any:
    unwatch(stream)
    try:
        with stream.inside():
            result = await holder.pop()
    except BaseException as error:
        stream.fail(error)
        raise
    return follow(stream.recorder, stream.span, result)


def _forget(holder: list[Any]) -> None:
    """Close what nobody awaited: the coroutine in its place warns of that, under its name."""
    inner = holder.pop()
    if getrefcount(inner) <= _OWN_REFERENCES:  # else somebody has kept it
        inner.close()


def _rename(replacement: Any, value: Any) -> None:
    replacement.__name__ = value.__name__
    replacement.__qualname__ = value.__qualname__


def _is_future(kind: type) -> bool:
    futures = modules.get("asyncio.futures")
    future = getattr(futures, "Future", None)
    return future is not None and issubclass(kind, future)


def _watch_future(recorder: Recorder, span: Span, value: Any) -> object:
    value.add_done_callback(partial(_end_by_future, recorder, span))
    recorder.release(span)
    return value


def _end_by_future(recorder: Recorder, span: Span, future: Any) -> None:
    with recorder.boundary("stream"):
        if future.cancelled():
            recorder.end_span(span, status=SpanStatus.CANCELLED, outcome=Outcome.CANCELLED)
            return
        # exception() would tell the loop that the program has seen the error.
        error = getattr(future, "_exception", None)
        if error is not None:
            recorder.end_span_by(span, error)
        else:
            recorder.close_call(span, future.result())


_BUILTINS: Final = (
    (GeneratorType, _replace_generator),
    (AsyncGeneratorType, _replace_async_generator),
    (CoroutineType, _replace_coroutine),
)
