"""Recorded streams given out again: the same chunks, and the same end at the same place."""

from __future__ import annotations

import asyncio
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, NamedTuple

from agenttrace.encoding.classes import find_class
from agenttrace.replay.stream_objects import make_object
from agenttrace.replay.turns import raise_again
from agenttrace.stream_kinds import ASYNC_GENERATOR, COROUTINE, GENERATOR, VALUE
from agenttrace.wire import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Mapping

    from agenttrace.replay.order import Order
    from agenttrace.replay.tape import Node


class Chunk(NamedTuple):
    """One piece of a stream: when it came after the call's start, and its place in the run."""

    offset_ns: int
    seq: int
    value: Any


class Tale(NamedTuple):
    """A recorded stream: its chunks and how it ended.

    `result` is what a generator returned, or what a manager gave to its block. `kinds` are the
    objects that the caller was given, one out of the other; none for a generator function.
    """

    chunks: list[Chunk]
    outcome: Outcome
    error: BaseException | None
    result: Any
    kinds: list[str]
    duration_ns: int


class Pace(NamedTuple):
    """How fast a stream comes.

    `speed` is how many times faster than recorded, None at once; `cancel_wait_s` how long it is
    waited for the cancellation that ended the recorded stream.
    """

    speed: float | None
    cancel_wait_s: float


class Feed:
    """Gives out one recorded stream, in the order of the recording among concurrent ones.

    `overrun` returns what is raised where the program asks for more than was ever asked for, and
    `give_up` what is raised when a recorded cancellation does not come. `doubt` takes notice of
    what is given to the body, which the recording does not have.
    """

    def __init__(  # noqa: PLR0913 -- what it is made of, each by its name
        self,
        tale: Tale,
        node: Node,
        order: Order,
        pace: Pace,
        *,
        overrun: Callable[[], BaseException],
        give_up: Callable[[], BaseException],
        doubt: Callable[[], None],
    ) -> None:
        self.tale = tale
        self._node = node
        self._order = order
        self._pace = pace
        self._overrun = overrun
        self._give_up = give_up
        self._doubt = doubt
        self._began_s = monotonic()
        self._at = 0
        self._last_seq = node.seq

    def pull(self) -> Any:
        """Return the next chunk.

        Raises:
            StopIteration: after the last, with what the generator returned.

        """
        if self._at < len(self.tale.chunks):
            chunk = self.tale.chunks[self._at]
            sleep(self._measure_s(chunk.offset_ns))
            self._order.pass_by(self._node, self._last_seq, chunk.seq)
            return self._take(chunk)
        sleep(self._measure_s(self.tale.duration_ns))
        self._end()
        raise StopIteration(self.tale.result)

    async def pull_async(self) -> Any:
        """Return the next chunk; other tasks run in between, also when nothing is waited for.

        Raises:
            StopAsyncIteration: after the last.

        """
        if self._at < len(self.tale.chunks):
            chunk = self.tale.chunks[self._at]
            await asyncio.sleep(self._measure_s(chunk.offset_ns))
            await self._order.pass_by_async(self._node, self._last_seq, chunk.seq)
            return self._take(chunk)
        if self.tale.outcome is Outcome.CANCELLED:
            await asyncio.sleep(self._pace.cancel_wait_s)
            raise self._give_up()
        await asyncio.sleep(self._measure_s(self.tale.duration_ns))
        if self._node.end_seq is not None:
            await self._order.pass_by_async(self._node, self._last_seq, self._node.end_seq)
        self._end()
        raise StopAsyncIteration

    def _take(self, chunk: Chunk) -> Any:
        self._at += 1
        self._last_seq = chunk.seq
        return chunk.value

    def note_sent(self, value: object) -> None:
        """Take notice of what the body would be sent: no value was recorded to compare with."""
        if value is not None:
            self._doubt()

    def lets_through(self, error: BaseException) -> bool:
        """Tell whether what is thrown into the body comes out of it, as it did then.

        Else the stream goes on as recorded, which had that thrown into it or not: nothing says so.
        """
        is_over = self._at >= len(self.tale.chunks)
        is_closed = is_over and self.tale.outcome is Outcome.CLOSED
        if is_closed and type(error) is asyncio.CancelledError:
            return True  # the end of the loop cancels the task that closes it
        recorded = self.tale.error if is_over else None
        if type(recorded) is type(error) and str(recorded) == str(error):
            return True
        self._doubt()
        return is_closed

    def _end(self) -> None:
        if self.tale.outcome is Outcome.CLOSED:
            raise self._overrun()
        if self.tale.error is not None:
            raise_again(self.tale.error)

    def _measure_s(self, offset_ns: int) -> float:
        if self._pace.speed is None:
            return 0.0
        due_s = self._began_s + offset_ns / 1_000_000_000 / self._pace.speed
        return max(0.0, due_s - monotonic())


def generate(feed: Feed) -> Generator[Any, Any, Any]:
    """Give out a stream as a generator. What it is sent, or thrown, the recording does not know."""
    while True:
        try:
            chunk = feed.pull()
        except StopIteration as stop:
            return stop.value
        try:
            sent = yield chunk
        except GeneratorExit:
            raise
        except BaseException as error:
            if feed.lets_through(error):
                raise
        else:
            feed.note_sent(sent)


async def generate_async(feed: Feed) -> AsyncGenerator[Any, Any]:
    """Give out a stream as an async generator; as `generate`."""
    while True:
        try:
            chunk = await feed.pull_async()
        except StopAsyncIteration:
            return
        try:
            sent = yield chunk
        except GeneratorExit:
            raise
        except BaseException as error:
            if feed.lets_through(error):
                raise
        else:
            feed.note_sent(sent)


def give(feed: Feed, kinds: list[str], classes: Mapping[str, type]) -> Any:
    """Return the first of the objects that the caller was given; it leads to the others."""
    if not kinds or kinds[0] == VALUE:
        return feed.tale.result
    kind, *rest = kinds
    if kind == GENERATOR:
        return generate(feed)
    if kind == ASYNC_GENERATOR:
        return generate_async(feed)
    if kind == COROUTINE:
        return _arrive(feed, rest, classes)
    cls = find_class(kind, classes)
    assert cls is not None  # was looked for when the call was matched
    if issubclass(cls, asyncio.Future):
        return asyncio.ensure_future(_arrive(feed, rest, classes))
    return make_object(cls, feed, lambda: give(feed, rest, classes) if rest else None)


async def _arrive(feed: Feed, kinds: list[str], classes: Mapping[str, type]) -> Any:
    """Return what a coroutine gave: a value, or a stream that goes on."""
    if kinds:
        await asyncio.sleep(0)
        return give(feed, kinds, classes)
    try:
        await feed.pull_async()
    except StopAsyncIteration:
        return feed.tale.result
    raise AssertionError("a coroutine gives no chunks")
