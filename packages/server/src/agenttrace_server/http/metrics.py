"""`GET /metrics`: figures for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from agenttrace_server.metrics import CONTENT_TYPE

if TYPE_CHECKING:
    from starlette.requests import Request

    from agenttrace_server.metrics import Metrics
    from agenttrace_server.services.health import HealthService


class MetricsRoute:
    """The door for what collects figures."""

    def __init__(
        self, metrics: Metrics, health: HealthService, *, retention_days: int | None
    ) -> None:
        self._metrics = metrics
        self._health = health
        self._retention_days = retention_days

    def make_route(self) -> Route:
        """Return the route."""
        return Route("/metrics", self.answer)

    async def answer(self, _request: Request) -> Response:
        """Give the figures, also while the store cannot be read: then without its own."""
        figures = await self._health.read_figures()
        body = self._metrics.write(figures, retention_days=self._retention_days)
        return Response(body, media_type=CONTENT_TYPE)
