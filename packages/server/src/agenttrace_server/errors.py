"""What can go wrong in the server, by who has to act.

ServerError
├── StartError          the operator: a setting, the port, the data folder; one line, exit 2
├── RefusedError        the caller: what a mutation was asked to do; has a field and a code
├── AuthenticationError  the caller: nobody is known by this credential
├── ForbiddenError      the caller: known, but may not do this
├── AttemptsError       the caller, later: too many tries; again after `retry_after_s`
├── InvalidArgumentError the caller: an argument that no store could answer; shown as it is
├── TooSlowError        the caller: a question that takes longer than an answer may
├── GoneError           the caller: what was being read has been deleted meanwhile
├── TooLargeError       the caller: a body or batch over a limit
└── OverloadedError     the caller, later: no disk now; try again after `retry_after_s`
    └── CrowdedError    the callers: all together send more than there is room for
"""

from __future__ import annotations

from typing import ClassVar


class ServerError(Exception):
    """Anything that this package raises on purpose. Its text may be shown to a user."""

    extensions: ClassVar[dict[str, object]] = {}
    """What a GraphQL error about it carries: a `code` for programs."""


class StartError(ServerError):
    """The server cannot start. The text is one line that names the cause and the way out."""


class InvalidArgumentError(ServerError):
    """A caller's argument is wrong. The text says which, and what it should be."""

    extensions: ClassVar[dict[str, object]] = {"code": "INVALID_ARGUMENT"}


class TooSlowError(ServerError):
    """A question took too long and was ended. The text says how to ask for less."""

    extensions: ClassVar[dict[str, object]] = {"code": "TIMED_OUT"}


class GoneError(ServerError):
    """What was being read was deleted before it was read whole. What was read so far is a part."""


class TooLargeError(ServerError):
    """A request is over a limit, which the text names. Nothing of it was stored."""


class OverloadedError(ServerError):
    """Nothing was stored; the same request may succeed after `retry_after_s` seconds."""

    extensions: ClassVar[dict[str, object]] = {"code": "UNAVAILABLE"}

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RefusedError(ServerError):
    """A change that was asked for cannot be made. Nothing was changed."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        """The argument that is wrong, as the API calls it."""
        self.code = code
        """For programs: `not_found`, `too_long`, …"""


class AuthenticationError(ServerError):
    """Nobody is known by what was given. The text says no more than that."""

    extensions: ClassVar[dict[str, object]] = {"code": "UNAUTHENTICATED"}


class ForbiddenError(ServerError):
    """Who asks is known, and may not do this. The text says why."""

    extensions: ClassVar[dict[str, object]] = {"code": "FORBIDDEN"}


class AttemptsError(ServerError):
    """Too many tries; the next is looked at after `retry_after_s` seconds."""

    extensions: ClassVar[dict[str, object]] = {"code": "TOO_MANY_ATTEMPTS"}

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class CrowdedError(OverloadedError):
    """There is no room for this request beside those under way: the callers are too fast."""
