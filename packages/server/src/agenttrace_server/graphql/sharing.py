"""Subscriptions that ask for the same are executed once.

The same is: the same document, operation and variables, but for the variable that says where to
begin. Who may see what is not part of it, since all may see everything; once that changes, it must
be.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import orjson
from strawberry.schema import BaseSchema
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from agenttrace_server.graphql.context import Context
from agenttrace_server.graphql.errors import WRONG_TRANSPORT, add_codes
from agenttrace_server.live.place import Place
from agenttrace_server.live.sharing import Channels
from graphql import (
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    get_operation_ast,
    parse,
    visit,
)

CURSOR_ARGUMENT: Final = "after"
CACHED_DOCUMENTS: Final = 256
_POLL_S: Final = 0.01


class RefusedError(Exception):
    """A document that cannot be run, with what is wrong with it."""

    def __init__(self, errors: Sequence[GraphQLError]) -> None:
        super().__init__(*(error.message for error in errors))
        self.errors = list(errors)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks for."""

    document: str
    variables: dict[str, Any] | None
    operation_name: str | None


class SharedSubscriptions:
    """The subscriptions of this process."""

    def __init__(self, schema: BaseSchema) -> None:
        self._schema = schema
        self._channels = Channels()

    def follow(
        self, asked: Asked, context: Context, push: Callable[[bytes], bool]
    ) -> AsyncGenerator[bytes]:
        """Yield the payloads of a subscription's messages, as JSON text, but those pushed.

        Raises:
            RefusedError: it cannot be run, or is no subscription.

        """

        def stream(place: Place) -> AsyncGenerator[bytes]:
            return self._run(asked, replace(context, place=place))

        return self._channels.follow(make_key(asked), stream, push)

    async def settle(self, end: int, *, timeout_s: float) -> None:
        """Wait until all who read were told everything up to a position, but not for longer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not self._channels.has_settled(end):  # noqa: ASYNC110 -- once, at the end
                    await asyncio.sleep(_POLL_S)

    def count(self) -> int:
        """Return how many executions are shared now."""
        return self._channels.count()

    async def _run(self, asked: Asked, context: Context) -> AsyncGenerator[bytes]:
        results = await self._schema.stream(
            asked.document,
            variable_values=asked.variables,
            context_value=context,
            operation_name=asked.operation_name,
            allowed_operation_types=(OperationType.SUBSCRIPTION,),
        )
        async with aclosing(results):
            async for result in results:
                if isinstance(result, PreExecutionError):
                    raise RefusedError([_explain(error) for error in result.errors or ()])
                assert isinstance(result, ExecutionResult)  # a subscription is never incremental
                yield _dump(result)


def make_key(asked: Asked) -> tuple[str, str | None, bytes]:
    """Return what is equal for those who can share an execution."""
    variables = dict(asked.variables or {})
    variables.pop(find_cursor_variable(asked.document, asked.operation_name) or "", None)
    dumped = orjson.dumps(variables, option=orjson.OPT_SORT_KEYS)
    return asked.document, asked.operation_name, dumped


@lru_cache(maxsize=CACHED_DOCUMENTS)
def find_cursor_variable(document: str, operation_name: str | None) -> str | None:
    """Return the variable that a subscription takes its cursor from, and nothing else."""
    try:
        tree = parse(document)
    except GraphQLError:
        return None  # it will not run: the execution says why
    operation = get_operation_ast(tree, operation_name)
    if not isinstance(operation, OperationDefinitionNode):
        return None
    names: list[str] = []
    for field in operation.selection_set.selections:
        if isinstance(field, FieldNode):
            names += [
                argument.value.name.value
                for argument in field.arguments or ()
                if argument.name.value == CURSOR_ARGUMENT
                and isinstance(argument.value, VariableNode)
            ]
    counter = _VariableCounter()
    visit(tree, counter)
    # Twice: where it is declared, and as the cursor.
    return names[0] if len(names) == 1 and counter.names.count(names[0]) == 2 else None  # noqa: PLR2004


class _VariableCounter(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        self.names.append(node.name.value)


def _explain(error: GraphQLError) -> GraphQLError:
    if isinstance(error.original_error, InvalidOperationTypeError):
        text = "queries and mutations go over HTTP, by POST; a WebSocket is to follow"
        return GraphQLError(text, extensions={"code": WRONG_TRANSPORT})
    add_codes([error])
    return error


def _dump(result: ExecutionResult) -> bytes:
    payload: dict[str, Any] = {"data": result.data}
    if result.errors:
        add_codes(result.errors)
        payload["errors"] = [error.formatted for error in result.errors]
    if result.extensions:
        payload["extensions"] = result.extensions
    return orjson.dumps(payload)
