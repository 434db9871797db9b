"""What a resolver may touch."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TypeAlias

import strawberry

from agenttrace_server.graphql.loaders import Loaders
from agenttrace_server.identity import Actor
from agenttrace_server.live.place import Place
from agenttrace_server.services.access import AccessService
from agenttrace_server.services.accounts import AccountService
from agenttrace_server.services.annotations import AnnotationService
from agenttrace_server.services.audit import AuditService
from agenttrace_server.services.budget import ByteBudget
from agenttrace_server.services.comparisons import ComparisonService
from agenttrace_server.services.deletion import DeletionService
from agenttrace_server.services.diffs import DiffService
from agenttrace_server.services.ingest import IngestService
from agenttrace_server.services.keys import KeyService
from agenttrace_server.services.live import LiveService
from agenttrace_server.services.plugins import PluginService
from agenttrace_server.services.rates import SenderRates
from agenttrace_server.services.runs import RunService
from agenttrace_server.services.search import SearchService
from agenttrace_server.services.sessions import SessionService
from agenttrace_server.services.steps import StepService
from agenttrace_server.services.usage import UsageService


@dataclass(slots=True, kw_only=True)
class Services:
    """The use cases behind the schema, the same for every request."""

    runs: RunService
    live: LiveService
    search: SearchService
    usage: UsageService
    steps: StepService
    annotations: AnnotationService
    deletion: DeletionService
    diffs: DiffService
    comparisons: ComparisonService
    plugins: PluginService
    ingest: IngestService
    budget: ByteBudget
    """Of bytes of records that wait for the disk, over all doors."""
    rates: SenderRates
    """Of requests with records, over all doors."""
    accounts: AccountService
    sessions: SessionService | None
    """None on a server without accounts."""
    keys: KeyService
    audit: AuditService
    access: AccessService
    environment: str
    retention_days: int | None
    """After which runs are deleted; None: never."""

    def make_context(self, actor: Actor) -> Context:
        """Return a new context over these services, for who asks."""
        shared = {part.name: getattr(self, part.name) for part in fields(Services)}
        return Context(**shared, actor=actor, loaders=self.make_loaders(actor))

    def make_loaders(self, actor: Actor) -> Loaders:
        """Return the loaders of who asks: they find what is of their project."""
        project_id = actor.principal.project_id
        return Loaders(
            self.runs, self.annotations, self.search, self.usage, self.access, project_id
        )


@dataclass(slots=True, kw_only=True)
class Context(Services):
    """One for each HTTP request, and for each follower of a subscription."""

    actor: Actor
    """Who asks. Over a WebSocket nobody, until its first message."""
    loaders: Loaders
    connection_params: dict[str, object] | None = None
    """What the first message of a WebSocket said."""
    place: Place = field(default_factory=Place)
    """Of the follower that a subscription is."""


Info: TypeAlias = strawberry.Info[Context, None]
