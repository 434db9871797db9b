"""Who asks, and what they may do. Made by one authenticator, for every door alike."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from agenttrace_server.errors import ForbiddenError

DEFAULT_PROJECT: Final = "default"
"""The id and the slug of the project that every store has."""


class Role(StrEnum):
    """What an account may do in a project; each may do what the ones before may."""

    VIEWER = "VIEWER"
    MEMBER = "MEMBER"
    ADMIN = "ADMIN"


class Scope(StrEnum):
    """What an API key may do in its project."""

    INGEST = "INGEST"
    READ = "READ"
    WRITE = "WRITE"


class ActorKind(StrEnum):
    """What a principal is."""

    USER = "USER"
    KEY = "KEY"
    LOCAL = "LOCAL"
    SERVER = "SERVER"


class Permission(StrEnum):
    """What an operation needs."""

    ANYBODY = "ANYBODY"
    """To be somebody, whoever it is."""
    KNOWN = "KNOWN"
    """To be somebody who may read at least about themselves: not a key that only records."""
    WATCH = "WATCH"
    """The figures of the whole server: who has a role in a project, or operates the server."""
    INGEST = "INGEST"
    READ = "READ"
    WRITE = "WRITE"
    MANAGE = "MANAGE"
    """The members, keys and audit log of a project."""
    OPERATE = "OPERATE"
    """The projects and accounts of the server."""


_OF_ROLES: Final = {
    Role.VIEWER: frozenset({Permission.READ}),
    Role.MEMBER: frozenset({Permission.READ, Permission.WRITE, Permission.INGEST}),
    Role.ADMIN: frozenset(
        {Permission.READ, Permission.WRITE, Permission.INGEST, Permission.MANAGE}
    ),
}
_OF_SCOPES: Final = {
    Scope.INGEST: frozenset({Permission.INGEST}),
    Scope.READ: frozenset({Permission.READ}),
    Scope.WRITE: frozenset({Permission.READ, Permission.WRITE, Permission.INGEST}),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, in which project. A project without a role or scope is one they may not enter."""

    kind: ActorKind
    actor_id: str
    """Of the account or key; empty for the one user of a server without accounts."""
    name: str
    """For people: an e-mail address, or a key's name."""
    project_id: str = DEFAULT_PROJECT
    role: Role | None = None
    scope: Scope | None = None
    is_operator: bool = False
    session_id: str = ""
    """Of the login that the token came from."""
    token_id: str = ""
    version: int = 0
    """Of the account's tokens: at a change of password or role it goes up."""
    expires_s: float | None = None
    """When the credential ends, in seconds since the Unix epoch; None: it does not by itself."""

    def may(self, permission: Permission) -> bool:
        """Tell whether they may do what needs this."""
        if permission is Permission.ANYBODY:
            return self is not NOBODY
        if permission is Permission.KNOWN:
            return self.kind is not ActorKind.KEY or self.scope not in (None, Scope.INGEST)
        if permission is Permission.OPERATE:
            return self.is_operator
        if permission is Permission.WATCH:
            return self.is_operator or self.may(Permission.READ)
        of_role = _OF_ROLES[self.role] if self.role else frozenset[Permission]()
        of_scope = _OF_SCOPES[self.scope] if self.scope else frozenset[Permission]()
        return permission in of_role | of_scope

    def require(self, permission: Permission) -> None:
        """Go on only if they may.

        Raises:
            ForbiddenError: they may not.

        """
        if not self.may(permission):
            raise ForbiddenError(describe_lack(self, permission))


def describe_lack(principal: Principal, permission: Permission) -> str:
    """Return why they may not, and whom to ask."""
    if principal.kind is ActorKind.KEY:
        scope = principal.scope.value if principal.scope else "none"
        return f"this API key has the scope {scope}, which does not allow this"
    if permission is Permission.OPERATE:
        return "only an operator of this server may do this"
    if principal.role is None:
        return "you are no member of this project; ask an admin of it to add you"
    return f"a {principal.role.value} of the project may not do this; ask an admin of it"


LOCAL: Final = Principal(ActorKind.LOCAL, "", "local", role=Role.ADMIN, is_operator=True)
"""Everybody who reaches a server without accounts, which lets in nobody but its own user."""

SERVER: Final = Principal(ActorKind.SERVER, "", "retention")
"""What the server does by itself. It asks at no door."""

NOBODY: Final = Principal(ActorKind.KEY, "", "")
"""Who has not said yet who they are. They may do nothing."""


@dataclass(frozen=True, slots=True)
class Actor:
    """A principal at a door, as the audit log remembers them."""

    principal: Principal
    address: str = ""
    """Where the request came from."""
    agent: str = ""
    """What the client calls itself."""
    request_id: str = ""
