"""The methods of a recorded stream object: each calls the object's own and records around it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from types import AsyncGeneratorType, GeneratorType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from agenttrace.calls import follow
from agenttrace.streams import relay, relay_async

if TYPE_CHECKING:
    from collections.abc import Generator

    from agenttrace.streams import Stream

_COROUTINE: Final = 0x80  # inspect.CO_COROUTINE, whose import takes 10 ms

StreamsById: TypeAlias = "dict[int, Stream]"
Method: TypeAlias = Callable[..., Any]


def _find(streams: StreamsById, owner: object) -> Stream | None:
    """Return the stream to record in: none when it has ended, or when its own body calls."""
    stream = streams.get(id(owner))
    return None if stream is None or stream.has_ended or stream.is_inside() else stream


def _make_next(streams: StreamsById, method: Method) -> Method:
    @wraps(method)
    def __next__(self: Any) -> Any:  # noqa: N807 -- it becomes one
        stream = _find(streams, self)
        return method(self) if stream is None else stream.advance(partial(method, self))

    return __next__


def _make_anext(streams: StreamsById, method: Method) -> Method:
    @wraps(method)
    async def __anext__(self: Any) -> Any:  # noqa: N807 -- it becomes one
        stream = _find(streams, self)
        if stream is None:
            return await method(self)
        return await stream.advance_async(partial(method, self))

    return __anext__


def _make_iter(streams: StreamsById, method: Method) -> Method:
    @wraps(method)
    def __iter__(self: Any) -> Any:  # noqa: N807 -- it becomes one
        iterator = method(self)
        stream = _find(streams, self)
        return iterator if stream is None or iterator is self else relay(stream, iterator, self)

    return __iter__


def _make_aiter(streams: StreamsById, method: Method) -> Method:
    @wraps(method)
    def __aiter__(self: Any) -> Any:  # noqa: N807 -- it becomes one
        iterator = method(self)
        stream = _find(streams, self)
        return (
            iterator if stream is None or iterator is self else relay_async(stream, iterator, self)
        )

    return __aiter__


def _make_await(streams: StreamsById, method: Method) -> Method:
    @wraps(method)
    def __await__(self: Any) -> Generator[Any, Any, Any]:  # noqa: N807 -- it becomes one
        stream = _find(streams, self)
        if stream is None:
            return (yield from method(self))
        try:
            with stream.inside():
                result = yield from method(self)
        except BaseException as error:
            stream.fail(error)
            raise
        stream.hand_over()
        return follow(stream.recorder, stream.span, result)

    return __await__


def _make_enter(streams: StreamsById, method: Method) -> Method:
    @wraps(method)
    def __enter__(self: Any) -> Any:  # noqa: N807 -- it becomes one
        stream = _find(streams, self)
        if stream is None:
            return method(self)
        try:
            with stream.inside():
                entered = method(self)
        except BaseException as error:
            stream.fail(error)
            raise
        return _enter(stream, self, entered)

    return __enter__


def _make_aenter(streams: StreamsById, method: Method) -> Method:
    @wraps(method)
    async def __aenter__(self: Any) -> Any:  # noqa: N807 -- it becomes one
        stream = _find(streams, self)
        if stream is None:
            return await method(self)
        try:
            with stream.inside():
                entered = await method(self)
        except BaseException as error:
            stream.fail(error)
            raise
        return _enter(stream, self, entered)

    return __aenter__


def _make_exit(streams: StreamsById, method: Method) -> Method:
    @wraps(method)
    def __exit__(self: Any, kind: Any, error: Any, traceback: Any) -> Any:  # noqa: N807 -- it becomes one
        stream = _find(streams, self)
        if stream is None:
            return method(self, kind, error, traceback)
        try:
            with stream.inside():
                is_suppressed = method(self, kind, error, traceback)
        except BaseException as second:
            stream.fail(second)
            raise
        stream.leave_block(None if is_suppressed is True else error)
        return is_suppressed

    return __exit__


def _make_aexit(streams: StreamsById, method: Method) -> Method:
    @wraps(method)
    async def __aexit__(self: Any, kind: Any, error: Any, traceback: Any) -> Any:  # noqa: N807 -- it becomes one
        stream = _find(streams, self)
        if stream is None:
            return await method(self, kind, error, traceback)
        try:
            with stream.inside():
                is_suppressed = await method(self, kind, error, traceback)
        except BaseException as second:
            stream.fail(second)
            raise
        stream.leave_block(None if is_suppressed is True else error)
        return is_suppressed

    return __aexit__


def _make_close(streams: StreamsById, method: Method) -> Method:
    if method.__code__.co_flags & _COROUTINE:
        return _make_aclose(streams, method)

    @wraps(method)
    def close(self: Any, *args: Any, **kwargs: Any) -> Any:
        stream = _find(streams, self)
        if stream is None:
            return method(self, *args, **kwargs)
        try:
            with stream.inside():
                result = method(self, *args, **kwargs)
        except BaseException as error:
            stream.fail(error)
            raise
        stream.close()
        return result

    return close


def _make_aclose(streams: StreamsById, method: Method) -> Method:
    @wraps(method)
    async def aclose(self: Any, *args: Any, **kwargs: Any) -> Any:
        stream = _find(streams, self)
        if stream is None:
            return await method(self, *args, **kwargs)
        try:
            with stream.inside():
                result = await method(self, *args, **kwargs)
        except BaseException as error:
            stream.fail(error)
            raise
        stream.close()
        return result

    return aclose


def _enter(stream: Stream, manager: object, entered: Any) -> Any:
    """Return what the block gets: a stream goes on in the manager's span, a value is its output."""
    if entered is manager:
        return entered
    try:
        from agenttrace.adoption import adopt  # noqa: PLC0415 -- it imports this module
        from agenttrace.returned import replace_async_generator, replace_generator  # noqa: PLC0415 -- the same
        from agenttrace.stream_kinds import note_kind  # noqa: PLC0415 -- only who returns streams

        if type(entered) is GeneratorType and entered.gi_frame is not None:
            note_kind(stream.span, entered)
            return replace_generator(stream, entered)
        if type(entered) is AsyncGeneratorType and entered.ag_frame is not None:
            note_kind(stream.span, entered)
            return replace_async_generator(stream, entered)
        if adopt(stream, entered) is None:
            note_kind(stream.span, None)
            stream.enter_block(entered)
        else:
            note_kind(stream.span, entered)
    except BaseException as error:  # noqa: BLE001 -- the boundary
        stream.recorder.guard.note("stream", error)
    return entered


METHODS: Final[dict[str, Callable[[StreamsById, Method], Method]]] = {
    "__next__": _make_next,
    "__iter__": _make_iter,
    "__anext__": _make_anext,
    "__aiter__": _make_aiter,
    "__await__": _make_await,
    "__enter__": _make_enter,
    "__exit__": _make_exit,
    "__aenter__": _make_aenter,
    "__aexit__": _make_aexit,
    "close": _make_close,
    "aclose": _make_close,
}
"""What makes the recorded form of each method that a stream object may have."""
