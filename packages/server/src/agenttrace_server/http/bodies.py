"""Reading a request's body within limits, while it arrives: nothing is held that is too much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agenttrace_server.arrivals import limit_arrival
from agenttrace_server.http.errors import EncodingError
from agenttrace_server.http.inflation import ENCODINGS, Inflater, refuse_size

if TYPE_CHECKING:
    from starlette.requests import Request

    from agenttrace_server.services.budget import Account

MAX_WIRE_BYTES: Final = 16 * 1024 * 1024
BODY_TIMEOUT_S: Final = 60


async def read_body(request: Request, account: Account) -> bytes:
    """Return the body, inflated if it is gzip or zstd. What it takes is held on the account.

    Raises:
        HTTPException: 400 (not what it says), 408 (too slow), 413 (too large), 415 (not an
            encoding that is read).
        OverloadedError: the account has no room.

    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", *ENCODINGS):
        raise EncodingError(
            f"Content-Encoding {encoding!r} is not supported; send {', '.join(ENCODINGS)} or none"
        )
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > MAX_WIRE_BYTES:
        raise refuse_size("the body", MAX_WIRE_BYTES)
    inflater = Inflater(encoding, account) if encoding in ENCODINGS else None
    async with limit_arrival(BODY_TIMEOUT_S):
        return await _collect(request, account, inflater)


async def _collect(request: Request, account: Account, inflater: Inflater | None) -> bytes:
    wire_bytes = 0
    plain: list[bytes] = []
    async for chunk in request.stream():
        wire_bytes += len(chunk)
        if wire_bytes > MAX_WIRE_BYTES:
            raise refuse_size("the body", MAX_WIRE_BYTES)
        if inflater is None:
            account.take(len(chunk))
            plain.append(chunk)
        else:
            await inflater.feed(chunk)
    return b"".join(plain) if inflater is None else inflater.finish()
