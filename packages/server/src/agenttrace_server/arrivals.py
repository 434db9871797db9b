"""What a body may take to arrive: so much time, so many bytes. For every door that reads one."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request


@asynccontextmanager
async def limit_arrival(timeout_s: float) -> AsyncIterator[None]:
    """Give a body so long to arrive within the block.

    Raises:
        HTTPException: 408, it took longer.

    """
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError as error:
        text = f"the body did not arrive within {timeout_s:.0f} seconds"
        raise HTTPException(408, text) from error


async def read_small_body(request: Request, *, max_bytes: int, timeout_s: float) -> bytes:
    """Return a body as it came.

    Raises:
        HTTPException: 408 (too slow), 413 (over `max_bytes`).

    """
    body = bytearray()
    async with limit_arrival(timeout_s):
        async for chunk in request.stream():
            body += chunk
            if len(body) > max_bytes:
                raise HTTPException(413, f"the body is over {max_bytes} bytes")
    return bytes(body)
