"""What a resolver may touch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import strawberry

from agenttrace_server.graphql.loaders import Loaders
from agenttrace_server.live.place import Place
from agenttrace_server.services.live import LiveService
from agenttrace_server.services.runs import RunService
from agenttrace_server.services.search import SearchService


@dataclass(slots=True)
class Context:
    """One for each HTTP request, and for each follower of a subscription."""

    runs: RunService
    live: LiveService
    search: SearchService
    loaders: Loaders
    environment: str
    place: Place = field(default_factory=Place)
    """Of the follower that a subscription is."""


Info: TypeAlias = strawberry.Info[Context, None]
