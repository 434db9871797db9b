"""What a resolver may touch."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TypeAlias

import strawberry

from agenttrace_server.graphql.loaders import Loaders
from agenttrace_server.live.place import Place
from agenttrace_server.services.annotations import AnnotationService
from agenttrace_server.services.budget import ByteBudget
from agenttrace_server.services.deletion import DeletionService
from agenttrace_server.services.ingest import IngestService
from agenttrace_server.services.live import LiveService
from agenttrace_server.services.plugins import PluginService
from agenttrace_server.services.runs import RunService
from agenttrace_server.services.search import SearchService
from agenttrace_server.services.usage import UsageService


@dataclass(slots=True, kw_only=True)
class Services:
    """The use cases behind the schema, the same for every request."""

    runs: RunService
    live: LiveService
    search: SearchService
    usage: UsageService
    annotations: AnnotationService
    deletion: DeletionService
    plugins: PluginService
    ingest: IngestService
    budget: ByteBudget
    """Of bytes of records that wait for the disk, over all doors."""
    environment: str

    def make_context(self) -> Context:
        """Return a new context over these services."""
        shared = {part.name: getattr(self, part.name) for part in fields(Services)}
        loaders = Loaders(self.runs, self.annotations, self.search, self.usage)
        return Context(**shared, loaders=loaders)


@dataclass(slots=True, kw_only=True)
class Context(Services):
    """One for each HTTP request, and for each follower of a subscription."""

    loaders: Loaders
    place: Place = field(default_factory=Place)
    """Of the follower that a subscription is."""


Info: TypeAlias = strawberry.Info[Context, None]
