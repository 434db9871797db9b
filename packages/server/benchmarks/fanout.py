"""How many messages a second reach 1,000 subscribers, beside what bare WebSockets do (P12).

    python packages/server/benchmarks/fanout.py

Starts a server as users do, over a database in a temporary folder. Two shapes: 1,000 WebSockets
with one operation each, and 50 with 20 each. All follow one run; a span is stored, and the next
only when everyone has heard of it, so that no two are told in one message. The floor is the same
client before a program that does nothing but send a text of the same size, made once, to every
socket. The client runs beside the server on the same machine, and its work is in the figures.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

SUBSCRIBERS: Final = 1_000
OPERATIONS_PER_SOCKET: Final = (1, 20)
ROUNDS: Final = 60
WARM_UP: Final = 5
DEADLINE_S: Final = 120
START_NS: Final = 1_790_000_000_000_000_000
NDJSON: Final = {"content-type": "application/x-ndjson"}
EVENTS: Final = """subscription($id: ID!) { runEvents(runId: $id) { cursor hasMorePast events {
    __typename ... on SpanStarted { span { id spanId name type status startTime seq } } } } }"""
HANDSHAKE: Final = (
    b"GET /graphql HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)
SHORT_FRAME: Final = 126
TEXT: Final = 0x81
PING: Final = 0x89
PONG: Final = b"\x8a\x84" + bytes(4)
"""Masked with zeros; what it answers has four bytes."""


class Counter:
    """Counts the messages of all sockets; tells when so many have come."""

    def __init__(self) -> None:
        self.messages = 0
        self.bytes = 0
        self._goal = 0
        self._reached = asyncio.Event()

    def add(self, messages: int, size_bytes: int) -> None:
        """Count messages that came."""
        self.messages += messages
        self.bytes += size_bytes
        if self.messages >= self._goal:
            self._reached.set()

    async def wait_for(self, goal: int) -> None:
        """Return when so many messages have come since the beginning."""
        self._goal = goal
        self._reached.clear()
        if self.messages < goal:
            await asyncio.wait_for(self._reached.wait(), DEADLINE_S)


class Subscriber(asyncio.Protocol):
    """A WebSocket that counts its frames and looks into none: the least that a client can do."""

    def __init__(self, counter: Counter, first_frames: list[bytes]) -> None:
        self._counter = counter
        self._first = first_frames
        self._rest = b""
        self._open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say hello."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(HANDSHAKE)

    def data_received(self, data: bytes) -> None:
        """Count the frames that are whole."""
        data = self._rest + data
        if not self._open:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._rest = head
                return
            assert b" 101 " in head, head
            self._open = True
            self._transport.write(b"".join(self._first))
        start = count = 0
        while (end := find_frame_end(data, start)) <= len(data):
            if data[start] == TEXT:
                count += 1
            elif data[start] == PING:
                self._transport.write(PONG + data[start + 2 : end])
            start = end
        self._rest = data[start:]
        if count:
            self._counter.add(count, start)


def find_frame_end(data: bytes, start: int) -> int:
    """Return where the frame that begins there ends; beyond the data when that is not known."""
    if len(data) < start + 4:
        return len(data) + 1
    length = data[start + 1]
    if length < SHORT_FRAME:
        return start + 2 + length
    if length == SHORT_FRAME:
        return start + 4 + int.from_bytes(data[start + 2 : start + 4], "big")
    return start + 10 + int.from_bytes(data[start + 2 : start + 10], "big")


def make_frame(message: object) -> bytes:
    """Return a masked text frame; the mask is zero, so the text is as it is."""
    text = json.dumps(message).encode()
    if len(text) < SHORT_FRAME:
        return b"\x81" + bytes([0x80 | len(text)]) + bytes(4) + text
    return b"\x81\xfe" + len(text).to_bytes(2, "big") + bytes(4) + text


def make_records(number: int) -> bytes:
    """Return a span that has started, as NDJSON."""
    span = {
        "v": 1, "type": "span", "run_id": f"{1:032x}", "span_id": f"{number + 1:016x}", "rev": 0,
        "name": f"call {number % 10}", "span_type": "LLM_CALL", "status": "STARTED",
        "start_ns": START_NS + number, "seq": number, "lane": 0, "effect": "read",
    }  # fmt: skip
    return json.dumps(span).encode() + b"\n"


async def connect(port: int, counter: Counter, operations: int) -> list[asyncio.Transport]:
    """Open the sockets and subscribe; return them once every one has its first message."""
    loop = asyncio.get_running_loop()
    subscribe = [
        make_frame({"id": str(n), "type": "subscribe",
                    "payload": {"query": EVENTS, "variables": {"id": f"{1:032x}"}}})
        for n in range(operations)
    ]  # fmt: skip
    frames = [make_frame({"type": "connection_init"}), *subscribe]
    opened = []
    for number in range(SUBSCRIBERS // operations):
        transport, _ = await loop.create_connection(
            lambda: Subscriber(counter, frames), "127.0.0.1", port
        )
        opened.append(transport)
        if number % 50 == 0:
            await asyncio.sleep(0)
    await counter.wait_for(len(opened) * (1 + operations))
    return opened


async def measure(
    port: int, operations: int, send: Callable[[int], Awaitable[None]]
) -> tuple[float, float]:
    """Return messages a second, and the bytes of one, with so many operations a socket."""
    counter = Counter()
    begin_s = time.perf_counter()
    opened = await connect(port, counter, operations)
    print(f"     subscribed in {time.perf_counter() - begin_s:.1f} s")
    for number in range(WARM_UP):
        base = counter.messages
        await asyncio.gather(send(number), counter.wait_for(base + SUBSCRIBERS))
    base, base_bytes = counter.messages, counter.bytes
    begin_s = time.perf_counter()
    for number in range(ROUNDS):
        goal = base + (number + 1) * SUBSCRIBERS
        await asyncio.gather(send(WARM_UP + number), counter.wait_for(goal))
    seconds = time.perf_counter() - begin_s
    for transport in opened:
        transport.abort()
    messages = counter.messages - base
    assert messages == ROUNDS * SUBSCRIBERS, f"{messages} messages, not one a span"
    return messages / seconds, (counter.bytes - base_bytes) / messages


async def measure_server(url: str, operations: int) -> tuple[float, float]:
    """Return messages a second of the server, and the bytes of one."""
    offset = operations * 1_000_000
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:

        async def send(number: int) -> None:
            body = make_records(offset + number)
            answer = await client.post("/api/ingest", content=body, headers=NDJSON)
            answer.raise_for_status()

        return await measure(int(url.rpartition(":")[2]), operations, send)


async def measure_floor(url: str, operations: int) -> tuple[float, float]:
    """Return messages a second of bare WebSockets."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:

        async def send(number: int) -> None:
            answer = await client.post(f"/{number}")
            answer.raise_for_status()

        return await measure(int(url.rpartition(":")[2]), operations, send)


@contextmanager
def run_program(command: list[str]) -> Iterator[str]:
    """Start a program that says its URL; yield that, and stop it."""
    process = subprocess.Popen(  # noqa: S603 -- this interpreter, our programs
        [sys.executable, *command], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    url = next(part for line in process.stdout for part in line.split() if "http://" in part)
    try:
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        process.stdout.close()


def serve_floor(size_bytes: int) -> None:
    """Send a prepared text to every subscription at each POST: no store, no GraphQL."""
    text = "x" * size_bytes
    subscriptions: list[Callable[[dict[str, Any]], Awaitable[None]]] = []

    async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept", "subprotocol": "graphql-transport-ws"})
            while (message := await receive())["type"] == "websocket.receive":
                await send({"type": "websocket.send", "text": text})
                if "subscribe" in message["text"]:
                    subscriptions.append(send)
            subscriptions[:] = [other for other in subscriptions if other is not send]
        elif scope["type"] == "http":
            for other in tuple(subscriptions):
                await other({"type": "websocket.send", "text": text})
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    config = uvicorn.Config(
        answer, port=0, lifespan="off", log_config=None, access_log=False,
        ws=WebSocketsSansIOProtocol, ws_per_message_deflate=False,
    )  # fmt: skip
    bound = config.bind_socket()
    print(f"http://127.0.0.1:{bound.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run([bound])


def main() -> None:
    """Measure both shapes and the floor, and print them."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8_192), hard))
    for operations in OPERATIONS_PER_SOCKET:
        sockets = SUBSCRIBERS // operations
        print(f"{sockets} sockets, {operations} operations each, {os.cpu_count()} cores")
        with tempfile.TemporaryDirectory() as name:
            program = "from agenttrace_server.cli import main; main()"
            flags = ["--port", "0", "--database-url", f"sqlite:///{Path(name) / 'bench.db'}"]
            with run_program(["-c", program, "serve", *flags]) as url:
                rate, size = asyncio.run(measure_server(url, operations))
        with run_program([__file__, "--floor", str(round(size))]) as url:
            floor, _ = asyncio.run(measure_floor(url, operations))
        print(f"P12  {rate:>10,.0f} messages/s of {size:.0f} bytes   floor {floor:,.0f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--floor"]:
        serve_floor(int(sys.argv[2]))
    else:
        main()
