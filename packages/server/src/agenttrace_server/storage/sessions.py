"""Logins: tries that are counted, tokens that are exchanged once, tokens that are taken back."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, insert, select, update

from agenttrace_server.members import Session
from agenttrace_server.storage.account_tables import (
    ACCOUNT,
    LOGIN_ATTEMPT,
    REFRESH_TOKEN,
    REVOKED_TOKEN,
)
from agenttrace_server.storage.audit import append_deed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from agenttrace_server.storage.audit import Deed

SECOND_NS = 1_000_000_000
KEPT_NS = 3_600 * SECOND_NS
"""Tries older than this are counted for nothing."""
MAX_LISTED = 1_000
"""Of logins in a list."""


class Allowance(NamedTuple):
    """How many tries something has in a stretch of time."""

    kind: str
    name: str
    tries: int
    window_s: int


class RefreshToken(NamedTuple):
    """A refresh token, by its hash."""

    token_sha256: str
    family_id: str
    account_id: str
    expires_ns: int
    address: str | None
    """Whom it is given to, and what they call themselves. None: not known."""
    agent: str | None


def take_attempt(
    connection: Connection,
    allowances: Sequence[Allowance],
    *,
    now_ns: int,
    held_off: Deed | None = None,
) -> int | None:
    """Count a try for each of these; return how many seconds to wait if one has no more.

    Then none is counted: who waits is let in. `held_off` is remembered for each that has no more,
    once in its stretch of time.
    """
    connection.execute(delete(LOGIN_ATTEMPT).where(LOGIN_ATTEMPT.c.at_ns < now_ns - KEPT_NS))
    waits = [find_wait(connection, allowance, now_ns) for allowance in allowances]
    longest = max(waits)
    if longest > 0:
        for allowance, wait_s in zip(allowances, waits, strict=True):
            if wait_s and held_off is not None:
                target = f"{allowance.kind} {allowance.name}"
                note_wait(connection, allowance, held_off._replace(target=target))
        return longest
    rows = [
        {"attempt_id": secrets.token_hex(16), "kind": one.kind, "name": one.name, "at_ns": now_ns}
        for one in allowances
    ]
    connection.execute(insert(LOGIN_ATTEMPT), rows)
    return None


def note_wait(connection: Connection, allowance: Allowance, deed: Deed) -> None:
    """Remember that something has no more tries, once in its stretch of time.

    However often it is tried: each entry stands for as many tries as the allowance has, which were
    counted before it, so that nobody fills the log with them.
    """
    noted = Allowance(f"{allowance.kind} held off", allowance.name, 1, allowance.window_s)
    if take_attempt(connection, [noted], now_ns=deed.at_ns) is None:
        append_deed(connection, deed)


def find_wait(connection: Connection, allowance: Allowance, now_ns: int) -> int:
    """Return how many seconds to wait for the next try; 0 for not at all."""
    start_ns = now_ns - allowance.window_s * SECOND_NS
    query = (
        select(LOGIN_ATTEMPT.c.at_ns)
        .where(
            LOGIN_ATTEMPT.c.kind == allowance.kind,
            LOGIN_ATTEMPT.c.name == allowance.name,
            LOGIN_ATTEMPT.c.at_ns > start_ns,
        )
        .order_by(LOGIN_ATTEMPT.c.at_ns.desc())
        .limit(allowance.tries)
    )
    times_ns = connection.execute(query).scalars().all()
    if len(times_ns) < allowance.tries:
        return 0
    oldest_ns = int(times_ns[-1])
    return max(1, -((start_ns - oldest_ns) // SECOND_NS))


def forget_attempts(connection: Connection, kind: str, name: str) -> None:
    """Count no earlier try of this any more."""
    which = (LOGIN_ATTEMPT.c.kind == kind, LOGIN_ATTEMPT.c.name == name)
    connection.execute(delete(LOGIN_ATTEMPT).where(*which))


def begin_session(  # noqa: PLR0913 -- all by name
    connection: Connection,
    token: RefreshToken,
    *,
    email: str,
    now_ns: int,
    version: int,
    new_hash: str | None,
) -> bool:
    """Store the first token of a login; tell whether it was. Earlier tries count no more.

    It was not, when the account was disabled or its tokens ended since its password was looked at.
    `new_hash` is the same password in a newer form.
    """
    which = (ACCOUNT.c.account_id == token.account_id, ACCOUNT.c.token_version == version)
    change = update(ACCOUNT).where(*which, ~ACCOUNT.c.is_disabled).values(last_login_ns=now_ns)
    if new_hash is not None:
        change = change.values(password_hash=new_hash)
    if not connection.execute(change).rowcount:
        return False
    forget_attempts(connection, "account", email)
    _add_refresh_token(connection, token, now_ns)
    return True


def _add_refresh_token(connection: Connection, token: RefreshToken, now_ns: int) -> None:
    """Store a token; forget those that ended."""
    for table in (REFRESH_TOKEN, REVOKED_TOKEN):
        connection.execute(delete(table).where(table.c.expires_ns < now_ns))
    connection.execute(
        insert(REFRESH_TOKEN), {**token._asdict(), "used_ns": None, "revoked_ns": None}
    )


def exchange_refresh_token(  # noqa: PLR0913 -- all by name
    connection: Connection,
    given: str,
    new: str,
    *,
    now_ns: int,
    expires_ns: int,
    access_s: int,
    address: str,
    agent: str,
    reuse: Deed,
) -> tuple[RefreshToken, int] | None:
    """Put a new token in the place of one, both as hashes; None if it is none that may be used.

    Returns the new one, and the version of its account's tokens. One that was used before was
    stolen, from its owner or by the one who gives it now: then the whole login ends, with the
    access tokens of it, which last `access_s` seconds at most. That is remembered as `reuse`, once
    a login.
    """
    old, is_stolen = _use_refresh_token(connection, given, now_ns=now_ns)
    if old is None:
        return None
    if is_stolen:
        revoke_family(connection, old.family_id, now_ns=now_ns, access_s=access_s)
        append_deed(connection, _name_owner(connection, reuse, old))
        return None
    query = select(ACCOUNT.c.token_version).where(
        ACCOUNT.c.account_id == old.account_id, ~ACCOUNT.c.is_disabled
    )
    version = connection.execute(query).scalar_one_or_none()
    if version is None:
        return None
    token = RefreshToken(new, old.family_id, old.account_id, expires_ns, address, agent)
    _add_refresh_token(connection, token, now_ns)
    return token, version


def _use_refresh_token(
    connection: Connection, token_sha256: str, *, now_ns: int
) -> tuple[RefreshToken | None, bool]:
    """Return a token of a login that goes on, now used; and whether it had been used before."""
    query = select(REFRESH_TOKEN).where(REFRESH_TOKEN.c.token_sha256 == token_sha256)
    row = connection.execute(query).first()
    if row is None or row.revoked_ns is not None or row.expires_ns <= now_ns:
        return None, False
    token = RefreshToken(*(getattr(row, name) for name in RefreshToken._fields))
    if row.used_ns is not None:
        return token, True
    which = REFRESH_TOKEN.c.token_sha256 == token_sha256
    connection.execute(update(REFRESH_TOKEN).where(which).values(used_ns=now_ns))
    return token, False


def _name_owner(connection: Connection, deed: Deed, token: RefreshToken) -> Deed:
    owner = select(ACCOUNT.c.email).where(ACCOUNT.c.account_id == token.account_id)
    email = connection.execute(owner).scalar_one_or_none() or ""
    return deed._replace(actor_id=token.account_id, actor_name=email, target=token.family_id)


def list_sessions(
    connection: Connection, account_id: str, *, now_ns: int, refresh_s: int
) -> list[Session]:
    """Return the logins of an account that may go on, the last to be used first, at most 1,000.

    `refresh_s` is how long a refresh token lasts, in seconds.
    """
    names = ("family_id", "expires_ns", "address", "agent")
    query = select(*(REFRESH_TOKEN.c[name] for name in names)).where(
        REFRESH_TOKEN.c.account_id == account_id,
        REFRESH_TOKEN.c.used_ns.is_(None),
        REFRESH_TOKEN.c.revoked_ns.is_(None),
        REFRESH_TOKEN.c.expires_ns > now_ns,
    )
    query = query.order_by(REFRESH_TOKEN.c.expires_ns.desc(), REFRESH_TOKEN.c.family_id)
    rows = connection.execute(query.limit(MAX_LISTED))
    return [
        Session(family, expires_ns - refresh_s * SECOND_NS, expires_ns, address, agent)
        for family, expires_ns, address, agent in rows
    ]


def end_session(
    connection: Connection, account_id: str, family_id: str, *, now_ns: int, access_s: int
) -> bool:
    """End one login of an account; tell whether there was one."""
    known = select(REFRESH_TOKEN.c.family_id).where(
        REFRESH_TOKEN.c.account_id == account_id,
        REFRESH_TOKEN.c.family_id == family_id,
        REFRESH_TOKEN.c.revoked_ns.is_(None),
    )
    if connection.execute(known.limit(1)).first() is None:
        return False
    revoke_family(connection, family_id, now_ns=now_ns, access_s=access_s)
    return True


def revoke_family(
    connection: Connection, family_id: str, *, now_ns: int, access_s: int, jti: str | None = None
) -> None:
    """End a login: no token of it is taken any more. `jti` is that of an access token of it."""
    own = update(REFRESH_TOKEN).where(REFRESH_TOKEN.c.family_id == family_id)
    connection.execute(own.where(REFRESH_TOKEN.c.revoked_ns.is_(None)).values(revoked_ns=now_ns))
    expires_ns = now_ns + access_s * SECOND_NS
    for name in {family_id, jti or family_id}:
        known = select(REVOKED_TOKEN.c.jti).where(REVOKED_TOKEN.c.jti == name)
        if connection.execute(known).first() is None:
            connection.execute(insert(REVOKED_TOKEN), {"jti": name, "expires_ns": expires_ns})


def end_access_tokens(connection: Connection, account_id: str) -> None:
    """Let no access token of an account be taken any more; its logins go on with new ones."""
    change = update(ACCOUNT).where(ACCOUNT.c.account_id == account_id)
    connection.execute(change.values(token_version=ACCOUNT.c.token_version + 1))


def end_tokens(connection: Connection, account_id: str, *, now_ns: int) -> None:
    """Let no token of an account be taken any more: its logins end."""
    end_access_tokens(connection, account_id)
    own = update(REFRESH_TOKEN).where(REFRESH_TOKEN.c.account_id == account_id)
    connection.execute(own.where(REFRESH_TOKEN.c.revoked_ns.is_(None)).values(revoked_ns=now_ns))
