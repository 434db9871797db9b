"""API keys. Of a key only its SHA-256 is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, insert, or_, select, update

from agenttrace_server.errors import RefusedError
from agenttrace_server.members import ApiKey, LiveKeys
from agenttrace_server.storage.account_tables import API_KEY, PROJECT
from agenttrace_server.storage.audit import Unchanged

if TYPE_CHECKING:
    from sqlalchemy import Connection

MAX_KEYS = 1_000
"""In the list of a project."""


class StoredKey(NamedTuple):
    """What is looked at when a key is given."""

    key_id: str
    project_id: str
    slug: str
    """Of the project."""
    name: str
    scope: str
    secret_sha256: str
    expires_ns: int | None
    last_used_ns: int | None
    revoked_ns: int | None


def add_key(connection: Connection, key: ApiKey, secret_sha256: str) -> None:
    """Store a new key."""
    connection.execute(insert(API_KEY), {**key._asdict(), "secret_sha256": secret_sha256})


def find_key(connection: Connection, key_id: str) -> StoredKey | None:
    """Return a key, whatever became of it; None when there never was one."""
    columns = [PROJECT.c.slug if name == "slug" else API_KEY.c[name] for name in StoredKey._fields]
    query = (
        select(*columns)
        .select_from(API_KEY.join(PROJECT, PROJECT.c.project_id == API_KEY.c.project_id))
        .where(API_KEY.c.key_id == key_id)
    )
    row = connection.execute(query).first()
    return None if row is None else StoredKey._make(row)


def list_keys(connection: Connection, project_id: str) -> list[ApiKey]:
    """Return the keys of a project, the newest first, at most 1,000."""
    query = (
        select(*(API_KEY.c[name] for name in ApiKey._fields))
        .where(API_KEY.c.project_id == project_id)
        .order_by(API_KEY.c.created_ns.desc(), API_KEY.c.key_id)
        .limit(MAX_KEYS)
    )
    return [ApiKey._make(row) for row in connection.execute(query)]


def list_all_keys(connection: Connection) -> list[tuple[str, ApiKey]]:
    """Return the keys of all projects with the project's slug, the newest first."""
    query = (
        select(PROJECT.c.slug, *(API_KEY.c[name] for name in ApiKey._fields))
        .select_from(API_KEY.join(PROJECT, PROJECT.c.project_id == API_KEY.c.project_id))
        .order_by(API_KEY.c.created_ns.desc(), API_KEY.c.key_id)
    )
    return [(slug, ApiKey._make(row)) for slug, *row in connection.execute(query)]


def count_live_keys(
    connection: Connection, email: str | None = None, *, now_ns: int
) -> dict[str, list[LiveKeys]]:
    """Return how many keys go on, by the address of who made them and by project.

    With `email` those of one account. Whose keys have all ended is not there.
    """
    query = (
        select(API_KEY.c.created_by, PROJECT.c.slug, func.count())
        .select_from(API_KEY.join(PROJECT, PROJECT.c.project_id == API_KEY.c.project_id))
        .where(
            API_KEY.c.revoked_ns.is_(None),
            or_(API_KEY.c.expires_ns.is_(None), API_KEY.c.expires_ns > now_ns),
        )
        .group_by(API_KEY.c.created_by, PROJECT.c.slug)
        .order_by(API_KEY.c.created_by, PROJECT.c.slug)
    )
    if email is not None:
        query = query.where(API_KEY.c.created_by == email)
    found: dict[str, list[LiveKeys]] = {}
    for made_by, slug, count in connection.execute(query):
        found.setdefault(made_by, []).append(LiveKeys(slug, count))
    return found


def revoke_key(
    connection: Connection, project_id: str, key_id: str, *, now_ns: int
) -> ApiKey | Unchanged[ApiKey]:
    """End a key; one that has ended stays as it is.

    Raises:
        RefusedError: the project has no such key.

    """
    query = select(*(API_KEY.c[name] for name in ApiKey._fields)).where(
        API_KEY.c.key_id == key_id, API_KEY.c.project_id == project_id
    )
    row = connection.execute(query).first()
    if row is None:
        raise RefusedError("id", "not_found", "the project has no such key")
    key = ApiKey._make(row)
    if key.revoked_ns is not None:
        return Unchanged(key)
    change = update(API_KEY).where(API_KEY.c.key_id == key_id)
    connection.execute(change.values(revoked_ns=now_ns))
    return key._replace(revoked_ns=now_ns)


def note_use(connection: Connection, key_id: str, *, now_ns: int) -> None:
    """Remember that a key was used."""
    change = update(API_KEY).where(API_KEY.c.key_id == key_id)
    connection.execute(change.values(last_used_ns=now_ns))
