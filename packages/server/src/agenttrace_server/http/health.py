"""`/healthz`: the process answers. `/readyz`: the store does, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

    from agenttrace_server.services.health import HealthService


class HealthRoutes:
    """The doors for operators."""

    def __init__(self, service: HealthService) -> None:
        self._service = service

    def make_routes(self) -> list[Route]:
        """Return the routes."""
        return [Route("/healthz", self.answer_alive), Route("/readyz", self.answer_ready)]

    async def answer_alive(self, _request: Request) -> Response:
        """Say that the process runs."""
        return JSONResponse({"status": "ok"})

    async def answer_ready(self, _request: Request) -> Response:
        """Say whether the store can be read, and written where that failed last."""
        problem = await self._service.find_problem()
        if problem is None:
            return JSONResponse({"status": "ok"})
        return JSONResponse({"status": "unavailable", "reason": problem}, status_code=503)
