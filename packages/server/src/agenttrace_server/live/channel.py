"""One follower for many subscribers who want the same.

The follower's batches are turned into text once, and become frames; each subscriber takes frame
after frame at its own pace. At most 1,000 events or 4 MiB of frames wait, for the slowest one. When
more would, the follower waits for it, but not for long and only once: then it goes on, the slow
subscriber's frames are let go, and it is told of the gap when it reads again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from agenttrace_server.live.place import Place

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from agenttrace_server.live.place import Told

MAX_WAITING_EVENTS: Final = 1_000
MAX_WAITING_BYTES: Final = 4 * 1024 * 1024
"""Of the messages that wait for a subscriber. A single message may be larger."""
PATIENCE_S: Final = 0.25
"""How long the others wait for a subscriber that keeps the queue full."""

Stream: TypeAlias = "Callable[[Place], AsyncGenerator[bytes]]"
"""Follows from a place on: gives the text of each message. The place says what that tells."""
Push: TypeAlias = "Callable[[bytes], bool]"
"""Sends a message to a subscriber that waits for one; False when it must wait for its client."""


@dataclass(slots=True)
class Frame:
    """A message for everyone, and what part of the log it tells."""

    number: int
    text: bytes
    told: Told | None
    """None for a message that says why the stream has failed, and ends it."""
    size_bytes: int
    pending: int
    """How many of those who are waited for have not taken it."""

    @property
    def count(self) -> int:
        """Return how many events it tells."""
        return 0 if self.told is None else self.told.count

    @property
    def is_last(self) -> bool:
        """Tell whether the stream ends with it."""
        return self.told is None or self.told.ended


@dataclass(slots=True, eq=False)
class Member:
    """A subscriber's end of a channel."""

    position: int
    """Everything up to here has been told, or is told by what is being sent."""
    next: int | None = None
    """The number of the frame that it takes next; None while it has not joined."""
    is_waited_for: bool = True
    is_live: bool = False
    """Whether it has ever reached the newest frame: what it misses from then on is a gap."""
    is_done: bool = False
    """Whether it was told that the stream has ended."""
    push: Push | None = None
    """Sends it a message at once, without waking it."""
    is_waiting: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class Channel:
    """The frames of one follower, and who takes them."""

    end: int
    """Everything up to here is in a frame that was handed out, or was never asked for."""
    seen: int = 0
    """Between `end` and here there is nothing to tell."""
    is_closed: bool = False
    failure: Exception | None = None
    """Why the follower ended before its time."""
    frames: deque[Frame] = field(default_factory=deque)
    members: set[Member] = field(default_factory=set)
    _next: int = 0
    _room: asyncio.Event = field(default_factory=asyncio.Event)
    _place: Place = field(default_factory=Place)
    _task: asyncio.Task[None] | None = None

    def open(self, stream: Stream) -> None:
        """Begin to follow, behind `end`."""
        self.seen = self.end
        self._place = Place(start=self.end, on_look=self._look)
        self._task = asyncio.create_task(self._follow(stream), name="agenttrace-channel")

    async def close(self) -> None:
        """End the follower."""
        self.is_closed = True
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def enter(self, position: int, push: Push | None = None) -> Member:
        """Take in a subscriber who was told everything up to a position."""
        member = Member(position, push=push)
        self.members.add(member)
        return member

    def leave(self, member: Member) -> None:
        """Let a subscriber go."""
        self._let_go(member)
        self.members.discard(member)

    def choose(self, member: Member) -> Frame | Place | None:
        """Return what a subscriber is to send next: a frame; or what it must first read itself.

        None: nothing now, see `wait_for_news`.
        """
        if member.next is None:
            return self._join(member)
        if self._has_nothing_for(member):
            return None
        return self.frames[member.next - self.frames[0].number]

    def is_over_for(self, member: Member) -> bool:
        """Tell whether a subscriber will hear no more here: it, or the channel, is at its end.

        Raises:
            RuntimeError: the follower failed.

        """
        if self.failure is not None:
            raise RuntimeError("the store can be followed no longer") from self.failure
        return member.is_done or (self.is_closed and self._has_nothing_for(member))

    def take(self, member: Member, frame: Frame) -> None:
        """Note that a subscriber begins to send a frame: it waits for it no more."""
        member.next = frame.number + 1
        member.is_live = True
        if frame.told is not None:
            member.position = frame.told.end
        if member.is_waited_for:
            self._count_down(frame)
        else:
            self._drop_taken()

    async def wait_for_news(self, member: Member) -> None:
        """Return when there may be something else to choose."""
        if self.is_closed:
            return
        if member.next is None and self._place.bell is not None:
            self._place.bell.set()  # it was told of more than this follower has looked at
        member.news.clear()
        member.is_waiting = True
        try:
            await member.news.wait()
        finally:
            member.is_waiting = False

    def has_settled(self, end: int) -> bool:
        """Tell whether all who read have taken everything up to a position; else look again."""
        if self.is_closed or (self.seen >= end and not any(f.pending for f in self.frames)):
            return True
        if self._place.bell is not None:
            self._place.bell.set()
        return False

    def _has_nothing_for(self, member: Member) -> bool:
        return member.next is not None and member.next >= self._next

    def _join(self, member: Member) -> Place | None:
        """Join where the member is; or at the newest frame, which it reads its way up to."""
        if member.position > self.seen and not self.is_closed:
            return None
        if member.position >= self.end:
            member.next, member.is_live = self._next, True
            return None
        start, gap_from = member.position, None
        if member.is_live:
            start, gap_from = self.end, member.position
        member.next, member.position = self._next, self.end
        return Place(start=start, until=self.end, gap_from=gap_from)

    async def _follow(self, stream: Stream) -> None:
        messages = stream(self._place)
        try:
            async for text in messages:
                told, self._place.told = self._place.told, None
                size = len(text)
                await self._make_room(told.count if told else 0, size)
                self._append(Frame(self._next, text, told, size, 0))
                if told is None:
                    break
        except Exception as error:  # noqa: BLE001 -- each subscriber raises it, where it is seen
            self.failure = error
        finally:
            self.is_closed = True
            self._ring()
            await messages.aclose()

    def _append(self, frame: Frame) -> None:
        for member in self.members:
            if self._push(member, frame):
                continue
            frame.pending += member.is_waited_for and member.next is not None
            member.news.set()
        self._next += 1
        if frame.told is not None:
            self.end = frame.told.end
            self.seen = max(self.seen, self.end)
        self.is_closed = frame.is_last
        self.frames.append(frame)
        self._drop_taken()

    def _push(self, member: Member, frame: Frame) -> bool:
        if not member.is_waiting or member.next != frame.number or member.push is None:
            return False
        if frame.told is None or frame.is_last or not member.push(frame.text):
            return False
        member.next, member.position = frame.number + 1, frame.told.end
        return True

    async def _make_room(self, events: int, size_bytes: int) -> None:
        """Wait until a frame fits; after a while, let those go who keep the room."""
        while self.frames and not self._fits(events, size_bytes):
            oldest = self.frames[0]
            self._room.clear()
            if oldest.pending:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._room.wait(), PATIENCE_S)
            if self.frames and self.frames[0] is oldest:
                self._drop_oldest()

    def _fits(self, events: int, size_bytes: int) -> bool:
        events += sum(frame.count for frame in self.frames)
        size_bytes += sum(frame.size_bytes for frame in self.frames)
        return events <= MAX_WAITING_EVENTS and size_bytes <= MAX_WAITING_BYTES

    def _drop_oldest(self) -> None:
        oldest = self.frames[0]
        for member in self.members:
            if member.next is not None and member.next <= oldest.number:
                self._let_go(member)
                member.next, member.is_waited_for = None, False
        if self.frames and self.frames[0] is oldest:
            self.frames.popleft()

    def _let_go(self, member: Member) -> None:
        """Count a member no longer among those who have frames to take."""
        if member.next is None or not member.is_waited_for:
            return
        for frame in list(self.frames):
            if frame.number >= member.next:
                self._count_down(frame)

    def _count_down(self, frame: Frame) -> None:
        frame.pending -= 1
        if not frame.pending:
            self._drop_taken()
            self._room.set()

    def _drop_taken(self) -> None:
        """Forget the oldest frames, if all have taken them."""
        while self.frames and not self.frames[0].pending and not self._is_wanted(self.frames[0]):
            self.frames.popleft()

    def _is_wanted(self, frame: Frame) -> bool:
        """Tell whether someone who is not waited for would still take it."""
        return any(m.next is not None and m.next <= frame.number for m in self.members)

    def _look(self, end: int) -> None:
        self.seen = max(self.seen, end)
        if any(member.next is None for member in self.members):
            self._ring()

    def _ring(self) -> None:
        for member in self.members:
            member.news.set()
