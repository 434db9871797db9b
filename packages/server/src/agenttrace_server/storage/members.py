"""Who is in which project, and that no project is left without an admin.

A role is read anew with every request, so what changes here counts at the next one. Of a member
whose role becomes another, the access tokens end too (C05), and its logins go on with new ones.
Nothing ends for who is put in or taken out: an account may be in projects that are none of this
one's admin's concern.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, insert, select, update

from agenttrace_server.deeds import Action
from agenttrace_server.errors import RefusedError
from agenttrace_server.identity import Role
from agenttrace_server.members import Account, Member
from agenttrace_server.storage.account_tables import ACCOUNT, MEMBERSHIP, PROJECT
from agenttrace_server.storage.audit import append_deed
from agenttrace_server.storage.sessions import end_access_tokens, find_wait, note_wait, take_attempt

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from agenttrace_server.storage.audit import Deed
    from agenttrace_server.storage.sessions import Allowance

MAX_LISTED: Final = 1_000
"""Of members in a list."""
_MAX_NAMED: Final = 5
"""Of projects in an error."""


def add_member(  # noqa: PLR0913 -- all by name
    connection: Connection,
    project_id: str,
    email: str,
    role: Role,
    *,
    tries: Allowance,
    deed: Deed,
) -> Member | int | None:
    """Give an account a role in a project, and remember it.

    Returns None when no account has the address, which is remembered too and counted; and how many
    seconds to wait, after too many such `tries`: then nothing is told of an address outside the
    project.

    Raises:
        RefusedError: the project would have no admin any more.

    """
    account = look_up_account(connection, email)
    before = _find_role(connection, account.account_id, project_id) if account else None
    if before is None and (wait_s := find_wait(connection, tries, deed.at_ns)):
        note_wait(connection, tries, deed._replace(action=Action.MEMBER_HELD_OFF))
        return wait_s
    if account is None:
        take_attempt(connection, [tries], now_ns=deed.at_ns)
        append_deed(connection, deed._replace(action=Action.MEMBER_UNKNOWN))
        return None
    member = _change_role(connection, project_id, account, role, before=before)
    if before != role.value:
        append_deed(connection, deed)
    return member


def put_member(connection: Connection, project_id: str, account: Account, role: Role) -> Member:
    """Give an account a role in a project; the access tokens of a member end if it had another.

    Raises:
        RefusedError: the project would have no admin any more.

    """
    before = _find_role(connection, account.account_id, project_id)
    return _change_role(connection, project_id, account, role, before=before)


def _change_role(
    connection: Connection, project_id: str, account: Account, role: Role, *, before: str | None
) -> Member:
    if role is not Role.ADMIN:
        keep_admins(connection, account.account_id, project_id)
    if before != role.value:
        set_role(connection, account.account_id, project_id, role, before=before)
        if before is not None:
            end_access_tokens(connection, account.account_id)
    return Member(account.account_id, account.email, role.value, account.is_disabled)


def remove_member(connection: Connection, project_id: str, email: str) -> None:
    """Take an account out of a project.

    Raises:
        RefusedError: it is not in it, or the project would have no admin any more.

    """
    query = (
        select(ACCOUNT.c.account_id)
        .select_from(MEMBERSHIP.join(ACCOUNT, ACCOUNT.c.account_id == MEMBERSHIP.c.account_id))
        .where(MEMBERSHIP.c.project_id == project_id, ACCOUNT.c.email == email)
    )
    account_id = connection.execute(query).scalar_one_or_none()
    if account_id is None:  # whether another project has them is not told
        raise RefusedError("email", "not_found", "no member of this project has this address")
    keep_admins(connection, account_id, project_id)
    connection.execute(delete(MEMBERSHIP).where(*_membership(account_id, project_id)))


def appoint_admin(connection: Connection, slug: str, email: str, *, deed: Deed) -> Member:
    """Make an account an admin of any project, and remember it there.

    Raises:
        RefusedError: there is no such project or account, or the account is closed.

    """
    query = select(PROJECT.c.project_id).where(PROJECT.c.slug == slug)
    project_id = connection.execute(query).scalar_one_or_none()
    if project_id is None:
        raise RefusedError("project", "not_found", "there is no project of this slug")
    account = find_account(connection, email)
    if account.is_disabled:
        text = "the account is closed, and could do nothing; open it first"
        raise RefusedError("email", "account_disabled", text)
    member = put_member(connection, project_id, account, Role.ADMIN)
    append_deed(connection, deed._replace(project_id=project_id))
    return member


def set_role(
    connection: Connection,
    account_id: str,
    project_id: str,
    role: Role,
    *,
    before: str | None = None,
) -> None:
    """Give an account a role in a project, in the place of the one before; None: there is none."""
    if before is None:
        row = {"account_id": account_id, "project_id": project_id, "role": role.value}
        connection.execute(insert(MEMBERSHIP), row)
        return
    which = _membership(account_id, project_id)
    connection.execute(update(MEMBERSHIP).where(*which).values(role=role.value))


def list_members(connection: Connection, project_id: str) -> list[Member]:
    """Return who is in a project by address, the first 1,000."""
    query = (
        select(ACCOUNT.c.account_id, ACCOUNT.c.email, MEMBERSHIP.c.role, ACCOUNT.c.is_disabled)
        .select_from(MEMBERSHIP.join(ACCOUNT, ACCOUNT.c.account_id == MEMBERSHIP.c.account_id))
        .where(MEMBERSHIP.c.project_id == project_id)
        .order_by(ACCOUNT.c.email)
        .limit(MAX_LISTED)
    )
    return [Member._make(row) for row in connection.execute(query)]


def find_account(connection: Connection, email: str) -> Account:
    """Return the account of an address.

    Raises:
        RefusedError: there is none.

    """
    account = look_up_account(connection, email)
    if account is None:
        raise RefusedError("email", "not_found", f"no account has the address {email!r}")
    return account


def look_up_account(connection: Connection, email: str) -> Account | None:
    """Return the account of an address; None when there is none."""
    query = select(*(ACCOUNT.c[name] for name in Account._fields)).where(ACCOUNT.c.email == email)
    row = connection.execute(query).first()
    return None if row is None else Account._make(row)


def keep_admins(connection: Connection, account_id: str, project_id: str | None = None) -> None:
    """Go on only if other accounts that are open can be admins of what this one is an admin of.

    With `project_id`, in that project. An account that is closed is nobody's last admin: it can
    do nothing. Those who change members take turns (`Backend.take_turn`), so that of two admins who
    take each other out at once, one stays.

    Raises:
        RefusedError: of these projects it is the last one, and they are named.

    """
    admins = (
        select(MEMBERSHIP.c.project_id, MEMBERSHIP.c.account_id)
        .select_from(MEMBERSHIP.join(ACCOUNT, ACCOUNT.c.account_id == MEMBERSHIP.c.account_id))
        .where(MEMBERSHIP.c.role == Role.ADMIN.value, ~ACCOUNT.c.is_disabled)
    ).subquery()
    others = admins.alias()
    query = (
        select(PROJECT.c.slug)
        .select_from(admins.join(PROJECT, PROJECT.c.project_id == admins.c.project_id))
        .where(
            admins.c.account_id == account_id,
            ~select(others.c.account_id)
            .where(others.c.project_id == admins.c.project_id, others.c.account_id != account_id)
            .exists(),
        )
        .order_by(PROJECT.c.slug)
    )
    if project_id is not None:
        query = query.where(admins.c.project_id == project_id)
    slugs = connection.execute(query.limit(_MAX_NAMED + 1)).scalars().all()
    if slugs:
        named = ", ".join(repr(slug) for slug in slugs[:_MAX_NAMED])
        more = " and others" if len(slugs) > _MAX_NAMED else ""
        text = f"nobody else is an admin of the project {named}{more}; make somebody else one first"
        raise RefusedError("email", "last_admin", text)


def _find_role(connection: Connection, account_id: str, project_id: str) -> str | None:
    which = _membership(account_id, project_id)
    found: str | None = connection.execute(
        select(MEMBERSHIP.c.role).where(*which)
    ).scalar_one_or_none()
    return found


def _membership(
    account_id: str, project_id: str
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return MEMBERSHIP.c.account_id == account_id, MEMBERSHIP.c.project_id == project_id
