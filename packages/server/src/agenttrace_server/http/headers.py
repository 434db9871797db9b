"""Headers that every answer carries, and which requests are let in at all. Pure ASGI.

A program on this machine may use the server freely; a web page somewhere else may not, though the
browser on this machine would carry its requests here. So the `Host` must be one of ours (a page
may point its own name at 127.0.0.1), and what a page of another origin asks for is refused,
reads and WebSockets too: CORS covers neither. Only a link may lead from there to our pages.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers, MutableHeaders

from agenttrace_server.http.errors import make_error
from agenttrace_server.http.paths import is_page
from agenttrace_server.http.policy import set_security_headers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "[::1]")

_HOST: Final = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^:\[\]]+)(:[0-9]{0,5})?")
_SECURE: Final = ("https", "wss")
_OWN_SITES: Final = ("none", "same-origin")
"""What a browser says of a request of our own page, or of no page: an address that was typed in."""


class SecurityHeaders:
    """Adds the security headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; set headers on its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                set_security_headers(MutableHeaders(scope=message), scheme=scope["scheme"])
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
            if len(given) != 1 or _read_name(given[0]) not in self._hosts:
                await refuse(scope, receive, send, answer=_make_host_error())
                return
        await self._app(scope, receive, send)


class OriginGuard:
    """Refuses what a web page of another origin asks for."""

    def __init__(self, app: ASGIApp, *, origins: Iterable[str]) -> None:
        self._app = app
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request with 403 or pass it on."""
        if scope["type"] in ("http", "websocket") and not self._is_allowed(scope):
            await refuse(scope, receive, send, answer=_make_origin_error())
            return
        await self._app(scope, receive, send)

    def _is_allowed(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        origins = headers.getlist("origin")
        site = headers.get("sec-fetch-site", "none").lower()
        if origins:
            origin = origins[0].lower()
            is_ours = site in _OWN_SITES and _is_own(origin, scope, headers)
            return len(origins) == 1 and (origin in self._origins or is_ours)
        if scope["type"] == "websocket":  # a browser always says where a WebSocket comes from
            return not _is_browser(headers)
        # No browser; or one that asks for our own page, or leaves the origin out of a GET.
        return site in _OWN_SITES or _is_link(scope, headers)


def _is_own(origin: str, scope: Scope, headers: Headers) -> bool:
    """Tell whether an origin is this server's own, by the name that the request has for it."""
    scheme, _, place = origin.partition("://")
    schemes = ("https",) if scope["scheme"] in _SECURE else ("http", "https")
    return scheme in schemes and place == headers["host"].lower()


def _is_browser(headers: Headers) -> bool:
    """Tell whether a request says that it comes from a browser."""
    is_fetched = any(name.startswith("sec-fetch-") for name in headers)
    return is_fetched or headers.get("user-agent", "").startswith("Mozilla/")


def _is_link(scope: Scope, headers: Headers) -> bool:
    """Tell whether a person follows a link to one of our pages, in a tab of its own."""
    return (
        scope["method"] in ("GET", "HEAD")
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
        and is_page(scope["path"])
    )


def _make_host_error() -> Response:
    message = "this server does not answer to that Host; add it to ALLOWED_HOSTS"
    return make_error(421, "host_not_allowed", message)


def _make_origin_error() -> Response:
    message = "a page of another origin may not do this; add it to CORS_ORIGINS"
    return make_error(403, "origin_not_allowed", message)


def _read_name(host: str) -> str | None:
    """Return the name in a `Host`; None when it is no name with a port or without."""
    found = _HOST.fullmatch(host.lower())
    return found["name"] if found else None


async def refuse(scope: Scope, receive: Receive, send: Send, *, answer: Response) -> None:
    """Send an answer instead of what was asked for; a WebSocket is told, and not opened."""
    if scope["type"] == "websocket":
        await receive()
    await answer(scope, receive, send)
