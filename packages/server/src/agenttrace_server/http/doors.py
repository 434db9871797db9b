"""What each door needs, by its path. A door that is not here is open to nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.routing import BaseRoute, Match, Route, WebSocketRoute

from agenttrace_server.http.paths import is_page
from agenttrace_server.identity import Permission

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import Scope

PUBLIC: Final = None
DOORS: Final[dict[str, Permission | None]] = {
    "/healthz": PUBLIC,
    "/readyz": Permission.KNOWN,
    "/metrics": Permission.WATCH,
    "/api/auth/register": PUBLIC,
    "/api/auth/token": PUBLIC,
    "/api/auth/refresh": PUBLIC,
    "/api/auth/logout": Permission.ANYBODY,
    "/api/ingest": Permission.INGEST,
    "/api/export/runs/{run_id}": Permission.READ,
    "/api/replay/runs/{run_id}": Permission.READ,
    "/api/diff/runs": Permission.READ,
    "/api/runs/{run_id}/{kind}": Permission.READ,
    "/api/runs/{run_id}/spans/{span_id}/{kind}": Permission.READ,
    "/api/runs/{run_id}/events/{seq}/body": Permission.READ,
    # Which operations somebody may run, `graphql.permissions` says of each.
    "/graphql": Permission.ANYBODY,
}
_SAFE: Final = ("GET", "HEAD")


def find_door(scope: Scope, routes: Iterable[BaseRoute]) -> tuple[bool, str | None]:
    """Return whether anybody may come in, and else the path of the door, if there is one.

    The files and pages of the dashboard are for anybody: there is nothing recorded in them.
    """
    for route in routes:
        match, _ = route.matches(scope)
        if match is not Match.NONE:
            assert isinstance(route, Route | WebSocketRoute)
            is_public = DOORS.get(route.path, Permission.OPERATE) is PUBLIC
            return is_public, route.path
    is_read = scope["type"] == "http" and scope["method"] in _SAFE
    return is_read and is_page(scope["path"]), None
