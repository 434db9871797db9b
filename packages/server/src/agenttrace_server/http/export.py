"""`GET /api/export/runs/{id}`: a run as NDJSON, which `POST /api/ingest` takes in again.

An answer that is not whole, because the run is deleted or the store fails meanwhile, never looks
like one that is: it is cut before its last chunk, which every client takes for a broken transfer.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from agenttrace_server.errors import ServerError
from agenttrace_server.http.errors import make_error

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Send

    from agenttrace_server.services.export import ExportService


_log = logging.getLogger(__name__)


class _Lines(StreamingResponse):
    """Lines that may end early."""

    async def stream_response(self, send: Send) -> None:
        """Send them; without the last chunk when they are not all there."""
        try:
            await super().stream_response(send)
        except ServerError as error:
            # Whoever sent a part and returns has the server close the connection.
            _log.warning("an export was cut: %s", error)


class ExportRoute:
    """The door to take runs away by."""

    def __init__(self, service: ExportService) -> None:
        self._service = service

    def make_route(self) -> Route:
        """Return the route."""
        return Route("/api/export/runs/{run_id}", self.answer)

    async def answer(self, request: Request) -> Response:
        """Send a run; 404 when there is none. See above for one that cannot be sent whole."""
        run_id = str(request.path_params["run_id"])
        lines = await self._service.export_run(run_id)
        if lines is None:
            return make_error(404, "not_found", "there is no such run")
        name = f'attachment; filename="{run_id}.jsonl"'
        headers = {"content-disposition": name}
        return _Lines(lines, media_type="application/x-ndjson", headers=headers)
