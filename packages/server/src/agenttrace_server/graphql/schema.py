"""The schema, put together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import strawberry
from strawberry.extensions import ParserCache, SchemaExtension, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext

from agenttrace_server.graphql.errors import HideUnexpectedErrors
from agenttrace_server.graphql.execution import FlatListExecutor
from agenttrace_server.graphql.mutation import Mutation
from agenttrace_server.graphql.query import Query
from agenttrace_server.graphql.subscription import Subscription
from agenttrace_server.graphql.types.kinds import SPAN_KINDS
from agenttrace_server.graphql.types.scalars import SCALARS
from graphql import (
    GraphQLError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    build_schema,
    lexicographic_sort_schema,
    print_schema,
)

CACHED_DOCUMENTS = 256


class CachedParser(ParserCache):
    """Strawberry's, for documents that can be parsed."""

    def on_parse(self) -> Iterator[None]:
        """Leave a syntax error to Strawberry's own parsing, which makes an answer of it."""
        parsing = super().on_parse()
        with suppress(GraphQLSyntaxError):
            next(parsing)
        yield
        next(parsing, None)


class OneOperation(SchemaExtension):
    """Refuses to guess which of several operations is meant: Strawberry takes the first."""

    def on_validate(self) -> Iterator[None]:
        """Put this error in the place of any other."""
        context = self.execution_context
        assert context.graphql_document is not None
        operations = [
            part
            for part in context.graphql_document.definitions
            if isinstance(part, OperationDefinitionNode)
        ]
        named = context._provided_operation_name  # noqa: SLF001 -- the public name is the guess
        if named is None and len(operations) > 1:
            context.pre_execution_errors = [
                GraphQLError("the document has several operations; say which with `operationName`")
            ]
        yield


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
        mutation=Mutation,
        subscription=Subscription,
        types=list(SPAN_KINDS.values()),
        extensions=[
            HideUnexpectedErrors,
            lambda: CachedParser(maxsize=CACHED_DOCUMENTS),
            lambda: ValidationCache(maxsize=CACHED_DOCUMENTS),
            OneOperation,  # after the cache, which would overwrite its finding
        ],
        execution_context_class=FlatListExecutor,
        config=StrawberryConfig(scalar_map=SCALARS),
    )


def print_sdl() -> str:
    """Return the schema in GraphQL's own language, sorted, with a line end at its end."""
    # Sorted here and not by Strawberry: its sorted enumerations cannot print their defaults.
    sdl = make_schema().as_str()
    return print_schema(lexicographic_sort_schema(build_schema(sdl))).rstrip() + "\n"
