"""GraphQL over HTTP (`POST` only) and over WebSocket (`graphql-transport-ws` only)."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, cast

import orjson
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from starlette.exceptions import HTTPException as RefusalError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError, MissingQueryError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.schema import BaseSchema
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType
from strawberry.types.unset import UnsetType

from agenttrace_server.arrivals import read_small_body
from agenttrace_server.errors import AuthenticationError, ForbiddenError, ServerError
from agenttrace_server.graphql.context import Context
from agenttrace_server.graphql.documents import LimitError, check_document
from agenttrace_server.graphql.errors import (
    BAD_REQUEST,
    DOCUMENT_NOT_FOUND,
    LIMIT_EXCEEDED,
    OPERATION_NOT_FOUND,
    PARSE_FAILED,
    STATUS_CODES,
    TIMED_OUT,
    UNSUPPORTED_ENCODING,
    WRONG_TRANSPORT,
    add_codes,
    describe_timeout,
    hide_unexpected,
)
from agenttrace_server.graphql.followers import Followers
from agenttrace_server.graphql.negotiation import (
    GRAPHQL_RESPONSE,
    JSON,
    UNPROCESSABLE,
    choose_status,
    choose_type,
    is_json,
    write_type,
)
from agenttrace_server.graphql.sharing import SharedSubscriptions
from agenttrace_server.graphql.sockets import (
    SocketAdapter,
    SocketHandler,
    TooManySocketsError,
    refuse_socket,
)
from agenttrace_server.graphql.stored import StoredDocuments
from agenttrace_server.identity import NOBODY, Actor, ActorKind
from agenttrace_server.services.authentication import Authenticator

MAX_BODY_BYTES: Final = 1024 * 1024
BODY_TIMEOUT_S: Final = 60.0
MAX_SUBSCRIPTIONS: Final = 20
INIT_TIMEOUT: Final = timedelta(seconds=5)
EXECUTION_TIMEOUT_S: Final = 10.0
MAX_SOCKETS: Final = 2_000
"""Of one process; more are refused with 503."""
SETTLE_TIMEOUT_S: Final = 1.0
_FORM: Final = (
    ("query", str, "a string"),
    ("documentId", str, "a string"),
    ("operationName", str, "a string or null"),
    ("variables", dict, "an object or null"),
    ("extensions", dict, "an object or null"),
)

_log = logging.getLogger(__name__)


class RequestError(HTTPException):
    """A refusal with a code for programs."""

    def __init__(self, status_code: int, reason: str, code: str) -> None:
        super().__init__(status_code, reason)
        self.code = code


class GraphQLView(GraphQL[Context, None]):
    """The one GraphQL door."""

    websocket_adapter_class = SocketAdapter
    graphql_transport_ws_handler_class = SocketHandler

    def __init__(
        self,
        schema: BaseSchema,
        *,
        make_context: Callable[[Actor], Context],
        documents: StoredDocuments,
        authenticator: Authenticator,
    ) -> None:
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
        self.timeout_s = EXECUTION_TIMEOUT_S
        """How long an operation may take; subscriptions have no end."""
        self.subscriptions = SharedSubscriptions(schema)
        self._make_context = make_context
        self._documents = documents
        self._authenticator = authenticator
        self.followers = Followers(authenticator)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request or a WebSocket."""
        if scope["type"] == "http":
            await self._answer(Request(scope, receive), send)
            return
        socket = WebSocket(scope, receive, send)
        if len(self.followers) >= MAX_SOCKETS or not self.followers.has_place(socket):
            await refuse_socket(receive, send)
            return
        self.followers.add(socket)
        try:
            await self.run(socket)
        except WebSocketDisconnect:
            pass  # the client vanished in the middle of the handshake or of a goodbye
        finally:
            self.followers.remove(socket)

    async def close_sockets(self) -> None:
        """Tell every WebSocket that the server goes away (1001).

        Before, those who read are told what is committed by now. Waits for clients that do not
        read, until they do or their connections are cut.
        """
        if len(self.followers):
            try:
                end = await self._make_context(Actor(NOBODY)).live.get_end()
            except ServerError as error:
                _log.warning("subscribers are not told what was stored last: %s", error)
            else:
                await self.subscriptions.settle(end, timeout_s=SETTLE_TIMEOUT_S)
        await self.followers.close_all()

    async def get_context(
        self,
        request: Request | WebSocket,
        response: Response | WebSocket,  # noqa: ARG002 -- Strawberry's signature
    ) -> Context:
        """Return a new context, for who the door found out that asks."""
        context = self._make_context(request.scope["state"]["actor"])
        if isinstance(request, WebSocket):
            self.followers.bind(request, context)
        return context

    async def on_ws_connect(self, context: Context) -> UnsetType | dict[str, object] | None:
        """Find out who has opened a WebSocket, if its handshake did not say.

        Raises:
            ConnectionRejectionError: nobody that is known, or somebody who says it in both places,
                of which one would count for nothing: it is closed with 4403.
            TooManySocketsError: they have as many as they may: it is closed with 4429.

        """
        actor = context.actor
        params = context.connection_params or {}
        given = [params.get(name) for name in ("authorization", "project")]
        if actor.principal is not NOBODY and actor.principal.kind is not ActorKind.LOCAL:
            if any(value is not None for value in given):
                raise ConnectionRejectionError
        elif actor.principal is NOBODY:
            if not all(isinstance(value, str | None) for value in given):
                raise ConnectionRejectionError
            authorization, project = cast("list[str | None]", given)
            try:
                principal = await self._authenticator.authenticate(authorization, project)
            except (AuthenticationError, ForbiddenError) as error:
                raise ConnectionRejectionError from error
            context.actor = replace(actor, principal=principal)
            context.loaders = context.make_loaders(context.actor)
        if not self.followers.has_room(context.actor.principal):
            raise TooManySocketsError
        return await super().on_ws_connect(context)

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        """Return the answer's frame, with the content type that the client likes best."""
        response = await super().get_sub_response(request)
        response.media_type = choose_type(request.headers.get("accept"))
        return response

    async def process_result(
        self, request: Request, result: ExecutionResult
    ) -> GraphQLHTTPResponse:
        """Return the answer's body; without `data` when nothing was executed."""
        errors = result.errors = hide_unexpected(result.errors or [])
        add_codes(errors)
        body = await super().process_result(request, result)
        # What is wrong with variables, the executor finds out: such an error is at no field.
        is_refused = result.data is None and errors and all(error.path is None for error in errors)
        if isinstance(result, PreExecutionError) or is_refused:
            del body["data"]
        return body

    def create_response(
        self,
        response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse],
        sub_response: Response,
    ) -> Response:
        """Return the answer; a request that was not executed is 4xx in GraphQL's own type."""
        assert isinstance(response_data, dict)
        status = choose_status(response_data, sub_response.media_type)
        body = self.encode_json(response_data)
        return Response(body, status, media_type=write_type(status, sub_response.media_type))

    def decode_json(self, data: str | bytes) -> object:
        """Return the value of a JSON text; nothing nests so deep or is so long that it hurts."""
        return orjson.loads(data)

    def encode_json(self, data: object) -> str:
        """Return a value as JSON text."""
        return orjson.dumps(data).decode()

    def parse_json(self, data: str | bytes) -> Any:
        """Return a request's body.

        Raises:
            HTTPException: it is no JSON (400), or no GraphQL request (422).

        """
        body = _check_form(super().parse_json(data))
        if body.get("documentId") is not None:
            body["query"] = self._find_stored(body)
        return body

    def _find_stored(self, body: dict[str, Any]) -> str:
        if body.get("query") is not None:
            raise HTTPException(UNPROCESSABLE, "give `query` or `documentId`, not both")
        text = self._documents.find(body["documentId"])
        if text is None:
            raise RequestError(
                UNPROCESSABLE, "no document is stored under this `documentId`", DOCUMENT_NOT_FOUND
            )
        return text

    async def parse_http_body(self, request: Any) -> GraphQLRequestData | list[GraphQLRequestData]:
        """Return the operation in a request's body.

        Raises:
            HTTPException: it is malformed, or the document is over a limit (422, as what
                validation finds).

        """
        # Strawberry's own takes the type in small letters only, and is no judge of the form.
        body = self.parse_json(await request.get_body())
        data = GraphQLRequestData(
            query=body["query"],
            variables=body.get("variables"),
            operation_name=body.get("operationName"),
            extensions=body.get("extensions"),
            protocol="http",
        )
        try:
            check_document(data.query or "")
        except LimitError as error:
            raise RequestError(UNPROCESSABLE, str(error), LIMIT_EXCEEDED) from error
        return data

    async def execute_single(  # noqa: PLR0913, PLR0917 -- Strawberry's signature
        self,
        request: Request,  # noqa: ARG002 -- Strawberry's signature
        request_adapter: AsyncHTTPRequestAdapter,  # noqa: ARG002 -- Strawberry's signature
        sub_response: Response,  # noqa: ARG002 -- Strawberry's signature
        context: Context,
        root_value: None,
        request_data: GraphQLRequestData,
    ) -> ExecutionResult:
        """Run a query.

        Raises:
            HTTPException: it is empty, there is no such operation, it is a subscription, or it
                takes too long.

        """
        # Strawberry lets a subscription through, for a transport that this server does not have.
        try:
            async with asyncio.timeout(self.timeout_s):
                return await self.schema.execute(
                    request_data.query,
                    root_value=root_value,
                    variable_values=request_data.variables,
                    context_value=context,
                    operation_name=request_data.operation_name,
                    allowed_operation_types=(OperationType.QUERY, OperationType.MUTATION),
                    operation_extensions=request_data.extensions,
                )
        except TimeoutError as error:
            raise RequestError(503, describe_timeout(self.timeout_s), TIMED_OUT) from error
        except InvalidOperationTypeError as error:
            text = "subscriptions go over a WebSocket, with the protocol graphql-transport-ws"
            raise RequestError(UNPROCESSABLE, text, WRONG_TRANSPORT) from error
        except CannotGetOperationTypeError as error:
            reason = error.as_http_error_reason()
            raise RequestError(UNPROCESSABLE, reason, OPERATION_NOT_FOUND) from error
        except MissingQueryError as error:
            raise RequestError(400, "the document is empty", PARSE_FAILED) from error

    async def _answer(self, request: Request, send: Send) -> None:
        response = _refuse(request)
        if response is None:
            try:
                response = await self.run(await _read_whole(request))
            except HTTPException as error:
                code = error.code if isinstance(error, RequestError) else None
                response = _make_error(error.status_code, error.reason, code=code)
        await response(request.scope, request.receive, send)


def _check_form(body: object) -> dict[str, Any]:
    """Return a body that has the form of a request; other properties in it are ignored."""
    if not isinstance(body, dict):
        raise HTTPException(UNPROCESSABLE, "the body must be one JSON object with a `query`")
    for name, kind, what in _FORM:
        if body.get(name) is not None and not isinstance(body[name], kind):
            raise HTTPException(UNPROCESSABLE, f"`{name}` must be {what}")
    if body.get("query") is None and body.get("documentId") is None:
        raise HTTPException(UNPROCESSABLE, "the body has no `query`, the text of a document")
    return body


async def _read_whole(request: Request) -> Request:
    """Return the request with its body read, which no longer waits for the client."""
    try:
        body = await read_small_body(request, max_bytes=MAX_BODY_BYTES, timeout_s=BODY_TIMEOUT_S)
    except RefusalError as error:  # GraphQL's doors answer in a form of their own
        raise HTTPException(error.status_code, error.detail) from error

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, receive)


def _refuse(request: Request) -> Response | None:
    if request.method != "POST":
        return _make_error(405, "GraphQL takes POST only", headers={"Allow": "POST"})
    if not is_json(request.headers.get("content-type", "")):
        return _make_error(415, f"Content-Type must be {JSON}, in UTF-8")
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        text = f"Content-Encoding {encoding!r} is not read here; send the operation as it is"
        return _make_error(415, text, code=UNSUPPORTED_ENCODING)
    if choose_type(request.headers.get("accept")) is None:
        text = f"Accept must allow {GRAPHQL_RESPONSE} or {JSON}, in UTF-8"
        return _make_error(406, text)
    return None


def _make_error(
    status: int,
    message: str,
    *,
    code: str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    code = code or STATUS_CODES.get(status, BAD_REQUEST)
    error = {"message": message, "extensions": {"code": code}}
    body = json.dumps({"errors": [error]})
    return Response(body, status, headers, media_type=write_type(status, GRAPHQL_RESPONSE))
