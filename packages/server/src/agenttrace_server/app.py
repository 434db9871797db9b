"""The application: its list of routes and middleware, and the parts behind them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route, WebSocketRoute

from agenttrace_server.graphql.context import Context
from agenttrace_server.graphql.loaders import Loaders
from agenttrace_server.graphql.schema import make_schema
from agenttrace_server.graphql.stored import DOCUMENTS_FILE, StoredDocuments
from agenttrace_server.graphql.view import GraphQLView
from agenttrace_server.http.errors import answer_http_error, answer_unexpected
from agenttrace_server.http.export import ExportRoute
from agenttrace_server.http.health import HealthRoutes
from agenttrace_server.http.ingest import IngestRoute
from agenttrace_server.http.middleware import list_middleware
from agenttrace_server.http.static import STATIC_FOLDER, Dashboard
from agenttrace_server.live.bus import Bus
from agenttrace_server.live.notify import follow_notices
from agenttrace_server.live.watch import watch_others
from agenttrace_server.services.annotations import AnnotationService
from agenttrace_server.services.budget import ByteBudget
from agenttrace_server.services.deletion import DeletionService
from agenttrace_server.services.export import ExportService
from agenttrace_server.services.health import HealthService
from agenttrace_server.services.ingest import IngestService
from agenttrace_server.services.leases import LeaseService
from agenttrace_server.services.live import LiveService
from agenttrace_server.services.plugins import PluginService
from agenttrace_server.services.runs import RunService
from agenttrace_server.services.search import Indexer, SearchService
from agenttrace_server.services.usage import UsageService
from agenttrace_server.storage.engine import Database, open_database
from agenttrace_server.storage.writer import Writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

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
    documents: StoredDocuments


def create_app(settings: Settings) -> Application:
    """Open the store and put the application together.

    Raises:
        StartError: the store cannot be opened.

    """
    database = open_database(settings.database_url, strict=settings.is_strict)
    bus = Bus()
    indexer = Indexer(database)

    def on_commit(appended: Appended) -> None:
        bus.ring(appended.run_ids)
        indexer.notice()

    writer = Writer(database, on_commit=on_commit)
    deletion = DeletionService(database, on_commit=lambda gone: bus.ring(gone.run_ids))
    leases = LeaseService(database, on_commit=bus.ring)
    documents = StoredDocuments()
    documents.add_manifest(STATIC_FOLDER / DOCUMENTS_FILE)
    budget = ByteBudget(settings.buffer_size)
    service = IngestService(writer)
    ingest = IngestRoute(service, budget)
    live = LiveService(database, bus)
    make_context = _make_contexts(settings, database, bus, live, deletion, service, budget)
    schema = make_schema(is_strict=not settings.shows_schema)
    graphql = GraphQLView(schema, make_context=make_context, documents=documents)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        writer.start()
        notices = database.notices
        watch = asyncio.create_task(
            follow_notices(bus, notices.listen)
            if notices is not None
            else watch_others(bus, database.read_foreign_version)
        )
        leftovers = asyncio.create_task(deletion.finish())
        sweep = asyncio.create_task(leases.run(), name="agenttrace-leases")
        indexer.start()
        yield
        await indexer.close()
        for task in (watch, leftovers, sweep):
            task.cancel()
        await asyncio.wait([watch, leftovers, sweep])
        await writer.close()
        database.close()

    app = Starlette(
        routes=[
            ingest.make_route(),
            ExportRoute(ExportService(database)).make_route(),
            Route("/graphql", graphql),
            WebSocketRoute("/graphql", graphql),
            *HealthRoutes(HealthService(database, writer)).make_routes(),
        ],
        middleware=list_middleware(settings),
        exception_handlers={HTTPException: answer_http_error, Exception: answer_unexpected},
        lifespan=lifespan,
    )
    # As the default it comes after a door that exists but not for this method (405), and no
    # spelling with another slash is redirected.
    app.router.default = Dashboard()
    app.router.redirect_slashes = False
    return Application(app, database, graphql, bus, budget, documents)


def _make_contexts(  # noqa: PLR0913, PLR0917 -- what resolvers touch, each once
    settings: Settings,
    database: Database,
    bus: Bus,
    live: LiveService,
    deletion: DeletionService,
    ingest: IngestService,
    budget: ByteBudget,
) -> Callable[[], Context]:
    runs = RunService(database)
    search = SearchService(database)
    usage = UsageService(database)
    plugins = PluginService()
    annotations = AnnotationService(database, on_commit=bus.ring)

    def make_context() -> Context:
        return Context(
            runs=runs,
            live=live,
            search=search,
            usage=usage,
            annotations=annotations,
            deletion=deletion,
            plugins=plugins,
            loaders=Loaders(runs, annotations),
            environment=settings.environment.value,
            ingest=ingest,
            budget=budget,
        )

    return make_context
