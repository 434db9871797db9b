"""Accounts, and which projects they are in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, insert, select, update

from agenttrace_server.errors import RefusedError
from agenttrace_server.identity import Role
from agenttrace_server.members import Account, Project
from agenttrace_server.storage.account_tables import (
    ACCOUNT,
    MEMBERSHIP,
    PROJECT,
    REVOKED_TOKEN,
)
from agenttrace_server.storage.audit import Unchanged
from agenttrace_server.storage.members import find_account, keep_admins, set_role
from agenttrace_server.storage.sessions import end_tokens, forget_attempts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection

MAX_LISTED = 1_000
"""Of accounts, members and projects in a list."""
_LAST_OPERATOR = (
    "the server's last operator stays; make another account one first: "
    "agenttrace-server users operator EMAIL"
)


class NewAccount(NamedTuple):
    """An account to be made."""

    account_id: str
    email: str
    password_hash: str
    created_ns: int


class Credentials(NamedTuple):
    """What an account logs in with."""

    account_id: str
    password_hash: str
    is_disabled: bool
    token_version: int


class Standing(NamedTuple):
    """What an account may do now, and the projects it is in, the oldest first."""

    account_id: str
    email: str
    is_operator: bool
    token_version: int
    projects: tuple[tuple[str, str, str], ...]
    """Id, slug and role of each."""


def has_accounts(connection: Connection) -> bool:
    """Tell whether anybody has registered."""
    return connection.execute(select(ACCOUNT.c.account_id).limit(1)).first() is not None


def find_credentials(connection: Connection, email: str) -> Credentials | None:
    """Return what an address logs in with; None when no account has it."""
    return _read_credentials(connection, ACCOUNT.c.email == email)


def read_credentials(connection: Connection, account_id: str) -> Credentials | None:
    """Return what an account logs in with; None when there is none."""
    return _read_credentials(connection, ACCOUNT.c.account_id == account_id)


def _read_credentials(connection: Connection, which: ColumnElement[bool]) -> Credentials | None:
    query = select(*(ACCOUNT.c[name] for name in Credentials._fields)).where(which)
    row = connection.execute(query).first()
    return None if row is None else Credentials._make(row)


def read_standing(
    connection: Connection, account_id: str, token_ids: Sequence[str]
) -> Standing | None:
    """Return what an account may do; None if it is unknown or disabled, or a token revoked."""
    is_revoked = select(REVOKED_TOKEN.c.jti).where(REVOKED_TOKEN.c.jti.in_(token_ids)).exists()
    query = (
        select(
            ACCOUNT.c.email,
            ACCOUNT.c.is_operator,
            ACCOUNT.c.token_version,
            PROJECT.c.project_id,
            PROJECT.c.slug,
            MEMBERSHIP.c.role,
        )
        .select_from(
            ACCOUNT.outerjoin(
                MEMBERSHIP, MEMBERSHIP.c.account_id == ACCOUNT.c.account_id
            ).outerjoin(PROJECT, PROJECT.c.project_id == MEMBERSHIP.c.project_id)
        )
        .where(ACCOUNT.c.account_id == account_id, ~ACCOUNT.c.is_disabled, ~is_revoked)
        .order_by(PROJECT.c.created_ns, PROJECT.c.project_id)
    )
    rows = connection.execute(query).all()
    if not rows:
        return None
    projects = tuple((row[3], row[4], row[5]) for row in rows if row[3] is not None)
    first = rows[0]
    return Standing(account_id, first.email, first.is_operator, first.token_version, projects)


def create_account(connection: Connection, new: NewAccount, *, only_first: bool = False) -> bool:
    """Make an account without a project; tell whether it was: not, if its address is taken.

    With `only_first` it is the server's operator and the admin of its first project, and is made
    only if it is the first.
    """
    if only_first and has_accounts(connection):
        return False
    if find_credentials(connection, new.email) is not None:
        return False
    rest = {"is_operator": only_first, "is_disabled": False, "token_version": 1}
    connection.execute(insert(ACCOUNT), {**new._asdict(), **rest, "last_login_ns": None})
    if only_first:
        first = select(PROJECT.c.project_id).order_by(PROJECT.c.created_ns, PROJECT.c.project_id)
        project_id = connection.execute(first.limit(1)).scalar_one()
        set_role(connection, new.account_id, project_id, Role.ADMIN)
    return True


def set_password(
    connection: Connection, account_id: str, password_hash: str, *, now_ns: int
) -> None:
    """Store a new password: all tokens end."""
    change = update(ACCOUNT).where(ACCOUNT.c.account_id == account_id)
    connection.execute(change.values(password_hash=password_hash))
    end_tokens(connection, account_id, now_ns=now_ns)


def reset_password(
    connection: Connection, account: Account, password_hash: str, *, now_ns: int
) -> None:
    """Store a new password of who forgot theirs: their tries of it are counted no more."""
    set_password(connection, account.account_id, password_hash, now_ns=now_ns)
    forget_attempts(connection, "account", account.email)


def set_disabled(
    connection: Connection, email: str, *, is_disabled: bool, now_ns: int
) -> Account | Unchanged[Account]:
    """Close or open an account: its logins end, unless it is so already.

    Raises:
        RefusedError: there is none, or nobody could operate the server, or be admin of a
            project, any more.

    """
    account = find_account(connection, email)
    if is_disabled == account.is_disabled:
        return Unchanged(account)
    if is_disabled:
        if account.is_operator and _count_operators(connection) == 1:
            raise RefusedError("email", "last_operator", _LAST_OPERATOR)
        keep_admins(connection, account.account_id)
    which = ACCOUNT.c.account_id == account.account_id
    connection.execute(update(ACCOUNT).where(which).values(is_disabled=is_disabled))
    end_tokens(connection, account.account_id, now_ns=now_ns)
    return account._replace(is_disabled=is_disabled)


def set_operator(
    connection: Connection, email: str, *, is_operator: bool
) -> Account | Unchanged[Account]:
    """Make an account an operator of the server, or one no more.

    Raises:
        RefusedError: there is none, or it is the last operator's that is open.

    """
    account = find_account(connection, email)
    if is_operator == account.is_operator:
        return Unchanged(account)
    ends = account.is_operator and not account.is_disabled and not is_operator
    if ends and _count_operators(connection) == 1:
        raise RefusedError("email", "last_operator", _LAST_OPERATOR)
    which = ACCOUNT.c.account_id == account.account_id
    connection.execute(update(ACCOUNT).where(which).values(is_operator=is_operator))
    return account._replace(is_operator=is_operator)


def list_accounts(connection: Connection, limit: int | None = MAX_LISTED) -> list[Account]:
    """Return the accounts of the server: operators first, then by address; None: all of them."""
    query = select(*(ACCOUNT.c[name] for name in Account._fields))
    query = query.order_by(ACCOUNT.c.is_operator.desc(), ACCOUNT.c.email).limit(limit)
    return [Account._make(row) for row in connection.execute(query)]


def create_project(connection: Connection, project: Project, *, owner_id: str) -> bool:
    """Make a project with an admin; tell whether it was: not, if its slug is taken."""
    taken = select(PROJECT.c.project_id).where(PROJECT.c.slug == project.slug)
    if connection.execute(taken).first() is not None:
        return False
    connection.execute(insert(PROJECT), project._asdict())
    set_role(connection, owner_id, project.project_id, Role.ADMIN)
    return True


def rename_project(connection: Connection, project_id: str, name: str) -> bool:
    """Give a project another name; tell whether there is one."""
    change = update(PROJECT).where(PROJECT.c.project_id == project_id).values(name=name)
    return bool(connection.execute(change).rowcount)


def read_project(connection: Connection, project_id: str) -> Project | None:
    """Return a project; None when there is none."""
    query = select(*(PROJECT.c[name] for name in Project._fields))
    row = connection.execute(query.where(PROJECT.c.project_id == project_id)).first()
    return None if row is None else Project._make(row)


def list_projects(connection: Connection, *, account_id: str | None) -> list[Project]:
    """Return the projects that an account is in, or all; the oldest first, the first 1,000."""
    query = select(*(PROJECT.c[name] for name in Project._fields))
    if account_id is not None:
        own = select(MEMBERSHIP.c.project_id).where(MEMBERSHIP.c.account_id == account_id)
        query = query.where(PROJECT.c.project_id.in_(own))
    query = query.order_by(PROJECT.c.created_ns, PROJECT.c.project_id).limit(MAX_LISTED)
    return [Project._make(row) for row in connection.execute(query)]


def _count_operators(connection: Connection) -> int:
    query = select(func.count()).select_from(ACCOUNT)
    return connection.execute(
        query.where(ACCOUNT.c.is_operator, ~ACCOUNT.c.is_disabled)
    ).scalar_one()
