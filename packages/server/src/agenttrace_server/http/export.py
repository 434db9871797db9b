"""`GET /api/export/runs/{id}`: a run as NDJSON, which `POST /api/ingest` takes in again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from agenttrace_server.deeds import Action
from agenttrace_server.http.authentication import read_actor
from agenttrace_server.http.compression import choose_encoding, compress_stream
from agenttrace_server.http.errors import make_error
from agenttrace_server.http.streams import CutResponse

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from agenttrace_server.services.access import AccessService
    from agenttrace_server.services.audit import AuditService
    from agenttrace_server.services.export import ExportService


class _Lines(CutResponse):
    what = "an export"


class ExportRoute:
    """The door to take runs away by."""

    def __init__(self, service: ExportService, access: AccessService, audit: AuditService) -> None:
        self._service = service
        self._access = access
        self._audit = audit

    def make_route(self) -> Route:
        """Return the route."""
        return Route("/api/export/runs/{run_id}", self.answer)

    async def answer(self, request: Request) -> Response:
        """Send a run, compressed for who takes that; 404 when there is none.

        One that cannot be sent whole is cut.
        """
        run_id = str(request.path_params["run_id"])
        actor = read_actor(request)
        is_own = await self._access.owns(actor.principal.project_id, run_id)
        lines = await self._service.export_run(run_id) if is_own else None
        if lines is None:
            return make_error(404, "not_found", "there is no such run")
        await self._audit.note(actor, Action.RUN_EXPORTED, run_id)
        name = f'attachment; filename="{run_id}.jsonl"'
        headers = {"content-disposition": name, "vary": "Accept-Encoding"}
        encoding = choose_encoding(", ".join(request.headers.getlist("accept-encoding")))
        if encoding is not None:
            headers["content-encoding"] = encoding
            lines = compress_stream(lines, encoding)
        return _Lines(lines, media_type="application/x-ndjson", headers=headers)
