"""Inflating a body as it comes: gzip and zstd, one member or several, up to a limit."""

from __future__ import annotations

import asyncio
import sys
import zlib
from typing import TYPE_CHECKING, Final, Protocol

from starlette.exceptions import HTTPException

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace_server.services.budget import Account

MAX_INFLATED_BYTES: Final = 64 * 1024 * 1024
MAX_MEMBERS: Final = 1_000
"""Members of gzip or frames of zstd in one body."""
MAX_WINDOW_BITS: Final = 23
"""8 MiB: what RFC 8878 asks every reader of zstd to take, and no level below `--ultra` exceeds."""

_GZIP_WINDOW: Final = 31  # zlib's sign for a gzip stream
_STEP_BYTES: Final = 1024 * 1024


class _Member(Protocol):
    """One compressed stream within a body."""

    @property
    def eof(self) -> bool:
        """Whether it has ended."""

    def step(self, data: bytes) -> tuple[bytes, bytes, bool]:
        """Return at most a mebibyte, what of `data` is left, and whether there is more to do.

        Raises:
            HTTPException: 400, the data is none of this kind.

        """


class _GzipMember:
    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_GZIP_WINDOW)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    def step(self, data: bytes) -> tuple[bytes, bytes, bool]:
        try:
            plain = self._stream.decompress(data, _STEP_BYTES)
        except zlib.error as error:
            raise _refuse("gzip") from error
        rest = self._stream.unused_data or self._stream.unconsumed_tail
        return plain, rest, bool(rest)


class _ZstdFrame:
    def __init__(self) -> None:
        options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: MAX_WINDOW_BITS}
        self._stream = zstd.ZstdDecompressor(options=options)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    def step(self, data: bytes) -> tuple[bytes, bytes, bool]:
        try:
            plain = self._stream.decompress(data, _STEP_BYTES)
        except zstd.ZstdError as error:
            raise _refuse("zstd with a window of at most 8 MiB") from error
        if self._stream.eof:
            return plain, self._stream.unused_data, bool(self._stream.unused_data)
        return plain, b"", not self._stream.needs_input


_MEMBERS: Final[dict[str, Callable[[], _Member]]] = {"gzip": _GzipMember, "zstd": _ZstdFrame}
ENCODINGS: Final = tuple(_MEMBERS)


class Inflater:
    """Inflates a body as it comes, and stops at the limit. What it makes is on the account."""

    def __init__(self, encoding: str, account: Account) -> None:
        self._encoding = encoding
        self._account = account
        self._make_member = _MEMBERS[encoding]
        self._member = self._make_member()
        self._members = 1
        self._parts: list[bytes] = []
        self._size = 0

    async def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body.

        Raises:
            HTTPException: 400 (not of this encoding), 413 (too much when inflated).
            OverloadedError: the account has no room.

        """
        rest, has_more = chunk, bool(chunk)
        while has_more:
            rest, has_more = self._step(rest)
            await asyncio.sleep(0)  # a bomb must not hold up the others

    def finish(self) -> bytes:
        """Return what the body was.

        Raises:
            HTTPException: 400, it ends too early.

        """
        if not self._member.eof:
            raise HTTPException(400, f"the body is {self._encoding} that ends too early")
        return b"".join(self._parts)

    def _step(self, data: bytes) -> tuple[bytes, bool]:
        """Inflate at most a mebibyte; return what is left of the data, and if there is more."""
        if self._member.eof:
            # Twenty bytes make an empty one, and each costs more than its bytes do.
            if self._members == MAX_MEMBERS:
                raise HTTPException(
                    413,
                    f"the body has over {MAX_MEMBERS} members of {self._encoding}; "
                    "send several requests",
                )
            self._members += 1
            self._member = self._make_member()
        plain, rest, has_more = self._member.step(data)
        self._size += len(plain)
        if self._size > MAX_INFLATED_BYTES:
            raise refuse_size("the inflated body", MAX_INFLATED_BYTES)
        self._account.take(len(plain))
        self._parts.append(plain)
        return rest, has_more


def refuse_size(what: str, limit_bytes: int) -> HTTPException:
    """Return the refusal of a body that is too large."""
    return HTTPException(413, f"{what} is over {limit_bytes} bytes; send several requests")


def _refuse(what: str) -> HTTPException:
    return HTTPException(400, f"the body is not {what}, as Content-Encoding says")
