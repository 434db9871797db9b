"""The open WebSockets, and whose they are: each is closed when its owner may no longer follow."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from agenttrace_server.errors import ServerError
from agenttrace_server.graphql.context import Context
from agenttrace_server.identity import NOBODY, Actor, ActorKind, Principal
from agenttrace_server.services.authentication import Authenticator, End
from agenttrace_server.services.sessions import name_network

GOING_AWAY: Final = 1001
FORBIDDEN_CODE: Final = 4403
CHECK_EVERY_S: Final = 2.0
"""Whoever lost the right to follow is told within 5 s: the look itself may take some time."""
CLOSE_TIMEOUT_S: Final = 1.0
MAX_SOCKETS_OF_ONE: Final = 10
"""That an account or a key may have open in a process."""
MAX_STRANGERS: Final = 500
"""Open ones of a process, of those who have not said yet who they are: they have 5 s for it."""
MAX_STRANGERS_OF_ONE: Final = 50
"""Of these from one address, of IPv6 one /64: an office whose tabs all come back has so many."""

_log = logging.getLogger(__name__)


class Followers:
    """The WebSockets of this process."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator
        self._contexts: dict[WebSocket, Context | None] = {}

    def __len__(self) -> int:
        return len(self._contexts)

    def add(self, socket: WebSocket) -> None:
        """Take note of a WebSocket, of which nobody knows yet whose it is."""
        self._contexts[socket] = None

    def has_place(self, socket: WebSocket) -> bool:
        """Tell whether one more may be opened, as far as it is not said whose it is.

        So nobody without a credential takes the places of those who have one: they share a part.
        """
        if not _is_strange(socket, None):
            return True
        strange = [each for each, context in self._contexts.items() if _is_strange(each, context)]
        near = name_network(_read_address(socket))
        count = sum(name_network(_read_address(each)) == near for each in strange)
        return len(strange) < MAX_STRANGERS and count < MAX_STRANGERS_OF_ONE

    def bind(self, socket: WebSocket, context: Context) -> None:
        """Say whose it is: who the context says, now or later."""
        self._contexts[socket] = context

    def has_room(self, owner: Principal) -> bool:
        """Tell whether an account or key has no more of them than it may, what it just opened too.

        Who is alone on a server without accounts has as many as the server takes.
        """
        if owner.kind is ActorKind.LOCAL:
            return True
        whose = (owner.kind, owner.actor_id)
        opened = [
            context.actor.principal for context in self._contexts.values() if context is not None
        ]
        count = sum((each.kind, each.actor_id) == whose for each in opened)
        return count <= MAX_SOCKETS_OF_ONE

    def remove(self, socket: WebSocket) -> None:
        """Forget a WebSocket that has ended."""
        del self._contexts[socket]

    async def close_all(self) -> None:
        """Tell everybody that the server goes away."""
        await asyncio.gather(*(_close(socket, GOING_AWAY) for socket in self._contexts))

    async def watch(self) -> None:
        """Close the WebSockets of those who may no longer follow (4403), until it is cancelled."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            owners = {context.actor.principal for context in self._contexts.values() if context}
            ends = {owner: await self._find_end(owner) for owner in owners}
            await self._close_of({owner: end for owner, end in ends.items() if end is not None})

    async def _find_end(self, owner: Principal) -> End | None:
        try:
            return None if owner is NOBODY else await self._authenticator.find_end(owner)
        except ServerError as error:
            _log.warning("whether %s may stay is looked at later: %s", owner.actor_id, error)
            return None
        except Exception:  # noqa: BLE001 -- whatever it was: nobody stays whom nobody knows
            _log.exception("whether %s may stay cannot be found out", owner.actor_id)
            return End.CREDENTIAL

    async def _close_of(self, ends: Mapping[Principal, End]) -> None:
        """Close the WebSockets of these; wait only so long for clients that do not read."""
        closing = [
            asyncio.create_task(_close(socket, FORBIDDEN_CODE, f"Forbidden: {end}"))
            for socket, context in self._contexts.items()
            if context is not None and (end := ends.get(context.actor.principal)) is not None
        ]
        if closing:
            _, late = await asyncio.wait(closing, timeout=CLOSE_TIMEOUT_S)
            for task in late:
                task.cancel()


def _is_strange(socket: WebSocket, context: Context | None) -> bool:
    actor: Actor = socket.scope["state"]["actor"] if context is None else context.actor
    return actor.principal is NOBODY


def _read_address(socket: WebSocket) -> str:
    return socket.client.host if socket.client else ""


async def _close(socket: WebSocket, code: int, reason: str | None = None) -> None:
    # It was closing already, or the client is gone: either way there is nobody to tell.
    with suppress(RuntimeError, WebSocketDisconnect):
        await socket.close(code, reason)
