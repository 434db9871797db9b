"""Which errors a client sees as they are, and which only under an id."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence

from strawberry.extensions import MaskErrors
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

from agenttrace_server.errors import ServerError
from graphql import GraphQLError

LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
"""The code of an error about a document that is too large, deep or dear to run."""

INTERNAL = "INTERNAL"
"""The code of an error that is the server's fault."""

DOCUMENT_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
TIMED_OUT = "TIMED_OUT"
UNSUPPORTED_ENCODING = "UNSUPPORTED_ENCODING"

_log = logging.getLogger(__name__)


class HideUnexpectedErrors(MaskErrors):
    """Shows errors of syntax, validation and arguments; logs every other under an id."""

    def __init__(self) -> None:
        super().__init__(should_mask_error=_is_unexpected)

    def anonymise_error(self, error: GraphQLError) -> GraphQLError:
        """Return what the client sees of an unexpected error."""
        return _hide(error)


def hide_unexpected(errors: Sequence[GraphQLError]) -> list[GraphQLError]:
    """Return errors as a client may see them: what an extension ran into is not hidden yet."""
    return [_hide(error) if _is_unexpected(error) else error for error in errors]


def describe_timeout(timeout_s: float) -> str:
    """Return the message for an operation that was stopped."""
    return f"the operation took over {timeout_s:g} seconds and was stopped; ask for less at once"


def _hide(error: GraphQLError) -> GraphQLError:
    error_id = secrets.token_hex(8)
    _log.error("error %s at %s", error_id, error.path, exc_info=error.original_error)
    return GraphQLError(
        f"Internal error {error_id}; the server's log has the details.",
        nodes=error.nodes,
        path=error.path,
        extensions={"code": INTERNAL, "errorId": error_id},
    )


def _is_unexpected(error: GraphQLError) -> bool:
    cause = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    expected = ServerError | CannotGetOperationTypeError | InvalidOperationTypeError
    return cause is not None and not isinstance(cause, expected)
