"""What every request and answer goes through, from the outside in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from agenttrace_server.http.access import AccessNotes
from agenttrace_server.http.authentication import PROJECT_HEADER, Authentication
from agenttrace_server.http.compression import Compression
from agenttrace_server.http.headers import LOCAL_HOSTS, HostGuard, OriginGuard, SecurityHeaders
from agenttrace_server.http.local import TokenGuard
from agenttrace_server.http.peers import Guard, PeerGuard, choose_guard
from agenttrace_server.http.proxies import Proxies

if TYPE_CHECKING:
    from agenttrace_server.local_token import LocalToken
    from agenttrace_server.metrics import Metrics
    from agenttrace_server.services.authentication import Authenticator
    from agenttrace_server.settings import Settings


def list_middleware(
    settings: Settings,
    metrics: Metrics,
    authenticator: Authenticator,
    *,
    local_token: LocalToken | None = None,
) -> list[Middleware]:
    """Return the middleware for these settings; with `LOCAL_TOKEN` there must be a token."""
    middleware = [
        Middleware(AccessNotes, metrics=metrics),
        Middleware(SecurityHeaders),
        Middleware(HostGuard, hosts=(*LOCAL_HOSTS, settings.shown_host, *settings.allowed_hosts)),
        Middleware(OriginGuard, origins=settings.cors_origins),
    ]
    if settings.trusted_proxies:  # the others then see the client's address and scheme
        middleware.insert(0, Middleware(Proxies, trusted=settings.trusted_proxies))
    if settings.cors_origins:
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=["GET", "POST"],
                allow_headers=["content-type", "content-encoding", "authorization", PROJECT_HEADER],
            )
        )
    # Within CORS: its preflights carry no token, and a page of a listed origin can read that it has
    # to log in.
    match choose_guard(settings):
        case Guard.OWNER:
            middleware.append(Middleware(PeerGuard))
        case Guard.TOKEN:
            assert local_token is not None, "create_app sees to that"
            middleware.append(Middleware(TokenGuard, token=local_token))
    guard = Middleware(Authentication, authenticator=authenticator)
    return [*middleware, guard, Middleware(Compression)]
