"""`POST /api/ingest`: NDJSON in; the answer comes when it is on disk."""

from __future__ import annotations

from email.message import Message
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from agenttrace_server.errors import CrowdedError, OverloadedError, TooLargeError
from agenttrace_server.http.authentication import read_actor
from agenttrace_server.http.bodies import read_body
from agenttrace_server.http.errors import make_error

if TYPE_CHECKING:
    from starlette.requests import Request

    from agenttrace_server.services.budget import ByteBudget
    from agenttrace_server.services.ingest import IngestResult, IngestService
    from agenttrace_server.services.rates import SenderRates

CONTENT_TYPES: Final = ("application/x-ndjson", "application/ndjson")
MAX_RETRY_AFTER_S: Final = 30
UTF_8: Final = ("utf-8", "utf8")
EMPTY_BODY: Final = "the body has no records: send at least one, a JSON object a line"


class IngestRoute:
    """The door for recorders."""

    def __init__(self, service: IngestService, budget: ByteBudget, rates: SenderRates) -> None:
        self._service = service
        self._budget = budget
        self._rates = rates

    def make_route(self) -> Route:
        """Return the route."""
        return Route("/api/ingest", self.answer, methods=["POST"])

    async def answer(self, request: Request) -> Response:
        """Store the body's records and say what became of each line."""
        _check_content_type(request)
        principal = read_actor(request).principal
        try:
            self._rates.take(principal)  # before anything of the body is read
            with self._budget.open_account() as account:
                result = await self._service.ingest(await read_body(request, account), principal)
        except TooLargeError as error:
            return make_error(413, "too_large", str(error))
        except OverloadedError as error:
            return _refuse(error)
        if not (result.accepted or result.rejected):
            return make_error(400, "empty_body", EMPTY_BODY)
        return JSONResponse(_dump(result), status_code=200 if result.accepted else 400)


def _refuse(error: OverloadedError) -> Response:
    retry_after_s = min(error.retry_after_s, MAX_RETRY_AFTER_S)
    retry = {"Retry-After": str(retry_after_s)}
    if isinstance(error, CrowdedError):  # the callers can do something about it: send less
        return make_error(429, "too_fast", str(error), headers=retry)
    return make_error(503, "overloaded", str(error), headers=retry)


def _check_content_type(request: Request) -> None:
    given = Message()
    given["content-type"] = request.headers.get("content-type", "")
    is_utf8 = given.get_content_charset("utf-8") in UTF_8
    if given.get_content_type() not in CONTENT_TYPES or not is_utf8:
        raise HTTPException(
            415,
            f"Content-Type must be {' or '.join(CONTENT_TYPES)}, in UTF-8: one JSON object a line",
        )


def _dump(result: IngestResult) -> dict[str, Any]:
    body: dict[str, Any] = {
        "accepted": result.accepted,
        "rejected": result.rejected,
        "errors": [
            {"line": error.line, "code": error.code, "message": error.message}
            for error in result.errors
        ],
    }
    if result.rejected > len(result.errors):
        body["errors_truncated"] = True
    return body
