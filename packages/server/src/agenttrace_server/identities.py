"""The services of who is who, put together: with accounts, or for the one user of a laptop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from agenttrace_server.services.accounts import AccountService
from agenttrace_server.services.audit import AuditService
from agenttrace_server.services.authentication import Authenticator
from agenttrace_server.services.keys import KeyService
from agenttrace_server.services.passwords import Passwords
from agenttrace_server.services.sessions import SessionService
from agenttrace_server.services.tokens import Tokens, make_setup_token
from agenttrace_server.settings import Registration

if TYPE_CHECKING:
    from agenttrace_server.settings import Settings
    from agenttrace_server.storage.engine import Database


@dataclass(frozen=True, slots=True)
class Identities:
    """What the doors need to know who asks. `sessions` is None on a server without accounts."""

    authenticator: Authenticator
    accounts: AccountService
    sessions: SessionService | None
    keys: KeyService
    audit: AuditService
    passwords: Passwords

    @classmethod
    def open(cls, settings: Settings, database: Database) -> Self:
        """Return the services for these settings."""
        secret = settings.secret_key.get_secret_value() if settings.secret_key else None
        tokens = None if secret is None else Tokens(secret)
        passwords = Passwords()
        sessions = None if tokens is None else SessionService(database, passwords, tokens)
        authenticator = Authenticator(database, tokens)
        is_on = tokens is not None
        return cls(
            authenticator=authenticator,
            accounts=AccountService(
                database,
                passwords,
                sessions,
                setup_token=secret and make_setup_token(secret, database.database_id),
                is_open=settings.registration is Registration.OPEN,
            ),
            sessions=sessions,
            keys=KeyService(database, is_on=is_on, on_revoke=authenticator.forget_key),
            audit=AuditService(database, is_on=is_on),
            passwords=passwords,
        )

    async def close(self) -> None:
        """Wait for what is under way."""
        await self.authenticator.close()
        self.passwords.close()
