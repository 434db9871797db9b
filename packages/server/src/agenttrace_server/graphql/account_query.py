"""The queries about who is who."""

from __future__ import annotations

import strawberry

from agenttrace_server.errors import InvalidArgumentError
from agenttrace_server.graphql.context import Info
from agenttrace_server.graphql.fields import resolver
from agenttrace_server.graphql.types.account import (
    Account,
    ApiKey,
    AuditConnection,
    AuditEdge,
    AuditEntry,
    Member,
    Project,
    Session,
    Viewer,
)
from agenttrace_server.graphql.types.node import make_page_info

_MAX_CURSOR_CHARS = 18


@strawberry.type(description="What can be read about who is who.")
class AccountQuery:
    """See the description, which is public."""

    @resolver("Who asks, and what they may do.")
    async def viewer(self, info: Info) -> Viewer:
        """See the description, which is public."""
        return Viewer.from_principal(info.context.actor.principal)

    @resolver("The projects that who asks may enter, the oldest first; at most 1,000.")
    async def projects(self, info: Info) -> list[Project]:
        """See the description, which is public."""
        found = await info.context.accounts.list_projects(info.context.actor)
        return [Project.from_record(project) for project in found]

    @resolver(
        "One's own logins that have not ended, the last to be used first; at most 1,000. A key has "
        "none."
    )
    async def sessions(self, info: Info) -> list[Session]:
        """See the description, which is public."""
        if info.context.sessions is None:
            return []
        current = info.context.actor.principal.session_id
        found = await info.context.sessions.list_sessions(info.context.actor)
        return [Session.from_record(session, current) for session in found]

    @resolver("Who is in the project, by address; at most 1,000. For its admins.")
    async def members(self, info: Info) -> list[Member]:
        """See the description, which is public."""
        found = await info.context.accounts.list_members(info.context.actor)
        return [Member.from_record(member) for member in found]

    @resolver(
        "The keys of the project, the newest first, also those that ended; at most 1,000. For its "
        "admins."
    )
    async def api_keys(self, info: Info) -> list[ApiKey]:
        """See the description, which is public."""
        found = await info.context.keys.list_keys(info.context.actor)
        return [ApiKey.from_record(key) for key in found]

    @resolver(
        "The accounts of the server, its operators first, then by address; at most 1,000. For its "
        "operators: `agenttrace-server users` lists all."
    )
    async def accounts(self, info: Info) -> list[Account]:
        """See the description, which is public."""
        live_keys = await info.context.keys.count_live()
        found = await info.context.accounts.list_accounts()
        return [Account.from_record(account, live_keys) for account in found]

    @resolver(
        "What was done in the project, the latest first; 50 a page unless `first` says otherwise, "
        "at most 200. For its admins; an operator sees what was done to the whole server, too."
    )
    async def audit_log(
        self, info: Info, first: int | None = None, after: str | None = None
    ) -> AuditConnection:
        """See the description, which is public."""
        page = await info.context.audit.list_deeds(
            info.context.actor, first=first, before=_read_cursor(after)
        )
        edges = [
            AuditEdge(cursor=str(entry.position), node=AuditEntry.from_record(entry))
            for entry in page.items
        ]
        page_info = make_page_info(
            [edge.cursor for edge in edges], has_next=page.has_next, has_previous=page.has_previous
        )
        return AuditConnection(edges=edges, page_info=page_info)


def _read_cursor(after: str | None) -> int | None:
    if after is None:
        return None
    if not (after.isascii() and after.isdigit()) or len(after) > _MAX_CURSOR_CHARS:
        raise InvalidArgumentError("after is not a cursor of the audit log")
    return int(after)
