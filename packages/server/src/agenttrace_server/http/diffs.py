"""`GET /api/diff/runs`: what differs between two runs, for who has no GraphQL client.

It executes a stored document and has no logic of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson
from starlette.responses import Response
from starlette.routing import Route

from agenttrace_server.http.authentication import read_actor
from agenttrace_server.http.errors import make_error
from agenttrace_server.http.replay import STATUSES

if TYPE_CHECKING:
    from starlette.requests import Request

    from agenttrace_server.http.replay import Document

_MAX_DIGITS: Final = 9
_BOOLEANS: Final = {"true": True, "false": False}


class DiffRoute:
    """The door to a comparison."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def make_route(self) -> Route:
        """Return the route."""
        return Route("/api/diff/runs", self.answer)

    async def answer(self, request: Request) -> Response:
        """Send what differs from `run_id_1` to `run_id_2`; 404 when one of them is not there.

        `first` and `after` page through rows; `changed=true` leaves out those that are the same.
        """
        given = request.query_params
        for name in ("run_id_1", "run_id_2"):
            if not given.get(name):
                return make_error(400, "bad_request", f"{name} is missing: the id of a run")
        first = given.get("first")
        if first is not None and not (
            first.isascii() and first.isdigit() and len(first) <= _MAX_DIGITS
        ):
            return make_error(400, "bad_request", "first must be a whole number from 0")
        changed = given.get("changed")
        if changed is not None and changed not in _BOOLEANS:
            return make_error(400, "bad_request", "changed must be true or false")
        asked = await self._document.ask(
            read_actor(request),
            {
                "base": given["run_id_1"],
                "head": given["run_id_2"],
                "first": None if first is None else int(first),
                "after": given.get("after"),
                "filter": None if changed is None else {"changed": _BOOLEANS[changed]},
            },
        )
        if asked.data is None:
            code = asked.code or "INTERNAL"
            return make_error(STATUSES.get(code, 400), code.lower(), asked.message)
        diff = asked.data["diff"]
        if diff is None:
            return make_error(404, "not_found", "there is no such run")
        return Response(orjson.dumps(diff), media_type="application/json")
