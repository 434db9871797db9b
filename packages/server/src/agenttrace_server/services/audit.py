"""The audit log: who did what, when and from where; never what was recorded."""

from __future__ import annotations

import logging
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from agenttrace_server.deeds import Action
from agenttrace_server.errors import OverloadedError, RefusedError
from agenttrace_server.identity import Actor, ActorKind, Principal
from agenttrace_server.services.runs import check_count
from agenttrace_server.storage import audit as storage
from agenttrace_server.storage.audit import Deed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from agenttrace_server.members import AuditEntry
    from agenttrace_server.records import Page
    from agenttrace_server.storage.engine import Database

MAX_TARGET_CHARS: Final = 256
MAX_NAME_CHARS: Final = 320
_SERVER: Final = "agenttrace-server"
_FOR_EVER: Final = "for ever"
_KEPT: Final = frozenset({"last_admin", "last_operator"})
"""Codes of refusals that keep somebody who may manage a project, or the server."""

_log = logging.getLogger(__name__)


def make_deed(
    actor: Actor, action: Action, target: str, *, now_ns: int, project_id: str | None = None
) -> Deed:
    """Return what is to be remembered; without a project, it was done to the whole server."""
    principal = actor.principal
    return Deed(
        at_ns=now_ns,
        project_id=project_id,
        actor_kind=principal.kind.value,
        actor_id=principal.actor_id,
        actor_name=principal.name[:MAX_NAME_CHARS],
        action=action,
        target=target[:MAX_TARGET_CHARS],
        address=actor.address,
        request_id=actor.request_id,
    )


@asynccontextmanager
async def noting_refusals(database: Database, deed: Deed) -> AsyncIterator[None]:
    """Remember the deed as refused, if it would leave a project or the server to nobody.

    Such a refusal undoes the transaction that it is raised in, so it is written in one of its own.
    """
    try:
        yield
    except RefusedError as error:
        if error.code in _KEPT:
            target = f"{deed.action} {deed.target}: {error.code}"[:MAX_TARGET_CHARS]
            refused = deed._replace(action=Action.CHANGE_REFUSED, target=target)
            await database.write(storage.append_deed, refused)
        raise


class AuditService:
    """Remembers what was done in a project, and shows it. Off on a server without accounts."""

    def __init__(
        self, database: Database, *, is_on: bool, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._database = database
        self._is_on = is_on
        self._clock_ns = clock_ns

    async def note(self, actor: Actor, action: Action, target: str) -> None:
        """Remember what an actor does in their project.

        Raises:
            OverloadedError: it cannot be written now: then it must not be done.

        """
        if self._is_on:
            project_id = actor.principal.project_id
            deed = make_deed(actor, action, target, now_ns=self._clock_ns(), project_id=project_id)
            await self._database.write(storage.append_deed, deed)

    async def note_retention(self, days: int | None) -> None:
        """Remember how long runs are kept, if that is not as it was at the last start."""
        if not self._is_on:
            return
        actor = Actor(Principal(ActorKind.SERVER, "", _SERVER))
        target = _FOR_EVER if days is None else f"{days} days"
        deed = make_deed(actor, Action.RETENTION_CHANGED, target, now_ns=self._clock_ns())
        try:
            await self._database.write(storage.append_change, deed, default=_FOR_EVER)
        except OverloadedError as error:  # the server starts all the same; the next start tells it
            _log.warning("that runs are kept %s is not in the audit log: %s", target, error)

    async def list_deeds(
        self, actor: Actor, *, first: int | None, before: int | None
    ) -> Page[AuditEntry]:
        """Return what was done in the actor's project; for an operator, to the server as well."""
        return await self._database.read(
            storage.list_deeds,
            project_id=actor.principal.project_id,
            with_server=actor.principal.is_operator,
            before=before,
            count=check_count(first),
        )
