"""Subscribers who want the same share one follower: what it gives is made into text once.

Each begins by itself, at its own cursor, until the store has no more for it; then it joins the
channel of those who want the same, behind what it was told and before what it was not.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Final

from agenttrace_server.live.channel import Channel, Frame
from agenttrace_server.live.place import Place

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Hashable

    from agenttrace_server.live.channel import Member, Push, Stream

MAX_READERS: Final = 4
"""How many read by themselves at once. A thousand that come back together wait here, in line, and
not for the store's connections, which give up on who waits for some seconds."""


class Channels:
    """The open channels of this process."""

    def __init__(self) -> None:
        self._open: dict[Hashable, Channel] = {}
        self._turns = asyncio.Semaphore(MAX_READERS)

    async def follow(
        self, key: Hashable, stream: Stream, push: Push | None = None
    ) -> AsyncGenerator[bytes]:
        """Yield the messages of a stream from its beginning, sharing them with those of its key.

        Streams of one key must give the same messages from the same place on. A message that
        `push` takes, while this waits for the next one, is not yielded.
        """
        place = Place()
        async with aclosing(stream(place)) as messages:
            while (text := await _read_next(messages, self._turns)) is not None:
                yield text
                if place.told is not None and not (place.told.has_more or place.told.ended):
                    break
            else:
                return
        position = place.told.end
        is_done = False
        while not is_done:
            channel = self._enter(key, position, stream)
            member = channel.enter(position, push)
            try:
                async with aclosing(_take_all(channel, member, stream, self._turns)) as messages:
                    async for text in messages:
                        yield text
                position, is_done = member.position, member.is_done
            finally:
                channel.leave(member)
                await self._close_unused(key, channel)

    def count(self) -> int:
        """Return how many channels are open."""
        return len(self._open)

    def has_settled(self, end: int) -> bool:
        """Tell whether all who read were told everything up to a position of the log."""
        unsettled = [each for each in self._open.values() if not each.has_settled(end)]
        return not unsettled  # each was asked: it makes those look that have not

    def _enter(self, key: Hashable, position: int, stream: Stream) -> Channel:
        channel = self._open.get(key)
        if channel is None or channel.is_closed:
            channel = self._open[key] = Channel(end=position)
            channel.open(stream)
        return channel

    async def _close_unused(self, key: Hashable, channel: Channel) -> None:
        if channel.is_closed or not channel.members:
            if self._open.get(key) is channel:
                del self._open[key]
            if not channel.members:
                await channel.close()


async def _read_next(messages: AsyncGenerator[bytes], turns: asyncio.Semaphore) -> bytes | None:
    """Return the next of the messages that the store has already; None after the last."""
    async with turns:
        return await anext(messages, None)


async def _take_all(
    channel: Channel, member: Member, stream: Stream, turns: asyncio.Semaphore
) -> AsyncGenerator[bytes]:
    """Yield what a channel has for a member, until one of them is at its end."""
    while not channel.is_over_for(member):
        step = channel.choose(member)
        if isinstance(step, Frame):
            channel.take(member, step)
            yield step.text
            member.is_done = step.is_last
        elif step is None:
            await channel.wait_for_news(member)
        else:
            async with aclosing(stream(step)) as messages:
                while (text := await _read_next(messages, turns)) is not None:
                    yield text
            member.is_done = step.told is None or step.told.ended
