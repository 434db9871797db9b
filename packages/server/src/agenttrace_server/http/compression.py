"""Compressing answers of JSON, for clients that take it: a tree of 50,000 spans is 14 MB of text.

Starlette's own middleware knows gzip only, which takes five times as long for a third more bytes,
and takes `gzip;q=0` for a wish. Large answers are compressed on a thread, without the interpreter's
lock: others are answered meanwhile. What is streamed is passed on as it comes, unless its door
compresses it by `compress_stream`.

An attacker who chooses a part of an answer may read the rest from its length (BREACH). Nothing here
is to be had so: no cookie lets another page ask (see `http.headers`), and no answer has a token.
"""

from __future__ import annotations

import asyncio
import sys
import zlib
from typing import TYPE_CHECKING, Final, Protocol

from starlette.datastructures import Headers, MutableHeaders

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MIN_BYTES: Final = 1024
"""A smaller answer is one packet anyway."""
THREAD_BYTES: Final = 128 * 1024
"""A smaller one is compressed in less time than a thread takes to begin."""
TYPES: Final = frozenset({"application/json", "application/graphql-response+json"})
_LEVEL: Final = 1
_GZIP_WINDOW: Final = 31  # zlib's sign for a gzip stream


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


def _compress_zstd(body: bytes) -> bytes:
    return zstd.compress(body, _LEVEL)


def _compress_gzip(body: bytes) -> bytes:
    return zlib.compress(body, _LEVEL, _GZIP_WINDOW)


# The first is taken where a client likes both as much.
_ENCODINGS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "zstd": _compress_zstd,
    "gzip": _compress_gzip,
}


# What streams are compressed with; each has `compress` and `flush`.
_STREAMS: Final[Mapping[str, Callable[[], _Compressor]]] = {
    "zstd": lambda: zstd.ZstdCompressor(_LEVEL),
    "gzip": lambda: zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP_WINDOW),
}


async def compress_stream(parts: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
    """Yield parts compressed, as the compressor gives them: some add to what comes later.

    An error of `parts` goes on to the caller, and leaves a stream without its end.
    """
    compressor = _STREAMS[encoding]()
    async for part in parts:
        is_large = len(part) >= THREAD_BYTES
        compress = compressor.compress
        shorter = await asyncio.to_thread(compress, part) if is_large else compress(part)
        if shorter:
            yield shorter
    yield compressor.flush()


class Compression:
    """Compresses answers of JSON that come in one piece of at least 1 KiB."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; compress its answer."""
        if scope["type"] != "http" or scope["method"] == "HEAD":
            await self._app(scope, receive, send)
            return
        accepted = ", ".join(Headers(scope=scope).getlist("accept-encoding"))
        await self._app(scope, receive, _Answer(send, accepted))


class _Answer:
    """Holds back the head of an answer until it is known how it goes on."""

    def __init__(self, send: Send, accepted: str) -> None:
        self._send = send
        self._accepted = accepted
        self._head: Message | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_suitable(Headers(scope=message)):
            self._head = message
            return
        head, self._head = self._head, None
        if head is not None:
            body: bytes = message.get("body", b"")
            is_whole = message["type"] == "http.response.body" and not message.get("more_body")
            if is_whole and len(body) >= MIN_BYTES:
                message = {**message, "body": await self._compress(head, body)}
            await self._send(head)
        await self._send(message)

    async def _compress(self, head: Message, body: bytes) -> bytes:
        headers = MutableHeaders(scope=head)
        headers.add_vary_header("Accept-Encoding")
        encoding = choose_encoding(self._accepted)
        if encoding is None:
            return body
        compress = _ENCODINGS[encoding]
        is_large = len(body) >= THREAD_BYTES
        shorter = await asyncio.to_thread(compress, body) if is_large else compress(body)
        headers["Content-Encoding"] = encoding
        headers["Content-Length"] = str(len(shorter))
        return shorter


def choose_encoding(accepted: str) -> str | None:
    """Return what of ours a client likes best, by its `Accept-Encoding`; None: as it is."""
    wishes: dict[str, float] = {}
    for part in accepted.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        wishes.setdefault(name, _read_quality(parameters))
    others = wishes.get("*", 0.0)
    rated = {name: wishes.get(name, others) for name in _ENCODINGS}
    best = max(rated, key=rated.__getitem__)  # the first of equals
    return best if rated[best] > 0 else None


def _read_quality(parameters: list[str]) -> float:
    """Return how much something is liked, from 0 to 1; 0 where that cannot be read."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                return 0.0
            return quality if 0 <= quality <= 1 else 0.0
    return 1.0


def _is_suitable(headers: Headers) -> bool:
    kind = headers.get("content-type", "").partition(";")[0].strip()
    return kind in TYPES and "content-encoding" not in headers
