"""People, projects, keys, and what they did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import strawberry
from strawberry import field

from agenttrace_server import members
from agenttrace_server.agents import name_agent
from agenttrace_server.graphql.context import Info
from agenttrace_server.graphql.fields import resolver
from agenttrace_server.graphql.types.enums import ActorKind, KeyScope, ProjectRole
from agenttrace_server.graphql.types.node import PageInfo
from agenttrace_server.graphql.types.scalars import DateTime, to_time
from agenttrace_server.identity import Principal


@strawberry.type(description="What keeps runs apart: who is in one sees nothing of another.")
class Project:
    """See the description, which is public."""

    id: strawberry.ID = field(description="Unique on the server.")
    slug: str = field(
        description="What a request names it by, in the header `X-AgentTrace-Project`."
    )
    name: str = field(description="For people.")
    created_at: DateTime = field(description="When it was made, by the server's clock.")

    @classmethod
    def from_record(cls, record: members.Project) -> Self:
        """Return the GraphQL object of a project."""
        return cls(
            id=strawberry.ID(record.project_id),
            slug=record.slug,
            name=record.name,
            created_at=DateTime(record.created_ns),
        )


@strawberry.type(description="Who asks.")
class Viewer:
    """See the description, which is public."""

    id: strawberry.ID = field(
        description="Of the account or key; empty on a server without accounts."
    )
    kind: ActorKind = field(description="What they are.")
    name: str = field(description="An e-mail address, or a key's name; `local` without accounts.")
    role: ProjectRole | None = field(
        description="In the project; null for a key, and for who is in none."
    )
    scope: KeyScope | None = field(description="Of a key; null for an account.")
    is_operator: bool = field(
        description="Whether they may make projects and see the list of accounts."
    )
    expires_at: DateTime | None = field(
        description="When their token or key ends; null: it does not by itself."
    )

    @resolver("The project that the request is about; null for an account that is in none.")
    async def project(self, info: Info) -> Project | None:
        """See the description, which is public."""
        found = await info.context.accounts.read_project(info.context.actor)
        return None if found is None else Project.from_record(found)

    @classmethod
    def from_principal(cls, principal: Principal) -> Self:
        """Return the GraphQL object of a principal."""
        expires_s = principal.expires_s
        return cls(
            id=strawberry.ID(principal.actor_id),
            kind=ActorKind(principal.kind),
            name=principal.name,
            role=None if principal.role is None else ProjectRole(principal.role),
            scope=None if principal.scope is None else KeyScope(principal.scope),
            is_operator=principal.is_operator,
            expires_at=None if expires_s is None else DateTime(int(expires_s * 1_000_000_000)),
        )


@strawberry.type(description="How many keys that an account made go on in a project.")
class LiveKeys:
    """See the description, which is public."""

    project: str = field(description="The slug of the project, whose admins may end them.")
    count: int = field(description="How many have neither been revoked nor expired.")


@strawberry.type(description="A person, as an operator of the server sees them.")
class Account:
    """See the description, which is public."""

    id: strawberry.ID = field(description="Unique on the server.")
    email: str = field(description="What they log in with, in small letters.")
    is_operator: bool = field(description="Whether they operate the server.")
    is_disabled: bool = field(description="Whether they can no longer log in.")
    created_at: DateTime = field(description="When it was made, by the server's clock.")
    last_login_at: DateTime | None = field(description="When they last logged in; null: never.")
    live_keys: list[LiveKeys] = field(
        description="The API keys they made that go on, by project: closing the account ends none."
    )

    @classmethod
    def from_record(
        cls, record: members.Account, live_keys: Mapping[str, Sequence[members.LiveKeys]]
    ) -> Self:
        """Return the GraphQL object of an account, with the keys by who made them."""
        return cls(
            id=strawberry.ID(record.account_id),
            email=record.email,
            is_operator=record.is_operator,
            is_disabled=record.is_disabled,
            created_at=DateTime(record.created_ns),
            last_login_at=to_time(record.last_login_ns),
            live_keys=[
                LiveKeys(project=slug, count=keys) for slug, keys in live_keys.get(record.email, ())
            ],
        )


@strawberry.type(description="A person in the project.")
class Member:
    """See the description, which is public."""

    id: strawberry.ID = field(description="Of the account.")
    email: str = field(description="What they log in with, in small letters.")
    role: ProjectRole = field(description="What they may do in the project.")
    is_disabled: bool = field(description="Whether they can no longer log in.")

    @classmethod
    def from_record(cls, record: members.Member) -> Self:
        """Return the GraphQL object of a member."""
        return cls(
            id=strawberry.ID(record.account_id),
            email=record.email,
            role=ProjectRole(record.role),
            is_disabled=record.is_disabled,
        )


@strawberry.type(description="A login that has not ended.")
class Session:
    """See the description, which is public."""

    id: strawberry.ID = field(description="Unique on the server; no token can be made of it.")
    is_current: bool = field(description="Whether it is the one that asks.")
    refreshed_at: DateTime = field(description="When it began, or last got new tokens.")
    expires_at: DateTime = field(description="When it ends, unless it gets new tokens before.")
    address: str | None = field(
        description="The network address that it began at, or last got new tokens at; null: not "
        "known, since an older release noted none."
    )
    client: str | None = field(
        description="What was used there, as it called itself: `Firefox on Linux`, `curl/8.5.0`; "
        "null: not known."
    )

    @classmethod
    def from_record(cls, record: members.Session, current: str) -> Self:
        """Return the GraphQL object of a login; `current` is the id of the one that asks."""
        return cls(
            id=strawberry.ID(record.session_id),
            is_current=record.session_id == current,
            refreshed_at=DateTime(record.refreshed_ns),
            expires_at=DateTime(record.expires_ns),
            address=record.address or None,
            client=name_agent(record.agent or ""),
        )


@strawberry.type(description="A key of a program, for one project. The key itself is shown once.")
class ApiKey:
    """See the description, which is public."""

    id: strawberry.ID = field(description="Unique on the server.")
    name: str = field(description="For people; 1 to 128 characters.")
    scope: KeyScope = field(description="What it may do.")
    prefix: str = field(description="How the key begins, to be told apart by.")
    created_by: str = field(description="The e-mail address of who made it.")
    created_at: DateTime = field(description="When it was made, by the server's clock.")
    expires_at: DateTime | None = field(description="When it ends; null: not by itself.")
    last_used_at: DateTime | None = field(
        description="When it was last used, to the minute; null: never."
    )
    revoked_at: DateTime | None = field(description="When it was ended; null: it was not.")

    @classmethod
    def from_record(cls, record: members.ApiKey) -> Self:
        """Return the GraphQL object of a key."""
        return cls(
            id=strawberry.ID(record.key_id),
            name=record.name,
            scope=KeyScope(record.scope),
            prefix=record.prefix,
            created_by=record.created_by,
            created_at=DateTime(record.created_ns),
            expires_at=to_time(record.expires_ns),
            last_used_at=to_time(record.last_used_ns),
            revoked_at=to_time(record.revoked_ns),
        )


@strawberry.type(description="Something that was done. No entry is ever changed or taken away.")
class AuditEntry:
    """See the description, which is public."""

    id: strawberry.ID = field(description="Unique on the server; later entries have greater ones.")
    at: DateTime = field(description="When, by the server's clock.")
    actor_kind: ActorKind = field(description="What did it.")
    actor_id: str = field(description="The account or key; empty: nobody that is known.")
    actor_name: str = field(description="Its e-mail address or name then, or the one it claimed.")
    action: str = field(
        description="What was done: `login`, `login_failed`, `login_held_off` (too many tries for "
        "an account, or from an address: once in their stretch of time), `logout`, `registered`, "
        "`registration_held_off` (as with logins), `setup_failed` (a wrong setup token), "
        "`refresh_reused` (a refresh token was used a second time, which ended its login), "
        "`account_created`, `account_disabled`, `account_enabled`, "
        "`password_changed`, `password_change_failed` (the current one was wrong), "
        "`password_reset` (by `agenttrace-server password`), `sessions_ended`, `role_changed`, "
        "`member_removed`, `member_unknown` (an admin gave an address that no account has), "
        "`member_held_off` (too many of those), `change_refused` (it would have left a project "
        "without an admin, or the server without an operator), "
        "`admin_appointed`, `operator_made` and `operator_ended` (by `agenttrace-server users`), "
        "`project_created`, `project_renamed`, `key_created`, `key_revoked`, "
        "`retention_changed` (at a start), `runs_deleted` or `run_exported`."
    )
    target: str = field(description="To what: an address, a key's id, a run's id, …")
    address: str = field(description="The network address that the request came from.")
    request_id: str = field(
        description="Of the request, as the answer's `X-Request-Id` and the log have it."
    )

    @classmethod
    def from_record(cls, record: members.AuditEntry) -> Self:
        """Return the GraphQL object of an entry."""
        return cls(
            id=strawberry.ID(str(record.position)),
            at=DateTime(record.at_ns),
            actor_kind=ActorKind(record.actor_kind),
            actor_id=record.actor_id,
            actor_name=record.actor_name,
            action=record.action,
            target=record.target,
            address=record.address,
            request_id=record.request_id,
        )


@strawberry.type(description="An entry in a list.")
class AuditEdge:
    """See the description, which is public."""

    cursor: str = field(description="Its place in the list.")
    node: AuditEntry = field(description="The entry.")


@strawberry.type(description="What was done, the latest first.")
class AuditConnection:
    """See the description, which is public."""

    edges: list[AuditEdge] = field(description="The entries.")
    page_info: PageInfo = field(description="What lies around them.")
