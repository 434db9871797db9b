"""One WebSocket: which of its messages are taken, and how a client that vanishes is borne."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import aclosing, suppress
from functools import lru_cache, partial
from typing import Any, Final, Protocol, TypeAlias, cast

import orjson
from starlette.types import Receive, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import (
    BaseGraphQLTransportWSHandler,
    Operation,
)
from strawberry.subscriptions.protocols.graphql_transport_ws.types import (
    ConnectionInitMessage,
    Message,
    SubscribeMessage,
)

from agenttrace_server.frames import WRITE_FRAME, make_text_frame
from agenttrace_server.graphql.context import Context
from agenttrace_server.graphql.documents import LimitError, check_document
from agenttrace_server.graphql.errors import LIMIT_EXCEEDED, hide_unexpected
from agenttrace_server.graphql.followers import MAX_SOCKETS_OF_ONE
from agenttrace_server.graphql.sharing import Asked, RefusedError, SharedSubscriptions
from graphql import GraphQLError, GraphQLFormattedError

MAX_MESSAGES: Final = 100
MESSAGES_WINDOW_S: Final = 10.0
"""A client may send so many messages in so many seconds."""
TOO_MANY: Final = 4429
FLOOD_REASON: Final = f"more than {MAX_MESSAGES} messages in {MESSAGES_WINDOW_S:.0f} seconds"

WriteFrame: TypeAlias = Callable[[bytes], bool]


class TooManySocketsError(Exception):
    """Somebody has as many WebSockets open as one may."""

    def __init__(self) -> None:
        super().__init__(f"more than {MAX_SOCKETS_OF_ONE} WebSockets of one account or key")


class SharingView(Protocol):
    """What a socket needs of the view that it belongs to."""

    subscriptions: SharedSubscriptions


class SocketAdapter(ASGIWebSocketAdapter):
    """Tells a message that nobody can receive any more from a mistake."""

    def __init__(self, view: Any, request: WebSocket, response: WebSocket) -> None:
        super().__init__(view, request, response)
        extensions = response.scope.get("extensions") or {}
        self._write_frame: WriteFrame | None = extensions.get(WRITE_FRAME, {}).get("write")
        self._turn = asyncio.Lock()
        """Who waits until the client reads, waits in line: one message at a time is let out."""

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Send a message.

        Raises:
            WebSocketDisconnected: the client is gone, or was told to go.

        """
        if self.ws.application_state is WebSocketState.DISCONNECTED:
            raise WebSocketDisconnected
        await super().send_json(message)

    def push_next(self, operation_id: str, payload: bytes) -> bool:
        """Send a message if the client can be sent one at once; else return False."""
        if self._write_frame is None or self._turn.locked():
            return False
        return self._write_frame(_wrap(operation_id, payload)[1])

    async def send_next(self, operation_id: str, payload: bytes) -> None:
        """Send a message of an operation, whose payload is JSON text.

        Raises:
            WebSocketDisconnected: the client is gone, or was told to go.

        """
        if self.ws.application_state is WebSocketState.DISCONNECTED:
            raise WebSocketDisconnected
        text, _ = _wrap(operation_id, payload)
        try:
            async with self._turn:
                await self.ws.send_text(text.decode())
        except WebSocketDisconnect as error:
            raise WebSocketDisconnected from error


@lru_cache(maxsize=1)  # the messages are large; who wants the same, wants it at the same time
def _wrap(operation_id: str, payload: bytes) -> tuple[bytes, bytes]:
    """Return the text of a message, and its frame: the same for all who chose the same id."""
    text = b'{"id":%b,"type":"next","payload":%b}' % (orjson.dumps(operation_id), payload)
    return text, make_text_frame(text)


class SocketHandler(BaseGraphQLTransportWSHandler[Context, None]):
    """Speaks `graphql-transport-ws`.

    A message that does not have the protocol's shape closes the socket (4400); a document that
    cannot be run is an `error` of its own operation, and the others go on.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._times_s: deque[float] = deque(maxlen=MAX_MESSAGES)
        """When the latest messages came."""

    async def handle_message(self, message: Message) -> None:
        """Take a message from the client, unless it sends too many."""
        if self._is_flooded():
            await self.websocket.close(TOO_MANY, FLOOD_REASON)
            return
        problem = _find_problem(message)
        if problem is None:
            await super().handle_message(message)
        else:
            await self.handle_invalid_message(problem)

    def _is_flooded(self) -> bool:
        now_s = asyncio.get_running_loop().time()
        is_full = len(self._times_s) == MAX_MESSAGES
        is_flooded = is_full and now_s - self._times_s[0] < MESSAGES_WINDOW_S
        self._times_s.append(now_s)
        return is_flooded

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        """Find out who it is, and close the socket if they have too many already."""
        try:
            await super().handle_connection_init(message)
        except TooManySocketsError as error:
            await self.websocket.close(TOO_MANY, str(error))

    async def send_message(self, message: Message) -> None:
        """Send a message. Strawberry's own refusals, of one operation too many, have no code."""
        if message["type"] == "error":
            coded: dict[str, object] = {"extensions": {"code": LIMIT_EXCEEDED}}
            payload = [
                cast("GraphQLFormattedError", {**coded, **each}) for each in message["payload"]
            ]
            message = {**message, "payload": payload}
        await super().send_message(message)

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Begin an operation, if its document is within the limits."""
        try:
            check_document(message["payload"]["query"])
        except LimitError as error:
            refusal = GraphQLError(str(error), extensions={"code": LIMIT_EXCEEDED})
            await self.send_message(
                {"id": message["id"], "type": "error", "payload": [refusal.formatted]}
            )
        else:
            await super().handle_subscribe(message)

    async def run_operation(self, operation: Operation[Context, None]) -> None:
        """Follow a subscription, with all who follow the same."""
        assert isinstance(self.websocket, SocketAdapter)
        subscriptions = cast("SharingView", self.view).subscriptions
        asked = Asked(operation.query, operation.variables, operation.operation_name)
        push = partial(self.websocket.push_next, operation.id)
        try:
            async with aclosing(subscriptions.follow(asked, self.context, push)) as payloads:
                async for payload in payloads:
                    await self.websocket.send_next(operation.id, payload)
            await operation.send_operation_message({"id": operation.id, "type": "complete"})
        except RefusedError as error:
            await operation.send_initial_errors(error.errors)
        except WebSocketDisconnected:
            self.operations.pop(operation.id, None)
        except Exception as error:  # noqa: BLE001 -- whatever it was, it is logged and ends this
            await self.handle_task_exception(error)
            shown = hide_unexpected([GraphQLError(str(error), original_error=error)])
            with suppress(Exception):  # the client may have left meanwhile
                await operation.send_initial_errors(shown)

    async def handle_task_exception(self, error: Exception) -> None:
        """Log what ended an operation, unless it was the client that left."""
        if not isinstance(error, WebSocketDisconnected):
            await super().handle_task_exception(error)

    @staticmethod
    def _get_pre_execution_close_reason(_error: object) -> None:
        """Close for no error of a document: the other operations are not to blame."""


async def refuse_socket(receive: Receive, send: Send) -> None:
    """Refuse a WebSocket before it is accepted, with 503: there are too many."""
    await receive()
    headers = [(b"retry-after", b"10"), (b"content-type", b"application/json")]
    await send({"type": "websocket.http.response.start", "status": 503, "headers": headers})
    message = "this server has as many WebSockets open as it takes; try again later"
    body = orjson.dumps({"error": {"code": "overloaded", "message": message}})
    await send({"type": "websocket.http.response.body", "body": body})


def _find_problem(message: object) -> str | None:
    """Return what is wrong with the shape of a message; None when nothing is."""
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return "a message must be a JSON object with a type"
    kind, payload = message["type"], message.get("payload")
    if kind in ("subscribe", "complete") and not isinstance(message.get("id"), str):
        return f"the id of a {kind} message must be a string"
    if kind == "subscribe":
        if not isinstance(payload, dict):
            return "the payload of a subscribe message must be an object"
        return _find_operation_problem(cast("dict[str, object]", payload))
    if not isinstance(payload, dict | None):
        return f"the payload of a {kind[:20]} message must be an object"
    return None


def _find_operation_problem(payload: dict[str, object]) -> str | None:
    if not isinstance(payload.get("query"), str):
        return "query must be a string"
    if not isinstance(payload.get("variables"), dict | None):
        return "variables must be an object or null"
    if not isinstance(payload.get("operationName"), str | None):
        return "operationName must be a string or null"
    return None
