"""Nobody comes in who is not known, but by the few doors that are for anybody. Pure ASGI.

It stands before the routes and asks them which one a request is for: a door that was added and not
thought of is shut. A browser cannot send a header with a WebSocket, so the one WebSocket may say
who it is in its first message instead; nothing is answered before that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers

from agenttrace_server.agents import clean_agent
from agenttrace_server.errors import AuthenticationError, ForbiddenError, ServerError
from agenttrace_server.http.access import STATE_KEY
from agenttrace_server.http.doors import DOORS, find_door
from agenttrace_server.http.errors import make_error
from agenttrace_server.http.headers import refuse
from agenttrace_server.identity import LOCAL, NOBODY, Actor, Permission, Principal

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from agenttrace_server.services.authentication import Authenticator

PROJECT_HEADER: Final = "x-agenttrace-project"
CHALLENGE: Final = 'Bearer realm="agenttrace"'
_ACTOR: Final = "actor"


def read_actor(request: Request) -> Actor:
    """Return who makes a request."""
    actor = request.scope["state"][_ACTOR]
    assert isinstance(actor, Actor)
    return actor


def refuse_actor(error: ServerError) -> Response:
    """Return the answer to who is not known (401), may not (403), or cannot be looked up (503)."""
    if isinstance(error, AuthenticationError):
        headers = {"WWW-Authenticate": CHALLENGE}
        return make_error(401, "unauthenticated", str(error), headers=headers)
    if isinstance(error, ForbiddenError):
        return make_error(403, "forbidden", str(error))
    return make_error(503, "overloaded", str(error), headers={"Retry-After": "1"})


class Authentication:
    """Finds out who asks, and whether they may come in by this door."""

    def __init__(self, app: ASGIApp, *, authenticator: Authenticator) -> None:
        self._app = app
        self._authenticator = authenticator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request with 401 or 403, or pass it on with its actor."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            principal = await self._find_principal(scope)
        except ServerError as error:
            await refuse(scope, receive, send, answer=refuse_actor(error))
        else:
            client, state = scope.get("client"), scope["state"]
            state[_ACTOR] = Actor(
                principal,
                address=client[0] if client else "",
                agent=clean_agent(Headers(scope=scope).get("user-agent", "")),
                request_id=state[STATE_KEY],
            )
            await self._app(scope, receive, send)

    async def _find_principal(self, scope: Scope) -> Principal:
        headers = Headers(scope=scope)
        given = headers.getlist("authorization")
        if not self._authenticator.is_on and len(given) <= 1:
            return LOCAL  # by whatever door
        is_public, path = find_door(scope, scope["app"].routes)
        if is_public or (scope["type"] == "websocket" and not given):
            return NOBODY
        if len(given) > 1:
            raise AuthenticationError("there is more than one Authorization header")
        principal = await self._authenticator.authenticate(
            given[0] if given else None, headers.get(PROJECT_HEADER)
        )
        if path is not None:
            principal.require(DOORS.get(path) or Permission.OPERATE)
        return principal
