"""What an operator does at the machine: who operates the server, and which keys are in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agenttrace_server.deeds import Action
from agenttrace_server.errors import RefusedError
from agenttrace_server.identity import Actor, ActorKind, Principal
from agenttrace_server.services.audit import make_deed, noting_refusals
from agenttrace_server.services.sessions import fold_email
from agenttrace_server.storage import accounts, api_keys
from agenttrace_server.storage.audit import remember

if TYPE_CHECKING:
    from agenttrace_server.members import Account, ApiKey
    from agenttrace_server.storage.engine import Database


class OperatorService:
    """Lists and changes accounts and keys of a whole store; `program` is who does it."""

    def __init__(self, database: Database, *, program: str, now_ns: int) -> None:
        self._database = database
        self._actor = Actor(Principal(ActorKind.SERVER, "", program))
        self._now_ns = now_ns

    async def list_accounts(self) -> list[Account]:
        """Return all accounts, operators first, then by address."""
        return await self._database.read(accounts.list_accounts, None)

    async def set_operator(self, email: str, *, is_operator: bool) -> Account:
        """Make an account an operator of the server, or one no more.

        Raises:
            RefusedError: there is no such account, or it is the last operator's.

        """
        folded = fold_email(email)
        action = Action.OPERATOR_MADE if is_operator else Action.OPERATOR_ENDED
        deed = make_deed(self._actor, action, folded, now_ns=self._now_ns)
        async with noting_refusals(self._database, deed):
            return await self._database.write(
                remember(deed, accounts.set_operator, folded, is_operator=is_operator)
            )

    async def list_keys(self) -> list[tuple[str, ApiKey]]:
        """Return the keys of all projects with the project's slug, the newest first."""
        return await self._database.read(api_keys.list_all_keys)

    async def revoke_key(self, key_id: str) -> tuple[str, ApiKey]:
        """End a key of any project; return its project's slug with it.

        Raises:
            RefusedError: there is none of this id.

        """
        found = await self._database.read(api_keys.find_key, key_id)
        if found is None:
            raise RefusedError("id", "not_found", f"there is no key {key_id!r}; `keys` lists them")
        project_id, now_ns = found.project_id, self._now_ns
        deed = make_deed(
            self._actor, Action.KEY_REVOKED, key_id, now_ns=now_ns, project_id=project_id
        )
        key = await self._database.write(
            remember(deed, api_keys.revoke_key, project_id, key_id, now_ns=now_ns)
        )
        return found.slug, key
