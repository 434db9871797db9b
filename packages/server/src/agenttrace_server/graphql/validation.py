"""Parsing and validating documents, each once: bounded before it begins, and remembered.

Limits come first: graphql-core's validation takes time for what is over them. Its own comparison of
repeated fields, the one part that stays quadratic, has a budget: the whole dashboard uses 49 units.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

import graphql.validation.rules.overlapping_fields_can_be_merged as overlap
from strawberry.extensions import SchemaExtension
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from agenttrace_server.graphql.costs import check_cost
from agenttrace_server.graphql.documents import LimitError
from agenttrace_server.graphql.errors import LIMIT_EXCEEDED
from agenttrace_server.graphql.limits import check_figures, measure_document
from agenttrace_server.graphql.permissions import find_forbidden
from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    parse,
    specified_rules,
    validate,
)

CACHED_DOCUMENTS: Final = 256
MAX_ERRORS: Final = 20
OVERLAP_BUDGET: Final = 2_500
overlap.MAX_COMPLEXITY_BUDGET = OVERLAP_BUDGET

_ABORTED: Final = "Validation aborted."


class NoIntrospection(ASTValidationRule):
    """Refuses to describe the schema."""

    def enter_field(self, node: FieldNode, *_args: Any) -> None:
        """Report a field that describes the schema; `__typename` does not."""
        if node.name.value in ("__schema", "__type"):
            self.report_error(
                GraphQLError(
                    "introspection is off on this server; its schema is in the release, and "
                    "`agenttrace-server schema` prints it",
                    node,
                )
            )


@lru_cache(maxsize=CACHED_DOCUMENTS)
def parse_document(text: str) -> DocumentNode:
    """Return the tree of a document.

    Raises:
        GraphQLSyntaxError: it is none.

    """
    return parse(text)


_SUGGESTION: Final = re.compile(r" Did you mean .*\?$", re.DOTALL)


class DocumentChecker:
    """Says what is wrong with documents, and remembers it. One for each schema."""

    def __init__(self, *, is_strict: bool) -> None:
        own = (MaybeNullValidationRule, OneOfInputValidationRule)
        hidden = (NoIntrospection,) if is_strict else ()
        self._rules = (*specified_rules, *own, *hidden)
        self._is_strict = is_strict
        self._find_cached = lru_cache(maxsize=CACHED_DOCUMENTS)(self._find)

    def find_errors(self, schema: GraphQLSchema, text: str) -> Sequence[GraphQLError]:
        """Return why no operation of a document may run; nothing if one may."""
        return self._find_cached(schema, text)

    def _find(self, schema: GraphQLSchema, text: str) -> Sequence[GraphQLError]:
        document = parse_document(text)
        try:
            check_figures(measure_document(document))
        except LimitError as error:
            return [_make_limit_error(error)]
        errors = validate(
            schema, document, self._rules, MAX_ERRORS, hide_suggestions=self._is_strict
        )
        if self._is_strict:
            for each in errors:  # one rule suggests how to ask for a field, whatever it is told
                each.message = _SUGGESTION.sub("", each.message)
        return [_explain_abortion(error) for error in errors]


class CheckedDocuments(SchemaExtension):
    """Parses and validates what Strawberry executes."""

    def __init__(self, checker: DocumentChecker) -> None:
        self._checker = checker

    def on_parse(self) -> Iterator[None]:
        """Parse; leave a syntax error to Strawberry's own parsing, which makes an answer of it."""
        context = self.execution_context
        if context.query:
            with suppress(GraphQLSyntaxError):
                context.graphql_document = parse_document(context.query)
        yield

    def on_validate(self) -> Iterator[None]:
        """Say what is wrong with the document, or with the operation of it that is asked for."""
        context = self.execution_context
        schema: GraphQLSchema = context.schema._schema  # noqa: SLF001 -- there is no public name
        assert context.query is not None
        errors = list(self._checker.find_errors(schema, context.query))
        context.pre_execution_errors = errors or self._find_operation_errors(schema)
        yield

    def _find_operation_errors(self, schema: GraphQLSchema) -> list[GraphQLError]:
        context = self.execution_context
        document = context.graphql_document
        assert document is not None
        operations = [n for n in document.definitions if isinstance(n, OperationDefinitionNode)]
        name = context._provided_operation_name  # noqa: SLF001 -- the public name is a guess
        if name is None and len(operations) > 1:
            # Strawberry would take the first.
            text = "the document has several operations; say which with `operationName`"
            return [GraphQLError(text)]
        for operation in operations:
            if name is None or (operation.name and operation.name.value == name):
                try:
                    check_cost(schema, document, operation, context.variables or {})
                except LimitError as error:
                    return [_make_limit_error(error)]
                forbidden = find_forbidden(document, operation, context.context.actor.principal)
                return [] if forbidden is None else [forbidden]
        return []


def _make_limit_error(error: LimitError) -> GraphQLError:
    return GraphQLError(str(error), extensions={"code": LIMIT_EXCEEDED})


def _explain_abortion(error: GraphQLError) -> GraphQLError:
    if error.message != _ABORTED:
        return error
    text = "the document repeats fields too often to be compared; ask for each field once"
    return GraphQLError(text, extensions={"code": LIMIT_EXCEEDED})
