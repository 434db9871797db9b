"""Headers that every answer carries, and which requests are let in at all. Pure ASGI.

A program on this machine may use the server freely; a web page somewhere else may not, though the
browser on this machine would carry its requests here. So the `Host` must be one of ours (a page
may point its own name at 127.0.0.1), and a request that a page of another origin makes is
refused, for WebSockets too: CORS does not cover them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders

from agenttrace_server.http.errors import make_error, refuse_websocket

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "[::1]")

# Styles: React sets style attributes through the DOM, which CSP does not count; `style-src-attr`
# is for the ones that libraries write as text (virtual lists). Scripts are files of ours, only.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class SecurityHeaders:
    """Adds the security headers, and `no-store` where nothing else was said."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; set headers on its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class HostGuard:
    """Lets in only requests and WebSockets whose `Host` is one of ours."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request with 421 or pass it on."""
        if scope["type"] in ("http", "websocket"):
            given = Headers(scope=scope).getlist("host")
            if len(given) != 1 or _strip_port(given[0]) not in self._hosts:
                await _refuse(scope, receive, send, answer=_make_host_error())
                return
        await self._app(scope, receive, send)


class OriginGuard:
    """Refuses what a web page of another origin asks for, but reads that it cannot see anyway."""

    def __init__(self, app: ASGIApp, *, origins: Iterable[str]) -> None:
        self._app = app
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request with 403 or pass it on."""
        if scope["type"] == "websocket" or scope.get("method") not in _SAFE_METHODS | {None}:
            headers = Headers(scope=scope)
            if not self._is_allowed(headers):
                await _refuse(scope, receive, send, answer=_make_origin_error())
                return
        await self._app(scope, receive, send)

    def _is_allowed(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is None:  # no browser, or one that says so otherwise
            return headers.get("sec-fetch-site") not in ("cross-site", "same-site")
        if origin.lower() in self._origins:
            return True
        parts = urlsplit(origin)
        return (
            parts.scheme in ("http", "https")
            and parts.netloc.lower() == headers.get("host", "").lower()
        )


def _make_host_error() -> Response:
    message = "this server does not answer to that Host; add it to ALLOWED_HOSTS"
    return make_error(421, "host_not_allowed", message)


def _make_origin_error() -> Response:
    message = "a page of another origin may not do this; add it to CORS_ORIGINS"
    return make_error(403, "origin_not_allowed", message)


def _strip_port(host: str) -> str:
    name = host.lower()
    if name.startswith("["):
        return name[: name.find("]") + 1]
    return name.partition(":")[0]


async def _refuse(scope: Scope, receive: Receive, send: Send, *, answer: Response) -> None:
    if scope["type"] == "websocket":
        await refuse_websocket(receive, send)
    else:
        await answer(scope, receive, send)
