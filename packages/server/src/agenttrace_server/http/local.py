"""The other guard of a server without accounts: whoever has its token, is its user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse

from agenttrace_server.http.errors import make_error
from agenttrace_server.http.headers import refuse

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from agenttrace_server.local_token import LocalToken

LINK_PATH: Final = "/local"
_BEARER: Final = "bearer "


class TokenGuard:
    """Lets in who has the token, or the cookie that its link gives; WebSockets too."""

    def __init__(self, app: ASGIApp, *, token: LocalToken) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request with 401, give the cookie, or pass it on."""
        is_link = scope["type"] == "http" and scope["path"] == LINK_PATH
        if is_link and scope["method"] == "GET":
            await self._redeem(scope)(scope, receive, send)
        elif scope["type"] not in ("http", "websocket") or self._is_known(scope):
            await self._app(scope, receive, send)
        else:
            await refuse(scope, receive, send, answer=_make_error())

    def _is_known(self, scope: Scope) -> bool:
        given = Headers(scope=scope).get("authorization", "")
        if given[: len(_BEARER)].lower() == _BEARER:
            return self._token.is_token(given[len(_BEARER) :].strip())
        return self._has_cookie(scope)

    def _has_cookie(self, scope: Scope) -> bool:
        cookie = HTTPConnection(scope).cookies.get(self._token.cookie_name)
        return cookie is not None and self._token.is_cookie(cookie)

    def _redeem(self, scope: Scope) -> Response:
        """Return the way to the dashboard, for who has the code or is known already."""
        code = HTTPConnection(scope).query_params.get("code", "")
        if not self._has_cookie(scope) and not self._token.redeem(code):
            message = "this link was used already, or is of an earlier start; start the server anew"
            return make_error(401, "link_used", message)
        answer = RedirectResponse("/", status_code=303)
        answer.set_cookie(
            self._token.cookie_name,
            self._token.cookie,
            httponly=True,
            samesite="strict",
            secure=scope["scheme"] == "https",
        )
        return answer


def _make_error() -> Response:
    message = (
        "this server was started with --local-token: open the link that it printed, or send its "
        "token as `Authorization: Bearer …`, which agenttrace does by itself for the same user"
    )
    return make_error(401, "no_token", message, headers={"WWW-Authenticate": "Bearer"})
