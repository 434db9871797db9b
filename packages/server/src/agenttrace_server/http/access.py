"""What is noted of each request: an id, a line of the log, and figures. Pure ASGI, outermost.

The line has the path and not what follows `?`: whatever a client puts there, a token too, stays
out of the log. Headers and bodies are not looked at.
"""

from __future__ import annotations

import logging
import secrets
import time
from typing import TYPE_CHECKING, Final

from agenttrace_server.logs import ACCESS, REQUEST_ID

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from agenttrace_server.metrics import Metrics

STATE_KEY: Final = "request_id"
"""The name in a scope's `state` of the id that the answer, the log and the audit log give."""
UNREAD_NOTES: Final = "unread_notes"
"""The name in the state of the application of its `UnreadNotes`."""
REQUEST_ID_HEADER: Final = "X-Request-Id"
_HEADER_NAME: Final = REQUEST_ID_HEADER.lower().encode()
MAX_PATH_CHARS: Final = 200
_DOORS: Final = (
    "/graphql",
    "/api/ingest",
    "/api/export",
    "/api/replay",
    "/api/diff",
    "/api/runs",
    "/api/auth",
    "/api",
    "/v1",
    "/healthz",
    "/readyz",
    "/metrics",
    "/docs",
)
_PAGE: Final = "/"
_UNREAD: Final = "unread"
"""The door, to the figures, of what could not be read far enough to have one."""
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})
_INTERNAL_ERROR: Final = 500
_SWITCHING: Final = 101
_REFUSED: Final = 403


class AccessNotes:
    """Gives each request an id, and notes how it was answered."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; note its answer."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        # One that a trusted proxy named, or that was answered below, has an id already.
        request_id = state.setdefault(STATE_KEY, make_request_id())
        REQUEST_ID.set(request_id)  # of this request's own context
        if scope["type"] == "http":
            await self._note_request(scope, receive, send, request_id)
        else:
            await self._note_socket(scope, receive, send)

    async def _note_request(
        self, scope: Scope, receive: Receive, send: Send, request_id: str
    ) -> None:
        begin_s = time.perf_counter()
        status = _INTERNAL_ERROR  # unless something is answered

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (_HEADER_NAME, request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        finally:
            took_s = time.perf_counter() - begin_s
            door = name_door(scope["path"])
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.note_answer(door, method, status, took_s)
            _log_access(_read_client(scope), scope["method"], scope["path"], status, took_s)

    async def _note_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        begin_s = time.perf_counter()
        status = _REFUSED  # unless it is accepted

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "websocket.accept":
                status = _SWITCHING
                self._metrics.sockets.inc()
            elif message["type"] == "websocket.http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        finally:
            if status == _SWITCHING:
                self._metrics.sockets.dec()
            self._metrics.note_answer(name_door(scope["path"]), "websocket", status, None)
            took_s = time.perf_counter() - begin_s
            _log_access(_read_client(scope), "WEBSOCKET", scope["path"], status, took_s)


def make_request_id() -> str:
    """Return an id that no other request has."""
    return secrets.token_hex(8)


class UnreadNotes:
    """Notes what is refused below the application: no request, or one that did not come whole."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def note(self, status: int, client: str | None, took_s: float) -> str:
        """Note an answer to what has neither method nor path; return the id that it is given."""
        request_id = make_request_id()
        self._metrics.note_answer(_UNREAD, "other", status, None)
        token = REQUEST_ID.set(request_id)
        _log_access(client, "-", "-", status, took_s)
        REQUEST_ID.reset(token)
        return request_id


def name_door(path: str) -> str:
    """Return the door that a path belongs to: there are a dozen, however many paths are asked."""
    for door in _DOORS:
        if path == door or path.startswith(f"{door}/"):
            return door
    return _PAGE


def _read_client(scope: Scope) -> str | None:
    client = scope.get("client")
    return client[0] if client else None


def _log_access(client: str | None, method: str, path: str, status: int, took_s: float) -> None:
    if not ACCESS.isEnabledFor(logging.INFO):
        return
    path = path[:MAX_PATH_CHARS]
    took_ms = round(1_000 * took_s, 1)
    access = {
        "method": method,
        "path": path,
        "status": status,
        "duration_ms": took_ms,
        "client": client,
    }
    ACCESS.info("%s %s %s %s ms", method, path, status, took_ms, extra={"access": access})
