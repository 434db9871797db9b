"""Which errors a client sees as they are, and which only under an id."""

from __future__ import annotations

import logging
import secrets

from strawberry.extensions import MaskErrors
from strawberry.schema.exceptions import CannotGetOperationTypeError

from agenttrace_server.errors import ServerError
from graphql import GraphQLError

_log = logging.getLogger(__name__)


class HideUnexpectedErrors(MaskErrors):
    """Shows errors of syntax, validation and arguments; logs every other under an id."""

    def __init__(self) -> None:
        super().__init__(should_mask_error=_is_unexpected)

    def anonymise_error(self, error: GraphQLError) -> GraphQLError:
        """Return what the client sees of an unexpected error."""
        error_id = secrets.token_hex(8)
        _log.error("error %s at %s", error_id, error.path, exc_info=error.original_error)
        return GraphQLError(
            f"Internal error {error_id}; the server's log has the details.",
            nodes=error.nodes,
            path=error.path,
            extensions={"code": "INTERNAL", "errorId": error_id},
        )


def _is_unexpected(error: GraphQLError) -> bool:
    cause = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause is not None and not isinstance(cause, ServerError | CannotGetOperationTypeError)
