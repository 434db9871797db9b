"""The application: its list of routes and middleware, and the parts behind them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Route, WebSocketRoute

from agenttrace_server.errors import OverloadedError, StartError, TooSlowError
from agenttrace_server.graphql.context import Services
from agenttrace_server.graphql.doors import DIFF, REPLAY, StoredDoor
from agenttrace_server.graphql.schema import make_schema
from agenttrace_server.graphql.stored import DOCUMENTS_FILE, StoredDocuments
from agenttrace_server.graphql.view import GraphQLView
from agenttrace_server.http.access import UNREAD_NOTES, UnreadNotes
from agenttrace_server.http.accounts import AccountRoutes
from agenttrace_server.http.diffs import DiffRoute
from agenttrace_server.http.errors import (
    answer_http_error,
    answer_nobody,
    answer_unavailable,
    answer_unexpected,
)
from agenttrace_server.http.export import ExportRoute
from agenttrace_server.http.health import HealthRoutes
from agenttrace_server.http.ingest import IngestRoute
from agenttrace_server.http.metrics import MetricsRoute
from agenttrace_server.http.middleware import list_middleware
from agenttrace_server.http.replay import ReplayRoute
from agenttrace_server.http.static import STATIC_FOLDER, Dashboard
from agenttrace_server.http.texts import TextRoutes
from agenttrace_server.identities import Identities
from agenttrace_server.live.bus import Bus
from agenttrace_server.live.notify import follow_notices
from agenttrace_server.live.watch import watch_others
from agenttrace_server.metrics import Metrics
from agenttrace_server.services.access import AccessService
from agenttrace_server.services.additions import AdditionService
from agenttrace_server.services.annotations import AnnotationService
from agenttrace_server.services.budget import ByteBudget
from agenttrace_server.services.comparisons import ComparisonService
from agenttrace_server.services.deletion import DeletionService
from agenttrace_server.services.diffs import DiffService
from agenttrace_server.services.export import ExportService
from agenttrace_server.services.health import HealthService
from agenttrace_server.services.ingest import IngestService
from agenttrace_server.services.leases import LeaseService
from agenttrace_server.services.live import LiveService
from agenttrace_server.services.plugins import PluginService
from agenttrace_server.services.rates import SenderRates
from agenttrace_server.services.retention import RetentionService
from agenttrace_server.services.runs import RunService
from agenttrace_server.services.search import Indexer, SearchService
from agenttrace_server.services.steps import StepService
from agenttrace_server.services.texts import TextService
from agenttrace_server.services.usage import UsageService
from agenttrace_server.storage.engine import Database, open_database
from agenttrace_server.storage.writer import Writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping

    from agenttrace_server.local_token import LocalToken
    from agenttrace_server.settings import Settings
    from agenttrace_server.storage.append import Appended


@dataclass(frozen=True, slots=True)
class Application:
    """The ASGI application and what its owner needs of it."""

    asgi: Starlette
    database: Database
    graphql: GraphQLView
    bus: Bus
    budget: ByteBudget
    rates: SenderRates
    documents: StoredDocuments


@dataclass(frozen=True, slots=True)
class _Engine:
    """What works behind the doors, from the start of the server to its end."""

    database: Database
    bus: Bus
    metrics: Metrics
    writer: Writer
    indexer: Indexer
    deletion: DeletionService
    leases: LeaseService
    retention: RetentionService | None
    retention_days: int | None
    identities: Identities

    @classmethod
    def open(cls, settings: Settings) -> Self:
        database = open_database(settings.database_url, strict=settings.is_strict)
        bus, indexer, metrics = Bus(), Indexer(database), Metrics()

        def on_commit(appended: Appended) -> None:
            bus.ring(appended.run_ids)
            indexer.notice()

        def on_delete(gone: Appended) -> None:
            bus.ring(gone.run_ids)
            metrics.deleted_runs.inc(len(gone.run_ids))

        def on_interrupt(run_ids: Collection[str]) -> None:
            bus.ring(run_ids)
            metrics.interrupted_runs.inc(len(run_ids))

        deletion = DeletionService(
            database, on_commit=on_delete, remembers=settings.secret_key is not None
        )
        days = settings.max_trace_retention_days
        return cls(
            database=database,
            bus=bus,
            metrics=metrics,
            writer=Writer(database, on_commit=on_commit, on_end=metrics.note_commit),
            indexer=indexer,
            deletion=deletion,
            leases=LeaseService(database, on_commit=on_interrupt),
            retention=RetentionService(database, deletion, days=days, on_end=metrics.note_retention)
            if days
            else None,
            retention_days=days,
            identities=Identities.open(settings, database),
        )

    @asynccontextmanager
    async def run(
        self, graphql: GraphQLView, _app: Starlette
    ) -> AsyncIterator[Mapping[str, object]]:
        self.writer.start()
        tasks = [
            asyncio.create_task(self._hear_others(), name="agenttrace-watch"),
            asyncio.create_task(self.deletion.run(), name="agenttrace-leftovers"),
            asyncio.create_task(self.leases.run(), name="agenttrace-leases"),
            asyncio.create_task(graphql.followers.watch(), name="agenttrace-principals"),
        ]
        if self.retention is not None:
            tasks.append(asyncio.create_task(self.retention.run(), name="agenttrace-retention"))
        self.indexer.start()
        await self.identities.audit.note_retention(self.retention_days)
        try:
            yield {UNREAD_NOTES: UnreadNotes(self.metrics)}
        except asyncio.CancelledError:
            return  # a second signal: nothing is tidied, and what was acknowledged is on disk
        await self.indexer.close()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await self.deletion.close()
        await self.identities.close()
        await self.writer.close()
        self.database.close()

    async def _hear_others(self) -> None:
        notices = self.database.notices
        if notices is not None:
            await follow_notices(self.bus, notices.listen)
        else:
            await watch_others(self.bus, self.database.read_foreign_version)


def create_app(settings: Settings, *, local_token: LocalToken | None = None) -> Application:
    """Open the store and put the application together.

    Raises:
        StartError: the store cannot be opened, or there is no token and should be one.

    """
    if settings.local_token and local_token is None:
        raise StartError("LOCAL_TOKEN is set, and there is no token; start with agenttrace serve")
    engine = _Engine.open(settings)
    services, identities = _make_services(settings, engine), engine.identities
    documents = StoredDocuments()
    documents.add_manifest(STATIC_FOLDER / DOCUMENTS_FILE)
    health = HealthService(engine.database, engine.writer)
    days = settings.max_trace_retention_days
    schema = make_schema(is_strict=not settings.shows_schema)
    graphql = GraphQLView(
        schema,
        make_context=services.make_context,
        documents=documents,
        authenticator=identities.authenticator,
    )
    make_door = partial(
        StoredDoor,
        schema,
        documents,
        make_context=services.make_context,
        timeout_s=graphql.timeout_s,
    )
    app = Starlette(
        routes=[
            IngestRoute(services.ingest, services.budget, services.rates).make_route(),
            ExportRoute(
                ExportService(engine.database), services.access, identities.audit
            ).make_route(),
            ReplayRoute(make_door(REPLAY)).make_route(),
            DiffRoute(make_door(DIFF)).make_route(),
            *TextRoutes(TextService(engine.database), services.access).make_routes(),
            Route("/graphql", graphql),
            WebSocketRoute("/graphql", graphql),
            *AccountRoutes(identities.accounts, identities.sessions).make_routes(),
            *HealthRoutes(health).make_routes(),
            MetricsRoute(engine.metrics, health, retention_days=days).make_route(),
        ],
        middleware=list_middleware(
            settings, engine.metrics, identities.authenticator, local_token=local_token
        ),
        exception_handlers={
            HTTPException: answer_http_error,
            ClientDisconnect: answer_nobody,
            OverloadedError: answer_unavailable,
            TooSlowError: answer_unavailable,
            Exception: answer_unexpected,
        },
        lifespan=partial(engine.run, graphql),
    )
    # As the default it comes after a door that exists but not for this method (405), and no
    # spelling with another slash is redirected.
    app.router.default = Dashboard(shows_explorer=settings.shows_schema)
    app.router.redirect_slashes = False
    return Application(
        app, engine.database, graphql, engine.bus, services.budget, services.rates, documents
    )


def _make_services(settings: Settings, engine: _Engine) -> Services:
    database, bus, identities = engine.database, engine.bus, engine.identities
    access = AccessService(database)
    return Services(
        accounts=identities.accounts,
        sessions=identities.sessions,
        keys=identities.keys,
        audit=identities.audit,
        access=access,
        runs=RunService(database),
        live=LiveService(database, bus, access),
        search=SearchService(database),
        usage=UsageService(database),
        steps=StepService(database),
        annotations=AnnotationService(database, access, on_commit=bus.ring),
        deletion=engine.deletion,
        diffs=DiffService(database),
        comparisons=ComparisonService(database),
        plugins=PluginService(),
        ingest=IngestService(
            engine.writer,
            AdditionService(database, on_commit=bus.ring),
            on_end=lambda result: engine.metrics.note_lines(
                accepted=result.accepted, refused=result.rejected
            ),
        ),
        budget=ByteBudget(settings.buffer_size),
        rates=SenderRates(),
        environment=settings.environment.value,
        retention_days=settings.max_trace_retention_days,
    )
