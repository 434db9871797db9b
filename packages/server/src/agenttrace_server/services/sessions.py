"""Logging in and out, and the tokens in between."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Final, NamedTuple

from agenttrace_server.deeds import Action
from agenttrace_server.errors import AttemptsError, AuthenticationError, RefusedError
from agenttrace_server.identity import NOBODY, ActorKind
from agenttrace_server.services.audit import make_deed
from agenttrace_server.services.passwords import MAX_CHARS, is_utf8
from agenttrace_server.services.tokens import (
    ACCESS_S,
    REFRESH_S,
    REFUSED,
    hash_token,
    make_refresh,
)
from agenttrace_server.storage import accounts as account_storage
from agenttrace_server.storage import sessions as storage
from agenttrace_server.storage.audit import append_deed, remember

if TYPE_CHECKING:
    from collections.abc import Callable

    from agenttrace_server.identity import Actor
    from agenttrace_server.members import Session
    from agenttrace_server.services.passwords import Passwords
    from agenttrace_server.services.tokens import Tokens
    from agenttrace_server.storage.audit import Deed
    from agenttrace_server.storage.engine import Database

LOGINS_OF_ACCOUNT: Final = (5, 15 * 60)
"""Tries, in so many seconds. A login that succeeds makes room for five others."""
LOGINS_OF_ADDRESS: Final = (20, 60)
WRONG: Final = "the e-mail address or the password is wrong"
MAX_EMAIL_CHARS: Final = 254
_MAX_REFRESH_CHARS: Final = 128
_SECOND_NS: Final = 1_000_000_000


class IssuedTokens(NamedTuple):
    """What a login gives."""

    access: str
    refresh: str
    expires_in_s: int = ACCESS_S


class SessionService:
    """Logs people in and out."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        tokens: Tokens,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._tokens = tokens
        self._clock_ns = clock_ns

    async def log_in(self, actor: Actor, email: str, password: str) -> IssuedTokens:
        """Return tokens for an account.

        A wrong password, an unknown address and a disabled account look the same and take the
        same time.

        Raises:
            AuthenticationError: address and password are of no account.
            AttemptsError: too many tries of this account, or from this address.
            RefusedError: the password is longer than any.

        """
        email = fold_email(email)
        if len(password) > MAX_CHARS or not is_utf8(password):
            text = f"a password has at most {MAX_CHARS} characters"
            raise RefusedError("password", "too_long", text)
        claimed = as_user(actor, "", email)
        await self.take_attempt(claimed, email)
        found = await self._database.read(account_storage.find_credentials, email)
        is_right = await self._passwords.verify(found.password_hash if found else None, password)
        issued = None
        if found is not None and is_right and not found.is_disabled:
            issued = await self._begin(actor, email, password, found)
        if issued is None:
            deed = make_deed(claimed, Action.LOGIN_FAILED, email, now_ns=self._now())
            await self._database.write(append_deed, deed)
            raise AuthenticationError(WRONG)
        return issued

    async def refresh(self, actor: Actor, token: str) -> IssuedTokens:
        """Return new tokens for a refresh token, which cannot be used again.

        A second use is in the audit log, with the id of the login that it ended.

        Raises:
            AuthenticationError: it is none, has ended, or was used: then its login ends.

        """
        if len(token) > _MAX_REFRESH_CHARS or not token.isascii():
            raise AuthenticationError(REFUSED)
        now_ns, new = self._now(), make_refresh()
        reuse = make_deed(as_user(actor, "", ""), Action.REFRESH_REUSED, "", now_ns=now_ns)
        exchanged = await self._database.write(
            storage.exchange_refresh_token,
            hash_token(token),
            hash_token(new),
            now_ns=now_ns,
            expires_ns=now_ns + REFRESH_S * _SECOND_NS,
            access_s=ACCESS_S,
            address=actor.address,
            agent=actor.agent,
            reuse=reuse,
        )
        if exchanged is None:
            raise AuthenticationError(REFUSED)
        row, version = exchanged
        access = self._tokens.make_access(row.account_id, row.family_id, version)
        return IssuedTokens(access, new)

    async def log_out(self, actor: Actor) -> None:
        """End the login that the actor's token is of, with all its tokens.

        Raises:
            RefusedError: it is the token of no login: an API key.

        """
        principal = actor.principal
        if principal.kind is not ActorKind.USER:
            raise RefusedError("", "invalid", "only an account logs out; a key is revoked")
        now_ns = self._now()
        deed = make_deed(actor, Action.LOGOUT, principal.name, now_ns=now_ns)
        await self._database.write(
            remember(
                deed,
                storage.revoke_family,
                principal.session_id,
                now_ns=now_ns,
                access_s=ACCESS_S,
                jti=principal.token_id,
            )
        )

    async def list_sessions(self, actor: Actor) -> list[Session]:
        """Return the actor's own logins, the last to be used first; a key has none."""
        if actor.principal.kind is not ActorKind.USER:
            return []
        return await self._database.read(
            storage.list_sessions,
            actor.principal.actor_id,
            now_ns=self._now(),
            refresh_s=REFRESH_S,
        )

    async def end_sessions(self, actor: Actor, session_id: str | None) -> None:
        """End one of the actor's own logins, or all of them, the one that asks too.

        Raises:
            RefusedError: there is no such login of theirs, or it is a key that asks.

        """
        principal, now_ns = actor.principal, self._now()
        if principal.kind is not ActorKind.USER:
            raise RefusedError("", "invalid", "only an account has logins; a key is revoked")
        deed = make_deed(actor, Action.SESSIONS_ENDED, session_id or "all", now_ns=now_ns)
        if session_id is None:
            change = remember(deed, storage.end_tokens, principal.actor_id, now_ns=now_ns)
            await self._database.write(change)
            return
        found = await self._database.write(
            remember(
                deed,
                storage.end_session,
                principal.actor_id,
                session_id,
                now_ns=now_ns,
                access_s=ACCESS_S,
            )
        )
        if not found:
            raise RefusedError("id", "not_found", "there is no such login of yours")

    async def take_attempt(self, actor: Actor, email: str) -> None:
        """Count a try to give the password of an account.

        Raises:
            AttemptsError: there were too many.

        """
        allowances = [
            storage.Allowance("account", email, *LOGINS_OF_ACCOUNT),
            storage.Allowance("address", name_network(actor.address), *LOGINS_OF_ADDRESS),
        ]
        held_off = make_deed(actor, Action.LOGIN_HELD_OFF, email, now_ns=self._now())
        await count_attempt(self._database, allowances, held_off)

    async def _begin(
        self, actor: Actor, email: str, password: str, found: account_storage.Credentials
    ) -> IssuedTokens | None:
        now_ns, refresh, family = self._now(), make_refresh(), secrets.token_hex(16)
        is_weak = self._passwords.is_weak(found.password_hash)
        token = storage.RefreshToken(
            hash_token(refresh),
            family,
            found.account_id,
            now_ns + REFRESH_S * _SECOND_NS,
            actor.address,
            actor.agent,
        )
        deed = make_deed(
            as_user(actor, found.account_id, email), Action.LOGIN, email, now_ns=now_ns
        )
        begun = await self._database.write(
            remember(
                deed,
                storage.begin_session,
                token,
                email=email,
                now_ns=now_ns,
                version=found.token_version,
                new_hash=await self._passwords.hash(password) if is_weak else None,
            )
        )
        if not begun:
            return None
        access = self._tokens.make_access(found.account_id, family, found.token_version)
        return IssuedTokens(access, refresh)

    def _now(self) -> int:
        return self._clock_ns()


async def count_attempt(
    database: Database, allowances: list[storage.Allowance], held_off: Deed
) -> None:
    """Count a try, at the time of the deed that is remembered if there were too many.

    Raises:
        AttemptsError: there were.

    """
    wait_s = await database.write(
        storage.take_attempt, allowances, now_ns=held_off.at_ns, held_off=held_off
    )
    if wait_s is not None:
        raise make_wait(wait_s)


def name_network(address: str) -> str:
    """Return what tries are counted by: an address, of IPv6 its /64, which one home has whole."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:  # a socket of the machine, which has none
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped:  # where a socket of IPv6 took it
        return str(found.ipv4_mapped)
    return str(IPv6Network((found, 64), strict=False)) if found.version == 6 else address  # noqa: PLR2004 -- a version


def make_wait(wait_s: int) -> AttemptsError:
    """Return the error of who tried too often and has to wait, in seconds."""
    text = f"too many tries; the next is looked at in {wait_s} seconds"
    return AttemptsError(text, retry_after_s=wait_s)


def fold_email(email: str) -> str:
    """Return an address as it is stored: the same one in other letters is the same.

    Empty for what no account can have, and no database can be asked for.
    """
    folded = email.strip().casefold()
    return folded[:MAX_EMAIL_CHARS] if is_utf8(folded) and "\0" not in folded else ""


def as_user(actor: Actor, account_id: str, email: str) -> Actor:
    """Return the actor as an account; without an id, as one that they only claim to be."""
    user = replace(NOBODY, kind=ActorKind.USER, actor_id=account_id, name=email)
    return replace(actor, principal=user)
