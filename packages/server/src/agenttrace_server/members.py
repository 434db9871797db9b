"""The records about people and programs: accounts, projects, keys, and what they did."""

from __future__ import annotations

from typing import NamedTuple


class Project(NamedTuple):
    """What keeps runs apart."""

    project_id: str
    slug: str
    name: str
    created_ns: int


class Account(NamedTuple):
    """A person, as an operator sees them."""

    account_id: str
    email: str
    is_operator: bool
    is_disabled: bool
    created_ns: int
    last_login_ns: int | None


class Member(NamedTuple):
    """A person in a project."""

    account_id: str
    email: str
    role: str
    is_disabled: bool


class Session(NamedTuple):
    """A login that has not ended."""

    session_id: str
    refreshed_ns: int
    """When it began, or last got new tokens."""
    expires_ns: int
    address: str | None
    """Where the client was then; None: not known."""
    agent: str | None
    """What it called itself."""


class LiveKeys(NamedTuple):
    """How many keys that an account made have not ended, in one project."""

    slug: str
    keys: int


class ApiKey(NamedTuple):
    """A key of a program, without the key."""

    key_id: str
    project_id: str
    name: str
    scope: str
    prefix: str
    created_by: str
    created_ns: int
    expires_ns: int | None
    last_used_ns: int | None
    revoked_ns: int | None


class AuditEntry(NamedTuple):
    """Something that was done, by whom."""

    position: int
    at_ns: int
    project_id: str | None
    actor_kind: str
    actor_id: str
    actor_name: str
    action: str
    target: str
    address: str
    request_id: str
