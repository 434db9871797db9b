"""GraphQL over HTTP (`POST` only) and over WebSocket (`graphql-transport-ws` only)."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from datetime import timedelta
from typing import Any, Final, cast

import orjson
from cross_web import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.asgi import ASGIWebSocketAdapter, GraphQL
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.http.exceptions import NonJsonMessageReceived
from strawberry.schema import BaseSchema
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError

from agenttrace_server.errors import InvalidArgumentError
from agenttrace_server.graphql.context import Context
from agenttrace_server.graphql.documents import check_document

MAX_BODY_BYTES: Final = 1024 * 1024
MAX_SUBSCRIPTIONS: Final = 20
INIT_TIMEOUT: Final = timedelta(seconds=5)
GRAPHQL_RESPONSE: Final = "application/graphql-response+json"
GOING_AWAY: Final = 1001


class _WebSocketAdapter(ASGIWebSocketAdapter):
    """Lets only messages through that have the protocol's shape; anything else closes (4400)."""

    async def iter_json(
        self, *, ignore_parsing_errors: bool = False
    ) -> AsyncGenerator[object, None]:
        """Yield the client's messages."""
        messages = super().iter_json(ignore_parsing_errors=ignore_parsing_errors)
        async for message in messages:
            if not _is_message(message):
                raise NonJsonMessageReceived
            yield message


class GraphQLView(GraphQL[Context, None]):
    """The one GraphQL door."""

    websocket_adapter_class = _WebSocketAdapter

    def __init__(self, schema: BaseSchema, *, make_context: Callable[[], Context]) -> None:
        super().__init__(
            schema,
            graphql_ide=None,
            allow_queries_via_get=False,
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL],
            connection_init_wait_timeout=INIT_TIMEOUT,
            max_subscriptions_per_connection=MAX_SUBSCRIPTIONS,
            # Who may open a WebSocket is the OriginGuard's business, in one place for everything.
            allowed_origins=["*"],
        )
        self._make_context = make_context
        self._sockets: set[WebSocket] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request or a WebSocket."""
        if scope["type"] == "http":
            await self._answer(Request(scope, receive), send)
            return
        socket = WebSocket(scope, receive, send)
        self._sockets.add(socket)
        try:
            await self.run(socket)
        finally:
            self._sockets.discard(socket)

    async def close_sockets(self) -> None:
        """Tell every WebSocket that the server goes away (1001)."""
        for socket in list(self._sockets):
            try:
                await socket.close(GOING_AWAY)
            except RuntimeError:  # it was closing already
                self._sockets.discard(socket)

    async def get_context(
        self,
        request: Request | WebSocket,  # noqa: ARG002 -- Strawberry's signature
        response: Response | WebSocket,  # noqa: ARG002 -- Strawberry's signature
    ) -> Context:
        """Return a new context."""
        return self._make_context()

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        """Return the answer's frame, with the content type that the client asked for."""
        response = await super().get_sub_response(request)
        accept = request.headers.get("accept", "")
        response.media_type = GRAPHQL_RESPONSE if GRAPHQL_RESPONSE in accept else "application/json"
        return response

    async def process_result(
        self, request: Request, result: ExecutionResult
    ) -> GraphQLHTTPResponse:
        """Return the answer's body; without `data` when nothing was executed."""
        body = await super().process_result(request, result)
        if isinstance(result, PreExecutionError):
            del body["data"]
        return body

    def create_response(
        self,
        response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse],
        sub_response: Response,
    ) -> Response:
        """Return the answer. A request that was not executed is 400 in GraphQL's own type."""
        is_new_type = sub_response.media_type == GRAPHQL_RESPONSE
        status = 400 if is_new_type and "data" not in response_data else 200
        body = self.encode_json(response_data)
        return Response(body, status, media_type=sub_response.media_type)

    def decode_json(self, data: str | bytes) -> object:
        """Return the value of a JSON text; nothing nests so deep or is so long that it hurts."""
        return orjson.loads(data)

    def encode_json(self, data: object) -> str:
        """Return a value as JSON text."""
        return orjson.dumps(data).decode()

    def parse_json(self, data: str | bytes) -> Any:
        """Return a request's body.

        Raises:
            HTTPException: it is no JSON object.

        """
        body = super().parse_json(data)
        if not isinstance(body, dict):
            raise HTTPException(400, "the body must be one JSON object with a `query`")
        return body

    async def parse_http_body(self, request: Any) -> GraphQLRequestData | list[GraphQLRequestData]:
        """Return the operation in a request's body.

        Raises:
            HTTPException: it is malformed, or the document is over a limit.

        """
        data = await super().parse_http_body(request)
        assert isinstance(data, GraphQLRequestData)
        if not isinstance(data.operation_name, str | None):
            raise HTTPException(400, "`operationName` must be a string or null")
        try:
            check_document(data.query or "")
        except InvalidArgumentError as error:
            raise HTTPException(400, str(error)) from error
        return data

    async def _answer(self, request: Request, send: Send) -> None:
        response = _refuse(request)
        if response is None:
            try:
                response = await self.run(await _read_whole(request))
            except HTTPException as error:
                response = _make_error(error.status_code, error.reason)
        await response(request.scope, request.receive, send)


async def _read_whole(request: Request) -> Request:
    """Return the request with its body read, which no longer waits for the client."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, f"the body is over {MAX_BODY_BYTES} bytes")

    async def receive() -> Message:
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return Request(request.scope, receive)


def _refuse(request: Request) -> Response | None:
    if request.method != "POST":
        return _make_error(405, "GraphQL takes POST only", headers={"Allow": "POST"})
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        return _make_error(415, "Content-Type must be application/json")
    return None


def _make_error(status: int, message: str, *, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps({"errors": [{"message": message}]})
    return Response(body, status, headers, media_type="application/json")


def _is_message(message: object) -> bool:
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return False
    payload = message.get("payload")
    if message["type"] in ("subscribe", "complete") and not isinstance(message.get("id"), str):
        return False
    if message["type"] == "subscribe":
        return isinstance(payload, dict) and _is_operation(cast("dict[str, object]", payload))
    return isinstance(payload, dict | None)


def _is_operation(payload: dict[str, object]) -> bool:
    query = payload.get("query")
    if not isinstance(query, str):
        return False
    try:
        check_document(query)
    except InvalidArgumentError:
        return False
    return isinstance(payload.get("variables"), dict | None) and isinstance(
        payload.get("operationName"), str | None
    )
