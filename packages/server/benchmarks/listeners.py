"""Subscribers of one run, hundreds of them in one process, and what each of them was told.

A message that all are sent is parsed once: their program shares two cores with the server that it
measures.
"""

from __future__ import annotations

import asyncio
import socket
import time
from array import array
from collections import deque
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

import httpx
import orjson
from fanout import HANDSHAKE, PING, PONG, find_frame_end, make_frame
from workload import NDJSON, dump_lines, make_call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

FOLLOW: Final = """subscription($id: ID!, $after: String) { runEvents(runId: $id, after: $after) {
    cursor
    events { __typename ... on SpanStarted { span { seq attributes } } ... on Gap { from } } } }"""
SMALL_BUFFER_BYTES: Final = 4_096
"""Of a slow subscriber's socket, so that what it does not read waits at the server."""
_TEXT: Final = 0x81
_SHORT: Final = 126


class Message(NamedTuple):
    """What a message tells."""

    kind: str
    cursor: str | None = None
    seqs: tuple[int, ...] = ()
    """Of the spans that have started."""
    gap_from: str | None = None


class Cut(Exception):  # noqa: N818 -- no error: who does not read is cut
    """The server has ended the connection."""


class Socket(asyncio.Protocol):
    """A WebSocket that hands out messages. A slow one reads no more than it is asked for."""

    def __init__(self, first_frames: Sequence[bytes], *, is_slow: bool) -> None:
        self._first = b"".join(first_frames)
        self._is_slow = is_slow
        self._is_open = self._is_lost = False
        self._rest = b""
        self._texts: deque[bytes] = deque()
        self._news = asyncio.Event()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say hello."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(HANDSHAKE)

    def data_received(self, data: bytes) -> None:
        """Keep the messages that are whole."""
        data = self._rest + data
        if not self._is_open:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._rest = head
                return
            assert b" 101 " in head, head
            self._is_open = True
            self.transport.write(self._first)
        start = 0
        while (end := find_frame_end(data, start)) <= len(data):
            if data[start] == _TEXT:
                self._texts.append(data[_find_text(data, start) : end])
            elif data[start] == PING:
                self.transport.write(PONG + data[start + 2 : end])
            start = end
        self._rest = data[start:]
        if self._texts:
            self._news.set()
            if self._is_slow:
                self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's signature
        """Tell whoever waits for a message."""
        self._is_lost = True
        self._news.set()

    async def read(self) -> Message:
        """Return the next message.

        Raises:
            Cut: there will be none.

        """
        while not self._texts:
            if self._is_lost:
                raise Cut
            if self._is_slow:
                self.transport.resume_reading()
            self._news.clear()
            await self._news.wait()
        return parse_message(self._texts.popleft())


def _find_text(data: bytes, start: int) -> int:
    length = data[start + 1]
    return start + (2 if length < _SHORT else 4 if length == _SHORT else 10)


@lru_cache(maxsize=64)
def parse_message(text: bytes) -> Message:
    """Return what a message tells; it may not be about an error."""
    message = orjson.loads(text)
    if message["type"] != "next":
        assert message["type"] in ("connection_ack", "complete"), message
        return Message(message["type"])
    assert "errors" not in message["payload"], message
    batch = message["payload"]["data"]["runEvents"]
    spans = [each["span"] for each in batch["events"] if each["__typename"] == "SpanStarted"]
    gaps = [each["from"] for each in batch["events"] if each["__typename"] == "Gap"]
    seqs = tuple(span["seq"] for span in spans)
    return Message("next", batch["cursor"], seqs, gaps[0] if gaps else None)


async def open_socket(url: str, run_id: str, after: str | None, *, is_slow: bool) -> Socket:
    """Open a WebSocket and follow a run behind a cursor."""
    plain = socket.socket()
    if is_slow:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
    plain.setblocking(False)  # noqa: FBT003 -- the library's
    address = urlsplit(url)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(plain, (address.hostname, address.port))
    payload = {"query": FOLLOW, "variables": {"id": run_id, "after": after}}
    subscribe = make_frame({"id": "1", "type": "subscribe", "payload": payload})
    frames = [make_frame({"type": "connection_init"}), subscribe]
    _, opened = await loop.create_connection(lambda: Socket(frames, is_slow=is_slow), sock=plain)
    return opened


@dataclass
class Crowd:
    """What all subscribers of a run have in common."""

    url: str
    run: int
    spans: int
    """That are sent."""
    subscribers: int
    sent_s: array[float] = field(default_factory=lambda: array("d"))
    """When each span was sent, by its number."""
    following: int = 0
    all_follow: asyncio.Event = field(default_factory=asyncio.Event)
    all_sent: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def run_id(self) -> str:
        """The run that all follow."""
        return str(make_call(self.run, 0)["run_id"])

    def count_follower(self) -> None:
        """Count one that has its first answer."""
        self.following += 1
        if self.following == self.subscribers:
            self.all_follow.set()


class Listener:
    """Follows a run to its end, and goes on after each gap and each cut."""

    def __init__(self, crowd: Crowd, pace: Callable[[], Awaitable[None]] | None = None) -> None:
        self._crowd = crowd
        self._pace = pace
        self._after: str | None = None
        self._has_begun = False
        self._expected = 0
        self.latencies_s = array("d")
        self.missing = self.doubled = 0
        self.gaps: list[tuple[int, float]] = []
        """The number of the span that was expected, and when the gap was told."""
        self.cuts: list[tuple[int, float]] = []
        """The same of each time that the server ended the connection."""

    async def follow(self) -> None:
        """Follow the run; `pace` is awaited before each message but the first."""
        has_ended = False
        while not has_ended:
            is_slow = self._pace is not None
            crowd = self._crowd
            opened = await open_socket(crowd.url, crowd.run_id, self._after, is_slow=is_slow)
            try:
                has_ended = await self._read(opened)
            except Cut:
                self.cuts.append((self._expected, time.perf_counter()))
            finally:
                opened.transport.abort()
        self.missing += self._crowd.spans - self._expected

    async def _read(self, opened: Socket) -> bool:
        """Read to the end of the run, or to a gap; return whether it was the end."""
        while True:
            if self._has_begun and self._pace is not None:
                await self._pace()
            message = await opened.read()
            if message.kind == "complete":
                return True
            if message.gap_from is not None:
                self.gaps.append((self._expected, time.perf_counter()))
                self._after = message.gap_from
                return False
            if message.kind == "next":
                self._take(message)

    def _take(self, message: Message) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._crowd.count_follower()
        now_s, sent_s = time.perf_counter(), self._crowd.sent_s
        self.latencies_s.extend(now_s - sent_s[seq] for seq in message.seqs)
        for seq in message.seqs:
            if seq < self._expected:
                self.doubled += 1
            else:
                self.missing += seq - self._expected
                self._expected = seq + 1
        self._after = message.cursor


async def send_spans(
    crowd: Crowd, *, rate: float, batch: int, text: str, on_batch: Callable[[int], Awaitable[None]]
) -> None:
    """Store the run's spans, so many a second, as each of them starts; then end the run.

    `on_batch` is awaited with the number of each batch. When the server is slower than that, the
    next batch follows at once, and is late.
    """
    run = {"v": 1, "type": "run", "run_id": crowd.run_id, "rev": 1, "name": "followed",
           "status": "COMPLETED", "start_ns": make_call(crowd.run, 0)["start_ns"]}  # fmt: skip
    fields = {"status": "STARTED", "rev": 0, "attributes": {"text": text}}
    async with httpx.AsyncClient(base_url=crowd.url, timeout=60) as client:

        async def post(records: list[dict[str, Any]]) -> None:
            body = dump_lines(records)
            (await client.post("/api/ingest", content=body, headers=NDJSON)).raise_for_status()

        await crowd.all_follow.wait()
        begin_s = time.perf_counter()
        for number, start in enumerate(range(0, crowd.spans, batch)):
            await asyncio.sleep(begin_s + start / rate - time.perf_counter())
            seqs = range(start, min(start + batch, crowd.spans))
            crowd.sent_s.extend([time.perf_counter()] * len(seqs))
            await post([make_call(crowd.run, seq, **fields) for seq in seqs])
            await on_batch(number)
        crowd.all_sent.set()
        await post([run])
