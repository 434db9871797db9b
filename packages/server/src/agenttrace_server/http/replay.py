"""`GET /api/replay/runs/{id}`: a run as its steps, for who has no GraphQL client.

It executes a stored document and has no logic of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import orjson
from starlette.responses import Response
from starlette.routing import Route

from agenttrace_server.http.authentication import read_actor
from agenttrace_server.http.errors import make_error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from starlette.requests import Request

    from agenttrace_server.identity import Actor

STATUSES: Final = {"INTERNAL": 500, "TIMED_OUT": 503, "UNAVAILABLE": 503, "FORBIDDEN": 403}
_MAX_DIGITS: Final = 9


class Asked(Protocol):
    """What became of a stored document."""

    @property
    def data(self) -> dict[str, Any] | None:
        """What it answers; None when it failed."""

    @property
    def code(self) -> str | None:
        """The code of what went wrong."""

    @property
    def message(self) -> str:
        """The text of what went wrong."""


class Document(Protocol):
    """A stored document that can be executed."""

    async def ask(self, actor: Actor, variables: Mapping[str, object]) -> Asked:
        """Return what it answers to somebody."""


class ReplayRoute:
    """The door to a run's steps."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def make_route(self) -> Route:
        """Return the route."""
        return Route("/api/replay/runs/{run_id}", self.answer)

    async def answer(self, request: Request) -> Response:
        """Send the steps of a run, or with `at` one whole; 404 when there is no such run."""
        given = request.query_params
        numbers: dict[str, int | None] = {}
        for name in ("first", "at"):
            text = given.get(name)
            if text is not None and not (
                text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS
            ):
                return make_error(400, "bad_request", f"{name} must be a whole number from 0")
            numbers[name] = None if text is None else int(text)
        asked = await self._document.ask(
            read_actor(request),
            {
                "runId": str(request.path_params["run_id"]),
                "first": numbers["first"],
                "after": given.get("after"),
                "at": numbers["at"] or 0,
                "isOne": numbers["at"] is not None,
            },
        )
        if asked.data is None:
            code = asked.code or "INTERNAL"
            return make_error(STATUSES.get(code, 400), code.lower(), asked.message)
        replay = asked.data["replay"]
        if replay is None:
            return make_error(404, "not_found", "there is no such run")
        return Response(orjson.dumps(replay), media_type="application/json")
