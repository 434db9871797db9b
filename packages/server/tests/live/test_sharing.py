"""One follower for all who want the same: everyone hears everything once, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agenttrace_server.live import channel as channel_module
from agenttrace_server.live import sharing as sharing_module
from agenttrace_server.live.place import Place, Told
from agenttrace_server.live.sharing import Channels

DEADLINE_S = 60
MAX_EVENTS = 5
BATCH = 3


@dataclass(eq=False)
class Log:
    """A change log in memory: its positions are told to who follows it, a few at a time."""

    positions: list[int] = field(default_factory=list)
    end: int = 0
    bells: set[asyncio.Event] = field(default_factory=set)
    reads: int = 0
    followers: int = 0
    ended: bool = False

    def commit(self, count: int, *, foreign: int = 0) -> None:
        """Add changes behind some that concern other followers."""
        self.end += foreign
        for _ in range(count):
            self.end += 1
            self.positions.append(self.end)
        for bell in self.bells:
            bell.set()

    async def follow(self, after: int, place: Place) -> AsyncGenerator[bytes]:
        """Do what the service does: from a cursor or a place on, for ever or up to a position."""
        bell = place.bell = asyncio.Event()
        self.bells.add(bell)
        self.followers += 1
        position = after if place.start is None else place.start
        is_first = place.start is None or place.gap_from is not None
        gap = b"" if place.gap_from is None else b"gap %d %d " % (place.gap_from, position)
        try:
            while is_first or place.until is None or position < place.until:
                bell.clear()
                self.reads += 1
                end, ended = self.end, self.ended
                await asyncio.sleep(0)  # what is committed from here on is not in this reading
                limit = end if place.until is None else min(end, place.until)
                rest = [p for p in self.positions if position < p <= end]
                found = [p for p in rest if p <= limit][:BATCH]
                has_more = len(rest) > len(found)
                position = found[-1] if len(found) == BATCH and has_more else limit
                ended = ended and not has_more
                if found or is_first or ended:
                    place.note(Told(position, len(found), has_more, ended=ended))
                    yield gap + b" ".join(b"%d" % p for p in found)
                else:
                    place.pass_over(position)
                if ended:
                    return
                gap, is_first = b"", False
                if not has_more and not (place.until is not None and position >= place.until):
                    await bell.wait()
        finally:
            self.bells.discard(bell)
            self.followers -= 1


@dataclass(eq=False)
class Subscriber:
    """Reads as many messages as it is let to."""

    log: Log
    after: int
    heard: list[int] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    turns: int = 0
    """Of the event loop, that it takes to send a message."""
    takes_pushes: bool = False
    allowed: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    task: asyncio.Task[None] | None = None

    async def run(self, channels: Channels) -> None:
        """Follow until the stream ends."""
        messages = channels.follow(
            "same",
            lambda place: self.log.follow(self.after, place),
            self.push if self.takes_pushes else None,
        )
        async with aclosing(messages):
            async for message in messages:
                self.hear(message)
                await self.allowed.acquire()
                await _turn(self.turns)

    def hear(self, message: bytes) -> None:
        """Note what a message says."""
        words = message.split()
        if words[:1] == [b"gap"]:
            self.gaps.append((int(words[1]), int(words[2])))
            words = words[3:]
        self.heard += [int(word) for word in words]

    def push(self, message: bytes) -> bool:
        """Take a message at once, if it may read one."""
        if self.allowed.locked():
            return False
        self.allowed._value -= 1
        self.hear(message)
        return True

    def let(self, messages: int) -> None:
        """Let it read so many more."""
        for _ in range(messages):
            self.allowed.release()

    def expect(self, until: int) -> list[int]:
        """Return what it must have heard, up to a position: all but what it was told it missed."""
        return [
            p
            for p in self.log.positions
            if self.after < p <= until and not any(start < p <= end for start, end in self.gaps)
        ]


async def _turn(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def wait_until(condition: Callable[[], bool]) -> None:
    """Let the others go on until it holds."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 -- of many, which tell nobody
            await asyncio.sleep(0)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.integers(0, 7), st.integers(0, 2)),
        st.tuples(st.just("join"), st.integers(0, 100), st.integers(0, 3)),
        st.tuples(st.just("read"), st.integers(0, 7), st.integers(1, 4)),
        st.tuples(st.just("leave"), st.integers(0, 7), st.just(0)),
        st.tuples(st.just("turn"), st.just(30), st.just(0)),
    ),
    max_size=80,
)


def _has_heard(subscriber: Subscriber, last: int) -> bool:
    return subscriber.heard[-1:] == [last] or any(end >= last for _, end in subscriber.gaps)


async def _play(steps: list[tuple[str, int, int]], *, ends: bool) -> None:
    log, channels = Log(), Channels()
    present: list[Subscriber] = []
    everyone: list[Subscriber] = []
    for kind, number, more in steps:
        if kind == "commit":
            log.commit(number, foreign=more)
        elif kind == "join":
            subscriber = Subscriber(log, number * log.end // 100, takes_pushes=number % 2 == 0)
            subscriber.let(more)
            subscriber.task = asyncio.create_task(subscriber.run(channels))
            present.append(subscriber)
            everyone.append(subscriber)
        elif kind == "read" and present:
            present[number % len(present)].let(more)
        elif kind == "leave" and present:
            gone = present.pop(number % len(present))
            assert gone.task is not None
            gone.task.cancel()
        else:
            await _turn(number)
    log.ended = ends
    log.commit(1)
    for subscriber in present:
        subscriber.let(10_000)
    last = log.end
    for subscriber in present:
        assert subscriber.task is not None
        if ends:
            await asyncio.wait_for(asyncio.shield(subscriber.task), DEADLINE_S)
        else:
            await wait_until(partial(_has_heard, subscriber, last))
            subscriber.task.cancel()
    await asyncio.gather(*(s.task for s in everyone if s.task), return_exceptions=True)
    for subscriber in everyone:
        until = last if subscriber in present else max(subscriber.heard, default=0)
        assert subscriber.heard == subscriber.expect(until)
    await wait_until(lambda: not log.followers)
    assert channels.count() == 0


@given(steps=STEPS, ends=st.booleans())
@settings(max_examples=200, deadline=None)
def test_everyone_hears_the_log_from_its_cursor_on(
    steps: list[tuple[str, int, int]], *, ends: bool
) -> None:
    """However commits, joins, slow readers and leavers meet: no gap unsaid, in order."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(channel_module, "MAX_WAITING_EVENTS", MAX_EVENTS)
        patch.setattr(channel_module, "PATIENCE_S", 0)
        asyncio.run(_play(steps, ends=ends))


@given(steps=STEPS)
@settings(max_examples=60, deadline=None)
def test_who_reads_is_never_told_of_a_gap(steps: list[tuple[str, int, int]]) -> None:
    """A subscriber that takes what comes hears all of it, also when more comes than may wait."""

    async def play() -> None:
        log, channels = Log(), Channels()
        subscribers = [Subscriber(log, 0, turns=20 * n) for n in range(3)]
        for subscriber in subscribers:
            subscriber.let(10_000)
            subscriber.task = asyncio.create_task(subscriber.run(channels))
        for kind, number, more in steps:
            if kind == "commit":
                log.commit(number * 5, foreign=more)
            else:
                await _turn(number)
        log.ended = True
        log.commit(1)
        for subscriber in subscribers:
            assert subscriber.task is not None
            await asyncio.wait_for(subscriber.task, DEADLINE_S)
            assert (subscriber.heard, subscriber.gaps) == (log.positions, [])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(channel_module, "MAX_WAITING_EVENTS", MAX_EVENTS)
        asyncio.run(play())


async def test_all_share_one_follower() -> None:
    """However many follow, the log is read once for all of them."""
    log, channels = Log(), Channels()
    subscribers = [Subscriber(log, 0) for _ in range(50)]
    for subscriber in subscribers:
        subscriber.let(10_000)
        subscriber.task = asyncio.create_task(subscriber.run(channels))
    log.commit(2)
    await wait_until(lambda: log.followers == 1 and all(len(s.heard) == 2 for s in subscribers))
    await _turn()
    reads = log.reads
    for _ in range(10):
        log.commit(1)
        await wait_until(lambda: all(s.heard == log.positions for s in subscribers))
    assert log.reads - reads == 10
    for subscriber in subscribers:
        assert subscriber.task is not None
        subscriber.task.cancel()
    await wait_until(lambda: not log.followers)


async def test_one_that_does_not_read_is_told_what_it_missed() -> None:
    """It is waited for once; the others hear everything; it hears of its gap, and goes on."""
    log, channels = Log(), Channels()
    healthy = [Subscriber(log, 0, takes_pushes=n > 4) for n in range(10)]
    stalled = Subscriber(log, 0)
    for subscriber in (*healthy, stalled):
        subscriber.let(10_000 if subscriber is not stalled else 1)
        subscriber.task = asyncio.create_task(subscriber.run(channels))
    await wait_until(lambda: log.followers == 1)
    for _ in range(1_500):
        log.commit(2)
        await wait_until(lambda: all(s.heard == log.positions for s in healthy))
    assert not any(s.gaps for s in healthy)
    missed_from = stalled.heard[-1]
    stalled.let(10_000)
    log.commit(1)
    await wait_until(lambda: stalled.heard[-1] == log.end)
    ((start, end),) = stalled.gaps
    assert start >= missed_from
    assert stalled.heard == stalled.expect(log.end)
    assert end - start > channel_module.MAX_WAITING_EVENTS
    for subscriber in (*healthy, stalled):
        assert subscriber.task is not None
        subscriber.task.cancel()
    await wait_until(lambda: not log.followers)


async def test_a_follower_that_fails_ends_its_subscribers() -> None:
    """The failure reaches everyone who waits, and nobody tries again without end."""
    log, channels = Log(), Channels()

    async def broken(place: Place) -> AsyncGenerator[bytes]:
        async with aclosing(log.follow(0, place)) as messages:
            async for message in messages:
                if place.start is not None:
                    raise OSError("gone")
                yield message

    async def run() -> None:
        async with aclosing(channels.follow("same", broken)) as messages:
            async for _ in messages:
                pass

    tasks = [asyncio.create_task(run()) for _ in range(3)]
    await wait_until(lambda: len(log.bells) == 1)
    await _turn()
    log.commit(1)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [RuntimeError] * 3
    assert channels.count() == 0


async def test_many_who_come_at_once_read_a_few_at_a_time() -> None:
    """They wait in line before the store, and each gets its turn."""
    log, channels = Log(), Channels()
    log.commit(5)
    reading: list[int] = []
    now = 0

    async def counted(place: Place) -> AsyncGenerator[bytes]:
        nonlocal now
        async with aclosing(log.follow(0, place)) as messages:
            while place.start is None:
                now += 1
                reading.append(now)
                message = await anext(messages)
                now -= 1
                yield message
            async for message in messages:
                yield message

    async def run() -> bytes:
        async with aclosing(channels.follow("same", counted)) as messages:
            return await anext(messages)

    first = await asyncio.gather(*(run() for _ in range(50)))
    assert first == [b"1 2 3"] * 50
    assert max(reading) == sharing_module.MAX_READERS
