"""What a resolver may touch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import strawberry

from agenttrace_server.graphql.loaders import Loaders
from agenttrace_server.services.live import LiveService
from agenttrace_server.services.runs import RunService


@dataclass(slots=True)
class Context:
    """One for each HTTP request and each WebSocket."""

    runs: RunService
    live: LiveService
    loaders: Loaders
    environment: str


Info: TypeAlias = strawberry.Info[Context, None]
