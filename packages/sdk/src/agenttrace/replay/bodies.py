"""What is called in the place of a traced function: of its kind, and no line of its body runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from agenttrace.replay.streams import generate, generate_async, give
from agenttrace.replaying import ASYNC_GENERATOR, COROUTINE, FUNCTION, GENERATOR

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Mapping

    from agenttrace.replay.streams import Feed
    from agenttrace.replay.turns import Turn
    from agenttrace.replaying import CallKind

_NOTHING: Final[tuple[object, ...]] = ()


def make_stop(kind: CallKind, make_error: Callable[[], BaseException]) -> Callable[..., Any]:
    """Return a callable of this kind that raises, made anew at each call."""

    def stop(*_args: Any, **_kwargs: Any) -> Any:
        raise make_error()

    async def stop_coroutine(*_args: Any, **_kwargs: Any) -> Any:
        raise make_error()

    def stop_generator(*_args: Any, **_kwargs: Any) -> Generator[Any, Any, Any]:
        yield from ()
        raise make_error()

    async def stop_async_generator(*_args: Any, **_kwargs: Any) -> AsyncGenerator[Any, Any]:
        for chunk in _NOTHING:
            yield chunk
        raise make_error()

    bodies: Final[dict[str, Callable[..., Any]]] = {
        FUNCTION: stop,
        COROUTINE: stop_coroutine,
        GENERATOR: stop_generator,
        ASYNC_GENERATOR: stop_async_generator,
    }
    return bodies[kind]


def make_served(kind: CallKind, turn: Turn) -> Callable[..., Any]:
    """Return a callable of this kind that gives what was recorded, when it is its turn."""

    def serve(*_args: Any, **_kwargs: Any) -> Any:
        turn.wait()
        return turn.take()

    async def serve_coroutine(*_args: Any, **_kwargs: Any) -> Any:
        await turn.wait_async()
        return turn.take()

    bodies: Final[dict[str, Callable[..., Any]]] = {
        FUNCTION: serve,
        COROUTINE: serve_coroutine,
    }
    return bodies[kind]


def make_streamed(kind: CallKind, feed: Feed, classes: Mapping[str, type]) -> Callable[..., Any]:
    """Return a callable of this kind that gives the recorded stream, as an object of its kind."""

    def stream(*_args: Any, **_kwargs: Any) -> Any:
        return give(feed, feed.tale.kinds, classes)

    async def stream_coroutine(*_args: Any, **_kwargs: Any) -> Any:
        await asyncio.sleep(0)
        return give(feed, feed.tale.kinds, classes)

    bodies: Final[dict[str, Callable[..., Any]]] = {
        FUNCTION: stream,
        COROUTINE: stream_coroutine,
        GENERATOR: lambda *_args, **_kwargs: generate(feed),
        ASYNC_GENERATOR: lambda *_args, **_kwargs: generate_async(feed),
    }
    return bodies[kind]
