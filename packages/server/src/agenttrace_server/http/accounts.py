"""`/api/auth/…`: registering, logging in, new tokens for old ones, logging out.

Fields that are not of the form are refused: nobody makes themselves an admin by sending one more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agenttrace_server.arrivals import read_small_body
from agenttrace_server.errors import (
    AttemptsError,
    OverloadedError,
    RefusedError,
    ServerError,
)
from agenttrace_server.http.authentication import read_actor, refuse_actor
from agenttrace_server.http.errors import make_error, make_overloaded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from agenttrace_server.services.accounts import AccountService
    from agenttrace_server.services.sessions import IssuedTokens, SessionService

MAX_BODY_BYTES: Final = 8 * 1024
BODY_TIMEOUT_S: Final = 10
_FORM: Final = "application/x-www-form-urlencoded"
_JSON: Final = "application/json"

S = TypeVar("S")


class Registration(msgspec.Struct, forbid_unknown_fields=True):
    """What registers an account."""

    email: str
    password: str
    setup_token: str | None = None


class Login(msgspec.Struct, forbid_unknown_fields=True):
    """What logs in."""

    email: str
    password: str


class PasswordForm(msgspec.Struct):
    """The same as OAuth2's form has it (RFC 6749, 4.3.2); what else that has is not used."""

    username: str
    password: str
    grant_type: str = "password"


class Refresh(msgspec.Struct, forbid_unknown_fields=True):
    """What gets new tokens."""

    refresh_token: str


class AccountRoutes:
    """The doors to become somebody. `sessions` is None on a server without accounts."""

    def __init__(self, accounts: AccountService, sessions: SessionService | None) -> None:
        self._accounts = accounts
        self._sessions = sessions

    def make_routes(self) -> list[Route]:
        """Return the routes."""
        answers = {
            "token": self.answer_token,
            "refresh": self.answer_refresh,
            "logout": self.answer_logout,
        }
        register = self._guard(self.answer_register)
        return [
            # One route: of two, a 405 would name the methods of the first alone.
            Route("/api/auth/register", register, methods=["GET", "POST"]),
            *(
                Route(f"/api/auth/{name}", self._guard(answer), methods=["POST"])
                for name, answer in answers.items()
            ),
        ]

    async def answer_register(self, request: Request, _sessions: SessionService) -> Response:
        """Make an account: 201, also for an address that has one.

        To GET tell who may do so now, and nothing else: what a page offers before a login.
        """
        if request.method != "POST":
            return JSONResponse({"registration": await self._accounts.read_openness()})
        given = _decode(await _read_body(request, _JSON), Registration)
        await self._accounts.register(
            read_actor(request), given.email, given.password, setup_token=given.setup_token
        )
        return JSONResponse({"status": "registered"}, status_code=201)

    async def answer_token(self, request: Request, sessions: SessionService) -> Response:
        """Log in, with JSON or as the OAuth2 password form."""
        body = await _read_body(request, _JSON, _FORM)
        if _read_type(request) == _FORM:
            form = _convert(body)
            if form.grant_type != "password":
                raise RefusedError("grant_type", "invalid", "only the grant `password` is known")
            login = Login(form.username, form.password)
        else:
            login = _decode(body, Login)
        return _send(await sessions.log_in(read_actor(request), login.email, login.password))

    async def answer_refresh(self, request: Request, sessions: SessionService) -> Response:
        """Give new tokens for a refresh token, which is used up."""
        given = _decode(await _read_body(request, _JSON), Refresh)
        return _send(await sessions.refresh(read_actor(request), given.refresh_token))

    async def answer_logout(self, request: Request, sessions: SessionService) -> Response:
        """End the login that the request's token is of."""
        await sessions.log_out(read_actor(request))
        return Response(status_code=204)

    def _guard(
        self, answer: Callable[[Request, SessionService], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def answer_guarded(request: Request) -> Response:
            if self._sessions is None:
                text = "this server is for who started it; with SECRET_KEY it has accounts"
                return make_error(404, "accounts_off", text)
            try:
                return await answer(request, self._sessions)
            except RefusedError as error:
                return make_error(400, error.code, str(error))
            except (AttemptsError, OverloadedError) as error:
                return _put_off(error)
            except ServerError as error:
                return refuse_actor(error)

        return answer_guarded


def _put_off(error: AttemptsError | OverloadedError) -> Response:
    if isinstance(error, OverloadedError):
        return make_overloaded(error)
    retry = {"Retry-After": str(error.retry_after_s)}
    return make_error(429, "too_many_attempts", str(error), headers=retry)


async def _read_body(request: Request, *types: str) -> bytes:
    if _read_type(request) not in types:
        raise HTTPException(415, f"Content-Type must be {' or '.join(types)}")
    return await read_small_body(request, max_bytes=MAX_BODY_BYTES, timeout_s=BODY_TIMEOUT_S)


def _read_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _decode(body: bytes, kind: type[S]) -> S:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(
            "", "bad_request", f"the body is not what it should be: {error}"
        ) from error


def _convert(body: bytes) -> PasswordForm:
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, max_num_fields=10, strict_parsing=True
        )
        fields: dict[str, Any] = dict(pairs)
        form = msgspec.convert(fields, PasswordForm)
    except (ValueError, UnicodeDecodeError) as error:
        raise RefusedError(
            "", "bad_request", f"the body is not what it should be: {error}"
        ) from error
    if len(fields) != len(pairs):
        raise RefusedError("", "bad_request", "the body has a field twice")
    return form


def _send(issued: IssuedTokens) -> Response:
    body = {
        "access_token": issued.access,
        "token_type": "bearer",
        "expires_in": issued.expires_in_s,
        "refresh_token": issued.refresh,
    }
    return JSONResponse(body, headers={"Cache-Control": "no-store", "Pragma": "no-cache"})
