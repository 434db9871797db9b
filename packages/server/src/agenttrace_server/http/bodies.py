"""Reading a request's body within limits, while it arrives: nothing is held that is too much."""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from starlette.requests import Request

    from agenttrace_server.services.budget import Account

MAX_WIRE_BYTES: Final = 16 * 1024 * 1024
MAX_INFLATED_BYTES: Final = 64 * 1024 * 1024
MAX_GZIP_MEMBERS: Final = 1_000
BODY_TIMEOUT_S: Final = 60

_GZIP_WINDOW: Final = 31  # zlib's sign for a gzip stream
_INFLATE_STEP_BYTES: Final = 1024 * 1024


async def read_body(request: Request, account: Account) -> bytes:
    """Return the body, inflated if it is gzip. What it takes is held on the account.

    Raises:
        HTTPException: 400 (not gzip), 408 (too slow), 413 (too large), 415 (another encoding).
        OverloadedError: the account has no room.

    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise HTTPException(
            415, f"Content-Encoding {encoding!r} is not supported; send gzip or none"
        )
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > MAX_WIRE_BYTES:
        raise _too_large("the body", MAX_WIRE_BYTES)
    inflater = _Inflater(account) if encoding == "gzip" else None
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await _collect(request, account, inflater)
    except TimeoutError as error:
        raise HTTPException(
            408, f"the body did not arrive within {BODY_TIMEOUT_S} seconds"
        ) from error


async def _collect(request: Request, account: Account, inflater: _Inflater | None) -> bytes:
    wire_bytes = 0
    plain: list[bytes] = []
    async for chunk in request.stream():
        wire_bytes += len(chunk)
        if wire_bytes > MAX_WIRE_BYTES:
            raise _too_large("the body", MAX_WIRE_BYTES)
        if inflater is None:
            account.take(len(chunk))
            plain.append(chunk)
        else:
            await inflater.feed(chunk)
    return b"".join(plain) if inflater is None else inflater.finish()


class _Inflater:
    """Inflates gzip (one member or several) as it comes, and stops at the limit."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._member = zlib.decompressobj(_GZIP_WINDOW)
        self._members = 1
        self._parts: list[bytes] = []
        self._size = 0

    async def feed(self, chunk: bytes) -> None:
        rest = chunk
        while rest:
            rest = self._step(rest)
            await asyncio.sleep(0)  # a bomb must not hold up the others

    def finish(self) -> bytes:
        if not self._member.eof:
            raise HTTPException(400, "the body is gzip that ends too early")
        return b"".join(self._parts)

    def _step(self, data: bytes) -> bytes:
        """Inflate at most a mebibyte; return what is left to do."""
        if self._member.eof:
            # Twenty bytes make an empty one, and each costs more than its bytes do.
            if self._members == MAX_GZIP_MEMBERS:
                raise HTTPException(
                    413, f"the body has over {MAX_GZIP_MEMBERS} gzip members; send several requests"
                )
            self._members += 1
            self._member = zlib.decompressobj(_GZIP_WINDOW)
        try:
            plain = self._member.decompress(data, _INFLATE_STEP_BYTES)
        except zlib.error as error:
            raise HTTPException(400, "the body is not gzip, as Content-Encoding says") from error
        self._size += len(plain)
        if self._size > MAX_INFLATED_BYTES:
            raise _too_large("the inflated body", MAX_INFLATED_BYTES)
        self._account.take(len(plain))
        self._parts.append(plain)
        return self._member.unused_data or self._member.unconsumed_tail


def _too_large(what: str, limit_bytes: int) -> HTTPException:
    return HTTPException(413, f"{what} is over {limit_bytes} bytes; send several requests")
