"""`GET /api/runs/{id}/…/input`: one recorded text, byte for byte, whatever its size.

The file that a browser makes of it is named by ids only: nothing recorded is in a header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from agenttrace_server.http.authentication import read_actor
from agenttrace_server.http.errors import make_error
from agenttrace_server.http.streams import CutResponse

if TYPE_CHECKING:
    from starlette.requests import Request

    from agenttrace_server.services.access import AccessService
    from agenttrace_server.services.texts import StoredText, TextService

_JSON = "application/json"


class _Text(CutResponse):
    what = "a text"


class TextRoutes:
    """The doors to take single texts away by."""

    def __init__(self, service: TextService, access: AccessService) -> None:
        self._service = service
        self._access = access

    def make_routes(self) -> list[Route]:
        """Return the routes: of a run's values, a span's, and an event's body."""
        return [
            Route("/api/runs/{run_id}/{kind}", self.answer_value),
            Route("/api/runs/{run_id}/spans/{span_id}/{kind}", self.answer_value),
            Route("/api/runs/{run_id}/events/{seq}/body", self.answer_body),
        ]

    async def answer_value(self, request: Request) -> Response:
        """Send the `input` or `output` of a run or span; 404 when there is none."""
        run_id, kind = (str(request.path_params[name]) for name in ("run_id", "kind"))
        span_id: str | None = request.path_params.get("span_id")
        is_own = await self._owns(request, run_id)
        found = await self._service.open_value(run_id, span_id, kind) if is_own else None
        parts = [run_id, kind] if span_id is None else [run_id, span_id, kind]
        return _send(request, found, "-".join(parts))

    async def answer_body(self, request: Request) -> Response:
        """Send the body of an event; 404 when there is none."""
        run_id, seq = (str(request.path_params[name]) for name in ("run_id", "seq"))
        is_own = await self._owns(request, run_id)
        found = await self._service.open_body(run_id, seq) if is_own else None
        return _send(request, found, f"{run_id}-{seq}-body")

    async def _owns(self, request: Request, run_id: str) -> bool:
        return await self._access.owns(read_actor(request).principal.project_id, run_id)


def _send(request: Request, text: StoredText | None, name: str) -> Response:
    """Send a text; that it was found says that the name is made of ids."""
    if text is None:
        message = "nothing was recorded there, or the run was deleted"
        return make_error(404, "not_found", message)
    headers = {
        "content-disposition": f'attachment; filename="{name}.json"',
        "content-length": str(text.size_bytes),
    }
    if request.method == "HEAD":  # nothing of the text is read
        return Response(headers=headers, media_type=_JSON)
    return _Text(text.steps, headers=headers, media_type=_JSON)
