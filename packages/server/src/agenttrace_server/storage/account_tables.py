"""The tables of who may do what: accounts, projects, credentials, and what was done with them.

A password is stored as an Argon2id hash, every other credential as its SHA-256: whoever reads the
database can use none of them.
"""

from __future__ import annotations

from typing import ClassVar, Final

from sqlalchemy import BigInteger, Index, Integer
from sqlmodel import Field, SQLModel

from agenttrace_server.storage.tables import table_of

BIG_SERIAL: Final = BigInteger().with_variant(Integer(), "sqlite")
"""SQLite counts up only a column that it calls INTEGER."""


class ProjectRow(SQLModel, table=True):
    """What keeps runs apart: who is in one sees nothing of another."""

    __tablename__ = "project"

    project_id: str = Field(primary_key=True)
    slug: str = Field(unique=True)
    name: str
    created_ns: int = Field(sa_type=BigInteger)


class AccountRow(SQLModel, table=True):
    """A person."""

    __tablename__ = "account"

    account_id: str = Field(primary_key=True)
    email: str = Field(unique=True)
    """In small letters: the same address in other letters is the same account."""
    password_hash: str
    is_operator: bool
    is_disabled: bool
    token_version: int
    """Tokens of an older one are no longer taken."""
    created_ns: int = Field(sa_type=BigInteger)
    last_login_ns: int | None = Field(sa_type=BigInteger)


class MembershipRow(SQLModel, table=True):
    """The one role of an account in a project."""

    __tablename__ = "membership"
    __table_args__: ClassVar = (Index("membership_by_project", "project_id", "account_id"),)

    account_id: str = Field(primary_key=True)
    project_id: str = Field(primary_key=True)
    role: str


class ApiKeyRow(SQLModel, table=True):
    """A key of a program, for one project."""

    __tablename__ = "api_key"
    __table_args__: ClassVar = (Index("api_key_by_project", "project_id", "created_ns"),)

    key_id: str = Field(primary_key=True)
    project_id: str
    name: str
    scope: str
    secret_sha256: str
    prefix: str
    """How the key begins, to be told apart by."""
    created_by: str
    """The e-mail address of who made it."""
    created_ns: int = Field(sa_type=BigInteger)
    expires_ns: int | None = Field(sa_type=BigInteger)
    last_used_ns: int | None = Field(sa_type=BigInteger)
    revoked_ns: int | None = Field(sa_type=BigInteger)


class RefreshTokenRow(SQLModel, table=True):
    """A token that may be exchanged once. Those of one login are a family."""

    __tablename__ = "refresh_token"
    __table_args__: ClassVar = (
        Index("refresh_token_by_family", "family_id"),
        Index("refresh_token_by_account", "account_id"),
        Index("refresh_token_by_end", "expires_ns"),
    )

    token_sha256: str = Field(primary_key=True)
    family_id: str
    account_id: str
    expires_ns: int = Field(sa_type=BigInteger)
    used_ns: int | None = Field(sa_type=BigInteger)
    revoked_ns: int | None = Field(sa_type=BigInteger)
    address: str | None
    """Whom it was given to. None: before that was kept."""
    agent: str | None
    """What that client called itself."""


class RevokedTokenRow(SQLModel, table=True):
    """An access token, or all of one login, that are taken no longer."""

    __tablename__ = "revoked_token"
    __table_args__: ClassVar = (Index("revoked_token_by_end", "expires_ns"),)

    jti: str = Field(primary_key=True)
    """The id of a token, or of a login."""
    expires_ns: int = Field(sa_type=BigInteger)
    """After this it would not be taken anyway."""


class LoginAttemptRow(SQLModel, table=True):
    """A try to log in or register, by what the tries are counted."""

    __tablename__ = "login_attempt"
    __table_args__: ClassVar = (
        Index("login_attempt_by_name", "kind", "name", "at_ns"),
        Index("login_attempt_by_time", "at_ns"),
    )

    attempt_id: str = Field(primary_key=True)
    kind: str
    name: str
    at_ns: int = Field(sa_type=BigInteger)


class AuditRow(SQLModel, table=True):
    """Something that was done, by whom. Rows are added, and never changed."""

    __tablename__ = "audit"
    __table_args__: ClassVar = (
        Index("audit_by_project", "project_id", "position"),
        {"sqlite_autoincrement": True},
    )

    position: int | None = Field(default=None, primary_key=True, sa_type=BIG_SERIAL)
    at_ns: int = Field(sa_type=BigInteger)
    project_id: str | None
    """None: of the server, not of one project."""
    actor_kind: str
    actor_id: str
    actor_name: str
    action: str
    target: str
    address: str
    request_id: str


PROJECT: Final = table_of(ProjectRow)
ACCOUNT: Final = table_of(AccountRow)
MEMBERSHIP: Final = table_of(MembershipRow)
API_KEY: Final = table_of(ApiKeyRow)
REFRESH_TOKEN: Final = table_of(RefreshTokenRow)
REVOKED_TOKEN: Final = table_of(RevokedTokenRow)
LOGIN_ATTEMPT: Final = table_of(LoginAttemptRow)
AUDIT: Final = table_of(AuditRow)
metadata: Final = SQLModel.metadata
"""Of all tables, these and the ones of `storage.tables` and `storage.usage_tables`."""
