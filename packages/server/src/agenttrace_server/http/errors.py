"""Errors over HTTP: `{"error": {"code", "message"}}`, always JSON, never a traceback."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Final

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from agenttrace_server.errors import OverloadedError
from agenttrace_server.http.policy import set_security_headers
from agenttrace_server.logs import mark_told

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Send

_log = logging.getLogger(__name__)

_CODES = {
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}
CUT: Final = "cut"
"""The name in a request's `state` of the status with which its connection was ended below it."""
_ENCODING = "unsupported_encoding"


class EncodingError(HTTPException):
    """A body is packed in a way that is not read: of the two reasons for 415 the other one."""

    def __init__(self, message: str) -> None:
        super().__init__(415, message)


def make_error(
    status: int, code: str, message: str, *, headers: dict[str, str] | None = None
) -> Response:
    """Return an error as JSON. `code` is for programs, `message` for people."""
    body = {"error": {"code": code, "message": message}}
    return JSONResponse(body, status_code=status, headers=headers)


def make_overloaded(error: OverloadedError) -> Response:
    """Return the answer to what may succeed after a while."""
    retry = {"Retry-After": str(error.retry_after_s)}
    return make_error(503, "overloaded", str(error), headers=retry)


async def answer_http_error(_request: Request, error: Exception) -> Response:
    """Answer a refusal that Starlette or a route raised."""
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "bad_request")
    if isinstance(error, EncodingError):
        code = _ENCODING
    headers = dict(error.headers) if error.headers else None
    return make_error(error.status_code, code, error.detail, headers=headers)


async def answer_unavailable(_request: Request, error: Exception) -> Response:
    """Answer what the store cannot do now, or not in the time that an answer may take."""
    if isinstance(error, OverloadedError):
        return make_overloaded(error)
    return make_error(503, "timed_out", str(error))


async def answer_unexpected(request: Request, error: Exception) -> Response:
    """Answer an error that nobody expected: under an id that the log has too."""
    error_id = secrets.token_hex(8)
    _log.error("error %s at %s %s", error_id, request.method, request.url.path, exc_info=error)
    mark_told(error)
    answer = make_error(500, "internal", f"internal error {error_id}; the server's log has more")
    # Starlette calls this outside of every middleware.
    set_security_headers(answer.headers, scheme=request.scope["scheme"])
    return answer


async def answer_nobody(request: Request, _error: Exception) -> Response:
    """Answer a client that went away while it sent, or that has its answer already.

    It does not read this; nothing failed.
    """
    return Response(status_code=request.scope["state"].get(CUT, 400))


async def refuse_websocket(receive: Receive, send: Send) -> None:
    """Refuse a WebSocket before it is accepted: the client sees status 403."""
    await receive()
    await send({"type": "websocket.close", "code": 1008})
