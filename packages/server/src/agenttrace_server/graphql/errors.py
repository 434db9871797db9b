"""Which errors a client sees as they are, and which only under an id."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterable, Sequence
from typing import Final

from strawberry.extensions import MaskErrors
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

from agenttrace_server.errors import ServerError
from graphql import GraphQLError, GraphQLSyntaxError

LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
"""The code of an error about a document that is too large, deep or dear to run."""

INTERNAL = "INTERNAL"
"""The code of an error that is the server's fault."""

DOCUMENT_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
TIMED_OUT = "TIMED_OUT"
UNSUPPORTED_ENCODING = "UNSUPPORTED_ENCODING"

VALIDATION_FAILED = "VALIDATION_FAILED"
"""The document, or the variables given with it, is not one of this schema."""

INVALID_ARGUMENT = "INVALID_ARGUMENT"
WRONG_TRANSPORT = "WRONG_TRANSPORT"
"""A subscription over HTTP, or anything else over a WebSocket."""

OPERATION_NOT_FOUND = "OPERATION_NOT_FOUND"
PARSE_FAILED = "PARSE_FAILED"
BAD_REQUEST = "BAD_REQUEST"
STATUS_CODES: Final = {
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    408: TIMED_OUT,
    413: "TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
}
"""The codes of refusals by their statuses; of any other, `BAD_REQUEST`."""

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


def add_codes(errors: Iterable[GraphQLError]) -> None:
    """Give each error that has no code for programs the one of its kind."""
    for error in errors:
        if not (error.extensions or {}).get("code"):
            error.extensions = {**(error.extensions or {}), "code": _find_code(error)}


def _find_code(error: GraphQLError) -> str:
    if isinstance(error, GraphQLSyntaxError):
        return PARSE_FAILED
    if isinstance(error.original_error, CannotGetOperationTypeError):
        return OPERATION_NOT_FOUND
    # What is wrong before anything is executed is at no field of the answer.
    return INVALID_ARGUMENT if error.path else VALIDATION_FAILED


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
