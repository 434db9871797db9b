"""The guard of a server without accounts: it is for the user who started it, and for no other.

Who else works on this machine could reach it, too; the owner of the other end of a connection
is asked for once, at the connection's first request.
"""

from __future__ import annotations

import logging
import os
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from agenttrace_server.http.errors import make_error
from agenttrace_server.http.headers import refuse
from agenttrace_server.http.sockets import Address, can_find_owners, find_owner

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from agenttrace_server.settings import Settings

PEER: Final = "peer"
"""The name in a scope's `state` of who has the other end of its connection."""
ROOT: Final = 0

_log = logging.getLogger(__name__)


class Guard(StrEnum):
    """What keeps other users of this machine out of a server without accounts."""

    OWNER = "owner"
    """The system says whose a connection is."""
    TOKEN = "token"  # noqa: S105 -- no secret
    """A token, which only the server's user can read."""
    NOTHING = "nothing"


def choose_guard(settings: Settings) -> Guard:
    """Return the guard that a server with these settings has."""
    if settings.local_token:
        return Guard.TOKEN
    return Guard.OWNER if settings.is_single_user and can_find_owners() else Guard.NOTHING


class Peer:
    """The other end of one connection."""

    __slots__ = ("_client", "_is_trusted", "_server")

    def __init__(self, client: Address | None, server: Address | None) -> None:
        self._client = client
        self._server = server
        self._is_trusted: bool | None = None

    def is_trusted(self) -> bool:
        """Tell whether it is this user's or root's. Asks only once."""
        if self._is_trusted is None:
            self._is_trusted = self._ask()
        return self._is_trusted

    def _ask(self) -> bool:
        if self._client is None or self._server is None:
            return False
        try:
            owner = find_owner(self._client, self._server)
        except OSError as error:
            _log.warning("a connection is refused, as its owner is not known: %s", error)
            return False
        # Nobody's is one that was closed already, or comes from beyond this machine, where a
        # server without accounts does not listen.
        return owner is not None and owner.user_id in (os.geteuid(), ROOT)


class PeerGuard:
    """Refuses connections of other users of this machine, for WebSockets too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request with 401 or pass it on."""
        if scope["type"] in ("http", "websocket"):
            peer = scope.get("state", {}).get(PEER)
            if peer is None or not peer.is_trusted():
                await refuse(scope, receive, send, answer=_make_error())
                return
        await self._app(scope, receive, send)


def _make_error() -> Response:
    message = (
        "this server has no accounts: it is for the user who started it, and for no other user of "
        "this machine; start one of your own on another port, or have SECRET_KEY set"
    )
    return make_error(401, "other_user", message, headers={"WWW-Authenticate": "Bearer"})
