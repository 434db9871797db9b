"""The schema, put together."""

from __future__ import annotations

import strawberry
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from agenttrace_server.graphql.errors import HideUnexpectedErrors
from agenttrace_server.graphql.execution import FlatListExecutor
from agenttrace_server.graphql.query import Query
from agenttrace_server.graphql.subscription import Subscription
from agenttrace_server.graphql.types.kinds import SPAN_KINDS
from agenttrace_server.graphql.types.scalars import SCALARS
from graphql import GraphQLError, build_schema, lexicographic_sort_schema, print_schema

CACHED_DOCUMENTS = 256


class Schema(strawberry.Schema):
    """Strawberry's schema; errors are logged where they are hidden, and nowhere else."""

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Log nothing: a client's mistakes are not the server's, the rest has its own log line."""


def make_schema() -> Schema:
    """Return the schema."""
    return Schema(
        query=Query,
        subscription=Subscription,
        types=list(SPAN_KINDS.values()),
        extensions=[
            HideUnexpectedErrors,
            lambda: ParserCache(maxsize=CACHED_DOCUMENTS),
            lambda: ValidationCache(maxsize=CACHED_DOCUMENTS),
        ],
        execution_context_class=FlatListExecutor,
        config=StrawberryConfig(scalar_map=SCALARS),
    )


def print_sdl() -> str:
    """Return the schema in GraphQL's own language, sorted, with a line end at its end."""
    # Sorted here and not by Strawberry: its sorted enumerations cannot print their defaults.
    sdl = make_schema().as_str()
    return print_schema(lexicographic_sort_schema(build_schema(sdl))).rstrip() + "\n"
