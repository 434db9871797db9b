"""The schema, put together."""

from __future__ import annotations

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from agenttrace_server.graphql.arguments import describe_arguments
from agenttrace_server.graphql.errors import HideUnexpectedErrors
from agenttrace_server.graphql.execution import FlatListExecutor, StrictExecutor
from agenttrace_server.graphql.mutation import Mutation
from agenttrace_server.graphql.query import Query
from agenttrace_server.graphql.subscription import Subscription
from agenttrace_server.graphql.types.kinds import SPAN_KINDS
from agenttrace_server.graphql.types.scalars import SCALARS
from agenttrace_server.graphql.validation import CheckedDocuments, DocumentChecker
from graphql import (
    GraphQLError,
    build_schema,
    lexicographic_sort_schema,
    print_schema,
)


class Schema(strawberry.Schema):
    """Strawberry's schema; errors are logged where they are hidden, and nowhere else."""

    def describe(self) -> None:
        """Say of arguments what they mean."""
        describe_arguments(self._schema)

    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Log nothing: a client's mistakes are not the server's, the rest has its own log line."""


def make_schema(*, is_strict: bool = False) -> Schema:
    """Return the schema. A strict one does not describe itself, and suggests no names."""
    checker = DocumentChecker(is_strict=is_strict)
    schema = Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=list(SPAN_KINDS.values()),
        extensions=[HideUnexpectedErrors, lambda: CheckedDocuments(checker)],
        execution_context_class=StrictExecutor if is_strict else FlatListExecutor,
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    schema.describe()
    return schema


def print_sdl() -> str:
    """Return the schema in GraphQL's own language, sorted, with a line end at its end."""
    # Sorted here and not by Strawberry: its sorted enumerations cannot print their defaults.
    sdl = make_schema().as_str()
    return print_schema(lexicographic_sort_schema(build_schema(sdl))).rstrip() + "\n"
