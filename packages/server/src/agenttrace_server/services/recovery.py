"""A new password for who has forgotten theirs: for operators at the machine, not at a door."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agenttrace_server.deeds import Action
from agenttrace_server.errors import RefusedError
from agenttrace_server.identity import Actor, ActorKind, Principal
from agenttrace_server.services.audit import make_deed
from agenttrace_server.services.passwords import check_password
from agenttrace_server.services.sessions import fold_email
from agenttrace_server.storage.accounts import reset_password
from agenttrace_server.storage.audit import remember
from agenttrace_server.storage.members import look_up_account

if TYPE_CHECKING:
    from agenttrace_server.members import Account
    from agenttrace_server.services.passwords import Passwords
    from agenttrace_server.storage.engine import Database


class RecoveryService:
    """Sets passwords that nobody knows any more. `user` is who does it, by the system's name."""

    def __init__(self, database: Database, passwords: Passwords, *, user: str, now_ns: int) -> None:
        self._database = database
        self._passwords = passwords
        self._actor = Actor(Principal(ActorKind.SERVER, "", f"agenttrace-server password ({user})"))
        self._now_ns = now_ns

    async def find_account(self, email: str) -> Account:
        """Return the account of an address.

        Raises:
            RefusedError: there is none.

        """
        account = await self._database.read(look_up_account, fold_email(email))
        if account is None:
            raise RefusedError("email", "not_found", f"no account has the address {email!r}")
        return account

    async def set_password(self, account: Account, password: str) -> None:
        """Give an account another password: every login of it ends, and its tries count no more.

        Raises:
            RefusedError: the password cannot be taken.

        """
        check_password(password, account.email)
        deed = make_deed(self._actor, Action.PASSWORD_RESET, account.email, now_ns=self._now_ns)
        hashed = await self._passwords.hash(password)
        await self._database.write(
            remember(deed, reset_password, account, hashed, now_ns=self._now_ns)
        )
